/* SPDX-License-Identifier: Apache-2.0 */
/*
 * care - when the outbox is cared for: what may be forgotten is, in small steps, and the write-ahead log is folded away
 * when nothing goes on. Every minute, oftener where the retention is short, and at once when the limits are others. One
 * thread, which tells it the monotonic clock.
 */
#ifndef TRAM_CARE_H
#define TRAM_CARE_H

#include "err.h"
#include "outbox.h"

#include <stdbool.h>
#include <stdint.h>

#define CARE_EVERY INT64_C(60000000) /* us */
#define CARE_AGAIN INT64_C(1000000)  /* us: while there is more to forget */

/* All zeros at first. Its own, but for due_us, which may be read. */
struct care {
	int64_t due_us; /* monotonic */
	int64_t every_us;
	uint64_t seq, verdict; /* what there was at the last care: unchanged is quiet */
	bool rested;
};

/* The outbox's limits from now on, also at the start: what is too old by them is forgotten in the next turn. */
void care_limits(struct care *c, struct outbox *ob, const struct outbox_limits *limits);

/* In every turn of the loop. committed: as outbox_trim(). False and *err when the outbox said so; it is tried again when
 * it is due. */
bool care_turn(struct care *c, struct outbox *ob, uint64_t committed, int64_t now_us, struct err *err) MUST_CHECK;

#endif
