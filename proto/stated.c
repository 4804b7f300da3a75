/* SPDX-License-Identifier: Apache-2.0 */
#include "stated.h"

#include "decimal.h"
#include "period.h"

#include <string.h>

bool stated_number_is(const Tram__V1__Decimal *stated, int unit_mult, const char *stored)
{
	struct decimal a, b;

	if (!stated || !stored) {
		return !stated && !stored;
	}
	if (!decimal_is_valid(stated->mantissa, stated->scale) || unit_mult < -18 || unit_mult > 18) {
		return false;
	}
	a = (struct decimal){stated->mantissa, (uint8_t)stated->scale};
	return (unit_mult == 0 || decimal_shift(a, unit_mult, &a)) &&
	       decimal_parse(stored, strlen(stored), DECIMAL_LOCALE_NONE, &b) == DECIMAL_FINE &&
	       decimal_compare(a, b) == 0;
}

bool stated_area_is(const char *stated, const char *stored)
{
	const char *code = stored ? strrchr(stored, '/') : NULL;

	return stored && (strcmp(stated, stored) == 0 || (code && strcmp(stated, code + 1) == 0));
}

bool stated_dimensions_are(const Tram__V1__Observation *o, const char *stored)
{
	size_t n = stored && *stored ? 1 : 0;

	for (const char *c = stored; c && *c; c++) {
		n += *c == ';';
	}
	for (size_t i = 0; stored && i < o->n_dimensions; i++) {
		const char *id = o->dimensions[i]->id, *value = o->dimensions[i]->value, *at = stored;
		size_t id_len = strlen(id), value_len = strlen(value);

		while (at && !(strncmp(at, id, id_len) == 0 && at[id_len] == '=' &&
			       strncmp(at + id_len + 1, value, value_len) == 0 &&
			       (at[id_len + 1 + value_len] == ';' || !at[id_len + 1 + value_len]))) {
			at = strchr(at, ';');
			at = at ? at + 1 : NULL;
		}
		if (!at) {
			return false;
		}
	}
	return stored && n == o->n_dimensions;
}

bool stated_numbers_are(const Tram__V1__Observation *o, const char *value, const char *numerator,
			const char *denominator, const char *weight)
{
	return stated_number_is(o->value, o->unit_mult, value) &&
	       stated_number_is(o->numerator, o->unit_mult, numerator) &&
	       stated_number_is(o->denominator, o->unit_mult, denominator) && stated_number_is(o->weight, 0, weight);
}

int32_t stated_period(const Tram__V1__Report *r)
{
	struct period period;

	return period_parse(r->time_period, &period) ? period_pack(&period) : -1;
}
