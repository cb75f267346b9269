#!/bin/sh
# tap-parser 18.3.4 takes a failed test for a skipped one if a word of its name is "#skipped".
#
# The guess: a directive is "# SKIP" as a word of its own; "#skipped" in the middle of a name is a part of the name.
# In fact "not ok 2 - counts #skipped messages" is read as test "counts" with the directive SKIP and the reason
# "messages": the run is ok, exit status 0. prove (Test::Harness 3.44) reads the same line as a failure.
# A test's name that goes into TAP wants its "#" escaped, as TAP 14 says, or left out.
#
# Seen with: npm's tap-parser 18.3.4, libtest-harness-perl 3.44-1 (Debian 12). Needs Node.js, npm and Perl.
# Exit status: 0 still so, 1 no longer so, 77 something needed cannot be had.
set -eu
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
without() { echo "skipped: $*"; exit 77; }

echo '{"private": true}' >"$tmp/package.json"
(cd "$tmp" && npm install --no-audit --no-fund --ignore-scripts --prefer-offline tap-parser@18.3.4) >/dev/null 2>&1 ||
    without "npm's tap-parser 18.3.4 cannot be had"
(cd "$tmp" && apt-get download -qq libtest-harness-perl=3.44-1) >/dev/null 2>&1 ||
    without "libtest-harness-perl 3.44-1 cannot be had"
for package in "$tmp"/*.deb; do dpkg -x "$package" "$tmp/root"; done
command -v perl >/dev/null || without "no Perl"

verdicts_on() { # NAME: what each reader makes of a failed test of that name
    printf '1..2\nok 1 - sends\nnot ok 2 - %s\n' "$1" >"$tmp/tap"
    status=0
    "$tmp/node_modules/.bin/tap-parser" -t <"$tmp/tap" >"$tmp/read" 2>&1 || status=$?
    perl -I "$tmp/root/usr/share/perl5" -MApp::Prove \
        -e 'my $prove = App::Prove->new; $prove->process_args(@ARGV); exit($prove->run ? 0 : 1)' -- \
        -e cat "$tmp/tap" >/dev/null 2>&1 && prove=0 || prove=$?
    echo "not ok 2 - $1: tap-parser $status, prove $prove; read as: $(grep 'ok 2' "$tmp/read")"
}
plain=$(verdicts_on "counts dropped messages")
hash=$(verdicts_on "counts #skipped messages")
echo "$plain"
echo "$hash"

case "$plain/$hash" in
*"tap-parser 1, prove 1;"*/*"tap-parser 0, prove 1; read as: not ok 2 - counts # SKIP messages")
    echo "still so: tap-parser reads the failure as a skip, prove as a failure"
    ;;
*) echo "no longer so"; exit 1 ;;
esac
