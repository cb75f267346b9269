/* GLib's GAsyncQueue with the functions of a channel. It queues pointers: a message of up to 8
 * bytes travels in the pointer itself, a larger one in an allocation of its own. It has no
 * notion of an end, so the last sender pushes a mark. */
#include "../../exercises/02_blocking/channel.h"

#include <glib.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>

struct sender {
    GAsyncQueue *queue;
    size_t size;
    atomic_int *senders;
};

struct receiver {
    GAsyncQueue *queue;
    size_t size;
    atomic_int senders;
};

static char end_mark;

enum channel_status channel_create(size_t message_size, struct sender **tx, struct receiver **rx)
{
    *tx = g_malloc(sizeof **tx);
    *rx = g_malloc(sizeof **rx);
    (*rx)->queue = g_async_queue_new();
    (*rx)->size = message_size;
    atomic_init(&(*rx)->senders, 1);
    **tx = (struct sender){g_async_queue_ref((*rx)->queue), message_size, &(*rx)->senders};
    return CHANNEL_OK;
}

struct sender *sender_clone(struct sender *tx)
{
    atomic_fetch_add(tx->senders, 1);
    g_async_queue_ref(tx->queue);
    return g_memdup2(tx, sizeof *tx);
}

enum channel_status sender_send(struct sender *tx, const void *message)
{
    uintptr_t value = 0;

    if (tx->size > sizeof value) {
        g_async_queue_push(tx->queue, g_memdup2(message, tx->size));
    } else {
        memcpy(&value, message, tx->size);
        g_async_queue_push(tx->queue, (gpointer)(value | (uintptr_t)1 << 63)); /* never NULL */
    }
    return CHANNEL_OK;
}

enum channel_status receiver_recv(struct receiver *rx, void *message)
{
    gpointer got = g_async_queue_pop(rx->queue);
    uintptr_t value = (uintptr_t)got & ~((uintptr_t)1 << 63);

    if (got == &end_mark)
        return CHANNEL_CLOSED;
    if (rx->size > sizeof value) {
        memcpy(message, got, rx->size);
        g_free(got);
    } else {
        memcpy(message, &value, rx->size);
    }
    return CHANNEL_OK;
}

void sender_drop(struct sender *tx)
{
    if (atomic_fetch_sub(tx->senders, 1) == 1)
        g_async_queue_push(tx->queue, &end_mark);
    g_async_queue_unref(tx->queue);
    g_free(tx);
}

void receiver_drop(struct receiver *rx)
{
    g_async_queue_unref(rx->queue);
    g_free(rx);
}
