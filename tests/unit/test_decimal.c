/* SPDX-License-Identifier: Apache-2.0 */
#include "decimal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define N(array) (sizeof(array) / sizeof((array)[0]))

/* ---------------------------------------------------------------- reading */

struct reading {
	const char *text;
	enum decimal_fault fault;
	const char *want; /* as decimal_text() writes it */
};

static const struct reading plain[] = {
    {"0", DECIMAL_FINE, "0"},
    {"7", DECIMAL_FINE, "7"},
    {"16.4", DECIMAL_FINE, "16.4"},
    {"16.40", DECIMAL_FINE, "16.40"},
    {"4.543", DECIMAL_FINE, "4.543"},
    {"-0.05", DECIMAL_FINE, "-0.05"},
    {"+12", DECIMAL_FINE, "12"},
    {"-0", DECIMAL_FINE, "0"},
    {"007", DECIMAL_FINE, "7"},
    {" 12\t", DECIMAL_FINE, "12"},
    {"70000", DECIMAL_FINE, "70000"},
    {"999999999999999999", DECIMAL_FINE, "999999999999999999"},
    {"-999999999999999999", DECIMAL_FINE, "-999999999999999999"},
    {"0.000000000000000001", DECIMAL_FINE, "0.000000000000000001"},
    {"-0.999999999999999999", DECIMAL_FINE, "-0.999999999999999999"},
    {"000000000000000000000000000000000000001", DECIMAL_FINE, "1"},
    {"1000000000000000000", DECIMAL_TOO_LONG, NULL},
    {"1.000000000000000000", DECIMAL_TOO_LONG, NULL},
    {"0.0000000000000000001", DECIMAL_TOO_LONG, NULL},
    {"1234567890123456789012345678901234567890", DECIMAL_TOO_LONG, NULL},
    {"0.1234567890123456789012345678901234567890", DECIMAL_TOO_LONG, NULL},
    {"", DECIMAL_EMPTY, NULL},
    {"   ", DECIMAL_EMPTY, NULL},
    {"\xc2\xa0", DECIMAL_EMPTY, NULL},
    {"NaN", DECIMAL_NOT_A_NUMBER, NULL},
    {"nan", DECIMAL_NOT_A_NUMBER, NULL},
    {"inf", DECIMAL_NOT_A_NUMBER, NULL},
    {"-Infinity", DECIMAL_NOT_A_NUMBER, NULL},
    {"N/A", DECIMAL_NOT_A_NUMBER, NULL},
    {"-", DECIMAL_NOT_A_NUMBER, NULL},
    {"--5", DECIMAL_NOT_A_NUMBER, NULL},
    {"5-", DECIMAL_NOT_A_NUMBER, NULL},
    {"(5)", DECIMAL_NOT_A_NUMBER, NULL},
    {".5", DECIMAL_NOT_A_NUMBER, NULL},
    {"5.", DECIMAL_NOT_A_NUMBER, NULL},
    {"1..2", DECIMAL_NOT_A_NUMBER, NULL},
    {"12/13", DECIMAL_NOT_A_NUMBER, NULL},
    {"\xe2\x88\x92"
     "5",
     DECIMAL_NOT_A_NUMBER, NULL},
    {"1e6", DECIMAL_EXPONENT, NULL},
    {"1.5E+6", DECIMAL_EXPONENT, NULL},
    {"1e-2", DECIMAL_EXPONENT, NULL},
    {"1,5e3", DECIMAL_EXPONENT, NULL},
    {"93,31", DECIMAL_AMBIGUOUS, NULL},
    {"1.234,56", DECIMAL_AMBIGUOUS, NULL},
    {"1,234.56", DECIMAL_AMBIGUOUS, NULL},
    {"1.234.567", DECIMAL_AMBIGUOUS, NULL},
    {"1 234", DECIMAL_AMBIGUOUS, NULL},
    {"1\xc2\xa0"
     "234",
     DECIMAL_AMBIGUOUS, NULL},
    {"16 triệu", DECIMAL_AMBIGUOUS, NULL},
    {"93.31%", DECIMAL_UNKNOWN_WORD, NULL},
    {"0x10", DECIMAL_UNKNOWN_WORD, NULL},
    {"12 cái", DECIMAL_UNKNOWN_WORD, NULL},
};

