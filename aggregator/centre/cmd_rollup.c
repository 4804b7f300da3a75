/* SPDX-License-Identifier: Apache-2.0 */
/* tram rollup: what the provinces' figures add up to. */
#include "centre.h"

#include "clock.h"
#include "cmd_rollup_changes.h"
#include "display.h"
#include "export.h"
#include "lang.h"
#include "mem.h"
#include "named.h"
#include "period.h"

#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

struct rollup_options {
	struct centre_options centre;
	const char *period, *level, *boundary, *as_of, *since;
	bool all_periods, open, changes;
};

#define FORMATS "table|json|csv|sdmx-csv|sdmx-json|openmetrics"

static const struct option_row rollup_rows[] = {
    {"period", "PERIOD", OPTION_TEXT, offsetof(struct rollup_options, period),
     N_("2024, 2024-S1, 2024-Q2, 2024-06, …; all that were reported unless given")},
    {"level", "LEVEL", OPTION_TEXT, offsetof(struct rollup_options, level), N_("nation, region or province (nation)")},
    {"boundary", "VINTAGE", OPTION_TEXT, offsetof(struct rollup_options, boundary), NAMED_BOUNDARY_HELP},
    {"as-of", "TIME", OPTION_TEXT, offsetof(struct rollup_options, as_of),
     N_("as it was known then: 2024-07-19, or 2024-07-19T08:00:00+07:00")},
    {"changes", NULL, OPTION_FLAG, offsetof(struct rollup_options, changes),
     N_("what moved since --since, by how much, through whom; table, json or csv")},
    {"since", "TIME", OPTION_TEXT, offsetof(struct rollup_options, since),
     N_("a day, a moment, or the cursor that the last answer gave; now: a first one")},
    {"open", NULL, OPTION_FLAG, offsetof(struct rollup_options, open),
     N_("what is known, and not what a period was closed with")},
    {"all-periods", NULL, OPTION_FLAG, offsetof(struct rollup_options, all_periods),
     N_("openmetrics: every period, not only the newest of each indicator")},
    CENTRE_ROWS(rollup_options),
};

static const struct options rollup_spec = {
    "rollup",
    "[INDICATOR] [OPTION]...",
    N_("What the provinces' figures add up to, by the method the catalogue gives each indicator, with how much of the\n"
       "country it covers. Without an indicator: all of them. Figures are shown in the catalogue's display unit; the "
       "other\n"
       "formats have them exactly, in its base unit."),
    false,
    true,
    rollup_rows,
    sizeof rollup_rows / sizeof *rollup_rows,
    0,
    1};

/* ---------------------------------------------------------------- what is asked */

static bool check_period(const char *text, struct err *err)
{
	struct period p;

	return period_parse(text, &p) ||
	       err_set(
		   err, ERR_USAGE,
		   _("--period %s is no time period: write 2024, 2024-S1, 2024-Q2, 2024-06, 2024-W05, 2024-06-14 or "
		     "2018-01-01/P7Y"),
		   text);
}

static bool read_question(const struct rollup_options *o, const char *indicator, struct rollup_question *ret,
			  struct err *err)
{
	*ret = (struct rollup_question){.indicator = indicator,
					.period = o->period,
					.level = o->level ? o->level : "nation",
					.boundary = o->boundary,
					.as_of_us = INT64_MAX,
					.open = o->open};
	if (!named_level(ret->level, err) || (o->period && !check_period(o->period, err)) ||
	    !named_boundary(o->boundary, err)) {
		return false;
	}
	return moment_read(MOMENT_AS_OF, o->as_of, &ret->as_of_us, err);
}

/* ---------------------------------------------------------------- for people */

struct listing {
	struct table *table;
	bool of_nation;
};

static void list_columns(struct listing *l)
{
	table_column(l->table, "indicator", _("Indicator"), TABLE_LEFT);
	table_column(l->table, "time_period", _("Period"), TABLE_LEFT);
	if (!l->of_nation) {
		table_column(l->table, "area_name", _("Area"), TABLE_LEFT);
	}
	table_column(l->table, "shown", _("Figure"), TABLE_RIGHT);
	table_column(l->table, "coverage", _("Coverage"), TABLE_RIGHT);
	table_column(l->table, "remarks", _("Remarks"), TABLE_LEFT);
}

