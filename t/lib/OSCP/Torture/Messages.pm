# Nothing acknowledged is lost, nothing takes effect twice: every message and
# every command against the audit, and what is left in Redis in the end.

package OSCP::Torture::Messages;

use strict;
use warnings;

use OSCP::Process qw(slow);
use OSCP::Torture::Facts;
use OSCP::Torture::Schedule;
use OSCP::Torture::Stage;

use constant {
    LATE     => 2 * slow(),    # s, on a machine that has other work
    SEGMENTS => 59,            # s that incomplete ones are waited for
};

# What the rules allow to be said of a message that was answered 204 and had
# no effect: the operator took control back meanwhile.
my $IGNORED = qr/^(?:the\ connection\ is\ disconnected
    |it\ was\ stored\ before\ the\ operator\ connected)$/x;

sub check {
    my ($class, $facts, $found) = @_;
    my $self = bless { facts => $facts, found => $found, count => {} }, $class;

    $self->_collect;
    $self->_forecast($_) for sort { $a->{id} cmp $b->{id} }
        values %{$facts->messages};
    $self->_unknown;
    $self->_order($_) for 0 .. $facts->stage->SHARDS - 1;
    $self->_commands;
    return $self->{count};
}

# Effects by request id.
sub _collect {
    my ($self) = @_;

    for my $e ($self->{facts}->all_events) {
        my $req = $e->{data}{req} // '';
        if ($e->{event} eq 'forecast' || $e->{event} eq 'ignored'
            || $e->{event} eq 'segment_expired')
        {
            push @{$self->{effects}{$req}}, $e;
        } elsif ($e->{event} eq 'command') {
            push @{$self->{answers}{$e->{cmd} // ''}}, $e;
            push @{$self->{by}{$e->{by} =~ s/^operator //r}}, $e;
        }
    }
    return;
}

# A forecast, in one message or in segments: their answers, their effects.
sub _forecast {
    my ($self, $message) = @_;
    my @answers = map { @$_ } values %{$message->{answers}};
    my @effects = map { @{$self->{effects}{$_} // []} } @{$message->{parts}};
    my @taken = grep { $_->{event} eq 'forecast' } @effects;
    my $what = "$message->{conn} $message->{group} $message->{id}";
    my $stored = _stored($message);
    my $fate = _fate($message, $stored);

    $self->{count}{$_}++ for 'sent', $fate,
        @{$message->{parts}} > 1 ? 'segmented' : ();
    $self->{count}{repeated} += @$_ - 1 for values %{$message->{answers}};
    $self->_lost($what, $message, $stored, @effects) if $stored;
    $self->_twice($what, $message, @effects);
    $self->_late($what, $stored, $taken[0]) if $stored && @taken;
    # A sender that died with its answer on the way has written no answer.
    $self->{found}->(refused => $taken[0]{t}, "$what was refused ("
        . join(' ', map { $_->{status} } @answers) . ') and took effect')
        if @taken && $fate eq 'refused';
    for my $e (grep { $_->{event} eq 'ignored' } @effects) {
        $self->{count}{ignored}++;
        $self->{found}->(ignored => $e->{t}, "$what: $e->{data}{why}")
            if $e->{data}{why} !~ $IGNORED;
    }
    return;
}

# When all of a message had been answered 204: the answer that made it whole.
sub _stored {
    my ($message) = @_;
    my @good = grep { defined } map {
        (grep { $_->{status} == 204 } @{$message->{answers}{$_} // []})[0]
    } @{$message->{parts}};

    return @good == @{$message->{parts}}
        ? (sort { $a->{t} <=> $b->{t} } @good)[-1] : undef;
}

# Refused is what had a part that was refused, and never a chance to be stored.
sub _fate {
    my ($message, $stored) = @_;

    return 'stored' if $stored;
    for my $answers (values %{$message->{answers}}) {
        return 'refused' unless grep { $_->{status} == 204
            || $_->{status} >= 500 } @$answers;
    }
    return 'unknown';
}

sub _lost {
    my ($self, $what, $message, $stored, @effects) = @_;
    my @good = grep { $_->{event} ne 'segment_expired' } @effects;

    $self->{found}->(lost => $stored->{t}, "$what was answered 204 and had no"
        . ' effect') if !@effects;
    return if @good || !@effects;
    $self->{found}->(lost => $effects[0]{t}, "$what was complete, and was"
        . ' dropped as incomplete')
        unless $self->_may_expire($message, $effects[0]);
    return;
}

# A minute was over, on the worker's clock; or the operator took control back.
sub _may_expire {
    my ($self, $message, $e) = @_;
    my ($first) = sort { $a <=> $b } map { $_->[0]{begun} }
        values %{$message->{answers}};

    return 1 if $e->{t} - $first >= SEGMENTS
        || !$self->{facts}->health->true_clock($first, $e->{t});
    return grep { $_->{event} eq 'command' && $_->{conn} eq $message->{conn}
        && $_->{data}{op} eq 'disconnect' && $_->{t} >= $first
        && $_->{t} <= $e->{t} + 1 } $self->{facts}->all_events;
}

sub _twice {
    my ($self, $what, $message, @effects) = @_;
    my %seen;

    for my $e (grep { $_->{event} ne 'segment_expired' } @effects) {
        # Of a forecast in segments each may be ignored, or all take effect.
        my $key = $e->{event} eq 'ignored' ? $e->{data}{req} : '';
        $seen{$key}{$e->{id}} = 1;
    }
    my ($most) = sort { keys %$b <=> keys %$a } values %seen;
    return if !$most || keys %$most == 1 && !($seen{''} && keys %seen > 1);
    $self->{found}->(twice => $effects[1]{t}, "$what had " . @effects
        . ' effects: ' . join ', ', map { "$_->{event} $_->{id}" } @effects);
    return;
}

# Where all was in order a message took effect at once.
sub _late {
    my ($self, $what, $stored, $effect) = @_;
    my ($conn) = split / /, $what;
    my $shard = OSCP::Torture::Stage::shard($conn);

    return if $effect->{t} < $stored->{t} + LATE || !$self->{facts}->health
        ->healthy($shard, $stored->{begun}, $effect->{t});
    $self->{found}->(late => $effect->{t}, sprintf '%s was answered 204 and'
        . ' took effect %.1f s later, though all was in order', $what,
        $effect->{t} - $stored->{t});
    return;
}

# Effects of what nobody sent, and of what cannot be told any more.
sub _unknown {
    my ($self) = @_;
    my %sent = map { $_->{id} => 1 } map { $self->{facts}->peer($_, 'out') }
        map { $_->{name} } @OSCP::Torture::Schedule::CONNECTIONS;

    for my $req (sort keys %{$self->{effects}}) {
        next if $self->{facts}->message_of($req);
        for my $e (@{$self->{effects}{$req}}) {
            next if $e->{event} eq 'ignored' && ($sent{$req}
                || ($e->{data}{msg} // '') =~ /^h/ && $req ne '');
            $self->{found}->(unknown => $e->{t}, "$e->{event} of \"$req\", "
                . ($e->{data}{why} // 'which nobody sent'));
        }
    }
    return;
}

# Messages of a shard take effect in the order in which they were stored.
sub _order {
    my ($self, $shard) = @_;
    my $last;

    for my $e (grep { $_->{event} eq 'forecast' }
        $self->{facts}->events($shard))
    {
        my $entry = $self->_entry($e) // next;
        $self->{found}->(order => $e->{t}, "$e->{data}{req} ($entry) took"
            . " effect after $last") if defined $last
            && OSCP::Torture::Facts::id_before($entry, $last);
        $last = $entry;
    }
    return;
}

# Where what took effect is stored: of segments the last one.
sub _entry {
    my ($self, $e) = @_;
    my $message = $self->{facts}->message_of($e->{data}{req}) or return undef;
    my $entries = $self->{facts}->entries($e->{conn},
        'update_group_capacity_forecast');
    my @ids = map { $entries->{$_} // return undef } @{$message->{parts}};
    my $last = shift @ids;

    for my $id (@ids) {
        $last = $id if OSCP::Torture::Facts::id_before($last, $id);
    }
    return $last;
}

# Each command has one answer.
sub _commands {
    my ($self) = @_;

    for my $by (sort keys %{$self->{facts}->commands}) {
        my $command = $self->{facts}->commands->{$by};
        my @answers = @{$self->{by}{$by} // []};
        my $known = defined $command->{id};
        my $text = "$command->{op} $command->{conn} by $by";

        $self->{count}{commands}++;
        $self->{found}->(lost => $command->{t}, "$text was stored and not"
            . ' answered') if $known && !@answers;
        $self->{found}->(twice => $answers[1]{t}, "$text was carried out "
            . @answers . ' times') if @answers > 1;
    }
    return;
}

1;
