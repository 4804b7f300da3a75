/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include "cell.h"
#include "check_codes.h"
#include "clock.h"
#include "mem.h"
#include "period.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define ARENA_CAP (64u << 20) /* far above the longest row or JSON report that a reader gives */

struct check {
	struct check_options options;
	const struct book *book;
	struct problems *problems;
	bool waived[FIELD_COUNT]; /* its absence has been told already */
	bool told[FIELD_COUNT];   /* what the command line says of it is wrong, and that has been told */
	int32_t today;

	/* The last report head: rows of one report follow each other, and its faults are told once. */
	struct arena *head_arena;
	struct cell stated[FIELD_COUNT]; /* what it was made of; texts in head_arena */
	Tram__V1__Report head;
	struct head_codes codes;
	bool has_head, head_fine, head_altered;

	struct arena *arena; /* one record's */
	Tram__V1__Observation observation;
};

struct check *check_new(const struct check_options *options, const struct book *book, struct problems *problems)
{
	struct check *c = xcalloc(1, sizeof *c);

	c->options = *options;
	c->book = book;
	c->problems = problems;
	c->today = date_in_vietnam(clock_wall_us());
	c->head_arena = arena_new(ARENA_CAP);
	c->arena = arena_new(ARENA_CAP);
	return c;
}

void check_free(struct check **cp)
{
	if (!*cp)
		return;
	arena_free(&(*cp)->head_arena);
	arena_free(&(*cp)->arena);
	free(*cp);
	*cp = NULL;
}

/* ---------------------------------------------------------------- what comes from elsewhere */

bool check_supplies(struct check *c, enum field_id field)
{
	bool supplied = c->options.stated[field] != NULL;

	if (field == FIELD_PROVIDER)
		supplied = supplied || c->options.no_agent || book_only_provider(c->book);
	if (field == FIELD_DATAFLOW)
		supplied = supplied || c->options.no_agent || book_is_known(c->book);
	if (field == FIELD_REFERENCE_DATE)
		supplied = supplied || c->options.withdraw;
	if (field == FIELD_VALUE)
		supplied = c->options.withdraw;
	c->waived[field] = c->waived[field] || !supplied;
	return supplied;
}

bool check_locale_by_name(const char *name, enum decimal_locale *ret)
{
	if (strcmp(name, "vi") != 0 && strcmp(name, "vi_VN") != 0 && strcmp(name, "vi-VN") != 0)
		return false;
	*ret = DECIMAL_LOCALE_VI;
	return true;
}

bool check_declare_locale(struct check *c, const char *name)
{
	return check_locale_by_name(name, &c->options.locale);
}

static struct cell option_cell(const struct check *c, enum field_id field)
{
	static const char *const names[FIELD_COUNT] = {
#define FIELD(id, column, sdmx, member, option, level, class, required, help) [FIELD_##id] = "--" option,
#include "fields.def"
#undef FIELD
	};
	const char *text = c->options.stated[field];

	return (struct cell){.text = text, .len = text ? strlen(text) : 0, .at = {.option = names[field]}};
}

static struct cell text_cell(const char *text, struct place at)
{
	return (struct cell){.text = text, .len = text ? strlen(text) : 0, .at = at};
}

static bool is_withdrawal(const struct check *c, const struct record *record)
{
	int action = TRAM__V1__OBSERVATION_ACTION__OBSERVATION_ACTION_REPLACE;
	struct cell cell = cell_trim(record->cells[FIELD_ACTION]);
	char *text = arena_strndup(c->arena, cell.len ? cell.text : "", cell.len);

	word_parse(&tram__v1__observation_action__descriptor, text, &action);
	return c->options.withdraw || action == TRAM__V1__OBSERVATION_ACTION__OBSERVATION_ACTION_WITHDRAW;
}

static struct cell head_cell(const struct check *c, const struct record *record, enum field_id field);

/* Of a withdrawal: the period's last day, or today where it has not ended. NULL: the period cannot be read. */
static const char *last_day(const struct check *c, const struct record *record)
{
	struct cell cell = head_cell(c, record, FIELD_TIME_PERIOD);
	struct period period;
	char day[16];

	if (!cell.len || !period_parse(arena_strndup(c->arena, cell.text, cell.len), &period))
		return NULL;
	return arena_strdup(c->arena, date_text(period.end < c->today ? period.end : c->today, day));
}

