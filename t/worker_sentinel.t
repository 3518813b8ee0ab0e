#!/usr/bin/env perl
#
# Goal: with Sentinel the worker follows the master.  The master is killed while
# messages come; the worker goes on at the promoted replica, and what had been
# replicated before the kill takes effect there exactly once.  oscpctl waits for
# the new master.  A master that is made a replica by hand is left as well, and
# one without replicas does not let anybody act, where it is told so.

use strict;
use warnings;

use FindBin qw($Bin);
use IO::Socket::INET;
use POSIX ();
use Test::More;
use Time::HiRes qw(sleep time);

use lib "$Bin/lib", "$Bin/cp/lib";
use CP::Clock qw(time_ms);
use OSCP::Ctl;
use OSCP::Direct;
use OSCP::Process qw(slow wait_for);
use OSCP::Sentinel;

my $direct = OSCP::Direct->start(connections => { vector => {} }, users => 1,
    store => sub { OSCP::Sentinel->start(dir => $_[0],
        appendfsync => 'everysec') });
my $redis = $direct->redis;
my $ctl = OSCP::Ctl->of($direct,
    arguments => [$direct->user('operator')]);
my (%sent, %kept);
my $sent = 0;

# Sends one forecast; whether a replica has it as well is asked, as
# `oscp_ack replicas=1` does.
sub forecast {
    my $req = 'load-' . ++$sent;

    eval {
        $direct->forecast('vector', 'DEPOT01', req => $req,
            blocks => [[-60, 3600, 1000 + $sent]]);
        $sent{$req} = 1;
        $kept{$req} = 1 if $redis->command('WAIT', 1, 200) >= 1;
    };
    return $@ ? 0 : 1;
}

# The newest message is in force, by an owner of this moment.
sub works {
    my ($what) = @_;

    ok(wait_for(\&forecast, 15), "$what: it is stored");
    return ok($direct->wait_hash('envelope:depot-1',
        { import_limit_w => 1000 + $sent }, 15), "$what: it takes effect");
}

sub master_port {
    my $master = $redis->master;
    return $master ? $master->port : 0;
}

ok($direct->wait_hash('circuit:incomer-1', { control => 'local' }), 'it runs');
$direct->set_online('vector', 3600);
works('at first');

