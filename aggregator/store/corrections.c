/* SPDX-License-Identifier: Apache-2.0 */
/* What became of figures that were held or refused: which have waited too long for an answer, which were decided on. */
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

static const char decisions_sql[] =
    "SELECT agent, area, provider, seq, observation, indicator, time_period, id, decision,"
    " decided_by, reason FROM tram.announce_decisions()";

static bool read_decision(const PGresult *r, int row, struct arena *a, struct decision_news *ret)
{
	const char **const texts[] = {&ret->agent,       &ret->area,       &ret->provider,    &ret->seq,
				      &ret->observation, &ret->indicator,  &ret->time_period, &ret->id,
				      &ret->decision,    &ret->decided_by, &ret->reason};

	for (int i = 0; i < (int)(sizeof texts / sizeof *texts); i++) {
		*texts[i] = arena_strdup(a, cell_text(r, row, i));
		if (!*texts[i]) {
			return false;
		}
	}
	return true;
}

enum store_result store_announce_decisions(struct store *s, struct arena *a, struct decision_news **ret, size_t *ret_n,
					   struct err *err)
{
	PGresult *r;
	enum store_result result = connection_ask(s, decisions_sql, NULL, &r, err);
	size_t n = result == STORE_OK ? (size_t)PQntuples(r) : 0;

	*ret_n = 0;
	*ret = arena_calloc(a, n + 1, sizeof **ret);
	while (*ret && *ret_n < n && read_decision(r, (int)*ret_n, a, *ret + *ret_n)) {
		++*ret_n;
	}
	PQclear(r);
	return result;
}
