# The FP as we see it: where it is, and everything that is sent to it.

package CP::Peer;
use Mojo::Base -base, -signatures;

use Mojo::Promise;
use Mojo::URL;
use Mojo::UserAgent;

use CP::Clock qw(real_ms);

use constant {
    TIMEOUT_MS => 10_000,
    RETRIES    => 2,          # quirk H7
    PAUSE_MS   => 200,        # before each of them
};

has [qw(auth quirks record)];
has url   => undef;           # base URL, no slash at the end
has held  => sub { [] };      # requests kept back by `reorder`
has hold  => 0;               # how many requests to keep back
has sent  => sub { [] };      # the latest requests, for `replay`
has names => sub { {} };      # message → its path, where it has another
has tls   => sub { {} };
has ua    => sub ($self) { $self->_user_agent };

# A random UUID (version 4).
sub random_id {
    open my $fh, '<:raw', '/dev/urandom' or die "/dev/urandom: $!\n";
    read $fh, my $bytes, 16;
    my @b = unpack 'C16', $bytes;
    $b[6] = $b[6] & 0x0f | 0x40;
    $b[8] = $b[8] & 0x3f | 0x80;
    return sprintf '%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-'
        . '%02x%02x%02x%02x%02x%02x', @b;
}

sub _user_agent ($self) {
    my $tls = $self->tls;
    my $ua = Mojo::UserAgent->new(max_redirects => 0, max_connections => 64,
        ioloop => Mojo::IOLoop->singleton, inactivity_timeout => 0,
        connect_timeout => TIMEOUT_MS / 1000);
    $ua->$_($tls->{$_}) for grep { defined $tls->{$_} } qw(ca cert key);
    $ua->insecure(1) if $tls->{insecure};
    $ua->transactor->name('OSCP CP simulator');
    return $ua;
}

# New TLS settings hold for new connections.
sub set_tls ($self, $tls) {
    $self->tls($tls);
    $self->ua($self->_user_agent);
    return;
}

# Sends one request and promises its result: a hash with id, status or error,
# ms, tries, and answer where the answer has one.  Never rejects.
#   message, body (bytes)       what
#   id, corr, headers           header lines; id undef: a fresh one
#   method, path                instead of POST and /MESSAGE
#   pieces, pause_ms, chunked   how the body is put on the wire
#   timeout_ms, close
sub send_p ($self, $request) {
    my %new = (method => 'POST', timeout_ms => TIMEOUT_MS,
        headers => {}, %$request);
    $new{id} //= random_id();
    $new{path} //= '/' . ($self->names->{$new{message}} // $new{message});
    push @{$self->sent}, \%new;
    shift @{$self->sent} if @{$self->sent} > 1000;

    if ($self->hold) {
        push @{$self->held}, \%new;
        $self->release if @{$self->held} >= $self->hold;
        return Mojo::Promise->resolve({ id => $new{id}, held => 1 });
    }
    return $self->_try_p(\%new, 1);
}

# Sends what `reorder` has kept back, the last first, each after the answer
# to the one before.
sub release ($self) {
    my @requests = reverse splice @{$self->held};
    my $chain = Mojo::Promise->resolve;

    $self->hold(0);
    for my $request (@requests) {
        $chain = $chain->then(sub { $self->_try_p($request, 1) });
    }
    return $chain;
}

sub _try_p ($self, $request, $try) {
    return $self->_request_p($request)->then(sub ($result) {
        $result->{tries} = $try;
        my $status = $result->{status} // 0;
        if ($status == 401 && $try == 1 && $self->auth->renew) {
            return $self->_try_p($request, $try + 1);
        }
        my $quirk = $self->quirks->on('H7');
        return $result unless $quirk && $try <= RETRIES
            && ($result->{error} || $status =~ /^(?:408|409|429|5\d\d)$/);
        $request->{id} = random_id() if $quirk eq 'fresh';
        return Mojo::Promise->timer(PAUSE_MS / 1000)->then(sub {
            return $self->_try_p($request, $try + 1);
        });
    });
}

