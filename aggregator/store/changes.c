/* SPDX-License-Identifier: Apache-2.0 */
#include "connection.h"
#include "store_changes.h"

#include <stdio.h>
#include <string.h>

const struct change_kind change_table[] = {
#define IS_WORD            false
#define IS_NUMBER          true
#define CHANGE(name, kind) {#name, IS_##kind},
#include "change.def"
#undef CHANGE
};

/* Behind the columns of change.def. */
enum {
	MADE_BY = CHANGE_COLUMNS,
	CURSOR,
	MOMENT,
	MOMENT_US,
	NAME_VI,
	NAME_EN,
	AREA_VI,
	AREA_EN,
	UNIT_VI,
	MULT,
	SHOWN_BEFORE,
	SHOWN_AFTER,
	SHOWN_DIFFERENCE,
	COUNTS_PARTS,
	NUMERATOR_BEFORE,
	NUMERATOR_AFTER,
	DENOMINATOR_BEFORE,
	DENOMINATOR_AFTER,
};

#define RFC3339(moment) "to_char(" moment ", 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')"

#define SHOWN(column) "round(tram.shift(c." column ", -i.display_unit_mult), i.display_decimals)"

/* What moved by less than is shown is told by its first two digits. */
#define SHOWN_MOVED                                                                                                    \
	"CASE WHEN d.moved = 0 THEN 0 WHEN round(d.moved, i.display_decimals) = 0"                                     \
	" THEN trim_scale(round(d.moved, least(20, 1 - floor(log(abs(d.moved)))::integer))) ELSE round(d.moved, "      \
	"i.display_decimals) END"

static const char page_sql[] =
    "SELECT " RFC3339("p.since") ", " RFC3339("p.until") ", p.next, p.more, p.since, p.until, " RFC3339(
	"statement_timestamp()") " FROM tram.changes_page(coalesce($1, tram.cursor_text(nullif($6, 'infinity'))), $2, "
				 "$3, $4, $5) p";

static enum store_result ask_page(struct store *s, const struct changes_question *q, PGresult **ret, struct err *err)
{
	struct params p;
	enum store_result result;

	params_init(&p);
	params_text(&p, q->cursor);
	params_text(&p, q->indicator);
	params_text(&p, q->level);
	params_text(&p, q->boundary);
	params_text(&p, q->period);
	params_timestamp(&p, q->since_us);
	result = connection_ask(s, page_sql, &p, ret, err);
	params_done(&p);
	return result;
}

#define SHOWN_COLUMNS                                                                                                  \
	SHOWN("value_before")                                                                                          \
	", " SHOWN("value_after") ", " SHOWN_MOVED ", i.kind = 'count_ratio', " SHOWN("numerator_before") ", " SHOWN(  \
	    "numerator_after") ", " SHOWN("denominator_before") ", " SHOWN("denominator_after")

#define NAME_COLUMNS                                                                                                   \
	"i.name_vi, i.name_en, tram.area_names(ARRAY[c.area], c.time_period, 'vi'),"                                   \
	" tram.area_names(ARRAY[c.area], c.time_period, 'en'), i.unit_vi, i.display_unit_mult"

static const char changes_sql[] =
    "SELECT "
#define CHANGE(name, kind) "c." #name ", "
#include "change.def"
#undef CHANGE
    "c.made_by, tram.cursor_text(c.moment), " RFC3339(
	"c.moment") ", (extract(epoch FROM c.moment) * 1000000)::bigint, " NAME_COLUMNS ", " SHOWN_COLUMNS
		    " FROM tram.changes($1::timestamptz, $2::timestamptz, $3, $4, $5, $6) c"
		    " JOIN tram.indicator i ON i.indicator = c.indicator"
		    " CROSS JOIN LATERAL (SELECT tram.shift(CASE WHEN i.kind <> 'count_ratio' THEN c.difference"
		    "   WHEN c.denominator_before = c.denominator_after THEN c.numerator_after - c.numerator_before "
		    "END,"
		    "   -i.display_unit_mult) AS moved) d"
		    " ORDER BY c.moment, c.indicator, c.time_period, c.area LIMIT $7";

