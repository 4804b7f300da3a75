/* SPDX-License-Identifier: Apache-2.0 */
/* đúng - correct: what is stated can be so. */
#include "walk.h"

#include <stdio.h>
#include <string.h>

#define HISTORY_MAX 8

static const struct decimal zero = {0, 0}, one = {1, 0}, hundred = {100, 0};

/* ---------------------------------------------------------------- DUNG-01: who sends for whom */

void dung_01(struct walk *w)
{
	const struct provider *p = w->j->provider;

	if (p && strcmp(p->agent, w->ctx->agent) != 0) {
		find(w, 0, "provider", say(w, "%s → %s", w->ctx->agent, p->code), p->agent);
	}
}

/* ---------------------------------------------------------------- DUNG-02: what a code means that day */

static bool is_own_area(const struct walk *w, const struct area *area)
{
	const struct provider *p = w->j->provider;

	if (!p) {
		return false;
	}
	return w->j->dataflow ? catalogue_states_for(p, w->j->dataflow, area) : strcmp(p->area, area->area) == 0;
}

/* What the provider had in mind with the code, as of another day: its own area, or else one of its own name. */
static const struct area *meaning_in_mind(const struct walk *w, const char *code)
{
	const struct area *rows[HISTORY_MAX], *meant = NULL;
	const struct area *own = w->j->provider ? catalogue_area_ever(w->catalogue, w->j->provider->area) : NULL;
	size_t n = catalogue_area_history(w->catalogue, code, rows, HISTORY_MAX);

	for (size_t i = 0; own && i < n && i < HISTORY_MAX; i++) {
		if (is_own_area(w, rows[i]) || (!meant && strcmp(rows[i]->short_name_vi, own->short_name_vi) == 0)) {
			meant = rows[i];
		}
	}
	return meant;
}

/* A code that names another province that day than the one meant. The province itself, where its communes are asked for, is
 * none. */
static bool names_another(const struct walk *w, const struct look *x)
{
	const struct area *area = x->f->area;

	return area && !is_own_area(w, area) && !(w->j->provider && strcmp(w->j->provider->area, area->area) == 0) &&
	       meaning_in_mind(w, x->o->ref_area);
}

static void unknown_that_day(struct walk *w, const struct look *x)
{
	const struct area *rows[HISTORY_MAX];
	size_t n = catalogue_area_history(w->catalogue, x->o->ref_area, rows, HISTORY_MAX);
	const struct area *own =
	    w->j->provider ? catalogue_area_on(w->catalogue, w->j->provider->area, w->j->reference_date) : NULL;
	const char *found = n ? say(w, "%s @ %s: %s", x->o->ref_area, w->report->reference_date,
				    say_area(w, rows[n < HISTORY_MAX ? n - 1 : HISTORY_MAX - 1]))
			      : say_text(w, x->o->ref_area);

	find(w, 0, "ref_area", found, own ? say_area(w, own) : "");
}

void dung_02(struct walk *w, const struct look *x)
{
	int32_t day;

	if (!x->f->area) {
		if (date_parse(w->report->reference_date,
			       &day)) { /* without a day no code means anything: DU-01 says so */
			unknown_that_day(w, x);
		}
	} else if (names_another(w, x)) {
		const struct area *meant = meaning_in_mind(w, x->o->ref_area);

		find(w, 0, "ref_area",
		     say(w, "%s @ %s: %s", x->o->ref_area, w->report->reference_date, say_area(w, x->f->area)),
		     say_area(w, meant));
	}
}

/* ---------------------------------------------------------------- DUNG-03: in the catalogue, and allowed */

static bool in_force(int32_t from, int32_t to, int32_t first_day, int32_t last_day)
{
	return from <= last_day && first_day <= to;
}

