/* SPDX-License-Identifier: Apache-2.0 */
/* An aggregator's main thread: the real session core between the network and the lane. */
#include "world.h"

#include "mem.h"

#include <assert.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

static struct session_core *cores[CENTRES]; /* into which a state is loaded for as long as a step lasts */
static struct counters counters;
static struct world *here;

/* ---------------------------------------------------------------- keys and rosters */

static const struct keys *keys_of(size_t n)
{
	static struct keys keys[WHO + 1];
	struct keys *k = &keys[n];
	uint8_t seed[crypto_sign_SEEDBYTES] = {(uint8_t)(n + 1)};
	if (k->name[0])
		return k;
	snprintf(k->name, sizeof k->name, "%s", n == WHO ? "centre" : who_name((uint8_t)n));
	snprintf(k->curve_public, sizeof k->curve_public, "curve-%zu", n);
	crypto_sign_seed_keypair(k->sign_public, k->sign_secret, seed);
	return k;
}

const struct keys *who_keys(uint8_t who)
{
	return keys_of(who);
}

const struct keys *centre_keys(void)
{
	return keys_of(WHO);
}

/* The roster on which the agents of these bits are revoked. */
static const struct roster *roster_of(uint8_t revoked)
{
	static struct roster *made[1u << WHO];
	struct roster_row rows[WHO] = {0};
	if (made[revoked])
		return made[revoked];
	for (uint8_t i = 0; i < WHO; i++) {
		const struct keys *k = who_keys(i);
		snprintf(rows[i].agent, sizeof rows[i].agent, "%s", k->name);
		snprintf(rows[i].curve_public, sizeof rows[i].curve_public, "%s", k->curve_public);
		memcpy(rows[i].signing_public, k->sign_public, SIGN_PUBLIC_SIZE);
		rows[i].state = revoked >> i & 1 ? ROSTER_REVOKED : ROSTER_ACTIVE;
	}
	struct err err;
	made[revoked] = roster_new(rows, WHO, &err);
	assert(made[revoked]);
	return made[revoked];
}

static uint8_t revoked_now(const struct world *w)
{
	unsigned bits = 0;
	for (unsigned i = 0; i < WHO; i++)
		bits |= (unsigned)w->store.revoked[i] << i;
	return (uint8_t)bits;
}

/* ---------------------------------------------------------------- sessions' numbers */

static bool session_is_named(const struct world *w, uint64_t session)
{
	for (size_t i = 0; i < BOXES; i++)
		if (w->boxes[i].is && w->boxes[i].running && w->boxes[i].courier.session == session)
			return true;
	for (size_t i = 0; i < STRAYS; i++)
		if (w->strays[i].is && message_at(w->strays[i].message)->session == session)
			return true;
	for (size_t i = 0; i < CONNS; i++) {
		const struct conn *c = &w->conns[i];
		for (size_t n = 0; n < c->to_agent.n; n++)
			if (message_at(c->to_agent.at[n])->session == session)
				return true;
		for (size_t n = 0; n < c->to_centre.n; n++)
			if (message_at(c->to_centre.at[n])->session == session)
				return true;
	}
	return false;
}

static bool session_is_at_work(const struct world *w, uint64_t session)
{
	for (size_t i = 0; i < CENTRES; i++) {
		const struct lane *l = &w->centres[i].lane;
		if (centre_names(&w->centres[i].state, session))
			return true;
		for (size_t n = 0; n < l->n_jobs; n++)
			if (l->jobs[n].session == session)
				return true;
		for (size_t n = 0; n < l->n_results; n++)
			if (l->results[n].session == session)
				return true;
	}
	return false;
}

/*
 * Sessions are random in 64 bits. Where states are compared, the smallest number that nothing names any more: as new as
 * a random one for all that can still be said, and the world stays finite.
 */
