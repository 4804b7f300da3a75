/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A lane and the store, modelled: what aggregator/lane.c does with a job and what PostgreSQL does with a transaction, in
 * the fewest words. Whether a PUBLISH is sound is asked of the real publish_open().
 */
#include "world.h"

#include "mem.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#define GROUP_MOST       8 /* jobs in one transaction */
#define VERDICTS_AT_ONCE 8

static struct arena *work;

/* ---------------------------------------------------------------- the store */

const struct stream *store_stream(const struct store *s, uint8_t who, uint8_t epoch)
{
	for (size_t i = 0; i < s->n_streams; i++)
		if (s->streams[i].who == who && s->streams[i].epoch == epoch)
			return &s->streams[i];
	return NULL;
}

static struct stream *stream_make(struct store *s, uint8_t who, uint8_t epoch)
{
	struct stream *found = (struct stream *)(uintptr_t)store_stream(s, who, epoch);
	if (found)
		return found;
	assert(s->n_streams < STREAMS);
	found = &s->streams[s->n_streams++];
	found->who = who;
	found->epoch = epoch;
	return found;
}

static bool is_where_left(const struct store *s, const struct txn *t)
{
	for (size_t i = 0; i < t->n_moves; i++) {
		const struct move *m = &t->moves[i];
		const struct stream *at = store_stream(s, m->who, m->epoch);
		if ((at ? at->seq : 0) != m->seq_from || s->verdict_seq[m->who] != m->verdict_from ||
		    s->revoked[m->who])
			return false;
	}
	return true;
}

/* Compare and set: the watermarks are where the transaction expects them, and it is there as a whole; or nothing is. */
static bool commit_txn(struct world *w, const struct txn *t)
{
	struct store *s = &w->store;
	if (!is_where_left(s, t))
		return false;
	if (!manner.timeless || s->txns == 0)
		s->txns++;
	for (size_t i = 0; i < t->n_moves; i++) {
		const struct move *m = &t->moves[i];
		struct stream *at = stream_make(s, m->who, m->epoch);
		at->seq = m->seq_to;
		at->chain = m->chain_to;
		s->verdict_seq[m->who] = m->verdict_to;
		if (s->revoked[m->who])
			oracle_find("I11", "something of %s is committed after it was revoked", who_name(m->who));
	}
	for (size_t i = 0; i < t->n_rows; i++) {
		assert(s->n_rows < ROWS);
		s->rows[s->n_rows] = t->rows[i];
		s->rows[s->n_rows++].txn = s->txns;
	}
	say("    the store commits transaction %d: %d reports", s->txns, t->n_rows);
	return true;
}

/* Locks that an orphan holds: whoever wants them waits. */
static bool is_locked(const struct store *s, uint8_t who)
{
	for (size_t i = 0; s->orphan.is && i < s->orphan.txn.n_moves; i++)
		if (s->orphan.txn.moves[i].who == who)
			return true;
	return false;
}

bool store_orphan(struct world *w, bool commits)
{
	struct txn t = w->store.orphan.txn;
	memset(&w->store.orphan, 0, sizeof w->store.orphan);
	return !commits || commit_txn(w, &t);
}

/* Brought back to just after a transaction: whatever was committed later has never been. */
void store_restore(struct world *w, uint16_t txn)
{
	struct store *s = &w->store;
	uint16_t n = s->n_rows;
	memset(s->verdict_seq, 0, sizeof s->verdict_seq);
	memset(s->streams, 0, sizeof s->streams);
	memset(&s->orphan, 0, sizeof s->orphan);
	s->n_rows = s->n_streams = 0;
	for (size_t i = 0; i < n && s->rows[i].txn <= txn; i++) {
		const struct row *r = &s->rows[s->n_rows++];
		struct stream *at = stream_make(s, r->who, r->epoch);
		at->seq = r->seq;
		at->chain = r->chain;
		s->verdict_seq[r->who] = r->verdict_seq;
	}
	memset(&s->rows[s->n_rows], 0, (n - s->n_rows) * sizeof s->rows[0]);
	s->restored = true;
	s->generation++;
}

