/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON: the protobuf JSON mapping of a Report; one, an array of them, or one after the other (JSON lines). Reports are
 * read one at a time, each of at most JSON_REPORT_MAX bytes.
 */
#include "decimal.h"
#include "arena.h"
#include "jsonplace.h"
#include "mem.h"
#include "nearest.h"
#include "reader.h"

#include <assert.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#define JSON_REPORT_MAX (8u << 20)   /* bytes of one report's text */
#define JSON_MEMORY_MAX (128u << 20) /* what a hostile text of that size may make jansson allocate */
#define ARENA_CAP       (64u << 20)  /* texts made of numbers, for one observation */

struct json {
	struct input *in;
	const struct reader_sink *sink;
	struct problems *problems;
	struct arena *arena;
	/* bytes read and not taken yet */
	const uint8_t *data;
	size_t left;
	/* of the next byte */
	uint64_t line;
	uint32_t column;
	/* the report under way: its text, and where that begins */
	char *text;
	size_t len, room;
	bool too_long;
	uint64_t begin_line;
	uint32_t begin_column;
	uint64_t reports;
	/* where the last observation that something was wrong with stands: the next one is behind it */
	size_t located;
	struct jsonplace located_at;
	bool has_located;
};

/* ---------------------------------------------------------------- bounded memory for jansson */

static size_t json_memory; /* what one report's text has made jansson allocate */
static bool json_is_full;

static void *count_malloc(size_t size)
{
	void *p;

	json_is_full = json_is_full || json_memory + size > JSON_MEMORY_MAX;
	p = json_is_full ? NULL : malloc(size);
	json_memory += size + 16; /* and what the allocator adds */
	return p;
}

/* ---------------------------------------------------------------- bytes */

/* The next byte without taking it, or -1. */
static int peek(struct json *j)
{
	if (j->left == 0)
		j->left = input_take(j->in, INPUT_CHUNK, &j->data);
	return j->left ? *j->data : -1;
}

static int take(struct json *j)
{
	int c = peek(j);

	if (c < 0)
		return c;
	j->data++;
	j->left--;
	if (c == '\n') {
		j->line++;
		j->column = 1;
	} else if ((c & 0xC0) != 0x80) {
		j->column++;
	}
	return c;
}

static void skip_space(struct json *j)
{
	while (peek(j) == ' ' || peek(j) == '\t' || peek(j) == '\n' || peek(j) == '\r')
		take(j);
}

/* Gives jansson a byte at a time, so that it takes no more than one report, and keeps them to find places in. */
static size_t give_byte(void *buffer, size_t size, void *context)
{
	struct json *j = context;
	int c = j->too_long ? -1 : take(j);

	(void)size;
	if (c < 0)
		return 0;
	if (j->len == j->room) {
		j->room = j->room ? j->room * 2 : 4096;
		j->text = xrealloc(j->text, j->room);
	}
	j->text[j->len++] = (char)c;
	j->too_long = j->len >= JSON_REPORT_MAX;
	*(char *)buffer = (char)c;
	return 1;
}

/* ---------------------------------------------------------------- places */

static struct jsonplace report_place(const struct json *j)
{
	return jsonplace_of(j->text, j->len, j->begin_line, j->begin_column);
}

/* To observation i (from 0), from where the last one was found. */
static bool go_to_observation(struct json *j, size_t i, struct jsonplace *p)
{
	if (j->has_located) {
		assert(j->located <= i); /* observations are taken in order */
		*p = j->located_at;
		for (size_t n = j->located; n < i; n++)
			if (!jsonplace_next(p))
				return false;
	} else if (!jsonplace_member(p, "observations", "observations") || !jsonplace_element(p, i)) {
		return false;
	}
	j->located = i;
	j->located_at = *p;
	j->has_located = true;
	return true;
}

static void locate(const struct record *record, enum field_id field, int dimension, struct place *at)
{
	struct json *j = record->locate_context;
	struct jsonplace p = report_place(j);
	bool of_observation = field == FIELD_COUNT || fields[field].level == LEVEL_OBSERVATION;
	char camel[40];

	if (problems_is_full(j->problems))
		return;
	if (of_observation && at->observation)
		go_to_observation(j, at->observation - 1, &p);
	if (dimension >= 0) {
		if (jsonplace_member(&p, "dimensions", "dimensions") && jsonplace_element(&p, (size_t)dimension))
			jsonplace_member(&p, "value", "value");
	} else if (field != FIELD_COUNT) {
		jsonplace_member(&p, fields[field].member, field_camel(fields[field].member, camel));
	}
	at->line = p.line;
	at->column = p.column;
}

