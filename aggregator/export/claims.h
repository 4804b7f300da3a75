/* SPDX-License-Identifier: Apache-2.0 */
/* claims - announced figures and whether they hold, as programs read them; behind these columns stand those of figures.h. */
#ifndef TRAM_CLAIMS_H
#define TRAM_CLAIMS_H

#include "store_centre.h"
#include "table.h"

void claims_columns(struct table *t);
void claims_cells(struct table *t, const struct claim_row *row);

#endif
