# Goal: one Authorization and every header line must hold; header names and the
# scheme in any case; whatever is wrong, the 401 looks the same.

use strict;
use warnings;

use FindBin qw($Bin);
use lib "$Bin/lib";

use OSCP::Module;
use Test::Nginx::Socket 'no_plan';

use constant REFUSAL => '{"message":"credentials are missing or wrong"}';

our @all = (1) x 16;

# One request per way of being wrong; "X\nY" gives two lines.
our @wrong = map { OSCP::Module::headers($_, 'wrong') } (
    'Authorization:',
    'Authorization: Token',
    'Authorization: Token ',
    'Authorization: tok-3f0c1ab97e',
    'Authorization: Bearer tok-3f0c1ab97e',
    'Authorization: Token tok-3f0c1ab97',
    'Authorization: Token tok-3f0c1ab97ee',
    'Authorization: Token TOK-3F0C1AB97E',
    'Authorization: Basic dG9rLTNmMGMxYWI5N2U=',
    'fp-id:',
    'fp-id: BF02',
    'fp-id: bf01',
    'apikey:',
    'apikey: key-81d6c22f0',
    "fp-id: BF01\nfp-id: BF01",
    "apikey: key-81d6c22f04\nApiKey: key-81d6c22f04",
);

run_tests();

__DATA__

=== TEST 1: everything holds
--- request
POST /oscp/fp/2.0/heartbeat
{}
--- error_code: 204


=== TEST 2: names and scheme in any case
--- more_headers
AUTHORIZATION: tOkEn tok-3f0c1ab97e
FP-ID: BF01
ApiKey: key-81d6c22f04
content-type: APPLICATION/JSON
x-REQUEST-id: case
--- request
POST /oscp/fp/2.0/heartbeat
{}
--- error_code: 204


=== TEST 3: blanks around the credentials
--- headers
Authorization:   Token    tok-3f0c1ab97e   
--- request
POST /oscp/fp/2.0/heartbeat
{}
--- error_code: 204


=== TEST 4: every way of being wrong
--- request eval
[map { "POST /oscp/fp/2.0/heartbeat\n{}" } @::all]
--- more_headers eval
[@::wrong]
--- error_code eval
[map { 401 } @::all]
--- response_body eval
[map { ::REFUSAL } @::all]
--- response_headers eval
[map { 'WWW-Authenticate: Token realm="oscp"' } @::all]
--- redis_check
XLEN oscp:{0}:in => 0


=== TEST 5: two Authorization lines are refused by nginx itself
--- headers
Authorization: Token tok-3f0c1ab97e
Authorization: Token tok-3f0c1ab97e
--- request
POST /oscp/fp/2.0/heartbeat
{}
--- error_code: 400
--- redis_check
XLEN oscp:{0}:in => 0


=== TEST 6: no Authorization demanded, none needed
--- http_config eval
"oscp_redis unix:$OSCP::Module::dir/redis.sock;
oscp_connection vector {
    profile vector; peer https://peer.example;
    accept header fp-id BF01;
}"
--- more_headers
fp-id: BF01
Content-Type: application/json
X-Request-ID: plain
--- request
POST /oscp/fp/2.0/heartbeat
{}
--- error_code: 204


=== TEST 7: any of several Authorization lines
--- user_files
>>> second
second-token
--- settings
accept token file=$TEST_NGINX_SERVER_ROOT/html/second;
--- request eval
["POST /oscp/fp/2.0/heartbeat\n{}", "POST /oscp/fp/2.0/heartbeat\n{}", "POST /oscp/fp/2.0/heartbeat\n{}"]
--- more_headers eval
[OSCP::Module::headers('', 'a'), OSCP::Module::headers('Authorization: Token second-token', 'b'), OSCP::Module::headers('Authorization: Token third-token', 'c')]
--- error_code eval
[204, 204, 401]


=== TEST 8: nothing of one request is left to the next
--- request eval
[map { "POST /oscp/fp/2.0/heartbeat\n{}" } 1 .. 3]
--- more_headers eval
[OSCP::Module::headers('', 'a'), OSCP::Module::headers("Authorization:\nfp-id:\napikey:", 'b'), OSCP::Module::headers('', 'c')]
--- error_code eval
[204, 401, 204]
--- redis_check
EXISTS oscp:{0}:seen:vector:heartbeat:b => 0


=== TEST 9: a token of 4096 bytes
--- user_files eval
">>> long\n" . 't' x 4096 . "\n"
--- config
location /oscp/fp/2.0/ { oscp_endpoint vector; }
large_client_header_buffers 4 16k;
--- settings
accept token file=$TEST_NGINX_SERVER_ROOT/html/long;
--- request eval
["POST /oscp/fp/2.0/heartbeat\n{}", "POST /oscp/fp/2.0/heartbeat\n{}"]
--- more_headers eval
[OSCP::Module::headers('Authorization: Token ' . 't' x 4096, 'a'), OSCP::Module::headers('Authorization: Token ' . 't' x 4097, 'b')]
--- error_code eval
[204, 401]


=== TEST 10: a name that nginx does not let in
--- settings: accept header Api_Key x;
--- headers: api_key: x
--- request
POST /oscp/fp/2.0/heartbeat
{}
--- error_code: 401
--- error_log
a header line is missing


=== TEST 11: a name that nginx lets in
--- main: underscores_in_headers on;
--- settings: accept header Api_Key x;
--- headers: api_key: x
--- request
POST /oscp/fp/2.0/heartbeat
{}
--- error_code: 204
--- no_error_log
cannot hold
