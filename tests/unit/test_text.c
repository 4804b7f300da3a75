/* SPDX-License-Identifier: Apache-2.0 */
#include "text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define NBSP "\xC2\xA0"

static const struct {
	const char *text;
	size_t len; /* 0: strlen */
	enum text_fault fault;
	size_t at;
} checks[] = {
    {"", 0, TEXT_FINE, 0},
    {"plain ASCII\twith tab\nand newline", 0, TEXT_FINE, 0},
    {"Thừa Thiên Huế – đúng, đủ, sạch, sống", 0, TEXT_FINE, 0},
    {"Đắk Lắk", 0, TEXT_FINE, 0},
    {"漢字 𠀀", 0, TEXT_FINE, 0},
    {"a\0b", 3, TEXT_NUL, 1},
    {"a\rb", 0, TEXT_CONTROL, 1},
    {"a\x1b[2J", 0, TEXT_CONTROL, 1},
    {"a\x7f", 0, TEXT_CONTROL, 1},
    {"a\xC2\x9B"
     "2J",
     0, TEXT_CONTROL, 1},
    {"Hà" NBSP "Nội", 0, TEXT_INVISIBLE, 3},
    {"a\xE2\x80\x8B", 0, TEXT_INVISIBLE, 1},     /* zero-width space */
    {"\xEF\xBB\xBFx", 0, TEXT_INVISIBLE, 0},     /* byte order mark */
    {"a\xE2\x80\xAE", 0, TEXT_INVISIBLE, 1},     /* right-to-left override */
    {"so\xC2\xADtay", 0, TEXT_INVISIBLE, 2},     /* soft hyphen */
    {"a\xF3\xA0\x81\x81", 0, TEXT_INVISIBLE, 1}, /* tag */
    {"Ha\xCC\x80 No\xCC\xA3\xCC\x82i", 0, TEXT_NOT_NFC, 1},
    {"x\xE1\xBB\x87y e\xCC\xA3", 0, TEXT_NOT_NFC, 6},
    {"x\xE1\xBA\xB9\xCC\x82", 0, TEXT_NOT_NFC, 1}, /* ẹ and a circumflex: differs inside a character */
    {"\xE2\x84\xA6", 0, TEXT_NOT_NFC, 0},          /* ohm sign, a single character that is not NFC */
    {"\x80", 0, TEXT_NOT_UTF8, 0},
    {"a\xC3", 0, TEXT_NOT_UTF8, 1},
    {"a\xE1\xBB", 0, TEXT_NOT_UTF8, 1},
    {"\xC0\xAF", 0, TEXT_NOT_UTF8, 0},             /* too long a form */
    {"\xED\xA0\x80", 0, TEXT_NOT_UTF8, 0},         /* half a surrogate pair */
    {"\xF4\x90\x80\x80", 0, TEXT_NOT_UTF8, 0},     /* beyond U+10FFFF */
    {NBSP "\r\0\xFF", 5, TEXT_NOT_UTF8, 4},        /* the gravest wins */
    {NBSP "\r\0z", 5, TEXT_NUL, 3},                /* … */
    {"e\xCC\xA3 " NBSP "\r", 0, TEXT_CONTROL, 6},  /* … */
    {"e\xCC\xA3 " NBSP NBSP, 0, TEXT_INVISIBLE, 4} /* … and the first of its kind */
};

static void faults_and_places(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof checks / sizeof *checks; i++) {
		size_t len = checks[i].len ? checks[i].len : strlen(checks[i].text), at = 0;
		enum text_fault fault = text_check(checks[i].text, len, &at);

		if (fault != checks[i].fault || (fault && at != checks[i].at)) {
			fail_msg("row %zu: fault %d at %zu, not %d at %zu", i, fault, at, checks[i].fault,
				 checks[i].at);
		}
		assert_int_equal(text_check(checks[i].text, len, NULL), fault);
	}
}

static const struct {
	const char *from, *to;
} mends[] = {
    {"", ""},
    {"Hà" NBSP "Nội", "Hà Nội"},
    {"Ha\xCC\x80 No\xCC\xA3\xCC\x82i", "Hà Nội"},
    {"No\xCC\x82\xCC\xA3i", "Nội"}, /* marks in the other order */
    {"\xEF\xBB\xBFT\xE2\x80\x8B"
     "ỉnh",
     "Tỉnh"},
    {"1\xE2\x80\xAF"
     "234",
     "1 234"},
    {"so\xC2\xADtay", "sotay"},
    {"e\xE2\x80\x8B\xCC\xA3", "ẹ"}, /* what becomes neighbours is joined too */
    {"đúng rồi", "đúng rồi"},
};

