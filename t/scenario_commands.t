#!/usr/bin/env perl
#
# Goal: what an operator commands is done exactly once, in order, whether a
# worker runs or not, and answered by one event that says who, what and why.
# What is no command is refused by the name of the field.  Disabling takes a
# connection or a group out of service and keeps what it knew.

use strict;
use warnings;

use FindBin qw($Bin);
use Test::More;

use lib "$Bin/lib", "$Bin/cp/lib";
use OSCP::Process qw(wait_for);
use OSCP::Stack;

my $stack = OSCP::Stack->start(heartbeat => '30s', groups => [map {
    "group DEPOT0$_ scope=depot-$_ circuit=incomer-$_ rated=400kW"
        . ' safe_default=60kW' } 1, 2]);
my $cp = $stack->cp;

sub forecast {
    my ($group, $kw, %o) = @_;
    my $status;

    # A kept connection that a reload has closed gives none: then another one.
    for (1 .. 2) {
        $status //= $cp->command("forecast group=$group kw=$kw length=1h"
            . ' start=-1m' . ($o{id} ? " id=$o{id}" : ''))->{status};
    }
    return $status;
}

sub is_circuit {
    my ($n, $control, $watts) = @_;

    return ok($stack->wait_circuit("incomer-$n", { control => $control,
        available_capacity_w => $watts }), "incomer-$n: $control $watts");
}

ok($stack->go_online(30), 'online');
is(forecast("DEPOT0$_", 120), 204, "forecast for DEPOT0$_") for 1, 2;
is_circuit($_, 'oscp', 120000) for 1, 2;

subtest 'what is no command' => sub {
    my @cases = (
        [{ op => 'explode' }, qr/^op must be connect, disconnect, enable, /],
        [{ op => '' }, qr/^op must be/],
        [{ op => 'adjust', group => 'DEPOT01' }, qr/^type must be CONSUMPTION/],
        [{ op => 'compliance' }, qr/^group must be the id .* compliance is for/],
        [{ conn => undef }, qr/^conn must be the name of a connection/],
        [{ conn => 'no such' }, qr/^conn must be the name/],
        [{ conn => 'other' }, qr/^conn must be a configured .*"other"/],
        [{ group => 'DEPOT09' }, qr/^group must be one of.*vector has no/],
        [{ group => "a\nb" }, qr/^group must be the id of a group/],
        [{ op => 'connect', group => 'DEPOT01' }, qr/^group must be absent/],
        [{ by => 'x' x 65 }, qr/^by must be one line of UTF-8, at most 64/],
        [{ by => "a\xff" }, qr/^by must be/],
        [{ by => "a\0b" }, qr/^by must be text without NUL/],
        [{ reason => "two\nlines" }, qr/^reason must be one line/],
        [{ reason => 'x' x 501 }, qr/^reason must be .* at most 500/],
    );
    for my $case (@cases) {
        my %event = $stack->operate('disable', %{$case->[0]});
        is($event{data}{outcome}, 'refused', "refused: $case->[1]");
        like($event{data}{text}, $case->[1], 'and says so');
    }
    is($stack->connection->{state}, 'online', 'nothing has changed');
    is_circuit(1, 'oscp', 120000);
};

subtest 'who and why' => sub {
    my %event = $stack->operate('connect', by => "J\xc3\xbcrg", reason =>
        'is it up?');
    is($event{by}, "operator J\xc3\xbcrg", 'by');
    is($event{data}{reason}, 'is it up?', 'reason');
    is("$event{data}{op} $event{data}{outcome}", 'connect unchanged',
        'outcome');
    is($event{data}{text}, 'vector is online already', 'text');
    %event = $stack->operate('enable', by => undef);
    is("$event{by} $event{data}{outcome}", 'operator unknown unchanged',
        'a command that nobody signed');
};

