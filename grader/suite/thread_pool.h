/* thread_pool.h - threads that run one body after the other, as starting one costs more than most scenarios.
 *
 * On real threads a scenario is run hundreds of times. A thread that was joined in one run serves in later ones; in
 * the same run each body has a thread of its own. After a few runs a thread ends, so that what the submission does
 * when a thread ends is done. Only the process's first thread shares threads: what another starts ends with its
 * body, and nothing orders two threads that the test does not order. */
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

/* A run of the scenario begins: the threads joined in the one before may serve again. */
void pool_begin_run(void);

/* Has a thread run body(arg), and stores who it is, until pool_join. False: none can be started. */
bool pool_start(pthread_t *thread, void *(*body)(void *), void *arg);

/* Waits until that thread's body has returned, or has ended the thread; returns its result. Called once for each
 * pool_start, by any thread; by the process's first one where a body may end its thread. */
void *pool_join(pthread_t thread);

/* How many threads wait for something to do. Exact if the process's first thread asks, or does nothing meanwhile. */
size_t pool_idle(void);

/* Ends all threads that wait for something to do. Only called by the process's first thread. */
void pool_end(void);
