/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Settled moments: whatever clocks do and however many aggregators write, nothing is committed any more that was known at a
 * moment that was given out; and everything that was committed before is known at it, unless its clock was ahead.
 */
#include "bench.h"
#include "clock.h"
#include "mem.h"

#include <poll.h>
#include <pthread.h>
#include <sodium.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define HOUR (3600 * CLOCK_SECOND)

static struct province hue = {.agent = AGENT_ONE, .provider = "P63-46", .area = "63/46"};
static struct province hanoi = {.agent = AGENT_TWO, .provider = "P63-01", .area = "63/01"};

static int open_all(void **state)
{
	assert_true(sodium_init() >= 0);
	return contract_open(state);
}

/* ---------------------------------------------------------------- clocks that jump */

int64_t __real_clock_wall_us(void);
int64_t __wrap_clock_wall_us(void);

static atomic_llong jump_us;

int64_t __wrap_clock_wall_us(void)
{
	return __real_clock_wall_us() + atomic_load(&jump_us);
}

/* ---------------------------------------------------------------- moments */

static struct store *operator_open(void)
{
	struct store *s;

	assert_result(STORE_OK,
		      connection_open(contract_conninfo("tram_operator"), "test", CONNECTION_ADMIN, &s, &contract_err));
	return s;
}

#define SETTLE_SQL "SELECT (extract(epoch FROM tram.settled_moment()) * 1000000)::bigint"

/* Asked again where one is told to: on a machine that is slow, those who write may come to no end within two seconds. */
static int64_t settle(struct store *s)
{
	enum store_result result;
	PGresult *r;
	int64_t at_us;

	do {
		result = connection_ask(s, SETTLE_SQL, NULL, &r, &contract_err);
	} while (result != STORE_OK && strcmp(s->failure.hint, "ask again") == 0);
	assert_result(STORE_OK, result);
	at_us = cell_int(r, 0, 0);
	PQclear(r);
	return at_us;
}

/* All that figures were at a moment. */
static char *known_at(struct store *s, int64_t at_us)
{
	char sql[1200];
	PGresult *r;
	char *text;

	snprintf(sql, sizeof sql,
		 "WITH at AS (SELECT timestamptz 'epoch' + %jd * interval '1 us' AS t)"
		 " SELECT concat_ws(' ', (SELECT count(*) FROM tram.observation, at WHERE known_at <= t),"
		 " (SELECT sum(value) FROM tram.observation, at WHERE known_at <= t),"
		 " (SELECT count(*) FROM tram.decision, at WHERE decided_at <= t),"
		 " (SELECT count(*) FROM tram.verdict, at WHERE known_at <= t),"
		 " (SELECT string_agg(concat_ws(' ', r.value, r.areas_reporting, r.held), ';')"
		 "  FROM at, unnest('{2021,2022}'::text[]) y, tram.rollup('population', y, 'nation', '63', t) r))",
		 (intmax_t)at_us);
	assert_result(STORE_OK, connection_ask(s, sql, NULL, &r, &contract_err));
	text = xstrdup(cell_text(r, 0, 0));
	PQclear(r);
	return text;
}

/* The moment that was asked for, or 0 where whoever asked is told to ask again. */
static int64_t answer(struct store *s)
{
	PGresult *r = PQgetResult(s->pg);
	int64_t at_us = 0;

	if (PQresultStatus(r) == PGRES_TUPLES_OK) {
		at_us = cell_int(r, 0, 0);
	} else {
		assert_int_equal(PQresultStatus(r), PGRES_FATAL_ERROR);
		assert_string_equal(PQresultErrorField(r, PG_DIAG_MESSAGE_HINT), "ask again");
	}
	PQclear(r);
	assert_null(PQgetResult(s->pg));
	return at_us;
}

/* Whether an answer has come within so long. */
static bool answers_within(struct store *s, int ms)
{
	struct pollfd fd = {.fd = PQsocket(s->pg), .events = POLLIN};

	while (PQisBusy(s->pg)) {
		if (poll(&fd, 1, ms) <= 0) {
			return false;
		}
		assert_true(PQconsumeInput(s->pg));
	}
	return true;
}

/* ---------------------------------------------------------------- groups that are held open in their middle */

/* The group's transaction comes to the agent's row, and waits there. */
static struct store *hold_open(const struct province *p)
{
	struct store *s;
	char sql[200];

	assert_result(STORE_OK, store_open_owner(contract_conninfo("postgres"), &s, &contract_err));
	assert_result(STORE_OK, connection_run(s, "BEGIN", &contract_err));
	snprintf(sql, sizeof sql, "SELECT FROM tram.agent WHERE agent = '%s' FOR UPDATE", p->agent);
	assert_result(STORE_OK, connection_run(s, sql, &contract_err));
	return s;
}

