# One campaign: builds the stage, plays a schedule on it, lets everything heal,
# and has all that was written down judged.

package OSCP::Torture::Campaign;

use strict;
use warnings;

use POSIX ();
use Time::HiRes qw(sleep time);

use OSCP::Process qw(wait_for);
use OSCP::Torture::Circuits;
use OSCP::Torture::Facts;
use OSCP::Torture::Fault;
use OSCP::Torture::Incidents;
use OSCP::Torture::Load;
use OSCP::Torture::Messages;
use OSCP::Torture::Meters;
use OSCP::Torture::Peers;
use OSCP::Torture::Sampler;
use OSCP::Torture::Schedule;
use OSCP::Torture::Stage;
use OSCP::Torture::Windows;

use constant {
    HEAL   => 100,        # s until everything that was stored is settled: a
                          # minute for segments that did not become whole
    ONLINE => 30,         # s until every peer is back
};

# new(seed =>, seconds =>, build =>, program =>, say => SUB for each line,
#     kinds => faults to choose from, undef: all)
sub new {
    my ($class, %o) = @_;

    return bless { say => sub { }, %o, found => [], faults => {} }, $class;
}

# Plays it.  Returns a summary; `violations` in it is a list.
sub run {
    my ($self) = @_;
    my $schedule = OSCP::Torture::Schedule->new(seed => $self->{seed},
        seconds => $self->{seconds}, kinds => $self->{kinds});
    my $stage = $self->{stage} = OSCP::Torture::Stage->new(
        build => $self->{build}, program => $self->{program})->start;

    $self->{begun} = time;
    $self->{children}{sampler} = _fork(sub {
        OSCP::Torture::Sampler::run($stage);
    });
    $self->_wait_online;
    my $start = time;
    $self->{begun} = $start;
    for my $conn (sort keys %{$schedule->{load}}) {
        $self->{children}{"load-$conn"} = _fork(sub {
            OSCP::Torture::Load::run(stage => $stage, conn => $conn,
                list => $schedule->{load}{$conn}, start => $start,
                until => $start + $self->{seconds});
        });
    }
    $self->{children}{meters} = _fork(sub {
        OSCP::Torture::Meters::run(stage => $stage, seed => $self->{seed});
    });
    $self->_play($start, @{$schedule->{faults}});
    sleep 0.1 while time < $start + $self->{seconds};
    $self->_end_child($_, 0) for grep { /^load/ } keys %{$self->{children}};
    $self->_heal;
    $self->_end_child('sampler', 'TERM');
    return $self->_judge;
}

sub _fork {
    my ($run) = @_;
    my $pid = fork() // die "fork: $!";

    return $pid if $pid;
    $SIG{$_} = 'DEFAULT' for qw(INT TERM);
    eval { $run->() };
    print {*STDERR} "torture: $@" if $@;
    POSIX::_exit($@ ? 1 : 0);
}

sub _end_child {
    my ($self, $name, $signal) = @_;
    my $pid = delete $self->{children}{$name};

    kill $signal, $pid if $signal;
    waitpid $pid, 0;
    $self->_found(harness => time, "$name ended with $?") if $?;
    return;
}

sub _found {
    my ($self, $check, $t, $text) = @_;

    push @{$self->{found}}, { check => $check, t => $t, text => $text };
    return;
}

