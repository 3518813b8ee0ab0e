#!/usr/bin/env perl
#
# Goal: the command line of oscpctl.  What is wrong with it is said, with exit
# status 2, before anything is connected to; help and version need nothing;
# where Redis is comes from the option, else from OSCP_REDIS; a Redis that does
# not answer, or knows nothing of us, is a failure (1) and said.

use strict;
use warnings;

use FindBin qw($Bin);
use Test::More;

use lib "$Bin/lib";
use OSCP::Ctl;
use OSCP::Direct;

my $direct = OSCP::Direct->start(workers => 0);
my $ctl = OSCP::Ctl->of($direct);
my $bare = OSCP::Ctl->new(build => $direct->{build},
    env => { OSCP_REDIS => undef });

subtest 'help and version' => sub {
    my ($status, $out) = $bare->run('--help');
    is($status, 0, '--help');
    like($out, qr/^\s+$_\b/m, "tells $_") for qw(status show explain incidents
        events connect disconnect enable disable adjust compliance);
    like($out, qr/ --$_ /, "tells --$_") for qw(redis prefix redis-user
        redis-password-file redis-db redis-tls-ca json at timeout by reason
        type capacity from message version);
    unlike($out, qr/.{81}/, 'in 80 columns');
    ($status, $out) = $bare->run('--version');
    is($status, 0, '--version');
    like($out, qr/^oscpctl \d+\.\d+\.\d+$/, 'tells it');
};

