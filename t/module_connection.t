# Goal: every directive inside `oscp_connection`: its good values arrive in the
# published document, its mistakes stop nginx and are named with their value.

use strict;
use warnings;

use JSON::PP ();

use FindBin qw($Bin);
use lib "$Bin/lib";

use OSCP::Door;
use OSCP::Process qw(wait_for);
use Test::More;

my $door = OSCP::Door->new;
my $dir = $door->dir;
my $oauth = 'token_url=https://x client_id=a client_secret_file=s';

# The directive line in place of a standard one, and what nginx says of it; or
# the members of the document that it must give.
my @wrong = (
    ['profile sun;', '"profile sun" must be vector or generic'],
    ['peer ftp://x;', '"peer ftp://x" must begin with https://'],
    ['peer http://peer.example;',
        '"peer http://peer.example" must be https:// unless the host is'],
    ['accept oauth client_id=a client_secret_file=b;',
        '"accept": secret file "' . "$dir/b" . '" cannot be opened'],
    ['accept jwt jwks_file=a;', '"accept jwt" must be "jwt jwks_file=PATH'],
    ['accept cookie a;', '"accept cookie" must be "oauth", "jwt", "token"'],
    ['accept token secret;', '"accept token" must be "token file=PATH"'],
    ['accept token file=/no/file;',
        '"accept": secret file "/no/file" cannot be opened'],
    ['accept header only;', '"accept header" must be "header NAME VALUE"'],
    ['accept header fp-id again;',
        '"accept header fp-id" names the same header twice'],
    ['accept header "a b" c;', '"accept header a b" must name a header'],
    ['accept header Authorization x;',
        '"accept header Authorization" must name a header of the peer\'s own'],
    ['accept header X-Request-ID x;',
        '"accept header X-Request-ID" must name a header of the peer\'s own'],
    map({ ["present oauth $_->[0];", "\"present oauth\" $_->[1]"] }
        ['token_url=https://x client_id=a', 'needs token_url=, client_id= and'],
        ['token_url=https://x client_id=a client_secret=XYZ',
            'may only have token_url=, client_id=, client_secret_file=, sc'],
        ['client_id=a client_id=b', 'has a parameter twice'],
        ["$oauth auth=header", 'auth= must be basic or body'],
        ['token_url=https://x client_id=a client_secret_file=',
            'must name a file'],
        ['token_url=https://x client_id= client_secret_file=s',
            'client_id= must be 1 to 4096 bytes of printable ASCII'],
        ["token_url=https://x client_id=\xc3\xa4 client_secret_file=s",
            'client_id= must be 1 to 4096 bytes of printable ASCII'],
        ["$oauth scope=", 'scope= must be words'],
        ["$oauth \"scope=a  b\"", 'scope= must be words'],
        ["$oauth 'scope=a\"b'", 'scope= must be words'],
        ['token_url=http://p.example/t client_id=a client_secret_file=s',
            'token_url= must be https:// unless the host is loopback'],
        ['token_url=https://a:b@p.example/ client_id=a client_secret_file=s',
            'token_url= must be a URL with HOST or HOST:PORT, without name'],
        ['token_url=tea client_id=a client_secret_file=s',
            'token_url= must begin with https://']),
    ['present oauth x;', '"present oauth" may only have'],
    ['present magic x;',
        '"present magic" must be "header", "token" or "oauth"'],
    ["present token file=a; present oauth $oauth;",
        '"present oauth" is a second kind of Authorization'],
    ["present oauth $oauth; present header Authorization x;",
        '"present header Authorization" is set by present token or oauth'],
    ['present token secret;', '"present token" must be "token file=PATH"'],
    ['present header only;', '"present header" must be "header NAME VALUE"'],
    ['present header Content-Type x;',
        '"present header Content-Type" is set by the program'],
    ['present token file=a; present token file=b;',
        '"present token file=b" is a second kind of Authorization'],
    ['peer_tls verify=off;', '"peer_tls verify=off" may only have ca='],
    ['peer_tls key=a;', '"peer_tls key=a" key= needs cert='],
    ['peer_tls ca=a ca=b;', '"peer_tls ca=a ca=b" names one of its files tw'],
    ['peer_path beat /x;', '"peer_path beat /x" must begin with the name of'],
    ['peer_path heartbeat x;',
        '"peer_path heartbeat x" must end with a path that begins with /'],
    ['peer_path heartbeat /a; peer_path heartbeat /b;',
        '"peer_path heartbeat /b" is there twice for this message'],
    ['heartbeat_interval 500ms;',
        '"heartbeat_interval 500ms" must be from 1s to 8h'],
    ['heartbeat_interval often;',
        '"heartbeat_interval often" must be a time such as 30s or 15m'],
    ['handshake_timeout 0;', '"handshake_timeout 0" must be from'],
    ['initiate_handshake yes;',
        '"initiate_handshake yes" must be "on" or "off"'],
    ['measurement_configuration OFTEN;',
        '"measurement_configuration OFTEN" must be CONTINUOUS, INTERMITTENT'],
    ['measurement_configuration CONTINUOUS;',
        '"measurement_configuration CONTINUOUS" must contain INTERMITTENT'],
    ['measurement_window 7m;',
        '"measurement_window 7m" must divide the hour'],
    ['measurement_grace 2h;', '"measurement_grace 2h" must be at most 1h'],
    ['compliance_tolerance 2;',
        '"compliance_tolerance 2" must be a percentage from 0% to 100%'],
    ['compliance_grace 2d;', '"compliance_grace 2d" must be at most 24h'],
    ['gap_policy hope;', '"gap_policy hope" must be safe_default'],
    ['dialect klingon;', '"dialect klingon" must be lenient or strict'],
    ['group DEPOT-2 scope=s;',
        '"group DEPOT-2 scope=s" must have an id of 1 to 64 letters and dig'],
    ['group G2;', '"group G2" scope= must be'],
    ['group G2 scope=s circuit=c;', '"group G2 scope=s circuit=c" a circuit'
        . ' needs rated='],
    ['group G2 scope=s rated=60;', '"group G2 scope=s rated=60" rated= must be'
        . ' a power with its unit'],
    ['group G2 scope=s safe_default=60;', 'safe_default= must be a power with'],
    ['group G2 scope=s circuit=c rated=60kW safe_default=61kW;',
        'safe_default=61kW" safe_default= must be at most rated='],
    ['group G2 scope=s voltage=0;', '"group G2 scope=s voltage=0" must be a'],
    ['group G2 scope=s colour=red;',
        '"group G2 scope=s colour=red" has a parameter that is not known: it'
        . ' takes scope='],
    ['group DEPOT01 scope=s;', '"group DEPOT01', 'is there twice'],
    map({ ["group G2 $_;", "\"group G2 $_\" has a parameter twice"] }
        'scope=s scope=t', 'scope=s scope=s', 'scope=s circuit=c circuit=d',
        'scope=s rated=60kW rated=60kW', 'scope=s asset=a asset=',
        'scope=s safe_default=6kW safe_default=60kW',
        'scope=s voltage=230 voltage=400'),
    ['group G2 scope=depot-1;', '"group G2 scope=depot-1" its scope must not'],
    ['moon full;', '"moon full" is not known'],
    ['dialect strict; dialect strict;', '"dialect strict" is there twice'],
    ['gap_policy a b;', '"gap_policy a" has a wrong number of values'],
);

