/* SPDX-License-Identifier: Apache-2.0 */
#include "inside.h"
#include "lang.h"

#include <stdlib.h>
#include <string.h>

bool build_room(struct catalogue *c, size_t n, size_t size, void *ret_items, struct lookup *lookup)
{
	void *items = arena_calloc(c->arena, n, size);

	memcpy(ret_items, &items, sizeof items);
	return items && (!lookup || lookup_init(lookup, c->arena, n));
}

void build_code(struct loading *l, enum file file, int line, struct lookup *lookup, const char *code, size_t place)
{
	if (lookup_put(lookup, code, (uint32_t)place) != LOOKUP_NONE) {
		MISTAKE(l, file, line, _("'%s' stands on an earlier line already; keep one"), code);
	}
}

void build_validity(struct loading *l, enum file file, int line, int32_t from, int32_t to)
{
	if (from > to) {
		MISTAKE(l, file, line, _("valid_from is later than valid_to; mend one of them"));
	}
}

/* ---------------------------------------------------------------- parameters, calendars, due dates */

static const struct {
	const char *name;
	int value, least, most;
	const char *text;
} parameters[] = {
#define PARAMETER(identifier, name, value, least, most, text) {name, value, least, most, text},
#include "parameters.def"
#undef PARAMETER
};

const char *catalogue_parameter_name(enum parameter parameter)
{
	return parameters[parameter].name;
}

struct parameter_bounds catalogue_parameter_bounds(enum parameter parameter)
{
	return (struct parameter_bounds){parameters[parameter].value, parameters[parameter].least,
					 parameters[parameter].most};
}

static size_t parameter_named(const char *name)
{
	size_t i = 0;

	while (i < N_PARAMETERS && strcmp(parameters[i].name, name) != 0) {
		i++;
	}
	return i;
}

static void build_parameter(struct loading *l, const struct parameter_row *row, bool *there)
{
	size_t i = parameter_named(row->parameter);

	if (i == N_PARAMETERS) {
		MISTAKE(l, FILE_PARAMETERS, row->line,
			_("parameter '%s' is unknown; tram rules list --parameters names those that rules take"),
			row->parameter);
		return;
	}
	if (there[i]) {
		MISTAKE(l, FILE_PARAMETERS, row->line, _("'%s' stands on an earlier line already; keep one"),
			row->parameter);
	}
	if (row->value < parameters[i].least || row->value > parameters[i].most) {
		MISTAKE(l, FILE_PARAMETERS, row->line, _("%s: '%d' is no whole number from %d to %d"), row->parameter,
			row->value, parameters[i].least, parameters[i].most);
	}
	there[i] = true;
	l->c->parameters[i] = row->value;
	l->c->parameter_notes_vi[i] = row->note_vi;
	l->c->parameter_notes_en[i] = row->note_en;
}

static void build_parameters(struct loading *l)
{
	bool there[N_PARAMETERS] = {false};

	for (size_t i = 0; i < N_PARAMETERS; i++) {
		l->c->parameters[i] = parameters[i].value;
		l->c->parameter_notes_vi[i] = l->c->parameter_notes_en[i] = parameters[i].text;
	}
	for (size_t i = 0; i < l->rows[FILE_PARAMETERS].n; i++) {
		build_parameter(l, ROW(l, FILE_PARAMETERS, parameter_row, i), there);
	}
}

/* The calendar of that code, made when it is new. */
static struct calendar *calendar_named(struct catalogue *c, const char *code, uint32_t *n)
{
	uint32_t place = lookup_put(&c->calendar_of, code, *n);

	if (place == LOOKUP_NONE) {
		place = (*n)++;
		c->calendars[place].code = code;
	}
	return &c->calendars[place];
}

static bool has_calendar_rule(const struct calendar *calendar, char frequency)
{
	for (size_t i = 0; i < calendar->n_rules; i++) {
		if (calendar->rules[i].frequency == frequency) {
			return true;
		}
	}
	return false;
}

static bool is_monthly_frequency(const char *frequency)
{
	return *frequency && strchr("ASQM", *frequency) && !frequency[1];
}

