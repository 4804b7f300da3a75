/* SPDX-License-Identifier: Apache-2.0 */
#include "decimal.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

__extension__ typedef __int128 i128;
__extension__ typedef unsigned __int128 u128;

#define LIMIT     INT64_C(1000000000000000000) /* 10^18 */
#define POWER_MAX 38

/* ---------------------------------------------------------------- helpers */

/* 10^power, power 0 .. 38. */
static u128 power_of_ten(int power)
{
	u128 n = 1;

	assert(power >= 0 && power <= POWER_MAX);
	while (power-- > 0)
		n *= 10;
	return n;
}

static u128 magnitude(i128 n)
{
	return n < 0 ? -(u128)n : (u128)n;
}

/* m / 10^scale as a decimal, dropping trailing decimal zeros only as far as it must to fit. */
static bool fit(i128 m, int scale, struct decimal *ret)
{
	while (magnitude(m) >= LIMIT || scale > DECIMAL_SCALE_MAX) {
		if (scale == 0 || m % 10 != 0)
			return false;
		m /= 10;
		scale--;
	}
	ret->mantissa = (int64_t)m;
	ret->scale = (uint8_t)scale;
	return true;
}

struct wide {
	u128 high, low;
};

/* a * b in 256 bits, by 64-bit halves. */
static struct wide wide_multiply(u128 a, u128 b)
{
	u128 a0 = (uint64_t)a, a1 = a >> 64, b0 = (uint64_t)b, b1 = b >> 64;
	u128 low = a0 * b0, mid = a1 * b0 + (low >> 64), mid2 = a0 * b1 + (uint64_t)mid;

	return (struct wide){a1 * b1 + (mid >> 64) + (mid2 >> 64), mid2 << 64 | (uint64_t)low};
}

static int wide_compare(struct wide a, struct wide b)
{
	if (a.high != b.high)
		return a.high < b.high ? -1 : 1;
	return (a.low > b.low) - (a.low < b.low);
}

/* ---------------------------------------------------------------- reading */

/* What is left to read. */
struct cursor {
	const char *at, *end;
};

static bool take(struct cursor *c, const char *prefix)
{
	size_t n = strlen(prefix);

	if ((size_t)(c->end - c->at) < n || memcmp(c->at, prefix, n) != 0)
		return false;
	c->at += n;
	return true;
}

static bool take_any(struct cursor *c, const char *const *prefixes, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (take(c, prefixes[i]))
			return true;
	return false;
}

static bool at_digit(const struct cursor *c)
{
	return c->at < c->end && *c->at >= '0' && *c->at <= '9';
}

static bool at_word(const struct cursor *c)
{
	unsigned char b = c->at < c->end ? (unsigned char)*c->at : 0;

	return (b >= 'a' && b <= 'z') || (b >= 'A' && b <= 'Z') || b >= 0x80 || b == '%';
}

/* Space, tab, U+00A0 and U+202F (narrow no-break space). */
static const char *const spaces[] = {" ", "\t", "\xc2\xa0", "\xe2\x80\xaf"};
#define N_SPACES (sizeof(spaces) / sizeof(spaces[0]))

static void skip_spaces(struct cursor *c)
{
	while (take_any(c, spaces, N_SPACES))
		;
}

/* What separates digits from digits. */
enum sign { SIGN_NONE, SIGN_POINT, SIGN_COMMA, SIGN_SPACE };

/* A separator, but only between two digits. */
static enum sign take_sign(struct cursor *c)
{
	struct cursor next = *c;
	enum sign sign = SIGN_NONE;

	if (take(&next, "."))
		sign = SIGN_POINT;
	else if (take(&next, ","))
		sign = SIGN_COMMA;
	else if (take_any(&next, spaces, N_SPACES))
		sign = SIGN_SPACE;
	if (sign == SIGN_NONE || !at_digit(&next))
		return SIGN_NONE;
	*c = next;
	return sign;
}

/* The digits of a figure as they stand: runs of digits with a separator before each but the first. */
struct numeral {
	u128 mantissa; /* of all runs together; not beyond DECIMAL_DIGITS_MAX digits */
	size_t digits; /* significant ones, leading zeros left out */
	size_t runs, last_run, first_run;
	bool begins_with_zero;
	bool ragged;             /* a run between two separators is not of three digits */
	enum sign separators[2]; /* the first, and the one before the last run */
	bool mixed;              /* the separators before the last one differ */
};

