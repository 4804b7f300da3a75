/* SPDX-License-Identifier: Apache-2.0 */
#include "catalogue.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DIR TRAM_SOURCE_DIR "/deploy/catalogue"

static struct catalogue_file *files;
static size_t n_files;
static struct catalogue *shipped;

static int32_t day(const char *text)
{
	int32_t ret;

	assert_true(date_parse(text, &ret));
	return ret;
}

static void print_mistakes(const struct catalogue_mistake *mistakes, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		print_error("%s:%d: %s\n", mistakes[i].file, mistakes[i].line, mistakes[i].text);
	}
}

static int load_shipped(void **state)
{
	struct catalogue_mistake *mistakes;
	struct err err;
	size_t n;

	(void)state;
	if (!catalogue_read_folder(DIR, &files, &n_files, &err)) {
		print_error("%s\n", err.text);
		return -1;
	}
	shipped = catalogue_new(files, n_files, 1, &mistakes, &n);
	print_mistakes(mistakes, n);
	catalogue_mistakes_free(mistakes, n);
	return shipped ? 0 : -1;
}

static int unload_shipped(void **state)
{
	(void)state;
	catalogue_unref(&shipped);
	catalogue_files_free(files, n_files);
	return shipped == NULL ? 0 : -1;
}

/* ---------------------------------------------------------------- the shipped files */

static void test_shipped_has_everything(void **state)
{
	const struct indicator *indicators;
	const struct dataflow *dataflows;
	const struct provider *providers;
	const struct published_figure *published;
	const struct area_succession *successions;
	const struct area *areas;
	size_t n, provinces = 0;

	(void)state;
	assert_int_equal(catalogue_version(shipped), 1);
	assert_int_equal(catalogue_indicators(shipped, &indicators), 79);
	assert_int_equal(catalogue_dataflows(shipped, &dataflows), 16);
	assert_int_equal(catalogue_providers(shipped, &providers), 71);
	assert_int_equal(catalogue_published(shipped, &published), 80);
	assert_int_equal(catalogue_successions(shipped, &successions), 63);
	n = catalogue_areas(shipped, &areas);
	for (size_t i = 0; i < n; i++) {
		provinces += areas[i].level == AREA_PROVINCE && areas[i].valid_to == DATE_OPEN;
	}
	assert_int_equal(provinces, 34);
	for (uint32_t i = 0; i < 79; i++) {
		assert_int_equal(indicators[i].position, i);
		assert_ptr_equal(catalogue_indicator(shipped, indicators[i].code), &indicators[i]);
	}
}

static void test_shipped_indicator(void **state)
{
	const struct indicator *i = catalogue_indicator(shipped, "psp_online_procedures");

	(void)state;
	assert_non_null(i);
	assert_string_equal(i->dataflow->code, "public_services");
	assert_int_equal(i->value_type, VALUE_RATIO);
	assert_string_equal(value_type_name(i->value_type), "ratio");
	assert_int_equal(i->over_area, OVER_AREA_DISTINCT_UNION);
	assert_string_equal(over_area_name(i->over_area), "distinct_union");
	assert_string_equal(over_time_name(i->over_time), "last");
	assert_true(i->integer && i->has_parts && i->part_of_whole && i->has_min && !i->has_max);
	i = catalogue_indicator(shipped, "population_density");
	assert_true(i->has_parts && !i->part_of_whole);
	i = catalogue_indicator(shipped, "fixed_broadband_speed");
	assert_true(i->weighs_observation && !i->has_parts);
	assert_false(catalogue_indicator(shipped, "grdp_per_capita")->weighs_observation);
	assert_null(catalogue_indicator(shipped, "psp_online_procedure"));
	assert_null(catalogue_indicator(shipped, ""));
}

static void test_shipped_cross_rule(void **state)
{
	const struct indicator *total = catalogue_indicator(shipped, "etransaction_law_affected_documents");
	const struct cross_rule *rule;

	(void)state;
	assert_int_equal(total->n_cross_rules, 1);
	rule = total->cross_rules[0];
	assert_string_equal(rule->rule->code, "DUNG-07");
	assert_ptr_equal(rule->left, total);
	assert_int_equal(rule->operator, CROSS_EQUAL);
	assert_int_equal(rule->severity, SEVERITY_JUSTIFY);
	assert_int_equal(rule->n_right, 3);
	assert_string_equal(rule->right[0].indicator->code, "etransaction_law_affected_treaties");
	assert_int_equal(rule->right[2].coefficient, 1);
	assert_int_equal(catalogue_indicator(shipped, "etransaction_law_affected_laws")->n_cross_rules, 0);
}

/* ---------------------------------------------------------------- areas by day */

