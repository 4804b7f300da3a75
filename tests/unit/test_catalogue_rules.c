/* SPDX-License-Identifier: Apache-2.0 */
/* Words, rules, comparisons and references of a catalogue: what is read, every mistake, and contradictions. */
#include "catalogue.h"
#include "inequality.h"
#include "small_catalogue.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---------------------------------------------------------------- a small catalogue */

/* The small catalogue with some files' contents in place of its own, or beside them. */
struct given_file {
	const char *name, *content;
};

static struct catalogue *make(const struct given_file *given, size_t n_given, struct catalogue_mistake **ret,
			      size_t *ret_n)
{
	struct catalogue_file files[FILES_MAX];
	size_t n = N(small);

	memcpy(files, small, sizeof small);
	for (size_t i = 0; i < n_given && given[i].name; i++) {
		n = put_file(files, n, given[i].name, given[i].content, strlen(given[i].content));
	}
	return catalogue_new(files, n, 1, ret, ret_n);
}

static struct catalogue *must_make(const struct given_file *given, size_t n_given)
{
	struct catalogue_mistake *mistakes;
	size_t n;
	struct catalogue *c = make(given, n_given, &mistakes, &n);

	for (size_t i = 0; i < n; i++) {
		print_error("%s:%d: %s\n", mistakes[i].file, mistakes[i].line, mistakes[i].text);
	}
	catalogue_mistakes_free(mistakes, n);
	assert_non_null(c);
	return c;
}

static void test_small_is_fine(void **state)
{
	struct catalogue *c = must_make(NULL, 0);

	(void)state;
	assert_false(catalogue_is_undecided(c));
	catalogue_unref(&c);
}

/* ---------------------------------------------------------------- one mistake a row */

#define DEFINED(code, rest)           code ",dung,J,1,," rest ",t,t,m,m,r,r\n"
#define CROSS(code, rule, comparison) code "," rule "," comparison ",skip_any,J,,,x,x\n"
#define REFERENCE_HEAD                "reference,area,valid_from,valid_to,value,unit,source\n"
#define COMPARISON_HEAD               "indicator,field,reference,operator,tolerance_percent,severity\n"
#define WORD_HEAD                     "word,no,name_vi,name_en,weight\n"
#define FOUR_WORDS                    "dung,1,đ,d,1\ndu,2,đ,d,1\nsach,3,s,s,1\nsong,4,s,s,1\n"

