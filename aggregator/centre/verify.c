/* SPDX-License-Identifier: Apache-2.0 */
#include "verify.h"

#include "codec.h"
#include "decimal.h"
#include "lang.h"
#include "mem.h"
#include "rules.h"
#include "stated.h"
#include "text.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ARENA_CAP   (1u << 30) /* one batch and one report of it, decoded */
#define PAYLOAD_MAX (512u << 20)

#define REMEDY_STREAM                                                                                                  \
	N_("Find out who changed tram.stream, and restore it from a backup. Until then new reports of this agent are " \
	   "refused or judged against a wrong past.")
#define REMEDY_SUBTOTAL                                                                                                \
	N_("Find out who changed tram.subtotal, and have it counted anew from history, which is not touched: as the "  \
	   "owner of the schema, SELECT tram.subtotals_anew(). Until then roll-ups of communes' figures are wrong.")
#define REMEDY_CLOSING                                                                                                 \
	N_("Find out who changed tram.closing or tram.closing_figure, and restore them from a backup; the digests of " \
	   "closings that were kept elsewhere (tram periods list) say which copy is right. Until then roll-ups of "    \
	   "this period may be wrong.")
#define REMEDY_BATCH                                                                                                   \
	N_("Find out who changed tram.batch, and restore it from a backup. The province can show what it handed in: "  \
	   "tram outbox export --proof.")
#define REMEDY_KEY                                                                                                     \
	N_("Keys are never taken off the roster: find out who changed tram.agent_key, or tram.batch, and restore it "  \
	   "from "                                                                                                     \
	   "a backup.")
#define REMEDY_BYTES                                                                                                   \
	N_("Have the province show this report (tram outbox export --proof), look at the disk, and restore "           \
	   "tram.batch "                                                                                               \
	   "from a backup.")
#define REMEDY_ROW                                                                                                     \
	N_("tram.batch still has what was handed in. Find out who changed the table, and restore it from a backup.")
#define REMEDY_FIGURE                                                                                                  \
	N_("tram.batch still has what was handed in; roll-ups may be wrong. Find out who changed tram.observation, "   \
	   "and "                                                                                                      \
	   "restore it from a backup.")
#define REMEDY_VERDICT                                                                                                 \
	N_("The figures are not concerned; what provinces are told may be. Find out who changed tram.verdict, and "    \
	   "restore "                                                                                                  \
	   "it from a backup.")

const struct break_text break_texts[BREAKS] = {
#define BREAK(id, what, remedy) [BREAK_##id] = {#id, what, remedy},
#include "verify.def"
#undef BREAK
};

struct figure_feed {
	const struct audit_figure *rows;
	size_t n, at;
};

struct verdict_feed {
	const struct audit_verdict *rows;
	size_t n, at;
};

struct verify {
	struct verify_hooks hooks;
	struct arena *arena;
	struct figure_feed figures;
	struct verdict_feed verdicts;
	uint64_t remade;     /* frozen figures that another catalogue was made with */
	uint64_t told_stray; /* of which report, and in which table: each is told once */
	/* the stream */
	const struct audit_stream *stream;
	const struct audit_key *keys;
	size_t n_keys;
	struct verify_sums sums;
	uint64_t seq;        /* held against the rest up to here */
	struct digest chain; /* at seq */
	bool is_believed;    /* what comes next is taken up where it says it is: after a break, or in the middle */
	bool had_batch;
	uint8_t unknown_key[KEY_ID_SIZE]; /* told already: not for every batch of it again */
	uint64_t skipped_to;              /* report_no: rows before it are left out, as their batches are */
};

/* One batch, opened. */
struct opened {
	const struct audit_batch *row;
	const struct audit_key *key;
	struct digest *chains; /* at first_seq - 1 + i */
	struct digest *digests;
	const Tram__V1__Batch *batch;
	size_t n;
};

/* ---------------------------------------------------------------- telling */

static void tell(struct verify *v, enum break_kind kind, uint64_t seq, const char *found, const char *expected)
{
	struct verify_break b = {.kind = kind, .seq = seq};

	if (v->stream) {
		snprintf(b.agent, sizeof b.agent, "%s", v->stream->agent);
		if (v->stream->stream_no != 0) {
			text_hex(v->stream->epoch.bytes, EPOCH_SIZE, b.epoch);
		}
	}
	snprintf(b.found, sizeof b.found, "%s", found);
	snprintf(b.expected, sizeof b.expected, "%s", expected);
	v->sums.breaks++;
	v->hooks.broken(v->hooks.context, &b);
}

