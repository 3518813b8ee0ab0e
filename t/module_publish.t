#!/usr/bin/env perl
#
# Goal: the configuration is in Redis before any message that was validated
# under it; its version changes when and only when the configuration does;
# what is removed disappears; and it comes back after Redis has lost its data.

use strict;
use warnings;

use FindBin qw($Bin);
use Test::More;

use lib "$Bin/lib";
use OSCP::Door;
use OSCP::Process qw(wait_for);

my $door = OSCP::Door->start(workers => 2);
my $redis = $door->redis;
my $version = $door->version;

like($version, qr/^[0-9a-f]{16}$/, 'published at start');
is_deeply([sort keys %{$redis->hash('oscp:config')}],
    [qw(shards vector version)], 'a field for each connection, and two');
is($redis->command('HGET', 'oscp:config', 'shards'), 1, 'the shards');
is($door->document->{name}, 'vector', 'the document');
is($door->document->{groups}[0]{rated_w}, 400000, 'with its groups');
unlike(join(' ', %{$redis->hash('oscp:config')}),
    qr/@{[OSCP::Door::TOKEN]}|@{[OSCP::Door::APIKEY]}/, 'holds no secret');

subtest 'a reload without a change' => sub {
    $redis->command('CONFIG', 'RESETSTAT');
    ok($door->nginx->reload, 'reloaded');
    is($door->post('heartbeat', '{}')->{status}, 204, 'serves');
    is($door->version, $version, 'the version stays');
    unlike($redis->command('INFO', 'commandstats'), qr/cmdstat_hset/,
        'and nothing is written');
};

subtest 'a reload with a change' => sub {
    $door->configure(settings => 'heartbeat_interval 15s;');
    ok($door->nginx->reload, 'reloaded');
    ok(wait_for(sub { $door->version ne $version }, 10), 'another version');
    is($door->document->{heartbeat_interval_ms}, 15000, 'the new document');
    $door->configure(settings => '');
    ok($door->nginx->reload, 'back again');
    ok(wait_for(sub { $door->version eq $version }, 10),
        'equal configurations have equal versions');
};

subtest 'connections come and go' => sub {
    $door->configure(main => 'oscp_connection other { profile generic;'
        . ' peer https://other.example; accept header a b; }');
    ok($door->nginx->reload, 'one more');
    ok(wait_for(sub { $door->document('other') }, 10), 'is published');
    my $both = $door->version;
    $door->configure(main => '');
    ok($door->nginx->reload, 'removed');
    ok(wait_for(sub { !$door->document('other') }, 10), 'disappears');
    is($door->version, $version, 'and the version is the old one');
    isnt($both, $version, 'which differed');
};

subtest 'the order of blocks and lines is nothing' => sub {
    my $other = 'oscp_connection a { profile generic;'
        . ' peer https://a.example; accept header a b; }';
    $door->configure(main => $other);
    $door->nginx->reload;
    ok(wait_for(sub { $door->version ne $version }, 10), 'before');
    my $before = $door->version;
    $door->configure(main => '', edit => sub { $_ .= $other });
    $door->nginx->reload;
    ok(wait_for(sub { $door->nginx->children == 2 }, 10), 'behind');
    is($door->post('heartbeat', '{}')->{status}, 204, 'serves');
    is($door->version, $before, 'the same version');
    $door->configure(edit => undef);
    $door->nginx->reload;
    ok(wait_for(sub { $door->version eq $version }, 10), 'as it was');
};

# State is kept by shard: another number would leave it all behind, the
# operator's `disconnected` with it.
subtest 'another number of shards is refused' => sub {
    $door->configure(main => 'oscp_shards 4;');
    my $offset = -s $door->nginx->error_log;
    ok($door->reload, 'reloaded');
    my $answer = $door->post('heartbeat', '{}');
    is($answer->{status}, 503, 'nothing is stored in the wrong place');
    is($answer->{headers}{'retry-after'}, 5, 'to be tried again');
    my $why = 'SHARDS oscp_shards is 4, but what Redis holds was stored under'
        . ' 1: put that number back';
    like($door->nginx->log_text($offset), qr/\[error\].*\Q$why\E/,
        'the log says why');
    is($redis->command('HGET', 'oscp:config', 'shards'), 1, 'as published');
    is($door->version, $version, 'with its version');
    $door->configure(main => '');
    ok($door->reload && $door->ready, 'put back');
    is($door->post('heartbeat', '{}')->{status}, 204, 'served again');
};

