/* main.c - your ticket server, for people: a line protocol on 127.0.0.1 and a live page.
 *
 *   ticket_server [PORT [PAGE_PORT [CAPACITY]]]      0: any port that is free
 *
 * Each connection has a thread and a ticket_client of its own. It ends when its peer has no more to
 * say; all of them end, and with them the program, on the command shutdown and on SIGINT or SIGTERM.
 *
 *   connections.c  the peers, a thread each   commands.c       what they can type
 *   page.c         the live page              load.c           the clients that its button starts
 *   board.c        what the page shows        channel_calls.c  how it learns what is in the channel
 *   stop.c         how the program ends       no_page.c        stands in for page.c
 */
#include <ctype.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "board.h"
#include "commands.h"
#include "connections.h"
#include "page.h"
#include "stop.h"
#include "ticket_server.h"

enum { PORT = 8008, PAGE_PORT = 8009, CAPACITY = 4 };

static void on_signal(int number)
{
    int error = errno;

    (void)number;
    stop_program();
    errno = error;
}

static unsigned number(int argc, char **argv, int i, unsigned otherwise)
{
    char *end;
    unsigned long value;

    if (i >= argc)
        return otherwise;
    value = strtoul(argv[i], &end, 10);
    if (isdigit((unsigned char)argv[i][0]) && *end == '\0' && value <= 65535)
        return (unsigned)value;
    fprintf(stderr, "usage: %s [PORT [PAGE_PORT [CAPACITY]]]\n", argv[0]);
    exit(2);
}

/* The first signal ends the program in order; a second one ends it at once. */
static void prepare_signals(void)
{
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART | SA_RESETHAND};

    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

static void run(int listener, int wakeup, unsigned port, unsigned page_port, unsigned capacity)
{
    struct ticket_client *client, *pages_client;
    struct ticket_server *server;
    enum ticket_result result;

    board_enter("main");
    result = ticket_server_start(capacity, &server, &client);
    if (result != TICKET_OK) {
        fprintf(stderr, "ticket_server_start(%u): %s\n", capacity,
                capacity == 0 ? "a capacity is at least 1" : words_for(result));
        exit(1);
    }
    printf("Tickets on 127.0.0.1, port %u. In another terminal: make talk PORT=%u\n", port, port);
    pages_client = ticket_client_clone(client);
    if (pages_client != NULL)
        page_start(page_port, capacity, pages_client);
    fflush(stdout);
    accept_clients(listener, wakeup, client);
    ticket_client_shutdown(client); /* of no effect if that is why we are here */
    if (pages_client != NULL) {
        page_stop();
        ticket_client_drop(pages_client);
    }
    ticket_client_drop(client);
    board_leave();
    ticket_server_join(server);
    board_free();
    puts("The server has ended.");
}

int main(int argc, char **argv)
{
    unsigned port = number(argc, argv, 1, PORT);
    unsigned page_port = number(argc, argv, 2, PAGE_PORT);
    unsigned capacity = number(argc, argv, 3, CAPACITY);
    int wakeup = stop_open(), listener = listen_on(&port);

    if (listener < 0 || wakeup < 0) {
        fprintf(stderr, "Port %u of 127.0.0.1: %s\n", port, strerror(errno));
        return 1;
    }
    prepare_signals();
    run(listener, wakeup, port, page_port, capacity);
    close(listener);
    stop_close();
    return 0;
}
