/* SPDX-License-Identifier: Apache-2.0 */
/* What comes in and goes out while the aggregator serves. */
#include "aggregator.h"

#include "clock.h"
#include "codebook.h"
#include "daemon.h"
#include "fault.h"
#include "lang.h"
#include "mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MESSAGES_A_TURN  256
#define RESULTS_A_TURN   64
#define EVENTS_A_TURN    256
#define GIVE_UP_US       (5 * CLOCK_SECOND) /* for a lane that was abandoned to notice it */
#define LOAD_INTERVAL_US (CLOCK_SECOND / 5) /* between two readings of the roster, however many strangers knock */

/* ---------------------------------------------------------------- what the sessions want done */

static struct job *job_of(struct session_action *action)
{
	static const enum job_kind kinds[] = {
	    [SESSION_JOB_HELLO] = JOB_HELLO,       [SESSION_JOB_PUBLISH] = JOB_PUBLISH, [SESSION_JOB_CHECK] = JOB_CHECK,
	    [SESSION_JOB_VERDICTS] = JOB_VERDICTS, [SESSION_JOB_TODO] = JOB_TODO,
	};
	struct job *job = xcalloc(1, sizeof(*job));
	job->kind = kinds[action->job];
	snprintf(job->agent, sizeof(job->agent), "%s", action->agent);
	job->session = action->session;
	job->peer = action->peer;
	job->received_at_us = action->received_at_us;
	memcpy(job->signing_public, action->signing_public, sizeof(job->signing_public));
	job->verdict_after = action->verdict_after;
	job->check_id = action->check_id;
	job->data = action->data;
	job->len = action->len;
	action->data = NULL;
	return job;
}

static void give_job(struct aggregator *a, struct session_action *action)
{
	struct job *job = job_of(action);
	if (lanes_give(a->lanes, action->lane, job))
		return;
	job_free(&job);
	session_job_refused(a->sessions, action, aggregator_now());
}

static void give_codebook(struct aggregator *a, const struct session_action *action)
{
	arena_reset(a->codebook);
	Tram__V1__Codebook *book = codebook_make(a->codebook, a->catalogue, action->agent);
	if (book)
		session_send_codebook(a->sessions, action, book);
	else
		tell(a, EVENT_CODEBOOK_FAILED, "for", action->agent, NULL);
}

static void tell_action(struct aggregator *a, const struct session_action *action)
{
	struct log_field fields[SESSION_FIELDS_MAX];
	for (size_t i = 0; i < action->n_fields; i++)
		fields[i] = (struct log_field){action->fields[i].name, action->fields[i].value};
	feed_tell(a->feed, action->event, action->agent, codebook_agent_area(a->catalogue, action->agent),
		  clock_wall_us(), fields, action->n_fields);
}

void carry_out(struct aggregator *a)
{
	for (struct session_action action; session_next(a->sessions, &action); session_action_clear(&action)) {
		switch (action.kind) {
		case SESSION_SEND: gate_send(a->gate, a->sessions, &action, aggregator_now()); break;
		case SESSION_JOB: give_job(a, &action); break;
		case SESSION_CODEBOOK: give_codebook(a, &action); break;
		case SESSION_EVENT: tell_action(a, &action); break;
		}
	}
}

/* ---------------------------------------------------------------- the door and the road */

static void tell_refused_key(void *context, const struct zap_refusal *refusal)
{
	struct aggregator *a = context;
	const struct log_field fields[] = {{"cause", counter_table[refusal->cause].cause},
					   {"domain", refusal->domain},
					   {"key", refusal->key},
					   {"address", refusal->address}};
	feed_tell(a->feed, EVENT_KEY_REFUSED, refusal->agent, codebook_agent_area(a->catalogue, refusal->agent),
		  clock_wall_us(), fields, sizeof(fields) / sizeof(fields[0]));
}

/* A key that is turned away may have been accepted a moment ago: the roster is read anew before it is answered. */
void serve_door(struct aggregator *a)
{
	if (!a->gate)
		return;
	int64_t now_us = clock_monotonic_us();
	const struct zap_book book = {
	    .agents = a->roster, .operators = a->operators, .refused = tell_refused_key, .context = a};
	zap_serve(a->zap, &book, now_us);
	zap_settle(a->zap, &book, a->read_from_us, now_us);
	if (zap_held(a->zap) > 0)
		a->load_next |= LOAD_ROSTER;
}

