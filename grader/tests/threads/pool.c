/* pool.c - what the suites may rely on of grader/suite/thread_pool.h. `pool race` races: a sanitizer has to see it. */
#include "thread_pool.h"

#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum { RUNS = 100 };

static pthread_t started(void *(*body)(void *), void *arg)
{
    pthread_t thread;
    bool could = pool_start(&thread, body, arg);

    assert(could);
    return thread;
}

static _Thread_local int bodies; /* that this thread has run */
static int threads_ended;
static pthread_key_t key;

static void note_end(void *value)
{
    (void)value;
    __atomic_add_fetch(&threads_ended, 1, __ATOMIC_RELAXED);
}

static void *count_bodies(void *arg)
{
    (void)arg;
    pthread_setspecific(key, &key);
    return (void *)(intptr_t)++bodies;
}

/* A thread that was joined is used again in later runs, not in the same one, and not for ever. */
static void threads_serve_again(void)
{
    int most = 0;

    for (int run = 0; run < RUNS; run++) {
        pool_begin_run();
        int first = (int)(intptr_t)pool_join(started(count_bodies, NULL));
        int second = (int)(intptr_t)pool_join(started(count_bodies, NULL));
        assert(run > 0 || (first == 1 && second == 1));
        most = first > most ? first : most;
    }
    assert(most > 1 && most < RUNS / 2);
    assert(pool_idle() == 2);
    pool_end();
    assert(pool_idle() == 0);
    assert(threads_ended > 2 && threads_ended < RUNS);
}

static void *start_and_join(void *arg)
{
    return pool_join(started(count_bodies, arg));
}

/* What a thread of a test starts ends with its body. */
static void others_have_no_pool(void)
{
    for (int run = 0; run < RUNS; run++) {
        pool_begin_run();
        assert(pool_join(started(start_and_join, NULL)) == (void *)1);
    }
    pool_end();
}

static void *join_it(void *thread)
{
    return pool_join(*(pthread_t *)thread);
}

/* Whoever joins gets the result. */
static void another_joins(void)
{
    for (int run = 0; run < RUNS; run++) {
        pool_begin_run();
        pthread_t thread = started(count_bodies, NULL);
        assert(pool_join(started(join_it, &thread)) != NULL);
    }
    pool_end();
}

static void *leave(void *result)
{
    pthread_exit(result);
}

/* A body may call pthread_exit. */
static void a_thread_ends_in_its_body(void)
{
    int result;

    for (int run = 0; run < 3; run++) {
        pool_begin_run();
        assert(pool_join(started(leave, &result)) == &result);
        assert(pool_join(started(count_bodies, NULL)) != NULL);
    }
    pool_end();
}

/* More than are kept. */
static void many_at_once(void)
{
    enum { MANY = 100 };
    pthread_t threads[MANY];

    for (int run = 0; run < 3; run++) {
        pool_begin_run();
        for (int i = 0; i < MANY; i++)
            threads[i] = started(count_bodies, NULL);
        for (int i = 0; i < MANY; i++)
            assert(pool_join(threads[i]) != NULL);
        assert(pool_idle() < MANY / 2);
    }
    pool_end();
}

static volatile int shared;

static void *write_first(void *arg)
{
    (void)arg;
    shared = 1;
    return NULL;
}

static void *write_too(void *arg)
{
    (void)arg;
    shared = 2;
    return NULL;
}

/* Two threads of a run that nothing orders, of which one has ended before the other begins: they have run before. */
static void race(void)
{
    pthread_t threads[2];

    for (int run = 0; run < RUNS; run++) {
        pool_begin_run();
        threads[0] = started(run ? write_first : count_bodies, NULL);
        for (volatile long i = 0; i < 2000000; i++)
            continue;
        threads[1] = started(run ? write_too : count_bodies, NULL);
        pool_join(threads[0]);
        pool_join(threads[1]);
    }
    pool_end();
}

int main(int argc, char **argv)
{
    pthread_key_create(&key, note_end);
    if (argc > 1 && strcmp(argv[1], "race") == 0) {
        race();
        return 0;
    }
    threads_serve_again();
    others_have_no_pool();
    another_joins();
    a_thread_ends_in_its_body();
    many_at_once();
    puts("all of pool.c holds");
    return 0;
}
