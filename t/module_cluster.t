#!/usr/bin/env perl
#
# Goal: on a Redis Cluster each message is stored by the node that has its
# shard's slot, never before the configuration is published; slots that move,
# nodes that die and nodes that take over are followed, and a message that met
# the wrong node is sent again within its time.

use strict;
use warnings;

use FindBin qw($Bin);
use IO::Socket::INET;
use POSIX ();
use Test::More;
use Time::HiRes qw(sleep time);

use lib "$Bin/lib";
use OSCP::Cluster;
use OSCP::Door;
use OSCP::Process qw(slow wait_for);

use constant { SHARDS => 6, CONNECTIONS => 24, TIMEOUT => 4 };

my $user = 'user=oscp-nginx password_file=oscp-nginx.password';
my $main = 'oscp_redis_timeout ' . TIMEOUT . 's; oscp_shards ' . SHARDS . ';'
    . join '', map { "oscp_connection c$_ { profile generic;"
    . ' peer https://a.example; accept header fp-id BF01; }' }
    1 .. CONNECTIONS;

my $door = OSCP::Door->new(main => $main,
    server => 'location = /status { oscp_status; }'
    . ' location ~ ^/(?<c>\w+)/oscp/fp/2.0/ { oscp_endpoint $c; }',
    store => sub { OSCP::Cluster->start(dir => $_[0], replicas => 1,
        arguments => ['--cluster-require-full-coverage', 'no']) });
my $redis = $door->redis;
my @conns = map { "c$_" } 1 .. CONNECTIONS;

$door->configure(redis => $redis->address . " $user");

# The shard of a connection: FNV-1a, as oscp_key.h says.
sub shard_of {
    my ($conn) = @_;
    my $hash = 2166136261;

    $hash = (($hash ^ ord $_) * 16777619) & 0xffffffff for split //, $conn;
    return $hash % SHARDS;
}

sub stream {
    my ($conn) = @_;

    return 'oscp:{' . shard_of($conn) . '}:in';
}

sub request {
    my ($conn, @headers) = @_;

    return ("/$conn/oscp/fp/2.0/heartbeat", '{}', @headers);
}

sub status_of {
    my ($conn, @headers) = @_;

    return $door->post(request($conn, @headers))->{status};
}

# The connections that are answered otherwise, all asked at once.
sub others {
    my ($status, @list) = @_;
    my %sockets = map { $_ => $door->connect } @list;

    print {$sockets{$_}} $door->request(request($_)) for @list;
    return [grep { my $response = OSCP::Door::response($sockets{$_});
        !$response || $response->{status} != $status } @list];
}

sub all_stored {
    my ($name) = @_;

    ok(wait_for(sub { !@{others(204, @conns)} }, 20), "$name: all stored");
    return;
}

# Connections whose shard a node serves.
sub served_by {
    my ($node) = @_;

    return grep { $redis->node_of(stream($_)) == $node } @conns;
}

sub masters {
    my %seen;

    return grep { !$seen{$_->port}++ }
        map { $redis->node_of(stream($_)) } @conns;
}

subtest 'each at its node' => sub {
    is(($door->check)[0], 0, 'nginx -t');
    $door->nginx->start;
    is_deeply(others(204, @conns), [], 'stored, from the first one on');
    ok($door->version, 'published');
    is($redis->command('HLEN', 'oscp:config'), CONNECTIONS + 3, 'as a whole');
    my %per;
    $per{shard_of($_)}++ for @conns;
    is_deeply([map { $door->stored($_) } sort keys %per],
        [map { $per{$_} } sort keys %per], 'each in its shard');
    cmp_ok(scalar masters(), '>', 1, 'at several nodes');
    my $status = $door->status;
    is($status->{redis}, 'up', 'the status: up');
    is($status->{backlog}, CONNECTIONS, 'the backlog of all');
    my %shards = map { $_->{address} => $_->{shards} }
        grep { $_->{shards} } @{$status->{nodes}};
    my %want;
    $want{$redis->node_of("oscp:{$_}:in")->tcp_address}++ for 0 .. SHARDS - 1;
    is_deeply(\%shards, \%want, 'and which node serves how many');
    is(status_of('c1', 'X-Request-ID: twice'), 204, 'a message');
    is(status_of('c1', 'X-Request-ID: twice'), 204, 'and its repeat');
    is((() = grep { $_->{req} eq 'twice' } $redis->stream(stream('c1'))), 1,
        'stored once');
};

