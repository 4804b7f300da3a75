/* SPDX-License-Identifier: Apache-2.0 */
#include "credit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

static const struct credit_settings settings = {
    .total_bytes = 1000, .most_bytes = 400, .least_bytes = 50, .most_batches = 8, .grace_us = 10};

static void shares_are_even_between_most_and_least(void **state)
{
	(void)state;
	const struct {
		size_t agents;
		bool up;
		uint64_t bytes;
		uint32_t batches;
	} cases[] = {{0, true, 400, 8},  {1, true, 400, 8}, {2, true, 400, 8},   {3, true, 333, 8},
		     {10, true, 100, 8}, {20, true, 50, 8}, {1000, true, 50, 8}, {3, false, 0, 0}};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct credit share = credit_share(&settings, cases[i].agents, cases[i].up);
		assert_int_equal(share.bytes, cases[i].bytes);
		assert_int_equal(share.batches, cases[i].batches);
	}
}

/* However many agents there are, what all of them may have under way is the budget, or the least each must have. */
static void the_budget_holds(void **state)
{
	(void)state;
	for (size_t agents = 1; agents < 200; agents++) {
		uint64_t all = agents * credit_share(&settings, agents, true).bytes;
		uint64_t bound = agents * settings.least_bytes;
		assert_true(all <= (bound > settings.total_bytes ? bound : settings.total_bytes));
	}
}

static void tell(struct credit_account *a, uint64_t bytes, uint32_t batches, int64_t now)
{
	struct credit share = {bytes, batches};
	(void)credit_tell(a, &settings, share, now);
}

static void credit_is_absolute(void **state)
{
	(void)state;
	struct credit_account a = {0};
	assert_false(credit_take(&a, 0, 1, 0));
	tell(&a, 100, 2, 0);
	assert_true(credit_take(&a, 60, 1, 0));
	tell(&a, 100, 2, 0); /* told again: not more */
	assert_false(credit_take(&a, 41, 1, 0));
	assert_true(credit_take(&a, 40, 1, 0));
	assert_false(credit_take(&a, 0, 1, 0));
	credit_settle(&a, (struct credit){60, 1});
	assert_true(credit_take(&a, 60, 1, 0));
	assert_int_equal(a.under_way.bytes, 100);
	assert_int_equal(a.under_way.batches, 2);
}

static void nothing_taken_when_refused(void **state)
{
	(void)state;
	struct credit_account a = {0};
	tell(&a, 100, 2, 0);
	assert_false(credit_take(&a, 101, 1, 0));
	assert_false(credit_take(&a, UINT64_MAX, 1, 0));
	assert_int_equal(a.under_way.bytes, 0);
	assert_int_equal(a.under_way.batches, 0);
}

static void a_larger_credit_told_before_counts_for_a_while(void **state)
{
	(void)state;
	struct credit_account a = {0};
	tell(&a, 100, 2, 0);
	tell(&a, 70, 2, 1);
	tell(&a, 30, 2, 2);
	assert_true(credit_take(&a, 100, 1, 3));
	credit_settle(&a, (struct credit){100, 1});
	assert_false(credit_take(&a, 31, 1, 12));
	assert_true(credit_take(&a, 30, 1, 12));
	credit_settle(&a, (struct credit){30, 1});
	tell(&a, 20, 2, 20); /* long after: 100 is forgotten, 30 is not */
	assert_false(credit_take(&a, 31, 1, 21));
	assert_true(credit_take(&a, 30, 1, 21));
}

static void a_new_session_pays_for_the_old_one(void **state)
{
	(void)state;
	struct credit_account a = {0};
	tell(&a, 100, 8, 0);
	assert_true(credit_take(&a, 80, 1, 0));
	credit_end_session(&a);
	assert_false(credit_take(&a, 1, 1, 0));
	struct credit told = credit_tell(&a, &settings, (struct credit){100, 8}, 0);
	assert_int_equal(told.bytes, 20);
	assert_int_equal(told.batches, 7);
	assert_true(credit_take(&a, 20, 1, 0));
	credit_settle(&a, (struct credit){80, 1}); /* the old one's comes first */
	assert_int_equal(a.stale.bytes, 0);
	assert_int_equal(a.under_way.bytes, 20);
	told = credit_tell(&a, &settings, (struct credit){100, 8}, 0);
	assert_int_equal(told.bytes, 100);
}

