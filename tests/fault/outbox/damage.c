/* SPDX-License-Identifier: Apache-2.0 */
/*
 * damage - the file is not what the agent left: a bit is another, a part is gone, it is an older one, or somebody else's.
 *
 * Either the outbox says so itself, at opening or at reading, or everything that is sent and acted upon is as it was.
 */
#include "cell.h"

#include "mem.h"

#include <inttypes.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAGE          4096
#define FLIP_STEPS    70
#define WHOLE_RECORDS 2 /* reports of which every byte is tried */
#define RANDOM_A_PAGE 24

/* ---------------------------------------------------------------- looking at a damaged file */

/* What may be there besides `o`: an older state that was true once. */
struct expected {
	const struct oracle *o;
	const struct oracle *older;
	size_t n_older;
	bool is_mixed; /* only what is sent must be right */
};

static enum oracle_answer compare_any(const struct expected *e, struct outbox *ob, char text[static ORACLE_TEXT])
{
	char other[ORACLE_TEXT];
	for (size_t i = 0; i < e->n_older; i++)
		if (oracle_stands_at(&e->older[i], outbox_state(ob)) &&
		    oracle_compare(&e->older[i], ob, other) == ORACLE_SAME)
			return ORACLE_SAME;
	return e->is_mixed ? oracle_compare_sent(e->o, ob, text) : oracle_compare(e->o, ob, text);
}

/* More reports come in: they must not land on those that are there. */
static enum oracle_answer compare_after_use(const struct oracle *is, struct outbox *ob, char text[static ORACLE_TEXT])
{
	struct oracle *after = xmemdup(is, sizeof *is);
	struct err err;
	enum oracle_answer answer = ORACLE_NAMED;
	bool fine = true;
	for (int i = 0; fine && i < 3; i++)
		fine = workload_hand_in_one(ob, after, &err);
	if (fine)
		answer = oracle_compare(after, ob, text);
	free(after);
	return answer;
}

/* Takes d over. */
static void examine(struct cells *c, struct disk *d, const struct expected *e)
{
	char text[ORACLE_TEXT];
	struct err err;
	enum oracle_answer answer = ORACLE_NAMED;
	shim_use((struct shim_view){.disk = d});
	sqlite3_randomness(0, NULL);
	struct outbox *ob = workload_open(c->dir, &err);
	if (ob)
		answer = compare_any(e, ob, text);
	if (ob && answer == ORACLE_SAME && e->n_older == 0)
		answer = compare_after_use(e->o, ob, text);
	outbox_close(&ob);
	c->fired++;
	c->named += answer == ORACLE_NAMED;
	c->same += answer == ORACLE_SAME;
	c->told_wrong += answer == ORACLE_TOLD_WRONG;
	if (answer == ORACLE_DIFFERS)
		cell_failed(c, "nobody noticed: %s", text);
	disk_free(&d);
}

/* The disk when so many steps of the workload are done and the outbox is closed. *ret_is: what was told. */
static struct disk *prepare(const struct cells *c, uint64_t seed, unsigned steps, struct oracle *ret_is)
{
	struct workload *w = xcalloc(1, sizeof *w);
	struct disk *d = disk_new(seed);
	shim_use((struct shim_view){.disk = d});
	sqlite3_randomness(0, NULL);
	workload_init(w, seed, steps, false, c->dir);
	while (workload_goes_on(w))
		if (!workload_do(w)) {
			fprintf(stderr, "step %u (%s): %s\n", w->step, w->doing, w->err.text);
			abort();
		}
	*ret_is = w->told;
	free(w);
	return d;
}

/* ---------------------------------------------------------------- one bit */

static void flip(struct cells *c, const struct disk *d, const struct expected *e, size_t at, unsigned bit)
{
	if (!cell_begins(c, at, bit))
		return;
	struct disk *copy = disk_copy(d);
	uint8_t byte, *seen = disk_find(copy, OUTBOX_FILE)->seen;
	byte = (uint8_t)(seen[at] ^ (1u << bit));
	disk_write(disk_find(copy, OUTBOX_FILE), at, &byte, 1);
	examine(c, copy, e);
}

