# Looks at everything a site and an operator can see, again and again, in a
# process of its own, and writes it down.  A look at a shard is one script in
# Redis, so that all of it is from the same instant, together with the id of
# the last audit event: what had taken effect by then is no guess.

package OSCP::Torture::Sampler;

use strict;
use warnings;

use Time::HiRes qw(sleep time);

use OSCP::Redis;
use OSCP::Torture::Journal;

use constant {
    PAUSE => 0.02,      # s between looks
    COUNT => 0.5,       # s between counts of what the fence refused
};

# KEYS: events, lease, in, cmd; then circuits; then connections.
my $LOOK = <<'LUA';
local last = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)
local out = {redis.call('TIME'), last[1] and last[1][1] or '0-0',
             redis.call('GET', KEYS[2]) or '',
             redis.call('XLEN', KEYS[3]), redis.call('XLEN', KEYS[4])}
for i = 5, #KEYS do
  if i < 5 + ARGV[1] then
    out[i + 1] = redis.call('HMGET', KEYS[i], 'available_capacity_w',
                            'control', 'valid_until', 'updated_at')
  else
    out[i + 1] = redis.call('HMGET', KEYS[i], 'state', 'enabled',
                            'disconnected', 'offline_mode_at',
                            'heartbeat_received_at', 'heartbeat_sent_at')
  end
  for j = 1, #out[i + 1] do
    out[i + 1][j] = out[i + 1][j] or ''
  end
end
return out
LUA

# run(STAGE): until its parent ends it, or ends.
sub run {
    my ($stage) = @_;
    my $dir = $stage->dir;
    my $self = { redis => OSCP::Redis->new(dir => $dir),
        journal => OSCP::Torture::Journal->create("$dir/samples"),
        logs => [map { { name => $_->{name}, file => "$dir/$_->{name}.log",
            offset => 0 } } $stage->workers] };
    my @looks = map { _look($stage, $_) } 0 .. $stage->SHARDS - 1;
    my ($end, $parent) = (0, getppid);

    local $SIG{TERM} = sub { $end = 1 };
    while (!$end && getppid == $parent) {
        my $begun = time;
        for my $look (@looks) {
            my $before = time;
            my $got = eval { $self->{redis}->command(@{$look->{words}}) };
            $self->{journal}->add(what => 'sample', shard => $look->{shard},
                before => $before, %{_told($look, $got)}) if $got;
        }
        _follow($self, $_) for @{$self->{logs}};
        _fenced($self) if $begun >= ($self->{counted} // 0) + COUNT;
        my $left = $begun + PAUSE - time;
        sleep($left > 0.005 ? $left : 0.005);
    }
    return;
}

sub _look {
    my ($stage, $shard) = @_;
    my @groups = grep { $_->{shard} == $shard } $stage->groups;
    my %conns = map { $_->{conn} => 1 } @groups;
    my @circuits = map { $_->{circuit} } @groups;
    my @conns = sort keys %conns;
    my @keys = map { $stage->can('key')->($shard, $_) }
        qw(events lease in cmd), map({ "circuit:$_" } @circuits),
        map { "conn:$_" } @conns;

    return { shard => $shard, circuits => \@circuits, conns => \@conns,
        words => ['EVAL', $LOOK, scalar @keys, @keys, scalar @circuits] };
}

sub _told {
    my ($look, $got) = @_;
    my ($time, $last, $lease, $in, $cmd, @rest) = @$got;
    my %told = (at => $time->[0] + $time->[1] / 1e6, last => $last,
        lease => $lease, in => $in, cmd => $cmd);

    $told{circuits}{$_} = shift @rest for @{$look->{circuits}};
    $told{conns}{$_} = shift @rest for @{$look->{conns}};
    return \%told;
}

# How many scripts Redis has refused since it began: FENCED.
sub _fenced {
    my ($self) = @_;
    my $info = eval { $self->{redis}->command('INFO', 'errorstats') } // '';

    $self->{counted} = time;
    $self->{journal}->add(what => 'fenced', n => 0 + $1)
        if $info =~ /errorstat_FENCED:count=(\d+)/;
    return;
}

# What the workers say of their shards, when it is seen.
sub _follow {
    my ($self, $log) = @_;

    open my $fh, '<', $log->{file} or return;
    seek $fh, $log->{offset}, 0;
    while (my $line = <$fh>) {
        last unless $line =~ /\n\z/;
        $log->{offset} += length $line;
        next unless $line =~ /^\S+ (\w+): (.*?) shard=(\d+)/;
        $self->{journal}->add(what => 'log', part => $log->{name},
            level => $1, text => $2, shard => 0 + $3);
    }
    return;
}

1;
