/* SPDX-License-Identifier: Apache-2.0 */
#include "inside.h"
#include "lang.h"
#include "period.h"

#include <stdio.h>
#include <string.h>

/* ---------------------------------------------------------------- areas */

static const struct area_row *area_row_of(const struct loading *l, const struct area *area)
{
	return ROW(l, FILE_AREAS, area_row, area - l->c->areas);
}

/* The identity is made of vintage and code, so that it stays when name or rank change. */
static void check_identity(struct loading *l, const struct area *area)
{
	char identity[160];

	if (area->level == AREA_NATION) {
		return;
	}
	snprintf(identity, sizeof identity, "%s/%s", area->vintage, area->code);
	if (strcmp(identity, area->area) != 0) {
		MISTAKE(l, FILE_AREAS, area_row_of(l, area)->line, _("area '%s' must be vintage/code, here '%s'"),
			area->area, identity);
	}
	if (lookup_get(&l->c->identity_of, area->parent) == LOOKUP_NONE) {
		MISTAKE(l, FILE_AREAS, area_row_of(l, area)->line,
			_("parent '%s' is no area of this file; add it or mend it"), area->parent);
	}
}

/* Communes are added up by the province that they are in. */
static void check_commune(struct loading *l, const struct area *area)
{
	const struct area *parent = catalogue_area_ever(l->c, area->parent);

	if (area->level == AREA_COMMUNE && parent && parent->level != AREA_PROVINCE) {
		MISTAKE(l, FILE_AREAS, area_row_of(l, area)->line,
			_("the parent of a commune must be a province, and '%s' is a %s"), area->parent,
			area_level_name(parent->level));
	}
}

/* Rows of one identity (or code) in order of their first day: none may begin before all before it have ended. */
static void check_overlaps(struct loading *l, const uint32_t *order, bool by_code)
{
	const struct area *latest = NULL;

	for (size_t i = 0; i < l->c->n_areas; i++) {
		const struct area *area = &l->c->areas[order[i]];
		const char *key = by_code ? area->code : area->area;
		bool same = latest && *key && strcmp(key, by_code ? latest->code : latest->area) == 0;

		/* what one identity does with itself is told once, by identity */
		if (same && area->valid_from <= latest->valid_to &&
		    (!by_code || strcmp(area->area, latest->area) != 0)) {
			MISTAKE(l, FILE_AREAS, area_row_of(l, area)->line,
				_("'%s' holds on days on which line %d gives '%s' too; let one end before the other "
				  "begins"),
				key, area_row_of(l, latest)->line, latest->area);
		}
		if (!same || area->valid_to > latest->valid_to) {
			latest = area;
		}
	}
}

static void check_areas(struct loading *l)
{
	for (size_t i = 0; i < l->c->n_areas; i++) {
		check_identity(l, &l->c->areas[i]);
		check_commune(l, &l->c->areas[i]);
	}
	check_overlaps(l, l->c->by_identity, false);
	check_overlaps(l, l->c->by_code, true);
}

static void check_successions(struct loading *l)
{
	for (size_t i = 0; i < l->c->n_successions; i++) {
		const struct succession_row *row = ROW(l, FILE_SUCCESSION, succession_row, i);
		const char *const names[] = {row->predecessor, row->successor};

		for (size_t k = 0; k < 2; k++) {
			if (lookup_get(&l->c->identity_of, names[k]) == LOOKUP_NONE) {
				MISTAKE(l, FILE_SUCCESSION, row->line,
					_("area '%s' is not in areas.csv; add it or mend it"), names[k]);
			}
		}
	}
}

/* ---------------------------------------------------------------- providers */

static bool is_agent(const char *s)
{
	size_t len = strlen(s);

	return len > 0 && len <= 64 && *s != '-' && strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789-") == len;
}

static void check_provider(struct loading *l, const struct provider_row *row)
{
	const struct area *area = catalogue_area_ever(l->c, row->area);
	enum area_level level = row->kind == PROVIDER_CENTRE ? AREA_NATION : AREA_PROVINCE;

	if (lookup_get(&l->c->identity_of, row->area) == LOOKUP_NONE) {
		MISTAKE(l, FILE_PROVIDERS, row->line, _("area '%s' is not in areas.csv; add it or mend it"), row->area);
	} else if (area->level != level) {
		MISTAKE(l, FILE_PROVIDERS, row->line, _("area '%s' is a %s; this kind of provider needs a %s"),
			row->area, area_level_name(area->level), area_level_name(level));
	}
	if (!is_agent(row->agent)) {
		MISTAKE(l, FILE_PROVIDERS, row->line,
			_("agent '%s': use at most 64 of a-z, 0-9 and '-', not '-' first"), row->agent);
	}
}

