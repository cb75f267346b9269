/* A second thread runs a function beside main, and main waits for its end.    make try FILE=docs/try/create_join.c */
#include <assert.h>
#include <pthread.h>

static int answer;

static void *work(void *arg)
{
    answer = 6 * *(int *)arg;
    return NULL;
}

int main(void)
{
    pthread_t thread;
    int factor = 7;

    pthread_create(&thread, NULL, work, &factor);
    pthread_join(thread, NULL);
    assert(answer == 42);
    return 0;
}
