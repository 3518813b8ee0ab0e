# What every Test::Nginx file of the module shares: the module under test, a
# private Redis, secret files, a port and a server root of its own.
#
#   use OSCP::Module;
#   use Test::Nginx::Socket 'no_plan';
#   repeat_each(2);
#   run_tests();
#
# A block without `http_config` gets the standard connection "vector", without
# `config` its endpoint, without `more_headers` everything that it must present
# and a request id of the block's own.  Further sections of a block:
#
#   main          directives added to http {}
#   settings      directives added to the connection
#   headers       header lines for the request, in place of the standard ones
#                 of the same name; "Name:" alone leaves one out
#   redis         commands for Redis before nginx starts, one a line
#   published     commands for Redis once nginx has published, before requests
#   published_key the key to wait for, oscp:config by default
#   redis_check   lines "COMMAND => REPLY" that hold after each request; an
#                 array: such lines for each request
#
# Every block also checks that nothing in the error log is an alert or a
# sanitizer's report, and that nginx ends without one.

package OSCP::Module;

use strict;
use warnings;

use Cwd qw(abs_path);
use File::Temp qw(tempdir);
use IO::Socket::INET;
use Text::ParseWords qw(shellwords);

use OSCP::Process qw(sanitized wait_for);
use OSCP::Redis;

use constant {
    TOKEN  => 'tok-3f0c1ab97e',
    APIKEY => 'key-81d6c22f04',
};

our ($dir, $redis);

my @standard = (
    'Authorization: Token ' . TOKEN,
    'fp-id: BF01',
    'apikey: ' . APIKEY,
    'Content-Type: application/json',
);

my $library;

