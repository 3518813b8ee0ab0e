#!/usr/bin/env perl
#
# Goal: build.sh does what it was told or says what it did not understand, and
# `install` puts everything where it is wanted, and nowhere else.

use strict;
use warnings;

use File::Find qw(find);
use File::Temp qw(tempdir);
use FindBin qw($Bin);
use Test::More;

my $door = "$Bin/../build.sh";
my $dir = tempdir('oscp-build-XXXXXX', TMPDIR => 1, CLEANUP => 1);

delete @ENV{qw(DESTDIR PREFIX NGINX_SRC)};

# Exit status, and all that was printed.
sub door {
    my ($words, %env) = @_;

    local @ENV{keys %env} = values %env;
    my $pid = open(my $fh, '-|') // die "fork: $!";
    if ($pid == 0) {
        open STDERR, '>&', \*STDOUT;
        exec { $door } $door, @$words or exit 127;
    }
    local $/;
    my $out = <$fh> // '';
    close $fh;
    return ($? >> 8, $out);
}

# What it would do if it did not look: nothing of that may harm here.
my @wrong = (
    [['nope'], qr/unknown command: nope/],
    [['deps', 'foo'], qr/deps: must be build, run, fuzz or val.*not: foo/],
    [['deps', 'build', 'foo'], qr/deps: unexpected argument: foo/],
    [['build', 'foo'], qr/build: unknown option foo/],
    [['test', '--asan'], qr/test: --asan FILE\.\.\./],
    [['fail', 'nope'], qr/fail: must be one of all\|start\|.*not: nope/],
    [['fail', 'start:5'], qr/not: start:5/],
    [['fail', 'all:1-2'], qr/not: all:1-2/],
    [['fail', 'start', 'nginx'], qr/fail: unexpected argument: nginx/],
    [['soak', '5', '6'], qr/soak: unexpected argument: 6/],
    [['soak', 'x'], qr/soak: not a number of seconds: x/],
    [['fuzz', '0', '1'], qr/fuzz: unexpected argument: 1/],
    [['lint', 'worker'], qr/lint: unexpected argument: worker/],
    [['install', $dir], qr/install: must be DESTDIR=DIR or .*not: \Q$dir\E/],
    [["install", "--prefix=$dir"], qr/not: --prefix=\Q$dir\E/],
    [['install', 'PREFIX=usr', "DESTDIR=$dir"], qr/PREFIX must be .*not: usr/],
    [['install', 'PREFIX=/a b', "DESTDIR=$dir"], qr/PREFIX must be/],
);
for my $case (@wrong) {
    my ($status, $out) = door($case->[0], DESTDIR => $dir);
    is($status, 1, "build.sh @{$case->[0]}");
    like($out, $case->[1], 'says what is wrong');
}
is_deeply([glob "$dir/*"], [], 'and does nothing');

# The files below a directory, by their paths there.
sub files {
    my ($top) = @_;
    my @found;

    find({ no_chdir => 1, wanted => sub {
        push @found, s/^\Q$top\E//r if -f;
    } }, $top);
    return sort @found;
}

sub slurp {
    my ($name) = @_;

    open my $fh, '<', $name or die "$name: $!";
    local $/;
    return scalar <$fh>;
}

my ($modules) = `nginx -V 2>&1` =~ /--modules-path=(\S+)/;
$modules //= '/usr/lib/nginx/modules';
my @examples = map { s{.*/}{}r } glob "$Bin/../conf/*";

# Words win over the environment, which must never be needed.
for my $case (
    ['words', ["DESTDIR=$dir/words", 'PREFIX=/opt/oscp'], {}, '/opt/oscp'],
    ['both', ["DESTDIR=$dir/both/", 'PREFIX=/usr/'],
        { DESTDIR => "$dir/not", PREFIX => '/not' }, '/usr'],
    ['environment', [], { DESTDIR => "$dir/environment" }, '/usr/local'],
) {
    my ($name, $words, $env, $prefix) = @$case;
    my ($status, $out) = door(['install', @$words], %$env);
    my $top = "$dir/$name";
    is($status, 0, "install: $name") or diag($out);
    is_deeply([files($top)], [sort "$modules/ngx_http_oscp_module.so",
        map({ "$prefix/bin/$_" } qw(oscp-worker oscpctl)),
        map { "$prefix/share/oscp/$_" } @examples], 'everything is there');
    like($out, qr{examples in \Q$top$prefix\E/share/oscp$}m, 'is said');
    my @programs = slurp("$top$prefix/share/oscp/oscp-worker.service")
        =~ /^#?ExecStart=(\S+)/mg;
    is_deeply(\@programs, [("$prefix/bin/oscp-worker") x 2],
        'the unit starts what was installed');
    is(system("$top$prefix/bin/oscpctl --version >/dev/null"), 0, 'that runs');
}
is_deeply([map { s{.*/}{}r } glob "$dir/*"], [qw(both environment words)],
    'nothing anywhere else');

done_testing();
