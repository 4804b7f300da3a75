/* SPDX-License-Identifier: Apache-2.0 */
#include "readers.h"

#include "clock.h"
#include "digest.h"
#include "handoff.h"
#include "mem.h"
#include "refused.h"
#include "retry.h"
#include "text.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define LOOK_MS     3000
#define PATIENCE_US (5 * CLOCK_SECOND) /* beyond the time for a question, before a server that is silent is given up */

struct readers {
	struct readers_settings settings;
	char *database;
	struct handoff *questions, *ends;
	struct cache *cache;
	pthread_t *threads;
	pthread_mutex_t lock; /* of what follows */
	bool is_draining, failed;
	char why[ERR_TEXT_MAX];
};

/* A thread's own. */
struct reader {
	struct readers *all;
	struct store *store;
	struct retry retry;
	int64_t try_at_us; /* monotonic */
};

static char stop;

static void count_one(struct readers *r, enum counter_id id)
{
	atomic_fetch_add(&r->settings.counted->at[id], 1);
}

/* ---------------------------------------------------------------- the connection */

static bool is_draining(struct readers *r)
{
	pthread_mutex_lock(&r->lock);
	bool draining = r->is_draining;
	pthread_mutex_unlock(&r->lock);
	return draining;
}

static void note(struct readers *r, const struct err *failure)
{
	pthread_mutex_lock(&r->lock);
	r->failed = failure != NULL;
	snprintf(r->why, sizeof(r->why), "%s", failure ? failure->text : "");
	pthread_mutex_unlock(&r->lock);
}

static void lose(struct reader *me, const struct err *err)
{
	store_close(&me->store);
	me->try_at_us = clock_monotonic_us() + retry_next_us(&me->retry);
	note(me->all, err);
}

static bool have_store(struct reader *me)
{
	struct err err = {0};
	const struct readers_settings *s = &me->all->settings;
	if (me->store && store_is_alive(me->store)) {
		return true;
	}
	if (me->store) { /* ended while nothing was asked: another one is there at once, or not */
		store_close(&me->store);
		me->try_at_us = 0;
	}
	if (clock_monotonic_us() < me->try_at_us) {
		return false;
	}
	enum store_result result = store_open_reader(me->all->database, &me->store, &err);
	if (result == STORE_OK) {
		store_set_patience(me->store, s->question_us + PATIENCE_US);
		result = store_limit_time(me->store, s->question_us, &err);
	}
	if (result != STORE_OK) {
		lose(me, &err);
		return false;
	}
	retry_reset(&me->retry);
	return true;
}

/* ---------------------------------------------------------------- a question */

/* What a function of the schema refused, and what to ask instead, in the language of the answer. */
static void name_refusal(struct question *q, enum problem_id id, const char *why, const char *instead)
{
	char said[PROBLEM_TEXT], remedy[PROBLEM_TEXT];
	refused_say(why, q->ask.in_vietnamese, said, sizeof(said));
	refused_say(instead, q->ask.in_vietnamese, remedy, sizeof(remedy));
	problem_set(&q->problem, id, NULL, remedy, said);
}

static void name_failure(struct reader *me, struct question *q, enum store_result result, const struct err *err)
{
	const char *why, *instead;
	char seconds[32];
	if (store_was_stopped(me->store)) {
		snprintf(seconds, sizeof(seconds), "%lld ms", (long long)(me->all->settings.question_us / 1000));
		problem_set(&q->problem, PROBLEM_TOO_SLOW, NULL, NULL, seconds);
	} else if (result == STORE_RETRY) { /* figures are being written, and hold what was asked for */
		problem_set(&q->problem, PROBLEM_BUSY, NULL, NULL, NULL);
	} else if (store_was_too_much(me->store, &why, &instead)) {
		name_refusal(q, PROBLEM_TOO_MUCH_WORK, why, instead);
	} else if (store_was_refused(me->store, &why, &instead)) {
		name_refusal(q, PROBLEM_REFUSED, why, instead);
	} else {
		problem_set(&q->problem, PROBLEM_STORE, NULL, NULL, NULL);
		note(me->all, err);
	}
	if (result == STORE_RECONNECT) {
		lose(me, err);
	}
}

