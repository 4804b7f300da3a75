/* SPDX-License-Identifier: Apache-2.0 */
#include "closed_periods.h"

#include "mem.h"

#include <stdlib.h>
#include <string.h>

#define CLOSINGS_CAP ((size_t)1 << 30)

struct closed_periods {
	struct arena *arena;
	struct rehearse_closing *list; /* by dataflow, period and number */
	size_t n;
};

struct closed_periods *closed_periods_read(struct store *s, struct err *err)
{
	struct closed_periods *c = xcalloc(1, sizeof *c);

	c->arena = arena_new(CLOSINGS_CAP);
	if (store_rehearse_closings(s, c->arena, &c->list, &c->n, err) != STORE_OK) {
		closed_periods_free(&c);
	}
	return c;
}

void closed_periods_free(struct closed_periods **cp)
{
	struct closed_periods *c = *cp;

	if (!c) {
		return;
	}
	arena_free(&c->arena);
	free(c);
	*cp = NULL;
}

static bool is_after(const struct rehearse_closing *r, const char *dataflow, int32_t period, int64_t closing_no)
{
	int order = strcmp(r->dataflow, dataflow);

	if (order != 0) {
		return order > 0;
	}
	return r->period != period ? r->period > period : r->closing_no > closing_no;
}

const struct closed *closed_periods_find(const struct closed_periods *c, const char *dataflow, int32_t period,
					 int64_t closing_no)
{
	const struct rehearse_closing *last;
	size_t low = 0, high = c->n;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (is_after(&c->list[middle], dataflow, period, closing_no)) {
			high = middle;
		} else {
			low = middle + 1;
		}
	}
	last = low > 0 ? &c->list[low - 1] : NULL;
	return last && strcmp(last->dataflow, dataflow) == 0 && last->period == period ? &last->closed : NULL;
}
