/* SPDX-License-Identifier: Apache-2.0 */
/*
 * inside - what a catalogue is made of, for the files of this folder only.
 *
 * loading.c makes it: records.c reads the rows of each file, build.c makes the public structs of them and links them,
 * check.c looks for what no single row can show. A mistake never stops the search for the next.
 */
#ifndef TRAM_INSIDE_H
#define TRAM_INSIDE_H

#include "catalogue.h"
#include "lookup.h"
#include "rows.h"

struct catalogue {
	uint32_t holders; /* atomic */
	uint32_t version;
	bool undecided; /* whether comparisons contradict each other */
	struct arena *arena;
	int64_t parameters[N_PARAMETERS];
	const char *parameter_notes_vi[N_PARAMETERS], *parameter_notes_en[N_PARAMETERS];
	struct word *words;
	size_t n_words;
	struct rule *rules;
	size_t n_rules;
	struct justification *justifications;
	size_t n_justifications;
	struct reference *references; /* by code, then area, then day */
	size_t n_references;
	struct reference_rule *reference_rules;
	const struct reference_rule **reference_rules_by_indicator;
	size_t n_reference_rules;
	struct calendar *calendars;
	struct due *dues;
	struct area *areas;
	size_t n_areas;
	uint32_t *by_identity, *by_code; /* places in areas, sorted by identity or code, then date */
	struct area_succession *successions;
	size_t n_successions;
	struct provider *providers;
	size_t n_providers;
	struct dataflow *dataflows;
	size_t n_dataflows;
	struct indicator *indicators;
	size_t n_indicators;
	struct cross_rule *cross_rules;
	const struct cross_rule **cross_rules_by_left;
	size_t n_cross_rules;
	struct published_figure *published;
	size_t n_published;
	struct lookup word_of, rule_of, justification_of, calendar_of, due_of, identity_of, code_of, provider_of,
	    dataflow_of, indicator_of, source_system_of, source_of, dimension_of, dimension_code_of;
};

struct loading {
	struct catalogue *c;
	struct records rows[N_FILES];
	struct mistakes mistakes;
};

/* The row of a file, by its place. */
#define ROW(l, of, type, i)       (&((const struct type *)(l)->rows[of].rows)[i])
#define MISTAKE(l, of, line, ...) mistakes_add(&(l)->mistakes, record_types[of].file, (line), __VA_ARGS__)

/* Makes the public structs of the rows. False only when the arena is exhausted. */
bool build(struct loading *l) MUST_CHECK;

/* Parts of build() that stand in files of their own. */
bool build_words(struct loading *l) MUST_CHECK;
bool build_rules(struct loading *l) MUST_CHECK; /* after words and dataflows */
bool build_justifications(struct loading *l) MUST_CHECK;
bool build_references(struct loading *l) MUST_CHECK; /* after areas and indicators */

/* Room for n items and a lookup of their codes (NULL: none). */
bool build_room(struct catalogue *c, size_t n, size_t size, void *ret_items, struct lookup *lookup) MUST_CHECK;
/* Notes code as standing on a line; says so when it stood earlier. */
void build_code(struct loading *l, enum file file, int line, struct lookup *lookup, const char *code, size_t place);
void build_validity(struct loading *l, enum file file, int line, int32_t from, int32_t to);

/* Reads "a + 2 b - c[-1]" into terms; adds what is wrong to mistakes. False only when the arena is exhausted. */
bool build_cross_terms(struct loading *l, const struct cross_rule_row *row, struct cross_rule *rule) MUST_CHECK;

/* Finds the indicators that each one's rules look at. */
bool build_related(struct loading *l) MUST_CHECK;

/* What no single row can show. */
void check(struct loading *l);
void check_what_rules_say(struct loading *l);
/* False: it could not be decided whether the comparisons contradict each other. */
bool check_contradictions(struct loading *l);

#endif