static void let_go(struct store **holder)
{
	assert_result(STORE_OK, connection_run(*holder, "ROLLBACK", &contract_err));
	store_close(holder);
}

static void greet(struct bench *b, struct province *p)
{
	province_start(p);
	open_stream(b, p);
}

static int64_t committed_at(struct bench *b)
{
	struct result *r = next_result(b);
	int64_t at_us = r->committed_at_us;

	assert_int_equal(r->kind, RESULT_COMMITTED);
	assert_int_equal(r->n_verdicts, 1);
	assert_int_equal(r->verdicts[0]->known_at_us, at_us);
	for (size_t i = 0; i < r->n_events; i++) {
		assert_int_equal(r->events[i]->at_us, at_us);
	}
	result_free(&r);
	return at_us;
}

static bool somebody_waits_to_settle(const char *since)
{
	return *contract_ask(
		   "SELECT count(*) FROM pg_locks WHERE relation = 'tram.settling'::regclass AND NOT granted AND"
		   " waitstart > '%s'",
		   since) != '0';
}

/* Whoever asks for a moment waits for those who write now, and has no answer but to ask again. */
static void waits_for_who_writes_now(struct store *s)
{
	int64_t end_us = clock_monotonic_us() + BENCH_PATIENCE_MS * INT64_C(1000);
	char *now = xstrdup(contract_ask("SELECT clock_timestamp()"));

	while (!somebody_waits_to_settle(now)) {
		if (answers_within(s, 5)) {
			assert_int_equal(answer(s), 0);
			assert_true(PQsendQuery(s->pg, SETTLE_SQL));
		}
		assert_true(clock_monotonic_us() < end_us);
	}
	free(now);
}

/*
 * Two aggregators are in the middle of a group. A moment that is asked for meanwhile waits for both, and knows what both
 * wrote. Then their clocks stand an hour earlier, and what they write is known after that moment all the same.
 */
static void a_moment_waits_for_those_who_write(void **state)
{
	struct bench one = bench_open(), two = bench_open();
	struct store *s = operator_open();
	char *then;

	(void)state;
	greet(&one, &hue);
	greet(&two, &hanoi);
	append_report(&hue, "2021", 1100000, "");
	append_report(&hanoi, "2021", 8000000, "");
	struct store *of_one = hold_open(&hue), *of_two = hold_open(&hanoi);
	publish(&one, &hue, 1, 1);
	publish(&two, &hanoi, 1, 1);
	contract_wait("both groups",
		      "SELECT count(*) = 2 FROM pg_locks WHERE relation = 'tram.settling'::regclass AND granted");

	assert_true(PQsendQuery(s->pg, SETTLE_SQL));
	waits_for_who_writes_now(s);
	let_go(&of_one);
	int64_t first_us = committed_at(&one);
	waits_for_who_writes_now(s);
	let_go(&of_two);
	int64_t second_us = committed_at(&two);
	int64_t settled_us = answer(s);
	if (settled_us == 0) {
		settled_us = settle(s);
	}
	assert_true(first_us <= settled_us && second_us <= settled_us);
	then = known_at(owner, settled_us);
	assert_memory_equal(then, "2 9100000 ", 10);

	atomic_store(&jump_us, -HOUR);
	append_report(&hue, "2022", 1110000, "");
	append_report(&hanoi, "2022", 8100000, "");
	publish(&one, &hue, 2, 2);
	publish(&two, &hanoi, 2, 2);
	assert_int_equal(committed_at(&one), settled_us + 1);
	assert_int_equal(committed_at(&two), settled_us + 1);
	char *now = known_at(owner, settled_us);
	assert_string_equal(now, then);
	free(now);
	free(then);
	int64_t next_us = settle(s);
	assert_true(next_us > settled_us);
	then = known_at(owner, next_us);
	assert_memory_equal(then, "4 18310000 ", 11);
	free(then);
	atomic_store(&jump_us, 0);
	bench_close(&one);
	bench_close(&two);
	store_close(&s);
}

static void ignore(void *context, const struct quarantine_row *row)
{
	(void)context;
	(void)row;
}

/* A decision waits its turn like a group, and is known after what was settled though the server's clock stands before it. */
static void a_decision_is_known_after_what_was_settled(void **state)
{
	struct store *s = operator_open();
	static const struct decision_order order = {
	    .decision = "refused", .filter = {.provider = "P63-46"}, .by = "Nguyễn Văn An", .reason = "kiểm tra"};
	int64_t ahead_us;

	(void)state;
	contract_ask("UPDATE tram.observation SET outcome = 3 WHERE area_no = (SELECT area_no FROM tram.area_number"
		     " WHERE area = '63/46')");
	ahead_us = settle(s) + HOUR;
	contract_ask("SELECT setval('tram.settled', %jd)", (intmax_t)ahead_us);
	assert_result(STORE_OK, store_decide(s, &order, ignore, NULL, &contract_err));
	assert_string_equal(
	    contract_ask("SELECT count(*) > 0 AND bool_and((extract(epoch FROM decided_at) * 1000000)::bigint"
			 " = %jd) FROM tram.decision",
			 (intmax_t)ahead_us + 1),
	    "t");
	contract_ask("SELECT setval('tram.settled', %jd)", (intmax_t)(ahead_us - HOUR));
	store_close(&s);
}

