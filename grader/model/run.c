/* run.c - runs a scenario: its calls are made by its threads, noted, and what has come of them is checked.
 *
 * The test itself makes the objects and the calls before the others begin, hands out handles, and waits.
 * When nothing moves any more, each sleeper must be allowed to sleep; then the test ends the sleep of one of
 * them, until all have ended. Those of the second round get the handles of the first. At the end all handles
 * are the test's, which looks at what is left and drops them. */
#include "scenarios.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

enum {
    MOST_MESSAGES = 1 << 18,
    MOST_OF_THE_TEST = 1 << 17, /* handles */
    REPEATED = 24,
    REPEATED_SENDS = 6,
    PHASE = 12,
    RARELY = 40,
    DRAWN_OUT_ONE_IN = 4, /* scenario of one thread is longer, and goes up and down as slowly: */
    DRAWN_OUT = 6,        /* so many times */
    FILLS = 20,           /* a small channel, before they are passed on one by one */
    FEW = 300,
    RARELY_OF_MANY = 4096,
    LAST_OF_MANY = 16, /* the last of so many parts are sent through another handle, too */
    ENOUGH = 1,        /* seconds of processor time, looked at after so many: */
    LOOK_ONE_IN = 256,
    MEMORY_GOES_ONE_IN = 60,
    MEMORY_COMES_ONE_IN = 8,
    MOST_OTHERS = 255, /* with them 257: one more than 8 bits can tell apart */
    MOST_OFTEN = 20,
    MOST_STIRS = 4,
    MOST_RELEASES = 24, /* of one sleep: on real threads nobody else tells of a lasting one */
};
#define SECOND UINT64_C(1000000000)
#define SOON (60 * SECOND) /* a deadline that is waited for */
#define LATE (SECOND / 20) /* after its deadline, when nothing moves, nobody sleeps any more */

static const char *const thread_names[THREADS] = {"the test", "A", "B", "C", "D", "E"};

static const struct generated *generated;
static const struct contract *contract;
static struct history *history;

static void *manys_of_threads[THREADS][OBJECTS][MOST_HANDLES];
static unsigned many_counts[THREADS][OBJECTS];
static void *ones[THREADS][OBJECTS];
static const struct setup *setups;

static atomic_uint moment;                  /* begins and returns so far */
static atomic_uint inside[THREADS];         /* the call a thread is in, from 1; 0: none */
static _Atomic uint64_t deadlines[THREADS]; /* ... and how long it sleeps there; FOREVER */
static unsigned stirred_in[THREADS],
    stirred[THREADS],  /* ... and in which one others stirred so often */
    released[THREADS]; /* ... and the test tried so often to end its sleep */
static pthread_t threads[THREADS];
static bool is_started[THREADS]; /* ... and not yet waited for */
static atomic_bool has_ended[THREADS];
static unsigned woken[THREADS]; /* so often */
static unsigned messages;       /* numbers given to messages */
static bool is_alone;           /* there is one thread only */
static bool memory_is_out;      /* no allocation succeeds */

/* What is large: no static variable, for all of those are gone through where leaks are looked for. */
static struct large {
    void *manys_of_test[OBJECTS][MOST_OF_THE_TEST];
    uint64_t alone_state[1 << 17]; /* what the calls of one thread only have led to */
    struct message {               /* what became of it */
        atomic_uchar sent_to;      /* object + 1 */
        atomic_bool received;
        atomic_uchar drops;
    } messages[MOST_MESSAGES];
} * large;
static atomic_bool one_is_gone[OBJECTS];

/* Objects that are there beside those of the scenario, and nothing is done with them. */
static struct {
    void *many, *one;
} others[MOST_OTHERS];
static unsigned other_count;

