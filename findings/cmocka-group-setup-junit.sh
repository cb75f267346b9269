#!/bin/sh
# A cmocka 1.1.5 group whose setup fails is an error in its JUnit XML, and none once junitparser has read it.
#
# The guess: a reader finds the error, as a failed test or at least in its totals.
# In fact the error is only a number: <testsuite tests="0" errors="1"> without any test case. junitparser 2.8 goes by
# the test cases, not by that number: the suite's errors are 0 as soon as the file is loaded, and the report's too.
# "No failures, no errors" is then the answer for a program that ended with status 1 and in which nothing ran.
# Whoever gathers such files has to ask whether any test ran.
#
# Seen with: libcmocka0 and libcmocka-dev 1.1.5-2.1, python3-junitparser 2.8.0-1, python3-future 0.18.2-6 (Debian 12).
# Needs a C compiler and Python.
# Exit status: 0 still so, 1 no longer so, 77 something needed cannot be had.
set -eu
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
without() { echo "skipped: $*"; exit 77; }

(cd "$tmp" && apt-get download -qq libcmocka0=1.1.5-2.1 libcmocka-dev=1.1.5-2.1 python3-junitparser=2.8.0-1 \
    python3-future=0.18.2-6) >/dev/null 2>&1 || without \
    "cmocka 1.1.5-2.1, python3-junitparser 2.8.0-1 or python3-future 0.18.2-6 cannot be had"
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
    const struct CMUnitTest tests[] = {cmocka_unit_test(sends)};
    return cmocka_run_group_tests_name("channel", tests, fails, NULL);
}
C
cc -I "$tmp/root/usr/include" -o "$tmp/channel" "$tmp/channel.c" -L "$library" -lcmocka -Wl,-rpath,"$library" ||
    without "no C compiler"
CMOCKA_MESSAGE_OUTPUT=XML "$tmp/channel" >"$tmp/channel.xml" && status=0 || status=$?
cat "$tmp/channel.xml"
echo "exit status $status"

command -v python3 >/dev/null || without "no Python"
cat >"$tmp/read.py" <<'P'
import sys

from junitparser import JUnitXml

report = JUnitXml.fromfile(sys.argv[1])
[suite] = report
print(f"as read: report errors={report.errors}, suite tests={suite.tests} errors={suite.errors}")
report.update_statistics()
print(f"counted: report errors={report.errors} failures={report.failures}, suite errors={suite.errors}")
P
export PYTHONPATH="$tmp/root/usr/lib/python3/dist-packages"
python3 -c 'import junitparser' || without "this Python does not load junitparser 2.8.0"
python3 "$tmp/read.py" "$tmp/channel.xml" >"$tmp/read"
cat "$tmp/read"

if [ "$status" = 1 ] && grep -q '<testsuite name="channel" .* tests="0" failures="0" errors="1"' "$tmp/channel.xml" &&
    grep -q '^as read: report errors=0, suite tests=0 errors=0$' "$tmp/read" &&
    grep -q '^counted: report errors=0 failures=0, suite errors=0$' "$tmp/read"; then
    echo "still so: the program fails, its report counts as one without errors"
else
    echo "no longer so"
    exit 1
fi
