/* live.c - the live page: the tickets by status, the clients, and how full the request channel is.
 *
 * Everybody who has the page open is sent a picture as a server-sent event, ten times a second, by a
 * thread of their own (libmicrohttpd's). They ask the ticket server nothing, so as not to stand in the
 * way: the picture is what the clients tell here.
 *
 * A channel does not tell how many messages are queued. So the program is linked with --wrap for its
 * calls: what ticket_server.c sends and receives comes by here. A thread that has called live_enter
 * is a client, and what it sends are requests; a thread that has not is the server. */
#include "live.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <microhttpd.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "channel.h"

enum {
    SEATS = 256, /* clients that are shown one by one */
    SHOWN = 60,  /* tickets that are shown: those that changed last */
    PICTURE_BYTES = 65536,
    PICTURE_MS = 100,
    LOAD_CLIENTS_MAX = 200,
    LOAD_ROUNDS = 12, /* of each load client: 4 requests and a pause a round */
    LOAD_PAUSE_MS = 150,
    SLOW_MS_MAX = 1000,
    STATUSES = TICKET_DONE + 1
};

/* What a client is doing. */
enum state { FREE, IDLE, SENDING, WAITING };

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

/* Those who have the page open. */
static struct viewers {
    pthread_mutex_t lock;
    pthread_cond_t changed; /* count has changed */
    int count;
} viewers = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0};

static size_t capacity_shown;
static void (*stop_program)(void);
static struct MHD_Daemon *http;
static int ending[2] = {-1, -1}; /* a pipe; what can be read when the page ends */

struct load {
    struct load *next;
    pthread_t thread;
    struct ticket_client *client;
    unsigned number;
    atomic_bool ended;
};

static pthread_mutex_t root_lock = PTHREAD_MUTEX_INITIALIZER;
/* The lock must be held when using these: */
static struct ticket_client *root; /* the page's own; NULL: the page has ended */
static struct load *loads;

/* ---------------------------------------------------------------------- what the clients tell */

void live_enter(const char *kind)
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

void live_leave(void)
{
    atomic_store(&seat->state, FREE);
    seat = NULL;
}

void live_asked(enum ticket_result result)
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

void live_added(uint64_t id, const char *title)
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

void live_changed(uint64_t id, enum ticket_status status)
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

/* ----------------------------------------------------- what comes by: see --wrap in ld's manual */

enum channel_status __real_sender_send(struct sender *tx, const void *message);
enum channel_status __wrap_sender_send(struct sender *tx, const void *message);
enum channel_status __real_receiver_recv(struct receiver *rx, void *message);
enum channel_status __wrap_receiver_recv(struct receiver *rx, void *message);

enum channel_status __wrap_sender_send(struct sender *tx, const void *message)
{
    enum channel_status status;

    if (seat == NULL || atomic_load(&seat->state) == SENDING) /* an answer */
        return __real_sender_send(tx, message);
    atomic_store(&seat->state, SENDING);
    status = __real_sender_send(tx, message);
    atomic_store(&seat->state, IDLE);
    if (status == CHANNEL_OK)
        atomic_fetch_add(&sent, 1);
    return status;
}

static void sleep_ms(int ms)
{
    struct timespec time = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L};

    nanosleep(&time, NULL);
}

enum channel_status __wrap_receiver_recv(struct receiver *rx, void *message)
{
    enum channel_status status;

    if (seat != NULL) {
        atomic_store(&seat->state, WAITING);
        status = __real_receiver_recv(rx, message);
        atomic_store(&seat->state, IDLE);
        return status;
    }
    status = __real_receiver_recv(rx, message);
    if (status == CHANNEL_OK)
        atomic_fetch_add(&taken, 1);
    if (status == CHANNEL_OK && atomic_load(&slow_ms) > 0)
        sleep_ms(atomic_load(&slow_ms));
    return status;
}

/* ---------------------------------------------------------------------------- the load clients */

/* Waits that long, or until the page ends; true: it has ended. */
static bool page_ends_within(int ms)
{
    struct pollfd end = {.fd = ending[0], .events = POLLIN};

    return poll(&end, 1, ms) != 0;
}

static enum ticket_result add_one(struct load *load, int round, uint64_t *id)
{
    char title[TICKET_TITLE_MAX + 1];
    enum ticket_result result;

