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
	DECIMAL_AMBIGUOUS,    /* "4.543" or "1.234,56" with a sign that only a locale can explain */
	DECIMAL_UNKNOWN_WORD, /* "2,39 gì đó" */
};

enum decimal_locale {
	DECIMAL_LOCALE_NONE, /* as on the wire: digits and one point. "4.543" is 4 and 543 thousandths */
	DECIMAL_LOCALE_VI, /* "4.543" is four thousand five hundred and forty-three, "93,31", "2,39 nghìn tỷ", "16,4 triệu" */
};

/*
 * Reads a figure. With DECIMAL_LOCALE_NONE a comma is DECIMAL_AMBIGUOUS. With DECIMAL_LOCALE_VI points must group by
 * three, the comma is the decimal sign, and nghìn, triệu, tỷ (and their products, "nghìn tỷ") multiply.
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
