#!/usr/bin/env perl
#
# Goal: power above the limit for longer than the grace is one episode: one
# message to the peer, about the forecast and the blocks that it breaks, one
# incident, one notification and their end; whoever restarts, in both
# directions, whatever gives the limit and takes it away; and an operator can
# tell the peer something by himself.

use strict;
use warnings;

use FindBin qw($Bin);
use JSON::PP qw(decode_json);
use Test::More;
use Time::HiRes qw(time);

use lib "$Bin/lib";
use OSCP::Direct;
use OSCP::Process qw(wait_for);

my %groups = map { ("DEPOT0$_" => {}) } 1 .. 4;
# No window is closed meanwhile, whatever the time of day: samples of before
# would be late.
my %vector = (measurement_grace_ms => 3600000, groups => \%groups);
my $direct = OSCP::Direct->start(connections => { vector => \%vector });
my $redis = $direct->redis;
my $start = time;
my $wh = 0;
ok($direct->wait_hash('circuit:incomer-1', { control => 'local' }), 'it runs');
$direct->set_online('vector', 3600);

sub running {
    return $direct->worker->wait_running;
}

sub restart {
    $direct->worker->kill;
    $direct->worker->restart;
    return ok(running(), 'another worker');
}

# A sample: seconds from the start, watts.  Waits until what follows from it
# stands in Redis: what was taken before a command is committed before or with
# its answer.
sub measure {
    my ($group, $at, $watts, $asset) = @_;
    my $id = $redis->command('XADD', $direct->key('meter'), '*', conn =>
        'vector', group => $group, asset => $asset // "$group-A", at =>
        OSCP::Direct::at($start + $at), power_w => $watts, energy_import_wh =>
        ++$wh);

    wait_for(sub {
        my %info = @{$redis->command('XINFO', 'GROUPS',
            $direct->key('meter'))->[0]};
        return $info{'last-delivered-id'} eq $id;
    }, 10);
    return operate(op => 'enable');
}

