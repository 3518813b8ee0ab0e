# What was owed to the peers: every window of every group told once, with the
# energy that an independent calculation gives; every adjustment and compliance
# error; all in order, each message under one request id and with one content,
# and each with one end.

package OSCP::Torture::Windows;

use strict;
use warnings;

use OSCP::Meter;
use OSCP::Torture::Facts;
use OSCP::Torture::Schedule;

use constant {
    LENGTH   => 3000,      # ms: measurement_window
    GRACE    => 1,         # s: measurement_grace
    EXACT    => 0.003,     # Wh
};

my $OWED = qr/^(?:update_|adjust_group|group_capacity_compliance_error)/;
my %MADE = (
    'adjustment requested' => 'adjust_group_capacity_forecast',
    'compliance begun' => 'group_capacity_compliance_error',
    'compliance told' => 'group_capacity_compliance_error',
);
my $WITHDRAWN = qr/^(?:replaced\ by\ another\ one
    |disconnected\ by\ the\ operator)$/x;

sub check {
    my ($class, $facts, $found) = @_;
    my $self = bless { facts => $facts, found => $found, meters => {},
        count => { windows => 0, skipped => 0, samples => 0, out => 0 } },
        $class;

    $self->_samples;
    for my $shard (0 .. $facts->stage->SHARDS - 1) {
        my %groups;
        push @{$groups{"$_->{conn} $_->{group}"}}, $_
            for grep { $_->{event} =~ /^window/ } $facts->events($shard);
        $self->_windows($shard, $_, @{$groups{$_}}) for sort keys %groups;
        $self->_wishes($facts->events($shard));
    }
    $self->_messages($_->{name}) for @OSCP::Torture::Schedule::CONNECTIONS;
    return $self->{count};
}

