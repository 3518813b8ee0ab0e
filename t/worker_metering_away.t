#!/usr/bin/env perl
#
# Goal: a Redis that is away for longer than a window's length costs no quarter
# hour.  The site, which was told to come again, delivers what it has kept in
# several pieces once Redis is back: nothing is too late, nothing is skipped.

use strict;
use warnings;

use FindBin qw($Bin);
use Test::More;
use Time::HiRes qw(sleep time);

use lib "$Bin/lib", "$Bin/cp/lib";
use CP::Clock qw(time_ms);
use OSCP::Direct;
use OSCP::Meter;
use OSCP::Process qw(wait_for);

use constant LENGTH => 2000;

my $direct = OSCP::Direct->start(connections => { vector => {
    measurement_window_ms => LENGTH, measurement_grace_ms => 1500,
    groups => { DEPOT01 => { circuit => undef } } } });
my $redis = $direct->redis;
my $meter = OSCP::Meter->new(length => LENGTH);
my $import = 0;
my @kept;

# Reads the meter for so many seconds.
sub play {
    my ($seconds, $deliver) = @_;
    my $until = time + $seconds;

    while (time < $until) {
        my $at = int(time * 1000);
        $meter->add('CH1', at => $at, import => $import += 1000);
        push @kept, { conn => 'vector', group => 'DEPOT01', asset => 'CH1',
            at_ms => $at, energy_import_wh => $import / 1000 };
        $direct->samples(splice @kept) if $deliver;
        sleep 0.2;
    }
    return;
}

# How often it has begun so far.
sub running {
    return scalar(() = $direct->worker->log_text =~ /running/g);
}

sub metered {
    return time_ms($direct->hash('group:vector:DEPOT01')->{metered_until}
        // '') // 0;
}

ok($direct->worker->wait_running, 'it runs');
play(LENGTH / 1000 + 0.5, 1);
my $runs = running();
is($redis->stop, 0, 'Redis goes');
play(2.5 * LENGTH / 1000, 0);
$redis->start;
# The meter is read all the time.
ok(wait_for(sub { play(0.2, 0); running() > $runs }, 10), 'and is back');
$direct->samples(splice @kept, 0, 5) for 1 .. 2;
sleep 0.2;
$direct->samples(splice @kept, 0, 5) while @kept;
my $last = int(time * 1000);
play(LENGTH / 1000 + 0.6, 1);
ok(wait_for(sub { metered() >= $last }, 10), 'metering goes on');

is_deeply([$direct->events('sample_refused')], [], 'nothing was too late');
is_deeply([map { $_->{data}{why} } $direct->events('window_skipped')],
    ['too little data: all assets only joined'], 'only the first is skipped');
my @windows = map { $_->{data} } $direct->events('window');
cmp_ok(scalar @windows, '>=', 4, @windows . ' windows');
is_deeply([map { $_->{import_wh} * 1000 } @windows],
    [map { $meter->window(time_ms($_->{from}))->{import} } @windows],
    'each exactly');

$direct->finish;
done_testing();
