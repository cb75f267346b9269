/* story.c - what happens in the schedule that is told is noted: see story.h. */
#include "story.h"

#include "arena.h"

#include <stdarg.h>
#include <string.h>

struct recorder *story;

void story_start(FILE *out)
{
    if (!story)
        story = reserve(sizeof *story);
    memset(story, 0, sizeof *story);
    story->out = out;
}

unsigned story_now(void)
{
    return story_on() ? story->event_count : 0;
}

unsigned story_object(struct object *object)
{
    if (!story_on() || !object)
        return 0;
    if (!object->number && story->object_count + 1 < MAX_TOLD_OBJECTS) {
        object->number = ++story->object_count;
        story->objects[object->number] = object;
    }
    return object->number;
}

const char *object_name(struct object *object)
{
    static char buffers[4][16];
    static unsigned next;
    char *buffer = buffers[next++ % 4];

    if (!story_on())
        return "it"; /* the message is made anew when the schedule is told */
    snprintf(buffer, sizeof buffers[0], "{%u}", story_object(object));
    return buffer;
}

void story_stack(struct stack *stack, const struct thread *thread, uintptr_t pc)
{
    unsigned depth = thread->depth < MAX_CALL_DEPTH ? thread->depth : MAX_CALL_DEPTH;

    stack->n = 0;
    if (pc)
        stack->pcs[stack->n++] = pc;
    while (depth && stack->n < STORY_STACK)
        stack->pcs[stack->n++] = thread->calls[--depth];
}

void(story_event)(const char *op, unsigned object, uintptr_t pc, const char *format, ...)
{
    va_list arguments;
    struct event *event = &story->events[story->event_count++ % MAX_EVENTS];
    *event = (struct event){.thread = self->id, .object = object, .pc = pc, .op = op};
    if (strncmp(op, "pthread_", 8) == 0)
        event->op += 8;
    event->switched = story->last_thread != self->id;
    story->last_thread = self->id;
    story_stack(&event->stack, self, pc);
    va_start(arguments, format);
    vsnprintf(event->text, sizeof event->text, format, arguments);
    va_end(arguments);
}

/* A new place, without its stack; NULL: nothing is told, or there is no room for more. */
static struct place *new_place(const char *role, int thread, uintptr_t pc, const char *format,
                               va_list arguments)
{
    if (!story_on() || story->place_count == MAX_PLACES)
        return NULL;
    struct place *place = &story->places[story->place_count++];
    *place =
        (struct place){.role = role, .thread = thread < 0 ? self->id : (unsigned)thread, .pc = pc};
    place->stack = (struct stack){.n = pc != 0, .pcs = {pc}};
    vsnprintf(place->text, sizeof place->text, format, arguments);
    return place;
}

void story_access(const char *role, int thread, uintptr_t pc, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    struct place *place = new_place(role, thread, pc, format, arguments);
    va_end(arguments);
    if (place && thread < 0)
        story_stack(&place->stack, self, pc);
}

void story_earlier(const char *role, int thread, uintptr_t pc, unsigned at, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    struct place *place = new_place(role, thread, pc, format, arguments);
    va_end(arguments);
    if (place && at && at + MAX_EVENTS > story->event_count)
        place->stack = story->events[(at - 1) % MAX_EVENTS].stack;
}
