/* stop.h - how the program learns that it is to end, or that there is something to look at. */
#pragma once

#include <stdbool.h>

/* Makes the pipe. A descriptor for the main thread to poll, readable when it is to look; or -1. */
int stop_open(void);
void stop_close(void);

/* The program is to end. May be called by any thread, and by a signal handler. */
void stop_program(void);
bool is_stopping(void);

/* The main thread is to look at what has changed. */
void wake_main(void);
