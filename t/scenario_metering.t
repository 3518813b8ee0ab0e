#!/usr/bin/env perl
#
# Goal: a day of samples, played through the whole path with short windows while
# the grid operator is away for a third of the time and the worker is killed
# again and again, arrives there as exactly the energies that plain arithmetic
# gives: in order, once each by its request id, for both profiles.  After an
# outage the windows that were missed follow in order, and heartbeats go out on
# time meanwhile.  OSCP_TEST_FULL=1: 96 windows of 100 groups.

use strict;
use warnings;

use File::Temp qw(tempdir);
use FindBin qw($Bin);
use HTTP::Tiny;
use JSON::PP;
use Test::More;
use Time::HiRes qw(sleep time);

use lib "$Bin/lib", "$Bin/cp/lib";
use CP::Clock qw(time_ms utc);
use OSCP::CP;
use OSCP::Meter;
use OSCP::Process qw(slow wait_for);
use OSCP::Stack;

use constant {
    LENGTH => 1000,                              # of a window, ms
    GRACE  => 4000 + 2000 * slow(),
    TAIL   => 1800,                              # samples behind the last one
    LATEST => 1500 * slow(),                     # after that it is not sent
};

my $full = $ENV{OSCP_TEST_FULL};
my ($windows, $groups, $more) = $full ? (96, 90, 10) : (10, 24, 6);
my ($up, $down, $outage) = $full ? (14, 3, 20) : (3.5, 0.2, 3);

my $seed = $ENV{OSCP_TEST_SEED} // int time;
srand $seed;
note("seed $seed");

my $dir = tempdir(CLEANUP => 1);
my $other = OSCP::CP->new(dir => $dir, name => 'other')->start;
my $settings = 'measurement_window ' . LENGTH . 'ms; measurement_grace '
    . GRACE . 'ms;';
my @vector = map { sprintf 'DEPOT%03d', $_ } 1 .. $groups;
my @generic = map { sprintf 'SITE%03d', $_ } 1 .. $more;
my $generic = join ' ', map { "group $_ scope=$_;" } @generic;
my $stack = OSCP::Stack->start(initiate => 'off', heartbeat => '1s',
    settings => $settings, groups => [map { "group $_ scope=$_" } @vector],
    http => <<"CONF", server => <<'CONF2');
    oscp_connection generic {
        profile generic;
        peer @{[$other->url]};
        accept header who other;
        heartbeat_interval 2s;
        $settings
        $generic
    }
CONF
        location /other/fp/ { oscp_endpoint generic; }
        location = /meter/vector { oscp_measurements vector; }
        location = /meter/generic { oscp_measurements generic; }
CONF2
my ($cp, $redis) = ($stack->cp, $stack->redis);
my $http = HTTP::Tiny->new(keep_alive => 1, timeout => 30);
my $json = JSON::PP->new->canonical;

# All samples of an asset: what counts goes to the meter, what is sent when into
# @plan as [WHEN, CONNECTION, SAMPLE].
my (@plan, %meter);

sub plant {
    my ($group, $asset, $from, $until, $export) = @_;
    my ($import, $out) = (int rand 5e9, int rand 5e9);
    my $connection = $group =~ /^DEPOT/ ? 'vector' : 'generic';
    my $at = $from + int rand 300;

    while ($at < $until) {
        my %s = (at => $at, import => $import,
            $export && rand() < 0.9 ? (export => $out) : (),
            rand() < 0.97 ? (power => int(rand 22000) / 2) : ());
        $meter{$group}->add($asset, %s);
        my %sent = (group => $group, asset => $asset, at => utc($at),
            energy_import_wh => $import / 1000,
            defined $s{export} ? (energy_export_wh => sprintf '%.3f',
                $out / 1000) : (),
            defined $s{power} ? (power_w => $s{power}) : ());
        # Some come out of order, some twice, some again and say otherwise.
        my $when = $at + (rand() < 0.1 ? int rand 700 : 0);
        push @plan, [$when, $connection, \%sent];
        push @plan, [$when + 1 + int rand 300, $connection, \%sent]
            if rand() < 0.05;
        push @plan, [$when + 1 + int rand 300, $connection,
            { %sent, energy_import_wh => 5 }] if rand() < 0.01;
        $import += int rand 500_000;
        $out += int rand 90_000;
        $import = int rand 1000 if rand() < 0.01;
        $at += rand() < 0.01 ? 1100 + int rand 2500
            : rand() < 0.1 ? LENGTH - $at % LENGTH : 250 + int rand 300;
    }
    return;
}

