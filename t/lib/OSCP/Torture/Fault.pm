# The faults: how each begins and how it ends.  What they are for and how often
# they come is in OSCP::Torture::Schedule.

package OSCP::Torture::Fault;

use strict;
use warnings;

use OSCP::Process qw(wait_for);

# kind → [begin, end]; both are given the stage and the fault.  A fault
# without an end is over at once.
my %FAULTS = (
    worker_kill  => [\&_worker_kill, \&_worker_start],
    worker_stop  => [\&_worker_stop, \&_worker_continue],
    worker_term  => [\&_worker_term, \&_worker_start],
    owner_held   => [\&_owner_held, \&_owner_freed],
    clock_step   => [\&_clock_step, \&_clock_back],
    redis_kill   => [\&_redis_kill, \&_redis_start],
    redis_stop   => [\&_redis_stop, \&_redis_continue],
    redis_term   => [\&_redis_term, \&_redis_start],
    redis_cut    => [\&_redis_cut],
    redis_full   => [\&_redis_full, \&_redis_space],
    nginx_kill   => [\&_nginx_kill, \&_nginx_start],
    nginx_stop   => [\&_nginx_stop, \&_nginx_continue],
    nginx_reload => [\&_nginx_reload],
    nginx_child  => [\&_nginx_child],
    nginx_term   => [\&_nginx_term, \&_nginx_start],
    peer_kill    => [\&_peer_kill, \&_peer_start],
    peer_stop    => [\&_peer_stop, \&_peer_continue],
    peer_refuses => [\&_peer_refuses, \&_peer_accepts],
    link         => [\&_link, \&_unlink],
);

sub kinds {
    return sort keys %FAULTS;
}

# One line for people.
sub text {
    my ($fault) = @_;
    my $what = $fault->{mode} ? "@{$fault->{mode}}" : $fault->{step_ms}
        ? sprintf('%+.1f s', $fault->{step_ms} / 1000) : '';

    return join ' ', $fault->{kind}, $fault->{target}, length $what
        ? $what : (), _has_end($fault) && $fault->{seconds}
        ? sprintf('for %.1f s', $fault->{seconds}) : ();
}

sub _has_end {
    my ($fault) = @_;

    return $FAULTS{$fault->{kind}}[1];
}

sub begin {
    my ($stage, $fault) = @_;

    $fault->{target} = _owner($stage) if $fault->{target} eq 'owner';
    $stage->note(what => 'begin', %$fault);
    $FAULTS{$fault->{kind}}[0]->($stage, $fault);
    end($stage, $fault) unless _has_end($fault);
    return;
}

sub end {
    my ($stage, $fault) = @_;

    _has_end($fault)->($stage, $fault) if _has_end($fault);
    $stage->note(what => 'end', %$fault);
    return;
}

sub _worker_kill {
    my ($stage, $fault) = @_;

    $stage->worker($fault->{target})->kill;
    return;
}

sub _worker_start {
    my ($stage, $fault) = @_;

    $stage->start_worker($fault->{target});
    return;
}

sub _worker_stop {
    my ($stage, $fault) = @_;

    $stage->worker($fault->{target})->process->signal('STOP');
    return;
}

sub _worker_continue {
    my ($stage, $fault) = @_;

    $stage->worker($fault->{target})->process->signal('CONT');
    return;
}

sub _worker_term {
    my ($stage, $fault) = @_;
    my $status = $stage->worker($fault->{target})->stop;

    $stage->note(what => 'status', part => $fault->{target},
        status => $status);
    return;
}

# The worker that owns the first shard; the first worker when nobody does.
sub _owner {
    my ($stage) = @_;
    my $lease = eval { $stage->redis->command('GET',
        OSCP::Torture::Stage::key(0, 'lease')) } // '';
    my ($pid) = $lease =~ /^[^:]*:(\d+):/;
    my ($owner) = grep { defined $pid && $_->pid == $pid } $stage->workers;

    return $owner ? $owner->{name} : 'worker-1';
}

# What it sends is on its way for longer than its lease: it comes when another
# owns the shard.
sub _owner_held {
    my ($stage, $fault) = @_;

    $stage->spoil($fault->{target}, 'hold');
    return;
}

sub _owner_freed {
    my ($stage, $fault) = @_;

    $stage->spoil($fault->{target}, 'pass');
    return;
}