sub _request_p ($self, $request) {
    my $start = real_ms();
    my $lower = $self->quirks->on('H15') eq 'lower';

    return $self->auth->headers_p($lower)->then(sub ($headers) {
        die "no peer: say `peer URL` first\n" unless defined $self->url;
        my $tx = $self->_build($request, $headers);
        # The agent keeps a connection's timers: one per request is ours.
        my $timer = Mojo::IOLoop->timer($request->{timeout_ms} / 1000,
            sub { $self->_give_up($tx) });
        my $done = Mojo::Promise->new;
        $self->ua->start($tx => sub ($ua, $answered) {
            Mojo::IOLoop->remove($timer);
            $done->resolve($answered);
        });
        return $done;
    })->then(sub ($tx) {
        return $self->_result($request, $tx, $start);
    }, sub ($error) {
        chomp $error;
        my %result = (id => $request->{id}, error => $error);
        $self->_record($request, undef, $start, \%result);
        return \%result;
    });
}

sub _give_up ($self, $tx) {
    my $stream = Mojo::IOLoop->stream($tx->connection // '') // return;
    $tx->res->error({ message => 'timeout' });
    $stream->close;
    return;
}

sub _build ($self, $request, $headers) {
    my $url = $request->{path} =~ m{^https?://}
        ? $request->{path} : $self->url . $request->{path};
    my $tx = $self->ua->build_tx($request->{method} => $url);
    my $h = $tx->req->headers;
    my $body = $request->{body} // '';
    my @lines = (%$headers, 'Content-Type' => 'application/json',
        'X-Request-ID' => $request->{id});

    push @lines, 'X-Correlation-ID' => $request->{corr}
        if defined $request->{corr};
    push @lines, Connection => 'close' if $request->{close};
    push @lines, %{$request->{headers}};
    while (my ($name, $value) = splice @lines, 0, 2) {
        $h->remove($name);
        # A value of several lines is a header that comes several times, an
        # empty one a header that does not come.
        $h->add($name, $_) for split /\n/, $value;
    }
    if ($request->{chunked} || ($request->{pieces} // 1) > 1) {
        _write_pieces($tx, $request, $body);
    } else {
        $tx->req->body($body);
    }
    return $tx;
}

# The body in pieces, with a pause between them.
sub _write_pieces ($tx, $request, $body) {
    my $content = $tx->req->content;
    my $size = int(length($body) / ($request->{pieces} // 1)) || 1;
    my $pause = ($request->{pause_ms} // 0) / 1000;
    my @pieces = $body =~ /.{1,$size}/gs;
    my $write = $request->{chunked} ? 'write_chunk' : 'write';
    my $next;

    $tx->req->headers->content_length(length $body)
        unless $request->{chunked};
    my $first = shift(@pieces) // '';
    $next = sub (@) {
        my $piece = shift @pieces;
        if (!defined $piece) {
            undef $next;
            $content->write_chunk('') if $request->{chunked};
            return;
        }
        return $content->$write($piece => $next) unless $pause;
        Mojo::IOLoop->timer($pause => sub {
            $content->$write($piece => $next);
            $tx->resume;
        });
    };
    # At once: only a content that has begun is taken for one in pieces.
    $content->$write($first => $next);
    return;
}

sub _result ($self, $request, $tx, $start) {
    my $res = $tx->res;
    my %result = (id => $request->{id}, ms => real_ms() - $start);

    if (my $error = $tx->error) {
        # An answer of 4xx or 5xx is an answer, not an error.
        $result{error} = $error->{message} =~ s/\s+\z//r
            unless $error->{code};
    }
    $result{status} = 0 + $res->code if $res->code && !$result{error};
    $result{answer} = $res->text if length($res->body // '');
    $result{retry_after} = 0 + $res->headers->header('Retry-After')
        if ($res->headers->header('Retry-After') // '') =~ /^\d+$/;
    $self->_record($request, $tx, $start, \%result);
    return \%result;
}

sub _record ($self, $request, $tx, $start, $result) {
    my $body = $request->{body};

    utf8::decode($body) if defined $body;
    $self->record->add(dir => 'out', at_ms => $start,
        message => $request->{message}, method => $request->{method},
        path => $tx ? $tx->req->url->to_string : $request->{path},
        headers => $tx ? $tx->req->headers->to_hash : undef,
        body => $body, %$result);
    return;
}

1;
