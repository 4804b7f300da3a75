/* SPDX-License-Identifier: Apache-2.0 */
/* Which figures that were held or refused have waited too long for their province's answer. */
#include "connection.h"

static const char announce_sql[] =
    "SELECT event, agent, area, provider, kind, dataflow, indicator, time_period, rules,"
    " (extract(epoch FROM told_at) * 1000000)::bigint, deadline FROM tram.announce_corrections()";

static bool read_row(const PGresult *r, int row, struct arena *a, struct overdue *ret)
{
	const char **const texts[] = {&ret->event,    &ret->agent,     &ret->area,        &ret->provider, &ret->kind,
				      &ret->dataflow, &ret->indicator, &ret->time_period, &ret->rules};
	enum { N_TEXTS = sizeof texts / sizeof *texts };

	for (int i = 0; i < N_TEXTS; i++) {
		*texts[i] = arena_strdup(a, cell_text(r, row, i));
		if (!*texts[i]) {
			return false;
		}
	}
	ret->told_at_us = cell_int(r, row, N_TEXTS);
	ret->deadline = arena_strdup(a, cell_text(r, row, N_TEXTS + 1));
	return ret->deadline != NULL;
}

enum store_result store_announce_corrections(struct store *s, struct arena *a, struct overdue **ret, size_t *ret_n,
					     struct err *err)
{
	PGresult *r;
	enum store_result result = connection_ask(s, announce_sql, NULL, &r, err);
	size_t n = result == STORE_OK ? (size_t)PQntuples(r) : 0;

	*ret_n = 0;
	*ret = arena_calloc(a, n + 1, sizeof **ret);
	while (*ret && *ret_n < n && read_row(r, (int)*ret_n, a, *ret + *ret_n)) {
		++*ret_n;
	}
	PQclear(r);
	return result;
}
