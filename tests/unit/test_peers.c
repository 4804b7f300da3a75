/* SPDX-License-Identifier: Apache-2.0 */
/* What a peer cut keeps, finds and forgets; what a sketch survives, and what it tells apart. */
#include "peers.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define FIGURES  24
#define AT_LEAST 5

static struct decimal decimal(const char *text)
{
	struct decimal d;
	assert_int_equal(decimal_parse(text, strlen(text), DECIMAL_LOCALE_NONE, &d), DECIMAL_FINE);
	return d;
}

/* ---------------------------------------------------------------- reports by hand */

static const struct dataflow flow = {.code = "public_services"}, other_flow = {.code = "digital_skills"};
static struct indicator indicators[FIGURES];
static char codes[FIGURES][16];

struct stated {
	struct figure figures[FIGURES];
	enum outcome outcomes[FIGURES];
	struct judgement j;
};

static void make_indicators(void)
{
	for (size_t i = 0; i < FIGURES; i++) {
		snprintf(codes[i], sizeof(codes[i]), "indicator_%zu", i);
		indicators[i] = (struct indicator){.code = codes[i], .unit = "person"};
	}
}

static void state(struct stated *s, size_t n, const struct decimal *values)
{
	*s = (struct stated){.j = {.dataflow = &flow, .n = n}};
	s->j.figures = s->figures;
	s->j.outcomes = s->outcomes;
	for (size_t i = 0; i < n; i++) {
		s->figures[i] = (struct figure){.indicator = &indicators[i],
						.dimensions = "",
						.has_value = true,
						.storable = true,
						.value = values[i]};
		s->outcomes[i] = OUTCOME_ACCEPTED;
	}
}

static uint64_t dice = 88172645463325252u;
static uint64_t draw(uint64_t below)
{
	dice ^= dice << 13;
	dice ^= dice >> 7;
	dice ^= dice << 17;
	return dice % below;
}

/* Figures as reports have them: of very different sizes, with and without decimals. */
static struct decimal draw_figure(void)
{
	uint64_t size = 10;
	for (uint64_t digits = draw(7); digits > 0; digits--)
		size *= 10;
	return (struct decimal){.mantissa = (int64_t)(1 + draw(size * 9)), .scale = (uint8_t)draw(3)};
}

static void draw_figures(struct decimal *values, size_t n)
{
	for (size_t i = 0; i < n; i++)
		values[i] = draw_figure();
}

static struct sketch sketch(const struct stated *s)
{
	return sketch_of(&s->j, SKETCH_STATED, AT_LEAST);
}

/* ---------------------------------------------------------------- sketches */

static void test_order_and_dates_do_not_matter(void **state_)
{
	(void)state_;
	struct decimal values[FIGURES];
	struct stated a, b;
	draw_figures(values, FIGURES);
	state(&a, FIGURES, values);
	b = a;
	b.j.figures = b.figures;
	for (size_t i = 0; i < FIGURES; i++)
		b.figures[i] = a.figures[FIGURES - 1 - i];
	b.j.reference_date = a.j.reference_date + 200;
	b.j.period.start = 9000;
	struct sketch x = sketch(&a), y = sketch(&b);
	assert_true(x.there);
	assert_memory_equal(&x, &y, sizeof(x));
}

static void test_dataflow_series_and_sign_matter(void **state_)
{
	(void)state_;
	struct decimal values[FIGURES];
	struct stated a, b;
	draw_figures(values, FIGURES);
	state(&a, FIGURES, values);
	struct sketch x = sketch(&a);
	b = a;
	b.j.figures = b.figures;
	b.j.dataflow = &other_flow;
	struct sketch y = sketch(&b);
	assert_int_equal(sketch_shared(&x, &y), 0);
	b.j.dataflow = &flow;
	for (size_t i = 0; i < FIGURES; i++)
		b.figures[i].dimensions = "SEX=F";
	y = sketch(&b);
	assert_int_equal(sketch_shared(&x, &y), 0);
	for (size_t i = 0; i < FIGURES; i++) {
		b.figures[i].dimensions = "";
		b.figures[i].value.mantissa *= -1;
	}
	y = sketch(&b);
	assert_int_equal(sketch_shared(&x, &y), 0);
}

