/* SPDX-License-Identifier: Apache-2.0 */
/*
 * refuse - a call fails: the disk is broken, or full. The process goes on with what its outbox says, in a child of its
 * own for every cell, so that the next cell begins where this one began.
 */
#include "cell.h"

#include "mem.h"

#include <inttypes.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FULL_TRIES 3 /* while there is no room */
#define FULL_STEPS 8 /* when there is room again */

struct refusal;

/* What fails, and what must be seen then. */
struct refusal_class {
	bool (*hits)(const struct refusal *r, const struct shim_io *io); /* NULL: every call */
	struct shim_fate (*fate)(struct refusal *r, const struct shim_io *io);
	uint64_t (*variants)(const struct shim_io *io);
	void (*after)(struct refusal *r, bool done); /* in the child, after the step that was hit */
	bool lasts;
};

struct refusal {
	struct cells *cells;
	const struct refusal_class *class;
	struct workload *w;
	struct disk *disk;
	uint64_t calls;
	enum shim_call call; /* that has failed */
	bool hit;            /* this is the child, and the call has failed */
	bool ended;          /* the workload: nothing fails any more */
	bool over;           /* failing has come to an end */
};

static struct shim_fate look(void *context, const struct shim_io *io)
{
	struct refusal *r = context;
	const struct refusal_class *class = r->class;
	r->calls++;
	if (r->ended)
		return (struct shim_fate){SQLITE_OK, 0};
	if (r->hit && class->lasts && !r->over && class->hits(r, io))
		return class->fate(r, io);
	if (r->hit || !class->hits(r, io))
		return (struct shim_fate){SQLITE_OK, 0};
	const uint64_t variants = class->variants(io);
	for (uint64_t v = 0; v < variants; v++)
		if (cell_begins_in_turn(r->cells, r->calls, v, variants) && cell_in_child(r->cells)) {
			r->hit = true;
			r->call = io->call;
			return class->fate(r, io);
		}
	return (struct shim_fate){SQLITE_OK, 0};
}

static void run(struct cells *c, const struct refusal_class *class)
{
	struct workload *w = xcalloc(1, sizeof *w);
	struct refusal r = {.cells = c, .class = class, .w = w, .disk = disk_new(c->seed)};
	shim_use((struct shim_view){r.disk, look, &r});
	sqlite3_randomness(0, NULL);
	workload_init(w, c->seed, c->is_large ? LARGE_STEPS : c->steps, c->is_large, c->dir);
	while (workload_goes_on(w)) {
		bool done = workload_do(w);
		if (r.hit) {
			class->after(&r, done);
			cell_end_child(c);
		}
		if (!done) {
			cell_failed(c, "without a fault, step %u (%s): %s", w->step, w->doing, w->err.text);
			break;
		}
	}
	r.ended = true;
	outbox_close(&w->ob);
	disk_free(&r.disk);
	free(w);
}

/* The process ends here: what is left must be whole; by turns also when the power goes before all is on the platter. */
static void examine_what_is_left(struct refusal *r)
{
	const struct disk_loss loss = {.all = r->calls / 4 % 2 == 0, .sector = 512, .seed = r->calls};
	struct disk *d = r->calls / 2 % 2 ? disk_copy(r->disk) : disk_after(r->disk, &loss);
	cell_examine(r->cells, d, r->w, true, NULL, NULL);
	disk_free(&d);
}

/* ---------------------------------------------------------------- a disk that fails */

static bool hits_any(const struct refusal *r, const struct shim_io *io)
{
	(void)r;
	(void)io;
	return true;
}

/* Of a write, the whole or a part fails; after a sync that failed, what was to be synced is forgotten or still there. */
static uint64_t eio_variants(const struct shim_io *io)
{
	return io->call == SHIM_WRITE || io->call == SHIM_SYNC ? 2 : 1;
}

