#!/usr/bin/env perl
#
# Goal: the interoperability hazards H1 to H15 of real peers, as far as they
# reach this side of the path: each is obeyed, or refused with a clear answer,
# and none costs more than the message it came with.  (H2, H3 and H9 need the
# Register exchange, H10 adjustments: here only that they do no harm.)

use strict;
use warnings;

use FindBin qw($Bin);
use Test::More;

use lib "$Bin/lib";
use OSCP::Process qw(wait_for);
use OSCP::Stack;

my $FORECAST = 'forecast group=DEPOT01 length=1h start=-1m expect=204';

my $stack = OSCP::Stack->start(
    # The base is opaque, and a message's path may differ.
    cp => { base => '/oscp/2.0' },
    settings => 'peer_path handshake_acknowledge /handshake_acknowledgment;');
my $cp = $stack->cp;
$cp->command('alias handshake_acknowledge handshake_acknowledgment',
    'heartbeats on ahead=1h');
# The alias is for what the simulator serves; what it sends has its own path.
my $ACK = 'path=/handshake_acknowledge';

# Waits for a value of the circuit.
sub reads {
    my ($watts, $name) = @_;

    return ok($stack->wait_circuit('incomer-1',
        { available_capacity_w => $watts }), $name);
}

# The acknowledge to a handshake of the simulator.
sub handshake {
    my ($id, @more) = @_;
    my @results = $cp->command('mark', "handshake id=$id expect=204 @more",
        'expect handshake_acknowledge');

    return $results[-1];
}

subtest 'base URL, other paths, H5, H14, H15: our side is exact' => sub {
    $cp->command('quirk H5', 'quirk H14', 'quirk H15');
    my $ack = handshake('q-1', 'interval=1');
    is($ack->{path}, '/oscp/2.0/handshake_acknowledgment', 'path');
    is($ack->{corr}, 'q-1', 'correlation id');
    ok($stack->wait_state('online'), 'online');
    ok($cp->command('expect heartbeat within=10s'), 'heartbeats');
    $cp->command('quirk H5 off', 'quirk H14 off', 'quirk H15 lower');
    $cp->command("$FORECAST kw=100");
    reads(100000, 'H15: "token" in lower case is read');
    $cp->command('quirk H15 off');
};

subtest 'H1: the flat dialect' => sub {
    $cp->command('quirk H1');
    my $ack = handshake('q-2', 'interval=1');
    is_deeply($ack->{json}, { heartbeat_interval => 2,
        measurement_configuration => ['INTERMITTENT'] },
        'is answered in kind');
    is($stack->connection->{dialect}, 'flat', 'and remembered');
    $cp->command('quirk H1 off');
    ok(handshake('q-3')->{json}{required_behaviour}, 'nested again');
    ok(handshake('q-4', 'dialect=empty'), 'an empty one is a handshake too');
};

subtest 'H4: acknowledges that none waits for, without correlation id' => sub {
    for my $body ('{"required_behaviour":{}}', '{}',
        '{"required_behaviour":{"heartbeat_interval":5}}')
    {
        is($cp->command("send handshake_acknowledge $ACK body=$body")
            ->{status}, 204, $body);
    }
    is($cp->command("acknowledge $ACK corr=unheard-of")->{status}, 204,
        'with an unknown one');
    ok(wait_for(sub { grep { $_->{data}{msg} eq 'handshake_acknowledge' }
        $stack->events('ignored') }, 10), 'ignored, with an event');
    is($stack->connection->{state}, 'online', 'nothing changed');
};

subtest 'H6: capacities as strings' => sub {
    $cp->command('quirk H6', "$FORECAST kw=101.5", 'quirk H6 off');
    reads(101500, 'are read');
};

subtest 'H7: retries under the same request id' => sub {
    $cp->command("$FORECAST kw=102 id=q-7");
    reads(102000, 'first');
    $cp->command("$FORECAST kw=103 id=q-8");
    reads(103000, 'second');
    is($cp->command('replay q-7')->{status}, 204, 'the first again: 204');
    is($cp->command('replay q-7 id=q-9')->{status}, 204, 'under a new id');
    reads(102000, 'is a new message');
    my @times = grep { $_->{data}{req} eq 'q-7' } $stack->events('forecast');
    is(scalar @times, 1, 'and the retry had no effect');
};

subtest 'H8: naive times' => sub {
    my $result = $cp->command('quirk H8', 'forecast group=DEPOT01 kw=1');
    $cp->command('quirk H8 off');
    is($result->{status}, 400, 'are refused');
    like($result->{answer}, qr/\$\.forecasted_blocks\[0\]\.(?:start|end)_time/,
        'by name');
    $cp->command('clock 0 zone=+13:00', "$FORECAST kw=104", 'clock 0');
    reads(104000, 'an offset is no hindrance');
};

subtest 'H9: DELETE with a body and without' => sub {
    my $without = $cp->command('register method=DELETE')->{status};
    my $with = $cp->command('quirk H9', 'register method=DELETE')->{status};
    is("$without $with", '404 404', 'no registration is configured');
};

subtest 'H12: long bodies in many pieces' => sub {
    $cp->command('quirk H12',
        "$FORECAST kw=105 blocks=96 pieces=7 pause=20ms");
    reads(105000, 'with a length');
    my ($sent) = $cp->records(dir => 'out', limit => 1,
        message => 'update_group_capacity_forecast');
    cmp_ok($sent->{headers}{'Content-Length'}, '>', 16384, 'over 16 KB');
    $cp->command("$FORECAST kw=30 blocks=96 phase=ONE,TWO,THREE chunked"
        . ' pieces=5', 'quirk H12 off');
    reads(90000, 'chunked, three phases: their sum, under the total');
};

subtest 'H13: an all-zero forecast' => sub {
    $cp->command('quirk H13', "$FORECAST kw=120", 'quirk H13 off');
    reads(0, 'is obeyed');
    is($stack->circuit->{control}, 'oscp', 'as a forecast');
    is($stack->hash('forecast:vector:DEPOT01:CONSUMPTION')->{zero}, 1,
        'and marked');
    $cp->command("$FORECAST kw=120");
    reads(120000, 'and ends with the next');
};

subtest 'refused by the peer: we try again' => sub {
    $cp->command('misbehave refuse=handshake_acknowledge:503 times=1');
    my @results = $cp->command('mark', 'handshake id=q-20 expect=204',
        'expect handshake_acknowledge count=2 within=15s');
    is($results[-1]{corr}, 'q-20', 'the acknowledge comes again');
    my @acks = grep { $_->{corr} eq 'q-20' } $cp->records(dir => 'in',
        message => 'handshake_acknowledge');
    is($acks[0]{id}, $acks[1]{id}, 'with the same request id');
    is($acks[0]{status} . ' ' . $acks[1]{status}, '503 204', 'and is heard');
};

$stack->finish;
done_testing();
