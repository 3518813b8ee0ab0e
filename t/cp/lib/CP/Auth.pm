# Credentials in both directions: what we present to the FP, what the FP must
# present to us, and a token endpoint of our own (RFC 6749, section 4.4).

package CP::Auth;
use Mojo::Base -base, -signatures;

use Mojo::Promise;
use Mojo::Util qw(b64_decode b64_encode url_escape);

use CP::Clock qw(duration_ms real_ms);

use constant LEEWAY_MS => 1000;    # a token is renewed so long before its end

has present => sub { { headers => {} } };
has accept  => sub { { headers => {} } };
has issued  => sub { {} };         # access token → end of its life
has 'peer';                        # for its user agent

# `present token=T | token-file=F | bearer=T | oauth …`, `header.NAME=V`.
sub set_present ($self, $words, $options) {
    my $new = _kind($words, $options);

    if (($new->{kind} // '') eq 'oauth') {
        die "present oauth needs url=, client= and secret= or secret-file=\n"
            if grep { !defined $new->{$_} } qw(url client secret);
        die "auth=basic or auth=body\n" if $new->{auth} !~ /^(?:basic|body)$/;
    }
    $self->present($new);
    delete @$self{qw(access fetching)};
    return;
}

# `accept token=T | bearer=T | oauth client= secret= life= | any`.
sub set_accept ($self, $words, $options) {
    my $new = _kind($words, $options);

    if (($new->{kind} // '') eq 'oauth') {
        die "accept oauth needs client= and secret= or secret-file=\n"
            if grep { !defined $new->{$_} } qw(client secret);
        $new->{life_ms} = duration_ms($options->{life} // '1h')
            // die "life=DURATION\n";
        $new->{auth} = $options->{auth} // 'any';
    }
    $self->accept($new);
    $self->issued({});
    return;
}

sub _kind ($words, $options) {
    my %new = (headers => $options->{header} // {});

    if (($words->[0] // '') eq 'oauth') {
        %new = (%new, kind => 'oauth', auth => $options->{auth} // 'basic');
        $new{$_} = $options->{$_} for qw(url client scope);
        $new{secret} = _secret('secret', $options);
        return \%new;
    }
    die "@$words: unknown kind of credentials\n"
        if @$words && $words->[0] !~ /^(?:any|none)$/;
    for my $kind (qw(token bearer)) {
        my $secret = _secret($kind, $options) // next;
        @new{qw(kind secret)} = ($kind, $secret);
    }
    return \%new;
}

sub _secret ($name, $options) {
    return $options->{$name} if defined $options->{$name};
    my $file = $options->{"$name-file"} // return undef;
    open my $fh, '<', $file or die "$file: $!\n";
    my $secret = do { local $/; <$fh> };
    $secret =~ s/\n\z//;
    return $secret;
}

# A promise of the header lines to present; `lower`: quirk H15's variant.
sub headers_p ($self, $lower = 0) {
    my $present = $self->present;
    my $kind = $present->{kind} // '';
    my $token = $kind eq 'oauth' ? $self->_access_p
        : Mojo::Promise->resolve($present->{secret});

    return $token->then(sub ($secret) {
        my %headers = %{$present->{headers}};
        my $scheme = $kind eq 'token' ? 'Token' : 'Bearer';
        $scheme = lc $scheme if $lower;
        $headers{Authorization} = "$scheme $secret" if $kind;
        return \%headers;
    });
}

# Forgets our access token, after a 401; 1 when there is another to be had.
sub renew ($self) {
    return delete $self->{access} ? 1 : 0;
}

# One request for a token serves all that wait.
sub _access_p ($self) {
    my $access = $self->{access};
    return Mojo::Promise->resolve($access->{token})
        if $access && $access->{until} > real_ms() + LEEWAY_MS;
    return $self->{fetching} //= $self->_fetch_p->finally(sub {
        # The promise must not wait for itself.
        delete $self->{fetching};
        return;
    });
}

sub _fetch_p ($self) {
    my $o = $self->present;
    my %form = (grant_type => 'client_credentials');
    my %headers = %{$o->{headers}};

    $form{scope} = $o->{scope} if defined $o->{scope};
    if ($o->{auth} eq 'body') {
        @form{qw(client_id client_secret)} = @$o{qw(client secret)};
    } else {
        $headers{Authorization} = 'Basic ' . b64_encode(
            join(':', map { url_escape $_ } @$o{qw(client secret)}), '');
    }
    return $self->peer->ua->post_p($o->{url} => \%headers, form => \%form)
        ->then(sub ($tx) {
            my $json = $tx->res->json // {};
            die 'token endpoint: ' . ($tx->res->code // 'no answer') . "\n"
                unless $tx->res->is_success && $json->{access_token};
            $self->{access} = { token => $json->{access_token},
                until => real_ms() + 1000 * ($json->{expires_in} // 3600) };
            return $json->{access_token};
        });
}

# Why these request headers are not good enough (for the record only), or
# undef.  `exact`: the scheme's case matters (quirk H15).
sub refuses ($self, $headers, $exact = 0) {
    my $accept = $self->accept;
    my $kind = $accept->{kind} // '';

    for my $name (sort keys %{$accept->{headers}}) {
        return "header $name"
            if ($headers->header($name) // '') ne $accept->{headers}{$name};
    }
    return undef unless $kind;
    my ($scheme, $secret) =
        ($headers->authorization // '') =~ /^(\S+) +(\S+)\s*$/;
    my $want = $kind eq 'token' ? 'Token' : 'Bearer';
    return 'no credentials' unless defined $secret;
    return "scheme is not $want"
        unless $exact ? $scheme eq $want : lc $scheme eq lc $want;
    if ($kind eq 'oauth') {
        return ($self->issued->{$secret} // 0) > real_ms()
            ? undef : 'access token unknown or expired';
    }
    return $secret eq $accept->{secret} ? undef : "wrong $kind";
}

# Answers a request to our token endpoint: (status, JSON).
sub token ($self, $req) {
    my $accept = $self->accept;
    my $basic = ($req->headers->authorization // '') =~ /^Basic +(\S+)$/i
        ? b64_decode($1) : undef;
    my ($client, $secret) = defined $basic
        ? map { s/\+/ /gr =~ s/%([0-9A-Fa-f]{2})/chr hex $1/ger }
            split(/:/, $basic, 2)
        : map { $req->body_params->param($_) } qw(client_id client_secret);

    return (404, { message => 'no token endpoint here' })
        if ($accept->{kind} // '') ne 'oauth';
    return (400, { error => 'invalid_request' })
        unless $req->method eq 'POST'
        && defined $req->body_params->param('grant_type');
    my $way = defined $basic ? 'basic' : 'body';
    return (401, { error => 'invalid_client' })
        if ($accept->{auth} ne 'any' && $accept->{auth} ne $way)
        || ($client // '') ne $accept->{client}
        || ($secret // '') ne $accept->{secret};
    return (400, { error => 'unsupported_grant_type' })
        if $req->body_params->param('grant_type') ne 'client_credentials';
    my $token = CP::Peer::random_id() =~ tr/-//dr . CP::Peer::random_id();
    $self->issued->{$token} = real_ms() + $accept->{life_ms};
    return (200, { access_token => $token, token_type => 'Bearer',
        expires_in => $accept->{life_ms} / 1000 });
}

1;
