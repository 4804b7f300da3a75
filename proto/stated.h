/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stated - a figure as the store has it, held against the observation that a report states: the same, or another one.
 * Stored are exact decimals as texts, in units of one. Pure; any thread.
 */
#ifndef TRAM_STATED_H
#define TRAM_STATED_H

#include "tram.pb-c.h"

#include <stdbool.h>
#include <stdint.h>

/* As stated, in units of 10^unit_mult; NULL: none, on either side. */
bool stated_number_is(const Tram__V1__Decimal *stated, int unit_mult, const char *stored);

/* "63/46" is itself; a bare "46" was resolved by its day, to the same code of some vintage. */
bool stated_area_is(const char *stated, const char *stored);

/* Every "ID=value" stated is one of the stored "A=1;B=2", and there are as many. */
bool stated_dimensions_are(const Tram__V1__Observation *o, const char *stored);

/* Its four numbers. */
bool stated_numbers_are(const Tram__V1__Observation *o, const char *value, const char *numerator,
			const char *denominator, const char *weight);

/* period_pack() of the report's; -1: none. */
int32_t stated_period(const Tram__V1__Report *r);

#endif
