/* pin.c - preloaded into a program, keeps each of its threads on one processor: the first on the
 * first, the second on the second, and when there are no more, from the first on. Without it the
 * system moves them as it likes. */
#include <dlfcn.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>

struct start {
    void *(*function)(void *);
    void *argument;
    int number;
};

static cpu_set_t processors;
static atomic_int threads;

__attribute__((constructor)) static void look(void)
{
    sched_getaffinity(0, sizeof processors, &processors);
}

static void stay_on(int number)
{
    int left = number % CPU_COUNT(&processors), processor = 0;
    cpu_set_t one;

    while (!CPU_ISSET(processor, &processors) || left-- > 0)
        processor++;
    CPU_ZERO(&one);
    CPU_SET(processor, &one);
    sched_setaffinity(0, sizeof one, &one);
}

static void *start_pinned(void *arg)
{
    struct start start = *(struct start *)arg;

    free(arg);
    stay_on(start.number);
    return start.function(start.argument);
}

/* The first thread is pinned only now: until then a program may count its processors. */
int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*function)(void *),
                   void *argument)
{
    int (*create)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *) =
        dlsym(RTLD_NEXT, "pthread_create");
    struct start *start = malloc(sizeof *start);

    *start = (struct start){function, argument, ++threads};
    if (start->number == 1)
        stay_on(0);
    return create(thread, attributes, start_pinned, start);
}
