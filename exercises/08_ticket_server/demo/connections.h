/* connections.h - the peers that are connected: a thread and a ticket_client for each. */
#pragma once

#include "ticket_server.h"

/* A socket that listens on 127.0.0.1, or -1. *port is then the one it has. */
int listen_on(unsigned *port);

/* Serves all peers until the program is to end, and comes back when all of them have gone.
 *
 * wakeup: from stop_open. client: is cloned for each, and stays the caller's. */
void accept_clients(int listener, int wakeup, struct ticket_client *client);
