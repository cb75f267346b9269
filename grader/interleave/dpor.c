/* dpor.c - see dpor.h. */
#include "dpor.h"

#include "fail.h"

#include <string.h>

enum { FOLLOWED = 64 }; /* threads, a bit each; with more of them it is no proof */

struct sleeper {
    unsigned thread;
    const struct footprint *footprint;
};

/* The threads that are not to be tried: what they would do next has been explored before. */
struct sleepers {
    unsigned n;
    struct sleeper of[MAX_ASLEEP]; /* any more are tried again */
};

/* A choice on the way: of a thread, or of a value that was drawn. */
struct node {
    unsigned event; /* that begins with it, or in which it is made */
    bool is_pick;
    unsigned chosen, n;          /* a thread; or one of n values */
    uint64_t able, wanted, done; /* threads that are awake; to be tried; tried */
    struct sleepers asleep;
    struct footprint did; /* by the chosen one, in all runs with it */
    unsigned footprints_before;
};

/* A step that was taken. They are counted from 1; in a clock 0 means none. */
struct event {
    unsigned thread;
    struct node *node; /* NULL: there was no choice */
    uint64_t could_go; /* threads, those asleep among them */
    struct footprint did;
    uint64_t objects;         /* of did, a bit each: most pairs have none in common */
    uint16_t clock[FOLLOWED]; /* the last event of each thread that happens before it, or is it */
};

static struct node nodes[MAX_PROVED_STEPS];
static unsigned node_count, passed;                   /* on the stack, and in this schedule */
static struct footprint footprints[MAX_PROVED_STEPS]; /* of sleepers */
static unsigned footprint_count;
static struct event events[MAX_PROVED_STEPS];
static unsigned now, kept; /* the event that runs; those before `kept` are as in the run before */
static bool runs;          /* it does: no pick has ended it yet */
static uint16_t last[FOLLOWED]; /* event of each thread */
static struct sleepers asleep;
static struct footprint touched;  /* by the event that runs */
static uint16_t waited[FOLLOWED]; /* the last events before everybody waited, and time passed */
static bool have_waited, left_out;

static uint64_t bit(unsigned n)
{
    return UINT64_C(1) << n;
}

void dpor_leave_out(void)
{
    left_out = true;
}

void dpor_touch(const struct object *object, bool writes, enum touch how)
{
    if (now >= kept)
        footprint_add(&touched, object, writes, how);
}

void dpor_waited(void)
{
    have_waited = true;
}

/* ------------------------------------------------------------------------------ happens before */

static unsigned threads(void)
{
    return run.thread_count < FOLLOWED ? run.thread_count : FOLLOWED;
}

static void learn(uint16_t clock[], const uint16_t from[])
{
    for (unsigned t = 0; t < threads(); t++)
        if (clock[t] < from[t])
            clock[t] = from[t];
}

static uint64_t bits_of(const struct footprint *footprint)
{
    uint64_t bits = 0;

    if (footprint->n > MAX_TOUCHED)
        return UINT64_MAX;
    for (unsigned i = 0; i < footprint->n; i++)
        bits |= bit((unsigned)(footprint->touched[i].object * UINT64_C(0x9e3779b97f4a7c15) >> 58));
    return bits;
}

static bool awaits(const struct footprint *footprint)
{
    for (unsigned i = 0; i < footprint->n && i < MAX_TOUCHED; i++)
        if (footprint->touched[i].how == AWAITED)
            return true;
    return false;
}

/* What the step that has just ended had to wait for, besides the one before it of its thread. */
static void learn_awaited(struct event *event)
{
    for (unsigned i = awaits(&event->did) ? now - 1 : 0; i; i--)
        if (events[i].objects & event->objects && events[i].thread != event->thread &&
            event->clock[events[i].thread] < i &&
            footprints_relate(&events[i].did, &event->did).awaited)
            learn(event->clock, events[i].clock);
}

/* ---------------------------------------------------------------------------- what is to be tried */

/* The threads that may come first if the steps after `first` which don't happen after it, and then the
 * last one, are to come before it. */
static uint64_t initials(unsigned first, unsigned end)
{
    uint16_t begun[FOLLOWED] = {0}; /* the first such step of each thread */
    uint64_t found = 0, seen = 0;

    for (unsigned i = first + 1; i <= end; i++) {
        const struct event *event = &events[i];
        bool is_first = !(seen & bit(event->thread));
        if (i < end && event->clock[events[first].thread] >= first)
            continue;
        for (unsigned t = 0; t < threads() && is_first; t++)
            is_first = t == event->thread || !begun[t] || event->clock[t] < begun[t];
        if (is_first)
            found |= bit(event->thread);
        if (!(seen & bit(event->thread)))
            begun[event->thread] = (uint16_t)i;
        seen |= bit(event->thread);
    }
    return found;
}

