/* tuning.h - the numbers that somebody chose, all of them.
 *
 * Each with its unit, what is lost if it is less, and what it costs if it is more. The numbers of
 * the first two sections decide which schedules a seed stands for: with another value an old SEED=
 * is another schedule. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* ------------------------------------------------------------------ what may happen in a schedule */

enum {
    /* Wake-ups without cause, unless the test asks for another number. Less: an `if` round a wait
     * goes unnoticed. More: a schedule of nothing but these, and a deeper tree for DFS. */
    SPURIOUS_WAKEUPS = 1,

    /* Times the clock jumps to the deadline of a sleeper although others could go on. Less: no
     * time-out meets a signal twice. More: time-outs drown what else can happen. */
    CLOCK_JUMPS = 3,

    /* Loads that are given an older value, and stores that are overtaken. Less: mistakes that need two
     * or three of them (IRIW, a ring's two ends). More: loops that wait for a value look again and again. */
    STALE_LOADS = 8,

    /* Stores of an atomic that somebody may still read; there are no more unless nothing ever makes them
     * visible. Less: what needs that many increments goes unseen. More: a longer history for each atomic. */
    MAX_KEPT = 64,

    /* Weak exchanges that fail without cause. Less: one that is not in a loop goes unnoticed. More:
     * longer loops. */
    WEAK_FAILURES = 2,

    /* ... and one in how many of them does. Less: it happens at the first ones, never at a later
     * one. More: seldom in a short test. */
    WEAK_FAILS_ONE_IN = 8,

    /* Steps at which a random strategy injects an event, if there is one to inject: one in so many.
     * Less: all events come early. More: a short schedule has none. */
    EVENT_ONE_IN = 8,

    /* Deadlines on CLOCK_REALTIME, one in so many, that see the clock set an hour ahead. Less: what
     * else such a wait can do is seldom seen. More: a wait that believes the wrong clock is. */
    CLOCK_SET_ONE_IN = 16,

    /* Nanoseconds that pass each time somebody looks at the clock. Less (0): a loop that waits for
     * time never ends. More: deadlines pass while nobody sleeps. */
    LOOK_AT_CLOCK_NS = 1000,

    /* The first yield of a schedule, one in so many, decides that yielding is for one step only.
     * Less: loops that yield are slow. More: what happens between two looks is seldom seen. */
    IMPATIENT_ONE_IN = 8,

    /* Yields, one in so many, that do nothing. Less: as above. More: as above. */
    NO_YIELD_ONE_IN = 4,

    /* Bytes of a fresh stack that are as in every other schedule. Less: what a missing
     * initialisation reads depends on the schedule before. More: a memset for each thread. */
    STACK_CLEAN = 4096,
};

/* ------------------------------------------------------------------------------------ strategies */

enum {
    /* PCT's d: steps that have to come in one order, to be found with a known probability. Less:
     * mistakes of two preemptions are missed. More: the probability falls with each. */
    PCT_DEPTH = 3,

    /* Schedules of PCT, one in so many, whose length is guessed. Less: one that loops when it is preempted is
     * hardly changed behind its beginning. More: the probability falls where the length is known. */
    PCT_GUESSES_ONE_IN = 4,

    /* Preemptions and injected events that DFS's schedules have at most, at first. Less: mistakes are
     * found later that need both. More: for each, the tree has as many times the schedules as a
     * schedule has choices. */
    FIRST_BOUND = 2,

    /* Choices of one schedule that DFS and DPOR treat systematically. Less: long schedules are not known to
     * have been explored to the end. More: memory. */
    MAX_NODES = 8192,

    /* Steps of one schedule of DPOR. Less: long scenarios are not proved. More: seconds until they are
     * given up, as each step is held against those before it. */
    MAX_PROVED_STEPS = 1000,

    /* Threads DFS has asleep at once, and objects in the footprint of a step. Less: schedules that
     * only swap two steps are run. More: a copy for each choice. */
    MAX_ASLEEP = 12,
    MAX_TOUCHED = 11,

    /* Objects a thread was at last of which the adversary knows how they were then. Less: an exchange that has
     * looked at more before it is tried is not overtaken. More: a look at each in its one schedule. */
    MAX_MEETINGS = 4,

    /* Schedules of a scenario, unless the test or SCHEDULES= says otherwise. Less: rare mistakes are
     * missed. More: time. Of the known-wrong channels most are caught by the tenth. */
    DEFAULT_SCHEDULES = 20000,

    /* The share of them, one in so many, that MIX has before DPOR gets its turn. Less: easy mistakes are
     * found where DPOR happens to begin. More: time, where DPOR needs less. */
    FIRST_LOOK = 100,

    /* The share of them, one in so many, that MIX has before DFS gets its turn. Less: easy mistakes
     * are found late, if DFS begins at the wrong end. More: DFS gets less. */
    FIRST_SHARE = 10,

