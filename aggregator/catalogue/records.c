/* SPDX-License-Identifier: Apache-2.0 */
#include "records.h"
#include "lang.h"
#include "mem.h"
#include "period.h"
#include "text.h"

#include <csv.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NO_COLUMN (-1)

struct reader {
	const struct record_type *type;
	struct arena *arena;
	struct mistakes *mistakes;
	int line;     /* being fed */
	int row_line; /* where the row that is being gathered began */
	const char *fields[RECORDS_COLUMNS_MAX];
	size_t n_fields; /* also beyond RECORDS_COLUMNS_MAX, to be counted */
	bool have_head;
	int field_of[RECORDS_COLUMNS_MAX]; /* by column */
	size_t head_fields;
	char *rows;
	size_t n, room;
	bool exhausted;
};

void mistakes_add(struct mistakes *m, const char *file, int line, const char *format, ...)
{
	char text[ERR_TEXT_MAX];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	if (m->n == m->room) {
		m->room = m->room ? 2 * m->room : 16;
		m->list = xreallocarray(m->list, m->room, sizeof *m->list);
	}
	m->list[m->n++] = (struct catalogue_mistake){.file = xstrdup(file), .line = line, .text = xstrdup(text)};
}

#define mistake(r, line, ...) mistakes_add((r)->mistakes, (r)->type->file, (line), __VA_ARGS__)

/* ---------------------------------------------------------------- one value */

struct value {
	struct reader *reader;
	const struct column *column;
	const char *text;
	void *to;
};

#define bad_value(v, ...)                                                                                              \
	mistakes_add((v)->reader->mistakes, (v)->reader->type->file, (v)->reader->row_line, __VA_ARGS__)

static bool is_code(const char *s)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./";
	size_t len = strlen(s);

	return len > 0 && len <= 64 && strspn(s, allowed) == len;
}

static void read_text(const struct value *v)
{
	*(const char **)v->to = v->text;
}

static void read_code(const struct value *v)
{
	if (*v->text && !is_code(v->text)) {
		bad_value(v, _("%s: '%s' is no code; use at most 64 letters, digits, '_', '-', '.' and '/'"),
			  v->column->name, v->text);
	}
	read_text(v);
}

/* "A|S": letters of frequencies, each once. */
static bool is_frequencies(const char *s)
{
	char seen[8] = "";
	size_t n = 0;

	for (;; s += 2) {
		if (!*s || !strchr("ASQMWDR", *s) || memchr(seen, *s, n)) {
			return false;
		}
		seen[n++] = *s;
		if (!s[1]) {
			return true;
		}
		if (s[1] != '|') {
			return false;
		}
	}
}

static void read_frequencies(const struct value *v)
{
	if (!is_frequencies(v->text)) {
		bad_value(
		    v,
		    _("%s: '%s' is no list of frequencies; write letters of A S Q M W D R with '|' between, each once"),
		    v->column->name, v->text);
	}
	read_text(v);
}

static void read_integer(const struct value *v)
{
	char *end;
	long n;

	if (!*v->text) {
		*(int *)v->to = RECORDS_ABSENT;
		return;
	}
	errno = 0;
	n = strtol(v->text, &end, 10);
	if (end == v->text || *end || errno || n < v->column->min || n > v->column->max) {
		bad_value(v, _("%s: '%s' is no whole number from %d to %d"), v->column->name, v->text, v->column->min,
			  v->column->max);
		return;
	}
	*(int *)v->to = (int)n;
}

static void read_yes(const struct value *v)
{
	bool yes = strcmp(v->text, "y") == 0;

	if (!yes && strcmp(v->text, "n") != 0) {
		bad_value(v, _("%s: '%s' is neither y nor n"), v->column->name, v->text);
	}
	*(bool *)v->to = yes;
}

static void read_yes_unknown(const struct value *v)
{
	bool yes = false;

	if (!*v->text) {
		*(int *)v->to = -1;
		return;
	}
	read_yes(&(struct value){.reader = v->reader, .column = v->column, .text = v->text, .to = &yes});
	*(int *)v->to = yes;
}

static void read_date(const struct value *v)
{
	int32_t day = DATE_OPEN;

	if (*v->text && !date_parse(v->text, &day)) {
		bad_value(v, _("%s: '%s' is no date; write YYYY-MM-DD"), v->column->name, v->text);
	}
	*(int32_t *)v->to = day;
}

