/* main.c - your ticket server, for people: a line protocol on 127.0.0.1 and a live page.
 *
 *   ticket_server [PORT [PAGE_PORT [CAPACITY]]]      0: any port that is free
 *
 * Each connection has a thread and a ticket_client of its own. It ends when its peer has no more to
 * say; all of them end, and with them the program, on the command shutdown and on SIGINT or SIGTERM.
 *
 * The list of connections is the main thread's. A connection that has ended, a shutdown and a signal
 * are told to it through a pipe, so that it sleeps in poll for all of them. */
#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "live.h"
#include "ticket_server.h"

enum {
    PORT = 8008,
    PAGE_PORT = 8009,
    CAPACITY = 4,
    LINE_MAX_BYTES = 1024,  /* of a command, its newline included */
    PATIENCE_IN_SECONDS = 5 /* with a peer that does not read what it asked for */
};

struct connection {
    struct connection *next; /* the main thread's, as thread and ended */
    pthread_t thread;
    int fd; /* closed by the main thread, after joining: so it is nobody else's meanwhile */
    struct ticket_client *client;
    atomic_bool ended;

    /* the connection's thread */
    char line[LINE_MAX_BYTES];
    size_t length; /* of what was read and not yet used */
    bool quits;
};

static int wakeup[2]; /* a pipe: a byte says "look at what has changed" */
static atomic_bool stopping;

static void wake_main(void)
{
    ssize_t written = write(wakeup[1], "", 1); /* full: it will look anyway */

    (void)written;
}

static void stop(void)
{
    atomic_store(&stopping, true);
    wake_main();
}

static void on_signal(int number)
{
    int error = errno;

    (void)number;
    stop();
    errno = error;
}

/* --------------------------------------------------------------------------------- the words */

static const char *const status_words[] = {"todo", "in_progress", "done"};

enum { STATUSES = sizeof status_words / sizeof status_words[0] };

static const char *words_for(enum ticket_result result)
{
    switch (result) {
    case TICKET_OK:
        return "done";
    case TICKET_INVALID:
        return "error: a title has 1 to 50 bytes, a description 1 to 500";
    case TICKET_NOT_FOUND:
        return "error: no ticket has that id";
    case TICKET_SERVER_GONE:
        return "error: the server has been shut down";
    case TICKET_NO_MEMORY:
        return "error: out of memory; try again";
    }
    return "error: a result that enum ticket_result doesn't have";
}

/* Sends a line, without what a terminal would not print. */
__attribute__((format(printf, 2, 3))) static void say(struct connection *c, const char *format, ...)
{
    char line[2 * LINE_MAX_BYTES];
    va_list arguments;
    int length;

    va_start(arguments, format);
    length = vsnprintf(line, sizeof line - 1, format, arguments);
    va_end(arguments);
    for (int i = 0; i < length; i++)
        if (iscntrl((unsigned char)line[i]) && line[i] != '\n')
            line[i] = '?';
    line[length++] = '\n';
    for (ssize_t sent, at = 0; at < length && !c->quits; at += sent) {
        sent = send(c->fd, line + at, (size_t)(length - at), MSG_NOSIGNAL);
        if (sent < 0)
            c->quits = true; /* the peer has gone, or patience has */
    }
}

/* The word that *text begins with, cut off. *text is then what follows, without white space. */
static char *next_word(char **text)
{
    char *word = *text;

    while (**text && !isspace((unsigned char)**text))
        ++*text;
    if (**text)
        *(*text)++ = '\0';
    while (isspace((unsigned char)**text))
        ++*text;
    return word;
}

static void trim_end(char *text)
{
    size_t length = strlen(text);

    while (length > 0 && isspace((unsigned char)text[length - 1]))
        text[--length] = '\0';
}

static bool read_id(struct connection *c, char **text, uint64_t *id)
{
    char *word = next_word(text), *end;

    errno = 0;
    *id = strtoull(word, &end, 10);
    if (isdigit((unsigned char)word[0]) && *end == '\0' && errno == 0)
        return true;
    say(c, "error: an id is a number");
    return false;
}

static bool read_status(struct connection *c, char **text, enum ticket_status *status)
{
    const char *word = next_word(text);

    for (int i = 0; i < STATUSES; i++)
        if (strcasecmp(word, status_words[i]) == 0) {
            *status = (enum ticket_status)i;
            return true;
        }
    say(c, "error: a status is todo, in_progress or done");
    return false;
}

/* ------------------------------------------------------------------------------ the commands */

