/* SPDX-License-Identifier: Apache-2.0 */
#include "lane.h"

#include "announce.h"
#include "clock.h"
#include "fault.h"
#include "intake.h"
#include "mem.h"
#include "publish.h"
#include "retry.h"
#include "store.h"
#include "verdict.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define JOBS_AT_ONCE     128                /* PUBLISHes taken out of the queue before the group is cut */
#define RESULT_ARENA     ((size_t)64 << 20) /* verdicts and events of one agent in one group */
#define VERDICTS_AT_ONCE 200
#define QUESTION_TRIES   5 /* of a HELLO or question that fails for reasons of its own; others wait behind it */
#define STREAM_BUCKETS   256

/* An agent of this lane: what its HELLO said and where its stream stands. */
struct lane_stream {
	struct lane_stream *next;
	char agent[65];
	struct epoch epoch;
	uint64_t verdict_cursor;
	bool known; /* the watermark is as in the store */
	struct intake_stream in;
};

struct lane {
	struct lane_settings settings;
	char *database;
	struct catalogue *catalogue;
	struct handoff *jobs, *results;
	pthread_t thread;
	atomic_bool abandoned;
	struct store *store;
	bool store_was_up;
	struct retry retry;
	struct arena *arena;
	struct lane_stream *streams[STREAM_BUCKETS];
	struct job *held_over; /* taken out of the queue, to be done next */
};

/* The PUBLISHes being made into groups, in order of arrival. */
struct pending {
	struct job *jobs[JOBS_AT_ONCE];
	bool done[JOBS_AT_ONCE];
	size_t payload[JOBS_AT_ONCE]; /* bytes of Publish.payload: what its agent's credit was charged with */
	size_t n;
	size_t limit;       /* reports in the next group: halved when the store refuses one of them */
	const char *poison; /* what the store said of the one report that it refused alone */
	char poison_text[ERR_TEXT_MAX];
	bool force_past;
};

/* ---------------------------------------------------------------- results */

static struct result *result_new(enum result_kind kind, const struct job *job)
{
	struct result *r = xcalloc(1, sizeof(*r));
	r->kind = kind;
	r->arena = arena_new(RESULT_ARENA);
	if (job) {
		memcpy(r->agent, job->agent, sizeof(r->agent));
		r->session = job->session;
		r->peer = job->peer;
	}
	return r;
}

void result_free(struct result **rp)
{
	if (*rp)
		arena_free(&(*rp)->arena);
	free(*rp);
	*rp = NULL;
}

void job_free(struct job **jp)
{
	if (*jp) {
		free((*jp)->data);
		catalogue_unref(&(*jp)->catalogue);
	}
	free(*jp);
	*jp = NULL;
}

struct refused {
	Tram__V1__RefusalCode code; /* 0: it is not */
	enum refusal_cause cause;
};

static const struct refused store_failed = {TRAM__V1__REFUSAL_CODE__REFUSAL_CODE_BUSY, CAUSE_STORE_FAILED};

static void refuse_for(struct lane *l, const struct job *job, struct refused why, const struct watermark *w,
		       const char *detail, size_t payload)
{
	struct result *r = result_new(RESULT_REFUSE, job);
	r->refused = job->kind;
	r->payload_bytes = payload;
	r->batches = job->kind == JOB_PUBLISH;
	r->refusal = why.code;
	r->cause = why.cause;
	r->detail = arena_strdup(r->arena, detail);
	if (w) {
		r->epoch = w->epoch;
		r->seq = w->seq;
		r->chain = w->chain;
	}
	handoff_put(l->results, r);
}

static void refuse(struct lane *l, const struct job *job, Tram__V1__RefusalCode code, const struct watermark *w,
		   const char *detail, size_t payload)
{
	refuse_for(l, job, (struct refused){.code = code}, w, detail, payload);
}

/* ---------------------------------------------------------------- the store: connected, or waited for */

static void tell_store(struct lane *l, bool up, const char *text)
{
	if (up && l->store_was_up)
		return;
	struct result *r = result_new(RESULT_STORE, NULL);
	r->store_is_up = up;
	r->store_text = arena_strdup(r->arena, text);
	l->store_was_up = up;
	handoff_put(l->results, r);
}

static void forget_watermarks(struct lane *l)
{
	for (size_t i = 0; i < STREAM_BUCKETS; i++)
		for (struct lane_stream *s = l->streams[i]; s; s = s->next)
			s->known = false;
}

