/* seed.h - a schedule is written down, as SEED= has it, and read back. */
#pragma once

#include "choices.h"
#include "run.h"

/* As STRATEGY= and SEED= spell them: [PLAN_MIX] to [PLAN_REPLAY]. */
extern const char *const strategy_names[];

/* SEED= for a plan and its choices; and back again (false: it is no such thing, e.g. a number). If
 * it returns true and the strategy is not PLAN_REPLAY, the schedule is still to be found by
 * running. */
void seed_write(char *text, size_t size, const struct plan *plan, const struct script *choices);
bool seed_read(const char *text, struct plan *plan, struct script *choices);
