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
static uint32_t by_rc11[MAX_CLOCKS_BY_RC11][MAX_THREADS];

uint32_t clock_by_rc11(const struct clock *clock, unsigned thread)
{
    uint32_t more = by_rc11[clock->by_rc11][thread];

    return more > clock->at[thread] ? more : clock->at[thread];
}

void clock_learn_by_rc11(struct clock *into, const struct clock *from)
{
    const uint32_t *more = by_rc11[from->by_rc11]; /* of number 0 all are 0 */
    uint32_t number = run.clocks_by_rc11 + 1;
    bool is_news = false;

    if (number == MAX_CLOCKS_BY_RC11)
        return;
    for (unsigned t = 0; t < MAX_THREADS; t++) {
        uint32_t known = into->by_rc11 ? by_rc11[into->by_rc11][t] : 0;
        uint32_t learnt = more[t] > from->at[t] ? more[t] : from->at[t];
        by_rc11[number][t] = learnt > known ? learnt : known;
        is_news |= learnt > known && learnt > into->at[t];
    }
    if (!is_news)
        return;
    into->by_rc11 = run.clocks_by_rc11 = number;
}
