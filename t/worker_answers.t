#!/usr/bin/env perl
#
# Goal: the status is the answer.  A peer whose 2xx has a body without an end,
# or one that breaks off, has had the message: it is not sent again, and the
# next one follows at once; so are a refusal and a plea for later.

use strict;
use warnings;

use FindBin qw($Bin);
use IO::Socket::INET;
use POSIX ();
use Test::More;
use Time::HiRes qw(time);

use lib "$Bin/lib";
use OSCP::Direct;
use OSCP::Process qw(slow wait_for);

my $server = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 64)
    or die "no socket: $!";
my $direct = OSCP::Direct->start;
my $redis = $direct->redis;
my $said = "$direct->{dir}/said";
my $pid = fork() // die "fork: $!";

if ($pid == 0) {
    serve();
    POSIX::_exit(0);
}

# One process for each connection: an answer may never end.
sub serve {
    $SIG{CHLD} = 'IGNORE';
    $SIG{TERM} = sub {
        $SIG{TERM} = 'IGNORE';
        kill 'TERM', -$$;
        POSIX::_exit(0);
    };
    POSIX::setpgid(0, 0);
    while (my $client = $server->accept) {
        next if fork();
        $SIG{TERM} = 'DEFAULT';
        while (answer($client)) { }
        POSIX::_exit(0);
    }
    return;
}

sub answer {
    my ($client) = @_;
    my ($path, $length, $req) = ('', 0, '');
    my $first = <$client> // return 0;

    ($path) = $first =~ m{^POST (\S+)} or return 0;
    while (defined(my $line = <$client>) ) {
        $length = $1 if $line =~ /^content-length: *(\d+)/i;
        $req = $1 if $line =~ /^x-request-id: *(\S+)/i;
        last if $line eq "\r\n";
    }
    read($client, my $body, $length);
    open my $fh, '>>', $said or return 0;
    syswrite $fh, "$req\n";
    my ($how) = $req =~ /^(\w+)-/;
    my %answers = (
        open => "200 OK\r\nContent-Type: text/plain\r\n\r\n{}",
        slow => "200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n",
        short => "202 Accepted\r\nContent-Length: 10\r\n\r\n{}",
        refused => "400 Bad Request\r\nContent-Length: 10\r\n\r\n{}",
        later => "503 Service Unavailable\r\nRetry-After: 2\r\n\r\n",
    );
    my $answer = $answers{$how // ''} // "204 No Content\r\n\r\n";
    syswrite $client, "HTTP/1.1 $answer";
    return 1 if $answer =~ /^204/;
    close $client if $how =~ /short|refused/;
    sleep 60 if $how !~ /short|refused/;
    return 0;
}

sub said {
    open my $fh, '<', $said or return;
    return grep { /-/ && !/^[0-9a-f]{8}-/ } map { chomp; $_ } <$fh>;
}

sub put {
    my ($req) = @_;

    $redis->command('XADD', $direct->key('out'), '*', conn => 'vector',
        msg => 'update_asset_measurements', group => 'DEPOT01', req => $req,
        created => OSCP::Direct::at(time), body => '{"group_id":"DEPOT01"}');
    return $req;
}

sub told {
    my ($kind, $req) = @_;

    return grep { ($_->{data}{req} // '') eq $req } $direct->events($kind);
}

ok($direct->wait_applied($direct->publish(vector => {
    peer => 'http://127.0.0.1:' . $server->sockport . '/cp',
    heartbeat_interval_ms => 3600000 })), 'a peer');
$direct->store('handshake', 'vector', { required_behaviour => {
    heartbeat_interval => 3600,
    measurement_configuration => ['INTERMITTENT'] } });
ok($direct->wait_hash('conn:vector', { state => 'online' }), 'is online');

my $began = time;
my @put = map { put($_) } qw(open-1 slow-1 short-1 refused-1 later-1 fine-1);
ok(wait_for(sub { told('delivered', $_) }, 20), "$_ is delivered")
    for qw(open-1 slow-1 short-1);
ok(wait_for(sub { told('dead', 'refused-1') }), 'refused-1 is dead');
ok(wait_for(sub { (grep { $_ eq 'later-1' } said()) >= 2 }, 15),
    'later-1 is asked for again');
my %times;
$times{$_}++ for said();
is_deeply({ map { $_ => $times{$_} } qw(open-1 slow-1 short-1 refused-1) },
    { map { $_ => 1 } qw(open-1 slow-1 short-1 refused-1) }, 'each came once');
is($times{'fine-1'}, undef, 'the next one waits for it');
is((told('dead', 'refused-1'))[0]{data}{status}, 400, 'by its status');
is_deeply([map { $_->{data}{status} } told('delivered', 'short-1')], [202],
    'as is what is delivered');

kill 'TERM', $pid;
waitpid $pid, 0;
$direct->finish;
done_testing();
