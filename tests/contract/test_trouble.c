/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a lane does about each kind of trouble with PostgreSQL: it goes on by itself, stores each report once, and says what
 * is the matter where that is worth a word. Provoked for real where one can, else raised with its code at COMMIT.
 */
#include "bench.h"

#include "clock.h"
#include "mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OFTEN 4 /* so many failures in a row are told of, whatever they are */

static struct province hue = {.agent = AGENT_ONE, .provider = "P63-46", .area = "63/46"};

/* ---------------------------------------------------------------- making trouble */

/* Every verdict that is stored does that at COMMIT, the first so many times. */
static void trouble_at_commit(const char *action, int times)
{
	contract_ask("CREATE SEQUENCE tram.trouble_met");
	contract_ask("CREATE FUNCTION tram.trouble() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN "
		     "IF nextval('tram.trouble_met') <= %d THEN %s; END IF; RETURN NULL; END $$",
		     times, action);
	contract_ask("CREATE CONSTRAINT TRIGGER trouble AFTER INSERT ON tram.verdict DEFERRABLE INITIALLY DEFERRED "
		     "FOR EACH ROW EXECUTE FUNCTION tram.trouble()");
}

static void trouble_ends(void)
{
	contract_ask("DROP TRIGGER trouble ON tram.verdict");
	contract_ask("DROP FUNCTION tram.trouble");
	contract_ask("DROP SEQUENCE tram.trouble_met");
}

static void end_connections(void)
{
	contract_ask(
	    "SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity WHERE usename = 'tram_writer'");
}

/* ---------------------------------------------------------------- what the lane says */

/* States told, and the last reason. */
struct told {
	char states[200], text[ERR_TEXT_MAX];
};

static void note(struct told *t, const struct result *r)
{
	size_t len = strlen(t->states);

	snprintf(t->states + len, sizeof t->states - len, "%s%s", len ? " " : "", r->store_state);
	if (!r->store_is_up) {
		snprintf(t->text, sizeof t->text, "%s", r->store_text);
	}
	assert_int_equal(r->store_is_up, strcmp(r->store_state, "up") == 0);
}

/* The next result that is not about the store; what is said of the store meanwhile is noted. NULL: none within the time. */
static struct result *hear(struct bench *b, struct told *t, int64_t patience_ms)
{
	struct result *r;

	while ((r = handoff_take(b->results, patience_ms)) != NULL && r->kind == RESULT_STORE) {
		note(t, r);
		result_free(&r);
	}
	return r;
}

/* Hears of the store until it is said to be in the state. */
static void hear_state(struct bench *b, struct told *t, const char *state)
{
	int64_t end_us = clock_monotonic_us() + BENCH_PATIENCE_MS * INT64_C(1000);

	for (size_t len = strlen(state); clock_monotonic_us() < end_us;) {
		size_t used = strlen(t->states);
		struct result *r;

		if (used >= len && strcmp(t->states + used - len, state) == 0) {
			return;
		}
		if ((r = handoff_take(b->results, 100)) != NULL) {
			assert_int_equal(r->kind, RESULT_STORE);
			note(t, r);
			result_free(&r);
		}
	}
	fail_msg("the lane never said %s, but %s (%s)", state, t->states, t->text);
}

/* A lane with a province whose first report is committed. */
static struct bench open_with_session(void)
{
	struct bench b = bench_open();
	struct told t = {0};

	hear_state(&b, &t, "up");
	assert_string_equal(t.states, "up");
	province_start(&hue);
	append_report(&hue, "2024", 1178600, "");
	append_report(&hue, "2024", 1178600, "");
	open_stream(&b, &hue);
	publish(&b, &hue, 1, 1);
	stands_at(&b, 1);
	return b;
}

static void commits_the_second(struct bench *b, struct told *t)
{
	struct result *r = hear(b, t, BENCH_PATIENCE_MS);

	assert_non_null(r);
	assert_int_equal(r->kind, RESULT_COMMITTED);
	assert_int_equal(r->seq, 2);
	assert_int_equal(r->n_reports, 1);
	result_free(&r);
}

/* Whatever the lane had to say is said: it has answered what was asked after all that. */
static void hear_all(struct bench *b, struct told *t, uint64_t seq)
{
	struct result *r;

	say_hello(b, &hue);
	r = hear(b, t, BENCH_PATIENCE_MS);
	assert_non_null(r);
	assert_int_equal(r->kind, RESULT_SUBSCRIBE);
	assert_int_equal(r->seq, seq);
	result_free(&r);
}

