/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fake_agent - an agent without outbox and centre, in a thread of its own: answers the control socket as told.
 */
#ifndef TRAM_TEST_FAKE_AGENT_H
#define TRAM_TEST_FAKE_AGENT_H

#include "control.pb-c.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FAKE_TICKET "agent-63-15/7f3a9c21/1-3"

/* What it does; set before fake_agent_start(). */
struct fake_manner {
	bool has_codebook;      /* else it has none yet */
	bool acts_for_two;      /* providers */
	uint32_t refuse_commit; /* exit code of its refusal; 0: gives a ticket */
	uint32_t refuse_check;  /* 0: gives a verdict */
	uint32_t refuse_report; /* exit code of its refusal of the first report, after which it hangs up; 0: takes it */
	bool hangs_up;          /* in the middle of a hand-in, without a word */
	bool verdict_is_foreign;        /* of another report of the same number: an outbox made anew */
	bool verdict_is_empty;          /* the report could not be read */
	bool verdict_holds;             /* the last figure of each report is held, with a finding */
	bool verdict_is_answered;       /* the same finding, which the province has justified */
	const char *const (*status)[2]; /* names and values, closed by NULL; NULL: {"state", "streaming"} */
	size_t verdicts_missing;        /* of the reports handed in, so many have none yet */
};

struct fake_agent;

struct fake_agent *fake_agent_start(const struct fake_manner *manner);
void fake_agent_stop(struct fake_agent **ap);

const char *fake_agent_socket(const struct fake_agent *a);

/* Reports of hand-ins that were committed; only when no command runs. */
size_t fake_agent_reports(const struct fake_agent *a);
const uint8_t *fake_agent_report(const struct fake_agent *a, size_t i, size_t *ret_len);

#endif
