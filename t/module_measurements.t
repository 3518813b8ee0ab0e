# Goal: a site's samples by POST: every row of the status table as it holds for
# them, every member's error with its path, all of a request or nothing, and
# what stands in the stream.

use strict;
use warnings;

use FindBin qw($Bin);
use lib "$Bin/lib";

use OSCP::Module;
use Test::Nginx::Socket 'no_plan';

our $main = 'log_format o "[$oscp_connection] [$oscp_message] [$oscp_group]'
    . ' [$oscp_result] [$oscp_entry_id]"; access_log logs/oscp.log o;'
    . ' oscp_connection other { peer https://other.example; accept header a b;'
    . ' group OTHER scope=other; group SECOND scope=second; }';

OSCP::Module::add_defaults(main => $main,
    more_headers => "Content-Type: application/json",
    config => 'location /meter { oscp_measurements vector; }'
        . ' location ~ ^/meters/(?<conn>\w+)$ { oscp_measurements $conn; }'
        . ' location /oscp/fp/2.0/ { oscp_endpoint vector; }'
        . ' location /status { oscp_status; }');

my @members = (['group', '"DEPOT01"'], ['asset', '"c-1"'],
    ['at', '"2026-11-23T00:55:59Z"'], ['energy_import_wh', '1000']);

# A sample; a value of undef leaves the member out.
sub sample {
    my (%change) = @_;
    my %known = map { $_->[0] => 1 } @members;
    my @all = (@members, map { [$_, $change{$_}] }
        grep { !$known{$_} } sort keys %change);

    return '{' . join(',', map { my $value = exists $change{$_->[0]}
        ? $change{$_->[0]} : $_->[1];
        defined $value ? qq("$_->[0]":$value) : () } @all) . '}';
}

sub list {
    return '[' . join(',', @_) . ']';
}

sub posts {
    return [map { "POST /meter\n$_" } @_];
}

# n samples of n assets.
sub many {
    my ($n) = @_;

    return list(map { sample(asset => qq("a$_"), energy_import_wh => $_) }
        1 .. $n);
}

sub chunks {
    my ($size, $text) = @_;

    return join('', map { sprintf("%x\r\n%s\r\n", length, $_) }
        $text =~ /(.{1,$size})/gs) . "0\r\n\r\n";
}

sub head {
    return join("\r\n", 'POST /meter HTTP/1.1', 'Host: localhost',
        'Connection: close', 'Content-Type: application/json', @_)
        . "\r\n\r\n";
}

# The whole stream as text: an entry a line, field=value.
add_response_body_check(sub {
    my ($block) = @_;

    if (defined $block->meter) {
        my $got = join '', map { my @f = @{$_->[1]};
            join(' ', map { "$f[2 * $_]=$f[2 * $_ + 1]" } 0 .. $#f / 2) . "\n"
        } @{$OSCP::Module::redis->command('XRANGE', 'oscp:{0}:meter', '-',
            '+')};
        Test::More::is($got, $block->meter, $block->name . ' - the stream');
    }
    if (defined $block->logged) {
        my $file = "$ENV{TEST_NGINX_SERVROOT}/logs/oscp.log";
        OSCP::Process::wait_for(sub { -s $file }, 10);
        open my $fh, '<', $file or die "$file: $!";
        my @lines = <$fh>;
        Test::More::is($lines[-1] =~ s/\d+-\d+(?=\]$)/ID/r, $block->logged,
            $block->name . ' - logged');
    }
});

run_tests();

__DATA__

=== TEST 1: one sample with all members
--- request eval
"POST /meter\n" . ::sample(power_w => '-11000.5', energy_import_wh => '"1234567.125"', energy_export_wh => '1.5e3', at => '"2026-11-23T13:55:59.25+13:00"')
--- error_code: 204
--- response_body
--- raw_response_headers_unlike: Content-(Length|Type)|Transfer-Encoding
--- meter
conn=vector group=DEPOT01 asset=c-1 at=2026-11-23T00:55:59.250Z power_w=-11000.5 energy_import_wh=1234567.125 energy_export_wh=1500
--- logged
[vector] [measurements] [DEPOT01] [stored] [ID]
--- redis_check
KEYS *seen* => 
XLEN oscp:{0}:in => 0


=== TEST 2: the required members, and one that is not known
--- request eval
"POST /meter\n" . ::sample(firmware => '{"a":[1]}')
--- error_code: 204
--- meter
conn=vector group=DEPOT01 asset=c-1 at=2026-11-23T00:55:59.000Z energy_import_wh=1000


