/* Two batches of messages: senders append to one under the lock; the receiver reads the other
 * without it, and takes the lock only to swap the two when it has read its own to the end.
 *
 * Invariants
 *   batch: of its count messages, oldest first, the first taken have been received.
 *   channel: every message in the receiver's batch is older than every message in queue.
 *     receiver_alive: the receiver has not been dropped. handles counts it and all senders; whoever
 *     drops the last one frees the channel.
 *     While the receiver waits for readable, receiver_waits is true or its signal is on the way.
 *   drop: called without the lock, for what is left in both batches, once receiver_alive is false
 *     and so nothing is appended any more, by the receiver, whose handle keeps the channel alive.
 *   All senders are one object, which is counted: a clone costs no memory.
 */
#include "channel.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum {
    LOOKS = 16,   /* how often a thread looks again before it falls asleep: */
    PAUSES = 6,   /* so often after a pause, each twice as long; then it gives its processor away */
    MANY = 8,     /* messages in a batch: more are about to come */
    LONG = 65536, /* messages: room for more isn't kept where nothing is queued */
};

struct batch {
    size_t message_size; /* in bytes */
    unsigned char *messages;
    size_t capacity; /* in messages, like the following */
    size_t count;
    size_t taken;
};

struct sender {
    struct channel *channel;
};

struct receiver { /* private to the thread that uses it, so lock need not be held */
    struct channel *channel;
    struct batch batch;
    unsigned in_vain; /* waits since a message has come during a pause */
};

struct channel {
    struct receiver rx; /* far from what senders use: a cache line has one writer at a time */
    void (*drop)(void *message); /* never changes; may be NULL */
    atomic_bool news;        /* something is queued, or no sender is left. Changes under the lock */
    pthread_cond_t readable; /* something is queued, or the receiver's is the only handle */
    struct sender tx;
    pthread_mutex_t lock;

    /* lock must be held when using these: */
    struct batch queue;
    size_t handles;
    bool receiver_alive;
    bool receiver_waits;
};

/* Passes the time until the next look: at first by waiting, since the other thread may be about to
 * finish on another processor, and later by letting it run on this one. */
static void pass_time(int look)
{
    if (look >= PAUSES) {
        sched_yield();
        return;
    }
    for (int i = 0; i < 1 << look; i++) {
#if defined __x86_64__ || defined __i386__
        __builtin_ia32_pause();
#elif defined __aarch64__
        __asm__ volatile("isb");
#else
        atomic_signal_fence(memory_order_seq_cst);
#endif
    }
}

/* Takes the lock. A thread that finds it taken falls asleep only after a while. */
static void lock(pthread_mutex_t *mutex)
{
    for (int look = 0; look < LOOKS; look++) {
        if (pthread_mutex_trylock(mutex) == 0)
            return;
        pass_time(look);
    }
    pthread_mutex_lock(mutex);
}

/* Makes room for capacity messages. False, and nothing has changed, when memory holds no more. */
static bool grow(struct batch *batch, size_t capacity)
{
    unsigned char *messages;

    if (capacity > SIZE_MAX / batch->message_size)
        return false;
    messages = realloc(batch->messages, capacity * batch->message_size);
    if (messages == NULL)
        return false;
    batch->messages = messages;
    batch->capacity = capacity;
    return true;
}

/* Copies a message in, behind the others. False, and nothing has changed, when out of memory. */
static bool append(struct batch *batch, const void *message)
{
    if (batch->count == batch->capacity && !grow(batch, batch->count > 0 ? 2 * batch->count : 4))
        return false;
    memcpy(batch->messages + batch->count * batch->message_size, message, batch->message_size);
    batch->count++;
    return true;
}

/* Copies the oldest message out. False, and message is untouched, when there is none. */
static bool take(struct batch *batch, void *message)
{
    if (batch->taken == batch->count)
        return false;
    memcpy(message, batch->messages + batch->taken * batch->message_size, batch->message_size);
    batch->taken++;
    return true;
}

/* Swaps a batch that has been read to the end for what is queued. */
static void next_batch(struct batch *batch, struct batch *queue)
{
    struct batch read = *batch;

    *batch = *queue;
    *queue = read;
    queue->count = queue->taken = 0;
}

enum channel_status channel_create_with_drop(size_t message_size, void (*drop)(void *message),
                                             struct sender **tx, struct receiver **rx)
{
    struct channel *ch;

    if (message_size == 0)
        return CHANNEL_INVALID;
    ch = malloc(sizeof *ch);
    if (ch == NULL)
        return CHANNEL_NO_MEMORY;
    *ch = (struct channel){
        .rx = {.channel = ch, .batch.message_size = message_size},
        .tx.channel = ch,
        .drop = drop,
        .readable = PTHREAD_COND_INITIALIZER,
        .lock = PTHREAD_MUTEX_INITIALIZER,
        .queue.message_size = message_size,
        .handles = 2,
        .receiver_alive = true,
    };
    *tx = &ch->tx;
    *rx = &ch->rx;
    return CHANNEL_OK;
}

