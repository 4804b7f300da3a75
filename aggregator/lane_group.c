/* SPDX-License-Identifier: Apache-2.0 */
#include "lane_own.h"

#include "clock.h"
#include "fault.h"
#include "opened.h"
#include "publish.h"
#include "waiting.h"

#include <string.h>

#define KIB 1024

void lane_start_intake(struct lane *l, struct intake *in, const struct intake_settings *settings)
{
	arena_reset(l->arena);
	*in = (struct intake){.arena = l->arena,
			      .catalogue = l->catalogue,
			      .settings = settings,
			      .store = l->store,
			      .peers = l->peers,
			      .known_at_us = clock_wall_us()};
	intake_start(in);
}

struct intake_settings lane_intake_settings(const struct lane *l)
{
	return (struct intake_settings){.report_bytes = l->settings.report_bytes,
					.observations = l->settings.observations,
					.judge = l->settings.judge};
}

enum added { ADDED_ALL, ADDED_SOME, ADDED_NOTHING_FITS };

size_t lane_group_work(const struct intake *in, const struct attempt *t)
{
	return in->n_observations + in->n_reports + t->opened;
}

/*
 * The batch's bytes are stored once, with the first of its reports: where it takes many groups they would be most of what is
 * written. Once the watermark was read anew nobody knows whose batch brought what is below it, and they are stored again.
 */
static bool add_batch(struct intake *in, struct lane_stream *s, const struct publish *publish, struct part *part)
{
	const struct job *job = part->job;
	part->has_row = job->begun == s->reading || intake_add_batch(in, &s->in, publish, job->received_at_us);
	return part->has_row;
}

/* Puts the reports of an opened PUBLISH into the group, as far as the group has room. */
static enum added add_entries(struct intake *in, struct attempt *t, const struct lesson *lesson, struct lane_stream *s,
			      const struct publish *publish)
{
	struct part *part = &t->parts[t->n - 1];
	for (size_t i = 0; i < publish->n_entries; i++) {
		if (in->n_reports == lesson->limit || (in->n_reports > 0 && lane_group_work(in, t) >= t->room))
			return ADDED_SOME;
		if (i == 0 && !add_batch(in, s, publish, part))
			return ADDED_NOTHING_FITS;
		if (!intake_add_report(in, &s->in, &publish->entries[i], part->job->received_at_us, lesson->poison))
			return ADDED_NOTHING_FITS;
	}
	return ADDED_ALL;
}

/* Refuses one PUBLISH; the position told is what is committed, never what this group is about to commit. */
static enum added refuse_publish_for(struct lane *l, struct attempt *t, struct refused why, const char *detail)
{
	struct part *part = &t->parts[--t->n];
	struct lane_stream *s = *lane_stream_slot(l, part->job->agent);
	lane_refuse_for(l, part->job, why, s ? &s->in.before : NULL, detail, part->payload);
	lane_finish(l, &part->job);
	return ADDED_ALL;
}

static enum added refuse_publish(struct lane *l, struct attempt *t, Tram__V1__RefusalCode code, const char *detail)
{
	return refuse_publish_for(l, t, (struct refused){.code = code}, detail);
}

static struct publish_keys keys_of(const struct lane *l, const struct job *job)
{
	struct publish_keys keys;
	memcpy(keys.agent, job->signing_public, sizeof(keys.agent));
	memcpy(keys.centre, l->settings.centre_public, sizeof(keys.centre));
	return keys;
}

static struct publish_limits limits_of(const struct lane *l)
{
	return (struct publish_limits){.batch_bytes = l->settings.batch_bytes,
				       .batch_reports = l->settings.batch_reports};
}

