/* SPDX-License-Identifier: Apache-2.0 */
/*
 * given - reports for the tests of the rules, written as settings: "value=101; unit=person; 2.area=63/45; period=2024".
 *
 * A setting of the report has no number; one of an observation begins with its line (none: line 1); one of what is
 * stored begins with p and the line ("p1.value=5"). A line that is named is made, as a copy of line 1 as it stood then.
 *
 * What is known besides: "h1=2023-S2: 5 - 7* 8" is the history of line 1 up to 2023-S2, a period a word: "-" none, "7*" a
 * break, "3/4" parts without a value. "s.INDICATOR@2023-S2=5" is what stands of an indicator. "q1=62 5 0.5" is what 62
 * provinces state of line 1: median and MAD; "q1=62 5 0.5 71.25 8": eight of them 71.25. "reported=a|b" are the indicators
 * that the provider has stated already, "" none; where it is not set, nothing is known of them. "alike=P63-45 2023-S2 12" is
 * another province's report of 12 figures that are the same. "closed=1 2024-07-31 Lê Văn An" is the period's newest closing,
 * "longer=2024: 1 2024-07-31 Lê Văn An" a longer one's.
 */
#ifndef TRAM_TEST_GIVEN_H
#define TRAM_TEST_GIVEN_H

#include "rules.h"

#define GIVEN_LINES  12
#define GIVEN_STANDS 12

/* What stands of a related indicator. */
struct given_stands {
	const char *indicator;
	struct point point;
};

struct given {
	char agent[64];
	int64_t received_at_us, handed_in_at_us;
	Tram__V1__Report report;
	Tram__V1__Observation lines[GIVEN_LINES + 1]; /* from 1 */
	Tram__V1__Observation *observations[GIVEN_LINES];
	struct past past[GIVEN_LINES + 1];
	struct point points[GIVEN_LINES + 1][HISTORY_POINTS];
	struct history history[GIVEN_LINES + 1];
	struct peer_figures peer_figures[GIVEN_LINES + 1];
	const struct peer_figures *peers[GIVEN_LINES + 1]; /* NULL: not known */
	struct given_stands stands[GIVEN_STANDS];
	size_t n_stands;
	const char *reported;          /* NULL: not known */
	struct look_alike *look_alike; /* NULL: none */
	struct closed closed[RULES_PERIODS];
	size_t n_closed;
	struct arena *arena; /* texts, numbers, and the judgement */
	struct judgement j;
};

/*
 * A report that every rule is content with: "province" (P63-46, one count), "ratio" (P63-46, parts), "mean" (P63-46,
 * with weight), "statistics" (P63-46, yearly), "centre" (C-MIC, a national count), "targets" (C-MIC).
 */
void given_start(struct given *g, const char *kind);
void given_set(struct given *g, const char *settings);
/* Resolves and judges. */
void given_judge(struct given *g, const struct catalogue *c);
void given_end(struct given *g);

/* The finding of a rule for a line; NULL: there is none. field NULL: any. */
const struct finding *given_finding(const struct given *g, const char *rule, uint32_t line, const char *field);

/* "AWHRD", a letter an observation; "PWHF", a letter a word. */
const char *given_outcomes(const struct given *g);
const char *given_words(const struct given *g);
void given_print(const struct given *g);

#endif
