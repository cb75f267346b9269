/* pos.c - see pos.h. */
#include "pos.h"

#include "priority.h"

unsigned pos_pick(const struct option options[], unsigned able)
{
    unsigned best = priority_highest(options, able);
    const struct thread *taken = options[best].thread;

    for (unsigned i = 0; i < able; i++)
        if (i != best && options[i].thread->object == taken->object && taken->object)
            priority_redraw(options[i].thread);
    priority_redraw(taken);
    return best;
}
