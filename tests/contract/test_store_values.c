/* SPDX-License-Identifier: Apache-2.0 */
/* What we encode, and what the schema's functions compute, beside what PostgreSQL and proto/period.c say. */
#include "contract.h"
#include "copy.h"
#include "encode.h"
#include "mem.h"
#include "text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { N_FIGURES = 20000, N_PERIODS = 20000 };

static struct decimal random_decimal(void)
{
	static const int64_t power[] = {1,
					10,
					100,
					1000,
					10000,
					100000,
					10000000,
					100000000,
					10000000000,
					1000000000000,
					1000000000000000,
					100000000000000000,
					1000000000000000000};
	int64_t bound = power[contract_random() % (sizeof power / sizeof *power)];
	int64_t mantissa = (int64_t)(contract_random() % (uint64_t)bound);

	if (contract_random() % 3 == 0) {
		mantissa = mantissa / 10000 * 10000; /* whole groups of zeros */
	}
	return (struct decimal){.mantissa = contract_random() % 2 ? -mantissa : mantissa,
				.scale = (uint8_t)(contract_random() % (DECIMAL_SCALE_MAX + 1))};
}

static struct decimal figure_no(size_t i)
{
	static const struct decimal edges[] = {
	    {0, 0},     {0, 18},    {1, 18},   {-1, 18},       {999999999999999999, 0}, {-999999999999999999, 18},
	    {10000, 4}, {10000, 0}, {1640, 2}, {100000000, 9}, {999999999999999999, 1}};

	return i < sizeof edges / sizeof *edges ? edges[i] : random_decimal();
}

/* PostgreSQL's own binary form of every figure's text is, byte for byte, what we would have sent. */
static void test_numeric_is_as_postgresql_sends_it(void **state)
{
	struct {
		struct decimal value;
		char text[DECIMAL_TEXT];
		const char *pointer;
	} *figures = xcalloc(N_FIGURES, sizeof *figures);
	struct params p;
	PGresult *r;

	(void)state;
	for (size_t i = 0; i < N_FIGURES; i++) {
		figures[i].value = figure_no(i);
		figures[i].pointer = decimal_text(figures[i].value, figures[i].text);
	}
	params_init(&p);
	params_texts(&p, &figures->pointer, sizeof *figures, N_FIGURES);
	assert_result(STORE_OK, connection_ask(owner,
					       "SELECT encode(numeric_send(n::numeric), 'hex')"
					       " FROM unnest($1::text[]) WITH ORDINALITY u(n, i) ORDER BY i",
					       &p, &r, &contract_err));
	params_done(&p);
	assert_int_equal(PQntuples(r), N_FIGURES);
	for (int i = 0; i < N_FIGURES; i++) {
		uint8_t bytes[ENCODE_NUMERIC_MAX];
		char hex[2 * ENCODE_NUMERIC_MAX + 1];

		text_hex(bytes, encode_numeric(figures[i].value, bytes), hex);
		if (strcmp(hex, cell_text(r, i, 0)) != 0) {
			fail_msg("%s is sent as %s and not as %s", figures[i].text, hex, cell_text(r, i, 0));
		}
	}
	PQclear(r);
	free(figures);
}

/* And what is sent comes back digit for digit, with its scale. */
static void test_numeric_comes_back(void **state)
{
	PGresult *r;

	(void)state;
	assert_result(STORE_OK, connection_run(owner, "CREATE TEMP TABLE t (i int, n numeric)", &contract_err));
	assert_result(STORE_OK, copy_begin(owner, "t", "i, n", 2, &contract_err));
	for (int i = 0; i < 12; i++) {
		copy_row(owner->copy);
		copy_int32(owner->copy, i);
		copy_numeric(owner->copy, i < 11, figure_no((size_t)(i % 11)));
	}
	assert_result(STORE_OK, copy_end(owner, &contract_err));
	assert_result(STORE_OK, connection_ask(owner, "SELECT n FROM t ORDER BY i", NULL, &r, &contract_err));
	for (int i = 0; i < 11; i++) {
		char text[DECIMAL_TEXT];

		assert_string_equal(cell_text(r, i, 0), decimal_text(figure_no((size_t)i), text));
	}
	assert_true(cell_is_null(r, 11, 0));
	PQclear(r);
}

static void test_times_and_dates_come_back(void **state)
{
	static const struct {
		int64_t us;
		const char *text;
	} cases[] = {{0, "1970-01-01 00:00:00+00"},
		     {INT64_C(1721350800123456), "2024-07-19 01:00:00.123456+00"},
		     {INT64_C(-1), "1969-12-31 23:59:59.999999+00"},
		     {INT64_MIN, ""}};
	PGresult *r;

	(void)state;
	assert_result(STORE_OK,
		      connection_run(owner, "CREATE TEMP TABLE d (i int, t timestamptz, d date)", &contract_err));
	assert_result(STORE_OK, copy_begin(owner, "d", "i, t, d", 3, &contract_err));
	for (int i = 0; i < 4; i++) {
		copy_row(owner->copy);
		copy_int32(owner->copy, i);
		copy_timestamp(owner->copy, cases[i].us);
		copy_date(owner->copy, date_from_civil(2000 - 50 * i, 2, 28 + (i == 0)));
	}
	assert_result(STORE_OK, copy_end(owner, &contract_err));
	assert_result(STORE_OK, connection_ask(owner, "SELECT t, d FROM d ORDER BY i", NULL, &r, &contract_err));
	for (int i = 0; i < 4; i++) {
		assert_string_equal(cell_text(r, i, 0), cases[i].text);
	}
	assert_string_equal(cell_text(r, 0, 1), "2000-02-29");
	assert_string_equal(cell_text(r, 2, 1), "1900-02-28");
	PQclear(r);
}

