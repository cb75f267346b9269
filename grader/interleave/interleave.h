/* interleave.h - what the parts of the controlled scheduler know of one another.
 *
 * One schedule is one run of a scenario's body. Its threads are fibers; exactly one runs (self),
 * and another one can run only at a step: the start of a call that threads can notice (locks,
 * condition variables, semaphores, atomics, thread starts and joins, the clock). At a step the
 * strategy picks who goes on. Everything between two steps is seen by the memory checks
 * (memory.h), which don't need an access to meet its rival to know that it could.
 *
 * All state of a schedule is forgotten when the next one starts: tables by setting their count
 * to 0, shadows by a new generation number, the program's variables by an undo log. */
#pragma once

#include "../suite/runtime.h"
#include "fiber.h"
#include "story.h"

#include <stdarg.h>
#include <time.h>

/* The call in the submission's code that reached a function of ours, as an address inside it. */
#define CALLER ((uintptr_t)__builtin_return_address(0) - 1)

#define FOREVER UINT64_MAX /* no deadline */

enum {
    MAX_THREADS = 64,     /* at once; ended ones make room */
    MAX_CALL_DEPTH = 512, /* deeper calls are counted, not remembered */
    MAX_KEYS = 64,        /* pthread_key_create */
};

/* What a thread knows of each thread's past. clock.at[t] >= n: all that t did before its n+1st
 * release happens before what is done next here. */
struct clock {
    uint32_t at[MAX_THREADS];
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
    bool destroyed;
    unsigned number; /* in the story, 0: not told yet; and among those of its kind */
    unsigned number_of_kind;
    uint32_t next; /* another object in the same 8 bytes; 0: none */
    uintptr_t address;
    uintptr_t pc;       /* where first used */
    struct clock clock; /* what who acquires it learns */
    union {
        struct {
            struct thread *owner;
            unsigned depth;
            int type; /* PTHREAD_MUTEX_... */
        } mutex;
        struct {
            struct object *mutex; /* of those who sleep on it */
            clockid_t clock;
            int last_signaller; /* thread id, -1: there was no signal */
            unsigned last_signal;
        } cond;
        struct {
            struct thread *writer;
            unsigned readers;
            uint8_t reads[MAX_THREADS];
            struct clock read_clock; /* what a writer learns from readers */
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
            struct store *stores; /* atomic.c */
            unsigned size, count;
        } atomic;
    };
};

/* ------------------------------------------------------------------------------- threads */

enum wake {
    WAKE_READY,    /* what it waited for holds */
    WAKE_SPURIOUS, /* it does not; nobody knows why it woke */
    WAKE_TIMEOUT   /* the deadline has passed */
};

struct thread {
    unsigned id;
    enum { THREAD_UNUSED, THREAD_LIVE, THREAD_ENDED } state;
    bool detached, joined, stopped, held;
    unsigned long handle; /* its pthread_t */
    const char *name;     /* "" if the suite gave none */
    uintptr_t start;      /* its function */
    void *(*body)(void *);
    int (*body_c11)(void *);
    void *arg, *result;
    uintptr_t created_at;

    struct fiber fiber;
    int saved_errno;

    /* The step it is at: it goes on when ready(self) holds (NULL: always). */
    bool (*ready)(const struct thread *);
    struct object *object; /* what the step is about */
    bool writes; /* ... and whether it changes it: of two that don't, order is no matter */
    struct object *and_mutex; /* sleeping on a condition variable: this is to be had afterwards */
    uint64_t deadline;        /* nanoseconds of the virtual monotonic clock */
    bool on_realtime;   /* the deadline was one of CLOCK_REALTIME, and moves when that is set */
    bool interruptible; /* may wake without cause */
    bool settling, yielded;
    enum wake wake;
    const char *call; /* the call it sleeps in, for messages */
    uintptr_t call_pc;
    unsigned asleep_since; /* number of the event */
    unsigned long queued;  /* order among those who sleep on a condition variable */
    unsigned barrier_round;
    struct thread *joining; /* pthread_join: whose end it waits for */

