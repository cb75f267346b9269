/* futex.c - syscall(): futexes, and the few other calls that code makes that way. What it does not know sends
 * the code to the real threads before it runs (grader/grading/symbols.py).
 *
 * Of a futex the kernel promises that the look at the word and the beginning of the sleep are one step, and
 * that a wake-up is one. It also passes a full fence on either side (kernel/futex/waitwake.c), and what
 * comes before a wake-up is seen after the sleep that it ends. Which of several sleepers is woken is open. */
#include "atomic.h"
#include "clock.h"
#include "fail.h"
#include "memory.h"
#include "object.h"
#include "scheduler.h"
#include "story.h"
#include "strategy.h"
#include "thread.h"
#include "../suite/stand_in.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <stdarg.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The arguments of the call, as the kernel takes them. */
struct futex_call {
    uint32_t *word;
    int operation; /* FUTEX_WAIT, ..., without the flags */
    bool on_realtime;
    uint32_t value;
    const struct timespec *when; /* or a number, for those that move sleepers */
    uint32_t *other;
    uint32_t value3; /* bits, or what a CMP_REQUEUE expects */
    uintptr_t pc;
};

static struct object *futex_at(const uint32_t *word, uintptr_t pc)
{
    bool created;

    return object_at(word, OBJECT_FUTEX, pc, &created);
}

static bool was_woken(const struct thread *thread)
{
    return !thread->futex_bits;
}

/* ------------------------------------------------------------------------------------- sleeping */

/* False: such a time does not exist. */
static bool deadline_of(const struct futex_call *call, uint64_t *deadline, bool *on_realtime)
{
    *deadline = FOREVER;
    *on_realtime = false;
    if (!call->when)
        return true;
    memory_access((uintptr_t)call->when, sizeof *call->when, READ, call->pc);
    if (call->when->tv_sec < 0)
        return false;
    if (call->operation == FUTEX_WAIT_BITSET)
        return clock_deadline(call->on_realtime ? CLOCK_REALTIME : CLOCK_MONOTONIC, call->when,
                              deadline, on_realtime);
    if (!clock_deadline(CLOCK_MONOTONIC, call->when, deadline, on_realtime))
        return false;
    *deadline = clock_after(call->when);
    return true;
}

static long tell_end(enum wake wake, struct object *futex, uintptr_t pc)
{
    unsigned id = story_object(futex);

    switch (wake) {
    case WAKE_TIMEOUT:
        story_event("timeout", id, pc, "wakes on {%u}: its deadline has passed", id);
        return fails_with(ETIMEDOUT);
    case WAKE_SPURIOUS: /* futex(2): by a wake-up that was meant for another use of the word, or a signal */
        if (strategy_draw(2, false)) {
            story_event("spurious", id, pc, "wakes on {%u}: a signal was handled (EINTR)", id);
            return fails_with(EINTR);
        }
        story_event("spurious", id, pc, "wakes on {%u} without cause (spurious wake-up)", id);
        return 0;
    default:
        story_event("wakes", id, pc, "goes on after its sleep on {%u}", id);
        return 0;
    }
}

static long futex_wait(const struct futex_call *call, uint32_t bits)
{
    struct object *futex = futex_at(call->word, call->pc);
    unsigned id = story_object(futex);
    uint64_t deadline;
    bool on_realtime;

    if (!bits || !deadline_of(call, &deadline, &on_realtime))
        return fails_with(EINVAL);
    step(futex, true, call->pc);
    atomic_barrier();
    uint32_t found = (uint32_t)atomic_newest(call->word, sizeof *call->word, call->pc);
    if (found != call->value) {
        story_event("futex_wait", id, call->pc, "does not sleep on {%u}: it is %u by now, not %u",
                    id, found, call->value);
        return fails_with(EAGAIN);
    }
    story_event("futex_wait", id, call->pc, "sleeps on {%u}, which is still %u", id, found);
    self->futex_bits = bits;
    enum wake wake = sleep_until(was_woken, futex, "futex", call->pc, deadline, on_realtime, true);
    futex = self->object; /* that to which it was moved */
    self->futex_bits = 0;
    if (wake == WAKE_READY) {
        strategy_orders(self->own);
        acquire(&futex->clock);
    }
    return tell_end(wake, futex, call->pc);
}

/* --------------------------------------------------------------------------------------- waking */

static bool sleeps(const struct thread *thread, const struct object *futex, uint32_t bits)
{
    return !is_over(thread) && thread->object == futex && thread->futex_bits & bits;
}

static unsigned count_sleepers(const struct object *futex, uint32_t bits)
{
    unsigned n = 0;

    for (unsigned t = 0; t < run.thread_count; t++)
        n += sleeps(&run.threads[t], futex, bits);
    return n;
}