/* Values as long as the pieces that are handed to libpq, and a little shorter and longer, behind one another. */
static void test_values_of_any_length_come_back(void **state)
{
	enum { PIECE = 64 << 10, AROUND = 40, N = 2 * AROUND + 3 };
	uint8_t *bytes = xmalloc(3 * PIECE);
	PGresult *r;

	(void)state;
	for (size_t i = 0; i < 3 * PIECE; i++) {
		bytes[i] = (uint8_t)(i * 131 >> 3);
	}
	assert_result(STORE_OK, connection_run(owner, "CREATE TEMP TABLE v (i int, b bytea)", &contract_err));
	assert_result(STORE_OK, copy_begin(owner, "v", "i, b", 2, &contract_err));
	for (int i = 0; i < N; i++) {
		size_t len = i < 3 ? (size_t)i * PIECE : (size_t)(PIECE - AROUND + i);

		copy_row(owner->copy);
		copy_int32(owner->copy, (int32_t)len);
		copy_bytes(owner->copy, bytes, len);
	}
	assert_result(STORE_OK, copy_end(owner, &contract_err));
	r = PQexecParams(owner->pg, "SELECT i, b FROM v", 0, NULL, NULL, NULL, NULL, 1);
	assert_int_equal(PQntuples(r), N);
	for (int i = 0; i < N; i++) {
		uint32_t len;

		memcpy(&len, PQgetvalue(r, i, 0), sizeof len);
		assert_int_equal(PQgetlength(r, i, 1), __builtin_bswap32(len));
		assert_memory_equal(PQgetvalue(r, i, 1), bytes, (size_t)PQgetlength(r, i, 1));
	}
	PQclear(r);
	free(bytes);
}

/* ---------------------------------------------------------------- periods */

static bool random_period(char text[static PERIOD_TEXT], struct period *ret)
{
	int year = 1900 + (int)(contract_random() % 359), month = 1 + (int)(contract_random() % 12);
	int day = 1 + (int)(contract_random() % 31), n = (int)(contract_random() % 300);

	switch (contract_random() % 8) {
	case 0: snprintf(text, PERIOD_TEXT, "%04d", year); break;
	case 1: snprintf(text, PERIOD_TEXT, "%04d-S%d", year, n % 4); break;
	case 2: snprintf(text, PERIOD_TEXT, "%04d-Q%d", year, n % 6); break;
	case 3: snprintf(text, PERIOD_TEXT, "%04d-%02d", year, n % 14); break;
	case 4: snprintf(text, PERIOD_TEXT, "%04d-W%02d", year, n % 55); break;
	case 5: snprintf(text, PERIOD_TEXT, "%04d-%02d-%02d", year, month, day); break;
	case 6: snprintf(text, PERIOD_TEXT, "%04d-%02d-%02d/P%d%c", year, month, day, n, "DWMYX"[n % 5]); break;
	default: snprintf(text, PERIOD_TEXT, "%04d-%02d-%02dT", year, month, day); break;
	}
	return period_parse(text, ret);
}

struct sample {
	char text[PERIOD_TEXT];
	const char *pointer;
	int32_t packed; /* 0: no period */
	char end[16], before[PERIOD_TEXT];
};

static void make_sample(struct sample *s)
{
	struct period p, before;

	s->pointer = s->text;
	if (!random_period(s->text, &p)) {
		return;
	}
	s->packed = period_pack(&p);
	date_text(p.end, s->end);
	if (period_shift_years(&p, -1, &before)) {
		period_text(&before, s->before);
	}
}

static void compare_sample(const PGresult *r, int row, const struct sample *s)
{
	bool same = cell_int(r, row, 0) == s->packed && strcmp(cell_text(r, row, 1), s->packed ? s->text : "") == 0 &&
		    strcmp(cell_text(r, row, 2), s->end) == 0 && strcmp(cell_text(r, row, 3), s->before) == 0;

	if (!same) {
		fail_msg("%s: packed %d, ends %s, a year before %s; in SQL %s %s %s %s", s->text, s->packed, s->end,
			 s->before, cell_text(r, row, 0), cell_text(r, row, 1), cell_text(r, row, 2),
			 cell_text(r, row, 3));
	}
}

/* The schema's period functions and proto/period.c are two tellings of one thing. */
static void test_periods_are_the_same_in_sql(void **state)
{
	struct sample *samples = xcalloc(N_PERIODS, sizeof *samples);
	struct params p;
	PGresult *r;

	(void)state;
	for (size_t i = 0; i < N_PERIODS; i++) {
		make_sample(&samples[i]);
	}
	params_init(&p);
	params_texts(&p, &samples->pointer, sizeof *samples, N_PERIODS);
	assert_result(
	    STORE_OK,
	    connection_ask(owner,
			   "SELECT k, tram.period_text(k), tram.period_end(k),"
			   "       tram.period_text(tram.period_shift_years(k, -1))"
			   " FROM (SELECT i, tram.period_pack(t) AS k FROM unnest($1) WITH ORDINALITY u(t, i)) u"
			   " ORDER BY i",
			   &p, &r, &contract_err));
	params_done(&p);
	for (int i = 0; i < N_PERIODS; i++) {
		compare_sample(r, i, &samples[i]);
	}
	PQclear(r);
	free(samples);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_numeric_is_as_postgresql_sends_it),
	    cmocka_unit_test(test_numeric_comes_back),
	    cmocka_unit_test(test_times_and_dates_come_back),
	    cmocka_unit_test(test_values_of_any_length_come_back),
	    cmocka_unit_test(test_periods_are_the_same_in_sql),
	};

	return cmocka_run_group_tests_name("store values", tests, contract_open, contract_close);
}
