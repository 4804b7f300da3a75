/* SPDX-License-Identifier: Apache-2.0 */
/*
 * recall - what is stored of one agent's figures, as it was at one of its verdicts: every revision with what first became
 * of it and what was decided since. Filled in order of verdicts, it answers what a judgement in between knew.
 *
 * It is made of nothing that a lane makes its answers of, on purpose: where the two differ, one of them is wrong. Revisions
 * that a rehearsal alone would have stored lie beside the others and are never told. Memory grows with what the agent has
 * stored: about 200 bytes a revision. Pure. One thread.
 */
#ifndef TRAM_RECALL_H
#define TRAM_RECALL_H

#include "rules.h"

/* One revision of a figure. */
struct revision {
	uint32_t number;        /* of one that is not stored: nothing */
	enum outcome outcome;   /* as first judged; one that is not stored: OUTCOME_REFUSED */
	enum decided decided;   /* since */
	enum outcome rehearsed; /* as it is judged in the rehearsal */
	bool withdrawn, demonstration;
	bool breaks;       /* says so itself, by its status */
	const char *asked; /* the rules that asked for a reason; lives as long as recall; NULL: none */
	bool reasoned;     /* a reason came with it */
	int64_t known_at_us;
	bool has_value, has_numerator, has_denominator, has_weight;
	struct decimal value, numerator, denominator, weight;
	int missing_reason, qualifier;
	char obs_status;
	int32_t rank_out_of;
};

struct recall;

struct recall *recall_new(void);
void recall_free(struct recall **rp);

/* The figure of an area, series and packed period: key with revision 0. The next revision of it, copied; its number is given. */
void recall_add(struct recall *r, int32_t area_no, int64_t key, const struct revision *revision);

/* One that only the rehearsal stores. */
void recall_add_rehearsed(struct recall *r, int32_t area_no, int64_t key, const struct revision *revision);

/* A text that lives as long as recall. */
const char *recall_text(struct recall *r, const char *text);

/* What was decided on a revision. False: it is not there. */
bool recall_decide(struct recall *r, int32_t area_no, int64_t key, uint32_t revision, enum decided decided);

/* ---------------------------------------------------------------- what was known: as rules.h has it */

struct past recall_past(const struct recall *r, int32_t area_no, int64_t key);
/* Some revision is accepted or held, and not taken back. */
bool recall_stated(const struct recall *r, int32_t area_no, int64_t key);
/* Into points, which has room for HISTORY_POINTS; how many there are. */
size_t recall_history(const struct recall *r, int32_t area_no, int64_t key, struct point *points);
/* False: nothing stands. */
bool recall_point(const struct recall *r, int32_t area_no, int64_t key, struct point *ret);

/* ---------------------------------------------------------------- what the rehearsal makes of it */

/* How a figure stands when all is known. */
struct standing {
	const struct revision *revision; /* NULL: nothing stands */
	bool held;                       /* the newest revision is */
};

/* Calls each for every figure that stands otherwise after the rehearsal than it does. */
typedef void recall_each(void *context, int32_t area_no, int64_t key, const struct standing *before,
			 const struct standing *after);
void recall_differences(const struct recall *r, recall_each *each, void *context);

#endif
