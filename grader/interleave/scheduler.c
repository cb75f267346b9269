/* scheduler.c - see scheduler.h. */
#include "scheduler.h"

#include "arena.h"
#include "fail.h"
#include "history.h"
#include "object.h"
#include "story.h"
#include "strategy.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>

static bool some_yielded;
void (*signal_arrived)(void);

void scheduler_begin(void)
{
    some_yielded = false;
    run.spurious_left = run.plan.spurious;
    run.early_left = run.test->options.woken_by_others ? 0 : CLOCK_JUMPS;
}

static void switch_to(struct thread *next)
{
    struct thread *before = self;

    self = next;
    run.turns++;
    if (!next->fiber.thread_pointer) { /* or each has an errno of its own */
        before->saved_errno = errno;
        errno = next->saved_errno;
    }
    fiber_switch(&before->fiber, &next->fiber);
}

/* ------------------------------------------------------------------------------- who can go on */

static inline bool is_ready(const struct thread *thread)
{
    return !thread->ready || thread->ready(thread);
}

/* A sleep that is to end too early does so only where what it waits for does not hold. */
static inline bool can_go(const struct thread *thread)
{
    return is_ready(thread) != thread->early || thread->deadline <= run.now ||
           thread->was_interrupted;
}

/* Neither goes on nor is woken, whatever it waits for. */
static inline bool is_out(const struct thread *thread)
{
    return is_over(thread) || thread->held;
}

static struct option options[2 * MAX_THREADS];

struct candidates {
    unsigned able, n;
    struct thread *lazy[MAX_THREADS]; /* could go, but others should first: they yielded, or spin */
    unsigned lazy_count;
    struct thread *settler;
    bool continues;
    bool may_wake; /* there is one whose sleep may end although what it waits for does not hold */
};

static inline void consider(struct candidates *found, struct thread *thread)
{
    if (is_out(thread))
        return;
    if (!can_go(thread))
        found->may_wake |= thread->interruptible || thread->deadline != FOREVER;
    else if (thread->settling)
        found->settler = thread;
    else if (thread->yielded || thread->idle > SPINNING)
        found->lazy[found->lazy_count++] = thread;
    else
        options[found->able++] = (struct option){thread, GO};
}

/* Events that may be injected: a sleeper wakes without cause, or the clock jumps to its deadline.
 */
static void add_events(struct candidates *found)
{
    found->n = found->able;
    if (!found->may_wake || (!run.spurious_left && !run.early_left) || run.settling ||
        run.plan.draws_events)
        return;
    for (unsigned t = 0; t < run.thread_count; t++) {
        struct thread *thread = &run.threads[t];
        bool may_wake = thread->interruptible && run.spurious_left;
        bool may_be_late = thread->deadline != FOREVER && run.early_left;
        if (!(may_wake || may_be_late) || is_out(thread) || can_go(thread))
            continue;
        if (may_wake)
            options[found->n++] = (struct option){thread, WAKE_IT_SPURIOUSLY};
        if (may_be_late)
            options[found->n++] = (struct option){thread, LET_TIME_PASS};
    }
}

/* The thread next in turn after self, of those that only spin or yield: self, if it is one of them, and
 * then the others as they are numbered. */
static struct thread *next_in_turn(const struct candidates *found)
{
    for (unsigned i = 0; i < found->lazy_count; i++)
        if (found->lazy[i]->id > self->id)
            return found->lazy[i];
    return found->lazy[found->lazy_count > 1 && found->lazy[0] == self];
}

/* Any of n, each as likely: two that always get into each other's way must not go in step. */
static unsigned any_of(unsigned n)
{
    uint64_t bits = run.steps * UINT64_C(0x9e3779b97f4a7c15);

    bits = (bits ^ bits >> 32) * UINT64_C(0xd6e8feb86659fd93);
    return (unsigned)(bits >> 40) % n;
}

static uint64_t next_deadline(void)
{
    uint64_t first = FOREVER;

    for (unsigned t = 0; t < run.thread_count; t++)
        if (!is_out(&run.threads[t]) && run.threads[t].deadline < first && !can_go(&run.threads[t]))
            first = run.threads[t].deadline;
    return first;
}

static bool let_time_pass(void)
{
    uint64_t next = next_deadline();

    if (next == FOREVER)
        return false;
    assert(next > run.now);
    run.now = next;
    strategy_waited();
    return true;
}

/* Sleeps that were to end early, but what they wait for holds: they don't. */
static bool let_be_in_time(void)
{
    bool any = false;

    for (unsigned t = 0; t < run.thread_count; t++)
        if (!is_out(&run.threads[t]) && run.threads[t].early) {
            run.threads[t].early = false;
            any = true;
        }
    return any;
}

