/* SPDX-License-Identifier: Apache-2.0 */
/* tram verify --proof: what a proof file proves, with the public keys alone. Without --proof it is the centre's command. */
#include "cli.h"
#include "clock.h"
#include "codec.h"
#include "delimited.h"
#include "fsx.h"
#include "input.h"
#include "keys.h"
#include "lang.h"
#include "mem.h"
#include "proof.h"
#include "text.h"
#include "verify_figure.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#define ORIGINAL_MAX (1u << 30)  /* bytes of a file given with --report */
#define ROWS_SHOWN   10000       /* reports listed; all are checked */
#define ARENA_CAP    (96u << 20) /* what hostile bytes can make of one report */
#define BYTES_SHOWN  (1u << 20)  /* of a larger report only the digest is told */

struct verify_options {
	struct common_options common;
	const char *proof;
	struct option_list keys, reports;
};

static const struct option_row rows[] = {
    {"proof", "FILE", OPTION_TEXT, offsetof(struct verify_options, proof),
     N_("the receipt or proof (tram receipt, tram outbox export --proof, tram explain --proof); - is standard input")},
    {"key", "FILE", OPTION_LIST, offsetof(struct verify_options, keys),
     N_("a public key: the centre's, and the agents' that you have (may be repeated)")},
    {"report", "FILE", OPTION_LIST, offsetof(struct verify_options, reports),
     N_("says whether these serialized reports are those of the proof (may be repeated)")},
};

static const struct options spec = {
    "verify",
    "--proof FILE --key FILE [OPTION]...",
    N_("Checks a receipt, a proof or the proof of a figure with public keys alone, away from agent, centre and "
       "database,\n"
       "and says what is proven.\n"
       "Without --proof, at the centre: tram verify [AGENT]... [--since TIME] recomputes chains, checks signatures "
       "and\n"
       "holds all that is stored against them; tram(1) has its options."),
    false,
    false,
    rows,
    sizeof rows / sizeof *rows,
    0,
    0};

/* ---------------------------------------------------------------- originals */

struct original {
	const char *path;
	struct digest digest;
	bool is_found;
};

/* Those that --report gave: a file is one report, or many behind their lengths. */
struct originals {
	struct original *list;
	size_t n;
};

static void add_original(struct originals *o, const char *path, const void *bytes, size_t len)
{
	o->list = xreallocarray(o->list, o->n + 1, sizeof *o->list);
	o->list[o->n] = (struct original){.path = path};
	digest_report(bytes, len, &o->list[o->n++].digest);
}

static bool is_one_report(const uint8_t *bytes, size_t len)
{
	struct arena *arena = arena_new(ARENA_CAP);
	struct err ignored;
	const Tram__V1__Report *report = codec_report(arena, bytes, len, &ignored);
	bool one = report && report->n_observations > 0 && report->base.n_unknown_fields == 0;

	arena_free(&arena);
	return one;
}

static bool read_original(struct originals *o, const char *path, struct err *err)
{
	size_t len, n;
	char *data = fsx_read(path, ORIGINAL_MAX, &len, err);
	const uint8_t *at = (const uint8_t *)data, *message;

	if (!data)
		return false;
	if (len == 0 || is_one_report(at, len) || !delimited_is(at, len)) {
		add_original(o, path, at, len);
		len = 0;
	}
	while (len > 0 && delimited_next(&at, &len, &message, &n))
		add_original(o, path, message, n);
	free(data);
	return true;
}

/* ---------------------------------------------------------------- what was found */

struct row {
	uint64_t seq;
	struct digest digest;
	int64_t acknowledged_at_us;
	char *about; /* provider, dataflow, period; NULL: the bytes are not there */
	uint64_t figures;
	bool is_original;
};

struct finding {
	struct keys *keys;
	size_t n_keys;
	struct originals originals;
	struct row *rows;
	size_t n, room, dated; /* rows before `dated` have their acknowledgement */
	uint64_t reports;
	uint8_t *bytes; /* of the report that is being read; too large: only counted */
	size_t len;
	int64_t last_at_us;
	char centre_key[PROOF_AGENT_MAX + 1]; /* that signed last */
	char centre_fingerprint[40];
};

