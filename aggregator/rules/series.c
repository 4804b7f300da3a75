/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A value beside its own past and beside other provinces: DUNG-10, and the wrong unit of SACH-07.
 *
 * Nearly every value is near the last one, which is looked at first; only for the rest are medians made. Statistics are
 * of whole numbers at one scale, all that fits 18 digits: nothing is divided but for the texts.
 */
#include "peers.h"
#include "walk.h"

#include <string.h>

__extension__ typedef __int128 i128;

#define SCALED_MAX     INT64_C(1000000000000000000)
#define RATIO_DECIMALS 6    /* of a value that follows from its parts */
#define Z_FACTOR       6745 /* ten thousandths: MAD of a normal distribution in standard deviations */

/* A value and its own past since the last break, as whole numbers times 10^-scale. */
struct series {
	uint8_t scale;
	size_t n;
	int64_t value, last;
	int64_t sorted[HISTORY_POINTS];
	int64_t median2; /* twice the median */
	int64_t mad4;    /* four times the median of distances from it */
};

/* ---------------------------------------------------------------- values */

bool point_value(const struct indicator *i, const struct point *p, struct decimal *ret)
{
	struct figure f;

	if (p->has_value) {
		*ret = p->value;
		return true;
	}
	f = (struct figure){.indicator = i,
			    .has_numerator = p->has_numerator,
			    .has_denominator = p->has_denominator,
			    .numerator = p->numerator,
			    .denominator = p->denominator};
	return peers_stated(&f, ret);
}

/* Ranks, growths and targets say nothing of a level. */
static bool is_level(const struct look *x, struct decimal *ret)
{
	const struct indicator *i = x->f->indicator;

	return i && x->f->storable && i->value_type != VALUE_RANK && i->value_type != VALUE_GROWTH &&
	       i->value_type != VALUE_TARGET && !is_withdrawal(x->o) && peers_stated(x->f, ret);
}

static bool is_counted(const struct indicator *i)
{
	return i->value_type == VALUE_COUNT || i->value_type == VALUE_AMOUNT;
}

static struct decimal magnitude(struct decimal d)
{
	d.mantissa = d.mantissa < 0 ? -d.mantissa : d.mantissa;
	return d;
}

static bool is_within(struct decimal a, struct decimal b, int64_t percent)
{
	struct decimal gap;

	return decimal_subtract(a, b, &gap) &&
	       decimal_compare_products(magnitude(gap), decimal_int(100), magnitude(b), decimal_int(percent)) <= 0;
}

static bool has_past(const struct look *x)
{
	return x->history && x->history->n > 0;
}

/* The last point says that there is nothing to look for, as it mostly does. */
static bool is_near_last(const struct walk *w, const struct look *x, struct decimal value)
{
	const struct history *h = x->history;
	struct decimal last;

	return point_value(x->f->indicator, &h->points[h->n - 1], &last) &&
	       is_within(value, last, catalogue_parameter(w->catalogue, PARAMETER_OUTLIER_STEP));
}

/* ---------------------------------------------------------------- whole numbers at one scale */

static bool at_scale(struct decimal d, uint8_t scale, int64_t *ret)
{
	if (d.scale > scale) {
		d = decimal_round(d, scale);
	}
	for (; d.scale < scale && d.mantissa < SCALED_MAX / 10 && d.mantissa > -SCALED_MAX / 10; d.scale++) {
		d.mantissa *= 10;
	}
	*ret = d.mantissa;
	return d.scale == scale && d.mantissa < SCALED_MAX && d.mantissa > -SCALED_MAX;
}

static bool all_at_scale(struct series *s, struct decimal value, const struct decimal *values, uint8_t scale)
{
	bool fit = at_scale(value, scale, &s->value);

	for (size_t i = 0; i < s->n && fit; i++) {
		fit = at_scale(values[i], scale, &s->sorted[i]);
	}
	return fit;
}

static void put_at_scale(struct series *s, struct decimal value, const struct decimal *values)
{
	s->scale = value.scale;
	for (size_t i = 0; i < s->n; i++) {
		s->scale = values[i].scale > s->scale ? values[i].scale : s->scale;
	}
	while (!all_at_scale(s, value, values, s->scale)) {
		s->scale--; /* at scale 0 every decimal fits */
	}
}

/* ---------------------------------------------------------------- median and MAD */

static void sort(int64_t *values, size_t n)
{
	for (size_t i = 1; i < n; i++) {
		int64_t v = values[i];
		size_t k = i;

		for (; k > 0 && values[k - 1] > v; k--) {
			values[k] = values[k - 1];
		}
		values[k] = v;
	}
}