static size_t take_run(struct cursor *c, struct numeral *n)
{
	size_t len = 0;

	for (; at_digit(c); c->at++, len++) {
		if (n->digits > 0 || *c->at != '0')
			n->digits++;
		if (n->digits <= DECIMAL_DIGITS_MAX)
			n->mantissa = n->mantissa * 10 + (unsigned)(*c->at - '0');
	}
	return len;
}

static struct numeral take_numeral(struct cursor *c)
{
	struct numeral n = {0};
	enum sign sign;

	n.begins_with_zero = at_digit(c) && *c->at == '0';
	n.first_run = n.last_run = take_run(c, &n);
	n.runs = 1;
	while ((sign = take_sign(c)) != SIGN_NONE) {
		if (n.runs == 1)
			n.separators[0] = sign;
		else if (n.last_run != 3)
			n.ragged = true;
		if (n.runs > 2 && n.separators[1] != n.separators[0])
			n.mixed = true;
		n.separators[1] = sign;
		n.last_run = take_run(c, &n);
		n.runs++;
	}
	return n;
}

/* As on the wire: digits and one point. */
static enum decimal_fault scale_plain(const struct numeral *n, size_t *ret_scale)
{
	if (n->runs > 2 || (n->runs == 2 && n->separators[0] != SIGN_POINT))
		return DECIMAL_AMBIGUOUS;
	*ret_scale = n->runs == 2 ? n->last_run : 0;
	return DECIMAL_FINE;
}

/* The Vietnamese way: thousands grouped by three with points or spaces, then a comma and the decimals. */
static enum decimal_fault scale_vietnamese(const struct numeral *n, size_t *ret_scale)
{
	bool decimals = n->runs > 1 && n->separators[1] == SIGN_COMMA;
	size_t whole = decimals ? n->runs - 1 : n->runs;

	*ret_scale = decimals ? n->last_run : 0;
	if (whole == 1)
		return DECIMAL_FINE;
	if (n->mixed || n->ragged || n->separators[0] == SIGN_COMMA || n->first_run > 3 || n->begins_with_zero)
		return DECIMAL_AMBIGUOUS;
	if (!decimals && (n->last_run != 3 || n->separators[1] != n->separators[0]))
		return DECIMAL_AMBIGUOUS;
	return DECIMAL_FINE;
}

/* ---------------------------------------------------------------- nghìn, triệu, tỷ */

/* Letters that the multipliers use, as a base letter and marks in canonical order (NFD). */
static const struct {
	const char *letter, *parts;
} decompositions[] = {
    {"ì", "i\xcc\x80"},
    {"Ì", "i\xcc\x80"},
    {"à", "a\xcc\x80"},
    {"À", "a\xcc\x80"},
    {"ỷ", "y\xcc\x89"},
    {"Ỷ", "y\xcc\x89"},
    {"ỉ", "i\xcc\x89"},
    {"Ỉ", "i\xcc\x89"},
    {"ệ", "e\xcc\xa3\xcc\x82"},
    {"Ệ", "e\xcc\xa3\xcc\x82"},
    {"ê\xcc\xa3", "e\xcc\xa3\xcc\x82"},
    {"Ê\xcc\xa3", "e\xcc\xa3\xcc\x82"},
    {"ẹ", "e\xcc\xa3"},
    {"Ẹ", "e\xcc\xa3"},
    {"\xcc\x82\xcc\xa3", "\xcc\xa3\xcc\x82"},
};

static const struct {
	const char *word; /* lower case, NFD */
	int power;
} multipliers[] = {
    {"nghi\xcc\x80n", 3}, {"nga\xcc\x80n", 3}, {"trie\xcc\xa3\xcc\x82u", 6}, {"ty\xcc\x89", 9}, {"ti\xcc\x89", 9},
};

#define WORD_MAX 32

/* The next letter as lower case NFD; one byte when it is none of those above. */
static void take_letter(struct cursor *c, char buf[static 8])
{
	for (size_t i = 0; i < sizeof(decompositions) / sizeof(decompositions[0]); i++)
		if (take(c, decompositions[i].letter)) {
			snprintf(buf, 8, "%s", decompositions[i].parts);
			return;
		}
	buf[0] = *c->at++;
	if (buf[0] >= 'A' && buf[0] <= 'Z')
		buf[0] = (char)(buf[0] - 'A' + 'a');
	buf[1] = '\0';
}

