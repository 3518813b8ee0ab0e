# Goal: an endpoint in every kind of location: prefix with and without a slash,
# regular expression, exact, with variables, nested, in `if` and `limit_except`.

use strict;
use warnings;

use FindBin qw($Bin);
use lib "$Bin/lib";

use OSCP::Module;
use Test::Nginx::Socket 'no_plan';

our @four = ('POST /a/heartbeat', 'POST /a/heartbeat/', 'POST /a/',
    'POST /a/x/heartbeat');

sub with_body {
    return [map { "$_\n{}" } @_];
}

sub ids {
    my ($n) = @_;

    return [map { OSCP::Module::headers('', "id-$_") } 1 .. $n];
}

run_tests();

__DATA__

=== TEST 1: a prefix that ends with a slash
--- config
location /a/ { oscp_endpoint vector; }
--- request eval: ::with_body(@::four)
--- more_headers eval: ::ids(4)
--- error_code eval
[204, 404, 404, 404]


=== TEST 2: a prefix that does not
--- config
location /a { oscp_endpoint vector; }
--- request eval: ::with_body(@::four)
--- more_headers eval: ::ids(4)
--- error_code eval
[204, 404, 404, 404]


=== TEST 3: a regular expression: what follows the last slash
--- config
location ~ ^/a/ { oscp_endpoint vector; }
--- request eval: ::with_body(@::four)
--- more_headers eval: ::ids(4)
--- error_code eval
[204, 404, 404, 204]


=== TEST 4: exact
--- config
location = /a/heartbeat { oscp_endpoint vector; }
--- request
POST /a/heartbeat
{}
--- error_code: 204


=== TEST 5: a name from the URI
--- config
location ~ ^/oscp/(?<who>[^/]+)/2.0/ { oscp_endpoint $who; }
--- request eval: ::with_body('POST /oscp/vector/2.0/heartbeat', 'POST /oscp/nobody/2.0/heartbeat', 'POST /oscp/Vector/2.0/heartbeat', 'POST /oscp/vector/2.0/nothing', 'POST /oscp/nobody/2.0/nothing')
--- more_headers eval: ::ids(5)
--- error_code eval
[204, 401, 401, 404, 401]
--- response_body_like eval
['^$', '"credentials are missing or wrong"', '"credentials are missing or wrong"', '"no such message"', '"credentials are missing or wrong"']


=== TEST 6: two connections by one variable
--- main
oscp_connection other {
    profile generic; peer https://other.example; accept header fp-id OTHER;
    group DEPOT01 scope=other-1 asset=other-1;
}
--- config
location ~ ^/oscp/(?<who>[^/]+)/2.0/ { oscp_endpoint $who; }
--- request eval: ::with_body('POST /oscp/vector/2.0/heartbeat', 'POST /oscp/other/2.0/heartbeat', 'POST /oscp/other/2.0/heartbeat', 'POST /oscp/vector/2.0/heartbeat')
--- more_headers eval
[OSCP::Module::headers('', 'same'), OSCP::Module::headers('fp-id: OTHER', 'same'), OSCP::Module::headers('', 'same'), OSCP::Module::headers('fp-id: OTHER', 'same')]
--- error_code eval
[204, 204, 401, 401]
--- redis_check eval
['XLEN oscp:{0}:in => 1', 'XLEN oscp:{0}:in => 2', 'XLEN oscp:{0}:in => 2', 'XLEN oscp:{0}:in => 2']


=== TEST 7: arguments are nothing to it
--- request
POST /oscp/fp/2.0/heartbeat?a=b
{}
--- error_code: 204


=== TEST 8: rewritten
--- config
rewrite ^/old/(.*)$ /a/$1 last;
location /a/ { oscp_endpoint vector; }
--- request
POST /old/heartbeat
{}
--- error_code: 204


=== TEST 9: with `if` and `limit_except`
--- config
location /a/ {
    oscp_endpoint vector;
    if ($arg_x) { set $y 1; }
    limit_except POST { deny all; }
}
--- request eval: ::with_body('POST /a/heartbeat?x=1', 'POST /a/heartbeat', 'PUT /a/heartbeat')
--- more_headers eval: ::ids(3)
--- error_code eval
[204, 204, 403]