=== TEST 3: a list, in its order; of a variable's connection, two groups
--- request eval
"POST /meters/other\n" . ::list(::sample(group => '"SECOND"', asset => '"b"'), ::sample(group => '"OTHER"', power_w => 0), ::sample(group => '"SECOND"', at => '"2026-11-23T00:00:00Z"'))
--- error_code: 204
--- meter
conn=other group=SECOND asset=b at=2026-11-23T00:55:59.000Z energy_import_wh=1000
conn=other group=OTHER asset=c-1 at=2026-11-23T00:55:59.000Z power_w=0 energy_import_wh=1000
conn=other group=SECOND asset=c-1 at=2026-11-23T00:00:00.000Z energy_import_wh=1000
--- logged
[other] [measurements] [-] [stored] [ID]


=== TEST 4: rows that need no body, in their order
--- published
HSET oscp:{0}:conn:vector enabled 0
--- request eval
["GET /meters/nobody", "GET /meter", "POST /meter\n{", "POST /meter\n{", "POST /meter\n{"]
--- more_headers eval
['', '', "Content-Type: text/plain\nX-Request-ID: a b", "Content-Type: application/json\nX-Request-ID: a b", "Content-Type: application/json;charset=utf-8\nX-Request-ID: a\nX-Request-ID: b"]
--- error_code eval
[404, 405, 415, 400, 400]
--- response_body eval
['{"message":"no such connection"}', '{"message":"the method must be POST"}', '{"message":"Content-Type: must be application/json"}', '{"message":"X-Request-ID: must be 1 to 128 visible ASCII characters, once, or not there"}', '{"message":"X-Request-ID: must be 1 to 128 visible ASCII characters, once, or not there"}']
--- response_headers eval
['!Allow', 'Allow: POST', '!Allow', 'Content-Type: application/json', '!Retry-After']


=== TEST 5: a connection that is not known, as it is logged
--- request eval
"POST /meters/nobody\n" . ::sample()
--- error_code: 404
--- logged
[-] [measurements] [-] [refused] [-]


=== TEST 6: every member, wrong, alone and in a list
--- published
HSET oscp:{0}:conn:vector enabled 0
--- request eval
::posts(::sample(group => undef), ::sample(group => 1), ::sample(asset => '"a b"'), ::sample(asset => undef), ::sample(at => 1795395359), ::sample(at => '"now"'), ::sample(at => undef), ::sample(energy_import_wh => undef), ::sample(energy_import_wh => '"12 kWh"'), ::sample(energy_import_wh => -1), ::sample(energy_import_wh => '1e13'), ::sample(energy_export_wh => 'null'), ::sample(power_w => '1e999'), ::sample(power_w => '"x"'), ::list(::sample(), ::sample(), ::sample(), ::sample(at => '""')), ::list(::sample(group => '"NOT-OURS"'), ::sample(power_w => 'true')), ::list(::sample(), 7), '[]', '"x"', '{', '', ::sample() . ',', ::sample() =~ s/"asset"/"group"/r)
--- error_code eval
[(400) x 23]
--- response_body_like eval
[map { '^\{"message":"\$' . $_ . '[^"]*"\}$' } '\.group: is required', '\.group: must be a string', '\.asset: must be 1 to 64 of', '\.asset: is required', '\.at: must be an RFC 3339', '\.at: must be an RFC 3339', '\.at: is required', '\.energy_import_wh: is required', '\.energy_import_wh: must be a number of watt-hours', '\.energy_import_wh: must be .* 0 to 1e12', '\.energy_import_wh: must be .* 0 to 1e12', '\.energy_export_wh: must be a number', '\.power_w: must be finite', '\.power_w: must be a number of watts', '\[3\]\.at: must be an RFC 3339', '\[1\]\.power_w: must be a number', '\[1\]: must be an object', ': must be a sample, or a list of samples that is not empty', ': must be a sample, or a list', ': must be JSON', ': must be JSON', ': must be JSON: more follows', '\.group: must not be given twice']
--- meter


=== TEST 7: one wrong sample of many: nothing is stored
--- request eval
"POST /meter\n" . ::list((::sample()) x 30, ::sample(power_w => '2e12'), (::sample()) x 30)
--- error_code: 400
--- response_body_like: \$\[30\]\.power_w: must be
--- meter
--- logged
[vector] [measurements] [-] [invalid] [-]


=== TEST 8: groups that are not bound to the connection
--- published
HSET oscp:{0}:conn:vector enabled 0
--- request eval
::posts(::sample(group => '"OTHER"'), ::list(::sample(), ::sample(group => '"' . 'x' x 65 . '"')), " \n[" . ::sample(group => '"depot01"') . ']')
--- error_code eval
[404, 404, 404]
--- response_body eval
[map { '{"message":"' . $_ . '.group: must be a group of this connection"}' } '$', '$[1]', '$[0]']
--- meter


