/* SPDX-License-Identifier: Apache-2.0 */
/* What a file may hold that it should not, format by format: each fault is told with its place, and all at once. */
#include "province.h"

#include "clock.h"
#include "codec.h"
#include "lang.h"
#include "mem.h"
#include "report_json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define NBSP    "\xC2\xA0"
#define HEAD    "time_period,reference_date,indicator,ref_area,value\n"
#define ROW     "2024-S1,2024-07-19,psp_registered_accounts,15,"
#define S(text) (text), sizeof(text) - 1

struct file_case {
	const char *what;
	const char *bytes;
	size_t len;
	const char *told; /* "" : nothing wrong */
};

static void check_cases(enum reader_format format, const struct file_case *cases, size_t n,
			const struct check_options *options)
{
	struct book *book = province_book(false);
	bool fine = true;

	for (size_t i = 0; i < n; i++) {
		struct taken t;

		take_file(format, cases[i].bytes, cases[i].len, options, book, &t);
		bool is_csv = format == READER_CSV || format == READER_SDMX_CSV; /* JSON's reports go on one by one */

		if (strcmp(t.told, cases[i].told) != 0 || (t.n == 0 && problems_errors(t.problems) == 0) ||
		    (is_csv && t.n > 0 && problems_errors(t.problems) > 0)) {
			print_error("%s\n  told:     %s (%zu reports)\n  expected: %s\n", cases[i].what, t.told, t.n,
				    cases[i].told);
			fine = false;
		}
		taken_free(&t);
	}
	book_free(&book);
	assert_true(fine);
}

#define CHECK_CASES(format, cases, options) check_cases(format, cases, sizeof(cases) / sizeof *(cases), options)

/* ---------------------------------------------------------------- plain CSV */

static const struct file_case csv_forms[] = {
    {"plain", S(HEAD ROW "5\n"), ""},
    {"no line end at the end", S(HEAD ROW "5"), ""},
    {"byte order mark and CRLF",
     S("\xEF\xBB\xBF"
       "time_period,reference_date,indicator,ref_area,value\r\n" ROW "5\r\n"),
     ""},
    {"CR alone", S("time_period,reference_date,indicator,ref_area,value\r" ROW "5\r"), ""},
    {"fault behind CRLF", S("time_period,reference_date,indicator,ref_area,value\r\n\r\n" ROW "x\r\n"),
     "3:47 not-a-number"},
    {"semicolons",
     S("time_period;reference_date;indicator;ref_area;value\n2024-S1;2024-07-19;psp_registered_accounts;15;5\n"), ""},
    {"tabs",
     S("time_period\treference_date\tindicator\tref_area\tvalue\n2024-S1\t2024-07-19\tpsp_registered_"
       "accounts\t15\t5\n"),
     ""},
    {"empty", S(""), "- file-empty"},
    {"blank lines only", S("\n\r\n  \n"), "- file-empty"},
    {"comments only", S("# locale: vi\n"), "- file-empty"},
    {"column names only", S(HEAD), "- no-rows"},
    {"empty rows are no rows", S(HEAD ",,,,\n"), "- no-rows"},
    {"UTF-16", S("\xFF\xFEt\0i\0"), "1:1 file-utf16"},
    {"a workbook", S("PK\x03\x04zipped"), "1:1 file-spreadsheet"},
    {"an old workbook", S("\xD0\xCF\x11\xE0\xA1\xB1"), "1:1 file-spreadsheet"},
    {"columns missing", S("indicator,value\npsp_registered_accounts,5\n"),
     "1:1 column-missing; 1:1 column-missing; 1:1 column-missing"},
    {"no column for a figure",
     S("time_period,reference_date,indicator,ref_area\n2024-S1,2024-07-19,psp_registered_accounts,15\n"),
     "1:1 column-missing"},
    {"a column twice", S("time_period,reference_date,indicator,ref_area,value,Value\n" ROW "5,6\n"),
     "1:53 column-twice"},
    {"a dimension twice", S("time_period,reference_date,indicator,ref_area,value,dim:SEX,dim:SEX\n" ROW "5,F,M\n"),
     "1:61 column-twice"},
    {"unknown column", S("time_period,reference_date,indicator,ref_area,valeu,value\n" ROW ",5\n"),
     "1:47 column-unknown"},
    {"bad dimension", S("time_period,reference_date,indicator,ref_area,value,dim:1X\n" ROW "5,F\n"),
     "1:53 dimension-bad"},
    {"empty unnamed column", S("time_period,reference_date,indicator,ref_area,value,\n" ROW "5,\n"), ""},
    {"filled unnamed column", S("time_period,reference_date,indicator,ref_area,value,\n" ROW "5,6\n"),
     "2:49 column-unnamed"},
    {"row too short", S(HEAD "2024-S1,2024-07-19\n" ROW "5\n"), "2:9 row-short"},
    {"row too long", S(HEAD ROW "5,6\n"), "2:49 row-long"},
    {"empty cells behind the last column", S(HEAD ROW "5,,,\n"), ""},
    {"comma in an unquoted number", S(HEAD ROW "16,4\n"), "2:50 row-long"},
    {"quoted cells and doubled quotes",
     S("time_period,reference_date,indicator,ref_area,value,comment\n" ROW "5,\"a \"\"b\"\", c\"\n"), ""},
    {"line ends inside quotes count",
     S("time_period,reference_date,indicator,ref_area,comment,value\n"
       "2024-S1,2024-07-19,psp_registered_accounts,15,\"a\nb\r\nc\",5\n" ROW ",x\n"),
     "5:48 not-a-number"},
    {"column counts characters",
     S("comment,time_period,reference_date,indicator,ref_area,value\nThừa Thiên Huế," ROW "x\n"), "2:62 not-a-number"},
    {"stray quote", S(HEAD "2024-S1,2024\"-07-19,psp_registered_accounts,15,5\n" ROW "x\n"),
     "2:13 quote-stray; 3:47 not-a-number"},
    {"text behind a closing quote", S(HEAD "\"2024-S1\"x,2024-07-19,psp_registered_accounts,15,5\n" ROW "5\n"),
     "2:10 quote-stray"},
    {"quote never closed", S(HEAD ROW "5\n\"2024-S1,2024\n"), "3:1 quote-open"},
    {"all at once", S(HEAD "2024-S1,2024-13-01,psp_x,99,1e6\n" ROW "\n"),
     "2:9 date-bad; 2:29 exponent; 2:20 indicator-unknown; 3:47 value-missing"},
};

static void csv_is_read_and_its_faults_are_placed(void **state)
{
	(void)state;
	CHECK_CASES(READER_CSV, csv_forms, NULL);
}