subtest 'the master is killed under load' => sub {
    my $old = $redis->master;
    my $until = time + 0.3;

    forecast() while time < $until;
    my $before = $sent;
    $old->process->stop('KILL');
    my $run = $ctl->begin('status');
    wait_for(sub { forecast() }, 20);
    ok($sent{"load-$sent"}, 'the sentinels promote the replica');
    isnt(master_port(), $old->port, 'another server');
    works('there');
    ok($direct->wait_settled, 'everything is settled');
    note("$before before, ", $sent - $before, ' after');

    my %count;
    $count{$_->{data}{req}}++ for $direct->events('forecast');
    is_deeply([grep { ($count{$_} // 0) != 1 } sort keys %kept], [],
        keys(%kept) . ' that were replicated took effect once');
    is_deeply([grep { $count{$_} > 1 } keys %count], [], 'none twice');

    my ($status, $out, $err) = $ctl->end($run);
    is($status, 0, 'oscpctl status waited for it') or diag($err);
    like($out, qr/vector/, 'and told');
    is($ctl->json('status')->{shards}[0]{backlog}, 0, 'and again');

    $redis->rejoin($old);
    ok(wait_for(sub { OSCP::Sentinel::replicating($old) }, 20),
        'the old one comes back as a replica');
    works('with it');
};

subtest 'a planned failover' => sub {
    my $old = $redis->master;
    my ($first) = $redis->sentinels;

    ok(wait_for(sub { eval { $first->command('SENTINEL', 'FAILOVER', 'main') } },
        15), 'is ordered');
    ok($redis->wait_failover($old), 'the master changes');
    works('after it');
};

subtest 'the first sentinel is gone' => sub {
    my ($first) = $redis->sentinels;

    $first->process->stop('KILL');
    $direct->worker->kill;
    $direct->worker->restart;
    works('by the others');
    my ($status, $out, $err) = $ctl->run('status');
    is($status, 0, 'oscpctl too') or diag($err);
};

subtest 'a name that no sentinel knows' => sub {
    my $address = $redis->address =~ s/sentinel:main/sentinel:other/r;
    my $worker = OSCP::Worker->new(dir => $direct->dir, name => 'stranger',
        build => $direct->{build}, redis => $address)->start;

    ok(wait_for(sub { $worker->log_text
        =~ /sentinel 127\.0\.0\.1:\d+: .*(?:no master|refused)/ }),
        'is told');
    ok($worker->process->alive, 'and asked for again');
    $worker->stop;
};

# A sentinel that names whatever it was told; its address.
my @fakes;

sub fake {
    my ($host, $port) = @_;
    my $listen = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 9)
        // die "listen: $!";
    my $pid = fork() // die "fork: $!";

    if ($pid == 0) {
        local $SIG{TERM} = 'DEFAULT';
        alarm 120;
        while (my $client = $listen->accept) {
            sysread $client, my $text, 65536;
            print {$client} "*2\r\n", map { '$' . length($_) . "\r\n$_\r\n" }
                $host, $port;
        }
        POSIX::_exit(0);
    }
    push @fakes, $pid;
    return '127.0.0.1:' . $listen->sockport;
}

END {
    my $status = $?;
    kill 'KILL', $_ and waitpid $_, 0 for @fakes;
    $? = $status;
}

subtest 'a sentinel that is mistaken' => sub {
    my $master = $redis->master;
    my ($other) = grep { $_ != $master } $redis->servers;
    my $fake = fake('127.0.0.1', $other->port);
    my $address = $redis->address =~ s/\@/\@$fake,/r;
    my @arguments = ('--log-level', 'debug', $direct->user('worker'));
    my $worker = OSCP::Worker->new(dir => $direct->dir, name => 'mistaken',
        build => $direct->{build}, redis => $address,
        arguments => \@arguments)->start;

    ok(wait_for(sub { $worker->log_text =~ /standing by/ }), 'others are asked');
    my ($status, $out, $err) = OSCP::Ctl->new(build => $direct->{build},
        redis => $address, arguments => [$direct->user('operator')])
        ->run('status');
    is($status, 0, 'by oscpctl too') or diag($err);
    is($worker->stop, 0, 'ends clean');
    my $port = $other->port;
    unlike($worker->log_text, qr/Redis is \S+:$port/, 'it alone is not believed');

    $worker = OSCP::Worker->new(dir => $direct->dir, name => 'alone',
        build => $direct->{build}, redis => "sentinel:main\@$fake",
        arguments => \@arguments)->start;
    ok(wait_for(sub {
        eval { $other->command('REPLICAOF', '127.0.0.1', $master->port) };
        OSCP::Sentinel::replicating($other);
    }, 20), 'where nobody else is asked, and it names a replica,');
    ok(wait_for(sub { $worker->log_text =~ /it is not a master/ }),
        'that is not taken for a master');
    is($worker->stop, 0, 'ends clean');
};

# As on the wrong side of a network that is parted: nobody may act there on what
# will be lost.
subtest 'a master without its replicas' => sub {
    my $log = length $direct->worker->log_text;
    my $master = $redis->master;
    my ($other) = grep { $_ != $master } $redis->servers;

    $master->command('CONFIG', 'SET', 'min-replicas-to-write', 1,
        'min-replicas-max-lag', 1);
    $other->process->signal('STOP');
    ok(wait_for(sub { substr($direct->worker->log_text, $log)
        =~ /begins again: .*NOREPLICAS/ }), 'the worker cannot keep its lease');
    $other->process->signal('CONT');
    works('with a replica again');
};

# What the former master knew last is lost: its owner may be cut off with it,
# and be sure of its lease for as long as that lasts.
subtest 'the promoted master does not know of the lease' => sub {
    my $old = $redis->master;
    my $lease = $direct->key('lease');

    $direct->add_worker('--lease', '2s');
    ok($direct->wait_log(qr/standing by/, 1), 'another worker stands by');
    my ($owner, $other) = map { $direct->worker($_)->process } 0, 1;
    my $log = length $direct->worker(1)->log_text;
    $_->signal('STOP') for $owner, $other;
    ok($redis->command('DEL', $lease), 'nobody has the lease');
    ok(wait_for(sub { $old->command('WAIT', 1, 1000) >= 1 }), 'nor had it');
    ok(wait_for(sub { eval { ($redis->sentinels)[1]
        ->command('SENTINEL', 'FAILOVER', 'main') } }, 15), 'a failover');
    ok($redis->wait_failover($old), 'is done');
    $other->signal('CONT');

    my $new = sub { substr $direct->worker(1)->log_text, $log };
    ok(wait_for(sub { $new->() =~ /Redis is now/ }, 15), 'it follows');
    ok(wait_for(sub { $new->() =~ /standing by/ }), 'it takes no free lease');
    ok(wait_for(sub { $new->() =~ /owns the shard/ }, 15), 'at once');
    my $when = sub { time_ms(($new->() =~ /^(\S+) [^\n]*$_[0]/m)[0]) };
    cmp_ok($when->('owns the shard') - $when->('Redis is now'), '>', 1500,
        'but when the former owner has lost it');
    works('the new owner');
    $owner->signal('CONT');
    is($direct->worker(1)->stop, 0, 'ends clean');
    works('and the former one again');
};

# Sentinels that stand still neither tell of a master nor hang up on anybody.
subtest 'the master becomes a replica by hand' => sub {
    my $log = length $direct->worker->log_text;
    my $master = $redis->master;
    my ($other) = grep { $_ != $master } $redis->servers;
    my @watching = grep { $_->process->alive } $redis->sentinels;

    $_->process->signal('STOP') for @watching;
    $master->command('REPLICAOF', '127.0.0.1', $other->port);
    ok(wait_for(sub { substr($direct->worker->log_text, $log)
        =~ /it is not a master/ }), 'the worker notices');
    $_->process->signal('CONT') for @watching;
};

$direct->finish;
done_testing();
