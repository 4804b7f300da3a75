/* SPDX-License-Identifier: Apache-2.0 */
/*
 * records - a CSV file as an array of structs, by a table of its columns; every mistake with file, line and remedy.
 *
 * Columns may stand in any order; an unknown one is a mistake. A row's struct begins with `int line`. A row with a
 * mistake is read as far as it goes, so that all mistakes of a file are found at once. Texts must be NFC without
 * invisible characters. Rows and texts live in the arena. One thread at a time.
 */
#ifndef TRAM_RECORDS_H
#define TRAM_RECORDS_H

#include "arena.h"
#include "catalogue.h"
#include "decimal.h"
#include "err.h"

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

#define RECORDS_COLUMNS_MAX 32
#define RECORDS_ABSENT      INT_MIN /* of an integer or a choice that may be empty, and is */

/* Mistakes as they are found. Freed with catalogue_mistakes_free(). */
struct mistakes {
	struct catalogue_mistake *list;
	size_t n, room;
};
void mistakes_add(struct mistakes *m, const char *file, int line, const char *format, ...) PRINTF_LIKE(4, 5);

enum column_type {
	COLUMN_TEXT,        /* const char * */
	COLUMN_CODE,        /* const char *, of letters, digits and _ - . / */
	COLUMN_FREQUENCIES, /* const char *, "A|S" */
	COLUMN_INTEGER,     /* int, from min to max */
	COLUMN_YES,         /* bool, y or n */
	COLUMN_YES_UNKNOWN, /* int: y 1, n 0, empty -1 */
	COLUMN_DATE,        /* int32_t, YYYY-MM-DD; empty: DATE_OPEN */
	COLUMN_DECIMAL,     /* struct optional_decimal */
	COLUMN_CHOICE,      /* int, the place in choices */
	COLUMN_DATE_TEXT,   /* const char *, a date as written, or "" */
	COLUMN_FIGURE_TEXT, /* const char *, a figure as written, or "" */
};

struct optional_decimal {
	bool has;
	struct decimal d;
};

enum column_need { COLUMN_FILLED, COLUMN_MAY_BE_EMPTY, COLUMN_MAY_BE_ABSENT /* or empty */ };

struct column {
	const char *name;
	enum column_type type;
	enum column_need need;
	size_t offset;
	int min, max;               /* COLUMN_INTEGER */
	const char *const *choices; /* COLUMN_CHOICE; NULL-ended */
};

struct record_type {
	const char *file; /* its name, for mistakes */
	const struct column *columns;
	size_t n_columns;
	size_t row_size;
	bool optional; /* the file may be absent */
};

struct records {
	void *rows;
	size_t n;
};

/* Reads the whole content; what is wrong is added to mistakes. False only when the arena is exhausted. */
bool records_read(const struct record_type *type, const char *content, size_t len, struct arena *a, struct mistakes *m,
		  struct records *ret) MUST_CHECK;

#endif