static void drop_store(struct lane *l)
{
	store_close(&l->store);
	forget_watermarks(l);
}

/* Sleeps in short pieces, so that a stop is heard. */
static void pause_lane(struct lane *l, int64_t us)
{
	const struct timespec piece = {.tv_nsec = 20 * 1000 * 1000};
	for (int64_t end = clock_monotonic_us() + us; clock_monotonic_us() < end && !atomic_load(&l->abandoned);)
		nanosleep(&piece, NULL);
}

/* False: the lane is to give up. */
static bool have_store(struct lane *l)
{
	char name[32];
	snprintf(name, sizeof(name), "tram lane %d", l->settings.number);
	while (!l->store && !atomic_load(&l->abandoned)) {
		struct err err = {0};
		if (store_open(l->database, name, &l->store, &err) == STORE_OK) {
			retry_reset(&l->retry);
			tell_store(l, true, "");
			break;
		}
		tell_store(l, false, err.text);
		pause_lane(l, retry_next_us(&l->retry));
	}
	return l->store != NULL;
}

/* What follows from a failure of the store; then the caller tries again. False: the lane is to give up. */
static bool recover(struct lane *l, enum store_result result, const struct err *err)
{
	switch (result) {
	case STORE_OK: return true;
	case STORE_RETRY: pause_lane(l, retry_next_us(&l->retry)); break;
	case STORE_FENCED: forget_watermarks(l); break;
	case STORE_RECONNECT: drop_store(l); break;
	case STORE_STALLED:
	case STORE_BROKEN:
	case STORE_POISON:
	case STORE_CONFLICT:
		tell_store(l, false, err->text);
		drop_store(l);
		pause_lane(l, retry_next_us(&l->retry));
		break;
	}
	return have_store(l);
}

/*
 * After a question that failed: another try, on a connection that is good. It is not told that the store is away, which
 * would take the sessions of all agents, unless no connection is to be had. False: the lane is to give up.
 */
static bool ask_again(struct lane *l, enum store_result result)
{
	if (result != STORE_RETRY)
		drop_store(l);
	pause_lane(l, retry_next_us(&l->retry));
	return have_store(l);
}

/* ---------------------------------------------------------------- streams */

static struct lane_stream **stream_slot(struct lane *l, const char *agent)
{
	uint32_t hash = 2166136261u;
	for (const char *c = agent; *c; c++)
		hash = (hash ^ (uint8_t)*c) * 16777619u;
	struct lane_stream **s = &l->streams[hash % STREAM_BUCKETS];
	while (*s && strcmp((*s)->agent, agent) != 0)
		s = &(*s)->next;
	return s;
}

static struct lane_stream *stream_make(struct lane *l, const char *agent)
{
	struct lane_stream **slot = stream_slot(l, agent);
	if (!*slot) {
		*slot = xcalloc(1, sizeof(**slot));
		snprintf((*slot)->agent, sizeof((*slot)->agent), "%s", agent);
		(*slot)->in.agent = (*slot)->agent;
	}
	return *slot;
}

/* The stream's watermark as the store has it now, and when the verdict at the agent's cursor was known. */
static enum store_result read_watermark(struct lane *l, struct lane_stream *s, struct err *err)
{
	if (s->known)
		return STORE_OK;
	enum store_result result =
	    store_watermark(l->store, s->agent, &s->epoch, &s->in.first_chain, s->verdict_cursor, &s->in.before, err);
	s->known = result == STORE_OK;
	return result;
}

/* ---------------------------------------------------------------- HELLO */

static bool hello_is_sound(const Tram__V1__Hello *h)
{
	bool previous = h->previous_epoch.len == 0 || h->previous_epoch.len == EPOCH_SIZE;
	bool chain = h->previous_chain.len == 0 || h->previous_chain.len == DIGEST_SIZE;
	return h->epoch.len == EPOCH_SIZE && h->last_chain.len == DIGEST_SIZE && previous && chain;
}

