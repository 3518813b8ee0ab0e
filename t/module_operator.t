# Goal: what Redis decides in the one round trip: closed connections and
# groups, duplicates, the backlog; and the shard, the prefix and the expiry of
# what is written.

use strict;
use warnings;

use FindBin qw($Bin);
use lib "$Bin/lib";

use OSCP::Module;
use Test::Nginx::Socket 'no_plan';

our $forecast = 'POST /oscp/fp/2.0/update_group_capacity_forecast' . "\n"
    . '{"group_id":"DEPOT01","type":"CONSUMPTION","forecasted_blocks":'
    . '[{"capacity":1,"phase":"ALL","unit":"KW","start_time":'
    . '"2026-01-01T00:00:00Z","end_time":"2026-01-01T01:00:00Z"}]}';

run_tests();

__DATA__

=== TEST 1: disabled by its state
--- published
HSET oscp:{0}:conn:vector state disabled
--- request
POST /oscp/fp/2.0/heartbeat
{}
--- error_code: 403
--- redis_check
XLEN oscp:{0}:in => 0
KEYS *seen* => 


=== TEST 2: disconnected by the operator
--- published
HSET oscp:{0}:conn:vector state disconnected
--- request
POST /oscp/fp/2.0/handshake
{}
--- error_code: 403


=== TEST 3: disabled by its flag
--- published
HSET oscp:{0}:conn:vector state online enabled 0
--- request
POST /oscp/fp/2.0/handshake
{}
--- error_code: 403


=== TEST 4: every other state passes
--- published
HSET oscp:{0}:conn:vector state offline enabled 1
--- request
POST /oscp/fp/2.0/handshake
{}
--- error_code: 204


=== TEST 5: a disabled group refuses its forecasts
--- published
HSET oscp:{0}:group:vector:DEPOT01 enabled 0
--- request eval: $::forecast
--- error_code: 403


=== TEST 6: and nothing else
--- published
HSET oscp:{0}:group:vector:DEPOT01 enabled 0
--- request
POST /oscp/fp/2.0/heartbeat
{}
--- error_code: 204


=== TEST 7: an enabled group
--- published
HSET oscp:{0}:group:vector:DEPOT01 enabled 1
--- request eval: $::forecast
--- error_code: 204
--- redis_check
EVAL "return redis.call('XRANGE', KEYS[1], '-', '+')[1][2][6]" 1 oscp:{0}:in => DEPOT01


=== TEST 8: a refused id is not remembered
--- published
HSET oscp:{0}:conn:vector enabled 0
--- more_headers eval: OSCP::Module::headers('', 'again')
--- request
POST /oscp/fp/2.0/heartbeat
{}
--- error_code: 403
--- redis_check
HSET oscp:{0}:conn:vector enabled 1 => 0
EXISTS oscp:{0}:seen:vector:heartbeat:again => 0


=== TEST 9: duplicates are those of one connection and message
--- request eval
["POST /oscp/fp/2.0/heartbeat\n{}", "POST /oscp/fp/2.0/heartbeat\n{}", "POST /oscp/fp/2.0/handshake\n{}", "POST /oscp/fp/2.0/heartbeat\n{\"other\":1}", "POST /oscp/fp/2.0/heartbeat\n{"]
--- more_headers eval
[map { OSCP::Module::headers('', 'same') } 1 .. 5]
--- error_code eval
[204, 204, 204, 204, 400]
--- redis_check eval
['XLEN oscp:{0}:in => 1', 'XLEN oscp:{0}:in => 1', 'XLEN oscp:{0}:in => 2', 'XLEN oscp:{0}:in => 2', 'XLEN oscp:{0}:in => 2']


=== TEST 10: what was seen is forgotten after a day
--- headers
X-Request-ID: day
--- request
POST /oscp/fp/2.0/heartbeat
{}
--- error_code: 204
--- redis_check
EVAL "local t = redis.call('TTL', KEYS[1]) return t > 86300 and t <= 86400" 1 oscp:{0}:seen:vector:heartbeat:day => 1


=== TEST 11: the backlog is counted, not guessed
--- main: oscp_backlog 2;
--- request eval
[map { "POST /oscp/fp/2.0/heartbeat\n{}" } 1 .. 4]
--- more_headers eval
[map { OSCP::Module::headers('', "id-$_") } 1, 2, 3, 1]
--- error_code eval
[204, 204, 503, 204]
--- redis_check eval
['XLEN oscp:{0}:in => 1', 'XLEN oscp:{0}:in => 2', 'XLEN oscp:{0}:in => 2', 'XLEN oscp:{0}:in => 2']


=== TEST 12: a stream that cannot be written is no duplicate later
--- published
SET oscp:{0}:in not-a-stream
--- headers
X-Request-ID: broken
--- request
POST /oscp/fp/2.0/heartbeat
{}
--- error_code: 503
--- response_headers
Retry-After: 5
--- error_log
oscp: Redis refused to store
--- redis_check
EXISTS oscp:{0}:seen:vector:heartbeat:broken => 0


=== TEST 13: Redis is out of memory
--- published
CONFIG SET maxmemory 1
--- headers
X-Request-ID: memory
--- request
POST /oscp/fp/2.0/heartbeat
{}
--- error_code: 503
--- redis_check
CONFIG SET maxmemory 0 => OK
EXISTS oscp:{0}:seen:vector:heartbeat:memory => 0


=== TEST 14: prefix
--- main: oscp_prefix site-a/;
--- published_key: site-a/config
--- headers
X-Request-ID: p
--- request
POST /oscp/fp/2.0/heartbeat
{}
--- error_code: 204
--- redis_check
XLEN site-a/{0}:in => 1
EXISTS site-a/{0}:seen:vector:heartbeat:p => 1
EXISTS oscp:{0}:in => 0


=== TEST 15: shards
--- main: oscp_shards 16;
--- request
POST /oscp/fp/2.0/heartbeat
{}
--- error_code: 204
--- redis_check
KEYS oscp:{*}:in => oscp:{2}:in
HGET oscp:config shards => 16


=== TEST 16: the script is loaded again when Redis has dropped it
--- published
SCRIPT FLUSH
--- request eval
["POST /oscp/fp/2.0/heartbeat\n{}", "POST /oscp/fp/2.0/handshake\n{}"]
--- error_code eval
[204, 204]
--- redis_check eval
['XLEN oscp:{0}:in => 1', 'XLEN oscp:{0}:in => 2']