static void do_add(struct connection *c, char *text)
{
    char *bar = strchr(text, '|');
    enum ticket_result result;
    uint64_t id = 0;

    if (bar == NULL) {
        say(c, "error: add what? add TITLE | DESCRIPTION");
        return;
    }
    *bar++ = '\0';
    while (isspace((unsigned char)*bar))
        bar++;
    trim_end(text);
    result = ticket_client_add(c->client, text, bar, &id);
    live_asked(result);
    if (result == TICKET_OK) {
        live_added(id, text);
        say(c, "added %" PRIu64, id);
    } else {
        say(c, "%s", words_for(result));
    }
}

static void do_get(struct connection *c, char *text)
{
    struct ticket ticket;
    enum ticket_result result;
    uint64_t id;

    if (!read_id(c, &text, &id))
        return;
    result = ticket_client_get(c->client, id, &ticket);
    live_asked(result);
    if (result == TICKET_OK)
        say(c, "%" PRIu64 " %s %s | %s", ticket.id, status_words[ticket.status % STATUSES],
            ticket.title, ticket.description);
    else
        say(c, "%s", words_for(result));
}

static void do_status(struct connection *c, char *text)
{
    enum ticket_result result;
    enum ticket_status status;
    uint64_t id;

    if (!read_id(c, &text, &id) || !read_status(c, &text, &status))
        return;
    result = ticket_client_set_status(c->client, id, status);
    live_asked(result);
    if (result == TICKET_OK) {
        live_changed(id, status);
        say(c, "%" PRIu64 " is %s", id, status_words[status]);
    } else {
        say(c, "%s", words_for(result));
    }
}

static void do_count(struct connection *c, char *text)
{
    enum ticket_result result;
    enum ticket_status status;
    uint64_t count;

    if (!read_status(c, &text, &status))
        return;
    result = ticket_client_count(c->client, status, &count);
    live_asked(result);
    if (result == TICKET_OK)
        say(c, "%" PRIu64 " %s", count, status_words[status]);
    else
        say(c, "%s", words_for(result));
}

static void do_shutdown(struct connection *c, char *text)
{
    enum ticket_result result = ticket_client_shutdown(c->client);

    (void)text;
    live_asked(result);
    say(c, "%s", result == TICKET_OK ? "the server is shut down" : words_for(result));
    if (result == TICKET_OK)
        stop();
}

static void do_quit(struct connection *c, char *text)
{
    (void)text;
    say(c, "bye");
    c->quits = true;
}

static void do_help(struct connection *c, char *text);

static const struct command {
    const char *name;
    const char *usage;
    void (*run)(struct connection *c, char *text);
} commands[] = {
    {"add", "add TITLE | DESCRIPTION            a new ticket; answers with its id", do_add},
    {"get", "get ID                             a ticket", do_get},
    {"status", "status ID todo|in_progress|done    gives a ticket another status", do_status},
    {"count", "count todo|in_progress|done        how many tickets have that status", do_count},
    {"shutdown", "shutdown                           ends the server, for everybody", do_shutdown},
    {"help", "help                               this", do_help},
    {"quit", "quit                               ends this connection", do_quit},
};

enum { COMMANDS = sizeof commands / sizeof commands[0] };

static void do_help(struct connection *c, char *text)
{
    (void)text;
    for (int i = 0; i < COMMANDS; i++)
        say(c, "%s", commands[i].usage);
}

static void do_line(struct connection *c, char *text)
{
    char *name;

    while (isspace((unsigned char)*text))
        text++;
    trim_end(text);
    if (*text == '\0')
        return;
    name = next_word(&text);
    for (int i = 0; i < COMMANDS; i++)
        if (strcasecmp(name, commands[i].name) == 0) {
            commands[i].run(c, text);
            return;
        }
    say(c, "error: there is no command \"%.40s\"; try help", name);
}

/* -------------------------------------------------------------------------- one connection */

/* Reads more of the line, and says whether there was more. */
static bool read_more(struct connection *c)
{
    ssize_t n;

    do
        n = recv(c->fd, c->line + c->length, sizeof c->line - 1 - c->length, 0);
    while (n < 0 && errno == EINTR);
    if (n > 0)
        c->length += (size_t)n;
    return n > 0;
}

/* The next line, cut off its newline, which the last one need not have. NULL: there is no whole line
 * yet. *rest: what was read behind it. */
static char *take_line(struct connection *c, bool more, char **rest)
{
    char *newline = memchr(c->line, '\n', c->length);

    *rest = c->line + c->length;
    if (newline != NULL)
        *rest = newline + 1;
    else if (more || c->length == 0)
        return NULL;
    *(newline != NULL ? newline : *rest) = '\0';
    return c->line;
}

