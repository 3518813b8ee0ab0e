# Goal: every row of the status table (design, section 3), in its order: each
# request below is wrong in every way from its row on, and gets its own row.

use strict;
use warnings;

use FindBin qw($Bin);
use lib "$Bin/lib";

use OSCP::Module;
use Test::Nginx::Socket 'no_plan';

repeat_each(2);
run_tests();

__DATA__

=== TEST 1: stored
--- request
POST /oscp/fp/2.0/heartbeat
{"offline_mode_at":"2099-01-01T00:00:00Z"}
--- error_code: 204
--- response_body
--- raw_response_headers_unlike: Content-(Length|Type)|Transfer-Encoding
--- redis_check
XLEN oscp:{0}:in => 1


=== TEST 2: credentials come first
--- headers
Authorization: Token wrong
Content-Type: text/plain
X-Request-ID:
--- published
HSET oscp:{0}:conn:vector enabled 0
--- request
GET /oscp/fp/2.0/nothing
--- error_code: 401
--- response_headers
WWW-Authenticate: Token realm="oscp"
Content-Type: application/json
--- response_body chomp
{"message":"credentials are missing or wrong"}
--- redis_check
XLEN oscp:{0}:in => 0


=== TEST 3: no such message
--- headers
Content-Type: text/plain
X-Request-ID:
--- request
GET /oscp/fp/2.0/nothing
--- error_code: 404
--- response_headers
Content-Type: application/json
!Allow
--- response_body chomp
{"message":"no such message"}


=== TEST 4: method
--- headers
Content-Type:
X-Request-ID:
--- request
GET /oscp/fp/2.0/heartbeat
--- error_code: 405
--- response_headers
Allow: POST
Content-Type: application/json
--- response_body chomp
{"message":"the method must be POST"}


=== TEST 5: content type
--- headers
Content-Type: text/json
X-Request-ID:
--- request
POST /oscp/fp/2.0/heartbeat
{
--- error_code: 415
--- response_headers
Content-Type: application/json
--- response_body chomp
{"message":"Content-Type: must be application/json"}


=== TEST 6: request id
--- headers
X-Request-ID:
--- request
POST /oscp/fp/2.0/heartbeat
{
--- error_code: 400
--- response_headers
Content-Type: application/json
--- response_body chomp
{"message":"X-Request-ID: must be 1 to 128 visible ASCII characters, once"}


=== TEST 7: schema
--- published
HSET oscp:{0}:conn:vector enabled 0
--- request
POST /oscp/fp/2.0/update_group_capacity_forecast
{"group_id":"NOT-OURS","type":"CONSUMPTION","forecasted_blocks":[{"capacity":-1,"phase":"ALL","unit":"KW","start_time":"2026-01-01T00:00:00Z","end_time":"2026-01-01T01:00:00Z"}]}
--- error_code: 400
--- response_headers
Content-Type: application/json
--- response_body_like: ^\{"message":"\$\.forecasted_blocks\[0\]\.capacity: must be [^"]+"\}$
--- redis_check
XLEN oscp:{0}:in => 0


=== TEST 8: group
--- published
HSET oscp:{0}:conn:vector enabled 0
--- request
POST /oscp/fp/2.0/update_group_capacity_forecast
{"group_id":"NOTOURS","type":"CONSUMPTION","forecasted_blocks":[{"capacity":1,"phase":"ALL","unit":"KW","start_time":"2026-01-01T00:00:00Z","end_time":"2026-01-01T01:00:00Z"}]}
--- error_code: 404
--- response_headers
Content-Type: application/json
--- response_body chomp
{"message":"$.group_id: must be a group of this connection"}
--- redis_check
XLEN oscp:{0}:in => 0


=== TEST 9: out of service, although a duplicate
--- headers
X-Request-ID: same
--- published
HSET oscp:{0}:conn:vector enabled 0
SET oscp:{0}:seen:vector:heartbeat:same 1
--- request
POST /oscp/fp/2.0/heartbeat
{"offline_mode_at":"2099-01-01T00:00:00Z"}
--- error_code: 403
--- response_headers
Content-Type: application/json
--- response_body chomp
{"message":"the connection or the group is out of service"}
--- redis_check
XLEN oscp:{0}:in => 0


=== TEST 10: duplicate, although the backlog is full
--- main: oscp_backlog 1;
--- headers
X-Request-ID: same
--- published
XADD oscp:{0}:in * a b
SET oscp:{0}:seen:vector:heartbeat:same 1
--- request
POST /oscp/fp/2.0/heartbeat
{"offline_mode_at":"2099-01-01T00:00:00Z"}
--- error_code: 204
--- redis_check
XLEN oscp:{0}:in => 1


=== TEST 11: backlog
--- main: oscp_backlog 1;
--- published
XADD oscp:{0}:in * a b
--- request
POST /oscp/fp/2.0/heartbeat
{"offline_mode_at":"2099-01-01T00:00:00Z"}
--- error_code: 503
--- response_headers
Retry-After: 5
Content-Type: application/json
--- response_body chomp
{"message":"too many messages are waiting; try again"}
--- redis_check
XLEN oscp:{0}:in => 1
KEYS *seen* => 


=== TEST 12: register has no connection yet, whatever the method
--- request eval
["POST /oscp/fp/2.0/register\n{}", "PUT /oscp/fp/2.0/register\n{}", "DELETE /oscp/fp/2.0/register"]
--- error_code eval
[404, 404, 404]


=== TEST 13: messages that an FP only sends
--- request eval
[map { "POST /oscp/fp/2.0/$_\n{}" } qw(adjust_group_capacity_forecast group_capacity_compliance_error update_group_measurements update_asset_measurements)]
--- error_code eval
[404, 404, 404, 404]


=== TEST 14: the other methods
--- request eval
["PUT /oscp/fp/2.0/heartbeat\n{}", "DELETE /oscp/fp/2.0/heartbeat", "HEAD /oscp/fp/2.0/heartbeat", "OPTIONS /oscp/fp/2.0/heartbeat", "PATCH /oscp/fp/2.0/heartbeat\n{}"]
--- error_code eval
[405, 405, 405, 405, 405]
--- response_headers eval
["Allow: POST", "Allow: POST", "Allow: POST", "Allow: POST", "Allow: POST"]


=== TEST 15: nginx's own limit comes before everything
--- config
location /oscp/fp/2.0/ { client_max_body_size 10; oscp_endpoint vector; }
--- headers
Authorization: Token wrong
--- request
POST /oscp/fp/2.0/heartbeat
{"offline_mode_at":"2099-01-01T00:00:00Z"}
--- error_code: 413


=== TEST 16: an error body leaves the connection usable
--- pipelined_requests eval
["POST /oscp/fp/2.0/heartbeat\n{\"offline_mode_at\":1}", "POST /oscp/fp/2.0/nothing\n{}", "POST /oscp/fp/2.0/heartbeat\n{\"offline_mode_at\":\"2099-01-01T00:00:00Z\"}"]
--- error_code eval
[400, 404, 204]
