#!/bin/sh
# Installs what the kit needs and this machine lacks, then runs make with the targets given:
#
#   sh setup.sh                    installs what grading needs
#   sh setup.sh grade              ... and grades:             make grade
#   sh setup.sh test               ... what the tests need too, and runs them
#   sh setup.sh grade EX=02        anything make understands
#   sh setup.sh bench-peers        ... what one would otherwise pick, too, and measures all of it
#   sh setup.sh --for test         installs what the target needs, and runs nothing
#
# Asks for nothing it can do without: what is optional and can't be had is told in one line.
# Exit code 3: something is missing and could not be installed; the last line says what to do.
set -u
cd "$(dirname "$0")" || exit 3
unset PYTHONHOME PYTHONSAFEPATH # left by a conda, say, they keep a Python from finding its own modules or the kit's

# What the kit is made of, a line each: has_NAME tells whether it is here; then what it is called, what it is for (test
# includes class and book; peers is for bench-peers; all of them include grade), the packages of the package managers, and, of what can be done
# without, what will be missing.
parts()
{
    cat <<'EOF'
make|make|grade|make|make|make|make|
compiler|a C compiler|grade|gcc libc6-dev|gcc|gcc|gcc|
binutils|binutils|grade|binutils|binutils|binutils|binutils|
cmocka|cmocka|grade|libcmocka-dev|libcmocka-devel|cmocka|cmocka|
sanitizers|sanitizers|grade|gcc|libasan libubsan libtsan|gcc|gcc|
python|Python 3.11 or newer with rich and jinja2|grade|python3 python3-rich python3-jinja2|python3 python3-rich python3-jinja2|python python-rich python-jinja|python pip:rich pip:jinja2|
gdb|gdb|grade|gdb|gdb|gdb|gdb|a hang is told without its stacks
page|libmicrohttpd|grade|libmicrohttpd-dev|libmicrohttpd-devel|libmicrohttpd|libmicrohttpd|`make run EX=08` shows no page
bubblewrap|bubblewrap|class|bubblewrap|bubblewrap|bubblewrap|bubblewrap|
sim_c|similarity-tester|class|similarity-tester||||`make class` looks for no near-copies
mkdocs|mkdocs with its theme material|book|mkdocs mkdocs-material||mkdocs mkdocs-material|pip:mkdocs-material|there is no `make book`
git|git|test|git|git|git|git|
patch|patch|test|patch|patch|patch|gpatch|
processes|ps|test|procps|procps-ng|procps-ng||
clang|clang|test|clang|clang|clang|llvm|
pytest|pytest|test|python3-pytest|python3-pytest|python-pytest|pip:pytest|
ccache|ccache|test|ccache|ccache|ccache|ccache|what several tests build is compiled for each
xdist|pytest-xdist|test|python3-pytest-xdist|python3-pytest-xdist|python-pytest-xdist|pip:pytest-xdist|the tests run one after the other
parsers|parsers of JUnit and JSON Schema|test|python3-junitparser python3-jsonschema|||pip:junitparser pip:jsonschema|the tests of the gradebooks' formats are skipped
arm64|a compiler for arm64|test|gcc-aarch64-linux-gnu libc6-dev-arm64-cross||||its tests are skipped
mypy|mypy|test|mypy|python3-mypy|mypy|mypy|the types of Python are not checked
clang_format|clang-format|test|clang-format|clang-tools-extra|clang|clang-format|how C is laid out is not checked
libclang|libclang for Python|test|python3-clang|python3-clang|clang||the tests of mutants are skipped
slurm|Slurm|test|munge slurmctld slurmd slurm-client||||its tests are skipped
rust|Rust|peers|rustc cargo|rust cargo|rust|rust|its channels are not measured
crates|crossbeam-channel, flume and tokio|peers|librust-crossbeam-channel-dev librust-flume-dev librust-tokio-dev||||they are not measured
go|Go|peers|golang-go|golang|go|go|its channels are not measured
queues|the queues of C and C++|peers|g++ pkg-config libboost-dev libck-dev libconcurrentqueue-dev libglib2.0-dev libnng-dev libtbb-dev liburcu-dev||||some of them are not measured
plots|matplotlib|peers|python3-matplotlib|python3-matplotlib|python-matplotlib|pip:matplotlib|there are no plots
EOF
}

