/* SPDX-License-Identifier: Apache-2.0 */
/* Whose turn it is in a lane; each case is a script of comings and groups. */
#include "waiting.h"

#include "mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define SHORT 100 /* units: a line that had no more is short */

/* A job is written as its agent's letter and a digit; a HELLO has a '?' for the digit, a CHECK a '!'. */
static struct job *job_of(const char *text)
{
	struct job *job = xcalloc(1, sizeof *job);

	job->kind = text[1] == '?' ? JOB_HELLO : text[1] == '!' ? JOB_CHECK : JOB_PUBLISH;
	snprintf(job->agent, sizeof job->agent, "agent-%c", text[0]);
	job->verdict_after = (uint64_t)text[1];
	return job;
}

static void put(struct waiting *w, const char *jobs)
{
	for (; *jobs; jobs += jobs[2] ? 3 : 2) {
		waiting_put(w, job_of(jobs));
	}
}

static void add_name(char *to, const struct job *job)
{
	size_t len = strlen(to);

	snprintf(to + len, 4, "%s%c%c", len ? " " : "", job->agent[6], (char)job->verdict_after);
}

/* What goes into a group that has room for so many units, each job costing cost; nothing is settled. */
static size_t fill(struct waiting *w, bool apart, uint64_t room, uint64_t cost, struct job **jobs, char *ret)
{
	size_t n = 0;

	*ret = '\0';
	waiting_start(w, apart);
	for (uint64_t work = 0; work < room; work += cost) {
		struct job *job = waiting_next(w);

		if (!job) {
			break;
		}
		add_name(ret, job);
		waiting_charge(w, job, cost);
		jobs[n++] = job;
	}
	return n;
}

static bool commit(struct waiting *w, bool apart, uint64_t room, uint64_t cost, const char *expected)
{
	struct job *jobs[16];
	char got[64];
	size_t n = fill(w, apart, room, cost, jobs, got);

	assert_string_equal(got, expected);
	for (size_t i = 0; i < n; i++) {
		waiting_remove(w, jobs[i]);
		job_free(&jobs[i]);
	}
	return waiting_settle(w, SHORT);
}

static void assert_question(struct waiting *w, const char *expected)
{
	char got[4] = "";
	struct job *job = waiting_take_question(w);

	if (job) {
		add_name(got, job);
	}
	assert_string_equal(got, expected);
	job_free(&job);
}

/* ---------------------------------------------------------------- tests */

static void each_line_keeps_its_order(void **state)
{
	struct waiting *w = waiting_new();

	(void)state;
	put(w, "a1 a2 a3");
	assert_int_equal(waiting_count(w), 3);
	commit(w, false, 200, 100, "a1 a2");
	put(w, "a4");
	commit(w, false, 200, 100, "a3 a4");
	assert_int_equal(waiting_count(w), 0);
	assert_false(waiting_has_publish(w));
	waiting_free(&w);
}

static void long_lines_take_turns(void **state)
{
	struct waiting *w = waiting_new();

	(void)state;
	put(w, "a1 a2 a3 a4 b1 b2 b3 c1");
	commit(w, false, 300, 100, "a1 b1 c1");
	commit(w, false, 300, 100, "a2 b2 a3");
	commit(w, false, 300, 100, "b3 a4");
	waiting_free(&w);
}

/* Work counts, not messages: who sends large ones has fewer turns. */
static void turns_are_by_work(void **state)
{
	struct waiting *w = waiting_new();
	struct job *job;
	char got[64] = "";

	(void)state;
	put(w, "a1 a2 a3 b1 b2 b3 b4 b5 b6");
	waiting_start(w, false);
	while ((job = waiting_next(w))) {
		add_name(got, job);
		waiting_charge(w, job, job->agent[6] == 'a' ? 300 : 100);
	}
	assert_string_equal(got, "a1 b1 b2 b3 a2 b4 b5 b6 a3");
	waiting_free(&w);
}

/* Whatever a backlog has waiting, who comes is in the very next group, and first. */
static void who_comes_passes_a_backlog(void **state)
{
	struct waiting *w = waiting_new();

	(void)state;
	put(w, "a1 a2 a3 a4 a5 a6 a7 a8");
	commit(w, false, 200, 100, "a1 a2");
	put(w, "b1");
	commit(w, false, 200, 100, "b1 a3");
	put(w, "b2 c1");
	commit(w, false, 200, 100, "b2 c1");
	put(w, "b3 d1"); /* b has had as much as a by now, since it came */
	commit(w, false, 300, 100, "d1 a4 b3");
	waiting_free(&w);
}

/* Who was away has saved nothing up: he is not before the others for longer than his share. */
static void a_pause_saves_nothing_up(void **state)
{
	struct waiting *w = waiting_new();

	(void)state;
	put(w, "b1");
	commit(w, false, 100, 100, "b1");
	put(w, "a1 a2 a3 a4 a5 a6 a7 a8 a9");
	commit(w, false, 500, 100, "a1 a2 a3 a4 a5");
	put(w, "b2 b3 b4 b5");
	commit(w, false, 600, 100, "b2 a6 b3 a7 b4 a8");
	waiting_free(&w);
}

/* Where nobody waited, nobody was kept waiting: what was done for one then is not held against him. */
static void an_idle_lane_is_for_the_taking(void **state)
{
	struct waiting *w = waiting_new();

	(void)state;
	put(w, "a1");
	commit(w, false, 900, 900, "a1");
	put(w, "a2 a3 b1 b2 b3");
	commit(w, false, 500, 100, "a2 b1 a3 b2 b3");
	waiting_free(&w);
}

