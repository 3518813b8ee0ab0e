# What a campaign will do, made from a seed before it begins: which fault comes
# when and for how long, and what each connection's operator sends.  The same
# seed gives the same schedule; how the processes take it is their affair.

package OSCP::Torture::Schedule;

use strict;
use warnings;

use List::Util qw(min shuffle);

use constant {
    CALM     => 2,         # s before the first fault
    PAUSE    => 0.9,       # s between faults, on average
    RESPITE  => 0.1,       # of the pauses are long ones, in which all must heal
};

# Connections, chosen so that both shards have work.
our @CONNECTIONS = (
    { name => 'north', profile => 'vector', groups => 2 },
    { name => 'south', profile => 'generic', groups => 2 },
    { name => 'alps', profile => 'generic', groups => 1 },
);

# Kinds of faults: weight, what it strikes, how long (s, least and most).
# What a fault does is in OSCP::Torture::Fault.
my @KINDS = (
    [worker_kill  => 10, ['worker-1', 'worker-2'], 0, 4],
    [worker_stop  => 7, ['worker-1', 'worker-2'], 1, 9],
    [worker_term  => 5, ['worker-1', 'worker-2'], 0, 2],
    [owner_held   => 6, ['owner'], 5.5, 8],
    [clock_step   => 6, ['clock'], 2, 6],
    [redis_kill   => 5, ['redis'], 0, 2],
    [redis_stop   => 3, ['redis'], 0.3, 7],
    [redis_term   => 2, ['redis'], 0, 1],
    [redis_cut    => 5, ['redis'], 0, 0],
    [redis_full   => 3, ['redis'], 1, 3],
    [nginx_kill   => 3, ['nginx'], 0, 1],
    [nginx_stop   => 2, ['nginx'], 0.3, 3],
    [nginx_reload => 6, ['nginx'], 0, 0],
    [nginx_child  => 4, ['nginx'], 0, 0],
    [nginx_term   => 2, ['nginx'], 0, 1],
    [peer_kill    => 3, ['cp'], 0, 4],
    [peer_stop    => 3, ['cp'], 0.5, 6],
    [peer_refuses => 4, ['cp'], 1, 5],
    [link         => 26, ['link'], 0.3, 8],
);

my @LINK_MODES = (
    ['cut'], ['delay', 40, 900], ['trickle', 64, 2000, 20], ['stall'],
    ['hold'], ['lose'], ['refuse'], ['freeze'],
);

sub new {
    my ($class, %o) = @_;
    my $self = bless { %o }, $class;

    # One generator for each part: a change of one leaves the others.
    srand $o{seed};
    my @seeds = map { int rand 2**31 } 0 .. @CONNECTIONS;
    srand shift @seeds;
    $self->{faults} = $self->_faults;
    for my $conn (@CONNECTIONS) {
        srand shift @seeds;
        $self->{load}{$conn->{name}} = $self->_load($conn);
    }
    srand;
    return $self;
}

sub between {
    my ($least, $most) = @_;

    return $least + rand($most - $least);
}

sub pick {
    return $_[rand @_];
}

