/* load.h - clients that the page starts: each adds tickets and works on them until it is stopped. */
#pragma once

#include <stdbool.h>

#include "ticket_server.h"

/* client: is cloned for each, and stays the caller's, who does not use it before load_close. */
void load_open(struct ticket_client *client);

/* Starts so many, or fewer if memory does not hold them. */
void load_start(int clients);

/* Has them end their last round, and go. */
void load_stop(void);

/* Shuts the server down with that client. */
enum ticket_result load_shutdown_server(void);

/* Waits that long, or until load_close is called; true: it was. */
bool load_ends_within(int ms);

/* Ends them all. */
void load_close(void);
