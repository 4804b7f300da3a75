/* SPDX-License-Identifier: Apache-2.0 */
/*
 * verdict - what the centre answers for one report: the four words, an outcome an observation, every finding with its
 * texts in both languages. Made from a judgement, into an arena, with nothing in it that lies elsewhere: it outlives the
 * judgement's memory and its catalogue. NULL when the arena is exhausted.
 */
#ifndef TRAM_VERDICT_H
#define TRAM_VERDICT_H

#include "arena.h"
#include "digest.h"
#include "rules.h"

struct verdict_head {
	uint64_t verdict_seq;      /* 0: a check, nothing is stored */
	const struct epoch *epoch; /* NULL: a check */
	uint64_t seq;
	const struct digest *digest;
	int64_t known_at_us;
	uint32_t catalogue_version;
	const char *cause;
	const char *decided_by, *reason; /* of a decision; NULL: it is none */
};

Tram__V1__Verdict *verdict_make(struct arena *a, const struct verdict_head *head, const struct judgement *j);

#endif
