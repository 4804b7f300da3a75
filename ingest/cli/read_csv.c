/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Both CSV formats: a row an observation, columns found by their names. SDMX-CSV 2.0 differs in the names, in the
 * columns that say which dataflow it is and what to do with the row, and in labels ("46: Quảng Trị").
 */
#include "csvrow.h"
#include "mem.h"
#include "reader.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum column_kind {
	COLUMN_IGNORED, /* unknown (which was told), or of no use to us */
	COLUMN_UNNAMED, /* must stay empty */
	COLUMN_FIELD,
	COLUMN_DIMENSION,
	COLUMN_STRUCTURE, /* SDMX: dataflow */
	COLUMN_FREQUENCY, /* SDMX: FREQ */
};

struct column {
	enum column_kind kind;
	enum field_id field;
	char *name;
	bool labelled; /* SDMX: cells are "code: label" */
};

struct csv {
	bool is_sdmx;
	enum field_spelling spelling;
	const struct reader_options *options;
	const struct reader_sink *sink;
	struct problems *problems;
	struct column columns[CSVROW_CELLS_MAX];
	size_t n_columns;
	uint64_t rows;
	bool has_header;
};

static struct place place_of(const struct csvrow_cell *cell)
{
	return (struct place){.line = cell->line, .column = cell->column};
}

static struct cell cell_of(const struct csvrow_cell *cell)
{
	return (struct cell){.text = cell->text, .len = cell->len, .at = place_of(cell)};
}

/* ---------------------------------------------------------------- column names */

/* Of SDMX's, and of what the centre says of a figure when it writes it as SDMX-CSV. */
static const char *const sdmx_ignored[] = {
    "STRUCTURE_NAME", "SERIES_KEY",     "OBS_KEY",           "DECIMALS",        "METHOD",         "FINALITY",
    "BOUNDARY",       "COVERAGE_COUNT", "COVERAGE_EXPECTED", "COVERAGE_WEIGHT", "HELD",           "PARTS_REPORTING",
    "PARTS_EXPECTED", "MISSING_AREAS",  "INTERVAL_LOW",      "INTERVAL_HIGH",   "INTERVAL_BASIS", "VINTAGE",
    "KNOWN_AT",       "MOVED",          "CATALOGUE_VERSION"};

static bool is_ignored(const char *name)
{
	for (size_t i = 0; i < sizeof sdmx_ignored / sizeof *sdmx_ignored; i++)
		if (strcmp(name, sdmx_ignored[i]) == 0)
			return true;
	return false;
}

static bool is_declared_dimension(const struct csv *csv, const char *name)
{
	for (size_t i = 0; i < csv->options->n_dimensions; i++)
		if (strcmp(csv->options->dimensions[i], name) == 0)
			return true;
	return false;
}

static bool is_dimension_id(const char *id)
{
	bool fine = isalpha((unsigned char)id[0]) != 0;

	for (; *id; id++)
		fine = fine && (isalnum((unsigned char)*id) || *id == '_');
	return fine;
}

static void take_dimension(struct csv *csv, struct column *column, const char *id, struct place at)
{
	size_t n = 0;

	if (!is_dimension_id(id)) {
		problems_add(csv->problems, PROBLEM_DIMENSION_BAD, at, (struct problem_words){.found = id});
		return;
	}
	for (size_t i = 0; i < csv->n_columns; i++)
		n += csv->columns[i].kind == COLUMN_DIMENSION;
	if (n == DIMENSIONS_MAX) {
		char max[24];

		snprintf(max, sizeof max, "%d", DIMENSIONS_MAX);
		problems_add(csv->problems, PROBLEM_DIMENSIONS_TOO_MANY, at, (struct problem_words){.hint = max});
		return;
	}
	memmove(column->name, id, strlen(id) + 1);
	column->kind = COLUMN_DIMENSION;
}

static void take_unknown(struct csv *csv, const char *name, struct place at)
{
	char *other = csv->is_sdmx ? xasprintf("--dimension %s", name) : xasprintf("dim:%s", name);

	problems_add(csv->problems, PROBLEM_COLUMN_UNKNOWN, at,
		     (struct problem_words){.found = name,
					    .hint = field_nearest(name, csv->spelling, -1),
					    .other = is_dimension_id(name) ? other : ""});
	free(other);
}

