/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a figure, and any four figures in sums: what is read is written and read as the same, and the arithmetic
 * agrees with itself. */
#include "decimal.h"
#include "fuzz.h"

#include <string.h>

static bool read_figure(const char *text, size_t len, enum decimal_locale locale, struct decimal *ret)
{
	char buf[DECIMAL_TEXT];
	struct decimal back;

	if (decimal_parse(text, len, locale, ret) != DECIMAL_FINE)
		return false;
	MUST(decimal_is_valid(ret->mantissa, ret->scale));
	decimal_text(*ret, buf);
	MUST(decimal_parse(buf, strlen(buf), DECIMAL_LOCALE_NONE, &back) == DECIMAL_FINE);
	MUST(back.mantissa == ret->mantissa && back.scale == ret->scale);
	return true;
}

static struct decimal take(const uint8_t *data)
{
	struct decimal d;

	memcpy(&d.mantissa, data, sizeof(d.mantissa));
	d.mantissa %= INT64_C(1000000000000000000);
	d.scale = data[8] % (DECIMAL_SCALE_MAX + 1);
	return d;
}

static void reckon(struct decimal a, struct decimal b, struct decimal c, struct decimal d, int power)
{
	struct decimal sum, back, product, quotient;

	if (decimal_add(a, b, &sum) && decimal_subtract(sum, b, &back))
		MUST(decimal_compare(a, back) == 0);
	if (decimal_multiply(a, b, &product))
		MUST(decimal_compare_products(a, b, product, decimal_int(1)) == 0);
	if (decimal_shift(a, power, &product) && decimal_shift(product, -power, &back))
		MUST(decimal_compare(a, back) == 0);
	if (decimal_divide_rounded(a, b, power, (uint8_t)(power & 15), &quotient))
		MUST(decimal_is_valid(quotient.mantissa, quotient.scale));
	MUST(decimal_compare(a, b) == -decimal_compare(b, a));
	MUST(decimal_compare_products(a, b, c, d) == -decimal_compare_products(c, d, a, b));
	MUST(decimal_compare_products(a, b, c, d) == decimal_compare_products(b, a, d, c));
	MUST(decimal_compare(decimal_trim(a), a) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct decimal plain, vietnamese;

	read_figure((const char *)data, size, DECIMAL_LOCALE_NONE, &plain);
	read_figure((const char *)data, size, DECIMAL_LOCALE_VI, &vietnamese);
	if (size >= 37)
		reckon(take(data), take(data + 9), take(data + 18), take(data + 27), (int8_t)data[36]);
	return 0;
}
