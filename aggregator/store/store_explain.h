/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store_explain - what one figure is made of: the figures behind it, the contributions to each, and the batches in which these
 * were handed in. For the roles tram_reader and, where the bytes are asked for, tram_auditor.
 *
 * Rows are handed to a function of the caller's and live for that call. Figures are text, exactly as PostgreSQL has them,
 * or NULL where there is none. Times are UTC microseconds.
 */
#ifndef TRAM_STORE_EXPLAIN_H
#define TRAM_STORE_EXPLAIN_H

#include "store_audit.h"
#include "store_centre.h"

/* Several questions of one snapshot: between begin and end nothing changes. *ret_at_us: when it was taken, by the server. */
enum store_result store_explain_begin(struct store *s, int64_t *ret_at_us, struct err *err) MUST_CHECK;
void store_explain_end(struct store *s);

struct explain_question {
	const char *indicator, *period;
	const char *level;    /* nation, region, province */
	const char *area;     /* VN, a region's or a province's code */
	const char *boundary; /* 63, 34, a day; NULL: in force at the period's end */
	int64_t as_of_us;     /* INT64_MAX: now */
	bool open;            /* what is known, and not what a period was closed with */
};

struct explained_figure {
	int node;        /* from 1, the figure itself */
	int top, bottom; /* nodes it is made of; 0: of contributions */
	const char *how; /* own, sum, ratio, mean, growth, quotient */
	const char *over_time;
	const char *leaf; /* S, Q, M, D: the finest periods that this one is made of; "": it is not made of others */
	const char *weighed_by, *weighed_over, *weighed_leaf; /* weighed_by: an indicator, "observation" or "" */
	const char *indicator, *name_vi, *name_en, *period;
	int64_t as_of_us; /* the moment whose knowledge it shows: a closed period's, or as asked */
	bool is_there;    /* else nothing rolls up to it, and figure is empty */
	struct rollup_figure figure;
};
typedef void explained_figure_each(void *context, const struct explained_figure *row);

/* The figures behind one figure, itself first; none when the area has none. */
enum store_result store_explained_figures(struct store *s, const struct explain_question *q,
					  explained_figure_each *each, void *context, struct err *err) MUST_CHECK;

struct explained_contribution {
	const char *part, *indicator, *area, *name_vi, *name_en, *counts_for, *period, *state;
	const char *revision; /* NULL: there is no figure, and nothing of where it comes from */
	const char *value, *numerator, *denominator, *weight, *population;
	int leaves;
	const char *share, *coverage_share; /* percent */
	const char *qualifier, *obs_status;
	bool demonstration;
	const char *agent, *epoch;
	int64_t seq, line;
	int32_t agent_no, stream_no;
	const char *provider, *dataflow;
	int64_t known_at_us;
	const char *outcome, *decided_by, *decision_reason, *justification_code, *justification;
	const char *rules;                               /* of its findings, by spaces */
	const char *findings;                            /* a JSON array of objects */
	const char *digest, *chain, *key_id, *signature; /* hexadecimal; of the batch that brought the report */
	int64_t first_seq, last_seq;
};
typedef void explained_contribution_each(void *context, const struct explained_contribution *row);

/* The contributions to a figure that is not made of others. */
enum store_result store_explained_contributions(struct store *s, const struct explain_question *q,
						explained_contribution_each *each, void *context,
						struct err *err) MUST_CHECK;

/* The batch that brought a report of a stream; in the arena. STORE_BROKEN: it is not there. */
enum store_result store_batch_of(struct store *s, int32_t agent_no, int32_t stream_no, uint64_t seq, struct arena *a,
				 struct audit_batch *ret, struct err *err) MUST_CHECK;

/* What is known of an area, by its code (63/46, VN). */
struct explain_area {
	char area[64], level[16], vintage[16]; /* vintage "": of none */
};
enum store_result store_explain_area(struct store *s, const char *area, struct explain_area *ret,
				     struct err *err) MUST_CHECK;

/*
 * The moment that was asked for, or now when that is earlier (INT64_MAX: now), once nothing becomes known any more at and before
 * it; not in a snapshot. On a standby only of what was settled already.
 */
enum store_result store_explain_moment(struct store *s, int64_t asked_us, int64_t *ret_us, struct err *err) MUST_CHECK;

/* What to offer instead: the periods for which an indicator has figures, nearest to the one given first. */
typedef void explain_name_each(void *context, const char *name);
enum store_result store_indicator_periods(struct store *s, const char *indicator, const char *period,
					  explain_name_each *each, void *context, struct err *err) MUST_CHECK;

#endif
