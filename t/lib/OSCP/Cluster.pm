# A Redis Cluster; used in place of an OSCP::Redis: each command goes to the
# node that has its key's slot.
#
#   my $redis = OSCP::Cluster->start(dir => DIR, replicas => 1);
#   $redis->address;                    # cluster:127.0.0.1:PORT,…
#   my $node = $redis->node_of('oscp:{1}:lease');
#   $redis->move('oscp:{1}:lease', $other);

package OSCP::Cluster;

use strict;
use warnings;

use parent -norequire, 'OSCP::Redis';

use OSCP::Process qw(slow wait_for);
use OSCP::Redis;

use constant {
    SLOTS      => 16384,
    REDIRECTS  => 20,
};

# start(OPTIONS)
#   dir          where all their files are
#   masters      how many, 3
#   replicas     of each, 0
#   timeout_ms   when a silent node is taken for dead, 2000
#   arguments    further ones for every node
#   appendfsync  of every node; undef: no AOF
#   tls          as for OSCP::Redis: the nodes speak it among them as well
sub start {
    my ($class, %o) = @_;
    my $self = bless { masters => 3, replicas => 0, timeout_ms => 2000,
        arguments => [], %o }, $class;
    my $nodes = $self->{masters} * (1 + $self->{replicas});

    $self->{nodes} = [map { $self->_node($_) } 1 .. $nodes];
    $self->_meet;
    return $self;
}

sub _node {
    my ($self, $n) = @_;
    my $node = OSCP::Redis->new(dir => $self->{dir}, name => "node-$n",
        port => 1, appendfsync => $self->{appendfsync}, tls => $self->{tls},
        arguments => ['--cluster-enabled', 'yes', '--cluster-port',
            OSCP::Redis::free_port(), '--cluster-config-file', 'nodes.conf',
            '--cluster-node-timeout', $self->{timeout_ms} * slow(),
            '--cluster-announce-ip', '127.0.0.1',
            '--repl-diskless-sync-delay', 0,
            $self->{tls} ? ('--tls-cluster', 'yes') : (),
            @{$self->{arguments}}]);

    $node->start;
    $node->{id} = $node->command('CLUSTER', 'MYID');
    return $node;
}

sub _meet {
    my ($self) = @_;
    my ($first, @others) = @{$self->{nodes}};
    my @masters = @{$self->{nodes}}[0 .. $self->{masters} - 1];
    my ($bus) = $first->command('CLUSTER', 'NODES') =~ /\@(\d+)/;

    for my $i (0 .. $#masters) {
        my ($from, $to) = map { int($_ * SLOTS / @masters) } $i, $i + 1;
        $masters[$i]->command('CLUSTER', 'ADDSLOTSRANGE', $from, $to - 1);
        $masters[$i]->command('CLUSTER', 'SET-CONFIG-EPOCH', $i + 1);
    }
    $_->command('CLUSTER', 'MEET', '127.0.0.1', $first->{port}, $bus)
        for @others;
    $self->_wait_all(sub { $_[0]->command('CLUSTER', 'INFO')
        =~ /^cluster_known_nodes:(\d+)/m && $1 == @{$self->{nodes}} })
        or die "the nodes do not meet\n";
    for my $i ($self->{masters} .. $#{$self->{nodes}}) {
        my $node = $self->{nodes}[$i];
        my $id = $masters[$i % @masters]{id};
        wait_for(sub { eval { $node->command('CLUSTER', 'REPLICATE', $id) } },
            10) or die "no replica\n";
    }
    $self->wait_ok or die "the cluster is not up\n";
    return;
}

