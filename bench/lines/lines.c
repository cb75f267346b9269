/* lines.c - runs a measuring program (channel.c) under the controlled scheduler, and counts how
 * often a cache line moves from one thread to another. Prints "MOVES SLEEPS " before what the
 * program itself prints, whose seconds are moves, too: how many, one after the other, the time that
 * it measures would take.
 *
 * Each thread has a processor of its own, and on it a cache without an end. A line is in the caches
 * of those that have read it since it was written, or only in that of its writer, as the protocol
 * MESI has it. It moves when somebody reads it who has no copy, or writes it while others have one.
 * What nobody has had yet comes from memory, and does not count.
 *
 * A line that moves takes one unit of time, and is nobody else's meanwhile; so does a pause. An
 * atomic operation or a call on a lock whose line is there takes a tenth of that, another access a
 * hundredth, a system call 20, and a thread that was woken goes on after 1,000. All else takes no
 * time. By that it is decided which thread goes on: the one whose last step was over first.
 *
 * The linker puts the functions here in front of the scheduler's own (--wrap), which knows nothing of
 * them. */
#include "../../grader/interleave/arena.h"
#include "../../grader/interleave/memory.h"
#include "../../grader/interleave/object.h"
#include "../../grader/interleave/random.h"
#include "../../grader/interleave/schedule.h"
#include "../../grader/interleave/scheduler.h"
#include "../../grader/interleave/strategy.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    LINE = 64,
    ACCESS = 100,            /* of one whose line is there */
    IN_PLACE = 1000,         /* of an atomic one, or of a call on a lock */
    MOVE = 10000,            /* of one whose line has to come, or a pause */
    SYSTEM_CALL = 20 * MOVE, /* to sleep, to wake somebody, or to give way */
    WAKING = 1000 * MOVE,    /* from there until who was woken goes on */
};

static struct line {
    uint64_t holders; /* a bit for each thread */
    uint64_t free_at; /* when it has come to the last of those that have asked for it */
} * of_arena, *of_globals;

/* The program's variables, from the linker. */
extern char __data_start[], _end[];

static uint64_t clocks[MAX_THREADS], now; /* now: when the step began that is being taken */
static bool asleep[MAX_THREADS];
static bool stays;        /* self, whatever the time */
static bool may_write_it; /* what self is about to do with an atomic */
static unsigned long moves, sleeps;
static bool measuring;

void __real_memory_access(uintptr_t address, size_t size, enum access_kind kind, uintptr_t pc);
void __real_step(struct object *object, bool writes, uintptr_t pc);
void __real_object_touch(const struct object *object, uintptr_t pc);
enum wake __real_sleep_until(bool (*ready)(const struct thread *), struct object *object,
                             const char *call, uintptr_t pc, uint64_t deadline, bool on_realtime,
                             bool interruptible);
void __real_yield_step(uintptr_t pc);

/* ----------------------------------------------------------------------------------- caches */

/* Between half of that time and one and a half. */
static void spend(uint64_t time)
{
    clocks[self->id] += time / 2 + random_below((unsigned)time + 1);
}

static uint64_t bit_of(const struct thread *thread)
{
    return UINT64_C(1) << thread->id;
}

/* Can self use the line without its coming from somebody else? */
static bool is_here(const struct line *line, bool writes)
{
    return writes ? !(line->holders & ~bit_of(self))
                  : !line->holders || line->holders & bit_of(self);
}

/* From now on self has it; and nobody else, if it writes. */
static void take(struct line *line, bool writes)
{
    moves += measuring && !is_here(line, writes);
    line->holders = writes ? bit_of(self) : line->holders | bit_of(self);
}

/* Who has the line keeps it, and goes on with it, until it is self's turn. */
static void bring(struct line *line, bool writes, uintptr_t pc)
{
    if (!is_here(line, writes)) {
        if (clocks[self->id] < line->free_at)
            clocks[self->id] = line->free_at;
        spend(MOVE);
        line->free_at = clocks[self->id];
        __real_step(NULL, false, pc);
    }
    take(line, writes);
}

