#!/usr/bin/env perl
#
# Goal: dead letters.  An operator sees what the peer refused for good and why,
# sends one again or drops it, and the audit says who; what waits in the outbox
# is seen in status; what is no dead letter is never sent anywhere.

use strict;
use warnings;

use FindBin qw($Bin);
use JSON::PP qw(encode_json);
use Test::More;
use Time::HiRes qw(time);

use lib "$Bin/lib", "$Bin/cp/lib";
use CP::Clock qw(time_ms);
use OSCP::CP;
use OSCP::Ctl;
use OSCP::Direct;
use OSCP::Process qw(slow wait_for);

use constant MESSAGE => 'update_asset_measurements';

my $direct = OSCP::Direct->start;
my $redis = $direct->redis;
my $ctl = OSCP::Ctl->of($direct);
my $cp = OSCP::CP->new(dir => $direct->dir)->start;
my @wait = ('--timeout', 20 * slow() . 's', '--by', 'dora');
my $sent = 0;

$cp->command("accept token-file=$direct->{dir}/token header.fp-id=CP77",
    'acknowledges off', 'heartbeats off');

sub publish {
    return $direct->wait_applied($direct->publish(
        map { $_ => { peer => $cp->url, heartbeat_interval_ms => 60000,
            groups => { "DEPOT$_" => {} } } } @_));
}

sub put {
    my ($conn) = @_;
    my $req = 'out-' . ++$sent;
    my $end = 900 * $sent + 1_700_000_100;

    $redis->command('XADD', $direct->key('out'), '*', conn => $conn,
        msg => MESSAGE, group => "DEPOT$conn", req => $req, created => OSCP::Direct::at(time),
        body => encode_json({ group_id => "DEPOT$conn", measurements => [{
            asset_id => "DEPOT$conn", asset_category => 'CHARGING',
            energy_measurement => { value => 12.5, phase => 'ALL',
                unit => 'KWH', direction => 'IMPORT',
                measure_time => OSCP::Direct::at($end),
                initial_measure_time => OSCP::Direct::at($end - 900) } }] }));
    return $req;
}

sub dead { return $redis->stream($direct->key('dead')) }

