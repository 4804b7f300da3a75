/* SPDX-License-Identifier: Apache-2.0 */
#include "lane_own.h"

#include "announce.h"
#include "clock.h"
#include "opened.h"
#include "verdict.h"
#include "waiting.h"

#include <assert.h>
#include <string.h>

void lane_finish(struct lane *l, struct job **jp)
{
	opened_done(l->opened, *jp);
	waiting_remove(l->waiting, *jp);
	job_free(jp);
}

/* What became of the first acknowledgements that came with reports of the group. */
static void tell_refilled(struct result *r, const struct intake *in, const struct intake_stream *s)
{
	for (size_t i = 0; i < in->n_reports; i++) {
		const struct publish_entry *e = in->reports[i].entry;
		if (in->reports[i].stream != s || !e->first)
			continue;
		r->n_refilled += e->first_committed_at_us != 0;
		r->n_first_ignored += e->first_committed_at_us == 0;
		if (e->bad_first)
			r->first_ignored = e->bad_first;
	}
}

/* What the report adds to the counters, whether or not its verdict fits into the result. */
static void tally(struct result *r, const struct intake_report *report)
{
	r->n_reports += report->report != NULL;
	r->n_poisoned += report->report == NULL;
	for (size_t i = 0; report->report && i < report->judgement.n; i++)
		r->n_outcomes[report->judgement.outcomes[i]]++;
}

static Tram__V1__Verdict *verdict_of(struct result *r, const struct intake *in, const struct intake_report *report)
{
	const struct verdict_head head = {.verdict_seq = report->verdict_seq,
					  .epoch = &report->stream->before.epoch,
					  .seq = report->entry->seq,
					  .digest = &report->entry->digest,
					  .known_at_us = in->known_at_us,
					  .catalogue_version = intake_catalogue_version(in, report),
					  .cause = "received"};
	return verdict_make(r->arena, &head, &report->judgement);
}

/* The verdict, and where there is room for all of them too, the events. False: the verdict does not fit, nor will others. */
static bool tell_report(struct result *r, const struct intake *in, const struct intake_report *report)
{
	Tram__V1__Verdict *v = verdict_of(r, in, report);
	if (!v)
		return false;
	r->verdicts[r->n_verdicts++] = v;
	struct arena_mark mark = arena_mark(r->arena);
	size_t n = r->events ? announce_report(r->arena, report, in->known_at_us, r->events + r->n_events) : 0;
	if (n == 0)
		arena_rewind(r->arena, mark);
	r->n_events += n;
	r->n_events_lost -= n;
	return true;
}

static void tell_reports(struct result *r, const struct intake *in, const struct intake_stream *s)
{
	size_t reports = 0;
	for (size_t i = 0; i < in->n_reports; i++)
		if (in->reports[i].stream == s) {
			reports++;
			r->n_events_lost += announce_count(&in->reports[i]);
			tally(r, &in->reports[i]);
		}
	r->verdicts = arena_calloc(r->arena, reports, sizeof(*r->verdicts));
	r->events = arena_calloc(r->arena, r->n_events_lost, sizeof(*r->events));
	for (size_t i = 0, fits = r->verdicts != NULL; i < in->n_reports && fits; i++)
		if (in->reports[i].stream == s)
			fits = tell_report(r, in, &in->reports[i]);
}

static struct result *committed(const struct lane *l, const struct job *job, const struct watermark *w, int64_t at_us)
{
	struct result *r = lane_result_new(RESULT_COMMITTED, job, l->settings.result_bytes);
	r->epoch = w->epoch;
	r->seq = w->seq;
	r->chain = w->chain;
	r->verdict_seq = w->verdict_seq;
	r->committed_at_us = at_us;
	return r;
}

/* Counts a part of the group in the result that answers it. */
static void answer_part(struct result *r, struct part *part)
{
	r->session = part->job->session;
	r->peer = part->job->peer;
	if (part->whole) {
		r->payload_bytes += part->payload;
		r->batches++;
	}
	part->told = true;
}

/*
 * One result for an agent in the group. Verdicts that do not fit are asked for again by the agent's cursor; events that do
 * not are lost to the feed, which leaves a gap for them.
 */
static void tell_stream(struct lane *l, const struct intake *in, struct intake_stream *s, struct attempt *t)
{
	struct result *r = NULL;
	for (size_t i = 0; i < t->n; i++) {
		if (strcmp(t->parts[i].job->agent, s->agent) != 0)
			continue;
		if (!r)
			r = committed(l, t->parts[i].job, &s->after, in->known_at_us);
		answer_part(r, &t->parts[i]);
	}
	assert(r);
	tell_refilled(r, in, s);
	tell_reports(r, in, s);
	lane_give_result(l, r);
}

/* A PUBLISH that held nothing new is answered with where the stream stands. */
static void tell_overlap(struct lane *l, const struct intake *in, struct part *part)
{
	struct lane_stream *s = *lane_stream_slot(l, part->job->agent);
	struct result *r = committed(l, part->job, &s->in.before, in->known_at_us);
	answer_part(r, part);
	lane_give_result(l, r);
}

/* A part of it is committed. */
static void go_on_later(struct lane *l, struct job *job)
{
	job->begun = (*lane_stream_slot(l, job->agent))->reading;
	opened_keep(l->opened, job);
}

void lane_settle_group(struct lane *l, struct intake *in, struct attempt *t)
{
	in->known_at_us = in->group.known_at_us; /* as it was written */
	intake_keep(in);
	for (size_t i = 0; i < in->n_streams; i++) {
		tell_stream(l, in, in->streams[i], t);
		in->streams[i]->before = in->streams[i]->after;
	}
	for (size_t i = 0; i < t->n; i++) {
		struct part *part = &t->parts[i];
		if (!part->told && part->whole)
			tell_overlap(l, in, part);
		if (part->whole)
			lane_finish(l, &part->job);
		else if (part->has_row)
			go_on_later(l, part->job);
	}
	if (waiting_settle(l->waiting, pace_shared_work(&l->pace)))
		pace_shared(&l->pace, clock_monotonic_us());
	lane_went_well(l);
}
