/* SPDX-License-Identifier: Apache-2.0 */
#include "walk.h"

#include <string.h>

/* ---------------------------------------------------------------- what an observation says */

bool is_regular(const struct walk *w)
{
	return w->report->purpose != TRAM__V1__PURPOSE__PURPOSE_BACKFILL &&
	       w->report->purpose != TRAM__V1__PURPOSE__PURPOSE_CORRECTION;
}

bool is_withdrawal(const Tram__V1__Observation *o)
{
	return o->action == TRAM__V1__OBSERVATION_ACTION__OBSERVATION_ACTION_WITHDRAW;
}

bool states_value(const Tram__V1__Observation *o)
{
	return o->value || (o->numerator && o->denominator);
}

char rules_status(const Tram__V1__Observation *o)
{
	if (o->obs_status) {
		return (char)o->obs_status;
	}
	return o->missing_reason ? 'M' : 'A';
}

struct past rules_past(const Tram__V1__Report *report, size_t i, const struct figure *f)
{
	const Tram__V1__Observation *o = report->observations[i];

	return (struct past){.exists = true,
			     .withdrawn = is_withdrawal(o),
			     .reasoned = rules_reasoned(report, o),
			     .has_value = f->has_value,
			     .has_numerator = f->has_numerator,
			     .has_denominator = f->has_denominator,
			     .has_weight = f->has_weight,
			     .value = f->value,
			     .numerator = f->numerator,
			     .denominator = f->denominator,
			     .weight = f->weight,
			     .missing_reason = (int)o->missing_reason,
			     .qualifier = (int)o->qualifier,
			     .obs_status = rules_status(o),
			     .rank_out_of = (int32_t)o->rank_out_of};
}

const char *missing_reason_name(int reason)
{
	static const char *const names[] = {"", "not_applicable", "not_collected", "late", "suppressed", "system_down"};

	return reason >= 0 && (size_t)reason < sizeof names / sizeof *names ? names[reason] : "?";
}

int qualifier_of(const Tram__V1__Observation *o)
{
	return o->qualifier ? (int)o->qualifier : TRAM__V1__QUALIFIER__QUALIFIER_EXACT;
}

/* ---------------------------------------------------------------- the same, or not */

static bool same_decimal(bool has_a, struct decimal a, bool has_b, struct decimal b)
{
	return has_a == has_b && (!has_a || decimal_compare(a, b) == 0);
}

static bool says_the_same(const struct look *a, const struct look *b)
{
	const struct figure *x = a->f, *y = b->f;

	return same_decimal(x->has_value, x->value, y->has_value, y->value) &&
	       same_decimal(x->has_numerator, x->numerator, y->has_numerator, y->numerator) &&
	       same_decimal(x->has_denominator, x->denominator, y->has_denominator, y->denominator) &&
	       same_decimal(x->has_weight, x->weight, y->has_weight, y->weight) &&
	       a->o->rank_out_of == b->o->rank_out_of && a->o->missing_reason == b->o->missing_reason &&
	       a->o->action == b->o->action && qualifier_of(a->o) == qualifier_of(b->o) &&
	       rules_status(a->o) == rules_status(b->o);
}

static bool same_marks(const Tram__V1__Observation *o, const struct past *p)
{
	int qualifier = p->qualifier ? p->qualifier : TRAM__V1__QUALIFIER__QUALIFIER_EXACT;
	char status = p->obs_status && p->obs_status != ' ' ? p->obs_status : (p->missing_reason ? 'M' : 'A');

	return (int64_t)o->rank_out_of == p->rank_out_of && (int)o->missing_reason == p->missing_reason &&
	       qualifier_of(o) == qualifier && rules_status(o) == status;
}

bool says_what_is_stored(const struct look *x)
{
	const struct figure *f = x->f;
	const struct past *p = x->past;

	if (!p->exists || is_withdrawal(x->o) || p->withdrawn) {
		return p->exists && is_withdrawal(x->o) && p->withdrawn;
	}
	return same_decimal(f->has_value, f->value, p->has_value, p->value) &&
	       same_decimal(f->has_numerator, f->numerator, p->has_numerator, p->numerator) &&
	       same_decimal(f->has_denominator, f->denominator, p->has_denominator, p->denominator) &&
	       same_decimal(f->has_weight, f->weight, p->has_weight, p->weight) && same_marks(x->o, p);
}

/* What the centre refused or took back is not there: who states it again wants it looked at again. */
static bool was_rejected(const struct past *p)
{
	return p->decided == DECIDED_REFUSED || p->decided == DECIDED_WITHDRAWN;
}

bool is_stored_already(const struct walk *w, const struct look *x)
{
	return says_what_is_stored(x) && !was_rejected(x->past) &&
	       (x->past->current || x->past->withdrawn || !is_justified(w, x->o));
}

/* ---------------------------------------------------------------- asked once */

static bool names_rule(const char *codes, const char *code)
{
	size_t len = strlen(code);

	for (const char *at = codes; (at = strstr(at, code)); at += len) {
		if ((at == codes || at[-1] == ' ') && (at[len] == ' ' || !at[len])) {
			return true;
		}
	}
	return false;
}

static bool is_same_level(const struct walk *w, struct decimal a, struct decimal b)
{
	struct decimal times = decimal_int(catalogue_parameter(w->catalogue, PARAMETER_OUTLIER_TIMES));
	struct decimal hundred = decimal_int(100);

	if ((a.mantissa < 0) != (b.mantissa < 0)) {
		return false;
	}
	a.mantissa = a.mantissa < 0 ? -a.mantissa : a.mantissa;
	b.mantissa = b.mantissa < 0 ? -b.mantissa : b.mantissa;
	return decimal_compare_products(a, hundred, b, times) <= 0 &&
	       decimal_compare_products(b, hundred, a, times) <= 0;
}

