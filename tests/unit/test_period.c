/* SPDX-License-Identifier: Apache-2.0 */
#include "period.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>

#define N(array) (sizeof(array) / sizeof((array)[0]))

#define PACK_FIRST (-25567) /* 1900-01-01 */
#define PACK_LAST  (PACK_FIRST + (1 << 17) - 1)

static void assert_same(const struct period *p, const struct period *q)
{
	assert_int_equal(p->kind, q->kind);
	assert_int_equal(p->start, q->start);
	assert_int_equal(p->end, q->end);
	assert_int_equal(p->range_unit, q->range_unit);
	assert_int_equal(p->range_count, q->range_count);
}

static const struct {
	const char *text, *from, *to;
	char frequency;
} periods[] = {
    {"2024", "2024-01-01", "2024-12-31", 'A'},
    {"1900", "1900-01-01", "1900-12-31", 'A'},
    {"2258", "2258-01-01", "2258-12-31", 'A'},
    {"2024-S1", "2024-01-01", "2024-06-30", 'S'},
    {"2024-S2", "2024-07-01", "2024-12-31", 'S'},
    {"2024-Q1", "2024-01-01", "2024-03-31", 'Q'},
    {"2024-Q2", "2024-04-01", "2024-06-30", 'Q'},
    {"2024-Q4", "2024-10-01", "2024-12-31", 'Q'},
    {"2024-02", "2024-02-01", "2024-02-29", 'M'},
    {"2023-02", "2023-02-01", "2023-02-28", 'M'},
    {"1900-02", "1900-02-01", "1900-02-28", 'M'},
    {"2000-02", "2000-02-01", "2000-02-29", 'M'},
    {"2024-12", "2024-12-01", "2024-12-31", 'M'},
    {"2024-W01", "2024-01-01", "2024-01-07", 'W'},
    {"2024-W05", "2024-01-29", "2024-02-04", 'W'},
    {"2021-W01", "2021-01-04", "2021-01-10", 'W'},
    {"2020-W53", "2020-12-28", "2021-01-03", 'W'},
    {"2020-W01", "2019-12-30", "2020-01-05", 'W'},
    {"2026-W53", "2026-12-28", "2027-01-03", 'W'},
    {"2024-06-14", "2024-06-14", "2024-06-14", 'D'},
    {"2024-02-29", "2024-02-29", "2024-02-29", 'D'},
    {"2258-11-11", "2258-11-11", "2258-11-11", 'D'},
    {"2018-01-01/P7Y", "2018-01-01", "2024-12-31", 'R'},
    {"2024-01-15/P1M", "2024-01-15", "2024-02-14", 'R'},
    {"2024-01-31/P1M", "2024-01-31", "2024-02-28", 'R'},
    {"2024-02-29/P1Y", "2024-02-29", "2025-02-27", 'R'},
    {"2024-02-29/P4Y", "2024-02-29", "2028-02-28", 'R'},
    {"2024-02-26/P2W", "2024-02-26", "2024-03-10", 'R'},
    {"2024-02-28/P3D", "2024-02-28", "2024-03-01", 'R'},
    {"2024-01-01/P255D", "2024-01-01", "2024-09-11", 'R'},
    {"2023-12-14/P12M", "2023-12-14", "2024-12-13", 'R'},
};

static void test_forms(void **state)
{
	(void)state;
	for (size_t i = 0; i < N(periods); i++) {
		struct period p, q;
		char text[PERIOD_TEXT], from[16], to[16];

		if (!period_parse(periods[i].text, &p))
			fail_msg("%s is not read", periods[i].text);
		assert_string_equal(date_text(p.start, from), periods[i].from);
		assert_string_equal(date_text(p.end, to), periods[i].to);
		assert_int_equal(period_frequency(&p), periods[i].frequency);
		assert_string_equal(period_text(&p, text), periods[i].text);
		assert_true(period_unpack(period_pack(&p), &q));
		assert_same(&p, &q);
	}
}

