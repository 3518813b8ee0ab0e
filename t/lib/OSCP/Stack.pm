# The whole path for a scenario: Redis, nginx with the module, workers and the
# simulated Capacity Provider, in a directory and on ports of their own.
#
#   my $stack = OSCP::Stack->start(heartbeat => '1s');
#   $stack->cp->command('handshake interval=1', 'expect online');
#   ok($stack->wait_circuit('incomer-1', available_capacity_w => 120000));
#   $stack->finish;
#
# Everything is stopped by pid when the test ends, however it ends.  The
# directory stays when a test failed.

package OSCP::Stack;

use strict;
use warnings;

use Cwd qw(abs_path);
use File::Path qw(remove_tree);
use File::Temp qw(tempdir);
use JSON::PP qw(decode_json);
use Test::More;

use OSCP::CP;
use OSCP::Nginx;
use OSCP::Process qw(found show_logs slow wait_for);
use OSCP::Redis;
use OSCP::Worker;

use constant {
    TOKEN_IN  => 'token-that-the-operator-shows-to-us',
    TOKEN_OUT => 'token-that-we-show-to-the-operator',
};

my @running;

$SIG{$_} = sub { exit 1 } for qw(INT TERM);

# start(OPTIONS): makes and starts everything.
#   settings     directive lines added to the connection
#   heartbeat    heartbeat_interval, '2s'
#   initiate     initiate_handshake, 'off': the peer begins
#   groups       list of `group` lines; one depot by default
#   peer         the peer's URL; the simulator's by default
#   accept, present   lists of such lines in place of tokens and fp-id
#   http, server      further nginx directives
#   top          nginx directives outside of all blocks
#   nginx_workers, workers   how many; workers 0 starts none
#   appendfsync  'always'; undef: no AOF
#   store        a SUB that is given the directory and starts another kind of
#                Redis there: an OSCP::Sentinel, an OSCP::Cluster
#   cp           options of OSCP::CP
sub start {
    my ($class, %o) = @_;
    my $build = abs_path($ENV{OSCP_BUILD} // 'build')
        // die "no build directory\n";
    my $self = bless { workers => 1, heartbeat => '2s', nginx_workers => 1,
        initiate => 'off', appendfsync => 'always', build => $build, %o,
        dir => tempdir('oscp-XXXXXX', TMPDIR => 1) }, $class;
    my $dir = $self->{dir};

    push @running, $self;
    chmod 0755, $dir;
    $self->file('in.token', TOKEN_IN . "\n");
    $self->file('out.token', TOKEN_OUT . "\n");
    $self->{redis} = $self->{store} ? $self->{store}->($dir)
        : OSCP::Redis->new(dir => $dir,
            appendfsync => $self->{appendfsync})->start;
    $self->{cp} = OSCP::CP->new(dir => $dir, %{$self->{cp} // {}})->start;
    $self->{nginx} = OSCP::Nginx->new(dir => $dir, build => $build,
        top => $self->{top} // '',
        workers => $self->{nginx_workers}, http => $self->http,
        server => $self->server)->start;
    $self->{list} = [map { OSCP::Worker->new(dir => $dir, build => $build,
        redis => $self->redis->address, name => "worker-$_",
        arguments => ['--redis-user', 'oscp-worker', '--redis-password-file',
            "$dir/oscp-worker.password"]) }
        1 .. ($self->{workers} || 1)];
    if ($self->{workers}) {
        $_->start for @{$self->{list}};
    }
    $self->introduce;
    return $self;
}

# Tells the simulator who we are, also when it was started again.
sub introduce {
    my ($self) = @_;
    my $dir = $self->{dir};

    return $self->cp->command('peer ' . $self->nginx->url('/oscp/fp/2.0'),
        "present token-file=$dir/in.token header.fp-id=BF01",
        "accept token-file=$dir/out.token header.fp-id=CP77");
}

sub file {
    my ($self, $name, $content) = @_;

    open my $fh, '>', "$self->{dir}/$name" or die "$name: $!";
    print {$fh} $content;
    close $fh or die "$name: $!";
    return "$self->{dir}/$name";
}

# The http block of nginx.conf.
sub http {
    my ($self) = @_;
    my $dir = $self->{dir};
    my $peer = $self->{peer} // $self->cp->url;
    my @accept = @{$self->{accept} // ["token file=$dir/in.token",
        'header fp-id BF01']};
    my @present = @{$self->{present} // ["token file=$dir/out.token",
        'header fp-id CP77']};
    my @groups = @{$self->{groups} // ['group DEPOT01 scope=depot-1'
        . ' circuit=incomer-1 rated=400kW safe_default=60kW']};
    my $lines = join "\n        ", map({ "accept $_;" } @accept),
        map({ "present $_;" } @present), $self->{settings} // (),
        map({ "$_;" } @groups);

    return <<"CONF" . ($self->{http} // '');
oscp_redis @{[$self->redis->address]} user=oscp-nginx
        password_file=$dir/oscp-nginx.password;
    oscp_redis_timeout 5s;
    oscp_connection vector {
        profile vector;
        peer $peer;
        heartbeat_interval $self->{heartbeat};
        initiate_handshake $self->{initiate};
        $lines
    }
CONF
}

sub server {
    my ($self) = @_;

    return <<'CONF' . ($self->{server} // '');
location /oscp/fp/2.0/ { oscp_endpoint vector; }
        location = /oscp/status { oscp_status; }
CONF
}

sub dir { return $_[0]{dir} }
sub redis { return $_[0]{redis} }
sub nginx { return $_[0]{nginx} }
sub cp { return $_[0]{cp} }
sub worker { return $_[0]{list}[$_[1] // 0] }

sub key {
    my ($self, $name) = @_;

    return "oscp:{0}:$name";
}

sub hash {
    my ($self, $name) = @_;

    return $self->redis->hash($self->key($name));
}

sub connection { return $_[0]->hash('conn:' . ($_[1] // 'vector')) }
sub group { return $_[0]->hash('group:vector:' . ($_[1] // 'DEPOT01')) }
sub circuit { return $_[0]->hash('circuit:' . ($_[1] // 'incomer-1')) }
sub envelope { return $_[0]->hash('envelope:' . ($_[1] // 'depot-1')) }

# Events, decoded; of one kind when named.
sub events {
    my ($self, $kind) = @_;

    return map { { %$_, data => eval { decode_json($_->{data}) } } }
        grep { !defined $kind || $_->{event} eq $kind }
        $self->redis->stream($self->key('events'));
}

# Sends an operator's command; returns its id.
sub send_command {
    my ($self, $op, %fields) = @_;
    my %all = (op => $op, conn => 'vector', by => 'ann', %fields);

    return $self->redis->command('XADD', $self->key('cmd'), '*',
        map { defined $all{$_} ? ($_ => $all{$_}) : () } sort keys %all);
}

# The events that answer a command.
sub answers {
    my ($self, $id) = @_;

    return grep { ($_->{cmd} // '') eq $id } $self->events('command');
}

# Sends a command and waits for the event that answers it: "OUTCOME: TEXT" in
# scalar context, the event in list context.
sub operate {
    my ($self, $op, %fields) = @_;
    my $id = $self->send_command($op, %fields);
    my ($event) = @{wait_for(sub { my @all = $self->answers($id);
        @all ? \@all : undef }) // [{ data => {} }]};

    return wantarray ? %$event : join ': ', map { $_ // '' }
        @{$event->{data}}{qw(outcome text)};
}

# Notifications; of one group when named.
sub notifications {
    my ($self, $group) = @_;

    return grep { !defined $group || ($_->{group} // '') eq $group }
        $self->redis->stream($self->key('notifications'));
}

# The open incidents, each a hash of its fields and `id`.
sub incidents {
    my ($self) = @_;

    return map { { id => $_, %{$self->hash("incident:$_")} } }
        sort @{$self->redis->command('SMEMBERS', $self->key('incidents'))};
}

# All incidents that ever were, oldest first.
sub all_incidents {
    my ($self) = @_;

    my @all = sort { $a->{opened_at} cmp $b->{opened_at} }
        map { $self->redis->hash($_) }
        @{$self->redis->command('KEYS', $self->key('incident:*'))};

    return @all;
}

# Waits until a hash has the fields wanted; returns the hash, or undef and
# shows what it had.
sub wait_hash {
    my ($self, $name, $want, $seconds) = @_;
    my $got;
    my $found = wait_for(sub {
        $got = eval { $self->hash($name) } // {};
        return !grep { ($got->{$_} // '') ne $want->{$_} } keys %$want;
    }, $seconds // 10);

    return $got if $found;
    diag("$name: wanted ", explain($want), 'got ', explain($got));
    return undef;
}

sub wait_circuit {
    my ($self, $circuit, $want, $seconds) = @_;

    return $self->wait_hash("circuit:$circuit", $want, $seconds);
}

sub wait_state {
    my ($self, $state, $seconds) = @_;

    return $self->wait_hash('conn:vector', { state => $state }, $seconds);
}

# The two ends of a handshake by the peer: `interval` is what it asks of us.
sub go_online {
    my ($self, $interval) = @_;

    $self->cp->command('mark', 'require interval=' . ($interval // 2),
        'handshake expect=204', 'expect handshake_acknowledge',
        'expect online');
    return $self->wait_state('online');
}

# Lets the peer's promise run out soon.  One that ran out before nginx read it
# is refused, and changes nothing.
sub lose_liveness {
    my ($self) = @_;

    return wait_for(sub {
        $self->cp->command('heartbeat ahead=300ms')->{status} == 204 });
}

# Ends everything and tests that it ended well.
#   invalid => N   how many of our requests the simulator must have refused
#   allow => qr    log lines that are expected
sub finish {
    my ($self, %o) = @_;
    my %status = map { $_->{name} => $_->stop } @{$self->{list}};

    $status{cp} = $self->cp->stop;
    $status{nginx} = $self->nginx->stop;
    $status{redis} = $self->redis->stop;
    $self->cp->{invalid} //= $o{invalid};
    my @violations = OSCP::CP::violations();
    ok(!@violations, 'every request to a peer was valid')
        or diag(@violations);
    is_deeply({ map { $status{$_} ? ($_ => $status{$_}) : () } keys %status },
        {}, 'all ended clean');
    my @bad = grep { !$o{allow} || !/$o{allow}/ } $self->_bad_lines;
    ok(!@bad, 'no alert, no emergency, no sanitizer report')
        or diag(join '', @bad);
    $self->{finished} = 1;
    return;
}

# For a program that is no test: all that is left goes, without a word.
sub forget {
    my ($self) = @_;

    $self->{finished} = 1;
    return;
}

sub _bad_lines {
    my ($self) = @_;
    my @bad;

    for my $file (glob "$self->{dir}/*.log $self->{dir}/*.out") {
        open my $fh, '<', $file or next;
        push @bad, grep {
            /\[(?:alert|emerg)\]|Sanitizer|runtime error:/
        } <$fh>;
    }
    return (@bad, found($self->{dir}));
}

END {
    my $status = $?;

    for my $self (splice @running) {
        my $good = $self->{finished} && Test::More->builder->is_passing
            && $status == 0;
        for my $part (@{$self->{list} // []},
            map { $self->{$_} } qw(nginx cp))
        {
            my $process = ref $part && $part->can('process')
                && $part->process or next;
            # A master killed at once would leave its workers behind.
            $process->stop($process->{name} eq 'nginx' ? 'TERM' : 'KILL', 5);
        }
        $_->stop('KILL', 5) for $self->{redis} ? $self->redis->processes : ();
        $good && !$ENV{OSCP_KEEP} ? remove_tree($self->{dir})
            : show_logs($self->{dir});
    }
    $? = $status;
}

1;
