# Tokens for tests: keys and signatures by the openssl command, base64url, the
# documents around them.
#
#   my $key = OSCP::Tokens::key('ES256');       # made once per test file
#   my $token = token($key, { iss => 'i', aud => 'a', exp => time + 60 });
#   write_file('jwks', jwks($key));

package OSCP::Tokens;

use strict;
use warnings;

use Digest::SHA qw(hmac_sha256 sha256_hex);
use Exporter qw(import);
use File::Temp qw(tempdir);
use JSON::PP ();
use MIME::Base64 qw(encode_base64 decode_base64);

our @EXPORT = qw(basic b64 unb64 json key jwk jwks token own_token own_key
    sign_with compact);

# How openssl makes a key of each kind.
my %make = (
    RS256 => '-algorithm RSA -pkeyopt rsa_keygen_bits:2048',
    PS256 => '-algorithm RSA -pkeyopt rsa_keygen_bits:2048',
    ES256 => '-algorithm EC -pkeyopt ec_paramgen_curve:P-256',
    EdDSA => '-algorithm ED25519',
);

my %sign = (
    RS256 => '-digest sha256',
    PS256 => '-digest sha256 -pkeyopt rsa_padding_mode:pss'
        . ' -pkeyopt rsa_pss_saltlen:digest',
    ES256 => '-digest sha256',
    EdDSA => '',
);

my $dir = tempdir('oscp-tokens-XXXXXX', TMPDIR => 1, CLEANUP => 1);
my $json = JSON::PP->new->canonical->utf8;
my $n = 0;

sub basic { return encode_base64($_[0], '') }
sub b64 { return encode_base64($_[0], '') =~ tr{+/=}{-_}dr }
sub unb64 { return decode_base64($_[0] =~ tr{-_}{+/}r) }
sub json { return $json->encode($_[0]) }

sub run {
    my ($line) = @_;
    my $out = `$line 2>$dir/err`;

    die "$line: $?" if $?;
    return $out;
}

sub slurp {
    my ($name) = @_;

    open my $fh, '<:raw', $name or die "$name: $!";
    local $/;
    return scalar readline $fh;
}

sub spurt {
    my ($name, $content) = @_;

    open my $fh, '>:raw', $name or die "$name: $!";
    print {$fh} $content;
    close $fh or die "$name: $!";
    return $name;
}

# A new key for that algorithm: { alg, kid, file }.
sub key {
    my ($alg, $kid) = @_;
    my $file = "$dir/key" . ++$n;

    run("openssl genpkey $make{$alg} -out $file");
    return { alg => $alg, kid => $kid // "key-$n", file => $file };
}

# The public key as a JWK; %more puts members over it, undef leaves one out.
sub jwk {
    my ($key, %more) = @_;
    my %jwk = (kid => $key->{kid}, alg => $key->{alg}, use => 'sig');
    my $der = run("openssl pkey -in $key->{file} -pubout -outform DER");

    if ($key->{alg} =~ /^[RP]S/) {
        my $text = run("openssl rsa -in $key->{file} -modulus -noout");
        my ($hex) = $text =~ /=([0-9A-F]+)/;
        @jwk{qw(kty n e)} = ('RSA', b64(pack 'H*', $hex), 'AQAB');
    }
    elsif ($key->{alg} eq 'ES256') {
        @jwk{qw(kty crv x y)} = ('EC', 'P-256', b64(substr $der, -64, 32),
            b64(substr $der, -32));
    }
    else {
        @jwk{qw(kty crv x)} = ('OKP', 'Ed25519', b64(substr $der, -32));
    }

    %jwk = (%jwk, %more);
    delete @jwk{grep { !defined $jwk{$_} } keys %jwk};
    return \%jwk;
}

sub jwks {
    return json({ keys => [map { !ref || exists $_->{kty} ? $_ : jwk($_) }
        @_] });
}

# The raw signature of a text; r and s side by side for ES256.
sub sign_with {
    my ($key, $text, $alg) = @_;

    $alg //= $key->{alg};
    spurt("$dir/text", $text);
    run("openssl pkeyutl -sign -inkey $key->{file} -rawin -in $dir/text"
        . " -out $dir/signature $sign{$alg}");
    my $signature = slurp("$dir/signature");
    return $signature if $alg ne 'ES256';
    my ($r, $s) = $signature =~ /^\x30.\x02(.)/s
        ? unpack 'x3 C/a x C/a', $signature : die 'no DER';
    return join '', map { substr "\0" x 32 . $_, -32 } $r, $s;
}

# header.payload, each a hash or bytes.
sub compact {
    return join '.', map { b64(ref $_ ? json($_) : $_) } @_;
}

# token(KEY, CLAIMS, HEADER): a signed token; members of HEADER put over the
# usual ones, undef leaves one out; `alg` names what signs, too.
sub token {
    my ($key, $claims, %header) = @_;
    my %h = (alg => $key->{alg}, kid => $key->{kid}, typ => 'JWT', %header);

    delete @h{grep { !defined $h{$_} } keys %h};
    my $text = compact(\%h, $claims);
    return "$text." . b64(sign_with($key, $text));
}

# The n-th key of oscp_token_key_file as hexadecimal digits.
sub own_key { return sha256_hex("own key $_[0]") }

# Writes the file `keys` with the numbered keys for OSCP::Module.
sub key_file {
    return OSCP::Module::write_file('keys', join '', map { own_key($_) . "\n" }
        @_);
}

# A token as we issue it, by the n-th key.
sub own_token {
    my ($number, $claims, %header) = @_;
    my $secret = pack 'H*', own_key($number);
    my %h = (alg => 'HS256', typ => 'at+jwt',
        kid => substr(sha256_hex($secret), 0, 16), %header);

    delete @h{grep { !defined $h{$_} } keys %h};
    my $text = compact(\%h, $claims);
    return "$text." . b64(hmac_sha256($text, $secret));
}

1;
