/* SPDX-License-Identifier: Apache-2.0 */
#include "catalogue.h"

#include <string.h>

/* The names that rules.def has for words. */
enum { DUNG, DU, SACH, SONG };

const struct word built_in_words[] = {
    [DUNG] = {"dung", "đúng", "correct", 1},
    [DU] = {"du", "đủ", "sufficient", 1},
    [SACH] = {"sach", "sạch", "clean", 1},
    [SONG] = {"song", "sống", "live", 1},
};
const size_t n_built_in_words = sizeof built_in_words / sizeof *built_in_words;

bool word_is_built_in(const struct word *word)
{
	for (size_t i = 0; i < n_built_in_words; i++) {
		if (strcmp(built_in_words[i].code, word->code) == 0) {
			return strcmp(built_in_words[i].name_vi, word->name_vi) == 0 &&
			       strcmp(built_in_words[i].name_en, word->name_en) == 0;
		}
	}
	return false;
}

/* Only its texts and severities are read here: what looks for a rule's faults belongs to the rules. */
const struct rule built_in_rules[] = {
#define RULE(identifier, code, word, severity, title_vi, title_en, message_vi, message_en, remedy_vi, remedy_en, ...)  \
	[identifier] = {code,       word,       SEVERITY_##severity, title_vi,  title_en,                              \
			message_vi, message_en, remedy_vi,           remedy_en, SEVERITY_##severity,                   \
			identifier, 1,          DATE_ALWAYS,         DATE_OPEN, ""},
#define CASE(...)
#include "../rules/rules.def"
#undef RULE
#undef CASE
};
