/* SPDX-License-Identifier: Apache-2.0 */
/* tram todo --provider: what a province owes, as the centre sees it. */
#include "centre.h"

#include "clock.h"
#include "display.h"
#include "lang.h"

#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#define NAME_COLUMNS 28

struct todo_options {
	struct centre_options centre;
	const char *provider, *as_of;
};

static const struct option_row todo_rows[] = {
    {"provider", "PROVINCE", OPTION_TEXT, offsetof(struct todo_options, provider), N_("whose: P63-46, 63/46 or 46")},
    {"as-of", "TIME", OPTION_TEXT, offsetof(struct todo_options, as_of),
     N_("as it was known then: 2024-07-19, or 2024-07-19T08:00:00+07:00")},
    CENTRE_ROWS(todo_options),
};

static const struct options todo_spec = {
    "todo",
    "--provider PROVINCE [OPTION]...",
    N_("What a province owes, and by when: figures that were refused and wait to be mended, figures that are held and "
       "wait\n"
       "for a reason, reports that are late, and those due within a quarter, by the legal calendar."),
    false,
    true,
    todo_rows,
    sizeof todo_rows / sizeof *todo_rows,
    0,
    0};

struct listing {
	struct table *table;
	bool for_people;
	size_t rows;
};

static const char *kind_name(const char *kind)
{
	switch (*kind) {
	case 'r': return _("mend");
	case 'h': return _("give a reason");
	case 'l': return _("late");
	}
	return _("due");
}

static const char *kind_colour(const char *kind)
{
	return *kind == 'd' ? NULL : *kind == 'h' ? "yellow" : "red";
}

static void list_columns(struct listing *l)
{
	static const char *const keys[] = {"kind",      "dataflow",  "time_period", "period_from", "period_to",
					   "by",        "days_left", "expected",    "reported",    "indicators",
					   "indicator", "rule",      "found",       "wanted"};

	for (size_t i = 0; !l->for_people && i < sizeof keys / sizeof *keys; i++) {
		table_column(l->table, keys[i], keys[i], TABLE_LEFT);
	}
	if (l->for_people) {
		table_column(l->table, "kind", _("What"), TABLE_LEFT);
		table_column(l->table, "by", _("By when"), TABLE_LEFT);
		table_column(l->table, "days_left", _("Days left"), TABLE_RIGHT);
		table_column(l->table, "dataflow", _("Dataflow"), TABLE_LEFT);
		table_column(l->table, "time_period", _("Period"), TABLE_LEFT);
		table_column(l->table, "about", _("About"), TABLE_LEFT);
	}
}

/* Of a report: what is missing of how many figures; of a figure: which, by which rule, what was found. */
static void cell_about(struct table *t, const struct todo_row *row)
{
	if (*row->indicator) {
		char *name = display_name(lang_is_vi() ? row->indicator_vi : row->indicator_en, NAME_COLUMNS);

		table_cell_printf(t, *row->wanted ? "%s: %s %s (%s)" : "%s: %s %s", name, row->rule, row->found,
				  row->wanted);
		free(name);
	} else {
		table_cell_printf(t, _("%s of %s figures there; missing: %s"), row->reported, row->expected,
				  row->indicators);
	}
}

static void show_for_people(struct table *t, const struct todo_row *row)
{
	char *name = display_name(lang_is_vi() ? row->dataflow_vi : row->dataflow_en, NAME_COLUMNS);

	table_cell_coloured(t, kind_colour(row->kind), kind_name(row->kind));
	table_cell(t, row->by);
	table_cell_coloured(t, *row->days_left == '-' ? "red" : NULL, row->days_left);
	table_cell(t, name);
	table_cell_printf(t, "%s (%s … %s)", row->time_period, row->period_from, row->period_to);
	cell_about(t, row);
	free(name);
}

static void show_for_programs(struct table *t, const struct todo_row *row)
{
	table_cell(t, row->kind);
	table_cell(t, row->dataflow);
	table_cell(t, row->time_period);
	table_cell(t, row->period_from);
	table_cell(t, row->period_to);
	table_cell(t, row->by);
	table_cell_number(t, row->days_left);
	table_cell_number(t, row->expected);
	table_cell_number(t, row->reported);
	table_cell(t, row->indicators);
	table_cell(t, row->indicator);
	table_cell(t, row->rule);
	table_cell(t, row->found);
	table_cell(t, row->wanted);
}

static void show_row(void *context, const struct todo_row *row)
{
	struct listing *l = context;

	l->rows++;
	if (l->for_people) {
		show_for_people(l->table, row);
	} else {
		show_for_programs(l->table, row);
	}
}

static bool show(struct store *s, const struct todo_options *o, int64_t as_of_us, struct err *err)
{
	enum table_format format = o->centre.common.format;
	struct listing l = {.table = table_new(format, stdout), .for_people = format == TABLE_TEXT};
	bool ok;

	list_columns(&l);
	ok = store_todo(s, o->provider, as_of_us, show_row, &l, err) == STORE_OK;
	if (ok && (l.rows > 0 || !l.for_people)) {
		table_end(l.table);
	} else if (ok) {
		printf("%s\n", _("nothing is owed"));
	}
	table_free(&l.table);
	return ok;
}

static bool check_options(const struct todo_options *o, int64_t *ret_as_of_us, struct err *err)
{
	*ret_as_of_us = INT64_MAX;
	if (!o->provider) {
		return err_set(err, ERR_USAGE, _("tell whose: --provider P63-46"));
	}
	return !o->as_of || clock_parse(o->as_of, ret_as_of_us) ||
	       err_set(err, ERR_USAGE, _("--as-of %s is no time: write 2024-07-19 or 2024-07-19T08:00:00+07:00"),
		       o->as_of);
}

int cmd_todo(int argc, char **argv)
{
	struct todo_options o = {0};
	int64_t as_of_us;
	struct store *s;
	struct err err;
	int first, status;
	bool ok;

	if (!centre_parse(&todo_spec, argc, argv, &o.centre.common, &first, &status)) {
		return status;
	}
	if (!check_options(&o, &as_of_us, &err) || !(s = centre_connect(&o.centre, CENTRE_READER, &err))) {
		return centre_fail(&err);
	}
	ok = show(s, &o, as_of_us, &err);
	store_close(&s);
	return ok ? EX_OK : centre_fail(&err);
}
