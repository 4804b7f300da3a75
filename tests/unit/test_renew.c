/* SPDX-License-Identifier: Apache-2.0 */
#include "renew.h"

#include "outbox.h"
#include "text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#define AGENT "agent-63-46"

static const struct outbox_limits limits = {.bytes_max = 64 << 20, .retention_us = 1};
static const uint8_t boot[OUTBOX_NONCE_SIZE];

struct place {
	char dir[64], aside[128];
	struct outbox *ob;
	struct arena *arena;
	struct err err;
};

static void reopen(struct place *p)
{
	p->ob = outbox_open(p->dir, AGENT, &limits, boot, &p->err);
	if (!p->ob)
		fail_msg("%s", p->err.text);
}

static void hand_in(struct place *p, unsigned n, int64_t at)
{
	const struct outbox_summary summary = {"P63-46", "flow", "2024", 1};
	struct outbox_ticket ticket;
	char bytes[16];
	assert_true(outbox_begin(p->ob, "file", 1, at, &p->err));
	for (unsigned i = 0; i < n; i++) {
		snprintf(bytes, sizeof bytes, "report %u", (unsigned)outbox_state(p->ob)->last_appended + i + 1);
		assert_true(outbox_add(p->ob, bytes, sizeof bytes, &summary, &p->err));
	}
	assert_true(outbox_commit(p->ob, &ticket, &p->err));
}

/* Three tickets: 1-2, 3-6, 7; acknowledged through 4. */
static int setup(void **state)
{
	struct place *p = calloc(1, sizeof *p);
	struct acknowledgement ack = {.committed_through = 4};
	snprintf(p->dir, sizeof p->dir, "/tmp/tram-renew-XXXXXX");
	assert_non_null(mkdtemp(p->dir));
	p->arena = arena_new(1 << 20);
	reopen(p);
	hand_in(p, 2, 100);
	hand_in(p, 4, 200);
	hand_in(p, 1, 300);
	assert_true(outbox_chain(p->ob, 4, &ack.chain, &p->err));
	assert_true(outbox_put_acknowledgement(p->ob, &ack, 1, &p->err));
	*state = p;
	return 0;
}

static int teardown(void **state)
{
	struct place *p = *state;
	char path[128];
	outbox_close(&p->ob);
	arena_free(&p->arena);
	snprintf(path, sizeof path, "%s/" OUTBOX_FILE, p->dir);
	unlink(path);
	unlink(p->aside);
	assert_int_equal(rmdir(p->dir), 0); /* nothing else is left */
	free(p);
	return 0;
}

static void check_report(struct place *p, uint64_t seq, const char *expected, int64_t at, uint64_t first, uint64_t last)
{
	struct outbox_report report;
	if (!outbox_read(p->ob, seq, p->arena, &report, &p->err))
		fail_msg("%s", p->err.text);
	assert_string_equal((const char *)report.bytes, expected);
	assert_int_equal(report.handed_in_at_us, at);
	assert_int_equal(report.ticket_first, first);
	assert_int_equal(report.ticket_last, last);
}

static struct outbox_state renew_it(struct place *p, bool all, uint64_t carried)
{
	struct renewal renewal;
	struct outbox_state before = *outbox_state(p->ob);
	outbox_close(&p->ob);
	if (!renew(p->dir, AGENT, all, &renewal, &p->err))
		fail_msg("%s", p->err.text);
	assert_int_equal(renewal.carried, carried);
	snprintf(p->aside, sizeof p->aside, "%s", renewal.set_aside);
	assert_int_equal(access(renewal.set_aside, F_OK), 0);
	free(renewal.set_aside);
	reopen(p);
	return before;
}

static void test_what_was_not_acknowledged(void **state)
{
	struct place *p = *state;
	struct outbox_state before = renew_it(p, false, 3);
	const struct outbox_state *now = outbox_state(p->ob);
	assert_memory_not_equal(&now->epoch, &before.epoch, sizeof before.epoch);
	assert_true(now->has_previous);
	assert_memory_equal(&now->previous_epoch, &before.epoch, sizeof before.epoch);
	assert_memory_equal(&now->previous_chain, &before.last_chain, sizeof before.last_chain);
	assert_int_equal(now->last_appended, 3);
	assert_int_equal(now->acknowledged, 0);
	check_report(p, 1, "report 5", 200, 1, 2);
	check_report(p, 2, "report 6", 200, 1, 2);
	check_report(p, 3, "report 7", 300, 3, 3);
	struct digest start, chain;
	chain_start(AGENT, &now->epoch, &before.last_chain, &start);
	assert_true(outbox_chain(p->ob, 0, &chain, &p->err));
	assert_memory_equal(&chain, &start, sizeof start);
}

static void test_all_that_is_kept(void **state)
{
	struct place *p = *state;
	renew_it(p, true, 7);
	check_report(p, 1, "report 1", 100, 1, 2);
	check_report(p, 6, "report 6", 200, 3, 6);
}

static bool see_verdict(void *context, const struct outbox_verdict *row)
{
	uint64_t *seen = context;
	*seen = *seen * 10 + row->verdict_seq;
	return true;
}

