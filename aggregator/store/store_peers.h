/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store_peers - peer cuts in PostgreSQL: making them, reading them, and holding a report against those it may be a copy of.
 *
 * A cut's number and time together say which it is: a database that was put back to an earlier time gives the number to
 * another one. What a cut knows is only ever appended to.
 */
#ifndef TRAM_STORE_PEERS_H
#define TRAM_STORE_PEERS_H

#include "peers.h"
#include "store.h"

/* Where cuts stand. */
struct cut_state {
	struct peer_cut newest; /* no 0: there is none */
	bool has_given;         /* the cut asked for is in the store */
	bool pending;           /* something is committed that no cut has looked at */
};
/* given: the cut that is known; NULL: none. */
enum store_result store_cut_state(struct store *s, const struct peer_cut *given, struct cut_state *ret,
				  struct err *err) MUST_CHECK;

/* Whether the store has that very cut. */
enum store_result store_has_cut(struct store *s, const struct peer_cut *cut, bool *ret, struct err *err) MUST_CHECK;

/*
 * Makes the cut after the newest (NULL: the first), of at most so many figures that were committed since; what it does not
 * come to is left to the next. *ret_made false: somebody else made it first.
 */
enum store_result store_make_cut(struct store *s, const struct peer_cut *newest, uint32_t horizon, int most,
				 bool *ret_made, struct err *err) MUST_CHECK;

/* What the cut knows, made of before (an earlier one of the same store; NULL: none) and of what came since. Caller's to peers_unref(). */
enum store_result store_peers(struct store *s, const struct peer_cut *cut, const struct peers *before,
			      struct peers **ret, struct err *err) MUST_CHECK;

/* A figure of a report that was stored, as it was accepted at first; whatever became of it since. */
struct alike_question {
	int32_t area_no;
	int64_t key; /* with revision 0 */
	uint64_t report_no;
	struct peer_stated stated; /* the answer */
};
/* One query for all. */
enum store_result store_alike(struct store *s, struct alike_question *questions, size_t n, struct err *err) MUST_CHECK;

#endif
