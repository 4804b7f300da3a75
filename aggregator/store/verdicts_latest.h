/* SPDX-License-Identifier: Apache-2.0 */
/*
 * verdicts_latest - what a decision is made upon: the latest verdict of reports, as the judgement it was made from. For the
 * modules of this folder only.
 */
#ifndef TRAM_VERDICTS_LATEST_H
#define TRAM_VERDICTS_LATEST_H

#include "store.h"

struct latest_verdict {
	struct judgement judgement; /* outcomes, words and findings, in the arena */
	uint32_t catalogue_version;
};

/* One for each of the reports, which must be there. Two queries. */
enum store_result verdicts_latest(struct store *s, const int64_t *report_nos, size_t n, struct arena *a,
				  struct latest_verdict *ret, struct err *err) MUST_CHECK;

#endif
