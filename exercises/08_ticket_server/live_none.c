/* live_none.c - no live page: this program was built without libmicrohttpd. */
#include "live.h"

#include <stdio.h>

void live_start(unsigned port, size_t capacity, struct ticket_client *client, void (*stop)(void))
{
    (void)port;
    (void)capacity;
    (void)client;
    (void)stop;
    puts("No live page: it needs libmicrohttpd (on Debian: apt install libmicrohttpd-dev).");
}

void live_stop(void)
{
}

void live_enter(const char *kind)
{
    (void)kind;
}

void live_leave(void)
{
}

void live_asked(enum ticket_result result)
{
    (void)result;
}

void live_added(uint64_t id, const char *title)
{
    (void)id;
    (void)title;
}

void live_changed(uint64_t id, enum ticket_status status)
{
    (void)id;
    (void)status;
}
