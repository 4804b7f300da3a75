/* SPDX-License-Identifier: Apache-2.0 */
#include "table.h"

#include <jansson.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static struct table *t;
static FILE *out;
static char *text;
static size_t len;

static void begin(enum table_format format)
{
	out = open_memstream(&text, &len);
	t = table_new(format, out);
	table_column(t, "area", "Tỉnh", TABLE_LEFT);
	table_column(t, "value", "Giá trị", TABLE_RIGHT);
	table_column(t, "note", "Ghi chú", TABLE_LEFT);
}

static void row(const char *area, const char *value, const char *note)
{
	table_cell(t, area);
	table_cell_number(t, value);
	table_cell(t, note);
}

static void expect(const char *expected)
{
	table_end(t);
	table_free(&t);
	assert_null(t);
	fclose(out);
	assert_string_equal(text, expected);
	free(text);
}

static void text_lines_up(void **state)
{
	(void)state;
	begin(TABLE_TEXT);
	row("Thừa Thiên Huế", "1 200", "tốt");
	row("Cà Mau", "7", NULL);
	row(NULL, NULL, "–");
	expect("Tỉnh            Giá trị  Ghi chú\n"
	       "Thừa Thiên Huế    1 200  tốt\n"
	       "Cà Mau                7\n"
	       "                         –\n");
}

static void text_lines_up_in_decomposed_and_wide_letters(void **state)
{
	(void)state;
	begin(TABLE_TEXT);
	row("No\xCC\xA3\xCC\x82i", "1", "x");
	row("漢字", "2", "y");
	expect("Tỉnh  Giá trị  Ghi chú\n"
	       "No\xCC\xA3\xCC\x82i         1  x\n"
	       "漢字        2  y\n");
}

static void no_control_reaches_a_terminal(void **state)
{
	(void)state;
	begin(TABLE_TEXT);
	row("a\x1b[2Jb", "1",
	    "two\nlines\tand\xFF"
	    "bad\xC2\x9B");
	expect("Tỉnh    Giá trị  Ghi chú\n"
	       "a\uFFFD[2Jb        1  two lines and\uFFFDbad\uFFFD\n");
}

static void empty_tables(void **state)
{
	(void)state;
	begin(TABLE_TEXT);
	expect("Tỉnh  Giá trị  Ghi chú\n");
	begin(TABLE_JSON);
	expect("[]\n");
	begin(TABLE_CSV);
	expect("area,value,note\n");
}

static void without_rows_people_are_told(void **state)
{
	static const struct {
		enum table_format format;
		const char *expected;
	} cases[] = {
	    {TABLE_TEXT, "không có gì\n"},
	    {TABLE_JSON, "[]\n"},
	    {TABLE_CSV, "area,value,note\n"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		begin(cases[i].format);
		table_when_empty(t, "không có gì");
		expect(cases[i].expected);
	}
	begin(TABLE_TEXT);
	table_when_empty(t, "không có gì");
	row("Huế", "1", "");
	expect("Tỉnh  Giá trị  Ghi chú\nHuế         1\n");
}

static void closed_with_its_end_or_without(void **state)
{
	(void)state;
	for (int ok = 0; ok < 2; ok++) {
		begin(TABLE_TEXT);
		row("a", "1", "b");
		table_close(&t, ok);
		assert_null(t);
		fclose(out);
		assert_string_equal(text, ok ? "Tỉnh  Giá trị  Ghi chú\na           1  b\n" : "");
		free(text);
	}
}

static void json_is_exact(void **state)
{
	(void)state;
	begin(TABLE_JSON);
	row("Huế \"cố đô\"\n", "16400000.10", NULL);
	row("", NULL, "x\x1b");
	expect("[\n {\"area\": \"Huế \\\"cố đô\\\"\\n\", \"value\": 16400000.10, \"note\": null},"
	       "\n {\"area\": null, \"value\": null, \"note\": \"x\\u001B\"}\n]\n");
}

static const struct {
	const char *digits, *json;
} numbers[] = {
    {"0", "0"},
    {"-1", "-1"},
    {"10", "10"},
    {"0.50", "0.50"},
    {"-0.5", "-0.5"},
    {"01", "\"01\""},
    {".5", "\".5\""},
    {"5.", "\"5.\""},
    {"", "null"},
    {"-", "\"-\""},
    {"NaN", "\"NaN\""},
    {"+1", "\"+1\""},
    {"1,5", "\"1,5\""},
    {"1 0", "\"1 0\""},
    {"123456789012345678901234567890.123", "123456789012345678901234567890.123"},
};

static void numbers_as_written(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
		char expected[100];
		json_t *parsed;

		out = open_memstream(&text, &len);
		t = table_new(TABLE_JSON, out);
		table_column(t, "n", "n", TABLE_RIGHT);
		table_cell_number(t, numbers[i].digits);
		table_end(t);
		table_free(&t);
		fclose(out);
		snprintf(expected, sizeof expected, "[\n {\"n\": %s}\n]\n", numbers[i].json);
		assert_string_equal(text, expected);
		parsed = json_loads(text, JSON_DECODE_INT_AS_REAL, NULL);
		assert_non_null(parsed);
		json_decref(parsed);
		free(text);
	}
}

