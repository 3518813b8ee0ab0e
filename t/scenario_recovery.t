#!/usr/bin/env perl
#
# Goal: with initiate_handshake on we come back by ourselves: a handshake at
# once after liveness is lost, a planned pause after one that failed, and none
# in the ten seconds after another, whatever the peer's heartbeats say.  The
# fallback holds meanwhile, and the forecast afterwards, though the worker is
# killed on the way.

use strict;
use warnings;

use FindBin qw($Bin);
use Test::More;

use lib "$Bin/lib", "$Bin/cp/lib";
use CP::Clock qw(real_ms time_ms);
use OSCP::Process qw(slow wait_for);
use OSCP::Stack;

my $stack = OSCP::Stack->start(heartbeat => '30s', initiate => 'on',
    workers => 0);
my $cp = $stack->cp;

sub handshakes {
    return $cp->records(dir => 'in', message => 'handshake');
}

# The connection is up, by the peer, and has a forecast.
$stack->worker->start;
ok($stack->wait_state('online'), 'online by our handshake, at the start');
is($stack->connection->{handshake_by}, 'us', 'by us');
$cp->command('forecast group=DEPOT01 kw=120 length=1h start=-1m expect=204',
    'forecast group=DEPOT01 type=FALLBACK_CONSUMPTION kw=30 length=1h start=-1m'
    . ' expect=204');
ok($stack->wait_circuit('incomer-1', { control => 'oscp' }), 'oscp');

# The first one was started more than ten seconds ago, as far as it is known.
$stack->worker->kill;
$stack->redis->command('HSET', $stack->key('conn:vector'),
    'handshake_started_at', '2026-01-01T00:00:00.000Z');
$stack->worker->restart;

subtest 'liveness is lost, the peer refuses' => sub {
    $cp->command('heartbeats off', 'misbehave refuse=handshake:403');
    $stack->lose_liveness;
    my $error = wait_for(sub { my $conn = $stack->connection;
        ($conn->{last_error} // '') =~ /403/ ? $conn : undef });
    is($error->{state}, 'offline', 'offline, with why');
    my $pause = time_ms($error->{retry_at}) - time_ms($error->{last_error_at});
    cmp_ok($pause, '>=', 30_000, 'the pause is long');
    cmp_ok($pause, '<=', 60_000, 'but not too long');
    is(scalar(handshakes()), 2, 'one was sent, at once');
    ok($stack->wait_circuit('incomer-1', { control => 'fallback',
        available_capacity_w => 30000 }), 'the fallback holds');
    is(scalar($stack->incidents), 1, 'an incident is open');
};

subtest 'the peer lives again' => sub {
    my ($id) = map { $_->{id} } $stack->incidents;
    # As the worker noted it: when the other side saw it is later.
    my $started = time_ms($stack->connection->{handshake_started_at});
    $cp->command('misbehave off', 'heartbeats on every=200ms ahead=30s');
    $stack->worker->kill;
    $stack->worker->restart;
    ok(wait_for(sub { (handshakes()) >= 3 }, 20), 'a handshake of ours');
    cmp_ok(time_ms((handshakes())[-1]{at}) - $started, '>=', 9_900,
        'ten seconds after the other one, although it was killed');
    ok($stack->wait_state('online'), 'brings it back');
    is($stack->connection->{handshake_by}, 'us', 'by us');
    ok($stack->wait_circuit('incomer-1', { control => 'oscp',
        available_capacity_w => 120000 }), 'the forecast holds again');
    is(scalar($stack->incidents), 0, 'no incident is open');
    ok($stack->hash("incident:$id")->{resolved_at}, 'it is resolved');
    is(scalar(() = $stack->all_incidents), 1, 'it was one');
    my @titles = map { $_->{title} } $stack->notifications;
    is_deeply(\@titles, ['Group DEPOT01 of vector is in fallback',
        "Group DEPOT01 of vector is back under the grid operator's forecast"],
        'and two notifications tell of it');
};

$stack->finish;
done_testing();
