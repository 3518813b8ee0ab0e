# Failing allocations for programs under test: t/fail/failing_malloc.c,
# preloaded, steered while they run.
#
#   my $fail = OSCP::Fail->new(dir => DIR);
#   local %ENV = (%ENV, $fail->env);         # for what is started
#   $fail->arm(17, pid => PID);
#   $fail->disarm; $fail->read->{failed};

package OSCP::Fail;

use strict;
use warnings;

use Cwd qw(abs_path);
use File::Basename qw(dirname);

my $SOURCE = dirname(abs_path(__FILE__)) . '/../../fail/failing_malloc.c';
my @FIELDS = qw(fail_at pid lasting calls failed live);

sub new {
    my ($class, %o) = @_;
    my $self = bless { %o }, $class;
    my ($library, $control) = $self->_files;

    system('cc', qw(-Wall -Wextra -Werror -O2 -shared -fPIC -o), $library,
        $SOURCE) == 0 or die 'failing_malloc does not compile';
    open my $fh, '>', $control or die "$control: $!";
    syswrite $fh, pack 'q<*', (0) x @FIELDS;
    close $fh or die $!;
    return $self;
}

sub _files {
    my ($self) = @_;

    return map { "$self->{dir}/$_" } qw(failing_malloc.so fail.control);
}

sub env {
    my ($self) = @_;
    my ($library, $control) = $self->_files;

    return (LD_PRELOAD => $library, OSCP_FAIL_CONTROL => $control);
}

# Those fields that are not counted over there.
sub _write {
    my ($self, @values) = @_;
    my ($library, $control) = $self->_files;

    open my $fh, '+<', $control or die "$control: $!";
    syswrite $fh, pack 'q<*', @values;
    close $fh or die $!;
    return;
}

# From now on the process counts (pid 0: any), and its Nth allocation fails;
# lasting => 1: and all behind it.  `n` 0 only counts.
sub arm {
    my ($self, $n, %o) = @_;

    $self->_write($n, $o{pid} // 0, $o{lasting} // 0, 0);
    return;
}

# Nothing fails any more; who counts goes on counting.
sub disarm {
    my ($self) = @_;

    $self->_write(0);
    return;
}

# The backtrace of the last crash, which is forgotten with this.
sub crash {
    my ($self) = @_;
    my $file = ($self->_files)[1] . '.crash';

    open my $fh, '<', $file or return '';
    my $text = do { local $/; readline $fh };
    unlink $file;
    return $text // '';
}

sub read {
    my ($self) = @_;
    my ($library, $control) = $self->_files;

    open my $fh, '<:raw', $control or die "$control: $!";
    sysread $fh, my($bytes), 8 * @FIELDS;
    my %values;
    @values{@FIELDS} = unpack 'q<*', $bytes;
    return \%values;
}

1;
