# A proxy between two parties, in a process of its own: it forwards bytes, and
# on demand it does what bad networks do.
#
#   my $proxy = OSCP::Torture::Proxy->start(w1 => ['/x/w1.sock', '/x/redis.sock'],
#       fp => ['127.0.0.1:0', '127.0.0.1:8080']);
#   $proxy->set(w1 => 'delay', 300);
#
# An address is HOST:PORT or the path of a unix socket; port 0: a free one.
#
#   pass            forward at once; what was held goes out
#   delay MS        every piece and every end waits so long
#   trickle N MS    N bytes per direction every MS
#   stall           nothing is read any more: the sockets fill
#   hold            what comes is kept, and goes out when the mode ends: late,
#                   also when the sender has gone
#   lose            as hold, and what was kept by then is never delivered
#   freeze          the connections that stand are dead without a word until the
#                   mode ends, and then cut; new ones pass
#   cut             every connection ends now, what is under way is lost
#   refuse          and new ones end at once

package OSCP::Torture::Proxy;

use strict;
use warnings;

use Errno qw(EAGAIN EINTR);
use IO::Handle;
use IO::Socket::INET;
use IO::Socket::UNIX;
use POSIX ();
use Socket qw(SOL_SOCKET SO_LINGER);
use Time::HiRes qw(time);

use constant {
    PIECE    => 65536,
    QUEUE    => 1 << 20,       # bytes held per direction before reading stops
    NEVER    => 9e15,
};

sub start {
    my ($class, %links) = @_;
    my %ports;
    my $self = bless { links => {} }, $class;

    for my $name (sort keys %links) {
        my ($from, $to) = @{$links{$name}};
        my $socket = _listen($from);
        $self->{links}{$name} = { name => $name, socket => $socket, to => $to,
            mode => 'pass', args => [] };
        $ports{$name} = $socket->sockport if $from !~ m{/};
    }
    pipe my $in, my $out or die "pipe: $!";
    $self->{ports} = \%ports;
    my $pid = fork() // die "fork: $!";
    if ($pid == 0) {
        close $out;
        $SIG{$_} = 'DEFAULT' for qw(INT TERM);
        $SIG{PIPE} = 'IGNORE';
        eval { $self->_serve($in) };
        print {*STDERR} "proxy: $@" if $@;
        POSIX::_exit(0);
    }
    close $in;
    delete $self->{links};
    $out->autoflush(1);
    @$self{qw(pid control owner)} = ($pid, $out, $$);
    return $self;
}

sub _listen {
    my ($address) = @_;
    my $socket;

    if ($address =~ m{/}) {
        unlink $address;
        $socket = IO::Socket::UNIX->new(Local => $address, Listen => 64);
        chmod 0777, $address;
    } else {
        $socket = IO::Socket::INET->new(LocalAddr => $address, Listen => 64,
            ReuseAddr => 1);
    }
    $socket or die "proxy: $address: $!\n";
    $socket->blocking(0);
    return $socket;
}

sub port {
    my ($self, $name) = @_;

    return $self->{ports}{$name};
}

sub set {
    my ($self, $name, @mode) = @_;

    local $SIG{PIPE} = 'IGNORE';
    print {$self->{control}} join(' ', $name, @mode) . "\n";
    return;
}

sub stop {
    my ($self) = @_;

    return unless $self->{pid} && $self->{owner} == $$;
    kill 'KILL', $self->{pid};
    waitpid delete $self->{pid}, 0;
    return;
}

sub DESTROY {
    my ($self) = @_;

    local ($?, $!, $@);
    $self->stop;
    return;
}

# The rest runs in the proxy's own process.

# Ends with the pipe that it is controlled by, however its parent ended.
sub _serve {
    my ($self, $control) = @_;
    my $orders = '';

    $control->blocking(0);
    while (1) {
        my ($read, $write, $wait) = $self->_interest($control);
        select $read, $write, undef, $wait;
        my $got = sysread $control, $orders, PIECE, length $orders;
        return if defined $got && $got == 0;
        while ($orders =~ s/^(\S+) (\S+) ?(.*)\n//) {
            $self->_order($self->{links}{$1}, $2, split / /, $3);
        }
        for my $link (values %{$self->{links}}) {
            $self->_accept($link);
            $self->_move($link, $_) for _alive($link);
        }
    }
}

# What to wait for, and how long at most.
sub _interest {
    my ($self, $control) = @_;
    my ($read, $write) = ('', '');
    my $now = time;
    my $wait = 1;

    vec($read, fileno $control, 1) = 1;
    for my $link (values %{$self->{links}}) {
        vec($read, fileno $link->{socket}, 1) = 1;
        for my $flow (map { @{$_->{flows}} } _alive($link)) {
            vec($read, fileno $flow->{from}, 1) = 1
                if !$flow->{ended} && $flow->{bytes} < QUEUE
                && $link->{mode} ne 'stall';
            my $first = $flow->{queue}[0] // next;
            my $due = _due($link, $flow, $first);
            if ($due <= $now) {
                vec($write, fileno $flow->{to}, 1) = 1;
            } elsif ($due - $now < $wait) {
                $wait = $due - $now;
            }
        }
    }
    return ($read, $write, $wait);
}

