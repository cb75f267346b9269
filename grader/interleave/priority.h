/* priority.h - the priority of each thread, or of its next step: the highest goes on. Drawn when
 * first asked for. */
#pragma once

#include "run.h"

void priority_begin(void);

/* Index of the option whose thread has the highest. */
unsigned priority_highest(const struct option options[], unsigned able);

/* The thread's is drawn anew when next asked for. */
void priority_redraw(const struct thread *thread);

/* From now on the thread's is that, which is below all that are drawn: from 1 to PCT_DEPTH. */
void priority_set(const struct thread *thread, uint32_t priority);
