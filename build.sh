#!/usr/bin/env bash
#
# The door to the project: ./build.sh COMMAND.  Every command does what it
# needs by itself on a fresh Debian 12 or 13 machine.  Quiet on success.

set -euo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
BUILD=$ROOT/build
JOBS=${JOBS:-2}
TEST_JOBS=${TEST_JOBS:-6}       # tests wait more than they work

# What a build needs, and what the sandbox, the tests and the benchmarks need
# besides.  libtest-nginx-perl is not here: see install_test_nginx.
BUILD_PACKAGES="gcc make libc6-dev nginx nginx-dev libhiredis-dev
    libcjson-dev libcurl4-openssl-dev libevent-dev libssl-dev"
TEST_PACKAGES="redis-server redis-tools perl curl openssl procps wrk
    universal-ctags binutils patch git ca-certificates systemd
    libmojolicious-perl libio-socket-ssl-perl libjson-xs-perl"
FUZZ_PACKAGES="clang libclang-rt-dev"
VALGRIND_PACKAGES="valgrind libpcre2-dev zlib1g-dev"

usage() {
    cat <<'USAGE'
usage: ./build.sh COMMAND

  deps            install what is missing, from the system's package manager
  build           build/ngx_http_oscp_module.so, build/oscp-worker and
                  build/oscpctl; for the installed nginx, or for the source
                  tree NGINX_SRC=DIR; --asan: into build/asan, sanitized
  test [FILE...]  unit, module and scenario tests, plain and sanitized;
                  with files: only these, plain (--asan FILE...: sanitized)
  run [--once]    the sandbox: Redis, nginx, worker, a simulated grid operator
                  and two simulated depots on loopback; --once: one short pass,
                  exit 0 only if the circuit's value changed as the forecast
                  said, and a metered window arrived with the right energy
  torture [SECONDS] [--seed N] [--broken NAME|all]
                  kills, pauses, cuts off and starves every process under load,
                  as the seed says, and judges all that could be seen by a
                  model of the rules; --broken: of a worker that was broken on
                  purpose (t/torture/broken), which must be caught
  bench           ratios measured side by side in one run
  fail [PART]     every single allocation of the worker's start, of a message
                  that is applied or delivered, and of nginx taking one
                  fails in turn (t/fail.t has some of them); takes minutes
  soak [SECONDS]  memory and descriptors of nginx, the workers and Redis under
                  load, reloads, cut connections and take-overs, as a table;
                  exit 1 when something grows; 600 seconds by default
  valgrind [--debug-palloc] [FILE...]
                  unit tests, and tests that run nginx and the worker, under
                  memcheck; --debug-palloc: with an nginx whose pools do not
                  hide overruns, of the distribution's source or NGINX_SRC=
  fuzz [SECONDS]  libFuzzer over the readers of what comes from outside, 60
                  seconds in all; 0: each target once over its seeds
  lint            sizes, names, dependencies, layout
  install [DESTDIR=DIR] [PREFIX=/usr/local]
                  into the system, or below DESTDIR: module, programs, examples;
                  both may stand in the environment instead
  clean           remove build/ and sandbox/
  help            this text
USAGE
}

say() {
    printf '%s\n' "build.sh: $*" >&2
}

die() {
    say "$*"
    exit 1
}

# at_most N COMMAND ARGUMENT...: a word too many is a mistake, not to be passed
# over: what was meant by it would not be done.
at_most() {
    local most=$1 command=$2

    shift 2
    [ $# -le "$most" ] \
        || die "$command: unexpected argument: ${*:most + 1:1}"
}

# Runs a command and shows its output only when it fails.
quietly() {
    local log status=0

    log=$(mktemp)
    "$@" >"$log" 2>&1 || status=$?
    if [ $status -ne 0 ]; then
        cat "$log" >&2
        rm -f "$log"
        die "failed ($status): $*"
    fi
    rm -f "$log"
}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        die "must be root (or have sudo) for: $*"
    fi
}

installed() {
    dpkg-query -W -f '${db:Status-Status}\n' "$1" 2>/dev/null \
        | grep -qx installed
}