bool was_justified(const struct walk *w, size_t i, const struct rule *rule)
{
	const struct figure *f = &w->j->figures[i];
	const struct past *p = &w->known->past[i];

	if (!f->storable || !p->exists || !p->current || !p->asked || !names_rule(p->asked, rule->code) ||
	    f->has_value != p->has_value || f->has_numerator != p->has_numerator) {
		return false;
	}
	return f->has_value ? is_same_level(w, f->value, p->value)
			    : !f->has_numerator || is_same_level(w, f->numerator, p->numerator);
}

/* ---------------------------------------------------------------- twins: who is about the same figure */

static uint32_t hash_key(const struct indicator *indicator, const struct figure *f)
{
	uint32_t hash = indicator->position * 2654435761u ^ f->area->identity * 40503u * 65537u;

	for (const char *s = f->dimensions; *s; s++) {
		hash = (hash ^ (uint8_t)*s) * 16777619u;
	}
	return hash ^ hash >> 15;
}

static bool is_about(const struct figure *f, const struct indicator *indicator, const struct figure *as)
{
	return f->indicator == indicator && f->area->identity == as->area->identity &&
	       strcmp(f->dimensions, as->dimensions) == 0;
}

/* The slot that holds the first observation about the indicator for f's area and dimensions, or the free one for it. */
static uint32_t *slot_of(const struct walk *w, const struct indicator *indicator, const struct figure *f)
{
	uint32_t i = hash_key(indicator, f) & w->twins.mask;

	while (w->twins.slots[i] && !is_about(&w->j->figures[w->twins.slots[i] - 1], indicator, f)) {
		i = (i + 1) & w->twins.mask;
	}
	return &w->twins.slots[i];
}

/* The first observation of the report about an indicator, for the same area and dimensions as f; NULL: none. */
static const struct figure *twin_of(const struct walk *w, const struct figure *f, const struct indicator *indicator)
{
	uint32_t place = *slot_of(w, indicator, f);

	return place ? &w->j->figures[place - 1] : NULL;
}

static void add_twin(struct walk *w, uint32_t i)
{
	const struct figure *f = &w->j->figures[i];
	uint32_t *slot = slot_of(w, f->indicator, f);
	struct look first, this = look_at(w, i);

	if (!*slot) {
		*slot = i + 1;
		w->twins.first[i] = i;
		return;
	}
	w->twins.first[i] = *slot - 1;
	first = look_at(w, w->twins.first[i]);
	if (!says_the_same(&first, &this)) {
		w->twins.differs[i] = (uint32_t)first.i;
		if (w->twins.differs[first.i] == NO_LINE) {
			w->twins.differs[first.i] = i;
		}
	}
}

/* What repeats the first of several contradicting ones contradicts as well. */
static void spread_differences(struct walk *w)
{
	for (size_t i = 0; i < w->j->n; i++) {
		uint32_t first = w->twins.first[i];

		if (first != NO_LINE && w->twins.differs[i] == NO_LINE) {
			w->twins.differs[i] = w->twins.differs[first];
		}
	}
}

bool twins_make(struct walk *w)
{
	size_t size = 16, n = w->j->n;

	while (size < 2 * n) {
		size *= 2;
	}
	w->twins.mask = (uint32_t)size - 1;
	w->twins.slots = arena_calloc(w->arena, size, sizeof *w->twins.slots);
	w->twins.first = arena_calloc(w->arena, n, sizeof *w->twins.first);
	w->twins.differs = arena_calloc(w->arena, n, sizeof *w->twins.differs);
	if (!w->twins.slots || !w->twins.first || !w->twins.differs) {
		return false;
	}
	memset(w->twins.first, 0xFF, n * sizeof *w->twins.first);
	memset(w->twins.differs, 0xFF, n * sizeof *w->twins.differs);
	for (uint32_t i = 0; i < n; i++) {
		const struct figure *f = &w->j->figures[i];

		if (f->indicator && f->area) {
			add_twin(w, i);
		}
	}
	spread_differences(w);
	return true;
}

/* ---------------------------------------------------------------- related figures */

static const struct point *point_in(const struct history *h, int32_t period)
{
	for (size_t i = h->n; i-- > 0 && h->points[i].period >= period;) {
		if (h->points[i].period == period) {
			return &h->points[i];
		}
	}
	return NULL;
}

static const struct point *stands(const struct walk *w, const struct figure *f, const struct indicator *indicator,
				  int32_t period)
{
	const struct knowledge *k = w->known;
	const struct point *p = NULL;

	if (k->history && f->indicator == indicator) {
		p = point_in(&k->history[f - w->j->figures], period);
	}
	return !p && k->point_of ? k->point_of(k, f, indicator, period) : p;
}

int32_t period_before(struct walk *w, int lag)
{
	struct period p;

	if (lag < 0 || lag > LAGS_MAX) {
		return NO_PERIOD;
	}
	if (!w->back[lag]) {
		w->back[lag] = period_back(&w->j->period, (unsigned)lag, &p) ? period_pack(&p) : NO_PERIOD;
	}
	return w->back[lag];
}

bool related_value(struct walk *w, const struct figure *f, const struct indicator *indicator, int32_t period,
		   struct decimal *ret)
{
	const struct figure *twin = period == period_before(w, 0) ? twin_of(w, f, indicator) : NULL;
	const struct point *p = twin ? NULL : stands(w, f, indicator, period);

	*ret = twin ? twin->value : p ? p->value : (struct decimal){0, 0};
	return twin ? twin->has_value : p && p->has_value;
}