static void dataflow_is_reported(struct walk *w)
{
	const struct judgement *j = w->j;
	int32_t day;

	if (!j->dataflow) {
		if (*w->report->dataflow) {
			find(w, 0, "dataflow", say_text(w, w->report->dataflow), "");
		}
		return;
	}
	if (j->provider && j->provider->kind != j->dataflow->provided_by) {
		find(w, 0, "dataflow", say(w, "%s: %s", j->provider->code, j->dataflow->code), "");
	}
	if (date_parse(w->report->reference_date, &day) &&
	    !in_force(j->dataflow->valid_from, j->dataflow->valid_to, day, day)) {
		find(w, 0, "dataflow", say(w, "%s @ %s", j->dataflow->code, w->report->reference_date),
		     say(w, "%s … %s", say_day(w, j->dataflow->valid_from), say_day(w, j->dataflow->valid_to)));
	}
}

void dung_03_report(struct walk *w)
{
	struct period period;

	if (!w->j->provider && *w->report->provider) {
		find(w, 0, "provider", say_text(w, w->report->provider), "");
	}
	dataflow_is_reported(w);
	if (w->j->dataflow && period_parse(w->report->time_period, &period) &&
	    !strchr(w->j->dataflow->frequencies, period_frequency(&period))) {
		find(w, 0, "time_period", say(w, "%s (%c)", w->report->time_period, period_frequency(&period)),
		     w->j->dataflow->frequencies);
	}
}

static void indicator_is_reported(struct walk *w, const struct indicator *i)
{
	const struct judgement *j = w->j;

	if (j->dataflow && i->dataflow != j->dataflow) {
		find(w, 0, "indicator", say(w, "%s (%s)", i->code, j->dataflow->code),
		     say(w, "%s (%s)", i->code, i->dataflow->code));
		return;
	}
	if (!j->readable) {
		return;
	}
	if (!strchr(i->frequencies, period_frequency(&j->period))) {
		find(w, 0, "time_period", say(w, "%s (%c)", w->report->time_period, period_frequency(&j->period)),
		     i->frequencies);
	}
	if (!in_force(i->valid_from, i->valid_to, j->period_from, j->period_to)) {
		find(w, 0, "time_period", say_text(w, w->report->time_period),
		     say(w, "%s … %s", say_day(w, i->valid_from), say_day(w, i->valid_to)));
	}
}

/* The province; of its communes the province they are in. */
static const char *say_own_areas(struct walk *w, const struct area *own)
{
	bool communes = w->j->dataflow && w->j->dataflow->area_level == AREA_COMMUNE;

	return communes ? say(w, "%s < %s %s", area_level_name(AREA_COMMUNE), own->area, own->short_name_vi)
			: say(w, "%s %s", own->area, own->short_name_vi);
}

void dung_03(struct walk *w, const struct look *x)
{
	const struct figure *f = x->f;

	if (!f->indicator) {
		find(w, 0, "indicator", say_text(w, x->o->indicator), "");
	} else {
		indicator_is_reported(w, f->indicator);
	}
	if (f->area && w->j->provider && !is_own_area(w, f->area) && !names_another(w, x)) {
		const struct area *own = catalogue_area_ever(w->catalogue, w->j->provider->area);

		find(w, 0, "ref_area", say_area(w, f->area), own ? say_own_areas(w, own) : "");
	}
	if (f->indicator && !f->dimensions_ok) {
		find(w, 0, "dimensions", say_text(w, f->dimensions), f->indicator->dimensions);
	}
	if (x->o->action > TRAM__V1__OBSERVATION_ACTION__OBSERVATION_ACTION_WITHDRAW) {
		find(w, 0, "action", say(w, "%d", (int)x->o->action), "0, 1");
	}
}

/* ---------------------------------------------------------------- DUNG-04: type and bounds */

/* "0 … 100", "≥ 0", "≤ 100" */
static const char *say_bounds(struct walk *w, const struct indicator *i)
{
	if (i->has_min && i->has_max) {
		return say(w, "%s … %s", say_decimal(w, i->min), say_decimal(w, i->max));
	}
	return i->has_min ? say(w, "≥ %s", say_decimal(w, i->min)) : say(w, "≤ %s", say_decimal(w, i->max));
}

static void value_in_bounds(struct walk *w, const struct look *x)
{
	const struct indicator *i = x->f->indicator;

	if ((i->has_min && decimal_compare(x->f->value, i->min) < 0) ||
	    (i->has_max && decimal_compare(x->f->value, i->max) > 0)) {
		find(w, 0, "value", say_stated(w, x->o->value, x->o->unit_mult), say_bounds(w, i));
	}
}

