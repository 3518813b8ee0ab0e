# The HTTP side: serves a CP's messages under its base path, the token
# endpoint, and the control endpoint.

package CP::Server;
use Mojo::Base 'Mojolicious', -signatures;

use Digest::SHA qw(sha256_hex);
use Mojo::IOLoop;
use Mojo::JSON qw(decode_json encode_json);
use Mojo::Promise;

use CP::Schema;

use constant {
    BODY_MAX  => 64 * 1024 * 1024,
    SEEN_MAX  => 100_000,     # request ids remembered
    TOKEN_MAX => 64,          # quirk H14, as all below
    URL_MAX   => 256,
    ID_MAX    => 128,
    ASSET_MAX => 64,
};

has 'simulator';
has pairs => sub { {} };      # groups and assets that belong together
has seen => sub { {} };       # request id → digest of what it came with
has hung => sub { {} };       # requests that will never be answered

my %MESSAGES = map { $_ => 1 } CP::Schema::messages();

sub startup ($self) {
    $self->mode('production');
    $self->log->level('fatal');
    $self->secrets(['of no use: there are no sessions']);
    $self->max_request_size(BODY_MAX);
    my $handle = sub ($c) { $c->app->handle($c) };
    $self->routes->any('/' => $handle);
    $self->routes->any('/*whatever' => $handle);
    return;
}