=== TEST 10: the same in a location that is no prefix
--- config
location = /a/heartbeat {
    oscp_endpoint vector;
    if ($arg_x) { set $y 1; }
    limit_except POST { deny all; }
}
location ~ /rx/ {
    oscp_endpoint vector;
    if ($arg_x) { set $y 1; }
}
location = /l/heartbeat {
    oscp_endpoint vector;
    limit_except GET { allow 127.0.0.1; deny all; }
}
--- request eval: ::with_body('POST /a/heartbeat?x=1', 'POST /a/heartbeat', 'POST /rx/a/heartbeat?x=1', 'POST /rx/a/heartbeat', 'POST /l/heartbeat')
--- more_headers eval: ::ids(5)
--- error_code eval
[204, 204, 204, 204, 204]


=== TEST 11: a location within is none
--- config
location /a/ {
    oscp_endpoint vector;
    location /a/plain { return 200 plain; }
    location = /a/other { root /nonexistent; }
}
--- request eval: ::with_body('POST /a/heartbeat', 'GET /a/plain')
--- more_headers eval: ::ids(2)
--- error_code eval
[204, 200]


=== TEST 12: beside nginx's own access control
--- config
location /a/ { oscp_endpoint vector; deny all; }
--- request
POST /a/heartbeat
{}
--- error_code: 403
--- redis_check
XLEN oscp:{0}:in => 0


=== TEST 13: through error_page nothing changes
--- config
error_page 400 401 404 503 /other;
location /a/ { oscp_endpoint vector; }
--- request
POST /a/nothing
{}
--- error_code: 404
--- response_body chomp
{"message":"no such message"}


=== TEST 14: an endpoint that is a status as well
--- config
location /a/ { oscp_endpoint vector; oscp_status; }
--- must_die
--- error_log
"oscp_status" directive must have a location of its own


=== TEST 15: a status that is an endpoint as well
--- config
location /a/ { oscp_status; oscp_endpoint vector; }
--- must_die
--- error_log
"oscp_endpoint vector" must have a location of its own


=== TEST 16: a status twice
--- config
location /a/ { oscp_status; oscp_status; }
--- must_die
--- error_log
"oscp_status" directive is there twice


=== TEST 17: a token endpoint that is a status as well
--- config
location /a/ { oscp_token vector; oscp_status; }
--- must_die
--- error_log
"oscp_status" directive must have a location of its own


=== TEST 18: a status that takes samples as well
--- config
location /a/ { oscp_status; oscp_measurements vector; }
--- must_die
--- error_log
"oscp_measurements vector" must have a location of its own


=== TEST 19: an endpoint behind proxy_pass
--- config
location /a/ { proxy_pass http://127.0.0.1:9; oscp_endpoint vector; }
--- must_die
--- error_log
"oscp_endpoint vector" must have a location of its own


=== TEST 20: an endpoint before proxy_pass
--- config
location /a/ { oscp_endpoint vector; proxy_pass http://127.0.0.1:9; }
--- must_die
--- error_log
"oscp_endpoint" must have a location of its own: another directive takes the requests of "/a/" in


=== TEST 21: a status behind empty_gif
--- config
location /a/ { empty_gif; oscp_status; }
--- must_die
--- error_log
"oscp_status" directive must have a location of its own


=== TEST 22: a status before empty_gif
--- config
location /a/ { oscp_status; empty_gif; }
--- must_die
--- error_log
"oscp_status" must have a location of its own: another directive takes the requests of "/a/" in


=== TEST 23: samples before proxy_pass
--- config
location /a/ { oscp_measurements vector; proxy_pass http://127.0.0.1:9; }
--- must_die
--- error_log
"oscp_measurements" must have a location of its own: another directive takes the requests of "/a/" in


=== TEST 24: another handler in a block within is its own affair
--- config
location /a/ {
    oscp_endpoint vector;
    location /a/gif { empty_gif; }
    location /a/status { oscp_status; }
}
--- request eval: ::with_body('POST /a/heartbeat', 'GET /a/gif', 'GET /a/status')
--- more_headers eval: ::ids(3)
--- error_code eval
[204, 200, 200]


=== TEST 25: a status with `if` and `limit_except`
--- config
location = /status {
    oscp_status;
    if ($arg_x) { set $y 1; }
    limit_except HEAD { allow 127.0.0.1; deny all; }
}
--- request eval: ['GET /status', 'GET /status?x=1']
--- more_headers
--- error_code eval
[200, 200]
--- response_body_like eval
['"connections":', '"connections":']