static uint64_t bits_asleep(const struct sleepers *sleepers)
{
    uint64_t bits = 0;

    for (unsigned i = 0; i < sleepers->n; i++)
        bits |= bit(sleepers->of[i].thread);
    return bits;
}

/* Two steps meet, and nothing else orders them: at the first one, try what leads to the other order. */
static void reverse(unsigned first, unsigned second)
{
    struct node *node = events[first].node;

    if (!node)
        return; /* nobody else could go on, or whoever could is asleep */
    uint64_t could = initials(first, second), able = could & node->able;
    if (could & (node->wanted | bits_asleep(&node->asleep)))
        return;
    if (!able)
        node->wanted = node->able;
    else if (able & bit(events[second].thread))
        node->wanted |= bit(events[second].thread);
    else
        node->wanted |= able & -able;
}

/* Did the thread wait for something at that step, which it had come to do? */
static bool waited_at(unsigned thread, unsigned came, const struct event *step)
{
    return came < (unsigned)(step - events) && !(step->could_go & bit(thread));
}

/* Each earlier step that the one which has just ended meets, and that no other stands between. A step that
 * it had to wait for does not: what came before that may well come after this. */
static void find_reversals(struct event *event)
{
    uint16_t before[FOLLOWED];
    unsigned came = event->clock[event->thread], firsts[MAX_PROVED_STEPS], n = 0;

    memcpy(before, event->clock, sizeof before);
    for (unsigned i = now - 1; i; i--) {
        const struct event *other = &events[i];
        if (!(other->objects & event->objects) || other->thread == event->thread ||
            before[other->thread] >= i)
            continue;
        struct relation relation = footprints_relate(&other->did, &event->did);
        if (relation.follow)
            learn(event->clock, other->clock);
        if (!relation.meet)
            continue;
        if (!waited_at(event->thread, came, other))
            learn(before, other->clock);
        firsts[n++] = i;
    }
    for (unsigned i = 0; i < n; i++)
        reverse(firsts[i], now);
}

/* The schedule is cut short, and a thread still waits: what it would do is held against all the same. */
static void find_reversals_of(const struct thread *thread)
{
    struct event *event = &events[now];

    if (is_over(thread) || !thread->object)
        return;
    event->thread = thread->id;
    event->did.n = 0;
    footprint_add(&event->did, thread->object, true, MEETS);
    if (thread->deadline != FOREVER)
        footprint_add(&event->did, run.clock_object, true, MEETS);
    event->objects = bits_of(&event->did);
    memcpy(event->clock, events[last[thread->id]].clock, sizeof event->clock);
    find_reversals(event);
}

/* ----------------------------------------------------------------------------------- sleepers */

static void fall_asleep(struct sleepers *sleepers, struct sleeper sleeper)
{
    if (sleepers->n < MAX_ASLEEP)
        sleepers->of[sleepers->n++] = sleeper;
}

static void wake_up(struct sleepers *sleepers, const struct footprint *by)
{
    unsigned n = 0;

    for (unsigned i = 0; i < sleepers->n; i++)
        if (!footprints_meet(sleepers->of[i].footprint, by))
            sleepers->of[n++] = sleepers->of[i];
    sleepers->n = n;
}

/* ------------------------------------------------------------------------------------- events */

static void end_event(void)
{
    struct event *event = &events[now];

    if (!runs)
        return;
    runs = false;
    if (now >= kept) {
        event->did = touched;
        event->objects = bits_of(&touched);
        if (event->node)
            footprint_merge(&event->node->did, &touched);
        learn_awaited(event);
        find_reversals(event);
        event->clock[event->thread] = (uint16_t)now;
        wake_up(&asleep, &touched);
    }
    last[event->thread] = (uint16_t)now;
    touched.n = 0;
}

static bool goes_by_time(const struct thread *thread)
{
    return thread->deadline <= run.now && thread->ready && !thread->ready(thread);
}

static void begin_event(const struct thread *thread, struct node *node, uint64_t could_go)
{
    struct event *event = &events[now];

    runs = true;
    if (now < kept)
        return;
    event->thread = thread->id;
    event->node = node;
    event->could_go = could_go;
    if (last[thread->id])
        memcpy(event->clock, events[last[thread->id]].clock, sizeof event->clock);
    else
        memset(event->clock, 0, sizeof event->clock);
    if (thread->settling || goes_by_time(thread))
        learn(event->clock, waited);
}

/* -------------------------------------------------------------------------------------- nodes */

static struct node *new_node(bool is_pick)
{
    struct node *node = &nodes[node_count++];

    node->event = now;
    node->is_pick = is_pick;
    node->asleep = asleep;
    node->footprints_before = footprint_count;
    node->did.n = 0;
    node->wanted = node->done = 0;
    passed++;
    return node;
}

