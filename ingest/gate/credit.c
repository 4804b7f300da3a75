/* SPDX-License-Identifier: Apache-2.0 */
#include "credit.h"

#include <assert.h>
#include <string.h>

static uint64_t max64(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static uint64_t min64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t minus(uint64_t a, uint64_t b)
{
	return a > b ? a - b : 0;
}

struct credit credit_share(const struct credit_settings *settings, size_t agents, bool store_is_up)
{
	if (!store_is_up)
		return (struct credit){0};
	uint64_t even = settings->total_bytes / (agents ? agents : 1);
	return (struct credit){
	    .bytes = max64(min64(even, settings->most_bytes), settings->least_bytes),
	    .batches = settings->most_batches,
	};
}

struct credit credit_tell(struct credit_account *a, const struct credit_settings *settings, struct credit share,
			  int64_t now_us)
{
	struct credit told = {
	    .bytes = minus(share.bytes, a->stale.bytes),
	    .batches = (uint32_t)minus(share.batches, a->stale.batches),
	};
	if (told.bytes < a->told.bytes || told.batches < a->told.batches) {
		bool in_force = now_us < a->before_until_us;
		a->told_before.bytes = max64(a->told.bytes, in_force ? a->told_before.bytes : 0);
		a->told_before.batches = (uint32_t)max64(a->told.batches, in_force ? a->told_before.batches : 0);
		a->before_until_us = now_us + settings->grace_us;
	}
	a->told = told;
	return told;
}

static void note_flight(struct credit_account *a, uint64_t bytes, uint64_t last_seq)
{
	if (a->n_flights < CREDIT_FLIGHTS)
		a->flights[a->n_flights++] = (struct credit_flight){0};
	struct credit_flight *f = &a->flights[a->n_flights - 1];
	f->last_seq = max64(f->last_seq, last_seq);
	f->bytes += bytes;
	f->batches++;
}

static void drop_first_flight(struct credit_account *a)
{
	a->n_flights--;
	memmove(a->flights, a->flights + 1, a->n_flights * sizeof(a->flights[0]));
}

static struct credit in_force(const struct credit_account *a, int64_t now_us)
{
	struct credit limit = a->told;
	if (now_us < a->before_until_us) {
		limit.bytes = max64(limit.bytes, a->told_before.bytes);
		limit.batches = (uint32_t)max64(limit.batches, a->told_before.batches);
	}
	return limit;
}

bool credit_take(struct credit_account *a, uint64_t bytes, uint64_t last_seq, int64_t now_us)
{
	struct credit limit = in_force(a, now_us);
	if (bytes > minus(limit.bytes, a->under_way.bytes) || a->under_way.batches >= limit.batches)
		return false;
	a->under_way.bytes += bytes;
	a->under_way.batches++;
	note_flight(a, bytes, last_seq);
	return true;
}

static void lessen(struct credit *c, const struct credit_flight *by)
{
	c->bytes = minus(c->bytes, by->bytes);
	c->batches = (uint32_t)minus(c->batches, by->batches);
}

void credit_overtake(struct credit_account *a, uint64_t committed)
{
	while (a->n_flights > 0 && a->flights[0].last_seq <= committed) {
		lessen(&a->under_way, &a->flights[0]);
		lessen(&a->told, &a->flights[0]);
		lessen(&a->told_before, &a->flights[0]);
		a->stale.bytes += a->flights[0].bytes;
		a->stale.batches += a->flights[0].batches;
		drop_first_flight(a);
	}
}

/* Takes up to n from *from; returns what is left of n. */
static uint64_t take_from(uint64_t *from, uint64_t n)
{
	uint64_t taken = min64(*from, n);
	*from -= taken;
	return n - taken;
}

static void settle_flights(struct credit_account *a, uint64_t bytes, uint64_t batches)
{
	while (a->n_flights > 0 && (bytes > 0 || batches > 0)) {
		uint64_t left = a->flights[0].batches;
		bytes = take_from(&a->flights[0].bytes, bytes);
		batches = take_from(&left, batches);
		a->flights[0].batches = (uint32_t)left;
		if (left > 0 || a->flights[0].bytes > 0)
			break;
		drop_first_flight(a);
	}
}

void credit_settle(struct credit_account *a, struct credit done)
{
	uint64_t stale = a->stale.batches, live = a->under_way.batches;
	uint64_t bytes = take_from(&a->stale.bytes, done.bytes), batches = take_from(&stale, done.batches);
	settle_flights(a, bytes, batches);
	bytes = take_from(&a->under_way.bytes, bytes);
	batches = take_from(&live, batches);
	a->stale.batches = (uint32_t)stale;
	a->under_way.batches = (uint32_t)live;
	assert(bytes == 0 && batches == 0);
}

uint64_t credit_exposure(const struct credit_account *a, int64_t now_us)
{
	uint64_t before = now_us < a->before_until_us ? a->told_before.bytes : 0;
	return max64(max64(a->told.bytes, before), a->under_way.bytes) + a->stale.bytes;
}

void credit_heard(struct credit_account *a)
{
	a->told_before = (struct credit){0};
	a->before_until_us = 0;
}

void credit_end_session(struct credit_account *a)
{
	a->stale.bytes += a->under_way.bytes;
	a->stale.batches += a->under_way.batches;
	a->under_way = a->told = a->told_before = (struct credit){0};
	a->before_until_us = 0;
	a->n_flights = 0;
}
