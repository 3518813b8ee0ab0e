#!/usr/bin/env perl
#
# Goal: the simulated Capacity Provider itself does what its README says: it
# keeps the protocol by itself, tells right from wrong requests, misbehaves on
# demand, and puts every quirk on the wire.  Two of them face each other; for
# what only an FP serves there is a stub.

use strict;
use warnings;

use File::Temp qw(tempdir);
use FindBin qw($Bin);
use HTTP::Tiny;
use IO::Socket::INET;
use JSON::PP qw(decode_json);
use Test::More;

use lib "$Bin/lib";
use OSCP::CP;
use OSCP::Process qw(wait_for);

my $dir = tempdir(CLEANUP => 1);
my $cp = OSCP::CP->new(dir => $dir, name => 'cp', invalid => 'any')
    ->start;
my $other = OSCP::CP->new(dir => $dir, name => 'other', invalid => 'any')
    ->start;

# An FP that answers 204 to everything and keeps the requests' bytes.
my $stub = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 16)
    or die $!;
my $stub_url = 'http://127.0.0.1:' . $stub->sockport . '/fp';
my $child = fork() // die $!;
if (!$child) {
    $SIG{ALRM} = sub { POSIX::_exit(0) };
    alarm 120;
    serve_stub($stub);
    POSIX::_exit(0);
}
END { kill 'KILL', $child if $child }

