/* SPDX-License-Identifier: Apache-2.0 */
/* Which database and which server the aggregator works with, and how schema and catalogue get there. */
#include "contract.h"
#include "mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void assert_refused(const char *word)
{
	struct store *s;

	assert_result(STORE_BROKEN, store_open(contract_conninfo("tram_writer"), "contract", &s, &contract_err));
	assert_null(s);
	if (!strstr(contract_err.text, word)) {
		fail_msg("no %s in: %s", word, contract_err.text);
	}
}

static void assert_accepted(void)
{
	struct store *s = contract_writer();

	store_close(&s);
}

/* ---------------------------------------------------------------- migrations */

static void test_migrating_again_changes_nothing(void **state)
{
	size_t applied;

	(void)state;
	assert_result(STORE_OK, store_migrate(owner, &applied, &contract_err));
	assert_int_equal(applied, 0);
}

static void test_an_altered_migration_is_refused(void **state)
{
	size_t applied;

	(void)state;
	contract_ask("UPDATE tram.schema_migration SET digest = digest || '\\x00' WHERE version = 2");
	assert_refused("2");
	assert_result(STORE_BROKEN, store_migrate(owner, &applied, &contract_err));
	contract_ask("UPDATE tram.schema_migration SET digest = substr(digest, 1, 32) WHERE version = 2");
	assert_accepted();
}

static void test_a_database_from_the_future_is_refused(void **state)
{
	size_t applied;

	(void)state;
	contract_ask("INSERT INTO tram.schema_migration VALUES (9999, 'future', '')");
	assert_refused("9999");
	assert_result(STORE_BROKEN, store_migrate(owner, &applied, &contract_err));
	contract_ask("DELETE FROM tram.schema_migration WHERE version = 9999");
	assert_accepted();
}

static void test_a_database_behind_is_refused(void **state)
{
	struct store *s;

	(void)state;
	contract_ask("CREATE TEMP TABLE kept AS SELECT * FROM tram.schema_migration WHERE version > 1");
	contract_ask("DELETE FROM tram.schema_migration WHERE version > 1");
	assert_refused("tram store migrate");
	contract_ask("INSERT INTO tram.schema_migration SELECT * FROM kept");
	assert_accepted();
	assert_result(STORE_BROKEN, store_open(getenv("TRAM_TEST_POSTGRES"), "contract", &s, &contract_err));
	assert_non_null(strstr(contract_err.text, "tram store migrate"));
}

/* Views of another text are refused, made anew by migrating, with the rights on them; and nothing else is done again. */
static void test_views_are_made_anew_when_their_text_differs(void **state)
{
	size_t applied;

	(void)state;
	contract_ask("UPDATE tram.schema_migration SET digest = digest || '\\x00' WHERE version = 0");
	contract_ask("CREATE OR REPLACE VIEW tram.dataflow_period AS SELECT ''::text AS dataflow, 0 AS period");
	assert_refused("tram store migrate");
	assert_result(STORE_OK, store_migrate(owner, &applied, &contract_err));
	assert_int_equal(applied, 1);
	assert_accepted();
	assert_string_equal(
	    contract_ask("SELECT (pg_get_viewdef('tram.dataflow_period'::regclass) LIKE '%%RECURSIVE%%')"
			 " AND has_table_privilege('tram_reader', 'tram.dataflow_period', 'SELECT')"),
	    "t");
}

static void test_what_others_built_on_views_is_named_and_kept(void **state)
{
	size_t applied;

	(void)state;
	contract_ask("CREATE VIEW public.analyst AS SELECT indicator FROM tram.national_rollup");
	contract_ask("UPDATE tram.schema_migration SET digest = digest || '\\x00' WHERE version = 0");
	assert_result(STORE_BROKEN, store_migrate(owner, &applied, &contract_err));
	assert_non_null(strstr(contract_err.text, "analyst"));
	contract_ask("DROP VIEW public.analyst");
	assert_result(STORE_OK, store_migrate(owner, &applied, &contract_err));
	assert_int_equal(applied, 1);
}

