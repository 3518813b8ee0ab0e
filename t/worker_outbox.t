#!/usr/bin/env perl
#
# Goal: what stands in the outbox reaches its peer at least once, in order, all
# tries of one message under one request id, whatever the peer, the worker and
# the operator do meanwhile; what cannot be delivered is told and kept; and
# nobody else waits for it.

use strict;
use warnings;

use FindBin qw($Bin);
use JSON::PP qw(decode_json encode_json);
use POSIX qw(strftime);
use Test::More;
use Time::HiRes qw(time);

use lib "$Bin/lib", "$Bin/cp/lib";
use CP::Clock qw(time_ms);
use OSCP::CP;
use OSCP::Direct;
use OSCP::Endpoint;
use OSCP::Process qw(slow wait_for);

use constant MESSAGE => 'update_asset_measurements';

my $direct = OSCP::Direct->start;
my $redis = $direct->redis;
my $endpoint = OSCP::Endpoint->new(dir => $direct->dir);
my @cp = map { OSCP::CP->new(dir => $direct->dir, name => "cp-$_")->start }
    0 .. 2;
my %cp = (vector => $cp[0], other => $cp[1], bearer => $cp[2]);
my $sent = 0;

sub set_up {
    $_[0]->command("accept token-file=$direct->{dir}/token header.fp-id=CP77",
        'acknowledges off', 'heartbeats off');
    return;
}

my %more = (bearer => { present => 'oauth', client_id => 'me',
    client_secret_file => $direct->file('secret', 'pst'),
    token_url => $endpoint->url });

