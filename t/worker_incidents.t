#!/usr/bin/env perl
#
# Goal: incidents do not grow without a bound.  Of each kind an owner has the
# last 1,000 at most, counted in their ids: whoever goes on with it, the next
# one is opened and the oldest one deleted in one transaction, and no other
# owner's nor another kind's.

use strict;
use warnings;

use FindBin qw($Bin);
use Test::More;
use Time::HiRes qw(time);

use lib "$Bin/lib";
use OSCP::Direct;
use OSCP::Process qw(wait_for);

my %config = (vector => { groups => { DEPOT01 => {}, DEPOT02 => {} } });
my $direct = OSCP::Direct->start(connections => \%config);
my $redis = $direct->redis;
my $sent = 0;

ok($direct->wait_hash('circuit:incomer-1', { control => 'local' }), 'it runs');
$direct->set_online('vector', 3600);

sub group { return $direct->hash('group:vector:' . ($_[0] // 'DEPOT01')) }

sub wait_mode {
    my ($group, $mode) = @_;

    return ok($direct->wait_hash("group:vector:$group", { mode => $mode }),
        "$group: $mode");
}

# A forecast that holds, then one that does not: the incident's id.
sub gap {
    my $group = $_[0] // 'DEPOT01';

    $direct->forecast('vector', $group, blocks => [[-60, 3600, 1000]]);
    wait_mode($group, 'normal');
    $direct->forecast('vector', $group, blocks => [[-60, -1, 1000]]);
    wait_mode($group, 'fallback');
    return group($group)->{incident};
}

# The incidents in Redis, of the yellow kind or another one.
sub kept {
    my ($reason) = @_;

    return sort grep { $direct->hash("incident:$_")->{reason} eq
        ($reason // 'forecast_gap') } map { /([^:]+)$/ }
        @{$redis->command('KEYS', $direct->key('incident:*'))};
}

# The id that has another number.
sub numbered {
    my ($id, $n) = @_;

    return substr($id, 0, 24) . sprintf '%012x', $n;
}

# A message that is too old is given up.
sub give_up {
    my (@group) = @_;

    return $redis->command('XADD', $direct->key('out'), '*', conn => 'vector',
        msg => 'update_asset_measurements', req => 'out-' . ++$sent,
        created => OSCP::Direct::at(time - 8 * 86400), body => '{}', @group);
}

my $other = gap('DEPOT02');
my $first = gap();

subtest 'are counted' => sub {
    like($first, qr/^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-0{11}1$/, 'the first one');
    is(group()->{incident_last}, $first, 'is the last one');
    my $second = gap();
    is($second, numbered($first, 2), 'the second one');
    is_deeply([kept()], [sort $other, $first, $second], 'all are kept');
    is_deeply([@{group()}{qw(incident incident_last)}], [$second, $second],
        'which the group knows');
};

subtest 'more than 1,000' => sub {
    $direct->worker->kill;
    $redis->command('HSET', $direct->key('group:vector:DEPOT01'),
        incident_last => numbered($first, 999));
    $direct->worker->restart;
    is(gap(), numbered($first, 1000), 'the 1,000th, of another worker');
    is_deeply([kept()], [sort $other, map { numbered($first, $_) } 1, 2, 1000],
        'all are kept');
    is(gap(), numbered($first, 1001), 'the next one');
    is_deeply([kept()], [sort $other, map { numbered($first, $_) } 2, 1000,
        1001], 'the first one has gone');
    gap();
    gap();
    is_deeply([kept()], [sort $other, map { numbered($first, $_) } 1000 ..
        1003], 'then the second one, and what was gone already');
    is_deeply([sort @{$redis->command('SMEMBERS', $direct->key('incidents'))}],
        [sort $other, numbered($first, 1003)], 'two are open');
};

subtest 'the other kinds' => sub {
    my %owner = ('conn:vector' => [], 'group:vector:DEPOT01' =>
        [group => 'DEPOT01']);
    my @yellow = kept();

    for my $key (sort keys %owner) {
        give_up(@{$owner{$key}});
        ok(wait_for(sub { $direct->hash($key)->{undeliverable_incident} }),
            "$key has one");
        my $id = $direct->hash($key)->{undeliverable_last};
        like($id, qr/-0{11}1$/, 'the first one');
        $direct->worker->kill;
        # As if it were over, and many had followed.
        $redis->command('HDEL', $direct->key($key), 'undeliverable_incident',
            'undeliverable_at');
        $redis->command('SREM', $direct->key('incidents'), $id);
        $redis->command('HSET', $direct->key($key), undeliverable_last =>
            numbered($id, 1000));
        $direct->worker->restart;
        give_up(@{$owner{$key}});
        ok(wait_for(sub { ($direct->hash($key)->{undeliverable_incident} // '')
            eq numbered($id, 1001) }), 'the next one');
        ok(!(grep { $_ eq $id } kept('undeliverable')), 'the first has gone');
    }
    is_deeply([kept()], \@yellow, 'the yellow ones are still there');
};

subtest 'what is no id, and a group that is new' => sub {
    for my $text ('x' x 36, substr($first, 1), "$first}") {
        $direct->worker->kill;
        $redis->command('HSET', $direct->key('group:vector:DEPOT02'),
            incident_last => $text);
        $direct->worker->restart;
        my $id = gap('DEPOT02');
        like($id, qr/^[0-9a-f-]{24}0{11}1$/, "after $text: another count");
        isnt($id, $other, 'of its own');
    }
    my $last = group('DEPOT02')->{incident_last};
    ok($direct->wait_applied($direct->publish(vector => { groups => {
        DEPOT01 => {} } })), 'a group goes');
    ok($direct->wait_applied($direct->publish(%config)), 'and comes again');
    my $id = gap('DEPOT02');
    isnt($id, $last, 'its incidents');
    like($id, qr/-0{11}1$/, 'are counted anew');
    ok((grep { $_ eq $last } kept()), 'those it had are kept');
};

$direct->finish;
done_testing();
