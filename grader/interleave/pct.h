/* pct.h - PCT: threads have priorities, the highest goes on. d - 1 changes are drawn; at the ith the thread's
 * priority becomes i, below all that others began with. Which change comes first is drawn with their steps, so
 * a thread that is put off later may still go before one that was put off earlier. d is 3.
 *
 * Burckhardt et al., A Randomized Scheduler with Probabilistic Guarantees of Finding Bugs, 2010. That paper
 * knows how long a schedule is; here it is taken to be as long as the one in which nobody interferes, and
 * sometimes another length is guessed. */
#pragma once

#include "run.h"

/* length: the picks among several threads in the schedule in which nobody interferes; 0: not known. */
void pct_begin(unsigned long length);
unsigned pct_pick(const struct option options[], unsigned able);
