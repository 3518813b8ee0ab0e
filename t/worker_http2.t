#!/usr/bin/env perl
#
# Goal: a peer behind HTTP/2 whose connection dies without a word (a balancer
# that lost it, a path that drops packets) hears the next heartbeat on a new
# one: we seem dead no longer than one request takes to be given up.

use strict;
use warnings;

use FindBin qw($Bin);
use Test::More;
use Time::HiRes qw(time);

use lib "$Bin/lib";
use OSCP::Direct;
use OSCP::Nginx;
use OSCP::PKI;
use OSCP::Process qw(wait_for);
use OSCP::Torture::Proxy;

use constant INTERVAL => 2;      # s between our heartbeats

my $pki = OSCP::PKI->new->authority('ours');
my ($cert, $key) = $pki->certificate('ours', 'peer', 'IP:127.0.0.1')
    =~ /cert=(.+)&key=(.+)/;
my $direct = OSCP::Direct->start;
my $dir = $direct->dir . '/peer';
mkdir $dir or die "$dir: $!";
my $port = OSCP::Redis::free_port();
my $peer = OSCP::Nginx->new(dir => $dir, build => $direct->{build},
    http => 'log_format spoken "$server_protocol $connection $uri";'
        . " server { listen 127.0.0.1:$port ssl http2; ssl_certificate $cert;"
        . " ssl_certificate_key $key; access_log $dir/spoken.log spoken;"
        . ' location / { return 204; } }')->start;
my $proxy = OSCP::Torture::Proxy->start(peer => ['127.0.0.1:0',
    "127.0.0.1:$port"]);

# What the peer has heard: protocol and connection of each heartbeat.
sub heard {
    open my $fh, '<', "$dir/spoken.log" or return;
    return map { m{^(\S+) (\d+) .*/heartbeat$} ? "$1 $2" : () } <$fh>;
}

my $version = $direct->publish(vector => { tls_ca => $pki->ca('ours'), peer =>
    'https://127.0.0.1:' . $proxy->port('peer') . '/oscp/cp/2.0' });
ok($direct->wait_applied($version), 'a peer over TLS');
$direct->worker->stop;
$direct->redis->command('HSET', $direct->key('conn:vector'),
    heartbeat_interval_required => INTERVAL);
$direct->set_online('vector', 3600);
ok(wait_for(sub { heard() > 1 }, 15), 'hears heartbeats');
my ($first) = heard();
is((split / /, $first)[0], 'HTTP/2.0', 'by HTTP/2');
is_deeply([grep { $_ ne $first } heard()], [], 'on one connection');

$proxy->set(peer => 'freeze');
ok(wait_for(sub { grep { $_ ne $first } heard() }, 5 * INTERVAL),
    'when that is dead, on another one');
my ($second) = grep { $_ ne $first } heard();
ok(wait_for(sub { grep({ $_ eq $second } heard()) > 1 }, 5 * INTERVAL),
    'which is kept');
like($direct->worker->log_text, qr/heartbeat failed: .*imed out/,
    'one was lost');

$proxy->stop;
is($peer->stop, 0, 'the peer ends');
$direct->finish;
done_testing();
