/* SPDX-License-Identifier: Apache-2.0 */
/* The tables of the command line's room: problems and fields. */
#include "problems.h"

#include "fields.h"
#include "lang.h"
#include "text.h"
#include "tram.pb-c.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

/* Which of the four words a text fills in, as bits. */
static unsigned words_in(const char *text)
{
	static const char *const words[] = {"{field}", "{found}", "{hint}", "{other}"};
	unsigned bits = 0;

	for (unsigned i = 0; i < 4; i++)
		bits |= strstr(text, words[i]) ? 1u << i : 0;
	return bits;
}

/* Every kind speaks both languages, of the same things, in composed Unicode, and has a code of its own. */
static void every_problem_is_told_in_both_languages(void **state)
{
	(void)state;
	for (int i = 0; i < PROBLEM_COUNT; i++) {
		const struct problem_text *t = &problem_texts[i];
		size_t at;

		if (words_in(t->en) != words_in(t->vi) || words_in(t->remedy_en) != words_in(t->remedy_vi))
			print_error("%s\n", t->code);
		assert_int_equal(words_in(t->en), words_in(t->vi));
		assert_int_equal(words_in(t->remedy_en), words_in(t->remedy_vi));
		assert_true(*t->en && *t->vi && *t->remedy_en && *t->remedy_vi);
		assert_string_not_equal(t->en, t->vi);
		assert_int_equal(text_check(t->vi, strlen(t->vi), &at), TEXT_FINE);
		assert_int_equal(text_check(t->remedy_vi, strlen(t->remedy_vi), &at), TEXT_FINE);
		for (int j = 0; j < i; j++)
			assert_string_not_equal(t->code, problem_texts[j].code);
	}
}

static void texts_are_filled_in(void **state)
{
	static const struct {
		const char *template;
		struct problem_words words;
		const char *filled;
	} cases[] = {
	    {"plain", {0}, "plain"},
	    {"{field}: {found}", {.field = "value", .found = "x"}, "value: x"},
	    {"a[; did you mean {hint}?] b", {.hint = "c"}, "a; did you mean c? b"},
	    {"a[; did you mean {hint}?] b", {0}, "a b"},
	    {"{\"mantissa\": 164} {other}", {.other = "o"}, "{\"mantissa\": 164} o"},
	    {"[{hint}{other}]", {.hint = "h"}, ""},
	    {"{found}", {.found = "{hint}"}, "{hint}"},
	    {"open [", {0}, "open "},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char *text = problem_fill(cases[i].template, &cases[i].words);

		assert_string_equal(text, cases[i].filled);
		free(text);
	}
}

/* Whatever bytes were found, what is shown is plain text of bounded length. */
static void what_was_found_is_shown_safely(void **state)
{
	struct problems *p = problems_new("f", NULL);
	char bytes[400];
	json_t *all, *problem;
	size_t i, at;

	(void)state;
	for (size_t n = 0; n < sizeof bytes; n++)
		bytes[n] = (char)n;
	problems_add(p, PROBLEM_NOT_UTF8, (struct place){.line = 3, .column = 4},
		     (struct problem_words){.field = "value", .found = bytes, .found_len = sizeof bytes});
	problems_add(p, PROBLEM_NOT_UTF8, (struct place){0}, (struct problem_words){.found = "\x1b[31m\xC2\xA0"});
	problems_add(p, PROBLEM_TEXT_MENDED, (struct place){0}, (struct problem_words){.field = "\xFF"});
	assert_int_equal(problems_errors(p), 2);
	assert_int_equal(problems_warnings(p), 1);
	assert_int_equal(problems_of(p, PROBLEM_NOT_UTF8), 2);
	all = problems_json(p);
	assert_int_equal(json_array_size(all), 3);
	json_array_foreach(all, i, problem)
	{
		const char *found = json_string_value(json_object_get(problem, "found"));

		assert_true(strlen(found) <= PROBLEM_FOUND_MAX * 4 + 3);
		assert_int_equal(text_check(found, strlen(found), &at), TEXT_FINE);
	}
	assert_string_equal(json_string_value(json_object_get(json_array_get(all, 1), "found")), "\\x1B[31m\\xC2\\xA0");
	json_decref(all);
	problems_free(&p);
}

static void problems_are_printed_with_place_and_remedy(void **state)
{
	char *text = NULL;
	size_t size;
	FILE *out = tmpfile();
	struct problems *p = problems_new("figures.csv", out);

	(void)state;
	problems_add(p, PROBLEM_DATE_BAD, (struct place){.line = 3, .column = 4},
		     (struct problem_words){.field = "reference_date", .found = "x"});
	problems_add(p, PROBLEM_DATE_BAD, (struct place){.option = "--reference-date"},
		     (struct problem_words){.field = "reference_date", .found = "x"});
	problems_add(p, PROBLEM_DATE_BAD, (struct place){.report = 2, .observation = 5},
		     (struct problem_words){.field = "reference_date", .found = "x"});
	problems_sum_up(p, out);
	text = calloc(1, 4096);
	rewind(out);
	size = fread(text, 1, 4095, out);
	assert_true(size > 0);
	assert_non_null(strstr(text, "figures.csv:3:4: error: reference_date: \"x\" is not a date\n"
				     "    remedy: write year-month-day: 2024-07-19\n"));
	assert_non_null(strstr(text, "--reference-date: error:"));
	assert_non_null(strstr(text, "figures.csv: report 2, observation 5: error:"));
	assert_non_null(strstr(text, "figures.csv: errors: 3, warnings: 0\n"));
	fclose(out);
	free(text);
	problems_free(&p);
}

