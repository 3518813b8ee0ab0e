#!/usr/bin/env perl
#
# Goal: nothing grows.  The whole path under load, with reloads, connections to
# Redis that are cut, shards that change hands, commands, incidents, windows:
# memory and descriptors of nginx and the workers stay where they were, and
# Redis holds nothing that README's tables do not name and bound.
#
# `./build.sh soak SECONDS` (OSCP_SOAK) judges memory too; the short run of the
# suite, in which it has hardly settled, judges descriptors and keys.

use strict;
use warnings;

use FindBin qw($Bin);
use HTTP::Tiny;
use JSON::PP;
use List::Util qw(max sum);
use POSIX ();
use Test::More;
use Time::HiRes qw(sleep time);

use lib "$Bin/lib", "$Bin/cp/lib";
use CP::Clock qw(utc);
use OSCP::Process qw(wait_for);
use OSCP::Stack;

use constant {
    SHORT_S  => 9,
    GROWTH   => 0.02,            # of its size that a process may grow in
    GROWTH_K => 512,             # the time judged, and KB besides
};

my $seconds = $ENV{OSCP_SOAK} // SHORT_S;
my $judged = $seconds >= 60;
my $settings = 'measurement_window 1s; measurement_grace 200ms;';
my @groups = map { "group DEPOT0$_ scope=depot-$_ circuit=incomer-$_"
    . ' rated=400kW safe_default=60kW' } 1 .. 3;

my $stack = OSCP::Stack->start(workers => 2, nginx_workers => 2,
    heartbeat => '1s', settings => $settings, groups => \@groups,
    server => 'location = /meter { oscp_measurements vector; }');
my ($cp, $redis, $nginx) = ($stack->cp, $stack->redis, $stack->nginx);
my $began = time;

sub age { return time - $began }

# What sites and a busy grid operator send, until it is told to end.
sub start_load {
    my $pid = fork() // die "fork: $!";

    return $pid if $pid;
    my ($on, $n, %status) = (1, 0);
    local $SIG{TERM} = sub { $on = 0 };
    my $json = JSON::PP->new;
    my $post = sub {
        my ($http, $path, $body) = @_;
        my $answer = $http->post($nginx->url($path), {
            content => $json->encode($body), headers => {
            Authorization => 'Token ' . OSCP::Stack::TOKEN_IN,
            'Content-Type' => 'application/json', 'fp-id' => 'BF01',
            'X-Request-ID' => "soak-$$-$n" } });
        $status{$answer->{status}}++;
    };
    my @http = (HTTP::Tiny->new(timeout => 20),
        HTTP::Tiny->new(timeout => 20, keep_alive => 0));
    while ($on) {
        my $now = int(time * 1000);
        # The second group's forecasts leave gaps: incidents come and go.  The
        # others' begin with a minute: what is past is kept for an hour.
        my ($group, $last, $ms) = $n % 50 == 1 ? (2, 0, 300)
            : ($n % 2 ? 1 : 3, 3, 60000);
        my $start = $ms == 300 ? $now - 300 : $now - $now % 60000;
        $post->($http[$n % 2],
            '/oscp/fp/2.0/update_group_capacity_forecast',
            { group_id => "DEPOT0$group", type => 'CONSUMPTION',
            forecasted_blocks => [map { { capacity => 50 + $_ + $n % 50,
            phase => 'ALL', unit => 'KW', start_time => utc($start
            + $_ * $ms), end_time => utc($start + $_ * $ms + 2 * $ms) } }
            0 .. $last] });
        $post->($http[0], '/meter', [map { { group => "DEPOT0$_",
            asset => "CH$_", at => utc($now), power_w => 11000,
            energy_import_wh => 1000 + $n } } 1, 3]) if $n % 4 == 0;
        $n++;
    }
    my $all = join ', ', map { "$_: $status{$_}" } sort keys %status;
    open my $out, '>', $stack->dir . '/load' or POSIX::_exit(1);
    print {$out} $all;
    close $out;
    POSIX::_exit(0);
}

