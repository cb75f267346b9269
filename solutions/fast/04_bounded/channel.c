/* The fast 04: messages go to the receiver in batches, places come back to the senders without a
 * lock, and whoever waits for another thread that runs looks again before it gives its processor
 * away, and gives it away before it sleeps.
 *
 * Invariants, true whenever nobody holds the lock
 *   batch   Of its count messages, the oldest first, the first taken have been received.
 *   order   Every message in the receiver's batch is older than every message in queue. The
 *           receiver reads its batch without the lock, and swaps the two at its end.
 *   room    Bounded: room + places + messages queued + messages left in the receiver's batch =
 *           capacity.
 *   memory  Whoever drops the last handle, of either kind, frees the channel.
 *   owner   A queued message is the channel's. What is left in both batches when the receiver goes
 *           is receiver_drop's, which drops it without the lock and without the channel.
 *   readable  The receiver sleeps only while nothing is queued and a sender is left. It has said so
 *           in receiver_sleeps, or its signal is on the way.
 *   places  A sender sleeps only while the channel is full and the receiver is there, or while
 *           another sender is searching: awake, and looking for a place. Whoever gives a place back
 *           leaves the waking to it. A sender that stops searching wakes the next one if a place is
 *           left, and looks for a place once more before it sleeps itself.
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
    LONG = 65536, /* messages: room for more, unbounded, isn't kept where nothing is queued */
    TURNS = 1024, /* places that a searching sender may find before another one is woken, too */
};

struct batch {
    unsigned char *messages;
    size_t message_size; /* in bytes */
    size_t capacity;     /* in messages, like the following */
    size_t count;
    size_t taken;
};

struct sender {
    struct channel *channel;
};

struct receiver { /* used by one thread at a time, so lock need not be held */
    struct channel *channel;
    struct batch batch;
    unsigned in_vain; /* waits since a message has come during a pause */
    unsigned left;    /* places whose waking was left to a searching sender */
};

struct channel {
    struct receiver rx; /* far from what senders use: a cache line has one writer at a time */
    void (*drop)(void *message); /* never changes; NULL: messages own nothing */
    size_t capacity;             /* never changes; 0: unbounded */

    /* Looked at by anybody: */
    atomic_bool news;     /* something is queued, or no sender is left. Changes under the lock */
    atomic_size_t places; /* given back, and not yet fetched. Fetched under the lock */
    atomic_size_t searching, sleeping; /* senders that wait for a place. Change under the lock */

    pthread_cond_t writable; /* wake_ups is above 0 */
    pthread_cond_t readable; /* a message is queued, or no sender is left */
    struct sender tx;        /* all senders: a clone is counted, and takes no memory */
    pthread_mutex_t lock;

    /* lock must be held when using these: */
    struct batch queue;
    size_t room;    /* for so many messages; unbounded: always enough */
    size_t senders; /* handles given out and not yet dropped */
    bool receiver_alive;
    bool receiver_sleeps;
    size_t wake_ups; /* sleeping senders that may wake, and are counted as searching already */
};

/* Makes room for capacity messages. False when out of memory: then nothing has changed. */
static bool grow(struct batch *batch, size_t capacity)
{
    unsigned char *messages = NULL;

    if (capacity <= SIZE_MAX / batch->message_size)
        messages = realloc(batch->messages, capacity * batch->message_size);
    if (messages == NULL)
        return false;
    batch->messages = messages;
    batch->capacity = capacity;
    return true;
}

/* capacity 0: unbounded. */
static enum channel_status create(size_t message_size, size_t capacity, void (*drop)(void *message),
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
        .capacity = capacity,
        .writable = PTHREAD_COND_INITIALIZER,
        .readable = PTHREAD_COND_INITIALIZER,
        .lock = PTHREAD_MUTEX_INITIALIZER,
        .queue.message_size = message_size,
        .room = capacity > 0 ? capacity : SIZE_MAX,
        .senders = 1,
        .receiver_alive = true,
    };
    if (capacity > 0 && !(grow(&ch->queue, capacity) && grow(&ch->rx.batch, capacity))) {
        free(ch->queue.messages);
        free(ch);
        return CHANNEL_NO_MEMORY;
    }
    *tx = &ch->tx;
    *rx = &ch->rx;
    return CHANNEL_OK;
}

