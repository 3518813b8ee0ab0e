#!/usr/bin/env perl
#
# Goal: an adjustment is asked for once, by a command whose every field is
# checked; stays `requested`, whoever restarts, until the forecast that means it
# answers it, another one replaces it, it expires, or control is taken back;
# each change is one event, in one transaction with the hash and the message.

use strict;
use warnings;

use FindBin qw($Bin);
use JSON::PP qw(decode_json);
use Test::More;
use Time::HiRes qw(time);

use lib "$Bin/lib";
use OSCP::Direct;
use OSCP::Process qw(wait_for);

my %config = (vector => { groups => { DEPOT01 => {}, DEPOT02 => {} } });
my $direct = OSCP::Direct->start(connections => \%config);
my $redis = $direct->redis;
my $start = time;
ok($direct->wait_hash('circuit:incomer-1', { control => 'local' }), 'it runs');
$direct->set_online('vector', 3600);
is($direct->wait_log(qr/running.*running/s), 1, 'online');

# A block, in seconds from the start, as a command writes it.
sub block {
    my ($from, $until, $watts, @phase) = @_;

    return [(map { OSCP::Direct::at($start + $_) } $from, $until), $watts,
        @phase];
}

sub send_command {
    my (%fields) = @_;
    my %all = (op => 'adjust', conn => 'vector', group => 'DEPOT01', by =>
        'ann', type => 'CONSUMPTION', blocks => [block(60, 3600, 120000)],
        %fields);

    $all{blocks} = JSON::PP->new->encode($all{blocks}) if ref $all{blocks};
    return $redis->command('XADD', $direct->key('cmd'), '*',
        map { defined $all{$_} ? ($_ => $all{$_}) : () } sort keys %all);
}

