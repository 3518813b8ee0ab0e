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

# They come in parts, one after the other: the worker is killed in the middle of
# one, and the next one finds none.
my @parts = ([a => 400], [b => 300], [c => MESSAGES - 700]);

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

sub begin {
    my ($name, $count) = @_;

    $cp->command("forecast group=DEPOT01 w={n} id=$name-{n} length=1h start=-1m"
        . " count=$count parallel=1 nowait");
    return;
}

sub all_sent {
    my ($count) = @_;

    return ok(wait_for(sub { ($cp->state->{counts}{out}
        {update_group_capacity_forecast} // 0) >= $count }, 60),
        "$count are sent");
}

ok($stack->go_online(60), 'online');
begin(@{$parts[0]});
my $sent = 0;
for my $i (0, 1) {
    ok(wait_for(sub { applied() > $sent + 0.25 * $parts[$i][1] }, 30),
        'a share is through');
    $stack->worker->kill('KILL');
    all_sent($sent += $parts[$i][1]);
    begin(@{$parts[$i + 1]});
    ok(wait_for(sub { length_of('in') > 10 }, 10),
        'messages wait for a worker');
    $stack->worker->restart;
}

all_sent(MESSAGES);
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
my @all = map { my ($name, $count) = @$_; map { "$name-$_" } 1 .. $count }
    @parts;
is_deeply(\@order, \@all, 'the order held');
is($stack->circuit->{available_capacity_w}, $parts[-1][1],
    'the last one holds');
is($stack->hash('forecast:vector:DEPOT01:CONSUMPTION')->{req}, $all[-1],
    'and is named');
my $pending = $redis->command('XPENDING', $stack->key('in'), 'oscp-worker');
is($pending->[0], 0, 'nothing is pending');

my $again = $cp->command('forecast group=DEPOT01 w=5 id=a-{n} length=1h'
    . ' start=-1m count=50');
is_deeply($again->{statuses}, { 204 => 50 }, 'retries are answered 204');
ok($cp->command('forecast group=DEPOT01 w=4242 length=1h start=-1m'
    . ' expect=204'), 'a new one after them');
ok($stack->wait_circuit('incomer-1', { available_capacity_w => 4242 }),
    'takes effect');
is(applied(), MESSAGES + 1, 'the retries had none');

$stack->finish;
done_testing();
