/* SPDX-License-Identifier: Apache-2.0 */
#include "differences.h"

static bool put(struct arena *a, bool has, struct decimal d, Tram__V1__Decimal **ret)
{
	*ret = NULL;
	if (!has)
		return true;
	*ret = arena_alloc(a, sizeof(**ret));
	if (!*ret)
		return false;
	tram__v1__decimal__init(*ret);
	(*ret)->mantissa = d.mantissa;
	(*ret)->scale = d.scale;
	return true;
}

static bool are_same(bool has_one, struct decimal one, bool has_other, struct decimal other)
{
	return has_one == has_other && (!has_one || decimal_compare(one, other) == 0);
}

/* Whether it states what is stored. The value of a ratio may be left out on either side: it follows from its parts. */
static bool is_same(const struct past *p, const struct figure *f, const Tram__V1__Observation *o)
{
	bool withdraws = o->action == TRAM__V1__OBSERVATION_ACTION__OBSERVATION_ACTION_WITHDRAW;
	bool has_parts = f->has_numerator && f->has_denominator;
	bool same_value = are_same(p->has_value, p->value, f->has_value, f->value);
	if (withdraws || p->withdrawn)
		return withdraws && p->withdrawn;
	return are_same(p->has_numerator, p->numerator, f->has_numerator, f->numerator) &&
	       are_same(p->has_denominator, p->denominator, f->has_denominator, f->denominator) &&
	       (same_value || (has_parts && p->has_value != f->has_value)) &&
	       p->missing_reason == (int)o->missing_reason;
}

/* What stands of it now: the first outcome, unless a decision changed it. A withdrawal is no outcome of the protocol's. */
static Tram__V1__Outcome outcome_now(const struct past *p)
{
	static const enum outcome decided[] = {[DECIDED_RELEASED] = OUTCOME_ACCEPTED,
					       [DECIDED_REFUSED] = OUTCOME_REFUSED,
					       [DECIDED_HELD] = OUTCOME_HELD,
					       [DECIDED_WITHDRAWN] = OUTCOME_REFUSED};
	return (Tram__V1__Outcome)(p->decided == DECIDED_NONE ? p->outcome : decided[p->decided]);
}

static bool put_stored(struct arena *a, const struct past *p, Tram__V1__Difference *d)
{
	d->revision = p->revision;
	d->outcome = outcome_now(p);
	d->known_at_us = p->known_at_us;
	d->missing_reason = (Tram__V1__MissingReason)p->missing_reason;
	d->withdrawn = p->withdrawn;
	return put(a, p->has_value, p->value, &d->value) && put(a, p->has_numerator, p->numerator, &d->numerator) &&
	       put(a, p->has_denominator, p->denominator, &d->denominator);
}

static Tram__V1__Difference *difference(struct arena *a, const struct intake_report *r, size_t i)
{
	const struct past *p = &r->past[i];
	const struct figure *f = &r->judgement.figures[i];
	Tram__V1__Difference *d = arena_alloc(a, sizeof(*d));
	if (!d)
		return NULL;
	tram__v1__difference__init(d);
	d->observation = (uint32_t)i + 1;
	d->same = p->exists && is_same(p, f, r->report->observations[i]);
	bool fits = put(a, f->has_value, f->value, &d->stated_value) &&
		    put(a, f->has_numerator, f->numerator, &d->stated_numerator) &&
		    put(a, f->has_denominator, f->denominator, &d->stated_denominator) &&
		    (!p->exists || put_stored(a, p, d));
	return fits ? d : NULL;
}

bool differences_make(struct arena *a, const struct intake_report *r, Tram__V1__Difference ***ret, size_t *ret_n)
{
	size_t n = r->report ? r->judgement.n : 0;
	*ret_n = 0;
	*ret = arena_calloc(a, n + 1, sizeof(**ret));
	if (!*ret)
		return false;
	for (size_t i = 0; i < n; i++) {
		if (r->area_no[i] == 0)
			continue;
		Tram__V1__Difference *d = difference(a, r, i);
		if (!d)
			return false;
		(*ret)[(*ret_n)++] = d;
	}
	return true;
}
