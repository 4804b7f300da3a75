/* SPDX-License-Identifier: Apache-2.0 */
#include "pace.h"

#include "clock.h"

#define SMALL         100 /* units: what such a group takes is a transaction's least */
#define LARGE         400 /* units: what such a group takes is its work */
#define WEIGHT        8   /* a new measurement counts for one part in so many */
#define RISE          64  /* the same for a least that is more than the one known: it falls at once and rises slowly */
#define UNIT_NS       20000
#define UNIT_LEAST_NS 100
#define SHARED_US     (60 * CLOCK_SECOND) /* who reported within this will again */

struct pace pace_of(int64_t time_us, size_t most)
{
	return (struct pace){.time_us = time_us, .most = most, .unit_ns = UNIT_NS};
}

size_t pace_shared_work(const struct pace *p)
{
	/* where a transaction's least is long, its work may take as long again: else little gets done */
	int64_t time_us = p->time_us > p->least_us ? p->time_us : p->least_us;
	size_t work = (size_t)(time_us * 1000 / p->unit_ns);
	work = work < SMALL ? SMALL : work;
	return work < p->most ? work : p->most;
}

bool pace_is_shared(const struct pace *p, int64_t now_us)
{
	return now_us < p->shared_until_us;
}

size_t pace_work(const struct pace *p, int64_t now_us)
{
	return pace_is_shared(p, now_us) ? pace_shared_work(p) : p->most;
}

void pace_took(struct pace *p, size_t work, int64_t took_us)
{
	if (work <= SMALL) {
		p->least_us += (took_us - p->least_us) / (took_us < p->least_us || p->least_us == 0 ? 1 : RISE);
	} else if (work >= LARGE) {
		int64_t beyond_us = took_us > p->least_us ? took_us - p->least_us : 0;
		p->unit_ns += (beyond_us * 1000 / (int64_t)work - p->unit_ns) / WEIGHT;
	}
	if (p->unit_ns < UNIT_LEAST_NS)
		p->unit_ns = UNIT_LEAST_NS;
}

void pace_shared(struct pace *p, int64_t now_us)
{
	p->shared_until_us = now_us + SHARED_US;
}
