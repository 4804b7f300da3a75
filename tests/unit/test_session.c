/* SPDX-License-Identifier: Apache-2.0 */
/* The centre's half of the protocol, as conversations: each step is an input, and all that comes out of it. */
#include "session.h"

#include "mem.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define SECOND      INT64_C(1000000)
#define STEPS       24
#define TRACE       1024
#define LAST        UINT64_MAX /* the session made last */
#define BEFORE_LAST (UINT64_MAX - 1)

/* ---------------------------------------------------------------- a core and what goes in */

struct world {
	struct session_core *core;
	struct counters counters;
	struct roster *roster;
	struct keys centre;
	struct session_time now;
	uint64_t random, last_session;
	char trace[TRACE];
};

static uint64_t next_random(void *context)
{
	return ++((struct world *)context)->random;
}

static const struct roster_row rows[] = {
    {.agent = "a", .curve_public = "ka", .signing_public = {1}},
    {.agent = "b", .curve_public = "kb", .signing_public = {2}},
    {.agent = "revoked", .curve_public = "kr", .signing_public = {3}, .state = ROSTER_REVOKED},
    {.agent = "suspended", .curve_public = "ks", .signing_public = {4}, .state = ROSTER_SUSPENDED},
};
#define ROWS (sizeof(rows) / sizeof(rows[0]))

static const struct session_settings settings = {
    .credit = {.total_bytes = 1000, .most_bytes = 600, .least_bytes = 200, .most_batches = 3, .grace_us = 10 * SECOND},
    .message_bytes = 8000,
    .report_bytes = 500,
    .batch_bytes = 9000,
    .observations = 100,
    .batch_reports = 10,
    .heartbeat_us = 5 * SECOND,
    .ack_repeat_us = 2 * SECOND,
    .checks = 3,
    .lanes = 1,
    .random = next_random,
};

static int setup(void **state)
{
	struct world *w = xcalloc(1, sizeof(*w));
	struct session_settings s = settings;
	assert_true(keys_make("centre", &w->centre, NULL));
	s.centre = &w->centre;
	s.random_context = w;
	w->roster = roster_new(rows, ROWS, NULL);
	w->core = session_core_new(&s, w->roster, 7, &w->counters);
	w->now = (struct session_time){.wall_us = 1700000000 * SECOND, .monotonic_us = 100 * SECOND};
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;
	session_core_free(&w->core);
	roster_free(&w->roster);
	free(w);
	return 0;
}

/* Bytes of which only the first differs. */
static ProtobufCBinaryData filled(uint8_t *buf, size_t len, uint8_t first)
{
	memset(buf, 0, len);
	buf[0] = first;
	return (ProtobufCBinaryData){len, buf};
}

/* ---------------------------------------------------------------- steps */

enum input {
	END, /* of a conversation */
	HELLO,
	HELLO_AS,    /* the name inside is another one */
	HELLO_SIGN,  /* another signing key */
	HELLO_SHORT, /* an epoch of 15 bytes */
	HELLO_SCHEMA,
	PUBLISH,
	HEARTBEAT,
	CHECK,
	OWED_ASK,
	CODEBOOK,
	ACK, /* only the centre may */
	NOISE,
	SUBSCRIBED,
	REFUSED_HELLO,
	REFUSED_PUBLISH,
	REFUSED_CHECK,
	REFUSED_TODO,
	COMMITTED,
	CHECKED,
	OWED,      /* n: its id; batches: items of about 100 bytes */
	OWED_LESS, /* none could be made */
	VERDICTS,
	WAIT,  /* n seconds in steps of one, ticking */
	SLEEP, /* n seconds, then one tick */
	STORE_DOWN,
	STORE_UP,
	REVOKE_A,
	CATALOGUE,
	NEWS, /* verdicts in the store go to n */
	GONE,
	STOP,
	JOB_FULL, /* the last job was not taken */
};

/* Defaults: agent a, peer 1, the last session, epoch and nonce 0. */
struct step {
	enum input input;
	const char *expect;
	const char *agent;
	uint64_t peer, session;
	uint64_t n; /* publish: payload bytes; results: seq; heartbeat: cursor; wait: seconds; check: id */
	uint64_t confirmed;
	uint64_t last; /* publish: its last seq; 0: 5 */
	uint8_t nonce, epoch;
	bool timed;                           /* subscribed: the store knows when it committed */
	uint64_t verdict_first, verdict_last; /* results: the verdicts in it */
	uint64_t verdict_seq;
	uint64_t bytes, batches; /* results: credit that is free again; publish: bytes of signature */
	Tram__V1__RefusalCode code;
	enum session_cause cause;
	bool differ; /* subscribed: the agent holds other verdicts */
};

struct conversation {
	const char *name;
	struct step steps[STEPS];
};

