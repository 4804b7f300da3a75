/* SPDX-License-Identifier: Apache-2.0 */
#include "centre_state.h"

#include "mem.h"
#include "messages.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* The line is a list through the agents: it is kept as their numbers. */
static void save_line(const struct session_core *c, struct centre_state *ret)
{
	size_t n = 0;
	memset(ret->line, 0, sizeof ret->line);
	for (const struct budget_claim *at = c->budget.first; at; at = at->after)
		for (size_t i = 0; i < c->n_agents; i++)
			if (&c->agents[i]->claim == at)
				ret->line[n++] = (uint8_t)i;
	assert(n == c->budget.waiting);
	ret->core.budget.first = ret->core.budget.last = NULL;
	for (size_t i = 0; i < c->n_agents; i++)
		ret->agents[i].claim.before = ret->agents[i].claim.after = NULL;
}

static void load_line(const struct centre_state *s, struct session_core *c)
{
	struct budget *b = &c->budget;
	for (size_t n = 0; n < b->waiting; n++) {
		struct budget_claim *claim = &c->agents[s->line[n]]->claim;
		claim->before = b->last;
		*(b->last ? &b->last->after : &b->first) = claim;
		b->last = claim;
	}
}

void centre_save(const struct session_core *c, struct centre_state *ret)
{
	assert(c->n_actions == 0 && c->n_agents <= WHO && c->settings.lanes == 1);
	ret->core = *c;
	ret->core.agents = NULL;
	ret->core.actions = NULL;
	ret->core.actions_room = 0;
	ret->core.lane_is_down = NULL;
	ret->lane_is_down = c->lane_is_down[0];
	memset(ret->agents, 0, sizeof ret->agents);
	memset(ret->waiting, 0, sizeof ret->waiting);
	for (size_t i = 0; i < c->n_agents; i++) {
		const struct opening *waiting = &c->agents[i]->waiting;
		memcpy(&ret->agents[i], c->agents[i], sizeof ret->agents[i]);
		ret->agents[i].waiting.data = NULL;
		if (waiting->is)
			ret->waiting[i] = message_keep(waiting->data, waiting->len);
	}
	save_line(c, ret);
}

static void set_agents(struct session_core *c, size_t n)
{
	while (c->n_agents > n)
		free(c->agents[--c->n_agents]);
	if (c->n_agents == n)
		return;
	c->agents = xreallocarray(c->agents, n, sizeof *c->agents);
	while (c->n_agents < n)
		c->agents[c->n_agents++] = xcalloc(1, sizeof **c->agents);
}

void centre_load(const struct centre_state *s, struct session_core *c)
{
	struct session_core own = *c;
	for (size_t i = 0; i < own.n_agents; i++)
		free(own.agents[i]->waiting.data);
	set_agents(&own, s->core.n_agents);
	*c = s->core;
	c->agents = own.agents;
	c->actions = own.actions;
	c->actions_room = own.actions_room;
	c->lane_is_down = own.lane_is_down;
	c->lane_is_down[0] = s->lane_is_down;
	for (size_t i = 0; i < c->n_agents; i++) {
		struct agent *a = c->agents[i];
		memcpy(a, &s->agents[i], sizeof *a);
		if (a->waiting.is) {
			const struct message *m = message_at(s->waiting[i]);
			a->waiting.data = xmemdup(m->data, m->len);
		}
	}
	load_line(s, c);
}

bool centre_timer_runs(const struct centre_state *s, size_t agent, enum centre_timer timer, int64_t now_us)
{
	const struct agent *a = &s->agents[agent];
	if (agent >= s->core.n_agents || !a->session)
		return false;
	switch (timer) {
	case BEAT:
	case SILENCE: return true;
	case REPEAT: return a->confirmed < a->committed;
	case QUIET: return a->verdicts_said_us == now_us;
	case GRACE: return a->credit.before_until_us > now_us;
	case CENTRE_TIMERS: break;
	}
	return false;
}

void centre_timer_end(struct centre_state *s, size_t agent, enum centre_timer timer, int64_t now_us)
{
	struct agent *a = &s->agents[agent];
	switch (timer) {
	case BEAT: a->heartbeat_at_us = now_us; break;
	case SILENCE: a->heard_us = now_us - SILENT_HEARTBEATS * s->core.settings.heartbeat_us - 1; break;
	case REPEAT: a->ack_at_us = now_us; break;
	case QUIET: a->verdicts_said_us = 0; break;
	case GRACE: a->credit.before_until_us = 0; break;
	case CENTRE_TIMERS: break;
	}
}

/* What lies between members may be anything, and is compared: make it nothing. */
static void clean_credit(struct credit *c)
{
	struct credit copy;
	memset(&copy, 0, sizeof copy);
	copy.bytes = c->bytes;
	copy.batches = c->batches;
	memcpy(c, &copy, sizeof copy);
}

static void clean_account(struct credit_account *a)
{
	clean_credit(&a->under_way);
	clean_credit(&a->stale);
	clean_credit(&a->told);
	clean_credit(&a->told_before);
	for (size_t i = 0; i < CREDIT_FLIGHTS; i++) {
		struct credit_flight copy;
		memset(&copy, 0, sizeof copy);
		if (i < a->n_flights) {
			copy.last_seq = a->flights[i].last_seq;
			copy.bytes = a->flights[i].bytes;
			copy.batches = a->flights[i].batches;
		}
		memcpy(&a->flights[i], &copy, sizeof copy);
	}
}

void centre_forget_time(struct centre_state *s, int64_t later_us)
{
	s->core.ticked_us = 0;
	for (size_t i = 0; i < s->core.n_agents; i++) {
		struct agent *a = &s->agents[i];
		a->heartbeat_at_us = a->ack_at_us = later_us;
		a->heard_us = a->heard_us ? later_us : 0;
		a->codebook_us = a->tidings_pace_us = 0;
		clean_account(&a->credit);
		memset(&a->turns, 0, sizeof a->turns); /* on which only the event agent.cloned depends */
		memset(a->told_us, 0, sizeof a->told_us);
	}
}

uint64_t centre_session(const struct centre_state *s, size_t agent, uint64_t *ret_peer)
{
	bool is = agent < s->core.n_agents && s->agents[agent].session;
	*ret_peer = is ? s->agents[agent].peer : 0;
	return is ? s->agents[agent].session : 0;
}

size_t centre_peers(struct centre_state *s, uint64_t *ret[static 3 * WHO])
{
	size_t n = 0;
	for (size_t i = 0; i < s->core.n_agents; i++) {
		ret[n++] = &s->agents[i].peer;
		ret[n++] = &s->agents[i].opening.peer;
		ret[n++] = &s->agents[i].waiting.peer;
	}
	return n;
}

bool centre_names(const struct centre_state *s, uint64_t number)
{
	for (size_t i = 0; i < s->core.n_agents; i++) {
		const struct agent *a = &s->agents[i];
		if (a->session == number || a->peer == number)
			return true;
		if (a->opening.is && (a->opening.session == number || a->opening.peer == number))
			return true;
		if (a->waiting.is && a->waiting.peer == number)
			return true;
	}
	return false;
}
