/* One lock for those who put and one for who takes, an atomic count between them, and wake-ups that are
 * passed on from sender to sender, as in Java's LinkedBlockingQueue. Nodes of a bounded channel come
 * from a pool that is filled at the beginning. */
#include "channel.h"

#include <pthread.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct node {
    struct node *next;
    alignas(max_align_t) unsigned char message[];
};

struct channel {
    size_t message_size;
    size_t capacity; /* SIZE_MAX: unbounded */
    void (*drop)(void *message);

    pthread_mutex_t put_lock;
    pthread_cond_t not_full;
    struct node *tail;
    bool closed;

    pthread_mutex_t take_lock;
    pthread_cond_t not_empty;
    struct node *head; /* its message has been taken */

    pthread_mutex_t pool_lock;
    struct node *pool;

    atomic_size_t count;
    atomic_size_t senders;
    atomic_size_t references;
};

struct sender {
    struct channel *ch;
};

struct receiver {
    struct channel *ch;
};

static struct node *new_node(struct channel *ch)
{
    struct node *node = NULL;

    if (ch->message_size <= SIZE_MAX - sizeof *node)
        node = malloc(sizeof *node + ch->message_size);
    if (node != NULL)
        node->next = NULL;
    return node;
}

static struct node *get_node(struct channel *ch)
{
    struct node *node;

    if (ch->capacity == SIZE_MAX)
        return new_node(ch);
    pthread_mutex_lock(&ch->pool_lock);
    node = ch->pool;
    ch->pool = node->next;
    pthread_mutex_unlock(&ch->pool_lock);
    node->next = NULL;
    return node;
}

static void put_node(struct channel *ch, struct node *node)
{
    if (ch->capacity == SIZE_MAX) {
        free(node);
        return;
    }
    pthread_mutex_lock(&ch->pool_lock);
    node->next = ch->pool;
    ch->pool = node;
    pthread_mutex_unlock(&ch->pool_lock);
}

static void unreference(struct channel *ch)
{
    struct node *node;

    if (atomic_fetch_sub(&ch->references, 1) > 1)
        return;
    while ((node = ch->pool) != NULL) {
        ch->pool = node->next;
        free(node);
    }
    free(ch->head);
    pthread_mutex_destroy(&ch->put_lock);
    pthread_mutex_destroy(&ch->take_lock);
    pthread_mutex_destroy(&ch->pool_lock);
    pthread_cond_destroy(&ch->not_full);
    pthread_cond_destroy(&ch->not_empty);
    free(ch);
}

static struct channel *new_channel(size_t message_size, size_t capacity, void (*drop)(void *message))
{
    struct channel *ch = calloc(1, sizeof *ch);

    if (ch == NULL)
        return NULL;
    ch->message_size = message_size;
    ch->capacity = capacity;
    ch->drop = drop;
    atomic_init(&ch->count, 0);
    atomic_init(&ch->senders, 1);
    atomic_init(&ch->references, 2);
    pthread_mutex_init(&ch->put_lock, NULL);
    pthread_mutex_init(&ch->take_lock, NULL);
    pthread_mutex_init(&ch->pool_lock, NULL);
    pthread_cond_init(&ch->not_full, NULL);
    pthread_cond_init(&ch->not_empty, NULL);
    ch->head = ch->tail = new_node(ch);
    for (size_t i = 0; ch->head != NULL && capacity != SIZE_MAX && i < capacity; i++) {
        struct node *node = new_node(ch);

        if (node == NULL) {
            free(ch->head);
            ch->head = NULL;
        } else {
            node->next = ch->pool;
            ch->pool = node;
        }
    }
    if (ch->head == NULL) {
        atomic_store(&ch->references, 1);
        unreference(ch);
        return NULL;
    }
    return ch;
}

static enum channel_status create(size_t message_size, size_t capacity, void (*drop)(void *message),
                                  struct sender **tx, struct receiver **rx)
{
    struct sender *s;
    struct receiver *r;
    struct channel *ch;

    if (message_size == 0 || capacity == 0)
        return CHANNEL_INVALID;
    s = malloc(sizeof *s);
    r = malloc(sizeof *r);
    ch = s != NULL && r != NULL ? new_channel(message_size, capacity, drop) : NULL;
    if (ch == NULL) {
        free(s);
        free(r);
        return CHANNEL_NO_MEMORY;
    }
    s->ch = r->ch = ch;
    *tx = s;
    *rx = r;
    return CHANNEL_OK;
}

enum channel_status channel_create_bounded(size_t message_size, size_t capacity,
                                           void (*drop)(void *message), struct sender **tx,
                                           struct receiver **rx)
{
    if (message_size != 0 && capacity > SIZE_MAX / 2 / message_size)
        return CHANNEL_NO_MEMORY;
    return create(message_size, capacity, drop, tx, rx);
}