static const struct mistake_row {
	const char *file, *content;
	int line;
	const char *mistake;
	struct given_file beside;
} mistakes_of[] = {
    /* words */
    {"words.csv", WORD_HEAD "dung,1,đ,d,1\n", 1, "word 'du' of rule DU-01 is missing", {0}},
    {"words.csv", WORD_HEAD FOUR_WORDS "dung,5,x,x,1\n", 6, "'dung' stands on an earlier line already", {0}},
    {"words.csv", WORD_HEAD FOUR_WORDS "thong_nhat,4,x,x,1\n", 6, "no 4: words are numbered from 1", {0}},
    {"words.csv", WORD_HEAD FOUR_WORDS "thong_nhat,6,x,x,1\n", 6, "no 6: words are numbered from 1", {0}},
    {"words.csv", WORD_HEAD FOUR_WORDS "thong_nhat,17,x,x,1\n", 6, "no: '17' is no whole number from 1 to 16", {0}},
    {"words.csv", WORD_HEAD FOUR_WORDS "thong_nhat,5,x,x,-1\n", 6, "weight: '-1' is no whole number", {0}},
    {"words.csv", WORD_HEAD FOUR_WORDS "thong nhat,5,x,x,1\n", 6, "'thong nhat' is no code", {0}},
    /* rules */
    {"rules.csv", RULE_HEAD "DUNG-04,hay,,,,,,,,,,,\n", 2, "word 'hay' is not in words.csv", {0}},
    {"rules.csv", RULE_HEAD "DUNG-04,,X,,,,,,,,,,\n", 2, "severity: 'X' is unknown", {0}},
    {"rules.csv", RULE_HEAD "DUNG-04,,,1001,,,,,,,,,\n", 2, "weight: '1001' is no whole number", {0}},
    {"rules.csv", RULE_HEAD "DUNG-04,,,,everything,,,,,,,,\n", 2, "applies_to: 'everything' is unknown", {0}},
    {"rules.csv", RULE_HEAD "DUNG-04,,,,,2024-13-01,,,,,,,\n", 2, "valid_from: '2024-13-01' is no date", {0}},
    {"rules.csv", RULE_HEAD "DUNG-04,,,,,2024-02-01,2024-01-01,,,,,,\n", 2, "valid_from is later than valid_to", {0}},
    {"rules.csv",
     RULE_HEAD "DUNG-04,,,,,,,,,,,,\nDUNG-04,,,,,,,,,,,,\n",
     3,
     "'DUNG-04' stands on an earlier line",
     {0}},
    {"rules.csv", RULE_HEAD "DUNG-03,,W,,,,,,,,,,\n", 2, "rule DUNG-03 keeps out what cannot be stored", {0}},
    {"rules.csv", RULE_HEAD "DU-01,,,,,,2024-01-01,,,,,,\n", 2, "rule DU-01 keeps out what cannot be stored", {0}},
    {"rules.csv", RULE_HEAD "SACH-01,,B,,,,,,,,,,\n", 2, "rule SACH-01 keeps out what cannot be stored", {0}},
    {"rules.csv", RULE_HEAD "DUNG-99,,,,,,,,,,,,\n", 2, "word '' is not in words.csv", {0}},
    {"rules.csv", RULE_HEAD "DUNG-99,dung,,1,,,,t,t,m,m,r,r\n", 2, "needs its own severity", {0}},
    {"rules.csv", RULE_HEAD "DUNG-99,dung,J,1,,,,,t,m,m,r,r\n", 2, "needs its own title_vi", {0}},
    {"rules.csv", RULE_HEAD "DUNG-99,dung,J,1,,,,t,t,m,m,r,\n", 2, "needs its own remedy_en", {0}},
    {"rules.csv", RULE_HEAD DEFINED("DUNG-99", ","), 2, "nothing is compared by rule 'DUNG-99'", {0}},
    /* parameters */
    {"parameters.csv",
     "parameter,value,note_vi,note_en\nSACH-06.nine,3,x,x\n",
     2,
     "parameter 'SACH-06.nine' is unknown",
     {0}},
    {"parameters.csv",
     "parameter,value,note_vi,note_en\nSACH-06.nines,1,x,x\n",
     2,
     "SACH-06.nines: '1' is no whole number from 2 to 18",
     {0}},
    {"parameters.csv",
     "parameter,value,note_vi,note_en\nSACH-06.nines,19,x,x\n",
     2,
     "SACH-06.nines: '19' is no whole number from 2 to 18",
     {0}},
    {"parameters.csv",
     "parameter,value,note_vi,note_en\nSACH-06.nines,3,x,x\nSACH-06.nines,3,x,x\n",
     3,
     "'SACH-06.nines' stands on an earlier line",
     {0}},
    /* justifications */
    {"justifications.csv",
     "code,name_vi,name_en,needs_text\nother,x,x,y\nother,x,x,y\n",
     3,
     "'other' stands on an earlier line",
     {0}},
    {"justifications.csv",
     "code,name_vi,name_en,needs_text\nother,x,x,maybe\n",
     2,
     "needs_text: 'maybe' is neither y nor n",
     {0}},
    {"justifications.csv", "code,name_vi,name_en,needs_text\nother,,x,y\n", 2, "name_vi is empty", {0}},
    /* comparisons */
    {"cross_rules.csv", CROSS_HEAD CROSS("r", "DUNG-99", "a,<=,b,0,0"), 2, "rule 'DUNG-99' is neither", {0}},
    {"cross_rules.csv", CROSS_HEAD CROSS("r", "DUNG-04", "a,<=,b,0,0"), 2, "rule DUNG-04 compares nothing", {0}},
    {"cross_rules.csv", CROSS_HEAD CROSS("r", "DUNG-11", "z,<=,b,0,0"), 2, "left: indicator 'z' is not", {0}},
    {"cross_rules.csv", CROSS_HEAD CROSS("r", "DUNG-11", "a,<=,z,0,0"), 2, "right: indicator 'z' is not", {0}},
    {"cross_rules.csv", CROSS_HEAD CROSS("r", "DUNG-11", "a,<=,other_unit,0,0"), 2, "have different units", {0}},
    {"cross_rules.csv", CROSS_HEAD CROSS("r", "DUNG-11", "a,<=,b,-1,0"), 2, "tolerance must not be below 0", {0}},
    {"cross_rules.csv",
     CROSS_HEAD CROSS("r", "DUNG-11", "a,<=,b,0,-1"),
     2,
     "tolerance_percent must not be below 0",
     {0}},
    {"cross_rules.csv",
     CROSS_HEAD "r,DUNG-11,a,<=,b,0,0,skip_any,J,2024-02-01,2024-01-01,x,x\n",
     2,
     "valid_from is later than valid_to",
     {0}},
    {"cross_rules.csv", CROSS_HEAD CROSS("r", "DUNG-11", "a,<=,yearly,0,0"), 2, "no frequency in common", {0}},
    {"cross_rules.csv", CROSS_HEAD CROSS("r", "DUNG-11", "a,<=,over,0,0"), 2, "never valid on the same day", {0}},
    {"cross_rules.csv",
     CROSS_HEAD "r,DUNG-11,a,<=,b,0,0,skip_any,J,,2019-12-31,x,x\n",
     2,
     "'a' is never valid on a day on which the comparison is",
     {0}},
    {"cross_rules.csv",
     CROSS_HEAD "r,DUNG-11,by_sex,<=,a + b,0,0,skip_all,J,,,x,x\n",
     2,
     "'by_sex' and 'a' are broken down differently (SEX; ), and missing is 'skip_all'",
     {0}},
    {"cross_rules.csv",
     CROSS_HEAD "r,DUNG-11,a,<=,by_sex,0,0,never_skip,J,,,x,x\n",
     2,
     "and missing is 'never_skip'; write skip_any",
     {0}},
    {"cross_rules.csv",
     CROSS_HEAD CROSS("r", "DUNG-11", "range,<=,range[-1],0,0"),
     2,
     "only ranges of days, which have no period before",
     {0}},
    {"cross_rules.csv", CROSS_HEAD CROSS("r", "DUNG-11", "a,<=,a,0,0"), 2, "compared with itself", {0}},
    {"cross_rules.csv",
     CROSS_HEAD CROSS("r", "DUNG-11", "a,<=,b,0,0") CROSS("r", "DUNG-11", "b,<=,c,0,0"),
     3,
     "'r' stands on an earlier line",
     {0}},
    /* division by zero */
    {"indicators.csv",
     INDICATOR_HEAD PLAIN("level", "0,0") "growth,flow,x,x,growth,percent,x,0,2,n,,,growth,growth_recomputed,last,,,"
					  "level,,,S,n,400,,2020-01-01,,\n",
     3,
     "derives_from: 'level' is never above 0",
     {0}},
    {"indicators.csv",
     INDICATOR_HEAD PLAIN("level", "0,")
	 PLAIN("people", ",-1") "growth,flow,x,x,growth,percent,x,0,2,n,,,growth,growth_recomputed,last,,,level / "
				"people,,,S,n,400,,2020-01-01,,\n",
     4,
     "derives_from: 'people' is never above 0",
     {0}},
    {"indicators.csv",
     INDICATOR_HEAD "share,flow,x,x,percent,percent,x,0,2,n,0,0,ratio,ratio_of_sums,last,,,,,,S,n,400,,2020-01-01,,\n",
     2,
     "max leaves no denominator above 0",
     {0}},
    {"indicators.csv",
     INDICATOR_HEAD PLAIN(
	 "people",
	 "0,0") "speed,flow,x,x,mean,thing,x,0,2,n,0,,mean,weighted_mean,mean,people,,,,,S,n,400,,2020-01-01,,\n",
     3,
     "mean_weight: 'people' is never above 0",
     {0}},
    /* references */
    {"references.csv",
     REFERENCE_HEAD "people,63/99,2024-01-01,,1,thing,x\n",
     2,
     "area '63/99' is not in areas.csv",
     {0}},
    {"references.csv",
     REFERENCE_HEAD "people,63/46,2024-02-01,2024-01-01,1,thing,x\n",
     2,
     "valid_from is later than valid_to",
     {0}},
    {"references.csv", REFERENCE_HEAD "people,63/46,2024-02-01,,many,thing,x\n", 2, "'many' is no figure", {0}},
    {"references.csv",
     REFERENCE_HEAD "people,63/46,2024-01-01,2024-12-31,1,thing,x\npeople,63/46,2024-12-31,,1,thing,x\n",
     3,
     "holds on days of line 2 too",
     {0}},
    {"references.csv",
     REFERENCE_HEAD "people,63/46,2024-01-01,,1,thing,x\npeople,VN,2024-01-01,,1,dong,x\n",
     3,
     "unit 'dong' is not that of line 2",
     {0}},
    {"reference_rules.csv", COMPARISON_HEAD "a,value,people,=,0,W\n", 2, "reference 'people' is not in", {0}},
    {"reference_rules.csv",
     COMPARISON_HEAD "z,value,people,=,0,W\n",
     2,
     "indicator 'z' is not in indicators.csv",
     {"references.csv", REFERENCE_HEAD "people,63/46,2024-01-01,,1,thing,x\n"}},
    {"reference_rules.csv",
     COMPARISON_HEAD "a,denominator,people,=,0,W\n",
     2,
     "'a' has no numerator and denominator",
     {"references.csv", REFERENCE_HEAD "people,63/46,2024-01-01,,1,thing,x\n"}},
    {"reference_rules.csv",
     COMPARISON_HEAD "a,value,people,=,-1,W\n",
     2,
     "tolerance_percent must not be below 0",
     {"references.csv", REFERENCE_HEAD "people,63/46,2024-01-01,,1,thing,x\n"}},
    {"reference_rules.csv",
     COMPARISON_HEAD "a,value,people,=,0,W\n",
     2,
     "have different units",
     {"references.csv", REFERENCE_HEAD "people,63/46,2024-01-01,,1,person,x\n"}},
    {"reference_rules.csv",
     COMPARISON_HEAD "a,value,people,=,0,W\na,value,people,=,1,W\n",
     3,
     "'people' stands on an earlier line",
     {"references.csv", REFERENCE_HEAD "people,63/46,2024-01-01,,1,thing,x\n"}},
};

