# Whether each circuit said, at every instant at which it was looked at, what
# the rules allow: the audit is followed event by event, each forecast as its
# sender wrote it down, and every look is judged by what had taken effect.

package OSCP::Torture::Circuits;

use strict;
use warnings;

use List::Util qw(max min);
use POSIX ();

use OSCP::Process qw(slow);
use OSCP::Torture::Facts;
use OSCP::Torture::Model;
use OSCP::Torture::Stage;

use constant {
    LATE      => 0.3 * slow(),  # s that a change may take when all is well
    LATE_MOST => 1.0,      # s more when nobody acts: valid_until ends then
    LAG_SPAN  => 2,        # s: how far back the looker's own lag counts
    ROUNDING  => 0.02,
};

# check(FACTS, FOUND): FOUND is called with each violation.  Returns how many
# looks at circuits there were, and how many of them on a shard in order.
sub check {
    my ($class, $facts, $found) = @_;
    my $self = bless { facts => $facts, found => $found, looks => 0,
        sound => 0, health => $facts->health }, $class;

    for my $shard (0 .. $facts->stage->SHARDS - 1) {
        $self->_shard($shard);
    }
    return { looks => $self->{looks}, sound => $self->{sound} };
}

sub _shard {
    my ($self, $shard) = @_;
    my @events = $self->{facts}->events($shard);
    my @samples = $self->{facts}->samples($shard);

    $self->{groups} = { map { ("$_->{conn} $_->{group}" => { %$_,
        model => OSCP::Torture::Model->new(%$_) }) }
        grep { $_->{shard} == $shard } $self->{facts}->stage->groups };
    $self->{conns} = {};
    $self->{sound_at} = 0;
    for my $i (0 .. $#samples) {
        my $sample = $samples[$i];
        while (@events && !OSCP::Torture::Facts::id_before($sample->{last},
            $events[0]{id}))
        {
            $self->_event(shift @events);
        }
        $sample->{lag} = _lag(\@samples, $i);
        $self->_sample($shard, $sample);
    }
    $self->_event($_) for @events;
    $self->_kept($_) for sort keys %{$self->{groups}};
    return;
}

# What is kept of the forecasts in the end is what the model keeps.
sub _kept {
    my ($self, $name) = @_;

    for my $type (qw(CONSUMPTION FALLBACK_CONSUMPTION)) {
        my %want = map { $_ => 1 } OSCP::Torture::Model::joined(
            $self->{groups}{$name}{model}->spans($type));
        my @kept = OSCP::Torture::Model::joined(
            map { [map({ OSCP::Torture::Facts::seconds($_) } @$_[0, 1]),
                @$_[2, 3]] } @{$self->{facts}->forecasts($name, $type)});
        my @more = grep { !delete $want{$_} } @kept;
        $self->{found}->(forecast => $self->{facts}{end}, "$name $type: kept"
            . ' is ' . join(', ', @more) . ', not ' . join ', ',
            sort keys %want) if @more || %want;
    }
    return;
}

# How late the looker itself was: as late a worker may be.
sub _lag {
    my ($samples, $i) = @_;
    my $lag = $samples->[$i]{at} - $samples->[$i]{before};

    for (my $j = $i; $j > 0; $j--) {
        last if $samples->[$i]{at} - $samples->[$j]{at} > LAG_SPAN;
        $lag = max $lag, $samples->[$j]{at} - $samples->[$j - 1]{at} - 0.03;
    }
    return $lag;
}

