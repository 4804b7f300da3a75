/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Figures worked out again from their contributions, in fractions (GMP): products of weights and sums of them have more
 * digits than struct decimal, and what is said to be proven may not be rounded on the way.
 */
#include "figure_proof.h"

#include "lang.h"

#include <gmp.h>
#include <stdio.h>
#include <string.h>

struct sums {
	mpq_t value, numerator, denominator, weighted, weight;
	size_t counting;
};

static void sums_init(struct sums *s)
{
	mpq_inits(s->value, s->numerator, s->denominator, s->weighted, s->weight, NULL);
	s->counting = 0;
}

static void sums_clear(struct sums *s)
{
	mpq_clears(s->value, s->numerator, s->denominator, s->weighted, s->weight, NULL);
}

/* ---------------------------------------------------------------- decimals */

static size_t scale_of(const char *text)
{
	const char *point = strchr(text, '.');

	return point ? strlen(point + 1) : 0;
}

/* An exact decimal; "" is 0. */
static void set_decimal(mpq_t ret, const char *text)
{
	char digits[FIGURE_NUMBER];
	size_t n = 0;

	for (; *text && n < sizeof digits - 1; text++)
		if (*text != '.')
			digits[n++] = *text;
		else
			break;
	mpq_set_ui(ret, 0, 1);
	if (*text == '.')
		n += (size_t)snprintf(digits + n, sizeof digits - n, "%s", text + 1);
	digits[n] = '\0';
	if (n == 0)
		return;
	mpz_set_str(mpq_numref(ret), digits, 10);
	mpz_ui_pow_ui(mpq_denref(ret), 10, *text == '.' ? strlen(text + 1) : 0);
	mpq_canonicalize(ret);
}

static void add_decimal(mpq_t sum, const char *text)
{
	mpq_t number;

	mpq_init(number);
	set_decimal(number, text);
	mpq_add(sum, sum, number);
	mpq_clear(number);
}

static bool is_decimal_of(const char *text, const mpq_t exact)
{
	mpq_t number;
	bool same;

	if (!*text)
		return false;
	mpq_init(number);
	set_decimal(number, text);
	same = mpq_equal(number, exact) != 0;
	mpq_clear(number);
	return same;
}

/* Whether the text is the exact number, rounded at its last digit: not further off than half of one there. */
static bool is_rounded(const char *text, const mpq_t exact)
{
	mpq_t number, unit;
	bool near;

	mpq_inits(number, unit, NULL);
	set_decimal(number, text);
	mpq_sub(number, number, exact);
	mpq_abs(number, number);
	mpz_ui_pow_ui(mpq_denref(unit), 10, scale_of(text));
	mpz_mul_ui(mpq_denref(unit), mpq_denref(unit), 2);
	mpz_set_ui(mpq_numref(unit), 1);
	mpq_canonicalize(unit);
	near = mpq_cmp(number, unit) <= 0;
	mpq_clears(number, unit, NULL);
	return near;
}

/* Cut to a line. */
static void show_number(char *buf, size_t size, const mpq_t number)
{
	int n = gmp_snprintf(buf, size, "%Qd", number);

	if (n < 0 || (size_t)n >= size)
		snprintf(buf, size, "…");
}

/* ---------------------------------------------------------------- adding up */

static const struct figure_item *items_of(const struct figure_statement *s, const struct figure_node *n)
{
	return s->n_items ? &s->items[n->first_item] : NULL;
}

/* What the figure of an area weighs, by the other indicator's own. */
static const struct figure_item *weight_of(const struct figure_item *items, size_t n, const struct figure_item *value)
{
	for (size_t i = 0; i < n; i++)
		if (items[i].part == ITEM_WEIGHT && items[i].state == ITEM_COUNTS &&
		    strcmp(items[i].area, value->area) == 0 && items[i].packed == value->packed)
			return &items[i];
	return NULL;
}

static bool is_weighed_right(const struct figure_node *n, const struct figure_item *items,
			     const struct figure_item *value)
{
	const struct figure_item *weight;
	mpq_t exact;
	bool right;

	if (n->how != FIGURE_MEAN || strcmp(n->weighed_by, "observation") == 0)
		return true;
	weight = weight_of(items, n->n_items, value);
	if (!weight)
		return false;
	mpq_init(exact);
	set_decimal(exact, weight->value);
	right = is_decimal_of(value->weight, exact);
	mpq_clear(exact);
	return right;
}

