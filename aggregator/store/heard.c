/* SPDX-License-Identifier: Apache-2.0 */
/* When agents were last heard, and what of their silence and of late data is to be announced. */
#include "connection.h"

#include <string.h>

static const char heard_sql[] =
    "INSERT INTO tram.liveness (agent_no, heard_at, connected_since, software)"
    " SELECT a.agent_no, to_timestamp(h.heard / 1000000.0),"
    "   CASE WHEN h.since > 0 THEN to_timestamp(h.since / 1000000.0) END, h.software"
    " FROM unnest($1, $2, $3, $4) h(agent, heard, since, software) JOIN tram.agent a ON a.agent = h.agent"
    " ON CONFLICT (agent_no) DO UPDATE SET heard_at = greatest(tram.liveness.heard_at, excluded.heard_at),"
    "   connected_since = excluded.connected_since, software = excluded.software, told_at = clock_timestamp()";

enum store_result store_tell_heard(struct store *s, const struct agent_heard *rows, size_t n, struct err *err)
{
	struct params p;
	PGresult *r;
	enum store_result result;

	params_init(&p);
	params_texts(&p, &rows->agent, sizeof *rows, n);
	params_int64s(&p, &rows->heard_us, sizeof *rows, n);
	params_int64s(&p, &rows->connected_since_us, sizeof *rows, n);
	params_texts(&p, &rows->software, sizeof *rows, n);
	result = connection_ask(s, heard_sql, &p, &r, err);
	params_done(&p);
	PQclear(r);
	return result;
}

static const char announce_sql[] = "SELECT event, agent, area, dataflow, time_period, coalesce(due_day::text, ''),"
				   " coalesce((extract(epoch FROM heard_at) * 1000000)::bigint, 0), "
				   "coalesce(silent_seconds, 0) FROM tram.announce($1)";

static bool read_announcement(const PGresult *r, int row, struct arena *a, struct announcement *ret)
{
	ret->is_late = strcmp(cell_text(r, row, 0), "data.late") == 0;
	ret->agent = arena_strdup(a, cell_text(r, row, 1));
	ret->area = arena_strdup(a, cell_text(r, row, 2));
	ret->dataflow = arena_strdup(a, cell_text(r, row, 3));
	ret->time_period = arena_strdup(a, cell_text(r, row, 4));
	ret->due_day = arena_strdup(a, cell_text(r, row, 5));
	ret->heard_us = cell_int(r, row, 6);
	ret->silent_seconds = cell_int(r, row, 7);
	return ret->agent && ret->area && ret->dataflow && ret->time_period && ret->due_day;
}

enum store_result store_announce(struct store *s, int64_t listening_since_us, struct arena *a,
				 struct announcement **ret, size_t *ret_n, struct err *err)
{
	struct params p;
	PGresult *r;
	enum store_result result;
	size_t n;

	params_init(&p);
	params_timestamp(&p, listening_since_us);
	result = connection_ask(s, announce_sql, &p, &r, err);
	params_done(&p);
	n = result == STORE_OK ? (size_t)PQntuples(r) : 0;
	*ret_n = 0;
	*ret = arena_calloc(a, n + 1, sizeof **ret);
	for (size_t i = 0; *ret && i < n; i++) {
		*ret_n += read_announcement(r, (int)i, a, *ret + *ret_n);
	}
	PQclear(r);
	return result;
}
