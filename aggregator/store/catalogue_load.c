/* SPDX-License-Identifier: Apache-2.0 */
#include "catalogue_store.h"
#include "connection.h"
#include "lang.h"
#include "mem.h"
#include "numbers.h"
#include "store_centre.h"
#include "text.h"

#include <stdlib.h>
#include <string.h>

struct load {
	const struct catalogue *catalogue;
	const struct catalogue_file *files;
	size_t n_files;
	const char *note;
	uint32_t version;
	bool is_new;
};

/* ---------------------------------------------------------------- the version */

static int by_name(const void *a, const void *b)
{
	const struct catalogue_file *const *x = a, *const *y = b;

	return strcmp((*x)->name, (*y)->name);
}

/* One digest over all files, in order of their names: two folders with the same content have the same. */
static void digest_files(const struct load *l, struct digest *ret)
{
	const struct catalogue_file **sorted = xcalloc(l->n_files, sizeof *sorted);
	struct digest file;

	for (size_t i = 0; i < l->n_files; i++) {
		sorted[i] = &l->files[i];
	}
	qsort(sorted, l->n_files, sizeof *sorted, by_name);
	*ret = (struct digest){{0}};
	for (size_t i = 0; i < l->n_files; i++) {
		digest_report(sorted[i]->name, strlen(sorted[i]->name), &file);
		chain_next(ret, &file, ret);
		digest_report(sorted[i]->content, sorted[i]->len, &file);
		chain_next(ret, &file, ret);
	}
	free(sorted);
}

/* The newest version and whether its digest is this one. */
static enum store_result compare_newest(struct store *s, const struct digest *digest, struct load *l, struct err *err)
{
	struct digest newest;
	PGresult *r;
	enum store_result result = connection_ask(
	    s, "SELECT version, digest FROM tram.catalogue ORDER BY version DESC LIMIT 1", NULL, &r, err);

	l->version = PQntuples(r) > 0 ? (uint32_t)cell_int(r, 0, 0) : 0;
	l->is_new = l->version == 0 || !cell_bytes(r, 0, 1, newest.bytes, sizeof newest.bytes) ||
		    memcmp(newest.bytes, digest->bytes, sizeof newest.bytes) != 0;
	PQclear(r);
	return result;
}

static enum store_result add_version(struct store *s, const struct digest *digest, struct load *l, struct err *err)
{
	struct params p;
	PGresult *r;
	enum store_result result;

	l->version++;
	params_init(&p);
	params_int32(&p, (int32_t)l->version);
	params_bytes(&p, digest->bytes, sizeof digest->bytes);
	params_text(&p, l->note);
	result =
	    connection_ask(s, "INSERT INTO tram.catalogue (version, digest, note) VALUES ($1, $2, $3)", &p, &r, err);
	PQclear(r);
	params_done(&p);
	if (result == STORE_OK) {
		result = copy_begin(s, "tram.catalogue_file", "version, name, content", 3, err);
	}
	if (result != STORE_OK) {
		return result;
	}
	for (size_t i = 0; i < l->n_files; i++) {
		copy_row(s->copy);
		copy_int32(s->copy, (int32_t)l->version);
		copy_text(s->copy, l->files[i].name);
		copy_bytes(s->copy, l->files[i].content, l->files[i].len);
	}
	return copy_end(s, err);
}

/* ---------------------------------------------------------------- numbers */

static enum store_result add_names(struct store *s, const char *sql, const char *const *first, size_t stride, size_t n,
				   struct err *err)
{
	struct params p;
	PGresult *r;
	enum store_result result;

	params_init(&p);
	params_texts(&p, first, stride, n);
	result = connection_ask(s, sql, &p, &r, err);
	PQclear(r);
	params_done(&p);
	return result;
}

/* New areas and indicators get their numbers; those that have one keep it. */
static enum store_result add_numbers(struct store *s, const struct catalogue *c, struct err *err)
{
	static const char areas_sql[] = "INSERT INTO tram.area_number (area)"
					" SELECT n.name FROM unnest($1) WITH ORDINALITY n(name, i)"
					" WHERE NOT EXISTS (SELECT FROM tram.area_number a WHERE a.area = n.name)"
					" GROUP BY n.name ORDER BY min(n.i)";
	static const char series_sql[] = "INSERT INTO tram.series (indicator)"
					 " SELECT n.name FROM unnest($1) WITH ORDINALITY n(name, i) WHERE NOT EXISTS"
					 " (SELECT FROM tram.series s WHERE s.indicator = n.name AND s.dimensions = '')"
					 " ORDER BY n.i";
	const struct area *areas;
	const struct indicator *indicators;
	size_t n_areas = catalogue_areas(c, &areas), n_indicators = catalogue_indicators(c, &indicators);
	enum store_result result = add_names(s, areas_sql, &areas->area, sizeof *areas, n_areas, err);

