/* libc.h - what a schedule does at its end in libc's place. */
#pragma once

#include "run.h"

/* Calls what atexit was given, the last first. */
void run_exit_handlers(void);
