#!/usr/bin/env perl
#
# Goal: nginx -s reload is the way to change what is bound to what, and it takes
# effect at once: a group is added, moved to another circuit and scope, removed,
# added again as if it had never been; a connection goes and comes.  Circuits
# that are let go return to the non-OSCP path, incidents of what is gone are
# resolved, and the audit has what was and what is.

use strict;
use warnings;

use FindBin qw($Bin);
use Test::More;

use lib "$Bin/lib", "$Bin/cp/lib";
use OSCP::Process qw(wait_for);
use OSCP::Stack;

my $second = <<'CONF';
    oscp_connection second {
        profile generic;
        peer http://127.0.0.1:9/;
        accept header key 2;
        present header key 2;
        group G scope=extra circuit=incomer-9 rated=90kW safe_default=9kW;
    }
CONF
my @first = ('group DEPOT01 scope=depot-1 circuit=incomer-1 rated=400kW'
    . ' safe_default=60kW', 'group DEPOT02 scope=depot-2 circuit=incomer-2'
    . ' rated=300kW safe_default=50kW');
my $stack = OSCP::Stack->start(heartbeat => '30s', groups => [@first],
    http => $second);
my $cp = $stack->cp;
my $seen = 0;

sub reload {
    my ($groups, $http) = @_;

    $stack->{groups} = $groups;
    $stack->{http} = $http // $second;
    $seen = () = $stack->events('config');
    $stack->nginx->configure(http => $stack->http);
    $stack->nginx->reload;
    my $version;
    return ok(wait_for(sub {
        $version = $stack->redis->hash('oscp:config')->{version};
        return (() = $stack->events('config')) > $seen
            && $version eq ($stack->hash('config')->{version} // '');
    }), 'reloaded');
}

# What the audit says since the reload: "CONN GROUP": [OLD, NEW].
sub changes {
    my @all = $stack->events('config');

    return { map { join(' ', grep { defined } @$_{qw(conn group)})
        => [@{$_->{data}}{qw(old new)}] } @all[$seen .. $#all] };
}

sub is_circuit {
    my ($name, $control, $watts, $because) = @_;

    return ok($stack->wait_circuit($name, { control => $control,
        available_capacity_w => $watts }), "$name: $control $watts"
        . ($because ? ": $because" : ''));
}

ok($stack->go_online(30), 'online');
$cp->command('forecast group=DEPOT01 kw=120 length=1h start=-1m expect=204',
    'forecast group=DEPOT02 block=-2h/-1h/90/KW/ALL expect=204');
is_circuit('incomer-1', 'oscp', 120000);
is_circuit('incomer-2', 'safe_default', 50000);
is(scalar($stack->incidents), 1, 'DEPOT02 is yellow');

subtest 'moved' => sub {
    reload(['group DEPOT01 scope=yard circuit=incomer-3 rated=100kW'
        . ' safe_default=60kW', $first[1]]);
    is_circuit('incomer-3', 'oscp', 100000, 'the new one, within its rating');
    is_circuit('incomer-1', 'local', 400000, 'the old one is free');
    is($stack->circuit->{valid_until}, undef, 'for good');
    is($stack->envelope('yard')->{import_limit_w}, 120000, 'the new scope');
    is_deeply($stack->envelope('depot-1'), {}, 'the old one has no envelope');
    is($stack->group->{circuit}, 'incomer-3', 'the group says so');
    is_deeply(changes(), { 'vector DEPOT01' => [
        { scope => 'depot-1', circuit => 'incomer-1', rated_w => 400000 },
        { scope => 'yard', circuit => 'incomer-3', rated_w => 100000 }] },
        'audited, old and new, and nothing else');
};

subtest 'two change places' => sub {
    reload(['group DEPOT01 scope=depot-2 circuit=incomer-2 rated=400kW'
        . ' safe_default=60kW', 'group DEPOT02 scope=yard circuit=incomer-3'
        . ' rated=300kW safe_default=50kW']);
    is_circuit('incomer-2', 'oscp', 120000, 'DEPOT01');
    is_circuit('incomer-3', 'safe_default', 50000, 'DEPOT02');
    is($stack->circuit("incomer-$_->[0]")->{group}, $_->[1], $_->[1])
        for [2, 'DEPOT01'], [3, 'DEPOT02'];
    is($stack->envelope('depot-2')->{mode}, 'normal', 'scopes as well');
    is($stack->envelope('yard')->{mode}, 'fallback', 'both');
    my ($incident) = $stack->incidents;
    like($incident->{detail}, qr/circuit incomer-3/,
        'the incident names the new circuit');
};

subtest 'removed' => sub {
    my ($incident) = $stack->incidents;
    reload(['group DEPOT01 scope=depot-2 circuit=incomer-2 rated=400kW'
        . ' safe_default=60kW']);
    is_circuit('incomer-3', 'local', 300000, 'free');
    is_deeply($stack->envelope('yard'), {}, 'no envelope');
    is_deeply($stack->group('DEPOT02'), {}, 'no group');
    is_deeply($stack->redis->command('KEYS', '*:forecast:vector:DEPOT02:*'), [],
        'no forecast');
    is(scalar($stack->incidents), 0, 'its incident is resolved');
    ok($stack->hash("incident:$incident->{id}")->{resolved_at},
        'with its time');
    my $notice = ($stack->notifications('DEPOT02'))[-1];
    is("$notice->{severity} $notice->{title}", 'info Group DEPOT02 of vector is'
        . ' under full local control', 'which is notified');
    like($notice->{detail}, qr/removed from the configuration/, 'and why');
    is_deeply([map { ref } @{changes()->{'vector DEPOT02'}}], ['HASH', ''],
        'the audit has what it was');
    is($cp->command('forecast group=DEPOT02 kw=10')->{status}, 404,
        'it is unknown');
    is_circuit('incomer-2', 'oscp', 120000, 'the other one stays');
};

subtest 'added again' => sub {
    reload([@first]);
    is_circuit('incomer-2', 'local', 300000, 'it knows nothing');
    is($stack->group('DEPOT02')->{reason}, 'no_forecast', 'as new');
    is_circuit('incomer-1', 'oscp', 120000, 'DEPOT01 is where it was');
    is_deeply([map { ref } @{changes()->{'vector DEPOT02'}}], ['', 'HASH'],
        'the audit has what it is');
    $cp->command('forecast group=DEPOT02 kw=70 length=1h start=-1m expect=204');
    is_circuit('incomer-2', 'oscp', 70000, 'and it works');
};

subtest 'a connection goes and comes' => sub {
    is($stack->operate('disconnect', conn => 'second') =~ s/:.*//r, 'done',
        'it was disconnected');
    ok($stack->wait_circuit('incomer-9', { control => 'local' }), 'local');
    reload([@first], '');
    is_deeply($stack->connection('second'), {}, 'gone');
    is_circuit('incomer-9', 'local', 90000);
    is_deeply([sort keys %{changes()}], ['second', 'second G'], 'audited');
    like($stack->operate('connect', conn => 'second'),
        qr/^refused: conn must be a configured connection/, 'no such one');
    $stack->worker->kill;
    reload_without_worker([@first], $second);
    $stack->worker->restart;
    ok($stack->wait_hash('conn:second', { state => 'offline',
        disconnected => 0 }), 'added while no worker ran: it is new');
    is($stack->operate('connect', conn => 'second'), 'done: second starts a '
        . 'handshake', 'at once known to commands');
    is($stack->connection->{state}, 'online', 'vector was never touched');
};

sub reload_without_worker {
    my ($groups, $http) = @_;
    my $was = $stack->redis->hash('oscp:config')->{version};

    @$stack{qw(groups http)} = ($groups, $http);
    $stack->nginx->configure(http => $stack->http);
    $stack->nginx->reload;
    return ok(wait_for(sub {
        $stack->redis->hash('oscp:config')->{version} ne $was }), 'published');
}

$stack->finish;
done_testing();
