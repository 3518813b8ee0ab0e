# The daemon oscp-worker under test; any number of them.

package OSCP::Worker;

use strict;
use warnings;

use OSCP::Process qw(memcheck sanitized wait_for);

# new(dir =>, build =>, redis => ADDRESS, name => 'worker', arguments => [],
#     program => 'oscp-worker')
sub new {
    my ($class, %o) = @_;

    return bless { name => 'worker', arguments => [],
        program => 'oscp-worker', %o }, $class;
}

sub start {
    my ($self) = @_;
    my $binary = "$self->{build}/$self->{program}";
    my %env;

    if (sanitized($binary)) {
        $env{ASAN_OPTIONS} = 'detect_leaks=1:exitcode=99';
        $env{UBSAN_OPTIONS} = 'print_stacktrace=1';
    }
    $self->{from} = -s "$self->{dir}/$self->{name}.log" // 0;
    $self->{process} = OSCP::Process->start(name => $self->{name},
        env => \%env, log => "$self->{dir}/$self->{name}.log",
        argv => [memcheck($self->{dir}, $binary, '--redis', $self->{redis},
            @{$self->{arguments}})]);
    return $self;
}

sub process {
    my ($self) = @_;

    return $self->{process};
}

sub pid {
    my ($self) = @_;

    return $self->{process}->pid;
}

# Kills it and waits for its end, without a word to anyone.
sub kill {
    my ($self, $signal) = @_;

    $self->{process}->stop($signal // 'KILL');
    $self->{killed} = 1;
    return;
}

# Ends it as an operator does.  Returns its wait status.
sub stop {
    my ($self) = @_;

    return 0 if !$self->{process} || $self->{killed};
    return $self->{process}->stop('TERM');
}

sub restart {
    my ($self) = @_;

    delete $self->{killed};
    return $self->start;
}

sub log_text {
    my ($self) = @_;

    return $self->{process} ? $self->{process}->log_text : '';
}

# Waits until it works for a shard, since it was started last.
sub wait_running {
    my ($self, $seconds) = @_;

    return wait_for(sub { $self->{process}->log_text($self->{from})
        =~ /info: running/ }, $seconds // 20);
}

1;
