/* memory.c - see memory.h: shadows, races (FastTrack with a list of accesses instead of read
 * vectors), objects by address, the undo log. */
#include "memory.h"

#include "arena.h"
#include "block.h"
#include "fail.h"
#include "history.h"
#include "object.h"
#include "scheduler.h"
#include "story.h"

#include <assert.h>
#include <string.h>

/* The program's variables, from the linker. */
extern char __data_start[], _end[];

enum { LINE = 64, PAGE = 4096 };

static uint32_t generation;
static struct shadow *arena_shadow;
static struct shadow *arena_lines;
/* Of each page: the last generation in which a word of it had a shadow of its own. */
static uint32_t *arena_pages;
static uintptr_t globals, globals_size;
static struct shadow *globals_shadow;

/* Accesses that don't fit into a shadow. */
static struct more {
    struct access access;
    uint32_t next;
} * more;
static uint32_t more_count;

static struct undo {
    uintptr_t address;
    uint64_t value;
} * undo;
static size_t undo_count;

/* Objects outside the watched ranges: in memory libc has allocated. */
static struct foreign {
    uintptr_t address;
    struct shadow shadow;
} foreign[MAX_FOREIGN];
static unsigned foreign_count;

/* What others have accessed of the stack of each thread, in frames that are still there. */
static struct visits {
    uint32_t generation; /* of another schedule: there are none */
    unsigned count;
    uintptr_t lowest; /* no address of theirs is lower */
    struct visit {
        uintptr_t address;
        struct access access; /* the last of that thread there */
    } all[MAX_VISITS];
} visits_of[MAX_THREADS];

bool memory_map(void)
{
    arena_shadow = reserve(arena_size / 8 * sizeof *arena_shadow);
    arena_lines = reserve(arena_size / LINE * sizeof *arena_lines);
    arena_pages = reserve(arena_size / PAGE * sizeof *arena_pages);
    globals = (uintptr_t)__data_start & ~(uintptr_t)7;
    globals_size = (uintptr_t)_end - globals;
    globals_shadow = reserve((globals_size / 8 + 1) * sizeof *globals_shadow);
    more = reserve(MAX_ACCESSES * sizeof *more);
    undo = reserve(MAX_UNDO * sizeof *undo);
    return arena_shadow && arena_lines && arena_pages && globals_shadow && more && undo;
}

void memory_begin(void)
{
    generation++;
    assert(generation); /* it has wrapped: an old shadow is taken for one of this schedule */
    more_count = 1;
    undo_count = 0;
    foreign_count = 0;
    run.edges_left = EDGES_PER_LOOK;
}

/* --------------------------------------------------------------------------------- shadows */

static struct shadow *fresh(struct shadow *shadow)
{
    if (shadow->generation != generation)
        *shadow = (struct shadow){.generation = generation};
    return shadow;
}

/* Has no word of the page of this address had a shadow of its own in this schedule? Then theirs need not be looked at. */
static inline bool is_untouched(uintptr_t address)
{
    return arena_pages[(address - arena) / PAGE] != generation;
}

/* A word of the arena, where addresses are used again in the same order: the guess at the block is still good. */
static inline struct shadow *fresh_word(struct shadow *shadow)
{
    if (shadow->generation != generation) {
        *shadow = (struct shadow){.generation = generation, .block = shadow->block};
        arena_pages[(size_t)(shadow - arena_shadow) / (PAGE / 8)] = generation;
    }
    return shadow;
}

static inline struct shadow *shadow_of(uintptr_t address)
{
    if (address - arena < arena_size)
        return fresh_word(&arena_shadow[(address - arena) / 8]);
    if (address - globals < globals_size)
        return fresh(&globals_shadow[(address - globals) / 8]);
    return NULL;
}

/* A line has one shadow for its words as long as it is only accessed as a whole: what is copied a
 * ticket at a time is checked a line at a time. From the first other access on, block is set and its
 * words have their own. Such a line lies in one block of the heap, and no object lives in it. */
