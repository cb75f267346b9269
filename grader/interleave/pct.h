/* pct.h - PCT: threads have priorities, the highest goes on; at d - 1 steps it falls to the lowest.
 * d is 3. (Burckhardt et al., A Randomized Scheduler with Probabilistic Guarantees of Finding Bugs,
 * 2010) */
#pragma once

#include "run.h"

void pct_begin(void);
unsigned pct_pick(const struct option options[], unsigned able);
