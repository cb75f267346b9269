/* sleeps.c - what a thread may sleep on besides locks: what is right passes, and each mistake gets its verdict.
 * A test's name begins with the verdict. */
#include "suite.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/select.h>
#include <sys/socket.h>
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

static void *sleep_until_woken(void *unused)
{
    while (atomic_load(&word) == 0)
        if (futex(&word, FUTEX_WAIT, 0) != 0)
            check_equal(errno, EAGAIN, "Only that the word is another ends it.");
    return unused;
}

TEST(failed__futex_sleeps_on_after_a_signal, .hint = "errno is 4")
{
    pthread_t a = spawn(sleep_until_woken, NULL), b = spawn(set_and_wake, NULL);

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

/* -------------------------------------------------------------------- eventfds, pipes and sockets */

static int bell, ends[2], other_ends[2];

static void *ring(void *times)
{
    data++;
    for (intptr_t i = 0; i < (intptr_t)times; i++)
        check_equal(eventfd_write(bell, 1), 0, "There is room.");
    return NULL;
}

static void *wait_for_ring(void *unused)
{
    uint64_t rung = 0;

    check_equal(read(bell, &rung, sizeof rung), sizeof rung, "It sleeps until there is something.");
    check(rung > 0, "There is something.");
    check_equal(data, 1, "What came before is seen.");
    return unused;
}

TEST(right__eventfd)
{
    bell = eventfd(0, EFD_CLOEXEC);
    pthread_t a = spawn(wait_for_ring, NULL), b = spawn(ring, (void *)2);

    join(a);
    join(b);
    close(bell);
}

static void *wait_twice(void *unused)
{
    wait_for_ring(NULL);
    wait_for_ring(NULL);
    return unused;
}

TEST(deadlock__an_eventfd_read_twice, .hint = "sleeps in read on")
{
    bell = eventfd(0, 0);
    pthread_t a = spawn(wait_twice, NULL), b = spawn(ring, (void *)2);

    join(a);
    join(b);
}

TEST(right__an_eventfd_that_counts_down)
{
    bell = eventfd(0, EFD_SEMAPHORE);
    pthread_t a = spawn(wait_twice, NULL), b = spawn(ring, (void *)2);

    join(a);
    join(b);
    close(bell);
}

TEST(right__what_eventfd_says)
{
    uint64_t value = UINT64_MAX;
    bell = eventfd(3, EFD_NONBLOCK);

    check(bell >= 0 && bell < 1024, "It is a descriptor, also for select.");
    check_equal(write(bell, &value, sizeof value), -1, "So much is no number.");
    check_equal(errno, EINVAL, "So much is no number.");
    check_equal(read(bell, &value, 7), -1, "It needs eight bytes.");
    check_equal(errno, EINVAL, "It needs eight bytes.");
    check_equal(read(bell, &value, 8), 8, "It needs eight bytes.");
    check_equal(value, 3, "So many there were.");
    check_equal(read(bell, &value, 8), -1, "Now there are none.");
    check_equal(errno, EAGAIN, "Now there are none.");
    value = UINT64_MAX - 1;
    check_equal(write(bell, &value, 8), 8, "It is full.");
    check_equal(eventfd_write(bell, 1), -1, "It is full.");
    check_equal(errno, EAGAIN, "It is full.");
    check_equal(fcntl(bell, F_GETFL) & O_NONBLOCK, O_NONBLOCK, "It was asked for.");
    close(bell);
    check_equal(write(-1, "", 1), -1, "That is none.");
    check_equal(errno, EBADF, "That is none.");
}

TEST(misuse__read_after_close, .hint = "closed before")
{
    uint64_t value;
    bell = eventfd(3, 0);

    close(bell);
    read(bell, &value, sizeof value);
}

TEST(use_after_free__closed_while_somebody_reads)
{
    bell = eventfd(0, 0);
    pthread_t thread = spawn(wait_for_ring, NULL);

    settle();
    close(bell);
    join(thread);
}

static void *send_bytes(void *text)
{
    data = 1;
    check_equal(write(ends[1], text, strlen(text)), strlen(text), "There is room.");
    close(ends[1]);
    return NULL;
}

static void *receive_bytes(void *text)
{
    char got[20] = "";
    ssize_t n, all = 0;

    while ((n = read(ends[0], got + all, 2)) > 0)
        all += n;
    check_equal(n, 0, "It ends when nobody can write any more.");
    check(strcmp(got, text) == 0, "They come in order.");
    check_equal(data, 1, "What came before is seen.");
    return NULL;
}

TEST(right__pipe)
{
    pipe(ends);
    pthread_t a = spawn(receive_bytes, "hello"), b = spawn(send_bytes, "hello");

    join(a);
    join(b);
    close(ends[0]);
}

TEST(right__socketpair)
{
    socketpair(AF_UNIX, SOCK_STREAM, 0, ends);
    pthread_t a = spawn(receive_bytes, "hello"), b = spawn(send_bytes, "hello");

    join(a);
    join(b);
    close(ends[0]);
}

static void *fill(void *bytes)
{
    for (intptr_t i = 0; i < (intptr_t)bytes; i += 1024)
        write(ends[1], (char[1024]){0}, 1024);
    return NULL;
}

TEST(right__a_pipe_that_is_full_and_no_more)
{
    pipe(ends);
    fill((void *)65536);
    check_equal(fcntl(ends[1], F_SETFL, O_NONBLOCK), 0, "It may be asked not to wait.");
    check_equal(write(ends[1], "", 1), -1, "It is full.");
    check_equal(errno, EAGAIN, "It is full.");
    close(ends[0]);
    close(ends[1]);
}

TEST(deadlock__a_pipe_that_fills, .hint = "sleeps in write on")
{
    pipe(ends);
    pthread_t thread = spawn(fill, (void *)(65536 + 1024));

    join(thread);
}

TEST(deadlock__a_socket_that_fills)
{
    socketpair(AF_UNIX, SOCK_DGRAM, 0, ends);
    for (int i = 0; i < 279; i++)
        send(ends[0], "x", 1, 0);
}

static void *drain(void *bytes)
{
    for (intptr_t got = 0; got < (intptr_t)bytes; got += read(ends[0], (char[4096]){0}, 4096))
        ;
    return NULL;
}

TEST(right__a_full_pipe_waits_for_the_reader, .schedules = 50)
{
    pipe(ends);
    pthread_t a = spawn(fill, (void *)(65536 + 4096)), b = spawn(drain, (void *)(65536 + 4096));

    join(a);
    join(b);
    close(ends[0]);
    close(ends[1]);
}

TEST(crashed__a_pipe_that_nobody_reads, .hint = "SIGPIPE")
{
    pipe(ends);
    close(ends[0]);
    write(ends[1], "", 1);
}

TEST(right__packets_of_a_socket)
{
    char got[8] = "";
    int n = 0;

    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, ends);
    send(ends[0], "abc", 3, 0);
    send(ends[0], "de", 2, 0);
    check_equal(recv(ends[1], got, 2, 0), 2, "A packet at a time.");
    check_equal(recv(ends[1], got, 8, 0), 2, "What is left of one is lost.");
    check(got[0] == 'd', "The next one.");
    check_equal(recv(ends[1], got, 8, 0), -1, "None is left.");
    check_equal(errno, EAGAIN, "None is left.");
    check_equal(ioctl(ends[1], FIONREAD, &n), 0, "It can be asked.");
    check_equal(n, 0, "None is left.");
    close(ends[1]);
    check_equal(send(ends[0], "x", 1, MSG_NOSIGNAL), -1, "Nobody is there.");
    check_equal(errno, EPIPE, "Nobody is there.");
    close(ends[0]);
}

