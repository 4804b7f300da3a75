/* SPDX-License-Identifier: Apache-2.0 */
/*
 * decimal - an exact figure: mantissa / 10^scale, at most 18 digits. No float anywhere.
 *
 * Arithmetic is exact or says that it cannot be (false): nothing is rounded unless the function's name says so.
 * Comparisons of products are done in 256 bits, so they always have an answer. Pure; any thread.
 */
#ifndef TRAM_DECIMAL_H
#define TRAM_DECIMAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DECIMAL_DIGITS_MAX 18
#define DECIMAL_SCALE_MAX  18
#define DECIMAL_TEXT       24 /* "-0.000000000000000001" and a NUL */

struct decimal {
	int64_t mantissa; /* |mantissa| < 10^18 */
	uint8_t scale;    /* 0 .. 18 */
};

enum decimal_fault {
	DECIMAL_FINE = 0,
	DECIMAL_EMPTY,
	DECIMAL_NOT_A_NUMBER, /* also "NaN", "inf", "N/A" */
	DECIMAL_EXPONENT,     /* 1e6: write it out */
	DECIMAL_TOO_LONG,     /* more than 18 significant digits or decimals */
	DECIMAL_AMBIGUOUS,    /* "1.234,56", "16 triệu" without a locale; "1.5", "1,234.5" with one */
	DECIMAL_UNKNOWN_WORD, /* "2,39 gì đó"; also "93,31%": a unit has a column of its own */
};

enum decimal_locale {
	DECIMAL_LOCALE_NONE, /* as on the wire: digits and one point. "4.543" is 4 and 543 thousandths */
	DECIMAL_LOCALE_VI, /* "4.543" is four thousand five hundred and forty-three, "93,31", "2,39 nghìn tỷ", "16,4 triệu" */
};

/*
 * Reads a figure, exactly as many decimals as are written ("1.50" has two); *ret only when fine. Spaces around it do
 * not matter; digits stand on both sides of a decimal sign.
 * DECIMAL_LOCALE_NONE: a comma, a second point or a space between digits is DECIMAL_AMBIGUOUS.
 * DECIMAL_LOCALE_VI: the comma is the decimal sign. Thousands are grouped by three with points, or with spaces (U+0020,
 * U+00A0 or U+202F), one kind in a figure and never after a leading 0; a point that does not group is
 * DECIMAL_AMBIGUOUS. nghìn/ngàn, triệu, tỷ/tỉ multiply, in any case, composed (NFC) or not (NFD), with tone marks, and
 * so do their products, smaller before greater ("nghìn tỷ"). U+2212 is a minus.
 */
enum decimal_fault decimal_parse(const char *text, size_t len, enum decimal_locale locale, struct decimal *ret);

/* As on the wire: "16.4", "-0.05", "70000". Returns buf. */
char *decimal_text(struct decimal d, char buf[static DECIMAL_TEXT]);

bool decimal_is_valid(int64_t mantissa, uint32_t scale);
struct decimal decimal_int(int64_t n);
struct decimal decimal_trim(struct decimal d); /* 16.40 -> 16.4 */
bool decimal_is_integer(struct decimal d);
int decimal_compare(struct decimal a, struct decimal b); /* -1, 0, 1 */

bool decimal_add(struct decimal a, struct decimal b, struct decimal *ret); /* false: more than 18 digits */
bool decimal_subtract(struct decimal a, struct decimal b, struct decimal *ret);
bool decimal_multiply(struct decimal a, struct decimal b, struct decimal *ret);

/* d * 10^power, exactly. */
bool decimal_shift(struct decimal d, int power, struct decimal *ret);

/* Compares a * b with c * d. */
int decimal_compare_products(struct decimal a, struct decimal b, struct decimal c, struct decimal d);

/* numerator / denominator * 10^power, rounded half away from zero to scale decimals; false when it has no 18-digit answer. */
bool decimal_divide_rounded(struct decimal numerator, struct decimal denominator, int power, uint8_t scale,
			    struct decimal *ret);

/* Rounded half away from zero to scale decimals. */
struct decimal decimal_round(struct decimal d, uint8_t scale);

#endif