static struct decimal coarser(struct decimal d, int digits)
{
	int have = 0;
	for (int64_t m = d.mantissa; m > 0; m /= 10)
		have++;
	int drop = have - digits;
	if (drop <= 0)
		return d;
	if (drop <= d.scale)
		return decimal_round(d, (uint8_t)(d.scale - drop));
	int64_t unit = 1;
	d = decimal_round(d, 0);
	for (have = 0; (d.mantissa / unit) > 0; unit *= 10)
		have++;
	for (unit = 1; have > digits; have--)
		unit *= 10;
	return (struct decimal){.mantissa = (d.mantissa + unit / 2) / unit * unit};
}

/* Of 1000 reports of each size that were rounded, how many the sketch still finds. */
static unsigned found_of_1000(size_t n, int digits, bool whole)
{
	unsigned found = 0;
	for (int i = 0; i < 1000; i++) {
		struct decimal values[FIGURES];
		struct stated a, b;
		draw_figures(values, n);
		state(&a, n, values);
		for (size_t k = 0; k < n; k++)
			values[k] = whole ? decimal_round(values[k], 0) : coarser(values[k], digits);
		state(&b, n, values);
		struct sketch x = sketch(&a), y = sketch_of(&b.j, SKETCH_STATED, 1);
		found += sketch_shared(&x, &y) > 0;
	}
	return found;
}

static void test_rounded_copies_are_found(void **state_)
{
	(void)state_;
	static const struct {
		size_t figures;
		int digits;
		bool whole;
		unsigned at_least;
	} cases[] = {
	    {5, 18, false, 1000}, {24, 18, false, 1000}, {5, 2, false, 1000}, {24, 2, false, 1000}, {5, 1, false, 990},
	    {24, 1, false, 990},  {5, 3, false, 990},    {12, 3, false, 990}, {24, 3, false, 990},  {12, 4, false, 999},
	    {12, 5, false, 1000}, {5, 0, true, 970},     {12, 0, true, 980},  {24, 0, true, 980},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		unsigned found = found_of_1000(cases[i].figures, cases[i].digits, cases[i].whole);
		if (found < cases[i].at_least)
			fail_msg("case %zu: %u of 1000 found", i, found);
	}
}

static void test_others_are_rarely_proposed(void **state_)
{
	(void)state_;
	unsigned proposed = 0;
	for (int i = 0; i < 2000; i++) {
		struct decimal values[FIGURES];
		struct stated a, b;
		draw_figures(values, FIGURES);
		state(&a, FIGURES, values);
		draw_figures(values, FIGURES);
		state(&b, FIGURES, values);
		struct sketch x = sketch(&a), y = sketch(&b);
		proposed += sketch_shared(&x, &y) > 0;
	}
	assert_in_range(proposed, 0, 20);
}

static void test_trivial_reports_have_none(void **state_)
{
	(void)state_;
	struct decimal values[FIGURES] = {0};
	struct stated a;
	state(&a, FIGURES, values);
	assert_false(sketch(&a).there);
	assert_false(sketch_of(&a.j, SKETCH_STATED, 0).there);
	for (size_t i = 0; i < AT_LEAST - 1; i++)
		a.figures[i].value = decimal("7");
	assert_false(sketch(&a).there);
	a.figures[AT_LEAST - 1].value = decimal("7");
	assert_true(sketch(&a).there);
	a.outcomes[0] = OUTCOME_HELD;
	assert_true(sketch(&a).there);
	assert_false(sketch_of(&a.j, SKETCH_ACCEPTED, AT_LEAST).there);
	a.figures[0].storable = false;
	assert_false(sketch(&a).there);
}

static void test_written_and_read(void **state_)
{
	(void)state_;
	struct decimal values[FIGURES];
	struct stated a;
	uint8_t bytes[SKETCH_BYTES];
	draw_figures(values, FIGURES);
	state(&a, FIGURES, values);
	struct sketch x = sketch(&a);
	sketch_write(&x, bytes);
	struct sketch y = sketch_read(bytes);
	assert_int_equal(sketch_shared(&x, &y), SKETCH_BANDS);
	assert_int_equal(bytes[0], x.bands[0] >> 56);
}

