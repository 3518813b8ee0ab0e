#!/usr/bin/env perl
#
# Goal: the audit is enough.  A real worker lives through a day in seconds:
# forecasts of several kinds, blocks that begin and end, a link that comes and
# goes, groups that move, go and come back, a worker that was dead meanwhile.
# Replayed, every decision it wrote is given again, at its moment, by the
# rules; and explain --at tells the past from it, or says that it cannot.

use strict;
use warnings;

use FindBin qw($Bin);
use Test::More;
use Time::HiRes qw(sleep time);

use lib "$Bin/lib", "$Bin/cp/lib";
use OSCP::CP;
use OSCP::Ctl;
use OSCP::Direct;
use OSCP::Process qw(slow wait_for);

my $direct = OSCP::Direct->start;
my $ctl = OSCP::Ctl->of($direct);
my $redis = $direct->redis;
my $cp = OSCP::CP->new(dir => $direct->dir)->start;
my $lives = 3 * slow();

$cp->command("accept token-file=$direct->{dir}/token header.fp-id=CP77",
    'acknowledges off', 'heartbeats off');

sub publish {
    my (%groups) = @_;

    return ok($direct->wait_applied($direct->publish(vector => {
        peer => $cp->url, heartbeat_interval_ms => 60000,
        groups => { DEPOT02 => {}, %groups } })), 'configured');
}

sub at { return OSCP::Direct::at($_[0]) }

sub state_is {
    my ($state) = @_;

    return ok($direct->wait_hash('conn:vector', { state => $state }), $state);
}

# Online, with a promise of so many seconds.
sub go_online {
    my ($seconds) = @_;

    $direct->store('handshake', 'vector', { required_behaviour => {
        heartbeat_interval => 60,
        measurement_configuration => ['INTERMITTENT'] } });
    state_is('online');
    $direct->store('heartbeat', 'vector', { offline_mode_at =>
        at(time + $seconds) });
    return;
}

publish(DEPOT01 => {});
go_online($lives);
my @steps = map { my $i = $_; [map { [$_ * 0.3 - 0.5, $_ * 0.3 - 0.2,
    100000 + 1000 * $_ + $i / 3] } 0 .. 8] } 1, 2;
$direct->forecast('vector', 'DEPOT01', blocks => $steps[0]);
$direct->forecast('vector', 'DEPOT01', type => 'FALLBACK_CONSUMPTION',
    blocks => [[-1, 600, 80500.1234]]);
$direct->forecast('vector', 'DEPOT01', type => 'GENERATION',
    blocks => [[0.2, 1.1, 7000]]);
$direct->forecast('vector', 'DEPOT01', type => 'OPTIMUM',
    blocks => [[0, 1, 55000]]);
$direct->forecast('vector', 'DEPOT02', blocks => [[-1, 60, 33333.3333, 'ONE'],
    [-1, 60, 22222.2222, 'TWO'], [0.5, 60, 11111.1111, 'THREE']]);
sleep 0.7;
$direct->forecast('vector', 'DEPOT01', blocks => $steps[1]);
my $moved = time;
publish(DEPOT01 => { circuit => 'incomer-9', rated_w => 90000 });
ok($direct->wait_hash('circuit:incomer-9', { group => 'DEPOT01' }), 'moved');
state_is('offline');
ok($direct->wait_hash('group:vector:DEPOT01', { mode => 'fallback' }),
    'fallback');
my $fallback = time;
sleep 0.02;
# It ends when its worker is dead.
go_online(600);
my $ends = time + 2 + $lives;
$direct->forecast('vector', 'DEPOT01', now => $ends,
    blocks => [[-60, 0, 44000]], req => 'short-1');
ok($direct->wait_hash('circuit:incomer-9', { available_capacity_w => 44000 }),
    'a forecast');
my $short = time;
sleep 0.02;
ok($direct->wait_hash('group:vector:DEPOT01', { reason => 'forecast_gap' }),
    'a gap, of the export forecast');
$direct->worker->kill;
$direct->forecast('vector', 'DEPOT01', blocks => [[-1, 600, 66000]],
    req => 'dead-1');
wait_for(sub { time > $ends + 0.5 }, 30);
my $dead = $ends + 0.2;
$direct->worker->restart;
ok($direct->wait_hash('circuit:incomer-9', { available_capacity_w => 66000 }),
    'after its death');
publish();
ok($direct->wait_hash('circuit:incomer-9', { control => 'local' }), 'removed');
my $removed = time;
sleep 0.05;
publish(DEPOT01 => {});
ok($direct->wait_hash('circuit:incomer-1', { control => 'local',
    group => 'DEPOT01' }), 'and back, new');
$direct->forecast('vector', 'DEPOT01', blocks => [[-1, 600, 12345.678]]);
ok($direct->wait_hash('envelope:depot-1', { import_limit_w => 12345.678 }),
    'with a forecast');
$direct->wait_settled;