/* What the centre said of the old epoch is still known, under the old tickets, and not asked for again. */
static void test_verdicts_go_along(void **state)
{
	struct place *p = *state;
	struct outbox_verdict verdicts[3];
	struct epoch old = outbox_state(p->ob)->epoch, epoch;
	char ticket[OUTBOX_TICKET_MAX], never[OUTBOX_TICKET_MAX];
	uint64_t first, last, seen = 0, earlier;
	for (size_t i = 0; i < 3; i++)
		verdicts[i] = (struct outbox_verdict){.verdict_seq = i + 1,
						      .epoch = old,
						      .seq = i + 2,
						      .known_at_us = 70 + (int64_t)i,
						      .body = (const uint8_t *)"v",
						      .len = 1};
	assert_true(outbox_put_verdicts(p->ob, verdicts, 3, 1, &p->err));
	outbox_ticket_text(p->ob, 3, 6, ticket);
	snprintf(never, sizeof never, "%.12s00000000/1", ticket);
	renew_it(p, false, 3);
	assert_int_equal(outbox_state(p->ob)->verdict_cursor, 3);
	assert_int_equal(outbox_state(p->ob)->verdict_known_at_us, 72);
	assert_true(outbox_earlier_verdicts(p->ob, &earlier, &p->err));
	assert_int_equal(earlier, 3);
	assert_true(outbox_earlier_ticket(p->ob, ticket, &epoch, &first, &last));
	assert_memory_equal(&epoch, &old, sizeof old);
	assert_true(outbox_verdicts_of(p->ob, 0, &epoch, first, last, see_verdict, &seen, &p->err));
	assert_int_equal(seen, 23);
	assert_true(outbox_put_verdicts(p->ob,
					&(struct outbox_verdict){.verdict_seq = 4,
								 .epoch = outbox_state(p->ob)->epoch,
								 .seq = 1,
								 .body = (const uint8_t *)"v",
								 .len = 1},
					1, 1, &p->err));
	outbox_ticket_text(p->ob, 1, 2, ticket);
	assert_false(outbox_earlier_ticket(p->ob, ticket, &epoch, &first, &last)); /* it is of this one */
	assert_false(outbox_earlier_ticket(p->ob, never, &epoch, &first, &last));
}

/* An attempt that broke off before leaves a file: it is begun anew. */
static void test_begun_before(void **state)
{
	struct place *p = *state;
	char path[128];
	snprintf(path, sizeof path, "%s/outbox-new.db", p->dir);
	struct outbox *whole = p->ob;
	p->ob = outbox_open_after(p->dir, "outbox-new.db", AGENT, NULL, NULL, &limits, boot, &p->err);
	assert_non_null(p->ob);
	hand_in(p, 2, 900);
	outbox_close(&p->ob);
	p->ob = whole;
	renew_it(p, false, 3);
	check_report(p, 1, "report 5", 200, 1, 2);
	assert_int_equal(outbox_state(p->ob)->last_appended, 3);
	assert_int_not_equal(access(path, F_OK), 0);
}

/* It broke off when the old file had its second name already, and the new one not its place. */
static void test_set_aside_before(void **state)
{
	struct place *p = *state;
	char old[128], aside[128], hex[9];
	snprintf(old, sizeof old, "%s/outbox.db", p->dir);
	snprintf(aside, sizeof aside, "%s/outbox-%s.db", p->dir, text_hex(outbox_state(p->ob)->epoch.bytes, 4, hex));
	assert_int_equal(link(old, aside), 0);
	renew_it(p, false, 3);
	assert_string_equal(p->aside, aside);
}

/* A file of that name that is another one is nobody's to replace. */
static void test_name_is_taken(void **state)
{
	struct place *p = *state;
	struct renewal renewal;
	char aside[128], begun[128], hex[9];
	snprintf(begun, sizeof begun, "%s/outbox-new.db", p->dir);
	snprintf(aside, sizeof aside, "%s/outbox-%s.db", p->dir, text_hex(outbox_state(p->ob)->epoch.bytes, 4, hex));
	outbox_close(&p->ob);
	fclose(fopen(aside, "w"));
	assert_false(renew(p->dir, AGENT, false, &renewal, &p->err));
	assert_int_equal(p->err.kind, ERR_CANTCREAT);
	assert_int_equal(unlink(aside), 0);
	assert_int_equal(unlink(begun), 0);
	reopen(p);
	assert_int_equal(outbox_state(p->ob)->last_appended, 7);
}

static void test_not_while_it_is_open(void **state)
{
	struct place *p = *state;
	struct renewal renewal;
	assert_false(renew(p->dir, AGENT, false, &renewal, &p->err));
	assert_int_equal(p->err.kind, ERR_TEMPFAIL);
	outbox_close(&p->ob);
	assert_false(renew(p->dir, "agent-63-01", false, &renewal, &p->err));
	assert_int_equal(p->err.kind, ERR_CONFIG);
	assert_false(renew("/tmp/tram-no-such-folder", AGENT, false, &renewal, &p->err));
	assert_int_equal(p->err.kind, ERR_NOINPUT);
	reopen(p);
	assert_int_equal(outbox_state(p->ob)->last_appended, 7);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
	    TEST(test_what_was_not_acknowledged), TEST(test_all_that_is_kept), TEST(test_begun_before),
	    TEST(test_set_aside_before),          TEST(test_name_is_taken),    TEST(test_not_while_it_is_open),
	    TEST(test_verdicts_go_along),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
