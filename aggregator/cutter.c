/* SPDX-License-Identifier: Apache-2.0 */
#include "cutter.h"

#include "clock.h"
#include "handoff.h"
#include "mem.h"
#include "retry.h"
#include "store_peers.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>

#define NEWS_MAX     8
#define STOP_WAIT_MS 3000
#define LEAST        250  /* figures in a cut */
#define FIRST        1000 /* in the first one */
#define REST         9    /* times as long as a cut took it rests: a tenth of the time is work */
/* Of memory: what one figure that was committed can add to a cut at most, with the index that doubles. */
#define BYTES_EACH 1024

struct cutter {
	struct cutter_settings settings;
	char *database;
	struct handoff *news;
	struct handoff *words, *ends; /* what it is to do, and that it has ended */
	pthread_t thread;
	/* the thread's own */
	struct store *store;
	struct peers *peers; /* NULL: nothing is read yet, or there is no cut */
	bool told_well;      /* what was told last is no failure */
	int most;            /* figures in the next cut */
	struct retry retry;
};

void cut_news_free(struct cut_news **np)
{
	if (*np)
		peers_unref(&(*np)->peers);
	free(*np);
	*np = NULL;
}

/* What is said by their addresses. */
static char stop, look_now;

/* ---------------------------------------------------------------- the thread */

static bool fits(const struct cutter *c)
{
	return !c->peers || peers_bytes(c->peers) <= c->settings.bytes;
}

/* Main that does not take what it was told hears the newest when it does. */
static void tell(struct cutter *c, enum store_result result, const struct err *err)
{
	struct cut_news *news = xcalloc(1, sizeof(*news));
	news->result = result;
	news->err = *err;
	news->peers = result == STORE_OK && fits(c) ? peers_ref(c->peers) : NULL;
	while (!handoff_try_put(c->news, news)) {
		struct cut_news *old = handoff_try_take(c->news);
		cut_news_free(&old);
	}
	c->told_well = result == STORE_OK;
}

static const struct peer_cut *cut_of(const struct cutter *c)
{
	return c->peers ? peers_cut(c->peers) : NULL;
}

/* Reads the newest cut where it is another one than it has. */
static enum store_result take_newest(struct cutter *c, const struct cut_state *state, bool *ret_moved, struct err *err)
{
	const struct peer_cut *mine = cut_of(c);
	struct peers *newest = NULL;
	*ret_moved = mine ? mine->no != state->newest.no || !state->has_given : state->newest.no != 0;
	if (!*ret_moved)
		return STORE_OK;
	bool follows = mine && state->has_given && mine->no < state->newest.no;
	enum store_result result = STORE_OK;
	if (state->newest.no)
		result = store_peers(c->store, &state->newest, follows ? c->peers : NULL, &newest, err);
	if (result == STORE_OK) {
		peers_unref(&c->peers);
		c->peers = newest;
	}
	return result;
}

static uint32_t horizon_of(const struct cutter *c)
{
	size_t more = (size_t)c->most;
	return c->peers ? peers_horizon(c->peers, c->settings.bytes, more, more) : 0;
}

/* What took too long is made of less the next time; what was over soon, of more. */
static void learn(struct cutter *c, int64_t took_us)
{
	int64_t fair_us = c->settings.every_us / REST, most = (int64_t)(c->settings.bytes / BYTES_EACH);
	if (took_us > fair_us && c->most > LEAST)
		c->most /= 2;
	else if (took_us < fair_us / 4 && c->most * 2 <= most)
		c->most *= 2;
}

/* One look, and a cut where there is something to be cut. *ret_moved: it has another one than before. */
static enum store_result look(struct cutter *c, bool *ret_moved, struct err *err)
{
	struct cut_state state;
	bool made = false, again;
	*ret_moved = false;
	enum store_result result = store_cut_state(c->store, cut_of(c), &state, err);
	if (result == STORE_OK)
		result = take_newest(c, &state, ret_moved, err);
	if (result != STORE_OK || (!state.pending && fits(c)))
		return result;
	int64_t begun_us = clock_monotonic_us();
	result = store_make_cut(c->store, cut_of(c), horizon_of(c), c->most, &made, err);
	if (result == STORE_OK)
		result = store_cut_state(c->store, cut_of(c), &state, err);
	if (result == STORE_OK)
		result = take_newest(c, &state, &again, err);
	*ret_moved |= result == STORE_OK && again;
	if (made)
		learn(c, clock_monotonic_us() - begun_us);
	return result;
}

static enum store_result have_store(struct cutter *c, struct err *err)
{
	if (c->store)
		return STORE_OK;
	enum store_result result = store_open(c->database, "tram peers", &c->store, err);
	if (result == STORE_OK)
		store_set_patience(c->store, c->settings.patience_us);
	return result;
}

/* One turn; how long to rest after it. */
static int64_t turn(struct cutter *c)
{
	struct err err = {0};
	bool moved = false;
	int64_t begun_us = clock_monotonic_us();
	enum store_result result = have_store(c, &err);
	if (result == STORE_OK)
		result = look(c, &moved, &err);
	if (result != STORE_OK) {
		store_close(&c->store);
		tell(c, result, &err);
		return retry_next_us(&c->retry);
	}
	retry_reset(&c->retry);
	if (moved || !c->told_well)
		tell(c, STORE_OK, &err);
	int64_t rest_us = REST * (clock_monotonic_us() - begun_us);
	return rest_us > c->settings.every_us ? rest_us : c->settings.every_us;
}

static void *run(void *context)
{
	struct cutter *c = context;
	while (handoff_take(c->words, turn(c) / 1000) != &stop)
		continue;
	store_close(&c->store);
	peers_unref(&c->peers);
	handoff_put(c->ends, &stop);
	return NULL;
}

/* ---------------------------------------------------------------- the main thread's side */

struct cutter *cutter_start(const struct cutter_settings *settings)
{
	struct cutter *c = xcalloc(1, sizeof(*c));
	c->settings = *settings;
	c->database = xstrdup(settings->database);
	c->news = handoff_new(NEWS_MAX);
	c->words = handoff_new(2);
	c->ends = handoff_new(1);
	c->most = FIRST;
	c->retry = (struct retry){.base_us = CLOCK_SECOND / 5, .limit_us = 10 * CLOCK_SECOND};
	int failed = pthread_create(&c->thread, NULL, run, c);
	assert(!failed);
	(void)failed;
	return c;
}

void cutter_look(struct cutter *c)
{
	(void)handoff_try_put(c->words, &look_now); /* where many are said already, it looks anyway */
}

int cutter_fd(const struct cutter *c)
{
	return handoff_fd(c->news);
}

struct cut_news *cutter_take(struct cutter *c)
{
	return handoff_try_take(c->news);
}

bool cutter_stop(struct cutter **cp)
{
	struct cutter *c = *cp;
	if (!c)
		return true;
	*cp = NULL;
	handoff_put(c->words, &stop);
	if (!handoff_take(c->ends, STOP_WAIT_MS)) {
		pthread_detach(c->thread);
		return false;
	}
	pthread_join(c->thread, NULL);
	while (handoff_try_take(c->words))
		continue;
	for (struct cut_news *news; (news = handoff_try_take(c->news));)
		cut_news_free(&news);
	handoff_free(&c->news);
	handoff_free(&c->words);
	handoff_free(&c->ends);
	free(c->database);
	free(c);
	return true;
}
