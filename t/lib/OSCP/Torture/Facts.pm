# Everything that was written down in a campaign, in the form in which the
# checks want it: messages and what was answered, commands, the audit, looks
# at the shards, what each peer saw.

package OSCP::Torture::Facts;

use strict;
use warnings;

use JSON::XS ();
use Time::HiRes ();
use Time::Local qw(timegm);

use OSCP::Torture::Health;
use OSCP::Torture::Journal;
use OSCP::Torture::Schedule;

my $json = JSON::XS->new->utf8;

# gather(STAGE): reads the files, and what Redis has in the end.
sub gather {
    my ($class, $stage) = @_;
    my $dir = $stage->dir;
    my $self = bless { stage => $stage, end => Time::HiRes::time(),
        journal => [OSCP::Torture::Journal->entries("$dir/journal")] },
        $class;

    $self->_load(OSCP::Torture::Journal->entries(glob "$dir/load-*"));
    my @seen = OSCP::Torture::Journal->entries("$dir/samples");
    push @{$self->{samples}[$_->{shard}]}, $_
        for grep { $_->{what} eq 'sample' } @seen;
    my $last = 0;
    for my $e (grep { $_->{what} eq 'fenced' } @seen) {
        # It begins anew with each Redis.
        $self->{fenced} += $e->{n} >= $last ? $e->{n} - $last : $e->{n};
        $last = $e->{n};
    }
    $self->{logs} = [grep { $_->{what} eq 'log' } @seen];
    $self->{health} = OSCP::Torture::Health->new(end => $self->{end},
        journal => $self->{journal}, logs => $self->{logs});
    $self->{events}[$_] = [map { _event($_) } $stage->redis->stream(
        $stage->can('key')->($_, 'events'))] for 0 .. $stage->SHARDS - 1;
    my $n = 0;
    $_->{n} = ++$n for $self->all_events;
    $self->_keep_events("$dir/events-$_", $_) for 0 .. $stage->SHARDS - 1;
    $self->_forecasts;
    $self->_stored("$dir/stored.log");
    $self->_peer($_) for map { $_->{name} }
        @OSCP::Torture::Schedule::CONNECTIONS;
    return $self;
}

# Seconds since 1970 of an RFC 3339 time in UTC, or of a stream's id.
sub seconds {
    my ($text) = @_;

    return $1 / 1000 if ($text // '') =~ /^(\d+)-\d+$/;
    return undef unless ($text // '')
        =~ /^(\d+)-(\d+)-(\d+)T(\d+):(\d+):(\d+)(\.\d+)?Z$/;
    return timegm($6, $5, $4, $3, $2 - 1, $1) + ($7 // 0);
}

# The timelines that are kept in the end: [start, end, watts, …] of each.
sub _forecasts {
    my ($self) = @_;

    for my $g ($self->{stage}->groups) {
        for my $type (qw(CONSUMPTION FALLBACK_CONSUMPTION)) {
            my $hash = $self->{stage}->redis->hash(
                $self->{stage}->can('key')->($g->{shard},
                "forecast:$g->{conn}:$g->{group}:$type"));
            $self->{forecasts}{"$g->{conn} $g->{group}"}{$type}
                = $json->decode($hash->{blocks} // '[]');
        }
    }
    return;
}

# For whoever wants to know how a violation came to be.
sub _keep_events {
    my ($self, $file, $shard) = @_;

    open my $fh, '>', $file or die "$file: $!\n";
    for my $e (@{$self->{events}[$shard]}) {
        print {$fh} join(' ', (map { $_ // '-' } @$e{qw(id event conn group at
            by cmd)}), $json->encode($e->{data})) . "\n";
    }
    close $fh or die "$file: $!\n";
    return;
}

sub _event {
    my ($event) = @_;

    return { %$event, t => seconds($event->{id}),
        data => eval { $json->decode($event->{data}) } // {} };
}

sub _load {
    my ($self, @entries) = @_;

    for my $e (@entries) {
        if ($e->{what} eq 'forecast') {
            my $message = $self->{messages}{$e->{id}}
                = { %$e, answers => {} };
            $self->{parts}{$_} = $message for @{$e->{parts}};
        } elsif ($e->{what} eq 'answer') {
            push @{$self->{parts}{$e->{id}}{answers}{$e->{id}}}, $e;
        } elsif ($e->{what} eq 'samples') {
            push @{$self->{meters}}, $e;
        } elsif ($e->{what} eq 'command') {
            $self->{commands}{$e->{by}} = { %$e };
        } else {
            $self->{commands}{$e->{by}}{id} = $e->{id};
        }
    }
    return;
}

# What nginx's own log says of stored messages: id → entry id.
sub _stored {
    my ($self, $file) = @_;

    open my $fh, '<', $file or return;
    while (<$fh>) {
        my ($t, $status, $result, $conn, $message, $req, $entry) = split;
        next unless ($result // '') eq 'stored' && $entry =~ /^\d+-\d+$/;
        $self->{entries}{$conn}{$message}{$req} = $entry;
    }
    return;
}

# What a simulated peer received and sent.
sub _peer {
    my ($self, $conn) = @_;
    my $dir = $self->{stage}->dir;

    open my $fh, '<', "$dir/cp-$conn.record" or return;
    while (<$fh>) {
        my $e = eval { $json->decode($_) } or next;
        $e->{t} = seconds($e->{at});
        $e->{n_all} = $.;
        push @{$self->{peers}{$conn}{$e->{dir}}}, $e;
    }
    return;
}

sub fenced { return $_[0]{fenced} // 0 }
sub health { return $_[0]{health} }
sub stage { return $_[0]{stage} }
sub messages { return $_[0]{messages} }
sub message_of { return $_[0]{parts}{$_[1]} }      # by any segment's id
sub commands { return $_[0]{commands} }
sub samples { return @{$_[0]{samples}[$_[1]] // []} }
sub events { return @{$_[0]{events}[$_[1]] // []} }
sub all_events { return map { @$_ } @{$_[0]{events}} }
sub peer { return @{$_[0]{peers}{$_[1]}{$_[2]} // []} }
sub forecasts { return $_[0]{forecasts}{$_[1]}{$_[2]} }
sub entries { return $_[0]{entries}{$_[1]}{$_[2]} // {} }

# 1 when a stream's id comes before another.
sub id_before {
    my ($one, $other) = map { [split /-/] } @_;

    return ($one->[0] <=> $other->[0] || $one->[1] <=> $other->[1]) < 0;
}

1;