static void keep(struct connection *c, const char *rest)
{
    size_t left = (size_t)(c->line + c->length - rest);

    memmove(c->line, rest, left);
    c->length = left;
}

static void talk(struct connection *c)
{
    bool more = true, too_long = false;
    char *line, *rest;

    while (!c->quits && !atomic_load(&stopping) && more) {
        more = read_more(c);
        while (!c->quits && !atomic_load(&stopping) && (line = take_line(c, more, &rest))) {
            size_t bytes = (size_t)(rest - line);

            if (too_long)
                say(c, "error: a line has at most %d bytes", LINE_MAX_BYTES - 2);
            else if (strlen(line) + 1 < bytes)
                say(c, "error: a line of text has no zero bytes");
            else
                do_line(c, line);
            too_long = false;
            keep(c, rest);
        }
        if (c->length == sizeof c->line - 1) {
            too_long = true; /* up to the next newline */
            c->length = 0;
        }
    }
}

static void *serve_connection(void *arg)
{
    struct connection *c = arg;

    live_enter("line");
    say(c, "Tickets. Type help, or quit.");
    talk(c);
    if (atomic_load(&stopping) && !c->quits)
        say(c, "the server has ended");
    ticket_client_drop(c->client);
    live_leave();
    shutdown(c->fd, SHUT_RDWR);
    atomic_store(&c->ended, true);
    wake_main();
    return NULL;
}

/* -------------------------------------------------------------------------- all connections */

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
    c->fd = fd;
    c->next = list;
    c->client = ticket_client_clone(client);
    if (c->client != NULL && pthread_create(&c->thread, NULL, serve_connection, c) == 0)
        return c;
    if (c->client != NULL)
        ticket_client_drop(c->client);
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
        close(c->fd);
        free(c);
    }
    return list;
}

static void end_connections(struct connection *list)
{
    for (struct connection *c = list; c != NULL; c = c->next)
        shutdown(c->fd, SHUT_RD); /* wakes who waits for a command; answers still go out */
    join_connections(list, true);
}

static void accept_clients(int listener, struct ticket_client *client)
{
    struct pollfd look_at[2] = {{.fd = listener, .events = POLLIN},
                                {.fd = wakeup[0], .events = POLLIN}};
    struct connection *list = NULL;
    char bytes[64];

    while (!atomic_load(&stopping)) {
        if (poll(look_at, 2, -1) < 0)
            continue; /* a signal */
        if (look_at[1].revents && read(wakeup[0], bytes, sizeof bytes) > 0)
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

/* A socket that listens on 127.0.0.1, or -1. *port is then the one it has. */
static int listen_on(unsigned *port)
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

/* ----------------------------------------------------------------------------------- the program */

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

static void run(int listener, unsigned port, unsigned page_port, unsigned capacity)
{
    struct ticket_client *client, *pages_client;
    struct ticket_server *server;
    enum ticket_result result;

    live_enter("main");
    result = ticket_server_start(capacity, &server, &client);
    if (result != TICKET_OK) {
        fprintf(stderr, "ticket_server_start(%u): %s\n", capacity,
                capacity == 0 ? "a capacity is at least 1" : words_for(result));
        exit(1);
    }
    printf("Tickets on 127.0.0.1, port %u. In another terminal: make talk PORT=%u\n", port, port);
    pages_client = ticket_client_clone(client);
    if (pages_client != NULL)
        live_start(page_port, capacity, pages_client, stop);
    fflush(stdout);
    accept_clients(listener, client);
    ticket_client_shutdown(client); /* of no effect if that is why we are here */
    if (pages_client != NULL) {
        live_stop();
        ticket_client_drop(pages_client);
    }
    ticket_client_drop(client);
    live_leave();
    ticket_server_join(server);
    puts("The server has ended.");
}

int main(int argc, char **argv)
{
    unsigned port = number(argc, argv, 1, PORT);
    unsigned page_port = number(argc, argv, 2, PAGE_PORT);
    unsigned capacity = number(argc, argv, 3, CAPACITY);
    int listener = listen_on(&port);

    if (listener < 0 || pipe(wakeup) != 0 || fcntl(wakeup[1], F_SETFL, O_NONBLOCK) != 0) {
        fprintf(stderr, "Port %u of 127.0.0.1: %s\n", port, strerror(errno));
        return 1;
    }
    prepare_signals();
    run(listener, port, page_port, capacity);
    close(listener);
    close(wakeup[0]);
    close(wakeup[1]);
    return 0;
}
