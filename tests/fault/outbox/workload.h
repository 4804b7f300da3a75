/* SPDX-License-Identifier: Apache-2.0 */
/*
 * workload - what an agent does with its outbox, some hundred steps of it: the same for the same seed, call by call.
 *
 * `told` is what the outbox has said is done; `next` is what it may be with the step that is going on: one model for each
 * of its transactions. A step that failed is the same step when it is done again.
 */
#ifndef TRAM_TEST_WORKLOAD_H
#define TRAM_TEST_WORKLOAD_H

#include "disk.h"
#include "oracle.h"

#define WORKLOAD_NEXT 3

struct workload {
	uint64_t seed;
	const char *dir; /* a folder that exists; nothing is written there */
	struct outbox *ob;
	struct oracle told, next[WORKLOAD_NEXT];
	size_t n_next;
	bool is_large;        /* hand-ins that do not fit into SQLite's memory, and fill its log */
	unsigned step, steps; /* the first opens, the last closes */
	int64_t ticked;       /* of the monotonic clock that the open outbox was told; 0: not yet */
	const char *doing;
	struct err err;
};

void workload_init(struct workload *w, uint64_t seed, unsigned steps, bool is_large, const char *dir);

/* Carries the step w->step out and goes on to the next. False and w->err: it was refused, and stays the next. */
bool workload_do(struct workload *w);

/* Whether there are more. */
bool workload_goes_on(const struct workload *w);

/* The model that the outbox is as: told, or one of next; else NULL, and text says how it differs from what was told. */
const struct oracle *workload_compare(const struct workload *w, struct outbox *ob, char text[static ORACLE_TEXT]);

/* Opens what is on the disk now as the workload does. NULL and *err on failure. */
struct outbox *workload_open(const char *dir, struct err *err);

/* Hands one fresh report in, beside the steps; *o follows when it was accepted. */
bool workload_hand_in_one(struct outbox *ob, struct oracle *o, struct err *err);

/* How often each kind of step comes, as a text. */
void workload_describe(uint64_t seed, unsigned steps, char *ret, size_t size);

#endif
