/* SPDX-License-Identifier: Apache-2.0 */
#include "event.h"

#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

/* event_by_name() searches by halves, so a row out of order would not be found. */
static void every_name_is_found(void **state)
{
	(void)state;
	for (size_t i = 0; i < EVENT_KINDS; i++)
		assert_ptr_equal(event_by_name(event_table[i].name), &event_table[i]);
	assert_null(event_by_name("report.comitted"));
	assert_null(event_by_name(""));
}

static void names_are_two_words(void **state)
{
	(void)state;
	for (size_t i = 0; i < EVENT_KINDS; i++) {
		const char *dot = strchr(event_table[i].name, '.');
		assert_non_null(dot);
		assert_true(dot > event_table[i].name && dot[1] != '\0');
		assert_int_not_equal(event_table[i].severity, 0);
		assert_true(strlen(event_table[i].help) > 10);
	}
}

static void fields_are_lower_snake(void **state)
{
	(void)state;
	for (size_t i = 0; i < EVENT_KINDS; i++)
		for (const char *p = event_table[i].fields; *p; p++)
			assert_true(islower((unsigned char)*p) || *p == '_' ||
				    (*p == ' ' && p[1] != ' ' && p[1] != '\0'));
}

static void letters_go_both_ways(void **state)
{
	(void)state;
	for (const char *p = "IWJB"; *p; p++)
		assert_int_equal(event_severity_letter(event_severity(*p)), *p);
	assert_int_equal(event_severity('B'), TRAM__V1__SEVERITY__SEVERITY_BLOCK);
	assert_int_equal(event_severity('x'), TRAM__V1__SEVERITY__SEVERITY_UNSPECIFIED);
	assert_int_equal(event_severity('\0'), TRAM__V1__SEVERITY__SEVERITY_UNSPECIFIED);
	assert_int_equal(event_severity_letter((Tram__V1__Severity)9), '-');
}

static void a_topic_has_four_parts(void **state)
{
	(void)state;
	Tram__V1__Event e = TRAM__V1__EVENT__INIT;
	char buf[EVENT_TOPIC_MAX];
	e.name = (char[]){"observation.held"};
	assert_string_equal(event_topic(&e, buf), "-|-|-|observation.held");
	e.area = (char[]){"63/46"};
	e.word = (char[]){"dung"};
	e.severity = TRAM__V1__SEVERITY__SEVERITY_JUSTIFY;
	assert_string_equal(event_topic(&e, buf), "63/46|dung|J|observation.held");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_name_is_found),    cmocka_unit_test(names_are_two_words),
	    cmocka_unit_test(fields_are_lower_snake), cmocka_unit_test(letters_go_both_ways),
	    cmocka_unit_test(a_topic_has_four_parts),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
