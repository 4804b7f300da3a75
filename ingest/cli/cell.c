/* SPDX-License-Identifier: Apache-2.0 */
#include "cell.h"

#include "clock.h"
#include "period.h"
#include "text.h"
#include "tram.pb-c.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define POWER_MAX 18

/* ---------------------------------------------------------------- places and names */

struct cell cell_trim(struct cell cell)
{
	while (cell.len && (*cell.text == ' ' || *cell.text == '\t'))
		cell.text++, cell.len--;
	while (cell.len && (cell.text[cell.len - 1] == ' ' || cell.text[cell.len - 1] == '\t'))
		cell.len--;
	return cell;
}

struct place cell_place(const struct record *record, const struct cell *cell, enum field_id field, int dimension)
{
	struct place at = cell && cell->text ? cell->at : record->at;

	if (!at.option && !at.line && record->locate)
		record->locate(record, field, dimension, &at);
	return at;
}

const char *cell_field_name(const struct record *record, enum field_id field)
{
	const char *name = field_name(field, record->spelling);

	return *name ? name : fields[field].member;
}

/* A cell under way: who reads it, what it is. */
struct job {
	struct cell_reading *r;
	const char *name;
	struct place at;
	const char *text; /* ends in a NUL */
	size_t len;
	const ProtobufCFieldDescriptor *member;
};

static bool tell(const struct job *j, enum problem_kind kind, const char *hint)
{
	problems_add(
	    j->r->problems, kind, j->at,
	    (struct problem_words){.field = j->name, .found = j->text, .found_len = j->len, .hint = hint, .other = ""});
	return false;
}

/* ---------------------------------------------------------------- texts */

static bool tell_text_fault(const struct job *j, enum text_fault fault, size_t at)
{
	static const enum problem_kind kinds[] = {[TEXT_NOT_UTF8] = PROBLEM_NOT_UTF8,
						  [TEXT_NUL] = PROBLEM_TEXT_NUL,
						  [TEXT_CONTROL] = PROBLEM_TEXT_CONTROL,
						  [TEXT_INVISIBLE] = PROBLEM_CODE_INVISIBLE,
						  [TEXT_NOT_NFC] = PROBLEM_CODE_NOT_NFC};
	struct job from = *j;

	if (fault == TEXT_NOT_UTF8) { /* where it begins: the whole text would show letters that are none */
		from.text += at;
		from.len -= at;
	}
	return tell(&from, kinds[fault], NULL);
}

static bool has_room(const struct job *j, size_t max)
{
	char has[24], limit[24];

	if (j->len <= max)
		return true;
	snprintf(has, sizeof has, "%zu", j->len);
	snprintf(limit, sizeof limit, "%zu", max);
	problems_add(j->r->problems, PROBLEM_TEXT_TOO_LONG, j->at,
		     (struct problem_words){.field = j->name, .found = has, .hint = limit});
	return false;
}

static char *read_code(const struct job *j)
{
	size_t at;
	enum text_fault fault = text_check(j->text, j->len, &at);

	if (fault != TEXT_FINE) {
		tell_text_fault(j, fault, at);
		return NULL;
	}
	return has_room(j, CELL_CODE_MAX) ? arena_strdup(j->r->arena, j->text) : NULL;
}

static char *mend(const struct job *j)
{
	char *mended = text_mend(j->text, j->len), *kept;

	if (!mended) {
		tell(j, PROBLEM_NOT_UTF8, NULL);
		return NULL;
	}
	tell(j, PROBLEM_TEXT_MENDED, NULL);
	j->r->mended = true;
	kept = arena_strdup(j->r->arena, mended);
	free(mended);
	return kept;
}

static char *read_text(const struct job *j)
{
	size_t at;
	enum text_fault fault = text_check(j->text, j->len, &at);

	if (!has_room(j, CELL_TEXT_MAX))
		return NULL;
	if (fault == TEXT_FINE)
		return arena_strdup(j->r->arena, j->text);
	if (text_is_mendable(fault))
		return mend(j);
	tell_text_fault(j, fault, at);
	return NULL;
}

/* ---------------------------------------------------------------- figures, words, times */

static enum problem_kind decimal_problem(enum decimal_fault fault, enum decimal_locale locale)
{
	switch (fault) {
	case DECIMAL_EXPONENT: return PROBLEM_DECIMAL_EXPONENT;
	case DECIMAL_TOO_LONG: return PROBLEM_DECIMAL_TOO_LONG;
	case DECIMAL_UNKNOWN_WORD: return PROBLEM_DECIMAL_UNKNOWN_WORD;
	case DECIMAL_AMBIGUOUS:
		return locale == DECIMAL_LOCALE_VI ? PROBLEM_DECIMAL_AMBIGUOUS_VI : PROBLEM_DECIMAL_AMBIGUOUS;
	case DECIMAL_FINE:
	case DECIMAL_EMPTY:
	case DECIMAL_NOT_A_NUMBER: break;
	}
	return PROBLEM_DECIMAL_NOT_A_NUMBER;
}