static void tell_digests(struct verify *v, enum break_kind kind, uint64_t seq, const struct digest *found,
			 const struct digest *expected)
{
	char f[2 * DIGEST_SIZE + 1], e[2 * DIGEST_SIZE + 1];

	tell(v, kind, seq, text_hex(found->bytes, DIGEST_SIZE, f), text_hex(expected->bytes, DIGEST_SIZE, e));
}

static void tell_numbers(struct verify *v, enum break_kind kind, uint64_t seq, uint64_t found, uint64_t expected)
{
	char f[24], e[24];

	snprintf(f, sizeof f, "%" PRIu64, found);
	snprintf(e, sizeof e, "%" PRIu64, expected);
	tell(v, kind, seq, f, e);
}

static bool same(const struct digest *a, const struct digest *b)
{
	return memcmp(a, b, sizeof *a) == 0;
}

/* ---------------------------------------------------------------- rows in order of report_no */

static uint64_t seq_of(uint64_t report_no)
{
	return report_no & ((UINT64_C(1) << 40) - 1);
}

static bool fill_figures(struct verify *v, struct err *err)
{
	struct figure_feed *f = &v->figures;

	if (f->at < f->n) {
		return true;
	}
	f->at = 0;
	return v->hooks.figures(v->hooks.context, &f->rows, &f->n, err);
}

static bool fill_verdicts(struct verify *v, struct err *err)
{
	struct verdict_feed *f = &v->verdicts;

	if (f->at < f->n) {
		return true;
	}
	f->at = 0;
	return v->hooks.verdicts(v->hooks.context, &f->rows, &f->n, err);
}

static void tell_stray(struct verify *v, enum break_kind kind, uint64_t report_no, const char *found)
{
	uint64_t about = v->stream ? report_no : report_no >> 40 << 40; /* of no stream at all: all of it at once */
	uint64_t once = about << 1 | (kind == BREAK_FIGURE_STRAY);

	if (report_no >= v->skipped_to && once != v->told_stray) {
		tell(v, kind, seq_of(report_no), found, _("nothing"));
		v->told_stray = once;
	}
}

/* Passes what lies before report_no: nobody has asked for it. */
static bool pass_figures(struct verify *v, uint64_t report_no, struct err *err)
{
	const struct figure_feed *f = &v->figures;
	char found[BREAK_TEXT_MAX];

	for (;; v->figures.at++) {
		if (!fill_figures(v, err)) {
			return false;
		}
		if (f->n == 0 || f->rows[f->at].report_no >= report_no) {
			return true;
		}
		snprintf(found, sizeof found, "%.60s %.60s = %.40s",
			 f->rows[f->at].indicator ? f->rows[f->at].indicator : "?",
			 f->rows[f->at].area ? f->rows[f->at].area : "?",
			 f->rows[f->at].value ? f->rows[f->at].value : "–");
		tell_stray(v, BREAK_FIGURE_STRAY, f->rows[f->at].report_no, found);
	}
}

static bool pass_verdicts(struct verify *v, uint64_t report_no, struct err *err)
{
	const struct verdict_feed *f = &v->verdicts;
	char found[40];

	for (;; v->verdicts.at++) {
		if (!fill_verdicts(v, err)) {
			return false;
		}
		if (f->n == 0 || f->rows[f->at].report_no >= report_no) {
			return true;
		}
		snprintf(found, sizeof found, _("verdict %" PRIu64), f->rows[f->at].verdict_seq);
		tell_stray(v, BREAK_VERDICT_STRAY, f->rows[f->at].report_no, found);
	}
}

static bool pass(struct verify *v, uint64_t report_no, struct err *err)
{
	return pass_figures(v, report_no, err) && pass_verdicts(v, report_no, err);
}

/* ---------------------------------------------------------------- a figure */

static void decimal_words(const Tram__V1__Decimal *d, char *buf, size_t size)
{
	char text[DECIMAL_TEXT];

	if (d && decimal_is_valid(d->mantissa, d->scale)) {
		snprintf(buf, size, "%s", decimal_text((struct decimal){d->mantissa, (uint8_t)d->scale}, text));
	} else {
		snprintf(buf, size, "%s", d ? "?" : "–");
	}
}