	if (result == STORE_OK) {
		result = add_names(s, series_sql, &indicators->code, sizeof *indicators, n_indicators, err);
	}
	return result == STORE_OK ? numbers_load(s, err) : result;
}

/* ---------------------------------------------------------------- rows, one function a table */

void copy_date_or_null(struct copy *c, int32_t day)
{
	if (day == DATE_OPEN || day == DATE_ALWAYS) {
		copy_null(c);
	} else {
		copy_date(c, day);
	}
}

static void copy_decimal_text(struct copy *c, const char *text)
{
	struct decimal d = {0};
	bool there = *text && decimal_parse(text, strlen(text), DECIMAL_LOCALE_NONE, &d) == DECIMAL_FINE;

	copy_numeric(c, there, d);
}

static void copy_day_text(struct copy *c, const char *text)
{
	int32_t day;

	if (date_parse(text, &day)) {
		copy_date(c, day);
	} else {
		copy_null(c);
	}
}

static void put_area(struct copy *c, const struct area *a, int32_t area_no)
{
	copy_row(c);
	copy_text(c, a->area);
	copy_int32(c, area_no);
	copy_text(c, area_level_name(a->level));
	copy_text(c, a->vintage);
	copy_text(c, a->code);
	copy_text(c, a->parent);
	copy_date(c, a->valid_from);
	copy_date_or_null(c, a->valid_to);
	copy_text(c, a->name_vi);
	copy_text(c, a->short_name_vi);
	copy_text(c, a->name_en);
	copy_text(c, a->kind);
	copy_text(c, a->iso_3166_2);
	if (a->coastal < 0) {
		copy_null(c);
	} else {
		copy_bool(c, a->coastal);
	}
	copy_numeric(c, a->has_population, decimal_int(a->population));
}

static void put_areas(struct store *s, const struct catalogue *c)
{
	const struct area *areas;
	size_t n = catalogue_areas(c, &areas);

	for (size_t i = 0; i < n; i++) {
		put_area(s->copy, &areas[i], numbers_area(s, areas[i].area));
	}
}

static void put_successions(struct store *s, const struct catalogue *c)
{
	const struct area_succession *rows;
	size_t n = catalogue_successions(c, &rows);

	for (size_t i = 0; i < n; i++) {
		copy_row(s->copy);
		copy_text(s->copy, rows[i].predecessor);
		copy_text(s->copy, rows[i].successor);
		copy_day_text(s->copy, rows[i].effective_date);
	}
}

/* Dataflows share calendars: the first that names one puts its rules. */
static bool is_first(const struct dataflow *rows, const struct dataflow *d, bool of_due)
{
	for (const struct dataflow *before = rows; before < d; before++) {
		if (of_due ? before->due == d->due : before->calendar == d->calendar) {
			return false;
		}
	}
	return of_due ? d->due != NULL : d->calendar != NULL;
}

static void put_calendars(struct store *s, const struct catalogue *c)
{
	const struct dataflow *rows;
	size_t n = catalogue_dataflows(c, &rows);

	for (const struct dataflow *d = rows; d < rows + n; d++) {
		for (size_t i = 0; is_first(rows, d, false) && i < d->calendar->n_rules; i++) {
			const struct calendar_rule *rule = &d->calendar->rules[i];

			copy_row(s->copy);
			copy_text(s->copy, d->calendar->code);
			copy_char(s->copy, rule->frequency);
			copy_int32(s->copy, rule->from_month);
			copy_int32(s->copy, rule->from_day);
			copy_int32(s->copy, rule->to_month);
			copy_int32(s->copy, rule->to_day);
		}
	}
}

static void put_dues(struct store *s, const struct catalogue *c)
{
	const struct dataflow *rows;
	size_t n = catalogue_dataflows(c, &rows);

	for (const struct dataflow *d = rows; d < rows + n; d++) {
		for (size_t i = 0; is_first(rows, d, true) && i < d->due->n_rules; i++) {
			const struct due_rule *rule = &d->due->rules[i];

			copy_row(s->copy);
			copy_text(s->copy, d->due->code);
			copy_char(s->copy, rule->frequency);
			copy_int32(s->copy, rule->month);
			copy_int32(s->copy, rule->day);
		}
	}
}