static inline struct shadow *line_of(uintptr_t address)
{
    assert(address - arena < arena_size);
    return fresh(&arena_lines[(address - arena) / LINE]);
}

static uint32_t copy_of(uint32_t list)
{
    uint32_t copy = 0;

    for (; list && more_count < MAX_ACCESSES; list = more[list].next) {
        more[more_count] = (struct more){more[list].access, copy};
        copy = more_count++;
    }
    return copy;
}

static void split(struct shadow *line, uintptr_t address)
{
    struct shadow *word = &arena_shadow[((address & ~(uintptr_t)(LINE - 1)) - arena) / 8];

    line->block = 1;
    if (!line->last[0].mask && !line->last[1].mask && !line->more)
        return;
    for (unsigned i = 0; i < LINE / 8; i++) {
        memcpy(fresh_word(&word[i])->last, line->last, sizeof line->last);
        word[i].more = copy_of(line->more);
    }
}

/* The line that starts at address and ends within size bytes, if it has one shadow. If not it has none
 * from now on. */
static inline struct shadow *whole_line(uintptr_t address, size_t size)
{
    struct shadow *line = line_of(address);

    if (line->block)
        return NULL;
    if (address % LINE == 0 && size >= LINE)
        return line;
    split(line, address);
    return NULL;
}

static void note_undo(struct shadow *shadow, uintptr_t address)
{
    address &= ~(uintptr_t)7;
    if (shadow->block || undo_count == MAX_UNDO)
        return;
    shadow->block = 1;
    undo[undo_count].address = address;
    memcpy(&undo[undo_count++].value, (void *)address, 8);
}

void memory_undo(void)
{
    while (undo_count) {
        undo_count--;
        memcpy((void *)undo[undo_count].address, &undo[undo_count].value, 8);
    }
}

void memory_each_written_global(void (*visit)(uintptr_t address))
{
    for (size_t i = 0; i < undo_count; i++)
        visit(undo[i].address);
    size_t size;
    uintptr_t locals = thread_locals(0, &size) & ~(uintptr_t)7;
    for (size_t i = 0; i < size; i += 8)
        visit(locals + i);
}

/* ----------------------------------------------------------------------------------- races */

static const char *in_words(unsigned kind)
{
    switch (kind) {
    case READ:
        return "reads";
    case WRITE:
        return "writes";
    case ATOMIC:
        return "reads (atomically)";
    case ATOMIC_WRITE:
        return "changes (atomically)";
    case FREES:
        return "frees";
    case DESTROYS:
        return "destroys what is in";
    default:
        return "uses";
    }
}

static const char *role(unsigned kind)
{
    return kind == FREES ? "freed" : kind & ATOMIC ? "atomic" : kind & WRITE ? "write" : "read";
}

/* Has self read an atomic that the other thread stored after that access? Then what is missing is a
 * release or an acquire: with both, the store would have handed over. */
static bool read_relaxed(const struct access *before)
{
    for (uint32_t i = 1; i < object_count; i++)
        if (objects[i].kind == OBJECT_ATOMIC &&
            atomic_was_read(&objects[i], before->thread, before->clock))
            return true;
    return false;
}

static const char *with(bool locked)
{
    return locked ? "holding a lock" : "holding no lock";
}

static void tell_mine(enum access_kind kind, uintptr_t pc)
{
    story_access(role(kind), -1, pc, "%s memory, %s", in_words(kind), with(self->locks_held));
}

static void tell_other(const struct access *before)
{
    story_access(role(before->kind), before->thread, before->pc, "%s the same memory, %s",
                 in_words(before->kind), with(before->locked));
}

static bool is_plain(unsigned kind)
{
    return kind == READ || kind == WRITE;
}

static bool is_atomic(unsigned kind)
{
    return kind == ATOMIC || kind == ATOMIC_WRITE;
}