subtest 'a group out of service' => sub {
    is($stack->operate('disable', group => 'DEPOT01'), 'done: DEPOT01 is '
        . 'disabled: under full local control, its forecasts are kept', 'done');
    is_circuit(1, 'local', 400000);
    is_circuit(2, 'oscp', 120000);
    is_deeply($stack->envelope, {}, 'no envelope');
    is($stack->group->{reason}, 'disabled', 'reason');
    is(forecast('DEPOT01', 50), 403, 'its forecasts are refused');
    is(forecast('DEPOT02', 110), 204, 'the others are not');
    is($stack->operate('disable', group => 'DEPOT01'),
        'unchanged: DEPOT01 is disabled already', 'again');
    $stack->worker->kill;
    $stack->nginx->reload;
    $stack->worker->restart;
    ok(wait_for(sub { $stack->worker->log_text =~ /running.*running/s }),
        'another worker, a reload');
    is($stack->group->{enabled}, 0, 'do not enable it');
    is_circuit(1, 'local', 400000);
    is($stack->operate('enable', group => 'DEPOT01'),
        'done: DEPOT01 is enabled', 'enabled again');
    is_circuit(1, 'oscp', 120000);
    is(forecast('DEPOT01', 100), 204, 'its forecasts are taken');
    is_circuit(1, 'oscp', 100000);
};

subtest 'a connection out of service' => sub {
    is($stack->operate('disable'), 'done: vector is disabled: under full local '
        . 'control, its forecasts are kept', 'done');
    is_circuit($_, 'local', 400000) for 1, 2;
    is($stack->connection->{state}, 'disabled', 'state');
    is(forecast('DEPOT02', 50), 403, 'forecasts are refused');
    is($cp->command('handshake')->{status}, 403, 'handshakes, too');
    is($stack->operate('connect'), 'refused: vector is disabled: enable it '
        . 'first', 'connect');
    $stack->worker->kill;
    $stack->nginx->reload;
    $stack->worker->restart;
    ok($stack->worker->wait_running, 'another worker, a reload');
    is($stack->connection->{state}, 'disabled', 'do not enable it');
    is($stack->operate('enable', group => 'DEPOT01'), 'unchanged: DEPOT01 is '
        . 'enabled already, but the connection is disabled', 'its group');
    is($stack->operate('enable'), 'done: vector is enabled', 'enabled again');
    is($stack->connection->{state}, 'offline', 'offline, as it must be');
    # What was kept is known, and not online is yellow.
    is_circuit($_, 'safe_default', 60000) for 1, 2;
    ok($stack->go_online(30), 'online');
    is_circuit(1, 'oscp', 100000);
};

subtest 'both out of service and disconnected' => sub {
    is($stack->operate('disable') =~ s/:.*//r, 'done', 'disable');
    is($stack->operate('disconnect') =~ s/:.*//r, 'done', 'disconnect');
    is($stack->connection->{state}, 'disabled', 'disabled');
    is_deeply($stack->redis->command('KEYS', '*:forecast:*'), [],
        'what was kept is gone');
    is($stack->operate('enable'), 'done: vector is enabled, and still '
        . 'disconnected', 'enable');
    is($stack->connection->{state}, 'disconnected', 'disconnected');
    is(forecast('DEPOT01', 100), 403, 'and refused');
    is($stack->operate('connect') =~ s/:.*//r, 'done', 'connect');
    ok($stack->wait_state('online'), 'online');
    is(forecast("DEPOT0$_", 100), 204, "forecast for DEPOT0$_") for 1, 2;
    is_circuit(1, 'oscp', 100000);
};

subtest 'while no worker runs' => sub {
    $stack->worker->kill;
    my @ids = map { $stack->send_command(@$_) } ['disable', group => 'DEPOT01'],
        ['disable', group => 'DEPOT02'], ['enable', group => 'DEPOT01'],
        ['disconnect'], ['connect'], ['explode'];
    $stack->worker->restart;
    ok(wait_for(sub { $stack->answers($ids[-1]) }), 'all are answered');
    is_deeply([map { my $id = $_; scalar(() = $stack->answers($id)) } @ids],
        [(1) x @ids], 'each by one event');
    my %mine = map { $_ => 1 } @ids;
    my @outcomes = map { $_->{data}{outcome} }
        grep { $mine{$_->{cmd}} } $stack->events('command');
    is("@outcomes", 'done done done done done refused', 'in their order');
    is($stack->group("DEPOT0$_")->{enabled}, $_ == 1 ? 1 : 0, "DEPOT0$_")
        for 1, 2;
    ok(wait_for(sub { (() = $cp->records(dir => 'in', message => 'handshake'))
        == 2 }, 8), 'the handshake that was commanded is sent at once');
    is($stack->redis->command('XLEN', $stack->key('cmd')), 0, 'all settled');
    ok($stack->wait_state('online'), 'online');
};

$stack->finish;
done_testing();