/* The same where nobody else may go on meanwhile. */
static void bring_at_once(struct line *line, bool writes)
{
    if (!is_here(line, writes))
        spend(MOVE);
    take(line, writes);
}

/* Whoever is behind goes first; then self has the line, and stays until it has done what it does there. */
static void begin(struct line *line, bool writes, uintptr_t pc)
{
    __real_step(NULL, false, pc);
    bring(line, writes, pc);
    spend(IN_PLACE);
    stays = true;
    run.returned = run.steps; /* no call is held to be one that does not end */
}

/* NULL: nobody counts what is there. */
static struct line *line_of(uintptr_t address)
{
    uintptr_t globals = (uintptr_t)__data_start / LINE * LINE;

    if (address - arena < arena_size)
        return &of_arena[(address - arena) / LINE];
    return address - globals < (uintptr_t)_end - globals ? &of_globals[(address - globals) / LINE]
                                                         : NULL;
}

/* A signal that nobody waits for only looks; a swap that fails has fetched the line to write it. */
static bool changes(const struct object *object)
{
    if (object->kind == OBJECT_ATOMIC)
        return may_write_it;
    return object->kind != OBJECT_COND || object_sleeper(object);
}

static struct line *line_of_object(const struct object *object)
{
    return object && object->kind != OBJECT_THREAD ? line_of(object->address) : NULL;
}

/* ------------------------------------------------------------ in front of the scheduler's own */

/* Of atomics and calls it is told before their step, and again after it: they are counted there. */
void __wrap_memory_access(uintptr_t address, size_t size, enum access_kind kind, uintptr_t pc);
void __wrap_memory_access(uintptr_t address, size_t size, enum access_kind kind, uintptr_t pc)
{
    struct line *line = line_of(address);

    if (self && line && size && (kind == READ || kind == WRITE)) {
        spend(ACCESS);
        for (; line <= line_of(address + size - 1); line++)
            bring(line, kind == WRITE, pc);
    }
    if (kind == ATOMIC || kind == ATOMIC_WRITE)
        may_write_it = kind == ATOMIC_WRITE;
    __real_memory_access(address, size, kind, pc);
}

void __wrap_step(struct object *object, bool writes, uintptr_t pc);
void __wrap_step(struct object *object, bool writes, uintptr_t pc)
{
    struct line *line = line_of_object(object);

    if (line)
        begin(line, (writes || object->kind == OBJECT_ATOMIC) && changes(object), pc);
    __real_step(object, writes, pc);
    stays = false;
}

static bool wakes(const struct object *object)
{
    if (object->kind == OBJECT_MUTEX && object->mutex.owner != self)
        return false;
    for (unsigned t = 0; t < run.thread_count; t++)
        if (asleep[t] && run.threads[t].object == object)
            return true;
    return false;
}

/* In the middle of a call on a lock or its like: nobody else goes on meanwhile. */
void __wrap_object_touch(const struct object *object, uintptr_t pc);
void __wrap_object_touch(const struct object *object, uintptr_t pc)
{
    struct line *line = line_of_object(object);

    if (line) {
        bring_at_once(line, changes(object));
        if (wakes(object))
            spend(SYSTEM_CALL);
    }
    __real_object_touch(object, pc);
}

/* A lock is tried before it is slept for. */
enum wake __wrap_sleep_until(bool (*ready)(const struct thread *), struct object *object,
                             const char *call, uintptr_t pc, uint64_t deadline, bool on_realtime,
                             bool interruptible);