/* ---------------------------------------------------------------- jobs and results */

bool lane_give(struct world *w, size_t centre, const struct lane_job *job)
{
	struct lane *l = &w->centres[centre].lane;
	if (l->n_jobs == JOBS)
		return false;
	memcpy(&l->jobs[l->n_jobs++], job, sizeof *job);
	return true;
}

static void drop_jobs(struct lane *l, size_t n)
{
	l->n_jobs -= (uint8_t)n;
	memmove(l->jobs, l->jobs + n, l->n_jobs * sizeof l->jobs[0]);
	memset(l->jobs + l->n_jobs, 0, n * sizeof l->jobs[0]);
}

static struct lane_result *put_result(struct lane *l, uint8_t kind, const struct lane_job *job)
{
	assert(l->n_results < RESULTS);
	struct lane_result *r = &l->results[l->n_results++];
	memset(r, 0, sizeof *r);
	r->kind = kind;
	if (job) {
		r->who = job->who;
		r->session = job->session;
		r->peer = job->peer;
	}
	return r;
}

static void put_watermark(struct lane_result *r, const struct watermark *at)
{
	r->epoch = at->epoch.bytes[2];
	r->seq = (uint16_t)at->seq;
	r->chain = at->chain;
	r->verdict_seq = (uint16_t)at->verdict_seq;
	r->known = (uint16_t)at->committed_at_us;
}

static void refuse_job(struct lane *l, struct lane_job *job, Tram__V1__RefusalCode code, const struct watermark *at)
{
	struct lane_result *r = put_result(l, SESSION_REFUSED, job);
	r->refused = job->kind;
	r->refusal = (uint8_t)code;
	r->bytes = job->payload;
	r->batches = job->kind == SESSION_JOB_PUBLISH;
	if (at)
		put_watermark(r, at);
	job->done = true;
}

/* ---------------------------------------------------------------- the connection */

static void forget_watermarks(struct lane *l)
{
	for (size_t i = 0; i < WHO; i++)
		l->streams[i].known = false;
}

static void lose_connection(struct lane *l)
{
	l->connected = false;
	forget_watermarks(l);
}

void lane_begin(struct world *w, size_t centre)
{
	struct lane *l = &w->centres[centre].lane;
	l->told_up = l->connected = !w->store.away;
	l->generation = w->store.generation;
	if (w->store.away)
		put_result(l, RESULT_STORE_DOWN, NULL);
}

/* Whether a stream stands before where it was left: another server took over, or the store was restored. */
static bool stands_earlier(const struct world *w, struct lane *l)
{
	bool earlier = false;
	for (uint8_t who = 0; who < WHO; who++) {
		struct lane_stream *s = &l->streams[who];
		const struct stream *at = s->is ? store_stream(&w->store, who, s->epoch) : NULL;
		uint16_t seq = at ? at->seq : 0;
		earlier |= s->is && (seq < s->before.seq || w->store.verdict_seq[who] < s->before.verdict_seq);
		s->before.seq = seq;
		s->before.verdict_seq = w->store.verdict_seq[who];
	}
	return earlier;
}

/* One that was not there, or is of an earlier time, is told to the sessions; one that is there again at once is not. */
static void have_store(struct world *w, struct lane *l)
{
	if (w->store.away) {
		put_result(l, RESULT_STORE_DOWN, NULL);
		l->told_up = false;
		return;
	}
	bool earlier = stands_earlier(w, l);
	if (earlier && l->told_up)
		put_result(l, RESULT_STORE_DOWN, NULL);
	if (earlier || !l->told_up)
		put_result(l, RESULT_STORE_UP, NULL);
	l->told_up = l->connected = true;
	l->generation = w->store.generation;
}

/* ---------------------------------------------------------------- watermarks */

