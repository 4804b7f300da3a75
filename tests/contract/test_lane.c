/* SPDX-License-Identifier: Apache-2.0 */
/* A lane, from the bytes of an envelope to committed rows: nothing lost, nothing twice, every report answered. */
#include "bench.h"
#include "mem.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct province hue = {.agent = AGENT_ONE, .provider = "P63-46", .area = "63/46"};

static int open_all(void **state)
{
	assert_true(sodium_init() >= 0);
	return contract_open(state);
}

/* ---------------------------------------------------------------- tests */

static void commits_each_report_once(void **state)
{
	struct bench b = bench_open();

	(void)state;
	province_start(&hue);
	append_report(&hue, "2021", 1100000, "");
	append_report(&hue, "2022", 1110000, "");
	append_report(&hue, "2023", 1120000, "");
	open_stream(&b, &hue);
	publish(&b, &hue, 1, 2);
	committed_through(&b, &hue, 2, "11");
	publish(&b, &hue, 1, 2); /* again, as after a lost ACK */
	committed_through(&b, &hue, 2, "");
	publish(&b, &hue, 2, 3); /* cut anew */
	committed_through(&b, &hue, 3, "1");
	assert_stored(&hue, "3", "3", "0");
	say_hello(&b, &hue);
	assert_int_equal(subscribed_at(&b), 3);
	bench_close(&b);
}

static void keeps_poison_and_goes_on(void **state)
{
	struct bench b = bench_open();

	(void)state;
	province_start(&hue);
	append_report(&hue, "2015", 1050000, "");
	append(&hue, (uint8_t *)xstrdup("\xff\xff not a report"), 15);
	append_report(&hue, "2016", 1060000, "");
	open_stream(&b, &hue);
	publish(&b, &hue, 1, 3);
	committed_through(&b, &hue, 3, "4-4"); /* the catalogue begins in 2021 */
	assert_stored(&hue, "2", "0", "1");
	bench_close(&b);
}

/* The store refuses one report of many: the others are committed, that one is poison, nothing is tried for ever. */
static void narrows_down_what_the_store_refuses(void **state)
{
	struct bench b = bench_open();

	(void)state;
	contract_ask("ALTER TABLE tram.report ADD CONSTRAINT for_this_test CHECK (comment <> 'thorn')");
	province_start(&hue);
	for (int i = 0; i < 7; i++) {
		append_report(&hue, "2024", 1178600, i == 4 ? "thorn" : "");
	}
	open_stream(&b, &hue);
	publish(&b, &hue, 1, 7);
	committed_through(&b, &hue, 7, "1555-55");
	contract_ask("ALTER TABLE tram.report DROP CONSTRAINT for_this_test");
	assert_stored(&hue, "6", "1", "1");
	assert_batches(&hue, "1"); /* however many groups took from it */
	bench_close(&b);
}

/*
 * Large reports fill the arena just where the tenth is to be decoded, with room for all else: 7 + 7 reports in the first
 * PUBLISH as payload and as batch, each decoded once more when it is new. It is whole, and must wait for an arena of its
 * own; it is no poison.
 */
static void a_full_arena_is_no_fault_of_the_report(void **state)
{
	const size_t arena = (size_t)64 << 20, large = arena * 2 / (2 * 65 + 1);
	struct job *jobs[4];
	struct bench b = bench_open();
	char *comment = xmalloc(large);

	(void)state;
	memset(comment, 'a', large);
	comment[large - 300] = '\0';
	province_start(&hue);
	for (int i = 0; i < 10; i++) {
		append_report(&hue, "2024", 1178600, comment);
	}
	for (uint64_t i = 0; i < 4; i++) {
		jobs[i] = new_publish(&hue, i + 1, i + 7);
	}
	say_hello(&b, &hue);
	for (size_t i = 0; i < 4; i++) {
		handoff_put(b.jobs, jobs[i]);
	}
	assert_int_equal(subscribed_at(&b), 0);
	committed_through(&b, &hue, 10, "5555555555");
	assert_stored(&hue, "10", "0", "0");
	bench_close(&b);
	free(comment);
}

/* A report that the store refuses after a while. The longer that is, the surer lanes meet in it; no result depends on it. */
static void refuse_thorns(void)
{
	contract_ask(
	    "CREATE FUNCTION tram.is_thorn(comment text) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN IF comment = "
	    "'thorn' THEN PERFORM pg_sleep(0.3); RETURN true; END IF; RETURN false; END $$");
	contract_ask("ALTER TABLE tram.report ADD CONSTRAINT for_this_test CHECK (NOT tram.is_thorn(comment))");
}

static void accept_thorns(void)
{
	contract_ask("ALTER TABLE tram.report DROP CONSTRAINT for_this_test");
	contract_ask("DROP FUNCTION tram.is_thorn");
}

