/* channel.c - exercise 07: messages are pushed on a stack, and the receiver turns it over.
 *
 * A sender writes its message where nobody looks yet, then publishes it with one compare-and-swap of
 * one word, the top of a stack. The receiver takes the whole stack with one exchange, turns it over
 * (so that the oldest is in front), and needs nobody for as long as that batch lasts. Everything
 * that threads must agree on is in that one word: what is queued, in which order, whether the
 * receiver sleeps, whether it has gone, and (as a mark behind all messages) that the senders have.
 *
 * The stack is R. K. Treiber's ("Systems Programming: Coping with Parallelism", IBM RJ 5118, 1986);
 * Linux's lock-less lists (include/linux/llist.h) are taken whole in the same way. Nobody takes a
 * single node off, so a top that has changed and changed back (ABA) does no harm: a push only needs
 * its node to point at whatever is on top at that moment.
 *
 * Memory comes in blocks. A block is filled by one sender, front to back; when that sender is done
 * with it, it pushes the block's end mark behind the last message. What one sender pushes is taken
 * out in order, so a thread that comes to the end mark knows that nobody uses the block any more.
 *
 * Invariants
 *   top is the newest link, and flags. A link is the address of a node, with END_MARK beside it when
 *   the node is an end mark; 0 ends the list.
 *   SLEEPING is set only beside no link: the receiver sleeps, or is about to. Whoever replaces it
 *   owes the semaphore one post, so posts and waits pair up.
 *   GONE stays once set: the receiver has been dropped. No message is pushed from then on; end marks
 *   still are, and the last handle frees their blocks.
 *   A block belongs to its sender until its end mark is pushed, then to whoever takes the mark out.
 *   closing is pushed once, by the last sender, behind everything.
 *   A thread touches the channel only while a handle counted in handles is its own. */
#include "channel.h"

#include <errno.h>
#include <sched.h>
#include <semaphore.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum {
    FIRST_SLOTS = 4, /* messages in a sender's first block; each further one is twice as long, */
    BLOCK_BYTES = 32768, /* until it has about this size */
    LOOKS = 16,          /* how often an idle receiver looks again before it sleeps: */
    PAUSES = 6, /* so often after a pause, each twice as long; then it gives its processor away */
    MANY = 8,   /* messages in a batch: the next ones come in such a stream that pausing disturbs */
    CACHE_LINE = 64,
};

/* Flags of top and of links, in bits that are 0 in the address of every node. */
#define END_MARK ((uintptr_t)1)
#define SLEEPING ((uintptr_t)2)
#define GONE ((uintptr_t)4)
#define FLAGS (END_MARK | SLEEPING | GONE)

/* A message is message_size bytes behind its node. */
struct node {
    alignas(8) uintptr_t next; /* link to what was sent just before; in a batch, just after */
};

struct block {
    struct node end; /* the end mark; first, so that its address is the block's */
    size_t slots;    /* how many messages fit */
    alignas(8) unsigned char nodes[];
};

struct channel {
    size_t message_size; /* these three never change */
    size_t stride;       /* bytes from node to node */
    size_t block_slots;  /* messages in a block of full length */
    sem_t wake;          /* a post for each time SLEEPING was replaced */
    struct node closing;
    atomic_size_t senders;                     /* sending handles */
    atomic_size_t handles;                     /* all handles */
    _Atomic(struct block *) spare;             /* an empty block of full length, or NULL */
    alignas(CACHE_LINE) _Atomic uintptr_t top; /* alone: everybody writes it all the time */
};

struct sender {
    struct channel *channel;
    struct block *block; /* where the next message goes; NULL: none yet, or the last was full */
    size_t used;         /* messages in it */
    size_t slots;        /* how many the next block shall hold */
    uintptr_t last;      /* what it pushed last: perhaps still the top */
};

struct receiver {
    struct channel *channel;
    uintptr_t batch;  /* link to the oldest message that has been taken from the stack; 0: none */
    size_t length;    /* links in that batch when it was taken */
    unsigned in_vain; /* waits since a message has come during a pause */
    bool closed;      /* closing has been taken out */
};

static struct node *node_of(uintptr_t link)
{
    return (struct node *)(link & ~FLAGS);
}

static uintptr_t end_mark(struct node *node)
{
    return (uintptr_t)node | END_MARK;
}

/* A message of one word is copied on the spot: calling memcpy takes as long as sending it. */
static void copy(void *to, const void *from, size_t size)
{
    if (size == sizeof(uint64_t))
        memcpy(to, from, sizeof(uint64_t));
    else
        memcpy(to, from, size);
}

/* Puts a chain of nodes, newest to oldest, on the stack and wakes the receiver if it sleeps. Does
 * nothing and says false if a flag in unless is set. top is a guess at what is there: looking first
 * would fetch the cache line twice, once to read and once to write.
 *
 * Release: acquiring top shows the message, the nodes' links and all that the sender did before.
 * The other pushes need not be acquired: their nodes are linked to, not looked at; and the receiver
 * acquires them too, because a compare-and-swap continues the release sequence of what it replaces. */