static void tell_figure(struct verify *v, uint64_t seq, const struct audit_figure *f, const Tram__V1__Observation *o)
{
	char found[BREAK_TEXT_MAX], expected[BREAK_TEXT_MAX], value[DECIMAL_TEXT], numerator[DECIMAL_TEXT],
	    denominator[DECIMAL_TEXT];

	decimal_words(o->value, value, sizeof value);
	decimal_words(o->numerator, numerator, sizeof numerator);
	decimal_words(o->denominator, denominator, sizeof denominator);
	snprintf(found, sizeof found, _("line %" PRIu32 ": %.40s %.20s = %.30s (%.30s / %.30s)"), f->line,
		 f->indicator ? f->indicator : "?", f->area ? f->area : "?", f->value ? f->value : "–",
		 f->numerator ? f->numerator : "–", f->denominator ? f->denominator : "–");
	snprintf(expected, sizeof expected, _("line %" PRIu32 ": %.40s %.20s = %s (%s / %s), times 10^%" PRId32),
		 f->line, o->indicator, o->ref_area, value, numerator, denominator, o->unit_mult);
	tell(v, BREAK_FIGURE, seq, found, expected);
}

static bool is_same_figure(const struct audit_figure *f, const Tram__V1__Observation *o)
{
	return f->indicator && strcmp(f->indicator, o->indicator) == 0 && stated_area_is(o->ref_area, f->area) &&
	       stated_dimensions_are(o, f->dimensions) &&
	       stated_numbers_are(o, f->value, f->numerator, f->denominator, f->weight);
}

/* What a figure is beside its numbers, as it would be stored. */
static int stated_status(const Tram__V1__Observation *o)
{
	return o->obs_status ? (int)o->obs_status : o->missing_reason ? 'M' : 'A';
}

/* The first column in which the figure is another kind of figure than the one stated is told. */
static void check_kind(struct verify *v, uint64_t seq, const struct audit_figure *f, const Tram__V1__Report *r)
{
	const Tram__V1__Observation *o = r->observations[f->line - 1];
	const struct {
		const char *column;
		int64_t found, expected;
	} columns[] = {
	    {"key (period)", f->period, stated_period(r)},
	    {"flags (withdrawn)", f->withdrawn, o->action == TRAM__V1__OBSERVATION_ACTION__OBSERVATION_ACTION_WITHDRAW},
	    {"flags (demonstration)", f->demonstration, r->demonstration != 0},
	    {"flags (reasoned)", f->reasoned, rules_reasoned(r, o)},
	    {"missing_reason", f->missing_reason, (int)o->missing_reason},
	    {"qualifier", f->qualifier, (int)o->qualifier},
	    {"obs_status", f->obs_status, stated_status(o)},
	    {"rank_out_of", f->rank_out_of, (int32_t)o->rank_out_of},
	    {"units_reporting", f->units_reporting, o->units_reporting},
	    {"units_expected", f->units_expected, o->units_expected},
	};
	char found[80], expected[80];

	for (size_t i = 0; i < sizeof columns / sizeof *columns; i++) {
		if (columns[i].found != columns[i].expected) {
			snprintf(found, sizeof found, _("line %" PRIu32 ": %s %" PRId64), f->line, columns[i].column,
				 columns[i].found);
			snprintf(expected, sizeof expected, _("line %" PRIu32 ": %s %" PRId64), f->line,
				 columns[i].column, columns[i].expected);
			tell(v, BREAK_FIGURE, seq, found, expected);
			return;
		}
	}
}

/* Cut between two characters where it is long. */
static void justification_words(uint32_t line, const char *const said[2], char buf[static BREAK_TEXT_MAX])
{
	int n = snprintf(buf, BREAK_TEXT_MAX, _("line %" PRIu32 ": %s: %s"), line, said[0], said[1]);

	for (int end = BREAK_TEXT_MAX - 1; n >= BREAK_TEXT_MAX && end > 0 && (uint8_t)buf[end - 1] >= 0x80; end--) {
		buf[end - 1] = 0;
	}
}

/* Code and text, as stored and as handed in. line 0: the report's own. */
static void check_justification(struct verify *v, uint64_t seq, uint32_t line, const char *const stored[2],
				const char *const stated[2])
{
	char found[BREAK_TEXT_MAX], expected[BREAK_TEXT_MAX];

	if (stored[0] && stored[1] && (strcmp(stored[0], stated[0]) != 0 || strcmp(stored[1], stated[1]) != 0)) {
		justification_words(line, stored, found);
		justification_words(line, stated, expected);
		tell(v, BREAK_JUSTIFICATION, seq, found, expected);
	}
}

static void check_figures_justification(struct verify *v, uint64_t seq, const struct audit_figure *f,
					const Tram__V1__Observation *o)
{
	check_justification(v, seq, f->line, (const char *const[]){f->justification_code, f->justification},
			    (const char *const[]){o->justification_code, o->justification});
}

static bool is_stored(int outcome)
{
	return outcome == TRAM__V1__OUTCOME__OUTCOME_ACCEPTED ||
	       outcome == TRAM__V1__OUTCOME__OUTCOME_ACCEPTED_WITH_WARNINGS ||
	       outcome == TRAM__V1__OUTCOME__OUTCOME_HELD;
}

