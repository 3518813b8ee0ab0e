#!/usr/bin/env perl
#
# Goal: whatever a token endpoint answers, the worker presents a good token or
# says by name why it has none; what it asks is RFC 6749's; a slow endpoint is
# asked once for all that wait, and holds up nobody else.

use strict;
use warnings;

use FindBin qw($Bin);
use JSON::PP qw(encode_json);
use MIME::Base64 qw(encode_base64);
use Test::More;

use lib "$Bin/lib";
use OSCP::CP;
use OSCP::Direct;
use OSCP::Endpoint;
use OSCP::Process qw(wait_for);

use constant {
    ANSWER_MAX => 16384,
    TOKEN_MAX  => 8192,
};

$ENV{MOJO_MAX_LINE_SIZE} = 4 * TOKEN_MAX;

my $direct = OSCP::Direct->start;
my $cp = OSCP::CP->new(dir => $direct->dir)->start;
my $endpoint = OSCP::Endpoint->new(dir => $direct->dir);
my $secret = $direct->file('secret', "s&c ret\n");
my $case = 0;

# Another client is another configuration: nothing of the last case is left.
sub configure {
    my (%o) = @_;

    $case++;
    return $direct->wait_applied($direct->publish(vector => {
        peer => $cp->url, heartbeat_interval_ms => 3600000,
        present => 'oauth', token_url => $endpoint->url,
        client_id => "client:$case", client_secret_file => $secret, %o },
        other => { peer => $cp->url, heartbeat_interval_ms => 3600000,
        groups => {}, headers => [{ name => 'fp-id', value => 'OTHER' }] }));
}

sub tokens {
    return grep { defined } map { $_->{headers}{Authorization} }
        $cp->records(dir => 'in', message => 'heartbeat');
}

sub failed {
    my ($conn) = @_;

    return map { $_->{data}{error} } grep { $_->{conn} eq $conn }
        $direct->events('heartbeat_failed');
}

# A token endpoint's answer, with members replaced.
sub json {
    my ($token, %o) = @_;
    my %answer = (access_token => $token, token_type => 'Bearer',
        expires_in => 3600, %o);

    delete @answer{grep { !defined $answer{$_} } keys %answer};
    return encode_json(\%answer);
}

sub presented {
    my ($token) = @_;

    return wait_for(sub { grep { $_ eq "Bearer $token" } tokens() }, 10);
}

$cp->command('lenient on', 'accept any', 'acknowledges off', 'heartbeats off');
$endpoint->answer(200, json('first'));
ok(configure(scope => 'a b:c'), 'configured');
for my $conn (qw(vector other)) {
    $direct->store('handshake', $conn, { required_behaviour => {
        heartbeat_interval => 1,
        measurement_configuration => ['INTERMITTENT'] } });
    ok($direct->wait_hash("conn:$conn", { state => 'online' }),
        "$conn: online");
}
ok(presented('first'), 'a token is presented');

subtest 'what is asked' => sub {
    my ($asked) = $endpoint->asked;
    my $pair = encode_base64("client%3A$case:s%26c+ret", '');

    is(() = $endpoint->asked, 1, 'once');
    like($asked, qr{^POST /token HTTP/1\.1\r\n}, 'by POST');
    like($asked, qr/\r\nAuthorization: Basic \Q$pair\E\r\n/, 'Basic');
    like($asked, qr/\r\nfp-id: CP77\r\n/, 'the static header');
    like($asked, qr{\r\nContent-Type: application/x-www-form-urlencoded\r\n},
        'a form');
    like($asked, qr/\r\n\r\ngrant_type=client_credentials&scope=a\+b%3Ac$/,
        'with the grant and the scope');
    $endpoint->answer(200, json('by-body'));
    configure(auth_body => JSON::PP::true);
    ok(presented('by-body'), 'auth=body');
    $asked = ($endpoint->asked)[-1];
    like($asked, qr/&client_id=client%3A$case&client_secret=s%26c\+ret$/,
        'has both in the body');
    unlike($asked, qr/^Authorization/mi, 'and nowhere else');
};

my $long = 'x' x TOKEN_MAX;
my @good = (
    ['a type in any case', json('t1', token_type => 'bEARer'), 't1'],
    ['no life', json('t2', expires_in => undef), 't2'],
    ['a life as text', json('t3', expires_in => '3600'), 't3'],
    ['a life without end', '{"access_token":"t4","token_type":"Bearer",'
        . '"expires_in":1e300}', 't4'],
    ['a short life', json('t5', expires_in => 0.001), 't5'],
    ['unknown members', json('t6', more => { a => [1] }), 't6'],
    ['the longest token', json($long), $long],
    ['the longest answer', json('t7') . ' ' x (ANSWER_MAX
        - length json('t7')), 't7'],
);
for my $good (@good) {
    my ($name, $answer, $token) = @$good;
    $endpoint->answer(200, $answer);
    configure();
    ok(presented($token), $name);
}

