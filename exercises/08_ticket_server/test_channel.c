/* Suite of 08: the channel it carries, in the two roles it has here. Requests of all clients go
 * through one bounded channel; each request carries the sender its answer is sent with. */
#include <stdint.h>
#include <stdlib.h>

#include "suite.h"

#include "channel.h"

#define DROPPED "drop runs once for every request that nobody will receive."

struct request {
    int number;
    char text[500]; /* a request is a large message */
    struct sender *reply;
};

static void drop_request(void *request)
{
    sender_drop(((struct request *)request)->reply);
}

struct ends {
    struct sender *tx;
    struct receiver *rx;
};

static struct ends open_requests(size_t capacity)
{
    struct ends ends = {NULL, NULL};

    check_status(
        channel_create_bounded(sizeof(struct request), capacity, drop_request, &ends.tx, &ends.rx),
        CHANNEL_OK, "channel_create_bounded creates the channel of the requests.");
    return ends;
}

static struct ends open_replies(void)
{
    struct ends ends = {NULL, NULL};

    check_status(channel_create_bounded(sizeof(int), 1, NULL, &ends.tx, &ends.rx), CHANNEL_OK,
                 "channel_create_bounded creates a channel for a client's answers.");
    return ends;
}

static struct sender *clone(struct sender *tx)
{
    struct sender *other = sender_clone(tx);

    check(other != NULL, "sender_clone returns one more sending handle.");
    return other;
}

/* Answers requests with twice their number, until there is no client left. */
static void *double_numbers(void *requests)
{
    struct request request;

    while (receiver_recv(requests, &request) == CHANNEL_OK) {
        int answer = 2 * request.number;

        check_status(sender_send(request.reply, &answer), CHANNEL_OK,
                     "The answer finds room in the channel of the client that asked.");
        sender_drop(request.reply);
    }
    receiver_drop(requests);
    return NULL;
}

static void ask(struct sender *requests, int number)
{
    struct ends replies = open_replies();
    struct request request = {.number = number, .reply = replies.tx};
    int answer = -1;

    check_status(sender_send(requests, &request), CHANNEL_OK,
                 "sender_send hands a request over to the channel, its reply sender included.");
    check_status(receiver_recv(replies.rx, &answer), CHANNEL_OK,
                 "A client sleeps until it has its answer.");
    check_equal(answer, 2 * number, "A client receives the answer to its own request.");
    check_status(receiver_recv(replies.rx, &answer), CHANNEL_CLOSED,
                 "Once the request's reply sender is dropped no more answers come.");
    receiver_drop(replies.rx);
}

TEST(create_opens_a_channel_for_requests_and_one_for_answers,
     .sentences = {"two ends of a new channel with that capacity"})
{
    struct ends requests = open_requests(2), replies = open_replies();
    struct request request = {.number = 21, .text = "large", .reply = replies.tx}, taken;
    int answer = -1;

    check_status(sender_send(requests.tx, &request), CHANNEL_OK, "A request is sent.");
    check_status(receiver_recv(requests.rx, &taken), CHANNEL_OK, "The server takes the request.");
    check_bytes(&taken, &request, sizeof request, "A request arrives as it was sent.");
    answer = 2 * taken.number;
    check_status(sender_send(taken.reply, &answer), CHANNEL_OK,
                 "The reply sender that came with the request answers it.");
    check_status(receiver_recv(replies.rx, &answer), CHANNEL_OK, "The client has its answer.");
    check_equal(answer, 42, "The answer arrives as it was sent.");
    sender_drop(taken.reply);
    receiver_drop(replies.rx);
    sender_drop(requests.tx);
    receiver_drop(requests.rx);
}

static void *ask_once(void *requests)
{
    ask(requests, 1);
    sender_drop(requests);
    return NULL;
}

TEST(multi_sender_each_client_gets_the_answers_to_its_own_requests,
     .sentences = {"A message may carry a struct sender *"},
     .hint = "Two senders sleep until there is room for one message: who is woken?")
{
    struct ends requests;
    struct sender *other;
    pthread_t server, client;

    exploring(false);
    requests = open_requests(1);
    other = clone(requests.tx);
    server = spawn(double_numbers, requests.rx);
    exploring(true);
    client = spawn(ask_once, other);
    ask(requests.tx, 100);
    join(client);
    settle();
    sender_drop(requests.tx);
    join(server);
}

TEST(send_after_drop_a_request_to_a_server_that_has_gone_stays_the_clients,
     .sentences = {"After any other status it is where it was"})
{
    struct ends requests = open_requests(2), replies = open_replies();
    struct request request = {.number = 1, .reply = replies.tx};
    int answer = -1;

    receiver_drop(requests.rx);
    check_status(sender_send(requests.tx, &request), CHANNEL_CLOSED,
                 "CHANNEL_CLOSED once the server's receiver is dropped.");
    check_status(receiver_try_recv(replies.rx, &answer), CHANNEL_EMPTY,
                 "A request that was not sent stays the client's, its reply sender included.");
    sender_drop(replies.tx);
    receiver_drop(replies.rx);
    sender_drop(requests.tx);
}

/* Asks a server that goes without answering. */
static void *ask_in_vain(void *requests)
{
    struct ends replies = open_replies();
    struct request request = {.number = 1, .reply = replies.tx};
    int answer = -1;

    if (check_one_of(sender_send(requests, &request), "The request is queued or refused.",
                     CHANNEL_OK, CHANNEL_CLOSED) != CHANNEL_OK)
        sender_drop(replies.tx);
    check_status(receiver_recv(replies.rx, &answer), CHANNEL_CLOSED, DROPPED);
    check_equal(answer, -1, "*message is written on CHANNEL_OK only.");
    receiver_drop(replies.rx);
    sender_drop(requests);
    return NULL;
}

TEST(send_after_drop_no_client_waits_for_a_server_that_is_going,
     .sentences = {"Taking a message wakes a sleeping sender"},
     .hint = "What becomes of a message whose send meets receiver_drop?")
{
    struct ends requests = open_requests(1);
    pthread_t one = spawn(ask_in_vain, clone(requests.tx));
    pthread_t two = spawn(ask_in_vain, clone(requests.tx));

    receiver_drop(requests.rx);
    join(one);
    join(two);
    sender_drop(requests.tx);
}

TEST(recv_on_empty_closed_wakes_the_server_when_the_last_client_goes,
     .sentences = {"A send wakes a sleeping receiver, and so does"},
     .hint = "Who has to be told that the last sender went?")
{
    struct ends requests = open_requests(2);
    pthread_t server = spawn(double_numbers, requests.rx);
    struct sender *other = clone(requests.tx);

    sender_drop(requests.tx);
    ask(other, 3);
    settle();
    sender_drop(other);
    join(server);
}

TEST(recv_on_empty_closed_wakes_the_client_whose_request_is_dropped,
     .sentences = {"A send wakes a sleeping receiver, and so does",
                   "A message may carry a struct sender *"})
{
    struct ends requests = open_requests(1), replies = open_replies();
    struct request request = {.number = 1, .reply = replies.tx};
    pthread_t client;

    check_status(sender_send(requests.tx, &request), CHANNEL_OK, "A request is queued.");
    client = spawn(ask_in_vain, clone(requests.tx)); /* sleeps until there is room */
    settle();
    receiver_drop(requests.rx);
    check_status(receiver_recv(replies.rx, &request.number), CHANNEL_CLOSED, DROPPED);
    join(client);
    receiver_drop(replies.rx);
    sender_drop(requests.tx);
}