static void add_item(struct sums *sums, const struct figure_item *i)
{
	mpq_t value, weight;

	mpq_inits(value, weight, NULL);
	set_decimal(value, i->value);
	set_decimal(weight, i->weight);
	mpq_add(sums->value, sums->value, value);
	mpq_add(sums->weight, sums->weight, weight);
	mpq_mul(value, value, weight);
	mpq_add(sums->weighted, sums->weighted, value);
	add_decimal(sums->numerator, i->numerator);
	add_decimal(sums->denominator, i->denominator);
	sums->counting++;
	mpq_clears(value, weight, NULL);
}

/* What the method needs of a contribution that counts. */
static bool has_what_counts(const struct figure_node *n, const struct figure_item *i)
{
	bool parts = *i->numerator && *i->denominator;

	switch (n->how) {
	case FIGURE_SUM: return *i->value;
	case FIGURE_RATIO: return parts;
	case FIGURE_MEAN: return *i->value && *i->weight;
	default: return *i->value || parts;
	}
}

static bool add_up(const struct figure_statement *s, const struct figure_node *n, struct sums *sums, char *fault,
		   size_t size)
{
	const struct figure_item *items = items_of(s, n);

	for (size_t i = 0; i < n->n_items; i++) {
		const struct figure_item *item = &items[i];

		if (item->state != ITEM_COUNTS || item->part != ITEM_VALUE)
			continue;
		if (!has_what_counts(n, item) || !is_weighed_right(n, items, item)) {
			snprintf(fault, size, _("the contribution of %s, %s lacks what the method needs"), item->area,
				 item->period);
			return false;
		}
		add_item(sums, item);
	}
	return true;
}

/* ---------------------------------------------------------------- what it must be */

static bool is_number(const char *what, const char *said, const mpq_t exact, bool rounded, char *fault, size_t size)
{
	char shown[120];

	if (*said && (rounded ? is_rounded(said, exact) : is_decimal_of(said, exact)))
		return true;
	show_number(shown, sizeof shown, exact);
	snprintf(fault, size, _("%s is stated as %s, and the contributions come to %s"), what, *said ? said : "–",
		 shown);
	return false;
}

static bool is_none(const char *what, const char *said, char *fault, size_t size)
{
	if (*said)
		snprintf(fault, size, _("%s is stated as %s, and there is nothing that it could come from"), what,
			 said);
	return !*said;
}

/* top / bottom, of percentages a hundred times that; no value when bottom is 0. */
static bool is_quotient(const struct figure_node *n, const mpq_t top, const mpq_t bottom, bool times_hundred,
			char *fault, size_t size)
{
	mpq_t exact, hundred;
	bool fine;

	if (mpq_sgn(bottom) == 0)
		return is_none(_("the value"), n->value, fault, size);
	mpq_inits(exact, hundred, NULL);
	mpq_div(exact, top, bottom);
	mpq_set_ui(hundred, times_hundred ? 100 : 1, 1);
	mpq_mul(exact, exact, hundred);
	fine = is_number(_("the value"), n->value, exact, true, fault, size);
	mpq_clears(exact, hundred, NULL);
	return fine;
}

static bool are_parts(const struct figure_node *n, const mpq_t numerator, const mpq_t denominator, char *fault,
		      size_t size)
{
	return is_number(_("the numerator"), n->numerator, numerator, false, fault, size) &&
	       is_number(_("the denominator"), n->denominator, denominator, false, fault, size);
}

static bool is_percent(const struct figure_node *n)
{
	return strcmp(n->unit, "percent") == 0;
}

