#!/usr/bin/env perl
#
# Goal: what we present comes from files, as they are now; a file that cannot be
# used any more leaves what was read before, and is told once; one that never
# could be used stops the sending; no content is told; a configured header never
# takes the place of one of ours.

use strict;
use warnings;

use FindBin qw($Bin);
use Test::More;

use lib "$Bin/lib";
use OSCP::CP;
use OSCP::Direct;
use OSCP::Process qw(wait_for);

my $direct = OSCP::Direct->start;
my $cp = OSCP::CP->new(dir => $direct->dir)->start;
my $key = $direct->file('apikey', "first-key\n");
my $token = "$direct->{dir}/token";

$cp->command('lenient on', 'acknowledges off', 'heartbeats off');
ok($direct->wait_applied($direct->publish(vector => { peer => $cp->url,
    heartbeat_interval_ms => 60000, headers => [
        { name => 'apikey', file => $key },
        { name => 'fp-id', value => 'CP77' }] })), 'configured');

# The headers of the next heartbeat, by lower-case name.
my $seen = 0;
sub next_beat {
    my @beats;

    wait_for(sub { @beats = $cp->records(dir => 'in', message => 'heartbeat');
        @beats > $seen }, 10) or return {};
    $seen = @beats;
    my $headers = $beats[-1]{headers};
    return { map { lc $_ => $headers->{$_} } keys %$headers };
}

# Beats until one has the value.
sub beat_with {
    my ($name, $value) = @_;

    return wait_for(sub { (next_beat()->{$name} // '') eq $value }, 10);
}

$direct->store('handshake', 'vector', { required_behaviour => {
    heartbeat_interval => 1, measurement_configuration => ['INTERMITTENT'] } });
ok($direct->wait_hash('conn:vector', { state => 'online' }), 'online');

my $headers = next_beat();
is($headers->{authorization}, 'Token ' . OSCP::Direct::TOKEN, 'the token');
is($headers->{apikey}, 'first-key', 'a header from a file');
is($headers->{'fp-id'}, 'CP77', 'a header from the configuration');
is($headers->{'content-type'}, 'application/json', 'Content-Type');
like($headers->{'x-request-id'}, qr/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/,
    'X-Request-ID');
ok(!exists $headers->{expect}, 'no Expect');

$direct->file('apikey', 'second-key');
ok(beat_with('apikey', 'second-key'), 'a file that changed is read again');
$direct->file('token', 'another-token');
$direct->worker->process->signal('HUP');
ok(beat_with('authorization', 'Token another-token'), 'so is one on SIGHUP');
ok($direct->wait_log(qr/secret files are read again/), 'which is logged');

for my $case (['missing', sub { unlink $key }, qr/No such file/],
    ['empty', sub { $direct->file('apikey', "\n") }, qr/is empty/],
    ['two lines', sub { $direct->file('apikey', "third\r\nX-Evil: 1\n") },
        qr/no header line can carry/],
    ['long', sub { $direct->file('apikey', 'x' x 16385) }, qr/too long/])
{
    my ($name, $break, $why) = @$case;
    my $line = qr/warn: secret file \Q$key\E: .*$why.*stays in use/;
    my $told = () = $direct->worker->log_text =~ /$line/g;
    my $value = next_beat()->{apikey};

    $break->();
    ok($direct->wait_log(qr/(?:$line.*){${\($told + 1)}}/s), "$name: is told");
    next_beat() for 1 .. 2;
    is(next_beat()->{apikey}, $value, 'what was read before is presented');
    is((() = $direct->worker->log_text =~ /$line/g), $told + 1, 'told once');
    $direct->file('apikey', "good-$name\n" =~ s/ /-/r);
    ok(beat_with('apikey', "good-$name" =~ s/ /-/r), 'until it is mended');
}
is(() = $direct->events('heartbeat_failed'), 0, 'no heartbeat failed');

my $missing = "$direct->{dir}/later";
ok($direct->wait_applied($direct->publish(vector => { peer => $cp->url,
    heartbeat_interval_ms => 60000, headers => [
        { name => 'apikey', file => $missing }] })), 'another file');
ok(wait_for(sub { () = $direct->events('heartbeat_failed') }, 10),
    'a file that was never there stops the sending');
is(($direct->events('heartbeat_failed'))[-1]{data}{error},
    "secret file $missing: No such file or directory", 'and it is told why');
$direct->file('later', "late-key\r\n");
ok(beat_with('apikey', 'late-key'), 'until it is there');

my $log = $direct->worker->log_text;
unlike($log, qr/$_/, "$_ is not in the log")
    for OSCP::Direct::TOKEN, 'another-token', 'second-key', 'X-Evil',
    'late-key';
is($cp->stop, 0, 'simulator');
$direct->finish;
done_testing();
