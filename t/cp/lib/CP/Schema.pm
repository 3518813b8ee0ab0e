# What a request from the FP must look like, field by field, after the facts
# of OSCP 2.0 and, where the profile is "vector", after Vector's own rules.

package CP::Schema;
use Mojo::Base -strict, -signatures;

use B ();
use Exporter qw(import);

use CP::Clock qw(real_ms time_ms);

our @EXPORT_OK = qw(check messages);

my %ENUMS = (
    type      => 'CONSUMPTION GENERATION FALLBACK_CONSUMPTION'
        . ' FALLBACK_GENERATION OPTIMUM',
    phase     => 'UNKNOWN ONE TWO THREE ALL',
    unit      => 'A W KW WH KWH',
    energy    => 'WH KWH',
    direction => 'NET IMPORT EXPORT',
    purpose   => 'FLEXIBLE NONFLEXIBLE TOTAL',
    category  => 'CHARGING CONSUMPTION GENERATION STORAGE',
    measuring => 'CONTINUOUS INTERMITTENT',
);

# Member → type; "!" is required, "[]" a list of at least one, "[*]" of any
# number.  A capital letter names another shape.
my %SHAPES = (
    register => { token => 'string!', version_url => 'VersionUrl[]!' },
    handshake => { required_behaviour => 'Behaviour' },
    handshake_acknowledge => { required_behaviour => 'Behaviour' },
    heartbeat => { offline_mode_at => 'time!' },
    update_group_capacity_forecast => {
        group_id => 'string!', type => 'type!', forecasted_blocks => 'Block[]!',
    },
    group_capacity_compliance_error => {
        message => 'string!', forecasted_blocks => 'Block[]',
    },
    update_group_measurements => {
        group_id => 'string!', measurements => 'Energy[]!',
    },
    update_asset_measurements => {
        group_id => 'string!', measurements => 'Asset[]!',
    },
    VersionUrl => { version => 'string!', base_url => 'string!' },
    Behaviour => {
        heartbeat_interval => 'interval',
        measurement_configuration => 'measuring[*]!',
    },
    Flat => {
        heartbeat_interval => 'interval',
        measurement_configuration => 'measuring[*]',
    },
    Block => {
        capacity => 'amount!', phase => 'phase!', unit => 'unit!',
        start_time => 'time!', end_time => 'time!',
    },
    Energy => {
        value => 'number!', phase => 'phase!', unit => 'energy!',
        direction => 'direction!', energy_type => 'purpose',
        measure_time => 'time!', initial_measure_time => 'time',
    },
    Power => {
        value => 'number!', phase => 'phase!', unit => 'unit!',
        measure_time => 'time!',
    },
    Asset => {
        asset_id => 'string!', asset_category => 'category!',
        energy_measurement => 'Energy', instantaneous_measurement => 'Power',
    },
);
$SHAPES{adjust_group_capacity_forecast} =
    $SHAPES{update_group_capacity_forecast};

my %RULES = (
    heartbeat => \&_check_heartbeat,
    update_asset_measurements => \&_check_assets,
    update_group_measurements => \&_check_group,
    adjust_group_capacity_forecast => \&_check_adjustment,
);

# The messages that a CP serves.
sub messages {
    return grep { /^[a-z]/ && $_ ne 'update_group_capacity_forecast' }
        sort keys %SHAPES;
}

# Checks one decoded body.  `context`: flat (the dialect we speak), profile,
# intermittent (we asked for it), hourly (quirk H10), narrow (quirk H14), pairs
# (a hash that keeps which group has which asset, under vector).
# Returns the errors, each "PATH: what it must be".
sub check ($message, $json, $context) {
    my $shape = $message;
    my @errors;

    $shape = 'Flat' if $context->{flat} && $message =~ /^handshake/;
    _shape($shape, $json, '$', \@errors);
    return @errors if @errors;
    push @errors, _dialect($json, $context) if $message =~ /^handshake/;
    my $rule = $RULES{$message};
    push @errors, $rule->($json, $context) if $rule;
    return @errors;
}