/* ---------------------------------------------------------------------------- several at a time */

static void *ring_one(void *which)
{
    data = 1;
    write(which ? ends[1] : other_ends[1], "x", 1);
    return NULL;
}

static void drain_ready(int descriptor)
{
    char byte;

    check_equal(read(descriptor, &byte, 1), 1, "It was said to be ready.");
    check_equal(data, 1, "What came before is seen.");
}

static void *poll_both(void *unused)
{
    struct pollfd both[] = {{ends[0], POLLIN, 0}, {other_ends[0], POLLIN, 0}, {-1, POLLIN, 0}};

    check_equal(poll(both, 3, -1), 1, "One is ready.");
    drain_ready(both[0].revents ? ends[0] : other_ends[0]);
    return unused;
}

static void *select_both(void *unused)
{
    int highest = ends[0] > other_ends[0] ? ends[0] : other_ends[0];
    fd_set both;

    FD_ZERO(&both);
    FD_SET(ends[0], &both);
    FD_SET(other_ends[0], &both);
    check_equal(select(highest + 1, &both, NULL, NULL, NULL), 1, "One is ready.");
    drain_ready(FD_ISSET(ends[0], &both) ? ends[0] : other_ends[0]);
    return unused;
}

static void *epoll_both(void *unused)
{
    int epoll = epoll_create1(0);
    struct epoll_event one = {EPOLLIN, {.fd = ends[0]}}, other = {EPOLLIN, {.fd = other_ends[0]}},
                       event;

    check_equal(epoll_ctl(epoll, EPOLL_CTL_ADD, ends[0], &one), 0, "It is watched.");
    check_equal(epoll_ctl(epoll, EPOLL_CTL_ADD, other_ends[0], &other), 0, "It is watched.");
    check_equal(epoll_ctl(epoll, EPOLL_CTL_ADD, ends[0], &one), -1, "It is already.");
    check_equal(errno, EEXIST, "It is already.");
    check_equal(epoll_wait(epoll, &event, 1, -1), 1, "One is ready.");
    drain_ready(event.data.fd);
    check_equal(epoll_wait(epoll, &event, 1, 0), 0, "No more.");
    close(epoll);
    return unused;
}