    snprintf(title, sizeof title, "load %u, ticket %d", load->number, round + 1);
    result = ticket_client_add(load->client, title, "made by the load button", id);
    live_asked(result);
    if (result == TICKET_OK)
        live_added(*id, title);
    return result;
}

static enum ticket_result move(struct load *load, uint64_t id, enum ticket_status status)
{
    enum ticket_result result = ticket_client_set_status(load->client, id, status);

    live_asked(result);
    if (result == TICKET_OK)
        live_changed(id, status);
    return result;
}

static void *run_load(void *arg)
{
    struct load *load = arg;
    struct ticket ticket;
    uint64_t id;

    live_enter("load");
    for (int round = 0; round < LOAD_ROUNDS; round++) {
        if (add_one(load, round, &id) != TICKET_OK ||
            move(load, id, TICKET_IN_PROGRESS) != TICKET_OK)
            break;
        live_asked(ticket_client_get(load->client, id, &ticket));
        if (round % 3 != 2 && move(load, id, TICKET_DONE) != TICKET_OK)
            break;
        if (page_ends_within(LOAD_PAUSE_MS))
            break;
    }
    ticket_client_drop(load->client);
    live_leave();
    atomic_store(&load->ended, true);
    return NULL;
}

/* root_lock is held. */
static bool start_load(void)
{
    static unsigned number;
    struct load *load = root == NULL ? NULL : malloc(sizeof *load);

    if (load == NULL)
        return false;
    load->number = ++number;
    atomic_init(&load->ended, false);
    load->client = ticket_client_clone(root);
    if (load->client != NULL && pthread_create(&load->thread, NULL, run_load, load) == 0) {
        load->next = loads;
        loads = load;
        return true;
    }
    if (load->client != NULL)
        ticket_client_drop(load->client);
    free(load);
    return false;
}

/* Joins the load clients that have ended, or waits until all have. root_lock is held. */
static void join_loads(bool all)
{
    struct load **place = &loads;

    while (*place != NULL) {
        struct load *load = *place;

        if (!all && !atomic_load(&load->ended)) {
            place = &load->next;
            continue;
        }
        *place = load->next;
        pthread_join(load->thread, NULL);
        free(load);
    }
}

/* ------------------------------------------------------------------------------------ the picture */

struct viewer {
    bool has_seen_the_end;
    size_t length, used; /* of picture */
    char picture[PICTURE_BYTES];
};

__attribute__((format(printf, 2, 3))) static void put(struct viewer *v, const char *format, ...)
{
    va_list arguments;
    int length;

    va_start(arguments, format);
    length = vsnprintf(v->picture + v->length, sizeof v->picture - v->length, format, arguments);
    va_end(arguments);
    if (length > 0 && v->length + (size_t)length < sizeof v->picture)
        v->length += (size_t)length;
}

/* A string of JSON. Bytes that are not ASCII become '?', because they need not be UTF-8. */
static void put_text(struct viewer *v, const char *text)
{
    put(v, "\"");
    for (; *text; text++)
        put(v, *text == '"' || *text == '\\' ? "\\%c" : "%c",
            *text >= ' ' && *text <= '~' ? *text : '?');
    put(v, "\"");
}

static void put_clients(struct viewer *v)
{
    static const char *const words[] = {"free", "idle", "sending", "waiting"};
    const char *comma = "";
    int sending = 0;

    put(v, "\"clients\":[");
    for (int i = 0; i <= SEATS; i++) {
        int state = atomic_load(&seats[i].state);
        const char *kind = atomic_load(&seats[i].kind);

        sending += state == SENDING;
        if (state == FREE || kind == NULL)
            continue;
        put(v, "%s{\"number\":%lu,\"kind\":\"%s\",\"state\":\"%s\",\"requests\":%lu}", comma,
            atomic_load(&seats[i].number), kind, words[state], atomic_load(&seats[i].requests));
        comma = ",";
    }
    put(v, "],\"sending\":%d,", sending);
}

static bool is_among(const uint64_t *ids, int n, uint64_t id)
{
    while (n-- > 0)
        if (ids[n] == id)
            return true;
    return false;
}

