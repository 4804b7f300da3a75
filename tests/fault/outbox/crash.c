/* SPDX-License-Identifier: Apache-2.0 */
/*
 * crash - the agent is killed, or the power goes, at every call that changes the disk.
 *
 * Between two calls the disk does not change, so "after a call" is "before the next one", with more that was told: each
 * is looked at once. The workload itself goes on; what is examined is a copy of its disk.
 */
#include "cell.h"

#include "mem.h"

#include <assert.h>
#include <sqlite3.h>
#include <stdlib.h>

#define SOME_VARIANTS      4
#define DOUBLE_VARIANTS    4
#define FIRSTS             4
#define FIRSTS_OF_A_SAMPLE 48

struct crash {
	struct cells *cells;
	struct workload *w;
	uint64_t calls, changes;
	void (*at)(struct crash *crash, const struct shim_io *io);
};

static const struct disk_loss nothing_survives = {.all = true, .sector = 512};

static struct disk_loss some_survives(const struct cells *c, uint64_t n, uint64_t v)
{
	return (struct disk_loss){.sector = v % 2 ? 4096 : 512,
				  .torn = (v & 2) != 0,
				  .is_garbage = (v & 2) != 0,
				  .seed = c->seed * 1000003 + n * 101 + v};
}

/* Takes d over. */
static void examine(struct crash *crash, struct disk *d)
{
	struct cells *c = crash->cells;
	sqlite3_test_control(SQLITE_TESTCTRL_PRNG_SAVE);
	cell_examine(c, d, crash->w, crash->changes % 8 == 0, NULL, NULL);
	sqlite3_test_control(SQLITE_TESTCTRL_PRNG_RESTORE);
	c->fired++;
	disk_free(&d);
}

static struct shim_fate look(void *context, const struct shim_io *io)
{
	struct crash *crash = context;
	crash->calls++;
	if (shim_changes(io->call)) {
		crash->changes++;
		crash->at(crash, io);
	}
	return (struct shim_fate){SQLITE_OK, 0};
}

/* The workload once; crash->at is called before every change, and once more when all is over. */
static void run(struct cells *c, void (*at)(struct crash *crash, const struct shim_io *io))
{
	struct workload *w = xcalloc(1, sizeof *w);
	struct crash crash = {.cells = c, .w = w, .at = at};
	struct disk *d = disk_new(c->seed);
	shim_use((struct shim_view){d, look, &crash});
	sqlite3_randomness(0, NULL);
	workload_init(w, c->seed, c->is_large ? LARGE_STEPS : c->steps, c->is_large, c->dir);
	while (workload_goes_on(w))
		if (!workload_do(w)) {
			cell_failed(c, "without a fault, step %u (%s): %s", w->step, w->doing, w->err.text);
			break;
		}
	crash.calls++;
	at(&crash, &(struct shim_io){.call = SHIM_SYNC, .disk = d});
	outbox_close(&w->ob);
	disk_free(&d);
	free(w);
}

static void at_kill(struct crash *crash, const struct shim_io *io)
{
	if (cell_begins(crash->cells, crash->calls, 0))
		examine(crash, disk_copy(io->disk));
}

void cells_kill(struct cells *c)
{
	run(c, at_kill);
}

/* Killed within a write: a part of it is done. */
static void at_torn_write(struct crash *crash, const struct shim_io *io)
{
	if (io->call != SHIM_WRITE || !cell_begins(crash->cells, crash->calls, 0))
		return;
	struct disk *d = disk_copy(io->disk);
	uint64_t random = crash->cells->seed + crash->calls;
	disk_write(disk_find(d, io->name), io->at, io->bytes, 1 + disk_random(&random) % io->len);
	examine(crash, d);
}

void cells_torn_write(struct cells *c)
{
	run(c, at_torn_write);
}

static void at_power_none(struct crash *crash, const struct shim_io *io)
{
	if (cell_begins(crash->cells, crash->calls, 0))
		examine(crash, disk_after(io->disk, &nothing_survives));
}

void cells_power_none(struct cells *c)
{
	run(c, at_power_none);
}

static void at_power_some(struct crash *crash, const struct shim_io *io)
{
	for (uint64_t v = 0; v < SOME_VARIANTS; v++)
		if (cell_begins(crash->cells, crash->calls, v)) {
			const struct disk_loss loss = some_survives(crash->cells, crash->calls, v);
			examine(crash, disk_after(io->disk, &loss));
		}
}

void cells_power_some(struct cells *c)
{
	run(c, at_power_some);
}

/* ---------------------------------------------------------------- a crash while a crash is recovered from */

struct second {
	struct crash *first;
	uint64_t changes;
};

static struct disk *after_second(const struct second *s, struct disk *d, uint64_t v)
{
	const struct disk_loss loss = some_survives(s->first->cells, s->first->calls * 977 + s->changes, v);
	return v == 0 ? disk_copy(d) : v == 1 ? disk_after(d, &nothing_survives) : disk_after(d, &loss);
}

static struct shim_fate look_again(void *context, const struct shim_io *io)
{
	struct second *s = context;
	struct cells *c = s->first->cells;
	if (!shim_changes(io->call))
		return (struct shim_fate){SQLITE_OK, 0};
	uint64_t n = s->first->calls * 1000 + s->changes++;
	assert(s->changes < 1000);
	for (uint64_t v = 0; v < DOUBLE_VARIANTS; v++)
		if (cell_begins(c, n, v)) {
			struct disk *d = after_second(s, io->disk, v);
			cell_examine(c, d, s->first->w, false, NULL, NULL);
			c->fired++;
			disk_free(&d);
		}
	sqlite3_randomness(0, NULL); /* the same numbers for what follows, whichever cells are run */
	return (struct shim_fate){SQLITE_OK, 0};
}

/* Two ways for the first: killed, and a loss of power, by turns. A whole run takes one place in four. */
static void at_double(struct crash *crash, const struct shim_io *io)
{
	struct second s = {.first = crash};
	struct cells *c = crash->cells;
	const struct disk_loss loss = some_survives(c, crash->calls, crash->calls % 4);
	if (c->only_n >= 0 ? (uint64_t)c->only_n / 1000 != crash->calls
			   : (crash->calls + c->seed) % (c->is_sample ? FIRSTS_OF_A_SAMPLE : FIRSTS) != 0)
		return;
	struct disk *d = crash->changes % 2 ? disk_copy(io->disk) : disk_after(io->disk, &loss);
	sqlite3_test_control(SQLITE_TESTCTRL_PRNG_SAVE);
	cell_examine(c, d, crash->w, false, look_again, &s);
	sqlite3_test_control(SQLITE_TESTCTRL_PRNG_RESTORE);
	disk_free(&d);
}

void cells_double(struct cells *c)
{
	run(c, at_double);
}