/* Of a member that is none of ours, or of the object itself (name NULL). */
static struct place place_of_member(struct json *j, const struct record *record, const char *name)
{
	struct place at = record->at;
	struct jsonplace p = report_place(j);

	if (problems_is_full(j->problems))
		return at;
	if (at.observation)
		go_to_observation(j, at.observation - 1, &p);
	if (name)
		jsonplace_member(&p, name, name);
	at.line = p.line;
	at.column = p.column;
	return at;
}

/* ---------------------------------------------------------------- values */

static const char *type_name(const json_t *value)
{
	switch (json_typeof(value)) {
	case JSON_OBJECT: return "{}";
	case JSON_ARRAY: return "[]";
	case JSON_STRING: return "\"\"";
	case JSON_INTEGER: return "123";
	case JSON_REAL: return "1.5";
	case JSON_TRUE:
	case JSON_FALSE: return "true/false";
	case JSON_NULL: break;
	}
	return "null";
}

static const char *expected_type(enum field_class class)
{
	switch (class) {
	case CLASS_DECIMAL: return "\"16.4\", {\"mantissa\": 164, \"scale\": 1}";
	case CLASS_COUNT:
	case CLASS_POWER: return "123";
	case CLASS_FLAG: return "true/false";
	case CLASS_CODE:
	case CLASS_TEXT:
	case CLASS_DATE:
	case CLASS_PERIOD:
	case CLASS_MOMENT:
	case CLASS_WORD: break;
	}
	return "\"\"";
}

static void tell_type(struct json *j, const struct record *record, const char *name, const json_t *value,
		      const char *expected)
{
	problems_add(j->problems, PROBLEM_JSON_TYPE, place_of_member(j, record, name),
		     (struct problem_words){.field = name, .found = type_name(value), .hint = expected});
}

static void tell_unknown(struct json *j, const struct record *record, const char *name, const char *nearest)
{
	problems_add(j->problems, PROBLEM_JSON_MEMBER_UNKNOWN, place_of_member(j, record, name),
		     (struct problem_words){.found = name, .hint = nearest});
}

/* A whole number, also as a text: the protobuf mapping writes 64-bit numbers so. */
static bool whole_number(const json_t *value, int64_t *ret)
{
	const char *text = json_string_value(value);
	char *end;

	if (json_is_integer(value)) {
		*ret = json_integer_value(value);
		return true;
	}
	if (!text || !*text || strlen(text) > 20)
		return false;
	*ret = strtoll(text, &end, 10);
	return !*end;
}

/* {"mantissa": "164", "scale": 1} as "16.4"; NULL when it is not that. */
static const char *decimal_object(struct json *j, const json_t *value)
{
	const json_t *mantissa = json_object_get(value, "mantissa"), *scale = json_object_get(value, "scale");
	char text[DECIMAL_TEXT];
	int64_t m = 0, s = 0;

	if ((mantissa && !whole_number(mantissa, &m)) || (scale && !whole_number(scale, &s)) ||
	    json_object_size(value) != (size_t)(mantissa != NULL) + (scale != NULL) || s < 0 || s > UINT32_MAX)
		return NULL;
	if (!decimal_is_valid(m, (uint32_t)s))
		return arena_printf(j->arena, "%" PRId64 "/10^%" PRId64, m, s);
	return arena_strdup(j->arena, decimal_text((struct decimal){m, (uint8_t)s}, text));
}

static bool takes_numbers(enum field_class class)
{
	return class == CLASS_DECIMAL || class == CLASS_COUNT || class == CLASS_POWER || class == CLASS_WORD;
}

