# The simulated Capacity Provider of t/cp under test's control.

package OSCP::CP;

use strict;
use warnings;

use Cwd qw(abs_path);
use File::Basename qw(dirname);
use HTTP::Tiny;
use JSON::PP qw(decode_json);

use OSCP::Process qw(slow wait_for);

my @started;

my $PROGRAM = dirname(abs_path(__FILE__)) . '/../../cp/cp';

# new(dir =>, name => 'cp', listen => [URLS], base => PATH, invalid => N): N of
# our requests may be found invalid, 'any': as many as there are.  A test whose
# simulators found others fails, see violations().
sub new {
    my ($class, %o) = @_;

    return bless { name => 'cp', listen => ['http://127.0.0.1:0'], %o },
        $class;
}

sub start {
    my ($self) = @_;
    my ($dir, $name) = @$self{qw(dir name)};
    my $ready = "$dir/$name.ready";

    push @started, $self if !$self->{process};
    unlink $ready;
    $self->{process} = OSCP::Process->start(name => $name,
        log => "$dir/$name.log", argv => [$^X, $PROGRAM,
            map({ ('--listen', $_) } @{$self->{listen}}),
            defined $self->{base} ? ('--base', $self->{base}) : (),
            map({ ('--do', $_) } @{$self->{do} // []}),
            '--record', "$dir/$name.record", '--ready', $ready]);
    wait_for(sub { -e $ready || !$self->{process}->alive }, 20);
    open my $fh, '<', $ready
        or die 'the simulator does not start: ' . $self->{process}->log_text;
    chomp(my @urls = <$fh>);
    $self->{urls} = \@urls;
    # Where it started it starts again, for those who know its address.
    $self->{listen} = [map { _fixed($self->{listen}[$_], $urls[$_]) }
        0 .. $#urls];
    return $self;
}

sub _fixed {
    my ($listen, $url) = @_;
    my ($port) = $url =~ m{^\w+://[^/]*:(\d+)};

    return $listen =~ s{^(\w+://[^/?]*):0(?!\d)}{$1:$port}r;
}

# Its base URLs, in the order of `listen`.
sub url {
    my ($self, $i) = @_;

    return $self->{urls}[$i // 0];
}

sub process {
    my ($self) = @_;

    return $self->{process};
}

# Runs lines of its command language.  Returns the results, in scalar context
# the last one.  Dies with what is wrong.
sub command {
    my ($self, @lines) = @_;
    my ($origin) = $self->url =~ m{^(http://[^/]+)};
    my $answer = HTTP::Tiny->new(timeout => 60 * slow())
        ->post("$origin/_control", { content => join "\n", @lines });
    my $json = eval { decode_json($answer->{content}) };

    die "simulator: $answer->{status} $answer->{content}\n" unless $json;
    die "simulator: $json->{error}\n" unless $json->{ok};
    return wantarray ? @{$json->{results}} : $json->{results}[-1];
}

sub state {
    my ($self) = @_;

    return scalar $self->command('state');
}

# records(dir => 'in', message => 'heartbeat', since => N)
sub records {
    my ($self, %filter) = @_;
    my $words = join ' ', map { "$_=$filter{$_}" } sort keys %filter;

    return @{$self->command("records $words")->{records}};
}

# What it found invalid since it was first started, over all its lives.
sub found_invalid {
    my ($self) = @_;

    open my $fh, '<', "$self->{dir}/$self->{name}.record" or return;
    return grep { /"valid":false/ } <$fh>;
}

# The simulators that have not been looked at yet and found something that is
# not to be, as text; before their directories go.
sub violations {
    my @bad;

    for my $self (splice @started) {
        my $allowed = $self->{invalid} // 0;
        my @found = $self->found_invalid;
        push @bad, "$self->{name} found invalid:\n", @found
            if $allowed ne 'any' && @found != $allowed;
    }
    return @bad;
}

sub stop {
    my ($self, $signal) = @_;

    return $self->{process} ? $self->{process}->stop($signal) : 0;
}

# For simulators that neither a Stack nor a Direct has looked at.
END {
    my $status = $?;
    my @bad = violations();

    print STDERR map { "# $_" } @bad;
    $? = $status || (@bad ? 1 : 0);
}

1;
