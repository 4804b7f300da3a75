/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "publish.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REPORTS 5
#define AGENT   "agent-63-46"

/* A stream of REPORTS reports and its chain; chain[n] is at seq n. */
struct road {
	struct arena *arena;
	uint8_t public_key[SIGN_PUBLIC_SIZE], secret[SIGN_SECRET_SIZE];
	struct epoch epoch;
	char reports[REPORTS + 1][16];
	struct digest chain[REPORTS + 1];
	uint8_t centre_public[SIGN_PUBLIC_SIZE], centre_secret[SIGN_SECRET_SIZE];
	struct first_ack *acks[REPORTS + 1]; /* that come with a report; NULL: none */
};

/* An acknowledgement of the centre's, from which a test may deviate before it is signed, and after. */
struct first_ack {
	Tram__V1__Acknowledgement message;
	struct ack_header header;
	uint8_t signature[SIGNATURE_SIZE], key_id[KEY_ID_SIZE];
};

/* A PUBLISH whose parts a test may spoil before it is opened. */
struct sent {
	Tram__V1__Publish message;
	struct digest prev_chain, chain;
	uint8_t signature[SIGNATURE_SIZE], key_id[KEY_ID_SIZE];
	uint8_t *payload;
};

static int road_open(void **state)
{
	struct road *r = calloc(1, sizeof(*r));
	assert_true(sodium_init() >= 0);
	r->arena = arena_new(4 << 20);
	crypto_sign_keypair(r->public_key, r->secret);
	crypto_sign_keypair(r->centre_public, r->centre_secret);
	memset(r->epoch.bytes, 7, EPOCH_SIZE);
	chain_start(AGENT, &r->epoch, NULL, &r->chain[0]);
	for (int i = 1; i <= REPORTS; i++) {
		struct digest digest;
		snprintf(r->reports[i], sizeof(r->reports[i]), "report %d", i);
		digest_report(r->reports[i], strlen(r->reports[i]), &digest);
		chain_next(&r->chain[i - 1], &digest, &r->chain[i]);
	}
	*state = r;
	return 0;
}

static int road_close(void **state)
{
	struct road *r = *state;
	arena_free(&r->arena);
	free(r);
	return 0;
}

static void sign(struct road *r, struct sent *s, const char *agent, uint64_t first, uint64_t last)
{
	struct batch_header header = {.agent = agent,
				      .epoch = r->epoch,
				      .first_seq = first,
				      .last_seq = last,
				      .prev_chain = s->prev_chain,
				      .chain = s->chain};
	batch_sign(&header, r->secret, s->signature);
}

static void make(struct road *r, struct sent *s, uint64_t first, uint64_t last)
{
	Tram__V1__Entry entries[REPORTS], *rows[REPORTS];
	Tram__V1__Batch batch = TRAM__V1__BATCH__INIT;
	size_t len;
	for (uint64_t seq = first; seq <= last; seq++) {
		size_t i = (size_t)(seq - first);
		tram__v1__entry__init(&entries[i]);
		entries[i].report = (ProtobufCBinaryData){strlen(r->reports[seq]), (uint8_t *)r->reports[seq]};
		entries[i].handed_in_at_us = (int64_t)seq;
		if (r->acks[seq])
			entries[i].first_acknowledgement = &r->acks[seq]->message;
		rows[i] = &entries[i];
	}
	batch.entries = rows;
	batch.n_entries = (size_t)(last - first + 1);
	s->payload = codec_pack(&batch.base, &len);
	s->prev_chain = r->chain[first - 1];
	s->chain = r->chain[last];
	sign(r, s, AGENT, first, last);
	key_id(r->public_key, s->key_id);
	tram__v1__publish__init(&s->message);
	s->message.epoch = (ProtobufCBinaryData){EPOCH_SIZE, r->epoch.bytes};
	s->message.first_seq = first;
	s->message.count = (uint32_t)batch.n_entries;
	s->message.prev_chain = (ProtobufCBinaryData){DIGEST_SIZE, s->prev_chain.bytes};
	s->message.chain = (ProtobufCBinaryData){DIGEST_SIZE, s->chain.bytes};
	s->message.payload = (ProtobufCBinaryData){len, s->payload};
	s->message.signature = (ProtobufCBinaryData){SIGNATURE_SIZE, s->signature};
	s->message.key_id = (ProtobufCBinaryData){KEY_ID_SIZE, s->key_id};
}

