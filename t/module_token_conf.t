# Goal: `nginx -t` finds every mistake in what OAuth and JWT need, names the
# directive, the file and what it must be, and never shows a byte of a key.

use strict;
use warnings;

use FindBin qw($Bin);
use lib "$Bin/lib";

use OSCP::Door;
use OSCP::Tokens;
use Test::More;

my $door = OSCP::Door->new;
my ($ec, $rsa, $ed) = (key('ES256', 'a'), key('RS256', 'b'), key('EdDSA', 'c'));
my ($one, $two) = (own_key(1), own_key(2));
my $oauth = 'accept oauth client_id=c client_secret_file=secret;';
my $jwt = 'accept jwt jwks_file=jwks issuer=i audience=a;';
my $small = key('RS256', 'small');

$door->file('secret', "s3cret-81b7\n");
$door->file('keys', "$one\n");
$small->{file} .= '-small';
system("openssl genrsa -out $small->{file} 1024 2>/dev/null") == 0 or die;

# main, settings, what nginx -t says (undef: it is good)
sub try {
    my ($name, $main, $settings, $want, $server) = @_;

    $door->configure(main => $main, settings => $settings,
        server => $server // 'location / { oscp_endpoint vector; }');
    my ($status, $output) = $door->check;
    if (defined $want) {
        isnt($status, 0, "$name: refused");
        like($output, qr/\[emerg\] .*\Q$want\E/, "$name: named");
    }
    else {
        is($status, 0, "$name: good") or diag($output);
    }
    unlike($output, qr/s3cret|[0-9a-f]{20}/, "$name: no secret");
    return $output;
}

# oscp_token_key_file
my $key = 'oscp_token_key_file keys;';
my $digits = '"oscp_token_key_file keys" must have 64 hexadecimal digits in'
    . ' each line';
my @sixteen = map { own_key($_) . "\n" } 1 .. 16;
for (
    ['one key', "$one\n"],
    ['no newline at the end', "$one\n$two"],
    ['newlines of two bytes', "$one\r\n$two\r\n"],
    ['capital letters', uc "$one\n"],
    ['sixteen keys', join '', @sixteen],
    ['seventeen', join('', @sixteen, "$two\n"), 'must have at most 16 lines'],
    ['no key', '', "$digits, and is empty"],
    ['a short key', substr($one, 1) . "\n", "$digits, not so in line 1"],
    ['a long key', "${one}0\n", "$digits, not so in line 1"],
    ['no digits', "$one\n" . 'g' x 64 . "\n", "$digits, not so in line 2"],
    ['an empty line', "$one\n\n$two\n", "$digits, not so in line 2"],
    ['a blank', "$one \n", "$digits, not so in line 1"],
    ['a key twice', "$one\n$two\n$one\n", 'must not have the same key twice'],
) {
    $door->file('keys', $_->[1]);
    try("key file: $_->[0]", $key, $oauth, $_->[2]);
}
$door->file('keys', "$one\n");
try('no such file', 'oscp_token_key_file nokeys;', $oauth,
    '"oscp_token_key_file nokeys" cannot be opened');
try('key file twice', "$key $key", $oauth, 'is there twice');
try('no key file', '', $oauth,
    '"oscp_token_key_file" must be there when a connection has "accept oauth"');
try('a key file that nothing needs', $key, '', undef);

# The other directives.
for (['lifetime', '1s'], ['lifetime', '24h'], ['lifetime', '0', 'must be'],
    ['lifetime', '500ms', 'must be'], ['lifetime', '25h', 'must be'],
    ['lifetime', '-1', 'must be'], ['lifetime', 'long', 'must be'],
    ['cache', '64k'], ['cache', 'off'], ['cache', '63k', 'must be a size'],
    ['cache', 'x', 'must be a size'])
{
    my ($name, $value, $want) = @$_;

    try("$name $value", "$key oscp_token_$name $value;", $oauth,
        $want && "\"oscp_token_$name $value\" $want");
}
try('lifetime twice', 'oscp_token_lifetime 1m; oscp_token_lifetime 1m;', '',
    'is there twice');
try('cache twice', 'oscp_token_cache 1m; oscp_token_cache off;', '',
    'is there twice');
for (
    ['twice', 'oscp_token vector; oscp_token vector;', 'is there twice'],
    ['beside an endpoint', 'oscp_endpoint vector; oscp_token vector;',
        '"oscp_token vector" must have a location of its own'],
    ['of nobody', 'oscp_token nobody;',
        '"oscp_token nobody" names no oscp_connection'],
) {
    try("oscp_token $_->[0]", $key, $oauth, $_->[2], "location / { $_->[1] }");
}

# accept oauth
my $usage = '"accept oauth" must be "oauth client_id=ID client_secret_file=';
for (
    ['without a secret', 'accept oauth client_id=c;', $usage],
    ['without a client', 'accept oauth client_secret_file=secret;', $usage],
    ['with more', 'accept oauth client_id=c client_secret_file=secret x=y;',
        $usage],
    ['with a client twice', 'accept oauth client_id=c client_id=d'
        . ' client_secret_file=secret;', $usage],
    ['with an empty scope', 'accept oauth client_id=c scope='
        . ' client_secret_file=secret;', $usage],
    ['with a blank in the client', 'accept oauth "client_id=a b"'
        . ' client_secret_file=secret;', 'must have a client_id of 1 to 128'],
    ['with a long client', 'accept oauth client_id=' . 'c' x 129
        . ' client_secret_file=secret;', 'must have a client_id of 1 to 128'],
    ['with a client of 128', 'accept oauth client_id=' . 'c' x 128
        . ' client_secret_file=secret;'],
    ['with a wrong scope', 'accept oauth client_id=c "scope=a  b"'
        . ' client_secret_file=secret;', 'must have a scope of words'],
    ['with a scope of 256', 'accept oauth client_id=c scope=' . 's' x 256
        . ' client_secret_file=secret;'],
    ['with a long scope', 'accept oauth client_id=c scope=' . 's' x 257
        . ' client_secret_file=secret;', 'must have a scope of words'],
    ['with a file that is not there',
        'accept oauth client_id=c client_secret_file=gone;',
        '"accept": secret file'],
    ['of one client twice', "$oauth $oauth", 'names the same client_id twice'],
    ['of two clients', "$oauth accept oauth client_id=d"
        . ' client_secret_file=secret "scope=a b";'],
) {
    try("accept oauth $_->[0]", $key, $_->[1], $_->[2]);
}

# accept jwt, and the key sets
$door->file('jwks', jwks($ec));
for (
    ['complete', 'accept jwt jwks_file=jwks issuer=i audience=a scope=s;'],
    ['without an audience', 'accept jwt jwks_file=jwks issuer=i;', 'must be'],
    ['without an issuer', 'accept jwt jwks_file=jwks audience=a;', 'must be'],
    ['without a file', 'accept jwt issuer=i audience=a;', 'must be'],
    ['with a file that is not there',
        'accept jwt jwks_file=gone issuer=i audience=a;', 'cannot be opened'],
    ['with a directory', 'accept jwt jwks_file=. issuer=i audience=a;',
        'must be a regular file'],
) {
    try("accept jwt $_->[0]", '', $_->[1], $_->[2]);
}
my @many = map { jwk($ec, kid => "k$_") } 1 .. 65;
for (
    ['all kinds', jwks($ec, $rsa, $ed)],
    ['keys of other kinds beside', jwks($ec, { kty => 'oct', k => 'AA' },
        jwk($rsa, use => 'enc', kid => 'x'), { kty => 'EC', crv => 'P-521' })],
    ['no alg', jwks(jwk($rsa, alg => undef), jwk($ed, alg => undef))],
    ['64 keys', jwks(@many[0 .. 63])],
    ['65 keys', jwks(@many), '$.keys: must have at most 64 keys'],
    ['no keys', '{"keys":[]}', '$.keys: must have a key that'],
    ['symmetric keys alone', jwks({ kty => 'oct', k => 'AAAA', alg => 'HS256' }),
        '$.keys: must have a key that'],
    ['no set', '{}', '$.keys: must be a list'],
    ['no JSON', 'jwks', 'must be JSON'],
    ['JSON and more', jwks($ec) . 'x', 'must be JSON'],
    ['a member twice', '{"keys":[],"keys":[]}', 'must not be given twice'],
    ['a kid of 128', jwks(jwk($ec, kid => 'k' x 128))],
    ['262144 bytes', jwks($ec) . ' ' x (262144 - length jwks($ec))],
    ['too large', jwks($ec) . ' ' x (262145 - length jwks($ec)),
        '$: must be at most 262144 bytes'],
) {
    $door->file('jwks', $_->[1]);
    try("key set: $_->[0]", '', $jwt, $_->[2]);
}

# A key that cannot be used: alone it is an error, beside others they serve.
for (
    ['a small key', jwk($small), '.n: must be'],
    ['an even exponent', jwk($rsa, e => 'AQAA'), '.e: must be'],
    ['an exponent of one', jwk($rsa, e => 'AQ'), '.e: must be'],
    ['no modulus', jwk($rsa, n => undef), '.n: must be'],
    ['a certificate alone', jwk($rsa, n => undef, e => undef,
        x5c => ['MIIB']), '.n: must be'],
    ['a padded modulus', jwk($rsa, n => jwk($rsa)->{n} . '=='), '.n: must be'],
    ['a point off the curve', jwk($ec, y => b64('y' x 32), kid => 'off'),
        '.y: must be'],
    ['a short coordinate', jwk($ec, x => b64('x' x 31), kid => 'short'),
        '.x: must be'],
    ['a short Ed25519 key', jwk($ed, x => b64('x' x 31)), '.x: must be'],
    ['padding', jwk($ed, x => jwk($ed)->{x} . '='), '.x: must be'],
    ['a long kid', jwk($ec, kid => 'k' x 129), '.kid: must be'],
    ['an empty kid', jwk($ec, kid => ''), '.kid: must be'],
    ['a kid that is no string', jwk($ec, kid => 1), '.kid: must be of'],
    ['key_ops that are no list', jwk($ec, key_ops => 'verify'),
        '.key_ops: must be of'],
    ['a key that is no object', 'key', ': must be an object'],
) {
    my ($name, $bad, $why) = @$_;
    $door->file('jwks', jwks($bad));
    my $output = try("key set: $name alone", '', $jwt,
        '$.keys: must have a key that');
    like($output, passed_over(0, $why), "$name: and why");
    $door->file('jwks', jwks($ec, $bad, $ed));
    like(try("key set: $name", '', $jwt), passed_over(1, $why),
        "$name: passed over");
}
$door->file('jwks', jwks($ec, jwk($ec)));
like(try('key set: a kid twice', '', $jwt),
    passed_over(1, '.kid: must be unique'), 'the first one counts');

sub passed_over {
    my ($index, $why) = @_;

    return qr/\[warn\].*jwks": a key is not used: \$\.keys\[$index\]\Q$why\E/;
}

done_testing();
