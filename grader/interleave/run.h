/* run.h - the state of a schedule: its threads, and what they meet at.
 *
 * One schedule is one run of a scenario's body. Its threads are fibers; exactly one runs (self),
 * and another one can run only at a step: the start of a call that threads can notice (locks,
 * condition variables, semaphores, atomics, thread starts and joins, the clock). At a step the
 * strategy picks the next to go on. Everything between two steps is seen by the memory checks
 * (memory.h), which don't need an access to meet its rival to know that it could.
 *
 * All state of a schedule is forgotten when the next one starts: tables by setting their count
 * to 0, shadows by a new generation number, the program's variables by an undo log. */
#pragma once

#include "../suite/runtime.h"
#include "fiber.h"
#include "tuning.h"

#include <limits.h>
#include <time.h>

/* The call in the submission's code that reached a function of ours, as an address inside it. */
#define CALLER ((uintptr_t)__builtin_return_address(0) - 1)

#define FOREVER UINT64_MAX /* no deadline */

/* A number for each thread. There is room for as many threads as can be, and mostly there are few: for those from
 * `threads` on nothing is written, which means 0 (in store.seen: NEVER). It costs what the threads cost that there are. */
struct vector {
    uint32_t threads; /* a multiple of four */
    uint32_t at[MAX_THREADS];
};

/* What a thread knows of each thread's past: a vector clock. by_c11.at[t] >= n: all that t did before
 * its n+1st release happens before what is done next here. By RC11 some more does than by C11 (release
 * sequences: history.h); what that is stands under a number, and mostly there is nothing: 0. By C11 there
 * is a race; what loads may read is RC11's. */
struct clock {
    uint32_t by_rc11;
    struct vector by_c11;
};

/* ------------------------------------------------------------------------------- objects */

enum kind {
    OBJECT_NONE,
    OBJECT_MUTEX,
    OBJECT_COND,
    OBJECT_RWLOCK,
    OBJECT_BARRIER,
    OBJECT_ONCE,
    OBJECT_SPIN,
    OBJECT_SEMAPHORE,
    OBJECT_FUTEX,
    OBJECT_EVENTFD,
    OBJECT_PIPE,
    OBJECT_SOCKET,
    OBJECT_EPOLL,
    OBJECT_SIGNALS,
    OBJECT_ATOMIC,
    OBJECT_THREAD,
    OBJECT_CLOCK,
    OBJECT_BLOCK,
    OBJECT_KINDS
};

struct thread;

/* Something threads meet at, found by its address (memory.h: object_at). What POSIX keeps inside a
 * pthread_mutex_t is kept here; the student's bytes stay as they were. */
struct object {
    enum kind kind;
    bool destroyed, initialised; /* by calls */
    uintptr_t address;
    uintptr_t pc; /* where first used */

    /* sync.c: of one on a stack: the frame in which its own thread used it last */
    unsigned frame_depth;
    unsigned long frame; /* its number; 0: not known */

    /* object.c */
    uint32_t next;     /* another object in the same 8 bytes; 0: none */
    struct pasts *met; /* what is before a step at it; NULL: nothing */

    /* adversary.c */
    unsigned changes;
    bool is_touched;
    const struct thread *maker; /* who changed it first; NULL: another has touched it */

    unsigned number; /* story.c: in the story; 0: not told yet */

    /* The file that stands in for the calls on it */
    union {
        struct {
            struct thread *owner;
            unsigned depth;
            int type; /* PTHREAD_MUTEX_... */
            bool robust;
            bool owner_died; /* and nobody has called pthread_mutex_consistent since */
            bool lost;       /* ... before it was unlocked: it can't be locked any more */
        } mutex;
        struct {
            struct object *mutex; /* of those that sleep on it */
            clockid_t clock;
            int last_signaller; /* thread id, -1: there was no signal */
            unsigned last_signal;
        } cond;
        struct {
            struct thread *writer;
            unsigned readers;
            uint8_t reads[MAX_THREADS];
            struct object *of_readers; /* NULL: nobody has locked it */
        } rwlock;
        struct {
            unsigned size, arrived, round;
        } barrier;
        struct {
            struct thread *runner;
            bool done;
        } once;
        struct {
            struct thread *owner;
        } spin;
        struct {
            unsigned value;
        } semaphore;
        struct {
            struct history *history; /* history.h */
            unsigned size;
            bool rewritten; /* by a plain write, which so is not how it began */
        } atomic;
    };