    /* Progress: steps since anything changed that it could have noticed. */
    unsigned idle;
    unsigned long progress_seen;
    unsigned wakeups; /* time-outs during settle */
    unsigned naps;    /* time-outs since naps() */

    /* What it knows (memory model) */
    struct clock clock;
    struct clock acquire_pending; /* read by relaxed loads, takes effect at an acquire fence */
    struct clock release_fence;   /* clock at its last release fence */
    bool has_release_fence;
    struct clock fences_seen, sc_stores_seen; /* of others, at its last seq_cst fence */

    bool may_stop;
    unsigned stop_steps; /* steps taken inside may_stop */
    unsigned locks_held;
    const void *key_values[MAX_KEYS];

    struct object *own; /* it is an object too: what join waits for */
    unsigned depth;     /* from here on nothing is cleared for a new thread */
    uintptr_t
        calls[MAX_CALL_DEPTH]; /* return addresses of the functions entered, outermost first */
};

/* ------------------------------------------------------------------------- the schedule */

/* What makes a schedule the one it is: everything that SEED= says. */
struct plan {
    enum { PLAN_MIX, PLAN_RANDOM, PLAN_PCT, PLAN_POS, PLAN_DFS, PLAN_REPLAY } strategy;
    uint64_t seed;
    unsigned long index; /* of the schedule within the strategy */
    unsigned fail_at;    /* the allocation that fails; 0: none */
    unsigned
        stop_thread; /* who is stopped for ever, at its stop_step-th step; stop_step 0: nobody */
    unsigned stop_step;
    bool unlock_is_step; /* matters once somebody uses trylock, and costs otherwise */
    unsigned spurious;   /* wake-ups without cause in a run */
};

struct run {
    const struct test *test;
    struct plan plan;
    bool failed; /* a verdict has been told */

    struct thread *threads; /* [MAX_THREADS] */
    unsigned thread_count;  /* slots used so far in this schedule */
    unsigned live;          /* threads that have not ended */
    unsigned long started;
    unsigned long steps;
    unsigned long
        returned; /* ... when a call of the test or of a thread's function last returned */
    unsigned long progress; /* counts everything another thread could notice */
    unsigned long rounds;   /* ... and turns since, while all spin */
    unsigned long rounds_progress;
    unsigned long activity; /* for the watchdog */
    unsigned long accesses; /* plain ones since the last step */
    uintptr_t last_access;  /* to memory that isn't watched: what the crash was, if one follows */

    uint64_t now; /* virtual monotonic clock, ns */
    int64_t realtime_offset;
    bool clock_was_set;
    uint64_t slept; /* time passed because everybody slept, where it may not: time_may_pass */
    unsigned spurious_left, early_left, stale_left, weak_left;
    unsigned long yields;
    bool patient; /* whoever yields lets all others go as far as they get */
    struct thread *settling;

    unsigned allocations, failable; /* asked for; and together with thread starts */
    bool allocation_has_failed;
    bool was_stopped;
    uintptr_t stopped_at;
    bool tried_a_lock;           /* trylock was used: unlock should be a step */
    struct object *clock_object; /* what reading and setting the clock is about */
    struct object *fences;       /* ... and all fences */
};
extern struct run run;
extern struct thread *self; /* who runs; NULL between schedules */

/* ------------------------------------------------------------------------- scheduler.c */

/* Runs the scenario's body once under the plan. What went wrong, if anything, is in *outcome, and
 * the result is whether all went well. */
bool schedule_run(const struct test *test, const struct plan *plan, struct outcome *outcome);

/* A step of self: another thread may go first. */
void step(struct object *object, bool writes, uintptr_t pc);

/* A step that can only be taken when ready(self) holds. call is its name, for messages. */
void step_when(bool (*ready)(const struct thread *), struct object *object, const char *call,
               uintptr_t pc);

