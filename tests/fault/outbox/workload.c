/* SPDX-License-Identifier: Apache-2.0 */
#include "workload.h"

#include "mem.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define START     INT64_C(1700000000000000)
#define HOUR      (INT64_C(3600) * 1000000)
#define RETENTION (20 * HOUR)
#define PAST      (45 * HOUR)
#define SEVERAL   7

static const struct outbox_limits limits = {
    .bytes_max = 64 << 20, .free_min = 0, .retention_us = RETENTION, .past_us = PAST};
static const uint8_t boot[OUTBOX_NONCE_SIZE] = {1};

/* One step's own numbers: they do not depend on how the steps before it went. */
struct step {
	uint64_t random, issue;
	int64_t at;
};

static uint64_t pick(struct step *s, uint64_t below)
{
	return disk_random(&s->random) % below;
}

struct outbox *workload_open(const char *dir, struct err *err)
{
	return outbox_open(dir, ORACLE_AGENT, &limits, boot, err);
}

/* ---------------------------------------------------------------- the kinds of steps */

static bool hand_in(struct outbox *ob, uint64_t issue, const size_t *lens, size_t n, int64_t at, struct err *err)
{
	struct outbox_ticket ticket;
	char name[32];
	bool fine = outbox_begin(ob, oracle_file_name(issue, name), 0, at, err);
	for (size_t i = 0; fine && i < n; i++) {
		const struct outbox_summary summary = {"P63-46", "dvc_monthly", "2024", (uint32_t)(lens[i] % 97)};
		void *bytes = xmalloc(lens[i]);
		oracle_bytes(issue + i, bytes, lens[i]);
		fine = outbox_add(ob, bytes, lens[i], &summary, err);
		free(bytes);
	}
	return fine && outbox_commit(ob, &ticket, err);
}

static size_t some_length(struct step *s)
{
	return pick(s, 8) == 0 ? 5000 + pick(s, 9000) : 60 + pick(s, 1500);
}

static bool do_large(struct workload *w, struct step *s)
{
	const size_t lens[] = {500000 + pick(s, 1000), 900, 700000 + pick(s, 1000)};
	oracle_hand_in(w->next, s->issue, lens, 3, s->at);
	return hand_in(w->ob, s->issue, lens, 3, s->at, &w->err);
}

static bool do_one(struct workload *w, struct step *s)
{
	size_t len = some_length(s);
	oracle_hand_in(w->next, s->issue, &len, 1, s->at);
	return hand_in(w->ob, s->issue, &len, 1, s->at, &w->err);
}

static bool do_several(struct workload *w, struct step *s)
{
	size_t lens[SEVERAL], n = 2 + pick(s, SEVERAL - 1);
	for (size_t i = 0; i < n; i++)
		lens[i] = some_length(s);
	oracle_hand_in(w->next, s->issue, lens, n, s->at);
	return hand_in(w->ob, s->issue, lens, n, s->at, &w->err);
}

/* Begun and given up: as if it had never been. */
static bool do_give_up(struct workload *w, struct step *s)
{
	const struct outbox_summary summary = {"P63-46", "dvc_monthly", "2024", 1};
	char bytes[3000];
	oracle_bytes(s->issue, bytes, sizeof bytes);
	if (!outbox_begin(w->ob, "given-up.csv", 0, s->at, &w->err) ||
	    !outbox_add(w->ob, bytes, sizeof bytes, &summary, &w->err))
		return false;
	outbox_rollback(w->ob);
	return true;
}

static bool do_acknowledge(struct workload *w, struct step *s)
{
	const struct oracle *o = &w->told;
	uint64_t more = o->last - o->acknowledged, through = o->acknowledged + (more ? 1 + pick(s, more) : 0);
	if (through == 0)
		return true;
	struct acknowledgement ack = oracle_acknowledgement(o, through);
	oracle_acknowledge(w->next, through);
	return outbox_put_acknowledgement(w->ob, &ack, s->at, &w->err);
}