/* An estimate of a count may be a fraction: the level a year before, say, that a published growth implies. */
static enum severity fraction_severity(const struct look *x)
{
	return strchr("EFI", rules_status(x->o)) ? SEVERITY_WARN : SEVERITY_BLOCK;
}

static void is_whole(struct walk *w, const struct look *x, const char *field, const Tram__V1__Decimal *stated,
		     struct decimal d)
{
	if (!decimal_is_integer(d)) {
		find(w, fraction_severity(x), field, say_stated(w, stated, x->o->unit_mult), "integer");
	}
}

static void part_is_sound(struct walk *w, const struct look *x, const char *field, const Tram__V1__Decimal *stated,
			  struct decimal d)
{
	const struct indicator *i = x->f->indicator;

	if (i->integer) {
		is_whole(w, x, field, stated, d);
	}
	if (i->has_min && decimal_compare(i->min, zero) >= 0 && decimal_compare(d, zero) < 0) {
		find(w, 0, field, say_stated(w, stated, x->o->unit_mult), "≥ 0");
	}
}

/* A value that is not stated follows from its parts, and has the same upper bound. */
static void implied_value_in_bounds(struct walk *w, const struct look *x)
{
	const struct figure *f = x->f;
	const struct indicator *i = f->indicator;
	struct decimal factor = i->value_type == VALUE_PERCENT ? hundred : one;

	if (!f->has_value && !i->part_of_whole && i->has_max && decimal_compare(f->denominator, zero) > 0 &&
	    decimal_compare_products(f->numerator, factor, i->max, f->denominator) > 0) {
		find(w, 0, "numerator", say_stated(w, x->o->numerator, x->o->unit_mult), say_bounds(w, i));
	}
}

static void parts_are_sound(struct walk *w, const struct look *x)
{
	const struct figure *f = x->f;

	if (f->has_numerator) {
		part_is_sound(w, x, "numerator", x->o->numerator, f->numerator);
	}
	if (f->has_denominator) {
		part_is_sound(w, x, "denominator", x->o->denominator, f->denominator);
	}
	if (f->has_numerator && f->has_denominator) {
		implied_value_in_bounds(w, x);
	}
}

static void rank_is_sound(struct walk *w, const struct look *x)
{
	if (x->o->rank_out_of && decimal_compare(x->f->value, decimal_int(x->o->rank_out_of)) > 0) {
		find(w, 0, "rank_out_of", say(w, "%s / %u", say_decimal(w, x->f->value), x->o->rank_out_of), "");
	}
}

void dung_04(struct walk *w, const struct look *x)
{
	const struct figure *f = x->f;

	if (!f->indicator) {
		return;
	}
	if (f->has_value) {
		value_in_bounds(w, x);
		if (f->indicator->integer && !f->indicator->has_parts) {
			is_whole(w, x, "value", x->o->value, f->value);
		}
		if (f->indicator->value_type == VALUE_RANK) {
			rank_is_sound(w, x);
		}
	}
	if (f->indicator->has_parts) {
		parts_are_sound(w, x);
	}
	if (f->has_weight && decimal_compare(f->weight, zero) <= 0) {
		find(w, 0, "weight", say_decimal(w, f->weight), "> 0");
	}
}

/* ---------------------------------------------------------------- DUNG-05, DUNG-06: a ratio and its parts */

static bool is_ratio(const struct indicator *i)
{
	return i->has_parts || i->value_type == VALUE_PERCENT || i->value_type == VALUE_RATIO;
}

void dung_05(struct walk *w, const struct look *x)
{
	const struct figure *f = x->f;

	if (!f->indicator || !is_ratio(f->indicator) || !f->has_denominator) {
		return;
	}
	if (decimal_compare(f->denominator, zero) <= 0) {
		find(w, 0, "denominator", say_stated(w, x->o->denominator, x->o->unit_mult), "> 0");
	} else if (f->indicator->part_of_whole && f->has_numerator &&
		   decimal_compare(f->numerator, f->denominator) > 0) {
		find(w, 0, "numerator", say_stated(w, x->o->numerator, x->o->unit_mult),
		     say(w, "≤ %s", say_stated(w, x->o->denominator, x->o->unit_mult)));
	}
}

