#!/usr/bin/env perl
#
# Goal: commands.  An order goes into the right shard's stream with who and
# why; oscpctl waits for the event that answers it, and for no other; exit
# status and words say what became of it; an order that nobody answers in time
# stays, and that is said; a name that nothing has is never sent.

use strict;
use warnings;

use FindBin qw($Bin);
use JSON::PP qw(decode_json encode_json);
use Test::More;
use Time::HiRes qw(time);

use lib "$Bin/lib", "$Bin/cp/lib";
use CP::Clock;
use OSCP::Ctl;
use OSCP::Direct;
use OSCP::Process qw(slow wait_for);

my $direct = OSCP::Direct->start(workers => 0, connections => {
    vector => {}, other => { groups => { X => { scope => 'x',
        circuit => undef } } } });
my $ctl = OSCP::Ctl->of($direct);
my $redis = $direct->redis;
my $seen = 0;

# The order that comes next, answered with `data`; more events around it.
sub answer {
    my ($data, $shard) = @_;
    my ($cmd, $events) = map { $direct->key($_, $shard) } qw(cmd events);
    my @orders;

    wait_for(sub { @orders = $redis->stream($cmd); @orders > $seen }, 10)
        or return;
    $seen = @orders;
    my $id = $orders[-1]{id};
    my @event = ('XADD', $events, '*', event => 'command', conn =>
        $orders[-1]{conn}, at => OSCP::Direct::at(time), by => 'operator x');
    $redis->command(@event, cmd => '1-1', data =>
        '{"op":"connect","outcome":"refused","text":"not yours"}');
    $redis->command(@event, cmd => $id, data => $data) if defined $data;
    return $orders[-1];
}

# Runs a command that is answered with outcome and text.
sub order {
    my ($words, $outcome, $text, $shard) = @_;
    my $run = $ctl->begin(@$words, '--timeout', '20s');
    my $order = answer(encode_json({ op => $words->[0],
        outcome => $outcome, text => $text }), $shard);

    return ($order, $ctl->end($run));
}

subtest 'done' => sub {
    my ($order, $status, $out) = order(['disconnect', 'vector', '--by', 'anna',
        '--reason', 'work on the incomer'], 'done',
        'full local control is back');
    delete $order->{id};
    is_deeply($order, { op => 'disconnect', conn => 'vector', by => 'anna',
        reason => 'work on the incomer' }, 'the order');
    is($status, 0, 'done');
    is($out, "vector: done: full local control is back\n", 'is said');

    ($order, $status, $out) = order(['connect', 'vector', '--json'],
        'unchanged', 'it is online');
    is($status, 0, 'nothing was to be changed');
    is($order->{reason}, undef, 'no reason is no field');
    my $json = decode_json($out);
    is_deeply($json, { cmd => $order->{id}, op => 'connect', conn => 'vector',
        by => scalar(getpwuid $<), outcome => 'unchanged',
        text => 'it is online' }, 'as data, by the user');
    ($order, $status) = order(['disable', 'vector', 'DEPOT01'], 'done', '');
    is_deeply([@{$order}{qw(op conn group)}], [qw(disable vector DEPOT01)],
        'a group');
    is($status, 0, 'done');
    ($order, $status) = order(['enable', 'vector'], 'done', '');
    is($order->{group}, undef, 'no group is no field');
};

subtest 'adjust and compliance' => sub {
    my @adjust = ('adjust', 'vector', 'DEPOT01', '--type', 'CONSUMPTION',
        '--capacity');
    my ($order, $status, $out) = order([@adjust, '120.5 kW', '--from',
        '2030-01-01T10:00:00+13:00', '--until', '2030-01-01T00:00:00Z'],
        'done', 'is requested');
    delete @{$order}{qw(id by)};
    is_deeply($order, { op => 'adjust', conn => 'vector', group => 'DEPOT01',
        type => 'CONSUMPTION', blocks => '[["2029-12-31T21:00:00.000Z",'
        . '"2030-01-01T00:00:00.000Z",120500,"ALL"]]' }, 'an adjustment');
    is($status, 0, 'done');
    is($out, "vector: done: is requested\n", 'and said');

    for (['--until', '2020-01-01T00:00:00Z'], ['--from',
        '2030-01-02T00:00:00Z', '--until', '2030-01-01T00:00:00Z'])
    {
        my ($failed, undef, $err) = $ctl->run(@adjust, '1MW', @$_);
        is($failed, 1, 'an end before the beginning, or that is over');
        like($err, qr/--until must be after (now|--from), and in the/, 'is said');
    }

    my $before = time;
    ($order, $status, $out) = order([@adjust, '0.4MW', '--until',
        '2030-01-01T00:00:00Z', '--replace', '--json'], 'refused', 'no');
    is($order->{replace}, '1', 'a replacement');
    my ($block) = @{decode_json($order->{blocks})};
    is($block->[2], 400000, 'in watts');
    cmp_ok(abs(CP::Clock::time_ms($block->[0]) - 1000 * $before), '<', 30000,
        'from now on');
    is($status, 1, 'refused');
    is(decode_json($out)->{blocks}, $order->{blocks}, 'as data');

    ($order, $status) = order(['compliance', 'vector', 'DEPOT01', '--message',
        "a f\xc3\xbcse"], 'done', 'told');
    is_deeply([@{$order}{qw(op group message type blocks)}], ['compliance',
        'DEPOT01', "a f\xc3\xbcse", undef, undef], 'a compliance error');
    is($status, 0, 'done');
};

