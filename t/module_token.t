# Goal: the token endpoint (RFC 6749, sections 4.4 and 5): each way to
# authenticate, each error of the RFC, and nothing to cache.

use strict;
use warnings;

use FindBin qw($Bin);
use lib "$Bin/lib";

use OSCP::Module;
use OSCP::Tokens;
use Test::Nginx::Socket 'no_plan';

# A request with Basic credentials, or none, and a form.
sub ask {
    my ($form) = @_;

    return "POST /oauth2/token\n$form";
}

sub headers {
    my ($credentials) = @_;

    return 'Content-Type: application/x-www-form-urlencoded'
        . (defined $credentials
            ? "\nAuthorization: Basic " . basic($credentials) : '');
}

use constant {
    GRANT => 'grant_type=client_credentials',
    BODY  => 'client_id=vec%74or&client_secret=s3cret%2B%25+%3A%C3%A9',
    RAW   => "vector:s3cret+% :\xc3\xa9",
    FORM  => 'vector:s3cret%2B%25+%3A%C3%A9',
};

# What to send (credentials, form), the status and the RFC's word.
our @wrong = (
    # the client
    [undef, GRANT, 401, 'invalid_client'],
    ['', GRANT, 401, 'invalid_client'],
    ['vector', GRANT, 401, 'invalid_client'],
    ['vector:', GRANT, 401, 'invalid_client'],
    ['vector:wrong', GRANT, 401, 'invalid_client'],
    ['Vector:' . (split /:/, RAW, 2)[1], GRANT, 401, 'invalid_client'],
    [RAW . 'x', GRANT, 401, 'invalid_client'],
    [RAW . "\0", GRANT, 401, 'invalid_client'],
    [undef, GRANT . '&client_id=vector', 401, 'invalid_client'],
    [undef, GRANT . '&client_id=vector&client_secret=', 401, 'invalid_client'],
    [undef, GRANT . '&client_id=vector&client_secret=no', 401,
        'invalid_client'],
    [undef, 'client_id=vector&client_secret=no', 401, 'invalid_client'],

    # the request
    [RAW, '', 400, 'invalid_request'],
    [RAW, 'grant_type=', 400, 'invalid_request'],
    [RAW, 'Grant_Type=client_credentials', 400, 'invalid_request'],
    [RAW, GRANT . '&' . GRANT, 400, 'invalid_request'],
    [RAW, GRANT . '&scope=read&scop%65=read', 400, 'invalid_request'],
    [RAW, GRANT . '&x=1&x=2', 400, 'invalid_request'],
    [RAW, GRANT . '&x=%4', 400, 'invalid_request'],
    [RAW, GRANT . '&x=%zz', 400, 'invalid_request'],
    [RAW, GRANT . '&' . join('&', map { "p$_=" } 1 .. 32), 400,
        'invalid_request'],
    [RAW, GRANT . '&x=' . 'x' x (8193 - 3 - length GRANT), 400,
        'invalid_request'],
    [RAW, GRANT . '&' . BODY, 400, 'invalid_request'],
    [RAW, GRANT . '&client_secret=x', 400, 'invalid_request'],
    [RAW, GRANT . '&client_id=other', 401, 'invalid_client'],

    # the grant and the scope
    [RAW, 'grant_type=password', 400, 'unsupported_grant_type'],
    [RAW, 'grant_type=authorization_code&code=x', 400,
        'unsupported_grant_type'],
    [RAW, 'grant_type=client_credentialsx', 400, 'unsupported_grant_type'],
    [RAW, GRANT . '&scope=admin', 400, 'invalid_scope'],
    [RAW, GRANT . '&scope=read+admin', 400, 'invalid_scope'],
    [RAW, GRANT . '&scope=rea', 400, 'invalid_scope'],
    [RAW, GRANT . '&scope=read++write', 400, 'invalid_scope'],
    [RAW, GRANT . '&scope=+read', 400, 'invalid_scope'],
    [RAW, GRANT . '&scope=read%0awrite', 400, 'invalid_scope'],
);

# The same, and the scope that is given.
our @good = (
    [RAW, GRANT, 'read write'],
    [FORM, GRANT, 'read write'],
    [RAW, GRANT . '&scope=', 'read write'],
    [RAW, '&&' . GRANT . '&', 'read write'],
    [RAW, GRANT . '&scope=write', 'write'],
    [RAW, GRANT . '&scope=write%20read', 'write read'],
    [RAW, GRANT . '&unknown=1', 'read write'],
    [RAW, GRANT . '&' . join('&', map { "p$_=" } 1 .. 31), 'read write'],
    [RAW, GRANT . '&x=' . 'x' x (8192 - 3 - length GRANT), 'read write'],
    [undef, GRANT . '&' . BODY, 'read write'],
    [RAW, GRANT . '&client_id=vector', 'read write'],
);

OSCP::Module::write_file('client', "s3cret+% :\xc3\xa9\n");
OSCP::Tokens::key_file(1);
OSCP::Module::add_defaults(
    main     => "oscp_token_key_file $OSCP::Module::dir/keys;"
        . 'oscp_token_lifetime 10m;',
    settings => 'accept oauth client_id=vector '
        . "client_secret_file=$OSCP::Module::dir/client 'scope=read write';",
    config   => 'location = /oauth2/token { oscp_token vector; }'
        . 'location = /by/name { oscp_token $arg_name; }',
);
run_tests();

