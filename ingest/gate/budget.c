/* SPDX-License-Identifier: Apache-2.0 */
#include "budget.h"

#include <assert.h>

static const struct credit none;

/* ---------------------------------------------------------------- the line */

static void stand_last(struct budget *b, struct budget_claim *claim)
{
	if (claim->waits)
		return;
	claim->waits = true;
	claim->before = b->last;
	claim->after = NULL;
	*(b->last ? &b->last->after : &b->first) = claim;
	b->last = claim;
	b->waiting++;
}

static void step_out(struct budget *b, struct budget_claim *claim)
{
	if (!claim->waits)
		return;
	*(claim->before ? &claim->before->after : &b->first) = claim->after;
	*(claim->after ? &claim->after->before : &b->last) = claim->before;
	claim->waits = false;
	claim->before = claim->after = NULL;
	b->waiting--;
}

/* ---------------------------------------------------------------- shares */

/* What is not reserved by others. */
static uint64_t room_for(const struct budget *b, const struct budget_claim *claim, uint64_t total)
{
	uint64_t others = b->reserved - claim->reserved;
	return total > others ? total - others : 0;
}

static bool is_over(const struct budget_claim *claim, const struct credit_settings *settings, int64_t now_us)
{
	return claim->is_used || now_us - claim->since_us >= settings->turn_us;
}

static struct credit wait_in_line(struct budget *b, struct budget_claim *claim)
{
	claim->holds = false;
	stand_last(b, claim);
	return none;
}

static struct credit hold(struct budget *b, struct budget_claim *claim, struct credit share, uint64_t room,
			  int64_t now_us)
{
	step_out(b, claim);
	if (!claim->holds) {
		claim->holds = true;
		claim->is_used = false;
		claim->since_us = now_us;
	}
	if (share.bytes > room)
		share.bytes = room;
	return share;
}

struct credit budget_share(struct budget *b, struct budget_claim *claim, const struct credit_settings *settings,
			   size_t agents, bool wants, bool store_is_up, int64_t now_us)
{
	struct credit share = credit_share(settings, agents, store_is_up);
	uint64_t room = room_for(b, claim, settings->total_bytes);
	bool crowded = agents > settings->total_bytes / settings->least_bytes;
	bool others_wait = b->waiting > claim->waits;
	bool is_next = claim->holds || !b->first || b->first == claim;
	if (!store_is_up || (crowded && !wants)) {
		budget_leave(b, claim);
		return none;
	}
	if (crowded && claim->holds && others_wait && is_over(claim, settings, now_us))
		return wait_in_line(b, claim);
	if (!is_next || room < settings->least_bytes)
		return wait_in_line(b, claim);
	return hold(b, claim, share, room, now_us);
}

void budget_note(struct budget *b, struct budget_claim *claim, uint64_t exposure)
{
	assert(b->reserved >= claim->reserved);
	b->reserved = b->reserved - claim->reserved + exposure;
	claim->reserved = exposure;
}

void budget_used(struct budget_claim *claim)
{
	claim->is_used = true;
}

void budget_leave(struct budget *b, struct budget_claim *claim)
{
	step_out(b, claim);
	claim->holds = false;
}

struct budget_claim *budget_next(const struct budget *b, const struct credit_settings *settings)
{
	bool fits = b->first && room_for(b, b->first, settings->total_bytes) >= settings->least_bytes;
	return fits ? b->first : NULL;
}
