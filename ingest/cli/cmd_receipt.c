/* SPDX-License-Identifier: Apache-2.0 */
/* tram trace, tram receipt and tram outbox export: where a hand-in is, and what shows it to others. */
#include "cli.h"
#include "clock.h"
#include "codec.h"
#include "delimited.h"
#include "digest.h"
#include "lang.h"
#include "mem.h"
#include "outfile.h"
#include "report_json.h"
#include "show.h"
#include "talk.h"
#include "terminal.h"
#include "text.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#define ARENA_CAP      (96u << 20) /* what hostile bytes can make of one report */
#define VERDICTS_SHOWN 200         /* in a receipt's notes */

/* ---------------------------------------------------------------- trace */

struct trace_options {
	struct common_options common;
};

static const struct options trace_spec = {
    "trace",
    "TICKET",
    N_("Where each report of a ticket is: handed in, sent, acknowledged by the centre, judged; and since when."),
    true,
    true,
    NULL,
    0,
    1,
    1};

/* For programs a code, for people a word. */
static const char *state_of(const Tram__Control__V1__TraceRow *row, bool for_people)
{
	const char *state = row->verdict              ? N_("judged")
			    : row->acknowledged_at_us ? N_("committed")
			    : row->sent               ? N_("sent")
						      : N_("waiting");

	return for_people ? _(state) : state;
}

struct tracing {
	struct table *table;
	bool for_people;
};

static void cell_time(const struct tracing *t, int64_t us)
{
	char text[CLOCK_TEXT];

	table_cell(t->table, us == 0 ? NULL : t->for_people ? clock_text_vn(us, text) : clock_text_rfc3339(us, text));
}

static void cell_number(struct table *t, uint64_t n)
{
	char digits[24];

	snprintf(digits, sizeof digits, "%" PRIu64, n);
	table_cell_number(t, digits);
}

static const char *digest_hex(const ProtobufCBinaryData *digest, char buf[static 2 * DIGEST_SIZE + 1])
{
	return digest->len == DIGEST_SIZE ? text_hex(digest->data, DIGEST_SIZE, buf) : "";
}

static void trace_row(void *context, const Tram__Control__V1__TraceRow *row)
{
	const struct tracing *t = context;
	char hex[2 * DIGEST_SIZE + 1];

	cell_number(t->table, row->seq);
	table_cell_coloured(t->table, row->acknowledged_at_us ? "green" : "yellow", state_of(row, t->for_people));
	cell_time(t, row->handed_in_at_us);
	cell_time(t, row->acknowledged_at_us);
	cell_time(t, row->judged_at_us);
	if (t->for_people) {
		table_cell(t->table, row->file_name);
		return;
	}
	table_cell(t->table, row->file_name);
	table_cell(t->table, row->ticket);
	cell_number(t->table, row->acknowledged_through);
	cell_number(t->table, row->verdict ? row->verdict->verdict_seq : 0);
	table_cell_bool(t->table, row->kept);
	table_cell(t->table, digest_hex(&row->digest, hex));
}

static void trace_columns(const struct tracing *t)
{
	table_column(t->table, "seq", _("No."), TABLE_RIGHT);
	table_column(t->table, "state", _("State"), TABLE_LEFT);
	table_column(t->table, "handed_in_at", _("Handed in"), TABLE_LEFT);
	table_column(t->table, "acknowledged_at", _("Acknowledged"), TABLE_LEFT);
	table_column(t->table, "judged_at", _("Judged"), TABLE_LEFT);
	table_column(t->table, "file", _("File"), TABLE_LEFT);
	if (t->for_people)
		return;
	table_column(t->table, "ticket", "ticket", TABLE_LEFT);
	table_column(t->table, "acknowledged_through", "acknowledged_through", TABLE_RIGHT);
	table_column(t->table, "verdict_seq", "verdict_seq", TABLE_RIGHT);
	table_column(t->table, "kept", "kept", TABLE_LEFT);
	table_column(t->table, "digest", "digest", TABLE_LEFT);
}

