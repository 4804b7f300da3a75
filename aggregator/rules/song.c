/* SPDX-License-Identifier: Apache-2.0 */
/* sống - live: in time, and of a time that has come. */
#include "walk.h"

#include "clock.h"

#include <string.h>

/* ---------------------------------------------------------------- SONG-01: in time */

void song_01(struct walk *w)
{
	const struct judgement *j = w->j;
	int32_t due;

	if (is_regular(w) && j->readable && catalogue_due_date(j->dataflow, &j->period, &due) &&
	    w->received_day > due) {
		find(w, 0, "time_period", say_day(w, w->received_day), say(w, "≤ %s", say_day(w, due)));
	}
}

/* ---------------------------------------------------------------- SONG-02: fresh */

void song_02(struct walk *w, const struct look *x)
{
	const struct indicator *i = x->f->indicator;
	int32_t day = w->j->reference_date;

	if (i && w->j->readable && is_regular(w) && states_value(x->o) && w->received_day > day &&
	    w->received_day - day > i->max_age_days) {
		find(w, 0, "reference_date", say_day(w, day),
		     say(w, "≥ %s", say_day(w, w->received_day - i->max_age_days)));
	}
}

/* ---------------------------------------------------------------- SONG-04: times in order */

/* Whether a step is later than the one that follows it, by more than clocks may differ. 0: not known. */
static bool is_after(const struct walk *w, int64_t step_us, int64_t next_us)
{
	int64_t tolerance = catalogue_parameter(w->catalogue, PARAMETER_CLOCK_TOLERANCE) * CLOCK_SECOND;

	return step_us && next_us && step_us > next_us && step_us - next_us > tolerance;
}

static void is_in_order(struct walk *w, const char *field, int64_t step_us, int64_t next_us)
{
	char step[CLOCK_TEXT], next[CLOCK_TEXT];

	if (is_after(w, step_us, next_us)) {
		find(w, SEVERITY_WARN, field, say(w, "%s", clock_text_vn(step_us, step)),
		     say(w, "≤ %s", clock_text_vn(next_us, next)));
	}
}

void song_04(struct walk *w)
{
	const Tram__V1__Report *r = w->report;
	int64_t prepared = 0, approved = 0;
	int32_t day;

	if (date_parse(r->reference_date, &day) && day > w->received_day) {
		find(w, 0, "reference_date", say_day(w, day), say(w, "≤ %s", say_day(w, w->received_day)));
	}
	if (!clock_parse(r->prepared_at, &prepared)) {
		prepared = 0;
	}
	if (!clock_parse(r->approved_at, &approved)) {
		approved = 0;
	}
	is_in_order(w, "prepared_at", prepared, approved ? approved : w->ctx->handed_in_at_us);
	is_in_order(w, "approved_at", approved, w->ctx->handed_in_at_us);
	is_in_order(w, "handed_in_at", w->ctx->handed_in_at_us, w->ctx->received_at_us);
}

/* ---------------------------------------------------------------- SONG-06: mended in time */

/* What its province was told to mend, and has not until now. */
static bool waits_for_mending(const struct past *p)
{
	if (!p->exists || p->current || p->withdrawn || !p->known_at_us) {
		return false;
	}
	return p->outcome == OUTCOME_HELD || p->decided == DECIDED_HELD || p->decided == DECIDED_REFUSED;
}

/* As tram.correction_told has it. */
static bool is_disputed(const struct past *p)
{
	return p->decided == DECIDED_HELD || (p->decided == DECIDED_NONE && p->reasoned);
}

/* Day 0 is 1970-01-01, a Thursday. */
static bool is_working_day(int32_t day)
{
	int32_t after_monday = (day + 3) % 7;

	return (after_monday < 0 ? after_monday + 7 : after_monday) < 5;
}

/* As tram.days_after() has it, which tram.correction_days() asks for the same deadline. */
static int32_t days_after(int32_t day, int64_t days, bool working)
{
	while (days > 0) {
		day++;
		days -= !working || is_working_day(day);
	}
	return day;
}

void song_06(struct walk *w, const struct look *x)
{
	bool disputed = is_disputed(x->past);
	int64_t days = catalogue_parameter(w->catalogue, disputed ? PARAMETER_DISPUTED_DAYS : PARAMETER_MEND_DAYS);
	bool working = catalogue_parameter(w->catalogue, PARAMETER_WORKING_DAYS) != 0;
	int32_t told, mend_by;

	if (!x->f->storable || !waits_for_mending(x->past) || is_stored_already(w, x)) {
		return;
	}
	told = date_in_vietnam(x->past->known_at_us);
	mend_by = days_after(told, days, working);
	if (w->received_day > mend_by) {
		find(w, 0, "value", say(w, "%s → %s", say_day(w, told), say_day(w, w->received_day)),
		     say(w, "≤ %s", say_day(w, mend_by)));
	}
}

/* ---------------------------------------------------------------- SONG-07: published figures that move */

#define MOVED_SHOWN 5

/* "x" and "x / y" derive from x. */
static bool derives_from(const struct indicator *i, const struct indicator *level)
{
	size_t len = strlen(level->code);

	for (const char *at = i->derives_from; (at = strstr(at, level->code)); at += len) {
		if ((at == i->derives_from || at[-1] == ' ') && (at[len] == ' ' || !at[len])) {
			return true;
		}
	}
	return false;
}

