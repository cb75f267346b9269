/* no_page.c - no live page: this program was built without libmicrohttpd. */
#include "page.h"

#include <stdio.h>

void page_start(unsigned port, size_t capacity, struct ticket_client *client)
{
    (void)port;
    (void)capacity;
    (void)client;
    puts("No live page: it needs libmicrohttpd (on Debian: apt install libmicrohttpd-dev).");
}

void page_stop(void)
{
}
