# What happened, one JSON object a line, written by one process and read by the
# checker when all is over.

package OSCP::Torture::Journal;

use strict;
use warnings;

use Fcntl qw(O_APPEND O_CREAT O_WRONLY);
use JSON::XS ();
use Time::HiRes qw(time);

my $json = JSON::XS->new->canonical;

sub create {
    my ($class, $file) = @_;

    sysopen my $fh, $file, O_WRONLY | O_CREAT | O_APPEND or die "$file: $!\n";
    return bless { fh => $fh, file => $file }, $class;
}

# add(what => …): `t`, the time, is added unless it is given.
sub add {
    my ($self, %entry) = @_;

    $entry{t} //= time;
    my $line = $json->encode(\%entry) . "\n";
    syswrite($self->{fh}, $line) == length $line
        or die "$self->{file}: $!\n";
    return;
}

# All entries of files, in their order.  A line that a killed writer has left
# half is no entry.
sub entries {
    my ($class, @files) = @_;
    my @entries;

    for my $file (@files) {
        open my $fh, '<', $file or next;
        while (my $line = <$fh>) {
            my $entry = eval { $json->decode($line) } or next;
            push @entries, $entry;
        }
    }
    return @entries;
}

1;
