# Everything that a campaign plays with, as real processes in one directory:
# Redis, nginx, two workers, a simulated Capacity Provider for each connection,
# and between them a proxy that can spoil every link.

package OSCP::Torture::Stage;

use strict;
use warnings;

use File::Path qw(remove_tree);
use File::Temp qw(tempdir);

use OSCP::CP;
use OSCP::Nginx;
use OSCP::Process qw(wait_for);
use OSCP::Redis;
use OSCP::Torture::Journal;
use OSCP::Torture::Proxy;
use OSCP::Torture::Schedule;
use OSCP::Torture::Windows;
use OSCP::Worker;

use constant {
    SHARDS    => 2,
    INTERVAL  => 1,                  # s: heartbeats, in both directions
    COMPLIANCE => 2,                 # s of too much power
    RATED     => 400_000,
    SAFE      => 60_000,
    TOKEN_IN  => 'token-that-the-operator-shows-to-us',
    TOKEN_OUT => 'token-that-we-show-to-the-operator',
};

# new(build =>, program => of the worker): makes the directory.
sub new {
    my ($class, %o) = @_;
    my $self = bless { %o, owner => $$,
        dir => tempdir('oscp-torture-XXXXXX', TMPDIR => 1) }, $class;
    my $dir = $self->{dir};

    chmod 0755, $dir;
    $self->file('in.token', TOKEN_IN . "\n");
    $self->file('out.token', TOKEN_OUT . "\n");
    $self->{clock_file} = $self->file('clock', "0\n");
    $self->{journal} = OSCP::Torture::Journal->create("$dir/journal");
    return $self;
}

sub file {
    my ($self, $name, $content) = @_;
    my $path = "$self->{dir}/$name";

    open my $fh, '>', "$path.new" or die "$path: $!\n";
    print {$fh} $content;
    close $fh or die "$path: $!\n";
    rename "$path.new", $path or die "$path: $!\n";
    return $path;
}

sub note {
    my ($self, %entry) = @_;

    $self->{journal}->add(%entry);
    return;
}

# Groups with their circuits: { conn group circuit shard safe }.  Every other
# group of a connection has no safe default.
sub groups {
    return map {
        my $conn = $_;
        map { { conn => $conn->{name}, group => uc($conn->{name}) . $_,
            circuit => "$conn->{name}-circuit-$_",
            scope => "$conn->{name}-scope-$_", rated => RATED,
            shard => shard($conn->{name}), safe => $_ % 2 ? SAFE : undef } }
            1 .. $conn->{groups};
    } @OSCP::Torture::Schedule::CONNECTIONS;
}

# FNV-1a, as oscp_key.h says.
sub shard {
    my ($name) = @_;
    my $hash = 2166136261;

    for my $byte (unpack 'C*', $name) {
        $hash = ($hash ^ $byte) * 16777619 & 0xffffffff;
    }
    return $hash % SHARDS;
}

sub key {
    my ($shard, $name) = @_;

    return "oscp:{$shard}:$name";
}

sub dir { return $_[0]{dir} }
sub redis { return $_[0]{redis} }
sub nginx { return $_[0]{nginx} }
sub cp { return $_[0]{cps}{$_[1]} }
sub worker { return $_[0]{workers}{$_[1]} }
sub workers { return map { $_[0]{workers}{$_} } sort keys %{$_[0]{workers}} }

sub start {
    my ($self) = @_;
    my ($dir, $build) = @$self{qw(dir build)};
    my %profile = map { $_->{name} => $_->{profile} }
        @OSCP::Torture::Schedule::CONNECTIONS;
    my @names = map { $_->{name} } @OSCP::Torture::Schedule::CONNECTIONS;

    $ENV{OSCP_CLOCK_FILE} = $self->{clock_file};
    # A worker that does not hear it yet reads the file at its start.
    $SIG{USR2} = 'IGNORE';
    mkdir "$dir/redis";
    $self->{tmpfs} = _mount("$dir/redis");
    $self->{redis} = OSCP::Redis->new(dir => $dir,
        appendfsync => 'always')->start;
    for my $name (@names) {
        # What of ours is invalid, and when that is no wonder, is the
        # checker's to say.  Its profile holds from the first request on.
        $self->{cps}{$name} = OSCP::CP->new(dir => $dir, name => "cp-$name",
            do => ["profile $profile{$name}"], invalid => 'any')->start;
    }
    $self->{proxy} = OSCP::Torture::Proxy->start(
        (map { $_ => ["$dir/$_.sock", $self->redis->socket] }
            qw(nginx worker-1 worker-2)),
        map { $_ => ['127.0.0.1:0', $self->_authority($_)] } @names);
    $self->{nginx} = OSCP::Nginx->new(dir => $dir, build => $build,
        workers => 2, http => $self->_http, server => join("\n        ",
        "access_log $dir/stored.log stored;",
        map { ("location /$_/ { oscp_endpoint $_; }",
            "location = /site/$_ { oscp_measurements $_; }") } @names))->start;
    $self->{door} = OSCP::Torture::Proxy->start(
        fp => ['127.0.0.1:0', '127.0.0.1:' . $self->nginx->port]);
    $self->{door_site} = $self->door_url . '/site';
    for my $name (qw(worker-1 worker-2)) {
        $self->{workers}{$name} = OSCP::Worker->new(dir => $dir,
            build => $build, program => $self->{program}, name => $name,
            redis => "unix:$dir/$name.sock",
            arguments => ['--redis-user', 'oscp-worker',
                '--redis-password-file', "$dir/oscp-worker.password"]);
        $self->start_worker($name);
    }
    $self->tell_cp($_) for @names;
    return $self;
}

