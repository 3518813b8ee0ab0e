# The operator's command oscpctl under test.
#
#   my $ctl = OSCP::Ctl->new(build => DIR, redis => ADDRESS);
#   my ($status, $out, $err) = $ctl->run('status');
#   my $document = $ctl->json('explain', 'depot-1');

package OSCP::Ctl;

use strict;
use warnings;

use File::Temp qw(tempfile);
use JSON::PP qw(decode_json);
use Test::More;

# It is about noon there when a test begins: what lies some minutes away is of
# the same day, and is told without a date.
use constant ZONE => sprintf 'XXX%+d', (gmtime)[2] - 12;

# What the sanitizers end a program with: no exit status of its own.
use constant SANITIZER => 99;

# new(build => DIR, redis => ADDRESS, arguments => [], env => {})
sub new {
    my ($class, %o) = @_;

    return bless { arguments => [], env => {}, %o,
        program => "$o{build}/oscpctl" }, $class;
}

# Of the Redis and the build of an OSCP::Direct or OSCP::Stack.
sub of {
    my ($class, $part, %o) = @_;

    return $class->new(build => $part->{build},
        redis => $part->redis->address, %o);
}

sub words {
    my ($self, @words) = @_;

    return ($self->{program},
        defined $self->{redis} ? ('--redis', $self->{redis}) : (),
        @{$self->{arguments}}, @words);
}

# Starts it, with standard output and error in files; returns a handle for
# end().  The time zone is ZONE unless `env` has another.
sub begin {
    my ($self, @words) = @_;
    my ($out, $out_name) = tempfile(UNLINK => 1);
    my ($err, $err_name) = tempfile(UNLINK => 1);
    my $pid = fork() // die "fork: $!";

    if ($pid == 0) {
        my %env = (%ENV, TZ => ZONE, ASAN_OPTIONS =>
            'detect_leaks=1:exitcode=' . SANITIZER, UBSAN_OPTIONS =>
            'print_stacktrace=1', %{$self->{env}});
        %ENV = map { defined $env{$_} ? ($_ => $env{$_}) : () } keys %env;
        open STDIN, '<', '/dev/null';
        open STDOUT, '>&', $out;
        open STDERR, '>&', $err;
        my @argv = $self->words(@words);
        exec { $argv[0] } @argv or POSIX::_exit(127);
    }
    return { pid => $pid, out => $out, err => $err };
}

sub _text {
    my ($fh) = @_;

    seek $fh, 0, 0;
    local $/;
    return scalar(<$fh>) // '';
}

# What it has printed so far.
sub printed {
    my ($self, $run) = @_;

    return _text($run->{out});
}

# Waits for its end; returns exit status, standard output, standard error.
sub end {
    my ($self, $run) = @_;

    waitpid $run->{pid}, 0;
    my $status = $? & 127 ? 128 + ($? & 127) : $? >> 8;
    my ($out, $err) = map { _text($run->{$_}) } qw(out err);
    if ($err =~ /Sanitizer|runtime error:/) {
        fail('no sanitizer report');
        diag($err);
    }
    return ($status, $out, $err);
}

sub run {
    my ($self, @words) = @_;

    return $self->end($self->begin(@words));
}

# Its text with wrapped lines joined: what it says, wherever lines break.
sub text {
    my ($self, @words) = @_;
    my ($status, $out, $err) = $self->run(@words);

    is($status, 0, "oscpctl @words") or diag($err);
    return join ' ', split /\s+/, $out;
}

# The document that --json gives.
sub json {
    my ($self, @words) = @_;
    my ($status, $out, $err) = $self->run(@words, '--json');

    if ($status != 0) {
        fail("oscpctl @words --json: $status");
        diag($err);
        return {};
    }
    return decode_json($out);
}

1;