static void name_excess(struct question *q, const struct readers_settings *s, enum body_state state)
{
	char more[64];
	snprintf(more, sizeof(more), "%zu byte", s->budget->whole);
	if (state == BODY_TOO_LONG) {
		problem_set(&q->problem, PROBLEM_TOO_MUCH, NULL, NULL, more);
	} else {
		problem_set(&q->problem, PROBLEM_BUSY, NULL, NULL, NULL);
	}
}

/* Strong: of the bytes and what they are said to be. */
static void make_tag(struct answer *a)
{
	const char *type = export_media_type(a->format);
	struct hashing *h = hashing_new();
	struct digest digest;
	hashing_add(h, type, strlen(type) + 1);
	hashing_add(h, body_bytes(a->body), body_len(a->body));
	hashing_so_far(h, &digest);
	hashing_free(&h);
	a->tag[0] = '"';
	text_hex(digest.bytes, DIGEST_SIZE, a->tag + 1);
	memcpy(a->tag + 1 + (size_t)2 * DIGEST_SIZE, "\"", 2);
}

static void ask_store(struct reader *me, struct question *q, int64_t prepared_us)
{
	struct err err = {0};
	const struct readers_settings *s = &me->all->settings;
	struct answering a = {.store = me->store,
			      .ask = &q->ask,
			      .told = s->told,
			      .prepared_us = prepared_us,
			      .most_rows = s->rows,
			      .body = body_new(s->budget),
			      .cursor = q->answer.cursor,
			      .problem = &q->problem};
	enum store_result result = answers_give(&a, &err);
	q->answer.body = a.body;
	q->answer.format = q->ask.format;
	q->answer.prepared_us = prepared_us;
	if (result != STORE_OK) {
		name_failure(me, q, result, &err);
	} else if (!q->problem.id && body_state(a.body) != BODY_FINE) {
		name_excess(q, s, body_state(a.body));
	}
	if (result == STORE_OK) {
		note(me->all, NULL);
	}
	if (q->problem.id) {
		answer_clear(&q->answer);
	} else {
		make_tag(&q->answer);
	}
}

/* An SDMX-JSON message says when it was prepared: one that else is the one of before is that very one, and keeps its tag. */
static void ask_again(struct reader *me, struct question *q, const char *key)
{
	struct answer old;
	if (q->ask.format != EXPORT_SDMX_JSON || !cache_find_old(me->all->cache, key, &old)) {
		ask_store(me, q, clock_wall_us());
		return;
	}
	ask_store(me, q, old.prepared_us);
	if (!q->problem.id && strcmp(q->answer.tag, old.tag) != 0) {
		answer_clear(&q->answer);
		ask_store(me, q, clock_wall_us());
	}
	answer_clear(&old);
}

/*
 * The state is asked for before the question: what is written between the two belongs to a later state, which is never this
 * one again, so the answer is at worst not found once more.
 */
static void answer_steady(struct reader *me, struct question *q)
{
	struct err err = {0};
	char state[STORE_STATE_SIZE];
	char *key = ask_key(&q->ask);
	enum store_result result = store_state(me->store, state, &err);
	if (result != STORE_OK) {
		name_failure(me, q, result, &err);
	} else if (*state && cache_find(me->all->cache, key, state, &q->answer)) {
		count_one(me->all, COUNTER_HTTP_FROM_CACHE);
	} else {
		ask_again(me, q, key);
		if (*state && !q->problem.id) {
			cache_keep(me->all->cache, key, state, &q->answer);
		}
	}
	free(key);
}

