/* SPDX-License-Identifier: Apache-2.0 */
/* Periods that are closed. */
#include "connection.h"
#include "lang.h"
#include "store_centre.h"

#include <string.h>

/* ---------------------------------------------------------------- closings */

#define CLOSING_COLUMNS                                                                                                \
	"c.dataflow, c.time_period, c.vintage, (extract(epoch FROM c.closed_at) * 1000000)::bigint, c.closed_by,"      \
	" c.closed_as, c.reason, c.provisional, c.is_newest, c.figures, c.digest, tram.untold_reports(c.closing_no)"

static void give_closings(const PGresult *r, closing_each *each, void *context)
{
	for (int i = 0; i < PQntuples(r); i++) {
		each(context, &(struct closing_row){.dataflow = cell_text(r, i, 0),
						    .time_period = cell_text(r, i, 1),
						    .vintage = (int)cell_int(r, i, 2),
						    .closed_at_us = cell_int(r, i, 3),
						    .closed_by = cell_text(r, i, 4),
						    .closed_as = cell_text(r, i, 5),
						    .reason = cell_text(r, i, 6),
						    .provisional = cell_bool(r, i, 7),
						    .is_newest = cell_bool(r, i, 8),
						    .figures = cell_text(r, i, 9),
						    .digest = cell_text(r, i, 10),
						    .untold = (uint64_t)cell_int(r, i, 11)});
	}
}

enum store_result store_closings(struct store *s, const char *dataflow, closing_each *each, void *context,
				 struct err *err)
{
	struct params p;
	PGresult *r;
	enum store_result result;

	params_init(&p);
	params_text(&p, dataflow);
	result = connection_ask(s,
				"SELECT " CLOSING_COLUMNS " FROM tram.closed_period c"
				" WHERE $1::text IS NULL OR c.dataflow = $1 ORDER BY c.closing_no",
				&p, &r, err);
	params_done(&p);
	give_closings(r, each, context);
	PQclear(r);
	return result;
}

/* ---------------------------------------------------------------- what hinders one */

#define NAMES "8"

static const char unfinished_sql[] =
    "SELECT u.indicator, i.name_vi, i.name_en, u.areas_reporting, u.areas_expected, cardinality(u.missing),"
    " cardinality(u.held), array_to_string(u.missing, ' '), array_to_string(u.held, ' '),"
    " tram.area_names(u.missing[:" NAMES "], $2, 'vi'), tram.area_names(u.missing[:" NAMES "], $2, 'en'),"
    " tram.area_names(u.held[:" NAMES "], $2, 'vi'), tram.area_names(u.held[:" NAMES "], $2, 'en')"
    " FROM tram.unfinished($1, $2) u JOIN tram.indicator i ON i.indicator = u.indicator ORDER BY u.indicator";

static enum store_result check_dataflow(struct store *s, const char *dataflow, struct err *err)
{
	struct params p;
	PGresult *r;
	enum store_result result;

	params_init(&p);
	params_text(&p, dataflow);
	result = connection_ask(s, "SELECT FROM tram.dataflow WHERE dataflow = $1", &p, &r, err);
	params_done(&p);
	if (result == STORE_OK && PQntuples(r) == 0) {
		err_set(err, ERR_DATA, _("the catalogue has no dataflow %s: its file dataflows.csv lists them"),
			dataflow);
		result = STORE_POISON;
	}
	PQclear(r);
	return result;
}

enum store_result store_unfinished(struct store *s, const char *dataflow, const char *period, unfinished_each *each,
				   void *context, struct err *err)
{
	struct params p;
	PGresult *r = NULL;
	enum store_result result = check_dataflow(s, dataflow, err);

	if (result == STORE_OK) {
		params_init(&p);
		params_text(&p, dataflow);
		params_text(&p, period);
		result = connection_ask(s, unfinished_sql, &p, &r, err);
		params_done(&p);
	}
	for (int i = 0; i < PQntuples(r); i++) {
		each(context, &(struct unfinished_row){.indicator = cell_text(r, i, 0),
						       .name_vi = cell_text(r, i, 1),
						       .name_en = cell_text(r, i, 2),
						       .areas_reporting = (int)cell_int(r, i, 3),
						       .areas_expected = (int)cell_int(r, i, 4),
						       .missing = (int)cell_int(r, i, 5),
						       .held = (int)cell_int(r, i, 6),
						       .missing_areas = cell_text(r, i, 7),
						       .held_areas = cell_text(r, i, 8),
						       .missing_vi = cell_text(r, i, 9),
						       .missing_en = cell_text(r, i, 10),
						       .held_vi = cell_text(r, i, 11),
						       .held_en = cell_text(r, i, 12)});
	}
	PQclear(r);
	return result;
}

