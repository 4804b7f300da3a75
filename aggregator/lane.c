/* SPDX-License-Identifier: Apache-2.0 */
#include "lane.h"

#include "announce.h"
#include "clock.h"
#include "differences.h"
#include "fault.h"
#include "intake.h"
#include "lang.h"
#include "mem.h"
#include "opened.h"
#include "pace.h"
#include "publish.h"
#include "retry.h"
#include "store_peers.h"
#include "verdict.h"
#include "waiting.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define JOBS_AT_ONCE     256                /* PUBLISHes in one group */
#define NOTE_ARENA       ((size_t)64 << 10) /* of a result that only says something */
#define VERDICTS_AT_ONCE 200
#define FAILURES_TOLD    3 /* in a row, before one that may be a passing one is told of */
#define QUESTION_TRIES   5 /* of a HELLO or question that fails for reasons of its own; others wait behind it */
#define STREAM_BUCKETS   256
#define KIB              1024
#define IDLE_MS          1000
#define PIECE_MS         20 /* a lane that waits for its store looks up so often */

/* An agent of this lane: what its HELLO said and where its stream stands. */
struct lane_stream {
	struct lane_stream *next;
	char agent[65];
	struct epoch epoch;
	uint64_t verdict_cursor;
	bool known;       /* the watermark is as in the store */
	uint64_t reading; /* how often it was read there */
	struct intake_stream in;
};

struct lane {
	struct lane_settings settings;
	char *database;
	struct catalogue *catalogue;
	struct peers *peers;  /* NULL: none is known */
	bool peers_are_known; /* by the store that is connected */
	struct handoff *jobs, *results;
	pthread_t thread;
	atomic_bool abandoned;
	atomic_size_t n_waiting; /* as waiting_count(): for other threads */
	atomic_size_t results_held;
	struct waiting *waiting;
	struct pace pace;
	bool stopping; /* ends when nothing waits any more */
	struct store *store;
	const char *store_state; /* as told last */
	char store_text[ERR_TEXT_MAX];
	unsigned failures; /* in a row */
	struct retry retry;
	struct arena *arena;
	struct opened *opened;
	struct histories *histories;
	struct lane_stream *streams[STREAM_BUCKETS];
};

/* A PUBLISH in a group. */
struct part {
	struct job *job;
	size_t payload; /* bytes of Publish.payload: what its agent's credit was charged with */
	bool has_row;   /* the batch is in the group, or was in one before */
	bool whole;     /* in the group to its last report: done with when it is committed */
	bool told;
};

/* A try at a group: which PUBLISHes are in it, in order, and how much was done. */
struct
try {
	struct part parts[JOBS_AT_ONCE];
	size_t n;
	/* units of work: what may go in; what opening the messages was; all that it came to */
	size_t room, opened, work;
	size_t reports;
};

/* What is known of the next group after tries that failed. */
struct lesson {
	size_t limit;       /* reports in it: halved when the store refuses one of them */
	const char *poison; /* what the store said of the one report that it refused alone */
	char poison_text[ERR_TEXT_MAX];
	bool force_past;
};

/* ---------------------------------------------------------------- results */

static struct result *result_new(enum result_kind kind, const struct job *job, size_t arena)
{
	struct result *r = xcalloc(1, sizeof(*r));
	r->kind = kind;
	r->arena = arena_new(arena);
	if (job) {
		memcpy(r->agent, job->agent, sizeof(r->agent));
		r->session = job->session;
		r->peer = job->peer;
	}
	return r;
}

void result_free(struct result **rp)
{
	struct result *r = *rp;
	if (!r)
		return;
	if (r->held)
		atomic_fetch_sub(r->held, r->holds);
	arena_free(&r->arena);
	free(r);
	*rp = NULL;
}