subtest 'a slot moves' => sub {
    my ($conn) = @conns;
    my $from = $redis->node_of(stream($conn));
    my ($to) = grep { $_ != $from } masters();
    my @same = grep { shard_of($_) == shard_of($conn) } @conns;
    my $before = $door->stored(shard_of($conn));
    my $waiting;
    $redis->move(stream($conn), $to, sub {
        # Half of the keys are here, half are there: neither can store it.
        $waiting = $door->connect;
        print {$waiting} $door->request(request($conn, 'X-Request-ID: mid'));
        my @elsewhere = grep { shard_of($_) != shard_of($conn) } @conns;
        is_deeply(others(204, @elsewhere), [], 'others are not disturbed');
    });
    is(OSCP::Door::response($waiting)->{status}, 204,
        'what came meanwhile waited');
    is_deeply(others(204, @same), [], 'and what follows is stored');
    is($redis->node_of(stream($conn)), $to, 'at its new node');
    is($door->stored(shard_of($conn)), $before + 1 + @same, 'each once');
};

subtest 'a slot that is on its way for long' => sub {
    my ($conn) = @conns;
    my $from = $redis->node_of(stream($conn));
    my ($to) = grep { $_ != $from } masters();
    $redis->move(stream($conn), $to, sub {
        my $began = time;
        my $response = $door->post(request($conn, 'X-Request-ID: long'));
        is($response->{status}, 503, 'refused');
        is($response->{headers}{'retry-after'}, 5, 'with Retry-After');
        my $waited = time - $began;
        cmp_ok($waited, '>=', 0.9 * TIMEOUT, 'when it has waited enough');
        cmp_ok($waited, '<', TIMEOUT + 4 * slow(), 'and not much longer');
    });
    is(status_of($conn, 'X-Request-ID: long'), 204, 'then stored');
    is((() = grep { $_->{req} eq 'long' } $redis->stream(stream($conn))), 1,
        'once');
};

subtest 'the slot of the configuration moves' => sub {
    my $from = $redis->node_of('oscp:config');
    my ($to) = grep { $_ != $from } masters();
    my $version = $door->version;
    $redis->move('oscp:config', $to);
    is($door->version, $version, 'it goes along');
    $door->configure(settings => 'heartbeat_interval 15s;');
    ok($door->reload, 'reloaded');
    is_deeply(others(204, @conns), [], 'all stored');
    isnt($door->version, $version, 'behind the new one');
    is($to->command('HGET', 'oscp:config', 'version'), $door->version,
        'at its new place');
};

subtest 'no message before the configuration' => sub {
    my $node = $redis->node_of('oscp:config');
    my @elsewhere = grep { $redis->node_of(stream($_)) != $node } @conns;
    my $failover = sub { $_->command('CONFIG', 'SET',
        'cluster-replica-no-failover', $_[0]) for $redis->nodes };
    $failover->('yes');
    $node->process->signal('STOP');
    ok($door->reload, 'new processes');
    is_deeply(others(503, @elsewhere), [], 'which cannot publish refuse');
    $node->process->signal('CONT');
    all_stored('they can');
    $failover->('no');
    ok($redis->wait_ok, 'and the cluster has mended');
};

subtest 'a node dies and its replica takes over' => sub {
    my $conn = $conns[0];
    my $old = $redis->node_of(stream($conn));
    my @gone = served_by($old);
    my @others = grep { my $c = $_; !grep { $_ eq $c } @gone } @conns;
    is(status_of($conn, 'X-Request-ID: before'), 204, 'stored before');
    ok(wait_for(sub { my $role = $old->command('ROLE');
        $role->[2][0][2] >= $role->[1] }, 10), 'and replicated');
    my @sockets = map { $door->connect } 1 .. 20;
    $old->process->signal('STOP');
    print {$_} $door->request(request($conn)) for @sockets;
    sleep 0.05;
    my $began = time;
    is_deeply(others(204, @others), [], 'other nodes do not wait for it');
    $old->process->stop('KILL');
    my %answers;
    $answers{OSCP::Door::response($_)->{status}}++ for @sockets;
    is_deeply([keys %answers], [503], 'what was under way: 503');
    cmp_ok(time - $began, '<', TIMEOUT + 4 * slow(), 'in time');
    is_deeply(others(204, @others), [], 'the others go on');
    ok(wait_for(sub { status_of($conn) == 204 }, 20), '204 again');
    # nginx may know of it before the node that is asked here
    my $new;
    ok(wait_for(sub { ($new = $redis->node_of(stream($conn))) != $old }, 20),
        'at another node');
    my %at = map { $_->{req} => 1 } $new->stream(stream($conn));
    ok($at{before}, 'which has what was stored');
    all_stored('after that');
    is($door->status->{redis}, 'up', 'the status: up');
    $old->start;
    ok($redis->wait_ok, 'the old node is back, as a replica');
    is_deeply(others(204, @conns), [], 'which changes nothing');
};

