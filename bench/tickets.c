/* tickets.c - measures the ticket server of 08.
 *
 *   tickets tickets REQUESTS CLIENTS CAPACITY
 *
 * Each client adds one ticket, and from then on sets its status and gets it back in turn. Prints
 * "SECONDS REQUESTS 0". Exits with 3 when a function is not implemented yet. */
#include "../exercises/08_ticket_server/ticket_server.h"

#include "../exercises/todo.h"
#include "program.h"

#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>

struct client {
    struct ticket_client *handle;
    long requests;
    pthread_barrier_t *start;
};

_Noreturn void todo_reached(const char *function)
{
    fprintf(stderr, "not implemented yet: %s\n", function);
    exit(3);
}

static void *use_server(void *arg)
{
    struct client *c = arg;
    struct ticket ticket;
    uint64_t id;

    if (ticket_client_add(c->handle, "title", "description", &id) != TICKET_OK)
        fail("a ticket was not added");
    pthread_barrier_wait(c->start);
    for (long i = 0; i < c->requests; i += 2) {
        enum ticket_status status = i % 4 ? TICKET_DONE : TICKET_IN_PROGRESS;

        if (ticket_client_set_status(c->handle, id, status) != TICKET_OK ||
            ticket_client_get(c->handle, id, &ticket) != TICKET_OK || ticket.status != status)
            fail("a ticket is not as it was set");
    }
    ticket_client_drop(c->handle);
    return NULL;
}

int main(int argc, char **argv)
{
    long requests = argc > 2 ? atol(argv[2]) : 1000;
    int clients = argc > 3 ? atoi(argv[3]) : 4;
    struct client *c = calloc(clients, sizeof *c);
    pthread_t *threads = calloc(clients, sizeof *threads);
    struct ticket_server *server;
    struct ticket_client *first;
    pthread_barrier_t start;
    double began;

    if (ticket_server_start(argc > 4 ? atol(argv[4]) : 128, &server, &first) != TICKET_OK)
        fail("no server");
    pthread_barrier_init(&start, NULL, clients + 1);
    for (int i = 0; i < clients; i++)
        c[i] = (struct client){i ? ticket_client_clone(first) : first, requests / clients / 2 * 2,
                               &start};
    for (int i = 0; i < clients; i++)
        pthread_create(&threads[i], NULL, use_server, &c[i]);
    pthread_barrier_wait(&start);
    began = now();
    for (int i = 0; i < clients; i++)
        pthread_join(threads[i], NULL);
    report(now() - began, c[0].requests * clients, 0);
    ticket_server_join(server);
    return 0;
}
