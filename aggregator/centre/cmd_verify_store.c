/* SPDX-License-Identifier: Apache-2.0 */
/* tram verify: all that is stored, held against what the agents signed. */
#include "centre.h"

#include "lang.h"
#include "mem.h"
#include "terminal.h"
#include "text.h"
#include "verify.h"

#include <ctype.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#define ARENA_CAP  (1u << 30) /* one page of batches, and what a cursor gives at once */
#define AGENTS_MAX 1000

struct verify_options {
	struct centre_options centre;
	const char *since;
};

static const struct option_row rows[] = {
    {"since", "TIME", OPTION_TEXT, offsetof(struct verify_options, since),
     N_("only what was received since (2024-07-19, 2024-07-19T08:00:00+07:00)")},
    CENTRE_ROWS(verify_options),
};

static const struct options spec = {
    "verify",
    "[AGENT]... [OPTION]...",
    N_("Recomputes every agent's chain from the bytes handed in, checks each batch's signature with the key that was "
       "on\n"
       "the roster, and holds reports, figures, verdicts and watermarks against them. Names the first break; the exit\n"
       "status is 0 when all is sound, 65 when not. With --proof FILE it checks a receipt or a proof instead."),
    false,
    false,
    rows,
    sizeof rows / sizeof *rows,
    0,
    AGENTS_MAX};

/* ---------------------------------------------------------------- what was found */

/* A stream, or what belongs to none. */
struct stream_result {
	const struct audit_stream *stream;
	struct verify_sums sums;
	bool is_broken;
	struct verify_break first;
};

struct verification {
	struct store *pages, *cursors; /* two connections: one asks, the other's cursors lie in order */
	struct arena *snapshot, *page, *figures, *verdicts;
	struct audit_snapshot stored;
	struct stream_result *results; /* n_streams, and one for the rest */
	struct stream_result *now;
	struct verify *verify;
	int64_t since_us; /* 0: from the beginning */
	uint64_t reports, reports_in_all;
	bool is_all; /* of all agents: also what follows from all of them */
	bool shows_progress;
};

static void take_break(void *context, const struct verify_break *b)
{
	struct verification *f = context;
	struct stream_result *r = b->epoch[0] ? f->now : &f->results[f->stored.n_streams];

	r->sums.breaks++;
	if (!r->is_broken) {
		r->first = *b;
	}
	r->is_broken = true;
}

static bool give_figures(void *context, const struct audit_figure **ret, size_t *ret_n, struct err *err)
{
	struct verification *f = context;
	struct audit_figure *got;

	arena_reset(f->figures);
	if (store_audit_figures(f->cursors, f->figures, &got, ret_n, err) != STORE_OK) {
		return false;
	}
	*ret = got;
	return true;
}

static bool give_verdicts(void *context, const struct audit_verdict **ret, size_t *ret_n, struct err *err)
{
	struct verification *f = context;
	struct audit_verdict *got;

	arena_reset(f->verdicts);
	if (store_audit_verdicts(f->cursors, f->verdicts, &got, ret_n, err) != STORE_OK) {
		return false;
	}
	*ret = got;
	return true;
}

/* ---------------------------------------------------------------- the walk */

static void show_progress(struct verification *f, uint64_t reports)
{
	f->reports += reports;
	if (f->shows_progress) {
		terminal_progress(f->reports, f->reports_in_all, f->reports);
	}
}

static bool walk_batch(struct verification *f, const struct audit_stream *s, const struct audit_batch *b,
		       struct err *err)
{
	struct arena_mark mark = arena_mark(f->page);
	struct audit_report *reports;
	uint64_t last = verify_covers(s, b);
	size_t n;
	bool fine = store_audit_reports(f->pages, s, b->from_seq, last, f->page, &reports, &n, err) == STORE_OK &&
		    verify_batch(f->verify, b, reports, n, err);

	arena_rewind(f->page, mark);
	show_progress(f, last + 1 - b->from_seq);
	return fine;
}

static bool walk_batches(struct verification *f, const struct audit_stream *s, uint64_t after, struct err *err)
{
	struct audit_batch *batches;
	size_t n;

	do {
		arena_reset(f->page);
		if (store_audit_batches(f->pages, s, after, f->page, &batches, &n, err) != STORE_OK) {
			return false;
		}
		for (size_t i = 0; i < n; i++) {
			if (!walk_batch(f, s, &batches[i], err)) {
				return false;
			}
			after = batches[i].from_seq;
		}
	} while (n > 0);
	return true;
}

