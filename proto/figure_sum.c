/* SPDX-License-Identifier: Apache-2.0 */
/* Figures worked out again from their contributions, and held against what is stated. */
#include "figure_share.h"

#include "lang.h"
#include "mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---------------------------------------------------------------- what contributions must have */

/* The first of the area's weights: items lie in order of part and area. */
static size_t first_weight(const struct figure_item *items, size_t len, const char *area)
{
	size_t low = 0, high = len;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const struct figure_item *i = &items[middle];

		if (i->part < ITEM_WEIGHT || (i->part == ITEM_WEIGHT && strcmp(i->area, area) < 0))
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* What the area weighs: over time as the other indicator is. *ret_n: how many figures say so. */
static void add_weights(const struct figure_node *n, const struct figure_item *items, const char *area, mpq_t ret,
			size_t *ret_n)
{
	bool mean = n->weighed_over == FIGURE_TIME_MEAN;
	mpq_t number;
	int64_t spans = 0;

	mpq_init(number);
	*ret_n = 0;
	for (size_t i = first_weight(items, n->n_items, area); i < n->n_items && strcmp(items[i].area, area) == 0;
	     i++) {
		int64_t span = mean ? figure_span(n->weighed_leaf, items[i].packed) : 1;

		if (!figure_counts(&items[i], ITEM_WEIGHT))
			continue;
		exact_set(number, items[i].value);
		exact_scale(number, span);
		mpq_add(ret, ret, number);
		spans += span;
		++*ret_n;
	}
	if (mean && spans > 0) {
		mpq_set_si(number, spans, 1);
		mpq_div(ret, ret, number);
	}
	mpq_clear(number);
}

static bool weighs_as_stated(const struct figure_node *n, const struct figure_item *items,
			     const struct figure_item *value)
{
	mpq_t sum;
	size_t counting;
	bool right;

	mpq_init(sum);
	add_weights(n, items, value->area, sum, &counting);
	right = counting > 0 && (n->weighed_over == FIGURE_TIME_MEAN ? exact_is_near(value->weight, sum)
								     : exact_is(value->weight, sum));
	mpq_clear(sum);
	return right;
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

static bool is_fit(const struct figure_node *n, const struct figure_item *items, const struct figure_item *i,
		   char *fault, size_t size)
{
	if (has_what_counts(n, i) && (!figure_weighs_once(n) || weighs_as_stated(n, items, i)))
		return true;
	snprintf(fault, size, _("the contribution of %s, %s lacks what the method needs"), i->area, i->period);
	return false;
}

static bool add_up(const struct figure_statement *s, const struct figure_node *n, struct share *sum, char *fault,
		   size_t size)
{
	const struct figure_item *items = figure_items(s, n), **list = xcalloc(n->n_items + 1, sizeof *list);
	size_t len = 0;
	bool fine = true;

	for (size_t i = 0; fine && i < n->n_items; i++) {
		if (!figure_counts(&items[i], ITEM_VALUE))
			continue;
		list[len++] = &items[i];
		fine = is_fit(n, items, &items[i], fault, size);
	}
	if (fine)
		share_add_all(n, list, len, sum);
	free(list);
	return fine;
}

/* ---------------------------------------------------------------- what it must be */

/* How near a number must be: itself; rounded at its last decimal; or rounded on the way too. */
enum nearness { EXACT, ROUNDED, NEAR };

static bool is_number(const char *what, const char *said, const mpq_t exact, enum nearness nearness, char *fault,
		      size_t size)
{
	char shown[120];

	if (*said && (nearness == EXACT     ? exact_is(said, exact)
		      : nearness == ROUNDED ? exact_is_rounded(said, exact)
					    : exact_is_near(said, exact) || exact_is_rounded(said, exact)))
		return true;
	exact_text(shown, sizeof shown, exact);
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

static bool is_part(const char *what, const char *said, bool has, const mpq_t exact, enum nearness nearness,
		    char *fault, size_t size)
{
	return has ? is_number(what, said, exact, nearness, fault, size) : is_none(what, said, fault, size);
}

/* top / bottom, of percentages a hundred times that; no value when bottom is 0. */
static bool is_quotient(const struct figure_node *n, const mpq_t top, const mpq_t bottom, bool times_hundred,
			enum nearness nearness, char *fault, size_t size)
{
	mpq_t exact;
	bool fine;

	if (mpq_sgn(bottom) == 0)
		return is_none(_("the value"), n->value, fault, size);
	mpq_init(exact);
	mpq_div(exact, top, bottom);
	exact_scale(exact, times_hundred ? 100 : 1);
	fine = is_number(_("the value"), n->value, exact, nearness, fault, size);
	mpq_clear(exact);
	return fine;
}

static bool is_percent(const struct figure_node *n)
{
	return strcmp(n->unit, "percent") == 0;
}

/* Averages over time are divided before they are added up. */
static bool is_averaged(const struct figure_node *n)
{
	return (n->leaf &&
		(n->over_time == FIGURE_TIME_MEAN || (n->over_time == FIGURE_TIME_SUM && figure_weighs_once(n)))) ||
	       (figure_weighs_once(n) && n->weighed_over == FIGURE_TIME_MEAN);
}

static bool is_made_of(const struct figure_node *n, const struct share *sum, char *fault, size_t size)
{
	enum nearness part = is_averaged(n) ? NEAR : EXACT, quotient = is_averaged(n) ? NEAR : ROUNDED;
	bool is_sum = n->how == FIGURE_SUM, stated = n->how == FIGURE_OWN && sum->has_value;

	if (!is_part(_("the numerator"), n->numerator, !is_sum && sum->has_top, sum->top, part, fault, size) ||
	    !is_part(_("the denominator"), n->denominator, !is_sum && sum->has_bottom, sum->bottom, part, fault, size))
		return false;
	if (is_sum || stated)
		return is_part(_("the value"), n->value, is_sum ? sum->has_top : true, is_sum ? sum->top : sum->value,
			       part, fault, size);
	if (!sum->has_top || !sum->has_bottom)
		return is_none(_("the value"), n->value, fault, size);
	return is_quotient(n, sum->top, sum->bottom, n->how != FIGURE_MEAN && is_percent(n), quotient, fault, size);
}

/* Growth and quotients are made of the two values as they are stated, which are held against what they come from. */
static bool is_derived(const struct figure_statement *s, const struct figure_node *n, char *fault, size_t size)
{
	const struct figure_node *above = &s->nodes[n->top - 1], *below = &s->nodes[n->bottom - 1];
	mpq_t top, bottom;
	bool fine;

	mpq_inits(top, bottom, NULL);
	exact_set(top, above->value);
	exact_set(bottom, below->value);
	fine = (*above->value ? exact_is(n->numerator, top) : !*n->numerator) &&
	       (*below->value ? exact_is(n->denominator, bottom) : !*n->denominator);
	if (!fine)
		snprintf(fault, size, _("its parts are not the figures of %s and %s"), above->indicator,
			 below->indicator);
	if (n->how == FIGURE_GROWTH && is_percent(n))
		mpq_sub(top, top, bottom);
	fine =
	    fine && (*above->value && *below->value ? is_quotient(n, top, bottom, is_percent(n), ROUNDED, fault, size)
						    : is_none(_("the value"), n->value, fault, size));
	mpq_clears(top, bottom, NULL);
	return fine;
}

/* An area's own figure is no other's. */
static bool is_single_area(const struct figure_statement *s, const struct figure_node *n, char *fault, size_t size)
{
	const struct figure_item *items = figure_items(s, n), *first = NULL;

	for (size_t i = 0; n->how == FIGURE_OWN && i < n->n_items; i++) {
		if (!figure_counts(&items[i], ITEM_VALUE))
			continue;
		first = first ? first : &items[i];
		if (strcmp(items[i].counts_for, first->counts_for) != 0 || (!n->leaf && first != &items[i])) {
			snprintf(fault, size, _("it is a single area's own figure, and that of %s counts too"),
				 items[i].area);
			return false;
		}
	}
	return true;
}

static int compare_days(const struct figure_item *x, const struct figure_item *y)
{
	int32_t days = (x->packed >> 10 & 131071) - (y->packed >> 10 & 131071);

	return days ? days : figure_compare_items(x, y);
}

static int compare_starts(const void *a, const void *b)
{
	const struct figure_item *x = *(const struct figure_item *const *)a, *y = *(const struct figure_item *const *)b;
	int by_area = x->part != y->part ? (int)x->part - (int)y->part : strcmp(x->area, y->area);

	return by_area ? by_area : compare_days(x, y);
}

static int compare_merged(const void *a, const void *b)
{
	const struct figure_item *x = *(const struct figure_item *const *)a, *y = *(const struct figure_item *const *)b;
	int by_unit = x->part != y->part ? (int)x->part - (int)y->part : strcmp(x->counts_for, y->counts_for);

	return by_unit ? by_unit : compare_days(x, y);
}

/* The first item, in the list's order, of a day of its area that an item before it is of too; NULL: there is none. */
static const struct figure_item *find_repeated(const struct figure_item **list, size_t len)
{
	qsort(list, len, sizeof *list, compare_starts);
	for (size_t i = 1; i < len; i++) {
		struct period before, p;

		if (list[i - 1]->part == list[i]->part && strcmp(list[i - 1]->area, list[i]->area) == 0 &&
		    !(period_unpack(list[i - 1]->packed, &before) && period_unpack(list[i]->packed, &p) &&
		      before.end < p.start))
			return list[i];
	}
	return NULL;
}

/* The same of a day that an area counts for itself, and one that was merged into it counts too. */
static const struct figure_item *find_merged_twice(const struct figure_item **list, size_t len)
{
	int32_t ends[2] = {0};

	qsort(list, len, sizeof *list, compare_merged);
	for (size_t i = 0; i < len; i++) {
		bool itself = strcmp(list[i]->area, list[i]->counts_for) == 0;
		struct period p;

		if (i == 0 || list[i - 1]->part != list[i]->part ||
		    strcmp(list[i - 1]->counts_for, list[i]->counts_for) != 0)
			ends[0] = ends[1] = INT32_MIN;
		if (!period_unpack(list[i]->packed, &p) || p.start <= ends[!itself])
			return list[i];
		ends[itself] = p.end > ends[itself] ? p.end : ends[itself];
	}
	return NULL;
}

/* Nothing counts twice: no day of an area does, nor by itself and again by those that were merged into it. */
static bool are_single(const struct figure_statement *s, const struct figure_node *n, char *fault, size_t size)
{
	const struct figure_item *items = figure_items(s, n), *twice, **list = xcalloc(n->n_items + 1, sizeof *list);
	size_t len = 0;

	for (size_t i = 0; i < n->n_items; i++)
		if (items[i].state == ITEM_COUNTS)
			list[len++] = &items[i];
	twice = find_repeated(list, len);
	twice = twice ? twice : find_merged_twice(list, len);
	if (twice)
		snprintf(fault, size, _("%s, %s counts twice"), twice->area, twice->period);
	free(list);
	return !twice;
}

static bool is_sound(const struct figure_statement *s, const struct figure_node *n, char *fault, size_t size)
{
	struct share sum;
	bool fine;

	if (n->how == FIGURE_GROWTH || n->how == FIGURE_QUOTIENT)
		return is_derived(s, n, fault, size);
	share_init(&sum);
	fine = are_single(s, n, fault, size) && is_single_area(s, n, fault, size) && add_up(s, n, &sum, fault, size) &&
	       is_made_of(n, &sum, fault, size);
	share_clear(&sum);
	return fine;
}

bool figure_adds_up(const struct figure_statement *s, size_t *ret_node, char *fault, size_t size)
{
	for (*ret_node = 0; *ret_node < s->n_nodes; ++*ret_node)
		if (!is_sound(s, &s->nodes[*ret_node], fault, size))
			return false;
	return true;
}