/* Gives it to main; waits where main has too much of this lane's that it has not freed. */
static void give_result(struct lane *l, struct result *r)
{
	const struct timespec pause = {.tv_nsec = 2 * 1000 * 1000};
	r->holds = arena_used(r->arena);
	while (atomic_load(&l->results_held) > l->settings.result_bytes && !atomic_load(&l->abandoned))
		nanosleep(&pause, NULL);
	atomic_fetch_add(&l->results_held, r->holds);
	r->held = &l->results_held;
	handoff_put(l->results, r);
}

void job_free(struct job **jp)
{
	if (*jp) {
		free((*jp)->data);
		catalogue_unref(&(*jp)->catalogue);
		peers_unref(&(*jp)->peers);
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
	struct result *r = result_new(RESULT_REFUSE, job, NOTE_ARENA);
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
	give_result(l, r);
}

static void refuse(struct lane *l, const struct job *job, Tram__V1__RefusalCode code, const struct watermark *w,
		   const char *detail, size_t payload)
{
	refuse_for(l, job, (struct refused){.code = code}, w, detail, payload);
}

/* ---------------------------------------------------------------- what comes in */

static void take_catalogue(struct lane *l, struct job *job)
{
	catalogue_unref(&l->catalogue);
	histories_clear(l->histories); /* areas may be other agents' now */
	l->catalogue = job->catalogue;
	job->catalogue = NULL;
}

static void take_peers(struct lane *l, struct job *job)
{
	peers_unref(&l->peers);
	l->peers = job->peers;
	l->peers_are_known = false;
	job->peers = NULL;
}

/* A job that came in: done at once if it is about the lane itself; else it waits for its turn. */
static void take_in(struct lane *l, struct job *job)
{
	if (job->kind == JOB_CATALOGUE)
		take_catalogue(l, job);
	else if (job->kind == JOB_PEERS)
		take_peers(l, job);
	else if (job->kind == JOB_STOP)
		l->stopping = true;
	else {
		waiting_put(l->waiting, job);
		atomic_store(&l->n_waiting, waiting_count(l->waiting));
		return;
	}
	job_free(&job);
}

/* ---------------------------------------------------------------- the store: connected, or waited for */

/* What is told of the store. */
static const char up[] = "up", away[] = "away", stalled[] = "stalled", broken[] = "broken";

/* Once a state, and again where its reason is another one. */
static void tell_store(struct lane *l, const char *state, const char *text)
{
	if (l->store_state == state && strcmp(l->store_text, text) == 0)
		return;
	struct result *r = result_new(RESULT_STORE, NULL, NOTE_ARENA);
	r->store_is_up = state == up;
	r->store_state = state;
	r->store_text = arena_strdup(r->arena, text);
	l->store_state = state;
	snprintf(l->store_text, sizeof(l->store_text), "%s", text);
	give_result(l, r);
}

/* The store did what it was asked, or is there to be asked. */
static void went_well(struct lane *l)
{
	l->failures = 0;
	retry_reset(&l->retry);
	tell_store(l, up, "");
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
	histories_clear(l->histories); /* it may be another store that is found next */
	l->peers_are_known = false;
}

/* Abandoned, or asked to end with nothing left to do. */
static bool is_over(const struct lane *l)
{
	return atomic_load(&l->abandoned) || (l->stopping && waiting_count(l->waiting) == 0);
}

/* Takes in what comes meanwhile, and hears a stop. */
static void pause_lane(struct lane *l, int64_t us)
{
	int64_t end_us = clock_monotonic_us() + us;
	for (int64_t left_us = us; left_us > 0 && !is_over(l); left_us = end_us - clock_monotonic_us()) {
		struct job *job = handoff_take(l->jobs, left_us < PIECE_MS * 1000 ? 1 + left_us / 1000 : PIECE_MS);
		if (job)
			take_in(l, job);
	}
}

static enum store_result open_settled(struct lane *l, const char *name, struct err *err)
{
	enum store_result result = store_open(l->database, name, &l->store, err);
	if (result != STORE_OK)
		return result;
	store_set_patience(l->store, l->settings.patience_us);
	result = store_settle(l->store, err);
	if (result != STORE_OK)
		store_close(&l->store);
	return result;
}

/*
 * A failure that the store's word for it does not blame on anything here is told of when it goes on: one lost connection
 * does not take the sessions of all agents, and one that is lost at every try is no secret.
 */
static const struct {
	const char *told_as;
	bool at_once; /* told at the first failure */
	bool hurry;   /* the first try after it does not wait */
	bool reconnect;
} treatments[] = {
    [STORE_OK] = {up, false, true, false},         [STORE_RETRY] = {away, false, false, false},
    [STORE_RECONNECT] = {away, false, true, true}, [STORE_STALLED] = {stalled, true, false, true},
    [STORE_POISON] = {broken, true, false, true},  [STORE_CONFLICT] = {broken, true, false, true},
    [STORE_FENCED] = {away, false, true, false},   [STORE_BROKEN] = {broken, true, false, true},
};

/* Reads where a stream stands; whether that is before where it was left. */
static bool stands_earlier(struct lane *l, struct lane_stream *s)
{
	struct watermark now;
	struct err err = {0};
	if (s->in.before.seq == 0 ||
	    store_watermark(l->store, s->agent, &s->epoch, &s->in.first_chain, 0, &now, &err) != STORE_OK)
		return false; /* whoever asks next finds out what the matter is */
	bool earlier = now.seq < s->in.before.seq || now.verdict_seq < s->in.before.verdict_seq;
	s->in.before = now;
	return earlier;
}

/*
 * A store that was there again at once may be another server, or a copy of an earlier time. Agents that have something to
 * send would find out; all others would keep what it lacks. As one that was away it has them say HELLO.
 */
static void tell_if_earlier(struct lane *l)
{
	bool earlier = false;
	for (size_t i = 0; i < STREAM_BUCKETS; i++)
		for (struct lane_stream *s = l->streams[i]; s; s = s->next)
			earlier |= stands_earlier(l, s);
	if (!earlier || l->store_state != up)
		return;
	tell_store(l, away, _("the database is at an earlier time than before; agents fill up what it lacks"));
	tell_store(l, up, "");
}

/* False: the lane is to give up. */
static bool have_store(struct lane *l)
{
	char name[32];
	bool is_new = !l->store;
	snprintf(name, sizeof(name), "tram lane %d", l->settings.number);
	while (!l->store && !is_over(l)) {
		struct err err = {0};
		enum store_result result = open_settled(l, name, &err);
		if (result == STORE_OK)
			break;
		tell_store(l, treatments[result].told_as, err.text);
		pause_lane(l, retry_next_us(&l->retry));
	}
	if (is_new && l->store)
		tell_if_earlier(l);
	return l->store != NULL && !atomic_load(&l->abandoned);
}

/* What follows from a failure of the store; then the caller tries again. False: the lane is to give up. */
static bool recover(struct lane *l, enum store_result result, const struct err *err)
{
	l->failures++;
	if (treatments[result].at_once || l->failures >= FAILURES_TOLD)
		tell_store(l, treatments[result].told_as, err->text);
	if (treatments[result].reconnect)
		drop_store(l);
	forget_watermarks(l);
	if (!treatments[result].hurry || l->failures > 1)
		pause_lane(l, retry_next_us(&l->retry));
	return have_store(l);
}

/*
 * After a question that failed: another try, on a connection that is good. It is not told that the store is away, which
 * would take the sessions of all agents, unless no connection is to be had. False: the lane is to give up.
 */
static bool ask_again(struct lane *l, enum store_result result)
{
	if (treatments[result].reconnect)
		drop_store(l);
	if (!treatments[result].hurry || l->failures++ > 0)
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
	s->reading++;
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
	struct result *r = result_new(RESULT_SUBSCRIBE, job, NOTE_ARENA);
	r->epoch = w->epoch;
	r->seq = w->seq;
	r->chain = w->chain;
	r->verdict_seq = w->verdict_seq;
	r->committed_at_us = w->committed_at_us;
	r->verdicts_differ = verdicts_differ(h, w);
	give_result(l, r);
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
	went_well(l);
	const char *detail;
	struct refused why = judge_hello(l, e->hello, &s->in.before, &detail);
	if (why.code)
		refuse_for(l, job, why, &s->in.before, detail, 0);
	else
		subscribe(l, job, e->hello, &s->in.before);
}

/* ---------------------------------------------------------------- PUBLISH: groups */

/* Another server, or one that was put back to an earlier time, may never have had the cut: verdicts would name what is not there. */
static enum store_result check_peers(struct lane *l, struct err *err)
{
	bool known = true;
	if (!l->peers || l->peers_are_known)
		return STORE_OK;
	enum store_result result = store_has_cut(l->store, peers_cut(l->peers), &known, err);
	if (result == STORE_OK && !known)
		peers_unref(&l->peers);
	l->peers_are_known = result == STORE_OK && known;
	return result;
}

static void start_intake(struct lane *l, struct intake *in, const struct intake_settings *settings)
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

static struct intake_settings intake_settings_of(const struct lane *l)
{
	return (struct intake_settings){.report_bytes = l->settings.report_bytes,
					.observations = l->settings.observations,
					.judge = l->settings.judge};
}

enum added { ADDED_ALL, ADDED_SOME, ADDED_NOTHING_FITS };

/* In units: a report counts like one figure more, and opening a KiB like another. */
static size_t work_of(const struct intake *in, const struct try *t)
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
static enum added add_entries(struct intake *in, struct try *t, const struct lesson *lesson, struct lane_stream *s,
			      const struct publish *publish)
{
	struct part *part = &t->parts[t->n - 1];
	for (size_t i = 0; i < publish->n_entries; i++) {
		if (in->n_reports == lesson->limit || (in->n_reports > 0 && work_of(in, t) >= t->room))
			return ADDED_SOME;
		if (i == 0 && !add_batch(in, s, publish, part))
			return ADDED_NOTHING_FITS;
		if (!intake_add_report(in, &s->in, &publish->entries[i], part->job->received_at_us, lesson->poison))
			return ADDED_NOTHING_FITS;
	}
	return ADDED_ALL;
}

/* A PUBLISH is done with. */
static void finish(struct lane *l, struct job **jp)
{
	opened_done(l->opened, *jp);
	waiting_remove(l->waiting, *jp);
	job_free(jp);
}

/* Refuses one PUBLISH; the position told is what is committed, never what this group is about to commit. */
static enum added refuse_publish_for(struct lane *l, struct try *t, struct refused why, const char *detail)
{
	struct part *part = &t->parts[--t->n];
	struct lane_stream *s = *stream_slot(l, part->job->agent);
	refuse_for(l, part->job, why, s ? &s->in.before : NULL, detail, part->payload);
	finish(l, &part->job);
	return ADDED_ALL;
}

static enum added refuse_publish(struct lane *l, struct try *t, Tram__V1__RefusalCode code, const char *detail)
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
static enum added add_publish(struct lane *l, struct intake *in, struct try *t, const struct lesson *lesson,
			      struct err *err)
{
	struct part *part = &t->parts[t->n - 1];
	const struct job *job = part->job;
	struct lane_stream *s = *stream_slot(l, job->agent);
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
	struct refused why = judge_agent(w, job->signing_public);
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
static bool go_on(struct lane *l, struct intake *in, struct try *t, const struct lesson *lesson, enum added *ret)
{
	struct part *part = &t->parts[t->n - 1];
	struct lane_stream *s = *stream_slot(l, part->job->agent);
	const struct publish_limits limits = limits_of(l);
	const struct publish_keys keys = keys_of(l, part->job);
	struct publish publish;
	if (!s || judge_agent(&s->in.before, part->job->signing_public).code)
		return false;
	if (s->in.moved || !opened_take_up(l->opened, part->job, &s->in.before, &keys, &limits, &publish))
		return false;
	part->payload = publish.message->payload.len;
	*ret = add_entries(in, t, lesson, s, &publish);
	return true;
}

/* One PUBLISH more. STORE_OK with *ret_more false: the group is full. */
static enum store_result add_part(struct lane *l, struct intake *in, struct try *t, const struct lesson *lesson,
				  struct job *job, bool *ret_more, struct err *err)
{
	struct lane_stream *s = *stream_slot(l, job->agent);
	enum store_result result = s ? read_watermark(l, s, err) : STORE_OK;
	if (result != STORE_OK)
		return result;
	if (in->n_reports == 0) { /* what held nothing new takes no room from what follows */
		arena_reset(l->arena);
		intake_start(in);
	}
	size_t before = work_of(in, t);
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
		waiting_charge(l->waiting, job, work_of(in, t) - before);
	*ret_more = added == ADDED_ALL && t->n < JOBS_AT_ONCE && work_of(in, t) < t->room;
	return STORE_OK;
}

/* Fills a group with what waits, by turns. */
static enum store_result fill_group(struct lane *l, struct intake *in, struct try *t, const struct lesson *lesson,
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
	struct result *r = result_new(RESULT_COMMITTED, job, l->settings.result_bytes);
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
static void tell_stream(struct lane *l, const struct intake *in, struct intake_stream *s, struct try *t)
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
	give_result(l, r);
}

/* A PUBLISH that held nothing new is answered with where the stream stands. */
static void tell_overlap(struct lane *l, const struct intake *in, struct part *part)
{
	struct lane_stream *s = *stream_slot(l, part->job->agent);
	struct result *r = committed(l, part->job, &s->in.before, in->known_at_us);
	answer_part(r, part);
	give_result(l, r);
}

/* A part of it is committed. */
static void go_on_later(struct lane *l, struct job *job)
{
	job->begun = (*stream_slot(l, job->agent))->reading;
	opened_keep(l->opened, job);
}

static void settle_group(struct lane *l, struct intake *in, struct try *t)
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
			finish(l, &part->job);
		else if (part->has_row)
			go_on_later(l, part->job);
	}
	if (waiting_settle(l->waiting, pace_shared_work(&l->pace)))
		pace_shared(&l->pace, clock_monotonic_us());
	went_well(l);
}

