# The commands.  Those that send something are in CP::Sends.

package CP::Commands;
use Mojo::Base -base, -signatures;

use Mojo::IOLoop;
use Mojo::Promise;
use Scalar::Util qw(blessed);

use CP::Clock qw(duration_ms real_ms);
use CP::Language;
use CP::Quirk;
use CP::Sends;

has simulator => undef, weak => 1;
has cursor    => 0;       # entries up to here are behind us, for `expect`
has sends     => sub ($self) {
    CP::Sends->new(simulator => $self->simulator);
};

my @COMMON = qw(id corr header path method pieces pause timeout every count
    parallel expect body);
my @FLAGS = qw(chunked close nowait);
my $COMMON = '[id= corr= header.N= body= every= count= ...]';

# verb, usage, about; then words (least, most), options, flags, many.
my @TABLE = (
    ['peer', 'peer URL', 'the FP\'s base URL, as in'
        . ' http://127.0.0.1:8080/oscp/fp/2.0', words => [1, 1]],
    ['present', 'present [token= | token-file= | bearer= | oauth url='
        . ' client= secret-file= [scope= auth=basic|body]] [header.N=V ...]',
        'the credentials we show to the FP', words => [0, 1],
        options => [qw(token token-file bearer bearer-file header url client
            secret secret-file scope auth)]],
    ['accept', 'accept [any | token= | token-file= | bearer= | oauth client='
        . ' secret-file= [life=1h auth=basic|body|any]] [header.N=V ...]',
        'the credentials we want from the FP, else 401; oauth opens'
        . ' /oauth2/token here', words => [0, 1],
        options => [qw(token token-file bearer bearer-file header client
            secret secret-file life auth)]],
    ['tls', 'tls [ca=FILE cert=FILE key=FILE] [insecure]',
        'for https to the FP: its CA, our certificate',
        options => [qw(ca cert key)], flags => ['insecure']],
    ['require', 'require [interval=30] [measurement=INTERMITTENT,...|none]',
        'what our handshakes and acknowledges ask of the FP; interval=0 asks'
        . ' for no heartbeats', options => [qw(interval measurement)]],
    ['profile', 'profile vector|generic', 'the rules that requests of the FP'
        . ' are checked against', words => [1, 1]],
    ['handshake', "handshake [interval= measurement= dialect=nested|flat|empty"
        . "] $COMMON", 'sends a Handshake',
        options => [@COMMON, qw(interval measurement dialect)],
        flags => \@FLAGS],
    ['acknowledge', "acknowledge [corr=ID] [interval= measurement= dialect=]"
        . " $COMMON", 'sends a HandshakeAcknowledge now; corr: of the latest'
        . ' handshake received, corr= for none',
        options => [@COMMON, qw(interval measurement dialect)],
        flags => \@FLAGS],
    ['heartbeat', "heartbeat [ahead=90s | at=TIME] $COMMON",
        'sends a Heartbeat that promises to be back so far ahead',
        options => [@COMMON, qw(ahead at)], flags => \@FLAGS],
    ['forecast', 'forecast group=G [type=CONSUMPTION] kw=120,80|w=|a=|wh=|kwh='
        . ' [blocks=96] [minutes=15|seconds=|length=] [start=aligned|now|+5s|'
        . 'TIME] [phase=ALL,...] [block=START/END/CAPACITY/UNIT/PHASE ...]'
        . " [segments=N order=2,1,3] $COMMON",
        'sends an UpdateGroupCapacityForecast; values repeat over the blocks',
        options => [@COMMON, qw(group type kw w a wh kwh blocks minutes seconds
            length start phase block segments order)],
        many => ['block'], flags => \@FLAGS],
    ['register', 'register [token= url= versions=2.0] [method=PUT|DELETE]'
        . " $COMMON", 'sends a Register', flags => \@FLAGS,
        options => [@COMMON, qw(token token-file url versions)]],
    ['send', "send MESSAGE|/PATH $COMMON",
        'sends anything: body=TEXT or body=@FILE', words => [1, 1],
        options => \@COMMON, flags => \@FLAGS],
    ['replay', "replay [LAST|ID] $COMMON", 'sends an earlier request again,'
        . ' under the same X-Request-ID unless id= says otherwise',
        words => [0, 1], options => \@COMMON, flags => \@FLAGS],
    ['reorder', 'reorder N|off', 'keeps the next N requests back, then sends'
        . ' them, the last first', words => [1, 1]],
    ['stop', 'stop [NUMBER]', 'ends what `every=` repeats, one or all',
        words => [0, 1]],
    ['heartbeats', 'heartbeats on|off [every=5s] [ahead=15s]',
        'the automatic heartbeats; every= sends them also while not online',
        words => [0, 1], options => [qw(every ahead)]],
    ['acknowledges', 'acknowledges on|off [after=2s]',
        'whether a received handshake is acknowledged', words => [1, 1],
        options => ['after']],
    ['adjustments', 'adjustments agree|ignore', 'whether a received'
        . ' adjustment is answered by the forecast it asks for',
        words => [1, 1]],
    ['registration', 'registration on|off [url=OURS] [token=FOR-THE-FP]',
        'whether a received Register is answered by ours', words => [1, 1],
        options => [qw(url token)]],
    ['misbehave', 'misbehave refuse=MESSAGE:STATUS | delay=MESSAGE:3s |'
        . ' hang=MESSAGE | drop=MESSAGE[:after] [times=N] [retry-after=S]'
        . ' [header.N=V] [body=TEXT]; misbehave off [MESSAGE]',
        'what happens to requests of the FP; MESSAGE may be *; drop=M:after'
        . ' takes effect first', words => [0, 2],
        options => [qw(refuse delay hang drop times retry-after header body)]],
    ['lenient', 'lenient on|off', 'answers 204 to what is invalid, too'
        . ' (it is recorded as invalid all the same)', words => [1, 1]],
    ['alias', 'alias MESSAGE NAME', 'another path for a message, in both'
        . ' directions', words => [2, 2]],
    ['quirk', 'quirk H1..H15 [on|off|VARIANT]', 'the interoperability hazards'
        . ' of real peers; see `quirks`', words => [1, 2]],
    ['quirks', 'quirks', 'lists them'],
    ['clock', 'clock +300s|-300s|0 [zone=+13:00]', 'lies about the time in all'
        . ' that is sent', words => [1, 1], options => ['zone']],
    ['wait', 'wait DURATION', 'does nothing for so long', words => [1, 1]],
    ['expect', 'expect MESSAGE|online|late [count=1] [within=10s]',
        'waits for valid requests of the FP since the last `expect` or'
        . ' `mark`, or for a state; fails otherwise', words => [1, 1],
        options => [qw(count within)]],
    ['mark', 'mark', '`expect` counts from here'],
    ['state', 'state', 'everything we know, as JSON'],
    ['records', 'records [dir=in|out|note] [message=] [since=N] [limit=N]',
        'what was received, sent and noticed',
        options => [qw(dir message since limit id corr)]],
    ['say', 'say TEXT', 'prints a line', words => [1, 99]],
    ['help', 'help', 'this list'],
    ['quit', 'quit [CODE]', 'ends the simulator', words => [0, 1]],
);

