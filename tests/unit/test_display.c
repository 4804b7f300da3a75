/* SPDX-License-Identifier: Apache-2.0 */
#include "display.h"
#include "explain_show.h"
#include "lang.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

static void speak(const char *language)
{
	setenv("TRAM_LANG", language, 1);
	lang_start();
}

/* Compares and frees. */
static void assert_text(char *got, const char *expected)
{
	assert_string_equal(got, expected);
	free(got);
}

static void test_numbers_are_grouped(void **state)
{
	static const struct {
		const char *digits, *en, *vi;
	} cases[] = {
	    {"0", "0", "0"},
	    {"7", "7", "7"},
	    {"100", "100", "100"},
	    {"-100", "-100", "-100"},
	    {"1000", "1,000", "1.000"},
	    {"-123456", "-123,456", "-123.456"},
	    {"16400000", "16,400,000", "16.400.000"},
	    {"93.31", "93.31", "93,31"},
	    {"-0.05", "-0.05", "-0,05"},
	    {"1234567.1234567", "1,234,567.1234567", "1.234.567,1234567"},
	    {NULL, "–", "–"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		speak("en");
		assert_text(display_number(cases[i].digits), cases[i].en);
		speak("vi");
		assert_text(display_number(cases[i].digits), cases[i].vi);
	}
}

static void test_an_exact_figure_needs_no_more_digits(void **state)
{
	static const char *const cases[][2] = {{"11394555950.0", "11,394,555,950"},
					       {"0.0", "0"},
					       {"12.50", "12.5"},
					       {"-0.050", "-0.05"},
					       {"100", "100"},
					       {NULL, "–"}};

	(void)state;
	speak("en");
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		assert_text(display_exact(cases[i][0]), cases[i][1]);
	}
}

/* One contribution, as what it is made of, and its figure: what is exact is said to be so, and said once. */
static void test_formulas(void **state)
{
	static const struct {
		const char *how, *unit, *value, *top, *bottom, *shown;
		int mult;
		bool counts_parts;
		const char *text;
	} cases[] = {
	    {"own", "percent", "100", "10373", "10373", "100.0", 0, false, "100 × 10,373 / 10,373 = 100.0 %"},
	    {"own", "percent", "93.31", "9330", "9999", "93.31", 0, false, "100 × 9,330 / 9,999 ≈ 93.31 %"},
	    {"own", "procedure", "0.71", "4543", "6325", "1", 0, true, "4,543 / 6,325"},
	    {"own", "person", "7.50", NULL, NULL, "8", 0, false, "7.5"},
	    {"ratio", "percent", "50", "1", "2", "50", 0, false, "100 × (1) / (2) = 100 × 1 / 2 = 50 %"},
	    {"ratio", "account", "5000000", "10000000", "2", "5", 6, false,
	     "(10,000,000) / (2) = 10,000,000 / 2 = 5 million account"},
	    {"ratio", "account", "5000001", "10000002", "2", "5", 6, false,
	     "(10,000,002) / (2) = 10,000,002 / 2 ≈ 5 million account"},
	    {"sum", "person", "12.0", NULL, NULL, "12", 0, false, "12 = 12"},
	    {"mean", "percent", "40", "80", "2", "40", 0, false, "(40 × 2) / (2) = 80 / 2 = 40 %"},
	    {"growth", "percent", "5", "105", "100", "5.0", 0, false, "100 × (105 − 100) / 100 = 5.0 %"},
	    {"growth", "percent", "5.04", "10504", "10000", "5.0", 0, false,
	     "100 × (10,504 − 10,000) / 10,000 ≈ 5.0 %"},
	    {"quotient", "person", "3", "9", "3", "3", 0, false, "9 / 3 = 3 person"},
	    {"quotient", "person", "3", "9", "1234567890123456789012", "3", 0, false,
	     "9 / 1,234,567,890,123,456,789,012 ≈ 3 person"},
	};

	(void)state;
	speak("en");
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		bool derived = strcmp(cases[i].how, "growth") == 0 || strcmp(cases[i].how, "quotient") == 0;
		struct explained_contribution row = {.part = "value",
						     .state = "counts",
						     .value = cases[i].value,
						     .numerator = cases[i].top,
						     .denominator = cases[i].bottom,
						     .weight = cases[i].bottom};
		struct explanation_figure f = {.about = {.how = cases[i].how,
							 .top = derived ? 2 : 0,
							 .leaf = "",
							 .over_time = "last",
							 .weighed_by = ""},
					       .rows = &row,
					       .n = 1};
		struct explanation e = {.figures = &f, .n = 1};

		f.about.figure = (struct rollup_figure){.value = cases[i].value,
							.numerator = cases[i].top,
							.denominator = cases[i].bottom,
							.shown = cases[i].shown,
							.unit = cases[i].unit,
							.unit_vi = "",
							.qualifier = "",
							.display_unit_mult = cases[i].mult,
							.counts_parts = cases[i].counts_parts};
		assert_text(explain_formula(&e, 0), cases[i].text);
	}
}

