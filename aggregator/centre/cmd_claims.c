/* SPDX-License-Identifier: Apache-2.0 */
/* tram claims check: what was announced, beside what adds up. */
#include "centre.h"

#include "display.h"
#include "figures.h"
#include "lang.h"
#include "text.h"

#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

/* As diff(1) ends: 1 says that there are differences, and nothing went wrong. */
#define EXIT_DIFFERENT 1
#define NAME_COLUMNS   44

struct claims_options {
	struct centre_options centre;
};

static const struct option_row check_rows[] = {CENTRE_ROWS(claims_options)};

static const struct options check_spec = {
    "claims check",
    "[OPTION]...",
    N_("Every figure that was published beside the national roll-up of the same indicator and period: equal to the "
       "last\n"
       "published digit, different, missing (nothing is reported), or held (what is reported waits in the "
       "quarantine).\n"
       "Ends with 0 when no figure is different or missing, and with 1 otherwise."),
    false,
    true,
    check_rows,
    sizeof check_rows / sizeof *check_rows,
    0,
    0};

static const struct agreement {
	const char *code, *word, *colour;
	bool fine;
} agreements[] = {
    {"equal", N_("equal"), "green", true},
    {"held", N_("held"), "yellow", true},
    {"different", N_("different"), "red", false},
    {"missing", N_("missing"), "red", false},
};
enum { N_AGREEMENTS = sizeof agreements / sizeof *agreements };

struct listing {
	struct table *table;
	bool for_people;
	size_t counts[N_AGREEMENTS];
};

static size_t agreement_of(const char *code)
{
	size_t i = 0;

	while (i < N_AGREEMENTS - 1 && strcmp(agreements[i].code, code) != 0) {
		i++;
	}
	return i;
}

static void list_columns(struct listing *l)
{
	static const char *const keys[] = {"figure_no",
					   "indicator",
					   "time_period",
					   "published",
					   "published_numerator",
					   "published_denominator",
					   "published_unit_mult",
					   "published_qualifier",
					   "announced_on",
					   "source",
					   "state"};

	if (!l->for_people) {
		for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
			table_column(l->table, keys[i], keys[i], TABLE_LEFT);
		}
		figures_columns(l->table);
		return;
	}
	table_column(l->table, "figure_no", _("No."), TABLE_RIGHT);
	table_column(l->table, "indicator", _("Indicator"), TABLE_LEFT);
	table_column(l->table, "time_period", _("Period"), TABLE_LEFT);
	table_column(l->table, "published", _("Published"), TABLE_RIGHT);
	table_column(l->table, "rolled_up", _("Rolled up"), TABLE_RIGHT);
	table_column(l->table, "coverage", _("Coverage"), TABLE_RIGHT);
	table_column(l->table, "state", _("State"), TABLE_LEFT);
	table_column(l->table, "remarks", _("Remarks"), TABLE_LEFT);
}

static void show_for_programs(struct listing *l, const struct claim_row *row)
{
	char mult[16];

	snprintf(mult, sizeof mult, "%d", row->published_unit_mult);
	table_cell_number(l->table, row->figure_no);
	table_cell(l->table, row->indicator);
	table_cell(l->table, row->time_period);
	table_cell(l->table, row->published);
	table_cell(l->table, row->published_numerator);
	table_cell(l->table, row->published_denominator);
	table_cell_number(l->table, mult);
	table_cell(l->table, row->published_qualifier);
	table_cell(l->table, row->announced_on);
	table_cell(l->table, row->source);
	table_cell(l->table, row->agreement);
	figures_cells(l->table, &row->figure);
}

/* A figure announced as "so many of so many" is shown so, and the roll-up beside it in the same manner. */
static char *published_text(const struct claim_row *row)
{
	const struct rollup_figure *f = &row->figure;
	char *parts, *out;

	if (row->published) {
		return display_figure(row->published, row->published_qualifier, row->published_unit_mult, f->unit,
				      f->unit_vi);
	}
	parts = display_parts(row->published_numerator, row->published_denominator);
	out = display_dressed(parts, row->published_qualifier, row->published_unit_mult, f->unit, f->unit_vi);
	free(parts);
	return out;
}

static char *rolled_up_text(const struct claim_row *row)
{
	struct rollup_figure f = row->figure;

	f.counts_parts = !row->published;
	return display_rollup(&f);
}

static void show_for_people(struct listing *l, const struct claim_row *row, const struct agreement *a)
{
	char *published = published_text(row), *rolled_up = rolled_up_text(row);
	char *coverage = display_coverage(&row->figure), *remarks = display_remarks(&row->figure);
	char *name = text_fit(lang_is_vi() ? row->name_vi : row->name_en, NAME_COLUMNS);

	table_cell(l->table, row->figure_no);
	table_cell(l->table, name);
	table_cell(l->table, row->time_period);
	table_cell(l->table, published);
	table_cell_coloured(l->table, "bold", rolled_up);
	table_cell(l->table, coverage);
	table_cell_coloured(l->table, a->colour, _(a->word));
	table_cell_coloured(l->table, "dim", remarks);
	free(name);
	free(published);
	free(rolled_up);
	free(coverage);
	free(remarks);
}

static void show_claim(void *context, const struct claim_row *row)
{
	struct listing *l = context;
	size_t i = agreement_of(row->agreement);

	l->counts[i]++;
	if (l->for_people) {
		show_for_people(l, row, &agreements[i]);
	} else {
		show_for_programs(l, row);
	}
}

/* "79 equal, 1 held, 0 different, 0 missing", and the exit status. */
static int sum_up(const struct listing *l)
{
	bool fine = true;

	if (l->for_people) {
		putchar('\n');
	}
	for (size_t i = 0; i < N_AGREEMENTS; i++) {
		fine = fine && (agreements[i].fine || l->counts[i] == 0);
		if (l->for_people) {
			printf("%s%zu %s", i > 0 ? ", " : "", l->counts[i], _(agreements[i].word));
		}
	}
	if (l->for_people) {
		putchar('\n');
	}
	return fine ? EX_OK : EXIT_DIFFERENT;
}

int cmd_claims_check(int argc, char **argv)
{
	struct claims_options o = {0};
	struct listing l = {0};
	struct store *s;
	struct err err;
	int first, status;

	if (!centre_parse(&check_spec, argc, argv, &o.centre.common, &first, &status)) {
		return status;
	}
	s = centre_connect(&o.centre, CENTRE_READER, &err);
	if (!s) {
		return centre_fail(&err);
	}
	l.table = table_new(o.centre.common.format, stdout);
	l.for_people = o.centre.common.format == TABLE_TEXT;
	list_columns(&l);
	if (store_claims(s, show_claim, &l, &err) == STORE_OK) {
		table_end(l.table);
		status = sum_up(&l);
	} else {
		status = centre_fail(&err);
	}
	table_free(&l.table);
	store_close(&s);
	return status;
}
