/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cell - one fault at one place, and how it went: which are run, what is counted, what is printed.
 *
 * A cell has the name CLASS:N:V: the class, the place (a call of the workload, a byte of the file), the variant. The same
 * seed gives the same cells. A class ends with one line; a cell that failed prints the command that repeats it alone.
 */
#ifndef TRAM_TEST_CELL_H
#define TRAM_TEST_CELL_H

#include "oracle.h"
#include "shim.h"
#include "workload.h"

#define LARGE_STEPS 25

struct cells {
	const char *name; /* of the class */
	uint64_t seed;
	unsigned steps;  /* of the workload */
	bool is_large;   /* the workload with hand-ins that do not fit into memory */
	const char *dir; /* a folder that is there */
	bool is_sample;
	uint64_t every; /* one cell in so many */
	int64_t only_n; /* -1: all */
	int64_t only_v;
	uint64_t n, v; /* the cell that is going on */
	uint64_t met, run, fired, failed;
	uint64_t named, same, told_wrong; /* how files that were damaged were found */
};

/* Whether the cell is to be run; if so it is the one that is going on. */
bool cell_begins(struct cells *c, uint64_t n, uint64_t v);

/* The same for one of so many variants of a place: a whole run takes one of them by turns, another with another seed. */
bool cell_begins_in_turn(struct cells *c, uint64_t n, uint64_t v, uint64_t variants);

/* The cell failed. Returns false. */
bool cell_failed(struct cells *c, const char *format, ...) __attribute__((format(printf, 2, 3)));

/*
 * Opens the outbox on the disk as after a crash, and compares: it must be what was told, or that with a whole transaction of
 * the step that was going on; no second one may open it; and if thorough, it must take a fresh report and have it after
 * another start. What is open meanwhile is not touched. look: who looks while it is opened.
 */
bool cell_examine(struct cells *c, struct disk *d, const struct workload *w, bool thorough, shim_look_fn *look,
		  void *look_context);

/* In a process of its own: true in the child, which must end with cell_end_child(); the parent has waited and counted. */
bool cell_in_child(struct cells *c);
_Noreturn void cell_end_child(const struct cells *c);

/* The classes. */
typedef void cells_fn(struct cells *c);
cells_fn cells_kill, cells_torn_write, cells_power_none, cells_power_some, cells_double;        /* crash.c */
cells_fn cells_eio, cells_eio_lasting, cells_full_once, cells_full_lasting, cells_full_growing; /* refuse.c */
cells_fn cells_memory;                                                                          /* memory.c */
cells_fn cells_flip, cells_flip_bare, cells_cut, cells_copy;                                    /* damage.c */

/* Before SQLite is used: its memory comes from there. */
void memory_install(void);

#endif