/* One series has one provider, so a province has one. */
static void check_providers(struct loading *l)
{
	struct lookup areas;

	if (!lookup_init(&areas, l->c->arena, l->c->n_providers)) {
		return;
	}
	for (size_t i = 0; i < l->c->n_providers; i++) {
		const struct provider_row *row = ROW(l, FILE_PROVIDERS, provider_row, i);

		check_provider(l, row);
		if (row->kind == PROVIDER_PROVINCE && lookup_put(&areas, row->area, (uint32_t)i) != LOOKUP_NONE) {
			MISTAKE(l, FILE_PROVIDERS, row->line,
				_("area '%s' has a provider on an earlier line already; keep one"), row->area);
		}
	}
}

/* ---------------------------------------------------------------- dataflows */

static void check_dataflow_frequency(struct loading *l, const struct dataflow *d, int line, char frequency)
{
	bool in_calendar = !d->calendar, in_due = !d->due;

	for (size_t i = 0; d->calendar && i < d->calendar->n_rules; i++) {
		in_calendar = in_calendar || d->calendar->rules[i].frequency == frequency;
	}
	for (size_t i = 0; d->due && i < d->due->n_rules; i++) {
		in_due = in_due || d->due->rules[i].frequency == frequency;
	}
	if (!in_calendar) {
		MISTAKE(l, FILE_DATAFLOWS, line, _("calendar '%s' has no frequency %c; add a line to calendars.csv"),
			d->calendar->code, frequency);
	}
	if (!in_due) {
		MISTAKE(l, FILE_DATAFLOWS, line, _("due '%s' has no frequency %c; add a line to due_dates.csv"),
			d->due->code, frequency);
	}
}

static void check_dataflow_level(struct loading *l, const struct dataflow *d, int line)
{
	if (d->area_level != AREA_PROVINCE && d->area_level != AREA_COMMUNE) {
		MISTAKE(l, FILE_DATAFLOWS, line,
			_("area_level '%s': provinces state figures for themselves (province) or for their communes "
			  "(commune)"),
			area_level_name(d->area_level));
	} else if (d->area_level == AREA_COMMUNE && d->provided_by != PROVIDER_PROVINCE) {
		MISTAKE(l, FILE_DATAFLOWS, line,
			_("figures of communes are provided by provinces; set provided_by to province, or leave "
			  "area_level empty"));
	}
}

static void check_dataflows(struct loading *l)
{
	for (size_t i = 0; i < l->c->n_dataflows; i++) {
		const struct dataflow *d = &l->c->dataflows[i];
		int line = ROW(l, FILE_DATAFLOWS, dataflow_row, i)->line;

		for (const char *f = "ASQM"; *f; f++) {
			if (strchr(d->frequencies, *f)) {
				check_dataflow_frequency(l, d, line, *f);
			}
		}
		check_dataflow_level(l, d, line);
	}
}

/* ---------------------------------------------------------------- indicators */

static void check_weight(struct loading *l, int line, const char *column, const char *weight, const char *word)
{
	if (*weight && strcmp(weight, word) != 0 && !catalogue_indicator(l->c, weight)) {
		MISTAKE(l, FILE_INDICATORS, line, _("%s '%s' is neither '%s' nor in indicators.csv"), column, weight,
			word);
	}
}

static void check_target(struct loading *l, const struct indicator *i, int line)
{
	const struct indicator *of = *i->target_of ? catalogue_indicator(l->c, i->target_of) : NULL;

	if (*i->target_of && i->over_area != OVER_AREA_TARGET) {
		MISTAKE(l, FILE_INDICATORS, line, _("target_of: only an indicator whose over_area is target is one"));
	} else if (*i->target_of && !of) {
		MISTAKE(l, FILE_INDICATORS, line,
			_("target_of: indicator '%s' is not in indicators.csv; add it or mend it"), i->target_of);
	} else if (of && (of == i || strcmp(of->unit, i->unit) != 0)) {
		MISTAKE(l, FILE_INDICATORS, line,
			_("target_of: '%s' (%s) is nothing that a target in %s could be held against"), of->code,
			of->unit, i->unit);
	}
}

