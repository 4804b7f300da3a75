/* SPDX-License-Identifier: Apache-2.0 */
/* A live session: what is published, acknowledged, checked, judged and owed. */
#include "session_core.h"

#include "mem.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t beyond(uint64_t a, uint64_t b)
{
	return a > b ? a - b : 0;
}

/* ---------------------------------------------------------------- what an agent sends */

/*
 * Another session's batch, or another aggregator, committed all of it on its way. One that ends at the watermark with another
 * chain goes to a lane, which says that it is a fork.
 */
static bool is_all_committed(const struct agent *a, const Tram__V1__Publish *p)
{
	bool same_epoch = p->epoch.len == EPOCH_SIZE && memcmp(p->epoch.data, a->epoch.bytes, EPOCH_SIZE) == 0;
	bool within = p->first_seq > 0 && p->count > 0 && p->first_seq <= a->committed &&
		      p->count - 1 <= a->committed - p->first_seq;
	bool to_the_end = within && p->count - 1 == a->committed - p->first_seq;
	bool same_chain = p->chain.len == DIGEST_SIZE && memcmp(p->chain.data, a->chain.bytes, DIGEST_SIZE) == 0;
	return same_epoch && within && (!to_the_end || same_chain);
}

void take_publish(struct session_core *c, struct agent *a, const struct session_message *m, struct session_time now)
{
	const Tram__V1__Publish *p = m->envelope->publish;
	const struct refusal_of of = {.answers = TRAM__V1__ENVELOPE__BODY_PUBLISH};
	const struct roster_row *row = roster_by_agent(c->roster, a->id);
	if (c->stopping) {
		count(c->counters, COUNTER_IGNORED_STOPPING);
		return;
	}
	if (m->len > c->settings.message_bytes || m->len > p->payload.len + ENVELOPE_ROOM) {
		end_refused(c, a, REFUSAL_TOO_LARGE, &of, now);
		return;
	}
	if (is_all_committed(a, p)) {
		count(c->counters, COUNTER_IGNORED_OVERTAKEN);
		say_ack(c, a, now);
		return;
	}
	if (!credit_take(&a->credit, p->payload.len, p->first_seq + p->count - 1, now.monotonic_us)) {
		end_refused(c, a, REFUSAL_OVER_CREDIT, &of, now);
		return;
	}
	struct session_action *job = add_job(c, a, SESSION_JOB_PUBLISH, m->data, m->len);
	job->payload_bytes = p->payload.len;
	job->received_at_us = now.wall_us;
	memcpy(job->signing_public, row->signing_public, SIGN_PUBLIC_SIZE);
	count(c->counters, COUNTER_BATCHES_TAKEN);
}

static enum refusal_id judge_check(const struct session_core *c, const struct agent *a, const Tram__V1__Check *check,
				   size_t len)
{
	if (c->stopping)
		return REFUSAL_STOPPING;
	if (!lane_is_up(c, a))
		return REFUSAL_STORE_AWAY;
	if (check->report.len > c->settings.report_bytes || len > check->report.len + ENVELOPE_ROOM)
		return REFUSAL_TOO_LARGE;
	if (a->checks >= CHECKS_AN_AGENT || c->checks >= c->settings.checks)
		return REFUSAL_TOO_MANY_CHECKS;
	return REFUSAL_NONE;
}

void take_check(struct session_core *c, struct agent *a, const struct session_message *m, struct session_time now)
{
	const Tram__V1__Check *check = m->envelope->check;
	enum refusal_id why = judge_check(c, a, check, m->len);
	if (why != REFUSAL_NONE) {
		const struct refusal_of of = {.answers = TRAM__V1__ENVELOPE__BODY_CHECK, .check_id = check->check_id};
		refuse(c, a->id, a->peer, a->session, why, &of);
		return;
	}
	struct session_action *job = add_job(c, a, SESSION_JOB_CHECK, m->data, m->len);
	job->received_at_us = now.wall_us;
	job->check_id = check->check_id;
	a->checks++;
	c->checks++;
	count(c->counters, COUNTER_CHECKS_TAKEN);
}

static enum refusal_id judge_todo_request(const struct session_core *c, const struct agent *a, size_t len)
{
	if (c->stopping)
		return REFUSAL_STOPPING;
	if (!lane_is_up(c, a))
		return REFUSAL_STORE_AWAY;
	if (len > ENVELOPE_ROOM)
		return REFUSAL_TOO_LARGE;
	return a->asks_todo || c->checks >= c->settings.checks ? REFUSAL_TODO_AGAIN : REFUSAL_NONE;
}

