/* SPDX-License-Identifier: Apache-2.0 */
/*
 * retry - how long to wait before the next try: decorrelated jitter (each wait is random between the base and three
 * times the wait before, up to a limit), so that many who failed together do not come back together. Pure.
 */
#ifndef TRAM_RETRY_H
#define TRAM_RETRY_H

#include <stdint.h>

struct retry {
	int64_t base_us, limit_us;
	int64_t last_us; /* 0: no failure yet */
};

void retry_reset(struct retry *r);
int64_t retry_next_us(struct retry *r); /* the wait; uses libsodium-free randomness of the base layer */

/* The same with the caller's randomness: for what must run the same way twice. */
int64_t retry_pick_us(struct retry *r, uint64_t random);

#endif
