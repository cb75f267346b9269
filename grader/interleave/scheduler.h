/* scheduler.h - steps: which thread of a schedule goes on. */
#pragma once

#include "run.h"

/* A new schedule. */
void scheduler_begin(void);

/* A step of self: another thread may go first. */
void step(struct object *object, bool writes, uintptr_t pc);

/* A step that can only be taken when ready(self) holds. call is its name, for messages. */
void step_when(bool (*ready)(const struct thread *), struct object *object, const char *call,
               uintptr_t pc);

/* The same for a sleep that can end in other ways, and says how it did. */
enum wake sleep_until(bool (*ready)(const struct thread *), struct object *object, const char *call,
                      uintptr_t pc, uint64_t deadline, bool on_realtime, bool interruptible);

/* What a sleeper waits for if only a signal, a deadline or no cause at all can end its sleep. */
bool never(const struct thread *thread);

/* Lets others go first, if there are any. */
void yield_step(uintptr_t pc);

/* Returns once every other thread sleeps or has ended. */
void let_others_rest(uintptr_t pc);

/* Lets so much pass on the virtual clock once every other thread sleeps or has ended (settle). */
void sleep_through(uint64_t nanoseconds, uintptr_t pc);

/* Self has ended, and the others go on. */
_Noreturn void step_last(void);

/* What self does at the end of a step if signals wait for it (signal.c). */
extern void (*signal_arrived)(void);