static void mended_without_guessing(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof mends / sizeof *mends; i++) {
		char *mended = text_mend(mends[i].from, strlen(mends[i].from));

		assert_non_null(mended);
		assert_string_equal(mended, mends[i].to);
		assert_int_equal(text_check(mended, strlen(mended), NULL), TEXT_FINE);
		free(mended);
	}
	assert_null(text_mend("a\xFF", 2));
	assert_true(text_is_mendable(TEXT_NOT_NFC));
	assert_true(text_is_mendable(TEXT_INVISIBLE));
	assert_false(text_is_mendable(TEXT_CONTROL));
	assert_false(text_is_mendable(TEXT_NUL));
	assert_false(text_is_mendable(TEXT_NOT_UTF8));
}

static void a_nul_ends_nothing_when_mending(void **state)
{
	char *mended = text_mend("a\0" NBSP "b", 5);

	(void)state;
	assert_null(mended); /* a C string could not say it */
}

static void hexadecimal_both_ways(void **state)
{
	static const uint8_t bytes[] = {0x00, 0x7f, 0x80, 0xff, 0x1a};
	static const char *const wrong[] = {"",           "00",         "007f80ff1", "007f80ff1a0",
					    "007f80ff1g", "007f80ff1 ", "-07f80ff1a"};
	char text[11];
	uint8_t back[5];

	(void)state;
	assert_string_equal(text_hex(bytes, 5, text), "007f80ff1a");
	assert_true(text_unhex("007F80ff1A", back, 5));
	assert_memory_equal(back, bytes, 5);
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		assert_false(text_unhex(wrong[i], back, 5));
	}
	assert_true(text_unhex("", back, 0));
}

static void cut_between_letters(void **state)
{
	static const struct {
		const char *text, *fits;
		size_t columns;
	} cases[] = {{"Dân số", "Dân số", 6}, {"Dân số", "Dân…", 5}, {"Mật độ dân số", "Mật đ…", 6}, {"", "", 5}};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char *cut = text_fit(cases[i].text, cases[i].columns);

		assert_string_equal(cut, cases[i].fits);
		free(cut);
	}
}

static void columns_on_a_terminal(void **state)
{
	(void)state;
	assert_int_equal(text_columns(""), 0);
	assert_int_equal(text_columns("Thừa Thiên Huế"), 14);
	assert_int_equal(text_columns("No\xCC\xA3\xCC\x82i"), 3);
	assert_int_equal(text_columns("漢字"), 4);
	assert_int_equal(text_columns("a\xFFz"), 3);
}

static void characters_and_their_bytes(void **state)
{
	(void)state;
	assert_int_equal(text_character("a", 1), 1);
	assert_int_equal(text_character("ệ", 3), 3);
	assert_int_equal(text_character("ệ", 2), 0);
	assert_int_equal(text_character("\xFF", 1), 0);
	assert_int_equal(text_character("a", 0), 0);
}

static void capitals(void **state)
{
	static const struct {
		const char *text, *want;
		size_t size;
	} cases[] = {{"thống nhất", "THỐNG NHẤT", 32},
		     {"đúng", "ĐÚNG", 32},
		     {"a_1", "A_1", 32},
		     {"", "", 1},
		     {"đủ", "Đ", 5},
		     {"ab", "A", 2},
		     {"a\xFF"
		      "b",
		      "A", 8}};
	char buf[32];

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		assert_string_equal(text_capitals(cases[i].text, buf, cases[i].size), cases[i].want);
}

static void distance_between_words(void **state)
{
	char longer[200];

	(void)state;
	assert_int_equal(text_distance("", ""), 0);
	assert_int_equal(text_distance("", "abc"), 3);
	assert_int_equal(text_distance("credit", "credit"), 0);
	assert_int_equal(text_distance("credt", "credit"), 1);
	assert_int_equal(text_distance("credits", "credit"), 1);
	assert_int_equal(text_distance("kitten", "sitting"), 3);
	memset(longer, 'a', sizeof longer);
	longer[199] = 0;
	assert_int_equal(text_distance(longer, "b"), TEXT_DISTANCE_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(faults_and_places),
	    cmocka_unit_test(mended_without_guessing),
	    cmocka_unit_test(a_nul_ends_nothing_when_mending),
	    cmocka_unit_test(hexadecimal_both_ways),
	    cmocka_unit_test(columns_on_a_terminal),
	    cmocka_unit_test(cut_between_letters),
	    cmocka_unit_test(characters_and_their_bytes),
	    cmocka_unit_test(distance_between_words),
	    cmocka_unit_test(capitals),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