static bool is_original(struct finding *f, const struct digest *digest)
{
	bool is = false;

	for (size_t i = 0; i < f->originals.n; i++)
		if (memcmp(&f->originals.list[i].digest, digest, sizeof *digest) == 0)
			is = f->originals.list[i].is_found = true;
	return is;
}

/* What the bytes say of themselves; they are those of the digest, or the whole file comes to nothing. */
static void read_about(struct finding *f)
{
	struct arena *arena;
	const Tram__V1__Report *r;
	struct err ignored;

	if (f->len > 0 && f->len <= BYTES_SHOWN && f->n > 0 && !f->rows[f->n - 1].about && f->reports == f->n) {
		arena = arena_new(ARENA_CAP);
		r = codec_report(arena, f->bytes, f->len, &ignored);
		if (r) {
			f->rows[f->n - 1].about = xasprintf("%s %s %s", r->provider, r->dataflow, r->time_period);
			f->rows[f->n - 1].figures = r->n_observations;
		}
		arena_free(&arena);
	}
	f->len = 0;
}

static void add_report(struct finding *f, const struct proof_item *item)
{
	bool original = is_original(f, item->digest);

	f->reports++;
	if (f->n == ROWS_SHOWN)
		return;
	if (f->n == f->room) {
		f->room = f->room ? 2 * f->room : 64;
		f->rows = xreallocarray(f->rows, f->room, sizeof *f->rows);
	}
	f->rows[f->n++] = (struct row){.seq = item->seq, .digest = *item->digest, .is_original = original};
}

static void add_bytes(struct finding *f, const struct proof_item *item)
{
	if (f->len + item->len <= BYTES_SHOWN) {
		f->bytes = xrealloc(f->bytes, BYTES_SHOWN);
		memcpy(f->bytes + f->len, item->bytes, item->len);
	}
	f->len += item->len;
}

static void add_ack(struct finding *f, const struct proof_item *item)
{
	for (; f->dated < f->n; f->dated++)
		f->rows[f->dated].acknowledged_at_us = item->ack->committed_at_us;
	f->last_at_us = item->ack->committed_at_us;
	snprintf(f->centre_key, sizeof f->centre_key, "%s", item->key->name);
	for (size_t i = 0; i < f->n_keys; i++)
		if (memcmp(f->keys[i].sign_public, item->key->public_key, SIGN_PUBLIC_SIZE) == 0)
			keys_fingerprint(&f->keys[i], f->centre_fingerprint);
}

static void take_item(void *context, const struct proof_item *item)
{
	struct finding *f = context;

	if (item->kind != PROOF_BYTES)
		read_about(f);
	switch (item->kind) {
	case PROOF_REPORT: add_report(f, item); break;
	case PROOF_BYTES: add_bytes(f, item); break;
	case PROOF_ACK: add_ack(f, item); break;
	case PROOF_HEAD:
	case PROOF_LINK: break;
	}
}

/* ---------------------------------------------------------------- reading */

static bool load_keys(struct finding *f, const struct option_list *paths, struct err *err)
{
	f->keys = xcalloc(paths->n, sizeof *f->keys);
	for (; f->n_keys < paths->n; f->n_keys++)
		if (!keys_load_public(paths->texts[f->n_keys], &f->keys[f->n_keys], err))
			return false;
	return true;
}

static bool name_keys(const struct finding *f, struct proof_key *ret, struct err *err)
{
	if (f->n_keys > PROOF_KEYS_MAX)
		return err_set(err, ERR_USAGE, _("--%s may be given %d times at most"), "key", PROOF_KEYS_MAX);
	for (size_t i = 0; i < f->n_keys; i++) {
		snprintf(ret[i].name, sizeof ret->name, "%s", f->keys[i].name);
		memcpy(ret[i].public_key, f->keys[i].sign_public, SIGN_PUBLIC_SIZE);
	}
	return true;
}

static bool read_all(struct proof_reader *r, struct input *in, const char *path, struct proof *ret, struct err *err)
{
	const uint8_t *data;
	size_t n;
	bool fine = true, told = false;

	while (fine && (n = input_take(in, INPUT_CHUNK, &data)) > 0)
		fine = proof_reader_feed(r, data, n, err);
	told = !fine;
	fine = fine && !input_failed(in, err);
	told = told || !fine;
	fine = !told && proof_reader_end(r, ret, err);
	return fine || (err->kind == ERR_DATA ? err_prefix(err, _("%s: NOT PROVEN"), path) : false);
}

