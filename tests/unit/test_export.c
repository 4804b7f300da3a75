/* SPDX-License-Identifier: Apache-2.0 */
/* Every format's bytes for a few rows that have everything in them, beside tests/golden/export.*, which TRAM_GOLDEN_WRITE=1
 * writes anew. */
#include "export.h"
#include "mem.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* 2024-07-19T01:00:00Z */
#define PREPARED INT64_C(1721350800000000)

struct text {
	char *bytes;
	size_t len;
};

static void collect(void *context, const char *bytes, size_t len)
{
	struct text *t = context;

	t->bytes = xrealloc(t->bytes, t->len + len + 1);
	memcpy(t->bytes + t->len, bytes, len);
	t->len += len;
	t->bytes[t->len] = 0;
}

#define ACCOUNTS                                                                                                       \
	.indicator = "accounts", .name_vi = "Tài khoản \"lũy kế\"", .name_en = "Accounts, cumulative",                 \
	.dataflow = "public_services", .dataflow_vi = "Dịch vụ công", .dataflow_en = "Public services",                \
	.display_decimals = 1
#define SHARE                                                                                                          \
	.indicator = "share", .name_vi = "Tỷ lệ", .name_en = "Share", .dataflow = "payments",                          \
	.dataflow_vi = "Thanh toán", .dataflow_en = "Payments", .display_decimals = 2
#define NATION .area = "VN", .area_name_vi = "Việt Nam", .area_name_en = "Viet Nam"

static const struct rollup_row rows[] = {
    {ACCOUNTS, NATION, .time_period = "2023-S2",
     .figure = {.value = "7700000.00000000000000000001",
		.unit = "account",
		.unit_vi = "tài khoản",
		.method = "sum",
		.boundary = "63",
		.catalogue_version = "3",
		.areas_reporting = 61,
		.areas_expected = 63,
		.coverage_weight = "0.8123456789012345678",
		.finality = "provisional",
		.obs_status = "P",
		.qualifier = "more_than",
		.parts_reporting = 122,
		.parts_expected = 126,
		.missing = "63/01 63/79",
		.n_missing = 2,
		.interval_low = "7700000.5",
		.interval_high = "8000000",
		.interval_basis = "last_accepted:1 of 2",
		.vintage = 2,
		.known_at = "2024-06-30T17:00:00.000000Z",
		.moved = true,
		.demonstration = true,
		.held = 2}},
    {ACCOUNTS, NATION, .time_period = "2024-S1",
     .figure = {.unit = "account",
		.unit_vi = "tài khoản",
		.method = "sum",
		.boundary = "63",
		.catalogue_version = "3",
		.areas_expected = 63,
		.coverage_weight = "0",
		.finality = "provisional",
		.obs_status = "M",
		.qualifier = ""}},
    {SHARE, .area = "63/46", .area_name_vi = "Thừa Thiên Huế", .area_name_en = "Thua Thien Hue",
     .time_period = "2018-01-01/P7Y",
     .figure = {.value = "-71.8379446640316206",
		.numerator = "-4543",
		.denominator = "6324",
		.unit = "percent/day",
		.unit_vi = "phần trăm",
		.method = "ratio_of_sums",
		.boundary = "63",
		.catalogue_version = "3",
		.areas_reporting = 1,
		.areas_expected = 1,
		.coverage_weight = "1",
		.finality = "final",
		.obs_status = "A",
		.qualifier = "exact"},
     .justification_code = "merger", .justification = "line 1\nline 2, \"quoted\" \\"},
    {SHARE, .area = "34/46", .area_name_vi = "Huế", .area_name_en = "Hue", .time_period = "2018-01-01/P7Y",
     .figure = {.unit = "percent/day",
		.unit_vi = "phần trăm",
		.method = "ratio_of_sums",
		.boundary = "34",
		.catalogue_version = "3",
		.areas_reporting = 1,
		.areas_expected = 1,
		.finality = "final",
		.obs_status = "M",
		.qualifier = ""}},
};

static struct text exported(enum export_format format, const struct export_meta *meta, size_t n)
{
	struct text t = {NULL, 0};
	struct export *e = export_new(format, collect, &t, meta);

	for (size_t i = 0; i < n; i++) {
		export_row(e, &rows[i]);
	}
	export_end(e);
	export_free(&e);
	assert_null(e);
	return t;
}

static char *golden(const char *name)
{
	char *path = xasprintf("%s/%s", TRAM_GOLDEN_DIR, name), *bytes = xcalloc(1, 65536);
	FILE *f = fopen(path, "r");

	if (!f) {
		fail_msg("%s is missing", path);
	}
	assert_true(fread(bytes, 1, 65535, f) < 65535);
	fclose(f);
	free(path);
	return bytes;
}

static const struct case_of_golden {
	enum export_format format;
	const char *file;
	struct export_meta meta;
} goldens[] = {
    {EXPORT_CSV, "export.csv", {"province", true, PREPARED, INT64_MAX, false, false}},
    {EXPORT_JSON, "export.json", {"province", false, PREPARED, INT64_MAX, false, false}},
    {EXPORT_SDMX_CSV, "export.sdmx.csv", {"province", false, PREPARED, INT64_MAX, false, false}},
    {EXPORT_SDMX_JSON, "export.sdmx.json", {"province", true, PREPARED, PREPARED - 1, false, false}},
    {EXPORT_OPENMETRICS, "export.openmetrics", {"province", false, PREPARED, INT64_MAX, true, false}},
};

