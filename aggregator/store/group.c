/* SPDX-License-Identifier: Apache-2.0 */
#include "connection.h"
#include "copy.h"
#include "fault.h"
#include "lang.h"
#include "letters.h"
#include "mem.h"
#include "subtotals.h"
#include "text.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { FLAG_WITHDRAWN = 1, FLAG_DEMONSTRATION = 2, FLAG_JUSTIFIED = 4, FLAG_REASONED = 8 };

/* ---------------------------------------------------------------- rows, one function a table */

static void put_batches(struct copy *c, const struct group *g)
{
	for (const struct batch_row *b = g->batches; b < g->batches + g->n_batches; b++) {
		copy_row(c);
		copy_int32(c, b->stream_no);
		copy_int64(c, (int64_t)b->from_seq);
		copy_int64(c, (int64_t)b->first_seq);
		copy_int64(c, (int64_t)b->last_seq);
		copy_int32(c, b->agent_no);
		copy_int16(c, (int16_t)b->codec);
		copy_timestamp(c, b->received_at_us);
		copy_bytes(c, b->prev_chain.bytes, DIGEST_SIZE);
		copy_bytes(c, b->chain.bytes, DIGEST_SIZE);
		copy_bytes(c, b->signature, SIGNATURE_SIZE);
		copy_bytes(c, b->key_id, KEY_ID_SIZE);
		copy_bytes(c, b->payload, b->payload_len);
	}
}

static char purpose_letter(Tram__V1__Purpose purpose)
{
	switch (purpose) {
	case TRAM__V1__PURPOSE__PURPOSE_BACKFILL: return 'B';
	case TRAM__V1__PURPOSE__PURPOSE_CORRECTION: return 'C';
	default: return 'R';
	}
}

static void put_dates(struct copy *c, const struct judgement *j)
{
	const int32_t dates[] = {j->period_from, j->period_to, j->reference_date};

	copy_int32(c, j->readable ? period_pack(&j->period) : 0);
	for (size_t i = 0; i < sizeof dates / sizeof *dates; i++) {
		if (j->readable) {
			copy_date(c, dates[i]);
		} else {
			copy_null(c);
		}
	}
}

/* What peer cuts take of it. */
static void put_contents(struct copy *c, const struct report_row *row)
{
	uint8_t bytes[SKETCH_BYTES];

	if (row->series) {
		copy_int32s(c, row->series, row->n_series);
	} else {
		copy_null(c);
	}
	if (row->sketch.there) {
		sketch_write(&row->sketch, bytes);
		copy_bytes(c, bytes, sizeof bytes);
	} else {
		copy_null(c);
	}
}

static void put_report(struct copy *c, const struct report_row *row)
{
	const Tram__V1__Report *r = row->report;

	copy_row(c);
	copy_int64(c, (int64_t)store_report_no(row->stream_no, row->seq));
	copy_timestamp(c, row->handed_in_at_us);
	copy_timestamp(c, row->received_at_us);
	copy_timestamp(c, row->known_at_us);
	copy_int32(c, row->agent_no);
	copy_int32(c, (int32_t)row->catalogue_version);
	put_dates(c, row->judgement);
	copy_int32(c, (int32_t)r->n_observations);
	copy_char(c, purpose_letter(r->purpose));
	copy_bool(c, r->demonstration);
	copy_bytes(c, row->digest.bytes, DIGEST_SIZE);
	copy_text(c, r->provider);
	copy_text(c, r->dataflow);
	copy_text(c, r->time_period);
	copy_text(c, r->reason);
	copy_text(c, r->prepared_by);
	copy_timestamp(c, row->prepared_at_us);
	copy_text(c, r->approved_by);
	copy_timestamp(c, row->approved_at_us);
	copy_text(c, r->comment);
	copy_text(c, r->software);
	if (row->repeats) {
		copy_int64(c, (int64_t)row->repeats);
	} else {
		copy_null(c);
	}
	copy_text(c, r->justification_code);
	copy_text(c, r->justification);
	put_contents(c, row);
}

static void put_reports(struct copy *c, const struct group *g)
{
	for (size_t i = 0; i < g->n_reports; i++) {
		put_report(c, &g->reports[i]);
	}
}

