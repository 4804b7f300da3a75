/* SPDX-License-Identifier: Apache-2.0 */
/*
 * period - time periods in SDMX form, and civil dates. Proleptic Gregorian calendar; days counted from 1970-01-01.
 *
 * A period has a packed form of 30 bits that sorts by frequency, then by start, and is part of the store's key:
 * kind (3 bits) << 27 | days from 1900-01-01 to its start (17 bits) << 10 | length (10 bits, 0 but for ranges: unit 2, count 8).
 * Years 1900 to 2258. Pure; any thread.
 */
#ifndef TRAM_PERIOD_H
#define TRAM_PERIOD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum period_kind {
	PERIOD_NONE = 0,
	PERIOD_YEAR = 1,    /* 2024 */
	PERIOD_HALF = 2,    /* 2024-S1 */
	PERIOD_QUARTER = 3, /* 2024-Q2 */
	PERIOD_MONTH = 4,   /* 2024-06 */
	PERIOD_WEEK = 5,    /* 2024-W05, ISO 8601 */
	PERIOD_DAY = 6,     /* 2024-06-14 */
	PERIOD_RANGE = 7,   /* 2018-01-01/P7Y; units Y, M, D, W; count 1 .. 255 */
};

struct period {
	enum period_kind kind;
	int32_t start;   /* first day, gregorian, days since 1970-01-01 */
	int32_t end;     /* last day, inclusive */
	char range_unit; /* ranges only: Y, M, W, D */
	uint8_t range_count;
};

#define PERIOD_TEXT 24

/* Reads a period; false if it is none. Exactly the forms above, nothing looser. */
bool period_parse(const char *text, struct period *ret);
char *period_text(const struct period *p, char buf[static PERIOD_TEXT]);

int32_t period_pack(const struct period *p);
bool period_unpack(int32_t packed, struct period *ret);

/* The SDMX frequency letter: A S Q M W D; for a range the unit's letter is not a frequency: 'R'. */
char period_frequency(const struct period *p);

/* Months from the period's first month to its last, and the first month as year * 12 + month - 1; years to months only. */
bool period_months(const struct period *p, int32_t *ret_first, int32_t *ret_count);

/* The same period `years` earlier (or later): 2023-S1 -> 2022-S1. False for weeks, days and ranges. */
bool period_shift_years(const struct period *p, int years, struct period *ret);

/* The period of the same kind n before: 2024-S1, 1 -> 2023-S2. False for ranges, and before the year 1900. */
bool period_back(const struct period *p, unsigned n, struct period *ret);

/* The longer period of a kind that this one is a part of: 2024-06, PERIOD_QUARTER -> 2024-Q2. False when no number of its kind make up one. */
bool period_within(const struct period *p, enum period_kind longer, struct period *ret);

/* YYYY-MM-DD, nothing looser. */
bool date_parse(const char *text, int32_t *ret_days);
char *date_text(int32_t days, char buf[static 16]);
int32_t date_from_civil(int year, int month, int day);
void date_to_civil(int32_t days, int *ret_year, int *ret_month, int *ret_day);

/* The civil date in Viet Nam at a moment. */
int32_t date_in_vietnam(int64_t wall_us);

#endif
