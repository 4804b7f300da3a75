/* SPDX-License-Identifier: Apache-2.0 */
#include "retry.h"

#include <assert.h>
#include <stdlib.h>
#include <sys/random.h>

void retry_reset(struct retry *r)
{
	r->last_us = 0;
}

int64_t retry_pick_us(struct retry *r, uint64_t random)
{
	int64_t last = r->last_us ? r->last_us : r->base_us, high;

	assert(r->base_us > 0 && r->limit_us >= r->base_us);
	high = last > r->limit_us / 3 ? r->limit_us : last * 3;
	if (high < r->base_us)
		high = r->base_us;
	/* Evenly enough spread for waits: the span is far below 2^64. */
	r->last_us = r->base_us + (int64_t)(random % ((uint64_t)(high - r->base_us) + 1));
	return r->last_us;
}

int64_t retry_next_us(struct retry *r)
{
	uint64_t bits;

	if (getrandom(&bits, sizeof bits, 0) != (ssize_t)sizeof bits)
		abort(); /* cannot fail for 8 bytes on a kernel that has the call */
	return retry_pick_us(r, bits);
}