static bool build_calendars(struct loading *l)
{
	const struct records *rows = &l->rows[FILE_CALENDARS];
	uint32_t n = 0;

	if (!build_room(l->c, rows->n, sizeof *l->c->calendars, &l->c->calendars, &l->c->calendar_of)) {
		return false;
	}
	for (size_t i = 0; i < rows->n; i++) {
		const struct calendar_row *row = ROW(l, FILE_CALENDARS, calendar_row, i);
		struct calendar *calendar = calendar_named(l->c, row->calendar, &n);

		if (!is_monthly_frequency(row->frequency)) {
			MISTAKE(l, FILE_CALENDARS, row->line,
				_("frequency '%s': a calendar has one of A, S, Q, M a line"), row->frequency);
		} else if (has_calendar_rule(calendar, *row->frequency)) {
			MISTAKE(l, FILE_CALENDARS, row->line,
				_("calendar '%s' has frequency %s on an earlier line already; keep one"), row->calendar,
				row->frequency);
		} else {
			calendar->rules[calendar->n_rules++] = (struct calendar_rule){
			    *row->frequency, row->from_month, row->from_day, row->to_month, row->to_day};
		}
	}
	return true;
}

static struct due *due_named(struct catalogue *c, const char *code, uint32_t *n)
{
	uint32_t place = lookup_put(&c->due_of, code, *n);

	if (place == LOOKUP_NONE) {
		place = (*n)++;
		c->dues[place].code = code;
	}
	return &c->dues[place];
}

static bool has_due_rule(const struct due *due, char frequency)
{
	for (size_t i = 0; i < due->n_rules; i++) {
		if (due->rules[i].frequency == frequency) {
			return true;
		}
	}
	return false;
}

static bool build_dues(struct loading *l)
{
	const struct records *rows = &l->rows[FILE_DUE_DATES];
	uint32_t n = 0;

	if (!build_room(l->c, rows->n, sizeof *l->c->dues, &l->c->dues, &l->c->due_of)) {
		return false;
	}
	for (size_t i = 0; i < rows->n; i++) {
		const struct due_row *row = ROW(l, FILE_DUE_DATES, due_row, i);
		struct due *due = due_named(l->c, row->due, &n);

		if (!is_monthly_frequency(row->frequency)) {
			MISTAKE(l, FILE_DUE_DATES, row->line,
				_("frequency '%s': a due date has one of A, S, Q, M a line"), row->frequency);
		} else if (has_due_rule(due, *row->frequency)) {
			MISTAKE(l, FILE_DUE_DATES, row->line,
				_("due '%s' has frequency %s on an earlier line already; keep one"), row->due,
				row->frequency);
		} else {
			due->rules[due->n_rules++] = (struct due_rule){*row->frequency, row->month, row->day};
		}
	}
	return true;
}

/* ---------------------------------------------------------------- areas */

static bool read_population(const struct optional_decimal *from, int64_t *ret)
{
	struct decimal whole = decimal_trim(from->d);

	*ret = whole.mantissa;
	return whole.scale == 0 && whole.mantissa >= 0;
}

static void build_area(struct loading *l, const struct area_row *row, struct area *area)
{
	*area = (struct area){.area = row->area,
			      .level = (enum area_level)row->level,
			      .vintage = row->vintage,
			      .code = row->code,
			      .parent = row->parent,
			      .valid_from = row->valid_from,
			      .valid_to = row->valid_to,
			      .name_vi = row->name_vi,
			      .short_name_vi = row->short_name_vi,
			      .name_en = row->name_en,
			      .kind = row->kind,
			      .iso_3166_2 = row->iso_3166_2,
			      .coastal = row->coastal,
			      .has_population = row->population.has};
	if (row->population.has && !read_population(&row->population, &area->population)) {
		MISTAKE(l, FILE_AREAS, row->line, _("population must be a whole number of persons, not below 0"));
	}
	build_validity(l, FILE_AREAS, row->line, row->valid_from, row->valid_to);
}

static int compare_areas(const struct area *a, const struct area *b, int by_text)
{
	if (by_text != 0) {
		return by_text;
	}
	return a->valid_from != b->valid_from ? (a->valid_from < b->valid_from ? -1 : 1) : (a > b) - (a < b);
}

