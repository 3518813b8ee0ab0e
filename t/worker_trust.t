#!/usr/bin/env perl
#
# Goal: checking certificates costs a worker no time.  With a bundle of many
# CAs, as a system has one, and many peers that all become silent, nothing
# else waits; and a file of CAs that has changed counts from the next
# connection on, by its name when it cannot be read.

use strict;
use warnings;

use FindBin qw($Bin);
use IO::Socket::INET;
use Test::More;

use lib "$Bin/lib", "$Bin/cp/lib";
use OSCP::CP;
use OSCP::Direct;
use OSCP::PKI;
use OSCP::Process qw(wait_for);

use constant {
    PEERS => 120,
    CERTIFICATES => 300,    # about twice a system's
};

my $pki = OSCP::PKI->new;
$pki->authority($_) for qw(ours theirs);
my $direct = OSCP::Direct->start(workers => 0);
my $redis = $direct->redis;
my $cp = OSCP::CP->new(dir => $direct->dir, listen => ['http://127.0.0.1:0',
    $pki->certificate('ours', 'good', 'IP:127.0.0.1')])->start;
my $bundle = "$direct->{dir}/bundle.pem";

$cp->command("accept token-file=$direct->{dir}/token header.fp-id=CP77",
    'acknowledges off', 'heartbeats off');

# A file of CAs, replaced as an update does it; many: with hundreds of others.
sub bundle {
    my ($many, @names) = @_;
    my $text = '';

    if ($many) {
        $pki->authority("other-$_") for 1 .. 3;
        $text .= content($pki->ca("other-$_")) for 1 .. 3;
        $text x= CERTIFICATES / 3;
    }
    $text .= content($pki->ca($_)) for @names;
    $direct->file('bundle.new', $text);
    rename "$direct->{dir}/bundle.new", $bundle or die $!;
    return;
}

sub content {
    my ($name) = @_;

    open my $fh, '<', $name or die "$name: $!";
    local $/;
    return <$fh>;
}

# Takes connections, and that is all: the kernel does it.
my $silent = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 1024)
    or die "no socket: $!";
my %silent = map { ("silent$_" => { peer => 'https://127.0.0.1:'
    . $silent->sockport . '/cp', tls_ca => $bundle, initiate_handshake =>
    JSON::PP::true, groups => { "S$_" => { scope => "s-$_",
        circuit => "k-$_" } } }) } 1 .. PEERS;

bundle(1, 'ours');
my $version = $direct->publish(%silent, good => { peer => $cp->url(1),
    tls_ca => $bundle, heartbeat_interval_ms => 1000 });
$direct->add_worker;

subtest 'many peers, many CAs' => sub {
    ok($direct->wait_applied($version), 'configured');
    $direct->store('handshake', 'good', { required_behaviour => {
        heartbeat_interval => 1,
        measurement_configuration => ['INTERMITTENT'] } });
    ok($direct->wait_hash('conn:good', { state => 'online' }), 'online');
    $direct->store('heartbeat', 'good', { offline_mode_at =>
        OSCP::Direct::at(time + 3600) });
    ok(wait_for(sub { (() = $cp->records(dir => 'in',
        message => 'heartbeat')) >= 5 }, 20), 'it hears heartbeats');
    ok($direct->wait_log(qr/handshake failed: .*timed out|SSL connection time/,
        0, 30), 'the others are given up');
    unlike($direct->worker->log_text, qr/begins again/,
        'the shard was held all the while');
};

# The peer goes and comes again: there is a new connection to be checked.
sub fails_by {
    my ($pattern, $name) = @_;
    my $before = () = $direct->events('heartbeat_failed');

    $cp->stop;
    $cp->start;
    return ok(wait_for(sub {
        my @failed = $direct->events('heartbeat_failed');
        grep { $_->{data}{error} =~ $pattern } @failed[$before .. $#failed];
    }, 20), $name);
}

subtest 'the file changes' => sub {
    $direct->publish(good => { peer => $cp->url(1), tls_ca => $bundle,
        heartbeat_interval_ms => 1000 });
    bundle(0, 'theirs');
    fails_by(qr/unable to get local issuer/, 'another CA');
    $direct->file('bundle.pem', 'nothing');
    fails_by(qr/no certificates of CAs can be read from \Q$bundle\E: /, 'none');
    unlink $bundle or die $!;
    fails_by(qr/certificates of CAs, \Q$bundle\E: No such file/, 'no file');
    bundle(0, 'ours');
    my $had = () = $cp->records(dir => 'in', message => 'heartbeat');
    ok(wait_for(sub { (() = $cp->records(dir => 'in',
        message => 'heartbeat')) > $had }, 20), 'and the right one');
};

$cp->stop;
$direct->finish;
done_testing();
