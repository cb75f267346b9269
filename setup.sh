#!/bin/sh
# Installs what the kit needs and this machine lacks, then runs make with the targets given:
#
#   sh setup.sh                    installs what grading needs
#   sh setup.sh grade              ... and grades:             make grade
#   sh setup.sh test               ... what the tests need too, and runs them
#   sh setup.sh grade EX=02        anything make understands
#   sh setup.sh --for test         installs what the target needs, and runs nothing
#
# Asks for nothing it can do without: a machine that has everything is left alone, offline too.
# Exit code 3: something is missing and could not be installed; the last line says what to do.
set -u
cd "$(dirname "$0")" || exit 3

run=yes
case ${1-} in
--for) run=no && shift ;;
-h | --help) sed -n '2,/^set/s/^# \{0,1\}//p' setup.sh && exit 0 ;;
esac
log=${TMPDIR:-/tmp}/channels-setup.$$
trap 'rm -f "$log"' EXIT

fail()
{
    echo "setup: $*" >&2
    exit 3
}

have()
{
    command -v "$1" >/dev/null 2>&1
}

# Is there a Python that is new enough and has these modules? The order is the Makefile's.
python_with()
{
    for python in python3 /usr/bin/python3 python3.13 python3.12 python3.11; do
        have "$python" && "$python" - "$@" >/dev/null 2>&1 <<'EOF' && return 0
import sys
assert sys.version_info >= (3, 11)
for module in sys.argv[1:]:
    __import__(module)
EOF
    done
    return 1
}

# Does a program of C11 threads, cmocka and the sanitizers compile here?
compiles()
{
    program=${TMPDIR:-/tmp}/channels-setup-program.$$
    printf '%s\n' '#include <stdarg.h>' '#include <stddef.h>' '#include <setjmp.h>' \
        '#include <stdint.h>' '#include <cmocka.h>' 'int main(void) { return 0; }' |
        cc -x c "$@" -o "$program" - -lcmocka >/dev/null 2>&1
    code=$?
    rm -f "$program"
    return $code
}

# What is missing, in words; nothing when all is there.
missing()
{
    have make || echo "make"
    have cc || echo "a C compiler"
    have objcopy || echo "binutils"
    if have cc; then
        compiles || echo "cmocka"
        { compiles -fsanitize=address,undefined && compiles -fsanitize=thread; } || echo "sanitizers"
    fi
    python_with rich jinja2 || echo "Python 3.11 or newer with rich and jinja2"
    [ "$class" = no ] || have bwrap || echo "bubblewrap"
    # Elsewhere than on Debian, `make book` says what it needs, and its test is skipped.
    [ "$book" = no ] || ! have apt-get || [ -d /usr/share/mkdocs/themes/material ] || echo "mkdocs"
    [ "$tests" = yes ] || return 0
    have git || echo "git"
    have patch || echo "patch"
    have clang || echo "clang"
    python_with rich jinja2 pytest || echo "pytest"
    # What reads the gradebooks' formats back, looks for near-copies, and makes a cluster of this machine;
    # elsewhere those tests are skipped.
    have apt-get || return 0
    python_with junitparser jsonschema || echo "parsers of JUnit and JSON Schema"
    have sim_c || echo "similarity-tester"
    [ -x /usr/sbin/slurmctld ] || echo "Slurm"
}

tests=no
class=no
book=no
for target in "$@"; do
    case $target in
    test | solutions) tests=yes class=yes book=yes ;;
    class) class=yes ;;
    book) book=yes ;;
    esac
done

# ---------------------------------------------------------------------------- package managers

