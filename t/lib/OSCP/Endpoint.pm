# A token endpoint that answers what a test says, to the byte.

package OSCP::Endpoint;

use strict;
use warnings;

use IO::Socket::INET;
use POSIX ();
use Time::HiRes qw(sleep);

# new(dir =>): serves at once; the answer is to be set before it is needed.
sub new {
    my ($class, %o) = @_;
    my $self = bless { %o, owner => $$ }, $class;
    my $socket = IO::Socket::INET->new(LocalAddr => '127.0.0.1',
        LocalPort => 0, Listen => 20) or die "no free port: $!";

    $self->{url} = 'http://127.0.0.1:' . $socket->sockport . '/token';
    $self->{pid} = fork() // die "fork: $!";
    if ($self->{pid} == 0) {
        $SIG{TERM} = 'DEFAULT';
        $SIG{$_} = 'IGNORE' for qw(PIPE CHLD);
        $self->_serve($socket) while getppid() == $self->{owner};
        POSIX::_exit(0);
    }
    close $socket;
    return $self;
}

sub url { return $_[0]{url} }

sub _serve {
    my ($self, $socket) = @_;
    my $client = $socket->accept or return;
    my ($request, $len) = ('', 0);

    while (defined(my $line = <$client>)) {
        $request .= $line;
        $len = $1 if $line =~ /^content-length: *(\d+)/i;
        last if $line eq "\r\n";
    }
    read $client, my($body), $len;
    open my $log, '>>', "$self->{dir}/asked" or POSIX::_exit(1);
    print {$log} $request, $body, "\0";
    close $log;
    my ($delay, $answer) = split /\n/, _slurp("$self->{dir}/answer"), 2;
    # Who must wait holds up nobody else.
    return if $delay && fork();
    sleep $delay;
    print {$client} $answer;
    close $client;
    POSIX::_exit(0) if $delay;
    return;
}

sub _slurp {
    my ($file) = @_;

    open(my $fh, '<:raw', $file) or return '';
    local $/;
    return scalar(<$fh>) // '';
}

# Every request from now on gets this; `delay` seconds later.
sub answer {
    my ($self, $status, $body, %o) = @_;
    my $more = $o{header} ? "$o{header}\r\n" : '';

    open my $fh, '>', "$self->{dir}/answer.new" or die $!;
    print {$fh} $o{delay} // 0, "\nHTTP/1.1 $status Said\r\n${more}"
        . 'Content-Length: ' . length($body) . "\r\nConnection: close\r\n\r\n"
        . $body;
    close $fh or die $!;
    rename "$self->{dir}/answer.new", "$self->{dir}/answer" or die $!;
    return;
}

# The requests so far, as they came.
sub asked {
    my ($self) = @_;

    return split /\0/, _slurp("$self->{dir}/asked");
}

sub DESTROY {
    my ($self) = @_;

    return unless $self->{owner} == $$;
    local ($?, $!);
    kill 'TERM', $self->{pid};
    waitpid $self->{pid}, 0;
    return;
}

1;
