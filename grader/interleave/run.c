/* run.c - see run.h. */
#include "run.h"

#include <stdio.h>

struct run run;
struct thread *self;

const char *thread_name(const struct thread *thread)
{
    static char names[4][16];
    static unsigned next;
    char *name = names[next++ % 4];

    snprintf(name, sizeof names[0], "{t%u}", thread->id);
    return name;
}

/* Number 0 is none. They are never changed, as several clocks may have the same. */
static struct vector by_rc11[MAX_CLOCKS_BY_RC11];

uint32_t clock_by_rc11(const struct clock *clock, unsigned thread)
{
    uint32_t more = vector_of(&by_rc11[clock->by_rc11], thread);
    uint32_t known = vector_of(&clock->by_c11, thread);

    return more > known ? more : known;
}

void clock_learn_by_rc11(struct clock *into, const struct clock *from)
{
    uint32_t number = run.clocks_by_rc11 + 1;
    bool is_news = false;

    if (number == MAX_CLOCKS_BY_RC11)
        return;
    by_rc11[number].threads = 0;
    vector_extend(&by_rc11[number], run.thread_count, 0);
    for (unsigned t = 0; t < run.thread_count; t++) {
        uint32_t known = vector_of(&by_rc11[into->by_rc11], t); /* of number 0 all are 0 */
        uint32_t learnt = clock_by_rc11(from, t);
        by_rc11[number].at[t] = learnt > known ? learnt : known;
        is_news |= learnt > known && learnt > vector_of(&into->by_c11, t);
    }
    if (!is_news)
        return;
    into->by_rc11 = run.clocks_by_rc11 = number;
}
