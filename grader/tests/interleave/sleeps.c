/* sleeps.c - what a thread may sleep on besides locks: what is right passes, and each mistake gets its verdict.
 * A test's name begins with the verdict. */
#include "suite.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* --------------------------------------------------------------------------------------- futexes */

static _Atomic uint32_t word, other_word;
static int data;
static atomic_int seen;

static long futex(_Atomic uint32_t *where, int operation, uint32_t value)
{
    return syscall(SYS_futex, where, operation, value, NULL, NULL, 0);
}

static void *set_and_wake(void *unused)
{
    data = 7;
    atomic_store_explicit(&word, 1, memory_order_release);
    futex(&word, FUTEX_WAKE, 1);
    return unused;
}

static void *sleep_until_set(void *unused)
{
    while (atomic_load_explicit(&word, memory_order_acquire) == 0)
        futex(&word, FUTEX_WAIT, 0);
    check_equal(data, 7, "What came before the store is seen.");
    return unused;
}

TEST(right__futex_wait_in_a_loop)
{
    pthread_t a = spawn(sleep_until_set, NULL), b = spawn(set_and_wake, NULL);

    join(a);
    join(b);
}

static void *sleep_once(void *unused)
{
    if (atomic_load(&word) == 0)
        futex(&word, FUTEX_WAIT, 0);
    check_equal(atomic_load(&word), 1, "It was woken because of something.");
    return unused;
}

TEST(failed__futex_wakes_without_cause, .hint = "atomic_load(&word) is 0")
{
    pthread_t a = spawn(sleep_once, NULL), b = spawn(set_and_wake, NULL);

    join(a);
    join(b);
}

/* The value given is the one there at the time, so the kernel's look is none. */
static void *sleep_without_a_look(void *unused)
{
    while (atomic_load(&word) == 0)
        futex(&word, FUTEX_WAIT, atomic_load(&word));
    return unused;
}

TEST(deadlock__futex_without_the_look_at_the_value, .hint = "sleeps in futex on")
{
    pthread_t a = spawn(sleep_without_a_look, NULL), b = spawn(set_and_wake, NULL);

    join(a);
    join(b);
}

static void *sleep_until_set_quietly(void *unused)
{
    while (atomic_load(&word) == 0)
        futex(&word, FUTEX_WAIT_PRIVATE, 0);
    return unused;
}

static void *wake_and_set(void *unused)
{
    futex(&word, FUTEX_WAKE, 1);
    atomic_store(&word, 1);
    return unused;
}

TEST(deadlock__futex_woken_before_the_store)
{
    pthread_t a = spawn(sleep_until_set_quietly, NULL), b = spawn(wake_and_set, NULL);

    join(a);
    join(b);
}

TEST(deadlock__futex_wakes_one_of_two)
{
    pthread_t a = spawn(sleep_until_set_quietly, NULL), b = spawn(sleep_until_set_quietly, NULL);

    set_and_wake(NULL);
    join(a);
    join(b);
}

TEST(right__futex_wakes_all)
{
    pthread_t a = spawn(sleep_until_set_quietly, NULL), b = spawn(sleep_until_set_quietly, NULL);

    atomic_store(&word, 1);
    long woken = futex(&word, FUTEX_WAKE_PRIVATE, INT_MAX);
    check(woken >= 0 && woken <= 2, "It says how many it woke.");
    join(a);
    join(b);
}

/* A mutex of three states: free, locked, locked and somebody may sleep (Drepper, "Futexes Are Tricky"). */
static void lock_three(_Atomic uint32_t *mutex, uint32_t first)
{
    uint32_t was = 0;

    if (atomic_compare_exchange_strong(mutex, &was, first))
        return;
    while (atomic_exchange(mutex, 2) != 0)
        futex(mutex, FUTEX_WAIT, 2);
}

static void unlock_three(_Atomic uint32_t *mutex)
{
    if (atomic_exchange(mutex, 0) == 2)
        futex(mutex, FUTEX_WAKE, 1);
}

static void *add_under_three(void *unused)
{
    lock_three(&word, 1);
    data++;
    unlock_three(&word);
    return unused;
}

TEST(right__futex_mutex)
{
    pthread_t a = spawn(add_under_three, NULL), b = spawn(add_under_three, NULL),
              c = spawn(add_under_three, NULL);

    join(a);
    join(b);
    join(c);
    check_equal(data, 3, "Nobody was in between.");
}

/* Once woken it takes the lock as if nobody else slept. */
static void *add_under_one(void *unused)
{
    uint32_t was = 0;

    while (!atomic_compare_exchange_strong(&word, &was, 1)) {
        atomic_compare_exchange_strong(&word, &(uint32_t){1}, 2);
        futex(&word, FUTEX_WAIT, 2);
        was = 0;
    }
    data++;
    unlock_three(&word);
    return unused;
}

