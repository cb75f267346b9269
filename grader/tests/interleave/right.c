/* right.c - programs that do nothing wrong, in ways that are easily blamed. All must pass. */
#include "suite.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <threads.h>
#include <time.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static int number;
static atomic_int flag;

/* ----------------------------------------------------------------------- each run starts anew */

static struct {
    char big[1 << 20];
    int runs;
} state = {.runs = 7};

static void *count_run(void *unused)
{
    pthread_mutex_lock(&lock);
    state.runs++;
    state.big[state.runs] = 1;
    pthread_mutex_unlock(&lock);
    return unused;
}

TEST(right__globals_are_as_loaded)
{
    pthread_t a = spawn(count_run, NULL), b = spawn(count_run, NULL);

    join(a);
    join(b);
    check_equal(state.runs, 9, "Each run starts from the values the program was loaded with.");
    check_equal(state.big[8] + state.big[9] + state.big[10], 2, "And so do big arrays.");
}

static _Thread_local int mine = 5;
static _Thread_local int zero;

static void *change_mine(void *unused)
{
    check_equal(mine, 5, "A thread-local variable is fresh in each thread.");
    mine++;
    zero++;
    sched_yield();
    check_equal(mine, 6, "Nobody else has changed it.");
    check_equal(zero, 1, "Nobody else has changed it.");
    return unused;
}

TEST(right__thread_local_variables)
{
    pthread_t a = spawn(change_mine, NULL), b = spawn(change_mine, NULL);

    change_mine(NULL);
    join(a);
    join(b);
}

static void *set_errno(void *value)
{
    errno = (int)(intptr_t)value;
    sched_yield();
    check_equal(errno, (intptr_t)value, "errno is the thread's own.");
    return NULL;
}

TEST(right__errno_is_of_the_thread)
{
    pthread_t a = spawn(set_errno, (void *)1), b = spawn(set_errno, (void *)2);

    join(a);
    join(b);
}

/* -------------------------------------------------------------------------------------- memory */

static struct node {
    struct node *next;
} * cache;

TEST(right__a_cache_in_a_static_variable_is_no_leak)
{
    for (int i = 0; i < 3; i++) {
        struct node *node = malloc(sizeof *node);
        node->next = cache;
        cache = node;
    }
}

TEST(right__volume, .once = true)
{
    enum { N = 70000 };
    void **blocks = malloc(N * sizeof *blocks);

    for (int i = 0; i < N; i++)
        memset(blocks[i] = malloc(24), 1, 24);
    for (int i = 0; i < N; i++)
        free(blocks[i]);
    free(blocks);
    for (int i = 0; i < 20000; i++) {
        char *page = malloc(4096);
        memset(page, i, 4096);
        free(page);
    }
}

TEST(right__what_malloc_may_do)
{
    free(NULL);
    free(malloc(0));
    check_pointer(malloc(SIZE_MAX / 2), NULL, "There is not that much memory.");
    check_pointer(calloc(SIZE_MAX / 2, 4), NULL, "The product overflows.");
    check_pointer(reallocarray(NULL, SIZE_MAX / 2, 4), NULL, "The product overflows.");
    check_equal(errno, ENOMEM, "And errno says so.");

    char *text = strdup("hello");
    text = realloc(text, 100);
    strcat(text, ", world");
    check_equal(strcmp(text, "hello, world"), 0, "realloc keeps what is there.");
    free(text);

    void *aligned = NULL;
    check_equal(posix_memalign(&aligned, 256, 10), 0, "posix_memalign works.");
    check_equal((uintptr_t)aligned % 256, 0, "And aligns.");
    free(aligned);
    aligned = aligned_alloc(64, 128);
    check_equal((uintptr_t)aligned % 64, 0, "aligned_alloc, too.");
    free(aligned);
    int *zeros = calloc(300000, sizeof *zeros);
    check(zeros[0] == 0 && zeros[299999] == 0, "calloc clears.");
    free(zeros);
}

static struct pair {
    char a, b;
    short c;
} neighbours;

static void *write_a(void *unused)
{
    neighbours.a = 1;
    return unused;
}

