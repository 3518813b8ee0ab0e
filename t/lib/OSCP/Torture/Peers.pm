# What the peers saw of us: heartbeats that keep what they promised, and who
# owned a shard when.

package OSCP::Torture::Peers;

use strict;
use warnings;

use List::Util qw(max);

use OSCP::Process qw(slow);
use OSCP::Torture::Facts;
use OSCP::Torture::Schedule;

use constant {
    LATE  => 0.3 * slow(),  # s
    LEASE => 5,             # s
    MADE  => 4,             # s before a heartbeat came: when it was made
};

sub check {
    my ($class, $facts, $found) = @_;
    my $self = bless { facts => $facts, found => $found,
        health => $facts->health, count => { beats => 0, owners => 0 } },
        $class;

    $self->_beats($_->{name}) for @OSCP::Torture::Schedule::CONNECTIONS;
    for my $shard (0 .. $facts->stage->SHARDS - 1) {
        $self->_leases($shard);
        $self->_writes($shard);
        $found->(takeover => $_->[1], sprintf 'shard %d had no owner for'
            . ' %.1f s after all was in order', $shard, $_->[1] - $_->[0])
            for $self->{health}->orphaned($shard);
    }
    $self->{count}{fenced} = $facts->fenced;
    return $self->{count};
}

# No heartbeat was promised later than it was sent.
sub _beats {
    my ($self, $conn) = @_;
    my $shard = $self->{facts}->stage->can('shard')->($conn);
    my @beats = grep { $_->{message} eq 'heartbeat' }
        $self->{facts}->peer($conn, 'in');
    my %seen;

    for my $i (0 .. $#beats) {
        my $beat = $beats[$i];
        my $promise = OSCP::Torture::Facts::seconds(
            $beat->{json}{offline_mode_at}) // 0;
        $self->{count}{beats}++;
        $self->{found}->(beat => $beat->{t}, "$conn: " . join ', ',
            @{$beat->{errors}}) if !$beat->{valid}
            && $self->_calm($shard, $conn, $beat->{t} - 10, $beat->{t});
        next if $i == $#beats;
        my $next = $beats[$i + 1];
        next if $next->{t} <= $promise + LATE;
        # Also the time in which it was made must have been one of order.
        next unless $self->_calm($shard, $conn, $beat->{t} - MADE,
            max $promise, $beat->{t});
        $self->{found}->(beat => $next->{t}, sprintf '%s: the heartbeat of %s'
            . ' promised the next by %s, which came at %s', $conn,
            $beat->{at}, $beat->{json}{offline_mode_at}, $next->{at});
    }
    return;
}

# Nothing that explains a missing heartbeat happened, and we were online.
sub _calm {
    my ($self, $shard, $conn, $from, $until) = @_;

    return 0 unless $self->{health}->healthy($shard, $from, $until)
        && !$self->{health}->disturbed($from, $until, $conn)
        && $self->{health}->true_clock($from, $until);
    for my $sample ($self->{facts}->samples($shard)) {
        next if $sample->{at} < $from;
        last if $sample->{at} > $until;
        return 0 if $sample->{conns}{$conn}[0] ne 'online'
            || ($sample->{lag} // 0) > LATE;
    }
    return 1;
}

# What a worker decided may be written while the lease of that moment lasts,
# and no longer: later it is another's to decide.
sub _writes {
    my ($self, $shard) = @_;

    for my $e ($self->{facts}->events($shard)) {
        next if $e->{by} ne 'worker' || $e->{event} eq 'sample_refused';
        my $at = OSCP::Torture::Facts::seconds($e->{at}) // next;
        next if $e->{t} <= $at + LEASE + LATE
            || !$self->{health}->true_clock($at - 1, $e->{t});
        $self->{found}->(fence => $e->{t}, sprintf '%s of %s, decided at %s,'
            . ' was written %.1f s later, behind the end of its lease',
            $e->{event}, join(' ', grep { defined } @$e{qw(conn group)}),
            $e->{at}, $e->{t} - $at);
    }
    return;
}

# Fencing tokens only grow, and each has one owner.
sub _leases {
    my ($self, $shard) = @_;
    my ($last, %owner) = (0);

    for my $sample ($self->{facts}->samples($shard)) {
        my ($id, $token) = split / /, $sample->{lease} or next;
        $owner{$token} //= $id;
        $self->{found}->(lease => $sample->{at}, "shard $shard: token $token"
            . " of $id after $last") if $token < $last;
        $self->{found}->(lease => $sample->{at}, "shard $shard: token $token"
            . " is $id\'s and $owner{$token}\'s") if $owner{$token} ne $id;
        $last = $token;
    }
    $self->{count}{owners} += keys %owner;
    return;
}

1;