/*
 * Two lanes find the same poison; one of them commits it. The other, fenced, must not take the report behind it for what
 * it found before. The check takes its time, so that each waits for the other's lock at every try.
 */
static void poison_is_found_anew_after_a_fence(void **state)
{
	struct bench one = bench_open(), two = bench_open();

	(void)state;
	refuse_thorns();
	province_start(&hue);
	append_report(&hue, "2024", 1178600, "thorn");
	append_report(&hue, "2024", 1178600, "");
	append_report(&hue, "2024", 1178600, "");
	say_hello(&one, &hue);
	say_hello(&two, &hue);
	assert_int_equal(subscribed_at(&one), 0);
	assert_int_equal(subscribed_at(&two), 0);
	publish(&one, &hue, 1, 2);
	publish(&two, &hue, 1, 3);
	stands_at(&one, 2);
	stands_at(&two, 3);
	accept_thorns();
	assert_stored(&hue, "2", "0", "1");
	bench_close(&one);
	bench_close(&two);
}

/*
 * A lane has committed a part of its batch, with the batch's row, when another one brings what comes next in a batch of its
 * own. What the first one goes on with is in no batch then, unless it stores its own again.
 */
static void a_batch_that_another_one_cut_short_is_stored_again(void **state)
{
	struct bench one = bench_open(), two = bench_open();

	(void)state;
	refuse_thorns();
	province_start(&hue);
	for (int i = 0; i < 7; i++) {
		append_report(&hue, "2024", 1178600, i == 4 ? "thorn" : "");
	}
	open_stream(&one, &hue);
	publish(&one, &hue, 1, 7);
	committed_through(&one, &hue, 3, "555");
	say_hello(&two, &hue);
	assert_true(subscribed_at(&two) >= 3);
	publish(&two, &hue, 4, 4); /* waits for the try that has the thorn, and is there before the next */
	stands_at(&two, 4);
	stands_at(&one, 7);
	accept_thorns();
	assert_stored(&hue, "6", "0", "1");
	bench_close(&one);
	bench_close(&two);
}

/* A report in which everything is wrong, as often as it can be. */
static void append_ruin(struct province *p)
{
	Tram__V1__Report report = TRAM__V1__REPORT__INIT;
	Tram__V1__Observation o = TRAM__V1__OBSERVATION__INIT;
	Tram__V1__Decimal d = TRAM__V1__DECIMAL__INIT;
	size_t len;

	d.scale = 99;
	o.indicator = o.ref_area = o.unit = o.source_system = o.comment = (char *)(uintptr_t) "x ";
	o.value = o.numerator = o.denominator = o.weight = &d;
	report.provider = (char *)(uintptr_t)p->provider;
	report.dataflow = (char *)(uintptr_t) "province_statistics";
	report.time_period = (char *)(uintptr_t) "2024";
	report.reference_date = (char *)(uintptr_t) "2024-12-31";
	report.prepared_by = (char *)(uintptr_t) "Nguyễn Văn An";
	report.n_observations = LIMIT_OBSERVATIONS;
	report.observations = xcalloc(report.n_observations, sizeof(struct Tram__V1__Observation *));
	for (size_t i = 0; i < report.n_observations; i++) {
		report.observations[i] = &o;
	}
	append(p, codec_pack(&report.base, &len), protobuf_c_message_get_packed_size(&report.base));
	free(report.observations);
}

/* A report that has no figure could be read all the same. */
static void a_report_without_figures_is_no_poison(void **state)
{
	Tram__V1__Report empty = TRAM__V1__REPORT__INIT;
	struct bench b = bench_open();
	struct result *r;
	size_t len;

	(void)state;
	province_start(&hue);
	empty.provider = (char *)(uintptr_t)hue.provider;
	append(&hue, codec_pack(&empty.base, &len), protobuf_c_message_get_packed_size(&empty.base));
	append(&hue, (uint8_t *)xstrdup("\xff\xff not a report"), 15);
	open_stream(&b, &hue);
	publish(&b, &hue, 1, 2);
	r = next_result(&b);
	assert_int_equal(r->kind, RESULT_COMMITTED);
	assert_int_equal(r->n_reports, 1);
	assert_int_equal(r->n_poisoned, 1);
	result_free(&r);
	bench_close(&b);
}

/*
 * More findings than a result holds: the verdict is there to be asked for, and comes whole, however large it is. Counters
 * and feed are told what it holds all the same.
 */