/* Opens what was sent against a watermark at seq. */
static struct publish open_at(struct road *r, struct sent *s, uint64_t seq)
{
	struct publish p;
	struct watermark w = {.epoch = r->epoch, .seq = seq, .chain = r->chain[seq]};
	const struct publish_limits limits = {.batch_bytes = 1 << 16, .batch_reports = REPORTS};
	struct publish_keys keys;
	memcpy(keys.agent, r->public_key, sizeof(keys.agent));
	memcpy(keys.centre, r->centre_public, sizeof(keys.centre));
	publish_open(r->arena, &s->message, AGENT, &keys, &w, &limits, &p);
	return p;
}

static void continues_the_stream(void **state)
{
	struct road *r = *state;
	struct sent s;
	make(r, &s, 1, 3);
	struct publish p = open_at(r, &s, 0);
	assert_int_equal(p.refusal, 0);
	assert_int_equal(p.n_entries, 3);
	assert_int_equal(p.n_overlap, 0);
	assert_int_equal(p.entries[2].seq, 3);
	assert_memory_equal(p.entries[2].data, "report 3", 8);
	assert_memory_equal(p.entries[2].chain.bytes, r->chain[3].bytes, DIGEST_SIZE);
	free(s.payload);
}

static void skips_what_is_committed(void **state)
{
	struct road *r = *state;
	struct sent s;
	make(r, &s, 2, 5);
	struct publish p = open_at(r, &s, 3);
	assert_int_equal(p.refusal, 0);
	assert_int_equal(p.n_overlap, 2);
	assert_int_equal(p.n_entries, 2);
	assert_int_equal(p.entries[0].seq, 4);
	p = open_at(r, &s, 5);
	assert_int_equal(p.refusal, 0);
	assert_int_equal(p.n_entries, 0);
	free(s.payload);
}

/* Opened once, and taken from again when some of it is committed: as if it were opened anew, or not at all. */
static void goes_on_where_it_was_left(void **state)
{
	struct road *r = *state;
	struct sent s;
	struct watermark w = {.epoch = r->epoch};
	make(r, &s, 2, 4);
	struct publish opened = open_at(r, &s, 2), p;
	for (uint64_t seq = 3; seq <= 4; seq++) {
		struct publish anew = open_at(r, &s, seq);
		w.seq = seq;
		w.chain = r->chain[seq];
		assert_true(publish_rest(&opened, &w, &p));
		assert_int_equal(p.n_entries, anew.n_entries);
		assert_int_equal(p.n_overlap, anew.n_overlap);
		for (size_t i = 0; i < p.n_entries; i++)
			assert_memory_equal(p.entries[i].chain.bytes, anew.entries[i].chain.bytes, DIGEST_SIZE);
	}
	for (uint64_t seq = 2; seq <= 5; seq += 3) { /* before what was new in it, and behind all of it */
		w.seq = seq;
		w.chain = r->chain[seq];
		assert_false(publish_rest(&opened, &w, &p));
	}
	w.seq = 4;
	assert_false(publish_rest(&opened, &w, &p)); /* of another history */
	w.chain = r->chain[4];
	assert_true(publish_rest(&opened, &w, &p));
	w.epoch.bytes[0] ^= 1;
	assert_false(publish_rest(&opened, &w, &p));
	free(s.payload);
}

typedef void spoil(struct road *r, struct sent *s);

static void spoil_nothing(struct road *r, struct sent *s)
{
	(void)r, (void)s;
}
static void spoil_epoch_size(struct road *r, struct sent *s)
{
	(void)r;
	s->message.epoch.len = 15;
}
static void spoil_count(struct road *r, struct sent *s)
{
	(void)r;
	s->message.count = 2;
}
static void spoil_many(struct road *r, struct sent *s)
{
	(void)r;
	s->message.count = REPORTS + 1;
}
static void spoil_last_seq(struct road *r, struct sent *s)
{
	(void)r;
	s->message.first_seq = (UINT64_C(1) << 40) - 2;
}
static void spoil_epoch(struct road *r, struct sent *s)
{
	static uint8_t other[EPOCH_SIZE] = {1};
	(void)r;
	s->message.epoch.data = other;
}
static void spoil_payload(struct road *r, struct sent *s)
{
	(void)r;
	s->payload[0] = 0xff;
}
static void spoil_report(struct road *r, struct sent *s)
{
	(void)r;
	for (size_t i = 0; i + 6 < s->message.payload.len; i++)
		if (memcmp(s->payload + i, "report", 6) == 0) {
			s->payload[i] = 'R';
			return;
		}
	fail();
}
static void spoil_prev_chain(struct road *r, struct sent *s)
{
	s->prev_chain.bytes[0] ^= 1;
	sign(r, s, AGENT, 2, 4);
}
/* The same reports behind another history: a restored or copied outbox that went on by itself. */
static void spoil_history(struct road *r, struct sent *s)
{
	s->prev_chain.bytes[0] ^= 1;
	s->chain = s->prev_chain;
	for (int i = 2; i <= 4; i++) {
		struct digest digest;
		digest_report(r->reports[i], strlen(r->reports[i]), &digest);
		chain_next(&s->chain, &digest, &s->chain);
	}
	sign(r, s, AGENT, 2, 4);
}
static void spoil_signature(struct road *r, struct sent *s)
{
	(void)r;
	s->signature[10] ^= 1;
}
static void spoil_history_and_signature(struct road *r, struct sent *s)
{
	spoil_history(r, s);
	spoil_signature(r, s);
}
static void spoil_signer(struct road *r, struct sent *s)
{
	sign(r, s, "agent-63-48", 2, 4);
}
static void spoil_key_id(struct road *r, struct sent *s)
{
	(void)r;
	s->key_id[0] ^= 1;
}
static void spoil_codec(struct road *r, struct sent *s)
{
	(void)r;
	s->message.codec = TRAM__V1__CODEC__CODEC_ZSTD;
}