static void wait_for_either(void *(*wait)(void *), void *which)
{
    pipe(ends);
    pipe(other_ends);
    pthread_t a = spawn(wait, NULL), b = spawn(ring_one, which);

    join(a);
    join(b);
    close(ends[0]), close(ends[1]), close(other_ends[0]), close(other_ends[1]);
}

/* 584 years, which a count of nanoseconds in 64 bits takes for a third of a second. */
static const struct timespec longest = {18446744074, 0};

static void *ppoll_both(void *unused)
{
    struct pollfd both[] = {{ends[0], POLLIN, 0}, {other_ends[0], POLLIN, 0}};

    check_equal(ppoll(both, 2, &longest, NULL), 1, "One is ready.");
    drain_ready(both[0].revents ? ends[0] : other_ends[0]);
    return unused;
}

static void *pselect_both(void *unused)
{
    fd_set both;

    FD_ZERO(&both);
    FD_SET(ends[0], &both);
    FD_SET(other_ends[0], &both);
    check_equal(pselect(FD_SETSIZE, &both, NULL, NULL, &longest, NULL), 1, "One is ready.");
    drain_ready(FD_ISSET(ends[0], &both) ? ends[0] : other_ends[0]);
    return unused;
}

static void *select_both_for_ever(void *unused)
{
    struct timeval for_ever = {longest.tv_sec, 0};
    fd_set both;

    FD_ZERO(&both);
    FD_SET(ends[0], &both);
    FD_SET(other_ends[0], &both);
    check_equal(select(FD_SETSIZE, &both, NULL, NULL, &for_ever), 1, "One is ready.");
    drain_ready(FD_ISSET(ends[0], &both) ? ends[0] : other_ends[0]);
    return unused;
}

static void wait_for_centuries(void *(*wait)(void *))
{
    pipe(ends);
    pipe(other_ends);
    pthread_t waiting = spawn(wait, NULL);

    nanosleep(&(struct timespec){.tv_sec = 1}, NULL);
    ring_one(NULL);
    join(waiting);
    close(ends[0]), close(ends[1]), close(other_ends[0]), close(other_ends[1]);
}

TEST(right__ppoll_for_centuries)
{
    wait_for_centuries(ppoll_both);
}

TEST(right__pselect_for_centuries)
{
    wait_for_centuries(pselect_both);
}

TEST(right__select_for_centuries)
{
    wait_for_centuries(select_both_for_ever);
}

TEST(right__poll)
{
    wait_for_either(poll_both, "");
}

TEST(right__select)
{
    wait_for_either(select_both, NULL);
}

TEST(right__epoll)
{
    wait_for_either(epoll_both, NULL);
}