/* "x" or "x / y". Returns how many there are; the names in the buffers. */
static int derives_from(const char *text, char first[static 128], char second[static 128])
{
	char rest[2] = "";
	int n = sscanf(text, "%127[^ /] / %127[^ /]%1s", first, second, rest);

	return n == 2 || (n == 1 && strcmp(text, first) == 0) ? n : 0;
}

static void check_derivation(struct loading *l, const struct indicator *i, int line)
{
	char names[2][128];
	int n = derives_from(i->derives_from, names[0], names[1]);

	if (*i->derives_from && n == 0) {
		MISTAKE(l, FILE_INDICATORS, line, _("derives_from '%s' cannot be read; write 'x' or 'x / y'"),
			i->derives_from);
	}
	for (int k = 0; k < n; k++) {
		if (!catalogue_indicator(l->c, names[k])) {
			MISTAKE(l, FILE_INDICATORS, line,
				_("derives_from: indicator '%s' is not in indicators.csv; add it or mend it"),
				names[k]);
		}
	}
	if (i->over_area == OVER_AREA_GROWTH_RECOMPUTED && !*i->derives_from) {
		MISTAKE(l, FILE_INDICATORS, line,
			_("growth_recomputed needs derives_from; name the level it is computed from"));
	}
}

static void check_indicator_frequencies(struct loading *l, const struct indicator *i, int line)
{
	for (const char *f = i->frequencies; i->dataflow && *f; f++) {
		if (*f != '|' && !strchr(i->dataflow->frequencies, *f)) {
			MISTAKE(l, FILE_INDICATORS, line,
				_("frequency %c is none of dataflow '%s' (%s); mend one of them"), *f,
				i->dataflow->code, i->dataflow->frequencies);
		}
	}
}

static void check_dimensions(struct loading *l, const struct indicator *i, int line)
{
	for (const char *at = i->dimensions; *at;) {
		size_t len = strcspn(at, "|");
		const char *id = arena_strndup(l->c->arena, at, len);

		if (id && lookup_get(&l->c->dimension_of, id) == LOOKUP_NONE) {
			MISTAKE(l, FILE_INDICATORS, line,
				_("dimension '%s' is not in dimensions.csv; add it or mend it"), id);
		}
		at += len + (at[len] == '|');
	}
}

/* Communes are added up as they are stated, each figure with the weight that the same commune states for the same period. */
static void check_commune_mean(struct loading *l, const struct indicator *i, int line)
{
	const struct indicator *weight = *i->mean_weight ? catalogue_indicator(l->c, i->mean_weight) : NULL;

	if (weight && weight->dataflow && i->dataflow && i->dataflow->area_level == AREA_COMMUNE &&
	    weight->dataflow->area_level != AREA_COMMUNE) {
		MISTAKE(
		    l, FILE_INDICATORS, line,
		    _("mean_weight '%s' is not stated for communes, and this mean is; name an indicator that is, or "
		      "'observation'"),
		    i->mean_weight);
	}
}

static void check_indicator(struct loading *l, const struct indicator *i, int line)
{
	if (i->has_min && i->has_max && decimal_compare(i->min, i->max) > 0) {
		MISTAKE(l, FILE_INDICATORS, line, _("min is above max: no value would pass; mend one of them"));
	}
	if (i->over_area == OVER_AREA_WEIGHTED_MEAN && !*i->mean_weight) {
		MISTAKE(l, FILE_INDICATORS, line,
			_("weighted_mean needs mean_weight; name an indicator, or 'observation'"));
	}
	if (*i->source_system && lookup_get(&l->c->source_system_of, i->source_system) == LOOKUP_NONE) {
		MISTAKE(l, FILE_INDICATORS, line,
			_("source_system '%s' is not in source_systems.csv; add it or mend it"), i->source_system);
	}
	check_weight(l, line, "mean_weight", i->mean_weight, "observation");
	check_commune_mean(l, i, line);
	check_weight(l, line, "coverage_weight", i->coverage_weight, "own");
	check_target(l, i, line);
	check_derivation(l, i, line);
	check_dimensions(l, i, line);
	check_indicator_frequencies(l, i, line);
}

static void check_indicators(struct loading *l)
{
	for (size_t i = 0; i < l->c->n_indicators; i++) {
		check_indicator(l, &l->c->indicators[i], ROW(l, FILE_INDICATORS, indicator_row, i)->line);
	}
}

/* ---------------------------------------------------------------- cross rules */

