/* SPDX-License-Identifier: Apache-2.0 */
#include "answers.h"

#include "claims.h"
#include "explanation.h"
#include "figures.h"
#include "table.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXPLAIN_MEMORY ((size_t)16 << 20) /* some ten thousand contributions */
#define NAMES_MEMORY   SIZE_MAX           /* as many as the catalogue has */

static const char *given(const struct answering *a, enum ask_param id)
{
	return a->ask->given[id];
}

static bool is_set(const struct answering *a, enum ask_param id)
{
	return given(a, id) && strcmp(given(a, id), "true") == 0;
}

static const char *in_language(const struct answering *a, const char *vi, const char *en)
{
	return a->ask->in_vietnamese ? vi : en;
}

/* One row more than may be was asked for, so that what is cut is known to be cut. */
static bool has_room(struct answering *a)
{
	return a->rows++ < a->most_rows;
}

static void check_room(struct answering *a)
{
	char more[64];
	if (a->rows <= a->most_rows) {
		return;
	}
	snprintf(more, sizeof(more), "%lld %s", (long long)a->most_rows, in_language(a, "dòng", "rows"));
	problem_set(a->problem, PROBLEM_TOO_MUCH, NULL, NULL, more);
}

/* ---------------------------------------------------------------- roll-ups */

static void export_one(void *context, const struct rollup_row *row)
{
	struct answering *a = context;
	if (has_room(a)) {
		export_row(a->export, row);
	}
}

/* The code of the thing that a name is a code of, in the arena; NULL: the catalogue has none. */
static enum store_result find_code(struct answering *a, enum store_thing thing, const char *name, struct arena *arena,
				   const char **ret, struct err *err)
{
	struct store_name *names;
	size_t n;
	enum store_result result = store_names(a->store, thing, arena, &names, &n, err);
	*ret = NULL;
	for (size_t i = 0; result == STORE_OK && i < n && !*ret; i++) {
		if (names[i].is_code && strcmp(names[i].name, name) == 0) {
			*ret = names[i].code;
		}
	}
	return result;
}

/* Whether nothing is there because there is no such indicator: looked at only then. */
static enum store_result check_indicator(struct answering *a, struct err *err)
{
	const char *indicator = given(a, PARAM_INDICATOR), *code;
	if (!indicator || a->rows > 0) {
		return STORE_OK;
	}
	struct arena *arena = arena_new(NAMES_MEMORY);
	enum store_result result = find_code(a, STORE_INDICATOR, indicator, arena, &code, err);
	if (result == STORE_OK && !code) {
		problem_set(a->problem, PROBLEM_INDICATOR, "indicator", indicator, NULL);
	}
	arena_free(&arena);
	return result;
}

static enum store_result give_rollups(struct answering *a, struct err *err)
{
	const struct rollup_question q = {
	    .indicator = given(a, PARAM_INDICATOR),
	    .period = given(a, PARAM_PERIOD),
	    .level = given(a, PARAM_LEVEL) ? given(a, PARAM_LEVEL) : "nation",
	    .boundary = given(a, PARAM_BOUNDARY),
	    .as_of_us = ask_time(a->ask, PARAM_AS_OF, INT64_MAX),
	    .updated_after_us = ask_time(a->ask, PARAM_UPDATED_AFTER, 0),
	    .open = is_set(a, PARAM_OPEN),
	    .most_rows = a->most_rows + 1,
	};
	const struct export_meta meta = {.level = q.level,
					 .in_vietnamese = a->ask->in_vietnamese,
					 .prepared_us = a->prepared_us,
					 .as_of_us = q.as_of_us};
	a->export = export_new(a->ask->format, body_add, a->body, &meta);
	enum store_result result = store_rollup(a->store, &q, export_one, a, err);
	if (result == STORE_OK) {
		export_end(a->export);
	}
	export_free(&a->export);
	return result == STORE_OK ? check_indicator(a, err) : result;
}

/* ---------------------------------------------------------------- lists */