/* An edge is told once, and again only when more has come. */
TEST(right__epoll_edges)
{
    int epoll = epoll_create1(0);
    struct epoll_event event = {EPOLLIN | EPOLLET, {.u32 = 7}};

    pipe(ends);
    epoll_ctl(epoll, EPOLL_CTL_ADD, ends[0], &event);
    write(ends[1], "a", 1);
    check_equal(epoll_wait(epoll, &event, 1, 0), 1, "There is something.");
    check_equal(event.data.u32, 7, "With what it was given.");
    check_equal(epoll_wait(epoll, &event, 1, 10), 0, "It has been told.");
    write(ends[1], "b", 1);
    check_equal(epoll_wait(epoll, &event, 1, 10), 1, "There is more.");
    close(epoll), close(ends[0]), close(ends[1]);
}

static void *wait_for_an_edge(void *descriptor)
{
    struct epoll_event event;
    char byte;

    for (int got = 0; got < 2; got++) {
        epoll_wait((int)(intptr_t)descriptor, &event, 1, -1);
        read(ends[0], &byte, 1);
    }
    return NULL;
}

TEST(deadlock__an_edge_is_told_once, .hint = "sleeps in epoll_wait on")
{
    int epoll = epoll_create1(0);
    struct epoll_event event = {EPOLLIN | EPOLLET, {.u32 = 7}};

    pipe(ends);
    epoll_ctl(epoll, EPOLL_CTL_ADD, ends[0], &event);
    pthread_t thread = spawn(wait_for_an_edge, (void *)(intptr_t)epoll);
    write(ends[1], "ab", 2);
    join(thread);
}

TEST(right__poll_in_time)
{
    uint64_t before = now_in_ms(CLOCK_MONOTONIC);
    pipe(ends);
    struct pollfd one = {ends[0], POLLIN, 0};

    check_equal(poll(&one, 1, 30), 0, "Nobody writes.");
    check(now_in_ms(CLOCK_MONOTONIC) >= before + 30, "It has passed.");
    close(ends[1]);
    check_equal(poll(&one, 1, -1), 1, "Nobody will.");
    check_equal(one.revents, POLLHUP, "Nobody will.");
    close(ends[0]);
}

/* The byte that wakes is written by whoever sees that somebody sleeps: a look, and then a sleep, with the lock. */
static void *poll_again_and_again(void *unused)
{
    struct pollfd one = {ends[0], POLLIN, 0};

    while (!atomic_load(&word))
        poll(&one, 1, 10);
    return unused;
}

TEST(no_progress__polls_a_pipe, .hint = "polls")
{
    pipe(ends);
    pthread_t thread = spawn(poll_again_and_again, NULL);

    settle();
    atomic_store(&word, 1);
    join(thread);
}

/* --------------------------------------------------------------------------------------- signals */

static sigset_t usr1;
static volatile sig_atomic_t handled;

static void block_usr1(void)
{
    sigemptyset(&usr1);
    sigaddset(&usr1, SIGUSR1);
    check_equal(pthread_sigmask(SIG_BLOCK, &usr1, NULL), 0,
                "It is blocked, in threads started later, too.");
}

static void *sleep_for_usr1(void *unused)
{
    int number = 0;

    while (!atomic_load(&word))
        check_equal(sigwait(&usr1, &number), 0, "It waits.");
    check_equal(data, 1, "What came before is seen.");
    return unused;
}

static void set_and_kill(pthread_t thread)
{
    data = 1;
    atomic_store(&word, 1);
    check_equal(pthread_kill(thread, SIGUSR1), 0, "It is sent.");
}

/* A signal that is blocked stays until it is waited for: a token that can't get lost. */
TEST(right__sigwait_and_pthread_kill)
{
    block_usr1();
    pthread_t thread = spawn(sleep_for_usr1, NULL);

    set_and_kill(thread);
    join(thread);
}

TEST(deadlock__signalled_before_the_store)
{
    block_usr1();
    pthread_t thread = spawn(sleep_for_usr1, NULL);

    pthread_kill(thread, SIGUSR1);
    data = 1;
    atomic_store(&word, 1);
    join(thread);
}

static void *sleep_for_two(void *unused)
{
    int number;

    sigwait(&usr1, &number);
    sigwait(&usr1, &number);
    return unused;
}

