/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fields - the table of what a province can state (fields.def), and the words its fields take. Pure; any thread.
 */
#ifndef TRAM_FIELDS_H
#define TRAM_FIELDS_H

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stddef.h>

enum field_id {
#define FIELD(id, column, sdmx, member, option, level, class, required, help) FIELD_##id,
#include "fields.def"
#undef FIELD
	FIELD_COUNT
};

enum field_level { LEVEL_HEADER, LEVEL_OBSERVATION };

enum field_class {
	CLASS_CODE,    /* a code: a fault in its spelling is an error */
	CLASS_TEXT,    /* words of people: a fault that can be mended is mended, with a warning */
	CLASS_DATE,    /* YYYY-MM-DD */
	CLASS_PERIOD,  /* 2024-S1 */
	CLASS_MOMENT,  /* RFC 3339 */
	CLASS_DECIMAL, /* an exact figure */
	CLASS_COUNT,   /* a whole number from 0 */
	CLASS_POWER,   /* a power of ten, -18 .. 18 */
	CLASS_WORD,    /* one word of an enum */
	CLASS_FLAG,    /* yes or no */
};

struct field {
	const char *column, *sdmx, *member, *option;
	enum field_level level;
	enum field_class class;
	bool required;
};

extern const struct field fields[FIELD_COUNT];

/* The place of the field in its message; never NULL. */
const ProtobufCFieldDescriptor *field_member(enum field_id id);

/* Which spelling of a field's name a file uses. */
enum field_spelling { SPELLING_COLUMN, SPELLING_SDMX, SPELLING_MEMBER };
const char *field_name(enum field_id id, enum field_spelling spelling);

/* The field of a column (letter case does not matter), or FIELD_COUNT. */
enum field_id field_by_column(const char *name, enum field_spelling spelling);

/* The field of a JSON member, snake or lower camel case, or FIELD_COUNT. */
enum field_id field_by_member(const char *name, enum field_level level);

/* The name most like a wrong one, or NULL when none is near. level: -1 for both. */
const char *field_nearest(const char *name, enum field_spelling spelling, int level);

/* "time_period" as "timePeriod"; buf of 40 bytes. Returns buf. */
char *field_camel(const char *snake, char buf[static 40]);

/*
 * A word of an enum: "regular", "PURPOSE_REGULAR", its number, or for an observation status its letter. False when it
 * is none of them.
 */
bool word_parse(const ProtobufCEnumDescriptor *words, const char *text, int *ret);

/* The short word ("regular"; a status: its letter), or "" for none; buf of 40 bytes. Returns buf. */
char *word_text(const ProtobufCEnumDescriptor *words, int value, char buf[static 40]);

/* All short words, "regular, backfill, correction", cut to size. Returns buf. */
char *word_list(const ProtobufCEnumDescriptor *words, char *buf, size_t size);

#endif
