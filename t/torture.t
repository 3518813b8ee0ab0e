#!/usr/bin/env perl
#
# Goal: a short, fixed piece of the fault campaign in every run of the suite:
# all is killed, paused and cut off under load, and nothing that the rules
# forbid is seen.  `./build.sh torture` is the long one.

use strict;
use warnings;

use Cwd qw(abs_path);
use FindBin qw($Bin);
use Test::More;

use lib "$Bin/lib";
use OSCP::Process qw(sanitized);

use constant SECONDS => 10;

my $build = abs_path($ENV{OSCP_BUILD} // 'build');

# Only `build.sh test` has built it surely.
if (!-x "$build/oscp-worker-clock") {
    my @sanitize = sanitized("$build/oscp-worker") ? 'SANITIZE=1' : ();
    is(system('make', '-s', '-C', "$Bin/../worker", '-f',
        '../t/clock/Makefile', "BUILD=$build", @sanitize, 'clock'), 0,
        'the worker whose clock can be set is built');
}

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

# What the campaign must catch can still be broken: no patch has outlived what
# it breaks.
for my $patch (glob "$Bin/torture/broken/*.patch") {
    my $told = qx(patch --dry-run -p1 --fuzz=0 -d $Bin/.. -i $patch 2>&1);
    is($?, 0, "$patch applies" =~ s{.*/}{}r) or diag($told);
}

done_testing();
