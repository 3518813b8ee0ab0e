# Goal: `nginx -t` finds every mistake in the directives outside a connection,
# names the directive and the value, and needs no living Redis.

use strict;
use warnings;

use FindBin qw($Bin);
use lib "$Bin/lib";

use OSCP::Module;
use Test::Nginx::Socket 'no_plan';

run_tests();

__DATA__

=== TEST 1: oscp_redis with a port that is none
--- http_config
oscp_redis 127.0.0.1:99999;
--- must_die
--- error_log
"oscp_redis 127.0.0.1:99999" must be


=== TEST 2: oscp_redis by a name that does not exist
--- http_config
oscp_redis no-such-host.invalid;
--- must_die
--- error_log
"oscp_redis no-such-host.invalid" host not found


=== TEST 3: oscp_redis twice
--- main: oscp_redis 127.0.0.1;
--- must_die
--- error_log
"oscp_redis" directive is there twice


=== TEST 4: oscp_redis with an unknown parameter
--- http_config
oscp_redis 127.0.0.1 database=1;
--- must_die
--- error_log
"oscp_redis database=" must be user=, password_file=, db=, tls or tls_ca=


=== TEST 5: what may be a password is not shown
--- http_config
oscp_redis 127.0.0.1 password=geheim;
--- must_die
--- error_log
"oscp_redis password=" must be user=, password_file=, db=, tls or tls_ca=
--- no_error_log
geheim


=== TEST 6: nor in a URL
--- http_config
oscp_redis redis://user:geheim@127.0.0.1;
--- must_die
--- error_log
"oscp_redis @127.0.0.1"
--- no_error_log
geheim


=== TEST 7: oscp_redis db=
--- http_config
oscp_redis 127.0.0.1 db=-1;
--- must_die
--- error_log
"oscp_redis db=-1" must be the number of a database


=== TEST 8: oscp_redis tls over a Unix socket
--- http_config
oscp_redis unix:/run/redis/redis.sock tls;
--- must_die
--- error_log
"oscp_redis tls" is not possible: a Unix socket has no TLS


=== TEST 9: oscp_redis cluster: with a database
--- http_config
oscp_redis cluster:127.0.0.1 db=1;
--- must_die
--- error_log
"oscp_redis db=1" is not possible: a cluster has no other database than 0


=== TEST 10: oscp_redis user= without a password
--- http_config
oscp_redis 127.0.0.1 user=nginx;
--- must_die
--- error_log
"oscp_redis user=" needs password_file= as well


=== TEST 11: oscp_redis password_file= that is not there
--- http_config
oscp_redis 127.0.0.1 password_file=/no/such/file;
--- must_die
--- error_log
"oscp_redis": secret file "/no/such/file" cannot be opened (2: No such file or directory)


=== TEST 12: oscp_redis_timeout
--- main: oscp_redis_timeout 1ms;
--- must_die
--- error_log
"oscp_redis_timeout 1ms" must be a time from 10ms to 60s


=== TEST 13: oscp_redis_timeout that is no time
--- main: oscp_redis_timeout soon;
--- must_die
--- error_log
"oscp_redis_timeout soon" must be a time


=== TEST 14: oscp_prefix with a brace
--- main: oscp_prefix "os{c}p:";
--- must_die
--- error_log
"oscp_prefix os{c}p:" must be 1 to 64 visible characters but { }


=== TEST 15: oscp_prefix of 65 characters
--- main eval: 'oscp_prefix ' . 'p' x 65 . ';'
--- must_die
--- error_log
pppp" must be 1 to 64 visible characters


=== TEST 16: oscp_shards 0
--- main: oscp_shards 0;
--- must_die
--- error_log
"oscp_shards 0" must be a number from 1 to 256


=== TEST 17: oscp_shards 257
--- main: oscp_shards 257;
--- must_die
--- error_log
"oscp_shards 257" must be a number from 1 to 256


=== TEST 18: oscp_backlog that is no number
--- main: oscp_backlog many;
--- must_die
--- error_log
"oscp_backlog many" must be a number from 1 to 100000000


=== TEST 19: oscp_backlog twice
--- main: oscp_backlog 1; oscp_backlog 2;
--- must_die
--- error_log
"oscp_backlog 2" is there twice


=== TEST 20: oscp_endpoint of no connection
--- config
location / { oscp_endpoint nobody; }
--- must_die
--- error_log
"oscp_endpoint nobody" names no oscp_connection


=== TEST 21: oscp_endpoint twice
--- config
location / { oscp_endpoint vector; oscp_endpoint vector; }
--- must_die
--- error_log
"oscp_endpoint vector" is there twice


