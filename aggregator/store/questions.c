/* SPDX-License-Identifier: Apache-2.0 */
#include "connection.h"
#include "lang.h"
#include "store_explain.h"

#include <string.h>

/* ---------------------------------------------------------------- a figure */

#define FIRST_MISSING "3"

/* What read_figure() reads, in its order; behind FROM stands one row r of a roll-up and one row i of tram.indicator. */
#define FIGURE_COLUMNS(mult, decimals)                                                                                 \
	"r.value, r.numerator, r.denominator,"                                                                         \
	" round(tram.shift(r.value, -" mult "), " decimals "),"                                                        \
	" round(tram.shift(r.numerator, -" mult "), " decimals "),"                                                    \
	" round(tram.shift(r.denominator, -" mult "), " decimals "),"                                                  \
	" i.unit, i.unit_vi, " mult ", r.method, r.boundary, r.catalogue_version, r.areas_reporting,"                  \
	" r.areas_expected, r.coverage_weight, r.finality, r.obs_status, r.qualifier, r.demonstration, r.held,"        \
	" i.kind = 'count_ratio', trim_scale(trunc(r.coverage_weight * 100, 1)), r.parts_reporting, r.parts_expected," \
	" array_to_string(r.missing, ' '), cardinality(r.missing),"                                                    \
	" tram.area_names(r.missing[:" FIRST_MISSING "], r.time_period, 'vi'),"                                        \
	" tram.area_names(r.missing[:" FIRST_MISSING "], r.time_period, 'en'), r.interval_low, r.interval_high,"       \
	" round(tram.shift(r.interval_low, -" mult "), " decimals "),"                                                 \
	" round(tram.shift(r.interval_high, -" mult "), " decimals                                                     \
	"), r.interval_basis, r.vintage, to_char(r.known_at AT TIME ZONE 'UTC', "                                      \
	"'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"'), r.moved"

enum { N_FIGURE_COLUMNS = 36 };

static struct rollup_figure read_figure(const PGresult *r, int row, int at)
{
	struct rollup_figure f = {
	    .value = cell_text_or_null(r, row, at),
	    .numerator = cell_text_or_null(r, row, at + 1),
	    .denominator = cell_text_or_null(r, row, at + 2),
	    .shown = cell_text_or_null(r, row, at + 3),
	    .shown_numerator = cell_text_or_null(r, row, at + 4),
	    .shown_denominator = cell_text_or_null(r, row, at + 5),
	    .unit = cell_text(r, row, at + 6),
	    .unit_vi = cell_text(r, row, at + 7),
	    .display_unit_mult = (int)cell_int(r, row, at + 8),
	    .method = cell_text(r, row, at + 9),
	    .boundary = cell_text(r, row, at + 10),
	    .catalogue_version = cell_text(r, row, at + 11),
	    .areas_reporting = (int)cell_int(r, row, at + 12),
	    .areas_expected = (int)cell_int(r, row, at + 13),
	    .coverage_weight = cell_text_or_null(r, row, at + 14),
	    .finality = cell_text(r, row, at + 15),
	    .obs_status = cell_text(r, row, at + 16),
	    .qualifier = cell_text(r, row, at + 17),
	    .demonstration = cell_bool(r, row, at + 18),
	    .held = (int)cell_int(r, row, at + 19),
	    .counts_parts = cell_bool(r, row, at + 20),
	    .coverage_percent = cell_text_or_null(r, row, at + 21),
	    .parts_reporting = (int)cell_int(r, row, at + 22),
	    .parts_expected = (int)cell_int(r, row, at + 23),
	    .missing = cell_text(r, row, at + 24),
	    .n_missing = (int)cell_int(r, row, at + 25),
	    .missing_first_vi = cell_text(r, row, at + 26),
	    .missing_first_en = cell_text(r, row, at + 27),
	    .interval_low = cell_text_or_null(r, row, at + 28),
	    .interval_high = cell_text_or_null(r, row, at + 29),
	    .interval_low_shown = cell_text_or_null(r, row, at + 30),
	    .interval_high_shown = cell_text_or_null(r, row, at + 31),
	    .interval_basis = cell_text(r, row, at + 32),
	    .vintage = (int)cell_int(r, row, at + 33),
	    .known_at = cell_text_or_null(r, row, at + 34),
	    .moved = cell_bool(r, row, at + 35),
	};

	return f;
}

/* ---------------------------------------------------------------- roll-ups */

#define SHOWN(column) "round(tram.shift(" column ", -i.display_unit_mult), i.display_decimals)"

