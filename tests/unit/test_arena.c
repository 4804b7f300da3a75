/* SPDX-License-Identifier: Apache-2.0 */
#include "arena.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static void alignment_and_zero(void **state)
{
	struct arena *a = arena_new(1 << 20);

	(void)state;
	for (size_t size = 0; size < 3000; size += 7) {
		unsigned char *p = arena_alloc(a, size);

		assert_non_null(p);
		assert_int_equal((uintptr_t)p % _Alignof(max_align_t), 0);
		for (size_t i = 0; i < size; i++) {
			assert_int_equal(p[i], 0);
		}
		memset(p, 0xAA, size);
	}
	arena_free(&a);
	assert_null(a);
	arena_free(&a);
}

static void cap_is_a_limit(void **state)
{
	struct arena *a = arena_new(1000);

	(void)state;
	assert_null(arena_alloc(a, 1001));
	assert_null(arena_alloc(a, SIZE_MAX));
	assert_null(arena_alloc(a, SIZE_MAX - 8));
	assert_non_null(arena_alloc(a, 500));
	assert_null(arena_alloc(a, 500)); /* 500 took 512 */
	assert_non_null(arena_alloc(a, 480));
	assert_int_equal(arena_used(a), 992);
	assert_null(arena_alloc(a, 0)); /* even nothing takes an address */
	arena_reset(a);
	assert_int_equal(arena_used(a), 0);
	assert_non_null(arena_alloc(a, 992));
	arena_free(&a);
}

static void product_may_not_overflow(void **state)
{
	struct arena *a = arena_new(1 << 20);

	(void)state;
	assert_null(arena_calloc(a, SIZE_MAX / 2 + 2, 2));
	assert_non_null(arena_calloc(a, 10, 10));
	assert_int_equal(arena_used(a), 112);
	arena_free(&a);
}

static void texts_are_copied(void **state)
{
	struct arena *a = arena_new(1 << 20);
	struct arena *tiny = arena_new(16);

	(void)state;
	assert_string_equal(arena_strdup(a, "Cà Mau"), "Cà Mau");
	assert_string_equal(arena_strndup(a, "Cà Mau", 1), "C");
	assert_string_equal(arena_strndup(a, "C", 100), "C");
	assert_string_equal(arena_printf(a, "%s/%d", "63", 46), "63/46");
	assert_null(arena_strdup(tiny, "longer than sixteen bytes"));
	assert_null(arena_printf(tiny, "%s", "longer than sixteen bytes"));
	arena_free(&a);
	arena_free(&tiny);
}

static void rewind_takes_back_one_message(void **state)
{
	struct arena *a = arena_new(8 << 20);
	char *kept = arena_strdup(a, "kept");
	struct arena_mark mark = arena_mark(a);
	size_t used = arena_used(a);
	char *again;

	(void)state;
	for (int i = 0; i < 100; i++) { /* over several blocks */
		memset(arena_alloc(a, 50000), 0xFF, 50000);
	}
	arena_rewind(a, mark);
	assert_int_equal(arena_used(a), used);
	assert_string_equal(kept, "kept");
	again = arena_alloc(a, 1000);
	for (size_t i = 0; i < 1000; i++) {
		assert_int_equal(again[i], 0);
	}
	arena_free(&a);
}

static void rewind_of_an_empty_arena(void **state)
{
	struct arena *a = arena_new(1 << 20);
	struct arena_mark mark = arena_mark(a);

	(void)state;
	assert_non_null(arena_alloc(a, 100));
	arena_rewind(a, mark);
	assert_int_equal(arena_used(a), 0);
	assert_non_null(arena_alloc(a, 100));
	arena_free(&a);
}

static void what_is_taken_back_is_used_again(void **state)
{
	struct arena *a = arena_new(1 << 20);
	struct arena_mark mark;
	void *before;

	(void)state;
	assert_non_null(arena_alloc(a, 64));
	mark = arena_mark(a);
	before = arena_alloc(a, 64);
	arena_rewind(a, mark);
	assert_ptr_equal(arena_alloc(a, 64), before);
	arena_free(&a);
}

static void a_reset_takes_back_all_blocks(void **state)
{
	struct arena *a = arena_new(8 << 20);

	(void)state;
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < 80; i++) {
			char *p = arena_alloc(a, 100000);

			assert_non_null(p);
			assert_int_equal(p[99999], 0);
			memset(p, 0xFF, 100000);
		}
		assert_int_equal(arena_used(a), 80 * 100000);
		arena_reset(a);
		assert_int_equal(arena_used(a), 0);
	}
	arena_free(&a);
}

static void cap_for_one_message(void **state)
{
	struct arena *a = arena_new(10000);

	(void)state;
	assert_non_null(arena_alloc(a, 1600));
	assert_true(arena_cap(a, 160));
	assert_null(arena_alloc(a, 161));
	assert_non_null(arena_alloc(a, 160));
	assert_null(arena_alloc(a, 1));
	arena_uncap(a);
	assert_non_null(arena_alloc(a, 1600));
	assert_false(arena_cap(a, 1 << 20)); /* never beyond the arena's own */
	assert_null(arena_alloc(a, 10000));
	arena_free(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(alignment_and_zero),
	    cmocka_unit_test(cap_is_a_limit),
	    cmocka_unit_test(product_may_not_overflow),
	    cmocka_unit_test(texts_are_copied),
	    cmocka_unit_test(rewind_takes_back_one_message),
	    cmocka_unit_test(what_is_taken_back_is_used_again),
	    cmocka_unit_test(rewind_of_an_empty_arena),
	    cmocka_unit_test(a_reset_takes_back_all_blocks),
	    cmocka_unit_test(cap_for_one_message),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
