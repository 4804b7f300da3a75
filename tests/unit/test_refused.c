/* SPDX-License-Identifier: Apache-2.0 */
#include "refused.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

static void test_only_what_a_function_of_the_schema_raises_is_a_refusal(void **state)
{
	static const struct {
		const char *sqlstate, *where;
		bool refused;
	} cases[] = {
	    {"22023", "PL/pgSQL function tram.rollup(text,text) line 21 at RAISE", true},
	    {"0A000", "PL/pgSQL function tram.states_own(text) line 3 at RAISE\nSQL statement \"SELECT 1\"", true},
	    {"54000", "PL/pgSQL function tram.changes(text) line 3 at RAISE", true},
	    {"22023", "PL/pgSQL function tram.rollup(text,text) line 21 at assignment", false},
	    {"22023", "PL/pgSQL function other.rollup(text,text) line 21 at RAISE", false},
	    {"22012", "PL/pgSQL function tram.rollup(text,text) line 21 at RAISE", false},
	    {"22023", NULL, false},
	    {NULL, "PL/pgSQL function tram.rollup(text,text) line 21 at RAISE", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		assert_int_equal(refused_is(cases[i].sqlstate, cases[i].where), cases[i].refused);
	}
}

static void test_what_is_filled_in_stays_and_what_no_table_has_too(void **state)
{
	static const char *const messages[] = {
	    "",
	    "ask again",
	    "2024-99 is not a time period",
	    "%s is not a time period",
	    "figures of 2026 cannot be shown in the units of 63",
	    "indicator x has no figures at level region: a rank is never made of, or divided into, others",
	    "12 figures at 3 moments would be worked out, more than 10",
	    "figures of 2026 cannot be shown at all",
	};
	char said[256];

	(void)state;
	for (size_t i = 0; i < sizeof messages / sizeof *messages; i++) {
		refused_say(messages[i], false, said, sizeof said);
		assert_string_equal(said, messages[i]);
	}
}

static void test_in_vietnamese_with_what_is_filled_in(void **state)
{
	static const struct {
		const char *message, *said;
	} cases[] = {
	    {"2024-99 is not a time period", "2024-99 không phải là một kỳ"},
	    {"indicator x has no figures at level region: it is stated for the nation only",
	     "chỉ tiêu x không có số liệu ở cấp region: chỉ tiêu chỉ được báo cáo cho cả nước"},
	    {"figures of 2026 cannot be shown at all", "figures of 2026 cannot be shown at all"},
	};
	char said[256];

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		refused_say(cases[i].message, true, said, sizeof said);
		assert_string_equal(said, cases[i].said);
	}
}

static void test_no_more_is_written_than_there_is_room_for(void **state)
{
	char said[12];

	(void)state;
	refused_say("2024-99 is not a time period", false, said, sizeof said);
	assert_string_equal(said, "2024-99 is ");
	refused_say("nothing of what the table has", false, said, sizeof said);
	assert_string_equal(said, "nothing of ");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_only_what_a_function_of_the_schema_raises_is_a_refusal),
	    cmocka_unit_test(test_what_is_filled_in_stays_and_what_no_table_has_too),
	    cmocka_unit_test(test_in_vietnamese_with_what_is_filled_in),
	    cmocka_unit_test(test_no_more_is_written_than_there_is_room_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