/* A try that failed has changed nothing; the next one is of the same jobs in the same order. */
static void a_failed_try_is_repeated(void **state)
{
	struct waiting *w = waiting_new();
	struct job *jobs[16];
	char got[64];

	(void)state;
	put(w, "a1 a2 a3 b1 b2 b3");
	commit(w, false, 100, 100, "a1");
	put(w, "c1");
	for (int i = 0; i < 3; i++) {
		fill(w, true, 400, 100, jobs, got);
		assert_string_equal(got, "b1 c1");
	}
	waiting_free(&w);
}

/* Part of a job may be committed: it stays, first of its line. */
static void what_is_not_removed_stays_first(void **state)
{
	struct waiting *w = waiting_new();
	struct job *jobs[16];
	char got[64];

	(void)state;
	put(w, "a1 a2");
	fill(w, false, 100, 100, jobs, got);
	assert_string_equal(got, "a1");
	assert_false(waiting_settle(w, SHORT));
	commit(w, false, 200, 100, "a1 a2");
	waiting_free(&w);
}

/* A refused job goes while the group is being filled. */
static void a_job_may_go_in_between(void **state)
{
	struct waiting *w = waiting_new();
	struct job *job;

	(void)state;
	put(w, "a1 a2 b1");
	waiting_start(w, false);
	job = waiting_next(w);
	waiting_remove(w, job);
	job_free(&job);
	job = waiting_next(w);
	assert_int_equal(job->verdict_after, '2');
	waiting_charge(w, job, 100);
	job = waiting_next(w);
	assert_string_equal(job->agent, "agent-b");
	assert_int_equal(waiting_count(w), 2);
	waiting_free(&w);
}

/* Who has just come goes without those who had a turn and have more; but these are put off once only. */
static void who_comes_goes_apart(void **state)
{
	struct waiting *w = waiting_new();

	(void)state;
	put(w, "a1 a2 a3 a4 a5 a6");
	commit(w, true, 200, 100, "a1 a2");
	put(w, "b1");
	commit(w, true, 200, 100, "b1");
	put(w, "c1");
	commit(w, true, 200, 100, "c1 a3");
	put(w, "d1");
	commit(w, true, 200, 100, "d1");
	commit(w, true, 200, 100, "a4 a5");
	waiting_free(&w);
}

static void says_who_had_a_short_line(void **state)
{
	static const struct {
		const char *jobs;
		uint64_t cost;
		bool expected;
	} cases[] = {
	    {"a1", 100, true}, {"a1", 101, false}, {"a1 a2", 50, true}, {"a1 a2", 51, false}, {"a1 a2 a3 b1", 30, true},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct waiting *w = waiting_new();
		struct job *jobs[16];
		char got[64];
		size_t n;

		put(w, cases[i].jobs);
		n = fill(w, false, 1000, cases[i].cost, jobs, got);
		for (size_t k = 0; k < n; k++) {
			waiting_remove(w, jobs[k]);
			job_free(&jobs[k]);
		}
		assert_int_equal(waiting_settle(w, SHORT), cases[i].expected);
		waiting_free(&w);
	}
}

/* One that still waits, or that another group began, has a line that is counted as a whole. */
static void a_line_is_as_long_as_all_its_groups(void **state)
{
	struct waiting *w = waiting_new();

	(void)state;
	put(w, "a1 a2");
	assert_false(commit(w, false, 60, 60, "a1"));
	assert_false(commit(w, false, 60, 60, "a2"));
	put(w, "a3");
	assert_true(commit(w, false, 60, 60, "a3"));
	waiting_free(&w);
}

/* A HELLO asks where the PUBLISHes before it have led, and the ones behind it belong to what it opens. */
static void a_hello_passes_others_but_not_its_own(void **state)
{
	struct waiting *w = waiting_new();

	(void)state;
	put(w, "a1 a? a2 b1 c?");
	assert_question(w, "c?");
	assert_question(w, "");
	commit(w, false, 1000, 100, "a1 b1");
	assert_false(waiting_has_publish(w));
	assert_question(w, "a?");
	assert_true(waiting_has_publish(w));
	commit(w, false, 1000, 100, "a2");
	waiting_free(&w);
}

static void questions_pass_everything(void **state)
{
	struct waiting *w = waiting_new();

	(void)state;
	put(w, "a1 a? a! b! b?");
	assert_int_equal(waiting_count(w), 5);
	assert_question(w, "b?");
	assert_question(w, "a!");
	assert_question(w, "b!");
	assert_question(w, "");
	assert_int_equal(waiting_count(w), 2);
	waiting_free(&w);
	waiting_free(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(each_line_keeps_its_order),
	    cmocka_unit_test(long_lines_take_turns),
	    cmocka_unit_test(turns_are_by_work),
	    cmocka_unit_test(who_comes_passes_a_backlog),
	    cmocka_unit_test(a_pause_saves_nothing_up),
	    cmocka_unit_test(an_idle_lane_is_for_the_taking),
	    cmocka_unit_test(a_failed_try_is_repeated),
	    cmocka_unit_test(what_is_not_removed_stays_first),
	    cmocka_unit_test(a_job_may_go_in_between),
	    cmocka_unit_test(who_comes_goes_apart),
	    cmocka_unit_test(says_who_had_a_short_line),
	    cmocka_unit_test(a_line_is_as_long_as_all_its_groups),
	    cmocka_unit_test(a_hello_passes_others_but_not_its_own),
	    cmocka_unit_test(questions_pass_everything),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
