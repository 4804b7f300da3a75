/* SPDX-License-Identifier: Apache-2.0 */
#include "book.h"

#include "lang.h"
#include "mem.h"
#include "nearest.h"
#include "period.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct book {
	Tram__V1__Codebook *codebook;
	const Tram__V1__CodebookIndicator **indicators; /* by code: one look-up a row of a file */
};

static int by_code(const void *a, const void *b)
{
	const Tram__V1__CodebookIndicator *const *x = a, *const *y = b;

	return strcmp((*x)->code, (*y)->code);
}

struct book *book_new(Tram__V1__Codebook *codebook)
{
	struct book *b = xcalloc(1, sizeof *b);
	size_t n = codebook ? codebook->n_indicators : 0;

	b->codebook = codebook;
	b->indicators = xcalloc(n + 1, sizeof *b->indicators);
	for (size_t i = 0; i < n; i++)
		b->indicators[i] = codebook->indicators[i];
	qsort(b->indicators, n, sizeof *b->indicators, by_code);
	return b;
}

void book_free(struct book **bp)
{
	if (!*bp)
		return;
	if ((*bp)->codebook)
		tram__v1__codebook__free_unpacked((*bp)->codebook, NULL);
	free((*bp)->indicators);
	free(*bp);
	*bp = NULL;
}

bool book_is_known(const struct book *b)
{
	return b->codebook && b->codebook->n_indicators > 0;
}

uint32_t book_version(const struct book *b)
{
	return b->codebook ? b->codebook->catalogue_version : 0;
}

/* ---------------------------------------------------------------- look-ups */

const Tram__V1__CodebookDataflow *book_dataflow(const struct book *b, const char *code)
{
	for (size_t i = 0; b->codebook && i < b->codebook->n_dataflows; i++)
		if (strcmp(b->codebook->dataflows[i]->code, code) == 0)
			return b->codebook->dataflows[i];
	return NULL;
}

const Tram__V1__CodebookProvider *book_provider(const struct book *b, const char *code)
{
	for (size_t i = 0; b->codebook && i < b->codebook->n_providers; i++)
		if (strcmp(b->codebook->providers[i]->code, code) == 0)
			return b->codebook->providers[i];
	return NULL;
}

const Tram__V1__CodebookIndicator *book_indicator(const struct book *b, const char *code)
{
	size_t low = 0, high = b->codebook ? b->codebook->n_indicators : 0;

	while (low < high) {
		size_t middle = (low + high) / 2;
		int order = strcmp(code, b->indicators[middle]->code);

		if (order == 0)
			return b->indicators[middle];
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return NULL;
}

const Tram__V1__CodebookProvider *book_only_provider(const struct book *b)
{
	return b->codebook && b->codebook->n_providers == 1 ? b->codebook->providers[0] : NULL;
}

static bool is_among(char *const *texts, size_t n, const char *text)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(texts[i], text) == 0)
			return true;
	return false;
}

bool book_may_report(const Tram__V1__CodebookProvider *provider, const char *dataflow)
{
	return provider->n_dataflows == 0 || is_among(provider->dataflows, provider->n_dataflows, dataflow);
}

/* ---------------------------------------------------------------- areas */

static bool is_valid_on(const Tram__V1__CodebookArea *area, int32_t date)
{
	int32_t from, to;

	return (!date_parse(area->valid_from, &from) || from <= date) &&
	       (!*area->valid_to || !date_parse(area->valid_to, &to) || date <= to);
}

static bool reports_for(const Tram__V1__CodebookProvider *provider, const Tram__V1__CodebookArea *area)
{
	return !provider || provider->n_areas == 0 || is_among(provider->areas, provider->n_areas, area->area);
}

enum book_area book_area(const struct book *b, const Tram__V1__CodebookProvider *provider, const char *stated,
			 int32_t date, const Tram__V1__CodebookArea **ret_is, const Tram__V1__CodebookArea **ret_other)
{
	const Tram__V1__CodebookArea *past = NULL, *is = NULL, *own = NULL;

	for (size_t i = 0; b->codebook && i < b->codebook->n_areas; i++) {
		const Tram__V1__CodebookArea *area = b->codebook->areas[i];

		if (strcmp(area->area, stated) != 0 && strcmp(area->code, stated) != 0)
			continue;
		if (is_valid_on(area, date))
			is = area;
		else
			past = area;
		if (provider && provider->n_areas && reports_for(provider, area))
			own = area;
	}
	*ret_is = is ? is : past;
	*ret_other = own;
	if (!is)
		return past ? BOOK_AREA_NOT_VALID : BOOK_AREA_UNKNOWN;
	if (reports_for(provider, is))
		return BOOK_AREA_FINE;
	return own && strcmp(own->name_vi, is->name_vi) != 0 ? BOOK_AREA_RENUMBERED : BOOK_AREA_FOREIGN;
}

