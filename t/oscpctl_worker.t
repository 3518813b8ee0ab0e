#!/usr/bin/env perl
#
# Goal: oscpctl and the worker together.  What is commanded is done and told;
# what the worker refuses is refused; who did it and why stands in explain,
# then and later; an incident that the worker opens is seen, and gone when it
# is resolved.

use strict;
use warnings;

use FindBin qw($Bin);
use Test::More;
use Time::HiRes qw(time);

use lib "$Bin/lib", "$Bin/cp/lib";
use OSCP::CP;
use OSCP::Ctl;
use OSCP::Direct;
use OSCP::Process qw(slow wait_for);

my $direct = OSCP::Direct->start;
my $ctl = OSCP::Ctl->of($direct);
my $cp = OSCP::CP->new(dir => $direct->dir)->start;
my @wait = ('--timeout', 20 * slow() . 's');

$cp->command("accept token-file=$direct->{dir}/token header.fp-id=CP77",
    'acknowledges off', 'heartbeats off');
$direct->wait_applied($direct->publish(vector => { peer => $cp->url,
    heartbeat_interval_ms => 60000 }));

sub command {
    my ($want, @words) = @_;
    my ($status, $out, $err) = $ctl->run(@words, @wait);

    is($status, $want, "@words") or diag($out, $err);
    return $want == 0 ? $out : $err;
}

sub go_online {
    $direct->store('handshake', 'vector', { required_behaviour => {
        heartbeat_interval => 60,
        measurement_configuration => ['INTERMITTENT'] } });
    ok($direct->wait_hash('conn:vector', { state => 'online' }), 'online');
    return;
}

sub circuit {
    my ($value, $control) = @_;

    return ok($direct->wait_hash('circuit:incomer-1', {
        available_capacity_w => $value, control => $control }), $control);
}

go_online();
$direct->forecast('vector', 'DEPOT01', blocks => [[-60, 3600, 120000]]);
circuit(120000, 'oscp');

subtest 'a group' => sub {
    like(command(0, 'disable', 'vector', 'DEPOT01', '--by', 'cora',
        '--reason', 'a bus burns'), qr/done: DEPOT01 is disabled/, 'is said');
    circuit(400000, 'local');
    like(command(0, 'disable', 'vector', 'DEPOT01'),
        qr/unchanged: DEPOT01 is disabled already/, 'twice is once');
    my $text = $ctl->text('explain', 'depot-1');
    like($text, qr/Rule 1: the group DEPOT01 was taken out of service/, 'what');
    like($text, qr/by operator cora at \S+: a bus burns/, 'who and why');
    command(0, 'enable', 'vector', 'DEPOT01');
    circuit(120000, 'oscp');
};

subtest 'an incident' => sub {
    $direct->store('heartbeat', 'vector', {
        offline_mode_at => OSCP::Direct::at(time + 0.5) });
    circuit(60000, 'safe_default');
    ok(wait_for(sub { @{$ctl->json('incidents')} == 1 }), 'is open');
    my ($incident) = @{$ctl->json('incidents')};
    is($incident->{limit_w}, 60000, 'with its limit');
    like($ctl->text('incidents'), qr/where vector \/ DEPOT01/, 'and where');
    is($ctl->json('explain', 'depot-1')->{incident}{id}, $incident->{id},
        'explain has it');
    like($ctl->text('status'), qr/Open incidents: 1/, 'status too');
    go_online();
    circuit(120000, 'oscp');
    ok(wait_for(sub { !@{$ctl->json('incidents')} }), 'is resolved');
};

