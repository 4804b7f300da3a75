/* SPDX-License-Identifier: Apache-2.0 */
/* sống - live: in time, and of a time that has come. */
#include "walk.h"

#include "clock.h"

/* ---------------------------------------------------------------- SONG-01: in time */

void song_01(struct walk *w)
{
	const struct judgement *j = w->j;
	bool regular = w->report->purpose != TRAM__V1__PURPOSE__PURPOSE_BACKFILL &&
		       w->report->purpose != TRAM__V1__PURPOSE__PURPOSE_CORRECTION;
	int32_t due;

	if (regular && j->readable && catalogue_due_date(j->dataflow, &j->period, &due) && w->received_day > due) {
		find(w, 0, "time_period", say_day(w, w->received_day), say(w, "≤ %s", say_day(w, due)));
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
