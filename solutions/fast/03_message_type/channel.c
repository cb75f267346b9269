/* Two batches of messages: senders append to one under the lock; the receiver reads the other
 * without it, and takes the lock only to swap the two when it has read its own to the end.
 *
 * Invariants
 *   Of the count messages in batch, oldest first, the first taken have been received. Each is older
 *     than every message in queue.
 *   receiver_alive: the receiver has not been dropped. handles counts it and all senders; whoever
 *     drops the last one frees the channel.
 *   While the receiver sleeps, or is about to, receiver_sleeps is true. Whoever makes it false owes
 *     the semaphore one post, so posts and waits pair up.
 *   drop: called without the lock, for what is left in both batches, once receiver_alive is false
 *     and so nothing is appended any more, by the receiver, whose handle keeps the channel alive.
 *   All handles are the channel's address: a clone costs no memory, but the count of them has an
 *     end, and a clone that it has no room for is out of memory.
 */
#include "channel.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum {
    LOOKS = 16,   /* how often a thread looks again before it falls asleep: */
    PAUSES = 6,   /* so often after a pause, each twice as long; then it gives its processor away */
    MANY = 8,     /* messages in a batch: more are about to come */
    LARGE = 8192, /* bytes: of a larger message a batch holds the address of a copy */
    LONG = 65536, /* messages: room for more isn't kept where nothing is queued */
};

struct batch {
    size_t size;       /* in bytes: of a message, or of its address */
    unsigned capacity; /* in messages, like the following */
    unsigned count;    /* once it is the receiver's */
    alignas(max_align_t) unsigned char messages[];
};

/* 120 bytes, so that malloc needs 128. What the receiver uses for each message is 64 bytes from the
 * lock: wherever a cache line begins, it has one writer at a time. */
struct channel {
    /* private to the thread that uses the receiver, so lock need not be held: */
    atomic_bool news;      /* something is queued, or no sender is left. Changes under the lock */
    unsigned char in_vain; /* waits since a message has come during a pause */
    bool receives_large;   /* messages are. Never changes */
    unsigned taken;
    struct batch *batch; /* NULL: none yet, like queue */

    size_t message_size;         /* never changes */
    sem_t wake;                  /* a post for each time receiver_sleeps became false */
    void (*drop)(void *message); /* never changes; may be NULL */

    /* lock must be held when using these: */
    pthread_mutex_t lock;
    struct batch *queue;
    unsigned queued; /* messages in it */
    unsigned handles : 29;
    unsigned sends_large : 1; /* the same, beside what a sender looks at */
    unsigned receiver_alive : 1;
    unsigned receiver_sleeps : 1;
};

static struct channel *of_sender(struct sender *tx)
{
    return (struct channel *)tx;
}

