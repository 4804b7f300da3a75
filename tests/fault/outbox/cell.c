/* SPDX-License-Identifier: Apache-2.0 */
#include "cell.h"

#include "mem.h"

#include <inttypes.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

bool cell_begins(struct cells *c, uint64_t n, uint64_t v)
{
	c->met++;
	if (c->only_n >= 0) {
		if (n != (uint64_t)c->only_n || (c->only_v >= 0 && v != (uint64_t)c->only_v))
			return false;
	} else {
		uint64_t state = c->seed ^ c->met;
		if (c->every > 1 && disk_random(&state) % c->every != 0)
			return false;
	}
	c->n = n;
	c->v = v;
	c->run++;
	return true;
}

bool cell_begins_in_turn(struct cells *c, uint64_t n, uint64_t v, uint64_t variants)
{
	return (c->only_n >= 0 || (n + c->seed) % variants == v) && cell_begins(c, n, v);
}

bool cell_failed(struct cells *c, const char *format, ...)
{
	va_list args;
	if (c->failed++ < 20) {
		printf("FAILED %s:%" PRIu64 ":%" PRIu64 ": ", c->name, c->n, c->v);
		va_start(args, format);
		vprintf(format, args);
		va_end(args);
		printf("\n  again: outbox_faults --seed %" PRIu64 " --steps %u %s:%" PRIu64 ":%" PRIu64 "\n", c->seed,
		       c->steps, c->name, c->n, c->v);
	}
	return false;
}

/* ---------------------------------------------------------------- after a crash */

static bool refuses_a_second(struct cells *c)
{
	struct err err;
	struct outbox *second = workload_open(c->dir, &err);
	bool refused = !second && err.kind == ERR_TEMPFAIL;
	outbox_close(&second);
	return refused || cell_failed(c, "a second process could open it");
}

/* A fresh report comes in and is there after another start. */
static bool goes_on(struct cells *c, struct outbox **obp, const struct oracle *is)
{
	struct oracle *after = xmemdup(is, sizeof *is);
	struct err err;
	char text[ORACLE_TEXT] = "it cannot be opened";
	if (!after->born)
		oracle_born(after, outbox_state(*obp));
	bool fine = workload_hand_in_one(*obp, after, &err) || cell_failed(c, "no fresh report: %s", err.text);
	if (fine) {
		outbox_close(obp);
		*obp = workload_open(c->dir, &err);
		fine = (*obp && oracle_compare(after, *obp, text) == ORACLE_SAME) ||
		       cell_failed(c, "after a fresh report: %s", text);
	}
	free(after);
	return fine;
}

bool cell_examine(struct cells *c, struct disk *d, const struct workload *w, bool thorough, shim_look_fn *look,
		  void *look_context)
{
	const struct oracle *is = NULL;
	struct err err;
	char text[ORACLE_TEXT];
	struct shim_view before = shim_use((struct shim_view){d, look, look_context});
	sqlite3_randomness(0, NULL); /* what a new process does */
	struct outbox *ob = workload_open(c->dir, &err);
	shim_use((struct shim_view){.disk = d});
	bool fine = ob || cell_failed(c, "it cannot be opened: %s", err.text);
	fine = fine && ((is = workload_compare(w, ob, text)) || cell_failed(c, "%s", text));
	fine = fine && refuses_a_second(c) && (!thorough || goes_on(c, &ob, is));
	outbox_close(&ob);
	shim_use(before);
	return fine;
}

/* ---------------------------------------------------------------- a process for one cell */

enum { CHILD_FINE = 0, CHILD_FAILED = 3 };

bool cell_in_child(struct cells *c)
{
	int status;
	fflush(stdout);
	pid_t child = fork();
	if (child == 0) {
		c->failed = 0;
		return true;
	}
	if (child < 0 || waitpid(child, &status, 0) != child) {
		cell_failed(c, "no process could be made");
		return false;
	}
	if (WIFEXITED(status) && WEXITSTATUS(status) == CHILD_FAILED)
		c->failed++; /* it said why */
	else if (!WIFEXITED(status) || WEXITSTATUS(status) != CHILD_FINE)
		cell_failed(c, "the process ended by itself, status %#x", (unsigned)status);
	c->fired++;
	return false;
}

void cell_end_child(const struct cells *c)
{
	fflush(stdout);
	_exit(c->failed ? CHILD_FAILED : CHILD_FINE);
}
