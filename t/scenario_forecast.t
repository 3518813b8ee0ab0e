#!/usr/bin/env perl
#
# Goal: the whole path.  The operator shakes hands, heartbeats go both ways,
# and its forecast becomes the circuit's available capacity: the block that
# covers now at once, the next block's value at its start, the rated power
# where a block allows more than that.

use strict;
use warnings;

use FindBin qw($Bin);
use Test::More;
use Time::HiRes qw(time);

use lib "$Bin/lib", "$Bin/cp/lib";
use CP::Clock qw(real_ms time_ms);
use OSCP::Process qw(slow wait_for);
use OSCP::Stack;

my $stack = OSCP::Stack->start(heartbeat => '2s');
my $cp = $stack->cp;

$cp->command('heartbeats on ahead=1h');

subtest 'the circuit before anything came' => sub {
    my $circuit = $stack->wait_circuit('incomer-1',
        { available_capacity_w => 400000, control => 'local' });
    is($circuit->{rated_capacity_w}, 400000, 'rated');
    is($circuit->{safe_default_w}, 60000, 'safe default');
    cmp_ok(time_ms($circuit->{valid_until}), '>', real_ms(), 'valid');
    is_deeply($stack->envelope, {}, 'no envelope');
    is($stack->group->{mode}, 'local', 'mode');
    is($stack->group->{colour}, 'grey', 'colour');
};

subtest 'handshake' => sub {
    my (undef, undef, $ack) = $cp->command('require interval=1',
        'handshake id=hs-1 expect=204', 'expect handshake_acknowledge');
    is($ack->{corr}, 'hs-1', 'acknowledged with the correlation id');
    is_deeply($ack->{json}, { required_behaviour => {
        heartbeat_interval => 2,
        measurement_configuration => ['INTERMITTENT'] } },
        'with our interval and measurement configuration');
    my %headers = map { lc $_ => $ack->{headers}{$_} }
        keys %{$ack->{headers}};
    is($headers{authorization}, 'Token ' . OSCP::Stack::TOKEN_OUT, 'token');
    is($headers{'fp-id'}, 'CP77', 'static header');

    my $conn = $stack->wait_state('online');
    is($conn->{handshake_by}, 'peer', 'by the peer');
    is($conn->{heartbeat_interval_required}, 1, 'the interval it requires');
    is($conn->{heartbeat_interval_expected}, 2, 'and the one we expect');
    is($conn->{measurement_configuration}, 'INTERMITTENT', 'negotiated');
};

subtest 'heartbeats both ways' => sub {
    $cp->command('mark', 'expect heartbeat count=2 within=20s');
    # What is held up on its way seems to promise less.
    my ($ahead) = sort { $b <=> $a } map { time_ms($_->{json}{offline_mode_at})
        - time_ms($_->{at}) } $cp->records(dir => 'in', message => 'heartbeat');
    cmp_ok($ahead, '>', 1000, 'ours promise more than one interval');
    cmp_ok($ahead, '<=', 3100, 'and not more than three');
    my $conn = $stack->connection;
    ok($conn->{heartbeat_sent_at}, 'ours are noted');
    ok(wait_for(sub { $stack->connection->{heartbeat_received_at} }, 10),
        'theirs are noted');
    cmp_ok(time_ms($stack->connection->{offline_mode_at}), '>', real_ms(),
        'and their promise');
};

# Three blocks of some seconds; what the site reads is sampled all the time.
my %seen;
subtest 'a forecast, block by block' => sub {
    my $length = 3 + 3 * slow();
    my @ends = map { '+' . $_ * $length . 's' } 1 .. 3;
    $cp->command('forecast group=DEPOT01 id=f-1 expect=204'
        . " block=-5s/$ends[0]/120/KW/ALL block=$ends[0]/$ends[1]/80/KW/ALL"
        . " block=$ends[1]/$ends[2]/500/KW/ALL");
    my $first = $stack->wait_circuit('incomer-1',
        { available_capacity_w => 120000, control => 'oscp' });
    my ($sent) = $cp->records(dir => 'out', id => 'f-1');
    my @blocks = @{JSON::PP::decode_json($sent->{body})->{forecasted_blocks}};
    cmp_ok(time_ms($first->{valid_until}), '<=',
        time_ms($blocks[0]{end_time}) + 1000,
        'valid until at most a second past the block\'s end');

    my $envelope = $stack->envelope;
    is($envelope->{import_limit_w}, 120000, 'envelope: limit');
    is($envelope->{mode}, 'normal', 'envelope: mode');
    is($envelope->{reason}, 'forecast', 'envelope: reason');
    is($envelope->{req}, 'f-1', 'envelope: which message said so');
    is($envelope->{from}, $blocks[0]{start_time}, 'envelope: from');
    is($envelope->{until}, $blocks[0]{end_time}, 'envelope: until');
    my $group = $stack->group;
    is("$group->{mode} $group->{colour}", 'normal green', 'group');

    my $sample = sub {
        my $circuit = $stack->circuit;
        push @{$seen{$circuit->{available_capacity_w}}}, real_ms();
        return $circuit->{available_capacity_w} == 400000;
    };
    ok(wait_for($sample, 4 * $length), 'the last block\'s value: the rated')
        or diag(explain([keys %seen]));
    is(join(' ', sort { $a <=> $b } keys %seen), '80000 120000 400000',
        'nothing else was ever read');
    my %start = (80000 => 1, 400000 => 2);
    # When each was written, by Redis' clock: this test may have been held up.
    my %written = map { my ($ms) = $_->{id} =~ /^(\d+)/;
        (($_->{data}{available_capacity_w} // '') => $ms) }
        $stack->events('envelope');
    for my $value (sort keys %start) {
        my $start = time_ms($blocks[$start{$value}]{start_time});
        cmp_ok($seen{$value}[0], '>=', $start, "$value not before its time");
        cmp_ok($written{$value} // 0, '<', $start + 1000 * slow(),
            "$value soon after its time");
    }
    my $forecast = $stack->hash('forecast:vector:DEPOT01:CONSUMPTION');
    is($forecast->{req}, 'f-1', 'forecast hash');
    my $kept = JSON::PP::decode_json($forecast->{blocks});
    is($kept->[-1][2], 500000, 'its blocks are in watts, uncut');
};

subtest 'a newer message supersedes' => sub {
    $cp->command('forecast group=DEPOT01 id=f-2 block=now/+1h/77.5/KW/ALL');
    ok($stack->wait_circuit('incomer-1', { available_capacity_w => 77500 }),
        'the newer value');
    is($stack->envelope->{req}, 'f-2', 'and its message');
};

subtest 'the audit tells it' => sub {
    my ($state) = grep { $_->{data}{to} eq 'online' } $stack->events('state');
    is($state->{conn}, 'vector', 'state event');
    is(join(' ', map { $_->{data}{req} } $stack->events('forecast')),
        'f-1 f-2', 'each forecast once');
    my @values = map { $_->{data}{available_capacity_w} // () }
        $stack->events('envelope');
    like("@values", qr/120000 80000 400000 77500$/, 'each decision in order');
    # Heartbeats go on.
    ok(wait_for(sub { $stack->redis->command('XLEN', $stack->key('in')) == 0 }),
        'nothing is left unsettled');
};

$stack->finish;
done_testing();
