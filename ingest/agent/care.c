/* SPDX-License-Identifier: Apache-2.0 */
#include "care.h"

/* Oftener where the retention is short. */
static int64_t care_every(int64_t retention_us)
{
	int64_t part = retention_us / 10;
	return part > CARE_EVERY ? CARE_EVERY : part < CARE_AGAIN ? CARE_AGAIN : part;
}

void care_limits(struct care *c, struct outbox *ob, const struct outbox_limits *limits)
{
	outbox_set_limits(ob, limits);
	c->every_us = care_every(limits->retention_us);
	c->due_us = 0;
}

bool care_turn(struct care *c, struct outbox *ob, uint64_t committed, int64_t now_us, struct err *err)
{
	bool more = false;
	const struct outbox_state *state = outbox_state(ob);
	outbox_live(ob, now_us);
	if (now_us < c->due_us)
		return true;
	c->due_us = now_us + c->every_us;
	if (!outbox_trim(ob, committed, &more, err))
		return false;
	bool quiet = state->last_appended == c->seq && state->verdict_cursor == c->verdict;
	if (quiet && !c->rested && !outbox_rest(ob, err))
		return false;
	c->rested = quiet;
	c->seq = state->last_appended;
	c->verdict = state->verdict_cursor;
	if (more)
		c->due_us = now_us + CARE_AGAIN;
	return true;
}