static void put_poisons(struct copy *c, const struct group *g)
{
	for (const struct poison_row *p = g->poisons; p < g->poisons + g->n_poisons; p++) {
		copy_row(c);
		copy_int64(c, (int64_t)store_report_no(p->stream_no, p->seq));
		copy_int32(c, p->agent_no);
		copy_timestamp(c, p->received_at_us);
		copy_timestamp(c, p->known_at_us);
		copy_bytes(c, p->digest.bytes, DIGEST_SIZE);
		copy_text(c, p->cause);
	}
}

static int16_t flags(const struct observation_row *row)
{
	return (int16_t)((row->withdrawn ? FLAG_WITHDRAWN : 0) | (row->demonstration ? FLAG_DEMONSTRATION : 0) |
			 (row->justified ? FLAG_JUSTIFIED : 0) | (row->reasoned ? FLAG_REASONED : 0));
}

static void put_observation(struct copy *c, const struct observation_row *row)
{
	const Tram__V1__Observation *o = row->observation;
	const struct figure *f = row->figure;

	copy_row(c);
	copy_int64(c, row->key);
	copy_int64(c, (int64_t)row->report_no);
	copy_timestamp(c, row->known_at_us);
	copy_int32(c, row->area_no);
	copy_int32(c, (int32_t)row->line);
	copy_int32(c, (int32_t)o->rank_out_of);
	copy_int16(c, (int16_t)row->outcome);
	copy_int16(c, (int16_t)o->qualifier);
	copy_int16(c, (int16_t)o->missing_reason);
	copy_int16(c, flags(row));
	copy_char(c, rules_status(o));
	copy_numeric(c, f->has_value, f->value);
	copy_numeric(c, f->has_numerator, f->numerator);
	copy_numeric(c, f->has_denominator, f->denominator);
	copy_numeric(c, f->has_weight, f->weight);
}

static void put_observations(struct copy *c, const struct group *g)
{
	for (size_t i = 0; i < g->n_observations; i++) {
		put_observation(c, &g->observations[i]);
	}
}

static bool has_note(const Tram__V1__Observation *o)
{
	return *o->source_system || *o->justification_code || *o->justification || *o->comment || o->units_reporting ||
	       o->units_expected;
}

static void put_notes(struct copy *c, const struct group *g)
{
	for (const struct observation_row *row = g->observations; row < g->observations + g->n_observations; row++) {
		const Tram__V1__Observation *o = row->observation;

		if (has_note(o)) {
			copy_row(c);
			copy_int64(c, row->key);
			copy_int32(c, row->area_no);
			copy_text(c, o->source_system);
			copy_text(c, o->justification_code);
			copy_text(c, o->justification);
			copy_text(c, o->comment);
			copy_int64(c, o->units_reporting);
			copy_int64(c, o->units_expected);
		}
	}
}

static void put_findings(struct copy *c, const struct group *g)
{
	for (const struct finding_row *row = g->findings; row < g->findings + g->n_findings; row++) {
		const struct finding *f = row->finding;

		copy_row(c);
		copy_int64(c, (int64_t)row->report_no);
		copy_int32(c, row->agent_no);
		copy_int32(c, (int32_t)row->finding_no);
		copy_int32(c, (int32_t)f->line);
		copy_char(c, severity_letter(f->severity));
		copy_text(c, f->rule->code);
		copy_text(c, row->indicator);
		copy_text(c, row->ref_area);
		copy_text(c, f->field);
		copy_text(c, f->found);
		copy_text(c, f->expected);
		copy_char(c, severity_letter(f->asked));
		copy_bool(c, f->answered);
	}
}

/* In the order of the table of words. A report that could not be judged at all has none. */
static void put_words(struct copy *c, const enum word_state *states, size_t n)
{
	char text[WORDS_MAX];

	assert(n <= sizeof text);
	for (size_t i = 0; states && i < n; i++) {
		text[i] = word_letter(states[i]);
	}
	copy_bytes(c, text, states ? n : 0);
}

static void put_verdicts(struct copy *c, const struct group *g)
{
	uint8_t *outcomes = NULL;

	for (const struct verdict_row *v = g->verdicts; v < g->verdicts + g->n_verdicts; v++) {
		outcomes = xrealloc(outcomes, v->n_outcomes);
		for (size_t i = 0; i < v->n_outcomes; i++) {
			outcomes[i] = (uint8_t)v->outcomes[i];
		}
		copy_row(c);
		copy_int64(c, (int64_t)v->verdict_seq);
		copy_int64(c, (int64_t)v->report_no);
		copy_timestamp(c, g->known_at_us);
		copy_int32(c, v->agent_no);
		copy_int32(c, (int32_t)v->catalogue_version);
		put_words(c, v->words, v->n_words);
		copy_text(c, v->cause);
		copy_bytes(c, outcomes, v->n_outcomes);
		copy_int32(c, v->peer_cut);
		copy_int64(c, v->closing_no);
	}
	free(outcomes);
}