sub serve_stub {
    my ($listen) = @_;

    while (my $client = $listen->accept) {
        my $text = '';
        $text .= $_ while sysread($client, $_, 65536)
            && ($text . $_) !~ /\r\n\r\n.*\n?\z/s;
        $text .= $_;
        my ($length) = $text =~ /^Content-Length: (\d+)/mi;
        while (length(($text =~ /\r\n\r\n(.*)/s)[0] // '') < ($length // 0)) {
            sysread $client, my $more, 65536 or last;
            $text .= $more;
        }
        open my $fh, '>', "$dir/request.new";
        print {$fh} $text;
        close $fh;
        rename "$dir/request.new", "$dir/request";
        syswrite $client, "HTTP/1.1 204 No Content\r\n"
            . "Connection: close\r\n\r\n";
    }
}

# What the stub got from one command: (head, decoded body).
sub wire {
    my (@commands) = @_;

    unlink "$dir/request";
    $cp->command(@commands);
    wait_for(sub { -e "$dir/request" }, 15)
        or die "no request came for @commands\n";
    open my $fh, '<', "$dir/request" or die $!;
    my $text = do { local $/; <$fh> };
    my ($head, $body) = split /\r\n\r\n/, $text, 2;
    return ($head, eval { decode_json($body) }, $body);
}

# POST to the simulator as an FP would.
my $n = 0;
sub post {
    my ($message, $body, %headers) = @_;
    my $answer = HTTP::Tiny->new->post($cp->url . "/$message", {
        content => $body, headers => { 'content-type' => 'application/json',
            'x-request-id' => 'test-' . ++$n, %headers } });

    return $answer->{status};
}

$cp->command('peer ' . $other->url);
$other->command('peer ' . $cp->url, 'require interval=1');

subtest 'the protocol runs by itself' => sub {
    $cp->command('require interval=2', 'handshake id=hs-1 expect=204');
    my ($ack, $online, $beat) = $cp->command(
        'expect handshake_acknowledge within=5s', 'expect online',
        'expect heartbeat count=2 within=10s');
    is($ack->{corr}, 'hs-1', 'acknowledged with the correlation id');
    is($ack->{json}{required_behaviour}{heartbeat_interval}, 1,
        'and with the other side\'s interval');
    ok($beat->{json}{offline_mode_at}, 'heartbeats come');
    ok($other->state->{online}, 'the other side is online as well');
    $other->command('heartbeats off');
    my ($late) = $cp->command('expect late within=20s');
    ok($late->{late}, 'a promise that runs out is noticed');
    # Those that come by themselves would take what is meant for others.
    $_->command('stop', 'heartbeats off') for $cp, $other;
};

subtest 'right and wrong requests' => sub {
    my $soon = '"2099-01-01T00:00:00+13:00"';
    $cp->command('accept any', 'profile vector');
    is(post('heartbeat', "{\"offline_mode_at\":$soon}"), 204, 'heartbeat');
    is(post('heartbeat', '{}'), 400, 'a member is missing');
    is(post('heartbeat', '{"offline_mode_at":"2020-01-01T00:00:00Z"}'), 400,
        'a promise in the past');
    is(post('heartbeat', '{"offline_mode_at":"2099-01-01 00:00:00"}'), 400,
        'a time without zone');
    is(post('heartbeat', '{'), 400, 'not JSON');
    is(post('heartbeat', "{\"offline_mode_at\":$soon}",
        'x-request-id' => 'test-1'), 204, 'a retry');
    is(post('handshake', '{}', 'x-request-id' => 'test-1'), 400,
        'a request id used for something else');
    is(post('handshake', '{"heartbeat_interval":5}'), 400, 'the flat form');
    is(post('update_group_capacity_forecast', '{}'), 404,
        'what a CP does not serve');
    is(HTTP::Tiny->new->get($cp->url . '/heartbeat')->{status}, 405, 'GET');
    my $energy = '"energy_measurement":{"value":12.5,"phase":"ALL",'
        . '"unit":"KWH","direction":"IMPORT",'
        . '"measure_time":"2026-11-23T00:15:00Z"';
    my $asset = '{"group_id":"G1","measurements":[{"asset_id":"A",'
        . "\"asset_category\":\"CHARGING\",$energy%s}}]}";
    is(post('update_asset_measurements', sprintf $asset,
        ',"initial_measure_time":"2026-11-23T00:00:00Z"'), 204,
        'a measurement');
    is(post('update_asset_measurements', sprintf $asset, ''), 400,
        'a measurement without its start');
    is(post('update_asset_measurements', sprintf($asset,
        ',"initial_measure_time":"2026-11-23T00:00:00Z"') =~ s/12\.5/"12"/r),
        400, 'a number as a string');
    is(post('group_capacity_compliance_error', '{"message":"no"}'), 400,
        'a compliance error without correlation id');
    is(post('group_capacity_compliance_error', '{"message":"no"}',
        'x-correlation-id' => 'f-1'), 204, 'and with');
    my @invalid = grep { !$_->{valid} } $cp->records(dir => 'in');
    is(@invalid, 11, 'all is recorded with its verdict');
};

subtest 'every rule on measurements, in both profiles' => sub {
    # A good message, then what `change` makes of it.
    my $judge = sub {
        my ($message, $change) = @_;
        my %energy = (value => 12.5, phase => 'ALL', unit => 'KWH',
            direction => 'IMPORT', measure_time => '2026-11-23T00:15:00Z',
            initial_measure_time => '2026-11-23T00:00:00Z');
        my %power = (value => 7.5, phase => 'ALL', unit => 'KW',
            measure_time => '2026-11-23T00:15:00Z');
        my %asset = (asset_id => 'A', asset_category => 'CHARGING',
            energy_measurement => \%energy,
            instantaneous_measurement => \%power);
        my %body = (group_id => 'G1', measurements =>
            $message =~ /asset/ ? [\%asset] : [\%energy]);

        $change->(\%energy, \%power, \%asset, \%body) if $change;
        return post($message, JSON::PP::encode_json(\%body));
    };
    # What is changed, and what that is for vector and for generic.
    my @rows = (
        ['nothing', 204, 204, undef],
        ['no start', 400, 400, sub { delete $_[0]{initial_measure_time} }],
        ['a start behind the end', 400, 400,
            sub { $_[0]{initial_measure_time} = '2026-11-23T01:00:00Z' }],
        ['no length', 400, 204,
            sub { $_[0]{initial_measure_time} = '2026-11-23T00:15:00Z' }],
        ['off the grid', 400, 204,
            sub { $_[0]{initial_measure_time} = '2026-11-23T00:07:00Z' }],
        ['WH', 400, 204, sub { $_[0]{unit} = 'WH' }],
        ['W as energy', 400, 400, sub { $_[0]{unit} = 'W' }],
        ['a direction', 400, 400, sub { $_[0]{direction} = 'BOTH' }],
        ['less than nothing', 400, 204, sub { $_[0]{value} = -1 }],
        ['net', 204, 204, sub { $_[0]{value} = -1; $_[0]{direction} = 'NET' }],
        ['an energy type', 400, 400, sub { $_[0]{energy_type} = 'ALL' }],
        ['a phase', 400, 400, sub { $_[0]{phase} = 'FOUR' }],
        ['no value', 400, 400, sub { delete $_[0]{value} }],
        ['no end', 400, 400, sub { delete $_[0]{measure_time} }],
        ['no list', 400, 400, sub { delete $_[3]{measurements} }],
        ['an empty list', 400, 400, sub { $_[3]{measurements} = [] }],
        ['no group', 400, 400, sub { delete $_[3]{group_id} }],
    );
    my @assets = (
        ['power in A', 400, 204, sub { $_[1]{unit} = 'A' }],
        ['power in W', 204, 204, sub { $_[1]{unit} = 'W' }],
        ['power at another time', 400, 204,
            sub { $_[1]{measure_time} = '2026-11-23T00:14:00Z' }],
        ['no power', 204, 204,
            sub { delete $_[2]{instantaneous_measurement} }],
        ['no energy', 400, 204, sub { delete $_[2]{energy_measurement} }],
        ['another category', 400, 204,
            sub { $_[2]{asset_category} = 'STORAGE' }],
        ['no category', 400, 400, sub { delete $_[2]{asset_category} }],
        ['no asset id', 400, 400, sub { delete $_[2]{asset_id} }],
        ['two assets', 400, 204, sub { push @{$_[3]{measurements}},
            { %{$_[2]}, asset_id => 'B' } }],
        ['one asset twice', 400, 400,
            sub { push @{$_[3]{measurements}}, $_[2] }],
        ['a group with a dash', 400, 204, sub { $_[3]{group_id} = 'G-1' }],
        ['another asset of the group', 400, 204,
            sub { $_[2]{asset_id} = 'OTHER' }],
        ['another group of the asset', 400, 204,
            sub { $_[3]{group_id} = 'G2' }],
    );

    for my $profile (qw(vector generic)) {
        my $column = $profile eq 'vector' ? 1 : 2;
        $cp->command("profile $profile");
        is($judge->('update_asset_measurements', $_->[3]), $_->[$column],
            "$profile, asset: $_->[0]") for @rows, @assets;
        is($judge->('update_group_measurements', $_->[3]),
            $profile eq 'vector' ? 400 : $_->[$column],
            "$profile, group: $_->[0]") for @rows;
    }
    $cp->command('profile vector');
};

subtest 'misbehaviour on demand' => sub {
    my $beat = '{"offline_mode_at":"2099-01-01T00:00:00Z"}';
    $cp->command('misbehave refuse=heartbeat:503 retry-after=7 times=1');
    is(post('heartbeat', $beat), 503, 'refuses');
    is(post('heartbeat', $beat), 204, 'once');
    $cp->command('misbehave drop=* times=1');
    is(post('heartbeat', $beat), 599, 'drops the connection');
    $other->command('quirk H7');
    $cp->command('misbehave refuse=heartbeat:500 times=2');
    my $result = $other->command('heartbeat');
    is($result->{tries}, 3, 'H7: tried again, twice');
    is($result->{status}, 204, 'with success');
    $other->command('quirk H7 off');
    $cp->command('misbehave hang=heartbeat times=1',
        'misbehave delay=handshake:300ms');
    is($other->command('heartbeat timeout=200ms')->{error}, 'timeout',
        'hangs');
    cmp_ok($other->command('handshake')->{ms}, '>=', 290, 'delays');
    $cp->command('misbehave off', 'acknowledges off', 'mark');
    $other->command('handshake expect=204');
    ok(!eval { $other->command('mark', 'expect handshake_acknowledge'
        . ' within=300ms') }, 'answers 204 and never acknowledges');
    $cp->command('acknowledges on', 'accept token=sesame header.fp-id=A');
    is(post('heartbeat', $beat), 401, 'wants credentials');
    is(post('heartbeat', $beat, authorization => 'token sesame',
        'fp-id' => 'A'), 204, 'takes them');
    $cp->command('quirk H15');
    is(post('heartbeat', $beat, authorization => 'token sesame',
        'fp-id' => 'A'), 401, 'H15: exactly so');
    $cp->command('quirk H15 off', 'accept oauth client=fp secret=s life=2s');
    $other->command('present oauth url='
        . $cp->url =~ s{/oscp/.*}{/oauth2/token}r . ' client=fp secret=s');
    is($other->command('heartbeat')->{status}, 204, 'OAuth both ways');
    $cp->command('accept any');
};

subtest 'the wire, and the quirks on it' => sub {
    my ($head, $json, $body) = wire("peer $stub_url",
        'present token=abc header.fp-id=F',
        'forecast group=G kw=120,80.5 blocks=4 minutes=15 id=f-1');
    like($head, qr{^POST /fp/update_group_capacity_forecast HTTP/1.1\r},
        'method and path');
    like($head, qr/^Authorization: Token abc\r$/m, 'credentials');
    like($head, qr/^X-Request-ID: f-1\r?$/m, 'request id');
    my @blocks = @{$json->{forecasted_blocks}};
    is(join(' ', map { $_->{capacity} } @blocks), '120 80.5 120 80.5',
        'values repeat');
    is($blocks[0]{end_time}, $blocks[1]{start_time}, 'blocks are adjacent');
    like($blocks[0]{start_time}, qr/T\d\d:(?:00|15|30|45):00.000Z$/,
        'and aligned');
    like($body, qr/"capacity":120,/, 'numbers are numbers');

    (undef, $json, $body) = wire('quirk H6', 'quirk H8',
        'forecast group=G kw=7');
    like($body, qr/"capacity":"7"/, 'H6: strings');
    like($json->{forecasted_blocks}[0]{start_time},
        qr/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/, 'H8: naive times');
    (undef, $json) = wire('quirk H6 off', 'quirk H8 off', 'quirk H13',
        'quirk H12', 'forecast group=G kw=7 blocks=96');
    is((grep { $_->{capacity} != 0 } @{$json->{forecasted_blocks}}), 0,
        'H13: all zero');
    ok(-s "$dir/request" > 16384, 'H12: more than 16 KB');
    ($head, $json) = wire('quirk H12 off', 'quirk H13 off', 'quirk H1',
        'handshake interval=9');
    is_deeply($json, { heartbeat_interval => 9,
        measurement_configuration => ['INTERMITTENT'] }, 'H1: flat');
    (undef, $json) = wire('quirk H1 off', 'quirk H4 empty',
        'send handshake_acknowledge body={"required_behaviour":{}}');
    is_deeply($json, { required_behaviour => {} }, 'any body');
    ($head, undef, $body) = wire('register method=DELETE');
    like($head, qr/^DELETE .*Content-Length: 0\r/s, 'H9 off: no body');
    (undef, $json) = wire('quirk H9', 'register method=DELETE token=T');
    is($json->{token}, 'T', 'H9: DELETE with a body');
    ($head) = wire('quirk H9 off',
        'forecast group=G kw=1,2,3 segments=3 order=1,3 id=s-1');
    like($head, qr/^X-Segment-Count: 3\r?\n.*^X-Segment-Index: 3\r?$/ms, 'segments');
    like($head, qr/^X-Correlation-ID: s-1\r?$/m, 'refer to the first');
    ($head) = wire('quirk H11', 'forecast group=G kw=1,2,3 segments=3');
    unlike($head, qr/^X-Correlation-ID: s-1\r?$/m, 'H11: or to the previous');
    (undef, $json) = wire('clock -1h zone=+13:00', 'heartbeat ahead=0');
    like($json->{offline_mode_at}, qr/\+13:00$/, 'in another zone');
    $cp->command('clock 0', 'reorder 2', 'heartbeat id=h-1',
        'heartbeat id=h-2');
    my @ids;
    wait_for(sub { @ids = map { $_->{id} }
        $cp->records(dir => 'out', limit => 2); "@ids" eq 'h-2 h-1' }, 15);
    is("@ids", 'h-2 h-1', 'reordered');
    ($head) = wire('replay h-2');
    like($head, qr/^X-Request-ID: h-2\r?$/m, 'replayed');
};

subtest 'mistakes in commands are told' => sub {
    for my $case (['frob', qr/line 1: unknown command frob/],
        ["state\nforecast kw=1", qr/line 2: forecast: which group/],
        ['forecast group=G', qr/one of kw=/],
        ['heartbeat foo=1', qr/heartbeat knows no foo=; usage: heartbeat/],
        ['misbehave refuse=heartbeat', qr/refuse=MESSAGE:STATUS/],
        ['say "x', qr/unbalanced quotes/],
        ['quirk H99', qr/H1 to H15/], ['clock soon', qr/clock \+300s/])
    {
        ok(!eval { $cp->command($case->[0]) }, "mistake $case->[0]"
            =~ s/\n.*//sr);
        like($@, $case->[1], 'says why');
    }
};

subtest 'comments and quotes' => sub {
    my @results = $cp->command('  # nothing', '', "say 'a # b' # don't",
        'clock 0 # the truth', 'records dir="note" limit=1');
    is(@results, 3, 'comments are skipped');
    ok($results[-1]{records}, 'quotes are taken off');
};

subtest 'README names every command and quirk' => sub {
    open my $fh, '<', "$Bin/cp/README.md" or die $!;
    my $readme = do { local $/; <$fh> };
    my ($help) = map { $_->{help} } $cp->command('help');
    for my $verb (sort map { /^  (\w+)/ ? $1 : () } split /\n/, $help) {
        like($readme, qr/`$verb\b/, $verb);
    }
    like($readme, qr/\| $_ \|/, $_)
        for map { "H$_" } 1 .. 15;
};

is($_->stop, 0, "$_->{name} ends clean") for $cp, $other;
done_testing();