static int compare_identity(const void *a, const void *b, void *areas)
{
	const struct area *x = (const struct area *)areas + *(const uint32_t *)a,
			  *y = (const struct area *)areas + *(const uint32_t *)b;

	return compare_areas(x, y, strcmp(x->area, y->area));
}

static int compare_code(const void *a, const void *b, void *areas)
{
	const struct area *x = (const struct area *)areas + *(const uint32_t *)a,
			  *y = (const struct area *)areas + *(const uint32_t *)b;

	return compare_areas(x, y, strcmp(x->code, y->code));
}

static bool sort_areas(struct catalogue *c, uint32_t **ret, int (*compare)(const void *, const void *, void *))
{
	uint32_t *order = arena_calloc(c->arena, c->n_areas, sizeof *order);

	for (size_t i = 0; order && i < c->n_areas; i++) {
		order[i] = (uint32_t)i;
	}
	if (order) {
		qsort_r(order, c->n_areas, sizeof *order, compare, c->areas);
	}
	*ret = order;
	return order != NULL;
}

/* Numbers identities densely and finds the first row of each identity and code. */
static bool index_areas(struct catalogue *c)
{
	uint32_t identity = 0;

	if (!sort_areas(c, &c->by_identity, compare_identity) || !sort_areas(c, &c->by_code, compare_code) ||
	    !lookup_init(&c->identity_of, c->arena, c->n_areas) || !lookup_init(&c->code_of, c->arena, c->n_areas)) {
		return false;
	}
	for (size_t i = 0; i < c->n_areas; i++) {
		struct area *area = &c->areas[c->by_identity[i]];

		identity += lookup_put(&c->identity_of, area->area, (uint32_t)i) == LOOKUP_NONE;
		area->identity = identity - 1;
		area = &c->areas[c->by_code[i]];
		if (*area->code) {
			lookup_put(&c->code_of, area->code, (uint32_t)i);
		}
	}
	return true;
}

static bool build_areas(struct loading *l)
{
	const struct records *rows = &l->rows[FILE_AREAS];

	if (!build_room(l->c, rows->n, sizeof *l->c->areas, &l->c->areas, NULL)) {
		return false;
	}
	l->c->n_areas = rows->n;
	for (size_t i = 0; i < rows->n; i++) {
		build_area(l, ROW(l, FILE_AREAS, area_row, i), &l->c->areas[i]);
	}
	return index_areas(l->c);
}

static bool build_successions(struct loading *l)
{
	const struct records *rows = &l->rows[FILE_SUCCESSION];

	if (!build_room(l->c, rows->n, sizeof *l->c->successions, &l->c->successions, NULL)) {
		return false;
	}
	l->c->n_successions = rows->n;
	for (size_t i = 0; i < rows->n; i++) {
		const struct succession_row *row = ROW(l, FILE_SUCCESSION, succession_row, i);

		l->c->successions[i] = (struct area_succession){row->predecessor, row->successor, row->effective_date};
	}
	return true;
}

/* ---------------------------------------------------------------- providers, sources */

static bool build_providers(struct loading *l)
{
	const struct records *rows = &l->rows[FILE_PROVIDERS];
	struct catalogue *c = l->c;

	if (!build_room(c, rows->n, sizeof *c->providers, &c->providers, &c->provider_of)) {
		return false;
	}
	c->n_providers = rows->n;
	for (size_t i = 0; i < rows->n; i++) {
		const struct provider_row *row = ROW(l, FILE_PROVIDERS, provider_row, i);

		c->providers[i] = (struct provider){.code = row->provider,
						    .kind = (enum provider_kind)row->kind,
						    .area = row->area,
						    .name_vi = row->name_vi,
						    .name_en = row->name_en,
						    .agent = row->agent};
		build_code(l, FILE_PROVIDERS, row->line, &c->provider_of, row->provider, i);
	}
	return true;
}

