/* SPDX-License-Identifier: Apache-2.0 */
/* Peer cuts from the commit of a lane to the next judgement that knows of it, on one database and on one put back. */
#include "bench.h"
#include "clock.h"
#include "cutter.h"
#include "mem.h"

#include <poll.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct province hue = {.agent = AGENT_ONE, .provider = "P63-46", .area = "63/46"};
static struct province hanoi = {.agent = AGENT_TWO, .provider = "P63-01", .area = "63/01"};

static int open_all(void **state)
{
	assert_true(sodium_init() >= 0);
	return contract_open(state);
}

static struct cutter *start(size_t bytes)
{
	const struct cutter_settings settings = {.database = contract_conninfo("tram_writer"),
						 .patience_us = 10 * CLOCK_SECOND,
						 .every_us = 20000,
						 .bytes = bytes};
	return cutter_start(&settings);
}

/* Takes news until they are of the cut; NULL for one that is not there. */
static struct peers *wait_for(struct cutter *c, uint32_t no)
{
	int64_t until_us = clock_monotonic_us() + 30 * CLOCK_SECOND;
	while (clock_monotonic_us() < until_us) {
		struct pollfd fd = {.fd = cutter_fd(c), .events = POLLIN};
		(void)poll(&fd, 1, 100);
		struct cut_news *news = cutter_take(c);
		if (!news)
			continue;
		struct peers *p = peers_ref(news->peers);
		bool there = news->result == STORE_OK && (p ? peers_cut(p)->no : 0) == no;
		cut_news_free(&news);
		if (there)
			return p;
		peers_unref(&p);
	}
	fail_msg("no cut %u", no);
	return NULL;
}

static uint32_t newest(void)
{
	return (uint32_t)atoi(contract_ask("SELECT coalesce(max(cut_no), 0) FROM tram.peer_cut"));
}

/* Waits until every verdict is counted; the newest cut. */
static uint32_t wait_until_counted(void)
{
	contract_wait("the count of everything",
		      "SELECT NOT EXISTS (SELECT FROM tram.agent a LEFT JOIN tram.peer_seen s USING (agent_no) WHERE "
		      "a.verdict_seq > coalesce(s.verdict_seq, 0))");
	return newest();
}

static void hand_in(struct bench *b, struct province *p, const char *year, int64_t population)
{
	append_report(p, year, population, "");
	publish(b, p, p->last, p->last);
	for (struct result *r;; result_free(&r)) {
		r = next_result(b);
		if (r->kind == RESULT_COMMITTED && r->seq == p->last)
			return result_free(&r);
	}
}

static void greet(struct bench *b, struct province *p)
{
	province_start(p);
	open_stream(b, p);
}

static void give_peers(struct bench *b, struct peers *p)
{
	struct job *job = xcalloc(1, sizeof(*job));
	job->kind = JOB_PEERS;
	job->peers = p;
	handoff_put(b->jobs, job);
}

static const char *last_verdict_cut(const char *agent)
{
	return contract_ask(
	    "SELECT v.peer_cut FROM tram.verdict v JOIN tram.agent a USING (agent_no) WHERE a.agent = '%s'"
	    " ORDER BY v.verdict_seq DESC LIMIT 1",
	    agent);
}

static const struct peer_figures *population(const struct peers *p, const char *year)
{
	struct period period;
	int series_no =
	    atoi(contract_ask("SELECT series_no FROM tram.series WHERE indicator = 'population' AND dimensions = ''"));
	assert_true(period_parse(year, &period));
	return peers_figures(p, series_no, period_pack(&period));
}

/* ---------------------------------------------------------------- tests */

static void a_verdict_names_the_cut_that_it_knows(void **state)
{
	(void)state;
	struct bench b = bench_open();
	greet(&b, &hue);
	greet(&b, &hanoi);
	hand_in(&b, &hue, "2024", 1178600);
	assert_string_equal(last_verdict_cut(AGENT_ONE), "0");
	hand_in(&b, &hanoi, "2024", 8717600);
	struct cutter *c = start(1 << 20);
	struct peers *p = wait_for(c, wait_until_counted());
	const struct peer_figures *f = population(p, "2024");
	assert_non_null(f);
	assert_int_equal(f->n, 2);
	assert_null(population(p, "2023"));
	give_peers(&b, peers_ref(p));
	hand_in(&b, &hue, "2023", 1170000);
	assert_int_equal(atoi(last_verdict_cut(AGENT_ONE)), peers_cut(p)->no);
	peers_unref(&p);
	p = wait_for(c, wait_until_counted());
	assert_int_equal(population(p, "2023")->n, 1);
	assert_int_equal(population(p, "2024")->n, 2);
	peers_unref(&p);
	assert_true(cutter_stop(&c));
	bench_close(&b);
}

