#!/bin/sh
# prove of Test::Harness 3.44 fails a program for its first line if that is "TAP version 14", whatever follows.
#
# The guess: TAP 14 is made so that a reader of TAP 13 can read it: prove skips what it does not know, and passes this.
# In fact the version line by itself is a parse error: "All 1 subtests passed", and yet "Result: FAIL", exit status 1.
# The same lines under "TAP version 13", or under no version, pass, and so does an indented subtest of TAP 14 there.
# A test program that is to be run by prove must not say that it writes TAP 14.
#
# Seen with: libtest-harness-perl 3.44-1 (Debian 12). Needs Perl.
# Exit status: 0 still so, 1 no longer so, 77 something needed cannot be had.
set -eu
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
without() { echo "skipped: $*"; exit 77; }

(cd "$tmp" && apt-get download -qq libtest-harness-perl=3.44-1) >/dev/null 2>&1 ||
    without "libtest-harness-perl 3.44-1 cannot be had"
for package in "$tmp"/*.deb; do dpkg -x "$package" "$tmp/root"; done
command -v perl >/dev/null || without "no Perl"

result_of() { # VERSION
    {
        echo "TAP version $1"
        echo "1..1"
        echo "    # Subtest: sends"
        echo "    1..1"
        echo "    ok 1 - to a receiver that waits"
        echo "ok 1 - sends"
    } >"$tmp/$1.tap"
    perl -I "$tmp/root/usr/share/perl5" -MApp::Prove \
        -e 'my $prove = App::Prove->new; $prove->process_args(@ARGV); exit($prove->run ? 0 : 1)' -- \
        -e cat "$tmp/$1.tap" >"$tmp/$1.out" 2>&1 && status=0 || status=$?
    echo "version $1: $(tail -n 1 "$tmp/$1.out"), exit status $status"
}
old=$(result_of 13)
new=$(result_of 14)
echo "$old"
echo "$new"
grep 'TAP specified' "$tmp/14.out" || true

if [ "$old" = "version 13: Result: PASS, exit status 0" ] &&
    [ "$new" = "version 14: Result: FAIL, exit status 1" ]; then
    echo "still so: prove takes the version line of TAP 14 for a parse error"
else
    echo "no longer so"
    exit 1
fi