static bool is_said(const struct catalogue_mistake *mistakes, size_t n, const struct mistake_row *row)
{
	for (size_t i = 0; i < n; i++) {
		if (strcmp(mistakes[i].file, row->file) == 0 && mistakes[i].line == row->line &&
		    strstr(mistakes[i].text, row->mistake)) {
			return true;
		}
	}
	return false;
}

static void test_mistakes(void **state)
{
	(void)state;
	for (size_t i = 0; i < N(mistakes_of); i++) {
		const struct mistake_row *row = &mistakes_of[i];
		const struct given_file given[] = {{row->file, row->content}, row->beside};
		struct catalogue_mistake *mistakes;
		size_t n;
		struct catalogue *c = make(given, 2, &mistakes, &n);

		if (c || !is_said(mistakes, n, row)) {
			for (size_t k = 0; k < n; k++) {
				print_error("%s:%d: %s\n", mistakes[k].file, mistakes[k].line, mistakes[k].text);
			}
			fail_msg("row %zu: not said of %s:%d: %s", i, row->file, row->line, row->mistake);
		}
		catalogue_mistakes_free(mistakes, n);
		catalogue_unref(&c);
	}
}

/* ---------------------------------------------------------------- terms that look back */

static void test_lags(void **state)
{
	static const struct {
		const char *right;
		int coefficients[3], lags[3]; /* as far as there are terms */
		size_t n;                     /* 0: cannot be read */
	} cases[] = {
	    {"a[-1]", {1}, {1}, 1},
	    {"a[-24]", {1}, {24}, 1},
	    {"a[-1] + b", {1, 1}, {1, 0}, 2},
	    {"a[-1]+b[-2]-3 c", {1, 1, -3}, {1, 2, 0}, 3},
	    {"2 a[-1] - b[-1]", {2, -1}, {1, 1}, 2},
	    {"a [-1]", {1}, {1}, 1},
	    {"b - 2 a[-12] + c", {1, -2, 1}, {0, 12, 0}, 3},
	    {"a[1]", {0}, {0}, 0},
	    {"a[-0]", {0}, {0}, 0},
	    {"a[-25]", {0}, {0}, 0},
	    {"a[-1", {0}, {0}, 0},
	    {"a[-]", {0}, {0}, 0},
	    {"a[]", {0}, {0}, 0},
	    {"a[--1]", {0}, {0}, 0},
	    {"a[-1]b", {0}, {0}, 0},
	    {"a[-1][-1]", {0}, {0}, 0},
	    {"a[- 1]", {0}, {0}, 0},
	    {"[-1]", {0}, {0}, 0},
	    {"a[-99999999999999999999]", {0}, {0}, 0},
	};

	(void)state;
	for (size_t i = 0; i < N(cases); i++) {
		char content[512];
		const struct given_file given[] = {{"cross_rules.csv", content}};
		struct catalogue_mistake *mistakes;
		const struct cross_rule *rules;
		struct catalogue *c;
		size_t n;

		snprintf(content, sizeof content, CROSS_HEAD CROSS("r", "DUNG-08", "d,<=,%s,0,0"), cases[i].right);
		c = make(given, 1, &mistakes, &n);
		if ((c != NULL) != (cases[i].n > 0)) {
			fail_msg("'%s': %s", cases[i].right, n ? mistakes[0].text : "read");
		}
		if (c) {
			assert_int_equal(catalogue_cross_rules(c, &rules), 1);
			assert_int_equal(rules[0].n_right, cases[i].n);
			for (size_t k = 0; k < cases[i].n; k++) {
				assert_int_equal(rules[0].right[k].coefficient, cases[i].coefficients[k]);
				assert_int_equal(rules[0].right[k].lag, cases[i].lags[k]);
			}
		} else {
			assert_non_null(strstr(mistakes[0].text, "cannot be read"));
		}
		catalogue_mistakes_free(mistakes, n);
		catalogue_unref(&c);
	}
}

