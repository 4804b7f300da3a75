/* SPDX-License-Identifier: Apache-2.0 */
/*
 * table - what a command shows: aligned columns for people, JSON or CSV for programs, from the same cells.
 *
 * The first few hundred rows wait for the widths of their columns; a longer list needs no more memory. Width is counted in
 * terminal columns, so Vietnamese lines up.
 */
#ifndef TRAM_TABLE_H
#define TRAM_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum table_format { TABLE_TEXT, TABLE_JSON, TABLE_CSV };
enum table_align { TABLE_LEFT, TABLE_RIGHT };

struct table;

/* Caller frees with table_free(). JSON is an array of objects whose members are text, number, true or false, or
 * null. */
struct table *table_new(enum table_format format, FILE *out);
void table_free(struct table **tp);

/* Whether cells are coloured: where they are not, what a colour says must be written. */
bool table_has_colours(const struct table *t);

/* Before the first row. key: JSON member and CSV head; title: what people read (already translated). */
void table_column(struct table *t, const char *key, const char *title, enum table_align align);

/* What people read instead of a table without rows, which is one line (already translated). Before table_end(). */
void table_when_empty(struct table *t, const char *text);

/* The next cell of the row; the row ends by itself after the last column. NULL or "": nothing (JSON null). Bytes that are not
 * UTF-8, and control characters in what people read, are shown as U+FFFD. */
void table_cell(struct table *t, const char *text);
void table_cell_number(struct table *t,
		       const char *digits); /* JSON: a number, as written (text if JSON has no such number) */
void table_cell_count(struct table *t, uint64_t n);
void table_cell_bool(struct table *t, bool value); /* JSON: true or false; else yes or no */
void table_cell_printf(struct table *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Same as table_cell, in a terminal colour when out is a terminal: "red", "yellow", "green", "dim", "bold". */
void table_cell_coloured(struct table *t, const char *colour, const char *text);

/* Prints what is left and closes the JSON array. Call once, before table_free(). */
void table_end(struct table *t);

/* Ends a table that everything went well with, and frees it in any case: of one that was broken off nothing more is shown. */
void table_close(struct table **tp, bool ok);

#endif
