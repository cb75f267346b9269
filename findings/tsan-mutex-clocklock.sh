#!/bin/sh
# ThreadSanitizer of gcc 12 calls a channel racy that takes its mutex with pthread_mutex_clocklock.
#
# The guess: pthread_mutex_clocklock and pthread_cond_clockwait came to glibc together (2.30), and this runtime knows
# pthread_cond_clockwait, so it knows both. In fact it does not see the lock that pthread_mutex_clocklock takes:
# it reports a data race between two threads that hold the same mutex, and "unlock of an unlocked mutex" as well.
# The same program with pthread_mutex_timedlock, and with pthread_cond_clockwait in both, is clean.
#
# Seen with: libtsan2 12.2.0-14+deb12u1 (Debian 12). Needs gcc 12 with its libtsan.so, to compile with.
# Exit status: 0 still so, 1 no longer so, 77 something needed cannot be had.
set -eu
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
without() { echo "skipped: $*"; exit 77; }

(cd "$tmp" && apt-get download -qq libtsan2=12.2.0-14+deb12u1) >/dev/null 2>&1 ||
    without "libtsan2 12.2.0-14+deb12u1 cannot be had"
for package in "$tmp"/*.deb; do dpkg -x "$package" "$tmp/root"; done
runtime=$(dirname "$(find "$tmp/root" -name libtsan.so.2 | head -n 1)")

cat >"$tmp/channel.c" <<'C'
#define _GNU_SOURCE
#include <pthread.h>
#include <time.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t filled = PTHREAD_COND_INITIALIZER;
static int full, value;

static struct timespec in_a_minute(clockid_t clock)
{
    struct timespec when;
    clock_gettime(clock, &when);
    when.tv_sec += 60;
    return when;
}

static void lock(void)
{
#ifdef CLOCKLOCK
    struct timespec when = in_a_minute(CLOCK_MONOTONIC);
    pthread_mutex_clocklock(&mutex, CLOCK_MONOTONIC, &when);
#else
    struct timespec when = in_a_minute(CLOCK_REALTIME);
    pthread_mutex_timedlock(&mutex, &when);
#endif
}

static void *send(void *unused)
{
    lock();
    value = 7;
    full = 1;
    pthread_cond_signal(&filled);
    pthread_mutex_unlock(&mutex);
    return unused;
}

int main(void)
{
    pthread_t sender;
    pthread_create(&sender, NULL, send, NULL);
    lock();
    while (!full) {
        struct timespec when = in_a_minute(CLOCK_MONOTONIC);
        pthread_cond_clockwait(&filled, &mutex, CLOCK_MONOTONIC, &when);
    }
    int got = value;
    pthread_mutex_unlock(&mutex);
    pthread_join(sender, NULL);
    return got != 7;
}
C

gcc-12 -fsanitize=thread -g -o "$tmp/timedlock" "$tmp/channel.c" 2>"$tmp/gcc" ||
    without "gcc 12 with ThreadSanitizer cannot be had"
gcc-12 -fsanitize=thread -g -DCLOCKLOCK -o "$tmp/clocklock" "$tmp/channel.c"

# The runtime's memory layout does not go with every kernel's address randomisation, hence setarch -R.
reports_of() {
    LD_LIBRARY_PATH="$runtime" setarch -R "$tmp/$1" >"$tmp/$1.out" 2>&1 || true
    grep -o 'WARNING: ThreadSanitizer: [a-z ]*' "$tmp/$1.out" | sort -u || true
}
timedlock=$(reports_of timedlock)
clocklock=$(reports_of clocklock)
echo "with pthread_mutex_timedlock: ${timedlock:-no report}"
echo "with pthread_mutex_clocklock: ${clocklock:-no report}"

case "$timedlock/$clocklock" in
/*"data race"*"unlock of an unlocked mutex"*)
    echo "still so: a lock taken with pthread_mutex_clocklock is none to ThreadSanitizer"
    ;;
*) echo "no longer so"; exit 1 ;;
esac
