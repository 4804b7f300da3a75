/* SPDX-License-Identifier: Apache-2.0 */
/*
 * views - the series that a group's figures look at: their own, and those of the indicators that their rules compare them
 * with. From what the lane keeps of its agents (history.h), from the store where that does not tell, and over both what the
 * group's own reports state.
 *
 * Two questions to the store a group at most: the newest points of the series that are not kept, and the points before
 * those figures that are older than what was found. What the lane keeps changes only when the group is committed. All
 * memory is the arena's. One thread.
 */
#ifndef TRAM_VIEWS_H
#define TRAM_VIEWS_H

#include "intake.h"

/* Makes in->views. series: for each figure with a key, in order, the numbers of its related indicators; 0: none. */
enum store_result views_gather(struct intake *in, const struct series_question *related, struct err *err) MUST_CHECK;

/* Fills r->history. False: the arena is exhausted. */
bool views_look_back(struct intake *in, struct intake_report *r) MUST_CHECK;

/* Takes in what the judged report stores. asked: by figure, the codes of the rules that asked for a reason. False: the arena is exhausted. */
bool views_look_ahead(struct intake *in, struct intake_report *r, const char *const *asked) MUST_CHECK;

/* knowledge.point_of; its context is the report. */
const struct point *views_point_of(const struct knowledge *k, const struct figure *f, const struct indicator *indicator,
				   int32_t period);

/* The group is committed: the lane keeps what it found and what the group adds. */
void views_keep(struct intake *in);

#endif
