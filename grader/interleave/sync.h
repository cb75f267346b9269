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

/* Destroys it, unless somebody sleeps on it; or unless it is in use. */
void object_destroy(struct object *object, const char *call, uintptr_t pc);
int object_destroy_unused(struct object *object, bool in_use, const char *call, uintptr_t pc);
