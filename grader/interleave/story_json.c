/* story_json.c - see story_json.h. */
#include "story_json.h"

#include "../suite/json.h"
#include "object.h"
#include "story.h"

#include <stdio.h>
#include <string.h>

static const char *const kind_names[OBJECT_KINDS] = {"object",  "mutex",  "cond",  "rwlock",
                                                     "barrier", "once",   "spin",  "semaphore",
                                                     "atomic",  "thread", "clock", "block"};

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

static void put_sleep(const struct thread *thread)
{
    char text[200];
    struct object *object = thread->object;
    const struct thread *holder = object ? object_holder(object) : NULL;
    unsigned id = story_object(object);
    const char *call = thread->call ? thread->call : "waiting for the others to end";
    const char *until = thread->deadline == FOREVER ? "" : ", until its deadline";

    if (thread->joining)
        snprintf(text, sizeof text, "sleeps in %s until {t%u} ends", call, thread->joining->id);
    else if (holder)
        snprintf(text, sizeof text, "waits in %s for {%u}, which {t%u} holds", call, id,
                 holder->id);
    else if (thread->and_mutex)
        snprintf(text, sizeof text, "sleeps in %s on {%u}, its mutex is {%u}%s", call, id,
                 story_object(thread->and_mutex), until);
    else if (id)
        snprintf(text, sizeof text, "sleeps in %s on {%u}%s", call, id, until);
    else
        snprintf(text, sizeof text, "sleeps in %s%s", call, until);
    put_text(text);
}

static void put_end(const struct thread *thread)
{
    const char *state = state_of(thread);
    bool sleeps = strcmp(state, "asleep") == 0, over = thread->state == THREAD_ENDED;
    uintptr_t pc = over ? 0 : thread->call_pc;
    struct stack stack;

    story_stack(&stack, thread, pc);
    put("{\"thread\":%u,\"state\":\"%s\",\"object\":%u,\"pc\":\"0x%lx\",", thread->id, state,
        sleeps ? story_object(thread->object) : 0, (unsigned long)pc);
    put_stack(&stack);
    put(",\"since\":%u,\"text\":", sleeps ? thread->asleep_since : 0);
    if (sleeps)
        put_sleep(thread);
    else
        put_text(over                             ? "has ended"
                 : thread->stopped                ? "was stopped for ever"
                 : strcmp(state, "spinning") == 0 ? "spins"
                 : thread == self                 ? "is running"
                                                  : "could go on");
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

static void put_waker(const struct thread *thread, bool *first)
{
    struct object *object = thread->object;
    const struct thread *holder = object ? object_holder(object) : NULL;
    unsigned id = story_object(object);
    char text[200];

    if (thread->joining)
        snprintf(text, sizeof text, "the end of {t%u}", thread->joining->id);
    else if (holder)
        snprintf(text, sizeof text, "{t%u}, by unlocking {%u}", holder->id, id);
    else if (!object)
        return;
    else if (object->kind == OBJECT_COND && object->cond.last_signaller >= 0)
        snprintf(text, sizeof text,
                 "a signal or broadcast on {%u}; the last was by {t%d}, at step %u", id,
                 object->cond.last_signaller, object->cond.last_signal);
    else if (object->kind == OBJECT_COND)
        snprintf(text, sizeof text, "a signal or broadcast on {%u}; there was none", id);
    else if (object->kind == OBJECT_SEMAPHORE)
        snprintf(text, sizeof text, "a sem_post on {%u}", id);
    else if (object->kind == OBJECT_BARRIER)
        snprintf(text, sizeof text, "%u more to arrive at {%u}",
                 object->barrier.size - object->barrier.arrived, id);
    else
        return;
    put("%s{\"thread\":%u,\"object\":%u,\"text\":", *first ? "" : ",", thread->id, id);
    *first = false;
    put_text(text);
    put("}");
}

static void put_wakers(void)
{
    bool first = true;

    put(",\"wakers\":[");
    for (unsigned t = 0; t < run.thread_count; t++)
        if (!is_over(&run.threads[t]) && strcmp(state_of(&run.threads[t]), "asleep") == 0)
            put_waker(&run.threads[t], &first);
    put("]");
}

void story_write(enum verdict verdict, const char *seed)
{
    unsigned omitted = story->event_count > MAX_EVENTS ? story->event_count - MAX_EVENTS : 0;

    put("{\"format\":1,\"verdict\":\"%s\",\"seed\":", verdict_name(verdict));
    put_text(seed);
    put(",\"steps\":%u,\"omitted\":%u,", story->event_count, omitted);
    put_threads();
    put_events();
    put_places();
    put_ends();
    put_wakers();
    put_objects();
    put("}");
    fflush(story->out);
}
