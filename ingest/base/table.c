/* SPDX-License-Identifier: Apache-2.0 */
#include "table.h"
#include "mem.h"
#include "text.h"

#include <assert.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define COLUMNS_MAX  64
#define ROWS_WAITING 200 /* the widths come from the first rows; later ones are printed as they come */

struct column {
	char *key, *title;
	enum table_align align;
	size_t width;
};

enum cell_kind { CELL_TEXT, CELL_NUMBER, CELL_BOOL };

struct cell {
	char *text; /* NULL: nothing */
	const char *colour;
	enum cell_kind kind;
};

struct table {
	enum table_format format;
	FILE *out;
	bool colours;
	struct column columns[COLUMNS_MAX];
	size_t n_columns;
	struct cell *cells; /* those not printed yet, row by row */
	size_t n_cells, room;
	bool begun, ended; /* the head is printed; the end is */
	bool any_row;
	char *when_empty; /* NULL: the head alone */
};

static const struct {
	const char *name, *code;
} colours[] = {
    {"red", "\033[31m"}, {"yellow", "\033[33m"}, {"green", "\033[32m"}, {"dim", "\033[2m"}, {"bold", "\033[1m"},
};

static bool wants_colour(FILE *out)
{
	const char *no = getenv("NO_COLOR"), *term = getenv("TERM");
	int fd = fileno(out);

	return fd >= 0 && isatty(fd) && !(no && *no) && !(term && strcmp(term, "dumb") == 0);
}

struct table *table_new(enum table_format format, FILE *out)
{
	struct table *t = xcalloc(1, sizeof *t);

	t->format = format;
	t->out = out;
	t->colours = format == TABLE_TEXT && wants_colour(out);
	return t;
}

bool table_has_colours(const struct table *t)
{
	return t->colours;
}

static void drop_cells(struct table *t)
{
	for (size_t i = 0; i < t->n_cells; i++) {
		free(t->cells[i].text);
	}
	t->n_cells = 0;
}

void table_free(struct table **tp)
{
	struct table *t = *tp;

	if (!t) {
		return;
	}
	drop_cells(t);
	free(t->cells);
	free(t->when_empty);
	for (size_t i = 0; i < t->n_columns; i++) {
		free(t->columns[i].key);
		free(t->columns[i].title);
	}
	free(t);
	*tp = NULL;
}

void table_column(struct table *t, const char *key, const char *title, enum table_align align)
{
	assert(!t->begun && t->n_cells == 0 && t->n_columns < COLUMNS_MAX);
	t->columns[t->n_columns++] = (struct column){.key = xstrdup(key), .title = xstrdup(title), .align = align};
}

void table_when_empty(struct table *t, const char *text)
{
	free(t->when_empty);
	t->when_empty = xstrdup(text);
}

/* A cell may hold what somebody far away wrote: no control character reaches a terminal, no bad byte a JSON reader. */
static char *clean(const char *text, bool one_line)
{
	static const char replacement[] = "\xEF\xBF\xBD"; /* U+FFFD */
	size_t len = strlen(text), used = 0;
	char *copy = xmalloc(3 * len + 1);

	for (size_t i = 0; i < len;) {
		size_t n = text_character(text + i, len - i);
		bool bad = n == 0 || (one_line && text_check(text + i, n, NULL) == TEXT_CONTROL);

		if (bad) {
			memcpy(copy + used, replacement, 3);
			used += 3;
		} else {
			bool blank = one_line && (text[i] == '\n' || text[i] == '\t');

			memcpy(copy + used, blank ? " " : text + i, n);
			used += n;
		}
		i += n ? n : 1;
	}
	copy[used] = 0;
	return copy;
}

/* RFC 8259's number: what may stand in JSON as it is. */
static bool is_json_number(const char *s)
{
	size_t whole;

	s += *s == '-';
	whole = strspn(s, "0123456789");
	if (whole == 0 || (whole > 1 && *s == '0')) {
		return false;
	}
	s += whole;
	if (*s == '.') {
		size_t part = strspn(s + 1, "0123456789");

		s += part ? part + 1 : 0;
	}
	return *s == 0;
}

static void print_json_text(FILE *out, const char *text)
{
	json_t *string = json_string(text);
	char *escaped = string ? json_dumps(string, JSON_ENCODE_ANY) : NULL;

	assert(escaped); /* cells are cleaned, keys are ours */
	fputs(escaped, out);
	free(escaped);
	json_decref(string);
}

static void print_json_cell(FILE *out, const struct cell *cell)
{
	if (!cell->text || !*cell->text) {
		fputs("null", out);
	} else if (cell->kind == CELL_BOOL) {
		fputs(strcmp(cell->text, "yes") == 0 ? "true" : "false", out);
	} else if (cell->kind == CELL_NUMBER && is_json_number(cell->text)) {
		fputs(cell->text, out);
	} else {
		print_json_text(out, cell->text);
	}
}

static void print_json_row(struct table *t, const struct cell *row)
{
	fputs(t->any_row ? ",\n {" : "\n {", t->out);
	for (size_t i = 0; i < t->n_columns; i++) {
		fputs(i ? ", " : "", t->out);
		print_json_text(t->out, t->columns[i].key);
		fputs(": ", t->out);
		print_json_cell(t->out, &row[i]);
	}
	fputs("}", t->out);
}

/* RFC 4180, with a plain newline at the end as POSIX tools like it. */
static void print_csv_field(FILE *out, const char *text)
{
	if (!strpbrk(text, "\",\r\n")) {
		fputs(text, out);
		return;
	}
	fputc('"', out);
	for (; *text; text++) {
		fputs(*text == '"' ? "\"" : "", out);
		fputc(*text, out);
	}
	fputc('"', out);
}

