/* SPDX-License-Identifier: Apache-2.0 */
#include "moment.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define NOW INT64_C(1795363501000000) /* 2026-11-22 23:05:01 in Viet Nam */

static void every_form_is_read(void **state)
{
	static const struct {
		const char *text;
		int64_t us;
	} cases[] = {
	    {"2024-07-19", INT64_C(1721322000000000)},
	    {"2024-07-19T08:00:00+07:00", INT64_C(1721350800000000)},
	    {"2024-07-19 08:00:00+07:00", INT64_C(1721350800000000)},
	    {"2024-07-19T01:00:00Z", INT64_C(1721350800000000)},
	    {"2024-07-19T08:00:00", INT64_C(1721350800000000)},
	    {"2024-07-19 08:00:00", INT64_C(1721350800000000)},
	    {"2024-07-19 08:00:00.25", INT64_C(1721350800250000)},
	    {"9999-12-31", INT64_C(253402189200000000)},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		int64_t us = 0;

		if (!moment_parse(cases[i].text, &us) || us != cases[i].us) {
			fail_msg("%s: %lld", cases[i].text, (long long)us);
		}
	}
}

static void what_is_no_moment(void **state)
{
	static const char *const cases[] = {"",
					    "now",
					    "yesterday",
					    "2024",
					    "2024-07-1",
					    "2024-02-30",
					    "2024-07-19+07:00",
					    "2024-07-19T08:00",
					    "2024-07-19T08:00:00+7",
					    "2024-07-19T08:00:00+07:00+07:00",
					    "2024-07-19T25:00:00",
					    "c00000000000000abcd",
					    "2024-07-19 08:00:00.00000000000000000000000000000000000000000001"};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		int64_t us = 77;
		struct err err = {0};

		if (moment_parse(cases[i], &us)) {
			fail_msg("%s was taken for a moment", cases[i]);
		}
		assert_false(moment_read(MOMENT_AS_OF, cases[i], &us, &err));
		assert_int_equal(err.kind, ERR_USAGE);
		assert_non_null(strstr(err.text, "--as-of "));
		assert_int_equal(us, 77);
		assert_true(moment_check(MOMENT_AS_OF, cases[i], NOW, &err));
	}
}

static void only_what_has_come(void **state)
{
	static const struct {
		int64_t us;
		bool has_come;
	} cases[] = {
	    {INT64_MIN, true},
	    {0, true},
	    {NOW - 1, true},
	    {NOW, true},
	    {NOW + 1, true},
	    {NOW + MOMENT_TOLERANCE, true},
	    {NOW + MOMENT_TOLERANCE + 1, false},
	    {NOW + 86400 * CLOCK_SECOND, false},
	    {INT64_MAX, false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		if (moment_has_come(cases[i].us, NOW) != cases[i].has_come) {
			fail_msg("case %zu", i);
		}
	}
}

/* A day is its midnight in Viet Nam, so that today's has come whatever the hour, and tomorrow's has not. */
static void a_day_has_come_when_it_begins(void **state)
{
	static const struct {
		const char *now;
		bool has_come;
	} cases[] = {
	    {"2026-11-22T23:59:49+07:00", false}, {"2026-11-22T23:59:50+07:00", true}, /* the tolerance */
	    {"2026-11-23T00:00:00+07:00", true},  {"2026-11-23T07:00:00+07:00", true}, /* midnight in UTC */
	    {"2026-11-23T23:59:59+07:00", true},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		int64_t now_us;
		struct err err = {0};

		assert_true(moment_parse(cases[i].now, &now_us));
		if (moment_check(MOMENT_AS_OF, "2026-11-23", now_us, &err) != cases[i].has_come) {
			fail_msg("%s: %s", cases[i].now, err.text);
		}
	}
}

static void a_refusal_says_what_to_ask(void **state)
{
	static const struct {
		enum moment_option option;
		const char *says;
	} cases[] = {
	    {MOMENT_AS_OF, "--as-of 2030-01-01: this moment has not come yet, it is now 2026-11-22 23:05:01+07:00; "
			   "leave --as-of out for what is known now"},
	    {MOMENT_SINCE, "--since 2030-01-01: this moment has not come yet, it is now 2026-11-22 23:05:01+07:00; "
			   "give --since a moment that has passed"},
	    {MOMENT_ON, "--on 2030-01-01: this moment has not come yet, it is now 2026-11-22 23:05:01+07:00; "
			"give --on the day it was announced on"},
	};
	char now[CLOCK_TEXT];
	int64_t us = 0;

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct err err = {0};

		assert_false(moment_check(cases[i].option, "2030-01-01", NOW, &err));
		assert_int_equal(err.kind, ERR_USAGE);
		assert_string_equal(err.text, cases[i].says);
	}
	assert_true(moment_parse(moment_text(NOW, now), &us)); /* what it says can be asked for */
	assert_int_equal(us, NOW);
}

static void what_is_left_out_is_nothing(void **state)
{
	int64_t us = 5;
	struct err err = {0};

	(void)state;
	assert_true(moment_read(MOMENT_AS_OF, NULL, &us, &err));
	assert_int_equal(us, 5);
	assert_true(moment_check(MOMENT_AS_OF, NULL, NOW, &err));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_form_is_read),         cmocka_unit_test(what_is_no_moment),
	    cmocka_unit_test(only_what_has_come),         cmocka_unit_test(a_day_has_come_when_it_begins),
	    cmocka_unit_test(a_refusal_says_what_to_ask), cmocka_unit_test(what_is_left_out_is_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
