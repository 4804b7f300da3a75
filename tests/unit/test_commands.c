/* SPDX-License-Identifier: Apache-2.0 */
/* The commands as a person runs them, against an agent that answers as told: what they print, and how they end. */
#include "commands.h"

#include "clock.h"
#include "codec.h"
#include "fake_agent.h"
#include "fsx.h"
#include "lang.h"
#include "mem.h"
#include "nearest.h"
#include "province.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#define HEAD "time_period,reference_date,indicator,ref_area,value\n"
#define ROW  "2024-S1,2024-07-19,psp_registered_accounts,15,"

/* ---------------------------------------------------------------- running a command */

struct ran {
	int status;
	char *out, *err;
};

static char *read_back(FILE *f)
{
	char *text = xcalloc(1, 1 << 20);

	rewind(f);
	text[fread(text, 1, (1 << 20) - 1, f)] = 0;
	fclose(f);
	return text;
}

static int redirect(int fd, FILE *to)
{
	int saved = dup(fd);

	dup2(fileno(to), fd);
	return saved;
}

static void restore(int fd, int saved)
{
	dup2(saved, fd);
	close(saved);
}

/* Runs the words behind "tram", closed by NULL. */
static struct ran run(const char *first, ...)
{
	char *words[32] = {xstrdup("tram")}, *argv[32];
	FILE *out = tmpfile(), *err = tmpfile();
	struct ran ran;
	int argc = 1, saved_out, saved_err;
	va_list args;

	va_start(args, first);
	for (const char *word = first; word; word = va_arg(args, const char *))
		words[argc++] = xstrdup(word);
	va_end(args);
	memcpy(argv, words, sizeof argv); /* the command may reorder its own */
	fflush(stdout);
	fflush(stderr);
	saved_out = redirect(1, out);
	saved_err = redirect(2, err);
	ran.status = commands_run(argc, argv);
	fflush(stdout);
	fflush(stderr);
	restore(1, saved_out);
	restore(2, saved_err);
	ran.out = read_back(out);
	ran.err = read_back(err);
	for (int i = 0; i < argc; i++)
		free(words[i]);
	return ran;
}

static void ran_free(struct ran *ran)
{
	free(ran->out);
	free(ran->err);
}

static void expect(struct ran ran, int status, const char *in_out, const char *in_err)
{
	if (ran.status != status || !strstr(ran.out, in_out) || !strstr(ran.err, in_err))
		print_error("status %d\nout: %s\nerr: %s\n", ran.status, ran.out, ran.err);
	assert_int_equal(ran.status, status);
	assert_non_null(strstr(ran.out, in_out));
	assert_non_null(strstr(ran.err, in_err));
	ran_free(&ran);
}

static json_t *json_of(struct ran *ran)
{
	json_error_t error;
	json_t *value = json_loads(ran->out, 0, &error);

	if (!value)
		print_error("%s\n%s\n%s\n", error.text, ran->out, ran->err);
	assert_non_null(value);
	return value;
}

/* ---------------------------------------------------------------- files and agents */

static char folder[] = "/tmp/tram-commands-XXXXXX";

static const char *file(const char *name, const char *text)
{
	static char path[128];
	FILE *f;

	snprintf(path, sizeof path, "%s/%s", folder, name);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
	return path;
}

static int make_folder(void **state)
{
	(void)state;
	clock_set(PROVINCE_TODAY, 0);
	return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
	static const char *const names[] = {"a.csv", "a.json", "a.key", "a.pub", "tram-centre", "f.txt"};

	(void)state;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		char path[128];

		snprintf(path, sizeof path, "%s/%s", folder, names[i]);
		unlink(path);
	}
	return rmdir(folder);
}

static struct fake_agent *agent(const struct fake_manner *manner)
{
	struct fake_agent *a = fake_agent_start(manner);

	setenv("TRAM_AGENT_SOCKET", fake_agent_socket(a), 1);
	return a;
}

static void speak(const char *lang)
{
	setenv("TRAM_LANG", lang, 1);
	lang_start();
}

/* ---------------------------------------------------------------- handing in */

static void submit_prints_the_ticket_alone(void **state)
{
	struct fake_agent *a = agent(&(struct fake_manner){.has_codebook = true});
	struct ran ran = run("submit", file("a.csv", HEAD ROW "5\n" ROW "6\n"), NULL);

	(void)state;
	assert_int_equal(ran.status, 0);
	assert_string_equal(ran.out, FAKE_TICKET "\n");
	assert_string_equal(ran.err, "");
	ran_free(&ran);
	assert_int_equal(fake_agent_reports(a), 1);
	fake_agent_stop(&a);
}

static void any_problem_and_nothing_is_handed_in(void **state)
{
	struct fake_agent *a = agent(&(struct fake_manner){.has_codebook = true});

	(void)state;
	expect(run("submit", file("a.csv", HEAD ROW "5\n" ROW "x\n" ROW "6\n"), NULL), 65, "",
	       "a.csv:3:47: error: value: \"x\" is not a number\n    remedy: write digits");
	assert_int_equal(fake_agent_reports(a), 0);
	speak("vi");
	expect(run("submit", file("a.csv", HEAD ROW "x\n"), NULL), 65, "", "value: “x” không phải là số");
	speak("en");
	fake_agent_stop(&a);
}