/* Where neither file nor command line says it, and there is no choice. NULL: there is. */
static const char *implied(const struct check *c, const struct record *record, enum field_id field)
{
	const Tram__V1__CodebookProvider *provider = book_only_provider(c->book);
	struct cell cell = cell_trim(record->cells[FIELD_INDICATOR]);

	if (field == FIELD_PROVIDER)
		return provider ? provider->code : NULL;
	if (field == FIELD_PURPOSE)
		return is_withdrawal(c, record) ? "correction" : "regular";
	if (field == FIELD_SOFTWARE)
		return "tram " TRAM_VERSION;
	if (field == FIELD_REFERENCE_DATE && c->options.withdraw)
		return last_day(c, record);
	if (field == FIELD_DATAFLOW && cell.len) {
		const Tram__V1__CodebookIndicator *indicator =
		    book_indicator(c->book, arena_strndup(c->arena, cell.text, cell.len));

		return indicator ? indicator->dataflow : NULL;
	}
	return NULL;
}

/* What holds for a field of the head: the file's word, the command line's, or what is implied. */
static struct cell head_cell(const struct check *c, const struct record *record, enum field_id field)
{
	struct cell cell = cell_trim(record->cells[field]);

	if (cell.is_wrong)
		return cell;
	if (c->options.stated[field] && (cell.len == 0 || c->options.overrules[field]))
		cell = option_cell(c, field);
	if (cell.len == 0)
		cell = text_cell(implied(c, record, field), record->at);
	return cell;
}

/* ---------------------------------------------------------------- the head of a report */

static bool same_cell(const struct cell *a, const struct cell *b)
{
	return a->is_wrong == b->is_wrong && a->len == b->len && (a->len == 0 || memcmp(a->text, b->text, a->len) == 0);
}

static bool same_head(const struct check *c, const struct cell cells[static FIELD_COUNT])
{
	for (int field = 0; field < FIELD_COUNT; field++)
		if (fields[field].level == LEVEL_HEADER && !same_cell(&c->stated[field], &cells[field]))
			return false;
	return c->has_head;
}

/* A dataflow is missing only because the indicator that would tell is wrong, which is told where it stands; or the
 * agent that would tell does not answer. */
static bool is_explained(const struct check *c, const struct record *record, enum field_id field)
{
	const struct cell *indicator = &record->cells[FIELD_INDICATOR];

	if (c->options.no_agent && (field == FIELD_PROVIDER || field == FIELD_DATAFLOW))
		return true;
	return field == FIELD_DATAFLOW && book_is_known(c->book) && (indicator->is_wrong || cell_trim(*indicator).len);
}

static bool tell_missing(struct check *c, const struct record *record, enum field_id field)
{
	if (!c->waived[field] && !is_explained(c, record, field))
		problems_add(
		    c->problems, PROBLEM_FIELD_MISSING, cell_place(record, NULL, field, -1),
		    (struct problem_words){.field = cell_field_name(record, field), .hint = fields[field].option});
	return false;
}

/* The file says one thing and the command line another. */
static bool agrees(struct check *c, const struct record *record, enum field_id field, const struct cell *cell)
{
	const char *option = c->options.stated[field];

	if (!option || cell->at.option || !cell->len ||
	    (strlen(option) == cell->len && memcmp(option, cell->text, cell->len) == 0))
		return true;
	problems_add(
	    c->problems, PROBLEM_OPTION_CONFLICT, cell_place(record, cell, field, -1),
	    (struct problem_words){
		.field = cell_field_name(record, field), .found = cell->text, .found_len = cell->len, .hint = option});
	return false;
}

static bool read_head_cell(struct check *c, struct cell_reading *r, enum field_id field, const struct cell *cell)
{
	if (cell->is_wrong)
		return false;
	if (cell->len == 0)
		return !fields[field].required || tell_missing(c, r->record, field);
	if (cell->at.option && c->told[field])
		return false;
	if (cell_read(r, field, cell, &c->head.base))
		return agrees(c, r->record, field, cell);
	c->told[field] = c->told[field] || cell->at.option;
	return false;
}

static bool check_order(struct check *c, const struct record *record)
{
	int32_t from, to;

	if (!*c->head.period_from || !*c->head.period_to || !date_parse(c->head.period_from, &from) ||
	    !date_parse(c->head.period_to, &to) || from <= to)
		return true;
	problems_add(c->problems, PROBLEM_PERIOD_ORDER,
		     cell_place(record, &record->cells[FIELD_PERIOD_FROM], FIELD_PERIOD_FROM, -1),
		     (struct problem_words){.found = c->head.period_from, .hint = c->head.period_to});
	return false;
}

