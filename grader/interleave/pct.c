/* pct.c - see pct.h. */
#include "pct.h"

#include "priority.h"
#include "random.h"

static unsigned long steps, changes[PCT_DEPTH - 1];

void pct_begin(void)
{
    unsigned scale = PCT_SCALES[random_below(sizeof PCT_SCALES / sizeof *PCT_SCALES)];

    steps = 0;
    for (unsigned i = 0; i < PCT_DEPTH - 1; i++)
        changes[i] = 1 + random_below(scale);
}

unsigned pct_pick(const struct option options[], unsigned able)
{
    unsigned best = priority_highest(options, able);

    steps++;
    for (unsigned i = 0; i < PCT_DEPTH - 1; i++)
        if (steps == changes[i]) {
            priority_lower(options[best].thread);
            best = priority_highest(options, able);
        }
    return best;
}