static const struct file_case csv_figures[] = {
    {"a whole number", S(HEAD ROW "16400000\n"), ""},
    {"spaces around", S(HEAD ROW " 5 \n"), ""},
    {"negative", S(HEAD ROW "-5\n"), ""},
    {"zero is a value", S(HEAD ROW "0\n"), ""},
    {"18 digits", S(HEAD ROW "123456789012345678\n"), ""},
    {"40 digits", S(HEAD ROW "1234567890123456789012345678901234567890\n"), "2:47 too-many-digits"},
    {"exponent", S(HEAD ROW "1.64E+07\n"), "2:47 exponent"},
    {"NaN", S(HEAD ROW "NaN\n"), "2:47 not-a-number"},
    {"a placeholder", S(HEAD ROW "N/A\n"), "2:47 not-a-number"},
    {"ambiguous", S(HEAD ROW "\"1.234,56\"\n"), "2:47 ambiguous-number"},
    {"a comma", S(HEAD ROW "\"93,31\"\n"), "2:47 ambiguous-number"},
    {"a word without a locale", S(HEAD ROW "16 triệu\n"), "2:47 ambiguous-number"},
    {"a unit", S(HEAD ROW "16USD\n"), "2:47 number-word"},
    {"4.543 for 4543", S(HEAD ROW "4.543\n"), "2:47 not-whole"},
    {"empty", S(HEAD ROW "\n"), "2:47 value-missing"},
    {"a fraction that the multiplier makes whole",
     S("time_period,reference_date,indicator,ref_area,value,unit_mult\n" ROW "16.4,6\n"), ""},
    {"a fraction that it does not",
     S("time_period,reference_date,indicator,ref_area,value,unit_mult\n" ROW "16.4567,3\n"), "2:47 not-whole"},
    {"multiplier out of range",
     S("time_period,reference_date,indicator,ref_area,value,unit_mult\n" ROW "5,19\n" ROW "5,x\n"),
     "2:49 count-bad; 3:49 count-bad"},
    {"rank's count", S("time_period,reference_date,indicator,ref_area,value,rank_out_of\n" ROW "5,193\n" ROW "5,-1\n"),
     "3:49 count-bad"},
    {"missing with its reason",
     S("time_period,reference_date,indicator,ref_area,value,missing_reason\n" ROW ",not_applicable\n"), ""},
    {"missing and there", S("time_period,reference_date,indicator,ref_area,value,missing_reason\n" ROW "5,late\n"),
     "2:49 value-and-reason"},
    {"unknown reason", S("time_period,reference_date,indicator,ref_area,value,missing_reason\n" ROW ",lost\n"),
     "2:48 word-unknown"},
    {"a column of reasons is enough", S("time_period,reference_date,indicator,ref_area,missing_reason\n" ROW "late\n"),
     ""},
    {"numerator alone", S("time_period,reference_date,indicator,ref_area,numerator,denominator\n" ROW "5,\n"),
     "2:47 part-missing"},
    {"denominator alone", S("time_period,reference_date,indicator,ref_area,numerator,denominator\n" ROW ",5\n"),
     "2:48 part-missing"},
    {"numerator above denominator is the centre's to judge",
     S("time_period,reference_date,indicator,ref_area,numerator,denominator\n" ROW "7,5\n"), ""},
    {"denominator zero too", S("time_period,reference_date,indicator,ref_area,numerator,denominator\n" ROW "7,0\n"),
     ""},
    {"status and qualifier words",
     S("time_period,reference_date,indicator,ref_area,value,obs_status,qualifier\n" ROW "5,E,more_than\n" ROW
       "5,X,about\n"),
     "3:49 word-unknown; 3:51 word-unknown"},
    {"withdrawn without a reason", S("time_period,reference_date,indicator,ref_area,action\n" ROW "withdraw\n"),
     "2:1 reason-missing"},
    {"withdrawn; its value is not looked at",
     S("time_period,reference_date,indicator,ref_area,value,action,reason\n" ROW "x,withdraw,typing error\n"), ""},
};

static void figures_are_exact_or_told(void **state)
{
	(void)state;
	CHECK_CASES(READER_CSV, csv_figures, NULL);
}

static const struct file_case csv_vietnamese[] = {
    {"thousands", S("# locale: vi\n" HEAD ROW "16.400.000\n"), ""},
    {"words", S("# locale: vi\n" HEAD ROW "\"16,4 triệu\"\n"), ""},
    {"declared in a line that a spreadsheet filled up", S("# locale: vi,,,,\n" HEAD ROW "70.000\n"), ""},
    {"declared behind a byte order mark", S("\xEF\xBB\xBF# locale: vi\n" HEAD ROW "70.000\n"), ""},
    {"still a fraction", S("# locale: vi\n" HEAD ROW "\"4,5\"\n"), "3:47 not-whole"},
    {"points that do not group", S("# locale: vi\n" HEAD ROW "4.54\n"), "3:47 ambiguous-number-vi"},
    {"an unknown word", S("# locale: vi\n" HEAD ROW "\"2,39 gì đó\"\n"), "3:47 number-word"},
    {"an unknown locale", S("# locale: fr\n" HEAD ROW "5\n"), "1:1 locale-unknown"},
    {"declared too late", S(HEAD "# locale: vi\n" ROW "5\n"), "2:1 row-short"},
};

static void vietnamese_numbers_only_where_declared(void **state)
{
	(void)state;
	CHECK_CASES(READER_CSV, csv_vietnamese, NULL);
}

static const struct file_case csv_texts[] = {
    {"bad UTF-8 in a code", S(HEAD "2024-S1,2024-07-19,psp_\xFF,15,5\n"), "2:20 not-utf8"},
    {"bad UTF-8 in a text", S("time_period,reference_date,indicator,ref_area,value,comment\n" ROW "5,\xC3(\n"),
     "2:49 not-utf8"},
    {"NUL in a code", S(HEAD "2024-S1,2024-07-19,psp_registered_accounts\0x,15,5\n"), "2:20 text-nul"},
    {"NUL in a figure",
     S(HEAD ROW "5\0"
		"6\n"),
     "2:47 text-nul"},
    {"NUL in a word", S("time_period,reference_date,indicator,ref_area,value,qualifier\n" ROW "5,exact\0x\n"),
     "2:49 text-nul"},
    {"NUL in a count",
     S("time_period,reference_date,indicator,ref_area,value,rank_out_of\n" ROW "5,5\0"
       "6\n"),
     "2:49 text-nul"},
    {"NUL in a period", S(HEAD "2024-S1\0,2024-07-19,psp_registered_accounts,15,5\n"), "2:1 text-nul"},
    {"NUL in a text", S("time_period,reference_date,indicator,ref_area,value,comment\n" ROW "5,a\0b\n"),
     "2:49 text-nul"},
    {"control character in a text",
     S("time_period,reference_date,indicator,ref_area,value,comment\n" ROW "5,a\x1b[2Jb\n"), "2:49 text-control"},
    {"U+00A0 in a code", S(HEAD "2024-S1,2024-07-19,psp_registered_accounts,15" NBSP ",5\n"), "2:44 code-invisible"},
    {"U+00A0 in a figure", S(HEAD ROW NBSP "x5\n"), "2:47 code-invisible"},
    {"loose accents in a code",
     S("time_period,reference_date,indicator,ref_area,value,source_system\n" ROW "5,a\xCC\x80\n"), "2:49 code-not-nfc"},
    {"U+00A0 and loose accents in a text are mended",
     S("time_period,reference_date,indicator,ref_area,value,comment\n" ROW "5,Ha\xCC\x80" NBSP "N\n"),
     "2:49 text-mended"},
    {"zero-width in a text is mended",
     S("time_period,reference_date,indicator,ref_area,value,comment\n" ROW "5,a\xE2\x80\x8B"
       "b\n"),
     "2:49 text-mended"},
};

