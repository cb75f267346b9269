/* wrong.c - one small program for each thing the controlled scheduler tells. The first word of a
 * test's name is the verdict it must get, and its hint a part of the message. */
#include "suite.h"

#include <assert.h>
#include <errno.h>
#include <sched.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <threads.h>
#include <time.h>
#include <unistd.h>

#include "../../../exercises/todo.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER, other_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static int shared_number;
static atomic_int flag;
static void *volatile kept; /* so that the compiler can't know where a block goes */

/* ------------------------------------------------------------------------------------- checks */

TEST(failed__a_check_that_does_not_hold, .hint = "1 + 1 is 2, not 3")
{
    check_equal(1 + 1, 3, "One and one are three.");
}

TEST(not_implemented__todo, .hint = "not implemented yet: receiver_recv")
{
    TODO("receiver_recv");
}

/* ----------------------------------------------------------------------------------- deadlocks */

static void *lock_other_first(void *unused)
{
    pthread_mutex_lock(&other_lock);
    pthread_mutex_lock(&lock);
    pthread_mutex_unlock(&lock);
    pthread_mutex_unlock(&other_lock);
    return unused;
}

TEST(deadlock__two_locks_in_two_orders, .hint = "which lock_other_first holds")
{
    pthread_t thread = spawn(lock_other_first, NULL);

    pthread_mutex_lock(&lock);
    pthread_mutex_lock(&other_lock);
    pthread_mutex_unlock(&other_lock);
    pthread_mutex_unlock(&lock);
    join(thread);
}

TEST(deadlock__a_lock_taken_twice, .hint = "which it holds itself")
{
    pthread_mutex_lock(&lock);
    pthread_mutex_lock(&lock);
}

static void *set_number(void *unused)
{
    pthread_mutex_lock(&lock);
    shared_number = 1;
    pthread_mutex_unlock(&lock);
    return unused;
}

TEST(deadlock__nobody_signals,
     .hint = "sleeps in pthread_cond_wait on the condition variable, its mutex is the mutex")
{
    pthread_t thread = spawn(set_number, NULL);

    pthread_mutex_lock(&lock);
    while (!shared_number)
        pthread_cond_wait(&changed, &lock);
    pthread_mutex_unlock(&lock);
    join(thread);
}

static void *set_flag_and_signal(void *unused)
{
    atomic_store(&flag, 1);
    pthread_cond_signal(&changed); /* between the look and the sleep of the other one */
    return unused;
}

TEST(deadlock__signal_between_look_and_sleep)
{
    pthread_t thread = spawn(set_flag_and_signal, NULL);

    pthread_mutex_lock(&lock);
    while (!atomic_load(&flag))
        pthread_cond_wait(&changed, &lock);
    pthread_mutex_unlock(&lock);
    join(thread);
}

static int tokens;

static void *take_token(void *unused)
{
    pthread_mutex_lock(&lock);
    while (!tokens)
        pthread_cond_wait(&changed, &lock);
    tokens--;
    pthread_mutex_unlock(&lock);
    return unused;
}

TEST(deadlock__signal_where_broadcast_is_due)
{
    pthread_t a = spawn(take_token, NULL), b = spawn(take_token, NULL);

    pthread_mutex_lock(&lock);
    tokens = 2;
    pthread_cond_signal(&changed);
    pthread_mutex_unlock(&lock);
    join(a);
    join(b);
}

static sem_t semaphore;

TEST(deadlock__semaphore, .hint = "sleeps in sem_wait on the semaphore")
{
    sem_init(&semaphore, 0, 1);
    while (sem_wait(&semaphore) != 0 || true) {
    }
}

static void *sleep_for_ever(void *unused)
{
    pthread_mutex_lock(&lock);
    for (;;)
        pthread_cond_wait(&changed, &lock);
    return unused;
}

TEST(deadlock__one_too_few_at_a_barrier, .hint = "sleeps in pthread_barrier_wait on the barrier")
{
    pthread_barrier_t barrier;

    pthread_barrier_init(&barrier, NULL, 2);
    pthread_barrier_wait(&barrier);
}

TEST(deadlock__a_detached_thread_that_never_ends)
{
    pthread_t thread;

    pthread_create(&thread, NULL, sleep_for_ever, NULL);
    pthread_detach(thread);
}

