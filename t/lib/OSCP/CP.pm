# The simulated Capacity Provider of t/cp under test's control.

package OSCP::CP;

use strict;
use warnings;

use Cwd qw(abs_path);
use File::Basename qw(dirname);
use HTTP::Tiny;
use JSON::PP qw(decode_json);

use OSCP::Process qw(slow wait_for);

my $PROGRAM = dirname(abs_path(__FILE__)) . '/../../cp/cp';

# new(dir =>, name => 'cp', listen => [URLS], base => PATH)
sub new {
    my ($class, %o) = @_;

    return bless { name => 'cp', listen => ['http://127.0.0.1:0'], %o },
        $class;
}

sub start {
    my ($self) = @_;
    my ($dir, $name) = @$self{qw(dir name)};
    my $ready = "$dir/$name.ready";

    unlink $ready;
    $self->{process} = OSCP::Process->start(name => $name,
        log => "$dir/$name.log", argv => [$^X, $PROGRAM,
            map({ ('--listen', $_) } @{$self->{listen}}),
            defined $self->{base} ? ('--base', $self->{base}) : (),
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

sub stop {
    my ($self, $signal) = @_;

    return $self->{process} ? $self->{process}->stop($signal) : 0;
}

1;
