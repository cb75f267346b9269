/* gate.h - exercise 00: gate.
 *
 * Any thread may make any of these calls at any time.
 */
#pragma once

struct gate;

/* Makes a gate. It belongs to the caller, who destroys it.
 *
 * Returns it, or NULL without memory.
 */
struct gate *gate_create(void);

/* Waits until gate_open was called. It sleeps until then. */
void gate_wait(struct gate *it);

/* Lets everybody through, those who wait and those who come later. */
void gate_open(struct gate *it);

/* Frees it. Nobody is inside a call on it, or makes one afterwards. */
void gate_destroy(struct gate *it);
