#!/usr/bin/env perl
#
# Goal: a shard comes up however much state it has.  Reading it all takes
# longer than a lease; the worker keeps the shard meanwhile, and goes on where
# its predecessor stopped.

use strict;
use warnings;

use FindBin qw($Bin);
use Test::More;
use Time::HiRes qw(time);

use lib "$Bin/lib";
use OSCP::Direct;
use OSCP::Process qw(wait_for);

use constant {
    CONNECTIONS => 20,
    GROUPS => 50,                 # of each
    BLOCKS => 672,                # a week of quarter hours, of two types
};

my $direct = OSCP::Direct->start(workers => 0, appendfsync => undef);
my $redis = $direct->redis;

my %groups;
for my $c (1 .. CONNECTIONS) {
    $groups{"c$c"} = { groups => { map { ("C${c}G$_" => {
        scope => "s$c-$_", circuit => "k$c-$_" }) } 1 .. GROUPS } };
}
$direct->publish(%groups);

# The state as a worker writes it, configuration included.
my $now = time;
my @time = map { OSCP::Direct::at($_) } $now - 60, $now + 3600;
my $blocks = '[' . join(',', map { sprintf '["%s","%s",%d,"ALL","req-%d"]',
    OSCP::Direct::at($now - 900 + $_ * 900), OSCP::Direct::at($now + $_ * 900),
    100000 + $_, $_ } 0 .. BLOCKS - 1) . ']';
$redis->command('EVAL', <<'LUA', 2, 'oscp:config', $direct->key('config'));
for _, name in ipairs(redis.call('HKEYS', KEYS[1])) do
  if name ~= 'shards' then
    redis.call('HSET', KEYS[2], name, redis.call('HGET', KEYS[1], name))
  end
end
LUA
for my $c (1 .. CONNECTIONS) {
    $redis->command('EVAL', <<'LUA', 0, "c$c", @time, $blocks, GROUPS);
local name, now, later, blocks = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
redis.call('HSET', 'oscp:{0}:conn:' .. name, 'state', 'online', 'since', now,
  'enabled', 1, 'disconnected', 0, 'heartbeat_interval_expected', 2,
  'handshake_at', now, 'handshake_by', 'peer', 'offline_mode_at', later)
for g = 1, ARGV[5] do
  local group = name .. ':' .. string.upper(name) .. 'G' .. g
  for _, kind in ipairs({'CONSUMPTION', 'FALLBACK_CONSUMPTION'}) do
    redis.call('HSET', 'oscp:{0}:forecast:' .. group .. ':' .. kind,
      'req', 'week', 'received_at', now, 'from', now, 'until', later,
      'first_from', now, 'zero', 0, 'blocks', blocks)
  end
  redis.call('HSET', 'oscp:{0}:group:' .. group, 'mode', 'normal', 'colour',
    'green', 'reason', 'forecast', 'since', now, 'enabled', 1)
end
LUA
}

$direct->{arguments} = ['--lease', '1s'];
$direct->add_worker;
ok($direct->wait_log(qr/running/, 0, 60), 'it comes up');
ok($direct->wait_hash('circuit:k' . CONNECTIONS . '-' . GROUPS,
    { control => 'oscp', available_capacity_w => 100001 }, 30),
    'and decides by what it has read');
note(grep { /owns|begins again|running/ } split /^/, $direct->worker->log_text);

$direct->finish;
done_testing();
