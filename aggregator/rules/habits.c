/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Habits of those who make figures up: rounding that comes suddenly, last period's report over again, round figures for
 * ever, one figure in many provinces. SACH-08, SACH-09, SACH-10.
 */
#include "peers.h"
#include "sketch.h"
#include "walk.h"

#define SIGNIFICANT_LEAST 2   /* digits that a rounded value keeps, where it is taken for another one's */
#define SHARED_DIGITS     3   /* digits of a value that many provinces do not state by chance */
#define UNITS_LEAST       100 /* of the last place, below which round figures are nothing unusual */

/* ---------------------------------------------------------------- digits */

/* The power of ten that the value is a whole multiple of, as far as it goes: 900 -> 2, 71.5 -> -1. 0 for 0. */
static int zeros_of(struct decimal d, int *ret_digits)
{
	int64_t m = d.mantissa < 0 ? -d.mantissa : d.mantissa;
	int zeros = -(int)d.scale;

	*ret_digits = 0;
	for (; m && m % 10 == 0; m /= 10) {
		zeros++;
	}
	for (; m; m /= 10) {
		++*ret_digits;
	}
	return *ret_digits ? zeros : 0;
}

/* At least so many zeros at the end, and half of its digits. */
static bool is_round(struct decimal d, int zeros_least)
{
	int digits, zeros = zeros_of(d, &digits);

	return digits && zeros >= zeros_least && zeros >= digits;
}

/* ---------------------------------------------------------------- SACH-08: decimals and rounding */

static void decimals_as_defined(struct walk *w, const struct look *x)
{
	const struct indicator *i = x->f->indicator;
	int most = i->display_decimals - i->display_unit_mult;
	struct decimal value;

	if (!x->f->value.scale || i->integer || (x->f->has_numerator && x->f->has_denominator)) {
		return; /* DUNG-04 knows whole numbers; what follows from its parts has as many as it has */
	}
	value = decimal_trim(x->f->value);
	most = most < 0 ? 0 : most;
	if (value.scale > most) {
		find(w, 0, "value", say_stated(w, x->o->value, x->o->unit_mult),
		     say_decimal(w, decimal_round(value, (uint8_t)most)));
	}
}

static bool is_round_point(const struct point *p, int zeros_least)
{
	return (p->has_value && is_round(p->value, zeros_least)) ||
	       (p->has_numerator && p->has_denominator && is_round(p->numerator, zeros_least) &&
		is_round(p->denominator, zeros_least));
}

static const char *say_point(struct walk *w, const struct point *p)
{
	char text[PERIOD_TEXT] = "";
	struct period period;

	if (period_unpack(p->period, &period)) {
		period_text(&period, text);
	}
	return p->has_value ? say(w, "%s: %s", text, say_decimal(w, p->value))
			    : say(w, "%s: %s / %s", text, say_decimal(w, p->numerator), say_decimal(w, p->denominator));
}

/* So many points since the last break, and none of them is round. */
static bool had_digits(const struct walk *w, const struct history *h, int zeros_least)
{
	size_t seen = 0;

	for (size_t i = h->n; i-- > 0;) {
		if (is_round_point(&h->points[i], zeros_least)) {
			return false;
		}
		seen++;
		if (h->points[i].breaks) {
			break;
		}
	}
	return (int64_t)seen >= catalogue_parameter(w->catalogue, PARAMETER_ROUND_POINTS);
}

/* What is said to be exact, and round as it never was. */
static void rounding_as_before(struct walk *w, const struct look *x)
{
	int zeros = (int)catalogue_parameter(w->catalogue, PARAMETER_ROUND_ZEROS);
	const struct figure *f = x->f;
	const struct point now = {.has_value = f->has_value,
				  .value = f->value,
				  .has_numerator = f->has_numerator && !f->has_value,
				  .has_denominator = f->has_denominator,
				  .numerator = f->numerator,
				  .denominator = f->denominator};

	if (!x->history || !x->history->n || qualifier_of(x->o) != TRAM__V1__QUALIFIER__QUALIFIER_EXACT ||
	    !is_round_point(&now, zeros) || !had_digits(w, x->history, zeros)) {
		return;
	}
	find(w, 0, now.has_value ? "value" : "numerator",
	     now.has_value ? say_stated(w, x->o->value, x->o->unit_mult)
			   : say(w, "%s / %s", say_decimal(w, f->numerator), say_decimal(w, f->denominator)),
	     say_point(w, &x->history->points[x->history->n - 1]));
}