apt_install() {
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -q \
        -o DPkg::Lock::Timeout=120 install -y --no-install-recommends "$@"
}

# deps [build|fuzz|run|valgrind]: what that needs; deps: everything.
deps() {
    local package packages=$BUILD_PACKAGES missing=()

    at_most 1 deps "$@"
    case ${1:-} in
    build) ;;
    fuzz) packages+=" $FUZZ_PACKAGES" ;;
    valgrind) packages+=" $TEST_PACKAGES $VALGRIND_PACKAGES" ;;
    run) packages+=" $TEST_PACKAGES" ;;
    '') packages+=" $TEST_PACKAGES $FUZZ_PACKAGES" ;;
    *) die "deps: must be build, run, fuzz or valgrind, not: $1" ;;
    esac
    command -v dpkg-query >/dev/null \
        || die "this is not Debian: install the packages that build.sh names"
    for package in $packages; do
        installed "$package" || missing+=("$package")
    done

    if [ ${#missing[@]} -gt 0 ]; then
        say "installing ${missing[*]}"
        quietly as_root apt-get -q -o DPkg::Lock::Timeout=120 update
        quietly apt_install "${missing[@]}"
    fi
    if [ "${1:-}" != build ] && [ "${1:-}" != fuzz ]; then
        perl -MTest::Nginx::Socket -e1 2>/dev/null || install_test_nginx
    fi
}

# Test::Nginx is packaged in Debian's sid only (architecture all).  It is taken
# from the mirror that this machine already uses, through a package list of
# our own, so that the system's suites stay as they are.  The mirror may be a
# frozen one, whose sid has outlived its date: the signature is checked, the
# date is not.
install_test_nginx() {
    local mirror dir
    local -a apt

    mirror=$(apt-get indextargets --format '$(REPO_URI)' \
        'Created-By: Packages' 'Origin: Debian' 'Label: Debian' | head -n 1)
    [ -n "$mirror" ] || die "no Debian mirror is configured on this machine"
    say "installing libtest-nginx-perl"
    dir=$(mktemp -d)
    chmod 755 "$dir"
    mkdir -p "$dir/lists/partial"
    echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg]" \
        "$mirror sid main" >"$dir/sources.list"
    apt=(apt-get -q -o "Dir::Etc::sourcelist=$dir/sources.list"
        -o Dir::Etc::sourceparts=- -o "Dir::State::lists=$dir/lists"
        -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache=
        -o Acquire::Languages=none -o Acquire::Check-Valid-Until=false
        -o APT::Sandbox::User=root)
    (
        cd "$dir"
        quietly as_root "${apt[@]}" update
        quietly as_root "${apt[@]}" download libtest-nginx-perl
        quietly apt_install ./libtest-nginx-perl_*.deb
    )
    as_root rm -rf "$dir"
    perl -MTest::Nginx::Socket -e1 || die "Test::Nginx does not load"
}

# build_module BUILD CC_OPT LD_OPT [SOURCE MODULE]: a module, through nginx's
# own configure, which is run again only when the list of sources, the flags or
# the nginx have changed.
build_module() {
    local build=$1 cc_opt=$2 ld_opt=$3
    local source=${4:-$ROOT/ngx_oscp_module} module=${5:-ngx_http_oscp_module}
    local src=${NGINX_SRC:-/usr/share/nginx/src} stamp
    local -a flags=(--with-compat)

    [ -x "$src/configure" ] || die "no nginx source tree at $src"
    if [ -z "${NGINX_SRC:-}" ]; then
        # shellcheck disable=SC1091
        . "$src/conf_flags"
        flags=("${NGX_CONF_FLAGS[@]}")
    fi
    mkdir -p "$build/nginx"
    stamp="$src ${flags[*]} $source $cc_opt $ld_opt $(nginx -v 2>&1) $(cd "$ROOT" \
        && ls ngx_oscp_module/*.[ch] oscp/*.[ch] && cat ngx_oscp_module/config)"
    if [ "$(cat "$build/nginx/stamp" 2>/dev/null)" != "$stamp" ]; then
        (
            cd "$src"
            ASAN_OPTIONS=detect_leaks=0 quietly ./configure \
                --with-cc-opt="$cc_opt" --with-ld-opt="$ld_opt" "${flags[@]}" \
                --add-dynamic-module="$source" \
                --builddir="$build/nginx"
        )
        printf '%s' "$stamp" >"$build/nginx/stamp"
    fi
    quietly make -j"$JOBS" -f "$build/nginx/Makefile" -C "$src" modules
    # A new file in its place: an nginx that runs the old one keeps it.
    cp "$build/nginx/$module.so" "$build/$module.so.new"
    mv "$build/$module.so.new" "$build/$module.so"
}

