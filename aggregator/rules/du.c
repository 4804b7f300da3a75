/* SPDX-License-Identifier: Apache-2.0 */
/* đủ - sufficient: everything that is needed is there. */
#include "walk.h"

#include "clock.h"

#include <string.h>

/* ---------------------------------------------------------------- DU-01: the report's head */

static void is_there(struct walk *w, const char *field, const char *text)
{
	if (is_blank(text)) {
		find(w, 0, field, "", "");
	}
}

static void period_is_sound(struct walk *w)
{
	const Tram__V1__Report *r = w->report;
	struct period period;
	int32_t from, to;

	if (!period_parse(r->time_period, &period)) {
		find(w, 0, "time_period", say_text(w, r->time_period), "");
		return;
	}
	if (!*r->period_from && !*r->period_to) {
		return;
	}
	if (!date_parse(r->period_from, &from) || !date_parse(r->period_to, &to) || from > to) {
		find(w, 0, "period_from", say(w, "%s … %s", say_text(w, r->period_from), say_text(w, r->period_to)),
		     "");
	} else if (w->j->dataflow && catalogue_period_dates(w->j->dataflow, &period, &from, &to) &&
		   (from != w->j->period_from || to != w->j->period_to)) {
		find(w, SEVERITY_WARN, "period_from", say(w, "%s … %s", r->period_from, r->period_to),
		     say(w, "%s … %s", say_day(w, from), say_day(w, to)));
	}
}

static void time_is_sound(struct walk *w, const char *field, const char *text)
{
	int64_t us;

	if (*text && !clock_parse(text, &us)) {
		find(w, SEVERITY_WARN, field, say_text(w, text), "");
	}
}

void du_01(struct walk *w)
{
	const Tram__V1__Report *r = w->report;
	int32_t day;

	is_there(w, "provider", r->provider);
	is_there(w, "dataflow", r->dataflow);
	period_is_sound(w);
	if (!date_parse(r->reference_date, &day)) {
		find(w, 0, "reference_date", say_text(w, r->reference_date), "");
	}
	is_there(w, "prepared_by", r->prepared_by);
	if (r->purpose < TRAM__V1__PURPOSE__PURPOSE_REGULAR || r->purpose > TRAM__V1__PURPOSE__PURPOSE_CORRECTION) {
		find(w, SEVERITY_WARN, "purpose", r->purpose ? say(w, "%d", (int)r->purpose) : "", "");
	}
	time_is_sound(w, "prepared_at", r->prepared_at);
	time_is_sound(w, "approved_at", r->approved_at);
	if (!r->n_observations) {
		find(w, 0, "observations", "0", "≥ 1");
	}
}

/* ---------------------------------------------------------------- DU-02: every mandatory indicator */

#define MISSING_SHOWN 10

/* What the catalogue expects of the report's dataflow and period. */
static bool is_expected(const struct judgement *j, const struct indicator *i)
{
	return i->mandatory && i->dataflow == j->dataflow && strchr(i->frequencies, period_frequency(&j->period)) &&
	       i->valid_from <= j->period_to && j->period_from <= i->valid_to;
}

/* By indicator position, the totals that the report states, a reason for a missing value too. NULL: the arena is exhausted. */
static const bool *stated_here(struct walk *w, size_t n)
{
	bool *stated = arena_calloc(w->arena, n, sizeof *stated);

	for (size_t i = 0; stated && i < w->j->n; i++) {
		const struct figure *f = &w->j->figures[i];

		if (f->storable && !*f->dimensions && !is_withdrawal(w->report->observations[i])) {
			stated[f->indicator->position] = true;
		}
	}
	w->exhausted = w->exhausted || !stated;
	return stated;
}

/* "a, b, …" */
static const char *name_missing(struct walk *w, const struct indicator *all, const uint32_t *missing, size_t n)
{
	const char *text = "";

	for (size_t i = 0; i < n && i < MISSING_SHOWN; i++) {
		text = say(w, "%s%s%s", text, i ? ", " : "", all[missing[i]].code);
	}
	return n > MISSING_SHOWN ? say(w, "%s, …", text) : text;
}

