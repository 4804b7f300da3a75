/* SPDX-License-Identifier: Apache-2.0 */
#include "figure_share.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---------------------------------------------------------------- decimals */

static size_t scale_of(const char *text)
{
	const char *point = strchr(text, '.');

	return point ? strlen(point + 1) : 0;
}

void exact_set(mpq_t ret, const char *text)
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

bool exact_is(const char *text, const mpq_t exact)
{
	mpq_t number;
	bool same;

	if (!*text)
		return false;
	mpq_init(number);
	exact_set(number, text);
	same = mpq_equal(number, exact) != 0;
	mpq_clear(number);
	return same;
}

void exact_scale(mpq_t number, int64_t times)
{
	mpq_t factor;

	mpq_init(factor);
	mpq_set_si(factor, times, 1);
	mpq_mul(number, number, factor);
	mpq_clear(factor);
}

bool exact_is_near(const char *text, const mpq_t exact)
{
	mpq_t number, room;
	bool near;

	if (!*text)
		return false;
	mpq_inits(number, room, NULL);
	exact_set(number, text);
	mpq_sub(number, number, exact);
	mpq_abs(number, number);
	exact_scale(number, INT64_C(1000000000000));
	mpq_abs(room, exact);
	near = mpq_cmp(number, room) <= 0;
	mpq_clears(number, room, NULL);
	return near;
}

