# Goal: a body may arrive in any form that nginx delivers: one buffer, several,
# chunks, a temporary file, pieces with pauses between them.  What is stored is
# the exact JSON.

use strict;
use warnings;

use FindBin qw($Bin);
use lib "$Bin/lib";

use OSCP::Module;
use Test::Nginx::Socket 'no_plan';

# A forecast of `n` blocks.
sub forecast {
    my ($n) = @_;

    return '{"group_id":"DEPOT01","type":"CONSUMPTION","forecasted_blocks":['
        . join(',', map { '{"capacity":' . $_ . ',"phase":"ALL","unit":"KW",'
            . '"start_time":"2026-01-01T' . sprintf('%02d:%02d', $_ / 4 % 24,
            $_ % 4 * 15) . ':00Z","end_time":"2026-01-03T00:00:00Z"}' }
            1 .. $n) . ']}';
}

# The body of the last entry.
sub stored {
    my ($entry) = @{$OSCP::Module::redis->command('XREVRANGE', 'oscp:{0}:in',
        '+', '-', 'COUNT', 1)};

    return $entry ? { @{$entry->[1]} }->{body} : '';
}

sub chunks {
    my ($size, $text) = @_;

    return join('', map { sprintf("%x\r\n%s\r\n", length, $_) }
        $text =~ /(.{1,$size})/gs) . "0\r\n\r\n";
}

sub head {
    my ($id, $more, $keep) = @_;

    return join("\r\n", 'POST /oscp/fp/2.0/update_group_capacity_forecast'
        . ' HTTP/1.1', 'Host: localhost',
        'Connection: ' . ($keep ? 'keep-alive' : 'close'),
        split(/\n/, OSCP::Module::headers('', $id)), $more) . "\r\n\r\n";
}

add_response_body_check(sub {
    my ($block) = @_;

    return unless defined $block->exact;
    Test::More::ok(stored() eq $block->exact,
        $block->name . ' - the exact bytes');
});

run_tests();

__DATA__

=== TEST 1: one buffer
--- request eval
"POST /oscp/fp/2.0/update_group_capacity_forecast\n" . ::forecast(2)
--- error_code: 204
--- exact eval: ::forecast(2)


=== TEST 2: 96 blocks, head and body in different buffers
--- request eval
"POST /oscp/fp/2.0/update_group_capacity_forecast\n" . ::forecast(96)
--- error_code: 204
--- exact eval: ::forecast(96)


=== TEST 3: a temporary file, for the body is larger than the buffer
--- config
location /oscp/fp/2.0/ { client_body_buffer_size 1k; oscp_endpoint vector; }
--- request eval
"POST /oscp/fp/2.0/update_group_capacity_forecast\n" . ::forecast(300)
--- error_code: 204
--- error_log: a client request body is buffered to a temporary file
--- exact eval: ::forecast(300)


=== TEST 4: a temporary file in any case
--- config
location /oscp/fp/2.0/ { client_body_in_file_only clean; oscp_endpoint vector; }
--- request eval
"POST /oscp/fp/2.0/update_group_capacity_forecast\n" . ::forecast(3)
--- error_code: 204
--- exact eval: ::forecast(3)


=== TEST 5: chunks
--- raw_request eval
::head('chunks', 'Transfer-Encoding: chunked') . ::chunks(100, ::forecast(20))
--- error_code: 204
--- exact eval: ::forecast(20)


=== TEST 6: chunks of one byte
--- raw_request eval
::head('bytes', 'Transfer-Encoding: chunked') . ::chunks(1, ::forecast(2))
--- error_code: 204
--- exact eval: ::forecast(2)


=== TEST 7: chunks in a temporary file
--- config
location /oscp/fp/2.0/ { client_body_buffer_size 1k; oscp_endpoint vector; }
--- raw_request eval
::head('chunkfile', 'Transfer-Encoding: chunked') . ::chunks(777, ::forecast(200))
--- error_code: 204
--- error_log: a client request body is buffered to a temporary file
--- exact eval: ::forecast(200)


=== TEST 8: pieces with pauses
--- raw_request eval
[::head('pieces', 'Content-Length: ' . length ::forecast(1)), unpack '(a50)*', ::forecast(1)]
--- raw_request_middle_delay: 0.02
--- error_code: 204
--- exact eval: ::forecast(1)


=== TEST 9: one buffer by directive
--- config
location /oscp/fp/2.0/ { client_body_in_single_buffer on; oscp_endpoint vector; }
--- request eval
"POST /oscp/fp/2.0/update_group_capacity_forecast\n" . ::forecast(96)
--- error_code: 204
--- exact eval: ::forecast(96)


=== TEST 10: 4096 blocks pass
--- config
location /oscp/fp/2.0/ { client_body_buffer_size 64k; oscp_endpoint vector; }
--- request eval
"POST /oscp/fp/2.0/update_group_capacity_forecast\n" . ::forecast(4096)
--- error_code: 204
--- exact eval: ::forecast(4096)


=== TEST 11: 4097 do not
--- request eval
"POST /oscp/fp/2.0/update_group_capacity_forecast\n" . ::forecast(4097)
--- error_code: 400
--- response_body_like: \$\.forecasted_blocks


=== TEST 12: no body
--- request
POST /oscp/fp/2.0/heartbeat
--- error_code: 400
--- response_body_like: ^\{"message":"\$: must be


=== TEST 13: an empty chunked body
--- raw_request eval
::head('empty', 'Transfer-Encoding: chunked') . "0\r\n\r\n"
--- error_code: 400


=== TEST 14: Expect: 100-continue
--- raw_request eval
::head('expect', "Expect: 100-continue\r\nContent-Length: " . length ::forecast(2)) . ::forecast(2)
--- ignore_response
--- redis_check
XLEN oscp:{0}:in => 1


=== TEST 15: messages kept apart on one connection
--- raw_request eval
CORE::join '', map { ::head("pipe-$_", 'Content-Length: ' . length ::forecast($_), $_ < 96) . ::forecast($_) } 1, 2, 50, 3, 96
--- ignore_response
--- exact eval: ::forecast(96)
--- redis_check
XLEN oscp:{0}:in => 5


=== TEST 16: an error that the client is slow to take
--- config
location /slow/ { oscp_endpoint vector; limit_rate 120; }
--- request eval
["POST /slow/heartbeat\n[]", "POST /slow/update_group_capacity_forecast\n" . ::forecast(1) =~ s/DEPOT01/DEPOT99/r]
--- more_headers eval
[map { OSCP::Module::headers('', "slow-$_") } 1, 2]
--- error_code eval
[400, 404]
--- response_body_like eval
['^\{"message":"\$: must be [^"]+"\}$', '^\{"message":"\$\.group_id: must be [^"]+"\}$']
--- timeout: 10
