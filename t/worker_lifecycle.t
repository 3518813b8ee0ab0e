#!/usr/bin/env perl
#
# Goal: what the lifecycle sends.  A stored handshake is acknowledged, in the
# peer's dialect, with its request id as correlation id; again and under one id
# until it is delivered, also by another worker; heartbeats follow the interval
# that the peer asked for and keep their promise; what a peer does to our
# requests concerns no other peer.

use strict;
use warnings;

use FindBin qw($Bin);
use Test::More;
use Time::HiRes qw(time);

use lib "$Bin/lib", "$Bin/cp/lib";
use CP::Clock qw(time_ms);
use OSCP::CP;
use OSCP::Direct;
use OSCP::Process qw(slow wait_for);

my $direct = OSCP::Direct->start;
my @cp = map { OSCP::CP->new(dir => $direct->dir, name => "cp-$_")->start }
    1, 2;
my $token = "$direct->{dir}/token";
$_->command("accept token-file=$token header.fp-id=CP77", 'acknowledges off',
    'heartbeats off') for @cp;

sub publish {
    return $direct->publish(
        vector => { peer => $cp[0]->url, heartbeat_interval_ms => 20000 },
        other => { peer => $cp[1]->url, heartbeat_interval_ms => 20000,
            groups => { X => {} } });
}