    struct clock clock; /* what a thread learns that acquires it */
};

/* ------------------------------------------------------------------------------- threads */

enum wake {
    WAKE_READY,    /* what it waited for holds */
    WAKE_SPURIOUS, /* it does not; nobody knows why it woke */
    WAKE_TIMEOUT   /* the deadline has passed */
};

struct thread {
    unsigned id;
    struct fiber fiber;

    /* thread.c: what it was started with, and its end */
    enum { THREAD_UNUSED, THREAD_LIVE, THREAD_ENDED } state;
    bool detached, joined;
    unsigned long handle; /* its pthread_t */
    const char *name;     /* "" if the suite gave none */
    uintptr_t start;      /* its function */
    void *(*body)(void *);
    int (*body_c11)(void *);
    void *arg, *result;
    uintptr_t created_at;
    struct object *own;     /* it is an object too: what join waits for */
    struct thread *joining; /* pthread_join: whose end it waits for */

    /* keys.c */
    const void *key_values[MAX_KEYS];

    /* scheduler.c: the step it is at. It goes on when ready(self) holds (NULL: always). */
    bool (*ready)(const struct thread *);
    struct object *object; /* what the step is about */
    bool writes;        /* ... and whether it changes it: of two that don't, order is no matter */
    bool may_write;     /* ... or that depends on what it finds */
    uint64_t deadline;  /* nanoseconds of the virtual monotonic clock */
    bool on_realtime;   /* the deadline was one of CLOCK_REALTIME, and moves when that is set */
    bool interruptible; /* may wake without cause */
    bool early;         /* times out although others could go on */
    bool settling, yielded;
    enum wake wake;
    const char *call; /* the call it sleeps in, for messages */
    uintptr_t call_pc;
    unsigned asleep_since; /* number of the event */
    int saved_errno;

    /* scheduler.c: progress, in steps since anything changed that it could have noticed */
    unsigned idle;
    unsigned long progress_seen;
    unsigned wakeups;      /* time-outs during settle */
    unsigned late_wakeups; /* ... and in its second half */
    uint64_t asleep_at;    /* when it began to sleep */
    unsigned naps;         /* time-outs since naps(), but for those that had passed before */

    /* scheduler.c: is it stopped for ever, and may it not go on */
    bool may_stop, stopped, held;
    bool may_be_left;    /* asleep, if another was stopped */
    unsigned stop_steps; /* steps taken inside may_stop */

    /* cond.c: sleeping on a condition variable */
    struct object *and_mutex; /* this is to be had afterwards */
    unsigned long queued;     /* order among those that sleep on it */

    /* barrier.c */
    unsigned barrier_round;

    /* futex.c: the bits it sleeps on; 0: it does not, or was woken */
    uint32_t futex_bits;

    /* file.c, poll.c: what a sleep in read, write or poll is about */
    const void *files;
    size_t room;

    /* signal.c: a bit each; what waits for the thread, and what it waits for */
    uint64_t signals_blocked, signals_pending, signals_wanted;
    struct object *signals; /* NULL: nobody has had to do with them */
    bool takes_signals;     /* asleep in a call that a handler ends */
    bool was_interrupted;   /* ... and one does */
    bool restarts;          /* the last handler lets calls go on (SA_RESTART) */

    /* mutex.c, rwlock.c, spinlock.c */
    unsigned locks_held;
    unsigned allocations; /* it asked for */

    bool has_release_fence; /* atomic.c */

    unsigned body_depth; /* suite_h.c: functions that its body is called from by the suite */

    /* adversary.c: the objects it was at last, and how often they had been changed then; the last one first */
    struct meeting {
        const struct object *object;
        unsigned changes;
    } meetings[MAX_MEETINGS];

    /* What it knows (memory model): all files that order things; atomic.c. From here on nothing is cleared for
     * a new thread. Of clock and past there are always as many as there are threads. */
    struct clock clock;
    struct vector past;           /* of what could not have been executed later, whether it happens
                                     before or not: the last atomic operation of each thread */
    struct clock acquire_pending; /* read by relaxed loads, takes effect at an acquire fence */
    struct clock release_fence;   /* clock at its last release fence */

    /* tsan.c */
    unsigned depth;
    uintptr_t
        calls[MAX_CALL_DEPTH]; /* return addresses of the functions entered, outermost first */
    struct frame {
        uintptr_t base;       /* its frame pointer */
        unsigned long number; /* of all that were entered in the schedule */
    } frames[MAX_CALL_DEPTH];
};