subtest 'a number of shards that was dropped by hand' => sub {
    my $socket = $door->connect;
    print {$socket} substr $door->request('heartbeat', '{"x":1}',
        'Content-Length: 8'), 0, -1;
    select undef, undef, undef, 0.1;
    for my $shards (4, 1) {
        $door->configure(main => "oscp_shards $shards;");
        $door->nginx->reload;
        $redis->command('HDEL', 'oscp:config', 'shards');
        ok(wait_for(sub { $shards == ($redis->command('HGET', 'oscp:config',
            'shards') // 0) }), "another one is published: $shards");
        ok(wait_for(sub { $door->post('heartbeat', '{}')->{status} == 204 }),
            'and serves');
        next unless $shards == 4;
        isnt($door->version, $version, 'under another version');
        # The old worker, which knows the old number only, connects anew.
        $redis->command('CLIENT', 'KILL', 'TYPE', 'normal');
        print {$socket} '1}';
        is((OSCP::Door::response($socket) // {})->{status}, 503,
            'what was read under the old number is not stored');
    }
    $door->configure(main => '');
    ok(wait_for(sub { $door->version eq $version }, 10), 'as it was');
};

subtest 'Redis loses its data' => sub {
    $redis->command('FLUSHALL');
    ok(wait_for(sub { ($door->version // '') eq $version }, 15),
        'published again');
    ok($door->document, 'whole');
};

subtest 'Redis restarts empty' => sub {
    $redis->restart('KILL');
    ok(wait_for(sub { ($door->version // '') eq $version }, 15),
        'published again');
    ok($door->ready, 'by all');
    ok(wait_for(sub { $door->post('heartbeat', '{}')->{status} == 204 }, 10),
        'before any message');
};

subtest 'a hash that lost a field is written again on connecting' => sub {
    $redis->command('HDEL', 'oscp:config', 'vector');
    is($door->version, $version, 'although the version stands');
    ok($door->nginx->reload, 'reloaded');
    ok(wait_for(sub { $door->document }, 10), 'whole again');
};

subtest 'a worker that a reload has overtaken keeps silent' => sub {
    # The old worker is kept alive by a request whose body does not end.
    my $socket = $door->connect;
    print {$socket} substr $door->request('heartbeat', '{"x":1}',
        'Content-Length: 8'), 0, -1;
    my @old = $door->nginx->children;
    select undef, undef, undef, 0.1;
    $door->configure(settings => 'heartbeat_interval 20s;');
    ok($door->nginx->reload, 'reloaded');
    ok(wait_for(sub { $door->version ne $version }, 10), 'the new version');
    my $new = $door->version;
    ok(wait_for(sub { 3 == (() = $door->nginx->children) }, 10),
        'of the old workers only that one is left');
    # All connections are cut: every process, the old one too, comes back.
    my ($last) = sort { $b <=> $a } $door->clients;
    $redis->command('CLIENT', 'KILL', 'TYPE', 'normal');
    ok(wait_for(sub { 3 == grep { $_ > $last } $door->clients }, 10),
        'all are back');
    is($door->version, $new, 'the new version stands');
    print {$socket} '1}';
    is((OSCP::Door::response($socket) // {})->{status}, 204,
        'and the old worker finishes its request');
    $door->configure(settings => '');
};

# What the door's log has said of others since an offset.
sub complaints {
    my ($offset) = @_;

    return $door->nginx->log_text($offset) =~ /\[error\].*oscp:\ another\ nginx
        \ has\ published\ configuration\ (\S+)\ in\ place\ of\ $version:
        \ only\ one\ nginx\ may\ publish\ under\ a\ prefix/xg;
}

# Another nginx on the same Redis.
sub neighbour {
    my (%o) = @_;
    my $other = OSCP::Door->new(redis => $redis->address, %o);

    $other->nginx->start;
    return $other;
}

my $status = 'location = /status { oscp_status; }';

subtest 'an nginx without connections publishes nothing' => sub {
    $door->nginx->reload;
    ok(wait_for(sub { $door->version eq $version }, 10), 'as it was');
    my $other = neighbour(edit => sub { $_ = '' }, server => $status);
    ok(wait_for(sub { $other->status->{redis} eq 'up' }, 10), 'connected');
    is($other->status->{published}, $version, 'it shows what is published');
    isnt($other->status->{configuration}, $version, 'beside its own');
    ok($other->reload, 'reloaded');
    ok(wait_for(sub { $other->status->{redis} eq 'up' }, 10), 'connected');
    is($door->version, $version, 'and it stands');
    ok($door->document, 'whole');
    $redis->command('FLUSHALL');
    ok(wait_for(sub { ($door->version // '') eq $version }, 15),
        'what is lost is published by the one that has connections');
    unlike($other->nginx->log_text, qr/published/, 'it has said nothing');
    $other->finish;
};

subtest 'a reload takes the last connection out' => sub {
    $door->configure(edit => sub { $_ = '' }, server => $status);
    ok($door->reload, 'reloaded');
    ok(wait_for(sub { !$door->document }, 10), 'it disappears');
    is($door->status->{published}, $door->status->{configuration},
        'under a version of its own');
    is($redis->command('HLEN', 'oscp:config'), 2, 'and nothing is left');
    $door->configure(edit => undef, server => undef);
    ok($door->reload, 'put back');
    ok(wait_for(sub { $door->version eq $version }, 10), 'as it was');
};

subtest 'and leaves alone what another nginx has published' => sub {
    my $other = neighbour(settings => 'heartbeat_interval 21s;');
    ok(wait_for(sub { $door->version ne $version }, 10), 'the other one has');
    my $theirs = $door->version;
    $door->configure(edit => sub { $_ = '' }, server => $status);
    ok($door->reload, 'reloaded');
    ok(wait_for(sub { $door->status->{redis} eq 'up' }, 10), 'connected');
    is($door->version, $theirs, 'it stands');
    $other->finish;
    $door->configure(edit => undef, server => undef);
    ok($door->reload, 'put back');
    ok(wait_for(sub { $door->version eq $version }, 10), 'as it was');
};

subtest 'two nginx of different configurations' => sub {
    $door->configure(server => "$status location /oscp/fp/2.0/ {"
        . ' oscp_endpoint vector; }');
    ok($door->reload && $door->ready, 'with a status');
    my $offset = -s $door->nginx->error_log;
    my $other = neighbour(settings => 'heartbeat_interval 21s;');
    ok(wait_for(sub { complaints($offset) }, 15), 'the first one complains');
    my $theirs = $door->version;
    is_deeply([complaints($offset)], [$theirs], 'and names the version');
    is($door->status->{configuration}, $version, 'the status has ours');
    is($door->status->{published}, $theirs, 'and what is published');
    unlike($other->nginx->log_text, qr/another nginx/, 'the other does not');

    $other->configure(settings => 'heartbeat_interval 22s;');
    ok($other->reload, 'the other is changed');
    ok(wait_for(sub { 2 == (() = complaints($offset)) }, 15), 'a second complaint');
    is((complaints($offset))[1], $door->version, 'which names that version');
    select undef, undef, undef, 6;
    is(scalar(() = complaints($offset)), 2, 'each is named once');

    $offset = -s $door->nginx->error_log;
    ok($door->reload, 'a reload publishes again');
    ok(wait_for(sub { $door->version eq $version }, 10), 'as it was');
    ok(wait_for(sub { $other->nginx->log_text =~ /another\ nginx
        \ has\ published\ configuration\ $version/x }, 15), 'now the other one complains');
    $other->finish;
    is_deeply([complaints($offset)], [], 'and we do not');
};

subtest 'two nginx of equal configurations' => sub {
    my $offset = -s $door->nginx->error_log;
    my $other = neighbour(server => $status);
    ok(wait_for(sub { $other->status->{redis} eq 'up' }, 10), 'connected');
    is($other->status->{published}, $version, 'what is published');
    is($other->status->{configuration}, $version, 'is its own');
    select undef, undef, undef, 6;
    $other->finish;
    is_deeply([complaints($offset)], [], 'nobody complains');
    unlike($other->nginx->log_text, qr/another nginx/, 'nor the other');
};

# Of what went before: a reload is no other nginx.
my $others = () = $door->nginx->log_text =~ /another nginx/g;
is($others, 2, 'no complaint of another kind');

$door->finish;
done_testing();