static void put_dataflows(struct store *s, const struct catalogue *c)
{
	const struct dataflow *rows;
	size_t n = catalogue_dataflows(c, &rows);

	for (const struct dataflow *d = rows; d < rows + n; d++) {
		copy_row(s->copy);
		copy_text(s->copy, d->code);
		copy_text(s->copy, d->name_vi);
		copy_text(s->copy, d->name_en);
		copy_text(s->copy, d->provided_by == PROVIDER_CENTRE ? "centre" : "province");
		copy_text(s->copy, d->frequencies);
		copy_text(s->copy, d->calendar ? d->calendar->code : "");
		copy_text(s->copy, d->due ? d->due->code : "");
		copy_date(s->copy, d->valid_from);
		copy_date_or_null(s->copy, d->valid_to);
		copy_text(s->copy, area_level_name(d->area_level));
	}
}

static void put_indicator(struct copy *c, const struct indicator *i)
{
	copy_row(c);
	copy_text(c, i->code);
	copy_text(c, i->dataflow->code);
	copy_text(c, i->name_vi);
	copy_text(c, i->name_en);
	copy_text(c, value_type_name(i->value_type));
	copy_text(c, i->unit);
	copy_text(c, i->unit_vi);
	copy_int32(c, i->display_unit_mult);
	copy_int32(c, i->display_decimals);
	copy_bool(c, i->integer);
	copy_numeric(c, i->has_min, i->min);
	copy_numeric(c, i->has_max, i->max);
	copy_text(c, indicator_kind_name(i->kind));
	copy_text(c, over_area_name(i->over_area));
	copy_text(c, over_time_name(i->over_time));
	copy_text(c, i->mean_weight);
	copy_text(c, i->coverage_weight);
	copy_text(c, i->derives_from);
	copy_text(c, i->dimensions);
	copy_text(c, i->denominator_vi);
	copy_text(c, i->frequencies);
	copy_bool(c, i->mandatory);
	copy_int32(c, i->max_age_days);
	copy_text(c, i->source_system);
	copy_date(c, i->valid_from);
	copy_date_or_null(c, i->valid_to);
	copy_text(c, i->notes);
	if (i->gate_percent > 0) {
		copy_int32(c, i->gate_percent);
	} else {
		copy_null(c);
	}
	copy_text(c, i->target_of);
}

static void put_indicators(struct store *s, const struct catalogue *c)
{
	const struct indicator *rows;
	size_t n = catalogue_indicators(c, &rows);

	for (size_t i = 0; i < n; i++) {
		put_indicator(s->copy, &rows[i]);
	}
}

static void put_providers(struct store *s, const struct catalogue *c)
{
	const struct provider *rows;
	size_t n = catalogue_providers(c, &rows);

	for (const struct provider *p = rows; p < rows + n; p++) {
		copy_row(s->copy);
		copy_text(s->copy, p->code);
		copy_text(s->copy, p->kind == PROVIDER_CENTRE ? "centre" : "province");
		copy_text(s->copy, p->area);
		copy_text(s->copy, p->name_vi);
		copy_text(s->copy, p->name_en);
		copy_text(s->copy, p->agent);
	}
}

static void put_published(struct store *s, const struct catalogue *c)
{
	const struct published_figure *rows;
	size_t n = catalogue_published(c, &rows);

	for (const struct published_figure *f = rows; f < rows + n; f++) {
		copy_row(s->copy);
		copy_int32(s->copy, f->figure_no);
		copy_text(s->copy, f->indicator->code);
		copy_text(s->copy, f->time_period);
		copy_day_text(s->copy, f->reference_date);
		copy_decimal_text(s->copy, f->value);
		copy_decimal_text(s->copy, f->numerator);
		copy_decimal_text(s->copy, f->denominator);
		if (*f->rank_out_of) {
			copy_int32(s->copy, (int32_t)strtol(f->rank_out_of, NULL, 10));
		} else {
			copy_null(s->copy);
		}
		copy_text(s->copy, f->unit);
		copy_int32(s->copy, f->unit_mult);
		copy_text(s->copy, f->qualifier);
		copy_text(s->copy, f->obs_status);
		copy_day_text(s->copy, f->announced_on);
		copy_text(s->copy, f->source);
		copy_text(s->copy, f->quote_vi);
	}
}