int cmd_trace(int argc, char **argv)
{
	struct trace_options o = {0};
	struct tracing t;
	struct err err;
	int first;
	bool ok;

	switch (options_parse(&trace_spec, argc, argv, &o.common, &first, &err)) {
	case OPTIONS_HELPED: return EX_OK;
	case OPTIONS_WRONG: return cli_fail(&err);
	case OPTIONS_GO: break;
	}
	t = (struct tracing){table_new(o.common.format, stdout), o.common.format == TABLE_TEXT};
	trace_columns(&t);
	ok = talk_trace(o.common.agent_socket, &(struct talk_range){.ticket = argv[first]}, false, trace_row, &t, &err);
	table_close(&t.table, ok);
	return ok ? EX_OK : cli_fail(&err);
}

/* ---------------------------------------------------------------- what a proof says to people */

/* The text is gathered from the rows; its lines become the notes. */
struct notes {
	FILE *out;
	char *text;
	size_t len;
	uint64_t rows, first, last, verdicts;
	char *ticket, *file_name;
	int64_t handed_in_at_us, acknowledged_at_us;
	uint64_t through;
	FILE *judged; /* the part on verdicts */
	char *judged_text;
	size_t judged_len;
};

static void note_verdict(struct notes *n, const Tram__Control__V1__TraceRow *row)
{
	Tram__V1__Verdict brief = *row->verdict;
	char name[32];
	const struct show_about about = {.ticket = name, .stored_at_us = row->judged_at_us};

	snprintf(name, sizeof name, "%" PRIu64, row->seq);
	brief.n_findings = 0;
	if (n->verdicts++ < VERDICTS_SHOWN)
		show_verdict(n->judged, &brief, &about);
}

static void note_row(void *context, const Tram__Control__V1__TraceRow *row)
{
	struct notes *n = context;

	if (n->rows++ == 0) {
		n->first = row->seq;
		n->ticket = xstrdup(row->ticket);
		n->file_name = xstrdup(row->file_name);
		n->handed_in_at_us = row->handed_in_at_us;
	}
	n->last = row->seq;
	n->through = row->acknowledged_through;
	n->acknowledged_at_us = row->acknowledged_at_us;
	if (row->verdict)
		note_verdict(n, row);
}

static void write_head(const struct notes *n, bool is_ticket, bool with_reports)
{
	char when[CLOCK_TEXT], range[48];

	fprintf(n->out, "%s\n\n",
		with_reports ? _("PROOF: these reports, as they were handed in, and that the centre has them")
			     : _("RECEIPT: the centre has these reports"));
	if (is_ticket)
		fprintf(n->out, _("Ticket %s, file %s, handed in on %s (this machine's clock).\n"), n->ticket,
			n->file_name, clock_text_vn(n->handed_in_at_us, when));
	fprintf(n->out,
		_("Reports no. %s. The centre has acknowledged them, and all up to %" PRIu64 ", at %s (its clock).\n"),
		cli_range(n->first, n->last, range), n->through, clock_text_vn(n->acknowledged_at_us, when));
	fprintf(n->out, "\n%s\n",
		_("Anybody can check this with the two public keys:\n"
		  "  tram verify --proof FILE --key centre.pub --key AGENT.pub\n"
		  "Lines that begin with # are for people: the centre's signature does not cover them."));
}

static void write_verdicts(const struct notes *n)
{
	fclose(n->judged);
	if (n->verdicts == 0)
		return;
	fprintf(n->out, "\n%s\n%s",
		_("For information, not covered by the centre's signature: what it said of the figures so far"),
		n->judged_text);
	if (n->verdicts > VERDICTS_SHOWN)
		fprintf(n->out, _("and %" PRIu64 " more\n"), n->verdicts - VERDICTS_SHOWN);
}

