/* channel.h - exercise 01: a channel within one thread.
 *
 * A channel carries messages from its senders to its one receiver, first in, first out.
 *
 *   01  channel_create  sender_clone  sender_send  receiver_try_recv  sender_drop  receiver_drop
 *
 * Messages   A message is message_size bytes of any content. Sending copies it in, receiving copies
 *            it out; the caller's buffer may be reused at once. Both work with memcpy, so a message
 *            of any C type arrives as it was sent.
 * Order      What one sender sends arrives in the order it was sent. When one send returns before
 *            another begins, its message arrives first, whoever the senders are.
 * Handles    A channel is reached through handles only: any number of senders, one receiver, which
 *            can't be cloned. Each handle is dropped once; using a dropped handle is undefined.
 * Memory     Whoever drops the last handle frees the channel, in whatever order handles go, and all
 *            messages still in it. Nothing leaks.
 * Limits     None but memory: more than 65,536 handles or queued messages work.
 * Isolation  Two channels share no state.
 * Threads    One thread uses the channel. Exercise 02 changes that.
 */
#pragma once

#include <stddef.h>

/* Every status that a function of any exercise can return. */
enum channel_status {
    CHANNEL_OK = 0,    /* done */
    CHANNEL_CLOSED,    /* the other side has been dropped */
    CHANNEL_EMPTY,     /* nothing to receive yet */
    CHANNEL_FULL,      /* no room yet (from 04 on) */
    CHANNEL_TIMEOUT,   /* the deadline has passed (from 05 on) */
    CHANNEL_NO_MEMORY, /* an allocation failed; nothing has changed */
    CHANNEL_INVALID,   /* an argument makes no sense; nothing has changed */
};

/* Opaque: what is in them is up to channel.c. */
struct sender;
struct receiver;

/* Makes an unbounded channel for messages of message_size bytes, and its first two handles.
 *
 * tx, rx: receive a sender and the receiver, connected. They belong to the caller, who drops each.
 *
 * CHANNEL_OK         *tx and *rx are the handles.
 * CHANNEL_INVALID    message_size is 0. *tx and *rx are untouched.
 * CHANNEL_NO_MEMORY  *tx and *rx are untouched, and nothing leaks. Also for a message_size so large
 *                    that a size computed from it would overflow; channel_create may leave it to
 *                    sender_send to say so. */
enum channel_status channel_create(size_t message_size, struct sender **tx, struct receiver **rx);

/* Makes one more sender of the same channel.
 *
 * The result belongs to the caller, who drops it; tx stays valid. It may be the same pointer as tx:
 * then the channel counts, and the pointer is dropped once for each time it was handed out.
 *
 * NULL  Out of memory; the channel is as before. */
struct sender *sender_clone(struct sender *tx);

/* Copies a message in, behind all messages sent before.
 *
 * message: message_size bytes, read before the call returns.
 *
 * CHANNEL_OK         The message is in the channel.
 * CHANNEL_CLOSED     The receiver has been dropped, and stays so.
 * CHANNEL_NO_MEMORY  No room could be allocated. A later send may succeed.
 *
 * Unless CHANNEL_OK, the message stays the caller's and the channel is as before. When both
 * failures apply, either is right. Never blocks: the channel has no capacity. */
enum channel_status sender_send(struct sender *tx, const void *message);

/* Takes the oldest message out.
 *
 * message: receives message_size bytes, copied out.
 *
 * CHANNEL_OK      *message holds the oldest message, which is no longer in the channel.
 * CHANNEL_EMPTY   Nothing is queued, and at least one sender is left. *message is untouched.
 * CHANNEL_CLOSED  Nothing is queued, and no sender is left, now and for good. *message is
 *                 untouched.
 *
 * Queued messages come first: what was sent before the last sender went is still received. Never
 * blocks. */
enum channel_status receiver_try_recv(struct receiver *rx, void *message);

/* Ends a sending handle. When it was the channel's last sender, the receiver is told CHANNEL_CLOSED
 * once everything queued has been received. NULL is a no-op. */
void sender_drop(struct sender *tx);

/* Ends the receiving handle. From then on every send says CHANNEL_CLOSED. NULL is a no-op. */
void receiver_drop(struct receiver *rx);
