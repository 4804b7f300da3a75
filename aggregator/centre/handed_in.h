/* SPDX-License-Identifier: Apache-2.0 */
/*
 * handed_in - the reports of an agent as they were handed in, from the bytes that are stored, in order of seq. Several
 * streams are read side by side; of each, one page of batches is in memory, and one batch of them decoded. One thread.
 */
#ifndef TRAM_HANDED_IN_H
#define TRAM_HANDED_IN_H

#include "codec.h"
#include "store_audit.h"

struct handed_in;

/* Of the streams of this agent. The snapshot lives longer. */
struct handed_in *handed_in_new(struct store *s, const struct audit_snapshot *snapshot, int32_t agent_no);
void handed_in_free(struct handed_in **hp);

/*
 * The report, decoded into the arena. Within a stream they are asked for in order. False and ERR_DATA when the bytes are
 * not there, or are not what was acknowledged: tram verify says more.
 */
bool handed_in_report(struct handed_in *h, uint64_t report_no, struct arena *a, Tram__V1__Report **ret,
		      struct err *err) MUST_CHECK;

#endif
