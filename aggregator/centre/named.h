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

#endif
