#!/usr/bin/env perl
#
# Goal: nginx, oscp-worker and oscpctl read the same password from the same
# file, and refuse the same files for the same reason, which they tell, without
# a word of what is in them.

use strict;
use warnings;

use Cwd qw(abs_path);
use File::Temp qw(tempdir);
use FindBin qw($Bin);
use Test::More;

use lib "$Bin/lib";
use OSCP::Ctl;
use OSCP::Nginx;
use OSCP::Process qw(wait_for);
use OSCP::Redis;
use OSCP::Worker;

my $build = abs_path($ENV{OSCP_BUILD} // "$Bin/../build");
my $dir = tempdir('oscp-password-XXXXXX', TMPDIR => 1, CLEANUP => 1);
my $redis = OSCP::Redis->new(dir => $dir)->start;
my $file = "$dir/password";
my $secret = 'sesame-41c7 ' . 'x' x 4084;

chmod 0755, $dir;
$redis->command('ACL', 'SETUSER', 'u', 'on', ">$secret", '~*', '+@all');
$redis->command('HSET', 'oscp:config', 'version', 1, 'shards', 1);

sub write_file {
    my ($content) = @_;

    open my $fh, '>', $file or die $!;
    print {$fh} $content;
    close $fh or die $!;
}

# What each of them says when it is started; what does not end is ended.
sub nginx {
    my $nginx = OSCP::Nginx->new(dir => $dir, build => $build, http =>
        "oscp_redis @{[$redis->address]} user=u password_file=$file;"
        . ' oscp_connection a { profile generic; accept header key value;'
        . ' peer https://cp.test/oscp; group G scope=g; }',
        server => 'location / { oscp_status; }');

    unlink $nginx->error_log;
    if (eval { $nginx->start }) {
        wait_for(sub { $redis->command('HEXISTS', 'oscp:config', 'a')
            || $nginx->log_text =~ /WRONGPASS/ }, 10);
        $nginx->stop;
    }
    return $nginx->log_text;
}

sub worker {
    unlink "$dir/worker.log";
    my $worker = OSCP::Worker->new(dir => $dir, build => $build, name =>
        'worker', redis => $redis->address, arguments =>
        ['--redis-user', 'u', '--redis-password-file', $file])->start;

    wait_for(sub { $worker->log_text =~ /password file|owns|WRONGPASS/ }, 10);
    $worker->stop;
    return $worker->log_text;
}

sub ctl {
    my $ctl = OSCP::Ctl->new(build => $build, redis => $redis->address);

    return join '', ($ctl->run('status', '--redis-user', 'u',
        '--redis-password-file', $file))[1, 2];
}

my $control = 'must be one line without control characters';
for my $case (
    ['', 'is empty'], ["\n", 'is empty'], ["\r\n", 'is empty'],
    ["sesame\n\n", $control], ["sesame\nsesame\n", $control],
    ["sesame\t1\n", $control], ["sesame\0", $control],
    ["sesame\x7f\n", $control],
    [" sesame\n", 'must not begin or end with a blank'],
    ["sesame \n", 'must not begin or end with a blank'],
    ["sesame$secret\n", 'holds more than 4096 bytes'],
) {
    my ($content, $why) = @$case;
    my $shown = substr $content =~ s/[^ -~]/?/gr, 0, 20;
    write_file($content);
    my %said = (nginx => nginx(), worker => worker(), ctl => ctl());
    like($said{nginx}, qr/secret file "\Q$file\E" \Q$why\E/,
        "nginx: \"$shown\" $why");
    like($said{worker}, qr/Redis password file \Q$file\E: \Q$why\E/, 'worker');
    like($said{ctl}, qr/^oscpctl: password file \Q$file\E: \Q$why\E$/m,
        'oscpctl');
    unlike(join('', values %said), qr/sesame/, 'and do not show it');
}

for my $end ('', "\n", "\r\n") {
    write_file("$secret$end");
    $redis->command('HDEL', 'oscp:config', 'a');
    nginx();
    ok($redis->command('HEXISTS', 'oscp:config', 'a'),
        'nginx: 4096 bytes, and ' . length($end) . ' at the end of the line');
    like(worker(), qr/owns the shard/, 'worker');
    like(ctl(), qr/^a /m, 'oscpctl');
}

$redis->stop;
done_testing();