TEST(deadlock__futex_mutex_forgets_the_others)
{
    pthread_t a = spawn(add_under_one, NULL), b = spawn(add_under_one, NULL),
              c = spawn(add_under_one, NULL);

    join(a);
    join(b);
    join(c);
}

static uint64_t now_in_ms(clockid_t clock)
{
    struct timespec now;

    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static struct timespec in_ms(uint64_t ms)
{
    return (struct timespec){.tv_sec = (time_t)(ms / 1000), .tv_nsec = (long)(ms % 1000 * 1000000)};
}

static long wait_ms(int operation, uint64_t ms)
{
    struct timespec when = in_ms(ms);

    while (syscall(SYS_futex, &word, operation, 0, &when, NULL, FUTEX_BITSET_MATCH_ANY) == 0)
        ; /* woken without cause */
    return errno;
}

TEST(right__futex_times_out)
{
    uint64_t before = now_in_ms(CLOCK_MONOTONIC);

    check_equal(wait_ms(FUTEX_WAIT, 50), ETIMEDOUT, "A time without a flag is a length.");
    check(now_in_ms(CLOCK_MONOTONIC) >= before + 50, "It has passed.");
    before = now_in_ms(CLOCK_MONOTONIC);
    check_equal(wait_ms(FUTEX_WAIT_BITSET, before + 50), ETIMEDOUT,
                "Of a bitset it is a deadline.");
    check(now_in_ms(CLOCK_MONOTONIC) >= before + 50, "It has passed.");
    before = now_in_ms(CLOCK_REALTIME);
    check_equal(wait_ms(FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME, before + 50), ETIMEDOUT,
                "And of the other clock, if that was asked for.");
    check(now_in_ms(CLOCK_REALTIME) >= before + 50, "It has passed.");
}

TEST(right__futex_arguments)
{
    struct timespec wrong = {0, 1000000000}, early = {-1, 0};

    check_equal(futex(&word, FUTEX_WAIT, 1), -1, "The word is another.");
    check_equal(errno, EAGAIN, "The word is another.");
    check_equal(futex(&word, FUTEX_WAKE, 1), 0, "Nobody sleeps.");
    check_equal(syscall(SYS_futex, &word, FUTEX_WAIT, 0, &wrong, NULL, 0), -1, "No such time.");
    check_equal(errno, EINVAL, "No such time.");
    check_equal(syscall(SYS_futex, &word, FUTEX_WAIT, 0, &early, NULL, 0), -1, "No such time.");
    check_equal(errno, EINVAL, "No such time.");
    check_equal(syscall(SYS_futex, &word, FUTEX_WAIT_BITSET, 0, NULL, NULL, 0), -1, "No bits.");
    check_equal(errno, EINVAL, "No bits.");
}

static void *sleep_for_bit(void *bit)
{
    while (!(atomic_load(&word) & (uintptr_t)bit))
        syscall(SYS_futex, &word, FUTEX_WAIT_BITSET, atomic_load(&word) & ~(uint32_t)(uintptr_t)bit,
                NULL, NULL, (uint32_t)(uintptr_t)bit);
    return NULL;
}

static void *wake_bits(void *bits)
{
    atomic_fetch_or(&word, 3);
    syscall(SYS_futex, &word, FUTEX_WAKE_BITSET, INT_MAX, NULL, NULL, (uint32_t)(uintptr_t)bits);
    return NULL;
}

TEST(right__futex_bits)
{
    pthread_t a = spawn(sleep_for_bit, (void *)1), b = spawn(sleep_for_bit, (void *)2),
              c = spawn(wake_bits, (void *)3);

    join(a);
    join(b);
    join(c);
}

TEST(deadlock__futex_of_another_bit)
{
    pthread_t a = spawn(sleep_for_bit, (void *)1), b = spawn(wake_bits, (void *)2);

    join(a);
    join(b);
}

static void *sleep_and_pass_on(void *unused)
{
    while (atomic_load(&word) == 0)
        futex(&word, FUTEX_WAIT, 0);
    atomic_fetch_add(&other_word, 1);
    futex(&other_word, FUTEX_WAKE, 1);
    return unused;
}

TEST(right__futex_requeue)
{
    pthread_t a = spawn(sleep_and_pass_on, NULL), b = spawn(sleep_and_pass_on, NULL);

    atomic_store(&word, 1);
    syscall(SYS_futex, &word, FUTEX_CMP_REQUEUE, 1, 1, &other_word, 1);
    futex(&other_word, FUTEX_WAKE, INT_MAX);
    join(a);
    join(b);
}

TEST(deadlock__futex_requeued_where_nobody_wakes)
{
    pthread_t a = spawn(sleep_until_set_quietly, NULL), b = spawn(sleep_until_set_quietly, NULL);

    atomic_store(&word, 1);
    syscall(SYS_futex, &word, FUTEX_REQUEUE, 1, 1, &other_word, 0);
    join(a);
    join(b);
}

/* The waker's store reaches the sleeper, which frees the word before the wake-up: no access, no mistake. */
static void *set_and_wake_a_block(void *block)
{
    _Atomic uint32_t *own = block;

    atomic_store(own, 1);
    futex(own, FUTEX_WAKE, 1);
    return NULL;
}

TEST(right__futex_woken_after_it_was_freed)
{
    _Atomic uint32_t *own = calloc(1, sizeof *own);
    pthread_t thread = spawn(set_and_wake_a_block, own);

    while (atomic_load(own) == 0)
        futex(own, FUTEX_WAIT, 0);
    free(own);
    join(thread);
}

static void *wait_on_a_block(void *block)
{
    futex(block, FUTEX_WAIT, 0);
    return NULL;
}

TEST(use_after_free__futex_wait_on_a_freed_word)
{
    _Atomic uint32_t *own = calloc(1, sizeof *own);

    atomic_store(own, 1);
    pthread_t thread = spawn(wait_on_a_block, own);
    free(own);
    join(thread);
}

/* Two flags, and each looks at the other's: the kernel's fences are between them. */
static void *store_wake_load(void *mine)
{
    _Atomic uint32_t *own = mine, *others = own == &word ? &other_word : &word;

    atomic_store_explicit(own, 1, memory_order_relaxed);
    futex(own, FUTEX_WAKE, 1);
    if (atomic_load_explicit(others, memory_order_relaxed) == 0)
        atomic_fetch_add(&seen, 1);
    return NULL;
}

TEST(right__futex_is_a_fence)
{
    pthread_t a = spawn(store_wake_load, &word), b = spawn(store_wake_load, &other_word);

    join(a);
    join(b);
    check(atomic_load(&seen) < 2, "One of them sees the other's.");
}

/* ----------------------------------------------------------------------- thread-local variables */

static _Thread_local struct parker {
    pthread_mutex_t lock;
    pthread_cond_t unparked;
    int tokens;
    char name[200];
} parker = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0, "new"};
static _Thread_local int zeroed[64];
static _Atomic(struct parker *) parked;

