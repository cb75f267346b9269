/* atomic.c - see atomic.h. */
#include "atomic.h"

#include "fail.h"
#include "memory.h"
#include "object.h"
#include "order.h"
#include "scheduler.h"
#include "story.h"
#include "strategy.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

void atomic_begin(void)
{
    run.stale_left = STALE_LOADS;
    run.weak_left = WEAK_FAILURES;
    history_begin();
    order_begin();
}

static bool is_acquire(int order)
{
    return order != __ATOMIC_RELAXED && order != __ATOMIC_RELEASE;
}

static bool is_release(int order)
{
    return order == __ATOMIC_RELEASE || order == __ATOMIC_ACQ_REL || order == __ATOMIC_SEQ_CST;
}

/* ------------------------------------------------------------------------------------- bytes */

static atomic_value mask_of(unsigned size)
{
    return size == sizeof(atomic_value) ? ~(atomic_value)0 : ((atomic_value)1 << (8 * size)) - 1;
}

static atomic_value peek(const volatile void *where, unsigned size)
{
    switch (size) {
    case 1:
        return *(const volatile uint8_t *)where;
    case 2:
        return *(const volatile uint16_t *)where;
    case 4:
        return *(const volatile uint32_t *)where;
    case 8:
        return *(const volatile uint64_t *)where;
    default:
        return *(const volatile atomic_value *)where;
    }
}

static void poke(volatile void *where, unsigned size, atomic_value value)
{
    switch (size) {
    case 1:
        *(volatile uint8_t *)where = (uint8_t)value;
        break;
    case 2:
        *(volatile uint16_t *)where = (uint16_t)value;
        break;
    case 4:
        *(volatile uint32_t *)where = (uint32_t)value;
        break;
    case 8:
        *(volatile uint64_t *)where = (uint64_t)value;
        break;
    default:
        *(volatile atomic_value *)where = value;
        break;
    }
}

/* For a story: a number, but not an address, which is another one each time. */
static const char *in_words(atomic_value value)
{
    static char buffers[4][24];
    static unsigned next;
    char *buffer = buffers[next++ % 4];

    if (!story_on())
        return "";
    if (value > UINT64_MAX)
        return "16 bytes";
    if (memory_is_global((uintptr_t)value) || (value > UINT32_MAX && value < UINT64_MAX - 0xffff))
        return "a pointer";
    snprintf(buffer, sizeof buffers[0], "%lld", (long long)value);
    return buffer;
}

static struct store *add_after(struct history *history, struct store *after, atomic_value value,
                               uintptr_t pc)
{
    struct store *store = history_add(history, after, value);

    if (!store)
        fail(VERDICT_ENVIRONMENT, pc, "More stores to atomic variables than the check can follow.");
    return store;
}

/* The history of a location, with at least one store in it: a value nobody stored atomically was there
 * before anybody shared the location (or is a race, which is found out elsewhere). */
static struct history *history_of(struct object *atomic, const volatile void *where, unsigned size,
                                  uintptr_t pc)
{
    struct history *history = atomic->atomic.history;
    atomic_value value = peek(where, size);

    if (history->newest && (atomic->atomic.size != size || history->newest->value != value))
        history_clear(history);
    atomic->atomic.size = size;
    if (!history->newest)
        add_after(history, NULL, value, pc)->clock = 0; /* everybody knows it */
    return history;
}

static struct object *location(const volatile void *where, unsigned size, uintptr_t pc)
{
    bool created;
    struct object *atomic = object_at(where, OBJECT_ATOMIC, pc, &created);

    if (created) {
        atomic->atomic.history = history_new();
        if (!atomic->atomic.history)
            fail(VERDICT_ENVIRONMENT, pc, "More atomic variables than the check can follow.");
    }
    history_of(atomic, where, size, pc);
    return atomic;
}

/* A step at a location, before which and in which memory is checked. writes: it will, whatever it finds. */
static struct history *step_at(const volatile void *where, unsigned size, enum access_kind kind,
                               bool writes, uintptr_t pc, struct object **atomic)
{
    unsigned long turns = run.turns;

    memory_access((uintptr_t)where, size, kind, pc);
    *atomic = location(where, size, pc);
    step(*atomic, writes, pc);
    if (run.turns != turns) {
        memory_access((uintptr_t)where, size, kind, pc);
        history_of(*atomic, where, size, pc);
    } else {
        run.accesses++; /* it would find all as before */
    }
    run.operations++;
    order_start();
    return (*atomic)->atomic.history;
}

/* ------------------------------------------------------------------------- which store it meets */