sub handle ($self, $c) {
    my $path = $c->req->url->path->to_string;
    my $base = $self->simulator->base;

    return $self->_control($c) if $path eq '/_control';
    return $self->_token($c) if $path eq '/oauth2/token';
    my ($name) = $path =~ m{^\Q$base\E/([^/]+)$};
    # A message may have another path here as well (`alias`).
    my %names = reverse %{$self->simulator->served_as};
    return $self->_message($c, $names{$name // ''} // $name // '');
}

sub _control ($self, $c) {
    my $simulator = $self->simulator;
    my $address = $c->tx->remote_address // '';

    return $c->render(json => { ok => \0, error => 'only from this machine' },
        status => 403)
        unless $simulator->control && $address =~ /^(?:127\.|::1$)/;
    return $c->render(json => { ok => \0, error => 'POST commands' },
        status => 405) if $c->req->method ne 'POST';
    $c->render_later;
    my $tx = $c->tx;
    $simulator->commands->run_p($c->req->text)->then(sub (@results) {
        $c->render(json => { ok => \1, results => \@results });
    }, sub ($error) {
        chomp $error;
        $c->render(json => { ok => \0, error => $error }, status => 400);
    })->finally(sub { undef $tx });
    return;
}

sub _token ($self, $c) {
    my ($status, $json) = $self->simulator->auth->token($c->req);

    $self->simulator->record->add(dir => 'in', message => 'token',
        method => $c->req->method, path => '/oauth2/token',
        status => $status, headers => $c->req->headers->to_hash,
        $json->{error} ? (answer => $json->{error}) : ());
    $c->res->headers->cache_control('no-store');
    $c->res->headers->www_authenticate('Basic realm="oscp"')
        if $status == 401;
    return $c->render(json => $json, status => $status);
}

# One request under our base path: judge it, record it, answer it.
sub _message ($self, $c, $message) {
    my $simulator = $self->simulator;
    my $rules = $simulator->rules->take($message);
    my $headers = $c->req->headers;
    my $known = $MESSAGES{$message};
    my $json = eval { decode_json($c->req->body) };
    my @errors = $known ? $self->_errors($c, $message, $json) : ();
    my ($status, $why) = $self->_status($c, $message, \@errors);
    my $delay = $rules->{delay} ? $rules->{delay}{ms} : 0;

    if ($rules->{refuse}) {
        ($status, $why) = ($rules->{refuse}{status}, 'refused on demand');
    }
    my ($instead) = grep { $rules->{$_} } qw(hang drop);
    my $body = $c->req->body;
    utf8::decode($body);
    $simulator->record->add(dir => 'in', message => $message,
        method => $c->req->method, path => $c->req->url->path->to_string,
        id => scalar $headers->header('X-Request-ID'),
        corr => scalar $headers->header('X-Correlation-ID'),
        headers => $headers->to_hash, body => $body, json => $json,
        valid => @errors || !$known ? \0 : \1, errors => \@errors,
        $instead ? (instead => $instead) : (status => $status, answer => $why),
        $delay ? (delayed_ms => $delay) : ());

    my $takes = $known && ($instead ? $rules->{drop} && $rules->{drop}{after}
        : $status =~ /^2/);
    my $effect = $takes ? sub { $self->_effect($c, $message, $json) }
        : sub { Mojo::Promise->resolve };
    $c->render_later;
    return $self->_instead($c, $instead, $effect) if $instead;
    my %answer = (status => $status, why => $why, effect => $effect,
        refuse => $rules->{refuse} // {},
        inside => $message eq 'register' && $simulator->quirks->on('H3'));
    return $self->_answer($c, \%answer) unless $delay;
    my $tx = $c->tx;
    Mojo::IOLoop->timer($delay / 1000 => sub {
        $self->_answer($c, \%answer);
        undef $tx;
    });
    return;
}

# Status and message of the proper answer.
sub _status ($self, $c, $message, $errors) {
    my $simulator = $self->simulator;
    my $methods = $message eq 'register' ? 'POST PUT DELETE' : 'POST';
    my $method = $c->req->method;

    return (401, 'unauthorized') if defined $simulator->auth->refuses(
        $c->req->headers, $simulator->quirks->on('H15'));
    return (404, 'no such message') unless $MESSAGES{$message};
    if ($methods !~ /\b\Q$method\E\b/) {
        $c->res->headers->header(Allow => $methods =~ tr/ /,/r);
        return (405, 'method not allowed');
    }
    return (500, 'cannot read these times (H8)')
        if $simulator->quirks->on('H8') && $c->req->body =~ /\dT\d\d:/;
    return (500, 'value too long (H14)')
        if grep { /H14/ } @$errors;
    return (400, $errors->[0]) if @$errors && !$simulator->lenient;
    return (204, undef);
}

# What is wrong with the request: header lines, then the body.
sub _errors ($self, $c, $message, $json) {
    my $simulator = $self->simulator;
    my $headers = $c->req->headers;
    my $bodiless = $c->req->method eq 'DELETE' && $c->req->body eq '';
    my @errors = $self->_header_errors($c, $message);

    return @errors if $bodiless;
    push @errors, 'Content-Type: must be application/json'
        if ($headers->content_type // '') !~ m{^application/json\s*(?:;|$)}i;
    return (@errors, '$: must be JSON') unless defined $json;
    push @errors, CP::Schema::check($message, $json, {
        profile => $simulator->profile,
        flat => $simulator->quirks->on('H1'),
        hourly => $simulator->quirks->on('H10'),
        pairs => $self->pairs,
        intermittent => scalar(grep { $_ eq 'INTERMITTENT' }
            @{$simulator->life->measurement}),
    });
    push @errors, _narrow($message, $json)
        if !@errors && $simulator->quirks->on('H14');
    return @errors;
}

sub _header_errors ($self, $c, $message) {
    my $headers = $c->req->headers;
    my $id = $headers->header('X-Request-ID');
    my @errors;

    if (($id // '') !~ /^[\x21-\x7e]{1,128}$/) {
        push @errors, 'X-Request-ID: must be 1 to 128 visible characters';
    } else {
        $self->seen({}) if keys %{$self->seen} > SEEN_MAX;
        my $digest = sha256_hex(join "\0", $message, $c->req->body);
        push @errors, 'X-Request-ID: used before, for something else'
            if ($self->seen->{$id} //= $digest) ne $digest;
    }
    my $corr = $headers->header('X-Correlation-ID');
    my $needed = $message eq 'group_capacity_compliance_error'
        || ($message eq 'handshake_acknowledge'
            && $self->simulator->quirks->on('H5'));
    push @errors, 'X-Correlation-ID: is missing' if $needed && !defined $corr;
    return @errors;
}

# Quirk H14: the sizes of SolarNetwork's tables.
sub _narrow ($message, $json) {
    my %lengths = (
        token => [TOKEN_MAX, $json->{token}],
        group_id => [ID_MAX, $json->{group_id}],
        map({ (base_url => [URL_MAX, $_->{base_url}]) }
            @{$json->{version_url} // []}),
        map({ ref && $_->{asset_id}
            ? (asset_id => [ASSET_MAX, $_->{asset_id}]) : () }
            @{$json->{measurements} // []}),
    );
    my @errors = map { "$_: too long (H14)" }
        grep { length($lengths{$_}[1] // '') > $lengths{$_}[0] }
        sort keys %lengths;
    my $asked = $json->{required_behaviour} // $json;
    push @errors, 'heartbeat_interval: too large (H14)'
        if ($asked->{heartbeat_interval} // 0) > 32767;
    return @errors;
}

# What a valid message causes; a promise.
sub _effect ($self, $c, $message, $json) {
    my $headers = $c->req->headers;
    return $self->simulator->received_p($c->req->method, $message, $json // {},
        $headers->header('X-Request-ID'),
        $headers->header('X-Correlation-ID'));
}

# The effect must not start before the 204 has gone out, but for quirk H3.
sub _answer ($self, $c, $answer) {
    my $tx = $c->tx;

    return $answer->{effect}->()->finally(sub {
        $self->_render($c, $answer);
        undef $tx;
    }) if $answer->{inside};
    $tx->on(finish => sub { $answer->{effect}->() });
    return $self->_render($c, $answer);
}

sub _render ($self, $c, $answer) {
    my ($status, $refuse) = @$answer{qw(status refuse)};
    my $headers = $c->res->headers;

    $headers->www_authenticate('Bearer')
        if $status == 401 && !$refuse->{status};
    $headers->header($_ => $refuse->{headers}{$_})
        for keys %{$refuse->{headers} // {}};
    return $c->rendered($status) if $status =~ /^(?:1..|204|304)$/;
    $headers->content_type('application/json');
    return $c->render(status => $status, data => $refuse->{body}
        // encode_json({ message => $answer->{why} // 'ok' }));
}

# Neither answer: hold the request for ever, or cut the connection.
sub _instead ($self, $c, $instead, $effect) {
    my $tx = $c->tx;

    if ($instead eq 'hang') {
        $self->hung->{$tx} = $c;
        $tx->on(finish => sub { delete $self->hung->{$tx} });
        return;
    }
    Mojo::IOLoop->remove($tx->connection);
    $effect->() if $effect;
    return;
}

1;