void du_02(struct walk *w)
{
	const struct indicator *all;
	size_t n = catalogue_indicators(w->catalogue, &all), expected = 0, n_missing = 0;
	uint32_t missing[MISSING_SHOWN + 1];
	const bool *stated;

	if (!w->known->reported || !w->j->readable || !is_regular(w) || !(stated = stated_here(w, n))) {
		return;
	}
	for (uint32_t i = 0; i < n; i++) {
		if (!is_expected(w->j, &all[i])) {
			continue;
		}
		expected++;
		if (!stated[all[i].position] && !w->known->reported[all[i].position]) {
			missing[n_missing < MISSING_SHOWN ? n_missing : MISSING_SHOWN] = i;
			n_missing++;
		}
	}
	if (n_missing) {
		find(w, 0, "observations", say(w, "%zu / %zu", expected - n_missing, expected),
		     name_missing(w, all, missing, n_missing));
	}
}

/* ---------------------------------------------------------------- DU-03: what a roll-up needs */

void du_03(struct walk *w, const struct look *x)
{
	const struct indicator *i = x->f->indicator;
	const Tram__V1__Observation *o = x->o;

	if (!i || is_withdrawal(o)) {
		return;
	}
	if (i->has_parts && (o->value || o->numerator || o->denominator)) {
		if (!o->numerator) {
			find(w, 0, "numerator", "", "");
		}
		if (!o->denominator) {
			find(w, 0, "denominator", "", "");
		}
	}
	if (i->weighs_observation && o->value && !o->weight) {
		find(w, 0, "weight", "", "");
	}
	if (!i->has_parts && i->value_type != VALUE_PERCENT && i->value_type != VALUE_RATIO &&
	    (o->numerator || o->denominator)) {
		find(w, SEVERITY_WARN, "numerator", "", "");
	}
}

/* ---------------------------------------------------------------- DU-04: missing is not zero */

static bool states_anything(const Tram__V1__Observation *o)
{
	return o->value || o->numerator || o->denominator;
}

/* "A"; of what is none "200", as any byte might make a text that is none. */
static const char *say_status(struct walk *w, int status)
{
	return status >= 'A' && status <= 'Z' ? say(w, "%c", status) : say(w, "%d", status);
}

static void status_agrees(struct walk *w, const Tram__V1__Observation *o)
{
	bool missing = o->obs_status == TRAM__V1__OBSERVATION_STATUS__OBSERVATION_STATUS_MISSING;

	if (missing && states_anything(o)) {
		find(w, 0, "obs_status", "M", "");
	} else if (!missing && o->obs_status && o->missing_reason) {
		find(w, SEVERITY_WARN, "obs_status",
		     say(w, "%s, %s", say_status(w, (int)o->obs_status), missing_reason_name((int)o->missing_reason)),
		     "M");
	}
}

void du_04(struct walk *w, const struct look *x)
{
	const Tram__V1__Observation *o = x->o;
	int reason = (int)o->missing_reason;

	if (is_withdrawal(o)) {
		if (states_anything(o) || reason) {
			find(w, 0, "action", "", "");
		}
		return;
	}
	if (reason < 0 || reason > TRAM__V1__MISSING_REASON__MISSING_REASON_SYSTEM_DOWN) {
		find(w, 0, "missing_reason", say(w, "%d", reason), "");
	} else if (reason && states_anything(o)) {
		find(w, 0, "missing_reason", missing_reason_name(reason), "");
	} else if (!reason && !states_value(o)) {
		find(w, 0, "value", "", "");
	}
	status_agrees(w, o);
}

/* ---------------------------------------------------------------- DU-05: sub-units */

void du_05(struct walk *w, const struct look *x)
{
	const Tram__V1__Observation *o = x->o;
	int64_t least = x->f->indicator ? x->f->indicator->units_min_percent : 0;

	if (!o->units_reporting && !o->units_expected) {
		if (least && states_value(o) && !is_withdrawal(o)) {
			find(w, 0, "units_expected", "", say(w, "≥ %lld %%", (long long)least));
		}
		return;
	}
	least = least ? least : catalogue_parameter(w->catalogue, PARAMETER_COVERAGE_PERCENT);
	if (o->units_reporting > o->units_expected) {
		find(w, SEVERITY_BLOCK, "units_reporting", say(w, "%u / %u", o->units_reporting, o->units_expected),
		     say(w, "≤ %u", o->units_expected));
	} else if (100 * (int64_t)o->units_reporting < least * (int64_t)o->units_expected) {
		find(w, 0, "units_reporting", say(w, "%u / %u", o->units_reporting, o->units_expected),
		     say(w, "≥ %lld %%", (long long)least));
	}
}