enum channel_status channel_create_bounded(size_t message_size, size_t capacity,
                                           void (*drop)(void *message), struct sender **tx,
                                           struct receiver **rx)
{
    return capacity == 0 ? CHANNEL_INVALID : create(message_size, capacity, drop, tx, rx);
}

enum channel_status channel_create_with_drop(size_t message_size, void (*drop)(void *message),
                                             struct sender **tx, struct receiver **rx)
{
    return create(message_size, 0, drop, tx, rx);
}

enum channel_status channel_create(size_t message_size, struct sender **tx, struct receiver **rx)
{
    return create(message_size, 0, NULL, tx, rx);
}

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

struct sender *sender_clone(struct sender *tx)
{
    struct channel *ch = tx->channel;

    lock(&ch->lock);
    ch->senders++;
    pthread_mutex_unlock(&ch->lock);
    return tx;
}

/* Says whether there is room, having fetched all places if need be. lock is held. */
static bool has_room(struct channel *ch)
{
    if (ch->room == 0 && ch->places > 0)
        ch->room = atomic_exchange(&ch->places, 0);
    return ch->room > 0;
}

/* Lets a sleeping sender search, if one sleeps. lock is held. */
static void wake_sender(struct channel *ch)
{
    if (ch->sleeping == 0)
        return;
    ch->sleeping--;
    ch->searching++;
    ch->wake_ups++;
    pthread_cond_signal(&ch->writable);
}

/* Turns a searching sender into a sleeping one until somebody wakes it. lock is held. A place that
 * was given back before the receiver could see it sleeping is found here. */
static void sleep_for_place(struct channel *ch)
{
    ch->sleeping++;
    ch->searching--;
    if (has_room(ch))
        wake_sender(ch);
    while (ch->wake_ups == 0)
        pthread_cond_wait(&ch->writable, &ch->lock);
    ch->wake_ups--;
}

/* Searches for a place, and sleeps if none comes. lock is held, and let go meanwhile: another
 * sender may fetch the place first, so this is called in a loop. A receiver that runs gives back
 * one place after the other: at first, while it only pauses, a sender waits for half of them. */
static void wait_for_place(struct channel *ch)
{
    size_t half = ch->capacity - ch->capacity / 2;

    pthread_mutex_unlock(&ch->lock);
    for (int look = 0; look < LOOKS && ch->places < (look < PAUSES ? half : 1); look++)
        pass_time(look);
    lock(&ch->lock);
    if (ch->receiver_alive && !has_room(ch))
        sleep_for_place(ch);
}

/* A send as far as it gets without sleeping. lock is held. */
static enum channel_status push(struct channel *ch, const void *message)
{
    struct batch *queue = &ch->queue;

    if (!ch->receiver_alive)
        return CHANNEL_CLOSED;
    if (!has_room(ch))
        return CHANNEL_FULL;
    if (queue->count == queue->capacity && !grow(queue, 2 * queue->capacity + 4))
        return CHANNEL_NO_MEMORY;
    memcpy(queue->messages + queue->count * queue->message_size, message, queue->message_size);
    if (queue->count++ == 0)
        ch->news = true;
    ch->room--;
    return CHANNEL_OK;
}

/* Unlocks, and then wakes the receiver if there is something to wake it for. The caller's sender
 * keeps the channel alive. */
static void unlock_and_wake_receiver(struct channel *ch)
{
    bool wake = ch->receiver_sleeps && ch->queue.count > 0;

    if (wake)
        ch->receiver_sleeps = false; /* the next sender need not wake it again */
    pthread_mutex_unlock(&ch->lock);
    if (wake)
        pthread_cond_signal(&ch->readable);
}

/* A send to a full channel. lock is held. */
static enum channel_status search_and_push(struct channel *ch, const void *message)
{
    enum channel_status status;

    ch->searching++;
    while ((status = push(ch, message)) == CHANNEL_FULL)
        wait_for_place(ch);
    ch->searching--;
    if (ch->searching == 0 && has_room(ch))
        wake_sender(ch);
    return status;
}

enum channel_status sender_send(struct sender *tx, const void *message)
{
    struct channel *ch = tx->channel;
    enum channel_status status;

