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

/* One revision of a figure. past: as it was said, first judged and decided on since; of one that is not stored the outcome is
 * OUTCOME_REFUSED, and the number nothing. What it was asked lives as long as recall. current is not looked at. */
struct revision {
	struct past past;
	enum outcome rehearsed; /* as it is judged in the rehearsal */
	bool demonstration;
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
