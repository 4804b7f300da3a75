/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store_claims - figures that were announced: listed, and kept. Whether they hold is asked by store_claims() of
 * store_centre.h. Texts of a row live until the call returns.
 */
#ifndef TRAM_STORE_CLAIMS_H
#define TRAM_STORE_CLAIMS_H

#include "store_centre.h"

/* ---------------------------------------------------------------- announcements */

struct announcement_row {
	const char *figure_no, *indicator, *name_vi, *name_en, *time_period;
	const char *level, *area, *boundary;         /* boundary "": in force at the period's end */
	const char *value, *numerator, *denominator; /* as announced, in unit_mult; NULL: none */
	const char *unit, *unit_vi;
	int unit_mult;
	const char *qualifier, *announced_on, *said_by, *source, *quote;
};
typedef void announcement_each(void *context, const struct announcement_row *row);

/* All of them, by number (reader). Whether they hold: store_claims(). */
enum store_result store_announcements(struct store *s, announcement_each *each, void *context,
				      struct err *err) MUST_CHECK;

/* What somebody announced, checked for its form; NULL is what stands behind it. */
struct new_announcement {
	const char *indicator, *time_period;
	const char *area;     /* the nation */
	const char *boundary; /* in force at the period's end */
	const char *value, *numerator, *denominator;
	const char *unit_mult;                           /* as the catalogue shows the indicator */
	const char *qualifier;                           /* never NULL */
	const char *announced_on;                        /* today */
	const char *said_by, *source, *quote, *added_by; /* never NULL */
};

/* Keeps it (operator). ERR_DATA for what the catalogue knows nothing of. */
enum store_result store_announcement_add(struct store *s, const struct new_announcement *f, int64_t *ret_no,
					 struct err *err) MUST_CHECK;

#endif
