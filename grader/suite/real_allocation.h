/* real_allocation.h - allocation on real threads: counted, and failed when due.
 *
 * Every allocation and thread start of the submission comes here (redirect.syms) and is passed on
 * to libc, unless it is the one that shall fail. Any thread may call. */
#pragma once

#include <stddef.h>

/* A run of the scenario begins: nothing has been asked for and nothing has failed. most: so many allocations succeed in it,
 * 0: all may. */
void allocation_begin_run(size_t most);

/* In the runs from here on the k-th allocation, counted from 1, fails; 0: none does. */
void allocation_fail(size_t k);
