/* seed.c - see seed.h.
 *
 * x[flags]-G-G.C-... is the choices that are not 0: G choices of 0, then C (1 if left out), all in
 * base 36.
 *
 * mix[flags]-SEED-INDEX is the schedule of that number, of that strategy and seed.
 *
 * Flags: z, fresh memory is zeros; u, unlock is a step; e f s, events are drawn, and so are allocations that fail, and threads that
 * stop; bK., DFS's bound is K; aK., the Kth allocation fails; tT.K., thread T is stopped at its Kth step. */
#include "seed.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const strategy_names[] = {[PLAN_MIX] = "mix",
                                      [PLAN_RANDOM] = "random",
                                      [PLAN_PCT] = "pct",
                                      [PLAN_POS] = "pos",
                                      [PLAN_ADVERSARY] = "adversary",
                                      [PLAN_DFS] = "dfs",
                                      [PLAN_DPOR] = "dpor",
                                      [PLAN_REPLAY] = "x"};

static size_t write_flags(char *text, size_t size, const struct plan *plan)
{
    size_t used = (size_t)snprintf(text, size, "%s%s%s%s%s%s", strategy_names[plan->strategy],
                                   plan->zeroed ? "z" : "", plan->unlock_is_step ? "u" : "",
                                   plan->draws_events ? "e" : "", plan->draws_failures ? "f" : "",
                                   plan->draws_stops ? "s" : "");

    if (plan->strategy == PLAN_DFS)
        used += (size_t)snprintf(text + used, size - used, "b%u.", plan->bound);
    if (plan->fail_at)
        used += (size_t)snprintf(text + used, size - used, "a%u.", plan->fail_at);
    if (plan->stop_step)
        used += (size_t)snprintf(text + used, size - used, "t%u.%u.", plan->stop_thread,
                                 plan->stop_step);
    return used;
}

static size_t write_base_36(char *text, unsigned number)
{
    char digits[8];
    size_t n = 0;

    do
        digits[n++] = "0123456789abcdefghijklmnopqrstuvwxyz"[number % 36];
    while (number /= 36);
    for (size_t i = 0; i < n; i++)
        text[i] = digits[n - 1 - i];
    return n;
}

/* False: it does not fit. */
static bool write_choices(char *text, size_t size, const struct script *choices)
{
    unsigned zeros = 0;
    size_t used = 0;

    if (choices->n > MAX_CHOICES)
        return false;
    for (unsigned i = 0; i < choices->n; i++) {
        if (!choices->choices[i]) {
            zeros++;
            continue;
        }
        if (used + 20 > size)
            return false;
        text[used++] = '-';
        used += write_base_36(text + used, zeros);
        if (choices->choices[i] > 1) {
            text[used++] = '.';
            used += write_base_36(text + used, choices->choices[i]);
        }
        zeros = 0;
    }
    if (!used)
        text[used++] = '-';
    text[used] = '\0';
    return true;
}

void seed_write(char *text, size_t size, const struct plan *plan, const struct script *choices)
{
    struct plan replay = *plan;

    replay.strategy = PLAN_REPLAY;
    size_t used = write_flags(text, size, &replay);
    if (write_choices(text + used, size - used, choices))
        return;
    used = write_flags(text, size, plan);
    snprintf(text + used, size - used, "-%llu-%lu", (unsigned long long)plan->seed, plan->index);
}

static bool read_choices(const char *text, struct script *choices)
{
    choices->n = 0;
    while (*text == '-' && text[1]) {
        char *end;
        unsigned long zeros = strtoul(text + 1, &end, 36), choice = 1;
        if (*end == '.')
            choice = strtoul(end + 1, &end, 36);
        if (end == text + 1 || choices->n + zeros + 1 > MAX_CHOICES)
            return false;
        memset(choices->choices + choices->n, 0, zeros * sizeof *choices->choices);
        choices->n += (unsigned)zeros;
        choices->choices[choices->n++] = (uint16_t)choice;
        text = end;
    }
    return *text == '\0' || strcmp(text, "-") == 0;
}

static const char *read_flags(const char *text, struct plan *plan)
{
    char *end = (char *)(uintptr_t)text;

    for (; *end && *end != '-'; end += *end == '.') {
        if (strchr("zuefs", *end)) {
            plan->zeroed = *end == 'z' ? ALL_BLOCKS : plan->zeroed;
            plan->unlock_is_step |= *end == 'u';
            plan->draws_events |= *end == 'e';
            plan->draws_failures |= *end == 'f';
            plan->draws_stops |= *end == 's';
            end++;
        } else if (*end == 'b') {
            plan->bound = (unsigned)strtoul(end + 1, &end, 10);
        } else if (*end == 'a') {
            plan->fail_at = (unsigned)strtoul(end + 1, &end, 10);
        } else if (*end == 't') {
            plan->stop_thread = (unsigned)strtoul(end + 1, &end, 10);
            plan->stop_step = *end == '.' ? (unsigned)strtoul(end + 1, &end, 10) : 0;
        } else {
            return NULL;
        }
    }
    return end;
}

bool seed_read(const char *text, struct plan *plan, struct script *choices)
{
    unsigned long long seed;

    for (int i = PLAN_MIX; i <= PLAN_REPLAY; i++) {
        size_t length = strlen(strategy_names[i]);
        if (strncmp(text, strategy_names[i], length))
            continue;
        plan->strategy = i;
        plan->index = 0;
        text = read_flags(text + length, plan);
        if (!text)
            return false;
        if (i == PLAN_REPLAY)
            return read_choices(text, choices);
        if (sscanf(text, "-%llu-%lu", &seed, &plan->index) != 2)
            return false;
        plan->seed = seed;
        return true;
    }
    return false;
}