static void count_states(void *context, const struct migration_state *row)
{
	int *counts = context;

	counts[row->unknown ? 2 : row->altered ? 1 : 0]++;
	assert_true(row->applied_at_us > INT64_C(1700000000) * 1000000 && *row->name);
}

static void test_what_is_applied_can_be_listed(void **state)
{
	int counts[3] = {0};

	(void)state;
	contract_ask("INSERT INTO tram.schema_migration VALUES (9999, 'future', '')");
	contract_ask("UPDATE tram.schema_migration SET digest = digest || '\\x00' WHERE version = 1");
	assert_result(STORE_OK, store_migrations(owner, count_states, counts, &contract_err));
	contract_ask("UPDATE tram.schema_migration SET digest = substr(digest, 1, 32) WHERE version = 1");
	contract_ask("DELETE FROM tram.schema_migration WHERE version = 9999");
	assert_int_equal(counts[0], n_migrations + 1 - 1);
	assert_int_equal(counts[1], 1);
	assert_int_equal(counts[2], 1);
}

/* Every key of a table that grows with the reports has the column by which it would be spread over several servers. */
static void test_big_tables_are_ready_to_be_spread(void **state)
{
	static const char sql[] =
	    "SELECT string_agg(t || '.' || i.indexrelid::regclass, ' ')"
	    " FROM (VALUES ('tram.observation', 'area_no'), ('tram.observation_note', 'area_no'),"
	    "   ('tram.decision', 'area_no'), ('tram.batch', 'agent_no'), ('tram.report', 'agent_no'),"
	    "   ('tram.poison', 'agent_no'), ('tram.report_finding', 'agent_no'), ('tram.verdict', 'agent_no')) v(t, c)"
	    " JOIN pg_index i ON i.indrelid = v.t::regclass AND i.indisunique"
	    " WHERE NOT EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = i.indrelid AND a.attname = v.c"
	    "   AND a.attnum = ANY (i.indkey) AND a.attnotnull)";

	(void)state;
	assert_string_equal(contract_ask(sql), "");
	assert_string_equal(contract_ask("SELECT count(*) FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid"
					 " WHERE c.relnamespace = 'tram'::regnamespace AND NOT t.tgisinternal"),
			    "0");
	assert_string_equal(
	    contract_ask(
		"SELECT count(*) FROM pg_constraint WHERE contype = 'f' AND conrelid IN ('tram.observation'::regclass,"
		" 'tram.report'::regclass, 'tram.batch'::regclass, 'tram.verdict'::regclass)"),
	    "0");
}

/* ---------------------------------------------------------------- the server */

static void test_a_server_that_may_lose_commits_is_refused(void **state)
{
	static const char *const names[] = {"fsync", "full_page_writes"};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		contract_configure(names[i], "off");
		assert_refused(names[i]);
		contract_configure(names[i], NULL);
		assert_accepted();
	}
}

