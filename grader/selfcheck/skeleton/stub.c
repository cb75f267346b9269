/* $stem.c - exercise $number: yours to write. */
#include "$stem.h"

#include "../todo.h"

struct $stem *${stem}_create(void)
{
    TODO("make one: what does it consist of?");
}

void ${stem}_wait(struct $stem *it)
{
    (void)it;
    TODO("sleep until it is open");
}

void ${stem}_open(struct $stem *it)
{
    (void)it;
    TODO("open it, and wake those who wait");
}

void ${stem}_destroy(struct $stem *it)
{
    (void)it;
    TODO("free all that create made");
}
