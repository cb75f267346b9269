/* fail.c - see fail.h. */
#include "fail.h"

#include "story.h"

#include <stdarg.h>
#include <stdio.h>

static struct fiber explorer; /* the stack that called run_until_end */
static struct outcome *told;  /* where the verdict goes */
static bool abandoned;

void run_until_end(struct thread *first, struct outcome *outcome)
{
    abandoned = false;
    told = outcome;
    self = first;
    explorer.thread_pointer = first->fiber.thread_pointer ? fiber_thread_pointer() : NULL;
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

/* The thread that was stopped for ever is to blame if the others can't finish, whatever they do. */
static void blame_stopped(void)
{
    if (!run.was_stopped ||
        (told->verdict != VERDICT_DEADLOCK && told->verdict != VERDICT_NO_PROGRESS))
        return;
    told->verdict = VERDICT_NO_PROGRESS;
    told->pc = run.stopped_at;
    told->facts.stopped = true;
    told->facts.stopped_thread = run.stopped_thread;
}

_Noreturn void fail(enum verdict verdict, uintptr_t pc, const char *format, ...)
{
    va_list arguments;

    *told = (struct outcome){.verdict = verdict, .pc = pc};
    va_start(arguments, format);
    vsnprintf(told->message, sizeof told->message, format, arguments);
    va_end(arguments);
    blame_stopped();
    end_scenario(told);
}

const char *loop_without_a_call(void)
{
    static char text[sizeof told->message];

    snprintf(text, sizeof text, "%s runs in a loop in which it calls nothing, for ever.%s",
             thread_name(self),
             run.thread_count == 1 ? ""
                                   : " If it waits there for a variable to change, the compiler "
                                     "may have read that only once.");
    return text;
}

_Noreturn void fail_too_many_threads(uintptr_t pc)
{
    *told = (struct outcome){.verdict = VERDICT_MISUSE, .pc = pc, .facts.too_many_threads = true};
    snprintf(told->message, sizeof told->message,
             "More than %d threads at once, and no test needs so many.", MAX_THREADS);
    end_scenario(told);
}

_Noreturn void fail_asleep(uintptr_t pc, const char *message)
{
    *told = (struct outcome){.verdict = VERDICT_DEADLOCK, .pc = pc, .facts.all_asleep = true};
    snprintf(told->message, sizeof told->message, "%s", message);
    blame_stopped();
    end_scenario(told);
}