static void tell(struct world *w, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void tell(struct world *w, const char *format, ...)
{
	size_t len = strlen(w->trace);
	va_list args;
	va_start(args, format);
	snprintf(w->trace + len, sizeof(w->trace) - len, "%s", len ? "; " : "");
	len = strlen(w->trace);
	vsnprintf(w->trace + len, sizeof(w->trace) - len, format, args);
	va_end(args);
}

static const char *agent_of(const struct step *s)
{
	return s->agent ? s->agent : "a";
}

static uint64_t peer_of(const struct step *s)
{
	return s->peer ? s->peer : 1;
}

static uint64_t session_of(const struct world *w, const struct step *s)
{
	if (s->session == 0 || s->session == LAST)
		return w->last_session;
	return s->session == BEFORE_LAST ? w->last_session - 1 : s->session;
}

/* ---------------------------------------------------------------- messages in */

static void give(struct world *w, const struct step *s, Tram__V1__Envelope__BodyCase type, void *body)
{
	size_t len;
	uint8_t *data = codec_pack_envelope(type, body, &len);
	struct arena *arena = arena_new(1 << 20);
	struct session_message m = {.peer = peer_of(s), .user = agent_of(s), .data = data, .len = len};
	m.envelope = codec_envelope(arena, data, len, NULL);
	assert_non_null(m.envelope);
	session_take_message(w->core, &m, w->now);
	arena_free(&arena);
	free(data);
}

static void give_hello(struct world *w, const struct step *s)
{
	uint8_t epoch[EPOCH_SIZE], chain[DIGEST_SIZE], nonce[16], key[SIGN_PUBLIC_SIZE];
	const struct roster_row *row = roster_by_agent(w->roster, agent_of(s));
	Tram__V1__Hello h = TRAM__V1__HELLO__INIT;
	h.agent = (char *)(uintptr_t)(s->input == HELLO_AS ? "b" : agent_of(s));
	h.epoch = filled(epoch, s->input == HELLO_SHORT ? EPOCH_SIZE - 1 : EPOCH_SIZE, s->epoch);
	h.last_chain = filled(chain, DIGEST_SIZE, 9);
	h.boot_nonce = filled(nonce, sizeof(nonce), s->nonce);
	h.signing_key = filled(key, SIGN_PUBLIC_SIZE, s->input == HELLO_SIGN ? 99 : row->signing_public[0]);
	h.first_kept = 1;
	h.last_appended = 10;
	h.verdict_cursor = s->n;
	h.schema = s->input == HELLO_SCHEMA ? 2 : 1;
	h.software = (char *)(uintptr_t) "test";
	give(w, s, TRAM__V1__ENVELOPE__BODY_HELLO, &h);
}

static void give_publish(struct world *w, const struct step *s)
{
	Tram__V1__Publish p = TRAM__V1__PUBLISH__INIT;
	uint8_t *payload = xcalloc(1, s->n + 1), epoch[EPOCH_SIZE], chain[DIGEST_SIZE];
	p.session = session_of(w, s);
	p.epoch = filled(epoch, sizeof(epoch), s->epoch);
	p.first_seq = s->last ? s->last : 5;
	p.count = 1;
	p.chain = filled(chain, sizeof(chain), (uint8_t)(p.first_seq + s->nonce)); /* nonce 0: as results have it */
	p.payload = (ProtobufCBinaryData){s->n, payload};
	p.signature = (ProtobufCBinaryData){s->bytes, xcalloc(1, s->bytes + 1)};
	give(w, s, TRAM__V1__ENVELOPE__BODY_PUBLISH, &p);
	free(payload);
	free(p.signature.data);
}

static void give_heartbeat(struct world *w, const struct step *s)
{
	Tram__V1__Heartbeat h = TRAM__V1__HEARTBEAT__INIT;
	h.session = session_of(w, s);
	h.verdict_cursor = s->n;
	h.committed_through = s->confirmed;
	give(w, s, TRAM__V1__ENVELOPE__BODY_HEARTBEAT, &h);
}

static void give_check(struct world *w, const struct step *s)
{
	uint8_t report[501] = {0};
	Tram__V1__Check c = TRAM__V1__CHECK__INIT;
	c.session = session_of(w, s);
	c.check_id = s->n;
	c.report = (ProtobufCBinaryData){s->bytes, report};
	give(w, s, TRAM__V1__ENVELOPE__BODY_CHECK, &c);
}

static void give_todo_request(struct world *w, const struct step *s)
{
	Tram__V1__TodoRequest r = TRAM__V1__TODO_REQUEST__INIT;
	r.session = session_of(w, s);
	r.request_id = s->n;
	give(w, s, TRAM__V1__ENVELOPE__BODY_TODO_REQUEST, &r);
}

static void give_codebook_request(struct world *w, const struct step *s)
{
	Tram__V1__CodebookRequest r = TRAM__V1__CODEBOOK_REQUEST__INIT;
	r.session = session_of(w, s);
	give(w, s, TRAM__V1__ENVELOPE__BODY_CODEBOOK_REQUEST, &r);
}

static void give_noise(struct world *w, const struct step *s)
{
	struct session_message m = {.peer = peer_of(s), .user = agent_of(s), .data = (const uint8_t *)"x", .len = 1};
	session_take_message(w->core, &m, w->now);
}

/* ---------------------------------------------------------------- results in */

static void give_result(struct world *w, const struct step *s, enum session_result_kind kind, enum session_job refused)
{
	Tram__V1__Verdict verdicts[16], *list[16];
	struct session_result r = {
	    .kind = kind,
	    .agent = agent_of(s),
	    .session = session_of(w, s),
	    .peer = peer_of(s),
	    .epoch = {{s->epoch}},
	    .seq = s->n,
	    .chain = {{(uint8_t)s->n}},
	    .verdict_seq = s->verdict_seq > s->verdict_last ? s->verdict_seq : s->verdict_last,
	    .committed_at_us = kind == SESSION_COMMITTED || s->timed ? w->now.wall_us : 0,
	    .done = {.bytes = s->bytes, .batches = (uint32_t)s->batches},
	    .refused = refused,
	    .refusal = s->code,
	    .cause = s->cause,
	    .verdicts_differ = s->differ,
	    .verdicts = list,
	    .check_id = s->n,
	};
	for (uint64_t v = s->verdict_first; v && v <= s->verdict_last; v++, r.n_verdicts++) {
		tram__v1__verdict__init(&verdicts[r.n_verdicts]);
		verdicts[r.n_verdicts].verdict_seq = v;
		list[r.n_verdicts] = &verdicts[r.n_verdicts];
	}
	session_take_result(w->core, &r, w->now);
}

static void give_owed(struct world *w, const struct step *s)
{
	enum { MOST = 300 };
	static char text[] =
	    "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890";
	Tram__V1__Todo todo = TRAM__V1__TODO__INIT;
	Tram__V1__TodoItem items[MOST], *list[MOST];
	struct session_result r = {.kind = SESSION_OWED,
				   .agent = agent_of(s),
				   .session = session_of(w, s),
				   .peer = peer_of(s),
				   .check_id = s->n,
				   .todo = s->input == OWED ? &todo : NULL};
	todo.items = list;
	todo.more = 1;
	for (; todo.n_items < s->batches; todo.n_items++) {
		tram__v1__todo_item__init(&items[todo.n_items]);
		items[todo.n_items].found = text;
		list[todo.n_items] = &items[todo.n_items];
	}
	session_take_result(w->core, &r, w->now);
}

static void revoke_a(struct world *w)
{
	struct roster_row changed[ROWS];
	memcpy(changed, rows, sizeof(rows));
	changed[0].state = ROSTER_REVOKED;
	struct roster *old = w->roster;
	w->roster = roster_new(changed, ROWS, NULL);
	session_set_roster(w->core, w->roster, w->now);
	roster_free(&old);
}

static void pass(struct world *w, uint64_t seconds)
{
	w->now.wall_us += (int64_t)seconds * SECOND;
	w->now.monotonic_us += (int64_t)seconds * SECOND;
	session_tick(w->core, w->now);
}

static void refuse_last_job(struct world *w, const struct step *s)
{
	struct session_action job = {.kind = SESSION_JOB,
				     .job = (enum session_job)s->n,
				     .session = session_of(w, s),
				     .peer = peer_of(s),
				     .payload_bytes = s->bytes};
	snprintf(job.agent, sizeof(job.agent), "%s", agent_of(s));
	session_job_refused(w->core, &job, w->now);
}

static void drain(struct world *w);

static void put_in(struct world *w, const struct step *s)
{
	Tram__V1__Ack ack = TRAM__V1__ACK__INIT;
	switch (s->input) {
	case END: break;
	case HELLO:
	case HELLO_AS:
	case HELLO_SIGN:
	case HELLO_SHORT:
	case HELLO_SCHEMA: give_hello(w, s); break;
	case PUBLISH: give_publish(w, s); break;
	case HEARTBEAT: give_heartbeat(w, s); break;
	case CHECK: give_check(w, s); break;
	case OWED_ASK: give_todo_request(w, s); break;
	case CODEBOOK: give_codebook_request(w, s); break;
	case ACK: give(w, s, TRAM__V1__ENVELOPE__BODY_ACK, &ack); break;
	case NOISE: give_noise(w, s); break;
	case SUBSCRIBED: give_result(w, s, SESSION_SUBSCRIBED, 0); break;
	case REFUSED_HELLO: give_result(w, s, SESSION_REFUSED, SESSION_JOB_HELLO); break;
	case REFUSED_PUBLISH: give_result(w, s, SESSION_REFUSED, SESSION_JOB_PUBLISH); break;
	case REFUSED_CHECK: give_result(w, s, SESSION_REFUSED, SESSION_JOB_CHECK); break;
	case REFUSED_TODO: give_result(w, s, SESSION_REFUSED, SESSION_JOB_TODO); break;
	case OWED:
	case OWED_LESS: give_owed(w, s); break;
	case COMMITTED: give_result(w, s, SESSION_COMMITTED, 0); break;
	case CHECKED: give_result(w, s, SESSION_CHECKED, 0); break;
	case VERDICTS: give_result(w, s, SESSION_VERDICTS, 0); break;
	case WAIT:
		for (uint64_t i = 0; i < s->n; i++, drain(w))
			pass(w, 1);
		break;
	case SLEEP: pass(w, s->n); break;
	case STORE_DOWN: session_set_store(w->core, 0, false, w->now); break;
	case STORE_UP: session_set_store(w->core, 0, true, w->now); break;
	case REVOKE_A: revoke_a(w); break;
	case CATALOGUE: session_set_catalogue(w->core, 8, w->now); break;
	case NEWS: session_set_verdicts(w->core, agent_of(s), s->n); break;
	case GONE: session_peer_gone(w->core, agent_of(s), peer_of(s), w->now); break;
	case STOP: session_stop(w->core); break;
	case JOB_FULL: refuse_last_job(w, s); break;
	}
}

/* ---------------------------------------------------------------- actions out, as text */

static const char *const codes[] = {"?",         "SUPERSEDED", "UNKNOWN",    "REVOKED", "WRONG_AGENT",
				    "FORKED",    "GAP",        "SIGNATURE",  "CHAIN",   "MALFORMED",
				    "TOO_LARGE", "SCHEMA",     "NO_SESSION", "BUSY",    "OVER_CREDIT"};

static void tell_ack(struct world *w, const struct session_action *a, const Tram__V1__Ack *ack)
{
	struct ack_header header = {.agent = a->agent,
				    .committed_through = ack->acknowledgement->committed_through,
				    .committed_at_us = ack->acknowledgement->committed_at_us};
	memcpy(header.epoch.bytes, ack->acknowledgement->epoch.data, EPOCH_SIZE);
	memcpy(header.chain.bytes, ack->acknowledgement->chain.data, DIGEST_SIZE);
	bool verifies = ack_verify(&header, w->centre.sign_public, ack->acknowledgement->signature.data);
	tell(w, "%" PRIu64 "<ack %" PRIu64 " credit %" PRIu64 "/%u%s", a->peer, header.committed_through,
	     ack->credit->bytes, ack->credit->batches, verifies ? "" : " BAD SIGNATURE");
}

static void tell_refusal(struct world *w, const struct session_action *a, const Tram__V1__Refusal *r)
{
	assert_true(r->message_vi[0] && r->message_en[0]);
	tell(w, "%" PRIu64 "<%s", a->peer, codes[r->code]);
	if (r->at)
		tell(w, "at %" PRIu64, r->at->seq);
}

static void tell_send(struct world *w, const struct session_action *a)
{
	struct arena *arena = arena_new(1 << 20);
	Tram__V1__Envelope *e = codec_envelope(arena, a->data, a->len, NULL);
	assert_non_null(e);
	assert_int_equal(e->version, 1);
	switch (e->body_case) {
	case TRAM__V1__ENVELOPE__BODY_SUBSCRIBE:
		w->last_session = e->subscribe->session;
		tell(w, "%" PRIu64 "<subscribe after %" PRIu64 " credit %" PRIu64 "/%u", a->peer,
		     e->subscribe->resume_after->seq, e->subscribe->credit->bytes, e->subscribe->credit->batches);
		if (e->subscribe->verdicts_differ)
			tell(w, "verdicts differ");
		break;
	case TRAM__V1__ENVELOPE__BODY_ACK: tell_ack(w, a, e->ack); break;
	case TRAM__V1__ENVELOPE__BODY_HEARTBEAT:
		tell(w, "%" PRIu64 "<heartbeat %" PRIu64 " catalogue %u credit %" PRIu64, a->peer,
		     e->heartbeat->committed_through, e->heartbeat->catalogue_version, e->heartbeat->credit->bytes);
		break;
	case TRAM__V1__ENVELOPE__BODY_VERDICTS:
		tell(w, "%" PRIu64 "<verdicts %" PRIu64 "-%" PRIu64, a->peer, e->verdicts->verdicts[0]->verdict_seq,
		     e->verdicts->verdicts[e->verdicts->n_verdicts - 1]->verdict_seq);
		break;
	case TRAM__V1__ENVELOPE__BODY_REFUSAL: tell_refusal(w, a, e->refusal); break;
	case TRAM__V1__ENVELOPE__BODY_CHECK_RESULT:
		tell(w, "%" PRIu64 "<checked %" PRIu64, a->peer, e->check_result->check_id);
		break;
	case TRAM__V1__ENVELOPE__BODY_TODO:
		tell(w, "%" PRIu64 "<owed %" PRIu64 ": %zu and %" PRIu64, a->peer, e->todo->request_id,
		     e->todo->n_items, e->todo->more);
		break;
	default: tell(w, "%" PRIu64 "<body %d", a->peer, e->body_case); break;
	}
	arena_free(&arena);
}

static void tell_action(struct world *w, const struct session_action *a)
{
	static const char *const jobs[] = {"hello", "publish", "check", "verdicts", "todo"};
	switch (a->kind) {
	case SESSION_SEND: tell_send(w, a); break;
	case SESSION_CODEBOOK: tell(w, "codebook"); break;
	case SESSION_EVENT:
		tell(w, "%s", event_table[a->event].name);
		if (strcmp(a->fields[0].name, "cause") == 0)
			tell(w, "cause %s", a->fields[0].value);
		break;
	case SESSION_JOB:
		if (a->job == SESSION_JOB_HELLO)
			w->last_session = a->session;
		tell(w, "job %s", jobs[a->job]);
		if (a->job == SESSION_JOB_VERDICTS)
			tell(w, "after %" PRIu64, a->verdict_after);
		break;
	}
}

static void drain(struct world *w)
{
	for (struct session_action a; session_next(w->core, &a); session_action_clear(&a))
		tell_action(w, &a);
}

static void hold(struct world *w, const struct conversation *talk)
{
	for (size_t i = 0; i < STEPS && talk->steps[i].input != END; i++) {
		const struct step *s = &talk->steps[i];
		w->trace[0] = '\0';
		put_in(w, s);
		drain(w);
		if (strcmp(w->trace, s->expect) != 0)
			fail_msg("%s, step %zu:\n  expected %s\n  got      %s", talk->name, i + 1, s->expect, w->trace);
	}
}

/* ---------------------------------------------------------------- the conversations */

#define SAID_HELLO  "job hello"
#define SUBSCRIBE_0 "1<subscribe after 0 credit 600/3; agent.connected"
#define OPEN                                                                                                           \
	{.input = HELLO, .expect = SAID_HELLO},                                                                        \
	{                                                                                                              \
		.input = SUBSCRIBED, .expect = SUBSCRIBE_0                                                             \
	}

static const struct conversation conversations[] = {
    {"a report is published, acknowledged and judged",
     {OPEN,
      {.input = PUBLISH, .n = 100, .expect = "job publish"},
      {.input = COMMITTED,
       .n = 1,
       .bytes = 100,
       .batches = 1,
       .verdict_first = 1,
       .verdict_last = 1,
       .expect = "1<ack 1 credit 600/3; 1<verdicts 1-1"}}},

    {"a subscription resumes where the store stands, and fetches verdicts from the agent's cursor",
     {{.input = HELLO, .n = 3, .expect = SAID_HELLO},
      {.input = SUBSCRIBED,
       .n = 8,
       .verdict_seq = 5,
       .expect = "1<subscribe after 8 credit 600/3; agent.connected; job verdicts; after 3"},
      {.input = VERDICTS, .verdict_first = 4, .verdict_last = 5, .expect = "1<verdicts 4-5"}}},

    {"an agent that holds other verdicts under these numbers hears all of them again",
     {{.input = HELLO, .n = 3, .expect = SAID_HELLO},
      {.input = SUBSCRIBED,
       .n = 8,
       .verdict_seq = 5,
       .differ = true,
       .expect = "1<subscribe after 8 credit 600/3; verdicts differ; agent.connected; job verdicts; after 0"},
      {.input = VERDICTS, .verdict_first = 1, .verdict_last = 5, .expect = "1<verdicts 1-5"},
      {.input = HEARTBEAT, .n = 5, .expect = ""}}},

    {"what was committed before is acknowledged again, as the answer may have been lost",
     {{.input = HELLO, .expect = SAID_HELLO},
      {.input = SUBSCRIBED,
       .n = 4,
       .timed = true,
       .expect = "1<subscribe after 4 credit 600/3; 1<ack 4 credit 600/3; agent.connected"}}},

    {"the name inside must be the owner of the key",
     {{.input = HELLO_AS, .expect = "1<WRONG_AGENT; agent.refused; cause wrong_agent"},
      {.input = HELLO_AS, .expect = "1<WRONG_AGENT"},
      OPEN}},

    {"a HELLO that is not one",
     {{.input = HELLO_SHORT, .expect = "1<MALFORMED; agent.refused; cause malformed"},
      {.input = HELLO_SCHEMA, .expect = "1<SCHEMA; agent.refused; cause schema"},
      {.input = HELLO_SIGN, .expect = "1<SIGNATURE; agent.refused; cause signing_key"},
      {.input = NOISE, .expect = "1<MALFORMED"},
      OPEN}},

    {"who is not active is told at every message",
     {{.input = HELLO, .agent = "revoked", .expect = "1<REVOKED"},
      {.input = HELLO, .agent = "suspended", .expect = "1<BUSY"},
      {.input = NOISE, .agent = "nobody", .expect = "1<UNKNOWN"}}},

    {"revocation ends a live session, and what is sent after it is refused",
     {OPEN,
      {.input = PUBLISH, .n = 10, .expect = "job publish"},
      {.input = REVOKE_A, .expect = "1<REVOKED; agent.refused; cause revoked"},
      {.input = PUBLISH, .n = 10, .expect = "1<REVOKED"},
      {.input = COMMITTED, .n = 1, .bytes = 10, .batches = 1, .expect = ""}}},

    {"revocation while a HELLO is under way",
     {{.input = HELLO, .expect = SAID_HELLO},
      {.input = REVOKE_A, .expect = ""},
      {.input = SUBSCRIBED, .expect = "1<REVOKED; agent.refused; cause revoked"}}},

    {"what the lane finds to be so is said in words of its own",
     {{.input = HELLO, .expect = SAID_HELLO},
      {.input = REFUSED_HELLO,
       .code = 13,
       .cause = SESSION_CAUSE_TOO_MANY_EPOCHS,
       .expect = "1<BUSY; at 0; agent.refused; cause too_many_epochs"},
      {.input = HELLO, .expect = SAID_HELLO},
      {.input = REFUSED_HELLO,
       .code = 13,
       .cause = SESSION_CAUSE_STORE_FAILED,
       .expect = "1<BUSY; at 0; agent.refused; cause store_failed"},
      {.input = HELLO, .expect = SAID_HELLO},
      {.input = REFUSED_HELLO, .code = 13, .cause = SESSION_CAUSE_SUSPENDED, .expect = "1<BUSY; at 0"},
      OPEN,
      {.input = PUBLISH, .n = 600, .expect = "job publish"},
      {.input = REFUSED_PUBLISH,
       .code = 7,
       .cause = SESSION_CAUSE_SIGNING_KEY,
       .n = 4,
       .bytes = 600,
       .batches = 1,
       .expect = "1<SIGNATURE; at 4; agent.refused; cause signing_key"},
      OPEN}},

    {"before HELLO there is no session",
     {{.input = PUBLISH, .session = 77, .n = 1, .expect = "1<NO_SESSION"},
      {.input = HEARTBEAT, .session = 77, .expect = "1<NO_SESSION"},
      {.input = HELLO, .expect = SAID_HELLO},
      {.input = HEARTBEAT, .session = 77, .expect = ""},
      {.input = SUBSCRIBED, .expect = SUBSCRIBE_0}}},

    {"a message of another session is ignored",
     {OPEN,
      {.input = PUBLISH, .session = 77, .n = 1, .expect = ""},
      {.input = PUBLISH, .peer = 2, .n = 1, .expect = ""},
      {.input = ACK, .expect = ""},
      {.input = PUBLISH, .n = 1, .expect = "job publish"}}},

    {"the newest HELLO wins, and only once it has its place",
     {OPEN,
      {.input = HELLO, .peer = 2, .expect = SAID_HELLO},
      {.input = PUBLISH, .n = 1, .session = BEFORE_LAST, .expect = "job publish"},
      {.input = SUBSCRIBED,
       .peer = 2,
       .expect = "1<SUPERSEDED; agent.superseded; 2<subscribe after 0 credit 599/2; agent.connected"},
      {.input = PUBLISH, .n = 1, .session = BEFORE_LAST, .expect = ""},
      {.input = HEARTBEAT, .session = BEFORE_LAST, .expect = "1<SUPERSEDED"},
      {.input = COMMITTED, .peer = 2, .n = 1, .bytes = 1, .batches = 1, .expect = "2<ack 1 credit 600/3"}}},

    {"a forked copy is refused and disturbs nobody",
     {OPEN,
      {.input = HELLO, .peer = 2, .nonce = 2, .expect = SAID_HELLO},
      {.input = REFUSED_HELLO, .peer = 2, .n = 8, .code = 5, .expect = "2<FORKED; at 8; agent.refused; cause forked"},
      {.input = PUBLISH, .n = 1, .session = BEFORE_LAST, .expect = "job publish"}}},

    {"a HELLO that its own process has overtaken is no fork",
     {OPEN,
      {.input = HELLO, .expect = SAID_HELLO},
      {.input = REFUSED_HELLO, .n = 12, .code = 5, .expect = ""},
      {.input = PUBLISH, .n = 1, .session = BEFORE_LAST, .expect = "job publish"},
      {.input = HELLO, .nonce = 2, .expect = SAID_HELLO},
      {.input = REFUSED_HELLO, .n = 12, .code = 5, .expect = "1<FORKED; at 12; agent.refused; cause forked"}}},

    {"credit counts what the agent counts, though a lane has more",
     {OPEN,
      {.input = PUBLISH, .n = 100, .expect = "job publish"},
      {.input = HELLO, .peer = 2, .expect = SAID_HELLO},
      {.input = SUBSCRIBED,
       .peer = 2,
       .expect = "1<SUPERSEDED; agent.superseded; 2<subscribe after 0 credit 500/2; agent.connected"},
      {.input = PUBLISH, .peer = 2, .n = 100, .last = 1, .expect = "job publish"},
      {.input = COMMITTED, .peer = 2, .n = 1, .bytes = 100, .batches = 1, .expect = "2<ack 1 credit 500/2"},
      {.input = PUBLISH, .peer = 2, .n = 100, .last = 2, .expect = "job publish"},
      {.input = PUBLISH, .peer = 2, .n = 100, .last = 3, .expect = "job publish"},
      {.input = PUBLISH, .peer = 2, .n = 100, .last = 4, .expect = "2<OVER_CREDIT; agent.refused; cause over_credit"}}},

    {"what becomes of a former session's batch is no word about the epoch that is open now",
     {OPEN,
      {.input = PUBLISH, .n = 100, .expect = "job publish"},
      {.input = HELLO, .epoch = 1, .nonce = 2, .expect = SAID_HELLO},
      {.input = SUBSCRIBED, .epoch = 1, .expect = "1<subscribe after 0 credit 500/2; agent.connected"},
      {.input = COMMITTED, .session = BEFORE_LAST, .n = 9, .bytes = 100, .batches = 1, .expect = ""},
      {.input = PUBLISH, .n = 100, .expect = "job publish"},
      {.input = COMMITTED, .epoch = 1, .n = 1, .bytes = 100, .batches = 1, .expect = "1<ack 1 credit 600/3"}}},

    {"and its refusal ends no session but its own",
     {OPEN,
      {.input = PUBLISH, .n = 100, .expect = "job publish"},
      {.input = HELLO, .expect = SAID_HELLO},
      {.input = SUBSCRIBED, .expect = "1<subscribe after 0 credit 500/2; agent.connected"},
      {.input = REFUSED_PUBLISH, .session = BEFORE_LAST, .code = 6, .bytes = 100, .batches = 1, .expect = ""},
      {.input = PUBLISH, .n = 100, .expect = "job publish"}}},

    {"what is committed already takes no room in a lane",
     {OPEN,
      {.input = PUBLISH, .n = 100, .last = 1, .expect = "job publish"},
      {.input = COMMITTED, .n = 1, .bytes = 100, .batches = 1, .expect = "1<ack 1 credit 600/3"},
      {.input = PUBLISH, .n = 100, .last = 1, .expect = "1<ack 1 credit 600/3"},
      {.input = PUBLISH, .n = 600, .last = 2, .expect = "job publish"},
      {.input = PUBLISH, .n = 100, .last = 1, .expect = "1<ack 1 credit 600/3"}}},

    {"unless it is not what was committed, which a lane refuses",
     {OPEN,
      {.input = PUBLISH, .n = 100, .last = 1, .expect = "job publish"},
      {.input = COMMITTED, .n = 1, .bytes = 100, .batches = 1, .expect = "1<ack 1 credit 600/3"},
      {.input = PUBLISH, .n = 100, .last = 1, .nonce = 1, .expect = "job publish"}}},

    {"or is of another outbox",
     {OPEN,
      {.input = PUBLISH, .n = 100, .last = 1, .expect = "job publish"},
      {.input = COMMITTED, .n = 1, .bytes = 100, .batches = 1, .expect = "1<ack 1 credit 600/3"},
      {.input = PUBLISH, .n = 100, .last = 1, .epoch = 1, .expect = "job publish"}}},

    {"a HELLO said again on the same connection is answered once",
     {{.input = HELLO, .expect = SAID_HELLO},
      {.input = HELLO, .expect = ""},
      {.input = SUBSCRIBED, .expect = SUBSCRIBE_0},
      {.input = HELLO, .expect = SAID_HELLO},
      {.input = SUBSCRIBED, .expect = SUBSCRIBE_0}}},

    {"a HELLO that states another cursor is answered in the place of the one before",
     {{.input = HELLO, .n = 12, .expect = SAID_HELLO},
      {.input = HELLO, .n = 12, .expect = ""},
      {.input = HELLO, .n = 11, .expect = ""},
      {.input = SUBSCRIBED, .expect = "job hello"},
      {.input = SUBSCRIBED, .expect = SUBSCRIBE_0}}},

    {"of HELLOs that come while one is under way, the newest is next",
     {{.input = HELLO, .expect = SAID_HELLO},
      {.input = HELLO, .peer = 2, .expect = ""},
      {.input = HELLO, .peer = 3, .expect = "2<SUPERSEDED"},
      {.input = SUBSCRIBED, .expect = "1<SUPERSEDED; job hello"},
      {.input = SUBSCRIBED, .peer = 3, .expect = "3<subscribe after 0 credit 600/3; agent.connected"}}},

    {"two copies that take turns are a clone",
     {OPEN,
      {.input = HELLO, .peer = 2, .nonce = 2, .expect = SAID_HELLO},
      {.input = SUBSCRIBED,
       .peer = 2,
       .expect = "1<SUPERSEDED; agent.superseded; 2<subscribe after 0 credit 600/3; agent.connected"},
      {.input = HELLO, .expect = SAID_HELLO},
      {.input = SUBSCRIBED, .expect = "2<SUPERSEDED; agent.superseded; " SUBSCRIBE_0},
      {.input = HELLO, .peer = 2, .nonce = 2, .expect = SAID_HELLO},
      {.input = SUBSCRIBED,
       .peer = 2,
       .expect = "1<SUPERSEDED; agent.superseded; 2<subscribe after 0 credit 600/3; agent.connected"},
      {.input = HELLO, .expect = SAID_HELLO},
      {.input = SUBSCRIBED, .expect = "2<SUPERSEDED; agent.superseded; agent.cloned; " SUBSCRIBE_0}}},

    {"turns over a longer time are not",
     {OPEN,
      {.input = HELLO, .peer = 2, .nonce = 2, .expect = SAID_HELLO},
      {.input = SUBSCRIBED,
       .peer = 2,
       .expect = "1<SUPERSEDED; agent.superseded; 2<subscribe after 0 credit 600/3; agent.connected"},
      {.input = HELLO, .expect = SAID_HELLO},
      {.input = SUBSCRIBED, .expect = "2<SUPERSEDED; agent.superseded; " SUBSCRIBE_0},
      {.input = GONE, .expect = "agent.disconnected"},
      {.input = WAIT, .n = 61, .expect = ""},
      {.input = HELLO, .peer = 2, .nonce = 2, .expect = SAID_HELLO},
      {.input = SUBSCRIBED, .peer = 2, .expect = "2<subscribe after 0 credit 600/3; agent.connected"},
      {.input = HELLO, .expect = SAID_HELLO},
      {.input = SUBSCRIBED, .expect = "2<SUPERSEDED; agent.superseded; " SUBSCRIBE_0}}},

    {"restarts and reconnections are not",
     {OPEN,
      {.input = HELLO, .peer = 2, .expect = SAID_HELLO},
      {.input = SUBSCRIBED,
       .peer = 2,
       .expect = "1<SUPERSEDED; agent.superseded; 2<subscribe after 0 credit 600/3; agent.connected"},
      {.input = HELLO, .expect = SAID_HELLO},
      {.input = SUBSCRIBED, .expect = "2<SUPERSEDED; agent.superseded; " SUBSCRIBE_0},
      {.input = HELLO, .peer = 2, .nonce = 3, .expect = SAID_HELLO},
      {.input = SUBSCRIBED,
       .peer = 2,
       .expect = "1<SUPERSEDED; agent.superseded; 2<subscribe after 0 credit 600/3; agent.connected"},
      {.input = HELLO, .nonce = 4, .expect = SAID_HELLO},
      {.input = SUBSCRIBED, .expect = "2<SUPERSEDED; agent.superseded; " SUBSCRIBE_0},
      {.input = HELLO, .peer = 2, .nonce = 4, .expect = SAID_HELLO},
      {.input = SUBSCRIBED,
       .peer = 2,
       .expect = "1<SUPERSEDED; agent.superseded; 2<subscribe after 0 credit 600/3; agent.connected"}}},

    {"more than the credit is refused and ends the session",
     {OPEN,
      {.input = PUBLISH, .n = 600, .expect = "job publish"},
      {.input = PUBLISH, .n = 1, .expect = "1<OVER_CREDIT; agent.refused; cause over_credit"},
      {.input = PUBLISH, .n = 1, .expect = "1<NO_SESSION"},
      {.input = HELLO, .expect = SAID_HELLO},
      /* what the old session has under way is not given a second time */
      {.input = SUBSCRIBED, .expect = "1<subscribe after 0 credit 0/2; agent.connected"},
      {.input = COMMITTED, .n = 1, .bytes = 600, .batches = 1, .expect = "1<ack 1 credit 600/3"}}},

    {"more batches than the credit",
     {OPEN,
      {.input = PUBLISH, .n = 1, .expect = "job publish"},
      {.input = PUBLISH, .n = 1, .expect = "job publish"},
      {.input = PUBLISH, .n = 1, .expect = "job publish"},
      {.input = PUBLISH, .n = 1, .expect = "1<OVER_CREDIT; agent.refused; cause over_credit"}}},

    {"an agent that connects takes nothing from what another one has under way",
     {OPEN,
      {.input = PUBLISH, .n = 600, .expect = "job publish"},
      {.input = HELLO, .agent = "b", .peer = 2, .expect = SAID_HELLO},
      {.input = SUBSCRIBED, .agent = "b", .peer = 2, .expect = "2<subscribe after 0 credit 400/3; agent.connected"},
      {.input = COMMITTED, .n = 1, .bytes = 600, .batches = 1, .expect = "1<ack 1 credit 500/3"},
      /* the larger credit may still be in its mind */
      {.input = PUBLISH, .n = 600, .session = 1, .expect = "job publish"},
      {.input = COMMITTED, .n = 2, .bytes = 600, .batches = 1, .expect = "1<ack 2 credit 500/3"},
      {.input = HEARTBEAT, .session = 1, .confirmed = 2, .expect = ""},
      {.input = SLEEP, .n = 11, .expect = "1<heartbeat 2 catalogue 7 credit 500; 2<heartbeat 0 catalogue 7 credit 500"},
      {.input = PUBLISH, .n = 600, .session = 1, .expect = "1<OVER_CREDIT; agent.refused; cause over_credit"}}},

    {"an oversize message",
     {OPEN, {.input = PUBLISH, .n = 8000, .expect = "1<TOO_LARGE; agent.refused; cause too_large"}}},

    {"what credit is not charged for has a limit of its own",
     {OPEN,
      {.input = PUBLISH, .n = 100, .bytes = 3900, .expect = "job publish"},
      {.input = PUBLISH, .n = 100, .last = 6, .bytes = 4100, .expect = "1<TOO_LARGE; agent.refused; cause too_large"}}},

    {"a refused batch ends its session and frees its credit",
     {OPEN,
      {.input = PUBLISH, .n = 300, .expect = "job publish"},
      {.input = PUBLISH, .n = 300, .expect = "job publish"},
      {.input = REFUSED_PUBLISH,
       .n = 4,
       .code = 6,
       .bytes = 300,
       .batches = 1,
       .expect = "1<GAP; at 4; agent.refused; cause gap"},
      {.input = REFUSED_PUBLISH, .n = 4, .code = 6, .bytes = 300, .batches = 1, .expect = ""},
      {.input = HELLO, .expect = SAID_HELLO},
      {.input = SUBSCRIBED, .expect = SUBSCRIBE_0}}},

    {"an acknowledgement is repeated until the agent has it",
     {OPEN,
      {.input = PUBLISH, .n = 10, .expect = "job publish"},
      {.input = COMMITTED, .n = 2, .bytes = 10, .batches = 1, .expect = "1<ack 2 credit 600/3"},
      {.input = WAIT, .n = 4, .expect = "1<ack 2 credit 600/3; 1<ack 2 credit 600/3"},
      {.input = HEARTBEAT, .confirmed = 2, .expect = ""},
      {.input = WAIT, .n = 4, .expect = "1<heartbeat 2 catalogue 7 credit 600"}}},

    {"verdicts the agent does not have are said again, from the store",
     {OPEN,
      {.input = PUBLISH, .n = 10, .expect = "job publish"},
      {.input = COMMITTED,
       .n = 2,
       .bytes = 10,
       .batches = 1,
       .verdict_first = 1,
       .verdict_last = 2,
       .expect = "1<ack 2 credit 600/3; 1<verdicts 1-2"},
      {.input = HEARTBEAT, .confirmed = 2, .expect = ""}, /* it may have crossed them */
      {.input = WAIT, .n = 5, .expect = "1<heartbeat 2 catalogue 7 credit 600"},
      {.input = HEARTBEAT, .confirmed = 2, .expect = "job verdicts; after 0"},
      {.input = HEARTBEAT, .confirmed = 2, .expect = ""},
      {.input = VERDICTS, .verdict_first = 1, .verdict_last = 2, .verdict_seq = 2, .expect = "1<verdicts 1-2"}}},

    {"verdicts that would leave a hole wait for the store",
     {{.input = HELLO, .expect = SAID_HELLO},
      {.input = SUBSCRIBED,
       .n = 5,
       .verdict_seq = 3,
       .expect = "1<subscribe after 5 credit 600/3; agent.connected; job verdicts; after 0"},
      {.input = PUBLISH, .n = 10, .last = 6, .expect = "job publish"},
      {.input = COMMITTED,
       .n = 6,
       .bytes = 10,
       .batches = 1,
       .verdict_first = 4,
       .verdict_last = 4,
       .expect = "1<ack 6 credit 600/3"},
      {.input = VERDICTS, .verdict_first = 1, .verdict_last = 3, .expect = "1<verdicts 1-3; job verdicts; after 3"},
      {.input = VERDICTS, .verdict_first = 4, .verdict_last = 4, .expect = "1<verdicts 4-4"}}},

    {"verdicts that came without their first one wait for the store too",
     {OPEN,
      {.input = PUBLISH, .n = 10, .expect = "job publish"},
      {.input = COMMITTED,
       .n = 3,
       .bytes = 10,
       .batches = 1,
       .verdict_first = 2,
       .verdict_last = 3,
       .expect = "1<ack 3 credit 600/3; job verdicts; after 0"},
      {.input = VERDICTS, .verdict_first = 1, .verdict_last = 3, .expect = "1<verdicts 1-3"}}},

    {"verdicts that a decision made are fetched as soon as they are known of",
     {{.input = HELLO, .n = 3, .expect = SAID_HELLO},
      {.input = SUBSCRIBED, .n = 8, .verdict_seq = 3, .expect = "1<subscribe after 8 credit 600/3; agent.connected"},
      {.input = NEWS, .n = 3, .expect = ""},
      {.input = NEWS, .n = 4, .expect = "job verdicts; after 3"},
      {.input = NEWS, .n = 4, .expect = ""},
      {.input = VERDICTS, .verdict_first = 4, .verdict_last = 4, .expect = "1<verdicts 4-4"},
      {.input = PUBLISH, .n = 10, .last = 9, .expect = "job publish"},
      {.input = NEWS, .n = 5, .expect = ""}, /* the commit will say so */
      {.input = COMMITTED,
       .n = 9,
       .bytes = 10,
       .batches = 1,
       .verdict_first = 5,
       .verdict_last = 5,
       .expect = "1<ack 9 credit 600/3; 1<verdicts 5-5"},
      {.input = GONE, .expect = "agent.disconnected"},
      {.input = NEWS, .n = 6, .expect = ""}}},

    {"silence ends a session",
     {OPEN,
      {.input = WAIT,
       .n = 15,
       .expect =
	   "1<heartbeat 0 catalogue 7 credit 600; 1<heartbeat 0 catalogue 7 credit 600; 1<heartbeat 0 catalogue 7 "
	   "credit 600"},
      {.input = WAIT, .n = 1, .expect = "agent.silent"},
      {.input = HEARTBEAT, .expect = "1<NO_SESSION"},
      OPEN}},

    {"who slept was not spoken to",
     {OPEN,
      {.input = WAIT, .n = 1, .expect = ""},
      {.input = SLEEP, .n = 60, .expect = "1<heartbeat 0 catalogue 7 credit 600"},
      {.input = HEARTBEAT, .expect = ""}}},

    {"a peer that is gone has no session",
     {OPEN,
      {.input = GONE, .peer = 2, .expect = ""},
      {.input = GONE, .expect = "agent.disconnected"},
      {.input = WAIT, .n = 20, .expect = ""},
      {.input = HEARTBEAT, .expect = "1<NO_SESSION"}}},

    {"without its store an agent has no credit, and says HELLO when it is back",
     {OPEN,
      {.input = PUBLISH, .n = 100, .expect = "job publish"},
      {.input = STORE_DOWN, .expect = "1<heartbeat 0 catalogue 7 credit 0"},
      {.input = STORE_DOWN, .expect = ""},
      {.input = PUBLISH, .n = 100, .expect = "job publish"}, /* sent before it heard */
      {.input = CHECK, .n = 1, .bytes = 1, .expect = "1<BUSY"},
      {.input = HELLO, .peer = 2, .expect = "2<BUSY"},
      {.input = COMMITTED, .n = 2, .bytes = 100, .batches = 1, .expect = "1<ack 2 credit 0/0"},
      {.input = STORE_UP, .expect = "1<NO_SESSION"},
      {.input = HELLO, .expect = SAID_HELLO},
      {.input = SUBSCRIBED,
       .n = 2,
       .expect = "1<subscribe after 2 credit 500/2; 1<ack 2 credit 500/2; agent.connected"}}},

    {"an acknowledgement heard does not show that a later, lesser credit was",
     {OPEN,
      {.input = PUBLISH, .n = 100, .last = 1, .expect = "job publish"},
      {.input = HELLO, .agent = "b", .peer = 3, .expect = SAID_HELLO},
      {.input = SUBSCRIBED, .agent = "b", .peer = 3, .expect = "3<subscribe after 0 credit 400/3; agent.connected"},
      {.input = COMMITTED,
       .session = BEFORE_LAST,
       .n = 1,
       .bytes = 100,
       .batches = 1,
       .expect = "1<ack 1 credit 500/3"},
      {.input = STORE_DOWN, .expect = "1<heartbeat 1 catalogue 7 credit 0; 3<heartbeat 0 catalogue 7 credit 0"},
      {.input = HEARTBEAT, .session = BEFORE_LAST, .confirmed = 1, .expect = ""},
      {.input = PUBLISH, .session = BEFORE_LAST, .n = 400, .last = 2, .expect = "job publish"}}},

    {"a new catalogue is told at once",
     {OPEN,
      {.input = CATALOGUE, .expect = "1<heartbeat 0 catalogue 8 credit 600"},
      {.input = CODEBOOK, .expect = "codebook"},
      {.input = CODEBOOK, .expect = "1<BUSY"},
      {.input = CATALOGUE, .expect = "1<heartbeat 0 catalogue 8 credit 600"},
      {.input = CODEBOOK, .expect = "codebook"},
      {.input = WAIT, .n = 1, .expect = ""},
      {.input = CODEBOOK, .expect = "codebook"}}},

    {"reports are checked, so many at once",
     {OPEN,
      {.input = CHECK, .n = 1, .bytes = 500, .expect = "job check"},
      {.input = CHECK, .n = 2, .bytes = 501, .expect = "1<TOO_LARGE"},
      {.input = CHECK, .n = 3, .bytes = 1, .expect = "job check"},
      {.input = CHECK, .n = 4, .bytes = 1, .expect = "1<BUSY"},
      {.input = CHECKED, .n = 1, .verdict_first = 1, .verdict_last = 1, .expect = "1<checked 1"},
      {.input = CHECKED, .n = 3, .expect = "1<TOO_LARGE"},
      {.input = CHECK, .n = 5, .bytes = 1, .expect = "job check"},
      {.input = REFUSED_CHECK, .n = 5, .code = 9, .expect = "1<MALFORMED"}}},

    {"what is owed is asked once at a time",
     {OPEN,
      {.input = OWED_ASK, .n = 1, .expect = "job todo"},
      {.input = OWED_ASK, .n = 2, .expect = "1<BUSY"},
      {.input = OWED, .n = 1, .batches = 3, .expect = "1<owed 1: 3 and 1"},
      {.input = OWED_ASK, .n = 3, .expect = "job todo"},
      {.input = OWED_LESS, .n = 3, .expect = "1<BUSY"},
      {.input = OWED_ASK, .n = 4, .expect = "job todo"},
      {.input = REFUSED_TODO, .n = 4, .code = 13, .expect = "1<BUSY"},
      {.input = OWED_ASK, .n = 5, .expect = "job todo"},
      {.input = JOB_FULL, .n = SESSION_JOB_TODO, .expect = "1<BUSY"},
      {.input = CHECK, .n = 6, .bytes = 1, .expect = "job check"},
      {.input = CHECK, .n = 7, .bytes = 1, .expect = "job check"},
      {.input = OWED_ASK, .n = 8, .expect = "job todo"},
      {.input = STOP, .expect = ""},
      {.input = OWED, .n = 8, .expect = "1<owed 8: 0 and 1"},
      {.input = OWED_ASK, .n = 9, .expect = "1<BUSY"}}},

    {"a stop takes nothing new and answers what it has",
     {OPEN,
      {.input = PUBLISH, .n = 100, .expect = "job publish"},
      {.input = STOP, .expect = ""},
      {.input = PUBLISH, .n = 100, .expect = ""},
      {.input = CHECK, .n = 1, .bytes = 1, .expect = "1<BUSY"},
      {.input = HELLO, .peer = 2, .expect = "2<BUSY"},
      {.input = COMMITTED,
       .n = 1,
       .bytes = 100,
       .batches = 1,
       .verdict_first = 1,
       .verdict_last = 1,
       .expect = "1<ack 1 credit 0/0; 1<verdicts 1-1"}}},

    {"a lane whose queue is full",
     {{.input = HELLO, .expect = SAID_HELLO},
      {.input = JOB_FULL, .n = SESSION_JOB_HELLO, .expect = "1<BUSY"},
      OPEN,
      {.input = PUBLISH, .n = 100, .expect = "job publish"},
      {.input = JOB_FULL, .n = SESSION_JOB_PUBLISH, .bytes = 100, .expect = "1<BUSY"},
      OPEN,
      {.input = CHECK, .n = 1, .bytes = 1, .expect = "job check"},
      {.input = JOB_FULL, .n = SESSION_JOB_CHECK, .expect = "1<BUSY"}}},
};

static void conversations_go_as_written(void **state)
{
	for (size_t i = 0; i < sizeof(conversations) / sizeof(conversations[0]); i++) {
		hold(*state, &conversations[i]);
		teardown(state);
		setup(state);
	}
}

/* ---------------------------------------------------------------- what a table says badly */

static void every_drop_has_a_counter(void **state)
{
	struct world *w = *state;
	static const struct conversation talk = {
	    "drops",
	    {OPEN,
	     {.input = PUBLISH, .session = 77, .expect = ""},
	     {.input = ACK, .expect = ""},
	     {.input = NOISE, .agent = "", .expect = ""},
	     {.input = PUBLISH, .last = 1, .expect = "job publish"},
	     {.input = COMMITTED, .n = 1, .batches = 1, .expect = "1<ack 1 credit 600/3"},
	     {.input = PUBLISH, .last = 1, .expect = "1<ack 1 credit 600/3"},
	     {.input = PUBLISH, .n = 601, .expect = "1<OVER_CREDIT; agent.refused; cause over_credit"}}};
	hold(w, &talk);
	assert_int_equal(w->counters.at[COUNTER_IGNORED_STALE], 1);
	assert_int_equal(w->counters.at[COUNTER_IGNORED_UNEXPECTED], 1);
	assert_int_equal(w->counters.at[COUNTER_IGNORED_NAMELESS], 1);
	assert_int_equal(w->counters.at[COUNTER_IGNORED_OVERTAKEN], 1);
	assert_int_equal(w->counters.at[COUNTER_REFUSED_OVER_CREDIT], 1);
	assert_int_equal(w->counters.at[COUNTER_SESSIONS_OPENED], 1);
	assert_int_equal(w->counters.at[COUNTER_SESSIONS_REFUSED], 1);
	assert_string_equal(counter_table[COUNTER_REFUSED_OVER_CREDIT].cause, "over_credit");
}

/* In a live session too: only the six kinds that an agent sends are acted upon, whatever number comes one day. */
static void other_kinds_are_counted_and_ignored(void **state)
{
	struct world *w = *state;
	static const struct conversation talk = {"open", {OPEN}};
	uint64_t before;
	hold(w, &talk);
	before = w->counters.at[COUNTER_IGNORED_UNEXPECTED];
	for (int kind = 0; kind < 64; kind++) {
		Tram__V1__Envelope e = TRAM__V1__ENVELOPE__INIT;
		struct session_message m = {
		    .peer = 1, .user = "a", .envelope = &e, .data = (const uint8_t *)"x", .len = 1};
		struct session_action action;
		if (kind == TRAM__V1__ENVELOPE__BODY_HELLO || kind == TRAM__V1__ENVELOPE__BODY_PUBLISH ||
		    kind == TRAM__V1__ENVELOPE__BODY_CHECK || kind == TRAM__V1__ENVELOPE__BODY_HEARTBEAT ||
		    kind == TRAM__V1__ENVELOPE__BODY_CODEBOOK_REQUEST || kind == TRAM__V1__ENVELOPE__BODY_TODO_REQUEST)
			continue;
		e.version = 1;
		e.body_case = (Tram__V1__Envelope__BodyCase)kind;
		session_take_message(w->core, &m, w->now);
		assert_int_equal(w->counters.at[COUNTER_IGNORED_UNEXPECTED], ++before);
		assert_false(session_next(w->core, &action));
	}
}

/* One verdict with far more findings than a message holds: it goes, and says how many are missing. */
static void a_verdict_too_large_is_cut(void **state)
{
	struct world *w = *state;
	static const struct conversation talk = {"cut", {OPEN, {.input = PUBLISH, .n = 1, .expect = "job publish"}}};
	Tram__V1__Finding finding = TRAM__V1__FINDING__INIT, *findings[300];
	Tram__V1__Verdict verdict = TRAM__V1__VERDICT__INIT, *verdicts[] = {&verdict};
	char text[101];
	hold(w, &talk);
	memset(text, 'x', 100);
	text[100] = '\0';
	finding.message_vi = text;
	for (size_t i = 0; i < 300; i++)
		findings[i] = &finding;
	verdict.verdict_seq = 1;
	verdict.findings = findings;
	verdict.n_findings = 300;
	const struct session_result r = {.kind = SESSION_COMMITTED,
					 .agent = "a",
					 .seq = 1,
					 .verdict_seq = 1,
					 .committed_at_us = 1,
					 .done = {1, 1},
					 .verdicts = verdicts,
					 .n_verdicts = 1};
	session_take_result(w->core, &r, w->now);
	struct session_action action;
	assert_true(session_next(w->core, &action)); /* the acknowledgement */
	session_action_clear(&action);
	assert_true(session_next(w->core, &action));
	assert_in_range(action.len, 5000, settings.message_bytes);
	struct arena *arena = arena_new(1 << 20);
	Tram__V1__Envelope *e = codec_envelope(arena, action.data, action.len, NULL);
	const Tram__V1__Verdict *said = e->verdicts->verdicts[0];
	char expect[80];
	snprintf(expect, sizeof(expect), "%zu more findings", 300 - (said->n_findings - 1));
	assert_non_null(strstr(said->findings[said->n_findings - 1]->message_en, expect));
	assert_int_equal(w->counters.at[COUNTER_FINDINGS_CUT], 300 - (said->n_findings - 1));
	arena_free(&arena);
	session_action_clear(&action);
}

/* Three HELLOs a minute, two comings told: the rest costs the store nothing and is counted, and time heals it. */
static void who_greets_too_often_waits(void **state)
{
	struct world *w = *state;
	static const struct conversation often = {
	    "often",
	    {OPEN,
	     {.input = HELLO, .expect = SAID_HELLO},
	     {.input = SUBSCRIBED, .expect = SUBSCRIBE_0},
	     {.input = HELLO, .expect = SAID_HELLO},
	     {.input = SUBSCRIBED, .expect = "1<subscribe after 0 credit 600/3"},
	     {.input = HELLO, .expect = "1<BUSY; agent.refused; cause too_many_hellos"},
	     {.input = HELLO, .peer = 2, .nonce = 2, .expect = "2<BUSY"},
	     {.input = PUBLISH, .n = 1, .expect = "job publish"}, /* the session is none the worse */
	     {.input = HELLO, .agent = "b", .peer = 3, .expect = SAID_HELLO},
	     {.input = SUBSCRIBED,
	      .agent = "b",
	      .peer = 3,
	      .expect = "3<subscribe after 0 credit 400/3; agent.connected"}}};
	static const struct conversation later = {
	    "later",
	    {{.input = HELLO, .expect = SAID_HELLO},
	     {.input = HELLO, .peer = 2, .nonce = 2, .expect = "2<BUSY; agent.refused; cause too_many_hellos"}}};
	struct session_settings s = settings;
	s.centre = &w->centre;
	s.random_context = w;
	s.hellos = 3;
	s.tidings = 2;
	session_set_settings(w->core, &s);
	hold(w, &often);
	assert_int_equal(w->counters.at[COUNTER_REFUSED_TOO_MANY_HELLOS], 2);
	assert_int_equal(w->counters.at[COUNTER_TIDINGS_WITHHELD], 1);
	w->now.monotonic_us += 20 * SECOND;
	hold(w, &later);
}

static void the_agents_are_seen(void **state)
{
	struct world *w = *state;
	static const struct conversation talk = {"status", {OPEN, {.input = PUBLISH, .n = 5, .expect = "job publish"}}};
	hold(w, &talk);
	assert_int_equal(session_count(w->core), 1);
	assert_int_equal(session_connected(w->core), 1);
	struct session_view v = session_view(w->core, 0);
	assert_string_equal(v.agent, "a");
	assert_true(v.connected);
	assert_int_equal(v.under_way.bytes, 5);
	assert_int_equal(v.last_appended, 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(conversations_go_as_written, setup, teardown),
	    cmocka_unit_test_setup_teardown(every_drop_has_a_counter, setup, teardown),
	    cmocka_unit_test_setup_teardown(other_kinds_are_counted_and_ignored, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_verdict_too_large_is_cut, setup, teardown),
	    cmocka_unit_test_setup_teardown(who_greets_too_often_waits, setup, teardown),
	    cmocka_unit_test_setup_teardown(the_agents_are_seen, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