/* Is one of the two no atomic access to what the other takes for an atomic? A plain write before it may be
 * how the atomic began: then it was not handed over. */
static bool is_mixed(const struct shadow *shadow, unsigned before, unsigned now)
{
    bool was_atomic = before == READ;

    for (uint32_t i = shadow->object; before == WRITE && i; i = objects[i].next)
        was_atomic |= objects[i].kind == OBJECT_ATOMIC && objects[i].atomic.rewritten;
    return (is_atomic(before) && is_plain(now)) || (was_atomic && is_atomic(now));
}

/* Two accesses to a word that nothing orders, first the one that is not atomic, or has no lock. */
static _Noreturn void tell_race(const struct shadow *shadow, const struct access *before,
                                enum access_kind kind, uintptr_t pc)
{
    const char *mine = thread_name(self), *other = thread_name(&run.threads[before->thread]);
    const char *i_do = in_words(kind), *it_does = in_words(before->kind);
    bool mixed = is_mixed(shadow, before->kind, kind);
    bool is_mine = mixed ? is_plain(kind) : before->locked || !self->locks_held;

    if (is_mine)
        tell_mine(kind, pc);
    tell_other(before);
    if (!is_mine)
        tell_mine(kind, pc);
    if (mixed)
        fail(VERDICT_RACE, pc,
             "%s %s memory that %s %s: only the second is atomic, and nothing else orders the two.",
             is_mine ? mine : other, is_mine ? i_do : it_does, is_mine ? other : mine,
             is_mine ? it_does : i_do);
    if (read_relaxed(before))
        fail(VERDICT_RACE, pc,
             "%s %s memory that %s %s. There is an atomic between the two, but it is not stored "
             "with release or not "
             "read with acquire, so it orders nothing else.",
             mine, i_do, other, it_does);
    if (kind == FREES || kind == DESTROYS)
        fail(VERDICT_USE_AFTER_FREE, pc,
             "%s %s memory that %s may still be using: nothing makes it wait until %s has finished "
             "with it.",
             mine, i_do, other, other);
    fail(VERDICT_RACE, pc, "%s %s memory that %s %s, and nothing orders the two: %s.",
         is_mine ? mine : other, is_mine ? i_do : it_does, is_mine ? other : mine,
         is_mine ? it_does : i_do,
         !before->locked && !self->locks_held ? "no lock is held, and no atomic hands over"
         : before->locked && self->locks_held ? "each holds a lock, but not the same one"
                                              : "the first holds no lock");
}

/* Of an access now and an earlier, ordered one: 0 if every later rival of the earlier one rivals the new one too. If not,
 * only the earlier one writes, or only the new one is atomic. */
static inline unsigned left_open(unsigned earlier, unsigned kind)
{
    return (earlier ^ kind) & ((earlier & WRITE) | (kind & ATOMIC));
}

/* Self frees an atomic. It may, whatever the memory orders, once it has read what the other thread
 * stored there: nobody stores that a second time. */
static bool has_read(const struct shadow *shadow, const struct access *stored)
{
    const struct object *object = &objects[shadow->object];

    if (stored->kind != ATOMIC_WRITE)
        return false;
    for (; object != objects; object = &objects[object->next])
        if (object->kind == OBJECT_ATOMIC && stored->mask >> (object->address & 7) & 1)
            return atomic_is_settled(object, stored->thread, stored->clock);
    return false;
}

/* Leaves none that is remembered, of which everybody knows: the clock is 0. */
static inline void forget(struct access *access)
{
    *access = (struct access){0};
}

static inline bool is_known(const struct access *before)
{
    return before->clock <= self->clock.by_c11.at[before->thread];
}

/* Can it be forgotten? Without a branch, as the processor can't foresee the answer. */
static inline bool is_covered(const struct access *before, unsigned mask, enum access_kind kind)
{
    return !((before->mask & ~mask) | (before->mask ? left_open(before->kind, kind) : 0));
}

