#!/usr/bin/env perl
#
# Goal: a thousand forecasts come in while the worker is killed with -9 twice
# and started again.  None is lost, none is applied twice, and their order
# holds; the same request ids sent again change nothing.

use strict;
use warnings;

use FindBin qw($Bin);
use Test::More;

use lib "$Bin/lib";
use OSCP::Process qw(wait_for);
use OSCP::Stack;

use constant MESSAGES => 1000;

my $stack = OSCP::Stack->start(heartbeat => '30s');
my $cp = $stack->cp;
my $redis = $stack->redis;

sub length_of {
    my ($stream) = @_;

    return $redis->command('XLEN', $stack->key($stream));
}

# How many forecasts have taken effect.
sub applied {
    return scalar $stack->events('forecast');
}

ok($stack->go_online(60), 'online');
my $before = length_of('events');
$cp->command('forecast group=DEPOT01 w={n} id=m-{n} length=1h start=-1m'
    . ' count=' . MESSAGES . ' parallel=1 nowait');

for my $part (0.25, 0.6) {
    ok(wait_for(sub { length_of('events') > $before + 2 * $part * MESSAGES
        || applied() > $part * MESSAGES }, 30), "a share of $part is through");
    $stack->worker->kill('KILL');
    my $left = wait_for(sub { length_of('in') > 10 }, 10);
    ok($left, 'messages wait for a worker');
    $stack->worker->restart;
}

ok(wait_for(sub { ($cp->state->{counts}{out}{update_group_capacity_forecast}
    // 0) >= MESSAGES }, 60), 'all are sent');
ok(wait_for(sub { length_of('in') == 0 }, 30), 'all are settled');
my @sent = $cp->records(dir => 'out',
    message => 'update_group_capacity_forecast');
is_deeply([map { $_->{id} } grep { ($_->{status} // 0) != 204 } @sent], [],
    'each was answered 204');

my @order = map { $_->{data}{req} } $stack->events('forecast');
my %times;
$times{$_}++ for @order;
is(scalar(keys %times), MESSAGES, 'none is lost');
is_deeply([grep { $times{$_} > 1 } keys %times], [], 'none is applied twice');
is_deeply(\@order, [map { "m-$_" } 1 .. MESSAGES], 'the order held');
is($stack->circuit->{available_capacity_w}, MESSAGES, 'the last one holds');
is($stack->hash('forecast:vector:DEPOT01:CONSUMPTION')->{req},
    'm-' . MESSAGES, 'and is named');
my $pending = $redis->command('XPENDING', $stack->key('in'), 'oscp-worker');
is($pending->[0], 0, 'nothing is pending');

my $again = $cp->command('forecast group=DEPOT01 w=5 id=m-{n} length=1h'
    . ' start=-1m count=50');
is_deeply($again->{statuses}, { 204 => 50 }, 'retries are answered 204');
ok($cp->command('forecast group=DEPOT01 w=4242 length=1h start=-1m'
    . ' expect=204'), 'a new one after them');
ok($stack->wait_circuit('incomer-1', { available_capacity_w => 4242 }),
    'takes effect');
is(applied(), MESSAGES + 1, 'the retries had none');

$stack->finish;
done_testing();
