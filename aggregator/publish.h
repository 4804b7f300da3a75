/* SPDX-License-Identifier: Apache-2.0 */
/*
 * publish - a PUBLISH, opened: is it this agent's, unbroken, and the continuation of what is committed?
 *
 * Checks, in this order: form and limits, epoch, position, decompression, the hash chain over every report, the signature,
 * and whether the chain is the committed one.
 * Reports up to the watermark are an overlap and are skipped, but take part in the chain. A report that was committed
 * before, and comes again because the centre's store was restored, may carry the centre's own word of it: one that holds
 * tells when, one that does not is ignored and counted, and is no reason to refuse. Pure; results live in the arena.
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

/* Whose word counts. */
struct publish_keys {
	uint8_t agent[SIGN_PUBLIC_SIZE];  /* signs batches */
	uint8_t centre[SIGN_PUBLIC_SIZE]; /* signs acknowledgements */
};

/* One report that is not committed yet, byte for byte as the province handed it in. */
struct publish_entry {
	uint64_t seq;
	const uint8_t *data;
	size_t len;
	int64_t handed_in_at_us;
	const Tram__V1__Acknowledgement *first; /* that came with it; NULL: none */
	int64_t first_committed_at_us;          /* as it says, when it holds; 0: none that does */
	const char *bad_first;                  /* what is wrong with it, when it does not */
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
 * Opens message, which the envelope held, for the agent with that watermark. Fills *ret; ret->refusal says when it is to
 * be refused as a whole.
 */
void publish_open(struct arena *a, const Tram__V1__Publish *message, const char *agent, const struct publish_keys *keys,
		  const struct watermark *watermark, const struct publish_limits *limits, struct publish *ret);

/*
 * What is left of one that was opened without a refusal, now that some of its reports are committed. False, and *ret is not
 * touched: the watermark is not at one of these, and only opening it anew tells what the matter is.
 */
bool publish_rest(const struct publish *opened, const struct watermark *watermark, struct publish *ret);

#endif