/* Twice the distance from the median of the one that is farthest of those from low to high, which is left out then. */
static int64_t take_farthest(const struct series *s, size_t *low, size_t *high)
{
	int64_t below = s->median2 - 2 * s->sorted[*low], above = 2 * s->sorted[*high] - s->median2;

	if (below > above) {
		++*low;
		return below;
	}
	--*high;
	return above;
}

/* Distances from the median are sorted already: they grow towards both ends. */
static int64_t four_times_mad(const struct series *s)
{
	size_t low = 0, high = s->n - 1;
	int64_t middle;

	for (size_t farther = s->n - 1 - s->n / 2; farther > 0; farther--) {
		take_farthest(s, &low, &high);
	}
	middle = take_farthest(s, &low, &high);
	return middle + (s->n % 2 ? middle : take_farthest(s, &low, &high));
}

static void make_statistics(struct series *s)
{
	s->last = s->sorted[s->n - 1];
	sort(s->sorted, s->n);
	s->median2 = s->sorted[(s->n - 1) / 2] + s->sorted[s->n / 2];
	s->mad4 = four_times_mad(s);
}

/* The own past since the last break. False when there is none. */
static bool make_series(const struct look *x, struct decimal value, struct series *s)
{
	const struct history *h = x->history;
	struct decimal values[HISTORY_POINTS];
	size_t first = h->n;

	while (first > 0 && h->n - first < HISTORY_POINTS && (first == h->n || !h->points[first].breaks)) {
		first--;
	}
	s->n = 0;
	for (size_t i = first; i < h->n; i++) {
		s->n += point_value(x->f->indicator, &h->points[i], &values[s->n]);
	}
	if (!s->n) {
		return false;
	}
	put_at_scale(s, value, values);
	make_statistics(s);
	return true;
}

/* ---------------------------------------------------------------- texts */

static struct decimal scaled(const struct series *s, i128 n)
{
	return decimal_trim((struct decimal){(int64_t)n, s->scale});
}

/* Exact, unless half a unit of the 18th digit is too much. */
static struct decimal median_of(const struct series *s)
{
	if (s->median2 % 2 && s->median2 > -SCALED_MAX / 5 && s->median2 < SCALED_MAX / 5 &&
	    s->scale < DECIMAL_SCALE_MAX) {
		return (struct decimal){s->median2 * 5, (uint8_t)(s->scale + 1)};
	}
	return scaled(s, s->median2 / 2);
}

/* "16.4 × 10^6 = 2.13 × 7700000"; below a tenth of it "101 = 45731 / 452.78" */
static const char *say_times(struct walk *w, const struct look *x, struct decimal value, struct decimal of)
{
	const char *stated =
	    x->o->value ? say_stated(w, x->o->value, x->o->unit_mult) : say_decimal(w, decimal_trim(value));
	bool of_none = of.mantissa == 0 || value.mantissa == 0;
	struct decimal times;

	if (!of_none && decimal_divide_rounded(of, value, 0, 2, &times) &&
	    decimal_compare(times, (struct decimal){10, 0}) > 0) {
		return say(w, "%s = %s / %s", stated, say_decimal(w, of), say_decimal(w, times));
	}
	return of.mantissa && decimal_divide_rounded(value, of, 0, 2, &times)
		   ? say(w, "%s = %s × %s", stated, say_decimal(w, times), say_decimal(w, of))
		   : stated;
}

/* ---------------------------------------------------------------- SACH-07: thousands and millions */

/* a is about 10^power times b: both positive, within the tolerance. b is twice its number. */
static bool is_about(i128 a, i128 b2, int power, int64_t tolerance)
{
	for (; power > 0; power--) {
		b2 *= 10;
	}
	return 200 * a >= (100 - tolerance) * b2 && 200 * a <= (100 + tolerance) * b2;
}

/* The power of ten by which the value seems to be too large (or, below 0, too small); 0: by none. */
static int suspected_power(const struct walk *w, const struct look *x, const struct series *s)
{
	int64_t tolerance = catalogue_parameter(w->catalogue, PARAMETER_THOUSAND_PERCENT);

	if (s->value <= 0 || s->median2 <= 0 || x->f->indicator->has_parts || !x->f->has_value) {
		return 0;
	}
	for (int power = 3; power <= 6; power += 3) {
		if (is_about(s->value, s->median2, power, tolerance)) {
			return power;
		}
		if (is_about((i128)s->median2, (i128)s->value * 4, power, tolerance)) {
			return -power;
		}
	}
	return 0;
}