/* In an order in which nothing refers to what is not there yet. */
static const struct table {
	const char *name, *columns;
	int n_columns;
	void (*put)(struct store *s, const struct catalogue *c);
} tables[] = {
    {"tram.word", "word_no, word, name_vi, name_en, weight", 5, put_words},
    {"tram.rule",
     "rule, word, severity, title_vi, title_en, message_vi, message_en, remedy_vi, remedy_en, applies_to, weight, "
     "valid_from, valid_to",
     13, put_rules},
    {"tram.area",
     "area, area_no, level, vintage, code, parent, valid_from, valid_to, name_vi, short_name_vi, name_en, kind, "
     "iso_3166_2, coastal, population",
     15, put_areas},
    {"tram.area_succession", "predecessor, successor, effective_date", 3, put_successions},
    {"tram.calendar_rule", "calendar, frequency, from_month, from_day, to_month, to_day", 6, put_calendars},
    {"tram.parameter", "parameter, value", 2, put_parameters},
    {"tram.cross_rule",
     "code, rule, left_side, operator, right_side, tolerance, tolerance_percent, missing, severity, valid_from, "
     "valid_to, "
     "note_vi, note_en",
     13, put_cross_rules},
    {"tram.reference", "reference, area, valid_from, valid_to, value, unit, source", 7, put_references},
    {"tram.reference_rule", "indicator, field, reference, operator, tolerance_percent, severity", 6,
     put_reference_rules},
    {"tram.justification_code", "code, name_vi, name_en, needs_text", 4, put_justifications},
    {"tram.due_rule", "due, frequency, month, day", 4, put_dues},
    {"tram.dataflow",
     "dataflow, name_vi, name_en, provided_by, frequencies, calendar, due, valid_from, valid_to, area_level", 10,
     put_dataflows},
    {"tram.indicator",
     "indicator, dataflow, name_vi, name_en, value_type, unit, unit_vi, display_unit_mult, display_decimals, "
     "is_integer, min_value, max_value, kind, over_area, over_time, mean_weight, coverage_weight, derives_from, "
     "dimensions, "
     "denominator_vi, frequencies, mandatory, max_age_days, source_system, valid_from, valid_to, notes, gate_percent, "
     "target_of",
     29, put_indicators},
    {"tram.provider", "provider, kind, area, name_vi, name_en, agent", 6, put_providers},
    {"tram.published_figure",
     "figure_no, indicator, time_period, reference_date, value, numerator, denominator, rank_out_of, unit, unit_mult, "
     "qualifier, obs_status, announced_on, source, quote_vi",
     15, put_published},
};
enum { N_TABLES = sizeof tables / sizeof *tables };

static enum store_result empty_tables(struct store *s, struct err *err)
{
	enum store_result result = STORE_OK;

	for (size_t i = N_TABLES; result == STORE_OK && i > 0; i--) {
		char *sql = xasprintf("DELETE FROM %s", tables[i - 1].name);

		result = connection_run(s, sql, err);
		free(sql);
	}
	return result;
}

static enum store_result fill_tables(struct store *s, const struct load *l, struct err *err)
{
	enum store_result result = STORE_OK;

	for (size_t i = 0; result == STORE_OK && i < N_TABLES; i++) {
		result = copy_begin(s, tables[i].name, tables[i].columns, tables[i].n_columns, err);
		if (result == STORE_OK) {
			tables[i].put(s, l->catalogue);
			result = copy_end(s, err);
		}
	}
	return result;
}

/* The tables are made anew even when the files are the same: rules and words are the program's, which may be newer. */
static enum store_result load(struct store *s, void *context, struct err *err)
{
	struct load *l = context;
	struct digest digest;
	enum store_result result;

	digest_files(l, &digest);
	result = check_use(s, l->catalogue, err);
	if (result == STORE_OK) {
		result = compare_newest(s, &digest, l, err);
	}
	if (result == STORE_OK && l->is_new) {
		result = add_version(s, &digest, l, err);
	}
	if (result == STORE_OK && l->is_new) {
		result = add_rule_texts(s, l->catalogue, l->version, err);
	}
	if (result == STORE_OK) {
		result = add_numbers(s, l->catalogue, err);
	}
	if (result == STORE_OK) {
		result = empty_tables(s, err);
	}
	if (result == STORE_OK) {
		result = fill_tables(s, l, err);
	}
	if (result == STORE_OK) {
		result = connection_run(s, "SELECT tram.communes_loaded()", err);
	}
	return result == STORE_OK ? connection_run(s, "NOTIFY tram, 'catalogue'", err) : result;
}

enum store_result store_catalogue_load(struct store *s, const struct catalogue *c, const struct catalogue_file *files,
				       size_t n, const char *note, uint32_t *ret_version, bool *ret_new,
				       struct err *err)
{
	struct load l = {.catalogue = c, .files = files, .n_files = n, .note = note};
	enum store_result result = connection_transaction(s, load, &l, err);

	*ret_version = l.version;
	*ret_new = l.is_new;
	return result;
}