/* Days as YYYY-MM-DD sort as texts. */
void book_area_span(const struct book *b, const Tram__V1__CodebookArea *area, const char **ret_from,
		    const char **ret_to)
{
	*ret_from = area->valid_from;
	*ret_to = area->valid_to;
	for (size_t i = 0; b->codebook && i < b->codebook->n_areas; i++) {
		const Tram__V1__CodebookArea *entry = b->codebook->areas[i];

		if (strcmp(entry->area, area->area) != 0)
			continue;
		if (strcmp(entry->valid_from, *ret_from) < 0)
			*ret_from = entry->valid_from;
		if (!*entry->valid_to || (**ret_to && strcmp(entry->valid_to, *ret_to) > 0))
			*ret_to = entry->valid_to;
	}
}

const char *book_area_name(const Tram__V1__CodebookArea *area)
{
	return lang_is_vi() ? area->name_vi : area->name_en;
}

/* ---------------------------------------------------------------- suggestions */

const char *book_nearest_dataflow(const struct book *b, const char *code)
{
	struct nearest near = nearest_to(code);

	for (size_t i = 0; b->codebook && i < b->codebook->n_dataflows; i++)
		nearest_try(&near, b->codebook->dataflows[i]->code);
	return near.found;
}

const char *book_nearest_indicator(const struct book *b, const char *code)
{
	struct nearest near = nearest_to(code);

	for (size_t i = 0; b->codebook && i < b->codebook->n_indicators; i++)
		nearest_try(&near, b->codebook->indicators[i]->code);
	return near.found;
}

const char *book_nearest_provider(const struct book *b, const char *code)
{
	struct nearest near = nearest_to(code);

	for (size_t i = 0; b->codebook && i < b->codebook->n_providers; i++)
		nearest_try(&near, b->codebook->providers[i]->code);
	return near.found;
}

/* "Quảng Trị" for "Tỉnh Quảng Trị". */
static bool ends_with(const char *name, const char *end)
{
	size_t n = strlen(name), m = strlen(end);

	return n > m && m > 0 && strcasecmp(name + n - m, end) == 0 && name[n - m - 1] == ' ';
}

const char *book_nearest_area(const struct book *b, const char *code)
{
	struct nearest near = nearest_to(code);
	const char *found = NULL;

	for (size_t i = 0; b->codebook && i < b->codebook->n_areas; i++) {
		const Tram__V1__CodebookArea *area = b->codebook->areas[i];
		const char *before = near.found;

		if (ends_with(area->name_vi, code) || ends_with(area->name_en, code))
			return area->area;
		nearest_try(&near, area->name_vi);
		nearest_try(&near, area->name_en);
		nearest_try(&near, area->area);
		if (near.found != before)
			found = area->area;
	}
	return found;
}

/* ---------------------------------------------------------------- lists */

struct list {
	char *buf;
	size_t size, used;
};

static void list_add(struct list *l, const char *text)
{
	int n;

	if (l->used == l->size - 1)
		return;
	n = snprintf(l->buf + l->used, l->size - l->used, "%s%s", l->used ? ", " : "", text);

	if (n < 0 || l->used + (size_t)n + sizeof ", …" > l->size) {
		snprintf(l->buf + l->used, l->size - l->used, l->used ? ", …" : "…");
		l->used = l->size - 1;
		return;
	}
	l->used += (size_t)n;
}

char *book_list(char *const *texts, size_t n, char *buf, size_t size)
{
	struct list l = {buf, size, 0};

	*buf = 0;
	for (size_t i = 0; i < n; i++)
		list_add(&l, texts[i]);
	return buf;
}

char *book_list_providers(const struct book *b, char *buf, size_t size)
{
	struct list l = {buf, size, 0};

	*buf = 0;
	for (size_t i = 0; b->codebook && i < b->codebook->n_providers; i++)
		list_add(&l, b->codebook->providers[i]->code);
	return buf;
}

char *book_list_dataflows(const struct book *b, char *buf, size_t size)
{
	struct list l = {buf, size, 0};

	*buf = 0;
	for (size_t i = 0; b->codebook && i < b->codebook->n_dataflows; i++)
		list_add(&l, b->codebook->dataflows[i]->code);
	return buf;
}