#define NOW_SHOWN SHOWN("n.value") " AS shown, " SHOWN("n.numerator") " AS top, " SHOWN("n.denominator") " AS bottom"

/* What tell_rollups() reads: one row r of a roll-up, its indicator i, its dataflow d, its area's names, a justification,
 * and what is known now where that is another figure. */
#define ROLLUP_COLUMNS(names, justification, now)                                                                      \
	"SELECT r.area, " names ", i.indicator, i.name_vi, i.name_en, r.time_period, " FIGURE_COLUMNS(                 \
	    "i.display_unit_mult",                                                                                     \
	    "i.display_decimals") ", " justification ", i.display_decimals, d.dataflow, d.name_vi, d.name_en, " now

/*
 * A question for one indicator and period is answered even when nothing was reported, and without looking at what was; one for
 * all shows what there is.
 */
static const char rollup_sql[] = ROLLUP_COLUMNS(
    "coalesce(a.short_name_vi, ''), coalesce(a.name_en, '')", "j.justification_code, j.justification",
    "now.shown, now.top, now.bottom") " FROM (SELECT p.indicator, tram.period_text(p.period) AS time_period, "
				      "p.period FROM tram.indicator_period p"
				      "       WHERE ($1::text IS NULL OR $2::text IS NULL)"
				      "         AND ($1 IS NULL AND tram.has_level(p.indicator, $3) OR "
				      "p.indicator = $1)"
				      "         AND ($2 IS NULL OR p.period = tram.period_pack($2))"
				      "       UNION ALL SELECT $1, $2, tram.period_pack($2)"
				      "       FROM tram.check_stated($1, $2, $3, $4, $5, $8 = 1)"
				      "       WHERE $1 IS NOT NULL AND $2 IS NOT NULL) q"
				      " JOIN tram.indicator i ON i.indicator = q.indicator"
				      " JOIN tram.dataflow d ON d.dataflow = i.dataflow"
				      " CROSS JOIN LATERAL tram.rollup(q.indicator, q.time_period, $3, $4, $5, $8 = 1) "
				      "r"
				      " LEFT JOIN LATERAL (SELECT a.short_name_vi, a.name_en FROM tram.area a "
				      "WHERE a.area = r.area"
				      "   ORDER BY a.valid_from <= tram.period_end(q.period) DESC, "
				      "abs(a.valid_from - tram.period_end(q.period))"
				      "   LIMIT 1) a ON true"
				      " LEFT JOIN LATERAL tram.justification_at(r.area, q.indicator, q.period, "
				      "coalesce(r.known_at, $5)) j ON $3 = 'province'"
				      " LEFT JOIN LATERAL (SELECT " NOW_SHOWN " FROM "
				      "tram.rollup(q.indicator, "
				      "q.time_period, $3, $4, "
				      "$5, true) n WHERE n.area "
				      "= r.area) now ON r.moved"
				      " WHERE ($1 IS NOT NULL "
				      "AND $2 IS NOT NULL OR "
				      "r.areas_reporting > 0 OR "
				      "r.held > 0)"
				      "   AND ($7 = 'infinity' "
				      "OR r.known_at > $7 OR "
				      "(q.indicator, "
				      "q.time_period, r.area) IN "
				      "("
				      "     SELECT c.indicator, "
				      "c.time_period, c.area"
				      "     FROM "
				      "tram.changes($7, "
				      "nullif($5, 'infinity'), "
				      "$1, $3, $4, $2) c))"
				      " ORDER BY q.indicator, "
				      "tram.period_end(q.period),"
				      " q.period, r.area LIMIT "
				      "$6";

/* Of each indicator the newest period that has a figure: periods are looked at from the newest on, until one has. */
static const char newest_sql[] =
    "WITH reported AS MATERIALIZED ("
    "  SELECT p.indicator, p.period, tram.period_end(p.period) AS ended FROM tram.indicator_period p) " ROLLUP_COLUMNS(
	"'', ''", "NULL, NULL",
	"NULL, NULL, NULL") " FROM tram.indicator i"
			    " JOIN tram.dataflow d ON d.dataflow = i.dataflow"
			    " CROSS JOIN LATERAL ("
			    "   SELECT r.* FROM (SELECT p.period, p.ended FROM reported p"
			    "     WHERE p.indicator = i.indicator ORDER BY p.ended DESC, p.period OFFSET 0) p"
			    "   CROSS JOIN LATERAL tram.rollup(i.indicator, tram.period_text(p.period)) r"
			    "   WHERE r.areas_reporting > 0 OR r.held > 0 ORDER BY p.ended DESC, p.period LIMIT 1) r"
			    " ORDER BY i.indicator LIMIT $1";

