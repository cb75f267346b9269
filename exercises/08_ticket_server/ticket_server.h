/* ticket_server.h - exercise 08: a ticket server on the channel of 04.
 *
 * One thread, the server, owns the tickets. Clients are handles that talk to it: requests go
 * through one bounded channel that all clients share, each answer comes back to the client that
 * asked.
 *
 *   server     ticket_server_start  ticket_server_join
 *   handles    ticket_client_clone  ticket_client_drop
 *   commands   ticket_client_add  ticket_client_set_status  ticket_client_shutdown
 *   queries    ticket_client_get  ticket_client_count
 *
 * Threads      Different clients may be used by different threads at the same time. One client is
 *              used by one thread at a time; ticket_client_clone and ticket_client_drop use it too.
 *              Clients never touch the tickets: everything about them travels in messages.
 * Blocking     A command or query returns once the server has answered it. A client that waits
 *              sleeps, and so does a server without requests: nobody polls.
 * Visibility   A client reads its own writes. A command that has returned is seen by every later
 *              query of any client.
 * Failure      Out-parameters are written on TICKET_OK only, and a request that failed has changed
 *              nothing. When two errors apply, either may be returned. The server survives every
 *              bad request, and an allocation that fails costs at most the one request that needed
 *              it.
 * The end      The server's thread ends by itself when the last client is dropped, whether somebody
 *              joins it or not, and after a shutdown, although there may still be clients.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define TICKET_TITLE_MAX 50 /* bytes, without the NUL */
#define TICKET_DESCRIPTION_MAX 500

enum ticket_status { TICKET_TODO, TICKET_IN_PROGRESS, TICKET_DONE };

struct ticket {
    uint64_t id;
    char title[TICKET_TITLE_MAX + 1]; /* 1 to TICKET_TITLE_MAX bytes and a NUL */
    char description[TICKET_DESCRIPTION_MAX + 1];
    enum ticket_status status;
};

enum ticket_result {
    TICKET_OK = 0,
    TICKET_INVALID,     /* a bad argument */
    TICKET_NOT_FOUND,   /* no ticket has that id */
    TICKET_SERVER_GONE, /* the server has been shut down; what was asked is not done */
    TICKET_NO_MEMORY    /* only this request failed; the server goes on */
};

struct ticket_server; /* opaque: defined in ticket_server.c, as you like */
struct ticket_client;

/* Starts a server without tickets, and connects the first client.
 *
 * capacity: how many requests may wait in the request channel. With that many waiting, a client
 * that sends another sleeps until there is room.
 *
 * TICKET_OK         *server and *client are set. Both are the caller's: every client is to be
 *                   dropped, and the server joined once, in whatever order.
 * TICKET_INVALID    capacity is 0.
 * TICKET_NO_MEMORY  Out of memory, or the thread cannot be started. Also for a capacity for which
 *                   channel_create_bounded says CHANNEL_NO_MEMORY. Nothing is left behind. */
enum ticket_result ticket_server_start(size_t capacity, struct ticket_server **server,
                                       struct ticket_client **client);

/* Sleeps until the server's thread has ended, then frees all that is the server's. NULL is a no-op.
 *
 * Clients that are left may still be used, and get TICKET_SERVER_GONE. Joining does not end the
 * server: a thread that joins while it holds the only client sleeps for ever. */
void ticket_server_join(struct ticket_server *server);

/* Returns one more client of the same server, independent of this one; NULL when out of memory.
 *
 * When the server has gone NULL may be returned, too, or a client that gets TICKET_SERVER_GONE. */
struct ticket_client *ticket_client_clone(struct ticket_client *client);

/* Ends a client. Dropping the last one of a server ends the server. */
void ticket_client_drop(struct ticket_client *client);

/* Adds a ticket that is TICKET_TODO. The first ticket's id is 1, each next one is one higher.
 *
 * title, description: copied; 1 to TICKET_TITLE_MAX and 1 to TICKET_DESCRIPTION_MAX bytes.
 *
 * TICKET_OK           *id is the new ticket's.
 * TICKET_INVALID      title or description is NULL, empty or longer.
 * TICKET_SERVER_GONE  As the enum says; TICKET_NO_MEMORY likewise.
 *
 * An add that fails, for whatever reason, uses no id. */
enum ticket_result ticket_client_add(struct ticket_client *client, const char *title,
                                     const char *description, uint64_t *id);

/* Gives a ticket another status, or the one it has.
 *
 * TICKET_OK           From now on the ticket has that status.
 * TICKET_INVALID      status is none of enum ticket_status.
 * TICKET_NOT_FOUND    No ticket has that id.
 * TICKET_SERVER_GONE  As the enum says; TICKET_NO_MEMORY likewise. */
enum ticket_result ticket_client_set_status(struct ticket_client *client, uint64_t id,
                                            enum ticket_status status);

/* Copies a ticket out.
 *
 * TICKET_OK           *ticket is a copy, and the caller's.
 * TICKET_NOT_FOUND    No ticket has that id.
 * TICKET_SERVER_GONE  As the enum says; TICKET_NO_MEMORY likewise. */
enum ticket_result ticket_client_get(struct ticket_client *client, uint64_t id,
                                     struct ticket *ticket);

/* Counts the tickets that have a status.
 *
 * TICKET_OK           *count is their number, perhaps 0.
 * TICKET_INVALID      status is none of enum ticket_status.
 * TICKET_SERVER_GONE  As the enum says; TICKET_NO_MEMORY likewise. */
enum ticket_result ticket_client_count(struct ticket_client *client, enum ticket_status status,
                                       uint64_t *count);

/* Shuts the server down, for all its clients.
 *
 * TICKET_OK           The server has taken it. Requests queued before it are answered as ever;
 *                     those queued behind it, and all later ones, get TICKET_SERVER_GONE. No client
 *                     is left waiting, and then the server's thread ends.
 * TICKET_SERVER_GONE  Somebody else's shutdown came first.
 * TICKET_NO_MEMORY    The server goes on. */
enum ticket_result ticket_client_shutdown(struct ticket_client *client);