# Sends a command; the event that answers it.
sub operate {
    my $id = send_command(@_);
    my $event;

    wait_for(sub { ($event) = grep { ($_->{cmd} // '') eq $id }
        $direct->events('command'); $event }, 10);
    return $event // { data => {} };
}

sub adjustment {
    my ($type, $group) = @_;

    return $direct->hash('adjustment:vector:' . ($group // 'DEPOT01') . ':'
        . ($type // 'CONSUMPTION'));
}

sub wait_adjustment {
    my ($want, $type, $group) = @_;

    return $direct->wait_hash('adjustment:vector:' . ($group // 'DEPOT01') . ':'
        . ($type // 'CONSUMPTION'), $want);
}

sub out { return $redis->stream($direct->key('out')) }

# Waits until the message of an adjustment waits no more, for that reason; that
# is no incident.
sub withdrawn {
    my ($req, $why) = @_;

    return wait_for(sub { !grep { $_->{req} eq $req } out() })
        && join(', ', map { $_->{data}{why} } grep { $_->{data}{req} eq $req }
            $direct->events('given_up')) eq $why
        && !grep { $direct->hash("incident:$_")->{reason} eq 'undeliverable' }
            @{$redis->command('SMEMBERS', $direct->key('incidents'))};
}

# What the events say of one adjustment: "STATE by WHOM: ANSWER", in order.
sub story {
    my ($req) = @_;

    return join ', ', map { "$_->{data}{state} by $_->{by}"
        . (defined $_->{data}{answer} ? ": $_->{data}{answer}" : '') }
        grep { $_->{data}{req} eq $req } $direct->events('adjustment');
}

subtest 'what is refused' => sub {
    my @cases = (
        [{ group => undef }, qr/^group must be the id of a group: adjust is/],
        [{ group => 'DEPOT09' }, qr/^group must be one of the connection's/],
        [{ type => undef }, qr/^type must be CONSUMPTION, GENERATION, FALLBA/],
        [{ type => 'consumption' }, qr/^type must be/],
        [{ replace => 'yes' }, qr/^replace must be 0 or 1/],
        [{ blocks => undef }, qr/^blocks must be JSON/],
        [{ blocks => '[1' }, qr/^blocks must be JSON/],
        [{ blocks => {} }, qr/^blocks must be an array/],
        [{ blocks => [] }, qr/^blocks must be 1 to 96 blocks/],
        [{ blocks => [[1, 2]] }, qr/^blocks\[0\] must be an array of start, e/],
        [{ blocks => [block(60, 120, -1)] }, qr/^blocks\[0\]\[2\] must be a n/],
        [{ blocks => [block(60, 60, 1)] }, qr/^blocks\[0\]\[1\] must be after/],
        [{ blocks => [block(-60, -30, 1)] }, qr/^blocks\[0\]\[1\] must be in /],
        [{ blocks => [block(60, 90, 1), block(80, 99, 1)] },
            qr/^blocks\[1\]\[0\] must not be before the end of the last block/],
        [{ blocks => [block(60, 90, 1, 'FOUR')] }, qr/\[0\]\[3\] must be a ph/],
        [{ blocks => "[]\0" }, qr/^blocks must be text without NUL bytes/],
    );
    for my $case (@cases) {
        my $event = operate(%{$case->[0]});
        is($event->{data}{outcome}, 'refused', "refused: $case->[1]");
        like($event->{data}{text}, $case->[1], 'and says so');
    }
    is(scalar(out()), 0, 'nothing is sent');
    is_deeply($redis->command('KEYS', $direct->key('adjustment:*')), [],
        'nothing is kept');
};

my $first;
subtest 'requested' => sub {
    my $event = operate(blocks => [block(60, 1800, 120000),
        block(1800, 3600, 7360.5, 'ALL')]);
    is($event->{data}{outcome}, 'done', 'done');
    $first = $event->{data}{req};
    is($event->{data}{text}, "CONSUMPTION of DEPOT01 is requested: 2 blocks, "
        . "message $first", 'and says so');
    my $hash = adjustment();
    my $blocks = [block(60, 1800, 120000, 'ALL'),
        block(1800, 3600, 7360.5, 'ALL')];
    is_deeply([@{$hash}{qw(state req by answer ended_at)}], ['requested',
        $first, 'operator ann', undef, undef], 'the hash');
    is_deeply(decode_json($hash->{blocks}), $blocks, 'its blocks');
    my ($out, @more) = out();
    is(scalar @more, 0, 'one message');
    is_deeply([@{$out}{qw(conn msg group req corr created)}], ['vector',
        'adjust_group_capacity_forecast', 'DEPOT01', $first, undef,
        $hash->{requested_at}], 'under that id');
    is_deeply(decode_json($out->{body}), { group_id => 'DEPOT01', type =>
        'CONSUMPTION', forecasted_blocks => [map { { start_time => $_->[0],
        end_time => $_->[1], capacity => $_->[2] / 1000, unit => 'KW',
        phase => 'ALL' } } @$blocks] }, 'asks for them, in KW');
    my ($told) = $direct->events('adjustment');
    is($told->{cmd}, $event->{cmd}, 'the event names the command');
    is_deeply([@{$told}{qw(conn group by)}], ['vector', 'DEPOT01',
        'operator ann'], 'whom and who');
    is_deeply($told->{data}, { type => 'CONSUMPTION', state => 'requested',
        req => $first, blocks => $blocks }, 'and what');
};

subtest 'one at a time' => sub {
    like(operate()->{data}{text}, qr/^CONSUMPTION of DEPOT01 is requested alre/,
        'another one of the type is refused');
    like(operate(replace => 0)->{data}{text}, qr/by message \Q$first\E, since/,
        'and says which one stands in its way');
    my $other = operate(type => 'GENERATION')->{data};
    is($other->{outcome}, 'done', 'another type');
    is(operate(group => 'DEPOT02')->{data}{outcome}, 'done', 'another group');
    my $second = operate(replace => 1)->{data};
    is($second->{outcome}, 'done', 'a replacement');
    is(adjustment()->{req}, $second->{req}, 'is what stands there now');
    is(story($first), 'requested by operator ann, expired by worker: replaced '
        . 'by another one', 'the first one has expired');
    is(adjustment('GENERATION')->{state}, 'requested', 'the other type waits');
    ok(withdrawn($first, 'replaced by another one'), 'its message is not sent');
    is(scalar(out()), 3, 'three wait');
    $first = $second->{req};
};

subtest 'answered by the forecast that means it' => sub {
    my @blocks = (blocks => [[-60, 3600, 110000]]);
    $direct->forecast('vector', 'DEPOT01', @blocks, req => 'f-other', corr =>
        'something-else');
    $direct->forecast('vector', 'DEPOT01', @blocks, req => 'f-before',
        at => OSCP::Direct::at($start - 1));
    $direct->forecast('vector', 'DEPOT01', @blocks, req => 'f-type', type =>
        'FALLBACK_CONSUMPTION');
    ok($direct->wait_settled, 'one for another message, an earlier one, one of '
        . 'another type');
    is(adjustment()->{state}, 'requested', 'do not answer it');
    $direct->forecast('vector', 'DEPOT01', @blocks, req => 'f-yes', corr =>
        $first);
    my $hash = wait_adjustment({ state => 'answered', answer => 'f-yes' });
    ok($hash->{ended_at}, 'one that names it does');
    is($hash->{req}, $first, 'it is still there to be seen');
    is(story($first), 'requested by operator ann, answered by peer: f-yes',
        'and told');
    my @words = map { $_->{event} } grep { ($_->{data}{req} // '') eq 'f-yes'
        || ($_->{data}{answer} // '') eq 'f-yes' } $direct->events;
    is($words[0], 'forecast', 'the forecast comes first');

    $direct->forecast('vector', 'DEPOT01', @blocks, req => 'f-gen', type =>
        'GENERATION');
    ok(wait_adjustment({ state => 'answered', answer => 'f-gen' },
        'GENERATION'), 'so does one that names none');
    $direct->forecast('vector', 'DEPOT01', @blocks, req => 'f-later');
    ok($direct->wait_settled, 'another one');
    is(adjustment()->{answer}, 'f-yes', 'changes nothing');
    is(adjustment(undef, 'DEPOT02')->{state}, 'requested',
        'the other group waits');
};

subtest 'answered while nobody ran, or too late' => sub {
    my $req = operate()->{data}{req};
    my $late = operate(type => 'OPTIMUM')->{data}{req};
    $direct->worker->kill;
    $direct->forecast('vector', 'DEPOT01', req => 'f-missed', blocks =>
        [[-60, 3600, 100000]]);
    $direct->forecast('vector', 'DEPOT01', req => 'f-late', type => 'OPTIMUM',
        corr => $late, blocks => [[-60, 3600, 1]],
        at => OSCP::Direct::at(time + 601));
    # Another's time runs out soon, one's has run out already.
    $redis->command('HSET', $direct->key("adjustment:vector:DEPOT02:$_->[0]"),
        state => 'requested', req => "old-$_->[0]", requested_at =>
        OSCP::Direct::at(time - 600 + $_->[1]), blocks => 'not JSON') for
        ['GENERATION', 2], ['FALLBACK_GENERATION', -1];
    $direct->worker->restart;
    ok(wait_adjustment({ state => 'answered', answer => 'f-missed' }),
        'the stored forecast answers it');
    ok(wait_adjustment({ state => 'expired', answer => 'no answer in time' },
        'OPTIMUM'), 'one that was received too late does not');
    ok(wait_adjustment({ state => 'expired' }, 'FALLBACK_GENERATION',
        'DEPOT02'), 'what ran out while nobody ran has expired');
    ok(wait_adjustment({ state => 'expired', answer => 'no answer in time' },
        'GENERATION', 'DEPOT02'), 'and what runs out now expires');
    is(story('old-GENERATION'), 'expired by worker: no answer in time', 'told');
    is(story($req), 'requested by operator ann, answered by peer: f-missed',
        'each once');
    is(adjustment(undef, 'DEPOT02')->{state}, 'requested',
        'what has its time still waits');
};

subtest 'the clock was set back' => sub {
    $direct->worker->stop;
    $redis->command('HSET', $direct->key(
        'adjustment:vector:DEPOT02:FALLBACK_CONSUMPTION'), state => 'requested',
        req => 'ahead', requested_at => OSCP::Direct::at(time + 7200));
    $direct->worker->restart;
    ok($direct->wait_log(qr/(?:running.*){4}/s), 'requested two hours ahead');
    $direct->forecast('vector', 'DEPOT02', req => 'f-now', type =>
        'FALLBACK_CONSUMPTION', blocks => [[-60, 3600, 1]],
        at => OSCP::Direct::at(time + 1));
    ok(wait_adjustment({ state => 'answered', answer => 'f-now' },
        'FALLBACK_CONSUMPTION', 'DEPOT02'), 'is answered now');
};

subtest 'what is out of service is not asked for' => sub {
    is(operate(op => 'disable', group => 'DEPOT02')->{data}{outcome}, 'done',
        'a group is disabled');
    is(operate(group => 'DEPOT02', replace => 1)->{data}{text}, 'the group is '
        . 'disabled', 'refused');
    is(operate(op => 'enable', group => 'DEPOT02')->{data}{outcome}, 'done',
        'enabled');
    is(adjustment(undef, 'DEPOT02')->{state}, 'requested', 'it waits on');
    is(operate(op => 'disable', group => undef)->{data}{outcome}, 'done',
        'the connection is disabled');
    is(operate()->{data}{text}, 'the connection is disabled', 'refused');
    is(operate(op => 'enable', group => undef)->{data}{outcome}, 'done',
        'enabled, and offline');
    my $waits = operate()->{data};
    like($waits->{text}, qr/; the connection is not online, the messa/,
        'what is offline may be asked: it waits');
    is(operate(op => 'disconnect', group => undef)->{data}{outcome}, 'done',
        'control is taken back');
    for my $group (qw(DEPOT01 DEPOT02)) {
        is_deeply([@{adjustment(undef, $group)}{qw(state answer)}],
            ['expired', 'disconnected by the operator'], "$group: expired");
    }
    is(operate()->{data}{text}, 'the connection is disconnected', 'refused');
    ok(withdrawn($waits->{req}, 'disconnected by the operator'),
        'what waited will not be sent');
    ok(!grep({ story($_->{req}) =~ /expired/ } out()), 'nor anything else that'
        . ' was asked for');
};

subtest 'a group that goes' => sub {
    my $version = $direct->publish(vector => { groups => { DEPOT02 => {} } });
    ok($direct->wait_applied($version), 'is no longer configured');
    is_deeply($redis->command('KEYS', $direct->key('adjustment:*:DEPOT01:*')),
        [], 'nothing is left of it');
    $redis->command('HSET', $direct->key('adjustment:vector:DEPOT01:OPTIMUM'),
        state => 'requested', req => 'somebody');
    $version = $direct->publish(%config);
    ok($direct->wait_applied($version), 'comes again');
    is_deeply(adjustment('OPTIMUM'), {}, 'new, whatever stood there');
    isnt(adjustment(undef, 'DEPOT02')->{state}, undef, 'the other one stays');
};

$direct->finish;
done_testing();
