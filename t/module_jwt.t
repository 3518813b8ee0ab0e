# Goal: tokens of an outside issuer, signed by the openssl command with each
# algorithm, are accepted for what they say and for nothing else; key sets are
# re-read when they change, and a revoked key holds no longer, cached or not.

use strict;
use warnings;

use FindBin qw($Bin);
use lib "$Bin/lib";

use OSCP::Door;
use OSCP::Process qw(wait_for);
use OSCP::Tokens;
use Test::More;

my $door = OSCP::Door->new(
    workers => 2,
    edit => sub { s/accept token file=token;//; },
    settings => 'accept jwt jwks_file=jwks issuer=https://issuer.example'
        . ' audience=oscp "scope=oscp.write oscp.read";',
    server => 'location /oscp/fp/2.0/ { oscp_endpoint vector; }'
        . 'location /loose/ { oscp_endpoint loose; }');
my $dir = $door->dir;
$door->{main} = 'large_client_header_buffers 4 16k;'
    . "oscp_token_cache 64k; oscp_connection loose { profile vector;"
    . 'peer https://p.example; accept jwt jwks_file=jwks audience=oscp'
    . ' issuer=https://issuer.example; }';

my %key = map { $_ => key($_, "$_-1") } qw(RS256 PS256 ES256 EdDSA);

# In one step, as an issuer's script should.
sub publish {
    $door->file('jwks.new', ref $_[0] ? jwks(@_) : $_[0]);
    rename "$dir/jwks.new", "$dir/jwks" or die $!;
    return;
}

publish(values %key);
$door->configure->nginx->start;
wait_for(sub { $door->version }) or die 'nginx does not publish';

my $now = time;
my %claims = (iss => 'https://issuer.example', aud => 'oscp',
    exp => $now + 3600, scope => 'oscp.read x oscp.write');

sub use_token {
    my ($token, $path) = @_;

    return $door->post($path // 'heartbeat', '{}',
        "Authorization: Bearer $token")->{status};
}

my %token = map { $_ => token($key{$_}, \%claims) } keys %key;
for my $alg (sort keys %key) {
    is(use_token($token{$alg}), 204, "$alg");
    is(use_token($token{$alg}), 204, "$alg, cached");
    is(use_token(token($key{$alg}, \%claims, kid => undef)), 204,
        "$alg without a key id, as its only key");
    is(use_token($token{$alg}, '/loose/heartbeat'), 204,
        "$alg at another connection with the same demands");
}
is($door->stored, 16, 'each was stored');

# How claims may be written.
my $es = $key{ES256};
is(use_token(token($es, { %claims, @{$_->[1]} }, @{$_->[3] // []})), $_->[2],
    $_->[0]) for
    ['aud as a list', [aud => ['a', 'oscp']], 204],
    ['scp as a list', [scope => undef, scp => ['oscp.read', 'oscp.write']],
        204],
    ['scp as words', [scope => undef, scp => 'oscp.read oscp.write'], 204],
    ['a scope too few', [scope => 'oscp.read'], 401],
    ['no scope', [scope => undef], 401],
    ['typ at+jwt', [], 204, [typ => 'at+JWT']],
    ['no typ', [], 204, [typ => undef]],
    ['another typ', [], 401, [typ => 'dpop+jwt']],
    ['a typ that is no string', [], 401, [typ => 1]],
    ['expired, within the leeway', [exp => $now - 10], 204],
    ['expired, beyond it', [exp => $now - 31], 401],
    ['not yet, within the leeway', [nbf => $now + 20], 204],
    ['not yet, beyond it', [nbf => $now + 60], 401],
    ['an expiry with a fraction', [exp => $now + 100.5], 204],
    ['an empty key id', [], 401, [kid => '']],
    ['a key id that is no string', [], 401, [kid => 1]],
    ['an unknown crit', [], 401, [crit => ['x'], x => 1]],
    ['a known crit, unknown to us', [], 401, [crit => ['b64'], b64 => \0]];
is(use_token(token($es, { %claims, scope => undef }), '/loose/heartbeat'), 204,
    'no scope where none is demanded');

# As long as a token may be; attacks.txt has the one that is longer by one.
# The header takes up what base64 rounds away.
my ($longest) = grep { length == 8192 } map { my $typ = $_;
    my $text = compact({ alg => 'ES256', kid => 'ES256-1', $typ => 'JWT' },
        { %claims, pad => '' });
    my $pad = int((8192 - 87 - length $text) * 3 / 4);
    map { token($es, { %claims, pad => 'x' x $_ }, typ => undef,
        $typ => 'JWT') } $pad - 2 .. $pad + 2 } qw(typ t ty);
is(length $longest, 8192, 'a token of 8192 bytes');
is(use_token($longest), 204, 'is accepted');

# The expiry ends a cached token as well.
my $short = token($es, { %claims, exp => time - 24 });
is(use_token($short), 204, 'a token that expires soon, leeway counted');
ok(wait_for(sub { use_token($short) == 401 }, 20), 'ends, though cached');

# More tokens than the cache has room for: some 480 in 64k.
my @many = map { token($key{EdDSA}, { %claims, jti => $_ }) } 1 .. 250;
is(scalar(grep { use_token($_) == 204 } @many), 250, 'many tokens');
is(scalar(grep { use_token($_, '/loose/heartbeat') == 204 } @many), 250,
    'twice as many');
is(scalar(grep { use_token($_) == 204 } @many), 250,
    'those that were put out are verified again');

# The algorithm is bound to the key.
is(use_token(token({ %{$key{RS256}}, alg => 'PS256' }, \%claims,
    kid => 'RS256-1')), 401, 'PS256 by the key for RS256');
is(use_token(token({ %{$key{PS256}}, alg => 'RS256' }, \%claims,
    kid => 'PS256-1')), 401, 'RS256 by the key for PS256');

# Changes of the file.
my $log = sub { $door->nginx->log_text };
my $next = key('ES256', 'ES256-2');
my $new = token($next, \%claims);
is(use_token($new), 401, 'a key that is not there yet');
publish(values %key, $next);
ok(wait_for(sub { 10 == grep { use_token($new) == 204 } 1 .. 10 }, 20),
    'a new key is found without a reload');
is(use_token($token{ES256}), 204, 'the old one still holds');
publish($next, @key{qw(RS256 PS256 EdDSA)});
ok(wait_for(sub { 10 == grep { use_token($token{ES256}) == 401 } 1 .. 10 },
    20), 'a revoked key is refused, though its token was cached');
is(use_token($token{RS256}), 204, 'the others hold');

# An issuer adds a key that is none for us.
my $third = key('ES256', 'ES256-3');
my $newer = token($third, \%claims);
publish($next, { kty => 'RSA', n => 'AQAB', e => 'AQAB', kid => 'x' }, $third,
    @key{qw(RS256 PS256 EdDSA)});
ok(wait_for(sub { 10 == grep { use_token($newer) == 204 } 1 .. 10 }, 20),
    'a set with a key that cannot be used is taken');
like($log->(), qr/\[warn\].*jwks": a key is not used: \$\.keys\[1\]\.n: must/,
    'with a warning');
is(use_token($new), 204, 'its other keys hold');

publish('{"keys":[{"kty":"RSA","n":"AQAB","e":"AQAB"}]}');
ok(wait_for(sub { $log->() =~ /\[error\].*key set ".*jwks": \$\.keys: must/
    }, 20), 'a set without any key is an error in the log');
is(use_token($new), 204, 'and leaves the old keys in force');
unlink "$dir/jwks";
ok(wait_for(sub { $log->() =~ /\[error\].*jwks" is gone, the old/ }, 20),
    'a file that is gone, too');
is(use_token($new), 204, 'and leaves them as well');
publish(values %key);
ok(wait_for(sub { 10 == grep { use_token($token{ES256}) == 204 } 1 .. 10 },
    20), 'a good file is taken again');
is(use_token($new), 401, 'and its keys alone');

# A reload with other demands forgets what was cached under the old ones.
$door->configure(settings => 'accept jwt jwks_file=jwks audience=other'
    . ' issuer=https://issuer.example;');
$door->nginx->reload;
ok(wait_for(sub { use_token($token{ES256}) == 401 }, 20),
    'a reload with another audience');
is(use_token($token{ES256}, '/loose/heartbeat'), 204,
    'the other connection as before');

my $text = $log->();
ok(index($text, $_) < 0, 'no token in the log') for values %token, $short;
$door->finish;
done_testing();
