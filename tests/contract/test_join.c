/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A new epoch joins the old series without loss or repetition: what a renewed outbox hands in again, and the centre has
 * from the epoch before, gets a place and a verdict that tells the truth, and states nothing.
 */
#include "arena.h"
#include "bench.h"
#include "mem.h"
#include "store.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MORNING INT64_C(1763700000000000)

static struct province hue = {.agent = AGENT_ONE, .provider = "P63-46", .area = "63/46"};

static int open_all(void **state)
{
	assert_true(sodium_init() >= 0);
	return contract_open(state);
}

/* Every hand-in has a time of its own. */
static void hand_in(const char *year, int64_t population, bool revises)
{
	append_given(&hue, &(struct report_given){.year = year,
						  .comment = "",
						  .population = population,
						  .purpose = revises ? TRAM__V1__PURPOSE__PURPOSE_CORRECTION
								     : TRAM__V1__PURPOSE__PURPOSE_BACKFILL,
						  .revises = revises});
	hue.handed_in_at_us[hue.last] = MORNING + (int64_t)hue.last;
}

/* Reports as far as one group takes, and what became of each. */
static void send(struct bench *b, uint64_t first, uint64_t last, const char *outcomes)
{
	publish(b, &hue, first, last);
	committed_through(b, &hue, last, outcomes);
}

/* Every value ever stated for a year, in order. */
static const char *history(const char *year)
{
	return contract_ask("SELECT string_agg(value::text, ' ' ORDER BY key) FROM tram.observation_history"
			    " WHERE area = '63/46' AND indicator = 'population' AND time_period = '%s'",
			    year);
}

/* Reports by the scores, and findings that were made. */
static const char *scores(void)
{
	return contract_ask("SELECT (SELECT string_agg(s::text, ' ' ORDER BY s::text) FROM tram.scoreboard s) || ' ' ||"
			    " (SELECT count(*) FROM tram.finding)");
}

/* ---------------------------------------------------------------- tests */

static void a_renewed_outbox_repeats_nothing(void **state)
{
	struct bench b = bench_open();
	char *before, *both;

	(void)state;
	province_start(&hue);
	hand_in("2022", 1110000, false);
	hand_in("2022", 1111111, true);
	hand_in("2022", 1112222, true);
	open_stream(&b, &hue);
	send(&b, 1, 3, "111");
	before = xstrdup(scores());
	both = xstrdup(contract_ask("SELECT string_agg(report_no::text, ' ' ORDER BY report_no) FROM tram.report"));

	province_renew(&hue);
	open_stream(&b, &hue);
	send(&b, 1, 3, "555");
	assert_string_equal(history("2022"), "1110000 1111111 1112222");
	assert_string_equal(scores(), before);
	assert_stored(&hue, "3", "0", "0");
	assert_string_equal(contract_ask("SELECT string_agg(repeats::text, ' ' ORDER BY report_no) FROM tram.report"),
			    both);

	province_renew(&hue); /* once more, with one in the same group that is new */
	hand_in("2022", 1113333, true);
	open_stream(&b, &hue);
	send(&b, 1, 4, "5551");
	assert_string_equal(history("2022"), "1110000 1111111 1112222 1113333");
	assert_stored(&hue, "4", "1", "0");
	assert_string_equal(
	    contract_ask(
		"SELECT count(*) || ' ' || count(DISTINCT repeats) FROM tram.report WHERE repeats IS NOT NULL"),
	    "6 3");
	free(before);
	free(both);
	bench_close(&b);
}

/* What the centre lacks of it, as after a restore, is stated; what it has is not, in whatever order they come. */
static void only_what_is_missing_is_stated(void **state)
{
	struct bench b = bench_open();

	(void)state;
	province_start(&hue);
	hand_in("2023", 1120000, false);
	hand_in("2023", 1121111, true);
	open_stream(&b, &hue);
	send(&b, 1, 2, "11");
	province_renew(&hue);
	hand_in("2023", 1122222, true);
	hand_in("2024", 1178601, false);
	open_stream(&b, &hue);
	send(&b, 1, 4, "5511");
	assert_string_equal(history("2023"), "1120000 1121111 1122222");
	assert_string_equal(history("2024"), "1178601");
	bench_close(&b);
}

/* A clerk hands in on purpose what was handed in once: that is a hand-in, in a new epoch as in the old one. */
static void the_same_bytes_at_another_time_are_judged(void **state)
{
	struct bench b = bench_open();

	(void)state;
	province_start(&hue);
	hand_in("2021", 1100000, false);
	hand_in("2021", 1101111, true);
	hand_in("2021", 1102222, true);
	hand_in("2021", 1101111, true);
	hue.handed_in_at_us[4] = hue.handed_in_at_us[2]; /* within one epoch the time says nothing */
	open_stream(&b, &hue);
	send(&b, 1, 3, "111");
	send(&b, 4, 4, "1");
	assert_string_equal(history("2021"), "1100000 1101111 1102222 1101111");

	province_renew(&hue);
	hue.handed_in_at_us[3] += 5;
	hue.handed_in_at_us[4] = 0; /* said by no agent of ours; there is nothing to know it by */
	open_stream(&b, &hue);
	send(&b, 1, 4, "5511");
	assert_string_equal(history("2021"), "1100000 1101111 1102222 1101111 1102222 1101111");

	province_renew(&hue);
	hue.handed_in_at_us[3] += 5;
	open_stream(&b, &hue);
	send(&b, 1, 4, "5511");
	bench_close(&b);
}

