/* Two threads count, and neither waits for the other: an update may be lost.    make try FILE=docs/try/lost_update.c */
#include <pthread.h>

static int count;

static void *count_up(void *arg)
{
    count++;
    return arg;
}

int main(void)
{
    pthread_t threads[2];

    for (int i = 0; i < 2; i++)
        pthread_create(&threads[i], NULL, count_up, NULL);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    return 0;
}
