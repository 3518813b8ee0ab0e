#!/usr/bin/env perl
#
# Goal: no dead or slow peer delays another.  Three operators, one depot each:
# one leaves every request hanging, one cuts every connection, one is well.
# The well one is acknowledged, gets its heartbeats in time and is obeyed; the
# others are obeyed in what they say, too.

use strict;
use warnings;

use FindBin qw($Bin);
use Test::More;

use lib "$Bin/lib", "$Bin/cp/lib";
use CP::Clock qw(time_ms);
use OSCP::CP;
use OSCP::Process qw(slow wait_for);
use OSCP::Stack;
use File::Temp qw(tempdir);

my $dir = tempdir(CLEANUP => 1);
my %bad = map { $_ => OSCP::CP->new(dir => $dir, name => $_)->start }
    qw(hanging cutting);

my $http = join '', map { <<"CONF" } sort keys %bad;
    oscp_connection $_ {
        profile generic;
        peer @{[$bad{$_}->url]};
        accept header who $_;
        heartbeat_interval 1s;
        initiate_handshake on;
        group $_-1 scope=$_ circuit=$_ rated=100kW safe_default=10kW;
    }
CONF
my $server = join '', map { <<"CONF" } sort keys %bad;
        location /$_/fp/ { oscp_endpoint $_; }
CONF
my $stack = OSCP::Stack->start(http => $http, server => $server,
    heartbeat => '30s');
my $cp = $stack->cp;

for my $name (sort keys %bad) {
    $bad{$name}->command('peer ' . $stack->nginx->url("/$name/fp"),
        "present header.who=$name", 'profile generic');
}
$cp->command('heartbeats on ahead=1h');
ok($stack->go_online(2), 'the well one is online');
$bad{$_}->command('handshake interval=1 expect=204', 'expect online')
    for sort keys %bad;
ok($stack->wait_hash("conn:$_", { state => 'online' }), "$_ is online")
    for sort keys %bad;

$bad{hanging}->command('misbehave hang=*');
$bad{cutting}->command('misbehave drop=*', 'heartbeats off');
my $seconds = 8 + 4 * slow();
$cp->command('mark');
# As long as several heartbeats of each take.
$cp->command("wait ${seconds}s");
my @beats = map { time_ms($_->{at}) } $cp->records(dir => 'in',
    message => 'heartbeat', limit => int($seconds));
cmp_ok(scalar @beats, '>=', 4, 'heartbeats for the well one');
# The machine may hesitate once, a peer that is slow is in the way each time.
my ($longest, @others) = sort { $b <=> $a }
    map { $beats[$_] - $beats[$_ - 1] } 1 .. $#beats;
cmp_ok($others[0], '<', 2000 + 900 * slow(), "in time (@others ms)");
cmp_ok($longest, '<', 7000 + 900 * slow(), "all of them ($longest ms at most)");
ok((grep { ($_->{instead} // '') eq 'hang' } $bad{hanging}->records(
    dir => 'in')), 'the hanging one hangs');

$cp->command('forecast group=DEPOT01 kw=120 length=1h start=-1m expect=204');
ok($stack->wait_circuit('incomer-1', { available_capacity_w => 120000 }),
    'the well one is obeyed');
$bad{hanging}->command('forecast group=hanging-1 kw=50 length=1h start=-1m'
    . ' expect=204');
ok($stack->wait_circuit('hanging', { available_capacity_w => 50000 }),
    'so is the hanging one');
ok(wait_for(sub { ($stack->connection('cutting')->{last_error} // '') ne '' },
    10), 'the cutting one\'s error is noted');
ok(wait_for(sub { $stack->connection('cutting')->{state} ne 'online' }, 10),
    'and its silence');
is_deeply([map { $_->{note} } $cp->records(dir => 'note')], [],
    'no promise to the well one ran out');

subtest 'they recover' => sub {
    for my $name (sort keys %bad) {
        $bad{$name}->command('misbehave off', 'heartbeats on', 'mark',
            'handshake interval=1 expect=204',
            'expect handshake_acknowledge within=20s',
            'expect heartbeat within=20s');
        ok($stack->wait_hash("conn:$name", { state => 'online' }), $name);
    }
};

$stack->finish;
is($bad{$_}->stop, 0, "$_ ends clean") for sort keys %bad;
done_testing();
