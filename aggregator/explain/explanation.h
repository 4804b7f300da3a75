/* SPDX-License-Identifier: Apache-2.0 */
/*
 * explanation - one figure, the figures it is made of, and every contribution to them, as of one snapshot of the store. The
 * command `tram explain` and the HTTP port show the same one.
 *
 * It lives in an arena, whose cap bounds how large it may be: about a kilobyte a contribution. One thread.
 */
#ifndef TRAM_EXPLANATION_H
#define TRAM_EXPLANATION_H

#include "arena.h"
#include "store_explain.h"

#define EXPLANATION_MEMORY (256u << 20) /* for the arena: two hundred thousand contributions */

struct explanation_figure {
	struct explained_figure about;
	struct explained_contribution *rows; /* those that count by share, then those that are missing by theirs */
	size_t n;
};

struct explanation {
	struct explain_question question;   /* the caller's texts */
	int64_t at_us;                      /* when the snapshot was taken, by the server */
	struct explanation_figure *figures; /* the figure itself is the first */
	size_t n;
};

/*
 * Asks. No figures (n 0): no such figure, and nothing is wrong. With store_explain_begin() before and
 * store_explain_end() behind, which it leaves to the caller: who writes a proof asks for more in the same snapshot.
 */
bool explanation_ask(struct store *s, const struct explain_question *q, int64_t at_us, struct arena *a,
		     struct explanation *ret, struct err *err) MUST_CHECK;

/* All of it, for programs. Caller gives it back with json_decref(). */
struct json_t;
struct json_t *explanation_json(const struct explanation *e);

/* Of a figure that nobody reports to. */
struct explanation_periods {
	bool is_unknown;   /* nothing was stated for the period either: most likely another one is meant */
	char nearest[256]; /* up to three that there are, by ", "; "": none */
};
enum store_result explanation_periods(struct store *s, const struct explanation *e, struct explanation_periods *ret,
				      struct err *err) MUST_CHECK;

/* What counts: rows of a state and part. */
size_t explanation_count(const struct explanation_figure *f, const char *part, const char *state);

#endif