/* The lines of text; caller frees the array, which points into it. */
static char **split_lines(char *text, size_t *ret_n)
{
	char **lines = NULL;
	size_t n = 0;

	for (char *at = text, *end; *at; at = end + 1) {
		end = strchr(at, '\n');
		assert(end);
		*end = '\0';
		lines = xreallocarray(lines, n + 1, sizeof *lines);
		lines[n++] = at;
	}
	*ret_n = n;
	return lines;
}

static bool gather_notes(struct notes *n, const char *socket, const struct talk_range *range, struct err *err)
{
	*n = (struct notes){.rows = 0};
	n->out = open_memstream(&n->text, &n->len);
	n->judged = open_memstream(&n->judged_text, &n->judged_len);
	assert(n->out && n->judged);
	return talk_trace(socket, range, false, note_row, n, err);
}

static void drop_notes(struct notes *n)
{
	free(n->text);
	free(n->judged_text);
	free(n->ticket);
	free(n->file_name);
}

/* Asks for the proof and writes it, notes first. */
static bool write_proof(const char *socket, const struct talk_range *range, bool with_reports, const char *path,
			struct err *err)
{
	struct notes notes;
	struct outfile out;
	char **lines;
	size_t n_lines;
	bool fine = gather_notes(&notes, socket, range, err);

	if (fine)
		write_head(&notes, range->ticket != NULL, with_reports);
	write_verdicts(&notes);
	fclose(notes.out);
	lines = split_lines(notes.text, &n_lines);
	fine = fine && outfile_open(&out, path, err);
	if (fine) {
		fine = talk_proof(socket, range, with_reports, lines, n_lines, out.file, err);
		if (fine)
			fine = outfile_finish(&out, err);
		else
			outfile_abandon(&out);
	}
	free(lines);
	drop_notes(&notes);
	return fine;
}

/* ---------------------------------------------------------------- receipt */

struct receipt_options {
	struct common_options common;
	const char *out;
};

static const struct option_row receipt_rows[] = {
    {"out", "FILE", OPTION_TEXT, offsetof(struct receipt_options, out), N_("where it is written; else it is printed")},
};

static const struct options receipt_spec = {
    "receipt",
    "TICKET [OPTION]...",
    N_("A receipt: the digests of a ticket's reports and the centre's signed word that it has them. Anybody checks it\n"
       "with the public keys: tram verify --proof. Before the centre has acknowledged them the exit status is 75."),
    true,
    false,
    receipt_rows,
    sizeof receipt_rows / sizeof *receipt_rows,
    1,
    1};

int cmd_receipt(int argc, char **argv)
{
	struct receipt_options o = {0};
	struct err err;
	int first;

	switch (options_parse(&receipt_spec, argc, argv, &o.common, &first, &err)) {
	case OPTIONS_HELPED: return EX_OK;
	case OPTIONS_WRONG: return cli_fail(&err);
	case OPTIONS_GO: break;
	}
	if (!write_proof(o.common.agent_socket, &(struct talk_range){.ticket = argv[first]}, false, o.out, &err))
		return cli_fail(&err);
	return EX_OK;
}

/* ---------------------------------------------------------------- export */

struct export_options {
	struct common_options common;
	const char *out;
	int64_t from, to;
	bool proof;
};

static const struct option_row export_rows[] = {
    {"proof", NULL, OPTION_FLAG, offsetof(struct export_options, proof),
     N_("with the chain, the centre's signed acknowledgements and the agent's signature")},
    {"from", "NUMBER", OPTION_COUNT, offsetof(struct export_options, from), N_("the first report, without a ticket")},
    {"to", "NUMBER", OPTION_COUNT, offsetof(struct export_options, to), N_("the last one; else it is the first alone")},
    {"out", "FILE", OPTION_TEXT, offsetof(struct export_options, out), N_("where it is written; else it is printed")},
};

