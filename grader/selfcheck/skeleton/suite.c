/* Suite of 00: a test for each sentence of gate.h. */
#include "suite.h"

#include "gate.h"

static struct gate *make(void)
{
    struct gate *it = gate_create();

    check(it != NULL, "gate_create makes one when there is memory.");
    return it;
}

static void *wait_for(void *it)
{
    gate_wait(it);
    return NULL;
}

TEST(what_is_open_lets_through_who_comes_later,
     .sentences = {"Makes a gate", "belongs to the caller",
                   "those who wait and those who come later", "Frees it"})
{
    struct gate *it = make();

    gate_open(it);
    gate_wait(it);
    gate_destroy(it);
}

TEST(opening_lets_everybody_through,
     .sentences = {"Any thread may", "Waits until", "Lets everybody through"},
     .hint = "Who has to be told?")
{
    struct gate *it = make();
    pthread_t first = spawn(wait_for, it), second = spawn(wait_for, it);

    gate_open(it);
    join(first);
    join(second);
    gate_destroy(it);
}

TEST(who_waits_sleeps, .sentences = {"sleeps until then"})
{
    struct gate *it = make();
    pthread_t waiter = spawn(wait_for, it);

    settle();
    gate_open(it);
    join(waiter);
    gate_destroy(it);
}

TEST(without_memory_there_is_none, .sentences = {"or NULL without memory"},
     .allocations_fail = true)
{
    struct gate *it = gate_create();

    check(it != NULL || allocation_has_failed(), "gate_create makes one when there is memory.");
    if (it != NULL)
        gate_destroy(it);
}
