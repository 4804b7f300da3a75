/* SPDX-License-Identifier: Apache-2.0 */
/* Tickets traced and proven from a real outbox: before and after the acknowledgement, after the bytes are forgotten, and
 * from an outbox that was set aside. */
#include "evidence.h"

#include "proof.h"
#include "renew.h"

#include <dirent.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#define AGENT "agent-63-46"
#define NOW   INT64_C(1700000000000000)
#define DAY   INT64_C(86400000000)

static const struct outbox_limits limits = {.bytes_max = 64 << 20, .retention_us = 1, .past_us = DAY};
static const uint8_t boot[OUTBOX_NONCE_SIZE];

struct place {
	char dir[64];
	struct keys keys, centre;
	struct outbox *ob;
	struct arena *arena;
	struct err err;
};

static int setup(void **state)
{
	struct place *p = calloc(1, sizeof *p);
	snprintf(p->dir, sizeof p->dir, "/tmp/tram-evidence-XXXXXX");
	assert_non_null(mkdtemp(p->dir));
	assert_true(keys_make(AGENT, &p->keys, &p->err) && keys_make("centre", &p->centre, &p->err));
	p->ob = outbox_open(p->dir, AGENT, &limits, boot, &p->err);
	assert_non_null(p->ob);
	p->arena = arena_new(64 << 20);
	*state = p;
	return 0;
}

static int teardown(void **state)
{
	struct place *p = *state;
	DIR *dir = opendir(p->dir);
	outbox_close(&p->ob);
	for (struct dirent *d; (d = readdir(dir)) != NULL;) {
		char name[512];
		snprintf(name, sizeof name, "%s/%s", p->dir, d->d_name);
		unlink(name);
	}
	closedir(dir);
	assert_int_equal(rmdir(p->dir), 0);
	arena_free(&p->arena);
	free(p);
	return 0;
}

#define OR_FAIL(p, what)                                                                                               \
	do {                                                                                                           \
		if (!(what))                                                                                           \
			fail_msg("%s", (p)->err.text);                                                                 \
	} while (0)

/* n reports of so many bytes each. */
static struct outbox_ticket hand_in(struct place *p, unsigned n, size_t size)
{
	const struct outbox_summary summary = {"P63-46", "province_statistics", "2024", 2};
	struct outbox_ticket ticket;
	uint8_t *bytes = calloc(1, size);
	OR_FAIL(p, outbox_begin(p->ob, "tháng 6.csv", (int64_t)(n * size), NOW, &p->err));
	for (unsigned i = 0; i < n; i++) {
		snprintf((char *)bytes, size, "report %u", i);
		OR_FAIL(p, outbox_add(p->ob, bytes, size, &summary, &p->err));
	}
	OR_FAIL(p, outbox_commit(p->ob, &ticket, &p->err));
	free(bytes);
	return ticket;
}

static void acknowledge(struct place *p, uint64_t through)
{
	struct acknowledgement ack = {.committed_through = through, .committed_at_us = NOW + (int64_t)through};
	struct ack_header header = {AGENT, outbox_state(p->ob)->epoch, through, {{0}}, ack.committed_at_us};
	OR_FAIL(p, outbox_chain(p->ob, through, &ack.chain, &p->err));
	header.chain = ack.chain;
	ack_sign(&header, p->centre.sign_secret, ack.signature);
	key_id(p->centre.sign_public, ack.key_id);
	OR_FAIL(p, outbox_put_acknowledgement(p->ob, &ack, NOW, &p->err));
}

static struct proof_key proof_key(const struct keys *keys)
{
	struct proof_key key;
	snprintf(key.name, sizeof key.name, "%s", keys->name);
	memcpy(key.public_key, keys->sign_public, sizeof key.public_key);
	return key;
}

/* Takes the proof piece by piece and proves it with both public keys. */
static bool take(struct place *p, struct evidence *e, struct proof *ret)
{
	const struct proof_key keys[] = {proof_key(&p->centre), proof_key(&p->keys)};
	struct proof_reader *r = proof_reader_new(keys, 2, NULL, NULL);
	const char *text;
	size_t len;
	bool done = false, fine = true;
	while (fine && !done)
		fine =
		    evidence_next(e, p->arena, &text, &len, &done, &p->err) && proof_reader_feed(r, text, len, &p->err);
	fine = fine && proof_reader_end(r, ret, &p->err);
	proof_reader_free(&r);
	return fine;
}

static bool prove(struct place *p, const struct evidence_of *of, bool with_reports, struct proof *ret)
{
	char note[] = "ghi chú", *notes[] = {note};
	struct evidence *e = evidence_open(p->ob, p->dir, of, &p->err);
	bool fine = e && evidence_prove(e, &p->keys, with_reports, notes, 1, &p->err) && take(p, e, ret);
	evidence_close(&e);
	return fine;
}