static uint64_t new_session(void *unused)
{
	uint64_t session = 1;
	(void)unused;
	if (!manner.frozen)
		return ++here->sessions;
	while (session_is_named(here, session) || session_is_at_work(here, session))
		session++;
	return session;
}

/* ---------------------------------------------------------------- what the core wants done */

static struct session_core *load(struct world *w, size_t centre)
{
	here = w;
	centre_load(&w->centres[centre].state, cores[centre]);
	return cores[centre];
}

/* A line that ended is known to have, but for one that died half open: what is said there is gone. */
static void send_out(struct world *w, struct session_core *core, const struct session_action *a)
{
	struct conn *c = conn_of_peer(w, a->peer);
	uint16_t message = message_keep(a->data, a->len);
	bool gone = !c || (!c->up && !c->half);
	say("    centre says %s%s", message_text(message), gone ? ": the peer is gone" : "");
	oracle_hear(w, message, !gone && c->up);
	if (gone)
		session_peer_gone(core, a->agent, a->peer, centre_time(w));
	else if (c->up)
		queue_put(&c->to_agent, message);
}

static uint8_t who_of(const char *agent)
{
	uint8_t who = 0;
	while (strcmp(who_name(who), agent) != 0)
		who++;
	return who;
}

static void give_job(struct world *w, size_t centre, struct session_core *core, const struct session_action *a)
{
	struct lane_job job;
	memset(&job, 0, sizeof job);
	job.kind = (uint8_t)a->job;
	job.who = who_of(a->agent);
	job.message = a->data ? message_keep(a->data, a->len) : 0;
	job.verdict_after = (uint16_t)a->verdict_after;
	job.session = a->session;
	job.peer = a->peer;
	job.payload = (uint32_t)a->payload_bytes;
	if (!lane_give(w, centre, &job))
		session_job_refused(core, a, centre_time(w));
}

static void carry_out(struct world *w, size_t centre, struct session_core *core)
{
	for (struct session_action a; session_next(core, &a); session_action_clear(&a)) {
		switch (a.kind) {
		case SESSION_SEND: send_out(w, core, &a); break;
		case SESSION_JOB: give_job(w, centre, core, &a); break;
		case SESSION_EVENT: say("    centre tells %s of %s", event_table[a.event].name, a.agent); break;
		case SESSION_CODEBOOK: break;
		}
	}
	centre_save(core, &w->centres[centre].state);
}

/* ---------------------------------------------------------------- running */

static const struct session_settings settings = {
    .credit = {.total_bytes = 3000,
	       .most_bytes = 1000,
	       .least_bytes = 500,
	       .most_batches = 2,
	       .grace_us = 60 * SECOND,
	       .turn_us = 2 * SECOND},
    .message_bytes = 8000,
    .report_bytes = 300,
    .batch_bytes = 9000,
    .observations = 100,
    .batch_reports = 50,
    .heartbeat_us = BEAT_US,
    .ack_repeat_us = 2 * SECOND,
    .checks = 2,
    .lanes = 1,
    .random = new_session,
};

void centre_start(struct world *w, size_t centre)
{
	struct centre *c = &w->centres[centre];
	struct session_settings s = settings;
	assert(!c->running);
	memset(c, 0, sizeof *c);
	c->running = true;
	c->revoked = revoked_now(w);
	lane_begin(w, centre);
	s.centre = centre_keys();
	if (w->is_crowded)
		s.credit.total_bytes = 1200;
	if (!manner.frozen) {
		s.credit.grace_us *= 10; /* longer than any message is under way */
		s.hellos = 60;
		s.tidings = 20;
	}
	session_core_free(&cores[centre]);
	cores[centre] = session_core_new(&s, roster_of(c->revoked), 1, &counters);
	centre_save(cores[centre], &c->state);
}

void centre_crash(struct world *w, size_t centre)
{
	memset(&w->centres[centre], 0, sizeof w->centres[centre]);
	for (size_t i = 0; i < CONNS; i++)
		if (w->conns[i].is && w->conns[i].centre == centre)
			conn_leave(w, &w->conns[i], false);
}

