/* SPDX-License-Identifier: Apache-2.0 */
/*
 * verdicts - the verdicts that the agent has stored, shown or gathered. One thread.
 */
#ifndef TRAM_VERDICTS_H
#define TRAM_VERDICTS_H

#include "err.h"

#include <jansson.h>
#include <stdint.h>

struct verdict_query {
	/* what is asked */
	const char *socket;
	const char *ticket; /* NULL: of all hand-ins */
	int64_t since_us;   /* stored since then; 0: all */
	int64_t wait_s;     /* wait so long for the ticket's last verdict; 0: show what there is */
	json_t *gather;     /* an array to put them in; NULL: print them on stdout */
	/* what came of it */
	uint64_t rows;
	uint64_t reports;  /* that have a verdict */
	bool all_accepted; /* by the latest verdict of each */
};

bool verdicts_fetch(struct verdict_query *q, struct err *err) MUST_CHECK;

#endif
