/* choices.c - see choices.h. */
#include "choices.h"

#include <assert.h>

struct script *script, *taken;

unsigned note_choice(unsigned choice)
{
    assert(choice <= UINT16_MAX);
    if (taken->n < MAX_CHOICES)
        taken->choices[taken->n] = (uint16_t)choice;
    taken->n++;
    return choice;
}

unsigned noted_choice(void)
{
    unsigned at = taken->n;

    return at < script->n ? script->choices[at] : 0;
}