my @good = (
    ['initiate_handshake off;', { initiate_handshake => 0 }],
    ['heartbeat_interval 1m;', { heartbeat_interval_ms => 60000 }],
    ['handshake_timeout 1500ms;', { handshake_timeout_ms => 1500 }],
    ['measurement_configuration CONTINUOUS INTERMITTENT;',
        { measurement_configuration => [qw(CONTINUOUS INTERMITTENT)] }],
    ['measurement_window 5m;', { measurement_window_ms => 300000 },
        '"measurement_window 5m" should be 15m'],
    ['measurement_grace 2s;', { measurement_grace_ms => 2000 }],
    ['compliance_tolerance 3.5%;', { compliance_tolerance => 0.035 }],
    ['compliance_grace 2m;', { compliance_grace_ms => 120000 }],
    ['gap_policy safe_default;', { gap_policy => 'safe_default' }],
    ['dialect strict;', { strict => 1 }],
    ['dialect lenient;', { strict => 0 }],
    ['peer_path heartbeat /beat;', { peer_path => { heartbeat => '/beat' } }],
    ['present token file=out;', { present => 'token',
        token_file => "$dir/out" },
        "\"present token\" names the file \"$dir/out\", which does not"],
    ['present oauth token_url=https://x/t?a=b client_id=c'
        . ' client_secret_file=s;',
        { present => 'oauth', token_url => 'https://x/t?a=b', client_id => 'c',
        client_secret_file => "$dir/s", auth_body => 0 }],
    ['present oauth token_url=http://[::1]:1/ "client_id=a b:%+"'
        . ' client_secret_file=/s "scope=a b:c" auth=body;',
        { present => 'oauth', token_url => 'http://[::1]:1/',
        client_id => 'a b:%+', client_secret_file => '/s', scope => 'a b:c',
        auth_body => 1 }],
    ["present oauth $oauth auth=basic;", { auth_body => 0 }],
    ['present header fp-id BF01; present header key file=/k;', { headers =>
        [{ name => 'fp-id', value => 'BF01' }, { name => 'key',
        file => '/k' }] }, '"present header" names the file "/k", which does not'],
    ['peer_tls ca=/ca cert=/c key=k;', { tls_ca => '/ca', tls_cert => '/c',
        tls_key => "$dir/k" }, '"peer_tls" names the file "/ca", which'],
    ['group G2 scope=s circuit=c rated=0.5MW safe_default=2500W asset=A'
        . ' voltage=240V;', { groups => [{ id => 'G2', scope => 's',
        circuit => 'c', asset => 'A', rated_w => 500000,
        safe_default_w => 2500, voltage_v => 240 }] }],
    ['include more.conf;', { handshake_timeout_ms => 9000 }],
);

