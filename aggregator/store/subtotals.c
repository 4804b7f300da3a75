/* SPDX-License-Identifier: Apache-2.0 */
#include "subtotals.h"
#include "connection.h"
#include "mem.h"

#include <stdlib.h>

static bool is_of_commune(const struct observation_row *row)
{
	return row->figure->area && row->figure->area->level == AREA_COMMUNE;
}

struct touched touched_by_group(const struct group *g)
{
	struct touched t = {0};

	for (size_t i = 0; i < g->n_observations; i++) {
		t.n += is_of_commune(&g->observations[i]);
	}
	if (t.n == 0) {
		return t;
	}
	t.area_nos = xcalloc(t.n, sizeof *t.area_nos);
	t.keys = xcalloc(t.n, sizeof *t.keys);
	t.n = 0;
	for (size_t i = 0; i < g->n_observations; i++) {
		if (is_of_commune(&g->observations[i])) {
			t.area_nos[t.n] = g->observations[i].area_no;
			t.keys[t.n++] = g->observations[i].key;
		}
	}
	return t;
}

void touched_free(struct touched *t)
{
	free(t->area_nos);
	free(t->keys);
	*t = (struct touched){0};
}

static enum store_result run(struct store *s, const struct statement *statement, const struct touched *t,
			     struct err *err)
{
	struct params p;
	PGresult *r = NULL;
	enum store_result result;

	if (t->n == 0) {
		return STORE_OK;
	}
	params_init(&p);
	params_int32s(&p, t->area_nos, sizeof *t->area_nos, t->n);
	params_int64s(&p, t->keys, sizeof *t->keys, t->n);
	params_int32(&p, t->decided);
	result = connection_ask_prepared(s, statement, &p, &r, err);
	PQclear(r);
	params_done(&p);
	return result;
}

enum store_result subtotals_take_out(struct store *s, const struct touched *t, struct err *err)
{
	static const struct statement take_out = {"take_out", "SELECT tram.subtotals_take_out($1, $2, $3 = 1)"};

	return run(s, &take_out, t, err);
}

enum store_result subtotals_put_in(struct store *s, const struct touched *t, struct err *err)
{
	static const struct statement put_in = {"put_in", "SELECT tram.subtotals_put_in($1, $2, $3 = 1)"};

	return run(s, &put_in, t, err);
}
