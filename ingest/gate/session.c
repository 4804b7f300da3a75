/* SPDX-License-Identifier: Apache-2.0 */
/* What comes in, and which session it belongs to. */
#include "session_core.h"

#include "mem.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---------------------------------------------------------------- the core */

struct session_core *session_core_new(const struct session_settings *settings, const struct roster *roster,
				      uint32_t catalogue_version, struct counters *counters)
{
	assert(settings->lanes > 0 && settings->random && settings->centre);
	struct session_core *c = xcalloc(1, sizeof(*c));
	c->settings = *settings;
	c->roster = roster;
	c->catalogue_version = catalogue_version;
	c->counters = counters;
	c->lane_is_down = xcalloc(settings->lanes, sizeof(*c->lane_is_down));
	return c;
}

void session_core_free(struct session_core **cp)
{
	struct session_core *c = *cp;
	if (!c)
		return;
	for (struct session_action action; session_next(c, &action);)
		session_action_clear(&action);
	for (size_t i = 0; i < c->n_agents; i++) {
		forget_openings(c->agents[i]);
		free(c->agents[i]);
	}
	free(c->agents);
	free(c->actions);
	free(c->lane_is_down);
	free(c);
	*cp = NULL;
}

unsigned session_lane(const struct session_core *c, const char *agent)
{
	uint32_t hash = 2166136261u;
	for (const char *p = agent; *p; p++)
		hash = (hash ^ (uint8_t)*p) * 16777619u;
	return hash % c->settings.lanes;
}

/* ---------------------------------------------------------------- agents */