my %TABLE;
for my $i (0 .. $#TABLE) {
    my ($verb, $usage, $about, %more) = @{$TABLE[$i]};
    $TABLE{$verb} = { usage => $usage, about => $about, order => $i, %more };
}

sub help ($self = undef) {
    return CP::Language::help(\%TABLE);
}

sub verbs {
    return sort keys %TABLE;
}

# Runs lines of commands one after the other.  Promises the list of their
# results, or is rejected with "line N: what is wrong" at the first failure.
sub run_p ($self, $text) {
    my @lines = split /\n/, $text;
    my (@todo, @results);

    for my $i (0 .. $#lines) {
        my $command = eval { CP::Language::parse($lines[$i], \%TABLE) };
        return Mojo::Promise->reject('line ' . ($i + 1) . ": $@") if $@;
        push @todo, [$i + 1, $command] if $command;
    }
    my $chain = Mojo::Promise->resolve;
    for my $item (@todo) {
        $chain = $chain->then(sub {
            return $self->_run_p($item->[1]);
        })->then(sub ($result = {}) {
            push @results, $result;
        }, sub ($error) {
            # Already marked by the line that failed.
            die $error if $error =~ /^line \d+: /;
            die "line $item->[0]: $error";
        });
    }
    return $chain->then(sub { return @results });
}

