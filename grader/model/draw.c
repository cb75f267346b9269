/* draw.c - the scenario of a number.
 *
 * The first ones cover: two calls by two threads, each pair of kinds, on each small object, filled from not at all to
 * full, and with its one handle gone. All others are drawn by chance. What is drawn depends on seed and number
 * alone. */
#include "scenarios.h"

#include <string.h>

enum {
    SECOND_ROUND_ONE_IN = 4,
    SLEEPY = 5,
    TURNED_ONE_IN = 4,
    MOST_TURNS = 40,
    BURST = 6,
    BURST_ONE_IN = 3,
    SMALL = 64,
    BYTEFUL = 256,
    TWINS_ONE_IN = 3,
    LONG_FIRST = 4,
    LONG_ONE_IN = 40, /* in which each shape comes once */
};

uint64_t draw_next(uint64_t *random)
{
    uint64_t z = *random += UINT64_C(0x9e3779b97f4a7c15); /* splitmix64 */

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

unsigned draw_below(uint64_t *random, unsigned n)
{
    return n ? (unsigned)(((draw_next(random) >> 32) * n) >> 32) : 0;
}

static bool one_in(uint64_t *random, unsigned n)
{
    return draw_below(random, n) == 0;
}

static struct call *add_call(struct scenario *s, const struct contract *contract, uint64_t *random,
                             unsigned thread, unsigned kind, unsigned object)
{
    struct call *call = &s->calls[s->n++];

    *call = (struct call){.kind = (uint8_t)kind,
                          .thread = (uint8_t)thread,
                          .object = (uint8_t)object,
                          .argument = (uint16_t)draw_below(random, contract->kinds[kind].arguments),
                          .message = contract->kinds[kind].hands_in ? s->n : 0};
    return call;
}

static void draw_the_rest(const struct contract *contract, struct scenario *s, uint64_t *random)
{
    s->is_held = contract->thread_ends && one_in(random, 3);
    for (unsigned t = 0; t < THREADS; t++) {
        s->drops[t] = one_in(random, 2) && !contract->one_stops;
        s->release[t] = (uint8_t)draw_below(random, 4);
    }
    s->last_first = s->release[0] / 2;
    for (unsigned o = 0; o < OBJECTS; o++) {
        s->keeps[o] = s->objects > 1 || one_in(random, 2);
        s->ending[o] = (uint8_t)draw_below(random, contract->ending_count);
    }
}

/* ------------------------------------------------------------------------------------ pairs */

struct pair {
    unsigned kinds[2], setup, filled;
};

static unsigned fillings(const struct contract *contract)
{
    return contract->most_filled + 2u; /* the last one: the one handle is gone */
}

unsigned pair_count(const struct contract *contract)
{
    return (unsigned)contract->kind_count * contract->kind_count * contract->setup_count *
           fillings(contract) * (contract->pairs_again + 1u);
}

static struct pair pair_of(const struct contract *contract, unsigned number)
{
    struct pair pair;

    pair.kinds[0] = number % contract->kind_count;
    number /= contract->kind_count;
    pair.kinds[1] = number % contract->kind_count;
    number /= contract->kind_count;
    pair.filled = number % fillings(contract);
    pair.setup = number / fillings(contract) % contract->setup_count;
    return pair;
}

static bool is_wanted(const struct contract *contract, const struct pair *pair)
{
    const struct kind *a = &contract->kinds[pair->kinds[0]], *b = &contract->kinds[pair->kinds[1]];
    bool is_gone = pair->filled > contract->most_filled;

    if (pair->kinds[0] < pair->kinds[1] || !a->often || !b->often)
        return false;
    if (needs_one(a) && needs_one(b))
        return false;
    if (is_gone)
        return !contract->thread_ends && contract->kinds[contract->drop_one].often &&
               !needs_one(a) && !needs_one(b);
    return pair->filled <= contract->setups[pair->setup].capacity &&
           (pair->setup < contract->new_setups || a->is_new || b->is_new);
}

/* Beside two that use handles of the other kind, a thread has the one and makes calls with it. */
static void add_third(const struct contract *contract, uint64_t *random, struct scenario *s)
{
    unsigned calls = 1 + draw_below(random, 3);

    for (unsigned tries = 0; calls && tries < 32; tries++) {
        unsigned kind = draw_below(random, contract->kind_count);
        if (contract->kinds[kind].often && contract->kinds[kind].needs == THE_ONE) {
            add_call(s, contract, random, 3, kind, 0);
            calls--;
        }
    }
}

static bool draw_pair(const struct contract *contract, uint64_t *random, unsigned number,
                      struct scenario *s)
{
    struct pair pair = pair_of(contract, number);

    if (!is_wanted(contract, &pair))
        return false;
    s->objects = 1 + (contract->kinds[pair.kinds[0]].needs == EVERY_ONE ||
                      contract->kinds[pair.kinds[1]].needs == EVERY_ONE);
    for (unsigned o = 0; o < OBJECTS; o++)
        s->setups[o] = contract->setups[pair.setup];
    if (pair.filled > contract->most_filled)
        add_call(s, contract, random, 0, contract->drop_one, 0);
    else
        for (unsigned i = 0; i < pair.filled; i++)
            add_call(s, contract, random, 0, contract->fill, draw_below(random, s->objects));
    add_call(s, contract, random, 1, pair.kinds[0], draw_below(random, s->objects));
    add_call(s, contract, random, 2, pair.kinds[1], draw_below(random, s->objects));
    if (pair.filled <= contract->most_filled && !needs_one(&contract->kinds[pair.kinds[0]]) &&
        !needs_one(&contract->kinds[pair.kinds[1]]))
        add_third(contract, random, s);
    draw_the_rest(contract, s, random);
    return true;
}

/* ---------------------------------------------------------------------------------- by chance */

/* What a thread may still do: which objects' one handle it has, and how many of the others. */
struct means {
    bool has_one[OBJECTS];
    unsigned many[OBJECTS];
};

/* The owner of the one handle of any object does not sleep until such a handle is used: nobody may come. */
static bool is_possible(const struct contract *contract, unsigned kind, const struct means *means,
                        unsigned object)
{
    const struct kind *of = &contract->kinds[kind];

    if (contract->one_stops && !never_sleeps(of))
        return false;
    if (of->needs != A_MANY)
        return of->often && (of->needs == NOTHING || means->has_one[object]);
    if (of->sleeps && of->releases[0] != NONE &&
        contract->kinds[of->releases[0]].needs == THE_ONE &&
        (means->has_one[0] || means->has_one[1]))
        return false;
    return of->often && means->many[object] > 0;
}

static unsigned how_often(const struct kind *kind, bool sleepy)
{
    return sleepy && kind->sleeps ? SLEEPY * kind->often : kind->often;
}

/* A kind of call that the thread can make on the object; NONE. The owner of the one handle mostly uses that. */
static unsigned draw_kind(const struct contract *contract, uint64_t *random,
                          const struct means *means, unsigned object, bool sleepy)
{
    bool with_the_one = means->has_one[object] && !one_in(random, 4);
    unsigned sum = 0, at;

    for (unsigned k = 0; k < contract->kind_count; k++)
        if (is_possible(contract, k, means, object) &&
            needs_one(&contract->kinds[k]) == with_the_one)
            sum += how_often(&contract->kinds[k], sleepy);
    if (!sum)
        return NONE;
    at = draw_below(random, sum);
    for (unsigned k = 0;; k++)
        if (is_possible(contract, k, means, object) &&
            needs_one(&contract->kinds[k]) == with_the_one) {
            if (at < how_often(&contract->kinds[k], sleepy))
                return k;
            at -= how_often(&contract->kinds[k], sleepy);
        }
}

static void note_effect(const struct contract *contract, const struct call *call,
                        struct means *means)
{
    const struct kind *kind = &contract->kinds[call->kind];

    if (kind->does == ADDS)
        means->many[call->object]++;
    else if (kind->does == DROPS && kind->needs == A_MANY)
        means->many[call->object]--;
    else if (kind->does == DROPS)
        means->has_one[call->object] = false;
}

static void draw_thread(const struct contract *contract, uint64_t *random, struct scenario *s,
                        unsigned thread, const bool has_one[OBJECTS], bool sleepy)
{
    struct means means = {{has_one[0], has_one[1]}, {1, 1}};
    unsigned calls = 1 + draw_below(random, 3), object = draw_below(random, s->objects);

    for (unsigned i = 0; i < calls && s->n < MOST_PLANNED; i++) {
        unsigned kind = draw_kind(contract, random, &means, object, sleepy);
        if (kind != NONE)
            note_effect(contract, add_call(s, contract, random, thread, kind, object), &means);
        if (s->objects > 1 && one_in(random, 3))
            object = !object;
    }
}

static void draw_round(const struct contract *contract, uint64_t *random, struct scenario *s,
                       unsigned first, unsigned threads)
{
    bool sleepy = one_in(random, 2);
    unsigned holder[OBJECTS]; /* of the one handle; past the last thread: the test */

    for (unsigned o = 0; o < OBJECTS; o++)
        holder[o] = first + draw_below(random, threads + (!sleepy && one_in(random, 4)));
    if (one_in(random, 2))
        holder[1] = holder[0];
    for (unsigned t = first; t < first + threads; t++) {
        bool has_one[OBJECTS] = {holder[0] == t, holder[1] == t};
        draw_thread(contract, random, s, t, has_one, sleepy);
    }
}

/* Two threads make the same calls, each on an object of its own. */
static void draw_twins(const struct contract *contract, uint64_t *random, struct scenario *s)
{
    const bool has_one[OBJECTS] = {one_in(random, 2)};
    unsigned first = s->n;

    s->objects = 1;
    draw_thread(contract, random, s, 1, has_one, true);
    s->objects = OBJECTS;
    for (unsigned i = first, n = s->n; i < n && s->n < MOST_PLANNED; i++) {
        struct call *call = add_call(s, contract, random, 2, s->calls[i].kind, 1);
        call->argument = s->calls[i].argument;
    }
}

/* An answer that the contract gives to a call made alone; false: none as yet. */
static bool any_answer(const struct contract *contract, void *state, struct call *call)
{
    uint64_t before[MOST_STATE / sizeof(uint64_t)];

    memcpy(before, state, sizeof before);
    call->value = ANY;
    for (call->status = 0; call->status < STATUSES; call->status++) {
        if (contract->allows(state, call, NULL))
            return true;
        memcpy(state, before, sizeof before);
    }
    return false;
}

/* ... false: it would sleep. */
static bool answer_alone(const struct contract *contract, void *state, struct call *call)
{
    return !contract->may_sleep(state, call) && any_answer(contract, state, call);
}

/* What the test does before the others begin: nothing that would sleep. */
static void draw_before(const struct contract *contract, uint64_t *random, struct scenario *s)
{
    uint64_t state[MOST_STATE / sizeof(uint64_t)] = {0};
    struct means means = {{true, s->objects > 1}, {1, 1}};
    unsigned calls = draw_below(random, 5);

    contract->begin(state, s->setups, s->objects);
    for (unsigned i = 0; i < calls; i++) {
        unsigned object = draw_below(random, s->objects);
        unsigned kind =
            one_in(random, 2) ? contract->fill : draw_kind(contract, random, &means, object, false);
        if (kind == NONE)
            continue;
        struct call *call = add_call(s, contract, random, 0, kind, object);
        bool drops = contract->kinds[kind].does == DROPS;
        call->held = (uint8_t)(means.has_one[0] | means.has_one[1] << 1);
        if ((drops && (kind == contract->drop_one ? !one_in(random, 8) : means.many[object] < 2)) ||
            !answer_alone(contract, state, call))
            s->n--;
        else
            note_effect(contract, call, &means);
    }
}

/* Is there a call made with the handles of several objects? */
static bool has_every_one(const struct contract *contract)
{
    for (unsigned k = 0; k < contract->kind_count; k++)
        if (contract->kinds[k].needs == EVERY_ONE)
            return true;
    return false;
}

static void draw_by_chance(const struct contract *contract, uint64_t *random, struct scenario *s)
{
    static const uint8_t threads[] = {1, 2, 2, 2, 2, 3, 3, 3};

    s->objects = 1 + one_in(random, has_every_one(contract) ? 2 : 4);
    for (unsigned o = 0; o < OBJECTS; o++)
        s->setups[o] = contract->setups[draw_below(
            random, one_in(random, 4) ? contract->setup_count : contract->new_setups)];
    draw_before(contract, random, s);
    if (s->objects > 1 && one_in(random, TWINS_ONE_IN))
        draw_twins(contract, random, s);
    else
        draw_round(contract, random, s, 1, threads[draw_below(random, sizeof threads)]);
    if (one_in(random, SECOND_ROUND_ONE_IN))
        draw_round(contract, random, s, SECOND_ROUND, 1 + draw_below(random, 2));
    draw_the_rest(contract, s, random);
}

/* After its call of the pair a thread may go on. */
static void draw_on(const struct contract *contract, uint64_t *random, struct scenario *s)
{
    unsigned n = s->n;

    for (unsigned i = 0; i < n; i++) {
        const bool has_one[OBJECTS] = {needs_one(&contract->kinds[s->calls[i].kind])};
        if ((s->calls[i].thread == 1 || s->calls[i].thread == 2) && one_in(random, 2))
            draw_thread(contract, random, s, s->calls[i].thread, has_one, false);
    }
}

/* While one thread is in the middle of something another may hand in many. */
static void draw_burst(const struct contract *contract, uint64_t *random, struct scenario *s)
{
    struct call call = s->calls[draw_below(random, s->n)];
    unsigned more = BURST + draw_below(random, BURST);

    if (!one_in(random, BURST_ONE_IN) || !call.thread || !contract->kinds[call.kind].hands_in)
        return;
    for (; more && s->n < MOST_PLANNED; more--)
        add_call(s, contract, random, call.thread, call.kind, call.object);
}

/* An object is not always new: what turns, or is used again, has been used before. */
static void draw_turns(const struct contract *contract, uint64_t *random, struct scenario *s)
{
    for (unsigned o = 0; o < OBJECTS; o++)
        if (contract->kinds[contract->take].hands_out && one_in(random, TURNED_ONE_IN))
            s->turns[o] = (uint8_t)(1 + draw_below(random, MOST_TURNS));
}

bool draw_scenario(const struct contract *contract, uint64_t seed, unsigned number,
                   struct scenario *scenario)
{
    uint64_t random = seed * UINT64_C(0x2545f4914f6cdd1d) + number;

    draw_next(&random);
    memset(scenario, 0, sizeof *scenario);
    if (number >= pair_count(contract))
        draw_by_chance(contract, &random, scenario);
    else if (draw_pair(contract, &random, number, scenario))
        draw_on(contract, &random, scenario);
    else
        return false;
    draw_burst(contract, &random, scenario);
    draw_turns(contract, &random, scenario);
    scenario->messages = scenario->n;
    return true;
}

/* ------------------------------------------------------------------------------------ repeated */

/* Makes a planned call so often, with a number for each message. */
static void repeat(struct scenario *s, const struct kind *kind, struct call *call, size_t times)
{
    call->times = (uint16_t)times;
    call->message = kind->hands_in ? s->messages + 1 : 0;
    s->messages += kind->hands_in ? (unsigned)times : 0;
}

/* One that a thread sleeps in until others have made a call, whatever time it is. */
static bool draw_sleeper(const struct contract *contract, uint64_t *random, struct scenario *s)
{
    uint64_t state[MOST_STATE / sizeof(uint64_t)] = {0};
    unsigned kind = draw_below(random, contract->kind_count);
    bool is_woken_by_taking = !needs_one(&contract->kinds[kind]);

    s->n = s->messages = 0;
    if (!contract->kinds[kind].sleeps || !contract->kinds[kind].often)
        return false;
    contract->begin(state, s->setups, s->objects);
    if (is_woken_by_taking && s->setups[0].capacity > BYTEFUL)
        return false;
    if (is_woken_by_taking) {
        struct call *fill = add_call(s, contract, random, 0, contract->fill, 0);
        repeat(s, &contract->kinds[contract->fill], fill, s->setups[0].capacity);
        for (size_t i = 0; i < s->setups[0].capacity; i++)
            contract->allows(state, fill, NULL);
    }
    struct call *call = add_call(s, contract, random, 1, kind, 0), asleep = *call;
    repeat(s, &contract->kinds[kind], call, 1);
    asleep.held = 1;
    return contract->may_sleep(state, &asleep) && !any_answer(contract, state, &asleep);
}

/* The counterpart: what it hands out is handed in, or the other way round, by a call that never sleeps. */
static unsigned draw_counterpart(const struct contract *contract, uint64_t *random,
                                 const struct kind *sleeper)
{
    for (;;) {
        unsigned k = draw_below(random, contract->kind_count);
        if (never_sleeps(&contract->kinds[k]) && contract->kinds[k].often &&
            needs_one(&contract->kinds[k]) != needs_one(sleeper))
            return k;
    }
}

bool draw_repeated(const struct generated *generated, uint64_t seed, unsigned number,
                   struct scenario *s)
{
    const struct contract *contract = generated->contract;
    uint64_t random = seed * UINT64_C(0x2545f4914f6cdd1d) + number;

    draw_next(&random);
    memset(s, 0, sizeof *s);
    s->objects = 1;
    s->setups[0] = s->setups[1] = generated->setups[number % generated->setup_count];
    while (!draw_sleeper(contract, &random, s))
        continue;
    unsigned kind = draw_counterpart(contract, &random, &contract->kinds[s->calls[s->n - 1].kind]);
    repeat(s, &contract->kinds[kind], add_call(s, contract, &random, 2, kind, 0), generated->times);
    draw_the_rest(contract, s, &random);
    memset(s->drops, 0, sizeof s->drops); /* see the WINDOW of linearize.c */
    return true;
}

/* --------------------------------------------------------------------------------------- alone */

int long_shape(const struct generated *generated, unsigned number)
{
    unsigned shape = (number - LONG_FIRST) % LONG_ONE_IN;

    return generated->longest && shape < LONG_SHAPES ? (int)shape : -1;
}

bool draw_alone(const struct generated *generated, uint64_t seed, unsigned number,
                struct scenario *scenario)
{
    uint64_t random = seed * UINT64_C(0x2545f4914f6cdd1d) + number;
    int shape = long_shape(generated, number);
    /* A queue may be moved down for each one taken: that of the long one has little to move. */
    size_t largest = shape < 0 ? SIZE_MAX : shape == MANY_TAKEN ? 1 : SMALL;

    memset(scenario, 0, sizeof *scenario);
    scenario->objects = 1 + one_in(&random, 3);
    do
        scenario->setups[0] = generated->setups[number++ % generated->setup_count];
    while (scenario->setups[0].size > largest);
    scenario->setups[1] = generated->setups[draw_below(&random, generated->setup_count)];
    draw_the_rest(generated->contract, scenario, &random);
    return true;
}
