# The interoperability hazards H1–H15 found with real peers, as behaviour that
# can be switched on by name: `quirk H4`, `quirk H4 empty`, `quirk H4 off`.
# The first variant is the one that a bare name means.

package CP::Quirk;
use Mojo::Base -base, -signatures;

my %QUIRKS = (
    H1 => ['flat', 'handshake and acknowledge bodies are flat (OpenAPI form),'
        . ' and we expect them flat'],
    H2 => ['silent', 'our Register reply carries no X-Correlation-ID'],
    H3 => ['inside', 'our Register reply is sent before the 204 to theirs'],
    H4 => ['uncorrelated empty unmeasured', 'our acknowledge: no'
        . ' X-Correlation-ID; or with {"required_behaviour":{}}; or with an'
        . ' interval and no measurement_configuration'],
    H5 => ['strict', 'an acknowledge or compliance error without'
        . ' X-Correlation-ID is answered 400'],
    H6 => ['string', 'capacities are sent as decimal strings'],
    H7 => ['same fresh', '408, 409, 429, 5xx and timeouts are tried twice'
        . ' more, under the same X-Request-ID; or under fresh ones'],
    H8 => ['naive', 'times are sent as "YYYY-MM-DD HH:MM:SS" local time, and'
        . ' RFC 3339 is answered 500'],
    H9 => ['body', 'DELETE register is sent with a JSON body'],
    H10 => ['hourly', 'an adjustment must be exactly 24 consecutive hourly'
        . ' blocks of one local day, else 400'],
    H11 => ['previous', 'a later segment correlates to the previous one,'
        . ' not to the first'],
    H12 => ['indented', 'bodies are sent indented: 96 blocks exceed 16 KB'],
    H13 => ['zero', 'every forecast is sent with all capacities 0'],
    H14 => ['narrow', 'ids, URLs and tokens over the sizes of SolarNetwork\'s'
        . ' tables are answered 500'],
    H15 => ['exact lower', 'only exactly "Token" or "Bearer" is accepted from'
        . ' the FP; or also: our own scheme is sent in lower case'],
);

has active => sub { {} };

sub names {
    return sort { substr($a, 1) <=> substr($b, 1) } keys %QUIRKS;
}

sub describe ($name) {
    return @{$QUIRKS{$name}};
}

# Switches `name` on (a variant, or the first), or off.  Dies with what is
# possible.
sub set ($self, $name, $variant = undef) {
    my $quirk = $QUIRKS{$name}
        or die "unknown quirk $name: H1 to H15\n";
    my @variants = split / /, $quirk->[0];
    $variant = $variants[0] if !defined $variant || $variant eq 'on';
    if ($variant eq 'off') {
        delete $self->active->{$name};
        return;
    }
    die "quirk $name: on, off or @variants\n"
        unless grep { $_ eq $variant } @variants;
    $self->active->{$name} = $variant;
    return;
}

# The active variant of `name`, or ''.
sub on ($self, $name) {
    return $self->active->{$name} // '';
}

1;
