#!/usr/bin/env perl
#
# Goal: what was received in time counts, however late it is read.  A worker
# that was held while a deadline passed reads the stream before it judges:
# segments, the acknowledge of its handshake, heartbeats.  And what came too
# late does not count, however early it is read together with the rest.

use strict;
use warnings;

use FindBin qw($Bin);
use Test::More;
use Time::HiRes qw(sleep time);

use lib "$Bin/lib", "$Bin/cp/lib";
use CP::Clock qw(time_ms);
use OSCP::CP;
use OSCP::Direct;
use OSCP::Process qw(wait_for);

use constant {
    SOON => 6,        # s until a deadline
    HELD => 2.5,      # s before it the worker is held; 4 would be too long for
                      # its connections to Redis
};

my $direct = OSCP::Direct->start(arguments => ['--lease', '60s']);
my $redis = $direct->redis;
my $cp = OSCP::CP->new(dir => $direct->dir)->start;

$cp->command("accept token-file=$direct->{dir}/token header.fp-id=CP77",
    'acknowledges off', 'heartbeats off');
ok($direct->wait_applied($direct->publish(
    ours => { peer => $cp->url, handshake_timeout_ms => 1000 * SOON,
        heartbeat_interval_ms => 60000, groups => { DEPOT09 => {} } },
    vector => { heartbeat_interval_ms => 60000 },
    other => { groups => { DEPOT08 => {} } })), 'configured');

# More messages of somebody else than are read at once.
sub others {
    my ($to) = @_;

    $to->redis->command('EVAL', <<'LUA', 1, $to->key('in'),
for i = 1, 300 do
  redis.call('XADD', KEYS[1], '*', 'conn', 'other', 'msg', 'heartbeat',
    'at', ARGV[1], 'req', ARGV[1] .. i, 'body', ARGV[2])
end
LUA
        OSCP::Direct::at(time), '{"offline_mode_at":"2040-01-01T00:00:00Z"}');
    return;
}

# Holds the worker from before a moment until after it, and does something
# meanwhile, behind more messages than are read at once.
sub held_over {
    my ($until, $meanwhile) = @_;

    sleep 0.1 while time < $until - HELD;
    kill 'STOP', $direct->worker->pid;
    others($direct);
    $meanwhile->($until - HELD / 2);
    sleep 0.1 while time < $until + 0.2;
    kill 'CONT', $direct->worker->pid;
    return;
}

sub pending {
    return $redis->command('XPENDING', $direct->key('in'), 'oscp-worker')->[0];
}

sub segment {
    my ($index, $req, $at, $corr) = @_;

    return $direct->forecast('vector', 'DEPOT01', seg => "$index/2",
        req => $req, at => OSCP::Direct::at($at), corr => $corr // '',
        blocks => [[3600 * ($index - 1), 3600 * $index, 1000 * $index]]);
}

subtest 'segments' => sub {
    my $first = time - 60 + SOON;
    segment(1, 's-1', $first);
    ok(wait_for(sub { pending() == 1 }), 'the first one is read');
    held_over($first + 60, sub { segment(2, 's-2', $_[0], 's-1') });
    ok($direct->wait_hash('forecast:vector:DEPOT01:CONSUMPTION',
        { req => 's-1' }), 'the last one came in time');
    ok($direct->wait_settled, 'all are settled');
    is(() = $direct->events('segment_expired'), 0, 'none is given up');
};

# The second one's time is over while the first one's end is being judged: the
# take for that is held, and so is the worker then.
subtest 'another one meanwhile' => sub {
    my ($redis_pid) = map { $_->pid } $redis->processes;
    my $end = time + 4;
    my $late = $end + 1;
    segment(1, 'm-1', $end - 60);
    segment(1, 'n-1', $late - 60);
    ok(wait_for(sub { pending() == 2 }), 'two are begun');
    sleep 0.01 while time < $end - 0.2;
    kill 'STOP', $redis_pid;
    sleep 0.01 while time < $end + 0.15;
    kill 'STOP', $direct->worker->pid;
    kill 'CONT', $redis_pid;
    sleep 0.15;
    segment(2, 'n-2', $late - 0.3, 'n-1');
    sleep 0.01 while time < $late + 0.1;
    kill 'CONT', $direct->worker->pid;
    ok($direct->wait_hash('forecast:vector:DEPOT01:CONSUMPTION',
        { req => 'n-1' }), 'the second one is complete');
    is_deeply([map { $_->{data}{req} } $direct->events('segment_expired')],
        ['m-1'], 'the first one is not');
};

subtest 'segments that came too late' => sub {
    $direct->worker->kill;
    segment(1, 'l-1', time - 110);
    segment(2, 'l-2', time - 10, 'l-1');
    $direct->worker->restart;
    ok(wait_for(sub { $direct->events('segment_expired') == 2 }),
        'are read together, and yet the first one was over');
    is(($direct->events('segment_expired'))[1]{data}{req}, 'l-1', 'by its id');
    is($direct->hash('forecast:vector:DEPOT01:CONSUMPTION')->{req}, 'n-1',
        'without effect');
};