/* Opens the last PUBLISH of the try and adds what is new in it. One that is refused is done with and no part any more. */
static enum added add_publish(struct lane *l, struct intake *in, struct attempt *t, const struct lesson *lesson,
			      struct err *err)
{
	struct part *part = &t->parts[t->n - 1];
	const struct job *job = part->job;
	struct lane_stream *s = *lane_stream_slot(l, job->agent);
	const struct publish_limits limits = limits_of(l);
	t->opened += job->len / KIB;
	Tram__V1__Envelope *e = codec_envelope(l->arena, job->data, job->len, err);
	if (!e && in->n_reports > 0)
		return ADDED_SOME; /* this one again with an empty arena */
	if (!e || e->body_case != TRAM__V1__ENVELOPE__BODY_PUBLISH)
		return refuse_publish(l, t, TRAM__V1__REFUSAL_CODE__REFUSAL_CODE_MALFORMED, err->text);
	part->payload = e->publish->payload.len;
	if (!s)
		return refuse_publish(l, t, TRAM__V1__REFUSAL_CODE__REFUSAL_CODE_NO_SESSION, "");
	const struct watermark *w = s->in.moved ? &s->in.after : &s->in.before;
	struct refused why = lane_judge_agent(w, job->signing_public);
	if (why.code)
		return refuse_publish_for(l, t, why, "");
	struct publish publish;
	const struct publish_keys keys = keys_of(l, job);
	publish_open(l->arena, e->publish, job->agent, &keys, w, &limits, &publish);
	if (publish.refusal == TRAM__V1__REFUSAL_CODE__REFUSAL_CODE_TOO_LARGE && in->n_reports > 0)
		return ADDED_SOME;
	if (publish.refusal)
		return refuse_publish(l, t, publish.refusal, "");
	FAULT_POINT(G2_BATCH_OPENED);
	return add_entries(in, t, lesson, s, &publish);
}

/* Adds what is left of the last PUBLISH of the try, if it is the one that was kept open. False: it is to be opened. */
static bool go_on(struct lane *l, struct intake *in, struct attempt *t, const struct lesson *lesson, enum added *ret)
{
	struct part *part = &t->parts[t->n - 1];
	struct lane_stream *s = *lane_stream_slot(l, part->job->agent);
	const struct publish_limits limits = limits_of(l);
	const struct publish_keys keys = keys_of(l, part->job);
	struct publish publish;
	if (!s || lane_judge_agent(&s->in.before, part->job->signing_public).code)
		return false;
	if (s->in.moved || !opened_take_up(l->opened, part->job, &s->in.before, &keys, &limits, &publish))
		return false;
	part->payload = publish.message->payload.len;
	*ret = add_entries(in, t, lesson, s, &publish);
	return true;
}

/* One PUBLISH more. STORE_OK with *ret_more false: the group is full. */
static enum store_result add_part(struct lane *l, struct intake *in, struct attempt *t, const struct lesson *lesson,
				  struct job *job, bool *ret_more, struct err *err)
{
	struct lane_stream *s = *lane_stream_slot(l, job->agent);
	enum store_result result = s ? lane_read_watermark(l, s, err) : STORE_OK;
	if (result != STORE_OK)
		return result;
	if (in->n_reports == 0) { /* what held nothing new takes no room from what follows */
		arena_reset(l->arena);
		intake_start(in);
	}
	size_t before = lane_group_work(in, t);
	struct part *part = &t->parts[t->n++];
	*part = (struct part){.job = job};
	t->opened++;
	enum added added;
	if (!go_on(l, in, t, lesson, &added))
		added = add_publish(l, in, t, lesson, err);
	if (added == ADDED_NOTHING_FITS)
		return store_exhausted(err);
	part->whole = added == ADDED_ALL;
	if (part->job) /* not refused */
		waiting_charge(l->waiting, job, lane_group_work(in, t) - before);
	*ret_more = added == ADDED_ALL && t->n < JOBS_AT_ONCE && lane_group_work(in, t) < t->room;
	return STORE_OK;
}

enum store_result lane_fill_group(struct lane *l, struct intake *in, struct attempt *t, const struct lesson *lesson,
				  struct err *err)
{
	enum store_result result = STORE_OK;
	waiting_start(l->waiting, pace_is_shared(&l->pace, clock_monotonic_us()));
	for (bool more = true; more && result == STORE_OK;) {
		struct job *job = waiting_next(l->waiting);
		if (!job)
			break;
		result = add_part(l, in, t, lesson, job, &more, err);
	}
	return result;
}
