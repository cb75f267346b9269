/* dpor.h - DPOR: every execution, once for each order of the steps that meet.
 *
 * Source sets with sleep sets (Abdulla, Aronis, Jonsson, Sagonas, POPL 2014): another thread is tried at
 * a step only where a run has shown two steps that meet and that nothing else orders, so few runs are
 * begun that only repeat another. There is no bound: all that was explored goes to sleep. */
#pragma once

#include "footprint.h"

/* Forgets all; after a schedule, moves on to the next one (false: all have been run); how much of the
 * tree that is known is done, from 0 to 1; whether something was left out: then it is no proof. */
void dpor_start(void);
bool dpor_next(void);
double dpor_done(void);
bool dpor_left_out(void);

/* The seam's (strategy.h), where the strategy is DPOR. */
void dpor_begin(void);
unsigned dpor_pick(const struct option options[], unsigned n);
unsigned dpor_draw(unsigned n);
void dpor_touch(const struct object *object, bool writes, enum touch how);
void dpor_waited(void);
void dpor_leave_out(void);
