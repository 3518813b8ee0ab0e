# Goal: every line of attacks.txt is refused with the contract's answer, logged
# once without what was sent, and leaves no trace in Redis.

use strict;
use warnings;

use Digest::SHA qw(hmac_sha256);

use FindBin qw($Bin);
use lib "$Bin/lib";

use OSCP::Door;
use OSCP::Process qw(wait_for);
use OSCP::Tokens;
use Test::More;

use constant {
    REFUSAL => '{"message":"credentials are missing or wrong"}',
    SECRET  => 'client-secret-81b7',
};

my ($ec, $rsa, $thief) = (key('ES256', 'ec'), key('PS256', 'rsa'),
    key('ES256', 'thief'));
my $set = jwks($ec, $rsa);
my %claims = (iss => 'https://issuer.example', aud => 'oscp',
    exp => time + 3600, scope => 'oscp.write');
my %own = (iss => 'oscp', aud => 'vector', sub => 'vector',
    client_id => 'vector', exp => time + 3600, jti => 'x');
my $good = token($ec, \%claims);
my $own = own_token(1, \%own);

my $door = OSCP::Door->new(
    main => 'large_client_header_buffers 4 32k; oscp_token_key_file keys;',
    edit => sub { s/accept token file=token;//; },
    settings => 'accept oauth client_id=vector client_secret_file=secret;'
        . 'accept jwt jwks_file=jwks issuer=https://issuer.example'
        . ' audience=oscp scope=oscp.write;',
    server => 'location /oscp/fp/2.0/ { oscp_endpoint vector; }'
        . 'location /own/ { oscp_endpoint own; }'
        . 'location /jwt/ { oscp_endpoint outside; }');
$door->file('jwks', $set);
$door->file('keys', own_key(1) . "\n");
$door->file('secret', SECRET);

# One door for each kind, so that the log names one reason.
my $rest = 'profile vector; peer https://p.example; accept header fp-id BF01;';
$door->{main} .= "oscp_connection own { $rest accept oauth client_id=vector"
    . ' client_secret_file=secret; }'
    . "oscp_connection outside { $rest accept jwt jwks_file=jwks audience=oscp"
    . ' issuer=https://issuer.example scope=oscp.write; }';
$own{aud} = 'own';
$own = own_token(1, \%own);
$door->configure->nginx->start;
wait_for(sub { $door->version }) or die 'nginx does not publish';

# Parts and pieces of good tokens.
my ($head, $payload, $signature) = split /\./, $good;
my $text = "$head.$payload";
my $fresh = sub { compact({ alg => $_[0], kid => 'ec' }, \%claims) };
my $der = do {
    my ($r, $s) = map { s/^\0+//r } unpack 'a32 a32', unb64($signature);
    my $integers = join '', map { "\x02" . pack('C/a', /^[\x80-\xff]/s
        ? "\0$_" : $_) } $r, $s;
    "\x30" . pack 'C/a', $integers;
};

# What is not said in one line: the path, body and header lines of a request.
sub auth { return ['/jwt/heartbeat', '{}', "Authorization: $_[0]"] }
sub bearer { return auth("Bearer $_[0]") }
sub own { return ['/own/heartbeat', '{}', "Authorization: Bearer $_[0]"] }
sub body { return ['/own/' . ($_[1] // 'heartbeat'), $_[0],
    "Authorization: Bearer $own"] }

sub forecast {
    return body('{"group_id":"D","type":"CONSUMPTION","forecasted_blocks":'
        . "[{\"capacity\":$_[0],\"phase\":\"ALL\",\"unit\":\"KW\","
        . '"start_time":"2026-01-01T00:00:00Z",'
        . '"end_time":"2026-01-01T01:00:00Z"}]}',
        'update_group_capacity_forecast');
}

# A token of so many bytes.
sub oversized {
    my ($size) = @_;
    my $pad = 'x' x (($size - length $good) * 3 / 4);
    my $long = token($ec, { %claims, pad => $pad });

    chop $pad, $long = token($ec, { %claims, pad => $pad })
        while length $long > $size;
    $long .= 'A' while length $long < $size;
    return bearer($long);
}

my %make = (
    bare             => sub { auth($good) },
    basic            => sub { auth('Basic ' . basic('vector:' . SECRET)) },
    bearerx          => sub { auth("Bearerx $good") },
    tab              => sub { auth("Bearer\t$good") },
    list             => sub { bearer("$good, Bearer $good") },
    four             => sub { bearer("$good.$signature") },
    padded           => sub { bearer("$good=") },
    stray            => sub { bearer($good =~ s/.$/_/r) },
    blank            => sub { bearer("$head .$payload.$signature") },
    twice            => sub { [@{auth('Bearer x')}, 'Authorization: y'] },
    'own-outside'    => sub { bearer($own) },
    'outside-own'    => sub { own($good) },
    forged           => sub { bearer(token($thief, \%claims, kid => 'ec')) },
    changed          => sub { bearer("$head."
        . b64(json({ %claims, sub => 'root' })) . ".$signature") },
    reheaded         => sub { bearer(b64('{"alg":"ES256","kid":"ec","x":1}')
        . ".$payload.$signature") },
    'cut-1'          => sub { bearer(substr $good, 0, -1) },
    'cut-4'          => sub { bearer(substr $good, 0, -4) },
    unsigned         => sub { bearer("$text.") },
    zeros            => sub { bearer("$text." . b64("\0" x 64)) },
    der              => sub { bearer("$text." . b64($der)) },
    'own-forged'     => sub { own(own_token(2, \%own)) },
    'own-forged-kid' => sub { own(own_token(1, \%own) =~ s/\.[^.]+$/'.' . b64(
        "\0" x 32)/er) },
    'own-short'      => sub { own(substr $own, 0, -4) },
    none             => sub { bearer($fresh->('none') . '.') },
    None             => sub { bearer($fresh->('None') . '.') },
    'hmac-public'    => sub {
        my $pem = `openssl pkey -in $ec->{file} -pubout`;
        my $t = $fresh->('HS256');
        bearer("$t." . b64(hmac_sha256($t, $pem))) },
    'hmac-set'       => sub { my $t = $fresh->('HS256');
        bearer("$t." . b64(hmac_sha256($t, $set))) },
    'kid-nul'        => sub { bearer(token($ec, \%claims, kid => "ec\0")) },
    'kid-long'       => sub { bearer(token($ec, \%claims, kid => 'k' x 129)) },
    jwk              => sub { bearer(token($thief, \%claims, kid => 'ec',
        jwk => jwk($thief))) },
    jku              => sub { bearer(token($thief, \%claims, kid => 'ec',
        jku => 'https://thief.example/jwks', x5u => '/etc/passwd')) },
    oversized        => sub { oversized(16000) },
    'oversized-1'    => sub { oversized(8193) },
    deep             => sub { bearer(token($ec,
        '{"a":' . '[' x 16 . ']' x 16 . '}')) },
    'no-payload'     => sub { bearer("$head..$signature") },
    'no-header'      => sub { bearer(".$payload.$signature") },
    'id-long'        => sub { [@{own($own)}, 'X-Request-ID: ' . 'r' x 129] },
    replay           => sub { [@{body('{"offline_mode_at":'
        . '"2099-01-01T00:00:00Z"}')}, 'X-Request-ID: first'] },
    'body-deep'      => sub { body('{"a":' . '[' x 16 . ']' x 16 . '}') },
    'body-abyss'     => sub { body('{"a":' . '[' x 500000) },
    'body-wide'      => sub { body('{' . join(',', map { "\"k$_\":1" }
        1 .. 257) . '}') },
    'body-long'      => sub { body('{"a":"' . 'x' x 500000) },
    'body-1e999'     => sub { forecast('1e999') },
    'body-digits'    => sub { forecast('1' x 129) },
);

sub unescape {
    return $_[0] =~ s/\\(?:([nrt0])|x(..))/$2 ? chr hex $2
        : { n => "\n", r => "\r", t => "\t", 0 => "\0" }->{$1}/ger;
}

# "NAME=JSON …" over some members, as JSON text: 1e999 must stay as it is.
sub changed {
    my ($members, $changes) = @_;
    my %json = map { $_ => json_value($members->{$_}) } keys %$members;

    for (split / /, $changes) {
        my ($name, $value) = split /=/, unescape($_), 2;
        $value =~ s/@(-?\d+)/time + $1/e;
        $json{$name} = $value;
        delete $json{$name} if $value eq '';
    }
    return '{' . join(',', map { "\"$_\":$json{$_}" } sort keys %json) . '}';
}

sub json_value { return json([$_[0]]) =~ s/^\[(.*)\]$/$1/sr }

sub signed_bytes {
    my $t = compact(@_);
    return "$t." . b64(sign_with($ec, $t));
}

my %makers = (
    jwt  => sub { bearer(token($ec, changed(\%claims, $_[0]))) },
    head => sub { bearer(signed_bytes(changed({ alg => 'ES256', kid => 'ec',
        typ => 'JWT' }, $_[0]), \%claims)) },
    own  => sub { own(own_token(1, changed(\%own, $_[0]))) },
    ownhead => sub { own(own_token(1, \%own,
        $_[0] =~ /^(\w+)="(.*)"$/ ? ($1 => $2) : die $_[0])) },
    raw  => sub { bearer(signed_bytes(map { unescape(s/@(\d+)/time + $1/er) }
        split / /, $_[0])) },
    auth => sub { auth(unescape($_[0])) },
    lines => sub { [@{own($own)}, split /(?<!\r)\n/, unescape($_[0])] },
    body => sub { body(unescape($_[0])) },
    make => sub { ($make{$_[0]} // die "no maker $_[0]")->() },
);

# Everything in Redis that a request might change.
sub state {
    return join ' ', sort(@{$door->redis->command('KEYS', '*')}),
        $door->stored;
}

# As the door posts, but a header line without a value is left out.
sub post {
    my ($head, $body) = split /(?<=\r\n)(?=\r\n)/, $door->request(@{$_[0]}), 2;
    my $socket = $door->connect;

    $head =~ s/^[\w-]+:\x20?\r\n//mg;
    print {$socket} $head, $body;
    return OSCP::Door::response($socket) // { status => 0, headers => {} };
}

# The lines of refusal that are new in the log.
my $seen = 0;
sub refusals {
    my $log = $door->nginx->log_text;
    my $new = substr $log, $seen;

    return ($new, grep { /oscp: / } split /\n/, $new);
}

is($door->post(@{own($own)}, 'X-Request-ID: first')->{status}, 204,
    'a good token of ours');
is($door->post(@{bearer($good)})->{status}, 204, 'a good outside token');
my $before = state();

open my $fh, '<', "$Bin/attacks.txt" or die "attacks.txt: $!";
my $attacks = 0;
for (grep { !/^(?:#|\s*$)/ } <$fh>) {
    my ($name, $status, $why, $what) = /^(.*?) \| (\d+) \| (.*?) \| (.*)$/
        or die "attacks.txt: $_";
    $_ =~ s/\s+$// for $name, $why;
    my ($maker, $arguments) = split / /, $what, 2;
    my $request = $makers{$maker}->($arguments // '');

    $attacks++;
    $seen = length $door->nginx->log_text;
    my $answer = post($request);
    is($answer->{status}, $status, "$name: $status");
    if ($status == 401) {
        is($answer->{body}, REFUSAL, "$name: the same body");
        is($answer->{headers}{'www-authenticate'}, 'Bearer realm="oscp"',
            "$name: the same challenge");
    }
    is(state(), $before, "$name: no trace in Redis");

    my ($new, @lines) = refusals();
    my $by_nginx = $why =~ s/^nginx\b\|?//;
    ok(@lines == ($why eq '-' || ($by_nginx && !@lines) ? 0 : 1),
        "$name: logged once") or diag($new);
    like($lines[0], qr/answered $status .*(?:$why)/, "$name: the reason")
        if $why ne '-' && @lines;
    my ($sent) = map { /^Authorization: \S+\s+(\S{20,})/ } @$request;
    ok(!defined $sent || index($new, $sent) < 0, "$name: nothing of it");
    unlike($new, qr/^2026\/01\/01/m, "$name: no line is forged");
}
cmp_ok($attacks, '>', 100, "$attacks attacks");
is($door->post(@{bearer($good)})->{status}, 204, 'what is good still is');

my $log = $door->nginx->log_text;
ok(index($log, $_) < 0, 'no secret in the log')
    for SECRET, own_key(1), $good, $own;
$door->finish;
done_testing();
