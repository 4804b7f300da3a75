/* SPDX-License-Identifier: Apache-2.0 */
/* HELLO: from its arrival to a live session, and two copies of one agent that take turns. */
#include "session_core.h"

#include "mem.h"

#include <stdlib.h>
#include <string.h>

static const struct refusal_of hello = {.answers = TRAM__V1__ENVELOPE__BODY_HELLO};

/* ---------------------------------------------------------------- judging */

static bool is_or_none(ProtobufCBinaryData data, size_t len)
{
	return data.len == 0 || data.len == len;
}

static bool has_form(const Tram__V1__Hello *h)
{
	return h->epoch.len == EPOCH_SIZE && h->last_chain.len == DIGEST_SIZE && h->boot_nonce.len == NONCE_SIZE &&
	       h->signing_key.len == SIGN_PUBLIC_SIZE && is_or_none(h->previous_epoch, EPOCH_SIZE) &&
	       is_or_none(h->previous_chain, DIGEST_SIZE) && h->last_appended < SEQ_LIMIT &&
	       h->first_kept <= h->last_appended;
}

static enum refusal_id judge(const struct session_core *c, const struct agent *a, const struct session_message *m)
{
	const Tram__V1__Hello *h = m->envelope->hello;
	const struct roster_row *row = roster_by_agent(c->roster, a->id);
	if (strcmp(h->agent, a->id) != 0)
		return REFUSAL_WRONG_AGENT;
	if (h->schema != PROTOCOL_VERSION)
		return REFUSAL_SCHEMA;
	if (m->len > HELLO_BYTES_MAX || !has_form(h))
		return REFUSAL_MALFORMED;
	if (memcmp(h->signing_key.data, row->signing_public, SIGN_PUBLIC_SIZE) != 0)
		return REFUSAL_SIGNING_KEY;
	if (c->stopping)
		return REFUSAL_STOPPING;
	return lane_is_up(c, a) ? REFUSAL_NONE : REFUSAL_STORE_AWAY;
}

/* ---------------------------------------------------------------- one under way, the newest one waiting */

static struct opening opening_of(const struct session_message *m)
{
	const Tram__V1__Hello *h = m->envelope->hello;
	struct opening o = {.is = true,
			    .peer = m->peer,
			    .first_kept = h->first_kept,
			    .last_appended = h->last_appended,
			    .verdict_cursor = h->verdict_cursor};
	memcpy(o.epoch.bytes, h->epoch.data, EPOCH_SIZE);
	memcpy(o.nonce, h->boot_nonce.data, NONCE_SIZE);
	copy_plain(o.software, h->software);
	o.data = xmemdup(m->data, m->len);
	o.len = m->len;
	return o;
}

static void drop(struct opening *o)
{
	free(o->data);
	*o = (struct opening){0};
}

void forget_openings(struct agent *a)
{
	drop(&a->opening);
	drop(&a->waiting);
}

static uint64_t new_session(const struct session_core *c)
{
	uint64_t session;
	do
		session = c->settings.random(c->settings.random_context);
	while (session == 0);
	return session;
}

/* Gives *o to the lane and leaves it empty. */
static void begin(struct session_core *c, struct agent *a, struct opening *o, int64_t received_at_us)
{
	struct session_action *job = add_job(c, a, SESSION_JOB_HELLO, o->data, o->len);
	a->opening = *o;
	a->opening.data = NULL;
	a->opening.session = job->session = new_session(c);
	job->peer = o->peer;
	job->received_at_us = received_at_us;
	drop(o);
}

/* Said again, and not for another answer: whether the verdicts held are the right ones is told of those at the cursor. */
static bool is_same_hello(const struct opening *a, const struct opening *b)
{
	return a->peer == b->peer && memcmp(a->nonce, b->nonce, NONCE_SIZE) == 0 &&
	       memcmp(a->epoch.bytes, b->epoch.bytes, EPOCH_SIZE) == 0 && a->verdict_cursor == b->verdict_cursor;
}

/* The newest HELLO waits until the lane has answered the one under way; an older one that waited has lost. */
static void wait_for_turn(struct session_core *c, struct agent *a, struct opening *o)
{
	if (is_same_hello(&a->opening, o)) {
		drop(o);
		return;
	}
	if (a->waiting.is && a->waiting.peer != o->peer)
		refuse(c, a->id, a->waiting.peer, 0, REFUSAL_SUPERSEDED, &hello);
	drop(&a->waiting);
	a->waiting = *o;
}

