#!/usr/bin/env perl
#
# Goal: `oscp_status` tells the state of every connection and counts every
# result, over all workers and reloads, and answers with Redis away as well.

use strict;
use warnings;

use FindBin qw($Bin);
use Test::More;

use lib "$Bin/lib";
use OSCP::Door;
use OSCP::Process qw(wait_for);

my $door = OSCP::Door->start(workers => 2, main => 'oscp_backlog 3;'
    . ' oscp_connection empty { profile generic; peer https://a.example;'
    . ' accept header a b; }',
    server => 'location /oscp/fp/2.0/ { oscp_endpoint vector; }'
    . ' location = /status { oscp_status; }');
my $redis = $door->redis;

# The status of a connection.
sub connection {
    my ($name) = @_;

    return (grep { $_->{name} eq $name } @{$door->status->{connections}})[0];
}

subtest 'at start' => sub {
    ok($door->ready, 'both workers are connected');
    my $status = $door->status;
    like($status->{version}, qr/^\d+\.\d+\.\d+$/, 'version');
    is($status->{redis}, 'up', 'Redis is up');
    is($status->{shards}, 1, 'shards');
    is($status->{configuration}, $door->version, 'configuration');
    is($status->{published}, $door->version, 'which is the published one');
    is($status->{error}, undef, 'Redis has answered everything');
    is($status->{backlog}, 0, 'backlog');
    is($status->{samples}, 0, 'samples');
    is_deeply([map { $_->{name} } @{$status->{connections}}],
        [qw(empty vector)], 'connections by name');
    my $vector = connection('vector');
    is($vector->{profile}, 'vector', 'profile');
    is($vector->{groups}, 1, 'groups');
    is($vector->{state}, undef, 'no state yet');
    is($vector->{since}, undef, 'nor since');
    ok($vector->{enabled}, 'enabled');
    is_deeply($vector->{messages}, { map { $_ => 0 } qw(stored duplicate
        invalid unauthenticated refused unavailable) }, 'nothing counted');
};

subtest 'what Redis says' => sub {
    $redis->command('HSET', 'oscp:{0}:conn:vector', 'state', 'online',
        'since', '2026-11-23T00:00:00.000Z', 'enabled', '0', 'last_error',
        qq(a "quoted"\\ \x{c3}\x{a9} \x01));
    my $vector = connection('vector');
    is($vector->{state}, 'online', 'state');
    is($vector->{since}, '2026-11-23T00:00:00.000Z', 'since');
    ok(!$vector->{enabled}, 'enabled');
    is($vector->{last_error}, qq(a "quoted"\\ \x{e9} \x01), 'last_error');
    $redis->command('DEL', 'oscp:{0}:conn:vector');
};

subtest 'what nginx counts' => sub {
    my @same = ('X-Request-ID: same');
    is($door->post('heartbeat', '{}')->{status}, 204, 'stored') for 1 .. 2;
    is($door->post('heartbeat', '{}', @same)->{status}, 204, 'stored');
    is($door->post('heartbeat', '{}', @same)->{status}, 204, 'duplicate');
    is($door->post('heartbeat', '{')->{status}, 400, 'invalid');
    is($door->post('heartbeat', '{}', 'Content-Type: a/b')->{status}, 415,
        'invalid');
    is($door->post('heartbeat', '{}', 'fp-id: x')->{status}, 401, 'wrong')
        for 1 .. 4;
    is($door->post('nothing', '{}')->{status}, 404, 'refused');
    is($door->post('heartbeat', '{}')->{status}, 503, 'unavailable');
    my $want = { stored => 3, duplicate => 1, invalid => 2,
        unauthenticated => 4, refused => 1, unavailable => 1 };
    is_deeply(connection('vector')->{messages}, $want, 'counted');
    is($door->status->{backlog}, 3, 'and the backlog shown');
    $redis->command('XADD', 'oscp:{0}:meter', '*', 'conn', 'vector');
    is($door->status->{samples}, 1, 'that of samples apart');
    is(connection('empty')->{messages}{stored}, 0, 'the other is apart');
    ok($door->nginx->reload, 'reloaded');
    is_deeply(connection('vector')->{messages}, $want, 'counters stay');
};

