/* SPDX-License-Identifier: Apache-2.0 */
#include "connection.h"
#include "store_explain.h"

#include <stdio.h>

#define US(column)  "(extract(epoch FROM " column ") * 1000000)::bigint"
#define HEX(column) "encode(" column ", 'hex')"

enum store_result store_explain_begin(struct store *s, int64_t *ret_at_us, struct err *err)
{
	PGresult *r;
	enum store_result result = connection_run(s, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", err);

	if (result != STORE_OK) {
		return result;
	}
	result = connection_ask(s, "SELECT " US("now()"), NULL, &r, err);
	*ret_at_us = result == STORE_OK ? cell_int(r, 0, 0) : 0;
	PQclear(r);
	return result == STORE_OK ? result : connection_rollback(s, result);
}

void store_explain_end(struct store *s)
{
	(void)connection_rollback(s, STORE_OK);
}

/* ---------------------------------------------------------------- contributions */

enum contribution_column {
	PART,
	INDICATOR,
	AREA,
	NAME_VI,
	NAME_EN,
	COUNTS_FOR,
	PERIOD,
	STATE,
	REVISION,
	VALUE,
	NUMERATOR,
	DENOMINATOR,
	WEIGHT,
	POPULATION,
	LEAVES,
	SHARE,
	COVERAGE_SHARE,
	QUALIFIER,
	OBS_STATUS,
	DEMONSTRATION,
	AGENT,
	EPOCH,
	SEQ,
	LINE,
	AGENT_NO,
	STREAM_NO,
	PROVIDER,
	DATAFLOW,
	KNOWN_AT,
	OUTCOME,
	DECIDED_BY,
	DECISION_REASON,
	JUSTIFICATION_CODE,
	JUSTIFICATION,
	RULES,
	FINDINGS,
	DIGEST,
	FIRST_SEQ,
	LAST_SEQ,
	CHAIN,
	KEY_ID,
	SIGNATURE,
};

static const char contributions_sql[] =
    "SELECT c.part, c.contribution_indicator, c.contribution_area, c.name_vi, c.name_en, c.counts_for, c.time_period, "
    "c.state,"
    " c.revision, c.value, c.numerator, c.denominator, c.weight, c.population, c.leaves, c.share, c.coverage_share,"
    " c.qualifier, c.obs_status, c.demonstration, c.agent, c.epoch, c.seq, c.line, c.agent_no, c.stream_no, c.provider,"
    " c.dataflow, " US(
	"c.known_at") ", c.outcome, c.decided_by, c.decision_reason, c.justification_code, c.justification,"
		      " c.rules, c.findings, " HEX("c.digest") ", c.first_seq, c.last_seq, " HEX("c.chain") ", " HEX(
			  "c.key_id") ", " HEX("c.signature") " FROM tram.explained_contributions($1, $2, $3, $4, $5, "
							      "$6) c"
							      " ORDER BY c.part, c.share DESC NULLS LAST, "
							      "c.coverage_share DESC NULLS LAST, c.contribution_area, "
							      "c.time_period, c.state";

static void question_params(struct params *p, const struct explain_question *q)
{
	params_init(p);
	params_text(p, q->indicator);
	params_text(p, q->period);
	params_text(p, q->level);
	params_text(p, q->area);
	params_text(p, q->boundary);
	params_timestamp(p, q->as_of_us);
}

static struct explained_contribution read_contribution(const PGresult *r, int row)
{
	return (struct explained_contribution){
	    .part = cell_text(r, row, PART),
	    .indicator = cell_text(r, row, INDICATOR),
	    .area = cell_text(r, row, AREA),
	    .name_vi = cell_text(r, row, NAME_VI),
	    .name_en = cell_text(r, row, NAME_EN),
	    .counts_for = cell_text(r, row, COUNTS_FOR),
	    .period = cell_text(r, row, PERIOD),
	    .state = cell_text(r, row, STATE),
	    .revision = cell_text_or_null(r, row, REVISION),
	    .value = cell_text_or_null(r, row, VALUE),
	    .numerator = cell_text_or_null(r, row, NUMERATOR),
	    .denominator = cell_text_or_null(r, row, DENOMINATOR),
	    .weight = cell_text_or_null(r, row, WEIGHT),
	    .population = cell_text_or_null(r, row, POPULATION),
	    .leaves = (int)cell_int(r, row, LEAVES),
	    .share = cell_text_or_null(r, row, SHARE),
	    .coverage_share = cell_text_or_null(r, row, COVERAGE_SHARE),
	    .qualifier = cell_text(r, row, QUALIFIER),
	    .obs_status = cell_text(r, row, OBS_STATUS),
	    .demonstration = cell_bool(r, row, DEMONSTRATION),
	    .agent = cell_text_or_null(r, row, AGENT),
	    .epoch = cell_text_or_null(r, row, EPOCH),
	    .seq = cell_int(r, row, SEQ),
	    .line = cell_int(r, row, LINE),
	    .agent_no = (int32_t)cell_int(r, row, AGENT_NO),
	    .stream_no = (int32_t)cell_int(r, row, STREAM_NO),
	    .provider = cell_text_or_null(r, row, PROVIDER),
	    .dataflow = cell_text_or_null(r, row, DATAFLOW),
	    .known_at_us = cell_int(r, row, KNOWN_AT),
	    .outcome = cell_text_or_null(r, row, OUTCOME),
	    .decided_by = cell_text_or_null(r, row, DECIDED_BY),
	    .decision_reason = cell_text_or_null(r, row, DECISION_REASON),
	    .justification_code = cell_text_or_null(r, row, JUSTIFICATION_CODE),
	    .justification = cell_text_or_null(r, row, JUSTIFICATION),
	    .rules = cell_text(r, row, RULES),
	    .findings = cell_text_or_null(r, row, FINDINGS),
	    .digest = cell_text_or_null(r, row, DIGEST),
	    .chain = cell_text_or_null(r, row, CHAIN),
	    .key_id = cell_text_or_null(r, row, KEY_ID),
	    .signature = cell_text_or_null(r, row, SIGNATURE),
	    .first_seq = cell_int(r, row, FIRST_SEQ),
	    .last_seq = cell_int(r, row, LAST_SEQ),
	};
}

enum store_result store_explained_contributions(struct store *s, const struct explain_question *q,
						explained_contribution_each *each, void *context, struct err *err)
{
	struct params p;
	PGresult *r;
	enum store_result result;

	question_params(&p, q);
	result = connection_ask(s, contributions_sql, &p, &r, err);
	params_done(&p);
	for (int i = 0; i < PQntuples(r); i++) {
		struct explained_contribution row = read_contribution(r, i);

		each(context, &row);
	}
	PQclear(r);
	return result;
}

/* ---------------------------------------------------------------- areas and moments */

enum store_result store_explain_area(struct store *s, const char *area, struct explain_area *ret, struct err *err)
{
	static const char sql[] =
	    "SELECT a.area, a.level, a.vintage FROM tram.area a WHERE a.area = $1 ORDER BY a.valid_from DESC LIMIT 1";
	struct params p;
	PGresult *r;
	enum store_result result;