/* Where others are to wake a sleeper, nobody is waited for that only a time-out would wake, or late. */
static bool time_may_pass(void)
{
    if (!run.test->options.woken_by_others || run.settling || next_deadline() == FOREVER)
        return true;
    run.slept += next_deadline() - run.now;
    return run.slept < LATE;
}

static _Noreturn void tell_spinning(const struct candidates *found)
{
    const struct thread *who = found->lazy[0];

    for (unsigned i = 1; i < found->lazy_count; i++)
        if (found->lazy[i]->id)
            who = found->lazy[i];
    fail(VERDICT_NO_PROGRESS, who->call_pc,
         "%s spins: it looks again and again at something nobody is going to change, instead of "
         "sleeping.",
         thread_name(who));
}

/* All that can go on have long seen no change, or yielded. They go in turn, and not for ever. */
static void take_turns(struct candidates *found)
{
    bool yielders = false;

    strategy_leaves_out();
    for (unsigned i = 0; i < found->lazy_count; i++)
        yielders = yielders || found->lazy[i]->yielded;
    if (run.rounds_progress != run.progress)
        run.rounds = 0;
    run.rounds_progress = run.progress;
    if (++run.rounds > (run.live == 1 ? ROUNDS_ALONE : ROUNDS_IN_VAIN * found->lazy_count))
        tell_spinning(found);
    if (run.rounds % ROUNDS_A_TIMER == 0 && !run.settling)
        let_time_pass();
    options[0].thread = yielders ? next_in_turn(found) : found->lazy[any_of(found->lazy_count)];
    options[0].how = GO;
    found->able = found->n = 1;
}

/* A strategy may let two go on for ever, each of which waits for a third. No system does. */
static void be_fair(struct candidates *found)
{
    strategy_leaves_out();
    options[0] = options[any_of(found->able)];
    found->able = found->n = 1;
    found->continues = options[0].thread == self;
}

static void find_candidates(struct candidates *found)
{
    found->able = found->lazy_count = 0;
    found->settler = NULL;
    found->may_wake = false;
    consider(found, self);
    found->continues = found->able == 1;
    for (unsigned t = 0; t < run.thread_count; t++)
        if (&run.threads[t] != self)
            consider(found, &run.threads[t]);
    if (found->able && found->lazy_count)
        strategy_leaves_out();
    if (found->able && run.steps - run.returned > STARVING) {
        be_fair(found);
    } else if (found->able) {
        add_events(found);
    } else if (found->lazy_count) {
        take_turns(found);
    } else {
        if (found->settler) {
            strategy_waited();
            options[found->able++] = (struct option){found->settler, GO};
        }
        found->n = found->able;
    }
}

/* ---------------------------------------------------------------------------------- deadlock */

/* The call in which the last one sleeps that doesn't only wait for another's end. */
static uintptr_t where_they_sleep(void)
{
    uintptr_t pc = 0;

    for (unsigned t = 0; t < run.thread_count; t++) {
        const struct thread *thread = &run.threads[t];
        if (!is_over(thread) && !thread->joining && (thread->id || !pc))
            pc = pc && thread->id ? pc : thread->call_pc;
    }
    return pc;
}

static _Noreturn void tell_deadlock(void)
{
    fail_asleep(where_they_sleep(), next_deadline() == FOREVER
                                        ? "Everybody sleeps and nobody is left to wake anyone."
                                        : "Everybody sleeps, and only time would wake anyone.");
}

/* ------------------------------------------------------------------------------- the switch */

static _Noreturn void tell_polling(const struct thread *thread, unsigned times, const char *when)
{
    fail(VERDICT_NO_PROGRESS, thread->call_pc,
         "%s polls: it woke up %u times in %s in which nothing happened, instead of sleeping until "
         "somebody wakes it.",
         thread_name(thread), times, when);
}

/* A few looks before it falls asleep for good are no polling. */
static void count_wakeup(struct thread *thread)
{
    if (!run.settling || thread == run.settling)
        return;
    if (++thread->wakeups > WAKEUPS_TO_POLL)
        tell_polling(thread, WAKEUPS_TO_POLL, "ten seconds");
    if (run.now > run.settle_middle && ++thread->late_wakeups > LATE_WAKEUPS_TO_POLL)
        tell_polling(thread, LATE_WAKEUPS_TO_POLL, "five seconds");
}