static void test_no_periods(void **state)
{
	static const char *const bad[] = {
	    "",
	    "24",
	    "02024",
	    "2024 ",
	    " 2024",
	    "2024-",
	    "2024-S0",
	    "2024-S3",
	    "2024-s1",
	    "2024-Q0",
	    "2024-Q5",
	    "2024-Q",
	    "2024-Q11",
	    "2024-00",
	    "2024-13",
	    "2024-1",
	    "2024-W00",
	    "2024-W53",
	    "2021-W53",
	    "2024-W5",
	    "2024-W054",
	    "2024-T1",
	    "2024-A1",
	    "2024-06-00",
	    "2024-06-31",
	    "2023-02-29",
	    "1900-02-29",
	    "2024-6-14",
	    "2024/06",
	    "06-2024",
	    "2024-06-14T00:00:00",
	    "2024-01-01/P",
	    "2024-01-01/PY",
	    "2024-01-01/P0Y",
	    "2024-01-01/P07Y",
	    "2024-01-01/P256D",
	    "2024-01-01/P1H",
	    "2024-01-01/P1Y2M",
	    "2024-01-01/1Y",
	    "2024-01/P1Y",
	    "2024/P1Y",
	    "2024-01-01/P1Y ",
	    "2024-01-01/P99999999999999999999D",
	    "1899",
	    "1899-12-31",
	    "2259",
	    "2258-12",
	    "2258-11-12",
	    "2258-W52",
	    "2258-12-01/P1D",
	    "năm 2024",
	    "-2024",
	    "+2024",
	};

	(void)state;
	for (size_t i = 0; i < N(bad); i++) {
		struct period p;

		if (period_parse(bad[i], &p))
			fail_msg("\"%s\" is read as a period", bad[i]);
	}
}

/* Every day that can be packed, as a day and as the beginning of every kind that can begin on it. */
static void test_every_day(void **state)
{
	int32_t last[8] = {0};

	(void)state;
	for (int32_t day = PACK_FIRST; day <= PACK_LAST; day++) {
		for (int kind = PERIOD_YEAR; kind <= PERIOD_DAY; kind++) {
			int32_t packed = kind << 27 | (day - PACK_FIRST) << 10;
			struct period p, q;
			char text[PERIOD_TEXT];

			if (!period_unpack(packed, &p))
				continue;
			assert_int_equal(period_pack(&p), packed);
			assert_true(period_parse(period_text(&p, text), &q));
			assert_same(&p, &q);
			/* without gaps: a period begins where the one before it ended */
			assert_true(last[kind] == 0 || p.start == last[kind] + 1);
			last[kind] = p.end;
		}
	}
	assert_int_equal(last[PERIOD_DAY], PACK_LAST);
}

/* Packed forms of one frequency sort as their days do, ranges of one start by unit and count. */
static void test_order(void **state)
{
	static const char *const ordered[] = {
	    "1900",           "2023",           "2024",           "2258",
	    "1900-S1",        "2023-S2",        "2024-S1",        "2024-S2",
	    "1900-Q1",        "2024-Q4",        "2025-Q1",        "1900-01",
	    "2024-09",        "2024-10",        "1900-W01",       "2020-W53",
	    "2021-W01",       "1900-01-01",     "2024-06-14",     "2024-06-15",
	    "2258-11-11",     "1900-01-01/P1D", "2018-01-01/P2D", "2018-01-01/P255D",
	    "2018-01-01/P1W", "2018-01-01/P1M", "2018-01-01/P1Y", "2018-01-01/P7Y",
	    "2018-01-02/P1D",
	};
	int32_t last = 0;

	(void)state;
	for (size_t i = 0; i < N(ordered); i++) {
		struct period p;
		int32_t packed;

		assert_true(period_parse(ordered[i], &p));
		packed = period_pack(&p);
		if (packed <= last || packed >> 30 != 0)
			fail_msg("%s packs to %d after %d", ordered[i], packed, last);
		last = packed;
	}
}

static void test_unpack_refuses(void **state)
{
	static const int32_t bad[] = {
	    0,
	    -1,
	    INT32_MIN,
	    INT32_MAX,
	    1 << 30,
	    PERIOD_YEAR << 27 | 1 << 10,  /* 2 January */
	    PERIOD_YEAR << 27 | 1,        /* a length on what is no range */
	    PERIOD_HALF << 27 | 31 << 10, /* 1 February */
	    PERIOD_WEEK << 27 | 1 << 10,  /* a Tuesday */
	    PERIOD_RANGE << 27,           /* no length */
	    PERIOD_RANGE << 27 | 3 << 8,  /* 0 years */
	    (int32_t)0x00000400,          /* kind 0 */
	};
	struct period p;

	(void)state;
	for (size_t i = 0; i < N(bad); i++)
		if (period_unpack(bad[i], &p))
			fail_msg("%d is unpacked", bad[i]);
}

/* The calendar against libc's. */
static void test_calendar(void **state)
{
	(void)state;
	for (int32_t day = -719162; day <= 2932896; day += 13) { /* 0001-01-01 .. 9999-12-31 */
		time_t t = (time_t)day * 86400;
		int year, month, mday;
		struct tm tm;
		char text[16];
		int32_t back;

		gmtime_r(&t, &tm);
		date_to_civil(day, &year, &month, &mday);
		assert_int_equal(year, tm.tm_year + 1900);
		assert_int_equal(month, tm.tm_mon + 1);
		assert_int_equal(mday, tm.tm_mday);
		assert_int_equal(date_from_civil(year, month, mday), day);
		assert_true(date_parse(date_text(day, text), &back));
		assert_int_equal(back, day);
	}
}