static bool walk_stream(struct verification *f, struct stream_result *result, struct err *err)
{
	struct arena *keys_arena = arena_new(1u << 20);
	const struct audit_stream *s = result->stream;
	struct audit_key *keys;
	struct verify_sums sums;
	uint64_t before = 0;
	size_t n_keys;
	bool fine;

	f->now = result;
	fine = store_audit_keys(f->pages, s->agent_no, keys_arena, &keys, &n_keys, err) == STORE_OK &&
	       (f->since_us == 0 || store_audit_start(f->pages, s, f->since_us, &before, err) == STORE_OK) &&
	       verify_stream(f->verify, s, keys, n_keys, before > 0, err) && walk_batches(f, s, before, err) &&
	       verify_stream_end(f->verify, &sums, err);
	if (fine) {
		result->sums.batches = sums.batches;
		result->sums.reports = sums.reports;
		result->sums.figures = sums.figures;
	}
	arena_free(&keys_arena);
	return fine;
}

static void take_subtotal(void *context, const struct audit_subtotal *row)
{
	struct verification *f = context;

	verify_subtotal(f->verify, row);
}

static void take_closing(void *context, const struct audit_closing *row)
{
	struct verification *f = context;

	verify_closing(f->verify, row);
}

/* What follows from the streams of all agents. */
static bool walk_the_rest(struct verification *f, struct err *err)
{
	if (f->is_all && f->since_us == 0 && store_audit_subtotals(f->pages, take_subtotal, f, err) != STORE_OK) {
		return false;
	}
	return !f->is_all || store_audit_closings(f->pages, f->since_us, take_closing, f, err) == STORE_OK;
}

static bool walk(struct verification *f, struct err *err)
{
	const struct audit_snapshot *s = &f->stored;
	const struct verify_hooks hooks = {f, give_figures, give_verdicts, take_break};
	bool fine = true;

	f->results = xcalloc(s->n_streams + 1, sizeof *f->results);
	f->verify = verify_new(&hooks);
	for (size_t i = 0; i < s->n_streams; i++) {
		f->reports_in_all += s->streams[i].seq;
	}
	for (size_t i = 0; fine && i < s->n_streams; i++) {
		f->results[i].stream = &s->streams[i];
		fine = walk_stream(f, &f->results[i], err);
	}
	f->now = &f->results[s->n_streams];
	for (size_t i = 0; fine && i < s->n_agents; i++) {
		verify_agent(f->verify, &s->agents[i]);
	}
	return fine && walk_the_rest(f, err) && verify_end(f->verify, &s->strays, err);
}

/* ---------------------------------------------------------------- telling */

static uint64_t breaks_of(const struct verification *f)
{
	uint64_t n = 0;

	for (size_t i = 0; i <= f->stored.n_streams; i++) {
		n += f->results[i].sums.breaks;
	}
	return n;
}

static const struct verify_break *first_of(const struct verification *f)
{
	for (size_t i = 0; i <= f->stored.n_streams; i++) {
		if (f->results[i].is_broken) {
			return &f->results[i].first;
		}
	}
	return NULL;
}

static void print_table(const struct verification *f)
{
	struct table *t = table_new(TABLE_TEXT, stdout);
	char epoch[2 * EPOCH_SIZE + 1];

	table_column(t, "agent", _("Agent"), TABLE_LEFT);
	table_column(t, "epoch", _("Outbox"), TABLE_LEFT);
	table_column(t, "batches", _("Batches"), TABLE_RIGHT);
	table_column(t, "reports", _("Reports"), TABLE_RIGHT);
	table_column(t, "figures", _("Figures"), TABLE_RIGHT);
	table_column(t, "state", _("State"), TABLE_LEFT);
	table_column(t, "breaks", _("Breaks"), TABLE_RIGHT);
	for (size_t i = 0; i < f->stored.n_streams; i++) {
		const struct stream_result *r = &f->results[i];

		table_cell(t, r->stream->agent);
		text_hex(r->stream->epoch.bytes, EPOCH_SIZE, epoch);
		table_cell_printf(t, "%.8s", epoch);
		table_cell_count(t, r->sums.batches);
		table_cell_count(t, r->sums.reports);
		table_cell_count(t, r->sums.figures);
		table_cell_coloured(t, r->is_broken ? "red" : "green", r->is_broken ? _("broken") : _("sound"));
		table_cell_count(t, r->sums.breaks);
	}
	table_close(&t, true);
}

static void print_break(const struct verify_break *b, uint64_t breaks)
{
	printf("\n%s", _("NOT SOUND. The first break:"));
	printf("\n  %s\n", _(break_texts[b->kind].what));
	if (b->agent[0]) {
		printf("  %-12s %s", _("agent"), b->agent);
		printf(b->epoch[0] ? _(", outbox %s") : "%s", b->epoch);
		if (b->seq) {
			printf(_(", report %" PRIu64), b->seq);
		}
		putchar('\n');
	}
	terminal_label(stdout, _("  found"), 14);
	printf(" %s\n", b->found);
	terminal_label(stdout, _("  expected"), 14);
	printf(" %s\n", b->expected);
	printf("  %s %s\n", _("remedy:"), _(break_texts[b->kind].remedy));
	if (breaks > 1) {
		printf(_("and %" PRIu64 " more\n"), breaks - 1);
	}
}

