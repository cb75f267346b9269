/* The fast 04: messages go to the receiver in batches, places come back to the senders without a
 * lock, and whoever waits for another thread that runs looks again before it gives its processor
 * away, and gives it away before it sleeps. It sleeps on a word: a futex, as Linux has it.
 *
 * Invariants, true whenever nobody holds the lock
 *   batch   Of its count messages, the oldest first, the first taken have been received.
 *   order   Every message in the receiver's batch is older than every message in queue. The
 *           receiver reads its batch without the lock, and swaps the two at its end.
 *   room    Bounded: room + places + messages queued + messages left in the receiver's batch =
 *           capacity.
 *   memory  handles counts both kinds. Whoever drops the last one frees the channel: it is counted
 *           down when all else is done, so that nobody is inside by then, not even to wake others.
 *   owner   A queued message is the channel's. What is left in both batches when the receiver goes
 *           is receiver_drop's, which drops it without the lock and without the channel.
 *   readable  The receiver sleeps only while nothing is queued and a sender is left. It has said so
 *           in receiver_sleeps, or its wake-up is on the way.
 *   places  A sender sleeps only while the channel is full and the receiver is there, or while
 *           another sender is searching: awake, and looking for a place. Whoever gives a place back
 *           leaves the waking to it. A sender that stops searching wakes the next one if a place is
 *           left, and looks for a place once more before it sleeps itself.
 */
#include "channel.h"

#include <limits.h>
#include <linux/futex.h>
#include <sched.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
    LOOKS = 16,   /* how often a thread looks again before it falls asleep: */
    PAUSES = 6,   /* so often after a pause, each twice as long; then it gives its processor away */
    MANY = 8,     /* messages in a batch: more are about to come */
    LONG = 65536, /* messages: room for more, unbounded, isn't kept where nothing is queued */
    TURNS = 1024, /* places that a searching sender may find before another one is woken, too */
};

/* What the word of a lock says. */
enum { FREE, TAKEN, WANTED /* and somebody sleeps, or did a moment ago */ };

struct batch {
    size_t size;       /* of a message, in bytes */
    unsigned capacity; /* in messages, like the following */
    unsigned count;    /* once it is the receiver's */
    alignas(max_align_t) unsigned char messages[];
};

/* 112 bytes, so that malloc needs 128. What the receiver uses for each message ends 48 bytes before
 * the lock: wherever a cache line begins, it has one writer at a time. All handles are its address:
 * a clone is counted, and takes no memory. */
struct channel {
    /* private to the thread that uses the receiver, but for the atomic ones: */
    atomic_bool news;      /* something is queued, or no sender is left. Changes under the lock */
    unsigned char in_vain; /* waits since a message has come during a pause */
    unsigned short left;   /* places whose waking was left to a searching sender */
    unsigned taken;
    struct batch *batch;             /* NULL: none yet, like queue */
    atomic_uint places;              /* given back, and not yet fetched. Fetched under the lock */
    atomic_uint searching, sleeping; /* senders that wait for a place. Change under the lock */

    /* seldom used or never changed: */
    unsigned capacity; /* 0: unbounded */
    size_t message_size;
    void (*drop)(void *message); /* NULL: messages own nothing */
    atomic_size_t handles;       /* of both kinds */
    size_t senders;              /* under the lock: handles given out and not yet dropped */
    atomic_uint wake_ups; /* under the lock: sleeping senders that may wake, and search already */
    char apart[12];

    atomic_uint lock;            /* FREE, TAKEN or WANTED; must be held when using these: */
    atomic_uint receiver_sleeps; /* 0 or 1 */
    struct batch *queue;
    unsigned queued; /* messages in it */
    bool receiver_alive;
    size_t room; /* for so many; unbounded: always enough */
};

static struct channel *of_sender(struct sender *tx)
{
    return (struct channel *)tx;
}

static struct channel *of_receiver(struct receiver *rx)
{
    return (struct channel *)rx;
}

/* Makes room for capacity messages in a batch, or makes it. False when out of memory: then nothing
 * has changed. */
