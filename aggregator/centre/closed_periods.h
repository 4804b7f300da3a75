/* SPDX-License-Identifier: Apache-2.0 */
/*
 * closed_periods - which periods were closed at any of the closings there ever were: read once, told for any of them. About
 * 100 bytes a closing. One thread.
 */
#ifndef TRAM_CLOSED_PERIODS_H
#define TRAM_CLOSED_PERIODS_H

#include "store_rehearse.h"

struct closed_periods;

/* Every closing that is in the store now. NULL and *err on failure. */
struct closed_periods *closed_periods_read(struct store *s, struct err *err) MUST_CHECK;
void closed_periods_free(struct closed_periods **cp);

/* The newest vintage of a dataflow's packed period among the closings up to that number; NULL: it was open. Lives as long as
   what it is asked of. */
const struct closed *closed_periods_find(const struct closed_periods *c, const char *dataflow, int32_t period,
					 int64_t closing_no);

#endif
