/* stop.c - a flag, and a pipe by which the main thread sleeps in poll until something is new. */
#include "stop.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <unistd.h>

static int wakeup[2] = {-1, -1}; /* a byte says "look at what has changed" */
static atomic_bool stopping;

int stop_open(void)
{
    if (pipe(wakeup) != 0 || fcntl(wakeup[1], F_SETFL, O_NONBLOCK) != 0)
        return -1;
    return wakeup[0];
}

void stop_close(void)
{
    close(wakeup[0]);
    close(wakeup[1]);
}

void wake_main(void)
{
    ssize_t written = write(wakeup[1], "", 1); /* full: it will look anyway */

    (void)written;
}

void stop_program(void)
{
    atomic_store(&stopping, true);
    wake_main();
}

bool is_stopping(void)
{
    return atomic_load(&stopping);
}