static void test_same_but_for_rounding(void **state_)
{
	(void)state_;
	static const struct {
		const char *a;
		int scale_a;
		const char *b;
		int scale_b;
		bool same;
	} cases[] = {
	    {"45.37", 2, "45.37", 2, true},
	    {"45.37", 2, "45.4", 1, true},
	    {"45.37", 2, "45.3", 1, false},
	    {"45.37", 2, "45", 0, true},
	    {"45.5", 1, "46", 0, true},
	    {"45.5", 1, "45", 0, false},
	    {"45.40", 2, "45.4", 1, true},
	    {"45.41", 2, "45.40", 2, false},
	    {"-45.37", 2, "-45.4", 1, true},
	    {"45.37", 2, "-45.37", 2, false},
	    {"1234567", 0, "1200000", -5, true},
	    {"1234567", 0, "1200000", 0, false},
	    {"1250000", 0, "1300000", -5, true},
	    {"1249999", 0, "1300000", -5, false},
	    {"-1250000", 0, "-1300000", -5, true},
	    {"7", 0, "0", -18, true},
	    {"100", 0, "101", 0, false},
	    {"0.4", 1, "0", 0, true},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct decimal a = decimal(cases[i].a), b = decimal(cases[i].b);
		if (sketch_same(a, cases[i].scale_a, b, cases[i].scale_b) != cases[i].same ||
		    sketch_same(b, cases[i].scale_b, a, cases[i].scale_a) != cases[i].same)
			fail_msg("%s and %s", cases[i].a, cases[i].b);
	}
}

/* ---------------------------------------------------------------- cuts */

static struct peer_row row(uint32_t cut_no, int32_t series_no, int32_t period, uint32_t n)
{
	return (struct peer_row){.cut_no = cut_no, .series_no = series_no, .period = period, .figures = {.n = n}};
}

static struct peer_report report(uint32_t cut_no, const char *provider, int32_t period, uint64_t report_no,
				 uint64_t seed)
{
	struct peer_report r = {.cut_no = cut_no,
				.provider = provider,
				.period = period,
				.report_no = report_no,
				.sketch = {.there = true}};
	for (unsigned i = 0; i < SKETCH_BANDS; i++)
		r.sketch.bands[i] = seed * 100 + i;
	return r;
}

static uint32_t n_of(const struct peers *p, int32_t series_no, int32_t period)
{
	const struct peer_figures *f = peers_figures(p, series_no, period);
	return f ? f->n : 0;
}

static void test_newest_rows_are_known(void **state_)
{
	(void)state_;
	const struct peer_row first[] = {row(1, 7, 10, 3), row(1, 7, 11, 4), row(1, 8, 10, 5)};
	const struct peer_row second[] = {row(2, 7, 11, 6), row(2, 9, 10, 7)};
	struct peers *one = peers_new(&(struct peer_cut){.no = 1, .made_at_us = 5}, NULL, first, 3, NULL, 0);
	struct peers *two = peers_new(&(struct peer_cut){.no = 2, .made_at_us = 6}, one, second, 2, NULL, 0);
	size_t reports;
	assert_int_equal(n_of(one, 7, 11), 4);
	assert_int_equal(n_of(one, 9, 10), 0);
	assert_int_equal(peers_rows(one, &reports), 3);
	peers_unref(&one);
	assert_null(one);
	assert_int_equal(n_of(two, 7, 10), 3);
	assert_int_equal(n_of(two, 7, 11), 6);
	assert_int_equal(n_of(two, 8, 10), 5);
	assert_int_equal(n_of(two, 9, 10), 7);
	assert_int_equal(n_of(two, 8, 11), 0);
	assert_int_equal(peers_rows(two, &reports), 4);
	assert_int_equal(peers_cut(two)->no, 2);
	assert_int_equal(peers_cut(two)->made_at_us, 6);
	struct peers *held = peers_ref(two);
	peers_unref(&two);
	assert_int_equal(n_of(held, 9, 10), 7);
	peers_unref(&held);
	assert_null(peers_figures(NULL, 7, 10));
	assert_null(peers_ref(NULL));
}

