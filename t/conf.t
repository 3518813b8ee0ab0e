#!/usr/bin/env perl
#
# Goal: the examples in conf/ are what they say: nginx accepts and serves the
# configuration, Redis the settings, and the worker's unit is closed.

use strict;
use warnings;

use Cwd qw(abs_path);
use File::Temp qw(tempdir);
use FindBin qw($Bin);
use Test::More;

use lib "$Bin/lib";
use OSCP::Nginx;
use OSCP::Process qw(wait_for);
use OSCP::Redis;

my $build = abs_path($ENV{OSCP_BUILD} // "$Bin/../build");
my $dir = tempdir('oscp-conf-XXXXXX', TMPDIR => 1, CLEANUP => 1);
my $conf = "$Bin/../conf";

chmod 0755, $dir;

sub slurp {
    my ($name) = @_;

    open my $fh, '<', $name or die "$name: $!";
    local $/;
    return scalar <$fh>;
}

# The secrets that the example names, and a certificate.
my $text = slurp("$conf/oscp.conf");
for my $name ($text =~ m{/etc/oscp/([\w.-]+)}g) {
    next if $name =~ /^server|^redis/;
    system($name eq 'site.htpasswd'
        ? "echo \"site:\$(openssl passwd -6 meters)\" > $dir/$name"
        : "openssl rand -hex 32 > $dir/$name") == 0 or die;
}
system("openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost"
    . " -keyout $dir/server.key -out $dir/server.crt 2>$dir/openssl.log") == 0
    or die slurp("$dir/openssl.log");

my $redis = OSCP::Redis->new(dir => $dir, appendfsync => 'always')->start;
my $socket = $redis->socket;

# The port, the paths and the socket become this test's, which is then no
# address; its own server answers for the harness.
$text =~ s{/etc/oscp/}{$dir/}g;
$text =~ s{/var/log/nginx/}{$dir/}g;
$text =~ s{unix:/run/redis/redis-server\.sock}{unix:$socket}g;
$text =~ s{allow 127\.0\.0\.1;(?=\s+#)}{allow unix:;};
$text =~ s{listen 127\.0\.0\.1:8443 ssl}{listen unix:$dir/tls.sock ssl};
my $nginx = OSCP::Nginx->new(dir => $dir, build => $build, http => $text,
    server => 'location / { return 204; }')->start;

sub curl {
    my ($line) = @_;

    return `curl -sSk --unix-socket $dir/tls.sock $line 2>&1`;
}

my $secret = slurp("$dir/vector-client-in") =~ s/\n//r;
my $key = slurp("$dir/vector-apikey-in") =~ s/\n//r;
ok(wait_for(sub { $redis->hash('oscp:config')->{vector} }, 10), 'published');
my ($token) = curl("-u vector:$secret -d grant_type=client_credentials"
    . ' https://localhost/oauth2/token') =~ /"access_token":"([^"]+)"/;
ok($token, 'a standard OAuth client gets a token with curl');
is(curl("-o /dev/null -w '%{http_code}' -H 'Authorization: Bearer $token'"
    . " -H 'fp-id: BF01' -H 'apikey: $key' -H 'X-Request-ID: conf-1'"
    . " -H 'Content-Type: application/json' --data '{}'"
    . ' https://localhost/oscp/fp/2.0/handshake'), 204, 'and uses it');
is(curl("-o /dev/null -w '%{http_code}' -H 'X-Request-ID: conf-2'"
    . " -H 'Content-Type: application/json' --data '{}'"
    . ' https://localhost/oscp/fp/2.0/handshake'), 401, 'nobody else gets in');
my $sample = q({"group":"DEPOT01","asset":"c1","at":"2026-11-23T00:00:00Z",)
    . q("energy_import_wh":1});
is(join(' ', map { curl("-o /dev/null -w '%{http_code}' $_ --data '$sample'"
    . " -H 'Content-Type: application/json' https://localhost/oscp/measurements")
    } '', '-u site:guess', '-u site:meters'), '401 401 204',
    'samples, with the site\'s password');
is($redis->command('XLEN', 'oscp:{0}:meter'), 1, 'one of them is stored');
like(curl('https://localhost/oscp/status'), qr/403|"vector"/, 'status');
my @guesses = map { curl("-o /dev/null -w '%{http_code}' -u vector:guess$_"
    . ' -d grant_type=client_credentials https://localhost/oauth2/token')
} 1 .. 12;
ok((grep { $_ eq '401' } @guesses), 'a guess is refused');
ok((grep { $_ eq '429' } @guesses), 'and guessing is slowed down');
system("head -c 1100000 /dev/zero > $dir/large") == 0 or die;
like(curl("--data-binary \@$dir/large https://localhost/oscp/fp/2.0/handshake"),
    qr/^\{"message":/, '413 has OSCP\'s body');
like(slurp("$dir/oscp.log"), qr/ 204 vector handshake .* stored \d+-\d+ /,
    'the log line tells what became of a message');
unlike(slurp("$dir/oscp.log") . $nginx->log_text . slurp("$dir/oscp-error.log"),
    qr/\Q$token\E|\Q$secret\E|\Q$key\E|site:meters/, 'no secret is logged');

my $settings = slurp("$conf/redis.conf") =~ s{^unixsocket.*\n}{}mgr;
open my $fh, '>', "$dir/own.conf" or die $!;
print {$fh} $settings;
close $fh or die $!;
my $own = OSCP::Process->start(name => 'redis', log => "$dir/own.log",
    argv => ['redis-server', "$dir/own.conf", '--port', '0', '--unixsocket',
        "$dir/own.sock", '--dir', $dir]);
ok(wait_for(sub { `redis-cli -s $dir/own.sock config get appendfsync 2>&1`
    =~ /always/ }, 10), 'Redis takes its settings');
$own->stop;

SKIP: {
    skip 'no systemd-analyze here', 1
        if system('command -v systemd-analyze >/dev/null') != 0;
    my ($level) = `systemd-analyze security --offline=true \\
        $conf/oscp-worker.service 2>&1` =~ /Overall exposure level.*: ([\d.]+)/;
    cmp_ok($level // 10, '<=', 2.0, 'the unit\'s exposure is at most 2.0');
}

$nginx->stop;
$redis->stop;
done_testing();
