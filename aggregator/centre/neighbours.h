/* SPDX-License-Identifier: Apache-2.0 */
/*
 * neighbours - what peer cuts knew of other provinces, for every cut there ever was: read once, told for any of them.
 * Memory grows with what cuts have written: about 90 bytes a figure and 250 a report with a sketch. One thread.
 */
#ifndef TRAM_NEIGHBOURS_H
#define TRAM_NEIGHBOURS_H

#include "store_rehearse.h"

struct neighbours;

/* Everything that is in the store now. NULL and *err on failure. */
struct neighbours *neighbours_read(struct store *s, struct err *err) MUST_CHECK;
void neighbours_free(struct neighbours **np);

/* NULL: the cut knew nothing of it. */
const struct peer_figures *neighbours_figures(const struct neighbours *n, uint32_t cut_no, int32_t series_no,
					      int32_t period);

/* As peers_alike() told it at that cut. */
size_t neighbours_alike(const struct neighbours *n, uint32_t cut_no, const char *provider, int32_t period,
			const struct sketch *sketch, const struct peer_report *ret[PEERS_ALIKE]);

#endif