/* -------------------------------------------------------------------------- wake-ups, signals */

static void *give_token(void *unused)
{
    pthread_mutex_lock(&lock);
    tokens = 1;
    pthread_cond_signal(&changed);
    pthread_mutex_unlock(&lock);
    return unused;
}

TEST(failed__if_for_while)
{
    pthread_t thread = spawn(give_token, NULL);

    pthread_mutex_lock(&lock);
    if (!tokens)
        pthread_cond_wait(&changed, &lock);
    check(tokens == 1, "There is a token after the wait.");
    pthread_mutex_unlock(&lock);
    join(thread);
}

static void *post(void *unused)
{
    sem_post(&semaphore);
    return unused;
}

TEST(failed__sem_wait_ends_by_a_signal)
{
    sem_init(&semaphore, 0, 0);
    pthread_t thread = spawn(post, NULL);

    check_equal(sem_wait(&semaphore), 0, "sem_wait is believed.");
    join(thread);
}

/* --------------------------------------------------------------------------------------- races */

static void *count(void *unused)
{
    shared_number++;
    return unused;
}

TEST(race__two_unlocked_writes, .hint = "nothing orders the two")
{
    pthread_t a = spawn(count, NULL), b = spawn(count, NULL);

    join(a);
    join(b);
}

static char bytes[2];

static void *write_second(void *unused)
{
    memset(bytes, 1, sizeof bytes);
    return unused;
}

TEST(race__memset_against_one_byte)
{
    pthread_t thread = spawn(write_second, NULL);

    bytes[0] = 1;
    join(thread);
}

/* What is accessed a line of 64 bytes at a time is remembered in another way than a byte is. */

enum { LINES = 4 * 64 };

static void *fill_all(void *bytes)
{
    memset(bytes, 1, LINES);
    return NULL;
}

static void *compare_all(void *bytes)
{
    static const char zeros[LINES];

    check_equal(memcmp(bytes, zeros, LINES), 0, "It is all zeros.");
    return NULL;
}

static void *change_one(void *bytes)
{
    ((char *)bytes)[100] = 1;
    return NULL;
}

static char *new_lines(void)
{
    char *bytes = aligned_alloc(64, LINES);

    memset(bytes, 0, LINES);
    return bytes;
}

static void at_once(void *(*one)(void *), void *(*other)(void *))
{
    char *bytes = new_lines();
    pthread_t thread = spawn(one, bytes);

    other(bytes);
    join(thread);
    free(bytes);
}

TEST(race__two_copies_of_all)
{
    at_once(fill_all, fill_all);
}

TEST(race__all_and_then_one_byte)
{
    at_once(change_one, fill_all);
}

TEST(race__one_byte_and_then_all)
{
    at_once(fill_all, change_one);
}

static void *compare_and_count(void *bytes)
{
    compare_all(bytes);
    atomic_fetch_add_explicit(&flag, 1, memory_order_relaxed);
    return NULL;
}

static void wait_for_count(int count)
{
    while (atomic_load_explicit(&flag, memory_order_relaxed) < count)
        sched_yield();
}

TEST(race__the_last_of_four_readers_is_not_waited_for)
{
    char *bytes = new_lines();
    pthread_t readers[4];

    for (int i = 0; i < 4; i++) {
        readers[i] = spawn(compare_and_count, bytes);
        if (i >= 2)
            wait_for_count(i + 1);
    }
    for (unsigned i = 0; i < 3; i++)
        join(readers[i]);
    change_one(bytes);
    join(readers[3]);
    free(bytes);
}

TEST(use_after_free__all_is_freed_under_a_reader)
{
    char *bytes = new_lines();
    pthread_t thread = spawn(compare_all, bytes);

    sched_yield();
    free(bytes);
    join(thread);
}

static void *init_late(void *unused)
{
    pthread_mutex_init(&other_lock, NULL);
    return unused;
}

TEST(race__a_lock_initialised_while_it_is_used)
{
    pthread_t thread = spawn(init_late, NULL);

    pthread_mutex_lock(&other_lock);
    pthread_mutex_unlock(&other_lock);
    join(thread);
}

/* -------------------------------------------------------------------------------------- memory */