static void tells_what_it_has_no_room_for(void **state)
{
	struct bench b = bench_open_with((size_t)512 << 20);
	struct job *ask = xcalloc(1, sizeof *ask);
	struct result *r;
	char findings[24];

	(void)state;
	province_start(&hue);
	append_ruin(&hue);
	say_hello(&b, &hue);
	r = next_result(&b);
	ask->kind = JOB_VERDICTS;
	ask->verdict_after = r->verdict_seq;
	snprintf(ask->agent, sizeof ask->agent, "%s", hue.agent);
	result_free(&r);
	publish(&b, &hue, 1, 1);
	r = next_result(&b);
	assert_int_equal(r->kind, RESULT_COMMITTED);
	snprintf(findings, sizeof findings, "%zu", r->n_events_lost - 1);
	assert_int_equal(r->n_events, 0);
	assert_int_equal(r->n_verdicts, 0);
	assert_int_equal(r->n_reports, 1);
	assert_int_equal(r->n_outcomes[OUTCOME_REFUSED], LIMIT_OBSERVATIONS);
	assert_string_equal(
	    contract_ask(
		"SELECT count(*) FROM tram.report_finding WHERE severity <> 'I' AND report_no = (SELECT report_no "
		"FROM tram.verdict ORDER BY known_at DESC LIMIT 1)"),
	    findings);
	result_free(&r);
	handoff_put(b.jobs, ask);
	r = next_result(&b);
	assert_int_equal(r->n_verdicts, 1);
	assert_true(r->verdicts[0]->n_findings >= 6 * LIMIT_OBSERVATIONS);
	result_free(&r);
	bench_close(&b);
}

/* An area of the catalogue that the store does not know: its figures wait, they are not accepted and then left out. */
static void waits_for_the_number_of_an_area(void **state)
{
	struct province ha_noi = {.agent = AGENT_TWO, .provider = "P63-01", .area = "63/01"};

	(void)state;
	contract_ask("UPDATE tram.area_number SET area = 'gone' WHERE area = '63/01'");
	struct bench b = bench_open();
	province_start(&ha_noi);
	append_report(&ha_noi, "2022", 8400000, "");
	open_stream(&b, &ha_noi);
	publish(&b, &ha_noi, 1, 1);
	struct result *r = handoff_take(b.results, BENCH_PATIENCE_MS);
	assert_non_null(r);
	assert_int_equal(r->kind, RESULT_STORE);
	assert_false(r->store_is_up);
	assert_non_null(strstr(r->store_text, "63/01"));
	result_free(&r);
	contract_ask("UPDATE tram.area_number SET area = '63/01' WHERE area = 'gone'");
	committed_through(&b, &ha_noi, 1, "1");
	assert_stored(&ha_noi, "1", "1", "0");
	bench_close(&b);
	province_clear(&ha_noi);
}

/* A figure that is there though its provider never reported the period: the key collides, and the past is asked for. */
static void asks_for_the_past_on_a_conflict(void **state)
{
	struct province ha_noi = {.agent = AGENT_TWO, .provider = "P63-01", .area = "63/01"};
	struct bench b = bench_open();

	(void)state;
	contract_ask("INSERT INTO tram.observation SELECT (s.series_no::bigint << 44) | "
		     "(tram.period_pack('2023')::bigint << 14), 1, now(), a.area_no, 1, 0, 1, 1, 0, 0, 'A', 8500000 "
		     "FROM tram.series s, tram.area_number a "
		     "WHERE s.indicator = 'population' AND s.dimensions = '' AND a.area = '63/01'");
	province_start(&ha_noi);
	append_report(&ha_noi, "2023", 8600000, "");
	append_report(&ha_noi, "2023", 8500000, "");
	open_stream(&b, &ha_noi);
	publish(&b, &ha_noi, 1, 2);
	committed_through(&b, &ha_noi, 2, "45"); /* it does not say that it revises; it is there already */
	bench_close(&b);
	province_clear(&ha_noi);
}

static void survives_a_lost_connection(void **state)
{
	struct bench b = bench_open();

	(void)state;
	province_start(&hue);
	for (int i = 0; i < 10; i++) {
		append_report(&hue, "2024", 1178600, "");
	}
	open_stream(&b, &hue);
	for (uint64_t seq = 1; seq <= 10; seq++) {
		contract_ask(
		    "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE usename = 'tram_writer'");
		publish(&b, &hue, seq, seq);
		committed_through(&b, &hue, seq, "5");
	}
	assert_stored(&hue, "10", "0", "0");
	bench_close(&b);
}

