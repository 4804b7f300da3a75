/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SDMX-CSV 2.0 by its field guide: a row an observation, which names its dataflow itself, so that one file may hold several;
 * labels=id, timeFormat=original, keys=none. Columns without values stay: rows are written before it is known.
 */
#include "sdmx.h"
#include "table.h"
#include "writer.h"

static void begin(struct export *e)
{
	static const char *const first[] = {"STRUCTURE", "STRUCTURE_ID", "ACTION"};
	struct table *t = table_new(TABLE_CSV, e->out);

	e->state = t;
	for (size_t i = 0; i < sizeof first / sizeof *first; i++) {
		table_column(t, first[i], first[i], TABLE_LEFT);
	}
	for (size_t i = 0; i < SDMX_COMPONENTS; i++) {
		table_column(t, sdmx_components[i].id, sdmx_components[i].id, TABLE_LEFT);
	}
}

static void row(struct export *e, const struct rollup_row *r)
{
	struct table *t = e->state;
	char buf[SDMX_BUFFER];

	table_cell(t, "dataflow");
	table_cell_printf(t, "%s:%s(%s)", SDMX_AGENCY, r->dataflow, SDMX_VERSION);
	table_cell(t, "I");
	for (size_t i = 0; i < SDMX_COMPONENTS; i++) {
		table_cell(t, sdmx_components[i].text(r, buf));
	}
}

static void end(struct export *e)
{
	table_end(e->state);
}

static void done(struct export *e)
{
	struct table *t = e->state;

	table_free(&t);
}

const struct writer sdmx_csv_writer = {begin, row, end, done};