/* A file of so many figures; caller frees. */
static char *many_rows(size_t rows)
{
	size_t head = strlen(HEAD), row = strlen(ROW "5\n");
	char *text = xmalloc(head + rows * row + 100);

	memcpy(text, HEAD, head);
	for (size_t i = 0; i < rows; i++)
		memcpy(text + head + i * row, ROW "5\n", row);
	text[head + rows * row] = 0;
	return text;
}

/* A fault behind the first full report: what was sent already is not committed. */
static void a_late_problem_takes_all_back(void **state)
{
	struct fake_agent *a = agent(&(struct fake_manner){.has_codebook = true});
	char *text = many_rows(11000), *end = text + strlen(text);

	(void)state;
	strcpy(end, ROW "x\n");
	expect(run("submit", file("a.csv", text), NULL), 65, "", ":11002:47: error:");
	assert_int_equal(fake_agent_reports(a), 0);
	*end = 0;
	expect(run("submit", file("a.csv", text), NULL), 0, FAKE_TICKET, "");
	assert_int_equal(fake_agent_reports(a), 2); /* 10,000 and the rest */
	free(text);
	fake_agent_stop(&a);
}

static void submit_in_json_says_it_all(void **state)
{
	struct fake_agent *a = agent(&(struct fake_manner){.has_codebook = true, .verdict_holds = true});
	struct ran ran = run("submit", file("a.csv", HEAD ROW "5\n"), "--format", "json", "--wait", "5", NULL);
	json_t *object = json_of(&ran), *verdict = json_array_get(json_object_get(object, "verdicts"), 0);
	json_t *finding = json_array_get(json_object_get(verdict, "findings"), 0);

	(void)state;
	assert_int_equal(ran.status, 65); /* a figure is held */
	assert_string_equal(json_string_value(json_object_get(object, "ticket")), FAKE_TICKET);
	assert_int_equal(json_integer_value(json_object_get(object, "observations")), 1);
	assert_true(json_is_true(json_object_get(object, "codes_checked")));
	assert_string_equal(json_string_value(json_object_get(json_object_get(verdict, "words"), "dung")), "held");
	assert_int_equal(json_integer_value(json_object_get(verdict, "held")), 1);
	assert_string_equal(json_string_value(json_object_get(finding, "indicator")), "psp_registered_accounts");
	json_decref(object);
	ran_free(&ran);
	ran = run("submit", file("a.csv", HEAD ROW "x\n"), "--format=json", NULL);
	object = json_of(&ran);
	assert_int_equal(ran.status, 65);
	assert_int_equal(json_integer_value(json_object_get(object, "errors")), 1);
	assert_null(json_object_get(object, "ticket"));
	assert_string_equal(
	    json_string_value(json_object_get(json_array_get(json_object_get(object, "problems"), 0), "code")),
	    "not-a-number");
	json_decref(object);
	ran_free(&ran);
	fake_agent_stop(&a);
}

static void waiting_shows_the_verdicts(void **state)
{
	struct fake_agent *a = agent(&(struct fake_manner){.has_codebook = true, .verdict_holds = true});

	(void)state;
	expect(run("submit", file("a.csv", HEAD ROW "5\n" ROW "16.4\n"), "--locale", "vi", NULL), 65, "", "a.csv:3:47");
	expect(run("submit", file("a.csv", HEAD ROW "5\n" ROW "6\n"), "--wait", NULL), 65,
	       "CORRECT ?  SUFFICIENT ✓  CLEAN ✓  LIVE ✓", "");
	expect(run("verdicts", NULL), 0,
	       "? DUNG-10  figure 2, psp_registered_accounts, 15 (value): unlike the period before", "");
	speak("vi");
	expect(run("verdicts", NULL), 0, "ĐÚNG ?  ĐỦ ✓  SẠCH ✓  SỐNG ✓", "");
	expect(run("verdicts", NULL), 0, "khác thường so với kỳ trước", "");
	expect(run("verdicts", NULL), 0, "nêu lý do", "");
	speak("en");
	fake_agent_stop(&a);
	a = agent(&(struct fake_manner){.has_codebook = true, .verdict_holds = true, .verdict_is_foreign = true});
	expect(run("submit", file("a.csv", HEAD ROW "5\n" ROW "6\n"), "--wait", NULL), 65,
	       "? DUNG-10  figure 2 (value): unlike the period before", ""); /* whose indicator is not known */
	fake_agent_stop(&a);
	a = agent(&(struct fake_manner){.has_codebook = true, .verdict_is_empty = true});
	expect(run("submit", file("a.csv", HEAD ROW "5\n"), "--wait", NULL), 65, "the report could not be read", "");
	fake_agent_stop(&a);
	a = agent(&(struct fake_manner){.has_codebook = true, .verdicts_missing = 1});
	expect(run("submit", file("a.csv", HEAD ROW "5\n"), "--wait=1", NULL), 75, FAKE_TICKET,
	       "0 of 1 verdicts are in; the figures are safe, do not hand them in again");
	fake_agent_stop(&a);
	a = agent(&(struct fake_manner){.has_codebook = true});
	expect(run("submit", file("a.csv", HEAD ROW "5\n"), "--wait", "1", NULL), 0, "1 figure: 1 accepted", "");
	fake_agent_stop(&a);
}