void take_todo_request(struct session_core *c, struct agent *a, const struct session_message *m)
{
	uint64_t id = m->envelope->todo_request->request_id;
	enum refusal_id why = judge_todo_request(c, a, m->len);
	if (why != REFUSAL_NONE) {
		const struct refusal_of of = {.answers = TRAM__V1__ENVELOPE__BODY_TODO_REQUEST, .check_id = id};
		refuse(c, a->id, a->peer, a->session, why, &of);
		return;
	}
	add_job(c, a, SESSION_JOB_TODO, m->data, m->len)->check_id = id;
	a->asks_todo = true;
	c->checks++;
	count(c->counters, COUNTER_TODOS_TAKEN);
}

/* Verdicts were said but the agent, asked by its own heartbeat, does not have them: from its cursor again. */
static void follow_cursor(struct session_core *c, struct agent *a, uint64_t cursor, int64_t now_us)
{
	bool quiet = now_us - a->verdicts_said_us >= c->settings.heartbeat_us;
	a->verdict_cursor = cursor;
	if (cursor < a->verdict_sent && quiet && !a->verdicts_under_way)
		a->verdict_sent = cursor;
	if (cursor > a->verdict_sent)
		a->verdict_sent = cursor < a->verdict_seq ? cursor : a->verdict_seq;
}

void take_heartbeat(struct session_core *c, struct agent *a, const Tram__V1__Heartbeat *h, struct session_time now)
{
	a->last_appended = h->last_appended;
	a->confirmed = h->committed_through;
	a->oldest_pending_us = h->oldest_pending_us;
	if (a->told_less_at && h->committed_through >= a->told_less_at) {
		credit_heard(&a->credit);
		note_exposure(c, a, now);
		a->told_less_at = 0;
		give_turns(c, now);
	}
	bool is_in_line = a->claim.holds || a->claim.waits;
	if (!is_in_line && a->last_appended > a->committed && lane_is_up(c, a) && !c->stopping)
		say_heartbeat(c, a, now);
	follow_cursor(c, a, h->verdict_cursor, now.monotonic_us);
	fetch_verdicts(c, a);
}

/* ---------------------------------------------------------------- acknowledgements */

/* The centre's signed word; signed once a position, as it may be said many times. */
static void sign(const struct session_core *c, struct agent *a)
{
	if (a->is_signed)
		return;
	const struct ack_header header = {.agent = a->id,
					  .epoch = a->epoch,
					  .committed_through = a->committed,
					  .chain = a->chain,
					  .committed_at_us = a->committed_at_us};
	ack_sign(&header, c->settings.centre->sign_secret, a->signature);
	a->is_signed = true;
}

void say_ack(struct session_core *c, struct agent *a, struct session_time now)
{
	if (!a->session || !a->committed || !a->committed_at_us)
		return;
	Tram__V1__Ack ack = TRAM__V1__ACK__INIT;
	Tram__V1__Acknowledgement word = TRAM__V1__ACKNOWLEDGEMENT__INIT;
	Tram__V1__Credit credit = TRAM__V1__CREDIT__INIT;
	uint8_t id[KEY_ID_SIZE];
	sign(c, a);
	key_id(c->settings.centre->sign_public, id);
	credit_overtake(&a->credit, a->committed);
	word.epoch = (ProtobufCBinaryData){EPOCH_SIZE, a->epoch.bytes};
	word.committed_through = a->committed;
	word.chain = (ProtobufCBinaryData){DIGEST_SIZE, a->chain.bytes};
	word.committed_at_us = a->committed_at_us;
	word.signature = (ProtobufCBinaryData){SIGNATURE_SIZE, a->signature};
	word.key_id = (ProtobufCBinaryData){KEY_ID_SIZE, id};
	put_credit(tell_credit(c, a, now), &credit);
	ack.session = a->session;
	ack.acknowledgement = &word;
	ack.credit = &credit;
	send_to(c, a, a->peer, a->session, TRAM__V1__ENVELOPE__BODY_ACK, &ack);
	a->ack_at_us = now.monotonic_us + c->settings.ack_repeat_us;
	count(c->counters, COUNTER_ACKS_SENT);
}

void say_heartbeat(struct session_core *c, struct agent *a, struct session_time now)
{
	Tram__V1__Heartbeat h = TRAM__V1__HEARTBEAT__INIT;
	Tram__V1__Credit credit = TRAM__V1__CREDIT__INIT;
	put_credit(tell_credit(c, a, now), &credit);
	h.session = a->session;
	h.at_us = now.wall_us;
	h.verdict_cursor = a->verdict_seq;
	h.committed_through = a->committed;
	h.credit = &credit;
	h.catalogue_version = c->catalogue_version;
	send_to(c, a, a->peer, a->session, TRAM__V1__ENVELOPE__BODY_HEARTBEAT, &h);
	a->heartbeat_at_us = now.monotonic_us + c->settings.heartbeat_us;
}

/* ---------------------------------------------------------------- verdicts */

static size_t size_of(const Tram__V1__Verdict *v)
{
	return protobuf_c_message_get_packed_size(&v->base) + 16;
}

