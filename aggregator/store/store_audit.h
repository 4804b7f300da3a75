/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store_audit - all that is stored of agents' streams, read in order and in pieces, for whoever holds it against itself.
 *
 * One snapshot says how far each stream is committed; what was committed up to there never changes, so the rest is read
 * without one. For the role tram_auditor; memory is bounded by the page limits below, whatever is stored. As every store_*.h: one
 * thread a connection.
 */
#ifndef TRAM_STORE_AUDIT_H
#define TRAM_STORE_AUDIT_H

#include "store.h"

#define AUDIT_PAGE_BYTES   (4u << 20) /* payloads of one page; one batch alone may be more */
#define AUDIT_PAGE_REPORTS 2000       /* … and the reports that its batches cover */
#define AUDIT_ROWS         5000       /* of a cursor, at once */

/* A stream as the snapshot has it. The greatest seqs are of what names this stream, committed or not; 0: none. */
struct audit_stream {
	int32_t agent_no, stream_no;
	char agent[65];
	struct epoch epoch;
	bool has_previous, has_previous_chain;
	struct digest previous_chain, first_chain;
	uint64_t seq;
	struct digest chain;
	uint64_t last_batch, last_report, last_poison;
	int64_t started_at_us;
};

/* An agent's verdicts as the snapshot has them. */
struct audit_agent {
	int32_t agent_no;
	char agent[65];
	uint64_t verdict_seq;    /* says the agent's row */
	uint64_t verdicts, last; /* are there; the greatest number */
	uint64_t first_gap;      /* the first number that is missing; 0: none up to the last */
};

/* What belongs to no stream or agent of the roster: so many rows. */
struct audit_strays {
	uint64_t batches, reports, poisons, verdicts;
};

struct audit_snapshot {
	struct audit_stream *streams; /* by stream_no */
	size_t n_streams;
	struct audit_agent *agents;
	size_t n_agents;
	struct audit_strays strays; /* only when all agents are asked for */
};

/*
 * Takes the snapshot, of these agents or of all (n 0), and leaves two cursors behind on the connection, over the figures
 * and the verdicts it has. In the arena. ERR_USAGE in *err with STORE_BROKEN: one of the names is not on the roster.
 */
enum store_result store_audit_begin(struct store *s, const char *const *names, size_t n, struct arena *a,
				    struct audit_snapshot *ret, struct err *err) MUST_CHECK;

/* The same without cursors. */
enum store_result store_audit_streams(struct store *s, const char *const *names, size_t n, struct arena *a,
				      struct audit_snapshot *ret, struct err *err) MUST_CHECK;

/* Every signing key that the agent ever had on the roster, whatever became of it. In the arena. */
struct audit_key {
	uint8_t signing_public[SIGN_PUBLIC_SIZE], key_id[KEY_ID_SIZE];
};
enum store_result store_audit_keys(struct store *s, int32_t agent_no, struct arena *a, struct audit_key **ret,
				   size_t *ret_n, struct err *err) MUST_CHECK;

struct audit_batch {
	uint64_t from_seq, first_seq, last_seq;
	uint64_t next_from; /* of the stream's next batch; 0: there is none */
	int codec;
	int64_t received_at_us;
	bool is_formed; /* prev_chain, chain, signature and key_id have the length they must have */
	struct digest prev_chain, chain;
	uint8_t signature[SIGNATURE_SIZE], key_id[KEY_ID_SIZE];
	const uint8_t *payload;
	size_t payload_len;
};

/* The stream's next batches behind from_seq `after`, up to its watermark, in order; none: *ret_n 0. In the arena. */
enum store_result store_audit_batches(struct store *s, const struct audit_stream *stream, uint64_t after,
				      struct arena *a, struct audit_batch **ret, size_t *ret_n,
				      struct err *err) MUST_CHECK;

/* from_seq of the last batch before the first one received since; 0: there is none before it. */
enum store_result store_audit_start(struct store *s, const struct audit_stream *stream, int64_t since_us,
				    uint64_t *ret_before, struct err *err) MUST_CHECK;

/* What tram.report and tram.poison hold of the seqs first to last, in order of seq. In the arena. */
struct audit_report {
	uint64_t seq;
	bool is_poison, is_formed; /* formed: the digest has its length */
	struct digest digest;
	uint32_t observations;
	const char *justification_code, *justification; /* of poison NULL */
};
enum store_result store_audit_reports(struct store *s, const struct audit_stream *stream, uint64_t first, uint64_t last,
				      struct arena *a, struct audit_report **ret, size_t *ret_n,
				      struct err *err) MUST_CHECK;

/* The cursors' next rows, in order of report_no; at most AUDIT_ROWS, none at the end. In the arena. */
struct audit_figure {
	uint64_t report_no;
	uint32_t line;
	int outcome;
	const char *indicator, *dimensions, *area;
	const char *value, *numerator, *denominator, *weight; /* NULL: none */
	int32_t period;                                       /* period_pack() */
	int rank_out_of, qualifier, missing_reason, obs_status;
	bool withdrawn, demonstration, reasoned;
	const char *justification_code, *justification; /* its own, of tram.observation_note */
	int64_t units_reporting, units_expected;
};
enum store_result store_audit_figures(struct store *s, struct arena *a, struct audit_figure **ret, size_t *ret_n,
				      struct err *err) MUST_CHECK;

struct audit_verdict {
	uint64_t report_no, verdict_seq;
	bool is_first; /* given when the report was received */
	const uint8_t *outcomes;
	size_t n;
};
enum store_result store_audit_verdicts(struct store *s, struct arena *a, struct audit_verdict **ret, size_t *ret_n,
				       struct err *err) MUST_CHECK;

/*
 * What the communes of a province add up to, where history comes to something else: only the parts that differ. A statement
 * a province, so that what is stored and what is counted are of one moment.
 */
struct audit_subtotal {
	const char *area, *indicator, *time_period; /* of the province */
	const char *stored, *counted;               /* "reporting 12, value 340" */
};
typedef void audit_subtotal_each(void *context, const struct audit_subtotal *row);
enum store_result store_audit_subtotals(struct store *s, audit_subtotal_each *each, void *context,
					struct err *err) MUST_CHECK;

/* Where a closing made since then (0: any) is not what it was made as. */
struct audit_closing {
	const char *kind; /* "digest", "order", "figure"; "remade": another catalogue gives another figure, no fault */
	const char *dataflow, *time_period, *vintage;
	const char *indicator, *area; /* "": the closing itself */
	const char *found, *expected;
};
typedef void audit_closing_each(void *context, const struct audit_closing *row);
enum store_result store_audit_closings(struct store *s, int64_t since_us, audit_closing_each *each, void *context,
				       struct err *err) MUST_CHECK;

#endif