static void *write_b(void *unused)
{
    neighbours.b = 1;
    return unused;
}

TEST(right__neighbours_in_a_word_are_no_race)
{
    pthread_t a = spawn(write_a, NULL), b = spawn(write_b, NULL);

    join(a);
    join(b);
    check_equal(neighbours.a + neighbours.b, 2, "Both were written.");
}

/* A lock in a stack frame that is gone, and another frame's one in its place. */
static void use_a_lock(int type)
{
    pthread_mutex_t local = PTHREAD_MUTEX_INITIALIZER;
    pthread_mutexattr_t attributes;

    if (type != PTHREAD_MUTEX_NORMAL) {
        pthread_mutexattr_init(&attributes);
        pthread_mutexattr_settype(&attributes, type);
        pthread_mutex_init(&local, &attributes);
        pthread_mutexattr_destroy(&attributes);
    }
    pthread_mutex_lock(&local);
    if (type == PTHREAD_MUTEX_RECURSIVE) {
        pthread_mutex_lock(&local);
        pthread_mutex_unlock(&local);
    }
    if (type == PTHREAD_MUTEX_ERRORCHECK)
        check_equal(pthread_mutex_lock(&local), EDEADLK, "An error-checking mutex says so.");
    pthread_mutex_unlock(&local);
    if (type == PTHREAD_MUTEX_ERRORCHECK)
        check_equal(pthread_mutex_unlock(&local), EPERM, "An error-checking mutex says so.");
    pthread_mutex_destroy(&local);
}

TEST(right__locks_of_all_types_in_one_place)
{
    use_a_lock(PTHREAD_MUTEX_NORMAL);
    use_a_lock(PTHREAD_MUTEX_RECURSIVE);
    use_a_lock(PTHREAD_MUTEX_NORMAL);
    use_a_lock(PTHREAD_MUTEX_ERRORCHECK);
    use_a_lock(PTHREAD_MUTEX_NORMAL);
}

/* --------------------------------------------------------------------------- waiting as one may */

static void *set_flag(void *unused)
{
    pthread_mutex_lock(&lock);
    atomic_store(&flag, 1);
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
    return unused;
}

/* Goes through all there is, and again, until it finds the same. */
TEST(right__who_looks_at_very_many_places_does_not_spin, .once = true)
{
    enum { PLACES = 70000 };
    atomic_int *places = malloc(PLACES * sizeof *places);

    for (int i = 0; i < PLACES; i++)
        atomic_store(&places[i], 0);
    for (int look = 0; look < 4; look++)
        for (int i = 0; i < PLACES; i++)
            check_equal(atomic_load(&places[i]), 0, "Nobody has changed it.");
    free(places);
}

static void *spin_then_sleep(void *unused)
{
    for (int i = 0; i < 100 && !atomic_load(&flag); i++)
        sched_yield();
    pthread_mutex_lock(&lock);
    while (!atomic_load(&flag))
        pthread_cond_wait(&changed, &lock);
    pthread_mutex_unlock(&lock);
    return unused;
}

TEST(right__a_bounded_spin_before_the_sleep, .schedules = 4000)
{
    pthread_t thread = spawn(spin_then_sleep, NULL);

    settle();
    set_flag(NULL);
    join(thread);
}

static __attribute__((noinline)) void move_all_down(char *bytes, size_t count)
{
    while (count > 1)
        memmove(bytes, bytes + 1, --count);
}

TEST(right__each_byte_takes_a_move_of_all_that_are_left)
{
    enum { BYTES = 40000 };
    char *bytes = calloc(BYTES, 1);

    move_all_down(bytes, BYTES);
    check_equal(bytes[0], 0, "They were zeros.");
    free(bytes);
}

