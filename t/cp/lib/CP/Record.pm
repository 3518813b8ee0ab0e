# Everything that the simulator received, sent and noticed: one JSON object a
# line in the record file, and the latest in memory.  Emits `entry`.

package CP::Record;
use Mojo::Base 'Mojo::EventEmitter', -signatures;

use Fcntl qw(O_APPEND O_CREAT O_WRONLY);
use Mojo::JSON qw(encode_json);

use CP::Clock qw(real_ms utc);

use constant {
    KEEP       => 20_000,               # entries kept in memory, at most
    KEEP_BYTES => 64 * 1024 * 1024,     # of bodies in them
};

has 'file';
has n       => 0;
has entries => sub { [] };
has bytes   => 0;               # of the bodies kept
has counts  => sub { {} };      # dir → message → number

# Adds one entry and gives it its number.  `at_ms` is the real time at which
# it happened; members with an undefined value are left out.
sub add ($self, %entry) {
    my $at = delete $entry{at_ms} // real_ms();
    delete $entry{$_} for grep { !defined $entry{$_} } keys %entry;
    my $new = { n => $self->n($self->n + 1)->n, at => utc($at), %entry };

    push @{$self->entries}, $new;
    $self->bytes($self->bytes + length($new->{body} // ''));
    while (@{$self->entries} > KEEP || $self->bytes > KEEP_BYTES) {
        my $old = shift @{$self->entries};
        $self->bytes($self->bytes - length($old->{body} // ''));
    }
    my $what = $new->{message} // $new->{note} // 'other';
    $self->counts->{$new->{dir}}{$what}++;
    $self->counts->{invalid}++ if exists $new->{valid} && !$new->{valid};
    $self->_write($new);
    $self->emit(entry => $new);
    return $new;
}

# One write per line, so that a reader never sees half of one for long.
sub _write ($self, $entry) {
    return unless defined $self->file;
    if (!$self->{fh}) {
        sysopen($self->{fh}, $self->file, O_WRONLY | O_CREAT | O_APPEND, 0600)
            or die $self->file . ": $!\n";
    }
    my $line = encode_json($entry) . "\n";
    my $written = syswrite $self->{fh}, $line;
    warn 'cp: ' . $self->file . ": $!\n"
        unless defined $written && $written == length $line;
    return;
}

# Entries with a number above `since` for which every other pair is equal.
sub list ($self, %filter) {
    my $since = delete $filter{since} // 0;
    my $limit = delete $filter{limit};
    my @found = grep {
        my $entry = $_;
        $entry->{n} > $since
            && !grep { ($entry->{$_} // '') ne $filter{$_} } keys %filter
    } @{$self->entries};
    splice @found, 0, @found - $limit if $limit && @found > $limit;
    return \@found;
}

1;