static void texts_are_mended_and_codes_are_not(void **state)
{
	(void)state;
	CHECK_CASES(READER_CSV, csv_texts, NULL);
}

static const struct file_case csv_times[] = {
    {"every form of period that the dataflow has",
     S("time_period,reference_date,indicator,ref_area,value\n"
       "2024-S1,2024-07-19,psp_registered_accounts,15,5\n2018-01-01/P7Y,2024-12-31,psp_registered_accounts,15,5\n"
       "2024-07-19,2024-07-19,psp_registered_accounts,15,5\n"),
     ""},
    {"no period", S(HEAD ",2024-07-19,psp_registered_accounts,15,5\n"), "2:1 field-missing"},
    {"no such period", S(HEAD "2024-S3,2024-07-19,psp_registered_accounts,15,5\n"), "2:1 period-bad"},
    {"year alone with two digits", S(HEAD "24,2024-07-19,psp_registered_accounts,15,5\n"), "2:1 period-bad"},
    {"a frequency that the dataflow does not have", S(HEAD "2024-Q1,2024-07-19,psp_registered_accounts,15,5\n"),
     "2:1 frequency-not-taken"},
    {"no reference date", S(HEAD "2024-S1,,psp_registered_accounts,15,5\n"), "2:1 field-missing"},
    {"no such date", S(HEAD "2024-S1,2024-02-30,psp_registered_accounts,15,5\n"), "2:9 date-bad"},
    {"date as people write it", S(HEAD "2024-S1,19/07/2024,psp_registered_accounts,15,5\n"), "2:9 date-bad"},
    {"today", S(HEAD "2024-S1,2026-11-21,psp_registered_accounts,34/15,5\n"), "2:44 area-not-yours"},
    {"tomorrow", S(HEAD "2024-S1,2026-11-22,psp_registered_accounts,34/15,5\n"), "2:9 reference-date-future"},
    {"from after to",
     S("time_period,reference_date,indicator,ref_area,value,period_from,period_to\n" ROW "5,2024-06-30,2024-01-01\n"),
     "2:49 period-order"},
    {"one day",
     S("time_period,reference_date,indicator,ref_area,value,period_from,period_to\n" ROW "5,2024-06-30,2024-06-30\n"),
     ""},
    {"bad times",
     S("time_period,reference_date,indicator,ref_area,value,prepared_at,approved_at\n" ROW
       "5,yesterday,2024-07-19T25:00:00Z\n"),
     "2:49 time-bad; 2:59 time-bad"},
    {"good times",
     S("time_period,reference_date,indicator,ref_area,value,prepared_at,approved_at\n" ROW
       "5,2024-07-19,2024-07-19T08:00:00+07:00\n"),
     ""},
    {"purpose", S("time_period,reference_date,indicator,ref_area,value,purpose\n" ROW "5,backfill\n" ROW "5,again\n"),
     "3:49 word-unknown"},
    {"a correction says why",
     S("time_period,reference_date,indicator,ref_area,value,purpose,reason\n" ROW "5,correction,\n" ROW
       "6,correction,recounted\n"),
     "2:1 reason-missing"},
    {"flag",
     S("time_period,reference_date,indicator,ref_area,value,demonstration\n" ROW "5,có\n" ROW "5,no\n" ROW
       "5,perhaps\n"),
     "4:49 word-unknown"},
};

static void times_are_checked(void **state)
{
	(void)state;
	CHECK_CASES(READER_CSV, csv_times, NULL);
}

#define P "provider,dataflow," HEAD
static const struct file_case csv_codes[] = {
    {"provider and dataflow", S(P "P63-15,public_services_province," ROW "5\n"), ""},
    {"both implied", S(P ",," ROW "5\n"), ""},
    {"another agent's province", S(P "P63-46,public_services_province," ROW "5\n"), "2:1 provider-unknown"},
    {"unknown dataflow", S(P "P63-15,public_service_province," ROW "5\n"), "2:8 dataflow-unknown"},
    {"a dataflow of others", S(P "P63-15,governance,2024-S1,2024-07-19,reporting_provinces,15,5\n"),
     "2:8 dataflow-not-yours"},
    {"indicator of another dataflow", S(P "P63-15,payments_province," ROW "5\n"), "2:45 indicator-elsewhere"},
    {"unknown indicator", S(HEAD "2024-S1,2024-07-19,psp_registered_acounts,15,5\n"), "2:20 indicator-unknown"},
    {"indicator missing", S(HEAD "2024-S1,2024-07-19,,15,5\n"), "2:1 field-missing; 2:1 field-missing"},
    {"area in full", S(HEAD "2024-S1,2024-07-19,psp_registered_accounts,63/15,5\n"), ""},
    {"unknown area", S(HEAD "2024-S1,2024-07-19,psp_registered_accounts,99,5\n"), "2:44 area-unknown"},
    {"area by its name", S(HEAD "2024-S1,2024-07-19,psp_registered_accounts,Yên Bái,5\n"), "2:44 area-unknown"},
    {"area missing", S(HEAD "2024-S1,2024-07-19,psp_registered_accounts,,5\n"), "2:1 field-missing"},
    {"another province", S(HEAD "2024-S1,2024-07-19,psp_registered_accounts,46,5\n"), "2:44 area-not-yours"},
    {"the nation", S(HEAD "2024-S1,2024-07-19,psp_registered_accounts,VN,5\n"), "2:44 area-not-yours"},
    {"the last day that 15 was Yên Bái", S(HEAD "2024-S1,2025-06-30,psp_registered_accounts,15,5\n"), ""},
    {"15 is Lào Cai since 2025-07-01", S(HEAD "2024-S1,2025-07-01,psp_registered_accounts,15,5\n"),
     "2:44 area-renumbered"},
    {"63/15 ended", S(HEAD "2024-S1,2025-07-01,psp_registered_accounts,63/15,5\n"), "2:44 area-not-valid"},
    {"02 ended, and nobody else has it", S(HEAD "2024-S1,2025-07-01,psp_registered_accounts,02,5\n"),
     "2:44 area-not-valid"},
    {"34/15 had not begun", S(HEAD "2024-S1,2025-06-30,psp_registered_accounts,34/15,5\n"), "2:44 area-not-valid"},
    {"unit", S("time_period,reference_date,indicator,ref_area,value,unit\n" ROW "5,account\n" ROW "5,USD\n"),
     "3:49 unit-unknown"},
};

static void codes_are_checked_against_the_book(void **state)
{
	(void)state;
	CHECK_CASES(READER_CSV, csv_codes, NULL);
}

/* ---------------------------------------------------------------- SDMX-CSV */

#define SDMX     "STRUCTURE,STRUCTURE_ID,ACTION,FREQ,INDICATOR,REF_AREA,TIME_PERIOD,OBS_VALUE,REFERENCE_DATE"
#define SDMX_ROW "dataflow,VN:public_services_province(1.0),I,S,psp_registered_accounts,15,2024-S1,5,2024-07-19"

