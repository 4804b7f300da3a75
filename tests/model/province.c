/* SPDX-License-Identifier: Apache-2.0 */
/* A province: the real courier, over an outbox that is an array, and what it wants done. */
#include "world.h"

#include "mem.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#define NONCE_OF(boot) ((uint8_t)(boot))

static struct world *here; /* whose outbox the courier reads: a copied courier still means the box of that number */
static struct courier_actions actions;
static struct arena *work;

static struct box *box_at(size_t box)
{
	return &here->boxes[box];
}

/* ---------------------------------------------------------------- names */

const char *who_name(uint8_t who)
{
	static const char *const names[] = {"agent-a", "agent-b", "agent-c", "agent-d"};
	return names[who];
}

struct epoch epoch_of(uint8_t who, uint8_t number)
{
	return (struct epoch){{0xe0, who, number}};
}

const char *issue_bytes(uint8_t who, uint16_t issue)
{
	static char bytes[64];
	snprintf(bytes, sizeof bytes, "report %u of %s", issue, who_name(who));
	return bytes;
}

/* ---------------------------------------------------------------- the outbox as the courier's source */

static bool find_first_ack(const struct shelf *s, uint64_t seq, struct acknowledgement *ret)
{
	for (size_t i = 0; i < s->n_acks; i++)
		if (s->acks[i].committed_through >= seq) {
			*ret = s->acks[i];
			return true;
		}
	return false;
}

static bool read_report(void *context, uint64_t seq, struct arena *a, struct source_report *ret)
{
	const struct box *b = box_at((size_t)(uintptr_t)context);
	const struct shelf *s = &b->now;
	if (seq <= s->trimmed || seq > s->n) {
		oracle_find("I7", "the agent reads report %d, which is not kept", (int)seq);
		return false;
	}
	const char *bytes = issue_bytes(b->who, s->issue[seq]);
	*ret = (struct source_report){.len = strlen(bytes), .handed_in_at_us = WALL_US, .chain = s->chain[seq]};
	ret->bytes = (const uint8_t *)arena_strdup(a, bytes);
	ret->is_refilled = seq <= s->acknowledged && find_first_ack(s, seq, &ret->first);
	return true;
}

static bool read_chain(void *context, uint64_t seq, struct digest *ret)
{
	const struct shelf *s = &box_at((size_t)(uintptr_t)context)->now;
	if (seq < s->trimmed || seq > s->n) {
		oracle_find("I7", "the agent reads the chain at %d, which is not kept", (int)seq);
		return false;
	}
	*ret = s->chain[seq];
	return true;
}

static uint64_t read_trimmed(void *context)
{
	return box_at((size_t)(uintptr_t)context)->now.trimmed;
}

static int64_t read_handed_in_at(void *context, uint64_t seq)
{
	(void)context;
	(void)seq;
	return WALL_US;
}

static int64_t read_known_at(void *context, uint64_t verdict_seq)
{
	const struct shelf *s = &box_at((size_t)(uintptr_t)context)->now;
	return verdict_seq >= 1 && verdict_seq <= s->cursor ? WALL_US + s->verdicts[verdict_seq].known : 0;
}

static uint64_t read_random(void *context)
{
	(void)context;
	return world_random();
}

/* ---------------------------------------------------------------- what it wants done */

void box_sync(struct box *b)
{
	b->synced = b->now;
}

static void send_out(struct world *w, struct box *b, const struct courier_action *action)
{
	struct conn *c = b->conn == NOBODY ? NULL : &w->conns[b->conn];
	uint16_t message = message_keep(action->data, action->len);
	bool refused = !c || (action->first_seq && b->clogged) || (c->up && c->to_centre.n == QUEUE);
	say("    agent says %s%s", message_text(message), refused ? ": not taken" : c->up ? "" : ": into a dead line");
	if (refused && action->first_seq) {
		b->clogged = false;
		courier_unsent(&b->courier, action->first_seq, agent_time(w));
	} else if (!refused && c->up) {
		queue_put(&c->to_centre, message);
	}
}

static void keep_ack(struct world *w, struct box *b, const struct acknowledgement *ack)
{
	struct shelf *s = &b->now;
	(void)w;
	say("    outbox stores that %d is acknowledged", (int)ack->committed_through);
	if (ack->committed_through <= s->acknowledged)
		return;
	s->acknowledged = (uint16_t)ack->committed_through;
	if (manner.timeless)
		return;
	assert(s->n_acks < REPORTS);
	s->acks[s->n_acks++] = *ack;
}

static void keep_verdicts(struct box *b, const struct courier_action *action)
{
	struct shelf *s = &b->now;
	say("    outbox stores %zu verdicts after %d", action->n, s->cursor);
	for (size_t i = 0; i < action->n; i++) {
		const struct courier_verdict *v = &action->verdicts[i];
		if (v->verdict_seq != s->cursor + 1u || v->verdict_seq > VERDICTS) {
			oracle_find("verdicts", "verdict %d is stored after %d", (int)v->verdict_seq, s->cursor);
			return;
		}
		s->verdicts[++s->cursor] = (struct held_verdict){
		    .epoch = v->epoch.bytes[2], .seq = (uint16_t)v->seq, .known = (uint16_t)(v->known_at_us - WALL_US)};
	}
}

