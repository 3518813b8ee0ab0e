#!/usr/bin/env perl
#
# Goal: the Redis users of conf/ may do what their program needs, which every
# scenario shows, and nothing else, which this test shows.

use strict;
use warnings;

use File::Temp qw(tempdir);
use FindBin qw($Bin);
use Test::More;

use lib "$Bin/lib";
use OSCP::Redis;
use OSCP::Stack;

my $dir = tempdir('oscp-users-XXXXXX', TMPDIR => 1, CLEANUP => 1);
my $redis = OSCP::Redis->new(dir => $dir)->start;

# What a user gets for a command: its reply, or the error's first word.
sub try_as {
    my ($user, @words) = @_;

    $redis->command('AUTH', $user, OSCP::Redis::password($user));
    my $reply = eval { $redis->command(@words) };
    return $@ ? ($@ =~ /^redis: (\w+)/)[0] // $@ : $reply // 'nil';
}

my @allowed = (
    ['oscp-nginx', qw(XADD oscp:{0}:in * conn a)],
    ['oscp-nginx', qw(HSET oscp:config version 1)],
    ['oscp-worker', qw(HSET oscp:{0}:conn:a state online)],
    ['oscp-worker', qw(XADD oscp:{0}:events * event state)],
    ['oscp-operator', qw(HGETALL oscp:{0}:conn:a)],
    ['oscp-operator', qw(XADD oscp:{0}:cmd * op connect)],
    ['oscp-reader', qw(HGETALL oscp:{0}:conn:a)],
    ['oscp-reader', qw(XRANGE oscp:{0}:events - +)],
);

my @denied = (
    (map { my $user = $_; map { [$user, @$_] } [qw(FLUSHALL)],
        [qw(CONFIG GET *)], [qw(KEYS *)], [qw(GET other)], [qw(SET other 1)],
        [qw(ACL LIST)], [qw(SHUTDOWN)], [qw(SUBSCRIBE x)],
        [qw(DEBUG SLEEP 1)], [qw(REPLICAOF NO ONE)], [qw(MONITOR)]
    } qw(oscp-nginx oscp-worker oscp-operator oscp-reader)),
    ['oscp-operator', qw(HSET oscp:{0}:conn:a state online)],
    ['oscp-operator', qw(XADD oscp:{0}:in * conn a)],
    ['oscp-operator', qw(XADD oscp:{0}:events * event state)],
    ['oscp-operator', qw(DEL oscp:{0}:cmd)],
    ['oscp-reader', qw(XADD oscp:{0}:cmd * op connect)],
    ['oscp-reader', qw(SET oscp:{0}:lease me)],
    ['oscp-nginx', 'EVAL', q(return redis.call('GET', 'other')), 0],
);

unlike(try_as(@$_), qr/^(?:NOPERM|ERR)/, "may: @$_") for @allowed;
like(try_as(@$_), qr/^(?:NOPERM|ERR)/, "may not: @$_") for @denied;
$redis->command('AUTH', 'default', 'any');
is($redis->command('GET', 'other') // 'nil', 'nil', 'and nothing has happened');

$redis->stop;

# The operator's command as its own user, against the whole.
my $stack = OSCP::Stack->start;
my $own = $stack->dir;
for my $command ('status', 'show vector', 'explain depot-1', 'incidents',
    'events', 'dead', 'adjust vector DEPOT01 --type GENERATION --capacity 1kW'
    . ' --until 2099-01-01T00:00:00Z', 'show DEPOT01', 'disable vector DEPOT01', 'enable vector DEPOT01')
{
    my $out = `$stack->{build}/oscpctl --redis unix:${\$stack->redis->socket} \\
        --redis-user oscp-operator \\
        --redis-password-file $own/oscp-operator.password $command 2>&1`;
    is($?, 0, "oscpctl $command") or diag($out);
}
$stack->finish;
done_testing();
