#!/usr/bin/env perl
#
# Goal: Redis may be away at start, go away, hang, restart or be slow: never a
# 204 for what is not stored, a bounded wait, every row of the status table
# that needs no Redis as ever, and service again by itself.

use strict;
use warnings;

use FindBin qw($Bin);
use Test::More;
use Time::HiRes qw(sleep time);

use lib "$Bin/lib";
use OSCP::Door;
use OSCP::Process qw(slow wait_for);

my $door = OSCP::Door->new(main => 'oscp_redis_timeout 500ms;');
my $redis = $door->redis;
my $refusal = '{"message":"the message could not be stored; try again"}';

sub refused {
    my ($name, @request) = @_;
    my $began = time;
    my $response = $door->post(@request ? @request : ('heartbeat', '{}'));

    is($response->{status}, 503, "$name: 503");
    is($response->{headers}{'retry-after'}, 5, 'with Retry-After');
    is($response->{body}, $refusal, 'and a body');
    return time - $began;
}

sub recovers {
    my ($name) = @_;

    ok(wait_for(sub { $door->post('heartbeat', '{}')->{status} == 204 }, 15),
        "$name: stored again");
    return;
}

# Rows that need no Redis.
sub rows {
    my ($name) = @_;
    my $forecast = '{"group_id":"%s","type":"CONSUMPTION","forecasted_blocks":'
        . '[{"capacity":1,"phase":"ALL","unit":"KW","start_time":'
        . '"2026-01-01T00:00:00Z","end_time":"2026-01-01T01:00:00Z"}]}';
    my @rows = (
        [401, 'heartbeat', '{}', 'fp-id: no'],
        [404, 'nothing', '{}'],
        [415, 'heartbeat', '{}', 'Content-Type: a/b'],
        [400, 'heartbeat', '{}', 'X-Request-ID: a b'],
        [400, 'heartbeat', '{'],
        [404, 'update_group_capacity_forecast', sprintf $forecast, 'NONE'],
        [503, 'update_group_capacity_forecast', sprintf $forecast, 'DEPOT01'],
    );

    for my $row (@rows) {
        my ($status, @request) = @$row;
        is($door->post(@request)->{status}, $status, "$name: row $status");
    }
    return;
}

subtest 'Redis is away at start' => sub {
    $redis->stop;
    is(($door->check)[0], 0, 'nginx -t needs none');
    $door->nginx->start;
    refused('away');
    rows('away');
    $redis->start;
    recovers('started');
    ok($door->version, 'and the configuration is published');
};

subtest 'Redis stops' => sub {
    $redis->stop;
    # This test itself may be held up once, or twice.
    my ($least) = sort { $a <=> $b } map { refused('stopped') } 1 .. 3;
    cmp_ok($least, '<', 0.4, 'refused at once');
    rows('stopped');
    $redis->start;
    recovers('started');
};

subtest 'Redis is killed in mid-request' => sub {
    for my $signal (qw(KILL TERM)) {
        $redis->process->signal('STOP');
        my @sockets = map { $door->connect } 1 .. 20;
        print {$_} $door->request('heartbeat', '{}') for @sockets;
        sleep 0.05;
        $redis->stop('KILL');
        my @answers = map { OSCP::Door::response($_)->{status} } @sockets;
        is_deeply(\@answers, [(503) x 20], 'each gets its 503');
        $redis->start;
        recovers('restarted');
    }
};

subtest 'Redis hangs' => sub {
    $redis->process->signal('STOP');
    my $waited = refused('hangs');
    cmp_ok($waited, '>=', 0.4, 'after the timeout');
    cmp_ok($waited, '<', 5 * slow(), 'and not much later');
    $redis->process->signal('CONT');
    recovers('goes on');
};

subtest 'a message that was not answered may be repeated' => sub {
    my @id = ('X-Request-ID: repeated');
    my $before = $door->stored;
    $redis->process->signal('STOP');
    refused('hangs', 'heartbeat', '{}', @id);
    $redis->process->signal('CONT');
    recovers('goes on');
    is($door->post('heartbeat', '{}', @id)->{status}, 204, 'repeated');
    my @entries = grep { $_->{req} eq 'repeated' }
        $redis->stream('oscp:{0}:in');
    is(scalar @entries, 1, 'stored once');
};

subtest 'a script that runs too long' => sub {
    # The server is busy for longer than our timeout, then goes on.
    my $client = OSCP::Redis->new(dir => $door->dir);
    my $pid = fork() // die $!;
    if ($pid == 0) {
        eval { $client->command('EVAL', 'local t = redis.call("TIME")'
            . ' repeat local n = redis.call("TIME")'
            . ' until (n[1] - t[1]) * 1000000 + n[2] - t[2] > 4000000', 0) };
        POSIX::_exit(0);
    }
    ok(wait_for(sub { $door->post('heartbeat', '{}')->{status} == 503 }, 15),
        'refused');
    waitpid $pid, 0;
    recovers('done');
};

subtest 'connections cut by Redis' => sub {
    for (1 .. 5) {
        $redis->command('CLIENT', 'KILL', 'TYPE', 'normal');
        recovers('cut');
    }
};

subtest 'Redis that only reads' => sub {
    $redis->command('REPLICAOF', '127.0.0.1', '1');
    ok(wait_for(sub { $door->post('heartbeat', '{}')->{status} == 503 }, 15),
        'refused');
    $redis->command('REPLICAOF', 'NO', 'ONE');
    recovers('writes again');
};

subtest 'many outages leave nothing behind' => sub {
    my ($pid) = $door->nginx->children;
    my $count = sub { my @fds = glob "/proc/$pid/fd/*"; scalar @fds };
    my $before = $count->();
    for (1 .. 10) {
        $redis->command('CLIENT', 'KILL', 'TYPE', 'normal');
        recovers('cut');
    }
    ok(wait_for(sub { $count->() <= $before + 1 }, 15), 'no descriptor');
    is(($door->nginx->children)[0], $pid, 'no other process');
};

like($door->nginx->log_text, qr/\[error\].*oscp: Redis at unix:.*trying again/,
    'an outage is logged');
like($door->nginx->log_text, qr/\[notice\].*oscp: Redis at unix:.* is back/,
    'and its end');

$door->finish;
done_testing();