/* Looks at one remembered access of a word. True: its place is free for the new one. */
static bool meet(const struct shadow *shadow, struct access *before, unsigned mask,
                 enum access_kind kind, uintptr_t pc)
{
    if (is_known(before)) {
        if (!is_covered(before, mask, kind))
            return false;
        forget(before);
        return true;
    }
    if ((before->mask & mask) && ((before->kind | kind) & WRITE) &&
        !(before->kind & kind & ATOMIC) && !(kind == FREES && has_read(shadow, before)))
        tell_race(shadow, before, kind, pc);
    return false;
}

/* Where an access can be remembered, once it has been compared with all those that are. */
static struct access *compare(struct shadow *shadow, unsigned mask, enum access_kind kind,
                              uintptr_t pc)
{
    struct access *place = NULL;

    for (int i = 1; i >= 0; i--)
        if (meet(shadow, &shadow->last[i], mask, kind, pc))
            place = &shadow->last[i];
    for (uint32_t i = shadow->more; i; i = more[i].next)
        if (meet(shadow, &more[i].access, mask, kind, pc))
            place = place ? place : &more[i].access;
    if (place || kind == FREES || more_count == MAX_ACCESSES)
        return place;
    more[more_count].next = shadow->more;
    return &more[shadow->more = more_count++].access;
}

static inline void remember(struct access *place, unsigned mask, enum access_kind kind,
                            uintptr_t pc)
{
    place->clock = *own_clock(self);
    place->pc = (uint32_t)pc;
    place->thread = (uint16_t)self->id;
    place->mask = (uint8_t)mask;
    place->kind = kind;
    place->locked = self->locks_held;
}

static __attribute__((noinline)) void compare_all(struct shadow *shadow, unsigned mask,
                                                  enum access_kind kind, uintptr_t pc)
{
    struct access *place = compare(shadow, mask, kind, pc);

    if (place && kind != FREES)
        remember(place, mask, kind, pc);
}

/* As it mostly is: at most two are remembered, both ordered before. */
static inline bool all_known(const struct shadow *shadow)
{
    return !shadow->more && is_known(&shadow->last[0]) && is_known(&shadow->last[1]);
}

/* The same where it is quickly done. */
static inline struct access *compare_quickly(struct shadow *shadow, unsigned mask,
                                             enum access_kind kind)
{
    struct access *last = shadow->last;

    if (!all_known(shadow))
        return NULL;
    bool second = is_covered(&last[1], mask, kind);
    if (!is_covered(&last[0], mask, kind))
        return second ? &last[1] : NULL;
    if (second)
        forget(&last[1]);
    return &last[0];
}

/* Again the same: nothing can have changed, for a write since would have been told. */
static inline bool is_as_before(const struct shadow *shadow, unsigned mask, enum access_kind kind)
{
    const struct access *last = &shadow->last[0];

    return last->clock == *own_clock(self) && last->thread == self->id && last->mask == mask &&
           last->kind == kind;
}

/* Compares an access to a word with those remembered, and remembers it. This is where a schedule spends most of
 * its time. */
static inline void check_word(struct shadow *shadow, unsigned mask, enum access_kind kind,
                              uintptr_t pc)
{
    assert(mask && mask <= 0xff && shadow->more < more_count && shadow->generation == generation);
    if (is_as_before(shadow, mask, kind))
        return;
    struct access *place = compare_quickly(shadow, mask, kind);
    if (place)
        remember(place, mask, kind, pc);
    else
        compare_all(shadow, mask, kind, pc);
}

/* A plain write to bytes where an object lives initialises them anew: what was there is history, be
 * it an atomic's stores or a lock that was destroyed, or was in a stack frame that is no more. */
