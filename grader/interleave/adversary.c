/* adversary.c - see adversary.h. */
#include "adversary.h"

void adversary_touch(struct object *object, bool writes)
{
    unsigned last = 0; /* place of the object, or else the one that goes */

    if (!object->is_touched)
        object->maker = writes ? self : NULL;
    else if (object->maker != self)
        object->maker = NULL;
    object->is_touched = true;
    object->changes += writes;
    while (last < MAX_MEETINGS - 1 && self->meetings[last].object != object)
        last++;
    for (; last; last--)
        self->meetings[last] = self->meetings[last - 1];
    self->meetings[0] = (struct meeting){object, object->changes};
}

static bool knows_it_as_it_is(const struct thread *thread)
{
    const struct object *object = thread->object;

    for (unsigned i = 0; object && i < MAX_MEETINGS; i++)
        if (thread->meetings[i].object == object)
            return thread->meetings[i].changes == object->changes;
    return false;
}

/* ... and others might change it. What a thread made is its own as long as no other has met it. */
static bool could_be_overtaken(const struct thread *thread)
{
    return (thread->writes || thread->may_write) && knows_it_as_it_is(thread) &&
           thread->object->maker != thread;
}

unsigned adversary_pick(const struct option options[], unsigned able)
{
    unsigned first = able, last = 0;

    for (unsigned i = 0; i < able; i++) {
        const struct thread *thread = options[i].thread;
        if (thread->id >= options[last].thread->id)
            last = i;
        if (!could_be_overtaken(thread) &&
            (first == able || thread->id < options[first].thread->id))
            first = i;
    }
    return first < able ? first : last;
}
