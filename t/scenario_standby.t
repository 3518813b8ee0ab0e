#!/usr/bin/env perl
#
# Goal: two workers, one shard.  Only the owner of the lease acts; killed with
# -9 it is followed within twice the lease, ended by SIGTERM at once.  The
# peer notices nothing: heartbeats come in time, blocks change at theirs.

use strict;
use warnings;

use FindBin qw($Bin);
use Test::More;

use lib "$Bin/lib", "$Bin/cp/lib";
use CP::Clock qw(real_ms time_ms);
use OSCP::Process qw(slow wait_for);
use OSCP::Stack;

use constant LEASE_S => 5;

my $stack = OSCP::Stack->start(workers => 2, heartbeat => '30s');
my $cp = $stack->cp;

# Index of the worker that owns the shard, or undef.
sub owner {
    my $lease = $stack->redis->command('GET', $stack->key('lease')) // '';
    my ($pid) = $lease =~ /^[^:]*:(\d+):/;

    return (grep { defined $pid && $stack->worker($_)->pid == $pid } 0, 1)[0];
}

sub next_owner {
    my ($other) = @_;
    my $found = wait_for(sub { my $now = owner();
        defined $now && $now == $other ? 1 : 0 }, 3 * LEASE_S);

    return $found;
}

ok(wait_for(sub { defined owner() }, 10), 'one owns the shard');
$cp->command('heartbeats on ahead=1h');
# Every 6 s a heartbeat that promises 18.
ok($stack->go_online(6), 'online');
my $first = owner();
my $second = 1 - $first;
my $change = 7 * slow();
$cp->command("forecast group=DEPOT01 block=-1m/+${change}s/120/KW/ALL"
    . " block=+${change}s/+1h/80/KW/ALL expect=204");
ok($stack->wait_circuit('incomer-1', { available_capacity_w => 120000 }),
    'a forecast holds');

subtest 'the owner is killed' => sub {
    my $killed = real_ms();
    $stack->worker($first)->kill('KILL');
    $cp->command('forecast group=DEPOT01 type=OPTIMUM kw=50 length=1h'
        . ' start=-1m id=gap expect=204');
    ok(next_owner($second), 'the standby takes over');
    cmp_ok(real_ms() - $killed, '<', 2000 * LEASE_S * slow(),
        'within twice the lease');
    ok($stack->wait_hash('forecast:vector:DEPOT01:OPTIMUM', { req => 'gap' }),
        'what came in between takes effect');
    ok($stack->wait_circuit('incomer-1', { available_capacity_w => 80000 },
        $change + 5), 'the next block comes');
    is($stack->connection->{state}, 'online', 'still online');
};

subtest 'the owner is ended by SIGTERM' => sub {
    $stack->worker($first)->restart;
    # It must have tried to take the lease before it can be called a standby.
    ok(!wait_for(sub { owner() != $second }, 2), 'the lease is not taken');
    my $ended = real_ms();
    is($stack->worker($second)->stop, 0, 'ended clean');
    ok(next_owner($first), 'the standby takes over');
    cmp_ok(real_ms() - $ended, '<', 1000 * LEASE_S * slow(),
        'without waiting for the lease to run out');
    $cp->command('forecast group=DEPOT01 kw=70 length=1h start=-1m expect=204');
    ok($stack->wait_circuit('incomer-1', { available_capacity_w => 70000 }),
        'and acts');
};

ok($cp->command('mark', 'expect heartbeat within=20s'), 'heartbeats go on');
is_deeply([map { $_->{note} } $cp->records(dir => 'note')], [],
    'no promise of ours ran out');
my %beats;
$beats{$_->{id}}++ for $cp->records(dir => 'in', message => 'heartbeat');
is_deeply([grep { $beats{$_} > 1 } keys %beats], [], 'none came twice');
my @times = map { $_->{data}{req} // () } $stack->events('forecast');
is(scalar(grep { $_ eq 'gap' } @times), 1, 'the message took effect once');

$stack->finish;
done_testing();
