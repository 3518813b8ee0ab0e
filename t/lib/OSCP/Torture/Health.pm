# When a shard was in order: somebody owned it, had loaded it and was not
# disturbed.  In such times the rules hold to the tolerance of a busy machine;
# in others they hold as section 9 of the design says.

package OSCP::Torture::Health;

use strict;
use warnings;

use List::Util qw(max min);

use constant {
    SETTLE   => 0.3,       # s after "running" until all is written
    GRACE    => 1.2,       # s after a disturbance until its last bytes came
    TAKEOVER => 11,        # s: twice the lease, and a second for the loading
};

# new(journal => [], samples => [log lines among them], end => TIME)
sub new {
    my ($class, %o) = @_;
    my $self = bless { end => $o{end}, windows => [], owners => {},
        offsets => [[0, 0]] }, $class;

    $self->_windows(@{$o{journal}});
    $self->_owners($o{journal}, $o{logs});
    return $self;
}

# Disturbances, each [from, until, whom it touches, text]: `all` shards, a
# worker, `ingest`, or a peer.
sub _windows {
    my ($self, @journal) = @_;
    my %open;

    for my $e (@journal) {
        push @{$self->{offsets}}, [$e->{t}, $e->{offset_ms} / 1000]
            if $e->{what} eq 'clock';
        next unless $e->{what} =~ /^(?:begin|end)$/;
        my $key = "$e->{kind} $e->{target} $e->{at}";
        if ($e->{what} eq 'begin') {
            $open{$key} = $e;
            next;
        }
        my $begin = delete $open{$key} or next;
        my $whom = _whom($e);
        push @{$self->{windows}}, $e->{kind} eq 'clock_step'
            ? map { [$_->{t} - 0.5, $_->{t} + 0.5, $whom, $e->{kind}] }
                $begin, $e
            : [$begin->{t}, $e->{t}, $whom, "$e->{kind} $e->{target}"];
    }
    push @{$self->{windows}}, map { [$_->{t}, $self->{end}, _whom($_),
        "$_->{kind} $_->{target}"] } values %open;
    return;
}

sub _whom {
    my ($e) = @_;

    return 'all' if $e->{kind} =~ /^(?:redis|clock)/;
    return 'ingest' if $e->{kind} =~ /^nginx/
        || $e->{target} =~ /^link:(?:nginx|fp)$/;
    return $e->{target} =~ s/^(?:link:|cp-)//r;
}

# Who runs a shard from when on, by what the workers' logs say and what was
# done to them: [time, worker or undef].
sub _owners {
    my ($self, $journal, $logs) = @_;
    my @all = sort { $a->{t} <=> $b->{t} } @$logs,
        grep { $_->{what} eq 'begin' && $_->{kind} =~ /^worker_(?:kill|term)$/ }
        @$journal;

    for my $e (@all) {
        my $part = $e->{part} // $e->{target};
        for my $shard (defined $e->{shard} ? $e->{shard} : (0, 1)) {
            my $list = $self->{owners}{$shard} //= [[0, undef]];
            my $owner = $list->[-1][1];
            if (($e->{text} // '') eq 'running') {
                push @$list, [$e->{t}, $part];
            } elsif (defined $owner && $owner eq $part
                && ($e->{text} // 'begins again') =~ /^(?:begins\ again
                    |goes\ to\ a\ worker|the\ shard\ is\ given\ back)/x)
            {
                push @$list, [$e->{t}, undef];
            }
        }
    }
    return;
}

# The worker that ran a shard throughout, or undef.
sub owner {
    my ($self, $shard, $from, $until) = @_;
    my $owner;

    for my $change (@{$self->{owners}{$shard} // []}) {
        last if $change->[0] > $until;
        if ($change->[0] <= $from) {
            $owner = $change->[1];
        } else {
            return undef;
        }
    }
    return $owner;
}

# Whether someone of `whom` was disturbed in a time, or just before it.
sub disturbed {
    my ($self, $from, $until, @whom) = @_;
    my %whom = map { $_ => 1 } @whom;

    for my $w (@{$self->{windows}}) {
        return $w->[3] if $whom{$w->[2]} && $w->[0] <= $until
            && $w->[1] + GRACE >= $from;
    }
    return undef;
}

# When a peer was killed, in a time: what it sent last it has not written down.
sub killed {
    my ($self, $peer, $from, $until) = @_;

    return grep { $_ >= $from && $_ <= $until } map { $_->[0] }
        grep { $_->[2] eq $peer && $_->[3] =~ /^peer_kill/ }
        @{$self->{windows}};
}

sub healthy {
    my ($self, $shard, $from, $until) = @_;
    my $owner = $self->owner($shard, $from - SETTLE, $until) // return 0;

    return !$self->disturbed($from, $until, 'all', $owner);
}

# By how much the workers' clock was off.
sub offset {
    my ($self, $t) = @_;
    my ($last) = grep { $_->[0] <= $t } reverse @{$self->{offsets}};

    return $last->[1];
}

# All that it was off by in a time.
sub offsets {
    my ($self, $from, $until) = @_;
    my %offsets = map { $_ => 1 } $self->offset($from), map { $_->[1] }
        grep { $_->[0] >= $from && $_->[0] <= $until } @{$self->{offsets}};

    return keys %offsets;
}

# Whether it showed the true time, as the other parties' clocks do.
sub true_clock {
    my ($self, $from, $until) = @_;

    return !$self->offset($from)
        && !grep { $_->[0] >= $from && $_->[0] <= $until }
        @{$self->{offsets}};
}

# The greatest offset since a moment.
sub offset_most {
    my ($self, $since, $t) = @_;

    return max $self->offsets($since, $t);
}

# Times without an owner that nothing explains: [from, until].
sub orphaned {
    my ($self, $shard) = @_;
    my @list = @{$self->{owners}{$shard} // []};
    my @found;

    for my $i (0 .. $#list) {
        next if defined $list[$i][1] || !$list[$i][0];
        my $until = $i < $#list ? $list[$i + 1][0] : $self->{end};
        my $since = max $list[$i][0], map { min $_->[1], $until }
            grep { $_->[2] =~ /^(?:all|worker)/ && $_->[0] < $until
            && $_->[1] > $list[$i][0] } @{$self->{windows}};
        push @found, [$since, $until] if $until - $since > TAKEOVER;
    }
    return @found;
}

1;