/* For LIMIT. */
static void params_most(struct params *p, int64_t most)
{
	params_int64(p, most > 0 ? most : INT64_MAX);
}

enum { FIGURE = 7, BEHIND = FIGURE + N_FIGURE_COLUMNS }; /* where the figure's columns begin, and end */

static enum store_result ask_rollup(struct store *s, const struct rollup_question *q, PGresult **ret, struct err *err)
{
	struct params p;
	enum store_result result;

	params_init(&p);
	params_text(&p, q->indicator);
	params_text(&p, q->period);
	params_text(&p, q->level);
	params_text(&p, q->boundary);
	params_timestamp(&p, q->as_of_us);
	params_most(&p, q->most_rows);
	params_timestamp(&p, q->updated_after_us ? q->updated_after_us : INT64_MAX);
	params_int32(&p, q->open);
	result = connection_ask(s, rollup_sql, &p, ret, err);
	params_done(&p);
	return result;
}

/* What is known now in place of a figure that moved, at its three columns. */
static struct rollup_figure with_now(struct rollup_figure f, const PGresult *r, int row, int at)
{
	f.now_shown = cell_text_or_null(r, row, at);
	f.now_numerator = cell_text_or_null(r, row, at + 1);
	f.now_denominator = cell_text_or_null(r, row, at + 2);
	return f;
}

static void tell_rollups(const PGresult *r, rollup_each *each, void *context)
{
	for (int i = 0; i < PQntuples(r); i++) {
		each(context, &(struct rollup_row){.area = cell_text(r, i, 0),
						   .area_name_vi = cell_text(r, i, 1),
						   .area_name_en = cell_text(r, i, 2),
						   .indicator = cell_text(r, i, 3),
						   .name_vi = cell_text(r, i, 4),
						   .name_en = cell_text(r, i, 5),
						   .time_period = cell_text(r, i, 6),
						   .figure = with_now(read_figure(r, i, FIGURE), r, i, BEHIND + 6),
						   .justification_code = cell_text_or_null(r, i, BEHIND),
						   .justification = cell_text_or_null(r, i, BEHIND + 1),
						   .display_decimals = (int)cell_int(r, i, BEHIND + 2),
						   .dataflow = cell_text(r, i, BEHIND + 3),
						   .dataflow_vi = cell_text(r, i, BEHIND + 4),
						   .dataflow_en = cell_text(r, i, BEHIND + 5)});
	}
}

enum store_result store_rollup(struct store *s, const struct rollup_question *question, rollup_each *each,
			       void *context, struct err *err)
{
	PGresult *r;
	enum store_result result = ask_rollup(s, question, &r, err);

	tell_rollups(r, each, context);
	PQclear(r);
	return result;
}

enum store_result store_newest(struct store *s, int64_t most_rows, rollup_each *each, void *context, struct err *err)
{
	struct params p;
	PGresult *r;
	enum store_result result;

	params_init(&p);
	params_most(&p, most_rows);
	result = connection_ask(s, newest_sql, &p, &r, err);
	params_done(&p);
	tell_rollups(r, each, context);
	PQclear(r);
	return result;
}

/* ---------------------------------------------------------------- the figures behind a figure */

static const char explained_sql[] =
    "SELECT e.node, e.top, e.bottom, e.how, e.over_time, e.leaf, e.mean_weight, e.weighed_over, e.weighed_leaf, "
    "e.node_indicator, "
    "i.name_vi, i.name_en, "
    "e.node_period,"
    " (extract(epoch FROM e.asked_as_of) * 1000000)::bigint, (e.r).area IS NOT NULL, " FIGURE_COLUMNS(
	"i.display_unit_mult", "i.display_decimals") ", " NOW_SHOWN
						     " FROM tram.explained_figures($1, $2, $3, $4, $5, $6, $7 <> 0) e"
						     " JOIN tram.indicator i ON i.indicator = e.node_indicator"
						     " CROSS JOIN LATERAL (SELECT (e.r).*) r"
						     " CROSS JOIN LATERAL (SELECT (e.n).*) n"
						     " ORDER BY e.node";

