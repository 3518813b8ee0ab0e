#!/usr/bin/env perl
#
# Goal: every fuzz target builds and passes over its seeds.  `./build.sh fuzz
# SECONDS` goes on from there.

use strict;
use warnings;

use FindBin qw($Bin);
use File::Basename qw(basename);
use Test::More;

my $root = "$Bin/..";
my @targets = map { basename($_, '.c') } glob "$Bin/fuzz/*.c";
my $output = `$root/build.sh fuzz 0 2>&1`;

is($?, 0, 'all targets build, and none stops at a seed') or diag($output);
cmp_ok(scalar @targets, '>', 3, scalar(@targets) . ' targets');
for my $name (@targets) {
    like($output, qr/fuzzing \Q$name\E$/m, "$name: run");
    cmp_ok(scalar(() = glob "$Bin/fuzz/seeds/$name/*"), '>', 0,
        "$name: has seeds");
}

# A target that takes everything would pass as well.
$output = `$root/build/fuzz/jwt -runs=0 -max_len=4096 $Bin/fuzz/seeds/jwt 2>&1`;
like($output, qr/INFO: seed corpus: files: \d\d/, 'seeds are read');

done_testing();
