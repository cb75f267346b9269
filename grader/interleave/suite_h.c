/* suite_h.c - the calls of suite.h that concern threads and allocation. */
#include "fail.h"
#include "heap.h"
#include "scheduler.h"
#include "story.h"
#include "strategy.h"
#include "thread.h"

#include <stdarg.h>

pthread_t spawn_named(const char *name, void *(*body)(void *), void *arg)
{
    unsigned long handle;

    thread_create(&handle, name, body, NULL, arg, false, CALLER);
    return handle;
}

void *join(pthread_t thread)
{
    void *result = NULL;

    thread_join(thread, &result, "join", CALLER);
    return result;
}

bool join_unless_stopped(pthread_t thread)
{
    return thread_join_unless_stopped(thread, "join_unless_stopped", CALLER);
}

void may_stop(bool on)
{
    self->may_stop = on;
}

void may_be_left(bool on)
{
    self->may_be_left = on;
}

size_t settle(void)
{
    sleep_through(SETTLE_NS, CALLER);
    return run.live - 1;
}

size_t rest(void)
{
    sleep_through(REST_NS, CALLER);
    return run.live - 1;
}

uint64_t monotonic_now(void)
{
    strategy_touch(run.clock_object, false);
    return run.now;
}

unsigned locks_held(void)
{
    return self->locks_held;
}

size_t naps(void)
{
    size_t naps = self->naps;

    self->naps = self->wakeups = self->late_wakeups = 0;
    return naps;
}

void hold_others(bool on)
{
    story_event("hold_others", 0, CALLER,
                on ? "lets no other thread go on" : "lets the others go on");
    for (unsigned t = 0; t < run.thread_count; t++)
        run.threads[t].held = on && &run.threads[t] != self;
    made_progress();
}

bool is_told(void)
{
    return story_on();
}

void tell_step(const char *format, ...)
{
    char text[sizeof story->events[0].text];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    story_event("tells", 0, CALLER, "%s", text);
}

void exploring(bool on)
{
    if (!on && run.thread_count > 1)
        fail(VERDICT_ENVIRONMENT, CALLER, "exploring(false) is for the beginning of a scenario.");
    if (on)
        let_others_rest(CALLER);
    run.unexplored = !on;
}

size_t locks_kept_apart(void)
{
    return SIZE_MAX;
}

bool is_followed(void)
{
    return true;
}

enum { LITTLE_STACK = 1 << 20 };

void with_little_stack(void (*body)(void *), void *arg)
{
    size_t size;
    const char *lowest = stack_of(self->id, &size);
    const char *here = __builtin_frame_address(0);
    volatile char *skipped = __builtin_alloca((size_t)(here - lowest) - LITTLE_STACK);

    skipped[0] = 0;
    self->body_depth++;
    body(arg);
    self->body_depth--;
}