static void columns(struct table *t, const char *const *names, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		table_column(t, names[i], names[i], TABLE_LEFT);
	}
}
#define COLUMNS(t, ...)                                                                                                \
	columns(t, (const char *const[]){__VA_ARGS__}, sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *))

static void list_indicator(void *context, const struct indicator_row *row)
{
	struct answering *a = context;
	if (!has_room(a)) {
		return;
	}
	table_cell(a->table, row->indicator);
	table_cell(a->table, row->name_vi);
	table_cell(a->table, row->name_en);
	table_cell(a->table, row->dataflow);
	table_cell(a->table, row->unit);
	table_cell(a->table, row->unit_vi);
	table_cell_number(a->table, row->display_unit_mult);
	table_cell_number(a->table, row->display_decimals);
	table_cell(a->table, row->kind);
	table_cell(a->table, row->over_area);
	table_cell(a->table, row->over_time);
	table_cell(a->table, row->frequencies);
	table_cell(a->table, row->derives_from);
	table_cell_bool(a->table, row->mandatory);
}

static enum store_result give_indicators(struct answering *a, struct err *err)
{
	COLUMNS(a->table, "indicator", "name_vi", "name_en", "dataflow", "unit", "unit_vi", "display_unit_mult",
		"display_decimals", "kind", "over_area", "over_time", "frequencies", "derives_from", "mandatory");
	return store_indicators(a->store, list_indicator, a, err);
}

static void list_area(void *context, const struct area_row *row)
{
	struct answering *a = context;
	const char *const cells[] = {row->area,       row->level,    row->vintage, row->code,    row->parent,
				     row->valid_from, row->valid_to, row->name_vi, row->name_en, row->iso_3166_2};
	if (!has_room(a)) {
		return;
	}
	for (size_t i = 0; i < sizeof(cells) / sizeof(cells[0]); i++) {
		table_cell(a->table, cells[i]);
	}
	table_cell(a->table, row->population);
}

static enum store_result give_areas(struct answering *a, struct err *err)
{
	COLUMNS(a->table, "area", "level", "vintage", "code", "parent", "valid_from", "valid_to", "name_vi", "name_en",
		"iso_3166_2", "population");
	return store_areas(a->store, a->most_rows + 1, list_area, a, err);
}

/* ---------------------------------------------------------------- claims */

static void list_claim(void *context, const struct claim_row *row)
{
	struct answering *a = context;
	if (has_room(a)) {
		claims_cells(a->table, row);
	}
}

static enum store_result give_claims(struct answering *a, struct err *err)
{
	claims_columns(a->table);
	return store_claims(a->store, list_claim, a, err);
}

/* ---------------------------------------------------------------- the scoreboard */

static void name_word(void *context, const char *word, const char *name_vi, const char *name_en)
{
	struct answering *a = context;
	char score[80], band[80];
	(void)name_vi;
	(void)name_en;
	snprintf(score, sizeof(score), "%s_score", word);
	snprintf(band, sizeof(band), "%s_band", word);
	table_column(a->table, score, score, TABLE_LEFT);
	table_column(a->table, band, band, TABLE_LEFT);
}

static void list_score(struct answering *a, const struct board_score *score)
{
	table_cell_number(a->table, score->score);
	table_cell(a->table, *score->band ? score->band : NULL);
}

static void list_province(void *context, const struct board_row *row)
{
	struct answering *a = context;
	const char *const counts[] = {row->due,  row->reported, row->on_time,      row->late,    row->missing,
				      row->held, row->refused,  row->on_time_rate, row->breaches};
	if (!has_room(a)) {
		return;
	}
	table_cell(a->table, row->area);
	table_cell(a->table, in_language(a, row->name_vi, row->name_en));
	table_cell(a->table, row->from_day);
	table_cell(a->table, row->to_day);
	table_cell(a->table, row->worst_rule);
	table_cell_number(a->table, row->worst_cost);
	table_cell(a->table, in_language(a, row->worst_title_vi, row->worst_title_en));
	table_cell(a->table, row->worst_indicator);
	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		table_cell_number(a->table, counts[i]);
	}
	table_cell(a->table, row->newest_period);
	table_cell_number(a->table, row->age_days);
	table_cell(a->table, row->data_state);
	table_cell(a->table, row->agent_state);
	table_cell_count(a->table, (uint64_t)row->fresh);
	table_cell_count(a->table, (uint64_t)row->alive);
	table_cell_count(a->table, (uint64_t)row->agents);
	list_score(a, &row->all);
	for (size_t i = 0; i < row->n_words; i++) {
		list_score(a, &row->words[i]);
	}
}