/* Against a plain table: what each cut knows is what the newest rows after its horizon say. */
static void test_many_cuts_against_a_table(void **state_)
{
	(void)state_;
	enum { SERIES = 40, PERIODS = 10 };
	struct peer_row table[SERIES][PERIODS] = {0};
	struct peers *p = NULL;
	uint32_t horizon = 0;
	for (uint32_t cut = 1; cut <= 60; cut++) {
		struct peer_row rows[30];
		size_t n = draw(31);
		for (size_t i = 0; i < n; i++) {
			int32_t series = (int32_t)draw(SERIES), period = (int32_t)draw(PERIODS);
			rows[i] = table[series][period] = row(cut, series, period, (uint32_t)draw(1000) + 1);
		}
		horizon = p && draw(4) == 0 ? peers_horizon(p, 9000, 30, 0) : horizon;
		struct peers *next = peers_new(&(struct peer_cut){.no = cut, .horizon = horizon}, p, rows, n, NULL, 0);
		peers_unref(&p);
		p = next;
		for (int32_t series = 0; series < SERIES; series++)
			for (int32_t period = 0; period < PERIODS; period++) {
				const struct peer_row *t = &table[series][period];
				assert_int_equal(n_of(p, series, period), t->cut_no > horizon ? t->figures.n : 0);
			}
	}
	assert_true(horizon > 0);
	peers_unref(&p);
}

static void test_the_oldest_is_forgotten(void **state_)
{
	(void)state_;
	struct peer_row rows[100];
	struct peer_report reports[100];
	for (uint32_t i = 0; i < 100; i++) {
		rows[i] = row(i + 1, (int32_t)i, 1, 1);
		reports[i] = report(i + 1, "P63-01", 1, i, i + 1);
	}
	struct peers *p = peers_new(&(struct peer_cut){.no = 100}, NULL, rows, 100, reports, 100);
	size_t bytes = peers_bytes(p);
	assert_int_equal(peers_horizon(p, bytes, 0, 0), 0);
	uint32_t horizon = peers_horizon(p, bytes - 1, 0, 0);
	assert_int_equal(horizon, 1);
	assert_true(peers_horizon(p, bytes, 5, 5) > 0);
	horizon = peers_horizon(p, bytes / 2, 10, 10);
	struct peers *less = peers_new(&(struct peer_cut){.no = 101, .horizon = horizon}, p, NULL, 0, NULL, 0);
	size_t left;
	assert_int_equal(peers_rows(less, &left), 100 - horizon);
	assert_int_equal(left, 100 - horizon);
	assert_true(peers_bytes(less) <= bytes / 2);
	assert_int_equal(n_of(less, (int32_t)horizon - 1, 1), 0);
	assert_int_equal(n_of(less, (int32_t)horizon, 1), 1);
	assert_int_equal(peers_horizon(p, 0, 0, 0), 100);
	peers_unref(&p);
	peers_unref(&less);
}

static void test_alike_are_found_best_first(void **state_)
{
	(void)state_;
	const struct peer_report *found[PEERS_ALIKE];
	struct peer_report reports[] = {
	    report(1, "P63-01", 10, 1, 5), report(1, "P63-02", 11, 2, 5), report(2, "P63-04", 11, 3, 5),
	    report(2, "P63-06", 11, 4, 5), report(2, "P63-08", 11, 5, 6),
	};
	reports[3].sketch.bands[4] = 1;
	struct peers *p = peers_new(&(struct peer_cut){.no = 2}, NULL, NULL, 0, reports, 5);
	struct sketch s = reports[0].sketch, none = {0};
	assert_int_equal(peers_alike(p, "P63-99", 11, &s, found), 3);
	assert_int_equal(found[0]->report_no, 2);
	assert_int_equal(found[1]->report_no, 3);
	assert_int_equal(found[2]->report_no, 1);
	assert_string_equal(found[0]->provider, "P63-02");
	assert_int_equal(peers_alike(p, "P63-02", 11, &s, found), 3);
	assert_int_equal(found[0]->report_no, 3);
	assert_int_equal(found[1]->report_no, 1);
	assert_int_equal(found[2]->report_no, 4);
	assert_int_equal(peers_alike(p, "P63-08", 11, &reports[4].sketch, found), 0);
	assert_int_equal(peers_alike(p, "P63-99", 11, &none, found), 0);
	assert_int_equal(peers_alike(NULL, "P63-99", 11, &s, found), 0);
	/* The next cut still knows them, and by their names. */
	struct peers *next = peers_new(&(struct peer_cut){.no = 3, .horizon = 1}, p, NULL, 0, NULL, 0);
	peers_unref(&p);
	assert_int_equal(peers_alike(next, "P63-99", 11, &s, found), 2);
	assert_string_equal(found[0]->provider, "P63-04");
	peers_unref(&next);
}