static const struct file_case sdmx_cases[] = {
    {"a row", S(SDMX "\n" SDMX_ROW "\n"), ""},
    {"sub-fields and keys",
     S("STRUCTURE[;],STRUCTURE_ID,STRUCTURE_NAME,ACTION,SERIES_KEY,OBS_KEY,INDICATOR,REF_AREA,TIME_PERIOD,OBS_VALUE,"
       "REFERENCE_DATE\n"
       "dataflow,VN:public_services_province(1.0),Dịch vụ "
       "công,A,k,k,psp_registered_accounts,15,2024-S1,5,2024-07-19\n"),
     ""},
    {"labels",
     S("STRUCTURE,STRUCTURE_ID,ACTION,INDICATOR: Chỉ tiêu,REF_AREA: Area,TIME_PERIOD: Time,OBS_VALUE: "
       "Value,REFERENCE_DATE: Date\n"
       "dataflow,VN:public_services_province(1.0): Dịch vụ công,R,psp_registered_accounts: Accounts,15: Yên "
       "Bái,2024-S1,5,2024-07-19\n"),
     ""},
    {"all actions that state",
     S(SDMX "\n"
	    "dataflow,VN:public_services_province(1.0),I,S,psp_registered_accounts,15,2024-S1,5,2024-07-19\n"
	    "dataflow,VN:public_services_province(1.0),A,S,psp_registered_accounts,15,2024-S1,5,2024-07-19\n"
	    "dataflow,VN:public_services_province(1.0),M,S,psp_registered_accounts,15,2024-S1,5,2024-07-19\n"
	    "dataflow,VN:public_services_province(1.0),R,S,psp_registered_accounts,15,2024-S1,5,2024-07-19\n"),
     ""},
    {"no such action",
     S(SDMX "\ndataflow,VN:public_services_province(1.0),X,S,psp_registered_accounts,15,2024-S1,5,2024-07-19\n"),
     "2:43 word-unknown"},
    {"delete without a reason",
     S(SDMX "\ndataflow,VN:public_services_province(1.0),D,S,psp_registered_accounts,15,2024-S1,-,2024-07-19\n"),
     "2:1 reason-missing"},
    {"delete",
     S(SDMX ",REASON\ndataflow,VN:public_services_province(1.0),D,S,psp_registered_accounts,15,2024-S1,-,2024-07-19,"
	    "typing error\n"),
     ""},
    {"delete with a wildcard",
     S(SDMX ",REASON\ndataflow,VN:public_services_province(1.0),D,S,,15,2024-S1,-,2024-07-19,r\n"),
     "2:1 field-missing"},
    {"not a dataflow",
     S(SDMX "\ndatastructure,VN:public_services_province(1.0),I,S,psp_registered_accounts,15,2024-S1,5,2024-07-19\n"),
     "2:1 sdmx-structure"},
    {"no structure id",
     S(SDMX "\ndataflow,public_services_province,I,S,psp_registered_accounts,15,2024-S1,5,2024-07-19\n"),
     "2:10 sdmx-structure-id"},
    {"frequency and period disagree",
     S(SDMX "\ndataflow,VN:public_services_province(1.0),I,A,psp_registered_accounts,15,2024-S1,5,2024-07-19\n"),
     "2:45 frequency-differs"},
    {"an undeclared dimension", S(SDMX ",SEX\n" SDMX_ROW ",F\n"), "1:92 column-unknown"},
    {"a column of the plain format",
     S("STRUCTURE,STRUCTURE_ID,INDICATOR,REF_AREA,TIME_PERIOD,REFERENCE_DATE,value\n"
       "dataflow,VN:public_services_province(1.0),psp_registered_accounts,15,2024-S1,2024-07-19,5\n"),
     "1:70 column-unknown; 1:1 column-missing"},
};

static void sdmx_csv_is_read(void **state)
{
	(void)state;
	CHECK_CASES(READER_SDMX_CSV, sdmx_cases, NULL);
}

/* ---------------------------------------------------------------- JSON */

#define OBS "{\"indicator\":\"psp_registered_accounts\",\"refArea\":\"15\",\"value\":\"5\"}"
#define REP "\"timePeriod\":\"2024-S1\",\"referenceDate\":\"2024-07-19\""
#define ONE "{" REP ",\"observations\":[" OBS "]}"

static const struct file_case json_cases[] = {
    {"a report", S(ONE), ""},
    {"snake case",
     S("{\"time_period\":\"2024-S1\",\"reference_date\":\"2024-07-19\",\"observations\":[{\"indicator\":\"psp_"
       "registered_accounts\",\"ref_area\":\"15\",\"value\":\"5\"}]}"),
     ""},
    {"an array", S("[" ONE ",\n" ONE "]\n"), ""},
    {"an empty array", S("[]"), "- file-empty"},
    {"lines", S(ONE "\n" ONE "\n"), ""},
    {"byte order mark", S("\xEF\xBB\xBF" ONE), ""},
    {"an exact decimal",
     S("{" REP ",\"observations\":[{\"indicator\":\"psp_registered_accounts\",\"refArea\":\"15\",\"value\":{"
       "\"mantissa\":\"164\",\"scale\":1},\"unitMult\":6}]}"),
     ""},
    {"a whole number",
     S("{" REP ",\"observations\":[{\"indicator\":\"psp_registered_accounts\",\"refArea\":\"15\",\"value\":5}]}"), ""},
    {"a real",
     S("{" REP
       ",\n\"observations\":[\n{\"indicator\":\"psp_registered_accounts\",\"refArea\":\"15\",\n  \"value\": 16.4}]}"),
     "4:12 json-real"},
    {"wrong types", S("{" REP ",\n\"observations\":[{\"indicator\":5,\"refArea\":\"15\",\"value\":true}]}"),
     "2:30 json-type; 2:55 json-type"},
    {"unknown members",
     S("{" REP ",\"perod\":1,\n\"observations\":[{\"indicator\":\"psp_registered_accounts\",\"refArea\":\"15\","
       "\"vlaue\":\"5\",\"value\":\"5\"}]}"),
     "1:62 json-member-unknown; 2:79 json-member-unknown"},
    {"enum by name and by word",
     S("{" REP
       ",\"purpose\":\"PURPOSE_BACKFILL\",\"observations\":[{\"indicator\":\"psp_registered_accounts\",\"refArea\":"
       "\"15\",\"value\":\"5\",\"obsStatus\":\"OBSERVATION_STATUS_ESTIMATED\",\"qualifier\":\"approx\"}]}"),
     ""},
    {"a head's wrong type", S("{\"timePeriod\":5,\"referenceDate\":\"2024-07-19\",\"observations\":[" OBS "]}"),
     "1:15 json-type"},
    {"unknown enum", S("{" REP ",\n\"purpose\":\"PURPOSE_X\",\"observations\":[" OBS "]}"), "2:11 word-unknown"},
    {"a figure's fault in the second observation",
     S("{" REP ",\"observations\":[\n" OBS
       ",\n{\"indicator\":\"psp_registered_accounts\",\"refArea\":\"15\",\"value\":\"NaN\"}]}"),
     "3:63 not-a-number"},
    {"quotes and brackets inside texts",
     S("{" REP ",\"comment\":\"a "
       "\\\"}]{[\",\n\"observations\":[{\"comment\":\"\\\\\",\"indicator\":\"psp_registered_accounts\","
       "\"refArea\":\"15\",\"value\":\"NaN\"}]}"),
     "2:94 not-a-number"},
    {"dimensions",
     S("{" REP ",\"observations\":[{\"indicator\":\"psp_registered_accounts\",\"refArea\":\"15\",\"value\":\"5\","
       "\"dimensions\":[{\"id\":\"SEX\",\"value\":\"F\"}]}]}"),
     ""},
    {"bad dimensions",
     S("{" REP ",\n\"observations\":[{\"indicator\":\"psp_registered_accounts\",\"refArea\":\"15\",\"value\":\"5\","
       "\n\"dimensions\":[{\"id\":\"SEX\"}]}]}"),
     "3:14 json-type"},
    {"a dimension twice",
     S("{" REP ",\n\"observations\":[{\"indicator\":\"psp_registered_accounts\",\"refArea\":\"15\",\"value\":\"5\","
       "\n\"dimensions\":[{\"id\":\"SEX\",\"value\":\"F\"},{\"id\":\"SEX\",\"value\":\"M\"}]}]}"),
     "2:17 dimension-twice"},
    {"no observations", S("{" REP "}"), "1:1 no-observations"},
    {"observations are no list", S("{" REP ",\"observations\":{}}"), "1:69 json-type"},
    {"a head's fault",
     S("[\n{\"timePeriod\":\"2024-S9\",\"referenceDate\":\"2024-07-19\",\"observations\":[" OBS "]}]"),
     "2:15 period-bad"},
    {"missing", S("{\"referenceDate\":\"2024-07-19\",\"observations\":[" OBS "]}"), "1:1 field-missing"},
    {"no JSON", S("hello"), "1:5 json-syntax"},
    {"cut off", S("{" REP ",\"obser"), "1:59 json-syntax"},
    {"a comma too many", S("{" REP ",}"), "1:54 json-syntax"},
    {"an array that does not end", S("[" ONE), "1:139 json-syntax"},
    {"something behind the array", S("[" ONE "] x"), "1:141 json-syntax"},
    {"a number for a report", S("[5]"), "1:3 json-syntax"},
    {"an array for a report", S("[[5]]"), "1:2 json-type"},
    {"lines go on behind a bad one", S("{\"a\":}\n" ONE "\n{\"b\":1}\n"),
     "1:6 json-syntax; 3:6 json-member-unknown; 3:1 no-observations"},
    {"a member twice", S("{" REP ",\"time_period\":\"2024\",\"observations\":[" OBS "]}"),
     "1:68 json-twice; 1:15 frequency-not-taken"},
    {"the same name twice", S("{\"timePeriod\":\"2024-S1\",\"timePeriod\":\"2024-S1\"}"), "1:36 json-twice"},
    {"bad UTF-8", S("{\"timePeriod\":\"\xFF\"}"), "1:16 not-utf8"},
    {"NUL escaped", S("{\"timePeriod\":\"a\\u0000\"}"), "1:23 text-nul"},
    {"a workbook", S("PK\x03\x04"), "1:1 file-spreadsheet"},
};

