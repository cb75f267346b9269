/* story_json.c - see story_json.h. */
#include "story_json.h"

#include "../suite/json.h"
#include "object.h"
#include "story.h"

#include <stdio.h>
#include <string.h>

static const char *const kind_names[OBJECT_KINDS] = {
    "object",  "mutex", "cond",   "rwlock", "barrier", "once",   "spin",   "semaphore", "futex",
    "eventfd", "pipe",  "socket", "epoll",  "signals", "atomic", "thread", "clock",     "block"};

/* ------------------------------------------------------------------------------------- JSON */

#define put(...) fprintf(story->out, __VA_ARGS__)

static void put_text(const char *text)
{
    json_string(story->out, text);
}

static void put_stack(const struct stack *stack)
{
    put("\"stack\":[");
    for (unsigned i = 0; i < stack->n; i++)
        put("%s\"0x%lx\"", i ? "," : "", (unsigned long)stack->pcs[i]);
    put("]");
}

static void put_threads(void)
{
    put("\"threads\":[");
    for (unsigned t = 0; t < run.thread_count; t++) {
        put("%s{\"id\":%u,\"name\":", t ? "," : "", t);
        put_text(run.threads[t].name);
        put(",\"start\":\"0x%lx\"}", (unsigned long)run.threads[t].start);
    }
    put("]");
}

static void put_objects(void)
{
    put(",\"objects\":[");
    for (unsigned i = 1; i <= story->object_count; i++)
        put("%s{\"id\":%u,\"kind\":\"%s\",\"pc\":\"0x%lx\"}", i > 1 ? "," : "", i,
            kind_names[story->objects[i]->kind], (unsigned long)story->objects[i]->pc);
    put("]");
}

static void put_events(void)
{
    unsigned first = story->event_count > MAX_EVENTS ? story->event_count - MAX_EVENTS : 0;

    put(",\"events\":[");
    for (unsigned i = first; i < story->event_count; i++) {
        const struct event *event = &story->events[i % MAX_EVENTS];
        put("%s{\"n\":%u,\"thread\":%u,\"pc\":\"0x%lx\",", i > first ? "," : "", i + 1,
            event->thread, (unsigned long)event->pc);
        put_stack(&event->stack);
        put(",\"op\":\"%s\",\"object\":%u,\"text\":", event->op, event->object);
        put_text(event->text);
        put(",\"switch\":%s}", event->switched ? "true" : "false");
    }
    put("]");
}

static void put_places(void)
{
    put(",\"accesses\":[");
    for (unsigned i = 0; i < story->place_count; i++) {
        const struct place *place = &story->places[i];
        put("%s{\"role\":\"%s\",\"thread\":%u,\"pc\":\"0x%lx\",", i ? "," : "", place->role,
            place->thread, (unsigned long)place->pc);
        put_stack(&place->stack);
        put(",\"text\":");
        put_text(place->text);
        put("}");
    }
    put("]");
}

/* ------------------------------------------------------------------------- how each one ended */

static bool is_asleep(const struct thread *thread)
{
    return thread != self && thread->ready && !thread->ready(thread);
}

static const char *state_of(const struct thread *thread)
{
    return thread->state == THREAD_ENDED                                            ? "ended"
           : thread->stopped                                                        ? "stopped"
           : is_asleep(thread) || (thread == self && thread->call && thread->ready) ? "asleep"
           : thread->idle > TOLD_AS_SPINNING                                        ? "spinning"
           : thread == self                                                         ? "running"
                                                                                    : "runnable";
}

static int id_of(const struct thread *thread)
{
    return thread ? (int)thread->id : -1;
}

/* What a sleeper waits for, and who could have ended that. */
static void put_sleep(const struct thread *thread)
{
    struct object *object = thread->object;
    bool on_cond = object && object->kind == OBJECT_COND;
    bool on_barrier = object && object->kind == OBJECT_BARRIER;

    put(",\"call\":\"%s\",\"since\":%u,\"object\":%u,\"holder\":%d,\"mutex\":%u,\"joins\":%d,"
        "\"timed\":%s,\"signaller\":%d,\"signalled\":%u,\"missing\":%u",
        thread->call ? thread->call : "", thread->asleep_since, story_object(object),
        id_of(object ? object_holder(object) : NULL), story_object(thread->and_mutex),
        id_of(thread->joining), thread->deadline == FOREVER ? "false" : "true",
        on_cond ? object->cond.last_signaller : -1, on_cond ? object->cond.last_signal : 0,
        on_barrier ? object->barrier.size - object->barrier.arrived : 0);
}

static void put_end(const struct thread *thread)
{
    const char *state = state_of(thread);
    uintptr_t pc = thread->state == THREAD_ENDED ? 0 : thread->call_pc;
    struct stack stack;

    story_stack(&stack, thread, pc);
    put("{\"thread\":%u,\"state\":\"%s\",\"pc\":\"0x%lx\",", thread->id, state, (unsigned long)pc);
    put_stack(&stack);
    if (strcmp(state, "asleep") == 0)
        put_sleep(thread);
    put("}");
}

static void put_ends(void)
{
    bool first = true;

    put(",\"ends\":[");
    for (unsigned t = 0; t < run.thread_count; t++) {
        if (run.threads[t].state == THREAD_UNUSED)
            continue;
        put("%s", first ? "" : ",");
        first = false;
        put_end(&run.threads[t]);
    }
    put("]");
}

void story_write(enum verdict verdict, const char *seed)
{
    unsigned omitted = story->event_count > MAX_EVENTS ? story->event_count - MAX_EVENTS : 0;

    put("{\"format\":2,\"verdict\":\"%s\",\"seed\":", verdict_name(verdict));
    put_text(seed);
    put(",\"steps\":%u,\"omitted\":%u,\"calls\":%lu,", story->event_count, omitted, run.entered);
    put_threads();
    put_events();
    put_places();
    put_ends();
    put_objects();
    put("}");
    fflush(story->out);
}