sub _shape ($name, $json, $path, $errors) {
    if (ref $json ne 'HASH') {
        push @$errors, "$path: must be an object";
        return;
    }
    my $shape = $SHAPES{$name};
    for my $member (sort keys %$shape) {
        my ($type, $list, $required) =
            $shape->{$member} =~ /^(\w+)(\[\*?\])?(!)?$/;
        if (!exists $json->{$member}) {
            push @$errors, "$path.$member: is missing" if $required;
            next;
        }
        my @value = ($type, $json->{$member}, "$path.$member", $errors);
        $list ? _list($list, @value) : _value(@value);
    }
    _block($json, $path, $errors) if $name eq 'Block';
    return;
}

sub _list ($form, $type, $value, $path, $errors) {
    if (ref $value ne 'ARRAY') {
        push @$errors, "$path: must be a list";
        return;
    }
    push @$errors, "$path: must not be empty" if !@$value && $form eq '[]';
    _value($type, $value->[$_], "$path\[$_]", $errors) for 0 .. $#$value;
    if ($type eq 'measuring') {
        my %seen;
        push @$errors, "$path: must be unique"
            if grep { !ref && defined && $seen{$_}++ } @$value;
    }
    return;
}

sub _value ($type, $value, $path, $errors) {
    return _shape($type, $value, $path, $errors) if $type =~ /^[A-Z]/;
    my $number = _is_number($value);
    my $text = !$number && defined $value && !ref $value;
    my $must;

    if ($type eq 'string') {
        $must = 'a string' unless $text;
    } elsif ($type eq 'number') {
        $must = 'a number' unless $number;
    } elsif ($type eq 'amount') {
        $must = 'a number of 0 or more' unless $number && $value >= 0;
    } elsif ($type eq 'interval') {
        $must = 'a number of 1 or more' unless $number && $value >= 1;
    } elsif ($type eq 'time') {
        $must = 'an RFC 3339 date-time with a zone'
            unless $text && defined time_ms($value);
    } else {
        $must = "one of $ENUMS{$type}"
            unless $text && $ENUMS{$type} =~ /(?<!\S)\Q$value\E(?!\S)/;
    }
    push @$errors, "$path: must be $must" if $must;
    return;
}

sub _is_number ($value) {
    return 0 if ref $value || !defined $value;
    my $flags = B::svref_2object(\$value)->FLAGS;
    return $flags & (B::SVp_IOK | B::SVp_NOK) && !($flags & B::SVp_POK)
        ? 1 : 0;
}

sub _block ($json, $path, $errors) {
    my ($start, $end) =
        map { time_ms($json->{$_}) } qw(start_time end_time);
    push @$errors, "$path.end_time: must be after start_time"
        if defined $start && defined $end && $end <= $start;
    return;
}

sub _dialect ($json, $context) {
    if ($context->{flat}) {
        return exists $json->{required_behaviour}
            ? '$.required_behaviour: we speak the flat form' : ();
    }
    return grep { defined } map {
        exists $json->{$_} ? "\$.$_: belongs into required_behaviour" : undef
    } qw(heartbeat_interval measurement_configuration);
}

sub _check_heartbeat ($json, $context) {
    return time_ms($json->{offline_mode_at}) > real_ms()
        ? () : '$.offline_mode_at: must be in the future';
}

# Vector wants INTERMITTENT whatever was asked for.
sub _check_energy ($energy, $path, $context) {
    my $vector = $context->{profile} eq 'vector';
    my $initial = time_ms($energy->{initial_measure_time});
    my $length;

    if (!defined $initial) {
        return $context->{intermittent} || $vector
            ? "$path.initial_measure_time: must be set, we asked for"
            . ' INTERMITTENT' : ();
    }
    $length = time_ms($energy->{measure_time}) - $initial;
    return "$path.initial_measure_time: must not be after measure_time"
        if $length < 0;
    return () unless $vector;
    return "$path.initial_measure_time: must be before measure_time (vector)"
        if $length == 0;
    return $initial % $length == 0 ? ()
        : "$path: the window must be aligned to its length (vector)";
}

