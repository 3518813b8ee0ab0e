#!/usr/bin/env perl
#
# Goal: nothing is lost or refused while everything is replaced under load:
# nginx's configuration by reloads, nginx's binary (USR2, WINCH, QUIT) and back
# again, the worker by another one.  Every message is answered 204 and takes
# effect once, no heartbeat of ours is missed, and of two nginx masters the
# configuration of the newer one holds, whoever of them connects to Redis last.

use strict;
use warnings;

use FindBin qw($Bin);
use HTTP::Tiny;
use JSON::PP qw(decode_json);
use Test::More;
use Time::HiRes qw(sleep time);

use lib "$Bin/lib", "$Bin/cp/lib";
use CP::Clock qw(time_ms);
use OSCP::Process qw(slow wait_for);
use OSCP::Stack;

use constant {
    BEAT_S   => 3,               # what the peer requires of us
    MESSAGES => 300,             # the least that a load consists of
};

# A new binary gets only the variables of the environment that are named.
my $stack = OSCP::Stack->start(heartbeat => '30s', nginx_workers => 2,
    top => join ' ', map { "env $_;" } qw(LD_PRELOAD ASAN_OPTIONS
        UBSAN_OPTIONS));
my ($cp, $redis, $nginx) = ($stack->cp, $stack->redis, $stack->nginx);
my $dir = $stack->dir;
my $pid_file = "$dir/nginx.pid";

sub slurp {
    open my $fh, '<', $_[0] or return '';
    local $/;
    return scalar(<$fh>) // '';
}

sub master { return slurp($pid_file) =~ /^(\d+)$/ ? $1 : 0 }

# The worker processes of a master, and the one that it has started anew.
sub children {
    return split ' ', slurp("/proc/$_[0]/task/$_[0]/children");
}

sub gone {
    my ($pid) = @_;

    return slurp("/proc/$pid/stat") =~ /^\d+ \(.*\) [^Z]/ ? 0 : 1;
}