/* What an indicator was before is another figure: a running total is compared with itself, and in no circle. */
static void test_a_total_beside_itself(void **state)
{
	const struct given_file given[] = {{"cross_rules.csv", CROSS_HEAD CROSS("r", "DUNG-08", "a,>=,a[-1],0,0")
								   CROSS("s", "DUNG-08", "a,=,a[-1] + b,0,0")
								       CROSS("t", "DUNG-08", "b,=,a - a[-1],0,0")}};
	struct catalogue_mistake *mistakes;
	struct catalogue *c;
	size_t n;

	(void)state;
	c = make(given, 1, &mistakes, &n);
	assert_null(c); /* s and t state a by b and b by a, of the same period */
	assert_non_null(strstr(mistakes[0].text, "compared with itself"));
	catalogue_mistakes_free(mistakes, n);
	c = must_make(&(struct given_file){"cross_rules.csv", CROSS_HEAD CROSS("r", "DUNG-08", "a,>=,a[-1],0,0")
								  CROSS("s", "DUNG-08", "a,=,a[-1] + b,0,0")},
		      1);
	catalogue_unref(&c);
}

/* ---------------------------------------------------------------- contradictions */

#define A_TO_D(a, b, c, d) INDICATOR_HEAD PLAIN("a", a) PLAIN("b", b) PLAIN("c", c) PLAIN("d", d)