subtest 'what is asked for and told' => sub {
    my @adjust = ('adjust', 'vector', 'DEPOT01', '--type', 'CONSUMPTION',
        '--until', OSCP::Direct::at(time + 3600), '--capacity');
    my $flat = sub { return $_[0] =~ s/\s+/ /gr };
    $cp->command('mark');
    like($flat->(command(0, @adjust, '90kW', '--by', 'dora')),
        qr/done: CONSUMPTION of DEPOT01 is requested: 1 block, message \S+ $/,
        'is said');
    my $got = $cp->command('expect adjust_group_capacity_forecast within=20s');
    is($got->{json}{forecasted_blocks}[0]{capacity}, 90, 'is asked for');
    like($flat->($ctl->text('show', 'DEPOT01')),
        qr/CONSUMPTION: requested, asked for \S+ by operator dora/, 'is shown');
    my $refused = $flat->(command(1, @adjust, '80kW'));
    like($refused, qr/refused: CONSUMPTION of DEPOT01 is requested already/,
        'one at a time');
    like($refused, qr/by message \Q$got->{id}\E/, 'which one is said');
    command(0, @adjust, '80kW', '--replace');
    my $again = $cp->command(
        'expect adjust_group_capacity_forecast within=20s');
    $direct->forecast('vector', 'DEPOT01', corr => $again->{id}, req => 'f-adj',
        blocks => [[-60, 3600, 80000]]);
    circuit(80000, 'oscp');
    like($flat->($ctl->text('show', 'DEPOT01')),
        qr/adjustment CONSUMPTION: answered \S+: f-adj, asked/, 'is answered');
    like($flat->(command(0, 'compliance', 'vector', 'DEPOT01', '--message',
        'a fuse blew')), qr/done: the peer is told about the import limit /,
        'is told');
    $got = $cp->command('expect group_capacity_compliance_error within=20s');
    is("$got->{corr} $got->{json}{message}", 'f-adj a fuse blew', 'as it was');
};

my $before = time;

subtest 'the connection' => sub {
    like(command(0, 'disconnect', 'vector', '--by', 'anna', '--reason',
        'work on the incomer'), qr/full local control is back/, 'is said');
    circuit(400000, 'local');
    like(command(0, 'disconnect', 'vector'), qr/unchanged/, 'twice is once');
    my $text = $ctl->text('explain', 'depot-1');
    like($text, qr/Rule 1: control was taken back: the connection vector was/,
        'what');
    like($text, qr/disconnected by operator anna at \S+: work on the incomer/,
        'who and why');
    command(0, 'disable', 'vector');
    like(command(1, 'connect', 'vector'), qr/refused: vector is disabled/,
        'what cannot be is refused');
    command(0, 'enable', 'vector');
    like(command(0, 'connect', 'vector'), qr/done: vector starts a handshake/,
        'given back');
    $text = $ctl->text('explain', 'depot-1');
    like($text, qr/Rule 2: the grid operator has sent no forecast since/,
        'nothing is left of before');
};

subtest 'later' => sub {
    my $text = $ctl->text('explain', 'depot-1', '--at',
        OSCP::Direct::at($before));
    like($text, qr/80 kW available .* \[normal, green/, 'before it');
    like($text, qr/then \S+ .* later\): 400 kW available, local/, 'then');
    my ($disconnected) = grep { $_->{data}{op} eq 'disconnect'
        && $_->{data}{outcome} eq 'done' } $direct->events('command');
    $text = $ctl->text('explain', 'depot-1', '--at', $disconnected->{at});
    like($text, qr/disconnected by operator anna at \S+: work on the incomer/,
        'who and why');
    like($ctl->text('events', '-n', 'all'), qr/command by operator anna cmd=/,
        'the audit has it');
};

subtest 'without a worker' => sub {
    $direct->worker->kill;
    ok(wait_for(sub { !defined $ctl->json('status')->{shards}[0]{owner} }, 20),
        'nobody owns the shard');
    my ($status, $out, $err) = $ctl->run('disconnect', 'vector', '--timeout',
        '200ms');
    is($status, 1, 'a command waits in vain');
    like($err, qr/no worker is alive for this connection/, 'and says so');
    $direct->worker->restart;
    ok($direct->wait_hash('conn:vector', { state => 'disconnected' }),
        'it is carried out when there is one');
};

$cp->stop;
$direct->finish;
done_testing();
