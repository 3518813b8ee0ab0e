# What a grid operator does by itself: answers handshakes with an acknowledge,
# waits for the acknowledge to its own, keeps heartbeats going, and watches
# those of the FP.

package CP::Life;
use Mojo::Base -base, -signatures;

use Mojo::IOLoop;
use Mojo::Promise;

use CP::Clock qw(real_ms time_ms utc);

use constant MARGIN => 3;    # × interval: how far ahead a heartbeat promises

has [qw(clock message peer quirks record)];
has interval     => 30;                  # s: what we ask of the FP; 0: nothing
has measurement  => sub { ['INTERMITTENT'] };
has acknowledges => 1;                   # answer handshakes with acknowledges
has ack_after_ms => 0;
has agrees       => 0;                   # answer adjustments with forecasts
has beats        => 1;                   # send heartbeats while online
has beat_s       => undef;               # s: what the FP asked of us
has every_s      => undef;               # s: in its place, online or not
has ahead_ms     => undef;               # in place of MARGIN × interval
has online       => 0;
has since_ms     => sub { real_ms() };
has open         => sub { {} };          # handshakes of ours: id → entry
has last         => sub { {} };          # message → latest request id received
has fp           => sub { {} };          # what we know of the FP

# Our handshake; promises the result of the request.  The acknowledge comes
# as a message of its own.
sub handshake_p ($self, $request) {
    $self->{open}{$request->{id}} = 1;
    return $self->peer->send_p({ message => 'handshake', %$request });
}

# Our acknowledge to the handshake `corr`; online on its success.
sub acknowledge_p ($self, $request) {
    return $self->peer->send_p({
        message => 'handshake_acknowledge', %$request
    })->then(sub ($result) {
        $self->_enter if ($result->{status} // 0) == 204;
        return $result;
    });
}

# What an acknowledge says when nothing else is asked for.
sub acknowledge_body ($self) {
    my $variant = $self->quirks->on('H4');
    return $self->message->behaviour(undef, undef) if $variant eq 'empty';
    return $self->message->behaviour($self->interval || undef,
        $variant eq 'unmeasured' ? undef : $self->measurement);
}

sub heartbeat_p ($self, $request = {}, $ahead_ms = undef) {
    my $interval = $self->every_s // $self->beat_s // $self->interval;
    $ahead_ms //= $self->ahead_ms // MARGIN * 1000 * $interval;
    my $body = $self->message->heartbeat($ahead_ms);
    return $self->peer->send_p({ message => 'heartbeat',
        body => $self->message->encode($body), %$request });
}

# Takes in a valid message that was answered 2xx.
sub received ($self, $message, $json, $id, $corr) {
    my $take = $self->can("_take_$message");
    $self->last->{$message} = $id;
    $self->$take($json, $id, $corr) if $take;
    return;
}

sub _take_handshake ($self, $json, $id, $corr) {
    $self->_negotiate($json);
    return unless $self->acknowledges;
    my $request = {
        corr => $self->quirks->on('H4') eq 'uncorrelated' ? undef : $id,
    };
    Mojo::IOLoop->timer($self->ack_after_ms / 1000 => sub {
        $request->{body} = $self->message->encode($self->acknowledge_body);
        $self->acknowledge_p($request);
    });
    return;
}

sub _take_handshake_acknowledge ($self, $json, $id, $corr) {
    if (defined $corr && !delete $self->open->{$corr}) {
        $self->record->add(dir => 'note', note => 'unknown correlation',
            message => 'handshake_acknowledge', id => $id, corr => $corr);
        return;
    }
    $self->open({}) unless defined $corr;
    $self->_negotiate($json);
    $self->_enter;
    return;
}

sub _take_heartbeat ($self, $json, $id, $corr) {
    $self->fp->{heartbeat_at} = utc(real_ms());
    $self->_watch(time_ms($json->{offline_mode_at}));
    return;
}

# If we agree we send the forecast that was asked for.
sub _take_adjust_group_capacity_forecast ($self, $json, $id, $corr) {
    return unless $self->agrees;
    Mojo::IOLoop->next_tick(sub {
        $self->peer->send_p({ message => 'update_group_capacity_forecast',
            corr => $id, body => $self->message->encode($json) });
    });
    return;
}

sub _negotiate ($self, $json) {
    my $asked = $json->{required_behaviour} // $json;
    $self->beat_s($asked->{heartbeat_interval});
    $self->fp->{heartbeat_interval} = $asked->{heartbeat_interval};
    $self->fp->{measurement_configuration} =
        $asked->{measurement_configuration};
    return;
}

sub _enter ($self) {
    $self->since_ms(real_ms()) unless $self->online;
    $self->online(1);
    $self->schedule;
    $self->_watch(real_ms() + MARGIN * 1000 * $self->interval)
        if $self->interval;
    return;
}

# Starts our heartbeats anew, the first at once, or ends them.
sub schedule ($self) {
    my $every = $self->every_s // ($self->online ? $self->beat_s : undef);

    Mojo::IOLoop->remove(delete $self->{timer}) if $self->{timer};
    return unless $self->beats && $every;
    Mojo::IOLoop->next_tick(sub { $self->heartbeat_p });
    $self->{timer} = Mojo::IOLoop->recurring($every => sub {
        $self->heartbeat_p;
    });
    return;
}

# Notes in the record when the FP lets its promise run out.
sub _watch ($self, $until_ms) {
    Mojo::IOLoop->remove(delete $self->{watch}) if $self->{watch};
    $self->fp->{offline_mode_at} = utc($until_ms);
    $self->fp->{late} = \0;
    my $wait_ms = $until_ms - real_ms();
    $self->{watch} = Mojo::IOLoop->timer(($wait_ms < 0 ? 0 : $wait_ms) / 1000,
        sub {
            delete $self->{watch};
            $self->fp->{late} = \1;
            $self->record->add(dir => 'note', note => 'fp late',
                offline_mode_at => $self->fp->{offline_mode_at});
        });
    return;
}

sub state ($self) {
    return {
        online => $self->online ? \1 : \0, since => utc($self->since_ms),
        requires => { interval => $self->interval,
            measurement => $self->measurement },
        open_handshakes => [sort keys %{$self->open}],
        acknowledges => $self->acknowledges ? \1 : \0,
        heartbeats => { on => $self->beats ? \1 : \0,
            every => $self->every_s // $self->beat_s,
            ahead_ms => $self->ahead_ms },
        fp => $self->fp,
    };
}

1;