/* ---------------------------------------------------------------- making one */

/* The store's own refusals, as tram.close_period() has them. */
static const struct {
	const char *sqlstate, *text;
} refusals[] = {
    {"TR010", N_("the period is not over: nothing was closed")},
    {"TR011", N_("figures are not final: nothing was closed")},
    {"TR012", N_("nothing was reported for the period: nothing was closed")},
    {"TR013", N_("nothing has changed since the period was closed: it is not closed once more")},
};

static enum store_result say_refusal(const struct store *s, const struct closing_order *order, enum store_result result,
				     struct err *err)
{
	for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
		if (strcmp(s->failure.state, refusals[i].sqlstate) == 0) {
			err_set(err, ERR_DATA, "%s %s: %s", order->dataflow, order->period, _(refusals[i].text));
			return STORE_POISON;
		}
	}
	return result;
}

static enum store_result ask_to_close(struct store *s, const struct closing_order *order, PGresult **ret,
				      struct err *err)
{
	struct params p;
	enum store_result result;

	params_init(&p);
	params_text(&p, order->dataflow);
	params_text(&p, order->period);
	params_text(&p, order->by);
	params_text(&p, order->reason);
	params_int32(&p, order->provisional);
	result = connection_ask(
	    s,
	    "SELECT " CLOSING_COLUMNS
	    " FROM (SELECT m.closing_no, m.dataflow, tram.period_text(m.period) AS time_period, m.vintage, m.closed_at,"
	    " m.closed_by, m.closed_as, m.reason, m.provisional, true AS is_newest, m.figures,"
	    " encode(m.digest, 'hex') AS digest FROM tram.close_period($1, $2, $3, $4, $5 = 1) m) c",
	    &p, ret, err);
	params_done(&p);
	return result;
}

enum store_result store_close_period(struct store *s, const struct closing_order *order, closing_each *each,
				     void *context, struct err *err)
{
	enum { TRIES = 3 };
	PGresult *r = NULL;
	enum store_result result = check_dataflow(s, order->dataflow, err);

	if (result != STORE_OK) {
		return result;
	}
	result = STORE_RETRY;
	for (int i = 0; i < TRIES && result == STORE_RETRY; i++) {
		result = ask_to_close(s, order, &r, err);
	}
	if (result == STORE_OK) {
		give_closings(r, each, context);
	} else {
		result = say_refusal(s, order, result, err);
	}
	PQclear(r);
	return result;
}

/* ---------------------------------------------------------------- telling */

static const char announce_sql[] =
    "SELECT dataflow, time_period, vintage, to_char(closed_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"'),"
    " closed_by, reason, CASE WHEN provisional THEN 'provisional' ELSE 'final' END, figures, digest"
    " FROM tram.announce_closings()";

static bool read_news(const PGresult *r, int row, struct arena *a, struct closing_news *ret)
{
	const char **const texts[] = {&ret->dataflow,  &ret->time_period, &ret->vintage,
				      &ret->closed_at, &ret->closed_by,   &ret->reason,
				      &ret->finality,  &ret->figures,     &ret->digest};

	for (int i = 0; i < (int)(sizeof texts / sizeof *texts); i++) {
		*texts[i] = arena_strdup(a, cell_text(r, row, i));
		if (!*texts[i]) {
			return false;
		}
	}
	return true;
}

enum store_result store_announce_closings(struct store *s, struct arena *a, struct closing_news **ret, size_t *ret_n,
					  struct err *err)
{
	PGresult *r;
	enum store_result result = connection_ask(s, announce_sql, NULL, &r, err);
	size_t n = result == STORE_OK ? (size_t)PQntuples(r) : 0;

	*ret_n = 0;
	*ret = arena_calloc(a, n + 1, sizeof **ret);
	while (*ret && *ret_n < n && read_news(r, (int)*ret_n, a, *ret + *ret_n)) {
		++*ret_n;
	}
	PQclear(r);
	return result;
}
