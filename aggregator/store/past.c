/* SPDX-License-Identifier: Apache-2.0 */
#include "connection.h"
#include "lang.h"

#include <string.h>

/* ---------------------------------------------------------------- has anything been reported, is it closed? */

enum period_column {
	PERIOD_QUESTION,
	PERIOD_HAS_REPORTS,
	PERIOD_VINTAGE,
	PERIOD_CLOSED_AT,
	PERIOD_CLOSED_BY,
	PERIOD_CLOSING,
};

static const struct statement periods = {
    "periods",
    "SELECT q.i, q.provider <> '' AND EXISTS (SELECT FROM tram.report r"
    "         WHERE r.dataflow = q.dataflow AND r.period = q.period AND r.provider = q.provider),"
    "       c.vintage, (extract(epoch FROM c.closed_at) * 1000000)::bigint, c.closed_by,"
    "       (SELECT max(n.closing_no) FROM tram.closing n)"
    " FROM unnest($1, $2, $3) WITH ORDINALITY q(dataflow, period, provider, i)"
    " LEFT JOIN LATERAL (SELECT c.vintage, c.closed_at, c.closed_by FROM tram.closing c"
    "   WHERE c.dataflow = q.dataflow AND c.period = q.period ORDER BY c.vintage DESC LIMIT 1) c ON true",
};

static bool read_closed(const PGresult *r, int row, struct arena *a, int32_t period, struct closed *ret)
{
	*ret = (struct closed){.period = period,
			       .vintage = (int32_t)cell_int(r, row, PERIOD_VINTAGE),
			       .closed_at_us = cell_int(r, row, PERIOD_CLOSED_AT),
			       .closed_by = arena_strdup(a, cell_text(r, row, PERIOD_CLOSED_BY))};
	return ret->closed_by;
}

static enum store_result take_periods(const PGresult *r, struct period_question *questions, struct arena *a,
				      int64_t *ret_closing_no, struct err *err)
{
	for (int i = 0; i < PQntuples(r); i++) {
		struct period_question *q = &questions[cell_int(r, i, PERIOD_QUESTION) - 1];

		q->closed = (struct closed){0};
		q->has_reports = cell_bool(r, i, PERIOD_HAS_REPORTS);
		if (!cell_is_null(r, i, PERIOD_VINTAGE) && !read_closed(r, i, a, q->period, &q->closed)) {
			return store_exhausted(err);
		}
		*ret_closing_no = cell_int(r, i, PERIOD_CLOSING);
	}
	return STORE_OK;
}

enum store_result store_periods(struct store *s, struct period_question *questions, size_t n, struct arena *a,
				int64_t *ret_closing_no, struct err *err)
{
	struct params p;
	PGresult *r;
	enum store_result result;

	*ret_closing_no = 0;
	if (n == 0) {
		return STORE_OK;
	}
	params_init(&p);
	params_texts(&p, &questions->dataflow, sizeof *questions, n);
	params_int32s(&p, &questions->period, sizeof *questions, n);
	params_texts(&p, &questions->provider, sizeof *questions, n);
	result = connection_ask_prepared(s, &periods, &p, &r, err);
	params_done(&p);
	if (result == STORE_OK) {
		result = take_periods(r, questions, a, ret_closing_no, err);
	}
	PQclear(r);
	return result;
}

/* ---------------------------------------------------------------- what stands there? */

enum past_column {
	PAST_QUESTION,
	PAST_REVISION,
	PAST_WITHDRAWN,
	PAST_CURRENT,
	PAST_MISSING_REASON,
	PAST_QUALIFIER,
	PAST_OBS_STATUS,
	PAST_RANK_OUT_OF,
	PAST_VALUE,
	PAST_NUMERATOR,
	PAST_DENOMINATOR,
	PAST_WEIGHT,
	PAST_OUTCOME,
	PAST_DECISION,
	PAST_REASONED,
	PAST_KNOWN_AT,
	PAST_ASKED,
	PAST_STATED,
};

/*
 * One step down the primary key a question, and one into the decisions: the same whatever the tables' size. What was asked
 * is of the revision that stands, which is another one where the latest is held or refused.
 */
#define DECISION_OF(o)                                                                                                 \
	" LEFT JOIN LATERAL (SELECT decision FROM tram.decision d"                                                     \
	"   WHERE d.area_no = " o ".area_no AND d.key = " o ".key ORDER BY d.decision_no DESC LIMIT 1) d ON true"
#define ASKED_OF(o)                                                                                                    \
	"CASE WHEN " o ".flags & 4 <> 0 OR d.decision = 'released'"                                                    \
	" THEN (SELECT tram.asked(st.agent_no, " o ".report_no, " o ".line) FROM tram.stream st"                       \
	"       WHERE st.stream_no = (" o ".report_no >> 40)::integer) END"