static void rewind_verdicts(struct box *b, uint64_t cursor)
{
	struct shelf *s = &b->now;
	say("    outbox goes back from verdict %d to %d", s->cursor, (int)cursor);
	for (size_t i = cursor + 1; i <= s->cursor; i++)
		s->verdicts[i] = (struct held_verdict){0};
	s->cursor = (uint16_t)cursor;
}

static void new_socket(struct world *w, size_t box)
{
	say("    agent opens a new socket");
	for (size_t i = 0; i < CONNS; i++)
		if (w->conns[i].is && w->conns[i].box == box)
			conn_leave(w, &w->conns[i], true);
	w->boxes[box].conn = NOBODY;
}

static bool is_durable(enum courier_action_kind kind)
{
	return kind == COURIER_STORE_ACK || kind == COURIER_STORE_VERDICTS || kind == COURIER_REWIND_VERDICTS;
}

static void carry_out(struct world *w, size_t box, const struct courier_action *action)
{
	struct box *b = &w->boxes[box];
	switch (action->kind) {
	case COURIER_SEND: send_out(w, b, action); break;
	case COURIER_STORE_ACK: keep_ack(w, b, &action->ack); break;
	case COURIER_STORE_VERDICTS: keep_verdicts(b, action); break;
	case COURIER_REWIND_VERDICTS: rewind_verdicts(b, action->cursor); break;
	case COURIER_NEW_SOCKET: new_socket(w, box); break;
	case COURIER_TELL: say("    agent tells %s", event_table[action->event].name); break;
	case COURIER_STORE_CODEBOOK:
	case COURIER_CHECKED:
	case COURIER_TODO: break;
	}
	if (is_durable(action->kind))
		box_sync(b);
}

static struct courier_start where_it_stands(const struct box *b)
{
	return (struct courier_start){.last_appended = b->now.n,
				      .acknowledged = b->now.acknowledged,
				      .verdict_cursor = b->now.cursor,
				      .verdict_known_at_us =
					  b->now.cursor ? WALL_US + b->now.verdicts[b->now.cursor].known : 0,
				      .catalogue_version = 1};
}

static void not_stored(struct world *w, struct box *b)
{
	struct courier_start start = where_it_stands(b);
	say("    the disk is full");
	b->full = false;
	courier_actions_clear(&actions);
	courier_not_stored(&b->courier, &start, agent_time(w), &actions);
}

/*
 * At most one durable thing comes of one input. So a crash anywhere within is a crash before the step with its message
 * lost, or a crash after it with the end of what was sent lost; and those the searches have.
 */
static void carry_out_all(struct world *w, size_t box)
{
	struct box *b = &w->boxes[box];
	int durable = 0;
	for (size_t i = 0; i < actions.n; i++) {
		durable += is_durable(actions.items[i].kind);
		if (b->full && is_durable(actions.items[i].kind)) {
			not_stored(w, b);
			break;
		}
		carry_out(w, box, &actions.items[i]);
	}
	assert(durable <= 1);
	courier_actions_clear(&actions);
	if (b->courier.source_failed)
		oracle_find("I7", "the agent's source failed");
}

/* ---------------------------------------------------------------- running */

static void start_courier(struct world *w, size_t box)
{
	struct box *b = &w->boxes[box];
	const struct keys *own = who_keys(b->who);
	struct courier_settings c = {
	    .epoch = epoch_of(b->who, b->now.epoch),
	    .has_previous = b->now.previous != 0,
	    .previous_epoch = epoch_of(b->who, b->now.previous),
	    .previous_chain = b->now.previous_chain,
	    .software = "model",
	    .batch_bytes = 400,
	    .batch_reports = manner.frozen ? 2 : 5,
	    .hello_us = 10 * SECOND,
	    .stalled_us = 30 * SECOND,
	    .reconnect_us = SECOND / 2,
	    .reconnect_max_us = 60 * SECOND,
	};
	struct source source = {(void *)(uintptr_t)box, read_report,   read_chain, read_trimmed,
				read_handed_in_at,      read_known_at, read_random};
	struct courier_start start = where_it_stands(b);
	snprintf(c.agent, sizeof c.agent, "%s", who_name(b->who));
	c.boot_nonce[0] = NONCE_OF(b->boot);
	memcpy(c.sign_secret, own->sign_secret, sizeof c.sign_secret);
	memcpy(c.sign_public, own->sign_public, sizeof c.sign_public);
	memcpy(c.centre_sign_public, centre_keys()->sign_public, sizeof c.centre_sign_public);
	if (!work)
		work = arena_new((size_t)1 << 24);
	here = w;
	courier_init(&b->courier, &c, &source, &start, work, agent_time(w));
}