void sach_08(struct walk *w, const struct look *x)
{
	if (!x->f->indicator || !x->f->storable || is_withdrawal(x->o)) {
		return;
	}
	if (x->f->has_value) {
		decimals_as_defined(w, x);
	}
	rounding_as_before(w, x);
}

/* ---------------------------------------------------------------- SACH-09: the same report again */

/* Two numbers; VAGUE: the same as far as the one that is rounded goes, which is too little to say so. */
enum likeness { DIFFERENT, VAGUE, SAME };

static enum likeness likeness_of(struct decimal a, struct decimal b)
{
	int digits_a, digits_b, zeros_a = zeros_of(a, &digits_a), zeros_b = zeros_of(b, &digits_b);

	if (decimal_compare(a, b) == 0) {
		return SAME;
	}
	if (!sketch_same(a, -zeros_a, b, -zeros_b)) {
		return DIFFERENT;
	}
	return (zeros_a > zeros_b ? digits_a : digits_b) >= SIGNIFICANT_LEAST ? SAME : VAGUE;
}

static enum likeness likeness_to_point(const struct figure *f, const struct point *p, struct decimal value,
				       struct decimal before)
{
	enum likeness top, bottom;

	if (!f->has_numerator || !f->has_denominator || !p->has_numerator || !p->has_denominator) {
		return likeness_of(value, before);
	}
	top = likeness_of(f->numerator, p->numerator);
	bottom = likeness_of(f->denominator, p->denominator);
	return top < bottom ? top : bottom;
}

/* A figure that may be a copy: nothing that stands already, and not excused for it before. */
static bool is_news(const struct walk *w, const struct look *x)
{
	return x->f->storable && !is_withdrawal(x->o) && !(x->past->current && says_what_is_stored(x)) &&
	       !was_justified(w, x->i, w->rule);
}

/* The report beside the last period: how much of it says something, and whether all of that is the same. */
struct comparison {
	int64_t figures; /* compared, other than 0 */
	bool differs;
	const struct point *last; /* of the first of them */
};

static void compare_with_last(struct walk *w, const struct look *x, struct comparison *c)
{
	const struct history *h = x->history;
	const struct point *p = h && h->n ? &h->points[h->n - 1] : NULL;
	struct decimal value, before;
	enum likeness likeness;

	if (!p || !is_news(w, x) || !peers_stated(x->f, &value) || !point_value(x->f->indicator, p, &before)) {
		return;
	}
	likeness = likeness_to_point(x->f, p, value, before);
	c->differs = likeness == DIFFERENT;
	c->figures += likeness == SAME && value.mantissa != 0;
	c->last = c->last ? c->last : p;
}

static void is_not_the_last_one(struct walk *w)
{
	struct comparison c = {.figures = 0};
	char text[PERIOD_TEXT] = "";
	struct period period;

	for (size_t i = 0; i < w->j->n && !c.differs; i++) {
		struct look x = look_at(w, i);

		compare_with_last(w, &x, &c);
	}
	if (c.differs || !c.last || c.figures < catalogue_parameter(w->catalogue, PARAMETER_COPY_FIGURES)) {
		return;
	}
	if (period_unpack(c.last->period, &period)) {
		period_text(&period, text);
	}
	find(w, 0, "time_period",
	     say(w, "%s = %s: %lld / %zu", w->report->time_period, text, (long long)c.figures, w->j->n), "");
}

static bool has_news(const struct walk *w)
{
	for (size_t i = 0; i < w->j->n; i++) {
		struct look x = look_at(w, i);

		if (is_news(w, &x)) {
			return true;
		}
	}
	return false;
}