static const struct {
	const char *indicators, *rules;
	const char *contradicts; /* NULL: nothing does */
} systems[] = {
    /* a comparison and bounds alone */
    {A_TO_D("0,10", "6,", "6,", "0,"), CROSS("r", "DUNG-07", "a,=,b + c,0,0"), "'r' contradicts the bounds"},
    {A_TO_D("0,12", "6,", "6,", "0,"), CROSS("r", "DUNG-07", "a,=,b + c,0,0"), NULL},
    {A_TO_D("0,11.99", "6,", "6,", "0,"), CROSS("r", "DUNG-07", "a,=,b + c,0,0"), "'r' contradicts the bounds"},
    {A_TO_D("0,5", "6,", "0,", "0,"), CROSS("r", "DUNG-11", "a,>=,b,0,0"), "'r' contradicts the bounds"},
    {A_TO_D("0,5", "6,", "0,", "0,"), CROSS("r", "DUNG-11", "a,<=,b,0,0"), NULL},
    {A_TO_D(",", ",", ",", ","), CROSS("r", "DUNG-11", "a,<=,b,0,0"), NULL},
    /* tolerance, in the unit and in percent of the right side */
    {A_TO_D("0,10", "6,", "6,", "0,"), CROSS("r", "DUNG-07", "a,=,b + c,2,0"), NULL},
    {A_TO_D("0,10", "6,", "6,", "0,"), CROSS("r", "DUNG-07", "a,=,b + c,1.999,0"), "'r' contradicts the bounds"},
    {A_TO_D("0,10", "6,", "6,", "0,"), CROSS("r", "DUNG-07", "a,=,b + c,0,20"), NULL},
    {A_TO_D("0,10", "6,", "6,", "0,"), CROSS("r", "DUNG-07", "a,=,b + c,0,16.6"), "'r' contradicts the bounds"},
    {A_TO_D("0,10", "12,", ",", "0,"), CROSS("r", "DUNG-07", "a,>=,b + c,0,1"), NULL}, /* c may be below 0 */
    /* two rules */
    {A_TO_D("1,", "0,", "0,", "0,"), CROSS("r", "DUNG-11", "a,>=,b,0,0") CROSS("s", "DUNG-11", "b,>=,2 a,0,0"),
     "r, s contradict each other"},
    {A_TO_D("0,", "0,", "0,", "0,"), CROSS("r", "DUNG-11", "a,>=,b,0,0") CROSS("s", "DUNG-11", "b,>=,2 a,0,0"), NULL},
    {A_TO_D("1,", "0,", "0,", "0,"), CROSS("r", "DUNG-11", "a,>=,b,1,0") CROSS("s", "DUNG-11", "b,>=,2 a,0,0"), NULL},
    /* a chain of three, in which the fourth has no part */
    {A_TO_D("1,", "0,", "0,", "0,"),
     CROSS("r", "DUNG-11", "a,>=,2 b,0,0") CROSS("x", "DUNG-11", "d,<=,a,0,0") CROSS("s", "DUNG-11", "b,>=,2 c,0,0")
	 CROSS("t", "DUNG-11", "c,>=,2 a,0,0"),
     "r, s, t contradict each other"},
    {A_TO_D("0,", "0,", "0,", "0,"),
     CROSS("r", "DUNG-11", "a,>=,2 b,0,0") CROSS("s", "DUNG-11", "b,>=,2 c,0,0") CROSS("t", "DUNG-11", "c,>=,2 a,0,0"),
     NULL},
    /* a running total that must not fall and must fall */
    {A_TO_D("1,", "1,", "0,", "0,"), CROSS("r", "DUNG-08", "a,>=,a[-1],0,0") CROSS("s", "DUNG-08", "a,=,a[-1] - b,0,0"),
     "r, s contradict each other"},
    {A_TO_D("1,", "0,", "0,", "0,"), CROSS("r", "DUNG-08", "a,>=,a[-1],0,0") CROSS("s", "DUNG-08", "a,=,a[-1] - b,0,0"),
     NULL},
    /* only what refuses or holds, and only together when in force together */
    {A_TO_D("0,10", "6,", "6,", "0,"), "r,DUNG-07,a,=,b + c,0,0,skip_any,W,,,x,x\n", NULL},
    {A_TO_D("0,10", "6,", "6,", "0,"), "r,DUNG-07,a,=,b + c,0,0,skip_any,B,,,x,x\n", "'r' contradicts the bounds"},
    {A_TO_D("1,", "0,", "0,", "0,"),
     "r,DUNG-11,a,>=,b,0,0,skip_any,J,,2022-12-31,x,x\ns,DUNG-11,b,>=,2 a,0,0,skip_any,J,2023-01-01,,x,x\n", NULL},
    {A_TO_D("1,", "0,", "0,", "0,"),
     "r,DUNG-11,a,>=,b,0,0,skip_any,J,,2023-01-01,x,x\ns,DUNG-11,b,>=,2 a,0,0,skip_any,J,2023-01-01,,x,x\n",
     "r, s contradict each other"},
};