static const struct options export_spec = {
    "outbox export",
    "[TICKET] [OPTION]...",
    N_("The reports of a ticket, or those with numbers, as they were handed in: in JSON or protobuf, which tram "
       "submit\n"
       "--from reads, or with --proof as a file that tram verify --proof checks anywhere."),
    true,
    false,
    export_rows,
    sizeof export_rows / sizeof *export_rows,
    0,
    1};

struct exporting {
	FILE *out;
	bool is_json;
	uint64_t rows;
	bool fine;
	struct err *err;
};

static bool put_json(FILE *out, const ProtobufCBinaryData *bytes, struct err *err)
{
	struct arena *arena = arena_new(ARENA_CAP);
	const Tram__V1__Report *report = codec_report(arena, bytes->data, bytes->len, err);
	json_t *json = report ? report_json(&report->base) : NULL;
	bool ok = json && json_dumpf(json, out, JSON_INDENT(2)) == 0;

	json_decref(json);
	arena_free(&arena);
	return ok || (report && err_set(err, ERR_IO, _("the output could not be written in full")));
}

static void export_row(void *context, const Tram__Control__V1__TraceRow *row)
{
	struct exporting *e = context;
	uint8_t length[DELIMITED_LENGTH_MAX];

	if (!e->fine)
		return;
	if (e->is_json) {
		fputs(e->rows++ ? ",\n" : "[\n", e->out);
		e->fine = put_json(e->out, &row->report, e->err);
	} else {
		fwrite(length, 1, delimited_length(row->report.len, length), e->out);
		fwrite(row->report.data, 1, row->report.len, e->out);
	}
}

static bool write_reports(const char *socket, const struct talk_range *range, bool is_json, const char *path,
			  struct err *err)
{
	struct err row_err;
	struct exporting e = {.is_json = is_json, .fine = true, .err = &row_err};
	struct outfile out;
	bool fine;

	if (!outfile_open(&out, path, err))
		return false;
	e.out = out.file;
	fine = talk_trace(socket, range, true, export_row, &e, err);
	if (fine && !e.fine)
		*err = row_err;
	fine = fine && e.fine;
	if (fine && is_json)
		fputs("\n]\n", out.file);
	if (fine)
		return outfile_finish(&out, err);
	outfile_abandon(&out);
	return false;
}

static bool find_range(struct export_options *o, const char *ticket, struct talk_range *ret, struct err *err)
{
	*ret = (struct talk_range){.ticket = ticket, .first_seq = (uint64_t)o->from, .last_seq = (uint64_t)o->to};
	if (!ret->last_seq)
		ret->last_seq = ret->first_seq;
	if (ticket ? o->from || o->to : !o->from)
		return err_set(err, ERR_USAGE, _("say which reports: a ticket, or --from NUMBER --to NUMBER"));
	if (o->proof && o->common.format_name)
		return err_set(err, ERR_USAGE, _("a proof has a form of its own: leave --format out"));
	return true;
}

int cmd_outbox_export(int argc, char **argv)
{
	struct export_options o = {.common.formats = "json|protobuf"};
	struct talk_range range;
	struct err err;
	int first;
	bool ok, is_json;

	switch (options_parse(&export_spec, argc, argv, &o.common, &first, &err)) {
	case OPTIONS_HELPED: return EX_OK;
	case OPTIONS_WRONG: return cli_fail(&err);
	case OPTIONS_GO: break;
	}
	if (!find_range(&o, first < argc ? argv[first] : NULL, &range, &err))
		return cli_fail(&err);
	is_json = !o.common.format_name || strcmp(o.common.format_name, "json") == 0;
	ok = o.proof ? write_proof(o.common.agent_socket, &range, true, o.out, &err)
		     : write_reports(o.common.agent_socket, &range, is_json, o.out, &err);
	return ok ? EX_OK : cli_fail(&err);
}