/* ISO weeks against strftime's %G-W%V. */
static void test_weeks(void **state)
{
	(void)state;
	for (int32_t day = PACK_FIRST; day + 6 <= PACK_LAST; day += 7) {
		time_t t = (time_t)day * 86400;
		char want[32], text[PERIOD_TEXT];
		struct period p;
		struct tm tm;

		strftime(want, sizeof(want), "%G-W%V", gmtime_r(&t, &tm));
		assert_true(period_parse(want, &p));
		assert_int_equal(p.start, day);
		assert_string_equal(period_text(&p, text), want);
	}
}

static void test_no_dates(void **state)
{
	static const char *const bad[] = {"",
					  "2024",
					  "2024-6-1",
					  "2024-06-1",
					  "24-06-14",
					  "0000-01-01",
					  "2024-02-30",
					  "2024-04-31",
					  "2023-02-29",
					  "2024-13-01",
					  "2024-06-14 ",
					  " 2024-06-14",
					  "2024/06/14",
					  "2024-06-14T00:00:00Z",
					  "14-06-2024"};
	int32_t day;

	(void)state;
	for (size_t i = 0; i < N(bad); i++)
		if (date_parse(bad[i], &day))
			fail_msg("\"%s\" is read as a date", bad[i]);
}

static void test_months(void **state)
{
	static const struct {
		const char *text;
		int32_t first, count;
	} cases[] = {
	    {"2024", 2024 * 12, 12},
	    {"2024-S2", 2024 * 12 + 6, 6},
	    {"2024-Q3", 2024 * 12 + 6, 3},
	    {"2024-12", 2024 * 12 + 11, 1},
	    {"2024-W05", 0, 0},
	    {"2024-06-14", 0, 0},
	    {"2018-01-01/P12M", 0, 0},
	};

	(void)state;
	for (size_t i = 0; i < N(cases); i++) {
		int32_t first = 0, count = 0;
		struct period p;

		assert_true(period_parse(cases[i].text, &p));
		assert_int_equal(period_months(&p, &first, &count), cases[i].count > 0);
		assert_int_equal(first, cases[i].first);
		assert_int_equal(count, cases[i].count);
	}
}

static void test_shift_years(void **state)
{
	static const struct {
		const char *text;
		int years;
		const char *want; /* NULL: there is none */
	} cases[] = {
	    {"2023-S1", -1, "2022-S1"}, {"2024", 3, "2027"},         {"2024-02", -1, "2023-02"},
	    {"2024-Q4", -4, "2020-Q4"}, {"2024-Q4", 0, "2024-Q4"},   {"1900", -1, NULL},
	    {"2258", 1, NULL},          {"2257-12", 1, NULL},        {"2024-W05", -1, NULL},
	    {"2024-06-14", -1, NULL},   {"2018-01-01/P7Y", 1, NULL}, {"2024", INT32_MAX, NULL},
	    {"2024", INT32_MIN, NULL},
	};

	(void)state;
	for (size_t i = 0; i < N(cases); i++) {
		struct period p, q;
		char text[PERIOD_TEXT];
		bool has;

		assert_true(period_parse(cases[i].text, &p));
		has = period_shift_years(&p, cases[i].years, &q);
		if (has != (cases[i].want != NULL))
			fail_msg("%s by %d years", cases[i].text, cases[i].years);
		if (has)
			assert_string_equal(period_text(&q, text), cases[i].want);
	}
}

static void test_back(void **state)
{
	static const struct {
		const char *text;
		unsigned n;
		const char *want; /* NULL: there is none */
	} cases[] = {
	    {"2024", 1, "2023"},
	    {"2024-S1", 1, "2023-S2"},
	    {"2024-S2", 1, "2024-S1"},
	    {"2024-S1", 4, "2022-S1"},
	    {"2024-Q1", 1, "2023-Q4"},
	    {"2024-Q3", 2, "2024-Q1"},
	    {"2024-01", 1, "2023-12"},
	    {"2024-03", 13, "2023-02"},
	    {"2024-W01", 1, "2023-W52"},
	    {"2021-W01", 1, "2020-W53"},
	    {"2024-03-01", 1, "2024-02-29"},
	    {"2024-01-01", 366, "2022-12-31"},
	    {"2024-S1", 0, "2024-S1"},
	    {"1901", 1, "1900"},
	    {"1900", 1, NULL},
	    {"1900-01-01", 1, NULL},
	    {"2024", 100000, NULL},
	    {"2024", UINT32_MAX, NULL},
	    {"2018-01-01/P7Y", 1, NULL},
	    {"2018-01-01/P7Y", 0, NULL},
	    {"2024-06-14", UINT32_MAX, NULL},
	};

	(void)state;
	for (size_t i = 0; i < N(cases); i++) {
		struct period p, q;
		char text[PERIOD_TEXT];
		bool has;

		assert_true(period_parse(cases[i].text, &p));
		has = period_back(&p, cases[i].n, &q);
		if (has != (cases[i].want != NULL))
			fail_msg("%u before %s", cases[i].n, cases[i].text);
		if (has)
			assert_string_equal(period_text(&q, text), cases[i].want);
	}
}

