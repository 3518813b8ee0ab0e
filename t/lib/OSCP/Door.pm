# nginx with the module and a private Redis, for tests that reload, restart,
# stop and count: what Test::Nginx's blocks cannot say.
#
#   my $door = OSCP::Door->start(settings => 'dialect strict;');
#   is($door->post('heartbeat', '{}')->{status}, 204);
#   $door->finish;
#
# Everything is stopped by pid when the test ends, however it ends.

package OSCP::Door;

use strict;
use warnings;

use Cwd qw(abs_path);
use File::Temp qw(tempdir);
use IO::Socket::INET;
use JSON::PP qw(decode_json);
use Test::More;

use OSCP::Nginx;
use OSCP::Process qw(found sanitized slow wait_for);
use OSCP::Redis;

use constant {
    TOKEN  => 'tok-3f0c1ab97e',
    APIKEY => 'key-81d6c22f04',
};

$SIG{$_} = sub { exit 1 } for qw(INT TERM);
$SIG{PIPE} = 'IGNORE';

my $ids = 0;

# new(OPTIONS): makes everything, starts Redis.
#   settings   directives added to the connection
#   main       directives added to http {}, server: to server {}
#   redis      parameters and address for oscp_redis; its own by default
#   store      a SUB that is given the directory and starts another kind of
#              Redis: an OSCP::Sentinel, an OSCP::Cluster
#   workers    of nginx, 1
#   edit       SUB that changes the connection's text in $_
sub new {
    my ($class, %o) = @_;
    my $build = abs_path($ENV{OSCP_BUILD} // 'build')
        // die "no build directory\n";
    my $self = bless { workers => 1, %o, build => $build,
        dir => tempdir('oscp-door-XXXXXX', TMPDIR => 1, CLEANUP => 1) },
        $class;

    chmod 0755, $self->{dir};
    $self->file('token', TOKEN . "\n");
    $self->file('apikey', APIKEY . "\n");
    $self->{redis_server} = $o{store} ? $o{store}->($self->{dir})
        : OSCP::Redis->new(dir => $self->{dir})->start;
    $self->{nginx} = OSCP::Nginx->new(dir => $self->{dir}, build => $build,
        workers => $self->{workers}, level => 'info');
    return $self->configure;
}

# And nginx; returns when it has published.
sub start {
    my ($class, %o) = @_;
    my $self = $class->new(%o);

    $self->{nginx}->start;
    wait_for(sub { $self->version }) or die 'nginx does not publish';
    return $self;
}

sub dir { return $_[0]{dir} }
sub nginx { return $_[0]{nginx} }
sub redis { return $_[0]{redis_server} }

sub file {
    my ($self, $name, $content, $mode) = @_;

    open my $fh, '>:raw', "$self->{dir}/$name" or die "$name: $!";
    print {$fh} $content;
    close $fh or die "$name: $!";
    chmod $mode, "$self->{dir}/$name" if defined $mode;
    return "$self->{dir}/$name";
}

# Writes nginx.conf, options as for new() changed.
sub configure {
    my ($self, %o) = @_;

    $self->{$_} = $o{$_} for keys %o;
    my $address = $self->{redis} // $self->redis->address;
    local $_ = <<"CONF";
    oscp_connection vector {
        profile vector;
        peer http://127.0.0.1:9/oscp/cp/2.0;
        accept token file=token;
        accept header fp-id BF01;
        accept header apikey file=apikey;
        group DEPOT01 scope=depot-1 circuit=incomer-1 rated=400kW;
        @{[$self->{settings} // '']}
    }
CONF
    $self->{edit}->() if $self->{edit};
    $self->{nginx}{port} //= OSCP::Nginx::_free_port();
    $self->{nginx}->configure(http => "oscp_redis $address;\n"
        . ($self->{main} // '') . $_, server => $self->{server}
        // 'location /oscp/fp/2.0/ { oscp_endpoint vector; }');
    return $self;
}

# What `nginx -t` says of the configuration: (exit status, output).
sub check {
    my ($self) = @_;
    my $module = "$self->{build}/ngx_http_oscp_module.so";
    my $libraries = sanitized($module) ? join ' ',
        map { `gcc -print-file-name=$_` =~ s/\n//r }
        qw(libasan.so libubsan.so) : '';
    my $binary = $ENV{NGINX} // '/usr/sbin/nginx';
    my $output = `env -u NGINX LD_PRELOAD='$libraries' \\
        ASAN_OPTIONS=detect_leaks=0 $binary -p $self->{dir} \\
        -e $self->{dir}/check.log -c $self->{dir}/nginx.conf -t 2>&1`;

    return ($?, $output);
}

# The version that is published, undef when none is.
sub version {
    my ($self) = @_;

    return $self->redis->command('HGET', 'oscp:config', 'version');
}

# A connection's published document, undef when there is none.
sub document {
    my ($self, $name) = @_;
    my $text = $self->redis->command('HGET', 'oscp:config', $name // 'vector');

    return defined $text ? decode_json($text) : undef;
}

# The text of a request: message, body, header lines in place of the standard
# ones of the same name.
sub request {
    my ($self, $message, $body, @headers) = @_;
    my %given = map { /^([^:]+):/ ? (lc $1 => 1) : () } @headers;
    my @standard = grep { /^([^:]+):/ && !$given{lc $1} } 'Host: localhost',
        'Connection: close', 'Authorization: Token ' . TOKEN, 'fp-id: BF01',
        'apikey: ' . APIKEY, 'Content-Type: application/json',
        'X-Request-ID: door-' . $$ . '-' . ++$ids,
        'Content-Length: ' . length $body;
    my $path = $message =~ m{^/} ? $message : "/oscp/fp/2.0/$message";

    return join("\r\n", "POST $path HTTP/1.1", @standard, @headers)
        . "\r\n\r\n$body";
}

sub connect {
    my ($self) = @_;

    return IO::Socket::INET->new(PeerAddr => '127.0.0.1',
        PeerPort => $self->nginx->port) // die "connect: $!";
}

# Reads one response: { status, headers (lower case), body }, or undef.
sub response {
    my ($socket) = @_;
    my ($text, %headers) = ('');

    eval {
        local $SIG{ALRM} = sub { die "timeout\n" };
        alarm 20 * slow();
        while ($text !~ /\r\n\r\n/) {
            sysread $socket, $text, 1, length $text or last;
        }
        alarm 0;
    };
    alarm 0;
    my ($status) = $text =~ m{^HTTP/1\.1 (\d+)} or return undef;
    $headers{lc $1} = $2 while $text =~ /^([\w-]+): ([^\r\n]*)/mg;
    my $body = '';
    while (length $body < ($headers{'content-length'} // 0)) {
        sysread $socket, $body, $headers{'content-length'} - length $body,
            length $body or last;
    }
    return { status => $status, headers => \%headers, body => $body };
}

# Sends what request() gives and returns the response.
sub post {
    my ($self, @request) = @_;
    my $socket = $self->connect;

    print {$socket} $self->request(@request);
    return response($socket) // { status => 0, headers => {}, body => '' };
}

sub status {
    my ($self) = @_;
    my $socket = $self->connect;

    print {$socket} "GET /status HTTP/1.0\r\n\r\n";
    my $response = response_to_end($socket);
    return decode_json($response);
}

sub response_to_end {
    my ($socket) = @_;
    my $text = do { local $/; readline $socket };

    return ($text // '') =~ s/^.*?\r\n\r\n//sr;
}

# The ids of Redis's clients that are not this test and have said something.
sub clients {
    my ($self) = @_;

    return map { /^id=(\d+) / } grep { !/cmd=(?:client|NULL)/ }
        split /\n/, $self->redis->command('CLIENT', 'LIST');
}

# Reloads, and waits until no worker of before is left.
sub reload {
    my ($self) = @_;
    my @old = $self->nginx->children;

    return $self->nginx->reload
        && wait_for(sub { !grep { kill 0, $_ } @old }, 10);
}

# Waits until every worker of nginx has connected to Redis.
sub ready {
    my ($self) = @_;

    return wait_for(sub { $self->clients >= $self->{workers} }, 15);
}

# How many entries are stored.
sub stored {
    my ($self, $shard) = @_;

    return $self->redis->command('XLEN', 'oscp:{' . ($shard // 0) . '}:in');
}

# Ends nginx and looks at its whole log; `allowed` matches lines that may be.
sub finish {
    my ($self, $allowed) = @_;

    is($self->nginx->stop, 0, 'nginx ends clean');
    my $text = $self->nginx->log_text . $self->nginx->process->log_text;
    my @bad = grep { /\[(?:alert|emerg|crit)\]|Sanitizer|runtime error:/ }
        split /\n/, $text;
    @bad = grep { !/$allowed/ } @bad if $allowed;
    push @bad, found($self->dir);
    is(scalar @bad, 0, 'no alert in the log') or diag(join "\n", @bad);
    my @secrets = (TOKEN, APIKEY);
    ok(!(grep { index($text, $_) >= 0 } @secrets), 'no secret in the log');
    return;
}

# The master alone would leave its workers behind.
sub DESTROY {
    my ($self) = @_;

    local ($?, $!, $@);
    $self->{nginx}->stop('TERM') if $self->{nginx};
    return;
}

1;
