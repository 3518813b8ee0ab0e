#!/usr/bin/env perl
#
# Goal: the examples in conf/ are what they say: nginx accepts and serves the
# configuration, Redis the settings, and the worker's unit is closed.

use strict;
use warnings;

use Cwd qw(abs_path);
use File::Temp qw(tempdir);
use FindBin qw($Bin);
use JSON::PP qw(decode_json);
use POSIX qw(strftime);
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

sub write_file {
    my ($name, $content) = @_;

    open my $fh, '>', "$dir/$name" or die "$dir/$name: $!";
    print {$fh} $content;
    close $fh or die $!;
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

    return scalar `curl -sSk --unix-socket $dir/tls.sock $line 2>&1`;
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

# A quarter of an hour's forecasts come at once, over one connection.
use constant { BURST => 300, MANY => 2600 };
my $at = sub { strftime('%Y-%m-%dT%H:%M:%SZ', gmtime(time + $_[0])) };
write_file('forecast.json', '{"group_id":"DEPOT01","type":"CONSUMPTION",'
    . '"forecasted_blocks":[{"capacity":100,"phase":"ALL","unit":"KW",'
    . '"start_time":"' . $at->(0) . '","end_time":"' . $at->(900) . '"}]}');
write_file('burst', join "next\n", map { <<"TRANSFER" } 1 .. BURST);
url = "https://localhost/oscp/fp/2.0/update_group_capacity_forecast"
unix-socket = "$dir/tls.sock"
data = "\@$dir/forecast.json"
header = "Authorization: Bearer $token"
header = "fp-id: BF01"
header = "apikey: $key"
header = "X-Request-ID: burst-$_"
header = "Content-Type: application/json"
output = "/dev/null"
write-out = "%{http_code} %{num_connects}\\n"
silent
insecure
TRANSFER
my @burst = split /\n/, `curl -K $dir/burst 2>&1`;
is_deeply([map { (split)[0] } @burst], [(204) x BURST],
    'none of ' . BURST . ' forecasts at once is refused');
cmp_ok((grep { / 1$/ } @burst), '<=', 2, 'over one connection');

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
} 1 .. 30;
ok((grep { $_ eq '401' } @guesses), 'a guess is refused');
ok((grep { $_ eq '429' } @guesses), 'and guessing is slowed down');

# What is refused for its number says so as everything else here does.
sub too_many {
    my ($name, $answer, $keys) = @_;

    like($answer, qr/^HTTP\S+ 429 /, "$name: 429");
    like($answer, qr/^Retry-After: 5\r$/mi, 'with a time');
    like($answer, qr/^Content-Type: application\/json\r$/mi, 'as JSON');
    is_deeply([sort keys %{decode_json($answer =~ s/.*\r\n\r\n//sr)}], $keys,
        'in the form of its endpoint');
}

my $guess = '-u vector:guess -d grant_type=client_credentials'
    . ' https://localhost/oauth2/token';
my $answer;
ok(wait_for(sub { ($answer = curl("-i $guess")) =~ / 429 / }, 10),
    'token requests are refused');
too_many('a token request', $answer, ['error', 'error_description']);
like($answer, qr/^Cache-Control: no-store\r$/mi, 'not to be kept');
my $message = 'https://localhost/oscp/fp/2.0/heartbeat';
my @many = split m{(?=HTTP/1\.1 )}, curl("-i '$message?[1-${\MANY}]'");
is(scalar @many, MANY, 'nobody\'s messages');
like($many[0], qr/^HTTP\S+ 401 /, 'are refused');
too_many('a message', $many[-1], ['message']);
system("head -c 1100000 /dev/zero > $dir/large") == 0 or die;
like(curl("--data-binary \@$dir/large https://localhost/oscp/status"),
    qr/^\{"message":/, '413 has OSCP\'s body');
like(slurp("$dir/oscp.log"), qr/ 204 vector handshake .* stored \d+-\d+ /,
    'the log line tells what became of a message');
unlike(slurp("$dir/oscp.log") . $nginx->log_text . slurp("$dir/oscp-error.log"),
    qr/\Q$token\E|\Q$secret\E|\Q$key\E|site:meters/, 'no secret is logged');

write_file('own.conf', slurp("$conf/redis.conf") =~ s{^unixsocket.*\n}{}mgr);
my $own = OSCP::Process->start(name => 'redis', log => "$dir/own.log",
    argv => ['redis-server', "$dir/own.conf", '--port', '0', '--unixsocket',
        "$dir/own.sock", '--dir', $dir]);
ok(wait_for(sub { `redis-cli -s $dir/own.sock config get appendfsync 2>&1`
    =~ /always/ }, 10), 'Redis takes its settings');
$own->stop;

# A setting in the wrong section is passed over by systemd with a warning.
my %section = map { /\A(\w+)\]\n(.*)/s } split /^\[/m,
    slurp("$conf/oscp-worker.service");
like($section{Unit}, qr/^StartLimitIntervalSec=0$/m,
    'the worker is started again however often it ends');
like($section{Service}, qr/^Restart=always$/m, 'always');
like($section{Service}, qr/^LimitNOFILE=65536$/m,
    'and has descriptors for many connections');

SKIP: {
    skip 'no systemd-analyze here', 2
        if system('command -v systemd-analyze >/dev/null') != 0;
    # It looks for the program as well, which need not be installed here.
    unlike(`systemd-analyze verify $conf/oscp-worker.service 2>&1`,
        qr/oscp-worker\.service:\d+:/, 'systemd knows every line of it');
    my ($level) = `systemd-analyze security --offline=true \\
        $conf/oscp-worker.service 2>&1` =~ /Overall exposure level.*: ([\d.]+)/;
    cmp_ok($level // 10, '<=', 2.0, 'the unit\'s exposure is at most 2.0');
}

$nginx->stop;
$redis->stop;
done_testing();
