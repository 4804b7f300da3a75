/* SPDX-License-Identifier: Apache-2.0 */
/*
 * catalogue - what may be reported, by whom, for where and by when: indicators, dataflows, calendars, due dates,
 * providers, areas, words, rules and what they take from data, and published figures, read from reviewed CSV files and
 * checked.
 *
 * A catalogue is made whole and never changes; lanes and main share one by reference count and swap it for the next
 * version between groups. Look-ups are by hash, O(1), and safe from any thread. Texts are NFC. Everything handed out is
 * owned by the catalogue. Weeks, days and ranges have no legal calendar: their dates are their own.
 */
#ifndef TRAM_CATALOGUE_H
#define TRAM_CATALOGUE_H

#include "decimal.h"
#include "err.h"
#include "period.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DATE_OPEN   INT32_MAX /* valid_to of what is still valid */
#define DATE_ALWAYS INT32_MIN /* valid_from of what was never new */

#define WORDS_MAX 16

enum value_type {
	VALUE_COUNT,
	VALUE_AMOUNT,
	VALUE_PERCENT,
	VALUE_RATIO,
	VALUE_MEAN,
	VALUE_RANK,
	VALUE_GROWTH,
	VALUE_TARGET
};

/* How provinces make a region and a nation. */
enum over_area {
	OVER_AREA_SUM,
	OVER_AREA_RATIO_OF_SUMS,
	OVER_AREA_WEIGHTED_MEAN,
	OVER_AREA_DISTINCT_UNION,
	OVER_AREA_GROWTH_RECOMPUTED,
	OVER_AREA_NATIONAL_ONLY,
	OVER_AREA_RANK_EXTERNAL,
	OVER_AREA_BENCHMARK_EXTERNAL,
	OVER_AREA_TARGET,
};

enum over_time { OVER_TIME_LAST, OVER_TIME_SUM, OVER_TIME_MEAN, OVER_TIME_MIN, OVER_TIME_MAX };
enum area_level { AREA_NATION, AREA_REGION, AREA_PROVINCE, AREA_COMMUNE };
enum provider_kind { PROVIDER_PROVINCE, PROVIDER_CENTRE };
enum indicator_kind {
	KIND_STOCK,
	KIND_FLOW,
	KIND_COUNT,
	KIND_AMOUNT,
	KIND_COUNT_RATIO,
	KIND_RATIO,
	KIND_MEAN,
	KIND_GROWTH,
	KIND_RANK,
	KIND_BENCHMARK,
	KIND_TARGET,
	KIND_FORECAST,
	KIND_RANGE_LOW,
	KIND_RANGE_HIGH,
	KIND_SUM_OVER_APPS
};

/* What the rules take from data (parameters.csv), so that changing it needs no rebuild: a row of parameters.def each. */
enum parameter {
#define PARAMETER(identifier, ...) PARAMETER_##identifier,
#include "parameters.def"
#undef PARAMETER
	N_PARAMETERS
};

/* The program's own rules, by their place in the catalogue's rules; those that data define come after them. */
enum {
#define RULE(identifier, ...) identifier,
#define CASE(...)
#include "../rules/rules.def"
#undef RULE
#undef CASE
	N_BUILT_IN_RULES
};

enum severity {
	SEVERITY_INFORM = 1,
	SEVERITY_WARN = 2,
	SEVERITY_JUSTIFY = 3,
	SEVERITY_BLOCK = 4
}; /* as tram.v1.Severity */

/* words.csv; its place among the catalogue's words is its number - 1, and never changes. */
struct word {
	const char *code; /* dung */
	const char *name_vi, *name_en;
	int weight; /* in a score, beside the other words */
};

/* A rule: the program's texts and severity (rules.def), or what rules.csv makes of them. */
struct rule {
	const char *code; /* DUNG-07 */
	unsigned word;    /* place among the words */
	enum severity severity;
	const char *title_vi, *title_en;     /* what the rule asks for */
	const char *message_vi, *message_en; /* what is wrong when it is not so */
	const char *remedy_vi, *remedy_en;
	enum severity built_in; /* the program's own; 0: the rule is defined by data */
	unsigned number;        /* place among the catalogue's rules */
	int weight;             /* in a score, beside the other rules of the word */
	int32_t valid_from, valid_to;
	const char
	    *applies_to; /* what it is held against in a score: figure, value, parts …; "": as the program has it */
};