# The disturbances, one after the other, for as long as `until` seconds.
sub disturb {
    my ($reloads) = @_;
    our $round //= 0;

    $round++;
    if ($reloads && $round % 4 == 0) {
        ok(0, 'nginx reloads') unless $nginx->reload;
    }
    if ($round % 4 == 1) {
        $redis->command('CLIENT', 'KILL', 'USER', 'oscp-nginx');
    }
    if ($round % 4 == 2) {
        # Its owner finds the lease gone, and begins again.
        $redis->command('SET', $stack->key('lease'), 'somebody:1:0-0 9', 'PX',
            50);
    }
    if ($round % 4 == 3) {
        $redis->command('CLIENT', 'KILL', 'USER', 'oscp-worker');
    }
    $stack->send_command($round % 2 ? 'disable' : 'enable',
        group => 'DEPOT03');
    return;
}

# Both measure a process: resident memory in KB, descriptors.
sub resident {
    open my $fh, '<', "/proc/$_[0]/status" or return 0;
    my ($kb) = map { /^VmRSS:\s+(\d+)/ ? $1 : () } <$fh>;
    return $kb // 0;
}

sub descriptors {
    opendir my $dir, "/proc/$_[0]/fd" or return 0;
    return scalar grep { !/^\./ } readdir $dir;
}

# Redis' memory without its archives, which README says grow.
sub redis_rest {
    my ($used) = $redis->command('INFO', 'memory') =~ /^used_memory:(\d+)/m;
    my %archive;

    for my $key (@{$redis->command('KEYS', '*')}) {
        my $kind = $key =~ /:(events|notifications|seen|incident)\b/ ? $1
            : next;
        $archive{$kind} += $redis->command('MEMORY', 'USAGE', $key,
            $kind =~ /s$/ ? ('SAMPLES', 50) : ()) // 0;
    }
    return int(($used - sum(0, values %archive)) / 1024);
}

my (%memory, %open);