# Where this machine is too slow for its own plan, a sample is missing.
my (%unsent, $unsent);
sub in_time {
    my ($sample) = @_;
    my $name = join ' ', @$sample{qw(group asset at)};
    my $at = time_ms($sample->{at});

    my $first = !exists $unsent{$name};

    if ($first && time * 1000 > $at + LATEST) {
        $meter{$sample->{group}}->remove($sample->{asset}, $at);
        $unsent++;
        $unsent{$name} = 1;
    }
    return !($unsent{$name} //= 0) && ($first || time * 1000 <= $at + LATEST);
}

my $online = 'handshake interval=1 expect=204';
my $begin = (int(time * 1000 / LENGTH) + 3) * LENGTH;
my $end = $begin + $windows * LENGTH;
for my $group (@vector, @generic) {
    $meter{$group} = OSCP::Meter->new(length => LENGTH);
    plant($group, 'CH1', $begin - 400, $end + TAIL);
    plant($group, 'CH2', $begin, $end + TAIL, 1) if rand() < 0.4;
    # One comes and goes.
    my $from = $begin + int rand($windows / 2) * LENGTH;
    plant($group, 'CH3', $from, $from + rand($windows / 2) * LENGTH)
        if rand() < 0.3;
}
@plan = sort { $a->[0] <=> $b->[0] } @plan;
note(scalar(@plan) . ' samples');

$other->command('peer ' . $stack->nginx->url('/other/fp'),
    'present header.who=other', 'profile generic', $online, 'expect online');
$cp->command($online, 'expect online');
ok($stack->wait_state('online'), 'online');

sub post {
    my ($connection, @samples) = @_;

    while (my @some = splice @samples, 0, 500) {
        my $answer = $http->post($stack->nginx->url("/meter/$connection"), {
            headers => { 'Content-Type' => 'application/json' },
            content => $json->encode(\@some) });
        is($answer->{status}, 204, 'samples are stored')
            or diag($answer->{content});
    }
    return;
}

# A sample for a window that is surely closed; it must have no effect.
my $late = 0;
sub post_late {
    my ($group) = @_;
    my $until = time_ms($stack->group($group)->{metered_until} // '') // return;

    post('vector', { group => $group, asset => 'CH1', energy_import_wh => 1,
        at => utc($until - 1 - int rand LENGTH) });
    $late++;
    return;
}

my ($kills, $aways, $away, $away_ms) = (0, 0, 0, 0);
my $turn = time + $up;

sub operator_goes {
    $cp->stop('KILL');
    $away = time;
    $aways++;
    return;
}

sub operator_comes {
    my ($how) = @_;

    $cp->start;
    $stack->introduce;
    $cp->command($how // 'misbehave drop=update_asset_measurements:after'
        . ' times=2', $online);
    $away_ms += 1000 * (time - $away);
    $away = 0;
    return;
}

my $kill = time + 1;
$other->command('misbehave refuse=update_group_measurements:503 times=2',
    'misbehave drop=update_asset_measurements:after times=2');
while (@plan) {
    my %due;
    while (@plan && $plan[0][0] <= time * 1000) {
        my (undef, $connection, $sample) = @{shift @plan};
        push @{$due{$connection}}, $sample if in_time($sample);
    }
    post($_, @{$due{$_}}) for sort keys %due;
    if (time * 1000 > $end + TAIL - $outage * 1000) {
        operator_goes() if !$away;
    } elsif (time > $turn) {
        $away ? operator_comes() : operator_goes();
        $turn = time + ($away ? $down : $up);
    }
    if (time > $kill) {
        post_late($vector[rand @vector]);
        $stack->worker->kill;
        $kills++;
        sleep rand 0.3;
        $stack->worker->restart;
        $kill = time + 0.5 + rand 2;
    }
    sleep 0.05;
}
# It has been away for long: what it missed comes in order, and takes a while;
# heartbeats do not wait for it.
operator_comes("heartbeats on ahead=1h\nmisbehave"
    . ' delay=update_asset_measurements:' . ($full ? 10 : 25) . 'ms');
my $back = time;
note(sprintf '%d kills of the worker, %d of the operator, away %.0f %% of the '
    . 'time', $kills, $aways, $away_ms / (time * 1000 - $begin) * 100);

ok(wait_for(sub {
    !grep { (time_ms(($_ =~ /^DEPOT/ ? $stack->group($_)
        : $stack->hash("group:generic:$_"))->{metered_until} // '') // 0)
        < $end } @vector, @generic;
}, 30), 'all windows are closed');
ok(wait_for(sub { $redis->command('XLEN', $stack->key('out')) == 0 },
    $full ? 600 : 60), 'all that was to be said is said')
    or diag($redis->command('XLEN', $stack->key('out')));
my $backlog = time - $back;
note(sprintf 'the backlog took %.1f s', $backlog);
my @beats = map { time_ms($_->{at}) } $cp->records(dir => 'in',
    message => 'heartbeat');
my @gaps = map { $beats[$_] - $beats[$_ - 1] } 1 .. $#beats;
cmp_ok(scalar @beats, '>=', int($backlog) - 1, @beats . ' heartbeats meanwhile');
# The machine may hesitate once, a backlog is in the way all the time.
my ($longest, @others) = sort { $b <=> $a } @gaps;
is_deeply([grep { $_ > 1000 + 1000 * slow() } @others], [], 'each in time')
    or diag("@gaps");
is_deeply([grep { $_->{note} eq 'fp late' } $cp->records(dir => 'note')], [],
    'none was missed');

# What the simulators received, whenever they lived; a repeat of a request is
# the same request.
sub received {
    my ($file, $message) = @_;
    my (@list, %seen);

    open my $fh, '<', $file or die "$file: $!";
    while (my $line = <$fh>) {
        my $entry = decode_json($line);
        next unless $entry->{dir} eq 'in' && $entry->{message} eq $message
            && ($entry->{status} // 204) == 204;
        push @list, $entry unless $seen{$entry->{id}}++;
    }
    note(scalar(@list) . " $message, "
        . (grep { $_ > 1 } values %seen) . ' of them repeated');
    return @list;
}

# Each window that is complete, as text; of the group, or of its assets.
sub wanted {
    my ($group, $of) = @_;
    my @want;

    for (my $at = $begin; $at < $end; $at += LENGTH) {
        my $window = $meter{$group}->window($at);
        next if $window->{state} ne 'complete';
        my $assets = $window->{assets};
        push @want, join ' ', utc($at), $of eq 'group' ? energy($window)
            : map { "$_ " . energy($assets->{$_}) } sort keys %$assets;
    }
    return \@want;
}

sub energy {
    my ($window) = @_;

    return (exists $window->{export} ? 'NET ' : 'IMPORT ')
        . ($window->{import} - ($window->{export} // 0));
}

sub said {
    my ($e) = @_;

    die 'unaligned' if time_ms($e->{measure_time})
        - time_ms($e->{initial_measure_time}) != LENGTH;
    return "$e->{direction} " . sprintf '%.0f', $e->{value} * 1e6;
}

# Received measurements by group, in the same form, within the time played.
sub by_group {
    my ($of, @entries) = @_;
    my %got;

    for my $entry (@entries) {
        my @list = @{$entry->{json}{measurements}};
        my @energies = map { $_->{energy_measurement} // $_ } @list;
        my $start = $energies[0]{initial_measure_time};
        next if time_ms($start) < $begin || time_ms($start) >= $end;
        push @{$got{$entry->{json}{group_id}}}, join ' ', $start,
            $of eq 'group' ? said($energies[0])
            : map { "$_->{asset_id} " . said($_->{energy_measurement}) }
            sort { $a->{asset_id} cmp $b->{asset_id} } @list;
    }
    return \%got;
}

my $record = $stack->dir . '/cp.record';
my $got = by_group('group', received($record, 'update_asset_measurements'));
my $n = 0;
for my $group (@vector) {
    my $want = wanted($group, 'group');
    $n += @$want;
    is_deeply($got->{$group}, $want, "$group: " . @$want . ' windows');
}
note("$n windows of $groups groups for the vector profile");
my $of_groups = by_group('group', received("$dir/other.record",
    'update_group_measurements'));
my $of_assets = by_group('assets', received("$dir/other.record",
    'update_asset_measurements'));
for my $group (@generic) {
    is_deeply($of_groups->{$group}, wanted($group, 'group'), "$group: group");
    is_deeply($of_assets->{$group}, wanted($group, 'assets'), "$group: assets");
}
my %refused;
$refused{$_->{data}{why} =~ s/:.*//r}++ for $stack->events('sample_refused');
note(join ', ', map { "$refused{$_} $_" } sort keys %refused);
is($refused{'too late'} // 0, $late, 'late samples are refused');

note("$unsent samples were not sent in time") if $unsent;

$other->stop;
$stack->finish;
done_testing();
