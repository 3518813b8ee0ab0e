#!/usr/bin/env perl
#
# Goal: what was answered 204 before an operator's command or a reload took
# effect is kept, and the site never reads a value in between that no rule
# gives.  A forecast stored before a disable holds after the enable; a circuit
# that passes from one group to another never stands without a limit.

use strict;
use warnings;

use FindBin qw($Bin);
use Test::More;

use lib "$Bin/lib";
use OSCP::Process qw(slow wait_for);
use OSCP::Stack;

use constant STORED => 2000;        # messages that a worker finds at its start

my @first = ('group DEPOT01 scope=depot-1 circuit=incomer-1 rated=400kW'
    . ' safe_default=60kW', 'group DEPOT02 scope=depot-2 circuit=incomer-2'
    . ' rated=300kW safe_default=50kW');
my $stack = OSCP::Stack->start(heartbeat => '60s', groups => \@first);
my $cp = $stack->cp;

sub forecast {
    my ($group, $kw, $more) = @_;

    $cp->command("forecast group=$group kw=$kw length=2h start=-1m expect=204 "
        . ($more // ''));
    return;
}

sub published {
    my ($groups) = @_;
    my $version = $stack->redis->hash('oscp:config')->{version};

    $stack->{groups} = $groups;
    $stack->nginx->configure(http => $stack->http);
    $stack->nginx->reload;
    return wait_for(sub {
        $stack->redis->hash('oscp:config')->{version} ne $version });
}

ok($stack->go_online(60), 'online');
forecast('DEPOT01', 10);
forecast('DEPOT02', 20);
ok($stack->wait_circuit('incomer-1', { available_capacity_w => 10000 }),
    'DEPOT01 is limited');
ok($stack->wait_circuit('incomer-2', { available_capacity_w => 20000 }),
    'DEPOT02 as well');

for my $target (['DEPOT01', group => 'DEPOT01'], ['the connection']) {
    my ($name, @group) = @$target;

    subtest "a forecast stored before $name is disabled" => sub {
        my $kw = @group ? 77 : 78;

        $stack->worker->kill('KILL');
        forecast('DEPOT01', $kw);
        my $id = $stack->send_command('disable', @group);
        $stack->worker->restart;
        ok(wait_for(sub { $stack->answers($id) }, 20), 'disabled');
        ok($stack->wait_circuit('incomer-1', { control => 'local' }), 'local');
        like($stack->operate('enable', @group), qr/^done/, 'enabled');
        # A disabled connection has lost its handshake.
        ok(@group || $stack->go_online(60), 'online');
        ok($stack->wait_circuit('incomer-1', { control => 'oscp',
            available_capacity_w => $kw * 1000 }), 'is what holds then');
    };
}

subtest 'a circuit that passes to another group' => sub {
    forecast('DEPOT01', 10);
    ok($stack->wait_circuit('incomer-1', { available_capacity_w => 10000 }),
        'before');
    $stack->worker->kill('KILL');
    forecast('DEPOT01', 10, "id=lot-{n} count=${\STORED} parallel=16");
    ok(published(['group DEPOT01 scope=depot-2 circuit=incomer-2 rated=300kW'
        . ' safe_default=50kW']), 'DEPOT02 is gone, DEPOT01 has its circuit');

    my %seen;
    my $look = sub {
        my $circuit = $stack->circuit('incomer-2');
        my $envelope = $stack->envelope('depot-2');
        $seen{"$circuit->{control} $circuit->{available_capacity_w} "
            . ($circuit->{valid_until} ? 'valid' : 'free')}++;
        $seen{'no envelope'}++ unless %$envelope;
        $circuit->{available_capacity_w} == 10000;
    };
    $look->();
    $stack->worker->restart;
    ok(wait_for($look, 30), 'it obeys its new group');
    is_deeply([sort keys %seen], ['oscp 10000 valid', 'oscp 20000 valid'],
        'and stood under one group\'s limit or the other\'s all the time');
    ok($stack->wait_circuit('incomer-1', { control => 'local' }),
        'the circuit that nobody has is free');
};

$stack->finish;
done_testing();