sub told {
    my ($kind, $req) = @_;

    return grep { ($_->{data}{req} // '') eq $req } $direct->events($kind);
}

# Runs oscpctl, which must end so; returns what it said, in one line.
sub command {
    my ($want, @words) = @_;
    my ($status, $out, $err) = $ctl->run(@words);

    is($status, $want, "oscpctl @words") or diag($out, $err);
    return join ' ', split /\s+/, $want == 0 ? $out : $err;
}

sub go_online {
    my ($conn) = @_;

    $direct->store('handshake', $conn, { required_behaviour => {
        heartbeat_interval => 60,
        measurement_configuration => ['INTERMITTENT'] } });
    return ok($direct->wait_hash("conn:$conn", { state => 'online' }),
        "$conn is online");
}

ok(publish(qw(gone vector)), 'configured');
is(command(0, 'dead'), 'There are no dead letters.', 'none');
is_deeply($ctl->json('dead', 'list'), [], 'none');

subtest 'what waits' => sub {
    my @put = map { put('vector') } 1 .. 2;
    ok(wait_for(sub { @{$ctl->json('status')->{connections}}
        && $ctl->json('status')->{connections}[1]{waiting} == 2 }),
        'is counted');
    my ($gone, $vector) = @{$ctl->json('status')->{connections}};
    is($gone->{waiting}, 0, 'for its connection alone');
    ok(!exists $gone->{waiting_since}, 'nothing since');
    cmp_ok(abs(time_ms($vector->{waiting_since}) - time * 1000), '<',
        60000 * slow(), 'and since when');
    like(command(0, 'status'), qr/vector offline \S+ - 2 since \d\d:\d\d:\d\d/,
        'and is shown');
    go_online('vector');
    ok(wait_for(sub { told('delivered', $put[1]) }), 'delivered');
    is($ctl->json('status')->{connections}[1]{waiting}, 0, 'none is left');
};

$cp->command('misbehave refuse=' . MESSAGE
    . ':400 times=3 body={"message":"unknown asset"}');
go_online('gone');
my @put = (map({ put('vector') } 1 .. 2), put('gone'));
ok(wait_for(sub { (() = dead()) == 3 }), 'three are refused');
my %id = map { $_->{req} => $_->{id} } dead();

subtest 'are seen' => sub {
    my $list = command(0, 'dead');
    like($list, qr/ID SINCE CONNECTION GROUP MESSAGE REASON/, 'a table');
    like($list, qr/\Q$id{$put[0]}\E \d\d:\d\d:\d\d vector DEPOTvector/, 'one');
    is_deeply([sort map { $_->{req} } @{$ctl->json('dead')}], [sort @put],
        'all, as JSON');
    my $one = $ctl->json('dead', 'show', $id{$put[0]});
    is_deeply([@{$one}{qw(id conn msg req reason status tries)}],
        [$id{$put[0]}, 'vector', MESSAGE, $put[0], 'HTTP 400: unknown asset',
            400, 1], 'one of them');
    is($one->{body}{group_id}, 'DEPOTvector', 'with its body');
    is_deeply($ctl->json('dead', 'show', $put[0]), $one,
        'by the request id as well');
    like(command(0, 'dead', 'show', $put[0]), 
        qr/reason HTTP 400: unknown asset .*body \{.*DEPOTvector/, 'in words');
    like(command(0, 'status'), qr/Dead letters: 3; see oscpctl dead/,
        'status tells');
    is($ctl->json('status')->{dead_letters}, 3, 'as JSON as well');
    like(command(0, 'incidents'), qr/
        warning:\ Messages\ of\ group\ DEPOTvector\ do\ not\ reach\ vector
        .*\ reason\ undeliverable/x, 'the incident');
};

subtest 'requeue' => sub {
    my $since = time;
    $cp->command('mark');
    like(command(0, 'dead', 'requeue', $put[0], @wait, '--reason', 'repaired'),
        qr/^vector: done: dead letter \Q$id{$put[0]}\E waits for delivery aga/,
        'is done');
    ok(wait_for(sub { told('delivered', $put[0]) }), 'it is delivered');
    my @had = grep { $_->{id} eq $put[0] } $cp->records(dir => 'in');
    is(scalar(@had), 2, 'under its request id');
    is_deeply($had[1]{json}, $had[0]{json}, 'the same body');
    cmp_ok(time_ms((told('delivered', $put[0]))[0]{data}{created}), '>=',
        int($since * 1000) - 1, 'as old as new');
    ok(!(grep { $_->{req} eq $put[0] } dead()), 'it is no dead letter');
    my ($event) = grep { ($_->{data}{op} // '') eq 'requeue' }
        $direct->events('command');
    is_deeply([@{$event}{qw(conn group by)}, @{$event->{data}}{qw(outcome entry
        reason)}], ['vector', 'DEPOTvector', 'operator dora', 'done',
        $id{$put[0]}, 'repaired'], 'and the audit says who and why');
    ok($direct->wait_hash('group:vector:DEPOTvector',
        { undeliverable_incident => undef }), 'the incident is resolved');
    like(command(1, 'dead', 'requeue', $put[0], @wait),
        qr/there is no dead letter "\Q$put[0]\E"/, 'only once');
};

subtest 'all' => sub {
    $cp->command('misbehave refuse=' . MESSAGE . ':403 times=2');
    my @more = map { put('vector') } 1 .. 2;
    ok(wait_for(sub { (() = dead()) == 4 }), 'two more');
    my $out = command(0, 'dead', 'requeue', 'all', @wait);
    is(() = $out =~ /done: dead letter/g, 4, 'one by one');
    ok(wait_for(sub { told('delivered', $more[1]) }), 'all are delivered');
    is(() = dead(), 0, 'none is left');
    is(command(0, 'dead', 'requeue', 'all', @wait),
        'There are no dead letters.', 'which is said');
    $cp->command('misbehave refuse=' . MESSAGE . ':400 times=2');
    @put[1, 2] = (put('vector'), put('gone'));
    ok(wait_for(sub { (() = dead()) == 2 }), 'others');
    %id = map { $_->{req} => $_->{id} } dead();
};

subtest 'drop' => sub {
    my $doc = $ctl->json('dead', 'drop', $id{$put[1]}, @wait);
    is_deeply([@{$doc}{qw(op conn entry outcome by)}], ['drop', 'vector',
        $id{$put[1]}, 'done', 'dora'], 'is done');
    ok(!(grep { $_->{req} eq $put[1] } dead()), 'and gone');
    ok(publish('vector'), 'a connection is removed');
    like(command(1, 'dead', 'requeue', $put[2], @wait),
        qr/refused: conn must be a configured/, 'nobody can have its letter');
    like(command(0, 'dead', 'drop', $put[2], @wait), 
        qr/^gone: done: dead letter .* is dropped/, 'which can be dropped');
    is(() = dead(), 0, 'none is left');
};

# What an operator asks the peer for, and what the peer got, in kW.
use constant ADJUST => 'adjust_group_capacity_forecast';

sub adjust {
    my ($kw, $want) = @_;

    $cp->command('misbehave refuse=' . ADJUST . ':400 times=1')
        if $want eq 'refused';
    $redis->command('XADD', $direct->key('cmd'), '*', op => 'adjust',
        conn => 'vector', group => 'DEPOTvector', by => 'dora',
        type => 'CONSUMPTION', replace => 1, blocks => encode_json([[
            OSCP::Direct::at(time), OSCP::Direct::at(time + 3600),
            $kw * 1000]]));
    ok(wait_for(sub { (asked())[-1] == $kw }), "$kw kW are asked for");
    ok(wait_adjustment(state => $want), "and $want");
    return $direct->hash('adjustment:vector:DEPOTvector:CONSUMPTION')->{req};
}

sub asked {
    return 0, map { $_->{json}{forecasted_blocks}[0]{capacity} }
        $cp->records(dir => 'in', message => ADJUST);
}

sub wait_adjustment {
    return $direct->wait_hash('adjustment:vector:DEPOTvector:CONSUMPTION',
        { @_ });
}

# Waits until a requeued one is given up; that is no incident.
sub given_up {
    my ($req, $why) = @_;

    ok(wait_for(sub { told('given_up', $req) }), 'it is given up');
    is((told('given_up', $req))[0]{data}{why}, $why, "because $why");
    is(() = dead(), 0, 'and no dead letter any more');
    unlike(command(0, 'incidents'), qr/given up/, 'nor an incident');
}

subtest 'adjustments' => sub {
    $cp->command('adjustments ignore');
    my $first = adjust(90, 'refused');
    my $second = adjust(30, 'requested');
    command(0, 'dead', 'requeue', $first, @wait);
    given_up($first, 'replaced by another one');

    my $third = adjust(20, 'refused');
    my ($id) = map { $_->{id} } dead();
    adjust(10, 'requested');
    $direct->worker->kill;
    $redis->command('XADD', $direct->key('cmd'), '*', op => 'requeue',
        conn => 'vector', entry => $id, by => 'dora');
    $direct->worker->restart;
    given_up($third, 'replaced by another one');

    my $latest = adjust(40, 'refused');
    command(0, 'dead', 'requeue', $latest, @wait);
    ok(wait_adjustment(state => 'requested', req => $latest),
        'the latest one is requested again');
    ok(wait_for(sub { told('delivered', $latest) }), 'and delivered');

    my $last = adjust(50, 'refused');
    command(0, 'disconnect', 'vector', @wait);
    command(0, 'dead', 'requeue', $last, @wait);
    given_up($last, 'disconnected by the operator');
    is_deeply([asked()], [0, 90, 30, 20, 10, 40, 40, 50],
        'the peer was asked for the latest alone');
};

subtest 'what is no order' => sub {
    my $cmd = sub {
        my (%o) = @_;
        my $id = $redis->command('XADD', $direct->key('cmd'), '*', %o);
        my ($event);
        wait_for(sub { ($event) = grep { ($_->{cmd} // '') eq $id }
            $direct->events('command'); $event });
        return $event->{data};
    };
    my %drop = (op => 'drop', conn => 'vector');
    for my $entry ('', '1', '1-', 'x-1', '1-1-1', '9' x 21 . '-1', '12-0',
        '9' x 20 . '-1', '1-' . '9' x 20) {
        is_deeply([@{$cmd->(%drop, entry => $entry)}{qw(outcome text)}],
            ['refused', 'entry must be the id of a dead letter of the '
                . 'connection'], "entry '$entry'");
    }
    my $id = $redis->command('XADD', $direct->key('dead'), '*',
        conn => 'other', msg => MESSAGE, req => 'x', body => '{}');
    is($cmd->(%drop, entry => $id)->{outcome}, 'refused', 'of another');
    is(() = dead(), 1, 'nothing happened to it');
    is($redis->command('XLEN', $direct->key('cmd')), 0, 'all are settled');
    command(2, 'dead', @$_) for ['burn'], ['show'], ['list', 'x'];
    like(command(1, 'dead', 'show', 'none'), qr/no dead letter "none"/, 'none');
};

is($cp->stop, 0, 'simulator');
$direct->finish;
done_testing();