my $no_json = 'an answer that is no JSON object, or too long';
my $unsendable = 'an access_token that no header line can carry';
my $no_life = 'expires_in is not a number above 0';
my @wrong = (
    [200, 'no JSON', 'access_token=x&token_type=Bearer', $no_json],
    [200, 'an array', '["x"]', $no_json],
    [200, 'nothing', '', $no_json],
    [200, 'a member twice', '{"access_token":"x","access_token":"y",'
        . '"token_type":"Bearer"}', $no_json],
    [200, 'one byte too many', json('x') . ' ' x (ANSWER_MAX + 1
        - length json('x')), $no_json],
    [200, 'no token', json(undef), 'an answer without access_token'],
    [200, 'a token that is no text', json(7), 'an answer without access_token'],
    [200, 'another type', json('x', token_type => 'mac'),
        'token_type is not Bearer'],
    [200, 'no type', json('x', token_type => undef),
        'token_type is not Bearer'],
    [200, 'an empty token', json(''), $unsendable],
    [200, 'a token of two lines', json("x\r\nX-Evil: 1"), $unsendable],
    [200, 'too long a token', json($long . 'x'), $unsendable],
    [200, 'a life of 0', json('x', expires_in => 0), $no_life],
    [200, 'a life of words', json('x', expires_in => 'soon'), $no_life],
    [200, 'a life of truth', json('x', expires_in => \1), $no_life],
    [201, 'another success', json('x'), 'HTTP 201'],
    [400, 'a known error', '{"error":"invalid_scope"}',
        'HTTP 400 invalid_scope'],
    [401, 'an error of its own', '{"error":"s&c ret"}', 'HTTP 401'],
    [403, 'an error that is no text', '{"error":[1]}', 'HTTP 403'],
    [503, 'a pause', 'later', 'HTTP 503'],
);
for my $wrong (@wrong) {
    my ($status, $name, $answer, $why) = @$wrong;
    my $before = () = failed('vector');
    $endpoint->answer($status, $answer);
    configure();
    # a try that had the answer before may still end meanwhile
    ok(wait_for(sub { my @failed = failed('vector');
        grep { /token endpoint: \Q$why\E$/ } @failed[$before .. $#failed] },
        10), "$name: by its name");
}

subtest 'a redirect' => sub {
    my $before = () = failed('vector');
    $endpoint->answer(302, '', header => 'Location: ' . $cp->url . '/away');
    configure();
    # a try that had the answer before may still end meanwhile
    ok(wait_for(sub { my @failed = failed('vector');
        grep { /token endpoint: HTTP 302$/ } @failed[$before .. $#failed] },
        10), 'fails, by its name');
    is(() = $cp->records(message => 'away'), 0, 'and is not followed');
};

subtest 'a slow endpoint' => sub {
    my $before = () = failed('vector');
    my $asked = () = $endpoint->asked;
    $endpoint->answer(200, json('late'), delay => 3);
    configure();
    ok(wait_for(sub { (() = failed('vector')) >= $before + 2 }, 10),
        'messages fail at their own time');
    is((failed('vector'))[-1], 'no access token in time', 'by its name');
    ok(presented('late'), 'the token is presented when it is there');
    is((() = $endpoint->asked) - $asked, 1, 'it was asked for once');
};

subtest 'a configuration that comes while a message waits' => sub {
    my $asked = () = $endpoint->asked;
    $endpoint->answer(200, json('never'), delay => 9);
    configure();
    ok(wait_for(sub { (() = $endpoint->asked) > $asked }), 'a token is asked');
    $direct->store('handshake', 'vector', { required_behaviour => {
        heartbeat_interval => 1,
        measurement_configuration => ['INTERMITTENT'] } }, req => 'waits');
    ok($direct->wait_settled, 'a handshake is to be acknowledged');
    $endpoint->answer(200, json('anew'));
    ok(configure(), 'another configuration');
    ok(wait_for(sub { grep { $_->{corr} eq 'waits' } $cp->records(dir => 'in',
        message => 'handshake_acknowledge') }, 5), 'it is acknowledged');
    my ($ack) = grep { $_->{corr} eq 'waits' } $cp->records(dir => 'in',
        message => 'handshake_acknowledge');
    is($ack->{headers}{Authorization}, 'Bearer anew', 'with the new token');
};

is(() = failed('other'), 0, 'the other connection never noticed');
is($cp->stop, 0, 'simulator');
$direct->finish;
done_testing();
