/* SPDX-License-Identifier: Apache-2.0 */
#include "inside.h"
#include "lang.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define TERMS_MAX       64
#define COEFFICIENT_MAX 1000000

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
	size_t len = strcspn(t->at, " +-");
	char *name = arena_strndup(a, t->at, len);

	t->at += len;
	skip_spaces(t);
	return name;
}

/* One term. False when the text is none, which is then said. */
static bool read_term(struct loading *l, const struct cross_rule_row *row, struct terms *t)
{
	int sign = read_sign(t), coefficient = sign ? read_coefficient(t) : 0;
	const char *name = coefficient ? read_name(t, l->c->arena) : NULL;
	const struct indicator *indicator;

	if (!name || !*name || t->n == TERMS_MAX) {
		MISTAKE(l, FILE_CROSS_RULES, row->line,
			_("right: '%s' cannot be read; write 'a + b - 2 c' with indicators' codes"), row->right);
		return false;
	}
	indicator = catalogue_indicator(l->c, name);
	if (!indicator) {
		MISTAKE(l, FILE_CROSS_RULES, row->line,
			_("right: indicator '%s' is not in indicators.csv; add it or mend the name"), name);
		return true;
	}
	t->list[t->n++] = (struct cross_term){.indicator = indicator, .coefficient = sign * coefficient};
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
