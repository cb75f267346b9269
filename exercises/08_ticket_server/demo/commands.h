/* commands.h - the line protocol: what a peer may type, and what it is answered. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "ticket_server.h"

enum { LINE_MAX_BYTES = 1024 }; /* of a command, its newline included */

/* One peer, and the client that asks for it. All of it is the calling thread's. */
struct conversation {
    int fd;
    struct ticket_client *client;
    char line[LINE_MAX_BYTES];
    size_t length; /* of what was read and not yet used */
    bool quits;    /* no more is to be said */
};

/* Greets the peer and does what it types, until it has no more to say or the program ends. */
void converse(struct conversation *c);

/* What a result means to a person. */
const char *words_for(enum ticket_result result);
