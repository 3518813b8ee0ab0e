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
    (map { ['oscp-reader', @$_] } [qw(HSET oscp:{0}:conn:a state online)],
        [qw(DEL oscp:{0}:events)], [qw(XDEL oscp:{0}:events 1-1)],
        [qw(XTRIM oscp:{0}:events MAXLEN 0)], [qw(EXPIRE oscp:config 1)],
        [qw(XGROUP CREATE oscp:{0}:cmd g 0)], [qw(HDEL oscp:config version)],
        [qw(EVAL return 0)], [qw(CLUSTER RESET)], [qw(PUBLISH x y)]),
    ['oscp-nginx', 'EVAL', q(return redis.call('GET', 'other')), 0],
);

unlike(try_as(@$_), qr/^(?:NOPERM|ERR)/, "may: @$_") for @allowed;
like(try_as(@$_), qr/^(?:NOPERM|ERR)/, "may not: @$_") for @denied;
# Nor as a part of something else.
is(try_as('oscp-reader', 'MULTI'), 'OK', 'a reader begins a transaction');
like(eval { $redis->command(qw(HSET oscp:config version 2)) } // $@,
    qr/NOPERM/, 'in which it may not write either');
like(eval { $redis->command('EXEC') } // $@, qr/EXECABORT/, 'so that it ends');
$redis->command('AUTH', 'default', 'any');
is($redis->command('HGET', 'oscp:config', 'version'), 1, 'as it began');
is($redis->command('GET', 'other') // 'nil', 'nil', 'and nothing has happened');

$redis->stop;

# oscpctl against the whole: the operator may do all of it, a reader look.
my $stack = OSCP::Stack->start;
my $own = $stack->dir;
my @looks = ('status', 'show vector', 'show DEPOT01', 'show incomer-1',
    'explain depot-1', 'explain depot-1 --at 2020-01-01T00:00:00Z', 'incidents',
    'events', 'dead');
my @orders = ('adjust vector DEPOT01 --type GENERATION --capacity 1kW'
    . ' --until 2099-01-01T00:00:00Z', 'disable vector DEPOT01',
    'enable vector DEPOT01');

sub ctl {
    my ($user, $command) = @_;

    return scalar `$stack->{build}/oscpctl --redis-user $user \\
        --redis @{[$stack->redis->address]} \\
        --redis-password-file $own/$user.password $command 2>&1`;
}

# The past before there was anything is not known, for whoever asks.
sub unknown {
    return $_[0] =~ /--at/ ? 1 : 0;
}

for my $user ('oscp-operator', 'oscp-reader') {
    for my $command (@looks, $user eq 'oscp-operator' ? @orders : ()) {
        my $out = ctl($user, $command);
        is($? >> 8, unknown($command), "$user: oscpctl $command") or diag($out);
        unlike($out, qr/NOPERM/, 'with its rights');
    }
}

# The stream of orders is empty between them; its last id stays.
sub last_order {
    return { @{$stack->redis->command('XINFO', 'STREAM', 'oscp:{0}:cmd')} }
        ->{'last-generated-id'};
}

my $last = last_order();
for my $command (@orders) {
    like(ctl('oscp-reader', $command), qr/NOPERM/,
        "oscp-reader: not oscpctl $command");
}
is(last_order(), $last, 'nothing was ordered');
$stack->finish;
done_testing();