static void a_finding_is_told_once(void **state)
{
	struct fake_agent *a = agent(&(struct fake_manner){.has_codebook = true, .verdict_holds = true});
	struct ran ran = run("check", file("a.csv", HEAD ROW "5\n" ROW "6\n"), NULL);

	(void)state;
	assert_non_null(strstr(ran.out, "  2 figures: 1 accepted, 1 held\n"));
	assert_non_null(strstr(ran.out, "(value): unlike the period before\n      remedy: say why\n"));
	assert_null(strstr(ran.out, "7 .. 9")); /* the message says it where the centre made it */
	ran_free(&ran);
	fake_agent_stop(&a);
	a = agent(&(struct fake_manner){.has_codebook = true, .verdict_is_answered = true});
	ran = run("check", file("a.csv", HEAD ROW "5\n"), NULL);
	assert_int_equal(ran.status, 0);
	assert_non_null(strstr(ran.out, "unlike the period before\n      justified: accepted with a warning\n"));
	assert_null(strstr(ran.out, "say why"));
	ran_free(&ran);
	fake_agent_stop(&a);
}

static void the_agents_refusal_is_passed_on(void **state)
{
	struct fake_agent *a = agent(&(struct fake_manner){.has_codebook = true, .refuse_commit = 75});
	char *text;

	(void)state;
	expect(run("submit", file("a.csv", HEAD ROW "5\n"), NULL), 75, "", "the disk under the outbox is full");
	fake_agent_stop(&a);
	a = agent(&(struct fake_manner){.has_codebook = true, .refuse_report = 75});
	text = many_rows(60000); /* the agent hangs up while the command still sends */
	expect(run("submit", file("a.csv", text), NULL), 75, "", "no room left for reports");
	free(text);
	fake_agent_stop(&a);
	a = agent(&(struct fake_manner){.has_codebook = true, .hangs_up = true});
	expect(run("submit", file("a.csv", HEAD ROW "5\n"), NULL), 69, "", "closed the connection");
	fake_agent_stop(&a);
}

static void without_an_agent_the_file_is_checked_all_the_same(void **state)
{
	(void)state;
	setenv("TRAM_AGENT_SOCKET", "/nonexistent/control", 1);
	expect(run("submit", file("a.csv", HEAD ROW "5\n"), NULL), 69, "", "nobody answers on /nonexistent/control");
	expect(run("submit", file("a.csv", HEAD ROW "x\n"), NULL), 65, "", "a.csv:2:47: error:");
	expect(run("submit", file("a.csv", HEAD ROW "x\n"), NULL), 65, "", "codes were not checked");
}

static void without_codes_the_centre_checks_them(void **state)
{
	struct fake_agent *a = agent(&(struct fake_manner){.has_codebook = false});

	(void)state;
	expect(run("submit", file("a.csv", HEAD ROW "5\n"), NULL), 65, "", "there is no column provider");
	expect(run("submit", file("a.csv", HEAD ROW "5\n"), "--provider", "P63-15", "--dataflow", "d", NULL), 0,
	       FAKE_TICKET, "");
	fake_agent_stop(&a);
}

static void files_that_cannot_be_read(void **state)
{
	struct fake_agent *a = agent(&(struct fake_manner){.has_codebook = true});

	(void)state;
	expect(run("submit", "/nonexistent.csv", NULL), 66, "", "cannot open /nonexistent.csv");
	expect(run("submit", "/tmp", "--from", "csv", NULL), 66, "", "/tmp is a folder");
	expect(run("submit", file("f.txt", "x"), NULL), 64, "", "its name does not say its format");
	expect(run("submit", file("f.txt", HEAD ROW "5\n"), "--from", "csv", NULL), 0, FAKE_TICKET, "");
	expect(run("submit", file("a.csv", ""), NULL), 65, "", "a.csv: error: the file is empty");
	fake_agent_stop(&a);
}

/* ---------------------------------------------------------------- checking and withdrawing */

static void check_keeps_nothing(void **state)
{
	struct fake_agent *a = agent(&(struct fake_manner){.has_codebook = true, .verdict_holds = true});

	(void)state;
	expect(run("check", file("a.csv", HEAD ROW "5\n"), NULL), 65, "say why", "");
	expect(run("submit", file("a.csv", HEAD ROW "5\n"), "--dry-run", NULL), 65, "1 figure: 1 held", "");
	assert_int_equal(fake_agent_reports(a), 0);
	fake_agent_stop(&a);
	a = agent(&(struct fake_manner){.has_codebook = true});
	expect(run("check", file("a.csv", HEAD ROW "5\n"), NULL), 0, "1 figure: 1 accepted", "");
	fake_agent_stop(&a);
	a = agent(&(struct fake_manner){.has_codebook = true, .refuse_check = 75});
	expect(run("check", file("a.csv", HEAD ROW "5\n"), NULL), 75, "", "the centre cannot be reached");
	fake_agent_stop(&a);
}

