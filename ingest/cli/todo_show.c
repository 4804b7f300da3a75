/* SPDX-License-Identifier: Apache-2.0 */
#include "todo_show.h"

#include "lang.h"
#include "mem.h"
#include "terminal.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define NAME_COLUMNS 28

struct listing {
	struct table *table;
	bool several; /* providers */
};

/* By kind; one of a later version is shown as due. */
static const struct {
	const char *code, *name, *colour;
} kinds[] = {
    [TRAM__V1__TODO_KIND__TODO_KIND_UNSPECIFIED] = {"due", N_("due"), NULL},
    [TRAM__V1__TODO_KIND__TODO_KIND_REFUSED] = {"refused", N_("mend"), "red"},
    [TRAM__V1__TODO_KIND__TODO_KIND_HELD] = {"held", N_("give a reason"), "yellow"},
    [TRAM__V1__TODO_KIND__TODO_KIND_LATE] = {"late", N_("late"), "red"},
    [TRAM__V1__TODO_KIND__TODO_KIND_DUE] = {"due", N_("due"), NULL},
};

static size_t kind_of(const Tram__V1__TodoItem *item)
{
	return (size_t)item->kind < sizeof kinds / sizeof *kinds ? (size_t)item->kind : 0;
}

static const char *digits(int64_t n, char buf[static 24])
{
	snprintf(buf, 24, "%" PRId64, n);
	return buf;
}

/* Codes with a space between two; caller frees. */
static char *missing_text(const Tram__V1__TodoItem *item)
{
	char *text = xstrdup("");

	for (size_t i = 0; i < item->n_missing; i++) {
		char *longer = xasprintf("%s%s%s", text, i ? " " : "", item->missing[i]);

		free(text);
		text = longer;
	}
	return text;
}

/* ---------------------------------------------------------------- for people */

static void people_columns(const struct listing *l)
{
	table_column(l->table, "kind", _("What"), TABLE_LEFT);
	table_column(l->table, "by", _("By when"), TABLE_LEFT);
	table_column(l->table, "days_left", _("Days left"), TABLE_RIGHT);
	if (l->several)
		table_column(l->table, "provider", _("Provider"), TABLE_LEFT);
	table_column(l->table, "dataflow", _("Dataflow"), TABLE_LEFT);
	table_column(l->table, "time_period", _("Period"), TABLE_LEFT);
	table_column(l->table, "about", _("About"), TABLE_LEFT);
}

static void cell_report(struct table *t, const Tram__V1__TodoItem *item)
{
	char *missing = missing_text(item), more[40] = "", expected[24], reported[24];

	if (item->missing_count > item->n_missing)
		snprintf(more, sizeof more, " … +%zu", item->missing_count - item->n_missing);
	table_cell_printf(t, _("%s of %s figures there; missing: %s%s"), digits(item->reported, reported),
			  digits(item->expected, expected), missing, more);
	free(missing);
}

/* What is held or refused: which figure, or the report as a whole, by which rules, what was found. A code that the catalogue
   does not have is shown as it was stated. */
static void cell_finding(struct table *t, const Tram__V1__TodoItem *item)
{
	const char *known = lang_is_vi() ? item->indicator_name_vi : item->indicator_name_en;
	char *name = terminal_fit(stdout,
				  *known             ? known
				  : *item->indicator ? item->indicator
						     : _("the whole report"),
				  NAME_COLUMNS);

	table_cell_printf(t, *item->wanted ? "%s: %s %s (%s)" : "%s: %s %s", name, item->rules, item->found,
			  item->wanted);
	free(name);
}

/* Of a report that is owed: what is missing of how many figures. */
static void cell_about(struct table *t, const Tram__V1__TodoItem *item)
{
	if (*item->indicator || *item->rules) {
		cell_finding(t, item);
	} else {
		cell_report(t, item);
	}
}

static void show_for_people(const struct listing *l, const Tram__V1__TodoItem *item)
{
	struct table *t = l->table;
	char *name = terminal_fit(stdout, lang_is_vi() ? item->dataflow_name_vi : item->dataflow_name_en, NAME_COLUMNS);
	char days[24];

	table_cell_coloured(t, kinds[kind_of(item)].colour, _(kinds[kind_of(item)].name));
	table_cell(t, item->by);
	table_cell_coloured(t, item->days_left < 0 ? "red" : NULL, digits(item->days_left, days));
	if (l->several)
		table_cell(t, item->provider);
	table_cell(t, name);
	table_cell_printf(t, "%s (%s … %s)", item->time_period, item->period_from, item->period_to);
	cell_about(t, item);
	free(name);
}

/* ---------------------------------------------------------------- for programs */

static void programs_columns(const struct listing *l)
{
	static const char *const keys[] = {"kind",      "dataflow", "time_period", "period_from", "period_to", "by",
					   "days_left", "expected", "reported",    "indicators",  "indicator", "rule",
					   "found",     "wanted",   "provider",    "missing"};

	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
		table_column(l->table, keys[i], keys[i], TABLE_LEFT);
}

static void show_for_programs(const struct listing *l, const Tram__V1__TodoItem *item)
{
	struct table *t = l->table;
	char *missing = missing_text(item), number[24];

	table_cell(t, kinds[kind_of(item)].code);
	table_cell(t, item->dataflow);
	table_cell(t, item->time_period);
	table_cell(t, item->period_from);
	table_cell(t, item->period_to);
	table_cell(t, item->by);
	table_cell_number(t, digits(item->days_left, number));
	table_cell_number(t, digits(item->expected, number));
	table_cell_number(t, digits(item->reported, number));
	table_cell(t, missing);
	table_cell(t, item->indicator);
	table_cell(t, item->rules);
	table_cell(t, item->found);
	table_cell(t, item->wanted);
	table_cell(t, item->provider);
	table_cell_number(t, digits(item->missing_count, number));
	free(missing);
}

/* ---------------------------------------------------------------- all of it */

static bool has_several(const Tram__V1__Todo *todo)
{
	for (size_t i = 1; i < todo->n_items; i++)
		if (strcmp(todo->items[i]->provider, todo->items[0]->provider) != 0)
			return true;
	return false;
}

void todo_show(const Tram__V1__Todo *todo, enum table_format format)
{
	bool for_people = format == TABLE_TEXT;
	struct listing l = {.table = table_new(format, stdout), .several = has_several(todo)};
	char number[24];

	(for_people ? people_columns : programs_columns)(&l);
	table_when_empty(l.table, _("nothing is owed"));
	for (size_t i = 0; i < todo->n_items; i++)
		(for_people ? show_for_people : show_for_programs)(&l, todo->items[i]);
	table_close(&l.table, true);
	fflush(stdout);
	if (todo->more > 0)
		fprintf(stderr, _("%s more are not shown: what is shown comes first\n"),
			digits((int64_t)todo->more, number));
}
