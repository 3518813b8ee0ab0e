#!/usr/bin/env perl
#
# Goal: explain, for now and for a moment to come, from hand-made state: every
# row of the decision table is told in words, with the message, the block and
# the bound that give the value, since when, and what comes next; what is wrong
# around it is noted; --json says the same.

use strict;
use warnings;

use FindBin qw($Bin);
use JSON::PP qw(encode_json);
use POSIX ();
use Test::More;
use Time::HiRes qw(time);

use lib "$Bin/lib";
use OSCP::Ctl;
use OSCP::Direct;

my $direct = OSCP::Direct->start(workers => 0, connections => { vector => {
    groups => { DEPOT01 => {}, DEPOT02 => { circuit => undef },
    DEPOT03 => { safe_default_w => undef, rated_w => 100000 } } } });
my $ctl = OSCP::Ctl->of($direct);
my $redis = $direct->redis;
my $now = int(time) - 0.5;

sub at { return OSCP::Direct::at($now + $_[0]) }

sub set {
    my ($name, %fields) = @_;

    $redis->command('DEL', $direct->key($name));
    $redis->command('HSET', $direct->key($name), %fields) if %fields;
    return;
}

sub online {
    my ($state, %fields) = @_;

    return set('conn:vector', state => $state, since => at(-600), enabled => 1,
        disconnected => 0, offline_mode_at => at(90), %fields);
}

