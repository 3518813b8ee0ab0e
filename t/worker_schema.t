#!/usr/bin/env perl
#
# Goal: what the version before has left in Redis (t/state/schema-1: a dump of
# what it wrote, with its times moved to now) is read by this one, and goes on
# where it stood; what a newer one has left is refused and not touched, by a
# worker that says so, keeps asking, and takes it when it may.

use strict;
use warnings;

use FindBin qw($Bin);
use JSON::PP qw(decode_json);
use Test::More;
use Time::HiRes qw(time);

use lib "$Bin/lib", "$Bin/cp/lib";
use CP::Clock qw(time_ms);
use OSCP::Ctl;
use OSCP::Direct;
use OSCP::Process qw(wait_for);

use constant SCHEMA => 2;

my $direct = OSCP::Direct->start(workers => 0);
my $redis = $direct->redis;
my $ctl = OSCP::Ctl->of($direct);

# Commands that write what was there, its times and stream ids moved to now.
sub load_state {
    my ($name) = @_;

    open my $fh, '<', "$Bin/state/$name" or die "$name: $!";
    my ($base) = readline($fh) =~ /^base (\S+)/ or die "$name: no base";
    my $delta = sprintf '%.0f', time * 1000 - time_ms($base);
    while (my $line = <$fh>) {
        $line =~ s/(\d{4}-\d\d-\d\dT[\d:.]+Z)/
            OSCP::Direct::at((time_ms($1) + $delta) \/ 1000)/ge;
        $line =~ s/"(\d{13})-(\d+)"/'"' . ($1 + $delta) . "-$2\""/ge;
        $line =~ s/\@DIR\@/$direct->{dir}/g;
        $redis->command(@{decode_json($line)});
    }
    return;
}

# Everything that is in Redis, as text.
sub everything {
    my %read = (hash => ['HGETALL'], string => ['GET'], set => ['SMEMBERS'],
        stream => ['XRANGE', '-', '+']);

    return JSON::PP->new->canonical->pretty->encode({ map {
        my ($verb, @rest) = @{$read{$redis->command('TYPE', $_)}};
        ($_ => $redis->command($verb, $_, @rest))
    } @{$redis->command('KEYS', '*')} });
}

load_state('schema-1');
my ($incident) = @{$redis->command('SMEMBERS', $direct->key('incidents'))};
is($direct->hash('stats')->{schema}, undef, 'the version before said none');
is($ctl->json('status')->{shards}[0]{schema}, 1, 'which is the first');
$direct->add_worker;

subtest 'the state of the version before' => sub {
    ok($direct->wait_log(qr/running/), 'a worker has taken it');
    is($direct->hash('stats')->{schema}, SCHEMA, 'it is of this schema now');
    ok($direct->wait_hash('envelope:depot-1', { import_limit_w => 120000,
        export_limit_w => 40000, mode => 'normal' }),
        'a forecast holds, and the message that was waiting takes effect');
    is($direct->hash('conn:open')->{state}, 'online', 'online it stays');
    is($direct->hash('conn:closed')->{state}, 'disconnected',
        'and disconnected');
    is($direct->hash('group:open:DEPOT03')->{enabled}, 0, 'and disabled');
    is($direct->hash('circuit:incomer-3')->{control}, 'local', 'as before');
    is($direct->hash('group:open:DEPOT02')->{incident}, $incident,
        'the open incident is the same');
    is_deeply($redis->command('SMEMBERS', $direct->key('incidents')),
        [$incident], 'and the only one');
    $direct->forecast('open', 'DEPOT01', type => 'OPTIMUM', req => 'seg-2',
        seg => '2/2', corr => 'seg-1', blocks => [[3600, 7200, 95000]]);
    ok($direct->wait_hash('forecast:open:DEPOT01:OPTIMUM', { req => 'seg-1' }),
        'a segment that was waiting becomes a whole');
    ok($direct->wait_settled, 'and nothing is left');
    is($ctl->json('explain', 'depot-1')->{scope} // '', 'depot-1',
        'its audit is read');
};

subtest 'the state of a version to come' => sub {
    is($direct->worker->stop, 0, 'ended');
    $redis->command('HSET', $direct->key('stats'), schema => SCHEMA + 1);
    $direct->forecast('open', 'DEPOT01', req => 'not-yet',
        blocks => [[-60, 3600, 1000]]);
    my $before = everything();
    $direct->worker->restart;
    ok($direct->wait_log(qr/schema 3, this worker knows up to 2: refused/),
        'the worker says what is wrong');
    ok(!wait_for(sub { everything() ne $before }, 3), 'and writes nothing');
    is(() = $direct->worker->log_text =~ /refused/g, 1, 'said once');
    my ($status, $out) = $ctl->run('status');
    like($out, qr/NEWER: the state of shard 0 has schema 3/,
        'oscpctl says so too');
    is($ctl->json('status')->{shards}[0]{schema}, 3, 'also as data');
    $redis->command('HSET', $direct->key('stats'), schema => SCHEMA);
    ok($direct->wait_hash('circuit:incomer-1', { available_capacity_w => 1000 }),
        'taken as soon as it may be');
};

subtest 'a schema that is no number' => sub {
    is($direct->worker->stop, 0, 'ended');
    $redis->command('HSET', $direct->key('stats'), schema => 'x');
    $direct->worker->restart;
    ok($direct->wait_log(qr/schema x, this worker/), 'is refused');
};

$direct->finish(allow => qr/this worker knows up to/);
done_testing();
