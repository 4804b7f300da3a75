/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fault - named moments at which a test has the process killed, stopped or aborted: the rows of fault.def.
 *
 * Programs of the preset `fault` (TRAM_FAULTS) look at the environment; in all others FAULT_POINT() is nothing.
 *
 *   TRAM_FAULT       name:hit:action, several by commas: "agent-before-ticket:2:kill". hit: the how manyeth time, from 1.
 *                    kill (SIGKILL), stop (SIGSTOP: until somebody sends SIGCONT), abort
 *   TRAM_FAULT_WHEN  a path: hits count only once it is there. Without it they count from the start
 *
 * A moment that strikes says so on stderr first: "fault: agent-before-ticket, hit 2: kill". Any thread.
 */
#ifndef TRAM_FAULT_H
#define TRAM_FAULT_H

enum fault_id {
#define FAULT(id, name, moment) FAULT_##id,
#include "fault.def"
#undef FAULT
	FAULTS
};

/* A row of fault.def by its number. */
struct fault_moment {
	const char *name, *moment;
};
extern const struct fault_moment fault_table[FAULTS];

/* Counts the hit and, when it is the one that was armed, strikes. A TRAM_FAULT that cannot be read ends the process. */
void fault_point(enum fault_id id);

#ifdef TRAM_FAULTS
#define FAULT_POINT(id) fault_point(FAULT_##id)
#else
#define FAULT_POINT(id) ((void)0)
#endif

#endif