static bool check_not_future(struct check *c, const struct record *record, const struct cell *cell)
{
	char today[16];
	int32_t date;

	if (!date_parse(c->head.reference_date, &date) || date <= c->today)
		return true;
	problems_add(c->problems, PROBLEM_REFERENCE_FUTURE, cell_place(record, cell, FIELD_REFERENCE_DATE, -1),
		     (struct problem_words){.field = cell_field_name(record, FIELD_REFERENCE_DATE),
					    .found = c->head.reference_date,
					    .hint = date_text(c->today, today)});
	return false;
}

/* A correction revises; whoever revises says why. */
static bool check_reason(struct check *c, const struct record *record, bool reason_read)
{
	if (c->head.purpose == TRAM__V1__PURPOSE__PURPOSE_CORRECTION && !c->head.revises)
		c->head.revises = c->head_altered = true;
	if (!c->head.revises || *c->head.reason || !reason_read)
		return true;
	problems_add(c->problems, PROBLEM_REASON_MISSING, cell_place(record, NULL, FIELD_REASON, -1),
		     (struct problem_words){.field = cell_field_name(record, FIELD_REASON)});
	return false;
}

static void keep_head_cells(struct check *c, const struct record *record, const struct cell cells[static FIELD_COUNT])
{
	arena_reset(c->head_arena);
	memset(c->stated, 0, sizeof c->stated);
	for (int field = 0; field < FIELD_COUNT; field++) {
		char *copy;

		if (fields[field].level != LEVEL_HEADER)
			continue;
		c->stated[field].is_wrong = cells[field].is_wrong;
		if (!cells[field].len)
			continue;
		copy = arena_alloc(c->head_arena, cells[field].len);
		assert(copy);
		memcpy(copy, cells[field].text, cells[field].len);
		c->stated[field] = (struct cell){.text = copy, .len = cells[field].len, .at = cells[field].at};
		/* What a program adds of itself changes nothing that the province stated. */
		if (field != FIELD_SOFTWARE)
			c->head_altered =
			    c->head_altered || cells[field].at.option || !cell_trim(record->cells[field]).len;
	}
}

static void make_head(struct check *c, const struct record *record, const struct cell cells[static FIELD_COUNT])
{
	struct cell_reading r = {.problems = c->problems, .arena = c->head_arena, .record = record};
	bool read[FIELD_COUNT] = {0}, has_date;

	c->has_head = c->head_fine = true;
	c->head_altered = false;
	keep_head_cells(c, record, cells);
	tram__v1__report__init(&c->head);
	for (int field = 0; field < FIELD_COUNT; field++) {
		if (fields[field].level != LEVEL_HEADER)
			continue;
		read[field] = read_head_cell(c, &r, (enum field_id)field, &c->stated[field]);
		c->head_fine = c->head_fine && read[field];
	}
	if (c->head.catalogue_version == 0)
		c->head.catalogue_version = book_version(c->book);
	c->head_altered = c->head_altered || r.mended;
	c->head_fine &= check_order(c, record);
	has_date = check_not_future(c, record, &c->stated[FIELD_REFERENCE_DATE]);
	c->head_fine &= has_date;
	c->head_fine &= check_reason(c, record, read[FIELD_REASON]);
	c->head_fine &= check_head_codes(c->book, c->problems, record, c->stated, &c->head, &c->codes);
	c->codes.has_date = has_date;
}

static bool check_head(struct check *c, const struct record *record)
{
	struct cell cells[FIELD_COUNT] = {0};

	for (int field = 0; field < FIELD_COUNT; field++)
		if (fields[field].level == LEVEL_HEADER)
			cells[field] = head_cell(c, record, (enum field_id)field);
	if (!same_head(c, cells))
		make_head(c, record, cells);
	return c->head_fine;
}

/* ---------------------------------------------------------------- an observation */

static bool is_figure(enum field_id field)
{
	return fields[field].class == CLASS_DECIMAL || field == FIELD_RANK_OUT_OF || field == FIELD_MISSING_REASON;
}

static bool tell_observation(struct check *c, const struct record *record, enum problem_kind kind, enum field_id field,
			     const char *hint)
{
	const struct cell *cell = &record->cells[field];

	problems_add(c->problems, kind, cell_place(record, cell, field, -1),
		     (struct problem_words){.field = cell_field_name(record, field),
					    .found = cell->text ? cell->text : "",
					    .found_len = cell->len,
					    .hint = hint});
	return false;
}

