/* SPDX-License-Identifier: Apache-2.0 */
#include "rows.h"

/* clang-format off */
static const char *const level_names[] = {"nation", "region", "province", "commune", NULL};
static const char *const provider_kind_names[] = {"province", "centre", NULL};
static const char *const value_type_names[] = {
	"count", "amount", "percent", "ratio", "mean", "rank", "growth", "target", NULL};
static const char *const over_area_names[] = {
	"sum", "ratio_of_sums", "weighted_mean", "distinct_union", "growth_recomputed", "national_only", "rank_external",
	"benchmark_external", "target", NULL};
static const char *const over_time_names[] = {"last", "sum", "mean", "min", "max", NULL};
static const char *const operator_names[] = {"=", "<=", ">=", NULL};
static const char *const missing_names[] = {"skip_any", "skip_all", "never_skip", NULL};
static const char *const period_basis_names[] = {"stated", "inferred", "announcement", NULL};

static const char *const kind_names[] = {
	[KIND_STOCK] = "stock",
	[KIND_FLOW] = "flow",
	[KIND_COUNT] = "count",
	[KIND_AMOUNT] = "amount",
	[KIND_COUNT_RATIO] = "count_ratio",
	[KIND_RATIO] = "ratio",
	[KIND_MEAN] = "mean",
	[KIND_GROWTH] = "growth",
	[KIND_RANK] = "rank",
	[KIND_BENCHMARK] = "benchmark",
	[KIND_TARGET] = "target",
	[KIND_FORECAST] = "forecast",
	[KIND_RANGE_LOW] = "range_low",
	[KIND_RANGE_HIGH] = "range_high",
	[KIND_SUM_OVER_APPS] = "sum_over_apps",
	NULL};
const char *const applies_names[] = {
	"figure", "value", "parts", "count", "revision", "related", "report", "measured", NULL};
const char *const severity_letters[] = {"B", "J", "W", "I", NULL};
const char *const qualifier_names[] = {"exact", "at_least", "more_than", "at_most", "nearly", "approx", NULL};
const char *const obs_status_letters[] = {"A", "B", "E", "F", "I", "P", NULL};
static const char *const part_names[] = {"value", "numerator", "denominator", NULL};

#define MAY_BE_EMPTY  COLUMN_MAY_BE_EMPTY
#define MAY_BE_ABSENT COLUMN_MAY_BE_ABSENT
#define FILLED        COLUMN_FILLED