/* ---------------------------------------------------------------- PUBLISH: trying */

/* Builds a group of what waits and commits it. */
static enum store_result try_group(struct lane *l, struct try *t, const struct lesson *lesson, struct err *err)
{
	struct intake in;
	const struct intake_settings settings = intake_settings_of(l);
	enum store_result result = check_peers(l, err);
	if (result != STORE_OK)
		return result;
	start_intake(l, &in, &settings);
	in.force_past = lesson->force_past;
	in.histories = l->histories;
	result = fill_group(l, &in, t, lesson, err);
	t->reports = in.n_reports;
	t->work = work_of(&in, t);
	if (result == STORE_OK && in.n_reports > 0)
		result = intake_judge(&in, err);
	if (result == STORE_OK && in.n_reports > 0 && !intake_lay_out(&in))
		result = store_exhausted(err);
	if (result == STORE_OK && in.n_reports > 0)
		result = store_commit(l->store, &in.group, err);
	if (result == STORE_OK)
		settle_group(l, &in, t);
	for (size_t i = 0; i < in.n_streams; i++)
		in.streams[i]->moved = false;
	return result;
}

/* The store refused something in a group of so many reports: halve it, until the one is found and named poison. */
static void narrow(struct lesson *lesson, size_t reports, const struct err *err)
{
	if (reports > 1) {
		lesson->limit = reports / 2;
		return;
	}
	snprintf(lesson->poison_text, sizeof(lesson->poison_text), "%s", err->text);
	lesson->poison = lesson->poison_text;
	lesson->limit = 1;
}