static void forget_objects(struct shadow *shadow, uintptr_t address, size_t size)
{
    for (uint32_t *link = &shadow->object; *link;) {
        struct object *object = &objects[*link];
        bool hit = object->address >= address && object->address < address + size;
        if (object->kind == OBJECT_ATOMIC && object->address < address + size &&
            object->address + object->atomic.size > address) {
            history_clear(object->atomic.history);
            object->atomic.rewritten = true;
        }
        if (hit && object->kind != OBJECT_ATOMIC && !object_holder(object) &&
            !object_sleeper(object))
            *link = object->next;
        else
            link = &object->next;
    }
}

/* What a call may do that goes through all the heap for each word of it is not told from one that does
 * not end; and then there is what a call may do with little memory. */
static double most_work(void)
{
    double words = (double)(heap_end - heap_start) / 16;

    return BUSY_ACCESSES + 4 * words * words;
}

/* Accesses, 64 bytes of a block counting as one, since a call of the test or of a thread's function returned. */
static void count_work(unsigned long accesses, uintptr_t pc)
{
    run.work += accesses;
    if ((double)run.work < most_work())
        return;
    fail(VERDICT_NO_PROGRESS, pc,
         "%s is still busy after %lu million accesses to memory in one call: this does not end.",
         thread_name(self), run.work / 1000000);
}

static void too_many_accesses(uintptr_t pc)
{
    if (run.progress != run.turn_progress)
        count_work(run.accesses, pc); /* a loop that only looks is told as one that waits */
    run.turn_progress = run.progress;
    run.touched += run.accesses;
    run.accesses = 0;
    self->idle +=
        IDLE_A_TURN; /* a loop without a call in it: let the others show what it waits for */
    run.rounds += ROUNDS_A_TURN;
    yield_step(pc);
}

/* What looks at memory now and then may wait for another thread; what never does is not changed by any. */
void memory_edges(uintptr_t pc)
{
    bool steps = run.steps != run.steps_at_look;
    bool looks = run.touched + run.accesses != run.accesses_at_look;

    run.edges_left = EDGES_PER_LOOK;
    if (!self)
        return;
    run.activity++;
    run.silent_looks = steps ? 0 : run.silent_looks + 1;
    if (run.silent_looks > MOST_SILENT_LOOKS)
        fail(VERDICT_NO_PROGRESS, pc, "%s", loop_without_a_call());
    if (looks && !steps)
        too_many_accesses(pc);
    run.steps_at_look = run.steps;
    run.accesses_at_look = run.touched + run.accesses;
}

static void unwatched(uintptr_t address, enum access_kind kind, uintptr_t pc)
{
    if (address < LOWEST_ADDRESS)
        fail(VERDICT_CRASHED, pc, "%s %s through a NULL pointer.", thread_name(self),
             kind & WRITE ? "writes" : "reads");
    run.last_access = pc;
}

static inline void access_word(struct shadow *shadow, uintptr_t address, unsigned size,
                               enum access_kind kind, uintptr_t pc, bool global)
{
    global ? fresh(shadow) : fresh_word(shadow);
    if (global && (kind & WRITE))
        note_undo(shadow, address);
    if (kind == WRITE && shadow->object)
        forget_objects(shadow, address, size);
    if (run.thread_count > 1)
        check_word(shadow, ((1u << size) - 1) << (address & 7), kind, pc);
}

static void count_block(size_t size, uintptr_t pc)
{
    run.touched += size / LINE;
    if (size >= LINE)
        count_work(size / LINE, pc);
}

/* The end of the line that holds address, or end if that comes first. */
static inline uintptr_t line_end(uintptr_t address, uintptr_t end)
{
    uintptr_t next = (address | (LINE - 1)) + 1;

    return next < end ? next : end;
}

static void access_words(struct shadow *shadow, uintptr_t address, size_t size,
                         enum access_kind kind, uintptr_t pc, bool global)
{
    bool alone = run.thread_count == 1;
    uintptr_t end = address + size;