/* What a column is, by its name. */
static void settle_column(struct csv *csv, struct column *column, struct place at)
{
	const char *name = column->name;

	column->field = field_by_column(name, csv->spelling);
	if (!*name)
		column->kind = COLUMN_UNNAMED;
	else if (column->field != FIELD_COUNT)
		column->kind = COLUMN_FIELD;
	else if (strncmp(name, "dim:", 4) == 0)
		take_dimension(csv, column, name + 4, at);
	else if (is_declared_dimension(csv, name))
		take_dimension(csv, column, name, at);
	else if (csv->is_sdmx && (strcmp(name, "STRUCTURE") == 0 || strncmp(name, "STRUCTURE[", 10) == 0))
		column->kind = COLUMN_STRUCTURE;
	else if (csv->is_sdmx && strcmp(name, "FREQ") == 0)
		column->kind = COLUMN_FREQUENCY;
	else if (!csv->is_sdmx || !is_ignored(name))
		take_unknown(csv, name, at);
}

/* The name without spaces around it and, in SDMX, without a label. Caller frees. */
static char *column_name(const struct csv *csv, const struct csvrow_cell *cell, bool *ret_labelled)
{
	char *name = xstrndup(cell->text, cell->len), *label = csv->is_sdmx ? strstr(name, ": ") : NULL;
	size_t len, spaces = strspn(name, " \t");

	*ret_labelled = label != NULL;
	if (label)
		*label = 0;
	memmove(name, name + spaces, strlen(name + spaces) + 1);
	for (len = strlen(name); len && (name[len - 1] == ' ' || name[len - 1] == '\t'); len--)
		name[len - 1] = 0;
	return name;
}

static bool is_twice(const struct csv *csv, const struct column *column)
{
	for (const struct column *c = csv->columns; c < column; c++)
		if (*column->name && c->kind == column->kind && c->field == column->field &&
		    (column->kind == COLUMN_FIELD || strcmp(c->name, column->name) == 0))
			return true;
	return false;
}

static bool has_column(const struct csv *csv, enum field_id field)
{
	for (size_t i = 0; i < csv->n_columns; i++)
		if (csv->columns[i].kind == COLUMN_FIELD && csv->columns[i].field == field)
			return true;
	return false;
}

static void tell_missing(struct csv *csv, enum field_id field, uint64_t line)
{
	if (!has_column(csv, field) && !csv->sink->supplies(csv->sink->context, field))
		problems_add(
		    csv->problems, PROBLEM_COLUMN_MISSING, (struct place){.line = line, .column = 1},
		    (struct problem_words){.field = field_name(field, csv->spelling), .hint = fields[field].option});
}

/* --dimension names columns: one that the file does not have is a slip of the pen. */
static void tell_missing_dimensions(struct csv *csv, uint64_t line)
{
	for (size_t i = 0; i < csv->options->n_dimensions; i++) {
		const char *id = csv->options->dimensions[i];
		bool there = false;

		for (size_t c = 0; !there && c < csv->n_columns; c++)
			there = strcmp(csv->columns[c].name, id) == 0;
		if (!there)
			problems_add(csv->problems, PROBLEM_COLUMN_MISSING, (struct place){.line = line, .column = 1},
				     (struct problem_words){.field = id});
	}
}

static void take_header(struct csv *csv, const struct csvrow *row)
{
	csv->has_header = true;
	for (size_t i = 0; i < row->n; i++) {
		struct column *column = &csv->columns[i];

		column->name = column_name(csv, &row->cells[i], &column->labelled);
		settle_column(csv, column, place_of(&row->cells[i]));
		if (is_twice(csv, column)) {
			problems_add(csv->problems, PROBLEM_COLUMN_TWICE, place_of(&row->cells[i]),
				     (struct problem_words){.field = column->name});
			column->kind = COLUMN_IGNORED;
		}
		csv->n_columns++;
	}
	for (int field = 0; field < FIELD_COUNT; field++)
		if (fields[field].required)
			tell_missing(csv, (enum field_id)field, row->line);
	if (!has_column(csv, FIELD_NUMERATOR) && !has_column(csv, FIELD_MISSING_REASON) &&
	    !has_column(csv, FIELD_ACTION))
		tell_missing(csv, FIELD_VALUE, row->line);
	tell_missing_dimensions(csv, row->line);
}

