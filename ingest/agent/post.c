/* SPDX-License-Identifier: Apache-2.0 */
#include "post.h"

#include "clock.h"
#include "fault.h"
#include "lang.h"
#include "mem.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORK_ARENA     (256u << 20) /* a batch, its reports and their rows: bounded by batch_bytes and report_bytes */
#define MESSAGE_ARENA  (256u << 20)
#define ARENA_PER_BYTE 32 /* decoded, a message takes so many times its bytes at most */
#define ARENA_MESSAGE  (64u << 10)
#define TURN_MESSAGES  64 /* taken from the socket in one turn of the loop */
#define TURN_BATCHES   8
#define SLACK_BYTES    (64 << 10) /* of a message, beside what the centre counts */

struct post {
	void *context, *socket, *monitor;
	const char *endpoint;
	struct road_settings road;
	struct keys keys, centre;
	struct outbox *outbox;
	struct courier courier;
	struct courier_actions actions;
	struct arena *work, *decode;
	struct road_message message;
	struct post_hooks hooks;
	bool failed;
	struct err err;
};

static struct courier_time now(void)
{
	return (struct courier_time){.monotonic_us = clock_monotonic_us(), .wall_us = clock_wall_us()};
}

/* Only the first failure is told: what follows is its consequence. */
static bool give_up(struct post *p, const struct err *err)
{
	if (!p->failed)
		p->err = *err;
	p->failed = true;
	return false;
}

/* ---------------------------------------------------------------- the outbox as the courier's source */

static bool read_report(void *context, uint64_t seq, struct arena *a, struct source_report *ret)
{
	struct post *p = context;
	struct outbox_report report;
	struct err err;
	if (!outbox_read(p->outbox, seq, a, &report, &err))
		return give_up(p, &err);
	*ret = (struct source_report){
	    .bytes = report.bytes, .len = report.len, .handed_in_at_us = report.handed_in_at_us, .chain = report.chain};
	if (seq > outbox_state(p->outbox)->acknowledged)
		return true;
	return outbox_acknowledgement(p->outbox, seq, &ret->first, &ret->is_refilled, &err) || give_up(p, &err);
}

static bool read_chain(void *context, uint64_t seq, struct digest *ret)
{
	struct post *p = context;
	struct err err;
	return outbox_chain(p->outbox, seq, ret, &err) || give_up(p, &err);
}

static uint64_t read_trimmed(void *context)
{
	return outbox_state(((struct post *)context)->outbox)->trimmed;
}

static int64_t read_handed_in_at(void *context, uint64_t seq)
{
	return outbox_handed_in_at(((struct post *)context)->outbox, seq);
}

static int64_t read_known_at(void *context, uint64_t verdict_seq)
{
	struct post *p = context;
	int64_t known_at_us;
	struct err err;
	if (outbox_known_at(p->outbox, verdict_seq, &known_at_us, &err))
		return known_at_us;
	give_up(p, &err);
	return 0;
}

static uint64_t read_random(void *context)
{
	uint64_t bits;
	(void)context;
	randombytes_buf(&bits, sizeof bits);
	return bits;
}

static struct courier_start where_it_stands(const struct post *p)
{
	const struct outbox_state *state = outbox_state(p->outbox);
	return (struct courier_start){.last_appended = state->last_appended,
				      .acknowledged = state->acknowledged,
				      .verdict_cursor = state->verdict_cursor,
				      .verdict_known_at_us = state->verdict_known_at_us,
				      .catalogue_version = state->catalogue_version};
}

/* ---------------------------------------------------------------- opening */

static void start_courier(struct post *p, const struct agent_settings *s, const uint8_t *boot)
{
	const struct outbox_state *state = outbox_state(p->outbox);
	struct courier_settings c = {
	    .epoch = state->epoch,
	    .has_previous = state->has_previous,
	    .previous_epoch = state->previous_epoch,
	    .previous_chain = state->previous_chain,
	    .software = "tram-agent " TRAM_VERSION,
	    .batch_bytes = (uint64_t)s->batch_bytes,
	    .batch_reports = (uint32_t)s->batch_reports,
	    .hello_us = s->hello_wait,
	    .stalled_us = s->stalled_after,
	    .reconnect_us = s->reconnect,
	    .reconnect_max_us = s->reconnect_max,
	};
	struct source source = {p,          read_report, read_chain, read_trimmed, read_handed_in_at, read_known_at,
				read_random};
	struct courier_start start = where_it_stands(p);
	snprintf(c.agent, sizeof c.agent, "%s", state->agent);
	memcpy(c.boot_nonce, boot, sizeof c.boot_nonce);
	memcpy(c.sign_secret, p->keys.sign_secret, sizeof c.sign_secret);
	memcpy(c.sign_public, p->keys.sign_public, sizeof c.sign_public);
	memcpy(c.centre_sign_public, p->centre.sign_public, sizeof c.centre_sign_public);
	courier_init(&p->courier, &c, &source, &start, p->work, now());
	sodium_memzero(c.sign_secret, sizeof c.sign_secret);
}

