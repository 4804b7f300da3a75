/* SPDX-License-Identifier: Apache-2.0 */
/*
 * differences - what a report that is only checked states, beside what is stored of the same figures. Pure.
 */
#ifndef TRAM_DIFFERENCES_H
#define TRAM_DIFFERENCES_H

#include "intake.h"

/* One for each figure that has a place in the store, in order, in the arena; false: the arena is exhausted. */
bool differences_make(struct arena *a, const struct intake_report *r, Tram__V1__Difference ***ret,
		      size_t *ret_n) MUST_CHECK;

#endif
