#!/usr/bin/env perl
#
# Goal: the whole path of what we ask the grid operator for and tell it.  An
# adjustment reaches it, to the letter; the forecast that it answers with comes
# through nginx, changes the circuit, and answers the adjustment; one that it
# refuses, or does not see, says so.  Measured power above the limit reaches it
# once, about the forecast that it broke.

use strict;
use warnings;

use FindBin qw($Bin);
use JSON::PP qw(decode_json);
use Test::More;
use Time::HiRes qw(time);

use lib "$Bin/lib", "$Bin/cp/lib";
use CP::Clock qw(utc);
use OSCP::Process qw(wait_for);
use OSCP::Stack;

my $stack = OSCP::Stack->start(heartbeat => '30s', settings =>
    'compliance_grace 1s;');
my $cp = $stack->cp;
my $start = time;

sub at { return utc(($start + $_[0]) * 1000) }

# Asks for so many watts from now on; the event that answers the command.
sub adjust {
    my ($watts, %fields) = @_;
    my $blocks = [[at(-60), at(1800), $watts], [at(1800), at(3600), 5000]];

    my %event = $stack->operate('adjust', group => 'DEPOT01', type =>
        'CONSUMPTION', blocks => JSON::PP->new->encode($blocks), %fields);
    return $event{data};
}

sub wait_adjustment {
    return $stack->wait_hash('adjustment:vector:DEPOT01:CONSUMPTION', @_);
}

sub states {
    my ($req) = @_;

    return join ' ', map { $_->{data}{state} }
        grep { $_->{data}{req} eq $req } $stack->events('adjustment');
}

ok($stack->go_online(30), 'online');
is($cp->command('forecast group=DEPOT01 kw=120 length=1h start=-5m id=f-1')
    ->{status}, 204, 'a forecast');
ok($stack->wait_circuit('incomer-1', { available_capacity_w => 120000 }),
    'holds');

subtest 'the operator agrees' => sub {
    $cp->command('adjustments agree', 'mark');
    my $asked = adjust(90500);
    is($asked->{outcome}, 'done', 'asked for less');
    my $got = $cp->command('expect adjust_group_capacity_forecast within=20s');
    is($got->{id}, $asked->{req}, 'it has been told so');
    is_deeply($got->{json}, { group_id => 'DEPOT01', type => 'CONSUMPTION',
        forecasted_blocks => [{ start_time => at(-60), end_time => at(1800),
            capacity => 90.5, unit => 'KW', phase => 'ALL' }, { start_time =>
            at(1800), end_time => at(3600), capacity => 5, unit => 'KW',
            phase => 'ALL' }] }, 'to the letter');
    ok($stack->wait_circuit('incomer-1', { available_capacity_w => 90500,
        control => 'oscp' }), 'its new forecast holds');
    my $hash = wait_adjustment({ state => 'answered' });
    my $sent;
    ok(wait_for(sub { ($sent) = $cp->records(dir => 'out', id =>
        $hash->{answer}) }), 'answers the adjustment');
    is($sent->{headers}{'X-Correlation-ID'}, $asked->{req},
        'as it says itself');
    is($stack->envelope->{req}, $hash->{answer}, 'by the message that holds');
    is(states($asked->{req}), 'requested answered', 'the audit has it');
    ok(wait_for(sub { grep { $_->{data}{req} eq $asked->{req} }
        $stack->events('delivered') }), 'and the delivery');
};

subtest 'the operator lets us wait' => sub {
    $cp->command('adjustments ignore', 'mark');
    my $asked = adjust(80000);
    $cp->command('expect adjust_group_capacity_forecast within=20s');
    $cp->command('forecast group=DEPOT01 kw=110 length=1h start=-5m id=f-2 '
        . 'corr=of-something-else');
    ok($stack->wait_circuit('incomer-1', { available_capacity_w => 110000 }),
        'a forecast for another reason');
    is(states($asked->{req}), 'requested', 'is no answer');
    $stack->worker->kill;
    $cp->command('forecast group=DEPOT01 kw=85 length=1h start=-5m id=f-3');
    $stack->worker->restart;
    ok(wait_adjustment({ state => 'answered', answer => 'f-3' }), 'one without '
        . 'a reason is, also when nobody was there to see it come');
    ok($stack->wait_circuit('incomer-1', { available_capacity_w => 85000 }),
        'and holds');
};