TEST(use_after_free__a_read, .hint = "reads memory after it has freed it (a block of 8 bytes)")
{
    int *block = malloc(8);

    *block = 1;
    free(block);
    check_equal(*block, 1, "It is still there.");
}

TEST(use_after_free__freed_twice, .hint = "double free")
{
    kept = malloc(8);
    free(kept);
    free(kept);
}

static void *read_kept(void *unused)
{
    pthread_mutex_lock(&lock);
    shared_number += *(int *)kept;
    pthread_mutex_unlock(&lock);
    pthread_mutex_lock(&other_lock);
    shared_number = *(int *)kept;
    pthread_mutex_unlock(&other_lock);
    return unused;
}

TEST(use_after_free__in_another_thread)
{
    kept = calloc(1, sizeof(int));
    pthread_t thread = spawn(read_kept, NULL);

    pthread_mutex_lock(&lock);
    free(kept);
    pthread_mutex_unlock(&lock);
    join(thread);
}

struct guarded {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool done;
};

static void *finish(void *arg)
{
    struct guarded *g = arg;

    pthread_mutex_lock(&g->lock);
    g->done = true;
    pthread_mutex_unlock(&g->lock);
    pthread_cond_signal(&g->changed); /* by now g may be gone */
    return NULL;
}

TEST(use_after_free__signal_after_unlock, .hint = "may still be using")
{
    struct guarded *g = malloc(sizeof *g);

    pthread_mutex_init(&g->lock, NULL);
    pthread_cond_init(&g->changed, NULL);
    g->done = false;
    pthread_t thread = spawn(finish, g);
    pthread_mutex_lock(&g->lock);
    while (!g->done)
        pthread_cond_wait(&g->changed, &g->lock);
    pthread_mutex_unlock(&g->lock);
    free(g);
    join(thread);
}

static void *store_and_look(void *flag)
{
    atomic_store_explicit((atomic_int *)flag, 1, memory_order_relaxed);
    atomic_load_explicit((atomic_int *)flag, memory_order_relaxed); /* by now it may be gone */
    return NULL;
}

TEST(race__freed_when_the_store_was_read, .hint = "orders nothing else")
{
    atomic_int *flag = calloc(1, sizeof *flag);
    pthread_t thread = spawn(store_and_look, flag);
    bool seen = atomic_load_explicit(flag, memory_order_relaxed);

    if (seen)
        free(flag);
    join(thread);
    if (!seen)
        free(flag);
}

static void *count_up(void *count)
{
    atomic_fetch_add_explicit((atomic_int *)count, 1, memory_order_relaxed);
    return NULL;
}

TEST(race__an_atomic_that_is_read_as_if_it_were_none, .hint = "only the second is atomic")
{
    atomic_int count = 0;
    pthread_t thread = spawn(count_up, &count);

    check(*(int *)&count <= 1, "");
    join(thread);
}

TEST(race__an_atomic_that_is_written_as_if_it_were_none, .hint = "only the second is atomic")
{
    atomic_int count = 0;
    pthread_t thread = spawn(count_up, &count);

    if (atomic_load_explicit(&count, memory_order_relaxed) == 1)
        *(int *)&count = 0;
    join(thread);
}

static struct {
    atomic_uint next, serving;
    int number;
} tickets;

/* Relaxed is right: what `next` hands over is a number, and `serving` all else. */
static void take_ticket(void)
{
    unsigned mine = atomic_fetch_add_explicit(&tickets.next, 1, memory_order_relaxed);

    while (atomic_load_explicit(&tickets.serving, memory_order_acquire) != mine)
        continue;
}

static void *count_in_turn(void *unused)
{
    take_ticket();
    tickets.number++;
    *(unsigned *)&tickets.serving += 1;
    return unused;
}

TEST(race__an_atomic_that_was_one_is_written_as_if_it_were_none,
     .hint = "only the second is atomic")
{
    pthread_t thread = spawn(count_in_turn, NULL);

    count_in_turn(NULL);
    join(thread);
}

TEST(leak__a_block, .hint = "a block of 24 bytes was never freed")
{
    void *block = malloc(24);

    memset(block, 0, 24);
}