static void take_hello(struct lane_stream *s, const Tram__V1__Hello *h)
{
	struct digest previous;
	memcpy(s->epoch.bytes, h->epoch.data, EPOCH_SIZE);
	s->verdict_cursor = h->verdict_cursor;
	s->in.has_previous = h->previous_epoch.len == EPOCH_SIZE;
	if (s->in.has_previous)
		memcpy(s->in.previous_epoch.bytes, h->previous_epoch.data, EPOCH_SIZE);
	if (h->previous_chain.len == DIGEST_SIZE)
		memcpy(previous.bytes, h->previous_chain.data, DIGEST_SIZE);
	chain_start(s->agent, &s->epoch, h->previous_chain.len == DIGEST_SIZE ? &previous : NULL, &s->in.first_chain);
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

/* What the agent is at the centre now; the key counts where it signed. */
static struct refused judge_agent(const struct watermark *w, const uint8_t *signing_public)
{
	switch (w->state) {
	case AGENT_UNKNOWN: return (struct refused){.code = TRAM__V1__REFUSAL_CODE__REFUSAL_CODE_UNKNOWN_AGENT};
	case AGENT_REVOKED: return (struct refused){.code = TRAM__V1__REFUSAL_CODE__REFUSAL_CODE_REVOKED};
	case AGENT_SUSPENDED: return (struct refused){TRAM__V1__REFUSAL_CODE__REFUSAL_CODE_BUSY, CAUSE_SUSPENDED};
	case AGENT_ACTIVE: break;
	}
	if (signing_public && memcmp(signing_public, w->signing_public, SIGN_PUBLIC_SIZE) != 0)
		return (struct refused){TRAM__V1__REFUSAL_CODE__REFUSAL_CODE_BAD_SIGNATURE, CAUSE_SIGNING_KEY};
	return (struct refused){0};
}

static struct refused judge_hello(const struct lane *l, const Tram__V1__Hello *h, const struct watermark *w,
				  const char **ret_detail)
{
	struct refused why = judge_agent(w, NULL);
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
	struct result *r = result_new(RESULT_SUBSCRIBE, job);
	r->epoch = w->epoch;
	r->seq = w->seq;
	r->chain = w->chain;
	r->verdict_seq = w->verdict_seq;
	r->committed_at_us = w->committed_at_us;
	r->verdicts_differ = verdicts_differ(h, w);
	handoff_put(l->results, r);
}

static void serve_hello(struct lane *l, const struct job *job)
{
	struct err err = {0};
	arena_reset(l->arena);
	Tram__V1__Envelope *e = codec_envelope(l->arena, job->data, job->len, &err);
	if (!e || e->body_case != TRAM__V1__ENVELOPE__BODY_HELLO || !hello_is_sound(e->hello)) {
		refuse(l, job, TRAM__V1__REFUSAL_CODE__REFUSAL_CODE_MALFORMED, NULL, err.text, 0);
		return;
	}
	struct lane_stream *s = stream_make(l, job->agent);
	take_hello(s, e->hello);
	FAULT_POINT(G11_BEFORE_WATERMARK);
	enum store_result result;
	for (int tries = 1; (result = read_watermark(l, s, &err)) != STORE_OK && tries < QUESTION_TRIES; tries++)
		if (!ask_again(l, result))
			return;
	if (result != STORE_OK) {
		refuse_for(l, job, store_failed, NULL, err.text, 0);
		return;
	}
	const char *detail;
	struct refused why = judge_hello(l, e->hello, &s->in.before, &detail);
	if (why.code)
		refuse_for(l, job, why, &s->in.before, detail, 0);
	else
		subscribe(l, job, e->hello, &s->in.before);
}

/* ---------------------------------------------------------------- PUBLISH: groups */

static void start_intake(struct lane *l, struct intake *in, const struct intake_settings *settings)
{
	arena_reset(l->arena);
	*in = (struct intake){.arena = l->arena,
			      .catalogue = l->catalogue,
			      .settings = settings,
			      .store = l->store,
			      .known_at_us = clock_wall_us()};
	intake_start(in);
}

static struct intake_settings intake_settings_of(const struct lane *l)
{
	return (struct intake_settings){.report_bytes = l->settings.report_bytes,
					.observations = l->settings.observations,
					.judge = l->settings.judge};
}

enum added { ADDED_ALL, ADDED_SOME, ADDED_NOTHING_FITS };

/* Puts the reports of an opened PUBLISH into the group, as far as the group has room. */
static enum added add_entries(struct lane *l, struct intake *in, const struct pending *p, struct lane_stream *s,
			      const struct publish *publish, const struct job *job)
{
	for (size_t i = 0; i < publish->n_entries; i++) {
		if (in->n_reports == p->limit || in->n_observations >= (size_t)l->settings.group_rows)
			return ADDED_SOME;
		if (i == 0 && !intake_add_batch(in, &s->in, publish, job->received_at_us))
			return ADDED_NOTHING_FITS;
		if (!intake_add_report(in, &s->in, &publish->entries[i], job->received_at_us, p->poison))
			return ADDED_NOTHING_FITS;
	}
	return ADDED_ALL;
}

/* Refuses one PUBLISH; the position told is what is committed, never what this group is about to commit. */
static enum added refuse_publish_for(struct lane *l, struct pending *p, size_t i, struct refused why,
				     const char *detail)
{
	struct lane_stream *s = *stream_slot(l, p->jobs[i]->agent);
	refuse_for(l, p->jobs[i], why, s ? &s->in.before : NULL, detail, p->payload[i]);
	p->done[i] = true;
	return ADDED_ALL;
}

static enum added refuse_publish(struct lane *l, struct pending *p, size_t i, Tram__V1__RefusalCode code,
				 const char *detail)
{
	return refuse_publish_for(l, p, i, (struct refused){.code = code}, detail);
}

static struct publish_keys keys_of(const struct lane *l, const struct job *job)
{
	struct publish_keys keys;
	memcpy(keys.agent, job->signing_public, sizeof(keys.agent));
	memcpy(keys.centre, l->settings.centre_public, sizeof(keys.centre));
	return keys;
}

/* Opens one PUBLISH and adds what is new in it. A PUBLISH that is refused is done with. */
static enum added add_publish(struct lane *l, struct intake *in, struct pending *p, size_t i, struct err *err)
{
	const struct job *job = p->jobs[i];
	struct lane_stream *s = *stream_slot(l, job->agent);
	const struct publish_limits limits = {.batch_bytes = l->settings.batch_bytes,
					      .batch_reports = l->settings.batch_reports};
	Tram__V1__Envelope *e = codec_envelope(l->arena, job->data, job->len, err);
	if (!e && in->n_reports > 0)
		return ADDED_SOME; /* this one again with an empty arena */
	if (!e || e->body_case != TRAM__V1__ENVELOPE__BODY_PUBLISH)
		return refuse_publish(l, p, i, TRAM__V1__REFUSAL_CODE__REFUSAL_CODE_MALFORMED, err->text);
	p->payload[i] = e->publish->payload.len;
	if (!s)
		return refuse_publish(l, p, i, TRAM__V1__REFUSAL_CODE__REFUSAL_CODE_NO_SESSION, "");
	const struct watermark *w = s->in.moved ? &s->in.after : &s->in.before;
	struct refused why = judge_agent(w, job->signing_public);
	if (why.code)
		return refuse_publish_for(l, p, i, why, "");
	struct publish publish;
	const struct publish_keys keys = keys_of(l, job);
	publish_open(l->arena, e->publish, job->agent, &keys, w, &limits, &publish);
	if (publish.refusal == TRAM__V1__REFUSAL_CODE__REFUSAL_CODE_TOO_LARGE && in->n_reports > 0)
		return ADDED_SOME;
	if (publish.refusal)
		return refuse_publish(l, p, i, publish.refusal, "");
	FAULT_POINT(G2_BATCH_OPENED);
	return add_entries(l, in, p, s, &publish, job);
}

/* Fills a group from the pending PUBLISHes; ret_whole: how many of them are in it to their last report. */
static enum store_result fill_group(struct lane *l, struct intake *in, struct pending *p, size_t *ret_whole,
				    struct err *err)
{
	*ret_whole = 0;
	for (size_t i = 0; i < p->n; i++) {
		struct lane_stream *s = *stream_slot(l, p->jobs[i]->agent);
		enum store_result result = !p->done[i] && s ? read_watermark(l, s, err) : STORE_OK;
		if (result != STORE_OK)
			return result;
		if (!p->done[i]) {
			if (in->n_reports == 0) { /* what held nothing new takes no room from what follows */
				arena_reset(l->arena);
				intake_start(in);
			}
			enum added added = add_publish(l, in, p, i, err);
			if (added == ADDED_NOTHING_FITS)
				return err_set(err, ERR_PROTOCOL, "the group is larger than its arena"), STORE_POISON;
			if (added == ADDED_SOME)
				return STORE_OK;
		}
		*ret_whole = i + 1;
	}
	return STORE_OK;
}

/* ---------------------------------------------------------------- PUBLISH: what a committed group is told */

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

static void tell_reports(struct result *r, const struct intake *in, const struct intake_stream *s)
{
	size_t reports = 0, events = 0;
	for (size_t i = 0; i < in->n_reports; i++)
		if (in->reports[i].stream == s) {
			reports++;
			events += announce_count(&in->reports[i]);
		}
	r->verdicts = arena_calloc(r->arena, reports, sizeof(*r->verdicts));
	r->events = arena_calloc(r->arena, events, sizeof(*r->events));
	bool fits = r->verdicts && r->events;
	r->n_events_lost = events;
	for (size_t i = 0; i < in->n_reports && fits; i++) {
		const struct intake_report *report = &in->reports[i];
		if (report->stream != s)
			continue;
		const struct verdict_head head = {.verdict_seq = report->verdict_seq,
						  .epoch = &s->before.epoch,
						  .seq = report->entry->seq,
						  .digest = &report->entry->digest,
						  .known_at_us = in->known_at_us,
						  .catalogue_version = catalogue_version(in->catalogue),
						  .cause = "received"};
		Tram__V1__Verdict *v = verdict_make(r->arena, &head, &report->judgement);
		size_t n = v ? announce_report(r->arena, report, in->known_at_us, r->events + r->n_events) : 0;
		fits = n > 0;
		if (fits) {
			r->verdicts[r->n_verdicts++] = v;
			r->n_events += n;
			r->n_events_lost -= n;
		}
	}
}

/* Whether the job is in the group to its last report and has not been answered. */
static bool is_settled(const struct pending *p, size_t i, size_t whole)
{
	return i < whole && !p->done[i];
}

static struct result *committed(const struct job *job, const struct watermark *w, int64_t at_us)
{
	struct result *r = result_new(RESULT_COMMITTED, job);
	r->epoch = w->epoch;
	r->seq = w->seq;
	r->chain = w->chain;
	r->verdict_seq = w->verdict_seq;
	r->committed_at_us = at_us;
	return r;
}

/*
 * One result for an agent in the group. Verdicts that do not fit are asked for again by the agent's cursor; events that do
 * not are lost to the feed, which leaves a gap for them.
 */
static void tell_stream(struct lane *l, const struct intake *in, struct intake_stream *s, struct pending *p,
			size_t whole)
{
	struct result *r = NULL;
	for (size_t i = 0; i < p->n; i++) {
		if (p->done[i] || strcmp(p->jobs[i]->agent, s->agent) != 0)
			continue;
		if (!r)
			r = committed(p->jobs[i], &s->after, in->known_at_us);
		r->session = p->jobs[i]->session;
		r->peer = p->jobs[i]->peer;
		if (is_settled(p, i, whole)) {
			r->payload_bytes += p->payload[i];
			r->batches++;
			p->done[i] = true;
		}
	}
	assert(r);
	tell_refilled(r, in, s);
	tell_reports(r, in, s);
	handoff_put(l->results, r);
}

/* A PUBLISH that held nothing new is answered with where the stream stands. */
static void tell_overlap(struct lane *l, const struct intake *in, struct pending *p, size_t i)
{
	struct lane_stream *s = *stream_slot(l, p->jobs[i]->agent);
	struct result *r = committed(p->jobs[i], &s->in.before, in->known_at_us);
	r->payload_bytes = p->payload[i];
	r->batches = 1;
	handoff_put(l->results, r);
	p->done[i] = true;
}

/* What narrowing found holds for the report that is next. When the stream may stand elsewhere it is to be found anew. */
static void forget_poison(struct pending *p)
{
	p->limit = SIZE_MAX;
	p->poison = NULL;
}

static void settle_group(struct lane *l, const struct intake *in, struct pending *p, size_t whole)
{
	for (size_t i = 0; i < in->n_streams; i++) {
		tell_stream(l, in, in->streams[i], p, whole);
		in->streams[i]->before = in->streams[i]->after;
	}
	for (size_t i = 0; i < whole; i++)
		if (is_settled(p, i, whole))
			tell_overlap(l, in, p, i);
	forget_poison(p);
	p->force_past = false;
	retry_reset(&l->retry);
}

/* ---------------------------------------------------------------- PUBLISH: trying */

/* Builds a group from the pending PUBLISHes and commits it. */
static enum store_result try_group(struct lane *l, struct pending *p, size_t *ret_reports, struct err *err)
{
	struct intake in;
	const struct intake_settings settings = intake_settings_of(l);
	size_t whole = 0;
	start_intake(l, &in, &settings);
	in.force_past = p->force_past;
	enum store_result result = fill_group(l, &in, p, &whole, err);
	*ret_reports = in.n_reports;
	if (result == STORE_OK && in.n_reports > 0)
		result = intake_judge(&in, err);
	if (result == STORE_OK && in.n_reports > 0 && !intake_lay_out(&in))
		result = (err_set(err, ERR_PROTOCOL, "the group is larger than its arena"), STORE_POISON);
	if (result == STORE_OK && in.n_reports > 0)
		result = store_commit(l->store, &in.group, err);
	if (result == STORE_OK)
		settle_group(l, &in, p, whole);
	for (size_t i = 0; i < in.n_streams; i++)
		in.streams[i]->moved = false;
	return result;
}

/* The store refused something in a group of so many reports: halve it, until the one is found and named poison. */
static void narrow(struct pending *p, size_t reports, const struct err *err)
{
	if (reports > 1) {
		p->limit = reports / 2;
		return;
	}
	snprintf(p->poison_text, sizeof(p->poison_text), "%s", err->text);
	p->poison = p->poison_text;
	p->limit = 1;
}

static bool all_done(const struct pending *p)
{
	for (size_t i = 0; i < p->n; i++)
		if (!p->done[i])
			return false;
	return true;
}

/* After a failure that the reports are not to blame for. False: the lane is to give up. */
static bool start_over(struct lane *l, struct pending *p, enum store_result result, const struct err *err)
{
	forget_poison(p);
	return recover(l, result, err);
}

/* Commits everything that is pending, in as many groups as it takes. False: the lane is to give up. */
static bool commit_pending(struct lane *l, struct pending *p)
{
	while (!all_done(p)) {
		struct err err = {0};
		size_t reports = 0;
		enum store_result result = try_group(l, p, &reports, &err);
		if (result == STORE_POISON && !(p->poison && reports <= 1))
			narrow(p, reports, &err);
		else if (result == STORE_CONFLICT && !p->force_past)
			p->force_past = true;
		else if (result != STORE_OK && !start_over(l, p, result, &err))
			return false;
	}
	return true;
}

static void serve_publish(struct lane *l, struct job *first)
{
	struct pending p = {.limit = SIZE_MAX};
	p.jobs[p.n++] = first;
	while (p.n < JOBS_AT_ONCE) {
		struct job *job = handoff_try_take(l->jobs);
		if (job && job->kind != JOB_PUBLISH)
			l->held_over = job;
		if (!job || job->kind != JOB_PUBLISH)
			break;
		p.jobs[p.n++] = job;
	}
	commit_pending(l, &p);
	for (size_t i = 0; i < p.n; i++)
		job_free(&p.jobs[i]);
}

/* ---------------------------------------------------------------- CHECK, VERDICTS */

static enum store_result try_check(struct lane *l, const struct job *job, struct result *r, struct err *err)
{
	struct intake in;
	const struct intake_settings settings = intake_settings_of(l);
	start_intake(l, &in, &settings);
	in.force_past = true;
	Tram__V1__Envelope *e = codec_envelope(l->arena, job->data, job->len, err);
	if (!e || e->body_case != TRAM__V1__ENVELOPE__BODY_CHECK)
		return STORE_OK;
	struct publish_entry entry = {
	    .data = e->check->report.data, .len = e->check->report.len, .handed_in_at_us = job->received_at_us};
	digest_report(entry.data, entry.len, &entry.digest);
	r->check_id = e->check->check_id;
	if (!intake_add_check(&in, job->agent, &entry, job->received_at_us))
		return STORE_OK;
	enum store_result result = intake_judge(&in, err);
	if (result != STORE_OK)
		return result;
	const struct verdict_head head = {.digest = &entry.digest,
					  .known_at_us = in.known_at_us,
					  .catalogue_version = catalogue_version(l->catalogue),
					  .cause = "checked"};
	r->verdicts = arena_calloc(r->arena, 1, sizeof(*r->verdicts));
	r->verdicts[0] = verdict_make(r->arena, &head, &in.reports[0].judgement);
	r->n_verdicts = r->verdicts[0] != NULL;
	return STORE_OK;
}

static enum store_result try_verdicts(struct lane *l, const struct job *job, struct result *r, struct err *err)
{
	arena_reset(r->arena);
	return store_verdicts(l->store, job->agent, job->verdict_after, VERDICTS_AT_ONCE, r->arena, &r->verdicts,
			      &r->n_verdicts, err);
}

/* A question that is not answered: a CHECK is refused; verdicts are asked for again by the agent's next heartbeat. */
static void leave_question(const struct job *job, struct result *r, const struct err *err)
{
	r->verdicts = NULL;
	r->n_verdicts = 0;
	if (job->kind != JOB_CHECK)
		return;
	r->kind = RESULT_REFUSE;
	r->refused = job->kind;
	r->refusal = store_failed.code;
	r->cause = store_failed.cause;
	r->detail = arena_strdup(r->arena, err->text);
}

/* Asks the store a few times. */
static void serve_question(struct lane *l, const struct job *job, enum result_kind kind,
			   enum store_result (*ask)(struct lane *, const struct job *, struct result *, struct err *))
{
	struct result *r = result_new(kind, job);
	struct err err = {0};
	enum store_result result;
	for (int tries = 1; (result = ask(l, job, r, &err)) != STORE_OK && tries < QUESTION_TRIES; tries++)
		if (!ask_again(l, result)) {
			result_free(&r);
			return;
		}
	if (result != STORE_OK)
		leave_question(job, r, &err);
	handoff_put(l->results, r);
}

/* ---------------------------------------------------------------- the thread */

static void take_catalogue(struct lane *l, struct job *job)
{
	catalogue_unref(&l->catalogue);
	l->catalogue = job->catalogue;
	job->catalogue = NULL;
}

/* Does one job, or a group of PUBLISHes that begins with it. False: the lane is to end. */
static bool serve(struct lane *l, struct job *job)
{
	bool more = job->kind != JOB_STOP;
	if (job->kind == JOB_CATALOGUE)
		take_catalogue(l, job);
	else if (more && !have_store(l))
		more = false;
	else if (job->kind == JOB_PUBLISH)
		return serve_publish(l, job), true;
	else if (job->kind == JOB_HELLO)
		serve_hello(l, job);
	else if (job->kind == JOB_CHECK)
		serve_question(l, job, RESULT_CHECKED, try_check);
	else if (job->kind == JOB_VERDICTS)
		serve_question(l, job, RESULT_VERDICTS, try_verdicts);
	job_free(&job);
	return more;
}

static struct job *next_job(struct lane *l)
{
	struct job *job = l->held_over;
	l->held_over = NULL;
	return job ? job : handoff_take(l->jobs, 1000);
}

static void *run(void *context)
{
	struct lane *l = context;
	for (bool more = true; more && !atomic_load(&l->abandoned);) {
		struct job *job = next_job(l);
		if (job)
			more = serve(l, job);
		else
			have_store(l);
	}
	store_close(&l->store);
	handoff_put(l->results, result_new(RESULT_STOPPED, NULL));
	return NULL;
}

struct lane *lane_start(const struct lane_settings *settings, struct catalogue *catalogue, struct handoff *jobs,
			struct handoff *results)
{
	struct lane *l = xcalloc(1, sizeof(*l));
	l->settings = *settings;
	l->database = xstrdup(settings->database);
	l->catalogue = catalogue_ref(catalogue);
	l->jobs = jobs;
	l->results = results;
	l->retry = (struct retry){.base_us = CLOCK_SECOND / 20, .limit_us = 10 * CLOCK_SECOND};
	l->arena = arena_new(settings->arena_bytes);
	l->store_was_up = false;
	int failed = pthread_create(&l->thread, NULL, run, l);
	assert(!failed);
	(void)failed;
	return l;
}

void lane_abandon(struct lane *lane)
{
	atomic_store(&lane->abandoned, true);
}

static void free_streams(struct lane *l)
{
	for (size_t i = 0; i < STREAM_BUCKETS; i++)
		for (struct lane_stream *s = l->streams[i], *next; s; s = next) {
			next = s->next;
			free(s);
		}
}

void lane_join(struct lane **lp)
{
	struct lane *l = *lp;
	if (!l)
		return;
	pthread_join(l->thread, NULL);
	free_streams(l);
	job_free(&l->held_over);
	catalogue_unref(&l->catalogue);
	arena_free(&l->arena);
	free(l->database);
	free(l);
	*lp = NULL;
}
