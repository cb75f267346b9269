/* fail.c - see fail.h. */
#include "fail.h"

#include "story.h"

#include <stdarg.h>
#include <stdio.h>

static struct fiber explorer; /* the stack of who called run_until_end */
static struct outcome *told;  /* where the verdict goes */
static bool abandoned;

void run_until_end(struct thread *first, struct outcome *outcome)
{
    abandoned = false;
    told = outcome;
    self = first;
    fiber_switch(&explorer, &first->fiber);
}

_Noreturn void leave_schedule(void)
{
    fiber_switch(&self->fiber, &explorer);
    __builtin_unreachable();
}

_Noreturn void abandon_schedule(void)
{
    abandoned = true;
    leave_schedule();
}

bool schedule_was_abandoned(void)
{
    return abandoned;
}

_Noreturn void end_scenario(const struct outcome *outcome)
{
    if (told != outcome)
        *told = *outcome;
    if (!told->pc && self->depth && self->depth <= MAX_CALL_DEPTH && self->state == THREAD_LIVE)
        told->pc = self->calls[self->depth - 1];
    run.failed = true;
    story_event("fails", 0, told->pc, "%s", told->message);
    leave_schedule();
}

_Noreturn void fail(enum verdict verdict, uintptr_t pc, const char *format, ...)
{
    va_list arguments;
    int used = 0;

    *told = (struct outcome){.verdict = verdict, .pc = pc};
    if (run.was_stopped && (verdict == VERDICT_DEADLOCK || verdict == VERDICT_NO_PROGRESS)) {
        told->verdict = VERDICT_NO_PROGRESS;
        told->pc = run.stopped_at;
        used = snprintf(
            told->message, sizeof told->message,
            "not lock-free: %s was stopped for ever in the middle of a call, and the others "
            "can't finish. ",
            thread_name(&run.threads[run.plan.stop_thread]));
    }
    va_start(arguments, format);
    vsnprintf(told->message + used, sizeof told->message - (size_t)used, format, arguments);
    va_end(arguments);
    end_scenario(told);
}
