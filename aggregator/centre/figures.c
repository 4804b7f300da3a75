/* SPDX-License-Identifier: Apache-2.0 */
#include "figures.h"

/* Programs read keys, not titles. */
void figures_columns(struct table *t)
{
	static const char *const keys[] = {
	    "value",    "numerator",         "denominator",     "method",         "unit",
	    "boundary", "catalogue_version", "areas_reporting", "areas_expected", "coverage_weight",
	    "finality", "obs_status",        "qualifier",       "demonstration",  "held"};

	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
		table_column(t, keys[i], keys[i], TABLE_LEFT);
	}
}

void figures_number(struct table *t, const char *digits)
{
	if (digits) {
		table_cell_number(t, digits);
	} else {
		table_cell(t, NULL);
	}
}

static void count(struct table *t, int n)
{
	char digits[16];

	snprintf(digits, sizeof digits, "%d", n);
	table_cell_number(t, digits);
}

void figures_cells(struct table *t, const struct rollup_figure *f)
{
	figures_number(t, f->value);
	figures_number(t, f->numerator);
	figures_number(t, f->denominator);
	table_cell(t, f->method);
	table_cell(t, f->unit);
	table_cell(t, f->boundary);
	figures_number(t, f->catalogue_version);
	count(t, f->areas_reporting);
	count(t, f->areas_expected);
	figures_number(t, f->coverage_weight);
	table_cell(t, f->finality);
	table_cell(t, f->obs_status);
	table_cell(t, f->qualifier);
	table_cell(t, f->demonstration ? "yes" : "no");
	count(t, f->held);
}
