#!/usr/bin/env perl
#
# Goal: what README promises to a person with curl and redis-cli.  A handshake
# and a forecast posted with the right headers get 204; redis-cli shows the
# value of the block that covers now, and the next block's at its start.

use strict;
use warnings;

use FindBin qw($Bin);
use Test::More;

use lib "$Bin/lib", "$Bin/cp/lib";
use CP::Clock qw(real_ms utc);
use OSCP::Process qw(slow wait_for);
use OSCP::Stack;

# A person does not beat: the first promise must last for the whole test.
my $stack = OSCP::Stack->start(heartbeat => '30s');
my $dir = $stack->dir;
my $n = 0;

# Runs a shell line, as a person types it.
sub shell {
    my ($line) = @_;

    return `cd $dir && $line 2>&1`;
}

# The status that curl gets for a body.
sub post {
    my ($message, $body, @headers) = @_;
    my @lines = ('Authorization: Token ' . OSCP::Stack::TOKEN_IN, 'fp-id: BF01',
        'Content-Type: application/json', 'X-Request-ID: curl-' . ++$n,
        @headers);

    $stack->file('body.json', $body);
    return shell("curl -sS -o answer -w '%{http_code}'"
        . join('', map { " -H '$_'" } @lines)
        . ' --data-binary @body.json '
        . $stack->nginx->url("/oscp/fp/2.0/$message"));
}

sub field {
    my ($key, $name) = @_;
    my %hash = split /\n/, shell('redis-cli -s ' . $stack->redis->socket
        . " hgetall 'oscp:{0}:$key'");

    return $hash{$name} // '';
}

is(post('handshake', '{"required_behaviour":{"heartbeat_interval":30,'
    . '"measurement_configuration":["INTERMITTENT"]}}'), 204, 'handshake');
ok(wait_for(sub { field('conn:vector', 'state') eq 'online' }, 10), 'online');

my ($start, $middle, $end) = map { utc(real_ms() + $_ * 1000) }
    -60, 3 + 3 * slow(), 3600;
my $forecast = <<"JSON";
{
  "group_id": "DEPOT01",
  "type": "CONSUMPTION",
  "forecasted_blocks": [
    { "capacity": 120, "unit": "KW", "phase": "ALL",
      "start_time": "$start", "end_time": "$middle" },
    { "capacity": 80, "unit": "KW", "phase": "ALL",
      "start_time": "$middle", "end_time": "$end" }
  ]
}
JSON
is(post('update_group_capacity_forecast', $forecast), 204, 'forecast');
ok(wait_for(sub {
    field('circuit:incomer-1', 'available_capacity_w') eq '120000' }, 15),
    'redis-cli shows the block that covers now');
ok(wait_for(sub {
    field('circuit:incomer-1', 'available_capacity_w') eq '80000' }, 10),
    'and the next one\'s value after its start');
cmp_ok(utc(real_ms()), 'ge', $middle, 'not before it');

# What is wrong is told in OSCP's own Error.
is(post('heartbeat', '{}', 'fp-id: other'), 401, 'a wrong header');
is(post('update_group_capacity_forecast', $forecast =~ s/120/-1/r), 400,
    'a wrong value');
like(shell('cat answer'), qr/^\{"message":".*forecasted_blocks\[0\]\.capacity/,
    'names the field');
is(post('update_group_capacity_forecast', $forecast =~ s/DEPOT01/X/r), 404,
    'a group that is not bound');
like(shell('curl -sS ' . $stack->nginx->url('/oscp/status')), qr/"vector"/,
    'status is there');

$stack->finish;
done_testing();
