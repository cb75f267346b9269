/* The flag says that the message is there, and nothing says that the message has arrived.
 * make try FILE=docs/try/publish_relaxed.c */
#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

static int message;
static atomic_bool published;

static void *send(void *arg)
{
    message = 42;
    atomic_store_explicit(&published, true, memory_order_relaxed);
    return arg;
}

int main(void)
{
    pthread_t thread;

    pthread_create(&thread, NULL, send, NULL);
    if (atomic_load_explicit(&published, memory_order_relaxed))
        assert(message == 42);
    pthread_join(thread, NULL);
    return 0;
}
