/* SPDX-License-Identifier: Apache-2.0 */
/* tram submit, tram check and tram withdraw: the three ways to hand a file over. */
#include "cli.h"
#include "handin.h"
#include "lang.h"
#include "mem.h"
#include "status.h"
#include "terminal.h"
#include "verdicts.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#define WAIT_NOT     -2 /* --wait was not given */
#define WAIT_DEFAULT 60
#define CROSS_MAX    1024 /* figures that one `tram withdraw` without a file may name */

struct submit_options {
	struct common_options common;
	const char *from, *provider, *dataflow, *period, *reference_date, *purpose, *reason, *revise, *justify;
	const char *prepared_by, *approved_by, *locale;
	struct option_list dimensions, indicators, areas;
	bool demonstration, dry_run;
	int64_t wait;
};

#define AT(member) offsetof(struct submit_options, member)

/* What all three take. */
#define FILE_ROWS                                                                                                      \
	{"from", "FORMAT", OPTION_TEXT, AT(from), N_("sdmx-csv, csv, json or protobuf; else by the file's name")},     \
	    {"provider", "CODE", OPTION_TEXT, AT(provider), N_("whose figures; else the agent's, if it has one")},     \
	    {"dataflow", "CODE", OPTION_TEXT, AT(dataflow), N_("which dataflow; else the indicators'")},               \
	    {"period", "PERIOD", OPTION_TEXT, AT(period),                                                              \
	     N_("2024, 2024-S1, 2024-Q2, 2024-06, 2024-W05, 2024-06-14")},                                             \
	    {"reference-date", "DATE", OPTION_TEXT, AT(reference_date), N_("the day for which the figures hold")},     \
	    {"dimension", "ID", OPTION_LIST, AT(dimensions), N_("this column of the file is a dimension")},            \
	    {"prepared-by", "NAME", OPTION_TEXT, AT(prepared_by), N_("who prepared the figures")},                     \
	{                                                                                                              \
		"approved-by", "NAME", OPTION_TEXT, AT(approved_by), N_("who approved them")                           \
	}

#define JUDGED_ROWS                                                                                                    \
	{"purpose", "WORD", OPTION_TEXT, AT(purpose), N_("regular, backfill or correction")},                          \
	    {"reason", "TEXT", OPTION_TEXT, AT(reason), N_("why it is a backfill or a correction")},                   \
	    {"revise", "REASON", OPTION_TEXT, AT(revise), N_("state figures anew that were stated before, and why")},  \
	    {"justify", "CODE[:TEXT]", OPTION_TEXT, AT(justify),                                                       \
	     N_("the reason for the report, and for figures that have none of their own")},                            \
	    {"locale", "vi", OPTION_TEXT, AT(locale), N_("the file writes numbers as 1.234,56")},                      \
	{                                                                                                              \
		"demonstration", NULL, OPTION_FLAG, AT(demonstration), N_("the figures are not reported data")         \
	}

static const struct option_row submit_rows[] = {
    FILE_ROWS,
    JUDGED_ROWS,
    {"wait", "[SECONDS]", OPTION_COUNT, AT(wait), N_("wait for the verdicts and show them (60 seconds)")},
    {"dry-run", NULL, OPTION_FLAG, AT(dry_run), N_("only ask the centre what it would say: tram check")},
};

static const struct option_row check_rows[] = {FILE_ROWS, JUDGED_ROWS};

static const struct option_row withdraw_rows[] = {
    FILE_ROWS,
    {"indicator", "CODE", OPTION_LIST, AT(indicators), N_("without a file: take back this indicator's figures")},
    {"area", "AREA", OPTION_LIST, AT(areas), N_("without a file: of this area")},
    {"reason", "TEXT", OPTION_TEXT, AT(reason), N_("why they are taken back")},
    {"wait", "[SECONDS]", OPTION_COUNT, AT(wait), N_("wait for the verdicts and show them (60 seconds)")},
};

#define ROWS(table) table, sizeof(table) / sizeof *(table)

static const struct options submit_spec = {
    "submit",
    "FILE [OPTION]...",
    N_("Hands in the figures of FILE (\"-\": standard input). Everything wrong with it is told at once, and then "
       "nothing\n"
       "is handed in. The ticket is printed once the figures are safe on this machine's disk."),
    true,
    false,
    ROWS(submit_rows),
    1,
    1};