has_make() { have make; }
has_compiler() { have cc; }
has_binutils() { have objcopy; }
has_cmocka() { compiles '#include <stdarg.h>\n#include <stddef.h>\n#include <setjmp.h>\n#include <stdint.h>\n#include <cmocka.h>\n' -lcmocka; }
has_sanitizers() { compiles '' -fsanitize=address,undefined && compiles '' -fsanitize=thread; }
has_python() { python_with rich jinja2 >/dev/null; }
has_gdb() { have gdb; }
has_page() { compiles '#include <microhttpd.h>\n' -lmicrohttpd; }
has_bubblewrap() { have bwrap; }
has_sim_c() { have sim_c; }
has_mkdocs() { mkdocs build --help 2>/dev/null | grep -q material; }
has_git() { have git; }
has_patch() { have patch; }
has_processes() { have ps; }
has_clang() { have clang; }
has_pytest() { python_with rich jinja2 pytest >/dev/null; }
has_ccache() { have ccache; }
has_xdist() { python_with rich jinja2 xdist >/dev/null; }
has_parsers() { python_with rich jinja2 junitparser jsonschema >/dev/null; }
has_arm64() { have aarch64-linux-gnu-gcc; }
has_mypy() { have mypy; }
has_clang_format() { have clang-format || have clang-format-14; }
has_libclang() { python_with rich jinja2 clang.cindex >/dev/null; }
has_rust() { have rustc && have cargo; }
has_crates() { ls -d /usr/share/cargo/registry/crossbeam-channel-* /usr/share/cargo/registry/flume-* /usr/share/cargo/registry/tokio-1*; } >/dev/null 2>&1
has_go() { have go; }
has_queues()
{
    pkg-config --exists glib-2.0 2>/dev/null && printf '#include <%s>\n' boost/lockfree/queue.hpp ck_ring.h \
        concurrentqueue/concurrentqueue.h nng/nng.h oneapi/tbb/concurrent_queue.h urcu/wfcqueue.h |
        g++ -x c++ -M - >/dev/null 2>&1
}
has_plots() { python_with rich jinja2 matplotlib >/dev/null; }
has_slurm() { [ -x /usr/sbin/slurmctld ] || have slurmctld; }

have()
{
    command -v "$1" >/dev/null 2>&1
}

# Does a program that begins with these lines compile here, with these flags after it?
compiles()
{
    program=$log.program
    text=$1
    shift
    printf "${text}int main(void) { return 0; }\n" | cc -x c -o "$program" - "$@" >/dev/null 2>&1
    code=$?
    rm -f "$program"
    return $code
}

# Prints the first Python that is new enough and has these modules. This order is the Makefile's, too.
python_with()
{
    for python in /usr/bin/python3 python3 python3.14 python3.13 python3.12 python3.11; do
        have "$python" && "$python" - "$@" 2>/dev/null <<'EOF' && echo "$python" && return
import sys, importlib.util
sys.exit(sys.version_info < (3, 11) or not all(map(importlib.util.find_spec, sys.argv[1:])))
EOF
    done
    return 1
}

fail()
{
    echo "setup: $*" >&2
    exit 3
}

# ---------------------------------------------------------------------------- package managers

# Root does it itself; a user of sudo is asked for the password; nobody else is.
as_root()
{
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    else
        sudo "$@"
    fi
}

may_install()
{
    [ "$manager" = brew ] || [ "$(id -u)" -eq 0 ] || { have sudo && { [ -t 0 ] || sudo -n true 2>/dev/null; }; }
}

find_manager()
{
    for name in apt-get dnf pacman brew; do
        have "$name" && echo "${name%-get}" && return
    done
}

# The packages of these parts.
packages_of()
{
    case $manager in
    apt) echo "$1" | cut -d'|' -f4 ;;
    dnf) echo "$1" | cut -d'|' -f5 ;;
    pacman) echo "$1" | cut -d'|' -f6 ;;
    brew) echo "$1" | cut -d'|' -f7 ;;
    esac
}

# An update can fail for a repository that nothing here comes from: the install is what counts.
update()
{
    case $manager in
    apt) as_root apt-get -q update ;;
    pacman) as_root pacman -Sy ;;
    esac >>"$log" 2>&1
}

install()
{
    case $manager in
    apt) as_root env DEBIAN_FRONTEND=noninteractive apt-get -q install -y --no-install-recommends "$@" ;;
    dnf) as_root dnf install -y "$@" ;;
    pacman) as_root pacman -S --noconfirm --needed "$@" ;;
    brew) install_brew "$@" ;;
    esac >>"$log" 2>&1 </dev/null
}

