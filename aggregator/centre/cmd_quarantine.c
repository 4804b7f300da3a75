/* SPDX-License-Identifier: Apache-2.0 */
/* tram quarantine list: what is held, and why. */
#include "centre.h"

#include "display.h"
#include "figures.h"
#include "lang.h"

#include <stdlib.h>
#include <sysexits.h>

struct quarantine_options {
	struct centre_options centre;
};

static const struct option_row list_rows[] = {CENTRE_ROWS(quarantine_options)};

static const struct options list_spec = {
    "quarantine list",
    "[OPTION]...",
    N_("Figures that are held: stored, but in no roll-up until the province justifies or corrects them. Oldest first."),
    false,
    true,
    list_rows,
    sizeof list_rows / sizeof *list_rows,
    0,
    0};

struct listing {
	struct table *table;
	bool for_people;
};

static void list_columns(struct listing *l)
{
	static const struct {
		const char *key, *title;
		enum table_align align;
		bool for_people;
	} columns[] = {
	    {"held_at", N_("Since"), TABLE_LEFT, true},
	    {"area", N_("Area"), TABLE_LEFT, false},
	    {"area_name", N_("Area"), TABLE_LEFT, true},
	    {"indicator", N_("Indicator"), TABLE_LEFT, true},
	    {"dimensions", N_("Dimensions"), TABLE_LEFT, false},
	    {"time_period", N_("Period"), TABLE_LEFT, true},
	    {"revision", N_("Revision"), TABLE_RIGHT, false},
	    {"value", N_("Figure"), TABLE_RIGHT, true},
	    {"numerator", N_("Numerator"), TABLE_RIGHT, false},
	    {"denominator", N_("Denominator"), TABLE_RIGHT, false},
	    {"unit", N_("Unit"), TABLE_LEFT, true},
	    {"rules", N_("Rules"), TABLE_LEFT, true},
	    {"found", N_("Found"), TABLE_LEFT, true},
	    {"expected", N_("Expected"), TABLE_LEFT, true},
	    {"provider", N_("Provider"), TABLE_LEFT, true},
	    {"agent", N_("Agent"), TABLE_LEFT, false},
	    {"seq", N_("Report"), TABLE_RIGHT, false},
	    {"line", N_("Line"), TABLE_RIGHT, false},
	    {"justification", N_("Justification"), TABLE_LEFT, false},
	};

	for (size_t i = 0; i < sizeof columns / sizeof *columns; i++) {
		if (columns[i].for_people || !l->for_people) {
			table_column(l->table, columns[i].key, _(columns[i].title), columns[i].align);
		}
	}
}

static void show_for_people(struct table *t, const struct quarantine_row *row)
{
	char *figure = row->value ? display_number(row->value) : display_parts(row->numerator, row->denominator);

	centre_cell_time(t, true, row->held_at_us);
	table_cell(t, row->area_name);
	table_cell(t, row->indicator);
	table_cell(t, row->time_period);
	table_cell(t, figure);
	table_cell(t, row->unit);
	table_cell_coloured(t, "yellow", row->rules);
	table_cell(t, row->found);
	table_cell(t, row->expected);
	table_cell(t, row->provider);
	free(figure);
}

static void show_for_programs(struct table *t, const struct quarantine_row *row)
{
	centre_cell_time(t, false, row->held_at_us);
	table_cell(t, row->area);
	table_cell(t, row->area_name);
	table_cell(t, row->indicator);
	table_cell(t, row->dimensions);
	table_cell(t, row->time_period);
	table_cell_number(t, row->revision);
	table_cell(t, row->value);
	table_cell(t, row->numerator);
	table_cell(t, row->denominator);
	table_cell(t, row->unit);
	table_cell(t, row->rules);
	table_cell(t, row->found);
	table_cell(t, row->expected);
	table_cell(t, row->provider);
	table_cell(t, row->agent);
	table_cell_number(t, row->seq);
	table_cell_number(t, row->line);
	table_cell(t, row->justification);
}

static void show_held(void *context, const struct quarantine_row *row)
{
	struct listing *l = context;

	if (l->for_people) {
		show_for_people(l->table, row);
	} else {
		show_for_programs(l->table, row);
	}
}

int cmd_quarantine_list(int argc, char **argv)
{
	struct quarantine_options o = {0};
	struct listing l;
	struct store *s;
	struct err err;
	int first, status;
	bool ok;

	if (!centre_parse(&list_spec, argc, argv, &o.centre.common, &first, &status)) {
		return status;
	}
	s = centre_connect(&o.centre, CENTRE_READER, &err);
	if (!s) {
		return centre_fail(&err);
	}
	l = (struct listing){.table = table_new(o.centre.common.format, stdout),
			     .for_people = o.centre.common.format == TABLE_TEXT};
	list_columns(&l);
	ok = store_quarantine(s, show_held, &l, &err) == STORE_OK;
	if (ok) {
		table_end(l.table);
	}
	table_free(&l.table);
	store_close(&s);
	return ok ? EX_OK : centre_fail(&err);
}
