#!/usr/bin/env perl
#
# Goal: what README promises of a 204 under each setting of appendfsync.  Redis
# is killed while messages come, through nginx to the worker: each message that
# was answered 204 takes effect exactly once, with `everysec` but for the last
# two seconds; when the end of the AOF is missing, as after a power failure, what
# is left is an earlier moment, and what the peer repeats takes effect once;
# without an AOF all begins anew by itself.

use strict;
use warnings;

use FindBin qw($Bin);
use JSON::PP qw(decode_json);
use POSIX qw(strftime);
use Test::More;

use lib "$Bin/lib";
use OSCP::Door;
use OSCP::Process qw(wait_for);
use OSCP::Worker;

use constant {
    MESSAGES => 150,
    HELD     => 3,      # seconds
};

my ($door, $redis, $worker);

sub begin {
    my ($appendfsync) = @_;

    $door = OSCP::Door->start(main => 'oscp_redis_timeout 10s;',
        store => sub { OSCP::Redis->new(dir => $_[0],
            appendfsync => $appendfsync)->start });
    $redis = $door->redis;
    $worker = OSCP::Worker->new(dir => $door->dir, build => $door->{build},
        redis => $redis->address)->start;
    wait_for(sub { $worker->log_text =~ /running shard=0/ })
        or die 'the worker does not run';
    return;
}

sub end {
    is($worker->stop, 0, 'the worker ends clean');
    unlike($worker->log_text, qr/Sanitizer|runtime error:| error: /,
        'without an error');
    $door->finish;
    $redis->stop;
    return;
}

# Sends the message `id`; whether it was answered 204.
sub sent {
    my ($id) = @_;
    my $body = sprintf '{"group_id":"DEPOT01","type":"CONSUMPTION",'
        . '"forecasted_blocks":[{"capacity":%d,"phase":"ALL","unit":"KW",'
        . '"start_time":"%s","end_time":"%s"}]}', $id =~ /(\d+)/,
        map { strftime('%Y-%m-%dT%H:%M:%SZ', gmtime time + $_) } -60, 3600;

    return $door->post('update_group_capacity_forecast', $body,
        "X-Request-ID: $id")->{status} == 204;
}

# Sends messages until Redis, killed in the middle, is missed; those answered.
# After `early` of them there is a pause, longer than Redis keeps anything back.
sub load {
    my ($early) = @_;
    my @answered;

    for my $n (1 .. 10 * MESSAGES) {
        sleep HELD if $n == $early;
        $redis->process->signal('KILL') if $n == MESSAGES;
        last if !sent("m-$n");
        push @answered, "m-$n";
    }
    $redis->stop;
    return @answered;
}

# What took effect, in its order, once nothing waits any more.
sub effective {
    wait_for(sub { (eval { $redis->command('XLEN', 'oscp:{0}:in') } // 1) == 0
        && $worker->log_text =~ /running shard=0.*running shard=0/s }, 15)
        or return 'not settled';
    return map { decode_json($_->{data})->{req} }
        grep { $_->{event} eq 'forecast' }
        $redis->stream('oscp:{0}:events');
}

# At most one more than were answered: one whose answer was not heard.
sub all_there {
    my (@answered) = @_;
    my @found = effective();

    pop @found if @found == @answered + 1;
    cmp_ok(scalar @answered, '>=', MESSAGES - 1, 'messages');
    return is_deeply(\@found, \@answered, 'each took effect once');
}

# As many as there are, from the first on.
sub beginning_there {
    my ($least, @answered) = @_;
    my @found = effective();

    cmp_ok(scalar @found, '>=', $least, @found . ' are there');
    pop @found if @found == @answered + 1;
    is_deeply(\@found, [@answered[0 .. $#found]],
        'none that came before one that is there is missing, none is twice');
    return scalar @found;
}

for my $appendfsync (qw(always no)) {
    subtest "appendfsync $appendfsync, Redis is killed" => sub {
        begin($appendfsync);
        my @answered = load(0);
        $redis->start;
        all_there(@answered);
        ok(wait_for(sub { sent('m-2000') }), 'and it goes on');
        end();
    };
}

# While it brings the file to the disk Redis answers what it has not written.
subtest 'appendfsync everysec, Redis is killed' => sub {
    begin('everysec');
    my @answered = load(20);
    $redis->start;
    beginning_there(19, @answered);
    ok(wait_for(sub { sent('m-2000') }), 'and it goes on');
    end();
};

subtest 'the end of the AOF is missing' => sub {
    begin('everysec');
    my @answered = load(0);
    my ($file) = glob $door->dir . '/redis/appendonlydir/*.incr.aof';
    truncate $file, 0.7 * -s $file or die "$file: $!";
    $redis->start;
    my $found = beginning_there(1, @answered);
    cmp_ok($found, '<', scalar @answered, 'some are lost');

    # The peer had its 204 and will not repeat these, but nothing is in its way.
    my @again = @answered[$found .. $#answered];
    ok(wait_for(sub { sent($again[0]) }), 'one is repeated');
    sent($_) for @again[1 .. $#again];
    is_deeply([effective()], \@answered, 'and in the end each took effect once');
    end();
};

subtest 'without an AOF' => sub {
    begin(undef);
    load(0);
    $redis->start;
    ok(wait_for(sub { $door->version }, 15), 'nginx publishes again');
    ok(wait_for(sub { sent('m-3000') }), 'takes messages');
    is_deeply([effective()], ['m-3000'], 'the past is lost, the worker goes on');
    end();
};

done_testing();
