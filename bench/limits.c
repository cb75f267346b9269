/* limits.c - measures what no channel on this machine can be faster than.
 *
 *   limits cache_line N   one word goes back and forth between two processors; N hand-overs
 *   limits wake N         two threads on two processors wake each other by a futex; N wake-ups
 *   limits switch N       the same on one processor: a futex wake-up and a switch; N of them
 *   limits yield N        two threads on one processor give way to each other; N times
 *   limits fiber N        two stacks of one thread take turns, as goroutines do; N switches
 *   limits rmw N          one thread changes a word that is its own with fetch_add
 *   limits rmw_shared N   two threads change one word with fetch_add; N by each
 *   limits copy N         one thread copies N blocks of 64 KiB
 *
 * Prints "SECONDS N 0". */
#include "program.h"

#include "../grader/interleave/fiber.h"

#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static _Alignas(64) atomic_uint word;
static long n;
static bool same_processor;
static cpu_set_t processors; /* this program may use */

/* On the first of the processors, or the second. */
static void run_on(int second)
{
    int left = second && !same_processor && CPU_COUNT(&processors) > 1, processor = 0;
    cpu_set_t set;

    while (!CPU_ISSET(processor, &processors) || left-- > 0)
        processor++;
    CPU_ZERO(&set);
    CPU_SET(processor, &set);
    sched_setaffinity(0, sizeof set, &set);
}

static void futex(int operation, unsigned value)
{
    syscall(SYS_futex, &word, operation, value, NULL, NULL, 0);
}

/* The word counts the turns; each side makes every second one. */
static void take_turns(unsigned first, bool sleeping)
{
    for (unsigned turn = first; turn < n; turn += 2) {
        unsigned seen;

        while ((seen = atomic_load_explicit(&word, memory_order_acquire)) != turn)
            if (sleeping)
                futex(FUTEX_WAIT_PRIVATE, seen);
        atomic_store_explicit(&word, turn + 1, memory_order_release);
        if (sleeping)
            futex(FUTEX_WAKE_PRIVATE, 1);
    }
}

static void *spin_second(void *unused)
{
    run_on(1);
    take_turns(1, false);
    return unused;
}

static void *sleep_second(void *unused)
{
    run_on(1);
    take_turns(1, true);
    return unused;
}

static void *yield(void *unused)
{
    run_on(1);
    for (long i = 0; i < n; i += 2)
        sched_yield();
    return unused;
}

static struct fiber here, other;

static void switch_back(void)
{
    for (;;)
        fiber_switch(&other, &here);
}

static void *switch_stacks(void *unused)
{
    static _Alignas(16) char stack[65536];

    fiber_prepare(&other, stack, sizeof stack, switch_back);
    for (long i = 0; i < n; i += 2)
        fiber_switch(&here, &other);
    return unused;
}

static void *add(void *unused)
{
    run_on(1);
    for (long i = 0; i < n; i++)
        atomic_fetch_add_explicit(&word, 1, memory_order_relaxed);
    return unused;
}

static void *copy(void *unused)
{
    static char from[65536], to[65536];

    for (long i = 0; i < n; i++) {
        memcpy(to, from, sizeof to);
        from[i % sizeof from] = to[(i + 1) % sizeof to] + 1;
    }
    return unused;
}

/* What two threads do, each on its processor; with no second, the first alone. */
static void measure(void *(*second)(void *), void *(*first)(void *), bool sleeping)
{
    pthread_t thread;
    double began;

    if (second)
        pthread_create(&thread, NULL, second, NULL);
    run_on(0);
    began = now();
    if (first)
        first(NULL);
    else
        take_turns(0, sleeping);
    if (second)
        pthread_join(thread, NULL);
    report(now() - began, n, 0);
}

int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "";

    n = argc > 2 ? atol(argv[2]) : 1000;
    sched_getaffinity(0, sizeof processors, &processors);
    same_processor = !strcmp(what, "switch") || !strcmp(what, "yield");
    if (!strcmp(what, "cache_line"))
        measure(spin_second, NULL, false);
    else if (!strcmp(what, "wake") || !strcmp(what, "switch"))
        measure(sleep_second, NULL, true);
    else if (!strcmp(what, "yield"))
        measure(yield, yield, false);
    else if (!strcmp(what, "fiber"))
        measure(NULL, switch_stacks, false);
    else if (!strcmp(what, "rmw"))
        measure(NULL, add, false);
    else if (!strcmp(what, "rmw_shared"))
        measure(add, add, false);
    else if (!strcmp(what, "copy"))
        measure(NULL, copy, false);
    else
        return 2;
    return 0;
}