TEST(leak__what_is_only_reached_from_a_leak, .hint = "2 blocks were never freed")
{
    void **block = malloc(sizeof *block);

    *block = malloc(100);
}

TEST(leak__a_thread, .hint = "neither joined nor detached")
{
    pthread_t thread;

    pthread_create(&thread, NULL, set_number, NULL);
}

TEST(leak__on_the_way_out_of_memory, .allocations_fail = true)
{
    char *a = malloc(10), *b = a ? malloc(10) : NULL;

    if (!b)
        return;
    free(b);
    free(a);
}

TEST(crashed__null_when_out_of_memory, .allocations_fail = true, .hint = "NULL pointer")
{
    int *a = malloc(sizeof *a);

    *a = 1;
    free(a);
}

TEST(misuse__past_the_end, .hint = "past the end of a block of 10 bytes: 1 byte, from byte 10 on")
{
    char *block = malloc(10);

    for (int i = 0; i <= 10; i++)
        block[i] = (char)i;
    free(block);
}

TEST(misuse__before_the_start, .hint = "1 byte before the start of a block of 10 bytes")
{
    char *block = malloc(10);

    memset(block - 1, 0, 2);
    free(block);
}

TEST(misuse__memcpy_too_long, .hint = "past the end")
{
    char text[40] = "more than fits";

    kept = malloc(8);
    memcpy(kept, text, 16);
    free(kept);
}

static void *end_at_once(void *unused)
{
    return unused;
}

/* A block each byte of which was used, by one of two threads: no leave to use it for ever, nor more. */
static char *in_use(size_t size)
{
    volatile char *block = malloc(size);

    join(spawn(end_at_once, NULL));
    for (size_t i = 0; i < 2 * size; i++)
        block[i % size] = (char)i;
    return (char *)block;
}

TEST(use_after_free__of_a_word_in_use, .hint = "after it has freed it (a block of 8 bytes)")
{
    char *block = in_use(8);

    free(block);
    check_equal(block[3], 11, "It is still there.");
}

TEST(use_after_free__of_words_in_use, .hint = "after it has freed it (a block of 40 bytes)")
{
    char *block = in_use(40);

    free(block);
    check_equal(block[17], 57, "It is still there.");
}

TEST(misuse__past_the_end_in_a_word_in_use,
     .hint = "past the end of a block of 13 bytes: 1 byte, from byte 13 on")
{
    char *block = in_use(13);

    block[13] = 1;
    free(block);
}

TEST(misuse__past_the_end_from_a_word_in_use, .hint = "past the end of a block of 12 bytes")
{
    char *block = in_use(12);

    memcpy(block + 6, "12345678", 8);
    free(block);
}

TEST(misuse__free_of_the_middle, .hint = "into the middle")
{
    kept = malloc(16);
    free((char *)kept + 4);
}

TEST(misuse__free_of_a_variable, .hint = "never allocated")
{
    kept = &shared_number;
    free(kept);
}

/* --------------------------------------------------------------------------------------- misuse */

TEST(misuse__unlock_of_what_is_not_locked, .hint = "which is not locked")
{
    pthread_mutex_unlock(&lock);
}

static void *hold_and_post(void *unused)
{
    pthread_mutex_lock(&lock);
    sem_post(&semaphore);
    for (;;)
        sleep(1000);
    return unused;
}

TEST(misuse__unlock_by_a_non_owner, .hint = "which hold_and_post holds")
{
    sem_init(&semaphore, 0, 0);
    spawn(hold_and_post, NULL);
    while (sem_wait(&semaphore)) {
    }
    pthread_mutex_unlock(&lock);
}

TEST(misuse__destroyed_while_held, .hint = "it still holds")
{
    pthread_mutex_lock(&lock);
    pthread_mutex_destroy(&lock);
}

static void *arrive(void *barrier)
{
    pthread_barrier_wait(barrier);
    return NULL;
}

TEST(use_after_free__a_barrier_destroyed_under_a_sleeper,
     .hint = "while arrive is inside a call on it")
{
    pthread_barrier_t barrier;

    pthread_barrier_init(&barrier, NULL, 2);
    spawn(arrive, &barrier);
    settle();
    pthread_barrier_destroy(&barrier);
}