static void json_is_read(void **state)
{
	(void)state;
	CHECK_CASES(READER_JSON, json_cases, NULL);
}

/* ---------------------------------------------------------------- limits */

static void told_is(enum reader_format format, const void *bytes, size_t len, const char *expected)
{
	struct book *book = province_book(false);
	struct taken t;

	take_file(format, bytes, len, NULL, book, &t);
	assert_string_equal(t.told, expected);
	taken_free(&t);
	book_free(&book);
}

/* A row of more than a mebibyte is skipped, and what follows is read. */
static void long_rows_are_skipped(void **state)
{
	size_t len = (1 << 20) + 5000, head = strlen(HEAD);
	char *bytes = xmalloc(head + len + 200);

	(void)state;
	memcpy(bytes, HEAD, head);
	memset(bytes + head, 'a', len);
	snprintf(bytes + head + len, 200, "\n" ROW "x\n");
	told_is(READER_CSV, bytes, strlen(HEAD) + len + strlen("\n" ROW "x\n"), "2:1 row-too-long; 3:47 not-a-number");
	bytes[head] = '"'; /* a quotation mark left open swallows line ends too */
	bytes[head + 100] = '\n';
	told_is(READER_CSV, bytes, strlen(HEAD) + len + strlen("\n" ROW "x\n"), "2:1 row-too-long; 4:47 not-a-number");
	free(bytes);
}

static void columns_are_bounded(void **state)
{
	char bytes[4096];
	size_t len = 0;

	(void)state;
	len += (size_t)snprintf(bytes, sizeof bytes, "%s" ROW "5", HEAD);
	for (int i = 0; i < 300; i++)
		bytes[len++] = ',';
	bytes[len++] = '\n';
	told_is(READER_CSV, bytes, len, "2:1 columns-too-many");
}

/* Every problem is counted; the first thousand are kept. */
static void problems_are_bounded(void **state)
{
	struct book *book = province_book(false);
	size_t rows = 1500, len = 0, room = 100 + rows * 100;
	char *bytes = xmalloc(room);
	struct taken t;
	json_t *kept;

	(void)state;
	len += (size_t)snprintf(bytes, room, "%s", HEAD);
	for (size_t i = 0; i < rows; i++)
		len += (size_t)snprintf(bytes + len, room - len, ROW "x\n");
	take_file(READER_CSV, bytes, len, NULL, book, &t);
	assert_int_equal(problems_errors(t.problems), rows);
	kept = problems_json(t.problems);
	assert_int_equal(json_array_size(kept), PROBLEMS_KEPT);
	assert_int_equal(t.n, 0);
	json_decref(kept);
	taken_free(&t);
	book_free(&book);
	free(bytes);
}

/* Once something is wrong nothing more is given out, however much follows that is right. */
static void nothing_is_given_behind_an_error(void **state)
{
	struct book *book = province_book(false);
	size_t rows = LIMIT_OBSERVATIONS + 10, len = 0, room = 200 + rows * 60;
	char *bytes = xmalloc(room);
	struct taken t;

	(void)state;
	len += (size_t)snprintf(bytes, room, "%s" ROW "x\n", HEAD);
	for (size_t i = 0; i < rows; i++)
		len += (size_t)snprintf(bytes + len, room - len, ROW "5\n");
	take_file(READER_CSV, bytes, len, NULL, book, &t);
	assert_string_equal(t.told, "2:47 not-a-number");
	assert_int_equal(t.records, rows + 1);
	assert_int_equal(t.n, 0);
	taken_free(&t);
	book_free(&book);
	free(bytes);
}

/* What is wrong with every row's head is told once as long as the head stays. */
static void a_heads_fault_is_told_once(void **state)
{
	(void)state;
	told_is(READER_CSV, S("provider," HEAD "P63-99," ROW "5\nP63-99," ROW "6\nP63-99," ROW "7\nP63-98," ROW "7\n"),
		"2:1 provider-unknown; 5:1 provider-unknown");
}

static void json_of_any_size_is_bounded(void **state)
{
	size_t len = 9u << 20;
	char *bytes = xmalloc(len);

	(void)state;
	memset(bytes, ' ', len);
	memcpy(bytes, "{\"a\":\"", 6);
	told_is(READER_JSON, bytes, len, "1:8388608 json-too-large");
	for (size_t i = 0; i + 3 < len; i += 3) /* small texts that make large trees */
		memcpy(bytes + i, i ? "[]," : "[ [", 3);
	bytes[0] = '{';
	memcpy(bytes, "{\"a\":[", 6);
	told_is(READER_JSON, bytes, len, "1:2590594 json-too-large");
	free(bytes);
}

