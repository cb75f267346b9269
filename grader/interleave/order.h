/* order.h - is there a single total order of the seq_cst operations?
 *
 * RC11's condition (Lahav, Vafeiadis, Kang, Hur, Dreyer, PLDI 2017): the relation psc has no cycle. All
 * atomic operations are remembered, each with what happens before it. One that reads the newest store, or
 * makes it, never closes a cycle, since nothing comes after it. One that does not is held against those since
 * the stores that it passes over. */
#pragma once

#include "run.h"

struct operation {
    uint32_t history;  /* the number of the place's history; 0: a fence */
    uint32_t rank;     /* of the store it makes or has read, a load's is one higher */
    bool writes;       /* it stores, if it is no fence */
    bool sequential;   /* seq_cst */
    bool has_expected; /* compare-exchange: it accesses what it expects, too */
};

/* A new schedule: there was no operation. */
void order_begin(void);

/* Self begins operation number run.operations, knowing what it knows; and has done it. */
void order_start(void);
void order_done(const struct operation *operation);

/* Self does this now, and will know what `after` says. May it pass over the stores of that place with a
 * higher rank, the oldest of which was the operation with that number? */
bool order_allows(const struct operation *operation, const struct clock *after, uint32_t oldest);

/* It does pass over them. */
void order_passed_over(uint32_t oldest);

/* A store comes in with that rank: it, and higher ones of its place, grow. */
void order_shift(uint32_t history, uint32_t rank, uint32_t by);