static struct channel *of_receiver(struct receiver *rx)
{
    return (struct channel *)rx;
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

/* Makes room for twice as many messages. False, and nothing has changed, when out of memory. */
static bool grow(struct channel *ch)
{
    size_t size = ch->sends_large ? sizeof(void *) : ch->message_size;
    size_t capacity = ch->queue ? 2 * (size_t)ch->queue->capacity : 4;
    struct batch *queue;

    if (capacity > UINT_MAX || capacity > (SIZE_MAX - sizeof *queue) / size)
        return false;
    queue = realloc(ch->queue, sizeof *queue + capacity * size);
    if (queue == NULL)
        return false;
    queue->size = size;
    queue->capacity = (unsigned)capacity;
    ch->queue = queue;
    return true;
}

/* Copies a message (or its address) in, behind the others. False, and nothing has changed, when out
 * of memory. */
static bool append(struct channel *ch, const void *message)
{
    struct batch *queue = ch->queue;

    if (queue == NULL || ch->queued == queue->capacity) {
        if (!grow(ch))
            return false;
        queue = ch->queue;
    }
    memcpy(queue->messages + ch->queued * queue->size, message, queue->size);
    ch->queued++;
    return true;
}

/* Has the receiver read its batch to the end? */
static bool is_read(const struct channel *ch)
{
    return ch->batch == NULL || ch->taken == ch->batch->count;
}

/* Copies the oldest message (or its address) out. False, and message is untouched, when there is
 * none. */
static bool take(struct channel *ch, void *message)
{
    const struct batch *batch = ch->batch;

    if (is_read(ch))
        return false;
    memcpy(message, batch->messages + ch->taken * batch->size, batch->size);
    ch->taken++;
    return true;
}

/* The same for a large message. */
static bool take_large(struct channel *ch, void *message)
{
    void *copy;

    if (!take(ch, &copy))
        return false;
    memcpy(message, copy, ch->message_size);
    free(copy);
    return true;
}

/* Swaps a batch that has been read to the end for what is queued. */
static void next_batch(struct channel *ch)
{
    struct batch *read = ch->batch;

    ch->batch = ch->queue;
    if (ch->batch)
        ch->batch->count = ch->queued;
    ch->taken = 0;
    ch->queue = read;
    ch->queued = 0;
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
        .message_size = message_size,
        .receives_large = message_size > LARGE,
        .sends_large = message_size > LARGE,
        .drop = drop,
        .lock = PTHREAD_MUTEX_INITIALIZER,
        .handles = 2,
        .receiver_alive = true,
    };
    sem_init(&ch->wake, 0, 0);
    *tx = (struct sender *)ch;
    *rx = (struct receiver *)ch;
    return CHANNEL_OK;
}

enum channel_status channel_create(size_t message_size, struct sender **tx, struct receiver **rx)
{
    return channel_create_with_drop(message_size, NULL, tx, rx);
}

struct sender *sender_clone(struct sender *tx)
{
    struct channel *ch = of_sender(tx);
    bool counted;

    lock(&ch->lock);
    counted = ++ch->handles > 0;
    if (!counted) /* it fits no more */
        ch->handles--;
    pthread_mutex_unlock(&ch->lock);
    return counted ? tx : NULL;
}

/* Says whether the receiver sleeps; then it is to be woken. lock is held. */
static bool was_asleep(struct channel *ch)
{
    bool asleep = ch->receiver_sleeps;

    ch->receiver_sleeps = false; /* the next one need not wake it again */
    return asleep;
}

/* Queues a message (or its address), and unlocks; NULL: out of memory. */
static enum channel_status push_and_unlock(struct channel *ch, const void *message)
{
    enum channel_status status = CHANNEL_CLOSED;
    bool wake;

    if (ch->receiver_alive)
        status = message != NULL && append(ch, message) ? CHANNEL_OK : CHANNEL_NO_MEMORY;
    if (ch->queued == 1)
        ch->news = true;
    wake = status == CHANNEL_OK && was_asleep(ch);
    pthread_mutex_unlock(&ch->lock);
    if (wake)
        sem_post(&ch->wake); /* the caller's sender keeps the channel alive */
    return status;
}

/* lock is held, and let go while the message is copied: with it held the receiver would wait, and
 * the queue grow into memory that was never used before. */
static enum channel_status send_large(struct channel *ch, const void *message)
{
    enum channel_status status;
    void *copy;

    pthread_mutex_unlock(&ch->lock);
    copy = malloc(ch->message_size);
    if (copy != NULL)
        memcpy(copy, message, ch->message_size);
    lock(&ch->lock);
    status = push_and_unlock(ch, copy != NULL ? &copy : NULL);
    if (status != CHANNEL_OK)
        free(copy);
    return status;
}

enum channel_status sender_send(struct sender *tx, const void *message)
{
    struct channel *ch = of_sender(tx);

    lock(&ch->lock);
    return ch->sends_large ? send_large(ch, message) : push_and_unlock(ch, message);
}

