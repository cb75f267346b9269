/* threads_h.c - C11 <threads.h> in terms of what pthread's calls do. */
#include "clock.h"
#include "cond.h"
#include "fail.h"
#include "heap.h"
#include "keys.h"
#include "memory.h"
#include "mutex.h"
#include "once.h"
#include "scheduler.h"
#include "thread.h"

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

int suite_mtx_init(mtx_t *mutex, int type);
void suite_mtx_destroy(mtx_t *mutex);
int suite_mtx_lock(mtx_t *mutex);
int suite_mtx_trylock(mtx_t *mutex);
int suite_mtx_timedlock(mtx_t *mutex, const struct timespec *when);
int suite_mtx_unlock(mtx_t *mutex);
int suite_cnd_init(cnd_t *cond);
void suite_cnd_destroy(cnd_t *cond);
int suite_cnd_wait(cnd_t *cond, mtx_t *mutex);
int suite_cnd_timedwait(cnd_t *cond, mtx_t *mutex, const struct timespec *when);
int suite_cnd_signal(cnd_t *cond);
int suite_cnd_broadcast(cnd_t *cond);
int suite_thrd_create(thrd_t *thread, thrd_start_t body, void *arg);
int suite_own_thrd_create(thrd_t *thread, thrd_start_t body, void *arg);
int suite_thrd_join(thrd_t thread, int *result);
int suite_thrd_detach(thrd_t thread);
thrd_t suite_thrd_current(void);
int suite_thrd_equal(thrd_t a, thrd_t b);
void suite_thrd_yield(void);
_Noreturn void suite_thrd_exit(int result);
void suite_call_once(once_flag *flag, void (*init)(void));
int suite_tss_create(tss_t *key, tss_dtor_t destructor);
void suite_tss_delete(tss_t key);
void *suite_tss_get(tss_t key);
int suite_tss_set(tss_t key, void *value);
int suite_pthread_key_delete(pthread_key_t key);
void *suite_pthread_getspecific(pthread_key_t key);
int suite_pthread_setspecific(pthread_key_t key, const void *value);

int suite_mtx_init(mtx_t *mutex, int type)
{
    int kind = type & mtx_recursive ? PTHREAD_MUTEX_RECURSIVE : PTHREAD_MUTEX_NORMAL;

    return as_c11(mutex_init(mutex, kind, "mtx_init", CALLER));
}

void suite_mtx_destroy(mtx_t *mutex)
{
    mutex_destroy(mutex, "mtx_destroy", CALLER);
}

int suite_mtx_lock(mtx_t *mutex)
{
    return as_c11(mutex_lock(mutex, "mtx_lock", CALLER, FOREVER, false));
}

int suite_mtx_trylock(mtx_t *mutex)
{
    return as_c11(mutex_trylock(mutex, "mtx_trylock", CALLER));
}

int suite_mtx_timedlock(mtx_t *mutex, const struct timespec *when)
{
    uint64_t deadline;
    bool on_realtime;

    run.tried_a_lock = true;
    if (!clock_deadline(CLOCK_REALTIME, when, &deadline, &on_realtime))
        return thrd_error;
    return as_c11(mutex_lock(mutex, "mtx_timedlock", CALLER, deadline, on_realtime));
}

int suite_mtx_unlock(mtx_t *mutex)
{
    return as_c11(mutex_unlock(mutex, "mtx_unlock", CALLER));
}

int suite_cnd_init(cnd_t *cond)
{
    return as_c11(cond_init(cond, CLOCK_REALTIME, "cnd_init", CALLER));
}

void suite_cnd_destroy(cnd_t *cond)
{
    cond_destroy(cond, "cnd_destroy", CALLER);
}

int suite_cnd_wait(cnd_t *cond, mtx_t *mutex)
{
    return as_c11(cond_wait(cond, mutex, "cnd_wait", CALLER, CLOCK_REALTIME, NULL));
}

int suite_cnd_timedwait(cnd_t *cond, mtx_t *mutex, const struct timespec *when)
{
    return as_c11(cond_wait(cond, mutex, "cnd_timedwait", CALLER, CLOCK_REALTIME, when));
}

int suite_cnd_signal(cnd_t *cond)
{
    return as_c11(cond_wake(cond, false, "cnd_signal", CALLER));
}

int suite_cnd_broadcast(cnd_t *cond)
{
    return as_c11(cond_wake(cond, true, "cnd_broadcast", CALLER));
}

int suite_thrd_create(thrd_t *thread, thrd_start_t body, void *arg)
{
    if (allocation_fails(true, CALLER))
        return thrd_nomem;
    return as_c11(thread_create(thread, "", NULL, body, arg, false, CALLER));
}

int suite_own_thrd_create(thrd_t *thread, thrd_start_t body, void *arg)
{
    return as_c11(thread_create(thread, "", NULL, body, arg, false, CALLER));
}

int suite_thrd_join(thrd_t thread, int *result)
{
    void *value;
    int error = thread_join(thread, &value, "thrd_join", CALLER);

    if (!error && result) {
        memory_access((uintptr_t)result, sizeof *result, WRITE, CALLER);
        *result = (int)(intptr_t)value;
    }
    return as_c11(error);
}

int suite_thrd_detach(thrd_t thread)
{
    return as_c11(thread_detach(thread, "thrd_detach", CALLER));
}

thrd_t suite_thrd_current(void)
{
    return self->handle;
}

int suite_thrd_equal(thrd_t a, thrd_t b)
{
    return a == b;
}

void suite_thrd_yield(void)
{
    yield_step(CALLER);
}

_Noreturn void suite_thrd_exit(int result)
{
    if (self->id == 0)
        fail(VERDICT_EXITED_EARLY, CALLER, "thrd_exit is called in the thread of the test itself.");
    thread_leave((void *)(intptr_t)result);
}

void suite_call_once(once_flag *flag, void (*init)(void))
{
    once(flag, init, "call_once", CALLER);
}

int suite_tss_create(tss_t *key, tss_dtor_t destructor)
{
    memory_access((uintptr_t)key, sizeof *key, WRITE, CALLER);
    return as_c11(key_create(key, destructor));
}

void suite_tss_delete(tss_t key)
{
    suite_pthread_key_delete(key);
}

void *suite_tss_get(tss_t key)
{
    return suite_pthread_getspecific(key);
}

int suite_tss_set(tss_t key, void *value)
{
    return as_c11(suite_pthread_setspecific(key, value));
}