/* ---------------------------------------------------------------- protobuf */

static Tram__V1__Report *sample_report(void)
{
	static Tram__V1__Decimal value;
	static Tram__V1__Observation observation, *list[] = {&observation};
	static Tram__V1__Report report;
	static char provider[] = "P63-15", dataflow[] = "public_services_province", period[] = "2024-S1",
		    date[] = "2024-07-19", indicator[] = "psp_registered_accounts", area[] = "15";

	tram__v1__decimal__init(&value);
	tram__v1__observation__init(&observation);
	tram__v1__report__init(&report);
	value.mantissa = 5;
	observation.indicator = indicator;
	observation.ref_area = area;
	observation.value = &value;
	report.provider = provider;
	report.dataflow = dataflow;
	report.time_period = period;
	report.reference_date = date;
	report.purpose = TRAM__V1__PURPOSE__PURPOSE_REGULAR;
	report.n_observations = 1;
	report.observations = list;
	return &report;
}

static size_t put_delimited(uint8_t *to, const uint8_t *bytes, size_t len)
{
	size_t n = 0;

	for (size_t rest = len; n == 0 || rest; rest >>= 7)
		to[n++] = (uint8_t)((rest & 0x7f) | (rest > 0x7f ? 0x80 : 0));
	memcpy(to + n, bytes, len);
	return n + len;
}

/* Bytes go on exactly as they came: also fields that only a newer version knows, and an order of fields of its own. */
static void serialized_reports_go_on_as_they_are(void **state)
{
	struct book *book = province_book(false);
	size_t len, many = 0;
	uint8_t *bytes = codec_pack(&sample_report()->base, &len), file[2048];
	struct taken t;

	(void)state;
	bytes = xrealloc(bytes, len + 8);
	memcpy(bytes + len, "\xA2\x06\x03new", 6); /* field 100 */
	len += 6;
	take_file(READER_PROTOBUF, bytes, len, NULL, book, &t);
	assert_string_equal(t.told, "");
	assert_int_equal(t.n, 1);
	assert_int_equal(t.observations, 1);
	assert_int_equal(t.lens[0], len);
	assert_memory_equal(t.reports[0], bytes, len);
	taken_free(&t);
	for (int i = 0; i < 3; i++)
		many += put_delimited(file + many, bytes, len);
	take_file(READER_PROTOBUF, file, many, NULL, book, &t);
	assert_string_equal(t.told, "");
	assert_int_equal(t.n, 3);
	assert_memory_equal(t.reports[2], bytes, len);
	taken_free(&t);
	free(bytes);
	book_free(&book);
}

/* Something that the command line adds makes a new report of it. */
static void options_alter_a_serialized_report(void **state)
{
	struct check_options options = {.stated[FIELD_PREPARED_BY] = "Lan"};
	struct book *book = province_book(false);
	struct arena *arena = arena_new(1 << 20);
	const Tram__V1__Report *report;
	struct taken t;
	struct err err;
	size_t len;
	uint8_t *bytes = codec_pack(&sample_report()->base, &len);

	(void)state;
	take_file(READER_PROTOBUF, bytes, len, &options, book, &t);
	assert_string_equal(t.told, "");
	assert_int_equal(t.n, 1);
	report = codec_report(arena, t.reports[0], t.lens[0], &err);
	assert_non_null(report);
	assert_string_equal(report->prepared_by, "Lan");
	assert_int_equal(report->n_observations, 1);
	taken_free(&t);
	arena_free(&arena);
	free(bytes);
	book_free(&book);
}

static void a_serialized_report_of_too_many_figures(void **state)
{
	Tram__V1__Report *report = sample_report();
	size_t n = LIMIT_OBSERVATIONS + 1, len;
	Tram__V1__Observation empty = TRAM__V1__OBSERVATION__INIT, **list = xcalloc(n, sizeof *list);
	uint8_t *bytes;

	(void)state;
	for (size_t i = 0; i < n; i++)
		list[i] = &empty;
	report->observations = list;
	report->n_observations = n;
	bytes = codec_pack(&report->base, &len);
	told_is(READER_PROTOBUF, bytes, len, "#1.0 observations-too-many");
	free(bytes);
	free(list);
}

static void serialized_faults_are_told(void **state)
{
	Tram__V1__Report *report = sample_report();
	char future[] = "2030-01-01", nan[] = "n\xFFn";
	uint8_t file[4096], *bytes;
	size_t len, n;

	(void)state;
	bytes = codec_pack(&report->base, &len);
	told_is(READER_PROTOBUF, bytes, len - 1, "#1.0 protobuf-bad");
	n = put_delimited(file, bytes, len);
	told_is(READER_PROTOBUF, file, n - 3, "#1.0 protobuf-truncated");
	memset(file + n, 0xFF, 12);
	told_is(READER_PROTOBUF, file, n + 12, "#2.0 protobuf-bad");
	memcpy(file + n, "\xFF\xFF\xFF\x7F", 4);
	told_is(READER_PROTOBUF, file, n + 4, "#2.0 report-too-large");
	memcpy(file + n, "\x02\x0A\x09", 3);
	told_is(READER_PROTOBUF, file, n + 3, "#2.0 protobuf-bad");
	told_is(READER_PROTOBUF, S("\x00"), "#1.0 no-observations");
	told_is(READER_PROTOBUF, S(""), "- file-empty");
	free(bytes);
	report->reference_date = future;
	report->observations[0]->indicator = nan;
	report->observations[0]->value->scale = 19;
	bytes = codec_pack(&report->base, &len);
	told_is(READER_PROTOBUF, bytes, len, "#1.0 reference-date-future; #1.1 not-utf8; #1.1 not-a-number");
	free(bytes);
}

/* ---------------------------------------------------------------- what the command line says */

#define STATED_ROW "psp_registered_accounts,15,5\n"

static void options_fill_what_a_file_leaves_open(void **state)
{
	const struct check_options options = {.stated = {[FIELD_TIME_PERIOD] = "2024-S1",
							 [FIELD_REFERENCE_DATE] = "2024-07-19",
							 [FIELD_REPORT_JUSTIFICATION_CODE] = "counted_anew",
							 [FIELD_REPORT_JUSTIFICATION] = "two systems joined"}};
	const struct check_options wrong = {
	    .stated = {[FIELD_TIME_PERIOD] = "2024-S9", [FIELD_REFERENCE_DATE] = "2024-07-19"}};
	static const struct file_case filled[] = {
	    {"filled", S("indicator,ref_area,value\n" STATED_ROW), ""},
	    {"same in both", S("time_period,indicator,ref_area,value\n2024-S1," STATED_ROW), ""},
	    {"contradicted", S("time_period,indicator,ref_area,value\n2024," STATED_ROW),
	     "2:1 option-conflict; 2:1 frequency-not-taken"},
	};
	static const struct file_case faulty[] = {
	    {"told once, not for every row", S("indicator,ref_area,value\n" STATED_ROW STATED_ROW STATED_ROW),
	     "--period period-bad"},
	};

	(void)state;
	CHECK_CASES(READER_CSV, filled, &options);
	CHECK_CASES(READER_CSV, faulty, &wrong);
}

