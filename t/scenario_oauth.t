#!/usr/bin/env perl
#
# Goal: the peer over HTTPS with a token endpoint of its own, whose tokens live
# for 3 seconds, and a static header.  Nothing fails while tokens come and go;
# one that is refused is replaced once; an endpoint that is down, or refuses
# us, is told in last_error, not stormed, and forgotten when it works again.

use strict;
use warnings;

use FindBin qw($Bin);
use Test::More;

BEGIN {
    # Without it there is no HTTPS in the simulator, and no test.
    require IO::Socket::SSL;
}

use lib "$Bin/lib";
use OSCP::CP;
use OSCP::PKI;
use OSCP::Process qw(wait_for);
use OSCP::Stack;

# What form encoding changes, in both.
use constant {
    CLIENT => 'fp: +%',
    SECRET => 's3cret&=+ %/:x',
};

my $pki = OSCP::PKI->new->authority('ours');
my $address = $pki->certificate('ours', 'peer', 'IP:127.0.0.1');
my $stack = OSCP::Stack->start(
    cp => { listen => ['http://127.0.0.1:0', $address] },
    settings => 'peer_tls ca=' . $pki->ca('ours') . ';');
my $cp = $stack->cp;
my $issuer = OSCP::CP->new(dir => $stack->dir, name => 'issuer',
    listen => ['http://127.0.0.1:0', $address])->start;
$stack->file('correct', SECRET);

sub endpoint {
    my ($party) = @_;

    return $party->url(1) =~ s{^(https://[^/]+).*}{$1/oauth2/token}r;
}

# The connection gets its tokens there.
sub tokens_from {
    my ($url, $more) = @_;

    $stack->{peer} = $cp->url(1);
    $stack->{present} = ["oauth token_url=$url \"client_id=${\CLIENT}\""
        . " client_secret_file=$stack->{dir}/secret " . ($more // ''),
        'header fp-id CP77'];
    $stack->nginx->configure(http => $stack->http);
    my $before = $stack->redis->hash('oscp:config')->{version};
    ok($stack->nginx->reload, 'reload');
    return wait_for(sub {
        my $version = $stack->redis->hash('oscp:config')->{version};
        $version ne $before && $stack->hash('config')->{version} eq $version;
    });
}

sub issue {
    my ($party, $life, $more) = @_;

    $party->command("accept oauth \"client=${\CLIENT}\""
        . " secret-file=$stack->{dir}/correct life=$life header.fp-id=CP77 "
        . ($more // ''));
    return;
}

sub fetches { return $_[0]->records(dir => 'in', message => 'token') }
sub beats { return $cp->records(dir => 'in', message => 'heartbeat') }
sub failures { return $stack->events('heartbeat_failed') }

# Waits until so many more heartbeats were taken.
sub beat {
    my ($count, $seconds) = @_;
    my $want = $count + grep { $_->{status} == 204 } beats();

    return wait_for(sub { $want <= grep { $_->{status} == 204 } beats() },
        $seconds // 15);
}

subtest 'a wrong secret' => sub {
    $stack->file('secret', 'wr0ng-secret');
    ok(tokens_from(endpoint($cp)), 'the worker follows');
    issue($cp, '3s');
    $cp->command('heartbeats on ahead=1h', 'require interval=1',
        'handshake interval=1 expect=204');
    ok(wait_for(sub { $stack->connection->{last_error} }), 'is an error');
    is($stack->connection->{last_error},
        'handshake_acknowledge: token endpoint: HTTP 401 invalid_client',
        'by its name');
    isnt($stack->connection->{state}, 'online', 'not online');
    is(() = $cp->records(dir => 'in', message => 'handshake_acknowledge'), 0,
        'and nothing was sent without a token');
};

subtest 'tokens that live for 3 seconds' => sub {
    $stack->file('secret', SECRET . "\n");
    ok($stack->go_online(1), 'online once the file is mended');
    ok(beat(15, 60), '15 heartbeats');
    is(() = failures(), 0, 'none failed');
    my @fetches = fetches($cp);
    # The file is looked at once a second: the wrong one may be used once more.
    shift @fetches while @fetches && $fetches[0]{status} != 200;
    cmp_ok(scalar @fetches, '>=', 4, 'tokens were renewed');
    is((grep { $_->{status} != 200 } @fetches), 0, 'every fetch succeeded');
    is((grep { ($_->{headers}{'fp-id'} // '') ne 'CP77' } @fetches), 0,
        'with the static header');
    my %bearers = map { ($_->{headers}{Authorization} // '') => 1 } beats();
    cmp_ok(scalar keys %bearers, '>=', 4, 'different ones were presented');
    is((grep { !/^Bearer \S+$/ } keys %bearers), 0, 'each as Bearer');
};

subtest 'a token that is refused' => sub {
    issue($cp, '1h');
    ok(beat(4), 'a longer life begins');
    my $fetched = () = fetches($cp);

    issue($cp, '1h');
    ok(beat(2), 'heartbeats go on');
    is((() = fetches($cp)) - $fetched, 1, 'one fetch');
    my ($refused) = grep { $_->{status} == 401 } reverse beats();
    my ($again) = grep { $_->{id} eq $refused->{id} && $_->{status} == 204 }
        beats();
    ok($again, 'the refused message was sent again');
    is(() = failures(), 0, 'none failed');

    $cp->command('misbehave refuse=heartbeat:401 times=8');
    ok(wait_for(sub { (() = failures()) >= 4 }, 20), 'all are refused');
    is((failures())[0]{data}{error}, 'HTTP 401', 'by its name');
    cmp_ok((() = fetches($cp)) - $fetched, '<=', 3, 'no storm of fetches');
    ok(beat(1, 20), 'until they are taken again');
};

subtest 'credentials in the body' => sub {
    $cp->command('accept any header.fp-id=CP77');
    issue($issuer, '3s', 'auth=body');
    ok(tokens_from(endpoint($issuer), 'auth=body "scope=a b"'),
        'the worker follows');
    ok(beat(2, 20), 'heartbeats go on');
    my ($fetch) = fetches($issuer);
    is($fetch->{status}, 200, 'a token');
    ok(!exists $fetch->{headers}{Authorization}, 'no Authorization');
};

subtest 'an endpoint that is down' => sub {
    my $failed = () = failures();
    my $logged = () = $stack->worker->log_text =~ /no access token/g;

    $issuer->stop;
    ok(wait_for(sub { (() = failures()) >= $failed + 5 }, 30),
        'heartbeats fail');
    like((failures())[-1]{data}{error}, qr/token endpoint: .*connect/i,
        'and it is told why');
    my $tries = (() = $stack->worker->log_text =~ /no access token/g)
        - $logged;
    cmp_ok($tries, '<', 5, "$tries tries for 5 failures");
    $issuer->start;
    issue($issuer, '1h', 'auth=body');
    ok(beat(3, 60), 'it is up: heartbeats go on');
};

my $log = $stack->worker->log_text;
unlike($log, qr/\Q$_\E/, 'the log keeps the secret') for SECRET, 'wr0ng';
is($issuer->stop, 0, 'the issuer ended clean');
$stack->finish;
done_testing();