# Zero would be taken for a stream that is empty.
subtest 'what Redis cannot say' => sub {
    my %keys = (backlog => 'oscp:{0}:in', samples => 'oscp:{0}:meter',
        published => 'oscp:config');

    my $before = $door->status;
    for my $name (sort keys %keys) {
        my $key = $keys{$name};
        $redis->command('RENAME', $key, "$key:aside");
        $redis->command('SET', $key, 'x');
        my $status = $door->status;
        is($status->{$name}, undef, "$name is not known");
        like($status->{error}, qr/^\Q$key\E: WRONGTYPE /, 'and why');
        is($status->{redis}, 'up', 'Redis is there');
        is($status->{$_}, $before->{$_}, "$_ is known")
            for grep { $_ ne $name } sort keys %keys;
        $redis->command('DEL', $key);
        $redis->command('RENAME', "$key:aside", $key);
    }
    is_deeply($door->status, $before, 'as it was');

    my $key = 'oscp:{0}:conn:vector';
    $redis->command('SET', $key, 'x');
    my $vector = connection('vector');
    is($vector->{$_}, undef, "$_ of the connection is not known")
        for qw(state since enabled heartbeat_received_at last_error);
    is($vector->{messages}{stored}, 3, 'what nginx counts is');
    like($door->status->{error}, qr/^\Q$key\E: WRONGTYPE /, 'and why');
    ok(connection('empty')->{enabled}, 'the other connection is');
    $redis->command('DEL', $key);
    is($door->status->{error}, undef, 'and then all is');
};

subtest 'methods' => sub {
    for my $case ([GET => 200], [HEAD => 200], [POST => 405], [PUT => 405]) {
        my ($method, $status) = @$case;
        my $socket = $door->connect;
        print {$socket} "$method /status HTTP/1.0\r\n\r\n";
        my $text = do { local $/; readline $socket };
        like($text, qr{^HTTP/1\.1 $status }, "$method: $status");
        like($text, qr{^Content-Type: application/json\r}m, 'JSON');
        like($text, qr{^Allow: GET, HEAD\r}m, 'Allow') if $status == 405;
        is($text =~ s/.*\r\n\r\n//sr eq '', $method eq 'HEAD' || 0 == 1,
            'body') if $method =~ /GET|HEAD/;
    }
};

subtest 'Redis away' => sub {
    $redis->stop;
    ok(wait_for(sub { $door->status->{redis} eq 'down' }, 10), 'down');
    my $status = $door->status;
    is($status->{backlog}, undef, 'the backlog is not known');
    is($status->{samples}, undef, 'nor the samples');
    is($status->{published}, undef, 'nor what is published');
    my $vector = connection('vector');
    is($vector->{state}, undef, 'nor a state');
    is($vector->{enabled}, undef, 'nor whether enabled');
    cmp_ok($vector->{messages}{stored}, '>=', 3, 'the counters are');
    $redis->start;
    ok(wait_for(sub { $door->status->{redis} eq 'up' }, 10), 'up again');
};

subtest 'Redis hangs' => sub {
    $redis->process->signal('STOP');
    my $status = $door->status;
    isnt($status->{redis}, 'up', 'answered after a bounded wait');
    $redis->process->signal('CONT');
    ok(wait_for(sub { $door->status->{redis} eq 'up' }, 10), 'up again');
};

subtest 'the client leaves before the answer' => sub {
    $redis->process->signal('STOP');
    for (1 .. 5) {
        my $socket = $door->connect;
        print {$socket} "GET /status HTTP/1.0\r\n\r\n";
        close $socket;
    }
    $redis->process->signal('CONT');
    ok(wait_for(sub { $door->status->{redis} eq 'up' }, 10), 'all is well');
};

$door->finish;
done_testing();
