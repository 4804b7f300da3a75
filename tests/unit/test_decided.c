/* SPDX-License-Identifier: Apache-2.0 */
/* What the centre's decision makes of a judgement: outcomes and words, worked out anew. */
#include "rules.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

enum { LINES = 4, WORDS = 4, FINDINGS = 4 };

/* Findings are "RULE line severity" with ; between; outcomes a digit a line; words a letter a word (dung du sach song). */
struct decided_case {
	const char *findings, *before, *words;
	const char *lines; /* decided on */
	enum outcome outcome;
	const char *after, *words_after;
};

static const struct decided_case cases[] = {
    {"SACH-06 1 J", "3", "PPHP", "1", OUTCOME_ACCEPTED, "1", "PPWP"},
    {"SACH-06 1 J", "3", "PPHP", "1", OUTCOME_REFUSED, "4", "PPFP"},
    /* another figure waits for the same rule, or for another */
    {"SACH-06 1 J; SACH-06 2 J", "33", "PPHP", "1", OUTCOME_ACCEPTED, "13", "PPHP"},
    {"SACH-06 1 J; DUNG-07 2 J", "33", "HPHP", "1", OUTCOME_ACCEPTED, "13", "HPWP"},
    {"SACH-06 1 J; DUNG-07 1 J", "3", "HPHP", "1", OUTCOME_REFUSED, "4", "FPFP"},
    {"SACH-06 1 J; SACH-06 2 J", "33", "PPHP", "12", OUTCOME_REFUSED, "44", "PPFP"},
    /* one was decided on before: released, refused */
    {"SACH-06 1 J; SACH-06 2 J", "13", "PPHP", "2", OUTCOME_ACCEPTED, "11", "PPWP"},
    {"SACH-06 1 J; SACH-06 2 J", "43", "PPFP", "2", OUTCOME_ACCEPTED, "41", "PPFP"},
    /* one was justified */
    {"SACH-06 1 J; SACH-06 2 J", "23", "PPHP", "2", OUTCOME_ACCEPTED, "21", "PPWP"},
    /* words that nobody asked anything stay; what a rule refused stays refused */
    {"SACH-06 1 J; DUNG-04 2 B", "34", "FPHP", "1", OUTCOME_ACCEPTED, "14", "FPWP"},
    {"SACH-06 1 J; SACH-04 2 B", "34", "PPFP", "1", OUTCOME_ACCEPTED, "14", "PPFP"},
    {"SACH-06 1 J; SONG-01 0 W", "3", "PPHW", "1", OUTCOME_ACCEPTED, "1", "PPWW"},
    /* what was refused by a rule may have had a reason or not: its word says so as before */
    {"SACH-06 1 J; DUNG-04 1 B; DUNG-07 2 J", "43", "FPWP", "2", OUTCOME_REFUSED, "44", "FPWP"},
    {"SACH-06 1 J; DUNG-04 1 B; DUNG-07 2 J", "43", "FPHP", "2", OUTCOME_REFUSED, "44", "FPHP"},
    /* of the report: it is answered with its last figure; what is missing waits on */
    {"SACH-09 0 J", "33", "PPHP", "1", OUTCOME_ACCEPTED, "13", "PPHP"},
    {"SACH-09 0 J", "33", "PPHP", "12", OUTCOME_ACCEPTED, "11", "PPWP"},
    {"SACH-09 0 J", "13", "PPHP", "2", OUTCOME_REFUSED, "14", "PPFP"},
    {"DU-02 0 J; SACH-06 1 J", "3", "PHHP", "1", OUTCOME_ACCEPTED, "1", "PHWP"},
};

static struct rule rules[FINDINGS];
static struct finding findings[FINDINGS];

static enum severity severity_of(char letter)
{
	return (enum severity)(1 + (strchr("IWJB", letter) - "IWJB"));
}

static size_t read_findings(const char *text)
{
	char copy[200], *rest = copy, *one;
	size_t n = 0;

	strncpy(copy, text, sizeof copy - 1);
	copy[sizeof copy - 1] = '\0';
	while ((one = strsep(&rest, ";")) != NULL) {
		char *code, *line;

		one += *one == ' ';
		code = strsep(&one, " ");
		line = strsep(&one, " ");
		assert_non_null(rule_by_code(code));
		rules[n] = *rule_by_code(code);
		findings[n] =
		    (struct finding){.rule = &rules[n], .line = (uint32_t)(*line - '0'), .severity = severity_of(*one)};
		n++;
	}
	return n;
}

static void assert_decided(const struct decided_case *c)
{
	enum outcome outcomes[LINES];
	enum word_state words[WORDS];
	struct judgement j = {.n = strlen(c->before),
			      .outcomes = outcomes,
			      .words = words,
			      .n_words = WORDS,
			      .findings = findings,
			      .n_findings = read_findings(c->findings)};
	uint32_t lines[LINES];
	size_t n = strlen(c->lines);

	for (size_t i = 0; i < j.n; i++) {
		outcomes[i] = (enum outcome)(c->before[i] - '0');
	}
	for (size_t i = 0; i < WORDS; i++) {
		words[i] = (enum word_state)(1 + (strchr("PWHF", c->words[i]) - "PWHF"));
	}
	for (size_t i = 0; i < n; i++) {
		lines[i] = (uint32_t)(c->lines[i] - '0');
	}
	rules_decide(&j, lines, n, c->outcome);
	for (size_t i = 0; i < j.n; i++) {
		assert_int_equal(outcomes[i], c->after[i] - '0');
	}
	for (size_t i = 0; i < WORDS; i++) {
		if ("PWHF"[words[i] - 1] != c->words_after[i]) {
			fail_msg("%s, %s decided %d: word %zu is %c, not %c", c->findings, c->lines, c->outcome, i + 1,
				 "PWHF"[words[i] - 1], c -> words_after[i]);
		}
	}
}

static void words_follow_from_decisions(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		assert_decided(&cases[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(words_follow_from_decisions)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