# The faults: at, kind, target, seconds, mode.
sub _faults {
    my ($self) = @_;
    my @kinds = grep { !$self->{kinds} || $_->[0] =~ $self->{kinds} } @KINDS;
    my @bag = map { ($_) x $_->[1] } @kinds;
    my (@faults, %busy);
    my $t = CALM;

    while (1) {
        $t += rand() < RESPITE ? between(4, 9) : between(0.2, 2 * PAUSE);
        last if $t >= $self->{seconds} - 2 || !@bag;
        my ($kind, undef, $targets, @range) = @{pick(@bag)};
        my $seconds = min(between(@range), $self->{seconds} - $t);
        my %fault = (at => $t, kind => $kind, seconds => $seconds,
            target => pick(@$targets));
        $fault{target} = pick(map { "cp-$_->{name}" } @CONNECTIONS)
            if $fault{target} eq 'cp';
        $fault{step_ms} = pick(-1, 1) * int between(300, 40_000)
            if $kind eq 'clock_step';
        @fault{qw(target mode)} = _link($self->links) if $kind eq 'link';
        # One thing at a time for each; of the workers one is spared.
        my $victim = $fault{target} =~ /^(?:worker|owner)/ ? 'worker'
            : $fault{target};
        next if ($busy{$victim} // 0) > $t;
        $busy{$victim} = $t + $seconds + 0.3;
        push @faults, \%fault;
    }
    return \@faults;
}

sub links {
    return ('nginx', 'worker-1', 'worker-2', 'fp',
        map { $_->{name} } @CONNECTIONS);
}

sub _link {
    my $name = pick(@_);
    my ($mode, @range) = @{pick(@LINK_MODES)};
    my @args;

    @args = int between(@range) if $mode eq 'delay';
    @args = (int between(@range[0, 1]), $range[2]) if $mode eq 'trickle';
    return ("link:$name", [$mode, @args]);
}

# What a connection's operators do, in order: at, op, and more.
sub _load {
    my ($self, $conn) = @_;
    my @groups = map { uc($conn->{name}) . $_ } 1 .. $conn->{groups};
    my (@load, %closed);
    my $t = 0.2;
    my $n = 0;

    # All begin with a limit that holds for a while.
    push @load, map { { at => 0, op => 'forecast', group => $_, n => ++$n,
        type => 'CONSUMPTION', blocks => _blocks() } } @groups;
    while (($t += between(0.05, 0.6)) < $self->{seconds}) {
        # What was closed is opened soon: closed doors test little.
        my $chance = %closed && rand() < 0.4 ? 1 : rand;
        if ($chance < 0.88) {
            push @load, { at => $t, op => 'forecast', n => ++$n,
                group => pick(@groups), blocks => _blocks(),
                type => rand() < 0.75 ? 'CONSUMPTION' : 'FALLBACK_CONSUMPTION',
                again => rand() < 0.2 ? 1 : 0, _segments() };
        } elsif ($chance < 0.92) {
            push @load, { at => $t, op => 'handshake', n => ++$n };
        } elsif ($chance < 0.96) {
            push @load, { at => $t, op => 'command', n => ++$n,
                group => pick(@groups), _wish() };
        } else {
            push @load, $self->_order($conn, $t, ++$n, \@groups, \%closed);
        }
    }
    return \@load;
}

# Every eighth forecast comes in segments: how many, at most; in which order
# they are sent; and which one the later ones name.
sub _segments {
    return () if rand() >= 0.125;
    my $n = 2 + int rand 3;

    return (segments => $n, named => pick(qw(first previous)),
        order => rand() < 0.3 ? [shuffle 1 .. $n] : [1 .. $n]);
}

# What an operator wants the peer to know.
sub _wish {
    my $watts = int between(1000, 450_000);

    return (command => 'compliance', message => "we cannot keep $watts W")
        if rand() < 0.3;
    return (command => 'adjust', type => pick(qw(CONSUMPTION
        FALLBACK_CONSUMPTION)), watts => $watts,
        replace => rand() < 0.5 ? 1 : 0);
}

# A command, or the one that ends what an earlier one began.
sub _order {
    my ($self, $conn, $t, $n, $groups, $closed) = @_;
    my ($key) = sort keys %$closed;
    my %pair = (disable => 'enable', disconnect => 'connect');

    if (defined $key) {
        my ($op, $group) = split / /, $key;
        delete $closed->{$key};
        return { at => $t, op => 'command', n => $n, command => $pair{$op},
            group => $group };
    }
    my $op = rand() < 0.3 ? 'disconnect' : 'disable';
    my $group = $op eq 'disable' && rand() < 0.7 ? pick(@$groups) : undef;
    $closed->{join ' ', $op, $group // ()} = 1;
    return { at => $t, op => 'command', n => $n, command => $op,
        group => $group };
}

# Blocks of a message: start and end in ms after it is sent.
sub _blocks {
    my $t = int between(-1500, 2500);
    my $unit = pick('KW', 'KW', 'KW', 'W', 'A', 'KWH');
    my $phase = rand() < 0.08 ? pick(qw(ONE TWO THREE)) : pick('ALL', 'ALL',
        'ALL', 'UNKNOWN');
    my $zero = rand() < 0.05;
    my @blocks;

    for (1 .. 1 + int rand 7) {
        my $length = int between(400, 2500);
        my $watts = $zero || rand() < 0.06 ? 0 : int between(1000, 450_000);
        push @blocks, { start => $t, end => $t + $length, phase => $phase,
            unit => $unit, capacity => _capacity($watts, $unit, $length) };
        $t += rand() < 0.12 ? int($length * between(0.2, 0.9)) : $length;
        $t += int between(300, 1500) if rand() < 0.15;
    }
    # Some have a long end, so that not all is a gap soon.
    push @blocks, { start => $t, end => $t + 3_600_000, phase => $phase,
        unit => 'W', capacity => int between(1000, 450_000) } if rand() < 0.4;
    return \@blocks;
}

sub _capacity {
    my ($watts, $unit, $ms) = @_;

    return $watts if $unit eq 'W';
    return int($watts / 690) if $unit eq 'A';
    return _energy($watts, $ms) / 1000 if $unit eq 'KWH';
    return $watts / 1000;
}

# Watt-hours whose power is not half-way between two thousandths of a watt:
# which way such a one is rounded no rule says.
sub _energy {
    my ($watts, $ms) = @_;
    my $wh = sprintf '%.0f', $watts * $ms / 3_600_000;

    $wh++ while abs($wh * 3_600_000_000 % $ms / $ms - 0.5) < 0.001;
    return $wh;
}

1;
