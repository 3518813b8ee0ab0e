# The commands that send something, once, many times, or again and again.

package CP::Sends;
use Mojo::Base -base, -signatures;

use Mojo::IOLoop;
use Mojo::JSON qw(encode_json);
use Mojo::Promise;

use CP::Clock qw(duration_ms time_ms);

has simulator => undef, weak => 1;
has schedules => sub { {} };      # number → timer
has last_schedule => 0;

sub _do_handshake ($self, $o, $flags, $words) {
    return $self->_repeat_p($o, $flags, sub ($o) {
        my $life = $self->simulator->life;
        my %request = (id => CP::Peer::random_id(),
            $self->_common($o, $flags));
        $request{body} //= $self->_behaviour($o);
        return $life->handshake_p(\%request);
    });
}

sub _do_acknowledge ($self, $o, $flags, $words) {
    return $self->_repeat_p($o, $flags, sub ($o) {
        my $life = $self->simulator->life;
        my %request = (corr => $life->last->{handshake},
            $self->_common($o, $flags));
        $request{body} //= $self->_behaviour($o);
        delete $request{corr} unless length($request{corr} // '');
        return $life->acknowledge_p(\%request);
    });
}

# The body of a handshake or acknowledge, after options and quirks.
sub _behaviour ($self, $o) {
    my ($life, $message) = map { $self->simulator->$_ } qw(life message);
    my $interval = $o->{interval} // $life->interval;
    my $measurement = $o->{measurement} // join ',', @{$life->measurement};

    return $message->encode($message->behaviour($interval || undef,
        $measurement eq 'none' ? undef : [split /,/, $measurement],
        $o->{dialect}));
}

sub _do_heartbeat ($self, $o, $flags, $words) {
    return $self->_repeat_p($o, $flags, sub ($o) {
        my $simulator = $self->simulator;
        my $ahead = defined $o->{ahead} ? duration_ms($o->{ahead}) : undef;
        if (defined $o->{at}) {
            $ahead = (time_ms($o->{at}) // die "at=TIME\n")
                - $simulator->clock->now_ms;
        }
        return $simulator->life->heartbeat_p({ $self->_common($o, $flags) },
            $ahead);
    });
}

sub _do_forecast ($self, $o, $flags, $words) {
    # Mistakes are to be seen at once, not at the first repetition.
    return $self->_repeat_p($o, $flags, sub ($o) {
        my $message = $self->simulator->message;
        my $forecast = $message->forecast($o);
        my %request = (message => 'update_group_capacity_forecast',
            $self->_common($o, $flags));
        return $self->_segments_p($o, \%request,
            $message->segments($forecast, $o->{segments})) if $o->{segments};
        $request{body} //= $message->encode($forecast);
        return $self->simulator->peer->send_p(\%request);
    });
}

# The segments one after the other, in the order asked for ("1,3" leaves the
# second out).
sub _segments_p ($self, $o, $request, @parts) {
    my ($peer, $message, $quirks) =
        map { $self->simulator->$_ } qw(peer message quirks);
    my @ids = ($request->{id} // CP::Peer::random_id(),
        map { CP::Peer::random_id() } 2 .. @parts);
    my @order = split /,/, $o->{order} // join ',', 1 .. @parts;
    my $previous = $quirks->on('H11') eq 'previous';
    my $chain = Mojo::Promise->resolve;
    my @results;

    for my $index (@order) {
        die "order: 1 to " . @parts . "\n"
            unless $index =~ /^\d+$/ && $index >= 1 && $index <= @parts;
        my %segment = (%$request, id => $ids[$index - 1],
            body => $message->encode($parts[$index - 1]),
            headers => { %{$request->{headers}}, 'X-Segment-Index' => $index,
                'X-Segment-Count' => scalar @parts });
        $segment{corr} = $ids[$previous ? $index - 2 : 0] if $index > 1;
        $chain = $chain->then(sub { $peer->send_p(\%segment) })
            ->then(sub ($result) { push @results, $result });
    }
    return $chain->then(sub {
        my ($worst) = sort { ($b->{status} // 999) <=> ($a->{status} // 999) }
            @results;
        return { %$worst, id => $ids[0], segments => \@results };
    });
}

sub _do_register ($self, $o, $flags, $words) {
    my $registration = $self->simulator->registration;
    $registration->pending(1) if $registration->on;
    return $self->_repeat_p($o, $flags, sub ($o) {
        return $registration->register_p({ $self->_common($o, $flags) }, $o);
    });
}

sub _do_send ($self, $o, $flags, $words) {
    my $what = $words->[0];
    return $self->_repeat_p($o, $flags, sub ($o) {
        my %request = $self->_common($o, $flags);
        $request{path} //= $what if $what =~ m{^/};
        return $self->simulator->peer->send_p({ %request,
            message => $what =~ s{^/}{}r });
    });
}

sub _do_replay ($self, $o, $flags, $words) {
    my $peer = $self->simulator->peer;
    my $id = $words->[0] // 'LAST';
    my ($earlier) = $id eq 'LAST' ? $peer->sent->[-1]
        : grep { $_->{id} eq $id } reverse @{$peer->sent};

    die "replay: no such request\n" unless $earlier;
    return $self->_repeat_p($o, $flags, sub ($o) {
        return $peer->send_p({ %$earlier, $self->_common($o, $flags),
            headers => { %{$earlier->{headers}}, %{$o->{header} // {}} } });
    });
}

sub _do_reorder ($self, $o, $flags, $words) {
    my $peer = $self->simulator->peer;
    my $n = $words->[0];

    return $peer->release->then(sub { return {} }) if $n eq 'off';
    die "reorder N or off\n" unless $n =~ /^[1-9]\d*$/;
    $peer->hold($n);
    return;
}

sub _do_stop ($self, $o, $flags, $words) {
    my @numbers = @$words ? @$words : keys %{$self->schedules};
    for my $number (@numbers) {
        my $timer = delete $self->schedules->{$number}
            // die "stop: no number $number\n";
        Mojo::IOLoop->remove($timer);
    }
    return;
}

# The options that all sends share, as CP::Peer wants them.
sub _common ($self, $o, $flags) {
    my %request = (headers => $o->{header} // {});

    for my $key (qw(id corr path method pieces)) {
        $request{$key} = $o->{$key} if defined $o->{$key};
    }
    for my $key (qw(pause timeout)) {
        next unless defined $o->{$key};
        $request{"${key}_ms"} = duration_ms($o->{$key})
            // die "$key=DURATION\n";
    }
    $request{body} = _body($o->{body}) if defined $o->{body};
    $request{$_} = 1 for grep { $flags->{$_} } qw(chunked close);
    return %request;
}

# body=TEXT as bytes, or the content of body=@FILE.
sub _body ($text) {
    if ($text =~ /^\@(.+)/s) {
        open my $fh, '<:raw', $1 or die "$1: $!\n";
        local $/;
        return scalar <$fh>;
    }
    utf8::encode($text) if utf8::is_utf8($text);
    return $text;
}

# Runs `once` with the options of the n-th time, in which {n} stands for n.
sub _once_p ($once, $o, $n) {
    my %now = map {
        $_ => ref $o->{$_} ? $o->{$_} : $o->{$_} =~ s/\{n\}/$n/gr
    } keys %$o;
    return Mojo::Promise->resolve->then(sub { return $once->(\%now) });
}

# Once; or count= times, each after the one before (in parallel= lanes); or
# every=, the first at once.
sub _repeat_p ($self, $o, $flags, $once) {
    my $count = $o->{count} // 1;
    my $promise;

    die "count=N\n" unless $count =~ /^[1-9]\d*$/;
    if (defined $o->{every}) {
        $promise = $self->_every_p($o, $once);
    } elsif ($count > 1) {
        $promise = $self->_many_p($o, $once, $count);
    } else {
        $promise = _once_p($once, $o, 1)->then(sub ($result) {
            return _expected($o, $result);
        });
    }
    return $promise unless $flags->{nowait};
    $promise->catch(sub ($error) { warn "cp: $error" });
    return {};
}

sub _expected ($o, $result) {
    my $got = $result->{status} // $result->{error};
    return $result if !defined $o->{expect} || $got eq $o->{expect};
    die "expected $o->{expect}, got $got"
        . (defined $result->{answer} ? ": $result->{answer}" : '') . "\n";
}

sub _many_p ($self, $o, $once, $count) {
    my %summary = (sent => 0, statuses => {}, errors => {});
    my $n = 0;
    my $lane;

    $lane = sub {
        return Mojo::Promise->resolve if $n >= $count;
        return _once_p($once, $o, ++$n)->then(sub ($result) {
            _expected($o, $result);
            $summary{sent}++;
            $summary{statuses}{$result->{status}}++ if $result->{status};
            $summary{errors}{$result->{error}}++ if $result->{error};
            return $lane->();
        });
    };
    return Mojo::Promise->all(map { $lane->() } 1 .. $o->{parallel} // 1)
        ->then(sub { undef $lane; return \%summary });
}

# Repeats until `stop`, or until `count` times are over.
sub _every_p ($self, $o, $once) {
    my $ms = duration_ms($o->{every}) || die "every=DURATION\n";
    my $number = $self->last_schedule($self->last_schedule + 1)
        ->last_schedule;
    my $n = 1;

    $self->schedules->{$number} = Mojo::IOLoop->recurring($ms / 1000 => sub {
        if (defined $o->{count} && $n >= $o->{count}) {
            $self->_do_stop({}, {}, [$number]);
            return;
        }
        _once_p($once, $o, ++$n)->catch(sub ($error) { warn "cp: $error" });
    });
    return _once_p($once, $o, 1)->then(sub ($result) {
        return { %{_expected($o, $result)}, schedule => $number };
    });
}

1;