/* ------------------------------------------------------------------------- the schedule */

/* What makes a schedule the one it is: everything that SEED= says. */
struct plan {
    enum {
        PLAN_MIX,
        PLAN_RANDOM,
        PLAN_PCT,
        PLAN_POS,
        PLAN_ADVERSARY,
        PLAN_DFS,
        PLAN_DPOR,
        PLAN_REPLAY
    } strategy;
    uint64_t seed;
    unsigned long index;  /* of the schedule within the strategy */
    unsigned fail_at;     /* the allocation that fails; 0: none */
    unsigned stop_thread; /* is stopped for ever, at its stop_step-th step; stop_step 0: none is */
    unsigned stop_step;
    bool unlock_is_step; /* matters once somebody uses trylock, and costs otherwise */
    unsigned spurious;   /* wake-ups without cause in a run */
    unsigned bound;      /* DFS: of preemptions and events */
    unsigned long
        length;        /* PCT: of the schedule in which nobody interferes, in picks; 0: not known */
    bool draws_events; /* what ends a sleep early is drawn when it begins, for DFS and DPOR: else it
                          may come at any step */
    bool draws_failures; /* and so is each allocation that may fail: one does, or none */
    bool draws_stops;    /* and each step at which a thread may be stopped */
    unsigned zeroed;  /* the block that begins as zeros, counted from 1; 0: none, or ALL_BLOCKS */
    unsigned suspect; /* the block of which bytes are read that nobody has written; 0: none known */
};
enum { ALL_BLOCKS = INT_MAX };

struct run {
    /* schedule.c */
    const struct test *test;
    struct plan plan;

    /* fail.c */
    bool failed; /* a verdict has been told */

    /* thread.c */
    struct thread *threads; /* [MAX_THREADS] */
    unsigned thread_count;  /* slots used so far in this schedule */
    unsigned live;          /* threads that have not ended */
    unsigned long started;

    /* scheduler.c */
    unsigned long steps;
    unsigned long entered; /* functions of the submission and of the suite (tsan.c) */
    unsigned long
        returned; /* ... when a call of the test or of a thread's function last returned */
    unsigned long progress; /* counts everything another thread could notice */
    unsigned long rounds;   /* ... and turns since, while all spin */
    unsigned long rounds_progress;
    unsigned long turns; /* how often others ran within a step, or a signal's handler did */
    unsigned long yields;
    bool patient;   /* a thread that yields lets all others go as far as they get */
    uint64_t slept; /* time passed because everybody slept, where it may not: time_may_pass */
    unsigned spurious_left, early_left;
    bool unexplored; /* one schedule is enough: the first option is taken, and no event injected */
    struct thread *settling;
    uint64_t settle_middle; /* FOREVER: it is too short for a second half */
    bool was_stopped;
    unsigned stopped_thread;
    uintptr_t stopped_at;

    /* child.c: for the watchdog and for crashes */
    unsigned long activity;
    uintptr_t last_access; /* to memory that isn't watched: what the crash was, if one follows */

    /* memory.c */
    unsigned long accesses;      /* plain ones since the last step */
    unsigned long touched;       /* ... before it, a block counting for many */
    unsigned long work;          /* ... since a call returned */
    unsigned long turn_progress; /* when there were last too many accesses */
    unsigned edges_left;         /* to pass until the next look at what is done meanwhile */
    unsigned silent_looks;       /* the last ones, that found no step */
    unsigned long steps_at_look, accesses_at_look;

    /* clock.c */
    uint64_t now; /* virtual monotonic clock, ns */
    int64_t realtime_offset;
    bool clock_was_set;
    struct object *clock_object; /* what reading and setting the clock is about */

    /* signal.c: what waits for any thread that will take it */
    uint64_t signals_pending;
    struct object *signals;

    /* atomic.c */
    unsigned stale_left, weak_left;
    uint32_t operations; /* so many, since there is more than one thread */

    /* run.c */
    uint32_t clocks_by_rc11;

    /* libc.c */
    unsigned exit_handlers; /* that are to be called */

    /* heap.c */
    unsigned allocations, failable; /* asked for; and together with thread starts */
    bool allocation_has_failed;
    bool memory_is_out; /* all of the submission's fail */

    /* mutex.c, rwlock.c, spinlock.c */
    bool tried_a_lock; /* trylock was used: unlock should be a step */
};
extern struct run run;
extern struct thread *self; /* the one that runs; NULL between schedules */