static void print_all(const struct verification *f)
{
	const struct verify_break *b = first_of(f);

	print_table(f);
	if (verify_remade(f->verify) > 0) {
		putchar('\n');
		printf(_("Closings: %" PRIu64 " frozen figures are others by today's catalogue than by the one they "
			 "were closed with. That is no fault."),
		       verify_remade(f->verify));
		putchar('\n');
	}
	if (b) {
		print_break(b, breaks_of(f));
	} else {
		printf("\n%s\n",
		       f->since_us ? _("SOUND: all that was received since then is what the agents signed.")
				   : _("SOUND: all that is stored is what the agents signed, and nothing is missing."));
	}
}

/* "REPORT_BYTES" as programs have it: "report_bytes". */
static json_t *break_json(const struct verify_break *b)
{
	char name[40];
	size_t i = 0;

	for (const char *c = break_texts[b->kind].name; *c && i < sizeof name - 1; c++) {
		name[i++] = (char)tolower((unsigned char)*c);
	}
	name[i] = '\0';
	return json_pack("{ss ss ss sI ss ss ss ss}", "break", name, "agent", b->agent, "epoch", b->epoch, "seq",
			 (json_int_t)b->seq, "found", b->found, "expected", b->expected, "what",
			 _(break_texts[b->kind].what), "remedy", _(break_texts[b->kind].remedy));
}

static json_t *stream_json(const struct stream_result *r)
{
	char epoch[2 * EPOCH_SIZE + 1];
	json_t *object =
	    json_pack("{ss ss sI sI sI sb sI}", "agent", r->stream->agent, "epoch",
		      text_hex(r->stream->epoch.bytes, EPOCH_SIZE, epoch), "batches", (json_int_t)r->sums.batches,
		      "reports", (json_int_t)r->sums.reports, "figures", (json_int_t)r->sums.figures, "sound",
		      (int)!r->is_broken, "breaks", (json_int_t)r->sums.breaks);

	if (r->is_broken) {
		json_object_set_new(object, "first_break", break_json(&r->first));
	}
	return object;
}

static void print_json(const struct verification *f)
{
	const struct verify_break *b = first_of(f);
	json_t *streams = json_array(), *all;

	for (size_t i = 0; i < f->stored.n_streams; i++) {
		json_array_append_new(streams, stream_json(&f->results[i]));
	}
	all = json_pack("{sb sI so? so sI}", "sound", (int)!b, "breaks", (json_int_t)breaks_of(f), "first_break",
			b ? break_json(b) : NULL, "streams", streams, "remade", (json_int_t)verify_remade(f->verify));
	json_dumpf(all, stdout, JSON_INDENT(2));
	putchar('\n');
	json_decref(all);
}

/* ---------------------------------------------------------------- the command */

static bool connect(struct verification *f, const struct verify_options *o, struct err *err)
{
	f->pages = centre_connect(&o->centre, CENTRE_AUDITOR, err);
	f->cursors = f->pages ? centre_connect(&o->centre, CENTRE_AUDITOR, err) : NULL;
	return f->cursors != NULL;
}

static bool perform(struct verification *f, const struct verify_options *o, char **names, size_t n, struct err *err)
{
	f->snapshot = arena_new(ARENA_CAP);
	f->page = arena_new(ARENA_CAP);
	f->figures = arena_new(ARENA_CAP);
	f->verdicts = arena_new(ARENA_CAP);
	f->is_all = n == 0;
	f->shows_progress = terminal_is(stderr);
	return connect(f, o, err) && centre_moment_came(f->pages, MOMENT_SINCE, o->since, err) &&
	       store_audit_begin(f->cursors, (const char *const *)names, n, f->snapshot, &f->stored, err) == STORE_OK &&
	       walk(f, err);
}

static void drop(struct verification *f)
{
	verify_free(&f->verify);
	free(f->results);
	arena_free(&f->snapshot);
	arena_free(&f->page);
	arena_free(&f->figures);
	arena_free(&f->verdicts);
	store_close(&f->pages);
	store_close(&f->cursors);
}

int cmd_verify_store(int argc, char **argv)
{
	struct verify_options o = {.since = NULL};
	struct verification f = {.since_us = 0};
	struct err err;
	int first, status;
	bool fine;

	if (!centre_parse(&spec, argc, argv, &o.centre.common, &first, &status)) {
		return status;
	}
	if (!moment_read(MOMENT_SINCE, o.since, &f.since_us, &err)) {
		return centre_fail(&err);
	}
	fine = perform(&f, &o, argv + first, (size_t)(argc - first), &err);
	if (f.shows_progress) {
		terminal_progress_end();
	}
	status = !fine ? centre_fail(&err) : first_of(&f) ? EX_DATAERR : EX_OK;
	if (fine && o.centre.common.format == TABLE_JSON) {
		print_json(&f);
	} else if (fine) {
		print_all(&f);
	}
	drop(&f);
	return status;
}
