/* SPDX-License-Identifier: Apache-2.0 */
/*
 * subtotals - what a province's communes add up to (tram.subtotal), kept up by whoever changes a figure of a commune.
 *
 * Inside a transaction: first taken out, then the figures are written or decided on, then put in. Other areas' figures
 * cost nothing in a group; in a decision they are left alone by the store. One thread a connection.
 */
#ifndef TRAM_SUBTOTALS_H
#define TRAM_SUBTOTALS_H

#include "store.h"

/* Rows of tram.observation by area and key, side by side. */
struct touched {
	int32_t *area_nos;
	int64_t *keys;
	size_t n;
	bool decided; /* the rows are there and are decided on; else they are about to be written */
};

/* Those of a group that are of communes. Caller frees with touched_free. */
struct touched touched_by_group(const struct group *g);
void touched_free(struct touched *t);

enum store_result subtotals_take_out(struct store *s, const struct touched *t, struct err *err) MUST_CHECK;
enum store_result subtotals_put_in(struct store *s, const struct touched *t, struct err *err) MUST_CHECK;

#endif
