/* The accesses of store_buffering.c, all in one order that every thread agrees on: at least one sees the new value.
 * make try FILE=docs/try/sequential.c */
#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>

static atomic_int x, y;
static int seen_by_first, seen_by_second;

static void *first(void *arg)
{
    atomic_store_explicit(&x, 1, memory_order_seq_cst);
    seen_by_first = atomic_load_explicit(&y, memory_order_seq_cst);
    return arg;
}

static void *second(void *arg)
{
    atomic_store_explicit(&y, 1, memory_order_seq_cst);
    seen_by_second = atomic_load_explicit(&x, memory_order_seq_cst);
    return arg;
}

int main(void)
{
    pthread_t threads[2];

    pthread_create(&threads[0], NULL, first, NULL);
    pthread_create(&threads[1], NULL, second, NULL);
    pthread_join(threads[0], NULL);
    pthread_join(threads[1], NULL);
    assert(seen_by_first || seen_by_second);
    return 0;
}