sub _wait_all {
    my ($self, $check, $seconds) = @_;

    return wait_for(sub { !grep { !eval { $check->($_) } }
        grep { $_->process->alive } @{$self->{nodes}} }, $seconds // 20);
}

# Waits until all living nodes find all slots served, and replicas are linked.
sub wait_ok {
    my ($self) = @_;

    return $self->_wait_all(sub {
        my $role = $_[0]->command('ROLE');
        $_[0]->command('CLUSTER', 'INFO') =~ /^cluster_state:ok/m
            && ($role->[0] eq 'master' || $role->[3] eq 'connected');
    });
}

sub address {
    my ($self) = @_;

    return 'cluster:'
        . join ',', map { "127.0.0.1:$_->{port}" } @{$self->{nodes}};
}

sub nodes { return @{$_[0]{nodes}} }

sub _alive {
    my ($self) = @_;
    my ($node) = grep { $_->process->alive } @{$self->{nodes}};

    return $node // die "no node lives\n";
}

sub slot {
    my ($self, $key) = @_;

    return $self->_alive->command('CLUSTER', 'KEYSLOT', $key);
}

# Nodes that speak TLS have no other port to tell of.
sub _named {
    my ($self, $id) = @_;
    my ($node) = grep { $_->{id} eq $id } @{$self->{nodes}};

    return $node // die "no node $id\n";
}

sub _at {
    my ($self, $port) = @_;
    my ($node) = grep { $_->{port} == $port } @{$self->{nodes}};

    return $node // die "no node at $port\n";
}

# The node that serves a key, as a living one sees it.
sub node_of {
    my ($self, $key) = @_;

    return $self->_named(_owner($self->_alive, $self->slot($key)));
}

# The id of the node that serves a slot, as `node` sees it.
sub _owner {
    my ($node, $slot) = @_;
    my ($range) = grep { $_->[0] <= $slot && $slot <= $_->[1] }
        @{$node->command('CLUSTER', 'SLOTS')};

    return $range->[2][2];
}

# Moves the slot of a key, with all its keys, to another master.  `during` is
# called in the middle, when some keys are there and some are not.
sub move {
    my ($self, $key, $to, $during) = @_;
    my $slot = $self->slot($key);
    my $from = $self->node_of($key);
    my @setslot = ('CLUSTER', 'SETSLOT', $slot);

    $to->command(@setslot, 'IMPORTING', $from->{id});
    $from->command(@setslot, 'MIGRATING', $to->{id});
    my @keys = @{$from->command('CLUSTER', 'GETKEYSINSLOT', $slot, 10000)};
    for my $i (0 .. $#keys) {
        $during->() if $during && $i == int @keys / 2;
        $from->command('MIGRATE', '127.0.0.1', $to->{port}, $keys[$i], 0,
            5000);
    }
    while (@keys = @{$from->command('CLUSTER', 'GETKEYSINSLOT', $slot, 100)}) {
        $from->command('MIGRATE', '127.0.0.1', $to->{port}, '', 0, 5000,
            'KEYS', @keys);
    }
    $_->command(@setslot, 'NODE', $to->{id}) for $to, $from;
    # The others hear of it by and by.  A replica that has not is no successor:
    # it would claim the slot for its master, and be refused.
    $self->_wait_all(sub { _owner($_[0], $slot) eq $to->{id} })
        or die "$key: the move is not known\n";
    return;
}

# command(WORDS): the key is the first word behind the command, in EVAL the
# third; where there is none, any node will do.
sub command {
    my ($self, @words) = @_;
    my $key = $words[0] =~ /^EVAL/ ? $words[3] : $words[1];
    my $node = defined $key ? $self->node_of($key) : $self->_alive;

    for (1 .. REDIRECTS) {
        my $reply = eval { $node->command(@words) };
        return $reply if !$@;
        my ($ask, $port) = $@ =~ /^redis: (MOVED|ASK) \d+ \S*:(\d+)/
            or die $@;
        $node = $self->_at($port);
        $node->command('ASKING') if $ask eq 'ASK';
    }
    die "too many redirections\n";
}

# All processes, for whoever ends them.
sub processes {
    my ($self) = @_;

    return map { $_->process // () } $self->nodes;
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