static enum store_result ask_changes(struct store *s, const struct changes_question *q, const PGresult *page,
				     PGresult **ret, struct err *err)
{
	struct params p;
	enum store_result result;

	params_init(&p);
	params_text(&p, cell_text(page, 0, 4));
	params_text(&p, cell_text(page, 0, 5));
	params_text(&p, q->indicator);
	params_text(&p, q->level);
	params_text(&p, q->boundary);
	params_text(&p, q->period);
	params_int64(&p, q->most_rows + 1);
	result = connection_ask(s, changes_sql, &p, ret, err);
	params_done(&p);
	return result;
}

/* How many rows may be told: what does not fit is left to the next page, by whole moments. */
static int fitting(const PGresult *r, const struct changes_question *q)
{
	int n = PQntuples(r), last = n - 1;

	if (n <= q->most_rows) {
		return n;
	}
	while (n > 0 && strcmp(cell_text(r, n - 1, CURSOR), cell_text(r, last, CURSOR)) == 0) {
		n--;
	}
	return n;
}

static struct change_shown read_shown(const PGresult *r, int i)
{
	return (struct change_shown){.moment_us = cell_int(r, i, MOMENT_US),
				     .name_vi = cell_text(r, i, NAME_VI),
				     .name_en = cell_text(r, i, NAME_EN),
				     .area_name_vi = cell_text(r, i, AREA_VI),
				     .area_name_en = cell_text(r, i, AREA_EN),
				     .unit_vi = cell_text(r, i, UNIT_VI),
				     .display_unit_mult = (int)cell_int(r, i, MULT),
				     .before = cell_text_or_null(r, i, SHOWN_BEFORE),
				     .after = cell_text_or_null(r, i, SHOWN_AFTER),
				     .difference = cell_text_or_null(r, i, SHOWN_DIFFERENCE),
				     .counts_parts = cell_bool(r, i, COUNTS_PARTS),
				     .numerator_before = cell_text_or_null(r, i, NUMERATOR_BEFORE),
				     .numerator_after = cell_text_or_null(r, i, NUMERATOR_AFTER),
				     .denominator_before = cell_text_or_null(r, i, DENOMINATOR_BEFORE),
				     .denominator_after = cell_text_or_null(r, i, DENOMINATOR_AFTER)};
}

static void tell(const PGresult *r, int n, change_each *each, void *context)
{
	const char *cells[CHANGE_COLUMNS];

	for (int i = 0; i < n; i++) {
		for (int c = 0; c < CHANGE_COLUMNS; c++) {
			cells[c] = cell_text_or_null(r, i, c);
		}
		cells[CHANGE_moment] = cell_text(r, i, MOMENT);
		struct change_shown shown = read_shown(r, i);
		each(context, cells, cell_text(r, i, MADE_BY), &shown);
	}
}

/* As tram.cursor_moment() refuses one. */
static bool is_no_cursor(const struct store *s, const char *cursor)
{
	char refusal[128];

	snprintf(refusal, sizeof refusal, "%s is no cursor", cursor);
	return strcmp(s->failure.message, refusal) == 0;
}

enum store_result store_changes(struct store *s, const struct changes_question *q, struct changes_page *ret,
				change_each *each, void *context, struct err *err)
{
	PGresult *page = NULL, *r = NULL;
	enum store_result result = ask_page(s, q, &page, err);

	*ret = (struct changes_page){.is_no_cursor = result != STORE_OK && q->cursor && is_no_cursor(s, q->cursor)};
	if (result == STORE_OK) {
		result = ask_changes(s, q, page, &r, err);
	}
	if (result == STORE_OK) {
		int n = fitting(r, q);
		bool all = n == PQntuples(r);

		snprintf(ret->since, sizeof ret->since, "%s", cell_text(page, 0, 0));
		snprintf(ret->until, sizeof ret->until, "%s",
			 all ? cell_text(page, 0, 1) : cell_text(r, n > 0 ? n - 1 : 0, MOMENT));
		snprintf(ret->next, sizeof ret->next, "%s",
			 all ? cell_text(page, 0, 2) : cell_text(r, n > 0 ? n - 1 : 0, CURSOR));
		snprintf(ret->asked, sizeof ret->asked, "%s", cell_text(page, 0, 6));
		ret->more = !all || cell_bool(page, 0, 3);
		ret->is_cut = n == 0 && !all;
		tell(r, n, each, context);
	}
	PQclear(r);
	PQclear(page);
	return result;
}
