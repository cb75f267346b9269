/* schedule.h - one schedule of a scenario, from its beginning to the checks at its end. */
#pragma once

#include "run.h"

/* Maps all that schedules need. False: the machine won't give the address space. */
bool schedule_prepare(void);

/* Runs the scenario's body once under the plan. What went wrong, if anything, is in *outcome, and
 * the result is whether all went well. */
bool schedule_run(const struct test *test, const struct plan *plan, struct outcome *outcome);
