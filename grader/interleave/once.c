/* once.c - pthread_once: see once.h and sync.h. */
#include "once.h"

#include "scheduler.h"
#include "story.h"
#include "strategy.h"
#include "sync.h"
#include "../suite/stand_in.h"

#include <pthread.h>

static bool once_is_settled(const struct thread *thread)
{
    return !thread->object->once.runner;
}

int once(void *where, void (*init)(void), const char *call, uintptr_t pc)
{
    struct object *flag = object_for(where, OBJECT_ONCE, call, pc);

    step_when(once_is_settled, flag, call, pc);
    object_touch(flag, pc);
    if (!flag->once.done) {
        flag->once.runner = self;
        story_event("once", story_object(flag), pc, "is the first at {%u}", story_object(flag));
        init();
        flag->once.runner = NULL;
        flag->once.done = true;
        release(&flag->clock);
        strategy_orders(flag);
        made_progress();
    }
    acquire(&flag->clock);
    return 0;
}

STAND_IN(int, pthread_once, pthread_once_t *flag, void (*init)(void))
{
    return once(flag, init, "pthread_once", CALLER);
}
