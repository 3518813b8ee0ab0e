#!/usr/bin/env perl
#
# Goal: a segmented forecast takes effect only when it is complete, in any
# order, whichever segment the later ones refer to (H11), also when the worker
# dies between them; an incomplete set is dropped with an event.

use strict;
use warnings;

use FindBin qw($Bin);
use JSON::PP qw(encode_json);
use Test::More;

use lib "$Bin/lib", "$Bin/cp/lib";
use CP::Clock qw(real_ms utc);
use OSCP::Process qw(wait_for);
use OSCP::Stack;

my $stack = OSCP::Stack->start(heartbeat => '30s');
my $cp = $stack->cp;
my $redis = $stack->redis;

ok($stack->go_online(60), 'online');
$cp->command('forecast group=DEPOT01 kw=10 length=1h start=-1m expect=204');
ok($stack->wait_circuit('incomer-1', { available_capacity_w => 10000 }),
    'a forecast holds');

# Three hours in three segments, the first covers now.
sub segments {
    my ($kw, $id, $order) = @_;

    return scalar $cp->command("forecast group=DEPOT01 kw=$kw,11,12 blocks=3"
        . " length=1h start=-1m segments=3 id=$id order=$order expect=204");
}

sub unsettled {
    return $redis->command('XLEN', $stack->key('in'));
}

# Whether the value stays as it is, as long as it takes to be sure.
sub stays {
    my ($watts) = @_;

    return !wait_for(sub {
        $stack->circuit->{available_capacity_w} != $watts }, 0.7);
}

subtest 'complete' => sub {
    segments(20, 's-1', '1,2');
    is(unsettled(), 2, 'two wait');
    ok(stays(10000), 'without effect');
    segments(20, 's-1', '3');
    ok($stack->wait_circuit('incomer-1', { available_capacity_w => 20000 }),
        'the third completes them');
    ok(wait_for(sub { unsettled() == 0 }, 10), 'all are settled');
    my $hash = $stack->hash('forecast:vector:DEPOT01:CONSUMPTION');
    is($hash->{req}, 's-1', 'under the first one\'s id');
    my $blocks = JSON::PP::decode_json($hash->{blocks});
    is(scalar(grep { $_->[4] eq 's-1' } @$blocks), 3, 'with all blocks');
};

subtest 'in another order' => sub {
    segments(21, 's-2', '3,1,2');
    ok($stack->wait_circuit('incomer-1', { available_capacity_w => 21000 }),
        '3, 1, 2');
    is($stack->hash('forecast:vector:DEPOT01:CONSUMPTION')->{req}, 's-2',
        'under the first one\'s id');
};

subtest 'H11: each refers to the previous one' => sub {
    $cp->command('quirk H11');
    segments(22, 's-3', '1,2,3');
    ok($stack->wait_circuit('incomer-1', { available_capacity_w => 22000 }),
        'complete');
    $cp->command('quirk H11 off');
};

subtest 'the worker dies between them' => sub {
    segments(23, 's-4', '1,3');
    $stack->worker->kill('KILL');
    $stack->worker->restart;
    ok(stays(22000), 'still without effect');
    segments(23, 's-4', '2');
    ok($stack->wait_circuit('incomer-1', { available_capacity_w => 23000 }, 20),
        'complete');
    ok(wait_for(sub { unsettled() == 0 }, 10), 'all are settled');
};

subtest 'incomplete' => sub {
    # As nginx stored it two minutes ago, when no worker lived.
    my $body = encode_json({ group_id => 'DEPOT01', type => 'CONSUMPTION',
        forecasted_blocks => [{ capacity => 99, unit => 'KW', phase => 'ALL',
            start_time => utc(real_ms() - 60_000),
            end_time => utc(real_ms() + 3600_000) }] });
    $stack->worker->stop;
    $redis->command('XADD', $stack->key('in'), '*', conn => 'vector',
        msg => 'update_group_capacity_forecast', group => 'DEPOT01',
        req => 's-5', corr => '', seg => '1/2',
        at => utc(real_ms() - 120_000), body => $body);
    $stack->worker->restart;
    ok(wait_for(sub { $stack->events('segment_expired') }, 15),
        'is dropped with an event');
    ok(wait_for(sub { unsettled() == 0 }, 10), 'and settled');
    is($stack->circuit->{available_capacity_w}, 23000, 'without effect');
};

subtest 'wrong segments' => sub {
    for my $headers ('header.X-Segment-Index=1',
        'header.X-Segment-Index=0 header.X-Segment-Count=2',
        'header.X-Segment-Index=3 header.X-Segment-Count=2',
        'header.X-Segment-Index=1 header.X-Segment-Count=101')
    {
        is($cp->command("forecast group=DEPOT01 kw=1 $headers")->{status}, 400,
            $headers);
    }
};

$stack->finish;
done_testing();