TEST(right__sleeps_without_files)
{
    struct timespec before, after;
    clock_t spent = clock();

    clock_gettime(CLOCK_MONOTONIC, &before);
    check_equal(poll(NULL, 0, 2000), 0, "No file is ready.");
    check_equal(select(0, NULL, NULL, NULL, &(struct timeval){1, 500000}), 0, "No file is ready.");
    clock_gettime(CLOCK_MONOTONIC, &after);
    check_equal(((after.tv_sec - before.tv_sec) * 1000000000 + after.tv_nsec - before.tv_nsec) /
                    1000000,
                3500, "Three and a half seconds have passed.");
    check(clock() > spent, "And some of the processor's.");
}

static void *wait_with_a_far_deadline(void *unused)
{
    struct timespec deadline;

    pthread_mutex_lock(&lock);
    while (!atomic_load(&flag)) {
        clock_gettime(CLOCK_REALTIME, &deadline);
        deadline.tv_sec += 1;
        pthread_cond_timedwait(&changed, &lock, &deadline);
    }
    pthread_mutex_unlock(&lock);
    return unused;
}

TEST(right__a_timed_wait_with_a_far_deadline, .schedules = 4000)
{
    pthread_t thread = spawn(wait_with_a_far_deadline, NULL);

    settle();
    set_flag(NULL);
    join(thread);
}

static void *sleep_as_long_as_a_settle(void *unused)
{
    poll(NULL, 0, 10000);
    pthread_mutex_lock(&lock);
    pthread_mutex_unlock(&lock);
    return unused;
}

TEST(right__who_wakes_as_a_settle_ends_goes_on_before_it_returns)
{
    pthread_t thread = spawn(sleep_as_long_as_a_settle, NULL);

    check_equal(settle(), 0, "The other thread has ended.");
    join(thread);
}

static void *make_many_timed_calls(void *unused)
{
    for (int i = 0; i < 60; i++) {
        naps();
        poll(NULL, 0, 150);
    }
    return unused;
}

TEST(right__timed_calls_one_after_the_other_do_not_poll)
{
    pthread_t thread = spawn(make_many_timed_calls, NULL);

    settle();
    join(thread);
}

static sem_t semaphore;

static void *sem_wait_well(void *unused)
{
    while (sem_wait(&semaphore) == -1 && errno == EINTR) {
    }
    number++;
    return unused;
}

TEST(right__semaphores)
{
    sem_init(&semaphore, 0, 0);
    pthread_t thread = spawn(sem_wait_well, NULL);

    sem_post(&semaphore);
    join(thread);
    check_equal(number, 1, "It was woken.");
    check_equal(sem_trywait(&semaphore), -1, "There is no other token.");
    check_equal(errno, EAGAIN, "And errno says so.");
    sem_destroy(&semaphore);
}

static void *destroy_after_wait(void *unused)
{
    while (sem_wait(&semaphore) == -1) {
    }
    sem_destroy(&semaphore); /* POSIX lets the waiter do so at once */
    return unused;
}

static void *empty_it(void *unused)
{
    intptr_t tokens = 0;

    (void)unused;
    while (sem_trywait(&semaphore) == 0)
        tokens++;
    return (void *)tokens;
}

/* Each token taken is a change, so this is no loop that waits for one. */
TEST(right__a_semaphore_of_many_tokens_is_emptied, .once = true)
{
    enum { TOKENS = 50000 };
    sem_init(&semaphore, 0, TOKENS);
    pthread_t thread = spawn(empty_it, NULL);

    check_equal((intptr_t)join(thread), TOKENS, "Every token is taken.");
    sem_destroy(&semaphore);
}

TEST(right__a_semaphore_destroyed_by_who_waited)
{
    sem_init(&semaphore, 0, 0);
    pthread_t thread = spawn(destroy_after_wait, NULL);

    sem_post(&semaphore);
    join(thread);
}

static void *broadcast(void *unused)
{
    pthread_mutex_lock(&lock);
    number = 1;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
    return unused;
}

struct guarded {
    pthread_mutex_t lock;
    int users;
};

static void *leave(void *arg)
{
    struct guarded *g = arg;

    pthread_mutex_lock(&g->lock);
    int left = --g->users;
    pthread_mutex_unlock(&g->lock);
    if (left == 0) {
        pthread_mutex_destroy(&g->lock);
        free(g);
    }
    return NULL;
}

