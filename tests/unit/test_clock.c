/* SPDX-License-Identifier: Apache-2.0 */
#include "clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static const struct {
	const char *text;
	int64_t us;
	const char *vn, *rfc3339;
} times[] = {
    {"2024-07-19T01:00:00.123456Z", 1721350800123456, "2024-07-19 08:00:00", "2024-07-19T01:00:00.123456Z"},
    {"2024-07-19T08:00:00+07:00", 1721350800000000, "2024-07-19 08:00:00", "2024-07-19T01:00:00.000000Z"},
    {"2024-07-18T22:00:00-03:00", 1721350800000000, "2024-07-19 08:00:00", "2024-07-19T01:00:00.000000Z"},
    {"2025-07-01", 1751302800000000, "2025-07-01 00:00:00", "2025-06-30T17:00:00.000000Z"},
    {"1970-01-01T00:00:00Z", 0, "1970-01-01 07:00:00", "1970-01-01T00:00:00.000000Z"},
    {"1969-12-31T23:59:59.9Z", -100000, "1970-01-01 06:59:59", "1969-12-31T23:59:59.900000Z"},
    {"2024-02-29t00:00:00z", 1709164800000000, "2024-02-29 07:00:00", "2024-02-29T00:00:00.000000Z"},
    {"2024-02-29 00:00:00.1234569Z", 1709164800123456, "2024-02-29 07:00:00", "2024-02-29T00:00:00.123456Z"},
    {"2000-02-29", 951757200000000, "2000-02-29 00:00:00", "2000-02-28T17:00:00.000000Z"},
};

static const char *const not_times[] = {
    "",
    "2024",
    "2024-07",
    "2024-7-1",
    "2024-13-01",
    "2024-00-01",
    "2024-02-30",
    "2023-02-29",
    "1900-02-29",
    "2024-01-00",
    "2024-01-32",
    "2024-01-01T",
    "2024-01-01T00:00Z",
    "2024-01-01T00:00:00",
    "2024-01-01T24:00:00Z",
    "2024-01-01T00:60:00Z",
    "2024-01-01T00:00:60Z",
    "2024-01-01T00:00:00.Z",
    "2024-01-01T00:00:00.1234567890Z",
    "2024-01-01T00:00:00+7:00",
    "2024-01-01T00:00:00+0700",
    "2024-01-01T00:00:00+24:00",
    "2024-01-01T00:00:00Z ",
    " 2024-01-01",
    "2024-01-01x",
    "-024-01-01",
    "２０２４-01-01",
};

static void both_ways(void **state)
{
	char buf[CLOCK_TEXT];
	int64_t us;

	(void)state;
	for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
		us = 1;
		if (!clock_parse(times[i].text, &us)) {
			fail_msg("%s is a time", times[i].text);
		}
		assert_int_equal(us, times[i].us);
		assert_string_equal(clock_text_vn(us, buf), times[i].vn);
		assert_string_equal(clock_text_rfc3339(us, buf), times[i].rfc3339);
	}
}

static void what_is_no_time(void **state)
{
	int64_t us = 77;

	(void)state;
	for (size_t i = 0; i < sizeof not_times / sizeof *not_times; i++) {
		if (clock_parse(not_times[i], &us)) {
			fail_msg("%s was taken for a time", not_times[i]);
		}
		assert_int_equal(us, 77);
	}
}

static void extremes_fit_the_buffer(void **state)
{
	char buf[CLOCK_TEXT];

	(void)state;
	assert_in_range(strlen(clock_text_rfc3339(INT64_MAX, buf)), 27, CLOCK_TEXT - 1);
	assert_in_range(strlen(clock_text_rfc3339(INT64_MIN, buf)), 27, CLOCK_TEXT - 1);
	assert_in_range(strlen(clock_text_vn(INT64_MIN, buf)), 19, CLOCK_TEXT - 1);
}

static void tests_may_stop_the_clocks(void **state)
{
	int64_t before = clock_monotonic_us();

	(void)state;
	assert_true(clock_wall_us() > INT64_C(1700000000000000));
	assert_true(clock_monotonic_us() >= before);
	clock_set(5, 6);
	assert_int_equal(clock_wall_us(), 5);
	assert_int_equal(clock_monotonic_us(), 6);
	clock_set(-1, -1);
	assert_true(clock_monotonic_us() >= before);
	assert_true(clock_wall_us() > INT64_C(1700000000000000));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(both_ways),
	    cmocka_unit_test(what_is_no_time),
	    cmocka_unit_test(extremes_fit_the_buffer),
	    cmocka_unit_test(tests_may_stop_the_clocks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