TEST(deadlock__two_signals_of_a_kind_are_one)
{
    block_usr1();
    pthread_t thread = spawn(sleep_for_two, NULL);

    pthread_kill(thread, SIGUSR1);
    pthread_kill(thread, SIGUSR1);
    join(thread);
}

static void *sleep_for_usr1_unblocked(void *unused)
{
    pthread_sigmask(SIG_UNBLOCK, &usr1, NULL);
    return sleep_for_usr1(unused);
}

TEST(crashed__a_signal_that_is_not_blocked, .hint = "neither blocks nor handles")
{
    block_usr1();
    pthread_t thread = spawn(sleep_for_usr1_unblocked, NULL);

    set_and_kill(thread);
    join(thread);
}

TEST(right__sigtimedwait)
{
    block_usr1();
    uint64_t before = now_in_ms(CLOCK_MONOTONIC);
    siginfo_t info;

    check_equal(sigtimedwait(&usr1, &info, &(struct timespec){0, 30000000}), -1, "None is sent.");
    check_equal(errno, EAGAIN, "None is sent.");
    check(now_in_ms(CLOCK_MONOTONIC) >= before + 30, "It has passed.");
    kill(getpid(), SIGUSR1);
    sigset_t pending;
    sigpending(&pending);
    check_equal(sigismember(&pending, SIGUSR1), 1, "It waits for somebody.");
    check_equal(sigwaitinfo(&usr1, &info), SIGUSR1, "One was.");
    check_equal(info.si_signo, SIGUSR1, "It says so.");
}

static void count_handled(int number)
{
    handled += number == SIGUSR1;
}

static void *suspend_until_handled(void *unused)
{
    sigset_t none;

    sigemptyset(&none);
    while (!handled)
        check_equal(sigsuspend(&none), -1, "It is interrupted.");
    return unused;
}

TEST(right__sigsuspend_and_a_handler)
{
    block_usr1();
    check(signal(SIGUSR1, count_handled) == SIG_DFL, "There was none.");
    pthread_t thread = spawn(suspend_until_handled, NULL);

    pthread_kill(thread, SIGUSR1);
    join(thread);
}

static void *pause_until_handled(void *unused)
{
    while (!handled)
        pause();
    return unused;
}

/* The signal comes between the look and the sleep. */
TEST(deadlock__pause_after_the_signal)
{
    signal(SIGUSR1, count_handled);
    pthread_t thread = spawn(pause_until_handled, NULL);

    pthread_kill(thread, SIGUSR1);
    join(thread);
}

static void write_a_byte(int number)
{
    write(ends[1], "x", number == SIGUSR1);
}

static void *poll_for_a_signal(void *unused)
{
    struct pollfd one = {ends[0], POLLIN, 0};

    while (poll(&one, 1, -1) == -1)
        check_equal(errno, EINTR, "The handler has run meanwhile.");
    return unused;
}

TEST(right__a_handler_writes_to_a_pipe)
{
    pipe(ends);
    signal(SIGUSR1, write_a_byte);
    pthread_t thread = spawn(poll_for_a_signal, NULL);

    pthread_kill(thread, SIGUSR1);
    join(thread);
    close(ends[0]), close(ends[1]);
}

TEST(right__sigpipe_may_be_ignored)
{
    signal(SIGPIPE, SIG_IGN);
    pipe(ends);
    close(ends[0]);
    check_equal(write(ends[1], "", 1), -1, "Nobody reads.");
    check_equal(errno, EPIPE, "Nobody reads.");
    close(ends[1]);
}

static void *nap(void *unused)
{
    struct timespec left = {1, 0};

    while (nanosleep(&left, &left) == -1)
        check_equal(errno, EINTR, "It may be interrupted.");
    return unused;
}

TEST(right__a_nap_that_is_interrupted)
{
    uint64_t before = now_in_ms(CLOCK_MONOTONIC);
    signal(SIGUSR1, count_handled);
    pthread_t thread = spawn(nap, NULL);

    pthread_kill(thread, SIGUSR1);
    join(thread);
    check(now_in_ms(CLOCK_MONOTONIC) >= before + 1000, "It slept on.");
    check(handled <= 1, "It may have slept enough before.");
}
