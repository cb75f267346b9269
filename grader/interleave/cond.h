/* cond.h - what <threads.h> shares with pthread_cond_*. call: the name in messages. */
#pragma once

#include "run.h"

int cond_init(void *cond, clockid_t clock, const char *call, uintptr_t pc);
int cond_destroy(void *cond, const char *call, uintptr_t pc);
int cond_wait(void *cond, void *mutex, const char *call, uintptr_t pc, clockid_t clock,
              const struct timespec *deadline);
int cond_wake(void *cond, bool all, const char *call, uintptr_t pc);
clockid_t cond_clock(void *cond, const char *call, uintptr_t pc);