/* ---------------------------------------------------------------- what provinces are compared by */

static void test_what_is_compared(void **state_)
{
	(void)state_;
	static const struct area hanoi = {.has_population = true, .population = 8717600}, unknown = {0};
	static const struct {
		enum value_type type;
		const char *unit, *value, *numerator, *denominator;
		const struct area *area;
		const char *stated, *comparable;
	} cases[] = {
	    {VALUE_COUNT, "account", "16400000", "", "", &hanoi, "16400000", "1881251.721"},
	    {VALUE_AMOUNT, "VND", "-1", "", "", &hanoi, "-1", "-0.115"},
	    {VALUE_COUNT, "account", "0", "", "", &hanoi, "0", "0"},
	    {VALUE_COUNT, "account", "5", "", "", &unknown, "5", ""},
	    {VALUE_COUNT, "account", "5", "", "", NULL, "5", ""},
	    {VALUE_PERCENT, "percent", "93.31", "1", "3", NULL, "93.31", "93.31"},
	    {VALUE_PERCENT, "percent", "", "4543", "6325", NULL, "71.826087", "71.826087"},
	    {VALUE_RATIO, "service", "", "1", "3", NULL, "0.333333", "0.333333"},
	    {VALUE_RATIO, "service", "", "1", "0", NULL, "", ""},
	    {VALUE_RATIO, "service", "", "1", "", NULL, "", ""},
	    {VALUE_MEAN, "mbps", "47.5", "", "", NULL, "47.5", "47.5"},
	    {VALUE_GROWTH, "percent", "-2.5", "", "", NULL, "-2.5", "-2.5"},
	    {VALUE_RANK, "rank", "71", "", "", &hanoi, "", ""},
	    {VALUE_TARGET, "percent", "80", "", "", &hanoi, "", ""},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct indicator indicator = {.value_type = cases[i].type, .unit = cases[i].unit};
		struct figure f = {.indicator = &indicator,
				   .area = cases[i].area,
				   .has_value = *cases[i].value,
				   .has_numerator = *cases[i].numerator,
				   .has_denominator = *cases[i].denominator};
		f.value = f.has_value ? decimal(cases[i].value) : (struct decimal){0};
		f.numerator = f.has_numerator ? decimal(cases[i].numerator) : (struct decimal){0};
		f.denominator = f.has_denominator ? decimal(cases[i].denominator) : (struct decimal){0};
		struct decimal d = {0};
		assert_int_equal(peers_stated(&f, &d), *cases[i].stated != 0);
		assert_true(!*cases[i].stated || decimal_compare(d, decimal(cases[i].stated)) == 0);
		assert_int_equal(peers_comparable(&f, &d), *cases[i].comparable != 0);
		assert_true(!*cases[i].comparable || decimal_compare(d, decimal(cases[i].comparable)) == 0);
	}
	assert_false(peers_stated(&(struct figure){.has_value = true}, &(struct decimal){0}));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_order_and_dates_do_not_matter),
	    cmocka_unit_test(test_dataflow_series_and_sign_matter),
	    cmocka_unit_test(test_rounded_copies_are_found),
	    cmocka_unit_test(test_others_are_rarely_proposed),
	    cmocka_unit_test(test_trivial_reports_have_none),
	    cmocka_unit_test(test_written_and_read),
	    cmocka_unit_test(test_same_but_for_rounding),
	    cmocka_unit_test(test_newest_rows_are_known),
	    cmocka_unit_test(test_many_cuts_against_a_table),
	    cmocka_unit_test(test_the_oldest_is_forgotten),
	    cmocka_unit_test(test_alike_are_found_best_first),
	    cmocka_unit_test(test_what_is_compared),
	};
	make_indicators();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
