/* SPDX-License-Identifier: Apache-2.0 */
#include "ask.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define PAIRS_MAX 8

/* Reads "a=b&c" as libmicrohttpd would hand it over, here without escapes. */
static bool ask(const char *path, const char *query, const char *accept, const char *language, struct ask *ret,
		struct problem *problem)
{
	static char text[512];
	struct ask_pair pairs[PAIRS_MAX];
	size_t n = 0;
	snprintf(text, sizeof(text), "%s", query);
	for (char *p = text, *next; *p; p = next) {
		size_t len = strcspn(p, "&");
		next = p + len + (p[len] == '&');
		p[len] = '\0';
		char *value = strchr(p, '=');
		pairs[n] = (struct ask_pair){.name = p, .name_len = value ? (size_t)(value - p) : len};
		if (value) {
			*value = '\0';
			pairs[n].value = value + 1;
			pairs[n].value_len = strlen(value + 1);
		}
		n++;
	}
	const struct ask_request request = {.path = path,
					    .pairs = pairs,
					    .n_pairs = n,
					    .accept = accept,
					    .accept_language = language,
					    .vi_unless_told = true};
	*problem = (struct problem){.id = PROBLEM_NONE};
	return ask_read(&request, ret, problem);
}

static void questions_are_read_or_named(void **state)
{
	(void)state;
	static const struct {
		const char *query;
		enum problem_id id;
		const char *parameter;
	} cases[] = {
	    {"", PROBLEM_NONE, ""},
	    {"indicator=population&period=2018-01-01/P7Y&level=region&boundary=2025-07-01", PROBLEM_NONE, ""},
	    {"asOf=2024-07-19", PROBLEM_NONE, ""},
	    {"asOf=2024-07-19T08:00:00 07:00", PROBLEM_NONE, ""},
	    {"asOf=2024-07-19T08:00:00+07:00", PROBLEM_NONE, ""},
	    {"asOf=2024-07-19 08:00:00", PROBLEM_NONE, ""},
	    {"asOf=2024-07-19 08:00", PROBLEM_VALUE, "asOf"},
	    {"asOf=0", PROBLEM_VALUE, "asOf"},
	    {"indicator=", PROBLEM_VALUE, "indicator"},
	    {"indicator", PROBLEM_VALUE, "indicator"},
	    {"indicator=a b", PROBLEM_VALUE, "indicator"},
	    {"indicator=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", PROBLEM_VALUE, "indicator"},
	    {"level=commune", PROBLEM_VALUE, "level"},
	    {"boundary=2025-02-30", PROBLEM_VALUE, "boundary"},
	    {"period=2024&period=2024", PROBLEM_REPEATED, "period"},
	    {"Period=2024", PROBLEM_PARAMETER, "Period"},
	    {"updatedAfter=2024-01-01", PROBLEM_NONE, ""},
	    {"since=2024-01-01", PROBLEM_PARAMETER, "since"},
	    {"from=2024-01-01", PROBLEM_PARAMETER, "from"},
	    {"=", PROBLEM_PARAMETER, ""},
	    {"format=pdf", PROBLEM_VALUE, "format"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct ask a;
		struct problem problem;
		bool fine = ask("/api/v1/rollups", cases[i].query, NULL, NULL, &a, &problem);
		if (fine != (cases[i].id == PROBLEM_NONE) || problem.id != cases[i].id ||
		    strcmp(problem.parameter, cases[i].parameter) != 0)
			fail_msg("%s: problem %d, %s", cases[i].query, (int)problem.id, problem.parameter);
	}
}

static void formats_and_languages_are_chosen(void **state)
{
	(void)state;
	static const struct {
		const char *path, *query, *accept, *language, *key;
	} cases[] = {
	    {"/api/v1/areas", "", NULL, NULL, "/api/v1/areas json vi"},
	    {"/api/v1/areas", "", "text/*", "en-GB, vi;q=0.9", "/api/v1/areas csv en"},
	    {"/api/v1/areas", "", "application/vnd.sdmx.data+csv, text/csv;q=0.1", "vi;q=0.2, en;q=0.1",
	     "/api/v1/areas csv vi"},
	    {"/api/v1/areas", "format=json", "text/csv", "fr, en;q=0.001", "/api/v1/areas json en"},
	    {"/api/v1/rollups", "level=nation", "application/vnd.sdmx.data+csv, text/csv;q=0.1", "en;q=0, fr",
	     "/api/v1/rollups sdmx-csv vi level=nation"},
	    {"/metrics", "", "image/png", "english", "/metrics openmetrics vi"},
	    {"/api/v1/areas", "", "image/png", NULL, NULL},
	    {"/api/v1/areas", "format=sdmx-csv", NULL, NULL, NULL},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct ask a;
		struct problem problem;
		bool fine = ask(cases[i].path, cases[i].query, cases[i].accept, cases[i].language, &a, &problem);
		char *key = fine ? ask_key(&a) : NULL;
		if (fine != (cases[i].key != NULL) || (fine && strcmp(key, cases[i].key) != 0))
			fail_msg("%zu: %s", i, key ? key : problem.parameter);
		if (!fine)
			assert_int_equal(problem.id, PROBLEM_FORMAT);
		free(key);
	}
}

static void paths_and_cursors_are_read(void **state)
{
	(void)state;
	static const struct {
		const char *path, *query, *key;
	} cases[] = {
	    {"/api/v1/explain/population/2024", "area=63/46",
	     "/api/v1/explain/{indicator}/{period} json vi indicator=population period=2024 area=63/46"},
	    {"/api/v1/explain/population/2018-01-01/P7Y", "",
	     "/api/v1/explain/{indicator}/{period} json vi indicator=population period=2018-01-01/P7Y"},
	    {"/api/v1/explain/population", "", NULL},
	    {"/api/v1/explain/", "", NULL},
	    {"/api/v1/explain", "", NULL},
	    {"/api/v1/explain//2024", "", NULL},
	    {"/api/v1/explain/population/2024", "indicator=population", NULL},
	    {"/api/v1/explain/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa/"
	     "2024",
	     "", NULL},
	    {"/api/v1/changes", "since=c0123456789abcdef01", "/api/v1/changes json vi since=c0123456789abcdef01"},
	    {"/api/v1/changes", "since=2024-01-01", "/api/v1/changes json vi since=2024-01-01"},
	    {"/api/v1/changes", "since=c0123456789abcdef0", NULL},
	    {"/api/v1/changes", "since=C0123456789abcdef01", NULL},
	    {"/api/v1/changes", "since=c0123456789abcdef0G", NULL},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct ask a;
		struct problem problem;
		bool fine = ask(cases[i].path, cases[i].query, NULL, NULL, &a, &problem);
		char *key = fine ? ask_key(&a) : NULL;
		if (fine != (cases[i].key != NULL) || (fine && strcmp(key, cases[i].key) != 0))
			fail_msg("%s: %s", cases[i].path, key ? key : problem.parameter);
		free(key);
	}
}

static void times_are_read(void **state)
{
	(void)state;
	struct ask a;
	struct problem problem;
	assert_true(ask("/api/v1/rollups", "asOf=1970-01-01T07:00:01 07:00", NULL, NULL, &a, &problem));
	assert_int_equal(ask_time(&a, PARAM_AS_OF, -1), 1000000);
	assert_true(ask("/api/v1/rollups", "", NULL, NULL, &a, &problem));
	assert_int_equal(ask_time(&a, PARAM_AS_OF, -1), -1);
}

static void moments_that_have_not_come_are_named(void **state)
{
	(void)state;
	static const struct {
		const char *path, *query;
		bool names_moment;
		const char *parameter; /* NULL: all have come by 2024-07-19 08:00:00 in Viet Nam */
	} cases[] = {
	    {"/api/v1/rollups", "indicator=population&boundary=2030-01-01&period=2030", false, NULL},
	    {"/api/v1/rollups", "asOf=2024-07-19", true, NULL},
	    {"/api/v1/rollups", "asOf=2024-07-19T08:00:00 07:00", true, NULL},
	    {"/api/v1/rollups", "asOf=2024-07-19T08:00:10Z", true, "asOf"},
	    {"/api/v1/rollups", "asOf=2024-07-20", true, "asOf"},
	    {"/api/v1/rollups", "asOf=2024-07-19&updatedAfter=2024-07-20", true, "updatedAfter"},
	    {"/api/v1/explain/population/2024", "asOf=2024-07-20", true, "asOf"},
	    {"/api/v1/changes", "since=2024-07-20", true, "since"},
	    {"/api/v1/changes", "since=2024-07-18", true, NULL},
	    {"/api/v1/changes", "since=cffffffffffffffffff", false, NULL},
	    {"/api/v1/scoreboard", "from=2030-01-01&to=2030-12-31", false, NULL},
	    {"/api/v1/scoreboard", "asOf=2024-07-20", true, "asOf"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct ask a;
		struct problem problem;
		assert_true(ask(cases[i].path, cases[i].query, NULL, NULL, &a, &problem));
		bool has_come = ask_has_come(&a, INT64_C(1721350800000000), &problem);
		if (ask_names_moment(&a) != cases[i].names_moment || has_come != (cases[i].parameter == NULL) ||
		    problem.id != (has_come ? PROBLEM_NONE : PROBLEM_NOT_COME) ||
		    strcmp(problem.parameter, has_come ? "" : cases[i].parameter) != 0)
			fail_msg("%s: problem %d, %s", cases[i].query, (int)problem.id, problem.parameter);
		assert_string_equal(problem.more, has_come ? "" : "2024-07-19 08:00:00+07:00");
	}
}

static void tags_match_as_a_whole(void **state)
{
	(void)state;
	static const struct {
		const char *list;
		bool matches;
	} cases[] = {
	    {"", false},
	    {"*", true},
	    {"\"ab\"", true},
	    {"W/\"ab\"", true},
	    {"ab", false},
	    {"\"abc\"", false},
	    {"\"x\", \"ab\"", true},
	    {"\"x,\"ab\"", false},
	    {"\"a*\"", false},
	    {" ,, \"ab\" ,", true},
	    {"\"ab", false},
	    {"\"x\"\"ab\"", true},
	    {"x, \"ab\"", true},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (ask_matches(cases[i].list, "\"ab\"") != cases[i].matches)
			fail_msg("%s", cases[i].list);
}

static void hosts_are_known(void **state)
{
	(void)state;
	static const char *const ours[] = {"localhost", "LOCALHOST:1",         "127.0.0.1:24680", "[::1]:80",
					   "10.1.2.3",  "so-lieu.example:443", "b.example"};
	static const char *const others[] = {"",       "localhost.example", "example", "127.0.0.1.example",
					     "[evil]", "b.example.org",     ":80"};
	for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
		if (!ask_host_is_ours(ours[i], "so-lieu.example  b.example"))
			fail_msg("%s", ours[i]);
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		if (ask_host_is_ours(others[i], "so-lieu.example  b.example"))
			fail_msg("%s", others[i]);
	assert_false(ask_host_is_ours("b.example", ""));
}

static void addresses_are_sound(void **state)
{
	(void)state;
	assert_true(ask_address_is_sound("/a?b=%2B%c3%A1"));
	assert_false(ask_address_is_sound("/a?b=%"));
	assert_false(ask_address_is_sound("/a?b=%2"));
	assert_false(ask_address_is_sound("/a?b=%2g"));
	assert_false(ask_address_is_sound("/a%00"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(questions_are_read_or_named),
	    cmocka_unit_test(formats_and_languages_are_chosen),
	    cmocka_unit_test(paths_and_cursors_are_read),
	    cmocka_unit_test(times_are_read),
	    cmocka_unit_test(moments_that_have_not_come_are_named),
	    cmocka_unit_test(tags_match_as_a_whole),
	    cmocka_unit_test(hosts_are_known),
	    cmocka_unit_test(addresses_are_sound),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
