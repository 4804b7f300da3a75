/* SPDX-License-Identifier: Apache-2.0 */
#include "catalogue_store.h"
#include "letters.h"

#include <string.h>

void put_words(struct store *s, const struct catalogue *c)
{
	const struct word *words;
	size_t n = catalogue_words(c, &words);

	for (size_t i = 0; i < n; i++) {
		copy_row(s->copy);
		copy_int16(s->copy, (int16_t)(i + 1));
		copy_text(s->copy, words[i].code);
		copy_text(s->copy, words[i].name_vi);
		copy_text(s->copy, words[i].name_en);
		copy_numeric(s->copy, true, decimal_int(words[i].weight));
	}
}

/* What a rule is held against where the catalogue does not say it; the rest: every figure. */
static const char *applies_to(const struct rule *rule)
{
	static const struct {
		const char *rule, *applies_to;
	} rows[] = {
	    {"DUNG-01", "report"},   {"DUNG-05", "parts"},    {"DUNG-06", "parts"},  {"DUNG-07", "related"},
	    {"DUNG-08", "related"},  {"DUNG-09", "value"},    {"DUNG-10", "value"},  {"DUNG-11", "related"},
	    {"DUNG-12", "value"},    {"DUNG-13", "value"},    {"DU-01", "report"},   {"DU-02", "measured"},
	    {"DU-06", "measured"},   {"DU-07", "measured"},   {"SACH-01", "report"}, {"SACH-03", "revision"},
	    {"SACH-06", "value"},    {"SACH-08", "value"},    {"SACH-09", "report"}, {"SACH-10", "value"},
	    {"SONG-01", "measured"}, {"SONG-03", "measured"}, {"SONG-04", "report"}, {"SONG-05", "measured"},
	    {"SONG-07", "revision"},
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		if (strcmp(rows[i].rule, rule->code) == 0) {
			return rows[i].applies_to;
		}
	}
	return rule->built_in ? "figure" : "related"; /* data can only compare */
}

static void put_texts(struct copy *copy, const struct rule *r)
{
	copy_text(copy, r->title_vi);
	copy_text(copy, r->title_en);
	copy_text(copy, r->message_vi);
	copy_text(copy, r->message_en);
	copy_text(copy, r->remedy_vi);
	copy_text(copy, r->remedy_en);
}

void put_rules(struct store *s, const struct catalogue *c)
{
	const struct word *words;
	const struct rule *rules;
	size_t n = catalogue_rules(c, &rules);

	catalogue_words(c, &words);
	for (const struct rule *r = rules; r < rules + n; r++) {
		copy_row(s->copy);
		copy_text(s->copy, r->code);
		copy_text(s->copy, words[r->word].code);
		copy_char(s->copy, severity_letter(r->severity));
		put_texts(s->copy, r);
		copy_text(s->copy, *r->applies_to ? r->applies_to : applies_to(r));
		copy_numeric(s->copy, true, decimal_int(r->weight));
		copy_date_or_null(s->copy, r->valid_from);
		copy_date_or_null(s->copy, r->valid_to);
	}
}

void put_parameters(struct store *s, const struct catalogue *c)
{
	for (int i = 0; i < N_PARAMETERS; i++) {
		copy_row(s->copy);
		copy_text(s->copy, catalogue_parameter_name((enum parameter)i));
		copy_int64(s->copy, catalogue_parameter(c, (enum parameter)i));
	}
}

void put_cross_rules(struct store *s, const struct catalogue *c)
{
	const struct cross_rule *rules;
	size_t n = catalogue_cross_rules(c, &rules);

	for (const struct cross_rule *r = rules; r < rules + n; r++) {
		copy_row(s->copy);
		copy_text(s->copy, r->code);
		copy_text(s->copy, r->rule->code);
		copy_text(s->copy, r->left->code);
		copy_text(s->copy, cross_operator_name(r->operator));
		copy_text(s->copy, r->right_text);
		copy_numeric(s->copy, true, r->tolerance);
		copy_numeric(s->copy, true, r->tolerance_percent);
		copy_text(s->copy, missing_policy_name(r->missing));
		copy_char(s->copy, severity_letter(r->severity));
		copy_date_or_null(s->copy, r->valid_from);
		copy_date_or_null(s->copy, r->valid_to);
		copy_text(s->copy, r->note_vi);
		copy_text(s->copy, r->note_en);
	}
}

void put_references(struct store *s, const struct catalogue *c)
{
	const struct reference *rows;
	size_t n = catalogue_references(c, &rows);

	for (const struct reference *r = rows; r < rows + n; r++) {
		copy_row(s->copy);
		copy_text(s->copy, r->code);
		copy_text(s->copy, r->area->area);
		copy_date(s->copy, r->valid_from);
		copy_date_or_null(s->copy, r->valid_to);
		copy_numeric(s->copy, true, r->value);
		copy_text(s->copy, r->unit);
		copy_text(s->copy, r->source);
	}
}

void put_reference_rules(struct store *s, const struct catalogue *c)
{
	const struct reference_rule *rows;
	size_t n = catalogue_reference_rules(c, &rows);

	for (const struct reference_rule *r = rows; r < rows + n; r++) {
		copy_row(s->copy);
		copy_text(s->copy, r->indicator->code);
		copy_text(s->copy, figure_part_name(r->part));
		copy_text(s->copy, r->reference);
		copy_text(s->copy, cross_operator_name(r->operator));
		copy_numeric(s->copy, true, r->tolerance_percent);
		copy_char(s->copy, severity_letter(r->severity));
	}
}

void put_justifications(struct store *s, const struct catalogue *c)
{
	const struct justification *rows;
	size_t n = catalogue_justifications(c, &rows);

	for (const struct justification *r = rows; r < rows + n; r++) {
		copy_row(s->copy);
		copy_text(s->copy, r->code);
		copy_text(s->copy, r->name_vi);
		copy_text(s->copy, r->name_en);
		copy_bool(s->copy, r->needs_text);
	}
}

/* ---------------------------------------------------------------- texts by version */

/* A text that the file does not give is the program's own, the very same one; a rule may be moved to another word too. */
static bool differs_from_own(const struct rule *r)
{
	const struct rule *own = r->built_in ? &built_in_rules[r->number] : NULL;

	return !own || r->word != own->word || r->title_vi != own->title_vi || r->title_en != own->title_en ||
	       r->message_vi != own->message_vi || r->message_en != own->message_en || r->remedy_vi != own->remedy_vi ||
	       r->remedy_en != own->remedy_en;
}

enum store_result add_rule_texts(struct store *s, const struct catalogue *c, uint32_t version, struct err *err)
{
	const struct rule *rules;
	const struct word *words;
	size_t n = catalogue_rules(c, &rules);
	enum store_result result = copy_begin(
	    s, "tram.rule_text",
	    "catalogue_version, rule, title_vi, title_en, message_vi, message_en, remedy_vi, remedy_en, word", 9, err);

	if (result != STORE_OK) {
		return result;
	}
	(void)catalogue_words(c, &words);
	for (const struct rule *r = rules; r < rules + n; r++) {
		if (differs_from_own(r)) {
			copy_row(s->copy);
			copy_int32(s->copy, (int32_t)version);
			copy_text(s->copy, r->code);
			put_texts(s->copy, r);
			copy_text(s->copy, words[r->word].code);
		}
	}
	return copy_end(s, err);
}