/* What the program has of itself, for a catalogue without words.csv and rules.csv. */
extern const struct word built_in_words[];
extern const size_t n_built_in_words;
/* Is it one of these, and called so? Others bring their names to whoever shows them. */
bool word_is_built_in(const struct word *word);
extern const struct rule built_in_rules[]; /* N_BUILT_IN_RULES */

/* justifications.csv: why a figure that looks wrong is right. */
struct justification {
	const char *code, *name_vi, *name_en;
	bool needs_text;
};

/* day 0 is the month's last; months are counted from the period's first (from) or last (to, due) month. */
struct calendar_rule {
	char frequency; /* A S Q M */
	int from_month, from_day;
	int to_month, to_day;
};
struct calendar {
	const char *code;
	struct calendar_rule rules[4];
	size_t n_rules;
};
struct due_rule {
	char frequency;
	int month, day;
};
struct due {
	const char *code;
	struct due_rule rules[4];
	size_t n_rules;
};

struct dataflow {
	const char *code, *name_vi, *name_en;
	enum provider_kind provided_by;
	enum area_level area_level; /* of provinces': what their figures are stated for, themselves or their communes */
	const char *frequencies;    /* "A|S" */
	const struct calendar *calendar;
	const struct due *due;
	int32_t valid_from, valid_to;
};

struct cross_rule;
struct reference_rule;

struct indicator {
	const char *code;
	const struct dataflow *dataflow;
	const char *name_vi, *name_en;
	enum value_type value_type;
	const char *unit, *unit_vi;
	int display_unit_mult, display_decimals;
	bool integer;
	bool has_min, has_max;
	struct decimal min, max;
	enum indicator_kind kind;
	enum over_area over_area;
	enum over_time over_time;
	const char *mean_weight;     /* an indicator's code, "observation", or "" */
	const char *coverage_weight; /* an indicator's code, "own", or "" */
	const char *derives_from;    /* "x", or "x / y", or "" */
	const char *denominator_vi;
	const char *dimensions; /* those a figure may be broken down by: "SEX|AGE", or "" */
	const char *target_of;  /* of a target: the indicator it is set for, or "" */
	int gate_percent; /* of areas and of what they weigh, for a roll-up to be final; 0: as the parameter has it */
	int units_min_percent; /* of its sub-units, that must have reported; 0: as the parameter has it, if stated at all */
	const char *frequencies;
	bool mandatory;
	int max_age_days;
	const char *source_system;
	int32_t valid_from, valid_to;
	const char *notes;
	bool has_parts;                              /* a figure carries numerator and denominator */
	bool part_of_whole;                          /* and the numerator is a part of the denominator */
	bool weighs_observation;                     /* mean_weight is "observation": a figure carries its weight */
	uint32_t position;                           /* in the file, from 0: dense, for tables beside the catalogue */
	const struct cross_rule *const *cross_rules; /* those of which it is the left side */
	size_t n_cross_rules;
	const struct reference_rule *const *reference_rules; /* those that compare it */
	size_t n_reference_rules;
	const struct indicator *const
	    *related; /* others its rules look at: in its cross rules, and what it derives from */
	size_t n_related;
};

struct area {
	const char *area; /* 63/46; VN */
	enum area_level level;
	const char *vintage, *code, *parent;
	int32_t valid_from, valid_to;
	const char *name_vi, *short_name_vi, *name_en, *kind, *iso_3166_2;
	int coastal; /* 1, 0, -1 unknown */
	bool has_population;
	int64_t population;
	uint32_t identity; /* dense number of the identity (area), the same for all its dated rows */
};

struct provider {
	const char *code;
	enum provider_kind kind;
	const char *area; /* 63/46; VN */
	const char *name_vi, *name_en, *agent;
};