static enum store_result list_board(struct answering *a, const char *province, struct err *err)
{
	const struct board_question q = {.as_of_us = ask_time(a->ask, PARAM_AS_OF, INT64_MAX),
					 .from_day = given(a, PARAM_FROM),
					 .to_day = given(a, PARAM_TO),
					 .province = province,
					 .sort = "area"};
	COLUMNS(a->table, "area", "area_name", "from_day", "to_day", "worst_rule", "worst_cost", "worst_title",
		"worst_indicator", "due", "reported", "on_time", "late", "missing", "held", "refused", "on_time_rate",
		"breaches", "newest_period", "age_days", "data_state", "agent_state", "fresh", "alive", "agents",
		"score", "band");
	enum store_result result = store_words(a->store, name_word, a, err);
	return result == STORE_OK ? store_board(a->store, &q, list_province, a, err) : result;
}

static enum store_result give_scoreboard(struct answering *a, struct err *err)
{
	const char *area = given(a, PARAM_AREA), *province = NULL;
	struct arena *arena = arena_new(NAMES_MEMORY);
	enum store_result result = area ? find_code(a, STORE_PROVINCE, area, arena, &province, err) : STORE_OK;
	if (result == STORE_OK && area && !province) {
		problem_set(a->problem, PROBLEM_AREA, "area", area, NULL);
	} else if (result == STORE_OK) {
		result = list_board(a, province, err);
	}
	arena_free(&arena);
	return result;
}

/* ---------------------------------------------------------------- changes */

static json_t *change_json(const char *const *cells, const char *made_by)
{
	json_t *j = json_object(), *made = json_loads(made_by, 0, NULL);
	for (int i = 0; i < CHANGE_COLUMNS; i++) {
		bool is_number = change_table[i].is_number;
		json_t *value = !cells[i]   ? json_null()
				: is_number ? json_integer(strtoll(cells[i], NULL, 10))
					    : json_string(cells[i]);
		json_object_set_new(j, change_table[i].name, value);
	}
	json_object_set_new(j, "made_by", made ? made : json_array());
	return j;
}

static int add_json(const char *text, size_t len, void *body)
{
	body_add(body, text, len);
	return 0;
}

/* Takes over j. */
static void put_json(struct answering *a, json_t *j, size_t flags)
{
	json_dump_callback(j, add_json, a->body, flags);
	json_decref(j);
}

static void list_change_json(void *context, const char *const *cells, const char *made_by,
			     const struct change_shown *shown)
{
	(void)shown;
	struct answering *a = context;
	body_text(a->body, a->rows++ ? ",\n" : "\n");
	put_json(a, change_json(cells, made_by), JSON_COMPACT);
}

static void list_change(void *context, const char *const *cells, const char *made_by, const struct change_shown *shown)
{
	(void)shown;
	struct answering *a = context;
	(void)made_by;
	a->rows++;
	for (int i = 0; i < CHANGE_COLUMNS; i++) {
		table_cell(a->table, cells[i]);
	}
}

