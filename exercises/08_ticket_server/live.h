/* live.h - what main.c tells the live page. live.c serves it with libmicrohttpd; live_none.c stands
 * in for it where that library isn't installed, and does nothing. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "ticket_server.h"

/* Serves the page on 127.0.0.1, and prints where, or why not. port 0: any that is free.
 *
 * client: stays the caller's, who does not use it before live_stop.
 * stop: is called, by any thread, when somebody has shut the server down on the page. */
void live_start(unsigned port, size_t capacity, struct ticket_client *client, void (*stop)(void));

/* Ends the page, after a last picture for those who have it open. */
void live_stop(void);

/* The calling thread is a client from now on, until live_leave. kind: one word for the page. A
 * thread calls this before it uses a ticket_client. */
void live_enter(const char *kind);
void live_leave(void);

/* A request of the calling thread had that result. */
void live_asked(enum ticket_result result);

/* A request of the calling thread has added a ticket, or given it a status. */
void live_added(uint64_t id, const char *title);
void live_changed(uint64_t id, enum ticket_status status);
