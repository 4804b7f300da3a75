/* SPDX-License-Identifier: Apache-2.0 */
#include "check_codes.h"

#include "cell.h"
#include "lang.h"
#include "mem.h"
#include "period.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LIST_MAX 300 /* bytes of a list of codes in a remedy */

/* One record under way. */
struct job {
	const struct book *book;
	struct problems *problems;
	const struct record *record;
	const Tram__V1__Report *head;
	const struct head_codes *codes;
	const Tram__V1__Observation *observation;
};

static bool tell(const struct job *j, enum problem_kind kind, enum field_id field, const struct cell *cell,
		 struct problem_words words)
{
	words.field = cell_field_name(j->record, field);
	problems_add(j->problems, kind, cell_place(j->record, cell, field, -1), words);
	return false;
}

/* ---------------------------------------------------------------- head */

static bool check_provider(const struct job *j, const struct cell *cell, struct head_codes *ret)
{
	char list[LIST_MAX];

	if (!*j->head->provider)
		return true;
	ret->provider = book_provider(j->book, j->head->provider);
	if (ret->provider)
		return true;
	return tell(j, PROBLEM_PROVIDER_UNKNOWN, FIELD_PROVIDER, cell,
		    (struct problem_words){.found = j->head->provider,
					   .hint = book_nearest_provider(j->book, j->head->provider),
					   .other = book_list_providers(j->book, list, sizeof list)});
}

static bool check_dataflow(const struct job *j, const struct cell *cell, struct head_codes *ret)
{
	const char *code = j->head->dataflow;
	char list[LIST_MAX];

	if (!*code)
		return true;
	ret->dataflow = book_dataflow(j->book, code);
	if (!ret->dataflow)
		return tell(j, PROBLEM_DATAFLOW_UNKNOWN, FIELD_DATAFLOW, cell,
			    (struct problem_words){.found = code,
						   .hint = book_nearest_dataflow(j->book, code),
						   .other = book_list_dataflows(j->book, list, sizeof list)});
	if (!ret->provider || book_may_report(ret->provider, code))
		return true;
	book_list(ret->provider->dataflows, ret->provider->n_dataflows, list, sizeof list);
	return tell(j, PROBLEM_DATAFLOW_FOREIGN, FIELD_DATAFLOW, cell,
		    (struct problem_words){.found = code, .hint = ret->provider->code, .other = list});
}

/* Days and ranges are not periods of a calendar: targets and spans are stated for them at any time. */
static bool check_frequency(const struct job *j, const struct cell *cell, const struct head_codes *codes)
{
	struct period period;
	char letter;

	if (!codes->dataflow || !period_parse(j->head->time_period, &period) || period.kind == PERIOD_DAY ||
	    period.kind == PERIOD_RANGE)
		return true;
	letter = period_frequency(&period);
	if (!*codes->dataflow->frequencies || strchr(codes->dataflow->frequencies, letter))
		return true;
	return tell(j, PROBLEM_FREQUENCY_UNKNOWN, FIELD_TIME_PERIOD, cell,
		    (struct problem_words){.found = j->head->time_period,
					   .hint = codes->dataflow->code,
					   .other = codes->dataflow->frequencies});
}

bool check_head_codes(const struct book *book, struct problems *problems, const struct record *record,
		      const struct cell cells[static FIELD_COUNT], const Tram__V1__Report *head, struct head_codes *ret)
{
	struct job j = {.book = book, .problems = problems, .record = record, .head = head};
	bool fine;

	*ret = (struct head_codes){0};
	if (!book_is_known(book))
		return true;
	fine = check_provider(&j, &cells[FIELD_PROVIDER], ret);
	fine &= check_dataflow(&j, &cells[FIELD_DATAFLOW], ret);
	fine &= check_frequency(&j, &cells[FIELD_TIME_PERIOD], ret);
	return fine;
}

/* ---------------------------------------------------------------- areas */

/* "34/15 (Tỉnh Lào Cai)"; caller frees. */
static char *area_words(const Tram__V1__CodebookArea *area)
{
	return xasprintf("%s (%s)", area->area, book_area_name(area));
}

static bool tell_not_valid(const struct job *j, const Tram__V1__CodebookArea *area)
{
	const char *from, *to;
	char *name = area_words(area), *valid;

	book_area_span(j->book, area, &from, &to);
	valid = *to ? xasprintf(_("%s from %s to %s"), name, from, to) : xasprintf(_("%s since %s"), name, from);

	tell(
	    j, PROBLEM_AREA_NOT_VALID, FIELD_REF_AREA, &j->record->cells[FIELD_REF_AREA],
	    (struct problem_words){.found = j->observation->ref_area, .hint = j->head->reference_date, .other = valid});
	free(name);
	free(valid);
	return false;
}

static bool tell_renumbered(const struct job *j, const Tram__V1__CodebookArea *is, const Tram__V1__CodebookArea *other)
{
	char *now = area_words(is), *before = area_words(other);

	tell(j, PROBLEM_AREA_RENUMBERED, FIELD_REF_AREA, &j->record->cells[FIELD_REF_AREA],
	     (struct problem_words){.found = j->observation->ref_area, .hint = now, .other = before});
	free(now);
	free(before);
	return false;
}

