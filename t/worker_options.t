#!/usr/bin/env perl
#
# Goal: the command line of oscp-worker says what is wrong with it, and ends
# with 2, before anything begins.

use strict;
use warnings;

use File::Temp qw(tempdir);
use FindBin qw($Bin);
use Test::More;

my $program = ($ENV{OSCP_BUILD} // "$Bin/../build") . '/oscp-worker';
my $dir = tempdir(CLEANUP => 1);
my $missing = "$dir/missing";

delete $ENV{OSCP_REDIS};

# run(WORDS): exit status and all it printed.
sub run {
    my (@words) = @_;
    my $pid = open(my $fh, '-|') // die "fork: $!";

    if ($pid == 0) {
        open STDERR, '>&', \*STDOUT;
        exec { $program } $program, @words or exit 127;
    }
    local $/;
    my $output = <$fh>;
    close $fh;
    return ($? >> 8, $output);
}

my ($status, $help) = run('--help');
is($status, 0, '--help');
like($help, qr/^\s+--$_ /m, "tells --$_") for qw(redis redis-user
    redis-password-file redis-db redis-tls-ca prefix shards lease log-level
    log-format help version);

($status, my $version) = run('--version');
is($status, 0, '--version');
like($version, qr/^oscp-worker \d+\.\d+\.\d+$/, 'tells it');

my @wrong = (
    [['--redis', 'redis://x'], qr/--redis redis:\/\/x: must be/],
    [['--redis', ''], qr/--redis : must be/],
    [['--redis', 'host:99999'], qr/--redis host:99999: must be/],
    [['--redis', 'sentinel:m'], qr/--redis sentinel:m: must be/],
    [['--redis', 'cluster:'], qr/--redis cluster:: must be/],
    [['--redis', 'a', '--redis', 'b'], qr/--redis is given twice/],
    [['--redis-db', '-1'], qr/--redis-db -1: must be a number/],
    [['--redis-db', '65536'], qr/--redis-db 65536: must be a number/],
    [['--redis-db', '1x'], qr/--redis-db 1x: must be a number/],
    [['--redis-user', ''], qr/--redis-user : must be a name/],
    [['--redis-user', 'u'], qr/--redis-user needs --redis-password-file/],
    [['--redis-password-file', ''], qr/must be a file/],
    [['--redis-tls-ca', ''], qr/--redis-tls-ca : must be a file/],
    [['--redis', 'unix:/nowhere', '--redis-tls-ca', 'f'],
        qr/this build has no TLS for Redis|a unix socket has no TLS/],
    [['--redis', 'cluster:a', '--redis-db', '1'],
        qr/a cluster has the database 0 only/],
    [['--prefix', 'a{b'], qr/--prefix a\{b: must be/],
    [['--prefix', 'x' x 65], qr/must be at most 64 bytes/],
    [['--shards', ''], qr/--shards : must be "all" or numbers/],
    [['--shards', '0,'], qr/--shards 0,: must be/],
    [['--shards', '3-1'], qr/--shards 3-1: must be/],
    [['--shards', '256'], qr/--shards 256: must be/],
    [['--lease', '5'], qr/--lease 5: must be a time/],
    [['--lease', '999ms'], qr/--lease 999ms: must be a time/],
    [['--lease', '61s'], qr/--lease 61s: must be a time/],
    [['--lease', '5s '], qr/--lease 5s : must be a time/],
    [['--log-level', 'loud'], qr/--log-level loud: must be error/],
    [['--log-format', 'xml'], qr/--log-format xml: must be text or json/],
    [['--unknown'], qr/unrecognized option '--unknown'/],
    [['--lease'], qr/option '--lease' requires an argument/],
    [['word'], qr/unknown argument word/],
);
for my $case (@wrong) {
    my ($code, $output) = run(@{$case->[0]});
    is($code, 2, "@{$case->[0]}");
    like($output, $case->[1], 'says why');
}

($status, my $output) = run('--redis', 'unix:/nowhere',
    '--redis-password-file', $missing);
is($status, 1, 'a password file that is not there');
like($output, qr/error: Redis password file \Q$missing\E: No such file/,
    'is named');

{
    local $ENV{OSCP_REDIS} = 'host:0';
    ($status, $output) = run();
    is($status, 2, 'OSCP_REDIS is read');
    like($output, qr/--redis host:0: must be/, 'and checked');
}

done_testing();