sub _say {
    my ($self, $text, $t) = @_;

    $self->{say}->(sprintf '%7.2f  %s', ($t // time) - $self->{begun}, $text);
    return;
}

# Begins and ends the faults, each at its time.
sub _play {
    my ($self, $start, @faults) = @_;
    my @todo = sort { $a->[0] <=> $b->[0] } map {
        my $fault = $_;
        ([$fault->{at}, 'begin', $fault],
            [$fault->{at} + $fault->{seconds}, 'end', $fault])
    } @faults;
    my %begun;

    for my $item (@todo) {
        my ($at, $do, $fault) = @$item;
        next if $do eq 'end' && !OSCP::Torture::Fault::_has_end($fault);
        my $wait = $start + $at - time;
        sleep $wait if $wait > 0;
        if ($do eq 'begin') {
            $self->_say(OSCP::Torture::Fault::text($fault));
            $self->{faults}{$fault->{kind}}++;
        }
        no strict 'refs';
        eval { "OSCP::Torture::Fault::$do"->($self->{stage}, $fault); 1 }
            or $self->_found(harness => time, "$do of $fault->{kind}: $@");
    }
    return;
}

sub _conns {
    return map { $_->{name} } @OSCP::Torture::Schedule::CONNECTIONS;
}

sub _hash {
    my ($self, $shard, $name) = @_;

    return eval { $self->{stage}->redis->hash(
        OSCP::Torture::Stage::key($shard, $name)) } // {};
}

sub _wait_online {
    my ($self) = @_;

    for my $conn (_conns()) {
        my $shard = OSCP::Torture::Stage::shard($conn);
        next if wait_for(sub {
            ($self->_hash($shard, "conn:$conn")->{state} // '') eq 'online'
        }, ONLINE);
        $self->_found(healing => time, "$conn does not come online: "
            . join ' ', %{$self->_hash($shard, "conn:$conn")});
    }
    return;
}

# All faults are over: what was stored must be settled, what was closed is
# opened, every peer comes back, and a last forecast for each group holds.
sub _heal {
    my ($self) = @_;
    my $stage = $self->{stage};

    $self->_say('all faults over');
    for my $group ($stage->groups) {
        $self->_order($group->{conn}, 'enable', $group->{group});
    }
    for my $conn (_conns()) {
        $self->_order($conn, 'enable');
        $self->_order($conn, 'connect');
    }
    $self->_settled;
    for my $conn (_conns()) {
        eval { $stage->cp($conn)->command('misbehave off',
            'handshake timeout=5s'); 1 } or $self->_found(healing => time,
            "$conn: the peer cannot be used: $@");
    }
    $self->_wait_online;
    $self->_last;
    $self->_end_child('meters', 'TERM');
    # The last windows that can be closed are, and reach their peers.
    sleep OSCP::Torture::Windows::LENGTH / 1000 + 2;
    $self->_settled;
    sleep 1;
    return;
}

sub _order {
    my ($self, $conn, $op, $group) = @_;

    $self->{stage}->redis->command('XADD', OSCP::Torture::Stage::key(
        OSCP::Torture::Stage::shard($conn), 'cmd'), '*', op => $op,
        conn => $conn, by => 'torture', $group ? (group => $group) : ());
    return;
}

# Nothing that was stored is left.
sub _settled {
    my ($self) = @_;
    my @left;

    wait_for(sub {
        @left = ();
        for my $shard (0 .. $self->{stage}->SHARDS - 1) {
            for my $stream (qw(in cmd out)) {
                my $key = OSCP::Torture::Stage::key($shard, $stream);
                my $n = eval { $self->{stage}->redis->command('XLEN', $key) }
                    // 1;
                push @left, "$key: $n" if $n;
            }
        }
        return !@left;
    }, HEAL) or $self->_found(unsettled => time,
        'left in the end: ' . join ', ', @left);
    return;
}

# One more forecast for each group, by the load's own means, known to hold.
sub _last {
    my ($self) = @_;
    my $stage = $self->{stage};
    my $n = 90_000;

    for my $group ($stage->groups) {
        my $watts = 100_000 + ++$n;
        OSCP::Torture::Load::run(stage => $stage, conn => $group->{conn},
            start => time, until => time + 20, list => [{ at => 0, n => $n,
            op => 'forecast', type => 'CONSUMPTION',
            group => $group->{group}, blocks => [{ start => -500,
            end => 3_600_000, phase => 'ALL', unit => 'W',
            capacity => $watts }] }]);
        my $now;
        wait_for(sub {
            $now = $self->_hash($group->{shard}, "circuit:$group->{circuit}");
            ($now->{available_capacity_w} // 0) == $watts;
        }, 10) or $self->_found(healing => time, "$group->{circuit}: the last"
            . " forecast's $watts W do not come: " . join ' ', %$now);
    }
    return;
}

sub _judge {
    my ($self) = @_;
    my $stage = $self->{stage};
    my $facts = OSCP::Torture::Facts->gather($stage);
    my $found = sub { $self->_found(@_) };
    my %summary = (seed => $self->{seed}, faults => $self->{faults},
        circuits => OSCP::Torture::Circuits->check($facts, $found),
        messages => OSCP::Torture::Messages->check($facts, $found),
        peers => OSCP::Torture::Peers->check($facts, $found),
        incidents => OSCP::Torture::Incidents->check($facts, $found),
        windows => OSCP::Torture::Windows->check($facts, $found));
    my %status = $stage->stop;

    $self->_found(ended => time, "$_ ended with $status{$_}")
        for sort keys %status;
    $self->_bad_lines;
    $summary{seconds} = time - $self->{begun};
    $summary{dir} = $stage->dir;
    $summary{violations} = [sort { $a->{t} <=> $b->{t} } @{$self->{found}}];
    @{$summary{violations}} ? $stage->keep : $stage->remove;
    return \%summary;
}

# What no log may say.
sub _bad_lines {
    my ($self) = @_;

    for my $file (glob $self->{stage}->dir . '/*.log') {
        open my $fh, '<', $file or next;
        while (<$fh>) {
            chomp;
            $self->_found(log => time, "$file: $_")
                if /Sanitizer|runtime error:|\[(?:emerg)\]|exited on signal 11/;
        }
    }
    return;
}

sub begun { return $_[0]{begun} }

1;