static const Tram__V1__Report *handed_in(const struct fake_agent *a, size_t i, struct arena *arena)
{
	size_t len;
	const uint8_t *bytes = fake_agent_report(a, i, &len);
	struct err err;
	const Tram__V1__Report *report = codec_report(arena, bytes, len, &err);

	assert_non_null(report);
	return report;
}

static void withdrawing_by_file_and_by_name(void **state)
{
	struct fake_agent *a = agent(&(struct fake_manner){.has_codebook = true});
	struct arena *arena = arena_new(1 << 20);
	const Tram__V1__Report *report;

	(void)state;
	expect(run("withdraw", file("a.csv", HEAD ROW "not looked at\n"), NULL), 65, "", "not said why");
	expect(run("withdraw", file("a.csv", HEAD ROW "not looked at\n"), "--reason", "typing error", NULL), 0,
	       FAKE_TICKET, "");
	expect(run("withdraw", "--reason", "r", NULL), 64, "", "give a FILE, or --indicator and --area");
	expect(run("withdraw", "--reason", "r", "--indicator", "psp_registered_accounts", "--area", "63/15",
		   "--dimension", "SEX=F", "--period", "2024-S1", "--reference-date", "2024-07-19", NULL),
	       0, FAKE_TICKET, "");
	expect(run("withdraw", "--reason", "r", "--indicator", "psp_x", "--area", "63/15", "--period", "2024-S1",
		   "--reference-date", "2024-07-19", NULL),
	       65, "", "--indicator: error: indicator: unknown indicator");
	assert_int_equal(fake_agent_reports(a), 2);
	for (size_t i = 0; i < 2; i++) {
		report = handed_in(a, i, arena);
		assert_int_equal(report->purpose, TRAM__V1__PURPOSE__PURPOSE_CORRECTION);
		assert_string_equal(report->reason, i ? "r" : "typing error");
		assert_true(report->revises);
		assert_int_equal(report->observations[0]->action,
				 TRAM__V1__OBSERVATION_ACTION__OBSERVATION_ACTION_WITHDRAW);
		assert_null(report->observations[0]->value);
	}
	assert_string_equal(report->observations[0]->dimensions[0]->id, "SEX");
	arena_free(&arena);
	fake_agent_stop(&a);
}

static void a_withdrawals_reference_date_is_the_periods_last_day(void **state)
{
	static const char *const cases[][2] = {
	    {"2023-S1", "2023-06-30"}, {"2023-S2", "2023-12-31"}, {"2024-S2", "2024-07-20"}};
	struct fake_agent *a = agent(&(struct fake_manner){.has_codebook = true});
	struct arena *arena = arena_new(1 << 20);

	(void)state;
	clock_set(INT64_C(1721433600000000), 0); /* 2024-07-20 */
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		expect(run("withdraw", "--reason", "r", "--indicator", "psp_registered_accounts", "--area", "63/15",
			   "--period", cases[i][0], NULL),
		       0, FAKE_TICKET, "");
		assert_string_equal(handed_in(a, i, arena)->reference_date, cases[i][1]);
	}
	expect(run("withdraw", "--reason", "r", "--indicator", "psp_registered_accounts", "--area", "63/15", "--period",
		   "2024-S3", NULL),
	       65, "", "--period: error");
	clock_set(PROVINCE_TODAY, 0);
	arena_free(&arena);
	fake_agent_stop(&a);
}

static void an_area_is_told_with_all_its_days(void **state)
{
	struct fake_agent *a = agent(&(struct fake_manner){.has_codebook = true});

	(void)state;
	expect(run("submit", file("a.csv", HEAD "2002,2002-12-31,psp_registered_accounts,63/46,5\n"), NULL), 65, "",
	       "\"63/46\" was no area on 2002-12-31: 63/46 (Hue) from 2008-08-01 to 2025-06-30");
	expect(run("submit", file("a.csv", HEAD "2002,2002-12-31,psp_registered_accounts,34/15,5\n"), NULL), 65, "",
	       "34/15 (Lao Cai) since 2025-07-01");
	fake_agent_stop(&a);
}

static void options_become_part_of_the_report(void **state)
{
	struct fake_agent *a = agent(&(struct fake_manner){.has_codebook = true, .acts_for_two = true});
	struct arena *arena = arena_new(1 << 20);
	const Tram__V1__Report *report;

	(void)state;
	expect(run("submit",
		   file("a.csv", "indicator,ref_area,value,SEX\npsp_registered_accounts,15,\"16,4 triệu\",F\n"),
		   "--provider", "P63-15", "--period", "2024-S1", "--reference-date", "2024-07-19", "--revise",
		   "counted anew", "--justify", "merged:two systems: one now", "--prepared-by", "Lan", "--approved-by",
		   "Minh", "--demonstration", "--locale", "vi", "--dimension", "SEX", NULL),
	       0, FAKE_TICKET, "");
	report = handed_in(a, 0, arena);
	assert_string_equal(report->reason, "counted anew");
	assert_int_equal(report->purpose, TRAM__V1__PURPOSE__PURPOSE_CORRECTION);
	assert_true(report->revises && report->demonstration);
	assert_string_equal(report->prepared_by, "Lan");
	assert_string_equal(report->approved_by, "Minh");
	assert_string_equal(report->software, "tram " TRAM_VERSION);
	assert_int_equal(report->catalogue_version, 7);
	assert_string_equal(report->justification_code, "merged");
	assert_string_equal(report->justification, "two systems: one now");
	assert_string_equal(report->observations[0]->justification_code, ""); /* it inherits the report's */
	assert_string_equal(report->observations[0]->justification, "");
	assert_int_equal(report->observations[0]->value->mantissa, 16400000);
	arena_free(&arena);
	fake_agent_stop(&a);
}

