/* footprint.h - what a step did to objects. Two steps whose footprints don't meet can be swapped. */
#pragma once

#include "run.h"

/* How an object was touched. MEETS: as any call does. GIVES_BACK: the holder of a lock lets go of it; who
 * gets it next comes after that, but might have got it before the holder did. AWAITED: the other one
 * could not go on before (the start, the waking and the end of a thread). */
enum touch { MEETS, GIVES_BACK, AWAITED };

struct touched {
    uintptr_t object;
    bool writes;
    enum touch how;
};

struct footprint {
    unsigned n; /* more than MAX_TOUCHED: too much to tell, meets everything */
    struct touched touched[MAX_TOUCHED];
};

void footprint_add(struct footprint *to, const struct object *object, bool writes, enum touch how);
void footprint_merge(struct footprint *to, const struct footprint *from);

/* What two steps have to do with each other, by the objects that both touch and one changes. */
struct relation {
    bool meet;    /* they can come in either order, and it makes a difference */
    bool follow;  /* the later comes after the earlier */
    bool awaited; /* ... and could not have come before */
};
struct relation footprints_relate(const struct footprint *a, const struct footprint *b);

static inline bool footprints_meet(const struct footprint *a, const struct footprint *b)
{
    return footprints_relate(a, b).meet;
}
