/* SPDX-License-Identifier: Apache-2.0 */
/*
 * walk - what a rule's function sees of a report, and how it says what it found. For the files of this folder only.
 *
 * A function looks and, where something is wrong, calls find(); it decides nothing else. Nothing is allocated for a
 * figure that is as it should be.
 */
#ifndef TRAM_WALK_H
#define TRAM_WALK_H

#include "rules.h"

#define NO_LINE   UINT32_MAX
#define NO_PERIOD (-1)
#define LAGS_MAX  HISTORY_POINTS /* as cross_rules.csv allows */

/* The observations of a report by what they are about. */
struct twins {
	uint32_t *slots; /* place of an observation + 1; 0: free */
	uint32_t mask;
	uint32_t *
	    first; /* by observation: the first about the same figure, maybe itself; NO_LINE: it is about nothing known */
	uint32_t *differs; /* by observation: one about the same figure that says something else, or NO_LINE */
};

/* What DUNG-10 found of a wrong multiplier on its way, for SACH-07. */
struct suspicion {
	uint32_t line; /* of which it is known; 0: of none */
	int power;     /* of ten, by which the value seems too large; 0: it does not */
	struct decimal median;
	size_t n;
};

struct walk {
	const struct report_context *ctx;
	const Tram__V1__Report *report;
	const struct catalogue *catalogue;
	const struct knowledge *known;
	struct arena *arena;
	struct judgement *j;
	struct twins twins;
	int32_t received_day;            /* in Viet Nam */
	bool has_reason;                 /* the report's reason says something */
	const struct rule *rules;        /* the catalogue's */
	bool in_force[N_BUILT_IN_RULES]; /* on that day */
	int32_t day;                     /* the rules of which day judge */
	const struct rule *rule;
	uint32_t line; /* being looked at; 0: the report */
	int32_t
	    back[LAGS_MAX + 1]; /* packed periods so many before the report's own; 0: not made yet, NO_PERIOD: none */
	struct suspicion suspicion;
	struct finding *findings;
	size_t n, room;
	size_t n_of_report; /* findings of line 0, which come first */
	bool exhausted;
};

/* One observation being looked at. */
struct look {
	size_t i;
	const Tram__V1__Observation *o;
	const struct figure *f;
	const struct past *past;
	const struct history *history;    /* NULL: not known */
	const struct peer_figures *peers; /* NULL: not known */
};

/* The i-th observation and what is known of it. */
struct look look_at(const struct walk *w, size_t i);

/* Adds a finding of the rule being checked. severity 0: the rule's own. Texts live as long as the arena. */
void find(struct walk *w, enum severity severity, const char *field, const char *found, const char *expected);

/* The same, put where the rule's place among the line's findings is. */
void find_in_order(struct walk *w, enum severity severity, const char *field, const char *found, const char *expected);

/* ---------------------------------------------------------------- justifications: reason.c */

/* What was given as the reason, and whether it is one. */
struct reason {
	enum { REASON_NONE, REASON_SOUND, REASON_UNKNOWN_CODE, REASON_PLACEHOLDER, REASON_NO_TEXT } kind;
	const char *code, *text;
};
struct reason reason_of_report(const struct walk *w);
/* By a figure's own reason, or else its report's. */
bool is_justified(const struct walk *w, const Tram__V1__Observation *o);

/* DU-08, when all else is said: of the report, of a line (its findings are those from first on), of all lines. */
void du_08_report(struct walk *w);
void du_08(struct walk *w, const struct look *x, size_t first);
void du_08_end(struct walk *w);

/* ---------------------------------------------------------------- what figures say */

/* Neither a backfill nor a correction: what a period owes. */
bool is_regular(const struct walk *w);
bool is_withdrawal(const Tram__V1__Observation *o);
/* It states a value or both parts, valid or not. */
bool states_value(const Tram__V1__Observation *o);
/* "not_applicable"; "?" for a number that is none. */
const char *missing_reason_name(int reason);
/* exact, where none is stated. */
int qualifier_of(const Tram__V1__Observation *o);
/* What stands of the i-th figure was justified for the same rule, or released from it, and this is the same break: the value
   is neither many times that one nor a small part of it. */
