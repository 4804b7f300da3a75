/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Comparisons that are data: indicators with each other, now and periods back (cross_rules.csv: DUNG-07, 08, 11 and what a
 * catalogue defines of its own), and figures with national references (reference_rules.csv: DUNG-12).
 */
#include "walk.h"

#include <string.h>

static const struct decimal zero = {0, 0};
static const char *const signs[] = {[CROSS_EQUAL] = "", [CROSS_AT_MOST] = "≤ ", [CROSS_AT_LEAST] = "≥ "};

/* ---------------------------------------------------------------- sides that agree */

static struct decimal negative(struct decimal d)
{
	d.mantissa = -d.mantissa;
	return d;
}

/* By so much the left side is above the right one, as far as the operator minds; below 0: it does not. */
static struct decimal excess(enum cross_operator how, struct decimal gap)
{
	if (how == CROSS_AT_LEAST || (how == CROSS_EQUAL && gap.mantissa < 0)) {
		return negative(gap);
	}
	return gap;
}

static bool is_within_percent(struct decimal gap, struct decimal percent, struct decimal of)
{
	return decimal_compare_products(gap, decimal_int(100), percent, of.mantissa < 0 ? negative(of) : of) <= 0;
}

/* ---------------------------------------------------------------- indicators with each other */

/* What the right-hand side comes to. */
struct sum {
	struct decimal total;
	size_t missing;
	bool exact;
	const char *text; /* "11 + 26 + 113" */
};

/* False: there is no such value, or no such period. A period without a figure is missing, whatever stands before it. */
static bool term_value(struct walk *w, const struct figure *f, const struct cross_term *term, struct decimal *ret)
{
	int32_t period = period_before(w, term->lag);

	*ret = zero;
	return period != NO_PERIOD && related_value(w, f, term->indicator, period, ret);
}

/* "7700000", "7700000 [2023-S2]" */
static const char *say_term(struct walk *w, const struct cross_term *term, struct decimal value)
{
	char text[PERIOD_TEXT];
	struct period period;

	return term->lag && period_unpack(period_before(w, term->lag), &period)
		   ? say(w, "%s [%s]", say_decimal(w, value), period_text(&period, text))
		   : say_decimal(w, value);
}

static void say_sum(struct walk *w, struct sum *sum, const struct cross_term *term, const char *text)
{
	bool minus = term->coefficient < 0;
	long long times = minus ? -(long long)term->coefficient : term->coefficient;
	const char *sign = *sum->text ? (minus ? " − " : " + ") : (minus ? "−" : "");

	sum->text = times == 1 ? say(w, "%s%s%s", sum->text, sign, text)
			       : say(w, "%s%s%lld × %s", sum->text, sign, times, text);
}

/* text: also as people read it, which only a finding needs. */
static struct sum add_up(struct walk *w, const struct figure *f, const struct cross_rule *rule, bool text)
{
	struct sum sum = {.exact = true, .text = text ? "" : NULL};

	for (size_t i = 0; i < rule->n_right; i++) {
		const struct cross_term *term = &rule->right[i];
		struct decimal value, product;

		sum.missing += !term_value(w, f, term, &value);
		sum.exact = sum.exact && decimal_multiply(value, decimal_int(term->coefficient), &product) &&
			    decimal_add(sum.total, product, &sum.total);
		if (text) {
			say_sum(w, &sum, term, say_term(w, term, value));
		}
	}
	return sum;
}

static bool is_skipped(const struct cross_rule *rule, const struct sum *sum)
{
	switch (rule->missing) {
	case MISSING_SKIP_ANY: return sum->missing > 0;
	case MISSING_SKIP_ALL: return sum->missing == rule->n_right;
	case MISSING_NEVER_SKIP: break;
	}
	return false;
}