# The samples that were taken: all that were answered 204 but for those of
# which the audit says, and may say, otherwise.
sub _samples {
    my ($self) = @_;

    for my $sample (map { @{$_->{list}} } @{$self->{facts}{meters} // []}) {
        my $meter = $self->{meters}{$sample->{group}}
            //= OSCP::Meter->new(length => LENGTH);
        $meter->add($sample->{asset}, at => _ms($sample->{at}),
            import => 1000 * $sample->{energy_import_wh},
            power => $sample->{power_w});
        $self->{count}{samples}++;
    }
    for my $e (grep { $_->{event} eq 'sample_refused' }
        $self->{facts}->all_events)
    {
        my $data = $e->{data};
        my $key = join ' ', map { $data->{sample}{$_} || $data->{entry} }
            qw(asset at);
        $self->{found}->(twice => $e->{t}, "the sample $key was refused twice:"
            . " $data->{why}") if $self->{refused}{$key}++;
        $self->{found}->(sample => $e->{t}, "$key: $data->{why}")
            if $data->{why} !~ /^too late/;
        my ($asset, $at) = split / /, $key;
        my $meter = $self->{meters}{$asset =~ s/-CH\d+$//r} or next;
        $meter->remove($asset, _ms($at)) if $meter->{assets}{$asset};
    }
    return;
}

sub _ms {
    my ($text) = @_;

    return sprintf '%.0f', 1000 * (OSCP::Torture::Facts::seconds($text) // 0);
}

# They follow each other without a gap, and say what the meters said.
sub _windows {
    my ($self, $shard, $name, @events) = @_;
    my ($conn, $group) = split / /, $name;
    my $last;

    for my $e (@events) {
        my ($from, $until) = map { _ms($e->{data}{$_}) } qw(from until);
        $self->{found}->(window => $e->{t}, "$name: the window from"
            . " $e->{data}{from} comes after the one until $last->{data}{until}")
            if $last && $from != _ms($last->{data}{until});
        $last = $e;
        my $want = $self->{meters}{$group}
            ? $self->{meters}{$group}->window($from, $until)
            : { state => 'empty' };
        if ($e->{event} eq 'window_skipped') {
            $self->{count}{skipped} += $e->{data}{windows} // 1;
            $self->_skipped($shard, $name, $e) if $want->{state} eq 'complete'
                && $until - $from == LENGTH;
            next;
        }
        $self->{count}{windows}++;
        push @{$self->{owed}{$conn}}, [$e, $_, $e->{data}{messages}{$_}]
            for reverse sort keys %{$e->{data}{messages} // {}};
        $self->{found}->(window => $e->{t}, "$name: $e->{data}{from}: "
            . "$e->{data}{import_wh} Wh, not "
            . ($want->{state} eq 'complete' ? $want->{import} / 1000
                : "told: $want->{state}"))
            if $want->{state} ne 'complete'
            || abs($e->{data}{import_wh} - $want->{import} / 1000) > EXACT;
    }
    return;
}

# Skipped though the meters had said all: only a disturbance explains it.
sub _skipped {
    my ($self, $shard, $name, $e) = @_;
    my ($conn) = split / /, $name;
    my $health = $self->{facts}->health;
    my $from = OSCP::Torture::Facts::seconds($e->{data}{from}) - LENGTH / 1000;

    return if $e->{data}{why} =~ /disabled|joined|first/
        || !$health->healthy($shard, $from, $e->{t})
        || $health->disturbed($from, $e->{t}, 'ingest')
        || !$health->true_clock($from, $e->{t});
    $self->{found}->(window => $e->{t}, "$name: the window from"
        . " $e->{data}{from} was skipped: $e->{data}{why}");
    return;
}

# What operators asked for, and excesses that were measured.
sub _wishes {
    my ($self, @events) = @_;

    for my $e (@events) {
        my $req = $e->{data}{req} // next;
        my $message = $MADE{"$e->{event} " . ($e->{data}{state} // '')}
            // next;
        # One that was refused and sent again is requested once more.
        next if $message =~ /^adjust/ && $e->{by} eq 'worker';
        push @{$self->{owed}{$e->{conn}}}, [$e, $message, $req];
    }
    return;
}

# Each message that was owed reached the peer, in order, and has one end.
sub _messages {
    my ($self, $conn) = @_;
    my (%came, %end, $before);

    push @{$came{$_->{id} // ''}}, $_ for grep { $_->{message} =~ $OWED }
        $self->{facts}->peer($conn, 'in');
    push @{$end{$_->{data}{req} // ''}}, $_ for grep { ($_->{conn} // '')
        eq $conn && $_->{event} =~ /^(?:delivered|dead|given_up)$/ }
        $self->{facts}->all_events;
    # In the order of the audit; of one window the group's comes first.
    for my $owed (sort { $a->[0]{n} <=> $b->[0]{n} }
        @{$self->{owed}{$conn} // []})
    {
        my ($e, $message, $req) = @$owed;
        my @tries = @{delete $came{$req} // []};
        my $what = "$conn: $message $req of " . ($e->{data}{from} // $e->{at});
        $self->{count}{out}++;
        next if $self->_end($what, $e, @{$end{$req} // []}) eq 'withdrawn';
        if (!grep { ($_->{status} // 0) =~ /^2/ } @tries) {
            $self->{found}->(window => $e->{t}, "$what never reached the peer");
            next;
        }
        my %bodies = map { $_->{body} => 1 } @tries;
        $self->{found}->(window => $e->{t}, "$what has " . keys(%bodies)
            . ' contents') if keys %bodies > 1;
        $self->{found}->(window => $e->{t}, "$what came before " . $before->[1])
            if $before && $tries[0]{n_all} < $before->[0];
        $before = [$tries[0]{n_all}, $what];
        $self->{found}->(window => $e->{t}, "$what is invalid: "
            . join ', ', @{$tries[0]{errors}}) if !$tries[0]{valid};
    }
    $self->{found}->(unknown => $came{$_}[0]{t}, "$conn: $came{$_}[0]{message}"
        . " $_ came, which nobody owes") for sort keys %came;
    return;
}

# How it ended: what an operator has ended or replaced need not arrive.
sub _end {
    my ($self, $what, $e, @ends) = @_;

    return 'withdrawn' if @ends == 1 && $ends[0]{event} eq 'given_up'
        && $e->{event} eq 'adjustment' && $ends[0]{data}{why} =~ $WITHDRAWN;
    $self->{found}->(window => $e->{t}, "$what has " . @ends . ' ends: '
        . join ', ', map { "$_->{event} " . ($_->{data}{why} // '') } @ends)
        if @ends != 1 || $ends[0]{event} ne 'delivered';
    return 'delivered';
}

1;
