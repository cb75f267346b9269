/* rare.c - what is seldom used, right and wrong: as in right.c and wrong.c. */
#include "suite.h"

#include <errno.h>
#include <limits.h>
#include <sched.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <threads.h>
#include <time.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static int number;
static atomic_int flag;
static void *volatile kept;

static void *nothing(void *unused)
{
    return unused;
}

/* ------------------------------------------------------------------ the builtins of compilers */

static long counter;
static int guard;
static atomic_flag taken = ATOMIC_FLAG_INIT;

static void *count_with_sync(void *unused)
{
    __sync_fetch_and_add(&counter, 1);
    __sync_add_and_fetch(&counter, 1);
    while (__sync_lock_test_and_set(&guard, 1)) {
    }
    number++;
    __sync_lock_release(&guard);
    return unused;
}

TEST(right__sync_builtins, .schedules = 3000)
{
    pthread_t a = spawn(count_with_sync, NULL), b = spawn(count_with_sync, NULL);

    join(a);
    join(b);
    __sync_synchronize();
    check_equal(counter, 4, "Nothing is lost.");
    check_equal(number, 2, "The lock held.");
    check(__sync_bool_compare_and_swap(&counter, 4, 5), "It is 4.");
    check_equal(__sync_val_compare_and_swap(&counter, 4, 6), 5, "It is 5 by now.");
}

static void *count_with_flag(void *unused)
{
    while (atomic_flag_test_and_set_explicit(&taken, memory_order_acquire)) {
    }
    number++;
    atomic_flag_clear_explicit(&taken, memory_order_release);
    return unused;
}

TEST(right__atomic_flag, .schedules = 3000)
{
    pthread_t a = spawn(count_with_flag, NULL), b = spawn(count_with_flag, NULL);

    join(a);
    join(b);
    check_equal(number, 2, "The lock held.");
}

static _Atomic double sum;
static _Atomic(char *) text;
static atomic_bool bit;
static _Atomic unsigned char byte;
static _Atomic unsigned short half;

static void *add_a_double(void *unused)
{
    double old = atomic_load(&sum);

    while (!atomic_compare_exchange_weak(&sum, &old, old + 0.5)) {
    }
    atomic_fetch_or(&byte, 0x80);
    atomic_fetch_xor(&half, 0xffff);
    atomic_fetch_add(&text, 1);
    return unused;
}

TEST(right__atomics_of_all_sizes, .schedules = 3000)
{
    static char chars[4];

    atomic_store(&text, chars);
    pthread_t a = spawn(add_a_double, NULL), b = spawn(add_a_double, NULL);
    join(a);
    join(b);
    check(sum == 1.0 && text == chars + 2, "Nothing is lost.");
    check_equal(byte, 0x80, "Both have set it.");
    check_equal(half, 0, "Twice is as never.");
    check(!atomic_exchange(&bit, true) && atomic_load(&bit), "It was false.");
}

static void *publish(void *unused)
{
    number = 1;
    atomic_thread_fence(memory_order_release);
    atomic_store_explicit(&flag, 1, memory_order_relaxed);
    return unused;
}

/* As for a pointer with a count beside it, against ABA. clang calls a library for it, which is not
 * followed. */
#ifdef __clang__
TEST(right__atomics_of_16_bytes)
{
}
#else
static _Atomic unsigned __int128 wide;
#define BOTH_HALVES (((unsigned __int128)1 << 64) + 1)

static void *count_wide(void *unused)
{
    unsigned __int128 old = atomic_load(&wide);

    while (!atomic_compare_exchange_weak(&wide, &old, old + BOTH_HALVES)) {
    }
    atomic_fetch_add(&wide, BOTH_HALVES);
    return unused;
}

TEST(right__atomics_of_16_bytes)
{
    pthread_t a = spawn(count_wide, NULL), b = spawn(count_wide, NULL);

    join(a);
    join(b);
    check(atomic_load(&wide) == 4 * BOTH_HALVES, "Nothing is lost.");
}
#endif

TEST(right__fences)
{
    pthread_t a = spawn(publish, NULL);

    if (atomic_load_explicit(&flag, memory_order_relaxed)) {
        atomic_thread_fence(memory_order_acquire);
        check_equal(number, 1, "The fences hand it over.");
    }
    join(a);
}

static volatile int volatile_flag;

static void *set_volatile(void *unused)
{
    volatile_flag = 1;
    return unused;
}

TEST(race__volatile_is_no_atomic)
{
    pthread_t a = spawn(set_volatile, NULL);

    number = volatile_flag;
    join(a);
}

/* ---------------------------------------------------------------------- ends of all kinds */

static pthread_key_t key;
static int destroyed;

