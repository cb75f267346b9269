/* channel.hpp - what a queue of C++ needs to be a channel: ends that are counted, and a size of a
 * message that is known at run time only. A peer includes it and says what Queue is:
 *
 *   template <class M> struct Queue {
 *       static bool can_hold(size_t capacity);    0: without a bound
 *       explicit Queue(size_t capacity);
 *       struct Producer {
 *           explicit Producer(Queue &queue);
 *           void push(const M &message);          waits while the queue is full
 *       };
 *       void close();                             after the last push
 *       bool pop(M &message);                     waits; false: closed, and nothing left
 *   };
 */
#pragma once

extern "C" {
#include "../../exercises/04_bounded/channel.h"
}

#include <atomic>
#include <memory>
#include <optional>

template <class M> struct Queue;

template <size_t Size> struct Message {
    unsigned char bytes[Size];
};

struct sender {
    virtual ~sender() = default;
    virtual void push(const void *message) = 0;
    virtual sender *clone() = 0;
};

struct receiver {
    virtual ~receiver() = default;
    virtual bool pop(void *message) = 0;
};

template <class M> struct Shared {
    explicit Shared(size_t capacity) : queue(capacity)
    {
    }

    Queue<M> queue;
    std::atomic<int> senders{0};
};

template <class M> class SenderOf : public sender
{
  public:
    explicit SenderOf(std::shared_ptr<Shared<M>> to)
        : shared(std::move(to)), producer(shared->queue)
    {
        shared->senders++;
    }

    ~SenderOf() override
    {
        producer.reset(); /* what it knows is the queue's from here on */
        if (--shared->senders == 0)
            shared->queue.close();
    }

    void push(const void *message) override
    {
        producer->push(*static_cast<const M *>(message));
    }

    sender *clone() override
    {
        return new SenderOf(shared);
    }

  private:
    std::shared_ptr<Shared<M>> shared;
    std::optional<typename Queue<M>::Producer> producer;
};

template <class M> class ReceiverOf : public receiver
{
  public:
    explicit ReceiverOf(std::shared_ptr<Shared<M>> from) : shared(std::move(from))
    {
    }

    bool pop(void *message) override
    {
        return shared->queue.pop(*static_cast<M *>(message));
    }

  private:
    std::shared_ptr<Shared<M>> shared;
};

template <size_t Size>
static channel_status open_channel(size_t capacity, sender **tx, receiver **rx)
{
    using M = Message<Size>;

    if (!Queue<M>::can_hold(capacity))
        return CHANNEL_INVALID;
    auto shared = std::make_shared<Shared<M>>(capacity);
    *tx = new SenderOf<M>(shared);
    *rx = new ReceiverOf<M>(shared);
    return CHANNEL_OK;
}

extern "C" {

channel_status channel_create_bounded(size_t message_size, size_t capacity, void (*)(void *),
                                      sender **tx, receiver **rx)
{
    switch (message_size) {
    case 8:
        return open_channel<8>(capacity, tx, rx);
    case 64:
        return open_channel<64>(capacity, tx, rx);
    case 512:
        return open_channel<512>(capacity, tx, rx);
    case 4096:
        return open_channel<4096>(capacity, tx, rx);
    case 32768:
        return open_channel<32768>(capacity, tx, rx);
    case 65536:
        return open_channel<65536>(capacity, tx, rx);
    }
    return CHANNEL_INVALID;
}

channel_status channel_create(size_t message_size, sender **tx, receiver **rx)
{
    return channel_create_bounded(message_size, 0, nullptr, tx, rx);
}

sender *sender_clone(sender *tx)
{
    return tx->clone();
}

channel_status sender_send(sender *tx, const void *message)
{
    tx->push(message);
    return CHANNEL_OK;
}

channel_status receiver_recv(receiver *rx, void *message)
{
    return rx->pop(message) ? CHANNEL_OK : CHANNEL_CLOSED;
}

void sender_drop(sender *tx)
{
    delete tx;
}

void receiver_drop(receiver *rx)
{
    delete rx;
}
}
