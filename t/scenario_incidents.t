#!/usr/bin/env perl
#
# Goal: a yellow period is one incident, from its beginning to its end, however
# often the worker is killed in between: opened, brought up to date when the
# reason or the limit changes, resolved.  Notifications tell of its beginning,
# of another source of the limit, and of its end.  What is local from the start
# is no news; a forecast of 0 W throughout is obeyed and told once.

use strict;
use warnings;

use FindBin qw($Bin);
use Test::More;

use lib "$Bin/lib", "$Bin/cp/lib";
use CP::Clock qw(time_ms);
use OSCP::Process qw(slow wait_for);
use OSCP::Stack;

my $stack = OSCP::Stack->start(heartbeat => '30s', groups => [
    'group DEPOT01 scope=depot-1 circuit=incomer-1 rated=400kW'
        . ' safe_default=60kW',
    'group DEPOT02 scope=depot-2 circuit=incomer-2 rated=400kW'
        . ' safe_default=60kW',
    'group DEPOT03 scope=depot-3 circuit=incomer-3 rated=250kW',
    'group DEPOT04 scope=depot-4 circuit=incomer-4 rated=250kW',
]);
my $cp = $stack->cp;
my $length = 4 + 4 * slow();

sub kill_worker {
    $stack->worker->kill;
    $stack->worker->restart;
    return ok($stack->worker->wait_running,
        'the worker is killed, another one runs');
}

# The open incident of a group.
sub incident {
    my ($group) = @_;
    my @open = grep { $_->{group} eq $group } $stack->incidents;

    is(scalar(@open), 1, "$group has one open incident");
    return $open[0] // {};
}

