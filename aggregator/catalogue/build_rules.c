/* SPDX-License-Identifier: Apache-2.0 */
/* Words, rules, justifications: the program's own, and what the files make of them. */
#include "inside.h"
#include "lang.h"

#include <string.h>

#define WEIGHT_ABSENT 1

/* ---------------------------------------------------------------- words */

/* Puts a row's word in its place; a number that is beyond, or taken, is a mistake. */
static void build_word(struct loading *l, const struct word_row *row)
{
	struct catalogue *c = l->c;
	size_t place = (size_t)row->no - 1;

	if (row->no < 1 || place >= c->n_words || c->words[place].code) {
		MISTAKE(l, FILE_WORDS, row->line, _("no %d: words are numbered from 1, without a gap, each once"),
			row->no);
		return;
	}
	c->words[place] = (struct word){row->word, row->name_vi, row->name_en,
					row->weight == RECORDS_ABSENT ? WEIGHT_ABSENT : row->weight};
	build_code(l, FILE_WORDS, row->line, &c->word_of, row->word, place);
}

static bool take_built_in_words(struct catalogue *c)
{
	if (!build_room(c, n_built_in_words, sizeof *c->words, &c->words, &c->word_of)) {
		return false;
	}
	c->n_words = n_built_in_words;
	memcpy(c->words, built_in_words, n_built_in_words * sizeof *c->words);
	for (size_t i = 0; i < c->n_words; i++) {
		lookup_put(&c->word_of, c->words[i].code, (uint32_t)i);
	}
	return true;
}

bool build_words(struct loading *l)
{
	const struct records *rows = &l->rows[FILE_WORDS];
	struct catalogue *c = l->c;

	if (rows->n == 0) {
		return take_built_in_words(c);
	}
	if (!build_room(c, rows->n, sizeof *c->words, &c->words, &c->word_of)) {
		return false;
	}
	c->n_words = rows->n;
	for (size_t i = 0; i < rows->n; i++) {
		build_word(l, ROW(l, FILE_WORDS, word_row, i));
	}
	return true;
}

/* ---------------------------------------------------------------- rules */

static const char *or_else(const char *text, const char *own)
{
	return *text ? text : own;
}

static uint32_t word_named(struct loading *l, const struct rule_row *row, const struct rule *rule)
{
	const char *own = rule->built_in ? built_in_words[built_in_rules[rule->number].word].code : "";
	const char *word = or_else(row->word, own);
	uint32_t place = lookup_get(&l->c->word_of, word);

	if (place == LOOKUP_NONE) {
		MISTAKE(l, FILE_RULES, row->line, _("word '%s' is not in words.csv; add it or mend the name"), word);
	}
	return place;
}

static void take_texts(const struct rule_row *row, struct rule *rule)
{
	rule->title_vi = or_else(row->title_vi, rule->title_vi);
	rule->title_en = or_else(row->title_en, rule->title_en);
	rule->message_vi = or_else(row->message_vi, rule->message_vi);
	rule->message_en = or_else(row->message_en, rule->message_en);
	rule->remedy_vi = or_else(row->remedy_vi, rule->remedy_vi);
	rule->remedy_en = or_else(row->remedy_en, rule->remedy_en);
}

/* What a row makes of a rule that is the program's, or of an empty one. */
static void take_row(struct loading *l, const struct rule_row *row, struct rule *rule)
{
	if (row->severity != RECORDS_ABSENT) {
		rule->severity = (enum severity)(SEVERITY_BLOCK - row->severity);
	}
	if (row->weight != RECORDS_ABSENT) {
		rule->weight = row->weight;
	}
	rule->word = word_named(l, row, rule);
	rule->valid_from = row->valid_from == DATE_OPEN ? DATE_ALWAYS : row->valid_from;
	rule->valid_to = row->valid_to;
	build_validity(l, FILE_RULES, row->line, rule->valid_from, rule->valid_to);
	rule->applies_to = row->applies_to == RECORDS_ABSENT ? "" : applies_names[row->applies_to];
	take_texts(row, rule);
}

/* The rule of that code: the program's, or a new one behind those there are. */
static struct rule *rule_named(struct loading *l, const struct rule_row *row, bool *stated)
{
	struct catalogue *c = l->c;
	uint32_t place = lookup_get(&c->rule_of, row->rule);

	if (place != LOOKUP_NONE) {
		if (stated[place]) {
			MISTAKE(l, FILE_RULES, row->line, _("'%s' stands on an earlier line already; keep one"),
				row->rule);
		}
		stated[place] = true;
		return &c->rules[place];
	}
	place = (uint32_t)c->n_rules++;
	stated[place] = true;
	lookup_put(&c->rule_of, row->rule, place);
	c->rules[place] = (struct rule){.code = row->rule,
					.title_vi = "",
					.title_en = "",
					.message_vi = "",
					.message_en = "",
					.remedy_vi = "",
					.remedy_en = "",
					.number = place,
					.weight = WEIGHT_ABSENT,
					.applies_to = ""};
	return &c->rules[place];
}

/* Words of the program's rules that no row speaks of. */
static void find_words(struct loading *l, const bool *stated)
{
	bool told[WORDS_MAX] = {false};

	for (size_t i = 0; i < N_BUILT_IN_RULES; i++) {
		unsigned own = built_in_rules[i].word;

		if (stated[i]) {
			continue;
		}
		l->c->rules[i].word = lookup_get(&l->c->word_of, built_in_words[own].code);
		if (l->c->rules[i].word == LOOKUP_NONE && !told[own]) {
			told[own] = true;
			MISTAKE(l, FILE_WORDS, 1,
				_("word '%s' of rule %s is missing; add a line for it, or give the rule another word"),
				built_in_words[own].code, built_in_rules[i].code);
		}
	}
}

bool build_rules(struct loading *l)
{
	const struct records *rows = &l->rows[FILE_RULES];
	struct catalogue *c = l->c;
	bool *stated = arena_calloc(c->arena, N_BUILT_IN_RULES + rows->n, sizeof *stated);

	if (!stated || !build_room(c, N_BUILT_IN_RULES + rows->n, sizeof *c->rules, &c->rules, &c->rule_of)) {
		return false;
	}
	c->n_rules = N_BUILT_IN_RULES;
	memcpy(c->rules, built_in_rules, N_BUILT_IN_RULES * sizeof *c->rules);
	for (size_t i = 0; i < c->n_rules; i++) {
		lookup_put(&c->rule_of, c->rules[i].code, (uint32_t)i);
	}
	for (size_t i = 0; i < rows->n; i++) {
		const struct rule_row *row = ROW(l, FILE_RULES, rule_row, i);

		take_row(l, row, rule_named(l, row, stated));
	}
	find_words(l, stated);
	return true;
}

/* ---------------------------------------------------------------- justifications */

bool build_justifications(struct loading *l)
{
	const struct records *rows = &l->rows[FILE_JUSTIFICATIONS];
	struct catalogue *c = l->c;

	if (!build_room(c, rows->n, sizeof *c->justifications, &c->justifications, &c->justification_of)) {
		return false;
	}
	c->n_justifications = rows->n;
	for (size_t i = 0; i < rows->n; i++) {
		const struct justification_row *row = ROW(l, FILE_JUSTIFICATIONS, justification_row, i);

		c->justifications[i] = (struct justification){row->code, row->name_vi, row->name_en, row->needs_text};
		build_code(l, FILE_JUSTIFICATIONS, row->line, &c->justification_of, row->code, i);
	}
	return true;
}
