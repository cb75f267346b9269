/* gate.c - exercise 00: yours to write. */
#include "gate.h"

#include "../todo.h"

struct gate *gate_create(void)
{
    TODO("make one: what does it consist of?");
}

void gate_wait(struct gate *it)
{
    (void)it;
    TODO("sleep until it is open");
}

void gate_open(struct gate *it)
{
    (void)it;
    TODO("open it, and wake those who wait");
}

void gate_destroy(struct gate *it)
{
    (void)it;
    TODO("free all that create made");
}
