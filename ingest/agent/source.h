/* SPDX-License-Identifier: Apache-2.0 */
/*
 * source - how the courier reads the outbox, and where its randomness comes from: the whole of what it knows of the
 * world. The agent gives it the outbox's; a test or a simulation gives it its own.
 *
 * Functions that return bool say false when the outbox failed; the giver knows why, and the courier just stops.
 */
#ifndef TRAM_SOURCE_H
#define TRAM_SOURCE_H

#include "arena.h"
#include "digest.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The centre's signed word that it committed the stream so far. */
struct acknowledgement {
	uint64_t committed_through;
	struct digest chain;
	int64_t committed_at_us;
	uint8_t signature[SIGNATURE_SIZE], key_id[KEY_ID_SIZE];
};

struct source_report {
	const uint8_t *bytes; /* in the arena */
	size_t len;
	int64_t handed_in_at_us;
	struct digest chain; /* at this report */
	bool is_refilled;    /* acknowledged before: first is the first acknowledgement that covered it */
	struct acknowledgement first;
};

struct source {
	void *context;
	bool (*read)(void *context, uint64_t seq, struct arena *a, struct source_report *ret);
	bool (*chain)(void *context, uint64_t seq, struct digest *ret); /* trimmed .. last appended */
	uint64_t (*trimmed)(void *context);                             /* reports up to here are gone */
	int64_t (*handed_in_at)(void *context, uint64_t seq);           /* 0: not kept */
	int64_t (*known_at)(void *context, uint64_t verdict_seq);       /* of a verdict; 0: not held */
	uint64_t (*random)(void *context);
};

#endif