/* A growth of the year after is of this level too. */
static bool is_moved(const struct walk *w, const struct published_figure *p, const struct indicator *changed)
{
	struct period period, later;
	int32_t own = period_pack(&w->j->period);

	if (p->indicator != changed && !derives_from(p->indicator, changed)) {
		return false;
	}
	if (!period_parse(p->time_period, &period)) {
		return false;
	}
	return period_pack(&period) == own ||
	       (p->indicator != changed && !strstr(p->indicator->derives_from, " / ") &&
		period_shift_years(&w->j->period, 1, &later) && period_pack(&period) == period_pack(&later));
}

/* "#35 psp_registered_accounts 2023-S1, …" */
static const char *name_moved(struct walk *w, const struct indicator *changed)
{
	const struct published_figure *all;
	size_t n = catalogue_published(w->catalogue, &all), moved = 0;
	const char *text = "";

	for (size_t i = 0; i < n; i++) {
		const struct published_figure *p = &all[i];

		if (is_moved(w, p, changed) && ++moved <= MOVED_SHOWN) {
			text = say(w, "%s%s#%d %s %s", text, moved > 1 ? ", " : "", p->figure_no, p->indicator->code,
				   p->time_period);
		}
	}
	return moved > MOVED_SHOWN ? say(w, "%s, …", text) : text;
}

/* Whether a figure is one that the area's figure for a longer period is made of, as tram.part_kinds() has it. */
static bool counts_in(const struct judgement *j, const struct figure *f, const struct period *longer)
{
	struct period within;

	return f->storable && !*f->dimensions && indicator_adds_over_time(f->indicator) &&
	       strchr(f->indicator->frequencies, period_frequency(&j->period)) &&
	       period_within(&j->period, longer->kind, &within) && period_pack(&within) == period_pack(longer);
}

static bool any_counts_in(const struct judgement *j, const struct period *longer)
{
	for (size_t i = 0; i < j->n; i++) {
		if (counts_in(j, &j->figures[i], longer)) {
			return true;
		}
	}
	return false;
}

size_t rules_periods(const struct judgement *j, int32_t ret[static RULES_PERIODS])
{
	static const enum period_kind kinds[] = {PERIOD_WEEK, PERIOD_MONTH, PERIOD_QUARTER, PERIOD_HALF, PERIOD_YEAR};
	struct period longer;
	size_t n = 1;

	ret[0] = period_pack(&j->period);
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		if (period_within(&j->period, kinds[i], &longer) && any_counts_in(j, &longer)) {
			ret[n++] = period_pack(&longer);
		}
	}
	return n;
}

/* What is stored already is no correction. longer: of what counts in it. NULL: of anything. */
static bool states_something_new(const struct walk *w, const struct period *longer)
{
	for (size_t i = 0; i < w->j->n; i++) {
		struct look x = look_at(w, i);

		if (x.f->storable && (!longer || counts_in(w->j, x.f, longer)) && !is_stored_already(w, &x)) {
			return true;
		}
	}
	return false;
}

static const char *say_closing(struct walk *w, const struct closed *c)
{
	return say(w, "%d → %d (%s, %s)", c->vintage, c->vintage + 1, say_day(w, date_in_vietnam(c->closed_at_us)),
		   say_text(w, c->closed_by));
}

static void tell_closing(struct walk *w, const struct closed *c)
{
	char text[PERIOD_TEXT];
	struct period period;
	bool is_own = c->period == period_pack(&w->j->period);

	if (!period_unpack(c->period, &period) || !states_something_new(w, is_own ? NULL : &period)) {
		return;
	}
	if (is_own) {
		find(w, 0, "time_period", say_closing(w, c), "");
	} else {
		find(w, 0, "longer_period", say(w, "%s: %s", period_text(&period, text), say_closing(w, c)), "");
	}
}

/* Whoever is late states nothing else than who corrects: what was closed stays, and this is of the next closing. */
void song_07_report(struct walk *w)
{
	for (size_t i = 0; w->j->readable && i < w->known->n_closed; i++) {
		tell_closing(w, &w->known->closed[i]);
	}
}

void song_07(struct walk *w, const struct look *x)
{
	const char *moved;

	if (!x->f->storable || !x->past->exists || !x->past->current || says_what_is_stored(x)) {
		return;
	}
	moved = name_moved(w, x->f->indicator);
	if (*moved) {
		find(w, 0, "value", moved, "");
	}
}

/* ---------------------------------------------------------------- SONG-08: still in force */

static void is_in_force(struct walk *w, const char *field, const char *code, int32_t from, int32_t to)
{
	int64_t days = catalogue_parameter(w->catalogue, PARAMETER_ENDING_DAYS);
	bool ends = to != DATE_OPEN && (int64_t)to - w->received_day < days;

	if (ends || w->received_day < from) {
		find(w, 0, field, say(w, "%s @ %s", code, say_day(w, w->received_day)),
		     say(w, "%s … %s", say_day(w, from), say_day(w, to)));
	}
}

void song_08_report(struct walk *w)
{
	const struct dataflow *d = w->j->dataflow;

	if (d && is_regular(w)) {
		is_in_force(w, "dataflow", d->code, d->valid_from, d->valid_to);
	}
}

void song_08(struct walk *w, const struct look *x)
{
	const struct indicator *i = x->f->indicator;

	if (i && is_regular(w) && !is_withdrawal(x->o)) {
		is_in_force(w, "indicator", i->code, i->valid_from, i->valid_to);
	}
}
