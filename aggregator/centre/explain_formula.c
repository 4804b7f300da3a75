/* SPDX-License-Identifier: Apache-2.0 */
/* The figure as a formula: numbers filled in, the long middle left out. */
#include "explain_show.h"

#include "decimal.h"
#include "display.h"
#include "lang.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TERMS_FIRST 3
#define TERMS_LAST  2

static void put_number(FILE *out, const char *digits)
{
	char *text = display_exact(digits);

	fputs(text, out);
	free(text);
}

static bool counts(const struct explained_contribution *c)
{
	return strcmp(c->state, "counts") == 0 && strcmp(c->part, "value") == 0;
}

static void put_term(FILE *out, const char *a, const char *b)
{
	put_number(out, a);
	if (b) {
		fputs(" × ", out);
		put_number(out, b);
	}
}

/* "a + b + … + z" of one column, or of the products of two; largest shares first. */
static void put_terms(FILE *out, const struct explanation_figure *f, size_t column, size_t other)
{
	size_t n = explanation_count(f, "value", "counts"), at = 0;

	for (size_t i = 0; i < f->n; i++) {
		const char *a, *b = NULL;

		if (!counts(&f->rows[i])) {
			continue;
		}
		memcpy(&a, (const char *)&f->rows[i] + column, sizeof a);
		if (other) {
			memcpy(&b, (const char *)&f->rows[i] + other, sizeof b);
		}
		if (n <= TERMS_FIRST + TERMS_LAST + 1 || at < TERMS_FIRST || at >= n - TERMS_LAST) {
			fputs(at ? " + " : "", out);
			put_term(out, a, b);
		} else if (at == TERMS_FIRST) {
			fputs(" + …", out);
		}
		at++;
	}
}

#define COLUMN(member) offsetof(struct explained_contribution, member)

static void put_fraction(FILE *out, const struct explanation_figure *f, bool percent, size_t top, size_t other,
			 size_t bottom)
{
	const struct rollup_figure *r = &f->about.figure;

	fputs(percent ? "100 × (" : "(", out);
	put_terms(out, f, top, other);
	fputs(") / (", out);
	put_terms(out, f, bottom, 0);
	fputs(percent ? ") = 100 × " : ") = ", out);
	put_number(out, r->numerator);
	fputs(" / ", out);
	put_number(out, r->denominator);
}

static void put_derived(FILE *out, const struct rollup_figure *r, bool growth, bool percent)
{
	fputs(percent ? "100 × " : "", out);
	if (growth && percent) {
		fputs("(", out);
		put_number(out, r->numerator);
		fputs(" − ", out);
		put_number(out, r->denominator);
		fputs(")", out);
	} else {
		put_number(out, r->numerator);
	}
	fputs(" / ", out);
	put_number(out, r->denominator);
}

/* What is averaged over time before it is added up has no terms that fit a line. */
static bool is_averaged(const struct explained_figure *f)
{
	bool weighs_once = strcmp(f->how, "mean") == 0 && strcmp(f->weighed_by, "observation") != 0;

	return *f->leaf && (strcmp(f->over_time, "mean") == 0 || (weighs_once && strcmp(f->over_time, "sum") == 0));
}

static void put_averaged(FILE *out, const struct explanation_figure *f, bool percent)
{
	const struct rollup_figure *r = &f->about.figure;

	fputs(_("averages over the parts of the period"), out);
	if (r->numerator && r->denominator) {
		fputs(percent ? ": 100 × " : ": ", out);
		put_number(out, r->numerator);
		fputs(" / ", out);
		put_number(out, r->denominator);
	}
}

static void put_own(FILE *out, const struct rollup_figure *r, bool percent)
{
	if (r->numerator && r->denominator) {
		fputs(percent ? "100 × " : "", out);
		put_number(out, r->numerator);
		fputs(" / ", out);
		put_number(out, r->denominator);
	} else {
		put_number(out, r->value);
	}
}

static bool read_digits(const char *digits, struct decimal *ret)
{
	return digits && decimal_parse(digits, strlen(digits), DECIMAL_LOCALE_NONE, ret) == DECIMAL_FINE;
}

/* What is shown is all of it; nothing was rounded away. Longer digits than a decimal has are taken as rounded. */
static bool is_all(const struct explanation_figure *f)
{
	const struct rollup_figure *r = &f->about.figure;
	bool percent = r->unit && strcmp(r->unit, "percent") == 0 && strcmp(f->about.how, "mean") != 0;
	struct decimal shown, top, bottom;

	return read_digits(r->shown, &shown) && read_digits(r->numerator, &top) &&
	       read_digits(r->denominator, &bottom) &&
	       decimal_shift(decimal_trim(shown), r->display_unit_mult, &shown) &&
	       (strcmp(f->about.how, "growth") != 0 || !percent || decimal_subtract(top, bottom, &top)) &&
	       decimal_compare_products(shown, bottom, decimal_int(percent ? 100 : 1), top) == 0;
}

static void put_result(FILE *out, const struct explanation_figure *f, bool exact)
{
	const struct rollup_figure *r = &f->about.figure;
	char *result = display_figure(r->shown, r->qualifier, r->display_unit_mult, r->unit, r->unit_vi);
	size_t n = explanation_count(f, "value", "counts");

	if (exact) {
		fputs(" = ", out);
		put_number(out, r->value);
	} else if (!r->counts_parts) { /* else the fraction is the result */
		fprintf(out, " %s %s", is_all(f) ? "=" : "≈", result);
	}
	free(result);
	if (n > TERMS_FIRST + TERMS_LAST + 1) {
		fprintf(out, _(" (%zu terms)"), n);
	}
}

char *explain_formula(const struct explanation *e, size_t figure)
{
	const struct explanation_figure *f = &e->figures[figure];
	const struct rollup_figure *r = &f->about.figure;
	const char *how = f->about.how;
	bool percent = r->unit && strcmp(r->unit, "percent") == 0, derived = f->about.top > 0;
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	if (!r->value || (!derived && explanation_count(f, "value", "counts") == 0)) {
		fputs("–", out);
	} else if (derived) {
		put_derived(out, r, strcmp(how, "growth") == 0, percent);
		put_result(out, f, false);
	} else if (is_averaged(&f->about)) {
		put_averaged(out, f, percent && strcmp(how, "mean") != 0);
		put_result(out, f, false);
	} else if (strcmp(how, "sum") == 0) {
		put_terms(out, f, COLUMN(value), 0);
		put_result(out, f, true);
	} else if (strcmp(how, "ratio") == 0) {
		put_fraction(out, f, percent, COLUMN(numerator), 0, COLUMN(denominator));
		put_result(out, f, false);
	} else if (strcmp(how, "mean") == 0) {
		put_fraction(out, f, false, COLUMN(value), COLUMN(weight), COLUMN(weight));
		put_result(out, f, false);
	} else {
		put_own(out, r, percent);
		if (r->numerator && r->denominator) {
			put_result(out, f, false);
		}
	}
	fclose(out);
	return text;
}
