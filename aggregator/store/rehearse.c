/* SPDX-License-Identifier: Apache-2.0 */
#include "connection.h"
#include "lang.h"
#include "letters.h"
#include "mem.h"
#include "store_rehearse.h"

#include <stdlib.h>

#define US(column) "(extract(epoch FROM " column ") * 1000000)::bigint"

static enum store_result full(struct err *err)
{
	err_set(err, ERR_PROTOCOL, _("what is to be rehearsed at once does not fit into memory"));
	return STORE_BROKEN;
}

/* ---------------------------------------------------------------- verdicts */

enum verdict_column {
	VERDICT_SEQ,
	VERDICT_REPORT,
	VERDICT_FIRST,
	VERDICT_POISON,
	VERDICT_REPEAT,
	VERDICT_RECEIVED_AT,
	VERDICT_HANDED_IN_AT,
	VERDICT_KNOWN_AT,
	VERDICT_CATALOGUE,
	VERDICT_PEER_CUT,
	VERDICT_CLOSING,
	VERDICT_WORDS,
	VERDICT_OUTCOMES,
};

static const struct statement verdicts_between = {
    "rehearse_verdicts",
    "SELECT v.verdict_seq, v.report_no, v.cause = 'received', r.report_no IS NULL, r.repeats IS NOT NULL, " US(
	"r.received_at") ", " US("r.handed_in_at") ", " US("r.known_at") ", v.catalogue_version, v.peer_cut,"
									 " v.closing_no, v.words,"
									 " v.outcomes FROM tram.verdict v"
									 " LEFT JOIN tram.report r ON r.agent_no = "
									 "v.agent_no AND r.report_no = v.report_no"
									 " WHERE v.agent_no = $1 AND v.verdict_seq > "
									 "$2 AND v.verdict_seq <= $3"
									 " ORDER BY v.verdict_seq LIMIT $4",
};

static bool take_verdict(const PGresult *r, int row, struct arena *a, struct rehearse_verdict *ret)
{
	size_t n = ((size_t)PQgetlength(r, row, VERDICT_OUTCOMES) - 2) / 2; /* \x and two digits a byte */
	uint8_t *outcomes = arena_alloc(a, n);

	*ret = (struct rehearse_verdict){
	    .verdict_seq = (uint64_t)cell_int(r, row, VERDICT_SEQ),
	    .report_no = (uint64_t)cell_int(r, row, VERDICT_REPORT),
	    .is_first = cell_bool(r, row, VERDICT_FIRST),
	    .is_poison = cell_bool(r, row, VERDICT_POISON),
	    .is_repeat = cell_bool(r, row, VERDICT_REPEAT),
	    .received_at_us = cell_int(r, row, VERDICT_RECEIVED_AT),
	    .handed_in_at_us = cell_int(r, row, VERDICT_HANDED_IN_AT),
	    .known_at_us = cell_int(r, row, VERDICT_KNOWN_AT),
	    .catalogue_version = (uint32_t)cell_int(r, row, VERDICT_CATALOGUE),
	    .peer_cut = (uint32_t)cell_int(r, row, VERDICT_PEER_CUT),
	    .closing_no = cell_int(r, row, VERDICT_CLOSING),
	    .words = arena_strdup(a, cell_text(r, row, VERDICT_WORDS)),
	    .outcomes = outcomes,
	    .n = n,
	};
	return outcomes && ret->words && (n == 0 || cell_bytes(r, row, VERDICT_OUTCOMES, outcomes, n));
}

enum store_result store_rehearse_verdicts(struct store *s, int32_t agent_no, uint64_t after, uint64_t upto,
					  struct arena *a, struct rehearse_verdict **ret, size_t *ret_n,
					  struct err *err)
{
	struct params p;
	PGresult *r;
	enum store_result result;
	bool fits;

	params_init(&p);
	params_int32(&p, agent_no);
	params_int64(&p, (int64_t)after);
	params_int64(&p, (int64_t)upto);
	params_int64(&p, REHEARSE_ROWS);
	result = connection_ask_prepared(s, &verdicts_between, &p, &r, err);
	params_done(&p);
	*ret_n = (size_t)PQntuples(r);
	*ret = arena_calloc(a, *ret_n, sizeof **ret);
	fits = *ret != NULL;
	for (size_t i = 0; fits && i < *ret_n; i++) {
		fits = take_verdict(r, (int)i, a, &(*ret)[i]);
	}
	PQclear(r);
	return result == STORE_OK && !fits ? full(err) : result;
}

/* ---------------------------------------------------------------- findings */