static bool grow(struct batch **batch, size_t capacity, size_t message_size)
{
    struct batch *grown = NULL;

    if (capacity <= UINT_MAX && capacity <= (SIZE_MAX - sizeof *grown) / message_size)
        grown = realloc(*batch, sizeof *grown + capacity * message_size);
    if (grown == NULL)
        return false;
    grown->size = message_size;
    grown->capacity = (unsigned)capacity;
    *batch = grown;
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
        .message_size = message_size,
        .drop = drop,
        .capacity = (unsigned)capacity,
        .handles = 2,
        .room = capacity > 0 ? capacity : SIZE_MAX,
        .senders = 1,
        .receiver_alive = true,
    };
    if (capacity > 0 &&
        !(grow(&ch->queue, capacity, message_size) && grow(&ch->batch, capacity, message_size))) {
        free(ch->queue);
        free(ch);
        return CHANNEL_NO_MEMORY;
    }
    if (capacity > 0)
        ch->batch->count = 0;
    *tx = (struct sender *)ch;
    *rx = (struct receiver *)ch;
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

/* Sleeps until somebody wakes a sleeper of that word, or not at all if it is no longer as seen. May
 * end early, so this is called in a loop. */
static void sleep_on(atomic_uint *word, unsigned seen)
{
    syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, seen, NULL, NULL, 0);
}