static size_t find_bytes(const struct disk_file *f, size_t from, const void *bytes, size_t len)
{
	const uint8_t *at = memmem(f->seen + from, f->seen_size - from, bytes, len);
	return at ? (size_t)(at - f->seen) : f->seen_size;
}

/* Digest, chain and bytes of a report lie behind one another; a copy that SQLite left in a free place does no harm. */
static void flip_records(struct cells *c, const struct disk *d, struct disk_file *f, const struct expected *e)
{
	for (uint64_t seq = e->o->trimmed + 1; seq <= e->o->trimmed + WHOLE_RECORDS; seq++) {
		const struct oracle_report *r = &e->o->reports[seq];
		uint8_t both[2 * DIGEST_SIZE];
		memcpy(both, &r->digest, DIGEST_SIZE);
		memcpy(both + DIGEST_SIZE, &r->chain, DIGEST_SIZE);
		for (size_t at = 0; (at = find_bytes(f, at, both, sizeof both)) < f->seen_size; at += sizeof both)
			for (size_t i = 0; i < sizeof both + 40 + r->len && at + i < f->seen_size; i++)
				flip(c, d, e, at + i, (unsigned)(i % 8));
	}
}

void cells_flip(struct cells *c)
{
	struct oracle *is = xcalloc(1, sizeof *is);
	struct disk *d = prepare(c, c->seed, FLIP_STEPS, is);
	struct disk_file *f = disk_find(d, OUTBOX_FILE);
	const struct expected e = {.o = is};
	uint64_t random = c->seed;
	flip_records(c, d, f, &e);
	for (size_t page = 0; page * PAGE < f->seen_size; page++) {
		size_t head = page == 0 ? 124 : 16;
		for (size_t i = 0; i < head; i++)
			for (unsigned bit = 0; bit < 8; bit++)
				flip(c, d, &e, page * PAGE + i, bit);
		for (int i = 0; i < RANDOM_A_PAGE; i++) {
			size_t at = page * PAGE + disk_random(&random) % PAGE;
			flip(c, d, &e, at, (unsigned)(disk_random(&random) % 8));
		}
	}
	/* What the agent acts upon: every bit of the row that says who it is and where it stands. */
	size_t row = find_bytes(f, 0, is->epoch.bytes, sizeof is->epoch);
	for (size_t i = row - 40; i < row + 100; i++)
		for (unsigned bit = 0; bit < 8; bit++)
			flip(c, d, &e, i, bit);
	printf("  the file: %zu pages; reports %" PRIu64 " to %" PRIu64 "\n", f->seen_size / PAGE, is->trimmed + 1,
	       is->last);
	disk_free(&d);
	free(is);
}

/* As sqlite3 leaves a file that it copies: no page has a checksum, and digests and chain alone guard the reports. */
static void take_checksums_away(struct disk_file *f)
{
	static const uint8_t none[8];
	for (size_t end = PAGE; end <= f->seen_size; end += PAGE)
		disk_write(f, end - sizeof none, none, sizeof none);
}

void cells_flip_bare(struct cells *c)
{
	struct oracle *is = xcalloc(1, sizeof *is);
	struct disk *d = prepare(c, c->seed, FLIP_STEPS, is);
	struct disk_file *f = disk_find(d, OUTBOX_FILE);
	const struct expected e = {.o = is};
	take_checksums_away(f);
	flip_records(c, d, f, &e);
	disk_free(&d);
	free(is);
}

/* ---------------------------------------------------------------- cut, deleted, older, another's */