/* Missing is not zero: there is a value or its parts, or a reason why not, and never both. */
static bool check_value(struct check *c, const struct record *record, bool withdraws)
{
	const Tram__V1__Observation *o = &c->observation;
	char list[256];

	if (!o->numerator != !o->denominator)
		return tell_observation(c, record, PROBLEM_PART_MISSING,
					o->numerator ? FIELD_NUMERATOR : FIELD_DENOMINATOR,
					cell_field_name(record, o->numerator ? FIELD_DENOMINATOR : FIELD_NUMERATOR));
	if (withdraws)
		return true;
	if (o->missing_reason && (o->value || o->numerator))
		return tell_observation(c, record, PROBLEM_VALUE_AND_REASON, FIELD_MISSING_REASON, NULL);
	if (!o->missing_reason && !o->value && !o->numerator && !c->waived[FIELD_VALUE])
		return tell_observation(c, record, PROBLEM_VALUE_MISSING, FIELD_VALUE,
					word_list(&tram__v1__missing_reason__descriptor, list, sizeof list));
	return true;
}

static int by_dimension(const void *a, const void *b)
{
	Tram__V1__Dimension *const *x = a, *const *y = b;

	return strcmp((*x)->id, (*y)->id);
}

/* In the order of their ids, whatever order the file has, so that a series is spelt one way. */
static bool sort_dimensions(struct check *c, const struct record *record)
{
	Tram__V1__Observation *o = &c->observation;
	bool fine = true;

	qsort(o->dimensions, o->n_dimensions, sizeof *o->dimensions, by_dimension);
	for (size_t i = 1; i < o->n_dimensions; i++) {
		if (strcmp(o->dimensions[i]->id, o->dimensions[i - 1]->id) == 0) {
			problems_add(c->problems, PROBLEM_DIMENSION_TWICE, cell_place(record, NULL, FIELD_COUNT, -1),
				     (struct problem_words){.found = o->dimensions[i]->id});
			fine = false;
		}
	}
	return fine;
}

static bool read_dimensions(struct check *c, struct cell_reading *r)
{
	const struct record *record = r->record;
	bool fine = true;

	c->observation.dimensions = arena_calloc(c->arena, DIMENSIONS_MAX, sizeof *c->observation.dimensions);
	assert(c->observation.dimensions);
	for (size_t i = 0; i < record->n_dimensions; i++) {
		struct cell cell = cell_trim(record->dimensions[i].value);
		Tram__V1__Dimension *dimension = arena_alloc(c->arena, sizeof *dimension);

		if (!cell.len)
			continue;
		assert(dimension);
		tram__v1__dimension__init(dimension);
		dimension->id = arena_strdup(c->arena, record->dimensions[i].id);
		dimension->value =
		    cell_read_code(r, dimension->id, &cell, cell_place(record, &cell, FIELD_COUNT, (int)i));
		if (dimension->value)
			c->observation.dimensions[c->observation.n_dimensions++] = dimension;
		fine = fine && dimension->value;
	}
	return sort_dimensions(c, record) && fine;
}

/* One field of the observation; its absence is a problem only where it is required. */
static bool read_observation_cell(struct check *c, struct cell_reading *r, enum field_id field)
{
	struct cell cell = cell_trim(r->record->cells[field]);

	if (cell.is_wrong)
		return false;
	if (!cell.len)
		return !fields[field].required || tell_missing(c, r->record, field);
	return cell_read(r, field, &cell, &c->observation.base);
}

static bool check_observation(struct check *c, const struct record *record, bool *altered)
{
	struct cell_reading r = {
	    .problems = c->problems, .arena = c->arena, .record = record, .locale = c->options.locale};
	bool withdraws = is_withdrawal(c, record), fine = true, figures = true;

	tram__v1__observation__init(&c->observation);
	for (int field = 0; field < FIELD_COUNT; field++) {
		if (fields[field].level != LEVEL_OBSERVATION || (withdraws && is_figure((enum field_id)field)))
			continue;
		if (!read_observation_cell(c, &r, (enum field_id)field)) {
			fine = false;
			figures = figures && !is_figure((enum field_id)field);
		}
	}
	fine &= read_dimensions(c, &r);
	if (figures)
		fine &= check_value(c, record, withdraws);
	if (withdraws)
		c->observation.action = TRAM__V1__OBSERVATION_ACTION__OBSERVATION_ACTION_WITHDRAW;
	*altered = *altered || r.mended || c->options.withdraw;
	return fine;
}

bool check_record(struct check *c, const struct record *record, const Tram__V1__Report **ret_head,
		  const Tram__V1__Observation **ret_observation, bool *ret_altered)
{
	bool fine;

	arena_reset(c->arena);
	fine = check_head(c, record);
	*ret_altered = c->head_altered;
	fine &= check_observation(c, record, ret_altered);
	fine &= check_observation_codes(c->book, c->problems, record, &c->head, &c->codes, &c->observation);
	*ret_head = &c->head;
	*ret_observation = &c->observation;
	return fine;
}
