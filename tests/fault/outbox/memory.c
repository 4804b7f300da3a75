/* SPDX-License-Identifier: Apache-2.0 */
/*
 * memory - SQLite gets no memory. The agent's answer is to end at once (a process without memory keeps no promise), or
 * to go on as if nothing had been when SQLite could do without; either way what was told is there.
 */
#include "cell.h"

#include "mem.h"

#include <signal.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

static sqlite3_mem_methods system_memory;

static struct {
	struct cells *cells; /* NULL: nobody counts */
	struct workload *w;
	struct disk *disk;
	uint64_t calls;
	bool hit;
} now;

/* Giving a hand-in up is the one step whose failure nobody is told of: all of it is tried, of the others a part. */
static bool begins(void)
{
	uint64_t every = now.cells->every;
	if (strcmp(now.w->doing, "given up") == 0)
		now.cells->every = 1;
	bool begins = cell_begins(now.cells, ++now.calls, 0);
	now.cells->every = every;
	return begins;
}

static bool is_refused(void)
{
	if (!now.cells || now.hit)
		return false;
	now.hit = begins() && cell_in_child(now.cells);
	return now.hit;
}

static void *allocate(int size)
{
	return is_refused() ? NULL : system_memory.xMalloc(size);
}

static void *reallocate(void *p, int size)
{
	return is_refused() ? NULL : system_memory.xRealloc(p, size);
}

void memory_install(void)
{
	sqlite3_mem_methods failing;
	sqlite3_config(SQLITE_CONFIG_GETMALLOC, &system_memory);
	failing = system_memory;
	failing.xMalloc = allocate;
	failing.xRealloc = reallocate;
	sqlite3_config(SQLITE_CONFIG_MALLOC, &failing);
}

static void examine_and_end(void)
{
	struct disk *d = disk_copy(now.disk);
	cell_examine(now.cells, d, now.w, true, NULL, NULL);
	cell_end_child(now.cells);
}

static void on_abort(int number)
{
	(void)number;
	if (now.hit)
		examine_and_end();
}

/* Some steps further on, when the step could do without. */
static void go_on(void)
{
	for (int i = 0; i < 4 && workload_goes_on(now.w); i++)
		if (!workload_do(now.w)) {
			cell_failed(now.cells, "later, step %u (%s) fails: %s", now.w->step, now.w->doing,
				    now.w->err.text);
			cell_end_child(now.cells);
		}
}

void cells_memory(struct cells *c)
{
	struct workload *w = xcalloc(1, sizeof *w);
	struct sigaction abort_action = {.sa_handler = on_abort}, before;
	sigaction(SIGABRT, &abort_action, &before);
	now.w = w;
	now.disk = disk_new(c->seed);
	shim_use((struct shim_view){.disk = now.disk});
	sqlite3_randomness(0, NULL);
	workload_init(w, c->seed, c->steps < 60 ? c->steps : 60, false, c->dir);
	now.cells = c;
	now.calls = 0;
	while (workload_goes_on(w)) {
		bool done = workload_do(w);
		if (now.hit) {
			if (done)
				go_on();
			examine_and_end();
		}
		if (!done) {
			cell_failed(c, "without a fault, step %u (%s): %s", w->step, w->doing, w->err.text);
			break;
		}
	}
	now.cells = NULL;
	sigaction(SIGABRT, &before, NULL);
	outbox_close(&w->ob);
	disk_free(&now.disk);
	free(w);
}
