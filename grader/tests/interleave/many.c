/* many.c - as many threads as the scheduler follows: as in right.c and wrong.c. */
#include "suite.h"

#include <stdatomic.h>
#include <time.h>

enum { MOST = 288, OTHERS = MOST - 1 }; /* with the test's own, and without */

static pthread_mutex_t lock;
static pthread_rwlock_t shared_lock;
static pthread_cond_t changed;
static int number;
static atomic_int counter;

static void start(pthread_t threads[], int n, void *(*body)(void *))
{
    pthread_mutex_init(&lock, NULL);
    pthread_rwlock_init(&shared_lock, NULL);
    pthread_cond_init(&changed, NULL);
    number = 0;
    atomic_init(&counter, 0);
    for (int i = 0; i < n; i++)
        pthread_create(&threads[i], NULL, body, (void *)(intptr_t)i);
}

static void end(pthread_t threads[], int n)
{
    for (int i = 0; i < n; i++)
        pthread_join(threads[i], NULL);
}

/* --------------------------------------------------------------------------------- what is right */

static void *count_under_locks(void *arg)
{
    int seen;

    pthread_rwlock_rdlock(&shared_lock);
    seen = atomic_load_explicit(&counter, memory_order_relaxed);
    pthread_rwlock_unlock(&shared_lock);
    pthread_mutex_lock(&lock);
    number++;
    pthread_mutex_unlock(&lock);
    atomic_fetch_add_explicit(&counter, 1, memory_order_relaxed);
    check(atomic_load_explicit(&counter, memory_order_relaxed) > seen, "It only grows.");
    return arg;
}

TEST(right__as_many_as_are_followed, .schedules = 20)
{
    pthread_t threads[OTHERS];

    start(threads, OTHERS, count_under_locks);
    end(threads, OTHERS);
    pthread_rwlock_wrlock(&shared_lock);
    check_equal(number, OTHERS, "Each has counted.");
    check_equal(atomic_load(&counter), OTHERS, "Each has counted.");
    pthread_rwlock_unlock(&shared_lock);
}

static int handed[MOST];

static void *hand_over(void *arg)
{
    int mine = (int)(intptr_t)arg;

    while (atomic_load_explicit(&counter, memory_order_acquire) != mine)
        nanosleep(&(struct timespec){0, 1000000}, NULL);
    handed[mine + 1] = handed[mine] + 1;
    atomic_store_explicit(&counter, mine + 1, memory_order_release);
    return arg;
}

TEST(right__each_hands_over_to_the_next, .schedules = 5)
{
    pthread_t threads[OTHERS];

    start(threads, OTHERS, hand_over);
    end(threads, OTHERS);
    check_equal(handed[OTHERS], OTHERS, "All that came before is seen.");
}

/* --------------------------------------------------------------------------------- what is not */

static void *last_takes_no_lock(void *arg)
{
    if ((intptr_t)arg != OTHERS - 1)
        pthread_mutex_lock(&lock);
    number++;
    if ((intptr_t)arg != OTHERS - 1)
        pthread_mutex_unlock(&lock);
    return arg;
}

TEST(race__with_the_last_of_many, .schedules = 20, .hint = "thread 287")
{
    pthread_t threads[OTHERS];

    start(threads, OTHERS, last_takes_no_lock);
    end(threads, OTHERS);
}

static void *wait_for_a_number(void *arg)
{
    pthread_mutex_lock(&lock);
    while (number == 0)
        pthread_cond_wait(&changed, &lock);
    pthread_mutex_unlock(&lock);
    return arg;
}

TEST(deadlock__one_of_many_is_woken, .schedules = 20, .hint = "nobody is left to wake anyone")
{
    pthread_t threads[OTHERS];

    start(threads, OTHERS, wait_for_a_number);
    pthread_mutex_lock(&lock);
    number = 1;
    pthread_cond_signal(&changed);
    pthread_mutex_unlock(&lock);
    end(threads, OTHERS);
}

static int awake; /* without cause, of those who are last */

static void *wait_once(void *arg)
{
    struct timespec later;

    clock_gettime(CLOCK_REALTIME, &later);
    later.tv_sec += 1000;
    pthread_mutex_lock(&lock);
    if (number == 0 && pthread_cond_timedwait(&changed, &lock, &later) == 0 && number == 0)
        awake += (intptr_t)arg >= OTHERS / 2 + 2;
    pthread_mutex_unlock(&lock);
    return arg;
}

/* One of many choices: of those that sleep each might be woken, or its time might pass. */
TEST(failed__one_of_many_wakes_without_cause, .schedules = 200)
{
    pthread_t threads[OTHERS];

    awake = 0;
    exploring(false);
    start(threads, OTHERS, wait_once);
    settle();
    exploring(true);
    for (int i = 0; i < 20; i++)
        atomic_fetch_add(&counter, 1);
    pthread_mutex_lock(&lock);
    number = 1;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
    end(threads, OTHERS);
    check_equal(awake, 0, "All sleep until there is a number.");
}

TEST(misuse__one_more_than_are_followed, .hint = "More than 288 threads at once")
{
    pthread_t threads[MOST];

    start(threads, MOST, count_under_locks);
    end(threads, MOST);
}
