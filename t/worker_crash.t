#!/usr/bin/env perl
#
# Goal: a worker that is killed with -9 again and again in the middle of stored
# messages loses none, applies none twice and keeps their order; so does one
# whose connections to Redis are cut.

use strict;
use warnings;

use FindBin qw($Bin);
use Test::More;
use Time::HiRes qw(sleep);

use lib "$Bin/lib";
use OSCP::Direct;
use OSCP::Process qw(wait_for);

use constant {
    MESSAGES => 1000,
    ROUNDS   => 12,
};

my $direct = OSCP::Direct->start(connections => { vector => {} },
    appendfsync => 'always');
my $redis = $direct->redis;
ok($direct->wait_hash('circuit:incomer-1', { control => 'local' }), 'it runs');

my $seed = $ENV{OSCP_SEED} // int rand 1e6;
srand $seed;
note("OSCP_SEED=$seed");

sub send_messages {
    my ($from, $to) = @_;

    $direct->forecast('vector', 'DEPOT01', req => "m-$_",
        blocks => [[-60, 3600, $_]]) for $from .. $to;
    return;
}

# Kills or cuts in the middle of a share of the messages.
my $share = MESSAGES / ROUNDS;
my $left = 0;
for my $round (0 .. ROUNDS - 1) {
    my ($from, $to) = (int $round * $share, int(($round + 1) * $share));
    my $middle = $from + int rand $to - $from;

    send_messages($from + 1, $middle);
    if ($round % 3 == 2) {
        for my $line (split /\n/, $redis->command('CLIENT', 'LIST')) {
            my ($id) = $line =~ /\bid=(\d+)/;
            $redis->command('CLIENT', 'KILL', 'ID', $id)
                if $line !~ /cmd=client/;
        }
        send_messages($middle + 1, $to);
    } else {
        $direct->worker->kill;
        $left += $redis->command('XLEN', $direct->key('in')) > 0;
        send_messages($middle + 1, $to);
        $direct->worker->restart;
        sleep rand 0.02;
    }
}

ok($direct->wait_settled(30), 'all are settled');
note("killed in the middle of messages: $left times");
my @order = map { $_->{data}{req} } $direct->events('forecast');
is_deeply(\@order, [map { "m-$_" } 1 .. MESSAGES],
    'each took effect once, in order');
is($redis->command('XPENDING', $direct->key('in'), 'oscp-worker')->[0], 0,
    'nothing is pending');
ok($direct->wait_hash('forecast:vector:DEPOT01:CONSUMPTION',
    { req => 'm-' . MESSAGES }), 'the last one holds');
is($direct->hash('stats')->{in_applied}, MESSAGES, 'and the counter agrees');

$direct->finish;
done_testing();