static void say_some(struct session_core *c, struct agent *a, Tram__V1__Verdict **verdicts, size_t n)
{
	Tram__V1__Verdicts message = TRAM__V1__VERDICTS__INIT;
	message.session = a->session;
	message.verdicts = verdicts;
	message.n_verdicts = n;
	send_to(c, a, a->peer, a->session, TRAM__V1__ENVELOPE__BODY_VERDICTS, &message);
	a->verdict_sent = verdicts[n - 1]->verdict_seq;
	count_by(c->counters, COUNTER_VERDICTS_SENT, n);
}

/* A verdict with more findings than a message may hold goes without the last ones, and says so. */
static void say_cut(struct session_core *c, struct agent *a, const Tram__V1__Verdict *whole, size_t room)
{
	Tram__V1__Verdict cut = *whole;
	Tram__V1__Finding note = TRAM__V1__FINDING__INIT, **findings = xcalloc(whole->n_findings, sizeof(note));
	char vi[120], en[120];
	size_t size = 1024;
	cut.n_findings = 0;
	size += size_of(&cut);
	for (; cut.n_findings < whole->n_findings; cut.n_findings++) {
		const Tram__V1__Finding *f = whole->findings[cut.n_findings];
		size += protobuf_c_message_get_packed_size(&f->base) + 16;
		if (size > room)
			break;
		findings[cut.n_findings] = whole->findings[cut.n_findings];
	}
	size_t left = whole->n_findings - cut.n_findings;
	snprintf(vi, sizeof(vi), "Còn %zu nhận xét nữa không gửi vừa trong một thông điệp; trung tâm giữ đủ.", left);
	snprintf(en, sizeof(en), "%zu more findings do not fit into one message; the centre keeps them all.", left);
	note.severity = TRAM__V1__SEVERITY__SEVERITY_INFORM;
	note.message_vi = vi;
	note.message_en = en;
	findings[cut.n_findings++] = &note;
	cut.findings = findings;
	say_some(c, a, (Tram__V1__Verdict *[]){&cut}, 1);
	count_by(c->counters, COUNTER_FINDINGS_CUT, left);
	free(findings);
}

/* Says verdicts in messages that are as large as they may be. */
static void say_verdicts(struct session_core *c, struct agent *a, Tram__V1__Verdict **verdicts, size_t n)
{
	const size_t room = c->settings.message_bytes - 1024;
	for (size_t i = 0; i < n;) {
		size_t some = 0, size = 0;
		while (i + some < n && (size += size_of(verdicts[i + some])) <= room)
			some++;
		if (some)
			say_some(c, a, verdicts + i, some);
		else
			say_cut(c, a, verdicts[i], room);
		i += some ? some : 1;
	}
}

/* Says those that follow what was said; others are fetched from the store in their turn. */
static void offer_verdicts(struct session_core *c, struct agent *a, Tram__V1__Verdict **verdicts, size_t n,
			   int64_t now_us)
{
	while (n > 0 && verdicts[0]->verdict_seq <= a->verdict_sent) {
		verdicts++;
		n--;
	}
	if (n == 0 || verdicts[0]->verdict_seq != a->verdict_sent + 1 ||
	    beyond(a->verdict_sent, a->verdict_cursor) > VERDICT_WINDOW)
		return;
	say_verdicts(c, a, verdicts, n);
	a->verdicts_said_us = now_us;
}

void fetch_verdicts(struct session_core *c, struct agent *a)
{
	bool behind = a->verdict_sent < a->verdict_seq;
	bool room = beyond(a->verdict_sent, a->verdict_cursor) <= VERDICT_WINDOW;
	if (!a->session || a->verdicts_under_way || !behind || !room || c->stopping || !lane_is_up(c, a))
		return;
	struct session_action *job = add_job(c, a, SESSION_JOB_VERDICTS, NULL, 0);
	job->verdict_after = a->verdict_sent;
	a->verdicts_under_way = true;
}

void verdicts_done(struct session_core *c, struct agent *a, const struct session_result *r, struct session_time now)
{
	uint64_t sent = a->verdict_sent;
	a->verdicts_under_way = false;
	if (!a->session) {
		count(c->counters, COUNTER_UNSENT_UNHEARD);
		return;
	}
	offer_verdicts(c, a, r->verdicts, r->n_verdicts, now.monotonic_us);
	/* Nothing came of it: not at once again, but with the agent's next heartbeat. */
	if (a->verdict_sent != sent)
		fetch_verdicts(c, a);
}

/* ---------------------------------------------------------------- results */

static void settle(struct session_core *c, struct agent *a, const struct session_result *r)
{
	credit_settle(&a->credit, r->done);
	budget_used(&a->claim);
	count_by(c->counters, COUNTER_BATCHES_SETTLED, r->done.batches);
}

