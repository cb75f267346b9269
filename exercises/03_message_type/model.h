/* model.h - the contract of 03 as a program.
 *
 * Changed from 02: what each call may answer is as before. A channel may have a drop function: then
 * each message that was sent and that nobody can receive any more is dropped, once. That is checked
 * beside the answers (grader/model/run.c), for it is to happen before a call returns, not in it. */
#pragma once

#include "../02_blocking/model.h"

#include "channel.h"

enum { CREATE_WITH_DROP = KINDS_OF_02, KINDS_OF_03 };
enum { WITH_DROP_03 = CREATE_01 + 1, VARIANTS_OF_03 };

UNWATCHED static inline bool allows_03(void *state, const struct call *call,
                                       const struct history *history)
{
    if (call->kind == CREATE_WITH_DROP)
        return allows_create(odd_sizes[call->argument], call);
    return allows_02(state, call, history);
}

UNWATCHED static inline bool is_dropped_03(const struct setup *setup)
{
    return setup->variant == WITH_DROP_03;
}