    count_block(size, pc);
    while (address < end) {
        struct shadow *line = alone || global ? NULL : whole_line(address, end - address);
        uintptr_t next = line_end(address, end);
        bool nothing_known = alone && !global && is_untouched(address);
        run.activity++; /* a large block takes the kit a while */
        if (line)
            check_word(line, 0xff, kind, pc);
        if (line || nothing_known) {
            shadow += next / 8 - address / 8;
            address = next;
        }
        while (address < next) {
            unsigned first = address & 7,
                     n = next - address < 8 - first ? next - address : 8 - first;
            access_word(shadow++, address, n, kind, pc, global);
            address += n;
        }
    }
}

static inline void count_access(bool progress, uintptr_t pc)
{
    if (progress)
        made_progress();
    if (++run.accesses > ACCESSES_PER_TURN)
        too_many_accesses(pc);
}

/* The shadow of a word that earlier accesses have shown little to check in; NULL: they have not. */
static inline struct shadow *plain_word(uintptr_t address, enum access_kind kind)
{
    bool in_arena = address - arena < arena_size;
    struct shadow *shadow =
        in_arena ? &arena_shadow[(address - arena) / 8] : &globals_shadow[(address - globals) / 8];

    if ((!in_arena && address - globals >= globals_size) || shadow->generation != generation)
        return NULL;
    if (in_arena)
        return shadow->plain == PLAIN || (shadow->plain && run.thread_count == 1) ? shadow : NULL;
    return kind & WRITE && !shadow->block ? NULL : shadow;
}

/* Of size 0 it is none. */
static inline bool is_one_word(uintptr_t address, size_t size)
{
    return size - 1 < 8 - address % 8;
}

/* Checks an access to such a word. False: nothing has been done, for there is more to do. */
static inline bool access_plainly(uintptr_t address, size_t size, enum access_kind kind,
                                  uintptr_t pc)
{
    struct shadow *shadow = plain_word(address, kind);

    if (!shadow || (kind == WRITE && shadow->object) || run.accesses >= ACCESSES_PER_TURN)
        return false;
    count_access(kind == WRITE && !is_on_stack(address), pc);
    if (run.thread_count > 1)
        check_word(shadow, ((1u << size) - 1) << (address & 7), kind, pc);
    return true;
}

static __attribute__((noinline)) void access_fully(uintptr_t address, size_t size,
                                                   enum access_kind kind, uintptr_t pc)
{
    if (!size)
        return;
    struct shadow *shadow = shadow_of(address);
    if (!shadow) {
        unwatched(address, kind, pc);
        return;
    }
    bool on_stack = address - arena < MAX_THREADS * STACK_SIZE;
    bool global = address - globals < globals_size;
    if (address - heap_start < HEAP_SIZE)
        heap_check(shadow, address, size, kind, pc);
    count_access(kind == WRITE && !on_stack, pc);
    bool alone = run.thread_count == 1;
    bool is_word = address % 8 + size <= 8;
    if (is_word && !global && (on_stack || heap_has_word(shadow, address)))
        shadow->plain = alone ? PLAIN_ALONE : PLAIN;
    if (alone && kind != WRITE && !(global && (kind & WRITE)))
        return; /* all that comes later is ordered after it */

    if (!is_word) {
        access_words(shadow, address, size, kind, pc, global);
        return;
    }
    if (!alone && !global)
        whole_line(address, size); /* no more */
    access_word(shadow, address, (unsigned)size, kind, pc, global);
}

/* An access to the stack of another thread, or to its thread-local variables above it. */
static __attribute__((noinline)) void check_stack(uintptr_t address, enum access_kind kind,
                                                  uintptr_t pc)
{
    const struct thread *owner = &run.threads[(address - arena) / STACK_SIZE];
    bool ended = owner->state == THREAD_ENDED;

    if (owner->state == THREAD_UNUSED || (!ended && address >= fiber_stack_pointer(&owner->fiber)))
        return;
    fail(VERDICT_USE_AFTER_FREE, pc,
         ended ? "%s %s memory on the stack of %s, which has ended: a use after return."
               : "%s %s memory in the frame of a function of %s that has returned: a use after "
                 "return.",
         thread_name(self), in_words(kind), thread_name(owner));
}

