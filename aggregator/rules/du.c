/* SPDX-License-Identifier: Apache-2.0 */
/* đủ - sufficient: everything that is needed is there. */
#include "walk.h"

#include "clock.h"

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

static void status_agrees(struct walk *w, const Tram__V1__Observation *o)
{
	bool missing = o->obs_status == TRAM__V1__OBSERVATION_STATUS__OBSERVATION_STATUS_MISSING;

	if (missing && states_anything(o)) {
		find(w, 0, "obs_status", "M", "");
	} else if (!missing && o->obs_status && o->missing_reason) {
		find(w, SEVERITY_WARN, "obs_status",
		     say(w, "%c, %s", obs_status_of(o), missing_reason_name((int)o->missing_reason)), "M");
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
