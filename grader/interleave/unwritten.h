/* unwritten.h - does a failure depend on memory that nobody has written? */
#pragma once

#include "run.h"

/* A schedule, the plan's with the choices in script, has failed. It is run again with other bytes in
 * memory that was allocated and not written. The number, counted from 1, of the first block whose bytes
 * alone change how it ends; 0: there is none, or it isn't found. */
unsigned unwritten_block(const struct test *test, const struct plan *plan);