/*
 * left OP sum of coefficient * indicator, all of one dataflow and one unit, so that one report holds what has no lag; a lag
 * of n is the value that stands n periods of the same frequency earlier.
 */
enum cross_operator { CROSS_EQUAL, CROSS_AT_MOST, CROSS_AT_LEAST };
enum missing_policy { MISSING_SKIP_ANY, MISSING_SKIP_ALL, MISSING_NEVER_SKIP };
struct cross_term {
	const struct indicator *indicator;
	int coefficient;
	int lag; /* periods back; 0: the report's own */
};
struct cross_rule {
	const char *code;        /* of this comparison: etransaction_documents_total */
	const struct rule *rule; /* DUNG-07, DUNG-08, DUNG-11, or one that rules.csv defines */
	const struct indicator *left;
	const char *right_text; /* as written */
	enum cross_operator operator;
	const struct cross_term *right;
	size_t n_right;
	struct decimal tolerance;         /* in the unit */
	struct decimal tolerance_percent; /* of the right side; the larger of both counts */
	enum missing_policy missing;
	enum severity severity;
	int32_t valid_from, valid_to;
	const char *note_vi, *note_en;
};

/* references.csv: a figure that was published elsewhere, of an area and some days. */
struct reference {
	const char *code;
	const struct area *area; /* any dated row of the identity */
	int32_t valid_from, valid_to;
	struct decimal value;
	const char *unit, *source;
};

/* reference_rules.csv: a part of a figure beside a reference of its area (DUNG-12). */
enum figure_part { PART_VALUE, PART_NUMERATOR, PART_DENOMINATOR };
struct reference_rule {
	const struct indicator *indicator;
	enum figure_part part;
	const char *reference;
	enum cross_operator operator;
	struct decimal tolerance_percent; /* of the reference */
	enum severity severity;
	const uint32_t *first; /* by an area's identity: place of the first of its references; UINT32_MAX: none */
};

struct published_figure {
	int figure_no;
	const struct indicator *indicator;
	const char *time_period, *reference_date, *value, *numerator, *denominator, *rank_out_of; /* "" : none */
	const char *unit;
	int unit_mult;
	const char *qualifier, *obs_status, *announced_on, *source, *quote_vi;
};

/* A mistake in a file; place and remedy included. */
struct catalogue_mistake {
	const char *file;
	int line;
	const char *text;
};

struct catalogue_file {
	const char *name; /* indicators.csv */
	const char *content;
	size_t len;
};
extern const char *const catalogue_file_names[]; /* NULL-ended: every file a catalogue may have */

struct catalogue;

/*
 * Reads and checks the files (any order). NULL when anything is wrong; then mistakes (caller frees with
 * catalogue_mistakes_free) has every one. version: 0 for files not yet loaded.
 */
struct catalogue *catalogue_new(const struct catalogue_file *files, size_t n, uint32_t version,
				struct catalogue_mistake **ret_mistakes, size_t *ret_n);
void catalogue_mistakes_free(struct catalogue_mistake *mistakes, size_t n);

/*
 * Reads the files of a folder; caller frees with catalogue_files_free. The registry's files (areas, succession) may
 * stand in the folder itself or in the folder "registry" beside it.
 */
bool catalogue_read_folder(const char *dir, struct catalogue_file **ret_files, size_t *ret_n,
			   struct err *err) MUST_CHECK;
void catalogue_files_free(struct catalogue_file *files, size_t n);

struct catalogue *catalogue_ref(struct catalogue *c);
void catalogue_unref(struct catalogue **cp);

uint32_t catalogue_version(const struct catalogue *c);

/* Comparisons were too many, or their numbers too large, to tell whether they contradict each other. */
bool catalogue_is_undecided(const struct catalogue *c);

const struct indicator *catalogue_indicator(const struct catalogue *c, const char *code);
const struct dataflow *catalogue_dataflow(const struct catalogue *c, const char *code);
const struct provider *catalogue_provider(const struct catalogue *c, const char *code);