TEST(right__the_last_one_destroys_the_lock)
{
    struct guarded *g = malloc(sizeof *g);

    pthread_mutex_init(&g->lock, NULL);
    g->users = 3;
    pthread_t a = spawn(leave, g), b = spawn(leave, g);
    leave(g);
    join(a);
    join(b);
}

static atomic_int references;

static void *give_back(void *block)
{
    if (atomic_fetch_sub_explicit(&references, 1, memory_order_release) == 1) {
        atomic_thread_fence(memory_order_acquire);
        free(block);
    }
    return NULL;
}

TEST(right__references_with_an_acquire_fence)
{
    int *block = malloc(sizeof *block);

    references = 2;
    *block = 1;
    pthread_t thread = spawn(give_back, block);
    give_back(block);
    join(thread);
}

struct link {
    _Atomic(struct link *) next;
    int value;
};

/* The store of the link is ordered before nothing: but the one that frees the first has read it. */
static void *link_second(void *first)
{
    struct link *second = malloc(sizeof *second);

    atomic_init(&second->next, NULL);
    second->value = 2;
    atomic_thread_fence(memory_order_release);
    atomic_store_explicit(&((struct link *)first)->next, second, memory_order_relaxed);
    return NULL;
}

TEST(right__fences_around_a_link_that_is_read_and_freed)
{
    struct link *first = malloc(sizeof *first), *second;

    atomic_init(&first->next, NULL);
    pthread_t thread = spawn(link_second, first);
    second = atomic_load_explicit(&first->next, memory_order_relaxed);
    atomic_thread_fence(memory_order_acquire);
    if (second) {
        check_equal(second->value, 2, "The fences order what the link leads to.");
        free(first);
    }
    join(thread);
    if (!second) {
        free(atomic_load(&first->next));
        free(first);
    }
    free(second);
}

/* ---------------------------------------------------------------------------- the other objects */

static pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;

static void *read_number(void *unused)
{
    pthread_rwlock_rdlock(&rwlock);
    check(number == 0 || number == 2, "A reader never sees half of a change.");
    pthread_rwlock_unlock(&rwlock);
    return unused;
}

TEST(right__read_write_locks)
{
    pthread_t a = spawn(read_number, NULL), b = spawn(read_number, NULL);

    pthread_rwlock_wrlock(&rwlock);
    number++;
    sched_yield();
    number++;
    pthread_rwlock_unlock(&rwlock);
    join(a);
    join(b);
    pthread_rwlock_destroy(&rwlock);
}

static pthread_barrier_t barrier;
static int parts[3];

static void *meet(void *index)
{
    parts[(intptr_t)index] = 1;
    pthread_barrier_wait(&barrier);
    check_equal(parts[0] + parts[1] + parts[2], 3, "All have arrived.");
    return NULL;
}

TEST(right__barriers, .schedules = 5000)
{
    pthread_barrier_init(&barrier, NULL, 3);
    pthread_t a = spawn(meet, (void *)1), b = spawn(meet, (void *)2);

    meet(0);
    join(a);
    join(b);
    pthread_barrier_destroy(&barrier);
}

static void *meet_once(void *where)
{
    if (pthread_barrier_wait(where) == PTHREAD_BARRIER_SERIAL_THREAD) {
        pthread_barrier_destroy(where);
        free(where);
    }
    return NULL;
}

TEST(right__a_barrier_is_destroyed_before_the_other_is_back, .schedules = 1000)
{
    pthread_barrier_t *once_only = malloc(sizeof *once_only);

    pthread_barrier_init(once_only, NULL, 2);
    pthread_t other = spawn(meet_once, once_only);
    meet_once(once_only);
    join(other);
}

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t key;

static void init_once(void)
{
    number++;
    pthread_key_create(&key, free);
}

static void *use_once(void *unused)
{
    pthread_once(&once, init_once);
    check_equal(number, 1, "It was initialised once.");
    pthread_setspecific(key, malloc(10));
    return unused;
}