static void inject(const struct option *option)
{
    struct thread *thread = option->thread;

    if (option->how == WAKE_IT_SPURIOUSLY) {
        assert(thread->interruptible && run.spurious_left);
        run.spurious_left--;
        thread->wake = WAKE_SPURIOUS;
    } else {
        assert(thread->deadline > run.now && run.early_left);
        run.early_left--;
        run.now = thread->deadline;
        thread->wake = WAKE_TIMEOUT;
    }
}

/* A yield lets another take a step first; or, if patient, all the others go as far as they get. */
static void forget_yields(const struct thread *next)
{
    if (run.patient && !next->yielded)
        return;
    for (unsigned t = 0; t < run.thread_count; t++)
        if (&run.threads[t] != next)
            run.threads[t].yielded = false;
    some_yielded = next->yielded;
}

/* What was stored before its deadline passed it sees. */
static void let_see_atomics(const struct thread *thread)
{
    for (uint32_t i = 1; i < object_count; i++)
        if (objects[i].kind == OBJECT_ATOMIC && objects[i].atomic.history)
            history_becomes_visible(objects[i].atomic.history, thread);
}

static void go(const struct option *option)
{
    struct thread *next = option->thread;

    assert(!is_out(next));
    if (option->how != GO)
        inject(option);
    else
        next->wake = is_ready(next)          ? WAKE_READY
                     : next->was_interrupted ? WAKE_SPURIOUS
                                             : WAKE_TIMEOUT;
    if (next->wake == WAKE_TIMEOUT) {
        count_wakeup(next);
        let_see_atomics(next);
    }
    if (next->wake == WAKE_TIMEOUT && next->early && next->deadline > run.now)
        run.now = next->deadline;
    else if (next->wake == WAKE_TIMEOUT && option->how == GO && next->deadline > next->asleep_at)
        next->naps++;
    if (some_yielded)
        forget_yields(next);
    if (next != self)
        switch_to(next);
}

static void pick_next(void)
{
    struct candidates found;

    for (find_candidates(&found); !found.n; find_candidates(&found))
        if (!let_be_in_time() && (!time_may_pass() || !let_time_pass()))
            tell_deadlock();
    go(&options[strategy_pick(options, found.n, found.able, found.continues)]);
}

/* Self is stopped for ever here, if that is what this schedule is about. */
static void stop_perhaps(uintptr_t pc)
{
    self->stop_steps++;
    bool stops = run.plan.draws_stops
                     ? !run.was_stopped && strategy_draw(2, true)
                     : self->stop_steps == run.plan.stop_step && self->id == run.plan.stop_thread;
    if (!stops)
        return;
    strategy_orders(self->own);
    self->stopped = true;
    self->call_pc = pc;
    run.was_stopped = true;
    run.stopped_thread = self->id;
    run.stopped_at = pc;
    story_event("stopped", 0, pc, "is stopped for ever");
    story_access("stopped", -1, pc, "is stopped for ever");
    made_progress();
}

/* Of the thread that goes on and on: how many of the functions it is in it has not left for long, and from where each
 * was called. */
static struct {
    const struct thread *thread;
    unsigned depth;
    uintptr_t calls[MAX_CALL_DEPTH];
} turning;

static void note_turning(void)
{
    unsigned n = self->depth < MAX_CALL_DEPTH ? self->depth : MAX_CALL_DEPTH, same = 0;

    if (turning.thread != self) {
        turning.thread = self;
        turning.depth = n;
        memcpy(turning.calls, self->calls, n * sizeof *self->calls);
    }
    while (same < n && same < turning.depth && turning.calls[same] == self->calls[same])
        same++;
    turning.depth = same;
}

static _Noreturn void tell_endless(uintptr_t pc)
{
    bool yields = run.yields > MAX_STEPS / YIELDS_ONE_IN;

    if (yields && turning.thread == self && turning.depth < self->depth)
        fail(VERDICT_NO_PROGRESS, self->calls[turning.depth],
             "%s goes round in a loop that never sleeps (%u steps by now), instead of sleeping "
             "until "
             "somebody wakes it.",
             thread_name(self), (unsigned)MAX_STEPS);
    if (yields)
        fail(VERDICT_NO_PROGRESS, pc,
             "%s asks again and again and only yields in between (%u steps by now), instead of "
             "sleeping until somebody wakes it.",
             thread_name(self), (unsigned)MAX_STEPS);
    fail(VERDICT_NO_PROGRESS, pc, "%s is still busy after %u steps%s: this does not end.",
         thread_name(self), (unsigned)MAX_STEPS,
         run.live == 1 && run.thread_count > 1
             ? ", and nobody else is there to change what it may be waiting for"
             : "");
}