subtest 'a node dies without anybody in its place' => sub {
    my $conn = $conns[0];
    my $master = $redis->node_of(stream($conn));
    my @gone = served_by($master);
    my @others = grep { my $c = $_; !grep { $_ eq $c } @gone } @conns;
    my ($replica) = grep { my $role = $_->command('ROLE');
        $role->[0] eq 'slave' && $role->[2] == $master->port } $redis->nodes;
    $_->stop('KILL') for $replica, $master;
    is(status_of($conn), 503, 'refused');
    is_deeply(others(503, @gone), [], 'all of its shards');
    is_deeply(others(204, @others), [], 'and nothing else');
    my $status = $door->status;
    # or on the way to another try
    isnt($status->{redis}, 'up', 'the status: not up');
    # Now as Redis is by default: one node away, and the cluster serves nobody.
    my @alive = grep { $_->process->alive } $redis->nodes;
    my $coverage = sub { $_->command('CONFIG', 'SET',
        'cluster-require-full-coverage', $_[0]) for @alive };
    $coverage->('yes');
    ok(wait_for(sub { !@{others(503, @conns)} }, 10), 'down: all refused');
    my $began = time;
    others(503, @others);
    cmp_ok(time - $began, '<', 0.8 * TIMEOUT, 'at once');
    $coverage->('no');
    $_->start for $master, $replica;
    all_stored('they are back');
};

subtest 'everything restarts' => sub {
    $_->stop('KILL') for $redis->nodes;
    is_deeply(others(503, @conns), [], 'refused');
    $_->start for $redis->nodes;
    $redis->wait_ok or fail('the cluster is not up');
    all_stored('restarted');
    ok(wait_for(sub { $door->version }, 10), 'and published, having no AOF');
};

# A node that answers CLUSTER SLOTS with this text; its address.
my @fakes;

sub fake {
    my ($slots) = @_;
    my $listen = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 9)
        // die "listen: $!";
    my $pid = fork() // die "fork: $!";

    if ($pid == 0) {
        local $SIG{TERM} = 'DEFAULT';
        alarm 120;
        while (my $client = $listen->accept) {
            sysread $client, my $text, 65536;
            print {$client} "+OK\r\n" x ($text =~ /AUTH/), $slots;
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

# One range of slots, served by that host (as RESP) and port.
sub slots {
    my ($first, $last, $host, $port) = @_;

    return "*1\r\n*3\r\n:$first\r\n:$last\r\n*3\r\n$host\r\n:$port\r\n"
        . "\$2\r\nid\r\n";
}

subtest 'answers that are of no use' => sub {
    my $port = $redis->node_of('oscp:config')->port;
    my @cases = (
        ['a name', slots(0, 16383, "\$7\r\nredis-7", 6379),
            qr/with a name, "redis-7", where an address is needed/],
        ['a host that is not known', slots(0, 16383, "\$1\r\n?", $port),
            qr/it names no address/],
        ['no port', slots(0, 16383, "\$9\r\n127.0.0.1", 0),
            qr/it names no address/],
        ['no such slot', slots(0, 0, "\$9\r\n127.0.0.1", $port),
            qr/nobody serves slot \d+/],
        ['no slots', "*0\r\n", qr/nobody serves slot \d+/],
        ['nonsense', "*1\r\n*1\r\n:1\r\n",
            qr/CLUSTER SLOTS answered something unexpected/],
        ['an error', "-ERR not today\r\n",
            qr/CLUSTER SLOTS answered "ERR not today"/],
    );
    for my $case (@cases) {
        my ($name, $slots, $pattern) = @$case;
        my $offset = length $door->nginx->log_text;
        $door->configure(redis => 'cluster:' . fake($slots) . " $user");
        $door->reload;
        ok(wait_for(sub { $door->nginx->log_text($offset) =~ $pattern }, 10),
            $name);
        is(status_of('c1'), 503, 'and refused');
    }
    # The others are asked when the first one is of no use.
    $door->configure(redis => $redis->address
        =~ s/:/':' . fake("*0\r\n") . ','/er . " $user");
    $door->reload;
    all_stored('one of no use among them');
};

subtest 'what is no cluster' => sub {
    my $single = OSCP::Redis->new(dir => $door->dir, name => 'single',
        port => 1)->start;
    $door->configure(redis => 'cluster:' . $single->tcp_address);
    $door->reload;
    ok(wait_for(sub { $door->nginx->log_text
        =~ /CLUSTER SLOTS answered "ERR .*cluster support disabled/ }, 10),
        'the log says so');
    is(status_of('c1'), 503, 'refused');
    $single->stop;
    $door->configure(redis => $redis->address . ' db=1');
    my ($status, $output) = $door->check;
    isnt($status, 0, 'a database');
    like($output, qr/"oscp_redis db=1" is not possible/, 'is a mistake');
};

$door->finish;
$redis->stop;
done_testing();