/* Every original must have been found. */
static bool has_originals(const struct finding *f, struct err *err)
{
	for (size_t i = 0; i < f->originals.n; i++)
		if (!f->originals.list[i].is_found) {
			char hex[2 * DIGEST_SIZE + 1];

			return err_set(err, ERR_DATA,
				       _("%s: NOT PROVEN: a report in it, with the digest %s, is none of the proof's"),
				       f->originals.list[i].path,
				       text_hex(f->originals.list[i].digest.bytes, DIGEST_SIZE, hex));
		}
	return true;
}

static bool examine(struct finding *f, const struct verify_options *o, struct input *in, struct proof *ret,
		    struct err *err)
{
	struct proof_key keys[PROOF_KEYS_MAX];
	struct proof_reader *r;
	bool fine = true;

	for (size_t i = 0; fine && i < o->reports.n; i++)
		fine = read_original(&f->originals, o->reports.texts[i], err);
	if (!fine || !name_keys(f, keys, err))
		return false;
	r = proof_reader_new(keys, f->n_keys, take_item, f);
	fine = read_all(r, in, o->proof, ret, err);
	proof_reader_free(&r);
	return fine && has_originals(f, err);
}

static void drop(struct finding *f)
{
	for (size_t i = 0; i < f->n; i++)
		free(f->rows[i].about);
	free(f->rows);
	free(f->bytes);
	free(f->keys);
	free(f->originals.list);
}

/* ---------------------------------------------------------------- telling people */

static void print_reports(const struct finding *f, bool has_bytes)
{
	struct table *t = table_new(TABLE_TEXT, stdout);
	char hex[2 * DIGEST_SIZE + 1], when[CLOCK_TEXT];

	table_column(t, "seq", _("No."), TABLE_RIGHT);
	table_column(t, "acknowledged_at", _("Acknowledged"), TABLE_LEFT);
	table_column(t, "digest", _("Digest (BLAKE2b-256)"), TABLE_LEFT);
	if (has_bytes)
		table_column(t, "about", _("Report"), TABLE_LEFT);
	if (has_bytes)
		table_column(t, "figures", _("Figures"), TABLE_RIGHT);
	if (f->originals.n)
		table_column(t, "original", _("Given with --report"), TABLE_LEFT);
	for (size_t i = 0; i < f->n; i++) {
		table_cell_printf(t, "%" PRIu64, f->rows[i].seq);
		table_cell(t, clock_text_vn(f->rows[i].acknowledged_at_us, when));
		table_cell(t, text_hex(f->rows[i].digest.bytes, DIGEST_SIZE, hex));
		if (has_bytes)
			table_cell(t, f->rows[i].about);
		if (has_bytes)
			table_cell_printf(t, "%" PRIu64, f->rows[i].figures);
		if (f->originals.n)
			table_cell(t, f->rows[i].is_original ? _("yes") : "");
	}
	table_close(&t, true);
	if (f->reports > f->n)
		printf(_("and %" PRIu64 " more\n"), f->reports - f->n);
}

static void print_not_proven(const struct proof *p)
{
	printf("\n%s\n", _("NOT proven by it:"));
	if (!p->agent_signed)
		printf("  %s\n", _("that the agent itself wrote this file, its notes included: give --key AGENT.pub"));
	printf(
	    "  %s\n  %s\n  %s\n", _("whose the keys are: compare their fingerprints by another way"),
	    _("what the centre said of the figures, and when they were handed in: the notes (#) are the agent's word"),
	    _("that there are no further reports"));
}

static void print_finding(const struct finding *f, const struct proof *p)
{
	char epoch[2 * EPOCH_SIZE + 1], when[CLOCK_TEXT], range[48];

	printf("%s\n\n", _("PROVEN"));
	printf(_("The centre signed that it had committed the stream of %s, outbox %s, up to report %" PRIu64 " at %s "
		 "(its clock).\n"),
	       p->head.agent, text_hex(p->head.epoch.bytes, EPOCH_SIZE, epoch), p->through,
	       clock_text_vn(f->last_at_us, when));
	printf(_("The key taken for the centre's: %s, fingerprint %s.\n"), f->centre_key, f->centre_fingerprint);
	if (p->agent_signed)
		printf(_("%s signed the same reports and this very file with its key.\n"), p->head.agent);
	printf(p->has_bytes ? _("In that stream stand, with the bytes that are in the file, reports no. %s:\n\n")
			    : _("In that stream stand, with these digests, reports no. %s:\n\n"),
	       cli_range(p->head.first_seq, p->head.last_seq, range));
	print_reports(f, p->has_bytes);
	print_not_proven(p);
}