void centre_take(struct world *w, size_t centre, uint8_t who, uint16_t peer, uint16_t message)
{
	struct session_core *core = load(w, centre);
	const struct message *m = message_at(message);
	say("    %s", message_text(message));
	session_take_message(
	    core,
	    &(struct session_message){
		.peer = peer, .user = who_name(who), .data = m->data, .len = m->len, .envelope = m->envelope},
	    centre_time(w));
	carry_out(w, centre, core);
}

void centre_tick(struct world *w, size_t centre)
{
	struct session_core *core = load(w, centre);
	session_tick(core, centre_time(w));
	carry_out(w, centre, core);
}

void centre_read_roster(struct world *w, size_t centre)
{
	struct session_core *core = load(w, centre);
	w->centres[centre].revoked = revoked_now(w);
	session_set_roster(core, roster_of(w->centres[centre].revoked), centre_time(w));
	carry_out(w, centre, core);
}

/* ---------------------------------------------------------------- results */

static Tram__V1__Verdict **verdicts_of(const struct lane_result *r)
{
	static Tram__V1__Verdict made[JUDGED], *list[JUDGED];
	static uint8_t epochs[JUDGED][EPOCH_SIZE];
	for (size_t i = 0; i < r->n_judged; i++) {
		const struct row *row = &r->judged[i];
		struct epoch epoch = epoch_of(row->who, row->epoch);
		memcpy(epochs[i], epoch.bytes, EPOCH_SIZE);
		tram__v1__verdict__init(&made[i]);
		made[i].verdict_seq = row->verdict_seq;
		made[i].epoch = (ProtobufCBinaryData){EPOCH_SIZE, epochs[i]};
		made[i].seq = row->seq;
		made[i].known_at_us = WALL_US + row->txn;
		list[i] = &made[i];
	}
	return list;
}

static void give_result(struct world *w, struct session_core *core, const struct lane_result *r)
{
	say("    lane: %s, seq %d, session %d",
	    r->kind == SESSION_COMMITTED ? "committed"
	    : r->kind == SESSION_REFUSED ? "refused"
					 : "answered",
	    r->seq, (int)r->session);
	session_take_result(core,
			    &(struct session_result){.kind = (enum session_result_kind)r->kind,
						     .agent = who_name(r->who),
						     .session = r->session,
						     .peer = r->peer,
						     .epoch = epoch_of(r->who, r->epoch),
						     .seq = r->seq,
						     .chain = r->chain,
						     .verdict_seq = r->verdict_seq,
						     .verdicts_differ = r->verdicts_differ,
						     .committed_at_us = r->known ? WALL_US + r->known : 0,
						     .done = {.bytes = r->bytes, .batches = r->batches},
						     .refused = (enum session_job)r->refused,
						     .refusal = (Tram__V1__RefusalCode)r->refusal,
						     .detail = "",
						     .verdicts = verdicts_of(r),
						     .n_verdicts = r->n_judged},
			    centre_time(w));
}

void centre_result(struct world *w, size_t centre)
{
	struct lane *l = &w->centres[centre].lane;
	struct session_core *core = load(w, centre);
	struct lane_result r;
	memcpy(&r, &l->results[0], sizeof r);
	l->n_results--;
	memmove(l->results, l->results + 1, l->n_results * sizeof r);
	memset(l->results + l->n_results, 0, sizeof r);
	if (r.kind == RESULT_STORE_DOWN || r.kind == RESULT_STORE_UP) {
		say("    lane: the store is %s", r.kind == RESULT_STORE_UP ? "there" : "away");
		session_set_store(core, 0, r.kind == RESULT_STORE_UP, centre_time(w));
	} else {
		give_result(w, core, &r);
	}
	carry_out(w, centre, core);
}
