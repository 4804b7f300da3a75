/* SPDX-License-Identifier: Apache-2.0 */
/* What a province owes, and when. */
#include "connection.h"
#include "store_centre.h"

#include <assert.h>
#include <string.h>

/* By agent ($1) or by provider ($2); missing ones and items as far as they are wanted, and how many there are. */
static const char todo_sql[] =
    "SELECT t.kind, p.provider, t.dataflow, coalesce(d.name_vi, ''), coalesce(d.name_en, ''), t.time_period,"
    "       t.period_from, t.period_to, t.by, t.days_left, t.expected, t.reported,"
    "       array_to_string(t.indicators[1:coalesce(nullif($5, 0), 2147483647)], ' '), cardinality(t.indicators),"
    "       t.indicator, coalesce(i.name_vi, ''), coalesce(i.name_en, ''), t.rule, t.found, t.wanted,"
    "       count(*) OVER ()"
    " FROM tram.provider p CROSS JOIN LATERAL tram.todo(p.provider, nullif($3::timestamptz, 'infinity')) t"
    " LEFT JOIN tram.dataflow d ON d.dataflow = t.dataflow LEFT JOIN tram.indicator i ON i.indicator = t.indicator"
    " WHERE CASE WHEN $1::text IS NULL THEN p.provider = $2 ELSE p.agent = $1 END"
    " ORDER BY array_position(ARRAY['refused', 'held', 'late', 'due'], t.kind), t.by, p.provider, t.dataflow,"
    "          t.period_to, t.period_from, t.indicator"
    " LIMIT nullif($4, 0)";

enum {
	KIND,
	PROVIDER,
	DATAFLOW,
	DATAFLOW_VI,
	DATAFLOW_EN,
	TIME_PERIOD,
	PERIOD_FROM,
	PERIOD_TO,
	BY,
	DAYS_LEFT,
	EXPECTED,
	REPORTED,
	MISSING,
	MISSING_COUNT,
	INDICATOR,
	INDICATOR_VI,
	INDICATOR_EN,
	RULES,
	FOUND,
	WANTED,
	OF_ALL,
};

/* As tram.todo() has them. */
static const struct {
	const char *name;
	Tram__V1__TodoKind kind;
} kinds[] = {{"refused", TRAM__V1__TODO_KIND__TODO_KIND_REFUSED},
	     {"held", TRAM__V1__TODO_KIND__TODO_KIND_HELD},
	     {"late", TRAM__V1__TODO_KIND__TODO_KIND_LATE},
	     {"due", TRAM__V1__TODO_KIND__TODO_KIND_DUE}};

static Tram__V1__TodoKind kind_of(const char *name)
{
	size_t i = 0;

	while (strcmp(kinds[i].name, name) != 0) {
		i++;
		assert(i < sizeof kinds / sizeof *kinds);
	}
	return kinds[i].kind;
}

/* Codes with a space between two. False: the arena is exhausted. */
static bool read_missing(char *codes, struct arena *a, Tram__V1__TodoItem *item)
{
	size_t most = strlen(codes) / 2 + 1;
	char *rest = NULL;

	item->missing = arena_calloc(a, most, sizeof *item->missing);
	for (char *code = strtok_r(codes, " ", &rest); item->missing && code; code = strtok_r(NULL, " ", &rest)) {
		item->missing[item->n_missing++] = code;
	}
	return item->missing != NULL;
}

static bool read_texts(const PGresult *r, int row, struct arena *a, Tram__V1__TodoItem *item)
{
	const struct {
		int column;
		char **to;
	} texts[] = {
	    {PROVIDER, &item->provider},
	    {DATAFLOW, &item->dataflow},
	    {DATAFLOW_VI, &item->dataflow_name_vi},
	    {DATAFLOW_EN, &item->dataflow_name_en},
	    {TIME_PERIOD, &item->time_period},
	    {PERIOD_FROM, &item->period_from},
	    {PERIOD_TO, &item->period_to},
	    {BY, &item->by},
	    {INDICATOR, &item->indicator},
	    {INDICATOR_VI, &item->indicator_name_vi},
	    {INDICATOR_EN, &item->indicator_name_en},
	    {RULES, &item->rules},
	    {FOUND, &item->found},
	    {WANTED, &item->wanted},
	};

	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		*texts[i].to = arena_strdup(a, cell_text(r, row, texts[i].column));
		if (!*texts[i].to) {
			return false;
		}
	}
	return true;
}

/* NULL: the arena is exhausted. */
static Tram__V1__TodoItem *read_item(const PGresult *r, int row, struct arena *a)
{
	Tram__V1__TodoItem *item = arena_alloc(a, sizeof *item);
	char *missing = arena_strdup(a, cell_text(r, row, MISSING));

	if (!item || !missing) {
		return NULL;
	}
	tram__v1__todo_item__init(item);
	item->kind = kind_of(cell_text(r, row, KIND));
	item->days_left = (int32_t)cell_int(r, row, DAYS_LEFT);
	item->expected = (uint32_t)cell_int(r, row, EXPECTED);
	item->reported = (uint32_t)cell_int(r, row, REPORTED);
	item->missing_count = (uint32_t)cell_int(r, row, MISSING_COUNT);
	return read_texts(r, row, a, item) && read_missing(missing, a, item) ? item : NULL;
}

/* As many items as the arena has room for; the others are counted. NULL: not even for none. */
static Tram__V1__Todo *read_todo(const PGresult *r, struct arena *a)
{
	int n = PQntuples(r);
	Tram__V1__Todo *todo = arena_alloc(a, sizeof *todo);
	Tram__V1__TodoItem **items = arena_calloc(a, (size_t)n, sizeof *items);

	if (!todo || !items) {
		return NULL;
	}
	tram__v1__todo__init(todo);
	todo->items = items;
	for (int row = 0; row < n && (items[row] = read_item(r, row, a)); row++) {
		todo->n_items++;
	}
	todo->more = n > 0 ? (uint64_t)cell_int(r, 0, OF_ALL) - todo->n_items : 0;
	return todo;
}

enum store_result store_todo(struct store *s, const struct todo_question *q, struct arena *a, Tram__V1__Todo **ret,
			     struct err *err)
{
	struct params p;
	PGresult *r;
	enum store_result result;

	*ret = NULL;
	params_init(&p);
	params_text(&p, q->agent);
	params_text(&p, q->provider);
	params_timestamp(&p, q->as_of_us);
	params_int32(&p, q->items_max);
	params_int32(&p, q->missing_max);
	result = connection_ask(s, todo_sql, &p, &r, err);
	params_done(&p);
	if (result == STORE_OK) {
		*ret = read_todo(r, a);
	}
	PQclear(r);
	return result;
}