#define AT(row, name)                       .offset = offsetof(struct row##_row, name)
#define TEXT(row, field, how)               {#field, COLUMN_TEXT, how, AT(row, field)}
#define CODE(row, field, how)               {#field, COLUMN_CODE, how, AT(row, field)}
#define FREQUENCIES(row, field)             {#field, COLUMN_FREQUENCIES, FILLED, AT(row, field)}
#define INTEGER(row, field, least, most)    {#field, COLUMN_INTEGER, FILLED, AT(row, field), .min = least, .max = most}
#define YES(row, field)                     {#field, COLUMN_YES, FILLED, AT(row, field)}
#define YES_UNKNOWN(row, field)             {#field, COLUMN_YES_UNKNOWN, MAY_BE_EMPTY, AT(row, field)}
#define DATE(row, field, how)               {#field, COLUMN_DATE, how, AT(row, field)}
#define DATE_TEXT(row, field)               {#field, COLUMN_DATE_TEXT, FILLED, AT(row, field)}
#define FIGURE_TEXT(row, field)             {#field, COLUMN_FIGURE_TEXT, MAY_BE_EMPTY, AT(row, field)}
#define DECIMAL(row, field, how)            {#field, COLUMN_DECIMAL, how, AT(row, field)}
#define CHOICE(row, field, names)           {#field, COLUMN_CHOICE, FILLED, AT(row, field), .choices = names}
#define MAYBE_CHOICE(row, field, names)     {#field, COLUMN_CHOICE, MAY_BE_ABSENT, AT(row, field), .choices = names}
#define MAYBE_INTEGER(row, field, least, most) \
	{#field, COLUMN_INTEGER, MAY_BE_ABSENT, AT(row, field), .min = least, .max = most}

static const struct column parameter_columns[] = {
	CODE(parameter, parameter, FILLED),
	INTEGER(parameter, value, 0, 1000000000),
	TEXT(parameter, note_vi, FILLED),
	TEXT(parameter, note_en, FILLED),
};

static const struct column word_columns[] = {
	CODE(word, word, FILLED),
	INTEGER(word, no, 1, WORDS_MAX),
	TEXT(word, name_vi, FILLED),
	TEXT(word, name_en, FILLED),
	MAYBE_INTEGER(word, weight, 0, 1000),
};

static const struct column rule_columns[] = {
	CODE(rule, rule, FILLED),
	CODE(rule, word, MAY_BE_ABSENT),
	MAYBE_CHOICE(rule, severity, severity_letters),
	MAYBE_INTEGER(rule, weight, 0, 1000),
	MAYBE_CHOICE(rule, applies_to, applies_names),
	DATE(rule, valid_from, MAY_BE_ABSENT),
	DATE(rule, valid_to, MAY_BE_ABSENT),
	TEXT(rule, title_vi, MAY_BE_ABSENT),
	TEXT(rule, title_en, MAY_BE_ABSENT),
	TEXT(rule, message_vi, MAY_BE_ABSENT),
	TEXT(rule, message_en, MAY_BE_ABSENT),
	TEXT(rule, remedy_vi, MAY_BE_ABSENT),
	TEXT(rule, remedy_en, MAY_BE_ABSENT),
};

static const struct column justification_columns[] = {
	CODE(justification, code, FILLED),
	TEXT(justification, name_vi, FILLED),
	TEXT(justification, name_en, FILLED),
	YES(justification, needs_text),
};

/* A day that every month has, or 0: the last. */
static const struct column calendar_columns[] = {
	CODE(calendar, calendar, FILLED),
	FREQUENCIES(calendar, frequency),
	INTEGER(calendar, from_month, -12, 12),
	INTEGER(calendar, from_day, 0, 28),
	INTEGER(calendar, to_month, -12, 12),
	INTEGER(calendar, to_day, 0, 28),
	TEXT(calendar, note_vi, MAY_BE_EMPTY),
	TEXT(calendar, note_en, MAY_BE_EMPTY),
	TEXT(calendar, source, MAY_BE_EMPTY),
};

static const struct column due_columns[] = {
	CODE(due, due, FILLED),
	FREQUENCIES(due, frequency),
	INTEGER(due, month, -12, 12),
	INTEGER(due, day, 0, 28),
	TEXT(due, note_vi, MAY_BE_EMPTY),
	TEXT(due, note_en, MAY_BE_EMPTY),
	TEXT(due, source, MAY_BE_EMPTY),
};

static const struct column area_columns[] = {
	CODE(area, area, FILLED),
	CHOICE(area, level, level_names),
	CODE(area, vintage, MAY_BE_EMPTY),
	CODE(area, code, MAY_BE_EMPTY),
	CODE(area, parent, MAY_BE_EMPTY),
	DATE(area, valid_from, FILLED),
	DATE(area, valid_to, MAY_BE_EMPTY),
	TEXT(area, name_vi, FILLED),
	TEXT(area, short_name_vi, FILLED),
	TEXT(area, name_en, FILLED),
	CODE(area, kind, FILLED),
	CODE(area, iso_3166_2, MAY_BE_EMPTY),
	YES_UNKNOWN(area, coastal),
	DECIMAL(area, population, MAY_BE_EMPTY),
};

static const struct column succession_columns[] = {
	CODE(succession, predecessor, FILLED),
	CODE(succession, successor, FILLED),
	DATE_TEXT(succession, effective_date),
};

static const struct column provider_columns[] = {
	CODE(provider, provider, FILLED),
	CHOICE(provider, kind, provider_kind_names),
	CODE(provider, area, FILLED),
	TEXT(provider, name_vi, FILLED),
	TEXT(provider, name_en, FILLED),
	CODE(provider, agent, FILLED),
};

static const struct column source_system_columns[] = {
	CODE(source_system, code, FILLED),
	TEXT(source_system, name_vi, FILLED),
	TEXT(source_system, name_en, FILLED),
	TEXT(source_system, figures, MAY_BE_EMPTY),
	TEXT(source_system, role, MAY_BE_EMPTY),
};

static const struct column source_columns[] = {
	CODE(source, source, FILLED),
	DATE(source, date, FILLED),
	TEXT(source, event_vi, FILLED),
	TEXT(source, publisher, MAY_BE_EMPTY),
};

static const struct column dimension_columns[] = {
	CODE(dimension, dimension, FILLED),
	CODE(dimension, code, FILLED),
	TEXT(dimension, name_vi, FILLED),
	TEXT(dimension, name_en, FILLED),
};

static const struct column dataflow_columns[] = {
	CODE(dataflow, code, FILLED),
	TEXT(dataflow, name_vi, FILLED),
	TEXT(dataflow, name_en, FILLED),
	CHOICE(dataflow, provided_by, provider_kind_names),
	MAYBE_CHOICE(dataflow, area_level, level_names),
	FREQUENCIES(dataflow, frequencies),
	CODE(dataflow, calendar, FILLED),
	CODE(dataflow, due, MAY_BE_EMPTY),
	DATE(dataflow, valid_from, FILLED),
	DATE(dataflow, valid_to, MAY_BE_ABSENT),
};

static const struct column indicator_columns[] = {
	CODE(indicator, code, FILLED),
	CODE(indicator, dataflow, FILLED),
	TEXT(indicator, name_vi, FILLED),
	TEXT(indicator, name_en, FILLED),
	CHOICE(indicator, value_type, value_type_names),
	CODE(indicator, unit, FILLED),
	TEXT(indicator, unit_vi, FILLED),
	INTEGER(indicator, display_unit_mult, -18, 18),
	INTEGER(indicator, display_decimals, 0, 18),
	YES(indicator, integer),
	DECIMAL(indicator, min, MAY_BE_EMPTY),
	DECIMAL(indicator, max, MAY_BE_EMPTY),
	CHOICE(indicator, kind, kind_names),
	CHOICE(indicator, over_area, over_area_names),
	CHOICE(indicator, over_time, over_time_names),
	CODE(indicator, mean_weight, MAY_BE_EMPTY),
	CODE(indicator, coverage_weight, MAY_BE_EMPTY),
	TEXT(indicator, derives_from, MAY_BE_EMPTY),
	TEXT(indicator, denominator_vi, MAY_BE_EMPTY),
	TEXT(indicator, dimensions, MAY_BE_ABSENT),
	MAYBE_INTEGER(indicator, units_min_percent, 1, 100),
	MAYBE_INTEGER(indicator, gate_percent, 1, 100),
	CODE(indicator, target_of, MAY_BE_ABSENT),
	FREQUENCIES(indicator, frequencies),
	YES(indicator, mandatory),
	INTEGER(indicator, max_age_days, 1, 36500),
	CODE(indicator, source_system, MAY_BE_EMPTY),
	DATE(indicator, valid_from, FILLED),
	DATE(indicator, valid_to, MAY_BE_ABSENT),
	TEXT(indicator, notes, MAY_BE_EMPTY),
};

static const struct column cross_rule_columns[] = {
	CODE(cross_rule, code, FILLED),
	CODE(cross_rule, rule, FILLED),
	CODE(cross_rule, left, FILLED),
	CHOICE(cross_rule, operator, operator_names),
	TEXT(cross_rule, right, FILLED),
	DECIMAL(cross_rule, tolerance, FILLED),
	DECIMAL(cross_rule, tolerance_percent, MAY_BE_ABSENT),
	CHOICE(cross_rule, missing, missing_names),
	CHOICE(cross_rule, severity, severity_letters),
	DATE(cross_rule, valid_from, MAY_BE_ABSENT),
	DATE(cross_rule, valid_to, MAY_BE_ABSENT),
	TEXT(cross_rule, note_vi, FILLED),
	TEXT(cross_rule, note_en, FILLED),
};

static const struct column reference_columns[] = {
	CODE(reference, reference, FILLED),
	CODE(reference, area, FILLED),
	DATE(reference, valid_from, FILLED),
	DATE(reference, valid_to, MAY_BE_EMPTY),
	DECIMAL(reference, value, FILLED),
	CODE(reference, unit, FILLED),
	TEXT(reference, source, FILLED),
};

static const struct column reference_rule_columns[] = {
	CODE(reference_rule, indicator, FILLED),
	CHOICE(reference_rule, field, part_names),
	CODE(reference_rule, reference, FILLED),
	CHOICE(reference_rule, operator, operator_names),
	DECIMAL(reference_rule, tolerance_percent, FILLED),
	CHOICE(reference_rule, severity, severity_letters),
};

static const struct column published_figure_columns[] = {
	INTEGER(published_figure, figure_no, 1, 1000000),
	CODE(published_figure, indicator, FILLED),
	TEXT(published_figure, time_period, FILLED),
	CHOICE(published_figure, period_basis, period_basis_names),
	DATE_TEXT(published_figure, reference_date),
	FIGURE_TEXT(published_figure, value),
	FIGURE_TEXT(published_figure, numerator),
	FIGURE_TEXT(published_figure, denominator),
	FIGURE_TEXT(published_figure, rank_out_of),
	CODE(published_figure, unit, FILLED),
	INTEGER(published_figure, unit_mult, -18, 18),
	CHOICE(published_figure, qualifier, qualifier_names),
	CHOICE(published_figure, obs_status, obs_status_letters),
	DATE_TEXT(published_figure, announced_on),
	CODE(published_figure, source, FILLED),
	TEXT(published_figure, quote_vi, FILLED),
};

#define FILE_TYPE(name, row, optional) \
	{name, row##_columns, sizeof row##_columns / sizeof *row##_columns, sizeof(struct row##_row), optional}
#define TYPE(name, row) FILE_TYPE(name, row, false)
#define OPTIONAL(name, row) FILE_TYPE(name, row, true)

const struct record_type record_types[N_FILES] = {
	[FILE_PARAMETERS] = TYPE("parameters.csv", parameter),
	[FILE_WORDS] = OPTIONAL("words.csv", word),
	[FILE_RULES] = OPTIONAL("rules.csv", rule),
	[FILE_JUSTIFICATIONS] = OPTIONAL("justifications.csv", justification),
	[FILE_CALENDARS] = TYPE("calendars.csv", calendar),
	[FILE_DUE_DATES] = TYPE("due_dates.csv", due),
	[FILE_AREAS] = TYPE("areas.csv", area),
	[FILE_SUCCESSION] = TYPE("succession.csv", succession),
	[FILE_PROVIDERS] = TYPE("providers.csv", provider),
	[FILE_SOURCE_SYSTEMS] = TYPE("source_systems.csv", source_system),
	[FILE_SOURCES] = TYPE("sources.csv", source),
	[FILE_DIMENSIONS] = TYPE("dimensions.csv", dimension),
	[FILE_DATAFLOWS] = TYPE("dataflows.csv", dataflow),
	[FILE_INDICATORS] = TYPE("indicators.csv", indicator),
	[FILE_CROSS_RULES] = TYPE("cross_rules.csv", cross_rule),
	[FILE_REFERENCES] = OPTIONAL("references.csv", reference),
	[FILE_REFERENCE_RULES] = OPTIONAL("reference_rules.csv", reference_rule),
	[FILE_PUBLISHED_FIGURES] = TYPE("published_figures.csv", published_figure),
};
/* clang-format on */

const char *over_area_name(enum over_area v)
{
	return over_area_names[v];
}

const char *over_time_name(enum over_time v)
{
	return over_time_names[v];
}

const char *indicator_kind_name(enum indicator_kind v)
{
	return kind_names[v];
}

const char *value_type_name(enum value_type v)
{
	return value_type_names[v];
}

const char *area_level_name(enum area_level v)
{
	return level_names[v];
}

const char *cross_operator_name(enum cross_operator v)
{
	return operator_names[v];
}

const char *missing_policy_name(enum missing_policy v)
{
	return missing_names[v];
}

const char *figure_part_name(enum figure_part v)
{
	return part_names[v];
}