static const struct statement latest = {
    "latest",
    "SELECT q.i, o.key & 16383, o.flags & 1 <> 0, tram.effective_outcome(o.outcome, d.decision) IN (1, 2),"
    "       o.missing_reason, o.qualifier, o.obs_status, o.rank_out_of, o.value, o.numerator, o.denominator, o.weight,"
    "       o.outcome, d.decision, o.flags & 8 <> 0, (extract(epoch FROM o.known_at) * 1000000)::bigint,"
    "       CASE WHEN tram.effective_outcome(o.outcome, d.decision) IN (1, 2) THEN " ASKED_OF(
	"o") " ELSE ("
	     "         SELECT " ASKED_OF("s") " FROM tram.observation s" DECISION_OF(
		 "s") "         WHERE s.area_no = q.area_no AND s.key BETWEEN q.key AND o.key"
		      "           AND tram.effective_outcome(s.outcome, d.decision) IN (1, 2, 6) ORDER BY s.key DESC "
		      "LIMIT 1) END,"
		      "       CASE tram.effective_outcome(o.outcome, d.decision) WHEN 4 THEN ("
		      "         SELECT tram.effective_outcome(s.outcome, d.decision) <> 6 AND s.flags & 1 = 0"
		      "         FROM tram.observation s" DECISION_OF(
			  "s") "         WHERE s.area_no = q.area_no AND s.key BETWEEN q.key AND o.key"
			       "           AND tram.effective_outcome(s.outcome, d.decision) IN (1, 2, 3, 6) ORDER BY "
			       "s.key DESC LIMIT 1)"
			       "       WHEN 6 THEN false ELSE o.flags & 1 = 0 END"
			       " FROM unnest($1, $2) WITH ORDINALITY q(area_no, key, i)"
			       " CROSS JOIN LATERAL (SELECT * FROM tram.observation o"
			       "   WHERE o.area_no = q.area_no AND o.key BETWEEN q.key AND q.key + 16383 ORDER BY "
			       "o.key DESC LIMIT 1) o" DECISION_OF("o"),
};

/* As tram.decision has it; "" is none. */
static const struct {
	const char *name;
	enum decided decided;
} decisions[] = {{"", DECIDED_NONE},
		 {"released", DECIDED_RELEASED},
		 {"refused", DECIDED_REFUSED},
		 {"held", DECIDED_HELD},
		 {"withdrawn", DECIDED_WITHDRAWN}};

static enum decided decided_by_name(const char *name)
{
	for (size_t i = 0; i < sizeof decisions / sizeof *decisions; i++) {
		if (strcmp(decisions[i].name, name) == 0) {
			return decisions[i].decided;
		}
	}
	return DECIDED_NONE;
}

static bool read_past(const PGresult *r, int row, struct arena *a, struct past *ret)
{
	*ret = (struct past){
	    .exists = true,
	    .revision = (uint32_t)cell_int(r, row, PAST_REVISION),
	    .withdrawn = cell_bool(r, row, PAST_WITHDRAWN),
	    .current = cell_bool(r, row, PAST_CURRENT),
	    .missing_reason = (int)cell_int(r, row, PAST_MISSING_REASON),
	    .qualifier = (int)cell_int(r, row, PAST_QUALIFIER),
	    .obs_status = *cell_text(r, row, PAST_OBS_STATUS),
	    .rank_out_of = (int32_t)cell_int(r, row, PAST_RANK_OUT_OF),
	    .outcome = (enum outcome)cell_int(r, row, PAST_OUTCOME),
	    .decided = decided_by_name(cell_text(r, row, PAST_DECISION)),
	    .reasoned = cell_bool(r, row, PAST_REASONED),
	    .known_at_us = cell_int(r, row, PAST_KNOWN_AT),
	};
	ret->has_value = cell_decimal(r, row, PAST_VALUE, &ret->value);
	ret->has_numerator = cell_decimal(r, row, PAST_NUMERATOR, &ret->numerator);
	ret->has_denominator = cell_decimal(r, row, PAST_DENOMINATOR, &ret->denominator);
	ret->has_weight = cell_decimal(r, row, PAST_WEIGHT, &ret->weight);
	ret->asked = cell_is_null(r, row, PAST_ASKED) ? NULL : arena_strdup(a, cell_text(r, row, PAST_ASKED));
	return ret->asked || cell_is_null(r, row, PAST_ASKED);
}

static enum store_result take_pasts(const PGresult *r, struct past_question *questions, struct arena *a,
				    struct err *err)
{
	for (int i = 0; i < PQntuples(r); i++) {
		struct past_question *q = &questions[cell_int(r, i, PAST_QUESTION) - 1];

		q->stated = cell_bool(r, i, PAST_STATED);
		if (!read_past(r, i, a, &q->answer)) {
			return store_exhausted(err);
		}
	}
	return STORE_OK;
}

enum store_result store_past(struct store *s, struct past_question *questions, size_t n, struct arena *a,
			     struct err *err)
{
	struct params p;
	PGresult *r;
	enum store_result result;

	if (n == 0) {
		return STORE_OK;
	}
	params_init(&p);
	params_int32s(&p, &questions->area_no, sizeof *questions, n);
	params_int64s(&p, &questions->key, sizeof *questions, n);
	result = connection_ask_prepared(s, &latest, &p, &r, err);
	params_done(&p);
	for (size_t i = 0; i < n; i++) {
		questions[i].answer = (struct past){0};
		questions[i].stated = false;
	}
	if (result == STORE_OK) {
		result = take_pasts(r, questions, a, err);
	}
	PQclear(r);
	return result;
}