void cells_cut(struct cells *c)
{
	static const size_t odd[] = {0, 1, 15, 16, 99, 100, 511, 512, 1024, PAGE - 1};
	struct oracle *is = xcalloc(1, sizeof *is), *none = xcalloc(1, sizeof *none);
	struct disk *d = prepare(c, c->seed, FLIP_STEPS, is);
	const struct expected e = {.o = is, .older = none, .n_older = 1}; /* an empty file is a new outbox */
	size_t size = disk_find(d, OUTBOX_FILE)->seen_size;
	for (size_t i = 0; i < sizeof odd / sizeof odd[0] + size / PAGE * 2; i++) {
		size_t k = i - sizeof odd / sizeof odd[0];
		size_t at = i < sizeof odd / sizeof odd[0] ? odd[i] : (k / 2 + 1) * PAGE - (k % 2 ? 1000 : 0);
		if (at >= size || !cell_begins(c, at, 0))
			continue;
		struct disk *copy = disk_copy(d);
		disk_cut(disk_find(copy, OUTBOX_FILE), at);
		examine(c, copy, &e);
	}
	disk_free(&d);
	free(none);
	free(is);
}

enum mixing {
	MIX_OLDER,        /* the whole folder as it was */
	MIX_OLDER_FILE,   /* an older file under today's log */
	MIX_OLDER_LOG,    /* an older log beside today's file */
	MIX_OLDER_NO_LOG, /* an older file, copied without its log */
	MIX_TODAY_NO_LOG, /* somebody deleted the log */
	MIX_NO_FILE,      /* somebody deleted the file, and left the log */
	MIX_NOTHING,      /* the folder was emptied */
	MIXINGS
};

static void replace(struct disk *d, const struct disk *from, const char *name)
{
	struct disk *copy = disk_copy(from);
	const struct disk_file *f = disk_find(copy, name);
	disk_unlink(d, name);
	if (f)
		disk_write(disk_make(d, name), 0, f->seen, f->seen_size);
	disk_free(&copy);
}

static struct disk *mix(const struct disk *today, const struct disk *older, enum mixing how)
{
	const char *log = OUTBOX_FILE "-wal";
	struct disk *d = disk_copy(how == MIX_OLDER || how == MIX_OLDER_NO_LOG ? older : today);
	switch (how) {
	case MIX_OLDER_FILE: replace(d, older, OUTBOX_FILE); break;
	case MIX_OLDER_LOG: replace(d, older, log); break;
	case MIX_OLDER_NO_LOG:
	case MIX_TODAY_NO_LOG: disk_unlink(d, log); break;
	case MIX_NOTHING: disk_unlink(d, log); /* fall through */
	case MIX_NO_FILE: disk_unlink(d, OUTBOX_FILE); break;
	case MIX_OLDER:
	case MIXINGS: break;
	}
	return d;
}

/* The agent is killed after each step, and its folder becomes a mixture of then and of the end. */
void cells_copy(struct cells *c)
{
	struct workload *w = xcalloc(1, sizeof *w);
	unsigned n = c->steps;
	struct oracle *told = xcalloc(n, sizeof *told); /* [0]: nothing */
	struct disk **disks = xcalloc(n, sizeof *disks);
	struct disk *d = disk_new(c->seed);
	shim_use((struct shim_view){.disk = d});
	sqlite3_randomness(0, NULL);
	workload_init(w, c->seed, n, false, c->dir);
	for (unsigned i = 1; i < n; i++) { /* all but the closing */
		if (!workload_do(w))
			abort();
		told[i] = w->told;
		disks[i] = disk_copy(d);
	}
	struct expected e = {.o = &told[n - 1], .older = told, .n_older = n};
	for (unsigned i = 1; i < n; i++)
		for (unsigned how = 0; how < MIXINGS; how++) {
			e.is_mixed = how == MIX_OLDER_FILE || how == MIX_OLDER_LOG;
			if (cell_begins(c, i, how))
				examine(c, mix(disks[n - 1], disks[i], (enum mixing)how), &e);
		}
	shim_use((struct shim_view){.disk = d});
	outbox_close(&w->ob);
	disk_free(&d);
	for (unsigned i = 1; i < n; i++)
		disk_free(&disks[i]);
	free(disks);
	free(told);
	free(w);
}
