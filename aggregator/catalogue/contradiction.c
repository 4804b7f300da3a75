/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Comparisons that no report can satisfy, together and with the bounds of their indicators. Only what refuses or holds is
 * looked at. Every figure is taken as reported, an earlier period's as a figure of its own; that figures may have to be
 * whole is not used. So what is told is so, and what is not told may still be.
 */
#include "inequality.h"
#include "inside.h"
#include "lang.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct variable {
	const struct indicator *indicator;
	int lag;
};

/* The comparisons of a dataflow that are in force on one day. */
struct system {
	const struct cross_rule *rules[INEQUALITY_ROWS_MAX];
	size_t n_rules;
	bool too_large; /* something had no room: no answer */
	struct variable variables[INEQUALITY_VARIABLES_MAX];
	size_t n_variables;
	struct inequality *rows;
	size_t n_rows;
};

/* ---------------------------------------------------------------- inequalities of rules and bounds */

static size_t variable_of(struct system *s, const struct indicator *indicator, int lag)
{
	for (size_t i = 0; i < s->n_variables; i++) {
		if (s->variables[i].indicator == indicator && s->variables[i].lag == lag) {
			return i;
		}
	}
	if (s->n_variables == INEQUALITY_VARIABLES_MAX) {
		s->too_large = true;
		return 0;
	}
	s->variables[s->n_variables] = (struct variable){indicator, lag};
	return s->n_variables++;
}

static struct inequality *row_of(struct system *s)
{
	struct inequality *row;

	if (s->n_rows == INEQUALITY_ROWS_MAX) {
		s->too_large = true;
		return NULL;
	}
	row = &s->rows[s->n_rows++];
	*row = (struct inequality){0};
	return row;
}

static inequality_number power_of_ten(unsigned n)
{
	inequality_number power = 1;

	while (n-- > 0) {
		power *= 10;
	}
	return power;
}

static void add_to(struct system *s, inequality_number *sum, inequality_number a, inequality_number b)
{
	inequality_number product;

	if (!inequality_multiply(a, b, &product) || !inequality_add(*sum, product, sum)) {
		s->too_large = true;
	}
}

/* side: 1 for left <= right + tolerance, -1 for left >= right - tolerance. All of it times 100 * 10^decimals. */
static void add_side(struct system *s, const struct cross_rule *rule, int side)
{
	struct decimal tolerance = decimal_trim(rule->tolerance), percent = decimal_trim(rule->tolerance_percent);
	unsigned decimals = tolerance.scale > percent.scale ? tolerance.scale : percent.scale;
	inequality_number unit = 100 * power_of_ten(decimals),
			  share = percent.mantissa * power_of_ten(decimals - percent.scale);
	struct inequality *row = row_of(s);

	if (!row) {
		return;
	}
	add_to(s, &row->coefficients[variable_of(s, rule->left, 0)], side, unit);
	for (size_t i = 0; i < rule->n_right; i++) {
		const struct cross_term *term = &rule->right[i];

		add_to(s, &row->coefficients[variable_of(s, term->indicator, term->lag)], term->coefficient,
		       -side * unit - share);
	}
	add_to(s, &row->bound, 100 * power_of_ten(decimals - tolerance.scale), tolerance.mantissa);
}

/* Then percent of the right side can be written without asking for its sign. */
static bool is_never_negative(const struct cross_rule *rule)
{
	for (size_t i = 0; i < rule->n_right; i++) {
		const struct indicator *indicator = rule->right[i].indicator;

		if (rule->right[i].coefficient < 0 || !indicator->has_min || indicator->min.mantissa < 0) {
			return false;
		}
	}
	return true;
}

static void add_rule(struct system *s, const struct cross_rule *rule)
{
	if (rule->tolerance_percent.mantissa != 0 && !is_never_negative(rule)) {
		return; /* it may be satisfied by a right side below 0; nobody is accused */
	}
	if (rule->operator!= CROSS_AT_LEAST) {
		add_side(s, rule, 1);
	}
	if (rule->operator!= CROSS_AT_MOST) {
		add_side(s, rule, -1);
	}
}

static void add_bound(struct system *s, size_t variable, int side, struct decimal bound)
{
	struct decimal trimmed = decimal_trim(bound);
	struct inequality *row = row_of(s);

	if (row) {
		row->coefficients[variable] = side * power_of_ten(trimmed.scale);
		row->bound = side * (inequality_number)trimmed.mantissa;
	}
}

static void add_bounds(struct system *s)
{
	for (size_t i = 0; i < s->n_variables; i++) {
		const struct indicator *indicator = s->variables[i].indicator;

		if (indicator->has_min) {
			add_bound(s, i, -1, indicator->min);
		}
		if (indicator->has_max) {
			add_bound(s, i, 1, indicator->max);
		}
	}
}

/* Can the rules hold together, all but one of them (without: its place, or n_rules for none)? */
static enum inequality_answer solve(struct system *s, size_t without)
{
	s->n_variables = s->n_rows = 0;
	s->too_large = false;
	for (size_t i = 0; i < s->n_rules; i++) {
		if (i != without) {
			add_rule(s, s->rules[i]);
		}
	}
	add_bounds(s);
	return s->too_large ? INEQUALITY_UNKNOWN : inequality_solve(s->rows, s->n_rows);
}

