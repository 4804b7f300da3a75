/* SPDX-License-Identifier: Apache-2.0 */
/* What is wrong with rules, comparisons and references although each row can be read. */
#include "inside.h"
#include "lang.h"

#include <stdio.h>
#include <string.h>

/* ---------------------------------------------------------------- rules */

/* What these keep out could not be stored, or would be stored as something else; so data cannot soften them. */
static const unsigned char fixed[N_BUILT_IN_RULES] = {
    [DUNG_01] = 1, [DUNG_02] = 1, [DUNG_03] = 1, [DUNG_13] = 1, [DU_01] = 1,   [DU_04] = 1,
    [DU_06] = 1,   [SACH_01] = 1, [SACH_02] = 1, [SACH_03] = 1, [SACH_04] = 1, [SACH_07] = 1,
};

static void check_fixed(struct loading *l, const struct rule *rule, int line)
{
	if (rule->severity != rule->built_in || rule->valid_from != DATE_ALWAYS || rule->valid_to != DATE_OPEN) {
		MISTAKE(l, FILE_RULES, line,
			_("rule %s keeps out what cannot be stored: it is always in force, at its own severity; leave "
			  "severity and dates empty"),
			rule->code);
	}
}

static bool is_used(const struct catalogue *c, const struct rule *rule)
{
	for (size_t i = 0; i < c->n_cross_rules; i++) {
		if (c->cross_rules[i].rule == rule) {
			return true;
		}
	}
	return false;
}

/* A rule that the program does not know is described whole, and compares something. */
static void check_defined(struct loading *l, const struct rule *rule, const struct rule_row *row)
{
	const char *const texts[] = {row->word,       row->title_vi,  row->title_en, row->message_vi,
				     row->message_en, row->remedy_vi, row->remedy_en};
	static const char *const names[] = {"word",       "title_vi",  "title_en", "message_vi",
					    "message_en", "remedy_vi", "remedy_en"};

	if (row->severity == RECORDS_ABSENT) {
		MISTAKE(l, FILE_RULES, row->line,
			_("rule '%s' is none of the program's: it needs its own %s; fill it in or mend the code"),
			row->rule, "severity");
	}
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		if (!*texts[i]) {
			MISTAKE(
			    l, FILE_RULES, row->line,
			    _("rule '%s' is none of the program's: it needs its own %s; fill it in or mend the code"),
			    row->rule, names[i]);
		}
	}
	if (rule->valid_to == DATE_OPEN && !is_used(l->c, rule)) {
		MISTAKE(
		    l, FILE_RULES, row->line,
		    _("nothing is compared by rule '%s'; add a line to cross_rules.csv, or a valid_to if it is over"),
		    row->rule);
	}
}

static void check_rules(struct loading *l)
{
	for (size_t i = 0; i < l->rows[FILE_RULES].n; i++) {
		const struct rule_row *row = ROW(l, FILE_RULES, rule_row, i);
		const struct rule *rule = catalogue_rule(l->c, row->rule);

		if (!rule->built_in) {
			check_defined(l, rule, row);
		} else if (fixed[rule->number]) {
			check_fixed(l, rule, row->line);
		}
	}
}

/* ---------------------------------------------------------------- comparisons */

static bool may_compare(const struct rule *rule)
{
	return !rule->built_in || rule->number == DUNG_07 || rule->number == DUNG_08 || rule->number == DUNG_11;
}

static bool shares_frequency(const char *a, const char *b)
{
	for (; *a; a++) {
		if (*a != '|' && strchr(b, *a)) {
			return true;
		}
	}
	return false;
}

static bool overlap(int32_t from, int32_t to, int32_t other_from, int32_t other_to)
{
	return from <= other_to && other_from <= to;
}

/* What is missing counts as 0, so a figure broken down in a way that the right side never is would be held against 0. */
static void check_missing(struct loading *l, const struct cross_rule *rule, const struct cross_term *term, int line)
{
	if (rule->missing != MISSING_SKIP_ANY && strcmp(rule->left->dimensions, term->indicator->dimensions) != 0) {
		MISTAKE(l, FILE_CROSS_RULES, line,
			_("'%s' and '%s' are broken down differently (%s; %s), and missing is '%s'; write skip_any"),
			rule->left->code, term->indicator->code, rule->left->dimensions, term->indicator->dimensions,
			missing_policy_name(rule->missing));
	}
}

static void check_term(struct loading *l, const struct cross_rule *rule, const struct cross_term *term, int line)
{
	const struct indicator *left = rule->left, *right = term->indicator;

	if (!shares_frequency(left->frequencies, right->frequencies)) {
		MISTAKE(l, FILE_CROSS_RULES, line,
			_("'%s' (%s) and '%s' (%s) have no frequency in common: they are never compared"), left->code,
			left->frequencies, right->code, right->frequencies);
	}
	if (term->lag == 0 && !overlap(left->valid_from, left->valid_to, right->valid_from, right->valid_to)) {
		MISTAKE(l, FILE_CROSS_RULES, line,
			_("'%s' and '%s' are never valid on the same day: they are never compared"), left->code,
			right->code);
	}
	check_missing(l, rule, term, line);
}

/* Ranges of days have no period before. */
static bool has_only_ranges(const struct indicator *indicator)
{
	return strcmp(indicator->frequencies, "R") == 0;
}

