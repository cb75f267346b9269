/* Concurrency Kit's ck_ring with the functions of a channel. It queues pointers: a message of up to
 * 8 bytes travels in the pointer itself, a larger one in an allocation of its own. Nobody sleeps:
 * a thread that has to wait backs off as ck does, for twice as long each time, and then gives way.
 * That takes a whole processor while nothing happens, so it is not a right answer to exercise 02.
 * A ring is always bounded, and holds one less than a power of two. */
#include "../../exercises/04_bounded/channel.h"

#include <ck_backoff.h>
#include <ck_ring.h>
#include <sched.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { USUAL = 4096, SMALLEST = 4, LONGEST_BACKOFF = 1 << 12 };

struct receiver {
    ck_ring_t ring;
    size_t size;
    _Alignas(64) unsigned senders;
    unsigned handles; /* the senders and the receiver: the last frees this */
    ck_ring_buffer_t places[];
};

struct sender {
    struct receiver *to;
};

static char end_mark;

static enum channel_status open_ring(size_t message_size, size_t places, struct sender **tx,
                                     struct receiver **rx)
{
    struct receiver *receiver =
        aligned_alloc(64, sizeof *receiver + places * sizeof receiver->places[0]);

    ck_ring_init(&receiver->ring, places);
    receiver->size = message_size;
    receiver->senders = 1;
    receiver->handles = 2;
    *tx = malloc(sizeof **tx);
    (*tx)->to = *rx = receiver;
    return CHANNEL_OK;
}

enum channel_status channel_create(size_t message_size, struct sender **tx, struct receiver **rx)
{
    return open_ring(message_size, USUAL, tx, rx);
}

/* The largest ring with no more than that capacity: 127 for 128. */
enum channel_status channel_create_bounded(size_t message_size, size_t capacity,
                                           void (*drop)(void *message), struct sender **tx,
                                           struct receiver **rx)
{
    size_t places = SMALLEST;

    (void)drop;
    while (places * 2 - 1 <= capacity)
        places *= 2;
    if (places - 1 > capacity)
        return CHANNEL_INVALID;
    return open_ring(message_size, places, tx, rx);
}

struct sender *sender_clone(struct sender *tx)
{
    struct sender *clone = malloc(sizeof *clone);

    *clone = *tx;
    ck_pr_inc_uint(&tx->to->senders);
    ck_pr_inc_uint(&tx->to->handles);
    return clone;
}

static void wait_a_little(ck_backoff_t *backoff)
{
    if (*backoff < LONGEST_BACKOFF)
        ck_backoff_eb(backoff);
    else
        sched_yield();
}

static void enqueue(struct receiver *rx, void *value)
{
    ck_backoff_t backoff = CK_BACKOFF_INITIALIZER;

    while (!ck_ring_enqueue_mpsc(&rx->ring, rx->places, value))
        wait_a_little(&backoff);
}

enum channel_status sender_send(struct sender *tx, const void *message)
{
    void *value = NULL;
    size_t size = tx->to->size;

    if (size > sizeof value)
        memcpy(value = malloc(size), message, size);
    else
        memcpy(&value, message, size);
    enqueue(tx->to, value);
    return CHANNEL_OK;
}

enum channel_status receiver_recv(struct receiver *rx, void *message)
{
    ck_backoff_t backoff = CK_BACKOFF_INITIALIZER;
    void *value;

    while (!ck_ring_dequeue_mpsc(&rx->ring, rx->places, &value))
        wait_a_little(&backoff);
    if (value == &end_mark)
        return CHANNEL_CLOSED;
    if (rx->size > sizeof value) {
        memcpy(message, value, rx->size);
        free(value);
    } else {
        memcpy(message, &value, rx->size);
    }
    return CHANNEL_OK;
}

static void drop_handle(struct receiver *rx)
{
    bool last;

    ck_pr_dec_uint_zero(&rx->handles, &last);
    if (last)
        free(rx);
}

void sender_drop(struct sender *tx)
{
    bool last;

    ck_pr_dec_uint_zero(&tx->to->senders, &last);
    if (last)
        enqueue(tx->to, &end_mark);
    drop_handle(tx->to);
    free(tx);
}

void receiver_drop(struct receiver *rx)
{
    drop_handle(rx);
}