static const struct statement findings_of = {
    "rehearse_findings",
    "SELECT f.report_no, f.line, f.severity, f.rule,"
    "       f.severity = 'J' OR f.answered FROM unnest($2) q(report_no)"
    " JOIN tram.report_finding f ON f.agent_no = $1 AND f.report_no = q.report_no"
    " ORDER BY f.report_no, f.line, f.rule, f.finding_no",
};

static bool take_findings(const PGresult *r, struct arena *a, struct rehearse_finding *ret)
{
	bool fits = ret != NULL;

	for (int i = 0; fits && i < PQntuples(r); i++) {
		ret[i] = (struct rehearse_finding){.report_no = (uint64_t)cell_int(r, i, 0),
						   .line = (uint32_t)cell_int(r, i, 1),
						   .severity = severity_of_letter(*cell_text(r, i, 2)),
						   .asks = cell_bool(r, i, 4),
						   .rule = arena_strdup(a, cell_text(r, i, 3))};
		fits = ret[i].rule != NULL;
	}
	return fits;
}

enum store_result store_rehearse_findings(struct store *s, int32_t agent_no, const struct rehearse_verdict *verdicts,
					  size_t n, struct arena *a, struct rehearse_finding **ret, size_t *ret_n,
					  struct err *err)
{
	int64_t *reports = xcalloc(n + 1, sizeof *reports);
	size_t asked = 0;
	struct params p;
	PGresult *r;
	enum store_result result;
	bool fits;

	for (size_t i = 0; i < n; i++) {
		if (verdicts[i].is_first && !verdicts[i].is_poison && !verdicts[i].is_repeat) {
			reports[asked++] = (int64_t)verdicts[i].report_no;
		}
	}
	params_init(&p);
	params_int32(&p, agent_no);
	params_int64s(&p, reports, sizeof *reports, asked);
	result = connection_ask_prepared(s, &findings_of, &p, &r, err);
	params_done(&p);
	*ret_n = (size_t)PQntuples(r);
	*ret = arena_calloc(a, *ret_n, sizeof **ret);
	fits = take_findings(r, a, *ret);
	PQclear(r);
	free(reports);
	return result == STORE_OK && !fits ? full(err) : result;
}

/* ---------------------------------------------------------------- decisions */

/* One that was made by hand has no verdict of its own: it is placed behind the verdicts that were known when it was made. */
static const char decisions_sql[] =
    "SELECT coalesce(d.verdict_seq, (SELECT coalesce(max(v.verdict_seq), 0) FROM "
    "tram.verdict v"
    "   WHERE v.agent_no = $1 AND v.known_at <= d.decided_at)) AS place, d.area_no, d.key,"
    " coalesce(array_position(ARRAY['released', 'refused', 'held', 'withdrawn'], d.decision), 0)" /* enum decided */
    " FROM tram.decision d JOIN tram.observation o ON o.area_no = d.area_no AND o.key = d.key"
    " JOIN tram.stream s ON s.stream_no = (o.report_no >> 40)::integer WHERE s.agent_no = $1"
    " ORDER BY place, d.decision_no";

enum store_result store_rehearse_decisions(struct store *s, int32_t agent_no, struct arena *a,
					   struct rehearse_decision **ret, size_t *ret_n, struct err *err)
{
	struct params p;
	PGresult *r;
	enum store_result result;

	params_init(&p);
	params_int32(&p, agent_no);
	result = connection_ask(s, decisions_sql, &p, &r, err);
	params_done(&p);
	*ret_n = (size_t)PQntuples(r);
	*ret = arena_calloc(a, *ret_n, sizeof **ret);
	for (size_t i = 0; *ret && i < *ret_n; i++) {
		(*ret)[i] = (struct rehearse_decision){.verdict_seq = (uint64_t)cell_int(r, (int)i, 0),
						       .area_no = (int32_t)cell_int(r, (int)i, 1),
						       .key = cell_int(r, (int)i, 2),
						       .decided = (enum decided)cell_int(r, (int)i, 3)};
	}
	PQclear(r);
	return result == STORE_OK && !*ret ? full(err) : result;
}

/* ---------------------------------------------------------------- closings */

static const char closings_sql[] = "SELECT c.closing_no, c.dataflow, c.period, c.vintage, " US(
    "c.closed_at") ", c.closed_by FROM tram.closing c"
		   " ORDER BY c.dataflow COLLATE \"C\", c.period, c.closing_no";

