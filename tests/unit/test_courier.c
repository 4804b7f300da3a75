/* SPDX-License-Identifier: Apache-2.0 */
#include "courier.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <sodium.h>

/*
 * Conversations: each is a table of steps, inputs and what must come of them. Whatever the courier does and no step
 * expects is a failure, and every PUBLISH is verified as a centre would.
 */

/* A step gives only the numbers it has. */
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"

#define REPORTS_MAX 3000
#define AGENT       "agent-63-46"
#define SECOND      1000

enum step_kind {
	END,
	/* inputs */
	APPEND,        /* a reports of b bytes each */
	LINK,          /* a: enum road_event */
	WAIT,          /* a ms pass, with a tick whenever one is due */
	SUBSCRIBE,     /* session a, resume after b */
	JUDGED,        /* from now on SUBSCRIBE says that the centre has a verdicts */
	DIFFER,        /* a: whether SUBSCRIBE says from now on that the verdict at the cursor is another one */
	TRIM_VERDICTS, /* those through a are not held any more */
	LIMIT,         /* the next SUBSCRIBE states: batch_reports a, message_bytes b; 0: the default */
	CREDIT,        /* from now on every credit is a bytes, b batches */
	ACK,           /* session a, committed through b */
	ACK_FALSE,     /* the same, not signed by the centre */
	ACK_OTHER,     /* the same, signed, with another chain */
	BEAT,          /* HEARTBEAT session a, catalogue b */
	REFUSE,        /* session a, code b; c: what it answers */
	RETRY,         /* the next refusals state retry_after_ms a */
	VERDICTS,      /* session a, b .. c */
	BOOK,          /* codebook of version a */
	CHECK,         /* check a */
	CHECKED,       /* CHECK_RESULT session a, check b */
	OWED_ASK,      /* question a */
	OWED,          /* the answer, session a, question b */
	GARBAGE,       /* a message that cannot be read */
	MISPLACED,     /* a HELLO, which no centre says */
	FORK_AT,       /* the centre's chain differs from seq a on */
	TRIM,          /* reports through a are gone */
	UNSENT,        /* the PUBLISH beginning with a was not taken by the socket */
	NOT_KEPT,      /* storing failed; the outbox stands at acknowledged a, verdict cursor b */
	TRY_NOW,
	/* outcomes */
	HELLO,         /* last_appended a, verdict_cursor b */
	PUBLISH,       /* a .. b */
	PUBLISH_ACKD,  /* a .. b, each with its first acknowledgement */
	KEEP_ACK,      /* a */
	KEEP_VERDICTS, /* a .. b */
	REWIND,        /* verdicts: to a */
	KEEP_BOOK,     /* version a */
	HEARTBEAT,     /* verdict_cursor a, committed b */
	ASK_BOOK,
	ASK_CHECK,    /* a */
	CHECK_ANSWER, /* check a; b: 1 with a verdict, 0 without; c: the cause */
	ASK_TODO,     /* a */
	TODO_ANSWER,  /* question a; b: 1 with a list, 0 without; c: the cause */
	NEW_SOCKET,
	STATE,      /* a: state, b: cause */
	MAY_FORGET, /* reports through a may go once their retention is over; the centre has them */
	QUIET,      /* nothing else came of it */
};

struct step {
	enum step_kind kind;
	uint64_t a, b, c;
};

/* ---------------------------------------------------------------- a world of its own */

struct world {
	struct courier c;
	struct courier_actions actions;
	size_t taken; /* actions that a step has expected */
	struct arena *work, *decode;
	struct courier_time now;
	uint64_t random;
	struct epoch epoch;
	uint8_t sign_secret[SIGN_SECRET_SIZE], sign_public[SIGN_PUBLIC_SIZE];
	uint8_t centre_secret[SIGN_SECRET_SIZE], centre_public[SIGN_PUBLIC_SIZE];
	/* the outbox */
	uint8_t *bytes[REPORTS_MAX + 1];
	size_t lens[REPORTS_MAX + 1];
	struct digest chains[REPORTS_MAX + 1];
	uint64_t appended, trimmed, acknowledged;
	struct acknowledgement acks[REPORTS_MAX + 1]; /* by committed_through; 0 in it: none */
	int64_t known[REPORTS_MAX + 1];               /* known_at_us of the verdicts that are held; 0: not held */
	/* the centre */
	bool differ;
	uint64_t judged, credit_bytes, limit_batch_reports, limit_message_bytes, fork_at, retry_ms;
	uint32_t credit_batches;
	uint64_t sent_bytes[REPORTS_MAX + 1]; /* payload under way, by last seq; of this session */
	uint64_t session, committed;
	const struct step *at; /* for messages of failure */
	size_t step;
};

