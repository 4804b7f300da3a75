/* SPDX-License-Identifier: Apache-2.0 */
/*
 * readers - threads that answer questions, each with a connection to PostgreSQL as tram_reader, and the bounded queue before
 * them.
 *
 * A reader that finds no PostgreSQL answers so at once and tries again no oftener than is good for it.
 */
#ifndef TRAM_READERS_H
#define TRAM_READERS_H

#include "answers.h"

struct counted {
	atomic_uint_fast64_t at[COUNTER_KINDS];
};

/* One request, from the first look at it until its answer is sent. Whoever has the pointer owns it. */
struct question {
	struct ask ask;
	struct problem problem; /* id PROBLEM_NONE: answered with *answer */
	struct answer answer;
	void *connection; /* http.c's */
	bool is_malformed, is_asked;
};

/* A question that was asked has its answer, or its problem; on the reader's thread, its last use of it. */
typedef void question_done(struct question *q);

struct readers_settings {
	const char *database;
	unsigned readers, waiting;
	int64_t question_us, rows;
	size_t cache_bytes;
	struct body_budget *budget;
	struct told *told;
	struct counted *counted;
	question_done *done;
};

struct readers;

/* Copies what the settings point at but budget, told and counted, which outlive it. */
struct readers *readers_start(const struct readers_settings *settings);

/* Gives the question over. False when as many wait as may: the caller keeps it. One thread calls this. */
bool readers_ask(struct readers *r, struct question *q);

/* Whether the last that was asked of PostgreSQL was answered, and if not, why. */
bool readers_can_read(struct readers *r, char ret_why[static ERR_TEXT_MAX]);

/* What waits is answered that it is too late. */
void readers_drain(struct readers *r);

/* Waits for all to end; everything that was asked is done then. False: one did not, and all was left to it. */
bool readers_stop(struct readers **rp, int64_t wait_us);

#endif