/* ---------------------------------------------------------------- each kind */

#define RAISE(code) "RAISE EXCEPTION 'trouble' USING ERRCODE = '" code "'"

static void goes_on_after_whatever_a_commit_says(void **state)
{
	static const struct {
		const char *name, *action;
		int times;
		const char *states, *text; /* "": nothing is told */
	} cases[] = {
	    {"serialization failure", RAISE("40001"), 2, "", ""},
	    {"deadlock", RAISE("40P01"), 2, "", ""},
	    {"lock not to be had", RAISE("55P03"), 2, "", ""},
	    {"the same for long", RAISE("40001"), OFTEN, "away up", "40001"},
	    {"shut down by an administrator", "PERFORM pg_terminate_backend(pg_backend_pid())", 2, "", ""},
	    {"the same for long", "PERFORM pg_terminate_backend(pg_backend_pid())", OFTEN, "away up", "terminating"},
	    {"crash of another backend", RAISE("57P02"), 2, "", ""},
	    {"starting up", RAISE("57P03"), 2, "", ""},
	    {"too many connections", RAISE("53300"), 2, "", ""},
	    {"read-only", RAISE("25006"), 2, "", ""},
	    {"connection failure", RAISE("08006"), 2, "", ""},
	    {"cancelled by a person", "PERFORM pg_cancel_backend(pg_backend_pid()); PERFORM pg_sleep(5)", 1,
	     "stalled up", "57014"},
	    {"disk full", RAISE("53100"), 2, "stalled up", "53100"},
	    {"out of memory", RAISE("53200"), 2, "stalled up", "53200"},
	    {"I/O error", RAISE("58030"), 2, "stalled up", "58030"},
	    {"corrupted index", RAISE("XX002"), 2, "stalled up", "XX002"},
	    {"no right", RAISE("42501"), 2, "broken up", "42501"},
	    {"no such column", "PERFORM no_such_thing FROM tram.agent", 2, "broken up", "42703"},
	    {"a code that nobody knows", RAISE("ZZ999"), 2, "broken up", "ZZ999"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct bench b = open_with_session();
		struct told t = {0};

		trouble_at_commit(cases[i].action, cases[i].times);
		publish(&b, &hue, 2, 2);
		commits_the_second(&b, &t);
		hear_all(&b, &t, 2);
		if (strcmp(t.states, cases[i].states) != 0 || !strstr(t.text, cases[i].text)) {
			fail_msg("%s: told \"%s\" (%s)", cases[i].name, t.states, t.text);
		}
		trouble_ends();
		assert_stored(&hue, "2", i == 0 ? "1" : "0", "0"); /* the figure is known from then on */
		bench_close(&b);
	}
}

/* A primary that was demoted refuses to write: only a new connection finds the one that may. */
static void a_demoted_primary_is_left(void **state)
{
	struct bench b = open_with_session();
	struct told t = {0};

	(void)state;
	contract_configure("default_transaction_read_only", "on");
	publish(&b, &hue, 2, 2);
	hear_state(&b, &t, "away");
	assert_non_null(strstr(t.text, "read-only"));
	contract_ask("SET default_transaction_read_only = off");
	contract_configure("default_transaction_read_only", NULL);
	commits_the_second(&b, &t);
	hear_state(&b, &t, "up");
	assert_string_equal(t.states, "away up");
	assert_stored(&hue, "2", "0", "0");
	bench_close(&b);
}

/* ---------------------------------------------------------------- no connection */

/* What is refused at the door has its code and its reason, as what is refused behind it has. */
static void a_refused_connection_is_named(void **state)
{
	static const struct {
		const char *role, *database; /* NULL: the right one */
		const char *before, *after;
		enum store_result expected;
		const char *text;
	} cases[] = {
	    {"nobody", NULL, NULL, NULL, STORE_BROKEN, "role \"nobody\" does not exist (28000)"},
	    {NULL, "nothing", NULL, NULL, STORE_BROKEN, "database \"nothing\" does not exist (3D000)"},
	    {NULL, NULL, "ALTER ROLE tram_writer NOLOGIN", "ALTER ROLE tram_writer LOGIN", STORE_BROKEN,
	     "(28000); tram store migrate makes the roles"},
	    {NULL, NULL, "ALTER ROLE tram_writer CONNECTION LIMIT 0", "ALTER ROLE tram_writer CONNECTION LIMIT -1",
	     STORE_RECONNECT, "(53300)"},
	    {NULL, NULL, "REVOKE CONNECT ON DATABASE contract FROM PUBLIC",
	     "GRANT CONNECT ON DATABASE contract TO PUBLIC", STORE_BROKEN, "(42501)"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char *database =
		    xasprintf("%s%s%s", contract_conninfo(cases[i].role ? cases[i].role : "tram_writer"),
			      cases[i].database ? " dbname=" : "", cases[i].database ? cases[i].database : "");
		struct store *s;

		if (cases[i].before) {
			contract_ask("%s", cases[i].before);
		}
		contract_err = (struct err){0};
		assert_result(cases[i].expected, store_open(database, "trouble", &s, &contract_err));
		if (!strstr(contract_err.text, cases[i].text)) {
			fail_msg("case %zu: %s", i, contract_err.text);
		}
		if (cases[i].after) {
			contract_ask("%s", cases[i].after);
		}
		free(database);
	}
}

/* Nobody answers: there is no code, and none is asked for by connecting again and again. */
static void nobody_there_has_no_code(void **state)
{
	struct store *s;

	(void)state;
	assert_result(STORE_RECONNECT, store_open("host=/nowhere dbname=x user=x", "trouble", &s, &contract_err));
	assert_non_null(strstr(contract_err.text, "/nowhere"));
	assert_null(strchr(contract_err.text, '\n'));
}

/* How often the door was shut, by the server's own word. */
#define REFUSED                                                                                                        \
	"SELECT count(*) FROM regexp_matches(encode(pg_read_binary_file(current_setting("                              \
	"'unix_socket_directories') || '/server.log'), 'escape'), 'is not permitted to log in', 'g')"

/* The reason is said once, the state is the one in which somebody must act, and it goes on when somebody has. */
static void the_lane_says_what_a_person_must_mend(void **state)
{
	struct bench b = open_with_session();
	struct told t = {0};
	long before = atol(contract_ask(REFUSED));

	(void)state;
	contract_ask("ALTER ROLE tram_writer NOLOGIN");
	end_connections();
	publish(&b, &hue, 2, 2);
	hear_state(&b, &t, "broken");
	assert_non_null(strstr(t.text, "\"tram_writer\" is not permitted to log in (28000)"));
	contract_wait("a lane that tries again", "SELECT (" REFUSED ") > %ld + 3", before);
	assert_null(hear(&b, &t, 0)); /* of the tries that are over it said no more */
	assert_string_equal(t.states, "broken");
	contract_ask("ALTER ROLE tram_writer LOGIN");
	commits_the_second(&b, &t);
	hear_state(&b, &t, "up");
	assert_string_equal(t.states, "broken up");
	bench_close(&b);
}

/* Another reason is said, though the state is the same. */
static void another_reason_is_said(void **state)
{
	struct bench b = open_with_session();
	struct told t = {0};

	(void)state;
	contract_ask("ALTER ROLE tram_writer NOLOGIN");
	end_connections();
	hear_state(&b, &t, "broken");
	contract_ask("ALTER ROLE tram_writer LOGIN CONNECTION LIMIT 0");
	hear_state(&b, &t, "away");
	assert_non_null(strstr(t.text, "53300"));
	contract_ask("ALTER ROLE tram_writer CONNECTION LIMIT -1");
	hear_state(&b, &t, "up");
	bench_close(&b);
}

/* ---------------------------------------------------------------- nothing to do */

static void an_idle_lane_notices_a_lost_store(void **state)
{
	struct bench b = open_with_session();
	struct told t = {0};

	(void)state;
	contract_ask("ALTER ROLE tram_writer NOLOGIN");
	end_connections();
	hear_state(&b, &t, "broken");
	contract_ask("ALTER ROLE tram_writer LOGIN");
	hear_state(&b, &t, "up");
	bench_close(&b);
}

/* A connection that was lost and is there again at once is nobody's business. */
static void an_idle_lane_connects_anew(void **state)
{
	struct bench b = open_with_session();
	struct told t = {0};
	long before = atol(contract_ask("SELECT pid FROM pg_stat_activity WHERE usename = 'tram_writer'"));

	(void)state;
	end_connections();
	contract_wait("another connection",
		      "SELECT count(*) = 1 FROM pg_stat_activity WHERE usename = 'tram_writer' AND pid <> %ld", before);
	hear_all(&b, &t, 1);
	assert_string_equal(t.states, "");
	bench_close(&b);
}

/* Another server takes over within the blink of an eye, and lacks what was committed last: the agents are to hear of it. */
static void a_store_of_an_earlier_time_is_told(void **state)
{
	struct bench b = open_with_session();
	struct told t = {0};

	(void)state;
	contract_ask("UPDATE tram.stream SET seq = 0");
	end_connections();
	hear_state(&b, &t, "away up");
	assert_string_equal(t.states, "away up");
	end_connections(); /* and once only */
	hear_all(&b, &t, 0);
	assert_string_equal(t.states, "away up");
	bench_close(&b);
}

/* ---------------------------------------------------------------- the end */

enum { SOON_MS = 30000 }; /* on any machine; sooner than a lane gives a silent server up */

static void ends_soon(struct bench *b)
{
	struct told t = {0};
	struct result *r;

	lane_abandon(b->lane);
	while ((r = hear(b, &t, SOON_MS)) != NULL && r->kind != RESULT_STOPPED) {
		result_free(&r);
	}
	assert_non_null(r);
	result_free(&r);
	lane_join(&b->lane);
	handoff_free(&b->jobs);
	handoff_free(&b->results);
}

static void an_abandoned_lane_ends_whatever_it_is_at(void **state)
{
	static const char *const actions[] = {RAISE("40001"), RAISE("53100"), RAISE("08006"), RAISE("42501"),
					      RAISE("23514")};

	(void)state;
	for (size_t i = 0; i < sizeof actions / sizeof *actions; i++) {
		struct bench b = open_with_session();

		trouble_at_commit(actions[i], 1000000);
		publish(&b, &hue, 2, 2);
		contract_wait("trouble", "SELECT is_called FROM tram.trouble_met");
		ends_soon(&b);
		trouble_ends();
		assert_stored(&hue, "1", "0", "0");
	}
}

/* Asked to end while there is no store: with nothing to do it does, with something to do it waits for the store. */
static void a_stop_is_heard_without_a_store(void **state)
{
	struct bench b = open_with_session();
	struct told t = {0};

	(void)state;
	contract_ask("ALTER ROLE tram_writer NOLOGIN");
	end_connections();
	hear_state(&b, &t, "broken");
	bench_close(&b);
	contract_ask("ALTER ROLE tram_writer LOGIN");
}

/* Whatever COMMIT says, for as long as it says it: between two tries the lane waits, and never spins. */
static void never_spins(void **state)
{
	enum { TRIES = 6, WAIT_US = 50000 }; /* the least; the second try may come at once */
	static const char *const actions[] = {RAISE("40001"), RAISE("57P01"), RAISE("53100"), RAISE("42501")};

	(void)state;
	for (size_t i = 0; i < sizeof actions / sizeof *actions; i++) {
		struct bench b = open_with_session();
		int64_t begun_us = clock_monotonic_us();

		trouble_at_commit(actions[i], 1000000);
		publish(&b, &hue, 2, 2);
		contract_wait("many tries", "SELECT last_value >= %d FROM tram.trouble_met", TRIES);
		assert_true(clock_monotonic_us() - begun_us >= (TRIES - 2) * WAIT_US);
		ends_soon(&b);
		trouble_ends();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(goes_on_after_whatever_a_commit_says),
	    cmocka_unit_test(a_demoted_primary_is_left),
	    cmocka_unit_test(a_refused_connection_is_named),
	    cmocka_unit_test(nobody_there_has_no_code),
	    cmocka_unit_test(the_lane_says_what_a_person_must_mend),
	    cmocka_unit_test(another_reason_is_said),
	    cmocka_unit_test(an_idle_lane_notices_a_lost_store),
	    cmocka_unit_test(an_idle_lane_connects_anew),
	    cmocka_unit_test(a_store_of_an_earlier_time_is_told),
	    cmocka_unit_test(an_abandoned_lane_ends_whatever_it_is_at),
	    cmocka_unit_test(a_stop_is_heard_without_a_store),
	    cmocka_unit_test(never_spins),
	};

	return cmocka_run_group_tests(tests, contract_open, contract_close);
}