# The requests of a kind that the first peer has had.
sub had {
    my ($message, $n) = @_;

    return $cp[$n // 0]->records(dir => 'in', message => $message);
}

sub handshake {
    my ($conn, $interval, %o) = @_;

    return $direct->store('handshake', $conn, { required_behaviour => {
        heartbeat_interval => $interval,
        measurement_configuration => ['INTERMITTENT'] } }, %o);
}

ok($direct->wait_applied(publish()), 'configured');
my $began = time;
handshake($_, 1, req => "hs-$_") for qw(vector other);

subtest 'a handshake is acknowledged' => sub {
    my $conn = $direct->wait_hash('conn:vector', { state => 'online' });
    my ($ack) = had('handshake_acknowledge');
    is($ack->{corr}, 'hs-vector', 'with its id as correlation id');
    is_deeply($ack->{json}, { required_behaviour => { heartbeat_interval => 20,
        measurement_configuration => ['INTERMITTENT'] } },
        'nested, with our interval and list');
    ok($ack->{valid}, 'valid, with token and header')
        or diag(explain($ack->{errors}));
    is($conn->{ack_req}, undef, 'nothing is owed any more');
    is($conn->{handshake_by}, 'peer', 'by the peer');
    my ($state) = grep { $_->{data}{to} eq 'online' } $direct->events('state');
    is($state->{by}, 'worker', 'the audit says so');
    is_deeply([map { "$_->{data}{direction} $_->{data}{outcome}" } grep {
        $_->{conn} eq 'vector' } $direct->events('handshake')],
        ['in received', 'out delivered'], 'and what went before');
};

subtest 'heartbeats' => sub {
    $direct->wait_hash('conn:other', { state => 'online' });
    ok(wait_for(sub { (() = had('heartbeat')) >= 3 }), 'come');
    my @beats = had('heartbeat');
    my %ids = map { $_->{id} => 1 } @beats;
    is(scalar(keys %ids), scalar(@beats), 'each with an id of its own');
    my @promises = map { time_ms($_->{json}{offline_mode_at}) } @beats;
    is_deeply(\@promises, [sort { $a <=> $b } @promises],
        'promises never move backwards');
    # What is held up on its way seems to promise less.
    my ($ahead) = sort { $b <=> $a }
        map { $promises[$_] - time_ms($beats[$_]{at}) } 0 .. $#beats;
    cmp_ok($ahead, '>', 1000, 'more than an interval ahead');
    cmp_ok($ahead, '<=', 3001, 'at most three');
    cmp_ok(@beats - 1, '<=', time_ms($beats[-1]{at}) / 1000 - $began,
        'not more often than asked');
};

subtest 'a peer that hangs' => sub {
    $cp[0]->command('misbehave hang=heartbeat');
    my $since = time;
    my $before = () = had('heartbeat', 1);
    ok(wait_for(sub { $direct->events('heartbeat_failed') }, 15),
        'its heartbeats fail');
    ok(wait_for(sub { (() = had('heartbeat', 1)) >= $before + 6 }, 15),
        'the other peer has its own');
    my @beats = grep { time_ms($_->{at}) > $since * 1000 } had('heartbeat', 1);
    my @gaps = map { time_ms($beats[$_]{at}) - time_ms($beats[$_ - 1]{at}) }
        1 .. $#beats;
    note("gaps of the other's heartbeats in ms: @gaps");
    # The machine may hesitate once, a peer that hangs is in the way each time.
    my ($longest, @others) = sort { $b <=> $a } @gaps;
    ok(!(grep { $_ > 2000 * slow() } @others), 'in time');
    cmp_ok($longest, '<', 2000 * slow() + 5000, 'all of them');
    $cp[0]->command('misbehave off');
    like($direct->hash('conn:vector')->{last_error}, qr/time/i,
        'last_error says why');
};

subtest 'an acknowledge that is refused' => sub {
    my $since = () = had('handshake_acknowledge');
    $cp[0]->command('quirk H1',
        'misbehave refuse=handshake_acknowledge:503 times=2');
    $direct->store('handshake', 'vector',
        { heartbeat_interval => 1 }, req => 'hs-flat');
    ok(wait_for(sub { (() = had('handshake_acknowledge')) >= $since + 3 }, 15),
        'is sent again');
    ok($direct->wait_hash('conn:vector', { ack_req => undef }), 'until it is '
        . 'delivered');
    my @acks = (had('handshake_acknowledge'))[$since .. $since + 2];
    is($acks[$_]{id}, $acks[0]{id}, 'under one id') for 1, 2;
    is($_->{corr}, 'hs-flat', 'with one correlation id') for @acks;
    is_deeply($acks[2]{json}, { heartbeat_interval => 20,
        measurement_configuration => ['INTERMITTENT'] },
        'flat, as the peer wrote');
    is($direct->hash('conn:vector')->{state}, 'online', 'it stayed online');
    is($direct->hash('conn:vector')->{dialect}, 'flat', 'dialect');
    $cp[0]->command('quirk H1 off');
};

subtest 'a worker that dies owing an acknowledge' => sub {
    my $since = () = had('handshake_acknowledge');
    $cp[0]->command('misbehave hang=handshake_acknowledge');
    handshake('vector', 1, req => 'hs-crash');
    ok(wait_for(sub { (() = had('handshake_acknowledge')) > $since }),
        'it was sent');
    my $owed = $direct->hash('conn:vector');
    is($owed->{ack_corr}, 'hs-crash', 'and is owed');
    $direct->worker->kill;
    $cp[0]->command('misbehave off');
    $direct->worker->restart;
    ok($direct->wait_hash('conn:vector', { ack_req => undef }),
        'the next one delivers it');
    my $last = (had('handshake_acknowledge'))[-1];
    is($last->{corr}, 'hs-crash', 'with the correlation id');
    is($last->{id}, $owed->{ack_req}, 'under the id that was kept');
};

subtest 'liveness ends' => sub {
    $direct->store('heartbeat', 'vector', { offline_mode_at =>
        OSCP::Direct::at(time + 1) });
    my $conn = $direct->wait_hash('conn:vector', { state => 'offline' });
    is($conn->{heartbeat_due}, undef, 'no more heartbeats are due');
    cmp_ok(time_ms($conn->{since}), '==', time_ms($conn->{offline_mode_at}
        // $conn->{since}), 'at the time that was promised');
    like($conn->{last_error}, qr/liveness/, 'last_error');
};

subtest 'a heartbeat that waited in the stream' => sub {
    handshake('vector', 60, req => 'hs-again');
    ok($direct->wait_hash('conn:vector', { state => 'online' }), 'online');
    ok($direct->wait_settled, 'settled');
    $direct->worker->kill;
    # A promise that ran out before a worker came, and one stored before that.
    my $until = time + 0.5;
    $direct->redis->command('HSET', $direct->key('conn:vector'),
        offline_mode_at => OSCP::Direct::at($until));
    $direct->store('heartbeat', 'vector',
        { offline_mode_at => OSCP::Direct::at($until + 60) },
        at => OSCP::Direct::at($until - 0.2));
    wait_for(sub { time > $until + 0.2 }, 5);
    my $states = () = $direct->events('state');
    $direct->worker->restart;
    ok($direct->wait_settled, 'and a newer one that came in time');
    ok($direct->wait_log(qr/running.*running/s), 'is applied');
    is($direct->hash('conn:vector')->{state}, 'online',
        'before liveness is judged');
    is(scalar(my @all = $direct->events('state')), $states, 'no gap is seen');
};

subtest 'no secret anywhere' => sub {
    my $secret = OSCP::Direct::TOKEN;
    unlike($direct->worker->log_text, qr/$secret/, 'not in the log');
    $direct->redis->command('SAVE');
    open my $fh, '<:raw', "$direct->{dir}/redis/dump.rdb" or die $!;
    local $/;
    unlike(<$fh>, qr/$secret/, 'not in Redis');
};

is($_->stop, 0, 'simulator') for @cp;
$direct->finish;
done_testing();
