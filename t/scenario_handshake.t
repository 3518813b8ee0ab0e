#!/usr/bin/env perl
#
# Goal: our own handshake, by command.  A peer that dies before it answers, or
# answers 204 and dies before it acknowledges, leaves a clean `offline` with
# what went wrong.  An answer that may be a gateway's leaves the handshake open,
# the peer's refusal closes it.  An acknowledge counts without a correlation id, not with an
# unknown one; both sides may begin at once; a second handshake opens no gap; a
# worker that is killed in the middle leaves the rest to the next one.

use strict;
use warnings;

use FindBin qw($Bin);
use Test::More;

use lib "$Bin/lib", "$Bin/cp/lib";
use OSCP::Process qw(slow wait_for);
use OSCP::Stack;

my $timeout = 4 + 2 * slow();
my $stack = OSCP::Stack->start(heartbeat => '30s', initiate => 'off',
    settings => "handshake_timeout ${timeout}s;");
my $cp = $stack->cp;
my $seen = 0;

# Handshakes that have come since the last call.
sub handshakes {
    my ($wanted) = @_;
    my @new;

    wait_for(sub {
        @new = grep { $_->{n} > $seen } $cp->records(dir => 'in',
            message => 'handshake');
        return @new >= $wanted;
    }, 12);
    $seen = $new[-1]{n} if @new;
    return @new;
}

# The words of the audit: what became of the connection since an entry.
sub story {
    my ($since) = @_;

    return join ', ', map { "$_->{data}{from}>$_->{data}{to}" }
        grep { ($_->{id} =~ /^(\d+)/)[0] >= $since } $stack->events('state');
}

sub now_ms {
    my ($seconds, $us) = @{$stack->redis->command('TIME')};

    return $seconds * 1000 + int $us / 1000;
}

sub offline_with {
    my ($error) = @_;
    my $conn = $stack->wait_state('offline') // {};

    like($conn->{last_error}, $error, "last_error: $conn->{last_error}");
    is($conn->{$_}, undef, "no $_") for qw(handshake_req handshake_deadline);
    is($conn->{retry_at}, undef, 'nothing more happens by itself');
    return;
}

ok($stack->wait_state('offline'), 'offline, and nothing begins');

subtest 'the peer dies before it answers' => sub {
    $cp->command('misbehave drop=handshake');
    is($stack->operate('connect'), 'done: vector starts a handshake',
        'a command starts one');
    offline_with(qr/Empty reply/);
    is(scalar(handshakes(1)), 1, 'one was sent');
    $cp->command('misbehave hang=handshake');
    $stack->operate('connect');
    offline_with(qr/not answered in time|timed out|timeout/i);
    is(scalar(handshakes(1)), 1, 'one was sent');
    $cp->command('misbehave off', 'misbehave refuse=handshake:503');
    $stack->operate('connect');
    offline_with(qr/503/);
    handshakes(1);
    $cp->command('misbehave off');
};

