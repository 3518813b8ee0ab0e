#!/usr/bin/env perl
#
# Goal: the peer over HTTPS.  With the CA that the connection names it works;
# a certificate for another host or from another CA is refused, and last_error
# says so.  The worker follows each change of the configuration.

use strict;
use warnings;

use FindBin qw($Bin);
use Test::More;

BEGIN {
    # Without it there is no HTTPS in the simulator, and no test.
    require IO::Socket::SSL;
}

use lib "$Bin/lib";
use OSCP::PKI;
use OSCP::Process qw(wait_for);
use OSCP::Stack;

my $pki = OSCP::PKI->new;

$pki->authority($_) for qw(ours theirs);
my @listen = ('http://127.0.0.1:0',
    $pki->certificate('ours', 'good', 'IP:127.0.0.1,DNS:localhost'),
    $pki->certificate('ours', 'elsewhere', 'DNS:elsewhere.example'),
    $pki->certificate('theirs', 'stranger', 'IP:127.0.0.1'));
my $stack = OSCP::Stack->start(cp => { listen => \@listen },
    settings => 'peer_tls ca=' . $pki->ca('ours') . '; handshake_timeout 3s;');
my $cp = $stack->cp;
my ($plain, $good, $elsewhere, $stranger) = map { $cp->url($_) } 0 .. 3;
$cp->command('heartbeats on ahead=1h');

# Lets the connection point to another URL.
sub point_to {
    my ($url) = @_;

    $stack->{peer} = $url;
    $stack->nginx->configure(http => $stack->http);
    ok($stack->nginx->reload, "reload for $url");
    ok($stack->wait_hash('conn:vector', { peer => $url }),
        'the worker follows');
    return;
}

sub received {
    return $cp->state->{counts}{in}{handshake_acknowledge} // 0;
}

for my $case ([$elsewhere, 'another host\'s certificate'],
    [$stranger, 'another CA\'s certificate'])
{
    my ($url, $name) = @$case;
    subtest $name => sub {
        point_to($url);
        my $before = $stack->connection->{last_error_at} // '';
        $cp->command('handshake interval=1 expect=204');
        ok(wait_for(sub { ($stack->connection->{last_error_at} // '')
            ne $before }, 15), 'an error is noted');
        my $conn = $stack->connection;
        like($conn->{last_error}, qr/certificate|SSL|TLS|peer/i,
            "last_error: $conn->{last_error}");
        isnt($conn->{state}, 'online', 'not online');
        is(received(), 0, 'nothing was sent to it');
    };
}

subtest 'the right certificate' => sub {
    point_to($good);
    $cp->command('handshake id=tls-1 interval=1 expect=204');
    my $ack = $cp->command('mark', 'expect online within=10s')
        && ($cp->records(dir => 'in', message => 'handshake_acknowledge'))[-1];
    is($ack->{corr}, 'tls-1', 'acknowledged');
    ok($stack->wait_state('online'), 'online');
    ok($cp->command('expect heartbeat count=2 within=10s'), 'heartbeats');
};

subtest 'by name' => sub {
    point_to($good =~ s/127\.0\.0\.1/localhost/r);
    ok($cp->command('mark', 'expect heartbeat count=2 within=10s'),
        'heartbeats go to the new address');
    is($stack->connection->{state}, 'online', 'still online');
};

$stack->finish;
done_testing();