sub sample {
    my ($nginx_workers) = @_;
    my %pid = ('nginx master' => $nginx->process->pid,
        map({ ("oscp-worker $_" => $stack->worker($_)->pid) } 0, 1));
    my @children = $nginx_workers ? $nginx->children : ();

    @pid{map { "nginx worker $_" } 0 .. $#children} = @children;
    for my $name (keys %pid) {
        push @{$memory{$name}}, [age(), resident($pid{$name})];
        push @{$open{$name}}, [age(), descriptors($pid{$name})];
    }
    push @{$memory{'Redis, without archives'}}, [age(), redis_rest()];
    push @{$open{Redis}}, [age(), descriptors($redis->process->pid)];
    return;
}

# KB a second, by least squares.
sub slope {
    my @points = @_;
    my $n = @points;
    my ($x, $y) = map { my $i = $_; sum(map { $_->[$i] } @points) / $n } 0, 1;
    my $over = sum(map { ($_->[0] - $x) ** 2 } @points) or return 0;

    return sum(map { ($_->[0] - $x) * ($_->[1] - $y) } @points) / $over;
}

$cp->command('heartbeats on ahead=1h');
ok($stack->go_online(1), 'online');
my $load = start_load();

# A third to settle, a third with everything, a third without reloads, so that
# nginx's workers grow old enough to be judged.
my $pause = $judged ? 1 : 0.25;
while (age() < $seconds) {
    disturb(age() < $seconds * 2 / 3);
    sleep $pause;
    sample(age() > $seconds * 2 / 3 + 1) if age() > $seconds / 3;
}
kill 'TERM', $load;
waitpid $load, 0;
ok(wait_for(sub { $redis->command('XLEN', $stack->key('in')) == 0 }, 20),
    'all that was stored is settled');
ok(-s $stack->dir . '/load', 'the load ended well');
note(do { open my $fh, '<', $stack->dir . '/load'; <$fh> });

my @table = [qw(process samples from to KB/h fd fd-max)];
for my $name (sort keys %memory) {
    my @list = @{$memory{$name}};
    my @fds = @{$open{$name} // $open{Redis}};
    my $slope = slope(@list);
    my $half = int @fds / 2;
    my ($before, $after) = map { max(map { $_->[1] } @$_) }
        [@fds[0 .. $half - 1]], [@fds[$half .. $#fds]];
    push @table, [$name, scalar @list, $list[0][1], $list[-1][1],
        sprintf('%.0f', $slope * 3600), $before, $after];
    # A cut connection may be seen before it is closed.
    cmp_ok($after, '<=', $before + 4, "$name: descriptors");
    next if !$judged;
    my $mean = sum(map { $_->[1] } @list) / @list;
    my $grown = $slope * ($list[-1][0] - $list[0][0]);
    cmp_ok($grown, '<', GROWTH * $mean + GROWTH_K, sprintf
        '%s: %.0f KB more by its trend', $name, $grown);
}
($judged ? \&diag : \&note)->(map { sprintf "%-24s %7s %8s %8s %8s %5s %6s\n",
    @$_ } @table);

# Every key, by README's table of keys and its table of bounds.
sub tables {
    open my $fh, '<:encoding(UTF-8)', "$Bin/../README.md" or die $!;
    my (%type, %bound, $bounds);
    while (my $line = <$fh>) {
        $bounds = 1 if $line =~ /^\| keys \|/;
        $bounds = 0 if $line !~ /^\|/;
        next if $line !~ /^\| `oscp:/;
        my ($names, $second) = (split / \| /, $line)[0, 1];
        for my $name ($names =~ /`(oscp:\S+?)`/g) {
            ($bounds ? \%bound : \%type)->{$name} = $second;
        }
    }
    return (\%type, \%bound);
}

sub pattern {
    my ($name) = @_;

    return join '[^:]+', map { quotemeta } split /\b[A-Z]+\b/,
        $name =~ s/\{s\}/{0}/r, -1;
}

my ($type, $bound) = tables();
is_deeply([sort keys %$bound], [sort keys %$type],
    'every key of the first table has its bound in the second');
my (@unknown, %count);
for my $key (@{$redis->command('KEYS', '*')}) {
    my ($name) = grep { my $like = pattern($_); $key =~ /^$like$/ }
        sort { length $b <=> length $a } keys %$type;
    my $kind = $redis->command('TYPE', $key);
    $count{$name // '?'}++;
    push @unknown, "$key ($kind)"
        if !defined $name || $type->{$name} ne $kind;
    next if !defined $name || $name !~ /:seen:/;
    push @unknown, "$key does not expire" if $redis->command('TTL', $key) < 0;
}
is_deeply(\@unknown, [], 'no key that README does not name');
note(join "\n", map { sprintf '%6d %s', $count{$_}, $_ } sort keys %count);
# The last window is still to be closed.
for my $name (qw(in cmd meter out)) {
    ok(wait_for(sub { $redis->command('XLEN', $stack->key($name)) < 200 }),
        "$name is kept short");
}

# What stands in an archive, by kind of event.
my (%events, %skipped);
for my $event ($redis->stream($stack->key('events'))) {
    $skipped{$1}++ if $event->{event} eq 'window_skipped'
        && $event->{data} =~ /"why":"([^"]*)/;
    my $e = $events{$event->{event}} //= [0, 0];
    $e->[0]++;
    $e->[1] += length join '', %$event;
}
my $written = sum(map { $_->[0] } values %events);
note(sprintf "%6d events, %d bytes each in Redis\n", $written,
    $redis->command('MEMORY', 'USAGE', $stack->key('events'), 'SAMPLES', 0)
    / $written);
note(map { sprintf "%6d %s of %d bytes\n", $events{$_}[0], $_,
    $events{$_}[1] / $events{$_}[0] } sort keys %events);
note(map { "window_skipped: $_: $skipped{$_}\n" } sort keys %skipped);
ok(exists $events{$_}, "there was: $_")
    for qw(forecast envelope command window delivered state);

# One that opens between the two looks is no such one at the next.
my @forever;
wait_for(sub {
    my %open = map { $_->{id} => 1 } $stack->incidents;
    @forever = grep { my ($id) = /([^:]+)$/; !$open{$id}
        && $redis->command('TTL', $_) < 0 }
        @{$redis->command('KEYS', $stack->key('incident:*'))};
    return !@forever;
});
is_deeply(\@forever, [], 'incidents that are over expire');
cmp_ok(@{$redis->command('KEYS', $stack->key('incident:*'))}, '>', 0,
    'there were some');
for my $like (qw(incident seen)) {
    my ($key) = @{$redis->command('KEYS', $stack->key("$like:*"))};
    note("$key: ", $redis->command('MEMORY', 'USAGE', $key), ' bytes');
}

$stack->finish;
done_testing();
