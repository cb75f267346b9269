/* channel.h - exercise 02: a channel between threads.
 *
 * The channel of 01, now shared by threads: receiver_recv sleeps where
 * receiver_try_recv says EMPTY.
 *
 *   01  channel_create  sender_clone  sender_send  receiver_try_recv  sender_drop  receiver_drop
 *   02  receiver_recv                                                                       (new)
 *
 * Changed from 01
 *   Threads     Different handles may be used by different threads at the same time. One handle is
 *               used by one thread at a time; sender_clone(tx) and sender_drop(tx) use tx. A handle
 *               may be handed from thread to thread.
 *   Blocking    Only receiver_recv blocks. No function calls back into the caller.
 *   Order       As in 01. Between sends of different senders that overlap in time there is none.
 *   Visibility  What a thread wrote before sender_send, the receiver sees once it has the message.
 *   Memory      The last drop frees the channel, but nothing that another thread may still be
 *               inside: each call may be the other side's last.
 *   Signals     A signal handled while a call sleeps does not end that call.
 */
#pragma once

#include "../01_single_thread/channel.h"

/* Takes the oldest message out, sleeping while nothing is queued and at least one sender is left.
 *
 * message: receives message_size bytes, copied out.
 *
 * CHANNEL_OK      *message holds the oldest message, which is no longer in the channel.
 * CHANNEL_CLOSED  Nothing is queued, and no sender is left, now and for good. *message is
 *                 untouched. Queued messages come first.
 *
 * A send wakes a sleeping receiver, and so does dropping the last sender. A sleeping receiver uses
 * no processor time: it neither spins nor polls. A short, bounded spin beforehand is allowed. */
enum channel_status receiver_recv(struct receiver *rx, void *message);
