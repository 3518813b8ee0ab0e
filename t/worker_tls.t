#!/usr/bin/env perl
#
# Goal: the worker and oscpctl speak TLS with Redis where hiredis has it, alone,
# with a sentinel and with a cluster, and never with a server whose certificate
# is another one's or nobody's.  Where hiredis has none, both say so.

use strict;
use warnings;

use Cwd qw(abs_path);
use FindBin qw($Bin);
use Test::More;

use lib "$Bin/lib";
use OSCP::Cluster;
use OSCP::Ctl;
use OSCP::Direct;
use OSCP::PKI;
use OSCP::Process qw(wait_for);
use OSCP::Sentinel;

my $build = abs_path($ENV{OSCP_BUILD} // 'build');
my $pki = OSCP::PKI->new->authority('ours')->authority('other');
my $ours = $pki->ca('ours');

if (`ldd $build/oscp-worker` !~ /libhiredis_ssl/) {
    for my $program ('oscp-worker', 'oscpctl status') {
        my $output = `$build/$program --redis 127.0.0.1:1 \\
            --redis-tls-ca $ours 2>&1`;
        is($? >> 8, 2, "$program does not begin");
        like($output, qr/this build has no TLS for Redis: hiredis was built/,
            'and says why');
    }
    done_testing();
    exit;
}

sub certificate {
    my ($ca, $name, $san) = @_;

    $pki->certificate($ca, $name, $san);
    return { ca => $ours, cert => "$pki->{dir}/$name.crt",
        key => "$pki->{dir}/$name.key" };
}

my $good = certificate('ours', 'good', 'IP:127.0.0.1,DNS:localhost');

# Redis with the worker that speaks TLS with it.
sub direct {
    my ($class, %o) = @_;

    return OSCP::Direct->start(connections => { vector => {} },
        arguments => ['--redis-tls-ca', $ours], store => sub {
            $class eq 'OSCP::Redis'
                ? OSCP::Tcp->new(dir => $_[0], port => 1, tls => $good)->start
                : $class->start(dir => $_[0], tls => $good, %o) });
}

# An OSCP::Redis that is not spoken to by its socket.
package OSCP::Tcp {
    use parent -norequire, 'OSCP::Redis';

    sub address { return $_[0]->tcp_address }
}

my $sent = 0;

sub works {
    my ($direct, $what) = @_;

    ok($direct->wait_hash('conn:vector', { profile => 'vector' }),
        "$what: loaded");
    $direct->forecast('vector', 'DEPOT01', req => 'req-' . ++$sent,
        blocks => [map { [$_ * 10, $_ * 10 + 10, $_] } 0 .. 199]);
    return ok($direct->wait_hash('forecast:vector:DEPOT01:CONSUMPTION',
        { req => "req-$sent" }), "$what: works");
}

my $direct = direct('OSCP::Redis');
my $redis = $direct->redis;
my $port = $redis->port;

# A further worker at that address, and what it says at first.
sub says {
    my ($what, $pattern, $address, $ca) = @_;
    my $worker = OSCP::Worker->new(dir => $direct->dir, redis => $address,
        build => $build, name => 'other-' . ++$sent,
        arguments => ['--redis-tls-ca', $ca])->start;

    ok(wait_for(sub { $worker->log_text =~ $pattern }), $what)
        or diag($worker->log_text);
    is($worker->stop, 0, 'it lives');
}

subtest 'one server' => sub {
    works($direct, 'TLS');
    is(OSCP::Ctl->of($direct, arguments => ['--redis-tls-ca', $ours])
        ->json('status')->{shards}[0]{backlog}, 0, 'oscpctl, too');
    $redis->restart('KILL');
    $direct->publish(vector => {});
    works($direct, 'after a kill');
};

subtest 'whom it speaks with' => sub {
    my $other = OSCP::Redis->new(dir => $direct->dir, name => 'other',
        port => 1, tls => certificate('ours', 'foreign', 'DNS:example.org'))
        ->start;
    my $plain = OSCP::Redis->new(dir => $direct->dir, name => 'plain',
        port => 1)->start;

    says('a name', qr/standing by/, "localhost:$port", $ours);
    says('another CA', qr/certificate is refused/, "127.0.0.1:$port",
        $pki->ca('other'));
    says("another one's address", qr/certificate is refused: IP address/,
        $other->tcp_address, $ours);
    says("another one's name", qr/certificate is refused: hostname/i,
        'localhost:' . $other->port, $ours);
    says('no TLS there', qr/no configuration from Redis/, $plain->tcp_address,
        $ours);
    is($other->command('INFO', 'commandstats') =~ /cmdstat_(?!ping|info)/, '',
        'a stranger got no command');

    my ($status, $out, $err) = OSCP::Ctl->new(build => $build,
        redis => $other->tcp_address, arguments => ['--redis-tls-ca', $ours])
        ->run('status');
    is($status, 1, 'oscpctl refuses it');
    like($err, qr/certificate is refused/, 'and says why');
    ($status, $out, $err) = OSCP::Ctl->new(build => $build,
        redis => $redis->address)->run('status');
    is($status, 1, 'without TLS it gets nothing');
    $_->stop for $other, $plain;
};

subtest 'files' => sub {
    my $output = `$build/oscp-worker --redis 127.0.0.1:$port \\
        --redis-tls-ca /nowhere 2>&1`;
    isnt($?, 0, 'no such CA: it does not begin');
    like($output, qr{TLS to Redis: /nowhere: }, 'and says why');

    my $file = $direct->file('ca', scalar `cat ${\$pki->ca('other')}`);
    my $worker = OSCP::Worker->new(dir => $direct->dir, build => $build,
        redis => $redis->address, name => 'reload',
        arguments => ['--redis-tls-ca', $file])->start;
    ok(wait_for(sub { $worker->log_text =~ /refused/ }), 'the wrong CA');
    $direct->file('ca', scalar `cat $ours`);
    $worker->process->signal('HUP');
    ok(wait_for(sub { $worker->log_text =~ /standing by/ }),
        'the right one after SIGHUP');
    $worker->stop;
};

$direct->finish(allow => qr{/nowhere});

subtest 'a sentinel' => sub {
    my $all = direct('OSCP::Sentinel', replicas => 1, sentinels => 1);
    works($all, 'sentinel');
    is(OSCP::Ctl->of($all, arguments => ['--redis-tls-ca', $ours])
        ->json('status')->{shards}[0]{backlog}, 0, 'oscpctl, too');
    my $old = $all->redis->master;
    $old->process->stop('KILL');
    ok($all->redis->wait_failover($old), 'another master');
    works($all, 'after it');
    $all->finish;
};

subtest 'a cluster' => sub {
    my $all = direct('OSCP::Cluster', masters => 2);
    works($all, 'cluster');
    is(OSCP::Ctl->of($all, arguments => ['--redis-tls-ca', $ours])
        ->json('status')->{shards}[0]{backlog}, 0, 'oscpctl, too');
    $all->finish;
};

done_testing();
