#!/usr/bin/env perl
#
# Goal: the tree keeps the rules of the house.  Sizes, names, one-way
# dependencies and the README's layout are measured, not remembered.
# `./build.sh lint` runs this alone and shows the ten longest functions.

use strict;
use warnings;

use Cwd qw(abs_path);
use File::Basename qw(dirname basename);
use Test::More;

chdir dirname(abs_path($0)) . '/..' or die $!;

my $build = $ENV{OSCP_BUILD} // 'build';

use constant {
    FUNCTION_MAX     => 100,
    FUNCTION_P95     => 60,
    FILE_MAX         => 1000,
    COLUMNS_MAX      => 80,
    PARAMETERS_MAX   => 6,
};

my @files = split /\n/, `git ls-files --cached --others --exclude-standard`;
@files = grep { -e } @files;
my @c = grep { /\.[ch]$/ } @files;
my @product = grep { m{^(?:oscp|worker|ngx_oscp_module)/} } @c;

sub slurp {
    my ($name) = @_;

    open my $fh, '<', $name or die "$name: $!";
    local $/;
    return scalar <$fh>;
}

# none(NAME, LIST): a test that fails and shows what should not be there.
sub none {
    my ($name, @bad) = @_;

    ok(!@bad, $name) or diag(join "\n", @bad);
}

# Lines of the files that match, as "FILE:LINE: TEXT".
sub matching {
    my ($pattern, @names) = @_;
    my @found;

    for my $name (@names) {
        my $n = 0;
        for my $line (split /\n/, slurp($name)) {
            $n++;
            push @found, "$name:$n: $line" if $line =~ $pattern;
        }
    }
    return @found;
}

sub in {
    my ($dir, @names) = @_;

    return grep { m{^\Q$dir\E/} } @names;
}

# One-way dependencies.
none('oscp/ includes only libc and cJSON',
    matching(qr{^\s*#\s*include\s*[<"].*(?:ngx|nginx|redis|curl|event|openssl)},
        in('oscp', @c)));
none('the module includes nothing of the worker',
    matching(qr{#\s*include\s*[<"].*(?:worker|curl|event2)},
        in('ngx_oscp_module', @c)));
none('the worker includes nothing of the module',
    matching(qr{#\s*include\s*[<"].*ngx}, in('worker', @c)));
none('no .c file is included', matching(qr{#\s*include\s*".*\.c"}, @c));
none('the module never calls hiredis synchronously',
    matching(qr{\bredis(?:Command|Connect|GetReply|AppendCommand)\w*\s*\(},
        in('ngx_oscp_module', @c)));
none('nothing asserts or exits on behalf of a peer',
    matching(qr{(?<![\w.>])(?:assert|abort|exit)\s*\(},
        grep { !m{worker/(?:main|oscpctl|options)} } @product));

none('nginx\'s own headers come first, for they choose the C library\'s face',
    grep {
        my ($first) = slurp($_) =~ /^#include\s+(\S+)/m;
        slurp($_) =~ /ngx_http\.h|"ngx_oscp_(?!jw)/
            && ($first // '') !~ /<ngx_config\.h>|"ngx_oscp_/;
    } in('ngx_oscp_module', grep { /\.c$/ } @c));

# Form.
none('lines are at most ' . COLUMNS_MAX . ' columns',
    grep { s/^(.*?:\d+): .*/$1/s } map { $_ } overlong(@c));
none('no tabs in C, no blanks at the end of a line',
    matching(qr{\t|[ ]+$}, @c));
none('files are at most ' . FILE_MAX . ' lines',
    map { my $n = () = slurp($_) =~ /\n/g; $n > FILE_MAX ? "$_: $n" : () }
    @product);
none('no commented-out code',
    matching(qr{^\s*(?://|/\*).*;\s*(?:\*/)?\s*$}, @product));

sub overlong {
    my @found;

    for my $name (@_) {
        my $n = 0;
        for my $line (split /\n/, slurp($name)) {
            $n++;
            utf8::decode($line);
            push @found, "$name:$n: " if length($line) > COLUMNS_MAX;
        }
    }
    return @found;
}

# Functions: length and number of parameters.
my @functions;
for my $line (split /\n/, `ctags -x --languages=C --c-kinds=f --fields=+neS \\
        --_xformat='%F %n %e %N %S' @{[grep { /\.c$/ } @product]}`)
{
    my ($file, $start, $end, $name, $signature) = split / /, $line, 5;
    my $parameters = () = ($signature // '') =~ /,/g;
    push @functions, { file => $file, name => $name,
        lines => $end - $start + 1, parameters => $parameters + 1 };
}
@functions = sort { $b->{lines} <=> $a->{lines} } @functions;
cmp_ok(scalar @functions, '>', 0, 'functions were found');
none('functions are at most ' . FUNCTION_MAX . ' lines',
    map { "$_->{file}: $_->{name}: $_->{lines}" }
    grep { $_->{lines} > FUNCTION_MAX } @functions);
none('functions have at most ' . PARAMETERS_MAX . ' parameters',
    map { "$_->{file}: $_->{name}: $_->{parameters}" }
    grep { $_->{parameters} > PARAMETERS_MAX } @functions);
my $p95 = $functions[int(@functions * 0.05)]{lines};
cmp_ok($p95, '<=', FUNCTION_P95, "95 % of functions: at most $p95 lines");
note('longest functions:');
note(sprintf '%5d %s %s', @{$_}{qw(lines file name)})
    for @functions[0 .. ($#functions < 9 ? $#functions : 9)];

# Names: what an object exports carries its file's noun.
sub exported {
    my ($object) = @_;

    return map { /^\S+ [TDBR] (\w+)$/ ? $1 : () }
        split /\n/, `nm -g --defined-only $object`;
}

my @foreign;
for my $object (glob "$build/obj/oscp/*.o") {
    push @foreign, map { "$object: $_" }
        grep { !/^oscp_/ } exported($object);
}
for my $object (glob "$build/nginx/addon/ngx_oscp_module/*.o") {
    my $noun = basename($object, '.o');
    push @foreign, map { "$object: $_" }
        grep { !/^(?:\Q$noun\E|ngx_oscp_jwks_)/ } exported($object);
}
for my $object (glob "$build/obj/worker/*.o") {
    my $noun = basename($object, '.o');
    push @foreign, map { "$object: $_" }
        grep { !/^(?:worker_|main$)/ } exported($object);
}
none('exported symbols carry their prefix', @foreign);

my @writable;
for my $object (glob "$build/obj/oscp/*.o") {
    my $sizes = `size -A $object`;
    push @writable, $object
        if $sizes =~ /^\.(?:data|bss)(?:\.(?!rel)\S+)?\s+[1-9]/m;
}
none('oscp/ has no writable globals', @writable);

# The README's layout names every source file.
my ($layout) = slurp('README.md') =~ /^## Code layout\n(.*?)(?:^## |\z)/ms;
my @unlisted = grep {
    my $name = $_;
    $name =~ s/\.[ch]$//;
    ($layout // '') !~ /`\Q$name\E(?:\.[ch])?`/
        && ($layout // '') !~ /`\Q@{[basename $name]}\E(?:\.[ch])?`/
} @product, grep { m{^(?:t|bench)/[^/]+\.(?:pl|c)$} } @files;
none('README "Code layout" names every source file', @unlisted);

done_testing();