static void wake_one(atomic_uint *word)
{
    syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

/* Takes the lock. A thread that finds it taken falls asleep only after a while. At first it guesses
 * that the lock is free, since looking would fetch the cache line once more; then it looks. */
static void lock(struct channel *ch)
{
    for (int look = 0; look < LOOKS; look++) {
        unsigned found = FREE;

        if ((look == 0 || ch->lock == FREE) &&
            atomic_compare_exchange_strong(&ch->lock, &found, TAKEN))
            return;
        pass_time(look);
    }
    while (atomic_exchange(&ch->lock, WANTED) != FREE)
        sleep_on(&ch->lock, WANTED);
}

static void unlock(struct channel *ch)
{
    if (atomic_exchange(&ch->lock, FREE) == WANTED)
        wake_one(&ch->lock);
}

struct sender *sender_clone(struct sender *tx)
{
    struct channel *ch = of_sender(tx);

    ch->handles++;
    lock(ch);
    ch->senders++;
    unlock(ch);
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
    wake_one(&ch->wake_ups);
}

/* Turns a searching sender into a sleeping one until somebody wakes it. lock is held. A place that
 * was given back before the receiver could see it sleeping is found here. */
static void sleep_for_place(struct channel *ch)
{
    ch->sleeping++;
    ch->searching--;
    if (has_room(ch))
        wake_sender(ch);
    while (ch->wake_ups == 0) {
        unlock(ch);
        sleep_on(&ch->wake_ups, 0);
        lock(ch);
    }
    ch->wake_ups--;
}

/* Searches for a place, and sleeps if none comes. lock is held, and let go meanwhile: another
 * sender may fetch the place first, so this is called in a loop. A receiver that runs gives back
 * one place after the other: at first, while it only pauses, a sender waits for half of them. */
static void wait_for_place(struct channel *ch)
{
    size_t half = ch->capacity - ch->capacity / 2;

    unlock(ch);
    for (int look = 0; look < LOOKS && ch->places < (look < PAUSES ? half : 1); look++)
        pass_time(look);
    lock(ch);
    if (ch->receiver_alive && !has_room(ch))
        sleep_for_place(ch);
}

/* A send as far as it gets without sleeping. lock is held. */
static enum channel_status push(struct channel *ch, const void *message)
{
    if (!ch->receiver_alive)
        return CHANNEL_CLOSED;
    if (!has_room(ch))
        return CHANNEL_FULL;
    if ((ch->queue == NULL || ch->queued == ch->queue->capacity) &&
        !grow(&ch->queue, 2 * (size_t)ch->queued + 4, ch->message_size))
        return CHANNEL_NO_MEMORY;
    memcpy(ch->queue->messages + ch->queued * ch->queue->size, message, ch->queue->size);
    if (ch->queued++ == 0)
        ch->news = true;
    ch->room--;
    return CHANNEL_OK;
}

/* Unlocks, and then wakes the receiver if there is something to wake it for. The caller's sender
 * keeps the channel alive. */
static void unlock_and_wake_receiver(struct channel *ch)
{
    bool wake = ch->receiver_sleeps && (ch->queued > 0 || ch->senders == 0);

    if (wake)
        ch->receiver_sleeps = 0; /* the next sender need not wake it again */
    unlock(ch);
    if (wake)
        wake_one(&ch->receiver_sleeps);
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
    struct channel *ch = of_sender(tx);
    enum channel_status status;

    lock(ch);
    status = push(ch, message);
    if (status == CHANNEL_FULL)
        status = search_and_push(ch, message);
    unlock_and_wake_receiver(ch);
    return status;
}

enum channel_status sender_try_send(struct sender *tx, const void *message)
{
    struct channel *ch = of_sender(tx);
    enum channel_status status;

    lock(ch);
    status = push(ch, message);
    unlock_and_wake_receiver(ch);
    return status;
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

/* Has the receiver read its batch to the end? */
static bool is_read(const struct channel *ch)
{
    return ch->batch == NULL || ch->taken == ch->batch->count;
}

/* Swaps a batch that has been read to the end for what is queued. lock is held. */
static void next_batch(struct channel *ch)
{
    struct batch *read = ch->batch;

    ch->batch = ch->queue;
    if (ch->batch != NULL)
        ch->batch->count = ch->queued;
    ch->taken = 0;
    ch->queue = read;
    ch->queued = 0;
}

/* Gets the receiver, which has read its batch to the end, the next one. Says whether a sender is
 * left. */
static bool refill(struct channel *ch, bool may_sleep)
{
    bool senders_left;

    if (may_sleep)
        await_news(ch);
    lock(ch);
    while (may_sleep && ch->queued == 0 && ch->senders > 0) {
        ch->receiver_sleeps = 1;
        unlock(ch);
        while (ch->receiver_sleeps)
            sleep_on(&ch->receiver_sleeps, 1);
        lock(ch);
    }
    next_batch(ch);
    senders_left = ch->senders > 0;
    ch->news = !senders_left;
    unlock(ch);
    return senders_left;
}

/* Gives back the place of a message that has been received. A searching sender finds it by itself;
 * a sleeping one is woken if nobody searches, and once in a while though somebody does: else one
 * that is always quicker could keep the others asleep. */
static void give_back_place(struct channel *ch)
{
    ch->places++;
    if (ch->sleeping == 0)
        return;
    if (ch->searching > 0 && ++ch->left % TURNS != 0)
        return;
    lock(ch);
    wake_sender(ch);
    unlock(ch);
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

static enum channel_status receive(struct channel *ch, void *message, bool may_sleep)
{
    bool senders_left = true;

    if (is_read(ch))
        senders_left = refill(ch, may_sleep);
    if (is_read(ch))
        return senders_left ? CHANNEL_EMPTY : CHANNEL_CLOSED;
    memcpy(message, ch->batch->messages + ch->taken * ch->batch->size, ch->batch->size);
    ch->taken++;
    if (ch->capacity > 0)
        give_back_place(ch);
    else
        let_go_if_long(ch);
    return CHANNEL_OK;
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
    if (--ch->handles == 0)
        free(ch);
}

void sender_drop(struct sender *tx)
{
    if (tx == NULL)
        return;

    struct channel *ch = of_sender(tx);
    lock(ch);
    if (--ch->senders == 0)
        ch->news = true;
    unlock_and_wake_receiver(ch);
    release(ch);
}

/* Drops the messages from number first on, and frees the batch. */
static void drop_all(struct batch *batch, unsigned first, unsigned count, void (*drop)(void *))
{
    for (size_t i = first; drop != NULL && i < count; i++)
        drop(batch->messages + i * batch->size);
    free(batch);
}

void receiver_drop(struct receiver *rx)
{
    if (rx == NULL)
        return;

    struct channel *ch = of_receiver(rx);
    void (*drop)(void *message) = ch->drop;
    lock(ch);
    ch->receiver_alive = false;
    while (ch->sleeping > 0)
        wake_sender(ch);
    struct batch *older = ch->batch, *newer = ch->queue;
    unsigned taken = ch->taken, count = older != NULL ? older->count : 0, queued = ch->queued;
    unlock(ch);
    release(ch); /* from here on ch may be gone: drop may drop its last sender */
    drop_all(older, taken, count, drop);
    drop_all(newer, 0, queued, drop);
}