static bool build_sources(struct loading *l)
{
	const struct records *systems = &l->rows[FILE_SOURCE_SYSTEMS], *sources = &l->rows[FILE_SOURCES];

	if (!lookup_init(&l->c->source_system_of, l->c->arena, systems->n) ||
	    !lookup_init(&l->c->source_of, l->c->arena, sources->n)) {
		return false;
	}
	for (size_t i = 0; i < systems->n; i++) {
		const struct source_system_row *row = ROW(l, FILE_SOURCE_SYSTEMS, source_system_row, i);

		build_code(l, FILE_SOURCE_SYSTEMS, row->line, &l->c->source_system_of, row->code, i);
	}
	for (size_t i = 0; i < sources->n; i++) {
		const struct source_row *row = ROW(l, FILE_SOURCES, source_row, i);

		build_code(l, FILE_SOURCES, row->line, &l->c->source_of, row->source, i);
	}
	return true;
}

static bool build_dimensions(struct loading *l)
{
	const struct records *rows = &l->rows[FILE_DIMENSIONS];

	if (!lookup_init(&l->c->dimension_of, l->c->arena, rows->n) ||
	    !lookup_init(&l->c->dimension_code_of, l->c->arena, rows->n)) {
		return false;
	}
	for (size_t i = 0; i < rows->n; i++) {
		const struct dimension_row *row = ROW(l, FILE_DIMENSIONS, dimension_row, i);
		const char *id_and_code = arena_printf(l->c->arena, "%s=%s", row->dimension, row->code);

		if (!id_and_code) {
			return false;
		}
		lookup_put(&l->c->dimension_of, row->dimension, (uint32_t)i);
		build_code(l, FILE_DIMENSIONS, row->line, &l->c->dimension_code_of, id_and_code, i);
	}
	return true;
}

/* ---------------------------------------------------------------- dataflows, indicators */

static void build_dataflow(struct loading *l, const struct dataflow_row *row, struct dataflow *dataflow)
{
	uint32_t calendar = lookup_get(&l->c->calendar_of, row->calendar), due = lookup_get(&l->c->due_of, row->due);

	*dataflow = (struct dataflow){
	    .code = row->code,
	    .name_vi = row->name_vi,
	    .name_en = row->name_en,
	    .provided_by = (enum provider_kind)row->provided_by,
	    .area_level = row->area_level == RECORDS_ABSENT ? AREA_PROVINCE : (enum area_level)row->area_level,
	    .frequencies = row->frequencies,
	    .calendar = calendar == LOOKUP_NONE ? NULL : &l->c->calendars[calendar],
	    .due = due == LOOKUP_NONE ? NULL : &l->c->dues[due],
	    .valid_from = row->valid_from,
	    .valid_to = row->valid_to};
	if (!dataflow->calendar) {
		MISTAKE(l, FILE_DATAFLOWS, row->line,
			_("calendar '%s' is not in calendars.csv; add it or mend the name"), row->calendar);
	}
	if (!dataflow->due && *row->due) {
		MISTAKE(l, FILE_DATAFLOWS, row->line, _("due '%s' is not in due_dates.csv; add it or mend the name"),
			row->due);
	}
	build_validity(l, FILE_DATAFLOWS, row->line, row->valid_from, row->valid_to);
}

static bool build_dataflows(struct loading *l)
{
	const struct records *rows = &l->rows[FILE_DATAFLOWS];
	struct catalogue *c = l->c;

	if (!build_room(c, rows->n, sizeof *c->dataflows, &c->dataflows, &c->dataflow_of)) {
		return false;
	}
	c->n_dataflows = rows->n;
	for (size_t i = 0; i < rows->n; i++) {
		const struct dataflow_row *row = ROW(l, FILE_DATAFLOWS, dataflow_row, i);

		build_dataflow(l, row, &c->dataflows[i]);
		build_code(l, FILE_DATAFLOWS, row->line, &c->dataflow_of, row->code, i);
	}
	return true;
}