# The connection as it was stored when this answer had come.
sub answered {
    my ($status) = @_;
    my $conn;

    $cp->command("misbehave refuse=handshake:$status times=1");
    is($stack->operate('connect') =~ s/:.*//r, 'done', "answered $status");
    wait_for(sub { $conn = $stack->connection;
        ($conn->{last_error} // '') eq "handshake: HTTP $status" }, 10);
    return $conn;
}

subtest 'an answer that may be a gateway\'s' => sub {
    $cp->command('acknowledges off');
    for my $status (408, 502, 504) {
        is(answered($status)->{state}, 'handshaking', 'it is waited for');
        my ($sent) = handshakes(1);
        $cp->command("acknowledge corr=$sent->{id} expect=204");
        ok($stack->wait_state('online'), 'its acknowledge counts');
        is($stack->connection->{handshake_by}, 'us', 'by us');
        $stack->operate('disconnect');
    }
    for my $status (302, 404, 425) {
        is(answered($status)->{state}, 'offline', 'it is over at once');
        my ($sent) = handshakes(1);
        $cp->command("acknowledge corr=$sent->{id} expect=204");
    }
    ok(wait_for(sub { 3 == grep { $_->{data}{why} =~ /no handshake of ours/ }
        $stack->events('ignored') }), 'what acknowledges it is ignored');
    $stack->operate('disconnect');
};

subtest 'the peer answers and dies before it acknowledges' => sub {
    $cp->command('acknowledges off');
    $stack->operate('connect');
    my ($first) = handshakes(1);
    ok($stack->wait_hash('conn:vector', { state => 'handshaking',
        handshake_sent => 1 }), 'it waits');
    offline_with(qr/^handshake not acknowledged in time/);
    is($cp->command("acknowledge corr=$first->{id}")->{status}, 204,
        'an acknowledge that is late');
    ok(wait_for(sub { 4 == grep { $_->{data}{why} =~ /no handshake of ours/ }
        $stack->events('ignored') }), 'is ignored');
    is($stack->connection->{state}, 'offline', 'and offline it stays');
};

subtest 'correlation ids' => sub {
    my $since = now_ms();
    $stack->operate('connect');
    my ($sent) = handshakes(1);
    is($cp->command('acknowledge corr=unknown')->{status}, 204,
        'an unknown one gets 204');
    ok(wait_for(sub { grep { $_->{data}{why} =~ /correlation id is unknown/ }
        $stack->events('ignored') }), 'and is ignored');
    is($stack->connection->{state}, 'handshaking', 'nothing has changed');
    $cp->command('acknowledge corr= expect=204');
    ok($stack->wait_state('online'), 'without one it is ours');
    is($stack->connection->{handshake_by}, 'us', 'by us');
    is(story($since), 'offline>handshaking, handshaking>online', 'the audit');
    my $body = $sent->{json};
    is($body->{required_behaviour}{heartbeat_interval}, 30,
        'it carried our interval');
    is_deeply($body->{required_behaviour}{measurement_configuration},
        ['INTERMITTENT'], 'and our list');
};

subtest 'renegotiation' => sub {
    my $since = now_ms();
    $cp->command('require interval=1', 'handshake expect=204',
        'expect handshake_acknowledge', 'mark', 'expect heartbeat count=2');
    is($stack->connection->{heartbeat_interval_required}, 1, 'new timers');
    is(story($since), '', 'and no gap');
};

subtest 'both at once' => sub {
    is($stack->operate('disconnect') =~ s/:.*//r, 'done', 'disconnected');
    $cp->command('misbehave delay=handshake:300ms', 'acknowledges on');
    my $since = now_ms();
    $stack->operate('connect');
    $cp->command('handshake expect=204');
    ok($stack->wait_state('online'), 'online');
    is(scalar(handshakes(1)), 1, 'ours was sent');
    ok(wait_for(sub { !$stack->connection->{handshake_req} }, 15),
        'both are over');
    is($stack->connection->{state}, 'online', 'still online');
    is(story($since), 'disconnected>handshaking, handshaking>online',
        'once and for all');
    $cp->command('misbehave off');
};

subtest 'a worker that is killed in the middle' => sub {
    $stack->operate('disconnect');
    $cp->command('acknowledges off');
    $stack->operate('connect');
    my ($sent) = handshakes(1);
    ok($stack->wait_hash('conn:vector', { state => 'handshaking',
        handshake_sent => 1 }), 'it waits');
    $stack->worker->kill;
    $cp->command("acknowledge corr=$sent->{id} expect=204");
    $stack->worker->restart;
    ok($stack->wait_state('online'), 'the next one takes the acknowledge');
    is($stack->connection->{handshake_by}, 'us', 'by us');
    is(scalar(handshakes(0)), 0, 'without another handshake');
};

$stack->finish;
done_testing();
