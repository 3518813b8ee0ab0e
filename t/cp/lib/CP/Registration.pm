# The Register exchange, for peers that want it (Vector's path does not).
# TOKEN_A is what we accept first; the FP registers under it and names the
# token that we shall present; our reply names the one that it shall present.

package CP::Registration;
use Mojo::Base -base, -signatures;

use Mojo::Promise;

has [qw(auth message peer quirks)];
has on       => 0;            # reply to Registers
has url      => undef;        # our base URL, as a reply gives it
has token    => undef;        # what a reply hands out; undef: a fresh one
has pending  => 0;            # we sent a Register and wait for the reply
has versions => '2.0';

# Our Register; the token it hands out is accepted from now on.
sub register_p ($self, $request, $o = {}) {
    my $method = $request->{method} // 'POST';
    my $token = $o->{token} // $self->token
        // CP::Peer::random_id() =~ tr/-//dr;
    my $body = $self->message->encode($self->message->register($token,
        $o->{url} // $self->url, $o->{versions} // $self->versions));
    my $silent = $method eq 'DELETE' && !$self->quirks->on('H9');

    $self->auth->set_accept([], { token => $token,
        header => $self->auth->accept->{headers} })
        if $method ne 'DELETE';
    return $self->peer->send_p({ message => 'register',
        body => $silent ? '' : $body, %$request });
}

# The FP registered, changed its registration, or left.
sub received_p ($self, $method, $json, $id) {
    if ($method eq 'DELETE') {
        $self->auth->set_present([], {});
        return Mojo::Promise->resolve;
    }
    my $url = $json->{version_url}[0]{base_url};
    $self->auth->set_present([], { token => $json->{token},
        header => $self->auth->present->{headers} });
    # A relative base_url is appended to nothing: it stays what it was.
    $self->peer->url($url =~ s{/$}{}r) if $url =~ m{^https?://};
    if ($self->pending || $method eq 'PUT' || !$self->on) {
        $self->pending(0);
        return Mojo::Promise->resolve;
    }
    return $self->register_p({ corr =>
        $self->quirks->on('H2') ? undef : $id });
}

1;
