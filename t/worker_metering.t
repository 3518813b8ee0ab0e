#!/usr/bin/env perl
#
# Goal: what meters say becomes windows, each told exactly once and exactly: by
# registers that are reset, samples that are late, repeated, out of order,
# contradictory or missing, assets that come and go, export, three kinds of
# report, and a worker that is killed in between.  What is not known is skipped
# and said to be; what is wrong is refused and quoted.

use strict;
use warnings;

use FindBin qw($Bin);
use List::Util qw(shuffle);
use Test::More;
use Time::HiRes qw(sleep time);

use lib "$Bin/lib", "$Bin/cp/lib";
use CP::Clock qw(time_ms);
use CP::Schema;
use OSCP::Ctl;
use OSCP::Direct;
use OSCP::Meter;
use OSCP::Process qw(slow wait_for);

use constant {
    QUARTER => 900_000,
    WINDOWS => 96,
};

my $seed = $ENV{OSCP_TEST_SEED} // int time;
srand $seed;
note("seed $seed");

# No window of `vector` is closed meanwhile, whatever the time of day: what is
# held for those of now stays.
my %connections = (
    vector => { measurement_grace_ms => 3600000, groups => { DEPOT01 => { asset => 'SITE1' }, DEPOT02 => {} } },
    generic => { profile => 'generic', groups => { DEPOT03 => {} } },
    registers => { profile => 'generic', groups => { DEPOT04 => {} },
        measurement_configuration => ['CONTINUOUS'] },
);
my %connection_of = (DEPOT01 => 'vector', DEPOT02 => 'vector',
    DEPOT03 => 'generic', DEPOT04 => 'registers');
my $direct = OSCP::Direct->start(connections => \%connections,
    appendfsync => undef);
my $redis = $direct->redis;
ok($direct->wait_hash('circuit:incomer-4', { control => 'local' }), 'it runs');

sub wh {
    my ($mwh) = @_;

    return sprintf '%d.%03d', int $mwh / 1000, $mwh % 1000;
}

sub sample {
    my ($group, $asset, %s) = @_;

    return { conn => $connection_of{$group}, group => $group, asset => $asset,
        at_ms => $s{at}, energy_import_wh => wh($s{import}),
        defined $s{export} ? (energy_export_wh => wh($s{export})) : (),
        defined $s{power} ? (power_w => $s{power}) : () };
}

