# A private Redis on a unix socket, and a client that is quick enough to poll.

package OSCP::Redis;

use strict;
use warnings;

use Cwd qw(abs_path);
use File::Basename qw(dirname);
use IO::Socket::INET;
use IO::Socket::UNIX;

use OSCP::Process qw(wait_for);

# The users of conf/, with passwords that are their names backwards; the harness
# itself stays the default user.
my $USERS = dirname(abs_path(__FILE__)) . '/../../../conf/redis-users.conf';

# new(OPTIONS)
#   dir          where its files are
#   name         of its process, log and files, 'redis'
#   appendfsync  'always' | 'everysec' | 'no' | undef for no AOF
#   port         1: on a TCP port of its own as well
#   tls          { cert =>, key => }: that port speaks TLS and nothing else;
#                ca => checks other servers by it
#   arguments    further ones
sub new {
    my ($class, %o) = @_;
    my $self = bless { name => 'redis', arguments => [], %o }, $class;

    $self->{socket} = "$self->{dir}/$self->{name}.sock";
    $self->{port} = free_port() if $o{port};
    return $self;
}

sub socket {
    my ($self) = @_;

    return $self->{socket};
}

sub port {
    my ($self) = @_;

    return $self->{port};
}

# As the programs and oscp_redis take it.
sub address {
    my ($self) = @_;

    return "unix:$self->{socket}";
}

sub tcp_address {
    my ($self) = @_;

    return "127.0.0.1:$self->{port}";
}

# Below the ports that the kernel gives to outgoing connections, so that it
# stays free while its owner restarts.
sub free_port {
    for (1 .. 1000) {
        my $port = 10000 + int rand 20000;
        my $socket = IO::Socket::INET->new(LocalAddr => '127.0.0.1',
            LocalPort => $port, Listen => 1);
        return $port if $socket;
    }
    die 'no free port';
}

sub start {
    my ($self) = @_;
    my ($dir, $name, $fsync) = @{$self}{qw(dir name appendfsync)};

    unlink $self->{socket};
    mkdir "$dir/$name";
    $self->{process} = OSCP::Process->start(name => $name,
        log => "$dir/$name.log", argv => ['redis-server', $self->_users,
            $self->_listen, '--unixsocket', $self->{socket},
            '--unixsocketperm', '777', '--dir', "$dir/$name", '--save', '',
            '--daemonize', 'no',
            $fsync ? ('--appendonly', 'yes', '--appendfsync', $fsync) : (),
            @{$self->{arguments}}]);
    wait_for(sub { eval { $self->command('PING') eq 'PONG' } }, 10)
        or die 'Redis does not start: ' . $self->{process}->log_text;
    return $self;
}

sub _listen {
    my ($self) = @_;
    my $tls = $self->{tls};

    return ('--port', $self->{port} // 0, '--bind', '127.0.0.1') if !$tls;
    return ('--port', 0, '--bind', '127.0.0.1', '--tls-port', $self->{port},
        '--tls-cert-file', $tls->{cert}, '--tls-key-file', $tls->{key},
        $tls->{ca} ? ('--tls-ca-cert-file', $tls->{ca}) : (),
        '--tls-auth-clients', 'no');
}

# The file with the users, and beside it a password file for each.
sub _users {
    my ($self) = @_;
    my $dir = $self->{dir};

    open my $in, '<', $USERS or die "$USERS: $!";
    open my $out, '>', "$dir/redis-users.conf" or die $!;
    while (my $line = <$in>) {
        next if $line =~ /^user default/;
        if (my ($name) = $line =~ /^user (\S+)/) {
            my $password = password($name);
            $line =~ s/>CHANGE-ME\S*/>$password/ or die "$USERS: $name";
            open my $file, '>', "$dir/$name.password" or die $!;
            print {$file} "$password\n";
            close $file or die $!;
        }
        print {$out} $line;
    }
    close $out or die $!;
    return "$dir/redis-users.conf";
}

# The password of one of them.
sub password {
    my ($user) = @_;

    return 'redis-password-' . reverse $user;
}

sub process {
    my ($self) = @_;

    return $self->{process};
}

# All processes, for whoever ends them.
sub processes {
    my ($self) = @_;

    return $self->{process} // ();
}

sub stop {
    my ($self, $signal) = @_;

    delete $self->{fh};
    return $self->{process} ? $self->{process}->stop($signal) : 0;
}

sub restart {
    my ($self, $signal) = @_;

    $self->stop($signal);
    return $self->start;
}

# command(WORDS): the reply; a list as an array reference, nil as undef.
# Dies with Redis's error.
sub command {
    my ($self, @words) = @_;
    my $fh = $self->{fh} //= IO::Socket::UNIX->new(Peer => $self->{socket})
        // die "connect $self->{socket}: $!\n";
    my $text = '*' . @words . "\r\n"
        . join '', map { '$' . length($_) . "\r\n$_\r\n" } @words;
    my $reply = eval {
        local $SIG{PIPE} = 'IGNORE';
        local $SIG{ALRM} = sub { die "no answer from Redis\n" };
        alarm 20;
        (syswrite($fh, $text) // 0) == length $text or die "write: $!\n";
        my $got = _reply($fh);
        alarm 0;
        $got;
    };
    if ($@) {
        my $error = $@;
        alarm 0;
        delete $self->{fh} unless $error =~ /^redis: /;
        die $error;
    }
    return $reply;
}

sub _reply {
    my ($fh) = @_;
    my $line = do { local $/ = "\r\n"; readline $fh };

    die "connection lost\n" unless defined $line;
    $line =~ s/\r\n\z//;
    my $kind = substr $line, 0, 1, '';
    return $line if $kind eq '+' || $kind eq ':';
    return undef if $line eq '-1';
    if ($kind eq '$') {
        my $got = read $fh, my $data, $line + 2;
        die "connection lost\n" unless ($got // 0) == $line + 2;
        return substr $data, 0, $line;
    }
    if ($kind eq '*') {
        # All of it must be read before an error within may be thrown.
        my @items = map { my $item = eval { _reply($fh) }; [$item, $@] }
            1 .. $line;
        my ($bad) = grep { $_->[1] } @items;
        die $bad->[1] if $bad;
        return [map { $_->[0] } @items];
    }
    die "redis: $line\n";
}

# A hash's fields; empty when there is none.
sub hash {
    my ($self, $key) = @_;

    return { @{$self->command('HGETALL', $key)} };
}

# The entries of a stream after the id `after`, oldest first, each a hash of
# its fields and `id`.
sub stream {
    my ($self, $key, $after) = @_;
    my $list = $self->command('XRANGE', $key,
        defined $after ? "($after" : '-', '+');

    return map { { id => $_->[0], @{$_->[1]} } } @$list;
}

1;