/* A code may be all there is to say; figures' own reasons and sub-units come from columns. */
static void justifying_by_code_and_by_column(void **state)
{
	struct fake_agent *a = agent(&(struct fake_manner){.has_codebook = true});
	struct arena *arena = arena_new(1 << 20);
	const Tram__V1__Report *report;

	(void)state;
	expect(run("submit",
		   file("a.csv", "justification_code,justification,units_reporting,units_expected," HEAD
				 "campaign,đợt cao điểm,131,141," ROW "5\n"),
		   "--justify", "merged", NULL),
	       0, FAKE_TICKET, "");
	report = handed_in(a, 0, arena);
	assert_string_equal(report->justification_code, "merged");
	assert_string_equal(report->justification, "");
	assert_string_equal(report->observations[0]->justification_code, "campaign");
	assert_string_equal(report->observations[0]->justification, "đợt cao điểm");
	assert_int_equal(report->observations[0]->units_reporting, 131);
	assert_int_equal(report->observations[0]->units_expected, 141);
	expect(run("submit", file("a.csv", "units_reporting," HEAD "-1," ROW "5\n"), NULL), 65, "", "units_reporting");
	arena_free(&arena);
	fake_agent_stop(&a);
}

/* A file that was handed in before is handed in again as it stands: its own purpose and reason were the first time's. */
static void revising_overrules_what_the_file_says(void **state)
{
	static const char *const text = "purpose,reason," HEAD "backfill,first time," ROW "5\n";
	struct fake_agent *a = agent(&(struct fake_manner){.has_codebook = true});
	struct arena *arena = arena_new(1 << 20);
	const Tram__V1__Report *report;

	(void)state;
	expect(run("submit", file("a.csv", text), "--purpose", "regular", NULL), 65, "",
	       "purpose is \"backfill\" in the file");
	expect(run("submit", file("a.csv", text), "--revise", "counted anew", NULL), 0, FAKE_TICKET, "");
	expect(run("withdraw", file("a.csv", text), "--reason", "typing error", NULL), 0, FAKE_TICKET, "");
	for (size_t i = 0; i < 2; i++) {
		report = handed_in(a, i, arena);
		assert_int_equal(report->purpose, TRAM__V1__PURPOSE__PURPOSE_CORRECTION);
		assert_string_equal(report->reason, i ? "typing error" : "counted anew");
		assert_true(report->revises);
	}
	arena_free(&arena);
	fake_agent_stop(&a);
}

/* ---------------------------------------------------------------- looking */

static void the_outbox_is_listed_and_shown(void **state)
{
	struct fake_agent *a = agent(&(struct fake_manner){.has_codebook = true});
	struct ran ran;
	json_t *value;

	(void)state;
	expect(run("submit", file("a.csv", HEAD ROW "5\n"), NULL), 0, FAKE_TICKET, "");
	expect(run("outbox", "list", NULL), 0, "figures.csv", "");
	expect(run("outbox", "list", "--format", "csv", NULL), 0, "seq,handed_in_at", "");
	ran = run("outbox", "list", "--format", "json", NULL);
	value = json_of(&ran);
	assert_int_equal(json_array_size(value), 1);
	assert_int_equal(json_integer_value(json_object_get(json_array_get(value, 0), "seq")), 1);
	assert_int_equal(json_string_length(json_object_get(json_array_get(value, 0), "digest")), 64);
	assert_string_equal(json_string_value(json_object_get(json_array_get(value, 0), "state")), "waiting");
	json_decref(value);
	ran_free(&ran);
	expect(run("outbox", "show", "1", NULL), 0, "psp_registered_accounts", "");
	expect(run("outbox", "show", "2", NULL), 65, "", "does not keep that report");
	expect(run("outbox", "show", "x", NULL), 64, "", "tram outbox list");
	ran = run("outbox", "show", "1", "--format", "json", NULL);
	expect(run("submit", file("a.json", ran.out), NULL), 0, FAKE_TICKET, ""); /* what it shows it reads */
	ran_free(&ran);
	assert_int_equal(fake_agent_reports(a), 2);
	expect(run("status", NULL), 0, "Link                 connected\n", "");
	expect(run("status", "--format", "json", NULL), 0, "\"state\": \"streaming\"", "");
	expect(run("verdicts", "--since", "2026-11-21", "--format", "json", NULL), 0, "[]", "");
	expect(run("verdicts", "--since", "2026-11-22", NULL), 64, "",
	       "has not come yet, it is now 2026-11-21 07:00:00+07:00");
	expect(run("verdicts", "--since", "soon", NULL), 64, "", "--since soon is no time");
	expect(run("verdicts", "--wait", NULL), 64, "", "needs a ticket");
	fake_agent_stop(&a);
}