static void test_contradictions(void **state)
{
	(void)state;
	for (size_t i = 0; i < N(systems); i++) {
		char rules[2048];
		const struct given_file given[] = {{"indicators.csv", systems[i].indicators},
						   {"cross_rules.csv", rules}};
		struct catalogue_mistake *mistakes;
		struct catalogue *c;
		size_t n;

		snprintf(rules, sizeof rules, CROSS_HEAD "%s", systems[i].rules);
		c = make(given, 2, &mistakes, &n);
		if (!systems[i].contradicts ? n > 0 : n != 1 || !strstr(mistakes[0].text, systems[i].contradicts)) {
			for (size_t k = 0; k < n; k++) {
				print_error("%s:%d: %s\n", mistakes[k].file, mistakes[k].line, mistakes[k].text);
			}
			fail_msg("system %zu: %s", i, systems[i].contradicts ? systems[i].contradicts : "fine");
		}
		assert_true(!c || !catalogue_is_undecided(c));
		catalogue_mistakes_free(mistakes, n);
		catalogue_unref(&c);
	}
}

/* Two contradictions of one dataflow are told both. */
static void test_every_contradiction_is_told(void **state)
{
	const struct given_file given[] = {
	    {"indicators.csv", A_TO_D("1,", "0,", "1,", "0,")},
	    {"cross_rules.csv", CROSS_HEAD CROSS("r", "DUNG-11", "a,>=,b,0,0") CROSS("s", "DUNG-11", "b,>=,2 a,0,0")
				    CROSS("t", "DUNG-11", "c,>=,d,0,0") CROSS("u", "DUNG-11", "d,>=,2 c,0,0")}};
	struct catalogue_mistake *mistakes;
	size_t n;

	(void)state;
	assert_null(make(given, 2, &mistakes, &n));
	assert_int_equal(n, 2);
	assert_non_null(strstr(mistakes[0].text, "r, s contradict"));
	assert_int_equal(mistakes[0].line, 3);
	assert_non_null(strstr(mistakes[1].text, "t, u contradict"));
	assert_int_equal(mistakes[1].line, 5);
	catalogue_mistakes_free(mistakes, n);
}

/* Numbers that do not fit: nobody is accused, and it is said. */
static void test_too_large_to_decide(void **state)
{
	char rules[8192] = CROSS_HEAD, indicators[16384] = INDICATOR_HEAD;
	const struct given_file given[] = {{"indicators.csv", indicators}, {"cross_rules.csv", rules}};
	struct catalogue *c;

	(void)state;
	for (int i = 0; i <= 12; i++) {
		size_t used = strlen(indicators);

		snprintf(indicators + used, sizeof indicators - used, PLAIN("i%d", "0.000000000000000001,"), i);
		used = strlen(rules);
		if (i > 0) {
			snprintf(rules + used, sizeof rules - used,
				 CROSS("r%d", "DUNG-11", "i%d,>=,999983 i%d,0.000000000000000007,0"), i, i - 1, i);
		}
	}
	snprintf(rules + strlen(rules), sizeof rules - strlen(rules), CROSS("last", "DUNG-11", "i12,>=,999979 i0,0,0"));
	c = must_make(given, 2);
	assert_true(catalogue_is_undecided(c));
	catalogue_unref(&c);
}