/* Half of the 18 digits would have to be decimals for a difference not to be exact; then nothing is said. */
static bool holds(const struct cross_rule *rule, struct decimal left, const struct sum *sum)
{
	struct decimal gap;

	if (!sum->exact || !decimal_subtract(left, sum->total, &gap)) {
		return true;
	}
	gap = excess(rule->operator, gap);
	return decimal_compare(gap, rule->tolerance) <= 0 ||
	       is_within_percent(gap, rule->tolerance_percent, sum->total);
}

static void compare(struct walk *w, const struct look *x, const struct cross_rule *rule)
{
	struct sum sum = add_up(w, x->f, rule, false);

	if (is_skipped(rule, &sum) || holds(rule, x->f->value, &sum)) {
		return;
	}
	sum = add_up(w, x->f, rule, true);
	find(w, rule->severity, "value", say_stated(w, x->o->value, x->o->unit_mult),
	     rule->n_right > 1 ? say(w, "%s%s = %s", signs[rule->operator], sum.text, say_decimal(w, sum.total))
			       : say(w, "%s%s", signs[rule->operator], sum.text));
}

static bool can_compare(const struct look *x)
{
	const struct figure *f = x->f;

	return f->storable && f->indicator->n_cross_rules && f->has_value && !is_withdrawal(x->o);
}

static bool is_compared(const struct walk *w, const struct cross_rule *rule)
{
	return rule->rule == w->rule && rule->valid_from <= w->day && w->day <= rule->valid_to;
}

void compare_indicators(struct walk *w, const struct look *x)
{
	for (size_t i = 0; can_compare(x) && i < x->f->indicator->n_cross_rules; i++) {
		if (is_compared(w, x->f->indicator->cross_rules[i])) {
			compare(w, x, x->f->indicator->cross_rules[i]);
		}
	}
}

void rules_of_data(struct walk *w, const struct look *x)
{
	for (size_t i = 0; can_compare(x) && i < x->f->indicator->n_cross_rules; i++) {
		const struct cross_rule *rule = x->f->indicator->cross_rules[i];

		w->rule = rule->rule;
		if (!rule->rule->built_in && rule_in_force(rule->rule, w->day) && is_compared(w, rule)) {
			compare(w, x, rule);
		}
	}
}

/* ---------------------------------------------------------------- DUNG-12: national references */

struct part {
	bool has;
	struct decimal value;
	const Tram__V1__Decimal *stated;
};

static struct part part_of(const struct look *x, enum figure_part part)
{
	const struct figure *f = x->f;

	switch (part) {
	case PART_NUMERATOR: return (struct part){f->has_numerator, f->numerator, x->o->numerator};
	case PART_DENOMINATOR: return (struct part){f->has_denominator, f->denominator, x->o->denominator};
	case PART_VALUE: break;
	}
	return (struct part){f->has_value, f->value, x->o->value};
}

/* "≤ 1178600 (± 3 %, General Statistics Office …)" */
static void compare_reference(struct walk *w, const struct look *x, const struct reference_rule *rule)
{
	const struct reference *reference = catalogue_reference_on(w->catalogue, rule, x->f->area, w->day);
	struct part part = part_of(x, rule->part);
	struct decimal gap;

	if (!reference || !part.has || !decimal_subtract(part.value, reference->value, &gap) ||
	    is_within_percent(excess(rule->operator, gap), rule->tolerance_percent, reference->value)) {
		return;
	}
	find(w, rule->severity, figure_part_name(rule->part), say_stated(w, part.stated, x->o->unit_mult),
	     say(w, "%s%s ± %s %%: %s", signs[rule->operator], say_decimal(w, reference->value),
		 say_decimal(w, rule->tolerance_percent), reference->source));
}

/* A part of the people is within them, and that is all a reference says of it. */
void dung_12(struct walk *w, const struct look *x)
{
	const struct figure *f = x->f;

	for (size_t i = 0; f->storable && i < f->indicator->n_reference_rules && !is_withdrawal(x->o); i++) {
		const struct reference_rule *rule = f->indicator->reference_rules[i];

		if (rule->operator== CROSS_AT_MOST || !* f->dimensions) {
			compare_reference(w, x, rule);
		}
	}
}