/* The power of ten that the next word multiplies by; 0 when it is no such word. */
static int take_multiplier(struct cursor *c)
{
	char word[WORD_MAX] = "";
	size_t len = 0;

	while (at_word(c)) {
		struct cursor space = *c;
		char letter[8];

		if (take_any(&space, spaces, N_SPACES))
			break;
		take_letter(c, letter);
		size_t n = strlen(letter);
		if (len + n >= sizeof(word))
			return 0;
		memcpy(word + len, letter, n + 1);
		len += n;
	}
	for (size_t i = 0; i < sizeof(multipliers) / sizeof(multipliers[0]); i++)
		if (strcmp(word, multipliers[i].word) == 0)
			return multipliers[i].power;
	return 0;
}

/* What stands behind the digits: nothing, or words that multiply, smaller before greater ("nghìn tỷ"). */
static enum decimal_fault take_words(struct cursor *c, int *ret_power)
{
	int last = 0;

	*ret_power = 0;
	for (skip_spaces(c); c->at < c->end; skip_spaces(c)) {
		int power = at_word(c) ? take_multiplier(c) : -1;

		if (power < 0)
			return DECIMAL_NOT_A_NUMBER;
		if (power < last || power == 0 || *ret_power + power > DECIMAL_SCALE_MAX)
			return DECIMAL_UNKNOWN_WORD;
		last = power;
		*ret_power += power;
	}
	return DECIMAL_FINE;
}

/* ---------------------------------------------------------------- the whole figure */

static bool take_minus(struct cursor *c, enum decimal_locale locale)
{
	if (take(c, "-") || (locale == DECIMAL_LOCALE_VI && take(c, "\xe2\x88\x92")))
		return true;
	(void)take(c, "+");
	return false;
}

static bool at_exponent(struct cursor c)
{
	if (!take(&c, "e") && !take(&c, "E"))
		return false;
	if (!take(&c, "-"))
		(void)take(&c, "+");
	return at_digit(&c);
}

static enum decimal_fault compose(const struct numeral *n, size_t scale, int power, bool minus, struct decimal *ret)
{
	struct decimal d;

	if (n->digits > DECIMAL_DIGITS_MAX || scale > DECIMAL_SCALE_MAX)
		return DECIMAL_TOO_LONG;
	d.mantissa = minus ? -(int64_t)n->mantissa : (int64_t)n->mantissa;
	d.scale = (uint8_t)scale;
	return decimal_shift(d, power, ret) ? DECIMAL_FINE : DECIMAL_TOO_LONG;
}

enum decimal_fault decimal_parse(const char *text, size_t len, enum decimal_locale locale, struct decimal *ret)
{
	struct cursor c = {text, text + len};
	enum decimal_fault fault, words;
	struct numeral n;
	size_t scale;
	bool minus;
	int power;

	skip_spaces(&c);
	if (c.at == c.end)
		return DECIMAL_EMPTY;
	minus = take_minus(&c, locale);
	if (!at_digit(&c))
		return DECIMAL_NOT_A_NUMBER;
	n = take_numeral(&c);
	if (at_exponent(c))
		return DECIMAL_EXPONENT;
	words = take_words(&c, &power);
	if (words != DECIMAL_FINE)
		return words;
	fault = locale == DECIMAL_LOCALE_VI ? scale_vietnamese(&n, &scale) : scale_plain(&n, &scale);
	if (fault == DECIMAL_FINE && power > 0 && locale == DECIMAL_LOCALE_NONE)
		fault = DECIMAL_AMBIGUOUS;
	return fault == DECIMAL_FINE ? compose(&n, scale, power, minus, ret) : fault;
}

/* ---------------------------------------------------------------- writing and asking */

char *decimal_text(struct decimal d, char buf[static DECIMAL_TEXT])
{
	char *at = buf + DECIMAL_TEXT, *end = at;
	int64_t rest = d.mantissa < 0 ? -d.mantissa : d.mantissa;

	assert(decimal_is_valid(d.mantissa, d.scale));
	for (int i = 0; i <= d.scale || rest > 0; i++, rest /= 10) {
		if (i > 0 && i == d.scale)
			*--at = '.';
		*--at = (char)('0' + rest % 10);
	}
	if (d.mantissa < 0)
		*--at = '-';
	memmove(buf, at, (size_t)(end - at));
	buf[end - at] = '\0';
	return buf;
}

bool decimal_is_valid(int64_t mantissa, uint32_t scale)
{
	return mantissa > -LIMIT && mantissa < LIMIT && scale <= DECIMAL_SCALE_MAX;
}

struct decimal decimal_int(int64_t n)
{
	assert(decimal_is_valid(n, 0));
	return (struct decimal){n, 0};
}