void take_hello(struct session_core *c, struct agent *a, const struct session_message *m, struct session_time now)
{
	bool in_time = keeps_pace(&a->hello_pace_us, c->settings.hellos, now.monotonic_us);
	enum refusal_id why = in_time ? judge(c, a, m) : REFUSAL_TOO_MANY_HELLOS;
	if (why != REFUSAL_NONE) {
		refuse(c, a->id, m->peer, 0, why, &hello);
		tell_refused(c, a, why, m->envelope->hello->agent, NULL, now);
		return;
	}
	struct opening o = opening_of(m);
	if (a->opening.is)
		wait_for_turn(c, a, &o);
	else
		begin(c, a, &o, now.wall_us);
}

/* ---------------------------------------------------------------- copies that take turns */

static bool was_here(const struct turns *t, const uint8_t *nonce)
{
	size_t n = t->n_nonces < NONCES_KEPT ? t->n_nonces : NONCES_KEPT;
	for (size_t i = 0; i < n; i++)
		if (memcmp(t->nonces[i], nonce, NONCE_SIZE) == 0)
			return true;
	return false;
}

/* A boot nonce that comes back after another one is a second running copy; one that is new is only a restart. */
static bool takes_turns(struct turns *t, const uint8_t *nonce, int64_t now_us)
{
	if (!was_here(t, nonce)) {
		memcpy(t->nonces[t->n_nonces++ % NONCES_KEPT], nonce, NONCE_SIZE);
		return false;
	}
	int64_t oldest = t->returned_us[(t->n_returned + 1) % CLONE_ALTERNATIONS];
	t->returned_us[t->n_returned++ % CLONE_ALTERNATIONS] = now_us;
	bool often = t->n_returned >= CLONE_ALTERNATIONS && now_us - oldest < CLONE_WINDOW_US;
	if (!often || (t->told_us && now_us - t->told_us < CLONE_WINDOW_US))
		return false;
	t->told_us = now_us;
	return true;
}

static void tell_cloned(struct session_core *c, const struct agent *a, const struct opening *o)
{
	struct session_action *e = add_event(c, EVENT_AGENT_CLONED, a->id);
	field_number(e, "alternations", CLONE_ALTERNATIONS);
	field_hex(e, "boot_nonce", o->nonce, NONCE_SIZE);
}

/* The live session gives way to a newer HELLO on another connection. */
static void supersede(struct session_core *c, struct agent *a, struct session_time now)
{
	refuse(c, a->id, a->peer, a->session, REFUSAL_SUPERSEDED, &(struct refusal_of){0});
	struct session_action *e = add_tidings(c, a, EVENT_AGENT_SUPERSEDED, now);
	if (!e)
		return;
	field_number(e, "session", a->session);
	field_hex(e, "boot_nonce", a->nonce, NONCE_SIZE);
}

static void give_way(struct session_core *c, struct agent *a, const struct opening *o, struct session_time now)
{
	bool other_copy = memcmp(a->nonce, o->nonce, NONCE_SIZE) != 0;
	if (a->session && a->peer != o->peer)
		supersede(c, a, now);
	end_session(c, a, COUNTER_SESSIONS_SUPERSEDED);
	if ((other_copy || a->turns.n_nonces == 0) && takes_turns(&a->turns, o->nonce, now.monotonic_us))
		tell_cloned(c, a, o);
}

/* ---------------------------------------------------------------- live */

static void say_subscribe(struct session_core *c, struct agent *a, bool verdicts_differ, struct session_time now)
{
	Tram__V1__Subscribe s = TRAM__V1__SUBSCRIBE__INIT;
	Tram__V1__Position at = TRAM__V1__POSITION__INIT;
	Tram__V1__Credit credit = TRAM__V1__CREDIT__INIT;
	Tram__V1__Limits limits = TRAM__V1__LIMITS__INIT;
	at.epoch = (ProtobufCBinaryData){EPOCH_SIZE, a->epoch.bytes};
	at.seq = a->committed;
	at.chain = (ProtobufCBinaryData){DIGEST_SIZE, a->chain.bytes};
	put_credit(tell_credit(c, a, now), &credit);
	limits.message_bytes = c->settings.message_bytes;
	limits.report_bytes = c->settings.report_bytes;
	limits.observations = c->settings.observations;
	limits.batch_bytes = c->settings.batch_bytes;
	limits.batch_reports = c->settings.batch_reports;
	limits.heartbeat_ms = (uint32_t)(c->settings.heartbeat_us / 1000);
	s.session = a->session;
	s.resume_after = &at;
	s.credit = &credit;
	s.limits = &limits;
	s.catalogue_version = c->catalogue_version;
	s.verdict_cursor = a->verdict_seq;
	s.verdicts_differ = verdicts_differ;
	s.at_us = now.wall_us;
	send_to(c, a, a->peer, a->session, TRAM__V1__ENVELOPE__BODY_SUBSCRIBE, &s);
}

