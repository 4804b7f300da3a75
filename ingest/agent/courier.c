/* SPDX-License-Identifier: Apache-2.0 */
#include "courier.h"

#include "lang.h"
#include "mem.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(array)     (sizeof(array) / sizeof((array)[0]))
#define NEVER            INT64_MAX
#define SECOND           INT64_C(1000000)
#define MINUTE           (60 * SECOND)
#define HANG_UPS         2
#define HELLO_TRIES      3
#define SOON_US          (SECOND / 5) /* a cursor that moved is told so soon, not at the next heartbeat */
#define NO_LINK_US       (2 * MINUTE) /* libzmq reconnects by itself; after this long it gets a new socket all the same */
#define CODEBOOK_US      (30 * SECOND) /* between two requests of the codebook, the first of which was not answered */
#define PERSON_US        (60 * MINUTE) /* what only a person can mend is looked at again so often, and no wait is longer */
#define ENVELOPE_ROOM    1024          /* of a PUBLISH or CHECK, beside payload or report */
#define HEARTBEAT_LEAST  (SECOND / 5)
#define HEARTBEAT_MOST   (5 * MINUTE)
#define HEARTBEATS_HEARD 3

const struct cause cause_table[CAUSES] = {
#define CAUSE(id, name, text, remedy) [CAUSE_##id] = {name, text, remedy},
#include "cause.def"
#undef CAUSE
};

const char *courier_state_name(enum courier_state state)
{
	static const char *const names[COURIER_STATES] = {
	    [COURIER_OFFLINE] = "offline", [COURIER_GREETING] = "greeting", [COURIER_STREAMING] = "streaming",
	    [COURIER_RESTING] = "resting", [COURIER_FORKED] = "forked",
	};
	return names[state];
}

/* ---------------------------------------------------------------- what can happen */

/* Inputs, sorted by what they mean for the state: finding that out is classify_*()'s work, acting on it the table's. */
enum happening {
	LINK_UP,
	LINK_DOWN,
	LINK_HUNG_UP, /* in the handshake */
	LINK_FAILED,  /* the handshake: libzmq may not try again on this socket */
	TIMER,
	TIMER_LAST, /* and no more tries */
	SILENCE,
	STALL,
	SPEAK,
	BATCH_READY,
	BATCH_UNSENDABLE,
	NOT_STORED,
	SUBSCRIBED,
	SUBSCRIBED_REWOUND, /* with fewer verdicts than are held here */
	SUBSCRIBED_FORKED,
	SUBSCRIBED_TRIMMED,
	ACK_NEWS,
	ACK_AGAIN,
	ACK_FORKED,
	ACK_UNVERIFIED,
	VERDICTS_NEWS,
	VERDICTS_OLD,
	VERDICTS_GAP,
	HEARTBEAT,
	CODEBOOK,
	CHECKED,
	CHECK_REFUSED,
	OWED,
	TODO_REFUSED,
	REFUSED,
	REFUSED_FORKED,
	STALE,      /* of another session */
	MISPLACED,  /* what only an agent says, or not of the right form */
	UNREADABLE, /* no message at all */
};

/* One turn: an input on its way through the table. */
struct turn {
	struct courier_time now;
	const Tram__V1__Envelope *envelope;
	enum cause_id cause; /* LINK_FAILED, LINK_DOWN, REFUSED, *_FORKED */
	int64_t wait_us;     /* REFUSED: how long to rest; 0: the retry's own */
	struct batch *batch; /* BATCH_READY */
	struct courier_actions *out;
};

/* ---------------------------------------------------------------- actions */

static struct courier_action *add(struct courier_actions *out, enum courier_action_kind kind)
{
	if (out->n == out->room) {
		out->room = out->room ? 2 * out->room : 8;
		out->items = xreallocarray(out->items, out->room, sizeof *out->items);
	}
	struct courier_action *action = &out->items[out->n++];
	memset(action, 0, sizeof *action);
	action->kind = kind;
	return action;
}

void courier_actions_clear(struct courier_actions *actions)
{
	for (size_t i = 0; i < actions->n; i++) {
		for (size_t v = 0; v < actions->items[i].n; v++)
			free(actions->items[i].verdicts[v].body);
		free(actions->items[i].verdicts);
		free(actions->items[i].data);
	}
	actions->n = 0;
}

void courier_actions_free(struct courier_actions *actions)
{
	courier_actions_clear(actions);
	free(actions->items);
	*actions = (struct courier_actions){0};
}

static struct courier_action *tell(struct turn *t, enum event_id event)
{
	struct courier_action *action = add(t->out, COURIER_TELL);
	action->event = event;
	return action;
}

static void field(struct courier_action *action, const char *name, const char *value)
{
	assert(action->n_fields < COURIER_FIELDS_MAX);
	struct courier_field *f = &action->fields[action->n_fields++];
	f->name = name;
	snprintf(f->value, sizeof f->value, "%s", value);
}

static void field_number(struct courier_action *action, const char *name, uint64_t value)
{
	char text[24];
	snprintf(text, sizeof text, "%" PRIu64, value);
	field(action, name, text);
}

