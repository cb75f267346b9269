/* run.c - see run.h. */
#include "run.h"

#include <stdio.h>

struct run run;
struct thread *self;

const char *thread_name(const struct thread *thread)
{
    static char numbers[4][24];
    static unsigned next;

    if (thread->name[0])
        return thread->name;
    char *number = numbers[next++ % 4];
    snprintf(number, sizeof numbers[0], "thread %u", thread->id);
    return number;
}