static void is_not_anothers(struct walk *w)
{
	const struct look_alike *other = w->known->look_alike;

	if (other && other->figures >= catalogue_parameter(w->catalogue, PARAMETER_COPY_FIGURES) && has_news(w)) {
		find(w, 0, "provider",
		     say(w, "%s = %s %s: %u / %zu", w->report->provider, other->provider, other->time_period,
			 other->figures, w->j->n),
		     "");
	}
}

void sach_09(struct walk *w)
{
	if (w->j->readable && w->known->history) {
		is_not_the_last_one(w);
	}
	if (w->j->readable) {
		is_not_anothers(w);
	}
}

/* ---------------------------------------------------------------- SACH-10: round figures for ever */

/* A whole multiple of 5 units of 10^-scale, and of many of them. */
static bool ends_in_0_or_5(struct decimal d, uint8_t scale)
{
	int64_t m = d.mantissa < 0 ? -d.mantissa : d.mantissa, units = 1;

	for (; d.scale < scale; d.scale++) {
		if (m > INT64_MAX / 10) {
			return false;
		}
		m *= 10;
	}
	for (; d.scale > scale; d.scale--) {
		units *= 10;
	}
	return m % (5 * units) == 0 && m / units >= UNITS_LEAST;
}

/* All end so, and hardly one is another's. */
static bool prefers_digits(const struct decimal *values, size_t n)
{
	uint8_t scale = 0;
	size_t changes = 0;

	for (size_t i = 0; i < n; i++) {
		struct decimal trimmed = decimal_trim(values[i]);

		scale = trimmed.scale > scale ? trimmed.scale : scale;
		changes += i > 0 && decimal_compare(values[i], values[i - 1]) != 0;
	}
	for (size_t i = 0; i < n; i++) {
		if (!ends_in_0_or_5(values[i], scale)) {
			return false;
		}
	}
	return 2 * changes >= n;
}

/* The last digit that is kept is no 0 nor 5: so it is with nearly every figure, and nothing more needs to be looked at. */
static bool ends_otherwise(struct decimal d)
{
	d = decimal_trim(d);
	return d.mantissa % 5 != 0;
}

static void digits_are_as_they_come(struct walk *w, const struct look *x)
{
	size_t n = (size_t)catalogue_parameter(w->catalogue, PARAMETER_ROUND_SERIES), taken = 0;
	const struct history *h = x->history;
	struct decimal values[HISTORY_POINTS + 1];

	if (!h || h->n + 1 < n || n > HISTORY_POINTS + 1 || ends_otherwise(x->f->value)) {
		return;
	}
	for (size_t i = h->n - (n - 1); i < h->n; i++) {
		if (!h->points[i].has_value || h->points[i].breaks) {
			return;
		}
		values[taken++] = h->points[i].value;
	}
	values[taken++] = x->f->value;
	if (prefers_digits(values, taken)) {
		find(
		    w, 0, "value", say_stated(w, x->o->value, x->o->unit_mult),
		    say(w, "%s, …, %s (n = %zu)", say_decimal(w, values[0]), say_decimal(w, values[taken - 2]), taken));
	}
}

static void is_its_own(struct walk *w, const struct look *x, struct decimal value)
{
	const struct peer_figures *peers = x->peers;
	int digits;

	if (!peers || (int64_t)peers->mode_n < catalogue_parameter(w->catalogue, PARAMETER_SHARED_PROVINCES) ||
	    decimal_compare(value, peers->mode) != 0) {
		return;
	}
	zeros_of(value, &digits);
	if (digits >= SHARED_DIGITS) {
		find(w, 0, "ref_area", say_decimal(w, decimal_trim(value)),
		     say(w, "n = %u / %u", peers->mode_n, peers->n));
	}
}

void sach_10(struct walk *w, const struct look *x)
{
	struct decimal value;

	if (!x->f->storable || is_withdrawal(x->o) || !peers_stated(x->f, &value)) {
		return;
	}
	if (x->f->has_value) {
		digits_are_as_they_come(w, x);
	}
	is_its_own(w, x, value);
}
