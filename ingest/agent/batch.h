/* SPDX-License-Identifier: Apache-2.0 */
/*
 * batch - a contiguous piece of the stream as one signed PUBLISH, as large as may be and no larger.
 *
 * A batch that is cut anew is signed anew. Pure, but for what the source reads. One thread.
 */
#ifndef TRAM_BATCH_H
#define TRAM_BATCH_H

#include "source.h"

struct batch_limits {
	uint64_t payload_wanted; /* compressed; one report alone may be larger */
	uint64_t payload_max;    /* compressed, always */
	uint64_t plain_max;      /* before compression, always */
	uint32_t reports;
};

/* Who signs. */
struct batch_author {
	const char *agent;
	struct epoch epoch;
	const uint8_t *sign_secret, *sign_public;
};

struct batch {
	uint64_t first_seq, last_seq;
	size_t payload_len; /* what counts against credit */
	uint8_t *data;      /* the Envelope; the caller frees */
	size_t len;
};

enum batch_result {
	BATCH_CUT,
	BATCH_TOO_LARGE, /* not even first_seq alone fits payload_max or plain_max */
	BATCH_FAILED,    /* the source failed */
};

/* Cuts from first_seq on, at most through last_seq. The arena is used for work and reset. */
enum batch_result batch_cut(const struct source *source, const struct batch_author *author, uint64_t session,
			    uint64_t first_seq, uint64_t last_seq, const struct batch_limits *limits, struct arena *a,
			    struct batch *ret);

#endif