static bool take_closing(const PGresult *r, int row, struct arena *a, struct rehearse_closing *ret)
{
	*ret = (struct rehearse_closing){.closing_no = cell_int(r, row, 0),
					 .dataflow = arena_strdup(a, cell_text(r, row, 1)),
					 .period = (int32_t)cell_int(r, row, 2),
					 .closed = {.period = (int32_t)cell_int(r, row, 2),
						    .vintage = (int32_t)cell_int(r, row, 3),
						    .closed_at_us = cell_int(r, row, 4),
						    .closed_by = arena_strdup(a, cell_text(r, row, 5))}};
	return ret->dataflow && ret->closed.closed_by;
}

enum store_result store_rehearse_closings(struct store *s, struct arena *a, struct rehearse_closing **ret,
					  size_t *ret_n, struct err *err)
{
	struct params p;
	PGresult *r;
	enum store_result result;
	bool fits;

	params_init(&p);
	result = connection_ask(s, closings_sql, &p, &r, err);
	params_done(&p);
	*ret_n = (size_t)PQntuples(r);
	*ret = arena_calloc(a, *ret_n, sizeof **ret);
	fits = *ret != NULL;
	for (size_t i = 0; fits && i < *ret_n; i++) {
		fits = take_closing(r, (int)i, a, &(*ret)[i]);
	}
	PQclear(r);
	return result == STORE_OK && !fits ? full(err) : result;
}

/* ---------------------------------------------------------------- roll-ups */

struct rehearsing {
	const struct rehearse_flip *flips;
	size_t n;
	PGresult *rows;
};

static void put_flips(struct params *p, const struct rehearse_flip *f, size_t n)
{
	int32_t *flags = xcalloc(2 * n + 1, sizeof *flags), *held = flags + n;

	for (size_t i = 0; i < n; i++) {
		flags[i] = f[i].stands;
		held[i] = f[i].held;
	}
	params_init(p);
	params_int32s(p, &f->area_no, sizeof *f, n);
	params_int64s(p, &f->key, sizeof *f, n);
	params_int32s(p, flags, sizeof *flags, n);
	params_int32s(p, held, sizeof *held, n);
	params_texts(p, &f->value, sizeof *f, n);
	params_texts(p, &f->numerator, sizeof *f, n);
	params_texts(p, &f->denominator, sizeof *f, n);
	params_texts(p, &f->weight, sizeof *f, n);
	params_int32s(p, &f->qualifier, sizeof *f, n);
	params_int32s(p, &f->missing_reason, sizeof *f, n);
	params_int32s(p, &f->flags, sizeof *f, n);
	params_texts(p, &f->obs_status, sizeof *f, n);
	free(flags);
}

/* Others wait for nothing of it: no province ever reaches the revisions it makes, which are gone before it ends. */
static enum store_result ask_totals(struct store *s, struct rehearsing *h, struct err *err)
{
	struct params p;
	enum store_result result;

	result = connection_run(s, "BEGIN ISOLATION LEVEL REPEATABLE READ; SET LOCAL lock_timeout = '5s'", err);
	if (result != STORE_OK) {
		return result;
	}
	put_flips(&p, h->flips, h->n);
	result = connection_ask(s, "SELECT * FROM tram.rehearse($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)", &p,
				&h->rows, err);
	params_done(&p);
	return connection_rollback(s, result);
}

static struct rehearse_side read_side(const PGresult *r, int row, int at)
{
	return (struct rehearse_side){.value = cell_text_or_null(r, row, at),
				      .numerator = cell_text_or_null(r, row, at + 1),
				      .denominator = cell_text_or_null(r, row, at + 2),
				      .areas_reporting = (int)cell_int(r, row, at + 3),
				      .held = (int)cell_int(r, row, at + 4),
				      .agreement = cell_text(r, row, at + 5)};
}

enum store_result store_rehearse_totals(struct store *s, const struct rehearse_flip *flips, size_t n,
					rehearse_total_each *each, void *context, struct err *err)
{
	struct rehearsing h = {flips, n, NULL};
	enum store_result result = n > 0 ? ask_totals(s, &h, err) : STORE_OK;

	for (int i = 0; i < PQntuples(h.rows); i++) {
		each(context, &(struct rehearse_total){.figure_no = cell_text_or_null(h.rows, i, 0),
						       .indicator = cell_text(h.rows, i, 1),
						       .name_vi = cell_text(h.rows, i, 2),
						       .name_en = cell_text(h.rows, i, 3),
						       .time_period = cell_text(h.rows, i, 4),
						       .before = read_side(h.rows, i, 5),
						       .after = read_side(h.rows, i, 11)});
	}
	PQclear(h.rows);
	return result;
}
