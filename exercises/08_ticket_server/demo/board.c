/* board.c - counters that any thread changes, and a table of tickets under a lock. */
#include "board.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    SEATS = 256, /* clients that are shown one by one */
    SHOWN = 60,  /* tickets that are shown: those that changed last */
    STATUSES = TICKET_DONE + 1
};

static struct seat {
    atomic_int state;
    atomic_ulong number; /* of the client, from 1 */
    atomic_ulong requests;
    _Atomic(const char *) kind;
} seats[SEATS + 1]; /* the last one is shared by all that found no other */

static _Thread_local struct seat *seat; /* NULL: not a client, so the server */

static atomic_ulong clients_ever, answered, refused;
static atomic_long sent, taken; /* requests, into the channel and out of it */
static atomic_int slow_ms;      /* the server sleeps so long over each request */
static atomic_bool over;        /* somebody heard that the server has gone */

static size_t capacity_shown;

struct seen {
    char title[TICKET_TITLE_MAX + 1];
    enum ticket_status status;
};

/* What the clients have been told of the tickets. */
static struct board {
    pthread_mutex_t lock;
    /* The lock must be held when using these: */
    struct seen *tickets; /* by id; there is none with id 0 */
    size_t length;
    unsigned long counts[STATUSES];
    uint64_t changed[SHOWN]; /* a ring; 0: nothing yet */
    size_t next;
} board = {.lock = PTHREAD_MUTEX_INITIALIZER};

void board_enter(const char *kind)
{
    int i;

    for (i = 0; i < SEATS; i++) {
        int expected = FREE;

        if (atomic_compare_exchange_strong(&seats[i].state, &expected, IDLE))
            break;
    }
    atomic_store(&seats[i].requests, 0);
    atomic_store(&seats[i].kind, kind);
    atomic_store(&seats[i].number, atomic_fetch_add(&clients_ever, 1) + 1);
    seat = &seats[i];
}

void board_leave(void)
{
    atomic_store(&seat->state, FREE);
    seat = NULL;
}

void board_asked(enum ticket_result result)
{
    atomic_fetch_add(&answered, 1);
    atomic_fetch_add(&seat->requests, 1);
    if (result != TICKET_SERVER_GONE)
        return;
    atomic_fetch_add(&refused, 1);
    atomic_store(&over, true);
}

/* Room on the board for that ticket, or NULL. The board's lock is held. */
static struct seen *see(uint64_t id)
{
    struct seen *more;
    size_t length = board.length;

    while (length <= id)
        length = 2 * length + 64;
    if (length > board.length) {
        more = realloc(board.tickets, length * sizeof *more);
        if (more == NULL)
            return NULL;
        memset(more + board.length, 0, (length - board.length) * sizeof *more);
        board.tickets = more;
        board.length = length;
    }
    board.changed[board.next++ % SHOWN] = id;
    return &board.tickets[id];
}

void board_added(uint64_t id, const char *title)
{
    struct seen *ticket;

    pthread_mutex_lock(&board.lock);
    ticket = see(id);
    if (ticket != NULL) {
        snprintf(ticket->title, sizeof ticket->title, "%s", title);
        board.counts[TICKET_TODO]++;
    }
    pthread_mutex_unlock(&board.lock);
}

void board_changed(uint64_t id, enum ticket_status status)
{
    struct seen *ticket;

    pthread_mutex_lock(&board.lock);
    ticket = see(id);
    if (ticket != NULL) {
        board.counts[ticket->status]--;
        board.counts[status]++;
        ticket->status = status;
    }
    pthread_mutex_unlock(&board.lock);
}

enum client_state board_state(void)
{
    return seat == NULL ? FREE : (enum client_state)atomic_load(&seat->state);
}

void board_set_state(enum client_state state)
{
    atomic_store(&seat->state, state);
}

void board_sent(void)
{
    atomic_fetch_add(&sent, 1);
}

void board_taken(void)
{
    atomic_fetch_add(&taken, 1);
}

void board_set_slowness(int ms)
{
    atomic_store(&slow_ms, ms);
}

int board_slowness(void)
{
    return atomic_load(&slow_ms);
}

void board_set_capacity(size_t capacity)
{
    capacity_shown = capacity;
}

void board_set_over(void)
{
    atomic_store(&over, true);
}

/* -------------------------------------------------------------------------------- the picture */

__attribute__((format(printf, 2, 3))) static void put(struct picture *p, const char *format, ...)
{
    va_list arguments;
    int length;

    va_start(arguments, format);
    length = vsnprintf(p->text + p->length, sizeof p->text - p->length, format, arguments);
    va_end(arguments);
    if (length > 0 && p->length + (size_t)length < sizeof p->text)
        p->length += (size_t)length;
}

/* A string of JSON. Bytes that are not ASCII become '?', because they need not be UTF-8. */
static void put_text(struct picture *p, const char *text)
{
    put(p, "\"");
    for (; *text; text++)
        put(p, *text == '"' || *text == '\\' ? "\\%c" : "%c",
            *text >= ' ' && *text <= '~' ? *text : '?');
    put(p, "\"");
}

static void put_clients(struct picture *p)
{
    static const char *const words[] = {"free", "idle", "sending", "waiting"};
    const char *comma = "";
    int sending = 0;

    put(p, "\"clients\":[");
    for (int i = 0; i <= SEATS; i++) {
        int state = atomic_load(&seats[i].state);
        const char *kind = atomic_load(&seats[i].kind);

        sending += state == SENDING;
        if (state == FREE || kind == NULL)
            continue;
        put(p, "%s{\"number\":%lu,\"kind\":\"%s\",\"state\":\"%s\",\"requests\":%lu}", comma,
            atomic_load(&seats[i].number), kind, words[state], atomic_load(&seats[i].requests));
        comma = ",";
    }
    put(p, "],\"sending\":%d,", sending);
}

static bool is_among(const uint64_t *ids, int n, uint64_t id)
{
    while (n-- > 0)
        if (ids[n] == id)
            return true;
    return false;
}

static void put_tickets(struct picture *p)
{
    uint64_t ids[SHOWN];
    int n = 0;

    pthread_mutex_lock(&board.lock);
    put(p, "\"counts\":[%lu,%lu,%lu],\"tickets\":[", board.counts[TICKET_TODO],
        board.counts[TICKET_IN_PROGRESS], board.counts[TICKET_DONE]);
    for (size_t i = 1; i <= SHOWN && i <= board.next; i++) {
        uint64_t id = board.changed[(board.next - i) % SHOWN];

        if (is_among(ids, n, id))
            continue;
        put(p, "%s{\"id\":%" PRIu64 ",\"status\":%d,\"title\":", n > 0 ? "," : "", id,
            (int)board.tickets[id].status);
        put_text(p, board.tickets[id].title);
        put(p, "}");
        ids[n++] = id;
    }
    pthread_mutex_unlock(&board.lock);
    put(p, "],");
}

void board_draw(struct picture *p)
{
    long queued = atomic_load(&sent) - atomic_load(&taken);

    p->length = 0;
    put(p, "data: {");
    put_clients(p);
    put_tickets(p);
    put(p, "\"capacity\":%zu,\"queued\":%ld,\"answered\":%lu,\"refused\":%lu,", capacity_shown,
        queued < 0 ? 0 : queued, atomic_load(&answered), atomic_load(&refused));
    put(p, "\"slow\":%d,\"over\":%s}\n\n", atomic_load(&slow_ms),
        atomic_load(&over) ? "true" : "false");
}

void board_free(void)
{
    free(board.tickets);
}
