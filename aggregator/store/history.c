/* SPDX-License-Identifier: Apache-2.0 */
#include "connection.h"

#include <string.h>

enum history_column {
	HISTORY_QUESTION,
	HISTORY_PERIOD,
	HISTORY_STATUS,
	HISTORY_AGENT,
	HISTORY_ASKED,
	HISTORY_VALUE,
	HISTORY_NUMERATOR,
	HISTORY_DENOMINATOR,
};

/*
 * Down the primary key from the newest revision, which is met first of each period, until there are points enough. What
 * stands of a period is the latest revision that is accepted or taken back; a held one hides nothing.
 */
static const struct statement standing = {
    "standing",
    "SELECT q.i, o.period, o.obs_status, o.agent_no,"
    "       CASE WHEN o.flags & 4 <> 0 OR o.decision = 'released'"
    "         THEN tram.asked(o.agent_no, o.report_no, o.line) END, o.value, o.numerator, o.denominator"
    " FROM unnest($1, $2, $3, $4) WITH ORDINALITY q(area_no, from_key, to_key, most, i)"
    " CROSS JOIN LATERAL ("
    "   SELECT (p.key >> 14 & 1073741823)::integer AS period, p.* FROM ("
    "     SELECT o.*, d.decision, st.agent_no, tram.effective_outcome(o.outcome, d.decision) AS effective,"
    "            lag(o.key >> 14) OVER (ORDER BY o.key DESC) AS later"
    "     FROM tram.observation o"
    "     JOIN tram.stream st ON st.stream_no = (o.report_no >> 40)::integer"
    "     LEFT JOIN LATERAL (SELECT d.decision FROM tram.decision d"
    "       WHERE d.area_no = o.area_no AND d.key = o.key ORDER BY d.decision_no DESC LIMIT 1) d ON true"
    "     WHERE o.area_no = q.area_no AND o.key BETWEEN q.from_key AND q.to_key"
    "       AND tram.effective_outcome(o.outcome, d.decision) IN (1, 2, 6)) p"
    "   WHERE p.later IS DISTINCT FROM p.key >> 14 AND p.effective <> 6 AND p.flags & 1 = 0 AND p.missing_reason = 0"
    "   ORDER BY p.key DESC LIMIT q.most) o",
};

static struct point read_point(const PGresult *r, int row)
{
	struct point p = {.period = (int32_t)cell_int(r, row, HISTORY_PERIOD)};

	p.has_value = cell_decimal(r, row, HISTORY_VALUE, &p.value);
	p.has_numerator = cell_decimal(r, row, HISTORY_NUMERATOR, &p.numerator);
	p.has_denominator = cell_decimal(r, row, HISTORY_DENOMINATOR, &p.denominator);
	p.breaks = *cell_text(r, row, HISTORY_STATUS) == 'B' || rules_break(cell_text(r, row, HISTORY_ASKED));
	return p;
}

/* Room for as many points as there are rows for each question. */
static bool make_room(const PGresult *r, struct history_question *questions, size_t n, struct arena *a)
{
	for (int i = 0; i < PQntuples(r); i++) {
		questions[cell_int(r, i, HISTORY_QUESTION) - 1].n++;
	}
	for (size_t i = 0; i < n; i++) {
		struct point *points = arena_calloc(a, questions[i].n, sizeof *points);

		if (!points) {
			return false;
		}
		questions[i].points = questions[i].end = points + questions[i].n;
		questions[i].complete = questions[i].n < (size_t)questions[i].most;
	}
	return true;
}

/* From behind: they come newest first. */
static void take_point(struct history_question *q, const struct point *point)
{
	struct point *at = --q->points;

	for (; at + 1 < q->end && at[1].period < point->period; at++) {
		at[0] = at[1];
	}
	*at = *point;
}

static enum store_result take_points(const PGresult *r, struct history_question *questions, size_t n, struct arena *a,
				     struct err *err)
{
	if (!make_room(r, questions, n, a)) {
		return store_exhausted(err);
	}
	for (int i = 0; i < PQntuples(r); i++) {
		struct history_question *q = &questions[cell_int(r, i, HISTORY_QUESTION) - 1];
		const struct point point = read_point(r, i);

		take_point(q, &point);
		q->of_others = q->of_others || cell_int(r, i, HISTORY_AGENT) != q->agent_no;
	}
	return STORE_OK;
}

enum store_result store_history(struct store *s, struct history_question *questions, size_t n, struct arena *a,
				struct err *err)
{
	struct params p;
	PGresult *r;
	enum store_result result;

	if (n == 0) {
		return STORE_OK;
	}
	for (size_t i = 0; i < n; i++) {
		questions[i].n = 0;
		questions[i].of_others = false;
	}
	params_init(&p);
	params_int32s(&p, &questions->area_no, sizeof *questions, n);
	params_int64s(&p, &questions->from_key, sizeof *questions, n);
	params_int64s(&p, &questions->to_key, sizeof *questions, n);
	params_int32s(&p, &questions->most, sizeof *questions, n);
	result = connection_ask_prepared(s, &standing, &p, &r, err);
	params_done(&p);
	if (result == STORE_OK) {
		result = take_points(r, questions, n, a, err);
	}
	PQclear(r);
	return result;
}
