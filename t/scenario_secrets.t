#!/usr/bin/env perl
#
# Goal: no secret leaves its file.  Both directions run with every kind of
# secret there is, succeed and fail; then each secret, as it is and as it is
# encoded on the way, is looked for in all that Redis stores, in every log and
# event, in every answer, and in what the system tells of our processes.

use strict;
use warnings;

use FindBin qw($Bin);
use HTTP::Tiny;
use MIME::Base64 qw(encode_base64);
use Test::More;

use lib "$Bin/lib";
use OSCP::Endpoint;
use OSCP::Process qw(wait_for);
use OSCP::Stack;

my %secret = (
    'token.key' => join('', map { sprintf '%02x', $_ * 7 % 256 } 1 .. 32),
    in          => 's3cret+of the/operator',
    'in.key'    => 'k3y-of-the-operator',
    out         => 's3cret=of us&all',
    'out.key'   => 'k3y-of-ours',
    wrong       => 'wr0ng/secret of us',
);

my $stack = OSCP::Stack->start(accept => ['header fp-id BF01'],
    present => ['header fp-id CP77']);
my ($cp, $dir) = ($stack->cp, $stack->dir);

$stack->file($_, "$secret{$_}\n") for keys %secret;
$stack->file('out.now', $secret{out});
$secret{"$_.password"} = OSCP::Redis::password($_)
    for qw(oscp-nginx oscp-worker);

# An endpoint that gives back what it knows, as an error.
my $echo = OSCP::Endpoint->new(dir => $dir);
$echo->answer(400, "{\"error\":\"$secret{out}\",\"error_description\":"
    . "\"$secret{out}\"}", header => "X-Key: $secret{'out.key'}");

# Applies the whole configuration with this way to get tokens.
sub configure {
    my ($oauth) = @_;

    $stack->{accept} = ["oauth client_id=cp client_secret_file=$dir/in",
        "header apikey file=$dir/in.key"];
    $stack->{present} = ["oauth $oauth client_id=fp"
        . " client_secret_file=$dir/out.now",
        "header apikey file=$dir/out.key"];
    $stack->nginx->configure(
        http => "oscp_token_key_file $dir/token.key;\n" . $stack->http,
        server => $stack->server
            . 'location = /oauth2/token { oscp_token vector; }');
    ok($stack->nginx->reload, 'reload');
    ok(wait_for(sub { (() = $stack->nginx->children) == 1 }),
        'the old worker process is gone');
    return;
}