/* ---------------------------------------------------------------- the solver beside another way to decide */

static struct inequality row2(int a, int b, int bound)
{
	struct inequality row = {.bound = bound};

	row.coefficients[0] = a;
	row.coefficients[1] = b;
	return row;
}

/* In the plane and within a box, something is possible when a corner of two lines satisfies all. Whole-number arithmetic. */
static bool has_corner(const int (*rows)[3], size_t n)
{
	for (size_t i = 0; i < n; i++) {
		for (size_t k = i + 1; k < n; k++) {
			long det = (long)rows[i][0] * rows[k][1] - (long)rows[k][0] * rows[i][1];
			long x = (long)rows[i][2] * rows[k][1] - (long)rows[k][2] * rows[i][1];
			long y = (long)rows[i][0] * rows[k][2] - (long)rows[k][0] * rows[i][2];
			bool all = det != 0;

			for (size_t m = 0; all && m < n; m++) {
				long side = rows[m][0] * x + rows[m][1] * y, limit = rows[m][2] * det;

				all = det > 0 ? side <= limit : side >= limit;
			}
			if (all) {
				return true;
			}
		}
	}
	return false;
}

static void test_solver_agrees_with_corners(void **state)
{
	unsigned seed = 20240719;
	size_t possible = 0, cases = 3000;

	(void)state;
	for (size_t c = 0; c < cases; c++) {
		int rows[10][3] = {{1, 0, 5}, {-1, 0, 5}, {0, 1, 5}, {0, -1, 5}};
		struct inequality given[10];
		bool want;

		for (size_t i = 4; i < N(rows); i++) {
			for (size_t k = 0; k < 3; k++) {
				seed = seed * 1103515245u + 12345u;
				rows[i][k] = (int)(seed >> 16) % 9 - 4;
			}
		}
		for (size_t i = 0; i < N(rows); i++) {
			given[i] = row2(rows[i][0], rows[i][1], rows[i][2]);
		}
		want = has_corner((const int(*)[3])rows, N(rows));
		possible += want;
		if (inequality_solve(given, N(rows)) != (want ? INEQUALITY_POSSIBLE : INEQUALITY_IMPOSSIBLE)) {
			fail_msg("case %zu: %s", c, want ? "possible" : "impossible");
		}
	}
	assert_in_range(possible, cases / 10, cases - cases / 10);
}

static void test_solver_limits(void **state)
{
	inequality_number large = (inequality_number)1 << 100, ret;
	struct inequality rows[2] = {row2(0, 0, 0), row2(0, 0, 0)};

	(void)state;
	assert_int_equal(inequality_solve(NULL, 0), INEQUALITY_POSSIBLE);
	assert_int_equal(inequality_solve(rows, 2), INEQUALITY_POSSIBLE); /* 0 <= 0 */
	rows[0].bound = -1;
	assert_int_equal(inequality_solve(rows, 2), INEQUALITY_IMPOSSIBLE); /* 0 <= -1 */
	rows[0] = row2(1, 0, 1);
	rows[0].coefficients[1] = large + 1;
	rows[1] = row2(-1, 0, 1);
	rows[1].coefficients[1] = -large;
	rows[1].bound = large - 1;
	assert_int_equal(inequality_solve(rows, 2), INEQUALITY_POSSIBLE);
	rows[0].coefficients[0] = large - 1;
	rows[1].coefficients[0] = -large;
	assert_int_equal(inequality_solve(rows, 2), INEQUALITY_UNKNOWN);
	assert_false(inequality_multiply(large, large, &ret));
	assert_true(inequality_multiply(large, 1 << 20, &ret));
	assert_false(inequality_add(((large << 26) - 1 + (large << 26)), 1, &ret));
}

/* ---------------------------------------------------------------- words and rules by data */

