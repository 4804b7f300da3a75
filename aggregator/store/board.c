/* SPDX-License-Identifier: Apache-2.0 */
/* The board: scores, completeness and both clocks of every province, and what costs each most. */
#include "connection.h"
#include "mem.h"
#include "store_centre.h"

#include <stdlib.h>

static const char words_sql[] = "SELECT word, name_vi, name_en FROM tram.word ORDER BY word_no";

enum store_result store_words(struct store *s, word_each *each, void *context, struct err *err)
{
	PGresult *r;
	enum store_result result = connection_ask(s, words_sql, NULL, &r, err);

	for (int i = 0; i < PQntuples(r); i++) {
		each(context, cell_text(r, i, 0), cell_text(r, i, 1), cell_text(r, i, 2));
	}
	PQclear(r);
	return result;
}

enum store_result store_keep_scores(struct store *s, int *ret_rows, struct err *err)
{
	PGresult *r;
	enum store_result result = connection_ask(s, "SELECT tram.keep_scores()", NULL, &r, err);

	*ret_rows = PQntuples(r) > 0 ? (int)cell_int(r, 0, 0) : 0;
	PQclear(r);
	return result;
}

/* $1 moment (infinity: now), $2 and $3 the span (null: the year that score_window() names), $4 a province (null: all). */
#define SPAN                                                                                                           \
	"WITH span AS MATERIALIZED ("                                                                                  \
	"  SELECT nullif($1::timestamptz, 'infinity') AS as_of, coalesce($2::date, w.from_day) AS from_day,"           \
	"         coalesce($3::date, w.to_day) AS to_day"                                                              \
	"  FROM tram.score_window(nullif($1::timestamptz, 'infinity')) w)"

static const char board_sql[] = SPAN
    ", came AS MATERIALIZED ("
    "  SELECT coalesce(c.area, 'VN') AS area, sum(c.expected - c.pending) AS due, sum(c.reported) AS reported,"
    "         sum(c.on_time) AS on_time, sum(c.late) AS late, sum(c.missing) AS missing, sum(c.held) AS held,"
    "         sum(c.refused) AS refused, sum(c.backfilled) AS backfilled,"
    "         trunc(100.0 * sum(c.on_time) / nullif(sum(c.expected - c.pending), 0)) AS on_time_rate"
    "  FROM span CROSS JOIN LATERAL tram.completeness(span.from_day, span.to_day, span.as_of) c"
    "  GROUP BY GROUPING SETS ((c.area), ()))"
    ", clock AS MATERIALIZED ("
    "  SELECT coalesce(l.area, 'VN') AS area, max(l.newest_period) AS newest, max(l.age_days) AS age_days,"
    "         min(l.data_state) AS data_state, min(l.agent_state) AS agent_state, max(l.heard_at) AS heard_at,"
    "         min(l.silent_seconds) AS silent, count(*) FILTER (WHERE l.data_state = 'fresh') AS fresh,"
    "         count(*) FILTER (WHERE l.agent_state = 'alive') AS alive, count(*) AS agents, grouping(l.area) AS whole"
    "  FROM span CROSS JOIN LATERAL tram.agent_liveness_at(span.as_of) l WHERE l.area ~ '/'"
    "  GROUP BY GROUPING SETS ((l.area), ()))"
    ", board AS MATERIALIZED ("
    "  SELECT b.*, span.from_day, span.to_day, max(b.score) FILTER (WHERE b.word = '') OVER (PARTITION BY b.area) AS "
    "total"
    "  FROM span CROSS JOIN LATERAL tram.scoreboard_at(span.as_of, span.from_day, span.to_day) b) "
    "SELECT b.area, b.area_name, coalesce(a.name_en, b.area), b.word, b.score, trunc(b.score), b.band, b.assessed, "
    "b.failing,"
    "       b.breaches, b.worst_rule, b.worst_cost, round(b.worst_cost, 1), u.title_vi, u.title_en, b.worst_indicator,"
    "       came.due, came.reported, came.on_time, came.late, came.missing, came.held, came.refused, came.on_time_rate,"
    "       clock.newest, clock.age_days, CASE WHEN clock.whole = 0 THEN clock.data_state END,"
    "       CASE WHEN clock.whole = 0 THEN clock.agent_state END,"
    "       CASE WHEN clock.whole = 0 THEN (extract(epoch FROM clock.heard_at) * 1000000)::bigint END,"
    "       CASE WHEN clock.whole = 0 THEN clock.silent END, coalesce(clock.fresh, 0), coalesce(clock.alive, 0),"
    "       CASE b.area WHEN 'VN' THEN greatest(clock.agents, province.n) ELSE coalesce(clock.agents, 0) END,"
    "       b.from_day, b.to_day, came.backfilled "
    "FROM board b CROSS JOIN (SELECT count(*) AS n FROM tram.provider p WHERE p.kind = 'province') province"
    " LEFT JOIN tram.rule u ON u.rule = b.worst_rule LEFT JOIN came ON came.area = b.area"
    " LEFT JOIN clock ON clock.area = b.area LEFT JOIN tram.word w ON w.word = b.word"
    " LEFT JOIN LATERAL (SELECT a.name_en FROM tram.area a WHERE a.area = b.area ORDER BY a.valid_from DESC LIMIT 1) a"
    "   ON true "
    "WHERE $4::text IS NULL OR b.area = 'VN'"
    "   OR b.area IN (SELECT p.area FROM tram.provider p WHERE p.provider = $4) "
    "ORDER BY b.area <> 'VN',"
    " CASE $5 WHEN 'score' THEN coalesce(b.total, -1) WHEN 'on-time' THEN coalesce(came.on_time_rate, -1)"
    "         WHEN 'data' THEN -coalesce(clock.age_days, 1000000) WHEN 'agent' THEN -coalesce(clock.silent, "
    "1000000000) END,"
    " CASE $5 WHEN 'name' THEN b.area_name END, b.area, coalesce(w.word_no, 0)";