/* What is done at a location, as long as it is open which store it meets: the one that it reads, or after
 * which it stores. */
struct attempt {
    bool reads, stores;
    bool compares; /* it stores only if it finds what it expects */
    atomic_value expected;
    int order, failure_order;
};

static bool would_store(const struct attempt *attempt, const struct store *met)
{
    return attempt->stores && (!attempt->compares || met->value == attempt->expected);
}

static int order_of(const struct attempt *attempt, bool stores)
{
    return attempt->compares && !stores ? attempt->failure_order : attempt->order;
}

static struct operation operation_of(const struct history *history, const struct attempt *attempt,
                                     bool stores, uint32_t rank)
{
    return (struct operation){.history = history->number,
                              .rank = rank,
                              .writes = stores,
                              .sequential = order_of(attempt, stores) == __ATOMIC_SEQ_CST,
                              .has_expected = attempt->compares};
}

static void learn(struct clock *learns, const struct store *store)
{
    for (const struct sequence *s = sequence_first(store); s; s = sequence_next(s))
        if (s->by_rc11)
            clock_learn_by_rc11(learns, &s->clock);
        else
            clock_join(learns, &s->clock);
}

/* Can the attempt meet that store although there are newer ones, the first of which was that operation? */
static bool can_meet(const struct history *history, const struct attempt *attempt,
                     const struct store *met, uint32_t oldest)
{
    bool stores = would_store(attempt, met);
    struct clock after;

    if (stores && met->modified)
        return false;
    clock_copy(&after, &self->clock);
    if (attempt->reads && is_acquire(order_of(attempt, stores)))
        learn(&after, met);
    struct operation operation =
        operation_of(history, attempt, stores, met->rank + (stores ? RANKS / 2 : 1));
    return order_allows(&operation, &after, oldest);
}

/* Is there a reason why this could not have come before that store? If there is none then it is another
 * schedule in which it does. */
static bool comes_after(const struct history *history, const struct store *store)
{
    return history->twisted || store->time <= self->past.at[store->thread];
}

/* The newest store, and the older ones that the attempt can meet. */
static unsigned find_stores(const struct history *history, const struct attempt *attempt,
                            struct store *found[])
{
    unsigned n = 1;
    uint32_t oldest = UINT32_MAX;

    found[0] = history->newest;
    for (const struct store *over = history->newest; run.stale_left && over->older;
         over = over->older) {
        if (binds(over, &self->clock) || !comes_after(history, over))
            break;
        if (over->time < oldest)
            oldest = over->time;
        if (can_meet(history, attempt, over->older, oldest))
            found[n++] = over->older;
    }
    return n;
}

static void pass_over(struct history *history, const struct store *met)
{
    run.stale_left--;
    history->twisted = true;
    for (const struct store *over = met->newer; over; over = over->newer)
        order_passed_over(over->time);
}

static struct store *choose_store(struct history *history, const struct attempt *attempt)
{
    struct store *found[MAX_KEPT + 1];
    unsigned n = find_stores(history, attempt, found);
    struct store *met = found[strategy_draw(n, true)];

    if (met != history->newest)
        pass_over(history, met);
    return met;
}

/* ------------------------------------------------------------------------- loads and stores */

static void read_store(struct store *store, int order)
{
    history_see(store, self);
    learn(is_acquire(order) ? &self->clock : &self->acquire_pending, store);
    vector_join(&self->past, &store->past);
}

static void check_sequence(bool is_added)
{
    if (!is_added)
        fail(VERDICT_ENVIRONMENT, 0, "More release sequences than the check can follow.");
}

/* The last store of self's before that one. */
static const struct store *own_before(const struct store *store)
{
    for (store = store->older; store && store->thread != self->id;)
        store = store->older;
    return store;
}

/* In the release sequences that it goes on with or is the head of. */
static void put_in_sequences(struct store *store, const struct store *after, int order,
                             bool modifies)
{
    for (const struct sequence *s = sequence_first(after); s; s = sequence_next(s))
        if (modifies || s->thread == self->id)
            check_sequence(sequence_go_on(store, s));
    if (self->has_release_fence)
        check_sequence(sequence_add(store, self->id, &self->release_fence, false));
    if (is_release(order))
        check_sequence(sequence_add(store, self->id, &self->clock, false));
    if (is_release(order) || sequence_of(after, self->id))
        return;
    const struct store *own = own_before(store);
    const struct sequence *of_own = own ? sequence_of(own, self->id) : NULL;
    if (of_own)
        check_sequence(sequence_add(store, self->id, &of_own->clock, true));
}