static void check_comparison(struct loading *l, const struct cross_rule *rule, int line)
{
	if (rule->rule && !may_compare(rule->rule)) {
		MISTAKE(
		    l, FILE_CROSS_RULES, line,
		    _("rule %s compares nothing; write DUNG-07, DUNG-08, DUNG-11, or a rule that rules.csv defines"),
		    rule->rule->code);
	}
	if (!rule->left) {
		return;
	}
	if (!overlap(rule->valid_from, rule->valid_to, rule->left->valid_from, rule->left->valid_to)) {
		MISTAKE(l, FILE_CROSS_RULES, line,
			_("'%s' is never valid on a day on which the comparison is; mend one"), rule->left->code);
	}
	for (size_t i = 0; i < rule->n_right; i++) {
		check_term(l, rule, &rule->right[i], line);
		if (rule->right[i].lag > 0 && has_only_ranges(rule->right[i].indicator)) {
			MISTAKE(l, FILE_CROSS_RULES, line,
				_("'%s' has only ranges of days, which have no period before; take the lag out"),
				rule->right[i].indicator->code);
		}
	}
}

static void check_comparisons(struct loading *l)
{
	for (size_t i = 0; i < l->c->n_cross_rules; i++) {
		check_comparison(l, &l->c->cross_rules[i], ROW(l, FILE_CROSS_RULES, cross_rule_row, i)->line);
	}
}

/* ---------------------------------------------------------------- division by zero */

/* Its bounds leave nothing above 0. */
static bool is_never_above_zero(const struct indicator *indicator)
{
	return indicator && indicator->has_max && indicator->max.mantissa <= 0;
}

/* "x" or "x / y": both are divided by, x in the period before, y in every one. */
static void check_levels(struct loading *l, const struct indicator *i, int line)
{
	char names[2][128] = {"", ""};

	if (sscanf(i->derives_from, "%127[^ /] / %127[^ /]", names[0], names[1]) < 1) {
		return;
	}
	for (int k = 0; k < 2; k++) {
		if (is_never_above_zero(catalogue_indicator(l->c, names[k]))) {
			MISTAKE(l, FILE_INDICATORS, line,
				_("derives_from: '%s' is never above 0, so it cannot be divided by; mend its max"),
				names[k]);
		}
	}
}

static void check_divisions(struct loading *l)
{
	for (size_t k = 0; k < l->c->n_indicators; k++) {
		const struct indicator *i = &l->c->indicators[k];
		int line = ROW(l, FILE_INDICATORS, indicator_row, k)->line;

		check_levels(l, i, line);
		if (i->has_parts && is_never_above_zero(i)) {
			MISTAKE(l, FILE_INDICATORS, line,
				_("max leaves no denominator above 0, and it is divided by; mend max"));
		}
		if (*i->mean_weight && is_never_above_zero(catalogue_indicator(l->c, i->mean_weight))) {
			MISTAKE(l, FILE_INDICATORS, line,
				_("mean_weight: '%s' is never above 0, so it cannot be divided by; mend its max"),
				i->mean_weight);
		}
	}
}

/* ---------------------------------------------------------------- references */

static bool is_same_reference(const struct reference_row *a, const struct reference_row *b)
{
	return strcmp(a->reference, b->reference) == 0 && strcmp(a->area, b->area) == 0;
}

static void check_reference(struct loading *l, const struct reference_row *row)
{
	for (size_t i = 0; i < l->rows[FILE_REFERENCES].n; i++) {
		const struct reference_row *before = ROW(l, FILE_REFERENCES, reference_row, i);

		if (before == row) {
			break;
		}
		if (strcmp(before->reference, row->reference) == 0 && strcmp(before->unit, row->unit) != 0) {
			MISTAKE(l, FILE_REFERENCES, row->line,
				_("unit '%s' is not that of line %d, which is '%s'; mend one"), row->unit, before->line,
				before->unit);
			break;
		}
		if (is_same_reference(before, row) &&
		    overlap(before->valid_from, before->valid_to, row->valid_from, row->valid_to)) {
			MISTAKE(l, FILE_REFERENCES, row->line,
				_("'%s' of '%s' holds on days of line %d too; let one end before the other begins"),
				row->reference, row->area, before->line);
			break;
		}
	}
}

static const char *unit_of_reference(const struct loading *l, const char *reference)
{
	for (size_t i = 0; i < l->rows[FILE_REFERENCES].n; i++) {
		const struct reference_row *row = ROW(l, FILE_REFERENCES, reference_row, i);

		if (strcmp(row->reference, reference) == 0) {
			return row->unit;
		}
	}
	return NULL;
}

static void check_reference_rule(struct loading *l, const struct reference_rule *rule, int line)
{
	const char *unit = unit_of_reference(l, rule->reference);

	if (rule->indicator && rule->part == PART_VALUE && unit && strcmp(unit, rule->indicator->unit) != 0) {
		MISTAKE(l, FILE_REFERENCE_RULES, line, _("'%s' (%s) and '%s' (%s) have different units"),
			rule->indicator->code, rule->indicator->unit, rule->reference, unit);
	}
	for (const struct reference_rule *before = l->c->reference_rules; before < rule; before++) {
		if (before->indicator == rule->indicator && before->part == rule->part &&
		    before->operator== rule->operator&& strcmp(before->reference, rule->reference) == 0) {
			MISTAKE(l, FILE_REFERENCE_RULES, line, _("'%s' stands on an earlier line already; keep one"),
				rule->reference);
			break;
		}
	}
}

static void check_references(struct loading *l)
{
	for (size_t i = 0; i < l->rows[FILE_REFERENCES].n; i++) {
		check_reference(l, ROW(l, FILE_REFERENCES, reference_row, i));
	}
	for (size_t i = 0; i < l->c->n_reference_rules; i++) {
		check_reference_rule(l, &l->c->reference_rules[i],
				     ROW(l, FILE_REFERENCE_RULES, reference_rule_row, i)->line);
	}
}

void check_what_rules_say(struct loading *l)
{
	check_rules(l);
	check_comparisons(l);
	check_divisions(l);
	check_references(l);
}