static void print_csv_row(struct table *t, const struct cell *row)
{
	for (size_t i = 0; i < t->n_columns; i++) {
		fputs(i ? "," : "", t->out);
		print_csv_field(t->out, row[i].text ? row[i].text : "");
	}
	fputc('\n', t->out);
}

static void print_padding(FILE *out, size_t columns)
{
	fprintf(out, "%*s", (int)columns, "");
}

static void print_text_cell(struct table *t, size_t column, const char *text, const char *colour, bool is_last)
{
	const struct column *c = &t->columns[column];
	size_t taken = text_columns(text), pad = taken < c->width ? c->width - taken : 0;
	bool coloured = t->colours && colour && *text;

	fputs(column ? "  " : "", t->out);
	if (c->align == TABLE_RIGHT) {
		print_padding(t->out, pad);
	}
	fputs(coloured ? colour : "", t->out);
	fputs(text, t->out);
	fputs(coloured ? "\033[0m" : "", t->out);
	if (c->align == TABLE_LEFT && !is_last) {
		print_padding(t->out, pad);
	}
}

/* No blanks behind the last text of a line: lines are copied into letters. */
static void print_text_row(struct table *t, const struct cell *row)
{
	size_t n = t->n_columns;

	while (n > 1 && (!row[n - 1].text || !*row[n - 1].text)) {
		n--;
	}
	for (size_t i = 0; i < n; i++) {
		print_text_cell(t, i, row[i].text ? row[i].text : "", row[i].colour, i + 1 == n);
	}
	fputc('\n', t->out);
}

static void settle_widths(struct table *t)
{
	for (size_t i = 0; i < t->n_columns; i++) {
		t->columns[i].width = text_columns(t->columns[i].title);
	}
	for (size_t i = 0; i < t->n_cells; i++) {
		size_t taken = t->cells[i].text ? text_columns(t->cells[i].text) : 0;
		struct column *c = &t->columns[i % t->n_columns];

		c->width = taken > c->width ? taken : c->width;
	}
}

static void print_head(struct table *t)
{
	struct cell head[COLUMNS_MAX] = {{0}};

	t->begun = true;
	for (size_t i = 0; i < t->n_columns; i++) {
		head[i].text = t->format == TABLE_CSV ? t->columns[i].key : t->columns[i].title;
		head[i].colour = "\033[1m";
	}
	switch (t->format) {
	case TABLE_TEXT:
		settle_widths(t);
		print_text_row(t, head);
		break;
	case TABLE_JSON: fputs("[", t->out); break;
	case TABLE_CSV: print_csv_row(t, head); break;
	}
}

static void print_row(struct table *t, const struct cell *row)
{
	switch (t->format) {
	case TABLE_TEXT: print_text_row(t, row); break;
	case TABLE_JSON: print_json_row(t, row); break;
	case TABLE_CSV: print_csv_row(t, row); break;
	}
	t->any_row = true;
}

static bool row_must_wait(const struct table *t)
{
	return t->format == TABLE_TEXT && !t->begun && t->n_cells < ROWS_WAITING * t->n_columns;
}

static void print_waiting(struct table *t)
{
	if (!t->begun) {
		print_head(t);
	}
	for (size_t i = 0; i < t->n_cells; i += t->n_columns) {
		print_row(t, t->cells + i);
	}
	drop_cells(t);
}

static void add_cell(struct table *t, const char *text, const char *colour, enum cell_kind kind)
{
	assert(t->n_columns > 0 && !t->ended);
	if (t->n_cells == t->room) {
		t->room = t->room ? 2 * t->room : t->n_columns;
		t->cells = xreallocarray(t->cells, t->room, sizeof *t->cells);
	}
	t->cells[t->n_cells++] =
	    (struct cell){.text = text ? clean(text, t->format == TABLE_TEXT) : NULL, .colour = colour, .kind = kind};
	if (t->n_cells % t->n_columns == 0 && !row_must_wait(t)) {
		print_waiting(t);
	}
}

void table_cell(struct table *t, const char *text)
{
	add_cell(t, text, NULL, CELL_TEXT);
}

void table_cell_number(struct table *t, const char *digits)
{
	add_cell(t, digits, NULL, CELL_NUMBER);
}

void table_cell_count(struct table *t, uint64_t n)
{
	char digits[24];

	snprintf(digits, sizeof digits, "%" PRIu64, n);
	table_cell_number(t, digits);
}

void table_cell_bool(struct table *t, bool value)
{
	add_cell(t, value ? "yes" : "no", NULL, CELL_BOOL);
}

void table_cell_printf(struct table *t, const char *format, ...)
{
	va_list args;
	char *text;

	va_start(args, format);
	text = xvasprintf(format, args);
	va_end(args);
	add_cell(t, text, NULL, CELL_TEXT);
	free(text);
}

void table_cell_coloured(struct table *t, const char *colour, const char *text)
{
	const char *code = NULL;

	for (size_t i = 0; colour && i < sizeof colours / sizeof *colours; i++) {
		code = strcmp(colours[i].name, colour) == 0 ? colours[i].code : code;
	}
	assert(code || !colour);
	add_cell(t, text, code, CELL_TEXT);
}

void table_end(struct table *t)
{
	assert(!t->ended && t->n_cells % t->n_columns == 0);
	if (t->format == TABLE_TEXT && t->when_empty && !t->begun && t->n_cells == 0) {
		fprintf(t->out, "%s\n", t->when_empty);
	} else {
		print_waiting(t);
	}
	if (t->format == TABLE_JSON) {
		fputs(t->any_row ? "\n]\n" : "]\n", t->out);
	}
	fflush(t->out);
	t->ended = true;
}

void table_close(struct table **tp, bool ok)
{
	if (ok) {
		table_end(*tp);
	}
	table_free(tp);
}
