/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cutter - makes peer cuts, in a thread of its own: it looks now and then whether something was committed, and takes at most a
 * tenth of a core (and so of PostgreSQL) for it. Of several aggregators on one database each takes up the cuts of the others.
 *
 * What it has is what the store says: after a failure, and where the store does not know the cut that it has any more (it was
 * put back to an earlier time), it reads everything again.
 */
#ifndef TRAM_CUTTER_H
#define TRAM_CUTTER_H

#include "peers.h"
#include "store.h"

struct cutter_settings {
	const char *database; /* conninfo */
	int64_t patience_us;  /* for a PostgreSQL that says nothing; 0: for ever */
	int64_t every_us;     /* from the end of one cut to the next, at least */
	size_t bytes;         /* that a cut may take in memory; the oldest is forgotten */
};

/* One as soon as the store answers or does not; then whenever there is another cut, at every failure, and after the last one. */
struct cut_news {
	enum store_result result;
	struct err err;      /* where result is not STORE_OK */
	struct peers *peers; /* NULL: there is no cut yet, or it failed */
};
void cut_news_free(struct cut_news **np);

struct cutter;

struct cutter *cutter_start(const struct cutter_settings *settings);

/* It is not to wait any longer before it looks again: the store is there. */
void cutter_look(struct cutter *c);

/* Waits for what it is doing, at most for a few seconds; false: the thread is left behind, for a process that ends. */
bool cutter_stop(struct cutter **cp);

/* Readable when news wait; and the oldest, or NULL. The caller's. */
int cutter_fd(const struct cutter *c);
struct cut_news *cutter_take(struct cutter *c);

#endif
