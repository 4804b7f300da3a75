/* SPDX-License-Identifier: Apache-2.0 */
/*
 * counter - what the aggregator has counted since it started: one table (counter.def), one array.
 *
 * Belongs to the main thread; lanes tell their figures with their results.
 */
#ifndef TRAM_COUNTER_H
#define TRAM_COUNTER_H

#include <stddef.h>
#include <stdint.h>

enum counter_id {
#define COUNTER(id, family, cause, help) COUNTER_##id,
#include "counter.def"
#undef COUNTER
	COUNTER_KINDS
};

struct counter_kind {
	const char *family; /* messages_ignored */
	const char *cause;  /* odd_shape; "": the family has one counter */
	const char *help;   /* N_("...") */
};
extern const struct counter_kind counter_table[]; /* COUNTER_KINDS rows, by counter_id */

struct counters {
	uint64_t at[COUNTER_KINDS];
};

static inline void count(struct counters *c, enum counter_id id)
{
	c->at[id]++;
}

static inline void count_by(struct counters *c, enum counter_id id, uint64_t by)
{
	c->at[id] += by;
}

/* "messages_ignored{cause=odd_shape}" or "envelopes_received". Returns buf. */
#define COUNTER_NAME_MAX 80
char *counter_name(enum counter_id id, char buf[static COUNTER_NAME_MAX]);

#endif
