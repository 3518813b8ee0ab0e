#!/usr/bin/env perl
#
# Goal: Redis over TLS where hiredis has it: messages of every size, many at
# once, restarts, a cluster; a server whose certificate is another one's, or
# nobody's, is never spoken to.  Where hiredis has none, `nginx -t` says so.

use strict;
use warnings;

use Cwd qw(abs_path);
use FindBin qw($Bin);
use Test::More;

use lib "$Bin/lib";
use OSCP::Door;
use OSCP::PKI;
use OSCP::Process qw(wait_for);
use OSCP::Sentinel;

my $build = abs_path($ENV{OSCP_BUILD} // 'build');
my $pki = OSCP::PKI->new->authority('ours')->authority('other');
my $ours = $pki->ca('ours');

if (`ldd $build/ngx_http_oscp_module.so` !~ /libhiredis_ssl/) {
    my $door = OSCP::Door->new;
    for my $words ('tls', "tls_ca=$ours") {
        $door->configure(redis => "127.0.0.1:6379 $words");
        my ($status, $output) = $door->check;
        isnt($status, 0, "$words: nginx -t refuses it");
        like($output,
            qr/\[emerg\].* is not possible: hiredis was built without TLS/,
            'and says why');
    }
    done_testing();
    exit;
}

sub certificate {
    my ($ca, $name, $san) = @_;

    $pki->certificate($ca, $name, $san);
    return map { $_ => $pki->{dir} . "/$name." . ($_ eq 'cert' ? 'crt'
        : 'key') } qw(cert key);
}

my %good = (certificate('ours', 'good', 'IP:127.0.0.1,DNS:localhost'),
    ca => $ours);
my $door = OSCP::Door->new(main => 'oscp_redis_timeout 2s;',
    server => 'location = /status { oscp_status; }'
    . ' location /oscp/fp/2.0/ { client_body_buffer_size 1m;'
    . ' oscp_endpoint vector; }',
    store => sub { OSCP::Redis->new(dir => $_[0], port => 1,
        tls => \%good)->start });
my $redis = $door->redis;
my $port = $redis->port;
my ($cluster, $sentinel);

sub forecast {
    my ($blocks) = @_;
    my @blocks = map { sprintf '{"capacity":%d,"phase":"ALL","unit":"KW",'
        . '"start_time":"2026-01-01T%02d:%02d:00Z",'
        . '"end_time":"2026-01-01T%02d:%02d:00Z"}', $_, int($_ / 60), $_ % 60,
        int(($_ + 1) / 60), ($_ + 1) % 60 } 0 .. $blocks - 1;

    return '{"group_id":"DEPOT01","type":"CONSUMPTION","forecasted_blocks":['
        . join(',', @blocks) . ']}';
}

sub stored {
    my ($name) = @_;

    ok(wait_for(sub { $door->post('heartbeat', '{}')->{status} == 204 }, 15),
        "$name: stored");
    return;
}

# Refused by that address, for that reason in the log.
sub refuses {
    my ($name, $address, $pattern) = @_;
    my $offset = length $door->nginx->log_text;
    my $clients = $door->stored;

    $door->configure(redis => $address);
    is(($door->check)[0], 0, "$name: nginx -t");
    $door->reload;
    ok(wait_for(sub { $door->nginx->log_text($offset) =~ $pattern }, 10),
        'the log says why') or diag($door->nginx->log_text($offset));
    is($door->post('heartbeat', '{}')->{status}, 503, 'refused');
    is($door->stored, $clients, 'nothing was stored');
    return;
}

subtest 'messages of every size' => sub {
    $door->configure(redis => "127.0.0.1:$port tls_ca=$ours");
    is(($door->check)[0], 0, 'nginx -t');
    $door->nginx->start;
    stored('a heartbeat');
    ok($door->version, 'published');
    for my $blocks (1, 100, 200, 1000) {
        my $body = forecast($blocks);
        is($door->post('update_group_capacity_forecast', $body)->{status},
            204, "a forecast of $blocks blocks");
        my ($last) = reverse $redis->stream('oscp:{0}:in');
        is($last->{body}, $body, 'whole');
    }
};

subtest 'many at once' => sub {
    my $before = $door->stored;
    my $body = forecast(900);
    my @sockets = map { $door->connect } 1 .. 40;
    print {$_} $door->request('update_group_capacity_forecast', $body)
        for @sockets;
    my %answers;
    $answers{OSCP::Door::response($_)->{status}}++ for @sockets;
    is_deeply(\%answers, { 204 => 40 }, 'all are answered');
    is($door->stored, $before + 40, 'and stored');
    is($door->status->{redis}, 'up', 'replies too');
};

subtest 'outages' => sub {
    $redis->command('CLIENT', 'KILL', 'TYPE', 'normal');
    stored('cut');
    $redis->restart('KILL');
    stored('restarted');
    $redis->process->signal('STOP');
    is($door->post('heartbeat', '{}')->{status}, 503, 'hangs: refused');
    $redis->process->signal('CONT');
    stored('goes on');
};

subtest 'by name' => sub {
    $door->configure(redis => "localhost:$port tls_ca=$ours");
    $door->reload;
    stored('the name in the certificate');
};

subtest 'a password' => sub {
    $door->configure(redis => "127.0.0.1:$port tls_ca=$ours user=oscp-nginx"
        . ' password_file=oscp-nginx.password');
    $door->reload;
    stored('entered');
};

subtest 'servers that are not ours' => sub {
    my %named = certificate('ours', 'named', 'DNS:redis.example');
    my %aliens = certificate('other', 'alien', 'IP:127.0.0.1');
    my @servers = map { OSCP::Redis->new(dir => $door->dir, port => 1,
        name => $_->[0], tls => $_->[1])->start } ['named', \%named],
        ['alien', \%aliens];
    my ($named, $alien) = map { $_->port } @servers;
    refuses('another name', "127.0.0.1:$named tls_ca=$ours",
        qr/IP address mismatch/i);
    refuses('another host name', "localhost:$named tls_ca=$ours",
        qr/hostname mismatch/i);
    refuses('another CA', "127.0.0.1:$alien tls_ca=$ours",
        qr/self-signed certificate|unable to get local issuer certificate/);
    refuses('the system\'s CAs', "127.0.0.1:$port tls",
        qr/self-signed certificate|unable to get local issuer certificate/);
    is($_->command('DBSIZE'), 0, 'has seen nothing') for @servers;
    $_->stop for @servers;
    my $plain = OSCP::Redis->new(dir => $door->dir, port => 1,
        name => 'plain')->start;
    refuses('no TLS there', '127.0.0.1:' . $plain->port . " tls_ca=$ours",
        qr/oscp: Redis at \S+: .*trying again/);
    refuses('no TLS here', "127.0.0.1:$port",
        qr/oscp: Redis at \S+: .*trying again/);
    $plain->stop;
};

subtest 'a cluster' => sub {
    $cluster = OSCP::Redis->new(dir => $door->dir, name => 'cluster',
        port => 1, tls => \%good, arguments => ['--cluster-enabled', 'yes',
            '--cluster-port', OSCP::Redis::free_port()])->start;
    $cluster->command('CLUSTER', 'ADDSLOTSRANGE', 0, 16383);
    wait_for(sub { $cluster->command('CLUSTER', 'INFO')
        =~ /cluster_state:ok/ }, 10);
    $door->configure(redis => "cluster:localhost:@{[$cluster->port]}"
        . " tls_ca=$ours");
    $door->reload;
    stored('by TLS');
    cmp_ok($cluster->command('XLEN', 'oscp:{0}:in'), '>=', 1, 'there');
};

subtest 'sentinels' => sub {
    $sentinel = OSCP::Sentinel->start(dir => $door->dir, tls => \%good,
        sentinels => 1);
    $door->configure(redis => $sentinel->address . " tls_ca=$ours");
    $door->reload;
    stored('by TLS');
    my $old = $sentinel->master;
    is($door->status->{nodes}[0]{address}, $old->tcp_address, 'the master');
    $old->process->stop('KILL');
    ok($sentinel->wait_failover($old), 'it is killed');
    stored('at the other one');
    isnt($door->status->{nodes}[0]{address}, $old->tcp_address, 'by TLS too');
};

subtest 'mistakes' => sub {
    for my $case (['tls_ca=no-such-file', qr/has no certificates of CAs/],
        ["tls_ca=$pki->{dir}/good.key", qr/has no certificates of CAs/])
    {
        my ($words, $pattern) = @$case;
        $door->configure(redis => "127.0.0.1:$port $words");
        my ($status, $output) = $door->check;
        isnt($status, 0, "$words: nginx -t refuses it");
        like($output, $pattern, 'and says why');
    }
};

$door->finish;
$_->stop for grep { defined } $redis, $cluster, $sentinel;
done_testing();
