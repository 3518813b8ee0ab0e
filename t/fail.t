#!/usr/bin/env perl
#
# Goal: one allocation fails, whichever it is, and nothing crashes, nothing is
# half done and nothing is lost: in the worker's start, while it applies a
# message, while it delivers one, and in nginx while it takes one.  Here some
# of the allocations, spread evenly; `./build.sh fail` lets each of them fail.
#
# OSCP_FAIL: `all`, or a part's name and a first and last allocation
# ("start:100-120").

use strict;
use warnings;

use FindBin qw($Bin);
use Test::More;
use Time::HiRes qw(sleep time);

use lib "$Bin/lib";
use OSCP::Direct;
use OSCP::Door;
use OSCP::Fail;
use OSCP::Process qw(sanitized wait_for);
use OSCP::Stack;

use constant SAMPLES => 40;     # in one request

my $build = $ENV{OSCP_BUILD} // 'build';
my $want = $ENV{OSCP_FAIL} // 'some';

plan skip_all => 'a sanitizer has an allocator of its own'
    if sanitized("$build/oscp-worker");

# What has been freed shows: glibc fills it.
$ENV{MALLOC_PERTURB_} = 165;

# Whether there is what is wanted: nothing at all would fail of a mistyped part.
my $known = $want =~ /^(?:all|some)$/;

# Which allocations of `n` shall fail, about `some` of them if not all.
sub chosen {
    my ($part, $n, $some) = @_;

    $known ||= $want =~ /^\Q$part\E(?::\d+-\d+)?$/;
    return 1 .. $n if $want eq 'all' || $want eq $part;
    return $1 .. $2 if $want =~ /^\Q$part\E:(\d+)-(\d+)$/;
    return () if $want ne 'some';
    my $step = $n > $some ? int $n / $some : 1;
    return map { 1 + $step * $_ } 0 .. int(($n - 1) / $step);
}

# hiredis before 1.0 does not survive some allocations of its own: that is no
# fault of this program, which is started again and goes on where it was.
my ($hiredis) = slurp('/usr/include/hiredis/hiredis.h')
    =~ /HIREDIS_MAJOR\s+(\d+)/;

sub slurp {
    open my $fh, '<', $_[0] or return '';
    local $/;
    return scalar(<$fh>) // '';
}

