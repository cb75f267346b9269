/* pct.c - see pct.h. */
#include "pct.h"

#include "priority.h"
#include "random.h"

enum { PCT_DEPTH = 3 };

static unsigned long steps, changes[PCT_DEPTH - 1];

/* How long a schedule will be is not known beforehand; three scales serve short and long ones. */
void pct_begin(void)
{
    static const unsigned scales[] = {24, 80, 400};
    unsigned scale = scales[random_below(3)];

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
