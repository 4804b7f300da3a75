/* SPDX-License-Identifier: Apache-2.0 */
#include "lane_own.h"

#include "clock.h"
#include "history.h"
#include "lang.h"
#include "store_peers.h"

#include <stdio.h>
#include <string.h>

#define FAILURES_TOLD 3  /* in a row, before one that may be a passing one is told of */
#define PIECE_MS      20 /* a lane that waits for its store looks up so often */

/* What is told of the store. */
static const char up[] = "up", away[] = "away", stalled[] = "stalled", broken[] = "broken";

void lane_start_store(struct lane *l)
{
	l->retry = (struct retry){.base_us = CLOCK_SECOND / 20, .limit_us = 10 * CLOCK_SECOND};
	l->store_state = away;
}

/* Once a state, and again where its reason is another one. */
static void tell_store(struct lane *l, const char *state, const char *text)
{
	if (l->store_state == state && strcmp(l->store_text, text) == 0)
		return;
	struct result *r = lane_result_new(RESULT_STORE, NULL, NOTE_ARENA);
	r->store_is_up = state == up;
	r->store_state = state;
	r->store_text = arena_strdup(r->arena, text);
	l->store_state = state;
	snprintf(l->store_text, sizeof(l->store_text), "%s", text);
	lane_give_result(l, r);
}

void lane_went_well(struct lane *l)
{
	l->failures = 0;
	retry_reset(&l->retry);
	tell_store(l, up, "");
}

void lane_drop_store(struct lane *l)
{
	store_close(&l->store);
	lane_forget_watermarks(l);
	histories_clear(l->histories); /* it may be another store that is found next */
	l->peers_are_known = false;
}

/* Takes in what comes meanwhile, and hears a stop. */
static void pause_lane(struct lane *l, int64_t us)
{
	int64_t end_us = clock_monotonic_us() + us;
	for (int64_t left_us = us; left_us > 0 && !lane_is_over(l); left_us = end_us - clock_monotonic_us()) {
		struct job *job = handoff_take(l->jobs, left_us < PIECE_MS * 1000 ? 1 + left_us / 1000 : PIECE_MS);
		if (job)
			lane_take_in(l, job);
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
    [STORE_OUTDATED] = {away, false, true, false}, [STORE_FENCED] = {away, false, true, false},
    [STORE_BROKEN] = {broken, true, false, true},
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
bool lane_have_store(struct lane *l)
{
	char name[32];
	bool is_new = !l->store;
	snprintf(name, sizeof(name), "tram lane %d", l->settings.number);
	while (!l->store && !lane_is_over(l)) {
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

bool lane_recover(struct lane *l, enum store_result result, const struct err *err)
{
	l->failures++;
	if (treatments[result].at_once || l->failures >= FAILURES_TOLD)
		tell_store(l, treatments[result].told_as, err->text);
	if (treatments[result].reconnect)
		lane_drop_store(l);
	lane_forget_watermarks(l);
	if (!treatments[result].hurry || l->failures > 1)
		pause_lane(l, retry_next_us(&l->retry));
	return lane_have_store(l);
}

/*
 * After a question that failed: another try, on a connection that is good. It is not told that the store is away, which
 * would take the sessions of all agents, unless no connection is to be had. False: the lane is to give up.
 */
bool lane_ask_again(struct lane *l, enum store_result result)
{
	if (treatments[result].reconnect)
		lane_drop_store(l);
	if (!treatments[result].hurry || l->failures++ > 0)
		pause_lane(l, retry_next_us(&l->retry));
	return lane_have_store(l);
}

/* Another server, or one that was put back to an earlier time, may never have had the cut: verdicts would name what is not there. */
enum store_result lane_check_peers(struct lane *l, struct err *err)
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
