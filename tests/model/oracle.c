/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The oracle: what must hold, told from what was handed in, what the store holds, what the outboxes hold, and what was
 * said. It asks neither core.
 */
#include "world.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define BATCHES_MOST 2 /* what the centre gives credit for */

char oracle_found[400];

void oracle_clear(void)
{
	oracle_found[0] = '\0';
}

void oracle_find(const char *invariant, const char *format, ...)
{
	va_list args;
	if (oracle_found[0])
		return;
	int len = snprintf(oracle_found, sizeof oracle_found, "%s: ", invariant);
	va_start(args, format);
	vsnprintf(oracle_found + len, sizeof oracle_found - (size_t)len, format, args);
	va_end(args);
}

/* ---------------------------------------------------------------- the store against what was handed in */

/* I2, I10: what is stored was handed in, by that agent, there, and not a byte of it is another. */
static void look_at_row(struct world *w, const struct row *r)
{
	if (r->issue >= w->issued) {
		oracle_find("I2", "row %d of %s is no report that was handed in", r->seq, who_name(r->who));
		return;
	}
	struct issue *i = &w->issues[r->issue];
	i->was_in_store = true;
	if (i->who != r->who)
		oracle_find("I10", "a report of %s is stored as one of %s", who_name(i->who), who_name(r->who));
	else if (i->epoch == r->epoch && i->seq != r->seq)
		oracle_find("I13", "report %d of %s is stored as number %d", i->seq, who_name(r->who), r->seq);
}

/* I1, I4, I13: of every stream the reports 1, 2, 3 … once each, in order, and the watermark says how many. */
static void look_at_stream(struct world *w, const struct stream *s)
{
	uint16_t last = 0;
	for (size_t n = 0; n < w->store.n_rows; n++) {
		const struct row *r = &w->store.rows[n];
		if (r->who != s->who || r->epoch != s->epoch)
			continue;
		if (r->seq <= last)
			oracle_find("I1", "report %d of %s is stored twice", r->seq, who_name(s->who));
		else if (r->seq != last + 1)
			oracle_find("I4", "after report %d of %s comes %d", last, who_name(s->who), r->seq);
		last = r->seq;
	}
	if (s->seq != last)
		oracle_find("I4", "the watermark of %s is %d, and %d are stored", who_name(s->who), s->seq, last);
}

/* Every report has one verdict, and an agent's verdicts are numbered without a gap. */
static void look_at_verdicts(const struct world *w, uint8_t who)
{
	uint16_t last = 0;
	for (size_t n = 0; n < w->store.n_rows; n++)
		if (w->store.rows[n].who == who && w->store.rows[n].verdict_seq != ++last) {
			oracle_find("verdicts", "verdict %d of %s is numbered %d", last, who_name(who),
				    w->store.rows[n].verdict_seq);
			return;
		}
	if (last != w->store.verdict_seq[who])
		oracle_find("verdicts", "%s has %d verdicts, and the counter says %d", who_name(who), last,
			    w->store.verdict_seq[who]);
}

/* Changes whenever the store does. */
static uint32_t mark_of(const struct store *s)
{
	uint32_t mark = s->generation * 1000003u + s->n_rows;
	for (size_t i = 0; i < s->n_streams; i++)
		mark = mark * 31 + s->streams[i].seq;
	for (size_t i = 0; i < WHO; i++)
		mark = mark * 31 + s->verdict_seq[i];
	return mark;
}

static void look_at_store(struct world *w)
{
	for (size_t i = 0; i < w->store.n_rows; i++)
		look_at_row(w, &w->store.rows[i]);
	for (size_t i = 0; i < w->store.n_streams; i++) {
		struct stream *s = &w->store.streams[i];
		look_at_stream(w, s);
		if (s->seq < w->marks_seq[i] && !w->store.restored)
			oracle_find("I5", "the watermark of %s went back from %d to %d", who_name(s->who),
				    w->marks_seq[i], s->seq);
		w->marks_seq[i] = s->seq;
	}
	for (uint8_t i = 0; i < WHO; i++)
		look_at_verdicts(w, i);
}