install_apt()
{
    export DEBIAN_FRONTEND=noninteractive
    packages="make gcc libc6-dev binutils libcmocka-dev gdb python3 python3-rich python3-jinja2"
    [ "$class" = no ] || packages="$packages bubblewrap similarity-tester"
    [ "$tests" = no ] || packages="$packages git patch clang procps python3-pytest \
        python3-junitparser python3-jsonschema munge slurmctld slurmd slurm-client"
    [ "$book" = no ] || packages="$packages mkdocs mkdocs-material"
    # Ubuntu 22.04: its python3 is too old, and its modules serve the newer one too.
    if have python3 && ! python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
        if ! python_with; then packages="$packages python3.11"; fi
    fi
    # An update can fail for a repository that nothing here comes from: the install is what counts.
    as_root apt-get -q update >"$log" 2>&1
    as_root apt-get -q install -y --no-install-recommends $packages >>"$log" 2>&1
}

install_dnf()
{
    packages="make gcc binutils libasan libubsan libtsan libcmocka-devel gdb python3 python3-rich python3-jinja2"
    [ "$class" = no ] || packages="$packages bubblewrap"
    [ "$tests" = no ] || packages="$packages git patch clang procps-ng python3-pytest"
    as_root dnf install -y $packages >"$log" 2>&1
}

install_pacman()
{
    packages="make gcc binutils cmocka gdb python python-rich python-jinja"
    [ "$class" = no ] || packages="$packages bubblewrap"
    [ "$tests" = no ] || packages="$packages git patch clang procps-ng python-pytest"
    as_root pacman -Sy --noconfirm --needed $packages >"$log" 2>&1
}

install_brew()
{
    packages="make gcc binutils cmocka gdb python"
    modules="rich jinja2"
    [ "$class" = no ] || packages="$packages bubblewrap"
    if [ "$tests" = yes ]; then
        packages="$packages git gpatch llvm"
        modules="$modules pytest"
    fi
    brew install $packages >"$log" 2>&1 &&
        python3 -m pip install --user --break-system-packages $modules >>"$log" 2>&1
}

# Root does it itself; who may use sudo is asked for the password; nobody else is.
as_root()
{
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    else
        sudo "$@"
    fi
}

manager()
{
    for name in apt-get dnf pacman brew; do
        if have "$name"; then
            echo "${name%-get}"
            return
        fi
    done
}

# What the package manager said, in one sentence.
explain()
{
    tail -n 15 "$log" >&2
    if grep -qiE 'could not resolve|temporary failure|unable to connect|failed to fetch|could not connect|network is unreachable|unable to locate package|cannot download|error: target not found|failed retrieving' "$log"; then
        fail "the packages can't be downloaded; is this machine connected to the network? Connect it, and run the same command again."
    fi
    fail "$manager could not install the packages, for the reason above. Mend that, and run the same command again."
}

# ------------------------------------------------------------------------------------ the work

[ "$(uname -s)" = Linux ] ||
    fail "the kit runs on Linux (WSL2 included). Elsewhere use its container: see .devcontainer/Dockerfile."

lacking=$(missing)
if [ -n "$lacking" ]; then
    list=$(echo "$lacking" | sed ':a;N;$!ba;s/\n/, /g')
    manager=$(manager)
    [ -n "$manager" ] ||
        fail "this machine lacks $list, and none of apt, dnf, pacman and brew is here: install that, and run the same command again."
    if [ "$manager" != brew ] && [ "$(id -u)" -ne 0 ]; then
        have sudo && { [ -t 0 ] || sudo -n true 2>/dev/null; } ||
            fail "this machine lacks $list, and you may not install it. Ask its administrator to run, as root: sh setup.sh --for ${1:-grade}"
    fi
    echo "setup: installing $list (with $manager; this takes a minute or two)"
    "install_$manager" || explain
    lacking=$(missing)
    [ -z "$lacking" ] ||
        fail "$manager is done, and still missing: $(echo "$lacking" | sed ':a;N;$!ba;s/\n/, /g'). Is it somewhere that PATH does not name?"
    echo "setup: done"
fi

if [ "$run" = yes ] && [ $# -gt 0 ]; then
    rm -f "$log"
    exec make "$@"
fi
exit 0
