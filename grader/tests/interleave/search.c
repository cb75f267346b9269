/* search.c - small scenarios whose executions can be counted. Run by search_main.c. */
#include "suite.h"

#include <linux/futex.h>
#include <poll.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

/* ---------------------------------------------------- senders and a receiver, mutex and condition */

static struct {
    pthread_mutex_t lock;
    pthread_cond_t readable;
    int queued, senders;
} channel = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0, 0};

static void *send(void *messages)
{
    for (int i = 0; i < (int)(intptr_t)messages; i++) {
        pthread_mutex_lock(&channel.lock);
        channel.queued++;
        pthread_cond_signal(&channel.readable);
        pthread_mutex_unlock(&channel.lock);
    }
    pthread_mutex_lock(&channel.lock);
    if (--channel.senders == 0)
        pthread_cond_signal(&channel.readable);
    pthread_mutex_unlock(&channel.lock);
    return NULL;
}

static bool recv(void)
{
    pthread_mutex_lock(&channel.lock);
    while (!channel.queued && channel.senders)
        pthread_cond_wait(&channel.readable, &channel.lock);
    bool got = channel.queued;
    channel.queued -= got;
    pthread_mutex_unlock(&channel.lock);
    return got;
}

static void channel_of(int senders, intptr_t messages)
{
    pthread_t threads[2];

    channel.senders = senders;
    for (int i = 0; i < senders; i++)
        threads[i] = spawn(send, (void *)messages);
    while (recv()) {
    }
    for (int i = 0; i < senders; i++)
        join(threads[i]);
}

TEST(channel_1x1)
{
    channel_of(1, 1);
}
TEST(channel_1x3)
{
    channel_of(1, 3);
}
TEST(channel_2x1)
{
    channel_of(2, 1);
}
TEST(channel_2x2)
{
    channel_of(2, 2);
}
TEST(channel_2x3)
{
    channel_of(2, 3);
}

/* The first message has come before anything is explored. */
static void one_then_another(bool is_explored)
{
    pthread_t threads[2];

    exploring(is_explored);
    channel.senders = 2;
    threads[0] = spawn(send, (void *)1);
    recv();
    exploring(true);
    threads[1] = spawn(send, (void *)1);
    while (recv()) {
    }
    join(threads[0]);
    join(threads[1]);
}

TEST(channel_begun)
{
    one_then_another(false);
}
TEST(channel_from_the_beginning)
{
    one_then_another(true);
}

/* --------------------------------------------------------------------------------- atomics */

static atomic_int x, y, z;

static void *fib_first(void *rounds)
{
    for (int i = 0; i < (int)(intptr_t)rounds; i++)
        x = x + y;
    return NULL;
}

static void *fib_second(void *rounds)
{
    for (int i = 0; i < (int)(intptr_t)rounds; i++)
        y = y + x;
    return NULL;
}

static void fib(intptr_t rounds)
{
    pthread_t a = spawn(fib_first, (void *)rounds), b = spawn(fib_second, (void *)rounds);

    join(a);
    join(b);
}

TEST(fib_1)
{
    fib(1);
}
TEST(fib_2)
{
    fib(2);
}

static void *store_x(void *unused)
{
    atomic_store_explicit(&x, 1, memory_order_relaxed);
    atomic_thread_fence(memory_order_seq_cst);
    atomic_load_explicit(&y, memory_order_relaxed);
    return unused;
}

static void *store_y(void *unused)
{
    atomic_store_explicit(&y, 1, memory_order_seq_cst);
    atomic_load_explicit(&x, memory_order_acquire);
    return unused;
}

static void *add_z(void *unused)
{
    int expected = 0;

    atomic_fetch_add_explicit(&z, 1, memory_order_release);
    atomic_compare_exchange_weak(&z, &expected, 7);
    return unused;
}

static void *exchange_in_vain(void *unused)
{
    int expected = 7;

    atomic_compare_exchange_strong(&x, &expected, 8);
    return unused;
}

static void *load_x(void *unused)
{
    atomic_load_explicit(&x, memory_order_relaxed);
    return unused;
}

static void run_two(void *(*one)(void *), void *(*two)(void *))
{
    pthread_t a = spawn(one, NULL), b = spawn(two, NULL);

    join(a);
    join(b);
}