static void test_a_closed_figure_says_so(void **state)
{
	struct rollup_figure f = {.vintage = 0, .known_at = "2024-07-19T01:00:00Z", .shown = "5", .now_shown = "6"};

	(void)state;
	speak("en");
	assert_text(display_closing(&f), "");
	f.vintage = 2;
	assert_text(display_closing(&f), "closing 2 of 2024-07-19 08:00:00");
	f.moved = true;
	assert_text(display_closing(&f), "closing 2 of 2024-07-19 08:00:00; it has moved: now 6");
	f.counts_parts = true;
	f.now_numerator = "4543";
	f.now_denominator = "6325";
	assert_text(display_closing(&f), "closing 2 of 2024-07-19 08:00:00; it has moved: now 4,543/6,325");
}

static void test_a_figure_has_its_unit(void **state)
{
	(void)state;
	speak("en");
	assert_text(display_figure("16.4", "exact", 6, "account", "tài khoản"), "16.4 million account");
	assert_text(display_figure("45", "more_than", 6, "account", "tài khoản"), "more than 45 million account");
	assert_text(display_figure("14.96", "approx", 0, "percent", "%"), "about 14.96 %");
	assert_text(display_figure("57.1", "", 0, "million_VND", "triệu đồng"), "57.1 million VND");
	assert_text(display_figure("2", "", 4, "person", "người"), "2 × 10^4 person");
	assert_text(display_figure(NULL, "exact", 6, "account", "tài khoản"), "–");
	speak("vi");
	assert_text(display_figure("70000", "", 0, "person", "người"), "70.000 người");
}

static void test_a_rollup_of_parts_shows_them(void **state)
{
	struct rollup_figure f = {.shown = "1",
				  .shown_numerator = "4543",
				  .shown_denominator = "6325",
				  .unit = "procedure",
				  .unit_vi = "thủ tục",
				  .qualifier = "exact",
				  .counts_parts = true};

	(void)state;
	speak("en");
	assert_text(display_rollup(&f), "4,543/6,325 procedure");
	f.counts_parts = false;
	assert_text(display_rollup(&f), "1 procedure");
	f.counts_parts = true;
	f.shown_denominator = NULL;
	assert_text(display_rollup(&f), "1 procedure");
}

static void test_what_must_be_said_beside_it(void **state)
{
	struct rollup_figure f = {.finality = "final",
				  .obs_status = "A",
				  .areas_reporting = 63,
				  .areas_expected = 63,
				  .coverage_percent = "100"};

	(void)state;
	speak("en");
	assert_text(display_remarks(&f), "");
	assert_text(display_coverage(&f), "63/63 (100 %)");
	f.finality = "provisional";
	f.obs_status = "E";
	f.held = 2;
	f.demonstration = true;
	f.areas_reporting = 61;
	f.coverage_percent = "98.2";
	assert_text(display_remarks(&f), "provisional, estimated, 2 held, demonstration");
	assert_text(display_coverage(&f), "61/63 (98.2 %)");
	f.coverage_percent = NULL;
	assert_text(display_coverage(&f), "61/63 (– %)");
}