=== TEST 22: oscp_connection twice
--- main: oscp_connection vector { profile vector; peer https://p.example; accept header a b; }
--- must_die
--- error_log
"oscp_connection vector" is there twice


=== TEST 23: two connections with one scope
--- main: oscp_connection other { profile vector; peer https://p.example; accept header a b; group G2 scope=depot-1; }
--- must_die
--- error_log
its scope must not be that of group


=== TEST 24: oscp_token of a connection that accepts no tokens of ours
--- config
location / { oscp_token vector; }
--- must_die
--- error_log
"oscp_token vector" names a connection without "accept oauth"


=== TEST 25: oscp_token_key_file that is not there
--- main: oscp_token_key_file /no/token.key;
--- must_die
--- error_log
"oscp_token_key_file /no/token.key" cannot be opened


=== TEST 26: all of it at once is good
--- main
oscp_redis_timeout 500ms;
oscp_prefix a:;
oscp_shards 2;
oscp_backlog 10;
--- published_key: a:config
--- request
POST /oscp/fp/2.0/heartbeat
{}
--- error_code: 204


=== TEST 27: nothing of it at all
--- http_config
--- config
location = /plain { return 200 plain; }
--- init
--- request
GET /plain
--- response_body chomp
plain


=== TEST 28: without a connection nothing is published
--- http_config
oscp_redis unix:$TEST_NGINX_OSCP_REDIS;
--- config
location = /plain { return 200 plain; }
--- init
--- request
GET /plain
--- response_body chomp
plain
--- wait: 0.5
--- redis_check
EXISTS oscp:config => 0


=== TEST 29: oscp_redis db twice
--- http_config
oscp_redis 127.0.0.1 db=1 db=2;
--- must_die
--- error_log
"oscp_redis db=2" has a parameter twice


=== TEST 30: oscp_redis user twice
--- http_config
oscp_redis 127.0.0.1 user=a user=a;
--- must_die
--- error_log
"oscp_redis user=a" has a parameter twice


=== TEST 31: oscp_redis tls twice
--- http_config
oscp_redis 127.0.0.1 tls tls;
--- must_die
--- error_log
"oscp_redis tls" has a parameter twice


=== TEST 32: oscp_redis tls_ca twice
--- http_config
oscp_redis 127.0.0.1 tls_ca=a tls_ca=b;
--- must_die
--- error_log
"oscp_redis tls_ca=b" has a parameter twice


=== TEST 33: oscp_redis password_file twice
--- http_config
oscp_redis 127.0.0.1 password_file=$TEST_NGINX_OSCP_DIR/token password_file=x;
--- must_die
--- error_log
"oscp_redis password_file=x" has a parameter twice


=== TEST 34: a password behind the address
--- http_config
oscp_redis 127.0.0.1:6379 geheim;
--- must_die
--- error_log
"oscp_redis" must be user=, password_file=
--- no_error_log
geheim


=== TEST 35: a password that is encoded
--- http_config
oscp_redis 127.0.0.1:6379 geheim0Z==;
--- must_die
--- error_log
"oscp_redis" must be user=, password_file=
--- no_error_log
geheim


=== TEST 36: a password with an = in it
--- http_config
oscp_redis 127.0.0.1:6379 geheim1=x;
--- must_die
--- error_log
"oscp_redis" must be user=, password_file=
--- no_error_log
geheim


=== TEST 37: a password with an @ in it
--- http_config
oscp_redis 127.0.0.1:6379 geheim@;
--- must_die
--- error_log
"oscp_redis @" must be user=, password_file=
--- no_error_log
geheim


=== TEST 38: a password in place of the address
--- http_config
oscp_redis password=geheim;
--- must_die
--- error_log
"oscp_redis password=" must be unix:/PATH, HOST
--- no_error_log
geheim


=== TEST 39: the same with an @ in it
--- http_config
oscp_redis password=x@geheim;
--- must_die
--- error_log
"oscp_redis password=" must be unix:/PATH, HOST
--- no_error_log
geheim


=== TEST 40: an encoded password in place of the address
--- http_config
oscp_redis geheim0Z==;
--- must_die
--- error_log
"oscp_redis" must be unix:/PATH, HOST
--- no_error_log
geheim


=== TEST 41: a URL with a password and no host
--- http_config
oscp_redis redis://:geheim;
--- must_die
--- error_log
"oscp_redis redis://" must be unix:/PATH, HOST
--- no_error_log
geheim


=== TEST 42: a URL with a password that has an =
--- http_config
oscp_redis redis://user:geheim=1@127.0.0.1;
--- must_die
--- error_log
"oscp_redis @127.0.0.1" must be unix:/PATH, HOST
--- no_error_log
geheim


=== TEST 43: a URL without a host and an = in it
--- http_config
oscp_redis redis://:geheim/?db=1;
--- must_die
--- error_log
"oscp_redis" must be unix:/PATH, HOST
--- no_error_log
geheim


=== TEST 44: a second address that is none
--- http_config
oscp_redis 127.0.0.1; oscp_redis password=geheim;
--- must_die
--- error_log
"oscp_redis" directive is there twice
--- no_error_log
geheim