/* As the store has it now. Logical time of the last commit stands for the clock's. */
static void read_watermark(const struct world *w, struct lane_stream *s, uint8_t who)
{
	if (s->known)
		return;
	const struct stream *at = store_stream(&w->store, who, s->epoch);
	memset(&s->before, 0, sizeof s->before);
	s->before.epoch = epoch_of(who, s->epoch);
	s->before.chain = at ? at->chain : s->first_chain;
	s->before.seq = at ? at->seq : 0;
	s->before.verdict_seq = w->store.verdict_seq[who];
	for (size_t i = 0; at && i < w->store.n_rows; i++)
		if (w->store.rows[i].who == who && w->store.rows[i].epoch == s->epoch)
			s->before.committed_at_us = w->store.rows[i].txn;
	s->revoked = w->store.revoked[who];
	s->known = true;
}

/* ---------------------------------------------------------------- HELLO, VERDICTS */

static void serve_hello(struct world *w, struct lane *l, struct lane_job *job)
{
	const Tram__V1__Hello *h = message_at(job->message)->envelope->hello;
	struct lane_stream *s = &l->streams[job->who];
	struct digest previous;
	s->is = true;
	s->known = false;
	s->epoch = h->epoch.data[2];
	struct epoch epoch = epoch_of(job->who, s->epoch);
	if (h->previous_chain.len == DIGEST_SIZE)
		memcpy(previous.bytes, h->previous_chain.data, DIGEST_SIZE);
	chain_start(who_name(job->who), &epoch, h->previous_chain.len == DIGEST_SIZE ? &previous : NULL,
		    &s->first_chain);
	read_watermark(w, s, job->who);
	const struct watermark *at = &s->before;
	bool forked = h->last_appended < at->seq ||
		      (h->last_appended == at->seq && memcmp(h->last_chain.data, at->chain.bytes, DIGEST_SIZE) != 0);
	uint16_t known = 0;
	for (size_t i = 0; i < w->store.n_rows; i++)
		if (w->store.rows[i].who == job->who && w->store.rows[i].verdict_seq == h->verdict_cursor)
			known = w->store.rows[i].txn;
	bool differ = h->verdict_cursor <= at->verdict_seq && h->verdict_known_at_us &&
		      h->verdict_known_at_us != (known ? WALL_US + known : 0);
	if (forked)
		refuse_job(l, job, TRAM__V1__REFUSAL_CODE__REFUSAL_CODE_FORKED, at);
	else {
		struct lane_result *r = put_result(l, SESSION_SUBSCRIBED, job);
		put_watermark(r, at);
		r->verdicts_differ = differ;
	}
	job->done = true;
}

static void serve_verdicts(const struct world *w, struct lane *l, struct lane_job *job)
{
	struct lane_result *r = put_result(l, SESSION_VERDICTS, job);
	for (size_t i = 0; i < w->store.n_rows && r->n_judged < VERDICTS_AT_ONCE && r->n_judged < JUDGED; i++) {
		const struct row *row = &w->store.rows[i];
		if (row->who == job->who && row->verdict_seq > job->verdict_after)
			r->judged[r->n_judged++] = *row;
	}
	job->done = true;
}

/* ---------------------------------------------------------------- PUBLISH */

/* The group being made: the transaction, and where it leaves the streams. */
struct making {
	struct txn txn;
	size_t whole; /* jobs that are in it to their last report, or held nothing new */
};

static struct move *move_of(struct making *m, uint8_t who, const struct watermark *before)
{
	for (size_t i = 0; i < m->txn.n_moves; i++)
		if (m->txn.moves[i].who == who)
			return &m->txn.moves[i];
	struct move *move = &m->txn.moves[m->txn.n_moves++];
	move->who = who;
	move->epoch = before->epoch.bytes[2];
	move->seq_from = (uint16_t)before->seq;
	move->verdict_from = (uint16_t)before->verdict_seq;
	return move;
}

