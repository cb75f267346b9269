/* clock.h - virtual time. */
#pragma once

#include "run.h"

/* A new schedule: the two clocks start. */
void clock_begin(void);

/* The point of the virtual monotonic clock at which a deadline passes. False: not a valid time. */
bool clock_deadline(clockid_t clock, const struct timespec *when, uint64_t *deadline,
                    bool *on_realtime);

/* The point of the virtual monotonic clock that is so much later. FOREVER: such a time never comes, or length is
 * NULL. */
uint64_t clock_after(const struct timespec *length);
