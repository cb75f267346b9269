/* object.c - see object.h. */
#include "object.h"

#include "arena.h"
#include "fail.h"

#include <stddef.h>
#include <string.h>

struct object *objects;
uint32_t object_count;

/* What was executed before those that changed an object, and before all that were at it. */
struct pasts {
    struct vector of_changes, of_all;
};

static struct pasts *pasts;
static uint32_t past_count;

bool object_map(void)
{
    objects = reserve(MAX_OBJECTS * sizeof *objects);
    pasts = reserve(MAX_PASTS * sizeof *pasts);
    return objects && pasts;
}

void object_begin(void)
{
    object_count = 1;
    past_count = 0;
}

struct object *object_new(enum kind kind, uintptr_t pc)
{
    struct object *object = &objects[object_count];

    if (object_count == MAX_OBJECTS)
        fail(VERDICT_ENVIRONMENT, 0, "More locks and atomics than the check can follow.");
    object_count++;
    memset(object, 0, offsetof(struct object, clock.by_c11.at));
    object->kind = kind;
    object->pc = pc;
    return object;
}

static struct pasts *pasts_of(struct object *object)
{
    if (!object->met && past_count < MAX_PASTS) {
        object->met = &pasts[past_count++];
        object->met->of_changes.threads = object->met->of_all.threads = 0;
    }
    return object->met;
}

void object_met(struct object *object, bool changes)
{
    if (!self || !run.operations || object->kind == OBJECT_ATOMIC)
        return;
    struct pasts *met = pasts_of(object);
    if (!met) {
        past_is_all(); /* at least */
        return;
    }
    vector_join(&self->past, changes ? &met->of_all : &met->of_changes);
    vector_join(&met->of_all, &self->past);
    if (changes)
        vector_join(&met->of_changes, &self->past);
}

static const struct thread *first_reader(const struct object *lock)
{
    for (unsigned t = 0; t < run.thread_count; t++)
        if (lock->rwlock.reads[t])
            return &run.threads[t];
    return NULL;
}

const struct thread *object_holder(const struct object *object)
{
    switch (object->kind) {
    case OBJECT_MUTEX:
        return object->mutex.owner;
    case OBJECT_RWLOCK:
        return object->rwlock.writer ? object->rwlock.writer : first_reader(object);
    case OBJECT_SPIN:
        return object->spin.owner;
    case OBJECT_ONCE:
        return object->once.runner;
    default:
        return NULL;
    }
}

/* A thread that has seen a barrier open is through with it: the last to arrive may destroy it. And so is
 * one that was woken from a futex. */
static bool is_through(const struct thread *thread, const struct object *object)
{
    return (object->kind == OBJECT_BARRIER || object->kind == OBJECT_FUTEX) &&
           thread->ready(thread);
}

static bool sleeps_on(const struct thread *thread, const struct object *object)
{
    return !is_over(thread) && thread->object == object && thread->call &&
           !is_through(thread, object);
}

const struct thread *object_sleeper(const struct object *object)
{
    for (unsigned t = 0; t < run.thread_count; t++)
        if (&run.threads[t] != self && sleeps_on(&run.threads[t], object))
            return &run.threads[t];
    return NULL;
}
