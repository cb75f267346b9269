/* sync.c - see sync.h. */
#include "sync.h"

#include "arena.h"
#include "block.h"
#include "fail.h"
#include "memory.h"
#include "object.h"
#include "story.h"

#include <pthread.h>
#include <semaphore.h>

static const size_t sizes[OBJECT_KINDS] = {
    [OBJECT_MUTEX] = sizeof(pthread_mutex_t),   [OBJECT_COND] = sizeof(pthread_cond_t),
    [OBJECT_RWLOCK] = sizeof(pthread_rwlock_t), [OBJECT_BARRIER] = sizeof(pthread_barrier_t),
    [OBJECT_SPIN] = sizeof(pthread_spinlock_t), [OBJECT_SEMAPHORE] = sizeof(sem_t),
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
    if (object->kind == OBJECT_SEMAPHORE || object->kind == OBJECT_BARRIER)
        fail(VERDICT_MISUSE, object->pc, "%s is called by %s on a %s that was never initialised.",
             call, thread_name(self), object->kind == OBJECT_BARRIER ? "barrier" : "semaphore");
    if (object->kind == OBJECT_MUTEX)
        object->mutex.type = ((const pthread_mutex_t *)where)->__data.__kind & 3;
    if (object->kind == OBJECT_COND) {
        object->cond.clock = CLOCK_REALTIME;
        object->cond.last_signaller = -1;
    }
}

static const struct thread *owner_of(const struct object *object)
{
    return &run.threads[(object->address - arena) / STACK_SIZE];
}

/* In which function's frame an address on self's stack lies: from the innermost one on. */
static unsigned depth_of(uintptr_t address)
{
    unsigned depth = self->depth < MAX_CALL_DEPTH ? self->depth : MAX_CALL_DEPTH;

#ifdef __x86_64__ /* the frame pointer is above what belongs to it */
    while (depth && address >= self->frames[depth - 1].base + 2 * sizeof(void *))
        depth--;
#else
    unsigned outer = 1;
    while (outer < depth && address < self->frames[outer - 1].base)
        outer++;
    depth = outer;
#endif
    return depth;
}

/* An object on a stack goes with the function in whose frame it is. Its own thread knows which one that is. */
static void note_frame(struct object *object)
{
    if (is_on_stack(object->address) && owner_of(object) == self) {
        object->frame_depth = depth_of(object->address);
        object->frame = object->frame_depth ? self->frames[object->frame_depth - 1].number : 0;
    }
}

static bool frame_is_gone(const struct object *object, const struct thread *owner)
{
    return object->frame && (owner->depth < object->frame_depth ||
                             owner->frames[object->frame_depth - 1].number != object->frame);
}

/* What was only written there, not initialised by a call, may have been written anew. */
static void check_frame(struct object *object, const char *call, uintptr_t pc)
{
    const struct thread *owner = owner_of(object);

    if ((owner != self || object->initialised) && frame_is_gone(object, owner))
        fail(VERDICT_USE_AFTER_FREE, pc,
             "%s is called by %s on %s, which was in the frame of a function of %s that has "
             "returned: a use after return.",
             call, thread_name(self), object_name(object),
             owner == self ? "its own" : thread_name(owner));
    note_frame(object);
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
    if (is_on_stack((uintptr_t)where))
        check_frame(object, call, pc);
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

/* On a stack it may be that of an earlier call, which has gone with it. */
static void check_not_initialised(const void *where, enum kind kind, const char *call, uintptr_t pc)
{
    struct object *before = object_there(where, kind);

    if (!before || before->destroyed)
        return;
    if (object_holder(before) || object_sleeper(before))
        fail(VERDICT_MISUSE, pc, "%s is called by %s on %s, which is in use.", call,
             thread_name(self), object_name(before));
    if (!before->initialised || is_on_stack((uintptr_t)where))
        return;
    story_access("first", -1, before->pc, "initialises it");
    fail(VERDICT_MISUSE, pc,
         "%s is called by %s on %s, which was initialised before and not destroyed.", call,
         thread_name(self), object_name(before));
}

struct object *object_initialise(void *where, enum kind kind, const char *call, uintptr_t pc)
{
    bool created;

    if (!where)
        fail(VERDICT_CRASHED, pc, "%s is called by %s with NULL.", call, thread_name(self));
    check_not_initialised(where, kind, call, pc);
    memory_access((uintptr_t)where, sizes[kind], WRITE, pc);
    struct object *object = object_at(where, kind, pc, &created);
    story_event(call, story_object(object), pc, "initialises {%u}", story_object(object));
    object->initialised = true;
    note_frame(object);
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