static void run_three(void *(*one)(void *), void *(*two)(void *), void *(*three)(void *))
{
    pthread_t a = spawn(one, NULL), b = spawn(two, NULL), c = spawn(three, NULL);

    join(a);
    join(b);
    join(c);
}

TEST(store_and_load)
{
    run_two(store_x, store_y);
}
TEST(exchanges)
{
    run_two(add_z, add_z);
}
TEST(exchanges_in_vain)
{
    run_two(exchange_in_vain, exchange_in_vain);
}
TEST(exchanges_in_vain_and_a_store)
{
    run_three(exchange_in_vain, exchange_in_vain, store_x);
}
TEST(reads_and_writes)
{
    run_three(store_x, load_x, load_x);
}

/* ------------------------------------------------------------------------- locks of other kinds */

static pthread_mutex_t first = PTHREAD_MUTEX_INITIALIZER, second = PTHREAD_MUTEX_INITIALIZER;
static pthread_rwlock_t shared = PTHREAD_RWLOCK_INITIALIZER;
static pthread_once_t once_only = PTHREAD_ONCE_INIT;
static pthread_barrier_t barrier;
static pthread_spinlock_t spin;
static sem_t tokens;

static void *both(void *unused)
{
    pthread_mutex_lock(&first);
    x = 1;
    pthread_mutex_lock(&second);
    pthread_mutex_unlock(&first);
    y = 1;
    pthread_mutex_unlock(&second);
    return unused;
}

static void *one_each(void *unused)
{
    pthread_mutex_lock(&second);
    z = 1;
    pthread_mutex_unlock(&second);
    pthread_mutex_lock(&first);
    pthread_mutex_unlock(&first);
    return unused;
}

static void *read_locked(void *unused)
{
    pthread_rwlock_rdlock(&shared);
    atomic_load(&x);
    pthread_rwlock_unlock(&shared);
    return unused;
}

static void *write_locked(void *unused)
{
    pthread_rwlock_wrlock(&shared);
    x = 2;
    pthread_rwlock_unlock(&shared);
    return unused;
}

static void *try_first(void *unused)
{
    if (pthread_mutex_trylock(&first) == 0)
        pthread_mutex_unlock(&first);
    pthread_mutex_lock(&second);
    pthread_mutex_unlock(&second);
    return unused;
}

static void init_x(void)
{
    x = 5;
}

static void *init_once(void *unused)
{
    pthread_once(&once_only, init_x);
    atomic_load(&x);
    return unused;
}

static void *meet(void *unused)
{
    pthread_barrier_wait(&barrier);
    x = 1;
    return unused;
}

static void *spin_once(void *unused)
{
    pthread_spin_lock(&spin);
    y = 1;
    pthread_spin_unlock(&spin);
    return unused;
}

static void *post_two(void *unused)
{
    sem_post(&tokens);
    sem_post(&tokens);
    return unused;
}

static void *take_and_post(void *times)
{
    for (int i = 0; i < (int)(intptr_t)times; i++) {
        sem_wait(&tokens);
        sem_post(&tokens);
    }
    return NULL;
}

static void semaphore_locks(intptr_t times)
{
    sem_init(&tokens, 0, 1);
    pthread_t a = spawn(take_and_post, (void *)times), b = spawn(take_and_post, (void *)times);
    join(a);
    join(b);
    sem_destroy(&tokens);
}

static void *take(void *unused)
{
    while (sem_wait(&tokens)) {
    }
    x = 1;
    return unused;
}

TEST(locks_in_chain)
{
    run_two(both, one_each);
}
TEST(read_write_locks)
{
    run_three(read_locked, read_locked, write_locked);
}

TEST(trylock)
{
    run_two(both, try_first);
}
TEST(trylocks)
{
    run_two(try_first, try_first);
}
TEST(semaphore_as_lock)
{
    semaphore_locks(2);
}

TEST(initialised_once)
{
    run_two(init_once, init_once);
}

TEST(at_a_barrier)
{
    pthread_barrier_init(&barrier, NULL, 2);
    pthread_t a = spawn(meet, NULL), b = spawn(meet, NULL);
    join(a);
    join(b);
    pthread_barrier_destroy(&barrier);
}

