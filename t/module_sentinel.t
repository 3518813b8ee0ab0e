#!/usr/bin/env perl
#
# Goal: nginx follows the master that the sentinels name: through a crash under
# load, a switch by hand, sentinels that are dead, wrong or gone.  What was
# answered 204 is lost only as Redis documents (what the new master had not
# got yet); meanwhile 503, never a hang, and never a write to a replica.

use strict;
use warnings;

use FindBin qw($Bin);
use IO::Socket::INET;
use POSIX ();
use Test::More;
use Time::HiRes qw(sleep time);

use lib "$Bin/lib";
use OSCP::Door;
use OSCP::Process qw(slow wait_for);
use OSCP::Sentinel;

my $timeout = 'oscp_redis_timeout 1s;';
my $door = OSCP::Door->new(main => $timeout,
    server => 'location = /status { oscp_status; }'
    . ' location /oscp/fp/2.0/ { oscp_endpoint vector; }',
    store => sub { OSCP::Sentinel->start(dir => $_[0]) });
my $redis = $door->redis;
my $dead = OSCP::Redis::free_port();
my $user = "user=oscp-nginx password_file=oscp-nginx.password";
my $log_offset = 0;

sub status_of {
    my (@headers) = @_;

    return $door->post('heartbeat', '{}', @headers)->{status};
}

sub recovers {
    my ($name) = @_;

    ok(wait_for(sub { status_of() == 204 }, 15), "$name: stored");
    return;
}

sub node {
    return $door->status->{nodes}[0]{address} // '';
}

# Waits for a line of the log behind what was seen by the last call.
sub logged {
    my ($pattern, $name) = @_;

    ok(wait_for(sub { $door->nginx->log_text($log_offset) =~ $pattern }, 10),
        $name);
    $log_offset = length $door->nginx->log_text;
    return;
}

# Sentinels take their time to tell a server that it is a replica now.
sub follow {
    my ($replica, $master) = @_;

    ok(wait_for(sub {
        eval { $replica->command('REPLICAOF', '127.0.0.1', $master->port) };
        OSCP::Sentinel::replicating($replica);
    }, 20), 'the old master follows the new one');
    return;
}

# The request ids in the stream of a server.
sub stored_at {
    my ($server) = @_;

    return map { $_->{req} => 1 } $server->stream('oscp:{0}:in');
}

# A sentinel that answers whatever it is asked with these words; its address.
my @fakes;

sub fake {
    my (@words) = @_;
    my $listen = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 9)
        // die "listen: $!";
    my $pid = fork() // die "fork: $!";

    if ($pid == 0) {
        local $SIG{TERM} = 'DEFAULT';
        alarm 120;
        while (my $client = $listen->accept) {
            sysread $client, my $text, 65536;
            print {$client} $text =~ /AUTH/
                ? "-ERR the password is not for sentinels\r\n" : join '',
                '*' . @words . "\r\n",
                map { '$' . length($_) . "\r\n$_\r\n" } @words;
            $client->flush;
        }
        POSIX::_exit(0);
    }
    push @fakes, $pid;
    return '127.0.0.1:' . $listen->sockport;
}

END {
    my $status = $?;
    kill 'KILL', $_ and waitpid $_, 0 for @fakes;
    $? = $status;
}

subtest 'the first sentinel is dead' => sub {
    my $address = $redis->address =~ s/\@/\@127.0.0.1:$dead,/r;
    $door->configure(redis => "$address $user");
    is(($door->check)[0], 0, 'nginx -t');
    $door->nginx->start;
    recovers('the next one');
    is(node(), $redis->master->tcp_address, 'at the master');
    is($door->status->{redis}, 'up', 'and says so');
    ok($door->version, 'published');
};

# The old master goes on taking messages until it is told that it is none: that
# is why only a 204 that has waited for the replica is sure to stay.
subtest 'a switch by hand' => sub {
    $door->configure(main => "$timeout oscp_ack replicas=1 timeout=100ms;");
    $door->reload;
    recovers('replicated');
    my $old = $redis->master;
    ok(wait_for(sub { eval { ($redis->sentinels)[0]->command('SENTINEL',
        'FAILOVER', OSCP::Sentinel::MASTER) } }, 20), 'ordered');
    my (%answers, @good, $sent);
    my $new = wait_for(sub {
        my $id = 'switch-' . ++$sent;
        my $status = status_of("X-Request-ID: $id");
        $answers{$status}++;
        push @good, $id if $status == 204;
        my $master = $redis->master;
        $master && $master != $old && node() eq $master->tcp_address
            ? $master : undef;
    }, 20);
    ok($new, 'followed');
    delete @answers{204, 503};
    is_deeply(\%answers, {}, 'nothing but 204 and 503');
    follow($old, $new);
    recovers('afterwards');
    cmp_ok(scalar @good, '>', 0, 'messages were answered 204');
    my %at;
    wait_for(sub { %at = eval { stored_at($new) }; %at }, 10);
    is_deeply([grep { !$at{$_} } @good], [], 'none of them was lost');
    $door->configure(main => $timeout);
    $door->reload;
};

