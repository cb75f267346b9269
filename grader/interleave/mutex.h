/* mutex.h - what <threads.h> and condition variables share with pthread_mutex_*. call: the name in
 * messages. */
#pragma once

#include "run.h"

int mutex_init(void *mutex, int type, const char *call, uintptr_t pc);
int mutex_destroy(void *mutex, const char *call, uintptr_t pc);
int mutex_lock(void *mutex, const char *call, uintptr_t pc);
int mutex_timedlock(void *mutex, clockid_t clock, const struct timespec *deadline, const char *call,
                    uintptr_t pc);
int mutex_trylock(void *mutex, const char *call, uintptr_t pc);
int mutex_unlock(void *mutex, const char *call, uintptr_t pc);

/* For a thread that sleeps on a condition variable meanwhile: is the mutex free; takes it, gives it
 * back; tells who holds it. */
bool mutex_is_free(const struct thread *thread);
void mutex_take(struct object *mutex, uintptr_t pc);
void mutex_drop(struct object *mutex);
/* What a call that has taken it returns: EOWNERDEAD, or 0. */
int mutex_state(const struct object *mutex);

/* Self ends: gives up the robust ones that it holds. */
void mutexes_outlive(void);

void mutex_tell_holder(struct object *mutex, const char *op, uintptr_t pc);
