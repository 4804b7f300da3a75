/* SPDX-License-Identifier: Apache-2.0 */
/* What things of the catalogue are called. */
#include "connection.h"
#include "store_centre.h"

/* Codes first; a province is a provider. */
static const char names_sql[] =
    "SELECT code, name, is_code FROM tram.name"
    " WHERE thing = $1 OR $1 = 'provider' AND thing = 'province' ORDER BY is_code DESC, code";

static const char *const things[] = {
    [STORE_INDICATOR] = "indicator", [STORE_RULE] = "rule", [STORE_PROVIDER] = "provider",
    [STORE_PROVINCE] = "province",   [STORE_AREA] = "area", [STORE_DATAFLOW] = "dataflow"};

enum store_result store_names(struct store *s, enum store_thing thing, struct arena *a, struct store_name **ret,
			      size_t *ret_n, struct err *err)
{
	struct params p;
	PGresult *r;
	enum store_result result;
	int n;

	params_init(&p);
	params_text(&p, things[thing]);
	result = connection_ask(s, names_sql, &p, &r, err);
	params_done(&p);
	n = PQntuples(r);
	*ret_n = 0;
	*ret = arena_calloc(a, (size_t)n + 1, sizeof **ret);
	for (int i = 0; *ret && i < n; i++) {
		(*ret)[(*ret_n)++] = (struct store_name){.code = arena_strdup(a, cell_text(r, i, 0)),
							 .name = arena_strdup(a, cell_text(r, i, 1)),
							 .is_code = cell_bool(r, i, 2)};
	}
	PQclear(r);
	return result;
}

#define FREQUENCIES_OF(table)                                                                                          \
	"SELECT replace(f.frequencies, '|', ', '), substr('ASQMWDR', p >> 27, 1) = ANY "                               \
	"(string_to_array(f.frequencies, '|'))"                                                                        \
	" OR tram.finer_kinds(f.frequencies, p) <> '{}'"                                                               \
	" OR EXISTS (SELECT FROM tram.indicator_period x JOIN tram.indicator i ON i.indicator = x.indicator"           \
	"            WHERE $1 IN (i.indicator, i.dataflow) AND x.period = p)"                                          \
	" FROM tram." table " f, tram.period_asked($2) p WHERE f." table " = $1"

enum store_result store_frequencies(struct store *s, enum store_thing thing, const char *code, const char *period,
				    struct arena *a, const char **ret, bool *ret_fits, struct err *err)
{
	struct params p;
	PGresult *r;
	enum store_result result;

	params_init(&p);
	params_text(&p, code);
	params_text(&p, period);
	result = connection_ask(s, thing == STORE_DATAFLOW ? FREQUENCIES_OF("dataflow") : FREQUENCIES_OF("indicator"),
				&p, &r, err);
	params_done(&p);
	*ret_fits = PQntuples(r) == 0 || cell_bool(r, 0, 1);
	*ret = PQntuples(r) == 0 ? "" : arena_strdup(a, cell_text(r, 0, 0));
	PQclear(r);
	return result;
}