sub interval {
    return decode_json($redis->command('HGET', 'oscp:config', 'vector')
        // '{}')->{heartbeat_interval_ms} // 0;
}

# HUP; returns when no worker of before is left.
sub reload {
    my @old = children(master());

    kill 'HUP', master();
    return wait_for(sub { !grep { !gone($_) } @old }, 20);
}

# Writes another heartbeat_interval, which tells configurations apart.
sub configure {
    my ($seconds) = @_;

    $stack->{heartbeat} = "${seconds}s";
    $nginx->configure(http => $stack->http);
    return;
}

# Forecasts without a pause, each on a connection of its own, until it is told
# to end; "ID STATUS" a line.
sub start_load {
    my ($name) = @_;
    my $file = "$dir/$name.load";
    my $pid = fork() // die "fork: $!";

    return { pid => $pid, file => $file } if $pid;
    my $on = 1;
    local $SIG{TERM} = sub { $on = 0 };
    open my $out, '>', $file or POSIX::_exit(1);
    $out->autoflush(1);
    my $http = HTTP::Tiny->new(keep_alive => 0, timeout => 20,
        default_headers => { 'fp-id' => 'BF01', 'Content-Type' =>
            'application/json', Authorization => 'Token '
            . OSCP::Stack::TOKEN_IN });
    for (my $n = 1; $on; $n++) {
        my $body = '{"group_id":"DEPOT01","type":"CONSUMPTION",'
            . '"forecasted_blocks":[{"capacity":100,"phase":"ALL","unit":"KW",'
            . '"start_time":"2026-01-01T00:00:00Z",'
            . '"end_time":"2099-01-01T00:00:00Z"}]}';
        my $response = $http->post($nginx->url('/oscp/fp/2.0/'
            . 'update_group_capacity_forecast'), { content => $body,
            headers => { 'X-Request-ID' => "$name-$n" } });
        print {$out} "$name-$n $response->{status}\n";
    }
    POSIX::_exit(0);
}

my %sent;

sub end_load {
    my ($load) = @_;

    ok(wait_for(sub { MESSAGES <= (() = slurp($load->{file}) =~ /\n/g) }, 30),
        'enough was sent');
    kill 'TERM', $load->{pid};
    waitpid $load->{pid}, 0;
    my %all = map { split } split /\n/, slurp($load->{file});
    my @other = grep { $all{$_} != 204 } sort keys %all;
    is(scalar @other, 0, keys(%all) . ' messages, each answered 204')
        or diag(map { "$_ $all{$_}\n" } @other);
    @sent{keys %all} = ();
    return;
}

# A master whose parent is still there ignores USR2: it must be a daemon.
is($nginx->stop, 0, 'nginx is started anew');
$nginx->{daemon} = 'on';
$nginx->configure;
$nginx->_spawn;
ok(wait_for(sub { !$nginx->process->alive && children(master()) == 2 }, 20),
    'as a daemon');

$cp->command('heartbeats on ahead=1h');
ok($stack->go_online(BEAT_S), 'online');

subtest 'reloads' => sub {
    my $load = start_load('reload');
    for my $seconds (31, 32) {
        configure($seconds);
        ok(reload(), 'reloaded');
        ok(wait_for(sub { interval() == $seconds * 1000 }),
            'the new configuration is published');
    }
    end_load($load);
};

subtest 'a worker is replaced by another' => sub {
    my $load = start_load('worker');
    my $old = $stack->worker;
    my $new = OSCP::Worker->new(%$old, name => 'worker-new');
    delete $new->{process};
    $new->start;
    ok(wait_for(sub { $new->log_text =~ /standing by/ }), 'the new stands by');
    is($old->stop, 0, 'the old one ends');
    ok(wait_for(sub { $new->log_text =~ /running/ }), 'the new one works');
    $stack->{list} = [$new];
    end_load($load);
};

# USR2; returns the pids of the old master and the new one.
sub upgrade {
    my $old = master();

    kill 'USR2', $old;
    my $new = wait_for(sub { my $now = master();
        $now && $now != $old && children($now) >= 2 ? $now : 0 }, 20);
    ok($new, 'a second master with its workers')
        or die 'the binary was not upgraded';
    return ($old, $new);
}

# How many nginx workers are connected to Redis, and through with its set-up.
sub connected {
    return scalar grep { /user=oscp-nginx/ && !/cmd=(?:auth|NULL)/ }
        split /\n/, $redis->command('CLIENT', 'LIST');
}

subtest 'the binary is upgraded' => sub {
    my $load = start_load('upgrade');
    configure(40);
    my ($old, $new) = upgrade();
    ok(wait_for(sub { interval() == 40_000 }), 'its configuration holds');
    end_load($load);

    # Every process comes back to Redis; the old ones must not publish.
    $redis->command('CLIENT', 'KILL', 'TYPE', 'normal');
    ok(wait_for(sub { connected() == 4 }), 'all workers of both come back');
    is(interval(), 40_000, 'the configuration of the new master holds');

    $load = start_load('winch');
    kill 'WINCH', $old;
    ok(wait_for(sub { my %is = map { $_ => 1 } children($old);
        !grep { $_ != $new } keys %is }, 20), 'the old workers end');
    kill 'QUIT', $old;
    ok(wait_for(sub { gone($old) }, 20), 'and their master');
    is(master(), $new, 'the new master is alone');
    end_load($load);
    is(interval(), 40_000, 'its configuration stands');
};

subtest 'an upgrade is taken back' => sub {
    my $load = start_load('back');
    configure(50);
    my ($old, $new) = upgrade();
    ok(wait_for(sub { interval() == 50_000 }), 'its configuration holds');
    kill 'WINCH', $old;
    ok(wait_for(sub { !grep { $_ != $new } children($old) }, 20),
        'the old workers end');
    kill 'HUP', $old;
    ok(wait_for(sub { 3 == (() = children($old)) && connected() == 4 }, 20),
        'and come back');
    is(interval(), 50_000, 'which changes nothing yet');
    kill 'QUIT', $new;
    ok(wait_for(sub { !grep { $_ == $new } children($old) }, 20),
        'the new master ends');
    is(master(), $old, 'the old one is the master again');
    ok(wait_for(sub { interval() == 40_000 }),
        'and its configuration is published again');
    end_load($load);
};

subtest 'a binary that cannot start' => sub {
    my $load = start_load('broken');
    my $old = master();
    my $conf = slurp("$dir/nginx.conf");
    $stack->file('nginx.conf', "no_such_directive;\n$conf");
    kill 'USR2', $old;
    ok(wait_for(sub { slurp($nginx->error_log) =~ /no_such_directive/ }, 20),
        'the new master fails');
    ok(wait_for(sub { master() == $old }), 'the old one stays');
    is(interval(), 40_000, 'with its configuration');
    end_load($load);
};

ok(wait_for(sub { $redis->command('XLEN', $stack->key('in')) == 0 }, 20),
    'everything has taken effect');
my %applied;
$applied{$_->{data}{req}}++ for $stack->events('forecast');
is_deeply([grep { !$applied{$_} } sort keys %sent], [], 'every message');
is_deeply([grep { $applied{$_} > 1 } sort keys %applied], [], 'once');

my @beats = map { time_ms($_->{at}) }
    $cp->records(dir => 'in', message => 'heartbeat');
my ($longest) = sort { $b <=> $a } map { $beats[$_] - $beats[$_ - 1] }
    1 .. $#beats;
note("longest pause between heartbeats: $longest ms");
cmp_ok($longest, '<', 2000 * BEAT_S, 'no heartbeat was missed');
is_deeply([map { $_->{note} } $cp->records(dir => 'note')], [],
    'no promise of ours ran out');
is($stack->connection->{state}, 'online', 'online all the time');

unlike(slurp($nginx->error_log), qr/another nginx/,
    'reloads and upgrades were not taken for another nginx');

my $last = master();
kill 'QUIT', $last;
ok(wait_for(sub { gone($last) }, 20), 'the last master ends');
$stack->finish(allow => qr/unknown directive "no_such_directive"/);
done_testing();

# However this ends: a master that is nobody's child stays.
END {
    my $left = $stack && -e $pid_file && master();
    kill 'TERM', $left if $left && !gone($left);
}