static void map_large(void)
{
    if (!large)
        large =
            mmap(NULL, sizeof *large, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (large == MAP_FAILED)
        end_scenario(&(struct outcome){.verdict = VERDICT_ENVIRONMENT,
                                       .message = "There is no memory for a scenario."});
}

static void begin_run(const struct generated *of)
{
    map_large();
    naps(); /* those before are no matter */
    generated = of;
    contract = of->contract;
    history = &current->history;
    history->begun = history->n = 0;
    is_alone = memory_is_out = false;
    other_count = 0;
    setups = current->scenario.setups;
    memset(many_counts, 0, sizeof many_counts);
    memset(ones, 0, sizeof ones);
    memset(large->messages, 0,
           (messages < MOST_MESSAGES ? messages + 1 : MOST_MESSAGES) * sizeof *large->messages);
    messages = 0;
    atomic_store(&moment, 0);
    for (unsigned t = 0; t < THREADS; t++) {
        atomic_store(&inside[t], 0);
        atomic_store(&has_ended[t], true);
        is_started[t] = false;
        woken[t] = stirred_in[t] = 0;
    }
    for (unsigned o = 0; o < OBJECTS; o++)
        atomic_store(&one_is_gone[o], false);
}

/* ------------------------------------------------------------------------------ messages */

static struct message *message_of(long number)
{
    return &large->messages[(unsigned long)number % MOST_MESSAGES];
}

void message_dropped(long number)
{
    struct message *message = message_of(number);

    if (atomic_fetch_add(&message->drops, 1) || atomic_load(&message->received))
        tell_call(contract, NULL, contract->dropped_once,
                  "Message %ld is dropped, but it was %s before.", number,
                  atomic_load(&message->received) ? "received" : "dropped");
}

/* Whatever nobody can receive any more has been dropped. */
static void check_dropped(const struct call *call)
{
    if (!atomic_load(&one_is_gone[call->object]) || !contract->is_dropped(&setups[call->object]))
        return;
    for (unsigned m = 1; m <= messages && m < MOST_MESSAGES; m++)
        if (atomic_load(&large->messages[m].sent_to) == call->object + 1 &&
            !atomic_load(&large->messages[m].received) && !atomic_load(&large->messages[m].drops))
            tell_call(contract, call, contract->dropped_once,
                      "Message %u was sent, nobody can receive it, and it has not been dropped.",
                      m);
}

static void note_message(const struct call *call)
{
    const struct kind *kind = &contract->kinds[call->kind];

    if (!contract->is_dropped)
        return;
    if (kind->hands_out && call->status == 0 && atomic_load(&message_of(call->value)->drops))
        tell_call(contract, call, contract->dropped_once,
                  "Message %ld is received, but it is dropped, too.", call->value);
    if (kind->hands_out && call->status == 0)
        atomic_store(&message_of(call->value)->received, true);
    if (kind->hands_in && call->status == 0)
        atomic_store(&message_of(call->message)->sent_to, call->object + 1);
    if (kind->hands_in && call->status != 0 && atomic_load(&message_of(call->message)->drops))
        tell_call(contract, call, contract->dropped_once,
                  "Message %u was not sent, but it is dropped.", call->message);
    if (call->kind == contract->drop_one)
        atomic_store(&one_is_gone[call->object], true);
    if (call->kind == contract->drop_one || kind->hands_in)
        check_dropped(call);
}

/* ----------------------------------------------------------------------------------- calls */

static bool has_handle(unsigned thread, unsigned kind, unsigned object)
{
    return contract->kinds[kind].needs == A_MANY    ? many_counts[thread][object] > 0
           : contract->kinds[kind].needs == NOTHING ? true
                                                    : ones[thread][object] != NULL;
}

static void **manys(unsigned thread, unsigned object)
{
    return thread ? manys_of_threads[thread][object] : large->manys_of_test[object];
}

/* One of them, which is the thread's no more: the first, or the last. */
static void *take_many(unsigned thread, unsigned object)
{
    unsigned count = many_counts[thread][object]--;
    void **all = manys(thread, object), **one = &all[count % 2 ? 0 : count - 1], *taken = *one;

    *one = all[count - 1];
    return taken;
}

static void add_many(unsigned thread, unsigned object, void *handle)
{
    manys(thread, object)[many_counts[thread][object]++] = handle;
}

/* The handle a call is made with; one that it drops is the thread's no more. */
static void *handle_for(const struct call *call)
{
    const struct kind *kind = &contract->kinds[call->kind];
    unsigned count = many_counts[call->thread][call->object];
    void *one = ones[call->thread][call->object];

    if (kind->needs == A_MANY)
        return kind->does == DROPS
                   ? take_many(call->thread, call->object)
                   : manys(call->thread, call->object)[(call->message + call->argument) % count];
    if (kind->does == DROPS)
        ones[call->thread][call->object] = NULL;
    return one;
}

void waits_until(const struct call *call, uint64_t deadline)
{
    atomic_store(&deadlines[call->thread], deadline);
}

static uint8_t held_by(unsigned thread)
{
    uint8_t held = 0;

    for (unsigned o = 0; o < OBJECTS; o++)
        held |= (uint8_t)((ones[thread][o] != NULL) << o);
    return held;
}

/* Would it, were it made now and alone? */
static bool would_sleep(const struct call *planned)
{
    struct call call = *planned;

    call.held = held_by(call.thread);
    return contract->may_sleep(large->alone_state, &call);
}

static void note_answer(struct call *call, const struct answer *answer)
{
    call->status = answer->status;
    call->value = answer->value;
    if (contract->kinds[call->kind].does == ADDS && answer->handle)
        add_many(call->thread, call->object, answer->handle);
}

/* Is another call under way when it returns? Where one sleeper wakes the next that one may have the wake-up in hand, and
 * was kept from passing it on before the time came. */
static bool another_is_under_way(const struct call *call)
{
    for (unsigned i = 0; i < history->n; i++) {
        const struct call *other = &history->calls[i];
        if (other != call && other->began < call->returned &&
            (!other->returned || other->returned > call->returned))
            return true;
    }
    return false;
}

/* It says that a time has come: whatever had returned before is before it. Asked when nothing moves,
 * for other threads write what is read here. */
static void note_time(struct call *call)
{
    if (!call->not_before || another_is_under_way(call))
        return;
    for (unsigned i = 0; i < history->n; i++) {
        const struct call *other = &history->calls[i];
        if (other->returned && other->returned < call->returned &&
            other->returned_at < call->not_before && other->returned > call->after)
            call->after = other->returned;
    }
}

static struct call *new_call(void)
{
    if (is_alone && history->begun == MOST_CALLS) { /* the last ones are enough to be told */
        memmove(history->calls, history->calls + MOST_CALLS / 2,
                MOST_CALLS / 2 * sizeof *history->calls);
        history->begun = MOST_CALLS / 2;
    }
    unsigned number = atomic_fetch_add(&history->begun, 1);

    if (number >= MOST_CALLS)
        end_scenario(&(struct outcome){.verdict = VERDICT_ENVIRONMENT,
                                       .message = "A scenario has too many calls."});
    return &history->calls[number];
}

/* It has slept: then it is a call that may, and there was time to sleep for. */
static void check_sleep(const struct call *call)
{
    const struct kind *kind = &contract->kinds[call->kind];

    if (never_sleeps(kind))
        tell_call(contract, call, kind->rules[0], "%s never sleeps, and here it waits for a while.",
                  kind->name);
    if (call->until <= call->began_at)
        tell_call(contract, call, kind->sleeps_until,
                  "The deadline of %s had passed when it began, and here it waits for a while.",
                  kind->name);
}

/* Makes a call that the thread has the handle for. */
static const struct call *make_call(const struct call *planned)
{
    struct call *call;
    void *handle;

    if (!is_alone)
        contract->meet();
    call = new_call();
    *call = *planned;
    call->held = held_by(call->thread);
    handle = handle_for(call);
    bool had_failed = allocation_has_failed(),
         stops = contract->one_stops && contract->kinds[call->kind].hands_in && call->thread;
    if (!is_alone)
        naps(); /* where nobody else is, nothing sleeps between two calls */
    call->began_at = monotonic_now();
    size_t allocated = own_allocations();
    call->began = call->after = atomic_fetch_add(&moment, 1) + 1;
    atomic_store(&deadlines[call->thread], FOREVER);
    atomic_store(&inside[call->thread], (unsigned)(call - history->calls) + 1);
    may_stop(stops);
    struct answer answer = contract->make(call, handle, ones[call->thread]);
    may_stop(false);
    if (!is_alone)
        contract->meet();
    atomic_store(&inside[call->thread], 0);
    call->until = atomic_load(&deadlines[call->thread]);
    note_answer(call, &answer);
    call->got_no_memory = memory_is_out || (!had_failed && allocation_has_failed());
    call->not_before = answer.not_before;
    call->returned_at = monotonic_now();
    call->returned = atomic_fetch_add(&moment, 1) + 1;
    if (own_allocations() != allocated && contract->may_allocate &&
        !contract->may_allocate(&setups[call->object], call))
        tell_call(contract, call, contract->allocates_nothing, "%s allocates memory.",
                  contract->kinds[call->kind].name);
    if (naps())
        check_sleep(call);
    note_message(call);
    if (is_alone && !contract->allows(large->alone_state, call, NULL))
        tell_alone(contract, call);
    return call;
}

static const struct call *perform(unsigned thread, unsigned kind, unsigned object,
                                  unsigned argument)
{
    struct call planned = {.kind = (uint8_t)kind,
                           .thread = (uint8_t)thread,
                           .object = (uint8_t)object,
                           .argument = (uint16_t)argument,
                           .message = contract->kinds[kind].hands_in ? ++messages : 0};

    return make_call(&planned);
}

static void drop_all(unsigned thread, unsigned object, bool one_first)
{
    if (one_first && has_handle(thread, contract->drop_one, object))
        perform(thread, contract->drop_one, object, 0);
    while (has_handle(thread, contract->drop_many, object))
        perform(thread, contract->drop_many, object, 0);
    if (has_handle(thread, contract->drop_one, object))
        perform(thread, contract->drop_one, object, 0);
}

/* -------------------------------------------------------------------------------- threads */

static bool is_left_out(unsigned i)
{
    return current->left_out >> i & 1;
}

static bool needs(unsigned thread, unsigned object, bool the_one)
{
    const struct scenario *scenario = &current->scenario;

    for (unsigned i = 0; i < scenario->n; i++)
        if (scenario->calls[i].thread == thread && scenario->calls[i].object == object &&
            !is_left_out(i) &&
            (the_one ? needs_one(&contract->kinds[scenario->calls[i].kind])
                     : contract->kinds[scenario->calls[i].kind].needs == A_MANY))
            return true;
    return false;
}

/* Does it make a call with every one it has? Then it gets those that no other thread needs. */
static bool needs_every_one(unsigned thread)
{
    const struct scenario *scenario = &current->scenario;

    for (unsigned i = 0; i < scenario->n; i++)
        if (scenario->calls[i].thread == thread && !is_left_out(i) &&
            contract->kinds[scenario->calls[i].kind].needs == EVERY_ONE)
            return true;
    return false;
}

static bool is_used(unsigned object)
{
    if (is_alone)
        return true;
    for (unsigned t = 0; t < THREADS; t++)
        if (needs(t, object, false) || needs(t, object, true) || needs_every_one(t))
            return true;
    return false;
}

static void make_planned(const struct call *planned)
{
    struct call call = *planned;

    do {
        if (has_handle(call.thread, call.kind, call.object) && !(is_alone && would_sleep(&call)))
            make_call(&call);
        call.message += contract->kinds[call.kind].hands_in;
    } while (call.times > 1 && --call.times);
}

static void make_calls_of(unsigned thread)
{
    const struct scenario *scenario = &current->scenario;

    for (unsigned i = 0; i < scenario->n; i++) {
        const struct call *planned = &scenario->calls[i];
        if (planned->thread == thread && !is_left_out(i))
            make_planned(planned);
    }
}

static void *work(void *arg)
{
    unsigned thread = (unsigned)(uintptr_t)arg;
    const struct scenario *scenario = &current->scenario;

    make_calls_of(thread);
    for (unsigned o = 0; o < scenario->objects && scenario->drops[thread]; o++)
        drop_all(thread, o, scenario->release[thread] % 2);
    atomic_store(&has_ended[thread], true);
    return NULL;
}

/* Somebody has to be able to wake a thread that waits for what it could only send itself. */
static bool keeps_one(unsigned object)
{
    for (unsigned t = 1; t < THREADS; t++)
        if (needs(t, object, true) && needs(t, object, false))
            return true;
    return current->scenario.keeps[object];
}

/* The test gives one of its handles away, or a new one. */
static void give_many(unsigned thread, unsigned object, bool another_needs_one)
{
    bool keeps = keeps_one(object) || another_needs_one;

    if (!many_counts[0][object])
        return;
    if (many_counts[0][object] == 1 && keeps && perform(0, contract->clone, object, 0)->status != 0)
        return;
    add_many(thread, object, take_many(0, object));
}

static bool one_after_needs(unsigned thread, unsigned object)
{
    for (unsigned t = thread + 1;
         t < (thread < SECOND_ROUND ? (unsigned)SECOND_ROUND : (unsigned)THREADS); t++)
        if (needs(t, object, false))
            return true;
    return false;
}

static bool one_needed_by_another(unsigned thread, unsigned object)
{
    unsigned first = thread < SECOND_ROUND ? 1 : SECOND_ROUND;

    for (unsigned t = first; t < (first == 1 ? (unsigned)SECOND_ROUND : (unsigned)THREADS); t++)
        if (t != thread && needs(t, object, true))
            return true;
    return false;
}

static void move_one(unsigned from, unsigned to, unsigned object)
{
    if (!ones[from][object])
        return;
    ones[to][object] = ones[from][object];
    ones[from][object] = NULL;
}

/* Hands out handles, all before the first thread starts. */
static bool hand_out(unsigned thread)
{
    for (unsigned o = 0; o < current->scenario.objects; o++) {
        if (needs(thread, o, false))
            give_many(thread, o, one_after_needs(thread, o));
        if (needs(thread, o, true) ||
            (needs_every_one(thread) && !one_needed_by_another(thread, o)))
            move_one(0, thread, o);
    }
    for (unsigned i = 0; i < current->scenario.n; i++)
        if (current->scenario.calls[i].thread == thread && !is_left_out(i))
            return true;
    return false;
}

static void take_handles_of(unsigned thread)
{
    for (unsigned o = 0; o < OBJECTS; o++) {
        while (many_counts[thread][o])
            add_many(0, o, take_many(thread, o));
        move_one(thread, 0, o);
    }
}

/* The test waits for a thread, and takes its handles. */
static void wait_for(unsigned thread)
{
    join(threads[thread]);
    is_started[thread] = false;
    take_handles_of(thread);
}

/* ... for those that have ended. */
static void collect(void)
{
    for (unsigned t = 1; t < THREADS; t++)
        if (is_started[t] && atomic_load(&has_ended[t]))
            wait_for(t);
}

static bool is_held_by_others(unsigned object)
{
    for (unsigned t = 1; t < THREADS; t++)
        if (!atomic_load(&has_ended[t]) && many_counts[t][object])
            return true;
    return false;
}

static bool ends_soon(unsigned thread)
{
    return atomic_load(&deadlines[thread]) < monotonic_now() + SOON;
}

/* A sender comes and goes: that wakes whoever is easily woken, and there is nothing to wake for. */
static void stir(unsigned object)
{
    if (has_handle(0, contract->clone, object) &&
        perform(0, contract->clone, object, 0)->status == 0)
        perform(0, contract->drop_many, object, 0);
}

/* Whoever has every one handle is woken through each of its objects in turn. */
static unsigned object_to_wake(const struct call *call)
{
    unsigned turn = current->scenario.release[call->thread] / 2 + woken[call->thread]++;

    if (contract->kinds[call->kind].needs != EVERY_ONE || call->held != 3)
        return call->object;
    return turn % OBJECTS;
}

/* Ends the sleep of one thread in a call that can be ended with a handle of the test's, and that its deadline does
 * not end. Real time goes slowly: a deadline that is not there after a few looks is not waited for. A thread that
 * nothing wakes is waited for, for ever: then all sleep, which is seen. */
static void release_one(void)
{
    for (unsigned i = 1; i < THREADS; i++) {
        unsigned t = current->scenario.last_first ? THREADS - i : i, in = atomic_load(&inside[t]);
        if (!in)
            continue;
        const struct call *call = &history->calls[in - 1];
        unsigned object = object_to_wake(call);
        stirred[t] = in == stirred_in[t] ? stirred[t] + 1 : 0;
        released[t] = in == stirred_in[t] ? released[t] : 0;
        stirred_in[t] = in;
        if (ends_soon(t) && stirred[t] < MOST_STIRS) {
            stir(object);
            continue;
        }
        for (unsigned way = 0; way < 2; way++) {
            unsigned kind =
                contract->kinds[call->kind].releases[(current->scenario.release[t] + way) % 2];
            if (kind == NONE || !has_handle(0, kind, object) ||
                (kind == contract->drop_many && is_held_by_others(object)))
                continue;
            if (++released[t] > MOST_RELEASES) {
                wait_for(t);
                return;
            }
            do
                perform(0, kind, object, 0);
            while (kind == contract->drop_many && has_handle(0, kind, object));
            return;
        }
    }
}

static bool all_have_ended(void)
{
    for (unsigned t = 1; t < THREADS; t++)
        if (!atomic_load(&has_ended[t]))
            return false;
    return true;
}

/* Could another's time-out have been there while the call was made? Then time may have leapt before it slept, and
 * one that turns a time of one clock into that of another sleeps longer by the leap. */
static bool time_may_have_leapt(const struct call *call)
{
    for (unsigned i = 0; i < history->n; i++) {
        const struct call *other = &history->calls[i];
        if (other != call && contract->kinds[other->kind].sleeps_until &&
            (!other->returned || other->returned > call->began))
            return true;
    }
    return false;
}

/* Nothing has moved for a while. */
static void check_deadlines(void)
{
    for (unsigned t = 1; t < THREADS; t++) {
        unsigned in = atomic_load(&inside[t]);
        uint64_t deadline = atomic_load(&deadlines[t]);
        if (!in || deadline >= FOREVER - LATE || deadline + LATE >= monotonic_now())
            continue;
        const struct call *call = &history->calls[in - 1];
        if (time_may_have_leapt(call))
            continue;
        tell_call(contract, call, contract->kinds[call->kind].sleeps_until,
                  "%s of thread %s still sleeps, and its deadline has passed.",
                  contract->kinds[call->kind].name, thread_names[t]);
    }
}

static void check_history(void)
{
    history->n = history->begun;
    check_deadlines();
    for (unsigned i = 0; i < history->n; i++)
        note_time(&history->calls[i]);
    if (!linearizable(contract, history, setups, current->scenario.objects, 0))
        tell_history(contract, history, setups, current->scenario.objects);
}

/* Whoever is in a call waits there for an object's thread that is held. */
static void note_waiting(void)
{
    unsigned now = atomic_fetch_add(&moment, 1) + 1;

    for (unsigned t = 1; t < THREADS; t++) {
        unsigned in = atomic_load(&inside[t]);
        if (in && !history->calls[in - 1].waited)
            history->calls[in - 1].waited = now;
    }
}

static void start_round(unsigned first, unsigned end)
{
    for (unsigned t = first; t < end; t++)
        is_started[t] = hand_out(t);
    for (unsigned t = first; t < end; t++)
        if (is_started[t])
            atomic_store(&has_ended[t], false);
    if (current->scenario.is_held) {
        settle();
        hold_others(true);
    }
    for (unsigned t = first; t < end; t++)
        if (is_started[t]) {
            threads[t] = spawn_named(thread_names[t], work, (void *)(uintptr_t)t);
            if (current->scenario.is_held && rest() > 0)
                note_waiting();
        }
    if (current->scenario.is_held) {
        settle();
        hold_others(false);
    }
}

/* All end by themselves but one that was stopped for ever; false: there is one. */
static bool wait_for_round(unsigned first, unsigned end)
{
    bool was_stopped = false;

    for (unsigned t = first; t < end; t++) {
        if (!is_started[t])
            continue;
        if (join_unless_stopped(threads[t]))
            take_handles_of(t);
        else
            was_stopped = true;
        is_started[t] = false;
    }
    return !was_stopped;
}

/* False: a thread was stopped for ever, and with it this scenario. */
static bool run_round(unsigned first, unsigned end)
{
    start_round(first, end);
    if (contract->one_stops)
        return wait_for_round(first, end);
    for (size_t others = rest(); !all_have_ended(); others = rest()) {
        if (others)
            check_history();
        if (settle())
            check_history();
        collect();
        release_one();
    }
    collect();
    return true;
}

/* The test looks at what is left, and drops its handles. */
static void end_object(unsigned object)
{
    const uint8_t *ending = contract->endings[current->scenario.ending[object]];

    for (unsigned i = 0; i < 4 && ending[i] != NONE; i++) {
        const struct kind *kind = &contract->kinds[ending[i]];
        unsigned most = kind->arguments  ? kind->arguments
                        : kind->hands_in ? REPEATED_SENDS
                                         : REPEATED;
        bool goes_on =
            true; /* what had no memory is asked again, for what follows may count on it */
        for (unsigned n = 0; n < most && has_handle(0, ending[i], object) && goes_on; n++) {
            const struct call *call = perform(0, ending[i], object, n % (kind->arguments + 1u));
            goes_on = call->status == 0 || call->got_no_memory;
        }
    }
    if (!contract->thread_ends)
        drop_all(0, object, current->scenario.release[0] % 2);
}

static bool has_been_ended(unsigned object)
{
    for (unsigned i = 0; i < history->begun; i++) {
        const struct call *call = &history->calls[i];
        if (call->object == object && call->status == 0 &&
            contract->kinds[call->kind].does == ENDS_ALL)
            return true;
    }
    return false;
}

/* The objects' threads are still there that have a reason to be. */
static void check_threads(void)
{
    size_t most = 0;

    for (unsigned o = 0; o < OBJECTS; o++)
        most += many_counts[0][o] && !has_been_ended(o);
    if (settle() > most)
        tell_call(contract, NULL, contract->thread_ends,
                  "A thread is still there when nothing moves any more, and it has no reason to.");
}

static void end_objects(void)
{
    unsigned objects = current->scenario.objects;

    for (unsigned o = 0; o < objects; o++)
        end_object(o);
    if (!contract->thread_ends)
        return;
    check_threads();
    for (unsigned o = 0; o < objects; o++)
        while (has_handle(0, contract->drop_many, o))
            perform(0, contract->drop_many, o, 0);
    check_threads();
    for (unsigned o = 0; o < objects; o++)
        drop_all(0, o, false);
}

static void open_others(void)
{
    unsigned object = OBJECTS - 1;

    for (other_count = 0; other_count < generated->apart; other_count++)
        if (!contract->open(object, &setups[object], &others[other_count].many,
                            &others[other_count].one))
            break;
}

static void drop_others(void)
{
    struct call call = {.object = OBJECTS - 1};

    for (; other_count; other_count--) {
        call.kind = contract->drop_many;
        contract->make(&call, others[other_count - 1].many, NULL);
        call.kind = contract->drop_one;
        contract->make(&call, others[other_count - 1].one, NULL);
    }
}

static bool open_objects(void)
{
    for (unsigned o = 0; o < current->scenario.objects; o++) {
        void *many, *one;
        if (!is_used(o))
            continue;
        if (o > 0)
            open_others();
        if (!contract->open(o, &setups[o], &many, &one)) {
            check(allocation_has_failed(), "Out of memory only when there is none.");
            return false;
        }
        add_many(0, o, many);
        ones[0][o] = one;
    }
    return true;
}

/* Puts a few messages in and takes them out, the first time of two through a handle that goes then. */
static void turn(unsigned object, unsigned number)
{
    const struct call fills = {.kind = contract->fill, .object = (uint8_t)object};
    bool clones = number % 2 && perform(0, contract->clone, object, 0)->status == 0;

    for (unsigned i = 0; i <= number % 3 && !contract->may_sleep(large->alone_state, &fills); i++)
        perform(0, contract->fill, object, 0);
    for (unsigned i = 0; i <= number % 3; i++)
        perform(0, contract->take, object, 0);
    if (clones)
        perform(0, contract->drop_many, object, 0);
}

/* What the test does before the others begin. What has come and gone is forgotten: the objects are as new. */
static void prepare_objects(void)
{
    is_alone = true;
    for (unsigned o = 0; o < current->scenario.objects; o++)
        for (unsigned i = 0; ones[0][o] && i < current->scenario.turns[o]; i++)
            turn(o, i);
    history->begun = 0;
    contract->begin(large->alone_state, setups, current->scenario.objects);
    make_calls_of(0);
    is_alone = false;
}

void together(const struct generated *of)
{
    begin_run(of);
    messages = current->scenario.messages;
    contract->begin(large->alone_state, setups, current->scenario.objects);
    if (open_objects()) {
        prepare_objects();
        if (!run_round(1, SECOND_ROUND) || !run_round(SECOND_ROUND, THREADS))
            return;
    }
    end_objects();
    check_history();
}

/* ---------------------------------------------------------------------------------- alone */

/* A kind, as often as others are drawn beside it. */
static unsigned draw_often(uint64_t *random)
{
    for (;;) {
        unsigned kind = draw_below(random, contract->kind_count);
        if (draw_below(random, MOST_OFTEN) < contract->kinds[kind].often)
            return kind;
    }
}

/* One call of a long sequence; nothing that would sleep, and few that drop a handle. */
static void make_next(uint64_t *random, unsigned object, bool with_the_one, unsigned rarely)
{
    unsigned kind = draw_often(random);
    const struct kind *of = &contract->kinds[kind];
    struct call planned = {
        .kind = (uint8_t)kind,
        .object = (uint8_t)object,
        .argument = (uint16_t)draw_below(
            random, of->arguments_alone && !generated->few ? of->arguments_alone : of->arguments),
        .message = of->hands_in ? messages + 1 : 0};

    if (!has_handle(0, kind, object) || needs_one(of) != with_the_one ||
        ((of->does == DROPS || of->does == ENDS_ALL) && draw_below(random, rarely)) ||
        (of->does == ADDS && many_counts[0][object] == MOST_HANDLES))
        return;
    if (would_sleep(&planned))
        return;
    messages += of->hands_in;
    make_call(&planned);
}

static void make_one(unsigned kind)
{
    const struct call call = {.kind = (uint8_t)kind};

    if (has_handle(0, kind, 0) && !contract->may_sleep(large->alone_state, &call))
        perform(0, kind, 0, 0);
}

/* Now and then: with many handles a look may take long. */
static void take_sometimes(void)
{
    unsigned handles = many_counts[0][0];

    if (handles < FEW || handles % RARELY_OF_MANY == 0)
        make_one(contract->take);
}

static void let_memory_run_out(bool on)
{
    memory_is_out = on;
    memory_runs_out(on);
}

/* In seconds. */
static double processor_time(void)
{
    struct timespec used;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    return (double)used.tv_sec + (double)used.tv_nsec / (double)SECOND;
}

/* All that were sent, most of them while there is no memory. Slow is not wrong: a queue that moves all its messages
 * up for each one taken is left at that. */
static void take_many_messages(unsigned number)
{
    double began = processor_time();

    let_memory_run_out(true);
    for (unsigned i = 0; i < number && (i % LOOK_ONE_IN || processor_time() - began < ENOUGH);
         i++) {
        if (i + FEW == number)
            let_memory_run_out(false);
        make_one(contract->take);
    }
    let_memory_run_out(false);
}

static void make_many(unsigned number, int shape)
{
    unsigned kind = shape == MANY_HANDLES ? contract->clone : contract->fill;

    for (unsigned i = 0; shape >= 0 && i < number; i++) {
        if (i == number - number / LAST_OF_MANY)
            make_one(contract->clone);
        make_one(kind);
        if (shape == MANY_HANDLES || (shape == MANY_PASS && i > FILLS))
            take_sometimes();
    }
    for (unsigned i = 1; shape == MANY_HANDLES && i < number; i++) {
        make_one(contract->drop_many);
        take_sometimes();
    }
    if (shape == MANY_TAKEN)
        take_many_messages(number);
}

/* Now and then there is no memory for a while. */
static void make_any(uint64_t *random, unsigned calls)
{
    bool with_the_one = false;
    unsigned slower = current->number % DRAWN_OUT_ONE_IN ? 1 : DRAWN_OUT;

    for (unsigned i = 0; i < calls * slower; i++) {
        unsigned object = draw_below(random, current->scenario.objects);
        if (draw_below(random, memory_is_out ? MEMORY_COMES_ONE_IN : MEMORY_GOES_ONE_IN) == 0)
            let_memory_run_out(!memory_is_out);
        if (draw_below(random, PHASE * slower) == 0)
            with_the_one = !with_the_one;
        make_next(random, object, with_the_one != (draw_below(random, 4) == 0), RARELY * slower);
    }
    let_memory_run_out(false);
}

void alone(const struct generated *of)
{
    uint64_t random = current->seed * UINT64_C(0x2545f4914f6cdd1d) ^ current->number;

    begin_run(of);
    is_alone = true;
    contract->begin(large->alone_state, setups, current->scenario.objects);
    open_objects();
    int shape = long_shape(of, current->number);
    make_many(shape == MANY_AT_ONCE && of->most_at_once ? of->most_at_once : of->longest, shape);
    for (unsigned i = 0; i < of->filled && many_counts[0][i % current->scenario.objects]; i++)
        perform(0, contract->fill, i % current->scenario.objects,
                draw_below(&random, contract->kinds[contract->fill].arguments));
    make_any(&random, of->calls);
    end_objects();
    drop_others();
}
