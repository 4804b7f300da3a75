/* SPDX-License-Identifier: Apache-2.0 */
/* Figures that were published elsewhere, and the rules that compare with them. */
#include "inside.h"
#include "lang.h"

#include <stdlib.h>
#include <string.h>

/* ---------------------------------------------------------------- references */

static int compare_references(const void *a, const void *b)
{
	const struct reference *x = a, *y = b;
	int by_code = strcmp(x->code, y->code);

	if (by_code != 0 || x->area == y->area) {
		return by_code ? by_code : (x->valid_from > y->valid_from) - (x->valid_from < y->valid_from);
	}
	return x->area->identity < y->area->identity ? -1 : 1;
}

/* False: its area is none, which is then said. */
static bool build_reference(struct loading *l, const struct reference_row *row, struct reference *reference)
{
	bool known = lookup_get(&l->c->identity_of, row->area) != LOOKUP_NONE;

	*reference = (struct reference){.code = row->reference,
					.area = known ? catalogue_area_ever(l->c, row->area) : NULL,
					.valid_from = row->valid_from,
					.valid_to = row->valid_to,
					.value = row->value.d,
					.unit = row->unit,
					.source = row->source};
	if (!known) {
		MISTAKE(l, FILE_REFERENCES, row->line, _("area '%s' is not in areas.csv; add it or mend it"),
			row->area);
	}
	build_validity(l, FILE_REFERENCES, row->line, row->valid_from, row->valid_to);
	return known;
}

/* ---------------------------------------------------------------- rules */

static bool has_reference(const struct catalogue *c, const char *code)
{
	for (size_t i = 0; i < c->n_references; i++) {
		if (strcmp(c->references[i].code, code) == 0) {
			return true;
		}
	}
	return false;
}

/* Where each area's references of a code begin: they stand together, sorted. */
static bool index_reference(struct catalogue *c, struct reference_rule *rule)
{
	uint32_t *first = arena_calloc(c->arena, c->n_areas, sizeof *first);

	for (size_t i = 0; first && i < c->n_areas; i++) {
		first[i] = UINT32_MAX;
	}
	for (size_t i = c->n_references; first && i-- > 0;) {
		if (strcmp(c->references[i].code, rule->reference) == 0) {
			first[c->references[i].area->identity] = (uint32_t)i;
		}
	}
	rule->first = first;
	return first != NULL;
}

static void check_reference_rule(struct loading *l, const struct reference_rule_row *row,
				 const struct reference_rule *rule)
{
	if (!rule->indicator) {
		MISTAKE(l, FILE_REFERENCE_RULES, row->line,
			_("indicator '%s' is not in indicators.csv; add it or mend the name"), row->indicator);
	} else if (rule->part != PART_VALUE && !rule->indicator->has_parts) {
		MISTAKE(l, FILE_REFERENCE_RULES, row->line,
			_("indicator '%s' has no numerator and denominator; compare its value"), row->indicator);
	}
	if (!has_reference(l->c, row->reference)) {
		MISTAKE(l, FILE_REFERENCE_RULES, row->line,
			_("reference '%s' is not in references.csv; add it or mend the name"), row->reference);
	}
	if (rule->tolerance_percent.mantissa < 0) {
		MISTAKE(l, FILE_REFERENCE_RULES, row->line, _("tolerance_percent must not be below 0"));
	}
}

static bool build_rule(struct loading *l, const struct reference_rule_row *row, struct reference_rule *rule)
{
	*rule = (struct reference_rule){.indicator = catalogue_indicator(l->c, row->indicator),
					.part = (enum figure_part)row->field,
					.reference = row->reference,
					.operator=(enum cross_operator) row->operator,
					.tolerance_percent = row->tolerance_percent.d,
					.severity = (enum severity)(SEVERITY_BLOCK - row->severity)};
	check_reference_rule(l, row, rule);
	return index_reference(l->c, rule);
}

static int compare_indicator(const void *a, const void *b)
{
	const struct reference_rule *x = *(const struct reference_rule *const *)a,
				    *y = *(const struct reference_rule *const *)b;

	return x->indicator != y->indicator ? (x->indicator < y->indicator ? -1 : 1) : (x > y) - (x < y);
}

/* Gives each indicator the rules that compare it. */
static void hang_rules(struct catalogue *c)
{
	size_t n = 0;

	for (size_t i = 0; i < c->n_reference_rules; i++) {
		if (c->reference_rules[i].indicator) {
			c->reference_rules_by_indicator[n++] = &c->reference_rules[i];
		}
	}
	qsort(c->reference_rules_by_indicator, n, sizeof *c->reference_rules_by_indicator, compare_indicator);
	for (size_t i = 0; i < n; i++) {
		struct indicator *of = &c->indicators[c->reference_rules_by_indicator[i]->indicator->position];

		if (of->n_reference_rules++ == 0) {
			of->reference_rules = &c->reference_rules_by_indicator[i];
		}
	}
}

bool build_references(struct loading *l)
{
	const struct records *references = &l->rows[FILE_REFERENCES], *rules = &l->rows[FILE_REFERENCE_RULES];
	struct catalogue *c = l->c;

	if (!build_room(c, references->n, sizeof *c->references, &c->references, NULL) ||
	    !build_room(c, rules->n, sizeof *c->reference_rules, &c->reference_rules, NULL) ||
	    !build_room(c, rules->n, sizeof(void *), &c->reference_rules_by_indicator, NULL)) {
		return false;
	}
	for (size_t i = 0; i < references->n; i++) {
		c->n_references +=
		    build_reference(l, ROW(l, FILE_REFERENCES, reference_row, i), &c->references[c->n_references]);
	}
	qsort(c->references, c->n_references, sizeof *c->references, compare_references);
	c->n_reference_rules = rules->n;
	for (size_t i = 0; i < rules->n; i++) {
		if (!build_rule(l, ROW(l, FILE_REFERENCE_RULES, reference_rule_row, i), &c->reference_rules[i])) {
			return false;
		}
	}
	hang_rules(c);
	return true;
}

/* ---------------------------------------------------------------- by day */

const struct reference *catalogue_reference_on(const struct catalogue *c, const struct reference_rule *rule,
					       const struct area *area, int32_t day)
{
	for (size_t i = rule->first[area->identity]; i < c->n_references; i++) {
		const struct reference *reference = &c->references[i];

		if (reference->area->identity != area->identity || strcmp(reference->code, rule->reference) != 0) {
			break;
		}
		if (reference->valid_from <= day && day <= reference->valid_to) {
			return reference;
		}
	}
	return NULL;
}