/* What a value is said to be: 10^power times numerator / denominator, which is above 0. */
struct quotient {
	struct decimal value, numerator, denominator;
	int power;    /* 0 or 2 */
	int decimals; /* of the value, as stated */
};

/*
 * Whether the value is more (1) or less (-1) than what it is said to be by more than half a unit of its last decimal,
 * without dividing; 0: it agrees. Everything is taken twice, so that half a unit is a whole one: 19 digits, which products have
 * room for.
 */
static int deviates(const struct quotient *q)
{
	int decimals = q->decimals < DECIMAL_SCALE_MAX ? q->decimals : DECIMAL_SCALE_MAX;
	struct decimal value = decimal_round(q->value, (uint8_t)(decimals > 0 ? decimals : 0));
	struct decimal low, high, twice = decimal_int(q->power ? 200 : 2);
	int64_t unit = 1;

	for (; value.scale < decimals; value.scale++) {
		value.mantissa *= 10; /* as many digits as were stated */
	}
	for (; decimals < 0 && unit < INT64_C(1000000000000000000); decimals++) {
		unit *= 10;
	}
	low = (struct decimal){2 * value.mantissa - unit, value.scale};
	high = (struct decimal){2 * value.mantissa + unit, value.scale};
	if (decimal_compare_products(low, q->denominator, twice, q->numerator) > 0) {
		return 1;
	}
	return decimal_compare_products(high, q->denominator, twice, q->numerator) < 0 ? -1 : 0;
}

/* "" when it has too many digits. */
static const char *say_quotient(struct walk *w, const struct quotient *q)
{
	struct decimal quotient;
	int shown = q->decimals < 0 ? 4 : q->decimals + 4 > DECIMAL_SCALE_MAX ? DECIMAL_SCALE_MAX : q->decimals + 4;

	if (!decimal_divide_rounded(q->numerator, q->denominator, q->power, (uint8_t)shown, &quotient)) {
		return "";
	}
	return say_decimal(w, decimal_trim(quotient));
}

/* As stated; but a part of a whole is never rounded to tens, and nothing is rounded to 0 by its multiplier. */
static int decimals_of(const struct look *x)
{
	int decimals = (int)x->f->sent_scale - x->o->unit_mult;

	return decimals < 0 && (x->f->indicator->part_of_whole || x->f->value.mantissa == 0) ? 0 : decimals;
}

void dung_06(struct walk *w, const struct look *x)
{
	const struct figure *f = x->f;
	struct quotient q = {.value = f->value,
			     .numerator = f->numerator,
			     .denominator = f->denominator,
			     .power = f->indicator && f->indicator->value_type == VALUE_PERCENT ? 2 : 0};

	if (!f->indicator || !is_ratio(f->indicator) || !f->has_value || !f->has_numerator || !f->has_denominator ||
	    decimal_compare(f->denominator, zero) <= 0) {
		return;
	}
	q.decimals = decimals_of(x);
	if (deviates(&q)) {
		const char *quotient = say_quotient(w, &q);

		find(w, 0, "value", say_stated(w, x->o->value, x->o->unit_mult),
		     *quotient ? say(w, "%s%s / %s ≈ %s", q.power ? "100 × " : "", say_decimal(w, f->numerator),
				     say_decimal(w, f->denominator), quotient)
			       : "");
	}
}

/* ---------------------------------------------------------------- DUNG-09: a growth and its levels */

/* From "x": the level now and a year before. From "x / y": both now. */
static bool levels_of(struct walk *w, const struct look *x, struct decimal *ret_top, struct decimal *ret_bottom)
{
	const char *from = x->f->indicator->derives_from, *slash = strstr(from, " / ");
	int32_t now = period_before(w, 0), then = now;
	const struct indicator *top, *bottom;
	struct period year_before;
	char first[128];

	snprintf(first, sizeof first, "%.*s", slash ? (int)(slash - from) : (int)strlen(from), from);
	top = catalogue_indicator(w->catalogue, first);
	bottom = slash ? catalogue_indicator(w->catalogue, slash + 3) : top;
	if (!slash) {
		then = period_shift_years(&w->j->period, -1, &year_before) ? period_pack(&year_before) : NO_PERIOD;
	}
	return top && bottom && then != NO_PERIOD && related_value(w, x->f, top, now, ret_top) &&
	       related_value(w, x->f, bottom, then, ret_bottom);
}