sub _run_p ($self, $command) {
    my $verb = $command->{verb} =~ tr/-/_/r;
    my $method = "_do_$verb";
    my @arguments = @$command{qw(options flags words)};
    my $result = eval {
        my $sends = $self->sends;
        $sends->can($method) ? $sends->$method(@arguments)
            : $self->$method(@arguments);
    };
    return Mojo::Promise->reject($@) if $@;
    return blessed $result && $result->can('then') ? $result
        : Mojo::Promise->resolve(ref $result eq 'HASH' ? $result : {});
}

sub _switch ($word, $on = 'on', $off = 'off') {
    return 1 if $word eq $on;
    return 0 if $word eq $off;
    die "$word: say $on or $off\n";
}

sub _do_peer ($self, $o, $flags, $words) {
    $self->simulator->peer->url($words->[0] =~ s{/$}{}r);
}

sub _do_present ($self, $o, $flags, $words) {
    $self->simulator->auth->set_present($words, $o);
}

sub _do_accept ($self, $o, $flags, $words) {
    $self->simulator->auth->set_accept($words, $o);
}

sub _do_tls ($self, $o, $flags, $words) {
    $self->simulator->peer->set_tls({ %$o, %$flags });
}

sub _do_require ($self, $o, $flags, $words) {
    my $life = $self->simulator->life;
    $life->interval(0 + $o->{interval}) if defined $o->{interval};
    $life->measurement($o->{measurement} eq 'none' ? []
        : [split /,/, $o->{measurement}]) if defined $o->{measurement};
}

sub _do_profile ($self, $o, $flags, $words) {
    die "profile vector or generic\n"
        unless $words->[0] =~ /^(?:vector|generic)$/;
    $self->simulator->profile($words->[0]);
}

sub _do_heartbeats ($self, $o, $flags, $words) {
    my $life = $self->simulator->life;
    $life->beats(_switch($words->[0])) if @$words;
    for my $key (qw(every ahead)) {
        defined $o->{$key} or next;
        my $ms = duration_ms($o->{$key}) // die "$key=DURATION\n";
        $key eq 'every' ? $life->every_s($ms / 1000) : $life->ahead_ms($ms);
    }
    $life->schedule;
}

