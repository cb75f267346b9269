#!/bin/sh
# A group teardown that fails leaves a cmocka 1.1.5 program green: exit status 0, "PASSED", a clean JUnit file.
#
# The guess: a fixture that fails is an error like any other; the run ends non-zero and each report has it.
# That holds for a group's setup and for a test's own teardown. But cmocka only prints of a group's teardown that it
# failed: cmocka_run_group_tests returns 0, the summary counts no failure, the JUnit XML has nothing of it, and TAP
# gets a test with the number 0 that is not in the plan, then "# ok". So a leak check, or "every thread has ended",
# does nothing in a group teardown.
#
# Seen with: libcmocka0 and libcmocka-dev 1.1.5-2.1 (Debian 12). Needs a C compiler.
# Exit status: 0 still so, 1 no longer so, 77 something needed cannot be had.
set -eu
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
without() { echo "skipped: $*"; exit 77; }

(cd "$tmp" && apt-get download -qq libcmocka0=1.1.5-2.1 libcmocka-dev=1.1.5-2.1) >/dev/null 2>&1 ||
    without "cmocka 1.1.5-2.1 cannot be had"
for package in "$tmp"/*.deb; do dpkg -x "$package" "$tmp/root"; done
library=$(dirname "$(find "$tmp/root" -name libcmocka.so.0 | head -n 1)")

cat >"$tmp/channel.c" <<'C'
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void sends(void **state)
{
    (void)state;
}

static int fails(void **state)
{
    (void)state;
    return -1;
}

int main(void)
{
    const struct CMUnitTest plain[] = {cmocka_unit_test(sends)};
    const struct CMUnitTest own[] = {cmocka_unit_test_teardown(sends, fails)};
    (void)own;
    return RUN;
}
C
build() {
    cc -I "$tmp/root/usr/include" -DRUN="$2" -o "$tmp/$1" "$tmp/channel.c" \
        -L "$library" -lcmocka -Wl,-rpath,"$library" || without "no C compiler"
}
build group 'cmocka_run_group_tests_name("channel", plain, NULL, fails)'
build test 'cmocka_run_group_tests_name("channel", own, NULL, NULL)'

run() { # PROGRAM FORMAT: its status, last in what it printed
    status=0
    CMOCKA_MESSAGE_OUTPUT=$2 "$tmp/$1" >"$tmp/$1.$2" 2>&1 || status=$?
    echo "exit status $status" >>"$tmp/$1.$2"
}
for format in STDOUT XML TAP; do
    run group "$format"
    run test "$format"
    echo "--- the group's teardown fails, $format:"
    cat "$tmp/group.$format"
done

has() { grep -qF -- "$2" "$tmp/$1"; }
if has test.STDOUT 'exit status 1' && has test.XML 'errors="1"' &&
    has group.STDOUT '[  PASSED  ] 1 test(s).' && has group.STDOUT 'exit status 0' &&
    has group.XML 'failures="0" errors="0"' && ! has group.XML TEARDOWN &&
    has group.TAP '1..1' && has group.TAP 'not ok 0 - channel' && has group.TAP '# ok - channel'; then
    echo "still so: a test's own teardown fails the run, the group's does not"
else
    echo "no longer so"
    exit 1
fi
