/* SPDX-License-Identifier: Apache-2.0 */
#include "oracle.h"

#include "disk.h"
#include "mem.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PROVIDER "P63-46"
#define DATAFLOW "dvc_monthly"

void oracle_bytes(uint64_t issue, void *ret, size_t len)
{
	uint64_t state = issue * UINT64_C(0xd1342543de82ef95) + 1;
	uint8_t *bytes = ret;
	for (size_t at = 0; at < len; at += 8) {
		uint64_t word = disk_random(&state);
		memcpy(bytes + at, &word, len - at < 8 ? len - at : 8);
	}
}

char *oracle_file_name(uint64_t issue, char buf[static 32])
{
	snprintf(buf, 32, "tháng %" PRIu64 ".csv", issue);
	return buf;
}

static const struct digest *chain_at(const struct oracle *o, uint64_t seq)
{
	return seq ? &o->reports[seq].chain : &o->start;
}

struct acknowledgement oracle_acknowledgement(const struct oracle *o, uint64_t through)
{
	struct acknowledgement ack = {.committed_through = through, .committed_at_us = (int64_t)through * 1000};
	ack.chain = *chain_at(o, through);
	oracle_bytes(through ^ UINT64_C(0xacacacac), ack.signature, sizeof ack.signature);
	memset(ack.key_id, 7, sizeof ack.key_id);
	return ack;
}

/* ---------------------------------------------------------------- what becomes of it */

void oracle_born(struct oracle *o, const struct outbox_state *state)
{
	o->born = true;
	o->epoch = state->epoch;
	chain_start(ORACLE_AGENT, &o->epoch, NULL, &o->start);
}

void oracle_hand_in(struct oracle *o, uint64_t issue, const size_t *lens, size_t n, int64_t at)
{
	uint64_t first = o->last + 1;
	assert(o->last + n < ORACLE_REPORTS);
	for (size_t i = 0; i < n; i++) {
		struct oracle_report *r = &o->reports[first + i];
		uint8_t *bytes = xmalloc(lens[i]);
		*r = (struct oracle_report){
		    .issue = issue + i, .len = lens[i], .ticket_first = first, .ticket_last = first + n - 1, .at = at};
		oracle_bytes(r->issue, bytes, r->len);
		digest_report(bytes, r->len, &r->digest);
		chain_next(chain_at(o, first + i - 1), &r->digest, &r->chain);
		free(bytes);
	}
	o->last += n;
}

void oracle_acknowledge(struct oracle *o, uint64_t through)
{
	if (!o->acks[through].kept)
		o->acks[through] = (struct oracle_ack){true, o->lived};
	if (through > o->acknowledged)
		o->acknowledged = through;
}

int64_t oracle_known_at(uint64_t issue)
{
	return (int64_t)(issue % 1000003) + 1;
}

/* One of a report that is gone, and that was held before a rewind, is only counted past. */
void oracle_judge(struct oracle *o, uint64_t seq, uint64_t issue, int64_t at)
{
	assert(o->cursor + 1 < ORACLE_VERDICTS);
	o->cursor++;
	o->verdicts[o->cursor] =
	    (struct oracle_verdict){seq > o->trimmed || o->cursor > o->heard, seq, issue, at, o->lived};
	o->known_at = oracle_known_at(issue);
}

void oracle_rewind(struct oracle *o, uint64_t cursor)
{
	for (uint64_t v = cursor + 1; v <= o->cursor; v++)
		o->verdicts[v].kept = false;
	if (cursor < o->cursor)
		o->known_at = o->verdicts[cursor].kept ? oracle_known_at(o->verdicts[cursor].issue) : 0;
	if (o->heard < o->cursor)
		o->heard = o->cursor;
	o->cursor = cursor;
}

/* The highest position that was acknowledged so long ago. */
static uint64_t old_enough(const struct oracle *o, int64_t age)
{
	uint64_t through = o->acknowledged;
	while (through && !(o->acks[through].kept && o->acks[through].lived < o->lived - age))
		through--;
	return through;
}

void oracle_trim_reports(struct oracle *o, uint64_t committed, int64_t retention)
{
	uint64_t through = old_enough(o, retention);
	if (through > committed)
		through = committed;
	if (through <= o->trimmed)
		return;
	assert(through <= o->trimmed + 200); /* in one step */
	o->trimmed = through;
	if (o->past == 0)
		o->past = 1;
}

