/* SPDX-License-Identifier: Apache-2.0 */
#include "codebook.h"

#include <string.h>

/* protobuf-c wants texts writable; packing does not write. */
static char *text(const char *s)
{
	return (char *)(uintptr_t)s;
}

/* ---------------------------------------------------------------- dataflows, indicators, areas */

static bool put_dataflows(struct arena *a, const struct catalogue *c, Tram__V1__Codebook *book)
{
	const struct dataflow *all;
	size_t n = catalogue_dataflows(c, &all);
	Tram__V1__CodebookDataflow *rows = arena_calloc(a, n, sizeof(*rows));
	book->dataflows = arena_calloc(a, n, sizeof(*book->dataflows));
	if (!rows || !book->dataflows)
		return false;
	for (size_t i = 0; i < n; i++) {
		tram__v1__codebook_dataflow__init(&rows[i]);
		rows[i].code = text(all[i].code);
		rows[i].name_vi = text(all[i].name_vi);
		rows[i].name_en = text(all[i].name_en);
		rows[i].frequencies = text(all[i].frequencies);
		book->dataflows[i] = &rows[i];
	}
	book->n_dataflows = n;
	return true;
}

static bool put_indicators(struct arena *a, const struct catalogue *c, Tram__V1__Codebook *book)
{
	const struct indicator *all;
	size_t n = catalogue_indicators(c, &all);
	Tram__V1__CodebookIndicator *rows = arena_calloc(a, n, sizeof(*rows));
	book->indicators = arena_calloc(a, n, sizeof(*book->indicators));
	if (!rows || !book->indicators)
		return false;
	for (size_t i = 0; i < n; i++) {
		tram__v1__codebook_indicator__init(&rows[i]);
		rows[i].code = text(all[i].code);
		rows[i].dataflow = text(all[i].dataflow->code);
		rows[i].unit = text(all[i].unit);
		rows[i].value_type = text(value_type_name(all[i].value_type));
		rows[i].integer = all[i].integer;
		rows[i].name_vi = text(all[i].name_vi);
		rows[i].name_en = text(all[i].name_en);
		book->indicators[i] = &rows[i];
	}
	book->n_indicators = n;
	return true;
}

static char *put_date(struct arena *a, int32_t day)
{
	char buf[16];
	return day == DATE_OPEN ? text("") : arena_strdup(a, date_text(day, buf));
}

/* Of ten thousand communes an agent is told those of its own provinces. */
static bool is_told(const struct catalogue *c, const struct area *area, const char *agent)
{
	const struct provider *all;
	size_t n = catalogue_providers(c, &all);

	for (size_t i = 0; area->level == AREA_COMMUNE && i < n; i++)
		if (strcmp(all[i].agent, agent) == 0 && strcmp(all[i].area, area->parent) == 0)
			return true;
	return area->level != AREA_COMMUNE;
}

static bool put_areas(struct arena *a, const struct catalogue *c, const char *agent, Tram__V1__Codebook *book)
{
	const struct area *all;
	size_t n = catalogue_areas(c, &all);
	Tram__V1__CodebookArea *rows = arena_calloc(a, n, sizeof(*rows));
	book->areas = arena_calloc(a, n, sizeof(*book->areas));
	if (!rows || !book->areas)
		return false;
	for (size_t i = 0; i < n; i++) {
		Tram__V1__CodebookArea *row = &rows[book->n_areas];
		if (!is_told(c, &all[i], agent))
			continue;
		tram__v1__codebook_area__init(row);
		row->area = text(all[i].area);
		row->code = text(all[i].code);
		row->valid_from = put_date(a, all[i].valid_from);
		row->valid_to = put_date(a, all[i].valid_to);
		row->name_vi = text(all[i].name_vi);
		row->name_en = text(all[i].name_en);
		if (!row->valid_from || !row->valid_to)
			return false;
		book->areas[book->n_areas++] = row;
	}
	return true;
}

/* ---------------------------------------------------------------- what a provider may report */

/* May it report the dataflow for that area on any day? If so, then on the first one that both are valid. */
static bool may_report(const struct catalogue *c, const struct provider *p, const struct dataflow *d,
		       const struct area *a)
{
	return catalogue_agreement(c, p, d, a, d->valid_from > a->valid_from ? d->valid_from : a->valid_from);
}

static bool is_listed(char *const *texts, size_t n, const char *s)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(texts[i], s) == 0)
			return true;
	return false;
}

static bool put_agreements(struct arena *a, const struct catalogue *c, const struct provider *p,
			   Tram__V1__CodebookProvider *row)
{
	const struct dataflow *dataflows;
	const struct area *areas;
	size_t n_dataflows = catalogue_dataflows(c, &dataflows), n_areas = catalogue_areas(c, &areas);
	row->dataflows = arena_calloc(a, n_dataflows, sizeof(*row->dataflows));
	row->areas = arena_calloc(a, n_areas, sizeof(*row->areas));
	if (!row->dataflows || !row->areas)
		return false;
	for (size_t d = 0; d < n_dataflows; d++)
		for (size_t i = 0; i < n_areas; i++) {
			if (!may_report(c, p, &dataflows[d], &areas[i]))
				continue;
			if (!is_listed(row->dataflows, row->n_dataflows, dataflows[d].code))
				row->dataflows[row->n_dataflows++] = text(dataflows[d].code);
			if (!is_listed(row->areas, row->n_areas, areas[i].area))
				row->areas[row->n_areas++] = text(areas[i].area);
		}
	return true;
}

static bool put_providers(struct arena *a, const struct catalogue *c, const char *agent, Tram__V1__Codebook *book)
{
	const struct provider *all;
	size_t n = catalogue_providers(c, &all);
	Tram__V1__CodebookProvider *rows = arena_calloc(a, n, sizeof(*rows));
	book->providers = arena_calloc(a, n, sizeof(*book->providers));
	if (!rows || !book->providers)
		return false;
	for (size_t i = 0; i < n; i++) {
		if (strcmp(all[i].agent, agent) != 0)
			continue;
		Tram__V1__CodebookProvider *row = &rows[book->n_providers];
		tram__v1__codebook_provider__init(row);
		row->code = text(all[i].code);
		row->name_vi = text(all[i].name_vi);
		if (!put_agreements(a, c, &all[i], row))
			return false;
		book->providers[book->n_providers++] = row;
	}
	return true;
}

Tram__V1__Codebook *codebook_make(struct arena *a, const struct catalogue *c, const char *agent)
{
	Tram__V1__Codebook *book = arena_alloc(a, sizeof(*book));
	if (!book)
		return NULL;
	tram__v1__codebook__init(book);
	book->catalogue_version = catalogue_version(c);
	bool fits = put_dataflows(a, c, book) && put_indicators(a, c, book) && put_areas(a, c, agent, book) &&
		    put_providers(a, c, agent, book);
	return fits ? book : NULL;
}

const char *codebook_agent_area(const struct catalogue *c, const char *agent)
{
	const struct provider *all, *found = NULL;
	size_t n = catalogue_providers(c, &all);
	for (size_t i = 0; i < n; i++) {
		if (strcmp(all[i].agent, agent) != 0)
			continue;
		if (found && strcmp(found->area, all[i].area) != 0)
			return "";
		found = &all[i];
	}
	return found ? found->area : "";
}