static const struct reading vietnamese[] = {
    {"4.543", DECIMAL_FINE, "4543"},
    {"6.325", DECIMAL_FINE, "6325"},
    {"93,31", DECIMAL_FINE, "93.31"},
    {"70.000", DECIMAL_FINE, "70000"},
    {"1.234,56", DECIMAL_FINE, "1234.56"},
    {"12.345.678,9", DECIMAL_FINE, "12345678.9"},
    {"0,5", DECIMAL_FINE, "0.5"},
    {"0,543", DECIMAL_FINE, "0.543"},
    {"1234,5", DECIMAL_FINE, "1234.5"},
    {"500", DECIMAL_FINE, "500"},
    {"-2,5", DECIMAL_FINE, "-2.5"},
    {"\xe2\x88\x92"
     "2,5",
     DECIMAL_FINE, "-2.5"},
    {"70 000", DECIMAL_FINE, "70000"},
    {"1\xc2\xa0"
     "234\xc2\xa0"
     "567,8",
     DECIMAL_FINE, "1234567.8"},
    {"1\xe2\x80\xaf"
     "234",
     DECIMAL_FINE, "1234"},
    {"2,39 nghìn tỷ", DECIMAL_FINE, "2390000000000"},
    {"16,4 triệu", DECIMAL_FINE, "16400000"},
    {"16,4triệu", DECIMAL_FINE, "16400000"},
    {"16,4\xc2\xa0triệu", DECIMAL_FINE, "16400000"},
    {"830 tỷ", DECIMAL_FINE, "830000000000"},
    {"830 tỉ", DECIMAL_FINE, "830000000000"},
    {"830 TỶ", DECIMAL_FINE, "830000000000"},
    {"830 ty\xcc\x89", DECIMAL_FINE, "830000000000"},
    {"830 Ti\xcc\x89", DECIMAL_FINE, "830000000000"},
    {"5 nghìn", DECIMAL_FINE, "5000"},
    {"5 ngàn", DECIMAL_FINE, "5000"},
    {"5 NGÀN", DECIMAL_FINE, "5000"},
    {"5 nghi\xcc\x80n", DECIMAL_FINE, "5000"},
    {"5 nga\xcc\x80n ti\xcc\x89", DECIMAL_FINE, "5000000000000"},
    {"7,7 TRIỆU", DECIMAL_FINE, "7700000"},
    {"7,7 trie\xcc\xa3\xcc\x82u", DECIMAL_FINE, "7700000"},
    {"7,7 trie\xcc\x82\xcc\xa3u", DECIMAL_FINE, "7700000"},
    {"7,7 tri\xc3\xaa\xcc\xa3u", DECIMAL_FINE, "7700000"},
    {"7,7 tri\xe1\xba\xb9\xcc\x82u", DECIMAL_FINE, "7700000"},
    {"1.200,5 triệu", DECIMAL_FINE, "1200500000"},
    {"0,0005 nghìn", DECIMAL_FINE, "0.5"},
    {"0 nghìn tỷ", DECIMAL_FINE, "0"},
    {"1,5", DECIMAL_FINE, "1.5"},
    {"1.5", DECIMAL_AMBIGUOUS, NULL},
    {"93.31", DECIMAL_AMBIGUOUS, NULL},
    {"0.543", DECIMAL_AMBIGUOUS, NULL},
    {"0.000", DECIMAL_AMBIGUOUS, NULL},
    {"1234.567", DECIMAL_AMBIGUOUS, NULL},
    {"1.23.456", DECIMAL_AMBIGUOUS, NULL},
    {"1.2345", DECIMAL_AMBIGUOUS, NULL},
    {"1,234.56", DECIMAL_AMBIGUOUS, NULL},
    {"1,234,567", DECIMAL_AMBIGUOUS, NULL},
    {"1.234,567,8", DECIMAL_AMBIGUOUS, NULL},
    {"1.234 567", DECIMAL_AMBIGUOUS, NULL},
    {"1 234.567.890", DECIMAL_AMBIGUOUS, NULL},
    {"70 00", DECIMAL_AMBIGUOUS, NULL},
    {"2,39 gì đó", DECIMAL_UNKNOWN_WORD, NULL},
    {"16,4 trieu", DECIMAL_UNKNOWN_WORD, NULL},
    {"16,4 triệu đồng", DECIMAL_UNKNOWN_WORD, NULL},
    {"16,4 triệuu", DECIMAL_UNKNOWN_WORD, NULL},
    {"2 tỷ nghìn", DECIMAL_UNKNOWN_WORD, NULL},
    {"2 tỷ tỷ tỷ", DECIMAL_UNKNOWN_WORD, NULL},
    {"93,31%", DECIMAL_UNKNOWN_WORD, NULL},
    {"1 triệuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuu", DECIMAL_UNKNOWN_WORD, NULL},
    {"2 triệu 300", DECIMAL_NOT_A_NUMBER, NULL},
    {"triệu", DECIMAL_NOT_A_NUMBER, NULL},
    {"1,", DECIMAL_NOT_A_NUMBER, NULL},
    {",5", DECIMAL_NOT_A_NUMBER, NULL},
    {"1e6", DECIMAL_EXPONENT, NULL},
    {"", DECIMAL_EMPTY, NULL},
    {"999999999 tỷ", DECIMAL_FINE, "999999999000000000"},
    {"9999999999 tỷ", DECIMAL_TOO_LONG, NULL},
    {"123.456.789.012.345.678.901", DECIMAL_TOO_LONG, NULL},
};

