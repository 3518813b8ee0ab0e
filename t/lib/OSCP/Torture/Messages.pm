# Nothing acknowledged is lost, nothing takes effect twice: every message and
# every command against the audit, and what is left in Redis in the end.

package OSCP::Torture::Messages;

use strict;
use warnings;

use OSCP::Process qw(slow);
use OSCP::Torture::Facts;
use OSCP::Torture::Schedule;
use OSCP::Torture::Stage;

use constant LATE => 2 * slow();    # s, on a machine that has other work

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

sub _forecast {
    my ($self, $message) = @_;
    my @effects = @{$self->{effects}{$message->{id}} // []};
    my @stored = grep { $_->{status} == 204 } @{$message->{answers}};
    my @open = grep { $_->{status} >= 500 } @{$message->{answers}};
    my $what = "$message->{conn} $message->{group} $message->{id}";

    $self->{count}{$_}++ for 'sent', @stored ? 'stored' : @open ? 'unknown'
        : 'refused';
    $self->{count}{repeated} += @{$message->{answers}} - 1
        if @{$message->{answers}};
    $self->{found}->(lost => $stored[0]{t}, "$what was answered 204 and had"
        . ' no effect') if @stored && !@effects;
    $self->{found}->(twice => $effects[1]{t}, "$what had "
        . @effects . ' effects: ' . join ', ', map { $_->{id} } @effects)
        if @effects > 1;
    $self->_late($what, $stored[0], $effects[0]) if @stored && @effects;
    # A sender that died with its answer on the way has written no answer.
    $self->{found}->(refused => $effects[0]{t}, "$what was refused ("
        . join(' ', map { $_->{status} } @{$message->{answers}})
        . ') and took effect') if @effects && !@stored && !@open
        && @{$message->{answers}};
    for my $e (grep { $_->{event} eq 'ignored' } @effects) {
        $self->{count}{ignored}++;
        $self->{found}->(ignored => $e->{t}, "$what: $e->{data}{why}")
            if $e->{data}{why} !~ $IGNORED;
    }
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
        next if $self->{facts}->messages->{$req};
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
        my $entry = $self->{facts}->entries($e->{conn},
            'update_group_capacity_forecast')->{$e->{data}{req}} // next;
        $self->{found}->(order => $e->{t}, "$e->{data}{req} ($entry) took"
            . " effect after $last") if defined $last
            && OSCP::Torture::Facts::id_before($entry, $last);
        $last = $entry;
    }
    return;
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
