/* sync.c - see sync.h. */
#include "sync.h"

#include "block.h"
#include "fail.h"
#include "memory.h"
#include "object.h"
#include "story.h"

#include <pthread.h>

static const size_t sizes[OBJECT_KINDS] = {
    [OBJECT_MUTEX] = sizeof(pthread_mutex_t),   [OBJECT_COND] = sizeof(pthread_cond_t),
    [OBJECT_RWLOCK] = sizeof(pthread_rwlock_t), [OBJECT_BARRIER] = sizeof(pthread_barrier_t),
    [OBJECT_SPIN] = sizeof(pthread_spinlock_t),
};

static bool was_never_written(const unsigned char *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (bytes[i] != FRESH)
            return false;
    return size > 0;
}

static void adopt(struct object *object, const void *where, const char *call)
{
    if (was_never_written(where, sizes[object->kind]))
        fail(VERDICT_MISUSE, object->pc,
             "%s is called by %s on memory in which nothing was initialised.", call,
             thread_name(self));
    if (object->kind == OBJECT_SEMAPHORE)
        fail(VERDICT_MISUSE, object->pc,
             "%s is called by %s on a semaphore that was never initialised.", call,
             thread_name(self));
    if (object->kind == OBJECT_MUTEX)
        object->mutex.type = ((const pthread_mutex_t *)where)->__data.__kind & 3;
    if (object->kind == OBJECT_COND) {
        object->cond.clock = CLOCK_REALTIME;
        object->cond.last_signaller = -1;
    }
}

struct object *object_for(void *where, enum kind kind, const char *call, uintptr_t pc)
{
    bool created;

    if (!where)
        fail(VERDICT_CRASHED, pc, "%s is called by %s with NULL.", call, thread_name(self));
    memory_access((uintptr_t)where, 1, CALLS, pc);
    struct object *object = object_at(where, kind, pc, &created);
    if (created)
        adopt(object, where, call);
    if (object->destroyed)
        fail(VERDICT_MISUSE, pc, "%s is called by %s on %s, which was destroyed before.", call,
             thread_name(self), object_name(object));
    return object;
}

void object_touch(const struct object *object, uintptr_t pc)
{
    memory_access(object->address, 1, CALLS, pc);
}

void object_did(struct object *object, const char *op, const char *text, uintptr_t pc)
{
    memory_access(object->address, 1, CALLS, pc);
    story_event(op, story_object(object), pc, "%s {%u}", text, story_object(object));
}

struct object *object_initialise(void *where, enum kind kind, const char *call, uintptr_t pc)
{
    bool created;

    if (!where)
        fail(VERDICT_CRASHED, pc, "%s is called by %s with NULL.", call, thread_name(self));
    memory_access((uintptr_t)where, sizes[kind], WRITE, pc);
    struct object *object = object_at(where, kind, pc, &created);
    story_event(call, story_object(object), pc, "initialises {%u}", story_object(object));
    return object;
}

int object_destroy(void *where, enum kind kind, const char *call, uintptr_t pc)
{
    struct object *object = object_for(where, kind, call, pc);
    const struct thread *holder = object_holder(object), *sleeper = object_sleeper(object);

    if (holder)
        fail(VERDICT_MISUSE, pc, "%s is called by %s on %s, which %s holds.", call,
             thread_name(self), object_name(object),
             holder == self ? "it still" : thread_name(holder));
    if (sleeper)
        fail(VERDICT_USE_AFTER_FREE, pc,
             "%s is called by %s on %s while %s is inside a call on it.", call, thread_name(self),
             object_name(object), thread_name(sleeper));
    memory_access(object->address, 1, DESTROYS, pc);
    object->destroyed = true;
    story_event(call, story_object(object), pc, "destroys {%u}", story_object(object));
    return 0;
}
