# Misbehaviour on demand: what happens to the next requests of a message
# instead of the proper answer.

package CP::Rules;
use Mojo::Base -base, -signatures;

use CP::Clock qw(duration_ms);

has list => sub { [] };

# Adds a rule.  `kind` is refuse, delay, hang or drop; `text` is
# MESSAGE[:ARGUMENT], MESSAGE may be "*".  Options: times, retry_after,
# headers, body.  Dies with what is wrong.
sub add ($self, $kind, $text, %options) {
    my ($message, $argument) = split /:/, $text, 2;
    my %rule = (kind => $kind, message => $message, %options);

    if ($kind eq 'refuse') {
        die "refuse=MESSAGE:STATUS\n"
            unless ($argument // '') =~ /^[1-5]\d\d$/;
        $rule{status} = 0 + $argument;
    } elsif ($kind eq 'delay') {
        $rule{ms} = duration_ms($argument)
            // die "delay=MESSAGE:DURATION\n";
    } elsif ($kind eq 'drop') {
        die "drop=MESSAGE or drop=MESSAGE:after\n"
            if defined $argument && $argument ne 'after';
        $rule{after} = defined $argument ? 1 : 0;
    } elsif (defined $argument) {
        die "$kind=MESSAGE\n";
    }
    push @{$self->list}, \%rule;
    return \%rule;
}

# The rules for one request of `message`: kind → rule, the newest of a kind;
# counts down `times`.
sub take ($self, $message) {
    my %taken;

    for my $rule (@{$self->list}) {
        next unless $rule->{message} eq $message || $rule->{message} eq '*';
        $taken{$rule->{kind}} = $rule;
    }
    for my $rule (values %taken) {
        $rule->{times}-- if defined $rule->{times};
    }
    @{$self->list} = grep { !defined $_->{times} || $_->{times} > 0 }
        @{$self->list};
    return \%taken;
}

# Forgets the rules for `message`, or all.
sub clear ($self, $message = undef) {
    @{$self->list} = defined $message
        ? grep { $_->{message} ne $message } @{$self->list} : ();
    return;
}

1;