/* Of the value being looked at; both rules want to know. */
static int suspect(struct walk *w, const struct look *x, const struct series *s)
{
	w->suspicion = (struct suspicion){w->line, suspected_power(w, x, s), median_of(s), s->n};
	return w->suspicion.power;
}

void sach_07_history(struct walk *w, const struct look *x)
{
	const struct suspicion *found = &w->suspicion;
	struct decimal value;
	struct series s;

	if (!has_past(x) || !is_level(x, &value) || is_near_last(w, x, value)) {
		return;
	}
	if (found->line != w->line && make_series(x, value, &s)) {
		suspect(w, x, &s);
	}
	if (found->line == w->line && found->power) {
		find(w, SEVERITY_JUSTIFY, "unit_mult", say_stated(w, x->o->value, x->o->unit_mult),
		     say(w, "%s? (≈ %s, n = %zu)", say_stated(w, x->o->value, x->o->unit_mult - found->power),
			 say_decimal(w, found->median), found->n));
	}
}

/* ---------------------------------------------------------------- DUNG-10: the own past */

/* 400 times the MAD, which is at least some percent of the median. */
static i128 spread400(const struct walk *w, i128 median2, i128 mad4)
{
	i128 floor = 2 * (i128)catalogue_parameter(w->catalogue, PARAMETER_OUTLIER_MAD_FLOOR) *
		     (median2 < 0 ? -median2 : median2);

	return 100 * mad4 > floor ? 100 * mad4 : floor;
}

static bool is_outlier(const struct walk *w, const struct series *s, i128 spread)
{
	i128 distance4 = 4 * (i128)s->value - 2 * (i128)s->median2;

	return Z_FACTOR * (distance4 < 0 ? -distance4 : distance4) >
	       catalogue_parameter(w->catalogue, PARAMETER_OUTLIER_Z) * spread;
}

/* More than so many times the last, or less than that part of it. */
static bool is_jump(const struct walk *w, const struct series *s)
{
	i128 times = catalogue_parameter(w->catalogue, PARAMETER_OUTLIER_TIMES);

	return s->value >= 0 && s->last >= 0 &&
	       (100 * (i128)s->value > times * s->last || times * s->value < 100 * (i128)s->last);
}

static bool is_large(const struct walk *w, const struct series *s, struct decimal value)
{
	struct decimal least = decimal_int(catalogue_parameter(w->catalogue, PARAMETER_OUTLIER_LEAST));

	return decimal_compare(magnitude(value), least) >= 0 ||
	       decimal_compare(scaled(s, s->sorted[s->n - 1]), least) >= 0;
}

/* "7700000 ± 2000000 (n = 12)" */
static void is_beyond_spread(struct walk *w, const struct look *x, struct decimal value, const struct series *s,
			     i128 spread)
{
	i128 allowed = catalogue_parameter(w->catalogue, PARAMETER_OUTLIER_Z) * spread / (4 * Z_FACTOR);
	const char *median = say_decimal(w, median_of(s));

	find(w, 0, "value", say_times(w, x, value, median_of(s)),
	     allowed < SCALED_MAX ? say(w, "%s ± %s (n = %zu)", median, say_decimal(w, scaled(s, allowed)), s->n)
				  : say(w, "%s (n = %zu)", median, s->n));
}

static void is_beyond_last(struct walk *w, const struct look *x, struct decimal value, const struct series *s)
{
	const struct point *last = &x->history->points[x->history->n - 1];
	char text[PERIOD_TEXT] = "";
	struct period period;

	if (period_unpack(last->period, &period)) {
		period_text(&period, text);
	}
	find(w, 0, "value", say_times(w, x, value, scaled(s, s->last)),
	     say(w, "≈ %s (%s, n = %zu)", say_decimal(w, scaled(s, s->last)), text, s->n));
}

static void is_like_its_past(struct walk *w, const struct look *x, struct decimal value)
{
	bool counted = is_counted(x->f->indicator);
	struct series s;
	i128 spread;

	if (!make_series(x, value, &s) || suspect(w, x, &s) || (counted && !is_large(w, &s, value))) {
		return;
	}
	spread = spread400(w, s.median2, s.mad4);
	if ((int64_t)s.n >= catalogue_parameter(w->catalogue, PARAMETER_OUTLIER_POINTS) && spread) {
		if (is_outlier(w, &s, spread)) {
			is_beyond_spread(w, x, value, &s, spread);
		}
	} else if (counted && is_jump(w, &s)) {
		is_beyond_last(w, x, value, &s);
	}
}

/* ---------------------------------------------------------------- DUNG-10: other provinces */

/* How far from their median a value may be: `times` of `unit` over 6745; people: times as many as there are. */
struct allowance {
	struct decimal unit, times, people;
};