static void park(void)
{
    pthread_mutex_lock(&parker.lock);
    while (!parker.tokens)
        pthread_cond_wait(&parker.unparked, &parker.lock);
    parker.tokens--;
    pthread_mutex_unlock(&parker.lock);
}

static void *park_once(void *unused)
{
    check(strcmp(parker.name, "new") == 0 && zeroed[63] == 0, "Each thread begins with its own.");
    strcpy(parker.name, "old");
    zeroed[63] = 1;
    atomic_store(&parked, &parker);
    park();
    check_equal(zeroed[63], 1, "It stays its own.");
    return unused;
}

static void unpark(struct parker *other)
{
    pthread_mutex_lock(&other->lock);
    other->tokens++;
    pthread_cond_signal(&other->unparked);
    pthread_mutex_unlock(&other->lock);
}

TEST(right__a_parker_of_each_thread)
{
    pthread_t thread = spawn(park_once, NULL);
    struct parker *other;

    while (!(other = atomic_load(&parked)))
        sched_yield();
    check(other != &parker, "It is another one.");
    unpark(other);
    join(thread);
}

TEST(right__thread_locals_of_many_threads, .schedules = 20)
{
    for (int i = 0; i < 150; i++) {
        pthread_t thread = spawn(park_once, NULL);
        struct parker *other;
        while (!(other = atomic_exchange(&parked, NULL)))
            sched_yield();
        unpark(other);
        join(thread);
        check_equal(parker.tokens, 0, "Nobody unparked this one.");
    }
}

static void *park_in_mine(void *unused)
{
    park();
    return unused;
}

TEST(deadlock__unparks_itself)
{
    pthread_t thread = spawn(park_in_mine, NULL);

    unpark(&parker);
    join(thread);
}

static void *hand_out_a_local(void *unused)
{
    atomic_store_explicit(&parked, &parker, memory_order_relaxed);
    park();
    return unused;
}

TEST(race__a_thread_local_that_another_changes)
{
    pthread_t thread = spawn(hand_out_a_local, NULL);
    struct parker *other;

    while (!(other = atomic_load(&parked)))
        sched_yield();
    other->tokens++;
    unpark(other);
    join(thread);
}

static void *set_errno_and_park(void *value)
{
    errno = (int)(intptr_t)value;
    atomic_store(&parked, &parker);
    park();
    check_equal(errno, (int)(intptr_t)value, "errno is a thread's own, too.");
    return NULL;
}

TEST(right__errno_beside_thread_locals)
{
    pthread_t thread = spawn(set_errno_and_park, (void *)7);
    struct parker *other;

    errno = 3;
    while (!(other = atomic_load(&parked)))
        sched_yield();
    unpark(other);
    join(thread);
    check_equal(errno, 3, "errno is a thread's own, too.");
}