	params_init(&p);
	params_text(&p, area);
	result = connection_ask(s, sql, &p, &r, err);
	params_done(&p);
	*ret = (struct explain_area){.area = ""};
	if (PQntuples(r) > 0) {
		snprintf(ret->area, sizeof ret->area, "%s", cell_text(r, 0, 0));
		snprintf(ret->level, sizeof ret->level, "%s", cell_text(r, 0, 1));
		snprintf(ret->vintage, sizeof ret->vintage, "%s", cell_text(r, 0, 2));
	}
	PQclear(r);
	return result;
}

enum store_result store_explain_moment(struct store *s, int64_t asked_us, int64_t *ret_us, struct err *err)
{
	static const char sql[] =
	    "SELECT " US("least($1::timestamptz, CASE WHEN $1::timestamptz <= m.settled THEN m.settled ELSE "
			 "tram.settled_moment() END)") " FROM tram.settled_moment('100 years') m(settled)";
	struct params p;
	PGresult *r;
	enum store_result result;

	params_init(&p);
	params_timestamp(&p, asked_us);
	result = connection_ask(s, sql, &p, &r, err);
	*ret_us = result == STORE_OK ? cell_int(r, 0, 0) : 0;
	params_done(&p);
	PQclear(r);
	return result;
}

/* ---------------------------------------------------------------- periods to offer */

enum store_result store_indicator_periods(struct store *s, const char *indicator, const char *period,
					  explain_name_each *each, void *context, struct err *err)
{
	static const char sql[] =
	    "SELECT tram.period_text(p.period) FROM tram.indicator_period p WHERE p.indicator = $1"
	    " ORDER BY abs(tram.period_end(p.period) - tram.period_end(tram.period_pack($2))), p.period DESC";
	struct params p;
	PGresult *r;
	enum store_result result;

	params_init(&p);
	params_text(&p, indicator);
	params_text(&p, period);
	result = connection_ask(s, sql, &p, &r, err);
	params_done(&p);
	for (int i = 0; i < PQntuples(r); i++) {
		each(context, cell_text(r, i, 0));
	}
	PQclear(r);
	return result;
}