/* The next figure of the report as stored; NULL behind the last. */
static bool next_figure(struct verify *v, uint64_t report_no, const struct audit_figure **ret, struct err *err)
{
	const struct figure_feed *f = &v->figures;

	if (!fill_figures(v, err)) {
		return false;
	}
	*ret = f->n > 0 && f->rows[f->at].report_no == report_no ? &f->rows[f->at] : NULL;
	return true;
}

/* r NULL: a report that holds no figures. */
static void check_figure(struct verify *v, uint64_t seq, const struct audit_figure *f, const Tram__V1__Report *r,
			 const uint8_t *outcomes)
{
	bool there = r && f->line > 0 && f->line <= r->n_observations;
	char line[40], outcome[24];

	if (!there || (outcomes && outcomes[f->line - 1] != f->outcome)) {
		snprintf(line, sizeof line, _("line %" PRIu32 ", outcome %d"), f->line, f->outcome);
		snprintf(outcome, sizeof outcome, _("outcome %d"), there ? outcomes[f->line - 1] : 0);
		tell(v, BREAK_FIGURE_STRAY, seq, line, there ? outcome : _("nothing"));
	} else if (!is_same_figure(f, r->observations[f->line - 1])) {
		tell_figure(v, seq, f, r->observations[f->line - 1]);
	} else {
		check_kind(v, seq, f, r);
		check_figures_justification(v, seq, f, r->observations[f->line - 1]);
	}
}

static void check_missing(struct verify *v, uint64_t seq, const uint8_t *outcomes, size_t n, const bool *seen)
{
	char line[40];

	for (size_t i = 0; outcomes && i < n; i++) {
		if (is_stored(outcomes[i]) && !seen[i]) {
			snprintf(line, sizeof line, _("line %zu"), i + 1);
			tell(v, BREAK_FIGURE_MISSING, seq, _("nothing"), line);
			return;
		}
	}
}

/* outcomes: as many as r has figures; NULL when they are not known. is_known: r is what was handed in, NULL for poison. */
static bool check_figures(struct verify *v, uint64_t seq, bool is_known, const Tram__V1__Report *r,
			  const uint8_t *outcomes, struct err *err)
{
	uint64_t report_no = store_report_no(v->stream->stream_no, seq);
	size_t n = r ? r->n_observations : 0;
	bool *seen = arena_calloc(v->arena, n, sizeof *seen);
	const struct audit_figure *f;

	if (!seen) {
		return err_set(err, ERR_PROTOCOL, _("what is to be verified at once does not fit into memory"));
	}
	for (;; v->figures.at++) {
		if (!next_figure(v, report_no, &f, err)) {
			return false;
		}
		if (!f) {
			check_missing(v, seq, outcomes, n, seen);
			return true;
		}
		v->sums.figures++;
		if (is_known) {
			check_figure(v, seq, f, r, outcomes);
		}
		if (f->line > 0 && f->line <= n) {
			seen[f->line - 1] = true;
		}
	}
}

/* ---------------------------------------------------------------- a verdict */

/* The outcomes of the one verdict for being received, copied; NULL when there is not exactly one with n outcomes. */
static bool check_verdicts(struct verify *v, uint64_t seq, size_t n, const uint8_t **ret, struct err *err)
{
	uint64_t report_no = store_report_no(v->stream->stream_no, seq);
	const struct verdict_feed *f = &v->verdicts;
	uint64_t first = 0;
	size_t outcomes = 0;
	uint8_t *copy = arena_alloc(v->arena, n);

	if (!copy) {
		return err_set(err, ERR_PROTOCOL, _("what is to be verified at once does not fit into memory"));
	}
	for (;; v->verdicts.at++) {
		if (!fill_verdicts(v, err)) {
			return false;
		}
		if (f->n == 0 || f->rows[f->at].report_no != report_no) {
			break;
		}
		if (f->rows[f->at].is_first && first++ == 0) {
			outcomes = f->rows[f->at].n;
			memcpy(copy, f->rows[f->at].outcomes, outcomes < n ? outcomes : n);
		}
	}
	if (first != 1) {
		tell_numbers(v, BREAK_VERDICT_MISSING, seq, first, 1);
	} else if (outcomes != n) {
		tell_numbers(v, BREAK_OUTCOMES, seq, outcomes, n);
	}
	*ret = first == 1 && outcomes == n ? copy : NULL;
	return true;
}

/* ---------------------------------------------------------------- a report */