struct decimal decimal_trim(struct decimal d)
{
	while (d.scale > 0 && d.mantissa % 10 == 0) {
		d.mantissa /= 10;
		d.scale--;
	}
	return d;
}

bool decimal_is_integer(struct decimal d)
{
	return decimal_trim(d).scale == 0;
}

int decimal_compare(struct decimal a, struct decimal b)
{
	i128 x = (i128)a.mantissa * (i128)power_of_ten(b.scale), y = (i128)b.mantissa * (i128)power_of_ten(a.scale);

	return (x > y) - (x < y);
}

/* ---------------------------------------------------------------- arithmetic */

bool decimal_add(struct decimal a, struct decimal b, struct decimal *ret)
{
	int scale = a.scale > b.scale ? a.scale : b.scale;
	i128 x = (i128)a.mantissa * (i128)power_of_ten(scale - a.scale);
	i128 y = (i128)b.mantissa * (i128)power_of_ten(scale - b.scale);

	return fit(x + y, scale, ret);
}

bool decimal_subtract(struct decimal a, struct decimal b, struct decimal *ret)
{
	b.mantissa = -b.mantissa;
	return decimal_add(a, b, ret);
}

bool decimal_multiply(struct decimal a, struct decimal b, struct decimal *ret)
{
	return fit((i128)a.mantissa * b.mantissa, a.scale + b.scale, ret);
}

bool decimal_shift(struct decimal d, int power, struct decimal *ret)
{
	int scale;

	if (d.mantissa == 0) {
		*ret = (struct decimal){0, d.scale > power && power >= 0 ? (uint8_t)(d.scale - power) : 0};
		return true;
	}
	if (power < -2 * DECIMAL_SCALE_MAX || power > 2 * DECIMAL_SCALE_MAX)
		return false;
	scale = d.scale - power;
	if (scale >= 0)
		return fit(d.mantissa, scale, ret);
	return -scale <= DECIMAL_SCALE_MAX && fit((i128)d.mantissa * (i128)power_of_ten(-scale), 0, ret);
}

static int sign_of(int64_t n)
{
	return (n > 0) - (n < 0);
}

int decimal_compare_products(struct decimal a, struct decimal b, struct decimal c, struct decimal d)
{
	int left = sign_of(a.mantissa) * sign_of(b.mantissa), right = sign_of(c.mantissa) * sign_of(d.mantissa);
	struct wide x, y;

	if (left != right)
		return left < right ? -1 : 1;
	x = wide_multiply(magnitude((i128)a.mantissa * b.mantissa), power_of_ten(c.scale + d.scale));
	y = wide_multiply(magnitude((i128)c.mantissa * d.mantissa), power_of_ten(a.scale + b.scale));
	return left * wide_compare(x, y);
}

/* n * 10^power, saturated: beyond 10^36 only "too much" matters to the division below. */
static u128 raise(u128 n, int power)
{
	while (n != 0 && power-- > 0 && n < power_of_ten(36))
		n *= 10;
	return n;
}

/* m / divisor, half away from zero, in magnitudes; both below 10^37. */
static u128 divide_half_up(u128 m, u128 divisor)
{
	return m / divisor + (m % divisor * 2 >= divisor ? 1 : 0);
}

bool decimal_divide_rounded(struct decimal numerator, struct decimal denominator, int power, uint8_t scale,
			    struct decimal *ret)
{
	bool minus = (numerator.mantissa < 0) != (denominator.mantissa < 0);
	int64_t exponent = (int64_t)denominator.scale - numerator.scale + power + scale;
	int up = exponent < 0 ? 0 : exponent > POWER_MAX ? POWER_MAX : (int)exponent;
	int down = exponent > 0 ? 0 : exponent < -POWER_MAX ? POWER_MAX : (int)-exponent;
	u128 m;

	if (denominator.mantissa == 0 || scale > DECIMAL_SCALE_MAX)
		return false;
	m = divide_half_up(raise(magnitude(numerator.mantissa), up), raise(magnitude(denominator.mantissa), down));
	if (m >= LIMIT)
		return false;
	*ret = (struct decimal){minus ? -(int64_t)m : (int64_t)m, scale};
	return true;
}

struct decimal decimal_round(struct decimal d, uint8_t scale)
{
	u128 m;

	if (scale >= d.scale)
		return d;
	m = divide_half_up(magnitude(d.mantissa), power_of_ten(d.scale - scale));
	return (struct decimal){d.mantissa < 0 ? -(int64_t)m : (int64_t)m, scale};
}