/*
 * After a failure that the reports are not to blame for. What narrowing found holds for the report that was next; when the
 * stream may stand elsewhere it is to be found anew. False: the lane is to give up.
 */
static bool start_over(struct lane *l, struct lesson *lesson, enum store_result result, const struct err *err)
{
	lesson->limit = SIZE_MAX;
	lesson->poison = NULL;
	return recover(l, result, err);
}

/* Commits the next group of what waits, in as many tries as it takes. False: the lane is to give up. */
static bool serve_group(struct lane *l)
{
	struct lesson lesson = {.limit = SIZE_MAX};
	for (;;) {
		int64_t begun_us = clock_monotonic_us();
		struct try t = {.room = pace_work(&l->pace, begun_us)};
		struct err err = {0};
		enum store_result result = try_group(l, &t, &lesson, &err);
		if (result == STORE_OK) {
			pace_took(&l->pace, t.work, clock_monotonic_us() - begun_us);
			return true;
		}
		if (result == STORE_POISON && !(lesson.poison && t.reports <= 1))
			narrow(&lesson, t.reports, &err);
		else if (result == STORE_CONFLICT && !lesson.force_past)
			lesson.force_past = true;
		else if (!start_over(l, &lesson, result, &err))
			return false;
	}
}

/* ---------------------------------------------------------------- CHECK, VERDICTS, TODO_REQUEST */