static void check_reading(const struct reading *r, enum decimal_locale locale)
{
	struct decimal d = {0, 0};
	enum decimal_fault fault = decimal_parse(r->text, strlen(r->text), locale, &d);
	char buf[DECIMAL_TEXT];

	if (fault != r->fault)
		fail_msg("\"%s\" gives fault %d, not %d", r->text, fault, r->fault);
	if (r->want && strcmp(decimal_text(d, buf), r->want) != 0)
		fail_msg("\"%s\" is read as %s, not %s", r->text, buf, r->want);
}

static void test_plain(void **state)
{
	(void)state;
	for (size_t i = 0; i < N(plain); i++)
		check_reading(&plain[i], DECIMAL_LOCALE_NONE);
}

static void test_vietnamese(void **state)
{
	(void)state;
	for (size_t i = 0; i < N(vietnamese); i++)
		check_reading(&vietnamese[i], DECIMAL_LOCALE_VI);
}

/* The length counts, not a NUL: nothing beyond it is read, and a NUL before it is no figure. */
static void test_length(void **state)
{
	struct decimal d;

	(void)state;
	assert_int_equal(decimal_parse("1234", 2, DECIMAL_LOCALE_NONE, &d), DECIMAL_FINE);
	assert_int_equal(d.mantissa, 12);
	assert_int_equal(decimal_parse("12\0"
				       "34",
				       5, DECIMAL_LOCALE_NONE, &d),
			 DECIMAL_NOT_A_NUMBER);
	assert_int_equal(decimal_parse("5 \xe2\x80", 4, DECIMAL_LOCALE_VI, &d), DECIMAL_UNKNOWN_WORD);
}

/* What is written is read back as the same mantissa and scale. */
static void test_round_trip(void **state)
{
	uint64_t seed = 88172645463325252u;

	(void)state;
	for (int i = 0; i < 20000; i++) {
		struct decimal d, back;
		char buf[DECIMAL_TEXT];

		seed ^= seed << 13, seed ^= seed >> 7, seed ^= seed << 17;
		d.mantissa = (int64_t)(seed >> (seed % 60)) % INT64_C(1000000000000000000);
		d.mantissa = seed & 1 ? -d.mantissa : d.mantissa;
		d.scale = (uint8_t)(seed % 19);
		decimal_text(d, buf);
		assert_int_equal(decimal_parse(buf, strlen(buf), DECIMAL_LOCALE_NONE, &back), DECIMAL_FINE);
		assert_int_equal(back.mantissa, d.mantissa);
		assert_int_equal(back.scale, d.scale);
	}
}

/* ---------------------------------------------------------------- sums, against exact fractions */

enum op { ADD, SUBTRACT, MULTIPLY, COMPARE, PRODUCTS, SHIFT, DIVIDE, ROUND };

static const struct sum {
	enum op op;
	struct decimal a, b, c, d;
	int power;
	uint8_t scale;
	const char *want; /* "": there is no answer */
} sums[] = {
#define ONE(op, am, as, power, scale, want)            {op, {am, as}, {0, 0}, {0, 0}, {0, 0}, power, scale, want},
#define TWO(op, am, as, bm, bs, power, scale, want)    {op, {am, as}, {bm, bs}, {0, 0}, {0, 0}, power, scale, want},
#define FOUR(op, am, as, bm, bs, cm, cs, dm, ds, want) {op, {am, as}, {bm, bs}, {cm, cs}, {dm, ds}, 0, 0, want},
#include "decimal_cases.inc"
};