subtest 'not done' => sub {
    my ($order, $status, $out, $err) = order(['connect', 'vector'], 'refused',
        "it is disabled\e[2J");
    is($status, 1, 'refused');
    is($out, '', 'nothing on standard output');
    is($err, "oscpctl: connect vector: refused: it is disabled?[2J\n",
        'the reason on standard error');
    ($order, $status, $out) = order(['connect', 'vector', '--json'], 'refused',
        'no');
    is(decode_json($out)->{outcome}, 'refused', 'as data');
    is($status, 1, 'with the same status');
    my $run = $ctl->begin('connect', 'vector', '--timeout', '20s');
    answer('{"outcome":');
    ($status, $out, $err) = $ctl->end($run);
    is($status, 1, 'an answer that cannot be read');
    like($err, qr/: unknown$/, 'is none');
};

subtest 'no answer in time' => sub {
    my $run = $ctl->begin('disconnect', 'vector', '--timeout', '300ms');
    my $order = answer();
    my ($status, $out, $err) = $ctl->end($run);
    is($status, 1, 'fails');
    like($err, qr/no outcome within 0\.3 s; no worker is alive/, 'why');
    like($err, qr/The order \Q$order->{id}\E stays/, 'and what follows');
    is($redis->command('XLEN', $direct->key('cmd')), $seen, 'it stays');
    $redis->command('SET', $direct->key('lease'), 'here:1:abc 7', PX => 60000);
    $run = $ctl->begin('disconnect', 'vector', '--timeout', '300ms', '--json');
    answer();
    ($status, $out, $err) = $ctl->end($run);
    is(decode_json($out)->{outcome}, 'pending', 'as data');
    like($out, qr/the worker is slow/, 'a worker that lives is slow');
};

subtest 'names that nothing has' => sub {
    for (['connect', 'victor'], ['disable', 'vector', 'X'],
        ['enable', 'victor', 'X'])
    {
        my ($status, $out, $err) = $ctl->run(@$_);
        is($status, 1, "@$_");
        like($err, qr/no connection "victor"|has no group "X"/, 'is said');
    }
    is($redis->command('XLEN', $direct->key('cmd')), $seen, 'nothing is sent');
};

# How long a command that has begun still takes, and what it says.
sub timed {
    my ($begun, $run) = (time, @_);
    my (undef, undef, $err) = $ctl->end($run);

    return (time - $begun, $err);
}

# It is stopped, not gone: connections are taken, and nothing is answered.
subtest 'Redis does not answer' => sub {
    my $pid = $redis->process->pid;
    my @words = ('connect', 'vector', '--timeout', '1s');
    for my $words (\@words, ['dead', 'list', '--timeout', '1s']) {
        kill STOP => $pid;
        my ($took, $err) = timed($ctl->begin(@$words));
        kill CONT => $pid;
        cmp_ok($took, '<', 4 * slow(), "$words->[0]: not waited for longer");
        cmp_ok($took, '>=', 1, 'nor less');
        like($err, qr/Redis at \S+: no answer/, 'is said');
    }

    $redis->command('CLIENT', 'PAUSE', 60000, 'WRITE');
    my ($took, $err) = timed($ctl->begin(@words));
    $redis->command('CLIENT', 'UNPAUSE');
    cmp_ok($took, '<', 4 * slow(), 'nor while the order is sent');
    like($err, qr/no answer; the order may have been taken all the same/,
        'which may be on its way');
    $seen = $redis->command('XLEN', $direct->key('cmd'));

    my $run = $ctl->begin('connect', 'vector', '--timeout', '3s');
    answer();
    kill STOP => $pid;
    ($took, $err) = timed($run);
    kill CONT => $pid;
    cmp_ok($took, '<', 6 * slow(), 'nor once the order was sent');
    like($err, qr/the order \S+ was sent; what became of it is not known/,
        'which is said');
};

subtest 'Redis goes' => sub {
    my $run = $ctl->begin('connect', 'vector', '--timeout', '20s');
    answer();
    $redis->command('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
    my ($status, $out, $err) = $ctl->end($run);
    is($status, 1, 'while it is waited');
    like($err, qr/the order \S+ was sent; what became of it is not known/,
        'what is known is said');
};

subtest 'shards' => sub {
    $direct->publish(shards => 2, vector => {}, other => { groups => { X => {
        scope => 'x', circuit => undef } } });
    my %shard = map { $_->{name} => 1 } @{$ctl->json('status')->{connections}};
    $redis->command('DEL', map { $direct->key('cmd', $_) } 0, 1);
    for my $conn (sort keys %shard) {
        my $run = $ctl->begin('connect', $conn, '--timeout', '20s');
        my ($shard, $order);
        wait_for(sub { ($shard) = grep { my $s = $_; grep {
            $_->{conn} eq $conn } $redis->stream($direct->key('cmd', $s)) }
            0, 1; defined $shard });
        $seen = 0;
        $order = answer('{"outcome":"done"}', $shard);
        my ($status) = $ctl->end($run);
        is("$order->{conn} $status", "$conn 0", "$conn in shard $shard");
        $redis->command('DEL', $direct->key('cmd', $shard));
    }
};

$direct->finish;
done_testing();