static void build_indicator(struct loading *l, const struct indicator_row *row, struct indicator *i)
{
	uint32_t dataflow = lookup_get(&l->c->dataflow_of, row->dataflow);
	enum indicator_kind kind = (enum indicator_kind)row->kind;
	bool count_ratio = kind == KIND_COUNT_RATIO;

	*i = (struct indicator){.code = row->code,
				.dataflow = dataflow == LOOKUP_NONE ? NULL : &l->c->dataflows[dataflow],
				.name_vi = row->name_vi,
				.name_en = row->name_en,
				.value_type = (enum value_type)row->value_type,
				.unit = row->unit,
				.unit_vi = row->unit_vi,
				.display_unit_mult = row->display_unit_mult,
				.display_decimals = row->display_decimals,
				.integer = row->integer,
				.has_min = row->min.has,
				.has_max = row->max.has,
				.min = row->min.d,
				.max = row->max.d,
				.kind = kind,
				.over_area = (enum over_area)row->over_area,
				.over_time = (enum over_time)row->over_time,
				.mean_weight = row->mean_weight,
				.coverage_weight = row->coverage_weight,
				.derives_from = row->derives_from,
				.denominator_vi = row->denominator_vi,
				.dimensions = row->dimensions,
				.units_min_percent =
				    row->units_min_percent == RECORDS_ABSENT ? 0 : row->units_min_percent,
				.gate_percent = row->gate_percent == RECORDS_ABSENT ? 0 : row->gate_percent,
				.target_of = row->target_of,
				.frequencies = row->frequencies,
				.mandatory = row->mandatory,
				.max_age_days = row->max_age_days,
				.source_system = row->source_system,
				.valid_from = row->valid_from,
				.valid_to = row->valid_to,
				.notes = row->notes};
	i->has_parts = count_ratio || i->over_area == OVER_AREA_RATIO_OF_SUMS;
	i->part_of_whole = count_ratio || (i->has_parts && i->value_type == VALUE_PERCENT);
	i->weighs_observation = strcmp(i->mean_weight, "observation") == 0;
	if (!i->dataflow) {
		MISTAKE(l, FILE_INDICATORS, row->line,
			_("dataflow '%s' is not in dataflows.csv; add it or mend the name"), row->dataflow);
	}
	build_validity(l, FILE_INDICATORS, row->line, row->valid_from, row->valid_to);
}

static bool build_indicators(struct loading *l)
{
	const struct records *rows = &l->rows[FILE_INDICATORS];
	struct catalogue *c = l->c;

	if (!build_room(c, rows->n, sizeof *c->indicators, &c->indicators, &c->indicator_of)) {
		return false;
	}
	c->n_indicators = rows->n;
	for (size_t i = 0; i < rows->n; i++) {
		const struct indicator_row *row = ROW(l, FILE_INDICATORS, indicator_row, i);

		build_indicator(l, row, &c->indicators[i]);
		c->indicators[i].position = (uint32_t)i;
		build_code(l, FILE_INDICATORS, row->line, &c->indicator_of, row->code, i);
	}
	return true;
}

/* ---------------------------------------------------------------- cross rules, published figures */

static bool build_cross_rule(struct loading *l, const struct cross_rule_row *row, struct cross_rule *rule)
{
	*rule = (struct cross_rule){.code = row->code,
				    .rule = catalogue_rule(l->c, row->rule),
				    .left = catalogue_indicator(l->c, row->left),
				    .right_text = row->right,
				    .operator=(enum cross_operator) row->operator,
				    .tolerance = row->tolerance.d,
				    .tolerance_percent = row->tolerance_percent.d,
				    .missing = (enum missing_policy)row->missing,
				    .severity = (enum severity)(SEVERITY_BLOCK - row->severity),
				    .valid_from = row->valid_from == DATE_OPEN ? DATE_ALWAYS : row->valid_from,
				    .valid_to = row->valid_to,
				    .note_vi = row->note_vi,
				    .note_en = row->note_en};
	if (!rule->left) {
		MISTAKE(l, FILE_CROSS_RULES, row->line,
			_("left: indicator '%s' is not in indicators.csv; add it or mend the name"), row->left);
	}
	if (!rule->rule) {
		MISTAKE(l, FILE_CROSS_RULES, row->line,
			_("rule '%s' is neither the program's nor in rules.csv; add it there or mend the name"),
			row->rule);
	}
	if (rule->tolerance.mantissa < 0) {
		MISTAKE(l, FILE_CROSS_RULES, row->line, _("tolerance must not be below 0"));
	}
	if (rule->tolerance_percent.mantissa < 0) {
		MISTAKE(l, FILE_CROSS_RULES, row->line, _("tolerance_percent must not be below 0"));
	}
	build_validity(l, FILE_CROSS_RULES, row->line, rule->valid_from, rule->valid_to);
	return build_cross_terms(l, row, rule);
}

