/* SPDX-License-Identifier: Apache-2.0 */
#include "claims.h"
#include "clock.h"
#include "figures.h"

#include <stdio.h>

void claims_columns(struct table *t)
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
					   "level",
					   "area",
					   "said_by",
					   "state",
					   "difference",
					   "outdated_since",
					   "cause",
					   "statements",
					   "of_area",
					   "agent",
					   "seq",
					   "reason"};

	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
		table_column(t, keys[i], keys[i], TABLE_LEFT);
	}
	figures_columns(t);
}

void claims_cells(struct table *t, const struct claim_row *row)
{
	char mult[16], since[CLOCK_TEXT];

	snprintf(mult, sizeof mult, "%d", row->published_unit_mult);
	table_cell_number(t, row->figure_no);
	table_cell(t, row->indicator);
	table_cell(t, row->time_period);
	table_cell(t, row->published);
	table_cell(t, row->published_numerator);
	table_cell(t, row->published_denominator);
	table_cell_number(t, mult);
	table_cell(t, row->published_qualifier);
	table_cell(t, row->announced_on);
	table_cell(t, row->source);
	table_cell(t, row->level);
	table_cell(t, row->area);
	table_cell(t, row->said_by);
	table_cell(t, row->status);
	table_cell(t, row->difference);
	table_cell(t, row->outdated_since_us ? clock_text_rfc3339(row->outdated_since_us, since) : NULL);
	table_cell(t, row->cause);
	table_cell_number(t, row->statements);
	table_cell(t, row->of_area);
	table_cell(t, row->agent);
	table_cell_number(t, row->seq);
	table_cell(t, row->reason);
	figures_cells(t, &row->figure);
}