/* ---------------------------------------------------------------- fields */

static bool is_field(const char *member, enum field_level level)
{
	return field_by_member(member, level) != FIELD_COUNT;
}

/* A new field of the message needs its row: else files could not state it. */
static void every_member_of_a_report_is_a_field(void **state)
{
	const ProtobufCMessageDescriptor *messages[] = {&tram__v1__report__descriptor,
							&tram__v1__observation__descriptor};

	(void)state;
	for (int level = 0; level < 2; level++)
		for (unsigned i = 0; i < messages[level]->n_fields; i++)
			if (messages[level]->fields[i].label != PROTOBUF_C_LABEL_REPEATED)
				assert_true(is_field(messages[level]->fields[i].name, (enum field_level)level));
	for (int id = 0; id < FIELD_COUNT; id++) {
		assert_non_null(field_member((enum field_id)id));
		for (int other = 0; other < id; other++)
			for (int spelling = 0; spelling < SPELLING_MEMBER; spelling++)
				if (*field_name((enum field_id)id, (enum field_spelling)spelling))
					assert_string_not_equal(
					    field_name((enum field_id)id, (enum field_spelling)spelling),
					    field_name((enum field_id)other, (enum field_spelling)spelling));
	}
}

static void names_of_fields(void **state)
{
	char camel[40];

	(void)state;
	assert_int_equal(field_by_column("Ref_Area", SPELLING_COLUMN), FIELD_REF_AREA);
	assert_int_equal(field_by_column("OBS_VALUE", SPELLING_SDMX), FIELD_VALUE);
	assert_int_equal(field_by_column("OBS_VALUE", SPELLING_COLUMN), FIELD_COUNT);
	assert_int_equal(field_by_column("", SPELLING_COLUMN), FIELD_COUNT);
	assert_int_equal(field_by_member("rankOutOf", LEVEL_OBSERVATION), FIELD_RANK_OUT_OF);
	assert_int_equal(field_by_member("rank_out_of", LEVEL_OBSERVATION), FIELD_RANK_OUT_OF);
	assert_int_equal(field_by_member("rankOutOf", LEVEL_HEADER), FIELD_COUNT);
	assert_int_equal(field_by_member("comment", LEVEL_HEADER), FIELD_REPORT_COMMENT);
	assert_int_equal(field_by_member("comment", LEVEL_OBSERVATION), FIELD_COMMENT);
	assert_string_equal(field_camel("justification_code", camel), "justificationCode");
}

static void words_of_enums(void **state)
{
	static const struct {
		const ProtobufCEnumDescriptor *words;
		const char *text;
		int value; /* -1: none */
		const char *shown;
	} cases[] = {
	    {&tram__v1__purpose__descriptor, "regular", 1, "regular"},
	    {&tram__v1__purpose__descriptor, "PURPOSE_CORRECTION", 3, "correction"},
	    {&tram__v1__purpose__descriptor, "Backfill", 2, "backfill"},
	    {&tram__v1__purpose__descriptor, "2", 2, "backfill"},
	    {&tram__v1__purpose__descriptor, "9", -1, ""},
	    {&tram__v1__purpose__descriptor, "A", -1, ""},
	    {&tram__v1__observation_status__descriptor, "E", 69, "E"},
	    {&tram__v1__observation_status__descriptor, "estimated", 69, "E"},
	    {&tram__v1__observation_status__descriptor, "e", -1, ""},
	    {&tram__v1__observation_status__descriptor, "Z", -1, ""},
	    {&tram__v1__missing_reason__descriptor, "not_applicable", 1, "not_applicable"},
	    {&tram__v1__observation_action__descriptor, "withdraw", 1, "withdraw"},
	    {&tram__v1__qualifier__descriptor, "QUALIFIER_UNSPECIFIED", 0, ""},
	    {&tram__v1__qualifier__descriptor, "", -1, ""},
	};
	char list[200], cut[12];

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		int value = -1;
		char shown[40];

		if (!word_parse(cases[i].words, cases[i].text, &value))
			value = -1;
		assert_int_equal(value, cases[i].value);
		if (value >= 0)
			assert_string_equal(word_text(cases[i].words, value, shown), cases[i].shown);
	}
	assert_string_equal(word_list(&tram__v1__purpose__descriptor, list, sizeof list),
			    "regular, backfill, correction");
	assert_string_equal(word_list(&tram__v1__purpose__descriptor, cut, sizeof cut), "regular, ba");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_problem_is_told_in_both_languages),
	    cmocka_unit_test(texts_are_filled_in),
	    cmocka_unit_test(what_was_found_is_shown_safely),
	    cmocka_unit_test(problems_are_printed_with_place_and_remedy),
	    cmocka_unit_test(every_member_of_a_report_is_a_field),
	    cmocka_unit_test(names_of_fields),
	    cmocka_unit_test(words_of_enums),
	};

	setenv("TRAM_LANG", "en", 1);
	lang_start();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