/* ---------------------------------------------------------------- the tables, in the order they are written */

static size_t count_batches(const struct group *g)
{
	return g->n_batches;
}

static size_t count_reports(const struct group *g)
{
	return g->n_reports;
}

static size_t count_poisons(const struct group *g)
{
	return g->n_poisons;
}

static size_t count_observations(const struct group *g)
{
	return g->n_observations;
}

static size_t count_notes(const struct group *g)
{
	size_t n = 0;

	for (size_t i = 0; i < g->n_observations; i++) {
		n += has_note(g->observations[i].observation);
	}
	return n;
}

static size_t count_findings(const struct group *g)
{
	return g->n_findings;
}

static size_t count_verdicts(const struct group *g)
{
	return g->n_verdicts;
}

static const struct part {
	const char *table, *columns;
	int n_columns;
	size_t (*count)(const struct group *g);
	void (*put)(struct copy *c, const struct group *g);
} parts[] = {
    {"tram.batch",
     "stream_no, from_seq, first_seq, last_seq, agent_no, codec, received_at, prev_chain, chain, signature, key_id, "
     "payload",
     12, count_batches, put_batches},
    {"tram.report",
     "report_no, handed_in_at, received_at, known_at, agent_no, catalogue_version, period, period_from, period_to, "
     "reference_date, observations, purpose, demonstration, digest, provider, dataflow, time_period, reason, "
     "prepared_by, prepared_at, approved_by, approved_at, comment, software, repeats, justification_code, "
     "justification, series, sketch",
     29, count_reports, put_reports},
    {"tram.poison", "report_no, agent_no, received_at, known_at, digest, cause", 6, count_poisons, put_poisons},
    {"tram.observation",
     "key, report_no, known_at, area_no, line, rank_out_of, outcome, qualifier, missing_reason, flags, obs_status, "
     "value, numerator, denominator, weight",
     15, count_observations, put_observations},
    {"tram.observation_note",
     "key, area_no, source_system, justification_code, justification, comment, units_reporting, units_expected", 8,
     count_notes, put_notes},
    {"tram.report_finding",
     "report_no, agent_no, finding_no, line, severity, rule, indicator, ref_area, field, found, expected, asked, "
     "answered",
     13, count_findings, put_findings},
    {"tram.verdict",
     "verdict_seq, report_no, known_at, agent_no, catalogue_version, words, cause, outcomes, peer_cut, closing_no", 10,
     count_verdicts, put_verdicts},
};

static enum store_result write_part(struct store *s, const struct part *part, const struct group *g, struct err *err)
{
	enum store_result result;

	if (part->count(g) == 0) {
		return STORE_OK;
	}
	result = copy_begin(s, part->table, part->columns, part->n_columns, err);
	if (result != STORE_OK) {
		return result;
	}
	part->put(s->copy, g);
	return copy_end(s, err);
}

/* ---------------------------------------------------------------- rows that must stand as they did */

/* As many rows must change as are to: one fewer, and somebody else has written. */
static enum store_result expect_changed(struct store *s, const struct statement *statement, struct params *p,
					size_t expected, struct err *err)
{
	PGresult *r;
	enum store_result result = STORE_OK;

	if (expected > 0) {
		result = connection_ask_prepared(s, statement, p, &r, err);
		if (result == STORE_OK && connection_changed(r) != expected) {
			err_set(err, ERR_TEMPFAIL,
				_("%zu of %zu watermarks were not where this aggregator left them: another one writes "
				  "for the same agents, or one of these was shut out"),
				expected - connection_changed(r), expected);
			result = STORE_FENCED;
		}
		PQclear(r);
	}
	params_done(p);
	return result;
}

/* ---------------------------------------------------------------- streams that are new */

/* One that is there meanwhile was made by another aggregator, which is the same as its watermark standing elsewhere. */
static const struct statement make_stream = {
    "make_stream",
    "INSERT INTO tram.stream (stream_no, agent, agent_no, epoch, chain, first_chain, previous_epoch, previous_chain)"
    " OVERRIDING SYSTEM VALUE SELECT $1, a.agent, a.agent_no, $3, $4, $4, $5, $6 FROM tram.agent a WHERE a.agent_no = "
    "$2"
    " ON CONFLICT DO NOTHING",
};

