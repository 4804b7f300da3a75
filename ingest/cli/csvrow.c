/* SPDX-License-Identifier: Apache-2.0 */
#include "csvrow.h"

#include "mem.h"

#include <assert.h>
#include <csv.h>
#include <stdlib.h>
#include <string.h>

/* libcsv says what a cell holds, not where it stands. So it is fed piece by piece, each ending in a separator or a line
 * end: a cell that it reports began behind the piece that ended the cell before. */

struct spot {
	uint64_t line;
	uint32_t column;
};

struct cell {
	size_t offset, len; /* in the row's bytes */
	struct spot at;
};

struct rows {
	const struct csvrow_handler *handler;
	void *context;
	struct csv_parser parser;
	unsigned char separator;
	struct spot now;   /* of the next byte */
	struct spot start; /* of the cell under way */
	bool after_cr;     /* the last byte was a CR: a LF now ends no second line */
	bool blank;        /* nothing but white space in this row yet */
	bool skipping;     /* behind a fault, until the line ends */
	size_t row_bytes;
	char *bytes; /* the row's cells, each with a NUL */
	size_t used, room;
	struct cell cells[CSVROW_CELLS_MAX];
	size_t n;
	bool overfull; /* more cells than there is room for */
};

/* ---------------------------------------------------------------- where we are */

static void move_over(struct rows *r, unsigned char c)
{
	bool line_ends = c == '\r' || (c == '\n' && !r->after_cr);

	if (line_ends) {
		r->now.line++;
		r->now.column = 1;
	} else if (c != '\n' && (c & 0xC0) != 0x80) {
		r->now.column++;
	}
	r->after_cr = c == '\r';
}

static void begin_row(struct rows *r)
{
	r->start = r->now;
	r->blank = true;
	r->row_bytes = r->used = r->n = 0;
	r->overfull = false;
}

static void start_parser(struct rows *r)
{
	csv_init(&r->parser, CSV_STRICT | CSV_STRICT_FINI);
	csv_set_delim(&r->parser, r->separator);
	csv_set_realloc_func(&r->parser, xrealloc);
	csv_set_blk_size(&r->parser, 4096);
}

static void fail(struct rows *r, enum csvrow_fault fault, struct spot at)
{
	r->handler->fault(r->context, fault, at.line, at.column);
	csv_free(&r->parser);
	start_parser(r);
	r->skipping = true;
}

/* ---------------------------------------------------------------- libcsv's calls */

/* A line end inside a cell is a LF, whatever the file's are. Returns the length. */
static size_t copy_cell(char *to, const char *text, size_t len)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++)
		if (text[i] != '\r' || i + 1 == len || text[i + 1] != '\n')
			to[n++] = text[i];
	return n;
}

static void on_cell(void *text, size_t len, void *context)
{
	struct rows *r = context;

	if (r->n == CSVROW_CELLS_MAX) {
		r->overfull = true;
		return;
	}
	if (r->used + len + 1 > r->room) {
		r->room = (r->used + len + 1) * 2;
		r->bytes = xrealloc(r->bytes, r->room);
	}
	len = copy_cell(r->bytes + r->used, text, len);
	r->bytes[r->used + len] = 0;
	r->cells[r->n++] = (struct cell){r->used, len, r->start};
	r->used += len + 1;
	r->start = r->now;
}

static void on_row(int terminator, void *context)
{
	struct rows *r = context;
	struct csvrow_cell cells[CSVROW_CELLS_MAX];
	struct csvrow row = {cells, r->n, r->n ? r->cells[0].at.line : r->now.line};

	(void)terminator;
	for (size_t i = 0; i < r->n; i++)
		cells[i] = (struct csvrow_cell){r->bytes + r->cells[i].offset, r->cells[i].len, r->cells[i].at.line,
						r->cells[i].at.column};
	if (r->overfull)
		r->handler->fault(r->context, CSVROW_TOO_MANY_CELLS, row.line, 1);
	else
		r->handler->row(r->context, &row);
	begin_row(r);
}

/* ---------------------------------------------------------------- feeding */

static bool ends_piece(const struct rows *r, unsigned char c)
{
	return c == r->separator || c == '\n' || c == '\r';
}