static void move_watermark(struct agent *a, const struct session_result *r)
{
	if (memcmp(a->epoch.bytes, r->epoch.bytes, EPOCH_SIZE) != 0 || r->seq <= a->committed)
		return;
	a->committed = r->seq;
	a->chain = r->chain;
	a->committed_at_us = r->committed_at_us;
	a->is_signed = false;
}

void publish_done(struct session_core *c, struct agent *a, const struct session_result *r, struct session_time now)
{
	uint64_t committed = a->committed;
	settle(c, a, r);
	move_watermark(a, r);
	if (r->verdict_seq > a->verdict_seq)
		a->verdict_seq = r->verdict_seq;
	if (!a->session) {
		count(c->counters, COUNTER_UNSENT_UNHEARD);
		return;
	}
	uint64_t told = a->credit.told.bytes;
	say_ack(c, a, now);
	/* Only by an acknowledgement that is the first of its position can it show that it heard this credit. */
	a->told_less_at = a->credit.told.bytes < told && a->committed > committed ? a->committed : 0;
	if (!a->verdicts_under_way)
		offer_verdicts(c, a, r->verdicts, r->n_verdicts, now.monotonic_us);
	fetch_verdicts(c, a);
}

void publish_refused(struct session_core *c, struct agent *a, const struct session_result *r, struct session_time now)
{
	settle(c, a, r);
	if (!a->session || a->session != r->session) {
		count(c->counters, COUNTER_UNSENT_UNHEARD);
		return;
	}
	const struct refusal_of of = {.answers = TRAM__V1__ENVELOPE__BODY_PUBLISH, .at = r};
	end_refused(c, a, refusal_of_result(r), &of, now);
}

/* Differences that do not fit beside the verdict are not told. */
static void say_checked(struct session_core *c, struct agent *a, const struct session_result *r)
{
	Tram__V1__CheckResult result = TRAM__V1__CHECK_RESULT__INIT;
	result.session = a->session;
	result.check_id = r->check_id;
	result.verdict = r->verdicts[0];
	result.differences = r->differences;
	result.n_differences = r->n_differences;
	if (protobuf_c_message_get_packed_size(&result.base) + 1024 > c->settings.message_bytes)
		result.n_differences = 0;
	send_to(c, a, a->peer, a->session, TRAM__V1__ENVELOPE__BODY_CHECK_RESULT, &result);
}

void check_done(struct session_core *c, struct agent *a, const struct session_result *r)
{
	assert(a->checks > 0 && c->checks > 0);
	a->checks--;
	c->checks--;
	if (!a->session || a->session != r->session) {
		count(c->counters, COUNTER_UNSENT_UNHEARD);
		return;
	}
	bool fits = r->kind == SESSION_CHECKED && r->n_verdicts > 0 &&
		    size_of(r->verdicts[0]) + 1024 <= c->settings.message_bytes;
	if (fits) {
		say_checked(c, a, r);
		return;
	}
	const struct refusal_of of = {.answers = TRAM__V1__ENVELOPE__BODY_CHECK, .check_id = r->check_id};
	enum refusal_id why = r->kind == SESSION_REFUSED ? refusal_of_result(r) : REFUSAL_TOO_LARGE;
	refuse(c, a->id, a->peer, a->session, why, &of);
}

/* Items that do not fit into a message are left out, the last ones first, and counted. */
static void say_todo(struct session_core *c, struct agent *a, const struct session_result *r)
{
	Tram__V1__Todo todo = *r->todo;
	const size_t room = c->settings.message_bytes - 1024;
	size_t size = 64;
	todo.session = a->session;
	todo.request_id = r->check_id;
	for (todo.n_items = 0; todo.n_items < r->todo->n_items; todo.n_items++) {
		size += protobuf_c_message_get_packed_size(&todo.items[todo.n_items]->base) + 16;
		if (size > room)
			break;
	}
	todo.more += r->todo->n_items - todo.n_items;
	send_to(c, a, a->peer, a->session, TRAM__V1__ENVELOPE__BODY_TODO, &todo);
}

void todo_done(struct session_core *c, struct agent *a, const struct session_result *r)
{
	assert(a->asks_todo && c->checks > 0);
	a->asks_todo = false;
	c->checks--;
	if (!a->session || a->session != r->session) {
		count(c->counters, COUNTER_UNSENT_UNHEARD);
		return;
	}
	if (r->kind == SESSION_OWED && r->todo) {
		say_todo(c, a, r);
		return;
	}
	const struct refusal_of of = {.answers = TRAM__V1__ENVELOPE__BODY_TODO_REQUEST, .check_id = r->check_id};
	refuse(c, a->id, a->peer, a->session, r->kind == SESSION_REFUSED ? refusal_of_result(r) : REFUSAL_STORE_FAILED,
	       &of);
}