subtest 'the master is killed under load' => sub {
    my $old = $redis->master;
    is(status_of('X-Request-ID: before'), 204, 'stored before');
    ok(wait_for(sub { my %at = eval { stored_at($_) }; $at{before} }, 10),
        'and replicated') for grep { $_ != $old } $redis->servers;
    my @sockets = map { $door->connect } 1 .. 30;
    my $began = time;
    my %answered;
    $old->process->signal('STOP');
    for my $i (0 .. $#sockets) {
        print {$sockets[$i]} $door->request('heartbeat', '{}',
            "X-Request-ID: load-$i");
    }
    sleep 0.05;
    $old->process->stop('KILL');
    $answered{(OSCP::Door::response($_) // { status => 0 })->{status}}++
        for @sockets;
    is_deeply([keys %answered], [503], 'what was under way: 503');
    cmp_ok(time - $began, '<', 5 * slow(), 'in time');

    my @good;
    my $longest = 0;
    ok(wait_for(sub {
        my $id = 'during-' . @good . '-' . int rand 1e9;
        my $sent = time;
        my $status = status_of("X-Request-ID: $id");
        my $took = time - $sent;
        $longest = $took if $took > $longest;
        push @good, $id if $status == 204;
        fail("answered $status") if $status != 204 && $status != 503;
        @good >= 20;
    }, 20), '204 again');
    my $new = $redis->wait_failover($old);
    ok($new, 'another master');
    cmp_ok($longest, '<', 3 * slow(), 'no request hung');
    my %at = stored_at($new);
    is_deeply([grep { !$at{$_} } 'before', @good], [], 'nothing was lost');
    is(status_of('X-Request-ID: before'), 204, 'a repeat is answered');
    is((() = grep { $_->{req} eq 'before' } $new->stream('oscp:{0}:in')), 1,
        'and stored once');
    is(node(), $new->tcp_address, 'the status names the new master');
    logged(qr/sentinel:\S+: \S+: .*looking again in/, 'the log says so');

    # It comes back and takes itself for the master, until it is told.
    $old->start;
    recovers('both are there') for 1 .. 5;
    follow($old, $new);
    is(node(), $new->tcp_address, 'and nginx stays');
};

subtest 'a master that became a replica behind our back' => sub {
    my $master = $redis->master;
    my ($other) = grep { $_ != $master } $redis->servers;
    wait_for(sub { eval { $master->command('PING') } }, 10);
    my $offset = length $door->nginx->log_text;
    $_->process->signal('STOP') for $redis->sentinels;
    $master->command('REPLICAOF', '127.0.0.1', $other->port);
    ok(wait_for(sub { status_of() == 503 }, 10), 'refused');
    ok(wait_for(sub { $door->nginx->log_text($offset)
        =~ /is not the master any more/ }, 10), 'and leaves it');
    wait_for(sub { eval { $master->command('REPLICAOF', 'NO', 'ONE') } }, 10);
    $_->process->signal('CONT') for $redis->sentinels;
    recovers('a master again');
};

subtest 'sentinels are gone' => sub {
    $_->process->signal('STOP') for $redis->sentinels;
    is(status_of(), 204, 'the connection stands');
    $door->reload;
    my $began = time;
    is(status_of(), 503, 'a new process cannot find it');
    cmp_ok(time - $began, '<', 5 * slow(), 'and says so in time');
    $_->process->signal('CONT') for $redis->sentinels;
    recovers('they are back');
};

subtest 'sentinels that are wrong' => sub {
    my $master = $redis->master;
    my ($replica) = grep { $_ != $master } $redis->servers;
    my @cases = (
        ['a replica', [OSCP::Sentinel::MASTER,
            fake('127.0.0.1', $replica->port)], qr/is not the master/],
        ['a name', [OSCP::Sentinel::MASTER, fake('redis-7', 6379)],
            qr/with a name, "redis-7", where an address is needed/],
        ['nonsense', [OSCP::Sentinel::MASTER, fake('127.0.0.1', 'x', 'y')],
            qr/SENTINEL answered something unexpected/],
        ['no port', [OSCP::Sentinel::MASTER, fake('127.0.0.1', 'x')],
            qr/it names no address/],
        ['an unknown master', ['nobody', ($redis->sentinels)[0]->tcp_address],
            qr/knows no master "nobody"/],
    );
    for my $case (@cases) {
        my ($name, $address, $pattern) = @$case;
        $log_offset = length $door->nginx->log_text;
        $door->configure(redis => sprintf 'sentinel:%s@%s %s', @$address,
            $user);
        $door->reload;
        logged($pattern, $name);
        is(status_of(), 503, 'and refused');
    }
    # The others are asked when the first one is of no use.
    $door->configure(redis => ($redis->address
        =~ s/\@/'@' . fake('127.0.0.1', $replica->port) . ','/er) . " $user");
    $door->reload;
    recovers('one liar among them');
    is(node(), $redis->master->tcp_address, 'at the master');
};

subtest 'many switches leave nothing behind' => sub {
    my ($pid) = $door->nginx->children;
    my $count = sub { my @fds = glob "/proc/$pid/fd/*"; scalar @fds };
    my $before = $count->();
    for (1 .. 10) {
        wait_for(sub { eval { $redis->master->command('CLIENT', 'KILL',
            'TYPE', 'normal') } }, 10);
        recovers('cut');
    }
    ok(wait_for(sub { $count->() <= $before + 1 }, 10), 'no descriptor');
    is(($door->nginx->children)[0], $pid, 'no other process');
};

$door->finish;
$redis->stop;
done_testing();
