# What operators were told: each yellow period of a group in the audit, of the
# last ones that are kept, has its one incident, from its first moment to its
# last, and in the end, when all is well again, none is open.

package OSCP::Torture::Incidents;

use strict;
use warnings;

use OSCP::Torture::Facts;

use constant KEEP => 1000;      # WORKER_INCIDENT_KEEP

sub check {
    my ($class, $facts, $found) = @_;
    my $stage = $facts->stage;
    my $count = 0;

    for my $shard (0 .. $stage->SHARDS - 1) {
        my @incidents = _incidents($stage, $shard);
        $count += @incidents;
        $found->(incident => $facts->{end}, "open in the end: $_->{group}:"
            . " $_->{title}") for grep { !$_->{resolved_at} } @incidents;
        for my $g (grep { $_->{shard} == $shard } $stage->groups) {
            my $want = join ', ', _last(map { join ' to ', @$_ }
                _periods($facts, $g));
            my $have = join ', ', _last(map {
                "$_->{opened_at} to " . ($_->{resolved_at} // '') }
                grep { $_->{reason} =~ /^(?:liveness_lost|forecast_gap)$/
                && $_->{group} eq $g->{group} } @incidents);
            $found->(incident => $facts->{end}, "$g->{group} was yellow from"
                . " $want, its incidents are from $have") if $want ne $have;
        }
    }
    return { incidents => $count };
}

# Those that are kept, in the order of time.
sub _last {
    my @all = sort @_;

    return @all > KEEP ? @all[-KEEP() .. -1] : @all;
}

sub _incidents {
    my ($stage, $shard) = @_;
    my $keys = $stage->redis->command('KEYS',
        $stage->can('key')->($shard, 'incident:*'));

    return map { $stage->redis->hash($_) } @$keys;
}

# The times in which a group was yellow, by the audit.
sub _periods {
    my ($facts, $g) = @_;
    my (@periods, $yellow);

    for my $e (grep { $_->{event} eq 'envelope' && $_->{group} eq $g->{group} }
        $facts->events($g->{shard}))
    {
        my $now = $e->{data}{mode} eq 'fallback';
        push @periods, [$e->{at}, ''] if $now && !$yellow;
        $periods[-1][1] = $e->{at} if !$now && $yellow;
        $yellow = $now;
    }
    return @periods;
}

1;
