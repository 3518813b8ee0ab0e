# The simulator's idea of the time, which may be a lie, and the forms in which
# times and durations are read and written.

package CP::Clock;
use Mojo::Base -base, -signatures;

use Exporter qw(import);
use POSIX qw(floor strftime);
use Time::HiRes ();
use Time::Local qw(timegm_modern);

our @EXPORT_OK = qw(real_ms duration_ms time_ms utc);

has offset_ms    => 0;    # added to the real time in all that is sent
has zone_minutes => 0;    # offset in which times are written; 0: "Z"

my %UNIT_MS = (ms => 1, s => 1000, m => 60_000, h => 3_600_000,
    d => 86_400_000);

# The true time in milliseconds since 1970.
sub real_ms {
    return int(Time::HiRes::time() * 1000);
}

# "3s", "500ms", "-5m", "1.5h", "30" (seconds) as milliseconds; undef if the
# text is no duration.
sub duration_ms ($text) {
    return undef
        unless ($text // '') =~ /^([+-]?\d+(?:\.\d+)?)(ms|s|m|h|d)?$/;
    return int($1 * $UNIT_MS{$2 // 's'});
}

# An RFC 3339 date-time as milliseconds since 1970; undef if it is none.
sub time_ms ($text) {
    return undef unless ($text // '') =~ m{
        ^(\d{4})-(\d\d)-(\d\d) [Tt] (\d\d):(\d\d):(\d\d)(\.\d+)?
        (?:[Zz]|([+-])(\d\d):(\d\d))$ }x;
    my ($fraction, $sign, $hours, $minutes) = ($7, $8, $9, $10);
    my $s = eval {
        timegm_modern($6 == 60 ? 59 : $6, $5, $4, $3, $2 - 1, $1)
    };
    return undef unless defined $s;
    if ($sign) {
        return undef if $hours > 23 || $minutes > 59;
        $s -= ($sign eq '-' ? -1 : 1) * ($hours * 3600 + $minutes * 60);
    }
    return $s * 1000 + int(($fraction // 0) * 1000 + 0.5);
}

# RFC 3339 in UTC with milliseconds.
sub utc ($ms) {
    my $s = floor($ms / 1000);
    return strftime('%Y-%m-%dT%H:%M:%S', gmtime $s)
        . sprintf('.%03dZ', $ms - $s * 1000);
}

# The time the simulator pretends it is.
sub now_ms ($self) {
    return real_ms() + $self->offset_ms;
}

# A moment as it goes into a message; `naive`: without a zone (quirk H8).
sub format ($self, $ms, $naive = 0) {
    return strftime('%Y-%m-%d %H:%M:%S', localtime floor($ms / 1000))
        if $naive;
    my $zone = $self->zone_minutes or return utc($ms);
    my $text = utc($ms + $zone * 60_000);
    chop $text;
    return $text . sprintf('%s%02d:%02d', $zone < 0 ? '-' : '+',
        int(abs($zone) / 60), abs($zone) % 60);
}

1;