static bool push(struct channel *ch, uintptr_t newest, struct node *oldest, uintptr_t unless,
                 uintptr_t top)
{
    do {
        if (top & unless)
            return false;
        oldest->next = top & ~(SLEEPING | GONE);
    } while (!atomic_compare_exchange_weak_explicit(&ch->top, &top, newest | (top & GONE),
                                                    memory_order_release, memory_order_relaxed));
    if (top & SLEEPING)
        sem_post(&ch->wake);
    return true;
}

/* The list from newest to oldest, turned over, and its length in links. */
static uintptr_t turned_over(uintptr_t newest, size_t *length)
{
    uintptr_t oldest = 0;

    for (*length = 0; newest; ++*length) {
        uintptr_t next = node_of(newest)->next;

        node_of(newest)->next = oldest;
        oldest = newest;
        newest = next;
    }
    return oldest;
}

/* Frees the blocks whose end marks are in the list, oldest first. */
static void discard(struct channel *ch, uintptr_t link)
{
    while (link) {
        struct node *node = node_of(link);
        bool block_ends = link & END_MARK && node != &ch->closing;

        link = node->next;
        if (block_ends)
            free(node);
    }
}

/* Gives up one handle. Release: what its owner did with the channel is over. Acquire: the last one
 * frees the channel after all that. */
static void release(struct channel *ch)
{
    size_t length;

    if (atomic_fetch_sub_explicit(&ch->handles, 1, memory_order_acq_rel) != 1)
        return;
    discard(ch, turned_over(atomic_load_explicit(&ch->top, memory_order_relaxed) & ~GONE, &length));
    free(atomic_load_explicit(&ch->spare, memory_order_relaxed));
    sem_destroy(&ch->wake);
    free(ch);
}

static struct sender *new_sender(struct channel *ch)
{
    struct sender *tx = malloc(sizeof *tx);

    if (tx)
        *tx = (struct sender){.channel = ch, .slots = FIRST_SLOTS};
    return tx;
}

static struct channel *new_channel(size_t message_size)
{
    struct channel *ch;

    if (message_size > SIZE_MAX / 2) /* leaves room for a node and a block's head */
        return NULL;
    ch = aligned_alloc(alignof(struct channel), sizeof *ch);
    if (!ch)
        return NULL;
    ch->message_size = message_size;
    ch->stride = sizeof(struct node) + (message_size + 7) / 8 * 8;
    ch->block_slots = ch->stride < BLOCK_BYTES ? BLOCK_BYTES / ch->stride : 1;
    sem_init(&ch->wake, 0, 0);
    atomic_init(&ch->senders, 1);
    atomic_init(&ch->handles, 2);
    atomic_init(&ch->spare, NULL);
    atomic_init(&ch->top, 0);
    return ch;
}

enum channel_status channel_create(size_t message_size, struct sender **tx, struct receiver **rx)
{
    struct channel *ch;
    struct sender *sender;
    struct receiver *receiver;

    if (message_size == 0)
        return CHANNEL_INVALID;
    ch = new_channel(message_size);
    if (!ch)
        return CHANNEL_NO_MEMORY;
    sender = new_sender(ch);
    receiver = malloc(sizeof *receiver);
    if (!sender || !receiver)
        goto no_memory;
    *receiver = (struct receiver){.channel = ch};
    *tx = sender;
    *rx = receiver;
    return CHANNEL_OK;

no_memory:
    free(receiver);
    free(sender);
    sem_destroy(&ch->wake);
    free(ch);
    return CHANNEL_NO_MEMORY;
}

struct sender *sender_clone(struct sender *tx)
{
    struct sender *clone = new_sender(tx->channel);

    if (clone) { /* relaxed: tx keeps both counts above 0, and publishes nothing by this */
        atomic_fetch_add_explicit(&tx->channel->senders, 1, memory_order_relaxed);
        atomic_fetch_add_explicit(&tx->channel->handles, 1, memory_order_relaxed);
    }
    return clone;
}

/* Gives the sender an empty block. Acquire: the giver of the spare has read it to the end. */
static bool new_block(struct sender *tx)
{
    struct channel *ch = tx->channel;
    size_t slots = tx->slots < ch->block_slots ? tx->slots : ch->block_slots;
    struct block *block = NULL;

    if (slots == ch->block_slots)
        block = atomic_exchange_explicit(&ch->spare, NULL, memory_order_acquire);
    if (!block)
        block = malloc(sizeof *block + slots * ch->stride);
    if (!block)
        return false;
    block->slots = slots;
    tx->block = block;
    tx->used = 0;
    tx->slots = 2 * slots;
    return true;
}