static bool tell_foreign(const struct job *j, const Tram__V1__CodebookArea *is)
{
	const Tram__V1__CodebookProvider *provider = j->codes->provider;
	char list[LIST_MAX], *name = area_words(is);

	book_list(provider->areas, provider->n_areas, list, sizeof list);
	tell(j, PROBLEM_AREA_FOREIGN, FIELD_REF_AREA, &j->record->cells[FIELD_REF_AREA],
	     (struct problem_words){.found = name, .hint = provider->code, .other = list});
	free(name);
	return false;
}

static bool check_area(const struct job *j)
{
	const char *stated = j->observation->ref_area;
	const Tram__V1__CodebookArea *is, *other;
	int32_t date;

	if (!*stated || !j->codes->has_date || !date_parse(j->head->reference_date, &date))
		return true;
	switch (book_area(j->book, j->codes->provider, stated, date, &is, &other)) {
	case BOOK_AREA_FINE: break;
	case BOOK_AREA_UNKNOWN:
		return tell(j, PROBLEM_AREA_UNKNOWN, FIELD_REF_AREA, &j->record->cells[FIELD_REF_AREA],
			    (struct problem_words){.found = stated, .hint = book_nearest_area(j->book, stated)});
	case BOOK_AREA_NOT_VALID: return tell_not_valid(j, is);
	case BOOK_AREA_RENUMBERED: return tell_renumbered(j, is, other);
	case BOOK_AREA_FOREIGN: return tell_foreign(j, is);
	}
	return true;
}

/* ---------------------------------------------------------------- indicators */

static bool check_unit(const struct job *j, const Tram__V1__CodebookIndicator *indicator)
{
	const char *unit = j->observation->unit;

	if (!*unit || !*indicator->unit || strcmp(unit, indicator->unit) == 0)
		return true;
	return tell(j, PROBLEM_UNIT_UNKNOWN, FIELD_UNIT, &j->record->cells[FIELD_UNIT],
		    (struct problem_words){.found = unit, .hint = indicator->unit, .other = indicator->code});
}

static bool is_whole(const Tram__V1__Decimal *d, int32_t unit_mult)
{
	struct decimal trimmed;

	if (!d)
		return true;
	trimmed = decimal_trim((struct decimal){d->mantissa, (uint8_t)d->scale});
	return (int32_t)trimmed.scale <= (unit_mult > 0 ? unit_mult : 0);
}

/* "4.543" for 4543: a ratio of two such figures would still be right, so only this catches it. */
static bool check_whole(const struct job *j, const Tram__V1__CodebookIndicator *indicator)
{
	const Tram__V1__Observation *o = j->observation;
	const struct {
		enum field_id field;
		const Tram__V1__Decimal *figure;
	} figures[] = {{FIELD_VALUE, o->value}, {FIELD_NUMERATOR, o->numerator}, {FIELD_DENOMINATOR, o->denominator}};
	bool fine = true, is_parts = o->numerator != NULL;

	if (!indicator->integer)
		return true;
	for (size_t i = is_parts; i < sizeof figures / sizeof *figures; i++) {
		char text[DECIMAL_TEXT];

		if (is_whole(figures[i].figure, o->unit_mult))
			continue;
		decimal_text((struct decimal){figures[i].figure->mantissa, (uint8_t)figures[i].figure->scale}, text);
		fine = tell(j, PROBLEM_NOT_WHOLE, figures[i].field, &j->record->cells[figures[i].field],
			    (struct problem_words){.found = text, .hint = indicator->code});
	}
	return fine;
}

static bool check_indicator(const struct job *j)
{
	const char *code = j->observation->indicator;
	const Tram__V1__CodebookIndicator *indicator = book_indicator(j->book, code);
	const struct cell *cell = &j->record->cells[FIELD_INDICATOR];
	bool fine = true;

	if (!*code)
		return true;
	if (!indicator)
		return tell(j, PROBLEM_INDICATOR_UNKNOWN, FIELD_INDICATOR, cell,
			    (struct problem_words){.found = code, .hint = book_nearest_indicator(j->book, code)});
	if (j->codes->dataflow && strcmp(indicator->dataflow, j->codes->dataflow->code) != 0)
		fine = tell(j, PROBLEM_INDICATOR_ELSEWHERE, FIELD_INDICATOR, cell,
			    (struct problem_words){
				.found = code, .hint = indicator->dataflow, .other = j->codes->dataflow->code});
	fine &= check_unit(j, indicator);
	fine &= check_whole(j, indicator);
	return fine;
}

/* SDMX states the frequency beside the period; the two must agree. */
static bool check_stated_frequency(const struct job *j)
{
	struct cell cell = cell_trim(j->record->frequency);
	struct period period;
	char letter[2] = "";

	if (!cell.len || !period_parse(j->head->time_period, &period) || period.kind == PERIOD_RANGE)
		return true;
	letter[0] = period_frequency(&period);
	if (cell.len == 1 && cell.text[0] == letter[0])
		return true;
	problems_add(j->problems, PROBLEM_FREQUENCY_DIFFERS, cell.at,
		     (struct problem_words){
			 .found = cell.text, .found_len = cell.len, .hint = j->head->time_period, .other = letter});
	return false;
}

bool check_observation_codes(const struct book *book, struct problems *problems, const struct record *record,
			     const Tram__V1__Report *head, const struct head_codes *codes,
			     const Tram__V1__Observation *observation)
{
	struct job j = {book, problems, record, head, codes, observation};
	bool fine = check_stated_frequency(&j);

	if (!book_is_known(book))
		return fine;
	fine &= check_indicator(&j);
	fine &= check_area(&j);
	return fine;
}