static void true_and_false(void **state)
{
	(void)state;
	begin(TABLE_JSON);
	table_cell(t, "yes");
	table_cell_bool(t, true);
	table_cell_bool(t, false);
	expect("[\n {\"area\": \"yes\", \"value\": true, \"note\": false}\n]\n");
	begin(TABLE_CSV);
	table_cell(t, "x");
	table_cell_bool(t, true);
	table_cell_bool(t, false);
	expect("area,value,note\nx,yes,no\n");
}

static void json_survives_bad_bytes(void **state)
{
	(void)state;
	begin(TABLE_JSON);
	row("\xFF\xC3", "1", "ok");
	expect("[\n {\"area\": \"\uFFFD\uFFFD\", \"value\": 1, \"note\": \"ok\"}\n]\n");
}

static void csv_is_quoted(void **state)
{
	(void)state;
	begin(TABLE_CSV);
	row("Huế, \"cố đô\"", "1", NULL);
	row("two\nlines", NULL, "plain words");
	expect("area,value,note\n\"Huế, \"\"cố đô\"\"\",1,\n\"two\nlines\",,plain words\n");
}

static void long_lists_are_printed_as_they_come(void **state)
{
	(void)state;
	begin(TABLE_TEXT);
	for (int i = 0; i < 199; i++) {
		row("a", "1", "b");
	}
	fflush(out);
	assert_int_equal(len, 0); /* the widths are not settled yet */
	row("wide enough", "1", "b");
	row("wider than all that came before", "1", "b");
	fflush(out);
	assert_non_null(strstr(text, "wider than all that came before        1  b\n"));
	table_cell_printf(t, "%s-%d", "row", 202);
	table_cell_number(t, "9");
	table_cell_coloured(t, "red", "held");
	fflush(out);
	assert_non_null(strstr(text, "\nrow-202            9  held\n"));
	table_end(t);
	table_free(&t);
	fclose(out);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(text_lines_up),
	    cmocka_unit_test(text_lines_up_in_decomposed_and_wide_letters),
	    cmocka_unit_test(no_control_reaches_a_terminal),
	    cmocka_unit_test(empty_tables),
	    cmocka_unit_test(without_rows_people_are_told),
	    cmocka_unit_test(closed_with_its_end_or_without),
	    cmocka_unit_test(json_is_exact),
	    cmocka_unit_test(numbers_as_written),
	    cmocka_unit_test(true_and_false),
	    cmocka_unit_test(json_survives_bad_bytes),
	    cmocka_unit_test(csv_is_quoted),
	    cmocka_unit_test(long_lists_are_printed_as_they_come),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