static void test_a_fifth_word(void **state)
{
	const struct given_file given[] = {{"words.csv", WORD_HEAD FOUR_WORDS "thong_nhat,5,thống nhất,unified,3\n"},
					   {"rules.csv",
					    RULE_HEAD "DUNG-11,thong_nhat,W,2,value,2024-01-01,2024-12-31,,Asks,,,,\n"
						      "THONG-01,thong_nhat,J,4,,,,tựa,title,sai,wrong,sửa,mend\n"},
					   {"cross_rules.csv", CROSS_HEAD CROSS("r", "THONG-01", "a,<=,b,0,0")}};
	struct catalogue *c = must_make(given, N(given));
	const struct word *words;
	const struct rule *rules, *moved = catalogue_rule(c, "DUNG-11"), *defined = catalogue_rule(c, "THONG-01");
	const struct cross_rule *cross;

	(void)state;
	assert_int_equal(catalogue_words(c, &words), 5);
	assert_string_equal(words[4].code, "thong_nhat");
	assert_int_equal(words[4].weight, 3);
	assert_int_equal(catalogue_rules(c, &rules), N_BUILT_IN_RULES + 1);
	assert_ptr_equal(moved, &rules[DUNG_11]);
	assert_int_equal(moved->word, 4);
	assert_int_equal(moved->severity, SEVERITY_WARN);
	assert_int_equal(moved->built_in, SEVERITY_JUSTIFY);
	assert_int_equal(moved->weight, 2);
	assert_string_equal(moved->applies_to, "value");
	assert_string_equal(moved->title_en, "Asks");
	assert_ptr_equal(moved->title_vi, built_in_rules[DUNG_11].title_vi);
	assert_int_equal(defined->number, N_BUILT_IN_RULES);
	assert_int_equal(defined->built_in, 0);
	assert_string_equal(defined->remedy_vi, "sửa");
	assert_int_equal(catalogue_cross_rules(c, &cross), 1);
	assert_ptr_equal(cross[0].rule, defined);
	catalogue_unref(&c);
}

static void test_in_force(void **state)
{
	static const struct {
		const char *day;
		bool in_force;
	} cases[] = {{"2023-12-31", false}, {"2024-01-01", true}, {"2024-12-31", true}, {"2025-01-01", false}};
	struct catalogue *c =
	    must_make(&(struct given_file){"rules.csv", RULE_HEAD "DUNG-11,,,,,2024-01-01,2024-12-31,,,,,,\n"}, 1);
	int32_t day;

	(void)state;
	for (size_t i = 0; i < N(cases); i++) {
		assert_true(date_parse(cases[i].day, &day));
		assert_int_equal(rule_in_force(catalogue_rule(c, "DUNG-11"), day), cases[i].in_force);
		assert_true(rule_in_force(catalogue_rule(c, "DUNG-07"), day));
	}
	catalogue_unref(&c);
}

static void test_reference_of_a_day(void **state)
{
	const struct given_file given[] = {
	    {"references.csv",
	     REFERENCE_HEAD "people,63/46,2024-01-01,2024-12-31,5,thing,x\npeople,VN,2024-01-01,,7,thing,x\n"
			    "land,63/46,2020-01-01,,9,thing,x\npeople,63/46,2025-01-01,,6,thing,x\n"},
	    {"reference_rules.csv", COMPARISON_HEAD "a,value,people,=,3.5,W\na,value,land,<=,0,J\n"}};
	static const struct {
		const char *area, *day;
		int rule, value; /* -1: none */
	} cases[] = {{"63/46", "2024-06-30", 0, 5}, {"63/46", "2025-01-01", 0, 6}, {"63/46", "2023-12-31", 0, -1},
		     {"VN", "2026-01-01", 0, 7},    {"VN", "2026-01-01", 1, -1},   {"63/46", "2020-01-01", 1, 9}};
	struct catalogue *c = must_make(given, N(given));
	const struct indicator *a = catalogue_indicator(c, "a");

	(void)state;
	assert_int_equal(a->n_reference_rules, 2);
	assert_int_equal(a->reference_rules[0]->tolerance_percent.mantissa, 35);
	assert_int_equal(a->reference_rules[1]->severity, SEVERITY_JUSTIFY);
	for (size_t i = 0; i < N(cases); i++) {
		const struct reference *found;
		int32_t day;

		assert_true(date_parse(cases[i].day, &day));
		found = catalogue_reference_on(c, a->reference_rules[cases[i].rule],
					       catalogue_area_ever(c, cases[i].area), day);
		assert_int_equal(found ? found->value.mantissa : -1, cases[i].value);
	}
	catalogue_unref(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_small_is_fine),
	    cmocka_unit_test(test_mistakes),
	    cmocka_unit_test(test_lags),
	    cmocka_unit_test(test_a_total_beside_itself),
	    cmocka_unit_test(test_contradictions),
	    cmocka_unit_test(test_every_contradiction_is_told),
	    cmocka_unit_test(test_too_large_to_decide),
	    cmocka_unit_test(test_solver_agrees_with_corners),
	    cmocka_unit_test(test_solver_limits),
	    cmocka_unit_test(test_a_fifth_word),
	    cmocka_unit_test(test_in_force),
	    cmocka_unit_test(test_reference_of_a_day),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