static bool open_socket(struct post *p, struct err *err)
{
	p->socket = road_agent_open(p->context, p->endpoint, &p->keys, &p->centre, &p->road, &p->monitor, err);
	return p->socket != NULL;
}

static void close_socket(struct post *p)
{
	road_monitor_close(&p->monitor, p->socket);
	road_close(&p->socket);
}

struct post *post_open(const struct agent_settings *settings, const struct keys *keys, const struct keys *centre,
		       const uint8_t boot[static OUTBOX_NONCE_SIZE], struct outbox *outbox,
		       const struct post_hooks *hooks, struct err *err)
{
	struct post *p = xcalloc(1, sizeof *p);
	p->endpoint = settings->centre;
	p->keys = *keys;
	p->centre = *centre;
	p->outbox = outbox;
	p->hooks = *hooks;
	p->work = arena_new(WORK_ARENA);
	p->decode = arena_new(MESSAGE_ARENA);
	road_settings_init(&p->road);
	p->road.message_bytes = settings->message_bytes + SLACK_BYTES;
	p->road.handshake_us = settings->handshake;
	p->road.ping_us = settings->ping;
	p->road.reconnect_us = settings->reconnect;
	p->road.reconnect_max_us = settings->reconnect_max;
	start_courier(p, settings, boot);
	p->context = road_context_open();
	if (!open_socket(p, err))
		post_close(&p);
	return p;
}

void post_close(struct post **pp)
{
	struct post *p = *pp;
	*pp = NULL;
	if (!p)
		return;
	close_socket(p);
	road_context_close(&p->context);
	road_message_clear(&p->message);
	courier_actions_free(&p->actions);
	arena_free(&p->work);
	arena_free(&p->decode);
	keys_wipe(&p->keys);
	sodium_memzero(&p->courier, sizeof p->courier);
	free(p);
}

const struct courier *post_courier(const struct post *p)
{
	return &p->courier;
}

bool post_failed(const struct post *p, struct err *err)
{
	if (p->failed)
		*err = p->err;
	return p->failed;
}

/* ---------------------------------------------------------------- carrying out */

static void tell(const struct courier_action *action)
{
	struct log_field fields[COURIER_FIELDS_MAX];
	for (size_t i = 0; i < action->n_fields; i++)
		fields[i] = (struct log_field){action->fields[i].name, action->fields[i].value};
	log_event(event_table[action->event].level, event_table[action->event].name, fields, action->n_fields);
}

static bool store_verdicts(struct post *p, const struct courier_action *action, struct err *err)
{
	struct outbox_verdict *rows = xcalloc(action->n, sizeof *rows);
	for (size_t i = 0; i < action->n; i++)
		rows[i] = (struct outbox_verdict){.verdict_seq = action->verdicts[i].verdict_seq,
						  .epoch = action->verdicts[i].epoch,
						  .seq = action->verdicts[i].seq,
						  .known_at_us = action->verdicts[i].known_at_us,
						  .body = action->verdicts[i].body,
						  .len = action->verdicts[i].len};
	FAULT_POINT(A6_BEFORE_VERDICTS_STORED);
	bool fine = outbox_put_verdicts(p->outbox, rows, action->n, clock_wall_us(), err);
	if (fine)
		FAULT_POINT(A7_AFTER_VERDICTS_STORED);
	free(rows);
	return fine;
}

static bool store_acknowledgement(struct post *p, const struct courier_action *action, struct err *err)
{
	FAULT_POINT(A6_BEFORE_ACK_STORED);
	bool fine = outbox_put_acknowledgement(p->outbox, &action->ack, clock_wall_us(), err);
	if (fine)
		FAULT_POINT(A7_AFTER_ACK_STORED);
	return fine;
}

static void send_out(struct post *p, const struct courier_action *action)
{
	if (action->first_seq)
		FAULT_POINT(A4_BEFORE_SEND);
	bool sent = p->socket && road_send(p->socket, action->data, action->len) == ROAD_OK;
	if (sent && action->first_seq)
		FAULT_POINT(A5_AFTER_SEND);
	if (!sent && action->first_seq)
		courier_unsent(&p->courier, action->first_seq, now());
}

static bool new_socket(struct post *p, struct err *err)
{
	close_socket(p);
	return open_socket(p, err) || give_up(p, err);
}

