/* memory.c - memory that is no more, or was never made, and calls that make it. */
#include "suite.h"

#include <errno.h>
#include <sched.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* ---------------------------------------------------------------------------------- never written */

struct table {
    int open, count;
    int *places;
};

static struct table *volatile table, copy_of_table;

static void make_table(void)
{
    free(malloc(8)); /* so that it isn't the first block */
    table = malloc(sizeof *table);
    if (table)
        table->count = 0;
}

TEST(failed__a_flag_that_is_never_set, .hint = "0, not 1")
{
    make_table();
    check_equal(table->open != 0, 1, "A table is open.");
    free(table);
}

TEST(crashed__a_pointer_that_is_never_set, .hint = "uses a pointer to nowhere")
{
    make_table();
    table->places[0] = 1;
    free(table);
}

TEST(right__what_was_not_written_is_copied)
{
    make_table();
    copy_of_table = *table;
    check_equal(copy_of_table.count, 0, "It counts nothing.");
    free(table);
}

/* ------------------------------------------------------------------------------ use after return */

struct waiter {
    pthread_mutex_t lock;
    pthread_cond_t woken;
    bool rang;
};

static _Atomic(struct waiter *) waiting;
static _Atomic(int *) lent;
static atomic_int step_of;
static sem_t finish;
static char *volatile room_of;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static __attribute__((noinline)) void lend(void)
{
    int number = 0;

    atomic_store(&lent, &number);
}

static void *lend_and_end(void *unused)
{
    lend();
    return unused;
}

/* So far down that nothing else is there later. */
static __attribute__((noinline)) void lend_far_down(void)
{
    char room[4096];

    room_of = room;
    lend();
}

static void *lend_and_wait(void *unused)
{
    lend_far_down();
    sem_wait(&finish);
    return unused;
}

static int *take_lent(void)
{
    int *number;

    while (!(number = atomic_load(&lent)))
        sched_yield();
    return number;
}

TEST(use_after_free__the_stack_of_a_thread_that_was_joined,
     .hint = "which has ended: a use after return")
{
    pthread_t thread = spawn(lend_and_end, NULL);

    join(thread);
    *take_lent() = 1;
}

TEST(use_after_free__a_frame_that_is_no_more, .hint = "that has returned: a use after return")
{
    sem_init(&finish, 0, 0);
    pthread_t thread = spawn(lend_and_wait, NULL);
    int *number = take_lent();

    settle();
    *number = 1;
    sem_post(&finish);
    join(thread);
}

static void *lend_until_told(void *unused)
{
    int number = 0;

    atomic_store(&lent, &number);
    while (!atomic_load(&step_of))
        sched_yield();
    check_equal(number, 1, "It was changed while it was there.");
    return unused;
}

TEST(right__a_frame_that_is_still_there)
{
    pthread_t thread = spawn(lend_until_told, NULL);

    *take_lent() = 1;
    atomic_store(&step_of, 1);
    join(thread);
}

static void ring(struct waiter *waiter)
{
    pthread_mutex_lock(&waiter->lock);
    waiter->rang = true;
    pthread_cond_signal(&waiter->woken);
    pthread_mutex_unlock(&waiter->lock);
}

/* Waits, and takes its waiter back under the lock, or forgets to. */
static __attribute__((noinline)) void wait_for_ring(bool takes_back)
{
    struct waiter waiter = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false};

    pthread_mutex_lock(&lock);
    atomic_store(&waiting, &waiter);
    pthread_mutex_unlock(&lock);
    pthread_mutex_lock(&waiter.lock);
    while (!waiter.rang)
        pthread_cond_wait(&waiter.woken, &waiter.lock);
    pthread_mutex_unlock(&waiter.lock);
    if (takes_back) {
        pthread_mutex_lock(&lock);
        atomic_store(&waiting, NULL);
        pthread_mutex_unlock(&lock);
    }
}