static int compare_left(const void *a, const void *b)
{
	const struct cross_rule *x = *(const struct cross_rule *const *)a, *y = *(const struct cross_rule *const *)b;

	return x->left != y->left ? (x->left < y->left ? -1 : 1) : (x > y) - (x < y);
}

/* Gives each indicator the rules of which it is the left side. */
static void hang_cross_rules(struct catalogue *c)
{
	size_t n = 0;

	for (size_t i = 0; i < c->n_cross_rules; i++) {
		if (c->cross_rules[i].left) {
			c->cross_rules_by_left[n++] = &c->cross_rules[i];
		}
	}
	qsort(c->cross_rules_by_left, n, sizeof *c->cross_rules_by_left, compare_left);
	for (size_t i = 0; i < n; i++) {
		struct indicator *left = &c->indicators[c->cross_rules_by_left[i]->left->position];

		if (left->n_cross_rules++ == 0) {
			left->cross_rules = &c->cross_rules_by_left[i];
		}
	}
}

static bool build_cross_rules(struct loading *l)
{
	const struct records *rows = &l->rows[FILE_CROSS_RULES];
	struct catalogue *c = l->c;
	struct lookup codes;

	if (!build_room(c, rows->n, sizeof *c->cross_rules, &c->cross_rules, &codes) ||
	    !build_room(c, rows->n, sizeof(void *), &c->cross_rules_by_left, NULL)) {
		return false;
	}
	c->n_cross_rules = rows->n;
	for (size_t i = 0; i < rows->n; i++) {
		const struct cross_rule_row *row = ROW(l, FILE_CROSS_RULES, cross_rule_row, i);

		if (!build_cross_rule(l, row, &c->cross_rules[i])) {
			return false;
		}
		build_code(l, FILE_CROSS_RULES, row->line, &codes, row->code, i);
	}
	hang_cross_rules(c);
	return true;
}

static void build_published_figure(struct loading *l, const struct published_figure_row *row,
				   struct published_figure *p)
{
	*p = (struct published_figure){.figure_no = row->figure_no,
				       .indicator = catalogue_indicator(l->c, row->indicator),
				       .time_period = row->time_period,
				       .reference_date = row->reference_date,
				       .value = row->value,
				       .numerator = row->numerator,
				       .denominator = row->denominator,
				       .rank_out_of = row->rank_out_of,
				       .unit = row->unit,
				       .unit_mult = row->unit_mult,
				       .qualifier = qualifier_names[row->qualifier],
				       .obs_status = obs_status_letters[row->obs_status],
				       .announced_on = row->announced_on,
				       .source = row->source,
				       .quote_vi = row->quote_vi};
	if (!p->indicator) {
		MISTAKE(l, FILE_PUBLISHED_FIGURES, row->line,
			_("indicator '%s' is not in indicators.csv; add it or mend the name"), row->indicator);
	}
	if (lookup_get(&l->c->source_of, row->source) == LOOKUP_NONE) {
		MISTAKE(l, FILE_PUBLISHED_FIGURES, row->line,
			_("source '%s' is not in sources.csv; add it or mend the name"), row->source);
	}
}

static bool build_published(struct loading *l)
{
	const struct records *rows = &l->rows[FILE_PUBLISHED_FIGURES];

	if (!build_room(l->c, rows->n, sizeof *l->c->published, &l->c->published, NULL)) {
		return false;
	}
	l->c->n_published = rows->n;
	for (size_t i = 0; i < rows->n; i++) {
		build_published_figure(l, ROW(l, FILE_PUBLISHED_FIGURES, published_figure_row, i), &l->c->published[i]);
	}
	return true;
}

bool build(struct loading *l)
{
	build_parameters(l);
	return build_words(l) && build_justifications(l) && build_calendars(l) && build_dues(l) && build_areas(l) &&
	       build_successions(l) && build_providers(l) && build_sources(l) && build_dimensions(l) &&
	       build_dataflows(l) && build_rules(l) && build_indicators(l) && build_cross_rules(l) &&
	       build_references(l) && build_related(l) && build_published(l);
}
