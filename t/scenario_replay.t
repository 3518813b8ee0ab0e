#!/usr/bin/env perl
#
# Goal: the audit is enough.  A day of everything that moves a limit (forecasts
# of all types, gaps, lost liveness, an operator's commands, a reload, workers
# killed) is recorded, and the events alone, taken in their order by the rules,
# give each decision again as it was written then.

use strict;
use warnings;

use FindBin qw($Bin);
use JSON::PP;
use Test::More;

use lib "$Bin/lib", "$Bin/cp/lib";
use OSCP::Process qw(slow wait_for);
use OSCP::Stack;

my @groups = map { "group DEPOT0$_ scope=depot-$_ circuit=incomer-$_"
    . ' rated=400kW safe_default=60kW' } 1 .. 3;
my $stack = OSCP::Stack->start(heartbeat => '30s', groups => [@groups]);
my $cp = $stack->cp;

sub forecast {
    my ($group, $more) = @_;

    return $cp->command("forecast group=$group $more expect=204");
}

sub reload {
    my $version = $stack->redis->hash('oscp:config')->{version};

    $stack->{groups} = [@_];
    $stack->nginx->configure(http => $stack->http);
    $stack->nginx->reload;
    return wait_for(sub { my $now = $stack->hash('config')->{version};
        $now && $now ne $version });
}

sub circuit {
    my ($n, $control) = @_;

    return ok($stack->wait_circuit("incomer-$n", { control => $control }),
        "incomer-$n: $control");
}

# A day in short.
ok($stack->go_online(30), 'online');
forecast('DEPOT01', 'block=-1m/+500ms/120/KW/ALL block=+500ms/+1s/90/KW/ALL'
    . ' block=+1s/+2s/70/KW/ALL block=+1s/+1500ms/60/KW/ALL');
forecast('DEPOT01', 'type=FALLBACK_CONSUMPTION kw=30 length=1h start=-1m');
forecast('DEPOT01', 'type=GENERATION block=-1m/+1h/50.5/KW/ALL');
forecast('DEPOT01', 'type=OPTIMUM block=-1m/+1h/40/KW/ALL');
forecast('DEPOT02', 'block=-1m/+1h/100/A/ONE block=-1m/+1h/80/A/TWO');
forecast('DEPOT02', 'type=FALLBACK_CONSUMPTION kw=25 length=1h start=-1m');
circuit(1, 'fallback');
forecast('DEPOT01', 'type=FALLBACK_CONSUMPTION block=-2h/-1h/30/KW/ALL');
circuit(1, 'safe_default');
$stack->worker->kill;
$stack->worker->restart;
forecast('DEPOT01', 'block=now/+1h/110/KW/ALL');
circuit(1, 'oscp');
$cp->command('heartbeats off');
$stack->lose_liveness;
circuit(1, 'safe_default');
circuit(2, 'fallback');
$stack->operate('disable', group => 'DEPOT02');
circuit(2, 'local');
$cp->command('heartbeats on');
ok($stack->go_online(30), 'online again');
circuit(1, 'oscp');
$stack->operate('enable', group => 'DEPOT02');
circuit(2, 'oscp');
$stack->operate('disable');
circuit(1, 'local');
$stack->operate('enable');
circuit(1, 'safe_default');
$stack->worker->kill;
$stack->send_command('disconnect');
$stack->worker->restart;
circuit(1, 'local');
$stack->operate('connect');
ok($stack->wait_state('online'), 'connected again');
forecast($_, 'kw=80,0 blocks=4 seconds=2 start=-1s') for qw(DEPOT01 DEPOT02);
circuit(2, 'oscp');
ok(reload('group DEPOT01 scope=yard circuit=incomer-4 rated=50kW', $groups[1]),
    'a reload');
ok($stack->wait_circuit('incomer-4', { group => 'DEPOT01' }), 'it has moved');
forecast('DEPOT01', 'kw=33.333 length=1h start=-1m');
ok($stack->wait_circuit('incomer-4', { available_capacity_w => 33333 }),
    'and goes on');
circuit(2, 'safe_default');
$stack->worker->stop;

my @events = $stack->redis->stream($stack->key('events'));
my $json = JSON::PP->new->canonical;

# Exit status and output of the replay of these events.
sub replay {
    my $file = $stack->file('events.json', join '', map {
        $json->encode($_) . "\n" } @_);
    my @lines = qx($stack->{build}/unit/replay_stream $file 2>&1);

    return ($?, @lines);
}

my ($status, @lines) = replay(@events);
is($status, 0, 'the replay decides as it was decided')
    or diag(grep { /^not ok|^#/ } @lines);
my ($told) = grep { /^# decisions/ } @lines;
note($told // 'nothing');
my $written = () = grep { $_->{event} eq 'envelope' } @events;
like($told, qr/^# decisions: $written local/, "all $written decisions");
cmp_ok($written, '>=', 25, 'they are many');
my @kinds = ($told // '') =~ /local (\d+) normal (\d+) fallback (\d+)/;
is(scalar(grep { $_ >= 5 } @kinds), 3, 'of every kind') or diag("@kinds");

for my $kind (qw(state forecast command config)) {
    my ($broken) = replay(grep { $_->{event} ne $kind } @events);
    isnt($broken, 0, "without its $kind events it would not");
}

$stack->finish;
done_testing();