static void answer(struct reader *me, struct question *q)
{
	if (is_draining(me->all)) {
		problem_set(&q->problem, PROBLEM_STOPPING, NULL, NULL, NULL);
	} else if (!have_store(me)) {
		problem_set(&q->problem, PROBLEM_STORE, NULL, NULL, NULL);
	} else if (ask_needs(&q->ask) == STEADY) {
		answer_steady(me, q);
	} else {
		ask_store(me, q, clock_wall_us());
	}
}

/* ---------------------------------------------------------------- the threads */

/* Nobody asks: whether figures could be read is found out all the same. */
static void look(struct reader *me)
{
	struct err err = {0};
	char state[STORE_STATE_SIZE];
	if (!have_store(me)) {
		return;
	}
	if (store_state(me->store, state, &err) == STORE_OK) {
		note(me->all, NULL);
	} else {
		lose(me, &err);
	}
}

static void *run(void *context)
{
	struct reader me = {.all = context,
			    .retry = {.base_us = CLOCK_SECOND / 5, .limit_us = LOOK_MS * (CLOCK_SECOND / 1000)}};
	look(&me);
	for (void *item; (item = handoff_take(me.all->questions, LOOK_MS)) != &stop;) {
		struct question *q = item;
		if (!q) {
			look(&me);
			continue;
		}
		answer(&me, q);
		me.all->settings.done(q);
	}
	store_close(&me.store);
	handoff_put(me.all->ends, &stop);
	return NULL;
}

struct readers *readers_start(const struct readers_settings *settings)
{
	struct readers *r = xcalloc(1, sizeof(*r));
	r->settings = *settings;
	r->database = xstrdup(settings->database);
	r->settings.database = r->database;
	r->questions = handoff_new(settings->waiting + settings->readers); /* and the words to stop */
	r->ends = handoff_new(settings->readers);
	r->cache = cache_new(settings->cache_bytes);
	r->threads = xcalloc(settings->readers, sizeof(*r->threads));
	pthread_mutex_init(&r->lock, NULL);
	for (unsigned i = 0; i < settings->readers; i++) {
		int failed = pthread_create(&r->threads[i], NULL, run, r);
		assert(!failed);
		(void)failed;
	}
	return r;
}

/* Under the lock, so that no question comes behind the words to stop. */
bool readers_ask(struct readers *r, struct question *q)
{
	pthread_mutex_lock(&r->lock);
	bool taken =
	    !r->is_draining && handoff_count(r->questions) < r->settings.waiting && handoff_try_put(r->questions, q);
	pthread_mutex_unlock(&r->lock);
	return taken;
}

bool readers_can_read(struct readers *r, char ret_why[static ERR_TEXT_MAX])
{
	pthread_mutex_lock(&r->lock);
	bool fine = !r->failed;
	snprintf(ret_why, ERR_TEXT_MAX, "%s", r->why);
	pthread_mutex_unlock(&r->lock);
	return fine;
}

void readers_drain(struct readers *r)
{
	pthread_mutex_lock(&r->lock);
	r->is_draining = true;
	pthread_mutex_unlock(&r->lock);
}

static bool all_ended(struct readers *r, int64_t wait_us)
{
	int64_t until_us = clock_monotonic_us() + wait_us;
	for (unsigned i = 0; i < r->settings.readers; i++) {
		int64_t left_us = until_us - clock_monotonic_us();
		if (!handoff_take(r->ends, left_us > 0 ? left_us / 1000 : 0)) {
			return false;
		}
	}
	return true;
}

bool readers_stop(struct readers **rp, int64_t wait_us)
{
	struct readers *r = *rp;
	*rp = NULL;
	readers_drain(r);
	for (unsigned i = 0; i < r->settings.readers; i++) {
		handoff_put(r->questions, &stop);
	}
	if (!all_ended(r, wait_us)) {
		return false;
	}
	for (unsigned i = 0; i < r->settings.readers; i++) {
		pthread_join(r->threads[i], NULL);
	}
	handoff_free(&r->questions);
	handoff_free(&r->ends);
	cache_free(&r->cache);
	pthread_mutex_destroy(&r->lock);
	free(r->threads);
	free(r->database);
	free(r);
	return true;
}
