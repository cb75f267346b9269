/* channel.h - exercise 06: waiting on several channels at once.
 *
 * One thread that receives from many channels sleeps until one of them has something for it.
 *
 *   01  channel_create  sender_clone  sender_send  receiver_try_recv  sender_drop  receiver_drop
 *   02  receiver_recv
 *   03  channel_create_with_drop
 *   04  channel_create_bounded  sender_try_send
 *   05  receiver_recv_until  sender_send_until
 *   06  receiver_select                                                                     (new)
 *
 * Changed from 05
 *   Threads     receiver_select uses all the receivers it is given: they belong to the calling
 *               thread until it returns. Any thread may use their senders meanwhile.
 *   Blocking    receiver_select blocks as well.
 */
#pragma once

#include "../05_deadlines/channel.h"

/* Sleeps until one of n receivers is ready, or until deadline at most, and says which. Ready means
 * that receiver_recv on it would not sleep: a message is queued, or it is closed. Takes no message.
 *
 * receivers: n distinct receivers, of channels of any kind and message size. The array is only
 *            read, and only during the call.
 * deadline:  as in 05: a point in time of CLOCK_MONOTONIC, or NULL for none.
 *
 * CHANNEL_OK         receivers[*ready] is ready. Of those that were ready when the call began, the
 *                    lowest counts: *ready is never higher. Of those that became ready during the
 *                    call, any. A ready one wins over a deadline that has passed.
 * CHANNEL_TIMEOUT    The deadline has passed and none is ready. Never said before the deadline.
 * CHANNEL_NO_MEMORY  There is not enough memory to wait.
 * CHANNEL_INVALID    n is 0, or deadline->tv_nsec is out of range.
 * Unless OK, *ready is untouched. The channels are as before, whatever the status.
 *
 * Woken by a message on any of the channels, and by the drop of the last sender of any. Sleeping
 * uses no processor time. Once it has returned, no channel knows of the call any more. */
enum channel_status receiver_select(struct receiver *const receivers[], size_t n,
                                    const struct timespec *deadline, size_t *ready);
