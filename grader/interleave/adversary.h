/* adversary.h - the adversary of lock-free algorithms: whoever is about to change what it has seen as it is
 * now is overtaken first, by a thread that started later. A compare-exchange fails as long as there is
 * somebody left to make it fail. Nothing is drawn.
 *
 * Herlihy and Shavit, The Art of Multiprocessor Programming: what is lock-free goes on against any schedule. */
#pragma once

#include "run.h"

/* Self did a step at the object. */
void adversary_touch(struct object *object, bool writes);

/* Index of the option to take. */
unsigned adversary_pick(const struct option options[], unsigned able);
