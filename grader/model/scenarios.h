/* scenarios.h - a contract as a program, and calls drawn by chance that are checked against it.
 *
 * A contract says what each call may answer when calls are made one after the other:
 * exercises/NN_name/model.h. Several threads may answer whatever the same calls would have answered
 * in some order, one after the other, in which each call has its place between its begin and its
 * return: the history of the calls is then linearizable (linearize.c). A call that sleeps when
 * nothing moves any more must be allowed to by what has happened until then.
 *
 * Scenarios are drawn from a number (draw.c), run by a test's threads (run.c), and one that fails
 * is made smaller and told (tell.c). A contract deals with objects, each with handles of two kinds:
 * any number of one kind (the senders of a channel, the clients of a server), and one of the other
 * (the receiver, the server). */
#pragma once

#include "../suite/runtime.h"

#include <stdatomic.h>

enum {
    MOST_CALLS = 640,  /* of a history */
    MOST_PLANNED = 40, /* of a scenario */
    OBJECTS = 2,
    THREADS =
        6, /* 0 is the test itself; 1 to 3 run together, and when they have ended 4 and 5 do */
    SECOND_ROUND = 4,
    MOST_HANDLES = 12, /* of one kind that a thread has of an object */
    MOST_STATE = 3072, /* bytes of a contract's state */
    STATUSES = 8,      /* at most, of an enum */
    NONE = 255,        /* no kind of call */
    ANY = -1,          /* a value that is not asked about */
};
#define FOREVER UINT64_MAX /* a time that does not come */

/* A function of a suite's that works on what one thread has for itself, and often: no access of it is checked
 * for races. Where it hands a buffer on, a memset of the whole is. */
#define UNWATCHED __attribute__((no_sanitize("thread")))

/* What an object is made with; what it means is up to the contract. */
struct setup {
    uint8_t variant;
    size_t capacity, size;
};

/* One call, and what became of it. */
struct call {
    uint8_t kind, thread, object;
    uint16_t argument; /* one of the kind's */
    uint16_t times;    /* in a plan: made so often, one after the other; 0: once */
    uint8_t held; /* made with EVERY_ONE handle: of which objects the thread has it, a bit each */
    unsigned message; /* what it hands in: a number no other call has; 0: nothing */
    int status;       /* what it answered */
    long value;       /* ... and what came with that */
    /* In the order of all begins and returns, from 1; returned is 0: not yet. after: it took effect
     * later than that; if it says that a time has come, later than whatever returned before that.
     */
    unsigned began, after, returned;
    unsigned waited; /* ... and since then it has waited for a thread that is held; 0: for none */
    uint64_t began_at, returned_at; /* CLOCK_MONOTONIC */
    uint64_t until;      /* it sleeps no longer than that, likewise: see waits_until; FOREVER */
    uint64_t not_before; /* the time that it says has come, likewise; 0: it says no such thing */
    bool got_no_memory;  /* an allocation failed meanwhile */
};

/* The calls made so far, in the order they began. */
struct history {
    unsigned n;
    atomic_uint begun; /* what n is when nothing moves */
    struct call calls[MOST_CALLS];
};

/* Two calls of which neither had returned when the other began. */
UNWATCHED static inline bool overlap(const struct call *a, const struct call *b)
{
    return a->began != b->began && (!b->returned || a->began < b->returned) &&
           (!a->returned || b->began < a->returned);
}

struct answer {
    int status;
    long value;
    void *handle;        /* a new one */
    uint64_t not_before; /* the time that it says has come, of CLOCK_MONOTONIC; 0: it says no such
                            thing */
};

/* A kind of call: a function, as a rule. */
struct kind {
    const char *name;
    enum {
        A_MANY,
        THE_ONE,
        EVERY_ONE,
        NOTHING
    } needs; /* the handle it is made with; EVERY_ONE: all it has */
    enum {
        KEEPS,
        ADDS,
        DROPS,
        ENDS_ALL
    } does;                      /* ... and what becomes of that; ENDS_ALL: of the whole object */
    uint8_t often;               /* how often it is drawn, beside others; 0: never */
    uint16_t arguments;          /* how many different ones there are, 0: none */
    uint16_t arguments_alone;    /* ... in a sequence of one thread; 0: as many */
    bool is_new;                 /* the exercise is about it */
    bool hands_in, hands_out;    /* a message, if it answers 0 */
    uint8_t releases[2];         /* kinds of calls, one of either handle, that end its sleep */
    const char *rules[STATUSES]; /* for each status it may answer, the header's sentence */
    const char *sleeps;          /* when it may sleep */
    const char *sleeps_until;    /* ... and how long, if there is a deadline */
};

