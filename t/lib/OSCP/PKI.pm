# Certificate authorities and certificates for a test, made with openssl.

package OSCP::PKI;

use strict;
use warnings;

use File::Temp qw(tempdir);

sub new {
    my ($class) = @_;

    return bless { dir => tempdir(CLEANUP => 1) }, $class;
}

sub ca {
    my ($self, $name) = @_;

    return "$self->{dir}/$name.crt";
}

# openssl is talkative even when all is well.
sub _openssl {
    my ($self, @words) = @_;
    my $log = "$self->{dir}/openssl.log";
    my $pid = fork() // die "fork: $!";

    if ($pid == 0) {
        open STDOUT, '>>', $log;
        open STDERR, '>&', \*STDOUT;
        exec 'openssl', @words;
        die "openssl: $!";
    }
    waitpid $pid, 0;
    die "openssl @words: see $log" if $?;
    return;
}

sub authority {
    my ($self, $name) = @_;
    my $base = "$self->{dir}/$name";

    $self->_openssl('req', '-x509', '-newkey', 'ec', '-pkeyopt',
        'ec_paramgen_curve:P-256', '-nodes', '-days', '2', '-subj',
        "/CN=$name", '-keyout', "$base.key", '-out', "$base.crt");
    return $self;
}

# A certificate of the authority `ca` for `san`; returns an address for the
# simulator to listen at with it.
sub certificate {
    my ($self, $ca, $name, $san) = @_;
    my $base = "$self->{dir}/$name";

    open my $fh, '>', "$base.ext" or die $!;
    print {$fh} "subjectAltName=$san\n";
    close $fh or die $!;
    $self->_openssl('req', '-newkey', 'ec', '-pkeyopt',
        'ec_paramgen_curve:P-256', '-nodes', '-subj', "/CN=$name", '-keyout',
        "$base.key", '-out', "$base.csr");
    $self->_openssl('x509', '-req', '-in', "$base.csr", '-CA',
        "$self->{dir}/$ca.crt", '-CAkey', "$self->{dir}/$ca.key",
        '-CAcreateserial', '-days', '2', '-extfile', "$base.ext", '-out',
        "$base.crt");
    return "https://127.0.0.1:0?cert=$base.crt&key=$base.key";
}

1;
