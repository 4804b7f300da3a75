/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rehearse - stored reports judged anew by another catalogue, each with exactly what its verdict knew: of its agent all
 * reports and decisions with a smaller verdict_seq, as they were stored; of other provinces what its peer cut says; and its
 * own times. Nothing is written.
 *
 * One agent after the other, in order of its verdicts, so that nothing is asked of the store for a single report: what the
 * agent has stored is kept in memory (recall.h) until the next one's turn. Reports that could not be read, and those that
 * repeat another, keep their verdicts. One thread.
 */
#ifndef TRAM_REHEARSE_H
#define TRAM_REHEARSE_H

#include "recall.h"
#include "store_rehearse.h"

/* A report that was judged anew; lives for the call. */
struct rehearsed {
	const char *agent;
	uint64_t seq;
	const Tram__V1__Report *report;
	const struct rehearse_verdict *before;
	const struct rehearse_finding *findings_before; /* by line and rule */
	size_t n_findings_before;
	const struct judgement *after;
};

struct rehearse_hooks {
	void *context;
	void (*report)(void *context, const struct rehearsed *r);
	/* A figure that would stand otherwise; of those whose series has a number, which is all that roll-ups know. */
	recall_each *standing;
	void (*progress)(void *context, uint64_t reports, uint64_t observations);
};

struct rehearse_task {
	struct store *store; /* as tram_auditor */
	const struct catalogue *catalogue;
	int64_t since_us; /* reports received before keep their verdicts; 0: all are judged */
	struct rehearse_hooks hooks;
};

/* Of the agents of the snapshot. False and *err when something stored cannot be read. */
bool rehearse_agents(const struct rehearse_task *task, const struct audit_snapshot *snapshot,
		     struct err *err) MUST_CHECK;

#endif