static enum store_result write_new_stream(struct store *s, const struct stream_row *row, struct err *err)
{
	char epoch[2 * EPOCH_SIZE + 1], previous[2 * EPOCH_SIZE + 1] = "";
	struct params p;

	text_hex(row->epoch.bytes, EPOCH_SIZE, epoch);
	if (row->previous) {
		text_hex(row->previous->bytes, EPOCH_SIZE, previous);
	}
	params_init(&p);
	params_int32(&p, row->stream_no);
	params_int32(&p, row->agent_no);
	params_text(&p, epoch);
	params_bytes(&p, row->first_chain.bytes, DIGEST_SIZE);
	params_text(&p, previous);
	params_bytes(&p, row->previous_chain ? row->previous_chain->bytes : NULL, DIGEST_SIZE);
	return expect_changed(s, &make_stream, &p, 1, err);
}

/* ---------------------------------------------------------------- watermarks */

static const struct statement move_streams = {
    "move_streams",
    "UPDATE tram.stream s SET seq = m.seq_to, chain = m.chain_to, updated_at = $5"
    " FROM unnest($1, $2, $3, $4) m(stream_no, seq_from, seq_to, chain_to)"
    " WHERE s.stream_no = m.stream_no AND s.seq = m.seq_from",
};

/*
 * The row of an agent that is being shut out is waited for and looked at again as it is then, so either its revocation
 * is committed after this group or this group is not committed.
 */
static const struct statement move_verdicts = {
    "move_verdicts",
    "UPDATE tram.agent a SET verdict_seq = m.verdict_to"
    " FROM unnest($1, $2, $3, $4) m(agent_no, verdict_from, verdict_to, signing_public)"
    " WHERE a.agent_no = m.agent_no AND a.verdict_seq = m.verdict_from"
    " AND a.state = 'active' AND a.signing_public = m.signing_public",
};

static int by_stream(const void *a, const void *b)
{
	int32_t x = ((const struct watermark_move *)a)->stream_no, y = ((const struct watermark_move *)b)->stream_no;

	return x < y ? -1 : x > y;
}

static int by_agent(const void *a, const void *b)
{
	const struct watermark_move *x = a, *y = b;

	if (x->agent_no != y->agent_no) {
		return x->agent_no < y->agent_no ? -1 : 1;
	}
	return x->verdict_from < y->verdict_from ? -1 : x->verdict_from > y->verdict_from;
}

/* Sorted, so that two aggregators that collide do not lock in opposite orders. */
static enum store_result write_streams(struct store *s, struct watermark_move *moves, size_t n, int64_t known_at_us,
				       struct err *err)
{
	struct params p;

	qsort(moves, n, sizeof *moves, by_stream);
	params_init(&p);
	params_int32s(&p, &moves->stream_no, sizeof *moves, n);
	params_int64s(&p, (const int64_t *)&moves->seq_from, sizeof *moves, n);
	params_int64s(&p, (const int64_t *)&moves->seq_to, sizeof *moves, n);
	params_bytes_each(&p, moves->chain_to.bytes, DIGEST_SIZE, sizeof *moves, n);
	params_timestamp(&p, known_at_us);
	return expect_changed(s, &move_streams, &p, n, err);
}

/*
 * Two epochs of one agent may move in one group; for its verdicts that is one move, from the first's to the last's. Under
 * two keys they are two, of which one at most can be made.
 */
static size_t merge_by_agent(struct watermark_move *moves, size_t n)
{
	size_t kept = 0;

	qsort(moves, n, sizeof *moves, by_agent);
	for (size_t i = 0; i < n; i++) {
		if (kept > 0 && moves[kept - 1].agent_no == moves[i].agent_no &&
		    memcmp(moves[kept - 1].signing_public, moves[i].signing_public, SIGN_PUBLIC_SIZE) == 0) {
			moves[kept - 1].verdict_to = moves[i].verdict_to;
		} else {
			moves[kept++] = moves[i];
		}
	}
	return kept;
}

static enum store_result write_verdict_seqs(struct store *s, const struct watermark_move *given, size_t n_given,
					    struct err *err)
{
	struct watermark_move *moves = xcalloc(n_given, sizeof *moves);
	size_t n = 0;
	struct params p;