struct contract {
    const struct kind *kinds;
    const char *const *status_names;
    uint8_t kind_count;
    uint8_t clone, drop_many, drop_one; /* kinds */
    uint8_t fill;                       /* the kind of call that fills an object */
    uint8_t take;                       /* ... and the one that empties it, if it hands out */
    uint8_t most_filled;
    uint8_t pairs_again; /* so often is each pair drawn again, with all else as it comes */

    /* An object with a thread of its own, which ends when no handle of the many is left and after a call that ENDS_ALL.
     * Of all handles the one is dropped last, for that waits for the thread. The sentence of the header; NULL: none. */
    const char *thread_ends;
    bool one_stops; /* a thread may be stopped for ever while it hands in a message; then calls that
                       hand in or out and never sleep are the only ones the threads make */

    /* Objects of small scenarios: those of the first new_setups are what the exercise is about. And
     * what the test does at the end, each repeated while it answers 0; ended by NONE. */
    const struct setup *setups;
    uint8_t setup_count, new_setups;
    const uint8_t (*endings)[4];
    uint8_t ending_count;

    /* The sequential program. A state is plain bytes; in scenarios of several threads only the
     * first state_size matter, and so many more for each call. */
    size_t state_size, state_of_a_call;
    void (*begin)(void *state, const struct setup *setups, unsigned objects);
    /* May this call take effect now, with the answer it gave? Then the state becomes what it is
     * afterwards. A value of ANY is any. history: NULL if there is only one thread. */
    bool (*allows)(void *state, const struct call *call, const struct history *history);
    /* May it sleep as long as the state is this? */
    bool (*may_sleep)(const void *state, const struct call *call);

    /* The code under test: makes an object with its first two handles (false: out of memory); makes
     * a call; and meets the other threads, before and after each call: what was done before one of
     * them met is known to those that meet later, which is what before means in C11. */
    bool (*open)(unsigned object, const struct setup *setup, void **many, void **one);
    struct answer (*make)(const struct call *call, void *handle, void *const ones[]);
    void (*meet)(void);

    bool (*is_dropped)(
        const struct setup *setup); /* is a message that nobody receives told to message_dropped? */
    const char *dropped_once;       /* the header's sentence about that */
    const char *allocates_nothing;  /* ... */
    bool (*may_allocate)(const struct setup *setup, const struct call *call);

    /* The call's arguments, and its answer, in words. */
    void (*describe)(const struct call *call, char *arguments, char *answer, size_t size);
};

/* ------------------------------------------------------------------------------ in a suite */

/* What a test of generated scenarios is about, for its options:
 *
 *     static const struct generated drawn = {GENERATED, &contract, .scenarios = 300};
 *     TEST(name, .family = &drawn.family, .schedules = 8) { together(&drawn); }
 *
 * runs those that cover pairs of calls, and 300 by chance (SCENARIOS= in the environment: so many),
 * each under 8 schedules. With .calls each scenario is of one thread and so many calls, on objects
 * of .setups. */
struct generated {
    struct family family;
    const struct contract *contract;
    unsigned scenarios;
    unsigned calls;
    unsigned filled;       /* ... after so many of the kind that fills */
    unsigned longest;      /* ... and so many more of few kinds, in some of them: long_shape() */
    unsigned most_at_once; /* ... where it is messages that stay; 0: as many */
    unsigned apart;        /* so many objects more are there, made between the two */
    const struct setup *setups;
    unsigned setup_count;
    unsigned times; /* only what wakes a thread so often before it runs: draw_repeated() */
    bool by_chance; /* only */
    bool few;       /* of one thread, but with no arguments that are not drawn for several */
};

static inline bool needs_one(const struct kind *kind)
{
    return kind->needs == THE_ONE || kind->needs == EVERY_ONE;
}

/* Carries a message, and returns at once. */
static inline bool never_sleeps(const struct kind *kind)
{
    return (kind->hands_in || kind->hands_out) && !kind->sleeps;
}