static __attribute__((noinline)) void leave_a_waiter(void)
{
    struct waiter waiter;

    pthread_mutex_init(&waiter.lock, NULL);
    pthread_cond_init(&waiter.woken, NULL);
    atomic_store(&waiting, &waiter);
}

TEST(use_after_free__a_lock_left_in_a_frame_of_ones_own,
     .hint = "in the frame of a function of its own that has returned: a use after return")
{
    leave_a_waiter();
    ring(atomic_load(&waiting));
}

static __attribute__((noinline)) void lock_ones_own(bool by_call)
{
    pthread_mutex_t own = PTHREAD_MUTEX_INITIALIZER;

    if (by_call)
        pthread_mutex_init(&own, NULL);
    pthread_mutex_lock(&own);
    pthread_mutex_unlock(&own);
}

TEST(right__a_lock_in_a_new_frame_at_the_same_place)
{
    for (int i = 0; i < 4; i++)
        lock_ones_own(i % 2 == 0);
}

/* Waits under the lock that all use. */
static void *wait_under_the_lock(void *unused)
{
    struct waiter waiter = {.woken = PTHREAD_COND_INITIALIZER};

    pthread_mutex_lock(&lock);
    atomic_store(&waiting, &waiter);
    while (!waiter.rang)
        pthread_cond_wait(&waiter.woken, &lock);
    pthread_mutex_unlock(&lock);
    return unused;
}

/* Rings the one that waits, and looks at it once more, before the lock is given back or behind it. */
static void ring_and_look(bool in_time)
{
    pthread_t thread = spawn(wait_under_the_lock, NULL);

    settle();
    pthread_mutex_lock(&lock);
    struct waiter *waiter = atomic_load(&waiting);
    waiter->rang = true;
    pthread_cond_signal(&waiter->woken);
    if (in_time)
        check(waiter->rang, "It is still there.");
    pthread_mutex_unlock(&lock);
    if (!in_time)
        check(waiter->rang, "Between the two calls nobody is switched to.");
    join(thread);
}

TEST(use_after_free__a_waiter_that_may_be_no_more, .hint = "that may have returned by then")
{
    ring_and_look(false);
}

TEST(right__a_waiter_that_cannot_have_gone)
{
    ring_and_look(true);
}

static void *lend_until_it_changes(void *unused)
{
    atomic_int there = 0;

    atomic_store((atomic_int * _Atomic *)(void *)&lent, &there);
    while (!atomic_load_explicit(&there, memory_order_relaxed))
        sched_yield();
    return unused;
}

TEST(right__what_was_stored_last_was_seen_whatever_the_order)
{
    pthread_t thread = spawn(lend_until_it_changes, NULL);

    atomic_store_explicit((atomic_int *)take_lent(), 1, memory_order_relaxed);
    join(thread);
}

/* A frame as large as all that was there before, in which nothing is written. */
static __attribute__((noinline)) void sleep_in_a_large_frame(void)
{
    char room[4096];

    room_of = room;
    sem_wait(&finish);
}

static void *wait_and_go_on(void *takes_back)
{
    wait_for_ring(takes_back);
    sleep_in_a_large_frame();
    return NULL;
}

TEST(use_after_free__a_waiter_that_is_no_more, .hint = "use after return")
{
    sem_init(&finish, 0, 0);
    pthread_t thread = spawn(wait_and_go_on, NULL);

    settle();
    pthread_mutex_lock(&lock);
    struct waiter *waiter = atomic_load(&waiting);
    ring(waiter);
    pthread_mutex_unlock(&lock);
    settle();
    ring(waiter);
    sem_post(&finish);
    join(thread);
}

static void *wait_twice(void *unused)
{
    wait_for_ring(true);
    wait_for_ring(true);
    return unused;
}

