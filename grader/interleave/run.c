/* run.c - see run.h. */
#include "run.h"

#include <stdio.h>

struct run run;
struct thread *self;

const char *thread_name(const struct thread *thread)
{
    static char names[4][16];
    static unsigned next;
    char *name = names[next++ % 4];

    snprintf(name, sizeof names[0], "{t%u}", thread->id);
    return name;
}