static void check_cross_rule(struct loading *l, const struct cross_rule *rule, int line)
{
	for (size_t i = 0; rule->left && i < rule->n_right; i++) {
		const struct indicator *right = rule->right[i].indicator;

		if (right->dataflow != rule->left->dataflow) {
			MISTAKE(l, FILE_CROSS_RULES, line,
				_("'%s' and '%s' are of different dataflows: no report holds both"), rule->left->code,
				right->code);
		}
		if (strcmp(right->unit, rule->left->unit) != 0) {
			MISTAKE(l, FILE_CROSS_RULES, line, _("'%s' (%s) and '%s' (%s) have different units"),
				rule->left->code, rule->left->unit, right->code, right->unit);
		}
	}
}

enum visit { VISIT_NEW, VISIT_OPEN, VISIT_DONE };

/* Whether the sums below an indicator lead back to one that is being looked at. Reviewed files are not deep. */
static bool leads_back(const struct indicator *from, unsigned char *visits)
{
	bool back = false;

	if (visits[from->position] != VISIT_NEW) {
		return visits[from->position] == VISIT_OPEN;
	}
	visits[from->position] = VISIT_OPEN;
	for (size_t i = 0; i < from->n_cross_rules && !back; i++) {
		const struct cross_rule *rule = from->cross_rules[i];

		for (size_t k = 0; rule->operator== CROSS_EQUAL && k<rule->n_right && !back; k++) {
			back = rule->right[k].lag == 0 && leads_back(rule->right[k].indicator, visits);
		}
	}
	visits[from->position] = VISIT_DONE;
	return back;
}

static bool stands_on_right(const struct cross_rule *rule)
{
	for (size_t i = 0; i < rule->n_right; i++) {
		if (rule->right[i].indicator == rule->left && rule->right[i].lag == 0) {
			return true;
		}
	}
	return false;
}

static void check_cross_rules(struct loading *l)
{
	unsigned char *visits = arena_calloc(l->c->arena, l->c->n_indicators, 1);

	for (size_t i = 0; visits && i < l->c->n_cross_rules; i++) {
		const struct cross_rule *rule = &l->c->cross_rules[i];
		int line = ROW(l, FILE_CROSS_RULES, cross_rule_row, i)->line;

		if (!rule->left) {
			continue;
		}
		check_cross_rule(l, rule, line);
		if (stands_on_right(rule) || (rule->operator== CROSS_EQUAL && leads_back(rule->left, visits))) {
			MISTAKE(l, FILE_CROSS_RULES, line,
				_("'%s' is compared with itself, directly or in a circle; take one term out"),
				rule->left->code);
		}
	}
}

/* ---------------------------------------------------------------- published figures */

static void check_published_figure(struct loading *l, const struct published_figure *p, int line)
{
	struct period period;

	if (!period_parse(p->time_period, &period)) {
		MISTAKE(l, FILE_PUBLISHED_FIGURES, line,
			_("time_period '%s' is none; write 2024, 2024-S1, 2024-Q2, 2024-06 …"), p->time_period);
	} else if (p->indicator && !strchr(p->indicator->frequencies, period_frequency(&period))) {
		MISTAKE(l, FILE_PUBLISHED_FIGURES, line,
			_("time_period '%s': indicator '%s' has only the frequencies %s"), p->time_period,
			p->indicator->code, p->indicator->frequencies);
	}
	if (p->indicator && strcmp(p->indicator->unit, p->unit) != 0) {
		MISTAKE(l, FILE_PUBLISHED_FIGURES, line, _("unit '%s' is not the indicator's, which is '%s'"), p->unit,
			p->indicator->unit);
	}
	if (!*p->value && !(*p->numerator && *p->denominator)) {
		MISTAKE(l, FILE_PUBLISHED_FIGURES, line, _("there is no value; give it, or numerator and denominator"));
	}
}

static void check_published(struct loading *l)
{
	for (size_t i = 0; i < l->c->n_published; i++) {
		const struct published_figure *p = &l->c->published[i];
		int line = ROW(l, FILE_PUBLISHED_FIGURES, published_figure_row, i)->line;

		check_published_figure(l, p, line);
		for (size_t k = 0; k < i; k++) {
			if (l->c->published[k].figure_no == p->figure_no) {
				MISTAKE(l, FILE_PUBLISHED_FIGURES, line,
					_("figure_no %d stands on an earlier line already; keep one"), p->figure_no);
				break;
			}
		}
	}
}

void check(struct loading *l)
{
	check_areas(l);
	check_successions(l);
	check_providers(l);
	check_dataflows(l);
	check_indicators(l);
	check_cross_rules(l);
	check_what_rules_say(l);
	l->c->undecided = !check_contradictions(l);
	check_published(l);
}