static const struct options check_spec = {
    "check",
    "FILE [OPTION]...",
    N_("Checks FILE and asks the centre what it would say of it. Nothing is kept."),
    true,
    false,
    ROWS(check_rows),
    1,
    1};

static const struct options withdraw_spec = {
    "withdraw",
    "[FILE] --reason TEXT --prepared-by NAME [OPTION]...",
    N_("Takes figures back: those of FILE, or those that --indicator and --area name for --period. Values in FILE are\n"
       "not looked at. The figures stay in the history, marked as withdrawn. Without --reference-date the period's "
       "last\n"
       "day holds, or today where the period has not ended."),
    true,
    false,
    ROWS(withdraw_rows),
    0,
    1};

/* ---------------------------------------------------------------- options into a hand-in */

static bool set_justification(struct handin *h, const char *justify, char **ret_code, struct err *err)
{
	const char *colon = strchr(justify, ':');

	if (!*justify || colon == justify || (colon && !colon[1]))
		return err_set(err, ERR_USAGE, _("--justify \"%s\": write CODE or CODE:TEXT"), justify);
	*ret_code = colon ? xstrndup(justify, (size_t)(colon - justify)) : xstrdup(justify);
	h->check.stated[FIELD_REPORT_JUSTIFICATION_CODE] = *ret_code;
	h->check.stated[FIELD_REPORT_JUSTIFICATION] = colon ? colon + 1 : NULL;
	return true;
}

/* The same file may be handed in again, so what it says of its first purpose gives way. */
static void overrule(struct handin *h, enum field_id field, const char *text)
{
	h->check.stated[field] = text;
	h->check.overrules[field] = text != NULL;
}

static bool set_revision(struct handin *h, const struct submit_options *o, struct err *err)
{
	if (o->reason)
		return err_set(err, ERR_USAGE, _("--revise says why already: leave --reason out"));
	if (o->purpose && strcmp(o->purpose, "correction") != 0)
		return err_set(err, ERR_USAGE, _("--revise is a correction: leave --purpose out"));
	overrule(h, FIELD_PURPOSE, "correction");
	overrule(h, FIELD_REASON, o->revise);
	overrule(h, FIELD_REVISES, "yes");
	return true;
}

static bool set_options(struct handin *h, const struct submit_options *o, char **ret_code, struct err *err)
{
	const char **stated = h->check.stated;

	h->socket = o->common.agent_socket;
	h->is_json = o->common.format == TABLE_JSON;
	h->format = o->from ? reader_by_name(o->from) : READER_FORMATS;
	h->reader = (struct reader_options){o->dimensions.texts, o->dimensions.n};
	stated[FIELD_PROVIDER] = o->provider;
	stated[FIELD_DATAFLOW] = o->dataflow;
	stated[FIELD_TIME_PERIOD] = o->period;
	stated[FIELD_REFERENCE_DATE] = o->reference_date;
	stated[FIELD_PURPOSE] = o->purpose;
	stated[FIELD_REASON] = o->reason;
	stated[FIELD_PREPARED_BY] = o->prepared_by;
	stated[FIELD_APPROVED_BY] = o->approved_by;
	stated[FIELD_DEMONSTRATION] = o->demonstration ? "yes" : NULL;
	if (o->from && h->format == READER_FORMATS)
		return err_set(err, ERR_USAGE, _("--from %s: use %s"), o->from, "sdmx-csv, csv, json, protobuf");
	if (o->locale && !check_locale_by_name(o->locale, &h->check.locale))
		return err_set(err, ERR_USAGE, _("--locale %s: only vi is known; leave it out for 1234.56"), o->locale);
	if (o->justify && !set_justification(h, o->justify, ret_code, err))
		return false;
	if (h->check.withdraw) {
		overrule(h, FIELD_PURPOSE, "correction");
		overrule(h, FIELD_REASON, o->reason);
	}
	return !o->revise || set_revision(h, o, err);
}

/* ---------------------------------------------------------------- what is shown at the end */