bool was_justified(const struct walk *w, size_t i, const struct rule *rule);
bool says_what_is_stored(const struct look *x);
/* It is stored already, and nothing more is said by it: what waits for a justification and now has one is answered. */
bool is_stored_already(const struct walk *w, const struct look *x);
bool twins_make(struct walk *w);
/* A point's value, as peers_stated() has a figure's. */
bool point_value(const struct indicator *i, const struct point *p, struct decimal *ret);
/* The stated value of an indicator for the same area and dimensions as f: in the report's own period what the report says,
   otherwise, or when it does not speak of it, what stands. period: packed. False: none. */
bool related_value(struct walk *w, const struct figure *f, const struct indicator *indicator, int32_t period,
		   struct decimal *ret);
/* The packed period so many before the report's own, which is readable; NO_PERIOD: there is none. */
int32_t period_before(struct walk *w, int lag);

/* ---------------------------------------------------------------- texts, into the arena */

/* Makes the text; marks the walk as exhausted when there is no room, and then returns "". */
const char *say(struct walk *w, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* A text of the report, cut where it is long. */
const char *say_text(struct walk *w, const char *text);
/* "16.4", or "16.4 × 10^6" as it was stated. */
const char *say_stated(struct walk *w, const Tram__V1__Decimal *d, int unit_mult);
const char *say_decimal(struct walk *w, struct decimal d);
const char *say_day(struct walk *w, int32_t day);
/* "63/24 Bắc Giang (2008-08-01 … 2025-06-30)" */
const char *say_area(struct walk *w, const struct area *area);

/* N/A, x, test, ???, page debris: a text that only holds a place. */
bool is_placeholder(const char *text);
bool is_blank(const char *text);

/* ---------------------------------------------------------------- the rules' functions: rules.def */

void dung_01(struct walk *w);
void dung_03_report(struct walk *w);
void dung_13_report(struct walk *w);
void du_01(struct walk *w);
void du_02(struct walk *w);
void sach_02_report(struct walk *w);
void sach_05_report(struct walk *w);
void sach_06_report(struct walk *w);
void sach_09(struct walk *w);
void song_01(struct walk *w);
void song_04(struct walk *w);
void song_07_report(struct walk *w);
void song_08_report(struct walk *w);
void dung_02(struct walk *w, const struct look *x);
void dung_03(struct walk *w, const struct look *x);
void dung_04(struct walk *w, const struct look *x);
void dung_05(struct walk *w, const struct look *x);
void dung_06(struct walk *w, const struct look *x);
void compare_indicators(struct walk *w, const struct look *x); /* DUNG-07, 08, 11 */
void dung_09(struct walk *w, const struct look *x);
void dung_10(struct walk *w, const struct look *x);
void dung_12(struct walk *w, const struct look *x);
void dung_13(struct walk *w, const struct look *x);
void rules_of_data(struct walk *w, const struct look *x); /* those that only the catalogue defines */
void du_03(struct walk *w, const struct look *x);
void du_04(struct walk *w, const struct look *x);
void du_05(struct walk *w, const struct look *x);
void sach_01(struct walk *w, const struct look *x);
void sach_02(struct walk *w, const struct look *x);
void sach_03(struct walk *w, const struct look *x);
void sach_04(struct walk *w, const struct look *x);
void sach_05(struct walk *w, const struct look *x);
void sach_06(struct walk *w, const struct look *x);
void sach_07(struct walk *w, const struct look *x);
void sach_07_history(struct walk *w, const struct look *x);
void sach_08(struct walk *w, const struct look *x);
void sach_10(struct walk *w, const struct look *x);
void song_02(struct walk *w, const struct look *x);
void song_06(struct walk *w, const struct look *x);
void song_07(struct walk *w, const struct look *x);
void song_08(struct walk *w, const struct look *x);

#endif
