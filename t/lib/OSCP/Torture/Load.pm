# What the operators of one connection do, in a process of its own: sends what
# the schedule says, tries again what failed under the same X-Request-ID, and
# writes down every answer.

package OSCP::Torture::Load;

use strict;
use warnings;

use HTTP::Tiny;
use JSON::XS ();
use List::Util qw(min);
use POSIX qw(strftime);
use Time::HiRes qw(sleep time);

use OSCP::Redis;
use OSCP::Torture::Journal;

use constant {
    TRIES    => 4,
    TIMEOUT  => 2,         # s for an answer
    PATIENCE => 30,        # times that is said what must be heard
};

my $json = JSON::XS->new->canonical;

# run(stage =>, conn => NAME, list => [], start => TIME, until => TIME): works
# the list off.  What comes too late because an answer did not come is left
# out once `until` has passed.
sub run {
    my (%o) = @_;
    my $stage = $o{stage};
    my $self = bless { %o, journal =>
        OSCP::Torture::Journal->create($stage->dir . "/load-$o{conn}"),
        redis => OSCP::Redis->new(dir => $stage->dir),
        http => HTTP::Tiny->new(timeout => TIMEOUT),
        url => $stage->door_url . "/$o{conn}",
        cp => $stage->cp($o{conn})->url =~ s{^(http://[^/]+).*}{$1}r },
        __PACKAGE__;

    my $parent = getppid;
    for my $item (@{$o{list}}) {
        my $wait = $o{start} + $item->{at} - time;
        sleep $wait if $wait > 0;
        last if time >= $o{until} || getppid != $parent;
        my $do = "_$item->{op}";
        $self->$do($item);
    }
    return;
}

# A forecast, whole or in segments.
sub _forecast {
    my ($self, $item) = @_;
    my $now = int(time * 1000) / 1000;
    my $id = sprintf 'f-%s-%05d', $self->{conn}, $item->{n};
    my @blocks = map { { %$_, start => $now + $_->{start} / 1000,
        end => $now + $_->{end} / 1000 } } @{$item->{blocks}};
    my @parts = _parts($item, $id, @blocks);

    $self->{journal}->add(what => 'forecast', id => $id,
        conn => $self->{conn}, group => $item->{group},
        type => $item->{type}, blocks => \@blocks,
        parts => [map { $_->{id} } @parts]);
    for my $n (grep { $_ <= @parts } @{$item->{order} // [1]}) {
        last unless $self->_deliver($item, $parts[$n - 1]);
    }
    return;
}

# The messages that it is sent in: id, headers, blocks.
sub _parts {
    my ($item, $id, @blocks) = @_;
    my $n = min($item->{segments} // 1, scalar @blocks);
    my @ids = map { $_ == 1 ? $id : "$id.$_" } 1 .. $n;

    return { id => $id, blocks => \@blocks, headers => {} } if $n == 1;
    return map {
        my $named = $item->{named} eq 'first' ? $id : $ids[$_ - 2];
        { id => $ids[$_ - 1],
            blocks => [splice @blocks, 0, int @blocks / ($n - $_ + 1)],
            headers => { 'X-Segment-Index' => $_, 'X-Segment-Count' => $n,
                $_ > 1 ? ('X-Correlation-ID' => $named) : () } }
    } 1 .. $n;
}

# Sends a message until it was stored.  A segment has more patience: without it
# the others would have been for nothing.  Returns whether it was.
sub _deliver {
    my ($self, $item, $part) = @_;
    my $tries = %{$part->{headers}} ? PATIENCE : TRIES;
    my $body = $json->encode({ group_id => $item->{group},
        type => $item->{type}, forecasted_blocks => [map { {
            capacity => 0 + $_->{capacity}, phase => $_->{phase},
            unit => $_->{unit}, start_time => rfc3339($_->{start}),
            end_time => rfc3339($_->{end}) } } @{$part->{blocks}}] });
    my $again = $item->{again};
    my $stored = 0;

    for my $try (1 .. $tries) {
        my $status = $self->_post($part, $body);
        $stored ||= $status == 204;
        last if $status == 204 && !$again--;
        last if $status >= 400 && $status < 500 || time >= $self->{until};
        sleep min(1, 0.1 * $try) if $status != 204;
    }
    return $stored;
}

# One try.  An answer that did not come is 599.
sub _post {
    my ($self, $part, $body) = @_;
    my $begun = time;
    my $answer = $self->{http}->post(
        "$self->{url}/update_group_capacity_forecast",
        { content => $body, headers => { %{$part->{headers}},
            'Content-Type' => 'application/json',
            'X-Request-ID' => $part->{id},
            Authorization => 'Token ' . $self->{stage}->TOKEN_IN } });

    $self->{journal}->add(what => 'answer', id => $part->{id}, begun => $begun,
        status => 0 + $answer->{status}, text => substr($answer->{content}
            // '', 0, 200));
    return $answer->{status};
}

sub rfc3339 {
    my ($t) = @_;
    my $ms = int($t * 1000 + 0.5);

    return strftime('%Y-%m-%dT%H:%M:%S', gmtime $ms / 1000)
        . sprintf '.%03dZ', $ms % 1000;
}

# A command; `by` tells it from all others when the reply is lost.  What opens
# a door again is said until it was heard.
sub _command {
    my ($self, $item) = @_;
    my $tries = $item->{command} =~ /^(?:enable|connect)$/ ? PATIENCE : 1;

    for my $try (1 .. $tries) {
        last if $self->_say($item, $try) || time >= $self->{until};
        sleep 0.3;
    }
    return;
}

sub _say {
    my ($self, $item, $try) = @_;
    my $by = sprintf 'o-%s-%05d.%d', $self->{conn}, $item->{n}, $try;
    my $key = OSCP::Torture::Stage::key(
        OSCP::Torture::Stage::shard($self->{conn}), 'cmd');
    my @group = defined $item->{group} ? (group => $item->{group}) : ();
    my @wish = defined $item->{message} ? (message => $item->{message}) : ();

    push @wish, type => $item->{type}, replace => $item->{replace},
        blocks => $json->encode([[rfc3339(time), rfc3339(time + 900),
            $item->{watts}]]) if defined $item->{watts};
    $self->{journal}->add(what => 'command', by => $by,
        conn => $self->{conn}, @group, op => $item->{command});
    my $id = eval { $self->{redis}->command('XADD', $key, '*',
        op => $item->{command}, conn => $self->{conn}, @group, @wish,
        by => $by) };
    $self->{journal}->add(what => 'commanded', by => $by, id => $id);
    return $id;
}

# The peer renegotiates, or comes back.
sub _handshake {
    my ($self) = @_;

    $self->{http}->post("$self->{cp}/_control",
        { content => 'handshake timeout=2s nowait' });
    return;
}

1;
