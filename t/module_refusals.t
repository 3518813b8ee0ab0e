#!/usr/bin/env perl
#
# Goal: whatever makes Redis refuse, at whatever place of a transaction, a
# message is answered 503 and not 204, nothing of it is stored, and its retry
# under the same X-Request-ID is stored once: too few replicas, a replica, a
# disk that takes no snapshot, a full memory, a user who may not, a script that
# does not end.

use strict;
use warnings;

use FindBin qw($Bin);
use HTTP::Tiny;
use POSIX ();
use Test::More;

use lib "$Bin/lib";
use OSCP::Process qw(wait_for);
use OSCP::Redis;
use OSCP::Stack;

# The snapshot's place is taken: none can be made.
my $stack = OSCP::Stack->start(workers => 0, store => sub {
    mkdir $_ or die "$_: $!" for "$_[0]/redis", "$_[0]/redis/occupied";
    OSCP::Redis->new(dir => $_[0], appendfsync => 'no',
        arguments => ['--dbfilename', 'occupied'])->start });
my $redis = $stack->redis;
my $http = HTTP::Tiny->new(timeout => 10, default_headers => {
    'fp-id' => 'BF01', 'Content-Type' => 'application/json',
    Authorization => 'Token ' . OSCP::Stack::TOKEN_IN });
my ($stream, $stored) = ($stack->key('in'), 0);

sub beat {
    my ($req) = @_;

    return $http->post($stack->nginx->url('/oscp/fp/2.0/heartbeat'), {
        content => '{"offline_mode_at":"2099-01-01T00:00:00Z"}',
        headers => { 'X-Request-ID' => $req } })->{status};
}

sub logged {
    my ($from) = @_;

    open my $fh, '<', $stack->nginx->error_log or die $!;
    seek $fh, $from, 0;
    local $/;
    return readline($fh) // '';
}

# While CODE's effect lasts, until UNDO.
sub refused {
    my ($name, $code, $undo, $log) = @_;
    my $from = -s $stack->nginx->error_log;

    subtest $name => sub {
        $code->();
        my %answers;
        # Of the reasons one is told in a second.
        my $told = wait_for(sub { $answers{beat("$name-$_")}++ for 1 .. 3;
            logged($from) =~ $log });
        $undo->();
        is_deeply([keys %answers], [503], 'messages are answered 503');
        ok($told, 'for that reason');
        is($redis->command('XLEN', $stream), $stored, 'none is stored');
        ok(wait_for(sub { beat("$name-1") == 204 }), 'a retry is');
        is(beat("$name-1"), 204, 'another one is a duplicate');
        is($redis->command('XLEN', $stream), ++$stored, 'stored once');
        is($redis->command('EXISTS', $stack->key('verdicts')), 0,
            'nothing is left behind');
    };
    return;
}

sub config { return $redis->command('CONFIG', 'SET', @_) }

ok(wait_for(sub { beat('first') == 204 }), 'it runs');
$stored++;

refused(replicas => sub { config('min-replicas-to-write', 1) },
    sub { config('min-replicas-to-write', 0) }, qr/NOREPLICAS/);

refused(replica => sub { $redis->command('REPLICAOF', '127.0.0.1', 1) },
    sub { $redis->command('REPLICAOF', 'NO', 'ONE') }, qr/READONLY/);

refused(disk => sub {
    config('save', '3600 1');
    $redis->command('BGSAVE');
    wait_for(sub { $redis->command('INFO', 'persistence')
        =~ /rdb_last_bgsave_status:err/ }) or die 'the snapshot is made';
}, sub { config('save', '') }, qr/MISCONF/);

refused(memory => sub { config('maxmemory', 1) },
    sub { config('maxmemory', 0) }, qr/OOM/);

refused(user => sub {
    $redis->command('ACL', 'SETUSER', 'oscp-nginx', '-xadd') },
    sub { $redis->command('ACL', 'SETUSER', 'oscp-nginx', '+xadd') },
    qr/NOPERM/);

# Its own connection waits for a script without an end.
refused(script => sub {
    config('busy-reply-threshold', 1);
    my $other = bless { %$redis }, ref $redis;
    delete $other->{fh};
    my $pid = fork() // die "fork: $!";
    if ($pid == 0) {
        eval { $other->command('EVAL', 'while true do end', 0) };
        POSIX::_exit(0);
    }
    $stack->{looping} = $pid;
    wait_for(sub { !eval { $redis->command('GET', 'x'); 1 }
        && $@ =~ /BUSY/ }) or die 'no script runs';
}, sub {
    $redis->command('SCRIPT', 'KILL');
    waitpid $stack->{looping}, 0;
}, qr/BUSY/);

$stack->finish;
done_testing();
