/* SPDX-License-Identifier: Apache-2.0 */
/*
 * answers - what each route answers: a question to the store, written into a body. On a reader's thread, with its connection.
 */
#ifndef TRAM_ANSWERS_H
#define TRAM_ANSWERS_H

#include "ask.h"
#include "cache.h"
#include "store_changes.h"
#include "store_reads.h"
#include "view.h"

struct answering {
	struct store *store;
	const struct ask *ask;
	struct told *told;
	int64_t prepared_us; /* what the answer says of when it is made */
	int64_t most_rows;
	struct body *body; /* to write to */
	char *cursor;      /* CURSOR_SIZE */
	struct problem *problem;
	int64_t rows; /* told so far */
	struct table *table;
	struct export *export;
};

/* STORE_OK also where *problem says why there is no answer. */
enum store_result answers_give(struct answering *a, struct err *err) MUST_CHECK;

#endif
