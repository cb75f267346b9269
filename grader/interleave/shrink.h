/* shrink.h - a failing schedule is shrunk, and told. */
#pragma once

#include "run.h"

/* A schedule failed, and is in shared. Shrinks it, runs it a last time for its story, and completes
 * the outcome. */
void tell(const struct test *test, struct outcome *outcome);