/* The area of an identity ("63/46", "VN") or of a bare code ("46") on a day; NULL when there is none that day. */
const struct area *catalogue_area_on(const struct catalogue *c, const char *code, int32_t day);
/* Any dated row of an identity or bare code, whatever the day: for saying what a wrong code would have meant. */
const struct area *catalogue_area_ever(const struct catalogue *c, const char *code);

/* The dated rows of an identity or bare code in order of their days: at most max into ret. Returns how many there are. */
size_t catalogue_area_history(const struct catalogue *c, const char *code, const struct area **ret, size_t max);

/* Is "SEX=F" a dimension and a code of it? */
bool catalogue_has_dimension_code(const struct catalogue *c, const char *id_and_code);

int64_t catalogue_parameter(const struct catalogue *c, enum parameter parameter);
/* What it means; in English where parameters.csv lacks it. */
const char *catalogue_parameter_note(const struct catalogue *c, enum parameter parameter, bool vietnamese);

const struct rule *catalogue_rule(const struct catalogue *c, const char *code);
bool rule_in_force(const struct rule *rule, int32_t day);

const struct justification *catalogue_justification(const struct catalogue *c, const char *code);

/* The reference that a rule compares with, for an area on a day; NULL: there is none. */
const struct reference *catalogue_reference_on(const struct catalogue *c, const struct reference_rule *rule,
					       const struct area *area, int32_t day);
const char *catalogue_parameter_name(enum parameter parameter); /* SONG-04.clock_tolerance_seconds */
struct parameter_bounds {
	int value, least, most; /* value: when parameters.csv lacks it */
};
struct parameter_bounds catalogue_parameter_bounds(enum parameter parameter);

/* Is the area one for which the provider states figures of the dataflow: its own, or one of its communes? */
bool catalogue_states_for(const struct provider *p, const struct dataflow *d, const struct area *a);
/* May it report the dataflow for the area on that day? (provinces: dataflows of provinces; centre: its own) */
bool catalogue_agreement(const struct catalogue *c, const struct provider *p, const struct dataflow *d,
			 const struct area *a, int32_t day);

/* The dates of a period by the dataflow's calendar; false when the dataflow has no such frequency. */
bool catalogue_period_dates(const struct dataflow *d, const struct period *p, int32_t *ret_from, int32_t *ret_to);
/* The day by which a provider's report is due; false when none is set. */
bool catalogue_due_date(const struct dataflow *d, const struct period *p, int32_t *ret_day);

/* Everything, for loading and for checks; arrays owned by the catalogue. */
size_t catalogue_indicators(const struct catalogue *c, const struct indicator **ret);
size_t catalogue_dataflows(const struct catalogue *c, const struct dataflow **ret);
size_t catalogue_areas(const struct catalogue *c, const struct area **ret);
size_t catalogue_providers(const struct catalogue *c, const struct provider **ret);
size_t catalogue_words(const struct catalogue *c, const struct word **ret);
size_t catalogue_rules(const struct catalogue *c, const struct rule **ret); /* the program's own first */
size_t catalogue_justifications(const struct catalogue *c, const struct justification **ret);
size_t catalogue_cross_rules(const struct catalogue *c, const struct cross_rule **ret);
size_t catalogue_references(const struct catalogue *c, const struct reference **ret);
size_t catalogue_reference_rules(const struct catalogue *c, const struct reference_rule **ret);
size_t catalogue_published(const struct catalogue *c, const struct published_figure **ret);
struct area_succession {
	const char *predecessor, *successor, *effective_date;
};
size_t catalogue_successions(const struct catalogue *c, const struct area_succession **ret);

/* Names as the files write them: "ratio_of_sums". */
const char *over_area_name(enum over_area v);
const char *over_time_name(enum over_time v);

/* Whether its figure for a period may be made of those for shorter ones: see tram.adds_over_time(). */
bool indicator_adds_over_time(const struct indicator *i);
const char *value_type_name(enum value_type v);
const char *indicator_kind_name(enum indicator_kind v);
const char *area_level_name(enum area_level v);
const char *cross_operator_name(enum cross_operator v);
const char *missing_policy_name(enum missing_policy v);
const char *figure_part_name(enum figure_part v);

#endif