enum wake __wrap_sleep_until(bool (*ready)(const struct thread *), struct object *object,
                             const char *call, uintptr_t pc, uint64_t deadline, bool on_realtime,
                             bool interruptible)
{
    struct line *line = line_of_object(object);
    bool is_lock = line && object->kind == OBJECT_MUTEX;

    if (is_lock)
        begin(line, true, pc);
    stays = is_lock && !object->mutex.owner;
    if (line && !stays) {
        bring_at_once(line, true);
        spend(SYSTEM_CALL);
        asleep[self->id] = true;
        sleeps += measuring;
    }
    enum wake wake =
        __real_sleep_until(ready, object, call, pc, deadline, on_realtime, interruptible);
    stays = false;
    return wake;
}

void __wrap_yield_step(uintptr_t pc);
void __wrap_yield_step(uintptr_t pc)
{
    spend(SYSTEM_CALL);
    __real_yield_step(pc);
}

void pause_here(void)
{
    spend(MOVE);
}

/* A thread that was not able to go on, and now is, owes that to what self has just done. */
static void make_able(struct thread *thread)
{
    if (clocks[thread->id] < now)
        clocks[thread->id] = clocks[self->id] + (asleep[thread->id] ? WAKING : 0);
}

/* The one that is the first to be done with its last step. */
unsigned __wrap_strategy_pick(const struct option options[], unsigned n, unsigned able,
                              bool continues);
unsigned __wrap_strategy_pick(const struct option options[], unsigned n, unsigned able,
                              bool continues)
{
    unsigned first = 0;

    (void)n;
    if (stays && continues)
        return 0;
    for (unsigned i = 0; i < able; i++) {
        make_able(options[i].thread);
        if (clocks[options[i].thread->id] < clocks[options[first].thread->id])
            first = i;
    }
    now = clocks[options[first].thread->id];
    asleep[options[first].thread->id] = false;
    return first;
}

/* Loads read the newest value, whoever waits for longest is woken. */
unsigned __wrap_strategy_draw(unsigned n, bool costs);
unsigned __wrap_strategy_draw(unsigned n, bool costs)
{
    (void)n, (void)costs;
    return 0;
}

/* Giving way is a step like others: everybody has a processor. */
bool __wrap_strategy_chance(unsigned one_in);
bool __wrap_strategy_chance(unsigned one_in)
{
    (void)one_in;
    return true;
}

/* The program looks at the clock twice, and measures what is between. */
int __wrap_suite_clock_gettime(clockid_t clock, struct timespec *time);
int __wrap_suite_clock_gettime(clockid_t clock, struct timespec *time)
{
    (void)clock;
    measuring = !measuring;
    if (!measuring)
        printf("%lu %lu ", moves, sleeps);
    time->tv_sec = (time_t)(clocks[self->id] / MOVE);
    time->tv_nsec = (long)(clocks[self->id] % MOVE * (1000000000 / MOVE));
    return 0;
}

/* ------------------------------------------------------------------------------------- main */

_Noreturn void __wrap_suite_exit(int code);
_Noreturn void __wrap_suite_exit(int code)
{
    exit(code);
}

int program_main(int argc, char **argv);

static int words;
static char **argument;

static void run_program(void)
{
    program_main(words, argument);
}

/* What the program does not free is no matter; what else the scheduler finds to be wrong is. */
int main(int argc, char **argv)
{
    uint64_t seed = argc > 1 ? strtoull(argv[1], NULL, 10) : 1;
    static const struct test test = {.name = "the program", .body = run_program};
    struct plan plan = {.strategy = PLAN_RANDOM, .seed = seed, .unlock_is_step = true};
    struct outcome outcome;

    words = argc - 1;
    argument = argv + 1;
    if (!schedule_prepare())
        return 3;
    of_arena = reserve(arena_size / LINE * sizeof *of_arena);
    of_globals = reserve(((size_t)(_end - __data_start) / LINE + 2) * sizeof *of_globals);
    if (!of_arena || !of_globals)
        return 3;
    if (schedule_run(&test, &plan, &outcome) || outcome.verdict == VERDICT_LEAK)
        return 0;
    fprintf(stderr, "%s\n", outcome.message);
    return 1;
}