TEST(use_after_free__a_condition_variable_destroyed_under_a_sleeper,
     .hint = "while sleep_for_ever is inside a call on it")
{
    spawn(sleep_for_ever, NULL);
    settle();
    pthread_cond_destroy(&changed);
}

TEST(misuse__a_read_write_lock_destroyed_under_a_reader, .hint = "which it still holds")
{
    pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;

    pthread_rwlock_rdlock(&rwlock);
    pthread_rwlock_destroy(&rwlock);
}

TEST(misuse__locked_after_destroy, .hint = "which was destroyed before")
{
    pthread_mutex_destroy(&lock);
    pthread_mutex_lock(&lock);
}

TEST(misuse__wait_without_the_mutex, .hint = "without holding the mutex")
{
    pthread_cond_wait(&changed, &lock);
}

TEST(misuse__ends_with_a_lock_held, .hint = "ends while it holds a lock")
{
    pthread_mutex_lock(&lock);
}

TEST(misuse__never_initialised, .hint = "nothing was initialised")
{
    struct guarded *g = malloc(sizeof *g);

    pthread_mutex_lock(&g->lock);
}

TEST(misuse__freed_with_a_lock_held, .hint = "locked by itself")
{
    struct guarded *g = calloc(1, sizeof *g);

    pthread_mutex_init(&g->lock, NULL);
    pthread_mutex_lock(&g->lock);
    free(g);
}

TEST(misuse__freed_with_a_spinlock_held, .hint = "the spinlock in it, which is locked by itself")
{
    pthread_spinlock_t *spinlock = malloc(sizeof *spinlock);

    pthread_spin_init(spinlock, 0);
    pthread_spin_lock(spinlock);
    free((void *)spinlock);
}

TEST(misuse__freed_with_a_lock_held_for_reading, .hint = "which is locked by itself")
{
    pthread_rwlock_t *rwlock = malloc(sizeof *rwlock);

    pthread_rwlock_init(rwlock, NULL);
    pthread_rwlock_rdlock(rwlock);
    free(rwlock);
}

TEST(misuse__joined_twice, .hint = "joined before")
{
    pthread_t thread = spawn(set_number, NULL);

    join(thread);
    pthread_join(thread, NULL);
}

TEST(misuse__memcpy_of_areas_that_overlap, .hint = "overlap")
{
    char text[10] = "012345678";

    kept = text;
    memcpy((char *)kept + 1, kept, 4);
}

/* ------------------------------------------------------------------------- no progress, crashes */

static void *spin_until_flag(void *unused)
{
    while (!atomic_load(&flag)) {
    }
    return unused;
}

TEST(no_progress__spins_on_an_atomic, .hint = "spin_until_flag spins")
{
    join(spawn(spin_until_flag, NULL));
}

TEST(no_progress__spins_while_somebody_settles, .hint = "spin_until_flag spins")
{
    pthread_t thread = spawn(spin_until_flag, NULL);

    settle();
    atomic_store(&flag, 1);
    join(thread);
}

static void *yield_until_flag(void *unused)
{
    for (;;) {
        pthread_mutex_lock(&lock);
        bool done = shared_number;
        pthread_mutex_unlock(&lock);
        if (done)
            return unused;
        thrd_yield();
    }
}

TEST(no_progress__yields_while_somebody_settles, .hint = "yield_until_flag spins")
{
    pthread_t thread = spawn(yield_until_flag, NULL);

    settle();
    set_number(NULL);
    join(thread);
}

static int looks;

static void *count_looks_until_set(void *unused)
{
    for (bool done = false; !done; thrd_yield()) {
        pthread_mutex_lock(&lock);
        looks++;
        done = shared_number;
        pthread_mutex_unlock(&lock);
    }
    return unused;
}

TEST(no_progress__two_yield_to_each_other, .hint = "only yields in between")
{
    pthread_t a = spawn(count_looks_until_set, NULL), b = spawn(count_looks_until_set, NULL);

    join(a);
    set_number(NULL);
    join(b);
}

static __attribute__((noinline)) void give_way(int times)
{
    for (int i = 0; i < times; i++)
        thrd_yield();
}

static __attribute__((noinline)) void look_with_the_lock(bool *done)
{
    pthread_mutex_lock(&lock);
    looks++;
    *done = shared_number;
    pthread_mutex_unlock(&lock);
}