sub titles {
    my ($group) = @_;

    return join ', ', map { $_->{title} =~ s/^Group \w+ of vector:? //r }
        $stack->notifications($group);
}

ok($stack->go_online(30), 'online');
$cp->command(map { "forecast group=$_ kw=120 length=1h start=-1m expect=204" }
    qw(DEPOT01 DEPOT02 DEPOT03));
$cp->command('forecast group=DEPOT01 type=FALLBACK_CONSUMPTION'
    . " block=-1m/+${length}s/30/KW/ALL expect=204");
ok($stack->wait_circuit("incomer-$_", { control => 'oscp' }), "incomer-$_")
    for 1 .. 3;
is(scalar($stack->incidents) + $stack->notifications, 0, 'all is well');

my %first;

subtest 'liveness is lost' => sub {
    $cp->command('heartbeats off');
    $stack->lose_liveness;
    ok($stack->wait_state('offline'), 'offline');
    ok($stack->wait_circuit('incomer-1', { control => 'fallback' }),
        'with cover');
    ok($stack->wait_circuit('incomer-2', { control => 'safe_default' }),
        'without cover');
    ok($stack->wait_hash('group:vector:DEPOT03', { mode => 'fallback' }),
        'without anything');
    %first = %{incident('DEPOT01')};
    is_deeply([@first{qw(conn reason severity title limit_w)}], ['vector',
        'liveness_lost', 'warning', 'Group DEPOT01 of vector is in fallback',
        30000], 'it says what and why');
    like($first{detail}, qr/^Why: the connection to the grid operator is lost/,
        'at length');
    like($first{detail}, qr/at most 30 kW \(from the fallback forecast\)/,
        'which limit holds');
    like($first{detail}, qr/incomer-1\. Next change by time: 20/,
        'and when that changes');
    is(incident('DEPOT02')->{limit_w}, 60000, 'the safe default');
    is(incident('DEPOT03')->{limit_w}, undef, 'no limit');
    is(scalar($stack->incidents), 3, 'the group that was local has none');
    is($stack->group->{incident}, $first{id}, "the group's hash knows it");
    is(titles("DEPOT0$_"), 'is in fallback', "DEPOT0$_ is notified once")
        for 1 .. 3;
    my ($notice) = $stack->notifications('DEPOT01');
    is("$notice->{severity} $notice->{incident}", "warning $first{id}",
        'with the incident');
};

subtest 'killed, and another source' => sub {
    kill_worker();
    ok($stack->wait_circuit('incomer-1', { control => 'safe_default' }, 20),
        'the fallback ends');
    my $now = incident('DEPOT01');
    is($now->{id}, $first{id}, 'the same incident');
    is($now->{opened_at}, $first{opened_at}, 'since then');
    is($now->{limit_w}, 60000, 'with the limit that holds');
    like($now->{detail}, qr/Since \Q$first{opened_at}\E.*safe default/,
        'and its source');
    is($now->{title}, $first{title}, 'and its title');
    is(titles('DEPOT01'), "is in fallback, the fallback's limit has another "
        . 'source', 'which is notified');
    kill_worker();
    is(incident('DEPOT01')->{id}, $first{id}, 'killed again: still the same');
};

subtest 'recovery into a gap' => sub {
    # It stays yellow, for another reason: the same period.
    $cp->command("forecast group=DEPOT02 block=-2h/-1h/90/KW/ALL expect=204");
    $cp->command('heartbeats on');
    ok($stack->go_online(30), 'online');
    ok($stack->wait_circuit('incomer-1', { control => 'oscp' }), 'normal');
    ok($stack->wait_hash('group:vector:DEPOT02', { reason => 'forecast_gap' }),
        'a gap');
    my $closed = $stack->hash("incident:$first{id}");
    ok($closed->{resolved_at}, 'resolved');
    is($closed->{limit_w}, 60000, 'it keeps what it said last');
    cmp_ok(time_ms($closed->{resolved_at}), '>', time_ms($closed->{opened_at}),
        'after it was opened');
    cmp_ok($stack->redis->command('TTL', $stack->key("incident:$first{id}")),
        '>', 89 * 86400, 'and expires in the end');
    is($stack->group->{incident}, undef, 'the group has none');
    like(titles('DEPOT01'), qr/, is back under the grid operator's forecast$/,
        'which is notified');
    my $last = ($stack->notifications('DEPOT01'))[-1];
    is("$last->{severity} $last->{incident}", "info $first{id}", 'gladly');
    like($last->{detail}, qr/In fallback from \Q$first{opened_at}\E to /,
        'with its span');
    is(incident('DEPOT02')->{reason}, 'forecast_gap', 'the reason is new');
    is(titles('DEPOT02'), 'is in fallback', 'the incident is not');
    is(titles('DEPOT04'), '', 'what was local all the time is no news');
};

subtest 'a gap ends' => sub {
    kill_worker();
    $cp->command('forecast group=DEPOT02 kw=100 length=1h start=-1m'
        . ' expect=204');
    ok($stack->wait_circuit('incomer-2', { control => 'oscp' }), 'normal');
    is(scalar($stack->incidents), 0, 'no incident is open');
    is(scalar(() = $stack->all_incidents), 3, 'three there were');
};

subtest 'zero' => sub {
    my $before = () = $stack->notifications('DEPOT03');
    my $zero = 'forecast group=DEPOT03 kw=0 length=1h start=-1m expect=204';
    $cp->command($zero);
    ok($stack->wait_circuit('incomer-3', { available_capacity_w => 0,
        control => 'oscp' }), 'is obeyed');
    my @news = $stack->notifications('DEPOT03');
    is($news[-1]{title}, "Group DEPOT03 of vector: the grid operator's forecast"
        . ' is 0 W throughout', 'and told');
    kill_worker();
    $cp->command("$zero id=again");
    ok($stack->wait_hash('envelope:depot-3', { req => 'again' }), 'again');
    is(scalar(() = $stack->notifications('DEPOT03')), $before + 1, 'but once');
    $cp->command('forecast group=DEPOT03 kw=1 length=1h start=-1m expect=204');
    ok($stack->wait_circuit('incomer-3', { available_capacity_w => 1000 }),
        'another one');
    $cp->command($zero);
    ok($stack->wait_circuit('incomer-3', { available_capacity_w => 0 }),
        'after which');
    is(scalar(() = $stack->notifications('DEPOT03')), $before + 2,
        'it is news again');
};

$stack->finish;
done_testing();
