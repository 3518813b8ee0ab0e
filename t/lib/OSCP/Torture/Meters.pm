# The site's meters, in a process of its own: every asset has a register that
# grows, is read twice a second and is reset now and then.  The samples of a
# connection are posted to nginx in their order, each post again and again
# under its own X-Request-ID until it was answered 204: in the end all of them
# have been stored, exactly once.

package OSCP::Torture::Meters;

use strict;
use warnings;

use HTTP::Tiny;
use JSON::XS ();
use Time::HiRes qw(sleep time);

use OSCP::Torture::Journal;
use OSCP::Torture::Load;

use constant {
    EVERY   => 0.5,       # s between samples
    TIMEOUT => 1,         # s for an answer
    DRAIN   => 30,        # s to deliver what waits in the end
    BATCH   => 40,        # samples in a post, at most
};

my $json = JSON::XS->new->canonical;

# run(stage =>, seed =>): until SIGTERM, which ends it when all is delivered.
sub run {
    my (%o) = @_;
    my $stage = $o{stage};
    my $self = bless { %o, journal =>
        OSCP::Torture::Journal->create($stage->dir . '/load-meters'),
        http => HTTP::Tiny->new(timeout => TIMEOUT) }, __PACKAGE__;
    my ($parent, $until) = (getppid, 0);

    srand $o{seed};
    local $SIG{TERM} = sub { $until ||= time + DRAIN };
    my @assets = _assets($stage);
    while (getppid == $parent) {
        last if $until && (time > $until
            || !grep { @$_ } values %{$self->{queues}});
        my $begun = time;
        $self->_read(@assets) if !$until;
        $self->_deliver($_) for sort keys %{$self->{queues}};
        my $left = $begun + EVERY - time;
        sleep $left if $left > 0;
    }
    return;
}

# Two assets for each second group.
sub _assets {
    my ($stage) = @_;

    return map { my $g = $_; map { { conn => $g->{conn}, group => $g->{group},
        asset => "$g->{group}-CH$_", wh => int rand 1e6 } }
        1 .. ($g->{group} =~ /2$/ ? 2 : 1) } $stage->groups;
}

sub _read {
    my ($self, @assets) = @_;
    my $at = int(time * 1000) / 1000;

    for my $asset (@assets) {
        next if rand() < 0.03;
        $asset->{wh} = rand() < 0.004 ? int rand 10 : $asset->{wh}
            + int rand 60;
        push @{$self->{queues}{$asset->{conn}}}, {
            group => $asset->{group}, asset => $asset->{asset},
            at => OSCP::Torture::Load::rfc3339($at),
            power_w => int rand 60_000, energy_import_wh => $asset->{wh} };
    }
    return;
}

# What waits, the oldest first; the rest when that has been answered.
sub _deliver {
    my ($self, $conn) = @_;
    my $queue = $self->{queues}{$conn};
    my $post = $self->{posts}{$conn};

    if (!$post) {
        return if !@$queue;
        my $n = @$queue < BATCH ? @$queue : BATCH;
        $post = $self->{posts}{$conn} = { n => $n,
            id => "m-$conn-" . ++$self->{last},
            body => $json->encode([@$queue[0 .. $n - 1]]) };
    }
    my $answer = $self->{http}->post(
        "$self->{stage}{door_site}/$conn", { content => $post->{body},
            headers => { 'Content-Type' => 'application/json',
                'X-Request-ID' => $post->{id} } });
    return if $answer->{status} != 204 && $answer->{status} != 403;

    # Of a group that is out of service nothing is taken.
    my @done = splice @$queue, 0, $post->{n};
    $self->{journal}->add(what => 'samples', conn => $conn, list => \@done,
        id => $post->{id}) if $answer->{status} == 204;
    delete $self->{posts}{$conn};
    return;
}

1;
