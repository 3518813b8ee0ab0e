# What meters say, worked out independently of the program: a plant's samples,
# with everything that disturbs them, and the energy of each window by plain
# arithmetic over whole milliwatt-hours.
#
#   my $meter = OSCP::Meter->new(length => 900_000);
#   $meter->add('CH1', at => $ms, import => $mwh, export => $mwh, power => $w);
#   my $want = $meter->window($start_ms);   # { state => 'complete', ... }

package OSCP::Meter;

use strict;
use warnings;

# new(length => MS): the window's length.
sub new {
    my ($class, %o) = @_;

    return bless { %o, assets => {} }, $class;
}

# A sample that counts: at, import, and maybe export and power.
sub add {
    my ($self, $asset, %sample) = @_;
    my $list = $self->{assets}{$asset} //= [];

    push @$list, \%sample;
    @$list = sort { $a->{at} <=> $b->{at} } @$list;
    return;
}

# Takes back the sample of that moment, which was never sent.
sub remove {
    my ($self, $asset, $at) = @_;
    my $list = $self->{assets}{$asset};

    @$list = grep { $_->{at} != $at } @$list;
    delete $self->{assets}{$asset} if !@$list;
    return;
}

# The neighbours of a moment: the last sample up to it, the first behind it.
sub _around {
    my ($list, $at) = @_;
    my ($before) = grep { $_->{at} <= $at } reverse @$list;
    my ($behind) = grep { $_->{at} > $at } @$list;

    return ($before, $behind);
}

# Energy from the first sample on until `at`; a fall counts from zero.
sub _counted {
    my ($list, $what, $at) = @_;
    my $sum = 0;

    for my $i (0 .. $#$list - 1) {
        my ($x, $y) = @$list[$i, $i + 1];
        last if $x->{at} >= $at;
        my $more = $y->{$what} >= $x->{$what} ? $y->{$what} - $x->{$what}
            : $y->{$what};
        my $span = $y->{at} - $x->{at};
        my $part = $at < $y->{at} ? $at - $x->{at} : $span;
        use integer;
        $sum += ($more * $part + $span / 2) / $span;
    }
    return $sum;
}

# What was exported, by the samples that tell it; undef where none in reach does.
sub _export {
    my ($list, $start, $from, $end, $length) = @_;
    my @told = grep { defined $_->{export} } @$list;
    my ($last) = _around(\@told, $end);
    return undef if !$last || $start - $last->{at} > $length;

    my ($first, $next) = _around(\@told, $from);
    $from = $next->{at} if !$first || $start - $first->{at} > $length;
    for my $at ($from, $end) {
        my ($x, $y) = _around(\@told, $at);
        next if $x->{at} == $at;
        return 'missing' if !$y || $y->{at} - $x->{at} > $length;
    }
    return _counted(\@told, 'export', $end) - _counted(\@told, 'export', $from);
}

# One asset's window.
sub _reading {
    my ($self, $list, $start, $end) = @_;
    my $length = $self->{length};
    my $from = $start;
    my ($before) = _around($list, $start);

    if (!grep { $_->{at} >= $start && $_->{at} < $end } @$list) {
        return { state => 'absent' }
            if !$before || $start - $before->{at} > $length;
    }
    $from = $list->[0]{at}
        if $list->[0]{at} > $start && $list->[0]{at} < $end;
    for my $at ($from, $end) {
        my ($x, $y) = _around($list, $at);
        next if $x && $x->{at} == $at;
        return { state => 'missing' }
            if !$x || !$y || $y->{at} - $x->{at} > $length;
    }
    my $export = _export($list, $start, $from, $end, $length);
    return { state => 'missing' } if defined $export && $export eq 'missing';
    my ($power) = grep { defined $_->{power} && $_->{at} <= $end
        && $end - $_->{at} <= $length } reverse @$list;
    return { state => 'complete', joined => $from != $start,
        import => _counted($list, 'import', $end)
            - _counted($list, 'import', $from),
        defined $export ? (export => $export) : (),
        power => $power ? $power->{power} : undef };
}

# The group's window that begins at `start`: state (empty, missing, joined,
# complete), import and export in mWh, power in watts or undef, net, assets.
sub window {
    my ($self, $start, $end) = @_;
    my %all = map { $_ => $self->_reading($self->{assets}{$_}, $start,
        $end // $start + $self->{length}) } keys %{$self->{assets}};
    my %there = map { $all{$_}{state} eq 'absent' ? () : ($_ => $all{$_}) }
        keys %all;
    my @list = values %there;
    my %sum = (import => 0, power => 0, assets => \%there);

    $sum{state} = !@list ? 'empty'
        : (grep { $_->{state} eq 'missing' } @list) ? 'missing'
        : (grep { !$_->{joined} } @list) ? 'complete' : 'joined';
    return \%sum if $sum{state} ne 'complete';
    # An export register of the group's exists also while its asset is away.
    for my $samples (values %{$self->{assets}}) {
        my ($last) = _around($samples, $end // $start + $self->{length});
        $sum{export} = 0 if $last && defined $last->{export};
    }
    for my $one (@list) {
        $sum{import} += $one->{import};
        $sum{export} = ($sum{export} // 0) + $one->{export}
            if defined $one->{export};
        $sum{power} = defined $sum{power} && defined $one->{power}
            ? $sum{power} + $one->{power} : undef;
    }
    $sum{net} = $sum{import} - ($sum{export} // 0);
    return \%sum;
}

1;
