/* SPDX-License-Identifier: Apache-2.0 */
#include "body.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

static void fill(struct body *b, size_t n)
{
	for (size_t i = 0; i < n; i++)
		body_text(b, "0123456789");
}

static void a_body_is_as_long_as_it_may_be(void **state)
{
	(void)state;
	struct body_budget budget = {.most = 100000, .whole = 5000};
	struct body *b = body_new(&budget);
	fill(b, 500);
	assert_int_equal(body_state(b), BODY_FINE);
	assert_int_equal(body_len(b), 5000);
	assert_int_equal(budget.held, 5000); /* never reserves more than one may have */
	body_text(b, "x");
	assert_int_equal(body_state(b), BODY_TOO_LONG);
	assert_int_equal(body_len(b), 5000);
	body_unref(&b);
	assert_int_equal(budget.held, 0);
}

static void all_together_have_what_there_is(void **state)
{
	(void)state;
	struct body_budget budget = {.most = 8192, .whole = 8192};
	struct body *first = body_new(&budget), *second = body_new(&budget);
	fill(first, 500);
	fill(second, 500);
	assert_int_equal(body_state(first), BODY_FINE);
	assert_int_equal(body_state(second), BODY_NO_ROOM);
	assert_in_range(budget.held, 5000, 8192);
	struct body *shared = body_ref(first);
	body_unref(&first);
	assert_int_equal(body_len(shared), 5000); /* whoever still has it has it whole */
	body_unref(&shared);
	body_unref(&second);
	assert_int_equal(budget.held, 0);
}

static void a_stream_writes_into_it(void **state)
{
	(void)state;
	struct body_budget budget = {.most = 8192, .whole = 4};
	struct body *b = body_new(&budget);
	FILE *out = body_stream(b);
	fprintf(out, "%s", "abc");
	fflush(out);
	assert_memory_equal(body_bytes(b), "abc", 3);
	fprintf(out, "%s", "de");
	assert_int_equal(fclose(out), 0);
	assert_int_equal(body_state(b), BODY_TOO_LONG);
	body_unref(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_body_is_as_long_as_it_may_be),
	    cmocka_unit_test(all_together_have_what_there_is),
	    cmocka_unit_test(a_stream_writes_into_it),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
