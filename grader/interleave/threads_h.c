/* threads_h.c - C11 <threads.h> in terms of what pthread's calls do. */
#include "cond.h"
#include "fail.h"
#include "heap.h"
#include "keys.h"
#include "memory.h"
#include "mutex.h"
#include "once.h"
#include "scheduler.h"
#include "thread.h"
#include "../suite/stand_in.h"

#include <errno.h>
#include <pthread.h>
#include <threads.h>

static int as_c11(int error)
{
    switch (error) {
    case 0:
        return thrd_success;
    case EBUSY:
        return thrd_busy;
    case ETIMEDOUT:
        return thrd_timedout;
    case ENOMEM:
    case EAGAIN:
        return thrd_nomem;
    default:
        return thrd_error;
    }
}

STAND_IN(int, mtx_init, mtx_t *mutex, int type)
{
    int kind = type & mtx_recursive ? PTHREAD_MUTEX_RECURSIVE : PTHREAD_MUTEX_NORMAL;

    return as_c11(mutex_init(mutex, kind, "mtx_init", CALLER));
}

STAND_IN(void, mtx_destroy, mtx_t *mutex)
{
    mutex_destroy(mutex, "mtx_destroy", CALLER);
}

STAND_IN(int, mtx_lock, mtx_t *mutex)
{
    return as_c11(mutex_lock(mutex, "mtx_lock", CALLER));
}

STAND_IN(int, mtx_trylock, mtx_t *mutex)
{
    return as_c11(mutex_trylock(mutex, "mtx_trylock", CALLER));
}

STAND_IN(int, mtx_timedlock, mtx_t *mutex, const struct timespec *when)
{
    return as_c11(mutex_timedlock(mutex, CLOCK_REALTIME, when, "mtx_timedlock", CALLER));
}

STAND_IN(int, mtx_unlock, mtx_t *mutex)
{
    return as_c11(mutex_unlock(mutex, "mtx_unlock", CALLER));
}

STAND_IN(int, cnd_init, cnd_t *cond)
{
    return as_c11(cond_init(cond, CLOCK_REALTIME, "cnd_init", CALLER));
}

STAND_IN(void, cnd_destroy, cnd_t *cond)
{
    cond_destroy(cond, "cnd_destroy", CALLER);
}

STAND_IN(int, cnd_wait, cnd_t *cond, mtx_t *mutex)
{
    return as_c11(cond_wait(cond, mutex, "cnd_wait", CALLER, CLOCK_REALTIME, NULL));
}

STAND_IN(int, cnd_timedwait, cnd_t *cond, mtx_t *mutex, const struct timespec *when)
{
    return as_c11(cond_wait(cond, mutex, "cnd_timedwait", CALLER, CLOCK_REALTIME, when));
}

STAND_IN(int, cnd_signal, cnd_t *cond)
{
    return as_c11(cond_wake(cond, false, "cnd_signal", CALLER));
}

STAND_IN(int, cnd_broadcast, cnd_t *cond)
{
    return as_c11(cond_wake(cond, true, "cnd_broadcast", CALLER));
}

STAND_IN(int, thrd_create, thrd_t *thread, thrd_start_t body, void *arg)
{
    if (thread_start_fails(CALLER))
        return thrd_nomem;
    return as_c11(thread_create(thread, "", NULL, body, arg, false, CALLER));
}

STAND_IN_AS(suite_own_thrd_create, int, thrd_create, thrd_t *thread, thrd_start_t body, void *arg)
{
    return as_c11(thread_create(thread, "", NULL, body, arg, false, CALLER));
}

STAND_IN(int, thrd_join, thrd_t thread, int *result)
{
    void *value;
    int error = thread_join(thread, &value, "thrd_join", CALLER);

    if (!error && result) {
        memory_access((uintptr_t)result, sizeof *result, WRITE, CALLER);
        *result = (int)(intptr_t)value;
    }
    return as_c11(error);
}

STAND_IN(int, thrd_detach, thrd_t thread)
{
    return as_c11(thread_detach(thread, "thrd_detach", CALLER));
}

STAND_IN(thrd_t, thrd_current, void)
{
    return self->handle;
}

STAND_IN(int, thrd_equal, thrd_t a, thrd_t b)
{
    return a == b;
}

STAND_IN(void, thrd_yield, void)
{
    yield_step(CALLER);
}

STAND_IN(_Noreturn void, thrd_exit, int result)
{
    if (self->id == 0)
        fail(VERDICT_EXITED_EARLY, CALLER, "thrd_exit is called in the thread of the test itself.");
    thread_leave((void *)(intptr_t)result);
}

STAND_IN(void, call_once, once_flag *flag, void (*init)(void))
{
    once(flag, init, "call_once", CALLER);
}

STAND_IN(int, tss_create, tss_t *key, tss_dtor_t destructor)
{
    memory_access((uintptr_t)key, sizeof *key, WRITE, CALLER);
    return as_c11(key_create(key, destructor));
}

STAND_IN(void, tss_delete, tss_t key)
{
    key_delete(key);
}

STAND_IN(void *, tss_get, tss_t key)
{
    return key_get(key);
}

STAND_IN(int, tss_set, tss_t key, void *value)
{
    return as_c11(key_set(key, value));
}