/* The node that this schedule passes here, if it is one of the stack. */
static struct node *old_node(bool is_pick)
{
    struct node *node = passed < node_count ? &nodes[passed] : NULL;

    if (!node || node->event != now || node->is_pick != is_pick)
        return NULL;
    if (++passed == node_count)
        asleep = node->asleep;
    return node;
}

static unsigned place_of(unsigned thread, const struct option options[], unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        if (options[i].thread->id == thread)
            return i;
    left_out = true;
    return 0;
}

static unsigned pick_again(const struct option options[], unsigned n)
{
    struct node *node = old_node(true);
    unsigned place = place_of(node ? node->chosen : events[now].thread, options, n);

    begin_event(options[place].thread, node, events[now].could_go);
    return place;
}

/* Whatever comes has been seen in another order. */
static _Noreturn void cut_short(uint64_t could_go)
{
    for (unsigned t = 0; t < threads(); t++)
        if (!(could_go & bit(t)) && last[t])
            find_reversals_of(&run.threads[t]);
    abandon_schedule();
}

static unsigned pick_anew(const struct option options[], unsigned n)
{
    uint64_t sleeping = bits_asleep(&asleep), awake = 0, could_go = 0;
    unsigned first = n;

    for (unsigned i = n; i--;) {
        could_go |= bit(options[i].thread->id);
        if (sleeping & bit(options[i].thread->id))
            continue;
        awake |= bit(options[i].thread->id);
        first = i;
    }
    if (!awake)
        cut_short(could_go);
    struct node *node = NULL;
    if (awake & (awake - 1)) {
        node = new_node(true);
        node->able = awake;
        node->chosen = options[first].thread->id;
        node->wanted = bit(node->chosen);
    }
    begin_event(options[first].thread, node, could_go);
    return first;
}

static bool has_room(void)
{
    if (now + 1 < MAX_PROVED_STEPS && node_count < MAX_PROVED_STEPS)
        return true;
    left_out = true;
    return false;
}

unsigned dpor_pick(const struct option options[], unsigned n)
{
    end_event();
    if (!has_room())
        return 0;
    if (have_waited)
        memcpy(waited, last, sizeof waited);
    have_waited = false;
    now++;
    if (run.started > FOLLOWED || (now > kept && passed < node_count))
        left_out = true; /* too many; or the code does not do the same again */
    if (left_out)
        return 0;
    return now > kept ? pick_anew(options, n) : pick_again(options, n);
}

unsigned dpor_draw(unsigned n)
{
    struct node *node = old_node(false);

    left_out |= node ? node->n != n : passed < node_count;
    if (left_out || (!node && !has_room()))
        return 0;
    if (node)
        return node->chosen;
    node = new_node(false);
    node->n = n;
    return node->chosen = 0;
}

/* ------------------------------------------------------------------------------- the next one */

void dpor_start(void)
{
    node_count = footprint_count = kept = 0;
    left_out = false;
}

void dpor_begin(void)
{
    now = 1;
    passed = asleep.n = touched.n = 0;
    memset(last, 0, sizeof last);
    memset(waited, 0, sizeof waited);
    have_waited = false;
    runs = true;
    if (kept <= now)
        events[now] = (struct event){.thread = 0};
}

/* Another thread than those tried is chosen at a node. False: there is none to be tried. */
static bool try_another(struct node *node)
{
    struct footprint *footprint = &footprints[footprint_count];

    node->done |= bit(node->chosen);
    uint64_t left = node->wanted & ~node->done;
    if (!left)
        return false;
    *footprint = node->did;
    fall_asleep(&node->asleep, (struct sleeper){node->chosen, footprint});
    if (footprint_count + 1 < MAX_PROVED_STEPS)
        footprint_count++;
    else
        left_out = true;
    node->chosen = (unsigned)__builtin_ctzll(left);
    node->did.n = 0;
    return true;
}

bool dpor_next(void)
{
    end_event();
    while (node_count) {
        struct node *node = &nodes[node_count - 1];
        kept = node->event;
        if (node->is_pick ? try_another(node) : ++node->chosen < node->n)
            return true;
        footprint_count = node->footprints_before;
        node_count--;
    }
    return false;
}

double dpor_done(void)
{
    double done = 0, share = 1;

    for (unsigned i = 0; i < node_count; i++) {
        const struct node *node = &nodes[i];
        double n = node->is_pick ? __builtin_popcountll(node->wanted) : node->n;
        double before = node->is_pick ? __builtin_popcountll(node->done) : node->chosen;
        share /= n;
        done += share * before;
    }
    return done;
}

bool dpor_left_out(void)
{
    return left_out;
}