/* An option's fault is told once, whatever reports the rows belong to. */
static void an_options_fault_is_told_once(void **state)
{
	const struct check_options wrong = {.stated[FIELD_TIME_PERIOD] = "2024-S9"};
	struct book *book = province_book(true);
	struct taken t;

	(void)state;
	take_file(READER_CSV,
		  S("provider,reference_date,indicator,ref_area,value\nP63-15,2024-07-19,psp_registered_accounts,15,5\n"
		    "P63-46,2024-07-19,psp_registered_accounts,46,5\nP63-15,2024-07-19,psp_registered_accounts,15,5\n"),
		  &wrong, book, &t);
	assert_string_equal(t.told, "--period period-bad");
	taken_free(&t);
	book_free(&book);
}

/* A file of keys alone is enough to take figures back. */
static void withdrawing_needs_no_values(void **state)
{
	const struct check_options options = {.withdraw = true, .stated[FIELD_REASON] = "r"};
	static const struct file_case cases[] = {
	    {"no value column",
	     S("time_period,reference_date,indicator,ref_area\n2024-S1,2024-07-19,psp_registered_accounts,15\n"), ""},
	};

	(void)state;
	CHECK_CASES(READER_CSV, cases, &options);
}

static void texts_have_a_length(void **state)
{
	static const struct {
		const char *column;
		size_t fits; /* bytes */
	} cases[] = {{"source_system", 256}, {"comment", 8192}};
	char bytes[10000];

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		for (size_t more = 0; more < 2; more++) {
			size_t len = (size_t)snprintf(
			    bytes, sizeof bytes, "time_period,reference_date,indicator,ref_area,value,%s\n" ROW "5,",
			    cases[i].column);

			memset(bytes + len, 'a', cases[i].fits + more);
			bytes[len + cases[i].fits + more] = '\n';
			told_is(READER_CSV, bytes, len + cases[i].fits + more + 1, more ? "2:49 text-too-long" : "");
		}
	}
}

/* What helps most is named: the right code, the very bytes. */
static void what_is_meant_is_suggested(void **state)
{
	static const struct {
		const char *bytes, *key, *expected;
	} cases[] = {
	    {"valeu,time_period,reference_date,indicator,ref_area,value\n1," ROW "5\n", "message",
	     "did you mean value?"},
	    {HEAD "2024-S1,2024-07-19,psp_registered_acounts,15,5\n", "message",
	     "did you mean psp_registered_accounts?"},
	    {HEAD "2024-S1,2024-07-19,psp_registered_accounts,Yên Bái,5\n", "message", "did you mean 63/15?"},
	    {HEAD "2024-S1,2024-07-19,psp_registered_accounts,yen bai,5\n", "message", "did you mean 63/15?"},
	    {HEAD "2024-S1,2024-07-19,psp_registered_accounts,63-15,5\n", "message", "did you mean 63/15?"},
	    {HEAD "2024-S1,2024-07-19,psp_registered_accounts,Thừa Thiên Huế,5\n", "message", "did you mean 63/46?"},
	    {HEAD "2024-S1,2024-07-19,psp_registered_accounts,Lào Cai,5\n", "message", "did you mean 34/15?"},
	    {"provider," HEAD "P63-51," ROW "5\n", "message", "did you mean P63-15?"},
	    {"dataflow," HEAD "payment_province," ROW "5\n", "message", "did you mean payments_province?"},
	    {HEAD "2024-S1,2025-07-01,psp_registered_accounts,15,5\n", "message",
	     "code 15 is 34/15 (Lao Cai), not 63/15 (Yen Bai)"},
	    {HEAD "2024-S1,2025-07-01,psp_registered_accounts,02,5\n", "message",
	     "63/02 (Ha Giang) from 2008-08-01 to 2025-06-30"},
	    {"time_period,reference_date,indicator,ref_area,value,missing_reason\n" ROW ",lost\n", "remedy",
	     "not_applicable, not_collected, late"},
	    {"time_period,reference_date,indicator,ref_area,value,comment\n" ROW "5,abc\xFF\n", "message",
	     "not UTF-8: \\xFF"},
	};
	struct book *book = province_book(false);

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct taken t;
		json_t *all;
		const char *text;

		take_file(READER_CSV, cases[i].bytes, strlen(cases[i].bytes), NULL, book, &t);
		all = problems_json(t.problems);
		text = json_string_value(json_object_get(json_array_get(all, 0), cases[i].key));
		assert_non_null(text);
		if (!strstr(text, cases[i].expected))
			print_error("%s\n%s\n", text, cases[i].expected);
		assert_non_null(strstr(text, cases[i].expected));
		json_decref(all);
		taken_free(&t);
	}
	book_free(&book);
}

/* Without a codebook codes go unchecked, but whose figures they are must be said. */
static void without_a_codebook(void **state)
{
	struct taken t;

	(void)state;
	take_file(READER_CSV, S(HEAD "2024-S1,2024-07-19,anything,99,4.5\n"), NULL, NULL, &t);
	assert_string_equal(t.told, "1:1 column-missing; 1:1 column-missing");
	taken_free(&t);
	take_file(READER_CSV, S("provider,dataflow," HEAD "P,d,2024-S1,2024-07-19,anything,99,4.5\n"), NULL, NULL, &t);
	assert_string_equal(t.told, "");
	assert_int_equal(t.n, 1);
	taken_free(&t);
}

/* ---------------------------------------------------------------- one report from all formats */

