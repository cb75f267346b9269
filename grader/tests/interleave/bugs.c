/* bugs.c - ten mistakes of the shapes that papers on testing threads measure with. What finds how many of
 * them is in the second table of make bench-interleave; that all are found is a test. */
#include "suite.h"

#include <stdatomic.h>
#include <string.h>

static void run_beside(void *(*first)(void *), void *(*second)(void *))
{
    pthread_t one = spawn(first, NULL), other = spawn(second, NULL);

    join(one);
    join(other);
}

/* ------------------------------------------------------- two writes that are to be seen as one */

static atomic_int left, right;

static void *set_both(void *unused)
{
    atomic_store(&left, 1);
    atomic_store(&right, -1);
    return unused;
}

static void *look_at_both(void *unused)
{
    int l = atomic_load(&left), r = atomic_load(&right);

    check((l == 0 && r == 0) || (l == 1 && r == -1), "Both are set, or none is.");
    return unused;
}

TEST(failed__reorder)
{
    pthread_t setters[3];

    for (int i = 0; i < 3; i++)
        setters[i] = spawn(set_both, NULL);
    join(spawn(look_at_both, NULL));
    for (int i = 0; i < 3; i++)
        join(setters[i]);
}

/* ---------------------------------------------------------------------------- a lost update */

static atomic_int visits;

static void *visit_twice(void *unused)
{
    for (int i = 0; i < 2; i++) {
        int before = atomic_load(&visits);
        atomic_store(&visits, before + 1);
    }
    return unused;
}

TEST(failed__lost_update)
{
    run_beside(visit_twice, visit_twice);
    check_equal(atomic_load(&visits), 4, "Each visit counts.");
}

/* ------------------------------------------------- the balance is looked at before the lock */

static pthread_mutex_t account = PTHREAD_MUTEX_INITIALIZER;
static atomic_int balance;

static void *withdraw_six(void *unused)
{
    if (atomic_load(&balance) >= 6) {
        pthread_mutex_lock(&account);
        atomic_fetch_sub(&balance, 6);
        pthread_mutex_unlock(&account);
    }
    return unused;
}

TEST(failed__account)
{
    atomic_store(&balance, 10);
    run_beside(withdraw_six, withdraw_six);
    check(atomic_load(&balance) >= 0, "No account is overdrawn.");
}

/* ---------------------------------- whoever stops the device does not wait for one on its way in */

static atomic_int users;
static atomic_bool stopping, stopped;

static void *use_device(void *unused)
{
    if (!atomic_load(&stopping)) {
        atomic_fetch_add(&users, 1);
        check(!atomic_load(&stopped), "A device that is used is not stopped.");
        atomic_fetch_sub(&users, 1);
    }
    return unused;
}

static void *stop_device(void *unused)
{
    atomic_store(&stopping, true);
    if (atomic_load(&users) == 0)
        atomic_store(&stopped, true);
    return unused;
}

TEST(failed__stop_flag)
{
    run_beside(use_device, stop_device);
}

/* ------------------------------------------------------------------- made twice, when first used */

static atomic_int made;
static atomic_bool is_made;

static void *use_lazily(void *unused)
{
    if (!atomic_load(&is_made)) {
        atomic_fetch_add(&made, 1);
        atomic_store(&is_made, true);
    }
    return unused;
}

TEST(failed__lazy_initialisation)
{
    run_beside(use_lazily, use_lazily);
    check_equal(atomic_load(&made), 1, "It is made once.");
}

/* ------------------------------------------- two producers of a ring are told of the same place */

enum { PLACES = 2 };
static atomic_int ring[PLACES];
static atomic_uint written;

static void *put_one(void *number)
{
    unsigned at = atomic_load(&written);

    atomic_store(&ring[at % PLACES], *(const int *)number);
    atomic_store(&written, at + 1);
    return NULL;
}

TEST(failed__circular_buffer)
{
    int numbers[2] = {3, 4};
    pthread_t one = spawn(put_one, &numbers[0]), other = spawn(put_one, &numbers[1]);

    join(one);
    join(other);
    check_equal(atomic_load(&ring[0]) + atomic_load(&ring[1]), 7,
                "What was put in is in the ring.");
}

