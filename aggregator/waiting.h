/* SPDX-License-Identifier: Apache-2.0 */
/*
 * waiting - what waits for a lane, and whose turn it is.
 *
 * Every agent has a line of its own, served in the order in which it came: a HELLO never passes the PUBLISHes before it, as
 * it asks where they have led. Lines take turns by the work that was done for them (start-time fair queueing): the next
 * PUBLISH is of the line that had the least, and who comes after a pause stands where the others are, neither before them
 * for what he did not use nor behind them. So an agent with little waiting is in the very next group, whatever the others
 * have. What asks and writes nothing (HELLO at the head of its line, CHECK, VERDICTS, TODO_REQUEST) goes before all PUBLISHes.
 *
 * Pure: no clock, no store. One thread. What it holds is bounded by whoever puts in.
 */
#ifndef TRAM_WAITING_H
#define TRAM_WAITING_H

#include "lane.h"

struct waiting;

/* Caller frees with waiting_free(), which frees the jobs that still wait. */
struct waiting *waiting_new(void);
void waiting_free(struct waiting **wp);

/* Takes a HELLO, PUBLISH, or what asks only: CHECK, VERDICTS, TODO_REQUEST. */
void waiting_put(struct waiting *w, struct job *job);

size_t waiting_count(const struct waiting *w);

/* The next one that is no PUBLISH, taken out; the caller frees it. NULL: there is none, or what stands before it is first. */
struct job *waiting_take_question(struct waiting *w);

/* Whether a PUBLISH is to be served. */
bool waiting_has_publish(const struct waiting *w);

/* ---------------------------------------------------------------- a group of PUBLISHes */

/*
 * A group is filled by start, then next and charge by turns. Nothing is final before waiting_settle(): after another start
 * the same ones come in the same order. apart: those who have just come are not to wait for those who had a turn and have
 * more, and go without them; every other group at most, so that nobody is put off for ever.
 */
void waiting_start(struct waiting *w, bool apart);

/* The PUBLISH whose turn it is; it stays here. NULL: no more for this group. */
struct job *waiting_next(struct waiting *w);

/* What was done in this group for the job's agent, in units of the caller's. */
void waiting_charge(struct waiting *w, const struct job *job, uint64_t work);

/* Takes out a job that waiting_next() gave since the start, and that is done with; the caller frees it. */
void waiting_remove(struct waiting *w, struct job *job);

/*
 * The group is done: what was charged stays so. True when somebody in it has nothing waiting any more, and since it came had
 * no more than so much work: a short line.
 */
bool waiting_settle(struct waiting *w, uint64_t short_work);

#endif