/* One of those that sleep there. */
static struct thread *choose(const struct object *futex, uint32_t bits)
{
    unsigned n = count_sleepers(futex, bits), k = n > 1 ? strategy_draw(n, false) : 0;

    for (unsigned t = 0; t < run.thread_count; t++)
        if (sleeps(&run.threads[t], futex, bits) && k-- == 0)
            return &run.threads[t];
    return NULL;
}

static void wake(struct thread *sleeper)
{
    sleeper->futex_bits = 0;
    sleeper->deadline = FOREVER;
    sleeper->interruptible = sleeper->early = false;
    strategy_orders(sleeper->own);
    made_progress();
}

/* Wakes as many as `most` of them. The step has been taken. */
static long wake_some(struct object *futex, unsigned most, uint32_t bits, uintptr_t pc)
{
    unsigned id = story_object(futex), woken = 0;
    struct thread *sleeper;

    release(&futex->clock);
    for (; woken < most && (sleeper = choose(futex, bits)); woken++) {
        wake(sleeper);
        story_event("futex_wake", id, pc, "wakes {t%u} on {%u}", sleeper->id, id);
    }
    if (!woken)
        story_event("futex_wake", id, pc, "would wake whoever sleeps on {%u}: nobody does", id);
    return woken;
}

/* The word itself is not looked at, and its memory may have been freed. */
static long futex_wake(const struct futex_call *call, uint32_t bits)
{
    struct object *futex = futex_at(call->word, call->pc);

    if (!bits)
        return fails_with(EINVAL);
    step(futex, true, call->pc);
    atomic_barrier();
    return wake_some(futex, call->value, bits, call->pc);
}

/* As many as value are woken, and then as many as `when` says moved to the other word. */
static long futex_requeue(const struct futex_call *call)
{
    struct object *futex = futex_at(call->word, call->pc), *other = futex_at(call->other, call->pc);
    unsigned most = (unsigned)(uintptr_t)call->when, moved = 0;
    struct thread *sleeper;

    step(futex, true, call->pc);
    strategy_touch(other, true);
    atomic_barrier();
    if (call->operation == FUTEX_CMP_REQUEUE &&
        (uint32_t)atomic_newest(call->word, sizeof *call->word, call->pc) != call->value3)
        return fails_with(EAGAIN);
    long woken = wake_some(futex, call->value, FUTEX_BITSET_MATCH_ANY, call->pc);
    for (; moved < most && (sleeper = choose(futex, FUTEX_BITSET_MATCH_ANY)); moved++) {
        sleeper->object = other;
        strategy_orders(sleeper->own);
        story_event("futex_requeue", story_object(futex), call->pc, "moves {t%u} from {%u} to {%u}",
                    sleeper->id, story_object(futex), story_object(other));
        if (futex == other)
            break;
    }
    return call->operation == FUTEX_CMP_REQUEUE ? woken + moved : woken;
}

static long futex(const struct futex_call *call)
{
    if (!call->word)
        return fails_with(EFAULT);
    if ((uintptr_t)call->word % sizeof *call->word)
        return fails_with(EINVAL);
    switch (call->operation) {
    case FUTEX_WAIT:
        return futex_wait(call, FUTEX_BITSET_MATCH_ANY);
    case FUTEX_WAIT_BITSET:
        return futex_wait(call, call->value3);
    case FUTEX_WAKE:
        return futex_wake(call, FUTEX_BITSET_MATCH_ANY);
    case FUTEX_WAKE_BITSET:
        return futex_wake(call, call->value3);
    case FUTEX_REQUEUE:
    case FUTEX_CMP_REQUEUE:
        return futex_requeue(call);
    default:
        return fails_with(ENOSYS);
    }
}

STAND_IN(long, syscall, long number, ...)
{
    va_list arguments;
    long a[6];

    va_start(arguments, number);
    for (unsigned i = 0; i < 6; i++)
        a[i] = va_arg(arguments, long);
    va_end(arguments);
    if (number == SYS_gettid)
        return thread_system_id();
    if (number != SYS_futex)
        return syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]);
    int flags = FUTEX_PRIVATE_FLAG | FUTEX_CLOCK_REALTIME;
    return futex(&(struct futex_call){.word = (uint32_t *)a[0],
                                      .operation = (int)a[1] & ~flags,
                                      .on_realtime = a[1] & FUTEX_CLOCK_REALTIME,
                                      .value = (uint32_t)a[2],
                                      .when = (const struct timespec *)a[3],
                                      .other = (uint32_t *)a[4],
                                      .value3 = (uint32_t)a[5],
                                      .pc = CALLER});
}