/* "More than 3 times" is right when it was 3.1. */
static bool allows(int qualifier, int deviation)
{
	switch (qualifier) {
	case TRAM__V1__QUALIFIER__QUALIFIER_AT_LEAST:
	case TRAM__V1__QUALIFIER__QUALIFIER_MORE_THAN: return deviation <= 0;
	case TRAM__V1__QUALIFIER__QUALIFIER_AT_MOST:
	case TRAM__V1__QUALIFIER__QUALIFIER_NEARLY: return deviation >= 0;
	default: return deviation == 0;
	}
}

/* "71.79 → 93.31: 29.976331" for a growth in percent, otherwise "93.31 / 71.79 ≈ 1.299763". */
static void growth_is_wrong(struct walk *w, const struct look *x, const struct quotient *q, struct decimal top,
			    struct decimal bottom, bool growth)
{
	const char *now = say_decimal(w, top), *before = say_decimal(w, bottom);
	const char *quotient = bottom.mantissa ? say_quotient(w, q) : "?";

	find(w, 0, "value", say_stated(w, x->o->value, x->o->unit_mult),
	     growth ? say(w, "%s → %s: %s", before, now, quotient) : say(w, "%s / %s ≈ %s", now, before, quotient));
}

void dung_09(struct walk *w, const struct look *x)
{
	const struct indicator *i = x->f->indicator;
	struct decimal top, bottom;
	struct quotient q;
	bool percent, growth;

	if (!i || !*i->derives_from || !x->f->storable || !x->f->has_value || !levels_of(w, x, &top, &bottom) ||
	    bottom.mantissa < 0) {
		return; /* below 0 no growth means anything */
	}
	percent = strcmp(i->unit, "percent") == 0;
	growth = percent && !strstr(i->derives_from, " / ");
	q = (struct quotient){.value = x->f->value,
			      .numerator = top,
			      .denominator = bottom,
			      .power = percent ? 2 : 0,
			      .decimals = (int)x->f->sent_scale - x->o->unit_mult -
					  (qualifier_of(x->o) == TRAM__V1__QUALIFIER__QUALIFIER_APPROX)};
	if (growth && !decimal_subtract(top, bottom, &q.numerator)) {
		return; /* more digits than a figure has */
	}
	if (!bottom.mantissa || !allows(qualifier_of(x->o), deviates(&q))) {
		growth_is_wrong(w, x, &q, top, bottom, growth);
	}
}

/* ---------------------------------------------------------------- DUNG-13: how exact */

/* Once a report, not once a figure: a file without that column would drown what else there is to say. */
void dung_13_report(struct walk *w)
{
	size_t n = 0, first = 0;

	for (size_t i = w->report->n_observations; i-- > 0;) {
		const Tram__V1__Observation *o = w->report->observations[i];

		if (!o->qualifier && states_value(o)) {
			n++;
			first = i + 1;
		}
	}
	if (n) {
		find(w, SEVERITY_WARN, "qualifier",
		     say(w, "%zu / %zu: #%zu%s", n, w->report->n_observations, first, n > 1 ? ", …" : ""), "exact");
	}
}

void dung_13(struct walk *w, const struct look *x)
{
	int status = (int)x->o->obs_status;

	if ((int)x->o->qualifier < 0 || x->o->qualifier > TRAM__V1__QUALIFIER__QUALIFIER_APPROX) {
		find(w, 0, "qualifier", say(w, "%d", (int)x->o->qualifier), "");
	}
	if (status && (status < 0 || status > 127 || !strchr("ABEFIMP", status))) {
		find(w, 0, "obs_status", say(w, "%d", status), "A, B, E, F, I, M, P");
	}
}
