/* SPDX-License-Identifier: Apache-2.0 */
/* When agents were last heard goes to the store now and then; what it makes of that, and of late data, is announced. */
#include "aggregator.h"

#include "clock.h"
#include "mem.h"

#include <stdlib.h>
#include <string.h>

#define NEWS_WAIT_US (2 * CLOCK_SECOND)

static struct agent_heard heard_of(const struct session_view *v, struct session_time now)
{
	return (struct agent_heard){.agent = v->agent,
				    .heard_us = now.wall_us - (now.monotonic_us - v->heard_us),
				    .connected_since_us = v->connected ? v->connected_since_us : 0,
				    .software = v->software};
}

void watch_heard(struct aggregator *a, struct session_time now)
{
	size_t n = 0;
	if (!a->settings.liveness || now.monotonic_us < a->heard_at_us)
		return;
	struct agent_heard *rows = xcalloc(session_count(a->sessions) + 1, sizeof(*rows));
	for (size_t i = 0; i < session_count(a->sessions); i++) {
		const struct session_view v = session_view(a->sessions, i);
		if (v.heard_us)
			rows[n++] = heard_of(&v, now);
	}
	if (loader_tell_heard(a->loader, rows, n, a->listening_since_us))
		a->heard_at_us = now.monotonic_us + a->settings.liveness;
	free(rows);
}

/* Some time after the change, as there are mostly more. */
void expect_announcements(struct aggregator *a)
{
	int64_t soon_us = clock_monotonic_us() + NEWS_WAIT_US;
	if (a->heard_at_us > soon_us)
		a->heard_at_us = soon_us;
}

static void announce_missing(struct aggregator *a, const struct announcement *n)
{
	char heard[CLOCK_TEXT] = "";
	if (n->heard_us)
		clock_text_rfc3339(n->heard_us, heard);
	const struct log_field fields[] = {{"heard_at", heard}, {"silent_seconds", log_num(n->silent_seconds)}};
	feed_tell(a->feed, EVENT_AGENT_MISSING, n->agent, n->area, clock_wall_us(), fields, 2);
}

static void announce_late(struct aggregator *a, const struct announcement *n)
{
	const struct log_field fields[] = {
	    {"dataflow", n->dataflow}, {"time_period", n->time_period}, {"due_day", n->due_day}};
	feed_tell(a->feed, EVENT_DATA_LATE, n->agent, n->area, clock_wall_us(), fields, 3);
}

static void announce_overdue(struct aggregator *a, const struct overdue *o)
{
	static const struct {
		const char *name;
		enum event_id event;
	} events[] = {{"correction.due", EVENT_CORRECTION_DUE},
		      {"correction.late", EVENT_CORRECTION_LATE},
		      {"correction.escalated", EVENT_CORRECTION_ESCALATED}};
	char told_at[CLOCK_TEXT];
	const struct log_field fields[] = {{"provider", o->provider},
					   {"kind", o->kind},
					   {"dataflow", o->dataflow},
					   {"indicator", o->indicator},
					   {"time_period", o->time_period},
					   {"rules", o->rules},
					   {"told_at", clock_text_rfc3339(o->told_at_us, told_at)},
					   {"deadline", o->deadline}};
	for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++)
		if (strcmp(events[i].name, o->event) == 0)
			feed_tell(a->feed, events[i].event, o->agent, o->area, clock_wall_us(), fields,
				  sizeof(fields) / sizeof(fields[0]));
}

static void announce_decision(struct aggregator *a, const struct decision_news *d)
{
	const struct log_field fields[] = {{"id", d->id},
					   {"decision", d->decision},
					   {"provider", d->provider},
					   {"seq", d->seq},
					   {"observation", d->observation},
					   {"indicator", d->indicator},
					   {"time_period", d->time_period},
					   {"decided_by", d->decided_by},
					   {"reason", d->reason}};
	feed_tell(a->feed, EVENT_OBSERVATION_DECIDED, d->agent, d->area, clock_wall_us(), fields,
		  sizeof(fields) / sizeof(fields[0]));
}

static void announce_closing(struct aggregator *a, const struct closing_news *c)
{
	const struct log_field fields[] = {
	    {"dataflow", c->dataflow},   {"time_period", c->time_period}, {"vintage", c->vintage},
	    {"closed_at", c->closed_at}, {"closed_by", c->closed_by},     {"reason", c->reason},
	    {"finality", c->finality},   {"figures", c->figures},         {"digest", c->digest}};
	feed_tell(a->feed, EVENT_PERIOD_CLOSED, "", "", clock_wall_us(), fields, sizeof(fields) / sizeof(fields[0]));
}

static void announce_claim(struct aggregator *a, const struct outdated_claim *c)
{
	const struct log_field fields[] = {{"figure_no", c->figure_no},
					   {"indicator", c->indicator},
					   {"time_period", c->time_period},
					   {"published", c->published},
					   {"value", c->value},
					   {"difference", c->difference},
					   {"since", c->since},
					   {"cause", c->cause},
					   {"of_area", c->of_area},
					   {"seq", c->seq},
					   {"reason", c->reason}};
	feed_tell(a->feed, EVENT_CLAIM_OUTDATED, c->agent, c->area, clock_wall_us(), fields,
		  sizeof(fields) / sizeof(fields[0]));
}

void take_announcements(struct aggregator *a, const struct loaded *l)
{
	bool failed = l->result != STORE_OK;
	if (failed && !a->heard_failed) {
		count(&a->counters, COUNTER_RELOADS_FAILED);
		tell(a, EVENT_RELOAD_FAILED, "what", "liveness", "text", l->err.text, NULL);
	}
	a->heard_failed = failed;
	for (size_t i = 0; i < l->n_announcements; i++) {
		if (l->announcements[i].is_late)
			announce_late(a, &l->announcements[i]);
		else
			announce_missing(a, &l->announcements[i]);
	}
	for (size_t i = 0; i < l->n_overdue; i++)
		announce_overdue(a, &l->overdue[i]);
	for (size_t i = 0; i < l->n_decisions; i++)
		announce_decision(a, &l->decisions[i]);
	for (size_t i = 0; i < l->n_closings; i++)
		announce_closing(a, &l->closings[i]);
	for (size_t i = 0; i < l->n_claims; i++)
		announce_claim(a, &l->claims[i]);
}
