#!/usr/bin/env perl
#
# Goal: whatever happens to Redis, the worker forgets what it knew and goes on
# from what Redis has: Redis is restarted, loses all its data, its scripts or
# one key's type, refuses writes, hangs; a login and a database of its own are
# used.

use strict;
use warnings;

use FindBin qw($Bin);
use Test::More;

use lib "$Bin/lib";
use OSCP::Direct;
use OSCP::Process qw(wait_for);

my $direct = OSCP::Direct->start(connections => { vector => {} });
my $redis = $direct->redis;
my $sent = 0;

# A message takes effect: the worker works.
sub works {
    my ($what) = @_;
    my $value = 1000 + ++$sent;

    $direct->forecast('vector', 'DEPOT01', blocks => [[-60, 3600, $value]]);
    return ok($direct->wait_hash('envelope:depot-1',
        { import_limit_w => $value }, 15), "$what: it works");
}

ok($direct->wait_hash('circuit:incomer-1', { control => 'local' }), 'it runs');
$direct->set_online('vector', 3600);
works('at first');

subtest 'Redis is restarted' => sub {
    $redis->restart;
    is($direct->hash('envelope:depot-1')->{import_limit_w}, 1000 + $sent,
        'nothing is lost');
    works('after a restart');
    $redis->stop('KILL');
    ok($direct->wait_log(qr/Redis: .*Redis: /s), 'the worker sees it gone');
    $redis->start;
    works('after a kill');
};

subtest 'Redis has lost all its data' => sub {
    $redis->command('FLUSHALL');
    ok($direct->wait_log(qr/waits for a configuration/),
        'the worker waits for a configuration');
    ok($direct->worker->process->alive, 'and lives');
    my $version = $direct->publish(vector => {});
    ok($direct->wait_applied($version), 'which nginx publishes again');
    ok($direct->wait_hash('circuit:incomer-1', { control => 'local',
        available_capacity_w => 400000 }), 'and begins anew');
    $direct->set_online('vector', 3600);
    works('after that');
};

subtest 'scripts are gone' => sub {
    $redis->command('SCRIPT', 'FLUSH');
    works('after SCRIPT FLUSH');
    like($direct->worker->log_text, qr/NOSCRIPT/, 'by loading them again');
};

subtest 'a key of another type' => sub {
    $redis->command('DEL', $direct->key('envelope:depot-1'));
    $redis->command('SET', $direct->key('envelope:depot-1'), 'by hand');
    works('after a hand was there');
    like($direct->worker->log_text, qr/envelope:depot-1 was a string: removed/,
        'the key has been made anew');
};

subtest 'the consumer group is gone' => sub {
    $redis->command('XGROUP', 'DESTROY', $direct->key('in'), 'oscp-worker');
    works('after XGROUP DESTROY');
};

subtest 'Redis is full' => sub {
    my $before = $direct->hash('stats')->{in_applied};
    $redis->command('CONFIG', 'SET', 'maxmemory-policy', 'noeviction');
    $direct->worker->process->signal('STOP');
    $direct->forecast('vector', 'DEPOT01', req => 'full',
        blocks => [[-60, 3600, 77]]);
    $redis->command('CONFIG', 'SET', 'maxmemory', 1);
    $direct->worker->process->signal('CONT');
    ok($direct->wait_log(qr/OOM/), 'the worker is refused');
    is($direct->hash('stats')->{in_applied}, $before, 'nothing was done');
    $redis->command('CONFIG', 'SET', 'maxmemory', 0);
    ok($direct->wait_hash('envelope:depot-1', { import_limit_w => 77 }, 15),
        'afterwards the message takes effect');
    is($direct->hash('stats')->{in_applied}, $before + 1, 'once');
};

subtest 'Redis hangs' => sub {
    $redis->process->signal('STOP');
    ok($direct->wait_log(qr/cannot be proven|no answer within/, 0, 15),
        'the worker gives up acting');
    $redis->process->signal('CONT');
    works('after it woke up');
};

subtest 'a login and a database' => sub {
    $redis->command('ACL', 'SETUSER', 'worker', 'on', '>secret-of-redis', '~*',
        '+@all');
    my $file = $direct->file('redis.password', "secret-of-redis\n");
    my $version = $direct->applied;
    $redis->command('COPY', 'oscp:config', 'site:config', 'DB', 3);
    $direct->add_worker('--redis-user', 'worker', '--redis-password-file',
        $file, '--redis-db', 3, '--prefix', 'site:');
    ok(wait_for(sub { $redis->command('SELECT', 3);
        my $applied = $redis->command('HGET', 'site:{0}:config', 'version');
        $redis->command('SELECT', 0); ($applied // '') eq $version }),
        'are used');
    $direct->file('redis.password', "wrong\n");
    my $other = $direct->add_worker('--redis-user', 'worker',
        '--redis-password-file', $file);
    ok($direct->wait_log(qr/WRONGPASS/, 2), 'a wrong password is told');
    ok($other->process->alive, 'and tried again');
    unlike($_, qr/secret-of-redis/, 'no secret is logged')
        for map { $direct->worker($_)->log_text } 1, 2;
};

$direct->finish(allow => qr/was a string: removed/);
done_testing();
