#!/usr/bin/env perl
#
# Goal: while the connection is online the forecast runs out.  The fallback
# forecast holds where it covers (row 4), the safe default after it (row 5),
# each from its millisecond on; the next forecast ends it.  Export goes its own
# way: it has no safe default.  An operator whose clock is wrong is refused
# where that shows, and obeyed where it does not.

use strict;
use warnings;

use FindBin qw($Bin);
use Test::More;

use lib "$Bin/lib", "$Bin/cp/lib";
use CP::Clock qw(real_ms time_ms);
use OSCP::Process qw(slow wait_for);
use OSCP::Stack;

my $stack = OSCP::Stack->start(heartbeat => '30s');
my $cp = $stack->cp;
my $length = 3 + 3 * slow();

ok($stack->go_online(60), 'online');

subtest 'a gap with cover, then without' => sub {
    my ($first, $second) = map { '+' . $_ * $length . 's' } 1, 2;
    $cp->command("forecast group=DEPOT01 block=-1m/$first/120/KW/ALL"
        . ' expect=204',
        'forecast group=DEPOT01 type=FALLBACK_CONSUMPTION'
        . " block=-1m/$second/30/KW/ALL expect=204",
        'forecast group=DEPOT01 type=GENERATION'
        . " block=-1m/$second/50/KW/ALL expect=204");
    ok($stack->wait_circuit('incomer-1', { available_capacity_w => 120000,
        control => 'oscp' }), 'the forecast');
    ok($stack->wait_hash('envelope:depot-1', { import_limit_w => 120000,
        export_limit_w => 50000, mode => 'normal' }), 'both directions');

    ok($stack->wait_circuit('incomer-1', { available_capacity_w => 30000,
        control => 'fallback' }), 'the fallback');
    my $group = $stack->group;
    is("$group->{mode} $group->{colour} $group->{reason}",
        'fallback yellow forecast_gap', 'the group says so');
    my $envelope = $stack->envelope;
    is("$envelope->{import_limit_w} $envelope->{export_limit_w}",
        '30000 50000', 'export goes on');
    is($stack->connection->{state}, 'online', 'the connection is online');

    ok($stack->wait_circuit('incomer-1', { available_capacity_w => 60000,
        control => 'safe_default' }), 'the safe default');
    ok($stack->wait_hash('envelope:depot-1', { import_limit_w => 60000,
        source => 'gap_policy' }), 'the envelope says so');
    # Its block ends a moment after the fallback's.
    ok(wait_for(sub { !exists $stack->envelope->{export_limit_w} }, 15),
        'export is free');

    $cp->command('forecast group=DEPOT01 kw=110 length=1h start=-1m'
        . ' expect=204');
    ok($stack->wait_circuit('incomer-1', { available_capacity_w => 110000,
        control => 'oscp' }), 'the next forecast ends it');
};

subtest 'each from its moment on' => sub {
    my @decisions = map { { at => $_->{at}, %{$_->{data}} } }
        $stack->events('envelope');
    my %at = map { $_->{available_capacity_w} => time_ms($_->{at}) }
        grep { defined $_->{available_capacity_w} } @decisions;
    my @blocks = map {
        JSON::PP::decode_json($_->{body})->{forecasted_blocks}[0]
    } $cp->records(dir => 'out', message => 'update_group_capacity_forecast');
    for my $case ([30000, $blocks[0]], [60000, $blocks[1]]) {
        my $end = time_ms($case->[1]{end_time});
        cmp_ok($at{$case->[0]}, '>=', $end, "$case->[0] not before");
        cmp_ok($at{$case->[0]}, '<', $end + 1000 * slow(), 'and soon after');
    }
};

subtest 'an operator whose clock is wrong' => sub {
    $cp->command('heartbeats off', 'clock -1h');
    is($cp->command('heartbeat ahead=90s')->{status}, 400,
        'slow: a promise in the past is refused');
    $cp->command('forecast group=DEPOT01 kw=90 length=30m start=now'
        . ' expect=204');
    ok($stack->wait_circuit('incomer-1', { control => 'safe_default' }),
        'slow: its blocks are over');
    $cp->command('clock +48h', 'heartbeat ahead=1h expect=204', 'clock 0');
    my $conn = $stack->wait_hash('conn:vector', { state => 'online' });
    ok(wait_for(sub { time_ms($stack->connection->{offline_mode_at})
        > real_ms() + 20 * 3600_000 }, 15), 'fast: its promise is taken');
    cmp_ok(time_ms($stack->connection->{offline_mode_at}), '<=',
        real_ms() + 24 * 3600_000, 'but for no more than a day');
};

$stack->finish;
done_testing();