static void read_decimal(const struct value *v)
{
	struct optional_decimal *to = v->to;

	if (!*v->text) {
		return;
	}
	if (decimal_parse(v->text, strlen(v->text), DECIMAL_LOCALE_NONE, &to->d) != DECIMAL_FINE) {
		bad_value(v, _("%s: '%s' is no figure; write digits with at most one point, as 16.4"), v->column->name,
			  v->text);
		return;
	}
	to->has = true;
}

static void read_choice(const struct value *v)
{
	char list[512] = "";
	size_t used = 0;

	if (!*v->text) {
		*(int *)v->to = RECORDS_ABSENT;
		return;
	}
	for (int i = 0; v->column->choices[i]; i++) {
		if (strcmp(v->column->choices[i], v->text) == 0) {
			*(int *)v->to = i;
			return;
		}
		used += (size_t)snprintf(list + used, sizeof list - used, "%s%s", i ? ", " : "", v->column->choices[i]);
		if (used >= sizeof list) {
			break;
		}
	}
	bad_value(v, _("%s: '%s' is unknown; it must be one of: %s"), v->column->name, v->text, list);
}

static void read_date_text(const struct value *v)
{
	int32_t day;

	read_date(&(struct value){.reader = v->reader, .column = v->column, .text = v->text, .to = &day});
	read_text(v);
}

static void read_figure_text(const struct value *v)
{
	struct optional_decimal figure;

	read_decimal(&(struct value){.reader = v->reader, .column = v->column, .text = v->text, .to = &figure});
	read_text(v);
}

static bool is_text(enum column_type type)
{
	return type == COLUMN_TEXT || type == COLUMN_CODE || type == COLUMN_FREQUENCIES || type == COLUMN_DATE_TEXT ||
	       type == COLUMN_FIGURE_TEXT;
}

static void (*const read_value[])(const struct value *v) = {
    [COLUMN_TEXT] = read_text,
    [COLUMN_CODE] = read_code,
    [COLUMN_FREQUENCIES] = read_frequencies,
    [COLUMN_INTEGER] = read_integer,
    [COLUMN_YES] = read_yes,
    [COLUMN_YES_UNKNOWN] = read_yes_unknown,
    [COLUMN_DATE] = read_date,
    [COLUMN_DECIMAL] = read_decimal,
    [COLUMN_CHOICE] = read_choice,
    [COLUMN_DATE_TEXT] = read_date_text,
    [COLUMN_FIGURE_TEXT] = read_figure_text,
};

/* ---------------------------------------------------------------- rows */

static int column_by_name(const struct record_type *type, const char *name)
{
	for (size_t i = 0; i < type->n_columns; i++) {
		if (strcmp(type->columns[i].name, name) == 0) {
			return (int)i;
		}
	}
	return NO_COLUMN;
}

static void take_head(struct reader *r)
{
	r->have_head = true;
	r->head_fields = r->n_fields;
	for (size_t i = 0; i < RECORDS_COLUMNS_MAX; i++) {
		r->field_of[i] = NO_COLUMN;
	}
	for (size_t i = 0; i < r->n_fields && i < RECORDS_COLUMNS_MAX; i++) {
		int column = column_by_name(r->type, r->fields[i]);

		if (column == NO_COLUMN) {
			mistake(r, r->row_line, _("column '%s' is unknown; take it out or mend its name"),
				r->fields[i]);
		} else if (r->field_of[column] != NO_COLUMN) {
			mistake(r, r->row_line, _("column '%s' stands twice; keep one"), r->fields[i]);
		} else {
			r->field_of[column] = (int)i;
		}
	}
	for (size_t i = 0; i < r->type->n_columns; i++) {
		if (r->field_of[i] == NO_COLUMN && r->type->columns[i].need != COLUMN_MAY_BE_ABSENT) {
			mistake(r, r->row_line, _("column '%s' is missing; add it"), r->type->columns[i].name);
		}
	}
}

static void *new_row(struct reader *r)
{
	if (r->n == r->room) {
		r->room = r->room ? 2 * r->room : 64;
		r->rows = xreallocarray(r->rows, r->room, r->type->row_size);
	}
	return memset(r->rows + r->type->row_size * r->n++, 0, r->type->row_size);
}

