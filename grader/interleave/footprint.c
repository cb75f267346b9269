/* footprint.c - see footprint.h. */
#include "footprint.h"

static void add(struct footprint *to, const struct touched *touched)
{
    if (to->n > MAX_TOUCHED)
        return;
    for (unsigned i = 0; i < to->n; i++)
        if (to->touched[i].object == touched->object) {
            to->touched[i].writes |= touched->writes;
            if (touched->how == MEETS)
                to->touched[i].how = MEETS;
            return;
        }
    if (to->n < MAX_TOUCHED)
        to->touched[to->n] = *touched;
    to->n++;
}

void footprint_add(struct footprint *to, const struct object *object, bool writes, enum touch how)
{
    uintptr_t key = object->address ? object->address : (uintptr_t)object;

    if (object->kind == OBJECT_THREAD)
        how = AWAITED;
    add(to, &(struct touched){key, writes, how});
}

void footprint_merge(struct footprint *to, const struct footprint *from)
{
    for (unsigned i = 0; i < from->n && i < MAX_TOUCHED; i++)
        add(to, &from->touched[i]);
    if (from->n > MAX_TOUCHED)
        to->n = from->n;
}

struct relation footprints_relate(const struct footprint *a, const struct footprint *b)
{
    struct relation relation = {false, false, false};

    if (a->n > MAX_TOUCHED || b->n > MAX_TOUCHED)
        return (struct relation){.meet = true, .follow = true};
    for (unsigned i = 0; i < a->n; i++)
        for (unsigned j = 0; j < b->n; j++) {
            const struct touched *x = &a->touched[i], *y = &b->touched[j];
            if (x->object != y->object || !(x->writes || y->writes))
                continue;
            relation.follow = true;
            relation.awaited |= x->how == AWAITED;
            relation.meet |= x->how == MEETS && y->how == MEETS;
        }
    return relation;
}