/* ---------------------------------------------------------------- telling programs */

static json_t *row_json(const struct finding *f, const struct row *row)
{
	char hex[2 * DIGEST_SIZE + 1], when[CLOCK_TEXT];
	json_t *object = json_pack("{sI ss ss}", "seq", (json_int_t)row->seq, "digest",
				   text_hex(row->digest.bytes, DIGEST_SIZE, hex), "acknowledged_at",
				   clock_text_rfc3339(row->acknowledged_at_us, when));

	if (row->about)
		json_object_set_new(object, "observations", json_integer((json_int_t)row->figures));
	if (f->originals.n)
		json_object_set_new(object, "original", json_boolean(row->is_original));
	return object;
}

static bool print_json(const struct finding *f, const struct proof *p, struct err *err)
{
	char epoch[2 * EPOCH_SIZE + 1], when[CLOCK_TEXT];
	json_t *reports = json_array();

	for (size_t i = 0; i < f->n; i++)
		json_array_append_new(reports, row_json(f, &f->rows[i]));
	return cli_print_json(
	    json_pack("{sb ss ss sI sI sI ss ss ss sb sb sI so}", "proven", 1, "agent", p->head.agent, "epoch",
		      text_hex(p->head.epoch.bytes, EPOCH_SIZE, epoch), "first_seq", (json_int_t)p->head.first_seq,
		      "last_seq", (json_int_t)p->head.last_seq, "acknowledged_through", (json_int_t)p->through,
		      "acknowledged_at", clock_text_rfc3339(f->last_at_us, when), "centre_key", f->centre_key,
		      "centre_fingerprint", f->centre_fingerprint, "signed_by_agent", (int)p->agent_signed,
		      "has_reports", (int)p->has_bytes, "reports_in_all", (json_int_t)f->reports, "reports", reports),
	    err);
}

/* ---------------------------------------------------------------- the command */

static bool verify_reports(struct finding *f, const struct verify_options *o, struct input *in, struct err *err)
{
	struct proof proof;

	if (!examine(f, o, in, &proof, err))
		return false;
	if (o->common.format == TABLE_JSON)
		return print_json(f, &proof, err);
	print_finding(f, &proof);
	return true;
}

/* The first line says what kind of proof it is. */
static bool verify_any(struct finding *f, const struct verify_options *o, struct input *in, struct err *err)
{
	if (!verify_figure_is(in))
		return verify_reports(f, o, in, err);
	if (o->reports.n > 0)
		return err_set(err, ERR_USAGE,
			       _("--report does not go with the proof of a figure: it has the reports in it"));
	return verify_figure(in, o->proof, f->keys, f->n_keys, o->common.format, err);
}

static int verify_proof(const struct verify_options *o)
{
	struct finding f = {.keys = NULL};
	struct err err;
	struct input *in = NULL;
	bool fine = load_keys(&f, &o->keys, &err) && (in = input_open(o->proof, &err)) && verify_any(&f, o, in, &err);

	input_close(&in);
	drop(&f);
	return fine ? EX_OK : cli_fail(&err);
}

static bool asks_help(int argc, char **argv)
{
	return argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0);
}

int cmd_verify(int argc, char **argv)
{
	struct verify_options o = {0};
	struct err err;
	int first;

	if (!cli_names_option(argc, argv, "--proof") && !asks_help(argc, argv))
		return cli_run_as_centre(argc, argv);
	switch (options_parse(&spec, argc, argv, &o.common, &first, &err)) {
	case OPTIONS_HELPED: return EX_OK;
	case OPTIONS_WRONG: return cli_fail(&err);
	case OPTIONS_GO: break;
	}
	if (o.keys.n == 0) {
		err_set(&err, ERR_USAGE, _("give the centre's public key: --key centre.pub"));
		return cli_fail(&err);
	}
	return verify_proof(&o);
}
