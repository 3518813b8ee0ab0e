#!/usr/bin/env perl
#
# Goal: every way to reach Redis that `oscp_redis` offers: a Unix socket, a
# port, a name with several addresses, IPv6; a password, a user with few
# rights, a database.  A wrong password is an outage like any other.

use strict;
use warnings;

use FindBin qw($Bin);
use IO::Socket::IP;
use Test::More;

use lib "$Bin/lib";
use OSCP::Door;
use OSCP::Process qw(wait_for);

my $door = OSCP::Door->new;
my $redis = $door->redis;
my $port = OSCP::Redis::free_port();

$redis->command('CONFIG', 'SET', 'bind', '127.0.0.1 -::1');
$redis->command('CONFIG', 'SET', 'port', $port);
$door->nginx->start;

# Serves by that address, in that database.
sub serves {
    my ($name, $address, $db) = @_;

    subtest $name => sub {
        $door->configure(redis => $address);
        my ($status, $output) = $door->check;
        is($status, 0, 'nginx -t') or diag($output);
        ok($door->reload, 'reloaded');
        my $response;
        ok(wait_for(sub { $response = $door->post('heartbeat', '{}');
            $response->{status} == 204 }, 10), 'stored')
            or diag($response->{body});
        $redis->command('SELECT', $db // 0);
        ok($door->version, 'published');
        cmp_ok($door->stored, '>=', 1, 'where it should be');
        $redis->command('FLUSHALL');
        $redis->command('SELECT', 0);
    };
    return;
}

serves('a Unix socket', 'unix:' . $redis->socket);
serves('an address and a port', "127.0.0.1:$port");
serves('a name, maybe of several addresses', "localhost:$port");
SKIP: {
    my $six = IO::Socket::IP->new(PeerHost => '::1', PeerPort => $port);
    skip 'no IPv6 on this machine', 1 unless $six;
    close $six;
    serves('IPv6', "[::1]:$port");
}
serves('a database', "127.0.0.1:$port db=3", 3);

subtest 'a password' => sub {
    $redis->command('CONFIG', 'SET', 'requirepass', 'sesame-9d3a');
    $redis->command('AUTH', 'sesame-9d3a');
    $door->file('password', "sesame-9d3a\n");
    $door->file('wrong', "sesame-ffff\n");
    serves('right', "127.0.0.1:$port password_file=password");
    serves('with a database', "127.0.0.1:$port db=2 password_file=password",
        2);

    $door->configure(redis => "127.0.0.1:$port password_file=wrong");
    ok($door->reload, 'reloaded with a wrong one');
    ok(wait_for(sub { $door->nginx->log_text
        =~ /oscp: Redis at \S+: AUTH answered "WRONGPASS/ }, 10), 'is told');
    is($door->post('heartbeat', '{}')->{status}, 503, 'and refuses');
    unlike($door->nginx->log_text, qr/sesame/, 'without showing either');
};

subtest 'a user with few rights' => sub {
    $redis->command('ACL', 'SETUSER', 'nginx', 'on', '>door-77b1', '~oscp:*',
        '-@all', qw(+ping +eval +evalsha +script|load +multi +exec +hget +hset
        +hlen +hmget +del +get +set +exists +xlen +xadd +xdel +xrevrange));
    $door->file('door', "door-77b1\n");
    serves('enough', "127.0.0.1:$port user=nginx password_file=door");
    $redis->command('ACL', 'SETUSER', 'nginx', '-xadd');
    ok(wait_for(sub { $door->post('heartbeat', '{}')->{status} == 503 }, 10),
        'too few: refused');
    ok(wait_for(sub { $door->nginx->log_text
        =~ /oscp: Redis refused a command: "NOPERM .*xadd/ }, 10),
        'and the log says why');
};

is((grep { /sesame|door-77b1/ } split /\n/, $door->nginx->log_text), 0,
    'no password in the log');
$door->finish;
done_testing();