/* ---------------------------------------------------------------- anything, at random */

enum { ROUNDS = 4, MOMENTS_MAX = 2000 };

/* Asks for moments, one after the other, and keeps what each knew. */
struct witness {
	struct store *s;
	atomic_bool stop;
	atomic_size_t n;
	int64_t at_us[MOMENTS_MAX];
	char *known[MOMENTS_MAX];
};

static void *watch(void *context)
{
	struct witness *w = context;
	struct store *reader;

	assert_result(STORE_OK, store_open_owner(contract_conninfo("postgres"), &reader, &contract_err));
	for (size_t n = 0; !atomic_load(&w->stop) && n < MOMENTS_MAX; atomic_store(&w->n, ++n)) {
		w->at_us[n] = settle(w->s);
		w->known[n] = known_at(reader, w->at_us[n]);
	}
	store_close(&reader);
	return NULL;
}

/* Until a moment was asked for from now on: one may be under way, so the second. */
static void await_a_moment(struct witness *w)
{
	size_t end = atomic_load(&w->n) + 2;

	while (atomic_load(&w->n) < (end < MOMENTS_MAX ? end : MOMENTS_MAX)) {
		(void)poll(NULL, 0, 1);
	}
}

/* One group after the other, each by a clock that is right, or stands up to an hour before or a little behind that. */
static void write_some(struct bench *b, struct province *const *provinces, uint64_t seq)
{
	for (size_t i = 0; i < 2; i++) {
		append_given(provinces[i],
			     &(struct report_given){.year = contract_random() % 2 ? "2021" : "2022",
						    .comment = "",
						    .population = 1000000 + (int64_t)(contract_random() % 999),
						    .purpose = TRAM__V1__PURPOSE__PURPOSE_CORRECTION,
						    .revises = true});
		atomic_store(&jump_us, contract_random() % 3 == 0   ? 0
				       : contract_random() % 2 == 0 ? (int64_t)(contract_random() % 2000)
								    : -(int64_t)(contract_random() % (uint64_t)HOUR));
		publish(&b[i], provinces[i], seq, seq);
	}
	for (size_t i = 0; i < 2; i++) {
		committed_at(&b[i]);
	}
}

static void what_was_known_at_a_moment_never_changes(void **state)
{
	struct bench b[2] = {bench_open(), bench_open()};
	struct province *const provinces[] = {&hue, &hanoi};
	struct witness *w = xcalloc(1, sizeof *w);
	pthread_t thread;
	size_t different = 0;

	(void)state;
	w->s = operator_open();
	assert_int_equal(pthread_create(&thread, NULL, watch, w), 0);
	await_a_moment(w);
	for (int round = 0; round < ROUNDS; round++) {
		greet(&b[0], &hue);
		greet(&b[1], &hanoi);
		for (uint64_t seq = 1; seq <= REPORTS_MAX; seq++) {
			write_some(b, provinces, seq);
		}
		await_a_moment(w);
	}
	atomic_store(&w->stop, true);
	assert_int_equal(pthread_join(thread, NULL), 0);
	atomic_store(&jump_us, 0);
	for (size_t i = 0; i < w->n; i++) {
		char *now = known_at(owner, w->at_us[i]);

		different += i > 0 && strcmp(w->known[i], w->known[i - 1]) != 0;
		assert_string_equal(now, w->known[i]);
		free(now);
		free(w->known[i]);
	}
	print_message("%zu moments, %zu of them knew more than the one before\n", w->n, different);
	assert_true(different >= ROUNDS);
	bench_close(&b[0]);
	bench_close(&b[1]);
	store_close(&w->s);
	free(w);
}

/* ---------------------------------------------------------------- who may, and what is refused */

static void assert_error(struct store *s, const char *sql, const char *word)
{
	struct err err = {0};

	assert_true(connection_run(s, sql, &err) != STORE_OK);
	if (!strstr(err.text, word)) {
		fail_msg("no %s in: %s", word, err.text);
	}
}