/* The value as a text, or NULL when a field of the class cannot have it. null is an absent member. */
static const char *value_text(struct json *j, enum field_class class, const json_t *value, size_t *ret_len)
{
	const char *text = NULL;

	*ret_len = 0;
	if (json_is_string(value)) {
		*ret_len = json_string_length(value);
		return json_string_value(value);
	}
	if (json_is_null(value))
		return "";
	if (json_is_integer(value) && takes_numbers(class))
		text = arena_printf(j->arena, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
	else if (json_is_boolean(value) && class == CLASS_FLAG)
		text = json_is_true(value) ? "yes" : "no";
	else if (json_is_object(value) && class == CLASS_DECIMAL)
		text = decimal_object(j, value);
	*ret_len = text ? strlen(text) : 0;
	return text;
}

static void take_member(struct json *j, struct record *record, enum field_id field, const char *name,
			const json_t *value)
{
	enum field_class class = fields[field].class;
	size_t len;
	const char *text = value_text(j, class, value, &len);

	if (record->cells[field].text)
		problems_add(j->problems, PROBLEM_JSON_TWICE, place_of_member(j, record, name),
			     (struct problem_words){.found = name});
	record->cells[field] = (struct cell){text ? text : "", len, record->at, !text};
	if (text)
		return;
	if (json_is_real(value) && class == CLASS_DECIMAL)
		problems_add(j->problems, PROBLEM_JSON_REAL, place_of_member(j, record, name),
			     (struct problem_words){.field = name});
	else
		tell_type(j, record, name, value, expected_type(class));
}

/* ---------------------------------------------------------------- observations */

static void take_dimension(struct json *j, struct record *record, json_t *dimension)
{
	const char *id = json_string_value(json_object_get(dimension, "id"));
	const json_t *value = json_object_get(dimension, "value");

	if (!id || !json_is_string(value) || json_object_size(dimension) != 2) {
		tell_type(j, record, "dimensions", dimension, "{\"id\": \"SEX\", \"value\": \"F\"}");
		return;
	}
	record->dimensions[record->n_dimensions].id = id;
	record->dimensions[record->n_dimensions++].value =
	    (struct cell){.text = json_string_value(value), .len = json_string_length(value), .at = record->at};
}

static void take_dimensions(struct json *j, struct record *record, json_t *dimensions)
{
	json_t *dimension;
	size_t i;

	if (!json_is_array(dimensions)) {
		tell_type(j, record, "dimensions", dimensions, "[]");
		return;
	}
	json_array_foreach(dimensions, i, dimension)
	{
		if (i == DIMENSIONS_MAX) {
			problems_add(j->problems, PROBLEM_DIMENSIONS_TOO_MANY, place_of_member(j, record, "dimensions"),
				     (struct problem_words){.hint = "16"});
			return;
		}
		take_dimension(j, record, dimension);
	}
}

static void clear_observation(struct record *record)
{
	for (int field = 0; field < FIELD_COUNT; field++)
		if (fields[field].level == LEVEL_OBSERVATION)
			record->cells[field] = (struct cell){0};
	record->n_dimensions = 0;
}

static void take_observation(struct json *j, struct record *record, json_t *observation)
{
	const char *name;
	json_t *value;

	clear_observation(record);
	if (!json_is_object(observation)) {
		tell_type(j, record, "observations", observation, "[{}]");
		return;
	}
	json_object_foreach(observation, name, value)
	{
		enum field_id field = field_by_member(name, LEVEL_OBSERVATION);

		if (field != FIELD_COUNT)
			take_member(j, record, field, name, value);
		else if (strcmp(name, "dimensions") == 0)
			take_dimensions(j, record, value);
		else
			tell_unknown(j, record, name, field_nearest(name, SPELLING_MEMBER, LEVEL_OBSERVATION));
	}
	j->sink->record(j->sink->context, record);
}

/* ---------------------------------------------------------------- a report */

static json_t *take_head(struct json *j, struct record *record, json_t *report)
{
	json_t *observations = NULL, *value;
	const char *name;

	json_object_foreach(report, name, value)
	{
		enum field_id field = field_by_member(name, LEVEL_HEADER);

		if (field != FIELD_COUNT)
			take_member(j, record, field, name, value);
		else if (strcmp(name, "observations") == 0)
			observations = value;
		else
			tell_unknown(j, record, name, field_nearest(name, SPELLING_MEMBER, LEVEL_HEADER));
	}
	return observations;
}

static void take_report(struct json *j, json_t *report)
{
	struct record record = {
	    .at = {.report = ++j->reports}, .spelling = SPELLING_MEMBER, .locate = locate, .locate_context = j};
	json_t *observations = take_head(j, &record, report), *observation;
	struct arena_mark mark = arena_mark(j->arena);
	size_t i;

	if (observations && !json_is_array(observations)) {
		tell_type(j, &record, "observations", observations, "[{}]");
	} else if (json_array_size(observations) == 0) {
		problems_add(j->problems, PROBLEM_NO_OBSERVATIONS, place_of_member(j, &record, NULL),
			     (struct problem_words){0});
	} else {
		json_array_foreach(observations, i, observation)
		{
			record.at.observation = i + 1;
			take_observation(j, &record, observation);
			arena_rewind(j->arena, mark);
		}
		j->sink->report_end(j->sink->context, NULL, 0);
	}
	arena_reset(j->arena);
}

static void tell_syntax(struct json *j, const json_error_t *error)
{
	struct place at = {.line = j->line, .column = j->column > 1 ? j->column - 1 : 1};
	char limit[24];

	snprintf(limit, sizeof limit, "%u", JSON_REPORT_MAX);
	if (j->too_long || json_is_full) {
		problems_add(j->problems, PROBLEM_JSON_TOO_LARGE, at, (struct problem_words){.hint = limit});
		return;
	}
	switch (json_error_code(error)) {
	case json_error_invalid_utf8:
		problems_add(j->problems, PROBLEM_NOT_UTF8, at,
			     (struct problem_words){.field = "JSON", .found = error->text});
		break;
	case json_error_null_character:
	case json_error_null_byte_in_key:
		problems_add(j->problems, PROBLEM_TEXT_NUL, at, (struct problem_words){.field = "JSON"});
		break;
	case json_error_duplicate_key:
		problems_add(j->problems, PROBLEM_JSON_TWICE, at, (struct problem_words){.found = error->text});
		break;
	default: problems_add(j->problems, PROBLEM_JSON_SYNTAX, at, (struct problem_words){.found = error->text});
	}
}

/* One value of the file. False when it is no JSON. */
static bool read_value(struct json *j)
{
	json_error_t error;
	json_t *value;

	j->len = 0;
	j->too_long = j->has_located = false;
	j->begin_line = j->line;
	j->begin_column = j->column;
	json_memory = 0;
	json_is_full = false;
	json_set_alloc_funcs(count_malloc, free);
	value = json_load_callback(give_byte, j, JSON_DISABLE_EOF_CHECK | JSON_REJECT_DUPLICATES, &error);
	json_set_alloc_funcs(malloc, free);
	if (!value) {
		tell_syntax(j, &error);
		return false;
	}
	if (json_is_object(value))
		take_report(j, value);
	else
		problems_add(j->problems, PROBLEM_JSON_TYPE,
			     (struct place){.line = j->begin_line, .column = j->begin_column},
			     (struct problem_words){.field = "Report", .found = type_name(value), .hint = "{}"});
	json_decref(value);
	return true;
}

/* ---------------------------------------------------------------- a file */

static void tell_expected(struct json *j, const char *expected)
{
	problems_add(j->problems, PROBLEM_JSON_SYNTAX, (struct place){.line = j->line, .column = j->column},
		     (struct problem_words){.found = expected});
}

static void read_array(struct json *j)
{
	bool more;

	take(j);
	skip_space(j);
	more = peek(j) != ']';
	while (more) {
		if (!read_value(j))
			return;
		skip_space(j);
		more = peek(j) == ',';
		if (more)
			take(j);
		skip_space(j);
	}
	if (peek(j) != ']') {
		tell_expected(j, "',' or ']' expected");
		return;
	}
	take(j);
	skip_space(j);
	if (peek(j) >= 0)
		tell_expected(j, "end of file expected");
}

/* Behind a line that is no JSON, the next may be a report again: so it is with JSON lines. */
static bool is_at_next_line(struct json *j)
{
	int c;

	do
		c = take(j);
	while (c >= 0 && c != '\n');
	return peek(j) == '{';
}

static void read_sequence(struct json *j)
{
	while (peek(j) >= 0) {
		if (!read_value(j) && !is_at_next_line(j))
			return;
		skip_space(j);
	}
}

bool read_json(struct input *in, const struct reader_sink *sink, struct problems *problems, struct err *err)
{
	struct json j = {
	    .in = in, .sink = sink, .problems = problems, .arena = arena_new(ARENA_CAP), .line = 1, .column = 1};

	if (peek(&j) == 0xEF)
		take(&j), take(&j), take(&j), j.column = 1;
	skip_space(&j);
	if (peek(&j) == '[')
		read_array(&j);
	else
		read_sequence(&j);
	if (j.reports == 0 && problems_errors(problems) == 0)
		problems_add(problems, PROBLEM_FILE_EMPTY, (struct place){0}, (struct problem_words){0});
	free(j.text);
	arena_free(&j.arena);
	return !input_failed(in, err);
}
