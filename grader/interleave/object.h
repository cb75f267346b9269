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

/* Who holds the lock, alone; NULL: nobody, or it is no lock. */
const struct thread *object_holder(const struct object *object);

/* Does a thread but self sleep in a call on it? */
bool object_has_sleeper(const struct object *object);

/* Is it slept on, or held? */
bool object_is_in_use(const struct object *object);
