/* channel.h - exercise 07: a channel whose senders never wait for each other.
 *
 * The channel of 02 with one more promise: sender_send is lock-free.
 *
 *   01  channel_create  sender_clone  sender_send  receiver_try_recv  sender_drop  receiver_drop
 *   02  receiver_recv
 *   07  (no new function)
 *
 * Changed from 02
 *   Lock-free   A sender stopped anywhere inside sender_send, for ever, keeps no other sender from
 *               finishing. So sender_send takes no lock, and waits for no other thread's step.
 *               The allocator counts as one step: nobody is stopped inside malloc or free. So does
 *               sem_post.
 *   Blocking    receiver_recv still sleeps, on a sem_t for instance; it does not spin. The other
 *               functions need not be lock-free.
 *   Order       As in 02. A message sent behind a send that has not returned yet may be held back
 *               until that one has: meanwhile receiver_try_recv may say CHANNEL_EMPTY, and
 *               receiver_recv may sleep. Neither says CHANNEL_CLOSED.
 *   Visibility  As in 02: without a lock it is up to your memory orders.
 */
#pragma once

#include "../02_blocking/channel.h"

/* Copies a message in, behind all messages sent before, whatever the other senders are doing.
 *
 * message: message_size bytes, read before the call returns.
 *
 * CHANNEL_OK         The message is in the channel.
 * CHANNEL_CLOSED     The receiver has been dropped, and stays so.
 * CHANNEL_NO_MEMORY  No room could be allocated. A later send may succeed.
 *
 * Unless CHANNEL_OK, the message stays the caller's and the channel is as before. When both
 * failures apply, either is right. Lock-free: of several senders at work, one always finishes. */
enum channel_status sender_send(struct sender *tx, const void *message);
