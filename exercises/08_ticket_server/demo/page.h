/* page.h - the live page. page.c serves it with libmicrohttpd; no_page.c stands in for it where that
 * library isn't installed. */
#pragma once

#include <stddef.h>

#include "ticket_server.h"

/* Serves the page on 127.0.0.1, and prints where, or why not. port 0: any that is free.
 *
 * client: stays the caller's, who does not use it before page_stop. */
void page_start(unsigned port, size_t capacity, struct ticket_client *client);

/* Ends the page, after a last picture for those who have it open. */
void page_stop(void);