/* How much of a state matters after so many calls. */
static inline size_t state_size(const struct contract *contract, unsigned calls)
{
    return contract->state_size + (calls + 1) * contract->state_of_a_call;
}

/* Of a struct generated: the setups of an array. */
#define SETUPS(array) .setups = (array), .setup_count = sizeof(array) / sizeof *(array)

#define GENERATED                                                                                  \
    {                                                                                              \
        generated_begin, generated_next, generated_tell                                            \
    }

void together(const struct generated *generated);
void alone(const struct generated *generated);

/* The channel's drop function was called for that message. */
void message_dropped(long message);

/* The call that is being made has a deadline, in nanoseconds of CLOCK_MONOTONIC: it sleeps no longer than that, and
 * not at all if that has passed. */
void waits_until(const struct call *call, uint64_t deadline);

void generated_begin(const struct test *test);
bool generated_next(const struct test *test);
void generated_tell(const struct test *test, struct outcome *outcome);

/* ------------------------------------------------------------------- between the files here */

/* Everything that makes a scenario of several threads the one it is. */
struct scenario {
    unsigned objects;
    struct setup setups[OBJECTS];
    struct call calls[MOST_PLANNED]; /* of thread 0: before the others begin */
    unsigned n;
    unsigned messages;      /* numbers that these hand in */
    bool is_held;           /* the objects' threads are held until all others wait for them */
    uint8_t turns[OBJECTS]; /* before all calls: so often is it filled a little and emptied */
    bool keeps[OBJECTS];    /* the test keeps a handle of its own while the threads run */
    bool drops[THREADS]; /* a thread drops its handles when it ends; otherwise the test gets them */
    bool last_first;     /* the last thread's sleep is ended first */
    uint8_t release[THREADS]; /* which of two ways ends its sleep, and of which object first */
    uint8_t ending[OBJECTS];
};

/* What the process that runs scenarios shares with the one that tells of them. */
struct current {
    unsigned number;   /* of the scenario */
    uint64_t left_out; /* calls of it, a bit each */
    bool is_fixed;     /* there is no other */
    uint64_t seed;
    struct scenario scenario;
    struct history history;
};
extern struct current *current;

/* draw.c: the scenario of a number; false: there is none of that number. Those that cover pairs of
 * calls have the first numbers. */
bool draw_scenario(const struct contract *contract, uint64_t seed, unsigned number,
                   struct scenario *scenario);
unsigned pair_count(const struct contract *contract);
uint64_t draw_next(uint64_t *random);
unsigned draw_below(uint64_t *random, unsigned n);

/* ... in which a thread sleeps until another has made the call that wakes it, many times in a row. */
bool draw_repeated(const struct generated *generated, uint64_t seed, unsigned number,
                   struct scenario *scenario);

/* ... and of one thread. */
bool draw_alone(const struct generated *generated, uint64_t seed, unsigned number,
                struct scenario *scenario);

/* Of those some begin with very many calls of few kinds: more handles than 16 bits can count, then more messages
 * one after the other, then more at once, then more at once that are all taken. Negative: not the one of that number. */
enum { MANY_HANDLES, MANY_PASS, MANY_AT_ONCE, MANY_TAKEN, LONG_SHAPES };
int long_shape(const struct generated *generated, unsigned number);

/* linearize.c: is there an order of the calls that explains their answers?
 *
 * until: those that returned up to then are to be explained, those that had begun may be; 0: all
 * that have returned are, no others, and those still inside must be allowed to sleep afterwards.
 */
bool linearizable(const struct contract *contract, const struct history *history,
                  const struct setup *setups, unsigned objects, unsigned until);

/* tell.c: ends the scenario: no order explains the history; a sentence is broken by a call; and in
 * the parent, the calls as a table. */
_Noreturn void tell_history(const struct contract *contract, struct history *history,
                            const struct setup *setups, unsigned objects);
_Noreturn void tell_call(const struct contract *contract, const struct call *call, const char *rule,
                         const char *format, ...) __attribute__((format(printf, 4, 5)));
_Noreturn void tell_alone(const struct contract *contract, const struct call *call);
void tell_calls(const struct contract *contract, const struct history *history, unsigned objects,
                char *text, size_t size);