# try(LINE, EDIT): what nginx -t says of the connection with that line, or with
# its text changed.
sub try {
    my ($line, $edit) = @_;
    my ($name) = $line =~ /^(profile|peer) /;

    # These two stand in the connection already.
    $edit //= sub { s/^ +$name .*;\n//m } if $name;
    $door->configure(settings => $line, edit => $edit);
    return $door->check;
}

# The document's values as they compare: truth as 1 and 0.
sub plain {
    my ($got) = @_;

    return ref $got eq 'ARRAY'
        ? [map { plain($_) } @$got]
        : ref $got eq 'HASH'
            ? { map { $_ => plain($got->{$_}) } keys %$got }
            : JSON::PP::is_bool($got) ? $got ? 1 : 0 : $got;
}

$door->file('more.conf', "handshake_timeout 9s;\n");

for my $case (@wrong) {
    my ($line, @text) = @$case;
    my ($status, $output) = try($line);
    isnt($status, 0, "$line stops nginx -t");
    like($output, qr/\[emerg\].*\Q$_\E/, 'and is named') for @text;
    like($output, qr/in oscp_connection "vector"|secret file/, 'with place');
}

for my $case (@good) {
    my ($line, $members, $warning) = @$case;
    my ($status, $output) = try($line);
    is($status, 0, "$line is good") or diag($output);
    like($output, qr/\[warn\].*\Q$warning\E/, 'with a warning') if $warning;

    $door->redis->command('DEL', 'oscp:config');
    $door->nginx->start;
    wait_for(sub { $door->version });
    my $document = $door->document;
    $door->nginx->stop;
    for my $name (sort keys %$members) {
        my $got = plain($document->{$name});
        shift @$got if $name eq 'groups';
        is_deeply($got, $members->{$name}, "$name is published");
    }
}

subtest 'a connection without accept' => sub {
    my ($status, $output) = try('', sub { s/accept .*//g });
    isnt($status, 0, 'stops nginx -t');
    like($output, qr/"accept" must be there at least once/, 'and is named');
};

subtest 'a connection without a peer' => sub {
    my ($status, $output) = try('', sub { s/peer .*//g });
    isnt($status, 0, 'stops nginx -t');
    like($output, qr/"peer" must be a URL/, 'and is named');
};

subtest 'a connection without a group' => sub {
    my ($status, $output) = try('', sub { s/\bgroup .*//g });
    is($status, 0, 'is allowed');
    like($output, qr/\[warn\].*"group" should be there: without one every/,
        'with a warning');
};

subtest 'a header line that nginx does not let in' => sub {
    my $line = 'accept header Api_Key x;';
    my ($status, $output) = try($line);
    is($status, 0, 'is allowed');
    my $warning = '"accept header api_key" cannot hold: nginx drops header lines'
        . ' with "_" in their names unless "underscores_in_headers" is on, in'
        . ' oscp_connection "vector"';
    like($output, qr/\[warn\] .*\Q$warning\E/, 'with a warning');

    my $out = 'underscores_in_headers on;';
    $door->configure(main => $out);
    ($status, $output) = try($line);
    unlike($output, qr/cannot hold/, 'but not when nginx is told to');
    $door->configure(main => '', server => "$out location / {"
        . ' oscp_endpoint vector; }');
    ($status, $output) = try($line);
    unlike($output, qr/cannot hold/, 'by a server alone');
    $door->configure(server => undef);
    ($status, $output) = try('');
    unlike($output, qr/cannot hold/, 'nor without such a line');
};

subtest 'names' => sub {
    for my $name ('version', 'shards', 'a b', 'x' x 65, 'a:b') {
        my ($status, $output) = try('', sub {
            s/oscp_connection vector/oscp_connection "$name"/;
            s/oscp_endpoint vector/oscp_endpoint "$name"/ });
        isnt($status, 0, "oscp_connection $name stops nginx -t");
        like($output, qr/the name must/, 'and is named');
    }
};

subtest 'secret files' => sub {
    my %content = (
        ''             => 'is empty',
        "\n"           => 'is empty',
        "a\nb\n"       => 'must be one line',
        "a\0b"         => 'must be one line',
        " a"           => 'must not begin or end with a blank',
        'x' x 4097     => 'holds more than 4096 bytes',
        "a\n"          => undef,
        "a\r\n"        => undef,
        'x' x 4096     => undef,
        'x' x 4096 . "\r\n" => undef,
    );
    for my $content (sort keys %content) {
        $door->file('tried', $content);
        my ($status, $output) =
            try('accept header more file=tried;');
        if (my $text = $content{$content}) {
            isnt($status, 0, "a file that $text");
            like($output, qr/"accept": secret file ".*tried" \Q$text\E/,
                'is named');
            unlike($output, qr/xxxx/, 'and not shown');
        } else {
            is($status, 0, length($content) . ' bytes are good');
        }
    }
};

done_testing();
