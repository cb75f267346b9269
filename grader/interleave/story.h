/* story.h - the failing schedule, as JSON.
 *
 * Nothing is noted while schedules are tried: once one has failed it is shrunk and run a last time
 * with the recorder on. What comes out holds addresses, not lines; the renderer resolves
 * all of them at once (the program is linked with -no-pie, so an address in the story is one in the file).
 *
 *   {"format": 2,
 *    "verdict": "deadlock",                   as in the record
 *    "seed": "...",                           as in the record
 *    "steps": 41,                             how many events happened in all
 *    "omitted": 0,                            how many of the first ones are left out of "events"
 *    "calls": 7,                              how many functions were called, of the submission and the suite
 *    "threads":  [{"id": 0, "name": "the test", "start": "0x401b30"}, ...],
 *    "objects":  [{"id": 1, "kind": "mutex", "pc": "0x401d04"}, ...],
 *    "events":   [{"n": 1, "thread": 0, "pc": "0x401d2c", "stack": ["0x401d2c", "0x401c11"],
 *                  "op": "mutex_lock", "object": 1, "text": "locks {1}", "switch": false}, ...],
 *    "accesses": [{"role": "write", "thread": 1, "pc": "0x...", "stack": ["0x...", ...], "text": "writes 4 bytes"}, ...],
 *    "ends":     [{"thread": 0, "state": "asleep", "pc": "0x...", "stack": [...], "call": "pthread_cond_wait", "since": 17,
 *                  "object": 2, "holder": -1, "mutex": 1, "joins": -1, "timed": false, "signaller": 1, "signalled": 12,
 *                  "missing": 0}, {"thread": 1, "state": "ended", "pc": "0x0", "stack": []}, ...]}
 *
 * thread   index into "threads"; 0 runs the test's body. "name" is a function's name if the suite started
 *          the thread, otherwise "" and the renderer takes that of the function at "start".
 * object   "id" of one in "objects", numbered from 1 in the order of first use, or 0: none. Kinds: mutex
 *          cond rwlock barrier once spin semaphore futex eventfd pipe socket epoll signals atomic thread block key clock. "pc": where it was first
 *          initialised or used (a block: allocated).
 * pc       the call (or the access) in the code of the submission or the suite, in hexadecimal, an address
 *          inside the instruction: no "- 1" needed. "0x0": not known.
 * stack    the same, then its callers, innermost first; may be cut at 16 and may be [].
 * n        the number of the event in the schedule, from 1. "since" is one of these, 0: not known.
 * op       what was called, without pthread_ (mutex_lock, cond_wait, sem_post, atomic_store, free, ...), for
 *          a renderer that wants an icon or a colour. Events that nobody called: "wakes" (a sleeping call goes on),
 *          "spurious" (a wake-up without cause, or EINTR), "timeout", "stopped" (for ever), "alloc_fails",
 *          "clock_jump", "ends" (the thread is over), "fails" (the last event: what is reported); "tells" (by the suite).
 * switch   the thread before was another one.
 * text     in words, third person, without the thread's name: {1} stands for object 1, {t2} for thread 2.
 * role     read, write, atomic, allocated, freed, locked, stopped, first (the first of two), second ...: what the
 *          place has to do with the verdict. The first one listed is the one the report points at.
 * state    running, runnable, asleep, ended, stopped, spinning.
 *
 * Of a thread that is asleep, and of no other, an entry of "ends" also says
 *
 * call       in which it sleeps; "": it waits for all others to end.
 * object     on which; 0: on none.
 * holder     the thread that holds the object, and so keeps it from going on; -1: it is not that.
 * mutex      for a condition variable: the mutex it had, and has to have again.
 * joins      the thread whose end it waits for; -1: none.
 * timed      whether its sleep ends by a deadline.
 * signaller, signalled   for a condition variable: which thread signalled it last, at which event; -1: none did.
 * missing    for a barrier: how many more have to arrive.
 *
 * Lists are in the order of events; nothing in a story depends on addresses of data, on time or on load. */
#pragma once

#include "run.h"

#include <stdio.h>

struct stack {
    unsigned n;
    uintptr_t pcs[STORY_STACK];
};

struct event {
    unsigned thread, object;
    bool switched;
    uintptr_t pc;
    const char *op;
    char text[160];
    struct stack stack;
};

struct place {
    const char *role;
    unsigned thread;
    uintptr_t pc;
    char text[160];
    struct stack stack;
};

/* What was noted, for story_json.c. */
extern struct recorder {
    unsigned event_count, place_count, object_count, last_thread;
    struct event events[MAX_EVENTS];
    struct place places[MAX_PLACES];
    struct object *objects[MAX_TOLD_OBJECTS];
    FILE *out;
} * story;

/* Turns the recorder on, empty; story_write (story_json.h) will write to out. It stays off, and all of
 * the calls below do nothing, otherwise. */
void story_start(FILE *out);
static inline bool story_on(void)
{
    return story && story->out;
}

/* Notes what the running thread does now. object: number as told by story_object, or 0. A macro, so that
 * nothing is done for its arguments either if it is off. */
void story_event(const char *op, unsigned object, uintptr_t pc, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
#define story_event(...) (story_on() ? story_event(__VA_ARGS__) : (void)0)

/* Adds a place that explains the verdict; thread < 0: the running one, with its stack. */
void story_access(const char *role, int thread, uintptr_t pc, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* The same of what thread did earlier, at that event: with the stack it had, where that is still known; at: 0 if it is not. */
void story_earlier(const char *role, int thread, uintptr_t pc, unsigned at, const char *format, ...)
    __attribute__((format(printf, 5, 6)));

/* The object's number, given to it by the first call; 0 for NULL. And as a message names it, as a text does:
 * "{1}", in one of four buffers used in turn. */
unsigned story_object(struct object *object);
const char *object_name(struct object *object);

/* Number of the last event. */
unsigned story_now(void);

/* The calls the thread is in, pc being the innermost. */
void story_stack(struct stack *stack, const struct thread *thread, uintptr_t pc);