/* ---------------------------------------------------------------- SDMX cells */

/* "VN:payments_province(1.0)" is payments_province. */
static void take_structure_id(struct csv *csv, struct cell *cell)
{
	const char *end = cell->text + cell->len, *colon = memchr(cell->text, ':', cell->len);
	const char *open = colon ? memchr(colon, '(', (size_t)(end - colon)) : NULL;

	if (cell->len == 0)
		return;
	if (!open || open == colon + 1) {
		problems_add(csv->problems, PROBLEM_STRUCTURE_ID_BAD, cell->at,
			     (struct problem_words){.found = cell->text, .found_len = cell->len});
		cell->len = 0;
		cell->is_wrong = true;
		return;
	}
	cell->text = colon + 1;
	cell->len = (size_t)(open - colon - 1);
}

/* The actions of SDMX that state a figure, and the one that takes it back. */
static void take_action(struct csv *csv, struct cell *cell)
{
	static const char replace[] = "replace", withdraw[] = "withdraw";

	if (cell->len == 0)
		return;
	if (cell->len == 1 && strchr("IAMR", cell->text[0])) {
		*cell = (struct cell){replace, sizeof replace - 1, cell->at, false};
	} else if (cell->len == 1 && cell->text[0] == 'D') {
		*cell = (struct cell){withdraw, sizeof withdraw - 1, cell->at, false};
	} else {
		problems_add(
		    csv->problems, PROBLEM_WORD_UNKNOWN, cell->at,
		    (struct problem_words){
			.field = "ACTION", .found = cell->text, .found_len = cell->len, .hint = "I, A, M, R, D"});
		cell->len = 0;
	}
}

static void take_structure(struct csv *csv, const struct cell *cell)
{
	static const char expected[] = "dataflow";

	if (cell->len != sizeof expected - 1 || strncasecmp(cell->text, expected, cell->len) != 0)
		problems_add(csv->problems, PROBLEM_STRUCTURE_BAD, cell->at,
			     (struct problem_words){.found = cell->text, .found_len = cell->len});
}

static void drop_label(struct cell *cell)
{
	const char *label = memmem(cell->text, cell->len, ": ", 2);

	if (label)
		cell->len = (size_t)(label - cell->text);
}

/* ---------------------------------------------------------------- rows */

static void take_field(struct csv *csv, struct record *record, const struct column *column, struct cell cell)
{
	if (csv->is_sdmx && column->field == FIELD_DATAFLOW)
		take_structure_id(csv, &cell);
	else if (csv->is_sdmx && column->field == FIELD_ACTION)
		take_action(csv, &cell);
	record->cells[column->field] = cell;
}

static void take_cell(struct csv *csv, struct record *record, const struct column *column, struct cell cell)
{
	if (column->labelled)
		drop_label(&cell);
	switch (column->kind) {
	case COLUMN_FIELD: take_field(csv, record, column, cell); break;
	case COLUMN_DIMENSION:
		record->dimensions[record->n_dimensions].id = column->name;
		record->dimensions[record->n_dimensions++].value = cell;
		break;
	case COLUMN_STRUCTURE: take_structure(csv, &cell); break;
	case COLUMN_FREQUENCY: record->frequency = cell; break;
	case COLUMN_UNNAMED:
		if (cell.len)
			problems_add(csv->problems, PROBLEM_COLUMN_UNNAMED, cell.at,
				     (struct problem_words){.found = cell.text, .found_len = cell.len});
		break;
	case COLUMN_IGNORED: break;
	}
}

/* Cells of the row up to the last that is not empty. */
static size_t cells_used(const struct csvrow *row)
{
	size_t n = row->n;

	while (n > 0 && row->cells[n - 1].len == 0)
		n--;
	return n;
}