subtest 'every decision is given again' => sub {
    my %last;
    my @events = grep { $_->{event} eq 'envelope' } $direct->events;
    $last{"$_->{group} $_->{at}"} = $_ for @events;
    cmp_ok(scalar @events, '>', 20, @events . ' decisions were written');
    for my $event (map { $last{"$_->{group} $_->{at}"} == $_ ? $_ : () }
        @events)
    {
        my $want = $event->{data};
        my $json = $ctl->json('explain', $want->{scope}, '--at',
            $event->{at});
        my $got = $json->{decision};
        my $what = "$event->{at} $event->{group} $want->{mode}";
        is($json->{basis}, 'replayed', $what);
        is_deeply($json->{notes}, [], 'nothing to be noted');
        cmp_ok(abs(($got->{available_capacity_w} // 0)
            - ($want->{available_capacity_w} // 0)), '<', 0.01, 'the value');
        is_deeply(words($got), words($want), 'and what gave it');
    }
};

# What must be equal to the letter.
sub words {
    my ($decision) = @_;

    return { map({ $_ => $decision->{$_} } qw(mode reason control)),
        map { my $d = $_; map { ("$d.$_" => $decision->{$d}{$_}) }
            qw(row source req from) } qw(import export) };
}

subtest 'what an operator asks later' => sub {
    my $text = $ctl->text('explain', 'depot-1', '--at', at($fallback));
    like($text, qr/ago, replayed from the audit/, 'from where');
    like($text, qr/80\.5 kW available on circuit incomer-9 \[fallback, yell/,
        'what');
    # On a slow machine our own handshake has begun by then.
    like($text, qr/\((?:offline since \S+: liveness lost|handshaking since)/,
        'why');
    like($text, qr/then \S+ \([\d.]+ s later\): 80\.5 kW .* a gap in the fore/,
        'what came then');
    my $json = $ctl->json('explain', 'depot-1', '--at', at($short));
    is($json->{decision}{import}{req}, 'short-1', 'which message');
    ok($json->{decision}{import}{received_at}, 'received when');
    is($json->{circuit}{rated_w}, 90000, 'the circuit of that time');
    $json = $ctl->json('explain', 'depot-1', '--at', at($moved - 0.1));
    is($json->{circuit}{name}, 'incomer-1', 'and the one before');

    $text = $ctl->text('explain', 'depot-1', '--at', at($dead));
    like($text, qr/80\.5 kW available on circuit incomer-9 by the rules, but/,
        'what a dead worker had not read had no effect');
    like($text, qr/but what stood there is 44 kW/, 'what it had left stood');
    like($text, qr/NOTE: .* Either no worker was alive at that time, or/,
        'and that is said');

    my ($status, $out, $err) = $ctl->run('explain', 'depot-1', '--at',
        at($removed));
    is($status, 1, 'no group had the scope then');
    like($err, qr/nothing was known of scope depot-1 at/, 'is said');
    ($status, $out, $err) = $ctl->run('explain', 'depot-1', '--at',
        '2020-01-02T00:00:00Z');
    is($status, 1, 'before the audit');
    like($err, qr/the audit does not reach back to 2020-.*: it begins at/,
        'is said');
    $json = $ctl->json('explain', 'depot-1', '--at', at(int $short));
    my $clock = do { local $ENV{TZ} = OSCP::Ctl::ZONE; POSIX::tzset();
        POSIX::strftime('%F %T', localtime int $short) };
    POSIX::tzset();
    is($ctl->json('explain', 'depot-1', '--at', $clock)->{at}, $json->{at},
        'local time is read');
};

subtest 'an audit that was cut' => sub {
    my @events = $redis->stream($direct->key('events'));
    my ($cut) = grep { $_->{event} eq 'envelope' && $_->{group} eq 'DEPOT01'
        && $_->{data} =~ /liveness_lost/ } @events;
    $redis->command('XTRIM', $direct->key('events'), 'MINID', $cut->{id});
    my $json = $ctl->json('explain', 'depot-1', '--at', at($fallback));
    is($json->{basis}, 'recorded', 'what was written is left');
    is($json->{decision}{available_capacity_w}, 80500.123, 'its value');
    is($json->{circuit}{name}, 'incomer-9', 'its circuit');
    like($json->{connection}{state} // 'handshaking', qr/^handshaking$/,
        'the state is not made up, only what came behind the cut is told');
    like($ctl->text('explain', 'depot-1', '--at', at($fallback)),
        qr/as it was written then \(the audit does not reach back to all/,
        'and that is said');
    # A link that is lost only now would be the first event of a new audit.
    $direct->worker->stop;
    $redis->command('DEL', $direct->key('events'));
    my ($status, $out, $err) = $ctl->run('explain', 'depot-1', '--at',
        at($fallback));
    is($status, 1, 'nothing is left');
    like($err, qr/the audit is empty/, 'is said');
    is($ctl->json('explain', 'depot-1')->{decision}{available_capacity_w},
        $direct->hash('circuit:incomer-1')->{available_capacity_w},
        'the present needs no audit');
};

$cp->stop;
$direct->finish;
done_testing();