/* Neither role nor database nor the connection string makes a COMMIT weaker; what is stronger than needed stays. */
static void test_a_session_commits_to_disk(void **state)
{
	static const struct {
		const char *set, *reset, *options, *expected;
	} cases[] = {
	    {"ALTER ROLE tram_writer SET synchronous_commit = off", "ALTER ROLE tram_writer RESET ALL", "", "on"},
	    {"ALTER ROLE tram_writer SET synchronous_commit = local", "ALTER ROLE tram_writer RESET ALL", "", "on"},
	    {"ALTER DATABASE contract SET synchronous_commit = remote_write", "ALTER DATABASE contract RESET ALL", "",
	     "on"},
	    {"SELECT 1", "SELECT 1", " options='-c synchronous_commit=off'", "on"},
	    {"ALTER ROLE tram_writer SET synchronous_commit = remote_apply", "ALTER ROLE tram_writer RESET ALL", "",
	     "remote_apply"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char conninfo[600];
		struct store *s;
		PGresult *r;

		contract_ask("%s", cases[i].set);
		snprintf(conninfo, sizeof conninfo, "%s%s", contract_conninfo("tram_writer"), cases[i].options);
		assert_result(STORE_OK, store_open(conninfo, "contract", &s, &contract_err));
		assert_result(STORE_OK, connection_ask(s, "SHOW synchronous_commit", NULL, &r, &contract_err));
		assert_string_equal(cell_text(r, 0, 0), cases[i].expected);
		PQclear(r);
		store_close(&s);
		contract_ask("%s", cases[i].reset);
	}
}

static void test_a_database_in_another_encoding_is_refused(void **state)
{
	struct store *s;
	char conninfo[512];

	(void)state;
	contract_ask("CREATE DATABASE latin TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C'");
	snprintf(conninfo, sizeof conninfo, "%s dbname=latin", contract_conninfo("postgres"));
	assert_result(STORE_BROKEN, store_open_owner(conninfo, &s, &contract_err));
	assert_non_null(strstr(contract_err.text, "LATIN1"));
}

static void test_a_server_that_is_not_there_is_tried_again(void **state)
{
	struct store *s;

	(void)state;
	assert_result(STORE_RECONNECT, store_open("host=/nonexistent", "contract", &s, &contract_err));
	assert_null(s);
	assert_non_null(strstr(contract_err.text, "/nonexistent"));
}

/* A session that is told to commit without waiting waits all the same. */
static void test_commits_wait_for_the_disk(void **state)
{
	struct store *s;
	PGresult *r;

	(void)state;
	contract_ask("ALTER ROLE tram_writer SET synchronous_commit = off");
	s = contract_writer();
	assert_result(STORE_OK,
		      connection_ask(s, "SELECT current_setting('synchronous_commit')", NULL, &r, &contract_err));
	assert_string_equal(cell_text(r, 0, 0), "on");
	PQclear(r);
	store_close(&s);
	contract_ask("ALTER ROLE tram_writer SET synchronous_commit = remote_apply");
	s = contract_writer();
	assert_result(STORE_OK,
		      connection_ask(s, "SELECT current_setting('synchronous_commit')", NULL, &r, &contract_err));
	assert_string_equal(cell_text(r, 0, 0), "remote_apply");
	PQclear(r);
	store_close(&s);
	contract_ask("ALTER ROLE tram_writer RESET synchronous_commit");
}

/* ---------------------------------------------------------------- the catalogue */

static void copy_files(struct arena *a, struct catalogue_file **ret, size_t *ret_n)
{
	struct store *s = contract_writer();
	uint32_t version;

	assert_result(STORE_OK, store_catalogue(s, 0, a, ret, ret_n, &version, &contract_err));
	store_close(&s);
}

static void test_the_same_files_are_no_new_version(void **state)
{
	struct arena *a = arena_new(16 << 20);
	struct catalogue_file *files;
	size_t n;
	uint32_t version;
	bool is_new;
	struct store *admin;

	(void)state;
	copy_files(a, &files, &n);
	assert_result(STORE_OK, store_open_admin(contract_conninfo("tram_admin"), &admin, &contract_err));
	contract_ask("UPDATE tram.rule SET title_en = 'of an older program'");
	assert_result(STORE_OK,
		      store_catalogue_load(admin, shipped, files, n, "again", &version, &is_new, &contract_err));
	assert_int_equal(version, 1);
	assert_false(is_new);
	assert_string_equal(contract_ask("SELECT count(*) FROM tram.rule WHERE title_en = 'of an older program'"), "0");
	store_close(&admin);
	arena_free(&a);
}

static void test_other_files_are_a_new_version(void **state)
{
	struct arena *a = arena_new(16 << 20);
	struct catalogue_file *files;
	size_t n;
	uint32_t version;
	bool is_new;
	struct store *admin;
	char *before = xstrdup(contract_ask("SELECT area_no FROM tram.area_number WHERE area = '63/46'"));

	(void)state;
	copy_files(a, &files, &n);
	files[0].content = arena_printf(a, "%s\n", files[0].content);
	files[0].len++;
	assert_result(STORE_OK, store_open_admin(contract_conninfo("tram_admin"), &admin, &contract_err));
	assert_result(STORE_OK, store_catalogue_load(admin, shipped, files, n, "one more line", &version, &is_new,
						     &contract_err));
	assert_int_equal(version, 2);
	assert_true(is_new);
	assert_string_equal(contract_ask("SELECT note FROM tram.catalogue WHERE version = 2"), "one more line");
	assert_string_equal(contract_ask("SELECT area_no FROM tram.area_number WHERE area = '63/46'"), before);
	assert_string_equal(contract_ask("SELECT count(*) FROM tram.area_number GROUP BY area HAVING count(*) > 1"),
			    "");
	free(before);
	store_close(&admin);
	arena_free(&a);
}

/* What stands in the tables is what stands in the files. */
static void test_the_tables_are_the_catalogue(void **state)
{
	const struct indicator *indicators;
	const struct area *areas;
	const struct published_figure *figures;

	(void)state;
	assert_int_equal(strtol(contract_ask("SELECT count(*) FROM tram.indicator"), NULL, 10),
			 catalogue_indicators(shipped, &indicators));
	assert_int_equal(strtol(contract_ask("SELECT count(*) FROM tram.area"), NULL, 10),
			 catalogue_areas(shipped, &areas));
	assert_int_equal(strtol(contract_ask("SELECT count(*) FROM tram.published_figure"), NULL, 10),
			 catalogue_published(shipped, &figures));
	assert_int_equal(strtol(contract_ask("SELECT count(*) FROM tram.rule"), NULL, 10), N_BUILT_IN_RULES);
	assert_int_equal(strtol(contract_ask("SELECT count(*) FROM tram.word"), NULL, 10), n_built_in_words);
	assert_string_equal(
	    contract_ask("SELECT concat_ws('|', unit, display_unit_mult, over_area, mean_weight, valid_to)"
			 " FROM tram.indicator WHERE indicator = 'grdp_per_capita'"),
	    "million_VND|0|weighted_mean|population");
	assert_string_equal(contract_ask("SELECT concat_ws('|', level, vintage, parent, valid_to, coastal, population)"
					 " FROM tram.area WHERE area = '63/46' ORDER BY valid_from LIMIT 1"),
			    "province|63|63/north_central_coast|2024-12-31|t|1178600");
	assert_string_equal(contract_ask("SELECT concat_ws('|', indicator, value, unit_mult, scale(value)) FROM"
					 " tram.published_figure WHERE figure_no = 1"),
			    "psp_registered_accounts|16.4|6|1");
	assert_string_equal(contract_ask("SELECT count(*) FROM tram.series WHERE dimensions = ''"),
			    contract_ask("SELECT count(*) FROM tram.indicator"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_migrating_again_changes_nothing),
	    cmocka_unit_test(test_an_altered_migration_is_refused),
	    cmocka_unit_test(test_views_are_made_anew_when_their_text_differs),
	    cmocka_unit_test(test_what_others_built_on_views_is_named_and_kept),
	    cmocka_unit_test(test_a_database_from_the_future_is_refused),
	    cmocka_unit_test(test_a_database_behind_is_refused),
	    cmocka_unit_test(test_what_is_applied_can_be_listed),
	    cmocka_unit_test(test_big_tables_are_ready_to_be_spread),
	    cmocka_unit_test(test_a_server_that_may_lose_commits_is_refused),
	    cmocka_unit_test(test_a_session_commits_to_disk),
	    cmocka_unit_test(test_a_database_in_another_encoding_is_refused),
	    cmocka_unit_test(test_a_server_that_is_not_there_is_tried_again),
	    cmocka_unit_test(test_commits_wait_for_the_disk),
	    cmocka_unit_test(test_the_same_files_are_no_new_version),
	    cmocka_unit_test(test_other_files_are_a_new_version),
	    cmocka_unit_test(test_the_tables_are_the_catalogue),
	};

	return cmocka_run_group_tests_name("store schema", tests, contract_open, contract_close);
}