void oracle_trim_verdicts(struct oracle *o, int64_t retention)
{
	for (uint64_t v = 1; v <= o->cursor; v++)
		if (o->verdicts[v].seq <= o->trimmed && o->verdicts[v].lived < o->lived - retention)
			o->verdicts[v].kept = false;
}

void oracle_trim_past(struct oracle *o, int64_t past)
{
	uint64_t through = old_enough(o, past);
	if (through > o->trimmed)
		through = o->trimmed;
	if (o->past == 0 || through <= o->past)
		return;
	for (uint64_t seq = 1; seq <= through && seq < o->acknowledged; seq++)
		o->acks[seq].kept = false;
	o->past = through;
}

/* ---------------------------------------------------------------- comparing */

/* What was found first; later findings of the same weight do not matter. */
struct comparison {
	const struct oracle *o;
	struct outbox *ob;
	struct arena *arena;
	enum oracle_answer answer;
	char *text;
	uint64_t next_verdict, n_listed;
};

static bool find(struct comparison *c, enum oracle_answer answer, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* For `return find(...)`: whether to go on. */
static bool find(struct comparison *c, enum oracle_answer answer, const char *format, ...)
{
	va_list args;
	if (answer > c->answer) {
		va_start(args, format);
		vsnprintf(c->text, ORACLE_TEXT, format, args);
		va_end(args);
		c->answer = answer;
	}
	return answer == ORACLE_TOLD_WRONG;
}

/* The outbox refused to read. */
static bool refused(struct comparison *c, const struct err *err)
{
	return find(c, ORACLE_NAMED, "%s", err->text);
}

bool oracle_stands_at(const struct oracle *o, const struct outbox_state *s)
{
	return s->trimmed == o->trimmed && s->last_appended == o->last && s->acknowledged == o->acknowledged &&
	       s->verdict_cursor == o->cursor && s->verdict_known_at_us == o->known_at &&
	       s->catalogue_version == o->version && (!o->born || memcmp(&s->epoch, &o->epoch, sizeof o->epoch) == 0);
}

static bool compare_positions(struct comparison *c)
{
	const struct oracle *o = c->o;
	const struct outbox_state *s = outbox_state(c->ob);
	if (!oracle_stands_at(o, s))
		return find(c, ORACLE_DIFFERS,
			    "trimmed %" PRIu64 " last %" PRIu64 " acknowledged %" PRIu64 " cursor %" PRIu64
			    " codebook %u%s; told were %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %u",
			    s->trimmed, s->last_appended, s->acknowledged, s->verdict_cursor, s->catalogue_version,
			    o->born && memcmp(&s->epoch, &o->epoch, sizeof o->epoch) ? " another epoch" : "",
			    o->trimmed, o->last, o->acknowledged, o->cursor, o->version);
	if (o->born && memcmp(&s->last_chain, chain_at(o, o->last), sizeof s->last_chain) != 0)
		return find(c, ORACLE_DIFFERS, "the chain at the end is another");
	return true;
}

static bool compare_bytes(struct comparison *c, const struct outbox_report *r, const struct oracle_report *should)
{
	bool same = r->len == should->len;
	uint8_t *bytes = xmalloc(should->len);
	oracle_bytes(should->issue, bytes, should->len);
	same = same && memcmp(bytes, r->bytes, r->len) == 0;
	free(bytes);
	return same || find(c, ORACLE_DIFFERS, "report %" PRIu64 " has other bytes than were handed in", r->seq);
}

static bool compare_report(struct comparison *c, uint64_t seq)
{
	const struct oracle_report *should = &c->o->reports[seq];
	struct outbox_report r;
	struct digest chain;
	struct err err;
	char name[32];
	arena_reset(c->arena);
	if (!outbox_read(c->ob, seq, c->arena, &r, &err) || !outbox_chain(c->ob, seq, &chain, &err))
		return refused(c, &err);
	if (!compare_bytes(c, &r, should))
		return false;
	if (memcmp(&chain, &should->chain, sizeof chain) != 0 || memcmp(&r.chain, &chain, sizeof chain) != 0)
		return find(c, ORACLE_DIFFERS, "the chain at %" PRIu64 " is another", seq);
	if (r.ticket_first != should->ticket_first || r.ticket_last != should->ticket_last ||
	    r.handed_in_at_us != should->at || outbox_handed_in_at(c->ob, seq) != should->at ||
	    r.summary.observations != should->len % 97 || strcmp(r.summary.provider, PROVIDER) != 0 ||
	    strcmp(r.summary.dataflow, DATAFLOW) != 0 ||
	    strcmp(r.file_name, oracle_file_name(should->issue - (seq - should->ticket_first), name)) != 0)
		return find(c, ORACLE_TOLD_WRONG, "what is shown of report %" PRIu64 " is wrong", seq);
	return true;
}

static bool compare_reports(struct comparison *c)
{
	struct outbox_report r;
	struct err err = {0};
	for (uint64_t seq = c->o->trimmed + 1; seq <= c->o->last; seq++)
		if (!compare_report(c, seq))
			return false;
	if (c->o->last == c->o->trimmed)
		return true;
	if (outbox_read(c->ob, c->o->last + 1, c->arena, &r, &err) ||
	    (c->o->trimmed && outbox_read(c->ob, c->o->trimmed, c->arena, &r, &err)))
		return find(c, ORACLE_DIFFERS, "there is a report %" PRIu64 " that should not be there", r.seq);
	return err.kind == ERR_NOINPUT || refused(c, &err);
}

/* What is left of reports that were trimmed; and where nothing is. */
static bool compare_past(struct comparison *c)
{
	struct outbox_place place;
	struct err err;
	char name[32];
	for (uint64_t seq = 1; seq <= c->o->trimmed; seq++) {
		const struct oracle_report *should = &c->o->reports[seq];
		bool found = outbox_place(c->ob, seq, &place, &err), has_ticket = should->ticket_last > c->o->past;
		if (!found && (seq >= c->o->past || err.kind != ERR_NOINPUT))
			return refused(c, &err);
		if (found &&
		    (seq < c->o->past || place.kept || memcmp(&place.digest, &should->digest, DIGEST_SIZE) != 0 ||
		     memcmp(&place.chain, &should->chain, DIGEST_SIZE) != 0))
			return find(c, ORACLE_DIFFERS, "what is left of report %" PRIu64 " is another", seq);
		if (found && has_ticket &&
		    (place.ticket_first != should->ticket_first || place.ticket_last != should->ticket_last ||
		     place.handed_in_at_us != should->at ||
		     strcmp(place.file_name, oracle_file_name(should->issue - (seq - should->ticket_first), name)) !=
			 0))
			return find(c, ORACLE_TOLD_WRONG, "what is shown of report %" PRIu64 " is wrong", seq);
	}
	return true;
}

static void see_row(void *context, const struct outbox_report *row)
{
	struct comparison *c = context;
	if (row->seq != c->o->last - c->n_listed)
		find(c, ORACLE_DIFFERS, "the list has %" PRIu64 " as its row %" PRIu64, row->seq, c->n_listed + 1);
	c->n_listed++;
}

static bool compare_list(struct comparison *c)
{
	struct err err;
	if (!outbox_list(c->ob, UINT64_MAX, 0, ORACLE_REPORTS, see_row, c, &err))
		return refused(c, &err);
	return c->n_listed == c->o->last - c->o->trimmed ||
	       find(c, ORACLE_DIFFERS, "the list has %" PRIu64 " rows", c->n_listed);
}

static bool compare_acks(struct comparison *c)
{
	struct acknowledgement ack, should;
	bool found;
	struct err err;
	uint64_t covering = 0;
	for (uint64_t seq = c->o->acknowledged; seq > 0; seq--) {
		covering = c->o->acks[seq].kept ? seq : covering;
		should = oracle_acknowledgement(c->o, covering);
		if (!outbox_acknowledgement(c->ob, seq, &ack, &found, &err))
			return refused(c, &err);
		if (!found || ack.committed_through != covering ||
		    memcmp(&ack.chain, &should.chain, sizeof ack.chain) != 0 ||
		    ack.committed_at_us != should.committed_at_us ||
		    memcmp(ack.signature, should.signature, sizeof ack.signature) != 0 ||
		    memcmp(ack.key_id, should.key_id, sizeof ack.key_id) != 0)
			return find(c, ORACLE_DIFFERS, "the acknowledgement that covers %" PRIu64 " is another", seq);
	}
	return true;
}

static bool see_verdict(void *context, const struct outbox_verdict *row)
{
	struct comparison *c = context;
	char body[64];
	while (c->next_verdict <= c->o->cursor && !c->o->verdicts[c->next_verdict].kept)
		c->next_verdict++;
	const struct oracle_verdict *should = &c->o->verdicts[c->next_verdict];
	size_t len = 1 + should->issue % sizeof body;
	oracle_bytes(should->issue, body, len);
	if (c->next_verdict > c->o->cursor || row->verdict_seq != c->next_verdict || row->seq != should->seq ||
	    row->len != len || memcmp(row->body, body, len) != 0 ||
	    memcmp(&row->epoch, &c->o->epoch, sizeof row->epoch) != 0)
		return find(c, ORACLE_DIFFERS, "verdict %" PRIu64 " is not what was said", row->verdict_seq);
	if (row->stored_at_us != should->stored_at)
		find(c, ORACLE_TOLD_WRONG, "when verdict %" PRIu64 " came is wrong", row->verdict_seq);
	c->next_verdict++;
	return true;
}

static bool compare_verdicts(struct comparison *c)
{
	struct err err;
	c->next_verdict = 1;
	if (!outbox_verdicts(c->ob, 0, 0, 0, see_verdict, c, &err))
		return refused(c, &err);
	while (c->next_verdict <= c->o->cursor && !c->o->verdicts[c->next_verdict].kept)
		c->next_verdict++;
	return c->answer == ORACLE_DIFFERS || c->next_verdict > c->o->cursor ||
	       find(c, ORACLE_DIFFERS, "verdict %" PRIu64 " is gone", c->next_verdict);
}

/* By the index that the commands use. */
static bool compare_judged(struct comparison *c)
{
	uint64_t should = 0, judged;
	struct err err;
	bool seen[ORACLE_REPORTS] = {false};
	for (uint64_t v = 1; v <= c->o->cursor; v++) {
		const struct oracle_verdict *verdict = &c->o->verdicts[v];
		should += verdict->kept && !seen[verdict->seq];
		seen[verdict->seq] |= verdict->kept;
	}
	if (!outbox_judged(c->ob, 1, ORACLE_REPORTS, &judged, &err))
		return refused(c, &err);
	return judged == should ||
	       find(c, ORACLE_DIFFERS, "%" PRIu64 " reports are judged, not %" PRIu64, judged, should);
}

static bool compare_codebook(struct comparison *c)
{
	const uint8_t *body;
	size_t len;
	struct err err;
	arena_reset(c->arena);
	if (!outbox_codebook(c->ob, c->arena, &body, &len, &err))
		return refused(c, &err);
	uint8_t *should = xmalloc(c->o->codebook_len + 1);
	oracle_bytes(c->o->codebook_issue, should, c->o->codebook_len);
	bool same = len == c->o->codebook_len && (len == 0 || memcmp(body, should, len) == 0);
	free(should);
	return same || find(c, ORACLE_DIFFERS, "the codebook is another");
}

enum oracle_answer oracle_compare(const struct oracle *o, struct outbox *ob, char text[static ORACLE_TEXT])
{
	struct comparison c = {.o = o, .ob = ob, .arena = arena_new(4 << 20), .text = text};
	text[0] = 0;
	bool whole = compare_positions(&c) && compare_reports(&c) && compare_past(&c) && compare_list(&c) &&
		     compare_acks(&c) && compare_verdicts(&c) && compare_judged(&c) && compare_codebook(&c);
	(void)whole;
	arena_free(&c.arena);
	return c.answer;
}

enum oracle_answer oracle_compare_sent(const struct oracle *o, struct outbox *ob, char text[static ORACLE_TEXT])
{
	struct comparison c = {.o = o, .ob = ob, .arena = arena_new(4 << 20), .text = text};
	const struct outbox_state *state = outbox_state(ob);
	text[0] = 0;
	if (state->last_appended > o->last)
		find(&c, ORACLE_DIFFERS, "report %" PRIu64 " was never handed in", state->last_appended);
	for (uint64_t seq = state->trimmed + 1; seq <= state->last_appended && c.answer == ORACLE_SAME; seq++)
		compare_report(&c, seq);
	arena_free(&c.arena);
	return c.answer;
}