/* The verdicts of the agent's latest reports, as they are when they are asked for again. */
static Tram__V1__Verdict **latest(struct arena *a, size_t n)
{
	struct store *writer = contract_writer();
	Tram__V1__Verdict **all;
	size_t n_all;

	assert_result(STORE_OK, store_verdicts(writer, hue.agent, 0, 1000, a, &all, &n_all, &contract_err));
	store_close(&writer);
	assert_true(n_all >= n);
	return all + n_all - n;
}

static void assert_repeats(const Tram__V1__Verdict *first, const Tram__V1__Verdict *again)
{
	assert_int_equal(again->n_findings, first->n_findings + 1);
	assert_string_equal(again->findings[0]->rule, "SACH-01");
	assert_int_equal(again->findings[0]->severity, TRAM__V1__SEVERITY__SEVERITY_INFORM);
	assert_int_equal(again->findings[0]->observation, 0);
	assert_non_null(strstr(again->findings[0]->message_vi, "hộp gửi (outbox) trước"));
	assert_non_null(strstr(again->findings[0]->message_en, "outbox before"));
	for (size_t i = 0; i < first->n_findings; i++) {
		assert_string_equal(again->findings[i + 1]->rule, first->findings[i]->rule);
		assert_string_equal(again->findings[i + 1]->message_vi, first->findings[i]->message_vi);
		assert_int_equal(again->findings[i + 1]->observation, first->findings[i]->observation);
	}
	for (size_t i = 0; i < first->n_words; i++) {
		assert_int_equal(again->words[i]->state, first->words[i]->state);
	}
	assert_int_equal(again->catalogue_version, first->catalogue_version);
	assert_string_equal(again->cause, "received");
}

/* What is asked for again is what was told at once. */
static void assert_told(const struct result *r, Tram__V1__Verdict **stored, size_t n)
{
	assert_int_equal(r->kind, RESULT_COMMITTED);
	assert_int_equal(r->n_verdicts, n);
	for (size_t i = 0; i < n; i++) {
		size_t len, len_stored;
		uint8_t *told = codec_pack(&r->verdicts[i]->base, &len),
			*kept = codec_pack(&stored[i]->base, &len_stored);

		assert_int_equal(len, len_stored);
		assert_memory_equal(told, kept, len);
		free(told);
		free(kept);
	}
}

/* A figure that was refused is refused still, for the same reasons; one that is held is there. Poison is judged anew. */
static void what_was_refused_is_refused(void **state)
{
	struct arena *a = arena_new(1 << 20);
	struct bench b = bench_open();

	(void)state;
	province_start(&hue);
	hand_in("2015", 1050000, false); /* the catalogue begins in 2021 */
	append(&hue, (uint8_t *)xstrdup("\xff\xff not a report"), 15);
	hue.handed_in_at_us[2] = MORNING;
	hand_in("2024", 9999999, true);  /* of nines only */
	hand_in("2024", 1134444, false); /* does not say that it revises */
	open_stream(&b, &hue);
	send(&b, 1, 4, "4-34");
	Tram__V1__Verdict **first = latest(a, 4);
	contract_ask("UPDATE tram.verdict SET catalogue_version = 7 WHERE verdict_seq = %ld RETURNING 1",
		     (long)first[2]->verdict_seq);
	first[2]->catalogue_version = 7;

	province_renew(&hue);
	open_stream(&b, &hue);
	publish(&b, &hue, 1, 4);
	struct result *r = next_result(&b);
	Tram__V1__Verdict **again = latest(a, 4);
	assert_told(r, again, 4);
	result_free(&r);
	static const char outcomes[] = "4-54";
	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(again[i]->n_outcomes ? '0' + again[i]->outcomes[0] : '-', outcomes[i]);
		if (i != 1) {
			assert_repeats(first[i], again[i]);
		}
	}
	assert_string_equal(again[1]->findings[0]->rule, "DU-01");
	assert_int_equal(again[2]->words[2]->state, TRAM__V1__WORD_STATE__WORD_STATE_HELD);
	assert_stored(&hue, "3", "0", "1");
	arena_free(&a);
	bench_close(&b);
}

/* Another agent's report is another one, whatever its bytes. */
static void it_is_the_same_agents(void **state)
{
	struct province hanoi = {.agent = AGENT_TWO, .provider = "P63-46", .area = "63/46"};
	struct bench b = bench_open();

	(void)state;
	for (int epoch = 0; epoch < 2; epoch++) {
		province_start(&hanoi);
		append_report(&hanoi, epoch == 0 ? "2021" : "2022", 1110000, "");
		hanoi.handed_in_at_us[1] = MORNING + 1;
		open_stream(&b, &hanoi);
		publish(&b, &hanoi, 1, 1);
		committed_through(&b, &hanoi, 1, "4"); /* it may not speak for that province */
	}
	assert_string_equal(contract_ask("SELECT count(*) FROM tram.report r JOIN tram.agent a USING (agent_no)"
					 " WHERE a.agent = '" AGENT_TWO "' AND r.repeats IS NOT NULL"),
			    "0");
	bench_close(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_renewed_outbox_repeats_nothing),
	    cmocka_unit_test(only_what_is_missing_is_stated),
	    cmocka_unit_test(the_same_bytes_at_another_time_are_judged),
	    cmocka_unit_test(what_was_refused_is_refused),
	    cmocka_unit_test(it_is_the_same_agents),
	};

	return cmocka_run_group_tests_name("join", tests, open_all, contract_close);
}
