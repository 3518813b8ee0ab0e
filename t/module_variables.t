# Goal: the variables for logs, for every result.

use strict;
use warnings;

use FindBin qw($Bin);
use lib "$Bin/lib";

use OSCP::Module;
use Test::Nginx::Socket 'no_plan';

my $start = '"start_time":"2026-01-01T00:00:00Z","end_time":'
    . '"2026-01-01T01:00:00Z"';

sub forecast {
    my ($group) = @_;

    return "POST /oscp/fp/2.0/update_group_capacity_forecast\n"
        . '{"group_id":"' . $group . '","type":"CONSUMPTION",'
        . '"forecasted_blocks":[{"capacity":1,"phase":"ALL","unit":"KW",'
        . "$start}]}";
}

add_block_preprocessor(sub {
    my ($block) = @_;

    $block->set_value('main', ($block->main // '')
        . 'log_format o "[$oscp_connection] [$oscp_message] [$oscp_group]'
        . ' [$oscp_result] [$oscp_entry_id]"; access_log logs/oscp.log o;');
});

# What was logged for the request, the entry's id as ID.
add_response_body_check(sub {
    my ($block) = @_;
    my $file = "$ENV{TEST_NGINX_SERVROOT}/logs/oscp.log";
    my $line;

    OSCP::Process::wait_for(sub { -s $file }, 10);
    open my $fh, '<', $file or die "$file: $!";
    $line = $_ while <$fh>;
    close $fh;
    chomp $line;
    my ($id) = $line =~ /\[(\d+-\d+)\]$/;
    Test::More::is($line =~ s/\d+-\d+(?=\]$)/ID/r, $block->logged,
        $block->name . ' - logged');
    if ($id) {
        my $entry = $OSCP::Module::redis->command('XRANGE', 'oscp:{0}:in',
            $id, $id);
        Test::More::is(scalar @$entry, 1, $block->name . ' - the entry');
    }
});

run_tests();

__DATA__

=== TEST 1: stored
--- request eval: ::forecast('DEPOT01')
--- error_code: 204
--- logged chomp
[vector] [update_group_capacity_forecast] [DEPOT01] [stored] [ID]


=== TEST 2: stored, without a group
--- request
POST /oscp/fp/2.0/heartbeat
{}
--- error_code: 204
--- logged chomp
[vector] [heartbeat] [-] [stored] [ID]


=== TEST 3: duplicate
--- headers
X-Request-ID: dup
--- published
SET oscp:{0}:seen:vector:heartbeat:dup 1
--- request
POST /oscp/fp/2.0/heartbeat
{}
--- error_code: 204
--- logged chomp
[vector] [heartbeat] [-] [duplicate] [-]


=== TEST 4: invalid
--- request
POST /oscp/fp/2.0/heartbeat
{
--- error_code: 400
--- logged chomp
[vector] [heartbeat] [-] [invalid] [-]


=== TEST 5: invalid by its type
--- headers
Content-Type: text/plain
--- request
POST /oscp/fp/2.0/heartbeat
{}
--- error_code: 415
--- logged chomp
[vector] [heartbeat] [-] [invalid] [-]


=== TEST 6: unauthenticated
--- headers
Authorization: Token wrong
--- request
POST /oscp/fp/2.0/heartbeat
{}
--- error_code: 401
--- logged chomp
[vector] [heartbeat] [-] [unauthenticated] [-]


=== TEST 7: refused: no such message
--- request
POST /oscp/fp/2.0/nothing
{}
--- error_code: 404
--- logged chomp
[vector] [-] [-] [refused] [-]


=== TEST 8: refused: not our group
--- request eval: ::forecast('NOTOURS')
--- error_code: 404
--- logged chomp
[vector] [update_group_capacity_forecast] [NOTOURS] [refused] [-]


=== TEST 9: refused: the method
--- request
GET /oscp/fp/2.0/heartbeat
--- error_code: 405
--- logged chomp
[vector] [heartbeat] [-] [refused] [-]


=== TEST 10: refused: out of service
--- published
HSET oscp:{0}:conn:vector enabled 0
--- request
POST /oscp/fp/2.0/heartbeat
{}
--- error_code: 403
--- logged chomp
[vector] [heartbeat] [-] [refused] [-]


=== TEST 11: unavailable
--- main: oscp_backlog 1;
--- published
XADD oscp:{0}:in * a b
--- request
POST /oscp/fp/2.0/heartbeat
{}
--- error_code: 503
--- logged chomp
[vector] [heartbeat] [-] [unavailable] [-]


=== TEST 12: a connection that is not known
--- config
location /oscp/fp/2.0/ { set $who nobody; oscp_endpoint $who; }
--- request
POST /oscp/fp/2.0/heartbeat
{}
--- error_code: 401
--- logged chomp
[-] [heartbeat] [-] [unauthenticated] [-]


=== TEST 13: another location
--- config
location /plain { return 200 plain; }
--- request
GET /plain
--- logged chomp
[-] [-] [-] [-] [-]
