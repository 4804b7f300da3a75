/* SPDX-License-Identifier: Apache-2.0 */
/* What a province owes, and when. */
#include "connection.h"
#include "lang.h"
#include "store_centre.h"

static const char todo_sql[] =
    "SELECT t.kind, t.dataflow, coalesce(d.name_vi, ''), coalesce(d.name_en, ''), t.time_period, t.period_from, "
    "t.period_to,"
    "       t.by, t.days_left, t.expected, t.reported, array_to_string(t.indicators, ' '), t.indicator,"
    "       coalesce(i.name_vi, ''), coalesce(i.name_en, ''), t.rule, t.found, t.wanted"
    " FROM tram.provider p CROSS JOIN LATERAL tram.todo(p.provider, nullif($2::timestamptz, 'infinity')) t"
    " LEFT JOIN tram.dataflow d ON d.dataflow = t.dataflow LEFT JOIN tram.indicator i ON i.indicator = t.indicator"
    " WHERE p.provider = $1";

static const char provider_sql[] =
    "SELECT p.provider FROM tram.provider p"
    " WHERE p.kind = 'province' AND $1 IN (p.provider, p.area, replace(p.area, '63/', ''))";

static struct todo_row read_row(const PGresult *r, int i)
{
	return (struct todo_row){.kind = cell_text(r, i, 0),
				 .dataflow = cell_text(r, i, 1),
				 .dataflow_vi = cell_text(r, i, 2),
				 .dataflow_en = cell_text(r, i, 3),
				 .time_period = cell_text(r, i, 4),
				 .period_from = cell_text(r, i, 5),
				 .period_to = cell_text(r, i, 6),
				 .by = cell_text(r, i, 7),
				 .days_left = cell_text(r, i, 8),
				 .expected = cell_text(r, i, 9),
				 .reported = cell_text(r, i, 10),
				 .indicators = cell_text(r, i, 11),
				 .indicator = cell_text(r, i, 12),
				 .indicator_vi = cell_text(r, i, 13),
				 .indicator_en = cell_text(r, i, 14),
				 .rule = cell_text(r, i, 15),
				 .found = cell_text(r, i, 16),
				 .wanted = cell_text(r, i, 17)};
}

static enum store_result ask(struct store *s, const char *sql, const char *provider, int64_t as_of_us, PGresult **ret,
			     struct err *err)
{
	struct params p;
	enum store_result result;

	params_init(&p);
	params_text(&p, provider);
	if (sql == todo_sql) {
		params_timestamp(&p, as_of_us);
	}
	result = connection_ask(s, sql, &p, ret, err);
	params_done(&p);
	return result;
}

enum store_result store_todo(struct store *s, const char *provider, int64_t as_of_us, todo_each *each, void *context,
			     struct err *err)
{
	PGresult *named, *r;
	enum store_result result = ask(s, provider_sql, provider, 0, &named, err);

	if (result == STORE_OK && PQntuples(named) == 0) {
		err_set(err, ERR_DATA, _("no province %s in the catalogue: write 63/46, P63-46 or 46"), provider);
		result = STORE_BROKEN;
	}
	if (result == STORE_OK) {
		result = ask(s, todo_sql, cell_text(named, 0, 0), as_of_us, &r, err);
		for (int i = 0; i < PQntuples(r); i++) {
			struct todo_row row = read_row(r, i);

			each(context, &row);
		}
		PQclear(r);
	}
	PQclear(named);
	return result;
}