/* Of every kind and every longer one, also where it ends within. */
static void test_within(void **state)
{
	static const struct {
		const char *text;
		const char *want[PERIOD_RANGE + 1]; /* by kind; NULL: there is none */
	} cases[] = {
	    {"2024", {NULL}},
	    {"2024-S1", {[PERIOD_YEAR] = "2024"}},
	    {"2024-S2", {[PERIOD_YEAR] = "2024"}},
	    {"2024-Q2", {[PERIOD_YEAR] = "2024", [PERIOD_HALF] = "2024-S1"}},
	    {"2024-Q3", {[PERIOD_YEAR] = "2024", [PERIOD_HALF] = "2024-S2"}},
	    {"2024-01", {[PERIOD_YEAR] = "2024", [PERIOD_HALF] = "2024-S1", [PERIOD_QUARTER] = "2024-Q1"}},
	    {"2024-06", {[PERIOD_YEAR] = "2024", [PERIOD_HALF] = "2024-S1", [PERIOD_QUARTER] = "2024-Q2"}},
	    {"2024-12", {[PERIOD_YEAR] = "2024", [PERIOD_HALF] = "2024-S2", [PERIOD_QUARTER] = "2024-Q4"}},
	    {"2024-W27", {NULL}}, /* of no month, quarter or year is it a part as a whole */
	    {"2024-06-30",
	     {[PERIOD_YEAR] = "2024",
	      [PERIOD_HALF] = "2024-S1",
	      [PERIOD_QUARTER] = "2024-Q2",
	      [PERIOD_MONTH] = "2024-06",
	      [PERIOD_WEEK] = "2024-W26"}},
	    {"2024-12-30", /* a Monday, of a week of the year after */
	     {[PERIOD_YEAR] = "2024",
	      [PERIOD_HALF] = "2024-S2",
	      [PERIOD_QUARTER] = "2024-Q4",
	      [PERIOD_MONTH] = "2024-12",
	      [PERIOD_WEEK] = "2025-W01"}},
	    {"2018-01-01/P7Y", {NULL}},
	};

	(void)state;
	for (size_t i = 0; i < N(cases); i++) {
		for (enum period_kind kind = PERIOD_YEAR; kind <= PERIOD_RANGE; kind++) {
			struct period p, q;
			char text[PERIOD_TEXT];
			bool has;

			assert_true(period_parse(cases[i].text, &p));
			has = period_within(&p, kind, &q);
			if (has != (cases[i].want[kind] != NULL))
				fail_msg("kind %d that %s is within", kind, cases[i].text);
			if (has)
				assert_string_equal(period_text(&q, text), cases[i].want[kind]);
		}
	}
}

static void test_vietnam(void **state)
{
	static const struct {
		int64_t us;
		const char *want;
	} cases[] = {
	    {0, "1970-01-01"},
	    {INT64_C(61199999999), "1970-01-01"}, /* 23:59:59.999999 there */
	    {INT64_C(61200000000), "1970-01-02"},
	    {INT64_C(-25200000000), "1970-01-01"},
	    {INT64_C(-25200000001), "1969-12-31"},
	    {INT64_C(1721350800000000), "2024-07-19"}, /* 2024-07-19T01:00Z */
	    {INT64_C(1721408400000000), "2024-07-20"}, /* 2024-07-19T17:00Z */
	};

	(void)state;
	for (size_t i = 0; i < N(cases); i++) {
		char text[16];

		assert_string_equal(date_text(date_in_vietnam(cases[i].us), text), cases[i].want);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_forms),       cmocka_unit_test(test_no_periods),     cmocka_unit_test(test_every_day),
	    cmocka_unit_test(test_order),       cmocka_unit_test(test_unpack_refuses), cmocka_unit_test(test_calendar),
	    cmocka_unit_test(test_weeks),       cmocka_unit_test(test_no_dates),       cmocka_unit_test(test_months),
	    cmocka_unit_test(test_shift_years), cmocka_unit_test(test_back),           cmocka_unit_test(test_vietnam),
	    cmocka_unit_test(test_within),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