static void destroy_again(void *value)
{
    destroyed++;
    if (destroyed == 1)
        pthread_setspecific(key, value); /* another round, then */
}

static void leave(void)
{
    pthread_exit((void *)7);
}

static void *exit_with_a_key(void *unused)
{
    (void)unused;
    pthread_setspecific(key, &number);
    leave();
    return NULL;
}

TEST(right__pthread_exit_in_a_call_runs_destructors)
{
    pthread_key_create(&key, destroy_again);
    check_equal((intptr_t)join(spawn(exit_with_a_key, NULL)), 7, "It left with that.");
    check_equal(destroyed, 2, "A destructor that sets the key again is called again.");
    check_pointer(pthread_getspecific(key), NULL, "Keys are of a thread.");
    pthread_key_delete(key);
}

static void *detach_myself(void *unused)
{
    pthread_detach(pthread_self());
    sem_post(unused);
    return NULL;
}

TEST(right__a_thread_detaches_itself)
{
    sem_t *done = malloc(sizeof *done);
    pthread_t thread;

    sem_init(done, 0, 0);
    check_equal(pthread_create(&thread, NULL, detach_myself, done), 0, "It starts.");
    while (sem_wait(done)) {
    }
    sem_destroy(done);
    free(done);
}

static pthread_t other;

static void *join_the_other(void *unused)
{
    pthread_join(other, NULL);
    return unused;
}

TEST(deadlock__two_join_each_other, .hint = "sleeps in pthread_join until")
{
    other = pthread_self();
    spawn(join_the_other, NULL);
    join(spawn(join_the_other, NULL));
}

static void *join_myself(void *unused)
{
    check_equal(pthread_join(pthread_self(), NULL), EDEADLK, "That is seen.");
    return unused;
}

TEST(right__who_joins_itself_is_told)
{
    join(spawn(join_myself, NULL));
}

TEST(exited_early__pthread_exit_of_the_test)
{
    pthread_exit(NULL);
}

/* --------------------------------------------------------------------------- <threads.h> */

static mtx_t timed;
static cnd_t condition;
static tss_t slot;
static once_flag once = ONCE_FLAG_INIT;

static void count_once(void)
{
    number++;
}

static int nothing_c11(void *unused)
{
    (void)unused;
    return 0;
}

static int rare_c11(void *unused)
{
    struct timespec past = {0}, nap = {.tv_nsec = 1000};

    (void)unused;
    call_once(&once, count_once);
    tss_set(slot, malloc(3));
    check(mtx_timedlock(&timed, &past) == thrd_timedout, "It is locked, and time is over.");
    check(mtx_trylock(&timed) == thrd_busy, "It is locked.");
    thrd_sleep(&nap, NULL);
    thrd_yield();
    thrd_exit(5);
}

TEST(right__all_of_threads_h, .schedules = 3000)
{
    thrd_t thread;
    struct timespec past;
    int result;

    mtx_init(&timed, mtx_timed | mtx_recursive);
    cnd_init(&condition);
    tss_create(&slot, free);
    mtx_lock(&timed);
    check_equal(mtx_trylock(&timed), thrd_success, "It is a recursive one.");
    check_equal(thrd_create(&thread, rare_c11, NULL), thrd_success, "It starts.");
    check(!thrd_equal(thread, thrd_current()), "It is another one.");
    check_equal(thrd_join(thread, &result), thrd_success, "It ends.");
    check_equal(result, 5, "With that.");
    mtx_unlock(&timed);
    timespec_get(&past, TIME_UTC);
    while (cnd_timedwait(&condition, &timed, &past) != thrd_timedout) {
    }
    mtx_unlock(&timed);
    call_once(&once, count_once);
    check_equal(number, 1, "Once.");
    thrd_create(&thread, nothing_c11, NULL);
    thrd_detach(thread);
    cnd_destroy(&condition);
    mtx_destroy(&timed);
}

/* -------------------------------------------------------------------------- time, and loops */

static void *wait_timed(void *clock)
{
    struct timespec deadline, now;
    sem_t never;

    sem_init(&never, 0, 0);
    clock_gettime((clockid_t)(intptr_t)clock, &deadline);
    deadline.tv_nsec += 300000000;
    if (deadline.tv_nsec >= 1000000000) {
        deadline.tv_sec++;
        deadline.tv_nsec -= 1000000000;
    }
    while (sem_clockwait(&never, (clockid_t)(intptr_t)clock, &deadline) == -1 && errno == EINTR) {
    }
    check_equal(errno, ETIMEDOUT, "Nobody posts.");
    clock_gettime((clockid_t)(intptr_t)clock, &now);
    check(now.tv_sec > deadline.tv_sec ||
              (now.tv_sec == deadline.tv_sec && now.tv_nsec >= deadline.tv_nsec),
          "Not before the deadline.");
    sem_destroy(&never);
    return NULL;
}

