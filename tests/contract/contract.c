/* SPDX-License-Identifier: Apache-2.0 */
#include "contract.h"
#include "clock.h"
#include "mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define DATABASE "contract"
#define FOLDER   TRAM_SOURCE_DIR "/deploy/catalogue"

struct catalogue *shipped;
struct store *owner;
struct err contract_err;

static struct catalogue_file *files;
static size_t n_files;

/* The folder of the cluster's socket, which with-postgres says. */
static const char *host(void)
{
	const char *name = getenv("PGHOST");

	if (!name || !getenv("TRAM_TEST_POSTGRES")) {
		print_error("run me by tests/contract/with-postgres\n");
		exit(64);
	}
	return name;
}

const char *contract_conninfo(const char *role)
{
	static char text[512];

	snprintf(text, sizeof text, "host=%s user=%s dbname=" DATABASE, host(), role);
	return text;
}

static void must(enum store_result result, const char *what)
{
	if (result != STORE_OK) {
		print_error("%s: %s\n", what, contract_err.text);
		exit(70);
	}
}

static void make_database(void)
{
	struct store *s;

	host();
	must(store_open_owner(getenv("TRAM_TEST_POSTGRES"), &s, &contract_err), "connect");
	must(connection_run(s, "CREATE DATABASE " DATABASE, &contract_err), "create the database");
	store_close(&s);
}

static void make_schema(void)
{
	size_t applied;

	must(store_open_owner(contract_conninfo("postgres"), &owner, &contract_err), "connect");
	must(store_migrate(owner, &applied, &contract_err), "migrate");
	if (applied != n_migrations + 1) { /* and the views */
		print_error("%zu of %zu steps were applied\n", applied, n_migrations + 1);
		exit(70);
	}
}

static void load_catalogue(struct store *admin)
{
	struct catalogue_mistake *mistakes;
	size_t n;
	uint32_t version;
	bool is_new;

	if (!catalogue_read_folder(FOLDER, &files, &n_files, &contract_err) ||
	    !(shipped = catalogue_new(files, n_files, 1, &mistakes, &n))) {
		print_error("the shipped catalogue is wrong: see unit.catalogue\n");
		exit(70);
	}
	catalogue_mistakes_free(mistakes, n);
	must(store_catalogue_load(admin, shipped, files, n_files, "contract", &version, &is_new, &contract_err),
	     "load the catalogue");
	if (version != 1 || !is_new) {
		print_error("the first catalogue is version %u\n", version);
		exit(70);
	}
}

static void accept_agent(struct store *admin, const char *agent, char letter)
{
	uint8_t signing[SIGN_PUBLIC_SIZE];
	char curve[41];
	bool changed;

	memset(signing, letter, sizeof signing);
	memset(curve, letter, 40);
	curve[40] = 0;
	must(store_agent_accept(admin, agent, curve, signing, "", &changed, &contract_err), "accept an agent");
}

int contract_open(void **state)
{
	struct store *admin;

	(void)state;
	make_database();
	make_schema();
	must(store_open_admin(contract_conninfo("tram_admin"), &admin, &contract_err), "connect as tram_admin");
	load_catalogue(admin);
	accept_agent(admin, AGENT_ONE, '1');
	accept_agent(admin, AGENT_TWO, '2');
	store_close(&admin);
	return 0;
}

int contract_close(void **state)
{
	(void)state;
	catalogue_unref(&shipped);
	catalogue_files_free(files, n_files);
	store_close(&owner);
	return 0;
}

/* Runs commands on the cluster while nobody is connected to the test's database. */
static void run_without_owner(const char *const *commands, size_t n)
{
	struct store *s;

	store_close(&owner);
	must(store_open_owner(getenv("TRAM_TEST_POSTGRES"), &s, &contract_err), "connect");
	for (size_t i = 0; i < n; i++) {
		must(connection_run(s, commands[i], &contract_err), commands[i]);
	}
	store_close(&s);
	must(store_open_owner(contract_conninfo("postgres"), &owner, &contract_err), "connect");
}

void contract_keep(void)
{
	static const char *const commands[] = {"DROP DATABASE IF EXISTS kept",
					       "CREATE DATABASE kept TEMPLATE " DATABASE};

	run_without_owner(commands, 2);
}

void contract_restore(void)
{
	static const char *const commands[] = {"DROP DATABASE " DATABASE " WITH (FORCE)",
					       "CREATE DATABASE " DATABASE " TEMPLATE kept"};

	run_without_owner(commands, 2);
}

struct store *contract_writer(void)
{
	struct store *s;

	must(store_open(contract_conninfo("tram_writer"), "contract", &s, &contract_err), "connect as tram_writer");
	return s;
}

int32_t contract_series_no(struct store *s, const char *indicator, const char *dimensions)
{
	struct series_question q = {indicator, dimensions, 0};

	assert_result(STORE_OK, store_series_nos(s, &q, 1, &contract_err));
	return q.series_no;
}

static const char *ask(const char *sql)
{
	static PGresult *answers[2];
	static size_t turn;
	PGresult *r;

	must(connection_ask(owner, sql, NULL, &r, &contract_err), sql);
	turn = !turn;
	PQclear(answers[turn]);
	answers[turn] = r;
	if (PQntuples(r) == 0) {
		return "";
	}
	return cell_text(r, 0, 0);
}

static char *format_sql(const char *format, va_list args) __attribute__((format(printf, 1, 0)));

static char *format_sql(const char *format, va_list args)
{
	char *sql;

	if (vasprintf(&sql, format, args) < 0) {
		abort();
	}
	return sql;
}

const char *contract_ask(const char *format, ...)
{
	const char *answer;
	va_list args;
	char *sql;

	va_start(args, format);
	sql = format_sql(format, args);
	va_end(args);
	answer = ask(sql);
	free(sql);
	return answer;
}

void contract_wait(const char *what, const char *format, ...)
{
	int64_t end_us = clock_monotonic_us() + 120 * CLOCK_SECOND;
	va_list args;
	char *sql;

	va_start(args, format);
	sql = format_sql(format, args);
	va_end(args);
	while (strcmp(ask(sql), "t") != 0) {
		if (clock_monotonic_us() > end_us) {
			fail_msg("%s never came", what);
		}
		ask("SELECT pg_stat_clear_snapshot()"); /* which a transaction keeps */
		ask("SELECT pg_sleep(0.002)");
	}
	free(sql);
}

/* A server that is telling its sessions makes no other one until all were told. */
static void wait_until_all_were_told(void)
{
	PGconn *next = PQconnectdb(contract_conninfo("postgres"));

	assert_int_equal(PQstatus(next), CONNECTION_OK);
	PQfinish(next);
}

void contract_configure(const char *name, const char *value)
{
	if (value) {
		contract_ask("ALTER SYSTEM SET %s = '%s'", name, value);
	} else {
		contract_ask("ALTER SYSTEM RESET %s", name);
	}
	contract_ask("SELECT pg_reload_conf()");
	if (value) {
		contract_wait(name, "SELECT current_setting('%s') = '%s'", name, value);
	} else {
		contract_wait(
		    name, "SELECT coalesce(sourcefile, '') NOT LIKE '%%auto.conf' FROM pg_settings WHERE name = '%s'",
		    name);
	}
	wait_until_all_were_told();
	contract_ask("CHECKPOINT"); /* the checkpointer has it, too, which says whether a COMMIT waits for a standby */
}

uint64_t contract_random(void)
{
	uint64_t value;

	if (getrandom(&value, sizeof value, 0) != sizeof value) {
		abort();
	}
	return value;
}