__DATA__

=== TEST 1: every way of being right
--- request eval
[map { ::ask($_->[1]) } @::good]
--- more_headers eval
[map { ::headers($_->[0]) } @::good]
--- error_code eval
[map { 200 } @::good]
--- response_body_like eval
[map { '^\{"access_token":"[\w-]+\.[\w-]+\.[\w-]+","token_type":"Bearer","expires_in":600,"scope":"' . $_->[2] . '"\}$' } @::good]
--- response_headers eval
[map { "Content-Type: application/json\nCache-Control: no-store\nPragma: no-cache" } @::good]


=== TEST 2: every way of being wrong
--- request eval
[map { ::ask($_->[1]) } @::wrong]
--- more_headers eval
[map { ::headers($_->[0]) } @::wrong]
--- error_code eval
[map { $_->[2] } @::wrong]
--- response_body_like eval
[map { '^\{"error":"' . $_->[3] . '","error_description":"[^"]+"\}$' } @::wrong]
--- response_headers eval
[map { ($_->[2] == 401 ? 'WWW-Authenticate: Basic realm="oscp"' : '!WWW-Authenticate') . "\nContent-Type: application/json\nCache-Control: no-store\nPragma: no-cache" } @::wrong]
--- no_error_log
s3cret
Sanitizer


=== TEST 3: other methods
--- request eval
["GET /oauth2/token", "PUT /oauth2/token\ngrant_type=client_credentials"]
--- more_headers
Content-Type: application/x-www-form-urlencoded
--- error_code eval
[405, 405]
--- response_headers eval
["Allow: POST", "Allow: POST"]


=== TEST 4: content types
--- request eval
[map { ::ask(::GRANT . '&' . ::BODY) } 1 .. 5]
--- more_headers eval
['Content-Type: application/x-www-form-urlencoded; charset=utf-8', 'Content-Type: Application/X-WWW-Form-urlencoded', 'Content-Type: application/json', 'Content-Type: application/x-www-form-urlencodedx', '']
--- error_code eval
[200, 200, 400, 400, 400]


=== TEST 5: a scheme of Authorization that is not ours
--- more_headers
Content-Type: application/x-www-form-urlencoded
Authorization: Bearer abc
--- request eval: ::ask(::GRANT)
--- error_code: 401
--- response_headers
WWW-Authenticate: Basic realm="oscp"


=== TEST 6: Basic in any case, and what is no base64
--- request eval
[map { ::ask(::GRANT) } 1 .. 3]
--- more_headers eval
[map { "Content-Type: application/x-www-form-urlencoded\nAuthorization: $_" } 'bAsIc  ' . ::basic(::RAW), 'Basic !!!', 'Basic']
--- error_code eval
[200, 401, 401]


=== TEST 7: a connection by a variable, and an unknown one
--- request eval
["POST /by/name?name=vector\n" . ::GRANT, "POST /by/name?name=other\n" . ::GRANT, "POST /by/name\n" . ::GRANT]
--- more_headers eval: ::headers(::RAW)
--- error_code eval
[200, 401, 401]


=== TEST 8: what cannot be forged into the log
--- request eval
::ask(::GRANT . '&client_id=x%0a2026/01/01+forged&client_secret=y')
--- more_headers eval: ::headers()
--- error_code: 401
--- error_log
answered 401 invalid_client to a client of connection vector
--- no_error_log
forged


=== TEST 9: a body in pieces and in a file
--- config
location = /oauth2/token { client_body_in_file_only clean; oscp_token vector; }
--- more_headers eval: ::headers(::RAW) . "\nTransfer-Encoding: chunked"
--- request eval
"POST /oauth2/token\n6\r\ngrant_\r\n17\r\ntype=client_credentials\r\n0\r\n\r\n"
--- error_code: 200


=== TEST 10: a body in pieces that is too long
--- more_headers eval: ::headers(::RAW) . "\nTransfer-Encoding: chunked"
--- request eval
"POST /oauth2/token\n2001\r\n" . ::GRANT . '&x=' . 'x' x (8193 - 3 - length ::GRANT) . "\r\n0\r\n\r\n"
--- error_code: 400
--- response_body_like: the form must be at most 8192 bytes


=== TEST 11: what logs can say of it
--- config
location = /oauth2/token { add_header X-Log "$oscp_connection $oscp_result" always; oscp_token vector; }
--- request eval
[::ask(::GRANT), ::ask('grant_type=x')]
--- more_headers eval
[::headers('vector:no'), ::headers(::RAW)]
--- error_code eval
[401, 400]
--- response_headers eval
["X-Log: vector unauthenticated", "X-Log: vector invalid"]


=== TEST 12: a 401 of the endpoint names the schemes of its connection
--- config
location /oscp/fp/2.0/ { oscp_endpoint $arg_name; }
--- request eval
[map { "POST /oscp/fp/2.0/heartbeat?name=$_\n{}" } 'vector', 'nobody']
--- more_headers
Authorization: Bearer x
--- error_code eval
[401, 401]
--- response_headers eval
[map { 'WWW-Authenticate: Bearer realm="oscp", Token realm="oscp"' } 1, 2]