static __attribute__((noinline)) void look_and_give_way(void)
{
    for (bool done = false; !done; give_way(3))
        look_with_the_lock(&done);
}

static void *wait_in_turns(void *unused)
{
    look_and_give_way();
    return unused;
}

TEST(no_progress__looks_and_gives_way_in_turn, .hint = "goes round in a loop that never sleeps")
{
    pthread_t thread = spawn(wait_in_turns, NULL);

    settle();
    set_number(NULL);
    join(thread);
}

static void *do_in_two_steps(void *unused)
{
    atomic_store(&flag, 1);
    atomic_store(&flag, 2);
    return unused;
}

TEST(failed__who_yields_looks_in_between)
{
    pthread_t thread = spawn(do_in_two_steps, NULL);

    do
        sched_yield();
    while (!atomic_load(&flag));
    check_equal(atomic_load(&flag), 2, "It has done both.");
    join(thread);
}

static void *sleep_until_flag(void *unused)
{
    while (!atomic_load(&flag))
        usleep(1000);
    return unused;
}

TEST(no_progress__polls_with_sleeps, .hint = "sleep_until_flag polls")
{
    pthread_t thread = spawn(sleep_until_flag, NULL);

    settle();
    atomic_store(&flag, 1);
    join(thread);
}

static void *look_twice_a_second(void *unused)
{
    while (!atomic_load(&flag))
        usleep(500000);
    return unused;
}

TEST(no_progress__polls_twice_a_second, .hint = "look_twice_a_second polls")
{
    pthread_t thread = spawn(look_twice_a_second, NULL);

    settle();
    atomic_store(&flag, 1);
    join(thread);
}

static __attribute__((noinline)) void copy_for_ever(int *from, int *to)
{
    for (int i = 0; i < 4;)
        memcpy(to + i, from + i, sizeof *to);
}

TEST(no_progress__a_loop_that_copies_for_ever, .hint = "accesses to memory in one call")
{
    int *four = malloc(8 * sizeof *four);

    memset(four, 0, 8 * sizeof *four);
    copy_for_ever(four, four + 4);
    free(four);
}

static bool plain_flag;

static void *plain_spin(void *unused)
{
    while (!plain_flag) {
    }
    return unused;
}

TEST(no_progress__a_loop_without_a_call, .hint = "in a loop in which it calls nothing")
{
    join(spawn(plain_spin, NULL));
}

/* There is nothing in it, and gcc counts no edge of it: the watchdog ends it, whenever that is. */
static void *do_nothing_for_ever(void *unused)
{
    (void)unused;
    for (;;) {
    }
}

TEST(no_progress__an_empty_loop, .hint = "in a loop in which it calls nothing")
{
    join(spawn(do_nothing_for_ever, NULL));
}

static volatile bool volatile_flag;

TEST(no_progress__a_loop_over_a_volatile, .hint = "spins")
{
    while (!volatile_flag) {
    }
}

TEST(crashed__null_pointer, .hint = "writes through a NULL pointer")
{
    int *nowhere = kept;

    *nowhere = 1;
}

TEST(crashed__wild_pointer, .hint = "it uses a pointer to nowhere")
{
    kept = (void *)0x1234567890;
    *(int *)kept = 1;
}

TEST(crashed__wild_pointer_to_memcpy, .hint = "it uses a pointer to nowhere")
{
    char four[4] = "abc";

    kept = (void *)0x1234567890;
    memcpy(kept, four, 4);
}

static int recurse(int n)
{
    volatile char room[1000];

    room[n % 1000] = 1;
    return n == -1 ? 0 : recurse(n + 1) + room[0];
}

static void *recurse_for_ever(void *unused)
{
    shared_number = recurse(1);
    return unused;
}

TEST(crashed__stack_overflow, .hint = "recurse_for_ever overflows its stack")
{
    join(spawn(recurse_for_ever, NULL));
}

TEST(crashed__assert, .hint = "assert(shared_number == 1) failed")
{
    assert(shared_number == 1);
}

TEST(crashed__abort, .hint = "calls abort()")
{
    abort();
}

TEST(crashed__division_by_zero, .hint = "signal 8")
{
    volatile int zero = 0;

    shared_number = 7 / zero;
}

