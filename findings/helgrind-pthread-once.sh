#!/bin/sh
# Helgrind reports a race on what pthread_once set up; DRD, of the same Valgrind, does not.
#
# The guess: pthread_once is POSIX, and old, and a thread that returns from it sees what the routine wrote;
# a checker for POSIX threads knows that as it knows mutexes and barriers, and Helgrind and DRD do so alike.
# In fact Helgrind does not follow pthread_once: two threads that both call it before they read are told of a
# "possible data race" between the read and the write in the routine.
# DRD finds nothing in the same run. A lazily made channel, or a lazily made lock, is hit by that.
#
# Seen with: Valgrind 3.19.0, valgrind 1:3.19.0-1 (Debian 12). Needs a C compiler.
# Exit status: 0 still so, 1 no longer so, 77 something needed cannot be had.
set -eu
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
without() { echo "skipped: $*"; exit 77; }

(cd "$tmp" && apt-get download -qq valgrind=1:3.19.0-1) >/dev/null 2>&1 || without "valgrind 1:3.19.0-1 cannot be had"
for package in "$tmp"/*.deb; do dpkg -x "$package" "$tmp/root"; done

cat >"$tmp/once.c" <<'C'
#include <pthread.h>

static pthread_once_t once = PTHREAD_ONCE_INIT;
static int capacity;

static void set_up(void)
{
    capacity = 4;
}

static void *use(void *unused)
{
    pthread_once(&once, set_up);
    return capacity == 4 ? unused : &capacity;
}

int main(void)
{
    pthread_t one, other;
    pthread_create(&one, NULL, use, NULL);
    pthread_create(&other, NULL, use, NULL);
    pthread_join(one, NULL);
    pthread_join(other, NULL);
    return 0;
}
C
cc -g -pthread -o "$tmp/once" "$tmp/once.c" || without "no C compiler"

export VALGRIND_LIB="$tmp/root/usr/libexec/valgrind"
errors_of() {
    "$tmp/root/usr/bin/valgrind" --tool="$1" "$tmp/once" >"$tmp/$1" 2>&1 || true
    sed -n 's/.*ERROR SUMMARY: \([0-9]*\) errors.*/\1/p' "$tmp/$1"
}
helgrind=$(errors_of helgrind)
drd=$(errors_of drd)
[ -n "$helgrind$drd" ] || without "this Valgrind does not start here (it needs libc's debug symbols)"
grep -A 12 'Possible data race' "$tmp/helgrind" | cut -d ' ' -f 2- || true
echo "errors reported by Helgrind: $helgrind, by DRD: $drd"

if [ "$helgrind" -gt 0 ] && [ "$drd" -eq 0 ] && grep -q 'by .*pthread_once' "$tmp/helgrind"; then
    echo "still so: Helgrind does not know that pthread_once orders its callers, DRD does"
else
    echo "no longer so"
    exit 1
fi