static void test_area_on(void **state)
{
	static const struct {
		const char *code, *day, *area, *name;
	} cases[] = {
	    {"24", "2025-06-30", "63/24", "Bắc Giang"},
	    {"24", "2025-07-01", "34/24", "Bắc Ninh"},
	    {"24", "2026-09-20", "34/24", "Bắc Ninh"},
	    {"27", "2024-12-31", "63/27", "Bắc Ninh"},
	    {"27", "2025-07-01", NULL, NULL},
	    {"46", "2024-12-31", "63/46", "Thừa Thiên Huế"},
	    {"46", "2025-01-01", "63/46", "Huế"},
	    {"63/46", "2025-06-30", "63/46", "Huế"},
	    {"63/46", "2025-07-01", NULL, NULL},
	    {"34/46", "2025-06-30", NULL, NULL},
	    {"34/46", "2025-07-01", "34/46", "Huế"},
	    {"VN", "2026-11-21", "VN", "Việt Nam"},
	    {"VN", "2008-07-31", NULL, NULL},
	    {"99", "2024-01-01", NULL, NULL},
	    {"", "2024-01-01", NULL, NULL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		const struct area *area = catalogue_area_on(shipped, cases[i].code, day(cases[i].day));

		if (!cases[i].area) {
			assert_null(area);
			continue;
		}
		assert_non_null(area);
		assert_string_equal(area->area, cases[i].area);
		assert_string_equal(area->short_name_vi, cases[i].name);
	}
}

static void test_area_history(void **state)
{
	const struct area *rows[4];

	(void)state;
	assert_int_equal(catalogue_area_history(shipped, "24", rows, 4), 3);
	assert_string_equal(rows[0]->area, "63/24");
	assert_string_equal(rows[2]->kind, "municipality");
	assert_int_equal(rows[1]->identity, rows[2]->identity);
	assert_int_not_equal(rows[0]->identity, rows[1]->identity);
	assert_int_equal(catalogue_area_history(shipped, "63/46", rows, 1), 2);
	assert_int_equal(catalogue_area_history(shipped, "nowhere", rows, 4), 0);
	assert_string_equal(catalogue_area_ever(shipped, "27")->area, "63/27");
	assert_null(catalogue_area_ever(shipped, "nowhere"));
}

static void test_agreement(void **state)
{
	static const struct {
		const char *provider, *dataflow, *area, *day;
		bool may;
	} cases[] = {
	    {"P63-46", "public_services_province", "63/46", "2024-06-14", true},
	    {"P63-46", "public_services_province", "63/45", "2024-06-14", false},
	    {"P63-46", "public_services", "63/46", "2024-06-14", false},
	    {"C-GO", "public_services", "VN", "2024-06-14", true},
	    {"C-GO", "public_services_province", "VN", "2024-06-14", false},
	    {"P63-46", "public_services_province", "63/46", "2020-12-31", false},
	    {"P63-46", "public_services_province", "63/46", "2021-01-01", true},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		const struct provider *p = catalogue_provider(shipped, cases[i].provider);
		const struct dataflow *d = catalogue_dataflow(shipped, cases[i].dataflow);
		const struct area *a = catalogue_area_on(shipped, cases[i].area, day(cases[i].day));

		assert_int_equal(catalogue_agreement(shipped, p, d, a, day(cases[i].day)), cases[i].may);
	}
}

/* ---------------------------------------------------------------- periods */

static void test_period_dates(void **state)
{
	static const struct {
		const char *dataflow, *period, *from, *to, *due; /* NULL: none */
	} cases[] = {
	    {"public_services_province", "2024-S1", "2023-12-15", "2024-06-14", "2024-06-06"},
	    {"public_services_province", "2024-S2", "2024-06-15", "2024-12-14", "2024-12-06"},
	    {"digital_economy_province", "2024", "2023-12-15", "2024-12-14", "2024-11-25"},
	    {"public_services_province", "2024", NULL, NULL, "2024-11-25"},
	    {"province_statistics", "2024", "2024-01-01", "2024-12-31", "2024-11-25"},
	    {"digital_platforms", "2024-Q1", "2024-01-01", "2024-03-31", "2024-03-06"},
	    {"digital_platforms", "2024-Q4", "2024-10-01", "2024-12-31", "2024-12-06"},
	    {"policy_targets", "2024-07-19", "2024-07-19", "2024-07-19", NULL},
	    {"policy_targets", "2024-W05", NULL, NULL, NULL},
	    {"international_comparison", "2018-01-01/P7Y", "2018-01-01", "2024-12-31", NULL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		const struct dataflow *d = catalogue_dataflow(shipped, cases[i].dataflow);
		struct period p;
		int32_t from, to, due;

		assert_true(period_parse(cases[i].period, &p));
		assert_int_equal(catalogue_period_dates(d, &p, &from, &to), cases[i].from != NULL);
		if (cases[i].from) {
			assert_int_equal(from, day(cases[i].from));
			assert_int_equal(to, day(cases[i].to));
		}
		assert_int_equal(catalogue_due_date(d, &p, &due), cases[i].due != NULL);
		if (cases[i].due) {
			assert_int_equal(due, day(cases[i].due));
		}
	}
}

static void test_parameters(void **state)
{
	(void)state;
	assert_int_equal(catalogue_parameter(shipped, PARAMETER_CLOCK_TOLERANCE), 300);
	assert_int_equal(catalogue_parameter(shipped, PARAMETER_NINES), 3);
	assert_true(catalogue_has_dimension_code(shipped, "SEX=F"));
	assert_false(catalogue_has_dimension_code(shipped, "SEX=X"));
	assert_false(catalogue_has_dimension_code(shipped, "SEX"));
	assert_string_equal(catalogue_indicator(shipped, "population")->dimensions, "SEX");
}

static void test_references(void **state)
{
	struct catalogue *other = catalogue_ref(shipped);

	(void)state;
	catalogue_unref(&other);
	assert_null(other);
	assert_non_null(catalogue_indicator(shipped, "population"));
	catalogue_unref(&other);
}

static void test_folder_that_is_not_there(void **state)
{
	struct catalogue_file *none;
	struct err err;
	size_t n;

	(void)state;
	assert_false(catalogue_read_folder("/nonexistent/catalogue", &none, &n, &err));
	assert_int_equal(err.kind, ERR_NOINPUT);
	assert_non_null(strstr(err.text, "/nonexistent/catalogue"));
	assert_false(catalogue_read_folder(TRAM_SOURCE_DIR "/proto", &none, &n, &err));
	assert_non_null(strstr(err.text, "indicators.csv"));
}

/* ---------------------------------------------------------------- one mistake at a time, made in the shipped files */

/* Lines by what they hold, so that the shipped files may grow. */
struct change {
	const char *file;
	const char *line_with; /* the first line with this text is changed; NULL: a line is added at the end */
	const char *from, *to; /* in that line; from NULL: the whole line becomes `to` */
	const char *mistake;   /* part of what is said */
	const char *said_of;   /* the file it is said of; NULL: the file changed, and that line */
};

static const struct change changes[] = {
    /* form */
    {"indicators.csv", "code,", "name_vi", "name_vn", "column 'name_vn' is unknown", NULL},
    {"indicators.csv", "code,", "name_vi", "name_vn", "column 'name_vi' is missing", NULL},
    {"indicators.csv", "code,", "name_vi", "name_en", "column 'name_en' stands twice", NULL},
    {"dataflows.csv", "governance,", "governance,", "governance,governance,", "fields where the head has", NULL},
    {"dataflows.csv", "governance,", "Quản trị số", "", "name_vi is empty", NULL},
    {"dataflows.csv", "governance,", "Quản trị số", "Qu\xE1n", "is not UTF-8", NULL},
    {"dataflows.csv", "governance,", "Quản trị số", "Quản\xC2\xA0trị số", "U+00A0", NULL},
    {"dataflows.csv", "governance,", "Quản trị số", "Qua\xCC\x89n trị số", "NFC", NULL},
    {"dataflows.csv", "governance,", "Quản trị số", "Quản\x01trị", "control character", NULL},
    {"dataflows.csv", "governance,", "Quản trị số", "\"Quản \"trị số", "a quote does not close", NULL},
    {"dataflows.csv", "governance,", "governance,", "gover nance,", "'gover nance' is no code", NULL},
    {"dataflows.csv", "governance,", "centre", "center", "'center' is unknown; it must be one of: province, centre",
     NULL},
    {"dataflows.csv", "governance,", ",S,", ",S|S,", "'S|S' is no list of frequencies", NULL},
    {"dataflows.csv", "governance,", ",S,", ",X,", "'X' is no list of frequencies", NULL},
    {"dataflows.csv", "governance,", "2021-01-01", "2021-13-01", "'2021-13-01' is no date", NULL},
    {"dataflows.csv", "governance,", "2021-01-01,", "2021-01-01,2020-12-31", "valid_from is later than valid_to", NULL},
    {"indicators.csv", "population,", ",y,800,", ",yes,800,", "mandatory: 'yes' is neither y nor n", NULL},
    {"indicators.csv", "population,", ",y,800,", ",y,0,", "'0' is no whole number from 1 to 36500", NULL},
    {"indicators.csv", "population,", ",y,800,", ",y,8e2,", "'8e2' is no whole number", NULL},
    {"indicators.csv", "population,", ",y,0,,", ",y,\"1,5\",,", "min: '1,5' is no figure", NULL},
    {"indicators.csv", "population,", "count,person", "number,person", "it must be one of: count, amount, percent",
     NULL},
    {"indicators.csv", "population,", "count,person,", "count,,", "unit is empty", NULL},
    {"indicators.csv", "population,", ",count,sum,", ",census,sum,", "kind: 'census' is unknown", NULL},
    {"indicators.csv", "population,", ",count,sum,", ",count,add,", "over_area: 'add' is unknown", NULL},
    /* parameters, calendars, due dates */
    {"parameters.csv", "SACH-06.nines", "SACH-06.nines,3", "SACH-06.nines,-3", "'-3' is no whole number", NULL},
    {"parameters.csv", "SACH-06.nines", "SACH-06.nines,3", "SACH-06.nines,1", "'1' is no whole number from 2 to 18",
     NULL},
    {"parameters.csv", "SACH-06.nines", "SACH-06.nines", "SACH-06.ten", "'SACH-06.ten' is unknown", NULL},
    {"parameters.csv", "SACH-06.nines", "SACH-06.nines", "SONG-04.clock_tolerance_seconds", "stands on an earlier line",
     NULL},
    {"calendars.csv", "decree_09_2019,M", ",M,", ",W,", "one of A, S, Q, M a line", NULL},
    {"calendars.csv", "decree_09_2019,Q", ",Q,", ",M,", "has frequency M on an earlier line already", NULL},
    {"calendars.csv", "decree_09_2019,M", ",15,", ",29,", "'29' is no whole number from 0 to 28", NULL},
    {"calendars.csv", "gregorian,Q", NULL, "", "calendar 'gregorian' has no frequency Q", "dataflows.csv"},
    {"due_dates.csv", "circular_02_2023,M", ",M,", ",M|Q,", "one of A, S, Q, M a line", NULL},
    {"due_dates.csv", "circular_02_2023,Q", ",Q,", ",M,", "has frequency M on an earlier line already", NULL},
    {"due_dates.csv", "circular_02_2023,A", NULL, "", "due 'circular_02_2023' has no frequency A", "dataflows.csv"},
    /* areas */
    {"areas.csv", "63/01,", "63/01,", "63/001,", "area '63/001' must be vintage/code, here '63/01'", NULL},
    {"areas.csv", "63/01,", "63/red_river_delta", "63/delta", "parent '63/delta' is no area of this file", NULL},
    {"areas.csv", "63/01,", "province,63", "state,63", "level: 'state' is unknown", NULL},
    {"areas.csv", "63/46,province,63,46,63/north_central_coast,2025", "2025-01-01", "2024-12-31",
     "'63/46' holds on days", NULL},
    {"areas.csv", "34/24,", "2025-07-01", "2025-06-30", "gives '63/24' too", NULL},
    {"areas.csv", "63/01,", "8717600", "8717600.5", "population must be a whole number", NULL},
    {"areas.csv", "63/01,", "2025-06-30", "2008-07-31", "valid_from is later than valid_to", NULL},
    {"succession.csv", "63/02,", "34/08", "34/09", "area '34/09' is not in areas.csv", NULL},
    {"succession.csv", "63/02,", "63/02", "63/03", "area '63/03' is not in areas.csv", NULL},
    /* providers, sources */
    {"providers.csv", "P63-02,", "63/02", "63/03", "area '63/03' is not in areas.csv", NULL},
    {"providers.csv", "P63-02,", "63/02", "63/01", "area '63/01' has a provider on an earlier line already", NULL},
    {"providers.csv", "P63-02,", "63/02", "VN", "area 'VN' is a nation; this kind of provider needs a province", NULL},
    {"providers.csv", "P63-02,", "P63-02", "P63-01", "'P63-01' stands on an earlier line already", NULL},
    {"providers.csv", "P63-02,", "P63-02", "a123456789b123456789c123456789d123456789e123456789f123456789abcde",
     "is no code", NULL},
    {"providers.csv", "P63-02,", "agent-63-02", "Agent-63-02", "agent 'Agent-63-02'", NULL},
    {"source_systems.csv", "egdi,", "egdi", "gii", "'gii' stands on an earlier line already", "source_systems.csv"},
    {"sources.csv", "dx-day-2022-10-10", "dx-day-2022-10-10", "dx-day",
     "source 'dx-day-2022-10-10' is not in sources.csv", "published_figures.csv"},
    /* dataflows, indicators */
    {"dataflows.csv", "governance,", "gregorian", "lunar", "calendar 'lunar' is not in calendars.csv", NULL},
    {"dataflows.csv", "governance,", "circular_02_2023", "circular_03", "due 'circular_03' is not in due_dates.csv",
     NULL},
    {"dataflows.csv", "governance_province,", "governance_province", "governance",
     "'governance' stands on an earlier line", NULL},
    {"indicators.csv", "population,", "province_statistics", "statistics",
     "dataflow 'statistics' is not in dataflows.csv", NULL},
    {"indicators.csv", "land_area,", "land_area", "population", "'population' stands on an earlier line already", NULL},
    {"indicators.csv", "population,", ",y,0,,", ",y,5,4,", "min is above max", NULL},
    {"indicators.csv", "grdp_per_capita,", "last,population,population", "last,people,population",
     "mean_weight 'people'", NULL},
    {"indicators.csv", "grdp_per_capita,", "last,population,population", "last,population,people",
     "coverage_weight 'people'", NULL},
    {"indicators.csv", "grdp_per_capita,", "last,population,population", "last,own,population",
     "mean_weight 'own' is neither 'observation'", NULL},
    {"indicators.csv", "grdp_per_capita,", "last,population,population", "last,population,observation",
     "coverage_weight 'observation' is neither 'own'", NULL},
    {"indicators.csv", "payment_account_share_adults_target,", ",,payment_account_share_adults", ",,shares",
     "target_of: indicator 'shares' is not in", NULL},
    {"indicators.csv", "payment_account_share_adults_target,", ",,payment_account_share_adults", ",,population",
     "target_of: 'population' (person) is nothing that a target in percent", NULL},
    {"indicators.csv", "payment_account_share_adults_target,", ",,payment_account_share_adults", ",0,",
     "gate_percent: '0' is no whole number from 1 to 100", NULL},
    {"indicators.csv", "payment_account_share_adults_target,", ",target,last,", ",national_only,last,",
     "target_of: only an indicator whose over_area is target", NULL},
    {"indicators.csv", "grdp_per_capita,", "last,population,population", "last,,population",
     "weighted_mean needs mean_weight", NULL},
    {"indicators.csv", "fixed_broadband_speed_yoy_growth,", ",fixed_broadband_speed,", ",fixed_speed,",
     "derives_from: indicator 'fixed_speed' is not in", NULL},
    {"indicators.csv", "fixed_broadband_speed_yoy_growth,", ",fixed_broadband_speed,", ",,",
     "growth_recomputed needs derives_from", NULL},
    {"indicators.csv", "digital_economy_growth_to_gdp_growth_multiple,", "digital_economy_growth / gdp_growth",
     "digital_economy_growth * gdp_growth", "cannot be read; write 'x' or 'x / y'", NULL},
    {"indicators.csv", "population,", ",A,y,", ",A|S,y,", "frequency S is none of dataflow 'province_statistics' (A)",
     NULL},
    {"indicators.csv", "population,", "population_db", "people_db",
     "source_system 'people_db' is not in source_systems.csv", NULL},
    {"indicators.csv", "population,", ",SEX,", ",SEX|AGE,", "dimension 'AGE' is not in dimensions.csv", NULL},
    {"dimensions.csv", "SEX,M", "SEX,M", "SEX,F", "'SEX=F' stands on an earlier line already", NULL},
    /* cross rules */
    {"cross_rules.csv", "etransaction_documents_total,", "DUNG-07", "DUNG-99",
     "rule 'DUNG-99' is neither the program's nor in rules.csv", NULL},
    {"cross_rules.csv", "etransaction_documents_total,", ",J,", ",X,", "'X' is unknown; it must be one of: B, J, W, I",
     NULL},
    {"cross_rules.csv", "etransaction_documents_total,", ",=,", ",==,",
     "'==' is unknown; it must be one of: =, <=, >=", NULL},
    {"cross_rules.csv", "etransaction_documents_total,", ",0,", ",-1,", "tolerance must not be below 0", NULL},
    {"cross_rules.csv", "etransaction_documents_total,", ",etransaction_law_affected_documents,", ",etransaction,",
     "left: indicator 'etransaction' is not in", NULL},
    {"cross_rules.csv", "etransaction_documents_total,", "affected_laws +", "affected_rules +",
     "right: indicator 'etransaction_law_affected_rules' is not in", NULL},
    {"cross_rules.csv", "etransaction_documents_total,", "affected_laws +", "affected_laws *", "cannot be read", NULL},
    {"cross_rules.csv", "etransaction_documents_total,", "affected_laws +", "affected_laws + +", "cannot be read",
     NULL},
    {"cross_rules.csv", "etransaction_documents_total,", "affected_laws +", "affected_laws + 0", "cannot be read",
     NULL},
    {"cross_rules.csv", "etransaction_documents_total,", "etransaction_law_affected_laws", "population",
     "are of different dataflows", NULL},
    {"cross_rules.csv", "etransaction_documents_total,", "etransaction_law_affected_laws", "reporting_provinces",
     "have different units", NULL},
    {"cross_rules.csv", "etransaction_documents_total,", "etransaction_law_affected_laws",
     "etransaction_law_affected_documents", "is compared with itself", NULL},
    {"cross_rules.csv", "digital_seaport_cost_range,", "digital_seaport_cost_range", "etransaction_documents_total",
     "stands on an earlier line already", NULL},
    {"cross_rules.csv", NULL, NULL,
     "circle,DUNG-07,etransaction_law_affected_laws,=,etransaction_law_affected_documents,0,skip_any,J,vòng,circle",
     "directly or in a circle", "cross_rules.csv"},
    {"cross_rules.csv", "digital_seaport_cost_range,", ",digital_seaport_cost_vs_foreign_high,",
     ",digital_seaport_cost_vs_foreign_low,", "is compared with itself", NULL},
    {"cross_rules.csv", "etransaction_documents_total,", "affected_laws +", "affected_laws + 1000001", "cannot be read",
     NULL},
    {"cross_rules.csv", "etransaction_documents_total,",
     "etransaction_law_affected_laws + etransaction_law_affected_guidance", "nothing + nowhere",
     "indicator 'nowhere' is not in", NULL},
    /* published figures */
    {"published_figures.csv", "1,psp_registered_accounts", "psp_registered_accounts", "psp_accounts",
     "indicator 'psp_accounts'", NULL},
    {"published_figures.csv", "1,psp_registered_accounts", "2024-S1", "2024-S3", "time_period '2024-S3' is none", NULL},
    {"published_figures.csv", "1,psp_registered_accounts", "2024-S1", "2024-06", "has only the frequencies S", NULL},
    {"published_figures.csv", "1,psp_registered_accounts", "account,6", "person,6",
     "unit 'person' is not the indicator's", NULL},
    {"published_figures.csv", "1,psp_registered_accounts", "16.4", "", "there is no value", NULL},
    {"published_figures.csv", "2,psp_online_procedures", ",6325,", ",,", "there is no value", NULL},
    {"published_figures.csv", "2,psp_online_procedures", ",4543,", ",,", "there is no value", NULL},
    {"published_figures.csv", "1,psp_registered_accounts", "16.4", "1.6e7", "value: '1.6e7' is no figure", NULL},
    {"published_figures.csv", "3,project06", "3,project06", "1,project06", "figure_no 1 stands on an earlier line",
     NULL},
    {"published_figures.csv", "1,psp_registered_accounts", ",A,", ",Z,", "obs_status: 'Z' is unknown", NULL},
};

static const struct catalogue_file *shipped_file(const char *name)
{
	for (size_t i = 0; i < n_files; i++) {
		if (strcmp(files[i].name, name) == 0) {
			return &files[i];
		}
	}
	fail_msg("no file %s", name);
	return NULL;
}

/* Where the first line begins that begins with the text. */
static const char *line_that_begins(const char *content, const char *with)
{
	const char *at = content;

	while (strncmp(at, with, strlen(with)) != 0) {
		at = strchr(at, '\n');
		if (!at) {
			fail_msg("no line begins with %s", with);
			return content;
		}
		at++;
	}
	return at;
}

static int line_number(const char *content, const char *at)
{
	int n = 1;

	for (; content < at; content++) {
		n += *content == '\n';
	}
	return n;
}

/* The file's content with the change made; caller frees. */
static char *change_content(const char *content, const struct change *change, int *ret_line)
{
	const char *line, *end, *at;
	char *changed;

	if (!change->line_with) {
		assert_true(asprintf(&changed, "%s%s\n", content, change->to) > 0);
		*ret_line = 0;
		return changed;
	}
	line = line_that_begins(content, change->line_with);
	end = strchr(line, '\n');
	at = change->from ? strstr(line, change->from) : line;
	if (!at || at >= end) {
		fail_msg("'%s' is not in the line of '%s'", change->from, change->line_with);
		return NULL;
	}
	*ret_line = line_number(content, line);
	assert_true(asprintf(&changed, "%.*s%s%s", (int)(at - content), content, change->to,
			     change->from ? at + strlen(change->from) : end) > 0);
	return changed;
}

static bool is_said(const struct catalogue_mistake *mistakes, size_t n, const struct change *change, int line)
{
	for (size_t i = 0; i < n; i++) {
		bool there = strcmp(mistakes[i].file, change->said_of ? change->said_of : change->file) == 0 &&
			     (change->said_of || mistakes[i].line == line);

		if (there && strstr(mistakes[i].text, change->mistake)) {
			return true;
		}
	}
	return false;
}

static void test_mistakes(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
		const struct change *change = &changes[i];
		struct catalogue_file changed[32];
		struct catalogue_mistake *mistakes;
		struct catalogue *c;
		size_t n;
		int line;
		char *content = change_content(shipped_file(change->file)->content, change, &line);

		memcpy(changed, files, n_files * sizeof *files);
		for (size_t k = 0; k < n_files; k++) {
			if (strcmp(changed[k].name, change->file) == 0) {
				changed[k].content = content;
				changed[k].len = strlen(content);
			}
		}
		c = catalogue_new(changed, n_files, 0, &mistakes, &n);
		if (c || !is_said(mistakes, n, change, line)) {
			print_mistakes(mistakes, n);
			fail_msg("case %zu: not said of %s:%d: %s", i, change->file, line, change->mistake);
		}
		catalogue_mistakes_free(mistakes, n);
		catalogue_unref(&c);
		free(content);
	}
}

static const char *const optional_files[] = {"words.csv",      "rules.csv",           "justifications.csv",
					     "references.csv", "reference_rules.csv", NULL};

static bool is_optional(const char *file)
{
	size_t i = 0;

	while (optional_files[i] && strcmp(optional_files[i], file) != 0) {
		i++;
	}
	return optional_files[i];
}

static void test_missing_file(void **state)
{
	struct catalogue_mistake *mistakes;
	size_t n;

	(void)state;
	for (size_t i = 0; catalogue_file_names[i]; i++) {
		struct catalogue_file fewer[32];
		size_t n_fewer = 0;

		if (is_optional(catalogue_file_names[i])) {
			continue;
		}
		for (size_t k = 0; k < n_files; k++) {
			if (strcmp(files[k].name, catalogue_file_names[i]) != 0) {
				fewer[n_fewer++] = files[k];
			}
		}
		assert_int_equal(n_fewer, n_files - 1);
		assert_null(catalogue_new(fewer, n_fewer, 0, &mistakes, &n));
		assert_int_equal(n, 1); /* and nothing of what the other files say of it */
		assert_string_equal(mistakes[0].file, catalogue_file_names[i]);
		assert_non_null(strstr(mistakes[0].text, "the file is missing"));
		catalogue_mistakes_free(mistakes, n);
	}
}

/* The files of an earlier release: words and rules are then the program's own. */
static void test_files_of_an_earlier_release(void **state)
{
	struct catalogue_file fewer[32];
	struct catalogue_mistake *mistakes;
	const struct word *words;
	const struct rule *rules;
	const struct justification *justifications;
	struct catalogue *c;
	size_t n_fewer = 0, n;

	(void)state;
	for (size_t k = 0; k < n_files; k++) {
		if (!is_optional(files[k].name)) {
			fewer[n_fewer++] = files[k];
		}
	}
	assert_int_equal(n_fewer, 13);
	c = catalogue_new(fewer, n_fewer, 0, &mistakes, &n);
	print_mistakes(mistakes, n);
	assert_non_null(c);
	assert_int_equal(catalogue_words(c, &words), n_built_in_words);
	assert_string_equal(words[3].code, "song");
	assert_int_equal(catalogue_rules(c, &rules), N_BUILT_IN_RULES);
	for (size_t i = 0; i < N_BUILT_IN_RULES; i++) {
		assert_string_equal(rules[i].code, built_in_rules[i].code);
		assert_ptr_equal(catalogue_rule(c, rules[i].code), &rules[i]);
		assert_int_equal(rules[i].word, built_in_rules[i].word);
		assert_int_equal(rules[i].severity, built_in_rules[i].severity);
		assert_true(rule_in_force(&rules[i], DATE_ALWAYS) && rule_in_force(&rules[i], DATE_OPEN));
	}
	assert_int_equal(catalogue_justifications(c, &justifications), 0);
	assert_null(catalogue_justification(c, "other"));
	catalogue_unref(&c);
}

/* What the shipped files say of words and rules is what the program has, so that a change of one is seen. */
static void test_shipped_words_and_rules(void **state)
{
	const struct word *words;
	const struct rule *rules;

	(void)state;
	assert_int_equal(catalogue_words(shipped, &words), n_built_in_words);
	for (size_t i = 0; i < n_built_in_words; i++) {
		assert_string_equal(words[i].code, built_in_words[i].code);
		assert_string_equal(words[i].name_vi, built_in_words[i].name_vi);
	}
	assert_int_equal(catalogue_rules(shipped, &rules), N_BUILT_IN_RULES);
	for (size_t i = 0; i < N_BUILT_IN_RULES; i++) {
		if (rules[i].severity != built_in_rules[i].severity || rules[i].word != built_in_rules[i].word) {
			fail_msg("rules.csv and rules.def differ in %s", rules[i].code);
		}
	}
	for (size_t k = 0; k < n_files; k++) {
		for (size_t i = 0; strcmp(files[k].name, "rules.csv") == 0 && i < N_BUILT_IN_RULES; i++) {
			char start[32];

			snprintf(start, sizeof start, "\n%s,", built_in_rules[i].code);
			if (!strstr(files[k].content, start)) {
				fail_msg("rules.csv has no line of %s", built_in_rules[i].code);
			}
		}
	}
	assert_false(catalogue_justification(shipped, "seasonal")->needs_text);
	assert_true(catalogue_justification(shipped, "other")->needs_text);
	assert_null(catalogue_justification(shipped, "because"));
}

/* The catalogue with one file's content in place of the shipped one. */
static struct catalogue *with_content(const char *file, const char *content, struct catalogue_mistake **ret,
				      size_t *ret_n)
{
	struct catalogue_file changed[32];

	memcpy(changed, files, n_files * sizeof *files);
	for (size_t i = 0; i < n_files; i++) {
		if (strcmp(changed[i].name, file) == 0) {
			changed[i].content = content;
			changed[i].len = strlen(content);
		}
	}
	return catalogue_new(changed, n_files, 0, ret, ret_n);
}

static void test_mistakes_are_all_told(void **state)
{
	static const char content[] = "source,date,event_vi,publisher\n"
				      "a,2024-02-30,\"two\nlines\",\n"
				      "b,2024-01-01,,x\n"
				      "b,2024-01-01,again,x";
	struct catalogue_mistake *mistakes;
	size_t n;

	(void)state;
	assert_null(with_content("sources.csv", content, &mistakes, &n));
	assert_true(n > 3);
	assert_string_equal(mistakes[0].file, "sources.csv");
	assert_int_equal(mistakes[0].line, 2);
	assert_non_null(strstr(mistakes[0].text, "2024-02-30"));
	assert_int_equal(mistakes[1].line, 4);
	assert_non_null(strstr(mistakes[1].text, "event_vi is empty"));
	assert_int_equal(mistakes[2].line, 5);
	assert_non_null(strstr(mistakes[2].text, "'b' stands on an earlier line"));
	assert_string_equal(mistakes[3].file, "published_figures.csv");
	catalogue_mistakes_free(mistakes, n);
	assert_null(with_content("sources.csv", "", &mistakes, &n));
	assert_non_null(strstr(mistakes[0].text, "the file is empty"));
	catalogue_mistakes_free(mistakes, n);
}

static void test_a_mistake_is_of_the_line_where_its_row_begins(void **state)
{
	static const char content[] = "source,date,event_vi,publisher\n"
				      "\"a\nb\",2024-01-01,x,\n"
				      "\n"
				      "c,2024-01-01,\"x\n\ny\",\n"
				      "d,today,x,\n";
	struct catalogue_mistake *mistakes;
	size_t n;

	(void)state;
	assert_null(with_content("sources.csv", content, &mistakes, &n));
	assert_int_equal(mistakes[0].line, 2);
	assert_non_null(strstr(mistakes[0].text, "is no code"));
	assert_int_equal(mistakes[1].line, 8);
	assert_non_null(strstr(mistakes[1].text, "'today'"));
	catalogue_mistakes_free(mistakes, n);
}

/* ---------------------------------------------------------------- what is no mistake */

static struct catalogue *fine_content(const char *file, const char *content)
{
	struct catalogue_mistake *mistakes;
	struct catalogue *c;
	size_t n;

	c = with_content(file, content, &mistakes, &n);
	print_mistakes(mistakes, n);
	assert_non_null(c);
	catalogue_mistakes_free(mistakes, n);
	return c;
}

static struct catalogue *fine_change(const char *file, const char *line_with, const char *from, const char *to)
{
	int line;
	char *content =
	    change_content(shipped_file(file)->content, &(struct change){file, line_with, from, to, NULL, NULL}, &line);
	struct catalogue *c = fine_content(file, content);

	free(content);
	return c;
}

static void test_values_at_their_bounds(void **state)
{
	static const struct {
		const char *file, *line_with, *from, *to;
	} fine[] = {
	    {"calendars.csv", "decree_09_2019,M", ",15,", ",28,"},
	    {"calendars.csv", "decree_09_2019,M", ",15,", ",0,"},
	    {"indicators.csv", "population,", ",y,800,", ",y,36500,"},
	    {"indicators.csv", "population,", ",y,800,", ",y,1,"},
	    {"indicators.csv", "population,", ",y,0,,", ",y,4,4,"},
	    {"indicators.csv", "population,", ",SEX,", ",,"},
	    {"dataflows.csv", "governance,", "2021-01-01,", "2021-01-01,2021-01-01"},
	    {"dataflows.csv", "governance,", "circular_02_2023", ""},
	    {"areas.csv", "63/01,", "8717600", "0"},
	    {"providers.csv", "P63-02,", "P63-02", "a123456789b123456789c123456789d123456789e123456789f123456789abcd"},
	    {"cross_rules.csv", "etransaction_documents_total,", "affected_laws +", "affected_laws + 1000000"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof fine / sizeof *fine; i++) {
		struct catalogue *c = fine_change(fine[i].file, fine[i].line_with, fine[i].from, fine[i].to);

		catalogue_unref(&c);
	}
}

static void test_frequencies_have_their_own_days(void **state)
{
	struct catalogue *c = fine_change("calendars.csv", "decree_09_2019,A", "A,-1,15,0,14", "A,0,1,0,0");
	const struct dataflow *d = catalogue_dataflow(c, "digital_economy_province");
	struct period p;
	int32_t from = 0, to = 0;

	(void)state;
	assert_true(period_parse("2024", &p) && catalogue_period_dates(d, &p, &from, &to));
	assert_int_equal(from, day("2024-01-01"));
	assert_true(period_parse("2024-S1", &p) && catalogue_period_dates(d, &p, &from, &to));
	assert_int_equal(from, day("2023-12-15"));
	catalogue_unref(&c);
	c = fine_change("dataflows.csv", "governance,", "circular_02_2023", "");
	assert_false(catalogue_due_date(catalogue_dataflow(c, "governance"), &p, &to));
	catalogue_unref(&c);
}

/* The file with the line that begins so and the next one exchanged; caller frees. */
static char *exchange_lines(const char *content, const char *with)
{
	const char *first = line_that_begins(content, with), *second = strchr(first, '\n') + 1,
		   *rest = strchr(second, '\n') + 1;
	char *ret;

	assert_true(asprintf(&ret, "%.*s%.*s%.*s%s", (int)(first - content), content, (int)(rest - second), second,
			     (int)(second - first), first, rest) > 0);
	return ret;
}

static void test_rows_of_an_area_in_any_order(void **state)
{
	char *content = exchange_lines(shipped_file("areas.csv")->content, "63/46,");
	struct catalogue *c = fine_content("areas.csv", content);
	const struct area *rows[2];

	(void)state;
	assert_int_equal(catalogue_area_history(c, "63/46", rows, 2), 2);
	assert_string_equal(rows[0]->short_name_vi, "Thừa Thiên Huế");
	assert_string_equal(rows[1]->short_name_vi, "Huế");
	catalogue_unref(&c);
	free(content);
}

#define CROSS_HEAD "code,rule,left,operator,right,tolerance,missing,severity,note_vi,note_en\n"

static void test_comparisons_in_any_order(void **state)
{
	struct catalogue *c = fine_content(
	    "cross_rules.csv",
	    CROSS_HEAD "a,DUNG-11,dx_pilot_provinces_target_low,<=,dx_pilot_provinces_target_high,0,skip_any,J,x,x\n"
		       "b,DUNG-11,psp_new_accounts,<=,psp_registered_accounts,0,skip_any,J,x,x\n"
		       "c,DUNG-11,dx_pilot_provinces_target_low,<=,dx_pilot_ministries_target_high,0,skip_any,J,x,x\n");
	const struct indicator *low = catalogue_indicator(c, "dx_pilot_provinces_target_low");
	const struct cross_rule *rules;

	(void)state;
	assert_int_equal(catalogue_cross_rules(c, &rules), 3);
	assert_int_equal(low->n_cross_rules, 2);
	assert_string_equal(low->cross_rules[0]->code, "a");
	assert_string_equal(low->cross_rules[1]->code, "c");
	catalogue_unref(&c);
}

/* Two sums may share a part. */
static void test_a_diamond_is_no_circle(void **state)
{
	struct catalogue *c = fine_content(
	    "cross_rules.csv", CROSS_HEAD
	    "a,DUNG-07,etransaction_law_affected_documents,=,etransaction_law_affected_treaties + "
	    "etransaction_law_affected_laws,0,"
	    "skip_any,J,x,x\n"
	    "b,DUNG-07,etransaction_law_affected_treaties,=,etransaction_law_affected_guidance,0,skip_any,J,x,x\n"
	    "c,DUNG-07,etransaction_law_affected_laws,=,etransaction_law_affected_guidance,0,skip_any,J,x,x\n");

	(void)state;
	catalogue_unref(&c);
}

/* A parameter that is not there, as in a catalogue of an earlier release, has its default. */
static void test_parameters_may_be_absent(void **state)
{
	static const char content[] = "parameter,value,note_vi,note_en\nDUNG-10.points,7,x,x\n";
	struct catalogue_mistake *mistakes;
	struct catalogue *c;
	size_t n;

	(void)state;
	c = with_content("parameters.csv", content, &mistakes, &n);
	print_mistakes(mistakes, n);
	assert_non_null(c);
	assert_int_equal(catalogue_parameter(c, PARAMETER_CLOCK_TOLERANCE), 300);
	assert_int_equal(catalogue_parameter(c, PARAMETER_OUTLIER_POINTS), 7);
	assert_int_equal(catalogue_parameter(c, PARAMETER_OUTLIER_Z), 350);
	catalogue_mistakes_free(mistakes, n);
	catalogue_unref(&c);
}

/* The shipped file states every parameter. */
static void test_shipped_parameters(void **state)
{
	struct catalogue_mistake *mistakes;
	struct catalogue *c;
	size_t n;

	(void)state;
	c = with_content("parameters.csv", "parameter,value,note_vi,note_en\nSACH-06.nines,3,x,x\n", &mistakes, &n);
	assert_non_null(c);
	for (int i = 0; i < N_PARAMETERS; i++) {
		assert_int_equal(catalogue_parameter(c, (enum parameter)i),
				 catalogue_parameter(shipped, (enum parameter)i));
	}
	catalogue_mistakes_free(mistakes, n);
	catalogue_unref(&c);
}

/* What a spreadsheet or an editor does to a file without harm: BOM, CRLF, columns in another order, no last newline. */
static void test_forms_that_are_fine(void **state)
{
	static const char content[] = "\xEF\xBB\xBFvalue,parameter,note_en,note_vi\r\n"
				      "60,SONG-04.clock_tolerance_seconds,note,\"ghi chú, có dấu phẩy\"\r\n"
				      "\r\n"
				      "4,SACH-06.nines,note,ghi chú";
	struct catalogue_mistake *mistakes;
	struct catalogue *c;
	size_t n;

	(void)state;
	c = with_content("parameters.csv", content, &mistakes, &n);
	print_mistakes(mistakes, n);
	assert_non_null(c);
	assert_int_equal(catalogue_parameter(c, PARAMETER_CLOCK_TOLERANCE), 60);
	assert_int_equal(catalogue_parameter(c, PARAMETER_NINES), 4);
	catalogue_mistakes_free(mistakes, n);
	catalogue_unref(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_shipped_has_everything),
	    cmocka_unit_test(test_shipped_indicator),
	    cmocka_unit_test(test_shipped_cross_rule),
	    cmocka_unit_test(test_area_on),
	    cmocka_unit_test(test_area_history),
	    cmocka_unit_test(test_agreement),
	    cmocka_unit_test(test_period_dates),
	    cmocka_unit_test(test_parameters),
	    cmocka_unit_test(test_parameters_may_be_absent),
	    cmocka_unit_test(test_shipped_parameters),
	    cmocka_unit_test(test_references),
	    cmocka_unit_test(test_folder_that_is_not_there),
	    cmocka_unit_test(test_missing_file),
	    cmocka_unit_test(test_files_of_an_earlier_release),
	    cmocka_unit_test(test_shipped_words_and_rules),
	    cmocka_unit_test(test_mistakes),
	    cmocka_unit_test(test_mistakes_are_all_told),
	    cmocka_unit_test(test_forms_that_are_fine),
	    cmocka_unit_test(test_a_mistake_is_of_the_line_where_its_row_begins),
	    cmocka_unit_test(test_values_at_their_bounds),
	    cmocka_unit_test(test_frequencies_have_their_own_days),
	    cmocka_unit_test(test_rows_of_an_area_in_any_order),
	    cmocka_unit_test(test_comparisons_in_any_order),
	    cmocka_unit_test(test_a_diamond_is_no_circle),
	};

	return cmocka_run_group_tests(tests, load_shipped, unload_shipped);
}
