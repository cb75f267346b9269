/* moodycamel::ConcurrentQueue, lock-free and without a bound, with the functions of a channel. Each
 * sender and the receiver have a token, as its documentation advises. Its BlockingConcurrentQueue
 * is this queue and this semaphore, but has no notion of an end: here the end posts the semaphore
 * once more than there are messages. */
#include "channel.hpp"

#include <concurrentqueue/concurrentqueue.h>
#include <concurrentqueue/lightweightsemaphore.h>

template <class M> struct Queue {
    static bool can_hold(size_t capacity)
    {
        return capacity == 0;
    }

    explicit Queue(size_t) : consumer(messages)
    {
    }

    struct Producer {
        explicit Producer(Queue &queue) : queue(queue), token(queue.messages)
        {
        }

        void push(const M &message)
        {
            queue.messages.enqueue(token, message);
            queue.filled.signal();
        }

        Queue &queue;
        moodycamel::ProducerToken token;
    };

    void close()
    {
        closed = true;
        filled.signal();
    }

    bool pop(M &message)
    {
        while (!filled.wait())
            continue;
        while (!messages.try_dequeue(consumer, message))
            if (closed)
                return messages.try_dequeue(consumer, message);
        return true;
    }

    moodycamel::ConcurrentQueue<M> messages;
    moodycamel::ConsumerToken consumer;
    moodycamel::LightweightSemaphore filled;
    std::atomic<bool> closed{false};
};
