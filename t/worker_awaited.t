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

# Holds the worker from before a moment until after it, and does something
# meanwhile, behind more messages than are read at once.
sub held_over {
    my ($until, $meanwhile) = @_;

    sleep 0.1 while time < $until - HELD;
    kill 'STOP', $direct->worker->pid;
    $redis->command('EVAL', <<'LUA', 1, $direct->key('in'),
for i = 1, 300 do
  redis.call('XADD', KEYS[1], '*', 'conn', 'other', 'msg', 'heartbeat',
    'at', ARGV[1], 'req', ARGV[1] .. i, 'body', ARGV[2])
end
LUA
        OSCP::Direct::at(time), '{"offline_mode_at":"2040-01-01T00:00:00Z"}');
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

subtest 'segments that came too late' => sub {
    $direct->worker->kill;
    segment(1, 'l-1', time - 110);
    segment(2, 'l-2', time - 10, 'l-1');
    $direct->worker->restart;
    ok(wait_for(sub { $direct->events('segment_expired') }),
        'are read together, and yet the first one was over');
    is(($direct->events('segment_expired'))[0]{data}{req}, 'l-1', 'by its id');
    is($direct->hash('forecast:vector:DEPOT01:CONSUMPTION')->{req}, 's-1',
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
done_testing();