TEST(right__once_and_keys)
{
    pthread_t a = spawn(use_once, NULL), b = spawn(use_once, NULL);

    use_once(NULL); /* the test's own goes with the test */
    join(a);
    join(b);
}

static atomic_uint next_ticket, served;

static void *count_under_ticket(void *unused)
{
    unsigned ticket = atomic_fetch_add(&next_ticket, 1);

    while (atomic_load(&served) != ticket)
        sched_yield();
    number++;
    atomic_store(&served, ticket + 1);
    return unused;
}

TEST(right__who_spins_has_its_turn)
{
    pthread_t a = spawn(count_under_ticket, NULL), b = spawn(count_under_ticket, NULL);

    count_under_ticket(NULL);
    join(a);
    join(b);
    check_equal(number, 3, "Each had the lock.");
}

static atomic_int inside;

static void *count_when_alone(void *unused)
{
    for (int i = 0; i < 2; i++) {
        while (atomic_fetch_add(&inside, 1) != 0) {
            atomic_fetch_sub(&inside, 1);
            sched_yield();
        }
        number++;
        atomic_fetch_sub(&inside, 1);
    }
    return unused;
}

TEST(right__two_who_spin_do_not_starve_the_third)
{
    pthread_t a = spawn(count_when_alone, NULL), b = spawn(count_when_alone, NULL);

    count_when_alone(NULL);
    join(a);
    join(b);
    check_equal(number, 2 * 3, "Each had the lock.");
}

static pthread_mutex_t other_lock = PTHREAD_MUTEX_INITIALIZER;

static void count_under(pthread_mutex_t *first, pthread_mutex_t *second)
{
    for (; pthread_mutex_lock(first), pthread_mutex_trylock(second) != 0;)
        pthread_mutex_unlock(first);
    number++;
    pthread_mutex_unlock(second);
    pthread_mutex_unlock(first);
}

static void *count_in_the_other_order(void *unused)
{
    count_under(&other_lock, &lock);
    return unused;
}

TEST(right__two_who_step_back_for_each_other)
{
    pthread_t thread = spawn(count_in_the_other_order, NULL);

    count_under(&lock, &other_lock);
    join(thread);
    check_equal(number, 2, "Each had both locks.");
}

static pthread_spinlock_t spinlock;

static void *count_under_spinlock(void *unused)
{
    pthread_spin_lock(&spinlock);
    number++;
    pthread_spin_unlock(&spinlock);
    return unused;
}

TEST(right__spinlocks)
{
    pthread_spin_init(&spinlock, 0);
    pthread_t a = spawn(count_under_spinlock, NULL), b = spawn(count_under_spinlock, NULL);

    join(a);
    join(b);
    pthread_spin_destroy(&spinlock);
}

static mtx_t mutex;
static cnd_t condition;

static int c11_thread(void *arg)
{
    mtx_lock(&mutex);
    *(int *)arg = 1;
    cnd_signal(&condition);
    mtx_unlock(&mutex);
    return 42;
}

TEST(right__threads_h)
{
    int done = 0, result = 0;
    thrd_t thread;

    mtx_init(&mutex, mtx_plain);
    cnd_init(&condition);
    check_equal(thrd_create(&thread, c11_thread, &done), thrd_success, "It starts.");
    mtx_lock(&mutex);
    while (!done)
        cnd_wait(&condition, &mutex);
    mtx_unlock(&mutex);
    thrd_join(thread, &result);
    check_equal(result, 42, "thrd_join gives the result.");
    cnd_destroy(&condition);
    mtx_destroy(&mutex);
}

static void *end_early(void *unused)
{
    (void)unused;
    pthread_exit((void *)3);
}

TEST(right__pthread_exit_and_self)
{
    pthread_t thread;
    void *result;

    check_equal(pthread_create(&thread, NULL, end_early, NULL), 0, "It starts.");
    check(!pthread_equal(thread, pthread_self()), "It is another one.");
    check_equal(pthread_join(thread, &result), 0, "It is joined.");
    check_equal((intptr_t)result, 3, "Its result is what it left with.");
}

static void *nothing(void *unused)
{
    return unused;
}