/* Which report these bytes are; UINT16_MAX: none that was ever handed in by that agent. */
static uint16_t issue_of(const struct world *w, uint8_t who, const struct publish_entry *e)
{
	char text[64];
	unsigned issue;
	snprintf(text, sizeof text, "%.*s", (int)e->len, (const char *)e->data);
	if (sscanf(text, "report %u of", &issue) != 1 || issue >= w->issued)
		return UINT16_MAX;
	const char *bytes = issue_bytes(who, (uint16_t)issue);
	bool same = strlen(bytes) == e->len && memcmp(bytes, e->data, e->len) == 0;
	return same ? (uint16_t)issue : UINT16_MAX;
}

static void add_entries(const struct world *w, struct making *m, struct lane_stream *s, uint8_t who,
			const struct publish *p)
{
	if (!s->moved)
		s->after = s->before;
	s->moved = true;
	for (size_t i = 0; i < p->n_entries; i++) {
		struct row *r = &m->txn.rows[m->txn.n_rows++];
		r->who = who;
		r->epoch = s->epoch;
		r->seq = (uint16_t)p->entries[i].seq;
		r->issue = issue_of(w, who, &p->entries[i]);
		r->chain = p->entries[i].chain;
		r->verdict_seq = (uint16_t)++s->after.verdict_seq;
		s->after.seq = p->entries[i].seq;
		s->after.chain = p->entries[i].chain;
	}
	struct move *move = move_of(m, who, &s->before);
	move->seq_to = (uint16_t)s->after.seq;
	move->verdict_to = (uint16_t)s->after.verdict_seq;
	move->chain_to = s->after.chain;
}

static void add_publish(struct world *w, struct lane *l, struct making *m, struct lane_job *job)
{
	static const struct publish_limits limits = {.batch_bytes = 1 << 20, .batch_reports = 100};
	struct lane_stream *s = &l->streams[job->who];
	struct publish p;
	if (!s->is) {
		refuse_job(l, job, TRAM__V1__REFUSAL_CODE__REFUSAL_CODE_NO_SESSION, NULL);
		return;
	}
	read_watermark(w, s, job->who);
	if (s->revoked) {
		refuse_job(l, job, TRAM__V1__REFUSAL_CODE__REFUSAL_CODE_REVOKED, &s->before);
		return;
	}
	struct publish_keys keys;
	memcpy(keys.agent, who_keys(job->who)->sign_public, sizeof keys.agent);
	memcpy(keys.centre, centre_keys()->sign_public, sizeof keys.centre);
	publish_open(work, message_at(job->message)->envelope->publish, who_name(job->who), &keys,
		     s->moved ? &s->after : &s->before, &limits, &p);
	for (size_t i = 0; i < p.n_entries; i++)
		if (p.entries[i].bad_first)
			oracle_find("refill", "the first acknowledgement of report %d does not hold: %s",
				    (int)p.entries[i].seq, p.entries[i].bad_first);
	if (p.refusal)
		refuse_job(l, job, p.refusal, &s->before);
	else if (p.n_entries > 0)
		add_entries(w, m, s, job->who, &p);
}

/* A group begins with the first job and is every PUBLISH that waits behind it. It stays the same until it is committed. */
static void choose_group(struct lane *l)
{
	if (l->group > 0)
		return;
	while (l->group < l->n_jobs && l->group < GROUP_MOST && l->jobs[l->group].kind == SESSION_JOB_PUBLISH)
		l->group++;
}

static void tell_committed(struct lane *l, const struct making *m, uint16_t txn)
{
	for (size_t i = 0; i < m->txn.n_moves; i++) {
		uint8_t who = m->txn.moves[i].who;
		struct lane_stream *s = &l->streams[who];
		struct lane_result *r = put_result(l, SESSION_COMMITTED, NULL);
		s->before = s->after;
		s->before.committed_at_us = txn;
		put_watermark(r, &s->before);
		for (size_t j = 0; j < l->group; j++) {
			struct lane_job *job = &l->jobs[j];
			if (job->done || job->who != who)
				continue;
			r->who = who;
			r->session = job->session;
			r->peer = job->peer;
			r->bytes += job->payload;
			r->batches++;
			job->done = true;
		}
		for (size_t n = 0; n < m->txn.n_rows; n++)
			if (m->txn.rows[n].who == who) {
				r->judged[r->n_judged++] = m->txn.rows[n];
				r->judged[r->n_judged - 1].txn = txn;
			}
	}
}

