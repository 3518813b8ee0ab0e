# The parts of the simulated Capacity Provider, put together.

package CP::Simulator;
use Mojo::Base -base, -signatures;

use Mojo::IOLoop;
use Mojo::Promise;
use Mojo::Server::Daemon;

use CP::Auth;
use CP::Clock;
use CP::Commands;
use CP::Life;
use CP::Message;
use CP::Peer;
use CP::Quirk;
use CP::Record;
use CP::Registration;
use CP::Rules;
use CP::Server;

has base      => '/oscp/cp/2.0';
has listen    => sub { ['http://127.0.0.1:9000'] };
has control   => 1;                 # serve /_control
has profile   => 'vector';          # vector or generic: what we check
has lenient   => 0;                 # answer 204 to what is invalid, too
has served_as => sub { {} };        # message → its path here, where different
has exit_code => 0;
has [qw(auth clock commands life message peer quirks record registration
    rules server daemon)];

sub new ($class, @options) {
    my $self = $class->SUPER::new(@options);
    my %parts = (clock => CP::Clock->new, quirks => CP::Quirk->new,
        rules => CP::Rules->new, auth => CP::Auth->new);

    $parts{record} = CP::Record->new(file => $self->{record_file});
    $parts{message} = CP::Message->new(%parts{qw(clock quirks)});
    $parts{peer} = CP::Peer->new(%parts{qw(auth quirks record)});
    $parts{auth}->peer($parts{peer});
    $parts{life} = CP::Life->new(
        %parts{qw(clock message peer quirks record)});
    $parts{registration} = CP::Registration->new(
        %parts{qw(auth message peer quirks)});
    $self->$_($parts{$_}) for keys %parts;
    $self->commands(CP::Commands->new(simulator => $self));
    $self->server(CP::Server->new(simulator => $self));
    return $self;
}

# Starts to listen; returns the URLs, with the ports really taken.
sub start ($self) {
    my $daemon = Mojo::Server::Daemon->new(app => $self->server, silent => 1,
        listen => $self->listen, inactivity_timeout => 0,
        keep_alive_timeout => 600, max_requests => 1_000_000_000);

    $self->daemon($daemon->start);
    my @urls = map { my $url = Mojo::URL->new($_); $url->query('') }
        @{$self->listen};
    $urls[$_]->port($daemon->ports->[$_]) for 0 .. $#urls;
    my @bases = map { $_->to_string =~ s{/$}{}r . $self->base } @urls;
    $self->registration->url($bases[0]);
    return @bases;
}

# A valid message with its effects; a promise.
sub received_p ($self, $method, $message, $json, $id, $corr) {
    return $self->registration->received_p($method, $json, $id)
        if $message eq 'register';
    $self->life->received($message, $json, $id, $corr);
    return Mojo::Promise->resolve;
}

sub quit ($self, $code) {
    $self->exit_code($code);
    Mojo::IOLoop->next_tick(sub { Mojo::IOLoop->stop });
    return;
}

sub state ($self) {
    return {
        %{$self->life->state},
        peer => $self->peer->url, base => $self->base,
        profile => $self->profile, lenient => $self->lenient ? \1 : \0,
        clock_ms => $self->clock->offset_ms,
        quirks => $self->quirks->active, rules => $self->rules->list,
        held => scalar @{$self->peer->held},
        hung => scalar keys %{$self->server->hung},
        counts => $self->record->counts, n => $self->record->n,
    };
}

1;