/* False: what is left of the list must not be done any more. */
static bool carry_out(struct post *p, const struct courier_action *action, struct err *err)
{
	switch (action->kind) {
	case COURIER_SEND: send_out(p, action); return true;
	case COURIER_STORE_ACK: return store_acknowledgement(p, action, err);
	case COURIER_STORE_VERDICTS: return store_verdicts(p, action, err);
	case COURIER_REWIND_VERDICTS: return outbox_rewind_verdicts(p->outbox, action->cursor, err);
	case COURIER_STORE_CODEBOOK:
		return outbox_put_codebook(p->outbox, action->version, action->data, action->len, clock_wall_us(), err);
	case COURIER_NEW_SOCKET: return new_socket(p, err);
	case COURIER_CHECKED:
	case COURIER_TODO: p->hooks.answered(p->hooks.context, action); return true;
	case COURIER_TELL: tell(action); return true;
	}
	return true;
}

/* The disk is full: the courier forgets what it believed stored, and asks again when there may be room. */
static void not_stored(struct post *p, const struct err *err)
{
	struct courier_start start = where_it_stands(p);
	log_fields(event_table[EVENT_OUTBOX_FULL].level, event_table[EVENT_OUTBOX_FULL].name, "text", err->text,
		   (char *)0);
	courier_actions_clear(&p->actions);
	courier_not_stored(&p->courier, &start, now(), &p->actions);
	for (size_t i = 0; i < p->actions.n; i++)
		if (p->actions.items[i].kind == COURIER_TELL)
			tell(&p->actions.items[i]);
}

static void carry_out_all(struct post *p)
{
	struct err err;
	for (size_t i = 0; i < p->actions.n && !p->failed; i++) {
		if (carry_out(p, &p->actions.items[i], &err))
			continue;
		if (outbox_is_broken(p->outbox))
			give_up(p, &err);
		else if (!p->failed)
			not_stored(p, &err);
		break;
	}
	courier_actions_clear(&p->actions);
}

/* ---------------------------------------------------------------- the loop's part */

void post_prepare(const struct post *p, zmq_pollitem_t items[static POST_ITEMS])
{
	items[0] = (zmq_pollitem_t){.socket = p->monitor, .events = ZMQ_POLLIN};
	items[1] = (zmq_pollitem_t){.socket = p->socket, .events = ZMQ_POLLIN};
}

int64_t post_deadline(const struct post *p)
{
	return courier_deadline(&p->courier);
}

static void serve_monitor(struct post *p)
{
	void *watched = p->monitor;
	for (enum road_event event; (event = road_monitor_next(p->monitor)) != ROAD_EVENT_NONE;) {
		if (event == ROAD_EVENT_READY)
			road_settle(p->socket);
		courier_link(&p->courier, event, now(), &p->actions);
		carry_out_all(p);
		if (p->failed || p->monitor != watched)
			return;
	}
}

static void serve_message(struct post *p)
{
	struct err err;
	const Tram__V1__Envelope *envelope;
	arena_reset(p->decode);
	arena_cap(p->decode, p->message.len * ARENA_PER_BYTE + ARENA_MESSAGE);
	envelope = codec_envelope(p->decode, p->message.data, p->message.len, &err);
	arena_uncap(p->decode);
	courier_message(&p->courier, envelope, now(), &p->actions);
	carry_out_all(p);
}

static void serve_road(struct post *p)
{
	for (int i = 0; i < TURN_MESSAGES && !p->failed; i++) {
		enum road_result result = road_receive(p->socket, &p->message);
		if (result == ROAD_NONE)
			return;
		if (result == ROAD_OK)
			serve_message(p);
	}
}

/* A few batches a turn: hand-ins and questions must not wait behind a long backlog. */
static void serve_time(struct post *p)
{
	for (int i = 0; i < TURN_BATCHES && !p->failed && courier_deadline(&p->courier) <= clock_monotonic_us(); i++) {
		courier_tick(&p->courier, now(), &p->actions);
		carry_out_all(p);
	}
}

void post_serve(struct post *p)
{
	serve_monitor(p);
	if (!p->failed)
		serve_road(p);
	if (!p->failed)
		serve_time(p);
}

void post_appended(struct post *p)
{
	courier_appended(&p->courier, outbox_state(p->outbox)->last_appended, now(), &p->actions);
	carry_out_all(p);
}

void post_check(struct post *p, uint64_t check_id, const void *report, size_t len)
{
	courier_check(&p->courier, check_id, report, len, now(), &p->actions);
	carry_out_all(p);
}

void post_todo(struct post *p, uint64_t id)
{
	courier_todo(&p->courier, id, now(), &p->actions);
	carry_out_all(p);
}

void post_try_now(struct post *p)
{
	courier_try_now(&p->courier, now());
}