static void count_step(struct object *object, bool writes, uintptr_t pc)
{
    assert(!is_over(self) && !self->ready && *own_clock(self));
    run.activity++;
    run.touched += run.accesses;
    run.accesses = 0;
    if (++run.steps - run.returned > MAX_STEPS / 2)
        note_turning();
    if (run.steps - run.returned > MAX_STEPS)
        tell_endless(pc);
    if (run.steps > SLOW_STEPS)
        abandon_schedule(); /* slow is not wrong */
    if (self->progress_seen == run.progress) {
        self->idle++;
    } else {
        self->idle = 0;
        self->progress_seen = run.progress;
    }
    self->object = object;
    self->writes = writes;
    self->call_pc = pc;
    if (self->may_stop)
        stop_perhaps(pc);
}

static void step_done(void)
{
    self->ready = NULL;
    self->call = NULL;
    if (self->object)
        strategy_touch(self->object, self->writes);
    if (self->signals_pending & ~self->signals_blocked && signal_arrived) {
        run.turns++;
        signal_arrived();
    }
}

void step(struct object *object, bool writes, uintptr_t pc)
{
    count_step(object, writes, pc);
    if (run.live > 1 || self->idle > SPINNING || self->stopped)
        pick_next();
    step_done();
}

void step_when(bool (*ready)(const struct thread *), struct object *object, const char *call,
               uintptr_t pc)
{
    sleep_until(ready, object, call, pc, FOREVER, false, false);
}

/* Where events are drawn: what is to end self's sleep, that now begins. A wake-up without cause may as
 * well come at once, as nobody sees it until the thread goes on. True: it does. */
static bool draw_event(uint64_t deadline, bool interruptible)
{
    bool may_wake = interruptible && run.spurious_left;
    bool may_be_late = deadline != FOREVER && deadline > run.now && run.early_left;

    if (!run.plan.draws_events || run.settling)
        return false;
    unsigned drawn = strategy_draw(1 + may_wake + may_be_late, true);
    if (drawn == 1 && may_wake) {
        run.spurious_left--;
        self->wake = WAKE_SPURIOUS;
        return true;
    }
    self->early = drawn;
    run.early_left -= self->early;
    return false;
}

enum wake sleep_until(bool (*ready)(const struct thread *), struct object *object, const char *call,
                      uintptr_t pc, uint64_t deadline, bool on_realtime, bool interruptible)
{
    if (deadline != FOREVER)
        strategy_touch(run.clock_object, false);
    if (draw_event(deadline, interruptible))
        return WAKE_SPURIOUS;
    count_step(object, true, pc);
    self->ready = ready;
    self->call = call;
    self->deadline = deadline;
    self->on_realtime = on_realtime;
    self->interruptible = interruptible;
    self->takes_signals |= interruptible;
    self->asleep_since = story_now();
    self->asleep_at = run.now;
    pick_next();
    if (deadline != FOREVER) {
        strategy_touch(run.clock_object, self->early);
        past_is_all();
    }
    self->deadline = FOREVER;
    self->interruptible = self->early = self->takes_signals = self->was_interrupted = false;
    enum wake wake = self->wake;
    step_done();
    return wake;
}

void yield_step(uintptr_t pc)
{
    bool gives_way = run.live > 1 && !run.plan.draws_events; /* a proof is not to rely on it */

    count_step(NULL, false, pc);
    if (gives_way && run.yields++ == 0)
        run.patient = !strategy_chance(IMPATIENT_ONE_IN);
    if (gives_way && !strategy_chance(NO_YIELD_ONE_IN))
        self->yielded = some_yielded = true;
    if (run.live > 1 || self->idle > SPINNING)
        pick_next();
    self->yielded = false;
    step_done();
}

/* ------------------------------------------------------------------------------------ settle */

bool never(const struct thread *thread)
{
    (void)thread;
    return false;
}

void let_others_rest(uintptr_t pc)
{
    self->settling = true;
    step(NULL, false, pc);
    self->settling = false;
}

void sleep_through(uint64_t nanoseconds, uintptr_t pc)
{
    let_others_rest(pc);
    run.settling = self;
    for (unsigned t = 0; t < run.thread_count; t++)
        run.threads[t].wakeups = run.threads[t].late_wakeups = 0;
    run.settle_middle = nanoseconds < SETTLE_NS ? FOREVER : run.now + nanoseconds / 2;
    sleep_until(never, NULL, "settle", pc, run.now + nanoseconds, false, false);
    let_others_rest(pc); /* some may have woken at that same moment */
    run.settling = NULL;
}

_Noreturn void step_last(void)
{
    self->state = THREAD_ENDED;
    self->depth = 0;
    assert(run.live);
    run.live--;
    made_progress();
    pick_next();
    __builtin_unreachable();
}
