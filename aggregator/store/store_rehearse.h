/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store_rehearse - what a rehearsal of rules asks of the store: verdicts in the order in which they were given, with all
 * that each knew; and, of the roll-ups, what they would be if figures stood otherwise, of which nothing stays.
 *
 * Streams, bytes and agents are read as store_audit.h has them. Reading is for the role tram_auditor, in pieces; the one
 * function at the end is for tram_admin.
 */
#ifndef TRAM_STORE_REHEARSE_H
#define TRAM_STORE_REHEARSE_H

#include "peers.h"
#include "store_audit.h"

#define REHEARSE_ROWS 2000 /* verdicts at once */

struct rehearse_verdict {
	uint64_t verdict_seq, report_no;
	bool is_first;  /* given when the report was received; otherwise a decision told of */
	bool is_poison; /* could not be read */
	bool is_repeat; /* of what another epoch handed in: states nothing */
	int64_t received_at_us, handed_in_at_us, known_at_us;
	uint32_t catalogue_version;
	uint32_t peer_cut;
	int64_t closing_no; /* the newest that it knew */
	const char *words;  /* a letter each */
	const uint8_t *outcomes;
	size_t n;
};

/* The agent's next verdicts behind `after`, up to `upto`, in order; none: *ret_n 0. In the arena. */
enum store_result store_rehearse_verdicts(struct store *s, int32_t agent_no, uint64_t after, uint64_t upto,
					  struct arena *a, struct rehearse_verdict **ret, size_t *ret_n,
					  struct err *err) MUST_CHECK;

/* What was found in reports when they were received: by report_no, line and rule. In the arena. */
struct rehearse_finding {
	uint64_t report_no;
	uint32_t line;
	enum severity severity;
	bool asks; /* for a reason, or did until the revision before had given one */
	const char *rule;
};
enum store_result store_rehearse_findings(struct store *s, int32_t agent_no, const struct rehearse_verdict *verdicts,
					  size_t n, struct arena *a, struct rehearse_finding **ret, size_t *ret_n,
					  struct err *err) MUST_CHECK;

/* What was decided on figures of the agent, in order: each is known to the verdicts after verdict_seq. In the arena. */
struct rehearse_decision {
	uint64_t verdict_seq;
	int32_t area_no;
	int64_t key;
	enum decided decided;
};
enum store_result store_rehearse_decisions(struct store *s, int32_t agent_no, struct arena *a,
					   struct rehearse_decision **ret, size_t *ret_n, struct err *err) MUST_CHECK;

/* All closings, by dataflow (as strcmp() has it), period and number. In the arena. */
struct rehearse_closing {
	int64_t closing_no;
	const char *dataflow;
	int32_t period;
	struct closed closed;
};
enum store_result store_rehearse_closings(struct store *s, struct arena *a, struct rehearse_closing **ret,
					  size_t *ret_n, struct err *err) MUST_CHECK;

/* ---------------------------------------------------------------- what peer cuts knew */

/* The next of what all cuts wrote, behind the last one given (zeros: from the beginning), in order; none: *ret_n 0. In the
   arena. Rows by series, period and cut; reports by cut, agent and number. */
enum store_result store_rehearse_peer_rows(struct store *s, const struct peer_row *after, struct arena *a,
					   struct peer_row **ret, size_t *ret_n, struct err *err) MUST_CHECK;
enum store_result store_rehearse_peer_reports(struct store *s, const struct peer_report *after, struct arena *a,
					      struct peer_report **ret, size_t *ret_n, struct err *err) MUST_CHECK;
enum store_result store_rehearse_cuts(struct store *s, uint32_t after, struct arena *a, struct peer_cut **ret,
				      size_t *ret_n, struct err *err) MUST_CHECK;

/* ---------------------------------------------------------------- roll-ups (admin) */

/* How a figure would stand. */
struct rehearse_flip {
	int32_t area_no;
	int64_t key; /* with revision 0 */
	bool stands, held;
	const char *value, *numerator, *denominator, *weight; /* NULL: none */
	int32_t qualifier, missing_reason, flags;
	const char *obs_status; /* one letter */
};

/* A national figure before and after: "" or 0 where there is none. */
struct rehearse_total {
	const char *figure_no; /* of a published figure; NULL: the roll-up itself */
	const char *indicator, *name_vi, *name_en, *time_period;
	struct rehearse_side {
		const char *value, *numerator, *denominator; /* NULL: none */
		int areas_reporting, held;
		const char *agreement; /* of a published figure */
	} before, after;
};
typedef void rehearse_total_each(void *context, const struct rehearse_total *row);

/*
 * Every national roll-up and every published figure that would be another one if figures stood so, with all that is
 * committed besides. It is done in a transaction that is rolled back, inside one that is rolled back; STORE_BROKEN when
 * anything stayed nevertheless.
 */
enum store_result store_rehearse_totals(struct store *s, const struct rehearse_flip *flips, size_t n,
					rehearse_total_each *each, void *context, struct err *err) MUST_CHECK;

#endif