static void all_formats_give_the_same_bytes(void **state)
{
	static const char csv[] =
	    "provider,dataflow,time_period,period_from,period_to,reference_date,purpose,reason,prepared_by,prepared_at,"
	    "approved_by,approved_at,demonstration,indicator,ref_area,value,numerator,denominator,weight,rank_out_of,"
	    "unit,"
	    "unit_mult,obs_status,missing_reason,qualifier,source_system,justification_code,justification,comment,dim:"
	    "SEX\n"
	    "P63-15,public_services_province,2024-S1,2023-12-15,2024-06-14,2024-06-14,correction,đếm "
	    "lại,Lan,2024-06-15,"
	    "Minh,2024-06-16T08:00:00+07:00,yes,psp_registered_accounts,63/15,16.40,,,3,4,account,6,E,,more_than,npsp,"
	    "counted,hai hệ thống,ghi chú,F\n";
	static const char sdmx[] =
	    "STRUCTURE,STRUCTURE_ID,ACTION,FREQ,SEX,TIME_PERIOD,REF_AREA,INDICATOR,OBS_VALUE,WEIGHT,RANK_OUT_OF,"
	    "UNIT_MEASURE,UNIT_MULT,OBS_STATUS,QUALIFIER,SOURCE_SYSTEM,JUSTIFICATION_CODE,JUSTIFICATION,COMMENT_OBS,"
	    "DATA_PROVIDER,PERIOD_FROM,PERIOD_TO,REFERENCE_DATE,PURPOSE,REASON,PREPARED_BY,PREPARED_AT,APPROVED_BY,"
	    "APPROVED_AT,DEMONSTRATION\n"
	    "dataflow,VN:public_services_province(1.0),R,S,F,2024-S1,63/"
	    "15,psp_registered_accounts,16.40,3,4,account,6,E,"
	    "more_than,npsp,counted,hai hệ thống,ghi chú,P63-15,2023-12-15,2024-06-14,2024-06-14,correction,đếm "
	    "lại,Lan,"
	    "2024-06-15,Minh,2024-06-16T08:00:00+07:00,true\n";
	static const char json[] =
	    "{\"provider\":\"P63-15\",\"dataflow\":\"public_services_province\",\"timePeriod\":\"2024-S1\","
	    "\"periodFrom\":\"2023-12-15\",\"periodTo\":\"2024-06-14\",\"referenceDate\":\"2024-06-14\","
	    "\"purpose\":\"PURPOSE_CORRECTION\",\"reason\":\"đếm "
	    "lại\",\"preparedBy\":\"Lan\",\"preparedAt\":\"2024-06-15\","
	    "\"approvedBy\":\"Minh\",\"approvedAt\":\"2024-06-16T08:00:00+07:00\",\"demonstration\":true,\"revises\":"
	    "true,"
	    "\"observations\":[{\"indicator\":\"psp_registered_accounts\",\"refArea\":\"63/15\","
	    "\"dimensions\":[{\"id\":\"SEX\",\"value\":\"F\"}],\"value\":{\"mantissa\":\"1640\",\"scale\":2},"
	    "\"weight\":\"3\",\"rankOutOf\":4,\"unit\":\"account\",\"unitMult\":6,"
	    "\"obsStatus\":\"OBSERVATION_STATUS_ESTIMATED\",\"qualifier\":\"QUALIFIER_MORE_THAN\","
	    "\"sourceSystem\":\"npsp\",\"justificationCode\":\"counted\",\"justification\":\"hai hệ thống\","
	    "\"comment\":\"ghi chú\"}]}";
	static const char *const dimensions[] = {"SEX"};
	const struct reader_options reader = {dimensions, 1};
	struct book *book = province_book(false);
	struct taken from_csv, from_sdmx, from_json, from_protobuf;

	(void)state;
	take_file(READER_CSV, csv, sizeof csv - 1, NULL, book, &from_csv);
	take_file_with(READER_SDMX_CSV, sdmx, sizeof sdmx - 1, NULL, &reader, book, &from_sdmx);
	take_file(READER_JSON, json, sizeof json - 1, NULL, book, &from_json);
	assert_string_equal(from_csv.told, "");
	assert_string_equal(from_sdmx.told, "");
	assert_string_equal(from_json.told, "");
	assert_int_equal(from_csv.n, 1);
	take_file(READER_PROTOBUF, from_csv.reports[0], from_csv.lens[0], NULL, book, &from_protobuf);
	assert_string_equal(from_protobuf.told, "");
	assert_int_equal(from_csv.lens[0], from_sdmx.lens[0]);
	assert_memory_equal(from_csv.reports[0], from_sdmx.reports[0], from_csv.lens[0]);
	assert_int_equal(from_csv.lens[0], from_json.lens[0]);
	assert_memory_equal(from_csv.reports[0], from_json.reports[0], from_csv.lens[0]);
	assert_int_equal(from_csv.lens[0], from_protobuf.lens[0]);
	assert_memory_equal(from_csv.reports[0], from_protobuf.reports[0], from_csv.lens[0]);
	taken_free(&from_csv);
	taken_free(&from_sdmx);
	taken_free(&from_json);
	taken_free(&from_protobuf);
	book_free(&book);
}

/* A series is spelt one way, whatever the order of the columns. */
static void dimensions_stand_in_the_order_of_their_ids(void **state)
{
	struct book *book = province_book(false);
	struct taken a, b;

	(void)state;
	take_file(READER_CSV,
		  S("dim:SEX,dim:AGE,dim:B,time_period,reference_date,indicator,ref_area,value\nF,Y15,," ROW "5\n"),
		  NULL, book, &a);
	take_file(READER_CSV,
		  S("dim:AGE,dim:SEX,time_period,reference_date,indicator,ref_area,value\nY15,F," ROW "5\n"), NULL,
		  book, &b);
	assert_string_equal(a.told, "");
	assert_int_equal(a.lens[0], b.lens[0]);
	assert_memory_equal(a.reports[0], b.reports[0], a.lens[0]);
	taken_free(&a);
	taken_free(&b);
	book_free(&book);
}

/* What a report holds, as JSON, is read as the very same report. */
static void json_of_a_report_is_read_as_that_report(void **state)
{
	struct book *book = province_book(false);
	Tram__V1__Report *report = sample_report();
	char software[] = "tram " TRAM_VERSION;
	struct taken t;
	json_t *object;
	uint8_t *bytes;
	size_t len;
	char *text;

	(void)state;
	report->catalogue_version = 7;
	report->software = software;
	bytes = codec_pack(&report->base, &len);
	object = report_json(&report->base);
	text = json_dumps(object, 0);
	take_file(READER_JSON, text, strlen(text), NULL, book, &t);
	assert_string_equal(t.told, "");
	assert_int_equal(t.lens[0], len);
	assert_memory_equal(t.reports[0], bytes, len);
	taken_free(&t);
	json_decref(object);
	free(text);
	free(bytes);
	book_free(&book);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(csv_is_read_and_its_faults_are_placed),
	    cmocka_unit_test(figures_are_exact_or_told),
	    cmocka_unit_test(vietnamese_numbers_only_where_declared),
	    cmocka_unit_test(texts_are_mended_and_codes_are_not),
	    cmocka_unit_test(times_are_checked),
	    cmocka_unit_test(codes_are_checked_against_the_book),
	    cmocka_unit_test(sdmx_csv_is_read),
	    cmocka_unit_test(json_is_read),
	    cmocka_unit_test(long_rows_are_skipped),
	    cmocka_unit_test(columns_are_bounded),
	    cmocka_unit_test(problems_are_bounded),
	    cmocka_unit_test(nothing_is_given_behind_an_error),
	    cmocka_unit_test(a_heads_fault_is_told_once),
	    cmocka_unit_test(json_of_any_size_is_bounded),
	    cmocka_unit_test(serialized_reports_go_on_as_they_are),
	    cmocka_unit_test(options_alter_a_serialized_report),
	    cmocka_unit_test(a_serialized_report_of_too_many_figures),
	    cmocka_unit_test(serialized_faults_are_told),
	    cmocka_unit_test(options_fill_what_a_file_leaves_open),
	    cmocka_unit_test(an_options_fault_is_told_once),
	    cmocka_unit_test(withdrawing_needs_no_values),
	    cmocka_unit_test(texts_have_a_length),
	    cmocka_unit_test(what_is_meant_is_suggested),
	    cmocka_unit_test(without_a_codebook),
	    cmocka_unit_test(all_formats_give_the_same_bytes),
	    cmocka_unit_test(dimensions_stand_in_the_order_of_their_ids),
	    cmocka_unit_test(json_of_a_report_is_read_as_that_report),
	};

	setenv("TRAM_LANG", "en", 1);
	lang_start();
	clock_set(PROVINCE_TODAY, 0);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