	for (size_t i = 0; i < n_given; i++) {
		if (given[i].verdict_to != given[i].verdict_from) {
			moves[n++] = given[i];
		}
	}
	n = merge_by_agent(moves, n);
	params_init(&p);
	params_int32s(&p, &moves->agent_no, sizeof *moves, n);
	params_int64s(&p, (const int64_t *)&moves->verdict_from, sizeof *moves, n);
	params_int64s(&p, (const int64_t *)&moves->verdict_to, sizeof *moves, n);
	params_bytes_each(&p, moves->signing_public, SIGN_PUBLIC_SIZE, sizeof *moves, n);
	free(moves);
	return expect_changed(s, &move_verdicts, &p, n, err);
}

/* ---------------------------------------------------------------- the transaction */

static int by_area_and_key(const void *a, const void *b)
{
	const struct observation_row *x = a, *y = b;

	if (x->area_no != y->area_no) {
		return x->area_no < y->area_no ? -1 : 1;
	}
	return x->key < y->key ? -1 : x->key > y->key;
}

/*
 * A clock may stand before a moment that was settled already. What is known since the group, is known since the group's new
 * time. What was known before it, in a store that is gone, keeps its time where nobody was told meanwhile what that time
 * knew; figures do not where somebody was.
 */
static void stamp(struct group *g)
{
	int64_t given_us = g->known_at_us, least_us = g->settled_us + 1;

	g->known_at_us = given_us > least_us ? given_us : least_us;
	for (struct report_row *r = g->reports; r < g->reports + g->n_reports; r++) {
		r->known_at_us = r->known_at_us == given_us ? g->known_at_us : r->known_at_us;
	}
	for (struct poison_row *p = g->poisons; p < g->poisons + g->n_poisons; p++) {
		p->known_at_us = p->known_at_us == given_us ? g->known_at_us : p->known_at_us;
	}
	for (struct observation_row *o = g->observations; o < g->observations + g->n_observations; o++) {
		o->known_at_us = o->known_at_us > least_us ? o->known_at_us : least_us;
	}
}

/* Of figures of communes also what they add up to. */
static enum store_result write_parts(struct store *s, const struct group *g, struct err *err)
{
	struct touched communes = touched_by_group(g);
	enum store_result result = subtotals_take_out(s, &communes, err);

	for (size_t i = 0; result == STORE_OK && i < sizeof parts / sizeof *parts; i++) {
		result = write_part(s, &parts[i], g, err);
		FAULT_POINT(G4_TABLE_WRITTEN);
	}
	if (result == STORE_OK) {
		result = subtotals_put_in(s, &communes, err);
	}
	touched_free(&communes);
	return result;
}

struct writing {
	struct group *group;
	struct figures_begun begun;
};

/* Whoever was told that a period is open must have reported before it was closed. */
static bool is_outdated(const struct writing *w)
{
	return w->group->judged_by_closings && w->begun.closing_no != w->group->closing_no;
}

/* Watermarks first: whoever is fenced learns it before anything is copied. */
static enum store_result write_group(struct store *s, void *context, struct err *err)
{
	struct writing *w = context;
	struct group *g = w->group;
	enum store_result result = STORE_OK;

	g->settled_us = w->begun.settled_us;
	if (is_outdated(w)) {
		err_set(err, ERR_TEMPFAIL, _("a period was closed meanwhile: reports are judged again"));
		return STORE_OUTDATED;
	}
	stamp(g);
	for (size_t i = 0; result == STORE_OK && i < g->n_streams; i++) {
		result = write_new_stream(s, &g->streams[i], err);
	}
	if (result == STORE_OK && g->n_moves > 0) {
		result = write_streams(s, g->moves, g->n_moves, g->known_at_us, err);
	}
	if (result == STORE_OK && g->n_moves > 0) {
		result = write_verdict_seqs(s, g->moves, g->n_moves, err);
	}
	FAULT_POINT(G4_WATERMARKS_MOVED);
	if (result == STORE_OK) {
		result = write_parts(s, g, err);
	}
	if (result == STORE_OK) {
		FAULT_POINT(G5_BEFORE_COMMIT);
	}
	return result;
}

enum store_result store_commit(struct store *s, struct group *g, struct err *err)
{
	if (g->n_observations > 0) { /* else there may be no array at all */
		qsort(g->observations, g->n_observations, sizeof *g->observations, by_area_and_key);
	}
	FAULT_POINT(G3_BEFORE_BEGIN);
	struct writing w = {.group = g};
	enum store_result result = connection_write_figures(s, &w.begun, write_group, &w, err);

	if (result == STORE_OK) {
		FAULT_POINT(G7_COMMITTED);
	}
	return result;
}
