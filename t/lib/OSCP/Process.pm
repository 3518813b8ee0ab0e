# A process that a test started: it is stopped by its pid, and dies with the
# test whatever ends that.

package OSCP::Process;

use strict;
use warnings;

use Exporter qw(import);
use POSIX ();
use Time::HiRes qw(sleep time);

our @EXPORT_OK = qw(wait_for show_logs slow sanitized memcheck found);

use constant SHOWN => 40;       # lines of each log that a failure shows
use constant PAUSE_MAX => 0.04; # seconds between two looks at a state

# Every wait is that much longer where everything is slower.
my $SLOW = $ENV{OSCP_TEST_SLOW}
    // (($ENV{OSCP_BUILD} // '') =~ /asan/ ? 3 : 1);

sub slow {
    return $SLOW;
}

# wait_for(SUB, SECONDS): what SUB gives as soon as it is true, or undef when
# the time is over.  It looks often at first and then less often, for a look
# takes processor time from what is waited for.
sub wait_for {
    my ($check, $seconds) = @_;
    my $until = time() + ($seconds // 10) * $SLOW;
    my $pause = 0.005;

    while (1) {
        # The last look is behind the end, also of who was held up on the way.
        my $over = time() >= $until;
        my $result = $check->();
        return $result if $result;
        return undef if $over;
        sleep $pause;
        $pause *= 1.25 if $pause < PAUSE_MAX;
    }
}

# Shows, as diagnostics of a test that failed, the end of each log in `dir`.
sub show_logs {
    my ($dir) = @_;

    require Test::More;

    for my $file (glob "$dir/*.log") {
        open my $fh, '<', $file or next;
        my @lines = <$fh>;
        splice @lines, 0, @lines - SHOWN if @lines > SHOWN;
        Test::More::diag("--- $file\n", @lines) if @lines;
    }
    Test::More::diag("everything is in $dir");
    return;
}

# Whether a binary was built with AddressSanitizer.
sub sanitized {
    my ($file) = @_;

    open my $fh, '<:raw', $file or return 0;
    local $/;
    return <$fh> =~ /__asan_init/ ? 1 : 0;
}

# A program's words, in valgrind's hands where OSCP_VALGRIND names its
# suppressions; what it finds goes to a file of its own in `dir`.
sub memcheck {
    my ($dir, @words) = @_;
    my $suppressions = $ENV{OSCP_VALGRIND} // return @words;

    return (qw(valgrind -q --error-exitcode=99 --leak-check=full
        --errors-for-leak-kinds=definite --num-callers=25
        --child-silent-after-fork=no --keep-debuginfo=yes
        --show-leak-kinds=definite), "--suppressions=$suppressions",
        "--log-file=$dir/memcheck.%p.vg", @words);
}

# What valgrind has found there.
sub found {
    my ($dir) = @_;

    return map { open(my $fh, '<', $_) or die "$_: $!"; readline $fh }
        glob "$dir/*.vg";
}

# start(name =>, argv => [], log => FILE, env => {}): standard output and
# error go to the end of FILE; an env value of undef removes the variable.
sub start {
    my ($class, %o) = @_;
    my $pid = fork() // die "fork: $!";

    if ($pid == 0) {
        my %env = (%ENV, %{$o{env} // {}});
        %ENV = map { defined $env{$_} ? ($_ => $env{$_}) : () } keys %env;
        open STDIN, '<', '/dev/null';
        open STDOUT, '>>', $o{log} or POSIX::_exit(127);
        open STDERR, '>&', \*STDOUT;
        exec { 'setpriv' } 'setpriv', '--pdeathsig', 'TERM', '--',
            @{$o{argv}} or POSIX::_exit(127);
    }
    return bless { %o, pid => $pid, owner => $$ }, $class;
}

sub pid {
    my ($self) = @_;

    return $self->{pid};
}

# 1 while it runs; its wait status is kept once it does not.
sub alive {
    my ($self) = @_;

    return 0 if defined $self->{status};
    return 1 if waitpid($self->{pid}, POSIX::WNOHANG()) == 0;
    $self->{status} = $?;
    return 0;
}

sub signal {
    my ($self, $signal) = @_;

    return $self->alive ? kill($signal, $self->{pid}) : 0;
}

# Sends a signal and waits for the end: SIGKILL after `seconds`.  Returns the
# wait status: 0 for a clean end.
sub stop {
    my ($self, $signal, $seconds) = @_;

    return $self->{status} if !$self->alive;
    kill $signal // 'TERM', $self->{pid};
    if (!wait_for(sub { !$self->alive }, $seconds // 10)) {
        kill 'KILL', $self->{pid};
        waitpid $self->{pid}, 0;
        $self->{status} = $?;
    }
    return $self->{status};
}

# The log, from `offset` bytes on.
sub log_text {
    my ($self, $offset) = @_;

    open my $fh, '<', $self->{log} or return '';
    seek $fh, $offset // 0, 0;
    local $/;
    return scalar(<$fh>) // '';
}

sub DESTROY {
    my ($self) = @_;

    return unless ($self->{owner} // 0) == $$;
    local ($?, $!, $@);
    $self->stop('KILL') if !defined $self->{status};
}

1;
