/* SPDX-License-Identifier: Apache-2.0 */
#include "cache.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

static struct body_budget budget = {.most = 1 << 20, .whole = 1 << 20};

static void keep(struct cache *c, const char *key, const char *state, const char *text)
{
	struct answer a = {.body = body_new(&budget)};
	body_text(a.body, text);
	cache_keep(c, key, state, &a);
	answer_clear(&a);
}

/* "" when it is not there. */
static const char *find(struct cache *c, const char *key, const char *state)
{
	static char text[64];
	struct answer a = {0};
	*text = '\0';
	if (cache_find(c, key, state, &a))
		snprintf(text, sizeof(text), "%.*s", (int)body_len(a.body), body_bytes(a.body));
	answer_clear(&a);
	return text;
}

static void an_answer_holds_for_its_state_only(void **state)
{
	(void)state;
	struct cache *c = cache_new(1000);
	keep(c, "a", "1", "old");
	assert_string_equal(find(c, "a", "1"), "old");
	assert_string_equal(find(c, "a", "2"), "");
	assert_string_equal(find(c, "b", "1"), "");
	keep(c, "a", "2", "new");
	assert_string_equal(find(c, "a", "1"), "");
	assert_string_equal(find(c, "a", "2"), "new");
	cache_free(&c);
	assert_int_equal(budget.held, 0);
}

static void what_was_used_longest_ago_goes_first(void **state)
{
	(void)state;
	struct cache *c = cache_new(30);
	keep(c, "a", "1", "0123456789");
	keep(c, "b", "1", "0123456789");
	keep(c, "c", "1", "0123456789");
	assert_string_equal(find(c, "a", "1"), "0123456789");
	keep(c, "d", "1", "0123456789");
	assert_string_equal(find(c, "b", "1"), "");
	assert_string_equal(find(c, "a", "1"), "0123456789");
	keep(c, "e", "1", "0123456789012345678901234567890"); /* has no room at all */
	assert_string_equal(find(c, "e", "1"), "");
	cache_free(&c);
	assert_int_equal(budget.held, 0);
}

static void no_more_than_so_many_are_kept(void **state)
{
	(void)state;
	struct cache *c = cache_new(1 << 20);
	char key[16];
	for (int i = 0; i <= CACHE_ANSWERS; i++) {
		snprintf(key, sizeof(key), "%d", i);
		keep(c, key, "1", key);
	}
	assert_string_equal(find(c, "0", "1"), "");
	assert_string_equal(find(c, "1", "1"), "1");
	assert_string_equal(find(c, key, "1"), key);
	cache_free(&c);
	assert_int_equal(budget.held, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(an_answer_holds_for_its_state_only),
	    cmocka_unit_test(what_was_used_longest_ago_goes_first),
	    cmocka_unit_test(no_more_than_so_many_are_kept),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