/* Rows of one seq at the beginning of *reports; moves it behind them. NULL: none. Two: told. */
static const struct audit_report *take_row(struct verify *v, uint64_t seq, const struct audit_report **reports,
					   size_t *n)
{
	const struct audit_report *found = NULL;

	for (; *n > 0 && (*reports)->seq <= seq; ++*reports, --*n) {
		if ((*reports)->seq == seq && found) {
			tell(v, BREAK_REPORT_TWICE, seq, "tram.report, tram.poison", _("one of them"));
		}
		found = (*reports)->seq == seq && !found ? *reports : found;
	}
	return found;
}

static const Tram__V1__Report *decode(struct verify *v, uint64_t seq, const struct audit_report *row,
				      ProtobufCBinaryData bytes)
{
	struct err why;
	const Tram__V1__Report *r = codec_report(v->arena, bytes.data, bytes.len, &why);

	if (!r) {
		tell(v, BREAK_OBSERVATIONS, seq, why.text, _("a report"));
	} else if (r->n_observations != row->observations) {
		tell_numbers(v, BREAK_OBSERVATIONS, seq, row->observations, r->n_observations);
	} else {
		check_justification(v, seq, 0, (const char *const[]){row->justification_code, row->justification},
				    (const char *const[]){r->justification_code, r->justification});
	}
	return r;
}

/* What was made of a report at the centre, rows that there are of it. r NULL: it is poison, or cannot be read. */
static bool check_made(struct verify *v, uint64_t seq, const struct audit_report *row, bool is_known,
		       const Tram__V1__Report *r, struct err *err)
{
	size_t n = r ? r->n_observations : row->is_poison ? 0 : row->observations;
	const uint8_t *outcomes = NULL;

	return check_verdicts(v, seq, n, &outcomes, err) && check_figures(v, seq, is_known, r, outcomes, err);
}

/* is_sound: its bytes are those that were signed. */
static bool check_report(struct verify *v, uint64_t seq, const struct audit_report *row, const struct digest *digest,
			 bool is_sound, ProtobufCBinaryData bytes, struct err *err)
{
	uint64_t report_no = store_report_no(v->stream->stream_no, seq);
	const Tram__V1__Report *r = NULL;

	if (!pass(v, report_no, err)) {
		return false;
	}
	if (!row) {
		tell(v, BREAK_REPORT_MISSING, seq, _("nothing"), "tram.report");
		v->skipped_to = report_no + 1;
		return pass(v, v->skipped_to, err);
	}
	if (is_sound && (!row->is_formed || !same(&row->digest, digest))) {
		tell_digests(v, BREAK_DIGEST, seq, &row->digest, digest);
	}
	if (!row->is_poison && is_sound) {
		r = decode(v, seq, row, bytes);
	}
	return check_made(v, seq, row, r || row->is_poison, r, err);
}

/* ---------------------------------------------------------------- a batch */

uint64_t verify_covers(const struct audit_stream *stream, const struct audit_batch *b)
{
	uint64_t last = b->last_seq < stream->seq ? b->last_seq : stream->seq;

	return b->next_from && b->next_from <= last ? b->next_from - 1 : last;
}

static const struct audit_key *key_of(const struct verify *v, const uint8_t id[static KEY_ID_SIZE])
{
	for (size_t i = 0; i < v->n_keys; i++) {
		if (memcmp(v->keys[i].key_id, id, KEY_ID_SIZE) == 0) {
			return &v->keys[i];
		}
	}
	return NULL;
}

static bool is_signed(const struct verify *v, const struct opened *o, const struct digest *prev,
		      const struct digest *chain)
{
	const struct batch_header header = {
	    v->stream->agent, v->stream->epoch, o->row->first_seq, o->row->last_seq, *prev, *chain};

	return o->key && batch_verify(&header, o->key->signing_public, o->row->signature);
}

/* Its entries; false when they cannot be read, which is told. */
static bool open_payload(struct verify *v, struct opened *o)
{
	const struct audit_batch *b = o->row;
	struct err why = {.text = ""};
	size_t len;
	const uint8_t *plain =
	    codec_decompress(v->arena, (Tram__V1__Codec)b->codec, b->payload, b->payload_len, PAYLOAD_MAX, &len, &why);

	o->batch = plain ? codec_batch(v->arena, plain, len, &why) : NULL;
	o->n = (size_t)(b->last_seq - b->first_seq + 1);
	if (!o->batch) {
		tell(v, BREAK_PAYLOAD, b->from_seq, why.text, _("a batch"));
	} else if (o->batch->n_entries != o->n) {
		tell_numbers(v, BREAK_PAYLOAD, b->from_seq, o->batch->n_entries, o->n);
		o->batch = NULL;
	}
	return o->batch != NULL;
}

