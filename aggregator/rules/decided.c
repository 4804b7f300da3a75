/* SPDX-License-Identifier: Apache-2.0 */
/* What a decision of the centre makes of a judgement. */
#include "walk.h"

#include <assert.h>

/* A finding refuses the figure, whatever the centre decides. */
static bool is_blocked(const struct judgement *j, uint32_t line)
{
	for (size_t i = 0; i < j->n_findings; i++) {
		const struct finding *f = &j->findings[i];

		if (f->severity == SEVERITY_BLOCK && (f->line == line || f->line == 0)) {
			return true;
		}
	}
	return false;
}

/* Of a figure that is not stored it is not kept whether a reason came with it: the word says so as before. */
static enum word_state as_before(enum word_state before)
{
	return before < WORD_HELD ? WORD_WARN : WORD_HELD;
}

static enum word_state asked_of_figure(const struct judgement *j, const struct finding *f, enum word_state before)
{
	switch (j->outcomes[f->line - 1]) {
	case OUTCOME_HELD: return WORD_HELD;
	case OUTCOME_REFUSED: return is_blocked(j, f->line) ? as_before(before) : WORD_FAIL;
	case OUTCOME_DUPLICATE: return as_before(before);
	case OUTCOME_ACCEPTED: /* released */
	case OUTCOME_WARNED: break;
	}
	return WORD_WARN;
}

/*
 * The finding has held every figure of the report: it has its answer when none is held any more. What is missing (DU-02) holds
 * none, and waits for what is missing.
 */
static enum word_state asked_of_report(const struct judgement *j, const struct finding *f, enum word_state before)
{
	enum word_state state = WORD_WARN;

	if (before < WORD_HELD || f->rule->number == DU_02) {
		return as_before(before);
	}
	for (size_t i = 0; i < j->n; i++) {
		if (j->outcomes[i] == OUTCOME_HELD) {
			return WORD_HELD;
		}
		if (j->outcomes[i] == OUTCOME_REFUSED && !is_blocked(j, (uint32_t)i + 1)) {
			state = WORD_FAIL;
		}
	}
	return state;
}

static enum word_state state_now(const struct judgement *j, const struct finding *f, enum word_state before)
{
	switch (f->severity) {
	case SEVERITY_BLOCK: return WORD_FAIL;
	case SEVERITY_JUSTIFY: return f->line ? asked_of_figure(j, f, before) : asked_of_report(j, f, before);
	case SEVERITY_WARN: return WORD_WARN;
	case SEVERITY_INFORM: break;
	}
	return WORD_PASS;
}

/* A word that no finding asked for a reason stays what it is. */
static enum word_state word_now(const struct judgement *j, unsigned word)
{
	enum word_state before = j->words[word], now = WORD_PASS;
	bool asked = false;

	for (size_t i = 0; i < j->n_findings; i++) {
		const struct finding *f = &j->findings[i];
		enum word_state state;

		if (f->rule->word != word) {
			continue;
		}
		state = state_now(j, f, before);
		now = state > now ? state : now;
		asked = asked || f->severity == SEVERITY_JUSTIFY;
	}
	return asked ? now : before;
}

void rules_decide(struct judgement *j, const uint32_t *lines, size_t n, enum outcome outcome)
{
	for (size_t i = 0; i < n; i++) {
		assert(lines[i] >= 1 && lines[i] <= j->n);
		j->outcomes[lines[i] - 1] = outcome;
	}
	for (unsigned word = 0; word < j->n_words; word++) {
		j->words[word] = word_now(j, word);
	}
}
