# A master, its replicas, and the sentinels that watch them; used in place of
# an OSCP::Redis: commands go to whoever is the master.
#
#   my $redis = OSCP::Sentinel->start(dir => DIR, replicas => 1);
#   $redis->address;                # sentinel:main@127.0.0.1:PORT,…
#   $redis->master->process->stop('KILL');
#   $redis->wait_failover($old);

package OSCP::Sentinel;

use strict;
use warnings;

use parent -norequire, 'OSCP::Redis';

use OSCP::Process qw(slow wait_for);
use OSCP::Redis;

use constant MASTER => 'main';

# start(OPTIONS)
#   dir            where all their files are
#   replicas       how many, 1
#   sentinels      how many, 3
#   down_after_ms  when a silent server is taken for dead, 1500
#   arguments      further ones for every server
#   appendfsync    of every server; undef: no AOF
#   tls            as for OSCP::Redis: everybody speaks it to everybody
sub start {
    my ($class, %o) = @_;
    my $self = bless { replicas => 1, sentinels => 3, down_after_ms => 1500,
        arguments => [], %o }, $class;

    $self->{servers} = [];
    $self->_server($_) for 1 .. 1 + $self->{replicas};
    $self->{watchers} = [map { $self->_sentinel($_) } 1 .. $self->{sentinels}];
    $self->_settled or die "the sentinels do not agree\n";
    return $self;
}

sub _server {
    my ($self, $n) = @_;
    my $master = $self->{servers}[0];

    push @{$self->{servers}}, OSCP::Redis->new(dir => $self->{dir},
        name => "redis-$n", port => 1, appendfsync => $self->{appendfsync},
        tls => $self->{tls}, arguments => ['--repl-diskless-sync-delay', 0,
            $self->{tls} ? ('--tls-replication', 'yes') : (),
            $master ? ('--replicaof', "127.0.0.1 $master->{port}") : (),
            @{$self->{arguments}}])->start;
    return;
}

# A sentinel rewrites its own configuration.
sub _sentinel {
    my ($self, $n) = @_;
    my $port = OSCP::Redis::free_port();
    my ($dir, $name) = ($self->{dir}, "sentinel-$n");
    my $quorum = int($self->{sentinels} / 2) + 1;
    my $down = $self->{down_after_ms} * slow();
    my $timeout = 2 * $down;
    my $listen = join "\n", _listen($port, $self->{tls});

    open my $fh, '>', "$dir/$name.conf" or die "$dir/$name.conf: $!";
    print {$fh} <<"CONF";
$listen
bind 127.0.0.1
unixsocket $dir/$name.sock
dir $dir
sentinel monitor ${\MASTER} 127.0.0.1 $self->{servers}[0]{port} $quorum
sentinel down-after-milliseconds ${\MASTER} $down
sentinel failover-timeout ${\MASTER} $timeout
CONF
    close $fh or die $!;

    my $sentinel = bless { name => $name, dir => $dir, port => $port,
        socket => "$dir/$name.sock" }, 'OSCP::Redis';
    $sentinel->{process} = OSCP::Process->start(name => $name,
        log => "$dir/$name.log",
        argv => ['redis-server', "$dir/$name.conf", '--sentinel']);
    wait_for(sub { eval { $sentinel->command('PING') eq 'PONG' } }, 10)
        or die "$name does not start: " . $sentinel->{process}->log_text;
    return $sentinel;
}

sub _listen {
    my ($port, $tls) = @_;

    return "port $port" if !$tls;
    return ('port 0', "tls-port $port", "tls-cert-file $tls->{cert}",
        "tls-key-file $tls->{key}", "tls-ca-cert-file $tls->{ca}",
        'tls-auth-clients no', 'tls-replication yes');
}

# Everybody knows everybody, and the replicas have all data.
sub _settled {
    my ($self) = @_;

    return wait_for(sub {
        !grep { my %m = @{$_->command('SENTINEL', 'MASTER', MASTER)};
            $m{'num-slaves'} < $self->{replicas}
                || $m{'num-other-sentinels'} < $self->{sentinels} - 1
        } @{$self->{watchers}};
    }, 20) && wait_for(sub {
        !grep { !replicating($_) } @{$self->{servers}}[1 .. $self->{replicas}];
    }, 20);
}

# Whether a server is a replica that is up to date.
sub replicating {
    my ($server) = @_;
    my $role = eval { $server->command('ROLE') } // [''];

    return $role->[0] eq 'slave' && $role->[3] eq 'connected';
}

sub address {
    my ($self) = @_;

    return 'sentinel:' . MASTER . '@'
        . join ',', map { "127.0.0.1:$_->{port}" } @{$self->{watchers}};
}

sub servers { return @{$_[0]{servers}} }
sub sentinels { return @{$_[0]{watchers}} }

# The server that the sentinels name, or undef.
sub master {
    my ($self) = @_;

    for my $sentinel (@{$self->{watchers}}) {
        my $at = eval { $sentinel->command('SENTINEL',
            'GET-MASTER-ADDR-BY-NAME', MASTER) } or next;
        my ($server) = grep { $_->{port} == $at->[1] } @{$self->{servers}};
        return $server if $server;
    }
    return undef;
}

# Waits until another server than `old` is the master and takes writes; returns
# it, or undef.
sub wait_failover {
    my ($self, $old, $seconds) = @_;

    return wait_for(sub {
        my $master = $self->master;
        $master && $master != $old
            && (eval { $master->command('ROLE')->[0] } // '') eq 'master'
            ? $master : undef;
    }, $seconds // 20);
}

# Starts a server that was ended, as a replica of the master: by themselves the
# sentinels take many seconds to make it one.
sub rejoin {
    my ($self, $server) = @_;

    push @{$server->{arguments}}, '--replicaof',
        '127.0.0.1 ' . $self->master->{port};
    return $server->start;
}

sub command {
    my ($self, @words) = @_;
    my $master = $self->master // die "no sentinel answers\n";

    return $master->command(@words);
}

# All processes, for whoever ends them.
sub processes {
    my ($self) = @_;

    return map { $_->process // () } $self->sentinels, $self->servers;
}

sub process {
    return undef;
}

# Ends all that still run; returns the first bad status.
sub stop {
    my ($self, $signal) = @_;
    my @bad = grep { $_ } map { $_->alive ? $_->stop($signal) : 0 }
        $self->processes;

    return $bad[0] // 0;
}

1;
