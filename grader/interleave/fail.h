/* fail.h - how a schedule ends. */
#pragma once

#include "run.h"

/* Runs first's fiber, and with it the schedule, until it ends. What went wrong, if anything, is in
 * *outcome. */
void run_until_end(struct thread *first, struct outcome *outcome);

/* Ends the schedule: all went well. */
_Noreturn void leave_schedule(void);

/* Ends it with a verdict; pc: where in the submission, 0: nowhere in particular. */
_Noreturn void fail(enum verdict verdict, uintptr_t pc, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The same for more threads than are followed: real threads have to say whether the code is right. */
_Noreturn void fail_too_many_threads(uintptr_t pc);

/* The same for a deadlock: every thread sleeps. */
_Noreturn void fail_asleep(uintptr_t pc, const char *message);

/* What is told of self if it is in a loop in which it calls nothing, for ever. */
const char *loop_without_a_call(void);

/* Ends it without one: strategy_pick found that it only repeats another. */
_Noreturn void abandon_schedule(void);
bool schedule_was_abandoned(void);
