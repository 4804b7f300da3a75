/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rows - the catalogue's files as they are written: one struct a file, one table of columns a file. Inside catalogue only.
 */
#ifndef TRAM_ROWS_H
#define TRAM_ROWS_H

#include "records.h"

/* Order in which mistakes are told; each has its row struct below. */
enum file {
	FILE_PARAMETERS,
	FILE_WORDS,
	FILE_RULES,
	FILE_JUSTIFICATIONS,
	FILE_CALENDARS,
	FILE_DUE_DATES,
	FILE_AREAS,
	FILE_SUCCESSION,
	FILE_PROVIDERS,
	FILE_SOURCE_SYSTEMS,
	FILE_SOURCES,
	FILE_DIMENSIONS,
	FILE_DATAFLOWS,
	FILE_INDICATORS,
	FILE_CROSS_RULES,
	FILE_REFERENCES,
	FILE_REFERENCE_RULES,
	FILE_PUBLISHED_FIGURES,
	N_FILES
};

struct parameter_row {
	int line;
	const char *parameter;
	int value;
	const char *note_vi, *note_en;
};

struct word_row {
	int line;
	const char *word, *name_vi, *name_en;
	int no, weight;
};

struct rule_row {
	int line;
	const char *rule, *word, *title_vi, *title_en, *message_vi, *message_en, *remedy_vi, *remedy_en;
	int severity, weight, applies_to; /* or RECORDS_ABSENT */
	int32_t valid_from, valid_to;
};

struct justification_row {
	int line;
	const char *code, *name_vi, *name_en;
	bool needs_text;
};

struct calendar_row {
	int line;
	const char *calendar, *frequency;
	int from_month, from_day, to_month, to_day;
	const char *note_vi, *note_en, *source;
};

struct due_row {
	int line;
	const char *due, *frequency;
	int month, day;
	const char *note_vi, *note_en, *source;
};

struct area_row {
	int line;
	const char *area, *vintage, *code, *parent, *name_vi, *short_name_vi, *name_en, *kind, *iso_3166_2;
	int level; /* enum area_level */
	int32_t valid_from, valid_to;
	int coastal;
	struct optional_decimal population;
};

struct succession_row {
	int line;
	const char *predecessor, *successor, *effective_date;
};

struct provider_row {
	int line;
	const char *provider, *area, *name_vi, *name_en, *agent;
	int kind; /* enum provider_kind */
};

struct source_system_row {
	int line;
	const char *code, *name_vi, *name_en, *figures, *role;
};

struct source_row {
	int line;
	const char *source, *event_vi, *publisher;
	int32_t date;
};

struct dimension_row {
	int line;
	const char *dimension, *code, *name_vi, *name_en;
};

struct dataflow_row {
	int line;
	const char *code, *name_vi, *name_en, *frequencies, *calendar, *due;
	int provided_by; /* enum provider_kind */
	int area_level;  /* enum area_level, or RECORDS_ABSENT */
	int32_t valid_from, valid_to;
};

struct indicator_row {
	int line;
	const char *code, *dataflow, *name_vi, *name_en, *unit, *unit_vi, *mean_weight, *coverage_weight, *derives_from,
	    *denominator_vi, *dimensions, *frequencies, *source_system, *notes, *target_of;
	int value_type, kind, over_area, over_time; /* enums */
	int display_unit_mult, display_decimals, max_age_days, units_min_percent, gate_percent;
	bool integer, mandatory;
	struct optional_decimal min, max;
	int32_t valid_from, valid_to;
};

struct cross_rule_row {
	int line;
	const char *code, *rule, *left, *right, *note_vi, *note_en;
	int operator, missing, severity; /* places in their names */
	struct optional_decimal tolerance, tolerance_percent;
	int32_t valid_from, valid_to;
};

struct reference_row {
	int line;
	const char *reference, *area, *unit, *source;
	int32_t valid_from, valid_to;
	struct optional_decimal value;
};

struct reference_rule_row {
	int line;
	const char *indicator, *reference;
	int field, operator, severity; /* places in their names */
	struct optional_decimal tolerance_percent;
};

struct published_figure_row {
	int line;
	int figure_no, unit_mult;
	const char *indicator, *time_period, *reference_date, *value, *numerator, *denominator, *rank_out_of, *unit,
	    *announced_on, *source, *quote_vi;
	int period_basis, qualifier, obs_status;
};

/* By enum file. */
extern const struct record_type record_types[N_FILES];

/* Names as the files write them, NULL-ended, in the order of their enums. */
extern const char *const applies_names[];
extern const char *const severity_letters[]; /* from the most severe */
extern const char *const qualifier_names[];
extern const char *const obs_status_letters[];

#endif
