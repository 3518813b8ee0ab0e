#!/usr/bin/env perl
#
# Goal: requests in flight survive a reload and a graceful end; an idle
# connection to Redis keeps no worker alive; a client that leaves early is no
# trouble to anybody.

use strict;
use warnings;

use FindBin qw($Bin);
use Test::More;
use Time::HiRes qw(sleep);

use lib "$Bin/lib";
use OSCP::Door;
use OSCP::Process qw(slow wait_for);

my $door = OSCP::Door->start(workers => 2, main => 'oscp_redis_timeout 15s;');
my $redis = $door->redis;

# Sends requests of which Redis has not answered one yet.
sub in_flight {
    my ($n) = @_;
    my @sockets = map { $door->connect } 1 .. $n;

    $door->ready;
    $redis->process->signal('STOP');
    print {$_} $door->request('heartbeat', '{}') for @sockets;
    sleep 0.1;
    return @sockets;
}

sub answers {
    return [map { (OSCP::Door::response($_) // { status => 0 })->{status} }
        @_];
}

subtest 'a reload in mid-request' => sub {
    my @old = $door->nginx->children;
    my @sockets = in_flight(10);
    $door->nginx->process->signal('HUP');
    sleep 0.5;
    $redis->process->signal('CONT');
    is_deeply(answers(@sockets), [(204) x 10], 'each gets its 204');
    is($door->stored, 10, 'and is stored once');
    ok(wait_for(sub { !grep { kill 0, $_ } @old }, 10),
        'the old workers end');
};

subtest 'a graceful end in mid-request' => sub {
    my $before = $door->stored;
    my @sockets = in_flight(10);
    $door->nginx->process->signal('QUIT');
    sleep 0.5;
    $redis->process->signal('CONT');
    is_deeply(answers(@sockets), [(204) x 10], 'each gets its 204');
    is($door->stored, $before + 10, 'and is stored once');
    ok(wait_for(sub { !$door->nginx->process->alive }, 10), 'nginx ends');
    is($door->nginx->process->stop, 0, 'clean');
    $door->nginx->start;
};

subtest 'a fast end in mid-request' => sub {
    my @sockets = in_flight(10);
    $door->nginx->process->signal('TERM');
    ok(wait_for(sub { !$door->nginx->process->alive }, 10), 'nginx ends');
    is($door->nginx->process->stop, 0, 'clean');
    $redis->process->signal('CONT');
    is(scalar(grep { $_ == 204 } @{answers(@sockets)}), 0,
        'no 204 that Redis did not give');
    $door->nginx->start;
};

subtest 'idle workers end at once' => sub {
    my @old = $door->nginx->children;
    is($door->post('heartbeat', '{}')->{status}, 204, 'connected to Redis');
    ok($door->nginx->reload, 'reloaded');
    ok(wait_for(sub { !grep { kill 0, $_ } @old }, 10), 'and are gone');
};

subtest 'so do workers without Redis' => sub {
    $redis->stop;
    sleep 0.2;
    my @old = $door->nginx->children;
    ok($door->nginx->reload, 'reloaded');
    ok(wait_for(sub { !grep { kill 0, $_ } @old }, 10), 'and are gone');
    $redis->start;
    ok($door->ready, 'connected again');
    is($door->post('heartbeat', '{}')->{status}, 204, 'served again');
};

subtest 'clients that leave before Redis answers' => sub {
    my $before = $door->stored;
    for my $reset (0, 1) {
        my @sockets = in_flight(20);
        for my $socket (@sockets) {
            # A reset instead of an orderly end.
            setsockopt $socket, Socket::SOL_SOCKET(), Socket::SO_LINGER(),
                pack 'II', 1, 0 if $reset;
            close $socket;
        }
        $redis->process->signal('CONT');
        ok(wait_for(sub { $door->stored == $before + 20 }, 10),
            'what they sent is stored');
        $before += 20;
        is($door->post('heartbeat', '{}')->{status}, 204, 'served');
        $before++;
    }
};

subtest 'clients that are thrown out before Redis answers' => sub {
    $door->configure(server => 'location /oscp/fp/2.0/ {'
        . ' oscp_endpoint vector; }', workers => 1);
    $door->nginx->{main} = '';
    $door->nginx->configure(workers => 1);
    my $conf = $door->dir . '/nginx.conf';
    open my $in, '<', $conf or die $!;
    my $text = do { local $/; readline $in };
    $door->file('nginx.conf', "worker_shutdown_timeout 200ms;\n$text");
    ok($door->nginx->reload, 'a short worker_shutdown_timeout');
    my @old = $door->nginx->children;
    my @sockets = in_flight(10);
    $door->nginx->process->signal('HUP');
    sleep 0.6;
    # Their requests are freed; the replies find nobody.
    $redis->process->signal('CONT');
    is(scalar(grep { $_ == 503 } @{answers(@sockets)}), 0, 'no answer');
    ok(wait_for(sub { !grep { kill 0, $_ } @old }, 10),
        'the old worker ends');
};

subtest 'reloads under load' => sub {
    my ($sent, $stored) = (0, $door->stored);
    for my $round (1 .. 5) {
        $door->nginx->process->signal('HUP');
        for (1 .. 40) {
            my $status = $door->post('heartbeat', '{}')->{status};
            $sent++;
            next if $status == 204;
            fail("round $round: $status");
            return;
        }
    }
    is($door->stored - $stored, $sent, 'every message answered 204, once');
};

$door->finish;
done_testing();