static void ring_one(void)
{
    struct waiter *waiter;

    pthread_mutex_lock(&lock);
    while (!(waiter = atomic_load(&waiting))) {
        pthread_mutex_unlock(&lock);
        sched_yield();
        pthread_mutex_lock(&lock);
    }
    ring(waiter);
    pthread_mutex_unlock(&lock);
}

TEST(right__a_waiter_on_the_stack, .schedules = 2000)
{
    pthread_t thread = spawn(wait_twice, NULL);

    ring_one();
    settle();
    ring_one();
    join(thread);
}

/* ------------------------------------------------------------------------- what was never made */

static pthread_barrier_t zero_barrier;

TEST(misuse__a_barrier_that_was_never_initialised, .hint = "never initialised")
{
    pthread_barrier_wait(&zero_barrier);
}

TEST(misuse__a_lock_of_fresh_memory, .hint = "nothing was initialised")
{
    pthread_rwlock_rdlock(malloc(sizeof(pthread_rwlock_t)));
}

static struct {
    pthread_barrier_t barrier;
    pthread_mutex_t mutex;
    pthread_rwlock_t rwlock;
    sem_t semaphore;
} twice;

TEST(misuse__a_barrier_initialised_twice, .hint = "initialised before and not destroyed")
{
    pthread_barrier_init(&twice.barrier, NULL, 2);
    pthread_barrier_init(&twice.barrier, NULL, 1);
}

TEST(misuse__a_mutex_initialised_twice, .hint = "initialised before and not destroyed")
{
    pthread_mutex_init(&twice.mutex, NULL);
    pthread_mutex_init(&twice.mutex, NULL);
}

TEST(misuse__a_read_write_lock_initialised_twice, .hint = "initialised before and not destroyed")
{
    pthread_rwlock_init(&twice.rwlock, NULL);
    pthread_rwlock_init(&twice.rwlock, NULL);
}

TEST(misuse__a_semaphore_initialised_twice, .hint = "initialised before and not destroyed")
{
    sem_init(&twice.semaphore, 0, 1);
    sem_init(&twice.semaphore, 0, 1);
}

TEST(misuse__a_mutex_initialised_while_it_is_locked, .hint = "which is in use")
{
    pthread_mutex_lock(&lock);
    pthread_mutex_init(&lock, NULL);
}

static __attribute__((noinline)) void init_on_the_stack(void)
{
    pthread_mutex_t own;
    sem_t posted;

    pthread_mutex_init(&own, NULL);
    sem_init(&posted, 0, 1);
    pthread_mutex_lock(&own);
    pthread_mutex_unlock(&own);
}

TEST(right__initialised_again)
{
    static pthread_mutex_t constant = PTHREAD_MUTEX_INITIALIZER;

    pthread_mutex_init(&constant, NULL);
    for (int i = 0; i < 3; i++) {
        sem_init(&twice.semaphore, 0, 1);
        sem_destroy(&twice.semaphore);
        pthread_barrier_init(&twice.barrier, NULL, 1);
        pthread_barrier_wait(&twice.barrier);
        pthread_barrier_destroy(&twice.barrier);
        pthread_mutex_init(&twice.mutex, NULL);
        memset(&twice, 0, sizeof twice);
        init_on_the_stack();
    }
}

TEST(misuse__aligned_alloc_of_less_than_its_alignment, .hint = "a multiple of it")
{
    free(aligned_alloc(64, 40));
}

TEST(misuse__aligned_alloc_of_three, .hint = "a power of two")
{
    free(aligned_alloc(3, 9));
}

TEST(right__aligned_alloc)
{
    char *block = aligned_alloc(64, 128);

    check((uintptr_t)block % 64 == 0, "It is aligned.");
    free(block);
}

/* ---------------------------------------------------------------------------------- made of zeros */

static void *hand_out_zeros(void *relaxed)
{
    atomic_store_explicit(&lent, calloc(1, sizeof(int)),
                          relaxed ? memory_order_relaxed : memory_order_release);
    return NULL;
}

