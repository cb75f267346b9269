/* oneTBB's concurrent_bounded_queue with the functions of a channel. It has no notion of an end:
 * after the last message comes one that nobody sent, and the receiver knows it because all that
 * were sent have been received. */
#include "channel.hpp"

#include <oneapi/tbb/concurrent_queue.h>

template <class M> struct Queue {
    static bool can_hold(size_t)
    {
        return true;
    }

    explicit Queue(size_t capacity)
    {
        if (capacity)
            messages.set_capacity(capacity);
    }

    struct Producer {
        explicit Producer(Queue &queue) : queue(queue)
        {
        }

        ~Producer()
        {
            queue.sent += pushed;
        }

        void push(const M &message)
        {
            queue.messages.push(message);
            pushed++;
        }

        Queue &queue;
        unsigned long pushed = 0;
    };

    void close()
    {
        closed = true;
        messages.push(M{});
    }

    bool pop(M &message)
    {
        messages.pop(message);
        if (closed && received == sent)
            return false;
        received++;
        return true;
    }

    oneapi::tbb::concurrent_bounded_queue<M> messages;
    unsigned long received = 0;
    std::atomic<unsigned long> sent{0};
    std::atomic<bool> closed{false};
};
