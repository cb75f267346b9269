/* bench.c - what the speed of the scheduler is measured with: two senders of three messages each
 * and a receiver, on a channel of a mutex and a condition variable. Run by bench_main.c. */
#include "suite.h"

#include <stdlib.h>

struct node {
    struct node *next;
    int value;
};

static struct channel {
    pthread_mutex_t lock;
    pthread_cond_t readable; /* head is not NULL, or senders is 0 */
    struct node *head, **tail;
    int senders;
} * channel;

static void open_channel(void)
{
    channel = malloc(sizeof *channel);
    pthread_mutex_init(&channel->lock, NULL);
    pthread_cond_init(&channel->readable, NULL);
    channel->head = NULL;
    channel->tail = &channel->head;
    channel->senders = 2;
}

static void send(int value)
{
    struct node *node = malloc(sizeof *node);

    node->next = NULL;
    node->value = value;
    pthread_mutex_lock(&channel->lock);
    *channel->tail = node;
    channel->tail = &node->next;
    pthread_cond_signal(&channel->readable);
    pthread_mutex_unlock(&channel->lock);
}

static bool recv(int *value)
{
    pthread_mutex_lock(&channel->lock);
    while (!channel->head && channel->senders)
        pthread_cond_wait(&channel->readable, &channel->lock);
    struct node *node = channel->head;
    if (node) {
        channel->head = node->next;
        if (!channel->head)
            channel->tail = &channel->head;
    }
    pthread_mutex_unlock(&channel->lock);
    if (!node)
        return false;
    *value = node->value;
    free(node);
    return true;
}

static void *send_three(void *first)
{
    for (int i = 0; i < 3; i++)
        send((int)(intptr_t)first + i);
    pthread_mutex_lock(&channel->lock);
    if (--channel->senders == 0)
        pthread_cond_signal(&channel->readable);
    pthread_mutex_unlock(&channel->lock);
    return NULL;
}

TEST(two_senders_of_three_and_a_receiver)
{
    pthread_t a, b;
    int got, sum = 0;

    open_channel();
    a = spawn(send_three, (void *)1);
    b = spawn(send_three, (void *)11);
    while (recv(&got))
        sum += got;
    check_equal(sum, 1 + 2 + 3 + 11 + 12 + 13, "All messages arrive.");
    join(a);
    join(b);
    pthread_mutex_destroy(&channel->lock);
    pthread_cond_destroy(&channel->readable);
    free(channel);
}
