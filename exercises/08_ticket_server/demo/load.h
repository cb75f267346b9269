/* load.h - clients that the page starts: each adds some tickets, works on them, and goes. */
#pragma once

#include <stdbool.h>

#include "ticket_server.h"

/* client: is cloned for each, and stays the caller's, who does not use it before load_close. */
void load_open(struct ticket_client *client);

/* Starts so many, or fewer if memory does not hold them. */
void load_start(int clients);

/* Shuts the server down with that client. */
enum ticket_result load_shutdown_server(void);

/* Waits that long, or until load_close is called; true: it was. */
bool load_ends_within(int ms);

/* Ends them all. */
void load_close(void);