sub errors {
    my ($pattern) = @_;

    return wait_for(sub { grep { ($_->{data}{error} // '') =~ $pattern }
        $stack->events('heartbeat_failed') }, 20);
}

my $own = $cp->url =~ s{^(http://[^/]+).*}{$1/oauth2/token}r;

configure("token_url=$own");
push @{$stack->worker->{arguments}}, '--log-level', 'debug';
is($stack->worker->stop, 0, 'the worker is started anew');
$stack->worker->restart;
$cp->command("accept oauth client=fp secret-file=$dir/out life=3s"
    . " header.apikey=$secret{'out.key'}",
    'present oauth url=' . $stack->nginx->url('/oauth2/token')
    . " client=cp secret-file=$dir/in header.apikey=$secret{'in.key'}",
    'heartbeats on ahead=1h');

ok($stack->go_online(1), 'online');
$cp->command('forecast group=DEPOT01 kw=120,80 blocks=4 minutes=15'
    . ' expect=204');
ok($stack->wait_circuit('incomer-1', { control => 'oscp' }), 'a forecast');
$cp->command('mark', 'expect heartbeat count=4 within=20s');
$cp->command('misbehave refuse=heartbeat:401 times=5');
ok(errors(qr/^HTTP 401$/), 'refused messages');
$stack->file('out.now', $secret{wrong});
$stack->worker->process->signal('HUP');
ok(errors(qr/^token endpoint: HTTP 401 invalid_client$/), 'a wrong secret');
configure('token_url=' . $echo->url . ' auth=body');
$stack->file('out.now', $secret{out});
ok(errors(qr/^token endpoint: HTTP 400$/), 'an endpoint that echoes');

my @answers;
my $pair = encode_base64("cp:$secret{in}", '');
for my $case (['/oauth2/token', 'grant_type=x', "Basic $pair"],
    ['/oauth2/token', 'grant_type=client_credentials&client_id=cp'
        . "&client_secret=$secret{in}x"],
    ['/oauth2/token', "grant_type=client_credentials&client_id=$secret{in}"],
    ['/oscp/fp/2.0/heartbeat', '{}', "Bearer $secret{in}"],
    ['/oscp/fp/2.0/heartbeat', '{}', "Token $secret{in}"],
    ['/oscp/fp/2.0/nothing', '{}', "Basic $pair"],
    ['/oscp/fp/2.0/heartbeat', '{"offline_mode_at":0}'])
{
    my ($path, $body, $authorization) = @$case;
    my $answer = HTTP::Tiny->new->post($stack->nginx->url($path), {
        content => $body, headers => { apikey => $secret{'in.key'},
            'Content-Type' => $path =~ /token/
                ? 'application/x-www-form-urlencoded' : 'application/json',
            $authorization ? (Authorization => $authorization) : () } });
    isnt($answer->{success}, 1, "refused: $answer->{status}");
    push @answers, join "\n", $answer->{reason}, $answer->{content},
        %{$answer->{headers}};
}
push @answers, HTTP::Tiny->new->get($stack->nginx->url('/oscp/status'))
    ->{content};

# Tokens are secrets as well.
for my $record ($cp->records) {
    my ($token) = ($record->{headers}{Authorization} // '')
        =~ /^Bearer (\S+)$/;
    $secret{"access token $record->{dir}"} = $token if defined $token;
}
ok($secret{"access token $_"}, "a token went $_") for qw(in out);

sub slurp {
    my ($file) = @_;

    open(my $fh, '<:raw', $file) or return '';
    local $/;
    return scalar(<$fh>) // '';
}

my %place = (answers => join "\n", @answers);
my @pids = ($stack->worker->pid, $stack->redis->process->pid,
    $stack->nginx->{process}->pid, $stack->nginx->children);
for my $pid (@pids) {
    $place{"$_ of $pid"} = slurp("/proc/$pid/$_") for qw(cmdline environ);
    ok(length $place{"cmdline of $pid"}, "process $pid is there");
}
like(slurp('/proc/' . $stack->worker->pid . '/limits'),
    qr/^Max core file size +0 +0 /m, 'the worker leaves no core');

$stack->redis->command(qw(CONFIG SET rdbcompression no));
$stack->redis->command('SAVE');
$place{events} = join "\n", map { $_->{data} // '', $_->{by} // '' }
    $stack->redis->stream($stack->key('events'));
my %own = map { ("$dir/$_" => 1) } keys %secret,
    qw(out.now cp.record redis-users.conf asked answer);
for my $file (glob "$dir/* $dir/redis/* $dir/redis/*/*") {
    $place{$file} = slurp($file) if -f $file && !$own{$file};
}
ok($place{"$dir/redis/dump.rdb"}, 'the dump is looked at');
like(join(' ', keys %place), qr/$_/, "$_ too")
    for qw(worker-1\.log error\.log access\.log aof nginx\.conf);

my ($seen, $record) = (0, slurp("$dir/cp.record"));
for my $name (sort keys %secret) {
    my $plain = $secret{$name};
    my $form = $plain =~ s/([^\w.-])/sprintf '%%%02X', ord $1/ger;
    my @forms = ($plain, encode_base64($plain, ''), $form, $form =~ s/%20/+/gr,
        map { encode_base64("$_:$form", '') } qw(fp cp));
    my @found = grep { my $text = $place{$_};
        grep { index($text, $_) >= 0 } @forms } sort keys %place;
    is_deeply(\@found, [], "$name is nowhere");
    $seen += grep { index($record, $_) >= 0 } @forms;
}
cmp_ok($seen, '>=', 4, 'while the simulator saw them');

$stack->finish;
done_testing();
