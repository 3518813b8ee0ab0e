#!/usr/bin/env perl
#
# Goal: what an operator sees.  status, show, incidents and events tell what
# stands in Redis, here hand-made, on a screen of 100 columns, without a worker;
# a stale value is pointed out; what comes from outside cannot touch the
# terminal; --json gives the same as data.

use strict;
use warnings;

use FindBin qw($Bin);
use JSON::PP qw(decode_json);
use Test::More;
use Time::HiRes qw(time);

use lib "$Bin/lib";
use OSCP::Ctl;
use OSCP::Direct;
use OSCP::Process qw(wait_for);

use constant EVIL => "\e[2J\x07\r\nforged: all is well\x7f\xc2\x9b31m\xe2\x80\xae"
    . "\xff";

my $direct = OSCP::Direct->start(workers => 0, connections => {
    vector => { groups => { DEPOT01 => {}, DEPOT02 => { circuit => undef },
        DEPOT03 => {} } },
    other => { profile => 'generic', groups => { DEPOT01 => {
        scope => 'yard', circuit => undef } } } });
my $ctl = OSCP::Ctl->of($direct);
my $redis = $direct->redis;

sub at { return OSCP::Direct::at(time + $_[0]) }

sub set {
    my ($name, %fields) = @_;

    $redis->command('HSET', $direct->key($name), %fields);
    return;
}

sub event {
    my ($event, $data, %fields) = @_;

    my $key = $direct->key('events', delete $fields{shard});
    my %entry = (event => $event, conn => 'vector', at => at(0),
        by => 'worker', %fields, data => $data);

    return $redis->command('XADD', $key, '*', %entry);
}

set('conn:vector', state => 'online', since => at(-60),
    offline_mode_at => at(45), last_error => EVIL, last_error_at => at(-90));
set('group:vector:DEPOT01', mode => 'normal', colour => 'green',
    reason => 'forecast', since => at(-60), enabled => 1);
set('envelope:depot-1', import_limit_w => 120000, export_limit_w => 500.5,
    mode => 'normal');
set('circuit:incomer-1', available_capacity_w => 120000, control => 'oscp',
    rated_capacity_w => 400000, valid_until => at(25));
set('circuit:incomer-3', available_capacity_w => 60000,
    valid_until => at(-5));
set('forecast:vector:DEPOT01:CONSUMPTION', req => 'req-7',
    received_at => at(-100), first_from => at(-300), zero => 0,
    blocks => '[' . join(',', map { sprintf '["%s","%s",%d,"ALL","req-7"]',
        at(60 * $_), at(60 * $_ + 60), 1000 * $_ + 5000 } -3 .. 8) . ']');

set('adjustment:vector:DEPOT01:CONSUMPTION', state => 'refused', req => 'adj-1',
    requested_at => at(-50), ended_at => at(-49), by => 'operator ann',
    answer => 'no' . EVIL, blocks => '[' . join(',', map { sprintf
        '["%s","%s",%d,"ALL"]', at($_), at($_ + 1), 90000 } 1 .. 8) . ']');
set('adjustment:vector:DEPOT01:OPTIMUM', state => 'requested', blocks => EVIL);

subtest 'status' => sub {
    my ($status, $out, $err) = $ctl->run('status');
    is($status, 0, 'done');
    is($err, '', 'no complaint');
    like($out, qr/configuration [0-9a-f]{16}$/m, 'which configuration');
    like($out, qr/^0 +nobody: no worker is alive +- +- +0$/m, 'nobody works');
    like($out, qr/^vector +online +\d\d:\d\d:\d\d +until \d\d:\d\d:\d\d /m,
        'a connection, and how long it lives');
    like($out, qr/^other +not taken up /m, 'one that no worker knows');
    like($out, qr{^vector/DEPOT01 +depot-1 +normal green +120 kW, export }m,
        'a group');
    like($out, qr{^vector/DEPOT01 .* incomer-1 +120 kW +\d\d:\d\d:\d\d$}m,
        'and its circuit');
    like($out, qr{^vector/DEPOT03 .* 60 kW +STALE \d\d:\d\d:\d\d$}m,
        'a stale value');
    like($out, qr/^STALE: 1 value is out of date/m, 'is pointed out');
    like($out, qr/^Open incidents: 0$/m, 'no incident');
    my $json = $ctl->json('status');
    is_deeply($json->{shards}, [{ shard => 0, backlog => 0,
        schema => 1 }], 'shards');
    is_deeply([map { $_->{name} } @{$json->{connections}}], [qw(other vector)],
        'connections');
    my %groups = map { $_->{id} => $_ } @{$json->{connections}[1]{groups}};
    is($groups{DEPOT01}{circuit}{available_capacity_w}, 120000, 'a value');
    ok(!$groups{DEPOT01}{stale} && $groups{DEPOT03}{stale}, 'stale or not');
    is($json->{connections}[1]{state}, 'online', 'a state');
};