/* Waits a little for news. Where pausing was in vain the sender has no processor of its own, it
 * seems: the next three times it gets this one at once. And where a long batch came last time, its
 * sender gets the time for another one. */
static void await_news(struct channel *ch)
{
    bool pauses = ch->in_vain % 4 == 0;
    int look = pauses ? 0 : PAUSES;

    while (look < LOOKS && !ch->news)
        pass_time(look++);
    if (pauses && look <= PAUSES)
        ch->in_vain = 0;
    else
        ch->in_vain++;
    if (ch->batch != NULL && ch->batch->count > MANY)
        pass_time(PAUSES - 1);
}

/* Lets go of the lock until somebody wakes the receiver. */
static void sleep_unlocked(struct channel *ch)
{
    ch->receiver_sleeps = true;
    pthread_mutex_unlock(&ch->lock);
    while (sem_wait(&ch->wake) != 0 && errno == EINTR) /* a signal was handled */
        continue;
    lock(&ch->lock);
}

/* Gets the receiver, which has read its batch, the next one. Says whether a sender is left. */
static bool refill(struct channel *ch, bool may_wait)
{
    bool senders_left;

    if (may_wait)
        await_news(ch);
    lock(&ch->lock);
    while (may_wait && ch->queued == 0 && ch->handles > 1)
        sleep_unlocked(ch);
    next_batch(ch);
    senders_left = ch->handles > 1;
    ch->news = !senders_left;
    pthread_mutex_unlock(&ch->lock);
    return senders_left;
}

/* Gives the memory of a long batch back that has been read to the end, unless more is to be read:
 * a channel that was long once need not stay so. */
static void let_go_if_long(struct channel *ch)
{
    if (!is_read(ch) || ch->batch->capacity <= LONG || ch->news)
        return;
    free(ch->batch);
    ch->batch = NULL;
}

static enum channel_status receive(struct channel *ch, void *message, bool may_wait)
{
    bool senders_left = true;

    if (is_read(ch))
        senders_left = refill(ch, may_wait);
    if (ch->receives_large
            ? take_large(ch, message)
            : take(ch, message)) { /* first of all: queued messages come before CLOSED */
        let_go_if_long(ch);
        return CHANNEL_OK;
    }
    return senders_left ? CHANNEL_EMPTY : CHANNEL_CLOSED;
}

enum channel_status receiver_try_recv(struct receiver *rx, void *message)
{
    return receive(of_receiver(rx), message, false);
}

enum channel_status receiver_recv(struct receiver *rx, void *message)
{
    return receive(of_receiver(rx), message, true);
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
        if (was_asleep(ch))
            sem_post(&ch->wake); /* under the lock: after it, ch may be freed */
    }
    pthread_mutex_unlock(&ch->lock);
    if (!last)
        return;
    sem_destroy(&ch->wake);
    pthread_mutex_destroy(&ch->lock);
    free(ch->batch);
    free(ch->queue);
    free(ch);
}

void sender_drop(struct sender *tx)
{
    if (tx != NULL)
        release(of_sender(tx));
}

/* Drops the messages from number first on. */
static void drop_all(struct channel *ch, struct batch *batch, unsigned first, unsigned count)
{
    for (size_t i = first; i < count && (ch->drop != NULL || ch->receives_large); i++) {
        void *place = batch->messages + i * batch->size;
        void *message = ch->receives_large ? *(void **)place : place;

        if (ch->drop != NULL)
            ch->drop(message);
        if (ch->receives_large)
            free(message);
    }
}

void receiver_drop(struct receiver *rx)
{
    if (rx == NULL)
        return;

    struct channel *ch = of_receiver(rx);
    lock(&ch->lock);
    ch->receiver_alive = false;
    pthread_mutex_unlock(&ch->lock);
    if (!is_read(ch))
        drop_all(ch, ch->batch, ch->taken, ch->batch->count);
    drop_all(ch, ch->queue, 0, ch->queued);
    release(ch);
}