static uint64_t next_random(void *context)
{
	struct world *w = context;
	w->random += UINT64_C(0x9e3779b97f4a7c15);
	uint64_t z = w->random;
	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

static bool read_report(void *context, uint64_t seq, struct arena *a, struct source_report *ret)
{
	struct world *w = context;
	assert_in_range(seq, w->trimmed + 1, w->appended);
	uint8_t *copy = arena_alloc(a, w->lens[seq]);
	assert_non_null(copy);
	memcpy(copy, w->bytes[seq], w->lens[seq]);
	*ret = (struct source_report){
	    .bytes = copy, .len = w->lens[seq], .handed_in_at_us = (int64_t)seq * 100, .chain = w->chains[seq]};
	if (seq <= w->acknowledged) {
		uint64_t through = seq;
		while (!w->acks[through].committed_through)
			through++;
		ret->is_refilled = true;
		ret->first = w->acks[through];
	}
	return true;
}

static bool read_chain(void *context, uint64_t seq, struct digest *ret)
{
	struct world *w = context;
	assert_in_range(seq, w->trimmed, w->appended);
	*ret = w->chains[seq];
	return true;
}

static uint64_t read_trimmed(void *context)
{
	return ((struct world *)context)->trimmed;
}

static int64_t read_handed_in_at(void *context, uint64_t seq)
{
	struct world *w = context;
	return seq > w->trimmed && seq <= w->appended ? (int64_t)seq * 100 : 0;
}

static int64_t read_known_at(void *context, uint64_t verdict_seq)
{
	return ((struct world *)context)->known[verdict_seq];
}

static void start(struct world *w)
{
	struct courier_settings s = {.epoch = w->epoch,
				     .software = "test",
				     .batch_bytes = 256 << 10,
				     .batch_reports = 500,
				     .hello_us = 10000000,
				     .stalled_us = 60000000,
				     .reconnect_us = 500000,
				     .reconnect_max_us = 60000000};
	struct source source = {w,          read_report, read_chain, read_trimmed, read_handed_in_at, read_known_at,
				next_random};
	struct courier_start at = {.last_appended = w->appended, .acknowledged = w->acknowledged};
	snprintf(s.agent, sizeof s.agent, AGENT);
	memcpy(s.sign_secret, w->sign_secret, sizeof s.sign_secret);
	memcpy(s.sign_public, w->sign_public, sizeof s.sign_public);
	memcpy(s.centre_sign_public, w->centre_public, sizeof s.centre_sign_public);
	courier_init(&w->c, &s, &source, &at, w->work, w->now);
}

static struct world *world_new(void)
{
	struct world *w = calloc(1, sizeof *w);
	uint8_t seed[32] = {1};
	crypto_sign_ed25519_seed_keypair(w->sign_public, w->sign_secret, seed);
	seed[0] = 2;
	crypto_sign_ed25519_seed_keypair(w->centre_public, w->centre_secret, seed);
	memset(w->epoch.bytes, 0xe9, EPOCH_SIZE);
	chain_start(AGENT, &w->epoch, NULL, &w->chains[0]);
	w->work = arena_new(64 << 20);
	w->decode = arena_new(64 << 20);
	w->judged = 1000;
	w->credit_bytes = 1 << 20;
	w->credit_batches = 8;
	w->now = (struct courier_time){.monotonic_us = 1000000, .wall_us = INT64_C(1700000000000000)};
	start(w);
	return w;
}

static void world_free(struct world *w)
{
	for (uint64_t i = 0; i <= REPORTS_MAX; i++)
		free(w->bytes[i]);
	courier_actions_free(&w->actions);
	arena_free(&w->work);
	arena_free(&w->decode);
	free(w);
}

#define FAIL(w, ...)                                                                                                   \
	do {                                                                                                           \
		print_error("step %zu: ", (w)->step);                                                                  \
		fail_msg(__VA_ARGS__);                                                                                 \
	} while (0)

/* ---------------------------------------------------------------- inputs */

static void append(struct world *w, uint64_t n, size_t len)
{
	for (uint64_t i = 0; i < n; i++) {
		uint64_t seq = ++w->appended;
		struct digest digest;
		w->bytes[seq] = malloc(len);
		w->lens[seq] = len;
		for (size_t b = 0; b < len; b += 8) { /* does not compress */
			uint64_t bits = next_random(w);
			memcpy(w->bytes[seq] + b, &bits, len - b < 8 ? len - b : 8);
		}
		digest_report(w->bytes[seq], len, &digest);
		chain_next(&w->chains[seq - 1], &digest, &w->chains[seq]);
	}
	courier_appended(&w->c, w->appended, w->now, &w->actions);
}

static ProtobufCBinaryData blob(const void *data, size_t len)
{
	return (ProtobufCBinaryData){.len = len, .data = (uint8_t *)(uintptr_t)data};
}

static void say(struct world *w, Tram__V1__Envelope__BodyCase type, void *body)
{
	struct err err;
	size_t len;
	uint8_t *data = codec_pack_envelope(type, body, &len);
	Tram__V1__Envelope *e = codec_envelope(w->decode, data, len, &err);
	assert_non_null(e);
	courier_message(&w->c, e, w->now, &w->actions);
	free(data);
}

/* The chain the centre believes in at seq; beyond what was appended something else of its own. */
static struct digest centre_chain(const struct world *w, uint64_t seq)
{
	struct digest chain = w->chains[seq <= w->appended ? seq : w->appended];
	if (seq > w->appended || (w->fork_at && seq >= w->fork_at))
		chain.bytes[0] ^= 1;
	return chain;
}

static Tram__V1__Credit credit_of(const struct world *w)
{
	Tram__V1__Credit credit = TRAM__V1__CREDIT__INIT;
	credit.bytes = w->credit_bytes;
	credit.batches = w->credit_batches;
	return credit;
}

static void say_subscribe(struct world *w, uint64_t session, uint64_t after)
{
	Tram__V1__Subscribe s = TRAM__V1__SUBSCRIBE__INIT;
	Tram__V1__Position at = TRAM__V1__POSITION__INIT;
	Tram__V1__Credit credit = credit_of(w);
	Tram__V1__Limits limits = TRAM__V1__LIMITS__INIT;
	struct digest chain = centre_chain(w, after);
	at.epoch = blob(w->epoch.bytes, EPOCH_SIZE);
	at.seq = after;
	at.chain = blob(chain.bytes, DIGEST_SIZE);
	limits.batch_reports = (uint32_t)w->limit_batch_reports;
	limits.message_bytes = w->limit_message_bytes;
	limits.heartbeat_ms = 5000;
	s.session = session;
	s.resume_after = &at;
	s.credit = &credit;
	s.limits = &limits;
	s.at_us = w->now.wall_us + 7;
	s.verdict_cursor = w->judged;
	s.verdicts_differ = w->differ;
	memset(w->sent_bytes, 0, sizeof w->sent_bytes);
	w->session = session;
	w->committed = after;
	say(w, TRAM__V1__ENVELOPE__BODY_SUBSCRIBE, &s);
}

static void say_ack(struct world *w, uint64_t session, uint64_t through, bool is_signed, bool is_other)
{
	Tram__V1__Ack ack = TRAM__V1__ACK__INIT;
	Tram__V1__Acknowledgement a = TRAM__V1__ACKNOWLEDGEMENT__INIT;
	Tram__V1__Credit credit = credit_of(w);
	struct ack_header header = {.agent = AGENT,
				    .epoch = w->epoch,
				    .committed_through = through,
				    .chain = centre_chain(w, through),
				    .committed_at_us = w->now.wall_us};
	uint8_t signature[SIGNATURE_SIZE];
	header.chain.bytes[1] ^= is_other;
	ack_sign(&header, is_signed ? w->centre_secret : w->sign_secret, signature);
	a.epoch = blob(w->epoch.bytes, EPOCH_SIZE);
	a.committed_through = through;
	a.chain = blob(header.chain.bytes, DIGEST_SIZE);
	a.committed_at_us = header.committed_at_us;
	a.signature = blob(signature, sizeof signature);
	a.key_id = blob("keyidkey", KEY_ID_SIZE);
	ack.session = session;
	ack.acknowledgement = &a;
	ack.credit = &credit;
	if (is_signed && !is_other && session == w->session && through <= w->appended)
		for (uint64_t seq = 0; seq <= through; seq++)
			w->sent_bytes[seq] = 0;
	say(w, TRAM__V1__ENVELOPE__BODY_ACK, &ack);
}

static void say_heartbeat(struct world *w, uint64_t session, uint64_t catalogue)
{
	Tram__V1__Heartbeat h = TRAM__V1__HEARTBEAT__INIT;
	Tram__V1__Credit credit = credit_of(w);
	h.session = session;
	h.at_us = w->now.wall_us;
	h.credit = &credit;
	h.catalogue_version = (uint32_t)catalogue;
	say(w, TRAM__V1__ENVELOPE__BODY_HEARTBEAT, &h);
}

static void say_refusal(struct world *w, uint64_t session, uint64_t code, uint64_t answers)
{
	Tram__V1__Refusal r = TRAM__V1__REFUSAL__INIT;
	char vi[] = "lời của trung tâm", en[] = "the centre's words";
	r.session = session;
	r.code = (Tram__V1__RefusalCode)code;
	r.message_vi = vi;
	r.message_en = en;
	r.retry_after_ms = (uint32_t)w->retry_ms;
	r.answers = (uint32_t)answers;
	r.check_id = 6;
	say(w, TRAM__V1__ENVELOPE__BODY_REFUSAL, &r);
}

static void say_verdicts(struct world *w, uint64_t session, uint64_t first, uint64_t last)
{
	Tram__V1__Verdicts m = TRAM__V1__VERDICTS__INIT;
	Tram__V1__Verdict verdicts[20], *pointers[20];
	assert_true(last - first < 20);
	for (uint64_t v = first; v <= last; v++) {
		tram__v1__verdict__init(&verdicts[v - first]);
		verdicts[v - first].verdict_seq = v;
		verdicts[v - first].seq = v;
		verdicts[v - first].known_at_us = w->now.wall_us + (int64_t)v;
		verdicts[v - first].epoch = blob(w->epoch.bytes, EPOCH_SIZE);
		pointers[v - first] = &verdicts[v - first];
	}
	m.session = session;
	m.verdicts = pointers;
	m.n_verdicts = last - first + 1;
	say(w, TRAM__V1__ENVELOPE__BODY_VERDICTS, &m);
}

static void say_checked(struct world *w, uint64_t session, uint64_t check)
{
	Tram__V1__CheckResult r = TRAM__V1__CHECK_RESULT__INIT;
	Tram__V1__Verdict v = TRAM__V1__VERDICT__INIT;
	r.session = session;
	r.check_id = check;
	r.verdict = &v;
	say(w, TRAM__V1__ENVELOPE__BODY_CHECK_RESULT, &r);
}

static void say_owed(struct world *w, uint64_t session, uint64_t question)
{
	Tram__V1__Todo r = TRAM__V1__TODO__INIT;
	r.session = session;
	r.request_id = question;
	say(w, TRAM__V1__ENVELOPE__BODY_TODO, &r);
}

/* Time passes; every tick that is due comes, and the caller's outcomes pile up. */
static void pass(struct world *w, uint64_t ms)
{
	int64_t end = w->now.monotonic_us + (int64_t)ms * 1000;
	for (int ticks = 0; courier_deadline(&w->c) <= end; ticks++) {
		int64_t at = courier_deadline(&w->c);
		if (ticks > 10000)
			FAIL(w, "the courier's clock does not move on");
		if (at > w->now.monotonic_us) {
			w->now.wall_us += at - w->now.monotonic_us;
			w->now.monotonic_us = at;
		}
		courier_tick(&w->c, w->now, &w->actions);
	}
	w->now.wall_us += end - w->now.monotonic_us;
	w->now.monotonic_us = end;
}

/* ---------------------------------------------------------------- outcomes */

static const char *describe(struct world *w, const struct courier_action *action, char *buf, size_t size)
{
	static const char *const kinds[] = {
	    "SEND", "STORE_ACK", "STORE_VERDICTS", "REWIND_VERDICTS", "STORE_CODEBOOK", "NEW_SOCKET", "CHECKED",
	    "OWED", "TELL"};
	struct err err;
	Tram__V1__Envelope *e =
	    action->kind == COURIER_SEND ? codec_envelope(w->decode, action->data, action->len, &err) : NULL;
	if (e && e->body_case == TRAM__V1__ENVELOPE__BODY_PUBLISH)
		snprintf(buf, size, "PUBLISH %llu +%u", (unsigned long long)e->publish->first_seq, e->publish->count);
	else if (e && e->body_case == TRAM__V1__ENVELOPE__BODY_HEARTBEAT)
		snprintf(buf, size, "HEARTBEAT cursor %llu committed %llu",
			 (unsigned long long)e->heartbeat->verdict_cursor,
			 (unsigned long long)e->heartbeat->committed_through);
	else
		snprintf(buf, size, "%s %d", kinds[action->kind], e ? (int)e->body_case : 0);
	return buf;
}

/* The next action that is not an event; NULL: none. */
static struct courier_action *next_action(struct world *w)
{
	while (w->taken < w->actions.n && w->actions.items[w->taken].kind == COURIER_TELL)
		w->taken++;
	return w->taken < w->actions.n ? &w->actions.items[w->taken++] : NULL;
}

static void expect_quiet(struct world *w)
{
	char text[100];
	struct courier_action *action = next_action(w);
	if (action)
		FAIL(w, "not expected: %s", describe(w, action, text, sizeof text));
	courier_actions_clear(&w->actions);
	w->taken = 0;
}

static struct courier_action *expect(struct world *w, enum courier_action_kind kind)
{
	char text[100];
	struct courier_action *action = next_action(w);
	if (!action)
		FAIL(w, "nothing came of it");
	if (action->kind != kind)
		FAIL(w, "something else came of it: %s", describe(w, action, text, sizeof text));
	return action;
}

static Tram__V1__Envelope *expect_message(struct world *w, Tram__V1__Envelope__BodyCase type)
{
	struct err err;
	char text[100];
	struct courier_action *action = expect(w, COURIER_SEND);
	Tram__V1__Envelope *e = codec_envelope(w->decode, action->data, action->len, &err);
	assert_non_null(e);
	assert_int_equal(e->version, 1);
	if (e->body_case != type)
		FAIL(w, "another message: %s", describe(w, action, text, sizeof text));
	return e;
}

static void expect_hello(struct world *w, uint64_t last, uint64_t cursor)
{
	Tram__V1__Hello *h = expect_message(w, TRAM__V1__ENVELOPE__BODY_HELLO)->hello;
	assert_string_equal(h->agent, AGENT);
	assert_int_equal(h->last_appended, last);
	assert_int_equal(h->verdict_cursor, cursor);
	assert_int_equal(h->verdict_known_at_us, w->known[cursor]);
	assert_int_equal(h->first_kept, last > w->trimmed ? w->trimmed + 1 : 0);
	assert_memory_equal(h->last_chain.data, w->chains[last].bytes, DIGEST_SIZE);
	assert_memory_equal(h->epoch.data, w->epoch.bytes, EPOCH_SIZE);
	assert_memory_equal(h->signing_key.data, w->sign_public, SIGN_PUBLIC_SIZE);
	assert_int_equal(h->schema, 1);
	assert_int_equal(h->boot_nonce.len, 16);
}

/* As a centre verifies: contiguous, chained, signed, within credit. */
static void verify_publish(struct world *w, const Tram__V1__Publish *p, bool is_refill)
{
	struct err err;
	size_t len;
	uint64_t last = p->first_seq + p->count - 1, under_way = 0;
	uint32_t batches = 0;
	struct batch_header header = {.agent = AGENT, .epoch = w->epoch, .first_seq = p->first_seq, .last_seq = last};
	memcpy(header.prev_chain.bytes, p->prev_chain.data, DIGEST_SIZE);
	memcpy(header.chain.bytes, p->chain.data, DIGEST_SIZE);
	assert_true(batch_verify(&header, w->sign_public, p->signature.data));
	assert_memory_equal(p->prev_chain.data, w->chains[p->first_seq - 1].bytes, DIGEST_SIZE);
	assert_memory_equal(p->chain.data, w->chains[last].bytes, DIGEST_SIZE);
	assert_int_equal(p->session, w->session);
	w->sent_bytes[last] = p->payload.len;
	for (uint64_t seq = 0; seq <= w->appended; seq++) {
		under_way += w->sent_bytes[seq];
		batches += w->sent_bytes[seq] > 0;
	}
	if (under_way > w->credit_bytes || batches > w->credit_batches)
		FAIL(w, "over credit: %llu bytes in %u batches", (unsigned long long)under_way, batches);

	const uint8_t *plain =
	    codec_decompress(w->decode, p->codec, p->payload.data, p->payload.len, LIMIT_BATCH_BYTES, &len, &err);
	assert_non_null(plain);
	Tram__V1__Batch *batch = codec_batch(w->decode, plain, len, &err);
	assert_non_null(batch);
	assert_int_equal(batch->n_entries, p->count);
	for (uint64_t i = 0; i < batch->n_entries; i++) {
		const Tram__V1__Entry *entry = batch->entries[i];
		uint64_t seq = p->first_seq + i;
		assert_int_equal(entry->report.len, w->lens[seq]);
		assert_memory_equal(entry->report.data, w->bytes[seq], w->lens[seq]);
		assert_int_equal(entry->handed_in_at_us, seq * 100);
		assert_int_equal(entry->first_acknowledgement != NULL, is_refill);
		if (is_refill) {
			assert_true(entry->first_acknowledgement->committed_through >= seq);
			assert_int_equal(entry->first_acknowledgement->signature.len, SIGNATURE_SIZE);
		}
	}
}

static void expect_publish(struct world *w, uint64_t first, uint64_t last, bool is_refill)
{
	const Tram__V1__Publish *p = expect_message(w, TRAM__V1__ENVELOPE__BODY_PUBLISH)->publish;
	if (p->first_seq != first || p->first_seq + p->count - 1 != last)
		FAIL(w, "PUBLISH of %llu to %llu", (unsigned long long)p->first_seq,
		     (unsigned long long)(p->first_seq + p->count - 1));
	verify_publish(w, p, is_refill);
}

static void expect_kept_ack(struct world *w, uint64_t through)
{
	struct courier_action *action = expect(w, COURIER_STORE_ACK);
	assert_int_equal(action->ack.committed_through, through);
	assert_memory_equal(action->ack.chain.bytes, w->chains[through].bytes, DIGEST_SIZE);
	w->acks[through] = action->ack;
	w->acknowledged = through;
}

static void expect_heartbeat(struct world *w, uint64_t cursor, uint64_t committed)
{
	Tram__V1__Heartbeat *h = expect_message(w, TRAM__V1__ENVELOPE__BODY_HEARTBEAT)->heartbeat;
	assert_int_equal(h->session, w->session);
	assert_int_equal(h->verdict_cursor, cursor);
	assert_int_equal(h->committed_through, committed);
	assert_int_equal(h->last_appended, w->appended);
	assert_int_equal(h->oldest_pending_us, committed < w->appended ? (committed + 1) * 100 : 0);
}

static void expect_kept_verdicts(struct world *w, uint64_t first, uint64_t last)
{
	struct courier_action *action = expect(w, COURIER_STORE_VERDICTS);
	assert_int_equal(action->n, last - first + 1);
	for (uint64_t i = 0; i < action->n; i++) {
		assert_int_equal(action->verdicts[i].verdict_seq, first + i);
		assert_int_equal(action->verdicts[i].seq, first + i);
		assert_true(action->verdicts[i].len > 0);
		w->known[first + i] = action->verdicts[i].known_at_us;
		assert_int_not_equal(w->known[first + i], 0);
	}
}

static void expect_state(struct world *w, uint64_t state, uint64_t cause)
{
	if (w->c.state != state || w->c.cause != cause)
		FAIL(w, "%s because \"%s\"", courier_state_name(w->c.state), cause_table[w->c.cause].name);
}

/* ---------------------------------------------------------------- playing */

static void play_input(struct world *w, const struct step *s)
{
	struct courier_start at = {.last_appended = w->appended, .acknowledged = s->a, .verdict_cursor = s->b};
	const Tram__V1__Codebook empty = TRAM__V1__CODEBOOK__INIT;
	Tram__V1__Codebook book = empty;
	Tram__V1__Hello hello = TRAM__V1__HELLO__INIT;
	switch (s->kind) {
	case APPEND: append(w, s->a, s->b); break;
	case LINK: courier_link(&w->c, (enum road_event)s->a, w->now, &w->actions); break;
	case WAIT: pass(w, s->a); break;
	case SUBSCRIBE: say_subscribe(w, s->a, s->b); break;
	case JUDGED: w->judged = s->a; break;
	case DIFFER: w->differ = s->a; break;
	case TRIM_VERDICTS: memset(w->known, 0, (s->a + 1) * sizeof w->known[0]); break;
	case LIMIT:
		w->limit_batch_reports = s->a;
		w->limit_message_bytes = s->b;
		break;
	case CREDIT:
		w->credit_bytes = s->a;
		w->credit_batches = (uint32_t)s->b;
		break;
	case ACK: say_ack(w, s->a, s->b, true, false); break;
	case ACK_FALSE: say_ack(w, s->a, s->b, false, false); break;
	case ACK_OTHER: say_ack(w, s->a, s->b, true, true); break;
	case BEAT: say_heartbeat(w, s->a, s->b); break;
	case REFUSE: say_refusal(w, s->a, s->b, s->c); break;
	case RETRY: w->retry_ms = s->a; break;
	case VERDICTS: say_verdicts(w, s->a, s->b, s->c); break;
	case BOOK:
		book.catalogue_version = (uint32_t)s->a;
		say(w, TRAM__V1__ENVELOPE__BODY_CODEBOOK, &book);
		break;
	case CHECK: courier_check(&w->c, s->a, "report", 6, w->now, &w->actions); break;
	case CHECKED: say_checked(w, s->a, s->b); break;
	case OWED_ASK: courier_todo(&w->c, s->a, w->now, &w->actions); break;
	case OWED: say_owed(w, s->a, s->b); break;
	case GARBAGE: courier_message(&w->c, NULL, w->now, &w->actions); break;
	case MISPLACED: say(w, TRAM__V1__ENVELOPE__BODY_HELLO, &hello); break;
	case FORK_AT: w->fork_at = s->a; break;
	case TRIM: w->trimmed = s->a; break;
	case UNSENT: courier_unsent(&w->c, s->a, w->now); break;
	case NOT_KEPT: courier_not_stored(&w->c, &at, w->now, &w->actions); break;
	case TRY_NOW: courier_try_now(&w->c, w->now); break;
	default: fail_msg("no input");
	}
}

static void play_outcome(struct world *w, const struct step *s)
{
	struct courier_action *action;
	switch (s->kind) {
	case HELLO: expect_hello(w, s->a, s->b); break;
	case PUBLISH: expect_publish(w, s->a, s->b, false); break;
	case PUBLISH_ACKD: expect_publish(w, s->a, s->b, true); break;
	case KEEP_ACK: expect_kept_ack(w, s->a); break;
	case KEEP_VERDICTS: expect_kept_verdicts(w, s->a, s->b); break;
	case REWIND:
		assert_int_equal(expect(w, COURIER_REWIND_VERDICTS)->cursor, s->a);
		memset(w->known + s->a + 1, 0, (REPORTS_MAX - s->a) * sizeof w->known[0]);
		break;
	case KEEP_BOOK: assert_int_equal(expect(w, COURIER_STORE_CODEBOOK)->version, s->a); break;
	case HEARTBEAT: expect_heartbeat(w, s->a, s->b); break;
	case ASK_BOOK: expect_message(w, TRAM__V1__ENVELOPE__BODY_CODEBOOK_REQUEST); break;
	case ASK_CHECK:
		assert_int_equal(expect_message(w, TRAM__V1__ENVELOPE__BODY_CHECK)->check->check_id, s->a);
		break;
	case ASK_TODO:
		assert_int_equal(expect_message(w, TRAM__V1__ENVELOPE__BODY_TODO_REQUEST)->todo_request->request_id,
				 s->a);
		break;
	case CHECK_ANSWER:
	case TODO_ANSWER:
		action = expect(w, s->kind == CHECK_ANSWER ? COURIER_CHECKED : COURIER_TODO);
		assert_int_equal(action->check_id, s->a);
		assert_int_equal(action->data != NULL, s->b);
		assert_int_equal(action->cause, s->c);
		break;
	case NEW_SOCKET: expect(w, COURIER_NEW_SOCKET); break;
	case STATE: expect_state(w, s->a, s->b); break;
	case MAY_FORGET: assert_int_equal(courier_committed_now(&w->c), s->a); break;
	case QUIET: expect_quiet(w); break;
	default: fail_msg("no outcome");
	}
}

static void play(const struct step *steps)
{
	struct world *w = world_new();
	for (w->step = 0; steps[w->step].kind != END; w->step++) {
		const struct step *s = &steps[w->step];
		if (s->kind < HELLO)
			expect_quiet(w);
		if (s->kind < HELLO)
			play_input(w, s);
		else
			play_outcome(w, s);
		arena_reset(w->decode);
	}
	expect_quiet(w);
	world_free(w);
}

/* ---------------------------------------------------------------- the conversations */

#define CODE(name) TRAM__V1__REFUSAL_CODE__REFUSAL_CODE_##name
#define UP                                                                                                             \
	{                                                                                                              \
		LINK, ROAD_EVENT_READY                                                                                 \
	}
#define DOWN                                                                                                           \
	{                                                                                                              \
		LINK, ROAD_EVENT_DISCONNECTED                                                                          \
	}
#define IS(state, cause)                                                                                               \
	{                                                                                                              \
		STATE, COURIER_##state, CAUSE_##cause                                                                  \
	}
#define KiB 1024

#define CONVERSATION(name, ...)                                                                                        \
	static void name(void **state)                                                                                 \
	{                                                                                                              \
		static const struct step steps[] = {__VA_ARGS__, {END}};                                               \
		(void)state;                                                                                           \
		play(steps);                                                                                           \
	}

CONVERSATION(plain, IS(OFFLINE, STARTING), {APPEND, 3, 100}, {QUIET}, UP, {HELLO, 3, 0}, IS(GREETING, STARTING),
	     {SUBSCRIBE, 7, 0}, {PUBLISH, 1, 3}, IS(STREAMING, NONE), {ACK, 7, 3}, {KEEP_ACK, 3}, {VERDICTS, 7, 1, 3},
	     {KEEP_VERDICTS, 1, 3}, {WAIT, 300}, {HEARTBEAT, 3, 3}, {APPEND, 1, 50}, {PUBLISH, 4, 4}, {ACK, 7, 4},
	     {KEEP_ACK, 4})

CONVERSATION(a_batch_holds_so_many_reports, {APPEND, 1200, 10}, UP, {HELLO, 1200, 0}, {SUBSCRIBE, 7, 0},
	     {PUBLISH, 1, 500}, {WAIT, 0}, {PUBLISH, 501, 1000}, {PUBLISH, 1001, 1200})

CONVERSATION(a_batch_is_cut_to_its_size, {APPEND, 8, 100 * KiB}, UP, {HELLO, 8, 0}, {SUBSCRIBE, 7, 0}, {PUBLISH, 1, 2},
	     {WAIT, 0}, {PUBLISH, 3, 4}, {PUBLISH, 5, 6}, {PUBLISH, 7, 8})

CONVERSATION(a_large_report_goes_alone, {APPEND, 1, 10}, {APPEND, 1, 700 * KiB}, {APPEND, 1, 10}, UP, {HELLO, 3, 0},
	     {SUBSCRIBE, 7, 0}, {PUBLISH, 1, 1}, {WAIT, 0}, {PUBLISH, 2, 2}, {PUBLISH, 3, 3})

CONVERSATION(the_centre_limits_a_batch, {LIMIT, 2, 0}, {APPEND, 4, 10}, UP, {HELLO, 4, 0}, {SUBSCRIBE, 7, 0},
	     {PUBLISH, 1, 2}, {WAIT, 0}, {PUBLISH, 3, 4})

CONVERSATION(credit_counts_batches, {CREDIT, 1 << 20, 2}, {APPEND, 1500, 10}, UP, {HELLO, 1500, 0}, {SUBSCRIBE, 7, 0},
	     {PUBLISH, 1, 500}, {WAIT, 0}, {PUBLISH, 501, 1000}, {WAIT, 4 * SECOND}, {BEAT, 7, 0}, {ACK, 7, 500},
	     {KEEP_ACK, 500}, {PUBLISH, 1001, 1500})

CONVERSATION(credit_counts_bytes, {CREDIT, 250 * KiB, 9}, {APPEND, 4, 100 * KiB}, UP, {HELLO, 4, 0}, {SUBSCRIBE, 7, 0},
	     {PUBLISH, 1, 2}, {WAIT, 0}, {QUIET}, {CREDIT, 450 * KiB, 9}, {BEAT, 7, 0}, {PUBLISH, 3, 4})

CONVERSATION(credit_taken_back, {APPEND, 2, 100 * KiB}, UP, {HELLO, 2, 0}, {SUBSCRIBE, 7, 0}, {PUBLISH, 1, 2},
	     {CREDIT, 0, 0}, {BEAT, 7, 0}, {APPEND, 1, 10}, {QUIET}, {ACK, 7, 2}, {KEEP_ACK, 2}, {QUIET},
	     {CREDIT, 1 << 20, 1}, {BEAT, 7, 0}, {PUBLISH, 3, 3})

CONVERSATION(a_report_over_what_credit_is_left_waits, {CREDIT, 50 * KiB, 9}, {APPEND, 1, 100 * KiB}, UP, {HELLO, 1, 0},
	     {SUBSCRIBE, 7, 0}, {WAIT, 0}, {QUIET}, IS(STREAMING, NONE), {CREDIT, 200 * KiB, 9}, {BEAT, 7, 0},
	     {PUBLISH, 1, 1})

CONVERSATION(a_report_over_the_centres_limit, {LIMIT, 0, 50 * KiB}, {APPEND, 1, 100 * KiB}, UP, {HELLO, 1, 0},
	     {SUBSCRIBE, 7, 0}, IS(RESTING, TOO_LARGE), {WAIT, 59 * 60 * SECOND}, {QUIET})

CONVERSATION(resumed_where_the_centre_stands, {APPEND, 10, 10}, UP, {HELLO, 10, 0}, {SUBSCRIBE, 7, 6}, {PUBLISH, 7, 10})

CONVERSATION(what_was_committed_before_the_cut_is_not_sent_again, {APPEND, 4, 10}, UP, {HELLO, 4, 0}, {SUBSCRIBE, 7, 0},
	     {PUBLISH, 1, 4}, DOWN, IS(OFFLINE, DISCONNECTED), UP, {HELLO, 4, 0}, {SUBSCRIBE, 8, 4}, {QUIET},
	     {ACK, 8, 4}, {KEEP_ACK, 4}) /* a proof of the same position is still wanted */

/* The acknowledgement behind SUBSCRIBE was lost: what the heartbeat says has the centre say it again. */
CONVERSATION(subscribe_is_no_acknowledgement, {APPEND, 4, 10}, UP, {HELLO, 4, 0}, {SUBSCRIBE, 7, 4}, {WAIT, 5 * SECOND},
	     {HEARTBEAT, 0, 0}, {ACK, 7, 4}, {KEEP_ACK, 4}, {WAIT, 400}, {HEARTBEAT, 0, 4})

CONVERSATION(what_was_lost_is_sent_again, {APPEND, 4, 10}, UP, {HELLO, 4, 0}, {SUBSCRIBE, 7, 0}, {PUBLISH, 1, 4}, DOWN,
	     UP, {HELLO, 4, 0}, {SUBSCRIBE, 8, 0}, {PUBLISH, 1, 4}, {ACK, 8, 4}, {KEEP_ACK, 4})

CONVERSATION(refilled_with_the_first_word, {APPEND, 6, 10}, UP, {HELLO, 6, 0}, {SUBSCRIBE, 7, 0}, {PUBLISH, 1, 6},
	     {ACK, 7, 3}, {KEEP_ACK, 3}, {ACK, 7, 6}, {KEEP_ACK, 6}, DOWN, UP, {HELLO, 6, 0}, {SUBSCRIBE, 8, 2},
	     {PUBLISH_ACKD, 3, 6}, {ACK, 8, 6}, {QUIET}) /* the first acknowledgement stays the one that counts */

CONVERSATION(a_stale_session_is_ignored, {APPEND, 2, 10}, UP, {HELLO, 2, 0}, {SUBSCRIBE, 7, 0}, {PUBLISH, 1, 2}, DOWN,
	     UP, {HELLO, 2, 0}, {ACK, 7, 2}, {QUIET}, {SUBSCRIBE, 8, 0}, {PUBLISH, 1, 2}, {ACK, 7, 2},
	     {VERDICTS, 7, 1, 1}, {REFUSE, 7, CODE(SUPERSEDED)}, {BEAT, 7, 5}, {QUIET}, IS(STREAMING, NONE),
	     {ACK, 8, 2}, {KEEP_ACK, 2})

CONVERSATION(the_newest_subscribe_holds, {APPEND, 2, 10}, UP, {HELLO, 2, 0}, {SUBSCRIBE, 7, 0}, {PUBLISH, 1, 2},
	     {SUBSCRIBE, 8, 1}, {PUBLISH, 2, 2}, {ACK, 7, 2}, {QUIET}, {ACK, 8, 2}, {KEEP_ACK, 2})

CONVERSATION(an_ack_said_twice, {APPEND, 2, 10}, UP, {HELLO, 2, 0}, {SUBSCRIBE, 7, 0}, {PUBLISH, 1, 2}, {ACK, 7, 2},
	     {KEEP_ACK, 2}, {ACK, 7, 2}, {ACK, 7, 1}, {QUIET}, {APPEND, 1, 10}, {PUBLISH, 3, 3})

CONVERSATION(an_ack_that_the_centre_did_not_sign, {APPEND, 2, 10}, UP, {HELLO, 2, 0}, {SUBSCRIBE, 7, 0},
	     {PUBLISH, 1, 2}, {ACK_FALSE, 7, 2}, {QUIET}, IS(STREAMING, NONE), {ACK_FALSE, 7, 9}, {QUIET}, {ACK, 7, 2},
	     {KEEP_ACK, 2})

CONVERSATION(an_ack_of_another_chain, {APPEND, 2, 10}, UP, {HELLO, 2, 0}, {SUBSCRIBE, 7, 0}, {PUBLISH, 1, 2},
	     {ACK_OTHER, 7, 2}, IS(FORKED, FORKED), {APPEND, 1, 10}, {QUIET})

CONVERSATION(an_ack_beyond_the_outbox, {APPEND, 2, 10}, UP, {HELLO, 2, 0}, {SUBSCRIBE, 7, 0}, {PUBLISH, 1, 2},
	     {ACK, 7, 9}, IS(FORKED, FORKED))

CONVERSATION(the_outbox_was_restored, {APPEND, 5, 10}, UP, {HELLO, 5, 0}, {SUBSCRIBE, 7, 9}, IS(FORKED, FORKED),
	     {WAIT, 30 * 60 * SECOND}, {QUIET}, DOWN, UP, {QUIET}, IS(FORKED, FORKED), {TRY_NOW}, {WAIT, 0},
	     {HELLO, 5, 0}, IS(GREETING, FORKED), {SUBSCRIBE, 8, 4}, {PUBLISH, 5, 5}, IS(STREAMING, NONE))

CONVERSATION(the_outbox_was_copied, {APPEND, 5, 10}, {FORK_AT, 3}, UP, {HELLO, 5, 0}, {SUBSCRIBE, 7, 4},
	     IS(FORKED, FORKED), {WAIT, 61 * 60 * SECOND}, {QUIET})

CONVERSATION(chains_agree_below_the_fork, {APPEND, 5, 10}, {FORK_AT, 3}, UP, {HELLO, 5, 0}, {SUBSCRIBE, 7, 2},
	     {PUBLISH, 3, 5})

CONVERSATION(told_that_it_forked, {APPEND, 5, 10}, UP, {HELLO, 5, 0}, {REFUSE, 0, CODE(FORKED)}, IS(FORKED, FORKED),
	     {WAIT, 59 * 60 * SECOND}, {QUIET}, {TRY_NOW}, {WAIT, 0}, {HELLO, 5, 0})

CONVERSATION(the_centre_wants_what_is_trimmed, {APPEND, 9, 10}, {TRIM, 5}, UP, {HELLO, 9, 0}, {SUBSCRIBE, 7, 4},
	     IS(RESTING, TRIMMED), {WAIT, 59 * 60 * SECOND}, {QUIET}, {TRY_NOW}, {WAIT, 0}, {HELLO, 9, 0},
	     {SUBSCRIBE, 8, 5}, {PUBLISH, 6, 9})

CONVERSATION(all_is_trimmed, {APPEND, 5, 10}, {TRIM, 5}, UP, {HELLO, 5, 0}, {SUBSCRIBE, 7, 5}, {APPEND, 1, 10},
	     {PUBLISH, 6, 6})

CONVERSATION(verdicts_once_each_and_in_order, UP, {HELLO, 0, 0}, {SUBSCRIBE, 7, 0}, {VERDICTS, 7, 1, 2},
	     {KEEP_VERDICTS, 1, 2}, {VERDICTS, 7, 1, 2}, {QUIET}, {VERDICTS, 7, 2, 4}, {KEEP_VERDICTS, 3, 4},
	     {VERDICTS, 7, 6, 7}, {QUIET}, {WAIT, 300}, {HEARTBEAT, 4, 0}, {VERDICTS, 7, 5, 7}, {KEEP_VERDICTS, 5, 7})

CONVERSATION(verdicts_survive_a_new_session, UP, {HELLO, 0, 0}, {SUBSCRIBE, 7, 0}, {VERDICTS, 7, 1, 2},
	     {KEEP_VERDICTS, 1, 2}, DOWN, UP, {HELLO, 0, 2})

CONVERSATION(verdicts_of_a_restored_centre_take_the_place, UP, {HELLO, 0, 0}, {SUBSCRIBE, 7, 0}, {VERDICTS, 7, 1, 5},
	     {KEEP_VERDICTS, 1, 5}, {JUDGED, 3}, DOWN, UP, {HELLO, 0, 5}, {SUBSCRIBE, 8, 0}, {REWIND, 3},
	     IS(GREETING, DISCONNECTED), {HELLO, 0, 3}, {SUBSCRIBE, 9, 0}, {QUIET}, {VERDICTS, 9, 4, 6},
	     {KEEP_VERDICTS, 4, 6})

/* Twice restored: the number is the same, the verdict is not; and below a number that is less, too. */
CONVERSATION(other_verdicts_under_the_same_numbers, UP, {HELLO, 0, 0}, {SUBSCRIBE, 7, 0}, {VERDICTS, 7, 1, 5},
	     {KEEP_VERDICTS, 1, 5}, {DIFFER, 1}, {JUDGED, 5}, DOWN, UP, {HELLO, 0, 5}, {SUBSCRIBE, 8, 0}, {REWIND, 0},
	     IS(STREAMING, NONE), {VERDICTS, 8, 1, 5}, {KEEP_VERDICTS, 1, 5}, {DIFFER, 0}, {JUDGED, 3}, DOWN, UP,
	     {HELLO, 0, 5}, {SUBSCRIBE, 9, 0}, {REWIND, 3}, {HELLO, 0, 3}, {DIFFER, 1}, {SUBSCRIBE, 10, 0}, {REWIND, 0},
	     {DIFFER, 0}, {VERDICTS, 10, 1, 3}, {KEEP_VERDICTS, 1, 3}, DOWN, UP, {HELLO, 0, 3}, {SUBSCRIBE, 11, 0},
	     {QUIET})

CONVERSATION(nothing_is_held_where_the_centre_stands, UP, {HELLO, 0, 0}, {SUBSCRIBE, 7, 0}, {VERDICTS, 7, 1, 5},
	     {KEEP_VERDICTS, 1, 5}, {TRIM_VERDICTS, 3}, {JUDGED, 3}, DOWN, UP, {HELLO, 0, 5}, {SUBSCRIBE, 8, 0},
	     {REWIND, 0}, {HELLO, 0, 0}, {SUBSCRIBE, 9, 0}, {VERDICTS, 9, 1, 3}, {KEEP_VERDICTS, 1, 3})

/* A centre that has no verdicts of ours cannot have other ones. */
CONVERSATION(nothing_held_nothing_differs, {DIFFER, 1}, {JUDGED, 0}, UP, {HELLO, 0, 0}, {SUBSCRIBE, 7, 0}, {QUIET},
	     IS(STREAMING, NONE))

/* Of what was acknowledged as 1-3 and 4-8, a batch of five ends at 3: there the first word's chain can be compared. */
CONVERSATION(a_refill_ends_where_an_acknowledgement_does, {APPEND, 9, 10}, UP, {HELLO, 9, 0}, {SUBSCRIBE, 7, 0},
	     {PUBLISH, 1, 9}, {ACK, 7, 3}, {KEEP_ACK, 3}, {ACK, 7, 8}, {KEEP_ACK, 8}, DOWN, UP, {HELLO, 9, 0},
	     {LIMIT, 5, 0}, {SUBSCRIBE, 8, 0}, {PUBLISH_ACKD, 1, 3}, {WAIT, 0}, {PUBLISH_ACKD, 4, 8}, {PUBLISH, 9, 9})

CONVERSATION(an_acknowledgement_larger_than_a_batch, {APPEND, 9, 10}, UP, {HELLO, 9, 0}, {SUBSCRIBE, 7, 0},
	     {PUBLISH, 1, 9}, {ACK, 7, 9}, {KEEP_ACK, 9}, DOWN, UP, {HELLO, 9, 0}, {LIMIT, 4, 0}, {SUBSCRIBE, 8, 0},
	     {PUBLISH_ACKD, 1, 4}, {WAIT, 0}, {PUBLISH_ACKD, 5, 8}, {PUBLISH_ACKD, 9, 9})

CONVERSATION(hello_is_repeated_then_the_socket_made_anew, UP, {HELLO, 0, 0}, {WAIT, 12 * SECOND}, {HELLO, 0, 0},
	     {WAIT, 12 * SECOND}, {HELLO, 0, 0}, {WAIT, 12 * SECOND}, {NEW_SOCKET}, IS(OFFLINE, NO_ANSWER))

CONVERSATION(silence_makes_a_new_socket, UP, {HELLO, 0, 0}, {SUBSCRIBE, 7, 0}, {WAIT, 5 * SECOND}, {HEARTBEAT, 0, 0},
	     {BEAT, 7, 0}, {WAIT, 14 * SECOND}, {HEARTBEAT, 0, 0}, {HEARTBEAT, 0, 0}, {WAIT, 1 * SECOND}, {NEW_SOCKET},
	     IS(OFFLINE, SILENT), UP, {HELLO, 0, 0})

CONVERSATION(anything_heard_breaks_the_silence, UP, {HELLO, 0, 0}, {SUBSCRIBE, 7, 0}, {WAIT, 9 * SECOND},
	     {HEARTBEAT, 0, 0}, {GARBAGE}, {WAIT, 9 * SECOND}, {HEARTBEAT, 0, 0}, {HEARTBEAT, 0, 0}, {MISPLACED},
	     {WAIT, 9 * SECOND}, {HEARTBEAT, 0, 0}, {HEARTBEAT, 0, 0}, IS(STREAMING, NONE))

CONVERSATION(nothing_committed_for_long_asks_again, {APPEND, 1, 10}, UP, {HELLO, 1, 0}, {SUBSCRIBE, 7, 0},
	     {PUBLISH, 1, 1}, {WAIT, 14 * SECOND}, {HEARTBEAT, 0, 0}, {HEARTBEAT, 0, 0}, {BEAT, 7, 0},
	     {WAIT, 14 * SECOND}, {HEARTBEAT, 0, 0}, {HEARTBEAT, 0, 0}, {HEARTBEAT, 0, 0}, {BEAT, 7, 0},
	     {WAIT, 14 * SECOND}, {HEARTBEAT, 0, 0}, {HEARTBEAT, 0, 0}, {HEARTBEAT, 0, 0}, {BEAT, 7, 0},
	     {WAIT, 14 * SECOND}, {HEARTBEAT, 0, 0}, {HEARTBEAT, 0, 0}, {HEARTBEAT, 0, 0}, {BEAT, 7, 0}, {WAIT, 4500},
	     {HELLO, 1, 0}, IS(GREETING, STALLED), {SUBSCRIBE, 8, 0}, {PUBLISH, 1, 1})

CONVERSATION(a_centre_that_stops_is_not_a_wrong_one, {LINK, ROAD_EVENT_BROKEN}, IS(OFFLINE, DISCONNECTED), {WAIT, 1600},
	     {NEW_SOCKET}, UP, {HELLO, 0, 0}, DOWN, {LINK, ROAD_EVENT_BROKEN}, IS(OFFLINE, DISCONNECTED))

CONVERSATION(failed_handshakes_wait_longer, {LINK, ROAD_EVENT_BROKEN}, {LINK, ROAD_EVENT_BROKEN},
	     IS(OFFLINE, WRONG_CENTRE), DOWN, IS(OFFLINE, WRONG_CENTRE), {WAIT, 1600}, {NEW_SOCKET},
	     {LINK, ROAD_EVENT_REFUSED}, IS(OFFLINE, KEY_REFUSED), {WAIT, 4600}, {NEW_SOCKET}, DOWN,
	     IS(OFFLINE, DISCONNECTED), {LINK, ROAD_EVENT_UNANSWERED}, IS(OFFLINE, UNANSWERED),
	     {LINK, ROAD_EVENT_NOT_CURVE}, IS(OFFLINE, NOT_CENTRE), {QUIET}, UP, {HELLO, 0, 0}, {WAIT, 7 * SECOND},
	     {QUIET})

CONVERSATION(no_connection_at_all_gets_a_new_socket, DOWN, IS(OFFLINE, DISCONNECTED), {WAIT, 90 * SECOND}, {QUIET},
	     {WAIT, 60 * SECOND}, {NEW_SOCKET}, {WAIT, 90 * SECOND}, {QUIET}, {WAIT, 60 * SECOND}, {NEW_SOCKET})

CONVERSATION(superseded_keeps_quiet, {APPEND, 1, 10}, UP, {HELLO, 1, 0}, {SUBSCRIBE, 7, 0}, {PUBLISH, 1, 1},
	     {RETRY, 10000}, {REFUSE, 7, CODE(SUPERSEDED)}, IS(RESTING, SUPERSEDED), {ACK, 7, 1}, DOWN, UP,
	     {WAIT, 9 * SECOND}, {QUIET}, {WAIT, 4 * SECOND}, {HELLO, 1, 0})

CONVERSATION(busy_is_asked_again_when_it_said, UP, {HELLO, 0, 0}, {RETRY, 5000}, {REFUSE, 0, CODE(BUSY)},
	     IS(RESTING, BUSY), {WAIT, 4900}, {QUIET}, {WAIT, 1200}, {HELLO, 0, 0}, {SUBSCRIBE, 9, 0})

CONVERSATION(a_gap_is_mended_soon, {APPEND, 5, 10}, UP, {HELLO, 5, 0}, {SUBSCRIBE, 7, 0}, {PUBLISH, 1, 5}, {RETRY, 200},
	     {RETRY, 200}, {REFUSE, 7, CODE(GAP)}, IS(RESTING, GAP), {WAIT, 700}, {HELLO, 5, 0}, {SUBSCRIBE, 8, 2},
	     {PUBLISH, 3, 5})

CONVERSATION(too_large_is_cut_smaller, {APPEND, 4, 10}, UP, {HELLO, 4, 0}, {SUBSCRIBE, 7, 0}, {PUBLISH, 1, 4},
	     {REFUSE, 7, CODE(TOO_LARGE)}, {WAIT, 700}, {HELLO, 4, 0}, {SUBSCRIBE, 8, 0}, {PUBLISH, 1, 2}, {WAIT, 0},
	     {PUBLISH, 3, 4}, {REFUSE, 8, CODE(TOO_LARGE)}, {WAIT, 2 * SECOND}, {HELLO, 4, 0}, {SUBSCRIBE, 9, 2},
	     {PUBLISH, 3, 3}, {REFUSE, 9, CODE(TOO_LARGE)}, IS(RESTING, TOO_LARGE), {WAIT, 59 * 60 * SECOND}, {QUIET})

CONVERSATION(checked, UP, {HELLO, 0, 0}, {CHECK, 5}, {CHECK_ANSWER, 5, 0, CAUSE_STARTING}, {SUBSCRIBE, 7, 0},
	     {CHECK, 6}, {ASK_CHECK, 6}, {CHECKED, 6, 6}, {QUIET}, {CHECKED, 7, 6}, {CHECK_ANSWER, 6, 1, CAUSE_NONE},
	     DOWN, {CHECK, 8}, {CHECK_ANSWER, 8, 0, CAUSE_DISCONNECTED})

CONVERSATION(a_refused_hello_disturbs_no_session, UP, {HELLO, 0, 0}, {WAIT, 12 * SECOND}, {HELLO, 0, 0},
	     {SUBSCRIBE, 7, 0}, {REFUSE, 0, CODE(BUSY), TRAM__V1__ENVELOPE__BODY_HELLO}, {QUIET}, IS(STREAMING, NONE))

CONVERSATION(a_check_that_is_not_to_be_had, UP, {HELLO, 0, 0}, {SUBSCRIBE, 7, 0}, {CHECK, 6}, {ASK_CHECK, 6},
	     {REFUSE, 7, CODE(BUSY), TRAM__V1__ENVELOPE__BODY_CHECK}, {CHECK_ANSWER, 6, 0, CAUSE_BUSY},
	     {REFUSE, 7, CODE(BUSY), TRAM__V1__ENVELOPE__BODY_CODEBOOK_REQUEST}, {QUIET}, IS(STREAMING, NONE))

CONVERSATION(what_is_owed, UP, {HELLO, 0, 0}, {OWED_ASK, 5}, {TODO_ANSWER, 5, 0, CAUSE_STARTING}, {OWED, 7, 5}, {QUIET},
	     {SUBSCRIBE, 7, 0}, {OWED_ASK, 6}, {ASK_TODO, 6}, {OWED, 6, 6}, {QUIET}, {OWED, 7, 6},
	     {TODO_ANSWER, 6, 1, CAUSE_NONE}, {OWED_ASK, 6}, {ASK_TODO, 6},
	     {REFUSE, 7, CODE(BUSY), TRAM__V1__ENVELOPE__BODY_TODO_REQUEST}, {TODO_ANSWER, 6, 0, CAUSE_BUSY},
	     IS(STREAMING, NONE), DOWN, {OWED_ASK, 8}, {TODO_ANSWER, 8, 0, CAUSE_DISCONNECTED})

CONVERSATION(the_codebook_is_fetched_once, UP, {HELLO, 0, 0}, {SUBSCRIBE, 7, 0}, {BEAT, 7, 3}, {ASK_BOOK}, {BEAT, 7, 3},
	     {QUIET}, {BOOK, 3}, {KEEP_BOOK, 3}, {BEAT, 7, 3}, {QUIET}, {BEAT, 7, 4}, {ASK_BOOK}, {BEAT, 7, 4}, {QUIET},
	     {WAIT, 14 * SECOND}, {HEARTBEAT, 0, 0}, {HEARTBEAT, 0, 0}, {BEAT, 7, 4}, {WAIT, 14 * SECOND},
	     {HEARTBEAT, 0, 0}, {HEARTBEAT, 0, 0}, {HEARTBEAT, 0, 0}, {BEAT, 7, 4}, {WAIT, 3 * SECOND},
	     {HEARTBEAT, 0, 0}, {BEAT, 7, 4}, {ASK_BOOK})

CONVERSATION(what_the_socket_did_not_take, {APPEND, 3, 10}, UP, {HELLO, 3, 0}, {SUBSCRIBE, 7, 0}, {PUBLISH, 1, 3},
	     {UNSENT, 1}, {WAIT, 250}, {PUBLISH, 1, 3})

CONVERSATION(a_full_disk_takes_nothing_in, {APPEND, 3, 10}, UP, {HELLO, 3, 0}, {SUBSCRIBE, 7, 0}, {PUBLISH, 1, 3},
	     {VERDICTS, 7, 1, 2}, {KEEP_VERDICTS, 1, 2}, {NOT_KEPT, 0, 0}, IS(RESTING, OUTBOX_FULL),
	     {VERDICTS, 7, 3, 3}, {QUIET}, {WAIT, 73 * SECOND}, {HELLO, 3, 0}, {SUBSCRIBE, 8, 3}, {VERDICTS, 8, 1, 2},
	     {KEEP_VERDICTS, 1, 2})

/* What it lacks is not to be forgotten, though it was committed once and room is wanted. */
CONVERSATION(a_full_disk_and_a_restored_centre, {APPEND, 3, 10}, UP, {HELLO, 3, 0}, {SUBSCRIBE, 7, 0}, {PUBLISH, 1, 3},
	     {ACK, 7, 3}, {KEEP_ACK, 3}, {VERDICTS, 7, 1, 3}, {KEEP_VERDICTS, 1, 3}, {MAY_FORGET, 3}, {JUDGED, 1}, DOWN,
	     {MAY_FORGET, 0}, UP, {HELLO, 3, 3}, {SUBSCRIBE, 8, 1}, {REWIND, 1}, {HELLO, 3, 1}, {NOT_KEPT, 3, 3},
	     IS(RESTING, OUTBOX_FULL), {MAY_FORGET, 1})

/* Every code ends the session, is named, and is not answered at once. */
static void every_refusal(void **state)
{
	const ProtobufCEnumDescriptor *codes = &tram__v1__refusal_code__descriptor;
	(void)state;
	for (unsigned i = 0; i < codes->n_values; i++) {
		struct world *w = world_new();
		uint64_t code = (uint64_t)codes->values[i].value;
		append(w, 1, 10);
		courier_link(&w->c, ROAD_EVENT_READY, w->now, &w->actions);
		say_subscribe(w, 7, 0);
		courier_actions_clear(&w->actions);
		say_refusal(w, 7, code, 0);
		bool forked = code == CODE(FORKED);
		if (w->c.state != (forked ? COURIER_FORKED : COURIER_RESTING) || w->c.cause == CAUSE_NONE)
			fail_msg("%s", codes->values[i].name);
		if ((w->c.cause == CAUSE_OTHER) != (code == CODE(UNSPECIFIED)))
			fail_msg("%s has no cause of its own", codes->values[i].name);
		assert_string_equal(w->c.cause_vi, "lời của trung tâm");
		assert_string_equal(w->c.cause_en, "the centre's words");
		assert_int_equal(w->c.session, 0);
		for (size_t a = 0; a < w->actions.n; a++)
			assert_int_equal(w->actions.items[a].kind, COURIER_TELL);
		assert_true(courier_deadline(&w->c) > w->now.monotonic_us);
		assert_true(courier_deadline(&w->c) <= w->now.monotonic_us + INT64_C(72) * 60 * 1000000);
		world_free(w);
	}
}

/* Refused again and again, the waits grow; committed progress makes them short again. */
static void refusals_back_off(void **state)
{
	struct world *w = world_new();
	int64_t longest = 0;
	(void)state;
	append(w, 1, 10);
	w->retry_ms = 1;
	courier_link(&w->c, ROAD_EVENT_READY, w->now, &w->actions);
	for (uint64_t i = 1; i <= 30; i++) {
		say_subscribe(w, i, 0);
		say_refusal(w, i, CODE(OVER_CREDIT), 0);
		int64_t wait = courier_deadline(&w->c) - w->now.monotonic_us;
		longest = wait > longest ? wait : longest;
		w->now.monotonic_us += wait;
		courier_tick(&w->c, w->now, &w->actions);
		assert_int_equal(w->c.state, COURIER_GREETING);
	}
	assert_true(longest > 5000000);
	say_subscribe(w, 99, 0);
	say_ack(w, 99, 1, true, false);
	say_refusal(w, 99, CODE(OVER_CREDIT), 0);
	assert_true(courier_deadline(&w->c) - w->now.monotonic_us <= 600000);
	world_free(w);
}

/* The same inputs and random numbers: the same bytes. */
static void same_seed_same_bytes(void **state)
{
	struct world *w[2] = {world_new(), world_new()};
	(void)state;
	for (int i = 0; i < 2; i++) {
		append(w[i], 700, 1000);
		courier_link(&w[i]->c, ROAD_EVENT_READY, w[i]->now, &w[i]->actions);
		say_subscribe(w[i], 7, 0);
		pass(w[i], 60000);
	}
	assert_int_equal(w[0]->actions.n, w[1]->actions.n);
	for (size_t i = 0; i < w[0]->actions.n; i++) {
		const struct courier_action *a = &w[0]->actions.items[i], *b = &w[1]->actions.items[i];
		assert_int_equal(a->kind, b->kind);
		assert_int_equal(a->len, b->len);
		if (a->data)
			assert_memory_equal(a->data, b->data, a->len);
	}
	world_free(w[0]);
	world_free(w[1]);
}

/* No message in any state makes it do anything but what the table says: none crashes, none is unaccounted for. */
static void every_input_in_every_state(void **state)
{
	static const struct step inputs[] = {{LINK, ROAD_EVENT_READY},
					     {LINK, ROAD_EVENT_DISCONNECTED},
					     {LINK, ROAD_EVENT_BROKEN},
					     {LINK, ROAD_EVENT_CONNECTED},
					     {SUBSCRIBE, 5, 0},
					     {SUBSCRIBE, 5, 9},
					     {SUBSCRIBE, 0, 0},
					     {ACK, 1, 1},
					     {ACK, 1, 9},
					     {ACK, 2, 1},
					     {ACK, 0, 1},
					     {ACK_FALSE, 1, 1},
					     {ACK_OTHER, 1, 1},
					     {BEAT, 1, 2},
					     {BEAT, 0, 2},
					     {VERDICTS, 1, 1, 2},
					     {VERDICTS, 1, 5, 6},
					     {VERDICTS, 0, 1, 1},
					     {REFUSE, 1, CODE(BUSY)},
					     {REFUSE, 0, CODE(FORKED)},
					     {REFUSE, 4, CODE(BUSY)},
					     {BOOK, 2},
					     {BOOK, 0},
					     {CHECK, 1},
					     {CHECKED, 1, 1},
					     {OWED_ASK, 1},
					     {OWED, 1, 1},
					     {REFUSE, 1, CODE(BUSY), TRAM__V1__ENVELOPE__BODY_TODO_REQUEST},
					     {GARBAGE},
					     {MISPLACED},
					     {APPEND, 1, 10},
					     {TRY_NOW},
					     {WAIT, 1000},
					     {WAIT, 2 * 60 * 60 * SECOND}};
	enum { N = sizeof inputs / sizeof inputs[0] };
	(void)state;
	for (unsigned i = 0; i < N * N * 4; i++) {
		struct world *w = world_new();
		append(w, 2, 10);
		if (i % 4 > 0)
			courier_link(&w->c, ROAD_EVENT_READY, w->now, &w->actions);
		if (i % 4 > 1)
			say_subscribe(w, 1, 0);
		if (i % 4 > 2)
			say_refusal(w, 1, CODE(REVOKED), 0);
		play_input(w, &inputs[i / 4 % N]);
		play_input(w, &inputs[i / 4 / N]);
		assert_true(w->c.state < COURIER_STATES);
		assert_true((w->c.state == COURIER_STREAMING) == (w->c.session != 0));
		assert_true((w->c.state == COURIER_STREAMING) == (w->c.cause == CAUSE_NONE));
		assert_true(courier_deadline(&w->c) < INT64_MAX); /* it never sleeps for ever */
		world_free(w);
	}
}

int main(void)
{
	if (sodium_init() < 0)
		return 1;
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(plain),
	    cmocka_unit_test(a_batch_holds_so_many_reports),
	    cmocka_unit_test(a_batch_is_cut_to_its_size),
	    cmocka_unit_test(a_large_report_goes_alone),
	    cmocka_unit_test(the_centre_limits_a_batch),
	    cmocka_unit_test(credit_counts_batches),
	    cmocka_unit_test(credit_counts_bytes),
	    cmocka_unit_test(credit_taken_back),
	    cmocka_unit_test(a_report_over_what_credit_is_left_waits),
	    cmocka_unit_test(a_report_over_the_centres_limit),
	    cmocka_unit_test(resumed_where_the_centre_stands),
	    cmocka_unit_test(what_was_committed_before_the_cut_is_not_sent_again),
	    cmocka_unit_test(subscribe_is_no_acknowledgement),
	    cmocka_unit_test(what_was_lost_is_sent_again),
	    cmocka_unit_test(refilled_with_the_first_word),
	    cmocka_unit_test(a_stale_session_is_ignored),
	    cmocka_unit_test(the_newest_subscribe_holds),
	    cmocka_unit_test(an_ack_said_twice),
	    cmocka_unit_test(an_ack_that_the_centre_did_not_sign),
	    cmocka_unit_test(an_ack_of_another_chain),
	    cmocka_unit_test(an_ack_beyond_the_outbox),
	    cmocka_unit_test(the_outbox_was_restored),
	    cmocka_unit_test(the_outbox_was_copied),
	    cmocka_unit_test(chains_agree_below_the_fork),
	    cmocka_unit_test(told_that_it_forked),
	    cmocka_unit_test(the_centre_wants_what_is_trimmed),
	    cmocka_unit_test(all_is_trimmed),
	    cmocka_unit_test(verdicts_once_each_and_in_order),
	    cmocka_unit_test(verdicts_survive_a_new_session),
	    cmocka_unit_test(verdicts_of_a_restored_centre_take_the_place),
	    cmocka_unit_test(other_verdicts_under_the_same_numbers),
	    cmocka_unit_test(nothing_is_held_where_the_centre_stands),
	    cmocka_unit_test(nothing_held_nothing_differs),
	    cmocka_unit_test(a_refill_ends_where_an_acknowledgement_does),
	    cmocka_unit_test(an_acknowledgement_larger_than_a_batch),
	    cmocka_unit_test(a_refused_hello_disturbs_no_session),
	    cmocka_unit_test(hello_is_repeated_then_the_socket_made_anew),
	    cmocka_unit_test(silence_makes_a_new_socket),
	    cmocka_unit_test(anything_heard_breaks_the_silence),
	    cmocka_unit_test(nothing_committed_for_long_asks_again),
	    cmocka_unit_test(a_centre_that_stops_is_not_a_wrong_one),
	    cmocka_unit_test(failed_handshakes_wait_longer),
	    cmocka_unit_test(no_connection_at_all_gets_a_new_socket),
	    cmocka_unit_test(superseded_keeps_quiet),
	    cmocka_unit_test(busy_is_asked_again_when_it_said),
	    cmocka_unit_test(a_gap_is_mended_soon),
	    cmocka_unit_test(too_large_is_cut_smaller),
	    cmocka_unit_test(checked),
	    cmocka_unit_test(a_check_that_is_not_to_be_had),
	    cmocka_unit_test(what_is_owed),
	    cmocka_unit_test(the_codebook_is_fetched_once),
	    cmocka_unit_test(what_the_socket_did_not_take),
	    cmocka_unit_test(a_full_disk_takes_nothing_in),
	    cmocka_unit_test(a_full_disk_and_a_restored_centre),
	    cmocka_unit_test(every_refusal),
	    cmocka_unit_test(refusals_back_off),
	    cmocka_unit_test(same_seed_same_bytes),
	    cmocka_unit_test(every_input_in_every_state),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
