/* SPDX-License-Identifier: Apache-2.0 */
/*
 * figures - the columns of a roll-up as programs read them, for every command that lists roll-ups: the names are those
 * of the view tram.national_rollup.
 */
#ifndef TRAM_FIGURES_H
#define TRAM_FIGURES_H

#include "store_centre.h"
#include "table.h"

void figures_columns(struct table *t);
void figures_cells(struct table *t, const struct rollup_figure *figure);

/* A number, or nothing where there is none. */
void figures_number(struct table *t, const char *digits);

#endif