static void tell_width(struct csv *csv, const struct csvrow *row, enum problem_kind kind, const struct csvrow_cell *at)
{
	char has[24], expected[24];

	snprintf(has, sizeof has, "%zu", row->n);
	snprintf(expected, sizeof expected, "%zu", csv->n_columns);
	problems_add(csv->problems, kind, place_of(at), (struct problem_words){.found = has, .hint = expected});
}

static void take_row(struct csv *csv, const struct csvrow *row)
{
	struct record record = {.at = {.line = row->line, .column = 1}, .spelling = csv->spelling};

	csv->rows++;
	if (row->n < csv->n_columns) {
		tell_width(csv, row, PROBLEM_ROW_SHORT, &row->cells[row->n - 1]);
		return;
	}
	if (cells_used(row) > csv->n_columns) {
		tell_width(csv, row, PROBLEM_ROW_LONG, &row->cells[csv->n_columns]);
		return;
	}
	for (size_t i = 0; i < csv->n_columns; i++)
		take_cell(csv, &record, &csv->columns[i], cell_of(&row->cells[i]));
	csv->sink->record(csv->sink->context, &record);
}

/* ---------------------------------------------------------------- csvrow's calls */

static void on_row(void *context, const struct csvrow *row)
{
	struct csv *csv = context;

	if (cells_used(row) == 0)
		return;
	if (!csv->has_header)
		take_header(csv, row);
	else
		take_row(csv, row);
}

static void on_comment(void *context, const char *text, size_t len, uint64_t line)
{
	static const char locale[] = "locale:";
	struct csv *csv = context;
	char *name;

	if (len < sizeof locale - 1 || strncasecmp(text, locale, sizeof locale - 1) != 0)
		return;
	text += sizeof locale - 1;
	len -= sizeof locale - 1;
	while (len && *text == ' ')
		text++, len--;
	name = xstrndup(text, len);
	if (!csv->sink->locale(csv->sink->context, name))
		problems_add(csv->problems, PROBLEM_LOCALE_UNKNOWN, (struct place){.line = line, .column = 1},
			     (struct problem_words){.found = name});
	free(name);
}

static void on_fault(void *context, enum csvrow_fault fault, uint64_t line, uint32_t column)
{
	static const struct {
		enum problem_kind kind;
		unsigned limit;
	} kinds[] = {[CSVROW_TOO_LONG] = {PROBLEM_ROW_TOO_LONG, CSVROW_BYTES_MAX},
		     [CSVROW_TOO_MANY_CELLS] = {PROBLEM_COLUMNS_TOO_MANY, CSVROW_CELLS_MAX},
		     [CSVROW_QUOTE_STRAY] = {PROBLEM_QUOTE_STRAY, 0},
		     [CSVROW_QUOTE_OPEN] = {PROBLEM_QUOTE_OPEN, 0}};
	struct csv *csv = context;
	char limit[24];

	snprintf(limit, sizeof limit, "%u", kinds[fault].limit);
	problems_add(csv->problems, kinds[fault].kind, (struct place){.line = line, .column = column},
		     (struct problem_words){.hint = limit});
	csv->rows++;
}

bool read_csv(struct input *in, bool is_sdmx, const struct reader_options *options, const struct reader_sink *sink,
	      struct problems *problems, struct err *err)
{
	static const struct csvrow_handler handler = {on_comment, on_row, on_fault};
	struct csv csv = {.is_sdmx = is_sdmx,
			  .spelling = is_sdmx ? SPELLING_SDMX : SPELLING_COLUMN,
			  .options = options,
			  .sink = sink,
			  .problems = problems};
	bool ok = csvrow_read(in, &handler, &csv, err);

	if (ok && csv.rows == 0)
		problems_add(problems, csv.has_header ? PROBLEM_NO_ROWS : PROBLEM_FILE_EMPTY, (struct place){0},
			     (struct problem_words){0});
	for (size_t i = 0; i < csv.n_columns; i++)
		free(csv.columns[i].name);
	return ok;
}