=== TEST 9: a connection out of service
--- published
HSET oscp:{0}:conn:vector state disabled
--- request eval: ::posts(::sample())
--- error_code eval
[403]
--- response_body chomp
{"message":"the connection or the group is out of service"}
--- meter
--- redis_check
EXISTS oscp:{0}:verdicts => 0
--- logged
[vector] [measurements] [DEPOT01] [refused] [-]


=== TEST 10: by its flag
--- published
HSET oscp:{0}:conn:vector state online enabled 0
--- request eval: ::posts(::sample())
--- error_code eval
[403]
--- meter


=== TEST 11: disconnected by the operator: meters go on
--- published
HSET oscp:{0}:conn:vector state disconnected enabled 1
--- request eval: ::posts(::sample())
--- error_code eval
[204]
--- redis_check
XLEN oscp:{0}:meter => 1


=== TEST 12: one group out of service among those of a request
--- published
HSET oscp:{0}:group:other:SECOND enabled 0
--- request eval
["POST /meters/other\n" . ::list(::sample(group => '"OTHER"'), ::sample(group => '"SECOND"')), "POST /meters/other\n" . ::sample(group => '"OTHER"')]
--- error_code eval
[403, 204]
--- redis_check eval
['XLEN oscp:{0}:meter => 0', 'XLEN oscp:{0}:meter => 1']


=== TEST 13: a repeated request id; without one, nothing is a repetition
--- request eval
::posts((::list(::sample(), ::sample(asset => '"b"'))) x 4)
--- more_headers eval
[map { "Content-Type: application/json$_" } "\nX-Request-ID: once", "\nX-Request-ID: once", '', '']
--- error_code eval
[204, 204, 204, 204]
--- redis_check eval
['XLEN oscp:{0}:meter => 2', 'XLEN oscp:{0}:meter => 2', 'XLEN oscp:{0}:meter => 4', "XLEN oscp:{0}:meter => 6\nKEYS *seen* => oscp:{0}:seen:vector:measurements:once\nEVAL \"local t = redis.call('TTL', KEYS[1]) return t > 86300 and t <= 86400\" 1 oscp:{0}:seen:vector:measurements:once => 1"]


=== TEST 14: a repetition, as it is logged
--- published
SET oscp:{0}:seen:vector:measurements:dup 1
--- more_headers
Content-Type: application/json
X-Request-ID: dup
--- request eval: ::posts(::sample())
--- error_code eval
[204]
--- meter
--- logged
[vector] [measurements] [DEPOT01] [duplicate] [-]


=== TEST 15: the backlog counts samples; what does not fit leaves nothing
--- main eval: "oscp_backlog 3; $::main"
--- request eval
::posts(::list(::sample(), ::sample(asset => '"b"')), ::list(::sample(), ::sample(asset => '"b"')), ::sample(), ::sample(), ::list(::sample(), ::sample(asset => '"b"')))
--- more_headers eval
[map { "Content-Type: application/json\nX-Request-ID: $_" } 1 .. 4, 1]
--- error_code eval
[204, 503, 204, 503, 204]
--- response_headers eval
['', 'Retry-After: 5', '', 'Retry-After: 5', '']
--- response_body eval
['', '{"message":"too many messages are waiting; try again"}', '', '{"message":"too many messages are waiting; try again"}', '']
--- redis_check eval
['XLEN oscp:{0}:meter => 2', "XLEN oscp:{0}:meter => 2\nEXISTS oscp:{0}:seen:vector:measurements:2 => 0", 'XLEN oscp:{0}:meter => 3', 'XLEN oscp:{0}:meter => 3', 'XLEN oscp:{0}:meter => 3']


=== TEST 16: the backlogs of the two streams are their own
--- main eval: "oscp_backlog 1; $::main"
--- published
XADD oscp:{0}:in * conn vector
--- request eval: ::posts(::sample())
--- error_code eval
[204]


=== TEST 17: a stream that cannot be written
--- published
SET oscp:{0}:meter not-a-stream
--- more_headers
Content-Type: application/json
X-Request-ID: broken
--- request eval: ::posts(::sample())
--- error_code eval
[503]
--- response_headers
Retry-After: 5
--- error_log
oscp: Redis refused to store
--- redis_check
EXISTS oscp:{0}:seen:vector:measurements:broken => 0
--- logged
[vector] [measurements] [DEPOT01] [unavailable] [-]


=== TEST 18: 1000 samples, and one more
--- request eval: ::posts(::many(1000), ::many(1001))
--- error_code eval
[204, 400]
--- response_body eval
['', '{"message":"$: must have at most 1000 elements"}']
--- redis_check eval
['XLEN oscp:{0}:meter => 1000', 'XLEN oscp:{0}:meter => 1000']


=== TEST 19: 1 MB, and more
--- config
location /meter { client_max_body_size 2m; oscp_measurements vector; }
--- request eval
::posts(map { ::sample(pad => '"' . 'x' x ($_ - CORE::length ::sample(pad => '""')) . '"') } 1048576, 1048577)
--- error_code eval
[204, 413]
--- response_body eval
['', '{"message":"the body must have at most 1 MB"}']


