/* SPDX-License-Identifier: Apache-2.0 */
#include "history.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#define AGENT 7

static struct histories *h;

static int open_small(void **state)
{
	(void)state;
	h = histories_new(64 << 10);
	histories_begin(h);
	return 0;
}

static int close_all(void **state)
{
	(void)state;
	histories_free(&h);
	return 0;
}

/* Points of the periods from first on, with the period as value. */
static struct point *make_points(struct point *points, int32_t first, size_t n)
{
	for (size_t i = 0; i < n; i++)
		points[i] =
		    (struct point){.period = first + (int32_t)i, .has_value = true, .value = {first + (int32_t)i, 0}};
	return points;
}

static struct series_key key(int32_t series_no)
{
	return (struct series_key){.area_no = 3, .series_no = series_no, .kind = 4};
}

static void keep(int32_t series_no, int32_t first, size_t n, bool complete)
{
	struct point points[64];
	const struct series s = {.points = make_points(points, first, n), .n = n, .complete = complete};
	histories_keep(h, AGENT, key(series_no), &s);
}

static bool is_kept(int32_t series_no)
{
	struct series s;
	return histories_find(h, AGENT, key(series_no), &s);
}

/* "10 11 13", with "…" before where there is more. */
static const char *kept(int32_t series_no)
{
	static char text[512];
	struct series s;
	size_t len = 0;
	text[0] = 0;
	if (!histories_find(h, AGENT, key(series_no), &s))
		return "nothing";
	len += (size_t)snprintf(text, sizeof(text), "%s", s.complete ? "" : "…");
	for (size_t i = 0; i < s.n; i++) {
		assert_int_equal(s.points[i].value.mantissa, s.points[i].period);
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%d", i || !s.complete ? " " : "",
					s.points[i].period);
	}
	return text;
}

/* ---------------------------------------------------------------- points in order */

static void points_are_put_in_order(void **state)
{
	(void)state;
	static const struct {
		int32_t first, period; /* of three points; put, or (below 0) taken out */
		const char *after;
	} cases[] = {{10, 9, "9 10 11 12"},   {10, 10, "10 11 12"}, {10, 11, "10 11 12"},
		     {10, 13, "10 11 12 13"}, {10, -9, "10 11 12"}, {10, -10, "11 12"},
		     {10, -11, "10 12"},      {10, -12, "10 11"},   {10, -13, "10 11 12"}};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct point points[4], new = {.period = cases[i].period, .has_value = true, .breaks = true};
		make_points(points, cases[i].first, 3);
		size_t n =
		    cases[i].period < 0 ? points_take_out(points, 3, -cases[i].period) : points_put(points, 3, &new);
		char text[64] = "";
		for (size_t k = 0; k < n; k++) {
			char more[16];
			snprintf(more, sizeof(more), "%s%d", k ? " " : "", points[k].period);
			strcat(text, more);
			assert_int_equal(points[k].breaks, points[k].period == cases[i].period);
		}
		assert_string_equal(text, cases[i].after);
	}
}

static void points_are_found(void **state)
{
	(void)state;
	struct point points[20];
	make_points(points, 10, 20);
	for (int32_t period = 5; period < 35; period++) {
		const struct point *p = points_of(points, 20, period);
		assert_int_equal(p != NULL, period >= 10 && period < 30);
		assert_true(!p || p->period == period);
		assert_int_equal(points_before(points, 20, period), period < 10 ? 0 : period > 30 ? 20 : period - 10);
	}
	assert_int_equal(points_before(NULL, 0, 10), 0);
	assert_null(points_of(NULL, 0, 10));
}

static void a_series_covers_what_it_reaches_back_to(void **state)
{
	(void)state;
	struct point points[30];
	struct series s = {.points = make_points(points, 10, 30), .n = 30};
	assert_true(series_covers(&s, 34, 24));
	assert_false(series_covers(&s, 33, 24));
	assert_true(series_covers(&s, 40, 30));
	assert_false(series_covers(&s, 40, 31));
	s.complete = true;
	assert_true(series_covers(&s, 10, 24));
}

/* ---------------------------------------------------------------- what is kept */

static void what_is_kept_is_found(void **state)
{
	(void)state;
	assert_string_equal(kept(1), "nothing");
	keep(1, 10, 3, true);
	assert_string_equal(kept(1), "10 11 12");
	keep(1, 20, 2, false);
	assert_string_equal(kept(1), "… 20 21");
	keep(1, 20, 0, true); /* that there is nothing is known too */
	assert_string_equal(kept(1), "");
	assert_string_equal(kept(2), "nothing");
	assert_int_equal(histories_count(h), 1);
}

static void series_are_told_apart(void **state)
{
	(void)state;
	struct series s;
	static const struct series_key others[] = {{4, 1, 4}, {3, 2, 4}, {3, 1, 2}};
	keep(1, 10, 3, true);
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		assert_false(histories_find(h, AGENT, others[i], &s));
	assert_false(histories_find(h, AGENT + 1, key(1), &s));
	assert_true(histories_find(h, AGENT, key(1), &s));
}

