/* channel_calls.c - tells the board what goes through the request channel.
 *
 * A channel does not tell how many messages are queued. So the program is linked with --wrap (see
 * ld's manual) for its calls: what ticket_server.c sends and receives comes by here. A thread that
 * has called board_enter is a client, and what it sends are requests; one that has not is the
 * server. */
#include "channel.h"

#include <time.h>

#include "board.h"

enum channel_status __real_sender_send(struct sender *tx, const void *message);
enum channel_status __wrap_sender_send(struct sender *tx, const void *message);
enum channel_status __real_receiver_recv(struct receiver *rx, void *message);
enum channel_status __wrap_receiver_recv(struct receiver *rx, void *message);

enum channel_status __wrap_sender_send(struct sender *tx, const void *message)
{
    enum channel_status status;

    if (board_state() == FREE || board_state() == SENDING) /* an answer */
        return __real_sender_send(tx, message);
    board_set_state(SENDING);
    status = __real_sender_send(tx, message);
    board_set_state(IDLE);
    if (status == CHANNEL_OK)
        board_sent();
    return status;
}

static void sleep_ms(int ms)
{
    struct timespec time = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L};

    nanosleep(&time, NULL);
}

enum channel_status __wrap_receiver_recv(struct receiver *rx, void *message)
{
    enum channel_status status;

    if (board_state() != FREE) {
        board_set_state(WAITING);
        status = __real_receiver_recv(rx, message);
        board_set_state(IDLE);
        return status;
    }
    status = __real_receiver_recv(rx, message);
    if (status == CHANNEL_OK)
        board_taken();
    if (status == CHANNEL_OK && board_slowness() > 0)
        sleep_ms(board_slowness());
    return status;
}
