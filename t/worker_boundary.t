#!/usr/bin/env perl
#
# Goal: what the site reads changes when a block begins or ends, by a timer and
# not on a poll; a worker that is started in the middle decides at once as one
# that had never been away; valid_until is renewed, and never reaches further
# than a second past the next change.

use strict;
use warnings;

use FindBin qw($Bin);
use Test::More;
use Time::HiRes qw(time);

use lib "$Bin/lib", "$Bin/cp/lib";
use CP::Clock qw(time_ms);
use OSCP::Direct;
use OSCP::Process qw(slow wait_for);

my $direct = OSCP::Direct->start(
    connections => { vector => { groups => { DEPOT01 => {},
        DEPOT02 => { circuit => undef },
        DEPOT03 => { safe_default_w => undef } } } });
ok($direct->wait_hash('circuit:incomer-1', { control => 'local' }), 'it runs');
$direct->set_online('vector', 3600);

my $length = 3 + 1.5 * slow();
my $now = int(time * 1000) / 1000;
my @blocks = ([-60, $length, 100], [$length, 2 * $length, 200],
    [3 * $length, 4 * $length, 300]);
$direct->forecast('vector', $_, now => $now, blocks => \@blocks)
    for qw(DEPOT01 DEPOT02 DEPOT03);
ok($direct->wait_hash('circuit:incomer-1', { available_capacity_w => 100,
    control => 'oscp' }), 'the block that covers now');

# What changed when, as the audit has it, against when it should have.
sub changes {
    my ($group) = @_;

    return [map { [$_->{data}{available_capacity_w}
        // $_->{data}{import}{limit_w}, $_->{data}{control}, $_->{at}] }
        grep { $_->{group} eq $group } $direct->events('envelope')];
}

my $circuit = $direct->hash('circuit:incomer-1');
cmp_ok(time_ms($circuit->{valid_until}), '<=', ($now + $length) * 1000 + 1000,
    'valid until a second after it');

ok($direct->wait_hash('circuit:incomer-1', { available_capacity_w => 60000,
    control => 'safe_default' }, 4 * $length), 'the gap');
$direct->worker->kill;
$direct->worker->restart;
ok($direct->wait_hash('circuit:incomer-1', { available_capacity_w => 300 },
    3 * $length), 'the block after the gap, by another worker');
ok($direct->wait_hash('circuit:incomer-1', { control => 'safe_default',
    available_capacity_w => 60000 }, 3 * $length), 'and its end');

my %want = (DEPOT01 => '100 200 60000 300 60000',
    DEPOT02 => '100 200 - 300 -', DEPOT03 => '100 200 400000 300 400000');
my @moments = map { ($now + $_ * $length) * 1000 } 1 .. 4;
for my $group (qw(DEPOT01 DEPOT02 DEPOT03)) {
    my @got = @{changes($group)};
    shift @got while @got > 5;
    is(join(' ', map { $_->[0] // '-' } @got), $want{$group},
        "$group: the values in order");
    my @late = map { time_ms($got[$_][2]) - $moments[$_ - 1] } 1 .. 4;
    note("$group late by ms: @late");
    ok(!(grep { $_ < 0 || $_ > 1000 * slow() } @late),
        'each at its time, never before it');
}
is($direct->hash('group:vector:DEPOT03')->{mode}, 'fallback',
    'without a safe default: fallback');
is_deeply($direct->hash('envelope:depot-3'), {}, 'without an envelope');
is($direct->hash('circuit:incomer-3')->{control}, 'local', 'and on its own');

subtest 'a worker that was away for the change' => sub {
    my $start = time;
    my $end = 3 + slow();
    $direct->forecast('vector', 'DEPOT01', now => $start, req => 'long',
        blocks => [[-1, $end, 1000], [$end, 3600, 2000]]);
    ok($direct->wait_hash('circuit:incomer-1',
        { available_capacity_w => 1000 }), 'a block');
    $direct->worker->kill;
    wait_for(sub { time > $start + $end + 0.05 }, 10);
    is($direct->hash('circuit:incomer-1')->{available_capacity_w}, 1000,
        'ends unseen');
    my $valid = time_ms($direct->hash('circuit:incomer-1')->{valid_until});
    cmp_ok($valid, '<=', ($start + $end + 1) * 1000 + 1, 'and was not promised');
    $direct->worker->restart;
    ok($direct->wait_hash('circuit:incomer-1',
        { available_capacity_w => 2000 }), 'the next one holds at once');
    is($direct->hash('circuit:incomer-1')->{control}, 'oscp', 'still online');
};

subtest 'renewal' => sub {
    my $first = $direct->hash('circuit:incomer-1');
    ok(wait_for(sub { $direct->hash('circuit:incomer-1')->{valid_until}
        ne $first->{valid_until} }, 15), 'valid_until moves');
    my $then = $direct->hash('circuit:incomer-1');
    is($then->{revision}, $first->{revision}, 'without a revision');
    is($then->{updated_at}, $first->{updated_at}, 'or an update');
};

$direct->finish;
done_testing();
