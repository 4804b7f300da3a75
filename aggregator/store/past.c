/* SPDX-License-Identifier: Apache-2.0 */
#include "connection.h"
#include "lang.h"

#include <string.h>

/* ---------------------------------------------------------------- has anything been reported? */

static const struct statement has_reports = {
    "has_reports",
    "SELECT q.i FROM unnest($1, $2, $3) WITH ORDINALITY q(dataflow, period, provider, i)"
    " WHERE EXISTS (SELECT FROM tram.report r"
    "   WHERE r.dataflow = q.dataflow AND r.period = q.period AND r.provider = q.provider)",
};

enum store_result store_has_reports(struct store *s, struct period_question *questions, size_t n, struct err *err)
{
	struct params p;
	PGresult *r;
	enum store_result result;

	if (n == 0) {
		return STORE_OK;
	}
	params_init(&p);
	params_texts(&p, &questions->dataflow, sizeof *questions, n);
	params_int32s(&p, &questions->period, sizeof *questions, n);
	params_texts(&p, &questions->provider, sizeof *questions, n);
	result = connection_ask_prepared(s, &has_reports, &p, &r, err);
	params_done(&p);
	for (size_t i = 0; i < n; i++) {
		questions[i].answer = false;
	}
	for (int i = 0; i < PQntuples(r); i++) {
		questions[cell_int(r, i, 0) - 1].answer = true;
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
};

/* One step down the primary key a question, and one into the decisions: the same whatever the tables' size. */
static const struct statement latest = {
    "latest",
    "SELECT q.i, o.key & 16383, o.flags & 1 <> 0, tram.effective_outcome(o.outcome, d.decision) IN (1, 2), "
    "o.missing_reason,"
    "       o.qualifier, o.obs_status, o.rank_out_of, o.value, o.numerator, o.denominator, o.weight"
    " FROM unnest($1, $2) WITH ORDINALITY q(area_no, key, i)"
    " CROSS JOIN LATERAL (SELECT * FROM tram.observation o"
    "   WHERE o.area_no = q.area_no AND o.key BETWEEN q.key AND q.key + 16383 ORDER BY o.key DESC LIMIT 1) o"
    " LEFT JOIN LATERAL (SELECT decision FROM tram.decision d"
    "   WHERE d.area_no = o.area_no AND d.key = o.key ORDER BY d.decision_no DESC LIMIT 1) d ON true",
};

/* What we stored fits 18 digits; a figure that does not was put there by another hand and is no figure of ours. */
static bool read_decimal(const PGresult *r, int row, enum past_column column, struct decimal *ret)
{
	const char *text = cell_text(r, row, column);

	return !cell_is_null(r, row, column) &&
	       decimal_parse(text, strlen(text), DECIMAL_LOCALE_NONE, ret) == DECIMAL_FINE;
}

static void read_past(const PGresult *r, int row, struct past *ret)
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
	};
	ret->has_value = read_decimal(r, row, PAST_VALUE, &ret->value);
	ret->has_numerator = read_decimal(r, row, PAST_NUMERATOR, &ret->numerator);
	ret->has_denominator = read_decimal(r, row, PAST_DENOMINATOR, &ret->denominator);
	ret->has_weight = read_decimal(r, row, PAST_WEIGHT, &ret->weight);
}

enum store_result store_past(struct store *s, struct past_question *questions, size_t n, struct err *err)
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
	}
	for (int i = 0; i < PQntuples(r); i++) {
		read_past(r, i, &questions[cell_int(r, i, PAST_QUESTION) - 1].answer);
	}
	PQclear(r);
	return result;
}
