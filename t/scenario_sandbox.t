#!/usr/bin/env perl
#
# Goal: the sandbox's short pass, as a newcomer runs it: the circuit follows the
# forecast, and a window with the energy of the simulated depot's meters arrives
# at the simulated grid operator.

use strict;
use warnings;

use File::Temp qw(tempdir);
use FindBin qw($Bin);
use Test::More;

my $dir = tempdir('oscp-run-XXXXXX', TMPDIR => 1, CLEANUP => 1);
my $output = `$^X $Bin/cp/sandbox --once --dir $dir/s 2>&1`;

is($?, 0, 'run --once') or diag($output, map { "$_: " . `tail -20 $_` }
    glob "$dir/s/*.log");
is(scalar(() = $output =~ /the forecast says (\d+) W, the circuit \1 W; its/g),
    3, 'three blocks');
like($output, qr/window of 5 s: the meters say (0\.\d*[1-9]\d*) kWh \(complete\),/,
    'a window');
ok(!-e "$dir/s", 'nothing is left behind');
done_testing();