/* Where the agent is, or belongs. */
static size_t agent_place(const struct session_core *c, const char *id)
{
	size_t low = 0, high = c->n_agents;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (strcmp(c->agents[middle]->id, id) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static struct agent *agent_find(const struct session_core *c, const char *id)
{
	size_t i = agent_place(c, id);
	return i < c->n_agents && strcmp(c->agents[i]->id, id) == 0 ? c->agents[i] : NULL;
}

/* There are as many as the roster has: who is not on it never gets here. */
static struct agent *agent_make(struct session_core *c, const char *id)
{
	size_t i = agent_place(c, id);
	if (i < c->n_agents && strcmp(c->agents[i]->id, id) == 0)
		return c->agents[i];
	c->agents = xreallocarray(c->agents, c->n_agents + 1, sizeof(struct agent *));
	memmove(c->agents + i + 1, c->agents + i, (c->n_agents - i) * sizeof(struct agent *));
	c->n_agents++;
	c->agents[i] = xcalloc(1, sizeof(struct agent));
	snprintf(c->agents[i]->id, sizeof(c->agents[i]->id), "%s", id);
	c->agents[i]->lane = session_lane(c, id);
	return c->agents[i];
}

bool lane_is_up(const struct session_core *c, const struct agent *a)
{
	return !c->lane_is_down[a->lane];
}

#define MINUTE_US INT64_C(60000000)

bool keeps_pace(int64_t *pace_us, uint32_t a_minute, int64_t now_us)
{
	if (a_minute == 0)
		return true;
	int64_t each_us = MINUTE_US / a_minute, from_us = *pace_us > now_us ? *pace_us : now_us;
	if (from_us - now_us > MINUTE_US - each_us)
		return false;
	*pace_us = from_us + each_us;
	return true;
}

struct session_action *add_tidings(struct session_core *c, struct agent *a, enum event_id id, struct session_time now)
{
	if (keeps_pace(&a->tidings_pace_us, c->settings.tidings, now.monotonic_us))
		return add_event(c, id, a->id);
	count(c->counters, COUNTER_TIDINGS_WITHHELD);
	return NULL;
}

void note_exposure(struct session_core *c, struct agent *a, struct session_time now)
{
	budget_note(&c->budget, &a->claim, credit_exposure(&a->credit, now.monotonic_us));
}

struct credit tell_credit(struct session_core *c, struct agent *a, struct session_time now)
{
	bool up = lane_is_up(c, a) && !c->stopping;
	bool wants = a->last_appended > a->committed || a->credit.under_way.batches > 0;
	note_exposure(c, a, now);
	struct credit share =
	    budget_share(&c->budget, &a->claim, &c->settings.credit, c->connected, wants, up, now.monotonic_us);
	struct credit before = a->credit.told;
	struct credit told = credit_tell(&a->credit, &c->settings.credit, share, now.monotonic_us);
	if (told.bytes < before.bytes || told.batches < before.batches)
		a->told_less_at = 0; /* to hear that acknowledgement would not be to hear this */
	note_exposure(c, a, now);
	return told;
}

static struct agent *agent_of(struct budget_claim *claim)
{
	return (struct agent *)((char *)claim - offsetof(struct agent, claim));
}

/* Who waits is told credit, from the head of the line on, as far as there is room. */
void give_turns(struct session_core *c, struct session_time now)
{
	for (struct budget_claim *next; (next = budget_next(&c->budget, &c->settings.credit));) {
		say_heartbeat(c, agent_of(next), now);
		if (next->waits)
			return;
	}
}

void put_credit(struct credit credit, Tram__V1__Credit *ret)
{
	ret->bytes = credit.bytes;
	ret->batches = credit.batches;
}

enum refusal_id judge_state(const struct session_core *c, const struct roster_row *row)
{
	(void)c;
	if (!row)
		return REFUSAL_UNKNOWN_AGENT;
	if (row->state == ROSTER_REVOKED)
		return REFUSAL_REVOKED;
	return row->state == ROSTER_SUSPENDED ? REFUSAL_SUSPENDED : REFUSAL_NONE;
}

/* ---------------------------------------------------------------- endings */

void end_session(struct session_core *c, struct agent *a, enum counter_id why)
{
	if (!a->session)
		return;
	a->session = a->peer = 0;
	a->told_less_at = 0;
	credit_end_session(&a->credit);
	budget_leave(&c->budget, &a->claim);
	assert(c->connected > 0);
	c->connected--;
	count(c->counters, why);
}

static const bool is_told[] = {
#define QUIET                                               false
#define TOLD                                                true
#define REFUSAL(id, cause, code, retry_ms, telling, vi, en) telling,
#include "refusal.def"
#undef REFUSAL
#undef QUIET
#undef TOLD
};

void tell_refused(struct session_core *c, struct agent *a, enum refusal_id why, const char *claimed,
		  const struct session_result *at, struct session_time now)
{
	int64_t last = a->told_us[why];
	if (!is_told[why] || (last && now.monotonic_us - last < TELL_INTERVAL_US))
		return;
	a->told_us[why] = now.monotonic_us;
	struct session_action *e = add_event(c, EVENT_AGENT_REFUSED, a->id);
	field_text(e, "cause", counter_table[COUNTER_REFUSED_SUPERSEDED + why].cause);
	field_number(e, "session", a->session);
	field_text(e, "claimed", claimed);
	field_number(e, "seq", at ? at->seq : a->committed);
	field_text(e, "detail", at && at->detail ? at->detail : "");
}

void end_refused(struct session_core *c, struct agent *a, enum refusal_id why, const struct refusal_of *of,
		 struct session_time now)
{
	refuse(c, a->id, a->peer, a->session, why, of);
	tell_refused(c, a, why, a->id, of->at, now);
	end_session(c, a, COUNTER_SESSIONS_REFUSED);
}

void session_peer_gone(struct session_core *c, const char *agent, uint64_t peer, struct session_time now)
{
	struct agent *a = agent_find(c, agent);
	if (!a || !a->session || a->peer != peer)
		return;
	struct session_action *e = add_tidings(c, a, EVENT_AGENT_DISCONNECTED, now);
	if (e) {
		field_number(e, "session", a->session);
		field_number(e, "silent_ms", (uint64_t)(now.monotonic_us - a->heard_us) / 1000);
	}
	end_session(c, a, COUNTER_SESSIONS_GONE);
}

/* ---------------------------------------------------------------- messages */

/* The session a message names; false when it is of a kind that has none. */
static bool session_named(const Tram__V1__Envelope *e, uint64_t *ret)
{
	switch (e->body_case) {
	case TRAM__V1__ENVELOPE__BODY_PUBLISH: *ret = e->publish->session; return true;
	case TRAM__V1__ENVELOPE__BODY_HEARTBEAT: *ret = e->heartbeat->session; return true;
	case TRAM__V1__ENVELOPE__BODY_CHECK: *ret = e->check->session; return true;
	case TRAM__V1__ENVELOPE__BODY_CODEBOOK_REQUEST: *ret = e->codebook_request->session; return true;
	case TRAM__V1__ENVELOPE__BODY_TODO_REQUEST: *ret = e->todo_request->session; return true;
	default: return false;
	}
}

/*
 * A message that is not of the live session. Without a live one the agent is to say HELLO. A connection whose session was
 * taken over is told again at its heartbeats, as the first word may have been lost. Anything else is old: ignored.
 */
static void set_right(struct session_core *c, struct agent *a, const struct session_message *m, uint64_t session)
{
	const struct refusal_of of = {.answers = m->envelope->body_case};
	if (!a->session && !a->opening.is)
		refuse(c, a->id, m->peer, session, REFUSAL_NO_SESSION, &of);
	else if (a->session && a->peer != m->peer && m->envelope->body_case == TRAM__V1__ENVELOPE__BODY_HEARTBEAT)
		refuse(c, a->id, m->peer, session, REFUSAL_SUPERSEDED, &of);
	else
		count(c->counters, COUNTER_IGNORED_STALE);
}

static void take_codebook_request(struct session_core *c, struct agent *a, struct session_time now)
{
	const struct refusal_of of = {.answers = TRAM__V1__ENVELOPE__BODY_CODEBOOK_REQUEST};
	if (a->codebook_us && now.monotonic_us - a->codebook_us < CODEBOOK_INTERVAL_US) {
		refuse(c, a->id, a->peer, a->session, REFUSAL_CODEBOOK_AGAIN, &of);
		return;
	}
	a->codebook_us = now.monotonic_us;
	struct session_action *action = add_action(c, SESSION_CODEBOOK, a->id);
	action->session = a->session;
	action->peer = a->peer;
}

static void take_in_session(struct session_core *c, struct agent *a, const struct session_message *m,
			    struct session_time now)
{
	uint64_t session;
	if (!session_named(m->envelope, &session)) {
		count(c->counters, COUNTER_IGNORED_UNEXPECTED);
		return;
	}
	if (!a->session || session != a->session || m->peer != a->peer) {
		set_right(c, a, m, session);
		return;
	}
	a->heard_us = now.monotonic_us;
	switch (m->envelope->body_case) {
	case TRAM__V1__ENVELOPE__BODY_PUBLISH: take_publish(c, a, m, now); break;
	case TRAM__V1__ENVELOPE__BODY_CHECK: take_check(c, a, m, now); break;
	case TRAM__V1__ENVELOPE__BODY_HEARTBEAT: take_heartbeat(c, a, m->envelope->heartbeat, now); break;
	case TRAM__V1__ENVELOPE__BODY_CODEBOOK_REQUEST: take_codebook_request(c, a, now); break;
	case TRAM__V1__ENVELOPE__BODY_TODO_REQUEST: take_todo_request(c, a, m); break;
	default: count(c->counters, COUNTER_IGNORED_UNEXPECTED); break;
	}
}

/* Who is revoked, suspended or unknown is told so at every message, whatever it is. */
static bool may_speak(struct session_core *c, const struct session_message *m, struct session_time now)
{
	enum refusal_id why = judge_state(c, roster_by_agent(c->roster, m->user));
	if (why == REFUSAL_NONE)
		return true;
	struct agent *a = agent_find(c, m->user);
	refuse(c, m->user, m->peer, a && a->peer == m->peer ? a->session : 0, why, &(struct refusal_of){0});
	if (a) {
		tell_refused(c, a, why, a->id, NULL, now);
		end_session(c, a, COUNTER_SESSIONS_REFUSED);
	}
	return false;
}

static enum refusal_id judge_envelope(const struct session_message *m)
{
	if (!m->envelope)
		return REFUSAL_MALFORMED;
	return m->envelope->version == PROTOCOL_VERSION ? REFUSAL_NONE : REFUSAL_SCHEMA;
}

void session_take_message(struct session_core *c, const struct session_message *m, struct session_time now)
{
	if (!m->user[0]) {
		count(c->counters, COUNTER_IGNORED_NAMELESS);
		return;
	}
	if (!may_speak(c, m, now))
		return;
	struct agent *a = agent_make(c, m->user);
	enum refusal_id why = judge_envelope(m);
	if (why != REFUSAL_NONE && a->session && a->peer == m->peer) {
		end_refused(c, a, why, &(struct refusal_of){0}, now);
	} else if (why != REFUSAL_NONE) {
		refuse(c, a->id, m->peer, 0, why, &(struct refusal_of){0});
		tell_refused(c, a, why, a->id, NULL, now);
	} else if (m->envelope->body_case == TRAM__V1__ENVELOPE__BODY_HELLO) {
		take_hello(c, a, m, now);
	} else {
		take_in_session(c, a, m, now);
	}
}

/* ---------------------------------------------------------------- results */

static void take_refused(struct session_core *c, struct agent *a, const struct session_result *r,
			 struct session_time now)
{
	if (r->refused == SESSION_JOB_HELLO)
		hello_done(c, a, r, now);
	else if (r->refused == SESSION_JOB_PUBLISH)
		publish_refused(c, a, r, now);
	else if (r->refused == SESSION_JOB_TODO)
		todo_done(c, a, r);
	else
		check_done(c, a, r);
}

void session_take_result(struct session_core *c, const struct session_result *r, struct session_time now)
{
	struct agent *a = agent_find(c, r->agent);
	assert(a);
	switch (r->kind) {
	case SESSION_SUBSCRIBED: hello_done(c, a, r, now); break;
	case SESSION_REFUSED: take_refused(c, a, r, now); break;
	case SESSION_COMMITTED: publish_done(c, a, r, now); break;
	case SESSION_CHECKED: check_done(c, a, r); break;
	case SESSION_VERDICTS: verdicts_done(c, a, r, now); break;
	case SESSION_OWED: todo_done(c, a, r); break;
	}
}

void session_job_refused(struct session_core *c, const struct session_action *job, struct session_time now)
{
	struct agent *a = agent_find(c, job->agent);
	struct session_result r = {.kind = SESSION_REFUSED,
				   .session = job->session,
				   .check_id = job->check_id,
				   .refusal = TRAM__V1__REFUSAL_CODE__REFUSAL_CODE_BUSY};
	switch (job->job) {
	case SESSION_JOB_HELLO: hello_not_taken(c, a); break;
	case SESSION_JOB_CHECK: check_done(c, a, &r); break;
	case SESSION_JOB_TODO: todo_done(c, a, &r); break;
	case SESSION_JOB_VERDICTS: a->verdicts_under_way = false; break;
	case SESSION_JOB_PUBLISH:
		credit_settle(&a->credit, (struct credit){.bytes = job->payload_bytes, .batches = 1});
		if (a->session && a->session == job->session)
			end_refused(c, a, REFUSAL_TOO_MANY_JOBS,
				    &(struct refusal_of){.answers = TRAM__V1__ENVELOPE__BODY_PUBLISH}, now);
		break;
	}
}

void session_send_codebook(struct session_core *c, const struct session_action *asked, Tram__V1__Codebook *codebook)
{
	struct agent *a = agent_find(c, asked->agent);
	if (!a || !a->session || a->session != asked->session)
		return;
	send_to(c, a, asked->peer, asked->session, TRAM__V1__ENVELOPE__BODY_CODEBOOK, codebook);
	count(c->counters, COUNTER_CODEBOOKS_SENT);
}

/* ---------------------------------------------------------------- changes */

void session_set_roster(struct session_core *c, const struct roster *roster, struct session_time now)
{
	c->roster = roster;
	for (size_t i = 0; i < c->n_agents; i++) {
		struct agent *a = c->agents[i];
		enum refusal_id why = judge_state(c, roster_by_agent(roster, a->id));
		if (a->session && why != REFUSAL_NONE)
			end_refused(c, a, why, &(struct refusal_of){0}, now);
	}
}

void session_set_catalogue(struct session_core *c, uint32_t version, struct session_time now)
{
	c->catalogue_version = version;
	for (size_t i = 0; i < c->n_agents; i++) {
		c->agents[i]->codebook_us = 0; /* whoever was just sent the last version may ask for this one */
		if (c->agents[i]->session)
			say_heartbeat(c, c->agents[i], now);
	}
}

/* While reports of the agent are under way its lane's next word says how far its verdicts go, and brings them. */
void session_set_verdicts(struct session_core *c, const char *agent, uint64_t verdict_seq)
{
	struct agent *a = agent_find(c, agent);
	if (!a || !a->session || a->credit.under_way.batches > 0 || verdict_seq <= a->verdict_seq)
		return;
	a->verdict_seq = verdict_seq;
	fetch_verdicts(c, a);
}

void session_set_settings(struct session_core *c, const struct session_settings *settings)
{
	unsigned lanes = c->settings.lanes;
	c->settings = *settings;
	c->settings.lanes = lanes;
}

/* A store that comes back may be another one, or an older one: the agents say HELLO and hear where it stands. */
static void store_came_back(struct session_core *c, struct agent *a, struct session_time now)
{
	end_refused(c, a, REFUSAL_STORE_RETURNED, &(struct refusal_of){0}, now);
}

void session_set_store(struct session_core *c, unsigned lane, bool up, struct session_time now)
{
	assert(lane < c->settings.lanes);
	if (c->lane_is_down[lane] == !up)
		return;
	c->lane_is_down[lane] = !up;
	for (size_t i = 0; i < c->n_agents; i++) {
		struct agent *a = c->agents[i];
		if (!a->session || a->lane != lane)
			continue;
		if (up)
			store_came_back(c, a, now);
		else
			say_heartbeat(c, a, now);
	}
}

void session_stop(struct session_core *c)
{
	c->stopping = true;
}

/* ---------------------------------------------------------------- time */

static void tell_silent(struct session_core *c, const struct agent *a, int64_t silent_us)
{
	struct session_action *e = add_event(c, EVENT_AGENT_SILENT, a->id);
	field_number(e, "session", a->session);
	field_number(e, "silent_ms", (uint64_t)silent_us / 1000);
	field_number(e, "committed_through", a->committed);
	field_number(e, "last_appended", a->last_appended);
}

static void tick_agent(struct session_core *c, struct agent *a, struct session_time now)
{
	int64_t silent = now.monotonic_us - a->heard_us;
	if (silent > SILENT_HEARTBEATS * c->settings.heartbeat_us) {
		tell_silent(c, a, silent);
		end_session(c, a, COUNTER_SESSIONS_SILENT);
		return;
	}
	if (now.monotonic_us >= a->heartbeat_at_us)
		say_heartbeat(c, a, now);
	if (a->confirmed < a->committed && now.monotonic_us >= a->ack_at_us)
		say_ack(c, a, now);
}

void session_tick(struct session_core *c, struct session_time now)
{
	/* When it was we who slept (stopped, swapped out), what the agents sent meanwhile has yet to be read. */
	int64_t gap = c->ticked_us ? now.monotonic_us - c->ticked_us : 0;
	bool slept = gap > c->settings.heartbeat_us;
	c->ticked_us = now.monotonic_us;
	for (size_t i = 0; i < c->n_agents; i++) {
		struct agent *a = c->agents[i];
		if (a->session && slept)
			a->heard_us += gap;
		note_exposure(c, a, now);
		if (a->session)
			tick_agent(c, a, now);
	}
	give_turns(c, now);
}

/* ---------------------------------------------------------------- status */

size_t session_count(const struct session_core *c)
{
	return c->n_agents;
}

size_t session_connected(const struct session_core *c)
{
	return c->connected;
}

size_t session_waiting(const struct session_core *c)
{
	return c->budget.waiting;
}

uint64_t session_reserved(const struct session_core *c)
{
	return c->budget.reserved;
}

struct session_view session_view(const struct session_core *c, size_t i)
{
	const struct agent *a = c->agents[i];
	return (struct session_view){
	    .agent = a->id,
	    .connected = a->session != 0,
	    .software = a->software,
	    .connected_since_us = a->connected_since_us,
	    .lane = a->lane,
	    .session = a->session,
	    .committed = a->committed,
	    .last_appended = a->last_appended,
	    .verdict_seq = a->verdict_seq,
	    .verdict_cursor = a->verdict_cursor,
	    .heard_us = a->heard_us,
	    .oldest_pending_us = a->oldest_pending_us,
	    .told = a->credit.told,
	    .under_way = {.bytes = a->credit.under_way.bytes + a->credit.stale.bytes,
			  .batches = a->credit.under_way.batches + a->credit.stale.batches},
	};
}
