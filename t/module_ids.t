# Goal: request and correlation ids, segments, content types, at their limits.

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

# Segments: header values, the answer, and `seg` as it is stored.
our @segments = (
    ['1', '1', 204],
    ['1', '3', 204],
    ['3', '3', 204],
    ['100', '100', 204],
    ['1', undef, 400],
    [undef, '1', 400],
    ['0', '3', 400],
    ['4', '3', 400],
    ['1', '0', 400],
    ['1', '101', 400],
    ['-1', '3', 400],
    ['+1', '3', 400],
    ['1.0', '3', 400],
    ['x', '3', 400],
    ['1', '3x', 400],
    ['', '3', 400],
    ['1', '', 400],
    ['', '', 400],
    ['', undef, 400],
    [undef, '', 400],
    ['99999999999999999999', '3', 400],
);

sub segment_headers {
    my ($index, $count) = @_;

    return (defined $index ? "X-Segment-Index: $index\n" : '')
        . (defined $count ? "X-Segment-Count: $count\n" : '')
        . OSCP::Module::headers('', 'seg-' . ($index // '') . '-'
            . ($count // ''));
}

run_tests();

__DATA__

=== TEST 1: everything that a message carries is stored
--- headers
X-Request-ID: r!"#$%&'()*+,-./:;<=>?@[\]^_`{|}~
X-Correlation-ID: c-1
X-Segment-Index: 2
X-Segment-Count: 3
--- request eval: $::forecast
--- error_code: 204
--- redis_check
XLEN oscp:{0}:in => 1
EVAL "return redis.call('XRANGE', KEYS[1], '-', '+')[1][2][8]" 1 oscp:{0}:in => r!"#$%&'()*+,-./:;<=>?@[\]^_`{|}~
EVAL "return #redis.call('KEYS', '*:seen:vector:update_group_capacity_forecast:r*')" 0 => 1


=== TEST 2: the fields of an entry, in their order
--- headers
X-Request-ID: r-1
X-Correlation-ID: c-1
--- request
POST /oscp/fp/2.0/handshake_acknowledge
{}
--- error_code: 204
--- redis_check
EVAL "local e = redis.call('XRANGE', KEYS[1], '-', '+')[1][2] e[14] = #e[14] return e" 1 oscp:{0}:in => conn vector msg handshake_acknowledge group  req r-1 corr c-1 seg  at 24 body {}


=== TEST 3: a request id of 128 characters, and of 129
--- request eval
["POST /oscp/fp/2.0/heartbeat\n{}", "POST /oscp/fp/2.0/heartbeat\n{}"]
--- more_headers eval
[OSCP::Module::headers('', 'r' x 128), OSCP::Module::headers('', 'r' x 129)]
--- error_code eval
[204, 400]


=== TEST 4: request ids that are not usable
--- request eval
[map { "POST /oscp/fp/2.0/heartbeat\n{}" } 1 .. 5]
--- more_headers eval
[OSCP::Module::headers('X-Request-ID:', ''), OSCP::Module::headers('', 'a b'), OSCP::Module::headers('', "a\tb"), OSCP::Module::headers('', "a\xc3\xa9"), OSCP::Module::headers("X-Request-ID: a\nX-Request-ID: a", '')]
--- error_code eval
[400, 400, 400, 400, 400]
--- response_body_like eval
[map { '^\{"message":"X-Request-ID: must be ' } 1 .. 5]
--- redis_check
XLEN oscp:{0}:in => 0


=== TEST 5: correlation ids that are not usable
--- request eval
[map { "POST /oscp/fp/2.0/heartbeat\n{}" } 1 .. 3]
--- more_headers eval
[OSCP::Module::headers('X-Correlation-ID: a b', 'x'), OSCP::Module::headers('X-Correlation-ID: ' . 'c' x 129, 'x'), OSCP::Module::headers("X-Correlation-ID: a\nX-Correlation-ID: b", 'x')]
--- error_code eval
[400, 400, 400]
--- response_body_like eval
[map { '^\{"message":"X-Correlation-ID: must be ' } 1 .. 3]


=== TEST 6: segments
--- request eval
[map { $::forecast } @::segments]
--- more_headers eval
[map { ::segment_headers(@$_) } @::segments]
--- error_code eval
[map { $_->[2] } @::segments]


=== TEST 7: segments as they are stored
--- headers
X-Segment-Index: 2
X-Segment-Count: 3
--- request eval: $::forecast
--- error_code: 204
--- redis_check
EVAL "return redis.call('XRANGE', KEYS[1], '-', '+')[1][2][12]" 1 oscp:{0}:in => 2/3


=== TEST 8: a segment's header twice
--- request eval
[$::forecast, $::forecast]
--- more_headers eval
[OSCP::Module::headers("X-Segment-Index: 1\nX-Segment-Index: 1\nX-Segment-Count: 2", 'x'), OSCP::Module::headers("X-Segment-Index: 1\nX-Segment-Count: 2\nX-Segment-Count: 2", 'x')]
--- error_code eval
[400, 400]


=== TEST 9: what has no list cannot be a part of one
--- request eval
["POST /oscp/fp/2.0/heartbeat\n{}", "POST /oscp/fp/2.0/heartbeat\n{}"]
--- more_headers eval
[::segment_headers(1, 2), ::segment_headers(1, 1)]
--- error_code eval
[400, 204]
--- response_body eval
['{"message":"X-Segment-Count: must be 1 for heartbeat"}', '']


=== TEST 10: content types
--- request eval
[map { "POST /oscp/fp/2.0/heartbeat\n{}" } 1 .. 8]
--- more_headers eval
my $n = 0; [map { OSCP::Module::headers("Content-Type: $_", 'type-' . ++$n) } 'application/json', 'Application/JSON; charset=utf-8', 'application/json ;charset=utf-8', 'application/json;', 'application/jsonp', 'application/json-patch+json', 'text/plain', '']
--- error_code eval
[204, 204, 204, 204, 415, 415, 415, 415]


=== TEST 11: a log line cannot be forged by an id
--- headers eval
"X-Request-ID: good\x0b2026/01/01"
--- request
POST /oscp/fp/2.0/heartbeat
{}
--- error_code: 400
--- error_log
request id -
--- no_error_log
2026/01/01
