/* Boost.Lockfree's queue with the functions of a channel. It never waits, so two semaphores do: one
 * counts the messages, the other, where there is a capacity, the free places. The end posts the
 * first once more than there are messages. */
#include "channel.hpp"

#include <boost/lockfree/queue.hpp>
#include <cerrno>
#include <semaphore.h>

template <class M> struct Queue {
    static bool can_hold(size_t)
    {
        return true;
    }

    explicit Queue(size_t capacity) : messages(capacity + 1), capacity(capacity)
    {
        sem_init(&filled, 0, 0);
        sem_init(&places, 0, capacity);
    }

    ~Queue()
    {
        sem_destroy(&filled);
        sem_destroy(&places);
    }

    struct Producer {
        explicit Producer(Queue &queue) : queue(queue)
        {
        }

        void push(const M &message)
        {
            if (queue.capacity)
                wait(queue.places);
            queue.messages.push(message);
            sem_post(&queue.filled);
        }

        Queue &queue;
    };

    void close()
    {
        sem_post(&filled);
    }

    bool pop(M &message)
    {
        wait(filled);
        if (!messages.pop(message))
            return false;
        if (capacity)
            sem_post(&places);
        return true;
    }

    static void wait(sem_t &semaphore)
    {
        while (sem_wait(&semaphore) != 0 && errno == EINTR)
            continue;
    }

    boost::lockfree::queue<M> messages;
    size_t capacity;
    sem_t filled, places;
};