sub metered {
    my ($group) = @_;

    return time_ms($direct->hash("group:$connection_of{$group}:$group")
        ->{metered_until} // '') // 0;
}

sub pending {
    return $redis->command('XPENDING', $direct->key('meter'),
        'oscp-worker')->[0];
}

# What each window was told to be, by the audit.
sub windows {
    my ($group) = @_;

    return grep { ($_->{group} // '') eq $group } $direct->events('window'),
        $direct->events('window_skipped');
}

# Samples of one asset over the day, and what goes to the meters in which order.
sub plant {
    my ($meter, $group, $asset, $from, $until, $export) = @_;
    my ($import, $out) = (int rand 5e9, int rand 5e9);
    my $at = $from;
    my @sent;

    while ($at < $until) {
        my %s = (at => $at, import => $import,
            $export && rand() < 0.9 ? (export => $out) : (),
            rand() < 0.95 ? (power => int(rand 22000)) : ());
        $meter->add($asset, %s);
        push @sent, sample($group, $asset, %s);
        push @sent, sample($group, $asset, %s) if rand() < 0.05;
        $import += int rand 500_000;
        $out += int rand 90_000;
        $import = int rand 1000 if rand() < 0.01;
        $at += rand() < 0.004 ? 1_000_000 + int rand 3_000_000
            : rand() < 0.1 ? QUARTER - $at % QUARTER : 1000 + int rand 200_000;
    }
    return @sent;
}

# Out of order, but each within a few places of where it belongs.
sub stir {
    my @list = @_;

    return map { shuffle splice @list, 0, 7 } 1 .. @list / 7 + 1;
}

my $begin = (int(time * 1000 / QUARTER) - WINDOWS - 6) * QUARTER;
my $end = $begin + WINDOWS * QUARTER;
my %meter = map { $_ => OSCP::Meter->new(length => QUARTER) }
    sort keys %connection_of;

subtest 'a day of disturbed samples, by workers that are killed' => sub {
    $direct->worker->stop;
    my @all;
    for my $group (sort keys %meter) {
        push @all, [stir(plant($meter{$group}, $group, 'CH1', $begin + 1234,
            $end)), stir(plant($meter{$group}, $group, 'CH2', $begin, $end, 1)),
            stir(plant($meter{$group}, $group, 'CH3', $begin + 9 * QUARTER + 5,
            $end - 7 * QUARTER + 9))];
    }
    $direct->samples(map { @$_ } @all);
    my $n = $redis->command('XLEN', $direct->key('meter'));
    for my $round (1 .. 10) {
        $direct->worker->restart;
        sleep slow() * (0.02 + rand 0.06);
        $direct->worker->kill;
        note("killed when metered until " . join ' ', map {
            my $until = metered($_);
            $until ? ($until - $begin) / QUARTER : '-' } sort keys %meter);
    }
    note("$n samples");
    $direct->worker->restart;
    # All that is left is one sample of each asset.
    ok(wait_for(sub { $redis->command('XLEN', $direct->key('meter')) == 12 },
        30), 'all windows are closed')
        or diag($redis->command('XLEN', $direct->key('meter')));
    is(pending(), 12, 'what may still be needed is held');
    is_deeply([$direct->events('sample_refused')], [], 'nothing is refused');
};

# The windows that the model gives, as [FROM, UNTIL, STATE].
sub wanted {
    my ($meter) = @_;
    my @want;

    for (my $start = $begin; $start < $end + 3 * QUARTER; $start += QUARTER) {
        my $state = $meter->window($start)->{state};
        last if $start >= $end && $state eq 'empty';
        push @want, [$start, $state];
    }
    return @want;
}

# Windows skipped as one are told one by one.
sub told {
    my ($group) = @_;
    my @told;

    for my $event (windows($group)) {
        my $data = $event->{data};
        my ($from, $until) = map { time_ms($_) } @$data{qw(from until)};
        my $state = $event->{event} eq 'window' ? 'complete'
            : $data->{why} =~ /joined/ ? 'joined'
            : $data->{why} eq 'no samples' ? 'empty' : 'missing';
        for (my $at = $from; $at < $until; $at += QUARTER) {
            push @told, [$at, $state];
        }
    }
    return sort { $a->[0] <=> $b->[0] } @told;
}

sub kwh {
    my ($value) = @_;

    return sprintf '%.0f', $value * 1e6;
}

sub check_energy {
    my ($e, $start, $want, $name) = @_;
    my $net = defined $want->{export};

    is(kwh($e->{value}), $want->{import} - ($want->{export} // 0), "$name: Wh");
    is("@$e{qw(direction unit phase)}", ($net ? 'NET' : 'IMPORT') . ' KWH ALL',
        "$name: what it is");
    is($e->{measure_time}, OSCP::Direct::at(($start + QUARTER) / 1000),
        "$name: its end");
    is($e->{initial_measure_time}, OSCP::Direct::at($start / 1000),
        "$name: its start");
    return;
}

sub check_power {
    my ($p, $start, $want, $name) = @_;

    is($p ? sprintf('%.0f', $p->{value} * 1000) : undef, $want, "$name: power");
    is("$p->{unit} $p->{measure_time}", 'KW '
        . OSCP::Direct::at(($start + QUARTER) / 1000), "$name: at its end")
        if $p;
    return;
}

my %out;
push @{$out{$_->{group}}}, $_ for $direct->outbox;

for my $group (sort keys %meter) {
    subtest "$group: each window once, in order, exactly" => sub {
        my @want = wanted($meter{$group});
        is_deeply([told($group)], \@want, 'each window is told once');
        my %count;
        $count{$_->[1]}++ for @want;
        note(join ' ', map { "$_ $count{$_}" } sort keys %count);
        cmp_ok($count{complete}, '>', 5, 'there are some to look at');
        my @sent = @{$out{$group} // []};
        my $profile = $connections{$connection_of{$group}}{profile}
            // 'vector';
        my $asked = $connection_of{$group} ne 'registers';
        is_deeply([map { CP::Schema::check($_->{msg}, $_->{body}, { profile =>
            $profile, intermittent => $asked }) } @sent], [], 'all are valid');
        my %ids = map { $_->{req} => 1 } @sent;
        is(scalar keys %ids, scalar @sent, 'each with an id of its own');
        my @ids = map { my $m = $_->{data}{messages};
            map { $m->{$_} // () } qw(update_group_measurements
            update_asset_measurements) } grep { $_->{event} eq 'window' }
            windows($group);
        is_deeply([map { $_->{req} } @sent], \@ids, 'the audit names them');
        check_messages($group, \@sent, grep { $_->[1] eq 'complete' } @want);
    };
}

sub check_messages {
    my ($group, $sent, @windows) = @_;
    my $connection = $connection_of{$group};

    is(scalar @$sent, @windows * ($connection eq 'vector' ? 1 : 2),
        'nothing else is sent');
    for my $window (@windows) {
        my $start = $window->[0];
        my $want = $meter{$group}->window($start);
        my $name = OSCP::Direct::at($start / 1000);
        if ($connection eq 'registers') {
            check_registers(shift @$sent, shift @$sent, $start, $want, $group);
            next;
        }
        check_energy((shift @$sent)->{body}{measurements}[0], $start, $want,
            "$name: group") if $connection ne 'vector';
        my $body = (shift @$sent)->{body};
        my @assets = @{$body->{measurements}};
        if ($connection eq 'vector') {
            is(join(' ', map { $_->{asset_id} } @assets),
                $group eq 'DEPOT01' ? 'SITE1' : $group, 'the one asset');
            check_energy($assets[0]{energy_measurement}, $start, $want, $name);
            check_power($assets[0]{instantaneous_measurement}, $start,
                $want->{power}, $name);
            next;
        }
        is(join(' ', sort map { $_->{asset_id} } @assets),
            join(' ', sort keys %{$want->{assets}}), "$name: who was there");
        for my $asset (@assets) {
            my $one = $want->{assets}{$asset->{asset_id}};
            check_energy($asset->{energy_measurement}, $start, $one,
                "$name: $asset->{asset_id}");
            check_power($asset->{instantaneous_measurement}, $start,
                $one->{power}, "$name: $asset->{asset_id}");
        }
    }
    return;
}

# CONTINUOUS: the registers, whose differences are the energies where no reset
# lies between.
sub check_registers {
    my ($of_group, $of_assets, $start, $want, $group) = @_;
    my $name = OSCP::Direct::at($start / 1000);
    my %seen;

    for my $asset (@{$of_assets->{body}{measurements}}) {
        my ($id, $e) = @$asset{qw(asset_id energy_measurement)};
        $seen{$id}++;
        ok(!exists $e->{initial_measure_time}, "$name: $id: not from a start");
        my ($exact) = grep { $_->{at} == $start + QUARTER
            && ($e->{direction} eq 'NET') == defined $_->{export} }
            @{$meter{$group}{assets}{$id}};
        is(kwh($e->{value}), $exact->{import} - ($exact->{export} // 0),
            "$name: $id: the register itself") if $exact;
    }
    is(join(' ', sort keys %seen), join(' ', sort keys %{$want->{assets}}),
        "$name: who was there");
    my $e = $of_group->{body}{measurements}[0];
    my $direction = defined $want->{export} ? 'NET' : 'IMPORT';
    ok(!exists $e->{initial_measure_time} && $e->{unit} eq 'KWH'
        && $e->{direction} eq $direction, "$name: the group's sum");
    return;
}

# Entries of one millisecond are told apart by what follows it.
sub entry_n {
    my ($event) = @_;
    my ($ms, $n) = split /-/, $event->{data}{entry};

    return $ms * 1000 + $n;
}

subtest 'a wrong sample is refused, quoted, and stops nothing' => sub {
    my $now = int(time * 1000);
    my $good = sample('DEPOT02', 'CH9', at => $now - 1000, import => 5000,
        power => 100);
    my @wrong = (
        [{ at => 'yesterday' }, qr/^at must be an RFC 3339/],
        [{ at => '2026-11-23 00:00:00' }, qr/^at must be an RFC 3339/],
        [{ at_ms => $now + 90_000 * slow() }, qr/^at must not be more than a m/],
        [{ at_ms => $now - 8 * 86_400_000 }, qr/^at must not be .* 7 days ago/],
        [{ at_ms => $begin + 5 }, qr/^too late/],
        map({ [{ energy_import_wh => $_ }, qr/^energy_import_wh must be/] }
            'abc', '-1', '', '1e3', '1000000000000.5'),
        [{ energy_export_wh => '-5' }, qr/^energy_export_wh must be/],
        map({ [{ power_w => $_ }, qr/^power_w must be/] } 'lots', '2e12'),
        map({ [{ asset => $_ }, qr/^asset must be/] } '', 'a b', 'x' x 65,
            "\xff\xfe", '"'),
        [{ group => 'NOWHERE' }, qr/^group must be one/],
        [{ conn => 'nobody' }, qr/^conn must be a configured/],
        [{ energy_import_wh => '6' }, qr/says otherwise/],
        [{ power_w => "1\0002" }, qr/NUL/],
        [{ asset => 'z' x 5000 }, qr/^asset must be/],
    );
    my $was = pending();
    $direct->samples($good, map({ my %s = (%$good, %{$_->[0]});
        delete $s{at_ms} if defined $s{at}; \%s } @wrong), $good,
        sample('DEPOT02', 'CH9', at => $now, import => 5001));
    ok(wait_for(sub { pending() == $was + 2 }, 10), 'the good ones are held');
    ok(wait_for(sub { $direct->events('sample_refused') >= @wrong }, 10),
        'the wrong ones are not');
    # Who names somebody unknown is judged after the others.
    my @refused = sort { entry_n($a) <=> entry_n($b) }
        $direct->events('sample_refused');
    is(scalar @refused, scalar @wrong, 'each wrong one has its event');
    for my $i (0 .. $#wrong) {
        my ($changed, $why) = @{$wrong[$i]};
        my $data = $refused[$i]{data};
        like($data->{why}, $why, "$i: $data->{why}");
        my ($field) = grep { $_ ne 'at_ms' } keys %$changed;
        is($data->{sample}{$field} // '', substr($changed->{$field}, 0, 128)
            =~ s/\0.*//sr, "$i: quoted")
            if $field && $changed->{$field} !~ /[^\0-\x7e]/;
        is($data->{sample}{energy_import_wh} // '',
            $changed->{energy_import_wh} // '5.000', "$i: with all the rest");
    }
    is($redis->command('XLEN', $direct->key('meter')), pending(),
        'what is refused is settled, a repeat silently');
};

# Applies a changed configuration.
sub configure {
    my ($change) = @_;

    $change->();
    return ok($direct->wait_applied($direct->publish(%connections)), 'applied');
}

sub skipped {
    my ($group) = @_;

    return map { "$_->{data}{windows} $_->{data}{why}" }
        grep { $_->{group} eq $group } $direct->events('window_skipped');
}

# The windows of a group by the audit, as [FROM, UNTIL, EVENT] in ms.
sub spans {
    my ($group) = @_;

    return sort { $a->[0] <=> $b->[0] }
        map { [map({ time_ms($_) } @{$_->{data}}{qw(from until)}), $_] }
        windows($group);
}

subtest 'hours without samples are one event' => sub {
    my $meter = OSCP::Meter->new(length => QUARTER);
    my @sent;
    configure(sub { $connections{vector}{groups}{DEPOT05} = {} });
    $connection_of{DEPOT05} = 'vector';
    for my $window (0 .. 3, 90 .. 93) {
        for my $minute (1, 6, 11) {
            my %s = (at => $begin + $window * QUARTER + $minute * 60_000,
                import => 1000 * ($window * 15 + $minute));
            $meter->add('CH1', %s);
            push @sent, sample('DEPOT05', 'CH1', %s);
        }
    }
    $direct->worker->stop;
    $direct->samples(@sent);
    $direct->worker->restart;
    ok(wait_for(sub { metered('DEPOT05') >= $begin + 95 * QUARTER }, 10),
        'all windows are done with');
    is_deeply([skipped('DEPOT05')], ['1 too little data: all assets only '
        . 'joined', ('1 too little data') x 2, '85 no samples',
        ('1 too little data') x 3], 'the gap is one event');
    is_deeply([map { $_->{data}{import_wh} * 1000 } grep {
        $_->{event} eq 'window' } windows('DEPOT05')],
        [map { $meter->window($begin + $_ * QUARTER)->{import} } 1, 2, 91, 92],
        'the rest is told');
};

subtest 'a window that Redis has forgotten' => sub {
    configure(sub { $connections{vector}{groups}{DEPOT08} = {} });
    $connection_of{DEPOT08} = 'vector';
    my @sent = map { sample('DEPOT08', 'CH1', at => $begin + $_ * 300_000,
        import => 1000 * $_) } 0 .. 7;
    my $told = sub { map { $_->{data}{messages}{update_asset_measurements} }
        grep { $_->{event} eq 'window' } windows('DEPOT08') };
    $direct->samples(@sent);
    ok(wait_for(sub { $told->() >= 2 }, 10), 'two windows are told');
    $direct->worker->kill;
    $redis->command('HDEL', $direct->key('group:vector:DEPOT08'),
        qw(metered_until metered_entry));
    $direct->samples(@sent[0 .. 5]);
    $direct->worker->restart;
    ok(wait_for(sub { $told->() >= 4 }, 10), 'and told again');
    my @ids = $told->();
    is_deeply([@ids[2, 3]], [@ids[0, 1]], 'under the ids that they had');
    isnt($ids[0], $ids[1], 'each has its own');
    like($ids[0], qr/^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/, 'a UUID');
    configure(sub { delete $connections{vector}{groups}{DEPOT08} });
};

subtest 'an asset without samples for seven days is forgotten' => sub {
    my $was = pending();
    my $refused = () = $direct->events('sample_refused');
    $direct->samples(sample('DEPOT05', 'OLD', import => 77_000,
        at => int(time * 1000) - 7 * 86_400_000 + 800));
    ok(wait_for(sub { $direct->events('sample_refused') > $refused }, 10),
        'behind closed windows it is too late');
    configure(sub { $connections{vector}{groups}{DEPOT06} = {} });
    $connection_of{DEPOT06} = 'vector';
    $direct->samples(sample('DEPOT06', 'OLD', import => 77_000,
        at => int(time * 1000) - 7 * 86_400_000 + 4000 + 1000 * slow()));
    ok(wait_for(sub { $direct->events('asset_gone') }, 10), 'told');
    my ($gone) = $direct->events('asset_gone');
    is($gone->{data}{asset}, 'OLD', 'which');
    is($gone->{data}{energy_import_wh}, 77, 'and its last register');
    ok(wait_for(sub { pending() == $was }, 15), 'its sample is settled');
};

# A window that was told ends at a register between two samples: none that would
# move it counts any more, whoever is asked.
subtest 'what was told of an end stands' => sub {
    my $hour = 3_600_000;
    my $into = time * 1000 % $hour;
    # Not around the next end, nor before the grace of this one is over.
    sleep(($hour - $into) / 1000) if $into > $hour - 30_000;
    $into = time * 1000 % $hour;
    sleep(11 - $into / 1000) if $into < 11_000;

    my $told = int(time * 1000 / $hour) * $hour;
    $connection_of{DEPOT08} = 'hourly';
    configure(sub { $connections{hourly} = { groups => { DEPOT08 => {} },
        measurement_window_ms => $hour } });
    my $send = sub {
        $direct->samples(map { sample('DEPOT08', 'CH1',
            at => $told + $_->[0] * 1000, import => $_->[1]) } @_);
    };
    $send->([-7300, 0], [-5400, 100_000], [-3000, 200_000], [-10, 300_000],
        [10, 400_000]);
    ok(wait_for(sub { metered('DEPOT08') == $told }, 10), 'a window is told');
    my ($window) = grep { time_ms($_->{data}{until}) == $told }
        windows('DEPOT08');
    my $meter = 100 + 100 * 1800 / 2400;       # at its start, in Wh
    is($window->{data}{import_wh}, 350 - $meter, 'up to between two samples');
    my $was = () = $direct->events('sample_refused');
    for my $who ('the worker that told', 'another one') {
        $send->([5, 310_000], [0, 300_001]);
        $was += 2;
        ok(wait_for(sub { $direct->events('sample_refused') == $was }, 15),
            "between them: too late, says $who");
        $direct->worker->kill;
        $direct->worker->restart;
    }
    my $held = pending();
    $send->([10.5, 410_000]);
    ok(wait_for(sub { pending() == $held + 1 }, 15), 'behind them it counts');
    is(scalar $direct->events('sample_refused'), $was, 'of course');
    configure(sub { delete $connections{hourly} });
};

sub operate {
    my ($op, $conn) = @_;
    my $id = $redis->command('XADD', $direct->key('cmd'), '*', op => $op,
        conn => $conn, by => 'ann');

    return wait_for(sub { grep { ($_->{cmd} // '') eq $id }
        $direct->events('command') }, 15);
}

# From here on in real time, with windows of a second.
my $quick = OSCP::Meter->new(length => 1000);
my %register;

# Sends samples for so many seconds.
sub play {
    my ($seconds, @assets) = @_;
    my $until = time + $seconds;

    while (time < $until) {
        for my $asset (@assets) {
            my %s = (at => int(time * 1000), power => 1000,
                import => $register{$asset} += 1 + int rand 100_000);
            $direct->samples(sample('DEPOT07', $asset, %s));
            $quick->add($asset, %s);
        }
        sleep 0.2;
    }
    return;
}

subtest 'windows as they end' => sub {
    $connection_of{DEPOT07} = 'quick';
    configure(sub { $connections{quick} = { groups => { DEPOT07 => {} },
        measurement_window_ms => 1000, measurement_grace_ms => 3000 } });
    play(1.5, 'CH1', 'CH2');
    my $late = { %{sample('DEPOT07', 'CH1', at => int(time * 1000) - 1200,
        import => 1)}, energy_import_wh => '0.5' };
    ok(wait_for(sub { play(0.2, 'CH1', 'CH2'); metered('DEPOT07')
        > time_ms(OSCP::Direct::at($late->{at_ms} / 1000)) }, 15),
        'a window is closed');
    my $refused = () = $direct->events('sample_refused');
    $direct->samples($late);
    ok(wait_for(sub { $direct->events('sample_refused') == $refused + 1 }, 15),
        'what comes for it now is too late');
    play(0.4, 'CH1', 'CH2');
    $direct->worker->kill;
    play(1.2, 'CH1', 'CH2');
    $direct->worker->restart;
    # CH2 goes: its last window cannot be told; then CH1 alone is the group.
    my $went = int time * 1000;
    ok(wait_for(sub { play(0.2, 'CH1'); metered('DEPOT07') >= $went + 2000 },
        10), 'and it goes on');
    my @spans = spans('DEPOT07');
    my $told = () = grep { $_->[2]{event} eq 'window' } @spans;
    cmp_ok($told, '>=', 3, "$told windows");
    is_deeply([map { $spans[$_][0] == $spans[$_ - 1][1] ? () : $_ }
        1 .. $#spans], [], 'one behind the other');
    my @bad = grep { my ($from, $until, $event) = @$_;
        my $want = $quick->window($from, $until);
        ($event->{event} eq 'window') != ($want->{state} eq 'complete')
        || $event->{event} eq 'window' && sprintf('%.0f',
            1000 * $event->{data}{import_wh}) != $want->{import} } @spans;
    is_deeply(\@bad, [], 'each exactly') or diag(explain($quick));
    my ($gone) = grep { $_->{group} eq 'DEPOT07'
        && ($_->{data}{asset} // '') eq 'CH2' }
        $direct->events('window_skipped');
    ok($gone, 'a window is skipped when an asset goes, which is named');
    my $group = $direct->hash('group:quick:DEPOT07');
    is($group->{metered_until}, OSCP::Direct::at($spans[-1][1] / 1000),
        'the group says how far it is metered')
        if $spans[-1][1] == metered('DEPOT07');
    like($group->{window_import_wh} // '', qr/^[\d.]+$/, 'and the last window');
    my (undef, $shown) = OSCP::Ctl->of($direct)->run('show', 'DEPOT07');
    like($shown, qr/^\s+$_\s+2\d{3}-/m, "oscpctl shows $_")
        for qw(metered_until window_from window_until);
    like($shown, qr/^\s+window_import_wh\s+[\d.]+$/m, 'and its energy');
};

subtest 'another window, out of service, gone' => sub {
    my $n = () = spans('DEPOT07');
    configure(sub { $connections{quick}{measurement_window_ms} = 1500 });
    $quick->{length} = 1500;
    my $last = metered('DEPOT07');
    ok(wait_for(sub { play(0.2, 'CH1'); metered('DEPOT07') >= $last + 1500 },
        15), 'it goes on');
    my @spans = grep { $_->[0] >= $last } spans('DEPOT07');
    is($spans[0][0], $last, 'where it was');
    is_deeply([grep { $_->[1] % 1500 } @spans], [], 'on the new grid');

    ok(operate('disable', 'quick'), 'disabled');
    my $out = () = $direct->outbox('DEPOT07');
    ok(wait_for(sub { play(0.3, 'CH1'); grep { /connection is disabled/ }
        skipped('DEPOT07') }, 10), 'its windows are skipped');
    is(scalar $direct->outbox('DEPOT07'), $out, 'nothing is sent');

    cmp_ok(pending(), '>', 13, 'it holds samples');
    configure(sub { delete $connections{quick} });
    ok(wait_for(sub { my ($held) = grep { $_->[0] =~ /./ } [pending()];
        $held->[0] == 12 + 2 + 1 }, 10), 'which are settled with it')
        or diag(pending());
};

subtest 'windows that end while control is taken back are owed' => sub {
    $direct->worker->stop;
    $redis->command('HSET', $direct->key('conn:registers'), handshake_at =>
        OSCP::Direct::at(time), measurement_configuration => 'INTERMITTENT');
    $direct->worker->restart;
    ok(operate('disconnect', 'registers'), 'disconnected');
    my $start = $begin + 98 * QUARTER;
    my $out = () = $direct->outbox('DEPOT04');
    $direct->samples(map { sample('DEPOT04', 'NEW', at => $start + $_ * 60_000,
        import => 1000 * $_) } 0 .. 20);
    my $window;
    ok(wait_for(sub { ($window) = grep { time_ms($_->{data}{from}) == $start }
        windows('DEPOT04') }, 10), 'the window is closed');
    is_deeply([sort keys %{$window->{data}{messages}}],
        ['update_asset_measurements', 'update_group_measurements'],
        'with its messages');
    is(scalar $direct->outbox('DEPOT04'), $out + 2, 'which wait');
    ok(operate('connect', 'registers'), 'until it is connected again');
};

subtest 'a peer that wants no measurements' => sub {
    $direct->worker->stop;
    $redis->command('HDEL', $direct->key('conn:generic'),
        'measurement_configuration');
    $redis->command('HSET', $direct->key('conn:generic'), handshake_at =>
        OSCP::Direct::at(time));
    my $start = $begin + 98 * QUARTER;
    my $out = () = $direct->outbox('DEPOT03');
    $direct->samples(map { sample('DEPOT03', 'NEW', at => $start + $_ * 60_000,
        import => 1000 * $_) } 0 .. 20);
    $direct->worker->restart;
    my $window;
    ok(wait_for(sub { ($window) = grep { time_ms($_->{data}{from}) == $start }
        windows('DEPOT03') }, 10), 'the window is closed');
    is($window->{data}{import_wh}, 15, 'with its energy');
    like($window->{data}{why}, qr/wants no measurements/, 'and the reason');
    is_deeply($window->{data}{messages}, {}, 'why nothing is sent');
    is(scalar $direct->outbox('DEPOT03'), $out, 'nor is');
};

$direct->finish;
done_testing();