enum channel_status channel_create(size_t message_size, struct sender **tx, struct receiver **rx)
{
    return channel_create_with_drop(message_size, NULL, tx, rx);
}

struct sender *sender_clone(struct sender *tx)
{
    struct channel *ch = tx->channel;

    lock(&ch->lock);
    ch->handles++;
    pthread_mutex_unlock(&ch->lock);
    return tx;
}

enum channel_status sender_send(struct sender *tx, const void *message)
{
    struct channel *ch = tx->channel;
    enum channel_status status = CHANNEL_CLOSED;
    bool wake;

    lock(&ch->lock);
    if (ch->receiver_alive)
        status = append(&ch->queue, message) ? CHANNEL_OK : CHANNEL_NO_MEMORY;
    if (ch->queue.count == 1)
        ch->news = true;
    wake = status == CHANNEL_OK && ch->receiver_waits;
    if (wake)
        ch->receiver_waits = false; /* the next sender need not wake it again */
    pthread_mutex_unlock(&ch->lock);
    if (wake)
        pthread_cond_signal(&ch->readable); /* tx keeps the channel alive */
    return status;
}

/* Waits a little for news. Where pausing was in vain the sender has no processor of its own, it
 * seems: the next three times it gets this one at once. And where a long batch came last time, its
 * sender gets the time for another one. */
static void await_news(struct receiver *rx)
{
    bool pauses = rx->in_vain % 4 == 0;
    int look = pauses ? 0 : PAUSES;

    while (look < LOOKS && !rx->channel->news)
        pass_time(look++);
    if (pauses && look <= PAUSES)
        rx->in_vain = 0;
    else
        rx->in_vain++;
    if (rx->batch.count > MANY)
        pass_time(PAUSES - 1);
}

/* Gets the receiver, which has read its batch, the next one. Says whether a sender is left. */
static bool refill(struct receiver *rx, bool may_wait)
{
    struct channel *ch = rx->channel;
    bool senders_left;

    if (may_wait)
        await_news(rx);
    lock(&ch->lock);
    while (may_wait && ch->queue.count == 0 && ch->handles > 1) {
        ch->receiver_waits = true;
        pthread_cond_wait(&ch->readable, &ch->lock);
    }
    ch->receiver_waits = false;
    next_batch(&rx->batch, &ch->queue);
    senders_left = ch->handles > 1;
    ch->news = !senders_left;
    pthread_mutex_unlock(&ch->lock);
    return senders_left;
}

/* Gives the memory of a long batch back that has been read to the end, unless more is to be read:
 * a channel that was long once need not stay so. */
static void let_go_if_long(struct receiver *rx)
{
    struct batch *batch = &rx->batch;

    if (batch->taken < batch->count || batch->capacity <= LONG || rx->channel->news)
        return;
    free(batch->messages);
    *batch = (struct batch){.message_size = batch->message_size};
}

static enum channel_status receive(struct receiver *rx, void *message, bool may_wait)
{
    bool senders_left = true;

    if (rx->batch.taken == rx->batch.count)
        senders_left = refill(rx, may_wait);
    if (take(&rx->batch, message)) { /* first of all: queued messages come before CLOSED */
        let_go_if_long(rx);
        return CHANNEL_OK;
    }
    return senders_left ? CHANNEL_EMPTY : CHANNEL_CLOSED;
}

enum channel_status receiver_try_recv(struct receiver *rx, void *message)
{
    return receive(rx, message, false);
}

enum channel_status receiver_recv(struct receiver *rx, void *message)
{
    return receive(rx, message, true);
}

/* Gives a handle up. */
static void release(struct channel *ch)
{
    bool last;

    lock(&ch->lock);
    ch->handles--;
    last = ch->handles == 0;
    if (ch->handles == 1) { /* perhaps the receiver's */
        ch->news = true;
        pthread_cond_signal(&ch->readable); /* under the lock: after it, ch may be freed */
    }
    pthread_mutex_unlock(&ch->lock);
    if (!last)
        return;
    pthread_cond_destroy(&ch->readable);
    pthread_mutex_destroy(&ch->lock);
    free(ch->rx.batch.messages);
    free(ch->queue.messages);
    free(ch);
}

void sender_drop(struct sender *tx)
{
    if (tx != NULL)
        release(tx->channel);
}

static void drop_all(const struct batch *batch, void (*drop)(void *message))
{
    for (size_t i = batch->taken; drop != NULL && i < batch->count; i++)
        drop(batch->messages + i * batch->message_size);
}

void receiver_drop(struct receiver *rx)
{
    if (rx == NULL)
        return;

    struct channel *ch = rx->channel;
    lock(&ch->lock);
    ch->receiver_alive = false;
    pthread_mutex_unlock(&ch->lock);
    drop_all(&rx->batch, ch->drop);
    drop_all(&ch->queue, ch->drop);
    release(ch);
}
