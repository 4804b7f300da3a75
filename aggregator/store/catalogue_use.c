/* SPDX-License-Identifier: Apache-2.0 */
#include "catalogue_store.h"
#include "lang.h"

#include <stdio.h>
#include <string.h>

/*
 * What the files no longer have, though something stored names it. A series is in use when one of its figures is stored;
 * the rest is looked for only where a name of the newest version is gone, which is rare.
 */
static const char use_sql[] =
    "SELECT kind, name FROM ("
    " SELECT 1 AS place, 'indicators.csv' AS kind, s.indicator AS name FROM tram.series s"
    "  WHERE s.indicator <> ALL ($1) AND EXISTS (SELECT FROM tram.area_number a WHERE EXISTS"
    "   (SELECT FROM tram.observation o WHERE o.area_no = a.area_no"
    "    AND o.key >= s.series_no::bigint << 44 AND o.key < (s.series_no::bigint + 1) << 44))"
    " UNION SELECT 2, 'dataflows.csv', d.dataflow FROM tram.dataflow d WHERE d.dataflow <> ALL ($2)"
    "  AND EXISTS (SELECT FROM tram.report r WHERE r.dataflow = d.dataflow)"
    " UNION SELECT 3, 'providers.csv', p.provider FROM tram.provider p WHERE p.provider <> ALL ($3)"
    "  AND EXISTS (SELECT FROM tram.report r WHERE r.provider = p.provider)"
    " UNION SELECT 4, 'areas.csv', a.area FROM tram.area_number a WHERE a.area <> ALL ($4)"
    "  AND EXISTS (SELECT FROM tram.observation o WHERE o.area_no = a.area_no)"
    " UNION SELECT 5, 'rules.csv', u.rule FROM tram.rule u WHERE u.rule <> ALL ($5)"
    "  AND EXISTS (SELECT FROM tram.report_finding f WHERE f.rule = u.rule)"
    " UNION SELECT 6, 'words.csv', w.word FROM tram.word w WHERE ($6::text[])[w.word_no] IS DISTINCT FROM w.word"
    ") gone ORDER BY place, name";

#define COLUMN(rows, n, member, p) params_texts((p), (n) ? &(rows)->member : NULL, sizeof *(rows), (n))

static void put_names(struct params *p, const struct catalogue *c)
{
	const struct indicator *indicators;
	const struct dataflow *dataflows;
	const struct provider *providers;
	const struct area *areas;
	const struct rule *rules;
	const struct word *words;
	size_t n = catalogue_indicators(c, &indicators);

	COLUMN(indicators, n, code, p);
	n = catalogue_dataflows(c, &dataflows);
	COLUMN(dataflows, n, code, p);
	n = catalogue_providers(c, &providers);
	COLUMN(providers, n, code, p);
	n = catalogue_areas(c, &areas);
	COLUMN(areas, n, area, p);
	n = catalogue_rules(c, &rules);
	COLUMN(rules, n, code, p);
	n = catalogue_words(c, &words);
	COLUMN(words, n, code, p);
}

/* "indicators.csv a b, words.csv dung", as far as there is room. */
static void list_gone(const PGresult *r, char *buf, size_t size)
{
	const char *kind = "";
	size_t used = 0;

	for (int i = 0; i < PQntuples(r) && used < size; i++) {
		const char *file = cell_text(r, i, 0);
		bool same = strcmp(kind, file) == 0;

		used += (size_t)snprintf(buf + used, size - used, "%s%s%s%s", i && !same ? ", " : "", same ? "" : file,
					 " ", cell_text(r, i, 1));
		kind = file;
	}
}

enum store_result check_use(struct store *s, const struct catalogue *c, struct err *err)
{
	struct params p;
	PGresult *r;
	enum store_result result;
	char list[300];

	params_init(&p);
	put_names(&p, c);
	result = connection_ask(s, use_sql, &p, &r, err);
	params_done(&p);
	if (result == STORE_OK && PQntuples(r) > 0) {
		list_gone(r, list, sizeof list);
		err_set(
		    err, ERR_DATA,
		    _("what is stored names what the files no longer have: %s. Keep these lines (with valid_to, if it "
		      "is over); words keep their numbers"),
		    list);
		result = STORE_BROKEN;
	}
	PQclear(r);
	return result;
}