static void several_make_one_row_of_cuts(void **state)
{
	(void)state;
	struct bench b = bench_open();
	struct cutter *all[3];
	greet(&b, &hue);
	for (int i = 0; i < 3; i++)
		all[i] = start(1 << 20);
	for (int year = 2021; year < 2025; year++) {
		char text[8];
		snprintf(text, sizeof(text), "%d", year);
		hand_in(&b, &hue, text, 1100000 + year);
		(void)wait_until_counted();
	}
	uint32_t last = newest();
	for (int i = 0; i < 3; i++) {
		struct peers *p = wait_for(all[i], last);
		assert_true(population(p, "2021")->n > 0 && population(p, "2024")->n > 0);
		peers_unref(&p);
		assert_true(cutter_stop(&all[i]));
	}
	assert_string_equal(contract_ask("SELECT max(cut_no) = count(*) AND min(cut_no) = 1 FROM tram.peer_cut"), "t");
	assert_string_equal(
	    contract_ask(
		"SELECT count(*) FROM (SELECT FROM tram.peer_figures GROUP BY series_no, period, cut_no HAVING "
		"count(*) > 1) twice"),
	    "0");
	bench_close(&b);
}

/* What was put back to an earlier time gives numbers to other cuts: nobody may go on with one that is gone. */
static void a_database_put_back_is_noticed(void **state)
{
	(void)state;
	contract_keep();
	uint32_t kept = newest();
	struct bench b = bench_open();
	struct cutter *c = start(1 << 20);
	greet(&b, &hue);
	hand_in(&b, &hue, "2021", 1150000);
	uint32_t gone = wait_until_counted();
	assert_true(gone > kept);
	struct peers *p = wait_for(c, gone);
	assert_true(cutter_stop(&c));
	contract_restore();
	assert_int_equal(newest(), kept);
	c = start(1 << 20);
	struct peers *before = wait_for(c, kept);
	peers_unref(&before);
	/* The lane has what is gone. */
	give_peers(&b, p);
	greet(&b, &hanoi);
	hand_in(&b, &hanoi, "2022", 8600000);
	assert_string_equal(last_verdict_cut(AGENT_TWO), "0");
	uint32_t other = wait_until_counted();
	p = wait_for(c, other);
	give_peers(&b, p);
	hand_in(&b, &hanoi, "2023", 8650000);
	assert_int_equal(atoi(last_verdict_cut(AGENT_TWO)), other);
	assert_true(cutter_stop(&c));
	bench_close(&b);
}

/* A lane and a cutter that have the cut go on through a database that was put back beneath them. */
static void a_cutter_reads_anew_what_was_put_back(void **state)
{
	(void)state;
	struct cutter *c = start(1 << 20);
	uint32_t kept = wait_until_counted();
	assert_true(cutter_stop(&c));
	contract_keep();
	struct bench b = bench_open();
	c = start(1 << 20);
	greet(&b, &hue);
	hand_in(&b, &hue, "2022", 1160000);
	struct peers *p = wait_for(c, wait_until_counted());
	give_peers(&b, p);
	hand_in(&b, &hue, "2023", 1171000);
	contract_restore();
	p = wait_for(c, kept);
	peers_unref(&p);
	greet(&b, &hanoi);
	hand_in(&b, &hanoi, "2024", 8718000);
	assert_string_equal(last_verdict_cut(AGENT_TWO), "0");
	assert_true(cutter_stop(&c));
	bench_close(&b);
}

/* Rows that do not fit are forgotten from the oldest cut on, and the cut says so. */
static void memory_is_bounded(void **state)
{
	(void)state;
	assert_string_equal(
	    contract_ask("WITH made AS (INSERT INTO tram.peer_figures (series_no, period, cut_no, n, mode_n)"
			 " SELECT 1000 + i, 1, %u, 1, 0 FROM generate_series(1, 20000) i RETURNING 1)"
			 " SELECT count(*) FROM made",
			 newest()),
	    "20000");
	struct cutter *c = start(1 << 20);
	uint32_t no = newest() + 1;
	struct peers *p = wait_for(c, no);
	size_t reports;
	assert_true(peers_bytes(p) <= 1 << 20);
	assert_int_equal(peers_rows(p, &reports), 0);
	assert_int_equal(peers_cut(p)->horizon, no - 1);
	assert_string_equal(contract_ask("SELECT horizon = cut_no - 1 FROM tram.peer_cut WHERE cut_no = %u", no), "t");
	peers_unref(&p);
	assert_true(cutter_stop(&c));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_verdict_names_the_cut_that_it_knows),
	    cmocka_unit_test(several_make_one_row_of_cuts),
	    cmocka_unit_test(a_database_put_back_is_noticed),
	    cmocka_unit_test(a_cutter_reads_anew_what_was_put_back),
	    cmocka_unit_test(memory_is_bounded),
	};
	return cmocka_run_group_tests(tests, open_all, contract_close);
}
