/* SPDX-License-Identifier: Apache-2.0 */
/* CSV and JSON with Trạm's own columns, printed by the same hand as every command's. */
#include "figures.h"
#include "writer.h"

#include <string.h>

static bool of_provinces(const struct export *e)
{
	return strcmp(e->meta.level, "province") == 0;
}

static void begin(struct export *e, enum table_format format)
{
	static const char *const keys[] = {"area", "area_name", "indicator", "time_period"};
	struct table *t = table_new(format, e->out);

	e->state = t;
	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
		table_column(t, keys[i], keys[i], TABLE_LEFT);
	}
	figures_columns(t);
	if (of_provinces(e)) {
		table_column(t, "justification_code", "justification_code", TABLE_LEFT);
		table_column(t, "justification", "justification", TABLE_LEFT);
	}
}

static void begin_csv(struct export *e)
{
	begin(e, TABLE_CSV);
}

static void begin_json(struct export *e)
{
	begin(e, TABLE_JSON);
}

static void row(struct export *e, const struct rollup_row *r)
{
	struct table *t = e->state;

	table_cell(t, r->area);
	table_cell(t, e->meta.in_vietnamese ? r->area_name_vi : r->area_name_en);
	table_cell(t, r->indicator);
	table_cell(t, r->time_period);
	figures_cells(t, &r->figure);
	if (of_provinces(e)) {
		table_cell(t, r->justification_code);
		table_cell(t, r->justification);
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

const struct writer csv_writer = {begin_csv, row, end, done};
const struct writer json_writer = {begin_json, row, end, done};