static bool do_judge(struct workload *w, struct step *s)
{
	struct outbox_verdict rows[SEVERAL];
	char bodies[SEVERAL][64];
	size_t n = 1 + pick(s, SEVERAL);
	if (w->told.acknowledged == 0)
		return true;
	for (size_t i = 0; i < n; i++) {
		uint64_t low = w->told.acknowledged > 40 ? w->told.acknowledged - 40 : 0;
		uint64_t seq = low + 1 + pick(s, w->told.acknowledged - low), issue = s->issue + i;
		oracle_bytes(issue, bodies[i], 1 + issue % 64);
		rows[i] = (struct outbox_verdict){.verdict_seq = w->told.cursor + 1 + i,
						  .epoch = w->told.epoch,
						  .seq = seq,
						  .known_at_us = oracle_known_at(issue),
						  .body = (uint8_t *)bodies[i],
						  .len = 1 + issue % 64};
		oracle_judge(w->next, seq, issue, s->at);
	}
	return outbox_put_verdicts(w->ob, rows, n, s->at, &w->err);
}

static bool do_rewind(struct workload *w, struct step *s)
{
	uint64_t back = pick(s, 6), cursor = w->told.cursor > back ? w->told.cursor - back : 0;
	oracle_rewind(w->next, cursor);
	return outbox_rewind_verdicts(w->ob, cursor, &w->err);
}

static bool do_codebook(struct workload *w, struct step *s)
{
	uint8_t body[6000];
	w->next->version++;
	w->next->codebook_issue = s->issue;
	w->next->codebook_len = 100 + pick(s, sizeof body - 100);
	oracle_bytes(s->issue, body, w->next->codebook_len);
	return outbox_put_codebook(w->ob, w->next->version, body, w->next->codebook_len, s->at, &w->err);
}

/* How long it has lived is written first; nothing that is promised changes with that. */
static bool do_trim(struct workload *w, struct step *s)
{
	bool more;
	/* What the centre has now; after a restore it may be far behind what it acknowledged. */
	uint64_t behind = pick(s, 3) ? pick(s, 4) : pick(s, w->told.acknowledged + 1),
		 committed = w->told.acknowledged > behind ? w->told.acknowledged - behind : 0;
	w->next[0].lived_kept = w->told.lived;
	oracle_trim_reports(&w->next[0], committed, RETENTION);
	w->next[1] = w->next[0];
	oracle_trim_verdicts(&w->next[1], RETENTION);
	w->next[2] = w->next[1];
	oracle_trim_past(&w->next[2], PAST);
	w->n_next = 3;
	return outbox_trim(w->ob, committed, &more, &w->err);
}

static bool do_rest(struct workload *w, struct step *s)
{
	(void)s;
	return outbox_rest(w->ob, &w->err);
}

static bool do_read(struct workload *w, struct step *s)
{
	struct outbox_report report;
	uint64_t kept = w->told.last - w->told.trimmed;
	if (kept == 0)
		return true;
	struct arena *a = arena_new(1 << 20);
	bool fine = outbox_read(w->ob, w->told.trimmed + 1 + pick(s, kept), a, &report, &w->err);
	arena_free(&a);
	return fine && (outbox_bytes(w->ob) > 0 || err_set(&w->err, ERR_IO, "the size cannot be said"));
}

static bool do_open(struct workload *w, struct step *s)
{
	(void)s;
	w->ticked = 0;
	w->ob = workload_open(w->dir, &w->err);
	w->next->lived = w->told.lived_kept; /* the time since it was written last counts for nothing */
	if (w->ob && !w->told.born)
		oracle_born(w->next, outbox_state(w->ob));
	return w->ob != NULL;
}

static bool do_reopen(struct workload *w, struct step *s)
{
	outbox_close(&w->ob);
	return do_open(w, s);
}

static bool do_close(struct workload *w, struct step *s)
{
	(void)s;
	outbox_close(&w->ob);
	return true;
}

/* ---------------------------------------------------------------- the sequence */

struct kind {
	const char *name;
	unsigned weight; /* in a hundred */
	bool (*run)(struct workload *w, struct step *s);
};