# What is wrong with the crash that has just been: its backtrace; undef where it
# is hiredis's.
sub crash {
    my ($fail) = @_;
    my $trace = $fail->crash;
    my ($first) = grep { !m{/(?:failing_malloc|libc)\.so} } split /\n/, $trace;

    return undef if ($hiredis // 0) < 1 && ($first // '') =~ m{/libhiredis\.so};
    return "crashed:\n$trace";
}

# Runs SUB for each; SUB returns what is wrong, or nothing.
sub each_fails {
    my ($part, $n, $some, $check) = @_;
    my @wrong;
    my @list = chosen($part, $n, $some);

    cmp_ok($n, '>', 10, "$part: $n allocations");
    for my $i (@list) {
        my $what = $check->($i);
        push @wrong, "allocation $i: $what" if $what;
        last if @wrong >= 5;
    }
    ok(!@wrong, scalar(@list) . ' of them have failed')
        or diag(join "\n", @wrong);
    return;
}

subtest 'the worker starts' => sub {
    my $direct = OSCP::Direct->start(workers => 0,
        connections => { vector => {} });
    my $redis = $direct->redis;
    my $fail = OSCP::Fail->new(dir => $direct->dir);
    my ($worker, $n);
    my $watts = 1000;
    my %crashes;

    my $start = sub {
        local %ENV = (%ENV, $fail->env);
        $worker = OSCP::Worker->new(dir => $direct->dir,
            build => $direct->{build}, name => 'worker', redis => 'unix:'
            . $redis->socket)->start;
    };
    # It finds a connection that is online, and a message that waits.
    my $begin = sub {
        my ($fail_at) = @_;
        $redis->command('HSET', $direct->key('conn:vector'), state => 'online',
            heartbeat_interval_expected => 2, handshake_by => 'peer',
            since => OSCP::Direct::at(time), handshake_at =>
            OSCP::Direct::at(time), offline_mode_at =>
            OSCP::Direct::at(time + 3600));
        $direct->forecast('vector', 'DEPOT01', req => 's-' . ++$watts,
            blocks => [[-60, 3600, $watts]]);
        $fail->arm($fail_at);
        $start->();
    };
    my $works = sub {
        return ($direct->hash('circuit:incomer-1')->{available_capacity_w}
            // 0) == $watts;
    };

    $start->();
    ok($direct->wait_hash('circuit:incomer-1', { control => 'local' }),
        'the connection is known');
    is($worker->stop, 0, 'and its worker ended');
    $begin->(0);
    ok(wait_for($works), 'it works');
    $n = $fail->read->{calls};
    is($worker->stop, 0, 'it ends');
    each_fails('start', $n, 40, sub {
        my $file = "$direct->{dir}/worker.log";
        my $offset = -s $file;
        my $ended;
        $begin->(@_);
        wait_for(sub { $works->() || ($ended = !$worker->process->alive) });
        $fail->disarm;
        if (!$ended) {
            return 'does not work: ' . substr slurp($file), $offset
                unless $works->();
            return $worker->stop == 0 ? undef : 'does not end well';
        }
        return crash($fail) if $worker->process->{status} & 127;
        return 'ended well, and did nothing' if $worker->process->{status} == 0;
        return -s $file > $offset ? undef : 'ended without a word';
    });
    $begin->(0);
    ok(wait_for($works), 'the last start applies what is left');
    is($worker->stop, 0, 'and ends');
    my %times;
    $times{$_->{data}{req}}++ for $direct->events('forecast');
    is_deeply(\%times, { map { ("s-$_" => 1) } 1001 .. $watts },
        'every message took effect once');
    $direct->finish(allow => qr/memory|ends|cannot/);
};

# A worker that runs while its allocations fail; and SUB that looks whether it
# has crashed, starts it again, and returns what is wrong with that.
sub running {
    my (%o) = @_;
    my $stack = OSCP::Stack->start(workers => 0, %o);
    my $fail = OSCP::Fail->new(dir => $stack->dir);
    my $start = sub {
        local %ENV = (%ENV, $fail->env);
        $stack->worker->start;
    };
    my $look = sub {
        return undef if $stack->worker->process->alive;
        my $why = crash($fail);
        $start->();
        return $why;
    };

    $fail->arm(0);
    $start->();
    $stack->cp->command('heartbeats on ahead=1h');
    return ($stack, $fail, $look);
}

subtest 'a message takes effect' => sub {
    my ($stack, $fail, $look) = running(heartbeat => '1h');
    my $watts = 1000;
    my $send = sub {
        my ($n, %o) = @_;
        $fail->arm($n, pid => $stack->worker->pid, %o);
        $watts++;
        $stack->cp->command("forecast group=DEPOT01 block=-1m/+1h/"
            . ($watts / 1000) . "/KW/ALL id=m-$watts expect=204");
        if ($o{lasting}) {
            sleep 0.05;
            $fail->disarm;
        }
        my $crash;
        my $done = wait_for(sub { $crash //= $look->();
            ($stack->circuit->{available_capacity_w} // 0) == $watts
            && $stack->redis->command('XLEN', $stack->key('in')) == 0 });
        $fail->disarm;
        return $crash // ($done ? undef : "$watts W do not hold");
    };

    ok($stack->go_online(3600), 'online');
    $send->(0) for 1 .. 5;
    each_fails('message', int($fail->read->{calls} * 1.2), 16, $send);
    each_fails('exhausted', 30, 3, sub { $send->(@_, lasting => 1) });
    my %times;
    $times{$_->{data}{req}}++ for $stack->events('forecast');
    is_deeply(\%times, { map { ("m-$_" => 1) } 1001 .. $watts },
        'every message took effect once');
    $stack->finish;
};

subtest 'a message is delivered' => sub {
    # One that left, and was not answered, is waited for as long as that.
    my ($stack, $fail, $look) = running(heartbeat => '1h',
        settings => 'handshake_timeout 5s;');
    my $cp = $stack->cp;
    my $connect = sub {
        my ($n) = @_;
        $stack->operate('disconnect');
        $cp->command('mark');
        $fail->arm($n, pid => $stack->worker->pid);
        $stack->send_command('connect');
        # A handshake that could not be sent is tried again much later; one
        # that a worker was begun anew for, after 10 s.
        my $crash;
        my $done = wait_for(sub { my $c = $stack->connection;
            $crash //= $look->();
            ($c->{state} // '') eq 'online' || ($c->{state} // '') eq 'offline'
            && ($c->{last_error} // '') ne '' }, 25);
        $fail->disarm;
        return $crash // ($done ? undef : 'neither online nor an error: '
            . join ' ', %{$stack->connection});
    };

    ok($stack->go_online(3600), 'online');
    $connect->(0) for 1 .. 3;
    each_fails('delivery', int($fail->read->{calls} * 1.2), 12, $connect);
    ok(!$connect->(0) && $stack->wait_state('online'), 'online at last');
    $stack->finish;
};

subtest 'nginx takes a message' => sub {
    my $door = OSCP::Door->new(settings => 'heartbeat_interval 1h;',
        server => 'location = /meter { oscp_measurements vector; }'
        . ' location /oscp/fp/2.0/ { oscp_endpoint vector; }');
    my $fail = OSCP::Fail->new(dir => $door->dir);
    my ($worker, $crashed, %statuses, %sent);

    # The sandbox of Door runs nginx as it is; only its worker shall fail.
    $fail->arm(0, pid => -1);
    {
        local %ENV = (%ENV, $fail->env);
        $door->nginx->start;
    }
    ok(wait_for(sub { $door->version }), 'it works');
    ($worker) = $door->nginx->children;

    my $id = 0;
    my $blocks = '{"group_id":"DEPOT01","type":"CONSUMPTION",'
        . '"forecasted_blocks":[' . join(',', ('{"capacity":1,"phase":"ALL",'
        . '"unit":"KW","start_time":"2026-11-23T00:00:00Z",'
        . '"end_time":"2026-11-23T01:00:00Z"}') x 200) . ']}';
    my $samples = '[' . join(',', map { qq({"group":"DEPOT01","asset":"CH$_",)
        . '"at":"2026-11-23T05:00:00Z","energy_import_wh":"12.5","power_w":7}'
        } 1 .. SAMPLES) . ']';

    my $post = sub {
        my ($n, $path, $text) = @_;
        my $name = substr($path, 0, 1) . '-' . ++$id;
        $fail->arm($n, pid => $worker);
        my $status = $door->post($path, $text, "X-Request-ID: $name")
            ->{status};
        $sent{$path}{$name} = 1;
        $fail->disarm;
        $statuses{$status}++;
        return "answered $status" if $status !~ /^(?:204|500|503|0)$/;
        my ($now) = $door->nginx->children;
        if (($now // 0) != $worker) {
            my $why = crash($fail);
            wait_for(sub { ($now) = $door->nginx->children });
            $worker = $now;
            $crashed = 1;
            return $why if $why;
        }
        # A retry, as every client makes it.
        if ($status != 204) {
            my $again;
            wait_for(sub { ($again = $door->post($path, $text,
                "X-Request-ID: $name")->{status}) == 204 }, 15)
                or return "and again: $again";
        }
        return;
    };
    my $forecast = sub { $post->($_[0], 'update_group_capacity_forecast',
        $blocks) };
    my $measure = sub { $post->($_[0], '/meter', $samples) };

    is($forecast->(0), undef, 'a first message') for 1 .. 5;
    each_fails('nginx', $fail->read->{calls} + 10, 1000, $forecast);
    note(join ', ', map { "$_: $statuses{$_}" } sort keys %statuses);
    if (@{[chosen('nginx', 99, 99)]} == 99) {
        cmp_ok($statuses{500} // 0, '>', 0, 'some were answered 500');
        cmp_ok($statuses{503} // 0, '>', 0, 'some 503');
    }

    is($measure->(0), undef, 'samples') for 1 .. 3;
    each_fails('samples', $fail->read->{calls}, 40, $measure);

    $crashed = 0;
    # What is held at rest, before and after those that end in one process.
    my $rest = sub {
        $forecast->(0) for 1 .. 3;
        sleep 0.05;
        return $fail->read->{live};
    };
    # OpenSSL keeps the last 16 errors.
    my @grown = 1;
    while ($grown[-1] && @grown < 8) {
        my $before = $rest->();
        $forecast->($_) for 1 .. 12;
        push @grown, $rest->() - $before;
    }
    ok($crashed || $grown[-1] == 0, 'failures leave nothing behind')
        or diag("pieces of memory: @grown");
    my %stored;
    $stored{$_->{req}}++ for $door->redis->stream('oscp:{0}:in');
    is_deeply(\%stored, $sent{update_group_capacity_forecast},
        'every message is stored once');
    is($door->redis->command('XLEN', 'oscp:{0}:meter'),
        SAMPLES * keys %{$sent{'/meter'}}, 'and every sample');
    $door->finish(qr/(?:malloc|memalign|calloc)\(.*failed|exited on signal/);
};

ok($known, "there is a part $want");
done_testing();
