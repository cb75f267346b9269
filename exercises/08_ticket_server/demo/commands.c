/* commands.c - reads lines, does what they say, and answers each with a line. */
#include "commands.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "board.h"
#include "stop.h"

/* ----------------------------------------------------------------------------------- the words */

static const char *const status_words[] = {"todo", "in_progress", "done"};

enum { STATUSES = sizeof status_words / sizeof status_words[0] };

const char *words_for(enum ticket_result result)
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
__attribute__((format(printf, 2, 3))) static void say(struct conversation *c, const char *format,
                                                      ...)
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

static bool read_id(struct conversation *c, char **text, uint64_t *id)
{
    char *word = next_word(text), *end;

    errno = 0;
    *id = strtoull(word, &end, 10);
    if (isdigit((unsigned char)word[0]) && *end == '\0' && errno == 0)
        return true;
    say(c, "error: an id is a number");
    return false;
}

static bool read_status(struct conversation *c, char **text, enum ticket_status *status)
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

/* -------------------------------------------------------------------------------- the commands */

static void do_add(struct conversation *c, char *text)
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
    board_asked(result);
    if (result == TICKET_OK) {
        board_added(id, text);
        say(c, "added %" PRIu64, id);
    } else {
        say(c, "%s", words_for(result));
    }
}

static void do_get(struct conversation *c, char *text)
{
    struct ticket ticket;
    enum ticket_result result;
    uint64_t id;

    if (!read_id(c, &text, &id))
        return;
    result = ticket_client_get(c->client, id, &ticket);
    board_asked(result);
    if (result == TICKET_OK)
        say(c, "%" PRIu64 " %s %s | %s", ticket.id, status_words[ticket.status % STATUSES],
            ticket.title, ticket.description);
    else
        say(c, "%s", words_for(result));
}

static void do_status(struct conversation *c, char *text)
{
    enum ticket_result result;
    enum ticket_status status;
    uint64_t id;

    if (!read_id(c, &text, &id) || !read_status(c, &text, &status))
        return;
    result = ticket_client_set_status(c->client, id, status);
    board_asked(result);
    if (result == TICKET_OK) {
        board_changed(id, status);
        say(c, "%" PRIu64 " is %s", id, status_words[status]);
    } else {
        say(c, "%s", words_for(result));
    }
}

static void do_count(struct conversation *c, char *text)
{
    enum ticket_result result;
    enum ticket_status status;
    uint64_t count;

    if (!read_status(c, &text, &status))
        return;
    result = ticket_client_count(c->client, status, &count);
    board_asked(result);
    if (result == TICKET_OK)
        say(c, "%" PRIu64 " %s", count, status_words[status]);
    else
        say(c, "%s", words_for(result));
}

static void do_shutdown(struct conversation *c, char *text)
{
    enum ticket_result result = ticket_client_shutdown(c->client);

    (void)text;
    board_asked(result);
    say(c, "%s", result == TICKET_OK ? "the server is shut down" : words_for(result));
    if (result == TICKET_OK)
        stop_program();
}

static void do_quit(struct conversation *c, char *text)
{
    (void)text;
    say(c, "bye");
    c->quits = true;
}

static void do_help(struct conversation *c, char *text);

static const struct command {
    const char *name;
    const char *usage;
    void (*run)(struct conversation *c, char *text);
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

static void do_help(struct conversation *c, char *text)
{
    (void)text;
    for (int i = 0; i < COMMANDS; i++)
        say(c, "%s", commands[i].usage);
}

static void do_line(struct conversation *c, char *text)
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

/* ----------------------------------------------------------------------------------- the lines */

/* Reads more of the line, and says whether there was more. */
static bool read_more(struct conversation *c)
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
static char *take_line(struct conversation *c, bool more, char **rest)
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

static void keep(struct conversation *c, const char *rest)
{
    size_t left = (size_t)(c->line + c->length - rest);

    memmove(c->line, rest, left);
    c->length = left;
}

static void talk(struct conversation *c)
{
    bool more = true, too_long = false;
    char *line, *rest;

    while (!c->quits && !is_stopping() && more) {
        more = read_more(c);
        while (!c->quits && !is_stopping() && (line = take_line(c, more, &rest))) {
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

void converse(struct conversation *c)
{
    say(c, "Tickets. Type help, or quit.");
    talk(c);
    if (is_stopping() && !c->quits)
        say(c, "the server has ended");
}