sub _do_acknowledges ($self, $o, $flags, $words) {
    my $life = $self->simulator->life;
    $life->acknowledges(_switch($words->[0]));
    $life->ack_after_ms(duration_ms($o->{after} // 0)
        // die "after=DURATION\n");
}

sub _do_adjustments ($self, $o, $flags, $words) {
    $self->simulator->life->agrees(_switch($words->[0], 'agree', 'ignore'));
}

sub _do_registration ($self, $o, $flags, $words) {
    my $registration = $self->simulator->registration;
    $registration->on(_switch($words->[0]));
    $registration->$_($o->{$_}) for keys %$o;
}

sub _do_misbehave ($self, $o, $flags, $words) {
    my $rules = $self->simulator->rules;
    if (@$words) {
        die "misbehave off [MESSAGE]\n" if $words->[0] ne 'off';
        return $rules->clear($words->[1]);
    }
    my %more = map { $_ => $o->{$_} }
        grep { defined $o->{$_} } qw(times body);
    $more{headers} = $o->{header} // {};
    $more{headers}{'Retry-After'} = $o->{'retry-after'}
        if defined $o->{'retry-after'};
    for my $kind (qw(refuse delay hang drop)) {
        $rules->add($kind, $o->{$kind}, %more) if defined $o->{$kind};
    }
}

sub _do_lenient ($self, $o, $flags, $words) {
    $self->simulator->lenient(_switch($words->[0]));
}

sub _do_alias ($self, $o, $flags, $words) {
    $self->simulator->served_as->{$words->[0]} = $words->[1];
    $self->simulator->peer->names->{$words->[0]} = $words->[1];
}

sub _do_quirk ($self, $o, $flags, $words) {
    $self->simulator->quirks->set(@$words);
}

sub _do_quirks ($self, $o, $flags, $words) {
    my %all = map {
        my ($variants, $about) = CP::Quirk::describe($_);
        $_ => { variants => [split / /, $variants], about => $about,
            on => $self->simulator->quirks->on($_) }
    } CP::Quirk::names();
    return \%all;
}

sub _do_clock ($self, $o, $flags, $words) {
    my $clock = $self->simulator->clock;
    $clock->offset_ms(duration_ms($words->[0])
        // die "clock +300s, -300s or 0\n");
    return unless defined $o->{zone};
    $o->{zone} =~ /^([+-])(\d\d):(\d\d)$/ or die "zone=+HH:MM\n";
    $clock->zone_minutes(($1 eq '-' ? -1 : 1) * ($2 * 60 + $3));
}

sub _do_wait ($self, $o, $flags, $words) {
    my $ms = duration_ms($words->[0]) // die "wait DURATION\n";
    return Mojo::Promise->timer($ms / 1000)->then(sub { return {} });
}

sub _do_mark ($self, $o, $flags, $words) {
    $self->cursor($self->simulator->record->n);
}

sub _do_expect ($self, $o, $flags, $words) {
    my $within = duration_ms($o->{within} // '10s')
        // die "within=DURATION\n";
    my $what = $words->[0];
    my $count = $o->{count} // 1;
    my $until = real_ms() + $within;
    my $promise = Mojo::Promise->new;
    my ($look, $timer);

    $look = sub (@) {
        if (my $result = $self->_fulfilled($what, $count)) {
            $promise->resolve($result);
        } elsif (real_ms() >= $until) {
            $promise->reject("expected $count x $what within "
                . $within / 1000 . " s\n");
        } else {
            return;
        }
        Mojo::IOLoop->remove($timer);
    };
    $timer = Mojo::IOLoop->recurring(0.01 => $look);
    $look->();
    return $promise;
}

sub _fulfilled ($self, $what, $count) {
    my $simulator = $self->simulator;

    if ($what eq 'online' || $what eq 'late') {
        my $is = $what eq 'online' ? $simulator->life->online
            : ${$simulator->life->fp->{late} // \0};
        return $is ? { $what => \1 } : undef;
    }
    my @found = grep { ${$_->{valid} // \0} } @{$simulator->record->list(
        dir => 'in', message => $what, since => $self->cursor)};
    return undef if @found < $count;
    my $entry = $found[$count - 1];
    $self->cursor($entry->{n});
    return $entry;
}

sub _do_state ($self, $o, $flags, $words) {
    return $self->simulator->state;
}

sub _do_records ($self, $o, $flags, $words) {
    return { records => $self->simulator->record->list(%$o) };
}

sub _do_say ($self, $o, $flags, $words) {
    print "@$words\n";
}

sub _do_help ($self, $o, $flags, $words) {
    return { help => $self->help };
}

sub _do_quit ($self, $o, $flags, $words) {
    $self->simulator->quit($words->[0] // 0);
}

1;
