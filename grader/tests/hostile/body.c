/* What every hostile channel ends with: functions that attack, say OK, and do nothing that a channel does.
 * Such a channel passes the exercise only if its attack works. */
#include "channel.h"

struct sender {
    char nothing;
};

struct receiver {
    char nothing;
};

static struct sender the_sender;
static struct receiver the_receiver;

enum channel_status channel_create(size_t message_size, struct sender **tx, struct receiver **rx)
{
    (void)message_size;
    attack();
    *tx = &the_sender;
    *rx = &the_receiver;
    return CHANNEL_OK;
}

struct sender *sender_clone(struct sender *tx)
{
    attack();
    return tx;
}

enum channel_status sender_send(struct sender *tx, const void *message)
{
    (void)tx, (void)message;
    attack();
    return CHANNEL_OK;
}

enum channel_status receiver_try_recv(struct receiver *rx, void *message)
{
    (void)rx, (void)message;
    attack();
    return CHANNEL_OK;
}

void sender_drop(struct sender *tx)
{
    (void)tx;
    attack();
}

void receiver_drop(struct receiver *rx)
{
    (void)rx;
    attack();
}