install_brew()
{
    modules=
    for package in "$@"; do
        shift
        case $package in
        pip:*) modules="$modules ${package#pip:}" ;;
        *) set -- "$@" "$package" ;;
        esac
    done
    { [ $# -eq 0 ] || brew install "$@"; } &&
        { [ -z "$modules" ] || python3 -m pip install --user --break-system-packages $modules; }
}

# What the package manager said, in one sentence.
explain()
{
    tail -n 15 "$log" >&2
    if grep -qiE 'could not resolve|temporary failure|unable to connect|failed to fetch|could not connect|network is unreachable|cannot download|failed retrieving' "$log"; then
        fail "the packages can't be downloaded; is this machine connected to the network? Connect it, and run the same command again."
    fi
    unknown=$(sed -nE "s/^E: Unable to locate package (.*)/\1/p; s/^E: Package '?([^ ']*)'? has no installation candidate.*/\1/p
        s/^No match for argument: (.*)/\1/p; s/^error: target not found: (.*)/\1/p" "$log" | sort -u | in_a_row)
    [ -z "$unknown" ] ||
        fail "$manager knows no package $unknown, and the kit needs it. Install it in another way, and run the same command again."
    fail "$manager could not install the packages, for the reason above. Mend that, and run the same command again."
}

in_a_row()
{
    sed ':a;N;$!ba;s/\n/, /g'
}

# ------------------------------------------------------------------------------------ the work

# The lines of the parts that are wanted and not here.
lacking()
{
    parts | while IFS='|' read -r part called purpose more; do
        case " $wanted " in
        *" $purpose "*) "has_$part" </dev/null || echo "$part|$called|$purpose|$more" ;;
        esac
    done
}

# Of such lines those that end without saying what will be missing; and the others.
needed() { echo "$1" | grep '|$'; }
optional() { echo "$1" | grep '[^|]$'; }

names() { echo "$1" | cut -d'|' -f2 | in_a_row; }

log=${TMPDIR:-/tmp}/channels-setup.$$
run=yes
case ${1-} in
--for) run=no && shift ;;
--python) shift && python_with "$@" && exit 0 || exit 3 ;;
-h | --help) sed -n '2,/^set/s/^# \{0,1\}//p' setup.sh && exit 0 ;;
esac
trap 'rm -f "$log"' EXIT

wanted=grade
for target in "$@"; do
    case $target in
    test | solutions) wanted="grade class book test" ;;
    class | book) wanted="$wanted $target" ;;
    bench-peers) wanted="$wanted peers" ;;
    esac
done

[ "$(uname -s)" = Linux ] ||
    fail "the kit runs on Linux (WSL2 included). Elsewhere use its container: see .devcontainer/Dockerfile."

manager=$(find_manager)
lacking=$(lacking)
needed=$(needed "$lacking")
if [ -n "$needed" ]; then
    names=$(names "$needed")
    [ -n "$manager" ] ||
        fail "this machine lacks $names, and none of apt, dnf, pacman and brew is here: install that, and run the same command again."
    may_install ||
        fail "this machine lacks $names, and you may not install it. Ask its administrator to run, as root: sh setup.sh --for ${1:-grade}"
    echo "setup: installing $names (with $manager; this takes a minute or two)"
    update
    install $(packages_of "$needed") || explain
    # Ubuntu 22.04: its python3 is too old, and its modules serve the newer one, too.
    has_python || [ "$manager" != apt ] || install python3.11
fi

optional=$(optional "$lacking")
if [ -n "$optional" ] && [ -n "$manager" ] && may_install; then
    echo "setup: installing $(names "$optional") (can be done without)"
    [ -n "$needed" ] || update
    echo "$optional" | while read -r part; do
        packages=$(packages_of "$part")
        [ -z "$packages" ] || install $packages
    done
fi

if [ -n "$lacking" ]; then
    lacking=$(lacking)
    needed=$(needed "$lacking")
    [ -z "$needed" ] || fail "$manager is done, and still missing: $(names "$needed"). Is it somewhere that PATH does not name?"
    optional "$lacking" | while IFS='|' read -r part called purpose apt dnf pacman brew without; do
        echo "setup: without $called, $without."
    done
fi

if [ "$run" = yes ] && [ $# -gt 0 ]; then
    rm -f "$log"
    exec make "$@"
fi
exit 0
