#!/usr/bin/env perl
#
# Goal: the worker is killed again and again, at moments nobody chose, while
# limits come and go and an operator commands.  What is left tells one story:
# each yellow period in the audit has its one incident and its notifications,
# opened and resolved at the moments of its decisions; each command has one
# answer; the audit replays; and in the end what must hold holds.

use strict;
use warnings;

use FindBin qw($Bin);
use JSON::PP;
use Test::More;
use Time::HiRes qw(sleep time);

use lib "$Bin/lib", "$Bin/cp/lib";
use OSCP::Process qw(slow wait_for);
use OSCP::Stack;

use constant SECONDS => slow() > 1 ? 10 : 6;

my $seed = $ENV{OSCP_TEST_SEED} // int time;
my $stack = OSCP::Stack->start(heartbeat => '30s', groups => [map {
    "group DEPOT0$_ scope=depot-$_ circuit=incomer-$_ rated=400kW"
        . ' safe_default=60kW' } 1, 2]);
my $cp = $stack->cp;
my ($runs, @commands) = 0;

srand $seed;
note("seed $seed");
ok($stack->go_online(30), 'online');

# Gaps at a quarter of a second, for one group with cover in some of them.
my $blocks = join ' ', map { sprintf 'block=+%dms/+%dms/%d/KW/ALL',
    $_ * 500, $_ * 500 + 250, 100 + $_ } 0 .. 2 * SECONDS + 2;
$cp->command("forecast group=$_ $blocks block=+1h/+2h/1/KW/ALL expect=204")
    for qw(DEPOT01 DEPOT02);
$cp->command('forecast group=DEPOT01 type=FALLBACK_CONSUMPTION'
    . ' block=-1m/+2s/30/KW/ALL expect=204');

my $end = time + SECONDS + 2;
my $until = time + SECONDS;
while (time < $until) {
    sleep 0.02 + rand 0.15 * slow();
    push @commands, $stack->send_command(qw(disable enable)[rand 2],
        group => 'DEPOT02') if rand() < 0.5;
    sleep rand 0.01;
    $stack->worker->kill;
    $runs++;
    $stack->worker->restart;
}
note("$runs kills, " . @commands . ' commands');
push @commands, $stack->send_command('enable', group => 'DEPOT02');
ok(wait_for(sub { $stack->answers($commands[-1]) }), 'it lives');
wait_for(sub { time > $end }, SECONDS);      # the last gap, not one of many
ok($stack->wait_hash("group:vector:$_", { mode => 'fallback',
    reason => 'forecast_gap' }), "$_: a gap in the end")
    for qw(DEPOT01 DEPOT02);
$stack->worker->stop;

is_deeply([grep { (() = $stack->answers($_)) != 1 } @commands], [],
    'each command has one answer');

my @events = $stack->events;
for my $group (qw(DEPOT01 DEPOT02)) {
    my (@periods, $mode);
    for my $event (grep { $_->{event} eq 'envelope' && $_->{group} eq $group }
        @events)
    {
        my $now = $event->{data}{mode};
        push @periods, [$event->{at}, ''] if $now eq 'fallback'
            && ($mode // '') ne 'fallback';
        $periods[-1][1] = $event->{at} if $now ne 'fallback'
            && ($mode // '') eq 'fallback';
        $mode = $now;
    }
    cmp_ok(scalar(@periods), '>=', 3, "$group: " . @periods . ' periods');
    my @incidents = grep { $_->{group} eq $group } $stack->all_incidents;
    is_deeply([map { [$_->{opened_at}, $_->{resolved_at} // ''] } @incidents],
        \@periods, 'an incident for each, from its beginning to its end');
    is(scalar(grep { $_->{group} eq $group } $stack->incidents), 1,
        'the last one is open');
    my @titles = map { $_->{title} } $stack->notifications($group);
    is(scalar(grep { /is in fallback$/ } @titles), scalar(@periods),
        'a notification for each beginning');
    is(scalar(grep { /is back under|full local control/ && $_ } map {
        $_->{incident} ? $_->{title} : () } $stack->notifications($group)),
        @periods - 1, 'and for each end');
}

my $json = JSON::PP->new->canonical;
my $file = $stack->file('events.json', join '', map { $json->encode($_) . "\n" }
    $stack->redis->stream($stack->key('events')));
my @lines = qx($stack->{build}/unit/replay_stream $file 2>&1);
is($?, 0, 'the audit replays') or diag(grep { /^not ok|^#/ } @lines);

$stack->finish;
done_testing();
