# A private Redis on a unix socket, and a client that is quick enough to poll.

package OSCP::Redis;

use strict;
use warnings;

use Cwd qw(abs_path);
use File::Basename qw(dirname);
use IO::Socket::UNIX;

use OSCP::Process qw(wait_for);

# The users of conf/, with passwords that are their names backwards; the harness
# itself stays the default user.
my $USERS = dirname(abs_path(__FILE__)) . '/../../../conf/redis-users.conf';

# new(dir =>, appendfsync => 'always' | 'everysec' | undef for no AOF)
sub new {
    my ($class, %o) = @_;

    return bless { %o, socket => "$o{dir}/redis.sock" }, $class;
}

sub socket {
    my ($self) = @_;

    return $self->{socket};
}

sub start {
    my ($self) = @_;
    my $dir = $self->{dir};
    my $fsync = $self->{appendfsync};

    unlink $self->{socket};
    mkdir "$dir/redis";
    $self->{process} = OSCP::Process->start(name => 'redis',
        log => "$dir/redis.log", argv => ['redis-server', $self->_users, '--port', '0',
            '--unixsocket', $self->{socket}, '--unixsocketperm', '777',
            '--dir', "$dir/redis", '--save', '', '--daemonize', 'no',
            $fsync ? ('--appendonly', 'yes', '--appendfsync', $fsync) : ()]);
    wait_for(sub { eval { $self->command('PING') eq 'PONG' } }, 10)
        or die 'Redis does not start: ' . $self->{process}->log_text;
    return $self;
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

sub password {
    my ($user) = @_;

    return 'redis-password-' . reverse $user;
}

sub process {
    my ($self) = @_;

    return $self->{process};
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
        syswrite($fh, $text) == length $text or die "write: $!\n";
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
