#!/usr/bin/env perl
#
# Goal: the worker follows the configuration that nginx publishes.  It waits
# for one; connections and groups come, change and go without a restart; a
# message is judged by a configuration at least as new as itself; and the audit
# tells what was and what is, once, also when the worker was away meanwhile.

use strict;
use warnings;

use FindBin qw($Bin);
use Test::More;

use lib "$Bin/lib";
use OSCP::Direct;
use OSCP::Process qw(wait_for);

my $direct = OSCP::Direct->start;
my $redis = $direct->redis;

# The config events since the last call, as "GROUP: members of old > of new".
my $told = 0;
sub told {
    my @events = $direct->events('config');
    my @new = @events[$told .. $#events];

    $told = @events;
    return [map {
        my $e = $_;
        my ($old, $new) = map { my $side = $e->{data}{$_};
            $side ? join(',', map { "$_=" . (ref $side->{$_} ? '…'
                : $side->{$_}) } sort keys %$side) : '' } qw(old new);
        ($e->{group} // '-') . ": $old > $new";
    } @new];
}

subtest 'nothing is published' => sub {
    ok(wait_for(sub { $direct->worker->log_text =~ /begins as/ }), 'it runs');
    is(scalar(@{$redis->command('KEYS', '*:circuit:*')}), 0, 'and waits');
    ok(wait_for(sub { $direct->worker->log_text
        =~ /nginx has published no configuration here yet: there is no oscp:c/
        }), 'and says for what');
};

# A Redis that lets us in but not read is asked ever more rarely, and the log
# is told once.
subtest 'nothing may be read' => sub {
    my $log = sub { $direct->worker->log_text };

    $redis->command('ACL', 'SETUSER', 'default', '-hget');
    ok(wait_for(sub { $log->() =~ /no configuration from Redis: .*NOPERM/ }),
        'is said');
    sleep 1;
    is(scalar(() = $log->() =~ /no configuration from Redis/g), 1, 'once');
    unlike($log->(), qr/Redis is back/, 'while it lasts');
    $redis->command('ACL', 'SETUSER', 'default', '+hget');
    ok(wait_for(sub { $log->() =~ /Redis is back/ }), 'and when it is over');
};

subtest 'a first configuration' => sub {
    my $version = $direct->publish(vector => {});
    ok($direct->wait_applied($version), 'is applied');
    my $circuit = $direct->wait_hash('circuit:incomer-1',
        { available_capacity_w => 400000, control => 'local' });
    is($circuit->{revision}, 1, 'the circuit is there');
    is($direct->hash('conn:vector')->{state}, 'offline', 'the connection');
    like(told()->[1], qr/^DEPOT01:  > .*circuit=incomer-1/, 'the audit');
};

subtest 'a group comes, and its message with it' => sub {
    my $blocks = [[-60, 3600, 50000]];
    $direct->forecast('vector', 'DEPOT07', blocks => $blocks);
    ok($direct->wait_settled, 'a message for no group is settled');
    my ($ignored) = $direct->events('ignored');
    is($ignored->{data}{why}, 'the group is not configured', 'and ignored');

    # No time to notice: the entry makes the worker read the configuration.
    $direct->publish(vector => { groups => { DEPOT01 => {}, DEPOT02 => {} } });
    $direct->forecast('vector', 'DEPOT02', blocks => $blocks);
    ok($direct->wait_settled, 'a message for a new group is settled');
    is(scalar(my @all = $direct->events('ignored')), 1, 'not ignored');
    ok($direct->wait_hash('group:vector:DEPOT02', { mode => 'fallback' }),
        'it counts');
    is_deeply([map { s/ > .*//sr } @{told()}], ['DEPOT02: '], 'the audit');
};

subtest 'a group moves to another circuit and scope' => sub {
    my $version = $direct->publish(vector => { groups => { DEPOT01 => {},
        DEPOT02 => { circuit => 'incomer-9', scope => 'depot-9',
            rated_w => 90000 } } });
    ok($direct->wait_applied($version), 'applied');
    my $old = $direct->wait_hash('circuit:incomer-2', { control => 'local',
        available_capacity_w => 400000, valid_until => undef });
    is($old->{revision}, 2, 'the old circuit is on its own, with an end');
    is_deeply($direct->hash('envelope:depot-2'), {}, 'its scope is empty');
    ok($direct->wait_hash('circuit:incomer-9', { control => 'safe_default',
        available_capacity_w => 60000, rated_capacity_w => 90000 }),
        'the new one holds');
    ok($direct->wait_hash('envelope:depot-9', { import_limit_w => 60000 }),
        'the new scope too');
    is_deeply(told(), ['DEPOT02: circuit=incomer-2,rated_w=400000,'
        . 'scope=depot-2 > circuit=incomer-9,rated_w=90000,scope=depot-9'],
        'old and new values in the audit');
};

subtest 'another group takes over a circuit' => sub {
    my $version = $direct->publish(vector => { groups => {
        DEPOT01 => { circuit => 'incomer-9', scope => 'depot-9' } } });
    ok($direct->wait_applied($version), 'applied');
    my $circuit = $direct->wait_hash('circuit:incomer-9', { control => 'local',
        group => 'DEPOT01', rated_capacity_w => 400000,
        available_capacity_w => 400000 });
    ok($circuit->{valid_until}, 'which is supervised');
    ok($direct->wait_hash('circuit:incomer-1', { control => 'local',
        valid_until => undef }), 'its own is not any more');
    is_deeply($direct->hash('group:vector:DEPOT02'), {}, 'the other is gone');
    is(scalar(@{$redis->command('KEYS', '*:forecast:*')}), 0,
        'with its forecasts');
    is_deeply([map { s/:.*>/: >/sr } @{told()}], ['DEPOT02: > ',
        'DEPOT01: > circuit=incomer-9,scope=depot-9'], 'the audit');
};

subtest 'a circuit for a group that had none' => sub {
    my $version = $direct->publish(vector => { groups => {
        DEPOT01 => { circuit => 'incomer-9' },
        DEPOT02 => { circuit => undef } } });
    ok($direct->wait_applied($version), 'one has it, with a safe default');
    $direct->worker->kill;
    $direct->worker->restart;
    ok($direct->wait_hash('circuit:incomer-9', { safe_default_w => 60000,
        group => 'DEPOT01' }), 'which a worker finds');
    $version = $direct->publish(vector => { groups => {
        DEPOT02 => { circuit => 'incomer-9', safe_default_w => undef } } });
    ok($direct->wait_applied($version), 'then the other one, without');
    ok($direct->wait_hash('circuit:incomer-9', { safe_default_w => undef,
        group => 'DEPOT02' }), 'and nothing of the first one is left');
    $version = $direct->publish(vector => { groups => {
        DEPOT01 => { circuit => 'incomer-9', scope => 'depot-9' } } });
    ok($direct->wait_applied($version), 'back again');
    told();
};

subtest 'changes while the worker is away' => sub {
    $direct->worker->kill;
    my $version = $direct->publish(vector => { heartbeat_interval_ms => 5000,
        groups => { DEPOT02 => {} } }, other => { groups => { X => {} } });
    $direct->worker->restart;
    ok($direct->wait_applied($version), 'are applied at its start');
    is_deeply([map { s/(DEPOT02|X|-): ? > .*/$1 comes/sr } @{told()}],
        ['-: heartbeat_interval_ms=2000 > heartbeat_interval_ms=5000',
        'DEPOT01: asset=DEPOT01,circuit=incomer-9,id=DEPOT01,rated_w=400000,'
        . 'safe_default_w=60000,scope=depot-9,voltage_v=230 > ',
        'DEPOT02 comes', '- comes', 'X comes'], 'and told, once');
    ok($direct->wait_hash('group:vector:DEPOT02', { reason => 'no_forecast' }),
        'a group that comes back is new');
};

subtest 'a connection goes' => sub {
    my $version = $direct->publish(other => { groups => { X => {} } });
    ok($direct->wait_applied($version), 'applied');
    is_deeply($direct->hash('conn:vector'), {}, 'its hash is gone');
    ok($direct->wait_hash('circuit:incomer-2', { control => 'local',
        valid_until => undef }), 'its circuit is on its own');
    $direct->store('heartbeat', 'vector', '{}');
    ok($direct->wait_settled, 'a late message is settled');
    is(($direct->events('ignored'))[-1]{data}{why},
        'the connection is not configured', 'and ignored');
};

subtest 'a document that cannot be read' => sub {
    my $before = $direct->hash('circuit:x');
    my $version = $direct->publish(other => '{"name":"other","future":1}');
    ok($direct->wait_applied($version), 'does not hold up the rest');
    like($direct->worker->log_text, qr/error: the published configuration/,
        'is told');
    is($direct->hash('circuit:x')->{rated_capacity_w}, 400000,
        'and leaves all as it was');
};

$direct->finish(allow => qr/the published configuration cannot be read/);
done_testing();
