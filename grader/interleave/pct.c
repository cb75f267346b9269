/* pct.c - see pct.h. */
#include "pct.h"

#include "priority.h"
#include "random.h"

static unsigned long steps, changes[PCT_DEPTH - 1];

void pct_begin(unsigned long length)
{
    unsigned long scale = length;

    if (!length || random_below(PCT_GUESSES_ONE_IN) == 0)
        scale = PCT_SCALES[random_below(sizeof PCT_SCALES / sizeof *PCT_SCALES)];
    steps = 0;
    for (unsigned i = 0; i < PCT_DEPTH - 1; i++)
        changes[i] = 1 + random_below((unsigned)scale);
}

unsigned pct_pick(const struct option options[], unsigned able)
{
    unsigned best = priority_highest(options, able);

    steps++;
    for (unsigned i = 0; i < PCT_DEPTH - 1; i++)
        if (steps == changes[i]) {
            priority_set(options[best].thread, i + 1);
            best = priority_highest(options, able);
        }
    return best;
}
