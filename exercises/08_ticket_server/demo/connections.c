/* connections.c - a thread and a ticket_client for each peer that connects.
 *
 * The list of connections is the main thread's. A connection that has ended is told to it through
 * the pipe of stop.h, so that it sleeps in poll for that and for new ones. */
#include "connections.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "board.h"
#include "commands.h"
#include "stop.h"

enum { PATIENCE_IN_SECONDS = 5 }; /* with a peer that does not read what it asked for */

struct connection {
    struct connection *next; /* the main thread's, as thread and ended */
    pthread_t thread;
    atomic_bool ended;
    struct conversation talk; /* the thread's; but the main thread closes its fd, after joining */
};

static void *serve_connection(void *arg)
{
    struct connection *c = arg;

    board_enter("line");
    converse(&c->talk);
    ticket_client_drop(c->talk.client);
    board_leave();
    shutdown(c->talk.fd, SHUT_RDWR);
    atomic_store(&c->ended, true);
    wake_main();
    return NULL;
}

static void refuse(int fd)
{
    static const char sorry[] = "error: out of memory; come back later\n";

    send(fd, sorry, sizeof sorry - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
    close(fd);
}

/* Takes over fd. The new head of the list. */
static struct connection *connect_client(struct connection *list, int fd,
                                         struct ticket_client *client)
{
    struct timeval patience = {.tv_sec = PATIENCE_IN_SECONDS};
    struct connection *c = calloc(1, sizeof *c);

    if (c == NULL) {
        refuse(fd);
        return list;
    }
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    c->talk.fd = fd;
    c->next = list;
    c->talk.client = ticket_client_clone(client);
    if (c->talk.client != NULL && pthread_create(&c->thread, NULL, serve_connection, c) == 0)
        return c;
    if (c->talk.client != NULL)
        ticket_client_drop(c->talk.client);
    free(c);
    refuse(fd);
    return list;
}

/* Joins those that have ended, or waits until all have. What is left of the list. */
static struct connection *join_connections(struct connection *list, bool all)
{
    struct connection **place = &list;

    while (*place != NULL) {
        struct connection *c = *place;

        if (!all && !atomic_load(&c->ended)) {
            place = &c->next;
            continue;
        }
        *place = c->next;
        pthread_join(c->thread, NULL);
        close(c->talk.fd);
        free(c);
    }
    return list;
}

static void end_connections(struct connection *list)
{
    for (struct connection *c = list; c != NULL; c = c->next)
        shutdown(c->talk.fd, SHUT_RD); /* ends the wait for a command; answers still go out */
    join_connections(list, true);
}

void accept_clients(int listener, int wakeup, struct ticket_client *client)
{
    struct pollfd look_at[2] = {{.fd = listener, .events = POLLIN},
                                {.fd = wakeup, .events = POLLIN}};
    struct connection *list = NULL;
    char bytes[64];

    while (!is_stopping()) {
        if (poll(look_at, 2, -1) < 0)
            continue; /* a signal */
        if (look_at[1].revents && read(wakeup, bytes, sizeof bytes) > 0)
            list = join_connections(list, false);
        if (look_at[0].revents) {
            int fd = accept(listener, NULL, NULL);

            if (fd >= 0)
                list = connect_client(list, fd, client);
            else if (errno == EMFILE || errno == ENFILE)
                poll(NULL, 0, 100); /* until somebody leaves */
        }
    }
    end_connections(list);
}

int listen_on(unsigned *port)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)*port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM, 0), yes = 1;

    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (bind(fd, (struct sockaddr *)&address, size) != 0 || listen(fd, SOMAXCONN) != 0 ||
        getsockname(fd, (struct sockaddr *)&address, &size) != 0) {
        close(fd);
        return -1;
    }
    *port = ntohs(address.sin_port);
    return fd;
}