static void test_not_yet_acknowledged(void **state)
{
	struct place *p = *state;
	struct outbox_ticket first = hand_in(p, 2, 100), second = hand_in(p, 3, 100);
	struct proof proof;
	assert_false(prove(p, &(struct evidence_of){.ticket = first.text}, false, &proof));
	assert_int_equal(p->err.kind, ERR_TEMPFAIL);
	acknowledge(p, 3);
	OR_FAIL(p, prove(p, &(struct evidence_of){.ticket = first.text}, false, &proof));
	assert_int_equal(proof.through, 3);
	assert_true(proof.agent_signed && !proof.has_bytes);
	assert_false(prove(p, &(struct evidence_of){.ticket = second.text}, false, &proof)); /* a part only */
	assert_int_equal(p->err.kind, ERR_TEMPFAIL);
}

static void test_ranges(void **state)
{
	struct place *p = *state;
	static const struct {
		uint64_t first, last, through; /* 0: an error of ERR_DATA */
	} cases[] = {{1, 1, 4}, {2, 7, 9}, {4, 4, 4},  {5, 9, 9},           {1, 9, 9},
		     {0, 1, 0}, {3, 2, 0}, {1, 13, 0}, {10, 10, UINT64_MAX}};
	hand_in(p, 12, 100);
	acknowledge(p, 4);
	acknowledge(p, 9);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct proof proof = {.through = 0};
		bool fine = prove(
		    p, &(struct evidence_of){.ticket = "", .first_seq = cases[i].first, .last_seq = cases[i].last},
		    true, &proof);
		if (cases[i].through == 0 || cases[i].through == UINT64_MAX) {
			assert_false(fine);
			assert_int_equal(p->err.kind, cases[i].through ? ERR_TEMPFAIL : ERR_DATA);
		} else {
			OR_FAIL(p, fine);
			assert_int_equal(proof.through, cases[i].through);
			assert_true(proof.has_bytes);
		}
	}
}

/* Reports of 700 KB: more than a piece each, and than a message on the control socket together. */
static void test_large_reports(void **state)
{
	struct place *p = *state;
	struct outbox_ticket ticket = hand_in(p, 4, 700000);
	struct proof proof;
	acknowledge(p, 4);
	OR_FAIL(p, prove(p, &(struct evidence_of){.ticket = ticket.text}, true, &proof));
	assert_true(proof.has_bytes);
}

static void test_rows(void **state)
{
	struct place *p = *state;
	struct outbox_ticket ticket = hand_in(p, 3, 100);
	struct outbox_verdict verdicts[] = {
	    {.verdict_seq = 1, .epoch = outbox_state(p->ob)->epoch, .seq = 1, .body = (const uint8_t *)"one", .len = 3},
	    {.verdict_seq = 2,
	     .epoch = outbox_state(p->ob)->epoch,
	     .seq = 1,
	     .body = (const uint8_t *)"two",
	     .len = 3}};
	struct evidence_row row;
	acknowledge(p, 2);
	OR_FAIL(p, outbox_put_verdicts(p->ob, verdicts, 2, NOW + 9, &p->err));
	struct evidence *e = evidence_open(p->ob, p->dir, &(struct evidence_of){.ticket = ticket.text}, &p->err);
	assert_non_null(e);
	assert_int_equal(evidence_first(e), 1);
	assert_int_equal(evidence_last(e), 3);
	OR_FAIL(p, evidence_row(e, 1, true, p->arena, &row, &p->err));
	assert_string_equal(row.ticket, ticket.text);
	assert_true(row.acknowledged && row.judged && row.place.kept);
	assert_int_equal(row.ack.committed_at_us, NOW + 2);
	assert_memory_equal(row.verdict.body, "two", 3);
	assert_int_equal(row.len, 100);
	assert_string_equal(row.bytes, "report 0");
	assert_int_equal(row.verdict.stored_at_us, NOW + 9);
	OR_FAIL(p, evidence_row(e, 3, false, p->arena, &row, &p->err));
	assert_true(!row.acknowledged && !row.judged);
	assert_int_equal(row.place.handed_in_at_us, NOW);
	evidence_close(&e);
}

/* Hours, told by the minute. */
static void live(struct place *p, int hours)
{
	static int64_t monotonic = 7;
	outbox_live(p->ob, monotonic);
	for (int i = 0; i < 60 * hours; i++)
		outbox_live(p->ob, monotonic += INT64_C(60000000));
}