/* Digests, and the chain from prev on. */
static bool hash(struct verify *v, struct opened *o, struct err *err)
{
	o->digests = arena_calloc(v->arena, o->n, sizeof *o->digests);
	o->chains = arena_calloc(v->arena, o->n + 1, sizeof *o->chains);
	if (!o->digests || !o->chains) {
		return err_set(err, ERR_PROTOCOL, _("what is to be verified at once does not fit into memory"));
	}
	for (size_t i = 0; i < o->n; i++) {
		const ProtobufCBinaryData *report = &o->batch->entries[i]->report;

		digest_report(report->data, report->len, &o->digests[i]);
	}
	return true;
}

static void follow(struct opened *o, const struct digest *prev)
{
	o->chains[0] = *prev;
	for (size_t i = 0; i < o->n; i++) {
		chain_next(&o->chains[i], &o->digests[i], &o->chains[i + 1]);
	}
}

/* The first report that tram.report remembers otherwise; if there is none, the batch's first. */
static uint64_t find_altered(const struct opened *o, const struct audit_report *reports, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		uint64_t at = reports[i].seq - o->row->first_seq;

		if (reports[i].seq >= o->row->first_seq && at < o->n && !same(&reports[i].digest, &o->digests[at])) {
			return reports[i].seq;
		}
	}
	return o->row->from_seq;
}

static void tell_altered(struct verify *v, const struct opened *o, const struct audit_report *reports, size_t n)
{
	uint64_t seq = find_altered(o, reports, n);
	const struct digest *found = &o->digests[seq - o->row->first_seq], *expected = NULL;

	for (size_t i = 0; i < n; i++) {
		expected = reports[i].seq == seq ? &reports[i].digest : expected;
	}
	if (expected && !same(expected, found)) {
		tell_digests(v, BREAK_REPORT_BYTES, seq, found, expected);
	} else {
		tell_digests(v, BREAK_REPORT_BYTES, seq, &o->chains[o->n], &o->row->chain);
	}
}

/* Nothing that was signed is there to be believed: says which part would have to be otherwise for the signature to hold. */
static void tell_unsigned(struct verify *v, struct opened *o)
{
	const struct audit_batch *b = o->row;
	char id[2 * KEY_ID_SIZE + 1];

	if (!o->key) {
		if (memcmp(v->unknown_key, b->key_id, KEY_ID_SIZE) != 0) {
			tell(v, BREAK_KEY_UNKNOWN, b->from_seq, text_hex(b->key_id, KEY_ID_SIZE, id),
			     _("a key of the agent"));
		}
		memcpy(v->unknown_key, b->key_id, KEY_ID_SIZE);
		return;
	}
	follow(o, &b->prev_chain);
	if (is_signed(v, o, &b->prev_chain, &o->chains[o->n])) {
		tell_digests(v, BREAK_CHAIN, b->from_seq, &b->chain, &o->chains[o->n]);
		return;
	}
	if (b->first_seq == b->from_seq && !v->is_believed) {
		follow(o, &v->chain);
		if (is_signed(v, o, &v->chain, &b->chain)) {
			tell_digests(v, BREAK_PREV_CHAIN, b->from_seq, &b->prev_chain, &v->chain);
			return;
		}
	}
	tell(v, BREAK_SIGNATURE, b->from_seq, text_hex(b->key_id, KEY_ID_SIZE, id), _("a signature that holds"));
}

/* Whether the batch is what the agent signed, and follows what went before. What is not is told. */
static bool check_signed(struct verify *v, struct opened *o, const struct audit_report *reports, size_t n)
{
	const struct audit_batch *b = o->row;
	const struct digest *here = &o->chains[b->from_seq - b->first_seq];

	o->key = key_of(v, b->key_id);
	if (!is_signed(v, o, &b->prev_chain, &b->chain)) {
		tell_unsigned(v, o);
		return false;
	}
	follow(o, &b->prev_chain);
	if (!same(&o->chains[o->n], &b->chain)) {
		tell_altered(v, o, reports, n);
		return false;
	}
	if (!v->is_believed && !same(here, &v->chain)) {
		tell_digests(v, BREAK_BATCH_ORDER, b->from_seq, here, &v->chain);
	}
	return true;
}