/* A store right after that one in modification order. The value that memory holds is the newest one. */
static void add_store(struct history *history, struct store *after, volatile void *where,
                      unsigned size, atomic_value value, int order, bool modifies, uintptr_t pc)
{
    if (after->value != value || after != history->newest)
        made_progress();
    if (after != history->newest)
        order_shift(history->number, after->newer->rank, RANKS);
    vector_join(&self->past, &history->past);
    self->past.at[self->id] = run.operations;
    struct store *store = add_after(history, after, value, pc);
    after->modified = modifies;
    put_in_sequences(store, after, order, modifies);
    if (is_release(order))
        ++*own_clock(self);
    if (store == history->newest)
        poke(where, size, value);
}

/* It has met that store, and is done. */
static void note_operation(struct history *history, const struct attempt *attempt, bool stores,
                           uint32_t rank)
{
    struct operation operation = operation_of(history, attempt, stores, rank);

    self->past.at[self->id] = run.operations;
    vector_join(&history->past, &self->past);
    order_done(&operation);
}

/* -------------------------------------------------------------------------------- operations */

/* As long as there was only one thread, all it stored is known to every later one. */
static bool alone(void)
{
    return run.thread_count == 1;
}

static const char *if_older(const struct store *met)
{
    return met->newer ? ", an older value: nothing makes the newer one visible yet" : "";
}

/* What a story says of a store that is not the newest. */
static const char *if_overtaken(const struct store *store)
{
    static char words[96];
    const struct store *by = store->newer;

    if (!story_on() || !by)
        return "";
    snprintf(words, sizeof words, "; this store is overtaken by that of %s by {t%u}",
             in_words(by->value), by->thread);
    return words;
}

atomic_value atomic_load_value(const volatile void *where, unsigned size, int order, uintptr_t pc)
{
    struct object *atomic;

    if (!self)
        return peek(where, size);
    if (alone()) {
        memory_access((uintptr_t)where, size, ATOMIC, pc);
        step(NULL, false, pc);
        return peek(where, size);
    }
    struct history *history = step_at(where, size, ATOMIC, false, pc, &atomic);
    struct attempt attempt = {.reads = true, .order = order};
    struct store *met = choose_store(history, &attempt);
    read_store(met, order);
    note_operation(history, &attempt, false, met->rank + 1);
    story_event("atomic_load", story_object(atomic), pc, "reads %s from {%u}%s",
                in_words(met->value), story_object(atomic), if_older(met));
    return met->value;
}

void atomic_store_value(volatile void *where, unsigned size, atomic_value value, int order,
                        uintptr_t pc)
{
    struct object *atomic;

    if (!self) {
        poke(where, size, value);
        return;
    }
    value &= mask_of(size);
    if (alone()) {
        memory_access((uintptr_t)where, size, ATOMIC_WRITE, pc);
        step(NULL, false, pc);
        made_progress();
        poke(where, size, value);
        return;
    }
    struct history *history = step_at(where, size, ATOMIC_WRITE, true, pc, &atomic);
    struct attempt attempt = {.stores = true, .order = order};
    struct store *met = choose_store(history, &attempt);
    add_store(history, met, where, size, value, order, false, pc);
    note_operation(history, &attempt, true, met->rank + RANKS);
    story_event("atomic_store", story_object(atomic), pc, "stores %s in {%u}%s", in_words(value),
                story_object(atomic), if_overtaken(met->newer));
}

static atomic_value compute(enum atomic_operation operation, atomic_value old, atomic_value operand)
{
    switch (operation) {
    case ATOMIC_ADD:
        return old + operand;
    case ATOMIC_SUB:
        return old - operand;
    case ATOMIC_AND:
        return old & operand;
    case ATOMIC_OR:
        return old | operand;
    case ATOMIC_XOR:
        return old ^ operand;
    case ATOMIC_NAND:
        return ~(old & operand);
    default:
        return operand;
    }
}

