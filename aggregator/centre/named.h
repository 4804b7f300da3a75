/* SPDX-License-Identifier: Apache-2.0 */
/*
 * named - a thing of the catalogue that a person named: its code, or what was meant instead. Letter case does not count; a
 * province is also known by its area, 63/46 or 46.
 */
#ifndef TRAM_NAMED_H
#define TRAM_NAMED_H

#include "store_centre.h"

/* *code becomes the catalogue's own, in the arena; NULL (nothing was named) stays NULL. False: the catalogue has none such. */
bool named(struct store *s, enum store_thing thing, struct arena *a, const char **code, struct err *err) MUST_CHECK;

/* Whether the period is one by which the dataflow or indicator is reported, or can be made of such. code: as of named(); NULL: fine. */
bool named_period(struct store *s, enum store_thing thing, const char *code, const char *period,
		  struct err *err) MUST_CHECK;

/* Whether --level is one. NULL: fine. */
bool named_level(const char *text, struct err *err) MUST_CHECK;

#define NAMED_BOUNDARY_HELP N_("63 or 34 provinces, or a day (those in force at the period's end)")

/* Whether --boundary names units: "63", "34", or a day. NULL: fine. */
bool named_boundary(const char *text, struct err *err) MUST_CHECK;

#endif