static enum store_result try_check(struct lane *l, const struct job *job, struct result *r, struct err *err)
{
	struct intake in;
	const struct intake_settings settings = intake_settings_of(l);
	enum store_result result = check_peers(l, err);
	if (result != STORE_OK)
		return result;
	start_intake(l, &in, &settings);
	in.force_past = true;
	Tram__V1__Envelope *e = codec_envelope(l->arena, job->data, job->len, err);
	if (!e || e->body_case != TRAM__V1__ENVELOPE__BODY_CHECK)
		return STORE_OK;
	struct publish_entry entry = {
	    .data = e->check->report.data, .len = e->check->report.len, .handed_in_at_us = job->received_at_us};
	digest_report(entry.data, entry.len, &entry.digest);
	if (!intake_add_check(&in, job->agent, &entry, job->received_at_us))
		return STORE_OK;
	result = intake_judge(&in, err);
	if (result != STORE_OK)
		return result;
	const struct verdict_head head = {.digest = &entry.digest,
					  .known_at_us = in.known_at_us,
					  .catalogue_version = catalogue_version(l->catalogue),
					  .cause = "checked"};
	r->verdicts = arena_calloc(r->arena, 1, sizeof(*r->verdicts));
	r->verdicts[0] = verdict_make(r->arena, &head, &in.reports[0].judgement);
	r->n_verdicts = r->verdicts[0] != NULL;
	if (!differences_make(r->arena, &in.reports[0], &r->differences, &r->n_differences))
		r->n_differences = 0; /* the verdict goes without */
	return STORE_OK;
}