/* One piece: at most one separator or line end, which is its last byte. */
static void feed_piece(struct rows *r, const uint8_t *piece, size_t len)
{
	struct spot row_start = r->n ? r->cells[0].at : r->start, begin = r->now;
	bool after_cr = r->after_cr;
	size_t done;

	for (size_t i = 0; i < len; i++) {
		move_over(r, piece[i]);
		r->blank = r->blank && (piece[i] == ' ' || piece[i] == '\t' || piece[i] == '\r' || piece[i] == '\n') &&
			   piece[i] != r->separator;
	}
	r->row_bytes += len;
	if (r->row_bytes > CSVROW_BYTES_MAX) {
		fail(r, CSVROW_TOO_LONG, row_start);
		return;
	}
	done = csv_parse(&r->parser, piece, len, on_cell, on_row, r);
	if (done < len) {
		struct spot end = r->now;

		r->now = begin;
		r->after_cr = after_cr;
		for (size_t i = 0; i < done; i++)
			move_over(r, piece[i]);
		fail(r, CSVROW_QUOTE_STRAY, r->now);
		r->now = end;
	} else if (r->blank && (piece[len - 1] == '\n' || piece[len - 1] == '\r')) {
		begin_row(r);
	}
}

/* The line that a fault spoilt goes by unread. */
static void skip_piece(struct rows *r, const uint8_t *piece, size_t len, bool is_fed)
{
	if (!is_fed)
		for (size_t i = 0; i < len; i++)
			move_over(r, piece[i]);
	if (piece[len - 1] == '\n' || piece[len - 1] == '\r') {
		r->skipping = false;
		begin_row(r);
	}
}

static void feed(struct rows *r, const uint8_t *data, size_t len)
{
	while (len > 0) {
		bool was_skipping = r->skipping;
		size_t n = 0;

		while (n < len && !ends_piece(r, data[n]))
			n++;
		n += n < len;
		if (!was_skipping)
			feed_piece(r, data, n);
		if (r->skipping)
			skip_piece(r, data, n, !was_skipping);
		data += n;
		len -= n;
	}
}

static void finish(struct rows *r)
{
	if (r->skipping || (r->blank && r->n == 0))
		return;
	if (csv_fini(&r->parser, on_cell, on_row, r) != 0)
		r->handler->fault(r->context, CSVROW_QUOTE_OPEN, r->start.line, r->start.column);
}

/* ---------------------------------------------------------------- what stands before the rows */

/* The separator of the line with the column names: names hold none of the three. */
static unsigned char find_separator(const uint8_t *line, size_t len)
{
	static const unsigned char others[] = {';', '\t'};

	for (size_t i = 0; !memchr(line, ',', len) && i < sizeof others; i++)
		if (memchr(line, others[i], len))
			return others[i];
	return ',';
}

static size_t line_length(const uint8_t *data, size_t len)
{
	size_t n = 0;

	while (n < len && data[n] != '\n' && data[n] != '\r')
		n++;
	return n;
}

/* A spreadsheet fills a comment's line up with separators: those go too. */
static void tell_comment(struct rows *r, const uint8_t *text, size_t len)
{
	while (len && strchr("# \t", *text))
		text++, len--;
	while (len && strchr(" \t,;", text[len - 1]))
		len--;
	r->handler->comment(r->context, (const char *)text, len, r->now.line);
}

/* Bytes of in's beginning that are mark, comments and blank lines; sets the separator from the line behind them. */
static size_t read_preamble(struct rows *r, const uint8_t *data, size_t len)
{
	size_t at = len >= 3 && memcmp(data, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0;

	while (at < len) {
		size_t n = line_length(data + at, len - at);

		if (n > 0 && data[at] != '#') {
			r->separator = find_separator(data + at, n);
			break;
		}
		if (n > 0)
			tell_comment(r, data + at, n);
		n += at + n < len;
		for (size_t i = 0; i < n; i++)
			move_over(r, data[at + i]);
		at += n;
	}
	return at;
}

static void skip_bytes(struct input *in, size_t n)
{
	const uint8_t *data;

	while (n > 0) {
		size_t taken = input_take(in, n, &data);

		assert(taken > 0);
		n -= taken;
	}
}

bool csvrow_read(struct input *in, const struct csvrow_handler *handler, void *context, struct err *err)
{
	struct rows *r = xcalloc(1, sizeof *r);
	const uint8_t *data;
	size_t n;

	*r = (struct rows){.handler = handler, .context = context, .separator = ',', .now = {1, 1}};
	n = input_peek(in, &data);
	skip_bytes(in, read_preamble(r, data, n));
	start_parser(r);
	begin_row(r);
	while ((n = input_take(in, INPUT_CHUNK, &data)) > 0)
		feed(r, data, n);
	finish(r);
	csv_free(&r->parser);
	free(r->bytes);
	free(r);
	return !input_failed(in, err);
}
