/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sketch - what a report states, in a form that other dates, another order and rounding leave as it is, so that copies find
 * one another without every report being held against every other.
 *
 * Of each figure only its series and its leading digits count, rounded to two digits in half of the bands and to one in the
 * other half; a band is the smallest hashes of all of them (MinHash). Reports that are the same but for rounding share bands
 * even where some figures were rounded across a border; reports that merely share bands are compared figure by figure
 * afterwards, so a sketch only ever proposes. The dataflow is part of every band, the province and the period are not. Pure.
 */
#ifndef TRAM_SKETCH_H
#define TRAM_SKETCH_H

#include "rules.h"

#define SKETCH_BANDS 8
#define SKETCH_BYTES (8 * SKETCH_BANDS) /* as it is stored: bands in order, most significant byte first */

struct sketch {
	bool there; /* false: the report states too little to be told from others */
	uint64_t bands[SKETCH_BANDS];
};

enum sketched {
	SKETCH_STATED,   /* every figure with a value: what is looked for */
	SKETCH_ACCEPTED, /* those that were accepted: what may be found later */
};

/* Reports with fewer than at_least figures other than zero have none. */
struct sketch sketch_of(const struct judgement *j, enum sketched which, uint32_t at_least);

void sketch_write(const struct sketch *s, uint8_t ret[static SKETCH_BYTES]);
struct sketch sketch_read(const uint8_t bytes[static SKETCH_BYTES]);

/* How many bands two sketches share. */
unsigned sketch_shared(const struct sketch *a, const struct sketch *b);

/*
 * Do two values say the same, one of them perhaps rounded? Compared at the coarser of the two scales: decimals, negative where
 * the last digits before the point were not stated either (a value in millions with one decimal: -5).
 */
bool sketch_same(struct decimal a, int scale_a, struct decimal b, int scale_b);

#endif