sub _check_group ($json, $context) {
    return '$: update_group_measurements is not supported (vector)'
        if $context->{profile} eq 'vector';
    my $list = $json->{measurements};
    return map { _check_energy($list->[$_], "\$.measurements[$_]", $context) }
        0 .. $#$list;
}

sub _check_assets ($json, $context) {
    my @errors;
    my $list = $json->{measurements};
    my %seen;

    for my $i (0 .. $#$list) {
        my $path = "\$.measurements[$i]";
        my $energy = $list->[$i]{energy_measurement};
        push @errors, "$path.asset_id: is there twice"
            if $seen{$list->[$i]{asset_id}}++;
        push @errors, _check_energy($energy, "$path.energy_measurement",
            $context) if $energy;
        push @errors, _check_vector_asset($list->[$i], $path)
            if $context->{profile} eq 'vector';
    }
    if ($context->{profile} eq 'vector') {
        push @errors, '$.measurements: one asset per group (vector)'
            if @$list != 1;
        push @errors, '$.group_id: must be alphanumeric (vector)'
            if $json->{group_id} !~ /^[A-Za-z0-9]+$/;
        push @errors, _check_vector_pair($json->{group_id},
            $list->[0]{asset_id}, $context->{pairs} // {});
    }
    return @errors;
}

# One group has one asset, and the other way round, for good.
sub _check_vector_pair ($group, $asset, $pairs) {
    my $known = $pairs->{group}{$group} //= $asset;
    return "\$.measurements[0].asset_id: group $group had $known (vector)"
        if $known ne $asset;
    $known = $pairs->{asset}{$asset} //= $group;
    return $known eq $group ? ()
        : "\$.measurements[0].asset_id: is of group $known (vector)";
}

sub _check_vector_asset ($asset, $path) {
    my @errors;
    my ($energy, $power) =
        @$asset{qw(energy_measurement instantaneous_measurement)};

    push @errors, "$path.asset_category: must be CHARGING (vector)"
        if $asset->{asset_category} ne 'CHARGING';
    push @errors, "$path.energy_measurement: is missing (vector)" if !$energy;
    push @errors, "$path.energy_measurement.unit: must be KWH (vector)"
        if $energy && $energy->{unit} ne 'KWH';
    push @errors, "$path.energy_measurement.value: must not be negative, for"
        . " $energy->{direction} (vector)" if $energy
        && $energy->{direction} ne 'NET' && $energy->{value} < 0;
    push @errors, "$path.instantaneous_measurement.unit: must be KW or W"
        . ' (vector)' if $power && $power->{unit} !~ /^K?W$/;
    push @errors, "$path.instantaneous_measurement.measure_time: must be the"
        . ' end of the window (vector)' if $energy && $power
        && time_ms($power->{measure_time}) != time_ms($energy->{measure_time});
    return @errors;
}

# Quirk H10: exactly 24 consecutive hourly blocks of one local day.
sub _check_adjustment ($json, $context) {
    return () unless $context->{hourly};
    my @blocks = @{$json->{forecasted_blocks}};
    my $next;

    return '$.forecasted_blocks: must be 24 (H10)' if @blocks != 24;
    return '$.forecasted_blocks[0].start_time: must be midnight (H10)'
        if $blocks[0]{start_time} !~ /T00:00:00/;
    for my $i (0 .. 23) {
        my ($start, $end) =
            map { time_ms($blocks[$i]{$_}) } qw(start_time end_time);
        return "\$.forecasted_blocks[$i]: must be the next hour (H10)"
            if $end - $start != 3_600_000 || $start != ($next // $start);
        $next = $end;
    }
    return ();
}

1;
