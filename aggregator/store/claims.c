/* SPDX-License-Identifier: Apache-2.0 */
/* What was announced: kept, listed, and told when it is outdated. Whether it holds is asked in questions.c. */
#include "connection.h"
#include "store_claims.h"

/* ---------------------------------------------------------------- outdated */

static const char announce_sql[] =
    "SELECT figure_no, indicator, time_period, area, published, value, difference,"
    " to_char(since AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"'), coalesce(cause, ''), of_area, agent, seq,"
    " reason FROM tram.announce_claims()";

static bool read_outdated(const PGresult *r, int row, struct arena *a, struct outdated_claim *ret)
{
	const char **const texts[] = {&ret->figure_no, &ret->indicator, &ret->time_period, &ret->area,
				      &ret->published, &ret->value,     &ret->difference,  &ret->since,
				      &ret->cause,     &ret->of_area,   &ret->agent,       &ret->seq,
				      &ret->reason};

	for (int i = 0; i < (int)(sizeof texts / sizeof *texts); i++) {
		*texts[i] = arena_strdup(a, cell_text(r, row, i));
		if (!*texts[i]) {
			return false;
		}
	}
	return true;
}

enum store_result store_announce_claims(struct store *s, struct arena *a, struct outdated_claim **ret, size_t *ret_n,
					struct err *err)
{
	PGresult *r;
	enum store_result result = connection_ask(s, announce_sql, NULL, &r, err);
	size_t n = result == STORE_OK ? (size_t)PQntuples(r) : 0;

	*ret_n = 0;
	*ret = arena_calloc(a, n + 1, sizeof **ret);
	while (*ret && *ret_n < n && read_outdated(r, (int)*ret_n, a, *ret + *ret_n)) {
		++*ret_n;
	}
	PQclear(r);
	return result;
}

/* ---------------------------------------------------------------- announcements */

static const char list_sql[] =
    "SELECT f.figure_no, f.indicator, i.name_vi, i.name_en, f.time_period, f.level, f.area, f.boundary, f.value, "
    "f.numerator,"
    " f.denominator, i.unit, i.unit_vi, f.unit_mult, f.qualifier, f.announced_on, f.said_by, f.source, f.quote"
    " FROM tram.announcement f JOIN tram.indicator i ON i.indicator = f.indicator ORDER BY f.figure_no";

enum store_result store_announcements(struct store *s, announcement_each *each, void *context, struct err *err)
{
	PGresult *r;
	enum store_result result = connection_ask(s, list_sql, NULL, &r, err);

	for (int i = 0; i < PQntuples(r); i++) {
		each(context, &(struct announcement_row){.figure_no = cell_text(r, i, 0),
							 .indicator = cell_text(r, i, 1),
							 .name_vi = cell_text(r, i, 2),
							 .name_en = cell_text(r, i, 3),
							 .time_period = cell_text(r, i, 4),
							 .level = cell_text(r, i, 5),
							 .area = cell_text(r, i, 6),
							 .boundary = cell_text(r, i, 7),
							 .value = cell_text_or_null(r, i, 8),
							 .numerator = cell_text_or_null(r, i, 9),
							 .denominator = cell_text_or_null(r, i, 10),
							 .unit = cell_text(r, i, 11),
							 .unit_vi = cell_text(r, i, 12),
							 .unit_mult = (int)cell_int(r, i, 13),
							 .qualifier = cell_text(r, i, 14),
							 .announced_on = cell_text(r, i, 15),
							 .said_by = cell_text(r, i, 16),
							 .source = cell_text(r, i, 17),
							 .quote = cell_text(r, i, 18)});
	}
	PQclear(r);
	return result;
}

static const char add_sql[] =
    "SELECT tram.add_announcement($1, $2, $3, $4, $5::text::numeric, $6::text::numeric, $7::text::numeric,"
    " $8::text::integer, $9, coalesce($10::text::date, tram.local_day(clock_timestamp())), $11, $12, $13, $14)";

enum store_result store_announcement_add(struct store *s, const struct new_announcement *f, int64_t *ret_no,
					 struct err *err)
{
	const char *const texts[] = {f->indicator, f->time_period, f->area,      f->boundary,  f->value,
				     f->numerator, f->denominator, f->unit_mult, f->qualifier, f->announced_on,
				     f->said_by,   f->source,      f->quote,     f->added_by};
	struct params p;
	PGresult *r;
	enum store_result result;

	params_init(&p);
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		params_text(&p, texts[i]);
	}
	result = connection_ask(s, add_sql, &p, &r, err);
	params_done(&p);
	if (result == STORE_OK) {
		*ret_no = cell_int(r, 0, 0);
	}
	PQclear(r);
	return result;
}
