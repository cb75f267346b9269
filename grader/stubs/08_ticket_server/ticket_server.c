/* Exercise 08: a ticket server on the channel of 04. ticket_server.h says what each function promises.
 *
 * Everything between threads goes through channels: no lock, no shared variable is needed here.
 *
 * Invariants
 *   (Yours. Who answers a request that nobody will receive any more? Who holds senders of what?)
 */
#include "ticket_server.h"

#include "channel.h"
#include "../todo.h"

/* What does the server's thread need, and who frees it when? */
struct ticket_server {
    int todo;
};

/* What does a client need to ask, and to hear its own answers and no one else's? */
struct ticket_client {
    int todo;
};

enum ticket_result ticket_server_start(size_t capacity, struct ticket_server **server,
                                       struct ticket_client **client)
{
    (void)capacity;
    (void)server;
    (void)client;
    TODO("ticket_server_start");
}

void ticket_server_join(struct ticket_server *server)
{
    (void)server;
    TODO("ticket_server_join");
}

struct ticket_client *ticket_client_clone(struct ticket_client *client)
{
    (void)client;
    TODO("ticket_client_clone");
}

void ticket_client_drop(struct ticket_client *client)
{
    (void)client;
    TODO("ticket_client_drop");
}

enum ticket_result ticket_client_add(struct ticket_client *client, const char *title,
                                     const char *description, uint64_t *id)
{
    (void)client;
    (void)title;
    (void)description;
    (void)id;
    TODO("ticket_client_add");
}

enum ticket_result ticket_client_set_status(struct ticket_client *client, uint64_t id,
                                            enum ticket_status status)
{
    (void)client;
    (void)id;
    (void)status;
    TODO("ticket_client_set_status");
}

enum ticket_result ticket_client_get(struct ticket_client *client, uint64_t id,
                                     struct ticket *ticket)
{
    (void)client;
    (void)id;
    (void)ticket;
    TODO("ticket_client_get");
}

enum ticket_result ticket_client_count(struct ticket_client *client, enum ticket_status status,
                                       uint64_t *count)
{
    (void)client;
    (void)status;
    (void)count;
    TODO("ticket_client_count");
}

enum ticket_result ticket_client_shutdown(struct ticket_client *client)
{
    (void)client;
    TODO("ticket_client_shutdown");
}