static void status_is_told_in_words_or_in_full(void **state)
{
	static const char *const rows[][2] = {{"agent", "4601"},
					      {"version", TRAM_VERSION},
					      {"state", "offline"},
					      {"why", "the line was cut"},
					      {"remedy", "Check the line."},
					      {"pending", "3"},
					      {"oldest_pending", "2024-07-19 08:00:00"},
					      {"verdicts", "17"},
					      {"last_verdict", "2024-07-20 09:00:00"},
					      {"time_to_verdict_p50_ms", "250"},
					      {"time_to_verdict_p99_ms", "12000"},
					      {"catalogue_version", "0"},
					      {"door_refuses", "the outbox is full: free some space"},
					      {"outbox_bytes", "1310720"},
					      {"outbox_bytes_max", "4294967296"},
					      {"disk_free_bytes", ""},
					      {"clock_skew_ms", "-12"},
					      {NULL, NULL}};
	struct fake_agent *a = agent(&(struct fake_manner){.status = rows});
	struct ran ran = run("status", "--format", "json", NULL);
	json_t *object = json_of(&ran);

	(void)state;
	assert_int_equal(json_integer_value(json_object_get(object, "outbox_bytes_max")), 4294967296);
	assert_int_equal(json_integer_value(json_object_get(object, "clock_skew_ms")), -12);
	assert_string_equal(json_string_value(json_object_get(object, "agent")), "4601"); /* a name all the same */
	assert_string_equal(json_string_value(json_object_get(object, "disk_free_bytes")), "");
	json_decref(object);
	ran_free(&ran);
	ran = run("status", NULL);
	assert_string_equal(ran.out, "Agent                4601 (tram " TRAM_VERSION ")\n"
				     "Link                 not connected\n"
				     "Why                  the line was cut\n"
				     "Remedy               Check the line.\n"
				     "Waiting              3 reports, the oldest handed in at 2024-07-19 08:00:00\n"
				     "Last verdict         2024-07-20 09:00:00\n"
				     "Time to verdict      half within 0.3 s, 99 of 100 within 12 s\n"
				     "Outbox               1.3 of 4096 MiB\n"
				     "Catalogue            none from the centre yet\n"
				     "Refuses hand-ins     the outbox is full: free some space\n");
	ran_free(&ran);
	speak("vi");
	expect(run("status", NULL), 0, "1,3 / 4096 MiB", "");
	speak("en");
	expect(run("status", "--all", NULL), 0, "outbox_bytes_max         4294967296\n", "");
	fake_agent_stop(&a);
}

static void the_doctor_says_what_is_wrong_and_what_to_do(void **state)
{
	static const char *const well[][2] = {
	    {"agent", "agent-63-15"},   {"version", TRAM_VERSION}, {"state", "streaming"},
	    {"centre", "tcp://c:1"},    {"pending", "0"},          {"handed_in", "5"},
	    {"catalogue_version", "7"}, {"clock_skew_ms", "20"},   {NULL, NULL}};
	static const char *const ill[][2] = {{"agent", "agent-63-15"},
					     {"version", "0.0.1"},
					     {"state", "resting"},
					     {"centre", "tcp://c:1"},
					     {"why", "the centre has revoked this agent"},
					     {"remedy", "Ask the centre for new keys"},
					     {"centre_says", "revoked on Monday"},
					     {"centre_says_vi", "thu hồi hôm thứ hai"},
					     {"door_refuses", "the outbox is full"},
					     {"pending", "3"},
					     {"oldest_pending_age_s", "7200"},
					     {"oldest_pending", "2026-11-20 08:00:00"},
					     {"catalogue_version", "0"},
					     {"clock_skew_ms", "-400000"},
					     {NULL, NULL}};
	static const char *const told[] = {
	    "runs, as version 0.0.1",
	    "not linked to tcp://c:1: the centre has revoked this agent (the centre says: revoked on Monday)",
	    "remedy: Ask the centre for new keys",
	    "hand-in      the outbox is full",
	    "3 reports wait, the oldest since 2026-11-20 08:00:00",
	    "no codes from the centre yet",
	    "-400 seconds away"};
	struct fake_agent *a = agent(&(struct fake_manner){.status = well});
	struct ran ran = run("doctor", NULL);

	(void)state;
	assert_int_equal(ran.status, 0);
	assert_null(strstr(ran.out, "✗"));
	assert_non_null(strstr(ran.out, "✓ link         linked to tcp://c:1"));
	assert_non_null(strstr(ran.out, "the centre has all that was handed in (5)"));
	ran_free(&ran);
	fake_agent_stop(&a);
	a = agent(&(struct fake_manner){.status = ill});
	ran = run("doctor", NULL);
	assert_int_equal(ran.status, 69); /* the link's, which comes first */
	for (size_t i = 0; i < sizeof told / sizeof *told; i++) {
		if (!strstr(ran.out, told[i]))
			print_error("%s\n%s\n", told[i], ran.out);
		assert_non_null(strstr(ran.out, told[i]));
	}
	ran_free(&ran);
	expect(run("doctor", "--format", "json", NULL), 69, "\"health\": \"ill\"", "");
	speak("vi");
	expect(run("doctor", NULL), 69, "trung tâm đã thu hồi trạm này (trung tâm báo: thu hồi hôm thứ hai)", "");
	expect(run("status", NULL), 0, "thu hồi hôm thứ hai", "");
	speak("en");
	fake_agent_stop(&a);
	setenv("TRAM_AGENT_SOCKET", "/nonexistent/control", 1);
	expect(run("doctor", NULL), 69, "start it: systemctl start tram-agent", "");
}