/* A former session's batch commits what the new session sent again: its agent sends more, while a lane has both yet. */
static void what_a_commit_overtakes_is_not_under_way(void **state)
{
	(void)state;
	struct credit_account a = {0};
	tell(&a, 100, 3, 0);
	assert_true(credit_take(&a, 30, 2, 0));
	assert_true(credit_take(&a, 30, 4, 0));
	assert_true(credit_take(&a, 30, 6, 0));
	assert_false(credit_take(&a, 30, 8, 0));
	credit_overtake(&a, 5);
	assert_int_equal(a.under_way.batches, 1);
	struct credit told = credit_tell(&a, &settings, (struct credit){100, 3}, 0);
	assert_int_equal(told.batches, 1);
	assert_int_equal(told.bytes, 40);
	credit_settle(&a, (struct credit){30, 1});
	assert_int_equal(a.stale.bytes, 30);
	assert_int_equal(a.under_way.bytes, 30);
	credit_settle(&a, (struct credit){60, 2});
	assert_int_equal(a.stale.batches + a.under_way.batches + a.n_flights, 0);
}

/* Its agent may not have heard yet, and still count it as under way within what it was told: together no more than that. */
static void what_is_overtaken_leaves_no_room_beside_it(void **state)
{
	(void)state;
	struct credit_account a = {0};
	tell(&a, 100, 3, 0);
	tell(&a, 30, 3, 1); /* and 100 may be in its mind until 11 */
	assert_true(credit_take(&a, 60, 2, 2));
	credit_overtake(&a, 2);
	tell(&a, 30, 3, 2);
	assert_false(credit_take(&a, 41, 3, 3));
	assert_true(credit_take(&a, 40, 3, 3));
	assert_int_equal(a.stale.bytes + a.under_way.bytes, 100);
	assert_int_equal(credit_exposure(&a, 3), 100);
	assert_true(credit_take(&a, 0, 4, 3));
	assert_false(credit_take(&a, 0, 5, 3));
	credit_settle(&a, (struct credit){100, 3});
	assert_int_equal(a.stale.batches + a.under_way.batches, 0);
}

/* More batches than are told apart: the ones at the end are overtaken together. */
static void batches_beyond_those_told_apart_are_one(void **state)
{
	(void)state;
	struct credit_account a = {0};
	const uint32_t all = CREDIT_FLIGHTS + 3;
	tell(&a, 1000, all, 0);
	for (uint32_t i = 1; i <= all; i++)
		assert_true(credit_take(&a, 10, i, 0));
	credit_overtake(&a, all - 1);
	assert_int_equal(a.stale.batches, CREDIT_FLIGHTS - 1);
	assert_int_equal(a.under_way.batches, 4);
	credit_settle(&a, (struct credit){10 * (CREDIT_FLIGHTS + 1), CREDIT_FLIGHTS + 1});
	assert_int_equal(a.under_way.batches, 2);
	credit_overtake(&a, all);
	assert_int_equal(a.under_way.batches, 0);
	credit_settle(&a, (struct credit){20, 2});
	assert_int_equal(a.stale.batches, 0);
}

static void stale_beyond_the_share_is_no_credit(void **state)
{
	(void)state;
	struct credit_account a = {0};
	tell(&a, 100, 8, 0);
	assert_true(credit_take(&a, 80, 1, 0));
	credit_end_session(&a);
	struct credit told = credit_tell(&a, &settings, (struct credit){50, 8}, 0);
	assert_int_equal(told.bytes, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(shares_are_even_between_most_and_least),
	    cmocka_unit_test(the_budget_holds),
	    cmocka_unit_test(credit_is_absolute),
	    cmocka_unit_test(nothing_taken_when_refused),
	    cmocka_unit_test(a_larger_credit_told_before_counts_for_a_while),
	    cmocka_unit_test(a_new_session_pays_for_the_old_one),
	    cmocka_unit_test(what_a_commit_overtakes_is_not_under_way),
	    cmocka_unit_test(what_is_overtaken_leaves_no_room_beside_it),
	    cmocka_unit_test(batches_beyond_those_told_apart_are_one),
	    cmocka_unit_test(stale_beyond_the_share_is_no_credit),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
