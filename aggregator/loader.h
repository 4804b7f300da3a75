/* SPDX-License-Identifier: Apache-2.0 */
/*
 * loader - reads roster and catalogue from the store, in a thread of its own, so that a PostgreSQL that does not answer
 * never stops the main loop. It tries once each time it is asked; when to ask again is the caller's matter.
 *
 * Between questions it listens: what others did in the store is told at once, as LOAD_HEARD, for the caller to ask. It is
 * told once until something is asked, however often it is heard. A catalogue that was read before is not read again.
 */
#ifndef TRAM_LOADER_H
#define TRAM_LOADER_H

#include "catalogue.h"
#include "roster.h"
#include "store.h"

enum { LOAD_ROSTER = 1, LOAD_CATALOGUE = 2, LOAD_HEARD = 4, LOAD_ANNOUNCEMENTS = 8 };

/* How far the verdicts of an agent go. */
struct loaded_verdicts {
	char agent[ROSTER_AGENT_MAX + 1];
	uint64_t verdict_seq;
};

/* What was read; belongs to whoever took it, freed with loaded_free(). */
struct loaded {
	unsigned asked;                   /* what for; LOAD_HEARD: nobody asked, see heard */
	unsigned heard;                   /* LOAD_...: there is something new to be read */
	enum store_result result;         /* STORE_OK: all of it is here */
	struct err err;                   /* otherwise: why not. ERR_DATA: what the store holds is not usable */
	struct roster *roster;            /* NULL: not asked for, or failed */
	struct catalogue *catalogue;      /* the same; or it is the one that was read before */
	struct loaded_verdicts *verdicts; /* of every agent on the roster */
	size_t n_verdicts;
	/* LOAD_ANNOUNCEMENTS: what goes there and what comes back */
	struct agent_heard *alive;
	size_t n_alive;
	int64_t listening_since_us;
	struct announcement *announcements;
	size_t n_announcements;
	struct overdue *overdue;
	size_t n_overdue;
	struct decision_news *decisions;
	size_t n_decisions;
	struct closing_news *closings;
	size_t n_closings;
	struct outdated_claim *claims;
	size_t n_claims;
	struct arena *arena;
};
void loaded_free(struct loaded **lp);

struct loader;

/* Starts the thread; it connects when first asked. Caller ends it with loader_stop(). */
struct loader *loader_start(const char *database);

/* Waits for what it is doing, at most for a few seconds; false: the thread is left behind, for a process that ends. */
bool loader_stop(struct loader **lp);

/* Asks for LOAD_ROSTER, LOAD_CATALOGUE or both; false when it is still at an earlier question. */
bool loader_ask(struct loader *l, unsigned what);

/*
 * Tells the store who was heard (the rows are copied), asks for what is to be announced (of corrections once an hour), and keeps the
 * scores of a day that has begun; false when it is still at an earlier question.
 */
bool loader_tell_heard(struct loader *l, const struct agent_heard *rows, size_t n, int64_t listening_since_us);

/* Readable when an answer waits; and the answer, or NULL. */
int loader_fd(const struct loader *l);
struct loaded *loader_take(struct loader *l);

#endif