TEST(exited_early__exit, .hint = "exit(3)")
{
    exit(3);
}

/* ------------------------------------------------------------------------------- lock-freedom */

static void *count_under_lock(void *unused)
{
    may_stop(true);
    pthread_mutex_lock(&lock);
    shared_number++;
    pthread_mutex_unlock(&lock);
    may_stop(false);
    return unused;
}

TEST(no_progress__a_lock_is_not_lock_free, .one_thread_stops = true, .hint = "not lock-free: ")
{
    pthread_t a = spawn(count_under_lock, NULL), b = spawn(count_under_lock, NULL);

    join_unless_stopped(a);
    join_unless_stopped(b);
}

static void *count_with_a_flag(void *unused)
{
    may_stop(true);
    while (atomic_exchange(&flag, 1)) {
    }
    shared_number++;
    atomic_store(&flag, 0);
    may_stop(false);
    return unused;
}

TEST(no_progress__a_spinlock_is_not_lock_free, .one_thread_stops = true, .hint = "not lock-free: ")
{
    pthread_t a = spawn(count_with_a_flag, NULL), b = spawn(count_with_a_flag, NULL);

    join_unless_stopped(a);
    join_unless_stopped(b);
}

/* By an exchange, and with a lock from the tenth that has failed. Before each it stores what it has found in
 * an atomic of its own, as the link of a node. */
static void count_optimistically(void)
{
    int found = atomic_load(&flag), failures = -1;
    atomic_int link = 0;

    do {
        if (++failures == 10)
            pthread_mutex_lock(&lock);
        atomic_store(&link, found);
    } while (!atomic_compare_exchange_strong(&flag, &found, found + 1));
    if (failures >= 10)
        pthread_mutex_unlock(&lock);
}

static void *count_once(void *unused)
{
    may_stop(true);
    count_optimistically();
    may_stop(false);
    return unused;
}

static void *count_often(void *unused)
{
    for (int i = 0; i < 20; i++)
        count_optimistically();
    return unused;
}

TEST(no_progress__a_lock_for_who_is_always_overtaken, .one_thread_stops = true,
     .hint = "not lock-free: ")
{
    pthread_t a = spawn(count_once, NULL), b = spawn(count_once, NULL);
    pthread_t overtakes = spawn(count_often, NULL);

    join(overtakes);
    join_unless_stopped(a);
    join_unless_stopped(b);
}

/* ---------------------------------------------------------------------------------- the clock */

TEST(failed__a_monotonic_deadline_on_the_other_clock)
{
    struct timespec deadline, now;

    clock_gettime(CLOCK_MONOTONIC, &deadline);
    deadline.tv_sec++;
    pthread_mutex_lock(&lock);
    while (pthread_cond_timedwait(&changed, &lock, &deadline) != ETIMEDOUT) {
    }
    pthread_mutex_unlock(&lock);
    clock_gettime(CLOCK_MONOTONIC, &now);
    check(now.tv_sec > deadline.tv_sec ||
              (now.tv_sec == deadline.tv_sec && now.tv_nsec >= deadline.tv_nsec),
          "It did not return before the deadline.");
}

static void *nap(void *unused)
{
    sleep(1);
    return unused;
}

TEST(failed__a_deadline_on_the_clock_that_is_set)
{
    struct timespec deadline, start, now;
    pthread_t thread = spawn(nap, NULL);

    clock_gettime(CLOCK_REALTIME, &deadline);
    clock_gettime(CLOCK_MONOTONIC, &start);
    deadline.tv_sec += 3;
    sem_init(&semaphore, 0, 0);
    while (sem_timedwait(&semaphore, &deadline) == -1 && errno == EINTR) {
    }
    clock_gettime(CLOCK_MONOTONIC, &now);
    check(now.tv_sec >= start.tv_sec + 2, "It slept for two seconds at least.");
    join(thread);
}

static void *set_after_a_nap(void *unused)
{
    sleep(1);
    atomic_store(&flag, 1);
    return unused;
}

TEST(failed__a_sleep_for_a_join, .hint = "")
{
    pthread_t thread = spawn(set_after_a_nap, NULL);

    sleep(2);
    check(atomic_load(&flag) == 1, "The other one has had its time.");
    join(thread);
}