/* Only so many are kept, the newest, and then it is not all there is. */
static void a_long_series_is_cut(void **state)
{
	(void)state;
	struct series s;
	keep(1, 10, HISTORY_KEPT, true);
	assert_true(histories_find(h, AGENT, key(1), &s) && s.complete && s.n == HISTORY_KEPT);
	keep(1, 10, HISTORY_KEPT + 5, true);
	assert_true(histories_find(h, AGENT, key(1), &s) && !s.complete && s.n == HISTORY_KEPT);
	assert_int_equal(s.points[0].period, 15);
	assert_int_equal(s.points[s.n - 1].period, 10 + HISTORY_KEPT + 4);
}

/* ---------------------------------------------------------------- agents */

static void another_verdict_makes_it_forgotten(void **state)
{
	(void)state;
	histories_stand_at(h, AGENT, 5);
	keep(1, 10, 3, true);
	histories_stand_at(h, AGENT, 5);
	assert_true(is_kept(1));
	histories_move_to(h, AGENT, 8); /* its own group */
	histories_stand_at(h, AGENT, 8);
	assert_true(is_kept(1));
	histories_stand_at(h, AGENT + 1, 99); /* nobody else's */
	assert_true(is_kept(1));
	histories_stand_at(h, AGENT, 9); /* a decision */
	assert_false(is_kept(1));
	keep(1, 20, 1, true);
	assert_string_equal(kept(1), "20");
	histories_stand_at(h, AGENT, 8); /* a store of an earlier time */
	assert_false(is_kept(1));
	histories_stand_at(h, AGENT, 9); /* and what was forgotten does not come back */
	assert_false(is_kept(1));
}

static void all_is_forgotten(void **state)
{
	(void)state;
	keep(1, 10, 3, true);
	keep(2, 10, 3, true);
	size_t before = histories_bytes(h);
	histories_clear(h);
	assert_int_equal(histories_count(h), 0);
	assert_true(histories_bytes(h) < before);
	assert_false(is_kept(1) || is_kept(2));
}

/* ---------------------------------------------------------------- room */

/* How many series of 24 points there is room for. */
static int32_t fill(int32_t first)
{
	int32_t n = 0;
	while (histories_count(h) == (size_t)n)
		keep(first + n++, 10, 24, true);
	return n - 1;
}

static void the_bound_holds(void **state)
{
	(void)state;
	for (int32_t i = 1; i < 500; i++) {
		if (i % 3 == 0)
			histories_begin(h);
		keep(i, 10, 1 + (size_t)i % HISTORY_KEPT, i % 2);
		assert_true(histories_bytes(h) <= 64 << 10);
		assert_true(i < 10 || histories_count(h) >= 10);
	}
}

static void the_least_used_goes_first(void **state)
{
	(void)state;
	int32_t n = fill(1);
	assert_in_range(n, 10, 60);
	histories_begin(h);
	assert_true(is_kept(1)); /* used just now */
	keep(1000, 10, 24, true);
	assert_true(is_kept(1) && is_kept(1000));
	assert_false(is_kept(2));
	assert_true(is_kept(3));
}

/* What a group found stays where it is, and where there is no room beside it, nothing more is kept. */
static void what_a_group_found_stays(void **state)
{
	(void)state;
	struct series found[64];
	int32_t n = fill(1);
	for (size_t before = 0; before != histories_count(h);) {
		before = histories_count(h);
		keep(500 + (int32_t)before, 10, 1, true); /* into every gap */
	}
	for (int32_t i = 1; i <= n; i++)
		assert_true(histories_find(h, AGENT, key(i), &found[i]));
	keep(1000, 10, 24, true);
	assert_false(is_kept(1000));
	for (int32_t i = 1; i <= n; i++)
		assert_int_equal(found[i].points[23].period, 33);
	keep(1, 10, HISTORY_KEPT, true); /* longer than it was: no room, and the old one would be wrong */
	assert_false(is_kept(1));
	histories_begin(h);
	keep(1000, 10, 24, true);
	assert_true(is_kept(1000));
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, open_small, close_all)
	const struct CMUnitTest tests[] = {
	    TEST(points_are_put_in_order),
	    TEST(points_are_found),
	    TEST(a_series_covers_what_it_reaches_back_to),
	    TEST(what_is_kept_is_found),
	    TEST(series_are_told_apart),
	    TEST(a_long_series_is_cut),
	    TEST(another_verdict_makes_it_forgotten),
	    TEST(all_is_forgotten),
	    TEST(the_bound_holds),
	    TEST(the_least_used_goes_first),
	    TEST(what_a_group_found_stays),
	};
	return cmocka_run_group_tests_name("history", tests, NULL, NULL);
}