    lock(&ch->lock);
    status = push(ch, message);
    if (status == CHANNEL_FULL)
        status = search_and_push(ch, message);
    unlock_and_wake_receiver(ch);
    return status;
}

enum channel_status sender_try_send(struct sender *tx, const void *message)
{
    struct channel *ch = tx->channel;
    enum channel_status status;

    lock(&ch->lock);
    status = push(ch, message);
    unlock_and_wake_receiver(ch);
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

/* Gets the receiver, which has read its batch to the end, the next one. Says whether a sender is
 * left. */
static bool refill(struct receiver *rx, bool may_sleep)
{
    struct channel *ch = rx->channel;
    struct batch read = rx->batch;
    bool senders_left;

    if (may_sleep)
        await_news(rx);
    read.count = read.taken = 0;
    lock(&ch->lock);
    while (may_sleep && ch->queue.count == 0 && ch->senders > 0) {
        ch->receiver_sleeps = true;
        pthread_cond_wait(&ch->readable, &ch->lock);
    }
    ch->receiver_sleeps = false;
    rx->batch = ch->queue;
    ch->queue = read;
    senders_left = ch->senders > 0;
    ch->news = !senders_left;
    pthread_mutex_unlock(&ch->lock);
    return senders_left;
}

/* Gives back the place of a message that has been received. A searching sender finds it by itself;
 * a sleeping one is woken if nobody searches, and once in a while though somebody does: else one
 * that is always quicker could keep the others asleep. */
static void give_back_place(struct receiver *rx)
{
    struct channel *ch = rx->channel;

    ch->places++;
    if (ch->sleeping == 0)
        return;
    if (ch->searching > 0 && ++rx->left % TURNS != 0)
        return;
    lock(&ch->lock);
    wake_sender(ch);
    pthread_mutex_unlock(&ch->lock);
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

static enum channel_status receive(struct receiver *rx, void *message, bool may_sleep)
{
    struct batch *batch = &rx->batch;
    bool senders_left = true;

    if (batch->taken == batch->count)
        senders_left = refill(rx, may_sleep);
    if (batch->taken == batch->count)
        return senders_left ? CHANNEL_EMPTY : CHANNEL_CLOSED;
    memcpy(message, batch->messages + batch->taken * batch->message_size, batch->message_size);
    batch->taken++;
    if (rx->channel->capacity > 0)
        give_back_place(rx);
    else
        let_go_if_long(rx);
    return CHANNEL_OK;
}

enum channel_status receiver_try_recv(struct receiver *rx, void *message)
{
    return receive(rx, message, false);
}

enum channel_status receiver_recv(struct receiver *rx, void *message)
{
    return receive(rx, message, true);
}

/* Unlocks, and frees the channel if the handle that was just dropped was the last one. Which one is
 * the last is decided under the lock: without it, somebody else may free the channel meanwhile. */
static void unlock_and_free_if_last(struct channel *ch)
{
    bool last = ch->senders == 0 && !ch->receiver_alive;

    pthread_mutex_unlock(&ch->lock);
    if (!last)
        return;
    pthread_cond_destroy(&ch->writable);
    pthread_cond_destroy(&ch->readable);
    pthread_mutex_destroy(&ch->lock);
    free(ch);
}

void sender_drop(struct sender *tx)
{
    if (tx == NULL)
        return;

    struct channel *ch = tx->channel;
    lock(&ch->lock);
    if (--ch->senders == 0) {
        ch->news = true;
        pthread_cond_signal(&ch->readable);
    }
    unlock_and_free_if_last(ch);
}

static void drop_all(const struct batch *batch, void (*drop)(void *message))
{
    for (size_t i = batch->taken; drop != NULL && i < batch->count; i++)
        drop(batch->messages + i * batch->message_size);
    free(batch->messages);
}

void receiver_drop(struct receiver *rx)
{
    if (rx == NULL)
        return;

    struct channel *ch = rx->channel;
    void (*drop)(void *message) = ch->drop;
    lock(&ch->lock);
    ch->receiver_alive = false;
    while (ch->sleeping > 0)
        wake_sender(ch);
    struct batch older = rx->batch, newer = ch->queue;
    unlock_and_free_if_last(ch); /* from here on ch may be gone: drop may drop its last sender */
    drop_all(&older, drop);
    drop_all(&newer, drop);
}
