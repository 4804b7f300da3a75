/* SPDX-License-Identifier: Apache-2.0 */
/*
 * evidence - what this agent can show of a ticket: where each of its reports is, and a proof file (proof.h) of them, written
 * a bit at a time. A ticket of an outbox that was renewed is looked for in the file that was set aside.
 *
 * It reads an outbox and holds one report at a time. One thread; it is closed before the outbox in use is.
 */
#ifndef TRAM_EVIDENCE_H
#define TRAM_EVIDENCE_H

#include "keys.h"
#include "outbox.h"

struct evidence;

/* Reports of a ticket (not ""), or from first_seq to last_seq of the outbox in use. */
struct evidence_of {
	const char *ticket;
	uint64_t first_seq, last_seq;
};

/* NULL and *err: no such ticket (ERR_DATA), or its outbox is gone (ERR_NOINPUT). Caller closes. */
struct evidence *evidence_open(struct outbox *in_use, const char *directory, const struct evidence_of *of,
			       struct err *err) MUST_CHECK;
void evidence_close(struct evidence **ep);

/* Where report seq of evidence_first() to evidence_last() is. */
struct evidence_row {
	struct outbox_place place;
	char ticket[OUTBOX_TICKET_MAX];
	bool acknowledged;
	struct acknowledgement ack; /* the first that covers it */
	bool judged;
	struct outbox_verdict verdict; /* the latest, without texts; its body in the arena */
	const uint8_t *bytes;          /* the report's, in the arena, if asked for */
	size_t len;
};
uint64_t evidence_first(const struct evidence *e);
uint64_t evidence_last(const struct evidence *e);
struct outbox *evidence_outbox(const struct evidence *e);
bool evidence_row(struct evidence *e, uint64_t seq, bool with_bytes, struct arena *a, struct evidence_row *ret,
		  struct err *err) MUST_CHECK;

/*
 * A proof of them, with their bytes or without, under notes for people; signed with the agent's keys, which outlive it.
 * False and *err: ERR_TEMPFAIL when the centre has not acknowledged all of them yet.
 */
bool evidence_prove(struct evidence *e, const struct keys *keys, bool with_reports, char *const *notes, size_t n_notes,
		    struct err *err) MUST_CHECK;

/* The proof's next bytes, valid until the next call; *ret_done behind the last. */
bool evidence_next(struct evidence *e, struct arena *a, const char **ret, size_t *ret_len, bool *ret_done,
		   struct err *err) MUST_CHECK;

#endif