void box_start(struct world *w, size_t box)
{
	struct box *b = &w->boxes[box];
	assert(!b->running);
	b->running = true;
	b->boot = ++w->boots;
	b->now = b->synced;
	start_courier(w, box);
}

void box_crash(struct world *w, size_t box)
{
	struct box *b = &w->boxes[box];
	b->running = b->clogged = b->full = false;
	b->now = b->synced;
	memset(&b->courier, 0, sizeof b->courier);
	for (size_t i = 0; i < CONNS; i++)
		if (w->conns[i].is && w->conns[i].box == box)
			conn_leave(w, &w->conns[i], true);
	b->conn = NOBODY;
}

/* On the shelf, one behind the last. */
static void put_on_shelf(struct box *b, uint16_t issue)
{
	struct shelf *s = &b->now;
	struct digest digest;
	const char *bytes = issue_bytes(b->who, issue);
	digest_report(bytes, strlen(bytes), &digest);
	chain_next(&s->chain[s->n], &digest, &s->chain[s->n + 1]);
	s->issue[++s->n] = issue;
}

bool box_append(struct world *w, size_t box, bool crash)
{
	struct box *b = &w->boxes[box];
	if (b->now.n == REPORTS || w->issued == ISSUES)
		return false;
	put_on_shelf(b, w->issued);
	w->issues[w->issued++] =
	    (struct issue){.who = b->who, .box = (uint8_t)box, .epoch = b->now.epoch, .seq = b->now.n};
	box_sync(b);
	if (crash) {
		box_crash(w, box);
		return true;
	}
	here = w;
	courier_appended(&b->courier, b->now.n, agent_time(w), &actions);
	carry_out_all(w, box);
	return true;
}

void box_take(struct world *w, size_t box, uint16_t message)
{
	struct box *b = &w->boxes[box];
	say("    %s", message_text(message));
	here = w;
	courier_message(&b->courier, message_at(message)->envelope, agent_time(w), &actions);
	carry_out_all(w, box);
}

void box_link(struct world *w, size_t box, enum road_event event)
{
	here = w;
	courier_link(&w->boxes[box].courier, event, agent_time(w), &actions);
	carry_out_all(w, box);
}

void box_tick(struct world *w, size_t box)
{
	here = w;
	courier_tick(&w->boxes[box].courier, agent_time(w), &actions);
	carry_out_all(w, box);
}

void box_try_now(struct world *w, size_t box)
{
	here = w;
	courier_try_now(&w->boxes[box].courier, agent_time(w));
}

/* ---------------------------------------------------------------- what people do with an outbox */

void box_trim(struct world *w, size_t box, uint16_t through)
{
	struct shelf *s = &w->boxes[box].now;
	uint64_t now = courier_committed_now(&w->boxes[box].courier);
	if (through > s->acknowledged)
		through = s->acknowledged;
	if (through > now)
		through = (uint16_t)now;
	if (through > s->trimmed)
		s->trimmed = through;
	box_sync(&w->boxes[box]);
}

static void new_shelf(struct world *w, struct box *b, const struct digest *previous_chain)
{
	struct epoch epoch = epoch_of(b->who, ++w->epochs);
	memset(&b->now, 0, sizeof b->now);
	b->now.epoch = w->epochs;
	chain_start(who_name(b->who), &epoch, previous_chain, &b->now.chain[0]);
}

void box_renew(struct world *w, size_t box, bool all)
{
	struct box *b = &w->boxes[box];
	const struct shelf old = b->now;
	new_shelf(w, b, &old.chain[old.n]);
	b->now.previous = old.epoch;
	b->now.previous_chain = old.chain[old.n];
	for (uint16_t seq = (all ? old.trimmed : old.acknowledged) + 1; seq <= old.n; seq++) {
		struct issue *i = &w->issues[old.issue[seq]];
		put_on_shelf(b, old.issue[seq]);
		i->epoch = b->now.epoch;
		i->seq = b->now.n;
		i->carried = true;
	}
	w->marks_acknowledged[box] = w->marks_cursor[box] = 0;
	b->copied = false;
	box_sync(b);
}

void box_restore(struct world *w, size_t box, const struct shelf *shelf)
{
	struct box *b = &w->boxes[box];
	assert(!b->running);
	for (uint16_t seq = shelf->n + 1; seq <= b->synced.n; seq++)
		w->issues[b->synced.issue[seq]].excused = true;
	b->now = b->synced = *shelf;
	b->copied = true;
	w->marks_acknowledged[box] = shelf->acknowledged;
}

void box_copy(struct world *w, size_t from, size_t to)
{
	struct box *b = &w->boxes[to];
	assert(!b->running);
	b->is = b->copied = w->boxes[from].copied = true;
	b->who = w->boxes[from].who;
	b->conn = NOBODY;
	b->now = b->synced = w->boxes[from].synced;
	w->marks_acknowledged[to] = b->now.acknowledged;
}