static bool read_decimal(const struct job *j, void *to)
{
	struct decimal d;
	enum decimal_fault fault = decimal_parse(j->text, j->len, j->r->locale, &d);
	enum text_fault text_fault;
	size_t at;
	Tram__V1__Decimal *message;

	if (fault != DECIMAL_FINE) {
		text_fault = fault == DECIMAL_NOT_A_NUMBER ? text_check(j->text, j->len, &at) : TEXT_FINE;
		return text_fault != TEXT_FINE ? tell_text_fault(j, text_fault, at)
					       : tell(j, decimal_problem(fault, j->r->locale), NULL);
	}
	message = arena_alloc(j->r->arena, sizeof *message);
	assert(message);
	tram__v1__decimal__init(message);
	message->mantissa = d.mantissa;
	message->scale = d.scale;
	*(Tram__V1__Decimal **)to = message;
	return true;
}

static bool parse_whole(const char *text, int64_t min, int64_t max, int64_t *ret)
{
	const char *digits = text + (min < 0 && (*text == '-' || *text == '+'));
	char *end;

	if (*digits < '0' || *digits > '9' || strlen(digits) > 12)
		return false;
	*ret = strtoll(text, &end, 10);
	return !*end && *ret >= min && *ret <= max;
}

static bool read_count(const struct job *j, void *to)
{
	int64_t n;

	if (!parse_whole(j->text, 0, UINT32_MAX, &n))
		return tell(j, PROBLEM_COUNT_BAD, "0 … 4294967295");
	*(uint32_t *)to = (uint32_t)n;
	return true;
}

static bool read_power(const struct job *j, void *to)
{
	int64_t n;

	if (!parse_whole(j->text, -POWER_MAX, POWER_MAX, &n))
		return tell(j, PROBLEM_COUNT_BAD, "-18 … 18");
	*(int32_t *)to = (int32_t)n;
	return true;
}

static bool read_word(const struct job *j, void *to)
{
	char list[256];
	int value;

	if (!word_parse(j->member->descriptor, j->text, &value))
		return tell(j, PROBLEM_WORD_UNKNOWN, word_list(j->member->descriptor, list, sizeof list));
	*(int *)to = value;
	return true;
}

static bool read_flag(const struct job *j, void *to)
{
	static const char *const yes[] = {"yes", "true", "1", "y", "có"}, *const no[] = {"no", "false", "0", "n",
											 "không"};

	for (size_t i = 0; i < sizeof yes / sizeof *yes; i++) {
		if (strcasecmp(j->text, yes[i]) == 0 || strcasecmp(j->text, no[i]) == 0) {
			*(protobuf_c_boolean *)to = strcasecmp(j->text, yes[i]) == 0;
			return true;
		}
	}
	return tell(j, PROBLEM_WORD_UNKNOWN, "yes, no");
}

static bool is_period(const char *text)
{
	struct period period;

	return period_parse(text, &period);
}

static bool is_date(const char *text)
{
	int32_t days;

	return date_parse(text, &days);
}

static bool is_moment(const char *text)
{
	int64_t us;

	return clock_parse(text, &us);
}

/* A text of a fixed form, kept as it stands. */
static bool read_form(const struct job *j, bool (*has_form)(const char *), enum problem_kind kind, void *to)
{
	char *text;

	if (!has_form(j->text))
		return tell(j, kind, NULL);
	text = read_code(j);
	if (text)
		*(char **)to = text;
	return text != NULL;
}

static bool read_string(char *text, void *to)
{
	if (text)
		*(char **)to = text;
	return text != NULL;
}

/* ---------------------------------------------------------------- one cell */

static bool read_as(const struct job *j, enum field_class class, void *to)
{
	switch (class) {
	case CLASS_CODE: return read_string(read_code(j), to);
	case CLASS_TEXT: return read_string(read_text(j), to);
	case CLASS_DATE: return read_form(j, is_date, PROBLEM_DATE_BAD, to);
	case CLASS_PERIOD: return read_form(j, is_period, PROBLEM_PERIOD_BAD, to);
	case CLASS_MOMENT: return read_form(j, is_moment, PROBLEM_MOMENT_BAD, to);
	case CLASS_DECIMAL: return read_decimal(j, to);
	case CLASS_COUNT: return read_count(j, to);
	case CLASS_POWER: return read_power(j, to);
	case CLASS_WORD: return read_word(j, to);
	case CLASS_FLAG: return read_flag(j, to);
	}
	return false;
}

/* A NUL would end the text unseen. */
static bool begin_job(struct job *j, const struct cell *cell)
{
	char *copy = arena_alloc(j->r->arena, cell->len + 1);

	assert(copy); /* the arena has room for the longest row that a reader gives */
	memcpy(copy, cell->text, cell->len);
	j->text = copy;
	j->len = cell->len;
	return strlen(copy) == j->len || tell(j, PROBLEM_TEXT_NUL, NULL);
}

bool cell_read(struct cell_reading *r, enum field_id field, const struct cell *cell, ProtobufCMessage *message)
{
	const ProtobufCFieldDescriptor *member = field_member(field);
	struct job j = {.r = r,
			.name = cell_field_name(r->record, field),
			.at = cell_place(r->record, cell, field, -1),
			.member = member};

	return begin_job(&j, cell) && read_as(&j, fields[field].class, (uint8_t *)message + member->offset);
}

char *cell_read_code(struct cell_reading *r, const char *name, const struct cell *cell, struct place at)
{
	struct job j = {.r = r, .name = name, .at = at};

	return begin_job(&j, cell) ? read_code(&j) : NULL;
}
