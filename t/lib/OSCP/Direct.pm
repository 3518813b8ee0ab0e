# The worker by itself: Redis and workers in a directory of their own, and what
# nginx would publish and store is written straight into Redis.
#
#   my $direct = OSCP::Direct->start(connections => { vector => {} });
#   $direct->forecast('vector', 'DEPOT01', blocks => [[-60, 3600, 120000]]);
#   ok($direct->wait_hash('circuit:incomer-1', { control => 'oscp' }));
#   $direct->finish;

package OSCP::Direct;

use strict;
use warnings;

use Cwd qw(abs_path);
use Digest::SHA qw(sha256_hex);
use File::Path qw(remove_tree);
use File::Temp qw(tempdir);
use JSON::PP qw(decode_json);
use POSIX qw(strftime);
use Test::More;
use Time::HiRes qw(time);

use OSCP::CP;
use OSCP::Process qw(found show_logs wait_for);
use OSCP::Redis;
use OSCP::Worker;

use constant {
    TOKEN => 'token-that-we-show-to-the-operator',
};

my @running;
my $json = JSON::PP->new->canonical;

$SIG{$_} = sub { exit 1 } for qw(INT TERM);

# start(OPTIONS)
#   connections  as for publish(); undef: nothing is published
#   workers      how many to start, 1
#   arguments    further ones for every worker
#   appendfsync  'always'; undef: no AOF
#   users        1: the workers log in as the user that conf/ has for them
#   store        a SUB that is given the directory and starts another kind of
#                Redis there: an OSCP::Sentinel, an OSCP::Cluster
sub start {
    my ($class, %o) = @_;
    my $build = abs_path($ENV{OSCP_BUILD} // 'build')
        // die "no build directory\n";
    my $self = bless { workers => 1, arguments => [], appendfsync => 'always',
        build => $build, sent => 0, %o,
        dir => tempdir('oscp-XXXXXX', TMPDIR => 1) }, $class;

    push @running, $self;
    $self->file('token', TOKEN . "\n");
    $self->{redis} = $self->{store} ? $self->{store}->($self->{dir})
        : OSCP::Redis->new(dir => $self->{dir},
            appendfsync => $self->{appendfsync})->start;
    $self->publish(%{$o{connections}}) if $o{connections};
    $self->{list} = [];
    $self->add_worker for 1 .. $self->{workers};
    return $self;
}

sub add_worker {
    my ($self, @arguments) = @_;
    my $n = @{$self->{list}} + 1;
    my $worker = OSCP::Worker->new(dir => $self->{dir},
        build => $self->{build}, redis => $self->redis->address,
        name => "worker-$n", arguments => ['--log-level', 'debug',
            $self->{users} ? $self->user('worker') : (),
            @{$self->{arguments}}, @arguments]);

    push @{$self->{list}}, $worker;
    return $worker->start;
}

# The options by which a program logs in as one of the users of conf/.
sub user {
    my ($self, $name) = @_;

    return ('--redis-user', "oscp-$name", '--redis-password-file',
        "$self->{dir}/oscp-$name.password");
}

sub dir { return $_[0]{dir} }
sub redis { return $_[0]{redis} }
sub worker { return $_[0]{list}[$_[1] // 0] }

sub file {
    my ($self, $name, $content) = @_;

    open my $fh, '>', "$self->{dir}/$name" or die "$name: $!";
    print {$fh} $content;
    close $fh or die "$name: $!";
    return "$self->{dir}/$name";
}

# A connection's document as nginx publishes it.  OPTIONS replace members;
# `groups` may be a hash of id => members.
sub document {
    my ($self, $name, %o) = @_;
    my $groups = delete $o{groups} // { DEPOT01 => {} };
    my $n = 0;

    $groups = [map { { id => $_, scope => lc($_) =~ s/depot0?/depot-/r,
        circuit => lc($_) =~ s/depot0?/incomer-/r, asset => $_,
        voltage_v => 230, rated_w => 400000, safe_default_w => 60000,
        %{$groups->{$_}} } } sort keys %$groups] if ref $groups eq 'HASH';
    for my $group (@$groups) {
        delete @{$group}{grep { !defined $group->{$_} } keys %$group};
        delete @{$group}{qw(rated_w safe_default_w)}
            unless defined $group->{circuit};
    }
    return $json->encode({ name => $name,
        peer => 'http://127.0.0.1:9/oscp/cp/2.0',
        heartbeat_interval_ms => 2000, handshake_timeout_ms => 30000,
        measurement_window_ms => 900000, measurement_grace_ms => 10000,
        compliance_tolerance => 0.02, compliance_grace_ms => 60000,
        profile => 'vector', gap_policy => 'safe_default',
        present => 'token', token_file => "$self->{dir}/token",
        strict => JSON::PP::false, initiate_handshake => JSON::PP::false,
        auth_body => JSON::PP::false,
        measurement_configuration => ['INTERMITTENT'], peer_path => {},
        headers => [{ name => 'fp-id', value => 'CP77' }],
        groups => $groups, %o });
}

# publish(NAME => OPTIONS, ...): all at once, as nginx does; `shards` too.
sub publish {
    my ($self, %connections) = @_;
    my $shards = delete $connections{shards} // 1;
    my %documents = map { $_ => ref $connections{$_}
        ? $self->document($_, %{$connections{$_}}) : $connections{$_} }
        keys %connections;
    my $version = substr sha256_hex(join "\0", $shards,
        map { $_ => $documents{$_} } sort keys %documents), 0, 16;

    $self->redis->command('EVAL', <<'LUA', 1, 'oscp:config', %documents,
redis.call('DEL', KEYS[1])
return redis.call('HSET', KEYS[1], unpack(ARGV))
LUA
        shards => $shards, version => $version);
    return $version;
}

# The version that the worker has applied.
sub applied {
    my ($self) = @_;

    return $self->hash('config')->{version} // '';
}

sub key {
    my ($self, $name, $shard) = @_;

    return 'oscp:{' . ($shard // 0) . "}:$name";
}

sub hash {
    my ($self, $name) = @_;

    return $self->redis->hash($self->key($name));
}

sub at {
    my ($seconds) = @_;
    my $ms = sprintf '%.0f', $seconds * 1000;

    return strftime('%Y-%m-%dT%H:%M:%S', gmtime int $ms / 1000)
        . sprintf('.%03dZ', $ms % 1000);
}

# store(MSG, CONN, BODY, FIELDS): an entry as nginx stores it; returns its
# request id.  The body is JSON text, or a structure.
sub store {
    my ($self, $msg, $conn, $body, %fields) = @_;
    my $req = $fields{req} // 'req-' . ++$self->{sent};

    $self->redis->command('XADD', $self->key('in', delete $fields{shard}), '*',
        conn => $conn, msg => $msg, at => at(time), %fields, req => $req,
        body => ref $body ? $json->encode($body) : $body);
    return $req;
}

# forecast(CONN, GROUP, type =>, blocks => [[START, END, WATTS, PHASE], ...],
# req =>, ...): starts and ends are seconds from `now`.
sub forecast {
    my ($self, $conn, $group, %o) = @_;
    my $now = delete $o{now} // time;
    my $blocks = delete $o{blocks};
    my $type = delete $o{type} // 'CONSUMPTION';

    return $self->store('update_group_capacity_forecast', $conn,
        { group_id => $group, type => $type, forecasted_blocks => [map { {
            start_time => at($now + $_->[0]), end_time => at($now + $_->[1]),
            capacity => $_->[2], unit => 'W', phase => $_->[3] // 'ALL' } }
            @$blocks] }, group => $group, %o);
}

# samples(LIST): samples as a site's system stores them, in that order, all at
# once: each a hash of the stream's fields, but `at_ms` for `at`.
sub samples {
    my ($self, @samples) = @_;

    while (my @some = splice @samples, 0, 200) {
        my @argv;
        for my $one (@some) {
            my %fields = %$one;
            my $ms = delete $fields{at_ms};
            $fields{at} //= at($ms / 1000) if defined $ms;
            push @argv, 2 * keys %fields, %fields;
        }
        $self->redis->command('EVAL', <<'LUA', 1, $self->key('meter'), @argv);
local i = 1
while i <= #ARGV do
  local n = tonumber(ARGV[i])
  redis.call('XADD', KEYS[1], '*', unpack(ARGV, i + 1, i + n))
  i = i + n + 1
end
LUA
    }
    return;
}

# What waits in the outbox, oldest first, bodies decoded; of one group.
sub outbox {
    my ($self, $group) = @_;

    return map { { %$_, body => decode_json($_->{body}) } }
        grep { !defined $group || ($_->{group} // '') eq $group }
        $self->redis->stream($self->key('out'));
}

# Makes the state of a connection what a handshake would have made it, for so
# many seconds; the worker is started anew for that.  The conn hash is there.
sub set_online {
    my ($self, $conn, $seconds) = @_;

    $self->worker->stop;
    $self->redis->command('HSET', $self->key("conn:$conn"), state => 'online',
        since => at(time), heartbeat_interval_expected => 2,
        handshake_at => at(time), handshake_by => 'peer',
        offline_mode_at => at(time + $seconds));
    $self->worker->restart;
    return;
}

# Events, decoded; of one kind when named.
sub events {
    my ($self, $kind) = @_;

    return map { { %$_, data => eval { decode_json($_->{data}) } } }
        grep { !defined $kind || $_->{event} eq $kind }
        $self->redis->stream($self->key('events'));
}

# Waits until a hash has the fields wanted (undef: absent); returns the hash,
# or undef and shows what it had.
sub wait_hash {
    my ($self, $name, $want, $seconds) = @_;
    my $got;
    my $found = wait_for(sub {
        $got = eval { $self->hash($name) } // {};
        return !grep { ($got->{$_} // '') ne ($want->{$_} // '') }
            keys %$want;
    }, $seconds // 10);

    return $got if $found;
    diag("$name: wanted ", explain($want), 'got ', explain($got));
    return undef;
}

# Waits until every stored message has been settled.
sub wait_settled {
    my ($self, $seconds) = @_;

    return wait_for(sub {
        (eval { $self->redis->command('XLEN', $self->key('in')) } // 1) == 0
    }, $seconds // 10);
}

sub wait_applied {
    my ($self, $version, $seconds) = @_;

    return wait_for(sub { (eval { $self->applied } // '') eq $version },
        $seconds // 10);
}

# Waits until a worker's log has a line that matches.
sub wait_log {
    my ($self, $pattern, $n, $seconds) = @_;

    return wait_for(sub { $self->worker($n)->log_text =~ $pattern },
        $seconds // 10);
}

# Ends everything and tests that it ended well.
sub finish {
    my ($self, %o) = @_;
    my %status = map { $_->{name} => $_->stop } @{$self->{list}};

    $status{redis} = $self->redis->stop;
    is_deeply({ map { $status{$_} ? ($_ => $status{$_}) : () } keys %status },
        {}, 'all ended clean');
    my @violations = OSCP::CP::violations();
    ok(!@violations, 'every request to a peer was valid')
        or diag(@violations);
    my @bad;
    for my $file (glob "$self->{dir}/*.log") {
        open my $fh, '<', $file or next;
        push @bad, grep { /Sanitizer|runtime error:| error: /
            && !($o{allow} && /$o{allow}/) } <$fh>;
    }
    push @bad, found($self->{dir});
    ok(!@bad, 'no error and no sanitizer report') or diag(join '', @bad);
    $self->{finished} = 1;
    return;
}

END {
    my $status = $?;

    for my $self (splice @running) {
        my $good = $self->{finished} && Test::More->builder->is_passing
            && $status == 0;
        $_->stop('KILL', 5) for map({ $_->process // () }
            @{$self->{list} // []}),
            $self->{redis} ? $self->redis->processes : ();
        $good && !$ENV{OSCP_KEEP} ? remove_tree($self->{dir})
            : show_logs($self->{dir});
    }
    $? = $status;
}

1;
