#!/usr/bin/env perl
#
# Goal: everything may be restarted while the connection is online.  Redis:
# refused with 503 while it is away, nothing lost, and the path goes on.
# nginx: reloads under load lose and refuse no message.  The worker:
# heartbeats go on in time and the decision holds at once.

use strict;
use warnings;

use FindBin qw($Bin);
use Test::More;

use lib "$Bin/lib", "$Bin/cp/lib";
use CP::Clock qw(real_ms time_ms);
use OSCP::Process qw(slow wait_for);
use OSCP::Stack;

my $stack = OSCP::Stack->start(heartbeat => '30s', nginx_workers => 2);
my $cp = $stack->cp;
my $redis = $stack->redis;

# We are to beat every 3 s, each time promising 9: the simulator notes it when
# we let a promise run out.
$cp->command('heartbeats on ahead=1h');
ok($stack->go_online(3), 'online');
$cp->command('forecast group=DEPOT01 kw=120 length=1h start=-1m id=f-0'
    . ' expect=204');
ok($stack->wait_circuit('incomer-1', { available_capacity_w => 120000 }),
    'a forecast holds');

# Every process of nginx has its own way to Redis; the log tells how each fares.
sub all_back {
    my %last;

    for my $line (split /^/, $stack->nginx->log_text) {
        $last{$1} = $2 if $line =~ /(\d+)#\d+: oscp: Redis at .*(again|back)/;
    }
    return !grep { ($last{$_} // '') eq 'again' } $stack->nginx->children;
}

subtest 'Redis restarts' => sub {
    for my $signal (qw(TERM KILL)) {
        my $value = $stack->circuit->{available_capacity_w};
        $redis->stop($signal);
        my $result = $cp->command('forecast group=DEPOT01 kw=1 length=1h');
        is($result->{status}, 503, "$signal: refused while it is away");
        is($result->{retry_after}, 5, 'with Retry-After');
        $redis->start;
        is($stack->circuit->{available_capacity_w}, $value,
            'the value was kept');
        ok(wait_for(sub { ($cp->command('heartbeat')->{status} // 0) == 204 },
            20), 'nginx is back');
        my $kw = $value / 1000 - 10;
        ok(wait_for(\&all_back, 20), 'each of its processes');
        ok(wait_for(sub { ($cp->command("forecast group=DEPOT01 kw=$kw"
            . " length=1h start=-1m id=f-$signal")->{status} // 0) == 204 },
            20), 'it stores');
        ok($stack->wait_circuit('incomer-1',
            { available_capacity_w => $kw * 1000 }, 20),
            'and so is the worker');
    }
    is($stack->connection->{state}, 'online', 'still online');
};

subtest 'nginx reloads under load' => sub {
    my $count = 400;
    $cp->command('mark', 'forecast group=DEPOT01 w={n} id=r-{n} length=1h'
        . " start=-1m count=$count parallel=2 close nowait");
    for (1 .. 3) {
        ok($stack->nginx->reload, 'reloaded');
    }
    my @sent;
    wait_for(sub { @sent = grep { $_->{id} =~ /^r-/ } $cp->records(dir => 'out',
        message => 'update_group_capacity_forecast'); @sent >= $count }, 30);
    is(scalar @sent, $count, 'all were sent');
    my @bad = grep { ($_->{status} // 0) != 204 } @sent;
    is(scalar @bad, 0, 'none was refused') or diag(explain($bad[0]));
    ok(wait_for(sub { $redis->command('XLEN', $stack->key('in')) == 0 }, 20),
        'all are settled');
    my %times;
    $times{$_->{data}{req}}++ for $stack->events('forecast');
    is_deeply([grep { ($times{"r-$_"} // 0) != 1 } 1 .. $count], [],
        'each took effect once');
};

subtest 'the worker restarts' => sub {
    my $length = 4 + 3 * slow();
    $cp->command('forecast group=DEPOT01 id=f-9 expect=204'
        . " block=-1m/+${length}s/90/KW/ALL block=+${length}s/+1h/70/KW/ALL");
    ok($stack->wait_circuit('incomer-1', { available_capacity_w => 90000 }),
        'a value that will change');
    is($stack->worker->stop, 0, 'ended clean');
    is($stack->circuit->{available_capacity_w}, 90000, 'the value stays');
    my $from = real_ms();
    my $sent_at = $stack->connection->{heartbeat_sent_at};
    $stack->worker->restart;
    ok(wait_for(sub { time_ms($stack->circuit->{valid_until}) > $from + 2000 },
        10), 'it is renewed');
    ok($stack->wait_circuit('incomer-1', { available_capacity_w => 70000 }),
        'the next block comes at its time');
    is($stack->connection->{state}, 'online', 'still online');
    ok(wait_for(sub { $stack->connection->{heartbeat_sent_at} ne $sent_at },
        10), 'heartbeats go on');
};

my @late = $cp->records(dir => 'note');
is_deeply([map { $_->{note} } @late], [], 'no promise of ours ran out');
my @handshakes = grep { $_->{data}{to} eq 'offline'
    && $_->{data}{from} eq 'online' } $stack->events('state');
is(scalar @handshakes, 0, 'the connection was never offline');

$stack->finish;
done_testing();