    /* Schedules after which DFS has to look as if it will end within DFS_OVERRUN times its budget.
     * Less: given up before it can be told. More: wasted where the tree is large. */
    DFS_TRIAL = 3000,
    DFS_TRIAL_STEPS = 300000,  /* or so many steps */
    PROOF_TRIAL_STEPS = 60000, /* ... of DPOR, where each costs more */
    DFS_OVERRUN = 2,

    /* Schedules for each allocation that fails. Less: a failure that only some schedules can't cope
     * with. More: time, for each allocation. */
    MOST_PER_FAILURE = 500,

    /* The share of what is left, one in so many, that is spent once the first bound has been run through.
     * Less: time, with little to be found. More: what needs three preemptions and more goes unseen. */
    BEYOND_SHARE = 8,

    /* Steps in all after which a scenario has been looked at for long enough. Less: long scenarios
     * get few schedules. More: a suite of long ones takes minutes. */
    MOST_STEPS = 16000000,

    /* So many accesses to memory take as long as one step. Less: long messages are looked at in few
     * schedules. More: in so many that a right channel runs out of processor time. */
    ACCESSES_A_STEP = 4,

    DEFAULT_SEED = 1,
};

/* How long a schedule of PCT may be, if it is not as long as the one in which nobody interferes. Without the short
 * ones changes come after the end, without the long ones all at once. */
static const unsigned PCT_SCALES[] = {24, 80, 400};

/* ------------------------------------------------------------------------- when it is no progress */

enum {
    /* Steps of a thread in which nothing changed: from then on it goes only when nobody else can.
     * Less: a short loop that does end is put off. More: spinning fills the schedule. */
    SPINNING = 300,

    /* The same, for the story to call it spinning. Less: two looks are called spinning. */
    TOLD_AS_SPINNING = 100,

    /* Turns of all spinners, times their number, without a change: nothing will come of it. And of
     * the only thread there is, which may as well be counting, or go through the queues of 65,536
     * senders, twice. Less: slow but right code is blamed. More: each failing schedule takes longer. */
    ROUNDS_IN_VAIN = 20000,
    ROUNDS_ALONE = 1000000,

    /* ... after that many the clock advances to the next deadline. Less: time-outs come while others
     * could still go on. More: a spin until a deadline is blamed. */
    ROUNDS_A_TIMER = 64,

    /* Time-outs during a settle of ten seconds, and in the second half of it. Less: one that looks
     * a few times before it falls asleep for good is blamed, and one whose deadlines are a second
     * away. More: polling twice a second is not found. */
    WAKEUPS_TO_POLL = 50,
    LATE_WAKEUPS_TO_POLL = 7,

    /* Nanoseconds everybody sleeps where others are to wake a sleeper. Less: a nap that a right
     * submission may take. More: polling with a long period is not found. */
    LATE = 100000000,

    /* Steps of one call: from then on any that can go on is as likely to. Less: strategies that are
     * unfair for a reason are cut short. More: two that wait for a third go on for long. */
    STARVING = 2000,

    /* Steps of one call after which it does not end. Less: a call that does much is blamed. More:
     * seconds, until an endless one is told. */
    MAX_STEPS = 3000000,

    /* ... and with one yield in so many steps it is told as yielding. Less: one that yields now and
     * then is. More: one that only yields is told as busy. */
    YIELDS_ONE_IN = 10,

    /* Accesses to memory in one call with little on the heap. Less: a call that does much is blamed.
     * More: seconds, until an endless one is told. */
    BUSY_ACCESSES = 10000000,

    /* Steps of one schedule whose calls do return: it is left at that. Less: long tests are cut
     * short. More: minutes. */
    SLOW_STEPS = 30000000,

    /* Plain accesses without a step between, then others get a turn. Less: switches where nothing
     * can be noticed. More: a loop that waits for a plain variable is found late. */
    ACCESSES_PER_TURN = 50000,

    /* ... and what such a turn counts for, in steps without a change and in turns in vain. Less:
     * found late. More: a loop that only computes is blamed. */
    IDLE_A_TURN = 100,
    ROUNDS_A_TURN = 250,

    /* Edges of the control flow between two looks at whether a step was taken since. If not, the others
     * get a turn. Less: a pause that is counted out is a turn. More: a loop that waits for a plain
     * variable and seldom looks at it is found late. */
    EDGES_PER_LOOK = 1 << 20,

    /* ... and so many looks in a row that find none: the loop does not end. Less: who only computes
     * is blamed. More: each endless loop takes longer, a second as it is. */
    MOST_SILENT_LOOKS = 300,

    /* The watchdog, for loops whose edges are not counted: milliseconds of processor time between two
     * looks, and looks without a step. Less: a long memset is blamed. More: a second for each. */
    TICK_MS = 100,
    TICKS_WITHOUT_STEP = 10,

