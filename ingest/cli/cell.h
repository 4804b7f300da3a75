/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cell - what one cell means: its text is checked and becomes a member of a message. Everything wrong with it is a
 * problem at its place. One thread.
 */
#ifndef TRAM_CELL_H
#define TRAM_CELL_H

#include "arena.h"
#include "decimal.h"
#include "reader.h"

#define CELL_CODE_MAX 256  /* bytes of a code */
#define CELL_TEXT_MAX 8192 /* bytes of a text */

struct cell_reading {
	struct problems *problems;
	struct arena *arena;         /* what is read lives here */
	const struct record *record; /* for places and names */
	enum decimal_locale locale;
	bool mended; /* set when a text was mended */
};

/* The cell without spaces around its text. */
struct cell cell_trim(struct cell cell);

/* Where a cell of the record stands. dimension: -1, or which; then field does not matter. */
struct place cell_place(const struct record *record, const struct cell *cell, enum field_id field, int dimension);

/* What people call the field in this file. */
const char *cell_field_name(const struct record *record, enum field_id field);

/*
 * Reads a trimmed cell that is not empty into its member of a Report or an Observation. False when it was wrong, and
 * then the member is as before.
 */
bool cell_read(struct cell_reading *r, enum field_id field, const struct cell *cell, ProtobufCMessage *message);

/* A code that is no member: the value of a dimension. NULL when it was wrong. */
char *cell_read_code(struct cell_reading *r, const char *name, const struct cell *cell, struct place at);

#endif
