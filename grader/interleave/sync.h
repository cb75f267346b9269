/* sync.h - what all calls on mutexes, condition variables and their like have in common.
 *
 * Every call first makes sure of its object (object_for), takes a step, and then does at once what
 * the real call does. The access that counts for the memory checks is the one after the step. */
#pragma once

#include "run.h"

/* The object at an address, for a call on it: fails if it is NULL, dead memory, destroyed, or never
 * initialised although that shows. */
struct object *object_for(void *where, enum kind kind, const char *call, uintptr_t pc);

/* The object at an address which a call initialises now; what was there is forgotten. */
struct object *object_initialise(void *where, enum kind kind, const char *call, uintptr_t pc);

/* What a call does with it, which is checked and told. */
void object_touch(const struct object *object, uintptr_t pc);
void object_did(struct object *object, const char *op, const char *text, uintptr_t pc);

/* Destroys the object at an address: fails if somebody holds it, or is in a call on it. Returns 0. */
int object_destroy(void *where, enum kind kind, const char *call, uintptr_t pc);