MODULE_CC_OPT='-O2 -g -fPIC -fstack-protector-strong -D_FORTIFY_SOURCE=2 -Wall'
MODULE_LD_OPT='-Wl,-z,relro -Wl,-z,now -fPIC -Wl,-Bsymbolic-functions'

# build [--asan] [--unit]
build() {
    local build=$BUILD sanitize='' unit='' arg
    local cc_opt=$MODULE_CC_OPT ld_opt=$MODULE_LD_OPT

    for arg; do
        case $arg in
        --asan)
            sanitize=SANITIZE=1
            build=$BUILD/asan
            cc_opt='-O1 -g -fPIC -fno-omit-frame-pointer
                -fsanitize=address,undefined -fno-sanitize-recover=undefined'
            ld_opt='-fsanitize=address,undefined -fPIC'
            ;;
        --unit) unit=unit ;;
        *) die "build: unknown option $arg" ;;
        esac
    done
    deps build
    mkdir -p "$build"
    # shellcheck disable=SC2086
    quietly make -j"$JOBS" -C "$ROOT/oscp" BUILD="$build" $sanitize all $unit
    # shellcheck disable=SC2086
    quietly make -j"$JOBS" -C "$ROOT/worker" BUILD="$build" $sanitize
    # shellcheck disable=SC2086
    [ -z "$unit" ] || build_clock "$build" $sanitize
    build_module "$build" "$(echo $cc_opt)" "$ld_opt"
}

# The unit tests of a build tree; replay_stream is scenario_replay.t's.
units() {
    find "$1/unit" -type f ! -name replay_stream | sort
}

# One prove over everything, in the build tree named.
prove_in() {
    local build=$1
    shift
    ( cd "$ROOT" && OSCP_BUILD=$build prove -j"$TEST_JOBS" -It/lib "$@" )
}