=== TEST 20: a temporary file
--- config
location /meter { client_body_buffer_size 1k; oscp_measurements vector; }
--- request eval: ::posts(::many(100))
--- error_code eval
[204]
--- error_log
a client request body is buffered to a temporary file
--- redis_check
XLEN oscp:{0}:meter => 100


=== TEST 21: chunks
--- raw_request eval
::head('Transfer-Encoding: chunked') . ::chunks(7, ::many(40))
--- error_code: 204
--- redis_check
XLEN oscp:{0}:meter => 40


=== TEST 22: beside nginx's own access control
--- config
location /closed { oscp_measurements vector; deny all; }
location /basic { oscp_measurements vector; auth_basic site; auth_basic_user_file $TEST_NGINX_OSCP_DIR/site.passwd; }
location /post { oscp_measurements vector; limit_except POST { deny all; } }
--- init
OSCP::Module::write_file('site.passwd', "site:{PLAIN}meter-secret\n", 0644);
OSCP::Module::published($block)
--- request eval
["POST /closed\n" . ::sample(), "POST /basic\n" . ::sample(), "POST /basic\n" . ::sample(), "POST /post\n" . ::sample(), "GET /post"]
--- more_headers eval
[map { "Content-Type: application/json$_" } '', "\nAuthorization: Basic c2l0ZTp3cm9uZw==", "\nAuthorization: Basic c2l0ZTptZXRlci1zZWNyZXQ=", '', '']
--- error_code eval
[403, 401, 204, 204, 403]
--- no_error_log
[alert]
--- redis_check eval
['XLEN oscp:{0}:meter => 0', 'XLEN oscp:{0}:meter => 0', 'XLEN oscp:{0}:meter => 1', 'XLEN oscp:{0}:meter => 2', 'XLEN oscp:{0}:meter => 2']


=== TEST 23: counted as messages are; the shard and the prefix
--- main eval: "oscp_prefix site-a/; oscp_shards 16; $::main"
--- published_key: site-a/config
--- request eval
["POST /meter\n" . ::sample(), "POST /meter\n{", "GET /status"]
--- error_code eval
[204, 400, 200]
--- response_body_like eval
['^$', 'must be JSON', '"name":"vector".*"stored":1,.*"invalid":1']
--- redis_check eval
[('KEYS site-a/{*}:meter => site-a/{2}:meter') x 3]


=== TEST 24: samples and messages of one turn keep apart
--- raw_request eval
CORE::join '', map { my $body = $_ % 2 ? ::sample(asset => qq("a$_")) : '{}'; CORE::join("\r\n", ($_ % 2 ? 'POST /meter' : 'POST /oscp/fp/2.0/heartbeat') . ' HTTP/1.1', 'Host: localhost', 'Connection: ' . ($_ < 20 ? 'keep-alive' : 'close'), split(/\n/, OSCP::Module::headers('', "mix-$_")), 'Content-Length: ' . CORE::length $body) . "\r\n\r\n$body" } 1 .. 20
--- ignore_response
--- redis_check
XLEN oscp:{0}:meter => 10
XLEN oscp:{0}:in => 10


=== TEST 25: with Redis away every row that needs none is answered
--- http_config
oscp_redis unix:/nonexistent;
oscp_connection vector { peer https://other.example; accept header a b; group DEPOT01 scope=depot-1; }
--- init: 1;
--- request eval
["POST /meters/nobody\n{", "GET /meter", ::posts('[', ::sample(group => '"NONE"'), ::sample())->@*]
--- more_headers eval
[map { "Content-Type: application/json" } 1 .. 5]
--- error_code eval
[404, 405, 400, 404, 503]
--- response_headers eval
[('!Retry-After') x 4, 'Retry-After: 5']
--- no_shutdown_error_log
[alert]


=== TEST 26: a connection that does not exist
--- config
location /meter { oscp_measurements nobody; }
--- must_die
--- error_log
"oscp_measurements nobody" names no oscp_connection


=== TEST 27: twice
--- config
location /meter { oscp_measurements vector; oscp_measurements vector; }
--- must_die
--- error_log
"oscp_measurements vector" is there twice


=== TEST 28: where another directive is
--- config
location /meter { oscp_endpoint vector; oscp_measurements vector; }
--- must_die
--- error_log
"oscp_measurements vector" must have a location of its own


=== TEST 29: outside a location
--- config
oscp_measurements vector;
--- must_die
--- error_log
"oscp_measurements" directive is not allowed here


=== TEST 30: without a name
--- config
location /meter { oscp_measurements; }
--- must_die
--- error_log
invalid number of arguments in "oscp_measurements" directive
