/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The database is restored to an earlier time and filled up again. With the centre's own word of the first time nothing
 * has changed: neither rows, nor who was late, nor what was known when.
 */
#include "bench.h"
#include "clock.h"
#include "mem.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LATER (INT64_C(3) * 366 * 24 * 3600 * CLOCK_SECOND) /* after every date that a report was due on */

static struct province hue = {.agent = AGENT_ONE, .provider = "P63-46", .area = "63/46"};

static int open_all(void **state)
{
	assert_true(sodium_init() >= 0);
	return contract_open(state);
}

/* Figures of years past, one of them revised; bytes that are no report; and one that is not due before next November. */
static void append_all(struct province *p)
{
	char now[CLOCK_TEXT], next_year[24];

	snprintf(next_year, sizeof next_year, "%ld", strtol(clock_text_vn(clock_wall_us(), now), NULL, 10) + 1);
	province_start(p);
	append_report(p, "2022", 1110000, "");
	append_report(p, "2023", 1120000, "");
	append(p, (uint8_t *)xstrdup("\xff\xff not a report"), 15);
	append_given(p, &(struct report_given){.year = "2022",
					       .comment = "",
					       .population = 1111111,
					       .purpose = TRAM__V1__PURPOSE__PURPOSE_CORRECTION,
					       .revises = true});
	append_given(p, &(struct report_given){.year = next_year,
					       .comment = "",
					       .population = 1160000,
					       .purpose = TRAM__V1__PURPOSE__PURPOSE_REGULAR});
}

/* Sends reports that arrive at a time. */
static struct result *send(struct bench *b, struct province *p, uint64_t first, uint64_t last, int64_t at_us)
{
	struct job *job = new_publish(p, first, last);
	struct result *r;

	job->received_at_us = at_us;
	handoff_put(b->jobs, job);
	r = next_result(b);
	assert_int_equal(r->kind, RESULT_COMMITTED);
	assert_int_equal(r->seq, last);
	assert_int_equal(r->n_verdicts, last - first + 1);
	if (!p->refills) { /* an agent keeps none of what it had acknowledged before */
		province_keep_ack(p, r);
	}
	return r;
}

static void send_all(struct bench *b, struct province *p, const uint64_t *ends, int64_t at_us, size_t refilled,
		     size_t ignored)
{
	uint64_t first = 1;

	open_stream(b, p);
	for (; *ends; first = *ends++ + 1) {
		struct result *r = send(b, p, first, *ends, at_us);

		refilled -= r->n_refilled;
		ignored -= r->n_first_ignored;
		assert_int_equal(r->n_first_ignored > 0, r->first_ignored != NULL);
		result_free(&r);
	}
	assert_int_equal(refilled, 0);
	assert_int_equal(ignored, 0);
}

/* Everything that the reports left, but for when they arrived and when they were judged. */
static char *everything(void)
{
	return xstrdup(contract_ask(
	    "SELECT concat_ws(E'\\n',"
	    " (SELECT string_agg((to_jsonb(r) - 'received_at')::text, E'\\n' ORDER BY report_no) FROM tram.report r),"
	    " (SELECT string_agg((to_jsonb(p) - 'received_at')::text, E'\\n' ORDER BY report_no) FROM tram.poison p),"
	    " (SELECT string_agg(to_jsonb(o)::text, E'\\n' ORDER BY key) FROM tram.observation o),"
	    " (SELECT string_agg(to_jsonb(f)::text, E'\\n' ORDER BY report_no, finding_no) FROM tram.report_finding f),"
	    " (SELECT string_agg((to_jsonb(v) - 'known_at')::text, E'\\n' ORDER BY verdict_seq) FROM tram.verdict v),"
	    " (SELECT string_agg((to_jsonb(s) - 'updated_at' - 'started_at')::text, E'\\n') FROM tram.stream s))"));
}

/* What is said to have been known before each of the commits, and since. */
static char *as_known_on(const struct province *p)
{
	char *said = xstrdup("");

	for (uint64_t seq = 1; seq <= p->last; seq++) {
		for (int64_t before = 1; before >= 0 && p->acks[seq].at_us; before--) {
			char *more = xasprintf(
			    "%s%s;", said,
			    contract_ask("SELECT string_agg(concat_ws(' ', areas_reporting, value), ',') FROM "
					 "unnest('{2022,2023}'::text[]) y, tram.rollup('population', y, 'nation', '63',"
					 " timestamptz 'epoch' + (%ld || ' us')::interval)",
					 (long)(p->acks[seq].at_us - before)));
			free(said);
			said = more;
		}
	}
	return said;
}

static const uint64_t as_before[] = {2, 4, 5, 0}, at_once[] = {5, 0}, otherwise[] = {1, 5, 0};

struct before {
	char *rows, *known;
};

/* Reports as they come in the first time, into a database that was kept before. */
static struct bench begin(struct before *ret)
{
	append_all(&hue); /* puts its keys on the roster */
	contract_keep();
	struct bench b = bench_open();