static enum store_result ask_changes(struct answering *a, change_each *each, struct changes_page *page, struct err *err)
{
	const char *since = given(a, PARAM_SINCE);
	bool is_cursor = since && *since == 'c';
	const struct changes_question q = {.indicator = given(a, PARAM_INDICATOR),
					   .period = given(a, PARAM_PERIOD),
					   .level = given(a, PARAM_LEVEL) ? given(a, PARAM_LEVEL) : "nation",
					   .boundary = given(a, PARAM_BOUNDARY),
					   .cursor = is_cursor ? since : NULL,
					   .since_us = is_cursor ? INT64_MAX : ask_time(a->ask, PARAM_SINCE, INT64_MAX),
					   .most_rows = a->most_rows};
	*page = (struct changes_page){.more = false};
	enum store_result result = check_indicator(a, err);
	if (result != STORE_OK || a->problem->id) {
		return result;
	}
	result = store_changes(a->store, &q, page, each, a, err);
	if (page->is_no_cursor) {
		ask_wrong(PARAM_SINCE, since, a->ask->in_vietnamese, a->problem);
		return STORE_OK;
	}
	if (result == STORE_OK && page->is_cut) {
		a->rows = a->most_rows + 1;
	} else if (result == STORE_OK) {
		snprintf(a->cursor, CURSOR_SIZE, "%s", page->next);
	}
	return result;
}

static enum store_result table_changes(struct answering *a, struct err *err)
{
	struct changes_page page;
	for (int i = 0; i < CHANGE_COLUMNS; i++) {
		table_column(a->table, change_table[i].name, change_table[i].name, TABLE_LEFT);
	}
	return ask_changes(a, list_change, &page, err);
}

/* The changes come first: what is known of all of them is known when they are told. */
static enum store_result give_changes(struct answering *a, struct err *err)
{
	struct changes_page page;
	body_text(a->body, "{\"changes\":[");
	enum store_result result = ask_changes(a, list_change_json, &page, err);
	body_text(a->body, "],\n\"page\":");
	put_json(a,
		 json_pack("{s:s, s:s, s:s, s:b}", "since", page.since, "until", page.until, "next", page.next, "more",
			   page.more),
		 JSON_COMPACT);
	body_text(a->body, "}\n");
	return result;
}

/* ---------------------------------------------------------------- what a figure is made of */

static void write_explanation(struct answering *a, const struct explanation *e)
{
	json_t *j = explanation_json(e);
	json_object_del(j, "explained_at"); /* the same figure is the same answer */
	put_json(a, j, JSON_INDENT(1));
	body_text(a->body, "\n");
}

/* Nothing was stated for the period: that is told, as the command tells it, and no figure of nothing. */
static enum store_result answer_explained(struct answering *a, const struct explanation *e, struct err *err)
{
	struct explanation_periods others;
	enum store_result result = explanation_periods(a->store, e, &others, err);
	if (result == STORE_OK && others.is_unknown) {
		problem_set(a->problem, PROBLEM_EMPTY, "period", e->question.period,
			    *others.nearest ? others.nearest : "–");
	} else if (result == STORE_OK) {
		write_explanation(a, e);
	}
	return result;
}

static enum store_result explain(struct answering *a, const struct explain_question *q, struct err *err)
{
	struct explanation e;
	struct arena *arena = arena_new(EXPLAIN_MEMORY);
	int64_t at_us;
	enum store_result result = store_explain_begin(a->store, &at_us, err);
	bool fine = result == STORE_OK && explanation_ask(a->store, q, at_us, arena, &e, err);
	if (result == STORE_OK) {
		store_explain_end(a->store);
	}
	if (fine && e.n == 0) {
		problem_set(a->problem, PROBLEM_NOTHING, NULL, q->area, NULL);
	} else if (fine) {
		result = answer_explained(a, &e, err);
	} else if (result == STORE_OK && err->kind == ERR_PROTOCOL) {
		a->rows = a->most_rows + 1; /* it has more contributions than fit */
	} else if (result == STORE_OK) {
		result = STORE_STALLED;
	}
	arena_free(&arena);
	return result;
}

/* The area that is asked for, by any of its codes; else the nation. */
static enum store_result find_area(struct answering *a, struct explain_area *ret, struct err *err)
{
	const char *name = given(a, PARAM_AREA) ? given(a, PARAM_AREA) : "VN", *code;
	struct arena *arena = arena_new(NAMES_MEMORY);
	enum store_result result = find_code(a, STORE_AREA, name, arena, &code, err);
	if (result == STORE_OK && !code) {
		problem_set(a->problem, PROBLEM_AREA, "area", name, NULL);
	} else if (result == STORE_OK) {
		result = store_explain_area(a->store, code, ret, err);
	}
	arena_free(&arena);
	return result;
}

