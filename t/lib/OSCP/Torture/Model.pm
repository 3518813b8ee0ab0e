# The rules of the design's section 6, once more and by other means: forecast
# timelines, the decision table, the circuit's value.  It shares nothing with
# the program under test but the page that both were written from.
#
# Times are seconds since 1970 as floating numbers, powers watts.

package OSCP::Torture::Model;

use strict;
use warnings;

use List::Util qw(max min);

use constant VALID_PAST => 1;       # s: valid_until beyond the next change

my %LANE = (ALL => 0, UNKNOWN => 0, ONE => 1, TWO => 2, THREE => 3);

# new(rated =>, safe =>, voltage =>): a bound group; safe undef: no default.
sub new {
    my ($class, %binding) = @_;

    return bless { voltage => 230, %binding, enabled => 1, types => {} },
        $class;
}

sub clear {
    my ($self) = @_;

    $self->{types} = {};
    return;
}

sub enable {
    my ($self, $on) = @_;

    $self->{enabled} = $on;
    return;
}

# The first moment a message speaks of.
sub start_of {
    my ($blocks) = @_;

    return min map { $_->{start} } @$blocks;
}

# A message takes effect: from its first block's start on it replaces what was
# said before, in each lane that it speaks of.
sub apply {
    my ($self, $type, $blocks) = @_;
    my $timeline = $self->{types}{$type} //= { lanes => [[], [], [], []] };
    my $start = start_of($blocks);
    my @new = ([], [], [], []);

    push @{$new[$LANE{$_->{phase}}]}, [$_->{start}, $_->{end},
        $self->watts($_)] for @$blocks;
    $timeline->{first} = min($start, $timeline->{first} // $start);
    for my $lane (0 .. 3) {
        next unless @{$new[0]} || @{$new[$lane]};
        my @kept = map { [$_->[0], min($_->[1], $start), $_->[2]] }
            grep { $_->[0] < $start } @{$timeline->{lanes}[$lane]};
        $timeline->{lanes}[$lane] = [@kept, _lowest($new[$lane])];
    }
    return;
}

# Blocks that overlap become pieces, each with the lowest capacity there.
sub _lowest {
    my ($spans) = @_;
    my %edges = map { $_->[0] => 1, $_->[1] => 1 } @$spans;
    my @edges = sort { $a <=> $b } keys %edges;
    my @pieces;

    for my $i (0 .. $#edges - 1) {
        my ($from, $until) = @edges[$i, $i + 1];
        my @here = map { $_->[2] } grep { $_->[0] <= $from
            && $_->[1] >= $until } @$spans or next;
        push @pieces, [$from, $until, min @here];
    }
    return @pieces;
}

sub watts {
    my ($self, $block) = @_;
    my ($capacity, $unit) = @$block{qw(capacity unit)};
    # Blocks are written to the millisecond.
    my $hours = sprintf('%.0f', 1000 * ($block->{end} - $block->{start}))
        / 3_600_000;

    return $capacity if $unit eq 'W';
    return $capacity * 1000 if $unit eq 'KW';
    return $capacity / $hours if $unit eq 'WH';
    return $capacity * 1000 / $hours if $unit eq 'KWH';
    return $capacity * $self->{voltage}
        * ($LANE{$block->{phase}} ? 1 : 3) if $unit eq 'A';
    die "unit $unit";
}

# The capacity of a type at a moment, or undef.
sub _at {
    my ($self, $type, $t) = @_;
    my $timeline = $self->{types}{$type} or return undef;
    my @here = map {
        my ($span) = grep { $_->[0] <= $t && $t < $_->[1] }
            @{$timeline->{lanes}[$_]};
        $span ? $span->[2] : undef;
    } 0 .. 3;
    my @singles = grep { defined } @here[1 .. 3];
    my @bounds = grep { defined } $here[0], @singles
        ? eval { my $sum = 0; $sum += $_ for @singles; $sum } : undef;

    return @bounds ? min @bounds : undef;
}

# decide(LINK, T): what the circuit must say at T.  LINK: enabled disconnected
# online liveness (when it ends) of the connection.  Returns value and control,
# as "120000 oscp", and the mode.
sub decide {
    my ($self, $link, $t) = @_;
    my $rated = $self->{rated};
    my $online = $link->{online} && $t < $link->{liveness};

    return ("$rated local", 'local') if !$link->{enabled}
        || $link->{disconnected} || !$self->{enabled};
    my $first = ($self->{types}{CONSUMPTION} // {})->{first};
    $first //= ($self->{types}{FALLBACK_CONSUMPTION} // {})->{first}
        if !$online;
    return ("$rated local", 'local') if !defined $first || $t < $first;
    if ($online && defined(my $limit = $self->_at('CONSUMPTION', $t))) {
        return (_text(min($rated, $limit)) . ' oscp', 'normal');
    }
    if (defined(my $limit = $self->_at('FALLBACK_CONSUMPTION', $t))) {
        return (_text(min($rated, $limit)) . ' fallback', 'fallback');
    }
    return ("$self->{safe} safe_default", 'fallback')
        if defined $self->{safe};
    return ("$rated local", 'fallback');
}

# Watts, for comparison: a thousandth is exact enough.
sub _text {
    my ($watts) = @_;

    return sprintf('%.3f', $watts) =~ s/\.?0+\z//r;
}

sub value_text {
    my ($watts, $control) = @_;

    return _text($watts // -1) . ' ' . ($control // '');
}

# The moments in (FROM, UNTIL] at which a decision may change by time alone,
# sorted.
sub edges {
    my ($self, $link, $from, $until) = @_;
    my %edges;

    for my $type (qw(CONSUMPTION FALLBACK_CONSUMPTION)) {
        my $timeline = $self->{types}{$type} or next;
        $edges{$_} = 1 for $timeline->{first},
            map { @$_[0, 1] } map { @$_ } @{$timeline->{lanes}};
    }
    $edges{$link->{liveness}} = 1 if $link->{online};
    return sort { $a <=> $b } grep { $_ > $from && $_ <= $until } keys %edges;
}

# All that may be seen when the last decision was made in [FROM, UNTIL]:
# text → the latest moment at which it held.
sub possible {
    my ($self, $link, $from, $until) = @_;
    my %seen;

    for my $t ($from, $self->edges($link, $from, $until), $until) {
        my ($text) = $self->decide($link, $t);
        $seen{$text} = $t;
    }
    return \%seen;
}

# The latest valid_until that the design allows a circuit that was decided
# upon in [FROM, UNTIL].
sub valid_most {
    my ($self, $link, $from, $until) = @_;
    my ($text) = $self->decide($link, $until);
    my $most = $until + 30;

    for my $t ($self->edges($link, $until, $most)) {
        my ($then) = $self->decide($link, $t);
        return min($most, $t + VALID_PAST) if $then ne $text;
    }
    return $most;
}

# What is kept of a type: [start, end, watts, phase].
sub spans {
    my ($self, $type) = @_;
    my $timeline = $self->{types}{$type} or return ();

    return map { my $lane = $_; map { [@$_, (qw(ALL ONE TWO THREE))[$lane]] }
        @{$timeline->{lanes}[$lane]} } 0 .. 3;
}

# The same spans in one form, whoever wrote them: in each lane those that say
# the same one after the other are one.
sub joined {
    my @spans = map { [map({ sprintf '%.3f', $_ } @$_[0 .. 2]),
        $LANE{$_->[3]}] } @_;
    my @joined;

    for my $span (sort { $a->[3] <=> $b->[3] || $a->[0] <=> $b->[0] } @spans) {
        my $last = $joined[-1];
        if ($last && $last->[1] == $span->[0] && $last->[2] == $span->[2]
            && $last->[3] == $span->[3])
        {
            $last->[1] = $span->[1];
        } else {
            push @joined, $span;
        }
    }
    return map { join ' ', @$_ } @joined;
}

1;