static void put_tickets(struct viewer *v)
{
    uint64_t ids[SHOWN];
    int n = 0;

    pthread_mutex_lock(&board.lock);
    put(v, "\"counts\":[%lu,%lu,%lu],\"tickets\":[", board.counts[TICKET_TODO],
        board.counts[TICKET_IN_PROGRESS], board.counts[TICKET_DONE]);
    for (size_t i = 1; i <= SHOWN && i <= board.next; i++) {
        uint64_t id = board.changed[(board.next - i) % SHOWN];

        if (is_among(ids, n, id))
            continue;
        put(v, "%s{\"id\":%" PRIu64 ",\"status\":%d,\"title\":", n > 0 ? "," : "", id,
            (int)board.tickets[id].status);
        put_text(v, board.tickets[id].title);
        put(v, "}");
        ids[n++] = id;
    }
    pthread_mutex_unlock(&board.lock);
    put(v, "],");
}

static void draw(struct viewer *v)
{
    long queued = atomic_load(&sent) - atomic_load(&taken);

    v->used = v->length = 0;
    put(v, "data: {");
    put_clients(v);
    put_tickets(v);
    put(v, "\"capacity\":%zu,\"queued\":%ld,\"answered\":%lu,\"refused\":%lu,", capacity_shown,
        queued < 0 ? 0 : queued, atomic_load(&answered), atomic_load(&refused));
    put(v, "\"slow\":%d,\"over\":%s}\n\n", atomic_load(&slow_ms),
        atomic_load(&over) ? "true" : "false");
}

/* ---------------------------------------------------------------------------------------- HTTP */

static void count_viewers(int change)
{
    pthread_mutex_lock(&viewers.lock);
    viewers.count += change;
    pthread_cond_broadcast(&viewers.changed);
    pthread_mutex_unlock(&viewers.lock);
}

/* Waits until all have had their last picture, though not for long. */
static void wait_for_viewers(void)
{
    struct timespec end;
    int late = 0;

    clock_gettime(CLOCK_REALTIME, &end);
    end.tv_sec += 1;
    pthread_mutex_lock(&viewers.lock);
    while (viewers.count > 0 && !late)
        late = pthread_cond_timedwait(&viewers.changed, &viewers.lock, &end);
    pthread_mutex_unlock(&viewers.lock);
}

static void drop_viewer(void *viewer)
{
    free(viewer);
    count_viewers(-1);
}

/* The next bytes of the stream of events. Sleeps between two pictures. */
static ssize_t stream(void *arg, uint64_t at, char *to, size_t room)
{
    struct viewer *v = arg;
    size_t bytes;

    (void)at;
    if (v->used == v->length) {
        if (v->has_seen_the_end)
            return MHD_CONTENT_READER_END_OF_STREAM;
        v->has_seen_the_end = page_ends_within(v->length == 0 ? 0 : PICTURE_MS);
        draw(v);
    }
    bytes = v->length - v->used < room ? v->length - v->used : room;
    memcpy(to, v->picture + v->used, bytes);
    v->used += bytes;
    return (ssize_t)bytes;
}

static enum MHD_Result send_response(struct MHD_Connection *connection, unsigned code,
                                     const char *type, struct MHD_Response *response)
{
    enum MHD_Result result;

    if (response == NULL)
        return MHD_NO;
    MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
    MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
    result = MHD_queue_response(connection, code, response);
    MHD_destroy_response(response);
    return result;
}

static enum MHD_Result send_text(struct MHD_Connection *connection, unsigned code, const char *text)
{
    return send_response(connection, code, "text/plain; charset=utf-8",
                         MHD_create_response_from_buffer(strlen(text), (void *)(uintptr_t)text,
                                                         MHD_RESPMEM_MUST_COPY));
}

/* The file live.html, put into the program. */
extern const char live_html[], live_html_end[];
__asm__(".pushsection .rodata\n"
        "live_html: .incbin \"live.html\"\n"
        "live_html_end: .byte 0\n"
        ".popsection");

static enum MHD_Result send_page(struct MHD_Connection *connection)
{
    return send_response(connection, MHD_HTTP_OK, "text/html; charset=utf-8",
                         MHD_create_response_from_buffer((size_t)(live_html_end - live_html),
                                                         (void *)(uintptr_t)live_html,
                                                         MHD_RESPMEM_PERSISTENT));
}

static enum MHD_Result send_stream(struct MHD_Connection *connection)
{
    struct viewer *v = calloc(1, sizeof *v);
    struct MHD_Response *response;

    if (v == NULL)
        return MHD_NO;
    response =
        MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, PICTURE_BYTES, stream, v, drop_viewer);
    if (response == NULL)
        free(v);
    else
        count_viewers(1);
    return send_response(connection, MHD_HTTP_OK, "text/event-stream", response);
}

