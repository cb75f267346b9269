/* signal.h - signals that threads of a schedule send to each other. */
#pragma once

#include "run.h"

#include <signal.h>

/* A new schedule: nothing is blocked, pending or handled. */
void signals_begin(void);

/* Self is sent a signal by what it does. False: that would end the process. */
bool signal_raise(int number);

/* Blocks what mask says (NULL: what is blocked), and what was blocked again. */
uint64_t signals_swap(const sigset_t *mask);
void signals_swap_back(uint64_t before);