subtest 'the operator refuses' => sub {
    $cp->command('mark', 'misbehave '
        . 'refuse=adjust_group_capacity_forecast:400 times=1 '
        . 'body={"message":"not below 100 kW"}');
    my $asked = adjust(10000);
    ok(wait_adjustment({ state => 'refused', answer => 'not below 100 kW',
        req => $asked->{req} }), 'and says why');
    is(states($asked->{req}), 'requested refused', 'the audit has it');
    is(scalar(grep { $_->{group} eq 'DEPOT01' } $stack->redis->stream(
        $stack->key('dead'))), 1, 'its message is a dead letter');
    is($stack->circuit->{available_capacity_w}, 85000, 'nothing has changed');
    my ($event) = grep { $_->{data}{state} eq 'refused' }
        $stack->events('adjustment');
    is($event->{by}, 'peer', 'by the peer');
    $cp->command('misbehave off', 'adjustments ignore', 'mark');
    my ($dead) = $stack->redis->stream($stack->key('dead'));
    my %requeued = $stack->operate('requeue', entry => $dead->{id});
    is($requeued{data}{outcome}, 'done', 'it may be sent again');
    is($cp->command('expect adjust_group_capacity_forecast within=20s')->{id},
        $asked->{req}, 'as it was');
    my $hash = wait_adjustment({ state => 'requested', req => $asked->{req} });
    is_deeply([@{$hash}{qw(answer ended_at)}], [undef, undef],
        'and is requested once more when taken');
    $cp->command('forecast group=DEPOT01 kw=84 length=1h start=-5m id=f-4');
    ok(wait_adjustment({ state => 'answered', answer => 'f-4' }), 'answered');
    is(states($asked->{req}), 'requested refused requested answered',
        'the audit has it');
    $cp->command('adjustments agree');
    is(adjust(70000)->{outcome}, 'done', 'another one may be asked for');
    ok(wait_adjustment({ state => 'answered' }), 'and is answered');
    ok($stack->wait_circuit('incomer-1', { available_capacity_w => 70000 }),
        'and holds');
};

subtest 'power above the limit' => sub {
    $cp->command('mark');
    my $req = $stack->envelope->{req};
    my $wh = 0;
    my $now = time - $start;
    for my $at ($now - 4, $now - 2, $now) {
        $stack->redis->command('XADD', $stack->key('meter'), '*', conn =>
            'vector', group => 'DEPOT01', asset => 'DEPOT01', at => at($at),
            power_w => 75000, energy_import_wh => $wh += 40);
    }
    my $got = $cp->command(
        'expect group_capacity_compliance_error within=20s');
    is($got->{corr}, $req, 'it is told, about its forecast');
    is_deeply([map { "$_->{capacity} $_->{start_time}" }
        @{$got->{json}{forecasted_blocks}}], ['70 ' . at(-60)], 'and the block');
    like($got->{json}{message}, qr/75 kW drawn, 70 kW allowed/, 'in words');
    my ($incident) = grep { $_->{reason} eq 'limit_exceeded' }
        $stack->incidents;
    is($incident->{severity}, 'critical', 'an incident');
    $cp->command('forecast group=DEPOT01 kw=100 length=1h start=-5m id=f-9');
    ok($stack->wait_circuit('incomer-1', { available_capacity_w => 100000 }),
        'a higher limit');
    $stack->redis->command('XADD', $stack->key('meter'), '*', conn => 'vector',
        group => 'DEPOT01', asset => 'DEPOT01', at => at(time - $start),
        power_w => 75000, energy_import_wh => $wh + 40);
    ok($stack->wait_hash('group:vector:DEPOT01', { exceeded => '' }),
        'ends it');
    is(join(' ', map { $_->{data}{state} } $stack->events('compliance')),
        'begun ended', 'the audit has it');
    is(scalar(my @all = $cp->records(dir => 'in', message =>
        'group_capacity_compliance_error')), 1, 'one message in all');
};

$stack->finish(invalid => 0);
done_testing();