# What an event of the audit changes.
sub _event {
    my ($self, $e) = @_;
    my $data = $e->{data};
    my $conn = $self->{conns}{$e->{conn} // ''} //= { enabled => 1 };
    my $group = $self->{groups}{join ' ', $e->{conn} // '', $e->{group} // ''};

    if ($e->{event} eq 'forecast') {
        my $message = $self->{facts}->messages->{$data->{req} // ''};
        $group->{model}->apply($message->{type}, $message->{blocks})
            if $message && $group;
    } elsif ($e->{event} eq 'command' && $data->{op} =~ /able$|connect$/
        && $data->{outcome} =~ /^(?:done|unchanged)$/)
    {
        $self->_command($data->{op}, $conn, $group, $e);
    } elsif ($e->{event} eq 'ignored') {
        # What came to a closed door is not heard of any more.
        $self->{told}{$data->{req} // ''} = 1;
    } elsif ($e->{event} eq 'state') {
        $self->{found}->(state => $e->{t}, "$e->{conn}: $data->{from} to"
            . " $data->{to} after $conn->{state}")
            if defined $conn->{state} && $conn->{state} ne $data->{from};
        $conn->{state} = $data->{to};
        $self->_liveness($e, $conn) if ($data->{why} // '') =~ /liveness/;
    }
    return;
}

sub _command {
    my ($self, $op, $conn, $group, $e) = @_;

    if ($group) {
        $group->{model}->enable($op eq 'enable' ? 1 : 0);
    } elsif ($op eq 'enable' || $op eq 'disable') {
        $conn->{enabled} = $op eq 'enable' ? 1 : 0;
    } elsif ($op eq 'connect') {
        $conn->{disconnected} = 0;
    } elsif ($op eq 'disconnect') {
        $conn->{disconnected} = 1;
        $_->{model}->clear for grep { $_->{conn} eq $e->{conn} }
            values %{$self->{groups}};
    }
    return;
}

# Lost by the rules only if no heartbeat that was answered 204 before promised
# more.  The newest counts, and which that was is known only when they did not
# overtake each other.  It is judged at the event's own moment, which a slow
# link may bring to Redis much later.
sub _liveness {
    my ($self, $e, $conn) = @_;
    my $at = OSCP::Torture::Facts::seconds($e->{at});
    my $before = min($e->{t}, $at) - LATE;

    return unless $self->{health}->true_clock($before - 30, $e->{t});
    my @beats = grep { $_->{t} < $before && $_->{t} > $before - 30 }
        grep { $_->{message} eq 'heartbeat' }
        $self->{facts}->peer($e->{conn}, 'out');
    my @good = grep { ($_->{status} // 0) == 204
        && $_->{t} + $_->{ms} / 1000 < $before } @beats or return;
    my $newest = max map { $_->{t} } @good;
    my @rivals = grep { $_->{t} + ($_->{ms} // 30_000) / 1000 >= $newest }
        @beats;
    my ($least) = sort { $a <=> $b } map { _promise($_) } @rivals;

    $self->{found}->(liveness => $e->{t}, "$e->{conn}: liveness lost at"
        . " $e->{at}, but a heartbeat answered 204 promised "
        . _clock($least)) if $least > $at + ROUNDING;
    return;
}

sub _promise {
    my ($beat) = @_;
    my ($text) = ($beat->{body} // '') =~ /"offline_mode_at":"([^"]+)"/;

    return OSCP::Torture::Facts::seconds($text) // 0;
}

sub _sample {
    my ($self, $shard, $sample) = @_;
    my $health = $self->{health};
    my $at = $sample->{at};
    my $late = LATE + 2 * $sample->{lag};
    my $sound = $health->healthy($shard, $at - $late, $at);

    $self->{sound_at} = $at if $sound;
    for my $name (sort keys %{$sample->{conns}}) {
        $self->_conn($name, $sample, $sound);
    }
    for my $key (sort keys %{$self->{groups}}) {
        my $group = $self->{groups}{$key};
        $self->{looks}++;
        $self->{sound}++ if $sound;
        my $span = $late + ($sound ? 0 : LATE_MOST);
        $self->_circuit($group, $sample, { sound => $sound, late => $late,
            span => $span, now => $at + $health->offset($at),
            nows => [map { $at + $_ } $health->offsets($at - $span, $at)] });
    }
    return;
}

# A connection's hash against the audit and the peer's heartbeats.
sub _conn {
    my ($self, $name, $sample, $sound) = @_;
    my ($state, $enabled, $disconnected, $offline, $received)
        = @{$sample->{conns}{$name}};
    my $conn = $self->{conns}{$name} //= { enabled => 1 };

    return if $state eq '';
    $conn->{online} = $state eq 'online';
    $conn->{liveness} = OSCP::Torture::Facts::seconds($offline) // 0;
    $self->_promised($name, $sample, $conn->{liveness}) if $conn->{online}
        && !$self->{promised}{$name}{$offline}++;
    $self->{found}->(state => $sample->{at}, "$name is $state, its last"
        . " event says $conn->{state}")
        if defined $conn->{state} && $conn->{state} ne $state;
    $self->_heard($name, $sample, OSCP::Torture::Facts::seconds($received))
        if $sound && $conn->{enabled} && !$conn->{disconnected};
    return;
}

# Liveness ends when a heartbeat of the peer said so, or by what a handshake
# gives it.
sub _promised {
    my ($self, $name, $sample, $until) = @_;
    my $facts = $self->{facts};

    return unless $self->{health}->true_clock($sample->{at} - 30,
        $sample->{at});
    return if grep { $_->{message} eq 'heartbeat'
        && abs(_promise($_) - $until) < 0.002 } $facts->peer($name, 'out');
    # A heartbeat that its sender did not live to write down.
    my $margin = 3 * OSCP::Torture::Stage->INTERVAL;
    return if $self->{health}->killed($name, $until - $margin - ROUNDING,
        min($until, $sample->{at}));
    my $last = max 0, map { $_->{t} + ($_->{ms} // 2000) / 1000 }
        grep { $_->{message} =~ /^handshake/ && $_->{t} <= $sample->{at} }
        $facts->peer($name, 'out'), $facts->peer($name, 'in');
    $self->{found}->(liveness => $sample->{at}, "$name is online until "
        . _clock($until) . ', which no heartbeat promised, nor the handshake'
        . ' of ' . _clock($last))
        if $until > $last + $margin + LATE;
    return;
}

# The latest heartbeat that was answered 204 must have been taken in.
sub _heard {
    my ($self, $name, $sample, $received) = @_;
    my $list = $self->{beats}{$name} //= [sort { $a->[1] <=> $b->[1] }
        map { [$_->{t}, $_->{t} + $_->{ms} / 1000, $_] }
        grep { $_->{message} eq 'heartbeat' && ($_->{status} // 0) == 204 }
        $self->{facts}->peer($name, 'out')];
    my $late = LATE + 2 * $sample->{lag};

    shift @$list while @$list > 1 && $list->[1][1] < $sample->{at} - $late;
    return if !@$list || $list->[0][1] >= $sample->{at} - $late;
    my $beat = $list->[0];
    return if $self->{told}{$beat->[2]{id}};
    # A worker that begins on a clock which is behind has it as of then.
    my $behind = min 0, $self->{health}->offsets($beat->[0], $sample->{at});
    return if defined $received
        && $received >= $beat->[0] + $behind - ROUNDING;
    # What a link has held back may be stored behind what came after it.
    return if $self->{health}->disturbed($beat->[0], $sample->{at}, 'ingest');
    $self->{told}{$beat->[2]{id}} = 1;
    $self->{found}->(heartbeat => $sample->{at}, "$name: the heartbeat"
        . " $beat->[2]{id} was answered 204 at " . _clock($beat->[1])
        . ', the last one known came at ' . _clock($received));
    return;
}

# LOOK: now (on the workers' clock), nows (by all that it was off by in the
# last `span`), late, sound.
sub _circuit {
    my ($self, $group, $sample, $look) = @_;
    my ($watts, $control, $valid_text) = @{$sample->{circuits}
        {$group->{circuit}}};
    my $link = $self->{conns}{$group->{conn}};
    my $now = $look->{now};

    return if $control eq '' && !$self->{sound_at};
    my $seen = OSCP::Torture::Model::value_text($watts, $control);
    my $valid = OSCP::Torture::Facts::seconds($valid_text) // 0;
    # Just after a step of the clock what was decided before it still stands.
    my $allowed = { map { %{$group->{model}->possible($link,
        $_ - $look->{span}, $_ + ROUNDING)} } sort { $a <=> $b }
        @{$look->{nows}} };
    # Nobody acts: what was right stays, and ends when it says so.
    my $stays = !$look->{sound}
        && ($group->{right} // '') eq "$seen $valid_text";
    my $why;

    if (defined(my $held = $allowed->{$seen})) {
        return if $stays;
        $group->{right} = "$seen $valid_text";
        my $most = max $group->{model}->valid_most($link, $held, $held),
            $look->{sound} ? 0 : $self->_moved($group, $sample, $now);
        $why = 'valid until ' . _clock($valid) . ', at most '
            . _clock($most) . ' is allowed'
            if $valid > $most + $look->{late};
        $why = 'valid until ' . _clock($valid) . ' was not renewed'
            if $look->{sound} && $valid < $now - $look->{late};
    } elsif ($stays || (!$look->{sound} && $valid < $now)) {
        return;
    } else {
        $why = "not $seen but " . join ' or ', sort keys %$allowed;
    }
    $self->_tell($group, $sample, $look, $why) if $why;
    return;
}

# When the clock was put back, what was written before reaches further.
sub _moved {
    my ($self, $group, $sample, $now) = @_;
    my $ahead = $self->{health}->offset_most($self->{sound_at}, $sample->{at})
        - $self->{health}->offset($sample->{at});

    return $ahead > 0 ? $now + $ahead + 30 : 0;
}

# Once for each thing that is wrong, not for each look at it.
sub _tell {
    my ($self, $group, $sample, $look, $why) = @_;

    return if ($group->{wrong} // '') eq $why;
    $group->{wrong} = $why;
    $self->{found}->(circuit => $sample->{at}, "$group->{circuit}: $why"
        . sprintf ' (seen %s, event %s, %s, lag %.0f ms)',
        join(' ', @{$sample->{circuits}{$group->{circuit}}}), $sample->{last},
        $look->{sound} ? 'in order' : 'disturbed', $sample->{lag} * 1000);
    return;
}

sub _clock {
    my ($t) = @_;

    return defined $t && $t ? POSIX::strftime('%H:%M:%S', gmtime $t)
        . sprintf('.%03d', ($t - int $t) * 1000) : 'never';
}

1;
