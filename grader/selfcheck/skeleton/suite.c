/* Suite of $number: a test for each sentence of $stem.h. */
#include "suite.h"

#include "$stem.h"

static struct $stem *make(void)
{
    struct $stem *it = ${stem}_create();

    check(it != NULL, "${stem}_create makes one when there is memory.");
    return it;
}

static void *wait_for(void *it)
{
    ${stem}_wait(it);
    return NULL;
}

TEST(what_is_open_lets_through_who_comes_later,
     .sentences = {"Makes a $title", "belongs to the caller", "those who wait and those who come later", "Frees it"})
{
    struct $stem *it = make();

    ${stem}_open(it);
    ${stem}_wait(it);
    ${stem}_destroy(it);
}

TEST(opening_lets_everybody_through, .sentences = {"Any thread may", "Waits until", "Lets everybody through"},
     .hint = "Who has to be told?")
{
    struct $stem *it = make();
    pthread_t first = spawn(wait_for, it), second = spawn(wait_for, it);

    ${stem}_open(it);
    join(first);
    join(second);
    ${stem}_destroy(it);
}

TEST(who_waits_sleeps, .sentences = {"sleeps until then"})
{
    struct $stem *it = make();
    pthread_t waiter = spawn(wait_for, it);

    settle();
    ${stem}_open(it);
    join(waiter);
    ${stem}_destroy(it);
}

TEST(without_memory_there_is_none, .sentences = {"or NULL without memory"}, .allocations_fail = true)
{
    struct $stem *it = ${stem}_create();

    check(it != NULL || allocation_has_failed(), "${stem}_create makes one when there is memory.");
    if (it != NULL)
        ${stem}_destroy(it);
}