static void test_how_much_of_a_period_is_there(void **state)
{
	static const struct {
		const char *period;
		int areas, there, expected;
		const char *text;
	} rows[] = {
	    {"2024", 63, 63, 63, ""},
	    {"2024", 63, 0, 63, ""},
	    {"2024", 0, 0, 0, ""},
	    {"2024", 63, 9 * 63, 12 * 63, "9 of 12 months"},
	    {"2024", 63, 4 * 63, 4 * 63, "4 of 4 quarters"},
	    {"2024", 63, 63, 2 * 63, "1 of 2 half-years"},
	    {"2024", 63, 753, 12 * 63, "753 of 756 parts"},
	    {"2024-S1", 63, 5 * 63, 6 * 63, "5 of 6 months"},
	    {"2024-S1", 63, 63, 2 * 63, "1 of 2 quarters"},
	    {"2024-Q2", 1, 2, 3, "2 of 3 months"},
	    {"2024-W05", 1, 5, 7, "5 of 7 parts"},
	    {"2025", 34, 540, 6 * 63 + 6 * 34, "540 of 582 parts"},
	};

	(void)state;
	speak("en");
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct rollup_figure f = {.areas_expected = rows[i].areas,
					  .parts_reporting = rows[i].there,
					  .parts_expected = rows[i].expected};

		assert_text(display_parts_of_period(&f, rows[i].period), rows[i].text);
	}
}

static void test_who_is_missing(void **state)
{
	struct rollup_figure f = {.missing_first_en = "", .missing_first_vi = "", .interval_basis = ""};

	(void)state;
	speak("en");
	assert_text(display_gaps(&f), "");
	f.n_missing = 1;
	f.missing_first_en = "Ha Noi";
	f.missing_first_vi = "Hà Nội";
	assert_text(display_gaps(&f), "missing: Ha Noi");
	f.n_missing = 7;
	f.missing_first_en = "Ha Noi, Hue";
	f.missing_first_vi = "Hà Nội, Huế";
	assert_text(display_gaps(&f), "missing: Ha Noi, Hue and 5 more");
	f.interval_low_shown = "1234.5";
	f.interval_high_shown = "2000";
	f.interval_basis = "last_accepted:6 of 7";
	assert_text(display_gaps(&f),
		    "missing: Ha Noi, Hue and 5 more, 1,234.5 to 2,000 with what was stated before for 6 of 7 gaps");
	speak("vi");
	assert_text(display_gaps(&f),
		    "còn thiếu: Hà Nội, Huế và 5 nơi nữa, từ 1.234,5 đến 2.000 nếu lấy số đã báo cáo trước đó cho 6/7 "
		    "chỗ thiếu");
	f = (struct rollup_figure){.missing_first_en = "Ha Noi, Hue (5 of 8 communes)",
				   .missing_first_vi = "Hà Nội, Huế (5/8 đơn vị cấp xã)",
				   .n_missing = 2,
				   .interval_basis = "not_worked_out:12"};
	assert_text(
	    display_gaps(&f),
	    "còn thiếu: Hà Nội, Huế (5/8 đơn vị cấp xã), chưa tính khoảng cho 12 chỗ thiếu: dùng --as-of để xem");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_numbers_are_grouped),
	    cmocka_unit_test(test_an_exact_figure_needs_no_more_digits),
	    cmocka_unit_test(test_formulas),
	    cmocka_unit_test(test_a_closed_figure_says_so),
	    cmocka_unit_test(test_a_figure_has_its_unit),
	    cmocka_unit_test(test_a_rollup_of_parts_shows_them),
	    cmocka_unit_test(test_what_must_be_said_beside_it),
	    cmocka_unit_test(test_how_much_of_a_period_is_there),
	    cmocka_unit_test(test_who_is_missing),
	};

	return cmocka_run_group_tests_name("display", tests, NULL, NULL);
}
