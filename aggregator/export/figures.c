/* SPDX-License-Identifier: Apache-2.0 */
#include "figures.h"

/* Programs read keys, not titles. */
void figures_columns(struct table *t)
{
	static const char *const keys[] = {
	    "value",           "numerator",         "denominator",     "method",         "unit",
	    "boundary",        "catalogue_version", "areas_reporting", "areas_expected", "coverage_weight",
	    "finality",        "obs_status",        "qualifier",       "demonstration",  "held",
	    "parts_reporting", "parts_expected",    "missing",         "interval_low",   "interval_high",
	    "interval_basis",  "vintage",           "known_at",        "moved"};

	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
		table_column(t, keys[i], keys[i], TABLE_LEFT);
	}
}

void figures_cells(struct table *t, const struct rollup_figure *f)
{
	table_cell(t, f->value);
	table_cell(t, f->numerator);
	table_cell(t, f->denominator);
	table_cell(t, f->method);
	table_cell(t, f->unit);
	table_cell(t, f->boundary);
	table_cell_number(t, f->catalogue_version);
	table_cell_count(t, f->areas_reporting);
	table_cell_count(t, f->areas_expected);
	table_cell_number(t, f->coverage_weight);
	table_cell(t, f->finality);
	table_cell(t, f->obs_status);
	table_cell(t, f->qualifier);
	table_cell_bool(t, f->demonstration);
	table_cell_count(t, f->held);
	table_cell_count(t, f->parts_reporting);
	table_cell_count(t, f->parts_expected);
	table_cell(t, f->missing);
	table_cell(t, f->interval_low);
	table_cell(t, f->interval_high);
	table_cell(t, f->interval_basis);
	table_cell_count(t, f->vintage);
	table_cell(t, f->known_at);
	table_cell_bool(t, f->moved);
}