atomic_value atomic_modify(volatile void *where, unsigned size, enum atomic_operation operation,
                           atomic_value operand, int order, uintptr_t pc)
{
    struct object *atomic;

    if (!self || alone()) {
        if (self) {
            memory_access((uintptr_t)where, size, ATOMIC_WRITE, pc);
            step(NULL, false, pc);
            made_progress();
        }
        atomic_value found = peek(where, size);
        poke(where, size, compute(operation, found, operand));
        return found;
    }
    struct history *history = step_at(where, size, ATOMIC_WRITE, true, pc, &atomic);
    struct attempt attempt = {.reads = true, .stores = true, .order = order};
    struct store *met = choose_store(history, &attempt);
    atomic_value old = met->value, value = compute(operation, old, operand) & mask_of(size);
    read_store(met, order);
    add_store(history, met, where, size, value, order, true, pc);
    note_operation(history, &attempt, true, met->rank + RANKS);
    story_event("atomic_modify", story_object(atomic), pc, "changes {%u} from %s to %s%s",
                story_object(atomic), in_words(old), in_words(value), if_overtaken(met->newer));
    return old;
}

/* A weak exchange may fail although it finds what it expects. */
static bool fails_without_cause(bool weak)
{
    if (!weak || !run.weak_left || !strategy_chance(WEAK_FAILS_ONE_IN))
        return false;
    run.weak_left--;
    return true;
}

static const char *why_it_fails(const struct store *met, bool without_cause)
{
    return without_cause ? "a weak exchange may fail without cause"
           : met->newer
               ? "it reads an older value, which is another one: nothing makes the newer one "
                 "visible yet"
               : "it has another value";
}

static atomic_value exchange_alone(volatile void *where, unsigned size, atomic_value expected,
                                   atomic_value value, uintptr_t pc)
{
    if (self) {
        memory_access((uintptr_t)where, size, ATOMIC_WRITE, pc);
        step(NULL, false, pc);
    }
    atomic_value found = peek(where, size);
    if (found == expected) {
        made_progress();
        poke(where, size, value);
    }
    return found;
}

atomic_value atomic_compare_exchange(volatile void *where, unsigned size, atomic_value expected,
                                     atomic_value value, int order, int failure_order, bool weak,
                                     bool *failed, uintptr_t pc)
{
    struct object *atomic;

    expected &= mask_of(size);
    value &= mask_of(size);
    *failed = false;
    if (!self || alone())
        return exchange_alone(where, size, expected, value, pc);
    self->may_write = true;
    struct history *history = step_at(where, size, ATOMIC_WRITE, false, pc, &atomic);
    self->may_write = false;
    struct attempt attempt = {.reads = true,
                              .stores = true,
                              .compares = true,
                              .expected = expected,
                              .order = order,
                              .failure_order = failure_order};
    struct store *met = choose_store(history, &attempt);
    atomic_value old = met->value;
    *failed = old == expected && fails_without_cause(weak);
    bool exchanges = old == expected && !*failed;
    read_store(met, order_of(&attempt, exchanges));
    if (exchanges) {
        strategy_touch(atomic, true); /* one that fails is a load: two of these can be swapped */
        add_store(history, met, where, size, value, order, true, pc);
    }
    note_operation(history, &attempt, exchanges, met->rank + (exchanges ? RANKS : 1));
    if (exchanges)
        story_event("atomic_exchange", story_object(atomic), pc, "changes {%u} from %s to %s%s",
                    story_object(atomic), in_words(old), in_words(value), if_overtaken(met->newer));
    else
        story_event("atomic_exchange", story_object(atomic), pc, "does not change {%u}: %s",
                    story_object(atomic), why_it_fails(met, *failed));
    return old;
}
static void pass_fence(int order)
{
    struct operation operation = {.sequential = order == __ATOMIC_SEQ_CST};

    run.operations++;
    order_start();
    if (is_acquire(order))
        clock_join(&self->clock, &self->acquire_pending);
    if (is_release(order)) {
        clock_copy(&self->release_fence, &self->clock);
        self->has_release_fence = true;
        ++*own_clock(self);
    }
    order_done(&operation);
}

void atomic_fence(int order, uintptr_t pc)
{
    if (!self)
        return;
    step(NULL, true, pc);
    if (alone())
        return;
    pass_fence(order);
    story_event("fence", 0, pc, "passes a fence");
}

void atomic_barrier(void)
{
    if (!alone())
        pass_fence(__ATOMIC_SEQ_CST);
}

atomic_value atomic_newest(const volatile void *where, unsigned size, uintptr_t pc)
{
    struct attempt attempt = {.reads = true, .order = __ATOMIC_RELAXED};

    memory_access((uintptr_t)where, size, ATOMIC, pc);
    if (alone())
        return peek(where, size);
    struct object *atomic = location(where, size, pc);
    struct history *history = atomic->atomic.history;
    strategy_touch(atomic, false);
    run.operations++;
    order_start();
    read_store(history->newest, attempt.order);
    note_operation(history, &attempt, false, history->newest->rank + 1);
    return history->newest->value;
}
