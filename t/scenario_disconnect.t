#!/usr/bin/env perl
#
# Goal: an operator takes control back.  In one transaction all that the grid
# operator said is gone and each circuit is back on the non-OSCP path; nothing
# that the grid operator sends later, or had sent before, changes that, whoever
# is killed meanwhile; connecting begins anew, by a handshake of ours.

use strict;
use warnings;

use FindBin qw($Bin);
use Test::More;

use lib "$Bin/lib", "$Bin/cp/lib";
use OSCP::Process qw(wait_for);
use OSCP::Stack;

my $stack = OSCP::Stack->start(heartbeat => '30s', groups => [map {
    "group DEPOT0$_ scope=depot-$_ circuit=incomer-$_ rated=400kW"
        . ' safe_default=60kW' } 1, 2, 3]);
my $cp = $stack->cp;

sub forecast {
    my ($group, $kw, $more) = @_;

    return $cp->command("forecast group=$group kw=$kw length=1h start=-1m "
        . ($more // ''))->{status};
}

sub restart_worker {
    $stack->worker->restart;
    return ok($stack->worker->wait_running, 'another worker runs');
}

sub is_local {
    my ($when) = @_;
    my $good = 1;

    for my $n (1 .. 3) {
        $good &= defined $stack->wait_circuit("incomer-$n", {
            control => 'local', available_capacity_w => 400000 });
    }
    my @left = map { @{$stack->redis->command('KEYS', $stack->key($_))} }
        'forecast:*', 'envelope:*';
    is("@left", '', "$when: no forecast and no envelope");
    return ok($good, "$when: full local control");
}

# The last ones are in a gap: yellow, with an incident.
sub give_forecasts {
    is(forecast('DEPOT01', 120), 204, 'a forecast');
    is(forecast($_, 30, 'type=FALLBACK_CONSUMPTION'), 204, "$_: a fallback")
        for qw(DEPOT01 DEPOT02);
    is($cp->command("forecast group=$_ block=-2h/-1h/90/KW/ALL")->{status},
        204, "$_: a gap") for qw(DEPOT02 DEPOT03);
    ok($stack->wait_circuit('incomer-1', { control => 'oscp' }), 'oscp');
    ok($stack->wait_circuit('incomer-2', { control => 'fallback' }),
        'fallback');
    ok($stack->wait_circuit('incomer-3', { control => 'safe_default' }),
        'safe default');
}

ok($stack->go_online(30), 'online');
give_forecasts();
is(scalar($stack->incidents), 2, 'two incidents are open');

subtest 'disconnect' => sub {
    my $before = () = $stack->notifications;
    # The transaction is watched by one that reads all of it at once.
    my @seen;
    my $id = $stack->send_command('disconnect', reason => 'a fire');
    ok(wait_for(sub {
        my $got = $stack->redis->command('EVAL', <<'LUA', 0);
local left = #redis.call('KEYS', '*}:forecast:*')
    + #redis.call('KEYS', '*}:envelope:*')
    + redis.call('SCARD', 'oscp:{0}:incidents')
for _, key in ipairs(redis.call('KEYS', '*}:circuit:*')) do
    left = left + (redis.call('HGET', key, 'control') == 'local' and 0 or 1)
end
local state = redis.call('HGET', 'oscp:{0}:conn:vector', 'state')
return state .. ' ' .. (left == 0 and 'nothing' or left) .. ' '
    .. redis.call('XLEN', 'oscp:{0}:cmd')
LUA
        push @seen, $got if !@seen || $seen[-1] ne $got;
        return $got =~ /^disconnected/;
    }), 'disconnected');
    is($seen[-1], 'disconnected nothing 0', 'all of it in one transaction');
    cmp_ok(@seen, '<=', 3, 'with no step between');
    my ($event) = $stack->answers($id);
    is($event->{data}{text}, 'vector is disconnected: forecasts and envelopes '
        . 'are gone, full local control is back', 'the answer');
    is("$event->{by}: $event->{data}{reason}", 'operator ann: a fire', 'why');
    is_local('disconnected');
    my @news = ($stack->notifications)[$before .. $before + 2];
    is(scalar(grep { $_->{title} =~ /is under full local control$/ } @news), 3,
        'each group is notified');
    is(scalar(grep { $_->{incident} } @news), 2, 'two with their incident');
    is(scalar(grep { !$_->{resolved_at} } $stack->all_incidents), 0,
        'all incidents are resolved');
    is($stack->operate('disconnect'), 'unchanged: vector is disconnected '
        . 'already', 'again');
};

subtest 'whatever the peer sends' => sub {
    is($cp->command($_)->{status}, 403, $_) for 'handshake', 'heartbeat',
        'acknowledge corr=x', 'forecast group=DEPOT01 kw=10';
    $stack->worker->kill;
    $stack->nginx->reload;
    $stack->redis->restart;
    # nginx answers 503 until it has found Redis again.
    ok(wait_for(sub { $cp->command('handshake')->{status} == 403 }, 15),
        'after restarts as well');
    restart_worker();
    is($stack->connection->{state}, 'disconnected', 'still disconnected');
    is_local('after restarts of everything');
    is($cp->command('handshake')->{status}, 403, 'and refused');
};

subtest 'connect' => sub {
    my $had = () = $cp->records(dir => 'in', message => 'handshake');
    is($stack->operate('connect', by => 'bob'), 'done: vector starts a '
        . 'handshake', 'done, though we begin none by ourselves');
    ok($stack->wait_state('online'), 'online');
    is($stack->connection->{handshake_by}, 'us', 'by us');
    is(scalar(() = $cp->records(dir => 'in', message => 'handshake')),
        $had + 1, 'by one handshake');
    is_local('nothing is known yet');
    is($stack->group->{reason}, 'no_forecast', 'reason');
    give_forecasts();
};

subtest 'stored before, read after' => sub {
    $stack->worker->kill;
    is(forecast('DEPOT01', 70, 'id=before'), 204, 'stored');
    $stack->send_command('disconnect');
    restart_worker();
    is_local('disconnected');
    my %why = map { $_->{data}{req} // '' => $_->{data}{why} }
        $stack->events('ignored');
    is($why{before}, 'the connection is disconnected', 'ignored');

    $stack->operate('connect');
    ok($stack->wait_state('online'), 'online');
    give_forecasts();
    $stack->worker->kill;
    is(forecast('DEPOT01', 70, 'id=early'), 204, 'stored');
    $stack->send_command('disconnect');
    is(forecast('DEPOT01', 80, 'id=between'), 204, 'nginx cannot know yet');
    my $id = $stack->send_command('connect');
    restart_worker();
    ok($stack->wait_hash('conn:vector', { connected_id => $id }),
        'the boundary is noted');
    ok($stack->wait_state('online'), 'online');
    is_local('connected again');
    %why = map { $_->{data}{req} // '' => $_->{data}{why} }
        $stack->events('ignored');
    is($why{$_}, 'it was stored before the operator connected',
        "$_: ignored") for qw(early between);
    give_forecasts();
};

subtest 'a clock that was set back' => sub {
    $stack->operate('disconnect');
    my $ahead = (time + 3600) * 1000;
    $stack->redis->command('XADD', $stack->key('cmd'), "$ahead-0",
        op => 'connect', conn => 'vector', by => 'ann');
    ok($stack->wait_state('online'), 'a connect with an id of the future');
    give_forecasts();
    # No further id can be younger.
    my $runs = () = $stack->worker->log_text =~ /running/g;
    $stack->redis->command('DEL', $stack->key('cmd'));
    ok(wait_for(sub { (() = $stack->worker->log_text =~ /running/g)
        > $runs }), 'the stream is made anew');
};

subtest 'killed right after the order' => sub {
    for my $round (1 .. 5) {
        my $id = $stack->send_command('disconnect');
        # Sooner or later in its life: the command is there in any case.
        select undef, undef, undef, $round * 0.001;
        $stack->worker->kill;
        restart_worker();
        ok(wait_for(sub { $stack->answers($id) }), "round $round: answered");
        is(scalar(() = $stack->answers($id)), 1, 'once');
        is_local("round $round");
        is(scalar($stack->incidents), 0, 'no incident is open');
        $stack->operate('connect');
        ok($stack->wait_state('online'), 'online');
        give_forecasts();
        is(scalar($stack->incidents), 2, 'a new period, a new incident each');
    }
    my @all = $stack->all_incidents;
    is(scalar(@all), 2 * 10, 'one incident per period and group');
};

$stack->finish;
done_testing();