static void test_bytes_are_as_ever(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof goldens / sizeof *goldens; i++) {
		struct text got = exported(goldens[i].format, &goldens[i].meta, sizeof rows / sizeof *rows);
		char *expected;

		if (getenv("TRAM_GOLDEN_WRITE")) {
			char *path = xasprintf("%s/%s", TRAM_GOLDEN_DIR, goldens[i].file);
			FILE *f = fopen(path, "w");

			assert_non_null(f);
			assert_int_equal(fwrite(got.bytes, 1, got.len, f), got.len);
			assert_int_equal(fclose(f), 0);
			free(path);
		}
		expected = golden(goldens[i].file);
		assert_string_equal(got.bytes, expected);
		free(got.bytes);
		free(expected);
	}
}

static void test_no_rows_are_a_whole_text(void **state)
{
	static const char *const texts[] = {[EXPORT_JSON] = "[]\n",
					    [EXPORT_SDMX_JSON] = "\"dataSets\":[],\n\"structures\":[]}}\n",
					    [EXPORT_CSV] = "moved,justification_code,justification\n",
					    [EXPORT_SDMX_CSV] = ",JUSTIFICATION_CODE,JUSTIFICATION\n",
					    [EXPORT_OPENMETRICS] = "tram_figure_left_out 0\n# EOF\n"};

	(void)state;
	for (size_t i = 0; i < sizeof goldens / sizeof *goldens; i++) {
		struct text got = exported(goldens[i].format, &goldens[i].meta, 0);

		assert_non_null(strstr(got.bytes, texts[goldens[i].format]));
		free(got.bytes);
	}
}

static void test_what_was_cut_short_leaves_nothing_behind(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof goldens / sizeof *goldens; i++) {
		struct text got = {NULL, 0};
		struct export *e = export_new(goldens[i].format, collect, &got, &goldens[i].meta);

		export_free(&e);
		assert_int_equal(got.len, 0);
	}
}

static size_t count(const char *text, const char *word)
{
	size_t n = 0;

	for (; (text = strstr(text, word)); text += strlen(word)) {
		n++;
	}
	return n;
}

static void test_metrics_are_of_the_newest_period(void **state)
{
	struct export_meta meta = {"province", false, PREPARED, INT64_MAX, false, true};
	struct text got = exported(EXPORT_OPENMETRICS, &meta, sizeof rows / sizeof *rows);

	(void)state;
	assert_int_equal(count(got.bytes, "2023-S2"), 0);
	assert_int_equal(count(got.bytes, "tram_figure_final{"), 3);
	assert_int_equal(count(got.bytes, "\ntram_figure{"), 1); /* what is missing has no sample */
	assert_int_equal(count(got.bytes, "EOF"), 0);            /* the caller says that more follows */
	free(got.bytes);
}

static void test_metrics_are_bounded_and_say_so(void **state)
{
	struct export_meta meta = {"province", false, PREPARED, INT64_MAX, true, false};
	struct text got = {NULL, 0};
	struct export *e = export_new(EXPORT_OPENMETRICS, collect, &got, &meta);

	(void)state;
	for (size_t i = 0; i < EXPORT_SERIES_MAX + 7; i++) {
		struct rollup_row row = rows[0];
		char period[8];

		snprintf(period, sizeof period, "%04zu", 1900 + i % 300);
		row.time_period = period;
		export_row(e, &row);
	}
	export_end(e);
	export_free(&e);
	assert_int_equal(count(got.bytes, "\ntram_figure{"), EXPORT_SERIES_MAX);
	assert_non_null(strstr(got.bytes, "\ntram_figure_left_out 7\n"));
	free(got.bytes);
}

static void test_formats_are_found_by_name_and_by_request(void **state)
{
	static const struct {
		const char *accept, *name; /* NULL: none will do */
	} cases[] = {
	    {NULL, "json"},
	    {"*/*", "json"},
	    {"text/csv", "csv"},
	    {"text/*, application/json;q=0.5", "csv"},
	    {"application/vnd.sdmx.data+csv; version=2.0.0", "sdmx-csv"},
	    {"application/vnd.sdmx.data+json;version=2.0.0, application/json;q=0.9", "sdmx-json"},
	    {"application/vnd.sdmx.data+json;version=1.0.0", NULL},
	    {"application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=0.1",
	     "openmetrics"},
	    {"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "json"},
	    {"text/html", NULL},
	};
	enum export_format format;

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		bool found = export_accept(cases[i].accept, &format);

		assert_int_equal(found, cases[i].name != NULL);
		if (found) {
			enum export_format named;

			assert_string_equal(export_format_name(format), cases[i].name);
			assert_true(export_format_named(cases[i].name, &named) && named == format);
			assert_non_null(strchr(export_media_type(format), '/'));
		}
	}
	assert_false(export_format_named("xml", &format));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_bytes_are_as_ever),
	    cmocka_unit_test(test_no_rows_are_a_whole_text),
	    cmocka_unit_test(test_what_was_cut_short_leaves_nothing_behind),
	    cmocka_unit_test(test_metrics_are_of_the_newest_period),
	    cmocka_unit_test(test_metrics_are_bounded_and_say_so),
	    cmocka_unit_test(test_formats_are_found_by_name_and_by_request),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