static int argument(struct MHD_Connection *connection, const char *name, int max)
{
    const char *text = MHD_lookup_connection_value(connection, MHD_GET_ARGUMENT_KIND, name);
    int value = text == NULL ? 0 : atoi(text);

    return value < 0 ? 0 : value > max ? max : value;
}

/* A page of somebody else's, open in the same browser, has no say here. */
static bool is_from_here(struct MHD_Connection *connection)
{
    const char *site = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Sec-Fetch-Site");
    const char *host = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Host");

    return (site == NULL || strcmp(site, "same-origin") == 0) && host != NULL &&
           (strncmp(host, "127.0.0.1:", 10) == 0 || strncmp(host, "localhost:", 10) == 0);
}

static void press_load(int n)
{
    pthread_mutex_lock(&root_lock);
    join_loads(false);
    while (n-- > 0 && start_load()) {
    }
    pthread_mutex_unlock(&root_lock);
}

static void press_shutdown(void)
{
    enum ticket_result result = TICKET_SERVER_GONE;

    pthread_mutex_lock(&root_lock);
    if (root != NULL) {
        result = ticket_client_shutdown(root);
        live_asked(result);
    }
    pthread_mutex_unlock(&root_lock);
    if (result == TICKET_NO_MEMORY)
        return; /* the server goes on */
    atomic_store(&over, true);
    sleep_ms(3 * PICTURE_MS); /* for a look at who has got what */
    stop_program();
}

static enum MHD_Result press_button(struct MHD_Connection *connection, const char *url)
{
    if (!is_from_here(connection))
        return send_text(connection, MHD_HTTP_FORBIDDEN, "only from the page itself\n");
    live_enter("page");
    if (strcmp(url, "/load") == 0)
        press_load(argument(connection, "clients", LOAD_CLIENTS_MAX));
    else if (strcmp(url, "/slow") == 0)
        atomic_store(&slow_ms, argument(connection, "ms", SLOW_MS_MAX));
    else if (strcmp(url, "/shutdown") == 0)
        press_shutdown();
    live_leave();
    return send_text(connection, MHD_HTTP_OK, "ok\n");
}

static enum MHD_Result on_request(void *arg, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *upload,
                                  size_t *upload_size, void **seen)
{
    static int once;

    (void)arg;
    (void)version;
    (void)upload;
    if (*seen == NULL) { /* the header is there; a body may follow */
        *seen = &once;
        return MHD_YES;
    }
    if (*upload_size > 0) {
        *upload_size = 0;
        return MHD_YES;
    }
    if (strcmp(method, MHD_HTTP_METHOD_POST) == 0)
        return press_button(connection, url);
    if (strcmp(method, MHD_HTTP_METHOD_GET) != 0)
        return send_text(connection, MHD_HTTP_METHOD_NOT_ALLOWED, "GET or POST\n");
    if (strcmp(url, "/") == 0)
        return send_page(connection);
    if (strcmp(url, "/events") == 0)
        return send_stream(connection);
    return send_text(connection, MHD_HTTP_NOT_FOUND, "there is / and there is /events\n");
}

void live_start(unsigned port, size_t capacity, struct ticket_client *client, void (*stop)(void))
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

    capacity_shown = capacity;
    stop_program = stop;
    root = client;
    if (pipe(ending) == 0)
        http = MHD_start_daemon(
            MHD_USE_THREAD_PER_CONNECTION | MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_POLL, 0, NULL,
            NULL, on_request, NULL, MHD_OPTION_SOCK_ADDR, &address, MHD_OPTION_END);
    if (http == NULL)
        printf("No live page: port %u of 127.0.0.1 can't be had.\n", port);
    else
        printf("The live page is http://127.0.0.1:%u/\n",
               (unsigned)MHD_get_daemon_info(http, MHD_DAEMON_INFO_BIND_PORT)->port);
}

void live_stop(void)
{
    atomic_store(&over, true);
    close(ending[1]); /* from now on there is an end to read from the pipe */
    pthread_mutex_lock(&root_lock);
    root = NULL;
    join_loads(true);
    pthread_mutex_unlock(&root_lock);
    wait_for_viewers();
    if (http != NULL)
        MHD_stop_daemon(http);
    close(ending[0]);
    free(board.tickets);
}