TEST(right__hundreds_of_threads_one_after_the_other, .once = true)
{
    for (int i = 0; i < 500; i++)
        join(spawn(nothing, NULL));
}

/* --------------------------------------------------------------------------------------- time */

TEST(right__deadlines_on_the_monotonic_clock)
{
    pthread_condattr_t attributes;
    pthread_cond_t cond;
    struct timespec deadline, now;

    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&cond, &attributes);
    pthread_t thread = spawn(broadcast, NULL);
    clock_gettime(CLOCK_MONOTONIC, &deadline);
    deadline.tv_sec += 1;
    pthread_mutex_lock(&lock);
    while (pthread_cond_timedwait(&cond, &lock, &deadline) != ETIMEDOUT) {
    }
    pthread_mutex_unlock(&lock);
    clock_gettime(CLOCK_MONOTONIC, &now);
    check(now.tv_sec > deadline.tv_sec ||
              (now.tv_sec == deadline.tv_sec && now.tv_nsec >= deadline.tv_nsec),
          "It did not return before the deadline.");
    pthread_cond_destroy(&cond);
    join(thread);
}

TEST(right__sleeps_take_no_time, .once = true)
{
    time_t start = time(NULL);

    sleep(1000000);
    check(time(NULL) >= start + 1000000, "Time has passed.");
}

/* ------------------------------------------------------------------- failing, stopping, the rest
 */

static void *hold_the_lock(void *unused)
{
    pthread_mutex_lock(&lock);
    sched_yield();
    pthread_mutex_unlock(&lock);
    return unused;
}

TEST(right__who_waits_for_a_lock_takes_no_nap)
{
    pthread_t thread = spawn(hold_the_lock, NULL);

    for (int i = 0; i < 32; i++) {
        pthread_mutex_lock(&lock);
        pthread_mutex_unlock(&lock);
    }
    check_equal(naps(), 0, "Another thread ended its waits, not the clock.");
    join(thread);
}

TEST(right__a_wait_whose_deadline_has_passed_is_no_nap)
{
    struct timespec past = {.tv_sec = 1};
    sem_t nothing;

    sem_init(&nothing, 0, 0);
    pthread_mutex_lock(&lock);
    for (int i = 0; i < 32; i++) {
        check_equal(sem_timedwait(&nothing, &past), -1, "The deadline has passed.");
        check_equal(pthread_cond_timedwait(&changed, &lock, &past), ETIMEDOUT, "This one too.");
        usleep(0);
    }
    pthread_mutex_unlock(&lock);
    check_equal(naps(), 0, "It asked without sleeping.");
}

TEST(right__each_nap_is_counted_once)
{
    for (int i = 0; i < 32; i++)
        usleep(10);
    check_equal(naps(), 32, "The clock ended them.");
    check_equal(naps(), 0, "None since it last asked.");
}

TEST(right__each_allocation_fails_once, .allocations_fail = true)
{
    void *a = malloc(10), *b = malloc(10);
    pthread_t thread;
    bool started = pthread_create(&thread, NULL, nothing, NULL) == 0;

    check_equal(!a + !b + !started, allocation_has_failed() ? 1 : 0, "One fails, in some runs.");
    check_equal(allocations(), 2, "Two were asked for.");
    free(a);
    free(b);
    if (started)
        join(thread);
}

static void *count_atomically(void *unused)
{
    may_stop(true);
    atomic_fetch_add(&flag, 1);
    atomic_fetch_add(&flag, 1);
    may_stop(false);
    return unused;
}

TEST(right__lock_free, .one_thread_stops = true)
{
    pthread_t a = spawn(count_atomically, NULL), b = spawn(count_atomically, NULL);
    bool ended = join_unless_stopped(a);

    ended = join_unless_stopped(b) && ended;
    check(atomic_load(&flag) == 4 || !ended, "A thread that is not stopped counts.");
}

TEST(right__output_does_no_harm)
{
    char text[40];

    printf("debugging output\n");
    fprintf(stderr, "more of it\n");
    snprintf(text, sizeof text, "%d", 1234);
    check_equal(strlen(text), 4, "snprintf works.");
}