/* What can happen next: somebody goes on, or an event is injected. */
struct option {
    struct thread *thread;
    enum { GO, WAKE_IT_SPURIOUSLY, LET_TIME_PASS } how;
};

/* The thread as a message names it, for who tells the story: "{t1}", in one of four buffers used in turn. */
const char *thread_name(const struct thread *thread);

/* Is the thread through with all it will ever do? */
static inline bool is_over(const struct thread *thread)
{
    return thread->state != THREAD_LIVE || thread->stopped;
}

/* Something changed that another thread could notice: waiting for it is not spinning in vain. */
static inline void made_progress(void)
{
    run.progress++;
}

/* ----------------------------------------------------------------------------- vector clocks */

/* Into learns all of it, but by RC11 only. */
void clock_learn_by_rc11(struct clock *into, const struct clock *from);

/* What it knows of a thread by RC11. */
__attribute__((pure)) uint32_t clock_by_rc11(const struct clock *clock, unsigned thread);

static inline uint32_t vector_of(const struct vector *vector, unsigned thread)
{
    return thread < vector->threads ? vector->at[thread] : 0;
}

/* Numbers are looked at four at a time: those of all threads, and up to three more. (Signed, which
 * costs less to compare: none is that great.) */
typedef int32_t four_numbers __attribute__((vector_size(16), aligned(4), may_alias));
typedef int64_t two_halves __attribute__((vector_size(16)));

/* It has at least so many threads. What is new is that number. */
static inline void vector_extend(struct vector *vector, unsigned threads, int32_t number)
{
    for (; vector->threads < threads; vector->threads += 4)
        *(four_numbers *)&vector->at[vector->threads] =
            (four_numbers){number, number, number, number};
}

static inline void numbers_copy(uint32_t *into, const uint32_t *from, unsigned n)
{
    for (unsigned t = 0; t < n; t += 4)
        *(four_numbers *)&into[t] = *(const four_numbers *)&from[t];
}

static inline void vector_copy(struct vector *into, const struct vector *from)
{
    into->threads = from->threads;
    numbers_copy(into->at, from->at, from->threads);
}

/* Of each two the greater one. */
static inline void vector_join(struct vector *into, const struct vector *from)
{
    vector_extend(into, from->threads, 0);
    for (unsigned t = 0; t < from->threads; t += 4) {
        four_numbers a = *(four_numbers *)&into->at[t], b = *(const four_numbers *)&from->at[t];
        four_numbers less = a < b;
        *(four_numbers *)&into->at[t] = (a & ~less) | (b & less);
    }
}

/* Is there a thread that both have, for which the one's number is not greater than the other's? */
static inline bool vector_any_within(const struct vector *some, const struct vector *others)
{
    unsigned threads = some->threads < others->threads ? some->threads : others->threads;
    four_numbers any = {0};

    for (unsigned t = 0; t < threads; t += 4)
        any |= *(const four_numbers *)&some->at[t] <= *(const four_numbers *)&others->at[t];
    two_halves halves = (two_halves)any;
    return halves[0] | halves[1];
}

static inline uint32_t clock_of(const struct clock *clock, unsigned thread)
{
    return clock->by_rc11 ? clock_by_rc11(clock, thread) : vector_of(&clock->by_c11, thread);
}

static inline void clock_clear(struct clock *clock)
{
    clock->by_rc11 = clock->by_c11.threads = 0;
}

static inline void clock_copy(struct clock *into, const struct clock *from)
{
    into->by_rc11 = from->by_rc11;
    vector_copy(&into->by_c11, &from->by_c11);
}

static inline void clock_join(struct clock *into, const struct clock *from)
{
    vector_join(&into->by_c11, &from->by_c11);
    if (from->by_rc11)
        clock_learn_by_rc11(into, from);
}

/* The thread's own part of its clock: so often it has released. */
static inline uint32_t *own_clock(struct thread *thread)
{
    return &thread->clock.by_c11.at[thread->id];
}

/* All that was executed until now is before what self does next: it has waited for that. */
static inline void past_is_all(void)
{
    for (unsigned t = 0; run.operations && t < run.thread_count; t++)
        self->past.at[t] = run.operations;
}

/* Self learns what the releases of an object tell; and the other way round, after which what self
 * does next is not yet known to those that acquired. */
static inline void acquire(const struct clock *from)
{
    clock_join(&self->clock, from);
}

static inline void release(struct clock *into)
{
    clock_join(into, &self->clock);
    ++*own_clock(self);
}
