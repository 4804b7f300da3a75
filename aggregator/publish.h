/* SPDX-License-Identifier: Apache-2.0 */
/*
 * publish - a PUBLISH, opened: is it this agent's, unbroken, and the continuation of what is committed?
 *
 * Checks, in this order: form and limits, epoch, position, decompression, the hash chain over every report, the signature,
 * and whether the chain is the committed one.
 * Reports up to the watermark are an overlap and are skipped, but take part in the chain. Pure; results live in the arena.
 */
#ifndef TRAM_PUBLISH_H
#define TRAM_PUBLISH_H

#include "codec.h"
#include "digest.h"
#include "store.h"

struct publish_limits {
	size_t batch_bytes;
	uint32_t batch_reports;
};

/* One report that is not committed yet, byte for byte as the province handed it in. */
struct publish_entry {
	uint64_t seq;
	const uint8_t *data;
	size_t len;
	int64_t handed_in_at_us;
	struct digest digest;
	struct digest chain; /* at seq */
};

struct publish {
	const Tram__V1__Publish *message;
	struct digest prev_chain, chain; /* the header's */
	uint64_t last_seq;
	struct publish_entry *entries; /* the new ones, in order */
	size_t n_entries;
	size_t n_overlap;
	Tram__V1__RefusalCode refusal; /* 0: fine */
};

/*
 * Opens message, which the envelope held, for the agent with that watermark and signing key. Fills *ret; ret->refusal says
 * when it is to be refused as a whole.
 */
void publish_open(struct arena *a, const Tram__V1__Publish *message, const char *agent,
		  const uint8_t signing_public[static SIGN_PUBLIC_SIZE], const struct watermark *watermark,
		  const struct publish_limits *limits, struct publish *ret);

#endif
