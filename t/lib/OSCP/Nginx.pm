# A real nginx with the module, on a port of its own.

package OSCP::Nginx;

use strict;
use warnings;

use IO::Socket::INET;

use OSCP::Process qw(memcheck sanitized slow wait_for);

use constant {
    PORT_TRIES => 10,
    OLD_WORKERS => 3,        # s that old ones may take to leave
};

# new(dir =>, build =>, http => directives of http {}, server => of server {},
#     workers => 1, level => log level, modules => further ones to load,
#     top => directives outside of all blocks,
#     daemon => 'on' for a master that lets its binary be replaced: it is
#     nobody's child then, and its starter has to end it)
sub new {
    my ($class, %o) = @_;

    return bless { workers => 1, level => 'info', http => '', server => '',
        top => '', daemon => 'off',
        module => "$o{build}/ngx_http_oscp_module.so", %o }, $class;
}

sub port {
    my ($self) = @_;

    return $self->{port};
}

sub url {
    my ($self, $path) = @_;

    return "http://127.0.0.1:$self->{port}" . ($path // '');
}

sub error_log {
    my ($self) = @_;

    return "$self->{dir}/error.log";
}

# Writes nginx.conf anew; `http` and `server` may have been changed.
sub configure {
    my ($self, %o) = @_;
    my $dir = $self->{dir};
    my $user = $> == 0 ? 'user root;' : '';
    my $modules = join "\n", map { "load_module $_;" }
        grep { defined } $self->{module}, @{$self->{modules} // []};
    my $temp = join "\n    ", map { "${_}_temp_path $dir/$_;" }
        qw(client_body proxy fastcgi uwsgi scgi);

    $self->{$_} = $o{$_} for keys %o;
    open my $fh, '>', "$dir/nginx.conf" or die "$dir/nginx.conf: $!";
    print {$fh} <<"CONF";
daemon $self->{daemon};
$user
worker_processes $self->{workers};
pid $dir/nginx.pid;
error_log $dir/error.log $self->{level};
$modules
$self->{top}
events { worker_connections 512; }
http {
    access_log $dir/access.log;
    $temp
    $self->{http}
    server {
        listen 127.0.0.1:$self->{port};
        $self->{server}
    }
}
CONF
    close $fh or die $!;
    return $self;
}

# The port is free when it is chosen; if another process takes it before
# nginx does, the next one is tried.
sub start {
    my ($self) = @_;

    for (1 .. PORT_TRIES) {
        $self->{port} //= _free_port();
        $self->configure;
        my $offset = -s $self->error_log // 0;
        $self->_spawn;
        return $self if wait_for(sub { $self->_serving
            || !$self->{process}->alive }, 20) && $self->{process}->alive;
        my $text = $self->log_text($offset) . $self->{process}->log_text;
        $self->{process}->stop;
        die "nginx does not start: $text"
            unless $text =~ /Address already in use/;
        # Another one's port is no fault of this run.
        truncate $self->error_log, 0;
        delete $self->{port};
    }
    die 'nginx does not start: no free port';
}

sub _free_port {
    my $socket = IO::Socket::INET->new(LocalAddr => '127.0.0.1',
        LocalPort => 0, Listen => 1) or die "no free port: $!";

    return $socket->sockport;
}

sub _spawn {
    my ($self) = @_;
    my $dir = $self->{dir};
    # nginx takes a variable NGINX for a list of inherited sockets.
    my $binary = $ENV{NGINX} // '/usr/sbin/nginx';
    my %env = (NGINX => undef);

    if (defined $self->{module} && sanitized($self->{module})) {
        my @libraries = map { `gcc -print-file-name=$_` =~ s/\n//r }
            qw(libasan.so libubsan.so);
        $env{LD_PRELOAD} = join ' ', @libraries;
        $env{ASAN_OPTIONS} = 'detect_leaks=0:abort_on_error=0';
        $env{UBSAN_OPTIONS} = 'print_stacktrace=1';
    }
    $self->{process} = OSCP::Process->start(name => 'nginx', env => \%env,
        log => "$dir/nginx.out", argv => [memcheck($dir, $binary, '-p', $dir, '-e',
            $self->error_log, '-c', "$dir/nginx.conf")]);
    return;
}

sub _serving {
    my ($self) = @_;

    return -s "$self->{dir}/nginx.pid" && IO::Socket::INET->new(
        PeerAddr => '127.0.0.1', PeerPort => $self->{port});
}

sub process {
    my ($self) = @_;

    return $self->{process};
}

# Pids of the worker processes.
sub children {
    my ($self) = @_;
    my $pid = $self->{process}->pid;

    open my $fh, '<', "/proc/$pid/task/$pid/children" or return;
    return split ' ', scalar(<$fh>) // '';
}

# Reloads; returns when new workers serve (1) or undef after some seconds.  Old
# ones that have nothing left to do are gone by then, with the connections that
# they kept: a client that used one of those would have to try again.
sub reload {
    my ($self) = @_;
    my %old = map { $_ => 1 } $self->children;

    $self->{process}->signal('HUP');
    my $serves = wait_for(sub {
        my @new = grep { !$old{$_} } $self->children;
        @new >= $self->{workers};
    }, 10);
    wait_for(sub { !grep { $old{$_} } $self->children }, OLD_WORKERS)
        if $serves;
    return $serves;
}

sub stop {
    my ($self, $signal) = @_;

    return $self->{process} ? $self->{process}->stop($signal // 'QUIT') : 0;
}

sub log_text {
    my ($self, $offset) = @_;

    open my $fh, '<', $self->error_log or return '';
    seek $fh, $offset // 0, 0;
    local $/;
    return scalar(<$fh>) // '';
}

1;
