/* SPDX-License-Identifier: Apache-2.0 */
/* sạch - clean: once, unambiguous, well-formed. */
#include "walk.h"

#include "text.h"

#include <stdlib.h>
#include <string.h>

/* ---------------------------------------------------------------- what a figure says, in short */

static const char *say_what(struct walk *w, bool withdrawn, int missing, bool has_value, struct decimal value,
			    bool has_parts, struct decimal numerator, struct decimal denominator)
{
	if (withdrawn) {
		return "withdrawn";
	}
	if (has_value) {
		return say_decimal(w, value);
	}
	if (has_parts) {
		return say(w, "%s/%s", say_decimal(w, numerator), say_decimal(w, denominator));
	}
	return missing_reason_name(missing);
}

static const char *say_figure(struct walk *w, size_t i)
{
	const struct figure *f = &w->j->figures[i];
	const Tram__V1__Observation *o = w->report->observations[i];

	return say_what(w, is_withdrawal(o), (int)o->missing_reason, f->has_value, f->value,
			f->has_numerator && f->has_denominator, f->numerator, f->denominator);
}

static const char *say_past(struct walk *w, const struct past *p)
{
	return say_what(w, p->withdrawn, p->missing_reason, p->has_value, p->value,
			p->has_numerator && p->has_denominator, p->numerator, p->denominator);
}

/* ---------------------------------------------------------------- SACH-01: once */

void sach_01(struct walk *w, const struct look *x)
{
	uint32_t first = w->twins.first[x->i];

	if (!x->f->storable) {
		return;
	}
	if (is_stored_already(w, x)) {
		bool waits = !x->past->current && !x->past->withdrawn;

		find(w, 0, waits ? "justification" : "value", say_figure(w, x->i), "");
	} else if (first != NO_LINE && first != x->i && w->twins.differs[x->i] == NO_LINE) {
		find(w, 0, "value", say(w, "#%u: %s", first + 1, say_figure(w, x->i)), "");
	}
}

/* ---------------------------------------------------------------- SACH-02: a second value says so */

static bool says_it_revises(const Tram__V1__Report *r)
{
	return r->revises || r->purpose == TRAM__V1__PURPOSE__PURPOSE_CORRECTION;
}

void sach_02_report(struct walk *w)
{
	if (says_it_revises(w->report) && !w->has_reason) {
		find(w, 0, "reason", say_text(w, w->report->reason), "");
	}
}

/* Nothing of the figure ever stood: mending it revises nothing. */
static bool is_first_refused(const struct past *p)
{
	return p->decided == DECIDED_REFUSED && p->revision == 0;
}

static void may_withdraw(struct walk *w, const struct look *x)
{
	if (!x->past->exists) {
		find(w, 0, "action", "", "");
	}
	if (!w->has_reason) {
		find(w, 0, "reason", say_text(w, w->report->reason), "");
	}
}

void sach_02(struct walk *w, const struct look *x)
{
	const struct past *p = x->past;

	if (!x->f->storable) {
		return;
	}
	if (is_withdrawal(x->o)) {
		may_withdraw(w, x);
	} else if (p->exists && !p->withdrawn && !is_first_refused(p) && !says_it_revises(w->report) &&
		   !says_what_is_stored(x)) {
		find(w, 0, "value", say(w, "%s → %s", say_past(w, p), say_figure(w, x->i)), "revises");
	}
	if (p->exists && p->revision >= RULES_REVISION_MAX && !is_stored_already(w, x)) {
		find(w, 0, "revises", say(w, "%u", p->revision), say(w, "< %u", RULES_REVISION_MAX));
	}
}

/* ---------------------------------------------------------------- SACH-03: one report, one value */

void sach_03(struct walk *w, const struct look *x)
{
	uint32_t other = w->twins.differs[x->i];

	if (other != NO_LINE) {
		find(w, 0, "value",
		     say(w, "#%zu: %s, #%u: %s", x->i + 1, say_figure(w, x->i), other + 1, say_figure(w, other)), "");
	}
}

/* ---------------------------------------------------------------- SACH-04: numbers */

static void is_number(struct walk *w, const char *field, const Tram__V1__Decimal *d, int unit_mult, bool resolved)
{
	if (d && !resolved) {
		find(w, 0, field, say_stated(w, d, unit_mult), "");
	}
}

void sach_04(struct walk *w, const struct look *x)
{
	const Tram__V1__Observation *o = x->o;
	const struct figure *f = x->f;

	if (o->unit_mult < -18 || o->unit_mult > 18) {
		find(w, 0, "unit_mult", say(w, "%d", o->unit_mult), "-18 … 18");
		return;
	}
	is_number(w, "value", o->value, o->unit_mult, f->has_value);
	is_number(w, "numerator", o->numerator, o->unit_mult, f->has_numerator);
	is_number(w, "denominator", o->denominator, o->unit_mult, f->has_denominator);
	is_number(w, "weight", o->weight, 0, f->has_weight);
	if (o->rank_out_of > INT32_MAX) { /* the store has no room for it */
		find(w, 0, "rank_out_of", say(w, "%u", o->rank_out_of), say(w, "≤ %d", INT32_MAX));
	}
}