static struct shim_fate eio(struct refusal *r, const struct shim_io *io)
{
	static const int codes[SHIM_CALLS] = {
	    [SHIM_OPEN] = SQLITE_CANTOPEN,
	    [SHIM_ACCESS] = SQLITE_IOERR_ACCESS,
	    [SHIM_SIZE] = SQLITE_IOERR_FSTAT,
	    [SHIM_READ] = SQLITE_IOERR_READ,
	    [SHIM_WRITE] = SQLITE_IOERR_WRITE,
	    [SHIM_CUT] = SQLITE_IOERR_TRUNCATE,
	    [SHIM_SYNC] = SQLITE_IOERR_FSYNC,
	    [SHIM_DELETE] = SQLITE_IOERR_DELETE,
	    [SHIM_SYNC_FOLDER] = SQLITE_IOERR_DIR_FSYNC,
	};
	if (io->call == SHIM_SYNC && r->cells->v == 0)
		disk_forget_changes(io->file);
	return (struct shim_fate){codes[io->call], r->cells->v == 1 ? io->len / 2 : 0};
}

static bool never(void *context, const struct outbox_verdict *row)
{
	(void)context;
	(void)row;
	return false;
}

static void no_row(void *context, const struct outbox_report *row)
{
	(void)context;
	(void)row;
}

/* Which of all the calls still succeeds; NULL: none. */
static const char *what_still_works(struct outbox *ob, const struct oracle *o)
{
	const struct acknowledgement ack = oracle_acknowledgement(o, o->last);
	const struct outbox_verdict verdict = {
	    .verdict_seq = o->cursor + 1, .epoch = o->epoch, .seq = 1, .body = (const uint8_t *)"v", .len = 1};
	struct outbox_report report;
	struct outbox_place place;
	struct acknowledgement ret_ack;
	struct digest chain;
	const uint8_t *data;
	uint64_t judged;
	size_t len;
	bool flag;
	struct err err;
	struct arena *a = arena_new(1 << 20);
	const char *works = outbox_may_take(ob, 0, &err)                            ? "may_take"
			    : outbox_begin(ob, "f", 0, 1, &err)                     ? "begin"
			    : outbox_read(ob, o->last, a, &report, &err)            ? "read"
			    : outbox_chain(ob, o->last, &chain, &err)               ? "chain"
			    : outbox_list(ob, UINT64_MAX, 0, 1, no_row, NULL, &err) ? "list"
			    : outbox_put_acknowledgement(ob, &ack, 1, &err)         ? "put_acknowledgement"
			    : outbox_acknowledgement(ob, 1, &ret_ack, &flag, &err)  ? "acknowledgement"
			    : outbox_put_verdicts(ob, &verdict, 1, 1, &err)         ? "put_verdicts"
			    : outbox_rewind_verdicts(ob, 0, &err)                   ? "rewind_verdicts"
			    : outbox_verdicts(ob, 0, 0, 0, never, NULL, &err)       ? "verdicts"
			    : outbox_judged(ob, 1, 2, &judged, &err)                ? "judged"
			    : outbox_put_codebook(ob, 99, "c", 1, 1, &err)          ? "put_codebook"
			    : outbox_codebook(ob, a, &data, &len, &err)             ? "codebook"
			    : outbox_trim(ob, o->last, &flag, &err)                 ? "trim"
			    : outbox_place(ob, o->last, &place, &err)               ? "place"
			    : outbox_earlier_verdicts(ob, &judged, &err)            ? "earlier_verdicts"
			    : outbox_rest(ob, &err)                                 ? "rest"
										    : NULL;
	arena_free(&a);
	return works;
}

/* Whether the step is one whose errors end with the process anyway. */
static bool is_between_processes(const struct workload *w)
{
	return strcmp(w->doing, "open") == 0 || strcmp(w->doing, "reopen") == 0 || strcmp(w->doing, "close") == 0;
}

/* SQLite undoes a transaction even when it cannot read what was there: nothing is lost with a read. */
static bool did_without_reading(struct refusal *r, bool done)
{
	char text[ORACLE_TEXT];
	return done && r->call == SHIM_READ && !outbox_is_broken(r->w->ob) &&
	       (r->class->lasts || workload_compare(r->w, r->w->ob, text) || cell_failed(r->cells, "%s", text));
}

