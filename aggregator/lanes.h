/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lanes - the lanes of an aggregator, seen from the main thread: queues in, results out, start and end.
 *
 * Nothing here waits: a full queue says so. Each lane has room beyond its capacity for a new catalogue and the stop.
 */
#ifndef TRAM_LANES_H
#define TRAM_LANES_H

#include "lane.h"

struct lanes;

/* Starts n lanes, numbered from 0, as *settings (number is set for each). Caller frees with lanes_free(). */
struct lanes *lanes_start(const struct lane_settings *settings, unsigned n, size_t capacity,
			  struct catalogue *catalogue);

/* Frees what is left. Lanes must have stopped (lanes_have_stopped()). */
void lanes_free(struct lanes **lp);

/* Gives the lane a job. False when as many wait as may: the caller keeps it. */
bool lanes_give(struct lanes *l, unsigned lane, struct job *job);

/* Every lane is to take up the catalogue, for what it does next. */
void lanes_set_catalogue(struct lanes *l, struct catalogue *catalogue);

/* The same with a peer cut. */
void lanes_set_peers(struct lanes *l, struct peers *peers);

/* Readable while the lane has results. */
int lanes_fd(const struct lanes *l, unsigned lane);

/* The next result of the lane, or NULL; the caller frees it. */
struct result *lanes_take(struct lanes *l, unsigned lane);

unsigned lanes_count(const struct lanes *l);

/* Jobs that wait for the lane now: a hint. */
size_t lanes_waiting(const struct lanes *l, unsigned lane);

/* The lanes are to finish what they have and end; or to end at once, which loses nothing but time. */
void lanes_stop(struct lanes *l);
void lanes_abandon(struct lanes *l);

/* Whether a lane's RESULT_STOPPED has been taken, or that of all. */
bool lanes_has_stopped(const struct lanes *l, unsigned lane);
bool lanes_have_stopped(const struct lanes *l);

#endif