subtest 'what comes from outside' => sub {
    event('state', "{\"to\":\"online\",\"why\":\"\\u001b[2J\\u009b31m\"}");
    event('ignored', 'not JSON ' . EVIL, group => EVIL);
    for my $words (['status'], ['show', 'vector'], ['events']) {
        my ($status, $out) = $ctl->run(@$words);
        is($status, 0, "@$words");
        unlike($out, qr/[^ -~\n]/, 'in plain characters');
        unlike($out, qr/^forged/m, 'no line is forged');
        ($status, $out) = $ctl->run(@$words, '--json');
        unlike($out, qr/[\x00-\x09\x0b-\x1f\x7f-\xff]/, 'nor as data');
        is((() = $out =~ /\n/g), $words->[0] eq 'events' ? 2 : 1,
            'one line for each document');
        ok(eval { decode_json($_); 1 }, 'that can be read')
            for split /\n/, $out;
    }
};

subtest 'show' => sub {
    my ($status, $out) = $ctl->run('show', 'incomer-1');
    is($status, 0, 'a circuit');
    like($out, qr/^  available_capacity_w +120000  \(120 kW\)$/m, 'its value');
    like($out, qr/^    > .* 5 kW  phase ALL  req-7$/m, 'the block that holds');
    like($out, qr/\.\.\. 3 more, until/, 'the rest in short');
    unlike($out, qr/ 2 kW  phase/, 'and not what has ended');
    like($out, qr/^adjustment CONSUMPTION: refused \S+: no\?\[2J\?/m,
        'what was asked for, and the answer');
    like($out, qr/asked\s+for \d\d:\d\d:\d\d\s+by operator ann$/m, 'when, by whom');
    like($out, qr/^    \S+ to \S+  90 kW  phase ALL$/m, 'its blocks');
    like($out, qr/^    \.\.\. 2 more$/m, 'the first of them');
    like($out, qr/^adjustment OPTIMUM: requested, asked for never by nobody/m,
        'one that somebody has damaged');
    my $json = $ctl->json('show', 'depot-1');
    is(@$json, 1, 'a scope');
    is($json->[0]{adjustments}{CONSUMPTION}{req}, 'adj-1', 'adjustments');
    is(@{$json->[0]{forecasts}{CONSUMPTION}{blocks}}, 12, 'with all blocks');
    is(@{$ctl->json('show', 'DEPOT01')}, 2, 'a group of two connections');
    is($ctl->json('show', 'vector')->[0]{configuration}{profile}, 'vector',
        'a connection with its configuration');
    set('circuit:gone', available_capacity_w => 1000, control => 'local');
    ($status, $out) = $ctl->run('show', 'gone');
    like($out, qr/^circuit gone, no longer configured$/m, 'what is left over');
    set('conn:other', state => 'offline');
    $redis->command('SET', $direct->key('circuit:odd'), 'x');
    ($status, $out, my $err) = $ctl->run('show', 'odd');
    is($status, 1, 'a key of another type');
    like($err, qr/circuit:odd: WRONGTYPE/, 'is said');
    $redis->command('DEL', $direct->key('circuit:odd'));
};

subtest 'incidents' => sub {
    like($ctl->text('incidents'), qr/^No incident is open/, 'none');
    is_deeply($ctl->json('incidents'), [], 'as data');
    set("incident:i$_->[0]", conn => 'vector', group => 'DEPOT01',
        reason => 'liveness_lost', severity => 'warning',
        title => "Group DEPOT01 of vector is in fallback$_->[1]",
        detail => 'Why: the connection to the grid operator is lost.',
        limit_w => 60000, opened_at => at($_->[2]))
        for [1, '', -600], [2, ' again', -1200];
    $redis->command('SADD', $direct->key('incidents'), qw(i1 i2 i3));
    my $text = $ctl->text('incidents');
    like($text, qr/fallback again.*fallback since/, 'the oldest first');
    like($text, qr/since \d\d:\d\d:\d\d, for (?:19|20) min/, 'since when');
    like($text, qr/limit 60 kW detail Why: the connection/, 'what holds, why');
    my $json = $ctl->json('incidents');
    is_deeply([map { $_->{id} } @$json], [qw(i2 i1)], 'as data');
    is($json->[0]{limit_w}, 60000, 'a number');
    like($ctl->text('status'), qr/Open incidents: 2 \S+ Group DEPOT01/,
        'status has them');
};

subtest 'events' => sub {
    $redis->command('DEL', $direct->key('events'));
    event('ignored', qq({"n":$_,"list":[1,2],"in":{"a":"b"}})) for 1 .. 30;
    my ($status, $out) = $ctl->run('events');
    is((() = $out =~ /\n/g), 20, 'the last 20');
    like($out, qr/^\S+\.\d{3}  vector  ignored  by worker  n=11 list=\[2 in all\] in.a=b$/m,
        'in short');
    like((split /\n/, $out)[-1], qr/n=30 /, 'the newest at the end');
    ($status, $out) = $ctl->run('events', '-n', 'all', '--json');
    my @all = map { decode_json($_) } split /\n/, $out;
    is_deeply([map { $_->{data}{n} } @all], [1 .. 30], 'all of them');
    like($all[0]{id}, qr/^\d+-\d+$/, 'with their ids');

    my $run = $ctl->begin('events', '-f', '-n', '1', '--json');
    ok(wait_for(sub { $ctl->printed($run) =~ /\n/ }), 'the last one');
    event('state', '{"to":"offline"}');
    ok(wait_for(sub { (() = $ctl->printed($run) =~ /\n/g) == 2 }),
        'and what comes');
    kill 'TERM', $run->{pid};
    my (undef, $followed) = $ctl->end($run);
    is_deeply([map { decode_json($_)->{data} } split /\n/, $followed],
        [{ n => 30, list => [1, 2], in => { a => 'b' } },
        { to => 'offline' }], 'in order');

    # head has gone long before the next entry comes.
    my $command = join ' ', map { "'$_'" } $ctl->words('events', '-f');
    is(qx(timeout 20 $command 2>&1 | head -n 1 | wc -l), "1\n",
        'a reader that goes ends it, quietly');
};

subtest 'long names' => sub {
    my %long = map { ($_ x 60) => { scope => $_ x 64, circuit =>
        lc($_) x 64 } } 'D';
    $direct->publish('v' x 64 => { groups => \%long }, vector => {});
    $redis->command('HSET', $direct->key('conn:' . 'v' x 64),
        state => 'offline', last_error => 'e' x 127, last_error_at => at(0));
    my ($status, $out) = $ctl->run('status');
    unlike($out, qr/.{101}/, 'fit in 100 columns');
    like($out, qr/v~/, 'cut with a mark');
    like($out, qr/ d{5,}~ /, 'each a little');
};

subtest 'a terminal' => sub {
    my $command = join ' ', map { "'$_'" } $ctl->words('status');
    my $plain = qx(TERM=xterm $command | cat);
    my $coloured = qx(TERM=xterm NO_COLOR= script -qec "$command" /dev/null);
    my $no = qx(TERM=xterm NO_COLOR=1 script -qec "$command" /dev/null);
    unlike($plain, qr/\e/, 'a pipe has no colours');
    like($coloured, qr/\e\[32mnormal green\e\[0m/, 'a terminal has');
    unlike($no, qr/\e/, 'unless NO_COLOR says no');
    $coloured =~ s/\e\[\d*m//g;
    is_deeply([map { s/\d\d:\d\d:\d\d//gr =~ s/\s+$//r }
        (split /\n/, $coloured)[5 .. 9]], [map { s/\d\d:\d\d:\d\d//gr }
        (split /\n/, $plain)[5 .. 9]], 'which move nothing');
};

subtest 'shards' => sub {
    my $version = $direct->publish(shards => 3, map { ("c$_" => { groups => {
        "G$_" => {} } }) } 1 .. 4);
    $redis->command('DEL', $direct->key('events'));
    for my $n (1 .. 9) {
        event('ignored', qq({"n":$n}), shard => $n % 3);
        Time::HiRes::sleep(0.002);
    }
    $redis->command('SET', $direct->key('lease', 1), 'here:1:abc 7', PX =>
        60000);
    my $json = $ctl->json('status');
    is(@{$json->{shards}}, 3, 'all are told');
    is_deeply([@{$json->{shards}[1]}{qw(owner token)}], ['here:1:abc', 7],
        'with their owners');
    is(@{$json->{connections}}, 4, 'and all connections');
    my ($status, $out) = $ctl->run('events', '-n', '5', '--json');
    is_deeply([map { decode_json($_)->{data}{n} } split /\n/, $out],
        [5 .. 9], 'their events in one order');
};

$direct->finish;
done_testing();
