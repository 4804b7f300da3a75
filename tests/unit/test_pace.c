/* SPDX-License-Identifier: Apache-2.0 */
/* How much goes into a transaction, learned from those before. */
#include "pace.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define MINUTE INT64_C(60000000)

/* Groups of a store where a transaction takes so long however small it is, and each unit so long on top. */
static void learn(struct pace *p, int64_t least_us, int64_t unit_ns)
{
	for (int i = 0; i < 100; i++) {
		pace_took(p, 20, least_us);
		pace_took(p, 2000, least_us + 2000 * unit_ns / 1000);
	}
}

static void a_backlog_alone_goes_in_large_ones(void **state)
{
	struct pace p = pace_of(10000, 10000);

	(void)state;
	assert_int_equal(pace_work(&p, 5), 10000);
	learn(&p, 5000, 10000);
	assert_int_equal(pace_work(&p, 5), 10000);
}

static void a_shared_lane_keeps_to_the_time(void **state)
{
	static const struct {
		int64_t time_us, least_us, unit_ns;
		size_t least, most;
	} cases[] = {
	    {10000, 2000, 10000, 950, 1050},   /* 10 ms are 1,000 units */
	    {10000, 40000, 10000, 3800, 4200}, /* a slow disk: more goes with each of its syncs */
	    {50000, 2000, 10000, 4750, 5250},
	    {10000, 2000, 1000000, 100, 110},     /* never so few that only transactions are made */
	    {1000000, 2000, 10000, 10000, 10000}, /* nor more than the setting */
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct pace p = pace_of(cases[i].time_us, 10000);

		learn(&p, cases[i].least_us, cases[i].unit_ns);
		pace_shared(&p, 1000);
		assert_in_range(pace_work(&p, 2000), cases[i].least, cases[i].most);
	}
}

static void a_shared_lane_is_soon_forgotten(void **state)
{
	struct pace p = pace_of(10000, 10000);

	(void)state;
	assert_false(pace_is_shared(&p, 1000));
	pace_shared(&p, 1000);
	assert_true(pace_is_shared(&p, 1000 + MINUTE - 1));
	assert_false(pace_is_shared(&p, 1000 + MINUTE));
	assert_int_equal(pace_work(&p, 1000 + MINUTE), 10000);
}

/* A machine that is suddenly busy, and then idle again. */
static void follows_the_store(void **state)
{
	struct pace p = pace_of(10000, 10000);

	(void)state;
	pace_shared(&p, 1000);
	learn(&p, 2000, 10000);
	learn(&p, 2000, 40000);
	assert_in_range(pace_work(&p, 2000), 240, 260);
	learn(&p, 2000, 10000);
	assert_in_range(pace_work(&p, 2000), 950, 1050);
	learn(&p, 2000, 0); /* a clock too coarse to measure by */
	assert_int_equal(pace_work(&p, 2000), 10000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_backlog_alone_goes_in_large_ones),
	    cmocka_unit_test(a_shared_lane_keeps_to_the_time),
	    cmocka_unit_test(a_shared_lane_is_soon_forgotten),
	    cmocka_unit_test(follows_the_store),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