subtest 'a wrong command line' => sub {
    my @adjust = ('adjust', 'a', 'b', '--type', 'GENERATION');
    my @wrong = (
        [[], qr/a command is missing/],
        [['dance'], qr/there is no command "dance"/],
        [['show'], qr/usage: oscpctl show NAME/],
        [['explain', 'a', 'b'], qr/usage: oscpctl explain SCOPE/],
        [['enable', 'a', 'b', 'c'], qr/usage: oscpctl enable CONN \[GROUP\]/],
        [['disconnect', 'a', 'b'], qr/usage: oscpctl disconnect CONN/],
        [['status', '--at', '10:00'], qr/--at is for explain only/],
        [['status', '-f'], qr/-f and -n are for events only/],
        [['events', '--by', 'me'], qr/--timeout, --by and --reason are not/],
        [['explain', 'a', '--at', '25:00'], qr/--at must be RFC 3339/],
        [['explain', 'a', '--at', '2026-02-30 10:00'], qr/--at must be/],
        [['explain', 'a', '--at', '10:00:61'], qr/--at must be/],
        [['explain', 'a', '--at', 'now'], qr/--at must be/],
        [['connect', 'a', '--timeout', '0s'], qr/--timeout must be a time/],
        [['connect', 'a', '--timeout', '2d'], qr/--timeout must be a time/],
        [['connect', 'a', '--by', ''], qr/--by must be a name/],
        [['connect', 'a', '--by', 'x' x 65], qr/--by must be a name/],
        [['connect', 'a', '--by', "a\nb"], qr/--by must be a name/],
        [['connect', 'a', '--reason', "\e[2J"], qr/--reason must be one line/],
        [['connect', 'a', '--reason', 'x' x 501], qr/--reason must be/],
        [['events', '-n', '0'], qr/--lines must be a number or all/],
        [['events', '-n', 'x'], qr/--lines must be a number or all/],
        [['adjust', 'a', 'b'], qr/--type is missing for "adjust"/],
        [['adjust', 'a'], qr/usage: oscpctl adjust CONN GROUP --type T --cap/],
        [[@adjust, '--until', '10:00'], qr/--capacity is missing for "adjust"/],
        [[@adjust, '--capacity', '1kW'], qr/--until is missing for "adjust"/],
        [['adjust', '--type', 'import'], qr/--type must be CONSUMPTION, GENER/],
        [[@adjust, '--capacity', '120'], qr/--capacity must be a power with i/],
        [[@adjust, '--capacity', '-1kW'], qr/--capacity must be/],
        [[@adjust, '--capacity', '1kWh'], qr/--capacity must be/],
        [[@adjust, '--from', 'today'], qr/--from must be RFC 3339, HH:MM/],
        [[@adjust, '--until', '24:00'], qr/--until must be RFC 3339/],
        [[@adjust, '--message', 'x'], qr/--capacity is missing|--message is for/],
        [['compliance', 'a', 'b'], qr/--message is missing for "compliance"/],
        [['compliance', 'a', 'b', '--message', ''], qr/--message must be one l/],
        [['compliance', 'a', 'b', '--message', "a\tb"], qr/--message must be/],
        [['connect', 'a', '--message', 'x'], qr/--message is for compliance o/],
        [['connect', 'a', '--replace'], qr/--replace are for adjust only, not/],
        [['status', '--redis', 'redis://x'], qr/--redis redis:\/\/x: must be/],
        [['status', '--redis', 'sentinel:m'], qr/sentinel:m: must be/],
        [['status', '--redis-db', '-1'], qr/--redis-db -1: must be a number/],
        [['status', '--redis-user', 'u'], qr/needs --redis-password-file/],
        [['status', '--redis', 'unix:/nowhere', '--redis-tls-ca', 'f'],
            qr/no TLS for Redis|a unix socket has no TLS/],
        [['status', '--prefix', 'x' x 65], qr/must be at most 64 bytes/],
        [['status', '--prefix', 'a{b'], qr/--prefix a\{b: must be/],
        [['status', '--unknown'], qr/unrecognized option '--unknown'/],
    );
    for my $case (@wrong) {
        my ($status, $out, $err) = $bare->run(@{$case->[0]});
        is($status, 2, "@{$case->[0]}" =~ s/[^ -~]/?/gr);
        like($err, $case->[1], 'says why');
        is($out, '', 'and nothing else');
        unlike($err, qr/[^ -~\n]/, 'in plain characters');
    }
};

subtest 'where Redis is' => sub {
    my ($status, $out, $err) = OSCP::Ctl->new(build => $direct->{build},
        redis => 'unix:/nowhere/redis.sock')->run('status');
    is($status, 1, 'no Redis there');
    like($err, qr{Redis at unix:/nowhere/redis.sock: No such file}, 'is said');

    ($status, $out, $err) = $ctl->run('status');
    is($status, 1, 'nothing is published');
    like($err, qr/nginx has published no configuration here/, 'is said');

    $direct->publish(vector => {});
    ($status) = $ctl->run('status');
    is($status, 0, 'published');
    ($status) = OSCP::Ctl->new(build => $direct->{build}, env => {
        OSCP_REDIS => 'unix:' . $direct->redis->socket })->run('status');
    is($status, 0, 'by OSCP_REDIS');
    ($status, $out, $err) = $ctl->run('status', '--prefix', 'other:');
    is($status, 1, 'another prefix has nothing');
    ($status, $out, $err) = $ctl->run('status', '--redis-db', '3');
    is($status, 1, 'nor has another database');
};

subtest 'a password' => sub {
    my $file = $direct->file('password', "secret of redis\n");
    $direct->redis->command('ACL', 'SETUSER', 'operator', 'on',
        '>secret of redis', '~oscp:*', '+@read', '+multi', '+exec', '+select',
        '+xadd');
    my @user = ('--redis-user', 'operator', '--redis-password-file');
    my ($status) = $ctl->run('status', @user, $file);
    is($status, 0, 'a user with a password file');
    my ($wrong, $out, $err) = $ctl->run('status', @user,
        $direct->file('wrong', "other\n"));
    is($wrong, 1, 'a wrong password');
    like($err, qr/WRONGPASS/, 'is said');
    unlike($err, qr/other/, 'but not what it was');
    ($wrong, $out, $err) = $ctl->run('status', @user, "$direct->{dir}/none");
    is($wrong, 1, 'no such file');
    like($err, qr{password file .*/none: No such file}, 'is said');
};

subtest 'it is not connected to' => sub {
    my ($status, $out, $err) = $ctl->run('show', 'nothing');
    is($status, 1, 'a name that nothing has');
    like($err, qr/there is no connection, group, scope or circuit "nothing"/,
        'is said');
    $direct->redis->command('HSET', 'oscp:config', 'broken', '{"name":');
    ($status, $out, $err) = $ctl->run('status');
    is($status, 0, 'an unreadable document does not hide the others');
    like($err, qr/connection broken: its configuration cannot be read/,
        'and is said');
    is_deeply($ctl->json('status')->{unreadable}, ['broken'], 'also as data');
};

$direct->finish;
done_testing();
