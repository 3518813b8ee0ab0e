#!/usr/bin/env perl
#
# Goal: one worker owns a shard at a time.  A standby takes over when the owner
# is killed, and at once when it ends; an owner that was paused and wakes up
# writes nothing and sends nothing until it owns the shard again; several shards
# are worked for.

use strict;
use warnings;

use FindBin qw($Bin);
use Test::More;
use Time::HiRes qw(time);

use lib "$Bin/lib";
use OSCP::Direct;
use OSCP::Process qw(slow wait_for);

use constant LEASE => 5;

my $direct = OSCP::Direct->start(connections => { vector => {} },
    arguments => ['--lease', LEASE . 's']);
my $redis = $direct->redis;

sub owner {
    my ($pid) = ($redis->command('GET', $direct->key('lease')) // '')
        =~ /^[^:]*:(\d+):/;

    return $pid // 0;
}

# 0 or 1: which of the two workers owns the shard; undef: none.
sub owning {
    my $pid = owner();

    return (grep { $direct->worker($_)->pid == $pid } 0, 1)[0];
}

sub token {
    my ($shard) = @_;

    return ($redis->command('GET', $direct->key('lease', $shard // 0))
        =~ / (\d+)$/)[0];
}

sub effective {
    my ($value) = @_;

    $direct->forecast('vector', 'DEPOT01', req => "v-$value",
        blocks => [[-60, 3600, $value]]);
    return $direct->wait_hash('forecast:vector:DEPOT01:CONSUMPTION',
        { req => "v-$value" });
}

ok(wait_for(sub { owner() == $direct->worker(0)->pid }), 'the first owns it');
$direct->add_worker;
ok($direct->wait_log(qr/standing by/, 1), 'the second stands by');
ok(effective(1), 'the owner works');

subtest 'the owner is killed' => sub {
    my $old = owning();
    my $since = time;
    $direct->worker($old)->kill;
    ok(wait_for(sub { owner() == $direct->worker(1 - $old)->pid },
        2 * LEASE), 'the other takes over');
    note(sprintf 'after %.3f s', time - $since);
    ok(effective(2), 'and works');
    $direct->worker($old)->restart;
    ok($direct->wait_log(qr/standing by(?!.*owns)/s, $old), 'the first is back');
};

subtest 'the owner ends' => sub {
    my $old = owning();
    my $since = time;
    is($direct->worker($old)->stop, 0, 'clean');
    ok(wait_for(sub { owner() == $direct->worker(1 - $old)->pid }, LEASE),
        'the other takes over');
    note(sprintf 'after %.3f s', time - $since);
    ok(effective(3), 'and works');
    $direct->worker($old)->restart;
    ok($direct->wait_log(qr/standing by(?!.*owns)/s, $old), 'the first is back');
};

subtest 'the owner is paused' => sub {
    my $old = owning();
    my $token = token();
    $direct->worker($old)->process->signal('STOP');
    my $since = time;
    ok(wait_for(sub { (owning() // $old) != $old }, 2 * LEASE),
        'the other takes over');
    note(sprintf 'after %.3f s', time - $since);
    cmp_ok(token(), '>', $token, 'with a greater token');
    ok(effective(4), 'and works');
    $direct->worker($old)->process->signal('CONT');
    ok($direct->wait_log(qr/begins again: .*standing by(?!.*owns)/s,
        $old), 'the first wakes up and stands by');
    ok(effective(5), 'the other still works');
    is(owning(), 1 - $old, 'and owns');
};

subtest 'a lease that somebody took away' => sub {
    my $old = owning();
    my $lease = $direct->key('lease');
    $redis->command('SET', $lease, 'somebody:1:0-0 999', 'PX', 60000);
    $direct->forecast('vector', 'DEPOT01', req => 'fenced',
        blocks => [[-60, 3600, 6]]);
    ok($direct->wait_log(qr/FENCED/, $old), 'the owner is fenced off');
    is($redis->command('XLEN', $direct->key('in')), 1,
        'and has not taken effect');
    $redis->command('PEXPIRE', $lease, 500);
    ok(wait_for(sub { defined owning() }), 'until the time of that is over');
    ok($direct->wait_settled, 'then it does');
};

is_deeply([map { $_->{data}{req} } $direct->events('forecast')],
    [(map { "v-$_" } 1 .. 5), 'fenced'], 'each message took effect once');

subtest 'two shards' => sub {
    $direct->publish(shards => 2, map { ("c$_" => { groups => { "G$_" => {} } })
        } 1 .. 6);
    ok(wait_for(sub { my @keys = map { @{$redis->command('KEYS',
        "oscp:{$_}:conn:c*")} } 0, 1; @keys == 6 }), 'six connections');
    cmp_ok(scalar(@{$redis->command('KEYS', 'oscp:{1}:conn:c*')}), '>', 0,
        'in both');
    ok($redis->command('GET', $direct->key('lease', 1)), 'a lease each');
    is_deeply($direct->hash('conn:vector'), {}, 'the former one is gone');
};

# Whoever came first would have all of them.
subtest 'shards spread over the workers' => sub {
    my $shards = 4;
    my $tell = sub { join ' ', sort map { ($redis->command('GET',
        $direct->key('lease', $_)) // '') =~ /^[^:]*:(\d+):/ }
        0 .. $shards - 1 };
    my $expect = sub { join ' ', sort map { ($_->pid) x ($shards / @_) } @_ };
    my ($one, $other) = map { $direct->worker($_) } 0, 1;

    is($other->stop, 0, 'one ends');
    $direct->publish(shards => $shards,
        map { ("c$_" => { groups => { "G$_" => {} } }) } 1 .. 6);
    ok(wait_for(sub { $tell->() eq $expect->($one) }, 20), 'one has all');
    $other->restart;
    ok(wait_for(sub { $tell->() eq $expect->($one, $other) }, 30),
        'another one comes and gets half of them');
    my $before = join ' ', map { token($_) } 0 .. $shards - 1;
    sleep 2 * LEASE;
    is(join(' ', map { token($_) } 0 .. $shards - 1), $before,
        'which does not change any more');
};

$direct->finish;
done_testing();
