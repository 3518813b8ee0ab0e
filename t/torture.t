#!/usr/bin/env perl
#
# Goal: a short, fixed piece of the fault campaign in every run of the suite:
# all is killed, paused and cut off under load, and nothing that the rules
# forbid is seen.  `./build.sh torture` is the long one.

use strict;
use warnings;

use FindBin qw($Bin);
use Test::More;

use constant SECONDS => 10;

my $build = $ENV{OSCP_BUILD} // 'build';

for my $seed (29) {
    my @lines = qx($^X $Bin/torture/torture @{[SECONDS]} --seed $seed \\
        --build $build 2>&1);
    my ($status, $text) = ($?, join '', @lines);

    is($status, 0, "seed $seed: no violations") or diag($text);
    my ($struck, $messages, $looks) = $text
        =~ /: (\d+) faults, (\d+) messages, (\d+) circuit values/;
    cmp_ok($struck, '>=', 3, "seed $seed: $struck faults");
    cmp_ok($messages, '>=', 20, "seed $seed: $messages messages");
    cmp_ok($looks, '>=', 300, "seed $seed: $looks circuit values seen");
}

done_testing();
