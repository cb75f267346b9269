/* object.c - see object.h. */
#include "object.h"

#include "arena.h"
#include "fail.h"

#include <string.h>

enum { MAX_OBJECTS = 1 << 22 };

struct object *objects;
uint32_t object_count;

bool object_map(void)
{
    objects = reserve(MAX_OBJECTS * sizeof *objects);
    return objects;
}

void object_begin(void)
{
    object_count = 1;
}

struct object *object_new(enum kind kind, uintptr_t pc)
{
    struct object *object = &objects[object_count];

    if (object_count == MAX_OBJECTS)
        fail(VERDICT_ENVIRONMENT, 0, "More locks and atomics than the check can follow.");
    object_count++;
    memset(object, 0, sizeof *object);
    object->kind = kind;
    object->pc = pc;
    return object;
}

const struct thread *object_holder(const struct object *object)
{
    switch (object->kind) {
    case OBJECT_MUTEX:
        return object->mutex.owner;
    case OBJECT_RWLOCK:
        return object->rwlock.writer;
    case OBJECT_SPIN:
        return object->spin.owner;
    case OBJECT_ONCE:
        return object->once.runner;
    default:
        return NULL;
    }
}

bool object_has_sleeper(const struct object *object)
{
    for (unsigned t = 0; t < run.thread_count; t++) {
        const struct thread *thread = &run.threads[t];
        if (thread != self && !is_over(thread) && thread->object == object && thread->call)
            return true;
    }
    return false;
}

bool object_is_in_use(const struct object *object)
{
    for (unsigned t = 0; t < run.thread_count; t++)
        if (run.threads[t].object == object && run.threads[t].call && !is_over(&run.threads[t]))
            return true;
    return object->kind == OBJECT_MUTEX && object->mutex.owner;
}