/* Some, as many as fit into a result; the first one, however large it is. */
static enum store_result try_verdicts(struct lane *l, const struct job *job, struct result *r, struct err *err)
{
	arena_reset(r->arena);
	enum store_result result = store_verdicts(l->store, job->agent, job->verdict_after, VERDICTS_AT_ONCE, r->arena,
						  &r->verdicts, &r->n_verdicts, err);
	if (result != STORE_OK || r->n_verdicts > 0)
		return result;
	arena_free(&r->arena);
	r->arena = arena_new(SIZE_MAX);
	return store_verdicts(l->store, job->agent, job->verdict_after, 1, r->arena, &r->verdicts, &r->n_verdicts, err);
}

static enum store_result try_todo(struct lane *l, const struct job *job, struct result *r, struct err *err)
{
	const struct todo_question question = {
	    .agent = job->agent, .as_of_us = INT64_MAX, .items_max = TODO_ITEMS_MAX, .missing_max = TODO_MISSING_MAX};
	arena_reset(r->arena);
	enum store_result result = store_todo(l->store, &question, r->arena, &r->todo, err);
	if (r->todo)
		r->todo->at_us = clock_wall_us();
	return result;
}

/* A question that is not answered: CHECK and TODO_REQUEST are refused; verdicts are asked for again by the agent's next heartbeat. */
static void leave_question(const struct job *job, struct result *r, const struct err *err)
{
	r->verdicts = NULL;
	r->n_verdicts = 0;
	if (job->kind != JOB_CHECK && job->kind != JOB_TODO)
		return;
	r->kind = RESULT_REFUSE;
	r->refused = job->kind;
	r->refusal = store_failed.code;
	r->cause = store_failed.cause;
	r->detail = arena_strdup(r->arena, err->text);
}

