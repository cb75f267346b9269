/* channel.c - your channel, exercise 07. The contract is in channel.h; make carry EX=07 puts your
 * own 02 in place of the functions below. */
#include "channel.h"

#include "../todo.h"

/* Yours to fill, or to replace by what you carried. No lock guards it: which of its fields does one
 * thread write while another reads them? */
struct channel {
    int replace_me;
};

/* One sending handle. What can a sender keep for itself, where nobody else looks? */
struct sender {
    struct channel *channel;
};

/* The receiving handle. */
struct receiver {
    struct channel *channel;
};

enum channel_status channel_create(size_t message_size, struct sender **tx, struct receiver **rx)
{
    (void)message_size;
    (void)tx;
    (void)rx;
    TODO("channel_create");
}

struct sender *sender_clone(struct sender *tx)
{
    (void)tx;
    TODO("sender_clone");
}

enum channel_status sender_send(struct sender *tx, const void *message)
{
    (void)tx;
    (void)message;
    TODO("sender_send");
}

enum channel_status receiver_try_recv(struct receiver *rx, void *message)
{
    (void)rx;
    (void)message;
    TODO("receiver_try_recv");
}

void sender_drop(struct sender *tx)
{
    (void)tx;
    TODO("sender_drop");
}

void receiver_drop(struct receiver *rx)
{
    (void)rx;
    TODO("receiver_drop");
}

enum channel_status receiver_recv(struct receiver *rx, void *message)
{
    (void)rx;
    (void)message;
    TODO("receiver_recv");
}

/* New in 07 */

/* No function is new. sender_send has one more promise to keep: it is lock-free. */