static bool is_formed(struct verify *v, const struct audit_batch *b)
{
	bool formed = b->is_formed && b->first_seq > 0 && b->first_seq <= b->from_seq && b->from_seq <= b->last_seq &&
		      b->last_seq < UINT64_C(1) << 40;
	char found[80];

	if (!formed) {
		snprintf(found, sizeof found, "from_seq %" PRIu64 ", first_seq %" PRIu64 ", last_seq %" PRIu64,
			 b->from_seq, b->first_seq, b->last_seq);
		tell(v, BREAK_BATCH_FORM, b->from_seq, found, "first_seq <= from_seq <= last_seq");
	}
	return formed;
}

/* Where the batch begins must be where the one before ended. */
static void check_place(struct verify *v, const struct audit_batch *b)
{
	char missing[48];

	if ((!v->had_batch && v->is_believed) || b->from_seq == v->seq + 1) {
		return;
	}
	snprintf(missing, sizeof missing, "%" PRIu64 "-%" PRIu64, v->seq + 1, b->from_seq - 1);
	tell(v, BREAK_BATCH_MISSING, v->seq + 1, _("nothing"), missing);
	v->is_believed = true;
	v->skipped_to = store_report_no(v->stream->stream_no, b->from_seq);
}

/* Each report that the batch covers, against what was made of it. */
static bool check_reports(struct verify *v, const struct opened *o, bool is_sound, const struct audit_report *reports,
			  size_t n, struct err *err)
{
	uint64_t last = verify_covers(v->stream, o->row);

	for (uint64_t seq = o->row->from_seq; seq <= last; seq++) {
		size_t i = (size_t)(seq - o->row->first_seq);
		struct arena_mark mark = arena_mark(v->arena);
		const struct audit_report *row = take_row(v, seq, &reports, &n);

		if (!check_report(v, seq, row, &o->digests[i], is_sound, o->batch->entries[i]->report, err)) {
			return false;
		}
		arena_rewind(v->arena, mark);
		v->sums.reports++;
	}
	return true;
}

/* Of a batch that cannot be read only the rows are passed over. */
static bool leave_out(struct verify *v, uint64_t last, struct err *err)
{
	v->is_believed = true;
	v->seq = last;
	v->skipped_to = store_report_no(v->stream->stream_no, last + 1);
	return pass(v, v->skipped_to, err);
}

bool verify_batch(struct verify *v, const struct audit_batch *b, const struct audit_report *reports, size_t n,
		  struct err *err)
{
	struct opened o = {.row = b};
	uint64_t last = verify_covers(v->stream, b);
	bool sound;

	arena_reset(v->arena);
	v->sums.batches++;
	check_place(v, b);
	if (!v->had_batch && v->is_believed) {
		v->skipped_to = store_report_no(v->stream->stream_no, b->from_seq);
	}
	v->had_batch = true;
	if (!is_formed(v, b) || !open_payload(v, &o)) {
		return leave_out(v, last, err);
	}
	if (!hash(v, &o, err)) {
		return false;
	}
	sound = check_signed(v, &o, reports, n);
	if (!check_reports(v, &o, sound, reports, n, err)) {
		return false;
	}
	v->is_believed = !sound;
	v->seq = last;
	v->chain = o.chains[last - b->first_seq + 1];
	return true;
}

/* ---------------------------------------------------------------- a stream */

static void check_beginning(struct verify *v)
{
	const struct audit_stream *s = v->stream;
	struct digest expected;

	/* Of a stream that was made before the chain of its previous epoch was kept only the signatures tell. */
	if (s->has_previous && !s->has_previous_chain) {
		return;
	}
	chain_start(s->agent, &s->epoch, s->has_previous_chain ? &s->previous_chain : NULL, &expected);
	if (!same(&expected, &s->first_chain)) {
		tell_digests(v, BREAK_FIRST_CHAIN, 0, &s->first_chain, &expected);
	}
}

bool verify_stream(struct verify *v, const struct audit_stream *stream, const struct audit_key *keys, size_t n_keys,
		   bool from_middle, struct err *err)
{
	v->stream = NULL;
	if (!pass(v, store_report_no(stream->stream_no, 0), err)) {
		return false;
	}
	v->stream = stream;
	v->keys = keys;
	v->n_keys = n_keys;
	v->sums = (struct verify_sums){.breaks = 0};
	v->seq = 0;
	v->chain = stream->first_chain;
	v->is_believed = from_middle;
	v->had_batch = false;
	memset(v->unknown_key, 0, sizeof v->unknown_key);
	if (from_middle) {
		v->skipped_to = store_report_no(stream->stream_no + 1, 0); /* until the first batch says otherwise */
	}
	check_beginning(v);
	return true;
}