sub publish {
    return $direct->publish(map { $_ => { peer => $cp{$_}->url,
        heartbeat_interval_ms => 60000, groups => { $_ eq 'vector'
            ? map { ("DEPOT0$_" => {}) } 1, 2 : (uc $_ => {}) },
        %{$more{$_} // {}} } } @_);
}

sub handshake {
    my ($conn) = @_;

    $direct->store('handshake', $conn, { required_behaviour => {
        heartbeat_interval => 1,
        measurement_configuration => ['INTERMITTENT'] } });
    return $direct->wait_hash("conn:$conn", { state => 'online' });
}

# Puts a quarter hour's message into the outbox, as its cause would; undef
# leaves a field out.
sub put {
    my ($conn, %o) = @_;
    my $group = $o{group} // ($conn eq 'vector' ? 'DEPOT01' : uc $conn);
    my $end = 900 * ++$sent + 1_700_000_100;
    my %fields = (conn => $conn, msg => MESSAGE, group => $group,
        req => "out-$sent", created => OSCP::Direct::at(time),
        body => encode_json({ group_id => $group, measurements => [{
            asset_id => $group, asset_category => 'CHARGING',
            energy_measurement => { value => 12.5, phase => 'ALL',
                unit => 'KWH', direction => 'IMPORT',
                measure_time => OSCP::Direct::at($end),
                initial_measure_time => OSCP::Direct::at($end - 900) } }] }),
        %o);

    $redis->command('XADD', $direct->key('out'), '*',
        map { $_ => $fields{$_} } grep { defined $fields{$_} }
        sort keys %fields);
    return $fields{req};
}

sub command {
    my ($op, $conn) = @_;

    return $redis->command('XADD', $direct->key('cmd'), '*', op => $op,
        conn => $conn, by => 'tester');
}

sub had {
    my ($conn, $since) = @_;
    my @all = $cp{$conn}->records(dir => 'in', message => MESSAGE);

    return splice @all, $since // 0;
}

sub ids { return map { $_->{id} } @_ }

sub waiting { return $redis->command('XLEN', $direct->key('out')) }

sub wait_empty {
    my ($seconds) = @_;

    return wait_for(sub { waiting() == 0 }, $seconds // 10);
}

# The events of a kind about one message, or about one entry.
sub told {
    my ($kind, $req) = @_;

    return grep { ($_->{data}{req} // '') eq $req } $direct->events($kind);
}

sub counter { return $direct->hash('stats')->{$_[0]} // 0 }

set_up($_) for @cp;
$cp{bearer}->command('accept any');
$endpoint->answer(200, '{"access_token":"one","token_type":"Bearer",'
    . '"expires_in":3600}');
ok($direct->wait_applied(publish(sort keys %cp)), 'configured');
ok(handshake($_), "$_ is online") for sort keys %cp;

# This takes as long as a request may; the rest goes on meanwhile.
$cp{other}->command('misbehave hang=' . MESSAGE . ' times=1');
my $stuck = put('other');
my $behind = put('other');
my $stuck_at = time;

subtest 'in order' => sub {
    my @put = map { put('vector', group => 'DEPOT0' . (1 + $_ % 2)) } 1 .. 6;
    ok(wait_for(sub { (() = had('vector')) >= 6 }), 'all come');
    my @had = had('vector');
    is_deeply([ids(@had)], \@put, 'in the order of their entries');
    ok(!(grep { !$_->{valid} } @had), 'valid, with what we present')
        or diag(explain([map { $_->{errors} } @had]));
    ok(wait_for(sub { counter('out_sent') == 6 }), 'counted');
    is_deeply([map { $_->{data}{req} } $direct->events('delivered')], \@put,
        'each is told once');
    my ($event) = $direct->events('delivered');
    is_deeply([@{$event}{qw(conn group by)}, @{$event->{data}}{qw(msg status
        tries)}], ['vector', 'DEPOT02', 'worker', MESSAGE, 204, 1], 'and how');
    is(waiting(), 2, 'and settled');
};

subtest 'a peer that has no time' => sub {
    my $since = () = had('vector');
    $cp{vector}->command('misbehave refuse=' . MESSAGE
        . ':429 times=1 retry-after=2',
        'misbehave refuse=' . MESSAGE . ':503 times=1');
    my ($first, $second) = (put('vector'), put('vector'));
    ok(wait_for(sub { (() = had('vector', $since)) >= 4 }), 'it is asked again');
    my @had = had('vector', $since);
    is_deeply([ids(@had)], [$first, $first, $first, $second],
        'with the same request id, and the next one waits');
    is_deeply([map { $_->{status} } @had], [503, 429, 204, 204], 'until 204');
    my @at = map { time_ms($_->{at}) } @had;
    cmp_ok($at[1] - $at[0], '>=', 700, 'after a pause');
    cmp_ok($at[2] - $at[1], '>=', 1900, 'or as long as it says');
    is((told('delivered', $first))[0]{data}{tries}, 3, 'three tries')
        if wait_for(sub { told('delivered', $second) });
};

subtest 'Retry-After as a date' => sub {
    my $since = () = had('vector');
    my $date = int(time + 3);
    $cp{vector}->command('misbehave refuse=' . MESSAGE
        . ':503 times=1 header.Retry-After='
        . qq("@{[strftime('%a, %d %b %Y %H:%M:%S GMT', gmtime $date)]}"));
    put('vector');
    ok(wait_for(sub { (() = had('vector', $since)) >= 2 }), 'is understood');
    my @at = map { time_ms($_->{at}) } had('vector', $since);
    cmp_ok($at[1], '>=', $date * 1000, 'and kept');
};

subtest 'a message that the peer will never take' => sub {
    my $since = () = had('vector');
    my $secret = OSCP::Direct::TOKEN;
    $cp{vector}->command('misbehave refuse=' . MESSAGE . ":422 times=1 body="
        . qq({"message":"bad token $secret"}),
        'misbehave refuse=' . MESSAGE . ':400 times=1 '
        . 'body={"message":"asset\tunknown \u00e9"}');
    my ($bad, $echo, $good) = (put('vector', corr => 'fc-1'),
        put('vector', group => 'DEPOT02'), put('vector', group => 'DEPOT02'));
    ok(wait_for(sub { told('delivered', $good) }), 'the next one goes on');
    is_deeply([ids(had('vector', $since))], [$bad, $echo, $good],
        'it is tried once');

    my @dead = $redis->stream($direct->key('dead'));
    is(scalar(@dead), 2, 'it is kept');
    is_deeply([@{$dead[0]}{qw(conn msg group req corr status tries reason)}],
        ['vector', MESSAGE, 'DEPOT01', $bad, 'fc-1', 400, 1,
            "HTTP 400: asset unknown \xc3\xa9"], 'with the reason')
        or diag(explain($dead[0]));
    is(decode_json($dead[0]{body})->{group_id}, 'DEPOT01', 'and its body');
    is($dead[1]{reason}, 'HTTP 422', 'which never quotes a secret');
    my ($event) = told('dead', $bad);
    is_deeply([@{$event->{data}}{qw(status tries why)}], [400, 1, 'HTTP 400'],
        'the audit says so');

    my $group = $direct->hash('group:vector:DEPOT01');
    my $incident = $direct->hash("incident:$group->{undeliverable_incident}");
    is_deeply([@{$incident}{qw(conn group reason severity)}], ['vector',
        'DEPOT01', 'undeliverable', 'warning'], 'an incident is open');
    like($incident->{detail}, qr/$bad.*asset unknown/, 'that says why');
    my ($notice) = grep { ($_->{incident} // '')
        eq $group->{undeliverable_incident} }
        $redis->stream($direct->key('notifications'));
    is($notice->{title}, 'Messages of group DEPOT01 do not reach vector',
        'and a notification');
    my $later = put('vector');
    ok($direct->wait_hash('group:vector:DEPOT01',
        { undeliverable_incident => undef }), 'another message of the group '
        . 'resolves it');
    ok($direct->hash("incident:$group->{undeliverable_incident}")
        ->{resolved_at}, 'as its hash says');
    is($direct->hash('group:vector:DEPOT02')->{undeliverable_incident}, undef,
        'and that of the other group');
};

subtest 'a token that is refused' => sub {
    my $first = put('bearer');
    ok(wait_for(sub { told('delivered', $first) }), 'a token is presented');
    $endpoint->answer(200, '{"access_token":"two","token_type":"Bearer",'
        . '"expires_in":3600}');
    $cp{bearer}->command('misbehave refuse=' . MESSAGE . ':401 times=1');
    my $req = put('bearer');
    ok(wait_for(sub { told('delivered', $req) }), 'delivered');
    my @had = grep { $_->{id} eq $req } had('bearer');
    is_deeply([map { $_->{headers}{Authorization} } @had],
        ['Bearer one', 'Bearer two'], 'with another one, at once');
    $cp{vector}->command('misbehave refuse=' . MESSAGE . ':401 times=1');
    my $static = put('vector');
    ok(wait_for(sub { told('dead', $static) }),
        'there is no other for a static token');
};

subtest 'a peer that is away' => sub {
    my $before = counter('out_retries');
    $cp{vector}->stop;
    my @put = map { put('vector') } 1 .. 3;
    ok(wait_for(sub { counter('out_retries') > $before }), 'is tried');
    $cp{vector}->start;
    set_up($cp{vector});
    ok(wait_for(sub { told('delivered', $put[2]) }), 'and again');
    is_deeply([ids(had('vector'))], \@put, 'in order');
};

subtest 'a peer that moves' => sub {
    my $before = counter('out_retries');
    $cp{vector}->command('misbehave refuse=' . MESSAGE
        . ':503 retry-after=3000');
    my @put = map { put('vector') } 1 .. 2;
    ok(wait_for(sub { counter('out_retries') > $before }), 'asks for patience');
    my $cp = OSCP::CP->new(dir => $direct->dir, name => 'cp-moved')->start;
    $cp{vector}->stop;
    $cp{vector} = $cp;
    push @cp, $cp;
    set_up($cp);
    ok($direct->wait_applied(publish(sort keys %cp)), 'configured');
    ok(wait_for(sub { told('delivered', $put[1]) }), 'is tried at once');
    is_deeply([ids(had('vector'))], \@put, 'in order');
};

subtest 'what is held' => sub {
    my $since = () = had('vector');
    command('disconnect', 'vector');
    ok($direct->wait_hash('conn:vector', { state => 'disconnected' }),
        'disconnected');
    my $ends = put('vector', msg => 'adjust_group_capacity_forecast',
        created => OSCP::Direct::at(time - 599));
    my @put = map { put('vector') } 1 .. 2;
    command('connect', 'vector');
    ok($direct->wait_hash('conn:vector', { disconnected => 0 })
        // $direct->wait_hash('conn:vector', { disconnected => undef }),
        'connected');
    my $other = put('bearer');
    ok(wait_for(sub { told('delivered', $other) }), 'others go on');
    is(() = had('vector', $since), 0, 'held until it is online');
    ok(wait_for(sub { told('given_up', $ends) }), 'but not beyond its time');
    is((told('given_up', $ends))[0]{data}{tries}, 0, 'without a try');
    ok(handshake('vector'), 'online');
    ok(wait_for(sub { told('delivered', $put[1]) }), 'then delivered');
    command('disable', 'vector');
    ok($direct->wait_hash('conn:vector', { state => 'disabled' }), 'disabled');
    push @put, put('vector');
    $other = put('bearer');
    ok(wait_for(sub { told('delivered', $other) }), 'others go on');
    is(() = had('vector', $since), 2, 'held');
    command('enable', 'vector');
    ok($direct->wait_hash('conn:vector', { enabled => 1 }), 'enabled');
    ok(handshake('vector'), 'online');
    ok(wait_for(sub { told('delivered', $put[2]) }), 'then delivered');
    is_deeply([ids(had('vector', $since))], \@put, 'all in order');
};

subtest 'a last try' => sub {
    $cp{vector}->command('misbehave refuse=adjust_group_capacity_forecast:503'
        . ' retry-after=6');
    my $last = put('vector', msg => 'adjust_group_capacity_forecast',
        created => OSCP::Direct::at(time - 595), body => encode_json({
            group_id => 'DEPOT01', type => 'CONSUMPTION', forecasted_blocks =>
                [{ capacity => 50, unit => 'KW', phase => 'ALL', start_time =>
                OSCP::Direct::at(time), end_time => OSCP::Direct::at(time + 900)
                }] }));
    my $next = put('vector');
    ok(wait_for(sub { told('given_up', $last) }), 'there is no time for more');
    is_deeply([@{(told('given_up', $last))[0]{data}}{qw(why status tries)}],
        ['too old for another try: HTTP 503', 503, 1], 'which is told');
    ok(wait_for(sub { told('delivered', $next) }), 'the next one goes on');
};

subtest 'what is no message' => sub {
    my @cases = (
        [{ req => undef }, qr/^req must be/], [{ req => "a b" }, qr/^req must/],
        [{ msg => 'heartbeat' }, qr/^msg must be a message that the outbox/],
        [{ msg => 'nonsense' }, qr/^msg must/], [{ body => '' }, qr/^body must/],
        [{ corr => "\xe9" }, qr/^corr must/], [{ group => "a\nb" }, qr/^group/],
        [{ created => 'yesterday' }, qr/^created must be an RFC 3339/],
        [{ body => "{\0}" }, qr/^a field has a NUL/],
        [{ conn => 'nobody' }, qr/^the connection is not configured/],
    );
    my $before = () = $direct->events('given_up');
    put('vector', %{$_->[0]}) for @cases;
    my $old = put('vector', created => OSCP::Direct::at(time - 7 * 86400));
    my $good = put('vector', created => undef);
    ok(wait_for(sub { told('delivered', $good) }), 'never stops the stream');
    my @events;
    ok(wait_for(sub { @events = $direct->events('given_up');
        splice @events, 0, $before; @events > @cases }), 'all are told');
    # Who is unknown is judged after the others.
    splice @events, $#cases, 0, pop @events if $events[-1]{data}{req} ne $old;
    like($events[$_]{data}{why}, $cases[$_][1], "given up: $cases[$_][1]")
        for 0 .. $#cases;
    is($events[-1]{data}{req}, $old, 'nor does what is too old');
    is($events[-1]{data}{why}, 'too old', 'which is told');
};

subtest 'groups and connections that go' => sub {
    my $gone = put('vector', group => 'DEPOT09');
    ok(wait_for(sub { told('delivered', $gone) }),
        'what a group owes is delivered when it is gone');
    my $since = () = had('vector');
    $direct->worker->kill;
    my @mixed = map { put('vector', group => $_) }
        map { ($_, 'DEPOT01') } 'DEPOT09', 'DEPOT08', 'DEPOT07';
    $direct->worker->restart;
    ok(wait_for(sub { told('delivered', $mixed[-1]) }), 'with all the others');
    is_deeply([ids(had('vector', $since))], \@mixed, 'in order');
    $cp{vector}->command('misbehave refuse=' . MESSAGE . ':404 times=2');
    my $dead = put('vector', group => 'DEPOT09');
    my $none = put('vector', group => undef);
    ok(wait_for(sub { told('dead', $none) }), 'or is a dead letter');
    my $id = $direct->hash('conn:vector')->{undeliverable_incident};
    like($direct->hash("incident:$id")->{detail}, qr/$none/,
        'the connection has an incident for what is of no group');
    unlike(join("\0", map { %$_ } $redis->stream($direct->key(
        'notifications'))), qr/$dead/, 'but none for a group that is gone');
    put('vector');
    ok($direct->wait_hash('conn:vector', { undeliverable_incident => undef }),
        'whatever is delivered resolves it');
    my $before = counter('out_retries');
    $cp{bearer}->command('misbehave refuse=' . MESSAGE . ':503');
    my @put = map { put('bearer') } 1 .. 600;
    ok(wait_for(sub { counter('out_retries') > $before }), 'a connection waits');
    my $commits = counter('commits');
    ok($direct->wait_applied(publish(qw(other vector))), 'and is removed');
    ok(wait_for(sub { told('given_up', $put[-1]) }), 'what it owes is given up');
    cmp_ok(counter('commits') - $commits, '>=', 3, 'not all of it at once');
    my %told;
    $told{$_->{data}{req} // ''}++ for $direct->events('given_up');
    is((grep { ($told{$_} // 0) != 1 } @put), 0, 'each once');
    like((told('given_up', $put[0]))[0]{data}{why}, qr/not configured any more/,
        'and it is told why');
};

subtest 'a peer that hangs' => sub {
    ok(wait_for(sub { told('delivered', $behind) }, 20), 'is left alone');
    is_deeply([ids(had('other'))], [$stuck, $stuck, $behind],
        'after a while, and asked again; the next one waits');
    my @beats = grep { time_ms($_->{at}) >= $stuck_at * 1000 }
        $cp{other}->records(dir => 'in', message => 'heartbeat');
    my @gaps = map { time_ms($beats[$_]{at}) - time_ms($beats[$_ - 1]{at}) }
        1 .. $#beats;
    note("gaps of its heartbeats in ms: @gaps");
    cmp_ok(scalar(@gaps), '>=', 5, 'it gets its heartbeats all the while');
    # The machine may hesitate once, a peer that hangs is in the way each time.
    my ($longest, @others) = sort { $b <=> $a } @gaps;
    ok(!(grep { $_ > 2500 * slow() } @others), 'in time');
    cmp_ok($longest, '<', 2500 * slow() + 5000, 'all of them');
};

subtest 'a worker that dies' => sub {
    my $since = () = had('vector');
    $cp{vector}->command('misbehave delay=' . MESSAGE . ':30ms');
    my @put = map { put('vector') } 1 .. 30;
    ok(wait_for(sub { (() = had('vector', $since)) >= 10 }), 'in the middle');
    $direct->worker->kill;
    $direct->worker->restart;
    ok(wait_for(sub { told('delivered', $put[-1]) }), 'all are delivered');
    $cp{vector}->command('misbehave off');
    my @ids = ids(had('vector', $since));
    my @once = grep { $_ == 0 || $ids[$_] ne $ids[$_ - 1] } 0 .. $#ids;
    is_deeply([@ids[@once]], \@put, 'in order');
    cmp_ok(@ids - @once, '<=', 1, 'one of them twice at most');
    is(scalar(grep { my $req = $_; (() = told('delivered', $req)) != 1 } @put),
        0, 'each is told once');
};

is(waiting(), 0, 'nothing is left');

subtest 'too many' => sub {
    command('disable', 'vector');
    ok($direct->wait_hash('conn:vector', { state => 'disabled' }), 'held');
    my $other = put('vector', msg => 'group_capacity_compliance_error');
    my @put = map { put('vector', body => 'x' x 2**22) } 1 .. 34;
    ok(wait_for(sub { told('given_up', $put[2]) }), 'the oldest are given up');
    is((told('given_up', $put[0]))[0]{data}{why}, 'too many wait',
        'and it is told why');
    is(waiting(), 32, '128 MB of a kind wait');
    is(() = told('given_up', $other), 0, 'other kinds do not count');
    my $group = $direct->hash('group:vector:DEPOT01');
    ok($group->{undeliverable_incident}, 'an incident is open');
    ok($direct->wait_applied(publish('other')), 'the connection is removed');
    ok(wait_empty(), 'all is given up');
    ok($direct->hash("incident:$group->{undeliverable_incident}")
        ->{resolved_at}, 'and the incident is resolved');
};

is($_->stop, 0, 'simulator') for @cp[1 .. $#cp];
$direct->finish;
done_testing();
