/* choices.h - the choices that make up a schedule, 0 being what happens when nobody interferes. */
#pragma once

#include "tuning.h"

struct script {
    unsigned n;
    uint16_t choices[MAX_CHOICES]; /* further ones are 0 */
};

extern struct script *script; /* of the schedule that is replayed */
extern struct script *taken;  /* so far, in the one that runs */

/* One choice of the schedule that runs, kept so that it can be run again. Returns it. */
unsigned note_choice(unsigned choice);

/* The choice noted in the schedule that is replayed. */
unsigned noted_choice(void);
