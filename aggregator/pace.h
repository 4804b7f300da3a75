/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pace - how much goes into one transaction.
 *
 * A transaction costs something however small it is, so a backlog is written in large ones. But who hands in a report while
 * one is under way waits for its end: where short lines share a lane with long ones, a group is no larger than what takes
 * so long on top of a transaction's least, or as long again as the least. What that is follows from the groups before. Pure.
 */
#ifndef TRAM_PACE_H
#define TRAM_PACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pace {
	int64_t time_us;  /* setting: what a group may take where the lane is shared */
	size_t most;      /* setting: units of work in a group at all */
	int64_t least_us; /* what the small ones took of late */
	int64_t unit_ns;  /* what a unit took beyond that */
	int64_t shared_until_us;
};

struct pace pace_of(int64_t time_us, size_t most);

/* The units of work that a group may take where the lane is shared. */
size_t pace_shared_work(const struct pace *p);

/* Whether somebody with a short line was here of late, and is to be expected again. */
bool pace_is_shared(const struct pace *p, int64_t now_us);

/* The units of work that may go into the next group. */
size_t pace_work(const struct pace *p, int64_t now_us);

/* A group of so much work took so long. */
void pace_took(struct pace *p, size_t work, int64_t took_us);

/* Somebody with a short line was here. */
void pace_shared(struct pace *p, int64_t now_us);

#endif