run_tests() {
    local asan=''

    if [ "${1:-}" = --asan ]; then
        asan=--asan
        shift
        [ $# -gt 0 ] || die "test: --asan FILE...; without files, both are run"
    fi
    deps
    if [ $# -gt 0 ]; then
        # shellcheck disable=SC2086
        build --unit $asan
        prove_in "$BUILD${asan:+/asan}" -v "$@"
        return
    fi
    build --unit
    build --unit --asan
    say "tests, plain build"
    # backwards: the longest are the worker's and the scenarios
    prove_in "$BUILD" $(ls -r "$ROOT"/t/*.t) $(units "$BUILD")
    say "tests, ASan + UBSan build"
    prove_in "$BUILD/asan" \
        $(ls -r "$ROOT"/t/*.t | grep -Ev '/(lint|fail|build)\.t') \
        $(units "$BUILD/asan")
}

run_sandbox() {
    deps run
    build
    cd "$ROOT"
    exec perl -It/lib t/cp/sandbox "$@"
}

# The targets and the library, sanitized, into build/fuzz.
build_fuzz() {
    local build=$BUILD/fuzz target name
    local flags='-O1 -g -fno-omit-frame-pointer
        -fno-sanitize-recover=undefined -fsanitize=address,undefined'

    flags=$(echo $flags)
    mkdir -p "$build"
    quietly make -j"$JOBS" -C "$ROOT/oscp" BUILD="$build" CC=clang \
        OPT="$flags,fuzzer-no-link" all
    for target in "$ROOT"/t/fuzz/*.c; do
        name=$(basename "$target" .c)
        # shellcheck disable=SC2086
        quietly clang -std=gnu11 -Wall -Wextra -Werror $flags,fuzzer \
            -I"$ROOT/oscp" -I"$ROOT/ngx_oscp_module" -o "$build/$name" \
            "$target" "$ROOT"/ngx_oscp_module/ngx_oscp_jw[kt].c \
            "$build/liboscp.a" -lcjson -lcrypto -lm
    done
}

# fuzz [SECONDS]: what a target finds is kept in build/fuzz/corpus; an input
# that breaks one is left beside it, and the exit status is not 0.
run_fuzz() {
    local seconds=${1:-60} targets target name corpus
    local -a limit

    at_most 1 fuzz "$@"
    [[ $seconds =~ ^[0-9]+$ ]] || die "fuzz: not a number of seconds: $seconds"
    deps fuzz
    build_fuzz
    targets=$(cd "$ROOT/t/fuzz" && ls ./*.c | wc -l)
    limit=(-max_total_time=$(((seconds + targets - 1) / targets)))
    [ "$seconds" -gt 0 ] || limit=(-runs=0)
    for target in "$ROOT"/t/fuzz/*.c; do
        name=$(basename "$target" .c)
        corpus=$BUILD/fuzz/corpus/$name
        mkdir -p "$corpus"
        say "fuzzing $name"
        quietly "$BUILD/fuzz/$name" "${limit[@]}" -max_len=4096 \
            -timeout=10 -dict="$ROOT/t/fuzz/dictionary" \
            -artifact_prefix="$BUILD/fuzz/$name-" "$corpus" \
            "$ROOT/t/fuzz/seeds/$name"
    done
}

# The worker with a clock that a test can set; never installed.
build_clock() {
    local build=$1
    shift
    quietly make -j"$JOBS" -C "${TREE:-$ROOT}/worker" -f ../t/clock/Makefile \
        BUILD="$build" "$@" clock
}

# A copy of the sources, with one rule broken.  A patch that does not apply any
# more is an error: it must be made anew.
build_broken() {
    local name=$1 build=$BUILD/broken/$1

    [ -e "$ROOT/t/torture/broken/$name.patch" ] \
        || die "torture: no t/torture/broken/$name.patch"
    rm -rf "$build/tree"
    mkdir -p "$build/tree/t"
    cp -r "$ROOT/oscp" "$ROOT/worker" "$build/tree/"
    cp -r "$ROOT/t/clock" "$build/tree/t/"
    quietly patch -d "$build/tree" -p1 --fuzz=0 --no-backup-if-mismatch \
        -i "$ROOT/t/torture/broken/$name.patch"
    TREE=$build/tree build_clock "$build"
}

# torture --broken NAME [SECONDS] [OPTIONS]: ends with 1 when it is caught, as
# it must be.  A patch may name the faults that show it.
run_broken() {
    local name=$1 faults
    local -a kinds=()
    shift
    build_broken "$name"
    say "torture: a worker with $name"
    faults=$(sed -n 's/^faults: //p' "$ROOT/t/torture/broken/$name.patch")
    [ -z "$faults" ] || kinds=(--kinds "$faults")
    perl -It/lib t/torture/torture --until-found "${kinds[@]}" \
        --program "broken/$name/oscp-worker-clock" "$@"
}

run_torture() {
    local broken='' name missed=0
    local -a words=()

    while [ $# -gt 0 ]; do
        case $1 in
        --broken)
            broken=${2:-}
            [ $# -gt 1 ] || die "torture: --broken NAME, or all"
            shift
            ;;
        *) words+=("$1") ;;
        esac
        shift
    done
    deps run
    build
    cd "$ROOT"
    case $broken in
    '')
        build_clock "$BUILD"
        exec perl -It/lib t/torture/torture "${words[@]}"
        ;;
    all)
        for name in $(cd t/torture/broken && ls ./*.patch); do
            name=$(basename "$name" .patch)
            if run_broken "$name" --quiet "${words[@]}"; then
                say "torture: $name was NOT caught"
                missed=1
            else
                say "torture: $name was caught"
            fi
        done
        return $missed
        ;;
    *) run_broken "$broken" "${words[@]}" ;;
    esac
}

# fail [PART]: of t/fail.t, all; PART is start, message, exhausted, delivery,
# nginx or samples, with :FIRST-LAST for some allocations of it.
run_fail() {
    local parts='all|start|message|exhausted|delivery|nginx|samples'

    at_most 1 fail "$@"
    [[ ${1:-all} =~ ^($parts)$ || ${1:-} =~ ^(${parts#all|}):[0-9]+-[0-9]+$ ]] \
        || die "fail: must be one of $parts, with or without :FIRST-LAST," \
            "not: $1"
    deps run
    build
    cd "$ROOT"
    OSCP_FAIL=${1:-all} OSCP_BUILD=$BUILD exec prove -v -It/lib t/fail.t
}

# soak [SECONDS]: from 60 on memory is judged as well.
run_soak() {
    at_most 1 soak "$@"
    [[ ${1:-600} =~ ^[0-9]+$ ]] || die "soak: not a number of seconds: $1"
    deps run
    build
    cd "$ROOT"
    OSCP_SOAK=${1:-600} OSCP_BUILD=$BUILD exec prove -v -It/lib t/soak.t
}

# The distribution's own source of nginx, from the mirror that this machine
# already uses, through a source list of our own; NGINX_SRC= spares that.
fetch_nginx_source() {
    local dir=$1 mirror suite
    local -a apt

    mirror=$(apt-get indextargets --format '$(REPO_URI)' \
        'Created-By: Packages' 'Origin: Debian' 'Label: Debian' | head -n 1)
    [ -n "$mirror" ] || die "no Debian mirror is configured on this machine"
    # shellcheck disable=SC1091
    suite=$(. /etc/os-release && echo "$VERSION_CODENAME")
    say "fetching the source of nginx"
    rm -rf "$dir"
    mkdir -p "$dir/lists/partial"
    echo "deb-src [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg]" \
        "$mirror $suite main" >"$dir/sources.list"
    apt=(apt-get -q -o "Dir::Etc::sourcelist=$dir/sources.list"
        -o Dir::Etc::sourceparts=- -o "Dir::State::lists=$dir/lists"
        -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache=
        -o Acquire::Languages=none -o Acquire::Check-Valid-Until=false
        -o APT::Sandbox::User=root)
    (
        cd "$dir"
        quietly as_root "${apt[@]}" update
        quietly as_root "${apt[@]}" source --download-only nginx
        mkdir source
        tar -xf nginx_*.orig.tar.gz -C source --strip-components=1
    )
}

# An nginx with NGX_DEBUG_PALLOC, where each piece of a pool is an allocation of
# its own that valgrind can see the ends of; and the module for it.
build_palloc() {
    local build=$BUILD/palloc src=${NGINX_SRC:-}
    local cc='-O1 -g -DNGX_DEBUG_PALLOC=1 -Wno-error'

    if [ -z "$src" ]; then
        src=$build/fetched/source
        [ -x "$src/configure" ] || fetch_nginx_source "$build/fetched"
    fi
    if [ ! -x "$build/nginx-debug" ]; then
        (
            cd "$src"
            quietly ./configure --with-compat --with-debug --with-threads \
                --with-http_ssl_module --with-http_v2_module \
                --builddir="$build/whole" --with-cc-opt="$cc"
            quietly make -j"$JOBS" -f "$build/whole/Makefile" binary
        )
        cp "$build/whole/nginx" "$build/nginx-debug"
    fi
    NGINX_SRC=$src build_module "$build" "$cc -fPIC" '-fPIC'
    cp "$BUILD/oscp-worker" "$BUILD/oscpctl" "$build/"
}

VALGRIND_TESTS="t/module_publish.t t/module_redis.t t/scenario_forecast.t
    t/scenario_handshake.t t/scenario_incidents.t t/scenario_https.t
    t/worker_lifecycle.t t/worker_segments.t t/worker_config.t
    t/worker_metering.t t/worker_outbox.t"

# Those unit tests that count what they do in millions are left to the
# sanitizers.
run_valgrind() {
    local palloc='' unit tree=$BUILD

    if [ "${1:-}" = --debug-palloc ]; then
        palloc=1
        shift
    fi
    deps valgrind
    build --unit
    cd "$ROOT"
    export OSCP_VALGRIND=$ROOT/t/valgrind.supp OSCP_TEST_SLOW=10
    if [ -n "$palloc" ]; then
        build_palloc
        tree=$BUILD/palloc
        export NGINX=$tree/nginx-debug
    elif [ $# -eq 0 ]; then
        for unit in $(units "$BUILD" | grep -Ev '/(year|.*_random|.*_differential)$'); do
            say "valgrind $(basename "$unit")"
            quietly valgrind -q --error-exitcode=99 --leak-check=full \
                --errors-for-leak-kinds=definite \
                --suppressions="$OSCP_VALGRIND" "$unit"
        done
    fi
    [ $# -gt 0 ] || set -- $VALGRIND_TESTS
    OSCP_BUILD=$tree prove -It/lib "$@"
}

run_bench() {
    deps run
    build
    build_module "$BUILD/bench" "$MODULE_CC_OPT" "$MODULE_LD_OPT" \
        "$ROOT/bench/limit" ngx_http_oscp_limit_module
    cd "$ROOT"
    exec perl -It/lib bench/bench "$@"
}

run_lint() {
    at_most 0 lint "$@"
    deps run
    build
    cd "$ROOT"
    exec perl t/lint.t
}

# install [DESTDIR=DIR] [PREFIX=DIR]
install_all() {
    local prefix=${PREFIX:-} dest=${DESTDIR:-} modules share arg

    for arg; do
        case $arg in
        DESTDIR=*) dest=${arg#DESTDIR=} ;;
        PREFIX=*) prefix=${arg#PREFIX=} ;;
        *) die "install: must be DESTDIR=DIR or PREFIX=DIR, not: $arg" ;;
        esac
    done
    prefix=${prefix:-/usr/local}
    prefix=${prefix%/}
    dest=${dest%/}
    # It becomes part of the unit, whose words end at blanks.
    [[ $prefix =~ ^(/[A-Za-z0-9._+-]+)*$ ]] \
        || die "install: PREFIX must be a plain absolute path, not: $prefix"

    build
    modules=$(nginx -V 2>&1 | tr ' ' '\n' \
        | sed -n 's/^--modules-path=//p')
    modules=${modules:-/usr/lib/nginx/modules}
    share=$prefix/share/oscp
    install -d "$dest$modules" "$dest$prefix/bin" "$dest$share"
    install -m 644 "$BUILD/ngx_http_oscp_module.so" "$dest$modules/"
    install -m 755 "$BUILD/oscp-worker" "$dest$prefix/bin/"
    if [ -e "$BUILD/oscpctl" ]; then
        install -m 755 "$BUILD/oscpctl" "$dest$prefix/bin/"
    fi
    install -m 644 "$ROOT"/conf/* "$dest$share/"
    sed -i "s|=/usr/local/bin/|=$prefix/bin/|" "$dest$share/oscp-worker.service"
    say "installed: the module in $dest$modules," \
        "programs in $dest$prefix/bin, examples in $dest$share"
}

# clean: what commands leave behind.
clean() {
    at_most 0 clean "$@"
    rm -rf "$BUILD" "$ROOT/sandbox"
}

main() {
    local command=${1:-help}

    [ $# -eq 0 ] || shift
    case $command in
    deps) deps "$@" ;;
    build) build "$@" ;;
    test) run_tests "$@" ;;
    run) run_sandbox "$@" ;;
    bench) run_bench "$@" ;;
    torture) run_torture "$@" ;;
    fail) run_fail "$@" ;;
    soak) run_soak "$@" ;;
    valgrind) run_valgrind "$@" ;;
    fuzz) run_fuzz "$@" ;;
    lint) run_lint "$@" ;;
    install) install_all "$@" ;;
    clean) clean "$@" ;;
    help | -h | --help) usage ;;
    *)
        usage >&2
        die "unknown command: $command"
        ;;
    esac
}

main "$@"
