/* SPDX-License-Identifier: Apache-2.0 */
#include "inside.h"
#include "lang.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define TERMS_MAX       64
#define COEFFICIENT_MAX 1000000
#define LAG_MAX         24 /* as many points as rules are told of a series */

/* Where the reading of a right-hand side stands. */
struct terms {
	const char *at;
	struct cross_term list[TERMS_MAX];
	size_t n;
};

static void skip_spaces(struct terms *t)
{
	while (*t->at == ' ') {
		t->at++;
	}
}

/* "+" or "-" before a term; the first may have none. 0: there is neither. */
static int read_sign(struct terms *t)
{
	skip_spaces(t);
	if (*t->at == '+' || *t->at == '-') {
		return *t->at++ == '+' ? 1 : -1;
	}
	return t->n == 0 ? 1 : 0;
}

/* "2 " before an indicator; 1 when there is none, 0 when it is out of bounds. */
static int read_coefficient(struct terms *t)
{
	char *end;
	long n;

	skip_spaces(t);
	if (!isdigit((unsigned char)*t->at)) {
		return 1;
	}
	n = strtol(t->at, &end, 10);
	t->at = end;
	skip_spaces(t);
	return n > COEFFICIENT_MAX ? 0 : (int)n;
}

static char *read_name(struct terms *t, struct arena *a)
{
	size_t len = strcspn(t->at, " +-[");
	char *name = arena_strndup(a, t->at, len);

	t->at += len;
	skip_spaces(t);
	return name;
}

/* "[-2]" behind an indicator; 0 when there is none, -1 when it cannot be read or is out of bounds. */
static int read_lag(struct terms *t)
{
	char *end;
	long n;

	if (*t->at != '[') {
		return 0;
	}
	if (t->at[1] != '-' || !isdigit((unsigned char)t->at[2])) {
		return -1;
	}
	n = strtol(t->at + 2, &end, 10);
	if (*end != ']' || n < 1 || n > LAG_MAX) {
		return -1;
	}
	t->at = end + 1;
	skip_spaces(t);
	return (int)n;
}

/* One term. False when the text is none, which is then said. */
static bool read_term(struct loading *l, const struct cross_rule_row *row, struct terms *t)
{
	int sign = read_sign(t), coefficient = sign ? read_coefficient(t) : 0;
	const char *name = coefficient ? read_name(t, l->c->arena) : NULL;
	int lag = name ? read_lag(t) : 0;
	const struct indicator *indicator;

	if (!name || !*name || t->n == TERMS_MAX) {
		MISTAKE(l, FILE_CROSS_RULES, row->line,
			_("right: '%s' cannot be read; write 'a + b - 2 c' with indicators' codes"), row->right);
		return false;
	}
	if (lag < 0) {
		MISTAKE(l, FILE_CROSS_RULES, row->line,
			_("right: the lag of '%s' cannot be read; '%s[-1]' is one period back, and %d the most"), name,
			name, LAG_MAX);
		return false;
	}
	indicator = catalogue_indicator(l->c, name);
	if (!indicator) {
		MISTAKE(l, FILE_CROSS_RULES, row->line,
			_("right: indicator '%s' is not in indicators.csv; add it or mend the name"), name);
		return true;
	}
	t->list[t->n++] = (struct cross_term){.indicator = indicator, .coefficient = sign * coefficient, .lag = lag};
	return true;
}

bool build_cross_terms(struct loading *l, const struct cross_rule_row *row, struct cross_rule *rule)
{
	struct terms t = {.at = row->right};
	struct cross_term *terms;

	do {
		if (!read_term(l, row, &t)) {
			break;
		}
	} while (*t.at);
	terms = arena_calloc(l->c->arena, t.n, sizeof *terms);
	if (!terms) {
		return false;
	}
	if (t.n) {
		memcpy(terms, t.list, t.n * sizeof *terms);
	}
	rule->right = terms;
	rule->n_right = t.n;
	return true;
}