static void take_row(struct reader *r)
{
	char *row = new_row(r);

	memcpy(row, &r->row_line, sizeof r->row_line);
	if (r->n_fields != r->head_fields) {
		mistake(r, r->row_line, _("%zu fields where the head has %zu; a text with a comma needs quotes"),
			r->n_fields, r->head_fields);
	}
	for (size_t i = 0; i < r->type->n_columns; i++) {
		const struct column *column = &r->type->columns[i];
		int field = r->field_of[i];
		bool there = field != NO_COLUMN && (size_t)field < r->n_fields;
		struct value v = {
		    .reader = r, .column = column, .text = there ? r->fields[field] : "", .to = row + column->offset};

		if (!*v.text && column->need == COLUMN_FILLED) {
			if (there) {
				mistake(r, r->row_line, _("%s is empty; fill it in"), column->name);
			}
			if (is_text(column->type)) {
				read_text(&v);
			}
			continue;
		}
		read_value[column->type](&v);
	}
}

/* ---------------------------------------------------------------- libcsv */

static const char *fault_remedy(enum text_fault fault)
{
	switch (fault) {
	case TEXT_NOT_UTF8: return _("is not UTF-8; save the file as UTF-8");
	case TEXT_NUL:
	case TEXT_CONTROL: return _("holds a control character; take it out");
	case TEXT_INVISIBLE: return _("holds an invisible character (such as U+00A0); write a plain space or nothing");
	case TEXT_NOT_NFC: return _("is not in Unicode form NFC; save the file as NFC");
	case TEXT_FINE: break;
	}
	return "";
}

static void on_field(void *data, size_t len, void *context)
{
	struct reader *r = context;
	size_t at, i = r->n_fields++;
	enum text_fault fault = len ? text_check(data, len, &at) : TEXT_FINE;
	char *copy;

	if (fault != TEXT_FINE) {
		mistake(r, r->row_line, _("field %zu %s"), i + 1, fault_remedy(fault));
	}
	if (i >= RECORDS_COLUMNS_MAX) {
		return;
	}
	copy = len && fault != TEXT_NUL ? arena_strndup(r->arena, data, len) : NULL;
	r->exhausted = r->exhausted || (len && fault != TEXT_NUL && !copy);
	r->fields[i] = copy ? copy : "";
}

static void on_row(int end, void *context)
{
	struct reader *r = context;

	(void)end;
	if (r->have_head) {
		take_row(r);
	} else {
		take_head(r);
	}
	r->n_fields = 0;
	r->row_line = 0;
}

/* libcsv tells no line numbers, so it is fed line by line. */
static bool feed(struct reader *r, struct csv_parser *parser, const char *content, size_t len)
{
	while (len > 0) {
		const char *newline = memchr(content, '\n', len);
		size_t n = newline ? (size_t)(newline - content) + 1 : len;

		r->line++;
		if (r->n_fields == 0 && parser->entry_pos == 0) {
			r->row_line = r->line;
		}
		if (csv_parse(parser, content, n, on_field, on_row, r) != n) {
			return false;
		}
		content += n;
		len -= n;
	}
	return csv_fini(parser, on_field, on_row, r) == 0;
}

static bool read_all(struct reader *r, const char *content, size_t len)
{
	struct csv_parser parser;
	bool fine;

	if (csv_init(&parser, CSV_STRICT | CSV_STRICT_FINI) != 0) {
		abort();
	}
	csv_set_realloc_func(&parser, xrealloc);
	fine = feed(r, &parser, content, len);
	if (!fine) {
		mistake(
		    r, r->row_line ? r->row_line : r->line,
		    _("a quote does not close, or stands inside a field; write \"\" for a quote in a quoted field"));
	} else if (!r->have_head) {
		mistake(r, 1, _("the file is empty; its first line names the columns"));
	}
	csv_free(&parser);
	return fine;
}

bool records_read(const struct record_type *type, const char *content, size_t len, struct arena *a, struct mistakes *m,
		  struct records *ret)
{
	struct reader r = {.type = type, .arena = a, .mistakes = m};
	bool bom = len >= 3 && memcmp(content, "\xEF\xBB\xBF", 3) == 0;

	read_all(&r, content + (bom ? 3 : 0), len - (bom ? 3 : 0));
	ret->n = r.n;
	ret->rows = arena_calloc(a, r.n, type->row_size);
	if (ret->rows && r.n) {
		memcpy(ret->rows, r.rows, r.n * type->row_size);
	}
	free(r.rows);
	return ret->rows && !r.exhausted;
}