static int64_t soonest(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static ProtobufCBinaryData blob(const void *data, size_t len)
{
	return (ProtobufCBinaryData){.len = len, .data = (uint8_t *)(uintptr_t)data};
}

static void send_body(struct turn *t, Tram__V1__Envelope__BodyCase type, void *body)
{
	struct courier_action *action = add(t->out, COURIER_SEND);
	action->data = codec_pack_envelope(type, body, &action->len);
}

static uint64_t random_bits(const struct courier *c)
{
	return c->source.random(c->source.context);
}

/* Some time around us: four fifths to six fifths of it. */
static int64_t about(const struct courier *c, int64_t us)
{
	return us - us / 5 + (int64_t)(random_bits(c) % (uint64_t)(us / 5 * 2 + 1));
}

/* ---------------------------------------------------------------- leaving and resting */

static void forget_session(struct courier *c)
{
	c->session = 0;
	c->flights = 0;
	c->flight_bytes = 0;
	c->credit_bytes = 0;
	c->credit_batches = 0;
	c->speak_at = c->silent_at = c->stalled_at = c->work_at = NEVER;
}

static void say_cause(struct courier *c, enum cause_id cause)
{
	c->cause = cause;
	c->cause_vi[0] = c->cause_en[0] = '\0';
}

static void wait_for_link(struct courier *c, struct turn *t)
{
	forget_session(c);
	say_cause(c, t->cause);
	c->act_at = t->now.monotonic_us + about(c, NO_LINK_US);
	field(tell(t, EVENT_LINK_LOST), "cause", cause_table[t->cause].name);
}

/* After a failed handshake libzmq tells of the end of the connection too: that is no news. */
static void note_no_link(struct courier *c, struct turn *t)
{
	if (!c->socket_is_planned)
		say_cause(c, t->cause);
}

static void plan_new_socket(struct courier *c, struct turn *t)
{
	bool is_news = c->cause != t->cause;
	forget_session(c);
	say_cause(c, t->cause);
	if (is_news)
		field(tell(t, EVENT_LINK_LOST), "cause", cause_table[t->cause].name);
	if (c->socket_is_planned)
		return;
	c->socket_is_planned = true;
	c->act_at = t->now.monotonic_us + retry_pick_us(&c->link_retry, random_bits(c));
}

/* A centre that is just stopping hangs up too: only one that does it again is taken for the wrong one. */
static void plan_after_hang_up(struct courier *c, struct turn *t)
{
	if (++c->hung_up < HANG_UPS)
		t->cause = CAUSE_DISCONNECTED;
	plan_new_socket(c, t);
}

/* Which keeps the cause, unless it is the time that ran out here. */
static void new_socket(struct courier *c, struct turn *t)
{
	forget_session(c);
	if (t->cause != CAUSE_NONE) {
		say_cause(c, t->cause);
		field(tell(t, EVENT_LINK_LOST), "cause", cause_table[t->cause].name);
	}
	c->socket_is_planned = false;
	c->act_at = t->now.monotonic_us + about(c, NO_LINK_US);
	c->counters.new_sockets++;
	add(t->out, COURIER_NEW_SOCKET);
}

static void keep_words(struct courier *c, const Tram__V1__Refusal *r)
{
	snprintf(c->cause_vi, sizeof c->cause_vi, "%s", r->message_vi);
	snprintf(c->cause_en, sizeof c->cause_en, "%s", r->message_en);
}

static void tell_refused(struct courier *c, struct turn *t)
{
	struct courier_action *event = tell(t, EVENT_SESSION_REFUSED);
	field(event, "cause", cause_table[t->cause].name);
	field_number(event, "wait_ms", (uint64_t)(c->act_at - t->now.monotonic_us) / 1000);
	field_number(event, "committed", c->committed);
	field_number(event, "last_appended", c->last_appended);
}

/* What people need to know of the other side when they decide what to do. */
static void note_other_side(struct courier *c, const struct turn *t)
{
	const Tram__V1__Envelope *e = t->envelope;
	const Tram__V1__Position *at = NULL;
	if (t->cause == CAUSE_SUPERSEDED) {
		c->counters.superseded++;
		c->superseded_at = t->now.monotonic_us;
	}
	if (e && e->body_case == TRAM__V1__ENVELOPE__BODY_SUBSCRIBE)
		at = e->subscribe->resume_after;
	else if (e && e->body_case == TRAM__V1__ENVELOPE__BODY_REFUSAL)
		at = e->refusal->at;
	else if (e && e->body_case == TRAM__V1__ENVELOPE__BODY_ACK)
		c->centre_at = e->ack->acknowledgement->committed_through;
	if (at)
		c->centre_at = at->seq;
}

static void rest(struct courier *c, struct turn *t)
{
	int64_t wait = retry_pick_us(&c->refusal_retry, random_bits(c));
	/* Never sooner than the centre asked for, and not all agents at once. */
	if (t->wait_us > wait)
		wait = t->wait_us + (int64_t)(random_bits(c) % (uint64_t)(t->wait_us / 5 + 1));
	forget_session(c);
	say_cause(c, t->cause);
	note_other_side(c, t);
	if (t->envelope && t->envelope->body_case == TRAM__V1__ENVELOPE__BODY_REFUSAL) {
		keep_words(c, t->envelope->refusal);
		c->counters.refusals++;
	}
	c->act_at = t->now.monotonic_us + wait;
	tell_refused(c, t);
}

/* ---------------------------------------------------------------- greeting */

static void say_hello(struct courier *c, struct turn *t)
{
	const struct courier_settings *s = &c->settings;
	Tram__V1__Hello h = TRAM__V1__HELLO__INIT;
	struct digest last_chain;
	uint64_t trimmed = c->source.trimmed(c->source.context);
	if (!c->source.chain(c->source.context, c->last_appended, &last_chain)) {
		c->source_failed = true;
		return;
	}
	h.agent = (char *)(uintptr_t)s->agent;
	h.epoch = blob(s->epoch.bytes, EPOCH_SIZE);
	h.first_kept = trimmed < c->last_appended ? trimmed + 1 : 0;
	h.last_appended = c->last_appended;
	h.last_chain = blob(last_chain.bytes, DIGEST_SIZE);
	if (s->has_previous) {
		h.previous_epoch = blob(s->previous_epoch.bytes, EPOCH_SIZE);
		h.previous_chain = blob(s->previous_chain.bytes, DIGEST_SIZE);
	}
	h.boot_nonce = blob(s->boot_nonce, COURIER_NONCE_SIZE);
	h.verdict_cursor = c->verdict_cursor;
	h.verdict_known_at_us = c->verdict_known_at_us;
	h.catalogue_version = c->catalogue_version;
	h.schema = 1;
	h.software = (char *)(uintptr_t)s->software;
	h.signing_key = blob(s->sign_public, SIGN_PUBLIC_SIZE);
	c->counters.hellos++;
	c->act_at = t->now.monotonic_us + about(c, s->hello_us);
	send_body(t, TRAM__V1__ENVELOPE__BODY_HELLO, &h);
}

static void greet(struct courier *c, struct turn *t)
{
	forget_session(c);
	if (c->cause == CAUSE_NONE) /* a new connection, and the end of the old one was not told */
		say_cause(c, CAUSE_DISCONNECTED);
	c->socket_is_planned = false;
	c->hung_up = 0;
	c->hello_tries = 1;
	say_hello(c, t);
}

static void greet_stalled(struct courier *c, struct turn *t)
{
	struct courier_action *event = tell(t, EVENT_SESSION_STALLED);
	field_number(event, "committed", c->committed);
	field_number(event, "sent", c->next_seq - 1);
	say_cause(c, CAUSE_STALLED);
	greet(c, t);
}

static void greet_again(struct courier *c, struct turn *t)
{
	c->hello_tries++;
	say_hello(c, t);
}

/* ---------------------------------------------------------------- streaming */

static void take_credit(struct courier *c, const Tram__V1__Credit *credit)
{
	if (!credit)
		return;
	c->credit_bytes = credit->bytes;
	c->credit_batches = credit->batches;
}

static uint64_t or_default(uint64_t told, uint64_t initial)
{
	return told ? told : initial;
}

static void take_limits(struct courier *c, const Tram__V1__Limits *l)
{
	static const Tram__V1__Limits none = TRAM__V1__LIMITS__INIT;
	if (!l)
		l = &none;
	c->limits.message_bytes = or_default(l->message_bytes, LIMIT_MESSAGE_BYTES);
	c->limits.report_bytes = or_default(l->report_bytes, LIMIT_REPORT_BYTES);
	c->limits.observations = (uint32_t)or_default(l->observations, LIMIT_OBSERVATIONS);
	c->limits.batch_bytes = or_default(l->batch_bytes, LIMIT_BATCH_BYTES);
	c->limits.batch_reports = (uint32_t)or_default(l->batch_reports, LIMIT_BATCH_REPORTS);
	int64_t heartbeat = (int64_t)or_default(l->heartbeat_ms, LIMIT_HEARTBEAT_MS) * 1000;
	c->limits.heartbeat_us = heartbeat < HEARTBEAT_LEAST  ? HEARTBEAT_LEAST
				 : heartbeat > HEARTBEAT_MOST ? HEARTBEAT_MOST
							      : heartbeat;
}

static void want_codebook(struct courier *c, uint32_t version, struct turn *t)
{
	c->catalogue_offered = version;
	if (version == 0 || version == c->catalogue_version || t->now.monotonic_us < c->codebook_at)
		return;
	Tram__V1__CodebookRequest request = TRAM__V1__CODEBOOK_REQUEST__INIT;
	request.session = c->session;
	c->codebook_at = t->now.monotonic_us + CODEBOOK_US;
	send_body(t, TRAM__V1__ENVELOPE__BODY_CODEBOOK_REQUEST, &request);
}

/* The centre's store was restored from a backup: what it judges anew takes the place of what is held here. */
static void rewind_verdicts(struct courier *c, uint64_t cursor, struct turn *t)
{
	struct courier_action *event = tell(t, EVENT_VERDICTS_REWOUND);
	field_number(event, "from", c->verdict_cursor);
	field_number(event, "to", cursor);
	c->verdict_cursor = add(t->out, COURIER_REWIND_VERDICTS)->cursor = cursor;
}

/* Restored twice, the centre may have other verdicts under the numbers before it, too: the next HELLO says what is held
 * there, and where nothing is, all of them come again. */
static void rewind_and_greet(struct courier *c, struct turn *t)
{
	uint64_t cursor = t->envelope->subscribe->verdict_cursor;
	int64_t known_at_us = c->source.known_at(c->source.context, cursor);
	rewind_verdicts(c, known_at_us ? cursor : 0, t);
	c->verdict_known_at_us = known_at_us;
	c->committed = t->envelope->subscribe->resume_after->seq; /* what it lacks is not to be forgotten meanwhile */
	greet(c, t);
}

static void start_stream(struct courier *c, struct turn *t)
{
	const Tram__V1__Subscribe *s = t->envelope->subscribe;
	forget_session(c);
	say_cause(c, CAUSE_NONE);
	retry_reset(&c->link_retry);
	c->state = COURIER_STREAMING;
	c->session = s->session;
	c->committed = s->resume_after->seq;
	c->next_seq = c->committed + 1;
	c->skew_us = s->at_us - t->now.wall_us;
	c->act_at = NEVER;
	c->codebook_at = 0;
	take_limits(c, s->limits);
	take_credit(c, s->credit);
	c->speak_at = t->now.monotonic_us + c->limits.heartbeat_us;
	c->counters.sessions++;
	struct courier_action *event = tell(t, EVENT_SESSION_OPENED);
	field_number(event, "resume_after", c->committed);
	field_number(event, "acknowledged", c->acknowledged);
	field_number(event, "last_appended", c->last_appended);
	if (s->verdicts_differ && c->verdict_cursor) {
		rewind_verdicts(c, 0, t);
		c->verdict_known_at_us = 0;
	}
	want_codebook(c, s->catalogue_version, t);
}

static void drop_flight(struct courier *c, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		c->flight_bytes -= c->flight[i].bytes;
	c->flights -= n;
	memmove(c->flight, c->flight + n, c->flights * sizeof c->flight[0]);
}

static void note_committed(struct courier *c, uint64_t through, struct turn *t)
{
	uint32_t landed = 0;
	while (landed < c->flights && c->flight[landed].last_seq <= through)
		landed++;
	drop_flight(c, landed);
	c->committed = through;
	if (c->next_seq <= through)
		c->next_seq = through + 1;
	c->stalled_at = c->flights ? t->now.monotonic_us + c->settings.stalled_us : NEVER;
	c->speak_at = soonest(c->speak_at, t->now.monotonic_us + SOON_US);
	retry_reset(&c->refusal_retry);
}

/* Which covers nothing new when the stream is being refilled: the first one of a position is the one to keep. */
static void settle(struct courier *c, struct turn *t)
{
	const Tram__V1__Ack *ack = t->envelope->ack;
	const Tram__V1__Acknowledgement *a = ack->acknowledgement;
	c->counters.acknowledgements++;
	note_committed(c, a->committed_through, t);
	take_credit(c, ack->credit);
	if (a->committed_through <= c->acknowledged)
		return;
	struct courier_action *action = add(t->out, COURIER_STORE_ACK);
	action->ack.committed_through = c->acknowledged = a->committed_through;
	action->ack.committed_at_us = a->committed_at_us;
	memcpy(action->ack.chain.bytes, a->chain.data, DIGEST_SIZE);
	memcpy(action->ack.signature, a->signature.data, SIGNATURE_SIZE);
	memcpy(action->ack.key_id, a->key_id.data, KEY_ID_SIZE);
}

static void settle_again(struct courier *c, struct turn *t)
{
	take_credit(c, t->envelope->ack->credit);
}

static void tell_unverified(struct courier *c, struct turn *t)
{
	c->counters.ignored_unverified++;
	field_number(tell(t, EVENT_ACK_UNVERIFIED), "committed_through",
		     t->envelope->ack->acknowledgement->committed_through);
}

static void take_verdict(const Tram__V1__Verdict *v, struct courier_verdict *ret)
{
	ret->verdict_seq = v->verdict_seq;
	ret->seq = v->seq;
	ret->known_at_us = v->known_at_us;
	memcpy(ret->epoch.bytes, v->epoch.data, EPOCH_SIZE);
	ret->body = codec_pack(&v->base, &ret->len);
}

static void store_verdicts(struct courier *c, struct turn *t)
{
	const Tram__V1__Verdicts *m = t->envelope->verdicts;
	size_t known = (size_t)(c->verdict_cursor + 1 - m->verdicts[0]->verdict_seq);
	struct courier_action *action = add(t->out, COURIER_STORE_VERDICTS);
	action->n = m->n_verdicts - known;
	action->verdicts = xcalloc(action->n, sizeof *action->verdicts);
	for (size_t i = 0; i < action->n; i++)
		take_verdict(m->verdicts[known + i], &action->verdicts[i]);
	c->verdict_cursor += action->n;
	c->verdict_known_at_us = m->verdicts[m->n_verdicts - 1]->known_at_us;
	c->counters.verdicts += action->n;
	c->speak_at = soonest(c->speak_at, t->now.monotonic_us + SOON_US);
}

/* The heartbeat tells the cursor, and the centre says them from there again. */
static void miss_verdicts(struct courier *c, struct turn *t)
{
	c->counters.verdict_gaps++;
	c->speak_at = soonest(c->speak_at, t->now.monotonic_us + SOON_US);
}

static void take_heartbeat(struct courier *c, struct turn *t)
{
	const Tram__V1__Heartbeat *h = t->envelope->heartbeat;
	c->skew_us = h->at_us - t->now.wall_us;
	take_credit(c, h->credit);
	want_codebook(c, h->catalogue_version, t);
}

static void say_heartbeat(struct courier *c, struct turn *t)
{
	Tram__V1__Heartbeat h = TRAM__V1__HEARTBEAT__INIT;
	h.session = c->session;
	h.at_us = t->now.wall_us;
	h.verdict_cursor = c->verdict_cursor;
	h.last_appended = c->last_appended;
	h.committed_through = least(c->committed, c->acknowledged); /* SUBSCRIBE is no acknowledgement */
	if (h.committed_through < c->last_appended)
		h.oldest_pending_us = c->source.handed_in_at(c->source.context, h.committed_through + 1);
	c->counters.heartbeats_sent++;
	c->speak_at = t->now.monotonic_us + c->limits.heartbeat_us;
	send_body(t, TRAM__V1__ENVELOPE__BODY_HEARTBEAT, &h);
}

static void store_codebook(struct courier *c, struct turn *t)
{
	const Tram__V1__Codebook *book = t->envelope->codebook;
	struct courier_action *action = add(t->out, COURIER_STORE_CODEBOOK);
	action->data = codec_pack(&book->base, &action->len);
	action->version = c->catalogue_version = book->catalogue_version;
	c->codebook_at = 0; /* a version that comes after it is asked for at once */
	field_number(tell(t, EVENT_CODEBOOK_STORED), "version", book->catalogue_version);
}

static void pass_check(struct courier *c, struct turn *t)
{
	const Tram__V1__CheckResult *r = t->envelope->check_result;
	struct courier_action *action = add(t->out, COURIER_CHECKED);
	(void)c;
	action->check_id = r->check_id;
	action->data = codec_pack(&r->base, &action->len);
}

static void pass_todo(struct courier *c, struct turn *t)
{
	const Tram__V1__Todo *r = t->envelope->todo;
	struct courier_action *action = add(t->out, COURIER_TODO);
	(void)c;
	action->check_id = r->request_id;
	action->data = codec_pack(&r->base, &action->len);
}

static void pass_refused(struct courier *c, struct turn *t)
{
	const Tram__V1__Refusal *r = t->envelope->refusal;
	bool of_check = r->answers == TRAM__V1__ENVELOPE__BODY_CHECK;
	struct courier_action *action = add(t->out, of_check ? COURIER_CHECKED : COURIER_TODO);
	(void)c;
	action->check_id = r->check_id;
	action->cause = t->cause;
	snprintf(action->text_vi, sizeof action->text_vi, "%s", r->message_vi);
	snprintf(action->text_en, sizeof action->text_en, "%s", r->message_en);
}

/* ---------------------------------------------------------------- publishing */

static bool may_publish(const struct courier *c)
{
	uint64_t wanted = least(c->settings.batch_bytes, c->credit_bytes);
	if (c->source_failed || c->next_seq > c->last_appended)
		return false;
	if (c->flights >= c->credit_batches || c->flights >= COURIER_FLIGHT_MAX || c->credit_bytes == 0)
		return false;
	/* With little credit left, wait for more rather than cut crumbs: an acknowledgement is on its way. */
	return c->flights == 0 || c->flight_bytes + wanted / 2 < c->credit_bytes;
}

static struct batch_limits limits_now(const struct courier *c)
{
	uint64_t room = least(c->credit_bytes - c->flight_bytes, c->limits.message_bytes - ENVELOPE_ROOM);
	struct batch_limits limits = {
	    .payload_wanted = least(c->settings.batch_bytes, room),
	    .payload_max = room,
	    .plain_max = c->limits.batch_bytes,
	    .reports = c->settings.batch_reports,
	};
	if (limits.reports > c->limits.batch_reports)
		limits.reports = c->limits.batch_reports;
	if (c->reports_cap && limits.reports > c->reports_cap)
		limits.reports = c->reports_cap;
	return limits;
}

static void send_batch(struct courier *c, const struct batch *batch, struct turn *t)
{
	struct courier_action *action = add(t->out, COURIER_SEND);
	action->data = batch->data;
	action->len = batch->len;
	action->first_seq = batch->first_seq;
	c->flight[c->flights++] = (struct courier_flight){batch->last_seq, batch->payload_len};
	c->flight_bytes += batch->payload_len;
	c->next_seq = batch->last_seq + 1;
	c->last_count = (uint32_t)(batch->last_seq - batch->first_seq + 1);
	c->counters.batches++;
	c->counters.payload_bytes += batch->payload_len;
	if (c->stalled_at == NEVER)
		c->stalled_at = t->now.monotonic_us + c->settings.stalled_us;
}

static void publish(struct courier *c, struct turn *t)
{
	send_batch(c, t->batch, t);
	if (may_publish(c))
		c->work_at = t->now.monotonic_us;
}

/* ---------------------------------------------------------------- the table */

#define IN(state) (1u << COURIER_##state)
#define OFF       IN(OFFLINE)
#define HELLO     IN(GREETING)
#define LIVE      IN(STREAMING)
#define QUIET     (IN(RESTING) | IN(FORKED))
#define ANY       (OFF | HELLO | LIVE | QUIET)
#define STAY      COURIER_STATES
#define TO(state) COURIER_##state

static void count_stale(struct courier *c, struct turn *t)
{
	(void)t;
	c->counters.ignored_stale++;
}

static void count_misplaced(struct courier *c, struct turn *t)
{
	(void)t;
	c->counters.ignored_misplaced++;
}

static void count_unreadable(struct courier *c, struct turn *t)
{
	(void)t;
	c->counters.ignored_unreadable++;
}

static void nothing(struct courier *c, struct turn *t)
{
	(void)c;
	(void)t;
}

/* What happens, in which states, where it leads, what is done. The first row that fits is taken; one always does. */
static const struct {
	unsigned states;
	enum happening happening;
	enum courier_state next;
	void (*act)(struct courier *, struct turn *);
	const char *why;
} table[] = {
    {OFF | HELLO | LIVE, LINK_UP, TO(GREETING), greet, "both keys are right: say who we are and where we stand"},
    {QUIET, LINK_UP, STAY, nothing, "the centre asked for quiet; a new connection changes nothing"},
    {HELLO | LIVE, LINK_DOWN, TO(OFFLINE), wait_for_link, "libzmq connects again by itself"},
    {OFF, LINK_DOWN, STAY, note_no_link, "could not be reached"},
    {QUIET, LINK_DOWN, STAY, nothing, "it was not in use"},
    {OFF | HELLO | LIVE, LINK_FAILED, TO(OFFLINE), plan_new_socket, "libzmq may never try again on this socket"},
    {OFF | HELLO | LIVE, LINK_HUNG_UP, TO(OFFLINE), plan_after_hang_up, "a wrong centre key, or a centre that stops"},
    {QUIET, LINK_HUNG_UP, STAY, nothing, "found out by the next HELLO that is not answered"},
    {QUIET, LINK_FAILED, STAY, nothing, "found out by the next HELLO that is not answered"},

    {OFF, TIMER, STAY, new_socket, "after a failed handshake, or after a long time without a connection"},
    {HELLO, TIMER, STAY, greet_again, "HELLO or its answer was lost, or the centre is slow"},
    {HELLO, TIMER_LAST, TO(OFFLINE), new_socket, "connected, but nobody answers"},
    {QUIET, TIMER, TO(GREETING), greet, "the rest is over"},
    {LIVE, SILENCE, TO(OFFLINE), new_socket, "the line is dead and nobody told us"},
    {LIVE, STALL, TO(GREETING), greet_stalled, "a PUBLISH or a refusal was lost: the answer to HELLO is the truth"},
    {LIVE, SPEAK, STAY, say_heartbeat, "a sign of life, and where we stand"},
    {LIVE, BATCH_READY, STAY, publish, "reports and credit are there"},
    {LIVE, BATCH_UNSENDABLE, TO(RESTING), rest, "a single report is over the centre's limits"},
    {ANY, NOT_STORED, TO(RESTING), rest, "what the centre said cannot be kept: ask again when there is room"},

    {HELLO | LIVE, SUBSCRIBED, TO(STREAMING), start_stream, "resume after what the centre has; its newest word holds"},
    {HELLO | LIVE, SUBSCRIBED_REWOUND, TO(GREETING), rewind_and_greet,
     "the centre was restored: forget what it forgot"},
    {HELLO | LIVE, SUBSCRIBED_FORKED, TO(FORKED), rest, "the centre has other reports than we do"},
    {HELLO | LIVE, SUBSCRIBED_TRIMMED, TO(RESTING), rest, "the centre wants what is no longer kept"},
    {LIVE, ACK_NEWS, STAY, settle, "committed: keep the proof, free the credit"},
    {LIVE, ACK_AGAIN, STAY, settle_again, "said again: only the credit may be new"},
    {LIVE, ACK_FORKED, TO(FORKED), rest, "signed by the centre, and not our chain"},
    {LIVE, ACK_UNVERIFIED, STAY, tell_unverified, "not signed by the centre we know: as if it had not been said"},
    {LIVE, VERDICTS_NEWS, STAY, store_verdicts, "keep those that are new"},
    {LIVE, VERDICTS_OLD, STAY, nothing, "kept already"},
    {LIVE, VERDICTS_GAP, STAY, miss_verdicts, "some were lost on the way: tell the cursor"},
    {LIVE, HEARTBEAT, STAY, take_heartbeat, "the centre lives; its credit and catalogue"},
    {LIVE, CODEBOOK, STAY, store_codebook, "the codes this province may use"},
    {LIVE, CHECKED, STAY, pass_check, "judged, and nothing stored"},
    {LIVE, CHECK_REFUSED, STAY, pass_refused, "not judged; the session goes on"},
    {LIVE, OWED, STAY, pass_todo, "what this province owes"},
    {LIVE, TODO_REFUSED, STAY, pass_refused, "not told; the session goes on"},
    {HELLO | LIVE, REFUSED, TO(RESTING), rest, "the session is over; what to do is the refusal's"},
    {HELLO | LIVE, REFUSED_FORKED, TO(FORKED), rest, "the centre says that outbox and stream disagree"},

    {ANY, STALE, STAY, count_stale, "of a session that is over"},
    {ANY, UNREADABLE, STAY, count_unreadable, "no message of this protocol"},
    {ANY, MISPLACED, STAY, count_misplaced, "not what a centre says to an agent"},
};

static void happen(struct courier *c, enum happening what, struct turn *t)
{
	for (size_t i = 0; i < COUNT(table); i++)
		if (table[i].happening == what && (table[i].states & 1u << c->state)) {
			if (table[i].next != STAY)
				c->state = table[i].next;
			table[i].act(c, t);
			return;
		}
	count_misplaced(c, t); /* a centre's message in a state that does not expect it */
}

/* ---------------------------------------------------------------- messages: what they mean */

static bool is_exact(ProtobufCBinaryData data, size_t len)
{
	return data.len == len;
}

/* Our own chain at seq against the centre's; *ret_same. False: the source failed. */
static bool same_chain(struct courier *c, uint64_t seq, ProtobufCBinaryData theirs, bool *ret_same)
{
	struct digest ours;
	if (!c->source.chain(c->source.context, seq, &ours)) {
		c->source_failed = true;
		return false;
	}
	*ret_same = memcmp(ours.bytes, theirs.data, DIGEST_SIZE) == 0;
	return true;
}

static enum happening classify_subscribe(struct courier *c, const Tram__V1__Subscribe *s, struct turn *t)
{
	const Tram__V1__Position *at = s->resume_after;
	bool same;
	if (s->session == 0 || !at || !is_exact(at->epoch, EPOCH_SIZE) || !is_exact(at->chain, DIGEST_SIZE))
		return MISPLACED;
	if (memcmp(at->epoch.data, c->settings.epoch.bytes, EPOCH_SIZE) != 0)
		return STALE;
	t->cause = CAUSE_FORKED;
	t->wait_us = PERSON_US;
	if (at->seq > c->last_appended)
		return SUBSCRIBED_FORKED;
	if (at->seq < c->source.trimmed(c->source.context)) {
		t->cause = CAUSE_TRIMMED;
		return SUBSCRIBED_TRIMMED;
	}
	if (!same_chain(c, at->seq, at->chain, &same))
		return STALE;
	if (!same)
		return SUBSCRIBED_FORKED;
	return s->verdict_cursor < c->verdict_cursor ? SUBSCRIBED_REWOUND : SUBSCRIBED;
}

static bool is_signed(const struct courier *c, const Tram__V1__Acknowledgement *a)
{
	struct ack_header header = {.agent = c->settings.agent,
				    .epoch = c->settings.epoch,
				    .committed_through = a->committed_through,
				    .committed_at_us = a->committed_at_us};
	memcpy(header.chain.bytes, a->chain.data, DIGEST_SIZE);
	return ack_verify(&header, c->settings.centre_sign_public, a->signature.data);
}

static enum happening classify_ack(struct courier *c, const Tram__V1__Ack *ack, struct turn *t)
{
	const Tram__V1__Acknowledgement *a = ack->acknowledgement;
	bool same;
	if (ack->session != c->session)
		return STALE;
	if (!a || !is_exact(a->epoch, EPOCH_SIZE) || !is_exact(a->chain, DIGEST_SIZE) ||
	    !is_exact(a->signature, SIGNATURE_SIZE) || !is_exact(a->key_id, KEY_ID_SIZE))
		return MISPLACED;
	if (memcmp(a->epoch.data, c->settings.epoch.bytes, EPOCH_SIZE) != 0)
		return STALE;
	/* What was said before was verified then; but a proof of it may still be wanting. */
	if (a->committed_through <= c->committed && a->committed_through <= c->acknowledged)
		return ACK_AGAIN;
	if (!is_signed(c, a))
		return ACK_UNVERIFIED;
	t->cause = CAUSE_FORKED;
	t->wait_us = PERSON_US;
	if (a->committed_through > c->last_appended)
		return ACK_FORKED;
	if (a->committed_through < c->committed)
		return ACK_AGAIN;
	if (!same_chain(c, a->committed_through, a->chain, &same))
		return STALE;
	return same ? ACK_NEWS : ACK_FORKED;
}

static enum happening classify_verdicts(const struct courier *c, const Tram__V1__Verdicts *m)
{
	if (m->session != c->session)
		return STALE;
	for (size_t i = 0; i < m->n_verdicts; i++)
		if (!is_exact(m->verdicts[i]->epoch, EPOCH_SIZE) ||
		    m->verdicts[i]->verdict_seq != m->verdicts[0]->verdict_seq + i || m->verdicts[i]->seq > INT64_MAX)
			return MISPLACED;
	if (m->n_verdicts == 0 || m->verdicts[0]->verdict_seq == 0)
		return MISPLACED;
	if (m->verdicts[0]->verdict_seq > c->verdict_cursor + 1)
		return VERDICTS_GAP;
	return m->verdicts[m->n_verdicts - 1]->verdict_seq > c->verdict_cursor ? VERDICTS_NEWS : VERDICTS_OLD;
}

static const struct {
	Tram__V1__RefusalCode code;
	enum cause_id cause;
} refusals[] = {
    {TRAM__V1__REFUSAL_CODE__REFUSAL_CODE_SUPERSEDED, CAUSE_SUPERSEDED},
    {TRAM__V1__REFUSAL_CODE__REFUSAL_CODE_UNKNOWN_AGENT, CAUSE_UNKNOWN_AGENT},
    {TRAM__V1__REFUSAL_CODE__REFUSAL_CODE_REVOKED, CAUSE_REVOKED},
    {TRAM__V1__REFUSAL_CODE__REFUSAL_CODE_WRONG_AGENT, CAUSE_WRONG_AGENT},
    {TRAM__V1__REFUSAL_CODE__REFUSAL_CODE_FORKED, CAUSE_FORKED},
    {TRAM__V1__REFUSAL_CODE__REFUSAL_CODE_GAP, CAUSE_GAP},
    {TRAM__V1__REFUSAL_CODE__REFUSAL_CODE_BAD_SIGNATURE, CAUSE_BAD_SIGNATURE},
    {TRAM__V1__REFUSAL_CODE__REFUSAL_CODE_BAD_CHAIN, CAUSE_BAD_CHAIN},
    {TRAM__V1__REFUSAL_CODE__REFUSAL_CODE_MALFORMED, CAUSE_MALFORMED},
    {TRAM__V1__REFUSAL_CODE__REFUSAL_CODE_TOO_LARGE, CAUSE_TOO_LARGE},
    {TRAM__V1__REFUSAL_CODE__REFUSAL_CODE_SCHEMA, CAUSE_SCHEMA},
    {TRAM__V1__REFUSAL_CODE__REFUSAL_CODE_NO_SESSION, CAUSE_NO_SESSION},
    {TRAM__V1__REFUSAL_CODE__REFUSAL_CODE_BUSY, CAUSE_BUSY},
    {TRAM__V1__REFUSAL_CODE__REFUSAL_CODE_OVER_CREDIT, CAUSE_OVER_CREDIT},
};

static void look_up_refusal(const Tram__V1__Refusal *r, struct turn *t)
{
	t->cause = CAUSE_OTHER;
	for (size_t i = 0; i < COUNT(refusals); i++)
		if (refusals[i].code == r->code)
			t->cause = refusals[i].cause;
	t->wait_us = r->retry_after_ms ? soonest(r->retry_after_ms * INT64_C(1000), PERSON_US) : PERSON_US;
}

/* A batch that was too large is cut smaller the next time, while it has more than one report. */
static void shrink_batches(struct courier *c, struct turn *t)
{
	if (t->cause != CAUSE_TOO_LARGE || c->last_count < 2)
		return;
	c->reports_cap = c->last_count / 2;
	t->wait_us = 0;
}

static enum happening classify_refusal(struct courier *c, const Tram__V1__Refusal *r, struct turn *t)
{
	bool of_hello = r->session == 0 && r->answers == TRAM__V1__ENVELOPE__BODY_HELLO;
	if (r->session != 0 && r->session != c->session)
		return STALE;
	if (of_hello && c->state == COURIER_STREAMING)
		return STALE; /* another HELLO of ours was answered already */
	look_up_refusal(r, t);
	if (r->answers == TRAM__V1__ENVELOPE__BODY_CHECK)
		return CHECK_REFUSED;
	if (r->answers == TRAM__V1__ENVELOPE__BODY_TODO_REQUEST)
		return TODO_REFUSED;
	if (r->answers == TRAM__V1__ENVELOPE__BODY_CODEBOOK_REQUEST)
		return STALE; /* asked again with a later heartbeat */
	shrink_batches(c, t);
	return t->cause == CAUSE_FORKED ? REFUSED_FORKED : REFUSED;
}

static enum happening classify(struct courier *c, const Tram__V1__Envelope *e, struct turn *t)
{
	if (!e)
		return UNREADABLE;
	switch (e->body_case) {
	case TRAM__V1__ENVELOPE__BODY_SUBSCRIBE: return classify_subscribe(c, e->subscribe, t);
	case TRAM__V1__ENVELOPE__BODY_ACK: return classify_ack(c, e->ack, t);
	case TRAM__V1__ENVELOPE__BODY_VERDICTS: return classify_verdicts(c, e->verdicts);
	case TRAM__V1__ENVELOPE__BODY_HEARTBEAT: return e->heartbeat->session == c->session ? HEARTBEAT : STALE;
	case TRAM__V1__ENVELOPE__BODY_REFUSAL: return classify_refusal(c, e->refusal, t);
	case TRAM__V1__ENVELOPE__BODY_CODEBOOK: return e->codebook->catalogue_version ? CODEBOOK : MISPLACED;
	case TRAM__V1__ENVELOPE__BODY_CHECK_RESULT:
		if (!e->check_result->verdict)
			return MISPLACED;
		return e->check_result->session == c->session ? CHECKED : STALE;
	case TRAM__V1__ENVELOPE__BODY_TODO: return e->todo->session == c->session ? OWED : STALE;
	default: return MISPLACED;
	}
}

/* ---------------------------------------------------------------- inputs */

void courier_init(struct courier *c, const struct courier_settings *settings, const struct source *source,
		  const struct courier_start *start, struct arena *arena, struct courier_time now)
{
	memset(c, 0, sizeof *c);
	c->settings = *settings;
	c->source = *source;
	c->arena = arena;
	c->state = COURIER_OFFLINE;
	c->cause = CAUSE_STARTING;
	c->last_appended = start->last_appended;
	c->committed = c->acknowledged = start->acknowledged;
	c->verdict_cursor = start->verdict_cursor;
	c->verdict_known_at_us = start->verdict_known_at_us;
	c->catalogue_version = start->catalogue_version;
	c->link_retry = (struct retry){.base_us = settings->reconnect_us, .limit_us = settings->reconnect_max_us};
	c->refusal_retry = (struct retry){.base_us = SECOND / 5, .limit_us = MINUTE};
	forget_session(c);
	c->act_at = now.monotonic_us + about(c, NO_LINK_US);
}

/* A report that does not fit what credit is left waits for more; one that fits no message will never be taken. */
static void judge_too_large(struct courier *c, const struct batch_limits *limits, struct turn *t)
{
	if (limits->payload_max < c->limits.message_bytes - ENVELOPE_ROOM)
		return;
	t->cause = CAUSE_TOO_LARGE;
	t->wait_us = PERSON_US;
	happen(c, BATCH_UNSENDABLE, t);
}

/* After every input: one batch, if reports and credit are there; the caller's loop sees to its other work in between. */
static void finish(struct courier *c, struct turn *t)
{
	struct batch batch;
	c->work_at = NEVER;
	if (c->state != COURIER_STREAMING || !may_publish(c))
		return;
	const struct batch_author author = {c->settings.agent, c->settings.epoch, c->settings.sign_secret,
					    c->settings.sign_public};
	const struct batch_limits limits = limits_now(c);
	t->envelope = NULL;
	t->batch = &batch;
	switch (batch_cut(&c->source, &author, c->session, c->next_seq, c->last_appended, &limits, c->arena, &batch)) {
	case BATCH_CUT: happen(c, BATCH_READY, t); break;
	case BATCH_TOO_LARGE: judge_too_large(c, &limits, t); break;
	case BATCH_FAILED: c->source_failed = true; break;
	}
}

static void heard(struct courier *c, struct courier_time now)
{
	c->heard_at = now.monotonic_us;
	if (c->state == COURIER_STREAMING)
		c->silent_at = now.monotonic_us + HEARTBEATS_HEARD * c->limits.heartbeat_us;
}

static const struct {
	enum road_event event;
	enum happening happening;
	enum cause_id cause;
} links[] = {
    {ROAD_EVENT_READY, LINK_UP, CAUSE_NONE},
    {ROAD_EVENT_DISCONNECTED, LINK_DOWN, CAUSE_DISCONNECTED},
    {ROAD_EVENT_UNANSWERED, LINK_FAILED, CAUSE_UNANSWERED},
    {ROAD_EVENT_BROKEN, LINK_HUNG_UP, CAUSE_WRONG_CENTRE},
    {ROAD_EVENT_NOT_CURVE, LINK_FAILED, CAUSE_NOT_CENTRE},
    {ROAD_EVENT_REFUSED, LINK_FAILED, CAUSE_KEY_REFUSED},
};

void courier_link(struct courier *c, enum road_event event, struct courier_time now, struct courier_actions *out)
{
	struct turn t = {.now = now, .out = out};
	for (size_t i = 0; i < COUNT(links); i++)
		if (links[i].event == event) {
			t.cause = links[i].cause;
			happen(c, links[i].happening, &t);
		}
}

void courier_message(struct courier *c, const Tram__V1__Envelope *envelope, struct courier_time now,
		     struct courier_actions *out)
{
	struct turn t = {.now = now, .envelope = envelope, .out = out};
	if (envelope && envelope->version != 1)
		t.envelope = envelope = NULL;
	happen(c, classify(c, envelope, &t), &t);
	heard(c, now);
	finish(c, &t);
}

void courier_appended(struct courier *c, uint64_t last_appended, struct courier_time now, struct courier_actions *out)
{
	struct turn t = {.now = now, .out = out};
	c->last_appended = last_appended;
	/* Without credit the centre must hear that there is something to be sent: whose turn it is depends on it. */
	if (c->state == COURIER_STREAMING && c->credit_bytes == 0)
		c->speak_at = soonest(c->speak_at, now.monotonic_us + SOON_US);
	finish(c, &t);
}

static void answer_not(struct courier *c, enum courier_action_kind kind, uint64_t check_id, enum cause_id cause,
		       struct courier_actions *out)
{
	struct courier_action *action = add(out, kind);
	action->check_id = check_id;
	action->cause = cause;
	snprintf(action->text_vi, sizeof action->text_vi, "%s", c->cause_vi);
	snprintf(action->text_en, sizeof action->text_en, "%s", c->cause_en);
}

void courier_check(struct courier *c, uint64_t check_id, const void *report, size_t len, struct courier_time now,
		   struct courier_actions *out)
{
	struct turn t = {.now = now, .out = out};
	Tram__V1__Check check = TRAM__V1__CHECK__INIT;
	bool live = c->state == COURIER_STREAMING;
	if (!live || len + ENVELOPE_ROOM > c->limits.message_bytes) {
		answer_not(c, COURIER_CHECKED, check_id, live ? CAUSE_TOO_LARGE : c->cause, out);
		return;
	}
	check.session = c->session;
	check.check_id = check_id;
	check.report = blob(report, len);
	send_body(&t, TRAM__V1__ENVELOPE__BODY_CHECK, &check);
}

void courier_todo(struct courier *c, uint64_t id, struct courier_time now, struct courier_actions *out)
{
	struct turn t = {.now = now, .out = out};
	Tram__V1__TodoRequest request = TRAM__V1__TODO_REQUEST__INIT;
	if (c->state != COURIER_STREAMING) {
		answer_not(c, COURIER_TODO, id, c->cause, out);
		return;
	}
	request.session = c->session;
	request.request_id = id;
	send_body(&t, TRAM__V1__ENVELOPE__BODY_TODO_REQUEST, &request);
}

/* Whether a timer is due; it is stopped, and whoever acts sets it anew. */
static bool due(int64_t *at, int64_t now_us)
{
	if (now_us < *at)
		return false;
	*at = NEVER;
	return true;
}

void courier_tick(struct courier *c, struct courier_time now, struct courier_actions *out)
{
	struct turn t = {.now = now, .out = out};
	if (due(&c->silent_at, now.monotonic_us)) {
		t.cause = CAUSE_SILENT;
		happen(c, SILENCE, &t);
	}
	if (due(&c->act_at, now.monotonic_us)) {
		bool last = c->state == COURIER_GREETING && c->hello_tries >= HELLO_TRIES;
		t.cause = last ? CAUSE_NO_ANSWER : CAUSE_NONE;
		happen(c, last ? TIMER_LAST : TIMER, &t);
	}
	if (due(&c->stalled_at, now.monotonic_us))
		happen(c, STALL, &t);
	if (due(&c->speak_at, now.monotonic_us))
		happen(c, SPEAK, &t);
	finish(c, &t);
}

void courier_unsent(struct courier *c, uint64_t first_seq, struct courier_time now)
{
	c->counters.unsent++;
	while (c->flights > 0 && c->flight[c->flights - 1].last_seq >= first_seq)
		c->flight_bytes -= c->flight[--c->flights].bytes;
	if (c->next_seq > first_seq)
		c->next_seq = first_seq;
	if (c->flights == 0)
		c->stalled_at = NEVER;
	if (c->state == COURIER_STREAMING)
		c->work_at = now.monotonic_us + SOON_US;
}

void courier_try_now(struct courier *c, struct courier_time now)
{
	if (1u << c->state & QUIET)
		c->act_at = now.monotonic_us;
}

void courier_not_stored(struct courier *c, const struct courier_start *start, struct courier_time now,
			struct courier_actions *out)
{
	struct turn t = {.now = now, .cause = CAUSE_OUTBOX_FULL, .wait_us = MINUTE, .out = out};
	c->last_appended = start->last_appended;
	c->acknowledged = start->acknowledged;
	c->committed = least(c->committed, start->acknowledged); /* a centre that was restored may have less */
	c->verdict_cursor = start->verdict_cursor;
	c->verdict_known_at_us = start->verdict_known_at_us;
	c->catalogue_version = start->catalogue_version;
	happen(c, NOT_STORED, &t);
}

/* ---------------------------------------------------------------- outputs */

int64_t courier_deadline(const struct courier *c)
{
	int64_t at = soonest(c->act_at, c->silent_at);
	at = soonest(at, soonest(c->stalled_at, c->speak_at));
	return soonest(at, c->work_at);
}

uint64_t courier_committed_now(const struct courier *c)
{
	/* An outbox that is full must be able to forget, though the session ended over it a moment ago. */
	bool is_full = c->state == COURIER_RESTING && c->cause == CAUSE_OUTBOX_FULL;
	return c->state == COURIER_STREAMING || is_full ? c->committed : 0;
}