# Where the peers find nginx: behind a link that can be spoiled as well.
sub door_url {
    my ($self) = @_;

    return 'http://127.0.0.1:' . $self->{door}->port('fp');
}

# What happens on a link from now on (OSCP::Torture::Proxy).
sub spoil {
    my ($self, $link, @mode) = @_;

    $self->{$link eq 'fp' ? 'door' : 'proxy'}->set($link, @mode);
    return;
}

# HOST:PORT of a simulator.
sub _authority {
    my ($self, $name) = @_;
    my ($authority) = $self->cp($name)->url =~ m{^http://([^/]+)};

    return $authority;
}

# A small disk of its own for Redis, so that it can be filled.  Only where we
# may; it ends with the mount namespace that this program runs in.
sub _mount {
    my ($dir) = @_;

    return 0 unless $ENV{OSCP_TORTURE_PRIVATE};
    return system('mount', '-t', 'tmpfs', '-o', 'size=1g', 'oscp-torture',
        $dir) == 0;
}

sub _http {
    my ($self) = @_;
    my $dir = $self->{dir};
    my @connections;

    for my $conn (@OSCP::Torture::Schedule::CONNECTIONS) {
        my $port = $self->{proxy}->port($conn->{name});
        my $groups = join "\n        ", map {
            "group $_->{group} scope=$_->{scope} circuit=$_->{circuit}"
                . ' rated=' . RATED . 'W'
                . (defined $_->{safe} ? " safe_default=$_->{safe}W" : '') . ';'
        } grep { $_->{conn} eq $conn->{name} } groups();
        push @connections, <<"CONF";
    oscp_connection $conn->{name} {
        profile $conn->{profile};
        peer http://127.0.0.1:$port/oscp/cp/2.0;
        accept token file=$dir/in.token;
        present token file=$dir/out.token;
        measurement_window @{[OSCP::Torture::Windows::LENGTH / 1000]}s;
        measurement_grace @{[OSCP::Torture::Windows::GRACE]}s;
        compliance_grace @{[COMPLIANCE]}s;
        heartbeat_interval @{[INTERVAL]}s;
        handshake_timeout 5s;
        initiate_handshake on;
        $groups
    }
CONF
    }
    return <<"CONF" . join '', @connections;
log_format stored '\$msec \$status \$oscp_result \$oscp_connection'
        ' \$oscp_message \$http_x_request_id \$oscp_entry_id';
    oscp_shards @{[SHARDS]};
    oscp_redis unix:$dir/nginx.sock user=oscp-nginx
        password_file=$dir/oscp-nginx.password;
CONF
}

# What a simulator must know, each time it was started.
sub tell_cp {
    my ($self, $name) = @_;
    my $dir = $self->{dir};
    my ($conn) = grep { $_->{name} eq $name }
        @OSCP::Torture::Schedule::CONNECTIONS;

    $self->cp($name)->command("profile $conn->{profile}",
        'peer ' . $self->door_url . "/$name",
        "present token-file=$dir/in.token", "accept token-file=$dir/out.token",
        'require interval=' . INTERVAL, 'handshake timeout=2s nowait');
    return;
}

sub start_worker {
    my ($self, $name) = @_;

    $self->worker($name)->restart;
    $self->note(what => 'started', part => $name,
        pid => $self->worker($name)->pid);
    return;
}

# The worker processes of nginx go with their master: what a service manager
# does for them.
sub kill_nginx {
    my ($self) = @_;
    my @children = $self->nginx->children;

    $self->nginx->process->stop('KILL');
    kill 'KILL', @children;
    return;
}

# By how much the workers' clock is off, from now on.
sub step_clock {
    my ($self, $ms) = @_;

    $self->file('clock', "$ms\n");
    $self->note(what => 'clock', offset_ms => $ms);
    $_->process->signal('USR2') for $self->workers;
    return;
}

# Ends everything; what did not end well is returned, name → wait status.
sub stop {
    my ($self) = @_;
    my %status;

    $status{$_->{name}} = $_->stop for $self->workers,
        values %{$self->{cps} // {}};
    $status{nginx} = $self->nginx->stop if $self->nginx;
    $status{redis} = $self->redis->stop if $self->redis;
    $_->stop for grep { defined } @$self{qw(proxy door)};
    return map { $status{$_} ? ($_ => $status{$_}) : () } keys %status;
}

# Redis's files are on a disk that goes with us.
sub keep {
    my ($self) = @_;

    return unless $self->{tmpfs};
    system 'sh', '-c', 'cp -r "$0/redis" "$0/redis.kept" 2>/dev/null',
        $self->{dir};
    return;
}

sub remove {
    my ($self) = @_;

    $self->_unmount;
    remove_tree($self->{dir});
    return;
}

sub DESTROY {
    my ($self) = @_;

    return unless $self->{owner} == $$;
    local ($?, $!, $@);
    eval { $self->stop };
    $self->_unmount;
    return;
}

sub _unmount {
    my ($self) = @_;

    system 'sh', '-c', 'umount "$0" 2>/dev/null', "$self->{dir}/redis"
        if delete $self->{tmpfs};
    return;
}

1;