	hue.refills = false;
	send_all(&b, &hue, as_before, clock_wall_us(), 0, 0);
	*ret = (struct before){everything(), as_known_on(&hue)};
	assert_non_null(strstr(ret->known, "1 1110000"));
	assert_non_null(strstr(ret->known, "1 1111111"));
	assert_null(strstr(ret->rows, "SONG-01"));
	return b;
}

static void end(struct bench *b, struct before *before)
{
	bench_close(b);
	contract_restore();
	free(before->rows);
	free(before->known);
}

/* Restored, filled up, and looked at. */
static struct before again(struct bench *b, const uint64_t *ends, size_t refilled, size_t ignored)
{
	contract_restore();
	send_all(b, &hue, ends, clock_wall_us() + LATER, refilled, ignored);
	return (struct before){everything(), as_known_on(&hue)};
}

static void assert_same(const struct before *a, struct before *b)
{
	assert_string_equal(b->rows, a->rows);
	assert_string_equal(b->known, a->known);
	free(b->rows);
	free(b->known);
}

static void nothing_changes_by_a_restore(void **state)
{
	static const uint64_t *const cuts[] = {as_before, at_once, otherwise};
	struct before first, now;
	struct bench b = begin(&first);

	(void)state;
	hue.refills = true;
	for (size_t i = 0; i < 3; i++) {
		now = again(&b, cuts[i], hue.last, 0);
		assert_same(&first, &now);
	}
	end(&b, &first);
}

/*
 * Somebody asked for a moment before the agents had filled the store up: what he was told then stays so. When reports came
 * the first time is stored as ever, as that says who was late.
 */
static void what_was_said_after_a_restore_stays_said(void **state)
{
	struct before first, now;
	struct bench b = begin(&first);

	(void)state;
	hue.refills = true;
	contract_restore();
	char *settled = xstrdup(contract_ask("SELECT tram.settled_moment()"));
	send_all(&b, &hue, as_before, clock_wall_us() + LATER, hue.last, 0);
	now = (struct before){everything(), as_known_on(&hue)};
	assert_null(strstr(now.known, "1110000"));
	assert_null(strstr(now.rows, "SONG-01"));
	assert_string_equal(
	    contract_ask("SELECT concat_ws(' ', (SELECT count(*) FROM tram.observation WHERE known_at = '%s'::"
			 "timestamptz + interval '1 us'), (SELECT count(*) FROM tram.observation),"
			 " (SELECT count(*) FROM tram.report WHERE known_at >= '%s'))",
			 settled, settled),
	    "3 3 0");
	free(settled);
	free(now.rows);
	free(now.known);
	end(&b, &first);
}

/* Without that word the same reports are late, and were known today. */
static void without_the_first_word_it_is_today(void **state)
{
	struct before first, now;
	struct bench b = begin(&first);

	(void)state;
	now = again(&b, as_before, 0, 0);
	assert_non_null(strstr(now.rows, "SONG-01"));
	assert_null(strstr(now.known, "1110000"));
	free(now.rows);
	free(now.known);
	end(&b, &first);
}

/* A word that does not hold counts for nothing, and its report is committed as if it had come without. */
static void a_bad_word_is_ignored_and_counted(void **state)
{
	struct before first, now;
	struct bench b = begin(&first);

	(void)state;
	hue.refills = true;
	hue.acks[5].signature[0] ^= 1;
	now = again(&b, as_before, hue.last - 1, 1);
	assert_non_null(strstr(now.rows, "SONG-01")); /* of the last report, whose word it was */
	assert_string_equal(now.known, first.known);
	free(now.rows);
	free(now.known);
	end(&b, &first);
}

/* The verdicts of the second time have the first ones' numbers, and the agent that holds those is told. */
static void verdicts_of_a_lost_future_are_told_apart(void **state)
{
	struct before first;
	struct bench b = begin(&first);
	struct result *r;

	(void)state;
	const uint64_t last =
	    strtoull(contract_ask("SELECT verdict_seq FROM tram.agent WHERE agent = '" AGENT_ONE "'"), NULL, 10);
	const int64_t known_at = hue.acks[5].at_us;
	say_hello_with(&b, &hue, last, known_at);
	r = next_result(&b);
	assert_false(r->verdicts_differ);
	result_free(&r);
	hue.refills = true;
	struct before now = again(&b, as_before, hue.last, 0);
	assert_same(&first, &now);
	say_hello_with(&b, &hue, last, known_at);
	r = next_result(&b);
	assert_int_equal(r->verdict_seq, last);
	assert_true(r->verdicts_differ);
	result_free(&r);
	end(&b, &first);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(nothing_changes_by_a_restore),
	    cmocka_unit_test(what_was_said_after_a_restore_stays_said),
	    cmocka_unit_test(without_the_first_word_it_is_today),
	    cmocka_unit_test(a_bad_word_is_ignored_and_counted),
	    cmocka_unit_test(verdicts_of_a_lost_future_are_told_apart),
	};

	return cmocka_run_group_tests_name("refill", tests, open_all, contract_close);
}