/* ------------------------------ the owner and a thief take the last task of a deque, both of them */

static atomic_int top, bottom, taken;

static void *pop(void *unused)
{
    int b = atomic_fetch_sub(&bottom, 1) - 1;

    if (atomic_load(&top) <= b) /* and nobody asks again for the last one */
        atomic_fetch_add(&taken, 1);
    else
        atomic_store(&bottom, b + 1);
    return unused;
}

static void *steal(void *unused)
{
    int t = atomic_load(&top);

    if (t < atomic_load(&bottom)) {
        atomic_store(&top, t + 1);
        atomic_fetch_add(&taken, 1);
    }
    return unused;
}

TEST(failed__work_stealing)
{
    atomic_store(&bottom, 1);
    run_beside(pop, steal);
    check(atomic_load(&taken) <= 1, "A task is taken once.");
}

/* --------------- a text is appended by its length, which is asked for before, and it has shrunk */

static struct text {
    pthread_mutex_t lock;
    int length;
} source = {PTHREAD_MUTEX_INITIALIZER, 8}, target = {PTHREAD_MUTEX_INITIALIZER, 0};

static int length_of(struct text *text)
{
    pthread_mutex_lock(&text->lock);
    int length = text->length;
    pthread_mutex_unlock(&text->lock);
    return length;
}

static void *append(void *unused)
{
    pthread_mutex_lock(&target.lock);
    int length = length_of(&source);
    pthread_mutex_lock(&source.lock);
    check(length <= source.length, "No more is copied than is there.");
    target.length += length;
    pthread_mutex_unlock(&source.lock);
    pthread_mutex_unlock(&target.lock);
    return unused;
}

static void *shorten(void *unused)
{
    pthread_mutex_lock(&source.lock);
    source.length = 1;
    pthread_mutex_unlock(&source.lock);
    return unused;
}

TEST(failed__string_buffer)
{
    run_beside(append, shorten);
}

/* ----------------------------------------------- two threads go on in the other order they began */

static atomic_uint gone;
static char order[5];
static pthread_barrier_t start;

static void go(char name)
{
    order[atomic_fetch_add(&gone, 1)] = name;
}

static void *go_first(void *unused)
{
    pthread_barrier_wait(&start);
    go('a');
    go('A');
    return unused;
}

static void *go_second(void *unused)
{
    pthread_barrier_wait(&start);
    go('b');
    go('B');
    return unused;
}

static void *go_between(void *unused)
{
    pthread_barrier_wait(&start);
    go('c');
    return unused;
}

TEST(failed__last_in_first_out)
{
    pthread_barrier_init(&start, NULL, 3);
    pthread_t between = spawn(go_between, NULL);
    run_beside(go_first, go_second);
    join(between);
    check(memcmp(order, "abcBA", sizeof order) != 0, "The one that began last does not end first.");
    pthread_barrier_destroy(&start);
}

/* ------------------------------------------------------------------- of many switches, each needed */

static atomic_int odd = 1, even = 1;

static void *add_to_odd(void *rounds)
{
    for (int i = 0; i < (int)(intptr_t)rounds; i++)
        odd = odd + even;
    return NULL;
}

static void *add_to_even(void *rounds)
{
    for (int i = 0; i < (int)(intptr_t)rounds; i++)
        even = even + odd;
    return NULL;
}

/* Only if they take turns at each round, one ends with the highest number there is. */
static void fibonacci(intptr_t rounds, int highest)
{
    pthread_t a = spawn(add_to_odd, (void *)rounds), b = spawn(add_to_even, (void *)rounds);

    join(a);
    join(b);
    check(odd < highest && even < highest, "Never the highest.");
}

TEST(failed__fibonacci_of_three_rounds)
{
    fibonacci(3, 21);
}

TEST(failed__fibonacci_of_four_rounds)
{
    fibonacci(4, 55);
}
