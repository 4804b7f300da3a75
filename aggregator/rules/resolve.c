/* SPDX-License-Identifier: Apache-2.0 */
#include "walk.h"

#include <stdlib.h>
#include <string.h>

/* ---------------------------------------------------------------- the report's head */

static bool resolve_dates(const Tram__V1__Report *r, struct judgement *j)
{
	bool stated = *r->period_from || *r->period_to;

	if (!date_parse(r->reference_date, &j->reference_date) || !period_parse(r->time_period, &j->period)) {
		return false;
	}
	if (!j->dataflow || !catalogue_period_dates(j->dataflow, &j->period, &j->period_from, &j->period_to)) {
		return false;
	}
	return !stated || (date_parse(r->period_from, &j->period_from) && date_parse(r->period_to, &j->period_to) &&
			   j->period_from <= j->period_to);
}

/* ---------------------------------------------------------------- dimensions */

static int compare_dimensions(const void *a, const void *b)
{
	const Tram__V1__Dimension *x = *(Tram__V1__Dimension *const *)a, *y = *(Tram__V1__Dimension *const *)b;

	return strcmp(x->id, y->id);
}

/* Is id one of "SEX|AGE"? */
static bool is_listed(const char *list, const char *id)
{
	size_t len = strlen(id);

	for (const char *at = list; len && (at = strstr(at, id)); at += len) {
		if ((at == list || at[-1] == '|') && (at[len] == '|' || !at[len])) {
			return true;
		}
	}
	return false;
}

static bool is_own_dimension(const struct catalogue *c, const struct indicator *i, const Tram__V1__Dimension *d)
{
	char id_and_code[140];
	size_t id = strlen(d->id), code = strlen(d->value);

	if (!i || id + code + 2 > sizeof id_and_code || !is_listed(i->dimensions, d->id)) {
		return false;
	}
	memcpy(id_and_code, d->id, id);
	id_and_code[id] = '=';
	memcpy(id_and_code + id + 1, d->value, code + 1);
	return catalogue_has_dimension_code(c, id_and_code);
}

static bool are_own(const struct catalogue *c, const struct indicator *i, Tram__V1__Dimension *const *sorted, size_t n)
{
	for (size_t k = 0; k < n; k++) {
		if (!is_own_dimension(c, i, sorted[k]) || (k && strcmp(sorted[k]->id, sorted[k - 1]->id) == 0)) {
			return false;
		}
	}
	return true;
}

static char *join(struct arena *a, Tram__V1__Dimension *const *sorted, size_t n)
{
	size_t len = 1;
	char *text, *at;

	for (size_t k = 0; k < n; k++) {
		len += strlen(sorted[k]->id) + strlen(sorted[k]->value) + 2;
	}
	text = at = arena_alloc(a, len);
	for (size_t k = 0; text && k < n; k++) {
		at = stpcpy(at, k ? ";" : "");
		at = stpcpy(at, sorted[k]->id);
		at = stpcpy(at, "=");
		at = stpcpy(at, sorted[k]->value);
	}
	return text;
}

static bool resolve_dimensions(const struct catalogue *c, const Tram__V1__Observation *o, struct arena *a,
			       struct figure *f)
{
	size_t n = o->n_dimensions;
	Tram__V1__Dimension **sorted;

	f->dimensions = "";
	f->dimensions_ok = true;
	if (!n) {
		return true;
	}
	sorted = arena_calloc(a, n, sizeof(*sorted));
	if (!sorted) {
		return false;
	}
	memcpy(sorted, o->dimensions, n * sizeof(*sorted));
	qsort(sorted, n, sizeof(*sorted), compare_dimensions);
	f->dimensions_ok = are_own(c, f->indicator, sorted, n);
	f->dimensions = join(a, sorted, n);
	return f->dimensions != NULL;
}

/* ---------------------------------------------------------------- figures */

/* In the catalogue's unit. True when it is absent, or there and exact. */
static bool resolve_decimal(const Tram__V1__Decimal *stated, int unit_mult, bool *ret_has, struct decimal *ret)
{
	struct decimal d;

	if (!stated) {
		return true;
	}
	if (!decimal_is_valid(stated->mantissa, stated->scale)) {
		return false;
	}
	d = (struct decimal){.mantissa = stated->mantissa, .scale = (uint8_t)stated->scale};
	*ret_has = unit_mult == 0 || (unit_mult >= -18 && unit_mult <= 18 && decimal_shift(d, unit_mult, &d));
	*ret = d;
	return *ret_has;
}

static void resolve_values(const Tram__V1__Observation *o, struct figure *f)
{
	bool fine = true;

	fine &= resolve_decimal(o->value, o->unit_mult, &f->has_value, &f->value);
	fine &= resolve_decimal(o->numerator, o->unit_mult, &f->has_numerator, &f->numerator);
	fine &= resolve_decimal(o->denominator, o->unit_mult, &f->has_denominator, &f->denominator);
	fine &= resolve_decimal(o->weight, 0, &f->has_weight, &f->weight);
	f->sent_scale = o->value && o->value->scale <= DECIMAL_SCALE_MAX ? (uint8_t)o->value->scale : 0;
	f->unit_ok = fine && f->indicator && (!*o->unit || strcmp(o->unit, f->indicator->unit) == 0);
}

static bool resolve_figure(const struct report_context *ctx, struct judgement *j, bool has_day, size_t i,
			   struct arena *a)
{
	const Tram__V1__Observation *o = ctx->report->observations[i];
	struct figure *f = &j->figures[i];
	const Tram__V1__Observation *before = i ? ctx->report->observations[i - 1] : NULL;

	f->indicator = catalogue_indicator(ctx->catalogue, o->indicator);
	if (before && strcmp(before->ref_area, o->ref_area) == 0) {
		f->area = j->figures[i - 1].area; /* a province's report is about one area, mostly */
	} else if (has_day) {
		f->area = catalogue_area_on(ctx->catalogue, o->ref_area, j->reference_date);
	}
	resolve_values(o, f);
	if (!resolve_dimensions(ctx->catalogue, o, a, f)) {
		return false;
	}
	f->storable =
	    j->readable && f->indicator && f->area && f->dimensions_ok &&
	    (f->has_value || (f->has_numerator && f->has_denominator) || o->missing_reason || is_withdrawal(o));
	return true;
}

bool rules_resolve(const struct report_context *ctx, struct arena *a, struct judgement *j)
{
	const Tram__V1__Report *r = ctx->report;
	int32_t day;

	*j = (struct judgement){.provider = catalogue_provider(ctx->catalogue, r->provider),
				.dataflow = catalogue_dataflow(ctx->catalogue, r->dataflow),
				.n = r->n_observations};
	j->readable = resolve_dates(r, j) && j->provider && j->dataflow;
	j->figures = arena_calloc(a, j->n, sizeof *j->figures);
	if (!j->figures) {
		return false;
	}
	for (size_t i = 0; i < j->n; i++) {
		if (!resolve_figure(ctx, j, date_parse(r->reference_date, &day), i, a)) {
			return false;
		}
	}
	return true;
}