static bool print_json(struct handin *h, json_t *verdicts, struct err *err)
{
	json_t *object =
	    json_pack("{sI sI sI sI sI sb so sO}", "rows", (json_int_t)h->rows, "reports", (json_int_t)h->reports,
		      "observations", (json_int_t)h->observations, "errors", (json_int_t)problems_errors(h->problems),
		      "warnings", (json_int_t)problems_warnings(h->problems), "codes_checked", !h->unchecked_codes,
		      "problems", problems_json(h->problems), "verdicts", verdicts);

	if (h->ticket)
		json_object_set_new(object, "ticket", json_string(h->ticket));
	if (h->not_sent)
		json_object_set_new(object, "not_sent", json_string(h->not_sent));
	return cli_print_json(object, err);
}

/* Safe here is not yet there: who handed in is told why not, also in a pipe, as the ticket alone says nothing of it. The
 * cause's name; caller frees. NULL: the agent is linked to the centre, or does not say. */
static char *tell_why_not_sent(const struct handin *h)
{
	struct err ignored;
	Tram__Control__V1__Status *status = status_fetch(h->socket, &ignored);
	char *cause = NULL;

	if (status && *status_value(status, "why")) {
		cause = xstrdup(status_value(status, "cause"));
		fprintf(stderr,
			_("safe on this machine, not yet at the centre: %s. Do not hand it in again; tram doctor "
			  "says what to do\n"),
			status_words(status, "why"));
	}
	if (status)
		tram__control__v1__status__free_unpacked(status, NULL);
	return cause;
}

/* What a person wants to know beside the ticket; a pipe gets the ticket alone. */
static void tell_person(const struct handin *h)
{
	char figures[64], reports[64];

	if (!terminal_is(stderr))
		return;
	if (h->unchecked_codes)
		fprintf(stderr, "%s\n",
			_("note: the agent has no codes from the centre yet, so codes were not checked here"));
	snprintf(figures, sizeof figures, ngettext("%" PRIu64 " figure", "%" PRIu64 " figures", h->observations),
		 h->observations);
	snprintf(reports, sizeof reports, ngettext("%" PRIu64 " report", "%" PRIu64 " reports", h->reports),
		 h->reports);
	if (h->what == HANDIN_JUDGE)
		fprintf(stderr, _("judged: %s in %s; nothing was kept\n"), figures, reports);
	else
		fprintf(stderr,
			_("safe on this machine's disk: %s in %s; what the centre says of them: tram verdicts %s\n"),
			figures, reports, h->ticket);
}

/* The verdicts of the ticket; 75 while some are still to come, though the figures are safe. */
static int wait_for_verdicts(struct handin *h, int64_t wait, json_t *verdicts, struct err *err)
{
	struct verdict_query q = {.socket = h->socket,
				  .ticket = h->ticket,
				  .wait_s = wait < 0 ? WAIT_DEFAULT : wait,
				  .gather = h->is_json ? verdicts : NULL};

	if (!verdicts_fetch(&q, err))
		return err->kind;
	if (q.reports < h->reports) {
		err_set(err, ERR_TEMPFAIL,
			_("%" PRIu64 " of %" PRIu64
			  " verdicts are in; the figures are safe, do not hand them in again: "
			  "tram verdicts %s shows the rest later"),
			q.reports, h->reports, h->ticket);
		return err->kind;
	}
	return q.all_accepted ? EX_OK : EX_DATAERR;
}

static int conclude(struct handin *h, int64_t wait, struct err *err)
{
	int status = EX_OK;

	if (h->what == HANDIN_SUBMIT && !h->is_json) {
		printf("%s\n", h->ticket);
		fflush(stdout);
	}
	tell_person(h);
	if (h->what == HANDIN_SUBMIT)
		h->not_sent = tell_why_not_sent(h);
	if (h->what == HANDIN_JUDGE)
		status = h->all_accepted ? EX_OK : EX_DATAERR;
	else if (wait != WAIT_NOT)
		status = wait_for_verdicts(h, wait, h->verdicts, err);
	return status;
}

static int run(struct handin *h, int64_t wait)
{
	struct err err = {0}, print_err;
	bool ok = handin_run(h, &err);
	int status = ok ? conclude(h, wait, &err) : (int)err.kind;

	if (h->is_json && h->problems && (ok || !*err.text) && !print_json(h, h->verdicts, &print_err))
		status = cli_fail(&print_err);
	if (!h->is_json && h->problems)
		problems_sum_up(h->problems, stderr);
	if (problems_errors(h->problems) && !h->is_json)
		fprintf(stderr, "%s\n", _("nothing was handed in"));
	if (*err.text)
		status = cli_fail(&err);
	handin_done(h);
	return status;
}