enum channel_status sender_send(struct sender *tx, const void *message)
{
    struct channel *ch = tx->channel;
    struct block *block;
    struct node *node;
    uintptr_t newest;

    if (!tx->block && !new_block(tx))
        return CHANNEL_NO_MEMORY;
    block = tx->block;
    node = (struct node *)(block->nodes + tx->used * ch->stride);
    copy(node + 1, message, ch->message_size);
    newest = (uintptr_t)node;
    if (tx->used + 1 == block->slots) { /* the block is full: its end mark goes along */
        block->end.next = newest;
        newest = end_mark(&block->end);
    }
    if (!push(ch, newest, node, GONE, tx->last))
        return CHANNEL_CLOSED;
    tx->last = newest;
    tx->used++;
    if (newest & END_MARK)
        tx->block = NULL; /* no longer ours */
    return CHANNEL_OK;
}

/* Release: the block has been read to the end. Acquire: the one that it replaces has, too. */
static void recycle(struct channel *ch, struct block *block)
{
    if (block->slots == ch->block_slots)
        block = atomic_exchange_explicit(&ch->spare, block, memory_order_acq_rel);
    free(block);
}

/* Copies out the oldest message of the batch, and says whether there was one. */
static bool next_in_batch(struct receiver *rx, void *message)
{
    struct channel *ch = rx->channel;

    while (rx->batch) {
        struct node *node = node_of(rx->batch);
        bool is_message = !(rx->batch & END_MARK);

        rx->batch = node->next;
        if (is_message) {
            copy(message, node + 1, ch->message_size);
            return true;
        }
        if (node == &ch->closing)
            rx->closed = true;
        else
            recycle(ch, (struct block *)node);
    }
    return false;
}

/* Takes what has been pushed, and says whether that is anything. Acquire pairs with the release in
 * push. */
static bool take_batch(struct receiver *rx)
{
    _Atomic uintptr_t *top = &rx->channel->top;

    if (!atomic_load_explicit(top, memory_order_relaxed)) /* looking disturbs senders less */
        return false;
    rx->batch = turned_over(atomic_exchange_explicit(top, 0, memory_order_acquire), &rx->length);
    return true;
}

enum channel_status receiver_try_recv(struct receiver *rx, void *message)
{
    while (!next_in_batch(rx, message))
        if (!take_batch(rx))
            return rx->closed ? CHANNEL_CLOSED : CHANNEL_EMPTY;
    return CHANNEL_OK;
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

/* Waits a little for a push, and says whether there is one. Where pausing was in vain the sender
 * has no processor of its own, it seems: the next three times it gets this one at once. */
static bool await_push(struct receiver *rx)
{
    bool pauses = rx->length <= MANY && rx->in_vain % 4 == 0;
    int look = pauses ? 0 : PAUSES;

    while (look < LOOKS && !atomic_load_explicit(&rx->channel->top, memory_order_relaxed))
        pass_time(look++);
    if (pauses && look <= PAUSES)
        rx->in_vain = 0;
    else
        rx->in_vain++;
    return look < LOOKS;
}

/* Returns once something has been pushed. Relaxed: take_batch acquires it. No wake-up can get
 * lost: a push either comes before SLEEPING, which then is not set, or it replaces it and posts. */
static void sleep_while_empty(struct channel *ch)
{
    uintptr_t nothing = 0;

    if (atomic_compare_exchange_strong_explicit(&ch->top, &nothing, SLEEPING, memory_order_relaxed,
                                                memory_order_relaxed))
        while (sem_wait(&ch->wake) != 0 && errno == EINTR) /* a signal was handled */
            continue;
}

enum channel_status receiver_recv(struct receiver *rx, void *message)
{
    enum channel_status status = receiver_try_recv(rx, message);

    while (status == CHANNEL_EMPTY) {
        if (!await_push(rx))
            sleep_while_empty(rx->channel);
        status = receiver_try_recv(rx, message);
    }
    return status;
}

/* Release: the end mark is pushed before the count goes down. Acquire: so the last sender's push of
 * closing comes behind all of them. */
void sender_drop(struct sender *tx)
{
    struct channel *ch;

    if (!tx)
        return;
    ch = tx->channel;
    if (tx->block)
        push(ch, end_mark(&tx->block->end), &tx->block->end, 0, tx->last);
    free(tx);
    if (atomic_fetch_sub_explicit(&ch->senders, 1, memory_order_acq_rel) == 1)
        push(ch, end_mark(&ch->closing), &ch->closing, 0, 0);
    release(ch);
}

/* Acquire: the nodes that are taken here are read. */
void receiver_drop(struct receiver *rx)
{
    struct channel *ch;

    if (!rx)
        return;
    ch = rx->channel;
    discard(ch, rx->batch);
    discard(ch, turned_over(atomic_exchange_explicit(&ch->top, GONE, memory_order_acquire),
                            &rx->length));
    free(rx);
    release(ch);
}