static const struct kind kinds[] = {
    {"hand-in", 32, do_one},      {"hand-in of several", 9, do_several},
    {"given up", 3, do_give_up},  {"acknowledgement", 17, do_acknowledge},
    {"verdicts", 14, do_judge},   {"rewind", 3, do_rewind},
    {"codebook", 3, do_codebook}, {"trim", 7, do_trim},
    {"rest", 4, do_rest},         {"read", 5, do_read},
    {"reopen", 3, do_reopen},
};
static const struct kind large = {"large hand-in", 0, do_large};
static const struct kind opening = {"open", 0, do_open}, closing = {"close", 0, do_close};

static const struct kind *kind_of(uint64_t seed, unsigned step, unsigned steps)
{
	uint64_t state = seed ^ ((uint64_t)step << 32);
	if (step == 0 || step == steps - 1)
		return step == 0 ? &opening : &closing;
	unsigned at = (unsigned)(disk_random(&state) % 100), i = 0;
	while (at >= kinds[i].weight)
		at -= kinds[i++].weight;
	return &kinds[i];
}

/* Nothing else folds the log, until it has become so long that it is folded behind a commit. */
static const struct kind *large_kind_of(const struct workload *w)
{
	const struct kind *kind = kind_of(w->seed, w->step, w->steps);
	if (w->step % 5 == 2)
		return &large;
	return w->step < w->steps - 5 && (kind->run == do_rest || kind->run == do_reopen) ? &kinds[0] : kind;
}

void workload_init(struct workload *w, uint64_t seed, unsigned steps, bool is_large, const char *dir)
{
	*w = (struct workload){.seed = seed, .steps = steps, .is_large = is_large, .dir = dir};
	w->doing = opening.name;
}

bool workload_goes_on(const struct workload *w)
{
	return w->step < w->steps;
}

/* The monotonic clock; the first time after an opening only sets it. */
static void live(struct workload *w)
{
	int64_t now = HOUR + w->step * HOUR;
	if (!w->ob)
		return;
	outbox_live(w->ob, now);
	w->told.lived += w->ticked ? now - w->ticked : 0;
	w->ticked = now;
}

bool workload_do(struct workload *w)
{
	const struct kind *kind = w->is_large ? large_kind_of(w) : kind_of(w->seed, w->step, w->steps);
	struct step s = {.random = w->seed * 31 + w->step,
			 .issue = (w->seed << 32) + (uint64_t)w->step * 16,
			 .at = START + w->step * HOUR};
	live(w);
	w->doing = kind->name;
	w->next[0] = w->told;
	w->n_next = 1;
	if (!kind->run(w, &s))
		return false;
	w->told = w->next[w->n_next - 1];
	w->n_next = 0;
	w->step++;
	return true;
}

const struct oracle *workload_compare(const struct workload *w, struct outbox *ob, char text[static ORACLE_TEXT])
{
	char other[ORACLE_TEXT];
	if (oracle_compare(&w->told, ob, text) == ORACLE_SAME)
		return &w->told;
	for (size_t i = 0; i < w->n_next; i++)
		if (oracle_stands_at(&w->next[i], outbox_state(ob)) &&
		    oracle_compare(&w->next[i], ob, other) == ORACLE_SAME)
			return &w->next[i];
	return NULL;
}

bool workload_hand_in_one(struct outbox *ob, struct oracle *o, struct err *err)
{
	size_t len = 700;
	int64_t at = START + 10000 * HOUR;
	uint64_t issue = UINT64_C(0xf0000000) + o->last;
	if (!hand_in(ob, issue, &len, 1, at, err))
		return false;
	oracle_hand_in(o, issue, &len, 1, at);
	return true;
}

void workload_describe(uint64_t seed, unsigned steps, char *ret, size_t size)
{
	size_t used = 0;
	ret[0] = 0;
	for (size_t i = 0; i < sizeof kinds / sizeof kinds[0] && used < size; i++) {
		unsigned n = 0;
		for (unsigned step = 0; step < steps; step++)
			n += kind_of(seed, step, steps) == &kinds[i];
		used += (size_t)snprintf(ret + used, size - used, "%s%u %s", i ? ", " : "", n, kinds[i].name);
	}
}
