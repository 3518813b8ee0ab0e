#!/usr/bin/env perl
#
# Goal: on a Redis Cluster each shard's work goes to the node that serves its
# slot, and follows it: while messages come a slot is moved to another node, key
# by key, and a node is killed and its replica promoted.  oscpctl reads, orders
# and follows events over all nodes.

use strict;
use warnings;

use FindBin qw($Bin);
use JSON::PP qw(decode_json);
use Test::More;

use lib "$Bin/lib";
use OSCP::Cluster;
use OSCP::Ctl;
use OSCP::Direct;
use OSCP::Process qw(wait_for);

use constant SHARDS => 4;

my %groups = map { ("c$_" => { groups => { "DEPOT0$_" => {} } }) } 1 .. 6;
my $direct = OSCP::Direct->start(workers => 2, arguments => ['--lease', '2s'],
    users => 1, connections => { shards => SHARDS, %groups }, store => sub {
        OSCP::Cluster->start(dir => $_[0], replicas => 1,
            appendfsync => 'everysec') });
my $redis = $direct->redis;
my $ctl = OSCP::Ctl->of($direct,
    arguments => [$direct->user('operator')]);
my ($sent, %shard, %sent) = (0);

# Which shard a connection is in shows in Redis.
for my $conn (sort keys %groups) {
    ok(wait_for(sub {
        ($shard{$conn}) = grep { %{$redis->hash($direct->key("conn:$conn",
            $_))} } 0 .. SHARDS - 1;
        defined $shard{$conn};
    }), "$conn is taken up");
}
my %conn = reverse %shard;
my @shards = sort keys %conn;
cmp_ok(scalar @shards, '>=', 3, 'connections in ' . @shards . ' shards');
is(keys %{{ map { $redis->node_of($direct->key('in', $_))->port => 1 }
    @shards }}, 3, 'on three nodes');

sub forecast {
    my ($shard) = @_;
    my $req = 'req-' . ++$sent;

    eval {
        $direct->forecast($conn{$shard}, 'DEPOT0' . $conn{$shard} =~ s/c//r,
            shard => $shard, req => $req,
            blocks => [[-60, 3600, 1000 + $sent]]);
        $sent{$shard}{$req} = 1;
    };
    return $@ ? 0 : $req;
}

# The newest message of a shard takes effect.
sub works {
    my ($shard, $what) = @_;
    my $req = wait_for(sub { forecast($shard) }, 15) // '';
    my $group = 'DEPOT0' . $conn{$shard} =~ s/c//r;

    return ok(wait_for(sub { (eval { $redis->hash($direct->key(
        "forecast:$conn{$shard}:$group:CONSUMPTION", $shard))->{req} } // '')
        eq $req }, 15), "$what: shard $shard works");
}

# Every message that was stored took effect once; settled means seldom at once.
sub once {
    my ($shard, $what) = @_;
    my %count;

    ok(wait_for(sub { (eval { $redis->command('XLEN',
        $direct->key('in', $shard)) } // 1) == 0 }, 15), "$what: all settled");
    $count{decode_json($_->{data})->{req}}++
        for grep { $_->{event} eq 'forecast' }
        $redis->stream($direct->key('events', $shard));
    my @bad = grep { ($count{$_} // 0) != 1 } sort keys %{$sent{$shard}};
    is_deeply(\@bad, [], "$what: " . keys(%{$sent{$shard}})
        . ' messages, each once') or diag(explain([map { [$_, $count{$_}] }
        @bad], [$redis->stream($direct->key('in', $shard))]));
}

sub logs {
    return join '', map { $direct->worker($_)->log_text } 0, 1;
}

works($_, 'at first') for @shards;

subtest 'a slot moves while messages come' => sub {
    my $shard = $shards[0];
    my $key = $direct->key('in', $shard);
    my $from = $redis->node_of($key);
    my ($to) = grep { $_ != $from && $_->command('ROLE')->[0] eq 'master' }
        $redis->nodes;

    forecast($shard) for 1 .. 50;
    $redis->move($key, $to, sub {
        forecast($shard) for 1 .. 5;
        ok(wait_for(sub { logs() =~ /TRYAGAIN|ASK / }), 'half of its keys:'
            . ' the worker is told to wait');
    });
    is($redis->node_of($key), $to, 'it is elsewhere');
    works($shard, 'there');
    once($shard, 'there');
    like(logs(), qr/Redis is now 127\.0\.0\.1:${\$to->port}/, 'the worker followed it');
    works($_, 'as before') for @shards[1 .. $#shards];
};

subtest 'oscpctl' => sub {
    is(@{$ctl->json('status')->{connections}}, 6, 'reads all nodes');
    # One that was held for a moment takes its shard again.
    ok(wait_for(sub { SHARDS == grep { $_->{owner} }
        @{$ctl->json('status')->{shards}} }), 'each shard has an owner');

    my $run = $ctl->begin('events', '-f', '-n', '1', '--json');
    ok(wait_for(sub { $ctl->printed($run) ne '' }), 'events -f begins');
    for my $shard (@shards) {
        my ($code, $out, $err) = $ctl->run('disable', $conn{$shard});
        is($code, 0, "orders in shard $shard") or diag($err);
    }
    ok(wait_for(sub {
        my %seen = map { ($_->{conn} => 1) } grep { $_->{event} eq 'command' }
            map { eval { decode_json($_) } // () }
            split /\n/, $ctl->printed($run);
        !grep { !$seen{$conn{$_}} } @shards;
    }), 'events -f shows them all')
        or diag($ctl->printed($run));
    kill 'KILL', $run->{pid};
    $ctl->end($run);
    $ctl->run('enable', $conn{$_}) for @shards;
    is(($ctl->run('explain', 'depot-1'))[0], 0, 'explains');
};

subtest 'a node is killed' => sub {
    my $shard = $shards[1];
    my $old = $redis->node_of($direct->key('in', $shard));
    my @there = grep { $redis->node_of($direct->key('in', $_)) == $old }
        @shards;

    # what is not replicated is lost with a node
    $old->command('WAIT', 1, 1000);
    $old->process->stop('KILL');
    forecast($shard);
    ok(wait_for(sub { (eval { $redis->node_of($direct->key('in', $shard)) }
        // $old) != $old }, 20), 'its replica is promoted');
    works($_, 'after it') for @there;
    once($_, 'after it') for @there;
    my ($code, $out, $err) = $ctl->run('status');
    is($code, 0, 'oscpctl follows') or diag($err);
};

$direct->finish;
done_testing();
