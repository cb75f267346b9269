/* $stem.h - exercise $number: $title.
 *
 * Any thread may make any of these calls at any time.
 */
#pragma once

struct $stem;

/* Makes a $title. It belongs to the caller, who destroys it.
 *
 * Returns it, or NULL without memory.
 */
struct $stem *${stem}_create(void);

/* Waits until ${stem}_open was called. It sleeps until then. */
void ${stem}_wait(struct $stem *it);

/* Lets everybody through, those who wait and those who come later. */
void ${stem}_open(struct $stem *it);

/* Frees it. Nobody is inside a call on it, or makes one afterwards. */
void ${stem}_destroy(struct $stem *it);