#define CODE(name) TRAM__V1__REFUSAL_CODE__REFUSAL_CODE_##name

static void refuses_what_is_wrong(void **state)
{
	static const struct {
		const char *what;
		uint64_t watermark;
		spoil *spoil;
		Tram__V1__RefusalCode code;
	} cases[] = {
	    {"nothing", 1, spoil_nothing, 0},
	    {"epoch of 15 bytes", 1, spoil_epoch_size, CODE(MALFORMED)},
	    {"count is not what is in it", 1, spoil_count, CODE(MALFORMED)},
	    {"more reports than the limit", 1, spoil_many, CODE(TOO_LARGE)},
	    {"sequence number beyond 40 bits", 1, spoil_last_seq, CODE(MALFORMED)},
	    {"another epoch", 1, spoil_epoch, CODE(NO_SESSION)},
	    {"a report is missing before it", 0, spoil_nothing, CODE(GAP)},
	    {"payload is not a Batch", 1, spoil_payload, CODE(MALFORMED)},
	    {"payload is not zstd", 1, spoil_codec, CODE(MALFORMED)},
	    {"one byte of a new report differs", 1, spoil_report, CODE(BAD_CHAIN)},
	    {"one byte of a committed report differs", 2, spoil_report, CODE(BAD_CHAIN)},
	    {"starts from another chain than it says", 1, spoil_prev_chain, CODE(BAD_CHAIN)},
	    {"sound, but of another outbox", 1, spoil_history, CODE(FORKED)},
	    {"sound, but another report in a committed one's place", 2, spoil_history, CODE(FORKED)},
	    {"of another outbox and not signed", 1, spoil_history_and_signature, CODE(BAD_SIGNATURE)},
	    {"signature differs", 1, spoil_signature, CODE(BAD_SIGNATURE)},
	    {"signed for another agent", 1, spoil_signer, CODE(BAD_SIGNATURE)},
	    {"another key's id", 1, spoil_key_id, CODE(BAD_SIGNATURE)},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct road *r = *state;
		struct sent s;
		make(r, &s, 2, 4);
		cases[i].spoil(r, &s);
		struct publish p = open_at(r, &s, cases[i].watermark);
		if (p.refusal != cases[i].code)
			fail_msg("%s: refusal %d, expected %d", cases[i].what, (int)p.refusal, (int)cases[i].code);
		free(s.payload);
	}
}

/* ---------------------------------------------------------------- first acknowledgements */

typedef void tamper(struct road *r, struct first_ack *a);

static void tamper_nothing(struct road *r, struct first_ack *a)
{
	(void)r, (void)a;
}
static void tamper_agent(struct road *r, struct first_ack *a)
{
	(void)r;
	a->header.agent = "agent-63-48";
}
static void tamper_epoch(struct road *r, struct first_ack *a)
{
	(void)r;
	a->header.epoch.bytes[0]++;
}
static void tamper_chain(struct road *r, struct first_ack *a)
{
	(void)r;
	a->header.chain.bytes[0]++;
}
static void tamper_time(struct road *r, struct first_ack *a)
{
	(void)r;
	a->header.committed_at_us = 0;
}
static void tamper_signature(struct road *r, struct first_ack *a)
{
	(void)r;
	a->signature[9]++;
}
static void tamper_key(struct road *r, struct first_ack *a)
{
	(void)r;
	a->key_id[0]++;
}
static void tamper_time_said(struct road *r, struct first_ack *a)
{
	(void)r;
	a->message.committed_at_us--;
}
static void tamper_size(struct road *r, struct first_ack *a)
{
	(void)r;
	a->message.chain.len--;
}

