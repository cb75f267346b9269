/* board.h - what is known of the clients, the tickets and the request channel, for all to see.
 *
 * It asks the ticket server nothing, so as not to stand in the way: it shows what the clients tell. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "ticket_server.h"

/* The calling thread is a client from now on, until board_leave. kind: one word for the page. A
 * thread calls this before it uses a ticket_client. */
void board_enter(const char *kind);
void board_leave(void);

/* A request of the calling thread had that result. */
void board_asked(enum ticket_result result);

/* A request of the calling thread has added a ticket, or given it a status. */
void board_added(uint64_t id, const char *title);
void board_changed(uint64_t id, enum ticket_status status);

/* What a client is doing. */
enum client_state { FREE, IDLE, SENDING, WAITING };

/* What the calling thread is doing; FREE: it is no client, so the server's. */
enum client_state board_state(void);
void board_set_state(enum client_state state);

/* A request went into the channel, or came out of it. */
void board_sent(void);
void board_taken(void);

/* How long the server is to sleep over each request, for people to see something. */
void board_set_slowness(int ms);
int board_slowness(void);

void board_set_capacity(size_t capacity);
void board_set_over(void); /* the server has gone */

enum { PICTURE_BYTES = 65536 };

struct picture {
    size_t length;
    char text[PICTURE_BYTES];
};

/* Draws the board as it is now, as one server-sent event. */
void board_draw(struct picture *p);

void board_free(void);
