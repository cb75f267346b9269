/* atomic.c - see atomic.h. */
#include "atomic.h"

#include "arena.h"
#include "fail.h"
#include "memory.h"
#include "object.h"
#include "scheduler.h"
#include "story.h"
#include "strategy.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

/* What is before a seq_cst fence in the single total order of seq_cst operations, which here is the
 * order in which they are taken: what happens before it or an earlier fence, and the seq_cst stores.
 * A clock names a fence by its number (run.h). Number 0 is that of no fence, which has nothing before
 * it. */
struct fence {
    struct clock known, stores;
};

static struct fence *fences;
static uint32_t last_fence;
static struct clock sequential_stores; /* the last one of each thread */

void atomic_begin(void)
{
    run.stale_left = STALE_LOADS;
    run.weak_left = WEAK_FAILURES;
    run.fences = object_new(OBJECT_NONE, 0);
    history_begin();
    if (!fences)
        fences = reserve(MAX_FENCES * sizeof *fences);
    last_fence = 0;
    memset(&sequential_stores, 0, sizeof sequential_stores);
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

/* The location, with at least one store in its history: a value nobody stored atomically was there
 * before anybody shared the location (or is a race, which is found out elsewhere). */
static struct object *location(const volatile void *where, unsigned size, uintptr_t pc)
{
    bool created;
    struct object *atomic = object_at(where, OBJECT_ATOMIC, pc, &created);

    if (created) {
        atomic->atomic.stores = history_new();
        if (!atomic->atomic.stores)
            fail(VERDICT_ENVIRONMENT, pc, "More atomic variables than the check can follow.");
    }
    atomic_value value = peek(where, size);
    if (atomic->atomic.count &&
        (atomic->atomic.size != size || nth_newest(atomic, 0)->value != value))
        history_clear(atomic);
    atomic->atomic.size = size;
    if (!atomic->atomic.count)
        history_push(atomic, value)->clock = 0; /* everybody knows it */
    return atomic;
}

/* ------------------------------------------------------------------------- what a load may read */

static bool happens_before(const struct store *store, const struct clock *clock)
{
    return store->clock <= clock->at[store->thread];
}

/* Must a load by self see this store, or a newer one? By coherence, or because there would be a cycle
 * in the order of seq_cst operations (psc in RC11: Lahav et al., PLDI 2017). */
static bool binds(const struct store *store, int order)
{
    const struct fence *fence = &fences[self->clock.fence];

    if (happens_before(store, &self->clock) || was_seen(store, &self->clock))
        return true;
    if (happens_before(store, &fence->known) || was_seen(store, &fence->known))
        return true;
    if (store->sequential && happens_before(store, &fence->stores))
        return true;
    return order == __ATOMIC_SEQ_CST &&
           (store->sequential || happens_before(store, &fences[last_fence].known));
}

static struct store *choose_store(struct object *atomic, int order)
{
    unsigned choices = 1, n = kept(atomic);

    if (!run.stale_left)
        return nth_newest(atomic, 0);
    while (choices < n && !binds(nth_newest(atomic, choices - 1), order))
        choices++;
    unsigned choice = strategy_draw(choices, true);
    assert(choice < choices && choices <= n);
    run.stale_left -= choice > 0;
    return nth_newest(atomic, choice);
}

static void read_store(struct store *store, int order)
{
    if (!store->seen[self->id])
        store->seen[self->id] = self->clock.at[self->id];
    struct clock *learns = is_acquire(order) ? &self->clock : &self->acquire_pending;
    for (const struct sequence *s = sequence_first(store); s; s = sequence_next(s))
        clock_join(learns, &s->clock);
}

/* ------------------------------------------------------------------------------------ stores */

static void put_in_sequence(struct store *store, unsigned head, const struct clock *clock)
{
    if (!sequence_add(store, head, clock))
        fail(VERDICT_ENVIRONMENT, 0, "More release sequences than the check can follow.");
}

/* A new newest store, in the release sequences that it goes on with or is the head of. */
static void add_store(struct object *atomic, atomic_value value, int order, bool modifies)
{
    const struct store *newest = nth_newest(atomic, 0);

    if (newest->value != value)
        made_progress();
    struct store *store = history_push(atomic, value);
    store->sequential = order == __ATOMIC_SEQ_CST;
    for (const struct sequence *s = sequence_first(newest); s; s = sequence_next(s))
        if (modifies || s->thread == self->id)
            put_in_sequence(store, s->thread, &s->clock);
    if (self->has_release_fence)
        put_in_sequence(store, self->id, &self->release_fence);
    if (is_release(order))
        put_in_sequence(store, self->id, &self->clock);
    if (store->sequential)
        sequential_stores.at[self->id] = store->clock;
    if (is_release(order))
        self->clock.at[self->id]++;
}

/* Its place among the seq_cst fences matters. */
static void touch_fences(int order)
{
    if (order == __ATOMIC_SEQ_CST)
        strategy_touch(run.fences, false);
}

/* -------------------------------------------------------------------------------- operations */

/* As long as there was only one thread, all it stored is known to every later one. */
static bool alone(void)
{
    return run.thread_count == 1;
}

atomic_value atomic_load_value(const volatile void *where, unsigned size, int order, uintptr_t pc)
{
    if (!self)
        return peek(where, size);
    memory_access((uintptr_t)where, size, ATOMIC, pc);
    if (alone()) {
        step(NULL, false, pc);
        return peek(where, size);
    }
    struct object *atomic = location(where, size, pc);
    step(atomic, false, pc);
    memory_access((uintptr_t)where, size, ATOMIC, pc);
    location(where, size, pc);
    touch_fences(order);
    struct store *store = choose_store(atomic, order);
    read_store(store, order);
    story_event("atomic_load", story_object(atomic), pc, "reads %s from {%u}%s",
                in_words(store->value), story_object(atomic),
                store == nth_newest(atomic, 0)
                    ? ""
                    : ", an older value: nothing makes the newer one visible yet");
    return store->value;
}

void atomic_store_value(volatile void *where, unsigned size, atomic_value value, int order,
                        uintptr_t pc)
{
    if (!self) {
        poke(where, size, value);
        return;
    }
    value &= mask_of(size);
    memory_access((uintptr_t)where, size, ATOMIC_WRITE, pc);
    if (alone()) {
        step(NULL, false, pc);
        made_progress();
        poke(where, size, value);
        return;
    }
    struct object *atomic = location(where, size, pc);
    step(atomic, true, pc);
    memory_access((uintptr_t)where, size, ATOMIC_WRITE, pc);
    location(where, size, pc);
    touch_fences(order);
    add_store(atomic, value, order, false);
    poke(where, size, value);
    story_event("atomic_store", story_object(atomic), pc, "stores %s in {%u}", in_words(value),
                story_object(atomic));
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
    memory_access((uintptr_t)where, size, ATOMIC_WRITE, pc);
    struct object *atomic = location(where, size, pc);
    step(atomic, true, pc);
    memory_access((uintptr_t)where, size, ATOMIC_WRITE, pc);
    location(where, size, pc);
    atomic_value old = peek(where, size), value = compute(operation, old, operand) & mask_of(size);
    touch_fences(order);
    read_store(nth_newest(atomic, 0), order);
    add_store(atomic, value, order, true);
    poke(where, size, value);
    story_event("atomic_modify", story_object(atomic), pc, "changes {%u} from %s to %s",
                story_object(atomic), in_words(old), in_words(value));
    return old;
}

atomic_value atomic_compare_exchange(volatile void *where, unsigned size, atomic_value expected,
                                     atomic_value value, int order, int failure_order, bool weak,
                                     bool *failed, uintptr_t pc)
{
    expected &= mask_of(size);
    value &= mask_of(size);
    *failed = false;
    if (self)
        memory_access((uintptr_t)where, size, ATOMIC_WRITE, pc);
    if (!self || alone()) {
        if (self)
            step(NULL, false, pc);
        atomic_value found = peek(where, size);
        if (found == expected) {
            made_progress();
            poke(where, size, value);
        }
        return found;
    }
    struct object *atomic = location(where, size, pc);
    step(atomic, true, pc);
    memory_access((uintptr_t)where, size, ATOMIC_WRITE, pc);
    location(where, size, pc);
    atomic_value old = peek(where, size);
    if (old == expected && weak && run.weak_left && strategy_chance(WEAK_FAILS_ONE_IN)) {
        assert(run.weak_left);
        run.weak_left--;
        *failed = true;
    }
    bool exchanges = old == expected && !*failed;
    touch_fences(exchanges ? order : failure_order);
    read_store(nth_newest(atomic, 0), exchanges ? order : failure_order);
    if (exchanges) {
        add_store(atomic, value, order, true);
        poke(where, size, value);
        story_event("atomic_exchange", story_object(atomic), pc, "changes {%u} from %s to %s",
                    story_object(atomic), in_words(old), in_words(value));
    } else {
        story_event("atomic_exchange", story_object(atomic), pc, "does not change {%u}: %s",
                    story_object(atomic),
                    *failed ? "a weak exchange may fail without cause" : "it has another value");
    }
    return old;
}

static void pass_sequential_fence(void)
{
    uint32_t before = last_fence;

    if (last_fence + 1 < MAX_FENCES)
        last_fence++;
    struct fence *fence = &fences[last_fence];
    fence->known = fences[before].known;
    clock_join(&fence->known, &self->clock);
    fence->stores = sequential_stores;
    self->clock.fence = last_fence;
}

static void pass_fence(int order)
{
    if (is_acquire(order))
        acquire(&self->acquire_pending);
    if (order == __ATOMIC_SEQ_CST)
        pass_sequential_fence();
    if (is_release(order)) {
        self->release_fence = self->clock;
        self->has_release_fence = true;
        self->clock.at[self->id]++;
    }
}

void atomic_fence(int order, uintptr_t pc)
{
    if (!self)
        return;
    step(order == __ATOMIC_SEQ_CST ? run.fences : NULL, true, pc);
    if (alone())
        return;
    pass_fence(order);
    story_event("fence", 0, pc, "passes a fence");
}

void atomic_barrier(void)
{
    strategy_touch(run.fences, true);
    if (!alone())
        pass_fence(__ATOMIC_SEQ_CST);
}

atomic_value atomic_newest(const volatile void *where, unsigned size, uintptr_t pc)
{
    memory_access((uintptr_t)where, size, ATOMIC, pc);
    if (alone())
        return peek(where, size);
    struct object *atomic = location(where, size, pc);
    strategy_touch(atomic, false);
    read_store(nth_newest(atomic, 0), __ATOMIC_RELAXED);
    return peek(where, size);
}
