/* SPDX-License-Identifier: Apache-2.0 */
#include "retry.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static void waits_stay_within_bounds(void **state)
{
	(void)state;
	for (int round = 0; round < 200; round++) {
		struct retry r = {.base_us = 1000, .limit_us = 50000};
		int64_t before = 1000;

		for (int i = 0; i < 30; i++) {
			int64_t wait = retry_next_us(&r);

			assert_in_range(wait, 1000, before * 3 < 50000 ? before * 3 : 50000);
			before = wait;
		}
		retry_reset(&r);
		assert_in_range(retry_next_us(&r), 1000, 3000);
	}
}

static void those_who_failed_together_part(void **state)
{
	struct retry r[64];
	int same = 0;

	(void)state;
	for (int i = 0; i < 64; i++) {
		r[i] = (struct retry){.base_us = 1000000, .limit_us = 60000000};
		retry_next_us(&r[i]);
		same += i > 0 && r[i].last_us == r[0].last_us;
	}
	assert_in_range(same, 0, 5);
}

static void waits_grow(void **state)
{
	int64_t sum = 0;

	(void)state;
	for (int round = 0; round < 100; round++) {
		struct retry r = {.base_us = 1000, .limit_us = INT64_MAX};

		for (int i = 0; i < 40; i++) {
			sum += i == 39 ? retry_next_us(&r) / 100 : (retry_next_us(&r), 0);
		}
	}
	assert_true(sum > 1000 * 1000); /* the mean wait; it doubles about every turn */
}

static void fixed_when_base_is_limit(void **state)
{
	struct retry r = {.base_us = 7, .limit_us = 7};

	(void)state;
	for (int i = 0; i < 10; i++) {
		assert_int_equal(retry_next_us(&r), 7);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(waits_stay_within_bounds),
	    cmocka_unit_test(those_who_failed_together_part),
	    cmocka_unit_test(waits_grow),
	    cmocka_unit_test(fixed_when_base_is_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
