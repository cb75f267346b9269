/* object.h - the objects of a schedule: who sleeps on one, and who holds it. Which one lives at an
 * address is memory.h's to say. */
#pragma once

#include "run.h"

extern struct object *objects; /* [0] is none */
extern uint32_t object_count;

/* Maps the table. False: the machine won't give the address space. */
bool object_map(void);

/* A new schedule: there are none. */
void object_begin(void);

/* An object without an address. */
struct object *object_new(enum kind kind, uintptr_t pc);

/* The thread that holds the lock, or the first of several readers; NULL: none, or it is no lock. */
const struct thread *object_holder(const struct object *object);

/* The first thread but self that is in a call on it, asleep or about to go on; NULL: none is. */
const struct thread *object_sleeper(const struct object *object);

/* Self is at the object, and changes it or only looks: what was executed before the steps that it has to
 * come after is before what it does next. (Of an atomic the history knows better.) */
void object_met(struct object *object, bool changes);