static void must_be_broken(struct refusal *r, bool done)
{
	struct cells *c = r->cells;
	struct workload *w = r->w;
	const char *works = NULL;
	if (w->ob && !is_between_processes(w) && !did_without_reading(r, done)) {
		if (!outbox_is_broken(w->ob))
			cell_failed(c, "step %u (%s) %s, and the outbox is not broken: %s", w->step, w->doing,
				    done ? "succeeded" : "failed", done ? "" : w->err.text);
		else if (!done && w->err.kind != ERR_IO)
			cell_failed(c, "step %u (%s) failed with kind %d: %s", w->step, w->doing, (int)w->err.kind,
				    w->err.text);
		else if ((works = what_still_works(w->ob, &w->told)))
			cell_failed(c, "the outbox is broken, and %s succeeds", works);
	}
	if (c->failed == 0)
		examine_what_is_left(r);
}

void cells_eio(struct cells *c)
{
	static const struct refusal_class class = {hits_any, eio, eio_variants, must_be_broken, false};
	run(c, &class);
}

void cells_eio_lasting(struct cells *c)
{
	static const struct refusal_class class = {hits_any, eio, eio_variants, must_be_broken, true};
	run(c, &class);
}

/* ---------------------------------------------------------------- a disk that is full */

static bool hits_write(const struct refusal *r, const struct shim_io *io)
{
	(void)r;
	return io->call == SHIM_WRITE;
}

static bool hits_growth(const struct refusal *r, const struct shim_io *io)
{
	(void)r;
	return io->call == SHIM_WRITE && io->at + io->len > io->file->seen_size;
}

/* What fits of the write is written, as the system does. */
static uint64_t full_variants(const struct shim_io *io)
{
	(void)io;
	return 2;
}

static struct shim_fate full(struct refusal *r, const struct shim_io *io)
{
	return (struct shim_fate){SQLITE_FULL, r->cells->v == 1 ? io->len / 2 : 0};
}

static bool is_a_clear_refusal(struct refusal *r)
{
	const struct workload *w = r->w;
	if (w->ob && outbox_is_broken(w->ob))
		return cell_failed(r->cells, "step %u (%s): the disk is full, and the outbox is broken: %s", w->step,
				   w->doing, w->err.text);
	if (w->err.kind != ERR_TEMPFAIL || !strstr(w->err.text, "make room"))
		return cell_failed(r->cells, "step %u (%s): a full disk is refused with kind %d: %s", w->step, w->doing,
				   (int)w->err.kind, w->err.text);
	return true;
}

/* What was told can be read while there is no room; a step of several transactions may have got half way. */
static bool still_reads(struct refusal *r)
{
	char text[ORACLE_TEXT];
	return !r->w->ob || workload_compare(r->w, r->w->ob, text) ||
	       cell_failed(r->cells, "while the disk is full: %s", text);
}

static bool try_while_full(struct refusal *r, bool done)
{
	for (int i = 0; i < FULL_TRIES && r->cells->failed == 0; i++) {
		if (!done && !is_a_clear_refusal(r))
			return false;
		if (!still_reads(r))
			return false;
		if (!r->class->lasts || !workload_goes_on(r->w))
			return true;
		done = workload_do(r->w);
	}
	return done || is_a_clear_refusal(r);
}

/* Refused, until there is room; then everything goes on, in the same process. */
static void must_go_on(struct refusal *r, bool done)
{
	struct cells *c = r->cells;
	struct workload *w = r->w;
	if (!try_while_full(r, done))
		return;
	r->over = true;
	for (int i = 0; i < FULL_STEPS && workload_goes_on(w); i++)
		if (!workload_do(w)) {
			cell_failed(c, "there is room again, and step %u (%s) fails: %s", w->step, w->doing,
				    w->err.text);
			return;
		}
	if (still_reads(r))
		examine_what_is_left(r);
}

void cells_full_once(struct cells *c)
{
	static const struct refusal_class class = {hits_write, full, full_variants, must_go_on, false};
	run(c, &class);
}

void cells_full_lasting(struct cells *c)
{
	static const struct refusal_class class = {hits_write, full, full_variants, must_go_on, true};
	run(c, &class);
}

void cells_full_growing(struct cells *c)
{
	static const struct refusal_class class = {hits_growth, full, full_variants, must_go_on, true};
	run(c, &class);
}