/* ---------------------------------------------------------------- SACH-05: texts */

static void is_clean(struct walk *w, const char *field, const char *text)
{
	size_t at, len = strlen(text);
	enum text_fault fault = len ? text_check(text, len, &at) : TEXT_FINE;
	char *mended;

	if (fault == TEXT_FINE) {
		return;
	}
	mended = text_is_mendable(fault) ? text_mend(text, len) : NULL;
	find(w, 0, field, say_text(w, text), mended ? say_text(w, mended) : "");
	free(mended);
}

void sach_05_report(struct walk *w)
{
	const Tram__V1__Report *r = w->report;

	is_clean(w, "provider", r->provider);
	is_clean(w, "dataflow", r->dataflow);
	is_clean(w, "time_period", r->time_period);
	is_clean(w, "reference_date", r->reference_date);
	is_clean(w, "reason", r->reason);
	is_clean(w, "prepared_by", r->prepared_by);
	is_clean(w, "approved_by", r->approved_by);
	is_clean(w, "justification_code", r->justification_code);
	is_clean(w, "justification", r->justification);
	is_clean(w, "comment", r->comment);
	is_clean(w, "software", r->software);
}

/* Codes that were found are clean. */
void sach_05(struct walk *w, const struct look *x)
{
	const Tram__V1__Observation *o = x->o;

	if (!x->f->indicator) {
		is_clean(w, "indicator", o->indicator);
	}
	if (!x->f->area) {
		is_clean(w, "ref_area", o->ref_area);
	}
	is_clean(w, "unit", o->unit);
	is_clean(w, "source_system", o->source_system);
	is_clean(w, "justification_code", o->justification_code);
	is_clean(w, "justification", o->justification);
	is_clean(w, "comment", o->comment);
}

/* ---------------------------------------------------------------- SACH-06: placeholders */

static void is_real(struct walk *w, const char *field, const char *text)
{
	if (is_placeholder(text)) {
		find(w, 0, field, say_text(w, text), "");
	}
}

void sach_06_report(struct walk *w)
{
	const Tram__V1__Report *r = w->report;

	is_real(w, "reason", r->reason);
	is_real(w, "prepared_by", r->prepared_by);
	is_real(w, "approved_by", r->approved_by);
	is_real(w, "justification_code", r->justification_code);
	is_real(w, "justification", r->justification);
}

/* 999, 9999.0 …: whole numbers only, for 99.9 per cent is a value like any other. */
static bool is_nines(const Tram__V1__Decimal *d, int64_t at_least)
{
	int64_t digits = 0, n = d->mantissa;
	uint32_t scale = d->scale;

	for (; scale > 0 && n > 0 && n % 10 == 0; scale--) {
		n /= 10;
	}
	if (scale || n <= 0) {
		return false;
	}
	for (; n % 10 == 9; n /= 10) {
		digits++;
	}
	return n == 0 && digits >= at_least;
}

/* -1 where no value can be negative. */
static bool is_minus_one(const struct figure *f)
{
	static const struct decimal minus_one = {-1, 0};

	return f->has_value && f->indicator && f->indicator->has_min &&
	       decimal_compare(f->indicator->min, minus_one) > 0 && decimal_compare(f->value, minus_one) == 0;
}

void sach_06(struct walk *w, const struct look *x)
{
	const Tram__V1__Observation *o = x->o;
	const struct {
		const char *field;
		const Tram__V1__Decimal *d;
	} stated[] = {
	    {"value", o->value}, {"numerator", o->numerator}, {"denominator", o->denominator}, {"weight", o->weight}};

	for (size_t i = 0; i < sizeof stated / sizeof *stated; i++) {
		if (stated[i].d && is_nines(stated[i].d, catalogue_parameter(w->catalogue, PARAMETER_NINES))) {
			find(w, SEVERITY_JUSTIFY, stated[i].field, say_stated(w, stated[i].d, 0), "");
		}
	}
	if (is_minus_one(x->f)) {
		find(w, 0, "value", "-1", "");
	}
	is_real(w, "unit", o->unit);
	is_real(w, "source_system", o->source_system);
	is_real(w, "justification_code", o->justification_code);
	is_real(w, "justification", o->justification);
}

/* ---------------------------------------------------------------- SACH-07: units */

void sach_07(struct walk *w, const struct look *x)
{
	const struct indicator *i = x->f->indicator;

	if (i && *x->o->unit && strcmp(x->o->unit, i->unit) != 0) {
		find(w, 0, "unit", say_text(w, x->o->unit), i->unit);
	}
	sach_07_history(w, x);
}