/* ---------------------------------------------------------------- the commands */

static int submit(const struct options *spec, int argc, char **argv, bool judge)
{
	struct submit_options o = {.wait = WAIT_NOT};
	struct handin h = {0};
	struct err err;
	char *code = NULL;
	int first, status;

	switch (options_parse(spec, argc, argv, &o.common, &first, &err)) {
	case OPTIONS_HELPED: return EX_OK;
	case OPTIONS_WRONG: return cli_fail(&err);
	case OPTIONS_GO: break;
	}
	h.path = argv[first];
	h.what = judge || o.dry_run ? HANDIN_JUDGE : HANDIN_SUBMIT;
	status = set_options(&h, &o, &code, &err) ? run(&h, o.wait) : cli_fail(&err);
	free(code);
	return status;
}

int cmd_submit(int argc, char **argv)
{
	return submit(&submit_spec, argc, argv, false);
}

int cmd_check(int argc, char **argv)
{
	return submit(&check_spec, argc, argv, true);
}

/* ---------------------------------------------------------------- withdrawing without a file */

static struct cell option_cell(const char *text, const char *option)
{
	return (struct cell){.text = text, .len = strlen(text), .at = {.option = option}};
}

/* "SEX=F" of --dimension; ids are cut out of copies that *ret_ids keeps. */
static bool set_dimensions(struct record *record, const struct option_list *list, char **ids, struct err *err)
{
	for (size_t i = 0; i < list->n; i++) {
		const char *equals = strchr(list->texts[i], '=');

		if (!equals || equals == list->texts[i] || i == DIMENSIONS_MAX)
			return err_set(err, ERR_USAGE, _("--dimension \"%s\": write ID=VALUE, %d at most"),
				       list->texts[i], DIMENSIONS_MAX);
		ids[i] = xstrndup(list->texts[i], (size_t)(equals - list->texts[i]));
		record->dimensions[i].id = ids[i];
		record->dimensions[i].value = option_cell(equals + 1, "--dimension");
		record->n_dimensions = i + 1;
	}
	return true;
}

static bool withdraw_named(struct handin *h, const struct submit_options *o, struct record *records, char **ids,
			   struct err *err)
{
	struct record first = {.spelling = SPELLING_COLUMN, .at = {.option = "tram withdraw"}};

	if (o->indicators.n == 0 || o->areas.n == 0)
		return err_set(err, ERR_USAGE,
			       _("give a FILE, or --indicator and --area: which figures are to be taken back?"));
	if (o->indicators.n * o->areas.n > CROSS_MAX)
		return err_set(err, ERR_USAGE, _("that names more than %d figures: put them into a file"), CROSS_MAX);
	if (!set_dimensions(&first, &o->dimensions, ids, err))
		return false;
	for (size_t i = 0; i < o->indicators.n; i++) {
		for (size_t j = 0; j < o->areas.n; j++) {
			struct record *record = &records[h->n_records++];

			*record = first;
			record->cells[FIELD_INDICATOR] = option_cell(o->indicators.texts[i], "--indicator");
			record->cells[FIELD_REF_AREA] = option_cell(o->areas.texts[j], "--area");
		}
	}
	h->records = records;
	return true;
}

int cmd_withdraw(int argc, char **argv)
{
	struct submit_options o = {.wait = WAIT_NOT};
	struct handin h = {.what = HANDIN_SUBMIT, .check.withdraw = true};
	struct record *records;
	struct err err;
	char *code = NULL, *ids[OPTION_LIST_MAX] = {0};
	int first, status;

	switch (options_parse(&withdraw_spec, argc, argv, &o.common, &first, &err)) {
	case OPTIONS_HELPED: return EX_OK;
	case OPTIONS_WRONG: return cli_fail(&err);
	case OPTIONS_GO: break;
	}
	records = xcalloc(CROSS_MAX, sizeof *records);
	h.path = first < argc ? argv[first] : NULL;
	if (set_options(&h, &o, &code, &err) && (h.path || withdraw_named(&h, &o, records, ids, &err)))
		status = run(&h, o.wait);
	else
		status = cli_fail(&err);
	for (size_t i = 0; i < OPTION_LIST_MAX; i++)
		free(ids[i]);
	free(records);
	return status;
}