static enum store_result give_explanation(struct answering *a, struct err *err)
{
	struct explain_area area;
	const char *boundary = given(a, PARAM_BOUNDARY);
	enum store_result result = check_indicator(a, err);
	if (result == STORE_OK && !a->problem->id) {
		result = find_area(a, &area, err);
	}
	if (result != STORE_OK || a->problem->id) {
		return result;
	}
	const struct explain_question q = {.indicator = given(a, PARAM_INDICATOR),
					   .period = given(a, PARAM_PERIOD),
					   .level = area.level,
					   .area = area.area,
					   .boundary = boundary || !*area.vintage ? boundary : area.vintage,
					   .as_of_us = ask_time(a->ask, PARAM_AS_OF, INT64_MAX),
					   .open = is_set(a, PARAM_OPEN)};
	return explain(a, &q, err);
}

/* ---------------------------------------------------------------- metrics */

static enum store_result give_metrics(struct answering *a, struct err *err)
{
	const struct export_meta meta = {.level = "nation",
					 .in_vietnamese = a->ask->in_vietnamese,
					 .prepared_us = a->prepared_us,
					 .as_of_us = INT64_MAX,
					 .more_follows = true};
	a->export = export_new(EXPORT_OPENMETRICS, body_add, a->body, &meta);
	enum store_result result = store_newest(a->store, a->most_rows + 1, export_one, a, err);
	if (result == STORE_OK) {
		export_end(a->export);
		told_metrics(a->told, a->body);
		body_text(a->body, "# EOF\n");
	}
	export_free(&a->export);
	return result;
}

/* ---------------------------------------------------------------- any of them */

/* Routes that list something in a table of their own; the others write their body themselves. */
static enum store_result give_table(struct answering *a, enum store_result (*give)(struct answering *, struct err *),
				    struct err *err)
{
	FILE *out = body_stream(a->body);
	a->table = table_new(a->ask->format == EXPORT_CSV ? TABLE_CSV : TABLE_JSON, out);
	enum store_result result = give(a, err);
	if (result == STORE_OK && !a->problem->id) {
		table_end(a->table);
	}
	table_free(&a->table);
	fclose(out);
	return result;
}

static enum store_result give_route(struct answering *a, struct err *err)
{
	switch (a->ask->route) {
	case ROUTE_ROLLUPS: return give_rollups(a, err);
	case ROUTE_METRICS: return give_metrics(a, err);
	case ROUTE_INDICATORS: return give_table(a, give_indicators, err);
	case ROUTE_AREAS: return give_table(a, give_areas, err);
	case ROUTE_CLAIMS: return give_table(a, give_claims, err);
	case ROUTE_SCOREBOARD: return give_table(a, give_scoreboard, err);
	case ROUTE_CHANGES:
		return a->ask->format == EXPORT_CSV ? give_table(a, table_changes, err) : give_changes(a, err);
	case ROUTE_EXPLAIN: return give_explanation(a, err);
	case ROUTE_HEALTH:
	case ROUTE_KINDS: break; /* answered without a reader */
	}
	return STORE_BROKEN;
}

/* What will be known cannot be known: a moment that has not come by the database's clock is refused. */
static enum store_result check_moments(struct answering *a, struct err *err)
{
	int64_t now_us;
	if (!ask_names_moment(a->ask)) {
		return STORE_OK;
	}
	enum store_result result = store_now(a->store, &now_us, err);
	if (result == STORE_OK) {
		(void)ask_has_come(a->ask, now_us, a->problem);
	}
	return result;
}

enum store_result answers_give(struct answering *a, struct err *err)
{
	enum store_result result = check_moments(a, err);
	if (result == STORE_OK && !a->problem->id) {
		result = give_route(a, err);
	}
	if (result == STORE_OK && !a->problem->id) {
		check_room(a);
	}
	return result;
}