static void check_watermark(struct verify *v)
{
	const struct audit_stream *s = v->stream;

	if (v->is_believed && !v->had_batch) {
		return; /* nothing since */
	}
	if (v->seq != s->seq) {
		tell_numbers(v, BREAK_WATERMARK, s->seq, s->seq, v->seq);
	} else if (!v->is_believed && !same(&v->chain, &s->chain)) {
		tell_digests(v, BREAK_WATERMARK_CHAIN, s->seq, &s->chain, &v->chain);
	}
}

static void check_beyond(struct verify *v)
{
	const struct audit_stream *s = v->stream;
	const struct {
		uint64_t last;
		const char *table;
	} parts[] = {{s->last_batch, "tram.batch"}, {s->last_report, "tram.report"}, {s->last_poison, "tram.poison"}};
	char found[60], expected[48];

	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
		if (parts[i].last > s->seq) {
			snprintf(found, sizeof found, "%s %" PRIu64, parts[i].table, parts[i].last);
			snprintf(expected, sizeof expected, "<= %" PRIu64, s->seq);
			tell(v, i == 0 ? BREAK_BEYOND : BREAK_REPORT_STRAY, parts[i].last, found, expected);
		}
	}
}

bool verify_stream_end(struct verify *v, struct verify_sums *ret, struct err *err)
{
	check_watermark(v);
	check_beyond(v);
	if (!pass(v, store_report_no(v->stream->stream_no + 1, 0), err)) {
		return false;
	}
	*ret = v->sums;
	v->stream = NULL;
	return true;
}

/* ---------------------------------------------------------------- what is left */

void verify_agent(struct verify *v, const struct audit_agent *agent)
{
	const struct audit_stream as_of = {.stream_no = 0};
	struct audit_stream named = as_of;

	if (agent->verdicts == agent->verdict_seq && agent->last == agent->verdict_seq) {
		return;
	}
	snprintf(named.agent, sizeof named.agent, "%s", agent->agent);
	v->stream = &named;
	if (agent->first_gap > 0) {
		tell_numbers(v, BREAK_VERDICT_NUMBERS, 0, agent->verdicts, agent->verdict_seq);
	} else {
		tell_numbers(v, BREAK_VERDICT_NUMBERS, 0, agent->last, agent->verdict_seq);
	}
	v->stream = NULL;
}

void verify_subtotal(struct verify *v, const struct audit_subtotal *t)
{
	char found[BREAK_TEXT_MAX];

	v->stream = NULL;
	snprintf(found, sizeof found, "%s %s %s: %s", t->area, t->indicator, t->time_period, t->stored);
	tell(v, BREAK_SUBTOTAL, 0, found, t->counted);
}

void verify_closing(struct verify *v, const struct audit_closing *c)
{
	static const struct {
		const char *kind;
		enum break_kind is;
	} kinds[] = {{"digest", BREAK_CLOSING}, {"order", BREAK_CLOSING_ORDER}, {"figure", BREAK_CLOSING_FIGURE}};
	char found[BREAK_TEXT_MAX];
	size_t i = 0;

	v->stream = NULL;
	if (strcmp(c->kind, "remade") == 0) {
		v->remade++;
		return;
	}
	while (strcmp(kinds[i].kind, c->kind) != 0) {
		i++;
		assert(i < sizeof kinds / sizeof *kinds);
	}
	snprintf(found, sizeof found, "%s %s (%s)%s%s%s%s: %s", c->dataflow, c->time_period, c->vintage,
		 *c->indicator ? " " : "", c->indicator, *c->area ? " " : "", c->area, c->found);
	tell(v, kinds[i].is, 0, found, c->expected);
}

uint64_t verify_remade(const struct verify *v)
{
	return v->remade;
}

bool verify_end(struct verify *v, const struct audit_strays *strays, struct err *err)
{
	char found[BREAK_TEXT_MAX];

	v->stream = NULL;
	if (!pass(v, UINT64_MAX, err)) {
		return false;
	}
	if (strays->batches + strays->reports + strays->poisons + strays->verdicts > 0) {
		snprintf(found, sizeof found,
			 "tram.batch %" PRIu64 ", tram.report %" PRIu64 ", tram.poison %" PRIu64
			 ", tram.verdict %" PRIu64,
			 strays->batches, strays->reports, strays->poisons, strays->verdicts);
		tell(v, BREAK_STRAY, 0, found, "0");
	}
	return true;
}

struct verify *verify_new(const struct verify_hooks *hooks)
{
	struct verify *v = xcalloc(1, sizeof *v);

	v->hooks = *hooks;
	v->arena = arena_new(ARENA_CAP);
	return v;
}

void verify_free(struct verify **vp)
{
	struct verify *v = *vp;

	*vp = NULL;
	if (v) {
		arena_free(&v->arena);
		free(v);
	}
}