/* ---------------------------------------------------------------- outboxes */

/* I3: what an outbox holds for acknowledged is in the store; after a restore, was there once. */
static void look_at_acknowledged(const struct world *w, const struct box *b)
{
	const struct stream *at = store_stream(&w->store, b->who, b->synced.epoch);
	uint16_t stored = at ? at->seq : 0;
	if (b->synced.acknowledged > stored && !w->store.restored)
		oracle_find("I3", "the outbox of %s holds %d for acknowledged, and %d are stored", who_name(b->who),
			    b->synced.acknowledged, stored);
	for (uint16_t seq = 1; seq <= b->synced.acknowledged; seq++)
		if (!w->issues[b->synced.issue[seq]].was_in_store)
			oracle_find("I3", "report %d of %s is acknowledged and was never stored", seq,
				    who_name(b->who));
}

/* What an outbox holds for a verdict is that verdict. */
bool oracle_holds_verdicts(const struct world *w, const struct box *b)
{
	for (size_t n = 0; n < w->store.n_rows; n++) {
		const struct row *r = &w->store.rows[n];
		const struct held_verdict *held = &b->synced.verdicts[r->verdict_seq];
		if (r->who == b->who && r->verdict_seq <= b->synced.cursor &&
		    (held->epoch != r->epoch || held->seq != r->seq || held->known != r->txn))
			return false;
	}
	return b->synced.cursor <= w->store.verdict_seq[b->who];
}

/* I5, I7: an outbox's word is kept, and nothing is forgotten that was not acknowledged. */
static void look_at_outbox(struct world *w, size_t box)
{
	const struct box *b = &w->boxes[box];
	const struct shelf *s = &b->synced;
	look_at_acknowledged(w, b);
	if (s->acknowledged < w->marks_acknowledged[box])
		oracle_find("I5", "what %s holds for acknowledged went back from %d to %d", who_name(b->who),
			    w->marks_acknowledged[box], s->acknowledged);
	if (s->trimmed > s->acknowledged)
		oracle_find("I7", "the outbox of %s forgot %d, and %d are acknowledged", who_name(b->who), s->trimmed,
			    s->acknowledged);
	if (!w->store.restored && !oracle_holds_verdicts(w, b))
		oracle_find("verdicts", "%s holds other verdicts than the store", who_name(b->who));
	w->marks_acknowledged[box] = s->acknowledged;
	w->marks_cursor[box] = s->cursor;
}

/* ---------------------------------------------------------------- lanes */

/* I12: nobody can make a lane hold more than the credit given. */
static void look_at_lane(const struct centre *c)
{
	for (uint8_t who = 0; who < WHO; who++) {
		int batches = 0;
		for (size_t i = 0; i < c->lane.n_jobs; i++)
			batches += c->lane.jobs[i].kind == SESSION_JOB_PUBLISH && c->lane.jobs[i].who == who &&
				   !c->lane.jobs[i].done;
		if (batches > BATCHES_MOST)
			oracle_find("I12", "a lane holds %d batches of %s", batches, who_name(who));
	}
}

void oracle_look(struct world *w)
{
	uint32_t mark = mark_of(&w->store);
	bool changed = mark != w->marks_store;
	w->marks_store = mark;
	if (changed)
		look_at_store(w);
	for (size_t i = 0; i < BOXES; i++) {
		const struct box *b = &w->boxes[i];
		if (!b->is)
			continue;
		if (changed || b->synced.cursor != w->marks_cursor[i] ||
		    b->synced.acknowledged != w->marks_acknowledged[i])
			look_at_outbox(w, i);
		if (b->running && b->courier.state == COURIER_FORKED && !b->copied)
			oracle_find("forks", "%s was never copied, and is told that it has forked", who_name(b->who));
	}
	for (size_t i = 0; i < CENTRES; i++)
		if (w->centres[i].running)
			look_at_lane(&w->centres[i]);
}

