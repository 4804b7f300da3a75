/* SPDX-License-Identifier: Apache-2.0 */
#include "care.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#define NOW    INT64_C(1700000000000000)
#define SECOND INT64_C(1000000)
#define MINUTE (60 * SECOND)
#define HOUR   (60 * MINUTE)
#define MANY   500

struct place {
	char dir[64], file[96];
	struct outbox *ob;
	struct care care;
	int64_t clock; /* monotonic */
	struct err err;
};

#define OR_FAIL(p, call)                                                                                               \
	do                                                                                                             \
		if (!(call))                                                                                           \
			fail_msg("%s: %s", #call, (p)->err.text);                                                      \
	while (0)

static void limit(struct place *p, int64_t retention_us)
{
	const struct outbox_limits limits = {.bytes_max = 64 << 20, .retention_us = retention_us};
	care_limits(&p->care, p->ob, &limits);
}

/* An outbox with so many reports, all of them acknowledged just now; reports are kept for an hour. */
static int setup(void **state)
{
	struct place *p = calloc(1, sizeof *p);
	static const uint8_t boot[OUTBOX_NONCE_SIZE] = {1};
	const struct outbox_limits limits = {.bytes_max = 64 << 20};
	const struct outbox_summary summary = {"VN-46", "dvc", "2024", 3};
	struct acknowledgement ack = {.committed_through = MANY};
	struct outbox_ticket ticket;
	snprintf(p->dir, sizeof p->dir, "/tmp/tram-care-XXXXXX");
	assert_non_null(mkdtemp(p->dir));
	snprintf(p->file, sizeof p->file, "%s/" OUTBOX_FILE, p->dir);
	p->ob = outbox_open(p->dir, "agent-63-46", &limits, boot, &p->err);
	OR_FAIL(p, p->ob);
	limit(p, HOUR);
	OR_FAIL(p, outbox_begin(p->ob, "month.csv", MANY, NOW, &p->err));
	for (unsigned i = 0; i < MANY; i++)
		OR_FAIL(p, outbox_add(p->ob, "r", 1, &summary, &p->err));
	OR_FAIL(p, outbox_commit(p->ob, &ticket, &p->err));
	OR_FAIL(p, outbox_chain(p->ob, MANY, &ack.chain, &p->err));
	OR_FAIL(p, outbox_put_acknowledgement(p->ob, &ack, NOW, &p->err));
	p->clock = 77;
	*state = p;
	return 0;
}

static int teardown(void **state)
{
	struct place *p = *state;
	char name[128];
	outbox_close(&p->ob);
	for (const char **end = (const char *[]){"", "-wal", "-shm", NULL}; *end; end++) {
		snprintf(name, sizeof name, "%s%s", p->file, *end);
		unlink(name);
	}
	rmdir(p->dir);
	free(p);
	return 0;
}

/* So long, in turns of so many seconds; how many reports are gone then. */
static uint64_t run(struct place *p, int64_t us, int64_t turn_us)
{
	OR_FAIL(p, care_turn(&p->care, p->ob, MANY, p->clock, &p->err));
	for (int64_t end = p->clock + us; p->clock < end;) {
		p->clock += turn_us;
		OR_FAIL(p, care_turn(&p->care, p->ob, MANY, p->clock, &p->err));
	}
	return outbox_state(p->ob)->trimmed;
}

static void what_is_old_enough_goes_a_little_at_a_time(void **state)
{
	struct place *p = *state;
	assert_int_equal(run(p, HOUR, SECOND), 0);
	uint64_t step = run(p, MINUTE, CARE_EVERY);
	assert_in_range(step, 1, MANY - 1);
	assert_int_equal(p->care.due_us, p->clock + CARE_AGAIN);
	assert_int_equal(run(p, 0, SECOND), step);
	assert_true(run(p, SECOND, SECOND) > step);
	assert_int_equal(run(p, 10 * SECOND, SECOND), MANY);
	assert_true(p->care.due_us > p->clock + CARE_EVERY / 2);
}

static void a_shorter_retention_holds_at_once(void **state)
{
	struct place *p = *state;
	assert_int_equal(run(p, 10 * MINUTE, SECOND), 0);
	assert_true(p->care.due_us > p->clock);
	limit(p, 11 * MINUTE);
	assert_int_equal(run(p, 0, SECOND), 0);
	limit(p, 5 * MINUTE);
	assert_true(run(p, 0, SECOND) > 0);
	assert_int_equal(run(p, 10 * SECOND, SECOND), MANY);
}

static void it_comes_oftener_where_the_retention_is_short(void **state)
{
	struct place *p = *state;
	static const struct {
		int64_t retention_us, every_us;
	} cases[] = {{0, CARE_AGAIN},
		     {SECOND, CARE_AGAIN},
		     {20 * SECOND, 2 * SECOND},
		     {10 * CARE_EVERY, CARE_EVERY},
		     {INT64_MAX, CARE_EVERY}};
	run(p, 0, SECOND);
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		const struct outbox_limits limits = {.bytes_max = 64 << 20, .retention_us = cases[i].retention_us};
		care_limits(&p->care, p->ob, &limits);
		assert_true(p->care.due_us <= p->clock);
		OR_FAIL(p, care_turn(&p->care, p->ob, 0, p->clock, &p->err)); /* the centre has nothing: all is kept */
		assert_int_equal(p->care.due_us, p->clock + cases[i].every_us);
	}
	assert_int_equal(outbox_state(p->ob)->trimmed, 0);
}

static void the_log_is_folded_away_when_nothing_goes_on(void **state)
{
	struct place *p = *state;
	char log[128];
	snprintf(log, sizeof log, "%s-wal", p->file);
	run(p, 0, SECOND);
	FILE *f = fopen(log, "rb");
	assert_non_null(f);
	fseek(f, 0, SEEK_END);
	assert_true(ftell(f) > 0);
	run(p, MINUTE, CARE_EVERY);
	fseek(f, 0, SEEK_END);
	assert_int_equal(ftell(f), 0);
	fclose(f);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(what_is_old_enough_goes_a_little_at_a_time),
	    TEST(a_shorter_retention_holds_at_once),
	    TEST(it_comes_oftener_where_the_retention_is_short),
	    TEST(the_log_is_folded_away_when_nothing_goes_on),
	};
	return cmocka_run_group_tests_name("care", tests, NULL, NULL);
}