void serve_road(struct aggregator *a)
{
	if (!a->gate)
		return;
	a->more_waits = gate_receive(a->gate, a->sessions, aggregator_now(), MESSAGES_A_TURN);
	feed_serve(a->feed);
	carry_out(a);
}

/* ---------------------------------------------------------------- what lanes have done */

static enum session_job job_refused(enum job_kind kind)
{
	switch (kind) {
	case JOB_HELLO: return SESSION_JOB_HELLO;
	case JOB_CHECK: return SESSION_JOB_CHECK;
	case JOB_TODO: return SESSION_JOB_TODO;
	default: return SESSION_JOB_PUBLISH;
	}
}

static void give_result(struct aggregator *a, const struct result *r)
{
	static const enum session_cause causes[] = {
	    [CAUSE_OF_CODE] = SESSION_CAUSE_OF_CODE,           [CAUSE_SUSPENDED] = SESSION_CAUSE_SUSPENDED,
	    [CAUSE_SIGNING_KEY] = SESSION_CAUSE_SIGNING_KEY,   [CAUSE_TOO_MANY_EPOCHS] = SESSION_CAUSE_TOO_MANY_EPOCHS,
	    [CAUSE_STORE_FAILED] = SESSION_CAUSE_STORE_FAILED,
	};
	static const enum session_result_kind kinds[] = {
	    [RESULT_SUBSCRIBE] = SESSION_SUBSCRIBED, [RESULT_REFUSE] = SESSION_REFUSED,
	    [RESULT_COMMITTED] = SESSION_COMMITTED,  [RESULT_CHECKED] = SESSION_CHECKED,
	    [RESULT_VERDICTS] = SESSION_VERDICTS,    [RESULT_OWED] = SESSION_OWED,
	};
	const struct session_result result = {
	    .kind = kinds[r->kind],
	    .agent = r->agent,
	    .session = r->session,
	    .peer = r->peer,
	    .epoch = r->epoch,
	    .seq = r->seq,
	    .chain = r->chain,
	    .verdict_seq = r->verdict_seq,
	    .committed_at_us = r->committed_at_us,
	    .verdicts_differ = r->verdicts_differ,
	    .done = {.bytes = r->payload_bytes, .batches = r->batches},
	    .refused = job_refused(r->refused),
	    .refusal = r->refusal,
	    .cause = causes[r->cause],
	    .detail = r->detail ? r->detail : "",
	    .verdicts = r->verdicts,
	    .n_verdicts = r->n_verdicts,
	    .check_id = r->check_id,
	    .differences = r->differences,
	    .n_differences = r->n_differences,
	    .todo = r->todo,
	};
	session_take_result(a->sessions, &result, aggregator_now());
}

/* An acknowledgement of ours that does not hold was not ours, or not of these reports. */
static void tell_first_ignored(struct aggregator *a, const struct result *r)
{
	const struct log_field fields[] = {{"reports", log_num((long long)r->n_first_ignored)},
					   {"cause", r->first_ignored}};
	feed_tell(a->feed, EVENT_ACK_IGNORED, r->agent, codebook_agent_area(a->catalogue, r->agent), clock_wall_us(),
		  fields, sizeof(fields) / sizeof(fields[0]));
}

static void count_committed(struct aggregator *a, const struct result *r)
{
	count_by(&a->counters, COUNTER_REFILLED, r->n_refilled);
	count_by(&a->counters, COUNTER_FIRST_ACKS_IGNORED, r->n_first_ignored);
	if (r->n_first_ignored > 0)
		tell_first_ignored(a, r);
	count_by(&a->counters, COUNTER_REPORTS_COMMITTED, r->n_reports);
	count_by(&a->counters, COUNTER_REPORTS_POISONED, r->n_poisoned);
	for (enum outcome o = OUTCOME_ACCEPTED; o <= OUTCOME_DUPLICATE; o++)
		count_by(&a->counters, COUNTER_OBSERVATIONS_ACCEPTED + o - OUTCOME_ACCEPTED, r->n_outcomes[o]);
}

