/* SPDX-License-Identifier: Apache-2.0 */
/*
 * figures - the columns of a roll-up as programs read them, for every command that lists roll-ups: the names are those
 * of the view tram.national_rollup. A figure is a text of digits even in JSON, where a reader may take a number for a
 * binary one and lose its last digits.
 */
#ifndef TRAM_FIGURES_H
#define TRAM_FIGURES_H

#include "store_centre.h"
#include "table.h"

void figures_columns(struct table *t);
void figures_cells(struct table *t, const struct rollup_figure *figure);

#endif
