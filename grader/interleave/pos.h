/* pos.h - POS: each pending step has a random priority, drawn anew when a step about the same object
 * was taken (Yuan, Yang, Gu, Partial Order Aware Concurrency Sampling, 2018). Unlike there, of two loads, too:
 * docs/how-the-checks-work.md. */
#pragma once

#include "run.h"

unsigned pos_pick(const struct option options[], unsigned able);
