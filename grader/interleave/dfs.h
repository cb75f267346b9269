/* dfs.h - DFS: all schedules with at most so many preemptions and injected events, depth first.
 *
 * A sleep set leaves out schedules that only swap neighbouring steps which don't care (Godefroid,
 * 1996). Only the thread that could have gone on without a preemption is put to sleep: putting its
 * step first never costs more preemptions, so what is left out under the bound is also found under
 * it. */
#pragma once

#include "footprint.h"

/* Forgets all; after a schedule, moves on to the next one (false: all have been run); how much of
 * the tree is done, from 0 to 1; whether some schedule was too long to be treated systematically. */
void dfs_start(unsigned preemption_bound);
bool dfs_next(void);
double dfs_done(void);
bool dfs_was_cut(void);

/* Whether there are more executions: above the bound; or of threads that spin or yield. */
bool dfs_was_bounded(void);
bool dfs_left_out(void);

/* The seam's (strategy.h), where the strategy is DFS. */
void dfs_begin(void);
unsigned dfs_pick(const struct option options[], unsigned n, unsigned able, bool continues);
unsigned dfs_draw(unsigned n, bool costs);
void dfs_touch(const struct object *object, bool writes, enum touch how);
void dfs_leave_out(void);