TEST(right__a_long_check_without_a_change, .once = true)
{
    long sum = 0;

    for (int i = 0; i < 5000; i++) {
        pthread_mutex_lock(&lock);
        sum += number;
        pthread_mutex_unlock(&lock);
    }
    check_equal(sum, 0, "Nothing was counted.");
}

static __attribute__((noinline)) void count_to_a_thousand(void)
{
    for (int i = 0; i < 1000; i++)
        atomic_fetch_add(&flag, 1);
}

static void count_for_long(void *unused)
{
    (void)unused;
    for (int i = 0; i < 3100; i++)
        count_to_a_thousand();
}

TEST(right__many_calls_on_a_little_stack_are_not_one_that_does_not_end, .once = true)
{
    with_little_stack(count_for_long, NULL);
    check_equal(atomic_load(&flag), 3100 * 1000, "All are counted.");
}

static atomic_int taken[65536];

/* The first that is free, from the start each time: slow, and right. */
static __attribute__((noinline)) void take_one(void)
{
    for (int i = 0;; i++) {
        int no = 0;
        if (!atomic_load(&taken[i]) && atomic_compare_exchange_strong(&taken[i], &no, 1))
            return;
    }
}

TEST(right__a_slow_way_to_count, .once = true)
{
    for (int i = 0; i < 65536; i++)
        take_one();
}

/* ---------------------------------------------------------------- spinning for a while first */

static void lock_after_looking(void)
{
    for (int look = 0; look < 16; look++) {
        if (pthread_mutex_trylock(&lock) == 0)
            return;
        sched_yield();
    }
    pthread_mutex_lock(&lock);
}

static void *add_and_signal(void *unused)
{
    lock_after_looking();
    number++;
    pthread_cond_signal(&changed);
    pthread_mutex_unlock(&lock);
    return unused;
}

TEST(right__looks_again_before_it_sleeps)
{
    pthread_t a = spawn(add_and_signal, NULL), b = spawn(add_and_signal, NULL);

    lock_after_looking();
    for (int look = 0; number < 2; look++)
        if (look < 16) {
            pthread_mutex_unlock(&lock);
            sched_yield();
            lock_after_looking();
        } else {
            pthread_cond_wait(&changed, &lock);
        }
    pthread_mutex_unlock(&lock);
    join(a);
    join(b);
}

/* ------------------------------------------------------------------- accesses of many sizes */

enum { MANY = 3 * 64 + 8 };
static char *bytes;

/* Under the lock, and so that lines of 64 bytes are accessed as a whole, in part, and across. */
static void *change_bytes(void *from)
{
    static const size_t sizes[] = {64, 1, 128, 8, 3 * 64, 40};
    size_t start = (size_t)from;

    for (unsigned i = 0; i < 6; i++) {
        pthread_mutex_lock(&lock);
        memset(bytes + start, (int)i, start + sizes[i] > MANY ? MANY - start : sizes[i]);
        number += bytes[start];
        pthread_mutex_unlock(&lock);
    }
    return NULL;
}

TEST(right__whole_lines_and_parts_of_them)
{
    bytes = aligned_alloc(64, MANY + 56);
    memset(bytes, 0, MANY);
    pthread_t a = spawn(change_bytes, (void *)0), b = spawn(change_bytes, (void *)64),
              c = spawn(change_bytes, (void *)24);

    join(a);
    join(b);
    join(c);
    memset(bytes, 0, MANY);
    free(bytes);
    check_equal(number, 3 * 15, "Each has changed its own.");
}

static void *change_half(void *half)
{
    memset(half, 1, 64);
    memset(half, 2, 30);
    return NULL;
}

TEST(right__neighbouring_lines)
{
    bytes = aligned_alloc(64, 128);
    memset(bytes, 0, 128);
    pthread_t a = spawn(change_half, bytes), b = spawn(change_half, bytes + 64);

    join(a);
    join(b);
    check_equal(bytes[0] + bytes[127], 3, "Each has changed its own.");
    free(bytes);
}
