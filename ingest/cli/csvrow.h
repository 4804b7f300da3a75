/* SPDX-License-Identifier: Apache-2.0 */
/*
 * csvrow - rows of a CSV file (libcsv), each cell with the line and the column it stands at.
 *
 * Leading lines that begin with # are comments ("# locale: vi"); the separator is a comma, or the ; or tab that the
 * line with the column names uses instead. A byte order mark, CRLF, LF and CR are all understood; blank lines are
 * skipped. A row may have CSVROW_BYTES_MAX bytes and CSVROW_CELLS_MAX cells; what is longer, or quoted wrongly, is a
 * fault, its row is skipped, and reading goes on. Memory is bounded by that. One thread.
 */
#ifndef TRAM_CSVROW_H
#define TRAM_CSVROW_H

#include "input.h"

#define CSVROW_BYTES_MAX (1u << 20)
#define CSVROW_CELLS_MAX 256

struct csvrow_cell {
	const char *text; /* ends in a NUL behind len */
	size_t len;
	uint64_t line;
	uint32_t column;
};

struct csvrow {
	const struct csvrow_cell *cells;
	size_t n;
	uint64_t line; /* where it begins */
};

enum csvrow_fault { CSVROW_TOO_LONG, CSVROW_TOO_MANY_CELLS, CSVROW_QUOTE_STRAY, CSVROW_QUOTE_OPEN };

struct csvrow_handler {
	/* A comment line, without its # and the spaces around. */
	void (*comment)(void *context, const char *text, size_t len, uint64_t line);
	/* The bytes are valid for the call. The first row has the column names. */
	void (*row)(void *context, const struct csvrow *row);
	void (*fault)(void *context, enum csvrow_fault fault, uint64_t line, uint32_t column);
};

/* Reads all of in. False and *err only when in cannot be read. */
bool csvrow_read(struct input *in, const struct csvrow_handler *handler, void *context, struct err *err) MUST_CHECK;

#endif
