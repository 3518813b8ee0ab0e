#!/usr/bin/env perl
#
# Goal: the operator's heartbeats stop.  At the time it promised, and not
# before, the connection is offline: a group with a fallback forecast follows
# that (row 4), one without goes to its safe default (row 5), one without
# either to the rated power.  A late heartbeat alone does not restore online;
# a handshake does, and all is as before.

use strict;
use warnings;

use FindBin qw($Bin);
use Test::More;

use lib "$Bin/lib", "$Bin/cp/lib";
use CP::Clock qw(real_ms time_ms);
use OSCP::Process qw(slow wait_for);
use OSCP::Stack;

my $stack = OSCP::Stack->start(heartbeat => '1s', groups => [
    'group DEPOT01 scope=depot-1 circuit=incomer-1 rated=400kW'
        . ' safe_default=60kW',
    'group DEPOT02 scope=depot-2 circuit=incomer-2 rated=400kW'
        . ' safe_default=60kW',
    'group DEPOT03 scope=depot-3 circuit=incomer-3 rated=250kW',
]);
my $cp = $stack->cp;
my $ahead = 4 + 2 * slow();

$cp->command("heartbeats on every=500ms ahead=${ahead}s");
ok($stack->go_online(30), 'online');
$cp->command(map { "forecast group=$_ kw=120 length=1h start=-1m expect=204" }
    qw(DEPOT01 DEPOT02 DEPOT03));
$cp->command('forecast group=DEPOT01 type=FALLBACK_CONSUMPTION kw=30 length=1h'
    . ' start=-1m expect=204');
ok($stack->wait_circuit("incomer-$_", { available_capacity_w => 120000,
    control => 'oscp' }), "incomer-$_ follows the forecast") for 1 .. 3;
ok(wait_for(sub { $stack->hash('forecast:vector:DEPOT01:FALLBACK_CONSUMPTION')
    ->{req} }, 10), 'the fallback is stored');

subtest 'heartbeats stop' => sub {
    $cp->command('heartbeats off');
    # One may still be on its way.
    my $promise;
    ok(wait_for(sub {
        my ($last) = $cp->records(dir => 'out', message => 'heartbeat',
            limit => 1);
        $promise = JSON::PP::decode_json($last->{body})->{offline_mode_at};
        $stack->connection->{offline_mode_at} eq $promise;
    }), 'the last promise is noted');
    my (@early, $offline);
    ok(wait_for(sub {
        my $value = $stack->circuit->{available_capacity_w};
        my $now = real_ms();
        push @early, $value if $now < time_ms($promise) && $value != 120000;
        return $offline = $stack->connection->{state} eq 'offline' ? $now : 0;
    }, 20), 'offline');
    is("@early", '', 'nothing changed before the promised time');
    cmp_ok($offline, '>=', time_ms($promise), 'not offline before it');
    my ($event) = grep { $_->{data}{to} eq 'offline'
        && $_->{data}{from} eq 'online' } $stack->events('state');
    ok($event, 'an event tells it');
    # By Redis' clock: this test may have been held up when it looked.
    my ($stored) = ($event->{id} // '') =~ /^(\d+)/;
    cmp_ok($stored // 0, '<', time_ms($promise) + 1500 * slow(),
        'but soon after');
};

subtest 'what each site reads' => sub {
    my @want = ({ available_capacity_w => 30000, control => 'fallback' },
        { available_capacity_w => 60000, control => 'safe_default' },
        { available_capacity_w => 250000, control => 'local' });
    for my $i (1 .. 3) {
        ok($stack->wait_circuit("incomer-$i", $want[$i - 1]),
            "incomer-$i: $want[$i - 1]{control}");
        my $group = $stack->group("DEPOT0$i");
        is("$group->{mode} $group->{colour} $group->{reason}",
            'fallback yellow liveness_lost', "DEPOT0$i");
    }
    is($stack->envelope('depot-1')->{import_limit_w}, 30000, 'row 4');
    is($stack->envelope('depot-2')->{import_limit_w}, 60000, 'row 5');
    is($stack->envelope('depot-2')->{source}, 'gap_policy', 'its source');
    is_deeply($stack->envelope('depot-3'), {}, 'no envelope without a limit');
};

subtest 'a late heartbeat alone' => sub {
    my $before = $stack->connection->{heartbeat_received_at};
    $cp->command("heartbeat ahead=1h expect=204");
    ok(wait_for(sub { $stack->redis->command('XLEN', $stack->key('in')) == 0 },
        10), 'it is settled');
    # A change would come at once; this is how long it may take to be sure.
    ok(!wait_for(sub { $stack->connection->{state} ne 'offline' }, 1),
        'the state stays offline');
    is($stack->circuit->{available_capacity_w}, 30000, 'and so does the value');
};

subtest 'recovery by handshake' => sub {
    $cp->command('heartbeats on');
    ok($stack->go_online(30), 'online again');
    ok($stack->wait_circuit("incomer-$_", { available_capacity_w => 120000,
        control => 'oscp' }), "incomer-$_ follows its forecast again")
        for 1 .. 3;
    my $group = $stack->group;
    is("$group->{mode} $group->{colour}", 'normal green', 'group');
};

$stack->finish;
done_testing();
