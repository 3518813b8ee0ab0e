#!/usr/bin/env perl
#
# Goal: a segmented forecast takes effect when it is complete, and only then;
# its entries stay pending until it is, through a crash; what does not become
# complete in time is dropped, with an event.

use strict;
use warnings;

use FindBin qw($Bin);
use Test::More;
use Time::HiRes qw(time);

use lib "$Bin/lib";
use OSCP::Direct;
use OSCP::Process qw(wait_for);

my $direct = OSCP::Direct->start(connections => { vector => {} });
my $redis = $direct->redis;
ok($direct->wait_hash('circuit:incomer-1', { control => 'local' }), 'it runs');
$direct->set_online('vector', 3600);

sub segment {
    my ($index, $count, %o) = @_;

    return $direct->forecast('vector', 'DEPOT01', seg => "$index/$count",
        blocks => [[3600 * ($index - 1) - 60, 3600 * $index - 60,
            1000 * $index]], %o);
}

sub pending {
    return $redis->command('XPENDING', $direct->key('in'), 'oscp-worker')->[0];
}

sub entries {
    return $redis->command('XLEN', $direct->key('in'));
}

sub forecast {
    return $direct->hash('forecast:vector:DEPOT01:CONSUMPTION');
}

subtest 'complete' => sub {
    segment(1, 3, req => 'a-1');
    segment(2, 3, req => 'a-2', corr => 'a-1');
    ok(wait_for(sub { pending() == 2 }), 'two of three are pending');
    is_deeply(forecast(), {}, 'without effect');
    segment(3, 3, req => 'a-3', corr => 'a-2');
    ok($direct->wait_hash('envelope:depot-1', { import_limit_w => 1000,
        req => 'a-1' }), 'the third makes it whole, under the first id');
    ok($direct->wait_settled, 'all three are settled');
    is(pending(), 0, 'none is pending');
    my @blocks = @{JSON::PP::decode_json(forecast()->{blocks})};
    is_deeply([map { $_->[2] } @blocks], [1000, 2000, 3000], 'every block');
    is(scalar(my @events = $direct->events('forecast')), 1, 'one message');
};

subtest 'in another order, twice, and by two workers' => sub {
    segment(3, 3, req => 'b-3', corr => 'b-1');
    segment(1, 3, req => 'b-1');
    segment(1, 3, req => 'b-1');
    ok(wait_for(sub { pending() == 3 }), 'what came is pending');
    $direct->worker->kill;
    segment(2, 3, req => 'b-2', corr => 'b-1');
    $direct->worker->restart;
    ok($direct->wait_hash('forecast:vector:DEPOT01:CONSUMPTION',
        { req => 'b-1' }), 'the next worker completes it');
    ok($direct->wait_settled, 'everything is settled');
    is(scalar(my @events = $direct->events('forecast')), 2, 'once');
};

subtest 'a part that does not fit' => sub {
    segment(1, 2, req => 'c-1');
    segment(2, 3, req => 'c-2', corr => 'c-1');
    ok(wait_for(sub { $direct->events('ignored') }), 'is ignored');
    ok(wait_for(sub { entries() == 1 }), 'and settled');
    segment(2, 2, req => 'c-3', corr => 'c-1');
    ok($direct->wait_settled, 'the set is not harmed');
    is(forecast()->{req}, 'c-1', 'and takes effect');
};

subtest 'incomplete' => sub {
    # Received long enough ago that the time is over soon.
    my $at = OSCP::Direct::at(time - 54);
    segment(1, 2, req => 'd-1', at => $at);
    ok(wait_for(sub { pending() == 1 }), 'it waits');
    ok(wait_for(sub { $direct->events('segment_expired') }, 10),
        'until its time is over');
    my ($event) = $direct->events('segment_expired');
    is("$event->{conn} $event->{group} $event->{data}{req}"
        . " $event->{data}{have}/$event->{data}{count}",
        'vector DEPOT01 d-1 1/2', 'an event tells it');
    ok($direct->wait_settled, 'it is settled');
    is(forecast()->{req}, 'c-1', 'without effect');
};

$direct->finish;
done_testing();