/* Nobody keeps those who write from writing: the lock is given back at once, and readers cannot take it. */
static void nobody_can_hold_up_the_writers(void **state)
{
	struct store *reader, *s = operator_open();

	(void)state;
	assert_result(STORE_OK, store_open_reader(contract_conninfo("tram_reader"), &reader, &contract_err));
	assert_error(reader, "SELECT tram.settled_moment()", "permission denied");
	assert_error(reader, "SELECT tram.settled_before()", "permission denied");
	assert_error(reader, "BEGIN; LOCK TABLE tram.settling; COMMIT", "permission denied");
	assert_result(STORE_OK, connection_run(reader, "ROLLBACK", &contract_err));
	assert_error(reader, "SELECT setval('tram.settled', 1)", "permission denied");
	assert_result(STORE_OK, connection_run(s, "BEGIN", &contract_err));
	settle(s);
	assert_string_equal(contract_ask("SELECT count(*) FROM pg_locks WHERE relation = 'tram.settling'::regclass"),
			    "0");
	assert_result(STORE_OK, connection_run(s, "ROLLBACK", &contract_err));
	store_close(&reader);
	store_close(&s);
}

static void a_snapshot_that_is_older_is_refused(void **state)
{
	struct store *s = operator_open();

	(void)state;
	assert_result(STORE_OK, connection_run(s, "BEGIN ISOLATION LEVEL REPEATABLE READ", &contract_err));
	assert_error(s, SETTLE_SQL, "READ COMMITTED");
	assert_result(STORE_OK, connection_run(s, "ROLLBACK", &contract_err));
	store_close(&s);
}

/* One who writes and does not come to an end: whoever asks for a moment is told so, soon. */
static void a_moment_is_waited_for_so_long_and_no_longer(void **state)
{
	struct store *s = operator_open();
	int64_t begun_us = clock_monotonic_us();

	(void)state;
	contract_ask("BEGIN");
	contract_ask("SELECT tram.settled_before()");
	assert_error(s, SETTLE_SQL, "ask again");
	assert_true(clock_monotonic_us() - begun_us >= 1900000);
	contract_ask("ROLLBACK");
	int64_t before_us = settle(s);
	assert_true(settle(s) > before_us);
	store_close(&s);
}

/* How often, while a moment is asked for in vain, one who came to write behind the question was done before the answer. */
static int let_past(struct store *s, struct store *writer)
{
	int n = 0;

	assert_true(PQsendQuery(s->pg, SETTLE_SQL));
	while (!answers_within(s, 20)) {
		bool behind = somebody_waits_to_settle("-infinity");

		assert_result(STORE_OK,
			      connection_run(writer, "BEGIN; SELECT tram.settled_before(); COMMIT", &contract_err));
		n += behind && !answers_within(s, 0);
	}
	assert_int_equal(answer(s), 0);
	return n;
}

/*
 * … and while he waits, other writers do not wait for the one who does not end: those that come behind him are let past,
 * again and again. One is at the end of any wait, however long; on a machine that has more to do a question may see no more.
 */
static void a_moment_that_cannot_be_settled_holds_up_nobody_for_long(void **state)
{
	enum { OFTEN = 3, QUESTIONS = 20 };
	struct store *s = operator_open(), *writer = operator_open();
	int questions = 0;

	(void)state;
	contract_ask("BEGIN");
	contract_ask("SELECT tram.settled_before()");
	while (let_past(s, writer) < OFTEN) {
		assert_true(++questions < QUESTIONS);
	}
	contract_ask("ROLLBACK");
	store_close(&writer);
	store_close(&s);
}

/* One that is not older than asked for does as well, and holds up nobody. */
static void a_moment_may_be_a_little_old(void **state)
{
	struct store *s = operator_open();
	int64_t at_us = settle(s);

	(void)state;
	contract_ask("BEGIN");
	contract_ask("SELECT tram.settled_before()");
	assert_string_equal(
	    contract_ask("SELECT (extract(epoch FROM tram.settled_moment('1 minute')) * 1000000)::bigint = %jd",
			 (intmax_t)at_us),
	    "t");
	contract_ask("ROLLBACK");
	assert_string_equal(
	    contract_ask("SELECT (extract(epoch FROM tram.settled_moment('1 us')) * 1000000)::bigint > %jd",
			 (intmax_t)at_us),
	    "t");
	store_close(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_moment_waits_for_those_who_write),
	    cmocka_unit_test(a_decision_is_known_after_what_was_settled),
	    cmocka_unit_test(what_was_known_at_a_moment_never_changes),
	    cmocka_unit_test(nobody_can_hold_up_the_writers),
	    cmocka_unit_test(a_snapshot_that_is_older_is_refused),
	    cmocka_unit_test(a_moment_is_waited_for_so_long_and_no_longer),
	    cmocka_unit_test(a_moment_that_cannot_be_settled_holds_up_nobody_for_long),
	    cmocka_unit_test(a_moment_may_be_a_little_old),
	};

	return cmocka_run_group_tests_name("moments", tests, open_all, contract_close);
}
