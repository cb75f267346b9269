/* page.c - the live page: the tickets by status, the clients, and how full the request channel is.
 *
 * Everybody who has the page open is sent a picture of the board as a server-sent event, ten times a
 * second, by a thread of their own (libmicrohttpd's). */
#include "page.h"

#include <arpa/inet.h>
#include <microhttpd.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "board.h"
#include "load.h"
#include "stop.h"

enum { PICTURE_MS = 100, LOAD_CLIENTS_MAX = 200, SLOW_MS_AT_FIRST = 50, SLOW_MS_MAX = 1000 };

struct viewer {
    bool has_seen_the_end;
    size_t used; /* of the picture */
    struct picture picture;
};

/* Those who have the page open. */
static struct viewers {
    pthread_mutex_t lock;
    pthread_cond_t changed; /* count has changed */
    int count;
} viewers = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0};

static struct MHD_Daemon *http;
static atomic_flag is_slow_as_told = ATOMIC_FLAG_INIT; /* or as it is at first */

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
    if (v->used == v->picture.length) {
        if (v->has_seen_the_end)
            return MHD_CONTENT_READER_END_OF_STREAM;
        v->has_seen_the_end = load_ends_within(v->picture.length == 0 ? 0 : PICTURE_MS);
        board_draw(&v->picture);
        v->used = 0;
    }
    bytes = v->picture.length - v->used < room ? v->picture.length - v->used : room;
    memcpy(to, v->picture.text + v->used, bytes);
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

/* The file page.html, put into the program. */
extern const char page_html[], page_html_end[];
__asm__(".pushsection .rodata\n"
        "page_html: .incbin \"page.html\"\n"
        "page_html_end: .byte 0\n"
        ".popsection");

static enum MHD_Result send_page(struct MHD_Connection *connection)
{
    return send_response(connection, MHD_HTTP_OK, "text/html; charset=utf-8",
                         MHD_create_response_from_buffer((size_t)(page_html_end - page_html),
                                                         (void *)(uintptr_t)page_html,
                                                         MHD_RESPMEM_PERSISTENT));
}

static enum MHD_Result send_stream(struct MHD_Connection *connection)
{
    struct viewer *v = calloc(1, sizeof *v);
    struct MHD_Response *response;

    if (v == NULL)
        return MHD_NO;
    if (!atomic_flag_test_and_set(&is_slow_as_told))
        board_set_slowness(SLOW_MS_AT_FIRST); /* somebody looks, who is to see something */
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

/* So many clients more; 0: none any more. */
static void press_load(int clients)
{
    if (clients == 0)
        load_stop();
    else
        load_start(clients);
}

static void press_slow(int ms)
{
    atomic_flag_test_and_set(&is_slow_as_told);
    board_set_slowness(ms);
}

static void press_shutdown(void)
{
    struct timespec look = {.tv_nsec = 3 * PICTURE_MS * 1000000L};

    if (load_shutdown_server() == TICKET_NO_MEMORY)
        return; /* the server goes on */
    board_set_over();
    nanosleep(&look, NULL); /* so that the last answers can be seen */
    stop_program();
}

static enum MHD_Result press_button(struct MHD_Connection *connection, const char *url)
{
    if (!is_from_here(connection))
        return send_text(connection, MHD_HTTP_FORBIDDEN, "only from the page itself\n");
    board_enter("page");
    if (strcmp(url, "/load") == 0)
        press_load(argument(connection, "clients", LOAD_CLIENTS_MAX));
    else if (strcmp(url, "/slow") == 0)
        press_slow(argument(connection, "ms", SLOW_MS_MAX));
    else if (strcmp(url, "/shutdown") == 0)
        press_shutdown();
    board_leave();
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

void page_start(unsigned port, size_t capacity, struct ticket_client *client)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

    board_set_capacity(capacity);
    load_open(client);
    http = MHD_start_daemon(
        MHD_USE_THREAD_PER_CONNECTION | MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_POLL, 0, NULL,
        NULL, on_request, NULL, MHD_OPTION_SOCK_ADDR, &address, MHD_OPTION_END);
    if (http == NULL)
        printf("No live page: port %u of 127.0.0.1 can't be had.\n", port);
    else
        printf("The live page is http://127.0.0.1:%u/\n",
               (unsigned)MHD_get_daemon_info(http, MHD_DAEMON_INFO_BIND_PORT)->port);
}

void page_stop(void)
{
    board_set_over();
    load_close();
    wait_for_viewers();
    if (http != NULL)
        MHD_stop_daemon(http);
}