enum channel_status channel_create_with_drop(size_t message_size, void (*drop)(void *message),
                                             struct sender **tx, struct receiver **rx)
{
    return create(message_size, SIZE_MAX, drop, tx, rx);
}

enum channel_status channel_create(size_t message_size, struct sender **tx, struct receiver **rx)
{
    return create(message_size, SIZE_MAX, NULL, tx, rx);
}

struct sender *sender_clone(struct sender *tx)
{
    struct sender *s = malloc(sizeof *s);

    if (s == NULL)
        return NULL;
    s->ch = tx->ch;
    atomic_fetch_add(&s->ch->senders, 1);
    atomic_fetch_add(&s->ch->references, 1);
    return s;
}

static void wake_receiver(struct channel *ch)
{
    pthread_mutex_lock(&ch->take_lock);
    pthread_cond_signal(&ch->not_empty);
    pthread_mutex_unlock(&ch->take_lock);
}

static void wake_one_sender(struct channel *ch)
{
    pthread_mutex_lock(&ch->put_lock);
    pthread_cond_signal(&ch->not_full);
    pthread_mutex_unlock(&ch->put_lock);
}

static enum channel_status send(struct channel *ch, const void *message, bool may_sleep)
{
    struct node *node = NULL;
    size_t before = 1;
    enum channel_status status = CHANNEL_OK;

    pthread_mutex_lock(&ch->put_lock);
    while (may_sleep && !ch->closed && atomic_load(&ch->count) == ch->capacity)
        pthread_cond_wait(&ch->not_full, &ch->put_lock);
    if (ch->closed)
        status = CHANNEL_CLOSED;
    else if (atomic_load(&ch->count) == ch->capacity)
        status = CHANNEL_FULL;
    else if ((node = get_node(ch)) == NULL)
        status = CHANNEL_NO_MEMORY;
    if (status == CHANNEL_OK) {
        memcpy(node->message, message, ch->message_size);
        ch->tail->next = node;
        ch->tail = node;
        before = atomic_fetch_add(&ch->count, 1);
        if (before + 1 < ch->capacity)
            pthread_cond_signal(&ch->not_full); /* another one may have been told of nothing */
    }
    pthread_mutex_unlock(&ch->put_lock);
    if (before == 0)
        wake_receiver(ch);
    return status;
}

enum channel_status sender_send(struct sender *tx, const void *message)
{
    return send(tx->ch, message, true);
}

enum channel_status sender_try_send(struct sender *tx, const void *message)
{
    return send(tx->ch, message, false);
}

/* Takes the message that is there, and says whether the channel was full. The take lock is held. */
static bool take(struct channel *ch, void *message)
{
    struct node *old = ch->head;

    ch->head = old->next;
    memcpy(message, ch->head->message, ch->message_size);
    put_node(ch, old); /* before count falls: who finds a place shall find a node */
    return atomic_fetch_sub(&ch->count, 1) == ch->capacity;
}

static enum channel_status receive(struct channel *ch, void *message, bool may_sleep)
{
    bool was_full = false, senders_left, empty;

    pthread_mutex_lock(&ch->take_lock);
    while (may_sleep && atomic_load(&ch->count) == 0 && atomic_load(&ch->senders) > 0)
        pthread_cond_wait(&ch->not_empty, &ch->take_lock);
    senders_left = atomic_load(&ch->senders) > 0; /* before count: what they sent is counted */
    empty = atomic_load(&ch->count) == 0;
    if (!empty)
        was_full = take(ch, message);
    pthread_mutex_unlock(&ch->take_lock);
    if (was_full)
        wake_one_sender(ch);
    if (!empty)
        return CHANNEL_OK;
    return senders_left ? CHANNEL_EMPTY : CHANNEL_CLOSED;
}

enum channel_status receiver_try_recv(struct receiver *rx, void *message)
{
    return receive(rx->ch, message, false);
}

enum channel_status receiver_recv(struct receiver *rx, void *message)
{
    return receive(rx->ch, message, true);
}

void sender_drop(struct sender *tx)
{
    struct channel *ch;

    if (tx == NULL)
        return;
    ch = tx->ch;
    free(tx);
    if (atomic_fetch_sub(&ch->senders, 1) == 1)
        wake_receiver(ch);
    unreference(ch);
}

void receiver_drop(struct receiver *rx)
{
    struct channel *ch;
    struct node *node, *next;

    if (rx == NULL)
        return;
    ch = rx->ch;
    free(rx);
    pthread_mutex_lock(&ch->put_lock);
    ch->closed = true;
    pthread_cond_broadcast(&ch->not_full);
    pthread_mutex_unlock(&ch->put_lock);
    node = ch->head->next; /* nobody puts any more, and nobody else takes */
    ch->head->next = NULL;
    for (; node != NULL; node = next) {
        next = node->next;
        if (ch->drop != NULL)
            ch->drop(node->message);
        free(node);
    }
    unreference(ch);
}