/* Two lanes write one stream, as two aggregators might: each report once, whoever was first. */
static void is_fenced_by_the_watermark(void **state)
{
	struct bench one = bench_open(), two = bench_open();

	(void)state;
	province_start(&hue);
	for (int i = 0; i < 6; i++) {
		append_report(&hue, "2024", 1178600, "");
	}
	say_hello(&one, &hue);
	say_hello(&two, &hue);
	assert_int_equal(subscribed_at(&one), 0);
	assert_int_equal(subscribed_at(&two), 0);
	publish(&one, &hue, 1, 2);
	committed_through(&one, &hue, 2, "55");
	publish(&two, &hue, 1, 4); /* it still believes in 0 */
	committed_through(&two, &hue, 4, "55");
	publish(&one, &hue, 3, 6);
	committed_through(&one, &hue, 6, "55");
	assert_stored(&hue, "6", "0", "0");
	bench_close(&one);
	bench_close(&two);
}

/* The setting holds for those who do not keep to what SUBSCRIBE told them. */
static void refuses_a_batch_of_too_many_reports(void **state)
{
	struct bench b = bench_open();
	struct result *r;

	(void)state;
	province_start(&hue);
	for (int i = 0; i < 9; i++) {
		append_report(&hue, "2024", 1178600, "");
	}
	open_stream(&b, &hue);
	publish(&b, &hue, 1, 9);
	r = next_result(&b);
	assert_int_equal(r->kind, RESULT_REFUSE);
	assert_int_equal(r->refusal, TRAM__V1__REFUSAL_CODE__REFUSAL_CODE_TOO_LARGE);
	result_free(&r);
	publish(&b, &hue, 1, 8);
	committed_through(&b, &hue, 8, "55555555");
	bench_close(&b);
}

static void names_a_fork(void **state)
{
	struct bench b = bench_open();
	struct result *r;

	(void)state;
	province_start(&hue);
	append_report(&hue, "2024", 1178600, "");
	append_report(&hue, "2024", 1178600, "");
	open_stream(&b, &hue);
	publish(&b, &hue, 1, 2);
	committed_through(&b, &hue, 2, "55");
	hue.last = 1; /* the outbox was restored from a copy */
	say_hello(&b, &hue);
	r = next_result(&b);
	assert_int_equal(r->kind, RESULT_REFUSE);
	assert_int_equal(r->refusal, TRAM__V1__REFUSAL_CODE__REFUSAL_CODE_FORKED);
	assert_int_equal(r->seq, 2);
	result_free(&r);
	hue.last = 2;
	bench_close(&b);
}

/* Which verdict an agent holds under a number shows by when it was known; one that does not say is believed. */
static void knows_its_own_verdicts(void **state)
{
	static const struct {
		int64_t cursor, known_at; /* off the last verdict's; a known_at of 0 is said as 0 */
		bool says_time, differ;
	} cases[] = {{0, 0, true, false},  {0, 1, true, true},  {0, -1, true, true},
		     {0, 0, false, false}, {1, 0, true, false}, {-1, 0, true, true}};
	struct bench b = bench_open();
	struct result *r;

	(void)state;
	province_start(&hue);
	append_report(&hue, "2024", 1178600, "");
	append_report(&hue, "2024", 1178600, "");
	open_stream(&b, &hue);
	publish(&b, &hue, 1, 1);
	committed_through(&b, &hue, 1, "5");
	publish(&b, &hue, 2, 2);
	r = next_result(&b);
	assert_int_equal(r->n_verdicts, 1);
	uint64_t last = r->verdicts[0]->verdict_seq;
	int64_t known_at = r->verdicts[0]->known_at_us;
	result_free(&r);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		say_hello_with(&b, &hue, last + (uint64_t)cases[i].cursor,
			       cases[i].says_time ? known_at + cases[i].known_at : 0);
		r = next_result(&b);
		assert_int_equal(r->kind, RESULT_SUBSCRIBE);
		assert_int_equal(r->verdict_seq, last);
		assert_int_equal(r->verdicts_differ, cases[i].differ);
		result_free(&r);
	}
	bench_close(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(commits_each_report_once),
	    cmocka_unit_test(keeps_poison_and_goes_on),
	    cmocka_unit_test(narrows_down_what_the_store_refuses),
	    cmocka_unit_test(a_full_arena_is_no_fault_of_the_report),
	    cmocka_unit_test(poison_is_found_anew_after_a_fence),
	    cmocka_unit_test(a_batch_that_another_one_cut_short_is_stored_again),
	    cmocka_unit_test(a_report_without_figures_is_no_poison),
	    cmocka_unit_test(tells_what_it_has_no_room_for),
	    cmocka_unit_test(waits_for_the_number_of_an_area),
	    cmocka_unit_test(asks_for_the_past_on_a_conflict),
	    cmocka_unit_test(survives_a_lost_connection),
	    cmocka_unit_test(is_fenced_by_the_watermark),
	    cmocka_unit_test(refuses_a_batch_of_too_many_reports),
	    cmocka_unit_test(names_a_fork),
	    cmocka_unit_test(knows_its_own_verdicts),
	};

	return cmocka_run_group_tests(tests, open_all, contract_close);
}