/* Notes an access to the stack of another thread: before the frame is gone that thread must know of it. */
static __attribute__((noinline)) void note_visit(uintptr_t address, enum access_kind kind,
                                                 uintptr_t pc)
{
    struct visits *visits = &visits_of[(address - arena) / STACK_SIZE];
    unsigned i = 0;

    if (visits->generation != generation)
        *visits = (struct visits){.generation = generation, .lowest = UINTPTR_MAX};
    while (i < visits->count &&
           (visits->all[i].address != address || visits->all[i].access.thread != self->id))
        i++;
    if (i == MAX_VISITS)
        return;
    if (i == visits->count)
        visits->count++;
    if (address < visits->lowest)
        visits->lowest = address;
    visits->all[i] = (struct visit){
        address,
        {*own_clock(self), (uint32_t)pc, (uint16_t)self->id, 0xff, kind, self->locks_held}};
}

static _Noreturn void tell_visit(const struct visit *visit, uintptr_t pc)
{
    const char *other = thread_name(&run.threads[visit->access.thread]);

    tell_other(&visit->access);
    fail(VERDICT_USE_AFTER_FREE, pc,
         "%s %s memory in the frame of a function of %s that may have returned by then: nothing "
         "makes %s wait until %s has finished with it.",
         other, in_words(visit->access.kind), thread_name(self), thread_name(self), other);
}

static __attribute__((noinline)) void end_visits(struct visits *visits, uintptr_t below,
                                                 uintptr_t pc)
{
    visits->lowest = UINTPTR_MAX;
    for (unsigned i = 0; i < visits->count;) {
        const struct visit *visit = &visits->all[i];
        if (visit->address >= below) {
            if (visit->address < visits->lowest)
                visits->lowest = visit->address;
            i++;
            continue;
        }
        if (!is_known(&visit->access) && !has_read(shadow_of(visit->address), &visit->access))
            tell_visit(visit, pc);
        visits->all[i] = visits->all[--visits->count];
    }
}

void memory_frames_are_gone(uintptr_t below, uintptr_t pc)
{
    struct visits *visits = &visits_of[self->id];

    if (visits->lowest < below && visits->generation == generation && !run.was_stopped)
        end_visits(visits, below, pc);
}

static __attribute__((noinline)) void access_stack_of_another(uintptr_t address, size_t size,
                                                              enum access_kind kind, uintptr_t pc)
{
    if (!size)
        return;
    check_stack(address, kind, pc);
    note_visit(address, kind, pc);
    if (!is_one_word(address, size) || !access_plainly(address, size, kind, pc))
        access_fully(address, size, kind, pc);
}

/* Of a line that is freed, or a part of it: have its words had objects? */
static inline bool words_freed(struct shadow *shadow, size_t words, bool alone, uintptr_t pc)
{
    bool has_objects = false;

    for (const struct shadow *end = shadow + words; shadow < end; shadow++) {
        if (shadow->generation != generation)
            continue;
        shadow->plain = 0;
        has_objects |= shadow->object != 0;
        if (!alone && !all_known(shadow))
            compare_all(shadow, 0xff, FREES, pc);
    }
    return has_objects;
}

bool memory_freed(uintptr_t start, size_t size, uintptr_t pc)
{
    uintptr_t end = start + size, next;
    bool alone = run.thread_count == 1, has_objects = false;

    if (!size)
        return false;
    count_access(false, pc);
    if (!alone)
        count_block(size, pc);
    for (uintptr_t address = start; address < end; address = next) {
        struct shadow *line = alone ? NULL : whole_line(address, end - address);
        next = line_end(address, end);
        run.activity++;
        if (line && !all_known(line))
            compare_all(line, 0xff, FREES, pc);
        if (!is_untouched(address))
            has_objects |= words_freed(&arena_shadow[(address - arena) / 8],
                                       (next - address + 7) / 8, alone, pc);
    }
    return has_objects;
}

