/* SPDX-License-Identifier: Apache-2.0 */
#include "inside.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct catalogue *catalogue_ref(struct catalogue *c)
{
	__atomic_add_fetch(&c->holders, 1, __ATOMIC_RELAXED);
	return c;
}

void catalogue_unref(struct catalogue **cp)
{
	struct catalogue *c = *cp;

	*cp = NULL;
	if (c && __atomic_sub_fetch(&c->holders, 1, __ATOMIC_ACQ_REL) == 0) {
		arena_free(&c->arena);
		free(c);
	}
}

uint32_t catalogue_version(const struct catalogue *c)
{
	return c->version;
}

bool catalogue_is_undecided(const struct catalogue *c)
{
	return c->undecided;
}

/* ---------------------------------------------------------------- by code */

const struct indicator *catalogue_indicator(const struct catalogue *c, const char *code)
{
	uint32_t place = lookup_get(&c->indicator_of, code);

	return place == LOOKUP_NONE ? NULL : &c->indicators[place];
}

const struct dataflow *catalogue_dataflow(const struct catalogue *c, const char *code)
{
	uint32_t place = lookup_get(&c->dataflow_of, code);

	return place == LOOKUP_NONE ? NULL : &c->dataflows[place];
}

const struct provider *catalogue_provider(const struct catalogue *c, const char *code)
{
	uint32_t place = lookup_get(&c->provider_of, code);

	return place == LOOKUP_NONE ? NULL : &c->providers[place];
}

bool catalogue_has_dimension_code(const struct catalogue *c, const char *id_and_code)
{
	return lookup_get(&c->dimension_code_of, id_and_code) != LOOKUP_NONE;
}

int64_t catalogue_parameter(const struct catalogue *c, enum parameter parameter)
{
	assert(parameter < N_PARAMETERS);
	return c->parameters[parameter];
}

const char *catalogue_parameter_note(const struct catalogue *c, enum parameter parameter, bool vietnamese)
{
	assert(parameter < N_PARAMETERS);
	return vietnamese ? c->parameter_notes_vi[parameter] : c->parameter_notes_en[parameter];
}

const struct rule *catalogue_rule(const struct catalogue *c, const char *code)
{
	uint32_t place = lookup_get(&c->rule_of, code);

	return place == LOOKUP_NONE ? NULL : &c->rules[place];
}

bool rule_in_force(const struct rule *rule, int32_t day)
{
	return rule->valid_from <= day && day <= rule->valid_to;
}

const struct justification *catalogue_justification(const struct catalogue *c, const char *code)
{
	uint32_t place = lookup_get(&c->justification_of, code);

	return place == LOOKUP_NONE ? NULL : &c->justifications[place];
}

/* ---------------------------------------------------------------- areas */

/* The dated rows of an identity or bare code: *ret places of areas, sorted by date. Returns how many. */
static size_t rows_of(const struct catalogue *c, const char *code, const uint32_t **ret)
{
	uint32_t first = lookup_get(&c->identity_of, code);
	bool by_code = first == LOOKUP_NONE;
	const uint32_t *order = by_code ? c->by_code : c->by_identity;
	size_t n = 0;

	if (by_code) {
		first = lookup_get(&c->code_of, code);
	}
	if (first == LOOKUP_NONE) {
		return 0;
	}
	while (first + n < c->n_areas) {
		const struct area *area = &c->areas[order[first + n]];

		if (strcmp(by_code ? area->code : area->area, code) != 0) {
			break;
		}
		n++;
	}
	*ret = order + first;
	return n;
}

const struct area *catalogue_area_on(const struct catalogue *c, const char *code, int32_t day)
{
	const uint32_t *rows;
	size_t n = rows_of(c, code, &rows);

	for (size_t i = 0; i < n; i++) {
		const struct area *area = &c->areas[rows[i]];

		if (area->valid_from <= day && day <= area->valid_to) {
			return area;
		}
	}
	return NULL;
}

const struct area *catalogue_area_ever(const struct catalogue *c, const char *code)
{
	const uint32_t *rows;

	return rows_of(c, code, &rows) ? &c->areas[rows[0]] : NULL;
}

size_t catalogue_area_history(const struct catalogue *c, const char *code, const struct area **ret, size_t max)
{
	const uint32_t *rows;
	size_t n = rows_of(c, code, &rows);

	for (size_t i = 0; i < n && i < max; i++) {
		ret[i] = &c->areas[rows[i]];
	}
	return n;
}