# Makes everything, before Test::Nginx looks at its environment.
sub set_up {
    my $build = abs_path($ENV{OSCP_BUILD} // 'build')
        // die "no build directory\n";

    $library = "$build/ngx_http_oscp_module.so";
    $dir = tempdir('oscp-module-XXXXXX', TMPDIR => 1, CLEANUP => 1);
    chmod 0755, $dir;
    write_file('token', TOKEN . "\n");
    write_file('apikey', APIKEY);
    $redis = OSCP::Redis->new(dir => $dir)->start;

    $ENV{TEST_NGINX_SERVROOT} = "$dir/servroot";
    $ENV{TEST_NGINX_SERVER_PORT} = free_port();
    $ENV{TEST_NGINX_LOAD_MODULES} = $library;
    $ENV{TEST_NGINX_LOG_LEVEL} //= 'info';
    $ENV{TEST_NGINX_OSCP_DIR} = $dir;
    $ENV{TEST_NGINX_OSCP_REDIS} = $redis->socket;
    $ENV{TEST_NGINX_WORKER_USER} //= 'root' if $> == 0;
    # nginx itself takes a variable NGINX for a list of inherited sockets.
    $ENV{TEST_NGINX_BINARY} = wrapper($ENV{TEST_NGINX_BINARY}
        // delete $ENV{NGINX} // '/usr/sbin/nginx');
    $ENV{TEST_NGINX_TIMEOUT} //= 10;
    return;
}

sub write_file {
    my ($name, $content, $mode) = @_;

    open my $fh, '>:raw', "$dir/$name" or die "$dir/$name: $!";
    print {$fh} $content;
    close $fh or die "$dir/$name: $!";
    chmod $mode, "$dir/$name" if defined $mode;
    return "$dir/$name";
}

# Below the ports that the kernel gives to outgoing connections.
sub free_port {
    for (1 .. 1000) {
        my $port = 10000 + int rand 20000;
        my $socket = IO::Socket::INET->new(LocalPort => $port, Listen => 1);
        return $port if $socket;
    }
    die 'no free port';
}

# A sanitized module needs the sanitizers' libraries to be there first.
sub wrapper {
    my ($binary) = @_;

    return $binary unless sanitized($library);
    my $libraries = join ' ', map { `gcc -print-file-name=$_` =~ s/\n//r }
        qw(libasan.so libubsan.so);
    return write_file('nginx', <<"SH", 0755);
#!/bin/sh
LD_PRELOAD='$libraries' ASAN_OPTIONS=detect_leaks=0 \\
UBSAN_OPTIONS=print_stacktrace=1 exec $binary "\$@"
SH
}

# The http block with the standard connection, `settings` added to it.
sub http {
    my ($settings, $main) = @_;

    return <<"CONF";
oscp_redis unix:@{[$redis->socket]};
@{[$main // '']}
oscp_connection vector {
    profile vector;
    peer http://127.0.0.1:9/oscp/cp/2.0;
    accept token file=$dir/token;
    accept header fp-id BF01;
    accept header apikey file=$dir/apikey;
    group DEPOT01 scope=depot-1 circuit=incomer-1 rated=400kW safe_default=60kW;
    @{[$settings // '']}
}
CONF
}

# Header lines: the standard ones, those of `changes` put over them.
sub headers {
    my ($changes, $id) = @_;
    my @changes = grep { /\S/ } split /\n/, $changes // '';
    my %changed = map { /^([^:]+):/ ? (lc $1 => 1) : () } @changes;

    return join "\n", grep({ /:\s*\S/ } @changes),
        grep { /^([^:]+):/ && !$changed{lc $1} } @standard,
        "X-Request-ID: $id";
}

sub run_commands {
    my ($text) = @_;

    $redis->command(shellwords($_)) for grep { /\S/ } split /\n/, $text // '';
    return;
}

sub flat {
    my ($reply) = @_;

    return '(nil)' unless defined $reply;
    return ref $reply ? join ' ', map { flat($_) } @$reply : $reply;
}

my (%defaults, $block_number);

# Sections for every block of a file that does not have its own.
sub add_defaults {
    %defaults = (%defaults, @_);
    return;
}

sub prepare {
    my ($block) = @_;
    my $id = 'block-' . ++$block_number;

    $redis->command('FLUSHALL');
    run_commands($block->redis);
    for my $name (grep { !defined $block->$_ } keys %defaults) {
        $block->set_value($name, $defaults{$name});
    }
    $block->set_value('http_config', http(scalar $block->settings,
        scalar $block->main))
        unless defined $block->http_config;
    $block->set_value('config',
        'location /oscp/fp/2.0/ { oscp_endpoint vector; }')
        unless defined $block->config;
    if (defined $block->must_die) {
        $block->set_value('suppress_stderr', 1);
        $block->set_value('error_log', $block->error_log . "[emerg]\n");
        return;
    }
    $block->set_value('init', 'OSCP::Module::published($block)')
        unless defined $block->init;
    $block->set_value('more_headers', headers(scalar $block->headers, $id))
        unless defined $block->more_headers;
    my $bad = "Sanitizer\nruntime error:";
    $block->set_value('no_error_log', $bad)
        unless defined $block->no_error_log;
    $block->set_value('no_shutdown_error_log', "[alert]\n[emerg]\n$bad")
        unless defined $block->no_shutdown_error_log;
    return;
}

# Holds after each request; nginx has answered, so that nothing is to come.
sub check {
    my ($block, undef, $i) = @_;

    my $checks = $block->redis_check // '';

    $checks = $checks->[$i] if ref $checks;
    for my $line (grep { /\S/ } split /\n/, $checks) {
        my ($command, $want) = split / => /, $line, 2;
        Test::More::is(flat($redis->command(shellwords($command))), $want,
            $block->name . " - $command (request $i)");
    }
    return;
}

# nginx publishes when it has connected, which may be after the first request.
sub published {
    my ($block) = @_;

    my $key = $block->published_key // 'oscp:config';

    chomp $key;
    wait_for(sub { $redis->command('EXISTS', $key) }, 10)
        or die 'nginx does not publish';
    run_commands($block->published);
    return;
}

sub import {
    set_up();
    require Test::Nginx::Util;
    require Test::Nginx::Socket;
    Test::Nginx::Util::add_block_preprocessor(\&prepare);
    Test::Nginx::Socket::add_response_body_check(\&check);
    return;
}

1;