static void list_row(void *context, const struct rollup_row *row)
{
	struct listing *l = context;
	const struct rollup_figure *f = &row->figure;
	char *figure = display_rollup(f);
	char *coverage = display_joined(display_coverage(f), ", ", display_parts_of_period(f, row->time_period));
	char *said = display_joined(display_remarks(f), ", ", display_closing(f));
	char *remarks = display_joined(said, "; ", display_gaps(f));
	bool whole = f->areas_reporting == f->areas_expected && f->parts_reporting == f->parts_expected;

	table_cell(l->table, lang_is_vi() ? row->name_vi : row->name_en);
	table_cell(l->table, row->time_period);
	if (!l->of_nation) {
		table_cell(l->table, lang_is_vi() ? row->area_name_vi : row->area_name_en);
	}
	table_cell_coloured(l->table, "bold", figure);
	table_cell_coloured(l->table, whole ? "green" : "yellow", coverage);
	table_cell_coloured(l->table, f->moved ? "yellow" : "dim", remarks);
	free(figure);
	free(coverage);
	free(remarks);
}

static bool show(struct store *s, const struct rollup_question *q, struct err *err)
{
	struct listing l = {.table = table_new(TABLE_TEXT, stdout), .of_nation = strcmp(q->level, "nation") == 0};
	bool ok;

	list_columns(&l);
	table_when_empty(l.table, _("no figure yet"));
	ok = store_rollup(s, q, list_row, &l, err) == STORE_OK;
	table_close(&l.table, ok);
	return ok;
}

/* ---------------------------------------------------------------- for programs */

static void print(void *context, const char *text, size_t len)
{
	fwrite(text, 1, len, context);
}

static void export_each(void *context, const struct rollup_row *row)
{
	export_row(context, row);
}

static bool write_out(struct store *s, const struct rollup_question *q, enum export_format format, bool all_periods,
		      struct err *err)
{
	struct export_meta meta = {.level = q->level,
				   .in_vietnamese = lang_is_vi(),
				   .prepared_us = clock_wall_us(),
				   .as_of_us = q->as_of_us,
				   .all_periods = all_periods};
	struct export *e = export_new(format, print, stdout, &meta);
	bool ok = store_rollup(s, q, export_each, e, err) == STORE_OK;

	if (ok) {
		export_end(e);
	}
	export_free(&e);
	return ok;
}

/* ---------------------------------------------------------------- what is shown */

static bool check_changes(const struct rollup_options *o, struct err *err)
{
	if (o->changes != (o->since != NULL)) {
		return err_set(err, ERR_USAGE,
			       _("--changes and --since belong together: --changes --since 2024-07-19"));
	}
	return !o->changes || !o->as_of ||
	       err_set(err, ERR_USAGE, _("--changes shows what moved until now: leave --as-of out"));
}

static bool answer(struct store *s, const struct rollup_options *o, const struct rollup_question *q, struct err *err)
{
	static const char *const tables[] = {[TABLE_TEXT] = "table", [TABLE_JSON] = "json", [TABLE_CSV] = "csv"};
	const char *name = o->centre.common.format_name ? o->centre.common.format_name : tables[TABLE_TEXT];
	enum export_format format;

	for (size_t i = 0; o->changes && i < sizeof tables / sizeof *tables; i++) {
		if (strcmp(tables[i], name) == 0) {
			return rollup_changes(s, q, o->since, (enum table_format)i, err);
		}
	}
	if (o->changes) {
		return err_set(err, ERR_USAGE, _("--format %s shows figures: with --changes use table, json or csv"),
			       name);
	}
	return export_format_named(name, &format) ? write_out(s, q, format, o->all_periods, err) : show(s, q, err);
}

int cmd_rollup(int argc, char **argv)
{
	struct rollup_options o = {.centre.common.formats = FORMATS};
	struct rollup_question question;
	struct arena *a;
	struct store *s;
	struct err err;
	int first, status;
	bool ok;

	if (!centre_parse(&rollup_spec, argc, argv, &o.centre.common, &first, &status)) {
		return status;
	}
	if (!check_changes(&o, &err) || !read_question(&o, first < argc ? argv[first] : NULL, &question, &err) ||
	    !(s = centre_connect(&o.centre, CENTRE_READER, &err))) {
		return centre_fail(&err);
	}
	a = arena_new(SIZE_MAX);
	ok = centre_moment_came(s, MOMENT_AS_OF, o.as_of, &err) && centre_moment_came(s, MOMENT_SINCE, o.since, &err) &&
	     named(s, STORE_INDICATOR, a, &question.indicator, &err) &&
	     (o.period == NULL || named_period(s, STORE_INDICATOR, question.indicator, o.period, &err)) &&
	     answer(s, &o, &question, &err);
	arena_free(&a);
	store_close(&s);
	return ok ? EX_OK : centre_fail(&err);
}