/* The reason is kept for status whenever it changes; an event is made of a change of state. */
static void take_store_state(struct aggregator *a, unsigned lane, const struct result *r)
{
	struct lane_store *s = &a->stores[lane];
	bool same = strcmp(s->state, r->store_state) == 0, moved = s->is_up != r->store_is_up;
	s->state = r->store_state;
	s->is_up = r->store_is_up;
	snprintf(s->text, sizeof(s->text), "%s", r->store_text);
	if (same)
		return;
	tell(a, r->store_is_up ? EVENT_STORE_RETURNED : EVENT_STORE_LOST, "lane", log_num(lane), "state",
	     r->store_state, "text", r->store_text, NULL);
	daemon_status("%s", r->store_is_up ? _("takes reports") : _("waits for PostgreSQL; agents keep their reports"));
	if (moved)
		session_set_store(a->sessions, lane, r->store_is_up, aggregator_now());
}

static void take_result(struct aggregator *a, unsigned lane, const struct result *r)
{
	if (r->kind == RESULT_STOPPED)
		return;
	if (r->kind == RESULT_STORE) {
		take_store_state(a, lane, r);
		return;
	}
	give_result(a, r);
	/* The province first: it waits for its answer; whoever listens does not. */
	carry_out(a);
	if (r->kind != RESULT_COMMITTED)
		return;
	FAULT_POINT(G8_ANSWERED);
	count_committed(a, r);
}

/* Provinces wait for their answers, whoever listens does not: events wait until there is time for them. */
static void tell_later(struct aggregator *a, struct result *r)
{
	r->next = NULL;
	if (a->telling)
		a->telling_last->next = r;
	else
		a->telling = r;
	a->telling_last = r;
}

static void done_telling(struct aggregator *a)
{
	struct result *r = a->telling;
	feed_skip(a->feed, r->n_events_lost);
	a->telling = r->next;
	a->told = 0;
	result_free(&r);
}

/* A report may have thousands of events, and a lane that is far ahead waits until what it told is freed. */
void serve_feed(struct aggregator *a)
{
	for (int i = 0; a->telling && i < EVENTS_A_TURN; i++) {
		if (a->told < a->telling->n_events)
			feed_publish(a->feed, a->telling->events[a->told++]);
		if (a->told == a->telling->n_events)
			done_telling(a);
	}
}

void serve_lanes(struct aggregator *a)
{
	for (unsigned lane = 0; a->lanes && lane < lanes_count(a->lanes); lane++) {
		struct result *r;
		for (int i = 0; i < RESULTS_A_TURN && (r = lanes_take(a->lanes, lane)); i++) {
			take_result(a, lane, r);
			if (r->kind == RESULT_COMMITTED)
				tell_later(a, r);
			else
				result_free(&r);
		}
	}
	if (a->lanes)
		carry_out(a);
}

/* ---------------------------------------------------------------- time */

/* What lanes have is finished or, when the time is up, given up: it stays with the agents. */
static void watch_drain(struct aggregator *a, int64_t now_us)
{
	if (lanes_have_stopped(a->lanes)) {
		while (a->telling)
			serve_feed(a);
		a->phase = ENDED;
	} else if (!a->give_up_us && now_us >= a->drain_until_us) {
		lanes_abandon(a->lanes);
		a->give_up_us = now_us + GIVE_UP_US;
	} else if (a->give_up_us && now_us >= a->give_up_us) {
		a->phase = ENDED;
	}
}

/* Asks the loader for what is to be read, no oftener than it is good for the store. */
static void watch_loader(struct aggregator *a, int64_t now_us)
{
	if (a->phase == SERVING && a->settings.refresh && now_us >= a->refresh_at_us)
		a->load_next |= LOAD_ROSTER | LOAD_CATALOGUE;
	if (!a->load_next || now_us < a->load_at_us || !loader_ask(a->loader, a->load_next))
		return;
	a->load_next = 0;
	a->asked_us = now_us;
	a->load_at_us = now_us + LOAD_INTERVAL_US;
	a->refresh_at_us = now_us + a->settings.refresh;
}

void serve_clock(struct aggregator *a)
{
	int64_t now_us = clock_monotonic_us();
	daemon_alive();
	if (a->phase == WAITING || a->phase == SERVING)
		watch_loader(a, now_us);
	if (a->phase == SERVING || a->phase == DRAINING) {
		session_tick(a->sessions, aggregator_now());
		if (a->phase == SERVING)
			watch_heard(a, aggregator_now());
		carry_out(a);
	}
	if (a->phase == DRAINING)
		watch_drain(a, now_us);
}