static void tell_connected(struct session_core *c, struct agent *a, const struct opening *o, struct session_time now)
{
	struct session_action *e = add_tidings(c, a, EVENT_AGENT_CONNECTED, now);
	if (!e)
		return;
	field_number(e, "session", a->session);
	field_hex(e, "epoch", a->epoch.bytes, EPOCH_SIZE);
	field_number(e, "resume_after", a->committed);
	field_number(e, "first_kept", o->first_kept);
	field_number(e, "last_appended", o->last_appended);
	field_number(e, "verdict_cursor", o->verdict_cursor);
	field_text(e, "software", o->software);
}

/* Takes up where the store says the stream stands; the time of the last commit stays known while the place is the same. */
static void stand_at(struct agent *a, const struct session_result *r)
{
	bool same = memcmp(a->epoch.bytes, r->epoch.bytes, EPOCH_SIZE) == 0 && a->committed == r->seq &&
		    memcmp(a->chain.bytes, r->chain.bytes, DIGEST_SIZE) == 0;
	if (!same || r->committed_at_us)
		a->committed_at_us = r->committed_at_us;
	a->is_signed = false;
	a->epoch = r->epoch;
	a->committed = r->seq;
	a->chain = r->chain;
	a->verdict_seq = r->verdict_seq;
}

static void open_session(struct session_core *c, struct agent *a, const struct opening *o,
			 const struct session_result *r, struct session_time now)
{
	give_way(c, a, o, now);
	stand_at(a, r);
	a->session = o->session;
	a->peer = o->peer;
	memcpy(a->nonce, o->nonce, NONCE_SIZE);
	a->heard_us = now.monotonic_us;
	a->heartbeat_at_us = now.monotonic_us + c->settings.heartbeat_us;
	a->connected_since_us = now.wall_us;
	memcpy(a->software, o->software, sizeof(a->software));
	a->last_appended = o->last_appended;
	a->confirmed = 0;
	a->verdict_cursor = r->verdicts_differ ? 0 : o->verdict_cursor;
	a->verdict_sent = a->verdict_cursor < r->verdict_seq ? a->verdict_cursor : r->verdict_seq;
	a->verdicts_said_us = a->codebook_us = 0;
	c->connected++;
	count(c->counters, COUNTER_SESSIONS_OPENED);
	say_subscribe(c, a, r->verdicts_differ, now);
	say_ack(c, a, now);
	tell_connected(c, a, o, now);
	fetch_verdicts(c, a);
}

/*
 * A HELLO from before what the very same process has published since: it waited while another one was under way, or came
 * late from a connection that has ended. That it knows of fewer reports than are committed makes no fork.
 */
static bool is_overtaken(const struct agent *a, const struct opening *o, const struct session_result *r)
{
	return memcmp(a->nonce, o->nonce, NONCE_SIZE) == 0 && memcmp(a->epoch.bytes, o->epoch.bytes, EPOCH_SIZE) == 0 &&
	       o->last_appended < r->seq;
}

void hello_done(struct session_core *c, struct agent *a, const struct session_result *r, struct session_time now)
{
	if (!a->opening.is || a->opening.session != r->session)
		return;
	struct opening o = a->opening;
	a->opening = (struct opening){0};
	enum refusal_id why = judge_state(c, roster_by_agent(c->roster, a->id));
	if (why == REFUSAL_NONE && r->kind == SESSION_REFUSED)
		why = refusal_of_result(r);
	if (why == REFUSAL_FORKED && is_overtaken(a, &o, r)) {
		count(c->counters, COUNTER_IGNORED_STALE);
	} else if (why != REFUSAL_NONE) {
		struct refusal_of of = {.answers = hello.answers, .at = r->kind == SESSION_REFUSED ? r : NULL};
		refuse(c, a->id, o.peer, 0, why, &of);
		tell_refused(c, a, why, a->id, of.at, now);
	} else if (!a->waiting.is) {
		open_session(c, a, &o, r, now);
	} else if (a->waiting.peer != o.peer) {
		refuse(c, a->id, o.peer, 0, REFUSAL_SUPERSEDED, &hello);
	}
	if (a->waiting.is)
		begin(c, a, &a->waiting, now.wall_us);
}

void hello_not_taken(struct session_core *c, struct agent *a)
{
	refuse(c, a->id, a->opening.peer, 0, REFUSAL_TOO_MANY_JOBS, &hello);
	if (a->waiting.is && a->waiting.peer != a->opening.peer)
		refuse(c, a->id, a->waiting.peer, 0, REFUSAL_TOO_MANY_JOBS, &hello);
	forget_openings(a);
}
