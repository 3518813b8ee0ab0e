# Goal: a client that speaks only standard OAuth gets a token with curl and
# uses it; keys rotate; a token holds for its own connection, scope and time
# alone; nothing secret reaches a log or Redis.

use strict;
use warnings;

use JSON::PP qw(decode_json);

use FindBin qw($Bin);
use lib "$Bin/lib";

use OSCP::Door;
use OSCP::Process qw(wait_for);
use OSCP::Tokens;
use Test::More;

use constant SECRET => 'client-secret-81b7';

my $url;
my $door = OSCP::Door->new(
    main => 'oscp_token_key_file keys;',
    edit => sub { s/accept token file=token;//; },
    settings => 'accept oauth client_id=vector client_secret_file=secret;'
        . 'accept oauth client_id=other client_secret_file=other'
        . ' scope=oscp;',
    server => 'location /oscp/fp/2.0/ { oscp_endpoint vector; }'
        . 'location = /oauth2/token { oscp_token vector; }'
        . 'location /second/ { oscp_endpoint second; }'
        . 'location = /second-token { oscp_token second; }');
my $dir = $door->dir;

# The keys of these numbers, in that order.
sub keys_file {
    return $door->file('keys', join '', map { own_key($_) . "\n" } @_);
}

$door->file('secret', SECRET . "\n");
$door->file('other', "other-secret\n");
keys_file(1);
$door->{main} .= 'oscp_connection second { profile vector;'
    . 'peer https://p.example; accept oauth client_id=vector '
    . "client_secret_file=$dir/secret; accept header fp-id BF01; }";
$door->configure->nginx->start;
wait_for(sub { $door->version }) or die 'nginx does not publish';

# What curl gets from a token endpoint: status and document.
sub fetch {
    my ($path, $client, @more) = @_;
    my $answer = `curl -sS -u '$client' -d grant_type=client_credentials \\
        -w '\\n%{http_code}' @more @{[$door->nginx->url($path)]} 2>&1`;
    my ($body, $status) = $answer =~ /^(.*)\n(\d+)$/s or die $answer;

    return ($status, decode_json($body));
}

sub use_token {
    my ($token, $path) = @_;

    return $door->post($path // 'heartbeat', '{}',
        "Authorization: Bearer $token")->{status};
}

my ($status, $answer) = fetch('/oauth2/token', 'vector:' . SECRET);
is($status, 200, 'curl gets a token');
is($answer->{token_type}, 'Bearer', 'of the type Bearer');
is($answer->{expires_in}, 3600, 'for an hour');
ok(!exists $answer->{scope}, 'without a scope where none is configured');
my $first = $answer->{access_token};
is(use_token($first), 204, 'the token is accepted');
is($door->stored, 1, 'and the message stored');
is($door->post('heartbeat', '{}', "Authorization: bEARER   $first")->{status},
    204, 'the scheme in any case');
is($door->post('heartbeat', '{}', "Authorization: Bearer $first",
    'fp-id: no')->{status}, 401, 'and every header line beside it');

# What the token says (RFC 9068).
my ($header, $claims) = map { decode_json(unb64($_)) }
    (split /\./, $first)[0, 1];
is($header->{alg}, 'HS256', 'alg');
is($header->{typ}, 'at+jwt', 'typ');
like($header->{kid}, qr/^[0-9a-f]{16}$/, 'kid');
is($claims->{$_->[0]}, $_->[1], $_->[0])
    for ['aud', 'vector'], ['sub', 'vector'], ['client_id', 'vector'];
is($claims->{exp} - $claims->{iat}, 3600, 'exp and iat');
like($claims->{jti}, qr/^[0-9a-f]{32}$/, 'jti');
($status, $answer) = fetch('/oauth2/token', 'vector:' . SECRET);
isnt($answer->{access_token}, $first, 'each token is another one');

# Connections and clients.
($status, $answer) = fetch('/second-token', 'vector:' . SECRET);
is($status, 200, 'the other connection gives one, too');
is(use_token($answer->{access_token}, '/second/heartbeat'), 204,
    'which it accepts');
is(use_token($answer->{access_token}), 401, 'and the first one does not');
is(use_token($first, '/second/heartbeat'), 401, 'nor the other way round');
($status, $answer) = fetch('/oauth2/token', 'other:other-secret');
is($answer->{scope}, 'oscp', 'another client has a scope');
is(use_token($answer->{access_token}), 204, 'and is accepted');
($status) = fetch('/oauth2/token', 'other:' . SECRET);
is($status, 401, 'each with its own secret');

# Made here, as we make them: what each claim must be.
my $now = time;
my %good = (iss => 'oscp', aud => 'vector', sub => 'vector',
    client_id => 'vector', iat => $now, exp => $now + 100, jti => 'x');
my $got = use_token(own_token(1, \%good));
is($got, 204, 'a token of our key is ours');
is(use_token(own_token(1, { %good, @{$_->[1]} })), $_->[2], $_->[0]) for
    ['aud as a list', [aud => ['x', 'vector']], 204],
    ['the scope that the other client needs',
        [client_id => 'other', scope => 'oscp'], 204],
    ['no scope', [client_id => 'other'], 401],
    ['a wrong scope', [client_id => 'other', scope => 'oscpx'], 401],
    ['expired this second', [exp => $now], 401],
    ['no expiry', [exp => undef], 401],
    ['an expiry in quotes', [exp => '"' . ($now + 100) . '"'], 401],
    ['not yet', [nbf => $now + 50], 401],
    ['another issuer', [iss => 'oscp2'], 401],
    ['another audience', [aud => 'second'], 401],
    ['no audience', [aud => undef], 401],
    ['a removed client', [client_id => 'gone'], 401];
is(use_token(own_token(2, \%good)), 401, 'a key that is not in the file');
is(use_token(own_token(1, \%good, kid => undef)), 401, 'no key id');

# Rotation without a refusal: the new key first verifies, then signs, then the
# old one goes.  Each step waits for the processes of the one before to end.
sub reload {
    keys_file(@_);
    $door->nginx->reload;
    return wait_for(sub { $door->nginx->children == 1 });
}

my $second;
ok(reload(1, 2), 'a second key');
is(use_token(own_token(2, \%good)), 204, 'which verifies');
($status, $answer) = fetch('/oauth2/token', 'vector:' . SECRET);
is(decode_json(unb64((split /\./, $answer->{access_token})[0]))->{kid},
    $header->{kid}, 'the first still signs');
ok(reload(2, 1), 'in the other order');
($status, $answer) = fetch('/oauth2/token', 'vector:' . SECRET);
$second = $answer->{access_token};
isnt(decode_json(unb64((split /\./, $second)[0]))->{kid}, $header->{kid},
    'the new first key signs');
is(use_token($first), 204, 'tokens of the old key still hold');
is(use_token($second), 204, 'and so do those of the new one');
ok(reload(2), 'without the old key');
is(use_token($first), 401, 'its tokens are refused');
is(use_token($second), 204, 'the new ones hold');

# Of several lines the log has the reason of the one that was meant, wherever
# it stands; the answer has none.
for my $order ([0, 1], [1, 0]) {
    my @lines = ('accept oauth client_id=vector client_secret_file=secret;',
        'accept oauth client_id=other client_secret_file=other scope=oscp;');
    $door->configure(settings => join '', @lines[@$order]);
    ok(reload(2), 'lines in another order');
    my $offset = -s $door->nginx->error_log;
    my $response = $door->post('heartbeat', '{}', 'Authorization: Bearer '
        . own_token(2, { %good, client_id => 'other' }));
    is($response->{status}, 401, 'a token without the scope');
    is($response->{body}, '{"message":"credentials are missing or wrong"}',
        'is answered like any other');
    like($door->nginx->log_text($offset), qr/answered 401 .*: wrong scope\b/,
        'the log says what is wrong with it');
}

# Secrets: nowhere but in their files.
my $dump = join "\n", map { my $key = $_;
    $door->redis->command('DUMP', $key) // '' }
    @{$door->redis->command('KEYS', '*')};
my $log = $door->nginx->log_text;
for my $secret (SECRET, 'other-secret', own_key(1), own_key(2), $first,
    $second)
{
    ok(index($dump, $secret) < 0, 'not in Redis');
    ok(index($log, $secret) < 0, 'not in the log');
}
like($log, qr/answered 401 .*credentials are missing or wrong: $_\b/,
    "the log says: $_") for 'wrong audience', 'expired', 'not yet valid',
    'wrong issuer', 'wrong scope', 'wrong client', 'unknown key',
    'a wrong header line';

$door->finish;
done_testing();