/* The answer as text, exact ones without trailing zeros. */
static const char *work_out(const struct sum *s, char buf[static DECIMAL_TEXT])
{
	struct decimal r = {0, 0};
	bool has = true, trim = true;

	switch (s->op) {
	case ADD: has = decimal_add(s->a, s->b, &r); break;
	case SUBTRACT: has = decimal_subtract(s->a, s->b, &r); break;
	case MULTIPLY: has = decimal_multiply(s->a, s->b, &r); break;
	case SHIFT: has = decimal_shift(s->a, s->power, &r); break;
	case COMPARE: r = decimal_int(decimal_compare(s->a, s->b)); break;
	case PRODUCTS: r = decimal_int(decimal_compare_products(s->a, s->b, s->c, s->d)); break;
	case DIVIDE: has = decimal_divide_rounded(s->a, s->b, s->power, s->scale, &r), trim = false; break;
	case ROUND: r = decimal_round(s->a, s->scale), trim = false; break;
	}
	if (!has)
		return "";
	assert_true(decimal_is_valid(r.mantissa, r.scale));
	return decimal_text(trim ? decimal_trim(r) : r, buf);
}

static void test_sums(void **state)
{
	(void)state;
	for (size_t i = 0; i < N(sums); i++) {
		char buf[DECIMAL_TEXT];
		const char *got = work_out(&sums[i], buf);

		if (strcmp(got, sums[i].want) != 0)
			fail_msg("case %zu of decimal_cases.inc (line %zu): %s, not %s", i + 1, i + 3, got,
				 sums[i].want);
	}
}

/* The figures that the products were made for: a share whose parts are given, to the last digit and one beyond. */
static void test_products(void **state)
{
	const struct decimal most = {INT64_C(999999999999999999), 0}, least = {1, 18};
	const struct decimal below = {INT64_C(999999999999999998), 0};

	(void)state;
	/* 4543 / 6325 = 0.71826...: value * denominator against numerator */
	assert_int_equal(
	    decimal_compare_products((struct decimal){71826, 5}, decimal_int(6325), decimal_int(4543), decimal_int(1)),
	    -1);
	assert_int_equal(decimal_compare_products(most, most, most, most), 0);
	assert_int_equal(decimal_compare_products(most, below, most, most), -1);
	assert_int_equal(decimal_compare_products(most, most, least, least), 1);
	assert_int_equal(decimal_compare_products(least, least, most, most), -1);
	assert_int_equal(decimal_compare_products((struct decimal){-1, 18}, least, least, least), -1);
	assert_int_equal(decimal_compare_products((struct decimal){0, 18}, most, decimal_int(0), least), 0);
}

static void test_division_limits(void **state)
{
	const struct decimal most = {INT64_C(999999999999999999), 0}, least = {1, 18};
	struct decimal r;

	(void)state;
	assert_false(decimal_divide_rounded(most, decimal_int(0), 0, 2, &r));
	assert_false(decimal_divide_rounded(most, least, 0, 0, &r));
	assert_false(decimal_divide_rounded(most, most, 0, 19, &r));
	assert_false(decimal_divide_rounded(most, most, 1 << 30, 0, &r));
	assert_true(decimal_divide_rounded(least, most, -(1 << 30), 18, &r));
	assert_int_equal(r.mantissa, 0);
	assert_true(decimal_divide_rounded(decimal_int(4543), decimal_int(6325), 2, 2, &r));
	assert_int_equal(r.mantissa, 7183);
	assert_true(decimal_divide_rounded(decimal_int(-1), decimal_int(2), 0, 0, &r));
	assert_int_equal(r.mantissa, -1);
	assert_true(decimal_divide_rounded(decimal_int(0), most, 1 << 30, 4, &r));
	assert_int_equal(r.mantissa, 0);
	assert_int_equal(r.scale, 4);
}

static void test_small_things(void **state)
{
	struct decimal d;

	(void)state;
	assert_true(decimal_is_valid(INT64_C(999999999999999999), 18));
	assert_false(decimal_is_valid(INT64_C(1000000000000000000), 0));
	assert_false(decimal_is_valid(INT64_MIN, 0));
	assert_false(decimal_is_valid(1, 19));
	assert_true(decimal_is_integer((struct decimal){1600, 2}));
	assert_false(decimal_is_integer((struct decimal){1640, 2}));
	assert_true(decimal_is_integer((struct decimal){0, 18}));
	assert_false(decimal_shift((struct decimal){1, 0}, INT32_MIN, &d));
	assert_false(decimal_shift((struct decimal){1, 0}, INT32_MAX, &d));
	assert_true(decimal_shift((struct decimal){0, 3}, INT32_MIN, &d));
	assert_true(decimal_is_valid(d.mantissa, d.scale) && d.mantissa == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_plain),
	    cmocka_unit_test(test_vietnamese),
	    cmocka_unit_test(test_length),
	    cmocka_unit_test(test_round_trip),
	    cmocka_unit_test(test_sums),
	    cmocka_unit_test(test_products),
	    cmocka_unit_test(test_division_limits),
	    cmocka_unit_test(test_small_things),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
