#!/usr/bin/env perl
#
# Goal: a shard does not wait for oscp:config.  While that cannot be read (in a
# cluster it is on a node of its own), what names somebody unknown is set
# aside, and everybody else's messages, samples and commands take effect; a
# worker that takes over goes on with what was applied last; and what was set
# aside is judged by the first configuration that is read again, in its order.

use strict;
use warnings;

use FindBin qw($Bin);
use Test::More;
use Time::HiRes qw(time);

use lib "$Bin/lib";
use OSCP::Direct;
use OSCP::Process qw(wait_for);

my $direct = OSCP::Direct->start(users => 1, connections => { vector => {},
    south => { groups => { DEPOT05 => {} } } }, arguments => ['--lease', '5s']);
my $redis = $direct->redis;

sub readable {
    my ($pattern) = @_;

    $redis->command('ACL', 'SETUSER', 'oscp-worker', 'resetkeys', $pattern);
    return;
}

sub effective {
    my ($value) = @_;

    $direct->forecast('vector', 'DEPOT01', req => "v-$value",
        blocks => [[-60, 3600, $value]]);
    return $direct->wait_hash('forecast:vector:DEPOT01:CONSUMPTION',
        { req => "v-$value" });
}

sub unsettled {
    return join ' ', map { $_ => $redis->command('XLEN', $direct->key($_)) }
        qw(in meter cmd out);
}

sub put {
    my ($stream, %fields) = @_;

    return $redis->command('XADD', $direct->key($stream), '*', %fields);
}

ok(effective(90001), 'all is well');
$direct->add_worker;
ok($direct->wait_log(qr/standing by/, 1), 'a second worker stands by');
readable('~oscp:{*}:*');
ok(wait_for(sub { grep { $direct->worker($_)->log_text
    =~ /no configuration from Redis: .*NOPERM/ } 0, 1 }), 'no more');

# Two messages of a group that is not there yet: the later one counts.
$direct->forecast('vector', 'DEPOT02', req => "new-$_",
    blocks => [[-60, 3600, $_]]) for 70001, 70002;
$direct->forecast('south', 'DEPOT06', req => 'before',
    blocks => [[-60, 3600, 1]]);
$direct->store('handshake', 'north', { required_behaviour => {
    heartbeat_interval => 60, measurement_configuration => ['INTERMITTENT'] } },
    req => 'shake');
put('meter', conn => 'nobody', group => 'DEPOT01', asset => 'A',
    at => OSCP::Direct::at(time), power_w => 1);
my $command = put('cmd', op => 'connect', conn => 'nobody', by => 'test');
put('out', conn => 'nobody', msg => 'update_asset_measurements',
    group => 'DEPOT01', req => 'letter', created => OSCP::Direct::at(time),
    body => '{}');

subtest 'the others go on' => sub {
    ok(effective(80001), 'a forecast');
    put('meter', conn => 'vector', group => 'DEPOT01', asset => 'DEPOT01',
        at => OSCP::Direct::at(time), power_w => 4321);
    ok(wait_for(sub { $redis->command('XLEN', $direct->key('meter')) == 1 }),
        'a sample');
    put('cmd', op => 'disconnect', conn => 'south', by => 'test');
    ok(wait_for(sub { $redis->command('XLEN', $direct->key('cmd')) == 1 }),
        'a command');
    ok($direct->wait_hash('conn:south', { state => 'disconnected' }),
        'which is obeyed');
    put('cmd', op => 'connect', conn => 'south', by => 'test');
    ok($direct->wait_hash('conn:south', { disconnected => 0 }), 'and back');
    is(unsettled(), 'in 4 meter 1 cmd 1 out 1', 'what is unknown is kept');
    is(scalar(my @none = $direct->events('ignored')), 0, 'and not judged');
};

subtest 'a worker takes over' => sub {
    my ($owner) = grep { my $pid = $direct->worker($_)->pid;
        $redis->command('GET', $direct->key('lease')) =~ /^[^:]*:$pid:/ } 0, 1;
    $direct->worker($owner)->kill;
    ok($direct->wait_log(qr/the configuration cannot be read: goes on with/,
        1 - $owner), 'and goes on with what was applied');
    ok(effective(80002), 'a forecast');
    is($direct->hash('circuit:incomer-1')->{rated_capacity_w}, 400000,
        'by its own configuration');
    is(unsettled(), 'in 4 meter 1 cmd 1 out 1', 'what is unknown is kept');
    my $back = $direct->worker($owner)->restart;
    ok(wait_for(sub { $back->process->log_text($back->{from}) =~ /begins as/ }),
        'the other one is back');
};

subtest 'it can be read again' => sub {
    $direct->publish(vector => { groups => { DEPOT01 => { rated_w => 90000 },
        DEPOT02 => {} } }, south => { groups => { DEPOT05 => {},
        DEPOT06 => {} } }, north => { groups => { DEPOT09 => {} } });
    readable('~oscp:*');
    ok(wait_for(sub { unsettled() eq 'in 0 meter 0 cmd 0 out 0' }),
        'everything is settled');
    ok($direct->wait_hash('circuit:incomer-1', { rated_capacity_w => 90000 }),
        'what is new is applied');
    is($direct->hash('forecast:vector:DEPOT02:CONSUMPTION')->{req},
        'new-70002', 'the message of a new group, in its order');
    ok($direct->wait_hash('conn:north', { state => 'handshaking' }),
        'and of a new connection');
    is_deeply([map { "$_->{data}{req}: $_->{data}{why}" }
        $direct->events('ignored')],
        ['before: it was stored before the operator connected'],
        'ignored is only what an operator has made void');
    is_deeply([map { "$_->{cmd} $_->{data}{outcome}" }
        grep { $_->{conn} eq 'nobody' } $direct->events('command')],
        ["$command refused"], 'a command for nobody');
    is(scalar(my @gone = grep { $_->{conn} eq 'nobody' }
        $direct->events('given_up')), 1, 'a letter to nobody');
};

# More than is kept aside: the shard waits, and nothing is lost.
subtest 'too much of it' => sub {
    readable('~oscp:{*}:*');
    my $body = ' ' x 900_000;
    $direct->store('heartbeat', 'nobody', $body) for 1 .. 12;
    ok(wait_for(sub { $redis->command('XPENDING', $direct->key('in'),
        'oscp-worker')->[0] >= 9 }), 'it is taken');
    $direct->forecast('vector', 'DEPOT01', req => 'late',
        blocks => [[-60, 3600, 80003]]);
    readable('~oscp:*');
    ok(wait_for(sub { unsettled() eq 'in 0 meter 0 cmd 0 out 0' }),
        'everything is settled');
    is($direct->hash('forecast:vector:DEPOT01:CONSUMPTION')->{req}, 'late',
        'the last one counts');
    is(scalar(my @ignored = $direct->events('ignored')), 13, 'each is judged');
};

$direct->finish;
done_testing();