TEST(right__semaphores_with_deadlines, .schedules = 3000)
{
    pthread_t a = spawn(wait_timed, (void *)CLOCK_MONOTONIC),
              b = spawn(wait_timed, (void *)CLOCK_REALTIME);

    join(a);
    join(b);
}

TEST(failed__nanoseconds_without_a_carry)
{
    struct timespec deadline;

    clock_gettime(CLOCK_REALTIME, &deadline);
    deadline.tv_nsec += 900000000; /* may be more than a second now */
    pthread_mutex_lock(&lock);
    check_equal(pthread_cond_timedwait(&changed, &lock, &deadline) == EINVAL, 0, "A valid time.");
    pthread_mutex_unlock(&lock);
}

TEST(no_progress__waits_until_a_time_long_past)
{
    struct timespec past = {0};

    pthread_mutex_lock(&lock);
    while (!number)
        pthread_cond_timedwait(&changed, &lock, &past);
    pthread_mutex_unlock(&lock);
}

static void *poll_a_semaphore(void *semaphore)
{
    struct timespec past = {0};

    while (sem_timedwait(semaphore, &past)) {
    }
    return NULL;
}

TEST(no_progress__polls_a_semaphore_while_somebody_settles)
{
    sem_t semaphore;

    sem_init(&semaphore, 0, 0);
    pthread_t thread = spawn(poll_a_semaphore, &semaphore);
    settle();
    sem_post(&semaphore);
    join(thread);
}

static void *nap_until_flag(void *unused)
{
    while (!atomic_load(&flag))
        usleep(0);
    return unused;
}

TEST(no_progress__naps_of_no_time)
{
    pthread_t thread = spawn(nap_until_flag, NULL);

    settle();
    atomic_store(&flag, 1);
    join(thread);
}

TEST(no_progress__sleeps_and_looks_for_ever)
{
    while (!atomic_load(&flag))
        sleep(1);
}

TEST(no_progress__allocates_for_ever, .hint = "allocates for ever")
{
    for (;;) {
        kept = malloc(1);
        free(kept);
    }
}

static struct node {
    struct node *next;
    int value;
} * list;

static void *walk(void *unused)
{
    int found = 0;

    pthread_mutex_lock(&lock);
    for (int round = 0; round < 10; round++)
        for (struct node *node = list; node; node = node->next)
            found += node->value == round;
    pthread_mutex_unlock(&lock);
    check_equal(found, 10, "Each is found.");
    return unused;
}

TEST(right__a_long_list_walk_is_no_spin, .schedules = 4)
{
    for (int i = 0; i < 50000; i++) {
        struct node *node = malloc(sizeof *node);
        *node = (struct node){list, i};
        list = node;
    }
    pthread_t a = spawn(walk, NULL), b = spawn(walk, NULL);
    join(a);
    join(b);
    while (list) {
        struct node *next = list->next;
        free(list);
        list = next;
    }
}

/* ------------------------------------------------------------------------------- crashes */

static void smash(char *from, int size)
{
    volatile char *byte = from;

    for (int i = 0; i < size; i++)
        byte[i] = 0x41;
}

static void *smash_the_return_address(void *unused)
{
    char room[8];

    smash(room, 40);
    return unused;
}

TEST(crashed__the_stack_is_smashed, .hint = "wrote past the end of a local array")
{
    join(spawn(smash_the_return_address, NULL));
}

static void *write_beyond_the_stack(void *unused)
{
    char room[8];

    smash(room, 1 << 20);
    return unused;
}

TEST(crashed__beyond_the_whole_stack, .hint = "beyond its stack")
{
    join(spawn(write_beyond_the_stack, NULL));
}

static int recurse(int n)
{
    return n == INT_MIN ? 0 : recurse(n + 1) + recurse(n - 1);
}

static void *recurse_in_a_thread(void *unused)
{
    number = recurse(1);
    return unused;
}

TEST(crashed__recursion_in_one_of_two_threads)
{
    pthread_t a = spawn(nothing, NULL), b = spawn(recurse_in_a_thread, NULL);

    join(a);
    join(b);
}

static void *jump_nowhere(void *unused)
{
    void (*function)(void) = (void (*)(void))kept;

    function();
    return unused;
}

TEST(crashed__a_call_of_nothing, .hint = "calls a function through a NULL pointer")
{
    join(spawn(jump_nowhere, NULL));
}

TEST(crashed__a_call_into_data, .hint = "calls a function through a pointer that leads to none")
{
    kept = &number;
    join(spawn(jump_nowhere, NULL));
}

