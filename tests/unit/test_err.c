/* SPDX-License-Identifier: Apache-2.0 */
#include "err.h"

#include <errno.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static void says_what_and_returns_false(void **state)
{
	struct err err = {0};

	(void)state;
	assert_false(err_set(&err, ERR_DATA, "row %d is empty", 7));
	assert_int_equal(err.kind, ERR_DATA);
	assert_string_equal(err.text, "row 7 is empty");
	assert_false(err_set(NULL, ERR_DATA, "nobody asks"));
	assert_false(err_set_errno(NULL, ERR_DATA, "nobody asks"));
	assert_false(err_prefix(NULL, "nobody asks"));
}

static void errno_is_named_and_kept(void **state)
{
	struct err err;

	(void)state;
	errno = ENOENT;
	assert_false(err_set_errno(&err, ERR_NOINPUT, "cannot open %s", "x"));
	assert_string_equal(err.text, "cannot open x: No such file or directory");
	assert_int_equal(errno, ENOENT);
}

static void prefix_keeps_the_kind(void **state)
{
	struct err err;

	(void)state;
	err_set(&err, ERR_CONFIG, "no name");
	assert_false(err_prefix(&err, "line %d", 3));
	assert_string_equal(err.text, "line 3: no name");
	assert_int_equal(err.kind, ERR_CONFIG);
}

static void own_text_may_be_an_argument(void **state)
{
	struct err err;

	(void)state;
	err_set(&err, ERR_CONFIG, "inner");
	err_set(&err, ERR_IO, "outer (%s)", err.text);
	assert_string_equal(err.text, "outer (inner)");
}

/* Every length around the limit, with characters of two, three and four bytes at the cut. */
static void cut_on_a_character(void **state)
{
	static const char *const characters[] = {"a", "à", "ạ", "𠀀"};
	char text[ERR_TEXT_MAX + 64];
	struct err err;

	(void)state;
	for (size_t c = 0; c < 4; c++) {
		size_t size = strlen(characters[c]);

		for (size_t lead = 0; lead < size; lead++) {
			size_t used = lead, fits;

			memset(text, 'x', lead);
			while (used + size < sizeof text) {
				memcpy(text + used, characters[c], size);
				used += size;
			}
			text[used] = 0;
			err_set(&err, ERR_DATA, "%s", text);
			fits = lead + (ERR_TEXT_MAX - 1 - lead) / size * size;
			assert_int_equal(strlen(err.text), fits);
			assert_memory_equal(err.text, text, fits);
		}
	}
}

static void what_just_fits_is_whole(void **state)
{
	char text[ERR_TEXT_MAX];
	struct err err;

	(void)state;
	memset(text, 'x', sizeof text);
	text[ERR_TEXT_MAX - 1] = 0;
	memcpy(text + ERR_TEXT_MAX - 4, "ạ", 3);
	err_set(&err, ERR_DATA, "%s", text);
	assert_string_equal(err.text, text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(says_what_and_returns_false), cmocka_unit_test(errno_is_named_and_kept),
	    cmocka_unit_test(prefix_keeps_the_kind),       cmocka_unit_test(own_text_may_be_an_argument),
	    cmocka_unit_test(cut_on_a_character),          cmocka_unit_test(what_just_fits_is_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
