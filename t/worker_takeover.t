#!/usr/bin/env perl
#
# Goal: the outbox passes from worker to worker.  Whoever owns the shard goes
# on with the oldest message that is not settled; one message at most is sent
# twice for each change of owner; a worker that was paused sends and settles
# nothing when it wakes; so it is when Redis goes and comes.

use strict;
use warnings;

use FindBin qw($Bin);
use JSON::PP qw(encode_json);
use Test::More;
use Time::HiRes qw(time);

use lib "$Bin/lib", "$Bin/cp/lib";
use OSCP::CP;
use OSCP::Direct;
use OSCP::Process qw(wait_for);

use constant MESSAGE => 'update_asset_measurements';

my $direct = OSCP::Direct->start(arguments => ['--lease', '5s']);
my $redis = $direct->redis;
my $cp = OSCP::CP->new(dir => $direct->dir)->start;
my $sent = 0;

$cp->command("accept token-file=$direct->{dir}/token header.fp-id=CP77",
    'acknowledges off', 'heartbeats off',
    'misbehave delay=' . MESSAGE . ':40ms');
ok($direct->wait_applied($direct->publish(vector => { peer => $cp->url,
    heartbeat_interval_ms => 60000 })), 'configured');
$direct->store('handshake', 'vector', { required_behaviour => {
    heartbeat_interval => 60, measurement_configuration => ['INTERMITTENT'] } });
ok($direct->wait_hash('conn:vector', { state => 'online' }), 'online');
$direct->add_worker;
ok($direct->wait_log(qr/standing by/, 1), 'another worker stands by');

sub put {
    my $req = 'out-' . ++$sent;
    my $end = 900 * $sent + 1_700_000_100;

    $redis->command('XADD', $direct->key('out'), '*', conn => 'vector',
        msg => MESSAGE, group => 'DEPOT01', req => $req,
        created => OSCP::Direct::at(time), body => encode_json({
            group_id => 'DEPOT01', measurements => [{ asset_id => 'DEPOT01',
                asset_category => 'CHARGING', energy_measurement => {
                    value => 12.5, phase => 'ALL', unit => 'KWH',
                    direction => 'IMPORT', measure_time =>
                        OSCP::Direct::at($end), initial_measure_time =>
                        OSCP::Direct::at($end - 900) } }] }));
    return $req;
}

sub had {
    return map { $_->{id} } $cp->records(dir => 'in', message => MESSAGE);
}

sub owning {
    my ($pid) = (eval { $redis->command('GET', $direct->key('lease')) } // '')
        =~ /^[^:]*:(\d+):/;

    return (grep { $direct->worker($_)->pid == ($pid // 0) } 0, 1)[0];
}

# Puts many, lets something happen in their midst, and looks how all arrive.
sub passes {
    my ($name, $happens) = @_;

    return subtest $name => sub {
        my $since = () = had();
        my @put = map { put() } 1 .. 20;
        ok(wait_for(sub { (() = had()) >= $since + 5 }), 'in the midst');
        my $old = owning();
        $happens->($old);
        ok(wait_for(sub { !grep { my $req = $_; !grep {
            $_->{data}{req} eq $req } $direct->events('delivered') } @put },
            20), 'all are delivered');
        my @ids = had();
        splice @ids, 0, $since;
        my @once = grep { $_ == 0 || $ids[$_] ne $ids[$_ - 1] } 0 .. $#ids;
        is_deeply([@ids[@once]], \@put, 'in order');
        cmp_ok(@ids - @once, '<=', 1, 'one twice at most');
        my %told;
        $told{$_->{data}{req}}++ for $direct->events('delivered');
        is_deeply([grep { $told{$_} != 1 } @put], [], 'each is told once');
        return $old;
    };
}

passes('the owner is killed', sub {
    $direct->worker($_[0])->kill;
    $direct->worker($_[0])->restart;
});

my $paused;
passes('the owner is paused', sub {
    $paused = $_[0];
    $direct->worker($paused)->process->signal('STOP');
    ok(wait_for(sub { (owning() // $paused) != $paused }, 10),
        'the other takes over');
});
my $before = () = had();
$direct->worker($paused)->process->signal('CONT');
ok($direct->wait_log(qr/begins again: .*standing by(?!.*owns)/s, $paused),
    'it wakes up and stands by');
is(() = had(), $before, 'and has sent nothing');

passes('the owner ends', sub {
    is($direct->worker($_[0])->stop, 0, 'clean');
    $direct->worker($_[0])->restart;
});

passes('Redis is killed', sub { $redis->restart('KILL') });

is($redis->command('XLEN', $direct->key('out')), 0, 'nothing is left');
is($redis->command('XLEN', $direct->key('dead')), 0, 'nothing is dead');
is($cp->stop, 0, 'simulator');
$direct->finish;
done_testing();