static void *start_many(void *unused)
{
    for (int i = 0; i < 100000; i++)
        spawn(nothing, NULL);
    return unused;
}

TEST(environment__a_hundred_thousand_threads, .hint = "threads at once")
{
    join(spawn(start_many, NULL));
}

static int started_by_the_code(void)
{
    pthread_t thread;
    int n = 0;

    while (n < 300 && pthread_create(&thread, NULL, nothing, NULL) == 0)
        n++;
    return n;
}

TEST(misuse__three_hundred_threads_of_the_code_itself, .hint = "no test needs so many")
{
    started_by_the_code();
}

TEST(environment__three_hundred_threads_of_a_program, .is_a_program = true,
     .hint = "threads at once")
{
    started_by_the_code();
}

TEST(right__a_hundred_threads_one_after_the_other)
{
    pthread_t thread;

    for (int i = 0; i < 100; i++) {
        check_equal(pthread_create(&thread, NULL, nothing, NULL), 0, "It starts.");
        pthread_join(thread, NULL);
    }
}

TEST(environment__a_scenario_that_is_never_explored, .hint = "never exploring(true)")
{
    exploring(false);
    join(spawn(nothing, NULL));
}

TEST(environment__a_scenario_that_is_not_explored_later_on, .hint = "is for the beginning")
{
    join(spawn(nothing, NULL));
    exploring(false);
    exploring(true);
}

/* --------------------------------------------------------------------------- lock-freedom */

static sem_t handed;

static void *stop_before_the_post(void *unused)
{
    may_stop(true);
    atomic_fetch_add(&flag, 1);
    sem_post(&handed);
    may_stop(false);
    return unused;
}

static void *wait_for_the_post(void *unused)
{
    while (sem_wait(&handed)) {
    }
    return unused;
}

TEST(no_progress__who_sleeps_for_one_stopped_is_left_behind, .one_thread_stops = true,
     .hint = "sleeps in sem_wait on the semaphore")
{
    pthread_t thread;

    sem_init(&handed, 0, 0);
    pthread_create(&thread, NULL, wait_for_the_post, NULL);
    pthread_detach(thread);
    join_unless_stopped(spawn(stop_before_the_post, NULL));
}

/* -------------------------------------------------------------------- what makes no difference */

static atomic_int ids[2];

static void *note_id(void *place)
{
    struct sched_param param;
    int policy;

    atomic_store(&ids[(intptr_t)place], gettid());
    check_equal(pthread_getschedparam(pthread_self(), &policy, &param), 0, "It is told.");
    check_equal(pthread_setschedparam(pthread_self(), policy, &param), 0, "It stays as it is.");
    return NULL;
}

TEST(right__what_makes_no_difference)
{
    check_equal(pthread_atfork(NULL, NULL, NULL), 0, "Nobody forks.");
    check(sched_getcpu() >= 0, "It runs somewhere.");
    join(spawn(note_id, (void *)0));
    join(spawn(note_id, (void *)1));
    check(atomic_load(&ids[0]) != atomic_load(&ids[1]), "Each thread has a number of its own.");
}

/* ----------------------------------------------------------------------------------------- jumps */

static __attribute__((noinline)) void jump_back(jmp_buf where, int depth)
{
    pthread_mutex_lock(&lock);
    pthread_mutex_unlock(&lock);
    if (depth)
        jump_back(where, depth - 1);
    longjmp(where, 7);
}

static void *jump_in_thread(void *unused)
{
    jmp_buf here;
    volatile int tries = 0;

    while (tries < 3) {
        int came = setjmp(here);
        if (came == 0)
            jump_back(here, 3);
        check_equal(came, 7, "It is what longjmp was given.");
        tries++;
    }
    return unused;
}

TEST(right__longjmp_out_of_several_calls)
{
    pthread_t a = spawn(jump_in_thread, NULL), b = spawn(jump_in_thread, NULL);

    join(a);
    join(b);
}

static void *jump_with_a_mask(void *unused)
{
    sigjmp_buf here;

    if (sigsetjmp(here, 1) == 0)
        siglongjmp(here, 1);
    return unused;
}

TEST(right__siglongjmp)
{
    join(spawn(jump_with_a_mask, NULL));
}

static jmp_buf gone;

static __attribute__((noinline)) int set_and_return(void)
{
    return setjmp(gone);
}

TEST(use_after_free__longjmp_into_what_has_returned, .hint = "a function that has returned")
{
    if (set_and_return() == 0)
        longjmp(gone, 1);
}

TEST(misuse__longjmp_without_setjmp, .hint = "has not filled in")
{
    longjmp(gone, 1);
}
