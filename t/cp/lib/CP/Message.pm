# Builds the messages that we send, with the quirks that concern their form.

package CP::Message;
use Mojo::Base -base, -signatures;

use JSON::PP ();
use Mojo::JSON qw(encode_json);

use CP::Clock qw(duration_ms time_ms);

has [qw(clock quirks)];

my %UNITS = (kw => 'KW', w => 'W', a => 'A', wh => 'WH', kwh => 'KWH');

# Bytes of a body.
sub encode ($self, $json) {
    return $self->quirks->on('H12')
        ? JSON::PP->new->utf8->canonical->indent->space_after
            ->indent_length(4)->encode($json)
        : encode_json($json);
}

# A moment, in the form that goes out.
sub time ($self, $ms) {
    return $self->clock->format($ms, $self->quirks->on('H8'));
}

# Handshake or acknowledge.  `interval` in seconds and `measurement` (a list)
# may be undef: then they are left out.  `dialect`: nested, flat or empty.
sub behaviour ($self, $interval, $measurement, $dialect = undef) {
    my %behaviour;

    $dialect //= $self->quirks->on('H1') || 'nested';
    $behaviour{heartbeat_interval} = 0 + $interval if defined $interval;
    $behaviour{measurement_configuration} = $measurement if $measurement;
    return {} if $dialect eq 'empty';
    return \%behaviour if $dialect eq 'flat';
    die "dialect=nested, flat or empty\n" if $dialect ne 'nested';
    return { required_behaviour => \%behaviour };
}

sub heartbeat ($self, $ahead_ms) {
    return {
        offline_mode_at => $self->time($self->clock->now_ms + $ahead_ms)
    };
}

# A moment as commands write it: now, aligned (the latest multiple of
# `length_ms`), +5s, -5m, or a date-time.
sub moment ($self, $text, $length_ms = 1) {
    my $now = $self->{now_ms} // $self->clock->now_ms;

    return $now if $text eq 'now';
    return $now - $now % $length_ms if $text eq 'aligned';
    if ($text =~ /^[+-]/) {
        my $ms = duration_ms($text) // die "$text: not a duration\n";
        return $now + $ms;
    }
    return time_ms($text) // die "$text: not a moment\n";
}

# An UpdateGroupCapacityForecast from a command's options:
#   group, type                           CONSUMPTION by default
#   kw= w= a= wh= kwh=                    capacities, repeated over the blocks
#   blocks, minutes | seconds | length    96 × 15 min, say
#   start                                 aligned by default
#   phase                                 ALL; a list: a block for each
#   block=START/END/CAPACITY/UNIT/PHASE   any number of single blocks
sub forecast ($self, $o) {
    # One "now" for all of it, so that blocks meet to the millisecond.
    local $self->{now_ms} = $self->clock->now_ms;
    my @blocks = map { $self->_single($_) } @{$o->{block} // []};

    die "forecast: which group?\n" unless defined $o->{group};
    push @blocks, $self->_series($o)
        if !@blocks || grep { defined $o->{$_} } keys %UNITS;
    if ($self->quirks->on('H13')) {
        $_->{capacity} = $self->_capacity(0) for @blocks;
    }
    return {
        group_id => $o->{group}, type => $o->{type} // 'CONSUMPTION',
        forecasted_blocks => \@blocks,
    };
}

sub _series ($self, $o) {
    my ($key, $more) = grep { defined $o->{$_} } sort keys %UNITS;
    die "forecast: one of kw=, w=, a=, wh=, kwh=\n"
        if !defined $key || defined $more;
    my @values = split /,/, $o->{$key};
    my $length = duration_ms($o->{length} // (
        defined $o->{seconds} ? "$o->{seconds}s"
        : ($o->{minutes} // 15) . 'm')) || die "forecast: length of a block\n";
    my $start = $self->moment($o->{start} // 'aligned', $length);
    my @blocks;

    for my $i (0 .. ($o->{blocks} // @values) - 1) {
        push @blocks, map { $self->_block($start + $i * $length,
            $start + ($i + 1) * $length, $values[$i % @values],
            $UNITS{$key}, $_) } split /,/, $o->{phase} // 'ALL';
    }
    return @blocks;
}

sub _single ($self, $text) {
    my ($start, $end, $capacity, $unit, $phase) = split m{/}, $text;
    die "block=START/END/CAPACITY[/UNIT[/PHASE]]\n"
        unless defined $capacity && length $capacity;
    return $self->_block($self->moment($start), $self->moment($end),
        $capacity, $unit // 'KW', $phase // 'ALL');
}

sub _block ($self, $start, $end, $capacity, $unit, $phase) {
    return {
        capacity => $self->_capacity($capacity), phase => $phase,
        unit => $unit, start_time => $self->time($start),
        end_time => $self->time($end),
    };
}

sub _capacity ($self, $value) {
    die "$value: not a capacity\n" unless $value =~ /^-?\d+(?:\.\d+)?$/;
    return $self->quirks->on('H6') ? "$value" : 0 + $value;
}

# A forecast in `n` segments: each a complete message with a part of the list.
sub segments ($self, $forecast, $n) {
    my @blocks = @{$forecast->{forecasted_blocks}};
    my @parts;

    die "segments=$n: there are " . @blocks . " blocks\n" if $n > @blocks;
    for my $i (0 .. $n - 1) {
        my ($from, $to) = map { int($_ * @blocks / $n) } $i, $i + 1;
        push @parts, { %$forecast,
            forecasted_blocks => [@blocks[$from .. $to - 1]] };
    }
    return @parts;
}

sub register ($self, $token, $url, $versions) {
    return {
        token => $token,
        version_url => [
            map { { version => $_, base_url => $url } } split /,/, $versions
        ],
    };
}

1;