static void keys_are_made_and_shown(void **state)
{
	char key[128], pub[128];
	struct stat st;
	struct ran made, shown;

	(void)state;
	snprintf(key, sizeof key, "%s/a.key", folder);
	snprintf(pub, sizeof pub, "%s/a.pub", folder);
	made = run("keys", "make", "agent-63-15", "--out", key, NULL);
	assert_int_equal(made.status, 0);
	assert_int_equal(stat(key, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	shown = run("keys", "show", pub, "--format", "json", NULL);
	assert_int_equal(shown.status, 0);
	assert_non_null(strstr(shown.out, "\"name\": \"agent-63-15\""));
	ran_free(&made);
	ran_free(&shown);
	expect(run("keys", "show", key, NULL), 0, "agent-63-15", "");
	speak("vi");
	expect(run("keys", "show", key, NULL), 0, "tên              agent-63-15\n", "");
	speak("en");
	if (geteuid() == 0) { /* only root can give a file away */
		assert_int_equal(chown(key, 1, 1), 0);
		expect(run("keys", "show", key, NULL), 77, "", "a.pub\n");
		assert_int_equal(chown(key, 0, 0), 0);
	}
	made = run("keys", "make", "agent-63-15", "--out", key, NULL);
	assert_int_not_equal(made.status, 0); /* never over an old one */
	ran_free(&made);
	expect(run("keys", "make", "Agent 63", NULL), 64, "", "no name for keys");
}

/* ---------------------------------------------------------------- the command line itself */

static void mistakes_on_the_command_line(void **state)
{
	(void)state;
	expect(run(NULL), 64, "Usage: tram", "");
	expect(run("--help", NULL), 0, "outbox list", "");
	expect(run("--version", NULL), 0, "tram " TRAM_VERSION, "");
	expect(run("sumbit", NULL), 64, "", "did you mean \"tram submit\"?");
	expect(run("qqqqqqqq", NULL), 64, "", "tram --help lists them");
	expect(run("submit", "-h", NULL), 0, "Usage: tram submit", "");
	expect(run("outbox", NULL), 64, "", "outbox show");
	expect(run("outbox", "--help", NULL), 0, "outbox show", "");
	expect(run("help", "submit", NULL), 0, "Usage: tram submit", "");
	expect(run("submit", "help", NULL), 0, "Usage: tram submit", "");
	expect(run("help", "outbox", "list", NULL), 0, "Usage: tram outbox list", "");
	expect(run("outbox", "help", NULL), 0, "outbox show", "");
	expect(run("outbox", "lst", NULL), 64, "",
	       "unknown command \"outbox lst\"; did you mean \"tram outbox list\"?");
	expect(run("keys", "qqqqqq", NULL), 64, "", "tram keys --help lists them");
	expect(run("submit", NULL), 64, "", "tram: FILE is missing: tram submit FILE");
	expect(run("outbox", "show", NULL), 64, "", "tram: NUMBER is missing");
	expect(run("submit", "a", "b", NULL), 64, "", "\"b\" is too much: tram submit FILE");
	expect(run("status", "--wait", NULL), 64, "", "unknown option --wait");
	expect(run("submit", "a.csv", "--perod", "2024", NULL), 64, "", "did you mean --period?");
	expect(run("submit", "a.csv", "--period", NULL), 64, "", "--period needs an argument");
	expect(run("submit", "a.csv", "--dry-run=yes", NULL), 64, "", "--dry-run takes no argument");
	expect(run("submit", "a.csv", "-x", NULL), 64, "", "unknown option -x");
	expect(run("submit", "a.csv", "--from", "xml", NULL), 64, "", "use sdmx-csv, csv, json, protobuf");
	expect(run("submit", "a.csv", "--locale", "fr", NULL), 64, "", "only vi is known");
	expect(run("submit", "a.csv", "--format", "xml", NULL), 64, "", "use table, json");
	expect(run("submit", "a.csv", "--justify", ":text", NULL), 64, "", "CODE:TEXT");
	expect(run("submit", "a.csv", "--justify", "merged:", NULL), 64, "", "CODE:TEXT");
	expect(run("submit", "a.csv", "--justify", "", NULL), 64, "", "CODE[:TEXT]");
	expect(run("submit", "a.csv", "--revise", "r", "--reason", "s", NULL), 64, "", "--revise says why already");
	expect(run("submit", "a.csv", "--revise", "r", "--purpose", "backfill", NULL), 64, "",
	       "--revise is a correction");
	expect(run("outbox", "list", "--limit", "-1", NULL), 64, "", "whole number");
	expect(run("--lang", "vi", "submit", "--help", NULL), 0, "--reference-date", "");
}

static void help_is_in_vietnamese_and_lines_up(void **state)
{
	(void)state;
	speak("vi");
	expect(run("submit", "--help", NULL), 0, "tram submit TỆP [LỰA_CHỌN]...", "");
	expect(run("submit", "--help", NULL), 0, "  --wait[=GIÂY]               chờ", "");
	expect(run("submit", "--help", NULL), 0, "socket điều khiển của trạm", "");
	expect(run("verdicts", "a", "b", NULL), 64, "", "tram verdicts [PHIẾU] [LỰA_CHỌN]...");
	speak("en");
	expect(run("submit", "--help", NULL), 0, "tram submit FILE [OPTION]...", "");
}

static void every_command_explains_itself(void **state)
{
	(void)state;
	for (size_t i = 0; i < n_commands; i++) {
		char *name = xstrdup(commands[i].name), *space = strchr(name, ' ');

		if (space)
			*space++ = 0;
		if (commands[i].run) /* one of the centre's package would take this process's place */
			expect(space ? run(name, space, "--help", NULL) : run(name, "--help", NULL), 0, "Usage: tram",
			       "");
		free(name);
	}
}

/* The manual page names every option that --help lists. */
static void every_option_is_in_the_manual(void **state)
{
	struct err err;
	size_t len;
	char *manual = fsx_read(TRAM_SOURCE_DIR "/deploy/man/tram.1", 1 << 20, &len, &err);

	(void)state;
	assert_non_null(manual);
	for (size_t i = 0; i < n_commands; i++) {
		char *name = xstrdup(commands[i].name), *space = strchr(name, ' '), *at;
		struct ran ran;

		if (!commands[i].run) {
			free(name); /* another program's */
			continue;
		}
		if (space)
			*space++ = 0;
		ran = space ? run(name, space, "--help", NULL) : run(name, "--help", NULL);
		at = ran.out;
		while ((at = strstr(at, "\n  --"))) {
			char wanted[64];

			at += 5;
			snprintf(wanted, sizeof wanted, "Fl Fl %.*s", (int)strcspn(at, " =[\n"), at);
			if (!strstr(manual, wanted))
				print_error("%s: %s\n", commands[i].name, wanted);
			assert_non_null(strstr(manual, wanted));
		}
		ran_free(&ran);
		free(name);
	}
	free(manual);
}

static void the_centres_program_is_found_beside_this_one(void **state)
{
	char *found, path[128];

	(void)state;
	assert_null(commands_find_centre(folder));
	snprintf(path, sizeof path, "%s", file("tram-centre", "#!/bin/sh\n"));
	assert_null(commands_find_centre(folder)); /* no program */
	chmod(path, 0755);
	found = commands_find_centre(folder);
	assert_string_equal(found, path);
	free(found);
}

static void near_words_are_suggested_and_far_ones_not(void **state)
{
	static const struct {
		const char *word, *candidate;
		bool is_near;
	} cases[] = {{"valeu", "value", true},      {"VALUE", "value", true}, {"x", "y", true},
		     {"indicator", "area", false},  {"x", "unit", false},     {"", "a", true},
		     {"psp_accounts", "psp", false}};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct nearest near = nearest_to(cases[i].word);

		nearest_try(&near, "");
		nearest_try(&near, cases[i].candidate);
		if ((near.found != NULL) != cases[i].is_near)
			print_error("%s %s\n", cases[i].word, cases[i].candidate);
		assert_int_equal(near.found != NULL, cases[i].is_near);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(submit_prints_the_ticket_alone),
	    cmocka_unit_test(any_problem_and_nothing_is_handed_in),
	    cmocka_unit_test(a_late_problem_takes_all_back),
	    cmocka_unit_test(submit_in_json_says_it_all),
	    cmocka_unit_test(waiting_shows_the_verdicts),
	    cmocka_unit_test(a_finding_is_told_once),
	    cmocka_unit_test(the_agents_refusal_is_passed_on),
	    cmocka_unit_test(without_an_agent_the_file_is_checked_all_the_same),
	    cmocka_unit_test(without_codes_the_centre_checks_them),
	    cmocka_unit_test(files_that_cannot_be_read),
	    cmocka_unit_test(check_keeps_nothing),
	    cmocka_unit_test(withdrawing_by_file_and_by_name),
	    cmocka_unit_test(a_withdrawals_reference_date_is_the_periods_last_day),
	    cmocka_unit_test(an_area_is_told_with_all_its_days),
	    cmocka_unit_test(options_become_part_of_the_report),
	    cmocka_unit_test(justifying_by_code_and_by_column),
	    cmocka_unit_test(revising_overrules_what_the_file_says),
	    cmocka_unit_test(the_outbox_is_listed_and_shown),
	    cmocka_unit_test(status_is_told_in_words_or_in_full),
	    cmocka_unit_test(the_doctor_says_what_is_wrong_and_what_to_do),
	    cmocka_unit_test(keys_are_made_and_shown),
	    cmocka_unit_test(mistakes_on_the_command_line),
	    cmocka_unit_test(help_is_in_vietnamese_and_lines_up),
	    cmocka_unit_test(every_command_explains_itself),
	    cmocka_unit_test(every_option_is_in_the_manual),
	    cmocka_unit_test(the_centres_program_is_found_beside_this_one),
	    cmocka_unit_test(near_words_are_suggested_and_far_ones_not),
	};

	speak("en");
	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