TEST(spin_locks)
{
    pthread_spin_init(&spin, 0);
    run_two(spin_once, spin_once);
    pthread_spin_destroy(&spin);
}

TEST(semaphores)
{
    sem_init(&tokens, 0, 0);
    run_two(take, post_two);
    sem_destroy(&tokens);
}

/* --------------------------------------------------------------------------------------- futexes */

static _Atomic uint32_t word;

static void *sleep_on_word(void *unused)
{
    while (atomic_load(&word) == 0)
        syscall(SYS_futex, &word, FUTEX_WAIT, 0, NULL, NULL, 0);
    return unused;
}

static void *set_word(void *most)
{
    atomic_fetch_add(&word, 1);
    syscall(SYS_futex, &word, FUTEX_WAKE, (int)(intptr_t)most, NULL, NULL, 0);
    return NULL;
}

TEST(futexes)
{
    pthread_t thread = spawn(sleep_on_word, NULL);

    set_word((void *)1);
    join(thread);
    check_equal(word, 1, "It was set.");
}

TEST(futex_of_two)
{
    pthread_t a = spawn(sleep_on_word, NULL), b = spawn(sleep_on_word, NULL);

    set_word((void *)1);
    set_word((void *)1);
    join(a);
    join(b);
}

/* ----------------------------------------------------------------------------------------- files */

static int bell, ends[2];

static void *ring_and_write(void *unused)
{
    eventfd_write(bell, 1);
    write(ends[1], "x", 1);
    return unused;
}

static void *poll_and_read(void *unused)
{
    struct pollfd files[] = {{bell, POLLIN, 0}, {ends[0], POLLIN, 0}};
    char bytes[8];

    for (int got = 0; got < 2;) {
        poll(files, 2, -1);
        for (int i = 0; i < 2; i++)
            got += files[i].revents && read(files[i].fd, bytes, 8) > 0;
    }
    return unused;
}

TEST(files)
{
    bell = eventfd(0, 0);
    pipe(ends);
    run_two(ring_and_write, poll_and_read);
    close(bell), close(ends[0]), close(ends[1]);
}

/* ----------------------------------------------------------------------- time, and what comes early */

static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static int number;

static struct timespec in(long milliseconds)
{
    struct timespec when;

    clock_gettime(CLOCK_REALTIME, &when);
    when.tv_nsec += milliseconds * 1000000;
    if (when.tv_nsec >= 1000000000) {
        when.tv_nsec -= 1000000000;
        when.tv_sec++;
    }
    return when;
}

static void *wait_a_little(void *milliseconds)
{
    struct timespec when = in((long)(intptr_t)milliseconds);

    pthread_mutex_lock(&first);
    while (!number && pthread_cond_timedwait(&changed, &first, &when) == 0) {
    }
    number--;
    pthread_mutex_unlock(&first);
    return NULL;
}

static void *change(void *unused)
{
    pthread_mutex_lock(&first);
    number++;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&first);
    return unused;
}

static void *take_in_time(void *unused)
{
    struct timespec when = in(10);

    sem_timedwait(&tokens, &when);
    x = 1;
    return unused;
}

static void *lock_in_time(void *unused)
{
    struct timespec when = in(10);

    if (pthread_mutex_timedlock(&first, &when) == 0)
        pthread_mutex_unlock(&first);
    return unused;
}

TEST(time_out)
{
    pthread_t a = spawn(wait_a_little, (void *)10), b = spawn(change, NULL);

    join(a);
    join(b);
}

TEST(time_outs)
{
    pthread_t a = spawn(wait_a_little, (void *)10), b = spawn(wait_a_little, (void *)20);

    join(a);
    join(b);
}

TEST(semaphore_in_time)
{
    sem_init(&tokens, 0, 0);
    pthread_t a = spawn(take_in_time, NULL), b = spawn(post_two, NULL);
    join(a);
    join(b);
    sem_destroy(&tokens);
}

TEST(mutex_in_time)
{
    pthread_t a = spawn(lock_in_time, NULL), b = spawn(both, NULL);

    join(a);
    join(b);
}

TEST(settles)
{
    pthread_t a = spawn(wait_a_little, (void *)100000), b = spawn(both, NULL);

    settle();
    change(NULL);
    join(a);
    join(b);
}