# blocks: [START, END, WATTS, PHASE, REQ], seconds from now.
sub forecast {
    my ($group, $type, @blocks) = @_;

    return set("forecast:vector:$group:$type") if !@blocks;
    my $newest = $blocks[-1][4] // "req-$type";
    return set("forecast:vector:$group:$type", req => $newest,
        received_at => at(-700), first_from => at($blocks[0][0]), zero => 0,
        blocks => encode_json([map { [at($_->[0]), at($_->[1]), $_->[2] + 0,
            $_->[3] // 'ALL', $_->[4] // $newest] } @blocks]));
}

sub event {
    my ($event, $data, %fields) = @_;
    my %entry = (event => $event, conn => 'vector', at => at(0),
        by => 'worker', %fields, data => encode_json($data));

    $redis->command('XADD', $direct->key('events'), '*', %entry);
    return;
}

# What is told, as one line, and as data; both must succeed.
sub told {
    my ($scope, @more) = @_;

    return ($ctl->text('explain', $scope, @more),
        $ctl->json('explain', $scope, @more));
}

sub says {
    my ($text, %parts) = @_;

    like($text, $parts{$_}, $_) for sort keys %parts;
    return;
}

$redis->command('HSET', $direct->key('config'), vector =>
    $redis->hash('oscp:config')->{vector});
$redis->command('SET', $direct->key('lease'), 'here:1:abc 7', PX => 600000);
online('online');

subtest 'row 2: no forecast, not started' => sub {
    my ($text, $json) = told('depot-1');
    says($text, why => qr/why Rule 2: the grid operator has sent no forecast/,
        value => qr/400 kW available on circuit incomer-1 \[local, grey/,
        circuit => qr/Without a limit the whole rating is available/);
    is($json->{decision}{import}{row}, 2, 'as data');
    is($json->{circuit}{bound}, 'rating', 'bound by the rating');

    forecast('DEPOT01', 'CONSUMPTION', [300, 600, 120000]);
    ($text, $json) = told('depot-1');
    says($text, why => qr/Rule 2: .* its first block has not begun yet/,
        next => qr/next \S+ \(in 4 min \d+ s\): 120 kW available, normal/);
    is($json->{next}{at}, at(300), 'as data');
};

subtest 'row 3' => sub {
    forecast('DEPOT01', 'CONSUMPTION', [-300, 300, 120000, 'ALL', 'old-1'],
        [300, 900, 90000]);
    event('forecast', { type => 'CONSUMPTION', req => 'old-1', blocks => [] },
        group => 'DEPOT01', at => at(-400));
    set('group:vector:DEPOT01', mode => 'normal', since => at(-500));
    my ($text, $json) = told('depot-1');
    says($text, value => qr/120 kW available .* \[normal, green: the grid oper/,
        why => qr/Rule 3: the connection vector is online, and a block of the/,
        block => qr/at most 120 kW: the block from \S+ to \S+ of the forecast/,
        request => qr/with request id old-1, received from vector at \d/,
        bound => qr/incomer-1 is rated 400 kW, its safe default is 60 kW/,
        limit => qr/the limit is what bounds the value/,
        since => qr/since \S+ \(for 5 min \d+ s\), when the block began/,
        next => qr/\): 90 kW available, normal \(by the forecast\), if the conn/,
        lost => qr/if no heartbeat comes until \S+: 60 kW available, fallback/,
        worker => qr/here:1:abc owns shard 0/, export => qr/no export forecast/);
    is($json->{decision}{import}{received_at}, at(-400), 'received');
    is($json->{decision}{import}{until}, at(300), 'until');
    is($json->{since}, at(-300), 'since');
    is($json->{if_lost}{at}, at(90), 'when it would be lost');
    is($json->{connection}{liveness_until}, at(90), 'liveness');
    is($json->{worker}{token}, 7, 'the worker');
    is(scalar @{$json->{notes}}, 1, 'no value is stored yet: one note');
};

subtest 'bounds' => sub {
    forecast('DEPOT03', 'CONSUMPTION', [-300, 300, 120000]);
    my ($text, $json) = told('depot-3');
    says($text, value => qr/^\S+ at .* 100 kW available on circuit incomer-3/,
        bound => qr/the rating is what bounds the value/,
        unset => qr/its safe default is not set/);
    is($json->{circuit}{bound}, 'rating', 'as data');

    forecast('DEPOT03', 'CONSUMPTION', map { [-300, 300, 20000, $_] }
        qw(ONE TWO THREE));
    says($ctl->text('explain', 'incomer-3'), sum =>
        qr/at most 60 kW: the sum of the single phases' blocks from/);

    forecast('DEPOT02', 'CONSUMPTION', [-300, 300, 70000]);
    forecast('DEPOT02', 'GENERATION', [-300, 300, 5000]);
    ($text, $json) = told('depot-2');
    says($text, value => qr/import at most 70 kW, export at most 5 kW, by the/,
        none => qr/the scope has no circuit/,
        export => qr/export at most 5 kW: the block from/);
    is($json->{circuit}, undef, 'no circuit');
};

subtest 'rows 4 and 5' => sub {
    forecast('DEPOT01', 'CONSUMPTION', [-300, -60, 120000], [300, 900, 90000]);
    forecast('DEPOT01', 'FALLBACK_CONSUMPTION', [-900, 120, 80000, 'ALL',
        'fall-1']);
    my ($text, $json) = told('depot-1');
    says($text, gap => qr/Rule 4: the connection vector is online, but no block/,
        fallback => qr/A block of the fallback forecast, agreed for such a case/,
        block => qr/of the fallback forecast with request id fall-1/,
        colour => qr/\[fallback, yellow: the fallback forecast holds\]/,
        next => qr/\(in [12] min [\d.]+ s\): 60 kW available, fallback/);
    is($json->{decision}{reason}, 'forecast_gap', 'as data');

    forecast('DEPOT01', 'CONSUMPTION', [-300, 900, 120000]);
    online('offline', offline_mode_at => at(-30));
    event('state', { from => 'online', to => 'offline', why =>
        'liveness lost' });
    ($text, $json) = told('depot-1');
    says($text, link => qr/the link to the grid operator is down: the connection/,
        why => qr/\(offline since \S+: liveness lost\)/,
        back => qr/if the link were back now: 120 kW available, normal/);
    is($json->{if_back}{available_capacity_w}, 120000, 'as data');

    forecast('DEPOT01', 'FALLBACK_CONSUMPTION');
    ($text, $json) = told('depot-1');
    says($text, safe => qr/at most 60 kW: the safe default of the circuit/,
        why => qr/Rule 5: .* the gap policy safe_default applies/,
        bound => qr/The safe default is what is available/);
    is($json->{circuit}{bound}, 'safe_default', 'as data');
    says($ctl->text('explain', 'depot-3'),
        none => qr/no limit: the circuit has no safe default/,
        value => qr/100 kW available on circuit incomer-3 \[fallback, yellow/);

    # As it would be stored: online, but its time has run out.
    online('online', offline_mode_at => at(-30));
    says($ctl->text('explain', 'depot-1'), late => qr/\(offline since/);
};

subtest 'row 1' => sub {
    event('state', { from => 'online', to => 'disconnected' }, by =>
        'operator anna', at => at(-20));
    online('disconnected', disconnected => 1);
    says($ctl->text('explain', 'depot-1'), what => qr/Rule 1: control was taken /,
        who => qr/the connection vector was disconnected by operator anna at \d/,
        until => qr/until somebody connects it again/,
        next => qr/nothing that is known now changes it/);
    my %deed = (op => 'disconnect', outcome => 'done', reason => 'roadworks');
    event('command', \%deed, by => 'operator zoe', at => at(-19));
    unlike($ctl->text('explain', 'depot-1'), qr/roadworks/,
        'what somebody else did at that time is not why');
    event('command', \%deed, by => 'operator anna', at => at(-20));
    says($ctl->text('explain', 'depot-1'),
        who => qr/disconnected by operator anna at \S+: roadworks/);
    # Taken back while it was out of service, which another one ended.
    event('state', { from => 'disabled', to => 'disconnected', why =>
        'enabled by the operator' }, by => 'operator ben', at => at(-9));
    event('command', { op => 'enable', outcome => 'done' }, by =>
        'operator ben', at => at(-9));
    says($ctl->text('explain', 'depot-1'),
        who => qr/disconnected by operator anna at \S+: roadworks/);
    event('state', { from => 'online', to => 'disabled' }, by =>
        'operator bert');
    online('disabled', enabled => 0);
    says($ctl->text('explain', 'depot-1'),
        who => qr/the connection vector was taken out of service by operator b/);
    online('online');
    set('group:vector:DEPOT01', enabled => 0, mode => 'local');
    event('command', { op => 'disable', outcome => 'done' },
        group => 'DEPOT01', by => 'operator cora');
    event('command', { op => 'compliance', outcome => 'done' },
        group => 'DEPOT01', by => 'operator dora');
    says($ctl->text('explain', 'depot-1'),
        who => qr/the group DEPOT01 was taken out of service by operator cora/);
    set('group:vector:DEPOT01', enabled => 1);
};

subtest 'a moment to come' => sub {
    forecast('DEPOT01', 'CONSUMPTION', [-300, 300, 120000],
        [300, 900, 90000, 'ALL', 'next-1'], [900, 1800, 80000]);
    my ($text, $json) = told('depot-1', '--at', at(400));
    says($text, when => qr/in 6 min \d+ s, if nothing happens: no message comes/,
        link => qr/comes, and the connection vector stays online/,
        value => qr/90 kW available/, req => qr/request id next-1/,
        since => qr/since \S+ \(for 1 min 40 s\), when the block began/);
    is("$json->{basis} $json->{since} $json->{next}{at}",
        'future ' . at(300) . ' ' . at(900), 'as data');
};

subtest 'what is wrong around it' => sub {
    set('circuit:incomer-1', available_capacity_w => 50000, valid_until =>
        at(-20), updated_at => at(-50));
    $redis->command('DEL', $direct->key('lease'), $direct->key('config'));
    $redis->command('XADD', $direct->key('in'), '*', conn => 'vector');
    my ($text, $json) = told('depot-1');
    says($text, value => qr/120 kW available on circuit incomer-1 by the rules/,
        stands => qr/rules, but what stands there is 50 kW/,
        nobody => qr/NOTE: No worker is alive .* nobody owns shard 0/,
        waits => qr/NOTE: 1 stored message has not taken effect/,
        config => qr/NOTE: The configuration that nginx has published is not/,
        other => qr/NOTE: The site still reads 50 kW, written \S+; the rules/,
        stale => qr/out of date: .* gone to its safe default of 60 kW by itself/);
    is($json->{circuit}{written_w}, 50000, 'as data');
    is($json->{worker}{owner}, undef, 'nobody');
    is(@{$json->{notes}}, 5, 'the notes too');
    set('incident:i0', conn => 'vector', group => 'DEPOT01', opened_at =>
        at(-60), reason => 'undeliverable');
    set('incident:i1', conn => 'vector', group => 'DEPOT01', opened_at =>
        at(-30), reason => 'liveness_lost');
    $redis->command('SADD', $direct->key('incidents'), 'i0', 'i1');
    says($ctl->text('explain', 'depot-1'), open => qr/i1, open since \d/);
};

subtest 'local time' => sub {
    local $ENV{TZ} = 'NZST-12NZDT,M9.5.0,M4.1.0/3';
    POSIX::tzset();
    my $there = OSCP::Ctl->of($direct, env => { TZ => $ENV{TZ} });
    my $soon = int($now) + 400;
    my $day = POSIX::strftime('%F', localtime $soon);
    my $clock = POSIX::strftime('%T', localtime $soon);
    my $utc = OSCP::Direct::at($soon);
    is($there->json('explain', 'depot-1', '--at', $_)->{at}, $utc, "$_ is read")
        for "$day $clock", "${day}T$clock", $utc, $utc =~ s/Z/+00:00/r;
    SKIP: {
        skip 'it is tomorrow then', 1 if $day ne POSIX::strftime('%F',
            localtime);
        is($there->json('explain', 'depot-1', '--at', $clock)->{at}, $utc,
            "$clock is read");
    }
    like($there->text('explain', 'depot-1', '--at', $utc),
        qr/^depot-1 at $day $clock NZ[SD]T, in /, 'and told');
    delete local $ENV{TZ};
    POSIX::tzset();
};

subtest 'which scope' => sub {
    my ($status, $out, $err) = $ctl->run('explain', 'nowhere');
    is($status, 1, 'one that there is not');
    like($err, qr/there is no scope "nowhere"/, 'is said');
    is($ctl->json('explain', $_)->{scope}, 'depot-1', "$_ will do")
        for qw(incomer-1 DEPOT01);
};

$direct->finish;
done_testing();