/* ---------------------------------------------------------------- who may report what, and by when */

bool catalogue_states_for(const struct provider *p, const struct dataflow *d, const struct area *a)
{
	if (d->area_level == AREA_COMMUNE) {
		return a->level == AREA_COMMUNE && strcmp(a->parent, p->area) == 0;
	}
	return strcmp(a->area, p->area) == 0;
}

bool catalogue_agreement(const struct catalogue *c, const struct provider *p, const struct dataflow *d,
			 const struct area *a, int32_t day)
{
	(void)c;
	return d->provided_by == p->kind && catalogue_states_for(p, d, a) && d->valid_from <= day &&
	       day <= d->valid_to && a->valid_from <= day && day <= a->valid_to;
}

/* A day of a month that is counted as year * 12 + month - 1; day 0 is the month's last. */
static int32_t day_of_month(int32_t month, int day)
{
	if (day == 0) {
		return day_of_month(month + 1, 1) - 1;
	}
	return date_from_civil(month / 12, month % 12 + 1, day);
}

bool catalogue_period_dates(const struct dataflow *d, const struct period *p, int32_t *ret_from, int32_t *ret_to)
{
	char frequency = period_frequency(p);
	int32_t first, count;

	if (!strchr(d->frequencies, frequency)) {
		return false;
	}
	*ret_from = p->start;
	*ret_to = p->end;
	if (!period_months(p, &first, &count)) {
		return true;
	}
	for (size_t i = 0; i < d->calendar->n_rules; i++) {
		const struct calendar_rule *rule = &d->calendar->rules[i];

		if (rule->frequency == frequency) {
			*ret_from = day_of_month(first + rule->from_month, rule->from_day);
			*ret_to = day_of_month(first + count - 1 + rule->to_month, rule->to_day);
		}
	}
	return true;
}

bool catalogue_due_date(const struct dataflow *d, const struct period *p, int32_t *ret_day)
{
	char frequency = period_frequency(p);
	int32_t first, count;

	if (!d->due || !period_months(p, &first, &count)) {
		return false;
	}
	for (size_t i = 0; i < d->due->n_rules; i++) {
		const struct due_rule *rule = &d->due->rules[i];

		if (rule->frequency == frequency) {
			*ret_day = day_of_month(first + count - 1 + rule->month, rule->day);
			return true;
		}
	}
	return false;
}

/* ---------------------------------------------------------------- everything */

bool indicator_adds_over_time(const struct indicator *i)
{
	switch (i->over_area) {
	case OVER_AREA_NATIONAL_ONLY:
	case OVER_AREA_RANK_EXTERNAL:
	case OVER_AREA_BENCHMARK_EXTERNAL:
	case OVER_AREA_TARGET: return false;
	default: return true;
	}
}

size_t catalogue_indicators(const struct catalogue *c, const struct indicator **ret)
{
	*ret = c->indicators;
	return c->n_indicators;
}

size_t catalogue_dataflows(const struct catalogue *c, const struct dataflow **ret)
{
	*ret = c->dataflows;
	return c->n_dataflows;
}

size_t catalogue_areas(const struct catalogue *c, const struct area **ret)
{
	*ret = c->areas;
	return c->n_areas;
}

size_t catalogue_providers(const struct catalogue *c, const struct provider **ret)
{
	*ret = c->providers;
	return c->n_providers;
}

size_t catalogue_words(const struct catalogue *c, const struct word **ret)
{
	*ret = c->words;
	return c->n_words;
}

size_t catalogue_rules(const struct catalogue *c, const struct rule **ret)
{
	*ret = c->rules;
	return c->n_rules;
}

size_t catalogue_justifications(const struct catalogue *c, const struct justification **ret)
{
	*ret = c->justifications;
	return c->n_justifications;
}

size_t catalogue_references(const struct catalogue *c, const struct reference **ret)
{
	*ret = c->references;
	return c->n_references;
}

size_t catalogue_reference_rules(const struct catalogue *c, const struct reference_rule **ret)
{
	*ret = c->reference_rules;
	return c->n_reference_rules;
}

size_t catalogue_cross_rules(const struct catalogue *c, const struct cross_rule **ret)
{
	*ret = c->cross_rules;
	return c->n_cross_rules;
}

size_t catalogue_published(const struct catalogue *c, const struct published_figure **ret)
{
	*ret = c->published;
	return c->n_published;
}

size_t catalogue_successions(const struct catalogue *c, const struct area_succession **ret)
{
	*ret = c->successions;
	return c->n_successions;
}