/* A unit's own statement: one, and all of it. */
static bool is_own(const struct figure_node *n, const struct sums *sums, const struct figure_item *items, char *fault,
		   size_t size)
{
	const struct figure_item *only = items;

	if (sums->counting > 1) {
		snprintf(fault, size, _("it is a single area's own figure, and %zu contributions count"),
			 sums->counting);
		return false;
	}
	while (only->part != ITEM_VALUE || only->state != ITEM_COUNTS)
		only++;
	if ((*only->numerator ? !is_number(_("the numerator"), n->numerator, sums->numerator, false, fault, size)
			      : !is_none(_("the numerator"), n->numerator, fault, size)) ||
	    (*only->denominator
		 ? !is_number(_("the denominator"), n->denominator, sums->denominator, false, fault, size)
		 : !is_none(_("the denominator"), n->denominator, fault, size)))
		return false;
	return *only->value ? is_number(_("the value"), n->value, sums->value, false, fault, size)
			    : is_quotient(n, sums->numerator, sums->denominator, is_percent(n), fault, size);
}

static bool is_made_of(const struct figure_node *n, const struct sums *sums, const struct figure_item *items,
		       char *fault, size_t size)
{
	if (sums->counting == 0)
		return is_none(_("the value"), n->value, fault, size) &&
		       is_none(_("the numerator"), n->numerator, fault, size) &&
		       is_none(_("the denominator"), n->denominator, fault, size);
	switch (n->how) {
	case FIGURE_SUM:
		return is_number(_("the value"), n->value, sums->value, false, fault, size) &&
		       is_none(_("the numerator"), n->numerator, fault, size) &&
		       is_none(_("the denominator"), n->denominator, fault, size);
	case FIGURE_RATIO:
		return are_parts(n, sums->numerator, sums->denominator, fault, size) &&
		       is_quotient(n, sums->numerator, sums->denominator, is_percent(n), fault, size);
	case FIGURE_MEAN:
		return are_parts(n, sums->weighted, sums->weight, fault, size) &&
		       is_quotient(n, sums->weighted, sums->weight, false, fault, size);
	default: return is_own(n, sums, items, fault, size);
	}
}

/* Growth and quotients are made of the two values as they are stated, which are held against what they come from. */
static bool is_derived(const struct figure_statement *s, const struct figure_node *n, char *fault, size_t size)
{
	const struct figure_node *above = &s->nodes[n->top - 1], *below = &s->nodes[n->bottom - 1];
	mpq_t top, bottom;
	bool fine;

	mpq_inits(top, bottom, NULL);
	set_decimal(top, above->value);
	set_decimal(bottom, below->value);
	fine = (*above->value ? is_decimal_of(n->numerator, top) : !*n->numerator) &&
	       (*below->value ? is_decimal_of(n->denominator, bottom) : !*n->denominator);
	if (!fine)
		snprintf(fault, size, _("its parts are not the figures of %s and %s"), above->indicator,
			 below->indicator);
	if (n->how == FIGURE_GROWTH && is_percent(n))
		mpq_sub(top, top, bottom);
	fine = fine && (*above->value && *below->value ? is_quotient(n, top, bottom, is_percent(n), fault, size)
						       : is_none(_("the value"), n->value, fault, size));
	mpq_clears(top, bottom, NULL);
	return fine;
}

/* Nothing counts twice. */
static bool are_single(const struct figure_statement *s, const struct figure_node *n, char *fault, size_t size)
{
	const struct figure_item *items = items_of(s, n), *last = NULL;

	for (size_t i = 0; i < n->n_items; i++) {
		if (items[i].state != ITEM_COUNTS)
			continue;
		if (last && last->part == items[i].part && last->packed == items[i].packed &&
		    strcmp(last->area, items[i].area) == 0) {
			snprintf(fault, size, _("%s, %s counts twice"), last->area, last->period);
			return false;
		}
		last = &items[i];
	}
	return true;
}

static bool is_sound(const struct figure_statement *s, const struct figure_node *n, char *fault, size_t size)
{
	struct sums sums;
	bool fine;

	if (n->how == FIGURE_GROWTH || n->how == FIGURE_QUOTIENT)
		return is_derived(s, n, fault, size);
	sums_init(&sums);
	fine = are_single(s, n, fault, size) && add_up(s, n, &sums, fault, size) &&
	       is_made_of(n, &sums, items_of(s, n), fault, size);
	sums_clear(&sums);
	return fine;
}

bool figure_adds_up(const struct figure_statement *s, size_t *ret_node, char *fault, size_t size)
{
	for (*ret_node = 0; *ret_node < s->n_nodes; ++*ret_node)
		if (!is_sound(s, &s->nodes[*ret_node], fault, size))
			return false;
	return true;
}