/* The same for a sleep that can end in other ways, and says how it did. */
enum wake sleep_until(bool (*ready)(const struct thread *), struct object *object, const char *call,
                      uintptr_t pc, uint64_t deadline, bool on_realtime, bool interruptible);

/* What who sleeps waits for if only a signal, a deadline or no cause at all can end its sleep. */
bool never(const struct thread *thread);

/* Lets others go first, if there are any. */
void yield_step(uintptr_t pc);

/* Lets `seconds` pass on the virtual clock once every other thread sleeps or has ended (settle). */
void sleep_through(unsigned seconds, uintptr_t pc);

/* Is the thread through with all it will ever do? */
static inline bool is_over(const struct thread *thread)
{
    return thread->state != THREAD_LIVE || thread->stopped;
}

/* Something changed that another thread could notice: who waits for it is not spinning in vain. */
static inline void made_progress(void)
{
    run.progress++;
}

/* A new thread, not yet started; NULL if there are too many at once. */
struct thread *thread_new(void);
void thread_start(struct thread *thread);
_Noreturn void thread_leave(void *result); /* self's end */
void thread_run_destructors(void);         /* thread.c: of its keys */
const char *thread_name(const struct thread *thread);

/* heap.c: an allocation or a thread start of the submission; true: it is the one that fails. */
bool allocation_fails(bool is_thread, uintptr_t pc);

/* ------------------------------------------------------------------------ sync.c, clock.c */

/* The parts that <threads.h> shares with <pthread.h>. call: the name in messages. */
int mutex_init(void *mutex, int type, const char *call, uintptr_t pc);
int mutex_destroy(void *mutex, const char *call, uintptr_t pc);
int mutex_lock(void *mutex, const char *call, uintptr_t pc, uint64_t deadline, bool on_realtime);
int mutex_trylock(void *mutex, const char *call, uintptr_t pc);
int mutex_unlock(void *mutex, const char *call, uintptr_t pc);
int cond_init(void *cond, clockid_t clock, const char *call, uintptr_t pc);
int cond_destroy(void *cond, const char *call, uintptr_t pc);
int cond_wait(void *cond, void *mutex, const char *call, uintptr_t pc, clockid_t clock,
              const struct timespec *deadline);
int cond_wake(void *cond, bool all, const char *call, uintptr_t pc);
int once(void *flag, void (*init)(void), const char *call, uintptr_t pc);
clockid_t cond_clock(void *cond, const char *call, uintptr_t pc);

/* The object at an address, for a call on it: fails if it is NULL, dead memory, destroyed, or never
 * initialised although that shows. */
struct object *object_for(void *where, enum kind kind, const char *call, uintptr_t pc);

/* The object at an address which a call initialises now; what was there is forgotten. */
struct object *object_initialise(void *where, enum kind kind, const char *call, uintptr_t pc);

/* The point of the virtual monotonic clock at which a deadline passes. False: not a valid time. */
bool clock_deadline(clockid_t clock, const struct timespec *when, uint64_t *deadline,
                    bool *on_realtime);

/* thread.c */
int thread_create(unsigned long *handle, const char *name, void *(*body)(void *),
                  int (*body_c11)(void *), void *arg, bool detached, uintptr_t pc);
int thread_join(unsigned long handle, void **result, const char *call, uintptr_t pc);
int thread_detach(unsigned long handle, const char *call, uintptr_t pc);
void keys_begin(void);
int key_create(unsigned *key, void (*destructor)(void *));

/* Ends the schedule with a verdict; pc: where in the submission, 0: nowhere in particular. */
_Noreturn void fail(enum verdict verdict, uintptr_t pc, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Ends the schedule without one: strategy_pick found that it only repeats another. */
_Noreturn void abandon_schedule(void);
bool schedule_was_abandoned(void);

/* ------------------------------------------------------------------------------ explore.c */

/* One choice of the schedule that runs, 0 being what happens when nobody interferes: kept so that
 * the schedule can be run again. Returns it. */
unsigned note_choice(unsigned choice);

/* The choice noted in the schedule that is replayed. */
unsigned noted_choice(void);