/* The bytes are forgotten; receipts are still given, proofs with bytes are not. */
static void test_after_retention(void **state)
{
	struct place *p = *state;
	struct outbox_ticket ticket = hand_in(p, 5, 100);
	struct proof proof;
	bool more;
	hand_in(p, 1, 100);
	acknowledge(p, 5);
	live(p, 1);
	OR_FAIL(p, outbox_trim(p->ob, 5, &more, &p->err));
	assert_int_equal(outbox_state(p->ob)->trimmed, 5);
	OR_FAIL(p, prove(p, &(struct evidence_of){.ticket = ticket.text}, false, &proof));
	assert_int_equal(proof.head.last_seq, 5);
	assert_false(prove(p, &(struct evidence_of){.ticket = ticket.text}, true, &proof));
	assert_int_equal(p->err.kind, ERR_NOINPUT);
	live(p, 24);
	OR_FAIL(p, outbox_trim(p->ob, 5, &more, &p->err));
	assert_false(prove(p, &(struct evidence_of){.ticket = ticket.text}, false, &proof));
	assert_int_equal(p->err.kind, ERR_NOINPUT);
}

/* A ticket of the outbox before the renewal, and one of the outbox after it: two epochs, both proven. */
static void test_after_renewal(void **state)
{
	struct place *p = *state;
	struct outbox_ticket old = hand_in(p, 3, 100), pending = hand_in(p, 2, 100), now;
	struct epoch before = outbox_state(p->ob)->epoch;
	struct outbox_verdict verdict = {
	    .verdict_seq = 1, .epoch = before, .seq = 2, .body = (const uint8_t *)"late", .len = 4};
	struct renewal renewal;
	struct evidence_row row;
	struct evidence *e;
	struct proof proof;
	acknowledge(p, 3);
	outbox_close(&p->ob);
	OR_FAIL(p, renew(p->dir, AGENT, false, &renewal, &p->err));
	free(renewal.set_aside);
	p->ob = outbox_open(p->dir, AGENT, &limits, boot, &p->err);
	assert_non_null(p->ob);
	OR_FAIL(p, prove(p, &(struct evidence_of){.ticket = old.text}, true, &proof));
	assert_memory_equal(&proof.head.epoch, &before, sizeof before);
	OR_FAIL(p, outbox_put_verdicts(p->ob, &verdict, 1, NOW, &p->err)); /* comes into the new one */
	e = evidence_open(p->ob, p->dir, &(struct evidence_of){.ticket = old.text}, &p->err);
	OR_FAIL(p, e && evidence_row(e, 2, true, p->arena, &row, &p->err));
	assert_true(row.judged && row.acknowledged && row.len == 100);
	assert_memory_equal(row.verdict.body, "late", 4);
	evidence_close(&e);
	assert_false(
	    prove(p, &(struct evidence_of){.ticket = pending.text}, false, &proof)); /* never acknowledged there */
	assert_int_equal(p->err.kind, ERR_TEMPFAIL);
	now = hand_in(p, 1, 100);
	acknowledge(p, 3);
	OR_FAIL(p, prove(p, &(struct evidence_of){.ticket = now.text}, true, &proof));
	assert_memory_not_equal(&proof.head.epoch, &before, sizeof before);
	OR_FAIL(p, prove(p, &(struct evidence_of){.ticket = "", .first_seq = 1, .last_seq = 3}, true, &proof));
}

static void test_no_such_ticket(void **state)
{
	struct place *p = *state;
	static const char *const tickets[] = {
	    "agent-63-45/00000000/1", AGENT "/00000000/1", AGENT "/../../etc/1", AGENT "/0000000", AGENT, "/",
	    AGENT "/000000000/1"};
	hand_in(p, 1, 100);
	for (size_t i = 0; i < sizeof tickets / sizeof *tickets; i++) {
		assert_null(evidence_open(p->ob, p->dir, &(struct evidence_of){.ticket = tickets[i]}, &p->err));
		assert_int_equal(p->err.kind, ERR_DATA);
	}
}

/* An acknowledgement that does not fit what the outbox holds: no file that would not be believed is written. */
static void test_a_damaged_outbox(void **state)
{
	struct place *p = *state;
	struct outbox_ticket ticket = hand_in(p, 2, 100);
	struct acknowledgement ack = {.committed_through = 2, .committed_at_us = NOW};
	struct proof proof;
	OR_FAIL(p, outbox_put_acknowledgement(p->ob, &ack, NOW, &p->err));
	assert_false(prove(p, &(struct evidence_of){.ticket = ticket.text}, false, &proof));
	assert_int_equal(p->err.kind, ERR_IO);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_not_yet_acknowledged), TEST(test_ranges),
	    TEST(test_large_reports),        TEST(test_rows),
	    TEST(test_after_retention),      TEST(test_after_renewal),
	    TEST(test_no_such_ticket),       TEST(test_a_damaged_outbox),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