static struct explained_figure read_explained(const PGresult *r, int row)
{
	return (struct explained_figure){
	    .node = (int)cell_int(r, row, 0),
	    .top = (int)cell_int(r, row, 1),
	    .bottom = (int)cell_int(r, row, 2),
	    .how = cell_text(r, row, 3),
	    .over_time = cell_text(r, row, 4),
	    .leaf = cell_text(r, row, 5),
	    .weighed_by = cell_text(r, row, 6),
	    .weighed_over = cell_text(r, row, 7),
	    .weighed_leaf = cell_text(r, row, 8),
	    .indicator = cell_text(r, row, 9),
	    .name_vi = cell_text(r, row, 10),
	    .name_en = cell_text(r, row, 11),
	    .period = cell_text(r, row, 12),
	    .as_of_us = cell_is_null(r, row, 13) ? INT64_MAX : cell_int(r, row, 13),
	    .is_there = cell_bool(r, row, 14),
	    .figure = with_now(read_figure(r, row, 15), r, row, 15 + N_FIGURE_COLUMNS),
	};
}

enum store_result store_explained_figures(struct store *s, const struct explain_question *q,
					  explained_figure_each *each, void *context, struct err *err)
{
	struct params p;
	PGresult *r;
	enum store_result result;

	params_init(&p);
	params_text(&p, q->indicator);
	params_text(&p, q->period);
	params_text(&p, q->level);
	params_text(&p, q->area);
	params_text(&p, q->boundary);
	params_timestamp(&p, q->as_of_us);
	params_int32(&p, q->open);
	result = connection_ask(s, explained_sql, &p, &r, err);
	params_done(&p);
	for (int i = 0; i < PQntuples(r); i++) {
		struct explained_figure row = read_explained(r, i);

		each(context, &row);
	}
	PQclear(r);
	return result;
}

/* ---------------------------------------------------------------- claims */

static const char claims_sql[] =
    "SELECT r.figure_no, r.indicator, i.name_vi, i.name_en, r.time_period, r.published_value, r.published_numerator,"
    "       r.published_denominator, r.published_unit_mult, r.published_qualifier, r.announced_on, r.source,"
    "       r.level, r.area, r.said_by, r.status, trim_scale(round(r.difference, 18)),"
    "       (extract(epoch FROM r.outdated_since) * 1000000)::bigint, r.cause, r.statements, r.of_area, r.agent, r.seq,"
    "       r.reason, round(r.difference, r.shown_decimals), " FIGURE_COLUMNS(
	"r.published_unit_mult",
	"r.shown_decimals") " FROM (SELECT c.*, coalesce(scale(c.published_value), scale(c.published_numerator), 0) AS "
			    "shown_decimals"
			    "       FROM tram.claim_status c) r"
			    " JOIN tram.indicator i ON i.indicator = r.indicator ORDER BY r.figure_no";

enum store_result store_claims(struct store *s, claim_each *each, void *context, struct err *err)
{
	PGresult *r;
	enum store_result result = connection_ask(s, claims_sql, NULL, &r, err);

	for (int i = 0; i < PQntuples(r); i++) {
		each(context, &(struct claim_row){.figure_no = cell_text(r, i, 0),
						  .indicator = cell_text(r, i, 1),
						  .name_vi = cell_text(r, i, 2),
						  .name_en = cell_text(r, i, 3),
						  .time_period = cell_text(r, i, 4),
						  .published = cell_text_or_null(r, i, 5),
						  .published_numerator = cell_text_or_null(r, i, 6),
						  .published_denominator = cell_text_or_null(r, i, 7),
						  .published_unit_mult = (int)cell_int(r, i, 8),
						  .published_qualifier = cell_text(r, i, 9),
						  .announced_on = cell_text(r, i, 10),
						  .source = cell_text(r, i, 11),
						  .level = cell_text(r, i, 12),
						  .area = cell_text(r, i, 13),
						  .said_by = cell_text(r, i, 14),
						  .status = cell_text(r, i, 15),
						  .difference = cell_text_or_null(r, i, 16),
						  .outdated_since_us = cell_int(r, i, 17),
						  .cause = cell_text_or_null(r, i, 18),
						  .statements = cell_text_or_null(r, i, 19),
						  .of_area = cell_text_or_null(r, i, 20),
						  .agent = cell_text_or_null(r, i, 21),
						  .seq = cell_text_or_null(r, i, 22),
						  .reason = cell_text_or_null(r, i, 23),
						  .difference_shown = cell_text_or_null(r, i, 24),
						  .figure = read_figure(r, i, 25)});
	}
	PQclear(r);
	return result;
}