/* The centre's word on everything through seq: deviating before it is signed, and after. */
static void make_ack(struct road *r, struct first_ack *a, uint64_t through, int64_t at_us, tamper *before,
		     tamper *after)
{
	a->header = (struct ack_header){.agent = AGENT,
					.epoch = r->epoch,
					.committed_through = through,
					.chain = r->chain[through],
					.committed_at_us = at_us};
	before(r, a);
	ack_sign(&a->header, r->centre_secret, a->signature);
	key_id(r->centre_public, a->key_id);
	tram__v1__acknowledgement__init(&a->message);
	a->message.epoch = (ProtobufCBinaryData){EPOCH_SIZE, a->header.epoch.bytes};
	a->message.committed_through = through;
	a->message.chain = (ProtobufCBinaryData){DIGEST_SIZE, a->header.chain.bytes};
	a->message.committed_at_us = a->header.committed_at_us;
	a->message.signature = (ProtobufCBinaryData){SIGNATURE_SIZE, a->signature};
	a->message.key_id = (ProtobufCBinaryData){KEY_ID_SIZE, a->key_id};
	after(r, a);
}

static void believes_only_what_the_centre_said(void **state)
{
	static const struct {
		const char *what;
		uint64_t through;
		tamper *before, *after;
		const char *bad; /* NULL: it holds */
	} cases[] = {
	    {"of this very report", 3, tamper_nothing, tamper_nothing, NULL},
	    {"of a later one in the batch", 4, tamper_nothing, tamper_nothing, NULL},
	    {"of one beyond the batch", 5, tamper_nothing, tamper_nothing, NULL},
	    {"of one before it in the batch", 2, tamper_nothing, tamper_nothing, "earlier reports"},
	    {"of one before the batch", 1, tamper_nothing, tamper_nothing, "earlier reports"},
	    {"for another agent", 3, tamper_agent, tamper_nothing, "bad signature"},
	    {"of another epoch", 3, tamper_epoch, tamper_nothing, "another epoch"},
	    {"of other reports", 3, tamper_chain, tamper_nothing, "other reports"},
	    {"without a time", 3, tamper_time, tamper_nothing, "malformed"},
	    {"with another signature", 3, tamper_nothing, tamper_signature, "bad signature"},
	    {"with another time than was signed", 3, tamper_nothing, tamper_time_said, "bad signature"},
	    {"its neighbour's, with another time", 4, tamper_nothing, tamper_time_said, "bad signature"},
	    {"its neighbour's, with another signature", 4, tamper_nothing, tamper_signature, "bad signature"},
	    {"by another key", 3, tamper_nothing, tamper_key, "another key"},
	    {"cut short", 3, tamper_nothing, tamper_size, "malformed"},
	};
	struct road *r = *state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct first_ack good, own;
		struct sent s;
		make_ack(r, &good, 4, 1000, tamper_nothing, tamper_nothing);
		make_ack(r, &own, cases[i].through, cases[i].bad ? 1000 : 900, cases[i].before, cases[i].after);
		r->acks[2] = r->acks[4] = &good; /* neighbours, whose word is not this one's */
		r->acks[3] = &own;
		make(r, &s, 2, 4);
		struct publish p = open_at(r, &s, 1);
		assert_int_equal(p.refusal, 0);
		const struct publish_entry *e = &p.entries[1];
		if (!e->bad_first != !cases[i].bad || (e->bad_first && strcmp(e->bad_first, cases[i].bad) != 0))
			fail_msg("%s: %s", cases[i].what, e->bad_first ? e->bad_first : "believed");
		assert_int_equal(e->first_committed_at_us, cases[i].bad ? 0 : 900);
		assert_int_equal(p.entries[0].first_committed_at_us, 1000);
		assert_int_equal(p.entries[2].first_committed_at_us, 1000);
		free(s.payload);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(continues_the_stream, road_open, road_close),
	    cmocka_unit_test_setup_teardown(skips_what_is_committed, road_open, road_close),
	    cmocka_unit_test_setup_teardown(goes_on_where_it_was_left, road_open, road_close),
	    cmocka_unit_test_setup_teardown(refuses_what_is_wrong, road_open, road_close),
	    cmocka_unit_test_setup_teardown(believes_only_what_the_centre_said, road_open, road_close),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