    /* The same for sleeps in real system calls, on the clock on the wall. Less: a machine that stalls
     * is blamed on the code. More: ten seconds for each test that sleeps. */
    LOOK_MS = 1000,
    LOOKS_ASLEEP = 10,
};

/* Nanoseconds that pass in a settle, and in a rest. Less: polling with a long period is not found.
 * More: nothing, they cost no time; but a deadline of the test may lie in them. */
static const uint64_t SETTLE_NS = UINT64_C(10000000000);
static const uint64_t REST_NS = UINT64_C(100000000);

/* ------------------------------------------------------------------------------ what is told of it */

enum {
    /* Blocks of the heap that are tried, the oldest first, where a failure depends on memory that nobody
     * has written. Less: no place is told where many are allocated. More: a process for each. */
    MOST_SUSPECTS = 64,

    /* Attempts at making a failing schedule smaller; fewer where a schedule has more than
     * LONG_SCHEDULE steps. Less: stories with switches that have nothing to do with it. More: time
     * before the first word. */
    MAX_ATTEMPTS = 400,
    LONG_SCHEDULE = 20000,
    ATTEMPTS_IF_LONG = 12,

    /* Frames of a call stack, events (the last ones), places, objects with a number. Less: what is
     * left out may be what matters. More: a story nobody reads; MAX_STORY bytes hold it. */
    STORY_STACK = 16,
    MAX_EVENTS = 1200,
    MAX_PLACES = 12,
    MAX_TOLD_OBJECTS = 4096,
    MAX_STORY = 4 << 20,
};

/* ------------------------------------------------------------------------------------------- room */

/* Threads at once: MAX_THREADS in suite/runtime.h, since real threads tell of it, too. */

enum {
    /* Calls remembered for a stack trace; deeper ones are counted. Less: recursion is told without
     * its callers. More: memory for each thread. */
    MAX_CALL_DEPTH = 512,

    /* Keys of pthread_key_create. Less: code with many. More: a look at each when a thread ends. */
    MAX_KEYS = 64,

    /* Handlers that atexit takes; as many as C asks for. Less: code with many. */
    MAX_EXIT_HANDLERS = 32,

    /* Tables that are full end the schedule (environment, or no_progress: allocates for ever). Less:
     * long tests can't be followed. More: address space, of which there is enough. */
    MAX_OBJECTS = 1 << 22,
    MAX_HISTORIES = 1 << 18,
    MAX_STORES = 1 << 22,
    MAX_CLOCKS_BY_RC11 = 1 << 12, /* any more are as C11 says */
    MAX_PASTS = 1 << 18, /* any more objects count as if all that was executed had to come before */
    MAX_SEQUENCES =
        1 << 22, /* each store could be part of one for each thread, mostly of one or two */

    /* Stores of an atomic at which it is looked for the first time whether some can be dropped. Less: looks
     * in vain. More: a walk along stores that nobody reads. */
    KEPT_AT_FIRST = 6,

    /* Operations that are remembered for the order of those that are seq_cst. From then on loads are given
     * the newest value only. Less: in long tests older values are seen at their beginning only. More: memory. */
    MAX_ORDERED = 1 << 16,

    /* ... and how far back an older value may be, in operations, for this to be looked at. Less: it is not
     * shown. More: a look at all of them, for each choice. */
    ORDERED_WINDOW = 64,
    MAX_BLOCKS = 1 << 20,
    MAX_ACCESSES = 1 << 24, /* this one, and the next, are then no longer added to */
    MAX_UNDO = 1 << 24,
    MAX_FOREIGN = 256,
    MAX_VISITS =
        64, /* words of the stack of a thread that others use at a time; of more nothing is remembered */
    MAX_CHOICES = 1 << 20,

    /* Bytes round a block in which a write is noticed as past its end. Less: it hits the neighbour.
     * More: memory for each block. */
    RED_ZONE = 16,

    /* Bytes from which on a block's pages come from the system instead of being filled, and bytes
     * handed out between two looks for pages to give back. Less: system calls. More: a fill of
     * megabytes, or memory that is needed no more. */
    BIG = 256 * 1024,
    TRIM_EVERY = 64 << 20,

    /* Addresses below are NULL, and members of what NULL points to. Less: a member far down a large
     * struct is told as a pointer to nowhere. More than 64 KiB: may be mapped. */
    LOWEST_ADDRESS = 65536,
};

/* Bytes a thread's stack has, as on Linux, and of these the guard, that may not be touched. Less:
 * deep recursion that works elsewhere. More: address space, and large messages fit on a stack. */
static const size_t STACK_SIZE = (size_t)8 << 20;
static const size_t GUARD_SIZE = 65536;

/* Bytes of the heap in a schedule, and of the largest block. More is refused, as a machine out of
 * memory does. Less: tests of large messages. More: address space, with the shadows six times that. */
static const size_t HEAP_SIZE = (size_t)16 << 30;
static const size_t LARGEST = (size_t)1 << 30;
