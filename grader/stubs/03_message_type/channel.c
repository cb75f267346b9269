/* channel.c - your channel, exercise 03. The contract is in channel.h; make carry EX=03 puts your
 * own 02 in place of the inherited functions, and leaves those that are new. */
#include "channel.h"

#include "../todo.h"

/* Yours to fill, or to replace by what you carried. What does a channel have to know that it did
 * not know in 02? Who may still be using it while a message is dropped? */
struct channel {
    int replace_me;
};

/* One sending handle. */
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

/* New in 03 */

enum channel_status channel_create_with_drop(size_t message_size, void (*drop)(void *message),
                                             struct sender **tx, struct receiver **rx)
{
    (void)message_size;
    (void)drop;
    (void)tx;
    (void)rx;
    TODO("channel_create_with_drop");
}
