/* priority.c - see priority.h. */
#include "priority.h"

#include "random.h"

#include <string.h>

static uint32_t priorities[MAX_THREADS]; /* 0: still to be drawn */

void priority_begin(void)
{
    memset(priorities, 0, sizeof priorities);
}

static uint32_t priority_of(const struct thread *thread)
{
    uint32_t *priority = &priorities[thread->id];

    if (!*priority)
        *priority = (uint32_t)(random_next() >> 33) + PCT_DEPTH + 1;
    return *priority;
}

unsigned priority_highest(const struct option options[], unsigned able)
{
    unsigned best = 0;

    for (unsigned i = 1; i < able; i++)
        if (priority_of(options[i].thread) > priority_of(options[best].thread))
            best = i;
    return best;
}

void priority_redraw(const struct thread *thread)
{
    priorities[thread->id] = 0;
}

void priority_set(const struct thread *thread, uint32_t priority)
{
    priorities[thread->id] = priority;
}
