/* SPDX-License-Identifier: Apache-2.0 */
#include "lane_own.h"

#include "fault.h"

#include <string.h>

static bool hello_is_sound(const Tram__V1__Hello *h)
{
	bool previous = h->previous_epoch.len == 0 || h->previous_epoch.len == EPOCH_SIZE;
	bool chain = h->previous_chain.len == 0 || h->previous_chain.len == DIGEST_SIZE;
	return h->epoch.len == EPOCH_SIZE && h->last_chain.len == DIGEST_SIZE && previous && chain;
}

static void take_hello(struct lane_stream *s, const Tram__V1__Hello *h)
{
	struct intake_stream *in = &s->in;
	memcpy(s->epoch.bytes, h->epoch.data, EPOCH_SIZE);
	s->verdict_cursor = h->verdict_cursor;
	in->has_previous = h->previous_epoch.len == EPOCH_SIZE;
	in->has_previous_chain = h->previous_chain.len == DIGEST_SIZE;
	if (in->has_previous)
		memcpy(in->previous_epoch.bytes, h->previous_epoch.data, EPOCH_SIZE);
	if (in->has_previous_chain)
		memcpy(in->previous_chain.bytes, h->previous_chain.data, DIGEST_SIZE);
	chain_start(s->agent, &s->epoch, in->has_previous_chain ? &in->previous_chain : NULL, &in->first_chain);
	s->known = false;
}

/* An outbox that has less than we committed, or something else in the same place, was restored or copied. */
static const char *find_fork(const Tram__V1__Hello *h, const struct watermark *w)
{
	if (h->last_appended < w->seq)
		return "the outbox has fewer reports than were committed from it";
	if (h->last_appended == w->seq && memcmp(h->last_chain.data, w->chain.bytes, DIGEST_SIZE) != 0)
		return "the outbox has other reports in the place of committed ones";
	return NULL;
}

static struct refused judge_hello(const struct lane *l, const Tram__V1__Hello *h, const struct watermark *w,
				  const char **ret_detail)
{
	struct refused why = lane_judge_agent(w, NULL);
	*ret_detail = "";
	if (why.code)
		return why;
	if (w->is_new && w->epochs >= l->settings.agent_epochs)
		return (struct refused){TRAM__V1__REFUSAL_CODE__REFUSAL_CODE_BUSY, CAUSE_TOO_MANY_EPOCHS};
	*ret_detail = find_fork(h, w);
	return (struct refused){.code = *ret_detail ? TRAM__V1__REFUSAL_CODE__REFUSAL_CODE_FORKED : 0};
}

/*
 * Numbers alone do not tell: a store restored to an earlier time gives the same ones to other verdicts. A cursor beyond
 * what there is needs no word: the agent sees it. One that states no time is of an older agent.
 */
static bool verdicts_differ(const Tram__V1__Hello *h, const struct watermark *w)
{
	return h->verdict_cursor <= w->verdict_seq && h->verdict_known_at_us &&
	       h->verdict_known_at_us != w->verdict_known_at_us;
}

static void subscribe(struct lane *l, const struct job *job, const Tram__V1__Hello *h, const struct watermark *w)
{
	struct result *r = lane_result_new(RESULT_SUBSCRIBE, job, NOTE_ARENA);
	r->epoch = w->epoch;
	r->seq = w->seq;
	r->chain = w->chain;
	r->verdict_seq = w->verdict_seq;
	r->committed_at_us = w->committed_at_us;
	r->verdicts_differ = verdicts_differ(h, w);
	lane_give_result(l, r);
}

void lane_serve_hello(struct lane *l, const struct job *job)
{
	struct err err = {0};
	arena_reset(l->arena);
	Tram__V1__Envelope *e = codec_envelope(l->arena, job->data, job->len, &err);
	if (!e || e->body_case != TRAM__V1__ENVELOPE__BODY_HELLO || !hello_is_sound(e->hello)) {
		lane_refuse(l, job, TRAM__V1__REFUSAL_CODE__REFUSAL_CODE_MALFORMED, NULL, err.text, 0);
		return;
	}
	struct lane_stream *s = lane_stream_make(l, job->agent);
	take_hello(s, e->hello);
	FAULT_POINT(G11_BEFORE_WATERMARK);
	enum store_result result;
	for (int tries = 1; (result = lane_read_watermark(l, s, &err)) != STORE_OK && tries < QUESTION_TRIES; tries++)
		if (!lane_ask_again(l, result))
			return;
	if (result != STORE_OK) {
		lane_refuse_for(l, job, lane_store_failed, NULL, err.text, 0);
		return;
	}
	lane_went_well(l);
	const char *detail;
	struct refused why = judge_hello(l, e->hello, &s->in.before, &detail);
	if (why.code)
		lane_refuse_for(l, job, why, &s->in.before, detail, 0);
	else
		subscribe(l, job, e->hello, &s->in.before);
}