static void take_out(struct system *s, size_t place)
{
	s->n_rules--;
	memmove(&s->rules[place], &s->rules[place + 1], (s->n_rules - place) * sizeof(*s->rules));
}

/* ---------------------------------------------------------------- telling */

static int line_of(const struct loading *l, const struct cross_rule *rule)
{
	return ROW(l, FILE_CROSS_RULES, cross_rule_row, rule - l->c->cross_rules)->line;
}

static void list_rules(const struct system *s, char *buf, size_t size)
{
	size_t used = 0;

	for (size_t i = 0; i < s->n_rules && used < size; i++) {
		used += (size_t)snprintf(buf + used, size - used, "%s%s", i ? ", " : "", s->rules[i]->code);
	}
}

static void tell(struct loading *l, const struct system *s)
{
	char list[300] = "";

	list_rules(s, list, sizeof list);
	if (s->n_rules == 1) {
		MISTAKE(
		    l, FILE_CROSS_RULES, line_of(l, s->rules[0]),
		    _("'%s' contradicts the bounds of its indicators: no figures satisfy it; mend it, or min and max"),
		    list);
	} else {
		MISTAKE(l, FILE_CROSS_RULES, line_of(l, s->rules[s->n_rules - 1]),
			_("%s contradict each other: no figures satisfy all of them; mend or take out one, or mend the "
			  "bounds of their indicators"),
			list);
	}
}

/* Leaves only rules without each of which the others could hold. */
static void narrow_down(struct system *s)
{
	for (size_t i = s->n_rules; i-- > 0 && s->n_rules > 1;) {
		if (solve(s, i) == INEQUALITY_IMPOSSIBLE) {
			take_out(s, i);
		}
	}
}

/* Tells every contradiction among the rules, each with as few of them as make it. */
static void check_system(struct loading *l, struct system *s, unsigned char *told, bool *undecided)
{
	enum inequality_answer answer;

	while (s->n_rules > 0 && (answer = solve(s, s->n_rules)) != INEQUALITY_POSSIBLE) {
		struct system few = *s;
		const struct cross_rule *last;

		if (answer == INEQUALITY_UNKNOWN) {
			*undecided = true;
			return;
		}
		narrow_down(&few);
		last = few.rules[few.n_rules - 1];
		if (!told[last - l->c->cross_rules]) {
			tell(l, &few);
		}
		told[last - l->c->cross_rules] = true;
		for (size_t i = 0; i < s->n_rules; i++) {
			if (s->rules[i] == last) {
				take_out(s, i);
				break;
			}
		}
	}
}

/* ---------------------------------------------------------------- which rules hold together */

static bool is_about(const struct cross_rule *rule, const struct dataflow *dataflow)
{
	return rule->left && rule->rule && rule->left->dataflow == dataflow;
}

static bool is_asked(const struct cross_rule *rule, const struct dataflow *dataflow, int32_t day)
{
	return is_about(rule, dataflow) && rule->n_right > 0 && rule->severity >= SEVERITY_JUSTIFY &&
	       rule->valid_from <= day && day <= rule->valid_to && rule_in_force(rule->rule, day);
}

static void check_day(struct loading *l, struct system *s, const struct dataflow *dataflow, int32_t day,
		      unsigned char *told, bool *undecided)
{
	s->n_rules = 0;
	for (size_t i = 0; i < l->c->n_cross_rules; i++) {
		const struct cross_rule *rule = &l->c->cross_rules[i];

		if (!is_asked(rule, dataflow, day)) {
			continue;
		}
		if (s->n_rules == INEQUALITY_ROWS_MAX) {
			*undecided = true;
			return;
		}
		s->rules[s->n_rules++] = rule;
	}
	check_system(l, s, told, undecided);
}

static int32_t first_day(const struct cross_rule *rule)
{
	return rule->valid_from > rule->rule->valid_from ? rule->valid_from : rule->rule->valid_from;
}

/* Does an earlier line begin on the same day? Most have always been. */
static bool is_looked_at(const struct catalogue *c, const struct cross_rule *rule)
{
	for (const struct cross_rule *before = c->cross_rules; before < rule; before++) {
		if (is_about(before, rule->left->dataflow) && first_day(before) == first_day(rule)) {
			return true;
		}
	}
	return false;
}

/* Rules that ever hold together hold together on the day on which the last of them begins. */
static void check_dataflow(struct loading *l, struct system *s, const struct dataflow *dataflow, unsigned char *told,
			   bool *undecided)
{
	for (size_t i = 0; i < l->c->n_cross_rules; i++) {
		const struct cross_rule *rule = &l->c->cross_rules[i];

		if (is_about(rule, dataflow) && !is_looked_at(l->c, rule)) {
			check_day(l, s, dataflow, first_day(rule), told, undecided);
		}
	}
}

bool check_contradictions(struct loading *l)
{
	struct catalogue *c = l->c;
	struct system s = {.rows = arena_calloc(c->arena, INEQUALITY_ROWS_MAX, sizeof *s.rows)};
	unsigned char *told = arena_calloc(c->arena, c->n_cross_rules, 1);
	bool undecided = false;

	for (size_t i = 0; s.rows && told && i < c->n_dataflows; i++) {
		check_dataflow(l, &s, &c->dataflows[i], told, &undecided);
	}
	return s.rows && told && !undecided;
}