/* Those that held nothing new are told where the stream stands. */
static void tell_overlaps(struct lane *l)
{
	for (size_t j = 0; j < l->group; j++) {
		struct lane_job *job = &l->jobs[j];
		if (job->done)
			continue;
		struct lane_result *r = put_result(l, SESSION_COMMITTED, job);
		put_watermark(r, &l->streams[job->who].before);
		r->bytes = job->payload;
		r->batches = 1;
	}
}

static void settle_group(struct world *w, struct lane *l, const struct making *m)
{
	tell_committed(l, m, w->store.txns);
	tell_overlaps(l);
	drop_jobs(l, l->group);
	l->group = 0;
}

static void commit_group(struct world *w, struct lane *l, const struct making *m, enum outcome_of_commit outcome)
{
	bool there = true;
	if (m->txn.n_rows > 0 && outcome == LOST_LATER)
		w->store.orphan = (struct orphan){true, m->txn};
	else if (m->txn.n_rows > 0 && outcome != LOST_NOT)
		there = commit_txn(w, &m->txn);
	if (outcome != COMMITTED)
		lose_connection(l);
	else if (!there)
		forget_watermarks(l); /* fenced */
	else
		settle_group(w, l, m);
}

static void serve_publish(struct world *w, struct lane *l, enum outcome_of_commit outcome)
{
	struct making m;
	memset(&m, 0, sizeof m);
	choose_group(l);
	for (size_t i = 0; i < l->group; i++)
		if (!l->jobs[i].done)
			add_publish(w, l, &m, &l->jobs[i]);
	commit_group(w, l, &m, outcome);
	for (size_t i = 0; i < WHO; i++)
		l->streams[i].moved = false;
}

/* ---------------------------------------------------------------- a turn of the lane */

static bool is_dead(const struct world *w, const struct lane *l)
{
	return l->connected && (w->store.away || l->generation != w->store.generation);
}

/* Results are handed over before there are too many; a lock that an orphan holds is waited for. */
bool lane_may_serve(const struct world *w, size_t centre)
{
	const struct lane *l = &w->centres[centre].lane;
	if (!w->centres[centre].running || l->n_results + l->n_jobs + 2 > RESULTS)
		return false;
	if (!l->connected)
		return l->told_up || !w->store.away;
	if (is_dead(w, l))
		return true;
	for (size_t i = 0; i < l->n_jobs; i++)
		if (l->jobs[i].kind == SESSION_JOB_PUBLISH && is_locked(&w->store, l->jobs[i].who))
			return false;
	return l->n_jobs > 0;
}

/* A connection that died is noticed, with or without a job. */
void lane_serve(struct world *w, size_t centre, enum outcome_of_commit outcome)
{
	struct lane *l = &w->centres[centre].lane;
	if (!work)
		work = arena_new((size_t)1 << 24);
	arena_reset(work);
	if (!l->connected) {
		have_store(w, l);
		return;
	}
	if (is_dead(w, l)) {
		lose_connection(l);
		return;
	}
	assert(l->n_jobs > 0);
	switch (l->jobs[0].kind) {
	case SESSION_JOB_PUBLISH: serve_publish(w, l, outcome); return;
	case SESSION_JOB_HELLO: serve_hello(w, l, &l->jobs[0]); break;
	case SESSION_JOB_VERDICTS: serve_verdicts(w, l, &l->jobs[0]); break;
	default: assert(0);
	}
	drop_jobs(l, 1);
}
