/* SPDX-License-Identifier: Apache-2.0 */
#include "encode.h"

#include <assert.h>

enum { BASE = 10000, BASE_DIGITS = 4, GROUPS_MAX = 6, SIGN_NEGATIVE = 0x4000 };

/* The figure's digits in groups of four, the decimal point between two groups, most significant first. */
struct groups {
	int16_t digit[GROUPS_MAX];
	int n;        /* without zero groups at either end */
	int first;    /* index of the first one that counts */
	int fraction; /* groups after the point, zero ones included */
};

static struct groups split(struct decimal value)
{
	static const int power[BASE_DIGITS] = {1, 1000, 100, 10};
	struct groups g = {.fraction = (value.scale + BASE_DIGITS - 1) / BASE_DIGITS};
	uint64_t magnitude = value.mantissa < 0 ? -(uint64_t)value.mantissa : (uint64_t)value.mantissa;
	unsigned __int128 rest = (unsigned __int128)magnitude * (unsigned)power[value.scale % BASE_DIGITS];
	int last = GROUPS_MAX;

	for (int i = GROUPS_MAX - 1; i >= 0; i--) {
		g.digit[i] = (int16_t)(rest % BASE);
		rest /= BASE;
	}
	while (g.first < last && g.digit[g.first] == 0) {
		g.first++;
	}
	while (last > g.first && g.digit[last - 1] == 0) {
		last--;
	}
	g.n = last - g.first;
	return g;
}

size_t encode_numeric(struct decimal value, uint8_t *out)
{
	struct groups g;
	int weight;

	assert(value.scale <= DECIMAL_SCALE_MAX);
	g = split(value);
	weight = g.n > 0 ? GROUPS_MAX - g.fraction - g.first - 1 : 0;
	encode_int16(out, (int16_t)g.n);
	encode_int16(out + 2, (int16_t)weight);
	encode_int16(out + 4, value.mantissa < 0 ? SIGN_NEGATIVE : 0);
	encode_int16(out + 6, value.scale);
	for (int i = 0; i < g.n; i++) {
		encode_int16(out + 8 + 2 * i, g.digit[g.first + i]);
	}
	return 8 + 2 * (size_t)g.n;
}