void memory_access(uintptr_t address, size_t size, enum access_kind kind, uintptr_t pc)
{
    assert(kind != FREES);
    if (!self)
        return;
    if (is_on_stack(address) && (address - arena) / STACK_SIZE != self->id)
        access_stack_of_another(address, size, kind, pc);
    else if (!is_one_word(address, size) || !access_plainly(address, size, kind, pc))
        access_fully(address, size, kind, pc);
}

/* --------------------------------------------------------------------------------- objects */

static struct shadow *foreign_shadow(uintptr_t address)
{
    for (unsigned i = 0; i < foreign_count; i++)
        if (foreign[i].address == address)
            return &foreign[i].shadow;
    if (foreign_count == MAX_FOREIGN)
        fail(VERDICT_ENVIRONMENT, 0, "More objects in unusual memory than the check can follow.");
    foreign[foreign_count] = (struct foreign){.address = address};
    return &foreign[foreign_count++].shadow;
}

struct object *object_there(const volatile void *where, enum kind kind)
{
    uintptr_t address = (uintptr_t)where;
    const struct shadow *shadow = shadow_of(address);

    for (uint32_t i = shadow ? shadow->object : 0; i; i = objects[i].next)
        if (objects[i].address == address && objects[i].kind == kind)
            return &objects[i];
    return NULL;
}

struct object *object_at(const volatile void *where, enum kind kind, uintptr_t pc, bool *created)
{
    uintptr_t address = (uintptr_t)where;
    struct shadow *shadow = shadow_of(address);

    if (!shadow)
        shadow = foreign_shadow(address);
    else if (address - arena < arena_size && !line_of(address)->block)
        split(line_of(address), address);
    *created = false;
    assert(shadow->object < object_count);
    for (uint32_t i = shadow->object; i; i = objects[i].next)
        if (objects[i].address == address && objects[i].kind == kind)
            return &objects[i];

    struct object *object = object_new(kind, pc);
    object->address = address;
    object->next = shadow->object;
    shadow->object = (uint32_t)(object - objects);
    *created = true;
    return object;
}

void objects_in(uintptr_t start, size_t size, void (*visit)(struct object *object, uintptr_t pc),
                uintptr_t pc)
{
    const struct shadow *shadow = &arena_shadow[(start - arena) / 8];

    for (uintptr_t word = start & ~(uintptr_t)7; word < start + size; word += 8, shadow++) {
        run.activity++;
        if (shadow->generation == generation)
            for (uint32_t i = shadow->object; i; i = objects[i].next)
                visit(&objects[i], pc);
    }
}

void memory_handed_out(uintptr_t start, size_t size, uint32_t block)
{
    struct shadow *shadow = &arena_shadow[(start - arena) / 8];

    assert(start % 16 == 0);
    for (uintptr_t line = start; line < start + size; line += LINE)
        line_of(line)->block = 1;
    if (size)
        line_of(start + size - 1)->block = 1;
    for (uintptr_t page = start & ~(uintptr_t)(PAGE - 1); page < start + size; page += PAGE)
        arena_pages[(page - arena) / PAGE] = generation;
    for (uintptr_t word = start; word + 8 <= start + size; word += 8)
        *shadow++ = (struct shadow){.generation = generation, .block = block, .plain = PLAIN};
}

void memory_fresh(uintptr_t start, size_t size)
{
    for (uintptr_t word = start & ~(uintptr_t)7; word < start + size; word += 8)
        shadow_of(word)->generation = 0;
}

bool memory_is_global(uintptr_t address)
{
    return address - globals < globals_size;
}
