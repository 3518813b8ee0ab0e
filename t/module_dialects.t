# Goal: both dialects of OSCP 2.0 are read, the schema's form alone under
# `dialect strict`, and each profile's own rule holds.

use strict;
use warnings;

use FindBin qw($Bin);
use lib "$Bin/lib";

use OSCP::Module;
use Test::Nginx::Socket 'no_plan';

my $block = '"phase":"ALL","unit":"KW","start_time":"2026-01-01T00:00:00Z",'
    . '"end_time":"2026-01-01T01:00:00+00:00"';
my $forecast = '{"group_id":"DEPOT01","type":"CONSUMPTION",'
    . '"forecasted_blocks":[{"capacity":%s,' . $block . '}]}';

# Message, body, status when lenient, when strict, under profile vector.
our @cases = (
    ['handshake', '{}', 204, 204, 204],
    ['handshake', '{"required_behaviour":{"heartbeat_interval":30,'
        . '"measurement_configuration":["INTERMITTENT"]}}', 204, 204, 204],
    ['handshake', '{"required_behaviour":{"heartbeat_interval":0.9,'
        . '"measurement_configuration":[]}}', 400, 400, 400],
    ['handshake', '{"heartbeat_interval":30,"measurement_configuration":'
        . '["INTERMITTENT"]}', 204, 400, 204],
    ['handshake', '{"required_behaviour":{"heartbeat_interval":30}}',
        204, 400, 204],
    ['handshake', '{"required_behaviour":{"measurement_configuration":'
        . '["CONTINUOUS"]}}', 204, 204, 400],
    ['handshake', '{"required_behaviour":{"measurement_configuration":[]}}',
        204, 204, 400],
    ['handshake', '{"required_behaviour":{"measurement_configuration":'
        . '["CONTINUOUS","INTERMITTENT"]}}', 204, 204, 204],
    ['handshake_acknowledge', '{}', 204, 204, 204],
    ['handshake_acknowledge', '{"required_behaviour":{}}', 204, 400, 204],
    ['handshake_acknowledge', '{"required_behaviour":'
        . '{"measurement_configuration":["CONTINUOUS"]}}', 204, 204, 400],
    ['heartbeat', '{}', 204, 400, 204],
    ['heartbeat', '{"offline_mode_at":"2099-01-01T00:00:00.5+01:00"}',
        204, 204, 204],
    ['heartbeat', '{"offline_mode_at":"2020-01-01T00:00:00Z"}',
        400, 400, 400],
    ['update_group_capacity_forecast', sprintf($forecast, '12.5'),
        204, 204, 204],
    ['update_group_capacity_forecast', sprintf($forecast, '"12.5"'),
        204, 400, 204],
    ['update_group_capacity_forecast', sprintf($forecast, '"12,5"'),
        400, 400, 400],
    ['update_group_capacity_forecast', sprintf($forecast, '1e999'),
        400, 400, 400],
    ['heartbeat', '{"offline_mode_at":"2099-01-01T00:00:00Z","x":[{"y":1}]}',
        204, 204, 204],
    ['heartbeat', '{"x":1,"x":1}', 400, 400, 400],
    ['heartbeat', '{"x":"' . "\xff" . '"}', 400, 400, 400],
    ['heartbeat', "\xef\xbb\xbf{}", 400, 400, 400],
    ['heartbeat', '{"x":' . '[' x 15 . ']' x 15 . '}', 204, 400, 204],
    ['heartbeat', '{"x":' . '[' x 16 . ']' x 16 . '}', 400, 400, 400],
    ['heartbeat', '[]', 400, 400, 400],
    ['heartbeat', '{} {}', 400, 400, 400],
    ['heartbeat', '{"x":"\u0000"}', 400, 400, 400],
);

# The requests as Test::Nginx takes them: a body as bytes, each its own id.
sub requests {
    return [map { "POST /oscp/fp/2.0/$_->[0]\n$_->[1]" } @cases];
}

sub ids {
    return [map { OSCP::Module::headers('', "case-$_") } 0 .. $#cases];
}

sub answers {
    my ($column) = @_;

    return [map { $_->[$column] } @cases];
}

run_tests();

__DATA__

=== TEST 1: profile generic, lenient
--- settings
--- http_config eval
OSCP::Module::http() =~ s/profile vector/profile generic/r
--- request eval: ::requests()
--- more_headers eval: ::ids()
--- error_code eval: ::answers(2)


=== TEST 2: profile generic, strict
--- http_config eval
OSCP::Module::http('dialect strict;') =~ s/profile vector/profile generic/r
--- request eval: ::requests()
--- more_headers eval: ::ids()
--- error_code eval: ::answers(3)


=== TEST 3: profile vector
--- request eval: ::requests()
--- more_headers eval: ::ids()
--- error_code eval: ::answers(4)


=== TEST 4: an error names the field by its path
--- request
POST /oscp/fp/2.0/handshake
{"required_behaviour":{"heartbeat_interval":"30"}}
--- error_code: 400
--- response_body_like: ^\{"message":"\$\.required_behaviour\.heartbeat_interval: must be [^"]+"\}$


=== TEST 5: an error never echoes the value
--- request
POST /oscp/fp/2.0/update_group_capacity_forecast
{"group_id":"DEPOT01","type":"secret-value","forecasted_blocks":[]}
--- error_code: 400
--- response_body_unlike: secret-value
--- no_error_log
secret-value