static void *read_zeros(void *unused)
{
    int *number = atomic_load_explicit(&lent, memory_order_acquire);

    check_equal(number ? *number : 0, 0, "It is zero.");
    return unused;
}

static void share_zeros(void *relaxed)
{
    pthread_t a = spawn(hand_out_zeros, relaxed), b = spawn(read_zeros, NULL);

    join(a);
    join(b);
    free(atomic_load(&lent));
}

TEST(race__zeros_of_calloc_without_release)
{
    share_zeros("");
}

TEST(right__zeros_of_calloc)
{
    share_zeros(NULL);
}

/* ------------------------------------------------------------------------ other ways to make some */

TEST(right__asprintf)
{
    char *text = NULL;

    check_equal(asprintf(&text, "%d %s", 7, "seven"), 7, "So many characters.");
    check(strcmp(text, "7 seven") == 0, "It is what was printed.");
    free(text);
}

TEST(leak__asprintf)
{
    char *volatile text = NULL;

    asprintf((char **)&text, "%d", 7);
    text = NULL;
}

TEST(right__mmap)
{
    char *pages = mmap(NULL, 5000, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    check(pages != MAP_FAILED && (uintptr_t)pages % 4096 == 0 && pages[4999] == 0,
          "Pages of zeros.");
    pages[4999] = 1;
    check_equal(munmap(pages, 5000), 0, "They go back.");
    check(mmap(NULL, SIZE_MAX - 8, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED,
          "So many there are not.");
}

TEST(use_after_free__memory_that_was_unmapped)
{
    char *pages = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    munmap(pages, 4096);
    pages[0] = 1;
}

TEST(leak__mmap)
{
    mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static void *kept;

static void free_kept(void)
{
    free(kept);
    kept = NULL;
}

TEST(right__atexit)
{
    kept = malloc(1);
    check_equal(atexit(free_kept), 0, "It is called when the test is over.");
}

static void free_twice(void)
{
    free(kept);
    free(kept);
}

TEST(use_after_free__in_atexit)
{
    kept = malloc(1);
    atexit(free_twice);
}

/* -------------------------------------------------------------------------------- robust mutexes */

static pthread_mutex_t robust;

static void make_robust(void)
{
    pthread_mutexattr_t attributes;

    pthread_mutexattr_init(&attributes);
    pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
    pthread_mutex_init(&robust, &attributes);
    pthread_mutexattr_destroy(&attributes);
}

static void *lock_and_end(void *unused)
{
    pthread_mutex_lock(&robust);
    return unused;
}

TEST(right__a_robust_mutex)
{
    make_robust();
    pthread_t thread = spawn(lock_and_end, NULL);
    int status = pthread_mutex_lock(&robust);

    if (status == EOWNERDEAD)
        check_equal(pthread_mutex_consistent(&robust), 0, "It is made good.");
    pthread_mutex_unlock(&robust);
    join(thread);
    status = pthread_mutex_lock(&robust);
    check(status == 0 || status == EOWNERDEAD, "It is there again.");
    if (status == EOWNERDEAD)
        pthread_mutex_consistent(&robust);
    pthread_mutex_unlock(&robust);
    pthread_mutex_destroy(&robust);
}

TEST(right__a_robust_mutex_that_is_lost)
{
    make_robust();
    join(spawn(lock_and_end, NULL));
    check_equal(pthread_mutex_trylock(&robust), EOWNERDEAD, "Its owner has ended.");
    pthread_mutex_unlock(&robust);
    check_equal(pthread_mutex_lock(&robust), ENOTRECOVERABLE, "Nobody made it good.");
    pthread_mutex_destroy(&robust);
}

TEST(misuse__another_mutex_is_left_locked, .hint = "ends while it holds a lock")
{
    pthread_mutex_init(&robust, NULL);
    join(spawn(lock_and_end, NULL));
}
