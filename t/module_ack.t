#!/usr/bin/env perl
#
# Goal: with `oscp_ack` a 204 means that the replicas have it.  Too few in time
# is a 503 although Redis has it, and the retry ends in 204 once they have come
# that far, stored once; many messages share a wait; nothing else changes.

use strict;
use warnings;

use FindBin qw($Bin);
use POSIX ();
use Test::More;
use Time::HiRes qw(sleep time);

use lib "$Bin/lib";
use OSCP::Door;
use OSCP::Process qw(slow wait_for);
use OSCP::Redis;
use OSCP::Sentinel;

use constant WAIT_MS => 1500;

my $address;

my $door = OSCP::Door->new(main => 'oscp_redis_timeout ' . 5 * WAIT_MS * slow()
    . 'ms; oscp_ack replicas=1 timeout=' . WAIT_MS . 'ms;',
    server => 'location /oscp/fp/2.0/ { oscp_endpoint vector; }'
        . ' location /meter { oscp_measurements vector; }'
        . ' location /status { oscp_status; }');
my $master = $door->redis;
my $port = OSCP::Redis::free_port();
my $replica = OSCP::Redis->new(dir => $door->dir, name => 'replica')->start;
my $few = '{"message":"too few replicas have the message; try again"}';

$master->command('CONFIG', 'SET', @$_) for ['bind', '127.0.0.1'],
    ['port', $port], ['repl-diskless-sync-delay', 0];

# nginx as the user that conf/ has for it.
$address = 'unix:' . $master->socket . ' user=oscp-nginx password_file='
    . $door->dir . '/oscp-nginx.password';
$door->configure(redis => $address);
$door->nginx->start;
ok(wait_for(sub { $door->version }), 'published without a replica');

sub post {
    return $door->post('heartbeat', '{}', @_);
}