/* Asks the store a few times. */
static void answer(struct lane *l, const struct job *job, enum result_kind kind,
		   enum store_result (*ask)(struct lane *, const struct job *, struct result *, struct err *))
{
	struct result *r = result_new(kind, job, l->settings.result_bytes);
	struct err err = {0};
	enum store_result result;
	r->check_id = job->check_id;
	for (int tries = 1; (result = ask(l, job, r, &err)) != STORE_OK && tries < QUESTION_TRIES; tries++)
		if (!ask_again(l, result)) {
			result_free(&r);
			return;
		}
	if (result == STORE_OK)
		went_well(l);
	else
		leave_question(job, r, &err);
	give_result(l, r);
}

/* ---------------------------------------------------------------- the thread */

/* Takes in what came meanwhile; where there is nothing to do, waits for it. */
static void take_in_all(struct lane *l)
{
	bool idle = waiting_count(l->waiting) == 0 && !l->stopping;
	if (idle && l->store)
		went_well(l);
	struct job *job = idle ? handoff_take(l->jobs, IDLE_MS) : handoff_try_take(l->jobs);
	if (idle && !job && l->store && !store_is_alive(l->store))
		drop_store(l);
	for (; job; job = handoff_try_take(l->jobs))
		take_in(l, job);
	atomic_store(&l->n_waiting, waiting_count(l->waiting));
}

static void serve_question(struct lane *l, const struct job *job)
{
	switch (job->kind) {
	case JOB_HELLO: serve_hello(l, job); break;
	case JOB_CHECK: answer(l, job, RESULT_CHECKED, try_check); break;
	case JOB_VERDICTS: answer(l, job, RESULT_VERDICTS, try_verdicts); break;
	case JOB_TODO: answer(l, job, RESULT_OWED, try_todo); break;
	default: assert(false);
	}
}

/* Questions go first, but not for longer than a group takes when others wait. */
static void serve_questions(struct lane *l)
{
	int64_t until_us = clock_monotonic_us() + l->pace.time_us;
	do {
		struct job *job = waiting_take_question(l->waiting);
		if (!job)
			break;
		serve_question(l, job);
		job_free(&job);
	} while (!atomic_load(&l->abandoned) && clock_monotonic_us() < until_us);
}

static void *run(void *context)
{
	struct lane *l = context;
	for (take_in_all(l); have_store(l) && !is_over(l); take_in_all(l)) {
		serve_questions(l);
		if (waiting_has_publish(l->waiting) && !atomic_load(&l->abandoned))
			serve_group(l);
	}
	store_close(&l->store);
	give_result(l, result_new(RESULT_STOPPED, NULL, NOTE_ARENA));
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
	l->opened = opened_new(settings->opened_bytes);
	l->histories = histories_new(settings->history_bytes);
	l->waiting = waiting_new();
	l->pace = pace_of(settings->group_us, (size_t)settings->group_rows);
	l->store_state = away;
	int failed = pthread_create(&l->thread, NULL, run, l);
	assert(!failed);
	(void)failed;
	return l;
}

void lane_abandon(struct lane *lane)
{
	atomic_store(&lane->abandoned, true);
}

size_t lane_waiting(const struct lane *lane)
{
	return atomic_load(&lane->n_waiting);
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
	waiting_free(&l->waiting);
	catalogue_unref(&l->catalogue);
	peers_unref(&l->peers);
	arena_free(&l->arena);
	opened_free(&l->opened);
	histories_free(&l->histories);
	free(l->database);
	free(l);
	*lp = NULL;
}
