/* strategy.h - which thread goes next.
 *
 * The seam between scheduler and strategy: begin a schedule, pick among those that can go on, draw
 * a value. A choice of 0 is always what happens when nobody interferes: the running thread goes on
 * (or the first of the others if it can't), the event does not happen, the newest value is read. A
 * schedule is written down as its list of choices. */
#pragma once

#include "footprint.h"

/* Starts the schedule plan->index. DFS: the one after the last one run, and dfs_next says if there
 * is one. */
void strategy_begin(const struct plan *plan);

/* Picks among several threads that can go on, in the schedule so far. */
unsigned long strategy_picks(void);

/* Index of the option to take. The first `able` ones are threads that can go on, the rest are
 * events to inject. continues: options[0] is the thread that ran last. */
unsigned strategy_pick(const struct option options[], unsigned n, unsigned able, bool continues);

/* A number below n. costs: everything but 0 counts against DFS's bound, as a preemption does. */
unsigned strategy_draw(unsigned n, bool costs);

/* Does a rare event happen now? Once in `one_in` times, roughly. */
bool strategy_chance(unsigned one_in);

/* What was done to an object since the last pick: DFS and DPOR need to know which steps can be swapped.
 * strategy_orders: a lock was given back, or a thread started, woken or ended, which others wait for. */
void strategy_touch(struct object *object, bool writes);
void strategy_orders(struct object *object);

/* Nobody could go on, and so time passed, or the test went on that waited for that. */
void strategy_waited(void);

/* Not all that can go on are options: they spin, or yielded. What is left out is not seen. */
void strategy_leaves_out(void);