sub _clock_step {
    my ($stage, $fault) = @_;

    $stage->step_clock($fault->{step_ms});
    return;
}

sub _clock_back {
    my ($stage) = @_;

    $stage->step_clock(0);
    return;
}

sub _redis_kill {
    my ($stage) = @_;

    $stage->redis->stop('KILL');
    return;
}

sub _redis_term {
    my ($stage) = @_;

    $stage->redis->stop('TERM');
    return;
}

sub _redis_start {
    my ($stage) = @_;

    # With a limit of its size SIGXFSZ must not be its end, but the error.
    local $SIG{XFSZ} = 'IGNORE';
    $stage->redis->start;
    return;
}

sub _redis_stop {
    my ($stage) = @_;

    $stage->redis->process->signal('STOP');
    return;
}

sub _redis_continue {
    my ($stage) = @_;

    $stage->redis->process->signal('CONT');
    return;
}

# Every client that there is, but for the one who says so.
sub _redis_cut {
    my ($stage) = @_;

    eval {
        $stage->redis->command(qw(CLIENT KILL TYPE normal SKIPME yes));
    };
    return;
}

# The disk under the AOF: a small one of its own becomes as small as what is
# on it; where there is none, no file may grow.  Redis ends itself at its next
# write, as it must with appendfsync always.
sub _redis_full {
    my ($stage, $fault) = @_;
    my $pid = $stage->redis->process->pid;

    if ($stage->{tmpfs}) {
        my ($used) = qx(df -k --output=used "$stage->{dir}/redis")
            =~ /(\d+)\s*\z/;
        system 'mount', '-o', 'remount,size=' . ($used + 4) . 'k',
            "$stage->{dir}/redis";
    } else {
        my ($size) = sort { $b <=> $a } map { -s }
            glob "$stage->{dir}/redis/appendonlydir/*";
        system 'prlimit', '--pid', $pid, '--fsize=' . ($size + 4096) . ':';
    }
    return;
}

sub _redis_space {
    my ($stage) = @_;

    system 'mount', '-o', 'remount,size=1g', "$stage->{dir}/redis"
        if $stage->{tmpfs};
    $stage->redis->stop('KILL');
    _redis_start($stage);
    return;
}

sub _nginx_kill {
    my ($stage) = @_;

    $stage->kill_nginx;
    return;
}

sub _nginx_start {
    my ($stage) = @_;

    $stage->nginx->start;
    return;
}

sub _nginx_term {
    my ($stage) = @_;

    $stage->nginx->stop('TERM');
    return;
}

sub _nginx_stop {
    my ($stage) = @_;

    kill 'STOP', $stage->nginx->children;
    return;
}

sub _nginx_continue {
    my ($stage) = @_;

    kill 'CONT', $stage->nginx->children;
    return;
}

sub _nginx_reload {
    my ($stage) = @_;

    $stage->nginx->process->signal('HUP');
    return;
}

sub _nginx_child {
    my ($stage) = @_;
    my ($child) = $stage->nginx->children;

    kill 'KILL', $child if $child;
    return;
}

sub _peer {
    my ($fault) = @_;

    return $fault->{target} =~ s/^cp-//r;
}

sub _peer_kill {
    my ($stage, $fault) = @_;

    $stage->cp(_peer($fault))->stop('KILL');
    return;
}

sub _peer_start {
    my ($stage, $fault) = @_;

    $stage->cp(_peer($fault))->start;
    $stage->tell_cp(_peer($fault));
    return;
}

sub _peer_stop {
    my ($stage, $fault) = @_;

    $stage->cp(_peer($fault))->process->signal('STOP');
    return;
}

sub _peer_continue {
    my ($stage, $fault) = @_;

    $stage->cp(_peer($fault))->process->signal('CONT');
    return;
}

sub _peer_refuses {
    my ($stage, $fault) = @_;

    $stage->cp(_peer($fault))->command('misbehave refuse=*:503');
    return;
}

sub _peer_accepts {
    my ($stage, $fault) = @_;

    $stage->cp(_peer($fault))->command('misbehave off');
    return;
}

sub _link {
    my ($stage, $fault) = @_;

    $stage->spoil($fault->{target} =~ s/^link://r, @{$fault->{mode}});
    return;
}

sub _unlink {
    my ($stage, $fault) = @_;

    $stage->spoil($fault->{target} =~ s/^link://r, 'pass');
    return;
}

1;