bool exact_is_rounded(const char *text, const mpq_t exact)
{
	mpq_t number, unit;
	bool near;

	mpq_inits(number, unit, NULL);
	exact_set(number, text);
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

void exact_text(char *buf, size_t size, const mpq_t number)
{
	int n = gmp_snprintf(buf, size, "%Qd", number);

	if (n < 0 || (size_t)n >= size)
		snprintf(buf, size, "…");
}

/* ---------------------------------------------------------------- items */

const struct figure_item *figure_items(const struct figure_statement *s, const struct figure_node *n)
{
	return s->n_items ? &s->items[n->first_item] : NULL;
}

bool figure_counts(const struct figure_item *i, enum item_part part)
{
	return i->part == part && i->state == ITEM_COUNTS;
}

bool figure_weighs_once(const struct figure_node *n)
{
	return n->how == FIGURE_MEAN && strcmp(n->weighed_by, "observation") != 0;
}

/* Months from year 0 to a day's. */
static int64_t months_to(int32_t day)
{
	int year, month, unused;

	date_to_civil(day, &year, &month, &unused);
	return 12 * (int64_t)year + month - 1;
}

int64_t figure_span(char leaf, int32_t packed)
{
	struct period p;
	int64_t months;

	if (!period_unpack(packed, &p))
		return 0;
	if (leaf == 'D' || !leaf)
		return p.end - p.start + 1;
	months = leaf == 'S' ? 6 : leaf == 'Q' ? 3 : 1;
	return months_to(p.end + 1) / months - months_to(p.start) / months;
}

/* ---------------------------------------------------------------- shares */

void share_init(struct share *s)
{
	mpq_inits(s->top, s->bottom, s->value, NULL);
	s->has_top = s->has_bottom = s->has_value = false;
	s->counting = 0;
}

void share_clear(struct share *s)
{
	mpq_clears(s->top, s->bottom, s->value, NULL);
}

static void share_add(struct share *to, const struct share *s)
{
	mpq_add(to->top, to->top, s->top);
	mpq_add(to->bottom, to->bottom, s->bottom);
	mpq_add(to->value, to->value, s->value);
	to->has_top = to->has_top || s->has_top;
	to->has_bottom = to->has_bottom || s->has_bottom;
	to->has_value = to->has_value || s->has_value;
	to->counting += s->counting;
}

static void share_clone(struct share *to, const struct share *s)
{
	mpq_set(to->top, s->top);
	mpq_set(to->bottom, s->bottom);
	mpq_set(to->value, s->value);
	to->has_top = s->has_top;
	to->has_bottom = s->has_bottom;
	to->has_value = s->has_value;
	to->counting = s->counting;
}

/* Each part times n, or by it. */
static void share_scale(struct share *s, int64_t n, bool divide)
{
	mpq_t factor;

	mpq_init(factor);
	mpq_set_si(factor, n, 1);
	if (divide)
		mpq_inv(factor, factor);
	mpq_mul(s->top, s->top, factor);
	mpq_mul(s->bottom, s->bottom, factor);
	mpq_mul(s->value, s->value, factor);
	mpq_clear(factor);
}

static void share_of(const struct figure_node *n, const struct figure_item *i, struct share *ret)
{
	const char *top = n->how == FIGURE_SUM || n->how == FIGURE_MEAN ? i->value : i->numerator;
	const char *bottom = n->how == FIGURE_SUM ? "" : n->how == FIGURE_MEAN ? i->weight : i->denominator;

	exact_set(ret->top, top);
	exact_set(ret->bottom, bottom);
	exact_set(ret->value, i->value);
	if (n->how == FIGURE_MEAN)
		mpq_mul(ret->top, ret->top, ret->bottom);
	ret->has_top = *top;
	ret->has_bottom = *bottom;
	ret->has_value = *i->value;
	ret->counting = 1;
}

/* ---------------------------------------------------------------- over time */

/* The items that count, in the order of what they count for, the area itself behind those that were merged into it. */
static int compare_counting(const void *a, const void *b)
{
	const struct figure_item *x = *(const struct figure_item *const *)a, *y = *(const struct figure_item *const *)b;
	int by_unit = strcmp(x->counts_for, y->counts_for);
	int by_itself = (strcmp(x->area, x->counts_for) == 0) - (strcmp(y->area, y->counts_for) == 0);
	int by_area = strcmp(x->area, y->area);

	return by_unit ? by_unit : by_itself ? by_itself : by_area ? by_area : figure_compare_items(x, y);
}

/* One area's items; moves *at behind them. */
static int64_t add_area(const struct figure_node *n, const struct figure_item *const *list, size_t len, size_t *at,
			struct share *ret)
{
	const struct figure_item *first = list[*at];
	bool mean = n->over_time == FIGURE_TIME_MEAN;
	struct share one;
	int64_t spans = 0;
	mpq_t once;

	share_init(&one);
	mpq_init(once);
	exact_set(once, first->weight);
	for (; *at < len && strcmp(list[*at]->area, first->area) == 0 &&
	       strcmp(list[*at]->counts_for, first->counts_for) == 0;
	     ++*at) {
		int64_t span = figure_span(n->leaf, list[*at]->packed);

		share_of(n, list[*at], &one);
		if (mean)
			share_scale(&one, span, false);
		share_add(ret, &one);
		spans += span;
	}
	if (mean && spans > 0)
		share_scale(ret, spans, true);
	if (figure_weighs_once(n))
		mpq_set(ret->bottom, once);
	mpq_clear(once);
	share_clear(&one);
	return spans;
}

/* Of what is merged: those before, or the one after. */
static int64_t add_side(const struct figure_node *n, const struct figure_item *const *list, size_t len, size_t *at,
			struct share *ret)
{
	const struct figure_item *first = list[*at];
	bool itself = strcmp(first->area, first->counts_for) == 0;
	int64_t spans = 0;

	while (*at < len && strcmp(list[*at]->counts_for, first->counts_for) == 0 &&
	       itself == (strcmp(list[*at]->area, list[*at]->counts_for) == 0)) {
		struct share area;
		int64_t span;

		share_init(&area);
		span = add_area(n, list, len, at, &area);
		share_add(ret, &area);
		share_clear(&area);
		spans = span > spans ? span : spans;
	}
	return spans;
}

/* What a minimum or maximum is chosen by. */
static void rank_of(const struct share *s, mpq_t ret)
{
	mpq_set(ret, s->top);
	if (s->has_bottom && mpq_sgn(s->bottom) != 0)
		mpq_div(ret, ret, s->bottom);
}

static bool is_before_better(const struct figure_node *n, const struct share *before, const struct share *after)
{
	mpq_t x, y;
	int order;

	mpq_inits(x, y, NULL);
	rank_of(before, x);
	rank_of(after, y);
	order = mpq_cmp(x, y);
	mpq_clears(x, y, NULL);
	return n->over_time == FIGURE_TIME_MIN ? order <= 0 : order >= 0;
}

static void weigh_bottoms(struct share *both, const struct share sides[2], const int64_t spans[2])
{
	mpq_t part;

	mpq_init(part);
	mpq_set_ui(both->bottom, 0, 1);
	for (int i = 0; i < 2; i++) {
		mpq_set(part, sides[i].bottom);
		exact_scale(part, spans[i]);
		mpq_add(both->bottom, both->bottom, part);
	}
	mpq_set_si(part, spans[0] + spans[1], 1);
	mpq_div(both->bottom, both->bottom, part);
	mpq_clear(part);
}

/* The two times of an area that others were merged into. */
static void join_sides(const struct figure_node *n, struct share sides[2], const int64_t spans[2], struct share *ret)
{
	struct share weighed[2];

	if (n->over_time == FIGURE_TIME_MIN || n->over_time == FIGURE_TIME_MAX) {
		share_add(ret, &sides[is_before_better(n, &sides[0], &sides[1]) ? 0 : 1]);
		return;
	}
	for (int i = 0; i < 2; i++) {
		share_init(&weighed[i]);
		share_clone(&weighed[i], &sides[i]);
		if (n->over_time == FIGURE_TIME_MEAN)
			share_scale(&weighed[i], spans[i], false);
		share_add(ret, &weighed[i]);
		share_clear(&weighed[i]);
	}
	if (n->over_time == FIGURE_TIME_MEAN)
		share_scale(ret, spans[0] + spans[1], true);
	else if (n->over_time == FIGURE_TIME_SUM && figure_weighs_once(n))
		weigh_bottoms(ret, sides, spans);
}

/* All that counts for one expected area. */
static void add_expected(const struct figure_node *n, const struct figure_item *const *list, size_t len, size_t *at,
			 struct share *sum)
{
	const char *counts_for = list[*at]->counts_for;
	struct share sides[2], joined;
	int64_t spans[2] = {0, 0};
	int n_sides = 0;

	share_init(&sides[0]);
	share_init(&sides[1]);
	share_init(&joined);
	while (*at < len && n_sides < 2 && strcmp(list[*at]->counts_for, counts_for) == 0) {
		spans[n_sides] = add_side(n, list, len, at, &sides[n_sides]);
		n_sides++;
	}
	if (n_sides == 2)
		join_sides(n, sides, spans, &joined);
	else
		share_add(&joined, &sides[0]);
	share_add(sum, &joined);
	share_clear(&sides[0]);
	share_clear(&sides[1]);
	share_clear(&joined);
}

void share_add_all(const struct figure_node *n, const struct figure_item **list, size_t len, struct share *sum)
{
	struct share one;
	size_t at = 0;

	if (n->leaf) {
		qsort(list, len, sizeof *list, compare_counting);
		while (at < len)
			add_expected(n, list, len, &at, sum);
		return;
	}
	share_init(&one);
	for (; at < len; at++) {
		share_of(n, list[at], &one);
		share_add(sum, &one);
	}
	share_clear(&one);
}
