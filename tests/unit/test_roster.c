/* SPDX-License-Identifier: Apache-2.0 */
#include "roster.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static struct roster_row row(const char *agent, const char *key, enum roster_state state)
{
	struct roster_row r = {.state = state};
	snprintf(r.agent, sizeof(r.agent), "%s", agent);
	snprintf(r.curve_public, sizeof(r.curve_public), "%s", key);
	return r;
}

static void rows_are_found_by_agent_and_by_key(void **state)
{
	(void)state;
	struct roster_row rows[200];
	char agent[16], key[16];
	for (int i = 0; i < 200; i++) {
		snprintf(agent, sizeof(agent), "agent-%d", i);
		snprintf(key, sizeof(key), "key-%d", (i * 37) % 200);
		rows[i] = row(agent, key, i % 3);
	}
	struct roster *r = roster_new(rows, 200, NULL);
	assert_non_null(r);
	for (int i = 0; i < 200; i++) {
		assert_string_equal(roster_by_agent(r, rows[i].agent)->curve_public, rows[i].curve_public);
		assert_string_equal(roster_by_key(r, rows[i].curve_public)->agent, rows[i].agent);
	}
	assert_null(roster_by_agent(r, "agent-200"));
	assert_null(roster_by_key(r, "key-200"));
	assert_int_equal(roster_count(r, ROSTER_ACTIVE), 67);
	assert_int_equal(roster_count(r, ROSTER_REVOKED), 66);
	const struct roster_row *all;
	assert_int_equal(roster_rows(r, &all), 200);
	assert_string_equal(all[0].agent, "agent-0");
	roster_free(&r);
	assert_null(r);
	roster_free(&r);
}

static void an_empty_roster_knows_nobody(void **state)
{
	(void)state;
	struct roster *r = roster_new(NULL, 0, NULL);
	assert_non_null(r);
	assert_null(roster_by_agent(r, "a"));
	assert_null(roster_by_key(r, ""));
	roster_free(&r);
}

static void twice_is_refused_by_name(void **state)
{
	(void)state;
	struct err err;
	struct roster_row agents[] = {row("a", "k1", 0), row("b", "k2", 0), row("a", "k3", 0)};
	assert_null(roster_new(agents, 3, &err));
	assert_non_null(strstr(err.text, "agent a"));
	struct roster_row keys[] = {row("a", "k1", 0), row("b", "k2", 0), row("c", "k1", 0)};
	assert_null(roster_new(keys, 3, &err));
	assert_non_null(strstr(err.text, "a"));
	assert_non_null(strstr(err.text, "c"));
	assert_non_null(strstr(err.text, "CURVE"));
}

static void a_change_is_seen(void **state)
{
	(void)state;
	struct roster_row rows[] = {row("a", "k1", 0), row("b", "k2", 0)};
	struct roster *first = roster_new(rows, 2, NULL);
	const struct {
		const char *what;
		struct roster_row b;
		size_t n;
		bool equal;
	} cases[] = {
	    {"the same", row("b", "k2", 0), 2, true},       {"another key", row("b", "k3", 0), 2, false},
	    {"another state", row("b", "k2", 1), 2, false}, {"one less", row("b", "k2", 0), 1, false},
	    {"another agent", row("c", "k2", 0), 2, false},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		rows[1] = cases[i].b;
		struct roster *second = roster_new(rows, cases[i].n, NULL);
		if (roster_equal(first, second) != cases[i].equal)
			fail_msg("%s", cases[i].what);
		roster_free(&second);
	}
	rows[1] = row("b", "k2", 0);
	rows[1].signing_public[31] = 1;
	struct roster *second = roster_new(rows, 2, NULL);
	assert_false(roster_equal(first, second));
	roster_free(&second);
	roster_free(&first);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(rows_are_found_by_agent_and_by_key),
	    cmocka_unit_test(an_empty_roster_knows_nobody),
	    cmocka_unit_test(twice_is_refused_by_name),
	    cmocka_unit_test(a_change_is_seen),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