sub _alive {
    my ($link) = @_;

    return grep { !$_->{frozen} } values %{$link->{pairs}};
}

# When the first piece of a flow may go.
sub _due {
    my ($link, $flow, $piece) = @_;

    return NEVER if $link->{mode} =~ /^(?:hold|lose|stall)$/;
    my $due = $piece->[0];
    $due = $flow->{next} if $link->{mode} eq 'trickle' && $flow->{next} > $due;
    return $due;
}

sub _order {
    my ($self, $link, $mode, @args) = @_;
    my $before = $link->{mode};

    if ($before eq 'lose' || $mode =~ /^(?:cut|refuse)$/) {
        $self->_drop($link, $_) for values %{$link->{pairs}};
    }
    $self->_drop($link, $_) for grep { $_->{frozen} }
        values %{$link->{pairs}};
    if ($mode eq 'freeze') {
        $_->{frozen} = 1 for values %{$link->{pairs}};
    }
    @$link{qw(mode args)} = ($mode eq 'cut' ? 'pass' : $mode, \@args);
    if ($mode eq 'pass') {
        for my $flow (map { @{$_->{flows}} } values %{$link->{pairs}}) {
            $_->[0] = 0 for @{$flow->{queue}};
        }
    }
    return;
}

sub _accept {
    my ($self, $link) = @_;

    while (my $client = $link->{socket}->accept) {
        my $server = $link->{mode} eq 'refuse' ? undef : _connect($link->{to});
        if (!$server) {
            close $client;
            next;
        }
        $_->blocking(0) for $client, $server;
        my $pair = { id => ++$self->{count}, sockets => [$client, $server] };
        $pair->{flows} = [map { { from => $_->[0], to => $_->[1], queue => [],
            bytes => 0, next => 0 } } [$client, $server], [$server, $client]];
        $link->{pairs}{$pair->{id}} = $pair;
    }
    return;
}

# All are on this machine: either it can be connected to at once, or not.
sub _connect {
    my ($to) = @_;

    return $to =~ m{/} ? IO::Socket::UNIX->new(Peer => $to)
        : IO::Socket::INET->new(PeerAddr => $to, Timeout => 1);
}

sub _drop {
    my ($self, $link, $pair) = @_;

    for my $socket (@{$pair->{sockets}}) {
        # What was under way is lost: the end is abrupt.
        setsockopt $socket, SOL_SOCKET, SO_LINGER, pack 'll', 1, 0;
        close $socket;
    }
    delete $link->{pairs}{$pair->{id}};
    return;
}

sub _move {
    my ($self, $link, $pair) = @_;

    for my $flow (@{$pair->{flows}}) {
        _take($link, $flow);
        _give($link, $flow);
    }
    if (!grep { !$_->{closed} } @{$pair->{flows}}) {
        close $_ for @{$pair->{sockets}};
        delete $link->{pairs}{$pair->{id}};
    }
    return;
}

sub _take {
    my ($link, $flow) = @_;

    while (!$flow->{ended} && $flow->{bytes} < QUEUE
        && $link->{mode} ne 'stall')
    {
        my $got = sysread $flow->{from}, my $data, PIECE;
        return if !defined $got && ($! == EAGAIN || $! == EINTR);
        if ($flow->{deaf}) {
            $flow->{ended} = $flow->{closed} = 1 if !$got;
            next;
        }
        my $due = time + ($link->{mode} eq 'delay'
            ? $link->{args}[0] / 1000 : 0);
        if (!$got) {
            $flow->{ended} = 1;
            push @{$flow->{queue}}, [$due, undef];
            return;
        }
        push @{$flow->{queue}}, [$due, $data];
        $flow->{bytes} += $got;
    }
    return;
}

sub _give {
    my ($link, $flow) = @_;
    my $queue = $flow->{queue};

    while (@$queue && _due($link, $flow, $queue->[0]) <= time) {
        my $piece = $queue->[0];
        if (!defined $piece->[1]) {
            shutdown $flow->{to}, 1;
            $flow->{closed} = 1;
            shift @$queue;
            return;
        }
        my $size = length $piece->[1];
        if ($link->{mode} eq 'trickle') {
            my ($bytes, $ms) = @{$link->{args}};
            $size = $bytes if $bytes < $size;
            $flow->{next} = time + $ms / 1000;
        }
        my $sent = syswrite $flow->{to}, $piece->[1], $size;
        if (!defined $sent) {
            return if $! == EAGAIN || $! == EINTR;
            # Who has gone hears nothing, but what it said is on its way.
            @$flow{qw(deaf bytes queue)} = (1, 0, []);
            $flow->{closed} = $flow->{ended};
            return;
        }
        $flow->{bytes} -= $sent;
        substr $piece->[1], 0, $sent, '';
        shift @$queue if !length $piece->[1];
    }
    return;
}

1;
