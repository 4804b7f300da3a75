/* SPDX-License-Identifier: Apache-2.0 */
/*
 * history - what stands of the series that a lane's agents report: of each area, series and frequency the newest points, so
 * that a report can be compared with what came before it without asking the store.
 *
 * What is kept of an agent is as of one verdict of it: where the agent stands at another one, it is forgotten. A group
 * that is under way changes nothing here; what it adds is kept when it is committed. At most so many bytes; what was not
 * used for the longest time goes first. Pure: no store, no clock. One thread.
 */
#ifndef TRAM_HISTORY_H
#define TRAM_HISTORY_H

#include "rules.h"

/* Points of a series that are kept, at most: some more than are looked at, so that few figures are older than all of them. */
#define HISTORY_KEPT 32

/* A series of one area: its points of one frequency. */
struct series_key {
	int32_t area_no, series_no;
	int kind; /* enum period_kind of its periods; a range has no frequency, and so no series */
};

/* What stands of a series, newest of all: ascending. */
struct series {
	const struct point *points;
	size_t n;
	bool complete; /* there are no earlier ones */
};

struct histories;

/* bytes: at most so many. Freed with histories_free(). */
struct histories *histories_new(size_t bytes);
void histories_free(struct histories **hp);

/* Forgets all: the store is another one, or areas went to other agents. */
void histories_clear(struct histories *h);

/* The agent stands at that verdict. What is kept of it as of another one is forgotten. */
void histories_stand_at(struct histories *h, int32_t agent_no, uint64_t verdict_seq);

/* The agent, of which what is kept is as of the verdict before, stands at this one now: its group is committed. */
void histories_move_to(struct histories *h, int32_t agent_no, uint64_t verdict_seq);

/* A group begins: what is found from now on stays where it is until the next one begins, or until the same series is kept. */
void histories_begin(struct histories *h);

/* What is kept of a series. False: nothing is. */
bool histories_find(struct histories *h, int32_t agent_no, struct series_key key, struct series *ret);

/*
 * Keeps the newest of the points, which must be all that stand since the first of them, and not what is kept already.
 * Copies. Nothing is kept of it where there is no room beside what the group found.
 */
void histories_keep(struct histories *h, int32_t agent_no, struct series_key key, const struct series *series);

/* How much is kept. */
size_t histories_bytes(const struct histories *h);
size_t histories_count(const struct histories *h);

/* ---------------------------------------------------------------- points in order */

/* How many of the points are of an earlier period. */
size_t points_before(const struct point *points, size_t n, int32_t period);

/* The point of that period; NULL: there is none. */
const struct point *points_of(const struct point *points, size_t n, int32_t period);

/* Whether the series says all about what was before the period, at least so many points of it. */
bool series_covers(const struct series *s, int32_t period, size_t points);

/*
 * What a figure changes: its point stands instead of what stood of its period, or nothing does. points has room for one
 * more; returns how many there are now.
 */
size_t points_put(struct point *points, size_t n, const struct point *point);
size_t points_take_out(struct point *points, size_t n, int32_t period);

#endif
