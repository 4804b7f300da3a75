/* SPDX-License-Identifier: Apache-2.0 */
#include "retry.h"

#include <assert.h>
#include <stdlib.h>
#include <sys/random.h>

/* Evenly enough spread for waits: the span is far below 2^64. */
static int64_t random_between(int64_t low, int64_t high)
{
	uint64_t bits;

	if (getrandom(&bits, sizeof bits, 0) != (ssize_t)sizeof bits) {
		abort(); /* cannot fail for 8 bytes on a kernel that has the call */
	}
	return low + (int64_t)(bits % ((uint64_t)(high - low) + 1));
}

void retry_reset(struct retry *r)
{
	r->last_us = 0;
}

int64_t retry_next_us(struct retry *r)
{
	int64_t last = r->last_us ? r->last_us : r->base_us, high;

	assert(r->base_us > 0 && r->limit_us >= r->base_us);
	high = last > r->limit_us / 3 ? r->limit_us : last * 3;
	r->last_us = random_between(r->base_us, high < r->base_us ? r->base_us : high);
	return r->last_us;
}
