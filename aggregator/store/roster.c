/* SPDX-License-Identifier: Apache-2.0 */
#include "connection.h"
#include "lang.h"

#include <stdio.h>
#include <string.h>

static const char roster_sql[] = "SELECT a.agent, a.agent_no, a.curve_public, a.signing_public, a.state, a.verdict_seq"
				 " FROM tram.agent a WHERE a.curve_public IS NOT NULL ORDER BY a.agent_no";

static bool read_entry(const PGresult *r, int row, struct arena *a, struct roster_entry *ret)
{
	ret->agent = arena_strdup(a, cell_text(r, row, 0));
	ret->agent_no = (int32_t)cell_int(r, row, 1);
	snprintf(ret->curve_public, sizeof ret->curve_public, "%s", cell_text(r, row, 2));
	ret->state = cell_agent_state(r, row, 4);
	ret->verdict_seq = (uint64_t)cell_int(r, row, 5);
	return ret->agent && cell_bytes(r, row, 3, ret->signing_public, sizeof ret->signing_public);
}

enum store_result store_roster(struct store *s, struct arena *a, struct roster_entry **ret, size_t *ret_n,
			       struct err *err)
{
	PGresult *r;
	enum store_result result = connection_ask(s, roster_sql, NULL, &r, err);
	size_t n = result == STORE_OK ? (size_t)PQntuples(r) : 0;

	*ret_n = 0;
	*ret = arena_calloc(a, n, sizeof **ret);
	for (size_t i = 0; *ret && i < n; i++) {
		*ret_n += read_entry(r, (int)i, a, *ret + i);
	}
	PQclear(r);
	if (result == STORE_OK && *ret_n < n) {
		err_set(err, ERR_CONFIG, _("the roster of %zu agents does not fit into its memory"), n);
		return STORE_BROKEN;
	}
	return result;
}