/* ---------------------------------------------------------------- what the centre says */

static const struct stream *stream_of(const struct world *w, ProtobufCBinaryData epoch)
{
	return store_stream(&w->store, epoch.data[1], epoch.data[2]);
}

static void hear_ack(const struct world *w, const Tram__V1__Acknowledgement *a)
{
	const struct stream *at = stream_of(w, a->epoch);
	if (!w->store.restored && (!at || at->seq < a->committed_through))
		oracle_find("I3", "the centre acknowledges %d, and %d are stored", (int)a->committed_through,
			    at ? at->seq : 0);
}

static void hear_verdict(const struct world *w, const Tram__V1__Verdict *v)
{
	for (size_t n = 0; n < w->store.n_rows; n++) {
		const struct row *r = &w->store.rows[n];
		if (r->who == v->epoch.data[1] && r->verdict_seq == v->verdict_seq && r->epoch == v->epoch.data[2] &&
		    r->seq == v->seq)
			return;
	}
	if (!w->store.restored)
		oracle_find("verdicts", "the centre says verdict %d, which is not stored", (int)v->verdict_seq);
}

/* What a sound agent is never refused for. A fork needs two outboxes; what is said into a dead line harms nobody. */
static bool is_refused_wrongly(const struct world *w, const Tram__V1__Refusal *r, bool heard)
{
	bool copied = false;
	for (size_t i = 0; i < BOXES; i++)
		copied |= w->boxes[i].copied;
	switch (r->code) {
	case TRAM__V1__REFUSAL_CODE__REFUSAL_CODE_FORKED: return heard && !copied;
	case TRAM__V1__REFUSAL_CODE__REFUSAL_CODE_OVER_CREDIT: return !w->overcharged;
	case TRAM__V1__REFUSAL_CODE__REFUSAL_CODE_SUPERSEDED:
	case TRAM__V1__REFUSAL_CODE__REFUSAL_CODE_GAP:
	case TRAM__V1__REFUSAL_CODE__REFUSAL_CODE_NO_SESSION:
	case TRAM__V1__REFUSAL_CODE__REFUSAL_CODE_BUSY:
	case TRAM__V1__REFUSAL_CODE__REFUSAL_CODE_REVOKED: return false;
	default: return true;
	}
}

void oracle_hear(const struct world *w, uint16_t message, bool heard)
{
	const Tram__V1__Envelope *e = message_at(message)->envelope;
	if (e->body_case == TRAM__V1__ENVELOPE__BODY_ACK)
		hear_ack(w, e->ack->acknowledgement);
	if (e->body_case == TRAM__V1__ENVELOPE__BODY_VERDICTS)
		for (size_t i = 0; i < e->verdicts->n_verdicts; i++)
			hear_verdict(w, e->verdicts->verdicts[i]);
	if (e->body_case == TRAM__V1__ENVELOPE__BODY_REFUSAL && is_refused_wrongly(w, e->refusal, heard))
		oracle_find("refusals", "a sound agent is refused with code %d", e->refusal->code);
}

/* ---------------------------------------------------------------- at rest */

/*
 * I1, I15: everything handed in is in the store, once; a report that was carried into a new outbox, once in each. Not what
 * was lost with a disk brought back to an earlier time, nor what agents hold that were revoked.
 */
void oracle_look_at_rest(const struct world *w)
{
	for (uint16_t i = 0; i < w->issued; i++) {
		const struct issue *issue = &w->issues[i];
		int found = 0;
		for (size_t n = 0; n < w->store.n_rows; n++)
			found += w->store.rows[n].issue == i;
		if (found == 0 && !issue->excused && !w->store.revoked[issue->who])
			oracle_find("I1", "report %d of %s, number %d, is not stored", issue->seq, who_name(issue->who),
				    i);
		if (found > 1 && !issue->carried)
			oracle_find("I1", "report %d of %s, number %d, is stored %d times", issue->seq,
				    who_name(issue->who), i, found);
	}
}
