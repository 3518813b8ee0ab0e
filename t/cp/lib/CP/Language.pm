# The command language: one command a line, `verb words flags key=value`.
# Quotes as in a shell; what follows a # at the start or after a blank is a
# comment; `body=` takes the rest of the line as it stands, so that JSON needs
# no quoting.

package CP::Language;
use Mojo::Base -strict, -signatures;

use Text::ParseWords qw(shellwords);
use Text::Wrap qw(wrap);

# Takes a line apart after `table` (verb → { options, flags, words, many }).
# Returns undef for an empty line, or { verb, words, options, flags }.
# Dies with what is wrong.
sub parse ($line, $table) {
    return undef if $line =~ /^\s*(?:#|$)/;
    my $body = $line =~ s/\sbody=(.*?)\s*\z//s ? $1 : undef;
    $line =~ s/^((?:[^"']|"(?:[^"\\]|\\.)*"|'[^']*')*?)\s\#\s.*$/$1/s;
    my ($verb, @rest) = shellwords($line);
    die "unbalanced quotes\n" unless defined $verb;
    push @rest, 'body=' . $body =~ s/\A'(.*)'\z/$1/sr if defined $body;
    my $known = $table->{$verb} or die "unknown command $verb: try help\n";
    my %parsed = (verb => $verb, words => [], options => {}, flags => {});

    for my $word (@rest) {
        if ($word =~ /^([a-z][a-z_-]*)(?:\.([^=\s]+))?=(.*)$/s) {
            _option(\%parsed, $known, $1, $2, $3);
        } elsif (grep { $_ eq $word } @{$known->{flags} // []}) {
            $parsed{flags}{$word} = 1;
        } else {
            push @{$parsed{words}}, $word;
        }
    }
    my ($least, $most) = @{$known->{words} // [0, 0]};
    die "usage: $known->{usage}\n"
        if @{$parsed{words}} < $least || @{$parsed{words}} > $most;
    return \%parsed;
}

# `header.NAME=V` gathers under header, an option of `many` in a list; of the
# others the last one counts.
sub _option ($parsed, $known, $key, $member, $value) {
    my $options = $parsed->{options};

    die "$parsed->{verb} knows no $key=; usage: $known->{usage}\n"
        unless grep { $_ eq $key } @{$known->{options} // []};
    if (defined $member) {
        die "$key.$member=: only header.NAME=\n" if $key ne 'header';
        # The same name again is a header that comes twice.
        $options->{header}{$member} = defined $options->{header}{$member}
            ? "$options->{header}{$member}\n$value" : $value;
    } elsif (grep { $_ eq $key } @{$known->{many} // []}) {
        push @{$options->{$key}}, $value;
    } else {
        $options->{$key} = $value;
    }
    return;
}

# The lines of `help`.
sub help ($table) {
    my $text = '';

    local $Text::Wrap::columns = 79;
    local $Text::Wrap::unexpand = 0;
    for my $verb (sort { $table->{$a}{order} <=> $table->{$b}{order} }
        keys %$table)
    {
        my $known = $table->{$verb};
        $text .= wrap('  ', '      ', $known->{usage}) . "\n"
            . wrap('        ', '        ', $known->{about}) . "\n";
    }
    return $text;
}

1;