subtest 'the acknowledge of our handshake' => sub {
    $redis->command('XADD', $direct->key('cmd'), '*', op => 'connect',
        conn => 'ours', by => 'test');
    my ($conn, $deadline);
    ok(wait_for(sub { $conn = $direct->hash('conn:ours');
        $conn->{handshake_sent} }), 'the peer has it');
    $deadline = time_ms($conn->{handshake_deadline}) / 1000;
    held_over($deadline, sub { $direct->store('handshake_acknowledge',
        'ours', { required_behaviour => { heartbeat_interval => 30,
            measurement_configuration => ['INTERMITTENT'] } },
        corr => $conn->{handshake_req}, at => OSCP::Direct::at($_[0])) });
    ok($direct->wait_hash('conn:ours', { state => 'online' }),
        'it was received in time');
    is_deeply([map { $_->{data}{why} } $direct->events('ignored')], [],
        'nothing is ignored');
};

subtest 'a heartbeat' => sub {
    my $until = time + SOON;
    $direct->store('heartbeat', 'ours', { offline_mode_at =>
        OSCP::Direct::at($until) });
    ok(wait_for(sub { $direct->hash('conn:ours')->{offline_mode_at}
        eq OSCP::Direct::at($until) }), 'a promise');
    held_over($until, sub { $direct->store('heartbeat', 'ours',
        { offline_mode_at => OSCP::Direct::at(time + 3600) },
        at => OSCP::Direct::at($_[0])) });
    ok(wait_for(sub { $direct->hash('conn:ours')->{offline_mode_at}
        gt OSCP::Direct::at(time + 3000) }), 'it was received in time');
    is($direct->hash('conn:ours')->{state}, 'online', 'still online');
    is((grep { $_->{conn} eq 'ours' && $_->{data}{to} eq 'offline' }
        $direct->events('state')), 0, 'all the while');
};

$cp->stop;
$direct->finish;

# What comes while the state is loaded is behind what is caught up with.
subtest 'a heartbeat while the shard is loaded' => sub {
    my $big = OSCP::Direct->start(connections => { vector => {},
        other => { groups => { map { ("G$_" => { scope => "s$_",
            circuit => undef, asset => "A$_" }) } 1 .. 950 } } },
        arguments => ['--lease', '60s']);
    ok($big->worker->wait_running, 'it runs');
    $big->worker->stop;
    my $until = time + 4;
    $big->redis->command('HSET', $big->key('conn:vector'), state => 'online',
        since => OSCP::Direct::at(time), heartbeat_interval_expected => 60,
        handshake_at => OSCP::Direct::at(time), handshake_by => 'peer',
        offline_mode_at => OSCP::Direct::at($until));
    $big->worker->restart;
    my $worker = $big->worker;
    1 while $worker->process->log_text($worker->{from}) !~ /owns the shard/;
    sleep 0.03;
    kill 'STOP', $worker->pid;
    note('it was ' . ($worker->process->log_text($worker->{from}) =~ /running/
        ? 'not held in time' : 'held while it loaded'));
    others($big);
    $big->store('heartbeat', 'vector', { offline_mode_at =>
        OSCP::Direct::at($until + 3600) });
    sleep 0.05 while time < $until + 0.3;
    kill 'CONT', $worker->pid;
    ok($big->wait_settled, 'all is applied');
    is($big->hash('conn:vector')->{state}, 'online', 'still online');
    is((grep { $_->{conn} eq 'vector' && $_->{data}{to} eq 'offline' }
        $big->events('state')), 0, 'all the while');
    $big->finish;
};

# Else a circuit would be seen, and left by a worker that dies then, as the
# first message has made it and not as all of them do.
subtest 'what waited for a worker takes effect at once' => sub {
    my $alone = OSCP::Direct->start(connections => { vector => {} });
    ok($alone->wait_hash('circuit:incomer-1', { control => 'local' }), 'it runs');
    $alone->worker->kill;
    my $commits = $alone->hash('stats')->{commits};
    $alone->redis->command('XADD', $alone->key('cmd'), '*', op => $_,
        conn => 'vector', by => 'test') for qw(disconnect connect);
    $alone->forecast('vector', 'DEPOT01', type => 'FALLBACK_CONSUMPTION',
        blocks => [[-60, 3600, 77000]]);
    $alone->worker->restart;
    ok($alone->wait_hash('circuit:incomer-1', { control => 'fallback',
        available_capacity_w => 77000 }), 'a decision by all of it');
    cmp_ok($alone->hash('stats')->{commits} - $commits, '<=', 2, 'in one'
        . ' commit; one more is that of the handshake');
    $alone->finish;
};

done_testing();