static struct board_score read_score(const PGresult *r, int i)
{
	return (struct board_score){
	    .score = cell_text_or_null(r, i, 4), .whole_score = cell_text_or_null(r, i, 5), .band = cell_text(r, i, 6)};
}

static struct board_row read_row(const PGresult *r, int i)
{
	return (struct board_row){.area = cell_text(r, i, 0),
				  .name_vi = cell_text(r, i, 1),
				  .name_en = cell_text(r, i, 2),
				  .all = read_score(r, i),
				  .assessed = cell_text(r, i, 7),
				  .failing = cell_text(r, i, 8),
				  .breaches = cell_text(r, i, 9),
				  .worst_rule = cell_text_or_null(r, i, 10),
				  .worst_cost = cell_text_or_null(r, i, 11),
				  .worst_cost_shown = cell_text_or_null(r, i, 12),
				  .worst_title_vi = cell_text_or_null(r, i, 13),
				  .worst_title_en = cell_text_or_null(r, i, 14),
				  .worst_indicator = cell_text_or_null(r, i, 15),
				  .due = cell_text_or_null(r, i, 16),
				  .reported = cell_text_or_null(r, i, 17),
				  .on_time = cell_text_or_null(r, i, 18),
				  .late = cell_text_or_null(r, i, 19),
				  .missing = cell_text_or_null(r, i, 20),
				  .held = cell_text_or_null(r, i, 21),
				  .refused = cell_text_or_null(r, i, 22),
				  .on_time_rate = cell_text_or_null(r, i, 23),
				  .newest_period = cell_text_or_null(r, i, 24),
				  .age_days = cell_text_or_null(r, i, 25),
				  .data_state = cell_text_or_null(r, i, 26),
				  .agent_state = cell_text_or_null(r, i, 27),
				  .heard_at_us = cell_int(r, i, 28),
				  .silent_seconds = cell_int(r, i, 29),
				  .fresh = (int)cell_int(r, i, 30),
				  .alive = (int)cell_int(r, i, 31),
				  .agents = (int)cell_int(r, i, 32),
				  .from_day = cell_text(r, i, 33),
				  .to_day = cell_text(r, i, 34),
				  .backfilled = cell_text_or_null(r, i, 35)};
}

/* An area's rows come together: word "", which is all of them, then every word. */
static void tell_areas(const PGresult *r, board_each *each, void *context)
{
	int n = PQntuples(r);
	struct board_score *words = xcalloc((size_t)n + 1, sizeof *words);

	for (int i = 0, next; i < n; i = next) {
		struct board_row row = read_row(r, i);

		for (next = i + 1; next < n && *cell_text(r, next, 3); next++) {
			words[row.n_words++] = read_score(r, next);
		}
		row.words = words;
		each(context, &row);
	}
	free(words);
}

enum store_result store_board(struct store *s, const struct board_question *q, board_each *each, void *context,
			      struct err *err)
{
	struct params p;
	PGresult *r;
	enum store_result result;

	params_init(&p);
	params_timestamp(&p, q->as_of_us);
	params_text(&p, q->from_day);
	params_text(&p, q->to_day);
	params_text(&p, q->province);
	params_text(&p, q->sort);
	result = connection_ask(s, board_sql, &p, &r, err);
	params_done(&p);
	tell_areas(r, each, context);
	PQclear(r);
	return result;
}