static struct allowance allowance_of(const struct walk *w, const struct peer_figures *peers)
{
	struct decimal median = magnitude(peers->median);
	int64_t z = catalogue_parameter(w->catalogue, PARAMETER_OUTLIER_Z);
	int64_t floor = catalogue_parameter(w->catalogue, PARAMETER_OUTLIER_MAD_FLOOR);

	if (decimal_compare_products(peers->mad, decimal_int(100), median, decimal_int(floor)) >= 0) {
		return (struct allowance){.unit = peers->mad, .times = decimal_int(100 * z)};
	}
	return (struct allowance){.unit = median, .times = decimal_int(floor * z)};
}

/* What provinces are compared by, for an area as large as the figure's: a rate for a million people as their number. */
static struct decimal at_own_size(const struct figure *f, struct decimal rate)
{
	struct decimal product;

	if (is_counted(f->indicator) && decimal_multiply(rate, decimal_int(f->area->population), &product) &&
	    decimal_divide_rounded(product, decimal_int(1000000), 0, 0, &product)) {
		return product;
	}
	return rate;
}

/* "190735 ± 41000 (n = 62)" */
static void is_beyond_peers(struct walk *w, const struct look *x, struct decimal value, const struct allowance *a)
{
	struct decimal median = decimal_trim(at_own_size(x->f, x->peers->median)), allowed;
	const char *text = say_decimal(w, median);

	if (decimal_multiply(a->unit, a->times, &allowed) &&
	    decimal_divide_rounded(allowed, decimal_int(Z_FACTOR), 0, 3, &allowed)) {
		text = say(w, "%s ± %s", text, say_decimal(w, decimal_trim(at_own_size(x->f, allowed))));
	}
	find(w, SEVERITY_WARN, "value", say_times(w, x, value, median), say(w, "%s (n = %u)", text, x->peers->n));
}

static bool are_few_things(const struct walk *w, const struct figure *f, struct decimal value, struct decimal median)
{
	struct decimal least = decimal_int(catalogue_parameter(w->catalogue, PARAMETER_OUTLIER_LEAST));

	return is_counted(f->indicator) && decimal_compare(value, least) < 0 &&
	       decimal_compare(at_own_size(f, median), least) < 0;
}

/* What people have or do; an extent, as of land, has nothing to do with how many live there. */
static bool is_per_head(const struct indicator *i)
{
	return i->kind == KIND_STOCK || i->kind == KIND_FLOW || i->kind == KIND_COUNT;
}

/* By what an area's number is divided to make a rate for a million people, times a million; 0: no such rate is known. */
static int64_t people_of(const struct figure *f)
{
	if (!is_counted(f->indicator)) {
		return 1;
	}
	return is_per_head(f->indicator) && f->area->has_population && f->area->population > 0 ? f->area->population
											       : 0;
}

/* distance = |value * 10^6 - median * people|, or |value - median|: what is exact is not divided. */
static bool distance_of(const struct figure *f, struct decimal value, struct decimal median, struct decimal people,
			struct decimal *ret)
{
	struct decimal million = decimal_int(is_counted(f->indicator) ? 1000000 : 1), a, b;

	return decimal_multiply(value, million, &a) && decimal_multiply(median, people, &b) &&
	       decimal_subtract(a, b, ret);
}

static void is_like_its_peers(struct walk *w, const struct look *x, struct decimal value)
{
	const struct peer_figures *peers = x->peers;
	struct decimal distance, people;
	struct allowance a;

	if (!peers || peers->n < catalogue_parameter(w->catalogue, PARAMETER_OUTLIER_PEERS)) {
		return;
	}
	people = decimal_int(people_of(x->f));
	if (!people.mantissa || !distance_of(x->f, value, peers->median, people, &distance)) {
		return;
	}
	a = allowance_of(w, peers);
	if (a.unit.mantissa && decimal_multiply(a.times, people, &a.people) &&
	    decimal_compare_products(magnitude(distance), decimal_int(Z_FACTOR), a.unit, a.people) > 0 &&
	    !are_few_things(w, x->f, value, peers->median)) {
		is_beyond_peers(w, x, value, &a);
	}
}

void dung_10(struct walk *w, const struct look *x)
{
	struct decimal value;

	if (!is_level(x, &value)) {
		return;
	}
	if (!has_past(x)) {
		is_like_its_peers(w, x, value);
	} else if (!is_near_last(w, x,
				 value)) { /* what was so before needs no looking at others: they are as they are */
		is_like_its_past(w, x, value);
		is_like_its_peers(w, x, value);
	}
}