sub operate {
    my (%fields) = @_;
    my %all = (conn => 'vector', by => 'ann', %fields);
    my $event;

    my $id = $redis->command('XADD', $direct->key('cmd'), '*', %all);
    wait_for(sub { ($event) = grep { ($_->{cmd} // '') eq $id }
        $direct->events('command'); $event }, 10);
    return $event // { data => {} };
}

sub group { return $direct->hash("group:vector:$_[0]") }

# The events of a group: "STATE DIRECTION", in order.
sub told {
    my ($group) = @_;

    return grep { $_->{group} eq $group } $direct->events('compliance');
}

sub story {
    return join ', ', map { "$_->{data}{state} $_->{data}{direction}" }
        told(@_);
}

sub wait_story {
    my ($group, $want) = @_;

    return wait_for(sub { story($group) eq $want }, 10)
        || diag("$group: " . story($group));
}

sub errors {
    my ($group) = @_;

    return grep { $_->{group} eq $group && $_->{msg} eq
        'group_capacity_compliance_error' } $redis->stream($direct->key('out'));
}

sub incidents {
    my ($group) = @_;

    return grep { ($_->{group} // '') eq $group
        && $_->{reason} eq 'limit_exceeded' } map { $direct->hash(
            "incident:$_") } @{$redis->command('SMEMBERS',
            $direct->key('incidents'))};
}

sub notices {
    my ($group) = @_;

    return grep { ($_->{group} // '') eq $group && $_->{title} =~ /limit$/ }
        $redis->stream($direct->key('notifications'));
}

ok(running(), 'online');
$direct->forecast('vector', 'DEPOT01', req => 'f-1', now => $start, blocks => [
    [-600, 1800, 100000], [1800, 3600, 90000]]);
ok($direct->wait_hash('circuit:incomer-1', { available_capacity_w => 100000 }),
    'a limit');

subtest 'an episode' => sub {
    measure('DEPOT01', -320, 60000);
    measure('DEPOT01', -320, 42000, 'B');
    measure('DEPOT01', -310, 62000);
    is(group('DEPOT01')->{import_over_since}, OSCP::Direct::at($start - 310),
        'above by more than the tolerance, all assets together');
    measure('DEPOT01', -251, 62000);
    is(story('DEPOT01'), '', 'in its grace');
    measure('DEPOT01', -249, 68000);
    ok(wait_story('DEPOT01', 'begun import'), 'longer than that');
    my ($out, @more) = errors('DEPOT01');
    is(scalar @more, 0, 'one message');
    is($out->{corr}, 'f-1', 'answers the forecast');
    my $body = decode_json($out->{body});
    like($body->{message}, qr/^Group DEPOT01 is above its limit since \S+Z: /,
        'says since when');
    like($body->{message}, qr/: 110 kW drawn, 100 kW allowed$/, 'and how much');
    is_deeply($body->{forecasted_blocks}, [{ capacity => 100, phase => 'ALL',
        unit => 'KW', start_time => OSCP::Direct::at($start - 600),
        end_time => OSCP::Direct::at($start + 1800) }],
        'about the block in force');
    my ($event) = told('DEPOT01');
    is_deeply($event->{data}, { state => 'begun', direction => 'import',
        power_w => 110000, limit_w => 100000, since =>
        OSCP::Direct::at($start - 310), measured_at =>
        OSCP::Direct::at($start - 249), req => $out->{req}, corr => 'f-1' },
        'the event');
    my ($incident) = incidents('DEPOT01');
    is_deeply([@{$incident}{qw(severity title limit_w)}], ['critical',
        'Group DEPOT01 of vector draws more than its limit', 100000],
        'the incident');
    like($incident->{detail}, qr/^110 kW drawn, 100 kW allowed by the forecast, /,
        'in words');
    like($incident->{detail}, qr/The grid operator is told\.$/, 'who knows');
    my ($notice) = notices('DEPOT01');
    is_deeply([@{$notice}{qw(severity incident)}], ['critical',
        group('DEPOT01')->{compliance_incident}], 'the notification');
};

subtest 'is one, whoever goes on with it' => sub {
    measure('DEPOT01', -200, 200000);
    restart();
    measure('DEPOT01', -190, 200000);
    ok($direct->wait_hash('group:vector:DEPOT01', { measured_w => 242000,
        exceeded => 'import' }), 'still above it');
    measure('DEPOT01', -170, 200000);
    like((incidents('DEPOT01'))[0]{detail}, qr/^242 kW drawn/,
        'the incident says how it stands');
    is(story('DEPOT01'), 'begun import', 'no other episode');
    is(scalar(errors('DEPOT01')), 1, 'and no other message');
    measure('DEPOT01', -160, 60000);
    ok(wait_story('DEPOT01', 'begun import, ended import'), 'back under it');
    my (undef, $end) = told('DEPOT01');
    is($end->{data}{req}, (errors('DEPOT01'))[0]{req}, 'the end names the same '
        . 'message');
    is(scalar(incidents('DEPOT01')), 0, 'the incident is resolved');
    is_deeply([map { $_->{severity} } notices('DEPOT01')], ['critical', 'info'],
        'and that is told');
    my $group = group('DEPOT01');
    is_deeply([@{$group}{qw(exceeded exceeded_req import_over_since
        compliance_incident)}], [(undef) x 4], 'nothing is left of it');
    restart();
    is(story('DEPOT01'), 'begun import, ended import', 'for nobody');
};

subtest 'the grace runs on, too' => sub {
    measure('DEPOT01', -150, 90000);
    ok($direct->wait_hash('group:vector:DEPOT01', { import_over_since =>
        OSCP::Direct::at($start - 150) }), 'above it');
    restart();
    measure('DEPOT01', -89, 90000);
    ok(wait_story('DEPOT01', 'begun import, ended import, begun import'),
        'longer than the grace, measured by two workers');
    is(operate(op => 'disable', group => 'DEPOT01')->{data}{outcome}, 'done',
        'without a limit');
    ok(wait_story('DEPOT01', 'begun import, ended import, begun import, '
        . 'ended import'), 'it ends');
    is((told('DEPOT01'))[-1]{data}{why}, 'no limit holds any more', 'says why');
    is(scalar(errors('DEPOT01')), 2, 'a message for each');
    measure('DEPOT01', -60, 90000);
    measure('DEPOT01', 0, 90000);
    is(scalar(told('DEPOT01')), 4, 'what is disabled keeps no limit');
    is(operate(op => 'enable', group => 'DEPOT01')->{data}{outcome}, 'done',
        'enabled');
};

subtest 'a limit that no forecast set' => sub {
    $direct->forecast('vector', 'DEPOT02', req => 'f-2', now => $start,
        blocks => [[-600, -500, 100000]]);
    ok($direct->wait_hash('circuit:incomer-2', { control => 'safe_default' }),
        'the safe default holds');
    measure('DEPOT02', -100, 80000);
    measure('DEPOT02', -30, 80000);
    ok(wait_story('DEPOT02', 'begun import'), 'and is exceeded');
    is(scalar(errors('DEPOT02')), 0, 'the peer is not told');
    like((incidents('DEPOT02'))[0]{detail}, qr/safe default, .* is not told:/,
        'and the incident says so');
    is((told('DEPOT02'))[0]{data}{req}, undef, 'so does the event');
    $direct->forecast('vector', 'DEPOT02', req => 'f-3', now => $start, blocks
        => [[-60, 3600, 70000, 'ONE'], [-60, 3600, 5000, 'TWO']]);
    ok($direct->wait_hash('circuit:incomer-2', { available_capacity_w => 75000
        }), 'then a forecast comes');
    measure('DEPOT02', -20, 80000);
    ok(wait_story('DEPOT02', 'begun import, told import'), 'now it is');
    my ($out) = errors('DEPOT02');
    is($out->{corr}, 'f-3', 'about that one');
    is_deeply([map { "$_->{phase} $_->{capacity}" }
        @{decode_json($out->{body})->{forecasted_blocks}}], ['ONE 70', 'TWO 5'],
        'and its phases');
    measure('DEPOT02', -10, 80000);
    is(scalar(errors('DEPOT02')), 1, 'once');
};

subtest 'export; one incident at a time' => sub {
    $direct->forecast('vector', 'DEPOT03', req => 'f-4', now => $start, type =>
        'GENERATION', blocks => [[-600, 3600, 10000]]);
    $direct->forecast('vector', 'DEPOT03', req => 'f-5', now => $start,
        blocks => [[-600, 3600, 50000]]);
    ok($direct->wait_hash('envelope:depot-3', { export_limit_w => 10000,
        import_limit_w => 50000 }), 'two limits');
    measure('DEPOT03', $_, -20000) for -300, -240;
    ok(wait_story('DEPOT03', 'begun export'), 'one is exceeded');
    is((errors('DEPOT03'))[0]{corr}, 'f-4', 'the forecast for it');
    like((incidents('DEPOT03'))[0]{title}, qr/feeds in more/, 'incident');
    measure('DEPOT03', $_, 60000) for -200, -140;
    ok(wait_story('DEPOT03', 'begun export, ended export, begun import'),
        'then the other');
    is((errors('DEPOT03'))[1]{corr}, 'f-5', 'its own forecast');
    is(scalar(my @open = incidents('DEPOT03')), 1, 'one incident');
    like($open[0]{title}, qr/draws more/, 'that one');
};

subtest 'what says nothing of now' => sub {
    $direct->forecast('vector', 'DEPOT04', req => 'f-6', now => $start, blocks
        => [[-6000, 3600, 50000]]);
    ok($direct->wait_hash('circuit:incomer-4', { available_capacity_w => 50000
        }), 'a limit');
    measure('DEPOT04', $_, 80000) for -3000, -2000, -1000;
    is(group('DEPOT04')->{measured_at}, undef, 'samples of long ago');
    is(scalar(told('DEPOT04')), 0, 'are not judged');
    measure('DEPOT04', $_, 80000) for -100, -40;
    ok(wait_story('DEPOT04', 'begun import'), 'others are');
    $direct->worker->stop;
    $redis->command('HSET', $direct->key('group:vector:DEPOT04'), measured_at =>
        OSCP::Direct::at(time - 898));
    $direct->worker->restart;
    ok(wait_story('DEPOT04', 'begun import, ended import'),
        'what is not measured for a window ends');
    is((told('DEPOT04'))[1]{data}{why}, 'nobody measures it any more', 'why');
    is(scalar(incidents('DEPOT04')), 0, 'the incident is resolved');
};

subtest 'the clock was set back' => sub {
    $direct->worker->stop;
    $redis->command('HSET', $direct->key('group:vector:DEPOT04'), measured_at =>
        OSCP::Direct::at(time + 7200), import_over_since =>
        OSCP::Direct::at(time + 7140));
    $direct->worker->restart;
    running();
    measure('DEPOT04', -20, 80000);
    my $group = group('DEPOT04');
    ok($_ le OSCP::Direct::at(time), 'nothing is later than now')
        for @{$group}{qw(measured_at import_over_since)};
    measure('DEPOT04', -10, 10000);
    is(group('DEPOT04')->{import_over_since}, undef, 'and it goes on');
};

subtest 'by an operator' => sub {
    my @before = errors('DEPOT04');
    my %cases = (
        'message must be what the peer is to be told' => { },
        'message must be one line of UTF-8, at most 500 bytes' => { message =>
            'x' x 501 },
        'message must be text without NUL bytes' => { message => "a\0" },
        'group must be the id of a group: compliance is for one' => { message =>
            'x', group => '' },
    );
    for my $text (sort keys %cases) {
        is(operate(op => 'compliance', group => 'DEPOT04', %{$cases{$text}})
            ->{data}{text}, $text, "refused: $text");
    }
    my $event = operate(op => 'compliance', group => 'DEPOT04', message =>
        "a \"main\" fuse blew \xc2\xb1");
    is($event->{data}{outcome}, 'done', 'done');
    my @errors = errors('DEPOT04');
    is(scalar @errors, @before + 1, 'one message');
    is($errors[-1]{req}, $event->{data}{req}, 'that the answer names');
    is($errors[-1]{corr}, 'f-6', 'about the forecast in force');
    my $body = decode_json($errors[-1]{body});
    is($body->{message}, "a \"main\" fuse blew \x{b1}", 'says so');
    is($body->{forecasted_blocks}[0]{capacity}, 50, 'with its block');
    my $told = (told('DEPOT04'))[-1];
    is("$told->{by} $told->{data}{state} $told->{data}{corr}", 'operator ann '
        . 'told f-6', 'and the audit has it');
    is($told->{cmd}, $event->{cmd}, 'under the command');
    $direct->forecast('vector', 'DEPOT04', req => 'f-7', now => $start,
        blocks => [[-6000, -5000, 1]]);
    ok($direct->wait_hash('circuit:incomer-4', { control => 'safe_default' }),
        'without a forecast in force');
    is(operate(op => 'compliance', group => 'DEPOT04', message => 'x')
        ->{data}{text}, 'no forecast is in force for DEPOT04: a compliance '
        . 'error is about one', 'there is nothing to say');
};

subtest 'a group that goes' => sub {
    delete $groups{DEPOT03};
    my $version = $direct->publish(vector => { %vector });
    ok($direct->wait_applied($version), 'is no longer configured');
    is((told('DEPOT03'))[-1]{data}{why}, 'the group is no longer configured',
        'its episode ends');
    is(scalar(incidents('DEPOT03')), 0, 'its incident is resolved');
    is_deeply(group('DEPOT03'), {}, 'nothing is left');
};

$direct->finish;
done_testing();