sub sample {
    my ($asset, @headers) = @_;

    return $door->post('/meter', qq({"group":"DEPOT01","asset":"$asset",)
        . '"at":"2026-11-23T00:00:00Z","energy_import_wh":1}', @headers);
}

# The request ids that stand in the stream of a server, each as often.
sub ids {
    my ($server) = @_;

    return join ' ', sort map { $_->{req} } $server->stream('oscp:{0}:in');
}

sub follow {
    $replica->command('REPLICAOF', '127.0.0.1', $port);
    return wait_for(sub { $master->command('INFO', 'replication')
        =~ /slave0:.*state=online/ }, 20);
}

sub stop_replica { return $replica->process->signal('STOP') }
sub go_on { return $replica->process->signal('CONT') }

# A request that must be stored, if need be by a retry: a replica may be held up
# for longer than the wait.
sub stored {
    my ($name, $post) = @_;

    return ok(wait_for(sub { $post->()->{status} == 204 }), $name);
}

# A request that must be refused, as the header says and no sooner.
sub refused {
    my ($name, $post) = @_;
    my $began = time;
    my $response = $post->();
    my $took = time - $began;

    is($response->{status}, 503, "$name: 503");
    is($response->{headers}{'retry-after'}, 5, 'with Retry-After');
    is($response->{body}, $few, 'and a body');
    cmp_ok($took, '>=', 0.9 * WAIT_MS / 1000, 'after the wait');
    return;
}

subtest 'no replica' => sub {
    refused('none', sub { post('X-Request-ID: early') });
    is(ids($master), 'early', 'Redis has it');
    refused('none, again', sub { post('X-Request-ID: early') });
    like($door->nginx->log_text,
        qr/\[error\].*0 of 1 replicas had stored messages in time/, 'logged');
};

subtest 'a replica' => sub {
    ok(follow(), 'a replica follows');
    stored('the retry is answered', sub { post('X-Request-ID: early') });
    is(ids($replica), 'early', 'and is there, once');
    for my $id (1 .. 20) {
        stored('stored', sub { post("X-Request-ID: r$id") });
        like(ids($replica), qr/\br$id\b/, 'and on the replica with the 204');
    }
    stored('a sample', sub { sample('a', 'X-Request-ID: a') });
    is($replica->command('XLEN', 'oscp:{0}:meter'), 1, 'on the replica');
};

subtest 'the replica stops' => sub {
    stop_replica();
    refused('stopped', sub { post('X-Request-ID: paused') });
    refused('its retry', sub { post('X-Request-ID: paused') });
    refused('a sample', sub { sample('b', 'X-Request-ID: paused-b') });
    go_on();
    stored('a retry when it goes on', sub { post('X-Request-ID: paused') });
    stored('of a sample', sub { sample('b', 'X-Request-ID: paused-b') });
    is(scalar(() = ids($replica) =~ /\bpaused\b/g), 1, 'stored once');
    is($replica->command('XLEN', 'oscp:{0}:meter'), 2, 'the sample as well');
};

subtest 'what waits in vain is refused, what needs no replica is not' => sub {
    stop_replica();
    is($door->post('heartbeat', '{')->{status}, 400, 'a wrong message');
    $master->command('HSET', 'oscp:{0}:conn:vector', 'enabled', 0);
    my $began = time;
    is(post()->{status}, 403, 'a closed connection');
    cmp_ok(time - $began, '<', 0.8 * WAIT_MS / 1000 * slow(), 'at once');
    $master->command('HDEL', 'oscp:{0}:conn:vector', 'enabled');
    go_on();
};

# Two at the most, not one after the other: 150 messages are three batches.
subtest 'many share a wait' => sub {
    my $before = $door->stored;
    stop_replica();
    my @sockets = map { $door->connect } 1 .. 150;
    my $began = time;
    print {$_} $door->request('heartbeat', '{}') for @sockets;
    my %got;
    $got{OSCP::Door::response($_)->{status}}++ for @sockets;
    my $took = time - $began;
    is_deeply(\%got, { 503 => 150 }, 'all refused');
    cmp_ok($took, '<', (2.5 * WAIT_MS / 1000 + 0.5) * slow(), 'within two waits');
    is($door->stored - $before, 150, 'Redis has all of them');
    go_on();

    $before = $door->stored;
    @sockets = map { $door->connect } 1 .. 150;
    print {$_} $door->request('heartbeat', '{}') for @sockets;
    %got = ();
    $got{OSCP::Door::response($_)->{status}}++ for @sockets;
    is_deeply(\%got, { 204 => 150 }, 'all stored when it goes on');
    is($door->stored - $before, 150, 'once each');
    is($replica->command('XLEN', 'oscp:{0}:in'), $door->stored,
        'and on the replica');
};

subtest 'clients that leave while it waits' => sub {
    stop_replica();
    for (1 .. 10) {
        my $socket = $door->connect;
        print {$socket} $door->request('heartbeat', '{}');
        sleep 0.02;
        close $socket;
    }
    go_on();
    stored('nginx serves on', \&post);
};

subtest 'a reload and the end of Redis while it waits' => sub {
    stop_replica();
    my $socket = $door->connect;
    print {$socket} $door->request('heartbeat', '{}',
        'X-Request-ID: reloaded');
    ok(wait_for(sub { ids($master) =~ /\breloaded\b/ }), 'it is stored');
    ok($door->nginx->reload, 'new workers');
    is(OSCP::Door::response($socket)->{status}, 503, 'the old one answers');
    $socket = $door->connect;
    print {$socket} $door->request('heartbeat', '{}', 'X-Request-ID: killed');
    ok(wait_for(sub { ids($master) =~ /\bkilled\b/ }), 'it is stored');
    $master->command('CLIENT', 'KILL', 'TYPE', 'normal');
    my $lost = OSCP::Door::response($socket);
    is($lost->{status}, 503, 'a lost connection');
    like($lost->{body}, qr/could not be stored/, 'is another matter');
    go_on();
    ok(wait_for(sub { post('X-Request-ID: killed')->{status} == 204 }, 15),
        'the retry');
    is(scalar(() = ids($master) =~ /\bkilled\b/g), 1, 'stored once');
};

subtest 'a user who may not wait' => sub {
    $master->command('ACL', 'SETUSER', 'oscp-nginx', '-wait');
    is(post()->{status}, 503, 'is answered nothing else');
    like($door->nginx->log_text, qr/Redis refused WAIT: .*permission/,
        'and says why');
    $master->command('ACL', 'SETUSER', 'oscp-nginx', '+wait');
    stored('until he may', \&post);
};

subtest 'more replicas than there are' => sub {
    $door->configure(main => 'oscp_ack replicas=2;');
    ok($door->reload, 'reloaded');
    ok($door->ready, 'connected');
    is(post()->{status}, 503, 'too few');
};

for my $case (['oscp_ack replicas=1 timeout=600ms;',
        qr/"oscp_ack timeout=600ms" must be at most half of/],
    ['oscp_ack replicas=0;', qr/"oscp_ack replicas=0" must be a number from 1/],
    ['oscp_ack replicas=17;', qr/"oscp_ack replicas=17" must be a number/],
    ['oscp_ack timeout=1s;', qr/"oscp_ack timeout=1s" needs replicas=/],
    ['oscp_ack replicas=1 timeout=1m;', qr/must be a time from 1ms to 30s/],
    ['oscp_ack replicas=1 wait=1s;', qr/"oscp_ack wait=1s" must be replicas=/],
    ['oscp_ack replicas=1 replicas=1;', qr/"oscp_ack replicas=1" is there twi/],
    ['oscp_ack replicas=1; oscp_ack replicas=1;', qr/is there twice/],
    ['oscp_ack;', qr/invalid number of arguments in "oscp_ack"/])
{
    my ($directive, $error) = @$case;
    my ($status, $output) = $door->configure(main => $directive)->check;
    isnt($status, 0, $directive);
    like($output, $error, 'says why');
}

$door->finish;
$replica->stop;

# What all of it is for: the master dies under load, and nothing that was
# answered 204 is missing at the replica that takes its place.
subtest 'a failover' => sub {
    my $own = OSCP::Door->new(main => 'oscp_redis_timeout 1s;'
        . ' oscp_ack replicas=1 timeout=400ms;',
        store => sub { OSCP::Sentinel->start(dir => $_[0]) });
    my $old = $own->redis->master;
    my (@good, %answers, $new);
    my $load = sub {
        my ($prefix, $n) = @_;
        my @sockets = map { [$_, $own->connect] } 1 .. $n;
        print {$_->[1]} $own->request('heartbeat', '{}',
            "X-Request-ID: $prefix-$_->[0]") for @sockets;
        for my $pair (@sockets) {
            my $response = OSCP::Door::response($pair->[1]);
            my $status = $response ? $response->{status} : 0;
            $answers{$status}++;
            push @good, "$prefix-$pair->[0]" if $status == 204;
        }
    };

    $own->configure(redis => $own->redis->address
        . ' user=oscp-nginx password_file=oscp-nginx.password');
    $own->nginx->start;
    ok(wait_for(sub { $own->post('heartbeat', '{}')->{status} == 204 }, 15),
        'stored, and at the replica');
    $load->("before-$_", 20) for 1 .. 5;
    ok(scalar(@good), 'answered 204');
    # Killed while a part of them is under way.
    my $pid = fork() // die "fork: $!";
    if ($pid == 0) {
        sleep 0.03;
        kill 'KILL', $old->process->pid;
        POSIX::_exit(0);
    }
    $load->("during-$_", 20) for 1 .. 10;
    waitpid $pid, 0;
    $new = $own->redis->wait_failover($old);
    ok($new, 'another one is the master');
    delete @answers{204, 503};
    is_deeply(\%answers, {}, 'nothing but 204 and 503');
    my %there = map { $_->{req} => 1 } $new->stream('oscp:{0}:in');
    is_deeply([grep { !$there{$_} } @good], [], scalar(@good)
        . ' messages that were answered 204 are all there');
    ok(wait_for(sub { ($own->post('heartbeat', '{}')->{body} // '') eq $few },
        15), 'alone the new master is not enough');
    $own->redis->rejoin($old);
    ok(wait_for(sub { $own->post('heartbeat', '{}')->{status} == 204 }, 20),
        'with the old one as its replica it is');
    $own->finish;
};

done_testing();
